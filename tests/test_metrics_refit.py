"""Distance to the refit: zero for the refit itself, not for a model that forgot nothing."""

import pickle
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from skunlearn.linear_model import Ridge as OurRidge
from skunlearn.metrics import refit_distance


class Stub(BaseEstimator):
    """Carries whatever learned attributes it is given."""

    def __init__(self, **learned):
        vars(self).update(learned)

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True


def distance(ours, theirs):
    return refit_distance(Stub(coef_=ours), Stub(coef_=theirs))


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


ESTIMATORS = [
    Ridge(),
    LogisticRegression(C=1e-3, max_iter=1000, solver="newton-cholesky"),
    GaussianNB(),
    SVC(),
    LinearSVC(random_state=0, max_iter=100_000, C=1e-4),
    PCA(2),
    StandardScaler(copy=False),
    KMeans(3, n_init=1, random_state=0),
    DecisionTreeRegressor(random_state=0),
    RandomForestClassifier(5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    KNeighborsClassifier(),
    make_pipeline(StandardScaler(), PCA(3), GaussianNB()),
    make_pipeline(make_union(StandardScaler(), PCA(2)), Ridge()),
    make_pipeline(make_column_transformer((StandardScaler(), [0, 1]), remainder=PCA(2)), Ridge()),
    make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=2000, tol=1e-2, random_state=0)),
    GridSearchCV(Ridge(), {"alpha": [1.0, 10.0]}, cv=3),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_true_refit_is_identical_and_a_no_op_is_not(estimator, wine):
    X, y = wine
    retain = np.arange(len(X)) % 4 != 0
    refit = pickle.loads(pickle.dumps(estimator)).fit(X[retain].copy(), y[retain])
    same = refit_distance(refit, None, X[retain].copy(), y[retain], X_eval=X)
    assert same.identical
    assert same.max_abs == same.max_rel == 0
    assert set(same.predictions.values()) == {0.0}
    assert same.mismatched == ()
    no_op = pickle.loads(pickle.dumps(estimator)).fit(X.copy(), y)
    found = refit_distance(no_op, None, X[retain].copy(), y[retain], X_eval=X)
    assert not found.identical
    assert max(found.max_abs, *found.predictions.values()) > 0


def test_eval_rows_are_not_changed(wine):
    X, _ = wine
    before = X.copy()
    scaler = StandardScaler(copy=False).fit(X.copy())
    refit_distance(scaler, scaler, X_eval=X)
    assert np.array_equal(X, before)


def test_no_op_ridge_by_hand():
    X, y = load_diabetes(return_X_y=True)
    no_op, refit = Ridge().fit(X, y), Ridge().fit(X[20:], y[20:])
    found = refit_distance(no_op, refit, X_eval=X)
    gap = np.max(np.abs(no_op.coef_ - refit.coef_))
    assert found.parameters["coef_"] == (gap, gap / np.max(np.abs(refit.coef_)))
    assert found.parameters["n_features_in_"] == (0.0, 0.0)
    assert found.predictions == {
        "predict_max_abs": np.max(np.abs(no_op.predict(X) - refit.predict(X)))
    }
    assert refit_distance(no_op, None, X[20:], y[20:], X_eval=X) == found
    assert refit_distance(no_op, Ridge(), X[20:], y[20:], X_eval=X) == found


def test_predictions_by_hand():
    X, y = load_breast_cancer(return_X_y=True)
    ours, theirs = (GaussianNB().fit(X[rows], y[rows]) for rows in (slice(None), slice(200, None)))
    found = refit_distance(ours, theirs, X_eval=X).predictions
    gap = np.abs(ours.predict_proba(X) - theirs.predict_proba(X))
    assert found["predict_disagreement"] == np.mean(ours.predict(X) != theirs.predict(X)) > 0
    assert found["predict_proba_max_gap"] == gap.max()
    assert found["predict_proba_mean_tv"] == pytest.approx(0.5 * gap.sum(axis=1).mean())


def test_disagreement_on_string_labels(wine):
    X, y = wine
    labels = np.array(["a", "b", "c"])[y]
    ours, theirs = (KNeighborsClassifier(k).fit(X, labels) for k in (1, 9))
    found = refit_distance(ours, theirs, X_eval=X)
    expected = np.mean(ours.predict(X) != theirs.predict(X))
    assert found.predictions["predict_disagreement"] == expected > 0


