"""What least-squares regressors share: rows to moments, coefficients to attributes."""

import numpy as np

from skunlearn._exact import ExactUnlearnerMixin, check_X_y, plain_rows
from skunlearn._sklearn_compat import fit_context
from skunlearn.base import Request


class LeastSquaresMixin(ExactUnlearnerMixin):
    """Least squares on the joint moments of [X | Y]; a subclass gives `_derive`."""

    _target = "numeric"
    _ravel_one_target = True  # the form of coef_ for y of shape (n, 1), as scikit-learn has it
    _columns_free = True

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit from the exact moments of [X | y].

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : float or array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, y, sample_weight))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Learn more rows; the result equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self : object
        """
        return self._partial_fit_exact(Request(X, y, sample_weight))

    def _check_supported(self):
        if self.positive:
            raise ValueError(
                f"{type(self).__name__}(positive=True) cannot forget exactly: its solution is not "
                "a function of moments. Got positive=True, expected False."
            )

    def _unlearn_refusal(self):
        try:
            self._check_supported()
        except ValueError as error:
            return str(error)
        return None

    def _check_rows(self, request, reset):
        self._check_supported()
        X, y = check_X_y(
            self,
            request,
            reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            y_numeric=True,
            multi_output=True,
        )
        y = np.asarray(y, dtype=np.float64)
        info = {"dtype": X.dtype, "y_ndim": y.ndim}
        return plain_rows(X, request, Y=y[:, None] if y.ndim == 1 else y), info

    def _linear_attributes(self, coef, intercept, info):
        """`coef_` and `intercept_` from coefficients of shape (d, q)."""
        coef = coef.T.astype(info["dtype"])
        intercept = intercept.astype(info["dtype"])
        if len(coef) == 1 and (info["y_ndim"] == 1 or self._ravel_one_target):
            coef = coef[0]
        if info["y_ndim"] == 1:
            intercept = intercept[0]
        return {"coef_": coef, "intercept_": intercept if self.fit_intercept else 0.0}
