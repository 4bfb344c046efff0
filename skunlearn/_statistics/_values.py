"""Multisets of the values of one column, for what is a function of order and counts."""

import dataclasses
import hashlib

import numpy as np

from skunlearn.exceptions import NotLearnedError


@dataclasses.dataclass(frozen=True)
class ValueCounts:
    """Distinct values, sorted, and how often each occurs; `+` and `-` give new multisets.

    Parameters
    ----------
    values : ndarray of shape (n_distinct,), float64
    counts : ndarray of shape (n_distinct,), int64
    """

    values: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, values):
        """Count the values of a column."""
        return cls(*np.unique(np.asarray(values, dtype=np.float64) + 0.0, return_counts=True))

    def _combined(self, other, sign):
        values = np.union1d(self.values, other.values)
        counts = np.zeros(len(values), dtype=np.int64)
        counts[np.searchsorted(values, self.values)] = self.counts
        counts[np.searchsorted(values, other.values)] += sign * other.counts
        if (counts < 0).any():
            value = values[np.argmax(counts < 0)]
            raise NotLearnedError(
                f"The value {value!r} is to be forgotten more often than it was learned; nothing "
                "was changed. Pass the rows exactly as they were given to fit."
            )
        return ValueCounts(values[counts > 0], counts[counts > 0])

    def __add__(self, other):
        return self._combined(other, 1)

    def __sub__(self, other):
        return self._combined(other, -1)

    def __len__(self):
        return int(self.counts.sum())

    def median(self):
        """Middle value, or the mean of the two in the middle; NaN if there is none."""
        n = len(self)
        if n == 0:
            return np.nan
        ends = np.cumsum(self.counts)
        low, high = self.values[np.searchsorted(ends, [(n - 1) // 2, n // 2], side="right")]
        return low if low == high else np.mean([low, high])

    def most_frequent(self):
        """Most frequent value, the smallest one of several; NaN if there is none."""
        return self.values[np.argmax(self.counts)] if len(self.values) else np.nan

    def digest(self):
        """SHA-256 of the multiset, as hexadecimal text."""
        state = hashlib.sha256(np.ascontiguousarray(self.values, dtype="<f8").tobytes())
        state.update(np.ascontiguousarray(self.counts, dtype="<i8").tobytes())
        return state.hexdigest()
