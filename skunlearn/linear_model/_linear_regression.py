"""Ordinary least squares that can forget rows and columns."""

import numpy as np
from scipy import linalg
from sklearn import linear_model

from skunlearn.linear_model._base import LeastSquaresMixin
from skunlearn.linear_model._solve import NormalEquations, rank


class LinearRegression(LeastSquaresMixin, linear_model.LinearRegression):
    """Ordinary least squares with `unlearn`: scikit-learn's class on exact moments.

    Parameters
    ----------
    fit_intercept : bool, default=True
        As in scikit-learn.
    copy_X : bool, default=True
        Accepted for compatibility; X is never written to.
    tol : float, default=1e-6
        Accepted for compatibility; the solution is direct.
    n_jobs : int, default=None
        Accepted for compatibility.
    positive : bool, default=False
        True is refused at `fit`: non-negative least squares is no function of moments.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns [X | y] and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients; of minimum norm where columns are collinear.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.
    rank_ : int
        Rank of the centred X, decided on the correlation scale.
    singular_ : ndarray of shape (min(n_samples, n_features),)
        Singular values of the centred X.
    resolution_ : ndarray of shape (n_columns + 1,), int
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
    Ridge : Linear least squares with L2 regularization.

    Notes
    -----
    The guarantee is exact: after `unlearn` every attribute equals, bit for bit, that of a fit on
    the rows that remain, in any order of rows and requests, on the same grid. scikit-learn cuts off
    columns whose scale is 1e-6 of the largest; here the units of a column do not matter. Moments
    square the condition number: on nearly collinear columns (polynomials of high degree)
    scikit-learn's solution, from the rows themselves, has more correct digits.

    References
    ----------
    Ozaki, Ogita, Oishi, Rump. Error-free transformations of matrix multiplication by using fast
    routines of matrix multiplication and its applications. Numerical Algorithms 59, 2012.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.linear_model import LinearRegression
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LinearRegression().fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = LinearRegression(resolution=model.resolution_).fit(X[9:], y[9:])
    >>> bool((model.coef_ == refit.coef_).all())
    True
    """

    _ravel_one_target = False
    _parameter_constraints: dict = {
        **linear_model.LinearRegression._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        *,
        fit_intercept=True,
        copy_X=True,
        tol=1e-6,
        n_jobs=None,
        positive=False,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            fit_intercept=fit_intercept, copy_X=copy_X, tol=tol, n_jobs=n_jobs, positive=positive
        )
        self.track_rows = track_rows
        self.resolution = resolution

    def _derive(self, moments, info):
        pooled = moments.pooled
        equations = NormalEquations.of(pooled)
        coef, intercept = equations.solve(np.zeros(len(equations.mean_y)), self.fit_intercept)
        gram = equations.scatter
        n_independent = rank(gram)
        if not self.fit_intercept:
            gram = gram + pooled.weight * np.outer(equations.mean_x, equations.mean_x)
            if n_independent < len(gram):
                n_independent = rank(gram)
        singular = np.sqrt(np.maximum(linalg.eigvalsh(gram)[::-1], 0.0))
        return {
            **self._linear_attributes(coef, intercept, info),
            "rank_": n_independent,
            "singular_": singular[: min(pooled.n_rows, len(gram))],
        }
