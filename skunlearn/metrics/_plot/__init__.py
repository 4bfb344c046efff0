"""Displays of metrics; matplotlib is imported when one is plotted."""

from skunlearn.metrics._plot._forgetting_distribution import ForgettingDistributionDisplay
from skunlearn.metrics._plot._group_distribution import GroupDistributionDisplay
from skunlearn.metrics._plot._marginal_information import MarginalInformationDisplay
from skunlearn.metrics._plot._membership_roc import MembershipRocDisplay
from skunlearn.metrics._plot._pareto import ParetoDisplay
from skunlearn.metrics._plot._unlearning_tradeoff import UnlearningTradeoffDisplay

__all__ = [
    "ForgettingDistributionDisplay",
    "GroupDistributionDisplay",
    "MarginalInformationDisplay",
    "MembershipRocDisplay",
    "ParetoDisplay",
    "UnlearningTradeoffDisplay",
]
