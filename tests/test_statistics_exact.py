"""Exact sums: against rational numbers, in every order, split and number of threads."""

import functools
import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from skunlearn._statistics import _limbs, _products, _threads
from skunlearn._statistics._exact import ExactDiagonal, ExactGram
from skunlearn._statistics._grid import choose_exponents
from skunlearn._statistics._grouped import GroupedMoments, GroupedSums
from skunlearn._statistics._hashing import hash_rows
from skunlearn._statistics._learned import LearnedRows, Rows, numeric
from skunlearn._statistics._moments import Moments, merge
from skunlearn.exceptions import UnlearningError
from skunlearn.naive_bayes import GaussianNB
from skunlearn.preprocessing import StandardScaler

KINDS = [ExactGram, ExactDiagonal]
WEIGHTS = ["none", "fractional", "whole", "zeros"]


def draw(seed=0, n=40, d=3, offset=0.0, outlier=None):
    X = np.random.default_rng(seed).normal(size=(n, d)) + offset
    if outlier is not None:
        X[5, 1] = outlier
    return X


def draw_weights(name, n, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "none": None,
        "fractional": rng.uniform(0.1, 2.0, n),
        "whole": rng.integers(1, 5, n).astype(float),
        "zeros": rng.integers(0, 2, n) * rng.uniform(0.1, 2.0, n),
    }[name]


def on_grid(values, exponent):
    """Numbers rounded to the grid, as rational numbers."""
    quantum = Fraction(2) ** int(exponent)
    # Python rounds halves to even, as the sums do
    return [round(Fraction(float(value)) / quantum) * quantum for value in values]


def rational_moments(X, weights, exponents):
    """Weight, mean and centred scatter of the rows on the grid, without rounding."""
    columns = [on_grid(X[:, j], exponents[j]) for j in range(X.shape[1])]
    w = [Fraction(1)] * len(X) if weights is None else on_grid(weights, exponents[-1])
    total = sum(w)
    mean = [sum(a * b for a, b in zip(w, c, strict=True)) / total for c in columns]
    centred = [[v - m for v in c] for c, m in zip(columns, mean, strict=True)]
    scatter = [
        [sum(a * b * c for a, b, c in zip(w, one, two, strict=True)) for two in centred]
        for one in centred
    ]
    return total, mean, scatter


def assert_close(got, expected, rtol, scale=1):
    """Floats against rational numbers, to an error relative to their own size."""
    got, expected = np.ravel(got), np.ravel(np.array(expected, dtype=object))
    scale = np.broadcast_to(np.ravel(np.array(scale, dtype=object)), expected.shape)
    for a, b, s in zip(got.tolist(), expected, scale, strict=True):
        assert abs(Fraction(a) - b) <= Fraction(rtol) * max(abs(b), Fraction(s)), (a, float(b))


def store(X, form):
    return sparse.csr_array(X) if form == "sparse" else X


# -- against rational numbers ---------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(
    "offset, outlier", [(0.0, None), (1e6, None), (1e9, None), (0.0, 1e12), (1e6, -1e12)]
)
def test_moments_are_those_of_rational_arithmetic(kind, form, weights, offset, outlier):
    X = draw(offset=offset, outlier=outlier)
    if form == "sparse":
        X[::3, 0] = 0.0
    w = draw_weights(weights, len(X))
    exponents = choose_exponents([X], w, "auto")
    moments = kind.of(store(X, form), weights=w, exponents=exponents).moments()
    total, mean, scatter = rational_moments(X, w, exponents)
    assert Fraction(moments.weight) == total
    assert moments.n_rows == len(X)
    assert_close(moments.mean, mean, 1e-15)
    diagonal = [scatter[j][j] for j in range(3)]
    if kind is ExactDiagonal:
        assert_close(moments.scatter, diagonal, 1e-15)
    else:
        assert_close(np.diagonal(moments.scatter), diagonal, 1e-15)
        # a covariance may vanish where the variances do not
        sizes = [[np.sqrt(float(a) * float(b)) for b in diagonal] for a in diagonal]
        assert_close(moments.scatter, scatter, 1e-14, np.vectorize(Fraction)(sizes))


def test_float_sums_err_where_exact_ones_do_not():
    X = draw(offset=1e9)
    exponents = choose_exponents([X], None, "auto")
    expected = rational_moments(X, None, exponents)[2][0][0]
    naive = (X[:, 0] ** 2).sum() - len(X) * X[:, 0].mean() ** 2
    assert abs(naive / float(expected) - 1) > 1e-3
    exact = ExactDiagonal.of(X, exponents=exponents).moments().scatter[0]
    assert abs(exact / float(expected) - 1) < 1e-15


