"""Instances of every public estimator, and which checks they may fail, each with the reason."""

import functools
import importlib.util

from sklearn.linear_model import LinearRegression as PlainLinearRegression
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB as PlainGaussianNB
from sklearn.neighbors import KNeighborsClassifier as PlainKNeighborsClassifier

from skunlearn.compose import ColumnTransformer
from skunlearn.decomposition import PCA
from skunlearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from skunlearn.ensemble import SISAClassifier, SISARegressor
from skunlearn.feature_selection import SelectKBest, SelectPercentile, VarianceThreshold
from skunlearn.feature_unlearning import (
    ConditionalBarycenter,
    GaussianBarycenter,
    InformationRegularizedLogisticRegression,
    LinearConceptEraser,
    OutputUnlearner,
    PairUnlearner,
    QuantileBarycenter,
    SlicedBarycenter,
    TriangularBarycenter,
)
from skunlearn.impute import SimpleImputer
from skunlearn.kernel_ridge import KernelRidge
from skunlearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    UnlearnableRidgeCV,
)
from skunlearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from skunlearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import OneHotEncoder, StandardScaler

_BALANCED = 'class_weight="balanced" counts rows, not their weights, as in scikit-learn'
_BALANCED_OURS = {"check_whole_weights_are_copies": _BALANCED}
_BALANCED_THEIRS = {
    f"check_sample_weight_equivalence_on_{data}_data": _BALANCED for data in ("dense", "sparse")
}
_N_ITER = {
    "check_non_transformer_estimators_n_iter": (
        "n_iter_ is None: the solution is direct, as with scikit-learn's direct solvers"
    )
}
_EPSILON = {
    "check_whole_weights_are_copies": (
        "epsilon_ is taken from the unweighted variance, as in scikit-learn"
    )
}
_IN_PLACE = dict.fromkeys(
    ("check_estimators_overwrite_params", "check_dont_overwrite_parameters"),
    "the steps are fitted in place, as in scikit-learn",
)
_IMPUTES = {"check_estimators_nan_inf": "the first step takes missing values"}
_SIGNS = {
    "check_equals_scikit_learn": (
        "signs of directions are arbitrary in scikit-learn, canonical here"
    )
}
_LSQR = dict.fromkeys(
    ("check_to_sklearn", "check_equals_scikit_learn"),
    "scikit-learn's transform exists with this solver, and raises",
)
_RANK = "a class without full rank is refused, as by scikit-learn"
_QDA = _SIGNS | {
    "check_new_class": _RANK,
    "check_column_becomes_constant": _RANK,
    "check_outliers": "beside rows 1e8 times further out float64 does not resolve the others",
}
_RANGE = {
    "check_equals_scikit_learn": "scikit-learn stores the range where it is below the variance"
}
_NO_SPARSE_PANDAS = {"check_set_output": "pandas output of sparse columns is refused"}
_AS_MANY_ROWS_AS_CLASSES = {
    "check_refused_where_fit_raises": (
        "with as many rows as classes the deviations are NaN, as in scikit-learn"
    )
}
_COUNTING = {"sensitive_columns": [], "conditional": "counts", "bins": [-1.0, 0.0, 1.0, 100.0]}
_COUNTED = dict.fromkeys(
    ("check_sample_weight", "check_wrong_weight"), "it counts rows: fractional weights are refused"
) | {"check_to_sklearn": "scikit-learn has no such class: a copy of ours serves, with its plan"}
_CROSSED = {"check_fit_transform": "fit_transform is cross-fitted, as it says"}
_HALVES = {"check_whole_weights_are_copies": "halves of the rows count rows"}
_REFIT = {
    "check_whole_weights_are_copies": (
        "folds and the estimator inside count rows, or sum in another order"
    )
}
_SHARDS = {
    "check_whole_weights_are_copies": "shard_sizes_ counts rows, and so do the models inside"
}
# The columns that these transformers select are not there, or what they let through is no error.
_COLUMNS = dict.fromkeys(
    (
        "check_estimators_nan_inf",
        "check_estimator_sparse_array",
        "check_estimator_sparse_matrix",
        "check_fit2d_1feature",
        "check_fit1d",
        "check_fit2d_predict1d",
    ),
    "scikit-learn's ColumnTransformer of the same steps fails this check alike",
)


