"""The sliced barycenter: leaks on fresh rows, the cost beside the exact plan, and refits."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from skunlearn._transport import apply_step, knot_levels, sliced_step
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import SlicedBarycenter
from skunlearn.linear_model import Ridge
from skunlearn.pipeline import make_pipeline
from skunlearn.testing import _checks_equivalence, check_unlearner


def mixture(n, d=4, seed=0):
    """A Gaussian group and a mixture of two Gaussians, turned and stretched."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    X = rng.normal(size=(n, d))
    X[z == 1, 0] += 2.5 * np.sign(rng.normal(size=np.sum(z == 1)))
    rotation = np.linalg.qr(np.random.default_rng(99).normal(size=(d, d)))[0]
    return X @ rotation.T * np.linspace(1, 2, d), z


def equal_moments(n, d=4, seed=0):
    """A Gaussian group and one with the same means and covariances: lumps, a tail, a box."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    X, rows = rng.normal(size=(n, d)), np.flatnonzero(z)
    X[rows, 0] = np.sign(X[rows, 0]) * 0.9**0.5 + 0.1**0.5 * rng.normal(size=len(rows))
    X[rows, 1] = rng.exponential(size=len(rows)) - 1
    X[rows, 2] = rng.uniform(-(3**0.5), 3**0.5, len(rows))
    rotation = np.linalg.qr(np.random.default_rng(97).normal(size=(d, d)))[0]
    return X @ rotation.T, z


def fitted(X, z, **params):
    return SlicedBarycenter(**{"random_state": 0, **params}).fit(X, sensitive_features=z)


def boosted_auc(X, z):
    """AUC on the second half of a probe trained on the first."""
    half = len(X) // 2
    probe = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(X[:half], z[:half])
    return roc_auc_score(z[half:], probe.predict_proba(X[half:])[:, 1])


# -- what it does ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "raw", "affine"), [(mixture, 0.8, 0.65), (equal_moments, 0.7, 0.7)]
)
def test_boosting_is_near_chance_on_fresh_rows(make, raw, affine):
    X, z = make(8000)
    fresh, z_fresh = make(8000, seed=1)
    assert boosted_auc(fresh, z_fresh) > raw  # positive controls: raw, and two moments alone
    start = fitted(X, z, max_iter=0)
    assert boosted_auc(start.transform(fresh, sensitive_features=z_fresh), z_fresh) > affine
    model = fitted(X, z)
    assert boosted_auc(model.transform(fresh, sensitive_features=z_fresh), z_fresh) < 0.55
    assert model.flow_
    scores = model.validation_scores_[:, 1]
    assert scores[0] > scores[-1]


def test_the_cost_is_near_that_of_the_exact_plan():
    ot = pytest.importorskip("ot")
    X, z = mixture(3000, d=2)
    model = fitted(X, z)
    one, two = X[z == 0][:600], X[z == 1][:600]
    optimal = ot.emd2(ot.unif(600), ot.unif(600), ot.dist(one, two)) / 4
    moved = ((model.transform(X, sensitive_features=z) - X) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.transport_cost_, moved.mean(), rtol=1e-10)
    assert 0.85 * optimal < model.transport_cost_ < 1.15 * optimal
    np.testing.assert_allclose(
        model.group_transport_costs_, [moved[z == g].mean() for g in (0, 1)], rtol=1e-10
    )


def test_gaussian_groups_are_left_at_the_affine_maps():
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 3000)
    X = rng.normal(size=(3000, 3)) * np.where(z == 1, 1, 3)[:, None]
    model, start = fitted(X, z), fitted(X, z, max_iter=0)
    assert not start.flow_
    assert model.n_iter_ < 60 and len(model.flow_) < 8
    np.testing.assert_allclose(model.transport_cost_, start.transport_cost_, rtol=0.02)
    np.testing.assert_allclose(start.transport_cost_, 3.0, rtol=0.05)  # three columns of 3 to 1


def test_steps_that_follow_noise_are_not_taken():
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(600, 4)), np.arange(600) % 2
    weights, shares, levels = np.ones(600), np.full(2, 0.5), knot_levels(8)
    taken = free = 0
    for _ in range(20):
        taken += sliced_step(X, codes, weights, shares, levels, 0.05, rng)[0].shape[1]
        free += sliced_step(X, codes, weights, shares, levels, -9.0, rng)[0].shape[1]
    assert free == 80  # positive control
    assert taken < 20


def test_a_step_makes_laws_along_its_axes_equal_and_leaves_the_rest():
    rng = np.random.default_rng(0)
    codes = np.arange(4000) % 2
    X = rng.normal(size=(4000, 3))
    X[codes == 1, 0] = np.sign(X[codes == 1, 0])
    levels = knot_levels(32)
    step = sliced_step(X, codes, np.ones(4000), np.full(2, 0.5), levels, 0.05, rng)
    out, axes = apply_step(X, codes, step, levels), step[0]
    assert axes.shape[1] and abs(axes[0, 0]) > 0.95  # it has found the axis
    rest = np.eye(3) - axes @ axes.T
    np.testing.assert_allclose((out - X) @ rest, 0, atol=1e-12)
    gaps = [np.quantile(a[codes == 0] @ axes[:, 0], levels) for a in (X, out)]
    gaps = [
        np.abs(g - np.quantile(a[codes == 1] @ axes[:, 0], levels)).max()
        for g, a in zip(gaps, (X, out), strict=True)
    ]
    assert gaps[1] < 0.1 * gaps[0]


def test_three_groups_columns_without_spread_and_weights():
    rng = np.random.default_rng(0)
    z = rng.choice(list("abc"), 1500)
    X = rng.normal(size=(1500, 2))
    X[z == "b"] = np.sign(X[z == "b"]) + 0.2 * rng.normal(size=X[z == "b"].shape)
    X = np.column_stack([X, np.full(1500, 0.3), X.sum(axis=1)])
    weights = rng.uniform(0.5, 2, 1500)
    model = SlicedBarycenter(random_state=0, max_iter=20)
    model.fit(X, sensitive_features=z, sample_weight=weights)
    X_hat = model.transform(X, sensitive_features=z)
    assert np.array_equal(X_hat[:, 2], X[:, 2])
    np.testing.assert_allclose(X_hat[:, 3], X_hat[:, :2].sum(axis=1), atol=1e-8)
    moved = ((X_hat - X) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.transport_cost_, np.average(moved, weights=weights))
    inner = [(np.abs(X_hat[z == g, 0]) < 0.4).mean() for g in "abc"]
    assert np.ptp(inner) < 0.1 < np.ptp([(np.abs(X[z == g, 0]) < 0.4).mean() for g in "abc"])


@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_strength_is_mccanns(strength):
    X, z = mixture(400)
    model = fitted(X, z, max_iter=3)
    full, cost = model.transform(X, sensitive_features=z), model.transport_cost_
    model.set_params(strength=strength)
    X_hat = model.transform(X, sensitive_features=z)
    np.testing.assert_allclose(X_hat, (1 - strength) * X + strength * full, atol=1e-12)
    assert strength or np.array_equal(X_hat, X)
    assert model.transport_cost_ == strength**2 * cost


def test_atoms_small_groups_and_options_are_named():
    X, z = mixture(200)
    X[:, 0] = np.rint(X[:, 0])
    with pytest.warns(UserWarning, match="1 of the columns that SlicedBarycenter moves .*: x0"):
        fitted(X, z, max_iter=1)
    few = np.where(np.arange(200) < 5, 2, z)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match=r"\(2,\) \(5 rows\)"):
        fitted(X, few)
    with pytest.raises(ValueError, match="gain"):
        fitted(X, z, gain=1.0)


# -- forgetting rows ------------------------------------------------------------------------------


def quietly(function, *args, **params):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
        return function(*args, **params)


def real():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:, :5], y


@pytest.mark.parametrize("make", [lambda: mixture(600), real])
@pytest.mark.parametrize("keep_rows", [False, True])
def test_forgetting_is_a_refit_on_the_rows_that_remain(make, keep_rows):
    X, z = make()
    model = quietly(fitted, X, z, max_iter=3, keep_rows=keep_rows)
    before = model.transform(X, sensitive_features=z)
    gone = np.random.default_rng(1).permutation(len(X))[:60]
    rest = np.random.default_rng(2).permutation(np.setdiff1d(np.arange(len(X)), gone))
    given = {} if keep_rows else {"X_retain": X[rest], "sensitive_features_retain": z[rest]}
    model.unlearn(X[gone], sensitive_features=z[gone], **given)
    refit = quietly(fitted, X[rest[::-1]], z[rest[::-1]], max_iter=3)
    after = model.transform(X, sensitive_features=z)
    assert np.array_equal(after, refit.transform(X, sensitive_features=z))
    assert model.state_digest() == refit.state_digest()
    assert model.n_samples_retained_ == len(rest)
    assert not np.allclose(after, before)  # positive control
    assert model.guarantee_.kind == "exact"


def test_a_drawn_seed_gives_the_same_maps_again():
    X, z = mixture(300)
    model = fitted(X, z, max_iter=3, random_state=None)
    again = fitted(X, z, max_iter=3, random_state=model.seed_)
    assert model.state_digest() == again.state_digest()
    assert fitted(X, z, max_iter=3, random_state=None).seed_ != model.seed_


def test_without_the_rows_that_remain_it_refuses_and_stays_as_it_was():
    X, z = mixture(300)
    model = fitted(X, z, max_iter=1)
    before = model.state_digest()

    def unlearn(rest, gone=slice(10)):
        given = {"X_retain": X[rest], "sensitive_features_retain": z[rest]}
        model.unlearn(X[gone], sensitive_features=z[gone], **given)

    with pytest.raises(UnlearningError, match=r"X_retain=.*keep_rows=True"):
        model.unlearn(X[:10], sensitive_features=z[:10])
    with pytest.raises(UnlearningError, match="X_retain has 289 rows, 0 of them"):
        unlearn(slice(11, None))
    with pytest.raises(UnlearningError, match="X_retain has 300 rows, 10 of them"):
        unlearn(slice(None))
    preview = model.can_unlearn(X[:10], sensitive_features=z[:10])
    assert not preview and "X_retain" in preview.reason and preview.n_found == 10
    with pytest.raises(NotLearnedError):
        model.unlearn(
            X[:1] + 1, sensitive_features=z[:1], X_retain=X[1:], sensitive_features_retain=z[1:]
        )
    assert model.state_digest() == before
    unlearn(slice(10, None))
    assert model.n_samples_retained_ == 290


# -- as a user ------------------------------------------------------------------------------------


def test_frames_names_pickles_serving_and_missing_values():
    X, z = mixture(800, d=2)
    frame = pd.DataFrame(X, columns=["u", "v"]).assign(sex=np.where(z, "f", "m"))
    model = SlicedBarycenter("sex", random_state=0, max_iter=5, keep_rows=True)
    out = model.set_output(transform="pandas").fit(frame).transform(frame)
    assert list(out.columns) == ["u", "v"] == model.get_feature_names_out().tolist()
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(model)).transform(frame), out)
    plain = model.to_sklearn()
    pd.testing.assert_frame_equal(plain.transform(frame), out)
    assert "_rows" not in vars(plain)
    with pytest.raises(UnlearningError, match="stripped for serving"):
        plain.unlearn(frame[:1])
    model.set_params(on_missing="posterior")
    with pytest.warns(UserWarning, match="That is weak"):
        blind = model.transform(frame.drop(columns="sex"))
    assert 0 < np.abs(blind - out).mean().mean() < np.abs(frame[["u", "v"]] - out).mean().mean() * 3


def test_in_a_pipeline():
    X, z = mixture(300, d=2)
    frame, y = pd.DataFrame(X, columns=["u", "v"]).assign(sex=z), X[:, 0]
    model = make_pipeline(SlicedBarycenter("sex", random_state=0, max_iter=2), Ridge())
    model.fit(frame, y)
    with pytest.raises(UnlearningError, match="X_retain"):
        model.unlearn(frame[:9], y[:9])
    model.unlearn(frame[:9], y[:9], X_retain=frame[9:], y_retain=y[9:])
    refit = clone(model).fit(frame[9:], y[9:])
    np.testing.assert_allclose(model.predict(frame), refit.predict(frame), rtol=1e-9)


# -- the contracts --------------------------------------------------------------------------------


@parametrize_with_checks([SlicedBarycenter([], keep_rows=True)])
def test_scikit_learn_contract(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_contract_with_kept_rows(monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 20)
    failures = {"check_whole_weights_are_copies": "halves of the rows count rows"}
    quietly(
        check_unlearner,
        SlicedBarycenter(keep_rows=True, max_iter=1),
        expected_failed_checks=failures,
    )
