"""Pipelines that forget: against scikit-learn's refit, and bit for bit against their own."""

import copy
import itertools
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn import (
    decomposition,
    discriminant_analysis,
    feature_selection,
    linear_model,
    naive_bayes,
    pipeline,
    preprocessing,
)
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
)

import skunlearn
from skunlearn._steps import flat_steps
from skunlearn.decomposition import PCA
from skunlearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_selection import SelectKBest, VarianceThreshold
from skunlearn.linear_model import LinearRegression, Ridge, RidgeClassifier, UnlearnableRidgeCV
from skunlearn.naive_bayes import GaussianNB
from skunlearn.pipeline import Pipeline, make_pipeline
from skunlearn.preprocessing import StandardScaler

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


class Remembers(TransformerMixin, BaseEstimator):
    """Puts rows out as they came in, and keeps them: the worst step for a cache."""

    def fit(self, X, y=None):
        self.rows_ = np.array(X)
        return self

    def transform(self, X):
        return np.array(X)


def split(data, n=60, seed=0):
    """(X, y) of all rows, of some to forget, and of the rest."""
    X, y = data
    order = np.random.default_rng(seed).permutation(len(X))
    gone, rest = order[:n], np.sort(order[n:])
    return (X, y), (X[gone], y[gone]), (X[rest], y[rest])


def show(model, X):
    """What a pipeline puts out."""
    for verb in ("predict_proba", "decision_function", "predict", "transform"):
        if hasattr(model, verb):
            out = getattr(model, verb)(X)
            return out.toarray() if sparse.issparse(out) else np.asarray(out)
    raise AssertionError("nothing to show")


def is_chain(model):
    return "_info" in vars(model)


def assert_equal(a, b):
    """Two chains are one: all learned arrays of all steps, and the state."""
    assert a.state_digest() == b.state_digest()
    compared = 0
    for (_, one), (_, other) in zip(flat_steps(a), flat_steps(b), strict=True):
        for name, value in vars(one).items():
            if name.endswith("_") and isinstance(value, (np.ndarray, float, int)):
                assert np.array_equal(value, getattr(other, name)), name
                compared += 1
    assert compared


# -- chains of moments ----------------------------------------------------------------------

