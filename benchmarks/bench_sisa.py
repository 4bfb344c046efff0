"""What SISA costs and saves: time of a request, accuracy against the whole model, gain of slices.

Random forests on 20,000 rows made by scikit-learn (time), on its digits and breast cancer data and
on Adult where SKUNLEARN_DATA holds it (accuracy); logistic regressions and perceptrons (slices).
"""

import copy
import os
import time
import warnings

import numpy as np
from _report import report, versions
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skunlearn.datasets import fetch_adult
from skunlearn.ensemble import SISAClassifier

N_SHARDS = (1, 5, 20, 50)


def seconds_of(function):
    """CPU time of one call: neighbours on the machine do not count."""
    start = time.process_time()
    function()
    return time.process_time() - start


def requests():
    """Time of a request against the share of the shards that it hits."""
    X, y = make_classification(20_000, 20, n_informative=8, random_state=0)
    model = SISAClassifier(RandomForestClassifier(20), n_shards=20, random_state=0)
    alone = clone(model.estimator).set_params(random_state=0)
    whole = min(seconds_of(lambda: alone.fit(X, y)) for _ in range(3))
    fit = min(seconds_of(lambda: model.fit(X, y)) for _ in range(3))
    yield "forest, 20,000 x 20: the forest alone, fit, s", whole
    yield "forest, 20,000 x 20: SISA, 20 shards, fit, s", fit
    for n_forget in (1, 10, 100):
        rows = np.random.default_rng(n_forget).permutation(len(y))[:n_forget]
        hit = len(model.can_unlearn(X[rows], y[rows]).shards)
        copies = [copy.deepcopy(model) for _ in range(3)]
        spent = min(seconds_of(lambda m=m, r=rows: m.unlearn(X[r], y[r])) for m in copies)
        yield f"forest: {n_forget} rows, shards hit of 20", hit
        yield f"forest: {n_forget} rows, unlearn, s", spent
        yield (
            f"forest: {n_forget} rows, unlearn / (share of shards hit x fit)",
            spent / (hit / 20 * fit),
        )


def tables():
    """Yield (name, X, y)."""
    yield "digits", *load_digits(return_X_y=True)
    yield "breast cancer", *load_breast_cancer(return_X_y=True)
    if os.environ.get("SKUNLEARN_DATA"):
        adult = fetch_adult()
        X = adult.data.select_dtypes("number").to_numpy(float)[:12_000]
        yield "Adult, 6 numeric, 12,000 rows", X, np.asarray(adult.target[:12_000]).astype(str)


def accuracies():
    """Accuracy on a third of the rows, mean of 3 splits, against the unsharded model."""
    inners = {
        "forest": RandomForestClassifier(50),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    for data, X, y in tables():
        for name, inner in inners.items():
            scores = {n: [] for n in ("alone", *N_SHARDS)}
            for seed in range(3):
                split = train_test_split(X, y, test_size=1 / 3, random_state=seed, stratify=y)
                A, B, a, b = split
                alone = clone(inner)
                if name == "forest":
                    alone.set_params(random_state=seed)
                scores["alone"].append(alone.fit(A, a).score(B, b))
                for n in N_SHARDS:
                    model = SISAClassifier(inner, n_shards=n, random_state=seed)
                    scores[n].append(model.fit(A, a).score(B, b))
            for n, found in scores.items():
                shards = "unsharded" if n == "alone" else f"{n} shards"
                yield f"{data}, {name}, {shards}: accuracy", np.mean(found)


def slices():
    """Time of a request of one row against the fit with as many slices, mean of 30 requests."""
    X, y = make_classification(8_000, 50, n_informative=20, n_classes=4, random_state=0)
    inners = {
        "perceptron, partial_fit": MLPClassifier((100,)),
        "logistic, warm start": LogisticRegression(warm_start=True, max_iter=1000),
    }
    for name, inner in inners.items():
        for n_slices in (1, 5, 20) if inner.warm_start else (5, 20):
            model = SISAClassifier(inner, n_shards=1, n_slices=n_slices, random_state=0)
            fit = min(seconds_of(lambda m=model: m.fit(X, y)) for _ in range(3))
            spent = [
                seconds_of(lambda m=model, i=i: m.unlearn(X[i : i + 1], y[i : i + 1]))
                for i in range(30)
            ]
            yield f"{name}, 1 shard, {n_slices} slices: fit, s", fit
            yield f"{name}, 1 shard, {n_slices} slices: one row / fit", np.mean(spent) / fit


def main():
    """Measure and print."""
    warnings.filterwarnings("ignore", "lbfgs failed")
    rows = [
        {"figure": name, "value": float(value)}
        for part in (requests, accuracies, slices)
        for name, value in part()
    ]
    report("sisa", rows, **versions("skunlearn", "numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
