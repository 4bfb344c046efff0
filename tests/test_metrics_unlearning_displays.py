"""Displays of forgetting: methods beside refits, and the path of the marginal information."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier

from skunlearn.audit import compare_unlearners
from skunlearn.metrics import MarginalInformationDisplay, UnlearningTradeoffDisplay

plt = pytest.importorskip("matplotlib.pyplot", reason="displays draw with matplotlib")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def wrong(load, n):
    """Rows with n wrong labels first, in thirds: forget, retain, test."""
    X, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))[:500]
    X, y = X[order] / X.max(axis=0).clip(1e-9), y[order].copy()
    y[:n] = (y[:n] + 1) % (y.max() + 1)
    return X[:n], y[:n], X[n:350], y[n:350], X[350:], y[350:]


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_methods_beside_refits(load):
    parts = wrong(load, 40)
    whole = np.vstack([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]])
    original = RandomForestClassifier(10, random_state=0).fit(*whole)
    methods = {
        "nothing": copy.deepcopy(original),
        "refit": clone(original).set_params(random_state=5).fit(*parts[2:4]),
    }
    found = compare_unlearners(methods, original, *parts, n_refits=9, random_state=0)
    for forgetting in ("loss", "distance", "membership"):
        display = UnlearningTradeoffDisplay.from_comparison(found, forgetting=forgetting)
        frame = display.frame().set_index("model")
        assert list(frame["kind"].value_counts().loc[["method", "refit", "original"]]) == [2, 9, 1]
        assert not frame.loc["nothing", "in_band"]
        assert frame.loc["nothing", "utility"] == pytest.approx(frame.loc["original", "utility"])
        assert display.ax_.get_ylabel() == "test score"
        texts = [text.get_text() for text in display.ax_.texts]
        assert sorted(texts) == ["nothing", "refit"]
    losses = UnlearningTradeoffDisplay.from_comparison(found).frame().set_index("model")
    refits = losses[losses["kind"] == "refit"]["forgetting"]
    assert losses.loc["nothing", "forgetting"] < 0.7 * refits.min()
    assert losses.loc["refit", "forgetting"] > 0.8 * refits.min()


def test_the_band_by_hand():
    display = UnlearningTradeoffDisplay.from_predictions(
        ["in", "left", "low"], [1.0, 0.5, 1.1], [0.8, 0.8, 0.5], [0.9, 1.2], [0.7, 0.9],
        forgetting_name="loss",
    )  # fmt: skip
    assert display.in_band.tolist() == [True, False, False]
    ax = plt.figure().subplots()
    assert display.plot(ax=ax).figure_ is ax.figure and ax.get_xlabel() == "loss"


def test_the_path_goes_to_the_level_of_unseen_rows():
    # a model that knows the forget rows, the same tuned on the others, and one that never saw them
    X_f, y_f, X_r, y_r, X_t, y_t = wrong(load_digits, 120)
    y_t = (y_t + 1) % 10  # unseen rows with wrong labels, as the forget rows have
    knows = SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0)
    for _ in range(150):
        knows.partial_fit(np.vstack([X_f, X_r]), np.concatenate([y_f, y_r]), np.unique(y_r))
    tuned = copy.deepcopy(knows)
    for _ in range(5):
        tuned.partial_fit(X_r, y_r)
    never = clone(knows)
    for _ in range(150):
        never.partial_fit(X_r, y_r, np.unique(y_r))
    path = {0: knows, 5: tuned, 200: never}
    options = {"X_unseen": X_t, "y_unseen": y_t, "share": 1.0, "random_state": 0}
    display = MarginalInformationDisplay.from_estimator(
        path, X_r, y_r, X_f, y_f, options=options, steps_name="epoch"
    )
    frame = display.frame()
    assert list(frame["step"]) == [0, 5, 200]
    assert frame["information"].is_monotonic_increasing
    assert frame["information"][2] == pytest.approx(frame["unseen"][2], rel=0.2)
    assert frame["information"][0] < 0.7 * frame["unseen"][0]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[1] == "unseen rows: the level to reach"
    assert display.ax_.get_xlabel() == "epoch"
    named = MarginalInformationDisplay.from_predictions(display.results, steps=list("abc")).plot()
    assert [label.get_text() for label in named.ax_.get_xticklabels()] == list("abc")
    for change, message in [
        ({"results": []}, "Got no results"),
        ({"steps": [1]}, "Got 1 steps for 3 results"),
    ]:
        with pytest.raises(ValueError, match=message):
            MarginalInformationDisplay(**{"results": display.results, **change})


def test_wrong_use():
    with pytest.raises(ValueError, match="Got forgetting='f1'"):
        UnlearningTradeoffDisplay.from_comparison({}, forgetting="f1")
    with pytest.raises(ValueError, match="without methods"):
        UnlearningTradeoffDisplay.from_comparison({})
    for given in [(["a"], [1], [1, 2], [1], [1]), (["a"], [1], [1], [], [])]:
        with pytest.raises(ValueError, match="expected"):
            UnlearningTradeoffDisplay(*given)
