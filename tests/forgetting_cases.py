"""Two requests to small nets on digits, with nets that never saw the rows: what tests compare."""

import copy
import dataclasses
import functools

import numpy as np
import pytest
from sklearn.datasets import load_digits

pytest.importorskip("torch")
pytest.importorskip("skorch")

from skunlearn.neural_network import HeldOut, NeuralNetClassifier

KEPT = ("head", "importances", "output_importances")


@dataclasses.dataclass(frozen=True)
class Case:
    """Rows to forget and to retain, a net that saw both, two that saw the latter only."""

    X: np.ndarray
    y: np.ndarray
    forget: np.ndarray
    retain: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    net: NeuralNetClassifier
    refits: tuple

    def request(self):
        """Arguments of `unlearn`."""
        return {
            "X": self.X[self.forget],
            "y": self.y[self.forget],
            "X_retain": self.X[self.retain],
            "y_retain": self.y[self.retain],
        }

    def unlearned(self, unlearner):
        """Let a copy of the net forget."""
        net = copy.deepcopy(self.net).set_params(unlearner=unlearner)
        return net.unlearn(**self.request())

    def on(self, net, which):
        """Accuracy on the "forget", "retain" or "test" rows."""
        rows = {"forget": self.forget, "retain": self.retain}
        if which == "test":
            return net.score(self.X_test, self.y_test)
        return net.score(self.X[rows[which]], self.y[rows[which]])

    def distance(self, one, other):
        """Total variation between what two nets say of the forget rows, the mean over them."""
        p, q = (net.predict_proba(self.X[self.forget]) for net in (one, other))
        return 0.5 * np.abs(p - q).sum(axis=1).mean()

    def to_refits(self, net):
        """Mean distance to the nets that never saw the forget rows."""
        return np.mean([self.distance(net, refit) for refit in self.refits])

    @property
    def null(self):
        """Distance between two such nets."""
        return self.distance(*self.refits)


def _net(max_epochs, seed, keep=()):
    return NeuralNetClassifier(
        max_epochs=max_epochs,
        random_state=seed,
        keep=keep,
        lr=0.003,
        train_split=HeldOut(0.3),
        classes=np.arange(10),
    )


def _digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def _case(y, forget, X, X_test, y_test, max_epochs):
    retain = np.setdiff1d(np.arange(len(X)), forget)
    net = _net(max_epochs, 0, KEPT).fit(X, y)
    refits = tuple(_net(max_epochs, seed).fit(X[retain], y[retain]) for seed in (1, 2))
    return Case(X, y, forget, retain, X_test, y_test, net, refits)


@functools.cache
def one_class():
    """All threes of 1200 digits."""
    X, y = _digits()
    return _case(y[:1200], np.flatnonzero(y[:1200] == 3), X[:1200], X[1200:], y[1200:], 15)


@functools.cache
def noisy_rows():
    """A random twelfth of 1200 digits with a fifth of the labels wrong: they were memorised."""
    X, y = _digits()
    rng = np.random.RandomState(0)
    noisy = y[:1200].copy()
    wrong = np.flatnonzero(rng.rand(1200) < 0.2)
    noisy[wrong] = (noisy[wrong] + rng.randint(1, 10, len(wrong))) % 10
    forget = rng.choice(1200, 100, replace=False)
    return _case(noisy, forget, X[:1200], X[1200:], y[1200:], 80)
