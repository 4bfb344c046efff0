"""The ledger of deletions: what it holds, what it notices, and what a crash leaves of it."""

import copy
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.tree import DecisionTreeRegressor

from skunlearn.audit import DeletionLedger, LedgerHead
from skunlearn.ensemble import SISARegressor
from skunlearn.exceptions import NotLearnedError
from skunlearn.linear_model import LogisticRegression, Ridge
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler

X, Y = load_diabetes(return_X_y=True)


@pytest.fixture
def ledger(tmp_path):
    return DeletionLedger(tmp_path / "deletions.jsonl")


def record(ledger, model, rows, **options):
    with ledger.recording(model, **options):
        model.unlearn(X[rows], Y[rows])


def test_entries_say_what_was_done(ledger):
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    record(ledger, model, slice(0, 5), note="ticket 17", audit=lambda m: {"score": m.score(X, Y)})
    request, done = ledger.entries()
    assert (request["event"], request["verb"], request["n_rows"]) == ("request", "unlearn", 5)
    assert (request["note"], request["model"]) == ("ticket 17", "Pipeline")
    assert done["request"] == request["id"] and done["event"] == "done"
    assert done["n_samples_retained"] == len(X) - 5 == model.n_samples_retained_
    assert done["guarantee"]["kind"] == "exact"
    assert 0 < done["audit"]["score"] < 1
    assert request["before"] != done["after"] and len(done["after"]) == 64
    assert ledger.verify()
    # the model is as it would be without the ledger
    assert "unlearn" not in vars(model)
    pickle.loads(pickle.dumps(model)).unlearn(X[5:6], Y[5:6])


def test_digests_are_keyed(ledger, tmp_path):
    other = DeletionLedger(tmp_path / "other.jsonl")
    found = []
    for each in (ledger, other):
        model = Ridge().fit(X, Y)
        record(each, model, slice(0, 2))
        found.append(each.entries()[1]["after"])
    assert found[0] != found[1]
    assert model.state_digest() not in ledger.path.read_text()


def test_no_row_is_written_and_rows_are_found_again(ledger):
    model = Ridge().fit(X, Y)
    record(ledger, model, slice(0, 3))
    assert ledger.contains(0, X[:5], Y[:5]) == [True, True, True, False, False]
    assert ledger.contains(0, X[:1], Y[:1] + 1) == [False]
    text = ledger.path.read_text() + ledger.path.with_name("deletions.jsonl.salts").read_text()
    assert not any(repr(float(value)) in text for value in X[0])
    record(ledger, Ridge().fit(X, Y), slice(0, 3))
    one, other = (entry["rows"] for entry in ledger.entries()[::2])
    assert not set(one) & set(other)  # another salt


def test_shredded_salts_unlink_rows(ledger):
    for _ in range(2):
        record(ledger, Ridge().fit(X, Y), slice(0, 3))
    ledger.shred(0)
    with pytest.raises(ValueError, match="salt of entry 0 was shredded"):
        ledger.contains(0, X[:1], Y[:1])
    assert ledger.contains(2, X[:1], Y[:1]) == [True]
    assert ledger.verify()
    with pytest.raises(ValueError, match="no request but 'done'"):
        ledger.contains(1, X[:1], Y[:1])


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}),
        sparse.csr_array(np.array([[0.0, 1.0], [2.0, 0.0]])),
        [["x", "y"], ["z", "w"]],
        np.array([[1.0, np.nan], [-0.0, 3.0]]),
    ],
    ids=["frame", "sparse", "text", "missing"],
)
def test_rows_of_any_kind(ledger, rows):
    model = Ridge().fit(X, Y)
    request = ledger.begin(model, rows, [0, 1])
    ledger.end(request, model)
    first = rows.iloc[:1] if hasattr(rows, "iloc") else rows[:1]
    assert ledger.contains(0, first, [0]) == [True]
    assert ledger.contains(0, first, [1]) == [False]


def test_refused_requests_are_recorded_and_raised(ledger):
    model = Ridge().fit(X, Y)
    with ledger.recording(model), pytest.raises(NotLearnedError):
        model.unlearn(X[:1] + 1, Y[:1])
    request, refused = ledger.entries()
    assert (refused["event"], refused["error"]) == ("refused", "NotLearnedError")
    assert refused["after"] == request["before"]
    assert not ledger.pending()


def test_replace_is_recorded_by_its_old_rows(ledger):
    model = Ridge().fit(X, Y)
    with ledger.recording(model):
        model.replace((X[:2], Y[:2]), (X[:2] + 1, Y[:2]))
    assert ledger.entries()[0]["verb"] == "replace"
    assert ledger.contains(0, X[:2], Y[:2]) == [True, True]


