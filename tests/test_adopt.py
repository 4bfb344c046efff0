"""`from_sklearn` gives the twin of a fitted model: the same predictions, and then it can forget."""

import importlib
import pickle
import pkgutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import (
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_ridge,
    linear_model,
    model_selection,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    svm,
)
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import skunlearn
from skunlearn import from_sklearn
from skunlearn._adopt import TWINS
from skunlearn._adopt_compare import Comparison
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import GaussianBarycenter

OUTPUTS = (
    "predict_joint_log_proba",
    "decision_function",
    "predict_proba",
    "transform",
    "predict",
)


def output(model, X):
    out = getattr(model, next(name for name in OUTPUTS if hasattr(model, name)))(X)
    return out.toarray() if sparse.issparse(out) else np.asarray(out)


def make(name):
    """Rows and targets by name."""
    if name == "frame":
        rng = np.random.default_rng(0)
        X = pd.DataFrame(
            {
                "age": rng.normal(40, 9, 240),
                "pay": rng.normal(3e4, 1e4, 240).round(2),
                "town": rng.choice(["Graz", "Linz", "Wien"], 240),
            }
        )
        X.loc[::7, "age"] = np.nan
        return X, np.where(X["pay"] + rng.normal(0, 1e4, 240) > 3e4, "yes", "no")
    if name == "codes":
        X, y = load_iris(return_X_y=True)
        return np.floor(X).astype(int), y
    load = {
        "iris": load_iris,
        "wine": load_wine,
        "cancer": load_breast_cancer,
        "digits": load_digits,
        "diabetes": load_diabetes,
    }[name.split()[0]]
    X, y = load(return_X_y=True)
    if "scaled" in name:
        X = preprocessing.scale(X)
    if "share" in name:
        X = X / 17
    if "sparse" in name:
        X = sparse.csr_array(X)
    return X, (np.array(["no", "yes", "so"])[y] if "text" in name else y)


