"""The Gaussian barycenter: theorems with positive controls, and exact forgetting of rows."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import linalg, sparse
from sklearn.base import clone
from sklearn.compose import make_column_selector
from sklearn.datasets import load_diabetes
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skunlearn._statistics._learned import LearnedRows, Rows
from skunlearn.base import Request
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import GaussianBarycenter

LEARNED = (
    "groups_",
    "group_weights_",
    "group_means_",
    "maps_",
    "barycenter_mean_",
    "barycenter_covariance_",
    "full_transport_cost_",
    "transport_cost_",
    "group_transport_costs_",
    "rank_deficient_groups_",
    "small_groups_",
    "n_iter_",
)


def gaussian_groups(n=6000, d=4, k=3, seed=0):
    """Rows of k Gaussian groups with unequal means, covariances and shares."""
    rng = np.random.default_rng(seed)
    z = rng.choice(k, size=n, p=np.arange(k, 0, -1) / np.arange(k + 1).sum())
    mixing = rng.normal(size=(k, d, d)) / np.sqrt(d) + np.eye(d)
    means = rng.normal(size=(k, d))
    return means[z] + np.einsum("nij,nj->ni", mixing[z], rng.normal(size=(n, d))), z


def covariance_groups(n=6000, d=6, seed=1):
    """Two groups of one mean and very different covariances."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    scale = np.geomspace(0.2, 5.0, d)
    scales = np.stack([scale, scale[::-1]])
    return rng.normal(size=(n, d)) * scales[z], z


def auc(probe, X, z, half):
    return roc_auc_score(z[half:], probe.fit(X[:half], z[:half]).predict_proba(X[half:])[:, 1])


def moments(X, rows, weights=None):
    mean = np.average(X[rows], axis=0, weights=None if weights is None else weights[rows])
    return mean, np.cov(X[rows].T, bias=True, aweights=None if weights is None else weights[rows])


def assert_same(one, other):
    for name in LEARNED:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs), name
        else:
            assert mine == theirs, name
    assert one.state_digest() == other.state_digest()


def no_atoms(fit):
    """Fit where a warning of atoms is what must come."""
    with pytest.warns(UserWarning, match="repeat a few values"):
        return fit()


# -- what it does to the groups -------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 5])
def test_groups_get_one_mean_and_one_covariance(k):
    X, z = gaussian_groups(k=k)
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    X_hat = model.transform(X, sensitive_features=z)
    spread = np.ptp([moments(X, z == g)[1] for g in range(k)], axis=0).max()
    assert spread > 0.5  # positive control
    for g in range(k):
        mean, covariance = moments(X_hat, z == g)
        np.testing.assert_allclose(mean, model.barycenter_mean_, atol=1e-8)
        np.testing.assert_allclose(covariance, model.barycenter_covariance_, atol=1e-8)
    np.testing.assert_allclose(model.barycenter_mean_, X.mean(axis=0), atol=1e-8)
    np.testing.assert_allclose(model.group_weights_, np.bincount(z) / len(z), rtol=1e-15)
    assert model.groups_ == [(g,) for g in range(k)]


def test_one_column_has_the_mean_of_the_standard_deviations():
    X, z = gaussian_groups(d=1, k=3)
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    deviations = [X[z == g].std() for g in range(3)]
    expected = model.group_weights_ @ deviations
    np.testing.assert_allclose(np.sqrt(model.barycenter_covariance_[0, 0]), expected, rtol=1e-9)


def erase_linearly(X, z, X_new):
    """LEACE (Belrose et al. 2023) for two groups, in a few lines: the control."""
    mean, covariance = moments(X, np.ones(len(X), dtype=bool))
    cross = (X - mean).T @ (z - z.mean()) / len(X)
    whiten = linalg.inv(linalg.sqrtm(covariance).real)
    direction = whiten @ cross / np.linalg.norm(whiten @ cross)
    projection = linalg.inv(whiten) @ np.outer(direction, direction) @ whiten
    return X_new - (X_new - mean) @ projection.T


