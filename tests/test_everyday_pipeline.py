"""The everyday pipeline: mixed columns, imputed, scaled and encoded, then a model; all forget."""

import copy
import functools
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import (
    compose,
    decomposition,
    discriminant_analysis,
    impute,
    linear_model,
    naive_bayes,
    pipeline,
    preprocessing,
)
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer

from skunlearn.compose import ColumnTransformer
from skunlearn.datasets import fetch_adult
from skunlearn.decomposition import PCA
from skunlearn.discriminant_analysis import LinearDiscriminantAnalysis
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.impute import SimpleImputer
from skunlearn.linear_model import LinearRegression, Ridge, RidgeClassifier, UnlearnableRidgeCV
from skunlearn.naive_bayes import GaussianNB
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import OneHotEncoder, StandardScaler
from skunlearn.testing._state import differences

N_FORGET = 100


# -- data: (frame, numbers, categories, classes, targets) -------------------------------------


def blanked(frame, columns, share=0.1, seed=0):
    """Some values of numeric columns are lost."""
    rng = np.random.default_rng(seed)
    for column in columns:
        frame.loc[rng.random(len(frame)) < share, column] = np.nan
    return frame


def titanic(seed=0, n=500):
    """Passengers; the first row alone has its port of embarkation."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(30, 12, n).round(),
            "fare": rng.lognormal(3, 1, n),
            "class": rng.integers(1, 4, n),
            "sex": rng.choice(["female", "male"], n),
            "port": rng.choice(["C", "Q", "S"], n),
        }
    )
    frame["port"] = frame["port"].astype(object)
    frame.loc[0, "port"] = "Belfast"
    frame.loc[rng.choice(n, 20, replace=False), "port"] = None
    score = (frame["sex"] == "female") * 2 - frame["class"] + rng.normal(size=n)
    frame = blanked(frame, ["age", "fare"], 0.2)
    return frame, ["age", "fare"], ["class", "sex", "port"], np.where(score > 0, "yes", "no"), score


def diabetes():
    frame, y = load_diabetes(as_frame=True, scaled=False, return_X_y=True)
    frame["sex"] = frame["sex"].map({1.0: "a", 2.0: "b"})
    numbers = frame.columns.drop("sex").tolist()
    frame = blanked(frame, numbers)
    return frame, numbers, ["sex"], np.where(y > y.median(), "high", "low"), y.to_numpy()


def wine():
    frame, y = load_wine(as_frame=True, return_X_y=True)
    categories = ["malic_acid", "hue", "proline"]
    for column in categories:
        frame[column] = pd.cut(frame[column], 5, labels=list("abcde"))
    numbers = frame.columns.drop(categories).tolist()
    return (
        blanked(frame, numbers),
        numbers,
        categories,
        y.to_numpy(),
        frame["ash"].fillna(2).to_numpy(),
    )


@functools.cache
def adult(data_home, n=1500):
    frame, y = fetch_adult(data_home=data_home, return_X_y=True)
    frame, y = frame[:n].astype({"age": float, "hours-per-week": float}), y[:n].to_numpy()
    numbers = ["age", "education-num", "capital-gain", "hours-per-week"]
    categories = ["workclass", "occupation", "relationship", "race", "sex", "native-country"]
    frame = blanked(frame.reset_index(drop=True), ["age", "hours-per-week"])
    return frame, numbers, categories, y, frame["fnlwgt"].to_numpy() / 1e4


@pytest.fixture(
    params=["titanic", "diabetes", "wine", pytest.param("adult", marks=pytest.mark.data)]
)
def data(request):
    if request.param == "adult":
        return adult(request.getfixturevalue("data_home"))
    return {"titanic": titanic, "diabetes": diabetes, "wine": wine}[request.param]()


# -- pipelines --------------------------------------------------------------------------------


def ours(numbers, categories, model, **params):
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
                (
                    "categories",
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                    categories,
                ),
            ]
        ),
        model,
        **params,
    )


def theirs(numbers, categories, model):
    scale = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    encode = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [("numbers", scale, numbers), ("categories", encode, categories)]
    return pipeline.make_pipeline(compose.ColumnTransformer(columns), model)


MODELS = {
    "ridge classifier": (RidgeClassifier(), linear_model.RidgeClassifier(solver="cholesky")),
    "balanced": (
        RidgeClassifier(class_weight="balanced"),
        linear_model.RidgeClassifier(solver="cholesky", class_weight="balanced"),
    ),
    "ridge": (Ridge(), linear_model.Ridge(solver="cholesky")),
    "least squares": (LinearRegression(), linear_model.LinearRegression()),
    "naive Bayes": (GaussianNB(var_smoothing=1e-3), naive_bayes.GaussianNB(var_smoothing=1e-3)),
    "discriminant": (
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
        discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    ),
    "components": (PCA(3), decomposition.PCA(3, svd_solver="full")),
}


def target_of(model, classes, values):
    return values if sklearn.base.is_regressor(model) else classes


def show(model, X):
    verbs = ("decision_function", "predict_log_proba", "predict", "transform")
    verb = next(verb for verb in verbs if hasattr(model, verb))
    return np.asarray(getattr(model, verb)(X))


def refit_of(model, X, y, **params):
    return clone(model).set_params(resolution=model.resolution_).fit(X, y, **params)


def assert_same(model, refit, X):
    assert differences(model, refit, public=True) == []
    assert model.state_digest() == refit.state_digest()
    assert np.array_equal(show(model, X), show(refit, X))


def assert_near(model, other, X, tol=1e-7):
    got, expected = show(model, X), show(other, X)
    scale = np.abs(expected).max()
    assert np.abs(got - expected).max() <= tol * scale
    names = list(model[0].get_feature_names_out())
    assert names == list(other[0].get_feature_names_out())


@pytest.mark.parametrize("name", MODELS)
def test_forgetting_is_the_refit_and_scikit_learns(data, name):
    frame, numbers, categories, classes, values = data
    model, plain = MODELS[name]
    y = target_of(model, classes, values)
    model, other = ours(numbers, categories, model), theirs(numbers, categories, plain)
    rng = np.random.default_rng(0)
    gone = np.append(0, 1 + rng.permutation(len(frame) - 1)[: N_FORGET - 1])
    rest = np.setdiff1d(np.arange(len(frame)), gone)
    model.fit(frame, y)
    assert model.guarantee_.kind == "exact"
    before = show(model, frame)
    model.unlearn(frame.iloc[gone], y[gone])
    assert_same(model, refit_of(model, frame.iloc[rest], y[rest]), frame)
    assert_near(model, other.fit(frame.iloc[rest], y[rest]), frame.iloc[rest])
    assert np.abs(show(model, frame) - before).max() > 1e-4  # the rows did matter
    served = model.to_sklearn()
    np.testing.assert_allclose(show(served, frame), show(model, frame), rtol=1e-12, atol=1e-12)
    assert b"skunlearn" not in pickle.dumps(served)


@pytest.mark.parametrize("load", [titanic, diabetes])
def test_weights_of_the_model(load):
    frame, numbers, categories, classes, values = load()
    w = np.random.default_rng(0).uniform(0.1, 2, len(frame))
    for name in ("ridge", "ridge classifier", "naive Bayes"):
        mine, plain = MODELS[name]
        y = target_of(mine, classes, values)
        model, other = ours(numbers, categories, mine), theirs(numbers, categories, plain)
        step = type(mine).__name__.lower() + "__sample_weight"
        model.fit(frame, y, **{step: w})
        model.unlearn(frame[:50], y[:50], sample_weight=w[:50])
        rest = {step: w[50:]}
        assert_same(model, refit_of(model, frame[50:], y[50:], **rest), frame)
        assert_near(model, other.fit(frame[50:], y[50:], **rest), frame[50:])
        with pytest.raises(NotLearnedError):
            model.unlearn(frame[50:51], y[50:51], sample_weight=w[50:51] + 1)


def test_weights_that_the_branches_want_are_not_ignored():
    frame, *_, y = titanic()
    w = np.random.default_rng(0).uniform(0.1, 2, len(frame))

    def build(scaler, base, model, chain):
        scale = scaler.set_fit_request(sample_weight=True)
        columns = [("n", scale, ["class"])]
        return chain(base(columns), model.set_fit_request(sample_weight=True))

    with sklearn.config_context(enable_metadata_routing=True):
        model = build(StandardScaler(), ColumnTransformer, Ridge(), make_pipeline)
        other = build(
            preprocessing.StandardScaler(),
            compose.ColumnTransformer,
            linear_model.Ridge(solver="cholesky"),
            pipeline.make_pipeline,
        )
        model.fit(frame, y, sample_weight=w)
        other.fit(frame, y, sample_weight=w)
        assert np.abs(show(model, frame) - show(other, frame)).max() < 1e-7
        with pytest.raises(UnlearningError, match="are given 'sample_weight' at fit"):
            model.unlearn(frame[:5], y[:5], sample_weight=w[:5])


@pytest.mark.filterwarnings("ignore:[0-9]+ of the columns that")
def test_a_barycenter_behind_the_columns():
    frame, numbers, categories, _, y = titanic()
    group = np.random.default_rng(1).choice(["u", "v"], len(frame))
    with sklearn.config_context(enable_metadata_routing=True):
        barycenter = GaussianBarycenter(strength=0.7).set_fit_request(sensitive_features=True)
        barycenter.set_transform_request(sensitive_features=True)
        model = make_pipeline(ours(numbers, categories, None)[0], barycenter, Ridge())
        model.fit(frame, y, sensitive_features=group)
        model.unlearn(frame[:100], y[:100], sensitive_features=group[:100])
        rest, z = frame[100:], group[100:]
        refit = refit_of(model, rest, y[100:], sensitive_features=z)
        assert model.state_digest() == refit.state_digest()
        out = model.predict(rest, sensitive_features=z)
        assert np.array_equal(out, refit.predict(rest, sensitive_features=z))
        # step by step, on the rows that the transformers of scikit-learn put out
        X = theirs(numbers, categories, None)[0].fit_transform(rest)
        moved = GaussianBarycenter(strength=0.7).fit(X, sensitive_features=z)
        moved = moved.transform(X, sensitive_features=z)
        expected = linear_model.Ridge(solver="cholesky").fit(moved, y[100:]).predict(moved)
        assert np.abs(out - expected).max() < 1e-6
        with pytest.raises(NotLearnedError):
            model.unlearn(rest[:1], y[100:101], sensitive_features=["w"])


def test_alpha_is_chosen_anew():
    frame, numbers, categories, _, y = titanic()
    model = ours(numbers, categories, UnlearnableRidgeCV(alphas=[0.1, 1e3], random_state=0))
    model.fit(frame, y).unlearn(frame[:100], y[:100])
    assert_same(model, refit_of(model, frame[100:], y[100:]), frame)


def test_order_and_split_of_requests(data):
    frame, numbers, categories, classes, _ = data
    model = ours(numbers, categories, RidgeClassifier()).fit(frame, classes)
    at_once = copy.deepcopy(model).unlearn(frame[:40], classes[:40])
    for part in np.array_split(np.random.default_rng(0).permutation(40), 9):
        model.unlearn(frame.iloc[part], classes[part])
    order = 40 + np.random.default_rng(1).permutation(len(frame) - 40)
    shuffled = refit_of(model, frame.iloc[order], classes[order])
    for other in (at_once, shuffled, pickle.loads(pickle.dumps(model))):
        assert_same(model, other, frame)


# -- what comes and goes with the rows --------------------------------------------------------


def small(seed=0, n=60):
    """Rows of which the first four are the only ones of their kind."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "constant": np.full(n, 0.1),
            "gaps": rng.normal(size=n),
            "lost": np.full(n, np.nan),
            "town": rng.choice(["A", "B"], n).astype(object),
            "one": np.full(n, "same", dtype=object),
        }
    )
    frame.loc[0, ["town", "one"]] = ["rare", "other"]
    frame.loc[1, "constant"], frame.loc[10:20, "constant"] = 1e6, np.nan
    frame.loc[2, "gaps"], frame.loc[3, "lost"] = np.nan, 5.0
    return frame, rng.normal(size=n)


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("encode", [{}, {"drop": "first"}, {"min_frequency": 59}], ids=str)
def test_columns_that_come_and_go(strategy, encode):
    frame, y = small()
    value = {"fill_value": 0.1} if strategy == "constant" else {}
    value |= {"strategy": strategy, "add_indicator": True}
    model, other = (
        chain(
            table(
                [
                    ("n", chain(imputer(**value), scaler()), ["x", "constant", "gaps", "lost"]),
                    ("c", encoder(sparse_output=False, **encode), ["town", "one"]),
                ]
            ),
            last,
        )
        for chain, table, imputer, scaler, encoder, last in (
            (
                make_pipeline,
                ColumnTransformer,
                SimpleImputer,
                StandardScaler,
                OneHotEncoder,
                Ridge(),
            ),
            (
                pipeline.make_pipeline,
                compose.ColumnTransformer,
                impute.SimpleImputer,
                preprocessing.StandardScaler,
                preprocessing.OneHotEncoder,
                linear_model.Ridge(solver="cholesky"),
            ),
        )
    )
    model.fit(frame, y)
    width = model[-1].n_features_in_
    for i in range(4):  # one reason to change after the other
        model.unlearn(frame[i : i + 1], y[i : i + 1])
        rest, kept = frame[i + 1 :], y[i + 1 :]
        assert_same(model, refit_of(model, rest, kept), rest)
        assert_near(model, other.fit(rest, kept), rest)
    assert model[-1].n_features_in_ < width
    scaler = model[0].named_transformers_["n"][-1]
    assert (scaler.var_[1], scaler.scale_[1]) == (0.0, 1.0)


