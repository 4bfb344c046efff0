"""LEACE: theorems with positive controls, the closed form, and exact forgetting of rows."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import linalg
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skunlearn.datasets import fetch_adult
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import GaussianBarycenter, LinearConceptEraser
from skunlearn.linear_model import Ridge
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler
from skunlearn.testing import _checks_equivalence, check_unlearner

LEARNED = (
    "mean_",
    "directions_",
    "loadings_",
    "groups_",
    "full_transport_cost_",
    "n_directions_",
    "_erased",
)


def classes(n=1500, d=6, k=4, seed=0, kind=str):
    """Rows of k classes whose means differ in k - 1 directions, in no order of the labels."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % k
    X = rng.normal(size=(n, d)) @ (rng.normal(size=(d, d)) + np.eye(d)) + rng.normal(size=d)
    return X + rng.normal(size=(k, d))[codes], codes if kind is int else np.array(list("cadbe"))[
        codes
    ]


def numbers(n=1500, seed=0):
    """Rows and a number that they depend on."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return rng.normal(size=(n, 5)) + z[:, None] * rng.normal(size=5), z


def indicators(z):
    return (np.asarray(z)[:, None] == np.unique(z)).astype(float)


def covariance_with(X, Z, weights=None):
    """Largest correlation of a column with a column."""
    w = np.ones(len(X)) if weights is None else weights
    A, B = (M - np.average(M, axis=0, weights=w) for M in (X, Z))
    scale = np.sqrt(w @ A**2)[:, None] * np.sqrt(w @ B**2)
    return np.abs((w[:, None] * A).T @ B / np.where(scale > 0, scale, 1)).max()


def closed_form(X, Z):
    """P of the paper, as it is written there."""
    centred, Zc = X - X.mean(axis=0), Z - Z.mean(axis=0)
    W = linalg.pinv(linalg.sqrtm(centred.T @ centred / len(X)).real, rtol=1e-6)
    basis = linalg.orth(W @ (centred.T @ Zc / len(X)), rcond=1e-6)
    return linalg.pinv(W, rtol=1e-6) @ basis @ basis.T @ W


def assert_same(one, other):
    for name in LEARNED:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert np.array_equal(mine, theirs), name
    assert one.state_digest() == other.state_digest()


# -- what it takes out ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, int])
@pytest.mark.parametrize("k", [2, 4])
def test_no_linear_model_beats_a_constant(k, kind):
    X, z = classes(k=k, kind=kind)
    model = LinearConceptEraser().fit(X, sensitive_features=z)
    X_hat = model.transform(X)
    assert model.n_directions_ == k - 1
    assert covariance_with(X, indicators(z)) > 0.1  # positive control
    assert covariance_with(X_hat, indicators(z)) < 1e-12
    probe = LogisticRegression(C=1e6, max_iter=500)
    assert probe.fit(X, z).score(X, z) > 1.5 / k
    np.testing.assert_allclose(probe.fit(X_hat, z).predict_proba(X_hat), 1 / k, atol=1e-3)
    np.testing.assert_allclose(X_hat.mean(axis=0), X.mean(axis=0), atol=1e-12)


def test_no_linear_model_of_a_number_is_left():
    X, z = numbers()
    X_hat = LinearConceptEraser().fit(X, sensitive_features=z).transform(X)
    assert LinearRegression().fit(X, z).score(X, z) > 0.5  # positive control
    assert abs(LinearRegression().fit(X_hat, z).score(X_hat, z)) < 1e-12


def test_integers_are_classes_and_floats_are_numbers():
    X, z = classes(k=4, kind=int)
    as_classes = LinearConceptEraser().fit(X, sensitive_features=z)
    as_number = LinearConceptEraser().fit(X, sensitive_features=z.astype(float))
    assert (as_classes.n_directions_, as_number.n_directions_) == (3, 1)
    # one number for four classes leaves them apart: what must not happen to labels
    assert covariance_with(as_number.transform(X), indicators(z)) > 0.1
    assert covariance_with(as_number.transform(X), z[:, None]) < 1e-12
    declared = LinearConceptEraser(z_type="class").fit(X, sensitive_features=z.astype(float))
    assert np.array_equal(declared.loadings_, as_classes.loadings_)
    declared = LinearConceptEraser(z_type="continuous").fit(X, sensitive_features=z)
    assert np.array_equal(declared.loadings_, as_number.loadings_)
    for labels in (z.astype(bool), z.astype(object), np.array(list("abcd"))[z].tolist()):
        found = LinearConceptEraser().fit(X, sensitive_features=labels)
        assert found.n_directions_ == len(set(np.asarray(labels).tolist())) - 1


def test_several_columns_of_both_kinds_are_all_erased():
    X, z = classes(k=3)
    rng = np.random.default_rng(5)
    sex, age = rng.choice(["f", "m"], len(X)), rng.normal(size=len(X))
    X[:, 0] += sex == "f"
    X[:, 1] += age
    Z = pd.DataFrame({"race": z, "sex": sex, "age": age})
    model = LinearConceptEraser().fit(X, sensitive_features=Z)
    assert model.n_directions_ == 4
    everything = np.column_stack([indicators(z), indicators(sex), age])
    assert covariance_with(X, everything) > 0.3
    assert covariance_with(model.transform(X), everything) < 1e-12
    np.testing.assert_allclose(model.projection_, closed_form(X, everything), atol=1e-8)
    assert len(model.groups_) == 6


@pytest.mark.parametrize("data", ["classes", "number", "breast cancer", "diabetes"])
def test_equals_the_closed_form(data):
    if data == "classes":
        X, z = classes()
    elif data == "number":
        X, z = numbers()
    elif data == "breast cancer":
        X, z = load_breast_cancer(return_X_y=True)
        X = X[:, [0, 1, 4, 5, 8]]
    else:
        X, z = load_diabetes(return_X_y=True, scaled=False)
        X, z = np.delete(X, 1, axis=1), X[:, 1].astype(int)
    Z = z[:, None] if data == "number" else indicators(z)
    model = LinearConceptEraser().fit(X, sensitive_features=z)
    expected = closed_form(X, Z)
    np.testing.assert_allclose(
        model.projection_, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max()
    )
    X_hat = model.transform(X)
    np.testing.assert_allclose(X_hat, X - (X - X.mean(axis=0)) @ expected.T, rtol=1e-6, atol=1e-6)
    moved = ((X - X_hat) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(model.transport_cost_, moved, rtol=1e-9)


@pytest.mark.parametrize("data", ["classes", "number", "breast cancer"])
def test_equals_concept_erasure(data):
    torch = pytest.importorskip("torch", reason="concept-erasure needs torch")
    theirs = pytest.importorskip("concept_erasure", reason="concept-erasure is not installed")
    if data == "breast cancer":
        X, z = load_breast_cancer(return_X_y=True)
        X = X[:, :8]
    else:
        X, z = classes() if data == "classes" else numbers()
    Z = z[:, None] if data == "number" else indicators(z)
    options = {"shrinkage": False, "svd_tol": 1e-9, "constrain_cov_trace": False}
    eraser = theirs.LeaceEraser.fit(torch.as_tensor(X), torch.as_tensor(Z), **options)
    X_hat = LinearConceptEraser().fit(X, sensitive_features=z).transform(X)
    expected = eraser(torch.as_tensor(X)).numpy()
    np.testing.assert_allclose(
        X_hat / X.std(axis=0), expected / X.std(axis=0), rtol=1e-6, atol=1e-6
    )


def test_no_other_projection_is_cheaper():
    X, z = classes(k=2)
    model = LinearConceptEraser().fit(X, sensitive_features=z)
    centred = X - X.mean(axis=0)
    gap = centred.T @ indicators(z)[:, 0]
    rng = np.random.default_rng(0)
    for direction in (gap, *(gap + 0.3 * rng.normal(size=(20, 6)) * np.abs(gap))):
        other = np.outer(gap, direction) / (direction @ gap)  # erases as well, at this price
        assert covariance_with(X - centred @ other.T, indicators(z)) < 1e-10
        assert ((centred @ other.T) ** 2).sum(axis=1).mean() > model.transport_cost_ * 1.0001


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_is_the_share_that_goes(strength):
    X, z = classes()
    model = LinearConceptEraser(strength=strength).fit(X, sensitive_features=z)
    X_hat = model.transform(X)
    full = clone(model).set_params(strength=1.0).fit(X, sensitive_features=z).transform(X)
    np.testing.assert_allclose(X_hat, (1 - strength) * X + strength * full, atol=1e-12)
    assert strength or np.array_equal(X_hat, X)
    np.testing.assert_allclose(model.transport_cost_, ((X_hat - X) ** 2).sum(axis=1).mean())
    model.set_params(strength=1.4)
    with pytest.raises(ValueError, match=r"Got strength=1.4, expected a float in \[0, 1\]"):
        model.transform(X)


def test_what_it_does_not_take_out():
    rng = np.random.default_rng(0)
    z = np.arange(6000) % 2
    X = rng.normal(size=(6000, 6)) * (1 + 2 * z[:, None])
    model = LinearConceptEraser().fit(X[:2000], sensitive_features=z[:2000])
    X_hat = model.transform(X)
    probe, half = HistGradientBoostingClassifier(max_iter=40, random_state=0), slice(2000, 4000)
    for table in (X, X_hat):
        found = probe.fit(table[half], z[half]).predict_proba(table[4000:])[:, 1]
        assert roc_auc_score(z[4000:], found) > 0.97


def test_adult_has_left_what_trees_read():
    if not os.environ.get("SKUNLEARN_DATA"):
        pytest.skip("SKUNLEARN_DATA names no folder of data sets")
    adult = fetch_adult().data.iloc[:7500]
    z, table = (adult.pop("sex") == "Male").to_numpy(), pd.get_dummies(adult).astype(float)
    fit, probe, score = slice(0, 2500), slice(2500, 5000), slice(5000, None)
    common = table.loc[:, table.mean() > 0.01]
    linear = plain_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    boosting = HistGradientBoostingClassifier(max_iter=40, random_state=0)

    def left(model, table):
        X_hat = LinearConceptEraser().fit(table[fit], sensitive_features=z[fit]).transform(table)
        found = model.fit(X_hat[probe], z[probe]).predict_proba(X_hat[score])[:, 1]
        return roc_auc_score(z[score], found)

    assert left(linear, common) < 0.6
    assert left(boosting, common) > 0.85
    # a level that is rare in the fit gives all away where it does not occur: as documented
    assert left(linear, table) > 0.85


# -- degenerate data ------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_collinear_constant_and_betraying_columns(offset):
    X, z = classes(k=2)
    flag = (z == "a") * 1.0
    X = np.column_stack([X, X.sum(axis=1), np.full(len(X), 0.1), 3 * flag]) + offset
    X_hat = LinearConceptEraser().fit(X, sensitive_features=z).transform(X)
    assert np.array_equal(X_hat[:, 7], X[:, 7])
    assert len(np.unique(X_hat[:, 8])) == 1  # to the last bit, for trees
    np.testing.assert_allclose(X_hat[:, 6] - offset, (X_hat[:, :6] - offset).sum(axis=1), atol=1e-7)
    assert covariance_with(X_hat, indicators(z)) < 1e-8


@pytest.mark.parametrize("unit", [1e-150, 1e-6, 1e8])
def test_units_play_no_part(unit):
    X, z = classes()
    units = np.array([1, unit, 1, unit, 1, 1])
    one, other = (LinearConceptEraser().fit(A, sensitive_features=z) for A in (X, X * units))
    np.testing.assert_allclose(other.transform(X * units) / units, one.transform(X), rtol=1e-6)


def test_one_class_changes_nothing():
    X, _ = classes()
    for model in (
        LinearConceptEraser().fit(X, sensitive_features=np.full(len(X), "a")),
        LinearConceptEraser([]).fit(X),
        LinearConceptEraser().fit(X, sensitive_features=np.full(len(X), 0.5)),
    ):
        assert model.n_directions_ == 0
        assert np.array_equal(model.transform(X), X)


def test_float32_stays_float32():
    X, z = classes()
    model = LinearConceptEraser().fit(X.astype(np.float32), sensitive_features=z)
    X_hat = model.transform(X.astype(np.float32))
    assert X_hat.dtype == np.float32
    wide = LinearConceptEraser().fit(X, sensitive_features=z).transform(X)
    np.testing.assert_allclose(X_hat, wide, atol=1e-4)


# -- forgetting rows ------------------------------------------------------------------------------


def sensitive(kind, n):
    rng = np.random.default_rng(3)
    labels, number = rng.choice(list("abc"), n, p=[0.6, 0.38, 0.02]), rng.normal(size=n)
    return {
        "classes": labels,
        "numbers": number,
        "both": pd.DataFrame({"a": labels, "b": number, "c": rng.integers(0, 2, n)}),
    }[kind]


def take(Z, rows):
    return Z.iloc[rows] if hasattr(Z, "iloc") else Z[rows]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["classes", "numbers", "both"])
def test_unlearn_equals_the_refit(kind, weighted):
    X = load_diabetes(return_X_y=True, scaled=False)[0]
    Z, rng = sensitive(kind, len(X)), np.random.default_rng(0)
    weights = rng.uniform(0.5, 2, len(X)) if weighted else None
    part = lambda rows: {  # noqa: E731
        "sensitive_features": take(Z, rows),
        "sample_weight": None if weights is None else weights[rows],
    }
    everything = np.arange(len(X))
    model = LinearConceptEraser().fit(X, **part(everything))
    gone = everything % 3 == 0
    if kind == "classes":  # a class loses its last row
        gone |= Z == "c"
    before = model.loadings_.copy()
    model.unlearn(X[gone][:7], **part(np.flatnonzero(gone)[:7]))
    model.unlearn(X[gone][7:], **part(np.flatnonzero(gone)[7:]))
    keep = rng.permutation(np.flatnonzero(~gone))
    refit = LinearConceptEraser(resolution=model.resolution_).fit(X[keep], **part(keep))
    assert_same(model, refit)
    assert before.shape != model.loadings_.shape or not np.allclose(before, model.loadings_)
    half = LinearConceptEraser(resolution=model.resolution_).fit(X[keep[:50]], **part(keep[:50]))
    assert_same(half.partial_fit(X[keep[50:]], **part(keep[50:])), refit)
    everything_erased = refit.transform(X[keep])
    for values in [take(Z, keep)] if kind != "both" else [take(Z, keep)[c] for c in "ab"]:
        values = np.asarray(values)
        target = values[:, None] if values.dtype.kind == "f" else indicators(values)
        own = None if weights is None else weights[keep]
        assert covariance_with(everything_erased, target, own) < 1e-10


def test_a_poisoned_row_leaves_no_trace():
    X, z = classes()
    X[0] = 1e8
    model = LinearConceptEraser().fit(X, sensitive_features=z)
    model.unlearn(X[:1], sensitive_features=z[:1])
    refit = LinearConceptEraser(resolution=model.resolution_).fit(X[1:], sensitive_features=z[1:])
    assert_same(model, refit)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_other_sensitive_values_are_other_rows(kind):
    X, _ = classes(300)
    Z = sensitive(kind, 300)
    model = LinearConceptEraser().fit(X, sensitive_features=Z)
    other = np.where(Z == "a", "b", "a") if kind == "classes" else np.nextafter(Z, 9)
    before = pickle.dumps(model)
    with pytest.raises(NotLearnedError, match="2 of the 2 rows"):
        model.unlearn(X[:2], sensitive_features=other[:2])
    assert pickle.dumps(model) == before
    with pytest.raises(UnlearningError, match="last rows"):
        model.unlearn(X, sensitive_features=Z)


def test_the_contract(monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 200)  # the long run is the registry's
    for model in (
        LinearConceptEraser(),
        LinearConceptEraser([]),
        LinearConceptEraser(track_rows=False, strength=0.5, resolution="exact"),
    ):
        check_unlearner(model)


@parametrize_with_checks([LinearConceptEraser([])])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


# -- tables ---------------------------------------------------------------------------------------


@pytest.fixture
def frame():
    X, z = classes(400, d=3, k=3)
    out = pd.DataFrame(X, columns=list("uvw"))
    out.insert(1, "race", z)
    return out.assign(age=np.random.default_rng(0).normal(size=400) + out["u"])


def test_sensitive_columns_in_the_table(frame):
    model = LinearConceptEraser(["race", "age"]).fit(frame)
    X, Z = frame[list("uvw")], frame[["race", "age"]]
    by_keyword = LinearConceptEraser().fit(X, sensitive_features=Z)
    assert np.array_equal(model.loadings_, by_keyword.loadings_)
    assert model.get_feature_names_out().tolist() == list("uvw")
    X_hat = model.transform(frame)
    assert np.array_equal(X_hat, model.transform(X))  # the columns are not needed
    assert np.array_equal(X_hat, by_keyword.transform(X))
    assert np.array_equal(X_hat, by_keyword.transform(X, sensitive_features=Z))  # and ignored
    out = model.set_output(transform="pandas").transform(frame)
    assert out.columns.tolist() == list("uvw")
    kept = LinearConceptEraser(["race", "age"], keep_sensitive=True).fit(frame).transform(frame)
    assert kept["race"].equals(frame["race"])
    assert kept["age"].equals(frame["age"])
    assert np.array_equal(kept[list("uvw")], X_hat)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f.assign(age=np.nan), {}), "400 rows are missing"),
        (lambda f: (f.assign(race=None), {}), "400 rows are missing"),
        (lambda f: (f.assign(age=np.inf), {}), "infinite sensitive values"),
        (lambda f: (f.assign(u="x"), {}), "'u' holds values that are no numbers"),
        (
            lambda f: (f, {"sensitive_columns": ["color"]}),
            "'color' in sensitive_columns",
        ),
        (lambda f: (f, {"sensitive_columns": None}), "does not know what to forget"),
        (lambda f: (f, {"z_type": "continuous"}), 'Labels are classes: z_type="class"'),
        (lambda f: (f, {"z_type": "number"}), "Got 'number' instead"),
        (lambda f: (f, {"strength": -1}), "Got -1 instead"),
    ],
)
def test_errors_name_the_value_and_the_way_out(frame, change, message):
    table, params = change(frame)
    model = LinearConceptEraser(**{"sensitive_columns": ["race", "age"], **params})
    with pytest.raises(ValueError, match=message):
        model.fit(table)


def test_copies_serve(frame):
    model = LinearConceptEraser("race").fit(frame.drop(columns="age"))
    table = frame.drop(columns="age")
    expected = model.transform(table)
    for copy in (pickle.loads(pickle.dumps(model)), model.to_sklearn()):
        assert np.array_equal(copy.transform(table), expected)
    with pytest.raises(UnlearningError, match="stripped for serving"):
        model.to_sklearn().unlearn(table[:3])


# -- in a pipeline --------------------------------------------------------------------------------


def refitted(pipeline, *data, **keywords):
    """Refit on the grid that the pipeline found."""
    return clone(pipeline).set_params(resolution=pipeline.resolution_).fit(*data, **keywords)


@pytest.mark.parametrize("columns", [["race"], ["age"], ["race", "age"]])
@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_a_chain_forgets_exactly(frame, columns, strength):
    table = frame if "race" in columns else frame.drop(columns="race")
    y = frame["u"] + np.random.default_rng(1).normal(size=len(frame))
    steps = LinearConceptEraser(columns, strength=strength), StandardScaler(), Ridge()
    model = make_pipeline(*steps).fit(table, y)
    by_hand = clone(steps[0]).fit_transform(table)
    expected = Ridge().fit(StandardScaler().fit_transform(by_hand), y)
    np.testing.assert_allclose(model[-1].coef_, expected.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model[1].mean_, by_hand.mean(axis=0), atol=1e-9)
    model.unlearn(table[:150], y[:150])
    refit = refitted(model, table[150:], y[150:])
    assert np.array_equal(model.predict(table), refit.predict(table))
    assert model.guarantee_.kind == "exact"


def test_a_chain_with_routed_values():
    X, z = classes(400)
    y = X[:, 0] + (z == "a")
    with sklearn.config_context(enable_metadata_routing=True):
        step = LinearConceptEraser().set_fit_request(sensitive_features=True)
        model = make_pipeline(StandardScaler(), step, Ridge())
        model.fit(X, y, sensitive_features=z)
        model.unlearn(X[:100], y[:100], sensitive_features=z[:100])
        refit = refitted(model, X[100:], y[100:], sensitive_features=z[100:])
        assert np.array_equal(model.predict(X), refit.predict(X))  # no z at predict
        assert covariance_with(model.predict(X[100:])[:, None], indicators(z[100:])) < 1e-10
        search = GridSearchCV(model, {"linearconcepteraser__strength": [0, 1]}, cv=3)
        search.fit(X, y, sensitive_features=z)
        number = make_pipeline(StandardScaler(), clone(step), Ridge())
        number.fit(X, y, sensitive_features=X[:, 0] + 0.0)
        with pytest.raises(UnlearningError, match="make it a column of X, name it"):
            number.unlearn(X[:3], y[:3], sensitive_features=X[:3, 0])


def test_it_takes_the_place_of_a_barycenter():
    X, z = classes(400)
    for kind in (GaussianBarycenter, LinearConceptEraser):
        X_hat = kind().fit(X, sensitive_features=z).transform(X, sensitive_features=z)
        assert covariance_with(X_hat, indicators(z)) < 1e-8
