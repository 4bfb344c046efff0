"""Exact sums of rows: values that add, subtract and merge without rounding.

The state is a function of the multiset of rows (and of the declared grid), never of their
order, of the number of workers or of what was learned and forgotten in between.
"""

import collections
import functools
import hashlib

import numpy as np
from scipy import sparse

from skunlearn._statistics import _limbs
from skunlearn._statistics._moments import Moments
from skunlearn._statistics._products import (
    GENERAL_ROWS,
    Accumulator,
    digits_needed,
    gram,
    split,
    triangle,
    weighted_digits,
)
from skunlearn._statistics._threads import map_ranges
from skunlearn.exceptions import UnlearningError


class _ExactSums:
    """Canonical integers whose first 1 + p entries are the weight and the sums of columns."""

    __slots__ = ("exponents", "limbs", "n_features", "n_rows")

    def __init__(self, exponents, n_features, n_rows, limbs):
        self.exponents = exponents
        self.n_features = n_features
        self.n_rows = n_rows
        self.limbs = limbs

    @classmethod
    def of(cls, X, Y=None, *, weights=None, exponents, rows=None):
        """Return sums of the rows [X | Y], rounded to the grid.

        Parameters
        ----------
        X : {ndarray, csr_array} of shape (n, d)
        Y : ndarray of shape (n, q), default=None
        weights : ndarray of shape (n,), default=None
        exponents : ndarray of shape (d + q + 1,), int
            Binary exponents of the quantum of each column and of the weights.
        rows : ndarray of int, default=None
            The rows to use.
        """
        blocks = [X] if Y is None else [X, Y]
        scales = cls._scales(blocks, exponents)
        n_rows = X.shape[0] if rows is None else len(rows)
        unit = int(exponents[-1])
        if weights is not None:
            weights = np.rint(np.ldexp(weights if rows is None else weights[rows], -unit))
        elif unit:
            weights = np.full(n_rows, np.ldexp(1.0, -unit))
        limbs = cls._sums(blocks, scales, rows, weights)
        return cls(exponents, X.shape[1], n_rows, limbs)

    @staticmethod
    def _scales(blocks, exponents):
        """Powers of two that bring each block to units of the grid."""
        scales = np.ldexp(1.0, -exponents[:-1])
        return np.split(scales, [blocks[0].shape[1]])[: len(blocks)]

    def _combine(self, other, sign):
        if type(other) is not type(self) or not np.array_equal(self.exponents, other.exponents):
            raise ValueError("Exact sums combine only on the same grid (resolution).")
        limbs = _limbs.add(self.limbs, other.limbs, sign)
        n_rows = self.n_rows + sign * other.n_rows
        return type(self)(self.exponents, self.n_features, n_rows, limbs)

    def __add__(self, other):
        return self._combine(other, 1)

    def __sub__(self, other):
        return self._combine(other, -1)

    def __eq__(self, other):
        return (
            type(other) is type(self)
            and self.n_rows == other.n_rows
            and np.array_equal(self.exponents, other.exponents)
            and np.array_equal(self.limbs, other.limbs)
        )

    def __hash__(self):
        return hash((self.n_rows, self.limbs.shape))

    def digest(self):
        """SHA-256 of the canonical state, as hexadecimal text."""
        state = hashlib.sha256(type(self).__name__.encode())
        for part in (self.exponents, np.array([self.n_rows, *self.limbs.shape]), self.limbs):
            state.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
        return state.hexdigest()

    def without_columns(self, columns):
        """Return the sums of rows that never had some columns of X."""
        keep = np.setdiff1d(np.arange(self.n_columns), columns)
        exponents = self.exponents[np.append(keep, self.n_columns)]
        limbs = _limbs.normalise(self.limbs[:, self._entries(keep)])
        return type(self)(exponents, self.n_features - len(columns), self.n_rows, limbs)

    def reindexed(self, index, exponents):
        """Return the sums of rows whose columns are put in another order, or are new.

        Parameters
        ----------
        index : ndarray of int
            For each column of [X | Y] which one it was; -1 for one that is 0 in every row.
        exponents : ndarray of int
            The grid of these columns and of the weights.
        """
        padded = np.hstack([self.limbs, np.zeros((len(self.limbs), 1), dtype=np.int64)])
        entries = self._entries(np.asarray(index))
        limbs = _limbs.normalise(padded[:, np.where(entries < 0, self.limbs.shape[1], entries)])
        n_features = len(index) - (self.n_columns - self.n_features)
        return type(self)(exponents, n_features, self.n_rows, limbs)

    def recentred(self, columns, indicators, pivots):
        """Return the sums after x -> x - pivot wherever an indicator column is 0.

        The columns are 0 where their indicator is 1, so that they stay 0 there.

        Parameters
        ----------
        columns, indicators : ndarray of shape (k,), int
            Columns of [X | Y], and those that indicate where they are missing.
        pivots : ndarray of shape (k,), of Python integers
            In units of the grid.
        """
        limbs = self._recentred(columns, indicators, np.asarray(pivots, dtype=object))
        return type(self)(self.exponents, self.n_features, self.n_rows, limbs)

    @property
    def n_columns(self):
        """Number of columns p of [X | Y]."""
        return len(self.exponents) - 1

    def _first_order(self):
        """Weight, sums, nearest integers to the means, and sums about these, all integers."""
        integers = _limbs.to_integers(self.limbs[:, : self.n_columns + 1])
        weight, sums = integers[0] or 1, integers[1:]  # without weight all sums are 0
        pivots = (2 * sums + weight) // (2 * weight)
        return weight, sums, pivots, sums - weight * pivots

    def weight_and_mean(self):
        """Derive what is of first order: the total weight, and the means of the columns.

        Returns
        -------
        weight : float
        mean : ndarray of shape (n_columns,)
        """
        weight, sums, *_ = self._first_order()
        return self._total(), self._mean(weight, sums)

    def _total(self):
        weight = _limbs.to_integers(self.limbs[:, :1])[0]
        return float(np.ldexp(float(weight), int(self.exponents[-1])))

    def _mean(self, weight, sums):
        return np.ldexp((sums / weight).astype(np.float64), self.exponents[:-1])

    def moments(self):
        """Derive float64 moments: one rounding of the integers centred exactly.

        Returns
        -------
        Moments
        """
        weight, sums, pivots, rest = self._first_order()
        exponents, unit = self.exponents[:-1], int(self.exponents[-1])
        total, mean = self._total(), self._mean(weight, sums)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                scatter = self._centred(weight, sums, pivots, rest)
                scatter = np.ldexp(scatter, self._pair(exponents) + unit)
                sums = np.ldexp(sums.astype(np.float64), exponents + unit)
        except OverflowError:  # of Python's integers, on the way to float64
            scatter = np.array([np.inf])
        if not np.isfinite(scatter).all():
            raise ValueError(
                "Squares of the values overflow float64. Rescale the columns, or forget the rows "
                "with values above 1e150."
            )
        scatter = self._settled(scatter, mean)
        return Moments(total, self.n_rows, mean, scatter, self.n_features, sums)

    def _settled(self, scatter, mean):
        """Return the scatter; refuses a negative variance."""
        if ((scatter if scatter.ndim == 1 else np.diagonal(scatter)) < 0).any():
            raise UnlearningError(
                "A variance would be negative: rows were removed that this model never learned. "
                "With track_rows=True such a request is refused by name."
            )
        return scatter


