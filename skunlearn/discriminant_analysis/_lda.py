"""Linear discriminant analysis that can forget rows and columns."""

import warnings

import numpy as np
from scipy import linalg
from sklearn import discriminant_analysis
from sklearn.utils.metaestimators import available_if

from skunlearn.discriminant_analysis._base import ClassMoments, DiscriminantMixin
from skunlearn.discriminant_analysis._linalg import Factor, shrunk, signed


def _can_transform(estimator):
    if estimator.solver == "lsqr":
        raise AttributeError("transform not implemented for 'lsqr' solver (use 'svd' or 'eigen').")
    return True


class _Projection:
    """`transform` where the solver has one; not itself wrapped for `set_output` a second time."""

    @available_if(_can_transform)
    def transform(self, X):
        """Project rows on the directions that separate the classes best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            At most as many columns as there are directions.
        """
        return super().transform(X)


class LinearDiscriminantAnalysis(
    _Projection, DiscriminantMixin, discriminant_analysis.LinearDiscriminantAnalysis
):
    """Linear discriminant analysis with `unlearn`: scikit-learn's class on exact class moments.

    Parameters
    ----------
    solver : {"svd", "lsqr", "eigen"}, default="svd"
        As in scikit-learn: how coefficients and directions are had, here from moments only.
    shrinkage : float in [0, 1], default=None
        Fixed shrinkage of the covariance, with the solvers "lsqr" and "eigen". "auto" is refused
        at `fit`: the estimate of Ledoit and Wolf is no function of moments.
    priors : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes; taken from the rows that remain if None.
    n_components : int, default=None
        Number of columns that `transform` gives, at most min(n_classes - 1, n_features).
    store_covariance : bool, default=False
        Store `covariance_` with the solver "svd" too.
    tol : float, default=1e-4
        Singular values of the scaled within-class data up to this one are taken for 0, with the
        solver "svd"; see Notes.
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
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, one row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    covariance_ : ndarray of shape (n_features, n_features)
        Covariance within the classes, weighted by the priors; with the solver "svd" only if
        `store_covariance`.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance between the classes along each direction; not with "lsqr".
    means_ : ndarray of shape (n_classes, n_features)
        Means of the classes.
    priors_ : ndarray of shape (n_classes,)
        Priors, of sum 1.
    scalings_ : ndarray of shape (n_features, n_directions)
        Directions in columns, signed such that the entry of largest size is positive; not with
        "lsqr". In scikit-learn the signs are arbitrary, and with "eigen" so are the columns after
        the first n_classes - 1, which `transform` never uses.
    xbar_ : ndarray of shape (n_features,)
        Mean of the means, weighted by the priors; only with "svd".
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
    QuadraticDiscriminantAnalysis : With a covariance for each class.
    skunlearn.linear_model.RidgeClassifier : Linear classification with a penalty.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. One exact Gram matrix is kept for each class; a request costs O(m d² + K d² + d³) for m
    rows, d features and K classes, whatever the number of rows that remain. A class that loses its
    last row leaves `classes_`, as in a refit; with given `priors` that is refused.

    **Rank.** scikit-learn's "svd" takes the singular values s of the within-class data, each
    column scaled to unit variance; here s² are the eigenvalues of the correlations within the
    classes, and s counts if s > `tol`, as there. Moments in float64 resolve eigenvalues of about
    16 n_features 2.2e-16 and more (s of 1e-7 for 5 features, 4e-7 for 50): what is left of a
    column's variance below that share, beside the columns that explain the rest, is taken for 0
    whatever `tol`, where the data themselves would show s down to 1e-15. The same limit decides
    what is collinear for the other solvers: "lsqr" gives the least-squares solution of least norm,
    "eigen" refuses, as scikit-learn's does up to the luck of rounding.

    **Large means.** With more than two classes "lsqr" and "eigen" have coefficients about the
    origin, here and in scikit-learn: with means of 1e6 standard deviations the scores are of order
    1e12, and their differences lose that many digits. "svd" does not.

    **One class.** It is refused, at `fit` as in `unlearn`: scikit-learn's `fit` takes it, and its
    `predict_proba` then fails. A class of one row has covariance 0; scikit-learn's "lsqr" and
    "eigen" warn of it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skunlearn.discriminant_analysis import LinearDiscriminantAnalysis
    >>> X, y = load_wine(return_X_y=True)
    >>> model = LinearDiscriminantAnalysis().fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = LinearDiscriminantAnalysis(resolution=model.resolution_).fit(X[9:], y[9:])
    >>> bool((model.coef_ == refit.coef_).all())
    True
    >>> model.unlearn(X[y == 2], y[y == 2]).classes_
    array([0, 1])
    """

    _min_rows = 2
    _private_attributes = ("_max_components", "_n_features_out")
    _parameter_constraints: dict = {
        **discriminant_analysis.LinearDiscriminantAnalysis._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        solver="svd",
        shrinkage=None,
        priors=None,
        n_components=None,
        store_covariance=False,
        tol=1e-4,
        covariance_estimator=None,
        *,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            solver=solver,
            shrinkage=shrinkage,
            priors=priors,
            n_components=n_components,
            store_covariance=store_covariance,
            tol=tol,
            covariance_estimator=covariance_estimator,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    def _derive(self, moments, info):
        parts = ClassMoments.of(moments, info["label_dtype"])
        if parts.counts.sum() == len(parts.classes):
            raise ValueError("The number of samples must be more than the number of classes.")
        priors = self._class_priors(parts, info["dtype"])
        n_components = self._number_of_components(parts)
        solve = {"svd": self._derive_svd, "lsqr": self._derive_lsqr, "eigen": self._derive_eigen}
        learned = solve[self.solver](parts, priors, n_components)
        learned |= {"means_": parts.means, "priors_": priors}
        return {
            **self._as_scikit_learn_types(learned, info["dtype"]),
            "classes_": parts.classes,
            "_max_components": n_components,
            "_n_features_out": n_components,
        }

    def _class_priors(self, parts, dtype):
        if self.priors is None:
            return parts.counts / parts.counts.sum()
        priors = self._given_priors(len(parts.classes), dtype).astype(np.float64)
        if (priors < 0).any():
            raise ValueError("priors must be non-negative")
        if abs(priors.sum() - 1.0) > 1e-5:
            warnings.warn("The priors do not sum to 1. Renormalizing", UserWarning, stacklevel=2)
            priors = priors / priors.sum()
        return priors

    def _number_of_components(self, parts):
        largest = min(len(parts.classes) - 1, parts.means.shape[1])
        if self.n_components is None:
            return largest
        if self.n_components > largest:
            raise ValueError("n_components cannot be larger than min(n_features, n_classes - 1).")
        return self.n_components

    def _derive_svd(self, parts, priors, n_components):
        within = parts.scatters.sum(axis=0) / parts.counts.sum()
        xbar = priors @ parts.means
        gaps = parts.means - xbar
        scalings = Factor.of(within).whitening(self.tol)
        if not scalings.size:
            raise ValueError(
                f"No feature varies within the classes beyond tol={self.tol}: there is no "
                "covariance to discriminate with."
            )
        # only ratios of these singular values matter, so that no scale is needed
        between = np.sqrt(priors)[:, None] * (gaps @ scalings)
        _, roots, axes = linalg.svd(between, full_matrices=False)
        with np.errstate(invalid="ignore"):  # equal means: the shares are not a number
            ratio = (roots**2 / np.sum(roots**2))[:n_components]
        rank = np.count_nonzero(roots > self.tol * roots[0])
        scalings = signed(scalings @ axes[:rank].T)
        coordinates = gaps @ scalings
        coef = coordinates @ scalings.T
        intercept = -0.5 * np.sum(coordinates**2, axis=1) + _log(priors) - coef @ xbar
        if len(priors) == 2:
            coef, intercept = coef[[1]] - coef[[0]], intercept[[1]] - intercept[[0]]
        found = {
            "coef_": coef,
            "intercept_": intercept,
            "explained_variance_ratio_": ratio,
            "scalings_": scalings,
            "xbar_": xbar,
        }
        if self.store_covariance:
            found["covariance_"] = np.tensordot(priors, parts.covariances, 1)
        return found

    def _derive_lsqr(self, parts, priors, n_components):
        covariance = shrunk(np.tensordot(priors, parts.covariances, 1), self.shrinkage)
        factor = Factor.of(covariance)
        found = _about_origin(parts.means, priors, lambda means: factor.solve(means.T).T)
        return {**found, "covariance_": covariance}

    def _derive_eigen(self, parts, priors, n_components):
        within = shrunk(np.tensordot(priors, parts.covariances, 1), self.shrinkage)
        rank = Factor.of(within).rank
        if rank < len(within):
            raise linalg.LinAlgError(
                f"The covariance within the classes is not positive definite (rank {rank} of "
                f"{len(within)}): use solver='svd', or a shrinkage above 0."
            )
        values, vectors = linalg.eigh(self._between(parts, priors), within)
        values, vectors = values[::-1], signed(vectors[:, ::-1])
        with np.errstate(invalid="ignore"):  # equal means: the shares are not a number
            ratio = (values / np.sum(values))[:n_components]
        found = _about_origin(parts.means, priors, lambda means: means @ vectors @ vectors.T)
        return {
            **found,
            "covariance_": within,
            "explained_variance_ratio_": ratio,
            "scalings_": vectors,
        }

    def _between(self, parts, priors):
        """Total less within covariance, without subtracting one from the other."""
        shares = parts.counts / parts.counts.sum()
        gaps = parts.means - parts.means[0]
        gaps = gaps - shares @ gaps
        between = (gaps * shares[:, None]).T @ gaps
        if self.priors is not None:  # the total knows no priors
            between = between + np.tensordot(shares - priors, parts.covariances, 1)
        return shrunk((between + between.T) / 2, self.shrinkage)

    def _as_scikit_learn_types(self, learned, dtype):
        """Give each array the dtype that scikit-learn's solver ends with."""
        wide = {"covariance_"}  # float64 whatever X is
        if self.solver != "svd":
            wide |= {"explained_variance_ratio_", "scalings_"}
            if len(learned["means_"]) != 2:
                wide |= {"coef_", "intercept_"}
        return {k: v if k in wide else v.astype(dtype) for k, v in learned.items()}

    def _push(self, attributes, moments):
        if self.solver == "lsqr":
            raise ValueError("transform not implemented for 'lsqr' solver (use 'svd' or 'eigen').")
        directions = attributes["scalings_"][:, : attributes["_max_components"]].T
        shift = np.zeros(len(directions))
        if self.solver == "svd":
            shift = -directions @ attributes["xbar_"]
        return moments.affine(directions, shift)


def _about_origin(means, priors, solve):
    """Coefficients and intercepts of scores whose zero is the origin; one row for two classes."""
    if len(means) == 2:  # of the difference at once: the parts would cancel beside large means
        coef = solve(means[[1]] - means[[0]])
        intercept = -0.5 * (coef @ (means[0] + means[1])) + np.diff(_log(priors))
    else:
        coef = solve(means)
        intercept = -0.5 * np.einsum("ij,ij->i", means, coef) + _log(priors)
    return {"coef_": coef, "intercept_": intercept}


def _log(priors):
    with np.errstate(divide="ignore"):  # a prior of 0 gives a score of minus infinity
        return np.log(priors)
