"""Nearest neighbours and centroids: what a request costs beside fitting scikit-learn's anew.

The search index is rebuilt at the first prediction after a request, so that is measured apart.
"""

import copy

import numpy as np
from _report import best_of, report, versions
from sklearn import neighbors

from skunlearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid


def measure(ours, theirs, n, d, m):
    """One row of the table: n rows of d columns, m to forget."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = (X[:, 0] > 0) + (X[:, 1] > 0) * 1
    gone = rng.permutation(n)[:m]
    rest = np.setdiff1d(np.arange(n), gone)
    model = ours.fit(X, y)
    refit = best_of(lambda: theirs.fit(X[rest], y[rest]), 3)
    fit = best_of(lambda: ours.fit(X, y), 3)
    copies = iter([copy.copy(model) for _ in range(5)])
    unlearn = best_of(lambda: next(copies).unlearn(X[gone], y[gone]), 5)
    copied = best_of(lambda: X[rest], 5)
    model.unlearn(X[gone], y[gone])
    first = best_of(lambda: model.predict(X[:1]), 1)
    equal = np.array_equal(model.predict(X[:2000]), theirs.predict(X[:2000]))
    return {
        "model": repr(ours),
        "n": n,
        "d": d,
        "forget": m,
        "scikit-learn fit (s)": refit,
        "fit (s)": fit,
        "unlearn (s)": unlearn,
        "copy of X (s)": copied,
        "first predict (s)": first,
        "equal": equal,
    }


def main():
    """Measure and print."""
    rows = []
    for n, d in ((100_000, 10), (100_000, 50)):
        pairs = [
            (KNeighborsClassifier(), neighbors.KNeighborsClassifier()),
            (KNeighborsRegressor(), neighbors.KNeighborsRegressor()),
            (NearestCentroid(), neighbors.NearestCentroid()),
        ]
        rows += [measure(*pair, n, d, 10) for pair in pairs]
    report("neighbors", rows, **versions("skunlearn", "numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