class ExactGram(_ExactSums):
    """Exact Gram matrix of rows [1, X, Y], as the packed upper triangle of integers."""

    __slots__ = ()

    _sums = staticmethod(gram)

    @staticmethod
    def _pair(exponents):
        return exponents[:, None] + exponents

    def _entries(self, keep):
        rows = np.append(0, np.where(keep < 0, -1, keep + 1))
        rows, columns = rows[:, None], rows
        index = _unpack_index(self.n_columns + 1)[rows, columns]
        index = np.where((rows < 0) | (columns < 0), -1, index)
        return index[np.triu_indices(len(index))]

    def _recentred(self, columns, indicators, pivots):
        index = _unpack_index(self.n_columns + 1)
        columns, indicators = columns + 1, indicators + 1
        total, old, missing = (
            [_limbs.to_integers(self.limbs[:, index[row]]) for row in rows]
            for rows in ([0], columns, indicators)
        )
        # first the rows of the products: sums over the rows of X where x is present, times pivot
        moved = [
            row - pivot * (total[0] - absent)
            for row, absent, pivot in zip(old, missing, pivots, strict=True)
        ]
        for row in moved:  # then their columns
            row[columns] -= pivots * (row[0] - row[indicators])
        return _replaced(self.limbs, index[columns].ravel(), np.concatenate(moved))

    def _centred(self, weight, sums, pivots, rest):
        """Sum of w (k - c)(k - c)' - r r' / W in integers, then as floats.

        With c the rounded means and r = s - W c, the first term is G - c s' - r c'. It is
        exact, and the second is at most W / 4: nothing cancels, a constant column gives 0.
        """
        p = self.n_columns
        outer = _outer(pivots, sums, rest, triangle(p))
        centred = _limbs.add(self.limbs[:, p + 1 :], outer, -1)
        values = _limbs.to_float(centred)[_unpack_index(p)]
        rest = (rest / np.sqrt(float(weight))).astype(np.float64)
        return values - np.outer(rest, rest)