_NET = {
    "check_last_bit": "fit converts to float32: a change below its last bit is none",
    "check_replace_is_atomic": "nets refuse to replace rows: unlearn, then partial_fit",
    "check_clone_is_unfitted": "skorch's constructor sets history_, initialized_, virtual_params_",
}
_NET_THEIRS = {
    "check_no_attributes_set_in_init": (
        "skorch's constructor sets history_, initialized_, virtual_params_"
    )
}
_CERTIFIED = {
    "epsilon": 100.0,
    "delta": 0.1,
    "max_row_norm": 1e6,
    "removal_budget": 1e-3,
    "on_budget_spent": "approximate",
}


def _columns():
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [("scale", StandardScaler(), slice(0, 1)), ("impute", numeric, slice(1, 3))],
        remainder="passthrough",
    )


@functools.cache
def _cases():
    """List (estimator, failures of our checks, failures of scikit-learn's), plainest first."""
    return [
        (StandardScaler(), {}, {}),
        (StandardScaler(with_mean=False), {}, {}),
        (StandardScaler(with_std=False), {}, {}),
        (SimpleImputer(), {}, {}),
        (SimpleImputer(strategy="median", add_indicator=True), {}, {}),
        (SimpleImputer(strategy="most_frequent"), {}, {}),
        (OneHotEncoder(), _NO_SPARSE_PANDAS, {}),
        (OneHotEncoder(sparse_output=False, handle_unknown="ignore", min_frequency=3), {}, {}),
        (_columns(), {}, _COLUMNS),
        (VarianceThreshold(), _RANGE, {}),
        (VarianceThreshold(threshold=0.01), {}, {}),
        (SelectKBest(k=2), {}, {}),
        (SelectPercentile(percentile=50), {}, {}),
        (LinearRegression(), {}, {}),
        (LinearRegression(fit_intercept=False), {}, {}),
        (Ridge(), {}, _N_ITER),
        (Ridge(fit_intercept=False), {}, _N_ITER),
        (Ridge(track_rows=False), {}, _N_ITER),
        (RidgeClassifier(), {}, _N_ITER),
        (RidgeClassifier(class_weight="balanced"), _BALANCED_OURS, _N_ITER | _BALANCED_THEIRS),
        (UnlearnableRidgeCV(random_state=0), {}, {}),
        (LogisticRegression(), {}, {}),
        (LogisticRegression(class_weight="balanced"), {}, {}),
        (LogisticRegression(**_CERTIFIED), {}, {}),
        (LogisticRegression(mechanism="objective", **_CERTIFIED), {}, {}),
        (GaussianNB(), _EPSILON, {}),
        (MultinomialNB(), {}, {}),
        (MultinomialNB(alpha=0.3, fit_prior=False, track_rows=False), {}, {}),
        (ComplementNB(), {}, {}),
        (ComplementNB(alpha=0.1, norm=True), {}, {}),
        (BernoulliNB(), {}, {}),
        (BernoulliNB(binarize=1.0, resolution=-30), {}, {}),
        (CategoricalNB(min_categories=60), {}, {}),
        (KNeighborsClassifier(n_neighbors=1), {}, {}),
        (KNeighborsClassifier(n_neighbors=1, algorithm="brute", track_rows=False), {}, {}),
        (KNeighborsRegressor(n_neighbors=1), {}, {}),
        (NearestCentroid(), _AS_MANY_ROWS_AS_CLASSES, {}),
        (NearestCentroid(shrink_threshold=0.2), _AS_MANY_ROWS_AS_CLASSES, {}),
        (NearestCentroid(priors="empirical"), _AS_MANY_ROWS_AS_CLASSES, {}),
        (KernelRidge(), {}, {}),
        (KernelRidge(kernel="rbf", gamma=0.1), {}, {}),
        (SISAClassifier(PlainGaussianNB(), n_shards=20), _SHARDS, {}),
        (SISAClassifier(), _SHARDS, {}),
        (SISAClassifier(PlainGaussianNB(), n_shards=3, n_slices=4), _SHARDS, {}),
        (
            SISAClassifier(
                SGDClassifier(warm_start=True, tol=None, max_iter=5), n_shards=3, n_slices=3
            ),
            _SHARDS,
            {},
        ),
        (SISARegressor(PlainRidge(solver="svd"), n_shards=4), _SHARDS, {}),
        (SISARegressor(), _SHARDS, {}),
        (LinearDiscriminantAnalysis(), _SIGNS, {}),
        (LinearDiscriminantAnalysis(solver="lsqr"), _LSQR, {}),
        (LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.2), _SIGNS, {}),
        (QuadraticDiscriminantAnalysis(reg_param=0.1), _SIGNS, {}),
        (QuadraticDiscriminantAnalysis(), _QDA, {}),
        (QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.1), _SIGNS, {}),
        (PCA(n_components=2), {}, {}),
        (PCA(whiten=True), {}, {}),
        (GaussianBarycenter(), {}, {}),
        (GaussianBarycenter(sensitive_columns=[]), {}, {}),
        (TriangularBarycenter(**_COUNTING), _COUNTED, {}),
        (TriangularBarycenter(**_COUNTING | {"sensitive_columns": None}), _COUNTED | _CROSSED, {}),
        (QuantileBarycenter(), {}, {}),
        (QuantileBarycenter(sensitive_columns=[]), {}, {}),
        (ConditionalBarycenter(), {}, {}),
        (ConditionalBarycenter(sensitive_columns=[]), {}, {}),
        (SlicedBarycenter(keep_rows=True, max_iter=1), _HALVES, {}),
        (SlicedBarycenter(sensitive_columns=[], keep_rows=True), _HALVES, {}),
        (LinearConceptEraser(), {}, {}),
        (LinearConceptEraser(sensitive_columns=[]), {}, {}),
        (OutputUnlearner(PlainLinearRegression(), sensitive_columns=[], cv=None), _REFIT, {}),
        (OutputUnlearner(PlainGaussianNB(), cv=None, transport="gaussian"), _REFIT, {}),
        (PairUnlearner(PlainLinearRegression(), sensitive_columns=[]), _REFIT, {}),
        (PairUnlearner(PlainGaussianNB(), sensitive_columns=[]), _REFIT, {}),
        (InformationRegularizedLogisticRegression(keep_rows=True), {}, {}),
        (
            InformationRegularizedLogisticRegression(sensitive_columns=[], keep_rows=True),
            {},
            {},
        ),
        *((pipeline, ours, theirs | _IN_PLACE) for pipeline, ours, theirs in _pipelines()),
        *_nets(),
    ]


