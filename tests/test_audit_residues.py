"""What an object, its cache and its search results still know of rows."""

import functools
import json
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

import skunlearn.ensemble
import skunlearn.linear_model
import skunlearn.naive_bayes
import skunlearn.neighbors
from skunlearn.audit import residue_report
from skunlearn.datasets import fetch_adult

N = 20  # rows that are forgotten


@pytest.fixture(scope="module")
def data():
    X, y = load_diabetes(return_X_y=True)
    return X, y, (X[:N], y[:N]), {"X_retain": X[N:].copy(), "y_retain": y[N:].copy()}


def kinds(report):
    return {residue.kind for residue in report.found}


class Holder(BaseEstimator):
    """An object that holds what it is given."""

    def __init__(self, held=None):
        self.held = held


# -- positive controls ----------------------------------------------------------------------------


def holding(X):
    """Ways to hold rows."""
    return {
        "array": X.copy(),
        "float32": X.astype(np.float32),
        "transposed": np.ascontiguousarray(X.T),
        "beside others": np.hstack([np.ones((len(X), 1)), X, X[:, :1] ** 2]),
        "other order of columns": np.ascontiguousarray(X[:, ::-1]),
        "flat": X.ravel().copy(),
        "list": X.tolist(),
        "sparse": sparse.csr_array(X),
        "frame": pd.DataFrame(X),
        "bytes": X.tobytes(),
        "closure": (lambda kept: lambda Z: Z - kept.mean())(X.copy()),
        "default": lambda Z, kept=X.copy(): Z,  # noqa: B008
        "partial": functools.partial(np.add, X.copy()),
        "deep": {"one": [{"two": (X.copy(),)}]},
        "view": np.vstack([X, X])[len(X) * 2 - 1 :],
        "records": np.rec.fromarrays(X.T),
    }