# our pipeline, scikit-learn's with accurate solvers, and data
CHAINS = {
    "scale_pca_ridge": (
        lambda: make_pipeline(StandardScaler(), PCA(5), RidgeClassifier()),
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(),
            decomposition.PCA(5, svd_solver="full"),
            linear_model.RidgeClassifier(solver="svd"),
        ),
        CANCER,
    ),
    "scale_nb": (
        lambda: make_pipeline(StandardScaler(), GaussianNB()),
        lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), naive_bayes.GaussianNB()),
        CANCER,
    ),
    "whiten_nb": (
        lambda: make_pipeline(StandardScaler(), PCA(6, whiten=True), GaussianNB()),
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(),
            decomposition.PCA(6, whiten=True, svd_solver="full"),
            naive_bayes.GaussianNB(),
        ),
        CANCER,
    ),
    "nested": (
        lambda: make_pipeline(make_pipeline(StandardScaler(), PCA(4)), make_pipeline(Ridge(0.1))),
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(),
            decomposition.PCA(4, svd_solver="full"),
            linear_model.Ridge(0.1, solver="svd"),
        ),
        DIABETES,
    ),
    "scale_twice_and_pass": (
        lambda: make_pipeline(
            StandardScaler(with_std=False),
            "passthrough",
            StandardScaler(),
            None,
            LinearRegression(),
        ),
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(), linear_model.LinearRegression()
        ),
        DIABETES,
    ),
    "stateless_first": (
        lambda: make_pipeline(FunctionTransformer(np.tanh), StandardScaler(), Ridge()),
        lambda: pipeline.make_pipeline(
            FunctionTransformer(np.tanh),
            preprocessing.StandardScaler(),
            linear_model.Ridge(solver="svd"),
        ),
        DIABETES,
    ),
    "polynomial": (
        lambda: make_pipeline(PolynomialFeatures(), StandardScaler(), Ridge(10.0)),
        lambda: pipeline.make_pipeline(
            PolynomialFeatures(), preprocessing.StandardScaler(), linear_model.Ridge(10.0)
        ),
        DIABETES,
    ),
    "selected_discriminant": (
        lambda: make_pipeline(SelectKBest(k=6), StandardScaler(), LinearDiscriminantAnalysis()),
        lambda: pipeline.make_pipeline(
            feature_selection.SelectKBest(k=6),
            preprocessing.StandardScaler(),
            discriminant_analysis.LinearDiscriminantAnalysis(),
        ),
        CANCER,
    ),
    "varied_quadratic": (
        lambda: make_pipeline(VarianceThreshold(0.01), QuadraticDiscriminantAnalysis()),
        lambda: pipeline.make_pipeline(
            feature_selection.VarianceThreshold(0.01),
            discriminant_analysis.QuadraticDiscriminantAnalysis(),
        ),
        CANCER,
    ),
    "transformer": (
        lambda: make_pipeline(StandardScaler(), PCA(3)),
        lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(), decomposition.PCA(3, svd_solver="full")
        ),
        CANCER,
    ),
    "one_step": (
        lambda: make_pipeline(Ridge()),
        lambda: pipeline.make_pipeline(linear_model.Ridge(solver="svd")),
        DIABETES,
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chain_is_scikit_learn_refitted(name):
    ours, theirs, data = CHAINS[name]
    whole, gone, rest = split(data)
    model = ours().fit(*whole)
    assert is_chain(model)
    reference = theirs().fit(*whole)
    np.testing.assert_allclose(show(model, whole[0]), show(reference, whole[0]), atol=1e-6)
    before = show(model, whole[0])
    model.unlearn(*gone)
    expected = show(theirs().fit(*rest), whole[0])
    np.testing.assert_allclose(show(model, whole[0]), expected, rtol=1e-6, atol=1e-7)
    assert np.abs(before - expected).max() > 1e-3
    assert model.guarantee_.kind == "exact" and model.n_samples_retained_ == len(rest[0])


@pytest.mark.parametrize("name", CHAINS)
def test_chain_is_its_own_refit_bit_for_bit(name):
    ours, _, data = CHAINS[name]
    whole, gone, rest = split(data)
    model = ours().fit(*whole)
    model.unlearn(gone[0][:20], gone[1][:20])
    model = pickle.loads(pickle.dumps(model)).unlearn(gone[0][20:], gone[1][20:])
    refit = ours().set_params(resolution=model.resolution_).fit(rest[0][::-1], rest[1][::-1])
    assert_equal(model, refit)
    assert np.array_equal(show(model, whole[0]), show(refit, whole[0]))
    with pytest.raises(NotLearnedError, match="5 of the 6 rows"):
        rows = np.vstack([gone[0][:5], rest[0][:1]]), np.append(gone[1][:5], rest[1][:1])
        model.unlearn(*rows)


def test_step_by_step_is_not_a_refit():
    (X, y), (F, t), (R, u) = split(CANCER)
    scaler, ridge = StandardScaler().fit(X), RidgeClassifier()
    ridge.fit(scaler.transform(X), y)
    ridge.unlearn(scaler.transform(F), t)
    scaler.unlearn(F)
    naive = ridge.decision_function(scaler.transform(X))
    refit = make_pipeline(StandardScaler(), RidgeClassifier()).fit(R, u).decision_function(X)
    exact = make_pipeline(StandardScaler(), RidgeClassifier()).fit(X, y).unlearn(F, t)
    assert np.abs(naive - refit).max() > 1e-3
    assert np.abs(exact.decision_function(X) - refit).max() < 1e-7


def test_cross_validated_ridge_in_a_chain():
    whole, gone, rest = split(DIABETES)

    def make():
        ridge = UnlearnableRidgeCV([1e-3, 1.0, 1e3], random_state=0)
        return make_pipeline(StandardScaler(), ridge)

    model = make().fit(*whole).unlearn(*gone)
    refit = make().set_params(resolution=model.resolution_).fit(*rest)
    assert_equal(model, refit)
    assert np.array_equal(model[-1].mse_path_, refit[-1].mse_path_)


# -- weights --------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [("ridge",), ("standardscaler",), ("standardscaler", "ridge")])
def test_weights_go_to_the_steps_that_were_given_them(steps):
    (X, y), _, _ = split(DIABETES)
    w = np.random.default_rng(1).uniform(0.1, 2.0, len(X))
    F, R = slice(50), slice(50, None)

    def params(where):
        return {f"{step}__sample_weight": w[where] for step in steps}

    def theirs(where):
        plain = pipeline.make_pipeline(
            preprocessing.StandardScaler(), linear_model.Ridge(solver="svd")
        )
        return plain.fit(X[where], y[where], **params(where))

    model = make_pipeline(StandardScaler(), Ridge()).fit(X, y, **params(slice(None)))
    assert is_chain(model)
    model.unlearn(X[F], y[F], sample_weight=w[F])
    expected = theirs(R)
    np.testing.assert_allclose(model[0].mean_, expected[0].mean_, atol=1e-12)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-8)
    refit = clone(model).set_params(resolution=model.resolution_).fit(X[R], y[R], **params(R))
    assert_equal(model, refit)
    unweighted = make_pipeline(StandardScaler(), Ridge()).fit(X[R], y[R])
    assert np.abs(unweighted.predict(X) - model.predict(X)).max() > 1e-3
    with pytest.raises(NotLearnedError):
        model.unlearn(X[R][:3], y[R][:3])  # without their weights


def test_weights_by_metadata_routing():
    (X, y), _, _ = split(DIABETES)
    w = np.random.default_rng(1).uniform(0.1, 2.0, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        for scaler_asks, ridge_asks in ((False, True), (True, False), (True, True)):
            ours, theirs = (
                kind(
                    scaler.set_fit_request(sample_weight=scaler_asks),
                    ridge.set_fit_request(sample_weight=ridge_asks),
                )
                for kind, scaler, ridge in (
                    (make_pipeline, StandardScaler(), Ridge()),
                    (
                        pipeline.make_pipeline,
                        preprocessing.StandardScaler(),
                        linear_model.Ridge(solver="svd"),
                    ),
                )
            )
            ours.fit(X, y, sample_weight=w).unlearn(X[:50], y[:50], sample_weight=w[:50])
            theirs.fit(X[50:], y[50:], sample_weight=w[50:])
            np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)
            refit = clone(ours).set_params(resolution=ours.resolution_)
            assert_equal(ours, refit.fit(X[50:], y[50:], sample_weight=w[50:]))


