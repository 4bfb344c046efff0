"""Moments of tables on their way through preprocessing: affine forms of the expanded columns."""

import dataclasses
import math

import numpy as np

from skunlearn._statistics._expanded import LEVEL, MISSING, NUMBER
from skunlearn._statistics._grouped import CELL, GroupedMoments, coarse_key
from skunlearn._statistics._moments import merge

_FLOAT = np.dtype(np.float64)


def compose(outer, inner):
    """Affine map x -> outer(inner(x)); maps are (matrix, offset), one dimension for a diagonal."""
    (matrix, offset), (first, shift) = outer, inner
    if matrix.ndim == 1:
        product = first * (matrix[:, None] if first.ndim == 2 else matrix)
        return product, matrix * shift + offset
    return (matrix * first if first.ndim == 1 else matrix @ first), matrix @ shift + offset


def _pushed(moments, matrix, offset):
    """Moments moved by a map; a variance that is nothing but rounding becomes exactly 0.

    A sum of indicators that is 1 in every row is constant, but its variance, summed up in float64,
    is some +-1e-17 that a scaler would divide by.
    """
    out = moments.affine(matrix, offset)
    if matrix.ndim == 1:
        return out
    d, k = moments.n_features, out.n_features
    spread = np.sqrt(np.maximum(np.diagonal(moments.scatter)[:d], 0.0))
    size = (np.abs(matrix) @ spread) ** 2
    rounding = 4 * np.finfo(np.float64).eps * np.count_nonzero(matrix, axis=1) * size
    none = np.flatnonzero(np.diagonal(out.scatter)[:k] <= rounding)
    if not len(none):
        return out
    scatter = out.scatter.copy()
    scatter[none] = scatter[:, none] = 0.0
    return dataclasses.replace(out, scatter=scatter)


class PushedMoments(GroupedMoments):
    """Moments of rows that affine maps have moved, and the maps.

    Parameters
    ----------
    base : GroupedMoments
    maps : dict
        {None: (matrix, offset)} for all rows, or a map for each group.
    """

    def __init__(self, base, maps):
        self.base, self.maps = base, maps
        other = base.unweighted
        super().__init__(
            self._pushed_partition, None if other is base else PushedMoments(other, maps)
        )

    def _pushed_partition(self, by):
        if None in self.maps:
            return {key: _pushed(part, *self.maps[None]) for key, part in self.base.by(by).items()}
        out = {}
        for key, part in self.base.by(CELL).items():
            out.setdefault(coarse_key(key, by), []).append(_pushed(part, *self.maps[key[1]]))
        return {key: merge(parts) for key, parts in out.items()}

    def affine(self, matrix, offset):
        """Every row moved by x -> matrix @ x + offset."""
        maps = {key: compose((matrix, offset), inner) for key, inner in self.maps.items()}
        return PushedMoments(self.base, maps)

    def select(self, columns):
        """Every row reduced to some columns, given by position."""
        maps = {
            key: ((np.diag(matrix) if matrix.ndim == 1 else matrix)[columns], offset[columns])
            for key, (matrix, offset) in self.maps.items()
        }
        return PushedMoments(self.base, maps)

    def affine_by_group(self, maps):
        """Rows of each group moved by a map of their own, {group: (matrix, offset)}."""
        inner = {key: self.maps.get(key, self.maps.get(None)) for key in maps}
        return PushedMoments(
            self.base, {key: compose(map_, inner[key]) for key, map_ in maps.items()}
        )


