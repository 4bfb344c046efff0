"""Conditional laws from integer tables of pairs of cells: what they say, rows can be taken from.

Each column depends on one other, its parent in the tree of greatest mutual information within the
groups (Chow and Liu). All of it is a function of the counts of pairs.
"""

import dataclasses
import hashlib
import itertools

import numpy as np

from skunlearn.exceptions import UnlearningError
from skunlearn.feature_unlearning._triangular_codes import (
    UNSEEN,
    Grid,
    Levels,
    missing_mask,
)
from skunlearn.feature_unlearning._triangular_models import one_hot
from skunlearn.feature_unlearning._triangular_plan import Column

LEAST = 20  # rows of a level that is not pooled
_MOST = 4000  # cells of all columns together
_ROWS = 2**16  # counted at once
_GONE = ("missing",)


def bin_of(values, edges):
    """Bins of numbers; NaN has the bin -1."""
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.where(np.isnan(values), -1, bins)


@dataclasses.dataclass(frozen=True)
class PairCounts:
    """Integer counts of pairs of cells, by group.

    Parameters
    ----------
    groups : tuple of tuple
    labels : tuple of tuple
        Of each column: its cells in order, bins as whole numbers, ("missing",) last.
    tables : ndarray of shape (n_groups, n_cells, n_cells), int64
        The diagonal holds the counts of the cells.
    sizes : tuple of int
        Numbers of rows of the groups.
    """

    groups: tuple
    labels: tuple
    tables: np.ndarray
    sizes: tuple

    @property
    def n_rows(self):
        """Number of rows, whatever their weights."""
        return sum(self.sizes)

    @property
    def mass(self):
        """Weight of each group, shape (n_groups,)."""
        first = len(self.labels[0])
        return np.einsum("kss->k", self.tables[:, :first, :first]).astype(np.float64)

    def pooled(self, units):
        """Return the counts with some groups taken together."""
        tables = np.zeros((units.max() + 1, *self.tables.shape[1:]), dtype=np.int64)
        np.add.at(tables, units, self.tables)
        sizes = np.bincount(units, self.sizes).astype(int).tolist()
        groups = tuple((k,) for k in range(len(tables)))
        return PairCounts(groups, self.labels, tables, tuple(sizes))

    @classmethod
    def of(cls, columns, edges, codes, groups, sample_weight):
        """Count rows.

        Parameters
        ----------
        columns : list of ndarray of shape (n,)
        edges : list of ndarray or None
            Declared edges of the columns of numbers.
        codes : ndarray of shape (n,), int
        groups : list of tuple
        sample_weight : ndarray of shape (n,)
            Whole numbers.
        """
        labels, cells = [], np.empty((len(codes), len(columns)), dtype=np.int32)
        for j, (values, edge) in enumerate(zip(columns, edges, strict=True)):
            found, cells[:, j] = _labelled(values, edge)
            labels.append(found)
        sizes = [len(found) for found in labels]
        total = sum(sizes)
        if total > _MOST:
            raise ValueError(
                f'conditional="counts" counts pairs of cells, and the columns have {total} levels '
                f"and bins together, more than {_MOST}. Pool levels beforehand, or choose another "
                "conditional."
            )
        tables = np.zeros((len(groups), total, total), dtype=np.int64)
        for first in range(0, len(codes), _ROWS):
            part = slice(first, first + _ROWS)
            indicators = one_hot(cells[part], sizes)
            for k in range(len(groups)):
                rows = indicators.multiply((sample_weight[part] * (codes[part] == k))[:, None])
                tables[k] += np.rint((indicators.T @ rows.tocsr()).toarray()).astype(np.int64)
        sizes = np.bincount(codes, minlength=len(groups)).tolist()
        return cls(tuple(groups), tuple(labels), tables, tuple(sizes)).canonical()

    def canonical(self):
        """Leave out cells and groups without a count, so that nothing tells they were there."""
        if (self.tables < 0).any() or min(self.sizes, default=0) < 0:
            raise UnlearningError(
                "A count would be negative: rows were removed that this model never learned. "
                "With track_rows=True such a request is refused by name."
            )
        counts = np.einsum("kss->ks", self.tables)
        cells, groups = counts.any(axis=0), np.array(self.sizes, dtype=bool)
        places = np.split(cells, np.cumsum([len(found) for found in self.labels])[:-1])
        labels = tuple(
            tuple(v for v, here in zip(found, place, strict=True) if here)
            for found, place in zip(self.labels, places, strict=True)
        )
        kept = tuple(g for g, here in zip(self.groups, groups, strict=True) if here)
        sizes = tuple(n for n in self.sizes if n)
        return PairCounts(kept, labels, self.tables[np.ix_(groups, cells, cells)], sizes)

    def combined(self, other, sign):
        """Return counts of these rows with, or without, those of others."""
        groups = tuple(_in_order({*self.groups, *other.groups}))
        labels = tuple(_in_order({*a, *b}) for a, b in zip(self.labels, other.labels, strict=True))
        n = sum(len(found) for found in labels)
        tables = np.zeros((len(groups), n, n), dtype=np.int64)
        sizes = dict.fromkeys(groups, 0)
        for counts, factor in ((self, 1), (other, sign)):
            for group, size in zip(counts.groups, counts.sizes, strict=True):
                sizes[group] += factor * size
            at = [groups.index(group) for group in counts.groups]
            cells, first = [], 0
            for mine, found in zip(counts.labels, labels, strict=True):
                place = {label: i for i, label in enumerate(found)}
                cells += [first + place[label] for label in mine]
                first += len(found)
            tables[np.ix_(at, cells, cells)] += factor * counts.tables
        return PairCounts(groups, labels, tables, tuple(sizes.values())).canonical()

    def digest(self):
        """SHA-256 of the canonical counts, as hexadecimal text."""
        state = hashlib.sha256(repr((self.groups, self.labels, self.sizes)).encode())
        state.update(np.ascontiguousarray(self.tables, dtype="<i8").tobytes())
        return state.hexdigest()