def test_different_weights_for_different_steps_are_no_chain():
    (X, y), _, _ = split(DIABETES)
    w = np.random.default_rng(1).uniform(0.1, 2.0, len(X))
    model = make_pipeline(StandardScaler(), Ridge())
    model.fit(X, y, standardscaler__sample_weight=w, ridge__sample_weight=w + 1)
    assert not is_chain(model)
    with pytest.raises(UnlearningError, match="steps are given different values of sample_weight"):
        model.unlearn(X[:3], y[:3], sample_weight=w[:3])
    same = make_pipeline(StandardScaler(), Ridge())
    same.fit(X, y, standardscaler__sample_weight=w, ridge__sample_weight=w.copy())
    assert is_chain(same)


# -- the form of the rows -------------------------------------------------------------------


def test_raw_rows_are_what_is_remembered():
    (X, y), _, _ = split(DIABETES)
    model = make_pipeline(FunctionTransformer(np.abs), Ridge()).fit(X, y)
    assert is_chain(model)
    twin = -X[:1]  # the first step makes it the same row
    assert np.array_equal(model[0].transform(twin), model[0].transform(X[:1]))
    with pytest.raises(NotLearnedError):
        model.unlearn(twin, y[:1])
    assert model.unlearn(X[:1], y[:1]).n_samples_retained_ == 441


def test_sparse_rows():
    (X, y), _, _ = split(DIABETES)
    X = np.where(X > 0.03, X, 0.0)
    S = sparse.csr_array(X)
    steps = StandardScaler(with_mean=False), Ridge()
    model = make_pipeline(*steps).fit(S, y).unlearn(S[:50], y[:50])
    assert is_chain(model)
    dense = make_pipeline(*map(clone, steps), resolution=model.resolution_).fit(X[50:], y[50:])
    assert_equal(model, dense)
    assert np.array_equal(model.predict(S), model.predict(S[::-1])[::-1])
    model.unlearn(X[50:60], y[50:60])  # the same rows in another form
    assert model.n_samples_retained_ == 442 - 60


def test_documents():
    words = np.random.default_rng(0).choice(list("abcdefgh"), (120, 6))
    documents = [" ".join(f"word{letter}" for letter in row) for row in words]
    y = np.array(["many" if "worda" in text else "none" for text in documents])

    def make(**options):
        return make_pipeline(HashingVectorizer(n_features=32), RidgeClassifier(), **options)

    model = make().fit(documents, y)
    assert is_chain(model)
    model.unlearn(documents[:30], y[:30])
    assert_equal(model, make(resolution=model.resolution_).fit(documents[30:], y[30:]))
    assert model.score(documents, y) > 0.9
    with pytest.raises(NotLearnedError, match="1 of the 1 rows"):
        model.unlearn(["another text"], ["many"])


def test_frames():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), Ridge()).set_output(transform="pandas").fit(X, y)
    model.unlearn(X[:40], y[:40])
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    assert model[-1].feature_names_in_.tolist() == X.columns.tolist()
    assert model[:-1].get_feature_names_out().tolist() == X.columns.tolist()
    moved = model[:-1].transform(X)
    assert isinstance(moved, pd.DataFrame) and moved.index.equals(X.index)
    refit = clone(model).set_params(resolution=model.resolution_).fit(X[40:], y[40:])
    assert_equal(model, refit)
    renamed = X.rename(columns={"age": "years"})
    with pytest.raises(ValueError, match="feature names should match"):
        model.unlearn(renamed[40:42], y[40:42])
    assert model.n_samples_retained_ == 402


def test_unsigned_columns_are_numbers():
    X = np.random.default_rng(0).integers(0, 9, (60, 3))
    model = make_pipeline(StandardScaler(), Ridge()).fit(X.astype(np.uint64), X[:, 0])
    assert model.unlearn(X[:5], X[:5, 0]).n_samples_retained_ == 55


# -- steps that keep rows --------------------------------------------------------------------


@pytest.mark.parametrize(
    "neighbours, data", [(KNeighborsClassifier(), CANCER), (KNeighborsRegressor(), DIABETES)]
)
def test_neighbours_behind_a_scaler_are_refitted(neighbours, data):
    whole, (F, t), (R, u) = split(data)
    model = make_pipeline(StandardScaler(), clone(neighbours)).fit(*whole)
    assert not is_chain(model)
    assert model.guarantee_.kind == "exact" and "kept raw rows" in model.guarantee_.detail
    model.unlearn(F[:10], t[:10]).unlearn(F[10:], t[10:])
    refit = make_pipeline(StandardScaler(), clone(neighbours)).fit(R, u)
    assert np.array_equal(show(model, whole[0]), show(refit, whole[0]))
    assert model.n_samples_retained_ == len(R)
    assert F[0].tobytes() not in pickle.dumps(model)
    assert R[0].tobytes() in pickle.dumps(model)
    with pytest.raises(NotLearnedError, match="1 of the 1 rows"):
        model.unlearn(F[:1], t[:1])
    # each step on its own: neighbours that were scaled with the forgotten rows
    scaler = StandardScaler().fit(whole[0])
    naive = clone(neighbours).fit(scaler.transform(R), u)
    moved = scaler.unlearn(F).transform(whole[0])
    assert not np.array_equal(show(naive, moved), show(refit, whole[0]))


