"""SimpleImputer: scikit-learn's, learned from sums and counts, and able to forget."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import impute
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine

from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.impute import SimpleImputer
from skunlearn.pipeline import make_pipeline
from skunlearn.testing import _checks_equivalence, check_unlearner
from skunlearn.testing._state import differences

NAN = np.nan
STRATEGIES = ["mean", "median", "most_frequent", "constant"]
OPTIONS = [
    {},
    {"add_indicator": True},
    {"keep_empty_features": True},
    {"add_indicator": True, "keep_empty_features": True},
]


def numbers():
    """Numbers with gaps; the first five rows have all values of column 3, and all gaps of 2."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 4)).round(1)
    X[rng.random((40, 4)) < 0.3] = NAN
    X[:, 2] = rng.integers(0, 4, 40)
    X[:2, 2] = NAN
    X[:, 3] = NAN
    X[:3, 3] = [1, 2, 2]
    return X


def text(gap, dtype=object):
    rows = [["a", gap, "x"], ["b", "q", "x"], ["b", gap, gap], [gap, "r", "z"], ["a", "r", "z"]]
    return np.array(rows * 8, dtype=dtype)


NUMBERS = {
    "array": (numbers(), {}),
    "float32": (numbers().astype(np.float32), {}),
    "frame": (pd.DataFrame(numbers(), columns=list("abcd")), {}),
    "list": (numbers().tolist(), {}),
    "sparse": (sparse.csr_matrix(numbers()), {}),
    "csc": (sparse.csc_array(numbers()), {}),
    "ints": (np.random.default_rng(0).integers(0, 5, (40, 3)), {"missing_values": 3}),
    "zeros": (np.nan_to_num(numbers()), {"missing_values": 0}),
    "nothing missing": (np.random.default_rng(0).integers(0, 5, (40, 3)), {}),
    "nullable": (
        pd.DataFrame(
            {
                "u": pd.array([1, 2, None, 4] * 10, dtype="Int64"),
                "v": pd.array([1.5, None, 2.5, 4] * 10, dtype="Float64"),
            }
        ),
        {"missing_values": pd.NA},
    ),
    "mixed frame": (pd.DataFrame({"u": [True, False] * 20, "v": [1.5, NAN] * 20}), {}),
    "objects": (np.array([[1, 2.5, NAN], [3, NAN, 5], [3, NAN, 1]] * 13, dtype=object), {}),
}
TEXT = {
    "?": (text("?"), {"missing_values": "?"}),
    "list": (text("?").tolist(), {"missing_values": "?"}),
    "None": (text(None), {"missing_values": None}),
    "NaN": (text(NAN), {}),
    "None for NA": (text(None), {"missing_values": pd.NA}),
    "not there": (text("?"), {"missing_values": "!"}),
    "categories": (
        pd.DataFrame({c: pd.Categorical(text(None)[:, j]) for j, c in enumerate("ab")}),
        {},
    ),
    "strings": (
        pd.DataFrame({c: pd.array(text(None)[:, j], dtype="string") for j, c in enumerate("ab")}),
        {"missing_values": pd.NA},
    ),
    "emptied": (np.where(np.arange(40)[:, None] < 5, text("?"), "?"), {"missing_values": "?"}),
}


def take(X, rows):
    if isinstance(X, list):
        return [X[i] for i in rows]
    return X.iloc[rows] if hasattr(X, "iloc") else sparse.csr_array(X)[rows] if (
        sparse.issparse(X)
    ) else X[rows]  # fmt: skip


def n_of(X):
    return len(X) if isinstance(X, list) else X.shape[0]


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


def assert_same_values(got, expected, rtol=1e-9):
    got, expected = dense(got), dense(expected)
    assert got.shape == expected.shape
    if got.dtype == object or expected.dtype == object:
        for one, other in zip(got.ravel(), expected.ravel(), strict=True):
            assert one == other or (one != one and other != other)
    else:
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12)


def assert_is_scikit_learns(model, X, rtol=1e-9):
    """The model is what scikit-learn's class learns from these rows."""
    names = impute.SimpleImputer().get_params()
    params = {k: v for k, v in model.get_params().items() if k in names}
    other = impute.SimpleImputer(**params).fit(X)
    assert_same_values(model.statistics_, other.statistics_, rtol)
    assert (model.indicator_ is None) == (other.indicator_ is None)
    if other.indicator_ is not None:
        assert np.array_equal(model.indicator_.features_, other.indicator_.features_)
    assert model._fit_dtype == other._fit_dtype
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping features without any observed values")
        for shown in (model, model.to_sklearn()):
            out, expected = shown.transform(X), other.transform(X)
            assert sparse.issparse(out) == sparse.issparse(expected)
            assert_same_values(out, expected, rtol)
    if not isinstance(X, list):
        assert list(model.get_feature_names_out()) == list(other.get_feature_names_out())


