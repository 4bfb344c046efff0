"""Kernel ridge: deleting rows from the Cholesky factor beside fitting scikit-learn's anew.

"dual" is the largest difference of the dual weights from scikit-learn's refit over their largest,
"predictions" the same for 500 rows.
"""

import copy

import numpy as np
from _report import best_of, report, versions
from sklearn import kernel_ridge

from skunlearn.kernel_ridge import KernelRidge


def gap(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def measure(n, d, m, alpha):
    """One row of the table: n rows of d columns, m to forget."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = np.sin(X[:, 0]) + X[:, 1] + 0.1 * rng.normal(size=n)
    gone = rng.permutation(n)[:m]
    rest = np.setdiff1d(np.arange(n), gone)
    options = {"kernel": "rbf", "alpha": alpha}
    theirs = kernel_ridge.KernelRidge(**options)
    refit = best_of(lambda: theirs.fit(X[rest], y[rest]), 3)
    model = KernelRidge(**options)
    fit = best_of(lambda: model.fit(X, y), 3)
    copies = [copy.copy(model) for _ in range(5)]
    waiting = iter(copies)
    unlearn = best_of(lambda: next(waiting).unlearn(X[gone], y[gone]), 5)
    return {
        "n": n,
        "d": d,
        "forget": m,
        "alpha": alpha,
        "scikit-learn refit (s)": refit,
        "fit (s)": fit,
        "unlearn (s)": unlearn,
        "times faster": refit / unlearn,
        "dual": gap(copies[0].dual_coef_, theirs.dual_coef_),
        "predictions": gap(copies[0].predict(X[:500]), theirs.predict(X[:500])),
    }


def main():
    """Measure and print."""
    cases = [(1000, 1), (1000, 50), (5000, 1), (5000, 50), (5000, 200)]
    rows = [measure(n, 20, m, 1e-2) for n, m in cases] + [measure(5000, 20, 50, 1e-8)]
    report("kernel_ridge", rows, **versions("skunlearn", "numpy", "scipy", "scikit-learn"))


if __name__ == "__main__":
    main()