@dataclasses.dataclass(frozen=True)
class NumberTable:
    """Numeric columns, some of them with missing values.

    Parameters
    ----------
    moments : GroupedMoments
        Of the expanded columns.
    matrix : ndarray of shape (k, n_slots), or ndarray of shape (k,), int
        The columns as forms of the expanded ones; or which expanded columns they are.
    offset : ndarray of shape (k,)
    missing : ndarray of shape (k,), int
        Expanded columns that indicate missing values; -1 where nothing is missing.
    fill : ndarray of shape (k,)
        What the form of a column is where the value is missing.
    quantum : ndarray of shape (k,)
        Unit of the grid of each column; 0 where no value was rounded to a grid.
    multisets : list of ValueCounts or None
        Values of the columns, while they are as they were read.
    counts : ndarray of shape (n_slots,), of Python integers
        Rows where an indicator is 1.
    dtype : dtype
        Of the columns, as they were read.
    sparse : bool
        Whether they were read from a sparse matrix.
    """

    moments: GroupedMoments
    matrix: np.ndarray
    offset: np.ndarray
    missing: np.ndarray
    fill: np.ndarray
    quantum: np.ndarray
    multisets: list | None
    counts: np.ndarray
    dtype: np.dtype = _FLOAT
    sparse: bool = False

    @classmethod
    def of_block(cls, expanded, block, dtype, sparse=False):
        """Return the table of a block of numbers as it was read."""
        slots = list(expanded.slots)
        numbers = [i for i, slot in enumerate(slots) if slot[:2] == (block, NUMBER)]
        missing = np.full(len(numbers), -1)
        for i, slot in enumerate(slots):
            if slot[:2] == (block, MISSING):
                missing[slot[2]] = i
        offset = expanded.offsets[numbers]
        multisets = [expanded.multisets.get((block, j)) for j in range(len(numbers))]
        return cls(
            moments=expanded.moments,
            matrix=np.array(numbers, dtype=np.intp),
            offset=offset,
            missing=missing,
            fill=offset.copy(),
            quantum=np.ldexp(1.0, expanded.exponents[numbers]),
            multisets=None if None in multisets else multisets,
            counts=expanded.counts,
            dtype=dtype,
            sparse=sparse,
        )

    @property
    def n_columns(self):
        """Number of columns."""
        return len(self.offset)

    @property
    def unweighted(self):
        """The table with every weight 1."""
        return dataclasses.replace(self, moments=self.moments.unweighted)

    @property
    def has_missing(self):
        """Which columns have missing values."""
        return self.missing >= 0

    def dense_matrix(self):
        """Forms as a matrix, of shape (k, n_slots)."""
        if self.matrix.ndim == 2:
            return self.matrix
        matrix = np.zeros((self.n_columns, self.moments.pooled.n_features))
        matrix[np.arange(self.n_columns), self.matrix] = 1.0
        return matrix

    def pushed(self):
        """Moments of the columns; asks that nothing is missing."""
        return PushedMoments(self.moments, {None: self._map()})

    def _map(self):
        untouched = self.matrix.ndim == 1 and not self.has_missing.any()
        if untouched and self.n_columns == self.moments.pooled.n_features:
            return np.ones(self.n_columns), self.offset
        return self.dense_matrix(), self.offset

    def statistics(self):
        """Weight, mean and variance of what is present, by column; NaN where nothing is.

        Returns
        -------
        weight, mean, variance : ndarray of shape (k,)
        """
        pooled = self.moments.pooled
        if self.matrix.ndim == 1:
            mean = pooled.mean[self.matrix] + self.offset
            variance = pooled.variance[self.matrix]
        else:
            moved = self.pushed().pooled
            mean, variance = moved.mean[: self.n_columns], moved.variance
        absent = np.where(self.has_missing, pooled.mean[self.missing], 0.0)
        # about `fill`, the form is 0 where a value is missing: sums are those of what is present
        share = 1.0 - absent
        with np.errstate(invalid="ignore", divide="ignore"):
            about = (mean - self.fill) / share
            of_present = (variance + (mean - self.fill) ** 2) / share - about**2
        some = self.has_missing
        mean = np.where(some, self.fill + about, mean)
        variance = np.where(some, np.maximum(of_present, 0.0), variance)
        empty = share * pooled.weight <= 0
        mean, variance = (np.where(empty, np.nan, v) for v in (mean, variance))
        return share * pooled.weight, mean, variance

    def n_present(self):
        """Rows with a value, by column."""
        n = self.moments.unweighted.pooled.n_rows
        return np.array([n - (int(self.counts[i]) if i >= 0 else 0) for i in self.missing])

    def scaled(self, scale, shift):
        """Every value v becomes v * scale + shift; what is missing stays so."""
        return dataclasses.replace(
            self,
            matrix=self.dense_matrix() * scale[:, None],
            offset=self.offset * scale + shift,
            fill=self.fill * scale + shift,
            quantum=self.quantum * np.abs(scale),
            multisets=None,
        )

    def imputed(self, fill):
        """Return the table with missing values replaced by `fill`, of shape (k,).

        The values are on a grid, `fill` need not be: into a column of that one value it goes as it
        would with the others, so that the column is constant.
        """
        matrix, gap = self.dense_matrix().copy(), fill - self.fill
        constant = self.statistics()[2] == 0
        gap[constant & (np.abs(gap) <= self.quantum / 2)] = 0.0
        rows = np.flatnonzero(self.has_missing)
        matrix[rows, self.missing[rows]] += gap[rows]
        return dataclasses.replace(
            self,
            matrix=matrix,
            missing=np.full_like(self.missing, -1),
            multisets=None,
        )

    def n_nonzero(self):
        """Count the nonzero values of columns that are sums of indicators, scaled."""
        return int(((self.dense_matrix() != 0) @ self.counts).sum())

    def take(self, columns):
        """Return some of the columns."""
        multisets = self.multisets
        return dataclasses.replace(
            self,
            matrix=self.matrix[columns],
            offset=self.offset[columns],
            missing=self.missing[columns],
            fill=self.fill[columns],
            quantum=self.quantum[columns],
            multisets=None if multisets is None else [multisets[j] for j in columns],
        )

    def with_indicators(self, slots):
        """Return the columns followed by some expanded columns."""
        more = np.zeros((len(slots), self.moments.pooled.n_features))
        more[np.arange(len(slots)), slots] = 1.0
        zeros = np.zeros(len(slots))
        return dataclasses.replace(
            self,
            matrix=np.vstack([self.dense_matrix(), more]),
            offset=np.concatenate([self.offset, zeros]),
            missing=np.concatenate([self.missing, np.full(len(slots), -1)]),
            fill=np.concatenate([self.fill, zeros]),
            quantum=np.concatenate([self.quantum, zeros]),
            multisets=None,
        )


