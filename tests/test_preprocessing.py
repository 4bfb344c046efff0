"""Standardisation that forgets, against scikit-learn's refit."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets, preprocessing
from sklearn.base import clone

from skunlearn.exceptions import UnlearningError
from skunlearn.preprocessing import StandardScaler

LEARNED = ("mean_", "var_", "scale_", "n_samples_seen_")


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4)) * [1.0, 100.0, 0.01, 1.0] + [0.0, 5.0, 0.0, -3.0]
    X[rng.random(X.shape) < 0.4] = 0.0
    return X, rng.uniform(0.1, 2.0, 150)


def part(values, where):
    return None if values is None else values[where]


def assert_like(ours, theirs, rtol=1e-9, names=LEARNED):
    for name in names:
        got, expected = getattr(ours, name), getattr(theirs, name)
        if expected is None:
            assert got is None, name
        else:
            assert np.shape(got) == np.shape(expected), name
            # the grid is 2**-33 of the spread: means that nearly cancel keep fewer digits
            np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("weights", [None, "whole", "fractional"])
@pytest.mark.parametrize(
    "form, options",
    [
        ("dense", {}),
        ("dense", {"with_mean": False}),
        ("dense", {"with_std": False}),
        ("dense", {"with_mean": False, "with_std": False}),
        ("sparse", {"with_mean": False}),
        ("sparse", {"with_mean": False, "with_std": False}),
    ],
)
def test_unlearned_is_scikit_learn_refitted(rows, form, options, weights):
    X, w = rows
    w = {None: None, "fractional": w, "whole": np.rint(3 * w)}[weights]
    counted = len(options) == 2 and w is not None  # compared in a test of its own
    store = sparse.csr_array if form == "sparse" else np.asarray
    model = StandardScaler(**options).fit(store(X), sample_weight=w)
    before = model.transform(store(X))
    model.unlearn(store(X[:40]), sample_weight=part(w, slice(40)))
    expected = preprocessing.StandardScaler(**options)
    expected.fit(store(X[40:]), sample_weight=part(w, slice(40, None)))
    assert_like(model, expected, names=LEARNED[:3] if counted else LEARNED)
    moved, reference = model.transform(store(X)), expected.transform(store(X))
    back = model.inverse_transform(moved)
    if form == "sparse":
        before, moved, reference, back = (a.toarray() for a in (before, moved, reference, back))
    np.testing.assert_allclose(moved, reference, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(back, X, rtol=1e-9, atol=1e-12)
    if len(options) < 2:
        assert np.abs(before - moved).max() > 1e-3
    refit = clone(model).set_params(resolution=model.resolution_)
    refit.fit(store(X[40:][::-1]), sample_weight=None if w is None else w[40:][::-1])
    for name in LEARNED:
        assert np.array_equal(getattr(model, name), getattr(refit, name)), name


@pytest.mark.parametrize(
    "load", ["load_diabetes", "load_wine", "load_breast_cancer", "load_digits"]
)
def test_real_rows(load):
    X, _ = getattr(datasets, load)(return_X_y=True)
    gone = np.random.default_rng(0).permutation(len(X))[: len(X) // 10]
    model = StandardScaler().fit(X).unlearn(X[gone])
    assert_like(model, preprocessing.StandardScaler().fit(np.delete(X, gone, axis=0)))


def test_partial_fit_is_one_fit(rows):
    X, w = rows
    model = StandardScaler(resolution=-40)
    for batch in np.array_split(np.arange(150), 4):
        model.partial_fit(X[batch], sample_weight=w[batch])
    whole = StandardScaler(resolution=-40).fit(X, sample_weight=w)
    for name in LEARNED:
        assert np.array_equal(getattr(model, name), getattr(whole, name)), name
    assert_like(model, preprocessing.StandardScaler().fit(X, sample_weight=w))


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_a_constant_column_has_scale_one_after_forgetting(form):
    store = sparse.csr_array if form == "sparse" else np.asarray
    naive_errs = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = np.zeros((30_000, 2))
        ones = rng.choice(30_000, 3, replace=False)
        X[ones, 0] = 1.0
        X[:, 1] = rng.normal(size=30_000)
        model = StandardScaler(with_mean=False).fit(store(X))
        assert 0.009 < model.scale_[0] < 0.011
        model.unlearn(store(X[ones]))
        assert model.scale_[0] == 1.0 and model.var_[0] == 0.0 and model.mean_[0] == 0.0
        # removal from a floating-point mean and scatter, for comparison
        column, n = X[:, 0], 30_000
        mean, scatter = column.mean(), column.var() * n
        for value in column[ones]:
            rest = (n * mean - value) / (n - 1)
            scatter -= (value - mean) * (value - rest)
            mean, n = rest, n - 1
        naive_errs += scatter != 0
    assert naive_errs >= 8


def test_large_means_cost_no_digits():
    rng = np.random.default_rng(1)
    X = np.rint(rng.normal(size=(200, 3)) * 2**12) / 2**12
    expected = X[20:].var(axis=0)
    for offset in (1e6, 1e9):
        model = StandardScaler().fit(X + offset).unlearn(X[:20] + offset)
        np.testing.assert_allclose(model.var_, expected, rtol=1e-12)
    # sums of squares in floating point, for comparison
    naive = ((X + 1e9) ** 2).mean(axis=0) - (X + 1e9).mean(axis=0) ** 2
    assert np.abs(naive / X.var(axis=0) - 1).max() > 0.01


def test_poisoned_rows_leave_no_trace(rows):
    X, _ = rows
    poison = np.array([[1e8, -1e12, 1e4, 0.0]])
    model = StandardScaler().fit(np.vstack([X, poison]))
    assert model.scale_[1] > 1e9
    model.unlearn(poison)
    clean = StandardScaler().fit(X)
    for name in (*LEARNED, "resolution_"):
        assert np.array_equal(getattr(model, name), getattr(clean, name)), name


def test_huge_values_are_refused_and_nothing_changes(rows):
    X, _ = rows
    model = StandardScaler().fit(X)
    mean = model.mean_.copy()
    with np.errstate(over="ignore"):
        for verb in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match="too large"):
                verb(np.vstack([X, np.full((1, 4), 1e305)]))
    assert np.array_equal(model.mean_, mean)
    assert model.unlearn(X[:10]).n_samples_retained_ == 140


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
def test_missing_values_are_left_out(rows, offset, weighted):
    X, weight = rows
    weight = weight if weighted else None
    X = X + offset
    X[::7, 1] = np.nan
    X[3, 2] = np.nan
    model = StandardScaler().fit(X, sample_weight=weight)
    model.unlearn(X[:10], sample_weight=None if weight is None else weight[:10])
    kept = None if weight is None else weight[10:]
    plain = preprocessing.StandardScaler().fit(X[10:], sample_weight=kept)
    for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
        # scikit-learn's running variances lose digits to the offset
        rtol = 1e-6 if offset and name in ("var_", "scale_") else 1e-9
        np.testing.assert_allclose(getattr(model, name), getattr(plain, name), rtol=rtol)
    refit = StandardScaler(resolution=model.resolution_).fit(X[10:], sample_weight=kept)
    assert refit.state_digest() == model.state_digest()
    np.testing.assert_array_equal(refit.transform(X), model.transform(X))
    exact = np.nanvar(X[10:] - offset, axis=0)
    if not weighted:
        np.testing.assert_allclose(model.var_, exact, rtol=1e-9)


def test_column_that_loses_its_last_value(rows):
    X, _ = rows
    X = X.copy()
    X[10:, 1] = np.nan
    model = StandardScaler().fit(X).unlearn(X[:10])
    with np.errstate(invalid="ignore"):  # scikit-learn divides 0 by 0 there
        plain = preprocessing.StandardScaler().fit(X[10:])
    for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
        np.testing.assert_allclose(getattr(model, name), getattr(plain, name), rtol=1e-9)


def test_sparse_rows_cannot_be_centred(rows):
    X, _ = rows
    for kind in (StandardScaler, preprocessing.StandardScaler):
        with pytest.raises(ValueError, match=r"Cannot center sparse matrices.*with_mean=False"):
            kind().fit(sparse.csr_array(X))


def test_weights_that_are_all_zero_are_refused(rows):
    X, _ = rows
    weights = np.r_[np.ones(5), np.zeros(145)]
    model = StandardScaler().fit(X, sample_weight=weights)
    scale = model.scale_.copy()
    with pytest.raises(UnlearningError, match="at least one non-zero"):
        model.unlearn(X[:5], sample_weight=weights[:5])
    assert np.array_equal(model.scale_, scale)


ZERO_WEIGHTS = "a request in which every weight is 0 is refused like a fit with such weights"


@pytest.mark.parametrize("n_rows", [1, 145])
def test_rows_of_no_weight_can_be_forgotten(rows, n_rows):
    X, _ = rows
    weights = np.r_[np.ones(5), np.zeros(145)]
    model = StandardScaler().fit(X, sample_weight=weights)
    gone = slice(5, 5 + n_rows)
    model.unlearn(X[gone], sample_weight=weights[gone])
    assert model.n_samples_retained_ == 150 - n_rows
    assert_like(model, preprocessing.StandardScaler().fit(X[:5]), names=LEARNED[:3])


def test_rows_are_counted_where_no_moments_are_taken(rows):
    X, w = rows
    options = {"with_mean": False, "with_std": False}
    ours, theirs = (
        kind(**options).fit(X, sample_weight=w)
        for kind in (StandardScaler, preprocessing.StandardScaler)
    )
    assert ours.n_samples_seen_ == theirs.n_samples_seen_


def test_entries_stored_twice_are_one_value():
    twice = sparse.csr_array(
        (np.array([1.0, 2.0, 3.0]), np.array([0, 0, 0]), np.array([0, 2, 3])), shape=(2, 1)
    )
    expected = preprocessing.StandardScaler(with_mean=False).fit(twice.toarray()).var_
    assert StandardScaler(with_mean=False).fit(twice).var_ == expected
