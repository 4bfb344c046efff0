"""What a model was fitted on, from its fitted attributes alone, where these suffice.

Counts are whole numbers: from them the exact sums follow, as a fit would have made them. Means
and variances are rounded: sums made of them are as good as that rounding, and say so. No row was
seen, so none can be looked up later: such models keep no fingerprints.
"""

import dataclasses

import numpy as np

from skunlearn._statistics import _limbs
from skunlearn._statistics._counts import ExactCounts
from skunlearn._statistics._expanded import NUMBER, LearnedTable
from skunlearn._statistics._grouped import GroupedMoments, GroupedSums
from skunlearn._statistics._learned import NO_KEY, LearnedRows, Rows
from skunlearn._statistics._rounded import (
    RESOLVED,
    Doubt,
    RoundedDiagonal,
    RoundedTotals,
    exponents_of,
    units_of,
)
from skunlearn._statistics._totals import ExactTotals
from skunlearn.exceptions import UnlearningError

_CONDITION = (
    "that the model was fitted on rows of weight 1, with its present parameters (it was adopted "
    "from its attributes, and no row was seen)",
)
_EXACT = {"kind": "exact", "conditional_on": _CONDITION}
_ROUNDED = {
    "kind": "approximate",
    "conditional_on": _CONDITION,
    "detail": (
        "The sums were put together from the rounded attributes of a fitted model: equal to a fit "
        "on the rows that remain up to that rounding, about 1e-12 as a rule. A request after which "
        f"it could exceed {RESOLVED:g} of a standard deviation or sum is refused. With the rows, "
        "skunlearn.from_sklearn(model, X, y), it is exact."
    ),
}
_WAY_OUT = "Pass the rows it was fitted on: skunlearn.from_sklearn(model, X, y)."


def discrete_nb(model, twin):
    """Return the state of a multinomial, complement or Bernoulli naive Bayes."""
    sizes, counts = _row_counts(model, model.class_count_, "class_count_"), model.feature_count_
    whole = np.array_equal(counts, np.rint(counts)) and np.abs(counts).max(initial=0.0) < 2**53
    if whole:
        exponents = twin._exponents(Rows(np.zeros((1, counts.shape[1]))))
        units = counts.astype(np.int64).astype(object) << -exponents[:-1].astype(object)
        cells = [
            ExactTotals(exponents, len(row), n, _limbs.from_integers(np.append([n], row)))
            for n, row in zip(sizes, units, strict=True)
        ]
    else:
        means = counts / np.maximum(sizes, 1)[:, None]
        exponents = exponents_of(means, np.zeros_like(means))
        cells = [
            RoundedTotals.from_sums(n, row, exponents)
            for n, row in zip(np.maximum(sizes, 1).tolist(), counts, strict=True)
        ]
    learned = _learned("totals" if whole else "rounded totals", exponents, model, sizes, cells)
    return learned, _class_info(model, sizes), _EXACT if whole else _ROUNDED


def categorical_nb(model, twin):
    """Return the state of a naive Bayes of categories."""
    sizes, tables = _row_counts(model, model.class_count_, "class_count_"), model.category_count_
    exponents = twin._exponents(Rows(np.zeros((1, len(tables)))))
    cells = []
    for i, n in enumerate(sizes):
        codes = [np.flatnonzero(table[i]) for table in tables]
        counts = np.concatenate([table[i][code] for table, code in zip(tables, codes, strict=True)])
        units = _row_counts(model, np.append(n, counts), "category_count_")
        keys = np.concatenate([code + (j << 32) for j, code in enumerate(codes)])
        limbs = _limbs.from_integers(np.array(units, dtype=object))
        cells.append(ExactCounts(exponents, n, keys, limbs))
    return _learned("counts", exponents, model, sizes, cells), _class_info(model, sizes), _EXACT


def gaussian_nb(model, twin):
    """Return the state of a Gaussian naive Bayes."""
    _check_double(model, model.theta_)
    sizes = _row_counts(model, model.class_count_, "class_count_")
    variances = np.maximum(model.var_ - model.epsilon_, 0.0)
    exponents = exponents_of(model.theta_, variances)
    cells = [
        RoundedDiagonal.from_moments(max(n, 1), *row, exponents)
        for n, *row in zip(sizes, model.theta_, variances, model.var_, strict=True)
    ]
    info = {"dtype": np.dtype(np.float64), **_class_info(model, sizes)}
    learned = _learned("rounded", exponents, model, sizes, cells)
    return SmoothedRows(**vars(learned), var_smoothing=model.var_smoothing), info, _ROUNDED


