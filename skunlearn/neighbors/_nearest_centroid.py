"""Nearest centroids that can forget rows and columns."""

import warnings

import numpy as np
from sklearn import neighbors
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skunlearn._exact import ExactUnlearnerMixin, check_X_y, class_rows, classes_of
from skunlearn._sklearn_compat import fit_context
from skunlearn.base import Request


class NearestCentroid(ExactUnlearnerMixin, neighbors.NearestCentroid):
    """Nearest class mean, with `unlearn`: scikit-learn's class on exact class moments.

    Parameters
    ----------
    metric : {"euclidean"}, default="euclidean"
        "manhattan" is refused: its centroids are medians, which need every row.
    shrink_threshold : float, default=None
        Threshold by which the deviations of the class means from the common mean are shrunk.
    priors : {"uniform", "empirical"} or array-like of shape (n_classes,), default="uniform"
        Prior probabilities of the classes; "empirical" are the shares of the rows that remain.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    centroids_ : ndarray of shape (n_classes, n_features)
        Means of the classes, shrunk if `shrink_threshold` is given.
    classes_ : ndarray of shape (n_classes,)
        Labels that have rows.
    deviations_ : ndarray of shape (n_classes, n_features)
        Standardised deviations of the class means from the common mean.
    within_class_std_dev_ : ndarray of shape (n_features,)
        Pooled standard deviation within the classes.
    class_prior_ : ndarray of shape (n_classes,)
        Prior probabilities of the classes.
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
    KNeighborsClassifier : Vote of the k nearest neighbours; keeps the rows.
    skunlearn.naive_bayes.GaussianNB : Class means and variances.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. No rows are kept. Forgetting the last row of a class removes it from `classes_`, which
    is refused where given `priors` would no longer fit their number: scikit-learn would hand them
    to the wrong classes. A feature that is constant within every class is no warning here.

    References
    ----------
    Tibshirani, Hastie, Narasimhan and Chu (2002), "Diagnosis of multiple cancer types by shrunken
    centroids of gene expression", PNAS 99(10), 6567-6572.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skunlearn.neighbors import NearestCentroid
    >>> X, y = load_iris(return_X_y=True)
    >>> model = NearestCentroid().fit(X, y).unlearn(X[y == 1], y[y == 1])
    >>> model.classes_, model.centroids_.round(2)
    (array([0, 2]), array([[5.01, 3.43, 1.46, 0.25],
           [6.59, 2.97, 5.55, 2.03]]))
    """

    _kind = "diagonal"
    _columns_free = True
    _target = "class"
    _parameter_constraints: dict = {
        **neighbors.NearestCentroid._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        metric="euclidean",
        *,
        shrink_threshold=None,
        priors="uniform",
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(metric, shrink_threshold=shrink_threshold, priors=priors)
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Fit from the exact moments of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels, of at least two classes.

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, y))

    def _unlearn_refusal(self):
        if self.metric == "euclidean":
            return None
        return (
            f"Got metric={self.metric!r}: its centroids are medians, which are no function of "
            'moments. Use metric="euclidean", or put sklearn.neighbors.NearestCentroid last in a '
            "skunlearn.pipeline.Pipeline, which keeps the rows and refits it."
        )

    def _check_rows(self, request, reset):
        reason = self._unlearn_refusal()
        if reason is not None:
            raise ValueError(reason)
        if request.sample_weight is not None:
            raise ValueError(f"{type(self).__name__} takes no sample_weight: leave it out.")
        X, y = check_X_y(self, request, reset, accept_sparse="csr", dtype=[np.float64, np.float32])
        if len(y):
            check_classification_targets(y)
        rows, labels = class_rows(X, column_or_1d(y, warn=True), request)
        return rows, {"dtype": X.dtype, "label_dtype": labels.dtype}

    def _derive(self, moments, info):
        moments = moments.unweighted
        by_class = moments.by("class")
        classes = classes_of(by_class, info["label_dtype"])
        if len(classes) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(classes)} class"
            )
        d, pooled = moments.pooled.n_features, moments.pooled
        if not _squares(pooled).any():
            raise ValueError("All features have zero variance. Division by zero.")
        parts = [by_class[label] for label in classes.tolist()]
        counts = np.array([part.n_rows for part in parts], dtype=np.float64)
        means = np.array([part.mean[:d] for part in parts])
        within = sum(_squares(part) for part in parts)
        with np.errstate(divide="ignore", invalid="ignore"):  # as many classes as rows
            deviation = np.sqrt(within / (counts.sum() - len(classes)))
        return {
            "classes_": classes,
            "class_prior_": self._priors(counts),
            "within_class_std_dev_": deviation,
            **self._shrunken(means, pooled.mean[:d], deviation, counts),
        }

    def _priors(self, counts):
        if isinstance(self.priors, str):
            share = counts if self.priors == "empirical" else np.ones(len(counts))
            return share / share.sum()
        priors = np.asarray(self.priors, dtype=np.float64)
        if priors.shape != counts.shape:
            raise ValueError(
                f"Got {priors.size} priors, expected one for each of the {len(counts)} classes."
            )
        if (priors < 0).any():
            raise ValueError("priors must be non-negative")
        if not np.isclose(priors.sum(), 1.0):
            warnings.warn(
                "The priors do not sum to 1. Normalizing such that it sums to one.",
                UserWarning,
                stacklevel=2,
            )
            priors = priors / priors.sum()
        return priors

    def _shrunken(self, means, centre, deviation, counts):
        """Centroids and deviations, eqs. (18.4) and (18.5) of Hastie et al. (2009)."""
        m = np.sqrt(1.0 / counts - 1.0 / counts.sum())
        scale = m[:, None] * (deviation + np.median(deviation))
        with np.errstate(divide="ignore", invalid="ignore"):
            standardised = (means - centre) / scale
        if not self.shrink_threshold:
            return {"centroids_": means, "deviations_": standardised}
        sign = np.sign(standardised)
        standardised = np.clip(np.abs(standardised) - self.shrink_threshold, 0, None) * sign
        return {"centroids_": centre + scale * standardised, "deviations_": standardised}


def _squares(part):
    """Take the sums of squares of each feature, from moments that may have products too."""
    squares = part.scatter if part.scatter.ndim == 1 else np.diagonal(part.scatter)
    return squares[: part.n_features]
