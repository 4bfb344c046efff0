"""Kernel ridge regression that can forget rows: a Cholesky factor that loses rows."""

import numpy as np
from sklearn import kernel_ridge

from skunlearn._exact import check_X_y
from skunlearn._kept_rows import KeptRowsMixin, own
from skunlearn._sklearn_compat import check_weights, fit_context, solve_cholesky_kernel
from skunlearn._statistics._rows import join, take
from skunlearn.base import Request, UnlearnerTags
from skunlearn.kernel_ridge._factor import FORWARD, KernelFactor

_SHARE = 12  # a request of more than one row in so many is cheaper by a refit


class KernelRidge(KeptRowsMixin, kernel_ridge.KernelRidge):
    """Kernel ridge regression with `unlearn`: scikit-learn's class on kept rows and a factor.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1
        Penalty. Different values for the targets are learned as in scikit-learn, and a request is
        a refit on the kept rows.
    kernel : str or callable, default="linear"
        As in scikit-learn; "precomputed" is refused, since a kernel matrix does not show the rows.
    gamma, degree, coef0 : float, default=None, 3, 1
        Parameters of the kernel.
    kernel_params : dict, default=None
        Further parameters of a callable kernel.
    track_rows : bool, default=True
        Keep two keyed 64-bit fingerprints a row. False saves these 16 bytes and makes them anew
        at each request; rows that were never learned are refused in both cases.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Weights of the kept rows.
    X_fit_ : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Kept rows, in CSR where they are sparse.
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
    skunlearn.linear_model.Ridge : The linear kernel, bit for bit and without kept rows.

    Notes
    -----
    The guarantee is equality with a refit up to rounding, not bit for bit: a Cholesky factor of
    K + alpha I is kept, and its rows are deleted by orthogonal maps, O(n² m) for m rows of n where
    a refit costs O(n³). The deletion subtracts nothing, so requests do not add up to a drift. Each
    new solution is refined once with the kernel matrix itself; where that step moves it by more
    than 1e-9 of its size, the model is fitted anew on the kept rows, as it is where more than one
    row in twelve goes, and where K + alpha I is singular to working precision (scikit-learn then
    takes least squares).

    Memory: 8 n² bytes between requests, for the factor and the kernel matrix in one array, in
    pickles too; twice as much during a request. `to_sklearn` carries neither.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.kernel_ridge import KernelRidge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = KernelRidge(kernel="rbf", gamma=0.1).fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = KernelRidge(kernel="rbf", gamma=0.1).fit(X[9:], y[9:])
    >>> bool(abs(model.predict(X) - refit.predict(X)).max() < 1e-8)
    True
    """

    _kind = "approximate"
    _detail = (
        "Equal to a fit on the rows that remain up to rounding: a Cholesky factor loses rows by "
        "orthogonal maps, each solution is refined with the kernel matrix, and where refinement "
        f"moves it by more than {FORWARD:g} of its size the model is fitted anew. The training "
        "rows are kept, as kernel ridge does."
    )
    _takes = ("sample_weight",)
    _unlearner_tags = UnlearnerTags(kind="approximate", needs_y=True, keeps_rows=True)
    _parameter_constraints: dict = {
        **kernel_ridge.KernelRidge._parameter_constraints,
        "track_rows": ["boolean"],
    }

    def __init__(
        self,
        alpha=1,
        *,
        kernel="linear",
        gamma=None,
        degree=3,
        coef0=1,
        kernel_params=None,
        track_rows=True,
    ):
        super().__init__(
            alpha,
            kernel=kernel,
            gamma=gamma,
            degree=degree,
            coef0=coef0,
            kernel_params=kernel_params,
        )
        self.track_rows = track_rows

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Solve for the dual weights, and keep the rows and the factor.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Copied, so that a later change of the caller's array changes no model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, copied.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        self : object
        """
        if self.kernel == "precomputed":
            raise ValueError(
                'Got kernel="precomputed": KernelRidge finds rows to forget by their content, '
                "which a kernel matrix does not show. Pass the rows with a named or a callable "
                "kernel, or use sklearn.kernel_ridge.KernelRidge and fit it on the rows that "
                "remain."
            )
        parts = self._checked(Request(own(X), own(y), own(sample_weight)), reset=True)
        self._commit(self._solved(parts))
        self._note_rows()
        return self

    # -- rows ------------------------------------------------------------------------------

    def _checked(self, request, reset):
        options = {"accept_sparse": ("csr", "csc"), "multi_output": True, "y_numeric": True}
        X, y = check_X_y(self, request, reset, **options)
        X = X.tocsr() if hasattr(X, "tocsr") else X
        return {"X": X, "y": y, "sample_weight": check_weights(request.sample_weight, X)}

    def _check_request(self, request):
        return self._checked(request, reset=False)

    def _kept(self):
        return {"X": self.X_fit_, "y": self._y, "sample_weight": self._weights}

    # -- solving ---------------------------------------------------------------------------

    def _solved(self, parts):
        """Attributes of a model fitted on rows, from nothing but these."""
        X, y, weights = parts["X"], parts["y"], parts["sample_weight"]
        _check_some_weight(weights)
        K = self._get_kernel(X)
        dtype = _dual_dtype(K, y)
        alpha = np.atleast_1d(self.alpha)
        factor = None
        if (alpha == alpha[0]).all():
            K = np.asarray(K, dtype=np.float64, order="C")
            if weights is not None:
                root = np.sqrt(weights)
                K *= root[:, None]
                K *= root
            factor = KernelFactor.of(K, alpha[0])
        if factor is None:
            K = self._get_kernel(X)
            columns = y.reshape(len(y), -1)
            dual = solve_cholesky_kernel(K, columns, alpha, weights)
        else:
            dual = _unscaled(factor.solve(_scaled(y, weights)), weights)
        return self._attributes(parts, dual.astype(dtype, copy=False), factor)

    def _attributes(self, parts, dual, factor):
        y = parts["y"]
        return {
            "dual_coef_": dual.ravel() if y.ndim == 1 else np.ascontiguousarray(dual),
            "X_fit_": parts["X"],
            "_y": y,
            "_weights": parts["sample_weight"],
            "_factor": factor,
        }

    def _stand_on(self, keep, more):
        learned = self._kept()
        parts = {name: take(part, keep) for name, part in learned.items()}
        n_gone = learned["X"].shape[0] - len(keep)
        if more is not None:
            return self._solved(_joined(parts, more))
        if self._factor is None or n_gone * _SHARE > len(self._factor):
            return self._solved(parts)
        weights = parts["sample_weight"]
        _check_some_weight(weights)
        factor = self._factor.without(keep)
        dual, change = factor.refined(_scaled(parts["y"], weights))
        if change > FORWARD:
            return self._solved(parts)
        dual = _unscaled(dual, weights).astype(self.dual_coef_.dtype, copy=False)
        return self._attributes(parts, dual, factor)

    def _hand_over(self):
        super()._hand_over()
        self._factor = None  # the pipeline refits: n² numbers less


def _joined(parts, more):
    """Rows, then more rows; weights that were not given are 1."""
    n = [part["X"].shape[0] for part in (parts, more)]
    weights = [part["sample_weight"] for part in (parts, more)]
    if any(weight is not None for weight in weights):
        weights = [
            np.ones(size) if weight is None else weight
            for size, weight in zip(n, weights, strict=True)
        ]
    return {
        "X": join(parts["X"], more["X"]),
        "y": join(parts["y"], more["y"]),
        "sample_weight": join(*weights),
    }


def _check_some_weight(weights):
    if weights is not None and not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")


def _scaled(y, weights):
    """Targets as columns, times the roots of the weights."""
    columns = y.reshape(len(y), -1).astype(np.float64)
    return columns if weights is None else columns * np.sqrt(weights)[:, None]


def _unscaled(dual, weights):
    """Dual weights of the rows, from those of the rows times the roots of the weights."""
    return dual if weights is None else dual * np.sqrt(weights)[:, None]


def _dual_dtype(K, y):
    """Return the type that scikit-learn's solver gives the dual weights."""
    dtype = np.result_type(K.dtype, y.dtype)
    return dtype if dtype == np.float32 else np.dtype(np.float64)
