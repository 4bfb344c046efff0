"""Sums put together again from rounded means and variances, which know how far off they may be.

What a model shows of its rows is rounded. Sums made of that are integers like those of rows, and
add and subtract without further error; but what is left after a deletion may be less than the
rounding of what was there before (a row of 1e8 among rows of 1). Such a remainder is refused.
"""

import dataclasses
from fractions import Fraction

import numpy as np

from skunlearn._statistics import _limbs
from skunlearn._statistics._exact import ExactDiagonal
from skunlearn._statistics._totals import ExactTotals
from skunlearn.exceptions import UnlearningError

RESOLVED = 1e-6  # of a standard deviation, or of a sum: more doubt than that is refused
_UNIT = np.finfo(np.float64).eps
_DEPTH = 48  # binary places below the spread: the grid adds nothing to the rounding
_SMALLEST = -540


@dataclasses.dataclass(frozen=True)
class Doubt:
    """How far rounded statistics of some rows may be from the rows.

    Parameters
    ----------
    n : int
        Number of rows.
    mean, of_mean, of_variance : ndarray of shape (d,)
        Means, and errors of means and variances.
    constant : ndarray of shape (d,), bool
        Where there is no variance but that of the error of the mean.
    """

    n: int
    mean: np.ndarray
    of_mean: np.ndarray
    of_variance: np.ndarray
    constant: np.ndarray

    @classmethod
    def of(cls, n, mean, variance, shown):
        """Bound what float64 sums of n terms leave open; `shown` is the variance as printed."""
        grows = (n / 2 + 8) * _UNIT  # sums of equal terms do come close to it
        of_mean = grows * (np.abs(mean) + np.sqrt(variance))
        of_variance = grows * shown + of_mean**2
        constant = (variance <= of_mean**2) & (of_variance <= 2 * of_mean**2)
        return cls(n, mean, of_mean, of_variance, constant)

    def take(self, index):
        """Return the doubts of some columns; a new one (-1) holds nothing, without a doubt."""
        new = np.asarray(index) < 0
        parts = (self.mean, self.of_mean, self.of_variance)
        return Doubt(
            self.n, *(np.where(new, 0.0, part[index]) for part in parts), new | self.constant[index]
        )


class _Rounded:
    """Sums that carry the doubts of the parts they were made of."""

    __slots__ = ()

    def _with(self, doubts):
        self.doubts = doubts
        return self

    def __add__(self, other):
        return super().__add__(other)._with(self.doubts + other.doubts)

    def __sub__(self, other):
        return super().__sub__(other)._with(self.doubts)

    def without_columns(self, columns):
        """Return the sums of rows that never had some columns of X."""
        keep = np.setdiff1d(np.arange(self.n_columns), columns)
        return super().without_columns(columns)._with(tuple(d.take(keep) for d in self.doubts))

    def reindexed(self, index, exponents):
        """Return the sums of rows whose columns are put in another order, or are new."""
        doubts = tuple(doubt.take(index) for doubt in self.doubts)
        return super().reindexed(index, exponents)._with(doubts)


class RoundedDiagonal(_Rounded, ExactDiagonal):
    """Weight, sums and sums of squares from rounded means and variances.

    `floor` is a variance beside which doubts may be judged: one that is added anyway.
    """

    __slots__ = ("doubts", "floor")

    def __init__(self, exponents, n_features, n_rows, limbs):
        super().__init__(exponents, n_features, n_rows, limbs)
        self.doubts, self.floor = (), 0.0

    def above(self, floor):
        """Return the same sums with another floor."""
        out = type(self)(self.exponents, self.n_features, self.n_rows, self.limbs)
        out.floor = floor
        return out._with(self.doubts)

    def __add__(self, other):
        out = super().__add__(other)
        out.floor = max(self.floor, other.floor)
        return out

    @classmethod
    def from_moments(cls, n, mean, variance, shown, exponents):
        """Return the sums of `n` rows with given means and variances.

        Parameters
        ----------
        n : int
        mean, variance : ndarray of shape (d,)
        shown : ndarray of shape (d,)
            The variances as they are printed, whose last place is their error.
        exponents : ndarray of shape (d + 1,), int
            Of no column above 0; 0 for the weights.
        """
        doubt = Doubt.of(n, mean, variance, shown)
        columns = zip(
            mean.tolist(),
            np.where(doubt.constant, 0.0, variance).tolist(),
            (2 * _UNIT * n * np.abs(mean)).tolist(),  # float64 adds whole numbers without error
            (n * (doubt.of_variance + 2 * np.abs(mean) * doubt.of_mean)).tolist(),
            exponents.tolist(),
            strict=False,
        )
        sums, squares = zip(*(_integers(n, *column) for column in columns), strict=True)
        limbs = _limbs.from_integers(np.array([n, *sums, *squares], dtype=object))
        return cls(exponents, len(mean), n, limbs)._with((doubt,))

    def recentred(self, columns, indicators, pivots):
        """Return the sums after x -> x - pivot wherever an indicator column is 0."""
        shift = np.zeros(self.n_columns)
        shift[columns] = np.ldexp(np.asarray(pivots, dtype=np.float64), self.exponents[columns])
        doubts = tuple(dataclasses.replace(d, mean=d.mean - shift) for d in self.doubts)
        return super().recentred(columns, indicators, pivots)._with(doubts)

    def _settled(self, scatter, mean):
        """Return the scatter, 0 where the rows were constant; refuses what rounding drowns."""
        if not self.doubts or self.n_rows == 0:
            return super()._settled(scatter, mean)
        n, error, of_mean = self.n_rows, 0.0, 0.0
        for doubt in self.doubts:
            of_sum = doubt.n * doubt.of_mean
            error = error + doubt.n * doubt.of_variance
            error = error + 2 * of_sum * np.abs(doubt.mean - mean) + of_sum**2 / n
            of_mean = of_mean + of_sum / n
        if self.floor:
            constant = error <= RESOLVED * n * self.floor
        else:
            constant = np.all([doubt.constant for doubt in self.doubts], axis=0)
        constant &= np.abs(scatter) <= error
        scatter = np.where(constant | (n == 1), 0.0, scatter)
        if (scatter < -error).any():
            return super()._settled(scatter, mean)  # refuses it
        lost = error > RESOLVED * (scatter + n * self.floor)
        lost |= of_mean > RESOLVED * np.sqrt(np.abs(scatter) / n + self.floor)
        _refuse(np.flatnonzero(lost & (scatter != 0)))
        return scatter


