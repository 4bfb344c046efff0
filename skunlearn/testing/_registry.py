"""Instances of every public estimator, and which checks they may fail, each with the reason."""

import importlib

_WEIGHTS_COUNT = "class_weight counts rows, not their weights, as in scikit-learn"
_EPSILON = "epsilon_ is taken from the unweighted variance, as in scikit-learn"
_N_ITER = "n_iter_ is None: the solution is direct, as with scikit-learn's direct solvers"
_MISSING = "transform lets missing values through, as scikit-learn's does; fit refuses them"
_STEPS = "the steps are fitted in place, as in scikit-learn"

# Arguments of the instances to check, by room and class; the first is the default one.
_INSTANCES = {
    "skunlearn.linear_model": {
        "LinearRegression": [{}, {"fit_intercept": False}],
        "Ridge": [{}, {"fit_intercept": False}],
        "RidgeClassifier": [{}, {"class_weight": "balanced"}],
    },
    "skunlearn.naive_bayes": {"GaussianNB": [{}]},
    "skunlearn.preprocessing": {
        "StandardScaler": [{}, {"with_mean": False}, {"with_std": False}],
    },
    "skunlearn.decomposition": {"PCA": [{"n_components": 2}, {"whiten": True}]},
}

# Of our own checks: {class: {check: reason}}.
_EXPECTED_FAILURES = {
    "GaussianNB": {"check_whole_weights_are_copies": _EPSILON},
}

# Of scikit-learn's check_estimator: {class: {check: reason}}.
_EXPECTED_SKLEARN_FAILURES = {
    "Ridge": {"check_non_transformer_estimators_n_iter": _N_ITER},
    "RidgeClassifier": {"check_non_transformer_estimators_n_iter": _N_ITER},
    "StandardScaler": {"check_estimators_nan_inf": _MISSING},
    "Pipeline": {
        "check_estimators_overwrite_params": _STEPS,
        "check_dont_overwrite_parameters": _STEPS,
    },
}


def _make(room, name, arguments):
    return getattr(importlib.import_module(room), name)(**arguments)


def unlearners():
    """Instances of every public estimator of this library.

    Returns
    -------
    list of estimators
    """
    return [
        _make(room, name, arguments)
        for room, classes in _INSTANCES.items()
        for name, instances in classes.items()
        for arguments in instances
    ]


def expected_failures(estimator):
    """Which of our checks an estimator fails, each with the reason.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    dict of str to str
    """
    expected = dict(_EXPECTED_FAILURES.get(type(estimator).__name__, {}))
    if getattr(estimator, "class_weight", None) == "balanced":
        expected["check_whole_weights_are_copies"] = _WEIGHTS_COUNT
    return expected


def expected_sklearn_failures(estimator):
    """Which of scikit-learn's checks an estimator fails, each with the reason.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    dict of str to str
    """
    expected = dict(_EXPECTED_SKLEARN_FAILURES.get(type(estimator).__name__, {}))
    if getattr(estimator, "class_weight", None) == "balanced":
        for data in ("dense", "sparse"):
            expected[f"check_sample_weight_equivalence_on_{data}_data"] = _WEIGHTS_COUNT
    return expected