@dataclasses.dataclass(frozen=True)
class SmoothedRows(LearnedRows):
    """Sums of a model that adds a share of the largest variance to every variance.

    Parameters
    ----------
    var_smoothing : float
        That share.
    """

    var_smoothing: float

    def moments(self):
        """Derive moments; doubts are judged beside what is added.

        Returns
        -------
        GroupedMoments
        """
        (pooled,) = self.sums.partition("all").values()
        largest = pooled.above(np.inf).moments().variance.max()
        pooled.above(largest).moments()  # refuses doubts about what is added
        floor = self.var_smoothing * largest
        cells = {key: cell.above(floor) for key, cell in self.sums.cells.items()}
        return GroupedMoments.from_sums(GroupedSums(cells))


def standard_scaler(model, twin):
    """Return the state of a scaler."""
    if not model.with_std:
        raise ValueError(
            f"Got a StandardScaler(with_std=False), which holds no variances. {_WAY_OUT}"
        )
    if np.ndim(model.n_samples_seen_):
        raise ValueError(
            f"Got n_samples_seen_={model.n_samples_seen_}: where values were missing, the number "
            f"of rows is not known. {_WAY_OUT}"
        )
    (n,) = _row_counts(model, [model.n_samples_seen_], "n_samples_seen_")
    exponents = exponents_of(model.mean_[None], model.var_[None])
    sums = RoundedDiagonal.from_moments(n, model.mean_, model.var_, model.var_, exponents)
    rows = _of_cells("rounded", exponents, {NO_KEY: sums})
    slots = {(0, NUMBER, j, ()): None for j in range(len(model.mean_))}
    return LearnedTable(rows, slots, {}), {"sparse": False}, _ROUNDED


def nearest_centroid(model, twin, class_count):
    """Return the state of a nearest centroid classifier, given the number of rows by class."""
    k = len(model.classes_)
    if class_count is None:
        raise ValueError(
            "A NearestCentroid holds no number of rows. Pass class_count, the number of rows of "
            f"each of its {k} classes {model.classes_.tolist()}, or the rows X and y."
        )
    if np.shape(class_count) != (k,):
        raise ValueError(
            f"Got class_count of shape {np.shape(class_count)}, expected ({k},): the number of "
            f"rows of each of the classes {model.classes_.tolist()}."
        )
    _check_double(model, model.centroids_)
    if model.shrink_threshold:
        raise ValueError(
            f"Got shrink_threshold={model.shrink_threshold}: the shrunken centroids do not tell "
            f"the means. {_WAY_OUT}"
        )
    sizes = _row_counts(model, class_count, "class_count")
    n = sum(sizes)
    if min(sizes) < 1 or n <= k:
        raise ValueError(
            f"Got class_count={list(sizes)}, expected at least one row a class, and more rows than "
            f"classes. {_WAY_OUT}"
        )
    share = np.array(sizes)[:, None] / n
    mean = (share * model.centroids_).sum(axis=0)
    within = model.within_class_std_dev_**2 * (n - k) / n
    variance = within + (share * (model.centroids_ - mean) ** 2).sum(axis=0)
    exponents = exponents_of(model.centroids_, np.stack([within, variance]))
    pooled = RoundedDiagonal.from_moments(n, mean, variance, variance, exponents)
    cells = [
        ExactTotals(exponents, len(mean), size, units_of(size, size * centroid, exponents))
        for size, centroid in zip(sizes, model.centroids_, strict=True)
    ]
    of_sum = {
        label: size * Doubt.of(size, centroid, within, within).of_mean
        for label, size, centroid in zip(
            model.classes_.tolist(), sizes, model.centroids_, strict=True
        )
    }
    learned = CentroidSums(
        _learned("totals", exponents, model, sizes, cells),
        _of_cells("rounded", exponents, {NO_KEY: pooled}),
        of_sum,
    )
    return learned, {"dtype": model.centroids_.dtype, "label_dtype": model.classes_.dtype}, _ROUNDED


