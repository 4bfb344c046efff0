"""
A deletion request, from the ticket to the filed report
=======================================================

A person writes: forget me. Which rows are theirs, has the model forgotten them, and how would an
auditor know? This example goes the whole way: the rows of a subject are found, the model forgets
them under a ledger, the result is measured against refits, the object is searched for what is left,
and the report is filed. Then the same audit is put to models that only pretend.
"""

# %%
# The data and the model
# ----------------------
# scikit-learn's handwritten digits, written by a few dozen people, forty images each. One of them,
# number 17, labelled their own images carelessly, and a model that learns by heart knows each of
# those labels. Decision trees on shards (SISA) forget any row exactly.

import argparse
import copy
import pickle
import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

from skunlearn.audit import (
    DeletionLedger,
    RowIndex,
    audit_unlearning,
    compare_unlearners,
    residue_report,
)
from skunlearn.ensemble import SISAClassifier
from skunlearn.metrics import UnlearningTradeoffDisplay

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the report")
options, _ = parser.parse_known_args()
options.out.mkdir(parents=True, exist_ok=True)

X, y = load_digits(return_X_y=True)
X_test, y_test = X[1000:], y[1000:]
X, y = X[:1000], y[:1000].copy()
writers = np.array([f"writer {i // 40}" for i in range(len(y))])
careless = np.flatnonzero(writers == "writer 17")
y[careless] = np.random.default_rng(0).permutation(y[careless])
model = SISAClassifier(n_shards=5).fit(X, y)

# %%
# The ticket
# ----------
# The index turns a name into rows. The ledger writes down that the request came, and what became of
# it. Between the two the model forgets.

index = RowIndex(writers, X, y)
gone = index.positions(["writer 17"])
stays = np.setdiff1d(np.arange(len(y)), gone)
before = copy.deepcopy(model)  # for the audit only: delete it afterwards
parts = X[gone], y[gone], X[stays], y[stays], X_test, y_test

ledger = DeletionLedger(Path(tempfile.mkdtemp()) / "deletions.jsonl")


def audited(model):
    """Return what the ledger shall hold of the audit."""
    return audit_unlearning(before, model, *parts, random_state=0).summary()


with ledger.recording(model, note="ticket 4711", audit=audited):
    index.unlearn(model, ["writer 17"])
assert "writer 17" not in index
entry = ledger.entries()[-1]
print(f"ledger: {entry['event']}, audit passed: {entry['audit']['passed']}, {ledger.head()}")

# %%
# The audit
# ---------
# The same again, with the time it takes, to be read and filed. The original is fitted anew on the
# rows that remain, 19 times with other seeds, and once with its own: the exact method equals that
# one, bit for bit.

report = audit_unlearning(before, None, *parts, random_state=0)
print(report)
assert report.passed and report.reached.number == 0
report.to_html(options.out / "audit.html")
report.to_json(options.out / "audit.json")

# %%
# What is left
# ------------
# The predictions are those of a model that never saw the rows. But does the object still hold
# them? It is searched: attributes, closures, compiled trees, caches. So is what is saved, for that
# is what will be served and backed up. (The copy from before the request does hold them: it was
# for the audit, and goes now.)

kept = {"X_retain": X[stays], "y_retain": y[stays]}
saved = pickle.loads(pickle.dumps(model))
print(residue_report(saved, X[gone], y[gone], **kept))
assert residue_report(saved, X[gone], y[gone], **kept).clean
assert not residue_report(before, X[gone], y[gone], **kept).clean
anchor = ledger.head()  # to be timestamped by somebody else
assert ledger.verify(anchor)

# %%
# Models that pretend
# -------------------
# An audit is worth what it finds. A forest, and four ways to answer a request: nothing is done; a
# refit; the rows are learned harder (a sign error, say); a refit on a twentieth of the data. All
# are judged by the same refits.

forest = RandomForestClassifier(30, random_state=0).fit(X, y)


def fitted(rows):
    """Fit a forest with a seed of its own."""
    return clone(forest).set_params(random_state=1).fit(X[rows], y[rows])


methods = {
    "nothing": copy.deepcopy(forest),
    "refit": fitted(stays),
    "learned harder": fitted(np.concatenate([stays, gone, gone, gone])),
    "twentieth": fitted(stays[::20]),
}
found = compare_unlearners(methods, forest, *parts, random_state=0)
print(found)
assert [name for name, audit in found.items() if audit.passed] == ["refit"]

# %%
# Pictures
# --------
# The forest that did nothing lies where the original does, far from all refits. The aim is their
# band, not a corner: the one that learned the rows harder knows them better still, and the one that
# was fitted on a twentieth of the rows forgot too much of everything else.

figure = found["nothing"].plot()
figure.savefig(options.out / "audit.png", dpi=120)
display = UnlearningTradeoffDisplay.from_comparison(found)
display.figure_.savefig(options.out / "audit_methods.png", dpi=120)
print(f"report: {options.out / 'audit.html'}, plot: {options.out / 'audit.png'}")