def test_a_quadratic_probe_is_at_chance_on_fresh_rows():
    X, z = covariance_groups(n=12000)
    train, fresh = slice(0, 6000), slice(6000, None)
    probe = QuadraticDiscriminantAnalysis()
    assert auc(probe, X[fresh], z[fresh], 3000) > 0.99  # positive control
    # linear erasure leaves the covariances as they are
    erased = erase_linearly(X[train], z[train], X[fresh])[:, 1:]  # the first is a sum of the others
    assert auc(probe, erased, z[fresh], 3000) > 0.99
    assert abs(auc(LogisticRegression(), erased, z[fresh], 3000) - 0.5) < 0.04
    model = GaussianBarycenter().fit(X[train], sensitive_features=z[train])
    X_hat = model.transform(X[fresh], sensitive_features=z[fresh])
    assert abs(auc(probe, X_hat, z[fresh], 3000) - 0.5) < 0.05
    boosting = HistGradientBoostingClassifier(random_state=0, max_iter=50)
    assert auc(boosting, X[fresh], z[fresh], 3000) > 0.9
    assert abs(auc(boosting, X_hat, z[fresh], 3000) - 0.5) < 0.05


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_gaps_between_means_shrink_by_one_minus_strength(strength):
    X, z = gaussian_groups()
    model = GaussianBarycenter(strength=strength).fit(X, sensitive_features=z)
    X_hat = model.transform(X, sensitive_features=z)
    before, after = (np.stack([a[z == g].mean(axis=0) for g in range(3)]) for a in (X, X_hat))
    np.testing.assert_allclose(after - after[0], (1 - strength) * (before - before[0]), atol=1e-9)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_the_cost_is_the_mean_squared_displacement(strength):
    X, z = gaussian_groups()
    model = GaussianBarycenter(strength=strength).fit(X, sensitive_features=z)
    moved = ((model.transform(X, sensitive_features=z) - X) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.transport_cost_, moved.mean(), rtol=1e-8)
    by_group = [moved[z == g].mean() for g in range(3)]
    np.testing.assert_allclose(model.group_transport_costs_, by_group, rtol=1e-8)
    full = clone(model).set_params(strength=1.0).fit(X, sensitive_features=z)
    assert model.full_transport_cost_ == full.transport_cost_ > 0.1


def test_no_other_way_to_equal_moments_is_cheaper():
    X, z = gaussian_groups()
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    root = linalg.sqrtm(model.barycenter_covariance_).real
    whitened = np.empty_like(X)
    for g in range(3):  # equal moments too: whiten by group, colour by the barycenter
        mean, covariance = moments(X, z == g)
        whitened[z == g] = (X[z == g] - mean) @ linalg.inv(linalg.sqrtm(covariance).real) @ root
    cost = ((whitened + model.barycenter_mean_ - X) ** 2).sum(axis=1).mean()
    assert model.transport_cost_ < cost * 0.999


def test_strength_zero_returns_the_values_bit_for_bit_and_takes_effect_without_a_refit():
    X, z = gaussian_groups(n=500)
    X[:, 0] *= 1e9
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    full = model.transform(X, sensitive_features=z)
    model.set_params(strength=0.0)
    assert np.array_equal(model.transform(X, sensitive_features=z), X)
    assert model.transport_cost_ == 0
    model.set_params(strength=0.5)
    half = model.transform(X, sensitive_features=z)
    np.testing.assert_allclose(half, (X + full) / 2, rtol=1e-12)
    model.set_params(strength=1.4)
    with pytest.raises(ValueError, match=r"Got strength=1.4, expected a float in \[0, 1\]"):
        model.transform(X, sensitive_features=z)
    with pytest.raises(ValueError, match=r"Got 1\.4 instead"):
        model.fit(X, sensitive_features=z)


def test_weights_are_copies():
    X, z = gaussian_groups(n=900)
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = GaussianBarycenter().fit(X, sensitive_features=z, sample_weight=weights)
    copies = np.repeat(np.arange(len(X)), weights)
    repeated = GaussianBarycenter().fit(X[copies], sensitive_features=z[copies])
    np.testing.assert_allclose(weighted.maps_, repeated.maps_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.group_weights_, repeated.group_weights_)
    np.testing.assert_allclose(weighted.barycenter_mean_, repeated.barycenter_mean_)
    plain = GaussianBarycenter().fit(X, sensitive_features=z)
    assert not np.allclose(weighted.maps_, plain.maps_, rtol=1e-4)  # positive control


def test_a_group_whose_weights_are_zero_is_refused():
    X, z = gaussian_groups(n=300)
    with pytest.raises(ValueError, match=r"weights of \(1,\) are all 0"):
        GaussianBarycenter().fit(X, sensitive_features=z, sample_weight=z != 1)
    with pytest.raises(ValueError, match="at least one non-zero"):
        GaussianBarycenter([]).fit(X, sample_weight=np.zeros(300))


# -- degenerate data ------------------------------------------------------------------------------


def test_collinear_constant_and_betraying_columns():
    X, z = gaussian_groups(n=3000, d=2, k=2)
    copy = np.where(z == 1, 0.1, 0.7)
    X = np.column_stack([X, X.sum(axis=1), np.full(len(X), 0.3), copy])
    model = no_atoms(lambda: GaussianBarycenter().fit(X, sensitive_features=z))
    X_hat = model.transform(X, sensitive_features=z)
    np.testing.assert_allclose(X_hat[:, 2], X_hat[:, 0] + X_hat[:, 1], atol=1e-8)
    assert np.array_equal(X_hat[:, 3], X[:, 3])
    # to the last bit: trees see rounding errors
    assert len(np.unique(X_hat[:, 4])) == 1
    for g in (0, 1):
        np.testing.assert_allclose(
            moments(X_hat, z == g)[1], model.barycenter_covariance_, atol=1e-8
        )
    assert model.rank_deficient_groups_ == []