def test_weights_and_parameters_reach_fit_and_predict():
    X, y = load_diabetes(return_X_y=True)
    weights = np.linspace(1, 2, len(y))
    model = Ridge().fit(X, y, sample_weight=weights)
    assert refit_distance(model, None, X, y, sample_weight=weights).identical
    assert not refit_distance(model, None, X, y).identical
    pipeline = make_pipeline(StandardScaler(), Ridge())
    params = {"ridge__sample_weight": weights}
    pipeline.fit(X, y, **params)
    assert refit_distance(pipeline, None, X, y, fit_params=params).identical

    class Keyed(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None, sensitive_features=None):
            self.sum_ = np.sum(sensitive_features)
            return self

        def transform(self, X, sensitive_features=None):
            return X + self.sum_ * sensitive_features[:, None]

    keyed = Keyed().fit(X, sensitive_features=weights)
    kwargs = {"sensitive_features": weights}
    found = refit_distance(keyed, None, X, X_eval=X, fit_params=kwargs, predict_params=kwargs)
    assert found.identical
    assert found.predictions == {"transform_max_abs": 0.0}


def test_paths_of_nested_models(wine):
    X, y = wine
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    names = refit_distance(make_pipeline(StandardScaler(), forest).fit(X, y), forest).parameters
    assert "standardscaler.mean_" in names
    assert "randomforestclassifier.estimators_[1].tree_.values" in names
    assert "randomforestclassifier.estimators_[1].tree_.nodes['threshold']" in names


def test_signs_are_taken_as_they_are(wine):
    pca = PCA(2).fit(wine[0])
    mirrored = pickle.loads(pickle.dumps(pca))
    mirrored.components_ = -mirrored.components_
    largest = np.max(np.abs(pca.components_))
    assert refit_distance(pca, mirrored).parameters["components_"] == (2 * largest, 2.0)


def test_class_that_was_not_forgotten_differs_in_shape(wine):
    X, y = wine
    found = refit_distance(GaussianNB().fit(X, y), None, X[y < 2], y[y < 2], X_eval=X)
    assert found.max_abs == np.inf
    assert found.parameters["theta_"] == (np.inf, np.inf)
    assert {"theta_", "classes_", "predict_proba"} <= set(found.mismatched)
    assert found.predictions["predict_proba_max_abs"] == np.inf
    assert "shapes differ" in str(found)


@pytest.mark.parametrize(
    ("ours", "theirs", "gap", "identical"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), 0, True),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), np.inf, False),
        (np.array([np.inf]), np.array([np.inf]), 0, True),
        (np.array([np.inf]), np.array([-np.inf]), np.inf, False),
        (np.array([0.0]), np.array([-0.0]), 0, False),
        (np.array([1.0]), np.array([np.nextafter(1, 2)]), 2**-52, False),
        (np.array([1.0]), np.array([1.0], dtype=np.float32), 0, False),
        (np.array([1], dtype=np.uint8), np.array([2], dtype=np.uint8), 1, False),
        (np.array([True]), np.array([False]), 1, False),
        (np.array(["a"]), np.array(["a"]), 0, True),
        (np.array(["a"]), np.array(["b"]), np.inf, False),
        (np.array(["a", 1, None], object), np.array(["a", 1, None], object), 0, True),
        (np.array(["a", 1, None], object), np.array(["a", 2, None], object), np.inf, False),
        (csr_array([[1.0, 0.0]]), csr_array([[1.0, 0.0]]), 0, True),
        (csr_array([[1.0, 0.0]]), csr_array([[1.0, 0.5]]), 0.5, False),
        (csr_array([[1.0, 0.0]]), np.array([[1.0, 0.5]]), 0.5, False),
        (1.5, 1.0, 0.5, False),
        ([1.5, 2.0], [1.0, 2.0], 0.5, False),
        ([1.5, 2], [1.0, 2], 0.5, False),
        (["a", 2], ["a", 2], 0, True),
        (np.array([1.5, 2], object), np.array([1.0, 2], object), 0.5, False),
        (slice(0, 2), slice(0, 3), np.inf, False),
        ("auto", "auto", 0, True),
        (None, None, 0, True),
        ({"a": 1.0}, {"a": 3.0}, 2, False),
        ([np.ones(2), [np.ones(3)]], [np.ones(2), [np.zeros(3)]], 1, False),
        ([np.ones(2)], [np.ones(2), np.ones(2)], np.inf, False),
        (np.ones(2), np.ones(3), np.inf, False),
        (np.ones((0, 2)), np.ones((0, 2)), 0, True),
    ],
)
def test_leaves(ours, theirs, gap, identical):
    found = distance(ours, theirs)
    assert found.max_abs == gap
    assert found.identical is identical


