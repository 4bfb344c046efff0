"""False finds of residue_report over scikit-learn's estimators, and which of them hold rows.

`python bench_residues.py` writes residues.json: each estimator with default parameters that takes
the data is fitted on the retained rows only (nothing may be found), and on all of them.
"""

import warnings

import numpy as np
from _report import report, versions
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.utils import all_estimators

from skunlearn.audit import residue_report

N_FORGET = 20
SLOW = ("GaussianProcessClassifier", "HistGradientBoosting", "MLP", "Gamma")
TABLES = (
    (load_diabetes, "regressor"),
    (load_breast_cancer, "classifier"),
    (load_wine, "classifier"),
    (load_diabetes, "transformer"),
)


def fitted(kind, X, y):
    """Return a model, or None for a class that wants something else."""
    try:
        return kind().fit(X.copy(), y.copy())
    except Exception:  # whatever it lacks
        return None


def found_in(kind, rows, X, y, stays):
    model = fitted(kind, *rows)
    if model is None:
        return None
    return residue_report(model, X[:N_FORGET], y[:N_FORGET], **stays).found


def main():
    warnings.simplefilter("ignore")  # of fits that do not converge
    rows = []
    for load, kind in TABLES:
        X, y = load(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(y))[:250]
        X, y = X[order], y[order]
        stays = {"X_retain": X[N_FORGET:].copy(), "y_retain": y[N_FORGET:].copy()}
        count, false, holders = 0, [], []
        for name, estimator in all_estimators(type_filter=kind):
            if name.startswith(SLOW):
                continue
            clean = found_in(estimator, tuple(stays.values()), X, y, stays)
            if clean is None:
                continue
            count += 1
            false += [name] if clean else []
            holders += [name] if found_in(estimator, (X, y), X, y, stays) else []
        rows.append(
            {
                "data": load.__name__.removeprefix("load_"),
                "kind": kind,
                "fitted": count,
                "false finds": len(false),
                "hold something": len(holders),
            }
        )
        print(f"hold something: {', '.join(holders)}; false: {', '.join(false) or 'none'}")
    report("residues", rows, n_forget=N_FORGET, **versions("skunlearn", "scikit-learn"))


if __name__ == "__main__":
    main()
