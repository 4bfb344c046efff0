"""SISA: one model a shard, so that forgetting a row costs the refit of one shard."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import StrOptions
from skunlearn.ensemble._base import SISAMixin


def _gives_probabilities(model):
    if model.aggregation == "vote":
        raise AttributeError('predict_proba takes aggregation="auto" or "mean", got "vote".')
    inner = model.estimator_ if hasattr(model, "estimator_") else model._template()
    return hasattr(inner, "predict_proba")


class SISAClassifier(SISAMixin, ClassifierMixin, BaseEstimator):
    """Sharded, isolated, sliced, aggregated: any classifier, made to forget rows exactly.

    The rows are divided into shards by a keyed hash; each shard trains a model of its own, and the
    models vote. To forget rows, only the shards that held them are fitted again.

    Parameters
    ----------
    estimator : classifier, default=None
        What each shard is fitted with: any scikit-learn classifier, a whole pipeline with its
        preprocessing included. `DecisionTreeClassifier` if None.
    n_shards : int, default=10
        Number of shards. A row costs 1 / `n_shards` of a fit; each model sees as little of the
        data, so more shards are less accurate.
    n_slices : int, default=1
        Number of slices of a shard. After each a checkpoint is kept, and forgetting a row goes on
        from the one before its slice. Takes an estimator with `partial_fit`, which learns one
        slice after the other, each row once; or with ``warm_start=True``, which after each slice
        is fitted to all slices so far, from the solution before (linear models and multilayer
        perceptrons; ensembles are refused).
    aggregation : {"auto", "mean", "vote"}, default="auto"
        "mean": the mean of the shards' probabilities, 0 for a class that a shard lacks. "vote":
        one shard, one vote, and of equal counts the first class in `classes_`. "auto": the mean
        where the estimator has `predict_proba`. Shards count alike, whatever their size.
    n_jobs : int, default=None
        Number of shards that are fitted at the same time, by joblib.
    random_state : int, RandomState instance or None, default=None
        Where the key of the hashes comes from: secret if None. With an int the model is
        reproducible, and whoever contributes rows and knows it can choose their shards. Every
        `random_state` inside `estimator` is set from the key and the shard.
    verbose : int, default=0
        If positive, a line for each shard that is fitted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the rows that remain, in any shard.
    estimators_ : list of (estimator or None) of length `n_shards`
        The model of each shard; None where a shard has no rows, a `DummyClassifier` where it has
        one class.
    estimator_ : estimator
        Unfitted copy of `estimator`.
    shard_sizes_ : ndarray of shape (n_shards,), int
        Rows in each shard.
    seed_ : int
        What the key derives from: as `random_state` of another model it gives the same shards. A
        secret if it was drawn.
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
    SISARegressor : The same for regression.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain with the same
    `seed_`, in any order and with any copies, if the inner estimator is deterministic given its
    `random_state`. The shard of a row is a hash of its values and target, or of its owner
    (`groups`), never of its position, so no other row moves when one leaves. All copies of a row
    are in one shard; if a table has few distinct rows, pass an identifier of each row as `groups`.

    Training rows are kept in the object, once; `to_sklearn` gives a copy without them. A shard
    whose rows are of one class predicts that class. A fit on the rows of one shard may fail where
    one on all rows would not (folds that want five rows a class, more neighbors than rows): take
    fewer shards.

    As the last step of a `skunlearn.pipeline.Pipeline`, SISA saves nothing, for all steps are
    fitted again on all rows, with a new key unless `random_state` is given. Put the whole pipeline
    inside SISA instead.

    References
    ----------
    .. [1] Bourtoule et al. "Machine Unlearning". IEEE Symposium on Security and Privacy, 2021.
       arXiv:1912.03817.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skunlearn.ensemble import SISAClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> inner = make_pipeline(StandardScaler(), LogisticRegression())
    >>> model = SISAClassifier(inner, n_shards=5, random_state=0).fit(X, y)
    >>> model.can_unlearn(X[:2], y[:2]).shards
    (1, 2)
    >>> model.unlearn(X[:2], y[:2]).n_samples_retained_
    567
    """

    _classifier = True
    _parameter_constraints: dict = {
        **SISAMixin._parameter_constraints,
        "aggregation": [StrOptions({"auto", "mean", "vote"})],
    }
    _default_estimator = DecisionTreeClassifier
    _is_my_kind = staticmethod(is_classifier)

    def _check_estimator(self, template):
        super()._check_estimator(template)
        if self.aggregation == "mean" and not hasattr(template, "predict_proba"):
            raise ValueError(
                f'Got aggregation="mean" with {template!r}, which has no predict_proba. Choose '
                '"vote" or "auto".'
            )

    def _check_y(self, y):
        y = super()._check_y(y)
        check_classification_targets(y)
        return y

    def _learned_of(self, shards):
        labels = [shard.classes for shard in shards if len(shard)]
        return {"classes_": np.unique(np.concatenate(labels))}

    def predict(self, X):
        """Predict the class that most shards vote for, or of the highest mean probability.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        if self.aggregation != "vote" and hasattr(self.estimator_, "predict_proba"):
            return self.classes_[np.argmax(self._probabilities(X), axis=1)]
        X = self._check_X(X, reset=False)
        votes = 0
        for model in self.estimators_:
            if model is not None:
                votes = votes + (np.asarray(model.predict(X))[:, None] == self.classes_)
        return self.classes_[np.argmax(votes, axis=1)]

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Mean of the shards' probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        check_is_fitted(self)
        return self._probabilities(X)

    def _probabilities(self, X):
        X = self._check_X(X, reset=False)
        models = [model for model in self.estimators_ if model is not None]
        total = np.zeros((X.shape[0], len(self.classes_)))
        for model in models:
            total[:, np.searchsorted(self.classes_, model.classes_)] += model.predict_proba(X)
        return total / len(models)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = self._template().__sklearn_tags__().classifier_tags
        if inner is not None:
            tags.classifier_tags.multi_class = inner.multi_class
            tags.classifier_tags.poor_score = inner.poor_score
        tags.target_tags.multi_output = False
        return tags