def halves(X, y):
    """Rows to forget and rows that remain."""
    n = X.shape[0]
    gone = np.random.default_rng(1).choice(n, n // 4, replace=False)
    kept = np.delete(np.arange(n), gone)
    take = (lambda rows: X.iloc[rows]) if hasattr(X, "iloc") else (lambda rows: X[rows])
    return (take(gone), y[gone]), (take(kept), y[kept])


def table_steps():
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    return compose.ColumnTransformer(
        [("numbers", numbers, ["age", "pay"]), ("town", preprocessing.OneHotEncoder(), ["town"])]
    )


def scaled(*steps):
    return pipeline.make_pipeline(preprocessing.StandardScaler(), *steps)


MODELS = [
    (compose.ColumnTransformer([("s", preprocessing.StandardScaler(), [0, 2])]), "wine"),
    (decomposition.PCA(3), "cancer scaled"),
    (discriminant_analysis.LinearDiscriminantAnalysis(), "wine text"),
    (discriminant_analysis.QuadraticDiscriminantAnalysis(), "wine"),
    (feature_selection.SelectKBest(k=5), "cancer"),
    (feature_selection.SelectPercentile(percentile=30), "wine"),
    (feature_selection.VarianceThreshold(0.5), "wine"),
    (impute.SimpleImputer(strategy="median"), "wine"),
    (kernel_ridge.KernelRidge(kernel="rbf", gamma=0.1), "diabetes scaled"),
    (linear_model.LinearRegression(), "diabetes"),
    (linear_model.Ridge(alpha=0.3), "diabetes"),
    (linear_model.Ridge(solver="sag", tol=1e-8, max_iter=5000), "diabetes scaled"),
    (linear_model.RidgeClassifier(class_weight="balanced"), "cancer"),
    (linear_model.LogisticRegression(), "cancer scaled"),
    (naive_bayes.BernoulliNB(binarize=8), "digits"),
    (naive_bayes.CategoricalNB(min_categories=9), "codes"),
    (naive_bayes.ComplementNB(), "digits sparse"),
    (naive_bayes.GaussianNB(), "wine text"),
    (naive_bayes.MultinomialNB(), "digits"),
    (neighbors.KNeighborsClassifier(3), "iris text"),
    (neighbors.KNeighborsRegressor(), "diabetes"),
    (neighbors.NearestCentroid(), "wine"),
    (preprocessing.OneHotEncoder(handle_unknown="ignore"), "codes"),
    (preprocessing.StandardScaler(), "cancer"),
    (scaled(pipeline.make_pipeline(decomposition.PCA(3), linear_model.Ridge())), "diabetes"),
    (pipeline.make_pipeline(preprocessing.Normalizer(), linear_model.Ridge()), "diabetes"),
    (
        pipeline.make_pipeline(preprocessing.MinMaxScaler(), neighbors.KNeighborsClassifier()),
        "wine",
    ),
    (
        pipeline.make_pipeline(GaussianBarycenter(sensitive_columns=[]), linear_model.Ridge()),
        "wine",
    ),
    (pipeline.make_pipeline(table_steps(), linear_model.RidgeClassifier()), "frame"),
    (table_steps(), "frame"),
]
IDS = [f"{type(model).__name__}-{data}" for model, data in MODELS]


def test_the_table_has_every_class_that_mirrors_one_of_scikit_learn():
    found = {}
    for info in pkgutil.iter_modules(skunlearn.__path__):
        if info.name.startswith("_") or info.name in ("testing", "neural_network"):
            continue
        module = importlib.import_module(f"skunlearn.{info.name}")
        for name in module.__all__:
            own = getattr(module, name)
            if not (isinstance(own, type) and issubclass(own, BaseEstimator)):
                continue
            if any(b.__name__ == name and b.__module__.startswith("sklearn.") for b in own.__mro__):
                found[name] = info.name
                plain = getattr(importlib.import_module(f"sklearn.{info.name}"), name)
                assert issubclass(own, plain)
                assert hasattr(own, "to_sklearn")
    assert found == TWINS
    assert {type(model).__name__ for model, _ in MODELS} == set(TWINS)


@pytest.mark.parametrize(("model", "data"), MODELS, ids=IDS)
def test_adopted_with_rows_then_forgets(model, data):
    X, y = make(data)
    plain = clone(model).fit(X, y)
    said = output(plain, X)
    twin = from_sklearn(plain, X, y)
    assert type(twin) is getattr(
        importlib.import_module(f"skunlearn.{TWINS[type(plain).__name__]}"), type(plain).__name__
    )
    now = output(twin, X)
    if said.dtype.kind == "f":
        iterated = isinstance(plain, linear_model.LogisticRegression)
        assert np.abs(said - now).max() <= (1e-2 if iterated else 1e-6) * said.std()
    else:
        np.testing.assert_array_equal(said, now)
    np.testing.assert_array_equal(output(plain, X), said)  # the model itself is as it was
    (X_gone, y_gone), (X_kept, y_kept) = halves(X, y)
    twin.unlearn(X_gone, y_gone)
    if isinstance(plain, linear_model.LogisticRegression):
        refit = clone(twin).fit(X, y).unlearn(X_gone, y_gone)
    else:
        refit = clone(twin)
        if hasattr(refit, "resolution"):
            grid = getattr(twin, "resolution_", "auto")
            refit.set_params(resolution=grid)
        refit.fit(X_kept, y_kept)
    exact = not isinstance(plain, kernel_ridge.KernelRidge)
    np.testing.assert_allclose(output(twin, X), output(refit, X), rtol=0 if exact else 1e-9)
    if exact and hasattr(twin, "state_digest"):
        assert twin.state_digest() == refit.state_digest()
    with pytest.raises(NotLearnedError):
        twin.unlearn(X_gone, y_gone)


@pytest.mark.parametrize(("model", "data"), MODELS, ids=IDS)
def test_round_trip(model, data):
    X, y = make(data)
    own = from_sklearn(clone(model).fit(X, y), X, y)
    (X_gone, y_gone), _ = halves(X, y)
    plain = own.to_sklearn()
    assert type(plain) is type(model)
    np.testing.assert_array_equal(output(own, X), output(plain, X))
    state = ("_learned", "_info", "_ledger", "_prints", "_factor", "_witness", "resolution_")
    assert not set(state) & set(vars(plain))
    again = from_sklearn(plain, X, y)
    np.testing.assert_array_equal(
        output(again.unlearn(X_gone, y_gone), X), output(own.unlearn(X_gone, y_gone), X)
    )


# -- without rows -----------------------------------------------------------------------------

COUNTED = [
    (naive_bayes.MultinomialNB(alpha=0.3), "digits"),
    (naive_bayes.ComplementNB(norm=True), "digits sparse"),
    (naive_bayes.BernoulliNB(), "digits"),
    (naive_bayes.BernoulliNB(binarize=0.1), "cancer scaled"),
    (naive_bayes.CategoricalNB(), "codes"),
    (naive_bayes.CategoricalNB(min_categories=12, fit_prior=False), "codes"),
]


@pytest.mark.parametrize(("model", "data"), COUNTED)
def test_counts_make_the_exact_state(model, data):
    X, y = make(data)
    plain = clone(model).fit(X, y)
    twin = from_sklearn(plain)
    np.testing.assert_array_equal(output(twin, X), output(plain, X))
    assert twin.guarantee_.kind == "exact"
    assert any("no row was seen" in condition for condition in twin.guarantee_.conditional_on)
    assert not twin.track_rows
    (X_gone, y_gone), (X_kept, y_kept) = halves(X, y)
    refit = clone(twin).fit(X_kept, y_kept)
    twin.unlearn(X_gone, y_gone)
    assert twin.state_digest() == refit.state_digest()
    np.testing.assert_array_equal(output(twin, X), output(refit, X))
    np.testing.assert_array_equal(twin.resolution_, refit.resolution_)
    assert twin.n_samples_retained_ == X_kept.shape[0]
    twin.unlearn(X_kept[y_kept == 1], y_kept[y_kept == 1])
    assert 1 not in twin.classes_


ROUNDED = [
    (model, data)
    for model in (naive_bayes.GaussianNB(), preprocessing.StandardScaler())
    for data in ("iris text", "wine", "cancer", "digits", "cancer scaled")
] + [
    (naive_bayes.MultinomialNB(), "wine"),
    (naive_bayes.ComplementNB(), "iris text"),
    (naive_bayes.BernoulliNB(binarize=None), "digits share"),
    (naive_bayes.GaussianNB(priors=[0.2, 0.3, 0.5]), "wine"),
    (neighbors.NearestCentroid(), "iris text"),
    (neighbors.NearestCentroid(priors="empirical"), "cancer"),
]


def counts_of(model, y):
    if isinstance(model, neighbors.NearestCentroid):
        return {"class_count": np.unique(y, return_counts=True)[1]}
    return {}


@pytest.mark.parametrize(("model", "data"), ROUNDED)
def test_rounded_attributes_make_a_state_up_to_rounding(model, data):
    X, y = make(data)
    plain = clone(model).fit(X, y)
    twin = from_sklearn(plain, **counts_of(model, y))
    np.testing.assert_array_equal(output(twin, X), output(plain, X))
    assert twin.guarantee_.kind == "approximate"
    assert "rounded attributes" in twin.guarantee_.detail
    (X_gone, y_gone), (X_kept, y_kept) = halves(X, y)
    before = output(twin, X)
    twin = pickle.loads(pickle.dumps(twin)).unlearn(X_gone, y_gone)
    said, refit = output(twin, X), output(clone(model).fit(X_kept, y_kept), X)
    # constant columns of digits have variances of 1e-9 of the largest, and log densities of 1e9
    assert np.abs(said - refit).max() <= 1e-12 * np.abs(refit).max()
    assert np.abs(before - refit).max() > 1e-4 * np.abs(refit).max()
    assert twin.n_samples_retained_ == len(X_kept)
    # in one request or in many, in any order: the same
    other = from_sklearn(plain, **counts_of(model, y))
    for part in np.array_split(np.arange(len(X_gone))[::-1], 3):
        other.unlearn(X_gone[part], y_gone[part])
    np.testing.assert_array_equal(output(other, X), said)
    other.replace((X_kept[:3], y_kept[:3]), (X_gone[:3], y_kept[:3]))
    X_new = np.vstack([X_gone[:3], X_kept[3:]])
    refit = output(clone(model).fit(X_new, y_kept), X)
    assert np.abs(output(other, X) - refit).max() <= 1e-12 * np.abs(refit).max()
    assert twin.unlearn_columns([0]).n_features_in_ == X.shape[1] - 1
    refit = output(clone(model).fit(X_kept[:, 1:], y_kept), X[:, 1:])
    assert np.abs(output(twin, X[:, 1:]) - refit).max() <= 1e-12 * np.abs(refit).max()


@pytest.mark.parametrize("beside", [1.0, 1e4])
@pytest.mark.parametrize(
    "model",
    [
        naive_bayes.GaussianNB(),
        preprocessing.StandardScaler(),
        neighbors.NearestCentroid(),
        naive_bayes.MultinomialNB(),
    ],
)
def test_an_outlier_is_forgotten_to_1e_6_or_refused(model, beside):
    rng = np.random.default_rng(0)
    X, y = np.abs(rng.normal(size=(1000, 3))) * [1, 1, beside], np.arange(1000) % 2
    forgotten = []
    for size in 10.0 ** np.arange(1, 16):
        X[0] = size, 1.0, beside
        plain = clone(model).fit(X, y)
        twin = from_sklearn(plain, **counts_of(model, y))
        before = output(twin, X[1:])
        try:
            twin.unlearn(X[:1], y[:1])
        except UnlearningError as error:
            assert "from_sklearn(model, X, y)" in str(error)
            np.testing.assert_array_equal(output(twin, X[1:]), before)
            continue
        forgotten.append(size)
        refit = output(clone(model).fit(X[1:], y[1:]), X[1:])
        assert np.abs(output(twin, X[1:]) - refit).max() <= 1e-6 * refit.std()
    assert 1e3 in forgotten
    assert 1e15 not in forgotten


def test_a_variance_that_smoothing_hides_does_not_come_back_as_nothing():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 3)), np.arange(500) % 2
    X[:, 0] *= 1e13  # 1e-9 of its variance is added to the others
    twin = from_sklearn(naive_bayes.GaussianNB().fit(X, y)).unlearn(X[:9], y[:9])
    refit = naive_bayes.GaussianNB().fit(X[9:], y[9:])
    np.testing.assert_allclose(twin.var_, refit.var_, rtol=1e-12)
    with pytest.raises(UnlearningError, match="lost in their rounding"):
        twin.unlearn_columns([0])
    scaler = preprocessing.StandardScaler().fit(1e9 + X[:, 1:] / 100)
    with pytest.raises(ValueError, match="tell too little of its rows"):
        from_sklearn(scaler)