def beside(tables):
    """Put number tables of the same rows side by side."""
    first = tables[0]
    return dataclasses.replace(
        first,
        matrix=np.vstack([table.dense_matrix() for table in tables]),
        offset=np.concatenate([table.offset for table in tables]),
        missing=np.concatenate([table.missing for table in tables]),
        fill=np.concatenate([table.fill for table in tables]),
        quantum=np.concatenate([table.quantum for table in tables]),
        multisets=None,
        dtype=np.result_type(*(table.dtype for table in tables)),
    )


def number_table(pushed, counts):
    """Table of columns that nothing is missing in, from moments moved by one map."""
    matrix, offset = pushed.maps[None]
    matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
    missing, zeros = np.full(len(offset), -1), np.zeros(len(offset))
    return NumberTable(pushed.base, matrix, offset, missing, zeros, zeros, None, counts)


def is_nan(value):
    """Tell whether a label is NaN."""
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def level_key(label):
    """Key that tells labels apart as scikit-learn's encoders do, and sorts them."""
    if label is None:
        return (2, 0)
    if type(label).__name__ in ("NAType", "NaTType") or is_nan(label):
        return (3, 0)
    if isinstance(label, (bool, int, float, np.number, np.bool_)):
        value = label.item() if isinstance(label, np.generic) else label
        # one key, whatever the type, for what compares equal: True, 1 and 1.0
        whole = isinstance(value, (bool, float)) and value == value // 1
        return (0, int(value) if whole else value)
    return (1, "str", str(label)) if isinstance(label, str) else (1, type(label).__name__, label)


@dataclasses.dataclass(frozen=True)
class Level:
    """A level of a categorical column.

    Parameters
    ----------
    key : tuple
        Tells levels apart, and sorts them.
    label : object
    slots : tuple of int
        The expanded columns that indicate it.
    count : int
        Number of rows.
    """

    key: tuple
    label: object
    slots: tuple
    count: int


@dataclasses.dataclass(frozen=True)
class LevelTable:
    """Categorical columns.

    Parameters
    ----------
    moments : GroupedMoments
        Of the expanded columns.
    columns : list of list of Level
    dtypes : list of dtype
    counts : ndarray of shape (n_slots,), of Python integers
    n_rows : int
    """

    moments: GroupedMoments
    columns: list
    dtypes: list
    counts: np.ndarray
    n_rows: int

    @classmethod
    def of_block(cls, expanded, block, dtypes):
        """Return the table of a block of levels as it was read."""
        columns = [[] for _ in dtypes]
        for i, (slot, label) in enumerate(expanded.slots.items()):
            if slot[:2] == (block, LEVEL):
                level = Level(slot[3], label, (i,), int(expanded.counts[i]))
                columns[slot[2]].append(level)
        n_rows = expanded.moments.unweighted.pooled.n_rows
        return cls(expanded.moments, columns, list(dtypes), expanded.counts, n_rows)

    @property
    def unweighted(self):
        """The table with every weight 1."""
        return dataclasses.replace(self, moments=self.moments.unweighted)

    def indicators(self, groups):
        """Return the number table whose columns indicate groups of expanded columns.

        Parameters
        ----------
        groups : list of list of int
        """
        matrix = np.zeros((len(groups), self.moments.pooled.n_features))
        for row, slots in enumerate(groups):
            matrix[row, slots] = 1.0
        k = len(groups)
        missing, zeros = np.full(k, -1), np.zeros(k)
        return NumberTable(self.moments, matrix, zeros, missing, zeros, zeros, None, self.counts)
