"""Sums of expanded rows: moved in integers, as if the rows had been moved; layouts; multisets."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from skunlearn._reading import Branch, number_block
from skunlearn._statistics._exact import ExactDiagonal, ExactGram
from skunlearn._statistics._expanded import LEVEL, MISSING, NUMBER, ExpandedRows, LevelBlock
from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._learned import Rows
from skunlearn._statistics._tables import LevelTable, NumberTable, level_key
from skunlearn._statistics._values import ValueCounts
from skunlearn.exceptions import NotLearnedError

KINDS = [ExactGram, ExactDiagonal]
GRID = np.array([-20, -3, 0, 0, 0, -30, 0])  # x, x, indicator, indicator, whole, y; and weights


def rows_on_grid(n=60, seed=0, offset=0.0):
    """Numbers with gaps, their indicators, a whole column, and a target, all on the grid."""
    rng = np.random.default_rng(seed)
    X = np.rint((rng.normal(size=(n, 2)) + offset) * [2**20, 2**3]) / [2**20, 2**3]
    missing = rng.random((n, 2)) < 0.3
    X[missing] = 0.0
    whole = rng.integers(-3, 4, (n, 1))
    Y = np.rint(rng.normal(size=(n, 1)) * 2**30) / 2**30
    return np.hstack([X, missing, whole]).astype(np.float64), Y


def weights_of(name, n):
    rng = np.random.default_rng(1)
    return {
        "none": None,
        "whole": rng.integers(0, 5, n).astype(float),
        "fractional": np.rint(rng.uniform(0, 2, n) * 2**32) / 2**32,
    }[name]


def grid_of(weights):
    return np.append(GRID[:-1], -32) if weights == "fractional" else GRID


def store(X, form):
    return sparse.csr_array(X) if form == "sparse" else X


# -- integers moved as the rows would be ------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("weights", ["none", "whole", "fractional"])
@pytest.mark.parametrize("offset", [0.0, 3e6])
def test_recentred_sums_are_those_of_recentred_rows(kind, form, weights, offset):
    X, Y = rows_on_grid(offset=offset)
    w, grid = weights_of(weights, len(X)), grid_of(weights)
    pivots = np.array([2**20 * 3 + 1, -77], dtype=object)
    sums = kind.of(store(X, form), Y, weights=w, exponents=grid)
    moved = X.copy()
    for j, pivot in enumerate(pivots):
        present = X[:, 2 + j] == 0
        moved[present, j] -= np.ldexp(float(pivot), int(grid[j]))
    expected = kind.of(moved, Y, weights=w, exponents=grid)
    got = sums.recentred(np.array([0, 1]), np.array([2, 3]), pivots)
    assert got == expected
    assert got.digest() == expected.digest() != sums.digest()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("weights", ["none", "fractional"])
@pytest.mark.parametrize(
    "index",
    [[4, 2, 0, 1, 3, 5], [0, -1, 1, -1, -1, 5], [-1, 2, 5], [5], [3, -1, 5]],
    ids=str,
)
def test_reindexed_sums_are_those_of_reindexed_rows(kind, form, weights, index):
    X, Y = rows_on_grid()
    w, grid = weights_of(weights, len(X)), grid_of(weights)
    index = np.array(index)
    joint = np.hstack([X, Y, np.zeros((len(X), 1))])[:, index]
    exponents = np.append(np.where(index < 0, 0, grid[index]), grid[-1])
    expected = kind.of(joint[:, :-1], joint[:, -1:], weights=w, exponents=exponents)
    got = kind.of(store(X, form), Y, weights=w, exponents=grid).reindexed(index, exponents)
    assert got == expected
    assert got.n_features == len(index) - 1
    assert got.digest() == expected.digest()


def test_moving_there_and_back_is_nothing():
    X, Y = rows_on_grid()
    for kind in KINDS:
        sums = kind.of(X, Y, exponents=GRID)
        columns, indicators = np.array([0, 1]), np.array([2, 3])
        there = sums.recentred(columns, indicators, np.array([5, -9], dtype=object))
        assert there != sums
        assert there.recentred(columns, indicators, np.array([-5, 9], dtype=object)) == sums
        order = np.array([2, 0, 4, 1, 3, 5])
        moved = sums.reindexed(order, np.append(GRID[order], 0))
        back = np.argsort(order)
        assert moved.reindexed(back, GRID) == sums


# -- tables of rows ---------------------------------------------------------------------------


def read(frame, numbers, levels):
    """Expanded rows of a frame, each of two blocks in its place."""
    blocks = [number_block(frame[numbers].to_numpy(np.float64), counted=True)]
    if levels:
        branch = Branch("levels", levels, [], [])
        blocks.append(branch.read(frame, {"levels": True, "dtypes": [None] * len(levels)}, False))
    content = (frame[numbers].to_numpy(np.float64),)
    return ExpandedRows(blocks, Rows(np.zeros((len(frame), 0)), content=content, raw=True))


def table(seed=0, n=80):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": rng.integers(0, 3, n).astype(float),
            "t": rng.choice(["x", "y", "z"], n),
            "u": rng.integers(0, 3, n),
        }
    )
    frame.loc[rng.choice(n, 20, replace=False), "a"] = np.nan
    frame.loc[0, ["t", "b"]] = ["rare", np.nan]
    return frame


def learn(frame, kind="gram", resolution="auto", key=None):
    return read(frame, ["a", "b"], ["t", "u"]).learned(kind=kind, resolution=resolution, key=key)


def request(frame):
    return read(frame, ["a", "b"], ["t", "u"])


@pytest.mark.parametrize("kind", ["gram", "diagonal"])
def test_layout_is_that_of_the_rows_that_remain(kind):
    frame = table()
    learned = learn(frame, kind)
    expected_slots = {
        *((0, NUMBER, j, ()) for j in range(2)),
        *((0, MISSING, j, ()) for j in range(2)),
        *((1, LEVEL, 0, level_key(t)) for t in ("x", "y", "z", "rare")),
        *((1, LEVEL, 1, level_key(u)) for u in range(3)),
    }
    assert set(learned.slots) == expected_slots
    assert list(learned.slots) == sorted(learned.slots)
    less = learned.minus(request(frame[:1]))
    # row 0 alone had the rare town, and a missing b
    assert expected_slots - set(less.slots) == {
        (1, LEVEL, 0, level_key("rare")),
        (0, MISSING, 1, ()),
    }
    refit = learn(frame[1:], kind, learned.exponents)
    assert less.digest() == refit.digest() != learned.digest()
    # and it comes back with the row
    assert less.plus(request(frame[:1])).digest() == learned.digest()


@pytest.mark.parametrize("seed", range(5))
def test_any_history_gives_the_state_of_the_rows_that_remain(seed):
    rng = np.random.default_rng(seed)
    frame = table(seed)
    learned = learn(frame)
    resolution = learned.exponents
    present = np.ones(len(frame), dtype=bool)
    for _ in range(12):
        if rng.random() < 0.6 and present.sum() > 10:
            rows = rng.choice(np.flatnonzero(present), rng.integers(1, 8), replace=False)
            learned = learned.minus(request(frame.iloc[rows]))
            present[rows] = False
        elif not present.all():
            rows = rng.choice(np.flatnonzero(~present), 1)
            learned = learned.plus(request(frame.iloc[rows]))
            present[rows] = True
        rest = frame[present].sample(frac=1, random_state=seed)
        assert learned.digest() == learn(rest, resolution=resolution).digest()
        assert np.array_equal(learned.exponents, resolution)


def test_counts_are_of_rows_whatever_their_weights():
    frame = table()
    rows = request(frame)
    weights = np.random.default_rng(0).random(len(frame))
    rows.row.__dict__["weights"] = weights
    learned = rows.learned(kind="gram", resolution="auto")
    count = dict(zip(learned.slots, learned.counts(), strict=True))
    assert count[1, LEVEL, 0, level_key("x")] == (frame.t == "x").sum()
    assert count[0, MISSING, 0, ()] == 20
    assert all(isinstance(value, int) for value in count.values())
    less = request(frame[:1])
    less.row.__dict__["weights"] = weights[:1]
    assert (1, LEVEL, 0, level_key("rare")) not in learned.minus(less).slots


@pytest.mark.parametrize("key", [None, 1], ids=["unchecked", "checked"])
def test_levels_and_gaps_that_were_never_seen_are_refused(key):
    frame = table()
    learned = learn(frame[1:], key=key and new_key())
    state = learned.digest()
    for column, value, name in (("t", "nowhere", "nowhere"), ("b", np.nan, "missing value")):
        strange = frame[5:6].assign(**{column: value})
        message = "never learned" if key and column == "b" else name
        with pytest.raises(NotLearnedError, match=message):
            learned.minus(request(strange))
    with pytest.raises(NotLearnedError, match="more often than it was learned"):
        learn(frame[1:]).minus(request(frame[5:6].assign(b=17.0)))
    assert learned.digest() == state


def test_moments_of_a_table_are_those_of_its_rows():
    frame = table()
    expanded = learn(frame).moments()
    numbers = NumberTable.of_block(expanded, 0, np.dtype(np.float64))
    weight, mean, variance = numbers.statistics()
    values = frame[["a", "b"]].to_numpy()
    assert np.array_equal(weight, [60, 79])
    assert np.allclose(mean, np.nanmean(values, axis=0), rtol=1e-9)
    assert np.allclose(variance, np.nanvar(values, axis=0), rtol=1e-9)
    imputed = numbers.imputed(np.array([2.0, -5.0])).pushed().pooled
    filled = np.where(np.isnan(values), [2.0, -5.0], values)
    assert np.allclose(imputed.mean, filled.mean(axis=0), rtol=1e-9)
    assert np.allclose(imputed.covariance, np.cov(filled.T, ddof=0), rtol=1e-9)
    levels = LevelTable.of_block(expanded, 1, [np.dtype(object), np.dtype(int)])
    towns = {level.label: level.count for level in levels.columns[0]}
    assert towns == frame.t.value_counts().to_dict()


@pytest.mark.parametrize("n, groups", [(50, 3), (997, 7)])
def test_a_sum_of_indicators_that_is_one_has_no_variance(n, groups):
    labels = np.random.default_rng(0).choice(list("abcdefg")[:groups], n)
    block = LevelBlock(
        [{level_key(x): x for x in sorted(set(labels))}],
        [np.unique(labels, return_inverse=True)[1]],
    )
    rows = ExpandedRows([block], Rows(np.zeros((n, 0))))
    expanded = rows.learned(kind="gram", resolution="auto").moments()
    levels = LevelTable.of_block(expanded, 0, [np.dtype(object)])
    slots = [level.slots[0] for level in levels.columns[0]]
    every, some = levels.indicators([slots, slots[1:]]).pushed().pooled.variance
    assert every == 0
    share = np.mean(labels != "a")
    assert some == pytest.approx(share * (1 - share), rel=1e-12)


def test_equal_labels_have_one_key():
    for same in (
        [True, 1, 1.0, np.int8(1), np.float32(1)],
        [0.0, -0.0, False],
        ["a", np.str_("a")],
    ):
        assert len({repr(level_key(label)) for label in same}) == 1
    missing = [np.nan, float("nan"), pd.NA, pd.NaT, np.float32("nan")]
    assert len({level_key(label) for label in missing}) == 1
    different = [None, np.nan, 1, 1.5, "1", "a", b"a", np.inf, -np.inf]
    assert len({level_key(label) for label in different}) == len(different)
    assert sorted([level_key(x) for x in (None, "b", np.nan, 3, "a", 2.5)]) == [
        level_key(x) for x in (2.5, 3, "a", "b", None, np.nan)
    ]


# -- multisets --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("whole", [True, False])
def test_multisets_follow_their_values(seed, whole):
    rng = np.random.default_rng(seed)
    values = rng.integers(-4, 4, 41) if whole else rng.normal(size=41)
    values = values.astype(float)
    counts = ValueCounts.of(values)
    for n in (41, 40, 17, 2, 1):
        kept = values[:n]
        now = counts - ValueCounts.of(values[n:])
        assert now.median() == np.median(kept)
        assert now.most_frequent() == stats.mode(kept, keepdims=False).mode
        assert len(now) == n
        assert now.digest() == ValueCounts.of(rng.permutation(kept)).digest()
        again = now + ValueCounts.of(values[n:])
        assert again.digest() == counts.digest()
    empty = counts - counts
    assert len(empty) == 0
    assert np.isnan(empty.median())
    assert np.isnan(empty.most_frequent())


def test_multisets_take_back_only_what_they_have():
    counts = ValueCounts.of([1.0, 1.0, -0.0, 5e300])
    for values in ([1.0, 1.0, 1.0], [2.0], [-5e300]):
        with pytest.raises(NotLearnedError, match="more often than it was learned"):
            counts - ValueCounts.of(values)
    assert len(counts - ValueCounts.of([0.0])) == 3  # zero has one sign
    assert ValueCounts.of([5e300, 1.7e308, 1.7e308, 5e300]).median() == np.median([5e300, 1.7e308])


def test_expanded_rows_are_stored_sparse_when_they_are_many(monkeypatch):
    frame = table()
    dense = learn(frame)
    monkeypatch.setattr("skunlearn._statistics._expanded._DENSE", 10)
    monkeypatch.setattr("skunlearn._statistics._expanded._SPARSE", 1.1)
    rows = request(frame)
    assert sparse.issparse(rows.rows(rows.slots()).X)
    for kind, seed in itertools.product(["gram", "diagonal"], [0, 1]):
        again = learn(table(seed), kind)
        assert (again.digest() == dense.digest()) == (kind == "gram" and seed == 0)
    assert (
        dense.minus(request(frame[:9])).digest()
        == learn(frame[9:], "gram", dense.exponents).digest()
    )


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_weighted_statistics_of_what_is_present(offset):
    frame = table()
    values = frame[["a", "b"]].to_numpy()
    weights = np.exp(np.nan_to_num(values[:, 0]))  # the weighted mean is far from the plain one
    rows = read(frame.assign(a=frame.a + offset, b=frame.b + offset), ["a", "b"], [])
    rows.row.__dict__["weights"] = weights
    learned = rows.learned(kind="gram", resolution="auto")
    numbers = NumberTable.of_block(learned.moments(), 0, np.dtype(np.float64))
    present = ~np.isnan(values)
    share = weights[:, None] * present
    mean = (share * np.nan_to_num(values)).sum(axis=0) / share.sum(axis=0)
    variance = (share * np.nan_to_num(values - mean) ** 2).sum(axis=0) / share.sum(axis=0)
    for scaled, factor, shift in (
        (numbers, np.ones(2), np.zeros(2)),
        (numbers.scaled(np.array([2.0, -0.5]), np.array([7.0, 1.0])), [2.0, -0.5], [7.0, 1.0]),
    ):
        got = scaled.statistics()
        assert np.allclose(got[0], share.sum(axis=0), rtol=1e-9)
        assert np.allclose(got[1], (mean + offset) * factor + shift, rtol=1e-9)
        assert np.allclose(got[2], variance * np.square(factor), rtol=1e-8)
