"""Exact sums of columns, and exact counts of categories, against Python's integers."""

import collections
import fractions

import numpy as np
import pytest
from scipy import sparse

from skunlearn._statistics import _grid, _limbs
from skunlearn._statistics._counts import ExactCounts
from skunlearn._statistics._exact import ExactDiagonal, ExactGram
from skunlearn._statistics._moments import merge
from skunlearn._statistics._totals import ExactTotals, count_exponents
from skunlearn.exceptions import UnlearningError

KINDS = (ExactTotals, ExactDiagonal, ExactGram)


def exact_sums(X, weights, exponents):
    """Weight and weighted sums of values on the grid, as fractions."""
    units = [fractions.Fraction(2) ** int(e) for e in exponents]
    on_grid = [
        [round(fractions.Fraction(v) / units[j]) for v in X[:, j].tolist()]
        for j in range(X.shape[1])
    ]
    w = [round(fractions.Fraction(v) / units[-1]) * units[-1] for v in weights.tolist()]
    sums = [
        units[j] * sum(a * b for a, b in zip(w, column, strict=True))
        for j, column in enumerate(on_grid)
    ]
    return [sum(w), *sums]


def rows(n=120, p=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * [1.0, 1e6, 1e-3, 1e12, 0.0] * (rng.random((n, p)) < 0.6)
    return X, rng.uniform(0.1, 3.0, n)


GRIDS = {
    "fine": np.array([-60, -50, -70, -40, -33, -45]),
    "one": np.full(6, -33),
    "coarse": np.array([-4, 0, -12, 3, 0, 0]),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_totals_are_those_of_fractions(grid, weighted, storage):
    X, w = rows()
    exponents = GRIDS[grid]
    w = w if weighted else np.ones(len(w))
    total = ExactTotals.of(storage(X), weights=w, exponents=exponents)
    gone = ExactTotals.of(storage(X[:50]), weights=w[:50], exponents=exponents)
    kept = ExactTotals.of(storage(X), weights=w, exponents=exponents, rows=np.arange(119, 49, -1))
    assert total - gone == kept != total
    assert (total - gone).digest() == kept.digest() != total.digest()
    assert gone + kept == total
    moments = (total - gone).moments()
    weight, *sums = exact_sums(X[50:], w[50:], exponents)
    assert moments.weight == float(weight)
    assert moments.total.tolist() == [float(value) for value in sums]
    np.testing.assert_allclose(moments.mean, moments.total / moments.weight, rtol=1e-15)
    if not weighted:  # weights of 1 need not be given
        bare = ExactTotals.of(storage(X[50:]), exponents=exponents)
        assert bare == kept


def test_the_form_of_the_sums_depends_on_the_sums_only():
    exponents = np.zeros(3, dtype=np.int64)
    small, large = np.array([[1.0, -7.0]]), np.array([[2.0**57, -(2.0**80)]])
    one, two = (ExactTotals.of(X, exponents=exponents) for X in (small, large))
    both = ExactTotals.of(np.vstack([large, small, large]), exponents=exponents)
    assert len(one.limbs) == 1 < len(two.limbs)
    assert one + two + two == both and (both - two - two).digest() == one.digest()
    half = ExactTotals.of(large[:, :1].repeat(2, axis=1), exponents=exponents)
    assert len(half.limbs) == 1 < len((half + half).limbs)  # 2**57 is one number, 2**58 is limbs
    assert len((half + half + half + half).limbs) > 1
    assert (half + half) - half == half
    twice = ExactTotals.of(large[:, :1].repeat(2, axis=1).repeat(2, axis=0), exponents=exponents)
    assert half + half == twice and (half + half).digest() == twice.digest()
    nothing = half - half
    assert nothing.limbs.shape == (1, 3) and nothing.moments().weight == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_many_rows_in_chunks_and_threads(weighted, storage):
    rng = np.random.default_rng(1)
    X = rng.integers(-(10**6), 10**6, (50_000, 41)).astype(float)
    w = rng.integers(0, 10**6, 50_000).astype(float) if weighted else None
    total = ExactTotals.of(storage(X), weights=w, exponents=np.full(42, -9))
    whole = X.astype(np.int64) * (1 if w is None else w.astype(np.int64)[:, None])
    assert total.moments().total.tolist() == whole.sum(axis=0).tolist()


@pytest.mark.parametrize("bits", [45, 50, 52])
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_sums_just_beyond_53_bits(bits, storage):
    rng = np.random.default_rng(bits)
    X, w = rng.integers(2**bits, size=(300, 2)), rng.integers(1, 9, 300)
    total = ExactTotals.of(
        storage(X.astype(float)), weights=w.astype(float), exponents=np.zeros(3, dtype=np.int64)
    )
    sums = [sum(a * b for a, b in zip(w.tolist(), x, strict=True)) for x in X.T.tolist()]
    assert _limbs.to_integers(total.limbs).tolist() == [w.sum(), *sums]


@pytest.mark.parametrize("kind", KINDS)
def test_moments_of_every_kind_have_exact_sums(kind):
    rng = np.random.default_rng(2)
    X, w = rng.integers(0, 50, (90, 3)).astype(float), rng.integers(1, 4, 90).astype(float)
    Y, exponents = X[:, :1] + 0.5, np.array([-3, -5, -7, -9, -11])
    X = X + 1 / 32  # on the grid of the last two columns only
    parts = [
        kind.of(X[rows], Y[rows], weights=w[rows], exponents=exponents).moments()
        for rows in (slice(40), slice(40, None))
    ]
    on_grid = np.rint(np.hstack([X, Y]) * 2.0 ** -exponents[:-1]) * 2.0 ** exponents[:-1]
    expected = (w[:, None] * on_grid).sum(axis=0)
    both = [part.total for part in parts]
    assert (sum(both) == expected).all()
    if kind is ExactTotals:
        return
    moved = [part.affine(np.array([2.0, 0.5, 1.0]), np.array([1.0, 0.0, -4.0])) for part in parts]
    there = np.hstack([on_grid[:, :3] * [2.0, 0.5, 1.0] + [1.0, 0.0, -4.0], on_grid[:, 3:]])
    assert (merge(moved).total == (w[:, None] * there).sum(axis=0)).all()
    assert (merge(moved).scaled(2.0).total == 2 * (w[:, None] * there).sum(axis=0)).all()
    if kind is ExactGram:
        matrix = np.array([[1.0, 1.0, 0.0], [0.0, -2.0, 1.0]])
        there = np.hstack([on_grid[:, :3] @ matrix.T + [0.0, 8.0], on_grid[:, 3:]])
        found = merge(part.affine(matrix, np.array([0.0, 8.0])) for part in parts).total
        assert (found == (w[:, None] * there).sum(axis=0)).all()


def test_moments_of_parts_without_sums_have_none():
    one = ExactDiagonal.of(np.ones((3, 1)), exponents=np.zeros(2, dtype=int)).moments()
    other = type(one)(one.weight, one.n_rows, one.mean, one.scatter, one.n_features)
    assert merge([one, one]).total == 6
    assert merge([one, other]).total is None and other.scaled(2).total is None
    assert other.affine(np.array([2.0]), np.array([1.0])).total is None


def test_columns_can_be_left_out():
    X, w = rows()
    kept = [0, 2, 3]
    for exponents in GRIDS.values():
        total = ExactTotals.of(X, weights=w, exponents=exponents)
        never = ExactTotals.of(X[:, kept], weights=w, exponents=exponents[[*kept, 5]])
        assert total.without_columns([1, 4]) == never


def test_another_grid_or_kind_is_refused():
    X, _ = rows()
    total = ExactTotals.of(X, exponents=GRIDS["one"])
    others = [
        ExactTotals.of(X, exponents=GRIDS["coarse"]),
        ExactDiagonal.of(X, exponents=GRIDS["one"]),
    ]
    for other in others:
        with pytest.raises(ValueError, match="same grid"):
            total - other
    counts = ExactCounts.of(np.ones((3, 5), dtype=int), exponents=GRIDS["one"])
    with pytest.raises(ValueError, match="same grid"):
        counts + ExactCounts.of(np.ones((3, 5), dtype=int), exponents=GRIDS["coarse"])


def test_values_beyond_float64_are_refused():
    exponents = np.array([-500, -52])
    with pytest.raises(ValueError, match="too large, or not a number"):
        ExactTotals.of(np.array([[1e200]]), exponents=exponents)
    X = np.array([[1e138]])
    assert ExactTotals.of(X, weights=np.array([5.0]), exponents=exponents).moments().total == 5e138
    sums = ExactTotals.of(X, weights=np.array([2e5]), exponents=exponents)
    with pytest.raises(ValueError, match="overflow float64"):
        sums.moments()


@pytest.mark.parametrize("n_limbs", [0, 1, 2, 3, 4, 7])
def test_limbs_are_rounded_to_the_nearest_number(n_limbs):
    rng = np.random.default_rng(n_limbs)
    limbs = _limbs.normalise(rng.integers(-(2**19), 2**19, (n_limbs, 400)))
    found = _limbs.to_nearest(limbs)
    assert found.tolist() == [float(value) for value in _limbs.to_integers(limbs)]


# -- the grid ---------------------------------------------------------------------------------


def test_counts_have_a_grid_of_their_own():
    X = np.array([[1.0, 0.5, 1e6], [0.0, 2.5, 1e9], [3.0, 0.25, 0.0]])
    for storage in (np.asarray, sparse.csr_array):
        auto = count_exponents(storage(X), None, "auto")
        assert auto[[0, 2]].tolist() == [-33, -33] and auto[-1] == 0
        assert auto[1] == _grid.choose_exponents([storage(X[:, [1]])], None, "auto")[0]
        assert count_exponents(storage(X), None, "exact").tolist() == [0, -3, 0, 0]
        assert count_exponents(storage(X), np.array([0.5, 1, 1]), "exact")[-1] == -3
        assert count_exponents(storage(X), None, -7).tolist() == [-7, -7, -7, -52]
        with pytest.raises(ValueError, match='expected "auto", "exact" or integers'):
            count_exponents(storage(X), None, "fine")


@pytest.mark.parametrize("seed", range(5))
def test_the_spread_is_the_shortest_interval_with_half_of_the_values(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rng.integers(1, 60), 7)) * 10.0 ** rng.integers(-6, 6, 7)
    X[rng.random(X.shape) < rng.random(7)] = 0.0
    X[:, 3], X[:, 4] = 0.0, np.rint(X[:, 4])
    expected = []
    for column in X.T:
        values = np.sort(column[column != 0])
        half = len(values) // 2
        gaps = [values[i + half] - values[i] for i in range(len(values) - half)] if half else []
        middle = abs(values[(len(values) - 1) // 2]) if len(values) else 1.0
        spread = min(gaps, default=0.0) or middle
        finest = np.log2(max(middle, spread)) - 53
        exponent = 3 * np.floor(max(np.log2(spread) - 33, finest) / 3)
        expected.append(min(exponent, 0) if (column == np.rint(column)).all() else exponent)
    for storage in (np.asarray, sparse.csr_array):
        assert _grid._from_spread(storage(X)).tolist() == expected
        lowest = _grid._from_lowest_bit(storage(X))
        assert lowest.tolist() == _grid._from_lowest_bit(X).tolist()
        assert (np.rint(X * 2.0**-lowest) * 2.0**lowest == X).all()


def test_whole_numbers_are_not_rounded_on_a_grid_of_whole_numbers(recwarn):
    X = np.arange(100.0)[:, None] % 3
    _grid.check_resolved([X], np.array([0, 0]), exact=False)
    assert not recwarn.list
    for other, exponents in ((X + 0.25, [0, 0]), (X, [1, 0])):
        with pytest.warns(UserWarning, match="coarse beside the spread"):
            _grid.check_resolved([other], np.array(exponents), exact=False)
    X[99] = 0.5  # beyond the first rows
    with pytest.warns(UserWarning, match="coarse beside the spread"):
        _grid.check_resolved([X], np.array([0, 0]), exact=False)


# -- counts -----------------------------------------------------------------------------------


def counted(X, weights):
    cells = collections.defaultdict(fractions.Fraction)
    for row, weight in zip(X.tolist(), weights.tolist(), strict=True):
        for cell in enumerate(row):
            cells[cell] += fractions.Fraction(weight)
    return {cell: float(value) for cell, value in sorted(cells.items()) if value}


@pytest.mark.parametrize("largest", [7, 2**32 - 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_counts_are_those_of_fractions(largest, weighted):
    rng = np.random.default_rng(4)
    X = rng.integers(0, 9, (40_000 if largest == 7 and not weighted else 300, 3))
    X[:50, 1] = rng.integers(0, largest, 50, endpoint=True)
    w = np.rint(rng.exponential(size=len(X)) * 2.0**40) / 2.0**40 if weighted else np.ones(len(X))
    w[60] = 0.0 if weighted else 1.0
    exponents = np.array([0, 0, 0, -40 if weighted else 0])
    total, gone = (
        ExactCounts.of(X[part], weights=w[part], exponents=exponents)
        for part in (slice(None), slice(50))
    )
    kept = ExactCounts.of(X, weights=w, exponents=exponents, rows=np.arange(len(X) - 1, 49, -1))
    assert total - gone == kept != total
    assert (total - gone).digest() == kept.digest() != total.digest()
    moments = (total - gone).moments()
    cells = zip(moments.column.tolist(), moments.code.tolist(), strict=True)
    assert dict(zip(cells, moments.count.tolist(), strict=True)) == counted(X[50:], w[50:])
    assert moments.weight == float(sum(map(fractions.Fraction, w[50:].tolist())))
    assert moments.n_codes().tolist() == (X[50:].max(axis=0) + 1).tolist()
    assert total.moments().n_codes()[1] == X[:, 1].max() + 1
    never = ExactCounts.of(X[:, [0, 2]], weights=w, exponents=exponents[[0, 2, 3]])
    assert total.without_columns([1]) == never
    with pytest.raises(UnlearningError, match="A count would be negative"):
        (gone - kept).moments()
