"""Requests by data subject, against requests by rows."""

import datetime
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import datasets, linear_model
from sklearn.base import clone

from skunlearn.audit import RowIndex
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.kernel_ridge import KernelRidge
from skunlearn.linear_model import Ridge
from skunlearn.naive_bayes import GaussianNB
from skunlearn.neighbors import KNeighborsClassifier
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler


@pytest.fixture(params=["load_diabetes", "load_wine", "load_breast_cancer"])
def data(request):
    """X, y and ids: 40 subjects, each with rows in several places."""
    X, y = getattr(datasets, request.param)(return_X_y=True)
    y = y if len(np.unique(y)) < 4 else (y > 140).astype(int)
    return X, y, np.random.default_rng(0).integers(40, size=len(y))


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        GaussianNB(),
        KNeighborsClassifier(3),
        KernelRidge(kernel="rbf"),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(), KNeighborsClassifier(3)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("hash_ids", [False, True])
def test_a_subject_is_forgotten_as_its_rows_are(data, model, hash_ids):
    X, y, ids = data
    gone = np.isin(ids, [3, 17])
    index = RowIndex(ids, X, y, hash_ids=hash_ids)
    fitted = clone(model).fit(X, y)
    assert index.unlearn(fitted, [17, 3]) is fitted
    expected = clone(model).fit(X, y).unlearn(X[gone], y[gone])
    assert np.array_equal(fitted.predict(X), expected.predict(X))
    assert fitted.n_samples_retained_ == index.n_samples == len(y) - gone.sum()
    assert (17 in index, 5 in index, len(index)) == (False, True, len(set(ids)) - 2)
    with pytest.raises(NotLearnedError, match=r"1 of the 2 subjects .*: 17"):
        index.unlearn(fitted, [5, 17])
    assert 5 in index and fitted.n_samples_retained_ == index.n_samples


IDS = [
    np.array([3, 1, 3, 2]),
    ["c", "a", "c", "b"],
    np.array(["c", "a", "c", "b"], dtype=object),
    pd.Series(["c", "a", "c", "b"], index=[9, 9, 2, 0]),
    pd.Series(pd.to_datetime(["2003-01-01", "2001-01-01", "2003-01-01", "2002-01-01"])),
    [("x", 3), ("x", 1), ("x", 3), ("x", 2)],
    [datetime.date(2003, 1, 1), 1, datetime.date(2003, 1, 1), "b"],
    pd.Categorical(["c", "a", "c", "b"]),
    np.array([3.0, 1.0, 3.0, np.inf]),
]


@pytest.mark.parametrize("hash_ids", [False, True])
@pytest.mark.parametrize("ids", IDS, ids=lambda ids: type(ids).__name__)
def test_ids_of_any_kind(ids, hash_ids):
    index = RowIndex(ids, hash_ids=hash_ids)
    first, last = ids.iloc[[0, 3]] if hasattr(ids, "iloc") else (ids[0], ids[3])
    assert index.positions([first]).tolist() == [0, 2]
    assert index.positions([last, first, last]).tolist() == [0, 2, 3]
    assert (len(index), index.n_samples, index.n_rows(first), index.n_rows("no")) == (3, 4, 2, 0)
    assert index.positions([]).tolist() == []
    index.forget([first])
    assert (first in index, len(index), index.positions([last]).tolist()) == (False, 2, [3])
    assert index.n_samples == 2
    loaded = pickle.loads(pickle.dumps(index))
    assert loaded.positions([last]).tolist() == [3]


def test_numpy_and_python_ids_are_the_same():
    for hash_ids in (False, True):
        index = RowIndex(np.array([1, 2], dtype=np.int32), hash_ids=hash_ids)
        for same in (1, np.int64(1), 1.0, np.float32(1), True):
            assert same in index
        assert "1" not in index and 1.5 not in index


def test_hashed_ids_are_not_there():
    names = [f"somebody {i}" for i in range(50)]
    assert b"somebody 7" in pickle.dumps(RowIndex(names))
    index = RowIndex(names, hash_ids=True)
    assert b"somebody" not in pickle.dumps(index)
    assert "somebody" not in repr(index) and "somebody" not in repr(RowIndex(names))
    other = RowIndex(names, hash_ids=True)
    assert not set(index._spans) & set(other._spans)  # another key


# -- where the rows come from ----------------------------------------------------------------------


def test_rows_are_taken_from_any_container():
    X, y = datasets.load_wine(return_X_y=True, as_frame=True)
    X.index = X.index[::-1]  # labels that are no positions
    ids = np.arange(len(y)) // 4
    w = pd.Series(np.arange(len(y)), index=X.index)
    at = [8, 9, 10, 11]
    index = RowIndex(ids, X, y.tolist(), sample_weight=w)
    rows = index.rows([2])
    assert list(rows) == ["X", "y", "sample_weight"]
    pd.testing.assert_frame_equal(rows["X"], X.iloc[at])
    assert rows["y"].tolist() == y.iloc[at].tolist() and rows["sample_weight"].tolist() == at
    for storage in (sparse.csr_array, sparse.csc_matrix):
        given = RowIndex(ids).rows([2], storage(X), sensitive_features=X[["ash"]])
        assert np.array_equal(given["X"].toarray(), X.iloc[at])
        assert np.array_equal(given["sensitive_features"], X[["ash"]].iloc[at])


def test_nothing_is_copied(data):
    X, y, ids = data
    index = RowIndex(ids, X, y)
    assert index._parts["X"] is X and index._parts["y"] is y


