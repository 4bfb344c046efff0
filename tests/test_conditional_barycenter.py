"""The conditional barycenter: continuous and mixed sensitive variables, and exact forgetting."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import ConditionalBarycenter, GaussianBarycenter
from skunlearn.feature_unlearning._conditional_laws import SplineBasis, ridge
from skunlearn.linear_model import Ridge
from skunlearn.pipeline import make_pipeline
from skunlearn.testing import _checks_equivalence, check_unlearner

CURVED = {"basis": "spline", "scale": "varying"}


def location_scale(n, seed=0):
    """Columns whose means and spreads are curves in z, and one that z plays no part in."""
    rng = np.random.default_rng(seed)
    z, e = rng.uniform(-2, 2, n), rng.normal(size=(n, 4))
    curves = [np.sin(2 * z) + e[:, 0] / 2, z + np.exp(z / 2) * e[:, 1], z**2 / 2 + e[:, 2], e[:, 3]]
    return np.column_stack(curves), z


def mixed(n, seed=0):
    """The same beside two groups of other slopes, spreads and means."""
    X, z = location_scale(n, seed)
    s = np.random.default_rng(seed + 100).choice(["f", "m"], n)
    X[s == "m"] = 1.7 * X[s == "m"] + 0.4 * z[s == "m", None] + 1
    return X, z, s, pd.DataFrame({"age": z, "sex": s})


def fitted(X, z, **params):
    return ConditionalBarycenter(**params).fit(X, sensitive_features=z)


def boosted_r2(X, z):
    """R2 on the second half of a probe trained on the first."""
    half = len(X) // 2
    probe = HistGradientBoostingRegressor(max_iter=50, random_state=0).fit(X[:half], z[:half])
    return r2_score(z[half:], probe.predict(X[half:]))


# -- what it does ---------------------------------------------------------------------------------


def test_the_linear_case_is_correlation_removal():
    X, z, s, _ = mixed(500)
    Z = np.column_stack([z, np.sin(3 * z), s == "m"]).astype(float)  # several columns
    model = fitted(X, Z, alpha=0.0)
    X_hat = model.transform(X, sensitive_features=Z)
    by_hand = X - LinearRegression().fit(Z, X).predict(Z) + X.mean(axis=0)
    np.testing.assert_allclose(X_hat, by_hand, atol=1e-7)
    assert np.abs(np.corrcoef(X.T, Z.T)[:4, 4:]).max() > 0.3  # positive control
    assert np.abs(np.corrcoef(X_hat.T, Z.T)[:4, 4:]).max() < 1e-8


def test_boosting_reads_nothing_from_fresh_rows_where_the_model_holds():
    X, z = location_scale(4000)
    fresh, z_fresh = location_scale(4000, seed=1)
    raw = boosted_r2(fresh, z_fresh)
    left = [
        boosted_r2(fitted(X, z, **params).transform(fresh, sensitive_features=z_fresh), z_fresh)
        for params in ({}, {"basis": "spline"}, CURVED)
    ]
    assert raw > left[0] > left[1] > 0.15  # each part of the model takes its part away
    assert left[2] < 0.03


@pytest.mark.parametrize("params", [{"alpha": 0.0}, {"basis": "spline"}])
def test_groups_beside_a_continuous_variable_get_one_covariance(params):
    X, z, s, both = mixed(4000)
    model = fitted(X, both, **params)
    assert model.groups_ == [("f",), ("m",)]
    X_hat = model.transform(X, sensitive_features=both)
    covariances = [np.cov(X_hat[s == g].T, bias=True) for g in "fm"]
    np.testing.assert_allclose(*covariances, atol=1e-6)
    assert np.abs(np.cov(X[s == "f"].T) - np.cov(X[s == "m"].T)).max() > 1  # positive control
    for g in "fm":
        np.testing.assert_allclose(X_hat[s == g].mean(axis=0), model.barycenter_mean_, atol=1e-6)
        assert np.abs(np.corrcoef(X_hat[s == g].T, z[s == g])[-1, :4]).max() < 1e-3


def test_groups_alone_go_to_the_gaussian_barycenter():
    X, _, s, _ = mixed(600)
    model, other = fitted(X, s), GaussianBarycenter().fit(X, sensitive_features=s)
    np.testing.assert_allclose(
        model.transform(X, sensitive_features=s),
        other.transform(X, sensitive_features=s),
        rtol=1e-7,
    )
    np.testing.assert_allclose(model.transport_cost_, other.transport_cost_, rtol=1e-9)


@pytest.mark.parametrize("params", [{}, CURVED])
@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_strength_and_the_cost(params, strength):
    X, _, s, both = mixed(700)
    model = fitted(X, both, **params)
    full = model.transform(X, sensitive_features=both)
    model.set_params(strength=strength)
    X_hat = model.transform(X, sensitive_features=both)
    np.testing.assert_allclose(X_hat, (1 - strength) * X + strength * full, atol=1e-12)
    assert strength or np.array_equal(X_hat, X)
    moved = ((X_hat - X) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.transport_cost_, moved.mean(), rtol=1e-8)
    by_group = [moved[s == g].mean() for g in "fm"]
    np.testing.assert_allclose(model.group_transport_costs_, by_group, rtol=1e-8)


def test_which_columns_are_groups():
    X, z, s, both = mixed(300)
    codes = (s == "m").astype(int)
    numbers = np.column_stack([z, codes])
    assert fitted(X, numbers).groups_ == [()]
    assert fitted(X, numbers, categorical=[1]).groups_ == [(0,), (1,)]
    assert fitted(X, both.assign(sex=codes.astype(bool))).groups_ == [(False,), (True,)]
    with pytest.raises(ValueError, match=r"Got \[2\] in categorical"):
        fitted(X, numbers, categorical=[2])
    with pytest.raises(ValueError, match="no numbers"):
        fitted(X, both, categorical=[])


@pytest.mark.parametrize("params", [{}, CURVED])
def test_weights_are_copies(params):
    X, _, _, both = mixed(300)
    copies = np.random.default_rng(0).integers(1, 4, 300)
    weighted = ConditionalBarycenter(**params, n_knots=0)
    weighted.fit(X, sensitive_features=both, sample_weight=copies)
    rows = np.repeat(np.arange(300), copies)
    repeated = fitted(X[rows], both.iloc[rows], **params, n_knots=0)
    one, two = (m.transform(X, sensitive_features=both) for m in (weighted, repeated))
    tolerance = 1e-7 if not params else 1e-5  # the ends of the splines are unweighted quantiles
    np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance)
    assert not np.allclose(one, fitted(X, both, **params).transform(X, sensitive_features=both))


def test_degenerate_columns_and_variables():
    X, z = location_scale(300)
    copy = z.copy()
    Z = np.column_stack([z, z, np.full(300, 0.1)])
    X = np.column_stack([X, np.full(300, 0.3), copy])
    for params in ({"alpha": 0.0}, {}, CURVED):
        X_hat = fitted(X, Z, **params).transform(X, sensitive_features=Z)
        assert np.isfinite(X_hat).all()
        np.testing.assert_allclose(X_hat[:, 4], 0.3, atol=1e-12)
        assert np.ptp(X_hat[:, 5]) < 0.01  # the variable itself becomes constant


def test_a_spline_is_a_line_outside_and_ridge_drops_what_has_no_spread():
    z = np.linspace(-1, 1, 50)[:, None]
    basis = SplineBasis.of(z, np.ones(50), 3)
    assert basis.expand(z).shape == (50, 6)
    far = basis.expand(np.array([[2.0], [3.0], [4.0]]))
    np.testing.assert_allclose(np.diff(far, 2, axis=0), 0, atol=1e-12)
    slopes = ridge(np.diag([4.0, 0.0]), np.array([[8.0], [0.0]]), 4.0, 0.0)
    np.testing.assert_allclose(slopes, [[2.0], [0.0]])


# -- forgetting rows ------------------------------------------------------------------------------


def real_tables():
    X, _ = load_diabetes(return_X_y=True)
    sensitive = pd.DataFrame({"age": X[:, 0], "sex": np.where(X[:, 1] > 0, "a", "b")})
    yield "diabetes", X[:, 2:], sensitive
    X, _ = load_wine(return_X_y=True)
    yield "wine", X[:, 1:], pd.DataFrame({"alcohol": X[:, 0]})


@pytest.mark.parametrize(("name", "X", "Z"), list(real_tables()))
def test_forgetting_equals_the_refit_on_real_data(name, X, Z):
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
        model = ConditionalBarycenter().fit(X, sensitive_features=Z, sample_weight=weights)
        before = model.transform(X, sensitive_features=Z)
        gone = np.random.default_rng(1).permutation(len(X))[:30]
        rest = np.setdiff1d(np.arange(len(X)), gone)[::-1]
        refit = ConditionalBarycenter(resolution=model.resolution_)
        refit.fit(X[rest], sensitive_features=Z.iloc[rest], sample_weight=weights[rest])
    model.unlearn(X[gone], sensitive_features=Z.iloc[gone], sample_weight=weights[gone])
    after = model.transform(X, sensitive_features=Z)
    assert np.array_equal(after, refit.transform(X, sensitive_features=Z))
    assert not np.allclose(after, before, rtol=1e-6)  # positive control
    assert model.state_digest() == refit.state_digest()
    assert model.transport_cost_ == refit.transport_cost_


def test_rows_with_another_value_of_a_continuous_variable_were_never_learned():
    X, z = location_scale(100)
    model = fitted(X, z)
    with pytest.raises(NotLearnedError, match="1 of the 1 rows"):
        model.unlearn(X[:1], sensitive_features=np.nextafter(z[:1], 9))
    assert model.unlearn(X[:1], sensitive_features=z[:1]).n_samples_retained_ == 99


@pytest.mark.parametrize("params", [{"basis": "spline"}, {"scale": "varying"}])
def test_what_is_no_function_of_moments_refuses_with_the_way_out(params):
    X, z = location_scale(100)
    model = fitted(X, z, **params)
    assert not hasattr(model, "unlearn")
    with pytest.raises(AttributeError) as refusal:
        model.unlearn(X[:1], sensitive_features=z[:1])
    assert "keeps no rows: fit it on the rows that remain" in str(refusal.value.__cause__)
    preview = model.can_unlearn(X[:1], sensitive_features=z[:1])
    assert not preview and 'basis="linear", scale="constant"' in preview.reason


def test_serving_copies_cannot_forget():
    X, _, _, both = mixed(200)
    for params in ({}, CURVED):
        model = fitted(X, both, **params)
        plain = model.to_sklearn()
        assert np.array_equal(
            plain.transform(X, sensitive_features=both), model.transform(X, sensitive_features=both)
        )
        assert "_learned" not in vars(plain)


# -- as a user ------------------------------------------------------------------------------------


def test_frames_names_pickles_and_missing_values():
    X, z, s, _ = mixed(400)
    frame = pd.DataFrame(X, columns=list("uvwx")).assign(age=z, sex=s)
    model = ConditionalBarycenter(["age", "sex"]).set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    assert list(out.columns) == list("uvwx") == model.get_feature_names_out().tolist()
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(model)).transform(frame), out)
    kept = clone(model).set_params(keep_sensitive=True).fit(frame).transform(frame)
    assert (kept["sex"] == s).all() and (kept["age"] == z).all()
    for bad, message in (("age", "1 rows are missing"), ("sex", "1 rows are missing")):
        broken = frame.copy()
        broken.loc[3, bad] = None
        with pytest.raises(ValueError, match=message):
            model.transform(broken)
        with pytest.raises(ValueError, match="some rows are missing"):
            clone(model).fit(broken)
    blind = ConditionalBarycenter("age", on_missing="posterior").fit(frame.drop(columns="sex"))
    with pytest.warns(UserWarning, match="That is weak"):
        guessed = blind.transform(frame[list("uvwx")])
    assert np.isfinite(guessed).all()
    with pytest.raises(ValueError, match="needs basis"):
        ConditionalBarycenter("age", on_missing="posterior", **CURVED).fit(frame)


def test_refusals_name_the_value_and_the_way_out():
    X, _, _, both = mixed(60)
    with pytest.raises(ValueError, match=r"Got basis='cubic', expected one of"):
        fitted(X, both, basis="cubic")
    with pytest.raises(ValueError, match=r"Got categorical='all', expected \"auto\""):
        fitted(X, both, categorical="all")
    with pytest.raises(ValueError, match="min_group_size=40 rows"):
        fitted(X, both, min_group_size=40)
    with pytest.raises(ValueError, match="infinite"):
        fitted(X, np.full(60, np.inf))
    flags = np.column_stack([X[:, 0], np.rint(X[:, 1])])
    with pytest.warns(UserWarning, match="that ConditionalBarycenter moves .*: x1"):
        fitted(flags, both)


def test_in_a_pipeline():
    X, z, s, _ = mixed(300)
    frame, y = pd.DataFrame(X, columns=list("uvwx")).assign(age=z, sex=s), X[:, 0]
    for params in ({}, CURVED):
        model = make_pipeline(ConditionalBarycenter(["age", "sex"], **params), Ridge())
        model.fit(frame, y)
        with pytest.raises(UnlearningError, match="X_retain"):
            model.unlearn(frame[:9], y[:9])
        model.unlearn(frame[:9], y[:9], X_retain=frame[9:], y_retain=y[9:])
        refit = clone(model).fit(frame[9:], y[9:])
        np.testing.assert_allclose(model.predict(frame), refit.predict(frame), rtol=1e-7)


# -- the contracts --------------------------------------------------------------------------------


@parametrize_with_checks([ConditionalBarycenter([]), ConditionalBarycenter([], **CURVED)])
def test_scikit_learn_contract(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_contract_of_a_variant(monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 100)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
        check_unlearner(ConditionalBarycenter(alpha=0.0))