def test_relative_to_the_largest_reference_value():
    found = distance(np.array([3.0, 0.0]), np.array([4.0, 0.0]))
    assert (found.max_abs, found.max_rel) == (1.0, 0.25)
    assert distance(np.array([1e-9]), np.array([0.0])).max_rel == np.inf


def test_what_cannot_be_compared_is_named(wine):
    X, y = wine
    found = distance(np.ones(1), np.ones(1))
    assert found.not_compared == ()
    rng = np.random.default_rng(0)
    found = refit_distance(Stub(coef_=1.0, rng_=rng), Stub(coef_=1.0, rng_=rng))
    assert found.not_compared == ("rng_",)
    assert "not compared (1): rng_" in str(found)
    knn = KNeighborsClassifier().fit(X, y)
    assert "_fit_X" in refit_distance(knn, knn).not_compared
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2).fit(X, y)
    found = refit_distance(search, search)
    assert "refit_time_" in found.not_compared
    assert any("mean_fit_time" in name for name in found.not_compared)
    assert "best_estimator_.coef_" in found.parameters


def test_attribute_in_one_only():
    found = refit_distance(Stub(coef_=1.0, extra_=2.0), Stub(coef_=1.0))
    assert found.mismatched == ("extra_",)
    assert found.parameters == {"coef_": (0.0, 0.0), "extra_": (np.inf, np.inf)}
    assert not found.identical


def test_method_in_one_only(wine):
    X, y = wine
    ours = SGDClassifier(loss="log_loss", random_state=0).fit(X, y)
    theirs = SGDClassifier(loss="hinge", random_state=0).fit(X, y)
    found = refit_distance(ours, theirs, X_eval=X)
    assert "predict_proba" in found.mismatched
    assert not found.identical


def test_several_targets():
    X, y = load_wine(return_X_y=True)
    Y = np.c_[y, y > 0]
    ours, theirs = (KNeighborsClassifier(k).fit(X, Y) for k in (1, 9))
    found = refit_distance(ours, theirs, X_eval=X).predictions
    expected = np.mean((ours.predict(X) != theirs.predict(X)).any(axis=1))
    assert found["predict_disagreement"] == expected
    assert 0 < found["predict_proba_max_gap"] <= 1


def test_sparse_transform(wine):
    X = (wine[0][:, :2] > 10).astype(int)
    ours, theirs = OneHotEncoder().fit(X), OneHotEncoder(sparse_output=False).fit(X)
    found = refit_distance(ours, ours, X_eval=X)
    assert found.identical
    assert refit_distance(ours, theirs, X_eval=X).predictions == {"transform_max_abs": 0.0}


def test_refusals(wine):
    X, y = wine
    fitted = Ridge().fit(X, y)
    with pytest.raises(ValueError, match="neither reference nor X_retain"):
        refit_distance(fitted)
    with pytest.raises(ValueError, match="without X_retain"):
        refit_distance(fitted, fitted, sample_weight=y)
    with pytest.raises(NotFittedError):
        refit_distance(Ridge(), fitted)
    with pytest.raises(NotFittedError):
        refit_distance(fitted, Ridge())

    class Opaque(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

    with pytest.raises(ValueError, match="nothing to compare in Opaque"):
        refit_distance(Opaque(), Opaque())
    stateless = FunctionTransformer(np.log1p)
    assert refit_distance(stateless, stateless, X_eval=X).identical


def test_result(monkeypatch):
    X, y = load_diabetes(return_X_y=True)
    found = refit_distance(Ridge().fit(X, y), None, X[20:], y[20:], X_eval=X)
    assert "not identical: max_abs" in str(found)
    assert "coef_: abs" in str(found)
    assert "predict_max_abs" in str(found)
    assert "identical bit for bit" in str(distance(1.0, 1.0))
    with pytest.raises(AttributeError):
        found.max_abs = 0
    assert pickle.loads(pickle.dumps(found)) == found
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert frame["kind"].value_counts().to_dict() == {
        "parameter": len(found.parameters),
        "prediction": 1,
    }
    assert frame["max_abs"].max() == max(found.max_abs, *found.predictions.values())
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        found.to_frame()


def test_the_grid_and_what_one_model_lacks_are_no_distance():
    X, y = load_diabetes(return_X_y=True)
    ours = OurRidge().fit(X, y)
    found = refit_distance(ours, Ridge(solver="cholesky").fit(X, y), X_eval=X)
    assert not found.identical
    assert found.max_abs < 1e-4
    assert "resolution_" in found.mismatched
