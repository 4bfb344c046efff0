"""Metrics of forgetting: functions on arrays and fitted estimators, importing no other room."""

from skunlearn.metrics._leakage import LeakageReport, LeakageResult, leakage_score
from skunlearn.metrics._refit import RefitDistance, refit_distance

__all__ = [
    "LeakageReport",
    "LeakageResult",
    "RefitDistance",
    "leakage_score",
    "refit_distance",
]