def test_the_rounding_of_a_mean_far_from_zero_is_counted():
    X = np.random.default_rng(0).normal(2e6, 1, size=(1000, 1))
    plain = preprocessing.StandardScaler().fit(X)
    half = np.arange(1000) % 2 == 0
    var = from_sklearn(plain).unlearn(X[half]).var_
    np.testing.assert_allclose(var, X[~half].var(axis=0), rtol=1e-6)
    with pytest.raises(UnlearningError, match="lost in their rounding"):  # the mean moves more
        from_sklearn(plain).unlearn(X[X[:, 0] > 2e6])


def test_columns_of_whole_numbers_and_constants_come_back():
    n = 30_000
    X = np.column_stack([np.full(n, 0.1), np.arange(n) < 3, np.arange(n) % 10 / 10])
    plain = preprocessing.StandardScaler().fit(X)
    twin = from_sklearn(plain).unlearn(X[:3])
    np.testing.assert_array_equal(twin.scale_[:2], 1.0)
    assert twin.var_[2] == pytest.approx(X[3:, 2].var(), rel=1e-12)
    with pytest.raises(UnlearningError, match=r"lost in their rounding: \[2\]"):
        twin.unlearn(X[3:][X[3:, 2] != 0.1])  # leaves the column constant: 0.1 up to rounding