def test_raw_rows_of_any_kind_are_found_again():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"city": rng.choice(["a", "b", "c"], 80), "size": rng.integers(0, 9, 80)})
    y = rng.integers(0, 2, 80)

    def make():
        return make_pipeline(OneHotEncoder(handle_unknown="ignore"), KNeighborsClassifier())

    model = make().fit(X, y).unlearn(X[:20].copy(), y[:20])
    # of equal rows the last copies go, so the rest is compared as a multiset
    refit = make().fit(X[20:], y[20:])
    assert model.n_samples_retained_ == 60
    assert model[0].categories_[0].tolist() == refit[0].categories_[0].tolist()
    stored = model._ledger.columns
    kept, expected = (
        sorted(map(tuple, np.column_stack([rows.astype(str), target]).tolist()))
        for rows, target in ((stored["X"], stored["y"]), (X[20:], y[20:]))
    )
    assert kept == expected


def test_failure_of_a_refit_changes_nothing(monkeypatch):
    (X, y), (F, t), _ = split(CANCER)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(X, y)
    state, shown = pickle.dumps(model), show(model, X)

    def fail(self, X, y):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(KNeighborsClassifier, "fit", fail)
        with pytest.raises(RuntimeError, match="no memory"):
            model.unlearn(F, t)
    assert pickle.dumps(model) == state
    assert np.array_equal(show(model, X), shown)
    model.unlearn(F, t)
    assert pickle.dumps(model) != state


# -- anything else ---------------------------------------------------------------------------


def test_plain_steps_refuse_and_name_the_way_out():
    (X, y), (F, t), _ = split(CANCER)
    plain_first = make_pipeline(QuantileTransformer(n_quantiles=20), RidgeClassifier()).fit(X, y)
    plain_last = make_pipeline(StandardScaler(), linear_model.LogisticRegression()).fit(X, y)
    for model, step in ((plain_first, "quantiletransformer"), (plain_last, "logisticregression")):
        shown = show(model, X)
        with pytest.raises(UnlearningError, match=rf"{step} .*no.*moments") as error:
            model.unlearn(F, t)
        for way in ("X_retain", 'upstream="frozen"', "exact steps"):
            assert way in str(error.value)
        assert np.array_equal(show(model, X), shown)
        assert model.n_samples_retained_ == len(X)
        assert "X_retain" in model.guarantee_.detail


def test_a_refit_on_the_rows_that_remain():
    (X, y), (F, t), (R, u) = split(CANCER)

    def make():
        return make_pipeline(QuantileTransformer(n_quantiles=20), RidgeClassifier())

    model = make().fit(X, y)
    shown = show(model, X)
    changed = R.copy()
    changed[7, 3] += 1e-9
    wrong = [(X, y), (R[1:], u[1:]), (changed, u), (R, 1 - u), (np.vstack([R[1:], R[1:2]]), u)]
    for rows, targets in wrong:
        with pytest.raises(UnlearningError, match=r"X_retain has .* rows"):
            model.unlearn(F, t, X_retain=rows, y_retain=targets)
    with pytest.raises(NotLearnedError):
        model.unlearn(F + 1, t, X_retain=R, y_retain=u)
    assert np.array_equal(show(model, X), shown)
    model.unlearn(F, t, X_retain=R[::-1], y_retain=u[::-1])
    assert np.array_equal(show(model, X), show(make().fit(R[::-1], u[::-1]), X))
    assert model.n_samples_retained_ == len(R) and model.guarantee_.kind == "exact"
    model.unlearn(R[:5], u[:5], X_retain=R[5:], y_retain=u[5:])
    assert model.n_samples_retained_ == len(R) - 5


def test_a_refit_takes_fit_parameters():
    (X, y), _, _ = split(CANCER)
    w = np.random.default_rng(1).uniform(0.1, 2.0, len(X))

    def make():
        return make_pipeline(StandardScaler(), linear_model.LogisticRegression())

    model = make().fit(X, y, logisticregression__sample_weight=w)
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:50], y[:50], X_retain=X[50:], y_retain=y[50:])
    model.unlearn(
        X[:50],
        y[:50],
        sample_weight=w[:50],
        X_retain=X[50:],
        y_retain=y[50:],
        fit_params_retain={"logisticregression__sample_weight": w[50:]},
    )
    refit = make().fit(X[50:], y[50:], logisticregression__sample_weight=w[50:])
    assert np.array_equal(show(model, X), show(refit, X))


