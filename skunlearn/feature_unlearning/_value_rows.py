"""What a model of order statistics keeps of its rows: multisets of values by group and column."""

import dataclasses
import hashlib

import numpy as np

from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn._statistics._hashing import hash_rows
from skunlearn._statistics._values import ValueCounts
from skunlearn.feature_unlearning._groups import in_order

ONE = 2**32  # units of a weight of 1: weights are counted in whole units
_MAX_WEIGHT = 2.0**29


@dataclasses.dataclass(frozen=True)
class ValueRows:
    """Validated rows, ready to be counted and fingerprinted.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        The columns that go out.
    moved : list of int
        Those of them that are counted.
    codes : ndarray of shape (n,), int
        Position of each row's group in `groups`.
    groups : list of tuple
    words : ndarray of shape (n, q), uint64
        What the fingerprints hash of the groups.
    weights : ndarray of shape (n,), default=None
    """

    X: np.ndarray
    moved: list
    codes: np.ndarray
    groups: list
    words: np.ndarray
    weights: np.ndarray = None

    def __len__(self):
        return len(self.X)

    def learned(self, *, kind=None, resolution=None, key=None):
        """Learn these as the first rows."""
        prints = None if key is None else Fingerprints(self.fingerprints(key))
        return LearnedValues(self.cells(), prints, key)

    def fingerprints(self, key):
        """Keyed hashes of the rows."""
        weights = np.ones(len(self)) if self.weights is None else self.weights
        return hash_rows([self.X, self.words, weights[:, None]], key)

    def cells(self):
        """Count the values by group: a dictionary of `Cell`."""
        order = np.argsort(self.codes, kind="stable")
        bounds = np.searchsorted(self.codes[order], np.arange(len(self.groups) + 1))
        units = None if self.weights is None else _units(self.weights)
        found = {}
        for z, group in enumerate(self.groups):
            rows = order[bounds[z] : bounds[z + 1]]
            own = None if units is None else units[rows]
            columns = self.X[np.ix_(rows, self.moved)].T
            found[group] = Cell(len(rows), tuple(_count(column, own) for column in columns))
        return found


@dataclasses.dataclass(frozen=True)
class Cell:
    """Rows of one group: how many, and the values of each column with their weights in units."""

    n_rows: int
    columns: tuple

    @property
    def weight(self):
        """Weight of the rows."""
        return int(self.columns[0].counts.sum()) / ONE

    def combined(self, other, sign):
        """Return the cell with the values of another one added or taken away."""
        pairs = zip(self.columns, other.columns, strict=True)
        columns = tuple(one + two if sign > 0 else one - two for one, two in pairs)
        return Cell(self.n_rows + sign * other.n_rows, columns)


@dataclasses.dataclass(frozen=True)
class LearnedValues:
    """Multisets by group and the fingerprints; `plus` and `minus` give new values.

    Parameters
    ----------
    cells : dict of tuple to Cell
    fingerprints : Fingerprints or None
    key : int or None
    """

    cells: dict
    fingerprints: Fingerprints | None
    key: int | None

    @property
    def n_rows(self):
        """Number of rows that the multisets stand for."""
        return sum(cell.n_rows for cell in self.cells.values())

    def plus(self, rows, exact=False):
        """Return the value after learning more rows."""
        prints = self.fingerprints
        if prints is not None:
            prints = prints.with_(rows.fingerprints(self.key))
        return self._combined(rows, 1, prints)

    def minus(self, rows):
        """Return the value that never learned some rows; raises NotLearnedError."""
        prints = self.fingerprints
        if prints is not None:
            prints = prints.without(rows.fingerprints(self.key))
        return self._combined(rows, -1, prints)

    def n_missing(self, rows):
        """How many of the rows were never learned (0 if no fingerprints are kept)."""
        if self.fingerprints is None:
            return 0
        return self.fingerprints.n_missing(rows.fingerprints(self.key))

    def without_fingerprints(self):
        """Return the multisets alone."""
        return dataclasses.replace(self, fingerprints=None, key=None)

    def digest(self):
        """SHA-256 of the multisets, as hexadecimal text."""
        state = hashlib.sha256()
        for group in in_order(self.cells):
            cell = self.cells[group]
            found = [values.digest() for values in cell.columns]
            state.update(repr((group, cell.n_rows, found)).encode())
        return state.hexdigest()

    def _combined(self, rows, sign, prints):
        cells = dict(self.cells)
        for group, cell in rows.cells().items():
            if cell.n_rows:
                nothing = Cell(0, tuple(_count(np.zeros(0), None) for _ in cell.columns))
                cells[group] = cells.get(group, nothing).combined(cell, sign)
        return LearnedValues({g: c for g, c in cells.items() if c.n_rows}, prints, self.key)


def _units(weights):
    if weights.sum() > _MAX_WEIGHT:
        raise ValueError(
            f"Got sample weights with a sum of {weights.sum():g}, expected one of 2**29 at most: "
            "divide them by a common number."
        )
    return np.rint(weights * ONE).astype(np.int64)


def _count(column, units):
    """Count a column in units of weight; a value of no weight is not there."""
    if units is None:
        counted = ValueCounts.of(column)
        return ValueCounts(counted.values, counted.counts * ONE)
    order = np.argsort(column, kind="stable")
    values = column[order].astype(np.float64) + 0.0
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
    counts = np.add.reduceat(units[order], starts) if len(values) else units[:0]
    return ValueCounts(values[starts][counts > 0], counts[counts > 0])
