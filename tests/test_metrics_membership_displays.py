"""Displays of forgetting rows: the numbers behind the pictures, and that pictures are drawn."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from skunlearn.metrics import (
    ForgettingDistributionDisplay,
    MembershipRocDisplay,
    membership_inference,
)

pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="module")
def trees():
    X, y = load_breast_cancer(return_X_y=True)
    y[::5] = 1 - y[::5]  # a fifth of the labels is wrong: something to know by heart
    parts = X[:100], y[:100], X[100:400], y[100:400], X[400:500], y[400:500]
    models = {
        "no-op": ExtraTreesClassifier(10, random_state=0).fit(X[:400], y[:400]),
        "refit": ExtraTreesClassifier(10, random_state=1).fit(X[100:400], y[100:400]),
    }
    return models, parts


def test_curves_of_several_models(trees):
    models, parts = trees
    found = membership_inference(models, *parts, n_shadows=8, random_state=0)
    display = MembershipRocDisplay.from_result(found)
    assert set(display.curves) == {"no-op", "refit"}
    for name, result in found.items():
        assert display.auc[name] == pytest.approx(result.auc)
    display.plot()
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[0] == "chance" and labels[1].startswith("no-op (AUC 0.9")
    frame = display.frame()
    assert frame.groupby("name")["tpr"].max().tolist() == [1.0, 1.0]
    assert display.plot(log=True).ax_.get_xscale() == "log"


def test_from_estimator_is_attack_and_picture(trees):
    models, parts = trees
    display = MembershipRocDisplay.from_estimator(
        models["no-op"], *parts, n_shadows=8, random_state=0
    )
    assert display.auc["ExtraTreesClassifier"] > 0.9
    assert display.ax_.figure is display.figure_


def test_rates_are_marked_where_they_are_numbers():
    rng = np.random.default_rng(0)
    few = MembershipRocDisplay.from_predictions(rng.normal(size=50), rng.normal(size=999))
    assert len(few.plot().ax_.texts) == 0
    many = MembershipRocDisplay.from_predictions(rng.normal(size=50) + 3, rng.normal(size=20_000))
    texts = [text.get_text() for text in many.plot(log=True).ax_.texts]
    assert len(texts) == 2 and texts[0].endswith("at 1.0%") and texts[1].endswith("at 0.1%")
    truth = np.repeat([1, 0], [50, 20_000])
    expected = roc_auc_score(truth, np.concatenate(many.scores["attack"]))
    assert many.auc["attack"] == pytest.approx(expected)


@pytest.mark.parametrize("statistic", ["loss", "entropy"])
def test_distributions_of_models(trees, statistic):
    models, parts = trees
    refits = [ExtraTreesClassifier(10, random_state=i).fit(*parts[2:4]) for i in (2, 3)]
    display = ForgettingDistributionDisplay.from_estimator(
        models["refit"],
        *parts[:2],
        *parts[4:],
        original=models["no-op"],
        refits=refits,
        statistic=statistic,
    )
    mean = display.frame().groupby("rows")["value"].mean()
    # before, the model knows the rows by heart; afterwards it is as unsure of them as refits are
    assert mean["forget, original"] < 0.2 * mean["forget"]
    assert 0.5 < mean["forget"] / mean["forget, refit"] < 2
    assert len(display.frame()) == 100 * 5
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [
        "forget rows, 2 refits",
        "unseen rows",
        "forget rows",
        "forget rows, before",
    ]


def test_losses_of_a_regressor():
    X, y = load_diabetes(return_X_y=True)
    model = Ridge(alpha=1e-3).fit(X[50:300], y[50:300])
    display = ForgettingDistributionDisplay.from_estimator(model, X[:50], y[:50], X[300:], y[300:])
    both = np.r_[np.arange(50), np.arange(300, len(y))]
    expected = ((model.predict(X[both]) - y[both]) / np.std(y[both])) ** 2
    np.testing.assert_allclose(np.r_[display.forget, display.unseen], expected)
    assert display.ax_.get_xscale() == "log"
    assert display.plot(log=False).ax_.get_xscale() == "linear"


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="Got statistic='accuracy'"):
        ForgettingDistributionDisplay([1.0], [1.0], statistic="accuracy")
    with pytest.raises(ValueError, match=r"Got unseen of shape \(0,\)"):
        ForgettingDistributionDisplay.from_predictions([1.0], [])
    with pytest.raises(ValueError, match=r"Got refits of shape \(1, 1, 2\)"):
        ForgettingDistributionDisplay([1.0], [1.0], refits=[[[1.0, 2.0]]])
    with pytest.raises(ValueError, match="expected finite numbers"):
        MembershipRocDisplay.from_predictions([np.inf], [0.0])