def test_a_constant_that_is_imputed_stays_constant():
    x = np.full((50, 1), 0.1)
    x[:10, 0], x[20:25] = np.random.default_rng(0).normal(size=10), np.nan
    for strategy in ("mean", "median", "most_frequent", "constant"):
        imputer = SimpleImputer(strategy=strategy, fill_value=0.1)
        model = make_pipeline(imputer, StandardScaler()).fit(x).unlearn(x[:10])
        assert (model[-1].var_.item(), model[-1].scale_.item()) == (0.0, 1.0)
    near = np.where(np.arange(50)[:, None] == 30, 0.1 + 1e-6, x)
    kept = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(near)
    kept.unlearn(near[:10])
    filled = np.nan_to_num(near[10:], nan=0.1)
    assert kept[-1].var_.item() == pytest.approx(filled.var(), rel=1e-3)


def test_a_column_at_a_large_offset():
    frame, numbers, categories, _, y = titanic()
    far = frame.assign(fare=frame["fare"] + 1e9)
    model = ours(numbers, categories, Ridge()).fit(far, y).unlearn(far[:50], y[:50])
    scaler = model[0].named_transformers_["numbers"][-1]
    shifted = far["fare"][50:].to_numpy() - 1e9
    filled = np.where(np.isnan(shifted), np.nanmean(shifted), shifted)
    assert scaler.var_[1] == pytest.approx(filled.var(), rel=1e-9)
    near = ours(numbers, categories, Ridge()).fit(frame[50:], y[50:])
    assert np.abs(model.predict(far) - near.predict(frame)).max() < 1e-6


