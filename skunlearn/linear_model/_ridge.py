"""Ridge regression and classification that can forget."""

import numpy as np
from sklearn import linear_model
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from skunlearn._exact import check_X_y, class_rows, classes_of
from skunlearn._sklearn_compat import fit_context
from skunlearn._statistics._moments import merge
from skunlearn.base import Request
from skunlearn.linear_model._base import LeastSquaresMixin
from skunlearn.linear_model._solve import NormalEquations


def target_alphas(alpha, n_targets):
    """One penalty for each target."""
    alphas = np.asarray(alpha, dtype=np.float64).ravel()
    if len(alphas) not in (1, n_targets):
        raise ValueError(
            "Number of targets and number of penalties do not correspond: "
            f"{len(alphas)} != {n_targets}"
        )
    if (alphas < 0).any():
        raise ValueError(f"Got alpha={alphas.min()}, expected values of 0 or more.")
    return np.broadcast_to(alphas, (n_targets,))


class Ridge(LeastSquaresMixin, linear_model.Ridge):
    """Linear least squares with L2 regularization and `unlearn`, on exact moments.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty, for all targets or one for each.
    fit_intercept : bool, default=True
        As in scikit-learn.
    copy_X : bool, default=True
        Accepted for compatibility; X is never written to.
    max_iter : int, default=None
        Accepted for compatibility; the solution is direct.
    tol : float, default=1e-4
        Accepted for compatibility; the solution is direct.
    solver : {"auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"}, \
default="auto"
        Accepted for compatibility: always the exact minimiser, which scikit-learn's iterative
        solvers approach.
    positive : bool, default=False
        True is refused at `fit`: its solution is no function of moments.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.
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
        Coefficients.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.
    n_iter_ : None
        No iterations.
    solver_ : str
        "cholesky".
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
    RidgeClassifier : Ridge classifier.
    UnlearnableRidgeCV : Ridge whose alpha is chosen anew after each deletion.

    Notes
    -----
    The guarantee is exact: after `unlearn` every attribute equals, bit for bit, that of a fit on
    the rows that remain, in any order of rows and requests, on the same grid. `alpha` itself is
    a parameter: if it was chosen with the forgotten rows, it still is. A request costs O(m d² + d³)
    for m rows and d features, whatever the number of rows that remain.

    Exact is not private: whoever holds the model before and after can reconstruct a deleted row.

    References
    ----------
    Ozaki, Ogita, Oishi, Rump. Error-free transformations of matrix multiplication by using fast
    routines of matrix multiplication and its applications. Numerical Algorithms 59, 2012.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = Ridge().fit(X, y).unlearn(X[:9], y[:9])
    >>> model.n_samples_retained_
    433
    >>> refit = Ridge(resolution=model.resolution_).fit(X[9:], y[9:])
    >>> bool((model.coef_ == refit.coef_).all())
    True
    """

    _parameter_constraints: dict = {
        **linear_model.Ridge._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        alpha=1.0,
        *,
        fit_intercept=True,
        copy_X=True,
        max_iter=None,
        tol=1e-4,
        solver="auto",
        positive=False,
        random_state=None,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            alpha=alpha,
            fit_intercept=fit_intercept,
            copy_X=copy_X,
            max_iter=max_iter,
            tol=tol,
            solver=solver,
            positive=positive,
            random_state=random_state,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    def _derive(self, moments, info):
        equations = NormalEquations.of(moments.pooled)
        alphas = target_alphas(self.alpha, len(equations.mean_y))
        coef, intercept = equations.solve(alphas, self.fit_intercept)
        return {
            **self._linear_attributes(coef, intercept, info),
            "n_iter_": None,
            "solver_": "cholesky",
        }


class RidgeClassifier(LeastSquaresMixin, linear_model.RidgeClassifier):
    """Classifier by ridge regression on ±1 targets, with `unlearn`, on exact class moments.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty.
    fit_intercept : bool, default=True
        As in scikit-learn.
    copy_X : bool, default=True
        Accepted for compatibility; X is never written to.
    max_iter : int, default=None
        Accepted for compatibility; the solution is direct.
    tol : float, default=1e-4
        Accepted for compatibility; the solution is direct.
    class_weight : dict or "balanced", default=None
        As in scikit-learn; "balanced" is taken anew from the rows that remain.
    solver : {"auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"}, \
default="auto"
        Accepted for compatibility: always the exact minimiser.
    positive : bool, default=False
        True is refused at `fit`: its solution is no function of moments.
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
    coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        Coefficients.
    intercept_ : float or ndarray of shape (1,) or (n_classes,)
        Intercept.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes that have rows.
    n_iter_ : None
        No iterations.
    solver_ : str
        "cholesky".
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
    Ridge : Ridge regression.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. Forgetting the last row of a class removes it from `classes_`, as a refit would.
    One exact Gram matrix is kept for each class. Multilabel targets are refused: use `Ridge` on
    the indicator matrix.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skunlearn.linear_model import RidgeClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = RidgeClassifier().fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = RidgeClassifier(resolution=model.resolution_).fit(X[9:], y[9:])
    >>> bool((model.coef_ == refit.coef_).all())
    True
    """

    _target = "class"
    _private_attributes = ("_label_binarizer",)
    _parameter_constraints: dict = {
        **linear_model.RidgeClassifier._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        alpha=1.0,
        *,
        fit_intercept=True,
        copy_X=True,
        max_iter=None,
        tol=1e-4,
        class_weight=None,
        solver="auto",
        positive=False,
        random_state=None,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            alpha=alpha,
            fit_intercept=fit_intercept,
            copy_X=copy_X,
            max_iter=max_iter,
            tol=tol,
            class_weight=class_weight,
            solver=solver,
            positive=positive,
            random_state=random_state,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit from the exact moments of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : float or array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, y, sample_weight))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Learn more rows, new classes too; equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like, default=None
            Accepted for compatibility: `classes_` holds the classes that have rows, and grows.

        Returns
        -------
        self : object
        """
        return self._partial_fit_exact(Request(X, y, sample_weight))

    def _check_rows(self, request, reset):
        self._check_supported()
        X, y = check_X_y(
            self,
            request,
            reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            y_numeric=False,
            multi_output=True,
        )
        if len(y):
            check_classification_targets(y)
            if type_of_target(y) == "multilabel-indicator":
                raise ValueError(
                    "Multilabel targets are not supported by RidgeClassifier here. Use Ridge on "
                    "the indicator matrix of the labels."
                )
        y = column_or_1d(y, warn=True)
        rows, labels = class_rows(X, y, request)
        return rows, {"dtype": X.dtype, "label_dtype": labels.dtype}

    def _derive(self, moments, info):
        by_class = moments.by("class")
        classes = classes_of(by_class, info["label_dtype"])
        parts = [by_class[label] for label in classes.tolist()]
        pooled = moments.pooled
        if self.class_weight is not None:
            factors = _class_factors(self.class_weight, classes, [part.n_rows for part in parts])
            parts = [part.scaled(factor) for part, factor in zip(parts, factors, strict=True)]
            pooled = merge(parts)
        targets = _signed_targets(len(classes))
        equations = _class_equations(pooled, parts, targets)
        alphas = target_alphas(self.alpha, targets.shape[1])
        coef, intercept = equations.solve(alphas, self.fit_intercept)
        return {
            **self._linear_attributes(coef, intercept, {**info, "y_ndim": 2}),
            "classes_": classes,
            "_label_binarizer": _binarizer(classes),
            "n_iter_": None,
            "solver_": "cholesky",
        }


def _class_factors(class_weight, classes, counts):
    """Weight of each class from the number of its rows, as compute_sample_weight has it."""
    if class_weight == "balanced":
        return sum(counts) / (len(classes) * np.asarray(counts, dtype=np.float64))
    return compute_class_weight(class_weight, classes=classes, y=classes)


def _signed_targets(n_classes):
    """Targets of the classes, one row a class, as LabelBinarizer has them."""
    if n_classes > 2:
        return 2.0 * np.eye(n_classes) - 1.0
    return np.array([[-1.0], [1.0]])[:n_classes]


def _binarizer(classes):
    """Return the LabelBinarizer that scikit-learn's `predict` asks for its type of target."""
    binarizer = LabelBinarizer(pos_label=1, neg_label=-1)
    binarizer.classes_ = classes
    binarizer.y_type_ = "multiclass" if len(classes) > 2 else "binary"
    binarizer.sparse_input_ = False
    return binarizer


def _class_equations(pooled, parts, targets):
    """Return normal equations with targets that are constant within each class."""
    weights = np.array([part.weight for part in parts])
    means = np.array([part.mean for part in parts])
    mean_y = weights @ targets / weights.sum()
    cross = ((means - pooled.mean) * weights[:, None]).T @ (targets - mean_y)
    return NormalEquations(pooled.scatter, cross, pooled.mean, mean_y, pooled.weight)
