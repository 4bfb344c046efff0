"""Leakage as a scorer: for grid search and cross-validation, with Z by metadata routing."""

from numbers import Real

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils.metadata_routing import get_routing_for_object

from skunlearn.metrics._leakage import leakage_score

_METHODS = ("predict_proba", "decision_function", "predict", "transform")
_ROUTING = (
    "Got no sensitive_features: pass them to the search or to cross_validate "
    "(params={'sensitive_features': z}, or fit(X, y, sensitive_features=z)), after "
    "sklearn.set_config(enable_metadata_routing=True)."
)


def make_leakage_scorer(
    probe="boosting", *, response="auto", task="auto", average="macro", random_state=0
):
    """Make a scorer of what a probe reads of a sensitive variable: 0 is chance, less is a leak.

    For each fold of a cross-validation the estimator is fitted on the training rows, and probe and
    score are on disjoint parts of the test rows: map, probe and score never share a row.

    Parameters
    ----------
    probe : {"linear", "quadratic", "boosting"}, estimator, or list of these, default="boosting"
        As in `leakage_score`; the worst of several counts.
    response : {"auto", "predict_proba", "decision_function", "predict", "transform"}, \
default="auto"
        What is probed: the first of these that the estimator has. "transform" of a pipeline that
        ends with a predictor is the output of all steps before it.
    task : {"auto", "classification", "regression"}, default="auto"
        As in `leakage_score`.
    average : {"macro", "weighted"}, default="macro"
        As in `leakage_score`.
    random_state : int, default=0
        For the folds inside the test rows, and the probes: the same for all candidates.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, *, sensitive_features)`` returns minus the distance of the
        score from chance: −|AUC − 1/2|, or −max(R², 0). It requests `sensitive_features` by
        metadata routing; ``set_score_request(sensitive_features="sex")`` gives them another name.

    See Also
    --------
    leakage_score : The measurement, with its interval.
    make_tradeoff_scorer : Utility and leakage in one number.
    select_strength : The smallest strength whose leakage is equivalent to chance.

    Notes
    -----
    Needs ``sklearn.set_config(enable_metadata_routing=True)`` in a search or `cross_validate`. An
    estimator that requests `sensitive_features` for the method that is probed is given them.

    A test fold wants some hundred rows of each group: it is split in three, and the standard error
    of an AUC of 1/2 between two groups of m rows each is about .4/√m. The distance of a noisy AUC
    from 1/2 is never negative, so that even independent data score a little below 0. The least
    leaky of many candidates is so by luck, too: confirm it on other rows, with `select_strength`.

    Examples
    --------
    >>> import numpy as np
    >>> import sklearn
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from skunlearn.metrics import make_leakage_scorer
    >>> rng = np.random.default_rng(0)
    >>> z = rng.integers(0, 2, 900)
    >>> X = rng.normal(size=(900, 2)) + 2 * z[:, None]
    >>> y = X[:, 0] + rng.normal(size=900) > 1
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     found = cross_validate(
    ...         LogisticRegression(), X, y, scoring={"leakage": make_leakage_scorer("linear")},
    ...         params={"sensitive_features": z},
    ...     )
    >>> bool(found["test_leakage"].mean() < -0.3)
    True
    """
    if response != "auto" and response not in _METHODS:
        raise ValueError(f"Got response={response!r}, expected 'auto' or one of {list(_METHODS)}.")
    return _LeakageScorer(probe, response, task, average, random_state)


def make_tradeoff_scorer(utility, leakage=None, *, weight=1.0):
    """Make a scorer of utility minus `weight` times leakage, for a search by one number.

    Parameters
    ----------
    utility : str, callable or None
        As `scoring` in scikit-learn; None is the estimator's own `score`.
    leakage : scorer, default=None
        From `make_leakage_scorer`, whose default is taken if None.
    weight : float, default=1.0
        Units of utility that a unit of distance from chance is worth, 0 or more. With 0 nothing is
        probed: the utility alone, of an estimator that needs `sensitive_features` to predict.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, *, sensitive_features)``, which requests `sensitive_features` as
        that of `make_leakage_scorer` does.

    See Also
    --------
    make_leakage_scorer : The leakage alone, for several metrics in one search.
    ParetoDisplay : The whole frontier in place of one weight.

    Notes
    -----
    scikit-learn's scorers do not hand `sensitive_features` to `predict`. Here an estimator that
    requests them gets them for the utility, too; and so does a scorer that requests them, such as
    ``make_scorer(metric).set_score_request(sensitive_features=True)`` of a metric by group.

    Examples
    --------
    >>> import numpy as np
    >>> import sklearn
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skunlearn.feature_unlearning import InformationRegularizedLogisticRegression
    >>> from skunlearn.metrics import make_leakage_scorer, make_tradeoff_scorer
    >>> rng = np.random.default_rng(0)
    >>> z = rng.integers(0, 2, 900)
    >>> X = rng.normal(size=(900, 2)) + [[2.0, 0.0]] * z[:, None]
    >>> y = X.sum(axis=1) + rng.normal(size=900) > 1
    >>> scorer = make_tradeoff_scorer("roc_auc", make_leakage_scorer("linear"), weight=2)
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     model = InformationRegularizedLogisticRegression()
    ...     model.set_fit_request(sensitive_features=True)
    ...     search = GridSearchCV(model, {"gamma": [0, 10, 100]}, scoring=scorer, cv=3)
    ...     search = search.fit(X, y, sensitive_features=z)
    InformationRegularizedLogisticRegression()
    >>> search.best_params_["gamma"] > 0
    True
    """
    if not isinstance(weight, Real) or not 0 <= weight < np.inf:
        raise ValueError(f"Got weight={weight!r}, expected a finite float of 0 or more.")
    return _TradeoffScorer(utility, leakage, weight)


