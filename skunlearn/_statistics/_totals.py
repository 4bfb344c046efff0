"""Exact sums of columns without squares, for models of counts: O(p) however many columns."""

import functools
import itertools

import numpy as np
from scipy import sparse

from skunlearn._statistics import _limbs
from skunlearn._statistics._exact import _ExactSums
from skunlearn._statistics._grid import WHOLE, choose_exponents, is_whole
from skunlearn._statistics._moments import Moments
from skunlearn._statistics._products import digits_needed, split
from skunlearn._statistics._threads import map_ranges

_ROWS = 4096  # at once: products of 20-bit digits then add up below 2**52
_CELLS = 2**17  # of dense rows at once
_SAFE = 2.0**52
_NARROW = 2**58


class ExactTotals(_ExactSums):
    """Exact weight and sums of columns; the moments have no scatter.

    Sums below 2**58 are one row of int64, others limbs of 20 bits: which of the two depends on
    the sums only, so that equal sums have equal arrays.
    """

    __slots__ = ()

    def __init__(self, exponents, n_features, n_rows, limbs):
        super().__init__(exponents, n_features, n_rows, _shortest(limbs))

    def _combine(self, other, sign):
        narrow = len(self.limbs) == 1 and len(getattr(other, "limbs", ())) == 1
        if not narrow or not self._is_like(other):
            return super()._combine(other, sign)
        limbs = self.limbs + other.limbs if sign > 0 else self.limbs - other.limbs
        n_rows = self.n_rows + sign * other.n_rows
        return type(self)(self.exponents, self.n_features, n_rows, limbs)

    def _is_like(self, other):
        return type(other) is type(self) and np.array_equal(self.exponents, other.exponents)

    def _entries(self, keep):
        return np.append(0, keep + 1)

    @staticmethod
    def _scales(blocks, exponents):
        bounds = np.cumsum([0, *(block.shape[1] for block in blocks)]).tolist()
        return [_powers(-exponents[a:b]) for a, b in itertools.pairwise(bounds)]

    @staticmethod
    def _sums(blocks, scales, rows, weights):
        p = sum(block.shape[1] for block in blocks)
        n = blocks[0].shape[0] if rows is None else len(rows)
        dense = not all(sparse.issparse(block) for block in blocks)
        step = max(1, min(_ROWS, _CELLS // max(p, 1))) if dense else _ROWS

        def chunk(start, stop):
            where = slice(start, stop) if rows is None else rows[start:stop]
            weight = np.ones(stop - start) if weights is None else weights[start:stop]
            return _chunk([block[where] for block in blocks], scales, weight)

        def work(ranges):
            total = np.zeros((1, 1 + p), dtype=np.int64)
            for first, last in ranges:
                for start in range(first, last, step):
                    total = _shortest(_added(total, chunk(start, min(start + step, last))))
            return total

        return chunk(0, n) if n <= step else functools.reduce(_limbs.add, map_ranges(work, n, p))

    def moments(self):
        """Derive float64 sums, correctly rounded, and means.

        Returns
        -------
        Moments
        """
        exponents, unit = self.exponents[:-1], int(self.exponents[-1])
        try:
            values = _limbs.to_nearest(self.limbs)
        except OverflowError as error:  # of Python's integers, on the way to float64
            raise ValueError(
                "Sums of the values overflow float64 on their grid. Rescale the columns, or forget "
                "the rows with values above 1e150."
            ) from error
        weight = float(np.ldexp(values[0], unit))
        total = values[1:] * _powers(exponents + unit)
        mean = total / (weight or 1.0)
        return Moments(weight, self.n_rows, mean, None, self.n_features, total)


def _powers(exponents):
    """Give powers of two; a single number where all are equal, which is quicker to multiply by."""
    if len(exponents) and (exponents == exponents[0]).all():
        return float(np.ldexp(1.0, exponents[0]))
    return np.ldexp(1.0, exponents)


def _shortest(limbs):
    """Return limbs in the form that is kept; those of a single row may be below 2**62 in size."""
    if len(limbs) > 3:
        return limbs
    row = limbs if len(limbs) == 1 else _packed(limbs)
    narrow = row.min(initial=0) > -_NARROW and row.max(initial=0) < _NARROW
    return row if narrow else _limbs.normalise(row)


def _packed(limbs):
    """Pack up to three canonical limbs into one row of integers."""
    row = np.zeros((1, limbs.shape[1]), dtype=np.int64)
    for position, limb in enumerate(limbs):
        row += limb << (_limbs.BITS * position)
    return row


def _added(limbs, others):
    """Add limbs, not normalised where both have one row."""
    return limbs + others if len(limbs) == len(others) == 1 else _limbs.add(limbs, others)


def _chunk(blocks, scales, weights):
    """Limbs of [weight, sums...] of at most _ROWS rows."""
    parts = [_in_units(block, scale, weights) for block, scale in zip(blocks, scales, strict=True)]
    largest = max(np.abs(values).max(initial=1.0) for values, _ in parts)
    if largest < _SAFE / (weights.max(initial=1.0) * len(weights)):  # no partial sum rounds
        sums = [add_up(np.rint(values), weights) for values, add_up in parts]
        return np.concatenate([[weights.sum()], *sums]).astype(np.int64)[None]
    sums = [_sums_of_digits(weights.copy()[:, None], np.ones(len(weights)), _weighted_sum)]
    sums += [_sums_of_digits(values, weights, add_up) for values, add_up in parts]
    return _limbs.normalise(_side_by_side(sums))


def _sums_of_digits(values, weights, add_up):
    """Add up products of 20-bit digits; a row for each position."""
    digits = split(values, digits_needed(np.abs(values).max(initial=0.0)))
    weights = split(weights.copy(), digits_needed(weights.max(initial=0.0)))
    sums = [0] * (len(weights) + len(digits) - 1)
    for a, weight in enumerate(weights):
        for b, digit in enumerate(digits):
            sums[a + b] = sums[a + b] + add_up(digit, weight).astype(np.int64)
    return np.array(sums)


def _side_by_side(parts):
    """Join the columns of parts with different numbers of rows, one row a position."""
    n_rows = max(len(part) for part in parts)
    return np.hstack([np.pad(part, [(0, n_rows - len(part)), (0, 0)]) for part in parts])


def _in_units(block, scale, weights):
    """Give a block in units of the grid, and how they add up to weighted sums by column."""
    if not sparse.issparse(block):
        with np.errstate(over="ignore"):  # what is infinite is refused when digits are counted
            return block * scale, _weighted_sum
    lengths = np.diff(block.indptr)

    def add_up(values, weights):
        terms = values * np.repeat(weights, lengths)
        return np.bincount(block.indices, weights=terms, minlength=block.shape[1])

    with np.errstate(over="ignore"):
        return block.data * (scale[block.indices] if np.ndim(scale) else scale), add_up


def _weighted_sum(values, weights):
    return weights @ values


def count_exponents(X, weights, resolution):
    """Exponents of the grid, as `choose_exponents`, but fixed for columns of whole numbers.

    Counts then have the same grid in every fit, whatever their spread.

    Parameters
    ----------
    X : {ndarray, csr_array} of shape (n, d)
    weights : ndarray of shape (n,) or None
    resolution : {"auto", "exact"}, int or array-like of int of shape (d + 1,)

    Returns
    -------
    ndarray of shape (d + 1,), int64
    """
    if not isinstance(resolution, str):
        return choose_exponents([X], weights, resolution)
    unit = choose_exponents([np.zeros((1, 0))], weights, resolution)
    exponents = np.append(np.full(X.shape[1], WHOLE if resolution == "auto" else 0), unit)
    fractional = np.flatnonzero(~is_whole(X))
    if len(fractional):
        exponents[fractional] = choose_exponents([X[:, fractional]], None, resolution)[:-1]
    return exponents
