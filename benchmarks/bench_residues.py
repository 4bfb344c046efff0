"""False finds of residue_report over scikit-learn's estimators, and rows that two versions show.

`python bench_residues.py` writes

- residues.json: each estimator with default parameters that takes the data is fitted on the
  retained rows only (nothing may be found), and on all of them;
- residues_two_versions.json: deleted rows rebuilt from the versions before and after, from the
  curvature on 150 public rows and from the true one. Medians over draws; with several rows deleted
  at once, over the median row of each draw.

`python bench_residues.py finds` and `... versions` do one of the two.
"""

import copy
import sys
import warnings

import numpy as np
from _report import report, versions
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.preprocessing import scale
from sklearn.utils import all_estimators

from skunlearn.audit import residue_report
from skunlearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from skunlearn.metrics import deletion_reconstruction
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler

N_FORGET = 20
SLOW = ("GaussianProcessClassifier", "HistGradientBoosting", "MLP", "Gamma")
TABLES = (
    (load_diabetes, "regressor"),
    (load_breast_cancer, "classifier"),
    (load_wine, "classifier"),
    (load_diabetes, "transformer"),
)
N_DRAWS, N_PUBLIC = 100, 150
BATCHES = (1, 5, 20)
VERSIONS = (  # model, data, what is read of a pipeline
    (Ridge(), load_diabetes, "auto"),
    (RidgeClassifier(), load_breast_cancer, "auto"),
    (RidgeClassifier(), load_digits, "auto"),
    (LogisticRegression(), load_breast_cancer, "auto"),
    (LogisticRegression(C=0.01), load_breast_cancer, "auto"),
    (make_pipeline(StandardScaler(), Ridge()), load_diabetes, "means"),
    (make_pipeline(StandardScaler(), Ridge()), load_diabetes, "coefficients"),
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


def finds():
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


def attacked(before, X, y, gone, source):
    """Forget some rows, and rebuild them from public rows, and from the true curvature."""
    after = copy.deepcopy(before).unlearn(X[gone], y[gone])
    public, true = (
        deletion_reconstruction(before, after, X[gone], rows, X_null=X[:N_PUBLIC], source=source)
        for rows in (X[:N_PUBLIC], X[N_PUBLIC:])
    )
    return {
        "cosine": np.median(public.cosine),
        "p": np.median(public.p_value),
        "error": public.error,
        "true curvature": np.median(true.cosine),
    }


def two_versions():
    rows = []
    for model, load, source in VERSIONS:
        X, y = load(return_X_y=True)
        piped = hasattr(model, "steps")
        X = X if piped else scale(X)
        before = clone(model).fit(X[N_PUBLIC:], y[N_PUBLIC:])
        for batch in BATCHES:
            rng = np.random.default_rng(0)
            found = []
            for _ in range(N_DRAWS):
                gone = rng.choice(np.arange(N_PUBLIC, len(X)), batch, replace=False)
                found.append(attacked(before, X, y, gone, source))
            rows.append(
                {
                    "model": " + ".join(repr(m) for _, m in model.steps) if piped else repr(model),
                    "data": load.__name__.removeprefix("load_"),
                    "reads": source if piped else "coefficients",
                    "deleted": batch,
                    **{key: float(np.median([one[key] for one in found])) for key in found[0]},
                    "worst of these": float(min(one["true curvature"] for one in found)),
                }
            )
            print(" ".join(str(value) for value in rows[-1].values()), flush=True)
    context = {"n_draws": N_DRAWS, "n_public": N_PUBLIC, **versions("skunlearn", "scikit-learn")}
    report("residues_two_versions", rows, **context)


if __name__ == "__main__":
    parts = {"finds": finds, "versions": two_versions}
    for part in sys.argv[1:] or parts:
        parts[part]()
