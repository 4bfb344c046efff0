"""Nearest neighbours and nearest centroids that forget, against scikit-learn's refit."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import stable_id
from scipy import sparse
from sklearn import datasets, neighbors
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler as PlainScaler

from skunlearn.datasets import fetch_adult
from skunlearn.decomposition import PCA
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from skunlearn.neighbors import _base as base
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler
from skunlearn.testing import check_unlearner

PLAIN = {
    KNeighborsClassifier: neighbors.KNeighborsClassifier,
    KNeighborsRegressor: neighbors.KNeighborsRegressor,
    NearestCentroid: neighbors.NearestCentroid,
}
REAL = ["load_wine", "load_breast_cancer", "load_digits", "load_iris"]


def load(name):
    return getattr(datasets, name)(return_X_y=True)


def split(n, n_gone, seed=0):
    gone = np.random.default_rng(seed).permutation(n)[:n_gone]
    return gone, np.setdiff1d(np.arange(n), gone)


def says(model, X):
    found = [model.predict(X)]
    if hasattr(model, "kneighbors"):
        found += model.kneighbors(X)
    if hasattr(model, "predict_proba"):
        found.append(model.predict_proba(X))
    return found


def assert_same(ours, theirs, X):
    """Bit-equal in everything that is said and learned."""
    for one, two in zip(says(ours, X), says(theirs, X), strict=True):
        assert np.array_equal(one, two)
    for name in ("n_samples_fit_", "effective_metric_", "_fit_method"):
        assert getattr(ours, name, None) == getattr(theirs, name, None), name
    if hasattr(theirs, "classes_"):
        assert list(map(str, ours.classes_)) == list(map(str, theirs.classes_))


# -- k nearest neighbours ----------------------------------------------------------------------

OPTIONS = [
    {},
    {"algorithm": "brute", "weights": "distance"},
    {"algorithm": "ball_tree", "leaf_size": 5, "metric": "chebyshev"},
    {"algorithm": "kd_tree", "p": 1.0, "n_neighbors": 9},
    {"metric": "cosine", "weights": None},
    {"metric": lambda a, b: np.abs(a - b).max(), "n_neighbors": 2},
    {"weights": lambda d: 1 / (1 + d)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=stable_id)
@pytest.mark.parametrize("cls", [KNeighborsClassifier, KNeighborsRegressor])
def test_unlearned_is_scikit_learn_refitted(cls, options):
    X, y = load("load_wine")
    gone, rest = split(len(y), 40)
    model = cls(**options).fit(X, y)
    before = model.predict(X)
    for rows in (gone[:1], gone[1:15], gone[15:]):
        model.unlearn(X[rows], y[rows])
    assert_same(model, PLAIN[cls](**options).fit(X[rest], y[rest]), X)
    assert np.any(model.predict(X) != before)
    assert_same(model.to_sklearn(), model, X)
    assert type(model.to_sklearn()) is PLAIN[cls]


@pytest.mark.parametrize("name", REAL)
def test_real_classes(name):
    X, y = load(name)
    gone, rest = split(len(y), len(y) // 5)
    model = KNeighborsClassifier().fit(X, y).unlearn(X[gone])  # without targets
    assert_same(model, neighbors.KNeighborsClassifier().fit(X[rest], y[rest]), X)
    assert model.state_digest() == KNeighborsClassifier().fit(X[rest], y[rest]).state_digest()
    assert model.state_digest() != KNeighborsClassifier().fit(X, y).state_digest()


@pytest.mark.data
def test_adult(data_home):
    adult = fetch_adult(data_home=data_home, as_frame=True)
    X = adult.data.select_dtypes("number").iloc[:3000]
    y = adult.target.iloc[:3000]
    gone, rest = split(3000, 100)
    model = KNeighborsClassifier().fit(X, y).unlearn(X.iloc[gone], y.iloc[gone])
    # copies of a row are all alike, but the last of them goes: the same rows in another order
    assert model.n_samples_retained_ == 2900
    refit = neighbors.KNeighborsClassifier().fit(X.iloc[rest], y.iloc[rest])
    assert np.array_equal(model.kneighbors(X)[0], refit.kneighbors(X)[0])


def test_ties_are_broken_as_if_the_last_copy_was_never_there():
    X = np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])
    y = np.array(["a", "b", "a", "b", "b"])
    for gone, kept in (([1], [0, 1, 2, 3]), ([0], [1, 2, 3, 4]), ([3], [0, 1, 2, 4])):
        for algorithm in ("brute", "kd_tree"):
            options = {"n_neighbors": 2, "algorithm": algorithm}
            model = KNeighborsClassifier(**options).fit(X, y).unlearn(X[gone], y[gone])
            plain = neighbors.KNeighborsClassifier(**options).fit(X[kept], y[kept])
            assert np.array_equal(model._fit_X, X[kept]), (gone, kept)
            assert_same(model, plain, [[0.0], [0.5], [1.0]])


def test_targets_may_be_left_out_where_copies_agree():
    X = np.array([[1.0], [1.0], [2.0], [2.0], [3.0]])
    y = np.array([0, 1, 0, 0, 1])
    model = KNeighborsClassifier(1).fit(X, y)
    with pytest.raises(UnlearningError, match=r"1 of the 2 rows .* more than one target.* Pass y"):
        model.unlearn([[1.0], [2.0]])
    assert model.n_samples_retained_ == 5
    assert not model.can_unlearn([[1.0]]) and model.can_unlearn([[2.0]])
    model.unlearn([[1.0], [1.0]])  # all copies: no doubt which are meant
    model.unlearn([[2.0]])
    assert np.array_equal(model._fit_X, [[2.0], [3.0]])
    with pytest.raises(NotLearnedError, match=r"^2 of the 2 rows"):
        model.unlearn([[2.0], [2.0001]], [1, 0])


def test_a_wrong_target_is_refused_and_nothing_changes():
    X, y = load("load_diabetes")
    model = KNeighborsRegressor().fit(X, y)
    before = model.predict(X)
    wrong = y[:5].copy()
    wrong[2] = np.nextafter(wrong[2], 1e9)
    with pytest.raises(NotLearnedError, match=r"^1 of the 5"):
        model.unlearn(X[:5], wrong)
    with pytest.raises(UnlearningError, match="last rows"):
        model.unlearn(X, y)
    assert np.array_equal(model.predict(X), before)


@pytest.mark.parametrize("cls", [KNeighborsClassifier, KNeighborsRegressor])
def test_many_outputs(cls):
    X, y = load("load_iris")
    y = np.column_stack([y, (X[:, 0] > 5.8) * 3])
    gone, rest = np.flatnonzero(y[:, 0] == 1), np.flatnonzero(y[:, 0] != 1)
    model = cls().fit(X, y).unlearn(X[gone], y[gone])
    plain = PLAIN[cls]().fit(X[rest], y[rest])
    assert np.array_equal(model.predict(X), plain.predict(X))
    assert np.array_equal(model._y, plain._y)
    if cls is KNeighborsClassifier:
        assert [list(c) for c in model.classes_] == [[0, 2], [0, 3]]
        probabilities = zip(model.predict_proba(X), plain.predict_proba(X), strict=True)
        assert all(np.array_equal(one, two) for one, two in probabilities)


def test_a_forgotten_class_leaves_no_trace():
    X, y = load("load_iris")
    names = np.array(["a", "bb", "a class with a long name"])[y]
    model = KNeighborsClassifier().fit(X, names)
    assert model.classes_.dtype == "<U24"
    model.unlearn(X[y == 2], names[y == 2])
    assert model.classes_.tolist() == ["a", "bb"] and model.classes_.dtype == "<U2"
    assert_same(model, neighbors.KNeighborsClassifier().fit(X[y != 2], names[y != 2]), X)
    assert b"long name" not in pickle.dumps(model)


@pytest.mark.parametrize("storage", [sparse.csr_array, sparse.csc_matrix])
def test_sparse(storage):
    X, y = load("load_digits")
    gone, rest = split(len(y), 100)
    model = KNeighborsClassifier().fit(storage(X), y).unlearn(storage(X[gone]), y[gone])
    plain = neighbors.KNeighborsClassifier().fit(storage(X[rest]), y[rest])
    assert np.array_equal(model.predict_proba(storage(X)), plain.predict_proba(storage(X)))
    assert model.state_digest() == KNeighborsClassifier().fit(X[rest], y[rest]).state_digest()


def test_missing_values_with_a_metric_that_takes_them():
    X, y = load("load_iris")
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    model = KNeighborsClassifier(metric="nan_euclidean").fit(X, y)
    model.unlearn(X[:20].astype(np.float64), y[:20])
    plain = neighbors.KNeighborsClassifier(metric="nan_euclidean").fit(X[20:], y[20:])
    assert_same(model, plain, X)


def test_fewer_rows_than_neighbours_is_a_matter_of_predict():
    X, y = load("load_iris")
    model = KNeighborsClassifier().fit(X, y).unlearn(X[3:], y[3:])  # as scikit-learn's fit has it
    assert model.n_samples_fit_ == 3
    with pytest.raises(ValueError, match="n_neighbors <= n_samples_fit"):
        model.predict(X)


def test_auto_is_decided_anew():
    X, y = load("load_iris")
    model = KNeighborsClassifier(20).fit(X, y)
    assert model._fit_method == "kd_tree"
    model.unlearn(X[::2], y[::2]).unlearn(X[1:111:2], y[1:111:2])
    plain = neighbors.KNeighborsClassifier(20).fit(X[111::2], y[111::2])
    assert model._fit_method == plain._fit_method == "brute"


def test_the_index_is_rebuilt_when_it_is_asked_for(monkeypatch):
    X, y = load("load_digits")
    X = X[:, 10:14]
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, y)
    tree = model._tree
    built = []
    plain_fit = neighbors.NearestNeighbors.fit
    monkeypatch.setattr(
        neighbors.NearestNeighbors, "fit", lambda *args: built.append(1) or plain_fit(*args)
    )
    with pytest.raises(UnlearningError):
        model.unlearn(X + 0.5, y)
    assert model._tree is tree
    model.unlearn(X[:10], y[:10]).unlearn(X[10:20], y[10:20])
    assert not built and model not in base._SEARCHES
    model.predict(X[:5])
    model.predict(X[:5])
    assert built == [1] and np.asarray(model._tree.data).shape == (len(y) - 20, 4)
    model.unlearn(X[20:21], y[20:21])
    assert model not in base._SEARCHES  # it held the forgotten row
    assert_same(copy.deepcopy(model), model, X)
    assert_same(pickle.loads(pickle.dumps(model)), model, X)
    assert_same(model.fit(X[:300], y[:300]), KNeighborsClassifier().fit(X[:300], y[:300]), X)


def test_rows_are_the_models_own():
    X, y = load("load_diabetes")
    for given in (X.copy(), pd.DataFrame(X)[[0]], np.asfortranarray(X)):
        target = y.copy()
        rows = np.array(given, copy=True)
        model = KNeighborsRegressor().fit(given, target)
        before = model.predict(rows)
        if isinstance(given, np.ndarray):
            given[:] = 0.0
        target[:] = 0.0
        assert not np.may_share_memory(np.asarray(given), model._fit_X)
        assert np.array_equal(model.predict(rows), before)
        again = pd.DataFrame(rows)[:3] if hasattr(given, "iloc") else rows[:3]
        assert model.unlearn(again, y[:3]).n_samples_retained_ == len(y) - 3


def test_replace_appends_the_new_rows():
    X, y = load("load_iris")
    names = np.array(["a", "b", "c"])[y]
    model = KNeighborsClassifier().fit(X, names)
    model.replace((X[:2], names[:2]), (X[:2] + 1, ["new", "new"]))
    rows, labels = np.vstack([X[2:], X[:2] + 1]), np.append(names[2:], ["new", "new"])
    assert_same(model, neighbors.KNeighborsClassifier().fit(rows, labels), X)
    model.unlearn(X[:1] + 1, ["new"])
    with pytest.raises(ValueError, match="targets of the new rows"):
        model.replace((X[2:3], names[2:3]), X[:1])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        KNeighborsClassifier().fit(X, y).replace((X[:1], y[:1]), (X[:1], [0.5]))
    with pytest.raises(ValueError, match="labels like those of fit"):  # not relabelled as text
        KNeighborsClassifier().fit(X, y).replace((X[:1], y[:1]), (X[:1], ["new"]))


@pytest.mark.parametrize("track_rows", [True, False])
def test_track_rows(track_rows):
    X, y = load("load_wine")
    model = KNeighborsClassifier(track_rows=track_rows).fit(X, y)
    assert (model._prints is None) is not track_rows
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:5], 2 - y[:5])
    model.unlearn(X[:5], y[:5])
    assert_same(model, neighbors.KNeighborsClassifier().fit(X[5:], y[5:]), X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda X, y: KNeighborsClassifier(metric="precomputed").fit(X[:4], y[:4]),
            ValueError,
            'metric="precomputed".*named or a callable metric',
        ),
        (lambda X, y: KNeighborsClassifier().fit(neighbors.KDTree(X), y), ValueError, "KDTree"),
        (
            lambda X, y: KNeighborsRegressor().fit(X, sparse.csr_array(y[:, None])),
            ValueError,
            "sparse y",
        ),
        (lambda X, y: KNeighborsClassifier(track_rows=1.5).fit(X, y), ValueError, "track_rows"),
        (
            lambda X, y: KNeighborsClassifier().fit(X, y).unlearn(X, y, sample_weight=y),
            ValueError,
            "takes no sample_weight",
        ),
        (lambda X, y: KNeighborsClassifier().unlearn(X, y), NotFittedError, "not fitted"),
        (lambda X, y: KNeighborsClassifier().predict(X), NotFittedError, "not fitted"),
        (lambda X, y: NearestCentroid("manhattan").fit(X, y), ValueError, "medians.*Pipeline"),
        (lambda X, y: NearestCentroid(priors=[0.5, 0.5]).fit(X, y), ValueError, "2 priors.* 3 "),
        (lambda X, y: NearestCentroid(priors=[-1, 1, 1]).fit(X, y), ValueError, "non-negative"),
        (lambda X, y: NearestCentroid().fit(X[:5], y[:5]), ValueError, "got 1 class"),
        (lambda X, y: NearestCentroid().fit(X * 0, y), ValueError, "zero variance"),
        (
            lambda X, y: NearestCentroid().fit(X, y).unlearn(X, y, sample_weight=y),
            ValueError,
            "takes no sample_weight",
        ),
    ],
)
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call(*load("load_iris"))


# -- nearest centroid --------------------------------------------------------------------------

LEARNED = ("centroids_", "deviations_", "within_class_std_dev_", "class_prior_", "classes_")


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(
    "options",
    [{}, {"shrink_threshold": 0.5}, {"priors": "empirical", "shrink_threshold": 3.0}],
    ids=stable_id,
)
def test_centroids_are_scikit_learns(name, options):
    X, y = load(name)
    X = X[:, np.ptp(X, axis=0) > 0]
    gone, rest = split(len(y), len(y) // 4)
    gone = np.union1d(gone, np.flatnonzero(y == 2)) if len(np.unique(y)) > 2 else gone
    rest = np.setdiff1d(rest, gone)
    model = NearestCentroid(**options).fit(X, y)
    before = model.centroids_[0].copy()
    model.unlearn(X[gone], y[gone])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pixels constant within the classes
        plain = neighbors.NearestCentroid(**options).fit(X[rest], y[rest])
    for attribute in LEARNED:
        got, expected = getattr(model, attribute), getattr(plain, attribute)
        assert got.dtype == expected.dtype, attribute
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9, err_msg=attribute)
    assert np.array_equal(model.predict(X), plain.predict(X))
    assert np.abs(model.centroids_[0] - before).max() > 1e-4
    shuffled = np.random.default_rng(1).permutation(rest)
    refit = clone(model).set_params(resolution=model.resolution_).fit(X[shuffled], y[shuffled])
    for attribute in LEARNED:
        assert np.array_equal(getattr(model, attribute), getattr(refit, attribute)), attribute


def test_centroids_of_sparse_rows_and_without_columns():
    X, y = load("load_digits")
    X = X[:, 2:6]
    model = NearestCentroid().fit(sparse.csr_array(X), y).unlearn(sparse.csr_array(X[:9]), y[:9])
    expected = neighbors.NearestCentroid().fit(X[9:], y[9:])
    np.testing.assert_allclose(model.centroids_, expected.centroids_, rtol=1e-10)
    model.unlearn_columns([0, 3])
    narrow = neighbors.NearestCentroid().fit(X[9:, 1:3], y[9:])
    np.testing.assert_allclose(model.centroids_, narrow.centroids_, rtol=1e-10)


def test_given_priors_are_normalised_and_bound_to_their_classes():
    X, y = load("load_wine")
    with pytest.warns(UserWarning, match="do not sum to 1"):
        model = NearestCentroid(priors=[1, 2, 3]).fit(X, y)
    np.testing.assert_allclose(model.class_prior_, np.array([1, 2, 3]) / 6)
    model = NearestCentroid(priors=[0.2, 0.3, 0.5]).fit(X, y)
    with pytest.raises(UnlearningError, match="3 priors"):  # scikit-learn would mix them up
        model.unlearn(X[y == 0], y[y == 0])
    assert len(model.classes_) == 3


# -- as parts of something larger ----------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [KNeighborsClassifier(3), KNeighborsRegressor(3), NearestCentroid(shrink_threshold=0.1)],
    ids=stable_id,
)
def test_behind_a_scaler(model):
    X, y = load("load_wine")
    X = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    gone, rest = split(len(y), 10)
    chain = make_pipeline(StandardScaler(), model).fit(X, y)
    with pytest.raises(UnlearningError, match="step of a pipeline"):
        chain[-1].unlearn(X.iloc[gone], y[gone])
    chain.unlearn(X.iloc[gone], y[gone])
    refit = clone(chain)
    if hasattr(chain, "resolution_"):
        refit.set_params(resolution=chain.resolution_)
    refit.fit(X.iloc[rest], y[rest])
    assert np.array_equal(chain.predict(X), refit.predict(X))
    plain = make_pipeline(PlainScaler(), PLAIN[type(model)](**plain_params(model)))
    share = np.mean(chain.predict(X) == plain.fit(X.iloc[rest], y[rest]).predict(X))
    assert share == 1.0
    assert chain.guarantee_.kind == "exact"
    alone = chain[-1].fit(X, y).unlearn(X.iloc[gone], y[gone])  # fitted apart, it is its own again
    assert alone.n_samples_retained_ == len(rest)


def plain_params(model):
    own = ("track_rows", "resolution")
    return {name: value for name, value in model.get_params().items() if name not in own}


def test_grid_search_and_data_frames():
    X, y = datasets.load_iris(return_X_y=True, as_frame=True)
    names = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, cv=3).fit(X, names)
    best = search.best_estimator_.unlearn(X.iloc[:30], names.iloc[:30])
    plain = neighbors.KNeighborsClassifier(best.n_neighbors).fit(X.iloc[30:], names.iloc[30:])
    assert_same(best, plain, X)
    assert best.guarantee_.kind == "exact" and "grid" not in str(best.guarantee_)
    with pytest.raises(ValueError, match="feature names"):
        best.unlearn(X.iloc[30:31, ::-1], names.iloc[30:31])


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsClassifier(1, weights="distance", metric="manhattan"),
        KNeighborsRegressor(1, algorithm="brute", track_rows=False),
        NearestCentroid(priors="empirical"),
    ],
    ids=stable_id,
)
def test_contract_of_variants(model, monkeypatch):
    monkeypatch.setattr("skunlearn.testing._checks_equivalence.N_REQUESTS", 100)
    expected = {}
    if isinstance(model, NearestCentroid):
        expected["check_refused_where_fit_raises"] = "as many rows as classes: deviations are NaN"
    check_unlearner(model, expected_failed_checks=expected)


@pytest.mark.parametrize("options", [{}, {"shrink_threshold": 0.3}, {"priors": "empirical"}])
def test_centroids_behind_steps_that_mix_columns(options):
    """A chain whose moments are matrices gives the centroids the variances of each feature."""
    X, y = load("load_wine")
    model = make_pipeline(StandardScaler(), PCA(n_components=3), NearestCentroid(**options))
    model.fit(X, y).unlearn(X[:30], y[:30])
    Z = model[:-1].transform(X)
    plain = neighbors.NearestCentroid(**options).fit(Z[30:], y[30:])
    for name in ("centroids_", "deviations_", "within_class_std_dev_", "class_prior_"):
        expected = getattr(plain, name)
        np.testing.assert_allclose(getattr(model[-1], name), expected, rtol=1e-8, atol=1e-10)
    proba = plain.predict_proba(Z)
    np.testing.assert_allclose(model.predict_proba(X), proba, rtol=1e-8, atol=1e-12)
