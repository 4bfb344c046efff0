"""The triangular map: column after column, each moved given the repaired ones before it."""

import numpy as np

from skunlearn._statistics._hashing import derive_key, finish
from skunlearn._transport import (
    maximal_coupling,
    mixed_ranks,
    quantile_barycenter,
    ranked_coupling,
)
from skunlearn.feature_unlearning._triangular_codes import UNSEEN
from skunlearn.feature_unlearning._triangular_models import Conditional
from skunlearn.feature_unlearning._triangular_target import Ranks

_U = np.uint64


class Streams:
    """Pseudo-random numbers that are a function of the rows: one stream for each purpose.

    Parameters
    ----------
    hashes : ndarray of shape (n,), uint64
        Keyed hashes of the rows.
    key : int
    """

    def __init__(self, hashes, key):
        self.hashes = hashes
        self.key = key

    def __call__(self, *purpose):
        """Uniform numbers in [0, 1) of a stream, shape (n,)."""
        mixed = finish(self.hashes ^ _U(derive_key(self.key, "first", *purpose)))
        mixed = finish(mixed + _U(derive_key(self.key, "second", *purpose)))
        return (mixed >> _U(11)).astype(np.float64) * 2.0**-53


def order_by_information(cells, n_cells, codes, sample_weight, n_groups):
    """Columns in ascending order of their mutual information with the group.

    Returns
    -------
    order : ndarray of int
    information : ndarray of shape (n_columns,)
        In nats.
    """
    found = []
    for column, size in zip(cells.T, n_cells, strict=True):
        joint = np.bincount(codes * size + column, sample_weight, n_groups * size)
        joint = joint.reshape(n_groups, size) / joint.sum()
        free = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
        some = joint > 0
        found.append(float((joint[some] * np.log(joint[some] / free[some])).sum()))
    return np.argsort(found, kind="stable"), np.array(found)


class Plan:
    """A fitted triangular map.

    Parameters
    ----------
    books : list of Levels or Grid
        One a column.
    order : ndarray of int
    weights : ndarray of shape (n_groups,)
    mixture : bool
        Whether numbers are coupled to the mixture, not moved to the barycenter.
    target : Target or None
        What the draws follow.
    """

    def __init__(self, books, order, weights, mixture, target=None):
        self.books = books
        self.order = order
        self.weights = weights
        self.mixture = mixture
        self.target = target
        self.conditionals = []
        self.ranks = []
        self.names = None  # of the columns, to print

    def fit(self, columns, codes, sample_weight, streams, choice, y=None):
        """Fit the conditional laws in order, each on the repaired columns before; give those.

        Parameters
        ----------
        columns : list of ndarray of shape (n,)
            Labels, or floats where the book is a grid.
        codes : ndarray of shape (n,), int
        sample_weight : ndarray of shape (n,)
        streams : Streams
        choice : Choice
        y : ndarray of shape (n,), default=None
            With a target to follow.
        """
        return self._run(columns, codes, streams, (sample_weight, choice, y))

    def move(self, columns, codes, streams):
        """Repaired columns: values of grids, parts of levels."""
        return self._run(columns, codes, streams, None)

    def _run(self, columns, codes, streams, learn):
        n, sizes, bins = len(codes), [], []
        before = np.empty((n, len(self.order)), dtype=np.int32)
        out = [None] * len(columns)
        parts = [book.read(column) for book, column in zip(self.books, columns, strict=True)]
        scores = self._scores(parts, streams, learn)
        for i, j in enumerate(self.order):
            book = self.books[j]
            cells = book.cells(parts[j])
            known = before[:, :i]
            if learn is not None:
                weight, choice, _ = learn
                if self.names is not None:
                    print(
                        f"[TriangularBarycenter] column {i + 1} of {len(self.order)}: "
                        f"{self.names[j]}, {book.n_cells} cells"
                    )
                self.conditionals.append(
                    Conditional.fit(
                        known, list(sizes), list(bins), cells, book.n_cells, codes, self.weights,
                        weight, streams("choose", int(j)), choice,
                    )
                )  # fmt: skip
            laws = self.conditionals[i].laws(known)
            column = Column(book, cells, codes, laws, self.weights, streams, int(j))
            if scores is not None:
                own = np.column_stack([known, cells])
                if learn is not None:
                    ranks = Ranks([*sizes, book.n_cells], [*bins, _n_bins(book)])
                    self.ranks.append(ranks.fit(own, codes, scores, weight))
                column.ranks = self.ranks[i]
                uniform = column.uniform("follow")
                column.rank = column.ranks(own, codes, scores, uniform, self.target.follow)
            out[j], before[:, i] = column.repaired(self.mixture)
            sizes.append(book.n_cells)
            bins.append(_n_bins(book))
        return out

    def _scores(self, parts, streams, learn):
        """Give the normal scores of the prediction that is followed, if any."""
        if self.target is None:
            return None
        parts = np.stack(parts, axis=1)
        if learn is None:
            return self.target.scores(parts)
        weight, _, y = learn
        return self.target.fit(parts, y, weight, streams("fold of the target"))