def test_an_outlier_leaves_no_trace():
    frame, numbers, categories, _, y = titanic()
    poison = frame[:1].assign(age=1e12, fare=-1e12, port="poison", **{"class": 77})
    model = ours(numbers, categories, Ridge())
    model.fit(pd.concat([frame, poison]), np.append(y, 1e15)).unlearn(poison, [1e15])
    other = theirs(numbers, categories, linear_model.Ridge(solver="cholesky")).fit(frame, y)
    assert_near(model, other, frame)
    assert b"poison" not in pickle.dumps(model)


def test_replace_with_a_new_category():
    frame, numbers, categories, classes, _ = titanic()
    model = ours(numbers, categories, RidgeClassifier()).fit(frame, classes)
    new, labels = frame[:9].assign(port="Dover", age=np.nan), np.repeat("perhaps", 9)
    model.replace((frame[:9], classes[:9]), (new, labels))
    rows, y = pd.concat([new, frame[9:]]), np.append(labels, classes[9:])
    assert_same(model, refit_of(model, rows, y), rows)
    assert model.classes_.tolist() == ["no", "perhaps", "yes"]
    assert not any("Belfast" in name for name in model[0].get_feature_names_out())


# -- requests that fail -----------------------------------------------------------------------


@pytest.mark.parametrize("track_rows", [True, False])
def test_a_failed_request_changes_nothing(track_rows):
    frame, numbers, categories, _, y = titanic()
    model = ours(numbers, categories, Ridge(), track_rows=track_rows).fit(frame, y)
    state, shown = model.state_digest(), show(model, frame)
    never = [frame[:1].assign(port="nowhere"), frame[:1].assign(**{"class": 9})]
    if track_rows:
        never += [frame[:1].assign(fare=1.0), frame[:1].assign(age=np.nan, fare=np.nan)]
    for row in never:
        with pytest.raises(NotLearnedError):
            model.unlearn(pd.concat([frame[5:9], row]), y[[5, 6, 7, 8, 0]])
    with pytest.raises(UnlearningError, match="these are the last rows"):
        model.unlearn(frame, y)
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.unlearn(frame[:1].assign(age="old"), y[:1])
    with pytest.raises(ValueError, match="feature names"):
        model.unlearn(frame[:1].drop(columns="age"), y[:1])
    if track_rows:
        with pytest.raises(NotLearnedError):
            model.unlearn(frame[:1], y[:1] + 1)
        assert model.can_unlearn(frame[:3], y[:3] + 1).n_missing == 3
    assert model.state_digest() == state
    assert np.array_equal(show(model, frame), shown)
    assert model.unlearn(frame[:9], y[:9]).n_samples_retained_ == len(frame) - 9