@pytest.mark.parametrize("kind", KINDS)
def test_targets_join_the_columns(kind):
    X, Y = draw(d=2), draw(seed=7, d=2)
    exponents = choose_exponents([X, Y], None, "auto")
    joint = kind.of(X, Y, exponents=exponents)
    together = kind.of(np.hstack([X, Y]), exponents=exponents)
    assert np.array_equal(joint.limbs, together.limbs)
    assert joint.n_columns == 4
    assert joint.moments().n_features == 2
    assert joint.moments().variance.shape == (2,)
    assert np.allclose(joint.moments().variance, X.var(axis=0), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 500])
def test_a_column_with_zeros_beside_it_keeps_its_grid(n):
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 6)) * [1, 1e5, 1e-7, 1, 1, 1] + [0, 3, 0, 50, 1e6, 0.1]
    X[: n // 2, 3] = 7.0  # half of the values are equal
    gaps = np.where(rng.random(n) < 0.5, 0.0, rng.normal(size=n))[:, None]
    alone, beside = (choose_exponents([Z], None, "auto") for Z in (X, np.hstack([X, gaps])))
    np.testing.assert_array_equal(alone[:6], beside[:6])
    by_column = [choose_exponents([X[:, [j]]], None, "auto")[0] for j in range(6)]
    np.testing.assert_array_equal(alone[:6], by_column)
    if n > 7:
        assert len(set(alone[:6])) > 2


@pytest.mark.parametrize("weights", [None, "fractional"])
def test_some_rows_are_those_rows(weights):
    X = draw(n=50)
    w = draw_weights(weights or "none", 50)
    rows = np.array([4, 4, 49, 0, 7])
    exponents = choose_exponents([X], w, "auto")
    for kind, form in itertools.product(KINDS, ["dense", "sparse"]):
        some = kind.of(store(X, form), weights=w, exponents=exponents, rows=rows)
        apart = kind.of(X[rows], weights=None if w is None else w[rows], exponents=exponents)
        assert some == apart


@pytest.mark.parametrize("kind", KINDS)
def test_constant_column_has_variance_zero_after_forgetting(kind):
    X = draw(n=300)
    X[:, 0] = 0.1
    X[7, 0], X[8, 0] = 1e8, -3.3
    exponents = choose_exponents([X], None, "auto")
    remain = kind.of(X, exponents=exponents) - kind.of(X[7:9], exponents=exponents)
    assert remain.moments().variance[0] == 0.0
    assert (remain.moments().variance[1:] > 0).all()
    if kind is ExactGram:
        assert (remain.moments().scatter[0] == 0.0).all()
    # without the rows forgotten the column does vary
    assert kind.of(X, exponents=exponents).moments().variance[0] > 1e10


def test_nothing_learned_has_no_weight():
    exponents = np.zeros(4, dtype=np.int64)
    for kind, form in itertools.product(KINDS, ["dense", "sparse"]):
        empty = kind.of(store(np.zeros((0, 3)), form), exponents=exponents)
        assert empty.n_rows == 0
        assert empty.moments().weight == 0.0
        X = np.arange(6.0).reshape(2, 3)
        assert kind.of(X, exponents=exponents) + empty == kind.of(X, exponents=exponents)


# -- one value, whatever the way ------------------------------------------------------------


def two_digit_limbs(X, scale):
    """Limbs by the fast path alone; None where it finds itself unsafe."""
    p = X.shape[1] + 1
    buffers = [np.empty((len(X), p)) for _ in range(3)]
    products = _products._two_digit_chunk([X], 0, len(X), [scale], None, buffers)
    if products is None:
        return None
    take = _products.triangle(p)
    total = _products.Accumulator(len(take), take)
    total.add(_products._by_position(products))
    return total.limbs()


def general_limbs(X, scale):
    take = _products.triangle(X.shape[1] + 1)
    total = _products.Accumulator(len(take), take)
    _products._general_range(total, [X], 0, len(X), [scale], None)
    return total.limbs()


def test_two_digits_and_many_digits_give_the_same_limbs():
    X = draw(n=_products.CHUNK, d=4, offset=3.0)
    scale = np.ldexp(1.0, [30, 31, 20, 0])
    fast = two_digit_limbs(X, scale)
    assert fast is not None
    assert np.array_equal(fast, general_limbs(X, scale))
    assert np.array_equal(fast, _products.gram([X], [scale]))


def test_two_digits_are_refused_where_they_would_round():
    # the largest rows that are safe, and the smallest that are not
    X = np.full((_products.CHUNK, 1), 2.0**38)
    assert two_digit_limbs(X, np.ones(1)) is not None
    for size in (2.0**40, 2.0**60):
        assert two_digit_limbs(X * (size / 2.0**38), np.ones(1)) is None
    X[::2] *= -1.0
    integers = [int(v) for v in X[:, 0]]
    expected = [len(X), sum(integers), sum(v * v for v in integers)]
    assert list(_limbs.to_integers(two_digit_limbs(X, np.ones(1)))) == expected
    low = np.full((_products.CHUNK, 2), 2.0**19 - 1)  # the digit with the largest products
    assert np.array_equal(two_digit_limbs(low, np.ones(2)), general_limbs(low, np.ones(2)))


def test_limbs_are_integer_products():
    rng = np.random.default_rng(3)
    X = np.rint(rng.normal(size=(1500, 2)) * 2.0**34)
    X[3, 1], X[1200, 0] = 2.0**75 * 1.3, -(2.0**120)
    rows = [[1, int(a), int(b)] for a, b in X]
    weights = rng.integers(0, 2**40, len(X)).astype(float)
    for w in (None, weights):
        expected = [
            sum((1 if w is None else int(w[i])) * row[a] * row[b] for i, row in enumerate(rows))
            for a in range(3)
            for b in range(a, 3)
        ]
        got = _products.gram([X], [np.ones(2)], weights=w)
        assert list(_limbs.to_integers(got)) == expected
        sums = ExactDiagonal._sums([X], [np.ones(2)], None, w)
        assert list(_limbs.to_integers(sums)) == [expected[i] for i in (0, 1, 2, 3, 5)]


def test_digits_at_the_end_of_their_range_do_not_overflow():
    # every digit of values and weights as large as it gets, in one chunk, with one sign
    n = _products.GENERAL_ROWS
    value = float(sum(-(2**19) << 20 * i for i in range(3)) + (2**8))
    weight = float((2**39 + 2**19 - 1) << 2)
    X = np.full((n, 2), value)
    for w in (None, np.full(n, weight)):
        factor = n if w is None else n * int(weight)
        expected = [factor, factor * int(value), factor * int(value) ** 2]
        got = _limbs.to_integers(_products.gram([X[:, :1]], [np.ones(1)], weights=w))
        assert list(got) == expected
        spread = _limbs.to_integers(_products.gram([sparse.csr_array(X)], [np.ones(2)], weights=w))
        assert list(spread)[-1] == expected[-1]


def test_accumulator_carries_before_it_overflows():
    total = _products.Accumulator(1)
    for _ in range(5000):
        total.add({0: np.array([2.0**53]), 1: np.array([-(2.0**52)])})
    assert list(_limbs.to_integers(total.limbs())) == [5000 * (2**53 - 2**72)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", ["none", "fractional"])
def test_threads_do_not_change_a_bit(kind, weights):
    n, d = 100_000, 20
    assert n * d >= _threads._PARALLEL_SIZE
    X = draw(n=n, d=d)
    w = draw_weights(weights, n)
    exponents = choose_exponents([X], w, "auto")
    digests = set()
    seen = []
    for limit in (1, 2):
        with threadpool_limits(limit, user_api="blas"):
            seen.append(len(_threads.map_ranges(lambda ranges: ranges, n, d)))
            digests.add(kind.of(X, weights=w, exponents=exponents).digest())
    assert len(digests) == 1
    assert seen == [1, 2] or max(seen) == 1  # a BLAS without threads cannot be given two


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_order_and_split_do_not_change_a_bit(kind, form, weights):
    n = 3 * _products.GENERAL_ROWS + 17
    X = draw(n=n, outlier=1e12)
    w = draw_weights(weights, n)
    exponents = choose_exponents([X], w, "auto")

    def of(rows):
        part = None if w is None else w[rows]
        return kind.of(store(X[rows], form), weights=part, exponents=exponents)

    whole = of(np.arange(n))
    rng = np.random.default_rng(2)
    for n_parts in (1, 2, 7):
        parts = [of(rows) for rows in np.array_split(rng.permutation(n), n_parts)]
        assert functools.reduce(kind.__add__, parts).digest() == whole.digest()
        assert functools.reduce(kind.__sub__, parts, whole).n_rows == 0
    rest, gone = np.arange(100, n), np.arange(100)
    assert whole - of(gone) == of(rest)
    assert whole != of(rest)
    assert (whole - of(gone)) + of(gone) == whole


def test_storage_does_not_change_a_bit():
    X = draw(n=200)
    X[X < 0] = 0.0
    for kind, weights in itertools.product(KINDS, WEIGHTS):
        w = draw_weights(weights, len(X))
        exponents = choose_exponents([X], w, "auto")
        forms = [X, np.asfortranarray(X), sparse.csr_array(X), X.astype(np.float32).astype(float)]
        digests = [kind.of(form, weights=w, exponents=exponents).digest() for form in forms]
        assert digests[0] == digests[1] == digests[2]
        assert digests[0] != digests[3]


@pytest.mark.parametrize("kind", KINDS)
def test_sums_without_columns_are_those_of_narrower_rows(kind):
    X, Y = draw(d=5, outlier=1e12), draw(seed=7, d=2)
    w = draw_weights("fractional", len(X))
    exponents = choose_exponents([X, Y], w, "auto")
    whole = kind.of(X, Y, weights=w, exponents=exponents)
    for gone in ([1], [0, 4], [1, 2, 3]):
        narrow = np.delete(X, gone, axis=1)
        apart = kind.of(narrow, Y, weights=w, exponents=np.delete(exponents, gone))
        without = whole.without_columns(np.array(gone))
        assert without == apart and without.digest() == apart.digest()
        assert without.n_features == narrow.shape[1]
    # the outlier's limbs go with its column
    assert len(whole.without_columns(np.array([1])).limbs) < len(whole.limbs)


def test_digest_knows_kind_grid_and_number_of_rows():
    X = np.ones((4, 2))
    exponents = np.zeros(3, dtype=np.int64)
    whole = ExactGram.of(X, exponents=exponents)
    heavy = ExactGram.of(X[:2], weights=np.full(2, 2.0), exponents=exponents)
    assert np.array_equal(whole.limbs, heavy.limbs)
    others = [heavy, ExactDiagonal.of(X, exponents=exponents)]
    others.append(ExactGram.of(X, exponents=exponents - 1))
    assert len({value.digest() for value in [whole, *others]}) == 4
    assert len({whole, ExactGram.of(X[::-1], exponents=exponents), *others}) == 4


@pytest.mark.parametrize("sign", ["__add__", "__sub__"])
def test_sums_on_different_grids_do_not_combine(sign):
    X = draw()
    exponents = np.array([-30, -30, -30, 0])
    a = ExactGram.of(X, exponents=exponents)
    for other in (
        ExactGram.of(X, exponents=exponents + np.array([0, 0, 0, 1])),
        ExactGram.of(X[:, :2], exponents=exponents[1:]),
        ExactDiagonal.of(X, exponents=exponents),
    ):
        with pytest.raises(ValueError, match="same grid"):
            getattr(a, sign)(other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_values_too_large_for_their_grid_are_refused(kind, form):
    X = draw()
    exponents = choose_exponents([X], None, "auto")
    for bad in (1e300, -1e305):
        X[3, 1] = bad
        with pytest.raises(ValueError, match="too large"), np.errstate(all="ignore"):
            kind.of(store(X, form), exponents=exponents)
    X[3, 1] = 1e140
    assert kind.of(store(X, form), exponents=exponents).n_rows == len(X)


# -- groups ---------------------------------------------------------------------------------


@pytest.fixture
def grouped():
    """Rows in cells (class, group, fold), and a way to sum some of them."""
    X = draw(n=90, d=3)
    rng = np.random.default_rng(4)
    keys = [(c, g, f) for c in "ab" for g in ((0,), (1,)) for f in (0, 1)]
    codes = rng.integers(0, len(keys), 90)
    weights = rng.uniform(0.5, 2.0, 90)
    exponents = choose_exponents([X], weights, "auto")

    def of(rows):
        return GroupedSums.of(
            ExactGram,
            X[rows],
            None,
            keys=keys,
            codes=codes[rows],
            weights=weights[rows],
            exponents=exponents,
        )

    return X, keys, codes, weights, exponents, of


def test_groups_are_summed_apart(grouped):
    X, keys, codes, weights, exponents, of = grouped
    sums = of(np.arange(90))
    assert sums.n_rows == 90
    for code, key in enumerate(keys):
        mine = codes == code
        assert sums.cells[key] == ExactGram.of(X[mine], weights=weights[mine], exponents=exponents)
    by_class = sums.partition("class")
    assert set(by_class) == {"a", "b"}
    of_a = codes < 4
    assert by_class["a"] == ExactGram.of(X[of_a], weights=weights[of_a], exponents=exponents)
    assert sums.partition("all")[None] == ExactGram.of(X, weights=weights, exponents=exponents)
    assert set(sums.partition("group")) == {(0,), (1,)}
    assert set(sums.partition("fold")) == {0, 1}
    assert sums.partition("cell") == sums.cells


def test_empty_groups_are_dropped(grouped):
    _, keys, codes, _, _, of = grouped
    gone, rest = np.flatnonzero(codes == 2), np.flatnonzero(codes != 2)
    left = of(np.arange(90)) - of(gone)
    assert keys[2] not in left.cells and len(left.cells) == len(keys) - 1
    assert left.digest() == of(rest).digest()
    assert (left + of(gone)).digest() == of(np.arange(90)).digest()
    assert (left - of(rest)).cells == {}


def test_order_of_keys_does_not_matter(grouped):
    X, keys, codes, weights, exponents, of = grouped
    order = np.random.default_rng(0).permutation(len(keys))
    other = GroupedSums.of(
        ExactGram,
        X,
        None,
        keys=[keys[i] for i in order],
        codes=np.argsort(order)[codes],
        weights=weights,
        exponents=exponents,
    )
    whole = of(np.arange(90))
    assert other.digest() == whole.digest()
    assert list(other.cells) == list(whole.cells)


def test_more_rows_than_a_group_has_are_refused(grouped):
    of = grouped[-1]
    few = of(np.arange(10))
    with pytest.raises(ValueError, match="More rows to remove"):
        few.__sub__(of(np.arange(90)))
    with pytest.raises(ValueError, match="More rows to remove"):
        GroupedSums({}).__sub__(few)


# -- moments --------------------------------------------------------------------------------


def moments_of(X, Y=None, weights=None):
    """Moments by numpy, for comparison."""
    joint = X if Y is None else np.hstack([X, Y])
    w = np.ones(len(X)) if weights is None else weights
    mean = w @ joint / w.sum()
    centred = joint - mean
    return Moments(w.sum(), len(X), mean, (centred * w[:, None]).T @ centred, X.shape[1])


def assert_moments(a, b, rtol=1e-10):
    assert a.n_features == b.n_features and a.n_rows == b.n_rows
    np.testing.assert_allclose(a.weight, b.weight, rtol=rtol)
    np.testing.assert_allclose(a.mean, b.mean, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(
        a.scatter, b.scatter, rtol=rtol, atol=1e-10 * np.abs(b.scatter).max()
    )


@pytest.mark.parametrize("weights", ["none", "fractional"])
@pytest.mark.parametrize("shape", ["matrix", "wide", "diagonal"])
def test_affine_gives_the_moments_of_the_moved_rows(weights, shape):
    rng = np.random.default_rng(5)
    X, Y = draw(n=60, d=3, offset=2.0), draw(seed=6, n=60, d=2)
    w = draw_weights(weights, 60)
    exponents = choose_exponents([X, Y], w, "exact")
    matrix = {
        "matrix": rng.normal(size=(2, 3)),
        "wide": rng.normal(size=(5, 3)),
        "diagonal": rng.normal(size=3),
    }[shape]
    offset = rng.normal(size=3 if matrix.ndim == 1 else len(matrix))
    moved = X * matrix + offset if matrix.ndim == 1 else X @ matrix.T + offset
    pushed = ExactGram.of(X, Y, weights=w, exponents=exponents).moments().affine(matrix, offset)
    assert_moments(pushed, moments_of(moved, Y, w))
    assert np.array_equal(pushed.scatter, pushed.scatter.T)
    if matrix.ndim == 1:
        diagonal = ExactDiagonal.of(X, Y, weights=w, exponents=exponents).moments()
        pushed_diagonal = diagonal.affine(matrix, offset).scatter
        np.testing.assert_allclose(pushed_diagonal, np.diagonal(pushed.scatter), rtol=1e-12)
    else:
        diagonal = ExactDiagonal.of(X, Y, weights=w, exponents=exponents).moments()
        with pytest.raises(ValueError, match="needs the full scatter"):
            diagonal.affine(matrix, offset)


@pytest.mark.parametrize("n_parts", [1, 2, 9])
def test_merged_moments_are_the_pooled_ones(n_parts):
    X, Y = draw(n=90, d=3, offset=50.0), draw(seed=6, n=90, d=1)
    w = draw_weights("fractional", 90)
    parts = [
        moments_of(X[rows], Y[rows], w[rows])
        for rows in np.array_split(np.random.default_rng(0).permutation(90), n_parts)
    ]
    assert_moments(merge(parts), moments_of(X, Y, w))
    assert_moments(merge([p.scaled(3.0) for p in parts]), moments_of(X, Y, 3.0 * w))


def test_merging_keeps_a_constant_column_constant():
    X = draw(n=90, d=8)
    X[:, :5] = [0.1, 1 / 3, 1e6 / 7, 0.7, np.pi]
    w = draw_weights("fractional", 90)
    exponents = choose_exponents([X], w, "exact")
    parts = [
        ExactGram.of(X, weights=w, exponents=exponents, rows=rows).moments()
        for rows in np.array_split(np.arange(90), 4)
    ]
    merged = merge(parts)
    assert (merged.variance[:5] == 0.0).all()
    assert np.array_equal(merged.mean[:5], parts[0].mean[:5])
    weightless = Moments(0.0, 2, np.full(8, 0.1), np.zeros((8, 8)), 8)
    assert_moments(
        merge([*parts, weightless]).affine(np.ones(8), np.zeros(8)),
        Moments(w.sum(), 92, merged.mean, merged.scatter, 8),
    )


def test_grouped_moments_move_with_their_groups(grouped):
    X, keys, codes, weights, _, of = grouped
    moments = GroupedMoments.from_sums(of(np.arange(90)))
    maps = {(0,): (np.diag([2.0, 1.0, 1.0]), np.zeros(3)), (1,): (np.eye(3), np.ones(3))}
    group = np.array([keys[code][1][0] for code in codes])
    moved = np.where(group[:, None] == 0, X * [2.0, 1.0, 1.0], X + 1.0)
    pushed = moments.affine_by_group(maps)
    assert_moments(pushed.pooled, moments_of(moved, None, weights), rtol=1e-8)
    of_a = codes < 4
    assert_moments(pushed.by("class")["a"], moments_of(moved[of_a], None, weights[of_a]), rtol=1e-8)
    same = moments.affine(np.full(3, 2.0), np.zeros(3))
    assert_moments(
        same.by("fold")[1],
        moments_of(2 * X[codes % 2 == 1], None, weights[codes % 2 == 1]),
        rtol=1e-8,
    )


def test_unweighted_moments_go_along():
    X, w = draw(n=30), draw_weights("fractional", 30)
    learned = LearnedRows.of(Rows(X, weights=w), kind="diagonal", resolution="auto")
    moments = learned.moments()
    np.testing.assert_allclose(moments.unweighted.pooled.mean, X.mean(axis=0), rtol=1e-8)
    np.testing.assert_allclose(moments.pooled.mean, np.average(X, axis=0, weights=w), rtol=1e-8)
    assert abs(moments.pooled.mean - X.mean(axis=0)).max() > 1e-3
    pushed = moments.affine(np.full(3, 2.0), np.ones(3))
    np.testing.assert_allclose(
        pushed.unweighted.pooled.mean, 2 * X.mean(axis=0) + 1, rtol=1e-8, atol=1e-8
    )
    plain = LearnedRows.of(Rows(X), kind="diagonal", resolution="auto").moments()
    assert plain.unweighted is plain


def test_weights_that_are_all_zero_are_refused():
    X = draw(n=5)
    learned = LearnedRows.of(Rows(X, weights=np.zeros(5)), kind="gram", resolution=-30)
    with pytest.raises(ValueError, match="at least one non-zero"):
        _ = learned.moments().pooled


# -- learned rows ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gram", "diagonal"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_learned_rows_add_and_remove(kind, weights):
    X, w = draw(n=60), draw_weights(weights, 60)

    def rows(a, b):
        return Rows(X[a:b], weights=None if w is None else w[a:b])

    whole = LearnedRows.of(rows(0, 60), kind=kind, resolution="auto", key=1)
    part = LearnedRows.of(rows(20, 60), kind=kind, resolution=whole.exponents, key=2)
    assert whole.minus(rows(0, 20)).digest() == part.digest()
    assert part.plus(rows(0, 20)).digest() == whole.digest()
    assert whole.digest() != part.digest()
    assert whole.n_missing(rows(0, 20)) == 0 and part.n_missing(rows(0, 25)) == 20
    assert whole.without_fingerprints().fingerprints is None


def test_fractional_weights_after_whole_ones_are_refused():
    X = draw(n=10)
    whole = LearnedRows.of(Rows(X), kind="gram", resolution="auto")
    with pytest.raises(ValueError, match=r"sample_weight=.*1\.5.*whole weights"):
        whole.plus(Rows(X, weights=np.full(10, 1.5)))
    assert whole.plus(Rows(X, weights=np.full(10, 2.0))).n_rows == 20
    declared = LearnedRows.of(Rows(X), kind="gram", resolution=[-30, -30, -30, -32])
    assert declared.plus(Rows(X, weights=np.full(10, 1.5))).moments().pooled.weight == 25.0


def test_a_gram_matrix_that_would_not_fit_is_refused():
    wide = sparse.csr_array((1, 40_000))
    with pytest.raises(ValueError, match=r"40000 columns and 1 groups.*GiB"):
        LearnedRows.of(Rows(wide), kind="gram", resolution="auto")
    assert LearnedRows.of(Rows(wide), kind="diagonal", resolution="auto").n_rows == 1


# -- the grid -------------------------------------------------------------------------------


def is_on_grid(X, exponents):
    scaled = np.ldexp(X, -exponents[: X.shape[1]])
    return (scaled == np.rint(scaled)).all()


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e9, 1e13])
def test_whole_columns_are_summed_as_they_are(scale):
    rng = np.random.default_rng(8)
    one_hot = np.eye(5)[rng.integers(0, 5, 5000)]
    counts = np.rint(rng.exponential(scale, size=(5000, 2)))
    X = np.hstack([one_hot, counts])
    for form in ("dense", "sparse"):
        assert is_on_grid(X, choose_exponents([store(X, form)], None, "auto"))


def test_exact_keeps_every_bit():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(200, 3)) * [1e-9, 1.0, 1e9]
    X[0] = 0.0
    w = rng.uniform(size=200)
    for form in ("dense", "sparse"):
        exponents = choose_exponents([store(X, form)], w, "exact")
        assert is_on_grid(X, exponents) and is_on_grid(w[:, None], exponents[-1:])
    # the grid from the spread rounds
    assert not is_on_grid(
        X * [1, 1e-6, 1], choose_exponents([X * [1, 1e-6, 1]], w, "auto")
    ) or not (is_on_grid(X, choose_exponents([X], w, "auto")))


def test_auto_keeps_33_binary_places_below_the_spread():
    X = draw(n=4000) * [1e-12, 1.0, 1e15] + [0.0, 1e4, 0.0]
    exponents = choose_exponents([X], None, "auto")[:-1]
    low, high = np.percentile(X, [25, 75], axis=0)
    below = np.log2(high - low) - exponents
    assert (below >= 32.9).all() and (below <= 36.5).all()
    assert (exponents % 3 == 0).all()  # steps of a factor 8, so that few changes change it


@pytest.mark.parametrize("n", [500, 20_000])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_auto_does_not_depend_on_the_order_of_rows(n, form):
    X = draw(n=n, d=4) * np.exp(4.0 * draw(seed=1, n=n, d=1))
    X[np.random.default_rng(0).random(X.shape) < 0.6] = 0.0
    expected = choose_exponents([store(X, form)], None, "auto")
    orders = [np.random.default_rng(seed).permutation(n) for seed in range(3)]
    by_size = np.argsort(np.abs(X).max(axis=1))  # the first rows alone would give another grid
    for order in [*orders, by_size, by_size[::-1]]:
        assert np.array_equal(choose_exponents([store(X[order], form)], None, "auto"), expected)


@pytest.mark.parametrize("n", [600, 20_000])
def test_auto_stays_as_a_rule_when_rows_go(n):
    same = total = 0
    for seed in range(25):
        X = draw(seed=seed, n=n, d=4) * np.random.default_rng(seed + 99).uniform(0.1, 10.0, 4)
        rest = X[n // 100 :]
        same += (
            choose_exponents([X], None, "auto") == choose_exponents([rest], None, "auto")
        ).sum()
        total += 5
    assert same >= 0.95 * total


def test_an_outlier_does_not_change_the_grid():
    X = draw(n=1000)
    spoilt = X.copy()
    spoilt[17] = [1e12, -1e8, 1e300]
    before, after = (choose_exponents([rows], None, "auto") for rows in (X, spoilt))
    assert np.array_equal(before, after)
    assert not np.array_equal(before, choose_exponents([X * 8], None, "auto"))


def test_whole_weights_count_rows():
    X = draw(n=20)
    for weights in (None, np.ones(20), np.arange(20.0)):
        assert choose_exponents([X], weights, "auto")[-1] == 0
    assert choose_exponents([X], np.full(20, 0.1), "auto")[-1] < -30


def test_declared_exponents():
    X = draw(n=20)
    assert choose_exponents([X], None, -30).tolist() == [-30, -30, -30, -52]
    assert choose_exponents([X], None, [-1, -2, -3, 0]).tolist() == [-1, -2, -3, 0]
    assert choose_exponents([X], None, [-1, -2, -3, 0]).dtype == np.int64


@pytest.mark.parametrize(
    "resolution, message",
    [
        ("fine", "resolution='fine'"),
        ([-1, -2, -3], r"shape \(3,\).*integers of shape \(4,\)"),
        ([-1.0, -2.0, -3.0, 0.0], "dtype float64"),
        (-30.0, "dtype float64"),
        (None, "dtype object"),
    ],
)
def test_resolutions_that_are_none_are_refused(resolution, message):
    with pytest.raises(ValueError, match=message):
        choose_exponents([draw(n=20)], None, resolution)


@pytest.mark.parametrize("kind", ["all_zero", "one_row", "constant", "no_rows_stored"])
def test_columns_without_a_spread_have_a_grid_too(kind):
    X = {
        "all_zero": np.zeros((10, 2)),
        "one_row": np.array([[0.1, 1e9]]),
        "constant": np.full((10, 2), 0.3),
        "no_rows_stored": np.zeros((3000, 2)),
    }[kind]
    for form in ("dense", "sparse"):
        exponents = choose_exponents([store(X, form)], None, "auto")
        rounded = np.rint(np.ldexp(X, -exponents[:2]))
        np.testing.assert_allclose(np.ldexp(rounded, exponents[:2]), X, rtol=1e-9)


@pytest.mark.parametrize("values", [(1e9, 1e9 - 1.3), (1e6, 1e6 + 1e-3), (5.3, 1e8), (0.1, 0.3)])
def test_a_value_that_most_rows_have_does_not_hide_the_spread(values):
    x = np.repeat(values, [70, 30])[:, None]
    exponents = choose_exponents([x], None, "auto")
    gap = Fraction(values[0]) - Fraction(values[1])
    moments = ExactDiagonal.of(x, exponents=exponents).moments()
    np.testing.assert_allclose(moments.variance[0], float(gap * gap * Fraction(21, 100)), rtol=1e-8)
    # and one far value does not coarsen the grid of a constant
    poisoned = np.append(np.full(99, values[0]), 1e12)[:, None]
    assert choose_exponents([poisoned], None, "auto")[0] <= np.log2(values[0]) - 32


def test_a_batch_far_below_the_grid_warns_and_exact_refuses():
    X = np.random.default_rng(0).normal(size=(100, 1)) * 1e-12
    first = np.zeros((5, 1))
    with pytest.warns(UserWarning, match="coarse"):
        StandardScaler().partial_fit(first).partial_fit(X)
    with pytest.raises(ValueError, match="resolution='exact'"):
        StandardScaler(resolution="exact").partial_fit(first).partial_fit(X)
    StandardScaler().partial_fit(X).partial_fit(1e6 * X)  # a coarser batch loses nothing


def test_zero_inflated_columns_first_and_last_are_resolved():
    # rows that are zero in the columns that choose the sample must not fill it
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 4))
    for j in (0, 3):
        X[:, j] = rng.random(10_000) * 1e-11 * (rng.random(10_000) < 0.5)
    np.testing.assert_allclose(StandardScaler().fit(X).scale_, X.std(axis=0), rtol=1e-9)