def test_frozen_steps_are_residues():
    (X, y), (F, t), (R, u) = split(CANCER)
    model = make_pipeline(
        QuantileTransformer(n_quantiles=20), FunctionTransformer(np.tanh), RidgeClassifier()
    ).fit(X, y)
    assert model.guarantee_.residues == ()
    # rows alone and in a batch may differ in the last bit: raw rows are looked up instead
    assert model[-1]._learned.fingerprints is None
    before = model[0].quantiles_.copy()
    model.unlearn(F, t, upstream="frozen")
    assert model.guarantee_.kind == "approximate"
    assert model.guarantee_.residues == ("fitted statistics of step quantiletransformer",)
    assert np.array_equal(model[0].quantiles_, before)
    assert model.n_samples_retained_ == len(R)
    last = RidgeClassifier(resolution=model[-1].resolution_).fit(model[:-1].transform(R), u)
    np.testing.assert_allclose(model[-1].coef_, last.coef_, rtol=1e-9)
    exact = clone(model).fit(R, u)
    assert np.abs(show(model, X) - show(exact, X)).max() > 1e-4
    with pytest.raises(NotLearnedError):
        model.unlearn(F[:1], t[:1], upstream="frozen")
    # a refit thaws
    model.unlearn(R[:1], u[:1], X_retain=R[1:], y_retain=u[1:])
    assert model.guarantee_.kind == "exact" and model.guarantee_.residues == ()


def test_frozen_needs_a_last_step_that_forgets():
    (X, y), (F, t), _ = split(CANCER)
    model = make_pipeline(StandardScaler(), linear_model.LogisticRegression()).fit(X, y)
    with pytest.raises(UnlearningError, match="needs a last step that can forget"):
        model.unlearn(F, t, upstream="frozen")
    with pytest.raises(ValueError, match="Got upstream='thawed'"):
        model.unlearn(F, t, upstream="thawed")


def test_frozen_is_not_used_where_an_exact_way_is():
    (X, y), (F, t), (R, u) = split(CANCER)
    model = make_pipeline(StandardScaler(), GaussianNB()).fit(X, y).unlearn(F, t, upstream="frozen")
    assert model.guarantee_.kind == "exact"
    assert_equal(model, clone(model).set_params(resolution=model.resolution_).fit(R, u))


def files_in(folder):
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("way", ["kept", "given", "frozen"])
def test_the_cache_forgets(tmp_path, way):
    (X, y), (F, t), (R, u) = split(CANCER)
    last = KNeighborsClassifier() if way == "kept" else RidgeClassifier()
    model = make_pipeline(Remembers(), StandardScaler(), last, memory=str(tmp_path)).fit(X, y)
    row = F[0].tobytes()
    assert any(row in content for content in files_in(tmp_path))
    options = {
        "kept": {},
        "given": {"X_retain": R, "y_retain": u},
        "frozen": {"upstream": "frozen"},
    }[way]
    model.unlearn(F, t, **options)
    assert not any(row in content for content in files_in(tmp_path))
    # frozen: the step itself still has the row, as the guarantee says
    assert (row in pickle.dumps(model)) == (way == "frozen")
    assert bool(model.guarantee_.residues) == (way == "frozen")


def test_a_chain_of_moments_does_not_use_the_cache(tmp_path):
    (X, y), _, _ = split(CANCER)
    make_pipeline(StandardScaler(), RidgeClassifier(), memory=str(tmp_path)).fit(X, y)
    assert files_in(tmp_path) == []


# -- refusals --------------------------------------------------------------------------------


@pytest.fixture
def chain():
    X, y = DIABETES
    return make_pipeline(StandardScaler(), PCA(4), Ridge()).fit(X, y)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda m, X, y: m[0].fit(X * 2),
        lambda m, X, y: m[-1].fit(X[:, :4], y),
        lambda m, X, y: setattr(m[0], "mean_", m[0].mean_ + 1),
        lambda m, X, y: m.steps.__setitem__(0, ("standardscaler", StandardScaler().fit(X * 2))),
        lambda m, X, y: m.steps.__setitem__(0, ("other", StandardScaler().fit(X))),
        lambda m, X, y: m.set_params(standardscaler="passthrough"),
        lambda m, X, y: m.steps.__delitem__(1),
    ],
)
def test_a_step_changed_behind_the_back_is_noticed(chain, meddle):
    X, y = DIABETES
    meddle(chain, X, y)
    with pytest.raises(UnlearningError, match=r"refitted or exchanged since.*Fit the pipeline"):
        chain.unlearn(X[:3], y[:3])
    if len(chain.steps) == 3:
        assert chain.fit(X, y).unlearn(X[:3], y[:3]).n_samples_retained_ == 439


def test_a_step_of_a_chain_does_not_forget_alone(chain):
    X, y = DIABETES
    for step, rows in ((chain[0], (X[:3],)), (chain[-1], (X[:3, :4], y[:3]))):
        with pytest.raises(UnlearningError, match=r"step of a pipeline.*object that was fitted"):
            step.unlearn(*rows)
    with pytest.raises(UnlearningError, match="slice or a step of another"):
        chain[:-1].unlearn(X[:3])
    assert chain.unlearn(X[:3], y[:3]).n_samples_retained_ == 439


