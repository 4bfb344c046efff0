"""Quadratic discriminant analysis that can forget rows and columns."""

import numpy as np
from scipy import linalg
from sklearn import discriminant_analysis

from skunlearn.discriminant_analysis._base import ClassMoments, DiscriminantMixin
from skunlearn.discriminant_analysis._linalg import Factor, shrunk


class QuadraticDiscriminantAnalysis(
    DiscriminantMixin, discriminant_analysis.QuadraticDiscriminantAnalysis
):
    """Quadratic discriminant analysis with `unlearn`, on exact class moments.

    Parameters
    ----------
    solver : {"svd", "eigen"}, default="svd"
        As in scikit-learn: "svd" goes with `reg_param`, "eigen" with `shrinkage`.
    shrinkage : float in [0, 1], default=None
        Fixed shrinkage of the covariances, with the solver "eigen". "auto" is refused at `fit`:
        the estimate of Ledoit and Wolf is no function of moments.
    priors : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes; taken from the rows that remain if None. Another number
        of them than of classes is refused at `fit`, where scikit-learn fails in `predict`.
    reg_param : float in [0, 1], default=0.0
        Regularisation of the variances along the axes, with the solver "svd".
    store_covariance : bool, default=False
        Store `covariance_`.
    tol : float, default=1e-4
        A class with a variance along an axis up to this one is refused.
    covariance_estimator : None
        Others than None are refused at `fit`: they may be no function of moments.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    covariance_ : list of n_classes ndarray of shape (n_features, n_features)
        Biased covariances of the classes, regularised; only if `store_covariance`.
    means_ : ndarray of shape (n_classes, n_features)
        Means of the classes.
    priors_ : ndarray of shape (n_classes,)
        Priors.
    rotations_ : list of n_classes ndarray of shape (n_features, n_features)
        Axes of each class in columns, largest variance first, signed such that the entry of
        largest size is positive. scikit-learn's signs are arbitrary.
    scalings_ : list of n_classes ndarray of shape (n_features,)
        Variances along the axes.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes that have rows.
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
    LinearDiscriminantAnalysis : With one covariance for all classes.
    skunlearn.naive_bayes.GaussianNB : With diagonal covariances.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. One exact Gram matrix is kept for each class; a request costs O(m d² + K d³) for m rows,
    d features and K classes, whatever the number of rows that remain.

    `unlearn` is refused where scikit-learn's `fit` on what remains is: when a class is left with
    one row, or with a covariance that is not of full rank, or when one class is left. A class that
    loses all its rows in one request leaves `classes_`, as in a refit.

    The variances come from a Cholesky factor of the correlations, so that units cost no more digits
    than in a singular value decomposition of the data. What is left of a column's variance in a
    class below a share of about 16 n_features 2.2e-16 (a standard deviation of 1e-7 of its own for
    5 features, 4e-7 for 50), beside the columns that explain the rest, is taken for 0: with
    ``tol=0`` such a fit is refused, where a decomposition of the data would see on to 1e-15, and
    take its own rounding errors for variance below. So is one with rows 1e7 times further out than
    the others: they hide these from float64 moments.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skunlearn.discriminant_analysis import QuadraticDiscriminantAnalysis
    >>> X, y = load_iris(return_X_y=True)
    >>> model = QuadraticDiscriminantAnalysis().fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = QuadraticDiscriminantAnalysis(resolution=model.resolution_).fit(X[9:], y[9:])
    >>> bool((model.predict_proba(X) == refit.predict_proba(X)).all())
    True
    """

    _min_rows = 1
    _parameter_constraints: dict = {
        **discriminant_analysis.QuadraticDiscriminantAnalysis._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        *,
        solver="svd",
        shrinkage=None,
        priors=None,
        reg_param=0.0,
        store_covariance=False,
        tol=1.0e-4,
        covariance_estimator=None,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            solver=solver,
            shrinkage=shrinkage,
            priors=priors,
            reg_param=reg_param,
            store_covariance=store_covariance,
            tol=tol,
            covariance_estimator=covariance_estimator,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    def _derive(self, moments, info):
        parts = ClassMoments.of(moments, info["label_dtype"])
        n_classes, dtype = len(parts.classes), info["dtype"]
        n = float(parts.counts.sum())
        priors = parts.counts / n if self.priors is None else self._given_priors(n_classes)
        wide = dtype if self.solver == "svd" else np.float64  # as scikit-learn's solvers end
        covariances, scalings, rotations = [], [], []
        for label, count, each in zip(parts.classes, parts.counts, parts.covariances, strict=True):
            if count == 1:
                raise ValueError(
                    f"y has only 1 sample in class {label}, covariance is ill defined."
                )
            covariance, scaling, rotation = self._axes(each, count)
            self._check_rank(label, count, scaling, len(each))
            covariances.append(covariance.astype(wide))
            scalings.append(scaling.astype(wide))
            rotations.append(rotation.astype(wide))
        stored = {"covariance_": covariances} if self.store_covariance else {}
        return {
            **stored,
            "classes_": parts.classes,
            "means_": parts.means.astype(dtype),
            "priors_": priors,
            "rotations_": rotations,
            "scalings_": scalings,
        }

    def _axes(self, covariance, count):
        """Regularised covariance of a class, variances along its axes, and the axes."""
        if self.solver == "eigen":
            covariance = shrunk(covariance, self.shrinkage)
            return covariance, *Factor.of(covariance).eigh()
        keep = 1 - self.reg_param
        scaling, rotation = Factor.of(covariance).eigh()
        # fewer rows than columns give fewer singular values, which no regularisation completes
        scaling = keep * scaling[:count] + self.reg_param
        return keep * covariance + self.reg_param * np.eye(len(covariance)), scaling, rotation

    def _check_rank(self, label, count, scaling, n_features):
        """Refuse as scikit-learn does, with its words."""
        if np.count_nonzero(scaling > self.tol) == n_features:
            return
        message = f"The covariance matrix of class {label} is not full rank. "
        if self.solver == "svd" and count <= n_features:
            message += (
                "When using `solver='svd'` the number of samples in each class should be more than "
                f"the number of features, but class {label} has {count} samples and {n_features} "
                "features. Try using `solver='eigen'` and setting the parameter `shrinkage` for "
                "regularization."
            )
        else:
            parameter = "shrinkage" if self.solver == "eigen" else "reg_param"
            message += f"Increase the value of `{parameter}` to reduce the collinearity."
        raise linalg.LinAlgError(message)
