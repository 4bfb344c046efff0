"""Data and target repaired together, before an estimator is fitted."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.metaestimators import available_if

from skunlearn._sklearn_compat import Interval, StrOptions, fit_context
from skunlearn._statistics._hashing import label_words
from skunlearn._transport._scores import ScoreBarycenter
from skunlearn.base import Request
from skunlearn.feature_unlearning._gaussian_barycenter import GaussianBarycenter
from skunlearn.feature_unlearning._outcomes import OutcomeMixin, row_numbers


def _inner_has(method):
    def check(estimator):
        getattr(getattr(estimator, "estimator_", estimator.estimator), method)
        return True

    return check


class PairUnlearner(OutcomeMixin, BaseEstimator):
    r"""Fit an estimator on data and target that are both repaired: the pair of [1]_.

    The rows go to the Gaussian barycenter of their groups, the training target to the barycenter
    of its laws on the line; the estimator is fitted on the pair, and sees new rows through the
    same map. It never sees a row that tells the group by mean or covariance, nor a target that
    does. The sensitive variable is needed at `predict` too.

    Parameters
    ----------
    estimator : estimator
        Regressor of one target, or classifier of two classes.
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X, labels of any type. Several: groups are the observed
        combinations. None: the values come by keyword, ``sensitive_features=``. An empty list
        changes nothing.
    strength : float, default=1.0
        t in [0, 1]: rows and targets go a share t of the way to the barycenter. Below 1,
        indicators of the groups times 1 - t are appended to the rows.
    repair_target : bool, default=True
        Whether to repair the target too. False leaves the rows alone to be repaired.
    small_groups : {"error", "pool", "shrink"}, default="error"
        As in :class:`GaussianBarycenter`, for the rows.
    min_group_size : int, default=10
        As there; with ``small_groups="error"`` smaller groups are refused.
    keep_rows : bool, default=True
        Keep the training rows, to forget some of them by a refit on the others. False saves the
        memory, and there is no `unlearn`.
    random_state : int, RandomState instance or None, default=None
        Key of the numbers that break ties and draw labels, see Notes. None draws a secret one.

    Attributes
    ----------
    estimator_ : estimator
        The estimator, fitted on the repaired pair.
    transformer_ : GaussianBarycenter
        The map of the rows.
    target_map_ : dict or None
        Arrays that make up the maps of the training target.
    groups_ : list of tuple
        Groups in sorted order, each as Python values.
    classes_ : ndarray of shape (2,)
        Class labels, of a classifier.
    seed_ : int
        The key.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the model stands on.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had string names.

    See Also
    --------
    GaussianBarycenter : The map of the rows alone, as a transformer.
    OutputUnlearner : Repairs the predictions; for these alone it is the stronger means.

    Notes
    -----
    A numeric target y of group z goes to (1 - t) y + t Q(F_z(y)), Q the mean of the groups'
    quantile functions; a tied y is placed within the tie by a keyed hash of its row. Two classes
    are such a target of zeros and ones; where the result is a fraction the label is drawn with
    it as probability, by a second hash of the row: the same data always give the same labels.

    All maps are fitted on training rows only. Predictions are then of equal means over the groups
    as far as the estimator is linear and the rows are like those of the fit; an estimator that
    finds the group in higher moments, or in the places of atoms (:class:`GaussianBarycenter` warns
    of such columns), can undo it.

    Forgetting rows is a fit on the kept rows that remain.

    References
    ----------
    .. [1] S. Xu, T. Strohmer. Fair data representation for machine learning at the Pareto
       frontier. JMLR 24(331), 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skunlearn.feature_unlearning import PairUnlearner
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat(["a", "b"], 500)
    >>> X = rng.normal(size=(1000, 2)) + np.where(z == "a", 0.0, 3.0)[:, None]
    >>> y = X.sum(axis=1) + rng.normal(size=1000)
    >>> model = PairUnlearner(LinearRegression()).fit(X, y, sensitive_features=z)
    >>> found = model.predict(X, sensitive_features=z)
    >>> bool(abs(found[z == "a"].mean() - found[z == "b"].mean()) < 1e-9)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": "no_validation",
        "sensitive_columns": "no_validation",
        "strength": [Interval(Real, 0, 1, closed="both")],
        "repair_target": ["boolean"],
        "small_groups": [StrOptions({"error", "pool", "shrink"})],
        "min_group_size": [Interval(Integral, 1, None, closed="left")],
        "keep_rows": ["boolean"],
        "random_state": [Interval(Integral, 0, None, closed="left"), np.random.RandomState, None],
    }

    def __init__(
        self,
        estimator,
        *,
        sensitive_columns=None,
        strength=1.0,
        repair_target=True,
        small_groups="error",
        min_group_size=10,
        keep_rows=True,
        random_state=None,
    ):
        self.estimator = estimator
        self.sensitive_columns = sensitive_columns
        self.strength = strength
        self.repair_target = repair_target
        self.small_groups = small_groups
        self.min_group_size = min_group_size
        self.keep_rows = keep_rows
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags = tags.classifier_tags and type(tags.classifier_tags)(
            poor_score=tags.classifier_tags.poor_score, multi_class=False, multi_label=False
        )
        tags.input_tags.sparse = tags.input_tags.allow_nan = False
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Repair rows and targets, and fit the estimator on them.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numeric columns without missing values, and the sensitive ones.
        y : array-like of shape (n_samples,)
            Targets: numbers, or labels of two classes.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Sensitive values that are not in X, labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If it is not said what is sensitive, if sensitive values are missing, if a group is
            small, or if there are more than two classes.

        Warns
        -----
        UserWarning
            If columns to be moved take few values.
        """
        return self._fit(Request(X, y, sample_weight, sensitive_features))

    @available_if(_inner_has("predict"))
    def predict(self, X, *, sensitive_features=None):
        """Predict from the repaired rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            The rows' sensitive values, if they came by keyword in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If a group was never seen in `fit`, or sensitive values are missing.
        """
        rows = self._moved(X, sensitive_features)
        return self.estimator_.predict(rows)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X, *, sensitive_features=None):
        """Probabilities of the classes, from the repaired rows.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        rows = self._moved(X, sensitive_features)
        return self.estimator_.predict_proba(rows)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X, *, sensitive_features=None):
        """Decision values, from the repaired rows.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        rows = self._moved(X, sensitive_features)
        return self.estimator_.decision_function(rows)

    # -- learning ----------------------------------------------------------------------------

    def _check_sizes(self, groups, sizes):
        if self.small_groups == "error":
            super()._check_sizes(groups, sizes)

    def _learn(self, parts, codes, groups, seed, columns):
        X, y, weights = parts["X"], parts["y"], parts["sample_weight"]
        Z = parts["sensitive_features"]
        mapped = GaussianBarycenter(
            self.sensitive_columns,
            strength=self.strength,
            small_groups=self.small_groups,
            min_group_size=self.min_group_size,
            track_rows=False,
        ).fit(X, sensitive_features=Z, sample_weight=weights)
        rows = self._with_groups(mapped.transform(X, sensitive_features=Z), codes, len(groups))
        target, target_map, found = y, None, {}
        if is_classifier(self.estimator):
            found["classes_"], labels = np.unique(y, return_inverse=True)
            if len(found["classes_"]) > 2:
                raise ValueError(
                    f"Only binary classification is supported. PairUnlearner got y with "
                    f"{len(found['classes_'])} classes. Use OutputUnlearner, or one PairUnlearner "
                    "a class."
                )
            y = labels.astype(np.float64)
        if self.repair_target and self.strength > 0 and len(groups) > 1:
            law = ScoreBarycenter.fit(y, codes, len(groups), weights)
            blocks = [X, label_words(y)] + ([] if Z is None else [Z])
            ties = row_numbers(blocks, seed, "target")
            target = law.move(y, codes, ties)
            target_map, target = vars(law), (1 - self.strength) * y + self.strength * target
            if "classes_" in found:
                drawn = row_numbers(blocks, seed, "label") < target
                target = found["classes_"][drawn.astype(np.intp)]
        model = self._fitted(rows, target, weights)
        found = found and {"classes_": model.classes_}
        mapped = mapped.to_sklearn()
        return {"estimator_": model, "transformer_": mapped, "target_map_": target_map, **found}

    def _with_groups(self, rows, codes, n_groups):
        """Append what is to remain of the groups."""
        rows = np.asarray(rows, dtype=np.float64)
        if self.strength == 1 or n_groups == 1:
            return rows
        return np.hstack([rows, (1 - self.strength) * np.eye(n_groups)[codes]])

    def _moved(self, X, sensitive_features):
        """Rows as the estimator takes them."""
        X, codes = self._locate(X, sensitive_features)
        rows = self.transformer_.transform(X, sensitive_features=sensitive_features)
        return self._with_groups(rows, codes, len(self.groups_))