class _SensitiveScorer(BaseEstimator):
    """Scorers that request `sensitive_features` by metadata routing."""

    __metadata_request__score = {"sensitive_features": True}

    def score(self, X, y=None, *, sensitive_features=None):
        """Bear the request for metadata; a scorer is called."""
        raise NotImplementedError("Call the scorer itself: scorer(estimator, X, y, ...).")


class _LeakageScorer(_SensitiveScorer):
    def __init__(self, probe, response, task, average, random_state):
        self.probe = probe
        self.response = response
        self.task = task
        self.average = average
        self.random_state = random_state

    def __call__(self, estimator, X, y=None, *, sensitive_features=None):
        if sensitive_features is None:
            raise ValueError(_ROUTING)
        results = leakage_score(
            respond(estimator, X, self.response, routed(estimator, sensitive_features)),
            sensitive_features,
            probe=self.probe if isinstance(self.probe, list | tuple) else [self.probe],
            task=self.task,
            average=self.average,
            n_permutations=0,
            random_state=self.random_state,
        )
        return -max(from_chance(result) for result in results)


class _TradeoffScorer(_SensitiveScorer):
    def __init__(self, utility, leakage, weight):
        self.utility = utility
        self.leakage = leakage
        self.weight = weight

    def __call__(self, estimator, X, y=None, *, sensitive_features=None):
        if sensitive_features is None:
            raise ValueError(_ROUTING)
        utility, keywords = check_scoring(estimator, scoring=self.utility), {}
        if self.utility is not None:  # a metric by group, such as fairlearn's, asks for them too
            keywords = routed(utility, sensitive_features)("score")
        value = utility(_WithSensitive(estimator, sensitive_features), X, y, **keywords)
        if not self.weight:
            return value
        leakage = make_leakage_scorer() if self.leakage is None else self.leakage
        return value + self.weight * leakage(estimator, X, y, sensitive_features=sensitive_features)


class _WithSensitive:
    """A fitted estimator whose methods are given the sensitive features that they request."""

    def __init__(self, estimator, sensitive_features):
        self._estimator, self._keywords = estimator, routed(estimator, sensitive_features)

    def __getattr__(self, name):
        if name.startswith("_") and not name.startswith("__sklearn"):
            raise AttributeError(name)
        value = getattr(self._estimator, name)
        if name not in (*_METHODS, "score", "predict_log_proba"):
            return value
        keywords = self._keywords(name)

        def call(*args):
            return value(*args, **keywords)

        call.__name__ = name
        return call


# -- what an estimator says -----------------------------------------------------------------------


def routed(estimator, sensitive_features):
    """Return the function from a method to the keywords that the estimator requests for it."""

    def keywords(method):
        if not get_config()["enable_metadata_routing"]:
            return {}
        request = get_routing_for_object(estimator)
        wanted = request.consumes(method, {"sensitive_features"})
        return {"sensitive_features": sensitive_features} if wanted else {}

    return keywords


def respond(estimator, X, response, keywords):
    """Output of a fitted estimator to be probed, as a table.

    Parameters
    ----------
    estimator : estimator instance
    X : array-like or DataFrame of shape (n, d)
    response : str
        As in `make_leakage_scorer`.
    keywords : callable
        From the name of a method to its keywords.

    Returns
    -------
    array-like, sparse matrix or DataFrame of shape (n, n_outputs)
    """
    name = type(estimator).__name__
    if response == "auto":
        response = next((m for m in _METHODS if hasattr(estimator, m)), None)
        if response is None:
            raise TypeError(f"Got {name}, which has none of {list(_METHODS)}: nothing to probe.")
    elif response == "transform" and not hasattr(estimator, "transform"):
        estimator = getattr(estimator, "best_estimator_", estimator)
        if not hasattr(estimator, "steps") or len(estimator.steps) < 2:
            raise TypeError(
                f"Got response='transform' for {name}, which has no transform and is no pipeline "
                "of several steps: probe its predictions (response='predict_proba')."
            )
        estimator = estimator[:-1]
    out = getattr(estimator, response)(X, **keywords(response))
    if response == "predict_proba" and not isinstance(out, list) and out.shape[1] == 2:
        out = out[:, 1:]
    if isinstance(out, list):  # several outputs
        out = np.column_stack(out)
    return np.asarray(out).reshape(-1, 1) if len(out.shape) == 1 else out


def from_chance(result, bound=None):
    """Distance of a `LeakageResult` from chance, or an upper bound on it by its interval."""
    is_auc = result.metric.startswith("roc_auc")
    if bound is None:
        return abs(result.score - 0.5) if is_auc else max(result.score, 0.0)
    return max(result.ci_high - 0.5, 0.5 - result.ci_low) if is_auc else max(result.ci_high, 0.0)
