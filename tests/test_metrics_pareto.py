"""The picture of utility against leakage: the frontier, and the numbers behind it."""

import builtins

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skunlearn.feature_unlearning import InformationRegularizedLogisticRegression
from skunlearn.metrics import ParetoDisplay, make_leakage_scorer


@pytest.fixture(scope="module")
def search():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    z = X[:, 0] > 0
    scoring = {"utility": "roc_auc", "leakage": make_leakage_scorer("linear")}
    with sklearn.config_context(enable_metadata_routing=True):
        model = InformationRegularizedLogisticRegression().set_fit_request(sensitive_features=True)
        grid = {"gamma": [0.0, 1.0, 100.0]}
        found = GridSearchCV(model, grid, scoring=scoring, cv=3, refit=False)
        return found.fit(X[:, 1:11], y, sensitive_features=z)


def brute(utility, leakage):
    """Candidates that none beats, one by one."""
    pairs = list(zip(utility, leakage, strict=True))
    return [not any(u >= a and v <= b and (u > a or v < b) for u, v in pairs) for a, b in pairs]


def test_the_frontier_holds_what_no_other_beats():
    rng = np.random.default_rng(0)
    utility, leakage = rng.integers(0, 8, (2, 40)) / 8  # with ties and copies
    display = ParetoDisplay(utility, leakage)
    assert display.on_frontier.tolist() == brute(utility, leakage)
    assert 1 < display.on_frontier.sum() < 20
    assert not ParetoDisplay([np.nan, 1], [0.0, 0.5]).on_frontier[0]


def test_from_search_shows_the_numbers_of_the_search(search):
    plt = pytest.importorskip("matplotlib.pyplot")
    _, ax = plt.subplots()
    display = ParetoDisplay.from_search(search, ax=ax, name="gamma")
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    results = search.cv_results_
    frame = display.frame()
    assert frame["candidate"].tolist() == ["0", "1", "100"]
    assert np.array_equal(frame["utility"], results["mean_test_utility"])
    assert np.array_equal(frame["leakage"], -results["mean_test_leakage"])
    assert np.array_equal(frame["leakage_std"], results["std_test_leakage"])
    assert frame["leakage"][0] > frame["leakage"][2]
    x, y = ax.lines[0].get_data()
    assert (np.diff(x) >= 0).all()  # along the frontier
    assert (np.diff(y) >= 0).all()
    assert len(x) == display.on_frontier.sum()
    assert sorted(text.get_text() for text in ax.texts) == sorted(
        frame["candidate"][display.on_frontier]
    )
    assert ax.get_xlabel() == "leakage (0 is chance)"
    assert ax.get_legend_handles_labels()[1][0] == "gamma"
    assert not display.plot(annotate=False).ax_.texts
    plt.close("all")


def test_labels_tell_what_differs():
    class Search:
        cv_results_ = {
            "params": [
                {"a__C": 1.0, "b": "x", "c": None},
                {"a__C": 0.25, "b": "y", "c": None},
                {"a__C": 0.25, "c": None},
            ],
            **{f"{k}_test_{m}": np.arange(3.0) for k in ("mean", "std") for m in ("auc", "leak")},
        }

    display = ParetoDisplay._of_search(Search(), "auc", "leak")
    assert display.labels == ["C=1, b=x", "C=0.25, b=y", "C=0.25, b=None"]
    assert display.utility_name == "auc"


def test_what_is_missing_is_named(search):
    with pytest.raises(ValueError, match="without cv_results_: fit it first"):
        ParetoDisplay.from_search(GridSearchCV(LogisticRegression(), {}))
    with pytest.raises(ValueError, match=r"Got 'auc', expected one of .*'utility', 'leakage'"):
        ParetoDisplay.from_search(search, utility="auc")
    with pytest.raises(ValueError, match=r"Got leakage of shape \(1,\), expected \(2,\)"):
        ParetoDisplay([1, 2], [1])
    with pytest.raises(ValueError, match="Got 1 labels for 2"):
        ParetoDisplay([1, 2], [1, 2], labels=["a"])


def test_matplotlib_is_asked_for_only_when_a_picture_is(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    display = ParetoDisplay([1.0, 2.0], [0.0, 1.0])
    assert display.on_frontier.all()
    with pytest.raises(ImportError, match=r"skunlearn\[plot\]"):
        display.plot()
