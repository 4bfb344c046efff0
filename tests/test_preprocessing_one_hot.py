"""OneHotEncoder: scikit-learn's, learned from counts; categories come and go with their rows."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import preprocessing
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine

from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.preprocessing import OneHotEncoder
from skunlearn.testing import _checks_equivalence, check_unlearner
from skunlearn.testing._state import differences

N, N_FORGET = 60, 12
RNG = np.random.default_rng(0)
INTS = RNG.integers(0, 5, (N, 2))
INTS[0] = [9, 8]  # row 0 has what no other row has
FLOATS = INTS.astype(float)
FLOATS[5:9, 0] = np.nan
LETTERS = np.array(list("abcde"))[INTS % 5]
OBJECTS = LETTERS.astype(object)
OBJECTS[0] = ["rare", "r2"]
OBJECTS[1:4, 0] = None
OBJECTS[20:23, 0] = None
GAPS = LETTERS.astype(object)
GAPS[0, 0], GAPS[1:30, 1], GAPS[30, 1] = np.nan, None, np.nan
FRAME = pd.DataFrame(
    {
        "i": INTS[:, 0],
        "s": OBJECTS[:, 1],
        "f": FLOATS[:, 0],
        "b": INTS[:, 0] > 2,
        "o": OBJECTS[:, 0],
    }
)
DATA = {
    "ints": INTS,
    "int8": INTS.astype(np.int8),
    "floats": FLOATS,
    "float32": FLOATS.astype(np.float32),
    "text": LETTERS,
    "bytes": LETTERS.astype("S1"),
    "objects": OBJECTS,
    "None and NaN": GAPS,
    "bools": INTS > 2,
    "one category": np.full((N, 1), "a", dtype=object),
    "frame": FRAME,
    "categories": pd.DataFrame(
        {"c": pd.Categorical(OBJECTS[:, 0]), "o": pd.Categorical(INTS[:, 0], ordered=True)}
    ),
    "nullable": pd.DataFrame(
        {
            "s": pd.array(OBJECTS[:, 1], dtype="string"),
            "I": pd.array([None if v != v else int(v) for v in FLOATS[:, 0]], dtype="Int64"),
            "B": pd.array(INTS[:, 0] > 2, dtype="boolean"),
        }
    ),
    "dates": pd.DataFrame({"t": pd.to_datetime(["2020-01-01", "2020-02-01", "2020-01-01"] * 20)}),
    "list": OBJECTS.tolist(),
    "mixed list": [["a", 1], ["b", 2], ["a", 3], ["c", 1], ["b", 1], ["c", 2]] * 10,
}
PARAMS = [
    {},
    {"drop": "first"},
    {"drop": "if_binary"},
    {"min_frequency": 8},
    {"min_frequency": 0.2},
    {"max_categories": 3},
    {"max_categories": 2, "min_frequency": 5, "handle_unknown": "infrequent_if_exist"},
    {"handle_unknown": "warn", "max_categories": 3, "drop": "first"},
    {"handle_unknown": "ignore", "sparse_output": False, "dtype": np.float32},
    {"max_categories": 3, "drop": "if_binary", "handle_unknown": "infrequent_if_exist"},
]
DECLARED = [
    (INTS, {"categories": [[0, 1, 2, 3, 4, 5, 9], [0, 1, 2, 3, 4, 8]]}),
    (INTS, {"categories": [[0, 1, 2, 3, 4, 5, 9], [0, 1, 2, 3, 4, 8]], "drop": [5, 8]}),
    (INTS, {"categories": [[0, 1], [2, 4, 8]], "handle_unknown": "ignore"}),
    (
        INTS,
        {
            "categories": [[0, 1], [0, 1, 2, 3, 4]],
            "handle_unknown": "infrequent_if_exist",
            "max_categories": 2,
        },
    ),
    (OBJECTS, {"categories": [["rare", "b", "a"], ["a"]], "handle_unknown": "ignore"}),
    (INTS, {"drop": [3, 3], "max_categories": 4}),
    (OBJECTS, {"drop": ["b", "c"]}),
    (FLOATS, {"categories": [[0, 1, 2, 3, 4, 9, np.nan], [0, 1, 2, 3, 4, 8]]}),
]


def take(X, rows):
    if isinstance(X, list):
        return [X[i] for i in rows]
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


def shown(encoder, X):
    """What an encoder makes of rows, its messages among them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            out = encoder.transform(X)
        except ValueError as error:
            return str(error)
    return sparse.issparse(out), dense(out).tolist(), [str(w.message) for w in caught]


