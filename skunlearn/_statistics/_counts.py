"""Exact counts of categories: how much weight the rows with each code of each column have."""

import dataclasses
import hashlib

import numpy as np

from skunlearn._statistics import _limbs
from skunlearn._statistics._products import digits_needed, split
from skunlearn.exceptions import UnlearningError

LARGEST = 2**32 - 1  # code: a column and a code share one 64-bit key
_ROWS = 2**14  # at once
_SPARE = 2**16  # cells that may be counted for nothing


@dataclasses.dataclass(frozen=True)
class CategoryCounts:
    """Counts in float64, correctly rounded.

    Parameters
    ----------
    weight : float
        Sum of the weights.
    n_rows : int
        Number of rows, whatever their weights.
    n_features : int
        Number of columns.
    column, code : ndarray of shape (m,), int64
        The cells with a count, in order.
    count : ndarray of shape (m,)
        Sums of the weights.
    """

    weight: float
    n_rows: int
    n_features: int
    column: np.ndarray
    code: np.ndarray
    count: np.ndarray

    def n_codes(self):
        """Largest code of each column, plus one; 0 where nothing is counted."""
        out = np.zeros(self.n_features, dtype=np.int64)
        np.maximum.at(out, self.column, self.code + 1)
        return out


class ExactCounts:
    """Exact sums of weights by column and code; cells without any are not there.

    Parameters
    ----------
    exponents : ndarray of shape (n_features + 1,), int
        The grid; the last exponent is that of the weights, codes have none.
    n_rows : int
    keys : ndarray of shape (m,), int64
        Column times 2**32 plus code, sorted.
    limbs : ndarray of shape (n_limbs, m + 1), int64
        Canonical limbs of the weight and of the sums of the cells.
    """

    __slots__ = ("exponents", "keys", "limbs", "n_rows")

    def __init__(self, exponents, n_rows, keys, limbs):
        counted = limbs[:, 1:].any(axis=0)
        if not counted.all():
            keys, limbs = keys[counted], limbs[:, np.append(True, counted)]
        self.exponents = exponents
        self.n_rows = n_rows
        self.keys = keys
        self.limbs = limbs

    @classmethod
    def of(cls, X, Y=None, *, weights=None, exponents, rows=None):
        """Return the counts of rows.

        Parameters
        ----------
        X : ndarray of shape (n, d), int64
            Codes, from 0 to 2**32 - 1.
        Y : None
        weights : ndarray of shape (n,), default=None
        exponents : ndarray of shape (d + 1,), int
        rows : ndarray of int, default=None
            The rows to use.
        """
        n = len(X) if rows is None else len(rows)
        total = cls(exponents, 0, np.zeros(0, dtype=np.int64), np.zeros((0, 1), dtype=np.int64))
        for first in range(0, n, _ROWS):
            part = slice(first, min(first + _ROWS, n))
            where = part if rows is None else rows[part]
            units = np.ldexp(1.0 if weights is None else weights[where], -int(exponents[-1]))
            units = np.rint(np.broadcast_to(units, part.stop - part.start))
            keys, limbs = _counted(X[where], units)
            total = total + cls(exponents, part.stop - part.start, keys, limbs)
        return total

    def _combine(self, other, sign):
        if type(other) is not type(self) or not np.array_equal(self.exponents, other.exponents):
            raise ValueError("Exact counts combine only on the same grid (resolution).")
        keys = np.union1d(self.keys, other.keys)
        limbs = [_spread_over(part, keys) for part in (self, other)]
        n_rows = self.n_rows + sign * other.n_rows
        return type(self)(self.exponents, n_rows, keys, _limbs.add(*limbs, sign))

    def __add__(self, other):
        return self._combine(other, 1)

    def __sub__(self, other):
        return self._combine(other, -1)

    def __eq__(self, other):
        return (
            type(other) is type(self)
            and self.n_rows == other.n_rows
            and np.array_equal(self.exponents, other.exponents)
            and np.array_equal(self.keys, other.keys)
            and np.array_equal(self.limbs, other.limbs)
        )

    def __hash__(self):
        return hash((self.n_rows, len(self.keys)))

    def digest(self):
        """SHA-256 of the canonical state, as hexadecimal text."""
        state = hashlib.sha256(type(self).__name__.encode())
        shape = np.array([self.n_rows, *self.limbs.shape])
        for part in (self.exponents, shape, self.keys, self.limbs):
            state.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
        return state.hexdigest()

    def without_columns(self, columns):
        """Return the counts of rows that never had some columns."""
        kept = np.setdiff1d(np.arange(len(self.exponents) - 1), columns)
        column, code = np.divmod(self.keys, LARGEST + 1)
        stays = np.isin(column, kept)
        keys = np.searchsorted(kept, column[stays]) * (LARGEST + 1) + code[stays]
        limbs = _limbs.normalise(self.limbs[:, np.append(True, stays)])
        return type(self)(np.delete(self.exponents, columns), self.n_rows, keys, limbs)

    def moments(self):
        """Derive float64 counts.

        Returns
        -------
        CategoryCounts
        """
        counts = np.ldexp(_limbs.to_nearest(self.limbs), int(self.exponents[-1]))
        if (counts < 0).any():
            raise UnlearningError(
                "A count would be negative: rows were removed that this model never learned. "
                "With track_rows=True such a request is refused by name."
            )
        column, code = np.divmod(self.keys, LARGEST + 1)
        n_features = len(self.exponents) - 1
        return CategoryCounts(float(counts[0]), self.n_rows, n_features, column, code, counts[1:])


def _spread_over(counts, keys):
    """Limbs of the weight and of the cells with the given keys, which include all there are."""
    limbs = np.zeros((len(counts.limbs), 1 + len(keys)), dtype=np.int64)
    limbs[:, np.append(0, 1 + np.searchsorted(keys, counts.keys))] = counts.limbs
    return limbs


def _counted(codes, units):
    """Sorted keys of the cells of some rows, and limbs of the weight and of the sums of units."""
    sizes = codes.max(axis=0, initial=-1) + 1
    if sizes.sum() <= _SPARE + 4 * codes.size:  # count every code there may be
        firsts = np.cumsum(sizes) - sizes
        cells, m = (codes + firsts).ravel(), int(sizes.sum())
        keys = np.repeat(np.arange(len(sizes)) * (LARGEST + 1) - firsts, sizes) + np.arange(m)
    else:
        keys = codes + np.arange(codes.shape[1]) * (LARGEST + 1)
        keys, cells = np.unique(keys.ravel(), return_inverse=True)
        m = len(keys)
    limbs = []
    for digit in split(units.copy(), digits_needed(units.max(initial=0.0))):
        terms = np.repeat(digit, codes.shape[1])
        limbs.append(np.append(digit.sum(), np.bincount(cells, weights=terms, minlength=m)))
    return keys, _limbs.normalise(np.array(limbs, dtype=np.float64).astype(np.int64))