def test_a_group_of_fewer_rows_than_columns_is_mapped_without_a_giveaway():
    rng = np.random.default_rng(0)
    d, few = 30, 25
    mixing = rng.normal(size=(d, d)) / np.sqrt(d)
    z = np.r_[np.zeros(3000, dtype=int), np.ones(few, dtype=int)]
    X = rng.normal(size=(len(z), d)) @ mixing
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    assert model.rank_deficient_groups_ == [(1,)]
    assert np.linalg.eigvalsh(model.maps_[1]).min() > 0.05  # a pseudo-inverse would give 0
    fresh = rng.normal(size=(4000, d)) @ mixing
    z_fresh = rng.integers(0, 2, len(fresh))
    X_hat = model.transform(fresh, sensitive_features=z_fresh)
    ratio = X_hat[z_fresh == 1].std(axis=0) / X_hat[z_fresh == 0].std(axis=0)
    assert ratio.min() > 0.5
    flattened = np.linalg.pinv(moments(X, z == 1)[1]) @ moments(X, z == 1)[1]
    assert np.linalg.eigvalsh(flattened).min() < 1e-8  # what it would have done


@pytest.mark.parametrize(("d", "few"), [(30, 25), (3, 9)])
def test_a_shrunk_group_does_not_keep_its_size(d, few):
    rng = np.random.default_rng(0)
    z = np.r_[np.zeros(3000, dtype=int), np.ones(few, dtype=int)]
    X = rng.normal(size=(len(z), d)) * np.where(z, 3, 1)[:, None]
    model = GaussianBarycenter(small_groups="shrink").fit(X, sensitive_features=z)
    assert (1,) in model.small_groups_ + model.rank_deficient_groups_
    fresh = rng.normal(size=(2000, d))
    small, large = (
        model.transform((1 + 2 * g) * fresh, sensitive_features=np.full(2000, g)).std()
        for g in (0, 1)
    )
    assert 0.75 * small < large < 1.6 * small


def test_one_hot_columns_are_warned_of():
    X, z = gaussian_groups(n=1000, d=2, k=2)
    flag = (np.random.default_rng(5).random(1000) < np.where(z, 0.3, 0.6)).astype(float)
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "flag": flag, "z": z})
    with pytest.warns(UserWarning, match=r"1 of the columns .* repeat a few values: flag") as seen:
        GaussianBarycenter("z").fit(frame)
    assert len(seen) == 1
    GaussianBarycenter([]).fit(frame)  # nothing is moved, nothing to warn of
    # and the warning is right: a tree reads the group from the moved flag
    probe = HistGradientBoostingClassifier(random_state=0, max_iter=20)
    assert auc(probe, flag[:, None], z, 500) < 0.75
    model = no_atoms(lambda: GaussianBarycenter("z").fit(frame[:500]))
    assert auc(probe, model.transform(frame), z, 500) > 0.95


@pytest.mark.parametrize("unit", [1e-150, 1e-6, 1e8])
def test_units_play_no_part(unit):
    X, z = gaussian_groups(n=600)
    units = np.array([1.0, unit, 1.0, unit])
    plain = GaussianBarycenter().fit(X, sensitive_features=z).transform(X, sensitive_features=z)
    scaled = GaussianBarycenter().fit(X * unit, sensitive_features=z)
    X_hat = scaled.transform(X * unit, sensitive_features=z)
    np.testing.assert_allclose(X_hat / unit, plain, rtol=1e-6, atol=1e-7)
    mixed = GaussianBarycenter().fit(X * units, sensitive_features=z)
    X_hat = mixed.transform(X * units, sensitive_features=z)
    for g in (1, 2):
        gap = moments(X_hat / units, z == g)[1] - moments(X_hat / units, z == 0)[1]
        assert np.abs(gap).max() < 1e-6


# -- small groups ---------------------------------------------------------------------------------


def with_small_groups(sizes=(200, 100, 6, 5), seed=0):
    rng = np.random.default_rng(seed)
    z = np.repeat(list("abcd")[: len(sizes)], sizes)
    X = (
        rng.normal(size=(len(z), 3))
        * (1 + np.arange(len(sizes)))[np.searchsorted(list("abcd"), z)][:, None]
    )
    return X, z


def test_small_groups_are_refused_by_name():
    X, z = with_small_groups()
    message = r"min_group_size=10 rows: \('c',\) \(6 rows\), \('d',\) \(5 rows\).*pool.*shrink"
    with pytest.raises(ValueError, match=message):
        GaussianBarycenter().fit(X, sensitive_features=z)
    model = GaussianBarycenter(min_group_size=5).fit(X, sensitive_features=z)
    assert model.small_groups_ == []


