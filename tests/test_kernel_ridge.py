"""Kernel ridge that forgets, against scikit-learn's refit."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import stable_id
from scipy import linalg, sparse
from sklearn import datasets, kernel_ridge
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.kernel_ridge import KernelRidge, _kernel_ridge
from skunlearn.kernel_ridge._factor import KernelFactor
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler
from skunlearn.testing import check_unlearner

SINGULAR = "Singular matrix|Ill-conditioned|ill-conditioned"


@pytest.fixture(params=["diabetes", "breast_cancer"])
def rows(request):
    """Real rows, standardised, and a numeric target."""
    X, y = getattr(datasets, f"load_{request.param}")(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y.astype(float)


@pytest.fixture
def n_refits(monkeypatch):
    """How often a model was solved from nothing but its rows."""
    calls = []
    plain = KernelRidge._solved
    monkeypatch.setattr(
        KernelRidge, "_solved", lambda self, parts: calls.append(1) or plain(self, parts)
    )
    return lambda: len(calls)


def split(n, n_gone, seed=0):
    gone = np.random.default_rng(seed).permutation(n)[:n_gone]
    return gone, np.setdiff1d(np.arange(n), gone)


def part(values, where):
    return None if values is None else values[where]


def plain(model, X, y, sample_weight=None):
    """What scikit-learn fits."""
    params = {name: value for name, value in model.get_params().items() if name != "track_rows"}
    return kernel_ridge.KernelRidge(**params).fit(X, y, sample_weight=sample_weight)


def assert_close(model, expected, X, rtol=1e-8):
    for got, wanted in (
        (model.dual_coef_, expected.dual_coef_),
        (model.predict(X), expected.predict(X)),
    ):
        assert got.shape == wanted.shape and got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=0, atol=rtol * np.abs(wanted).max())


OPTIONS = [
    {},
    {"kernel": "rbf", "gamma": 0.05, "alpha": 0.1},
    {"kernel": "laplacian", "alpha": 1e-3},
    {"kernel": "poly", "degree": 2, "gamma": 0.1, "coef0": 2.0},
    {"kernel": "cosine", "alpha": 0.5},
    {"kernel": "sigmoid", "gamma": 1e-3, "alpha": 5.0},
    {"kernel": lambda a, b, c: np.exp(-c * np.abs(a - b).sum()), "kernel_params": {"c": 0.1}},
]


@pytest.mark.parametrize("options", OPTIONS, ids=stable_id)
def test_unlearned_is_scikit_learn_refitted(rows, options, n_refits):
    X, y = (part(rows[0], slice(150)), part(rows[1], slice(150)))
    gone, rest = split(len(y), 12)
    model = KernelRidge(**options).fit(X, y)
    assert_close(model, plain(model, X, y), X, rtol=1e-10)
    before = model.predict(X)
    model.unlearn(X[gone], y[gone])
    expected = plain(model, X[rest], y[rest])
    assert_close(model, expected, X)
    assert np.abs(model.predict(X) - before).max() > 1e-6 * np.abs(y).max()
    assert n_refits() == 1  # the fit itself
    assert np.array_equal(model.X_fit_, expected.X_fit_)
    served = model.to_sklearn()
    assert type(served) is kernel_ridge.KernelRidge
    assert np.array_equal(served.predict(X), model.predict(X))
    assert not {"_factor", "_prints", "_y"} & set(vars(served))


@pytest.mark.parametrize("weights", ["fractional", "zeros", "scalar"])
@pytest.mark.parametrize("n_targets", [0, 1, 3])
def test_weights_and_targets(rows, weights, n_targets, n_refits):
    X, y = rows
    y = np.column_stack([y, np.sin(y), y**2])[:, :n_targets] if n_targets else y
    w = np.random.default_rng(1).uniform(0.1, 3.0, len(y))
    w = {"fractional": w, "zeros": w * (np.arange(len(y)) % 3 > 0), "scalar": 2.0}[weights]
    gone, rest = split(len(y), 30)
    options = {"kernel": "rbf", "gamma": 0.1, "alpha": 0.1}
    model = KernelRidge(**options).fit(X, y, sample_weight=w)
    each = np.broadcast_to(w, len(y))
    assert_close(model, plain(model, X, y, w), X, rtol=1e-10)
    with pytest.raises(NotLearnedError, match="same sample_weight"):
        model.unlearn(X[gone], y[gone], sample_weight=each[gone] + 1)
    model.unlearn(X[gone], y[gone], sample_weight=each[gone])
    assert_close(model, plain(model, X[rest], y[rest], each[rest]), X)
    assert n_refits() == 1


def test_a_penalty_a_target(rows, n_refits):
    X, y = rows
    y = np.column_stack([y, np.cos(y)])
    model = KernelRidge([0.1, 10.0], kernel="rbf").fit(X, y)
    assert model._factor is None
    model.unlearn(X[:9], y[:9])
    assert np.array_equal(model.dual_coef_, plain(model, X[9:], y[9:]).dual_coef_)
    assert n_refits() == 2
    same = KernelRidge([0.1, 0.1], kernel="rbf").fit(X, y).unlearn(X[:9], y[:9])
    assert_close(same, plain(same, X[9:], y[9:]), X)
    assert n_refits() == 3


@pytest.mark.parametrize("storage", [sparse.csr_array, sparse.csc_matrix])
def test_sparse(storage):
    X, y = datasets.load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300].astype(float)
    model = KernelRidge(kernel="rbf").fit(storage(X), y)
    model.unlearn(storage(X[:20]), y[:20])
    expected = plain(model, storage(X[20:]), y[20:])
    np.testing.assert_allclose(model.dual_coef_, expected.dual_coef_, rtol=1e-8)
    np.testing.assert_allclose(model.predict(storage(X)), expected.predict(X), rtol=1e-8)
    dense = KernelRidge(kernel="rbf").fit(X[20:], y[20:])
    assert model.state_digest() == dense.state_digest()


def test_float32_stays_float32(rows):
    X, y = (part.astype(np.float32) for part in rows)
    model = KernelRidge(kernel="rbf").fit(X, y).unlearn(X[:9], y[:9])
    expected = plain(model, X[9:], y[9:])
    assert model.dual_coef_.dtype == expected.dual_coef_.dtype == np.float32
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-3, atol=1e-3)
    assert KernelRidge().fit(X, rows[1]).dual_coef_.dtype == np.float64
    assert KernelRidge().fit(X, rows[1].astype(int)).dual_coef_.dtype == np.float64


# -- numerics ------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.0, 1e-3, 1e-6])
def test_a_hundred_requests_do_not_drift(rows, alpha, n_refits):
    X, y = rows
    model = KernelRidge(alpha, kernel="laplacian").fit(X, y)
    order, _ = split(len(y), len(y))
    for i in range(100):
        model.unlearn(X[order[2 * i : 2 * i + 2]], y[order[2 * i : 2 * i + 2]])
    rest = np.sort(order[200:])
    assert_close(model, plain(model, X[rest], y[rest]), X, rtol=1e-9)
    assert n_refits() == 1
    # the factor itself, not only the refined solution
    L = np.tril(model._factor.array)
    K = model._get_kernel(X[rest]) + alpha * np.eye(len(rest))
    np.testing.assert_allclose(L @ L.T, K, rtol=0, atol=1e-13 * len(rest))


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 1e-12},  # as many rows as it likes, ten columns: rank 10
        {"alpha": 1e-10, "kernel": "rbf", "gamma": 1e-3},
        {"alpha": 1e-9, "kernel": "poly"},
        {"alpha": 0.0, "kernel": "rbf", "gamma": 1e-4},
        {"alpha": 0.0},
    ],
    ids=stable_id,
)
def test_nearly_singular_kernels_are_fitted_anew(options, n_refits):
    X, y = datasets.load_diabetes(return_X_y=True)
    X, y = np.vstack([X[:100], X[:20]]), np.append(y[:100], y[:20])  # copies of rows too
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the singular matrix, as scikit-learn
        model = KernelRidge(**options).fit(X, y)
        model.unlearn(X[:5], y[:5])
        assert n_refits() == 2
        kept = np.delete(np.arange(120), np.arange(100, 105))  # the last copies go
        refit = KernelRidge(**options).fit(X[kept], y[kept])
        residual = plain(model, X[kept], y[kept]).predict(X[kept]) - y[kept]
    assert np.array_equal(model.dual_coef_, refit.dual_coef_)
    fitted = np.abs(model.predict(X[kept]) - y[kept]).max()
    assert fitted <= np.abs(residual).max() * 1.5 + 1e-3 * np.abs(y).max()


def test_a_singular_matrix_warns_as_scikit_learn_does():
    X, y = datasets.load_diabetes(return_X_y=True)
    for fit in (KernelRidge(0.0).fit, kernel_ridge.KernelRidge(0.0).fit):
        with pytest.warns(Warning, match=SINGULAR):
            fit(X, y)
    with pytest.warns(Warning, match=SINGULAR):
        model = KernelRidge(0.0).fit(X, y)
    with pytest.warns(Warning, match=SINGULAR):
        model.unlearn(X[:3], y[:3])


def test_the_guard_replaces_a_spoilt_factor(rows, n_refits):
    X, y = rows
    model = KernelRidge(0.1, kernel="rbf").fit(X, y)
    for i, size in enumerate((1e-10, 1e-2, np.nan)):
        spoilt = copy.deepcopy(model)
        array = spoilt._factor.array
        array[np.tril_indices(len(array))] *= 1 + size
        before = n_refits()
        spoilt.unlearn(X[:5], y[:5])
        assert n_refits() - before == (i > 0), size  # 1e-10 is mended by refinement
        assert_close(spoilt, plain(spoilt, X[5:], y[5:]), X, rtol=1e-11)


def test_most_rows_are_forgotten_by_a_refit(rows, n_refits):
    X, y = rows
    model = KernelRidge(0.1, kernel="rbf").fit(X, y).unlearn(X[3:], y[3:])
    assert_close(model, plain(model, X[:3], y[:3]), X, rtol=1e-12)
    assert n_refits() == 2
    model.unlearn(X[1:2], y[1:2]).unlearn(X[:1], y[:1])
    assert_close(model, plain(model, X[2:3], y[2:3]), X)
    with pytest.raises(UnlearningError, match="last rows"):
        model.unlearn(X[2:3], y[2:3])


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize("gone", ["first", "last", "middle", "scattered", "none"])
def test_a_factor_without_rows(n, gone):
    rng = np.random.default_rng(n)
    B = rng.normal(size=(n, n))
    K = B @ B.T
    rows = {"first": [0], "last": [n - 1], "middle": [n // 2], "none": []}.get(gone)
    rows = rng.permutation(n)[: max(1, n // 9)] if rows is None else rows
    keep = np.setdiff1d(np.arange(n), rows)
    factor = KernelFactor.of(K.copy(), 0.5)
    start = factor.array.copy()
    less = factor.without(keep)
    assert np.array_equal(factor.array, start)  # a value, not a mutation
    small = K[np.ix_(keep, keep)] + 0.5 * np.eye(len(keep))
    np.testing.assert_array_equal(np.triu(less.array, 1), np.triu(small, 1))
    L = np.tril(less.array)
    np.testing.assert_allclose(L @ L.T, small, atol=1e-12 * n)
    if len(keep):
        np.testing.assert_allclose(L, linalg.cholesky(small, lower=True), atol=1e-10 * n)
        Z = rng.normal(size=(len(keep), 2))
        np.testing.assert_allclose(less.product(Z), small @ Z, atol=1e-11 * n)
        np.testing.assert_allclose(small @ less.refined(Z)[0], Z, atol=1e-9 * n)


# -- requests --------------------------------------------------------------------------------------


def test_rows_are_the_models_own(rows):
    X, y = (part.copy() for part in rows)
    w = np.ones(len(y))
    model = KernelRidge(kernel="rbf").fit(X, y, sample_weight=w)
    kept = X.copy(), y.copy()
    X[:] = y[:] = w[:] = 0.0
    model.unlearn(kept[0][:5], kept[1][:5], sample_weight=np.ones(5))
    expected = plain(model, kept[0][5:], kept[1][5:])
    assert_close(model, expected, kept[0])


def test_replace(rows):
    X, y = rows
    w = np.arange(len(y)) % 3 + 1.0
    model = KernelRidge(kernel="rbf").fit(X, y)
    new = {"X": X[:4] + 1, "y": y[:4] + 1, "sample_weight": w[:4]}
    model.replace((X[:4], y[:4]), new)
    expected = plain(
        model,
        np.vstack([X[4:], X[:4] + 1]),
        np.append(y[4:], y[:4] + 1),
        np.append(np.ones(len(y) - 4), w[:4]),
    )
    assert_close(model, expected, X)
    model.unlearn(**new)
    assert_close(model, plain(model, X[4:], y[4:]), X)


def test_all_weight_may_not_go(rows):
    X, y = rows
    w = (np.arange(len(y)) < 3).astype(float)
    model = KernelRidge(kernel="rbf").fit(X, y, sample_weight=w)
    with pytest.raises(UnlearningError, match="non-zero"):
        model.unlearn(X[:3], y[:3], sample_weight=w[:3])
    assert model.n_samples_retained_ == len(y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda X, y: KernelRidge(kernel="precomputed").fit(X @ X.T, y), ValueError,
         'kernel="precomputed".*named or a callable kernel'),
        (lambda X, y: KernelRidge(alpha=-1).fit(X, y), ValueError, "alpha"),
        (lambda X, y: KernelRidge(track_rows="yes").fit(X, y), ValueError, "track_rows"),
        (lambda X, y: KernelRidge().fit(X, y, sample_weight=-y), ValueError, "[Nn]egative"),
        (lambda X, y: KernelRidge().fit(X, y, sample_weight=0 * y), ValueError, "non-zero"),
        (lambda X, y: KernelRidge().unlearn(X, y), NotFittedError, "not fitted"),
        (lambda X, y: KernelRidge().fit(X, y).unlearn(X[:1]), ValueError, "requires y"),
        (lambda X, y: KernelRidge().fit(X, y).unlearn(X[:1], y[:1] + 1), NotLearnedError,
         "1 of the"),
        (lambda X, y: KernelRidge().fit(X, y).unlearn(X, y, sensitive_features=y), UnlearningError,
         "takes no sensitive_features"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(rows, call, error, message):
    with pytest.raises(error, match=message):
        call(*rows)


def test_behind_a_scaler_in_a_search_in_a_pickle(rows):
    X = pd.DataFrame(rows[0][:200], columns=[f"c{i}" for i in range(rows[0].shape[1])])
    y = pd.Series(rows[1][:200])
    chain = make_pipeline(StandardScaler(), KernelRidge(kernel="rbf"))
    search = GridSearchCV(chain, {"kernelridge__alpha": [0.1, 1.0]}, cv=3).fit(X, y)
    best = search.best_estimator_
    assert best[-1]._factor is None  # n² numbers that a pipeline does not need
    with pytest.raises(UnlearningError, match="step of a pipeline"):
        best[-1].unlearn(X[:9], y[:9])
    best = pickle.loads(pickle.dumps(best)).unlearn(X[:9], y[:9])
    assert np.array_equal(best.predict(X), clone(best).fit(X[9:], y[9:]).predict(X))
    assert best.guarantee_.kind == "exact"
    alone = KernelRidge(kernel="rbf").fit(X, y)
    loaded = pickle.loads(pickle.dumps(alone)).unlearn(X[:9], y[:9])
    assert_close(loaded, plain(loaded, X[9:], y[9:]), X)
    assert "rounding" in loaded.guarantee_.detail and "fitted anew" in loaded.guarantee_.detail


@pytest.mark.parametrize(
    "model",
    [KernelRidge(), KernelRidge(0.01, kernel="laplacian", track_rows=False)],
    ids=stable_id,
)
def test_contract_of_variants(model):
    check_unlearner(model)


def test_what_is_said_of_the_limits_is_what_is_used():
    assert f"{_kernel_ridge.FORWARD:g}" in KernelRidge._detail
    assert (
        "1e-9 of its size" in KernelRidge.__doc__
        and "one\n    row in twelve" in KernelRidge.__doc__
    )