def test_a_transformer_changed_behind_the_back_is_noticed():
    frame, numbers, categories, _, y = titanic()
    for change in (
        lambda m: m[0].named_transformers_["categories"].fit(frame[categories][:50]),
        lambda m: m[0].named_transformers_["numbers"][0].statistics_.__setitem__(0, 1.0),
        lambda m: m[0].fit(frame[:99]),
    ):
        model = ours(numbers, categories, Ridge()).fit(frame, y)
        change(model)
        with pytest.raises(UnlearningError, match="refitted or exchanged"):
            model.unlearn(frame[:1], y[:1])


@pytest.mark.parametrize("step, reason", [
    (QuantileTransformer(n_quantiles=9), "QuantileTransformer"),
    (impute.SimpleImputer(strategy=np.nanmax), "SimpleImputer"),
    (preprocessing.OrdinalEncoder(), "OrdinalEncoder"),
])  # fmt: skip
def test_without_moments_the_pipeline_asks_for_the_rows_that_remain(step, reason):
    frame, _, _, _, y = titanic()
    model = make_pipeline(
        ColumnTransformer([("s", clone(step), ["class"]), ("c", OneHotEncoder(), ["sex"])]), Ridge()
    ).fit(frame, y)
    with pytest.raises(UnlearningError, match=f"cannot forget rows exactly: .*{reason}"):
        model.unlearn(frame[:50], y[:50])
    model.unlearn(frame[:50], y[:50], X_retain=frame[50:], y_retain=y[50:])
    refit = clone(model).fit(frame[50:], y[50:])
    assert np.array_equal(show(model, frame), show(refit, frame))
    assert model.guarantee_.kind == "exact"