def test_small_groups_share_a_map():
    X, z = with_small_groups()
    model = GaussianBarycenter(small_groups="pool").fit(X, sensitive_features=z)
    assert model.small_groups_ == [("c",), ("d",)]
    by_hand = np.where(np.isin(z, ["c", "d"]), "other", z)
    other = GaussianBarycenter().fit(X, sensitive_features=by_hand)
    np.testing.assert_allclose(
        model.transform(X, sensitive_features=z),
        other.transform(X, sensitive_features=by_hand),
        rtol=1e-9,
        atol=1e-12,
    )
    np.testing.assert_allclose(model.transport_cost_, other.transport_cost_)
    moved = ((model.transform(X, sensitive_features=z) - X) ** 2).sum(axis=1)
    by_group = [moved[z == g].mean() for (g,) in model.groups_]
    np.testing.assert_allclose(model.group_transport_costs_, by_group, rtol=1e-8)
    np.testing.assert_allclose(model.group_weights_, np.array([200, 100, 6, 5]) / 311)


def test_a_pool_that_is_too_small_takes_the_next_group():
    X, z = with_small_groups((200, 100, 6))
    model = GaussianBarycenter(small_groups="pool").fit(X, sensitive_features=z)
    assert model.small_groups_ == [("b",), ("c",)]
    assert np.array_equal(model.maps_[1], model.maps_[2])
    both = GaussianBarycenter(small_groups="pool", min_group_size=1000)
    all_in_one = both.fit(X, sensitive_features=z).transform(X, sensitive_features=z)
    assert np.array_equal(all_in_one, X)


SHRINK = {"small_groups": "shrink"}


def test_small_groups_are_shrunk():
    X, z = with_small_groups()
    model = GaussianBarycenter(small_groups="shrink", shrinkage=1.0).fit(X, sensitive_features=z)
    assert model.small_groups_ == [("c",), ("d",)]
    # with all of the pooled covariance in theirs, their maps are the same but for their size
    ratio = model.maps_[2] / model.maps_[3]
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)
    assert not np.array_equal(model.group_means_[2], model.group_means_[3])
    X[z == "c", 1] = X[z == "c", 0] + 0.1 * X[z == "c", 1]
    maps = [
        GaussianBarycenter(**options).fit(X, sensitive_features=z).maps_[2]
        for options in ({"min_group_size": 1}, SHRINK, {**SHRINK, "shrinkage": 1.0})
    ]
    distances = [np.linalg.norm(a - maps[2]) for a in maps]
    assert distances[0] > 1.5 * distances[1] > 0.01  # between nothing and all
    one_row = GaussianBarycenter(small_groups="shrink").fit(X[:301], sensitive_features=z[:301])
    assert np.isfinite(one_row.maps_).all()


# -- where the sensitive values come from ---------------------------------------------------------


@pytest.fixture
def frame():
    X, z = gaussian_groups(n=400, d=3, k=2)
    out = pd.DataFrame(X, columns=["a", "b", "c"])
    out.insert(1, "sex", np.where(z == 1, "f", "m"))
    out.insert(3, "race", np.random.default_rng(0).choice(["x", "y"], len(z)))
    return out


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        ("sex", [1]),
        (["sex"], [1]),
        (1, [1]),
        (-3, [1]),
        ([False, True, False, True, False], [1, 3]),
        (["race", "sex"], [3, 1]),
        (np.array([3, 1]), [3, 1]),
        (slice(1, 4, 2), [1, 3]),
        (make_column_selector(pattern="sex|race"), [1, 3]),
        (make_column_selector(dtype_exclude="number"), [1, 3]),
    ],
)
def test_sensitive_columns_may_be_named_in_many_ways(frame, selection, found):
    if found == [1]:
        frame = frame.drop(columns="race")
    model = GaussianBarycenter(selection).fit(frame)
    assert model.sensitive_columns_.tolist() == found
    names = list(frame.columns[sorted(found)])
    assert model.get_feature_names_out().tolist() == list(frame.columns.drop(names))
    values = list(zip(*(frame.iloc[:, j] for j in found), strict=True))
    assert model.groups_ == sorted(set(values))
    by_keyword = GaussianBarycenter().fit(
        frame.drop(columns=names), sensitive_features=frame.iloc[:, found]
    )
    assert np.array_equal(model.maps_, by_keyword.maps_)
    expected = by_keyword.transform(
        frame.drop(columns=names), sensitive_features=frame.iloc[:, found]
    )
    assert np.array_equal(model.transform(frame), expected)


def test_forms_of_sensitive_features_agree():
    X, z = gaussian_groups(n=300, d=2, k=2)
    labels = np.where(z, "yes", "no")
    forms = [
        labels,
        labels[:, None],
        labels.tolist(),
        labels.astype(object),
        [[label] for label in labels.tolist()],
        pd.Series(labels, index=np.arange(300)[::-1]),
        pd.Series(labels).astype("category"),
        pd.DataFrame({"z": labels}),
    ]
    models = [GaussianBarycenter().fit(X, sensitive_features=form) for form in forms]
    for model in models[1:]:
        assert_same(models[0], model)
        assert model.unlearn(X[:20], sensitive_features=labels[:20]).n_samples_retained_ == 280


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        ([0.5, 2.0], [(0.5,), (2,)]),
        ([True, False], [(False,), (True,)]),
        (["b", "a"], [("a",), ("b",)]),
        ([1, "a"], [(1,), ("a",)]),
        ([(1, 2), (0, 5)], [(0, 5), (1, 2)]),
        (np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[ns]"), None),
    ],
)
def test_labels_of_any_type(labels, groups):
    X, z = gaussian_groups(n=200, d=2, k=2)
    values = [labels[i] for i in z]
    if groups is None:
        values = np.array(values)
    model = GaussianBarycenter().fit(X, sensitive_features=values)
    if groups is not None:
        assert model.groups_ == groups
    assert len(model.groups_) == 2
    model.unlearn(X[:50], sensitive_features=values[:50])
    assert_same(model, clone(model).fit(X[50:], sensitive_features=values[50:]))


