"""Distances between groups against closed forms, their nulls and their blind spots."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from skunlearn.metrics import (
    discrimination,
    distance_correlation,
    ks_distance,
    mutual_information,
    sliced_wasserstein,
)
from skunlearn.metrics._distances import _centred


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def gaussian_dcor2(rho):
    """Squared distance correlation of two normals, Székely, Rizzo and Bakirov (2007)."""
    top = rho * np.arcsin(rho) + np.sqrt(1 - rho**2) - rho * np.arcsin(rho / 2)
    return (top - np.sqrt(4 - rho**2) + 1) / (1 + np.pi / 3 - np.sqrt(3))


# Distance correlation


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_dcor_of_gaussians(rho):
    found = []
    for seed in range(8):
        x, noise = normal(2, 400, seed=seed)
        z = rho * x + np.sqrt(1 - rho**2) * noise
        found.append(distance_correlation(x, z, n_permutations=0).estimate)
    assert np.mean(found) == pytest.approx(gaussian_dcor2(rho), abs=0.03)


def test_dcor_of_linear_data_is_one():
    x = normal(100)
    assert distance_correlation(x, 3 - 2 * x, n_permutations=0).estimate == pytest.approx(1)
    groups = np.repeat(["a", "b"], 50)
    atoms = (groups == "a").astype(float)
    assert distance_correlation(atoms, groups, n_permutations=0).estimate == pytest.approx(1)
    assert distance_correlation(np.ones(100), x, n_permutations=19).p_value == 1


def test_dcor_is_the_unbiased_formula():
    x, z = normal(2, 30)
    n, a, b = 30, np.abs(x[:, None] - x), np.abs(z[:, None] - z)

    def covariance(a, b):  # the U-statistic, without matrices of centred distances
        flat = a.sum() * b.sum() / (n * (n - 1) * (n - 2) * (n - 3))
        cross = 2 * a.sum(0) @ b.sum(0) / (n * (n - 2) * (n - 3))
        return np.sum(a * b) / (n * (n - 3)) + flat - cross

    expected = covariance(a, b) / np.sqrt(covariance(a, a) * covariance(b, b))
    found = distance_correlation(x, z, n_permutations=0).estimate
    assert found == pytest.approx(expected)
    assert np.allclose(_centred(a).sum(axis=0), 0)


def test_dcor_bias_is_gone_in_many_columns():
    draws = [
        distance_correlation(normal(40, 60, seed=s), normal(40, seed=s + 99), n_permutations=0)
        for s in range(60)
    ]
    assert abs(np.mean([d.estimate for d in draws])) < 0.01


def test_dcor_sees_what_correlation_does_not():
    x = normal(300)
    result = distance_correlation(x, np.abs(x), random_state=0)
    assert result.p_value == 1 / 200
    assert abs(np.corrcoef(x, np.abs(x))[0, 1]) < 0.15
    z = np.repeat([0, 1], 150)
    spread = x * (1 + 2 * z)
    assert distance_correlation(spread, z, random_state=0).p_value == 1 / 200


def test_what_dcor_hardly_sees():
    # said in its docstring: atoms at slightly different places, plain to nearest neighbours
    z = np.repeat([0, 1], 200)
    x = np.random.default_rng(0).integers(2, size=400) + 0.01 * z
    assert distance_correlation(x, z, random_state=0).estimate < 0.02
    found = mutual_information(x, z, random_state=0)
    assert found.estimate == pytest.approx(np.log(2), abs=0.05)


# Sliced Wasserstein


def test_sw_of_a_shift():
    shift = np.array([3.0, 0, 4.0, 0])
    X = normal(1000, 4)
    z = np.repeat(["f", "m"], 500)
    X[z == "m"] = X[z == "f"] + shift
    options = {"standardize": False, "n_projections": 1000, "n_permutations": 0}
    found = sliced_wasserstein(X, z, random_state=0, **options)
    assert found.estimate == pytest.approx(5 / 2, rel=0.04)  # |shift| / sqrt(d)
    one = sliced_wasserstein(X[:, 0], z, random_state=0, **options)
    assert one.estimate == pytest.approx(3)


def test_sw_of_a_scale_and_against_scipy():
    x = normal(1000)
    z = np.repeat([0, 1], 1000)
    found = sliced_wasserstein(np.r_[x, 3 * x], z, standardize=False, n_permutations=0)
    # quantile functions differ by a factor; the grid leaves out a little of the tails
    assert found.estimate == pytest.approx(2 * x.std(), rel=0.02)
    other = normal(1000, seed=1) ** 2
    fine = sliced_wasserstein(
        np.r_[x, other], z, standardize=False, n_permutations=0, n_quantiles=1000
    )
    exact = np.sqrt(np.mean((np.sort(x) - np.sort(other)) ** 2))
    assert fine.estimate == pytest.approx(exact)
    assert fine.estimate > wasserstein_distance(x, other)  # W1


def test_sw_weights_are_copies():
    rng = np.random.default_rng(0)
    X, z = rng.normal(size=(60, 2)), np.arange(60) % 3
    X[:, 0] += z
    copies = rng.integers(1, 4, size=60)
    options = {"n_permutations": 0, "standardize": False, "random_state": 0}
    weighted = sliced_wasserstein(X, z, sample_weight=copies, **options)
    repeated = sliced_wasserstein(np.repeat(X, copies, axis=0), np.repeat(z, copies), **options)
    assert weighted.estimate == pytest.approx(repeated.estimate)
    plain = sliced_wasserstein(X, z, **options)
    assert plain.estimate != pytest.approx(weighted.estimate)


def test_sw_pairs_are_weighted_by_their_groups():
    z = np.repeat([0, 1, 2], [10, 30, 60])
    x = np.array([0.0, 1.0, 5.0])[z]
    found = sliced_wasserstein(x, z, standardize=False, n_permutations=0).estimate
    weights, gaps = np.array([300, 600, 1800]), np.array([1.0, 25.0, 16.0])
    assert found**2 == pytest.approx(weights @ gaps / weights.sum())


def test_sw_units():
    X = normal(400, 2)
    z = np.repeat([0, 1], 200)
    X[:, 0] += z
    options = {"n_permutations": 0, "random_state": 0}
    one = sliced_wasserstein(X, z, **options)
    other = sliced_wasserstein(X * [1000, 0.1], z, **options)
    assert one.estimate == pytest.approx(other.estimate)
    assert one.units == "standard deviations"
    with pytest.raises(ValueError, match="standardize=False"):
        sliced_wasserstein(np.array([["a"], ["b"]] * 4), [0, 1] * 4, standardize=False)


# Predictions


def test_discrimination_by_hand():
    groups = np.repeat(["a", "b", "c"], [10, 20, 40])
    hired = np.r_[np.arange(10) < 5, np.arange(20) < 5, np.arange(40) < 16]  # .5, .25, .4
    assert discrimination(hired, groups).estimate == pytest.approx(1)
    assert discrimination(hired[:30] * 0.3, groups[:30]).estimate == pytest.approx(1)
    nobody = np.where(groups == "a", 0, 1)
    assert discrimination(nobody, groups).estimate == np.inf
    assert discrimination(np.zeros(70), groups).estimate == 0
    with pytest.raises(ValueError, match="none below 0"):
        discrimination(hired - 1.0, groups)


def test_discrimination_is_blind_where_ks_is_not():
    groups = np.repeat([0, 1], 100)
    scores = np.where(groups == 1, 0.5, np.arange(200) % 2 * 0.8 + 0.1)
    assert discrimination(scores, groups).estimate < 1e-12
    assert ks_distance(scores, groups).estimate == pytest.approx(0.5)
    assert ks_distance(scores, groups).p_value == 1 / 200


def test_ks_is_scipys():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        values = np.round(rng.normal(size=120), 1)  # ties
        groups = np.repeat(["a", "b", "c"], [20, 40, 60])
        parts = [values[groups == g] for g in "abc"]
        pairs = [(0, 1), (0, 2), (1, 2)]
        expected = max(ks_2samp(parts[i], parts[j]).statistic for i, j in pairs)
        found = ks_distance(values, groups, n_permutations=0).estimate
        assert found == pytest.approx(expected)


# What they share

CALLS = {
    "dcor_groups": partial(distance_correlation, discrete_z=True),
    "dcor_numbers": partial(distance_correlation, discrete_z=False),
    "sliced": partial(sliced_wasserstein, n_projections=3, n_quantiles=50),
    "ks": lambda X, z, **options: ks_distance(X[:, 0], z, **options),
    "discrimination": lambda X, z, **options: discrimination(np.exp(X[:, 0]), z, **options),
}


@pytest.mark.parametrize("call", CALLS)
def test_null_is_calibrated_and_the_control_is_found(call):
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        X, z = rng.normal(size=(50, 2)), rng.permutation(50) % 2
        p_values.append(CALLS[call](X, z, n_permutations=9, random_state=seed).p_value)
    share = np.mean(np.array(p_values) <= 0.1)
    assert 0.02 < share < 0.1 + 3 * np.sqrt(0.09 / 200)  # ties make it smaller
    assert 0.48 < np.mean(p_values) < 0.68  # ties make it larger
    z = np.arange(100) % 2
    X = normal(100, 2) + z[:, None]
    found = CALLS[call](X, z, n_permutations=99, random_state=0)
    assert found.p_value == 0.01
    assert found.estimate > found.null_high > found.null_mean


@pytest.mark.parametrize("call", CALLS)
def test_bad_input_is_named(call):
    X, z = normal(20, 2), np.arange(20) % 2
    with pytest.raises(ValueError, match="level=0"):
        CALLS[call](X, z, level=0)
    with pytest.raises(ValueError, match="n_permutations=-1"):
        CALLS[call](X, z, n_permutations=-1)
    with pytest.raises(ValueError, match="20 rows and"):
        CALLS[call](X, z[:-1])
    with pytest.raises(ValueError, match="20 missing values"):
        CALLS[call](X, [None] * 20)
    if not call.startswith("dcor"):
        with pytest.raises(ValueError, match=r"Got the groups \[0\], expected at least two"):
            CALLS[call](X, z * 0)


def test_bad_options_are_named():
    X, z = normal(20, 2), np.arange(20) % 2
    for weight in (-1, np.nan):
        with pytest.raises(ValueError, match="sample_weight that is negative"):
            sliced_wasserstein(X, z, sample_weight=np.full(20, weight))
    with pytest.raises(ValueError, match="weights are all 0"):
        sliced_wasserstein(X, z, sample_weight=z)
    with pytest.raises(ValueError, match="n_projections=0"):
        sliced_wasserstein(X, z, n_projections=0)
    with pytest.raises(ValueError, match="1 rows of group True"):
        sliced_wasserstein(X, np.arange(20) == 3)
    with pytest.raises(ValueError, match="Got 3 rows"):
        distance_correlation(X[:3], z[:3])
    with pytest.raises(ValueError, match="NaN or infinite"):
        ks_distance(np.full(20, np.nan), z)


def test_sub_sampling_is_said_and_reproducible():
    X, z = normal(300, 2), np.arange(300) % 2
    for function in (distance_correlation, sliced_wasserstein):
        options = {"max_samples": 100, "n_permutations": 9, "random_state": 3}
        one, two = function(X, z, **options), function(X, z, **options)
        assert one == two
        assert one.n_rows == 100
        assert function(X, z, **(options | {"max_samples": None})).n_rows == 300