def test_missing_values_may_come_into_an_adopted_scaler():
    X, _ = make("wine")
    new = X[:5].copy()
    new[0, 2] = np.nan
    twin = from_sklearn(preprocessing.StandardScaler().fit(X)).replace(X[:5], new)
    refit = preprocessing.StandardScaler().fit(np.vstack([new, X[5:]]))
    np.testing.assert_allclose(twin.var_, refit.var_, rtol=1e-12)
    np.testing.assert_allclose(twin.mean_, refit.mean_, rtol=1e-12)
    np.testing.assert_array_equal(twin.n_samples_seen_, refit.n_samples_seen_)


def test_a_class_down_to_one_row_and_to_none():
    X, y = make("iris")
    twin = from_sklearn(naive_bayes.GaussianNB().fit(X, y)).unlearn(X[1:50], y[1:50])
    refit = naive_bayes.GaussianNB().fit(np.delete(X, range(1, 50), 0), np.delete(y, range(1, 50)))
    np.testing.assert_allclose(twin.var_, refit.var_, rtol=1e-9)
    assert twin.unlearn(X[:1], y[:1]).classes_.tolist() == [1, 2]
    counts = {"class_count": [50, 50, 50]}
    centroids = from_sklearn(neighbors.NearestCentroid().fit(X, y), **counts)
    centroids.unlearn(X[:50], y[:50])
    refit = neighbors.NearestCentroid().fit(X[50:], y[50:])
    np.testing.assert_allclose(centroids.within_class_std_dev_, refit.within_class_std_dev_)
    np.testing.assert_allclose(centroids.deviations_, refit.deviations_)


