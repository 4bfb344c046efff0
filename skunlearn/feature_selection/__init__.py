"""Feature selection that can forget rows."""

from skunlearn.feature_selection._univariate import SelectKBest, SelectPercentile
from skunlearn.feature_selection._variance_threshold import VarianceThreshold

__all__ = ["SelectKBest", "SelectPercentile", "VarianceThreshold"]
