"""Ledger of a chain that ends with an anchored model: exact sums, and the anchor beside them.

The anchor stands in coordinates of the raw, expanded rows that are fixed when the chain is
fitted: each column less a centre, by a scale, so that its sums are well conditioned. The maps of
the steps are carried over to these coordinates whenever they are derived anew.
"""

import dataclasses
import hashlib

import numpy as np
from scipy import sparse
from sklearn.base import clone

from skunlearn._statistics._expanded import MISSING, NUMBER, ExpandedMoments, ExpandedRows
from skunlearn.exceptions import UnlearningError


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """Coordinates u of the raw rows, and how they stand to the base of pushed moments.

    Parameters
    ----------
    slots : dict or None
        Expanded columns at the fit; None where the rows are not expanded.
    center, scale : ndarray of shape (d,)
    indicator : ndarray of shape (d,), int
        Columns that indicate missing values of a column; -1 where nothing was missing.
    """

    slots: dict | None
    center: np.ndarray
    scale: np.ndarray
    indicator: np.ndarray

    @classmethod
    def of(cls, learned, X):
        """Choose the coordinates from the moments of the rows at the fit."""
        moments = learned.moments()
        slots = learned.slots if isinstance(moments, ExpandedMoments) else None
        base = moments if slots is None else moments.moments
        pooled = base.unweighted.pooled
        d = pooled.n_features
        scale = np.sqrt(np.where(pooled.variance > 0, pooled.variance, 1.0))
        center, indicator = pooled.mean[:d].copy(), np.full(d, -1)
        if slots is not None:
            center, indicator = center + moments.offsets, _indicators(slots)
            levels = np.array([slot[1] != NUMBER for slot in slots])
            center[levels], scale[levels] = 0.0, 1.0
        if sparse.issparse(X):
            center = np.zeros(d)
        return cls(slots, center, scale, indicator)

    def raw(self, rows):
        """Matrix of the raw columns as they were at the fit."""
        if not isinstance(rows, ExpandedRows):
            return rows.X
        unknown = set(rows.slots()) - set(self.slots)
        if unknown:
            slot = min(unknown)
            what = "a missing value" if slot[1] == MISSING else f"{rows.slots()[slot]!r}"
            raise UnlearningError(
                f"Column {slot[2]} has {what}, which the rows at fit had not: the model is "
                "anchored there and knows no such column. Fit again on all the rows."
            )
        return rows.rows(self.slots).X

    def of_rows(self, rows):
        """Rows in these coordinates; each depends on no other row."""
        X = self.raw(rows)
        if sparse.issparse(X):
            return sparse.csr_array(X.multiply(1.0 / self.scale))
        U = X - self.center
        some = np.flatnonzero(self.indicator >= 0)
        U[:, some] += self.center[some] * X[:, self.indicator[some]]
        return U / self.scale

    def maps(self, pushed, expanded=None):
        """Give the maps from these coordinates to what the steps put out.

        Parameters
        ----------
        pushed : PushedMoments
        expanded : ExpandedMoments, default=None
            What the base of the pushed moments is, where the rows are expanded.
        """
        return {key: self._map(*map_, expanded) for key, map_ in pushed.maps.items()}

    def size(self, pushed, expanded=None):
        """Largest number that the steps add up to one of a row, at most: what rounding goes by."""
        center = self.center if expanded is None else expanded.offsets
        parts = []
        for matrix, offset in pushed.maps.values():
            matrix, far = np.abs(matrix), np.abs(center)
            terms = matrix * far if matrix.ndim == 1 else matrix @ far
            parts.append((terms + np.abs(offset)).max(initial=0.0))
        return float(max(parts))

    def _map(self, matrix, offset, expanded):
        if expanded is None:
            shift = (matrix * self.center) if matrix.ndim == 1 else matrix @ self.center
            return matrix * self.scale, offset + shift
        matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
        now = {slot: i for i, slot in enumerate(expanded.slots)}
        at = np.array([now.get(slot, -1) for slot in self.slots])
        columns = np.where(at >= 0, matrix[:, at], 0.0)
        # in the base a column with missing values is taken about its mean, wherever it is present
        gap = self.center - np.where(at >= 0, expanded.offsets[at], 0.0)
        out = columns * self.scale
        some = np.flatnonzero(self.indicator >= 0)
        np.subtract.at(out.T, self.indicator[some], (columns[:, some] * gap[some]).T)
        return out, offset + columns @ gap


def _indicators(slots):
    position = {slot: i for i, slot in enumerate(slots)}
    return np.array(
        [
            position.get((block, MISSING, j, ()), -1) if kind == NUMBER else -1
            for block, kind, j, _ in slots
        ]
    )


