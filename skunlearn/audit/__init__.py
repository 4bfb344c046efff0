"""Requests by data subject, and a record of what was forgotten."""

from skunlearn.audit._ledger import DeletionLedger, LedgerCheck, LedgerHead
from skunlearn.audit._row_index import RowIndex

__all__ = ["DeletionLedger", "LedgerCheck", "LedgerHead", "RowIndex"]