def assert_forgets(model, X, n_forget=5, rtol=1e-9):
    n = n_of(X)
    model = clone(model).fit(X)
    assert_is_scikit_learns(model, X, rtol)
    before = model.state_digest()
    model.unlearn(take(X, range(n_forget)))
    rest = take(X, range(n_forget, n))
    refit = clone(model).set_params(resolution=model.resolution_).fit(rest)
    assert differences(model, refit, public=True) == []
    assert model.state_digest() == refit.state_digest() != before
    assert model.n_samples_retained_ == n - n_forget
    assert_is_scikit_learns(model, rest, rtol)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("data", NUMBERS)
def test_numbers(data, strategy, options):
    X, marker = NUMBERS[data]
    if strategy == "constant" and data in ("sparse", "csc"):
        options = {**options, "keep_empty_features": True}  # the next test but one
    rtol = 1e-6 if data == "float32" else 1e-9
    assert_forgets(SimpleImputer(strategy=strategy, **marker, **options), X, rtol=rtol)


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("data", TEXT)
def test_text(data, strategy, options):
    X, marker = TEXT[data]
    assert_forgets(SimpleImputer(strategy=strategy, **marker, **options), X)


def test_constant_on_sparse_rows_drops_what_is_missing_everywhere():
    # scikit-learn drops a sparse column without stored values too, as if zeros were missing
    X = sparse.csr_array(np.array([[1.0, 0.0, NAN], [NAN, 0.0, NAN], [2.0, 0.0, 5.0]]))
    model = SimpleImputer(strategy="constant", fill_value=7.0).fit(X)
    assert model.statistics_.tolist() == [7.0, 7.0, 7.0]
    model.unlearn(X[2:])
    assert_same_values(model.statistics_, np.array([7.0, 7.0, NAN]))
    with pytest.warns(UserWarning, match="Skipping features without any observed values"):
        out = model.transform(X[:2])
    assert dense(out).tolist() == [[1.0, 0.0], [7.0, 0.0]]


@pytest.mark.parametrize("fill_value, X, marker", [
    (7, numbers(), NAN), (-1.5, numbers(), NAN), ("new", text("?"), "?"), (3, text(NAN), NAN),
    (np.uint8(2), np.arange(40, dtype=np.uint8)[:, None] % 5, 3),
])  # fmt: skip
def test_fill_values(fill_value, X, marker):
    model = SimpleImputer(strategy="constant", fill_value=fill_value, missing_values=marker)
    assert_forgets(model, X)


@pytest.mark.parametrize("params, X", [
    ({"strategy": "mean"}, text("?")),
    ({"strategy": "median"}, pd.DataFrame({"a": ["x", "y"]})),
    ({"strategy": "most_frequent"}, text("?", "U1")),
    ({"strategy": "most_frequent", "missing_values": None}, text(NAN)),
    ({"strategy": "most_frequent"}, pd.DataFrame({"a": pd.array(["x", None], dtype="string")})),
    ({"strategy": "constant", "fill_value": "7"}, numbers()),
    ({"strategy": "constant", "fill_value": 7.5}, np.arange(9).reshape(3, 3)),
    ({"missing_values": 0}, sparse.csr_array(np.eye(3))),
    ({"missing_values": -1}, numbers()),
    ({"missing_values": "?"}, np.eye(3)),
    ({}, np.array([[np.inf], [1.0]])),
    ({}, np.zeros((0, 2))),
    ({}, np.zeros(3)),
    ({"strategy": "mode"}, numbers()),
])  # fmt: skip
def test_what_scikit_learn_refuses_is_refused_with_its_words(params, X):
    with pytest.raises(Exception) as expected:
        impute.SimpleImputer(**params).fit(X)
    with pytest.raises(type(expected.value)) as got:
        SimpleImputer(**params).fit(X)
    one, other = (str(e.value).replace("SimpleImputer", "_") for e in (got, expected))
    assert one.split(" at 0x")[0] == other.split(" at 0x")[0]


