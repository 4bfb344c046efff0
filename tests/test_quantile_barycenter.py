"""The quantile barycenter: exact in one dimension, and exact forgetting from multisets."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skunlearn._transport import (
    barycenter_quantiles,
    move,
    plotting_levels,
    quantile_function,
    quantile_levels,
    quantile_moments,
)
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import QuantileBarycenter
from skunlearn.linear_model import Ridge
from skunlearn.pipeline import make_pipeline
from skunlearn.testing import _checks_equivalence, check_unlearner


def laws(n=3000, seed=0):
    """Groups of three laws of one column each, all of mean 0 and variance 1, and another column."""
    rng = np.random.default_rng(seed)
    z = rng.choice(["a", "b", "c"], size=n, p=[0.5, 0.3, 0.2])
    x = rng.normal(size=n)
    x = np.where(z == "b", rng.exponential(size=n) - 1, x)
    x = np.where(z == "c", np.sign(x) * 0.9 + 0.19**0.5 * rng.normal(size=n), x)
    return np.column_stack([x, 3 * rng.normal(size=n) + (z == "c")]), z


def fitted(X, z, **params):
    return QuantileBarycenter(**{"random_state": 0, **params}).fit(X, sensitive_features=z)


def boosted_auc(X, z, X_new, z_new):
    probe = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(X, z)
    return roc_auc_score(z_new, probe.predict_proba(X_new)[:, 1])


# -- what it does to the groups -------------------------------------------------------------------


def test_each_value_goes_to_the_mean_of_the_groups_quantiles():
    rng = np.random.default_rng(0)
    z = np.repeat([0, 1, 1], 200)
    X = np.r_[rng.normal(size=200), rng.exponential(size=400)][:, None]
    model = fitted(X, z, n_quantiles=None)
    X_hat = model.transform(X, sensitive_features=z).ravel()
    for g in (0, 1):  # by hand, from order statistics and their plotting positions
        x = X[z == g].ravel()
        u = (stats.rankdata(x) - 0.5) / len(x)
        expected = 0.0
        for k, share in ((0, 1 / 3), (1, 2 / 3)):
            other = np.sort(X[z == k].ravel())
            expected += share * np.interp(u, (np.arange(len(other)) + 0.5) / len(other), other)
        np.testing.assert_allclose(X_hat[z == g], expected, rtol=1e-12, atol=1e-12)


def test_the_cost_is_that_of_the_optimal_plan():
    ot = pytest.importorskip("ot")
    X, z = laws(n=12_000)
    X, z = X[z != "b"][:, :1], z[z != "b"]  # light tails: the ends weigh little
    model = fitted(X, z, n_quantiles=None)
    w2 = ot.wasserstein_1d(X[z == "a"].ravel(), X[z == "c"].ravel(), p=2)
    share = np.mean(z == "a")
    np.testing.assert_allclose(model.transport_cost_, share * (1 - share) * w2, rtol=0.02)
    moved = ((model.transform(X, sensitive_features=z) - X) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.transport_cost_, moved.mean(), rtol=0.01)
    by_group = [moved[z == g].mean() for g in "ac"]
    np.testing.assert_allclose(model.group_transport_costs_, by_group, rtol=0.01)


@pytest.mark.parametrize("n_quantiles", [200, None])
def test_all_groups_get_one_law_on_fresh_rows(n_quantiles):
    X, z = laws(6000)
    fresh, z_fresh = laws(6000, seed=1)
    model = fitted(X, z, n_quantiles=n_quantiles)
    X_hat = model.transform(fresh, sensitive_features=z_fresh)

    def distance(values, one, two):
        return stats.ks_2samp(values[z_fresh == one, 0], values[z_fresh == two, 0]).statistic

    for one, two in ("ab", "ac"):
        assert distance(fresh, one, two) > 0.1  # positive control
        assert distance(X_hat, one, two) < 0.05


def test_boosting_is_at_chance_on_three_folds_where_the_columns_are_independent():
    rng = np.random.default_rng(0)
    z = np.arange(24_000) % 2
    X = rng.normal(size=(24_000, 3))
    X[z == 1] = np.sign(X[z == 1]) * 0.9 + 0.19**0.5 * rng.normal(size=(12_000, 3))
    one, two, three = (slice(i, i + 8000) for i in (0, 8000, 16_000))
    assert boosted_auc(X[two], z[two], X[three], z[three]) > 0.7  # positive control
    model = fitted(X[one], z[one])
    X_hat = model.transform(X, sensitive_features=z)
    assert boosted_auc(X_hat[two], z[two], X_hat[three], z[three]) < 0.55
    # every order statistic follows the rows: that is why few levels are the default
    X_hat = fitted(X[one], z[one], n_quantiles=None).transform(X, sensitive_features=z)
    assert boosted_auc(X_hat[two], z[two], X_hat[three], z[three]) > 0.56
    # and what it cannot do: a dependence between columns stays
    X[:, 1] = np.where(z == 1, X[:, 0], -X[:, 0]) + 0.5 * X[:, 2]
    X_hat = fitted(X[one], z[one]).transform(X, sensitive_features=z)
    assert boosted_auc(X_hat[two], z[two], X_hat[three], z[three]) > 0.8


def test_ties_are_spread_by_the_row_and_always_alike():
    rng = np.random.default_rng(0)
    z = np.repeat([0, 1], 2000)
    counts = rng.poisson(np.where(z == 1, 3.0, 1.0)).astype(float)
    X = np.column_stack([counts, rng.normal(size=4000)])
    with pytest.warns(UserWarning, match=r"1 of the columns that QuantileBarycenter .*: x0"):
        model = fitted(X, z)
    X_hat = model.transform(X, sensitive_features=z)
    distance = stats.ks_2samp(X_hat[z == 0, 0], X_hat[z == 1, 0]).statistic
    assert distance < 0.05 < 0.4 < stats.ks_2samp(counts[z == 0], counts[z == 1]).statistic
    order = rng.permutation(4000)
    again = model.transform(X[order], sensitive_features=z[order])
    assert np.array_equal(again, X_hat[order])  # a function of the row, not of its company
    other = no_atoms(X, z, random_state=1).transform(X, sensitive_features=z)
    assert not np.allclose(other[:, 0], X_hat[:, 0])


def no_atoms(X, z, **params):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
        return fitted(X, z, **params)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_strength_is_mccanns(strength):
    X, z = laws(900)
    model = fitted(X, z)
    full = model.transform(X, sensitive_features=z)
    cost, by_group = model.transport_cost_, model.group_transport_costs_
    model.set_params(strength=strength)
    X_hat = model.transform(X, sensitive_features=z)
    np.testing.assert_allclose(X_hat, (1 - strength) * X + strength * full, atol=1e-12)
    if strength == 0:
        assert np.array_equal(X_hat, X)
    assert model.transport_cost_ == strength**2 * cost
    assert np.array_equal(model.group_transport_costs_, strength**2 * by_group)


def test_columns_that_are_alike_stay_to_the_last_bit_and_betraying_ones_become_one():
    z = np.repeat([0, 1], 50)
    x = np.tile(np.random.default_rng(0).normal(size=50), 2)
    X = np.column_stack([x, np.full(100, 0.3), np.where(z == 1, 0.1, 0.7)])
    with pytest.warns(UserWarning, match="x2"):
        model = fitted(X, z)
    X_hat = model.transform(X, sensitive_features=z)
    assert np.array_equal(X_hat[:, :2], X[:, :2])
    assert len(np.unique(X_hat[:, 2])) == 1


def test_values_beyond_those_learned_are_shifted():
    X, z = laws(600)
    model = fitted(X, z)
    ends = np.array([[X[z == "b", 0].max(), 0.0], [X[z == "b", 0].max() + 5, 0.0]])
    out = model.transform(ends, sensitive_features=["b", "b"])
    np.testing.assert_allclose(out[1, 0] - out[0, 0], 5)


@pytest.mark.parametrize("n_quantiles", [50, None])
def test_weights_are_copies(n_quantiles):
    X, z = laws(300)
    copies = np.random.default_rng(0).integers(0, 4, 300)
    weighted = QuantileBarycenter(n_quantiles=n_quantiles, random_state=0)
    weighted.fit(X, sensitive_features=z, sample_weight=copies)
    rows = np.repeat(np.arange(300), copies)
    repeated = fitted(X[rows], z[rows], n_quantiles=n_quantiles)
    for one, two in zip(weighted.quantiles_, repeated.quantiles_, strict=True):
        assert np.array_equal(one, two)
    plain = fitted(X, z, n_quantiles=n_quantiles)
    assert not np.array_equal(weighted.quantiles_[0].sum(), plain.quantiles_[0].sum())


# -- the pure functions ---------------------------------------------------------------------------


def test_quantiles_of_masses_interpolate_between_whole_weights():
    levels, values = quantile_levels(30), np.array([0.0, 1.0, 5.0])

    def at(mass):
        return quantile_function(values, *plotting_levels(np.array([1.0, mass, 1.0])), levels)

    assert np.array_equal(at(2.0), np.interp(levels, [1 / 8, 3 / 8, 5 / 8, 7 / 8], [0, 1, 1, 5]))
    np.testing.assert_allclose(at(1.0 + 1e-9), at(1.0), atol=1e-6)
    means, variances = quantile_moments(at(2.0)[None], levels)
    np.testing.assert_allclose([means[0], variances[0]], [1.75, 2.95], atol=0.05)


def test_a_barycenter_of_equal_functions_is_the_function():
    q = np.random.default_rng(0).normal(size=20)
    assert np.array_equal(barycenter_quantiles(np.stack([q, q, q]), np.full(3, 1 / 3)), q)


def test_a_map_is_monotone_and_dithers_within_an_atom():
    levels = np.linspace(0, 1, 6)
    source, target = np.array([0.0, 1, 1, 1, 2, 2]), np.arange(6.0) * 10
    x = np.array([-1.0, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0])
    out = move(x, source, target, levels, lambda rows: np.linspace(0, 0.999, rows.sum()))
    assert (np.diff(out) >= 0).all()
    np.testing.assert_allclose(out, [-1, 5, 10, 10 + 20 * 0.333, 35, 46.66, 51], atol=0.01)


# -- forgetting rows ------------------------------------------------------------------------------


def real_tables():
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast cancer", X[:, :10], y
    X, _ = load_diabetes(return_X_y=True)
    yield "diabetes", np.delete(X, 1, axis=1), (X[:, 1] > 0).astype(int)


@pytest.mark.parametrize("n_quantiles", [1000, None])
@pytest.mark.parametrize(("name", "X", "z"), list(real_tables()))
def test_forgetting_equals_the_refit_on_real_data(name, X, z, n_quantiles):
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    model = QuantileBarycenter(n_quantiles=n_quantiles, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
        refit = clone(model)
        model.fit(X, sensitive_features=z, sample_weight=weights)
        before = model.transform(X, sensitive_features=z)
        gone = np.random.default_rng(1).permutation(len(X))[:60]
        rest = np.setdiff1d(np.arange(len(X)), gone)[::-1]
        refit.fit(X[rest], sensitive_features=z[rest], sample_weight=weights[rest])
    for part in (gone[:25], gone[25:]):
        model.unlearn(X[part], sensitive_features=z[part], sample_weight=weights[part])
    after = model.transform(X, sensitive_features=z)
    assert np.array_equal(after, refit.transform(X, sensitive_features=z))
    assert not np.array_equal(after, before)  # positive control
    assert model.state_digest() == refit.state_digest()
    assert model.transport_cost_ == refit.transport_cost_
    assert model.n_samples_retained_ == len(rest)


def test_a_group_whose_last_row_is_forgotten_is_unknown():
    X, z = laws(600)
    model = fitted(X, z)
    model.unlearn(X[z == "c"], sensitive_features=z[z == "c"])
    assert model.groups_ == [("a",), ("b",)]
    with pytest.raises(ValueError, match="never seen"):
        model.transform(X, sensitive_features=z)


def test_refusals_name_the_value_and_the_way_out():
    X, z = laws(200)
    with pytest.raises(ValueError, match=r"min_group_size=56 rows: \('c',\)"):
        fitted(X, z, min_group_size=56)
    model = fitted(X, z, min_group_size=30)
    keep = np.flatnonzero(z == "c")[:29]
    gone = np.setdiff1d(np.flatnonzero(z == "c"), keep)
    with pytest.raises(UnlearningError, match=r"\('c',\) \(29 rows\).*would fail"):
        model.unlearn(X[gone], sensitive_features=z[gone])
    with pytest.raises(ValueError, match=r"weights of .* are all 0"):
        QuantileBarycenter().fit(X, sensitive_features=z, sample_weight=z != "b")
    with pytest.raises(ValueError, match=r"2\*\*29"):
        QuantileBarycenter().fit(X, sensitive_features=z, sample_weight=np.full(200, 1e9))
    with pytest.raises(ValueError, match=r"Got strength=1.4, expected a float in \[0, 1\]"):
        model.set_params(strength=1.4).transform(X, sensitive_features=z)
    with pytest.raises(ValueError, match=r'Got on_missing="?\'?guess'):
        model.set_params(strength=1.0, on_missing="guess").fit(X, sensitive_features=z)


def test_untracked_values_that_were_never_learned_are_refused():
    X, z = laws(200)
    model = fitted(X, z, track_rows=False)
    with pytest.raises(NotLearnedError, match="more often than it was learned"):
        model.unlearn(X[:1] + 1, sensitive_features=z[:1])
    assert "track_rows=False" in " ".join(model.guarantee_.conditional_on)


def test_serving_copies_cannot_forget():
    X, z = laws(200)
    model = fitted(X, z)
    plain = model.to_sklearn()
    expected = model.transform(X, sensitive_features=z)
    assert np.array_equal(plain.transform(X, sensitive_features=z), expected)
    plain.quantiles_[0][...] = 0
    assert np.array_equal(model.transform(X, sensitive_features=z), expected)
    with pytest.raises(UnlearningError, match="no statistics"):
        plain.unlearn(X[:1], sensitive_features=z[:1])


# -- as a user ------------------------------------------------------------------------------------


def test_frames_names_pickles_and_missing_values():
    X, z = laws(600)
    frame = pd.DataFrame(X, columns=["u", "v"]).assign(sex=z)
    model = QuantileBarycenter("sex", random_state=0).set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    assert list(out.columns) == ["u", "v"] == model.get_feature_names_out().tolist()
    loaded = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(loaded.transform(frame), out)
    kept = QuantileBarycenter("sex", keep_sensitive=True, random_state=0).fit(frame)
    assert (kept.transform(frame)["sex"] == z).all()
    with pytest.raises(ValueError, match="on_missing"):
        model.set_params(on_missing="error")._locate(frame.assign(sex=None), None)
    model.set_params(on_missing="posterior")
    with pytest.warns(UserWarning, match="That is weak"):
        blind = model.transform(frame.drop(columns="sex"))
    gap = out[z == "c"]["v"].mean() - out[z == "a"]["v"].mean()
    blind_gap = blind[z == "c"]["v"].mean() - blind[z == "a"]["v"].mean()
    assert abs(gap) < 0.3 < blind_gap < 1.3


def test_in_pipelines_and_searches():
    X, z = laws(600)
    frame, y = pd.DataFrame(X, columns=["u", "v"]).assign(sex=z), X[:, 0] + X[:, 1]
    search = GridSearchCV(
        plain_pipeline(QuantileBarycenter("sex"), PlainRidge()),
        {"quantilebarycenter__strength": [0.0, 1.0]},
        cv=2,
    ).fit(frame, y)
    assert search.best_params_["quantilebarycenter__strength"] == 0.0
    model = make_pipeline(QuantileBarycenter("sex", random_state=0), Ridge()).fit(frame, y)
    with pytest.raises(UnlearningError, match="X_retain"):  # not a function of moments
        model.unlearn(frame[:9], y[:9])
    model.unlearn(frame[:9], y[:9], X_retain=frame[9:], y_retain=y[9:])
    refit = clone(model).fit(frame[9:], y[9:])
    np.testing.assert_allclose(model.predict(frame), refit.predict(frame), rtol=1e-9)


# -- the contracts --------------------------------------------------------------------------------


@parametrize_with_checks([QuantileBarycenter([])])
def test_scikit_learn_contract(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_contract_of_a_variant(monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 200)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
        check_unlearner(QuantileBarycenter(n_quantiles=None))