def test_a_column_with_hardly_a_nonzero_is_resolved():
    X = np.random.default_rng(0).normal(size=(40_000, 3))
    X[:, 1] = 0.0
    X[:3, 1] = [1e-11, 2e-11, 3e-11]  # the sample holds none of them
    np.testing.assert_allclose(StandardScaler().fit(X).var_, X.var(axis=0), rtol=1e-8)


@pytest.mark.parametrize("n", [1400, 20_000])
def test_crafted_rows_do_not_decide_the_grid(n):
    # rows of huge spread with the smallest public hashes would fill the sample
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    poison = 1e12 * rng.normal(size=(200_000, 2))
    order = np.argsort(hash_rows([poison], key=0))
    poison = poison[order[: 600 if n < 2048 else 4000]]
    scaler = StandardScaler().fit(np.vstack([X, poison])).unlearn(poison)
    np.testing.assert_allclose(scaler.var_, X.var(axis=0), rtol=1e-6)


def test_weights_that_average_to_one_still_count_as_weights():
    X = np.array([[1.0], [1.0], [2.0], [40.0]])
    y, w = np.array([0, 0, 1, 1]), np.array([2.0, 0.0, 1.0, 1.0])
    model = GaussianNB().fit(X, y, w).unlearn(X[:1], y[:1], sample_weight=w[:1])
    refit = GaussianNB(resolution=model.resolution_).fit(X[1:], y[1:], w[1:])
    assert model.epsilon_ == refit.epsilon_
    assert model.state_digest() == refit.state_digest()


def test_a_negative_variance_is_refused():
    X = np.random.default_rng(0).normal(size=(100, 2))
    model = StandardScaler(track_rows=False).fit(X)
    with pytest.raises(UnlearningError, match="never learned"):
        model.unlearn(100 * X[:10])
    assert (model.var_ > 0).all() and model.n_samples_retained_ == 100


def test_the_grid_that_is_shown_cannot_be_written_to():
    model = StandardScaler().fit(np.eye(3))
    with pytest.raises(ValueError, match="read-only"):
        model.resolution_[0] = 3


def test_extended_precision_is_summed_as_float64():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)).astype(np.longdouble) / 3, np.arange(60) % 2
    model = GaussianNB().fit(X, y)
    assert model.state_digest() == GaussianNB().fit(X.astype(float), y).state_digest()
    rows = Rows(numeric(X))
    assert rows.X.dtype == np.float64