def test_a_numeric_sensitive_column_of_an_array():
    X, z = gaussian_groups(n=300, d=2, k=3)
    joined = np.column_stack([X[:, 0], z, X[:, 1]])
    model = GaussianBarycenter([1]).fit(joined)
    assert model.groups_ == [(0,), (1,), (2,)]
    by_keyword = GaussianBarycenter().fit(X, sensitive_features=z)
    assert np.array_equal(model.transform(joined), by_keyword.transform(X, sensitive_features=z))
    mixed = joined.astype(object)
    mixed[:, 1] = np.array(["u", "v", "w"])[z]
    of_objects = GaussianBarycenter([1]).fit(mixed)
    assert np.array_equal(of_objects.transform(mixed), model.transform(joined))
    of_lists = GaussianBarycenter([1]).fit(mixed.tolist())
    assert np.array_equal(of_lists.transform(mixed.tolist()), model.transform(joined))


def test_kept_columns_stay_in_place(frame):
    model = GaussianBarycenter(["sex", "race"], keep_sensitive=True).fit(frame)
    out = model.transform(frame)
    assert list(out.columns) == list(frame.columns)
    pd.testing.assert_frame_equal(out[["sex", "race"]], frame[["sex", "race"]])
    dropped = GaussianBarycenter(["sex", "race"]).fit(frame).transform(frame)
    assert np.array_equal(out[["a", "b", "c"]].to_numpy(), dropped)
    assert out.dtypes[["a", "b", "c"]].tolist() == [np.float64] * 3
    codes = frame.assign(sex=frame["sex"] == "f", race=frame["race"] == "x")
    numeric = GaussianBarycenter(["sex", "race"], keep_sensitive=True).fit(codes)
    out = numeric.transform(codes)
    assert isinstance(out, np.ndarray)
    assert np.array_equal(out[:, [1, 3]], codes[["sex", "race"]])
    assert numeric.maps_.shape == (4, 3, 3)
    np.testing.assert_allclose(out[:, [0, 2, 4]], dropped, rtol=1e-9, atol=1e-12)
    objects = GaussianBarycenter([1, 3], keep_sensitive=True).fit(frame.to_numpy())
    out = objects.transform(frame.to_numpy())
    assert np.array_equal(out[:, [1, 3]], frame[["sex", "race"]].to_numpy())
    assert np.array_equal(out[:, [0, 2, 4]].astype(float), dropped)


@pytest.mark.parametrize("keep", [False, True])
def test_set_output_gives_a_named_frame(frame, keep):
    model = GaussianBarycenter(["sex", "race"], keep_sensitive=keep).set_output(transform="pandas")
    out = model.fit_transform(frame)
    assert list(out.columns) == model.get_feature_names_out().tolist()
    assert out.index.equals(frame.index)
    assert out["a"].dtype == np.float64


def test_float32_stays_float32():
    X, z = gaussian_groups(n=300, d=2, k=2)
    model = GaussianBarycenter().fit(X.astype(np.float32), sensitive_features=z)
    assert model.transform(X.astype(np.float32), sensitive_features=z).dtype == np.float32