@pytest.mark.parametrize("way", list(holding(np.ones((1, 2)))))
@pytest.mark.parametrize("load", [load_diabetes, load_digits])
def test_rows_are_found_wherever_they_are(way, load):
    X = load(return_X_y=True)[0]
    _, first = np.unique(X, axis=0, return_index=True)
    X = X[np.sort(first)]
    report = residue_report(Holder(holding(X[:60])[way]), X[:N], X_retain=X[N:])
    if way == "records":  # a column an array: single values, of which digits have none
        assert kinds(report) == ({"values"} if load is load_diabetes else set())
        return
    if way == "other order of columns" and load is load_digits:
        assert report.clean  # seventeen levels in any order: chance would do it
        return
    assert any(residue.kind == "rows" for residue in report.found), report
    assert max(residue.n for residue in report.found) == N
    # and not where they are not
    clean = residue_report(Holder(holding(X[N : N + 60].copy())[way]), X[:N], X_retain=X[N:])
    assert clean.clean, clean


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsRegressor(),
        KNeighborsRegressor(algorithm="ball_tree"),
        SVR(),
        GaussianProcessRegressor(optimizer=None),
        make_pipeline(StandardScaler(), KNeighborsRegressor()),
        GridSearchCV(make_pipeline(StandardScaler(), SVR()), {"svr__C": [1, 10]}, cv=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_that_keep_rows_are_caught_and_their_refits_are_not(model, data):
    X, y, gone, stays = data
    report = residue_report(model.fit(X, y), *gone, **stays)
    assert "rows" in kinds(report) and max(r.n for r in report.found) == N
    refit = residue_report(model.fit(stays["X_retain"], stays["y_retain"]), *gone, **stays)
    assert not refit.found, refit


def test_a_model_fitted_on_a_view_keeps_what_is_under_it(data):
    X, y, gone, stays = data
    model = KNeighborsRegressor(algorithm="brute").fit(X[N:], y[N:])
    report = residue_report(model, *gone, **stays)
    assert [residue.where for residue in report.found] == ["model._fit_X<base>"]
    assert residue_report(pickle.loads(pickle.dumps(model)), *gone, **stays).clean


@pytest.mark.parametrize("refit", [False, True])
def test_a_cache_keeps_what_an_older_fit_saw(refit, data, tmp_path):
    X, y, gone, stays = data
    steps = StandardScaler(), PolynomialFeatures(2), SVR()
    model = make_pipeline(*steps, memory=str(tmp_path))
    if not refit:
        model.fit(X, y)
    model.fit(stays["X_retain"], stays["y_retain"])
    report = residue_report(model, *gone, **stays)
    assert report.n_files == (2 if refit else 4)
    assert report.clean == refit
    if not refit:
        assert {r.where.split("/")[0] for r in report.found} == {"<cache>"}
        assert residue_report(model, *gone, **stays, read_files=False).clean
    joblib.Memory(tmp_path, verbose=0).clear(warn=False)
    assert residue_report(model, *gone, **stays).clean


def test_a_broken_cache_is_named(data, tmp_path):
    _, _, gone, stays = data
    model = make_pipeline(StandardScaler(), SVR(), memory=str(tmp_path))
    model.fit(stays["X_retain"], stays["y_retain"])
    (file,) = tmp_path.rglob("output.pkl")
    file.write_bytes(b"no pickle")
    (unread,) = residue_report(model, *gone, **stays).unread
    assert unread.startswith("<cache>/")


def test_single_values_of_a_column(data):
    X, _, gone, stays = data
    rng = np.random.default_rng(0)
    X, gone = rng.normal(size=X.shape), (rng.normal(size=(N, 10)), gone[1])
    X[:N] = gone[0]
    stays = {**stays, "X_retain": X[N:]}
    for model, n in [
        (QuantileTransformer(n_quantiles=len(X)).fit(X), 10 * N),
        (IsotonicRegression(out_of_bounds="clip").fit(X[:, 3], X[:, 3]), N),
    ]:
        (residue,) = residue_report(model, *gone, **stays).found[:1]
        assert residue.kind == "values" and residue.n == n
    assert residue_report(QuantileTransformer(n_quantiles=99).fit(X[N:]), *gone, **stays).clean


def test_words_that_only_forgotten_rows_have():
    X = pd.DataFrame({"town": ["Oslo", "Bergen"] * 50, "age": np.arange(100.0)})
    X.loc[:2, "town"] = "Longyearbyen"
    encoder = OneHotEncoder().fit(X[["town"]])
    report = residue_report(encoder, X[:5], X_retain=X[5:])
    assert [(r.kind, r.n) for r in report.found] == [("text", 1)]
    assert residue_report(OneHotEncoder().fit(X.loc[5:, ["town"]]), X[:5], X_retain=X[5:]).clean


# -- negative controls ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        skunlearn.linear_model.Ridge(),
        skunlearn.linear_model.LinearRegression(),
        skunlearn.neighbors.KNeighborsRegressor(),
        skunlearn.ensemble.SISARegressor(DecisionTreeRegressor(), n_shards=4),
        skunlearn.linear_model.UnlearnableRidgeCV(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_exact_models_are_clean_once_they_are_saved(model, data):
    X, y, gone, stays = data
    before = residue_report(model.fit(X, y), *gone, **stays)
    assert kinds(before) & {"claim", "rows"} and not before.clean
    model.unlearn(*gone)
    live = residue_report(model, *gone, **stays)
    assert kinds(live) <= {"fingerprints"}  # marked as dead, and in no pickle
    saved = residue_report(pickle.loads(pickle.dumps(model)), *gone, **stays)
    assert saved.clean and saved.declared and saved.headline == "Nothing found"


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_classifiers_too(load):
    X, y = load(return_X_y=True)
    for model in (
        skunlearn.naive_bayes.GaussianNB(track_rows=False),
        skunlearn.neighbors.KNeighborsClassifier(),
    ):
        model.fit(X, y).unlearn(X[:N], y[:N])
        report = residue_report(model, X[:N], y[:N], X_retain=X[N:], y_retain=y[N:])
        assert report.clean, report
    plain = KNeighborsClassifier().fit(X, y)
    report = residue_report(plain, X[:N], y[:N], X_retain=X[N:], y_retain=y[N:])
    assert max(residue.n for residue in report.found) == N


def test_a_forest_of_another_kind_is_clean(data):
    _, _, gone, stays = data
    model = RandomForestRegressor(10, random_state=0).fit(stays["X_retain"], stays["y_retain"])
    assert residue_report(model, *gone, **stays).clean


def test_chance_is_no_finding():
    # whole numbers on few places: any array hits them; and a hundred arrays of noise hit nothing
    rng = np.random.default_rng(0)
    X, retain = rng.integers(0, 5, size=(N, 3)), rng.integers(0, 4, size=(200, 3))
    held = [rng.integers(0, 1000, size=500) for _ in range(20)]
    held += [rng.normal(size=500) for _ in range(20)]
    assert residue_report(Holder(held), X.astype(float), X_retain=retain).clean
    X, retain = rng.normal(size=(N, 3)).round(3), rng.normal(size=(200, 3)).round(3)
    held = [rng.normal(size=500).round(3) for _ in range(100)]
    assert residue_report(Holder(held), X, X_retain=retain).clean
    assert not residue_report(Holder([X[:, 0]]), X, X_retain=retain).clean


def test_copies_among_the_retained_rows_tell_nothing(data):
    _, _, gone, stays = data
    copies = {"X_retain": np.vstack([stays["X_retain"], gone[0][:5]])}
    model = KNeighborsRegressor().fit(copies["X_retain"], np.append(stays["y_retain"], gone[1][:5]))
    report = residue_report(model, gone[0], **copies)
    assert report.n_copies == 5 and report.clean
    assert residue_report(model, gone[0]).found[0].n == 5  # who cannot know counts them


# -- what is derived, declared, said ---------------------------------------------------------------


def test_derived_from_learned_rows(data):
    X, y, gone, stays = data
    net = MLPRegressor(hidden_layer_sizes=[4], max_iter=3, early_stopping=True, tol=0.0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        net.fit(X, y)
    labels = {residue.words for residue in residue_report(net, *gone, **stays).derived}
    assert {"a history of training", "scores on learned rows"} <= labels
    search = GridSearchCV(skunlearn.linear_model.Ridge(), {"alpha": [1, 2]}, cv=2).fit(X, y)
    search.best_estimator_.unlearn(*gone)
    report = residue_report(search, *gone, **stays)
    assert {r.where for r in report.derived} >= {"model.cv_results_", "model.best_score_"}
    assert not report.clean


def test_declared_residues_are_listed(data):
    X, y, gone, stays = data
    model = skunlearn.linear_model.LogisticRegression().fit(X, y > 150)
    model.unlearn(gone[0], gone[1] > 150)
    words = " ".join(r.words for r in residue_report(model, *gone, **stays).declared)
    assert "reference of the anchored step" in words


@pytest.mark.data
def test_adult(data_home):
    X, y = fetch_adult(data_home=data_home, return_X_y=True)
    X, y = X.iloc[:3000], np.asarray(y[:3000])
    kept = Holder({"rows": X.copy(), "target": y})
    report = residue_report(kept, X.iloc[:N], y[:N], X_retain=X.iloc[N:], y_retain=y[N:])
    assert "rows" in kinds(report)
    kept = Holder({"rows": X.iloc[N:].copy(), "target": y[N:].copy()})
    assert residue_report(kept, X.iloc[:N], y[:N], X_retain=X.iloc[N:], y_retain=y[N:]).clean


def test_the_report_in_all_its_forms(data, tmp_path):
    X, y, gone, _ = data
    report = residue_report(KNeighborsRegressor().fit(X, y), *gone)
    assert "Still there" in str(report) and "model._fit_X: 20 of the rows" in str(report)
    assert "Without X_retain only whole rows" in str(report)
    assert list(report.to_frame().columns) == ["kind", "where", "n", "words"]
    record = json.loads(report.to_json(tmp_path / "residues.json"))
    assert record["schema"] == 1 and record["clean"] is False
    assert "<td>model._fit_X</td>" in report._repr_html_()
    assert repr(report).startswith("<ResidueReport of KNeighborsRegressor: Still there")


def test_what_cannot_be_opened_is_named(data, monkeypatch):
    X, _, gone, _ = data
    report = residue_report([X.copy(), (i for i in range(3))], *gone)
    assert report.unread == ("model[1] (generator)",) and not report.clean
    monkeypatch.setattr("skunlearn.audit._graph.MOST_OBJECTS", 3)
    report = residue_report([[[]], [[]], [[]], X.copy()], *gone)
    assert "more objects" in report.unread[-1] and "Not opened" in str(report)


def test_a_list_that_holds_itself_and_tensors(data):
    X, _, gone, stays = data
    held = [X.copy()]
    held.append(held)
    assert [r.where for r in residue_report(held, *gone, **stays).found] == ["model[0]"]
    torch = pytest.importorskip("torch", reason="tensors are torch's")
    report = residue_report({"weights": torch.tensor(X, dtype=torch.float32)}, *gone, **stays)
    assert report.found[0].n == N


def test_wrong_use(data):
    X, y, gone, _ = data
    for given, message in [
        ((X[:0],), "Got no rows in X_forget"),
        ((X[:3], y[:2]), "Got 3 rows in X_forget and 2 targets"),
    ]:
        with pytest.raises(ValueError, match=message):
            residue_report(Holder(), *given)
    with pytest.raises(ValueError, match="Got y_retain without X_retain"):
        residue_report(Holder(), *gone, y_retain=y)


def test_steps_that_cannot_transform_end_the_search_for_forms(data):
    X, y, gone, stays = data
    model = make_pipeline(SelectKBest(f_regression, k=4), FunctionTransformer(np.exp), SVR())
    report = residue_report(model.fit(X, y), *gone, **stays)
    assert report.found[0].words.endswith("as step 'functiontransformer' puts them out")
