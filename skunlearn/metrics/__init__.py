"""Metrics of forgetting: functions on arrays and fitted estimators, importing no other room."""

from skunlearn.metrics._audit_leakage import audit_leakage
from skunlearn.metrics._distances import distance_correlation, sliced_wasserstein
from skunlearn.metrics._divergence import RefitDivergence, divergence_from_refit
from skunlearn.metrics._entropy import EntropyComparison, entropy_comparison
from skunlearn.metrics._forgetting import ForgettingEpsilon, forgetting_epsilon, klom
from skunlearn.metrics._information import mutual_information
from skunlearn.metrics._leakage import LeakageReport, LeakageResult, leakage_score
from skunlearn.metrics._leakage_audit import LeakageAudit, ProbeAudit
from skunlearn.metrics._marginal import marginal_epsilon, marginal_information
from skunlearn.metrics._marginal_results import MarginalEpsilon, MarginalInformationResult
from skunlearn.metrics._membership import membership_inference
from skunlearn.metrics._membership_result import MembershipInference
from skunlearn.metrics._plot import (
    ForgettingDistributionDisplay,
    GroupDistributionDisplay,
    MarginalInformationDisplay,
    MembershipRocDisplay,
    ParetoDisplay,
    UnlearningTradeoffDisplay,
)
from skunlearn.metrics._prediction_gaps import discrimination, ks_distance
from skunlearn.metrics._rate_distortion import RateDistortion, rate_distortion
from skunlearn.metrics._reconstruction import DeletionReconstruction, deletion_reconstruction
from skunlearn.metrics._refit import RefitDistance, refit_distance
from skunlearn.metrics._relearn import RelearnTime, relearn_time
from skunlearn.metrics._results import DependenceResult
from skunlearn.metrics._sample_information import sample_information
from skunlearn.metrics._scorers import make_leakage_scorer, make_tradeoff_scorer
from skunlearn.metrics._select import StrengthSelection, select_strength
from skunlearn.metrics._utilities import TransportUtilities, transport_utilities

__all__ = [
    "DeletionReconstruction",
    "DependenceResult",
    "EntropyComparison",
    "ForgettingDistributionDisplay",
    "ForgettingEpsilon",
    "GroupDistributionDisplay",
    "LeakageAudit",
    "LeakageReport",
    "LeakageResult",
    "MarginalEpsilon",
    "MarginalInformationDisplay",
    "MarginalInformationResult",
    "MembershipInference",
    "MembershipRocDisplay",
    "ParetoDisplay",
    "ProbeAudit",
    "RateDistortion",
    "RefitDistance",
    "RefitDivergence",
    "RelearnTime",
    "StrengthSelection",
    "TransportUtilities",
    "UnlearningTradeoffDisplay",
    "audit_leakage",
    "deletion_reconstruction",
    "discrimination",
    "distance_correlation",
    "divergence_from_refit",
    "entropy_comparison",
    "forgetting_epsilon",
    "klom",
    "ks_distance",
    "leakage_score",
    "make_leakage_scorer",
    "make_tradeoff_scorer",
    "marginal_epsilon",
    "marginal_information",
    "membership_inference",
    "mutual_information",
    "rate_distortion",
    "refit_distance",
    "relearn_time",
    "sample_information",
    "select_strength",
    "sliced_wasserstein",
    "transport_utilities",
]
