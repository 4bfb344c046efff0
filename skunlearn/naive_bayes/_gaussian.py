"""Gaussian naive Bayes that can forget rows and columns."""

import numpy as np
from sklearn import naive_bayes
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skunlearn._exact import ExactUnlearnerMixin, check_X_y, class_rows, classes_of
from skunlearn._sklearn_compat import fit_context
from skunlearn.base import Request


class GaussianNB(ExactUnlearnerMixin, naive_bayes.GaussianNB):
    """Gaussian naive Bayes with `unlearn`: scikit-learn's class on exact class moments.

    Parameters
    ----------
    priors : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes; taken from the rows that remain if None.
    var_smoothing : float, default=1e-9
        Share of the largest variance of all features that is added to every variance.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    class_count_ : ndarray of shape (n_classes,)
        Weight of the rows of each class.
    class_prior_ : ndarray of shape (n_classes,)
        Prior probability of each class.
    classes_ : ndarray of shape (n_classes,)
        Labels known to the classifier: those that have rows, and those declared to `partial_fit`.
    epsilon_ : float
        What is added to the variances: from the *unweighted* variance of all rows, as in
        scikit-learn's `fit` (its `partial_fit` uses the last batch alone).
    var_ : ndarray of shape (n_classes, n_features)
        Variance of each feature in each class.
    theta_ : ndarray of shape (n_classes, n_features)
        Mean of each feature in each class.
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
    skunlearn.linear_model.RidgeClassifier : A linear classifier that can forget.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. A class that loses its last row leaves `classes_`, as in a refit, unless it was declared
    to `partial_fit`. Given `priors`, losing a class is refused, as scikit-learn would.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skunlearn.naive_bayes import GaussianNB
    >>> X, y = load_wine(return_X_y=True)
    >>> model = GaussianNB().fit(X, y).unlearn(X[y == 0], y[y == 0])
    >>> model.classes_
    array([1, 2])
    """

    _kind = "diagonal"
    _columns_free = True
    _target = "class"
    _parameter_constraints: dict = {
        **naive_bayes.GaussianNB._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(self, *, priors=None, var_smoothing=1e-9, track_rows=True, resolution="auto"):
        super().__init__(priors=priors, var_smoothing=var_smoothing)
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit from the exact moments of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, y, sample_weight))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Learn more rows; the result equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call, as in scikit-learn.

        Returns
        -------
        self : object
        """
        first = "_info" not in vars(self)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if not first and classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
        request = Request(X, y, sample_weight, options={"classes": classes, "partial": True})
        return self._partial_fit_exact(request)

    def _check_rows(self, request, reset):
        X, y = check_X_y(self, request, reset, dtype=[np.float64, np.float32])
        if len(y):
            check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        rows, labels = class_rows(X, y, request)
        declared = request.options.get("classes")
        if declared is not None:
            declared = np.unique(declared)
        if not reset and declared is None:
            declared = self._info["declared"]
        known = declared if declared is not None else getattr(self, "classes_", None)
        if known is not None and (declared is not None or request.options.get("partial")):
            unknown = labels[~np.isin(labels, known)]
            if len(unknown):
                raise ValueError(
                    f"The target label(s) {unknown} in y do not exist in the initial classes "
                    f"{known}"
                )
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.dtype(np.float64)
        label_dtype = labels.dtype if declared is None else declared.dtype
        return rows, {"dtype": dtype, "label_dtype": label_dtype, "declared": declared}

    def _derive(self, moments, info):
        by_class = moments.by("class")
        classes = info.get("declared")
        if classes is None:
            classes = classes_of(by_class, info["label_dtype"])
        n_features = moments.pooled.n_features
        pooled = moments.unweighted.pooled
        theta = np.zeros((len(classes), n_features))
        variance = np.zeros_like(theta)
        count = np.zeros(len(classes))
        for i, label in enumerate(classes.tolist()):
            part = by_class.get(label)
            if part is not None and part.weight > 0:
                theta[i], variance[i] = part.mean[:n_features], part.variance
                count[i] = part.weight
        epsilon = self.var_smoothing * pooled.variance.max()
        prior = count / count.sum() if self.priors is None else self._checked_priors(len(classes))
        dtype = info["dtype"]
        return {
            "classes_": classes,
            "class_count_": count.astype(dtype),
            "class_prior_": prior.astype(dtype),
            "epsilon_": epsilon,
            "theta_": theta.astype(dtype),
            "var_": (variance + epsilon).astype(dtype),
        }

    def _checked_priors(self, n_classes):
        priors = np.asarray(self.priors, dtype=np.float64)
        if len(priors) != n_classes:
            raise ValueError("Number of priors must match number of classes.")
        if not np.isclose(priors.sum(), 1.0):
            raise ValueError("The sum of the priors should be 1.")
        if (priors < 0).any():
            raise ValueError("Priors must be non-negative.")
        return priors