def test_rows_that_cannot_have_been_learned_are_refused_where_they_show():
    X, y = make("wine")
    for plain in (naive_bayes.GaussianNB(), preprocessing.StandardScaler()):
        twin = from_sklearn(plain.fit(X, y))
        with pytest.raises(UnlearningError, match="never learned"):
            twin.unlearn(X[:5] + 1e6, y[:5])
        with pytest.raises(UnlearningError, match=r"last rows|[Mm]ore rows to remove"):
            twin.unlearn(np.vstack([X, X]), np.append(y, y))


def test_declared_classes_without_rows_stay():
    X, y = make("digits")
    for plain in (naive_bayes.MultinomialNB(), naive_bayes.BernoulliNB()):
        plain.partial_fit(X[:300], y[:300], classes=range(11))
        twin = from_sklearn(plain).unlearn(X[:100], y[:100])
        assert twin.classes_.tolist() == list(range(11))
        refit = clone(plain).partial_fit(X[100:300], y[100:300], classes=range(11))
        np.testing.assert_array_equal(output(twin, X), output(refit, X))


@pytest.mark.parametrize("data", ["iris text", "digits sparse"])
def test_neighbours_hold_their_rows(data):
    X, y = make(data)
    (X_gone, y_gone), (X_kept, y_kept) = halves(X, y)
    for plain in (neighbors.KNeighborsClassifier(3, weights="distance").fit(X, y),):
        twin = from_sklearn(plain)
        np.testing.assert_array_equal(output(twin, X), output(plain, X))
        assert twin.track_rows
        assert twin.guarantee_.kind == "exact"
        with pytest.raises(NotLearnedError):
            twin.unlearn(X_gone + 1000 * X_gone, y_gone)
        twin.unlearn(X_gone, y_gone)
        assert twin.state_digest() == clone(twin).fit(X_kept, y_kept).state_digest()


