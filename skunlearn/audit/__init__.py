"""Requests by data subject, a record of what was forgotten, and audits of the forgetting."""

from skunlearn.audit._comparison import UnlearnerComparison
from skunlearn.audit._feature_report import FeatureUnlearningAudit
from skunlearn.audit._feature_unlearning import audit_feature_unlearning
from skunlearn.audit._filing import AuditAnswer, AuditFlag
from skunlearn.audit._ledger import DeletionLedger
from skunlearn.audit._ledger_entries import LedgerCheck, LedgerHead
from skunlearn.audit._report import UnlearningAudit
from skunlearn.audit._residue_results import Residue, ResidueReport
from skunlearn.audit._residues import residue_report
from skunlearn.audit._row_index import RowIndex
from skunlearn.audit._unlearning import audit_unlearning, compare_unlearners

__all__ = [
    "AuditAnswer",
    "AuditFlag",
    "DeletionLedger",
    "FeatureUnlearningAudit",
    "LedgerCheck",
    "LedgerHead",
    "Residue",
    "ResidueReport",
    "RowIndex",
    "UnlearnerComparison",
    "UnlearningAudit",
    "audit_feature_unlearning",
    "audit_unlearning",
    "compare_unlearners",
    "residue_report",
]