@pytest.mark.parametrize("form", ["tuple", "dict"])
def test_a_loader_is_asked_for_the_rows_alone(data, form):
    X, y, ids = data
    asked = []

    def load(positions):
        asked.append(positions)
        found = X[positions], y[positions], None
        return found if form == "tuple" else {"X": found[0], "y": found[1]}

    index = RowIndex(ids, loader=load)
    model = index.unlearn(Ridge().fit(X, y), [3])
    assert np.array_equal(asked[0], np.flatnonzero(ids == 3)) and len(asked) == 1
    expected = Ridge().fit(X, y).unlearn(X[ids == 3], y[ids == 3])
    assert np.array_equal(model.coef_, expected.coef_)


def test_weights_and_sensitive_features_go_along(data):
    X, y, ids = data
    w, z = np.random.default_rng(1).uniform(1, 2, len(y)), np.arange(len(y)) % 2
    model = Ridge().fit(X, y, sample_weight=w)
    RowIndex(ids, X, y, sample_weight=w).unlearn(model, [5])
    assert model.n_samples_retained_ == np.count_nonzero(ids != 5)
    X = X + np.random.default_rng(2).normal(size=X.shape)  # no column repeats its values
    fair = GaussianBarycenter().fit(X, sensitive_features=z)
    RowIndex(ids, X, sensitive_features=z).unlearn(fair, [5])
    assert fair.n_samples_retained_ == np.count_nonzero(ids != 5)


def test_further_keywords_reach_the_pipeline(data):
    X, y, ids = data
    chain = make_pipeline(StandardScaler(), linear_model.Ridge()).fit(X, y)
    index = RowIndex(ids, X, y)
    with pytest.raises(UnlearningError, match="X_retain"):
        index.unlearn(chain, [5])
    assert 5 in index
    rest = ids != 5
    index.unlearn(chain, [5], X_retain=X[rest], y_retain=y[rest])
    assert 5 not in index and chain.n_samples_retained_ == rest.sum()


# -- refusals --------------------------------------------------------------------------------------


def test_after_an_error_model_and_index_are_as_before(data):
    X, y, ids = data
    index = RowIndex(ids, X, y)
    model = Ridge().fit(X[ids != 5], y[ids != 5])  # never saw subject 5
    before = model.coef_.copy()
    with pytest.raises(NotLearnedError):
        index.unlearn(model, [4, 5])
    assert 4 in index and 5 in index and np.array_equal(model.coef_, before)
    index.unlearn(model, [4])
    assert 4 not in index and not np.array_equal(model.coef_, before)


def test_an_iterator_of_subjects_is_read_once(data):
    X, y, ids = data
    index = RowIndex(ids, X, y)
    index.unlearn(Ridge().fit(X, y), iter([4, 5]))
    assert 4 not in index and 5 not in index


def test_many_unknown_subjects_are_named_in_part():
    index = RowIndex([1, 2])
    with pytest.raises(NotLearnedError, match=r"8 of the 9 subjects .*: 3, 4, 5, 6, 7 and 3 more"):
        index.positions(range(2, 11))
    with pytest.raises(NotLearnedError, match=r"'1'.* mind the type"):
        index.forget(["1"])
    assert len(index) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda X: RowIndex(["a", None]), ValueError, "missing id at position 1"),
        (lambda X: RowIndex([1.0, np.nan]), ValueError, "missing id at position 1"),
        (lambda X: RowIndex(pd.Series([pd.NA, 1])), ValueError, "missing id at position 0"),
        (lambda X: RowIndex([[1], [2]]), TypeError, "type list at position 0.* hashable"),
        (lambda X: RowIndex(np.ones((2, 2))), ValueError, r"shape \(2, 2\)"),
        (lambda X: RowIndex("ab"), TypeError, r"ids='ab', expected a list of ids: \['ab'\]"),
        (lambda X: RowIndex(7), TypeError, "expected a list"),
        (lambda X: RowIndex(["ab"]).positions("ab"), TypeError, "subjects='ab'"),
        (lambda X: RowIndex([7]).positions(7), TypeError, "subjects=7"),
        (lambda X: RowIndex([1, 2], X), ValueError, "X with 442 rows, expected 2"),
        (lambda X: RowIndex([1, 2], X[:2], loader=len), ValueError, "a loader and .'X'.:"),
        (lambda X: RowIndex([1, 2], loader=X), TypeError, "expected a callable"),
        (lambda X: RowIndex([1, 2]).rows([1]), ValueError, "no rows to give"),
        (lambda X: RowIndex([1, 2]).rows([1], y=[1, 2]), ValueError, "no rows to give"),
        (lambda X: RowIndex([1, 2]).rows([1], X), ValueError, "442 rows, expected 2"),
        (lambda X: RowIndex([1, 2], sparse.coo_matrix(X[:2])), ValueError, r"X.tocsr\(\)"),
        (lambda X: RowIndex([1, 2], loader=lambda at: X[at]).rows([1]), ValueError,
         r"returned a ndarray, expected a tuple \(X, y"),
        (lambda X: RowIndex([1, 2], loader=lambda at: (X,)).rows([1]), ValueError,
         "returned 442 rows as X for 1 positions"),
        (lambda X: RowIndex([1, 2], X[:2]).unlearn(linear_model.Ridge(), [1]), UnlearningError,
         "no attribute 'unlearn'.*can forget"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call(datasets.load_diabetes().data)