def test_neighbours_of_frames_and_several_outputs():
    X, y = load_iris(return_X_y=True, as_frame=True)
    Y = np.column_stack([np.array(list("abc"))[y], np.array(list("xyy"))[y]])
    plain = neighbors.KNeighborsClassifier().fit(X, Y)
    twin = from_sklearn(plain)
    np.testing.assert_array_equal(twin.feature_names_in_, X.columns)
    np.testing.assert_array_equal(
        twin.unlearn(X[:9], Y[:9]).predict(X), clone(twin).fit(X[9:], Y[9:]).predict(X)
    )
    regressor = from_sklearn(neighbors.KNeighborsRegressor().fit(X, y)).unlearn(X[:9], y[:9])
    refit = neighbors.KNeighborsRegressor().fit(X[9:], y[9:])
    np.testing.assert_array_equal(regressor.predict(X), refit.predict(X))


# -- what is kept, and what is refused --------------------------------------------------------


def test_names_output_and_parameters_are_kept():
    X, _ = make("frame")
    plain = table_steps().set_output(transform="pandas")
    plain.set_params(town__sparse_output=False).fit(X)
    twin = from_sklearn(plain, X)
    pd.testing.assert_frame_equal(twin.transform(X), plain.transform(X))
    scaler = preprocessing.StandardScaler().set_output(transform="pandas").fit(X[["pay"]])
    for twin in (from_sklearn(scaler), from_sklearn(scaler, X[["pay"]])):
        pd.testing.assert_frame_equal(twin.transform(X[["pay"]]), scaler.transform(X[["pay"]]))
        assert twin.n_features_in_ == 1
        np.testing.assert_array_equal(twin.feature_names_in_, ["pay"])
    ridge = linear_model.Ridge(alpha=7.0, fit_intercept=False).fit(X[["pay"]], X["pay"])
    twin = from_sklearn(ridge, X[["pay"]], X["pay"])
    assert {**ridge.get_params(), "track_rows": True, "resolution": "auto"} == twin.get_params()


def test_weights_go_to_the_fit():
    X, y = make("diabetes")
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    ridge = linear_model.Ridge().fit(X, y, sample_weight=w)
    twin = from_sklearn(ridge, X, y, sample_weight=w).unlearn(X[:9], y[:9], sample_weight=w[:9])
    refit = linear_model.Ridge().fit(X[9:], y[9:], sample_weight=w[9:])
    np.testing.assert_allclose(twin.coef_, refit.coef_, rtol=1e-8)
    model = scaled(linear_model.Ridge()).fit(X, y, ridge__sample_weight=w)
    from_sklearn(model, X, y, ridge__sample_weight=w)
    for plain in (ridge, model):
        with pytest.raises(ValueError, match="sample_weight are not what it was fitted on"):
            from_sklearn(plain, X, y)


def test_a_solver_short_of_the_optimum_is_told_from_other_rows():
    X, y = make("cancer")
    with pytest.warns(ConvergenceWarning):
        plain = linear_model.LogisticRegression().fit(X, y)
    with pytest.raises(
        ValueError, match=r"The rows are right.*far from the optimum.*tol="
    ) as caught:
        from_sklearn(plain, X, y)
    tol = float(str(caught.value).rpartition("tol=")[2].rstrip("."))
    assert from_sklearn(plain, X, y, tol=tol).n_samples_retained_ == len(y)
    with pytest.raises(ValueError, match="The rows are right"):
        from_sklearn(plain, X, y, tol=tol / 10)
    X, y = make("cancer scaled")
    plain = linear_model.LogisticRegression().fit(X, y)
    from_sklearn(plain, X, y)  # within 1e-2, and scikit-learn gives it back
    with pytest.raises(ValueError, match="are not what it was fitted on"):
        from_sklearn(plain, X[1:], y[1:])
    with pytest.raises(ValueError, match=r"more than tol=1e-06"):
        from_sklearn(plain, X[1:], y[1:])


@pytest.mark.parametrize(
    ("model", "data"), [m for m in MODELS if not hasattr(m[0], "inverse_transform")]
)
def test_other_rows_are_noticed(model, data):
    """A positive control: the comparison sees a model fitted on three quarters of the rows."""
    if isinstance(model, (compose.ColumnTransformer, pipeline.Pipeline)) and data == "frame":
        pytest.skip("levels and gaps are the same in both halves")
    X, y = make(data)
    _, kept = halves(X, y)
    plain = clone(model).fit(*kept)
    selects = hasattr(model, "get_support")
    if selects and output(plain, X).shape == output(clone(model).fit(X, y), X).shape:
        pytest.skip("the same columns are chosen")
    with pytest.raises(ValueError, match="fitted on"):
        from_sklearn(plain, X, y)