def test_what_a_step_learned_before_is_dropped():
    X, y = DIABETES
    scaler, ridge = StandardScaler().fit(X[:9] + 1), Ridge().fit(X[:9] + 1, y[:9])
    model = make_pipeline(scaler, ridge).fit(X, y)
    for step, rows in ((scaler, (X[:1] + 1,)), (ridge, (X[:1] + 1, y[:1]))):
        assert vars(step).get("_learned") is None
        with pytest.raises(UnlearningError, match="step of a pipeline"):
            step.unlearn(*rows)
    assert_equal(model, make_pipeline(StandardScaler(), Ridge()).fit(X, y))


def test_a_step_behind_a_plain_one_does_not_forget_what_it_never_learned():
    X, y = CANCER
    model = make_pipeline(QuantileTransformer(n_quantiles=20), RidgeClassifier()).fit(X, y)
    with pytest.raises(UnlearningError):
        model[-1].unlearn(np.full((2, 30), 0.5), y[:2])


def test_a_step_before_kept_rows_does_not_forget_alone():
    X, y = DIABETES
    model = make_pipeline(StandardScaler(), KNeighborsRegressor()).fit(X, y)
    predicted = model.predict(X)
    with pytest.raises(UnlearningError):
        model[0].unlearn(X[:100])
        model.unlearn(X[:1], y[:1])
    assert np.array_equal(model.predict(X), predicted)


def test_what_is_served_from_a_plain_pipeline_inside_carries_no_ledger():
    X, y = DIABETES
    inner = pipeline.make_pipeline(StandardScaler(), PCA(3))
    for last in (Ridge(), KNeighborsRegressor()):
        model = make_pipeline(inner, last).fit(X, y)
        assert b"skunlearn" not in pickle.dumps(model.to_sklearn())


def test_nothing_to_fit_and_nothing_to_forget():
    X = DIABETES[0]
    with pytest.raises(UnlearningError, match="no step"):
        make_pipeline("passthrough").fit(X).unlearn(X[:3])


def test_slices_work_as_in_scikit_learn(chain):
    X, y = DIABETES
    chain.unlearn(X[:40], y[:40])
    moved = chain[:-1].transform(X)
    assert isinstance(chain[:-1], Pipeline) and moved.shape == (442, 4)
    assert np.array_equal(chain[-1].predict(moved), chain.predict(X))
    assert chain["ridge"] is chain.named_steps.ridge is chain[-1]


def test_the_last_rows_are_refused(chain):
    X, y = DIABETES
    chain.unlearn(X[10:], y[10:])
    shown = chain.predict(X)
    with pytest.raises(UnlearningError, match=r"0 sample\(s\).*Delete the model"):
        chain.unlearn(X[:10], y[:10])
    with pytest.raises(UnlearningError, match="n_components=4 must be between"):
        chain.unlearn(X[:8], y[:8])
    assert np.array_equal(chain.predict(X), shown) and chain.n_samples_retained_ == 10
    keeps = make_pipeline(StandardScaler(), KNeighborsRegressor(2)).fit(X[:5], y[:5])
    with pytest.raises(UnlearningError, match=r"0 sample\(s\)"):
        keeps.unlearn(X[:5], y[:5])
    assert keeps.n_samples_retained_ == 5


@pytest.mark.parametrize("error", [RuntimeError, ValueError, MemoryError])
@pytest.mark.parametrize("verb", ["unlearn", "replace"])
@pytest.mark.parametrize("step", [StandardScaler, PCA, Ridge])
def test_failure_in_a_step_changes_nothing(chain, monkeypatch, step, verb, error):
    X, y = DIABETES
    state, shown = pickle.dumps(chain), chain.predict(X)
    identities = [dict(vars(s)) for _, s in chain.steps]

    def fail(self, moments, info):
        raise error("in the middle")

    def call():
        rows = (X[:9], y[:9])
        if verb == "unlearn":
            return chain.unlearn(*rows)
        return chain.replace(rows, (X[:9] + 1, y[:9]))

    with monkeypatch.context() as patch:
        patch.setattr(step, "_derive", fail)
        expected = UnlearningError if error is ValueError else error
        with pytest.raises(expected, match="in the middle"):
            call()
    assert pickle.dumps(chain) == state
    assert [dict(vars(s)).keys() for _, s in chain.steps] == [i.keys() for i in identities]
    assert np.array_equal(chain.predict(X), shown)
    call()
    assert pickle.dumps(chain) != state
    assert not np.array_equal(chain.predict(X), shown)


def test_failure_of_a_fit_leaves_no_ledger(chain):
    X, y = DIABETES
    with pytest.raises(ValueError, match="NaN"):
        chain.fit(np.where(X > 0, np.nan, X), y)
    with pytest.raises(UnlearningError):
        chain.unlearn(X[:3], y[:3])


def test_rows_are_replaced(chain):
    X, y = DIABETES
    right = X.copy()
    right[:5] = np.random.default_rng(0).normal(size=(5, 10)) / 20
    chain.replace((X[:5], y[:5]), {"X": right[:5], "y": y[:5] + 1})
    refit = clone(chain).set_params(resolution=chain.resolution_)
    refit.fit(np.vstack([right[5:], right[:5]]), np.append(y[5:], y[:5] + 1))
    assert_equal(chain, refit)
    with pytest.raises(NotLearnedError):
        chain.replace((X[:1], y[:1]), (right[:1], y[:1]))


