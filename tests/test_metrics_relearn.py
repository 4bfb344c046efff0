"""Relearn time: what was hidden comes back soon, what was never there does not."""

import copy

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from skunlearn.metrics import relearn_time


def nets(hidden_class):
    """Rows of a class, and nets that know it, hide it (by one number), and never saw it."""
    X, y = load_digits(n_class=4, return_X_y=True)
    X = X / 16
    gone = y == hidden_class
    classes = np.unique(y)

    def trained(rows, seed):
        net = MLPClassifier([15], learning_rate_init=0.01, random_state=seed)
        for _ in range(40):
            net.partial_fit(X[rows], y[rows], classes=classes)
        return net

    original = trained(y >= 0, 0)
    hiding = copy.deepcopy(original)
    hiding.intercepts_[-1][hidden_class] -= 15
    return X[gone], y[gone], original, hiding, [trained(~gone, seed) for seed in range(1, 6)]


@pytest.mark.parametrize("hidden", [1, 3])
def test_a_hidden_class_comes_back_sooner_than_one_that_was_never_seen(hidden):
    X, y, original, hiding, refits = nets(hidden)
    assert hiding.score(X, y) < 0.3  # by its outputs it has forgotten
    before = copy.deepcopy(hiding.coefs_)
    found = relearn_time(hiding, original, X, y, refits=refits[1:])
    assert found.steps < found.refit_steps.min()
    assert found.p_value == 1 / 5 and found.ratio < 0.7
    refit = relearn_time(refits[0], original, X, y, refits=refits[1:])
    assert refit.ratio > 0.5 and refit.p_value > 1 / 5
    for now, then in zip(hiding.coefs_, before, strict=True):
        np.testing.assert_array_equal(now, then)  # copies learned, the model did not
    assert relearn_time(original, original, X, y).steps == 0


def test_steps_of_ones_own_and_where_to_give_up():
    X, y = load_wine(return_X_y=True)
    X = scale(X)
    gone = y == 2
    refit = LogisticRegression().fit(X[~gone], y[~gone])
    seen = []

    def step(model):
        seen.append(len(seen) + 1)  # each step refits on ten more of the forget rows
        some = np.r_[np.flatnonzero(~gone), np.flatnonzero(gone)[: 10 * len(seen)]]
        return LogisticRegression().fit(X[some], y[some])

    found = relearn_time(refit, 1.0, X[gone], y[gone], step=step)
    assert found.steps == len(seen) <= 5 and found.target == 1.0
    assert found.curve[0] == 0 and found.curve[-1] == 1.0
    given_up = relearn_time(refit, 1.0, X[gone], y[gone], step=lambda model: None, max_steps=3)
    assert given_up.steps == np.inf and len(given_up.curve) == 4
    assert "more steps than were tried" in str(given_up) and "says nothing" in str(given_up)


def test_a_score_of_ones_own():
    X, y, original, hiding, refits = nets(3)

    def probability(model, X, y):
        return np.mean(model.predict_proba(X)[:, 3])

    by_loss = relearn_time(
        hiding, original, X, y, refits=refits[:2], scoring=probability, tolerance=0.05
    )
    assert by_loss.target > 0.9 and by_loss.curve[0] < by_loss.curve[1]
    assert set(by_loss.to_frame()["model"]) == {"unlearned", "refit 0", "refit 1"}
    assert "p = " in str(by_loss)


def test_bad_input_is_refused():
    X, y = load_wine(return_X_y=True)
    model = SGDClassifier(random_state=0).fit(scale(X), y)
    for options, words in [
        ({"max_steps": 0}, "Got max_steps=0"),
        ({"tolerance": -0.1}, "Got tolerance=-0.1"),
        ({"refits": [LogisticRegression().fit(scale(X), y)]}, "LogisticRegression has no partial"),
    ]:
        with pytest.raises(ValueError, match=words):
            relearn_time(model, model, scale(X), y, **options)
    with pytest.raises(ValueError, match="178 rows in X_forget and 9 targets"):
        relearn_time(model, model, X, y[:9])
