"""
Why a linear probe is not enough
================================

Most ways to take a sensitive variable out of a table are judged by a linear probe: a logistic
regression that tries to tell the groups from the output. Here are four of them on one table, and
next to that probe a second one, a gradient boosting. They do not agree, and a picture of a single
column shows why.

With ``SKUNLEARN_DATA`` set to a folder that holds the Adult census data these are used, else a
made-up table of the same kind.
"""

# %%
# The data
# --------
# Numbers and categories; sex is not among them. Methods that move real numbers are given indicators
# of the levels, rare levels left out; the triangular barycenter takes the table as it is.

import argparse
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from fairlearn.preprocessing import CorrelationRemover
from sklearn.base import BaseEstimator, TransformerMixin

from skunlearn.datasets import fetch_adult
from skunlearn.feature_unlearning import (
    GaussianBarycenter,
    LinearConceptEraser,
    TriangularBarycenter,
)
from skunlearn.metrics import leakage_score

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()


def made_up(n=9000):
    """Rows of numbers and categories that depend on the sex, and on each other."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["Female", "Male"], size=n, p=[0.35, 0.65])
    man = sex == "Male"
    job = rng.random(n) < np.where(man, 0.6, 0.2)
    table = pd.DataFrame(
        {
            "occupation": np.where(job, "craft", rng.choice(["sales", "clerk"], n)),
            "region": rng.choice(["north", "south", "west"], n, p=[0.5, 0.3, 0.2]),
            "education-num": (9 + man + 2.5 * rng.normal(size=n)).round(),
            "hours-per-week": (37 + 5 * man + 9 * rng.normal(size=n)).round(),
            "age": rng.integers(17, 90, n) + 0.0,
        }
    )
    return table, sex


if (Path(os.environ.get("SKUNLEARN_DATA", "")) / "adult" / "adult.data.gz").exists():
    table = fetch_adult().data.iloc[:9000]
    sex = table["sex"].astype(str).to_numpy()
    table = table.drop(columns="sex")
else:
    table, sex = made_up()
indicators = pd.get_dummies(table, dtype=float)
indicators = indicators.loc[:, indicators.mean() >= 0.01].astype(float)
print(f"{len(table)} rows, {table.shape[1]} columns, {indicators.shape[1]} with indicators")

# %%
# Four ways, two probes
# ---------------------
# Map, probe and scoring are on three disjoint thirds of the rows. The linear probe falls to nearly
# nothing for every one of the four. The boosting finds as much as before after the concept eraser,
# and *everything* after correlation removal and the Gaussian barycenter. What the triangular one
# leaves is the error of laws that were learned from 3000 rows; with more it is less.


class Decorrelated(TransformerMixin, BaseEstimator):
    """fairlearn's CorrelationRemover, which takes the sensitive variable as a column."""

    def _with(self, X, sensitive_features):
        return np.column_stack([sensitive_features == "Male", X]).astype(float)

    def fit(self, X, y=None, sensitive_features=None):
        """Fit on the columns with the sensitive one before them."""
        both = self._with(X, sensitive_features)
        self.remover_ = CorrelationRemover(sensitive_feature_ids=[0]).fit(both)
        return self

    def transform(self, X, sensitive_features=None):
        """Give the columns without what correlates with the sensitive one."""
        return self.remover_.transform(self._with(X, sensitive_features))


WAYS = {
    "column dropped": (indicators, None, False),
    "concept eraser\n(LEACE)": (indicators, LinearConceptEraser(), "fit"),
    "correlation\nremoval": (indicators, Decorrelated(), True),
    "Gaussian\nbarycenter": (indicators, GaussianBarycenter(), True),
    "triangular\nbarycenter": (table, TriangularBarycenter(random_state=0), True),
}
PROBES = ["linear", "boosting"]
scores = {}
for way, (X, transformer, needs) in WAYS.items():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the columns that")  # that is the point here
        found = leakage_score(
            X, sex, transformer=transformer, pass_sensitive=needs, probe=PROBES,
            n_permutations=0, random_state=0,
        )  # fmt: skip
    scores[way] = [result.score for result in found]
    name = way.replace("\n", " ")
    print(f"{name:24} " + "  ".join(f"{r.probe} {r.score:.3f}" for r in found))

# %%
# Where the copies of a value land
# --------------------------------
# Years of education are whole numbers. A map that moves real numbers has one map for each group,
# so that the sixteen values become sixteen for the women and sixteen others for the men. Their
# means and variances agree; no two of their values do. A straight line cannot use that. A tree asks
# "is it between 9.6 and 9.7?", and knows.

column = "education-num"
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
    moved = GaussianBarycenter().fit_transform(table[[column]], sensitive_features=sex)[:, 0]
kept = TriangularBarycenter(random_state=0).fit(table, sensitive_features=sex)
kept = kept.transform(table, sensitive_features=sex)[column].to_numpy()

figure, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4.2), width_ratios=[1.25, 1], layout="constrained"
)
place = np.arange(len(WAYS))
for i, probe in enumerate(PROBES):
    left.bar(
        place + (i - 0.5) * 0.38, [scores[way][i] for way in WAYS], 0.36, label=f"{probe} probe"
    )
left.set_xticks(place, list(WAYS), fontsize="small")
left.axhline(0.5, color="grey", lw=0.8)
left.set(ylabel="AUC for sex, fresh rows", ylim=(0.45, 1.12), title="What two probes read")
left.set_yticks(np.linspace(0.5, 1, 6))
left.legend(frameon=False, ncols=2, loc="upper left")
before = table[column].to_numpy()
rows = {"before": before, "Gaussian": moved, "triangular": kept}
for height, values in enumerate(rows.values()):
    for k, group in enumerate(["Female", "Male"]):
        some = values[sex == group]
        places, counts = np.unique(some, return_counts=True)
        right.scatter(
            places, np.full(len(places), -height - 0.16 * (2 * k - 1)), s=400 * counts / len(some),
            color=f"C{k + 2}", alpha=0.8, linewidths=0, label=group if height == 0 else None,
        )  # fmt: skip
right.set_yticks([0, -1, -2], list(rows))
right.set(xlim=(7.3, 14.7), ylim=(-2.5, 0.75), xlabel="years of education (area: share of rows)")
right.set_title("Where the copies of a value go")
right.legend(loc="upper right", ncols=2, fontsize="small")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "linear_probe.png", dpi=120)
print(f"plot: {options.out / 'linear_probe.png'}")
