"""Exact fitting and forgetting against scikit-learn's fit and refit, in one run.

Ridge on 1,000,000 and 10,000 rows of 100 columns, 100 rows forgotten; then GaussianNB,
StandardScaler and PCA. A ratio above 1 in the rows "unlearn" says how many times faster than
scikit-learn's refit on the retained rows forgetting is; in the rows "fit" how many times
scikit-learn's time ours takes. ``--quick`` uses 50,000 rows.
"""

import argparse
import functools
import statistics
import time

import numpy as np
import sklearn.decomposition
import sklearn.linear_model
import sklearn.naive_bayes
import sklearn.preprocessing
from _report import best_of, report, versions

from skunlearn.base import Request
from skunlearn.decomposition import PCA
from skunlearn.linear_model import LinearRegression, Ridge
from skunlearn.naive_bayes import GaussianNB
from skunlearn.preprocessing import StandardScaler

D, FORGET, REQUESTS, REPEATS = 100, 100, 30, 5


def data(n):
    """Rows, a numeric target and labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, D))
    y = X @ rng.normal(size=D) + rng.normal(size=n)
    return X, y, (y > 0).astype(int)


def request_seconds(model, X, y):
    """Median seconds of requests of 100 rows each."""
    seconds = []
    for i in range(REQUESTS):
        part = slice(FORGET * i, FORGET * (i + 1))
        start = time.perf_counter()
        model.unlearn(X[part]) if y is None else model.unlearn(X[part], y[part])
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def shares(model, X, y):
    """Milliseconds of the parts of one request, each measured alone."""
    request = Request(X[:FORGET], y[:FORGET])
    rows, info = model._check_rows(request, reset=False)
    learned = model._learned
    sums, _ = learned._sums(rows, both=False)
    moments = learned.moments()
    moments_seconds = best_of(lambda: learned.moments().pooled, REQUESTS)
    pooled = moments.pooled
    assert pooled.n_rows == model.n_samples_retained_
    hashes = rows.fingerprints(learned.key)
    parts = {
        "validate": lambda: model._check_rows(request, reset=False),
        "hash rows": lambda: rows.fingerprints(learned.key),
        "look up": lambda: learned.fingerprints.without(hashes),
        "Gram of the rows": lambda: learned._sums(rows, both=False),
        "subtract": lambda: learned.sums - sums,
    }
    out = {name: 1e3 * best_of(part, REQUESTS) for name, part in parts.items()}
    out["centre"] = 1e3 * moments_seconds
    out["solve"] = 1e3 * best_of(lambda: model._derive(moments, info), REQUESTS)
    return out


def measure_ridge(n, add):
    """Ridge: fit with and without tracking, then requests; returns the seconds of a request."""
    X, y, _ = data(n)
    peer = sklearn.linear_model.Ridge()
    refit = best_of(lambda: peer.fit(X[FORGET:], y[FORGET:]), REPEATS)
    for track in (False, True):
        model = Ridge(track_rows=track)
        ours = best_of(functools.partial(model.fit, X, y), REPEATS)
        add(f"Ridge fit, track_rows={track}", n, ours, refit, faster=False)
    seconds = request_seconds(model, X, y)
    add(f"Ridge unlearn {FORGET} rows", n, seconds, refit, faster=True)
    parts = shares(model, X[FORGET * REQUESTS :], y[FORGET * REQUESTS :])
    print(f"n={n}, ms: " + ", ".join(f"{name} {ms:.3f}" for name, ms in parts.items()))
    return seconds


def measure_others(n, add):
    """Measure the other estimators: fit, then requests."""
    X, y, labels = data(n)
    models = LinearRegression(track_rows=False), sklearn.linear_model.LinearRegression()
    add("LinearRegression fit", n, *(best_of(lambda m=m: m.fit(X, y), 2) for m in models), False)
    for ours, peer, target in (
        (GaussianNB(), sklearn.naive_bayes.GaussianNB(), labels),
        (StandardScaler(), sklearn.preprocessing.StandardScaler(), None),
        (PCA(), sklearn.decomposition.PCA(), None),
    ):
        name = type(ours).__name__
        fits = [best_of(functools.partial(m.fit, X, target), 2) for m in (ours, peer)]
        add(f"{name} fit", n, *fits, faster=False)
        seconds = request_seconds(ours, X, target)
        add(f"{name} unlearn {FORGET} rows", n, seconds, fits[1], faster=True)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    sizes = [50_000, 10_000] if parser.parse_args().quick else [1_000_000, 10_000]
    rows, unlearn = [], {}

    def add(what, n, ours, theirs, faster):
        ratio = theirs / ours if faster else ours / theirs
        rows.append(
            {"what": what, "n": n, "ours_s": ours, "sklearn_s": theirs, "ratio": round(ratio, 2)}
        )

    for n in sizes:
        unlearn[n] = measure_ridge(n, add)
    measure_others(sizes[0], add)
    large, small = sizes
    print(f"unlearn at n={large} takes {unlearn[large] / unlearn[small]:.2f} x that at n={small}")
    report("exact", rows, d=D, **versions("skunlearn", "numpy", "scipy", "scikit-learn"))


if __name__ == "__main__":
    main()