def assert_is_scikit_learns(encoder, X):
    """The encoder is what scikit-learn's class learns from these rows."""
    names = preprocessing.OneHotEncoder().get_params()
    params = {k: v for k, v in encoder.get_params().items() if k in names}
    other = preprocessing.OneHotEncoder(**params).fit(X)
    plain = encoder.to_sklearn()
    assert type(plain) is preprocessing.OneHotEncoder
    assert vars(plain).keys() == vars(other).keys()
    for name in ("categories_", "drop_idx_", "infrequent_categories_"):
        if hasattr(other, name):
            assert differences(getattr(plain, name), getattr(other, name)) == [], name
            assert differences(getattr(encoder, name), getattr(other, name)) == [], name
    out = shown(other, X)
    assert shown(encoder, X) == shown(plain, X) == out
    assert list(encoder.get_feature_names_out()) == list(other.get_feature_names_out())
    if not isinstance(out, str) and out[1][0]:
        back, expected = (e.inverse_transform(e.transform(X)) for e in (encoder, other))
        assert differences(back, expected) == []


def assert_forgets(encoder, X, n_forget=N_FORGET):
    encoder = clone(encoder).fit(X)
    assert_is_scikit_learns(encoder, X)
    encoder.unlearn(take(X, range(n_forget)))
    rest = take(X, range(n_forget, N))
    refit = clone(encoder).set_params(resolution=encoder.resolution_).fit(rest)
    assert differences(encoder, refit, public=True) == []
    assert encoder.state_digest() == refit.state_digest()
    assert encoder.n_samples_retained_ == N - n_forget
    assert_is_scikit_learns(encoder, rest)
    if not isinstance(X, list):
        assert shown(encoder, X) == shown(refit, X)  # categories that are unknown now among them


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("data", DATA)
def test_every_kind_of_category(data, params):
    assert_forgets(OneHotEncoder(**params), DATA[data])


@pytest.mark.parametrize("X, params", DECLARED)
def test_declared_categories_and_drops(X, params):
    assert_forgets(OneHotEncoder(**params), X)


@pytest.mark.parametrize("load", [load_diabetes, load_wine])
def test_binned_real_columns(load):
    X = load(as_frame=True).data
    X = X.apply(lambda column: pd.cut(column, 6, labels=list("abcdef")).astype(object))
    for params in ({}, {"min_frequency": 20, "handle_unknown": "infrequent_if_exist"}):
        encoder = OneHotEncoder(**params).fit(X).unlearn(X[:60])
        assert_is_scikit_learns(encoder, X[60:])


def test_a_category_goes_with_its_last_row_and_comes_back():
    encoder = OneHotEncoder(handle_unknown="ignore").fit(OBJECTS)
    assert "rare" in encoder.categories_[0]
    encoder.unlearn(OBJECTS[:1])
    assert "rare" not in encoder.categories_[0]
    assert encoder.transform(OBJECTS[:1]).nnz == 0
    encoder.replace(OBJECTS[1:2], OBJECTS[:1])
    rows = np.delete(OBJECTS, 1, axis=0)
    refit = OneHotEncoder(handle_unknown="ignore", resolution=encoder.resolution_).fit(rows)
    assert differences(encoder, refit, public=True) == []
    assert encoder.state_digest() == refit.state_digest()


def test_categories_become_infrequent_and_frequent_again():
    X = np.array([["a"]] * 10 + [["b"]] * 10 + [["c"]] * 10, dtype=object)
    encoder = OneHotEncoder(min_frequency=8, handle_unknown="infrequent_if_exist").fit(X)
    assert encoder.infrequent_categories_ == [None]
    encoder.unlearn(X[:5]).unlearn(X[10:15])
    assert encoder.infrequent_categories_[0].tolist() == ["a", "b"]
    assert list(encoder.get_feature_names_out()) == ["x0_c", "x0_infrequent_sklearn"]
    encoder.replace(X[15:20], X[:5])  # b loses its last rows, a has ten again
    assert encoder.infrequent_categories_ == [None]
    assert [c.tolist() for c in encoder.categories_] == [["a", "c"]]


def test_what_would_be_refused_by_fit_is_refused():
    for params, kept in (({"drop": ["a", "r2"]}, "r2"), ({"drop": ["rare", "a"]}, "rare")):
        encoder = OneHotEncoder(**params).fit(OBJECTS)
        state, out = encoder.state_digest(), shown(encoder, OBJECTS)
        with pytest.raises(UnlearningError, match=rf"Feature: {kept}.*would fail") as e:
            encoder.unlearn(OBJECTS[:1])
        with pytest.raises(ValueError) as expected:
            preprocessing.OneHotEncoder(**params).fit(OBJECTS[1:])
        assert str(e.value).startswith(str(expected.value))
        assert (encoder.state_digest(), shown(encoder, OBJECTS)) == (state, out)
        encoder.unlearn(OBJECTS[1:2])  # the next request is served
    with pytest.raises(UnlearningError, match="these are the last rows"):
        encoder.unlearn(np.delete(OBJECTS, 1, axis=0))