# -- other forms ------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [Ridge(), GaussianNB(), PCA(2)], ids=lambda m: type(m).__name__)
def test_without_a_column_transformer(last):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    X[rng.random(X.shape) < 0.2] = np.nan
    y = rng.integers(0, 2, 120)
    for front in (
        [SimpleImputer(add_indicator=True), StandardScaler()],
        [StandardScaler(), SimpleImputer()],
        [FunctionTransformer(np.cbrt), SimpleImputer(strategy="median"), StandardScaler(), PCA(3)],
    ):
        model = make_pipeline(*front, last).fit(X, y).unlearn(X[:30], y[:30])
        assert_same(model, refit_of(model, X[30:], y[30:]), X)
        plain = {
            Ridge: linear_model.Ridge(solver="cholesky"),
            GaussianNB: naive_bayes.GaussianNB(),
            PCA: decomposition.PCA(2, svd_solver="full"),
        }[type(last)]
        other = pipeline.make_pipeline(*(step.to_sklearn() if hasattr(step, "to_sklearn") else step
                                         for step in model[:-1]), plain)  # fmt: skip
        other = clone(other).fit(X[30:], y[30:])
        got, expected = show(model, X), show(other, X)
        assert np.abs(got - expected).max() < 1e-7 * max(1, np.abs(expected).max())