def test_what_is_refused(frame):
    X, z = frame[["a", "b", "c"]], frame["sex"]
    fit = lambda *args, **kwargs: GaussianBarycenter(*args).fit(**kwargs)  # noqa: E731
    with pytest.raises(ValueError, match=r"sensitive_columns=\[...\].*sensitive_features=..."):
        fit(X=X)
    with pytest.raises(ValueError, match="leave one of the two at None"):
        fit("sex", X=frame[["sex", "a"]], sensitive_features=z)
    with pytest.raises(ValueError, match=r"in sensitive_columns, which is not a .* X: a, b, c"):
        fit("age", X=X)
    with pytest.raises(ValueError, match="in sensitive_columns, but X is an array without"):
        fit("a", X=X.to_numpy())
    with pytest.raises(ValueError, match="3 in sensitive_columns, but X has 3 columns"):
        fit(3, X=X)
    with pytest.raises(ValueError, match=r"mask of length 2 .* expected 3"):
        fit([True, False], X=X)
    with pytest.raises(ValueError, match="appears twice"):
        fit(["a", 0], X=X)
    with pytest.raises(ValueError, match=r"Got 1.5 in sensitive_columns"):
        fit([1.5], X=X)
    with pytest.raises(ValueError, match="selects no column"):
        fit(make_column_selector(pattern="zzz"), X=X)
    with pytest.raises(ValueError, match="none left to transform"):
        fit(["a", "b", "c"], X=X)
    with pytest.raises(ValueError, match="Column 'race' holds values that are no numbers"):
        fit("sex", X=frame)
    with pytest.raises(ValueError, match="Column 1 holds values that are no numbers"):
        fit(3, X=frame.to_numpy())
    with pytest.raises(ValueError, match="Input X contains NaN"):
        fit(X=X.replace(X.iloc[0, 0], np.nan), sensitive_features=z)
    with pytest.raises(ValueError, match=r"of 2 rows are missing .*label of its own"):
        fit(X=X, sensitive_features=z.where(z.index > 1))
    with pytest.raises(ValueError, match="1 columns and 399 rows, expected 1 columns"):
        fit(X=X, sensitive_features=z[1:])
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        fit(X=X[:0], sensitive_features=z[:0])
    for name, value in [("small_groups", "merge"), ("on_missing", "guess"), ("shrinkage", "lw")]:
        with pytest.raises(ValueError, match=f"Got {name}='{value}', expected"):
            GaussianBarycenter(**{name: value}).fit(X, sensitive_features=z)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_every_kind_of_missing_label_is_refused(missing):
    X, z = gaussian_groups(n=100, d=2, k=2)
    labels = pd.Series(np.where(z, "a", "b"), dtype=object)
    labels[7] = missing
    with pytest.raises(ValueError, match="of 1 rows are missing"):
        GaussianBarycenter().fit(X, sensitive_features=labels)


def test_a_group_never_seen_is_named():
    X, z = gaussian_groups(n=300, d=2, k=2)
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    with pytest.raises(ValueError, match=r"group \(9,\), .*Known groups: \(0,\), \(1,\)\."):
        model.transform(X[:2], sensitive_features=[0, 9])
    with pytest.raises(ValueError, match="each group has a map of its own"):
        model.transform(X[:2])
    with pytest.raises(ValueError, match="expected 1 columns, as at fit, and 2 rows"):
        model.transform(X[:2], sensitive_features=[[0, 1], [1, 1]])


# -- sensitive values missing at transform --------------------------------------------------------


def test_the_posterior_mean_is_that_of_gaussian_densities():
    from scipy.stats import multivariate_normal

    X, z = gaussian_groups(n=2000, d=3, k=3)
    model = GaussianBarycenter(on_missing="posterior").fit(X, sensitive_features=z)
    with pytest.warns(UserWarning, match="of 2000 rows are missing.*weak"):
        X_hat = model.transform(X)
    densities = np.stack(
        [
            share * multivariate_normal(*moments(X, z == g)).pdf(X)
            for g, share in enumerate(model.group_weights_)
        ]
    )
    posterior = densities / densities.sum(axis=0)
    maps = np.stack([model.transform(X, sensitive_features=np.full(2000, g)) for g in range(3)])
    np.testing.assert_allclose(X_hat, np.einsum("kn,knd->nd", posterior, maps), atol=1e-8)
    assert np.abs(X_hat - X).max() > 0.1


def test_rows_without_a_value_take_the_posterior_and_others_their_map(frame):
    frame = frame.drop(columns="race")
    model = GaussianBarycenter("sex", on_missing="posterior").fit(frame)
    known = model.transform(frame)
    some = frame.copy()
    some.loc[:9, "sex"] = None
    with pytest.warns(UserWarning, match="of 10 rows"):
        mixed = model.transform(some)
    assert np.array_equal(mixed[10:], known[10:])
    with pytest.warns(UserWarning, match="of 400 rows"):
        without = model.transform(frame.drop(columns="sex"))
    np.testing.assert_allclose(mixed[:10], without[:10], rtol=1e-12)
    assert np.abs(mixed[:10] - known[:10]).max() > 1e-3
    with pytest.raises(ValueError, match=r"group \('q',\)"):
        model.transform(frame.assign(sex="q"))
    with pytest.raises(ValueError, match="of 10 rows are missing"):
        model.set_params(on_missing="error").transform(some)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame.drop(columns="sex"))


def test_posterior_in_the_pooled_range():
    X, z = gaussian_groups(n=2000, d=2, k=2)
    padded = np.column_stack([X, X[:, 0] - X[:, 1], np.ones(len(X))])
    model = GaussianBarycenter(on_missing="posterior")
    with pytest.warns(UserWarning, match="weak"):
        plain = model.fit(X, sensitive_features=z).transform(X)
    # the maps differ, for lengths do, but groups that are told apart perfectly do not need them
    far = padded + 1e3 * z[:, None] * [1.0, 0.0, 1.0, 0.0]
    clear = model.fit(far, sensitive_features=z)
    with pytest.warns(UserWarning, match="weak"):
        guessed = clear.transform(far)
    np.testing.assert_allclose(guessed, clear.transform(far, sensitive_features=z), atol=1e-6)
    assert np.isfinite(plain).all()