def test_rows_are_replaced_where_they_are_kept():
    X, y = DIABETES
    right, target = X[:5] + 0.01, y[:5] + 1

    def make():
        return make_pipeline(StandardScaler(), KNeighborsRegressor())

    model = make().fit(X, y).replace((X[:5], y[:5]), (right, target))
    refit = make().fit(np.vstack([X[5:], right]), np.append(y[5:], target))
    assert np.array_equal(model.predict(X), refit.predict(X))
    assert model.unlearn(right, target).n_samples_retained_ == 437
    for old, new in (((X[:1], y[:1]), (right, target)), ((X[5:6], y[5:6]), (right, target[:2]))):
        with pytest.raises(ValueError, match=r"never learned|inconsistent numbers"):
            model.replace(old, new)
    assert model.n_samples_retained_ == 437
    plain = make_pipeline(StandardScaler(), linear_model.LinearRegression()).fit(X, y)
    with pytest.raises(UnlearningError, match="cannot learn further rows"):
        plain.replace((X[:1], y[:1]), (right[:1], y[:1]))


def test_a_grid_that_is_given_stays():
    X, y = DIABETES
    model = make_pipeline(StandardScaler(), Ridge(), resolution=-40).fit(X, y)
    assert model.resolution_.tolist() == [-40] * 11 + [-52]
    assert len(model.guarantee_.conditional_on) == 1
    assert len(make_pipeline(Ridge()).fit(X, y).guarantee_.conditional_on) == 2
    keeps = make_pipeline(KNeighborsRegressor()).fit(X, y)
    assert not hasattr(keeps, "resolution_") and not hasattr(keeps, "state_digest")


@pytest.mark.parametrize("last", [Ridge(), linear_model.LinearRegression()])
def test_without_tracking_nothing_is_checked(last):
    X, y = DIABETES
    model = make_pipeline(StandardScaler(), clone(last), track_rows=False).fit(X, y)
    options = {} if is_chain(model) else {"X_retain": X[9:], "y_retain": y[9:]}
    model.unlearn(X[:9], y[:9], **options)
    np.testing.assert_allclose(
        model.predict(X),
        make_pipeline(StandardScaler(), clone(last)).fit(X[9:], y[9:]).predict(X),
        rtol=1e-9,
    )
    assert model.can_unlearn(X[:9] + 1, y[:9]).n_missing == 0


# -- life in scikit-learn ---------------------------------------------------------------------


def test_a_clone_is_blank(chain):
    X, y = DIABETES
    blank = clone(chain)
    assert not {"_ledger", "_info", "_witness"} & set(vars(blank))
    with pytest.raises(sklearn.exceptions.NotFittedError):
        blank.unlearn(X[:3], y[:3])
    assert blank.get_params()["pca__n_components"] == 4
    assert "track_rows" in blank.get_params() and "resolution" in blank.get_params()


@pytest.mark.parametrize("last", [Ridge(), KNeighborsRegressor(), linear_model.LinearRegression()])
def test_dumped_and_loaded(tmp_path, last):
    X, y = DIABETES
    model = make_pipeline(StandardScaler(), clone(last)).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    options = {"X_retain": X[40:], "y_retain": y[40:]}
    options = options if isinstance(last, linear_model.LinearRegression) else {}
    for one in (model, loaded):
        one.unlearn(X[:40], y[:40], **options)
    assert np.array_equal(model.predict(X), loaded.predict(X))
    with pytest.raises(NotLearnedError):
        loaded.unlearn(X[:1], y[:1], **options)


def test_a_search_gives_a_pipeline_that_forgets():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    pipe = make_pipeline(StandardScaler(), PCA(), Ridge())
    grid = {"pca__n_components": [2, 6], "ridge__alpha": [0.1, 10.0]}
    search = GridSearchCV(pipe, grid, cv=3).fit(X, y)
    best = search.best_estimator_
    before = search.predict(X)
    best.unlearn(X[:40], y[:40])
    refit = clone(best).set_params(resolution=best.resolution_).fit(X[40:], y[40:])
    assert_equal(best, refit)
    assert np.array_equal(search.predict(X), refit.predict(X))
    assert not np.array_equal(search.predict(X), before)
    assert any("search" in text for text in best.guarantee_.conditional_on)


def test_a_refit_of_the_same_object_forgets_the_first_fit(chain):
    X, y = DIABETES
    chain.fit(X[:200, :5], y[:200])
    assert chain.n_samples_retained_ == 200 and chain.n_features_in_ == 5
    with pytest.raises(NotLearnedError):
        chain.unlearn(X[300:301, :5], y[300:301])
    chain.steps[-1] = ("ridge", KNeighborsRegressor())
    chain.fit(X, y)
    assert not is_chain(chain) and not hasattr(chain, "resolution_")
    assert chain.unlearn(X[:2], y[:2]).n_samples_retained_ == 440