class RoundedTotals(_Rounded, ExactTotals):
    """Weight and sums from rounded sums."""

    __slots__ = ("doubts",)

    def __init__(self, exponents, n_features, n_rows, limbs):
        super().__init__(exponents, n_features, n_rows, limbs)
        self.doubts = ()

    @classmethod
    def from_sums(cls, n, sums, exponents):
        """Return the sums of `n` rows.

        Parameters
        ----------
        n : int
        sums : ndarray of shape (d,)
        exponents : ndarray of shape (d + 1,), int
        """
        mean = sums / n
        out = cls(exponents, len(sums), n, units_of(n, sums, exponents))
        return out._with((Doubt.of(n, mean, np.zeros_like(mean), np.zeros_like(mean)),))

    def moments(self):
        """Derive sums and means, 0 where nothing but rounding is left.

        Returns
        -------
        Moments
        """
        found = super().moments()
        if not self.doubts or self.n_rows == 0:
            return found
        error = sum(doubt.n * doubt.of_mean for doubt in self.doubts)
        total = np.where(np.abs(found.total) <= error, 0.0, found.total)
        largest = np.abs(total).max(initial=0.0)
        _refuse(np.flatnonzero(error > RESOLVED * np.where(total == 0, largest, np.abs(total))))
        return dataclasses.replace(found, total=total, mean=total / (found.weight or 1.0))


def exponents_of(means, variances):
    """Grid for sums from means and variances, finer than what is known of them.

    Parameters
    ----------
    means, variances : ndarray of shape (n_cells, d)

    Returns
    -------
    ndarray of shape (d + 1,), int64
        0 for the weights: each row counts once.
    """
    spread = np.sqrt(np.where(variances > 0, variances, np.inf)).min(axis=0)
    size = np.abs(means).max(axis=0)
    spread = np.where(np.isfinite(spread), spread, np.where(size > 0, size / 256, 1.0))
    exponents = np.floor(np.log2(spread)).astype(np.int64) - _DEPTH
    return np.append(np.clip(exponents, _SMALLEST, 0), 0)


def units_of(n, sums, exponents):
    """Limbs of a number of rows and of sums in units of the grid."""
    mantissas, powers = np.frexp(sums)
    units = np.ldexp(mantissas, 53).astype(np.int64).astype(object)
    shift = powers.astype(np.int64) - 53 - exponents[:-1]
    down = np.maximum(-shift, 0).astype(object)
    units = units << np.maximum(shift, 0).astype(object)
    return _limbs.from_integers(np.append([n], (units + ((1 << down) >> 1)) >> down))


def _integers(n, mean, variance, of_sum, of_square, exponent):
    """Sum and sum of squares in units of the grid: whole numbers where they may be just that."""
    total, square = n * Fraction(mean), n * (Fraction(variance) + Fraction(mean) ** 2)
    sums = _whole(total, of_sum)
    squares = None if sums is None else _whole(square, of_square)
    if squares is not None and squares * n >= sums * sums:
        return sums << -exponent, squares << -2 * exponent
    sums = _nearest(total, exponent)
    # about the rounded sum, so that the variance is kept
    squares = n * Fraction(variance) / Fraction(2) ** (2 * exponent) + Fraction(sums * sums, n)
    return sums, round(squares)


def _whole(value, error):
    """Return the whole number within the error of a value, if that says something."""
    near = round(value)
    return near if error < 0.25 and abs(value - near) <= error else None


def _nearest(value, exponent):
    return round(value / Fraction(2) ** int(exponent))


def _refuse(columns):
    if len(columns):
        raise UnlearningError(
            "The sums of this model were put together from its rounded attributes, and what would "
            f"be left in these columns is lost in their rounding: {columns[:10].tolist()}. Adopt "
            "the model with its rows instead: skunlearn.from_sklearn(model, X, y)."
        )