def test_rows_twice_are_other_rows():
    X, _ = make("wine")
    plain = preprocessing.StandardScaler().fit(X)
    with pytest.raises(ValueError, match=r"has n_samples_seen_=178.0, and with these rows.*356"):
        from_sklearn(plain, np.vstack([X, X]), tol=1)


class Sub(linear_model.Ridge):
    pass


SAME_NAME = type("Ridge", (linear_model.Ridge,), {"__module__": "sklearn.linear_model"})


class Meta(BaseEstimator):
    def fit(self, X, y=None):
        self.done_ = True
        return self


RIDGE = linear_model.Ridge()
NO_TWIN = [
    (ensemble.RandomForestClassifier(2), TypeError, "SISAClassifier.*fit"),
    (svm.SVR(), TypeError, "skunlearn.ensemble.SISARegressor"),
    (preprocessing.MinMaxScaler(), TypeError, "Fit it again on the rows that remain"),
    (Meta(), TypeError, "Meta, which has no twin"),
    (SAME_NAME(), TypeError, "subclass of Ridge"),
    (Sub(), TypeError, "subclass of Ridge.*skunlearn.linear_model.Ridge"),
    (model_selection.GridSearchCV(RIDGE, {"alpha": [1, 2]}), TypeError, r"search.best_estimator_"),
    (pipeline.make_pipeline(preprocessing.MinMaxScaler(), RIDGE), TypeError, "step minmaxscaler"),
    (scaled(svm.SVR()), TypeError, r"step svr \(SVR\).*SISA"),
    (scaled(scaled(svm.SVR())), TypeError, "step pipeline__svr"),
    (
        compose.ColumnTransformer([("m", preprocessing.MinMaxScaler(), [0])], remainder="drop"),
        TypeError,
        "step m ",
    ),
    (
        scaled(naive_bayes.BernoulliNB()),
        ValueError,
        "could not forget rows exactly.*binarizes.*X_retain",
    ),
    (linear_model.Ridge(positive=True), ValueError, "positive=True, expected False"),
]


@pytest.mark.parametrize(("model", "error", "message"), NO_TWIN)
def test_what_cannot_be_adopted(model, error, message):
    X, y = make("iris")
    with pytest.raises(error, match=message):
        from_sklearn(clone(model).fit(X, y), X, y)


def test_other_objects_are_refused():
    X, y = make("iris")
    for wrong in (3, linear_model.Ridge):
        with pytest.raises(TypeError, match="expected a fitted estimator"):
            from_sklearn(wrong, X, y)
    with pytest.raises(NotFittedError, match="This Ridge instance is not fitted yet"):
        from_sklearn(linear_model.Ridge(), X, y)
    twin = from_sklearn(linear_model.Ridge().fit(X, y), X, y)
    with pytest.raises(TypeError, match="has unlearn already"):
        from_sklearn(twin, X, y)


def test_a_last_step_that_keeps_rows_carries_any_step():
    X, y = make("diabetes")
    last = gaussian_process.GaussianProcessRegressor(alpha=1e3, optimizer=None)
    plain = pipeline.make_pipeline(preprocessing.MinMaxScaler(), last).fit(X[:99], y[:99])
    twin = from_sklearn(plain, X[:99], y[:99]).unlearn(X[:9], y[:9])
    refit = clone(plain).fit(X[9:99], y[9:99])
    np.testing.assert_array_equal(twin.predict(X), refit.predict(X))


def weighted(model, weight):
    X, y = make("iris")
    return model.fit(X, y, sample_weight=np.where(y, weight, 1.0))


def single(model):
    X, y = make("iris")
    return model.fit(X.astype(np.float32), y)


