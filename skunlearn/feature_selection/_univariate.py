"""Selection of columns by a score of each, which can forget rows and columns."""

import warnings

import numpy as np
from scipy import special
from sklearn import feature_selection
from sklearn.feature_selection import f_classif, f_regression
from sklearn.utils.multiclass import check_classification_targets

from skunlearn._exact import check_X_y, class_rows, plain_rows
from skunlearn._sklearn_compat import fit_context
from skunlearn.base import Request
from skunlearn.feature_selection._base import ExactSelectorMixin

_TARGETS = {f_classif: "class", f_regression: "numeric"}


class UnivariateMixin(ExactSelectorMixin):
    """Scores of columns from the moments of each class, or from those of [X | y]."""

    @property
    def _target(self):
        return _TARGETS.get(self.score_func, "class")

    @property
    def _kind(self):
        return "gram" if self._target == "numeric" else "diagonal"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Score the columns from exact moments.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels for `f_classif`, numbers for `f_regression`.

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, y))

    def _check_supported(self):
        if self.score_func not in _TARGETS:
            name = getattr(self.score_func, "__name__", repr(self.score_func))
            raise ValueError(
                f"{type(self).__name__} cannot forget exactly with this score, which is not known "
                f"to be a function of moments. Got score_func={name}, expected f_classif or "
                "f_regression of sklearn.feature_selection."
            )

    def _unlearn_refusal(self):
        try:
            self._check_supported()
        except ValueError as error:
            return str(error)
        return None

    def _check_rows(self, request, reset):
        self._check_supported()
        numeric = self._target == "numeric"
        X, y = check_X_y(
            self,
            request,
            reset,
            accept_sparse=["csr", "csc"],
            dtype=[np.float64, np.float32],
            y_numeric=numeric,
        )
        if reset:
            self._check_width(X.shape[1])
        if numeric:
            y = np.asarray(y, dtype=np.float64).reshape(-1, 1)
            return plain_rows(X, request, Y=y), {}
        if y.dtype.kind not in "iubU" and len(y):  # whole numbers and text are labels anyway
            check_classification_targets(y)
        rows, labels = class_rows(X, np.ravel(y), request)
        return rows, {"label_dtype": labels.dtype}

    def _check_width(self, n_features):
        """Warn of parameters that do not suit the number of columns."""

    def _derive(self, moments, info):
        if self._target == "numeric":
            n_targets = len(moments.pooled.mean) - moments.pooled.n_features
            if n_targets > 1:  # of a pipeline whose last step takes them
                shape = (moments.pooled.n_rows, n_targets)
                raise ValueError(f"y should be a 1d array, got an array of shape {shape} instead.")
            scores, pvalues = _regression_scores(moments.pooled)
        else:
            scores, pvalues = _class_scores(list(moments.by("class").values()))
        return {"scores_": scores, "pvalues_": pvalues}


def _squares(moments):
    """Centred sums of squares of all columns."""
    return moments.scatter if moments.scatter.ndim == 1 else np.diagonal(moments.scatter)


def _class_scores(parts):
    """F statistics of an analysis of variance, and their p-values, from the moments by class."""
    d = parts[0].n_features
    counts = np.array([float(part.n_rows) for part in parts])
    # about the mean of one class: a constant column has differences of exactly 0
    gaps = np.array([part.mean[:d] - parts[0].mean[:d] for part in parts])
    gaps = gaps - counts @ gaps / counts.sum()
    between, within = counts @ gaps**2, sum(_squares(part)[:d] for part in parts)
    free = np.float64(len(parts) - 1), np.float64(counts.sum() - len(parts))
    with np.errstate(divide="ignore", invalid="ignore"):  # constant columns: not a number
        scores = (between / free[0]) / (within / free[1])
    return scores, special.fdtrc(*free, scores)


def _regression_scores(moments):
    """F statistics of the correlations with y, finite as scikit-learn has them, and p-values."""
    d, free = moments.n_features, moments.n_rows - 2
    squares = _squares(moments)
    with np.errstate(divide="ignore", invalid="ignore"):  # of constant columns: 0 below
        r = moments.scatter[:d, d] / np.sqrt(squares[:d]) / np.sqrt(squares[d])
        r2 = np.minimum(np.nan_to_num(r, nan=0.0) ** 2, 1.0)
        scores = r2 / (1.0 - r2) * free
        pvalues = special.fdtrc(1, free, scores)
    scores[np.isinf(scores)] = np.finfo(np.float64).max
    if free < 1:  # two rows always correlate: scikit-learn's scores are rounding errors
        scores[:], pvalues[:] = 0.0, 1.0
    return scores, pvalues