def test_fit_transform_leaves_a_pipeline_that_forgets():
    X = DIABETES[0]
    model = make_pipeline(StandardScaler(), PCA(3))
    moved = model.fit_transform(X)
    assert np.array_equal(moved, model.transform(X))
    model.unlearn(X[:40])
    assert_equal(model, clone(model).set_params(resolution=model.resolution_).fit(X[40:]))
    assert not hasattr(make_pipeline(StandardScaler(), Ridge()), "fit_transform")


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_pipeline(StandardScaler(), PCA(3), Ridge()),
        lambda: make_pipeline(make_pipeline(StandardScaler(), PCA(3)), Ridge()),
        lambda: make_pipeline(StandardScaler(), KNeighborsRegressor()),
        lambda: make_pipeline(StandardScaler(), linear_model.LinearRegression()),
    ],
)
def test_what_is_served_carries_no_ledger(make):
    X, y = DIABETES
    model = make().fit(X, y)
    served = model.to_sklearn()
    assert type(served) is pipeline.Pipeline
    assert np.array_equal(served.predict(X), model.predict(X))
    assert b"skunlearn" in pickle.dumps(model)
    assert b"skunlearn" not in pickle.dumps(served)
    assert not hasattr(served, "unlearn")
    served[-1].__dict__.clear()  # a copy, not a view
    assert model.predict(X).shape == y.shape


def test_a_chain_keeps_no_row():
    X, y = DIABETES
    stored = pickle.dumps(make_pipeline(StandardScaler(), Ridge()).fit(X, y))
    assert not any(row.tobytes() in stored for row in X)
    keeps = pickle.dumps(make_pipeline(StandardScaler(), KNeighborsRegressor()).fit(X, y))
    assert all(row.tobytes() in keeps for row in X)


def test_make_pipeline_passes_its_options_on():
    options = {"memory": "m", "transform_input": ["X_val"], "verbose": True}
    options |= {"track_rows": False, "resolution": -30}
    model = make_pipeline(StandardScaler(), Ridge(), **options)
    assert {name: getattr(model, name) for name in options} == options
    assert [name for name, _ in model.steps] == ["standardscaler", "ridge"]


# -- what a hostile reader tried -------------------------------------------------------------


@pytest.mark.parametrize("function", [lambda A: A - A.mean(axis=0), lambda A: A[::-1]])
def test_a_stateless_step_that_looks_at_other_rows_is_no_part_of_a_chain(function):
    X, y = DIABETES
    model = make_pipeline(FunctionTransformer(function), Ridge()).fit(X, y)
    with pytest.raises(UnlearningError, match="other company"):
        model.unlearn(X[:3], y[:3])


def test_plain_steps_are_told_their_twins():
    X, y = DIABETES
    model = make_pipeline(preprocessing.StandardScaler(), Ridge()).fit(X, y)
    with pytest.raises(UnlearningError, match="use that of skunlearn"):
        model.unlearn(X[:3], y[:3])


PACKAGE = str(Path(skunlearn.__file__).parent)


def interrupt_at(stop):
    """A trace function that interrupts at a line of the package, counted from the start."""
    seen = 0

    def trace(frame, event, arg):
        nonlocal seen
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            seen += 1
            if seen == stop:
                raise KeyboardInterrupt
        return trace

    return trace


@pytest.mark.parametrize("nested", [False, True])
def test_an_interrupt_at_any_line_leaves_the_old_or_the_new_model(nested):
    X, y = DIABETES
    first = make_pipeline(StandardScaler()) if nested else StandardScaler()
    model = make_pipeline(first, Ridge()).fit(X, y)
    old = model.predict(X)
    new = copy.deepcopy(model).unlearn(X[:5], y[:5]).predict(X)
    for stop in itertools.count(1, 7):
        trial = copy.deepcopy(model)
        sys.settrace(interrupt_at(stop))
        try:
            trial.unlearn(X[:5], y[:5])
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        retained = trial.n_samples_retained_
        assert np.array_equal(trial.predict(X), old if retained == len(X) else new)
        trial._check_witness()
    assert stop > 100


def test_names_follow_a_step_that_puts_out_more_columns():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 4)), columns=list("abcd"))
    X.iloc[:5, 0] *= 1e4
    y = X["b"].to_numpy()
    model = make_pipeline(PCA(0.9), Ridge()).set_output(transform="pandas").fit(X, y)
    before = model[-1].n_features_in_
    model.unlearn(X[:5], y[:5])
    assert model[-1].n_features_in_ > before
    assert model.predict(X[5:]).shape == (55,)


def test_no_inner_pipeline_keeps_a_ledger_of_its_own():
    X, y = DIABETES
    inner = make_pipeline(StandardScaler()).fit(X)
    outer = make_pipeline(inner, Ridge()).fit(X, y).unlearn(X[:5], y[:5])
    assert "_ledger" not in vars(outer[0]) and outer.n_samples_retained_ == len(X) - 5


def test_a_weight_that_is_not_given_is_not_a_weight_of_zero():
    X, y = DIABETES
    w = np.ones(len(X))
    w[:3] = 0
    model = make_pipeline(QuantileTransformer(n_quantiles=20), Ridge())
    model.fit(X, y, ridge__sample_weight=w)
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:3], y[:3], upstream="frozen")
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:3], y[:3], sensitive_features=w[:3], upstream="frozen")


def test_requests_of_several_threads_all_count():
    X, y = DIABETES
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: model.unlearn(X[i : i + 1], y[i : i + 1]), range(100)))
    assert model.n_samples_retained_ == len(X) - 100
