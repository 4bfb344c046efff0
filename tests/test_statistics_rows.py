"""Rows found again by content: hashes, fingerprints, stored rows and ledgers."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skunlearn._statistics import _threads
from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn._statistics._hashing import (
    as_words,
    derive_key,
    hash_rows,
    label_words,
    new_key,
)
from skunlearn._statistics._rows import RowLedger, RowStore, content_blocks, take
from skunlearn.exceptions import NotLearnedError


def u64(*values):
    return np.array(values, dtype=np.uint64)


def hash_one(values, key=1):
    return hash_rows(content_blocks(values), key).tolist()


# -- hashes ---------------------------------------------------------------------------------


def test_a_million_distinct_rows_have_distinct_hashes():
    bits = (np.arange(2**20)[:, None] >> np.arange(20)) & 1
    for key in (0, 12345):
        hashes = hash_rows([bits[:1_000_000].astype(np.float64)], key)
        assert len(np.unique(hashes)) == 1_000_000
    # the low and the high half of the bits look drawn as well: 2**20 among 2**32 collide 128 times
    for half in (hashes & np.uint64(2**32 - 1), hashes >> np.uint64(32)):
        assert 0 < 1_000_000 - len(np.unique(half)) < 400


def test_each_bit_of_a_hash_is_a_coin():
    rows = np.arange(20_000.0)[:, None]
    bits = np.unpackbits(hash_rows([rows], 7).view(np.uint8)).reshape(-1, 64)
    assert abs(bits.mean(axis=0) - 0.5).max() < 0.02


def test_small_numbers_fill_the_low_bits_too():
    words = as_words(np.arange(1.0, 200.0))
    assert not (words & np.uint64(2**32 - 1)).any()
    low = hash_rows([np.arange(1.0, 200.0)[:, None]], 5) & np.uint64(0xFFFF)
    assert len(np.unique(low)) > 180


def test_no_pair_of_rows_collides_by_construction():
    # with odd multipliers the top bit of a product would not depend on the key
    flip = np.uint64(0x8000000080000000)
    row = np.random.default_rng(0).normal(size=(1, 4))
    forged = row.copy()
    forged[0, :2] = (forged[0, :2].view(np.uint64) ^ flip).view(np.float64)
    tiny = np.array([flip]).view(np.float64)[0]
    one, other = np.array([[tiny, 0.0]]), np.array([[0.0, tiny]])
    for key in range(500):
        assert hash_rows([row], key) != hash_rows([forged], key)
        assert hash_rows([one], key) != hash_rows([other], key)


def test_the_key_decides():
    X = np.random.default_rng(0).normal(size=(1000, 3))
    a, b = hash_rows([X], 1), hash_rows([X], 2)
    assert np.array_equal(a, hash_rows([X.copy()], 1))
    assert not (a == b).any() and len(np.intersect1d(a, b)) == 0
    # a new key is drawn each time, and streams derived for other uses differ
    assert len({new_key() for _ in range(50)}) == 50
    keys = {derive_key(1, "folds"), derive_key(1, "shards"), derive_key(2, "folds"), 1}
    assert len(keys) == 4 and all(0 <= key < 2**63 for key in keys)
    assert derive_key(1, "folds") == derive_key(np.int64(1), "folds")


def test_columns_are_not_exchangeable():
    assert hash_one([[1.0, 2.0]]) != hash_one([[2.0, 1.0]])
    assert hash_one([[1.0, 0.0]]) != hash_one([[0.0, 1.0]])
    assert hash_one([[1.0, 1.0]]) != hash_one([[2.0, 0.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64, np.uint8, bool])
def test_numbers_hash_by_value(dtype):
    X = np.array([[0, 1, 1], [1, 0, 0]])
    assert hash_one(X.astype(dtype)) == hash_one(X.astype(np.float64))
    assert label_words(X[0].astype(dtype)).tolist() == label_words(X[0].astype(float)).tolist()


def test_unsigned_numbers_hash_by_value():
    X = np.array([[0, 1, 1], [1, 0, 7]])
    labels = [label_words(X[1].astype(dtype)).tolist() for dtype in (np.uint64, np.int64)]
    assert labels[0] == labels[1]
    assert hash_one(X.astype(np.uint64)) == hash_one(X)


def test_minus_zero_is_zero_and_all_nan_are_one():
    assert hash_one(np.array([[-0.0, 3.0]])) == hash_one(np.array([[0.0, 3.0]]))
    quiet, other = np.array([0x7FF8000000000000, 0xFFF8000000000123], np.uint64).view(np.float64)
    assert hash_one(np.array([[quiet]])) == hash_one(np.array([[other]]))
    assert hash_one(np.array([[quiet]])) != hash_one(np.array([[0.0]]))


def test_missing_labels_are_one():
    missing = np.array([None, np.nan, float("nan"), pd.NA, pd.NaT], dtype=object)
    words = label_words(missing)
    assert len(set(words.tolist())) == 1
    assert words[0] == label_words(np.array([np.nan]))[0]
    assert words[0] not in label_words(np.array(["nan", "None", "", "<NA>", 0], dtype=object))


def test_labels_hash_by_type_and_text():
    words = label_words(np.array(["a", "b", "1", "1.0", 1], dtype=object))
    assert len(set(words.tolist())) == 5
    assert words[0] == label_words(np.array(["a", "longer"]))[0]  # another width of text
    assert label_words(np.array([b"a"]))[0] != words[0]


def test_text_of_numpy_is_text():
    words = label_words(np.array(["a", np.str_("a")], dtype=object))
    assert words[0] == words[1]


def test_large_integers_are_told_apart():
    labels = np.array([2**53, 2**53 + 1])
    words = [label_words(labels), label_words(labels.astype(object))]
    assert words[0].tolist() == words[1].tolist()
    assert words[0][0] != words[0][1]


def test_an_object_column_hashes_as_the_numbers_in_it():
    numbers = [1, 1.0, True, np.int8(1), np.float32(1)]
    words = label_words(np.array(numbers, dtype=object))
    assert set(words.tolist()) == set(label_words(np.array([1.0])).tolist())


def test_unhashable_labels_hash_by_their_text():
    cells = np.empty(3, dtype=object)
    cells[:] = [[1, 2], [1, 2], [1, 3]]
    words = label_words(cells).tolist()
    assert words[0] == words[1] != words[2]


def test_dense_and_sparse_rows_hash_alike():
    X = np.random.default_rng(0).integers(-2, 3, (300, 7)).astype(float)
    for form in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
        assert hash_one(form(X)) == hash_one(X)
    stored_zeros = sparse.csr_array(X)
    stored_zeros.data[::2] *= 0.0
    assert hash_one(stored_zeros) == hash_one(stored_zeros.toarray())
    y = np.arange(300.0)[:, None]
    assert hash_rows([sparse.csr_array(X), y], 5).tolist() == hash_rows([X, y], 5).tolist()
    assert hash_rows([X, y], 5).tolist() != hash_rows([X, y[::-1]], 5).tolist()


def test_blocks_are_columns_side_by_side():
    X = np.random.default_rng(0).normal(size=(10, 4))
    assert np.array_equal(hash_rows([X], 3), hash_rows([X[:, :1], X[:, 1:]], 3))


def test_hashes_do_not_depend_on_threads_or_order(monkeypatch):
    X = np.random.default_rng(0).normal(size=(100_000, 20))
    order = np.random.default_rng(1).permutation(len(X))
    monkeypatch.setattr(_threads, "_n_workers", lambda: 1)
    alone = hash_rows([X], 3)
    monkeypatch.setattr(_threads, "_n_workers", lambda: 3)
    assert np.array_equal(hash_rows([X], 3), alone)
    assert np.array_equal(hash_rows([X[order]], 3), alone[order])
    assert np.array_equal(hash_rows([X[:7]], 3), alone[:7])


def test_no_row_has_no_hash():
    assert hash_rows([np.zeros((0, 3))], 1).shape == (0,)
    assert hash_rows([sparse.csr_array((0, 3))], 1).shape == (0,)


# -- content --------------------------------------------------------------------------------


def test_frames_and_arrays_have_the_same_content():
    X = np.random.default_rng(0).normal(size=(20, 3))
    frame = pd.DataFrame(X, columns=list("abc"), index=range(100, 120))
    assert hash_one(frame) == hash_one(X) == hash_one(X.tolist())
    assert hash_one(frame["a"]) == hash_one(X[:, 0])
    assert content_blocks(None) == []


def test_frames_of_any_kind_hash_by_value():
    frame = pd.DataFrame(
        {"text": ["x", "y", None], "kind": pd.Categorical(["u", "v", "u"]), "n": [1, 2, 3]}
    )
    whole = hash_one(frame)
    assert len(set(whole)) == 3
    as_objects = frame.astype(object).to_numpy()
    assert hash_one(as_objects) == whole
    assert hash_one(frame.assign(n=frame["n"].astype(np.float32))) == whole
    assert hash_one(frame.assign(n=frame["n"].astype("Int64"))) == whole
    assert hash_one(frame.assign(kind=frame["kind"].astype(str))) == whole
    assert hash_one(frame.iloc[[2, 0]]) == [whole[2], whole[0]]
    assert hash_one(frame.assign(text=["x", "z", None]))[1] != whole[1]


def test_take_keeps_the_kind():
    X = np.arange(12.0).reshape(4, 3)
    rows = np.array([2, 0])
    assert take(None, rows) is None
    assert np.array_equal(take(X, rows), X[rows])
    assert np.array_equal(take(X.tolist(), rows), X[rows])
    assert np.array_equal(take(sparse.csr_array(X), rows).toarray(), X[rows])
    frame = pd.DataFrame(X, index=list("wxyz"))
    assert take(frame, rows).index.tolist() == ["y", "w"]
    assert take(frame[0], rows).tolist() == [6.0, 0.0]


# -- fingerprints ---------------------------------------------------------------------------


def test_fingerprints_are_a_multiset():
    prints = Fingerprints(u64(5, 3, 5, 5, 9))
    assert len(prints) == 5
    assert prints.n_missing(u64(5, 5, 5)) == 0
    assert prints.n_missing(u64(5, 5, 5, 5, 4, 9)) == 2
    once = prints.without(u64(5))
    assert once.n_missing(u64(5, 5)) == 0 and once.n_missing(u64(5, 5, 5)) == 1
    none = once.without(u64(9, 5, 5))
    assert none.alive().tolist() == [3] and len(none) == 1
    assert len(none.without(u64(3))) == 0
    assert none.with_(u64(5, 1)).alive().tolist() == [1, 3, 5]
    assert len(prints) == 5  # values: nothing was changed


def test_missing_fingerprints_are_refused_and_counted():
    prints = Fingerprints(u64(1, 2, 2))
    with pytest.raises(NotLearnedError, match="2 of the 4 rows to forget were never learned"):
        prints.without(u64(1, 2, 7, 8))
    with pytest.raises(NotLearnedError, match=r"1 of the 3 rows.*can_unlearn"):
        prints.without(u64(2, 2, 2))
    assert len(Fingerprints(u64()).with_(u64(4))) == 1
    assert len(prints.without(u64())) == 3


@pytest.mark.parametrize("seed", range(5))
def test_fingerprints_agree_with_a_list(seed):
    rng = np.random.default_rng(seed)
    reference = rng.integers(0, 40, 200).tolist()
    prints = Fingerprints(u64(*reference))
    for _ in range(60):
        batch = rng.integers(0, 45, rng.integers(0, 5)).tolist()
        if rng.random() < 0.2:
            prints = prints.with_(u64(*batch))
            reference += batch
            continue
        rest = reference[:]
        missing = 0
        for value in batch:
            if value in rest:
                rest.remove(value)
            else:
                missing += 1
        assert prints.n_missing(u64(*batch)) == missing
        if not missing:
            prints, reference = prints.without(u64(*batch)), rest
        assert prints.alive().tolist() == sorted(reference)
        assert len(prints) == len(reference)


def test_a_request_copies_nothing_until_an_eighth_is_dead():
    hashes = np.arange(800, dtype=np.uint64)
    prints = Fingerprints(hashes)
    array = prints._hashes
    first = prints.without(hashes[:60])
    second = first.without(hashes[60:100])
    assert first._hashes is array and second._hashes is array
    assert len(second._dead) == 100 and len(second) == 700
    third = second.without(hashes[100:101])
    assert third._hashes is not array and len(third._hashes) == 699 and len(third._dead) == 0
    assert third.alive().tolist() == list(range(101, 800))
    assert len(prints) == 800 and len(first) == 740  # older values live on, for a roll-back


@pytest.mark.parametrize("way", [lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy])
def test_copies_leave_the_forgotten_out(way):
    prints = Fingerprints(np.arange(1000, dtype=np.uint64) + np.uint64(2**63))
    secret = int(prints._hashes[17])
    fewer = prints.without(u64(secret))
    assert secret in fewer._hashes  # in memory it is a tombstone still
    copied = way(fewer)
    assert secret not in copied._hashes and len(copied) == 999
    assert copied.n_missing(u64(secret)) == 1 and copied.n_missing(u64(secret + 1)) == 0
    assert secret.to_bytes(8, "little") in pickle.dumps(prints)
    assert secret.to_bytes(8, "little") not in pickle.dumps(fewer)
    assert len(way(fewer.without(fewer.alive()))) == 0


# -- rows -----------------------------------------------------------------------------------


@pytest.fixture
def columns():
    X = pd.DataFrame({"n": [1.0, 2.0, 1.0, 3.0, 1.0], "text": ["a", "b", "a", None, "a"]})
    return {"X": X, "y": np.array([0, 1, 0, 1, 1]), "sample_weight": None}


def rows_of(columns, rows):
    return {name: take(part, np.asarray(rows)) for name, part in columns.items()}


def test_store_finds_rows_by_content(columns):
    weights = np.arange(5.0)
    store = RowStore.of(columns, {"weights": weights}, key=3)
    assert len(store) == 5
    left = store.without(rows_of(columns, [3, 0]))
    # of two equal rows the last is forgotten
    assert left.columns["X"]["n"].tolist() == [1.0, 2.0, 1.0]
    assert left.extra["weights"].tolist() == [0.0, 1.0, 4.0]
    assert left.columns["y"].tolist() == [0, 1, 1]
    assert left.columns["sample_weight"] is None
    assert len(store) == 5 and len(left) == 3
    assert left.n_missing(rows_of(columns, [0, 2])) == 1
    again = RowStore.of(rows_of(columns, [0, 1, 4]), {}, key=3)
    assert np.array_equal(left.hashes, again.hashes)


def test_store_refuses_rows_it_does_not_hold(columns):
    store = RowStore.of(columns, {}, key=3)
    three_copies = rows_of(columns, [0, 0, 0])
    assert store.n_missing(three_copies) == 1
    with pytest.raises(NotLearnedError, match="1 of the 3 rows"):
        store.without(three_copies)
    other_target = {**rows_of(columns, [1]), "y": np.array([0])}
    assert store.n_missing(other_target) == 1
    weighted = {**rows_of(columns, [1]), "sample_weight": np.full(1, 2.0)}
    assert store.n_missing(weighted) == 1
    assert store.n_missing(rows_of(columns, [1])) == 0


@pytest.mark.parametrize("form", ["array", "sparse", "frame"])
def test_store_takes_every_form(form):
    X = np.random.default_rng(0).integers(0, 3, (30, 4)).astype(float)
    X[:, 3] = np.arange(30)
    convert = {"array": np.asarray, "sparse": sparse.csr_array, "frame": pd.DataFrame}[form]
    store = RowStore.of({"X": convert(X)}, {}, key=3)
    left = store.without({"X": convert(X[[7, 2]])}).columns["X"]
    left = left.toarray() if form == "sparse" else np.asarray(left)
    assert np.array_equal(left, np.delete(X, [2, 7], axis=0))


def test_ledger_notes_rows_without_keeping_them(columns):
    ledger = RowLedger.of(columns, key=3)
    left = ledger.without(rows_of(columns, [0, 3]))
    assert len(ledger) == 5 and len(left) == 3
    assert left.n_missing(rows_of(columns, [0, 2])) == 1
    with pytest.raises(NotLearnedError, match="1 of the 1 rows"):
        left.without(rows_of(columns, [3]))
    assert left.key == 3
    secret = np.random.default_rng(0).normal(size=(50, 3))
    noted = pickle.dumps(RowLedger.of({"X": secret}, key=3))
    assert all(value.tobytes() not in noted for value in secret.ravel())
    assert secret[0, 0].tobytes() in pickle.dumps(RowStore.of({"X": secret}, {}, key=3))


def test_a_part_that_is_missing_is_not_a_part_of_zeros():
    X = np.arange(6.0)[:, None]
    parts = {"X": X, "y": np.zeros(6), "sample_weight": None, "sensitive_features": None}
    ledger = RowLedger.of(parts, key=3)
    assert ledger.n_missing(parts) == 0
    assert ledger.n_missing({**parts, "y": None}) == 6
    assert ledger.n_missing({**parts, "sensitive_features": np.zeros(6)}) == 6
    assert ledger.n_missing({**parts, "sample_weight": np.ones(6)}) == 0
    # nor may one part pass for another
    ledger = RowLedger.of({**parts, "y": np.ones(6)}, key=3)
    assert ledger.n_missing({**parts, "y": None, "sensitive_features": np.ones(6)}) == 6
