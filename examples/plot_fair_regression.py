"""
Fair regression: what parity of the predictions costs
=====================================================

A linear model predicts a rate of crime, and its predictions tell how a town is composed. Three
means against it, at several strengths: repair the predictions, repair the data and the target
before the fit, or erase what is linear. The measures are the error and the largest distance
(Kolmogorov-Smirnov) between the laws of the groups' predictions, on towns that nothing was fitted
to.
"""

# %%
# The data
# --------
# Communities and Crime, where the folder named by ``SKUNLEARN_DATA`` holds it; otherwise numbers
# drawn for the purpose. The groups are towns with a share of black inhabitants above and below 0.3
# (the column is scaled to [0, 1]); that column itself is not given to the model.

import argparse
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import ks_2samp
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

from skunlearn.datasets import fetch_communities_crime
from skunlearn.feature_unlearning import LinearConceptEraser, OutputUnlearner, PairUnlearner

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()


def load():
    """Rows, target, group (an integer), and the name of the data."""
    if os.environ.get("SKUNLEARN_DATA"):
        crime = fetch_communities_crime()
        z = (crime.data["racepctblack"].to_numpy() > 0.3).astype(int)
        X = crime.data.dropna(axis=1).drop(columns="racepctblack").to_numpy()
        return X, crime.target.to_numpy(), z, "Communities and Crime"
    rng = np.random.default_rng(0)
    z = (rng.random(2000) < 0.2).astype(int)
    X = rng.normal(size=(2000, 20)) * (1 + z[:, None] / 2) + z[:, None] * rng.normal(size=20)
    y = X @ rng.normal(size=20) / 20 + z / 4 + rng.normal(size=2000) / 8
    return X, y, z, "drawn numbers"


X, y, z, name = load()
print(f"{name}: {X.shape[0]} rows, {X.shape[1]} columns, {z.mean():.0%} in the small group")

# %%
# Error and distance at each strength
# -----------------------------------
# Maps and models are fitted on the training rows, five times over. The data-side map warns of
# columns that repeat few values (a tree could read the group from these); the model here is
# linear.

STRENGTHS = [0.0, 0.5, 0.8, 0.9, 1.0]
warnings.filterwarnings("ignore", "[0-9]+ of the columns that")


def output(X, y, z, X_new, z_new):
    """Predictions repaired; one fit serves all strengths."""
    model = OutputUnlearner(LinearRegression(), random_state=0).fit(X, y, sensitive_features=z)
    for t in STRENGTHS:
        yield model.set_params(strength=t).predict(X_new, sensitive_features=z_new)


def pair(X, y, z, X_new, z_new):
    """Rows and target repaired before the fit."""
    for t in STRENGTHS:
        model = PairUnlearner(LinearRegression(), strength=t, random_state=0)
        model.fit(X, y, sensitive_features=z)
        yield model.predict(X_new, sensitive_features=z_new)


def erase(X, y, z, X_new, z_new):
    """What is linear erased from the rows; no group is needed for new ones."""
    eraser = LinearConceptEraser().fit(X, sensitive_features=z)
    for t in STRENGTHS:
        eraser.set_params(strength=t)
        model = LinearRegression().fit(eraser.transform(X), y)
        yield model.predict(eraser.transform(X_new))


curves = {}
for way in (output, pair, erase):
    runs = []
    for seed in range(5):
        train, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed)
        found = way(X[train], y[train], z[train], X[test], z[test])
        one, two = z[test] == 0, z[test] == 1
        runs.append(
            [[mean_squared_error(y[test], p), ks_2samp(p[one], p[two]).statistic] for p in found]
        )
    curves[way.__name__] = np.mean(runs, axis=0)
    for t, (error, distance) in zip(STRENGTHS, curves[way.__name__], strict=True):
        print(f"{way.__name__:>6} t={t:.1f}: error {error:.4f}, distance {distance:.3f}")

# %%
# The frontier
# ------------
# Down and to the left is better. Erasing does nothing below strength 1, where it is an invertible
# map that least squares undoes; then a direction goes as a whole, and variances stay unequal. On
# Communities and Crime both barycenters reach a smaller distance at a smaller error.

labels = {"output": "OutputUnlearner", "pair": "PairUnlearner", "erase": "LinearConceptEraser"}
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for way, points in curves.items():
    axes.plot(points[:, 1], points[:, 0], "o-", label=labels[way])
for t, (error, distance) in zip(STRENGTHS, curves["output"], strict=True):
    axes.annotate(f"{t:.1f} ", (distance, error), ha="right", va="top", color="C0", size="small")
axes.set(xlabel="distance between the groups' predictions (KS)", ylabel="mean squared error")
axes.set_title(name)
axes.legend()
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "fair_regression.png", dpi=150)
