"""Nets under the audit: what did nothing is caught, what was retrained passes."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

pytest.importorskip("torch")
pytest.importorskip("skorch")

from skunlearn.audit import audit_unlearning, compare_unlearners
from skunlearn.neural_network import FineTune, NeuralNetClassifier


@pytest.fixture(scope="module")
def case():
    """Rows with wrong labels among them, a net that learned these by heart, and rows to test."""
    X, y = load_digits(return_X_y=True)
    X, y = (X / 16).astype(np.float32), y.copy()
    forget = np.arange(30)
    y[forget] = (y[forget] + 1) % 10
    net = NeuralNetClassifier(
        hidden_layer_sizes=(64,), max_epochs=40, lr=0.01, keep=(), random_state=0
    ).fit(X[:400], y[:400])
    assert net.score(X[forget], y[forget]) > 0.5  # wrong labels: unseen ones are at 0
    return net, (X[:30], y[:30], X[30:400], y[30:400], X[400:800], y[400:800])


def test_a_net_that_did_nothing_is_caught_and_a_retrained_one_is_not(case):
    net, rows = case
    again = {str(s): clone(net).set_params(random_state=s).fit(*rows[2:4]) for s in (97, 98, 99)}
    found = compare_unlearners({"nothing": copy.deepcopy(net)} | again, net, *rows, random_state=0)
    assert not found["nothing"].passed and "no-op" in found["nothing"].alarms
    # each is told apart by chance once in twenty
    assert sum(found[name].passed for name in again) >= 2


def test_a_class_that_went_whole_is_audited(case):
    net, (X, y, X_more, y_more, *test) = case
    X, y = np.concatenate([X, X_more]), np.concatenate([y, y_more])
    gone = y == 3
    whole = clone(net).set_params(unlearner=FineTune(n_epochs=1, stopping=None)).fit(X, y)
    model = copy.deepcopy(whole)
    model.unlearn(X[gone], y[gone], X_retain=X[~gone], y_retain=y[~gone])
    rows = (X[gone], y[gone], X[~gone], y[~gone], *test)
    audit = audit_unlearning(whole, model, *rows, n_refits=3, random_state=0)
    assert np.isfinite(audit.moved.number) and audit.moved.number > 0


def test_attacks_on_nets_stand_beside_refits(case):
    net, rows = case
    refit = clone(net).set_params(random_state=99).fit(*rows[2:4])
    found = compare_unlearners(
        {"nothing": copy.deepcopy(net), "refit": refit},
        net,
        *rows,
        n_refits=2,
        membership={"n_shadows": 8, "n_refits": 2},
        relearn={"refits": [refit], "max_steps": 20},
        random_state=0,
    )
    assert found.attacks["nothing"].found and not found.attacks["refit"].found
    frame = found.to_frame()
    assert frame.loc["nothing", "attack_auc"] > frame.loc["(refits, most)", "attack_auc"] + 0.2
    assert frame.loc["nothing", "relearn_steps"] == 0 < frame.loc["(refits)", "relearn_steps"]
