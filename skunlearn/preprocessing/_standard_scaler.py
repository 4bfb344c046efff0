"""Standardisation that can forget rows and columns."""

import dataclasses

import numpy as np
from scipy import sparse
from sklearn import preprocessing

from skunlearn._exact import ExactUnlearnerMixin, check_X, plain_rows
from skunlearn._reading import number_block
from skunlearn._sklearn_compat import fit_context
from skunlearn._statistics._expanded import ExpandedMoments, ExpandedRows
from skunlearn._statistics._tables import NumberTable
from skunlearn.base import Request, UnlearnerTags


class StandardScaler(ExactUnlearnerMixin, preprocessing.StandardScaler):
    """Standardise features, with `unlearn`: scikit-learn's class on exact moments.

    Parameters
    ----------
    copy : bool, default=True
        As in scikit-learn.
    with_mean : bool, default=True
        Centre the features.
    with_std : bool, default=True
        Scale the features to unit variance.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    scale_ : ndarray of shape (n_features,) or None
        Standard deviations, 1 for a constant feature.
    mean_ : ndarray of shape (n_features,) or None
        Means.
    var_ : ndarray of shape (n_features,) or None
        Variances.
    n_samples_seen_ : int, float or ndarray of shape (n_features,)
        Number of rows with a value, or the sum of their weights; by feature where missing values
        make them differ.
    resolution_ : ndarray of shape (n_features + 1,), int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the scaler stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    skunlearn.decomposition.PCA : Principal components that can forget.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. A feature is constant when its exact variance on the grid is 0; scikit-learn also takes
    tiny variances beside large means for rounding errors. Missing values (NaN) are left out of
    the statistics and stay missing in the output, as in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.preprocessing import StandardScaler
    >>> X = np.array([[0.0], [1.0], [2.0], [1e9]])
    >>> scaler = StandardScaler().fit(X).unlearn(X[3:])
    >>> scaler.mean_, scaler.var_
    (array([1.]), array([0.66666667]))
    """

    _kind = "diagonal"
    _columns_free = True
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _parameter_constraints: dict = {
        **preprocessing.StandardScaler._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self, *, copy=True, with_mean=True, with_std=True, track_rows=True, resolution="auto"
    ):
        super().__init__(copy=copy, with_mean=with_mean, with_std=with_std)
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit from the exact moments of the columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, None, sample_weight))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Learn more rows; the result equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self : object
        """
        return self._partial_fit_exact(Request(X, None, sample_weight))

    def _check_rows(self, request, reset):
        X = check_X(
            self,
            request,
            reset,
            accept_sparse=["csr", "csc"],
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )
        if sparse.issparse(X) and self.with_mean:
            raise ValueError(
                "Cannot center sparse matrices: pass `with_mean=False` instead. See docstring for "
                "motivation and alternatives."
            )
        rows = plain_rows(X, request)
        block = number_block(rows.X)
        rows = dataclasses.replace(rows, X=np.zeros((len(rows), 0)), content=(rows.X,), raw=True)
        return ExpandedRows([block], rows), {"sparse": sparse.issparse(X)}

    def _derive(self, moments, info):
        if isinstance(moments, ExpandedMoments):
            table = NumberTable.of_block(moments, 0, np.dtype(np.float64))
            return self._derive_table(table, info)
        pooled = moments.pooled
        weight, rows = pooled.weight, pooled.n_rows
        seen = rows if weight == rows or not (self.with_mean or self.with_std) else weight
        return self._attributes_of(pooled.mean[: pooled.n_features], pooled.variance, seen, info)

    def _derive_table(self, table, info):
        if not table.moments.pooled.weight > 0:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        weight, mean, variance = table.statistics()
        pooled, present = table.moments.pooled, table.n_present()
        counted = pooled.weight == pooled.n_rows or not (self.with_mean or self.with_std)
        seen = present if counted else weight
        seen = seen[0] if len(seen) and (seen == seen[0]).all() else seen
        seen = int(seen) if counted and np.ndim(seen) == 0 else seen
        return self._attributes_of(mean, variance, seen, info)

    def _attributes_of(self, mean, variance, seen, info):
        no_mean = not self.with_std and (not self.with_mean or info.get("sparse"))
        scale = np.sqrt(np.where(variance == 0, 1.0, variance))
        return {
            "mean_": None if no_mean else mean.copy(),
            "var_": variance if self.with_std else None,
            "scale_": scale if self.with_std else None,
            "n_samples_seen_": seen,
        }

    def _push(self, attributes, moments):
        return moments.affine(*self._map(attributes, moments.pooled.n_features))

    def _push_table(self, attributes, table):
        return table.scaled(*self._map(attributes, table.n_columns))

    def _map(self, attributes, d):
        scale = 1.0 / attributes["scale_"] if self.with_std else np.ones(d)
        shift = -attributes["mean_"] * scale if self.with_mean else np.zeros(d)
        return scale, shift
