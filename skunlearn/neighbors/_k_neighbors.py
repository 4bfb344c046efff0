"""K nearest neighbours that can forget rows."""

import numpy as np
from sklearn import neighbors
from sklearn.utils.multiclass import check_classification_targets

from skunlearn._exact import merged_info
from skunlearn._sklearn_compat import fit_context
from skunlearn._statistics._hashing import label_words
from skunlearn.neighbors._base import KNeighborsMixin, narrow


class KNeighborsClassifier(KNeighborsMixin, neighbors.KNeighborsClassifier):
    """Vote of the k nearest neighbours, with `unlearn`: scikit-learn's class on kept rows.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        As in scikit-learn.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        As in scikit-learn; "auto" is decided anew after each request, as in a refit.
    leaf_size : int, default=30
        As in scikit-learn.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str, DistanceMetric or callable, default="minkowski"
        As in scikit-learn; "precomputed" is refused, since distances do not show the rows.
    metric_params : dict, default=None
        Further keywords of the metric.
    n_jobs : int, default=None
        Number of parallel jobs of a search.
    track_rows : bool, default=True
        Keep two keyed 64-bit fingerprints a row. False saves these 16 bytes and makes them anew
        at each request; rows that were never learned are refused in both cases.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or list of these
        Labels that have rows.
    effective_metric_ : str or callable
        Metric that is used.
    effective_metric_params_ : dict
        Keywords of the metric that is used.
    n_samples_fit_ : int
        Number of rows that are kept.
    outputs_2d_ : bool
        Whether y had several columns.
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
    KNeighborsRegressor : Mean of the k nearest neighbours.
    NearestCentroid : A classifier that keeps no rows.

    Notes
    -----
    The guarantee is exact: a request drops rows, and everything else is what scikit-learn's fit
    makes of the others in their order, ties included. Of copies of a row the last one goes.
    `unlearn` costs one pass over the fingerprints and one copy of the rows; the search index is
    built again at the first prediction after it. Rows may be forgotten without their targets
    (``y=None``) where all copies of a row carry the same target. A class that loses its last row
    leaves `classes_`. A model with fewer rows than `n_neighbors` refuses to predict, as
    scikit-learn's does.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skunlearn.neighbors import KNeighborsClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = KNeighborsClassifier().fit(X, y).unlearn(X[:50])
    >>> model.classes_, model.n_samples_retained_
    (array([1, 2]), 100)
    """

    _parameter_constraints: dict = {
        **neighbors.KNeighborsClassifier._parameter_constraints,
        "track_rows": ["boolean"],
    }

    def __init__(
        self,
        n_neighbors=5,
        *,
        weights="uniform",
        algorithm="auto",
        leaf_size=30,
        p=2,
        metric="minkowski",
        metric_params=None,
        n_jobs=None,
        track_rows=True,
    ):
        super().__init__(
            n_neighbors=n_neighbors,
            weights=weights,
            algorithm=algorithm,
            leaf_size=leaf_size,
            p=p,
            metric=metric,
            metric_params=metric_params,
            n_jobs=n_jobs,
        )
        self.track_rows = track_rows

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Keep the rows and build the search index.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Copied, so that a later change of the caller's array changes no model.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.

        Returns
        -------
        self : object
        """
        return self._fit_kept(X, y)

    def _tidy(self):
        self.classes_ = narrow(self.classes_)

    def _by_output(self):
        """Pairs of classes and codes, one an output."""
        if not self.outputs_2d_:
            return [(self.classes_, self._y)]
        return list(zip(self.classes_, self._y.T, strict=True))

    def _kept(self):
        words = [label_words(classes)[codes][:, None] for classes, codes in self._by_output()]
        return {"X": self._fit_X, "y": words}

    def _check_target(self, y):
        if len(y):
            check_classification_targets(y)
        return y

    def _targets_of(self, keep, more):
        new = None if more is None else more["y"].reshape(len(more["y"]), -1)
        classes, codes = [], []
        for k, (labels, learned) in enumerate(self._by_output()):
            kept = learned[keep]
            if new is None:
                present = np.bincount(kept, minlength=len(labels)) > 0
                labels, kept = labels[present], (np.cumsum(present) - 1)[kept]
            else:
                merged_info({"label_dtype": labels.dtype}, {"label_dtype": new.dtype})
                y = np.concatenate([labels[kept], new[:, k]])
                labels, kept = np.unique(y, return_inverse=True)
            classes.append(labels)
            codes.append(kept.astype(np.intp))
        if self.outputs_2d_:
            return {"classes_": narrow(classes), "_y": np.column_stack(codes)}
        return {"classes_": narrow(classes[0]), "_y": codes[0]}


class KNeighborsRegressor(KNeighborsMixin, neighbors.KNeighborsRegressor):
    """Mean of the k nearest neighbours, with `unlearn`: scikit-learn's class on kept rows.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        As in scikit-learn.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        As in scikit-learn; "auto" is decided anew after each request, as in a refit.
    leaf_size : int, default=30
        As in scikit-learn.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str, DistanceMetric or callable, default="minkowski"
        As in scikit-learn; "precomputed" is refused, since distances do not show the rows.
    metric_params : dict, default=None
        Further keywords of the metric.
    n_jobs : int, default=None
        Number of parallel jobs of a search.
    track_rows : bool, default=True
        Keep two keyed 64-bit fingerprints a row. False saves these 16 bytes and makes them anew
        at each request; rows that were never learned are refused in both cases.

    Attributes
    ----------
    effective_metric_ : str or callable
        Metric that is used.
    effective_metric_params_ : dict
        Keywords of the metric that is used.
    n_samples_fit_ : int
        Number of rows that are kept.
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
    KNeighborsClassifier : Vote of the k nearest neighbours; its notes hold here too.

    Notes
    -----
    The guarantee is exact, as for `KNeighborsClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.neighbors import KNeighborsRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = KNeighborsRegressor().fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = KNeighborsRegressor().fit(X[9:], y[9:])
    >>> bool((model.predict(X) == refit.predict(X)).all())
    True
    """

    _parameter_constraints: dict = {
        **neighbors.KNeighborsRegressor._parameter_constraints,
        "track_rows": ["boolean"],
    }

    def __init__(
        self,
        n_neighbors=5,
        *,
        weights="uniform",
        algorithm="auto",
        leaf_size=30,
        p=2,
        metric="minkowski",
        metric_params=None,
        n_jobs=None,
        track_rows=True,
    ):
        super().__init__(
            n_neighbors=n_neighbors,
            weights=weights,
            algorithm=algorithm,
            leaf_size=leaf_size,
            p=p,
            metric=metric,
            metric_params=metric_params,
            n_jobs=n_jobs,
        )
        self.track_rows = track_rows

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Keep the rows and build the search index.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Copied, so that a later change of the caller's array changes no model.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, copied.

        Returns
        -------
        self : object
        """
        return self._fit_kept(X, y)

    def _kept(self):
        return {"X": self._fit_X, "y": self._y}

    def _targets_of(self, keep, more):
        y = self._y[keep]
        return {"_y": y if more is None else np.concatenate([y, more["y"]])}
