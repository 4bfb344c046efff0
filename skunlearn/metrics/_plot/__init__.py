"""Displays of metrics; matplotlib is imported when one is plotted."""

from skunlearn.metrics._plot._group_distribution import GroupDistributionDisplay
from skunlearn.metrics._plot._pareto import ParetoDisplay

__all__ = ["GroupDistributionDisplay", "ParetoDisplay"]