def _n_bins(book):
    return book.ordered * (book.n_cells - book.missing)


class Column:
    """Rows of one column on their way; arguments as in `Plan`."""

    def __init__(self, book, cells, codes, laws, weights, streams, place, source=None):
        self.book, self.cells = book, cells
        self.laws, self.weights = laws, weights
        self.streams, self.place = streams, place
        self.source = laws[codes, np.arange(len(codes))] if source is None else source
        self.target = np.tensordot(weights, laws, 1)
        self.rank = self.ranks = None  # of a prediction to follow

    def uniform(self, name):
        """Stream of this column."""
        return self.streams("column", self.place, name)

    def repaired(self, mixture):
        """Values or parts that go out, and their cells."""
        if not self.book.ordered:
            return self._levels()
        # a mean of quantiles would put values between a heavy one and the others
        if mixture or self.book.heavy:
            return self._mixed_numbers()
        return self._barycenter_numbers()

    def _coupled(self):
        if self.rank is not None:
            scores = self.ranks.cell_scores
            return ranked_coupling(self.cells, self.source, self.target, self.rank, scores)
        return maximal_coupling(
            self.cells, self.source, self.target, self.uniform("keep"), self.uniform("draw")
        )

    def _levels(self):
        cells = self._coupled()
        return self.book.within(cells, self.uniform("place")), cells

    def _mixed_numbers(self):
        cells = self._coupled()
        out = np.full(len(cells), np.nan)
        here = np.flatnonzero(~self._is_missing(cells))
        out[here] = self.book.values(cells[here], self.uniform("place")[here])
        return out, cells

    def _is_missing(self, cells):
        if not self.book.missing:
            return np.zeros(len(cells), dtype=bool)
        return cells == self.book.n_cells - 1

    def _barycenter_numbers(self):
        book, n_bins = self.book, self.book.n_cells - self.book.missing
        here, ranks = np.ones(len(self.cells), dtype=bool), self.uniform("rank")
        was = (self.cells >= 0) & ~self._is_missing(self.cells)
        if book.missing:
            state = np.where(self.cells == UNSEEN, UNSEEN, was)
            laws = [np.stack([law[:, -1], 1 - law[:, -1]], axis=1) for law in
                    (self.source, self.target)]  # fmt: skip
            uniform = self.uniform("keep missing"), self.uniform("draw missing")
            here = maximal_coupling(state, *laws, *uniform) == 1
        laws = self.laws[:, here, :n_bins]
        seen = laws.sum(axis=2)
        mass = np.broadcast_to(self.weights[:, None], seen.shape) * seen
        out, cells = np.full(len(here), np.nan), np.full(len(here), n_bins)
        if here.any() and n_bins:
            laws = laws / seen[:, :, None]
            known = np.flatnonzero(was & here)
            source = self.source[known, :n_bins]
            source = source / source.sum(axis=1, keepdims=True)
            ranks[known] = mixed_ranks(self.cells[known], self._places()[known], source)
            values = quantile_barycenter(ranks[here], laws, mass / mass.sum(axis=0), self._value)
            cells[here] = book.cells(book.read(values))
            # drawn in the cell: the exact mean would tell more than the cell, and so of the group
            out[here] = book.values(cells[here], self.uniform("new place")[here])
        return out, cells

    def _places(self):
        """Where in their cells numbers are taken to be."""
        if self.rank is None:
            return self.uniform("place")
        return self.rank if self.ranks.rising else 1 - self.rank

    def _value(self, _, cells, places):
        return self.book.values(cells, places)