def test_budget_of_a_certified_model(ledger):
    Xc, yc = load_breast_cancer(return_X_y=True)
    Xc = Xc / np.linalg.norm(Xc, axis=1, keepdims=True)
    model = LogisticRegression(epsilon=1.0, delta=1e-4, max_row_norm=1.0, removal_budget=1.0)
    model.fit(Xc, yc)
    with ledger.recording(model):
        model.unlearn(Xc[:1], yc[:1])
    done = ledger.entries()[1]
    assert done["guarantee"]["epsilon"] == 1.0
    assert 0 < done["budget_left"] == model.budget_left_ < 1


def test_nothing_to_record(ledger):
    with pytest.raises(ValueError, match="has no unlearn"), ledger.recording(object()):
        pass


# -- tampering ---------------------------------------------------------------------------------


def edited(ledger, change):
    lines = ledger.path.read_text().splitlines()
    ledger.path.write_text("\n".join(change(lines)) + "\n")
    return ledger.verify()


def drop(lines):
    return lines[:1] + lines[2:]


def swap(lines):
    return [lines[1], lines[0], *lines[2:]]


def alter(lines):
    entry = json.loads(lines[0]) | {"n_rows": 1}
    return [json.dumps(entry, sort_keys=True), *lines[1:]]


@pytest.mark.parametrize("change", [drop, swap, alter])
def test_changes_are_noticed(ledger, change):
    for first in (0, 3):
        record(ledger, Ridge().fit(X, Y), slice(first, first + 3))
    check = edited(ledger, change)
    assert not check and "Entry" in check.problem


def test_only_an_anchor_notices_a_rewritten_or_shortened_history(ledger, tmp_path):
    record(ledger, Ridge().fit(X, Y), slice(0, 3))
    record(ledger, Ridge().fit(X, Y), slice(3, 6))
    anchor = str(ledger.head())
    record(ledger, Ridge().fit(X, Y), slice(6, 9))
    assert ledger.verify(anchor) and ledger.verify(LedgerHead.parse(anchor))
    shorter = edited(ledger, lambda lines: lines[:2])
    assert shorter  # consistent with itself
    assert "has 2" in ledger.verify(anchor).problem
    forged = DeletionLedger(tmp_path / "forged.jsonl")
    for first in (0, 3):
        record(forged, Ridge().fit(X, Y), slice(first, first + 3))
    assert forged.verify()
    assert "history was rewritten" in forged.verify(anchor).problem
    with pytest.raises(ValueError, match="Got anchor='yes'"):
        ledger.verify("yes")


# -- crashes -----------------------------------------------------------------------------------

CRASH = """
    import os, sys
    from sklearn.datasets import load_diabetes
    from skunlearn.audit import DeletionLedger
    from skunlearn.linear_model import Ridge

    class Dies(Ridge):
        def _commit(self, attributes):
            if hasattr(self, "coef_"):
                os._exit(9)
            super()._commit(attributes)

    X, y = load_diabetes(return_X_y=True)
    model = Dies().fit(X, y)
    with DeletionLedger(sys.argv[1]).recording(model, note="the last one"):
        model.unlearn(X[:3], y[:3])
"""


def test_killed_between_write_and_commit(ledger):
    record(ledger, Ridge().fit(X, Y), slice(0, 3))
    script = textwrap.dedent(CRASH)
    died = subprocess.run([sys.executable, "-c", script, str(ledger.path)], check=False)
    assert died.returncode == 9
    check = ledger.verify()
    assert check and check.n_entries == 3 and check.n_torn == 0
    (pending,) = ledger.pending()
    assert pending["note"] == "the last one" and check.pending == (pending["id"],)
    assert ledger.contains(2, X[:3], Y[:3]) == [True] * 3
    ledger.end(pending["id"], Ridge().fit(X, Y), event="refused")
    assert not ledger.pending() and ledger.verify()


def test_killed_in_the_middle_of_a_line(ledger):
    record(ledger, Ridge().fit(X, Y), slice(0, 3))
    with ledger.path.open("a") as file:
        file.write('{"event": "requ')
    assert ledger.verify().n_torn == 1
    record(ledger, Ridge().fit(X, Y), slice(3, 6))
    check = ledger.verify()
    assert check and (check.n_entries, check.n_torn) == (4, 1)