# -- forgetting rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("small_groups", ["error", "pool", "shrink"])
@pytest.mark.parametrize("weighted", [False, True])
def test_unlearn_equals_the_refit(small_groups, weighted):
    X, z = gaussian_groups(n=800)
    rng = np.random.default_rng(3)
    X[:5] *= 1e6
    weight = rng.integers(1, 4, len(X)) if weighted else np.ones(len(X))
    forget = rng.permutation(len(X))[:150]
    forget = np.union1d(forget, np.arange(5))
    if small_groups != "error":  # leave three rows of a group
        forget = np.union1d(forget, np.flatnonzero(z == 2)[3:])
    keep = np.setdiff1d(np.arange(len(X)), forget)

    def pick(rows):
        weights = {"sample_weight": weight[rows]} if weighted else {}
        return {"sensitive_features": z[rows], **weights}

    everything = np.arange(len(X))
    model = GaussianBarycenter(small_groups=small_groups).fit(X, **pick(everything))
    once = pickle.loads(pickle.dumps(model)).unlearn(X[forget], **pick(forget))
    for part in np.array_split(forget[::-1], 4):
        model.unlearn(X[part], **pick(part))
    assert_same(model, once)
    refit = GaussianBarycenter(small_groups=small_groups, resolution=model.resolution_)
    refit.fit(X[keep[::-1]], **pick(keep[::-1]))
    assert_same(model, refit)
    assert np.array_equal(
        model.transform(X, sensitive_features=z), refit.transform(X, sensitive_features=z)
    )
    assert model.n_samples_retained_ == len(keep)
    assert model.guarantee_.kind == "exact"
    if small_groups != "error":
        assert (2,) in model.small_groups_


def test_partial_fit_and_replace_equal_a_fit():
    X, z = gaussian_groups(n=600)
    whole = GaussianBarycenter().fit(X, sensitive_features=z)
    parts = GaussianBarycenter(resolution=whole.resolution_)
    first = np.flatnonzero(z < 2)[:200]  # the third group comes later
    rest = np.setdiff1d(np.arange(600), first)
    parts.partial_fit(X[first], sensitive_features=z[first])
    assert parts.groups_ == [(0,), (1,)]
    parts.partial_fit(X[rest], sensitive_features=z[rest])
    assert_same(parts, whole)
    wrong = {"X": X[:3], "sensitive_features": z[:3]}
    right = {"X": X[:3] + 1, "sensitive_features": z[:3]}
    parts.replace(wrong, right)
    corrected = clone(parts).fit(np.r_[X[:3] + 1, X[3:]], sensitive_features=z)
    assert_same(parts, corrected)


def test_forgetting_whole_groups():
    X, z = gaussian_groups(n=600)
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    model.unlearn(X[z == 1], sensitive_features=z[z == 1])
    assert model.groups_ == [(0,), (2,)]
    refit = GaussianBarycenter(resolution=model.resolution_)
    assert_same(model, refit.fit(X[z != 1], sensitive_features=z[z != 1]))
    with pytest.raises(ValueError, match=r"\(1,\), which fit has never seen"):
        model.transform(X[z == 1], sensitive_features=z[z == 1])
    model.unlearn(X[z == 0], sensitive_features=z[z == 0])
    assert np.array_equal(model.maps_, np.eye(4)[None])
    rest = X[z == 2]
    assert np.array_equal(model.transform(rest, sensitive_features=z[z == 2]), rest)
    # one group is never small: there is nothing to make it equal to
    model.unlearn(rest[3:], sensitive_features=z[z == 2][3:])
    with pytest.raises(UnlearningError, match="last rows"):
        model.unlearn(rest[:3], sensitive_features=z[z == 2][:3])
    assert model.n_samples_retained_ == 3


def test_a_request_that_leaves_a_small_group_is_refused_and_changes_nothing():
    X, z = gaussian_groups(n=600)
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    before = pickle.loads(pickle.dumps(model))
    gone = np.flatnonzero(z == 2)[4:]
    assert not model.can_unlearn(X[gone], sensitive_features=z[gone])
    with pytest.raises(UnlearningError, match=r"\(2,\) \(4 rows\).*would fail"):
        model.unlearn(X[gone], sensitive_features=z[gone])
    with pytest.raises(NotLearnedError, match="1 of the 2 rows"):
        model.unlearn(X[:2], sensitive_features=[z[0], z[1] + 1])  # the wrong group
    with pytest.raises(ValueError, match="Got no sensitive_features"):
        model.unlearn(X[:2])
    assert_same(model, before)
    model.unlearn(X[:0], sensitive_features=z[:0])
    assert_same(model, before)


def test_rows_of_frames(frame):
    model = GaussianBarycenter(["sex", "race"]).fit(frame)
    assert len(model.groups_) == 4
    model.unlearn(frame.iloc[::7])
    rest = frame.drop(index=frame.index[::7])
    refit = GaussianBarycenter(["sex", "race"], resolution=model.resolution_).fit(rest)
    assert_same(model, refit)
    with pytest.raises(ValueError, match="feature names"):
        model.unlearn(frame[["a", "b", "c", "sex", "race"]])