class SelectKBest(UnivariateMixin, feature_selection.SelectKBest):
    """Selector of the k columns of the highest scores, with `unlearn`, on exact moments.

    Parameters
    ----------
    score_func : {f_classif, f_regression}, default=f_classif
        One of these functions of `sklearn.feature_selection`; others are refused at `fit`.
    k : int or "all", default=10
        Number of columns to select.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X, with `f_regression` for y, and
        last for the weights. "auto" takes at least 33 binary places below the spread of each
        column; "exact" keeps every bit of the data. Pass a fitted `resolution_` to be certain of
        the same grid in a refit.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features,)
        F statistics. With `f_classif` that of a constant column is NaN, which counts as lowest.
    pvalues_ : ndarray of shape (n_features,)
        Their p-values.
    resolution_ : ndarray of shape (n_columns + 1,), int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the selector stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    SelectPercentile : Selection of a share of the columns.
    VarianceThreshold : Selection of the columns that vary.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid: columns are selected anew after each request. With `f_classif` only sums and squares by
    class are kept; with `f_regression` the Gram matrix of [X | y], which grows as n_features
    squared.

    The scores are those of the exact sums: scikit-learn's `f_classif` squares values about the
    origin and loses digits beside large means, all of them at 1e8 standard deviations. It also
    warns of constant columns. Continuous targets are refused with `f_classif`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skunlearn.feature_selection import SelectKBest
    >>> X, y = load_iris(return_X_y=True)
    >>> selector = SelectKBest(k=1).fit(X, y)
    >>> selector.get_support()
    array([False, False,  True, False])
    >>> selector.unlearn(X[y == 0], y[y == 0]).get_support()
    array([False, False, False,  True])
    """

    _parameter_constraints: dict = {
        **feature_selection.SelectKBest._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(self, score_func=f_classif, *, k=10, track_rows=True, resolution="auto"):
        super().__init__(score_func=score_func, k=k)
        self.track_rows = track_rows
        self.resolution = resolution

    def _check_width(self, n_features):
        if not isinstance(self.k, str) and self.k > n_features:
            warnings.warn(
                f"k={self.k} is greater than n_features={n_features}. All the features will be "
                "returned.",
                UserWarning,
                stacklevel=2,
            )


class SelectPercentile(UnivariateMixin, feature_selection.SelectPercentile):
    """Selector of a share of the columns, those of the highest scores, with `unlearn`.

    Parameters
    ----------
    score_func : {f_classif, f_regression}, default=f_classif
        One of these functions of `sklearn.feature_selection`; others are refused at `fit`.
    percentile : float, default=10
        Percent of the columns to select.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X, with `f_regression` for y, and
        last for the weights. "auto" takes at least 33 binary places below the spread of each
        column; "exact" keeps every bit of the data. Pass a fitted `resolution_` to be certain of
        the same grid in a refit.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features,)
        F statistics. With `f_classif` that of a constant column is NaN, which counts as lowest.
    pvalues_ : ndarray of shape (n_features,)
        Their p-values.
    resolution_ : ndarray of shape (n_columns + 1,), int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the selector stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    SelectKBest : Selection of a number of columns.

    Notes
    -----
    As in `SelectKBest`: exact, from the same moments.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skunlearn.feature_selection import SelectPercentile
    >>> X, y = load_iris(return_X_y=True)
    >>> selector = SelectPercentile(percentile=50).fit(X, y).unlearn(X[:9], y[:9])
    >>> selector.transform(X[:2])
    array([[1.4, 0.2],
           [1.4, 0.2]])
    """

    _parameter_constraints: dict = {
        **feature_selection.SelectPercentile._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(self, score_func=f_classif, *, percentile=10, track_rows=True, resolution="auto"):
        super().__init__(score_func=score_func, percentile=percentile)
        self.track_rows = track_rows
        self.resolution = resolution