@dataclasses.dataclass(frozen=True)
class CentroidSums:
    """Sums by class, and squares of all rows together: as much as centroids tell.

    Parameters
    ----------
    by_class, pooled : LearnedRows
    of_sum : dict of label to ndarray of shape (d,)
        Errors of the sums by class.
    """

    by_class: LearnedRows
    pooled: LearnedRows
    of_sum: dict

    @property
    def n_rows(self):
        """Number of rows that the sums stand for."""
        return self.by_class.n_rows

    @property
    def exponents(self):
        """The grid."""
        return self.by_class.exponents

    def minus(self, rows):
        """Return the value that never learned some rows."""
        pooled = self.pooled.minus(_of_one_cell(rows))
        return dataclasses.replace(self, by_class=self.by_class.minus(rows), pooled=pooled)

    def plus(self, rows, exact=False):
        """Return the value after learning more rows."""
        pooled = self.pooled.plus(_of_one_cell(rows), exact=exact)
        by_class = self.by_class.plus(rows, exact=exact)
        return dataclasses.replace(self, by_class=by_class, pooled=pooled)

    def n_missing(self, rows):
        """Return 0: no row was seen."""
        return 0

    def without_fingerprints(self):
        """Return the sums: there is nothing else."""
        return self

    def without_columns(self, columns):
        """Return the sums as if X never had some columns."""
        parts = (part.without_columns(columns) for part in (self.by_class, self.pooled))
        of_sum = {label: np.delete(error, columns) for label, error in self.of_sum.items()}
        return CentroidSums(*parts, of_sum)

    def digest(self):
        """SHA-256 of the sums, twice."""
        return self.by_class.digest() + self.pooled.digest()

    def moments(self):
        """Derive moments; the scatter within the classes is spread evenly over them.

        Returns
        -------
        GroupedMoments
        """
        pooled = self.pooled.moments().pooled
        parts = self.by_class.moments().by("class")
        within = pooled.scatter - sum(
            part.n_rows * (part.mean - pooled.mean) ** 2 for part in parts.values()
        )
        within = np.where(within <= RESOLVED * pooled.scatter, 0.0, within)
        for label, part in parts.items():
            doubt = self.of_sum.get(label, 0.0) / part.n_rows
            if (doubt > RESOLVED * np.sqrt(pooled.scatter / pooled.n_rows)).any():
                raise UnlearningError(
                    f"What would be left of class {label!r} is lost in the rounding of its "
                    f"centroid. {_WAY_OUT}"
                )
        shared = within / max(len(parts), 1)
        by = {
            "all": {None: pooled},
            "class": {k: dataclasses.replace(v, scatter=shared) for k, v in parts.items()},
        }
        return GroupedMoments(by.__getitem__)


def _of_one_cell(rows):
    return dataclasses.replace(rows, keys=[NO_KEY], codes=None)


def _row_counts(model, counts, name):
    """Return whole numbers of rows as Python integers; refuses sums of other weights."""
    counts = np.asarray(counts, dtype=np.float64)
    if (counts != np.rint(counts)).any() or (counts < 0).any():
        raise ValueError(
            f"Got {name}={counts.tolist()} in a {type(model).__name__}: sums of weights, which do "
            "not tell the number of rows. Pass the rows and their weights: "
            "skunlearn.from_sklearn(model, X, y, sample_weight=sample_weight)."
        )
    return [int(count) for count in counts]


def _check_double(model, values):
    if values.dtype != np.float64:
        raise ValueError(
            f"Got a {type(model).__name__} with attributes in {values.dtype}, too coarse to put "
            f"its sums together again. {_WAY_OUT}"
        )


def _class_info(model, sizes):
    """Return the form of the labels; a class without rows must have been declared."""
    declared = model.classes_ if min(sizes) == 0 else None
    return {"label_dtype": model.classes_.dtype, "declared": declared}


def _learned(kind, exponents, model, sizes, cells):
    """Return sums by class; a class that was declared only has none."""
    labels = model.classes_.tolist()
    by_class = zip(labels, sizes, cells, strict=True)
    return _of_cells(
        kind, exponents, {(label, None, None): cell for label, n, cell in by_class if n}
    )


def _of_cells(kind, exponents, cells):
    exponents.setflags(write=False)
    return LearnedRows(kind, exponents, GroupedSums(cells), None, 0, None, None)
