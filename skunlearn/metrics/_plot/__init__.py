"""Displays of metrics; matplotlib is imported when one is plotted."""

from skunlearn.metrics._plot._forgetting_distribution import ForgettingDistributionDisplay
from skunlearn.metrics._plot._group_distribution import GroupDistributionDisplay
from skunlearn.metrics._plot._membership_roc import MembershipRocDisplay
from skunlearn.metrics._plot._pareto import ParetoDisplay

__all__ = [
    "ForgettingDistributionDisplay",
    "GroupDistributionDisplay",
    "MembershipRocDisplay",
    "ParetoDisplay",
]