def test_nested_and_stateless_branches():
    frame, numbers, categories, _, y = titanic()

    def build(chain, table, imputer, scaler, encoder, components, model):
        inner = chain(chain(imputer(), scaler()), components)
        logs = chain(FunctionTransformer(np.log1p), imputer(), scaler())
        impute_text = imputer(strategy="most_frequent", missing_values=None)
        columns = [
            ("inner", inner, numbers),
            ("logs", logs, ["fare"]),
            ("text", chain(impute_text, encoder(sparse_output=False)), categories),
            ("rest", "passthrough", ["class"]),
        ]
        return chain(table(columns, transformer_weights={"logs": 0.5}), model)

    model = build(
        make_pipeline,
        ColumnTransformer,
        SimpleImputer,
        StandardScaler,
        OneHotEncoder,
        PCA(2),
        Ridge(),
    )
    other = build(
        pipeline.make_pipeline,
        compose.ColumnTransformer,
        impute.SimpleImputer,
        preprocessing.StandardScaler,
        preprocessing.OneHotEncoder,
        decomposition.PCA(2, svd_solver="full"),
        linear_model.Ridge(solver="cholesky"),
    )
    model.fit(frame, y).unlearn(frame[:100], y[:100])
    assert_same(model, refit_of(model, frame[100:], y[100:]), frame[100:])
    got, expected = show(model, frame[100:]), show(other.fit(frame[100:], y[100:]), frame[100:])
    assert np.abs(got - expected).max() < 1e-7


def test_grid_search_over_the_branches():
    frame, numbers, categories, _, y = titanic()
    grid = {
        "columntransformer__numbers__simpleimputer__strategy": ["mean", "median", "most_frequent"],
        "columntransformer__categories__max_categories": [None, 2],
    }
    search = GridSearchCV(ours(numbers, categories, Ridge()), grid, cv=2).fit(frame, y)
    best = search.best_estimator_.unlearn(frame[:50], y[:50])
    assert_same(best, refit_of(best, frame[50:], y[50:]), frame)
    assert "search" in best.guarantee_.conditional_on[0]


def test_frames_out():
    frame, numbers, categories, _, _ = titanic()
    model = ours(numbers, categories, StandardScaler()).set_output(transform="pandas").fit(frame)
    assert any("Belfast" in name for name in model.transform(frame).columns)
    model.unlearn(frame[:50])
    out = model.transform(frame[50:])
    expected = theirs(numbers, categories, preprocessing.StandardScaler())
    expected = expected.set_output(transform="pandas").fit_transform(frame[50:])
    pd.testing.assert_frame_equal(out, expected, rtol=1e-7, atol=1e-7)
    assert list(model.get_feature_names_out()) == list(expected.columns)


@pytest.mark.parametrize("params", [
    {"categories": [[1, 2], ["female"], ["C", "Q"]], "handle_unknown": "ignore"},
    {"categories": [[1, 2, 3], ["female", "male"], ["C", "Q", "S"]],
     "handle_unknown": "infrequent_if_exist", "max_categories": 2},
    {"min_frequency": 0.35, "handle_unknown": "infrequent_if_exist", "drop": "first"},
    {"drop": [2, "male", "Q"]},
    {"drop": "if_binary", "max_categories": 3},
], ids=str)  # fmt: skip
def test_encoders_in_front_of_a_model(params):
    frame, _, categories, _, y = titanic()
    model = make_pipeline(OneHotEncoder(sparse_output=False, **params), StandardScaler(), Ridge())
    other = pipeline.make_pipeline(
        preprocessing.OneHotEncoder(sparse_output=False, **params),
        preprocessing.StandardScaler(),
        linear_model.Ridge(solver="cholesky"),
    )
    X = frame[categories]
    for n in (0, 100):
        model.fit(X, y).unlearn(X[:n], y[:n])
        assert_same(model, refit_of(model, X[n:], y[n:]), X[n:])
        assert_near(model, other.fit(X[n:], y[n:]), X[n:])
