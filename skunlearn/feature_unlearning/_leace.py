"""LEACE: the linear information about a sensitive variable taken out, at the least displacement."""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import ExactUnlearnerMixin, copy_fitted
from skunlearn._sklearn_compat import Interval, StrOptions, check_weights, fit_context
from skunlearn._statistics._hashing import label_words
from skunlearn._statistics._learned import Rows
from skunlearn.base import Request, UnlearnerTags
from skunlearn.feature_unlearning._base import (
    SensitiveTransformerMixin,
    choose_columns,
    inside,
)
from skunlearn.feature_unlearning._groups import (
    UNKNOWN,
    in_order,
    read_groups,
    sensitive_values,
    value_columns,
)
from skunlearn.feature_unlearning._leace_map import (
    class_correlations,
    eraser,
    number_correlations,
    numbers,
)
from skunlearn.feature_unlearning._tables import as_table, is_frame, numeric_block

_CHUNK = 2048  # rows that are moved at a time, so that they stay in cache
#: A column whose variance is explained by Z up to this share becomes constant.
_EXPLAINED = 1e-10
_ROUTED = (
    "a continuous sensitive feature that is passed by keyword has no place in its moments: make it "
    "a column of X, name it in sensitive_columns and put the eraser first"
)


class LinearConceptEraser(
    ExactUnlearnerMixin, SensitiveTransformerMixin, TransformerMixin, BaseEstimator
):
    r"""Take out all that a linear model can tell about a sensitive variable (LEACE).

    One affine map for all rows, after which no column, and no linear combination of columns, is
    correlated with the sensitive variable on the rows of the fit; of all such maps it moves the
    rows least, in every norm of an inner product. The sensitive variable is needed at `fit` only.
    Rows can be forgotten exactly.

    Parameters
    ----------
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X. None: the values come by keyword, ``sensitive_features=``. An
        empty list changes nothing. Of several columns each is erased.
    z_type : {"auto", "class", "continuous"}, default="auto"
        What the sensitive values are: classes (one indicator each) or numbers. "auto" decides by
        the dtype of each column: floats are continuous, all else (integers too) are classes. The
        columns of one array have one dtype: a class coded in an array of floats is taken for a
        number unless "class" is declared.
    strength : float, default=1.0
        t in [0, 1]: rows go to x - t P (x - mean); correlations shrink by 1 - t. 0 returns the
        values of X as they are. It does not enter the fit.
    keep_sensitive : bool, default=False
        Keep the sensitive columns, untouched and in place, in the output.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values: the numeric columns that go out, the continuous
        sensitive ones and, last, the weights. "auto" takes at least 33 binary places below the
        spread of each column; "exact" keeps every bit. Pass a fitted `resolution_` to be certain
        of the same grid in a refit.

    Attributes
    ----------
    mean_ : ndarray of shape (n_moved,)
        Mean of the rows; it stays.
    directions_ : ndarray of shape (n_directions, n_moved)
        What is read of a row: ``(x - mean_) @ directions_.T`` has unit variance and holds all
        that is correlated with the sensitive variable.
    loadings_ : ndarray of shape (n_moved, n_directions)
        What is taken off a row for each of these: ``P = loadings_ @ directions_``.
    projection_ : ndarray of shape (n_moved, n_moved)
        P, an oblique projection: x goes to ``x - P (x - mean_)``.
    n_directions_ : int
        Its rank: at most the number of classes less one, for one sensitive column.
    groups_ : list of tuple
        Observed combinations of the classes, in sorted order.
    full_transport_cost_ : float
        E||X - r(X)||^2 over the rows learned at strength 1, in squared units of X.
    transport_cost_ : float
        The same at the present `strength`: strength^2 times it.
    sensitive_columns_ : ndarray of int
        Positions of the sensitive columns in X.
    resolution_ : ndarray of int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the transformer stands on.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had string names.

    See Also
    --------
    GaussianBarycenter : Makes means and covariances equal; needs the group of each row.
    skunlearn.metrics.leakage_score : Measure what can still be read from the output.

    Notes
    -----
    With W any whitening of the rows, :math:`W^TW = \Sigma_{xx}^+`, and U an orthonormal basis of
    the range of :math:`W\Sigma_{xz}`, the map is :math:`r(x) = x - W^+UU^TW(x - \mu)` [1]_. After
    it the cross-covariance with Z is 0, so that no linear predictor of a class under a convex loss
    beats a constant, on the distribution of the fit; of a continuous variable, none under squared
    loss. On fresh rows a little is left, in the order of sqrt(n_features / n_samples).

    **What it does not remove**: all that is not linear. Of 18,000 rows in two groups of equal means
    and unequal scales a boosting probe tells the group with an AUC of .933 before and .910 after,
    on fresh rows; of Adult's sex .926 and .925, where a linear probe falls from .930 to .555. On
    the same table with indicators of rare levels that linear probe still has .923: where a level
    does not occur, its column is a multiple of what was to be erased. Pool rare levels. A strength
    below 1 is an invertible map, which least squares undoes.

    **What it costs**: a direction goes as a whole, however weak its correlation. On COMPAS the AUC
    of a logistic regression for the target falls from .715 to .556 (race).

    A column that is a linear function of Z becomes its mean, to the last bit. Forgetting rows is
    exact, bit for bit, on the same grid: classes are kept apart in the exact sums, and continuous
    sensitive columns join them, so that a class that loses its last row ends as in a refit.

    References
    ----------
    .. [1] N. Belrose, D. Schneider-Joseph, S. Ravfogel, R. Cotterell, E. Raff, S. Biderman.
       LEACE: Perfect linear concept erasure in closed form. NeurIPS 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import LinearConceptEraser
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat(["a", "b"], 500)
    >>> X = rng.normal(size=(1000, 2)) + np.where(z == "a", 0.0, 3.0)[:, None]
    >>> model = LinearConceptEraser().fit(X, sensitive_features=z)
    >>> X_hat = model.transform(X)
    >>> gap = X_hat[z == "a"].mean(axis=0) - X_hat[z == "b"].mean(axis=0)
    >>> bool(abs(gap).max() < 1e-12), model.n_directions_
    (True, 1)
    >>> model.unlearn(X[:100], sensitive_features=z[:100]).n_samples_retained_
    900
    """

    __metadata_request__transform: ClassVar = {"sensitive_features": UNUSED}  # it is ignored
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _private_attributes = ("_columns", "_continuous", "_erased")
    _parameter_constraints: ClassVar[dict] = {
        "sensitive_columns": "no_validation",
        "z_type": [StrOptions({"auto", "class", "continuous"})],
        "strength": [Interval(Real, 0, 1, closed="both")],
        "keep_sensitive": ["boolean"],
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        sensitive_columns=None,
        *,
        z_type="auto",
        strength=1.0,
        keep_sensitive=False,
        track_rows=True,
        resolution="auto",
    ):
        self.sensitive_columns = sensitive_columns
        self.z_type = z_type
        self.strength = strength
        self.keep_sensitive = keep_sensitive
        self.track_rows = track_rows
        self.resolution = resolution

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.string = tags.input_tags.categorical = True
        tags.unlearner_tags.needs_sensitive = self.sensitive_columns is None
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Find the map from exact moments.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numeric columns without missing values, and the sensitive ones.
        y : None
            Ignored.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Sensitive values that are not in X: labels of any type, or numbers, see `z_type`.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If it is not said what is sensitive, or if sensitive values or numbers are missing.
        """
        return self._fit_exact(Request(X, None, sample_weight, sensitive_features))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Learn more rows; the result equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y, sensitive_features, sample_weight
            As in `fit`. Classes may be new.

        Returns
        -------
        self : object
        """
        if hasattr(self, "mean_"):
            self._check_maintained()
        return self._partial_fit_exact(Request(X, None, sample_weight, sensitive_features))

    def transform(self, X, *, sensitive_features=None):
        """Take the linear information off each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns as in `fit`; sensitive ones that are not kept may be left out.
        sensitive_features : object
            Ignored: accepted so that a transformer that needs it can be exchanged for this one.

        Returns
        -------
        {ndarray, DataFrame} of shape (n_samples, n_features_out)
        """
        check_is_fitted(self)
        if not 0 <= self.strength <= 1:
            raise ValueError(f"Got strength={self.strength!r}, expected a float in [0, 1].")
        if self._without_sensitive(X):
            X = X if is_frame(X) else check_array(X, dtype=None, ensure_all_finite=False)
            numeric = numeric_block(self, X, range(X.shape[1]))
        else:
            X = as_table(self, X, reset=False)
            numeric = numeric_block(self, X, self._columns.numeric)
        return self._assemble(X, self._erase(numeric))

    def to_sklearn(self):
        """Give a copy for serving: no statistics of rows, fingerprints or keys.

        Returns
        -------
        LinearConceptEraser
            scikit-learn has no such transformer. It transforms, and cannot forget.
        """
        check_is_fitted(self)
        return copy_fitted(self, type(self), self._private_attributes)

    @property
    def projection_(self):
        """The projection P: what it gives of a centred row is taken off."""
        check_is_fitted(self)
        return self.loadings_ @ self.directions_

    @property
    def transport_cost_(self):
        """E||X - r(X)||^2 over the rows learned, at the present strength."""
        check_is_fitted(self)
        return self.strength**2 * self.full_transport_cost_

    # -- learning ----------------------------------------------------------------------------

    def _read(self, request, reset):
        """Read rows to learn or to forget: numbers, codes, groups, words, and what is kept."""
        X = as_table(self, request.X, reset, allow_empty=not reset)
        if reset:
            return self._read_in(X, request, choose_columns(self, X, request.sensitive_features))
        self._check_source(request.sensitive_features)
        return self._read_in(X, request, self._columns, self._continuous)

    def _read_in(self, X, request, columns, continuous=None):
        """Read a checked table in columns of known roles; continuous Z is put after the others."""
        numeric = numeric_block(self, X, columns.numeric, allow_empty=continuous is not None)
        values = sensitive_values(X, request.sensitive_features, columns)
        if continuous is None:
            continuous = tuple(self._is_continuous(column) for column in values)
        labels = [v for v, number in zip(values, continuous, strict=True) if not number]
        measured = [v for v, number in zip(values, continuous, strict=True) if number]
        codes, groups, words = read_groups(labels, len(numeric))
        missing = codes == UNKNOWN
        if measured:
            Z = numbers(measured)
            missing |= np.isnan(Z).any(axis=1)
            words = np.column_stack([words, *(label_words(column) for column in Z.T)])
        if missing.any():
            raise ValueError(
                f"The sensitive features of {np.count_nonzero(missing)} rows are missing (NaN or "
                "None). Leave these rows out, or give a missing class a label of its own, such as "
                '"unknown".'
            )
        if measured:
            numeric = np.column_stack([numeric, Z])
        return numeric, codes, groups, words, {"columns": columns, "continuous": continuous}

    def _is_continuous(self, values):
        if self.z_type == "auto":
            return values.dtype.kind == "f"
        return self.z_type == "continuous"

    def _check_rows(self, request, reset):
        numeric, codes, groups, words, info = self._read(request, reset)
        rows = Rows(
            numeric,
            weights=check_weights(request.sample_weight, numeric),
            keys=[(None, group, None) for group in groups],
            codes=codes,
            content=(words,),
        )
        return rows, info

    def _derive(self, moments, info):
        pooled, n_numbers = moments.pooled, sum(info["continuous"])
        d = pooled.n_features - n_numbers
        columns = info["columns"].of_width(d)
        moved = list(columns.moved)
        by_group = moments.means("group")
        groups = in_order(by_group)
        cross = [class_correlations([by_group[g] for g in groups], groups, pooled)]
        cross.append(number_correlations(pooled, d))
        covariance = pooled.covariance[np.ix_(moved, moved)]
        mean = pooled.mean[moved]
        directions, loadings = eraser(covariance, mean, np.hstack(cross)[moved])
        variance = np.diagonal(covariance)
        explained = (loadings**2).sum(axis=1) >= (1 - _EXPLAINED) * variance
        return {
            "mean_": mean,
            "directions_": directions,
            "loadings_": loadings,
            "n_directions_": len(directions),
            "groups_": groups,
            "full_transport_cost_": float((loadings**2).sum()),
            "sensitive_columns_": np.array(columns.sensitive, dtype=np.intp),
            "_columns": columns,
            "_continuous": info["continuous"],
            "_erased": explained & (variance > 0),
        }

    # -- moving ------------------------------------------------------------------------------

    def _erase(self, numeric):
        """Rows of the columns that go out, at the present strength."""
        t = self.strength
        if t == 0 or not self.n_directions_:
            return numeric.copy()
        moved, erased = list(self._columns.moved), self._erased
        every = moved == list(range(numeric.shape[1]))
        out = np.empty_like(numeric) if every else numeric.copy()
        for start in range(0, len(numeric), _CHUNK):
            rows = slice(start, start + _CHUNK)
            x = numeric[rows] if every else numeric[rows][:, moved]
            x = x.astype(np.float64, copy=False)
            x = x - t * ((x - self.mean_) @ self.directions_.T) @ self.loadings_.T
            if erased.any():
                left = numeric[rows][:, np.array(moved)[erased]]
                x[:, erased] = (1 - t) * left + t * self.mean_[erased]
            if every:
                out[rows] = x
            else:
                out[rows, moved] = x
        return out

    # -- in a pipeline -----------------------------------------------------------------------

    def _front(self, request, reset):
        """Numeric columns that go out, the group of each row, and what `_derive` needs to know."""
        if not reset and not is_frame(request.X) and not inside(self.sensitive_columns):
            # Behind another step, which has checked X: ours will be as wide as what that puts out.
            X = check_array(request.X, dtype=None, ensure_all_finite=False, ensure_min_samples=0)
            columns = choose_columns(self, X, request.sensitive_features)
            continuous = (False,) * columns.external
            numeric, codes, groups, _, info = self._read_in(X, request, columns, continuous)
        else:
            numeric, codes, groups, _, info = self._read(request, reset)
        return numeric, [groups[code] for code in codes.tolist()], info

    def _moments_refusal(self, request):
        """Why a pipeline cannot carry on with moments of what goes out, or None."""
        if self.sensitive_columns is None and request.sensitive_features is not None:
            values = value_columns(request.sensitive_features)
            return _ROUTED if any(self._is_continuous(v) for v in values) else None
        return super()._moments_refusal(request)

    def _push(self, attributes, moments):
        """Moments of what goes out: one affine map for all rows, continuous Z left behind."""
        columns, t = attributes["_columns"], self.strength
        d = len(columns.numeric)
        width = d + sum(attributes["_continuous"])
        moved, erased = np.array(columns.moved), attributes["_erased"]
        projection = attributes["loadings_"] @ attributes["directions_"]
        projection[erased] = np.eye(len(moved))[erased]
        matrix, offset = np.eye(d, width), np.zeros(d)
        matrix[np.ix_(moved, moved)] -= t * projection
        offset[moved] = t * projection @ attributes["mean_"]
        return moments.affine(matrix, offset)
