"""Discriminant analysis: fitting and forgetting against scikit-learn's fit and refit.

Two and ten classes, 100,000 rows of 50 columns, 100 rows forgotten at a time, chosen at random
among all classes. ``unlearn_times`` says how many times faster than scikit-learn's refit on the
retained rows a request is; ``fit_ratio`` how many times scikit-learn's time our fit takes. Last,
how far the unlearned predictions are from the refit's. ``--quick`` uses 20,000 rows.
"""

import argparse
import functools
import statistics
import time

import numpy as np
from _report import best_of, report, versions
from sklearn import discriminant_analysis

from skunlearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)

D, FORGET, REQUESTS, REPEATS = 50, 100, 21, 3
MODELS = [
    ("LDA svd", LinearDiscriminantAnalysis, {"solver": "svd"}),
    ("LDA lsqr", LinearDiscriminantAnalysis, {"solver": "lsqr"}),
    ("LDA eigen", LinearDiscriminantAnalysis, {"solver": "eigen"}),
    ("QDA svd", QuadraticDiscriminantAnalysis, {"solver": "svd"}),
]


def data(n, n_classes):
    """Rows of classes of different means, and labels."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n)
    return rng.normal(size=(n, D)) + rng.normal(size=(n_classes, D))[y], y


def request_seconds(model, X, y):
    """Median seconds of requests of 100 rows each."""
    seconds = []
    for i in range(REQUESTS):
        part = slice(FORGET * i, FORGET * (i + 1))
        start = time.perf_counter()
        model.unlearn(X[part], y[part])
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure(name, kind, options, X, y):
    """Return a row of the table."""
    ours = kind(**options)
    plain = getattr(discriminant_analysis, kind.__name__)(**options)
    fit = best_of(functools.partial(ours.fit, X, y), REPEATS)
    refit = best_of(functools.partial(plain.fit, X[FORGET:], y[FORGET:]), REPEATS)
    unlearn = request_seconds(ours, X, y)
    gone = FORGET * REQUESTS
    plain.fit(X[gone:], y[gone:])
    apart = np.abs(ours.predict_proba(X[gone:]) - plain.predict_proba(X[gone:])).max()
    return {
        "model": name,
        "classes": len(ours.classes_),
        "fit_ms": 1e3 * fit,
        "refit_ms": 1e3 * refit,
        "unlearn_ms": 1e3 * unlearn,
        "unlearn_times": round(refit / unlearn, 1),
        "fit_ratio": round(fit / refit, 2),
        "apart": float(apart),
    }


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    n = 20_000 if parser.parse_args().quick else 100_000
    rows = []
    for n_classes in (2, 10):
        X, y = data(n, n_classes)
        rows += [measure(*model, X, y) for model in MODELS]
    context = versions("skunlearn", "numpy", "scipy", "scikit-learn")
    report("discriminant_analysis", rows, n=n, d=D, forget=FORGET, **context)


if __name__ == "__main__":
    main()