def test_what_is_served_knows_no_rows():
    X, z = gaussian_groups(n=300)
    model = GaussianBarycenter().fit(X, sensitive_features=z)
    served = model.to_sklearn()
    assert np.array_equal(
        served.transform(X, sensitive_features=z), model.transform(X, sensitive_features=z)
    )
    assert "_learned" not in vars(served)
    for verb in (served.unlearn, served.partial_fit):
        with pytest.raises(UnlearningError, match="carries no statistics"):
            verb(X[:1], sensitive_features=z[:1])


# -- in scikit-learn ------------------------------------------------------------------------------


class OnFirstColumn(GaussianBarycenter):
    """Groups from a column cut in two: for scikit-learn's checks, which know no groups."""

    def fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        super().fit(X, sensitive_features=_parity(X), sample_weight=sample_weight)
        return self

    def partial_fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        super().partial_fit(X, sensitive_features=_parity(X), sample_weight=sample_weight)
        return self

    def transform(self, X, *, sensitive_features=None):
        if not hasattr(self, "groups_"):
            return super().transform(X)
        return super().transform(X, sensitive_features=_parity(X))


def _parity(X):
    """Two groups, from the content of each row; one where there is none, for `fit` to refuse."""
    if sparse.issparse(X) or np.iscomplexobj(np.asarray(X)):
        return np.zeros(X.shape[0])
    try:
        first = np.asarray(X, dtype=np.float64)[:, 0]
    except (TypeError, ValueError, IndexError):
        return np.zeros(len(np.asarray(X)))
    return (np.nan_to_num(first) > 0.5).astype(int)


IDENTITY = GaussianBarycenter(sensitive_columns=[])
GROUPS = OnFirstColumn(small_groups="pool", min_group_size=1)


@parametrize_with_checks([IDENTITY])
def test_scikit_learn_checks_of_the_identity(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:[0-9]+ of the columns that:UserWarning")
@parametrize_with_checks([GROUPS])
def test_scikit_learn_checks_with_groups(estimator, check):
    check(estimator)


def test_scikit_learn_s_pipeline_routes_the_sensitive_features():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    sex = X.pop("sex")
    X = X[["bmi", "s1", "s5"]] + np.random.default_rng(0).normal(size=(len(X), 3)) * 1e-6
    with sklearn.config_context(enable_metadata_routing=True):
        step = GaussianBarycenter().set_fit_request(sensitive_features=True)
        step.set_transform_request(sensitive_features=True)
        model = make_pipeline(step, Ridge(alpha=1e-3)).fit(X, y, sensitive_features=sex)
        predicted = model.predict(X, sensitive_features=sex)
        search = GridSearchCV(model, {"gaussianbarycenter__strength": [0, 0.5, 1]}, cv=3)
        search.fit(X, y, sensitive_features=sex)
    assert search.best_params_.keys() == {"gaussianbarycenter__strength"}
    X_hat = GaussianBarycenter().fit_transform(X, sensitive_features=sex)
    np.testing.assert_allclose(predicted, Ridge(alpha=1e-3).fit(X_hat, y).predict(X_hat))
    gap = lambda p: abs(np.diff([p[sex == s].mean() for s in np.unique(sex)])[0])  # noqa: E731
    assert gap(Ridge(alpha=1e-3).fit(X, y).predict(X)) > 1  # positive control
    assert gap(predicted) < 1e-8


# -- as a step of a pipeline that derives from moments --------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("keep", [False, True])
def test_pushed_moments_are_those_of_the_transformed_rows(frame, strength, keep):
    codes = frame.assign(sex=(frame["sex"] == "f") * 1.0).drop(columns="race")
    model = GaussianBarycenter("sex", strength=strength, keep_sensitive=keep)
    X, groups, info = model._front(Request(codes), reset=True)
    assert X.shape == (400, 3 + keep)
    keys = sorted(set(groups))
    rows = Rows(
        X, keys=[(None, key, None) for key in keys], codes=np.array([keys.index(g) for g in groups])
    )
    learned = LearnedRows.of(rows, kind="gram", resolution="auto").moments()
    attributes = model._derive(learned, info)
    pushed = model._push(attributes, learned).pooled
    X_hat = model.fit(codes).transform(codes)
    assert np.array_equal(attributes["maps_"], model.maps_)
    np.testing.assert_allclose(pushed.mean, X_hat.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(pushed.covariance, np.cov(X_hat.T, bias=True), atol=1e-9)
    assert model._moments_refusal(Request(codes)) is None


def test_a_pipeline_is_told_when_there_are_no_moments(frame):
    request = Request(frame.drop(columns="race"))
    assert GaussianBarycenter("sex")._moments_refusal(request) is None
    model = GaussianBarycenter("sex", keep_sensitive=True)
    assert "not numeric" in model._moments_refusal(request)
    with pytest.raises(ValueError, match="not numeric"):
        model._front(request, reset=True)