def _in_order(labels):
    """Sort labels by type and value; the missing one stands last."""
    gone = [_GONE] if _GONE in labels else []
    found = [label for label in labels if label != _GONE]
    try:
        found = sorted(found)
    except TypeError:
        found = sorted(found, key=lambda v: (type(v).__name__, repr(v)))
    return (*found, *gone)


def _labelled(values, edges):
    """Distinct labels of a column in order, and the codes of its values."""
    if edges is None:
        gone = missing_mask(values)
        items = [_GONE if absent else v for v, absent in zip(values.tolist(), gone, strict=True)]
    else:
        items = [_GONE if b < 0 else b for b in bin_of(values, edges).tolist()]
    labels = _in_order(set(items))
    place = {label: i for i, label in enumerate(labels)}
    return labels, np.array([place[item] for item in items], dtype=np.int32)


# -- the map --------------------------------------------------------------------------------------


def _books(counts, edges, whole, rare):
    """Books of the columns, and the pooled cell of each counted one."""
    books, pooled, first = [], [], 0
    diagonal = np.einsum("kss->ks", counts.tables).astype(np.float64)
    weights = counts.mass / counts.mass.sum()
    for labels, edge, integral in zip(counts.labels, edges, whole, strict=True):
        n, missing = len(labels), labels[-1:] == (_GONE,)
        if edge is None:
            table = diagonal[:, first : first + n]
            book, order = Levels.counted(labels[: n - missing], table, weights, rare, missing)
            cells = np.empty(n, dtype=np.intp)
            cells[order] = book.cell_of
        else:
            present = np.array(labels[: n - missing], dtype=np.intp)
            book = Grid.declared(edge, present, missing, integral)
            cells = np.arange(n)
        books.append(book)
        pooled.append(cells)
        first += n
    return books, pooled, weights


def _information(joint):
    """Mutual information of the two axes of a table, in nats."""
    joint = joint / joint.sum()
    free = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / free[some])).sum())


def _tree(blocks, weights, n_columns):
    """Grow the tree of greatest information within groups, from the column that tells least."""
    told = [
        _information(np.stack([np.diagonal(t) for t in blocks(j, j)])) for j in range(n_columns)
    ]
    within = np.zeros((n_columns, n_columns))
    for i in range(n_columns):
        for j in range(i):
            tables = blocks(i, j)
            within[i, j] = within[j, i] = sum(
                w * _information(t) for w, t in zip(weights, tables, strict=True)
            )
    order, parents = [int(np.argmin(told))], {}
    while len(order) < n_columns:
        rest = [j for j in range(n_columns) if j not in order]
        gains = within[np.ix_(order, rest)]
        i, j = np.unravel_index(np.argmax(gains), gains.shape)
        parents[rest[j]] = order[i]
        order.append(rest[j])
    return np.array(order), parents, np.array(told)


class CountPlan:
    """A triangular map from counts of pairs.

    Parameters
    ----------
    counts : PairCounts
    edges : list of ndarray or None
    whole : list of bool
    rare : float
        Share of the rows below which levels are pooled.
    mixture : bool
    """

    def __init__(self, counts, edges, whole, rare, mixture):
        self.mixture = mixture
        least = max(rare * counts.mass.sum(), LEAST)
        self.books, pooled, self.weights = _books(counts, edges, whole, least)
        sizes = [book.n_cells for book in self.books]
        firsts = np.cumsum([0, *sizes])
        where = np.concatenate([f + cells for f, cells in zip(firsts, pooled, strict=False)])
        tables = np.zeros((len(self.weights), firsts[-1], firsts[-1]))
        np.add.at(tables, (slice(None), where[:, None], where), counts.tables)
        inside = [slice(a, b) for a, b in itertools.pairwise(firsts)]

        def blocks(i, j):
            return tables[:, inside[i], inside[j]]

        self.order, self.parents, self.information = _tree(blocks, self.weights, len(sizes))
        self.marginals, self.tables = [], {}
        for j in range(len(sizes)):
            alone = np.stack([np.diagonal(t) for t in blocks(j, j)])
            alone = alone + alone.sum(axis=0) / alone.sum()
            self.marginals.append(alone / alone.sum(axis=1, keepdims=True))
        for j, parent in self.parents.items():
            # one row more in each: as in the pooled table, which has one more as in the margin
            table = blocks(parent, j)
            common = table.sum(axis=0) + self.weights @ self.marginals[j]
            table = table + common / common.sum(axis=1, keepdims=True)
            self.tables[j] = table / table.sum(axis=2, keepdims=True)

    def move(self, columns, codes, streams):
        """Repaired columns: values of grids, parts of levels."""
        out, raw, repaired = [None] * len(columns), {}, {}
        rows = np.arange(len(codes))
        for j in self.order.tolist():
            book = self.books[j]
            raw[j] = book.cells(book.read(columns[j]))
            laws = self._laws(j, repaired, len(codes))
            source = self._laws(j, raw, len(codes))[codes, rows]
            column = Column(book, raw[j], codes, laws, self.weights, streams, j, source)
            out[j], repaired[j] = column.repaired(self.mixture)
        return out

    def _laws(self, j, cells, n):
        alone = self.marginals[j][:, None]
        if j not in self.parents:
            return np.broadcast_to(alone, (len(alone), n, alone.shape[2]))
        parent = cells[self.parents[j]]
        laws = self.tables[j][:, parent]
        return np.where((parent == UNSEEN)[:, None], alone, laws)
