"""Principal components that can forget rows and columns."""

from numbers import Integral

import numpy as np
from scipy import linalg
from sklearn import decomposition

from skunlearn._exact import ExactUnlearnerMixin, check_X, plain_rows
from skunlearn._sklearn_compat import fit_context, infer_dimension, svd_flip
from skunlearn.base import Request, UnlearnerTags


class PCA(ExactUnlearnerMixin, decomposition.PCA):
    """Principal component analysis with `unlearn`: scikit-learn's class on exact moments.

    Parameters
    ----------
    n_components : int, float or "mle", default=None
        Number of components, share of the variance to explain, or Minka's estimate.
    copy : bool, default=True
        Accepted for compatibility; X is never written to.
    whiten : bool, default=False
        Scale the components to unit variance.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}, default="auto"
        Accepted for compatibility: always the eigendecomposition of the exactly centred scatter.
    tol : float, default=0.0
        Accepted for compatibility.
    iterated_power : int or "auto", default="auto"
        Accepted for compatibility.
    n_oversamples : int, default=10
        Accepted for compatibility.
    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        Accepted for compatibility.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Principal axes, largest variance first, signs as scikit-learn's.
    explained_variance_ : ndarray of shape (n_components,)
        Variance along each axis.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Its share of the total.
    singular_values_ : ndarray of shape (n_components,)
        Singular values of the centred X.
    mean_ : ndarray of shape (n_features,)
        Means.
    n_components_ : int
        Number of components.
    n_samples_ : int
        Number of rows.
    noise_variance_ : float
        Mean variance outside the components (probabilistic PCA).
    resolution_ : ndarray of shape (n_features + 1,), int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the model stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    skunlearn.preprocessing.StandardScaler : Standardisation that can forget.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. Memory and the eigendecomposition grow as n_features squared and cubed. Where variances
    coincide the axes are arbitrary, here and in scikit-learn. Its default solver loses digits
    beside large means (1e-3 at offsets of 1e6); this one does not.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skunlearn.decomposition import PCA
    >>> X, _ = load_wine(return_X_y=True)
    >>> pca = PCA(n_components=2).fit(X).unlearn(X[:10])
    >>> pca.n_samples_
    168
    """

    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _columns_free = True
    _parameter_constraints: dict = {
        **decomposition.PCA._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        n_components=None,
        *,
        copy=True,
        whiten=False,
        svd_solver="auto",
        tol=0.0,
        iterated_power="auto",
        n_oversamples=10,
        power_iteration_normalizer="auto",
        random_state=None,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            n_components=n_components,
            copy=copy,
            whiten=whiten,
            svd_solver=svd_solver,
            tol=tol,
            iterated_power=iterated_power,
            n_oversamples=n_oversamples,
            power_iteration_normalizer=power_iteration_normalizer,
            random_state=random_state,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit from the exact moments of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Learn more rows; the result equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self : object
        """
        return self._partial_fit_exact(Request(X))

    def _check_rows(self, request, reset):
        X = check_X(
            self, request, reset, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32]
        )
        return plain_rows(X, request), {"dtype": X.dtype}

    def _derive(self, moments, info):
        pooled = moments.pooled
        n, d = pooled.n_rows, pooled.n_features
        values, vectors = linalg.eigh(pooled.scatter[:d, :d])
        values = np.maximum(values[::-1], 0.0)[: min(n, d)]
        vectors = np.ascontiguousarray(vectors[:, ::-1].T[: min(n, d)])
        _, vectors = svd_flip(None, vectors, u_based_decision=False)
        variance = values / max(n - 1, 1)
        total = variance.sum()
        ratio = variance / total if total > 0 else np.full_like(variance, np.nan)
        k = self._number_of_components(variance, ratio, n, d)
        noise = variance[k:].mean() if k < min(n, d) else 0.0
        dtype = info["dtype"]
        arrays = {
            "components_": vectors[:k],
            "explained_variance_": variance[:k],
            "explained_variance_ratio_": ratio[:k],
            "singular_values_": np.sqrt(values[:k]),
            "mean_": pooled.mean[:d],
        }
        return {
            **{name: array.astype(dtype) for name, array in arrays.items()},
            "noise_variance_": noise,
            "n_components_": k,
            "n_samples_": n,
        }

    def _number_of_components(self, variance, ratio, n, d):
        wanted, largest = self.n_components, min(n, d)
        if wanted is None:
            return largest
        if wanted == "mle":
            if n < d:
                raise ValueError("n_components='mle' is only supported if n_samples >= n_features")
            return int(infer_dimension(variance, n))
        if isinstance(wanted, Integral) or wanted == 1.0:
            if not 0 <= wanted <= largest:
                raise ValueError(
                    f"n_components={wanted} must be between 0 and min(n_samples, n_features)="
                    f"{largest} with svd_solver={self.svd_solver!r}"
                )
            return int(wanted)
        return int(np.searchsorted(np.cumsum(ratio), wanted, side="right")) + 1

    def _push(self, attributes, moments):
        components = attributes["components_"]
        if self.whiten:
            scale = np.sqrt(attributes["explained_variance_"])
            floor = np.finfo(scale.dtype).eps  # as scikit-learn's transform has it
            components = components / np.maximum(scale, floor)[:, None]
        return moments.affine(components, -components @ attributes["mean_"])