@dataclasses.dataclass(frozen=True)
class AnchoredLedger:
    """Exact sums of the raw rows, and the anchor of the last step; `plus` and `minus` as there.

    Parameters
    ----------
    learned : {LearnedRows, LearnedTable}
    step : object
        The last step, unfitted: it knows how to read rows for the anchor.
    anchored : AnchoredRows
    fitted : dict
        What the last step keeps of its fit.
    coordinates : Coordinates
    weighted : bool
        Whether the last step is given the sample weights.
    """

    learned: object
    step: object
    anchored: object
    fitted: dict
    coordinates: Coordinates
    weighted: bool

    @property
    def n_rows(self):
        """Number of rows that the sums stand for."""
        return self.learned.n_rows

    @property
    def exponents(self):
        """The grid of the exact sums."""
        return self.learned.exponents

    def n_missing(self, rows):
        """How many of the rows were never learned (0 if no fingerprints are kept)."""
        return self.learned.n_missing(rows)

    def minus(self, rows):
        """Return the value that never learned some rows."""
        learned = self.learned.minus(rows)
        part = self._anchor_rows(rows)
        return self._moved(learned, self.anchored.anchor.minus(part), part, -1)

    def plus(self, rows, exact=False):
        """Return the value after learning more rows; `exact` refuses to round them."""
        learned = self.learned.plus(rows, exact)
        part = self._anchor_rows(rows)
        return self._moved(learned, self.anchored.anchor.plus(part), part, 1)

    def _moved(self, learned, anchor, part, sign):
        n_classes = len(self.anchored.counts)
        counts = self.anchored.counts + sign * np.bincount(part.codes, minlength=n_classes)
        gone = self.fitted["classes"][counts == 0]
        if len(gone):
            raise UnlearningError(
                f"Class {gone.tolist()[0]!r} would have no row left, and the anchored model cannot "
                "drop a class as a refit would. Pass X_retain and y_retain, the rows that remain, "
                "to refit on them."
            )
        anchored = dataclasses.replace(self.anchored, anchor=anchor, counts=counts)
        return dataclasses.replace(self, learned=learned, anchored=anchored)

    def _anchor_rows(self, rows):
        U = self.coordinates.of_rows(rows)
        return self.step._anchor_rows(U, *parts_of(rows, self.weighted), self.fitted)

    def behind(self, upstream):
        """Arguments of what the last step derives: the anchor, its fit, and the maps as they are.

        Parameters
        ----------
        upstream : Upstream
        """
        maps = self.coordinates.maps(upstream.pushed, upstream.expanded)
        return self.anchored, self.fitted, maps

    def digest(self):
        """SHA-256 of the canonical sums and of the anchor (fingerprints stay out)."""
        state = hashlib.sha256(self.learned.digest().encode())
        state.update(self.anchored.digest().encode())
        return state.hexdigest()


@dataclasses.dataclass(frozen=True)
class Upstream:
    """What the steps before the last one have become.

    Parameters
    ----------
    attributes : dict of str to dict
        Learned attributes by path.
    pushed : PushedMoments
        Of what they put out.
    expanded : ExpandedMoments or None
        Where the rows are expanded.
    """

    attributes: dict
    pushed: object
    expanded: object


def anchored_ledger(learned, rows, leaf, upstream):
    """Fit the last step to the optimum on the rows, and anchor it.

    Parameters
    ----------
    learned : {LearnedRows, LearnedTable}
    rows : {Rows, ExpandedRows}
    leaf : Leaf
        The last step.
    upstream : Upstream
    """
    X = rows.X if upstream.expanded is None else rows.rows(learned.slots).X
    coordinates = Coordinates.of(learned, X)
    U = coordinates.of_rows(rows)
    maps = coordinates.maps(upstream.pushed, upstream.expanded)
    labels, weights, groups, group = parts_of(rows, leaf.weighted)
    Z = _transformed(U, maps, groups, group)
    anchored, fitted = leaf.step._fit_anchored(Z, U, labels, weights, groups, group, maps)
    return AnchoredLedger(learned, clone(leaf.step), anchored, fitted, coordinates, leaf.weighted)


def _transformed(U, maps, groups, group):
    """Rows behind the steps."""
    width = len(next(iter(maps.values()))[1])
    Z = np.empty((U.shape[0], width))
    for i, key in enumerate(groups):
        at = slice(None) if group is None else np.flatnonzero(group == i)
        A, b = maps[key if key in maps else None]
        part = U[at]
        Z[at] = (part * A if A.ndim == 1 else part @ A.T) + b
    return Z


def parts_of(rows, weighted):
    """Labels, weights, groups and the group of each row."""
    row = rows.row if isinstance(rows, ExpandedRows) else rows
    codes = np.zeros(len(row), dtype=np.intp) if row.codes is None else row.codes
    labels = np.array([key[0] for key in row.keys])[codes]
    groups = list(dict.fromkeys(key[1] for key in row.keys))
    position = {group: i for i, group in enumerate(groups)}
    group = np.array([position[key[1]] for key in row.keys], dtype=np.intp)[codes]
    weights = row.weights if weighted else None
    return labels, weights, groups, None if groups == [None] else group
