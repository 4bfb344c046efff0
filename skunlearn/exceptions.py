"""Errors and warnings of skunlearn. This module imports nothing."""

__all__ = ["BudgetSpentError", "NotLearnedError", "UnlearningError"]


class UnlearningError(ValueError):
    """A request to forget that cannot be carried out; the model is left as it was."""


class NotLearnedError(UnlearningError):
    """A request to forget rows that the model never learned, or learned fewer times."""


class BudgetSpentError(UnlearningError):
    """A request that would move a certified model further than its noise covers."""