class SISARegressor(SISAMixin, RegressorMixin, BaseEstimator):
    """Sharded, isolated, sliced, aggregated: any regressor, made to forget rows exactly.

    The rows are divided into shards by a keyed hash; each shard trains a model of its own, and
    predictions are averaged. To forget rows, only the shards that held them are fitted again.

    Parameters
    ----------
    estimator : regressor, default=None
        What each shard is fitted with: any scikit-learn regressor, a whole pipeline with its
        preprocessing included. `DecisionTreeRegressor` if None.
    n_shards : int, default=10
        Number of shards. A row costs 1 / `n_shards` of a fit; each model sees as little of the
        data, so more shards are less accurate.
    n_slices : int, default=1
        Number of slices of a shard. After each a checkpoint is kept, and forgetting a row goes on
        from the one before its slice. Takes an estimator with `partial_fit`, which learns one
        slice after the other, each row once; or with ``warm_start=True``, which after each slice
        is fitted to all slices so far, from the solution before (linear models and multilayer
        perceptrons; ensembles are refused).
    aggregation : {"auto", "mean", "median"}, default="auto"
        How predictions are joined; "auto" is the mean. With the median, no minority of shards can
        move a prediction far. Shards count alike, whatever their size.
    n_jobs : int, default=None
        Number of shards that are fitted at the same time, by joblib.
    random_state : int, RandomState instance or None, default=None
        Where the key of the hashes comes from: secret if None. With an int the model is
        reproducible, and whoever contributes rows and knows it can choose their shards. Every
        `random_state` inside `estimator` is set from the key and the shard.
    verbose : int, default=0
        If positive, a line for each shard that is fitted.

    Attributes
    ----------
    estimators_ : list of (estimator or None) of length `n_shards`
        The model of each shard; None where a shard has no rows.
    estimator_ : estimator
        Unfitted copy of `estimator`.
    shard_sizes_ : ndarray of shape (n_shards,), int
        Rows in each shard.
    seed_ : int
        What the key derives from: as `random_state` of another model it gives the same shards. A
        secret if it was drawn.
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
    SISAClassifier : The same for classification, with notes that hold here too.

    Notes
    -----
    The guarantee is exact, as that of `SISAClassifier`, whose notes on keys, copies, kept rows and
    pipelines hold here too.

    References
    ----------
    .. [1] Bourtoule et al. "Machine Unlearning". IEEE Symposium on Security and Privacy, 2021.
       arXiv:1912.03817.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from skunlearn.ensemble import SISARegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> inner = RandomForestRegressor(n_estimators=10)
    >>> people = [f"patient {i // 2}" for i in range(len(y))]
    >>> model = SISARegressor(inner, n_shards=5, random_state=0).fit(X, y, groups=people)
    >>> model.unlearn_groups(["patient 0", "patient 1"]).n_samples_retained_
    438
    """

    _parameter_constraints: dict = {
        **SISAMixin._parameter_constraints,
        "aggregation": [StrOptions({"auto", "mean", "median"})],
    }
    _default_estimator = DecisionTreeRegressor
    _is_my_kind = staticmethod(is_regressor)

    def predict(self, X):
        """Predict the mean, or the median, of what the shards predict.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        found = [model.predict(X) for model in self.estimators_ if model is not None]
        join = np.median if self.aggregation == "median" else np.mean
        return join(found, axis=0)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = self._template().__sklearn_tags__().regressor_tags
        if inner is not None:
            tags.regressor_tags.poor_score = inner.poor_score
        return tags