def _nets():
    """Nets, where torch is installed."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("skorch") is None:
        return []
    from skunlearn.neural_network import (
        GradientAscent,
        InformationRegularizedNetClassifier,
        NeuralNetClassifier,
        NeuralNetRegressor,
    )

    quick = {"hidden_layer_sizes": (16,), "batch_size": 16, "lr": 0.01}
    step = GradientAscent(n_epochs=1, stopping=None)
    nets = [
        NeuralNetClassifier(unlearner=step, **quick),
        NeuralNetRegressor(unlearner=step, **quick),
        InformationRegularizedNetClassifier(gamma=0, unlearner=step, **quick),
    ]
    return [(net, _NET, _NET_THEIRS) for net in nets]


def _pipelines():
    return [
        (make_pipeline(StandardScaler(), Ridge()), {}, {}),
        (make_pipeline(StandardScaler(), PCA(whiten=True), RidgeClassifier()), {}, {}),
        (make_pipeline(StandardScaler(), GaussianNB()), {}, {}),
        (make_pipeline(StandardScaler(), UnlearnableRidgeCV(random_state=0)), {}, {}),
        (make_pipeline(StandardScaler(), PlainKNeighborsClassifier(n_neighbors=1)), {}, {}),
        (make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=1)), {}, {}),
        (make_pipeline(GaussianBarycenter(sensitive_columns=[]), StandardScaler(), PCA()), {}, {}),
        (make_pipeline(SelectKBest(k=2), StandardScaler(), RidgeClassifier()), {}, {}),
        (make_pipeline(SimpleImputer(), StandardScaler(), Ridge()), {}, _IMPUTES),
        (make_pipeline(StandardScaler(), LogisticRegression()), {}, {}),
    ]


def unlearners():
    """Instances of every public estimator of this library, the plainest of each class first.

    Returns
    -------
    list of estimators
    """
    return [estimator for estimator, _, _ in _cases()]


def expected_failures(estimator):
    """Which of our checks an estimator of the registry fails, each with the reason.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    dict of str to str
    """
    return _expected()[repr(estimator)][0]


def expected_sklearn_failures(estimator):
    """Which of scikit-learn's checks an estimator of the registry fails, each with the reason.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    dict of str to str
    """
    return _expected()[repr(estimator)][1]


@functools.cache
def _expected():
    return {repr(estimator): (ours, theirs) for estimator, ours, theirs in _cases()}
