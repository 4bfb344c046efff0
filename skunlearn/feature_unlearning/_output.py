"""Predictions made equal in law over the groups, behind any estimator."""

import dataclasses
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.model_selection import check_cv
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import Interval, StrOptions, fit_context, num_samples
from skunlearn._statistics._rows import take
from skunlearn._transport._scores import ScaleBarycenter, ScoreBarycenter, have_atoms_apart
from skunlearn.base import Request
from skunlearn.feature_unlearning._outcomes import OutcomeMixin, row_numbers
from skunlearn.feature_unlearning._tables import take as take_columns

_MAPS = {"quantile": ScoreBarycenter, "gaussian": ScaleBarycenter}
_ROUNDS = 5  # of maps and division by the sum, for more than two classes


def _has_proba(estimator):
    if not is_classifier(estimator.estimator):
        return False
    inner = getattr(estimator, "estimator_", estimator.estimator)
    return hasattr(inner, "predict_proba")


def _has_decision(estimator):
    return is_classifier(estimator.estimator) and not _has_proba(estimator)


class OutputUnlearner(OutcomeMixin, BaseEstimator):
    r"""Make the predictions of an estimator equal in law over the groups of a sensitive variable.

    The scores of each group (predictions of a regressor, probabilities of a classifier) go through
    the monotone map to their common Wasserstein barycenter: of all predictions that are
    independent of the group these are the nearest to the original ones [1]_. The order within a
    group stays. The sensitive variable is needed at `predict` too.

    Parameters
    ----------
    estimator : estimator
        Regressor of one target, or classifier.
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X, labels of any type. Several: groups are the observed
        combinations. None: the values come by keyword, ``sensitive_features=``. An empty list
        changes nothing.
    keep_sensitive : bool, default=False
        Whether the estimator is given the sensitive columns of X beside the others. It may use
        them to predict better, if it can read them.
    transport : {"quantile", "gaussian"}, default="quantile"
        The maps: by ranks (equal laws), or affine (equal mean and standard deviation; for groups
        too small for ranks).
    strength : float, default=1.0
        t in [0, 1]: a score s goes to (1 - t) s + t T(s); the distance of each group's law to the
        barycenter shrinks by 1 - t. It does not enter the fit.
    prefit : bool, default=False
        Whether the estimator is fitted already: then it is not fitted again, and the rows given
        to `fit` (best rows it has not seen) serve for the maps only.
    cv : int, splitter or None, default=5
        The maps are found on out-of-fold scores, the estimator is then fitted on all rows. None:
        on the scores of the rows it was fitted on, which an estimator that over-fits makes too
        extreme. These are also taken where they repeat few values at other places than the
        out-of-fold ones do, as the leaves of a shallow tree.
    min_group_size : int, default=10
        Groups of fewer rows are refused by name. A single group is never small.
    keep_rows : bool, default=True
        Keep the training rows, to forget some of them by a refit on the others. False saves the
        memory, and there is no `unlearn`.
    random_state : int, RandomState instance or None, default=None
        Key of the numbers that break ties, see Notes. None draws a secret one.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    maps_ : list of list of dict
        Arrays that make up the maps: in each round one a score, which is one for regression and
        two classes, else one a class.
    groups_ : list of tuple
        Groups in sorted order, each as Python values.
    classes_ : ndarray of shape (n_classes,)
        Class labels, of a classifier.
    seed_ : int
        The key.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the maps stand on.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had string names.

    See Also
    --------
    PairUnlearner : Repairs the data and the target before the estimator is fitted.
    skunlearn.metrics.leakage_score : Measure what the predictions still tell.

    Notes
    -----
    **Classes.** Two: the probability of the second one is repaired, and `predict` takes it above
    .5, so that both agree. More: the probability of each class is repaired on its own, the row is
    divided by its sum, and this five times over, since the division spoils some of what the maps
    did. Parity is then better than before and not reached: of three classes the largest KS
    distance fell from .63 to about .15 where two classes reach .06. Estimators without
    `predict_proba` have their decision values repaired once; the threshold stays 0.

    **Ties.** Where many rows of a group share a score (a tree's leaf) while the barycenter is
    spread there, the row's place within the tie is a keyed hash of its values: the same row
    always has the same prediction. Who does not know the key cannot foresee it.

    **What is promised**: equal laws of the predictions (demographic parity) on rows like those of
    the fit, up to the sampling error of the groups' quantiles, 1/sqrt(n) in the KS distance.
    Nothing about errors within a group or about persons; and the predictions beside the group
    give the original scores back.

    Forgetting a row changes the scores of all others, so `unlearn` fits again on the kept rows
    that remain. With ``prefit=True`` only the maps are made anew: the estimator has not learned
    these rows, or must be asked to forget them itself.

    References
    ----------
    .. [1] E. Chzhen, C. Denis, M. Hebiri, L. Oneto, M. Pontil. Fair regression with Wasserstein
       barycenters. NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skunlearn.feature_unlearning import OutputUnlearner
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat(["a", "b"], 500)
    >>> X = rng.normal(size=(1000, 2)) + np.where(z == "a", 0.0, 3.0)[:, None]
    >>> y = X.sum(axis=1) + rng.normal(size=1000)
    >>> model = OutputUnlearner(LinearRegression()).fit(X, y, sensitive_features=z)
    >>> found = model.predict(X, sensitive_features=z)
    >>> bool(abs(found[z == "a"].mean() - found[z == "b"].mean()) < 0.1)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": "no_validation",
        "sensitive_columns": "no_validation",
        "keep_sensitive": ["boolean"],
        "transport": [StrOptions(set(_MAPS))],
        "strength": [Interval(Real, 0, 1, closed="both")],
        "prefit": ["boolean"],
        "cv": ["cv_object"],
        "min_group_size": [Interval(Integral, 1, None, closed="left")],
        "keep_rows": ["boolean"],
        "random_state": [Interval(Integral, 0, None, closed="left"), np.random.RandomState, None],
    }

    def __init__(
        self,
        estimator,
        *,
        sensitive_columns=None,
        keep_sensitive=False,
        transport="quantile",
        strength=1.0,
        prefit=False,
        cv=5,
        min_group_size=10,
        keep_rows=True,
        random_state=None,
    ):
        self.estimator = estimator
        self.sensitive_columns = sensitive_columns
        self.keep_sensitive = keep_sensitive
        self.transport = transport
        self.strength = strength
        self.prefit = prefit
        self.cv = cv
        self.min_group_size = min_group_size
        self.keep_rows = keep_rows
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Fit the estimator, and the maps of its scores.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows as the estimator takes them, and the sensitive columns.
        y : array-like of shape (n_samples,)
            Targets; with ``prefit=True`` they only identify the rows.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Sensitive values that are not in X, labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, for the estimator and for the groups' laws.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If it is not said what is sensitive, if sensitive values are missing, if a group is
            small, or if the estimator refuses the rows.
        """
        return self._fit(Request(X, y, sample_weight, sensitive_features))

    def predict(self, X, *, sensitive_features=None):
        """Predict, repaired.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
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
        scores = self._repaired(X, sensitive_features)
        if not is_classifier(self):
            return scores[:, 0]
        if scores.shape[1] > 1:
            return self.classes_[scores.argmax(axis=1)]
        threshold = 0.5 if _has_proba(self) else 0.0
        # of one class only, its probability
        last = len(self.classes_) - 1
        return self.classes_[np.where(scores[:, 0] > threshold, last, 0)]

    @available_if(_has_proba)
    def predict_proba(self, X, *, sensitive_features=None):
        """Probabilities of the classes, repaired; `predict` follows them.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        scores = self._repaired(X, sensitive_features)
        if len(self.classes_) == 1:
            return np.ones((len(scores), 1))
        if scores.shape[1] == 1:
            return np.hstack([1 - scores, scores])
        return scores

    @available_if(_has_decision)
    def decision_function(self, X, *, sensitive_features=None):
        """Decision values, repaired, of a classifier that has no probabilities.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        scores = self._repaired(X, sensitive_features)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    # -- learning ----------------------------------------------------------------------------

    def _roles(self, X, sensitive_features):
        columns = super()._roles(X, sensitive_features)
        gone = () if self.keep_sensitive else columns.sensitive
        out = tuple(j for j in range(columns.n_in) if j not in gone)
        if not out:
            raise ValueError(
                "All columns of X are sensitive, and keep_sensitive=False leaves none of them to "
                f"{type(self.estimator).__name__}: set keep_sensitive=True."
            )
        return dataclasses.replace(columns, out=out)

    def _learn(self, parts, codes, groups, seed, columns):
        X, y, weights = take_columns(parts["X"], columns.out), parts["y"], parts["sample_weight"]
        if not is_classifier(self.estimator) and not is_regressor(self.estimator):
            raise ValueError(
                f"Got estimator={self.estimator!r}, expected a classifier or a regressor."
            )
        if self.prefit:
            check_is_fitted(self.estimator)
            model = self.estimator
        else:
            model = self._fitted(X, y, weights, columns.out)
        self._check_width(model, columns)
        scores = _scores(model, X)
        if not self.prefit and self.cv is not None:
            unseen = self._out_of_fold(X, y, weights, model, columns.out)
            scores = scores if have_atoms_apart(scores, unseen) else unseen
        found = {"estimator_": model, "maps_": self._maps(scores, parts, codes, len(groups), seed)}
        return found | ({"classes_": model.classes_} if is_classifier(model) else {})

    def _check_width(self, model, columns):
        """Refuse an estimator that was fitted before, on other columns."""
        n, given = getattr(model, "n_features_in_", None), len(columns.out)
        if n != given and n in (columns.n_in, columns.n_in - len(columns.sensitive)):
            raise ValueError(
                f"Got an estimator fitted on {n} columns, and keep_sensitive={self.keep_sensitive} "
                f"gives it {given}: set keep_sensitive={not self.keep_sensitive}."
            )

    def _maps(self, scores, parts, codes, n_groups, seed):
        """Find rounds of maps, one a column of the scores."""
        kind, rounds = _MAPS[self.transport], []
        n_rounds = _ROUNDS if scores.shape[1] > 1 and _has_proba(self) else 1
        ties = row_numbers([parts["X"]], seed, "ties") if n_rounds > 1 else None
        for _ in range(n_rounds):
            laws = [kind.fit(s, codes, n_groups, parts["sample_weight"]) for s in scores.T]
            rounds.append([vars(law) for law in laws])
            if n_rounds > 1:
                moved = [law.move(s, codes, ties) for law, s in zip(laws, scores.T, strict=True)]
                scores = _shares(np.column_stack(moved), scores)
        return rounds

    def _out_of_fold(self, X, y, weights, model, places):
        """Scores of each row by a clone that has not seen it."""
        out = None
        cv = check_cv(self.cv, y, classifier=is_classifier(model))
        seen = np.zeros(num_samples(X), dtype=int)
        for train, test in cv.split(X, y):
            part = None if weights is None else weights[train]
            fold = self._fitted(take(X, train), take(y, train), part, places)
            if is_classifier(model) and not np.array_equal(fold.classes_, model.classes_):
                raise ValueError(
                    f"A fold of cv={self.cv!r} has the classes {fold.classes_.tolist()}, the rows "
                    f"have {model.classes_.tolist()}. Use fewer folds, or cv=None."
                )
            scores = _scores(fold, take(X, test))
            out = np.zeros((num_samples(X), scores.shape[1])) if out is None else out
            out[test] = scores
            seen[test] += 1
        if (seen != 1).any():
            raise ValueError(
                f"Got cv={self.cv!r}, which tests {np.count_nonzero(seen != 1)} rows not exactly "
                "once, expected a partition of the rows."
            )
        return out

    # -- repairing ---------------------------------------------------------------------------

    def _repaired(self, X, sensitive_features):
        """Scores of rows at the present strength, one column a map."""
        X, codes = self._locate(X, sensitive_features)
        if not 0 <= self.strength <= 1:
            raise ValueError(f"Got strength={self.strength!r}, expected a float in [0, 1].")
        scores = _scores(self.estimator_, take_columns(X, self._columns.out))
        t = self.strength
        if t == 0:
            return scores
        moved, ties, middle = scores, None, np.full(len(scores), 0.5)
        for laws in self.maps_:
            columns = []
            for own, arrays in zip(moved.T, laws, strict=True):
                law = _MAPS[self.transport](**arrays)
                if ties is None and law.spanning(own, codes).any():
                    ties = row_numbers([X], self.seed_, "ties")
                columns.append(law.move(own, codes, middle if ties is None else ties))
            moved = np.column_stack(columns)
            if _has_proba(self):
                moved = _shares(moved, scores)
        return (1 - t) * scores + t * moved


def _shares(moved, scores):
    """Probabilities again, after the maps: in [0, 1], and of sum 1 where there are several."""
    moved = np.clip(moved, 0.0, 1.0)
    if moved.shape[1] == 1:
        return moved
    total = moved.sum(axis=1, keepdims=True)
    return np.where(total > 0, moved / np.where(total > 0, total, 1.0), scores)


def _scores(model, X):
    """Scores of rows, of shape (n, 1), or (n, n_classes) for more than two classes."""
    if not is_classifier(model):
        scores = np.asarray(model.predict(X), dtype=np.float64)
        return scores.reshape(len(scores), -1)
    if hasattr(model, "predict_proba"):
        scores = np.asarray(model.predict_proba(X), dtype=np.float64)
        return scores[:, -1:] if scores.shape[1] <= 2 else scores
    scores = np.asarray(model.decision_function(X), dtype=np.float64)
    return scores.reshape(len(scores), -1)