def test_two_processes_write_one_chain(ledger):
    script = textwrap.dedent("""
        import sys
        from sklearn.datasets import load_diabetes
        from skunlearn.audit import DeletionLedger
        from skunlearn.linear_model import Ridge
        X, y = load_diabetes(return_X_y=True)
        model = Ridge().fit(X, y)
        for i in range(20):
            with DeletionLedger(sys.argv[1]).recording(model):
                model.unlearn(X[i : i + 1], y[i : i + 1])
    """)
    command = [sys.executable, "-c", script, str(ledger.path)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    check = ledger.verify()
    assert check and check.n_entries == 80 and not check.pending


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_key_and_salts_are_private(ledger):
    record(ledger, Ridge().fit(X, Y), slice(0, 1))
    for ending in (".key", ".salts"):
        path = ledger.path.with_name(ledger.path.name + ending)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


# -- verbs, copies and crashes ---------------------------------------------------------------------


def test_every_verb_that_forgets_is_recorded(ledger):
    owners = np.arange(len(Y)) // 10
    shards = SISARegressor(DecisionTreeRegressor(), n_shards=3).fit(X, Y, groups=owners)
    with ledger.recording(shards):
        shards.unlearn_groups([3, 4])
    line = Ridge().fit(X, Y)
    with ledger.recording(line):
        line.unlearn_columns([0])
    requests = [entry for entry in ledger.entries() if entry["event"] == "request"]
    assert [(r["verb"], r["n_rows"]) for r in requests] == [
        ("unlearn_groups", 2),
        ("unlearn_columns", 1),
    ]
    assert ledger.entries()[1]["n_samples_retained"] == len(Y) - 20
    names = np.array([[3], [5]], dtype=object)
    assert ledger.contains(0, names) == [True, False]


def test_a_whole_pipeline_is_recorded(ledger):
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    with ledger.recording(model):
        model.unlearn(X[:3], Y[:3])
        model.unlearn(X=X[3:5], y=Y[3:5])
        with pytest.raises(NotLearnedError):
            model.unlearn(X[:1], Y[:1])
    events = [entry["event"] for entry in ledger.entries()]
    assert events == ["request", "done", "request", "done", "request", "refused"]
    assert ledger.verify() and "unlearn" not in vars(model)
    assert model.n_samples_retained_ == len(Y) - 5


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_made_while_recording_forgets_for_itself(copied, ledger):
    model = Ridge().fit(X, Y)
    with ledger.recording(model):
        other = copied(model)
        other.unlearn(X[:2], Y[:2])
    assert not ledger.entries()
    assert (model.n_samples_retained_, other.n_samples_retained_) == (len(Y), len(Y) - 2)
    again = copied(other).unlearn(X[2:3], Y[2:3])
    assert again.n_samples_retained_ == len(Y) - 3 and other.n_samples_retained_ == len(Y) - 2


def test_a_torn_salt_takes_no_other_with_it(ledger):
    record(ledger, Ridge().fit(X, Y), slice(0, 3))
    with ledger.path.with_name(ledger.path.name + ".salts").open("a") as file:
        file.write('{"id": "ab')
    record(ledger, Ridge().fit(X, Y), slice(3, 6))
    assert ledger.contains(0, X[:3], Y[:3]) == ledger.contains(2, X[3:6], Y[3:6]) == [True] * 3
    ledger.shred(0)
    assert ledger.contains(2, X[3:6], Y[3:6]) == [True] * 3


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a signal of POSIX")
@pytest.mark.parametrize("n_lines", [3, 8])
def test_killed_at_any_time(n_lines, ledger):
    script = textwrap.dedent("""
        import sys
        from sklearn.datasets import load_diabetes
        from skunlearn.audit import DeletionLedger
        from skunlearn.linear_model import Ridge
        X, y = load_diabetes(return_X_y=True)
        model = Ridge().fit(X, y)
        with DeletionLedger(sys.argv[1]).recording(model):
            for i in range(400):
                model.unlearn(X[i : i + 1], y[i : i + 1])
    """)
    process = subprocess.Popen([sys.executable, "-c", script, str(ledger.path)])
    deadline = time.monotonic() + 60
    while len(ledger.path.read_bytes().splitlines()) < n_lines and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    check = ledger.verify()
    assert check and check.n_entries >= n_lines - 1 and len(check.pending) <= 1
    record(ledger, Ridge().fit(X, Y), slice(0, 1))
    after = ledger.verify()
    assert after and after.n_entries == check.n_entries + 2
    done = [i for i, entry in enumerate(ledger.entries()) if entry["event"] == "request"]
    assert ledger.contains(done[0], X[:1], Y[:1]) == [True]


def test_two_ledgers_of_one_new_path_share_a_key(tmp_path):
    ledgers = [DeletionLedger(tmp_path / "one.jsonl") for _ in range(3)]
    keys = {one._key_path.read_text() for one in ledgers}
    assert len(keys) == 1 and len(keys.pop().strip()) == 64
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.jsonl", "one.jsonl.key"]