@pytest.mark.parametrize("params, X", [
    ({}, np.array([["a"], [1]], dtype=object)),
    ({}, np.array([[np.inf], [1.0]])),
    ({}, sparse.csr_array(np.eye(3))),
    ({}, np.arange(3)),
    ({}, [[{}], [[]]]),
    ({"categories": [[0, 1]]}, INTS),
    ({"categories": [[1, 0], [0, 1]]}, INTS),
    ({"categories": [[0, 1], [0, 1]]}, INTS),
    ({"drop": [1]}, INTS),
    ({"drop": [77, 1]}, INTS),
    ({"drop": "a"}, INTS),
    ({"drop": ["rare", "r2"], "min_frequency": 3}, OBJECTS),
    ({"min_frequency": -1}, INTS),
    ({"handle_unknown": "infrequent"}, INTS),
])  # fmt: skip
def test_what_scikit_learn_refuses_is_refused_with_its_words(params, X):
    with pytest.raises(Exception) as expected:
        preprocessing.OneHotEncoder(**params).fit(X)
    with pytest.raises(type(expected.value)) as got:
        OneHotEncoder(**params).fit(X)
    one, other = (str(e.value) for e in (got, expected))
    assert one.replace("OneHotEncoder", "_") == other.replace("OneHotEncoder", "_")


@pytest.mark.parametrize("track_rows", [True, False])
def test_rows_that_were_never_learned(track_rows):
    encoder = OneHotEncoder(track_rows=track_rows).fit(FRAME)
    state, out = encoder.state_digest(), shown(encoder, FRAME)
    never = [FRAME[:1].assign(s="nowhere"), FRAME[:1].assign(f=np.nan, i=77)]
    if track_rows:
        never += [FRAME[:1].assign(s="a"), pd.concat([FRAME[:1]] * 2)]
    for rows in never:
        for request in (rows, pd.concat([FRAME[1:3], rows])):
            with pytest.raises(NotLearnedError):
                encoder.unlearn(request)
        if track_rows:
            assert encoder.can_unlearn(pd.concat([FRAME[1:3], rows])).n_missing == 1
    assert (encoder.state_digest(), shown(encoder, FRAME)) == (state, out)
    encoder.unlearn(FRAME[:0])
    assert encoder.state_digest() == state


def test_any_order_and_split_of_requests():
    encoder = OneHotEncoder(max_categories=3).fit(FRAME)
    at_once = copy.deepcopy(encoder).unlearn(FRAME[:20])
    for i in RNG.permutation(20):
        encoder.unlearn(FRAME[i : i + 1])
    rest = FRAME[20:].sample(frac=1, random_state=0)
    refit = clone(encoder).set_params(resolution=encoder.resolution_).fit(rest)
    for other in (at_once, refit, pickle.loads(pickle.dumps(encoder))):
        assert differences(encoder, other, public=True) == []
        assert encoder.state_digest() == other.state_digest()


def test_integers_and_floats_are_one_category():
    frame = pd.DataFrame({"a": [1, 2, 2, 3]})
    encoder = OneHotEncoder().fit(frame)
    encoder.unlearn(pd.DataFrame({"a": [3.0]}))  # the same number in another type
    refit = OneHotEncoder().fit(frame[:3])
    assert encoder.state_digest() == refit.state_digest()
    mixed = np.array([[True], [1], [1.0], [0]], dtype=object)
    one, other = OneHotEncoder().fit(mixed).unlearn(mixed[:2]), OneHotEncoder().fit(mixed[2:])
    assert one.state_digest() == other.state_digest()


def test_wide_text_leaves_no_width_behind():
    X = np.array([["a"], ["b"], ["a very long name"]])
    encoder = OneHotEncoder().fit(X).unlearn(X[2:])
    assert encoder.categories_[0].dtype == np.dtype("U1")
    assert "very" not in repr(vars(encoder.to_sklearn()))
    assert b"very" not in pickle.dumps(encoder)


@pytest.mark.parametrize("model", [
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist"),
    OneHotEncoder(drop="first", track_rows=False, handle_unknown="ignore"),
], ids=repr)  # fmt: skip
def test_contract(model, monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 200)
    expected = {}
    if model.sparse_output:
        expected = {"check_set_output": "pandas takes no sparse output, as in scikit-learn"}
    check_unlearner(model, expected_failed_checks=expected)
