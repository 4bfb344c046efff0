"""
A table of numbers and categories, repaired
===========================================

Categories that a real-valued map has moved land at a place of their own in each group, and a tree
reads the place. The triangular barycenter moves whole levels instead. Here are a table of numbers
and categories, three ways to repair it, and two probes; then what the strength does.
"""

# %%
# A table that knows the group
# ----------------------------
# Two levels, one number and a gap; the number depends on the job in each group in its own way.

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.preprocessing import FunctionTransformer

from skunlearn.feature_unlearning import GaussianBarycenter, TriangularBarycenter
from skunlearn.metrics import leakage_score

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

rng = np.random.default_rng(0)
n = 6000
group = rng.choice(["a", "b"], n, p=[0.6, 0.4])
b = group == "b"
job = rng.random(n) < np.where(b, 0.6, 0.25)
town = rng.choice(3, n, p=[0.5, 0.3, 0.2])
table = pd.DataFrame(
    {
        "job": np.where(job, "cook", "clerk"),
        "town": np.array(["north", "south", "west"])[town],
        "pay": rng.normal(size=n) + np.where(job, 1.5, 0.0) * np.where(b, 1.0, -0.5),
        "hours": (36 + 6 * b + 5 * rng.normal(size=n)).round(),
    }
)
numbers = pd.get_dummies(table, dtype=float)  # what a map of numbers is given

# %%
# Three ways, two probes
# ----------------------
# Map, probe and scoring on three disjoint folds. An AUC of .5 is chance. The Gaussian barycenter
# warns of the columns that repeat a few values: that is the point here.


def repaired(name):
    """Give the data and the transformer of a way."""
    return {
        "nothing done": (table, FunctionTransformer(), False),
        "Gaussian barycenter\non indicators": (numbers, GaussianBarycenter(), True),
        "triangular\nbarycenter": (table, TriangularBarycenter(random_state=0), True),
    }[name]


WAYS = ("nothing done", "Gaussian barycenter\non indicators", "triangular\nbarycenter")
PROBES = ("linear", "boosting")
scores = {}
for way in WAYS:
    X, model, needs = repaired(way)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
        found = leakage_score(
            X, group, transformer=model, pass_sensitive=needs, probe=list(PROBES),
            n_permutations=0, random_state=0,
        )  # fmt: skip
    scores[way] = [result.score for result in found]
    print(way.replace("\n", " "), dict(zip(PROBES, np.round(scores[way], 3).tolist(), strict=True)))

# %%
# How much of it
# --------------
# `strength` is the share of the rows that are replaced. It works in every probe, and each row
# that goes out is one of the table or a repaired one, never something between.

strengths = np.linspace(0, 1, 5)
path = [
    [
        result.score
        for result in leakage_score(
            table, group, transformer=TriangularBarycenter(strength=t, random_state=0),
            pass_sensitive=True, probe=list(PROBES), n_permutations=0, random_state=0,
        )
    ]
    for t in strengths
]  # fmt: skip

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
place = np.arange(len(WAYS))
for i, probe in enumerate(PROBES):
    heights = [scores[way][i] for way in WAYS]
    left.bar(place + (i - 0.5) * 0.38, heights, 0.36, label=f"{probe} probe")
    right.plot(strengths, [row[i] for row in path], "o-", label=f"{probe} probe")
left.set_xticks(place, WAYS)
for axes in (left, right):
    axes.axhline(0.5, color="grey", lw=0.8)
left.set(ylabel="AUC for the group, fresh rows", ylim=(0.45, 1.02))
left.legend(frameon=False)
right.set(xlabel="strength of the triangular barycenter")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "triangular_barycenter.png", dpi=150)
plt.show()
