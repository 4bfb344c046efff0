"""Mutual information and the four utilities against closed forms, their nulls, their power."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.metrics import (
    DependenceResult,
    mutual_information,
    rate_distortion,
    transport_utilities,
)
from skunlearn.metrics._information import miller_madow


def gaussians(rho, n, seed=0):
    z, noise = np.random.default_rng(seed).normal(size=(2, n))
    return rho * z + np.sqrt(1 - rho**2) * noise, z


def estimate(*args, **kwargs):
    return mutual_information(*args, n_permutations=0, random_state=0, **kwargs).estimate


# Mutual information


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_gaussian_closed_form(rho):
    x, z = gaussians(rho, 2000)
    assert estimate(x, z) == pytest.approx(-0.5 * np.log(1 - rho**2), abs=0.06)
    assert estimate(-7 * x + 3, 1e4 * z) == pytest.approx(estimate(x, z), abs=1e-9)


def test_a_block_of_columns_adds_up():
    # two independent pairs: the information of the joint is the sum
    (a, z), (b, w) = gaussians(0.8, 1500), gaussians(0.6, 1500, seed=1)
    z_joint = z + w  # correlation .8 / sqrt 2 and .6 / sqrt 2 with independent a and b
    r2 = (0.8**2 + 0.6**2) / 2
    assert estimate(np.c_[a, b], z_joint) == pytest.approx(-0.5 * np.log(1 - r2), abs=0.06)


def test_neighbours_agree_with_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    jitter = np.random.default_rng(0).normal(size=(2, len(y)))  # ties are treated otherwise
    X, y = X + 1e-3 * jitter[0][:, None], y + jitter[1]
    for j in (2, 8):
        theirs = mutual_info_regression(X[:, [j]], y, random_state=0)[0]
        assert estimate(X[:, j], y) == pytest.approx(theirs, abs=0.03)
    X, y = load_breast_cancer(return_X_y=True)
    for j in (0, 9, 27):
        theirs = mutual_info_classif(X[:, [j]], y, random_state=0)[0]
        assert estimate(X[:, j], y) == pytest.approx(theirs, abs=0.02)


def test_groups_against_numbers_closed_form():
    # two uniform laws that overlap by half: I = log(2) / 2
    rng = np.random.default_rng(0)
    z = np.repeat(["a", "b"], 1000)
    x = rng.uniform(size=2000) + 0.5 * (z == "b")
    assert estimate(x, z) == pytest.approx(np.log(2) / 2, abs=0.05)


def test_atoms_of_a_mixed_column():
    # x is 0 for half of group a and for none of b, else uniform in both: by hand,
    # I = H(z) - P(not 0) H(2/3), with P(not 0) = 3/4
    rng = np.random.default_rng(0)
    z = np.repeat([0, 1], 1000)
    x = rng.uniform(1, 2, size=2000)
    x[:500] = 0
    entropy = -(np.log(2 / 3) * 2 / 3 + np.log(1 / 3) / 3)
    assert estimate(x, z) == pytest.approx(np.log(2) - 0.75 * entropy, abs=0.05)


def test_table_by_hand():
    counts = np.array([[30, 10], [10, 50]])
    p = counts / 100
    plain = np.sum(p * np.log(p / np.outer([0.4, 0.6], [0.4, 0.6])))
    assert miller_madow(counts) == pytest.approx(plain - 1 / 200)
    x, z = np.repeat([0, 0, 1, 1], counts.ravel()), np.repeat([0, 1, 0, 1], counts.ravel())
    result = mutual_information(x, z, random_state=0)
    assert result.estimate == pytest.approx(plain - 1 / 200)
    assert (result.method, result.units) == ("plug-in, Miller-Madow", "nats")
    named = np.array(["low", "high"])[x], np.array(["f", "m"])[z]
    assert estimate(*named) == pytest.approx(result.estimate)


def test_correction_takes_the_bias_out():
    rng = np.random.default_rng(0)
    draws = [estimate(rng.integers(4, size=200), rng.integers(5, size=200)) for _ in range(200)]
    bias = 3 * 4 / 400  # of the plain estimate
    assert abs(np.mean(draws)) < bias / 5
    assert np.std(draws) / np.sqrt(200) < bias / 10  # the mean is that sure


def test_joint_of_labels_sees_what_columns_do_not():
    a, b = np.random.default_rng(0).integers(2, size=(2, 1000))
    parity = a ^ b
    assert estimate(a, parity) < 0.01
    assert estimate(np.c_[a, b], parity) == pytest.approx(np.log(2), abs=0.01)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.where(a, "yes", "no"), "b": pd.Categorical(b)})
    assert estimate(frame, parity) == pytest.approx(np.log(2), abs=0.01)


def test_auto_takes_sparse_tables_for_numbers():
    z = np.arange(60) % 2
    x = np.random.default_rng(0).permutation(60)  # whole numbers, all different
    assert "neighbours" in mutual_information(x, z, n_permutations=0).method
    forced = mutual_information(x, z, n_permutations=0, discrete_x=True)
    assert forced.method.startswith("plug-in")


@pytest.mark.parametrize("kind", ["labels", "mixed", "numbers"])
def test_null_is_calibrated_and_the_control_is_found(kind):
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, z = rng.normal(size=40), rng.normal(size=40)
        x = x > 0 if kind == "labels" else x
        z = z if kind == "numbers" else z > 0
        result = mutual_information(x, z, n_permutations=9, random_state=seed)
        p_values.append(result.p_value)
    # plug-in estimates tie: the test is conservative there, never too bold
    assert np.mean(np.array(p_values) <= 0.1) <= 0.1 + 3 * np.sqrt(0.09 / 200)
    assert np.mean(p_values) > 0.45
    x, z = gaussians(0.8, 100)
    x = x > 0 if kind == "labels" else x
    z = z if kind == "numbers" else z > 0
    found = mutual_information(x, z, random_state=0)
    assert found.p_value == 0.01
    assert found.estimate > found.null_high


def test_sub_sampling_is_said():
    x, z = gaussians(0.5, 500)
    result = mutual_information(x, z, max_samples=200, n_permutations=0, random_state=0)
    assert result.n_rows == 200
    assert result.estimate != estimate(x, z)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors=0"),
        ({"n_neighbors": 50}, "Got 50 rows for n_neighbors=50"),
        ({"n_permutations": -1}, "n_permutations=-1"),
        ({"level": 1.0}, "level=1.0"),
        ({"discrete_x": True}, "swap the two"),
        ({"Z": [np.nan] * 50}, "50 missing values"),
        ({"Z": np.arange(49.0)}, "50 rows"),
    ],
)
def test_bad_input_is_named(options, message):
    x, z = gaussians(0.5, 50)
    with pytest.raises(ValueError, match=message):
        mutual_information(x, **({"Z": z} | options))


def test_result_reads_pickles_and_tabulates():
    pytest.importorskip("pandas")
    x, z = gaussians(0.9, 200)
    result = mutual_information(x, z, n_permutations=19, random_state=0)
    assert isinstance(result, DependenceResult)
    assert pickle.loads(pickle.dumps(result)) == result
    assert float(result) == result.estimate
    assert str(result).startswith("mutual information 0.")
    assert "nats, null" in str(result)
    assert "p=0.05, 200 rows, 3 nearest neighbours" in str(result)
    assert result.to_frame().loc[0, "p_value"] == 0.05
    bare = mutual_information(x, z, n_permutations=0)
    assert np.isnan(bare.p_value)
    assert "null" not in str(bare)


# The four utilities


def logistic_data(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    p = 1 / (1 + np.exp(-3 * X[:, 0]))
    return X, (rng.uniform(size=n) < p).astype(int), p


def test_utilities_against_the_true_probabilities():
    X, y, p = logistic_data()
    found = transport_utilities(X, X, y, estimator=LogisticRegression(), random_state=0)
    entropy = np.mean(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert found.conditional_entropy == pytest.approx(entropy, abs=4 * found.standard_error)
    assert found.energy == pytest.approx(np.mean(p**2 + (1 - p) ** 2), abs=4 * found.energy_error)
    assert found.entropy_y == pytest.approx(np.log(2), abs=1e-2)
    assert found.kl == pytest.approx(found.entropy_y + found.conditional_entropy)
    assert found.information == pytest.approx(found.information_ceiling, rel=0.01)
    assert found.distortion == 0


@pytest.mark.parametrize("estimator", ["linear", "boosting", "neighbors"])
def test_nothing_kept_is_never_more_than_nothing(estimator):
    X, y, _ = logistic_data(600)
    noise = np.random.default_rng(5).normal(size=X.shape)
    found = transport_utilities(X, noise, y, estimator=estimator, random_state=0)
    assert found.kl < 3 * found.standard_error
    assert found.energy < found.energy_null + 3 * found.energy_error
    assert found.information < 0.1 < found.information_ceiling
    assert found.distortion == pytest.approx(2, abs=0.3)  # an independent copy


def test_information_of_x_and_x_hat_is_gaussian():
    x, x_hat = gaussians(0.9, 2000)
    found = transport_utilities(x, x_hat, x > 0, estimator="linear", random_state=0)
    assert found.information == pytest.approx(-0.5 * np.log(1 - 0.81), abs=0.06)
    assert found.distortion == pytest.approx(2 - 2 * 0.9, abs=0.05)


def test_continuous_outcomes_are_cut_and_columns_may_differ():
    X, y = load_diabetes(return_X_y=True)
    found = transport_utilities(X, X[:, :4], y, n_bins=4, estimator="linear", random_state=0)
    assert found.entropy_y == pytest.approx(np.log(4), abs=0.01)
    assert found.energy_null == pytest.approx(0.25, abs=0.01)
    assert 0.05 < found.kl < 1
    assert np.isnan(found.distortion)
    assert "lower bound" in str(found)
    frame = load_diabetes(as_frame=True).data  # a map gives an array of what was a frame
    moved = transport_utilities(frame, X + 1, y, n_bins=4, estimator="linear", random_state=0)
    assert moved.distortion > 0
    pytest.importorskip("pandas")
    assert found.to_frame().shape == (1, 11)


def test_tables_of_categories():
    pd = pytest.importorskip("pandas")
    X, y, _ = logistic_data(400)
    frame = pd.DataFrame({"a": np.where(X[:, 0] > 0, "p", "n"), "b": X[:, 1]})
    blank = frame.assign(a="p")
    full = transport_utilities(frame, frame, y, random_state=0)
    less = transport_utilities(frame, blank, y, random_state=0)
    assert full.kl > 0.2 > 0.02 > less.kl
    assert less.distortion > full.distortion == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X_hat": np.zeros((5, 2))}, "X with 60 rows and X_hat with 5"),
        ({"y": np.zeros(60)}, "at least two"),
        ({"y": np.r_[np.zeros(58), 1, 1].astype(int)}, "a class of 2 rows, expected at least 5"),
        ({"y": [np.nan] * 60}, "missing"),
        ({"estimator": "trees"}, "probe='trees'"),
    ],
)
def test_bad_utilities_input(change, message):
    X, y, _ = logistic_data(60)
    with pytest.raises(ValueError, match=message):
        transport_utilities(**({"X": X, "X_hat": X, "y": y} | change))


# Along the strength


def test_rate_distortion_is_monotone_where_theory_is():
    X, y = load_iris(return_X_y=True)
    X = np.vstack([X] * 4) + np.random.default_rng(0).normal(0, 0.3, size=(600, 4))
    z = np.tile(y > 0, 4)
    curve = rate_distortion(
        GaussianBarycenter(), X, z, y=np.tile(y, 4), strengths=[0, 0.5, 1], estimator="linear",
        pass_sensitive=True, random_state=0,
    )  # fmt: skip
    distortion, leak, information, kl = (
        [point[name] for point in curve] for name in ("distortion", "leak", "information", "kl")
    )
    assert distortion[0] == 0
    # on the geodesic the distance grows in proportion to the strength
    assert distortion[1] / distortion[2] == pytest.approx(0.25, abs=1e-9)
    assert leak[0] > 0.55 > 0.02 > leak[2]
    assert information[0] > information[1] > information[2]
    assert kl[0] > kl[2]
    again = rate_distortion(
        GaussianBarycenter(), X, z, y=np.tile(y, 4), strengths=[0.5], estimator="linear",
        pass_sensitive=True, random_state=0,
    )  # fmt: skip
    assert again[0] == curve[1]  # the draws do not depend on the other strengths
    pytest.importorskip("pandas")
    assert curve.to_frame()["strength"].tolist() == [0, 0.5, 1]
    assert "distortion" in str(curve)


class Memoriser(TransformerMixin, BaseEstimator):
    """Blank the rows it was fitted on, pass on all others."""

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, X, y=None):
        self.seen_ = {row.tobytes() for row in X}
        return self

    def transform(self, X):
        return np.array([row * (1 - self.strength * (row.tobytes() in self.seen_)) for row in X])


def test_rate_distortion_is_of_fresh_rows():
    X, z, _ = logistic_data(400)
    curve = rate_distortion(Memoriser(), X, z, strengths=[0, 1], estimator="linear", random_state=0)
    assert curve[0] | {"strength": 1.0} == curve[1]
    assert curve[1]["leak"] > 0.1


def test_rate_distortion_needs_the_parameter():
    X, y, _ = logistic_data(60)
    with pytest.raises(ValueError, match="strength"):
        rate_distortion(FunctionTransformer(), X, y)
