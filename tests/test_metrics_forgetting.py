"""Epsilon and divergence by example: known laws, their nulls, and what must be told apart."""

import numpy as np
import pytest
from scipy import stats

from skunlearn.metrics import forgetting_epsilon, klom


def normal(n, examples=200, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(loc=shift, size=(n, examples))


@pytest.mark.parametrize("n", [64, 256])
def test_null_of_identical_laws(n):
    found = forgetting_epsilon(normal(n), normal(n, seed=1), random_state=0)
    # the known bias of the published estimator
    assert 1.2 < np.median(found.epsilon) < 1.7
    assert 1.2 < np.median(found.null) < 1.7
    assert 0.15 < found.score < 0.27
    assert found.n_told_apart == 0
    assert np.mean(found.lower > 0) < 0.1


def test_false_alarms_are_rare():
    alarms = [
        forgetting_epsilon(normal(32, 20, 2 * i), normal(32, 20, 2 * i + 1)).n_told_apart > 0
        for i in range(100)
    ]
    assert np.mean(alarms) < 0.1


@pytest.mark.parametrize("kept, bound", [(30, 2.03), (100, 3.28)])
def test_no_error_at_all_bounds_epsilon_by_the_number_of_models(kept, bound):
    found = forgetting_epsilon(normal(2 * kept, 5, shift=50.0), normal(2 * kept, 5, 1))
    assert np.isinf(found.epsilon).all()
    np.testing.assert_allclose(found.lower, bound, atol=0.01)
    assert found.n_told_apart == 5


def test_lower_bound_is_one_for_randomised_response():
    # outputs of two values with likelihood ratio e: epsilon is 1, for every threshold
    rng = np.random.default_rng(0)
    p = np.e / (1 + np.e)
    one, other = (rng.random((2000, 60)) < rate for rate in (p, 1 - p))
    found = forgetting_epsilon(one.astype(float), other.astype(float), random_state=0)
    assert np.abs(np.median(found.epsilon) - 1.0) < 0.05
    assert np.mean(found.lower > 1.0) <= 0.1
    assert np.median(found.lower) > 0.8


def test_one_memorised_example_is_found_among_many():
    unlearned, retrained = normal(48, 100), normal(48, 100, 1)
    unlearned[:, 17] += 4
    found = forgetting_epsilon(unlearned, retrained, random_state=0)
    assert found.n_told_apart == 1 and np.argmin(found.p_value) == 17
    assert found.lower[17] == found.lower.max() > 1


def test_direction_is_immaterial():
    above = forgetting_epsilon(normal(64, 9, shift=2), normal(64, 9, 1), random_state=0)
    below = forgetting_epsilon(-normal(64, 9, shift=2), -normal(64, 9, 1), random_state=0)
    np.testing.assert_allclose(above.epsilon, below.epsilon)


def test_report_reads_well():
    found = forgetting_epsilon(normal(16, 4), normal(16, 4, 1), random_state=0)
    text = str(found)
    assert text.startswith("epsilon: median ") and "16 unlearned and 16 retrained" in text
    assert found.to_frame().shape == (4, 4)


def test_klom_of_known_laws():
    same = klom(normal(400), normal(400, seed=1))
    np.testing.assert_allclose(np.median(same), 19 / 2 * (2 / 400), atol=0.02)
    shifted = klom(normal(4000, 20, shift=1.0), normal(4000, 20, 1))
    np.testing.assert_allclose(np.median(shifted), 0.5, atol=0.06)  # of N(1, 1) from N(0, 1)
    assert klom(np.ones((9, 2)), np.ones((9, 2))).tolist() == [0.0, 0.0]


def test_klom_against_scipy():
    one, other = normal(300, 1, shift=0.3), normal(300, 1, 1)
    edges = np.linspace(*np.quantile(np.vstack([one, other]), [0, 1]), 21)
    p, q = (np.maximum(np.histogram(x, edges)[0], 0.5) for x in (one, other))
    np.testing.assert_allclose(klom(one, other)[0], stats.entropy(p, q), atol=0.02)


@pytest.mark.parametrize("function", [forgetting_epsilon, klom])
def test_bad_input_is_refused(function):
    with pytest.raises(ValueError, match=r"Got unlearned of shape \(7, 3\)"):
        function(normal(7, 3), normal(9, 3))
    with pytest.raises(ValueError, match="clip probabilities"):
        function(normal(9, 3), np.full((9, 3), np.inf))
    with pytest.raises(ValueError, match=r"examples|zip"):
        function(normal(9, 3), normal(9, 4))
