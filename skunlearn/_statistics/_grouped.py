"""Exact sums kept apart by class, sensitive group and fold, and the moments derived from them."""

import functools
import hashlib

import numpy as np

from skunlearn._statistics._moments import merge
from skunlearn.exceptions import UnlearningError

ALL, CLASS, GROUP, FOLD, CELL = "all", "class", "group", "fold", "cell"


def coarse_key(key, by):
    """Return the part of a (class, group, fold) key that a partition keeps."""
    return {ALL: None, CLASS: key[0], GROUP: key[1], FOLD: key[2], CELL: key}[by]


def order(keys):
    """Keys in an order that depends on nothing but themselves."""
    return sorted(keys, key=lambda key: (type(key).__name__, repr(key)))


class GroupedSums:
    """Exact sums by (class, group, fold): values that add and subtract, empty cells dropped.

    Parameters
    ----------
    cells : dict of tuple to {ExactGram, ExactDiagonal}
    """

    __slots__ = ("cells",)

    def __init__(self, cells):
        self.cells = {key: cells[key] for key in order(cells) if cells[key].n_rows}

    @classmethod
    def of(cls, kind, X, Y, *, keys, codes, weights, exponents):
        """Return sums of rows, cell by cell.

        Parameters
        ----------
        kind : {ExactGram, ExactDiagonal}
        X, Y, weights, exponents
            As in `kind.of`.
        keys : list of tuple
            The (class, group, fold) of each code.
        codes : ndarray of shape (n,), int, or None
            Which key a row belongs to; None if there is one key only.
        """
        of = functools.partial(kind.of, X, Y, weights=weights, exponents=exponents)
        if codes is None:
            return cls({keys[0]: of()})
        rows = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[rows], np.arange(len(keys) + 1))
        return cls(
            {
                key: of(rows=rows[first:last])
                for key, first, last in zip(keys, bounds[:-1], bounds[1:], strict=True)
                if last > first
            }
        )

    def __add__(self, other):
        cells = dict(self.cells)
        for key, value in other.cells.items():
            cells[key] = cells[key] + value if key in cells else value
        return GroupedSums(cells)

    def __sub__(self, other):
        cells = dict(self.cells)
        for key, value in other.cells.items():
            if key not in cells or cells[key].n_rows < value.n_rows:
                raise UnlearningError(
                    f"More rows to remove than there are with class, group and fold {key}."
                )
            cells[key] = cells[key] - value
        return GroupedSums(cells)

    def __eq__(self, other):
        return isinstance(other, GroupedSums) and self.cells == other.cells

    def __hash__(self):
        return hash(tuple(self.cells))

    @property
    def n_rows(self):
        """Number of rows in all cells."""
        return sum(value.n_rows for value in self.cells.values())

    def digest(self):
        """SHA-256 of the canonical state of all cells, as hexadecimal text."""
        state = hashlib.sha256()
        for key, value in self.cells.items():
            state.update(f"{key!r} {value.digest()}\n".encode())
        return state.hexdigest()

    def partition(self, by):
        """Exact sums of a coarser partition."""
        out = {}
        for key, value in self.cells.items():
            coarse = coarse_key(key, by)
            out[coarse] = out[coarse] + value if coarse in out else value
        return out


class GroupedMoments:
    """Float64 moments by class, group and fold, of rows that affine maps may have moved.

    Partitions are derived on demand: from exactly merged sums as long as the same map moved
    every row, by merging the cells once groups were moved apart.

    Parameters
    ----------
    partition : callable
        Takes "all", "class", "group", "fold" or "cell", returns a dict of key to Moments.
    unweighted : GroupedMoments, default=None
        The moments with every weight 1, where they differ.
    means : callable, default=None
        As `partition`, returns a dict of key to (weight, mean), where that is cheaper.
    """

    def __init__(self, partition, unweighted=None, means=None):
        self._partition = functools.cache(partition)
        self._unweighted = unweighted
        self._means = means

    @classmethod
    def from_sums(cls, sums, unweighted=None):
        """Derive from `GroupedSums`."""
        other = None if unweighted is None else cls.from_sums(unweighted)
        return cls(
            lambda by: {key: part.moments() for key, part in sums.partition(by).items()},
            other,
            lambda by: {k: part.weight_and_mean() for k, part in sums.partition(by).items()},
        )

    @property
    def unweighted(self):
        """The moments of the same rows, each counted once."""
        return self if self._unweighted is None else self._unweighted

    def by(self, which):
        """Moments of a partition: a dict, keys in canonical order."""
        return self._partition(which)

    def means(self, which):
        """Weight and mean of each part of a partition, whose scatters nobody needs."""
        if self._means is None:
            return {key: (part.weight, part.mean) for key, part in self.by(which).items()}
        return self._means(which)

    @property
    def pooled(self):
        """Moments of all rows."""
        moments = self.by(ALL)[None]
        if not moments.weight > 0:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        return moments

    def affine(self, matrix, offset):
        """Every row moved by x -> matrix @ x + offset."""
        return GroupedMoments(
            lambda by: {key: m.affine(matrix, offset) for key, m in self.by(by).items()},
            None if self._unweighted is None else self._unweighted.affine(matrix, offset),
        )

    def select(self, columns):
        """Every row reduced to some columns of X, given by position."""
        return GroupedMoments(
            lambda by: {key: m.select(columns) for key, m in self.by(by).items()},
            None if self._unweighted is None else self._unweighted.select(columns),
        )

    def affine_by_group(self, maps):
        """Rows of each group moved by a map of their own, {group: (matrix, offset)}."""

        def partition(by):
            out = {}
            for key, m in self.by(CELL).items():
                out.setdefault(coarse_key(key, by), []).append(m.affine(*maps[key[1]]))
            return {key: merge(parts) for key, parts in out.items()}

        other = None if self._unweighted is None else self._unweighted.affine_by_group(maps)
        return GroupedMoments(partition, other)
