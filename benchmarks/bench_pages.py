"""The figures of the user guide that no other benchmark shows.

Forgetting an outlier with floats and here; step-by-step forgetting in a pipeline against the
whole; how often a refit finds the same grid; what probes read behind the barycenter on columns
with atoms (Adult where SKUNLEARN_DATA holds it, diabetes).
"""

import copy
import os
import warnings

import numpy as np
from _report import report, versions
from sklearn.datasets import load_breast_cancer, load_diabetes

from skunlearn.datasets import fetch_adult
from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.linear_model import Ridge, RidgeClassifier
from skunlearn.metrics import leakage_score
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler

PROBES = ["linear", "quadratic", "boosting"]


def outliers():
    """Relative error of the variance after one outlier was forgotten, floats against exact."""
    for size in (1e4, 1e6, 1e8):
        floats, exact = [], []
        for seed in range(50):
            x = np.random.default_rng(seed).normal(size=1000)
            rows = np.append(x, size)
            # removal from the centred sums (Chan, Golub and LeVeque)
            n, mean, scatter = 1001, rows.mean(), ((rows - rows.mean()) ** 2).sum()
            rest = (n * mean - size) / (n - 1)
            scatter -= (size - mean) * (size - rest)
            floats.append(abs(scatter / 1000 / x.var() - 1))
            scaler = StandardScaler().fit(rows[:, None]).unlearn(rows[1000:, None])
            exact.append(abs(scaler.var_[0] / x.var() - 1))
        yield f"outlier {size:.0e}: floats, median", np.median(floats)
        yield f"outlier {size:.0e}: floats, worst", max(floats)
        yield f"outlier {size:.0e}: here, worst against np.var", max(exact)


def steps():
    """Largest gap of the decision function to the refit, the 30 largest rows forgotten."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.argsort(-X[:, 3])  # by the area of the tumour
    F, R = order[:30], order[30:]
    whole = make_pipeline(StandardScaler(), RidgeClassifier()).fit(X, y)
    refit = make_pipeline(StandardScaler(), RidgeClassifier(), resolution=whole.resolution_)
    refit.fit(X[R], y[R])
    scaler = StandardScaler().fit(X)
    ridge = RidgeClassifier().fit(scaler.transform(X), y)
    seen = scaler.transform(X[F])  # each step forgets what it saw
    alone = copy.deepcopy(ridge).unlearn(seen, y[F])
    after = copy.deepcopy(scaler).unlearn(X[F])
    target = refit.decision_function(X)
    yield "30 largest: not forgetting", abs(whole.decision_function(X) - target).max()
    yield (
        "30 largest: step by step",
        abs(alone.decision_function(after.transform(X)) - target).max(),
    )
    whole.unlearn(X[F], y[F])
    yield "30 largest: Pipeline.unlearn", abs(whole.decision_function(X) - target).max()


def grids():
    """How many of 200 refits without 30 random rows find the same grid."""
    X, y = load_breast_cancer(return_X_y=True)
    model, rng = Ridge().fit(X, y.astype(float)), np.random.default_rng(0)
    same = 0
    for _ in range(200):
        keep = np.setdiff1d(np.arange(len(X)), rng.choice(len(X), 30, replace=False))
        same += np.array_equal(
            Ridge().fit(X[keep], y[keep].astype(float)).resolution_, model.resolution_
        )
    yield "refits on the same grid, of 200", same


def atoms():
    """AUC for sex behind the barycenter, on columns that repeat values."""
    frame = load_diabetes(as_frame=True, scaled=False).data
    tables = {"diabetes": (frame.drop(columns="sex"), frame["sex"])}
    if os.environ.get("SKUNLEARN_DATA"):
        data = fetch_adult().data[:12_000]
        tables["Adult, 6 numeric"] = data.select_dtypes("number"), data["sex"].astype(str)
    for name, (X, z) in tables.items():
        for transformer in (None, GaussianBarycenter()):
            given = {"transformer": transformer, "pass_sensitive": True} if transformer else {}
            found = leakage_score(X.to_numpy(float), z, probe=PROBES, random_state=0, **given)
            what = "barycenter" if transformer else "raw"
            for result in found:
                yield f"{name}, {what}, {result.probe} AUC", result.score


def main():
    """Measure and print."""
    warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
    rows = [
        {"figure": name, "value": float(value)}
        for part in (outliers, steps, grids, atoms)
        for name, value in part()
    ]
    report("pages", rows, **versions("skunlearn", "numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
