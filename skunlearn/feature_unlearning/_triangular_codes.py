"""Columns of a mixed table as cells: levels of a category, bins of a number, and a missing one.

A cell is divided into parts: the levels that are pooled because they are rare, the runs of values
in a bin. Where a row goes inside a cell is drawn, from one law for all groups: the place of a value
in its bin follows other columns closely, in each group in its own way, and a tree reads that.
"""

import dataclasses
from numbers import Number

import numpy as np

_BELOW_ONE = np.nextafter(1.0, 0.0)
UNSEEN = -1  # code of a value that fit has not seen
_PARTS = 16  # of a bin


def missing_mask(values):
    """Where a column has None, NaN, NaT or pandas.NA."""
    if values.dtype.kind in "biuUS":
        return np.zeros(len(values), dtype=bool)
    if values.dtype.kind == "f":
        return np.isnan(values)
    # most are text, and a call for each would take most of the time
    gone = [type(value) is not str and is_missing(value) for value in values.tolist()]
    return np.array(gone, dtype=bool)


def is_missing(value):
    """Whether a value is None, NaN, NaT or pandas.NA."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def as_numbers(values):
    """Give a column of numbers as float64, missing values as NaN."""
    if values.dtype.kind != "O":
        return values.astype(np.float64)
    out = [np.nan if is_missing(value) else float(value) for value in values.tolist()]
    return np.array(out, dtype=np.float64)


def holds_numbers(values):
    """Whether a column holds numbers (no booleans), missing ones aside."""
    if values.dtype.kind != "O":
        return values.dtype.kind in "iuf"
    return all(
        (isinstance(value, Number) and not isinstance(value, (bool, np.bool_))) or is_missing(value)
        for value in values.tolist()
    )


def shares_by_group(parts, n_parts, codes, weights, n_groups):
    """Weight of each part in each group, shape (n_groups, n_parts)."""
    flat = np.bincount(codes * n_parts + parts, weights=weights, minlength=n_groups * n_parts)
    return flat.reshape(n_groups, n_parts)


@dataclasses.dataclass(frozen=True)
class Cells:
    """What levels and grids have in common: parts, their cells, and the law inside the cells.

    Parameters
    ----------
    cell_of : ndarray of shape (n_parts,), int
        Never falling: the parts of a cell stand together.
    mixture : ndarray of shape (n_parts,)
        Shares of the parts in their cells, of the mixture of the groups; they sum to 1 in each.
    missing : bool
        Whether the last cell is that of missing values.
    """

    cell_of: np.ndarray
    mixture: np.ndarray
    missing: bool

    @property
    def n_cells(self):
        """Number of cells, the missing one included."""
        return int(self.cell_of[-1]) + 1 if len(self.cell_of) else 0

    def cells(self, parts):
        """Cells of parts; unseen ones stay unseen."""
        return np.where(parts < 0, UNSEEN, self.cell_of[parts])


def _inner_law(cell_of, counts, weights):
    """Shares of parts inside their cells, of the mixture of the groups."""
    totals = counts.sum(axis=1, keepdims=True)
    laws = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    mixture = weights @ laws + 1e-12
    return mixture / np.bincount(cell_of, mixture)[cell_of]


# -- categories -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Levels(Cells):
    """A categorical column.

    Parameters
    ----------
    labels : tuple
        Labels of the parts, missing values excepted.
    """

    labels: tuple = ()
    ordered = False

    @classmethod
    def of(cls, values, codes, sample_weight, weights, rare):
        """Learn the levels of a column.

        Parameters
        ----------
        values : ndarray of shape (n,)
        codes : ndarray of shape (n,), int
            Groups.
        sample_weight : ndarray of shape (n,)
        weights : ndarray of shape (n_groups,)
            Of the groups.
        rare : float
            Levels of a smaller weight than this share it in one cell.
        """
        gone = missing_mask(values)
        labels = _sorted_labels(set(values[~gone].tolist()))
        place = {label: i for i, label in enumerate(labels)}
        parts = np.array([place.get(v, len(labels)) for v in values.tolist()], dtype=np.intp)
        parts[gone] = len(labels)
        n_parts = len(labels) + bool(gone.any())
        counts = shares_by_group(parts, n_parts, codes, sample_weight, len(weights))
        return cls.counted(labels, counts, weights, rare, bool(gone.any()))[0]

    @classmethod
    def counted(cls, labels, counts, weights, rare, missing):
        """Make the levels from their counts; the missing one stands last.

        Parameters
        ----------
        labels : sequence
        counts : ndarray of shape (n_groups, n_parts)
        weights, rare
            As in `of`.
        missing : bool

        Returns
        -------
        Levels
        ndarray of shape (n_parts,), int
            Where its parts stood.
        """
        n_parts = counts.shape[1]
        few = counts.sum(axis=0)[: len(labels)] < rare
        if few.sum() < 2:
            few[:] = False
        order = np.append(np.argsort(few, kind="stable"), np.arange(len(labels), n_parts))
        cell_of = np.arange(n_parts)
        if few.any():
            n_common = len(labels) - int(few.sum())
            cell_of = np.minimum(cell_of, n_common)
            cell_of[len(labels) :] = n_common + 1
        order = order.astype(np.intp)
        mixture = _inner_law(cell_of, counts[:, order], weights)
        labels = tuple(labels[i] for i in order[: len(labels)])
        return cls(cell_of, mixture, missing, labels), order

    def read(self, values):
        """Parts of values."""
        gone = missing_mask(values)
        place = {label: i for i, label in enumerate(self.labels)}
        parts = np.array([place.get(v, UNSEEN) for v in values.tolist()], dtype=np.intp)
        parts[gone] = len(self.labels) if self.missing else UNSEEN
        return parts

    def within(self, cells, uniform):
        """Parts of cells: the level, or one of those that are pooled, drawn.

        Parameters
        ----------
        cells : ndarray of shape (n,), int
        uniform : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,), int
        """
        upper = _upper(self.mixture, self.cell_of)
        return _part(upper, self.cell_of, cells, uniform)


def _upper(mixture, cell_of):
    """Where each part ends, cell c from c to c + 1."""
    return cell_of + np.clip(np.cumsum(mixture) - cell_of, 0.0, 1.0)


def _part(upper, cell_of, cells, places):
    """Parts at places in cells."""
    parts = np.searchsorted(upper, cells + places, side="right")
    first = np.searchsorted(cell_of, cells)
    return np.clip(parts, first, np.searchsorted(cell_of, cells, side="right") - 1)


def _sorted_labels(labels):
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda v: (type(v).__name__, repr(v)))


# -- numbers --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Grid(Cells):
    """A numeric column: bins of values, in order, each divided into runs of values.

    Parameters
    ----------
    low, high : ndarray of shape (n_runs,)
        Least and largest value of each run.
    whole : bool
        Whether all values are whole numbers.
    scale : float
        Standard deviation of the values.
    heavy : bool
        Whether half of the values are one.
    """

    low: np.ndarray = None
    high: np.ndarray = None
    whole: bool = False
    scale: float = 1.0
    heavy: bool = False
    ordered = True

    @classmethod
    def of(cls, values, codes, sample_weight, weights, n_bins, edges=None):
        """Learn the grid of a column; `edges` are declared inner edges of bins."""
        gone = np.isnan(values)
        here = values[~gone]
        distinct, place = np.unique(here, return_inverse=True)
        whole = bool(len(distinct)) and bool((distinct == np.rint(distinct)).all())
        mass = np.bincount(place, sample_weight[~gone], len(distinct))
        if edges is None:
            bins = _runs(mass, n_bins)
        else:
            bins = np.unique(np.searchsorted(edges, distinct, "right"), return_inverse=True)[1]
        runs, cell_of = np.zeros(len(distinct), dtype=np.intp), []
        for b in range(int(bins[-1]) + 1 if len(bins) else 0):
            inside = np.flatnonzero(bins == b)
            runs[inside] = len(cell_of) + _runs(mass[inside], _PARTS)
            cell_of += [b] * (int(runs[inside[-1]]) + 1 - len(cell_of))
        n_runs = len(cell_of)
        cell_of = np.array(cell_of + [cell_of[-1] + 1 if cell_of else 0] * bool(gone.any()))
        first = np.searchsorted(runs, np.arange(n_runs))
        last = np.searchsorted(runs, np.arange(n_runs), "right") - 1
        parts = np.full(len(values), n_runs)
        parts[~gone] = runs[place]
        counts = shares_by_group(parts, len(cell_of), codes, sample_weight, len(weights))
        mixture = _inner_law(cell_of, counts, weights)
        scale = 1.0
        if mass.sum() > 0:
            scale = np.sqrt(
                np.average((distinct - np.average(distinct, weights=mass)) ** 2, weights=mass)
            )
        return cls(
            cell_of,
            mixture,
            bool(gone.any()), distinct[first], distinct[last], whole,
            float(scale) or 1.0, bool(mass.max(initial=0) >= mass.sum() / 2),
        )  # fmt: skip

    @property
    def n_runs(self):
        """Number of parts that are runs of values."""
        return len(self.low)

    def read(self, values):
        """Parts of values; numbers beyond the grid belong to its ends."""
        edges = self.high[:-1] + (self.low[1:] - self.high[:-1]) / 2
        parts = np.searchsorted(edges, values, side="left")
        gone = np.isnan(values)
        parts[gone] = self.n_runs if self.missing else UNSEEN
        return parts

    def values(self, cells, places):
        """Values at places in cells that are not the missing one.

        Parameters
        ----------
        cells : ndarray of shape (n,), int
        places : ndarray of shape (n,)
            From 0 to 1.

        Returns
        -------
        ndarray of shape (n,)
        """
        upper = _upper(self.mixture, self.cell_of)
        parts = _part(upper, self.cell_of, cells, places)
        share = self.mixture[parts]
        below = upper[parts] - cells - share
        inside = np.clip((places - below) / share, 0.0, _BELOW_ONE)
        low, width = self.low[parts], (self.high - self.low)[parts]
        if self.whole:
            return low + np.floor(inside * (width + 1))
        return low + inside * width

    @classmethod
    def declared(cls, edges, present, missing, whole):
        """Make the grid of those bins between declared edges that have rows.

        Parameters
        ----------
        edges : ndarray of shape (n_bins + 1,)
        present : ndarray of int
            Bins with rows.
        missing, whole : bool
        """
        low, high = edges[:-1][present], edges[1:][present]
        if whole:
            low = np.ceil(low)
            high = np.maximum(np.ceil(high) - 1, low)
        n = len(present) + missing
        scale = float(np.ptp(edges)) / np.sqrt(12)
        return cls(np.arange(n), np.ones(n), missing, low, high, whole, scale)


def _runs(mass, n_runs):
    """Divide values in order into runs of about equal mass; a heavy value is a run of its own."""
    if len(mass) <= n_runs:
        return np.arange(len(mass))
    total = mass.sum()
    heavy = mass >= total / n_runs
    light = np.where(heavy, 0.0, mass)
    left = max(n_runs - int(heavy.sum()), 1)
    middle = np.cumsum(light) - light / 2
    quantile = np.minimum((middle / max(light.sum(), 1e-300) * left).astype(np.intp), left - 1)
    # a heavy value ends the run before it and starts no other
    change = np.append(False, (quantile[1:] != quantile[:-1]) | heavy[1:] | heavy[:-1])
    return np.cumsum(change)
