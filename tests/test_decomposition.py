"""Principal components that forget, against scikit-learn's refit."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets, decomposition
from sklearn.base import clone

from skunlearn.decomposition import PCA
from skunlearn.exceptions import UnlearningError

LEARNED = (
    "components_",
    "explained_variance_",
    "explained_variance_ratio_",
    "singular_values_",
    "mean_",
    "noise_variance_",
    "n_components_",
    "n_samples_",
)


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(150, 6)) @ np.diag([5.0, 3.0, 2.0, 1.0, 0.5, 0.1]) @ rng.normal(
        size=(6, 6)
    ) + rng.normal(size=6)


def assert_like(ours, theirs, rtol=1e-7):
    for name in LEARNED:
        got, expected = getattr(ours, name), getattr(theirs, name)
        assert np.shape(got) == np.shape(expected), name
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("n_components", [None, 3, 0, 0.9, 0.999, "mle"])
def test_unlearned_is_scikit_learn_refitted(X, n_components, whiten):
    options = {"n_components": n_components, "whiten": whiten}
    model = PCA(**options).fit(X)
    before = model.mean_.copy()
    model.unlearn(X[:40])
    expected = decomposition.PCA(**options, svd_solver="full").fit(X[40:])
    assert_like(model, expected)
    assert np.abs(before - model.mean_).max() > 1e-3
    np.testing.assert_allclose(model.transform(X), expected.transform(X), rtol=1e-7, atol=1e-8)
    if model.n_components_:
        back = expected.inverse_transform(expected.transform(X))
        np.testing.assert_allclose(model.inverse_transform(model.transform(X)), back, atol=1e-8)
        np.testing.assert_allclose(model.get_covariance(), expected.get_covariance(), rtol=1e-7)
        assert model.score(X) == pytest.approx(expected.score(X), rel=1e-7)
    refit = clone(model).set_params(resolution=model.resolution_).fit(X[40:][::-1])
    for name in LEARNED:
        assert np.array_equal(getattr(model, name), getattr(refit, name)), name
    assert model.state_digest() == refit.state_digest()


def test_a_share_that_is_just_reached_takes_one_more_component():
    X = np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]])
    for kind in (PCA, decomposition.PCA):
        model = kind(0.5, svd_solver="full").fit(X)
        assert model.n_components_ == 2, kind
        assert model.explained_variance_ratio_[0] == 0.5


@pytest.mark.parametrize("seed", range(10))
def test_signs_are_those_of_scikit_learn(seed):
    X = np.random.default_rng(seed).normal(size=(50, 5)) * [5, 4, 3, 2, 1]
    model = PCA().fit(X).unlearn(X[:10])
    expected = decomposition.PCA(svd_solver="full").fit(X[10:])
    assert np.array_equal(np.sign(model.components_), np.sign(expected.components_))
    largest = np.abs(model.components_).argmax(axis=1)
    assert (model.components_[np.arange(5), largest] > 0).all()


@pytest.mark.parametrize("load", ["load_diabetes", "load_wine", "load_breast_cancer"])
def test_real_rows(load):
    X, _ = getattr(datasets, load)(return_X_y=True)
    gone = np.random.default_rng(0).permutation(len(X))[: len(X) // 10]
    model = PCA(3).fit(X).unlearn(X[gone])
    expected = decomposition.PCA(3, svd_solver="full").fit(np.delete(X, gone, axis=0))
    assert_like(model, expected, rtol=1e-6)


def test_digits_keep_their_variance():
    X, _ = datasets.load_digits(return_X_y=True)
    model = PCA(0.95).fit(X).unlearn(X[:300])
    expected = decomposition.PCA(0.95, svd_solver="full").fit(X[300:])
    assert_like(model, expected, rtol=1e-6)
    assert 20 < model.n_components_ < 40


def test_large_means_cost_no_digits():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5)) * [5, 4, 3, 2, 1]
    # whole multiples of the grid of floats at 1e6, so that the shifted rows are the same rows
    X = np.rint(X * 2**30) / 2**30
    exact = decomposition.PCA(svd_solver="full").fit(X).explained_variance_
    for_comparison = decomposition.PCA().fit(X + 1e6).explained_variance_
    assert np.abs(for_comparison / exact - 1).max() > 1e-5  # scikit-learn's default solver
    extra = rng.normal(size=(100, 5)) * 100 + 1e6
    model = PCA().fit(np.vstack([X + 1e6, extra])).unlearn(extra)
    np.testing.assert_allclose(model.explained_variance_, exact, rtol=1e-9)


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_rows(X, form):
    X = X * (np.random.default_rng(1).random(X.shape) < 0.4)
    model = PCA(3).fit(form(X)).unlearn(form(X[:40]))
    expected = decomposition.PCA(3, svd_solver="full").fit(X[40:])
    assert_like(model, expected)
    np.testing.assert_allclose(model.transform(form(X)), expected.transform(X), atol=1e-8)
    dense = PCA(3, resolution=model.resolution_).fit(X[40:])
    assert np.array_equal(model.components_, dense.components_)


def test_partial_fit_is_one_fit(X):
    model = PCA(3, resolution=-40)
    for batch in np.array_split(X, 4):
        model.partial_fit(batch)
    whole = PCA(3, resolution=-40).fit(X)
    for name in LEARNED:
        assert np.array_equal(getattr(model, name), getattr(whole, name)), name


def test_float32(X):
    model = PCA(3).fit(X.astype(np.float32)).unlearn(X[:40].astype(np.float32))
    expected = decomposition.PCA(3, svd_solver="full").fit(X[40:].astype(np.float32))
    for name in ("components_", "explained_variance_", "mean_"):
        assert getattr(model, name).dtype == getattr(expected, name).dtype == np.float32, name
        np.testing.assert_allclose(
            getattr(model, name), getattr(expected, name), rtol=1e-3, atol=1e-4
        )
    assert model.transform(X.astype(np.float32)).dtype == np.float32


def test_more_columns_than_rows():
    X = np.random.default_rng(0).normal(size=(12, 30))
    model = PCA().fit(X).unlearn(X[:4])
    expected = decomposition.PCA(svd_solver="full").fit(X[4:])
    np.testing.assert_allclose(
        model.explained_variance_, expected.explained_variance_, rtol=1e-8, atol=1e-10
    )
    # the last axis has no variance: it is arbitrary
    np.testing.assert_allclose(model.components_[:7], expected.components_[:7], atol=1e-8)
    assert model.n_components_ == 8


def test_fewer_rows_than_components_are_refused(X):
    model = PCA(4).fit(X[:10])
    moved = model.transform(X)
    with pytest.raises(UnlearningError, match=r"n_components=4 must be between 0 and .*3"):
        model.unlearn(X[:7])
    with pytest.raises(ValueError, match="n_components=4 must be between 0 and"):
        decomposition.PCA(4).fit(X[7:10])
    assert np.array_equal(model.transform(X), moved)
    assert model.unlearn(X[:6]).n_components_ == 4
    with pytest.raises(ValueError, match="n_components=7 must be between"):
        PCA(7).fit(X)
    with pytest.raises(ValueError, match="only supported if n_samples >= n_features"):
        PCA("mle").fit(X[:4])


def test_poisoned_rows_leave_no_trace(X):
    poison = np.full((2, 6), 1e9) * [1, -1, 0, 1, 0, 0]
    model = PCA(3).fit(np.vstack([poison, X]))
    assert model.explained_variance_[0] > 1e15
    model.unlearn(poison)
    clean = PCA(3).fit(X)
    for name in (*LEARNED, "resolution_"):
        assert np.array_equal(getattr(model, name), getattr(clean, name)), name


def test_the_solver_is_accepted_and_does_not_matter(X):
    reference = PCA(3).fit(X)
    for solver in ("full", "covariance_eigh", "arpack", "randomized"):
        other = PCA(3, svd_solver=solver, random_state=0).fit(X)
        assert np.array_equal(other.components_, reference.components_), solver