def _replaced(limbs, at, integers):
    """Canonical limbs with other integers at some positions."""
    new = _limbs.from_integers(integers)
    out = np.zeros((max(len(limbs), len(new)), limbs.shape[1]), dtype=np.int64)
    out[: len(limbs)] = limbs
    out[:, at] = 0
    out[: len(new), at] = new
    return _limbs.normalise(out)


def _outer(pivots, sums, rest, packed):
    """Limbs (not normalised) of c s' + r c' over the packed pairs, a float64 product a position."""
    c, s, r = (_limbs.from_integers(vector).astype(np.float64) for vector in (pivots, sums, rest))
    left, right = collections.defaultdict(list), collections.defaultdict(list)
    for one, other in ((c, s), (r, c)):
        for a, x in enumerate(one):
            for b, y in enumerate(other):
                left[a + b].append(x)
                right[a + b].append(y)
    out = np.zeros((len(left), len(packed)), dtype=np.int64)
    for position in left:
        product = np.array(left[position]).T @ np.array(right[position])
        out[position] = product.ravel()[packed]
    return out


@functools.lru_cache(maxsize=8)
def _unpack_index(p):
    index = np.zeros((p, p), dtype=np.intp)
    rows, columns = np.triu_indices(p)
    index[rows, columns] = index[columns, rows] = np.arange(len(rows))
    return index


class ExactDiagonal(_ExactSums):
    """Exact weight, sums and sums of squares of columns: O(p), for those who need no scatter."""

    __slots__ = ()

    @staticmethod
    def _pair(exponents):
        return 2 * exponents

    def _entries(self, keep):
        first = np.where(keep < 0, -1, keep + 1)
        return np.concatenate([[0], first, np.where(keep < 0, -1, first + self.n_columns)])

    def _recentred(self, columns, indicators, pivots):
        sums, squares = columns + 1, columns + 1 + self.n_columns
        total, old, square, missing = (
            _limbs.to_integers(self.limbs[:, at])
            for at in (np.zeros_like(sums), sums, squares, indicators + 1)
        )
        present = total - missing
        square += pivots * (pivots * present - 2 * old)
        new = np.concatenate([old - pivots * present, square])
        return _replaced(self.limbs, np.concatenate([sums, squares]), new)

    @staticmethod
    def _sums(blocks, scales, rows, weights):
        p = sum(block.shape[1] for block in blocks)
        n = blocks[0].shape[0] if rows is None else len(rows)

        def work(ranges):
            total = Accumulator(1 + 2 * p)
            for first, last in ranges:
                for start in range(first, last, GENERAL_ROWS):
                    part = slice(start, min(start + GENERAL_ROWS, last))
                    chunk = [block[part if rows is None else rows[part]] for block in blocks]
                    weight = np.ones(part.stop - part.start) if weights is None else weights[part]
                    total.add(_diagonal_chunk(chunk, scales, weight))
            return total.limbs()

        return functools.reduce(_limbs.add, map_ranges(work, n, p))

    def _centred(self, weight, sums, pivots, rest):
        squares = _limbs.to_integers(self.limbs[:, self.n_columns + 1 :])
        about = squares - pivots * (sums + rest)
        return ((about * weight - rest * rest) / weight).astype(np.float64)


def _diagonal_chunk(blocks, scales, weights):
    """Exact products {position: [weight, sums..., squares...]} of at most GENERAL_ROWS rows."""
    p = sum(block.shape[1] for block in blocks)
    products = collections.defaultdict(lambda: np.zeros(1 + 2 * p, dtype=np.int64))
    weight_digits = split(weights.copy(), digits_needed(np.abs(weights).max(initial=0.0)))
    for position, digit in enumerate(weight_digits):
        products[position][0] += int(digit.sum())
    first = 1
    for block, scale in zip(blocks, scales, strict=True):
        width = block.shape[1]
        if sparse.issparse(block):
            with np.errstate(over="ignore"):
                values = block.data * scale[block.indices]
            repeated = [np.repeat(digit, np.diff(block.indptr)) for digit in weight_digits]
            add_up = functools.partial(_sums_by_column, block.indices, width)
        else:
            with np.errstate(over="ignore"):
                values = block * scale
            repeated = [digit[:, None] for digit in weight_digits]
            add_up = functools.partial(np.sum, axis=0)
        digits = split(values, digits_needed(np.abs(values).max(initial=0.0)))
        left = digits if (weights == 1).all() else weighted_digits(repeated, digits)
        for a, one in enumerate(left):
            products[a][first : first + width] += add_up(one).astype(np.int64)
            for b, other in enumerate(digits):
                square = add_up(one * other).astype(np.int64)
                products[a + b][first + p : first + p + width] += square
        first += width
    return products


def _sums_by_column(indices, width, values):
    return np.bincount(indices, weights=values, minlength=width)