def test_a_callable_is_refused_by_name():
    model = SimpleImputer(strategy=np.nanmax)
    with pytest.raises(ValueError, match="a callable need not be a function of what is kept"):
        model.fit(numbers())
    assert not hasattr(model, "unlearn")
    with pytest.raises(AttributeError):
        model.unlearn(numbers())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_that_were_never_learned(strategy):
    X = numbers()
    model = SimpleImputer(strategy=strategy, add_indicator=True).fit(X[1:])
    before, shown = model.state_digest(), model.transform(X)
    never = X[:1], np.where(np.isnan(X[5:6]), 3.0, X[5:6]), np.full((1, 4), NAN)
    for rows in never:
        with pytest.raises(NotLearnedError):
            model.unlearn(rows)
        with pytest.raises(NotLearnedError):
            model.unlearn(np.vstack([X[5:8], rows]))
    with pytest.raises(NotLearnedError):
        model.unlearn(np.vstack([X[5:6]] * 2))
    with pytest.raises(UnlearningError, match="these are the last rows"):
        model.unlearn(X[1:])
    assert model.state_digest() == before
    assert np.array_equal(model.transform(X), shown, equal_nan=True)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("load", [load_diabetes, load_wine])
def test_any_order_and_split_of_requests(strategy, load):
    X = load().data.copy()
    rng = np.random.default_rng(0)
    X[rng.random(X.shape) < 0.2] = NAN
    model = SimpleImputer(strategy=strategy).fit(X)
    gone = rng.permutation(len(X))[:60]
    rest = np.setdiff1d(np.arange(len(X)), gone)
    at_once = copy.deepcopy(model).unlearn(X[gone])
    for part in np.array_split(gone, 7):
        model.unlearn(X[part])
    shuffled = clone(model).set_params(resolution=model.resolution_).fit(X[rng.permutation(rest)])
    for other in (at_once, shuffled, pickle.loads(pickle.dumps(model))):
        assert differences(model, other, public=True) == []
        assert model.state_digest() == other.state_digest()
    assert_is_scikit_learns(model, X[rest])


def test_replace_is_a_refit_on_the_corrected_rows():
    X = numbers()
    for strategy in STRATEGIES:
        model = SimpleImputer(strategy=strategy).fit(X)
        model.replace(X[:5], X[:5] + 1)
        expected = np.vstack([X[:5] + 1, X[5:]])
        refit = clone(model).set_params(resolution=model.resolution_).fit(expected)
        assert differences(model, refit, public=True) == []
        assert model.state_digest() == refit.state_digest()


def test_an_outlier_leaves_no_trace():
    X = numbers()
    worst = np.array([[1e12, -1e12, 1e12, 1e140]])
    for strategy in STRATEGIES:
        model = SimpleImputer(strategy=strategy).fit(np.vstack([X, worst])).unlearn(worst)
        assert_is_scikit_learns(model, X)


def test_statistics_at_a_large_offset():
    X = numbers()[:, :2]
    for strategy in ("mean", "median"):
        model = SimpleImputer(strategy=strategy).fit(X + 1e9).unlearn(X[:5] + 1e9)
        expected = SimpleImputer(strategy=strategy).fit(X[5:]).statistics_
        np.testing.assert_allclose(model.statistics_ - 1e9, expected, atol=2e-7)


def test_without_fingerprints():
    X = numbers()
    model = SimpleImputer(track_rows=False).fit(X).unlearn(X[:5])
    assert_is_scikit_learns(model, X[5:])
    assert "never learned" not in repr(model.can_unlearn(X[:5]))  # it cannot know
    full = SimpleImputer(track_rows=False).fit(X[3:, 2:3])
    with pytest.raises(NotLearnedError, match="has a missing value in a column"):
        full.unlearn([[NAN]])
    tracked = SimpleImputer().fit(X)
    assert len(pickle.dumps(tracked)) > len(pickle.dumps(SimpleImputer(track_rows=False).fit(X)))


def test_behind_another_step_a_number_cannot_be_the_missing_value():
    from skunlearn.preprocessing import StandardScaler

    X = np.nan_to_num(numbers())
    model = make_pipeline(StandardScaler(), SimpleImputer(missing_values=0)).fit(X)
    with pytest.raises(UnlearningError, match="looks for 0 among values that a step before it"):
        model.unlearn(X[:2])
    assert make_pipeline(SimpleImputer(missing_values=0), StandardScaler()).fit(X).unlearn(X[:2])


@pytest.mark.parametrize("model", [
    SimpleImputer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="most_frequent"),
    SimpleImputer(strategy="constant", fill_value=1.0, keep_empty_features=True),
    SimpleImputer(track_rows=False),
], ids=repr)  # fmt: skip
def test_contract(model, monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 200)
    check_unlearner(model)
