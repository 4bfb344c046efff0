"""Instances of every public estimator, and which checks they may fail, each with the reason."""

from sklearn.neighbors import KNeighborsClassifier

from skunlearn.decomposition import PCA
from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.linear_model import LinearRegression, Ridge, RidgeClassifier, UnlearnableRidgeCV
from skunlearn.naive_bayes import GaussianNB
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler

_BALANCED = 'class_weight="balanced" counts rows, not their weights, as in scikit-learn'
_EPSILON = "epsilon_ is taken from the unweighted variance, as in scikit-learn"
_N_ITER = "n_iter_ is None: the solution is direct, as with scikit-learn's direct solvers"
_NAN = "transform lets missing values through, as scikit-learn's does; fit refuses them"
_STEPS = "the steps are fitted in place, as in scikit-learn"

# Of our own checks: {class: {check: reason}}.
_EXPECTED = {
    "GaussianNB": {"check_whole_weights_are_copies": _EPSILON},
}

# Of scikit-learn's check_estimator: {class: {check: reason}}.
_EXPECTED_SKLEARN = {
    "Ridge": {"check_non_transformer_estimators_n_iter": _N_ITER},
    "RidgeClassifier": {"check_non_transformer_estimators_n_iter": _N_ITER},
    "StandardScaler": {"check_estimators_nan_inf": _NAN},
    "Pipeline": {
        "check_estimators_overwrite_params": _STEPS,
        "check_dont_overwrite_parameters": _STEPS,
    },
}


def unlearners():
    """Instances of every public estimator of this library, the plainest of each class first.

    Returns
    -------
    list of estimators
    """
    return [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        LinearRegression(),
        LinearRegression(fit_intercept=False),
        Ridge(),
        Ridge(fit_intercept=False),
        Ridge(track_rows=False),
        RidgeClassifier(),
        RidgeClassifier(class_weight="balanced"),
        UnlearnableRidgeCV(random_state=0),
        GaussianNB(),
        PCA(n_components=2),
        PCA(whiten=True),
        GaussianBarycenter(),
        GaussianBarycenter(sensitive_columns=[]),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(), PCA(whiten=True), RidgeClassifier()),
        make_pipeline(StandardScaler(), GaussianNB()),
        make_pipeline(StandardScaler(), UnlearnableRidgeCV(random_state=0)),
        make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=1)),
        make_pipeline(GaussianBarycenter(sensitive_columns=[]), StandardScaler(), PCA()),
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
    expected = dict(_EXPECTED.get(type(estimator).__name__, {}))
    if _is_balanced(estimator):
        expected["check_whole_weights_are_copies"] = _BALANCED
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
    expected = dict(_EXPECTED_SKLEARN.get(type(estimator).__name__, {}))
    if _is_balanced(estimator):
        for data in ("dense", "sparse"):
            expected[f"check_sample_weight_equivalence_on_{data}_data"] = _BALANCED
    return expected


def _is_balanced(estimator):
    return getattr(estimator, "class_weight", None) == "balanced"
