"""What the display draws are the groups' densities and shares, before and after, on fresh rows."""

import sys

import numpy as np
import pytest

from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.metrics import GroupDistributionDisplay

SEX = np.repeat(["f", "m"], 200)


def table(seed=0):
    X = np.random.default_rng(seed).normal(size=(400, 2))
    X[SEX == "m", 0] += 3
    return X


@pytest.mark.parametrize("as_frame", [False, True])
def test_from_transformer_shows_fresh_rows(as_frame):
    pd = pytest.importorskip("pandas")
    X, barycenter = table(), GaussianBarycenter()
    options = {"pass_sensitive": True}
    if as_frame:
        X = pd.DataFrame(X, columns=["a", "b"]).assign(sex=SEX)
        barycenter, options = GaussianBarycenter(sensitive_columns=["sex"]), {}
        barycenter.set_output(transform="pandas")
    display = GroupDistributionDisplay.from_transformer(
        barycenter, X, SEX, random_state=0, **options
    )
    assert list(display.before) == (["a", "b"] if as_frame else ["x0", "x1"])
    assert len(display.groups) == 200  # the half that the map has not seen
    gaps = [
        abs(np.mean(part[display.groups == "m"]) - np.mean(part[display.groups == "f"]))
        for part in (next(iter(display.before.values())), next(iter(display.after.values())))
    ]
    assert gaps[0] > 2.5
    assert 1e-6 < gaps[1] < 0.5  # small, and not the zero of its own rows
    assert not hasattr(barycenter, "groups_")  # a clone was fitted


def test_numbers_behind_the_picture():
    pytest.importorskip("pandas")
    X = table()
    X[:, 1] = np.arange(400) % 4 == 0
    frame = GroupDistributionDisplay.from_arrays(X, X * [1, 0], SEX).frame()
    density = frame[(frame["column"] == "x0") & (frame["stage"] == "before")]
    assert set(density["kind"]) == {"density"}
    for _, curve in density.groupby("group"):
        step = np.diff(curve["value"]).mean()
        assert curve["height"].sum() * step == pytest.approx(1, abs=0.02)
    m = density[density["group"] == "m"]
    assert m["value"][m["height"].idxmax()] == pytest.approx(3, abs=0.5)
    shares = frame[(frame["column"] == "x1") & (frame["group"] == "f")]
    assert shares["kind"].tolist() == ["share"] * 4
    assert shares["height"].tolist() == [0.75, 0.25, 1.0, 0.0]


def test_categories_missing_values_and_constants():
    pd = pytest.importorskip("pandas")
    X = table()
    X[:5, 0] = np.nan
    before = pd.DataFrame(X, columns=["a", "b"]).assign(c=np.where(X[:, 1] > 0, "p", "n"))
    after = before.assign(a=np.where(SEX == "f", 1.0, X[:, 1]))
    display = GroupDistributionDisplay.from_arrays(before, after, SEX, columns=["c", "a"])
    frame = display.frame()
    assert frame["column"].unique().tolist() == ["c", "a"]
    assert frame.loc[frame["column"] == "c", "value"].unique().tolist() == ["n", "p"]
    assert np.isfinite(frame["height"]).all()


def test_plot():
    plt = pytest.importorskip("matplotlib.pyplot")
    X = table()
    X[:, 1] = np.round(X[:, 1])
    display = GroupDistributionDisplay.from_arrays(X, X, SEX, feature_names=["wage", "grade"])
    try:
        assert display.plot() is display
        assert display.axes_.shape == (2, 2)
        assert display.axes_[0, 0].get_title() == "wage, before"
        assert display.axes_[1, 1].get_title() == "grade, after"
        labels = [text.get_text() for text in display.axes_[0, 0].get_legend().get_texts()]
        assert labels == ["f", "m"]
        assert len(display.axes_[0, 0].lines) == 2
        assert len(display.axes_[1, 0].patches) == 2 * len(np.unique(X[:, 1]))
        display.figure_.canvas.draw()
        axes = plt.figure().subplots(1, 2)
        assert display.plot(axes, max_columns=1).axes_[0, 0] is axes[0]
    finally:
        plt.close("all")


def test_matplotlib_is_asked_for_when_plotting_only(monkeypatch):
    display = GroupDistributionDisplay.from_arrays(table(), table(), SEX)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install matplotlib.*frame\(\)"):
        display.plot()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"after": table()[:, :1]}, r"after of shape \(400, 1\)"),
        ({"groups": SEX[:-1]}, "400 rows and"),
        ({"groups": ["f"] * 400}, "expected at least two"),
        ({"feature_names": ["a"]}, "1 feature_names for 2 columns"),
        ({"columns": ["a"]}, r"column 'a', expected one of \['x0', 'x1'\]"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"before": table(), "after": table(), "groups": SEX}
    with pytest.raises(ValueError, match=message):
        GroupDistributionDisplay.from_arrays(**(given | change))