def gaps():
    X, _ = make("iris")
    return preprocessing.StandardScaler().fit(np.where(X > 7, np.nan, X))


def fitted(model, **changed):
    X, y = make("iris")
    return model.fit(X, y).set_params(**changed)


CENTROIDS = neighbors.NearestCentroid
GAUSSIAN = naive_bayes.GaussianNB


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: fitted(RIDGE), {}, "needs one pass over the rows.*from_sklearn"),
        (lambda: fitted(kernel_ridge.KernelRidge()), {}, "needs one pass"),
        (lambda: fitted(scaled(RIDGE)), {}, "Pipeline cannot be adopted"),
        (lambda: fitted(RIDGE), {"y": [1]}, "Got y without X"),
        (lambda: fitted(RIDGE), {"sample_weight": [1]}, "Got sample_weight without X"),
        (lambda: fitted(GAUSSIAN()), {"class_count": [50] * 3}, "only a NearestCentroid"),
        (lambda: fitted(CENTROIDS()), {}, r"Pass class_count.*\[0, 1, 2\]"),
        (lambda: fitted(CENTROIDS()), {"class_count": [75, 75]}, r"expected \(3,\)"),
        (lambda: fitted(CENTROIDS()), {"class_count": [60, 45, 45]}, "deviations_ does not follow"),
        (lambda: fitted(CENTROIDS()), {"class_count": [1, 1, 1]}, "more rows than classes"),
        (lambda: fitted(CENTROIDS(shrink_threshold=1)), {"class_count": [50] * 3}, "shrunken"),
        (lambda: weighted(GAUSSIAN(), 1.5), {}, "epsilon_ does not follow|sums of weights"),
        (lambda: weighted(GAUSSIAN(), 2.0), {}, "epsilon_ does not follow from its counts"),
        (lambda: weighted(naive_bayes.MultinomialNB(), 1.01), {}, "sums of weights"),
        (lambda: single(GAUSSIAN()), {}, "attributes in float32"),
        (lambda: fitted(GAUSSIAN(), var_smoothing=1e-3), {}, "does not follow"),
        (lambda: fitted(naive_bayes.MultinomialNB(), alpha=3.0), {}, "feature_log_prob_ does not"),
        (lambda: fitted(preprocessing.StandardScaler(with_std=False)), {}, "with_std=False"),
        (gaps, {}, "number of rows is not known"),
        (
            lambda: fitted(neighbors.KNeighborsClassifier(metric="manhattan"), metric="euclidean"),
            {},
            "parameters were changed",
        ),
    ],
)
def test_what_attributes_do_not_tell(model, options, message):
    with pytest.raises(ValueError, match=message):
        from_sklearn(model(), **options)


def test_of_two_sources_one_is_chosen():
    X, y = make("iris")
    with pytest.raises(ValueError, match="both X and class_count"):
        from_sklearn(fitted(CENTROIDS()), X, y, class_count=[50, 50, 50])
    with pytest.raises(TypeError, match=r"PCA.fit takes no sample_weight"):
        from_sklearn(decomposition.PCA().fit(X), X, sample_weight=y)


def test_distances_are_in_standard_deviations():
    X = np.arange(10.0)[:, None]
    plain = linear_model.LinearRegression().fit(X, X[:, 0])
    other = linear_model.LinearRegression().fit(X, X[:, 0] + X[:, 0].std() / 2)
    compare = Comparison.of(plain, X)
    with pytest.raises(ValueError, match=r"up to 0.5 standard deviations"):
        compare.check(plain, other)
    compare.check(plain, other, tol=0.51)


def test_the_package_loads_nothing_until_asked():
    code = (
        "import sys, skunlearn; assert 'numpy' not in sys.modules and 'sklearn' not in sys.modules;"
        "assert 'from_sklearn' in dir(skunlearn); skunlearn.from_sklearn;"
        "assert 'skunlearn._adopt' in sys.modules and 'torch' not in sys.modules;"
        "assert 'skunlearn.linear_model' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'from_scratch'"):
        skunlearn.from_scratch  # noqa: B018
