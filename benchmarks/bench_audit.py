"""False alarms of the audit over 200 null runs, what it finds, and what it costs on Adult.

`python bench_audit.py` writes audit_alarms.json and audit_time.json; the second needs Adult under
SKUNLEARN_DATA.
"""

import copy
import os
import time
import warnings

import numpy as np
from _report import report, versions
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeRegressor

from skunlearn.audit import audit_unlearning
from skunlearn.datasets import fetch_adult
from skunlearn.ensemble import SISAClassifier
from skunlearn.linear_model import LogisticRegression, Ridge

N_RUNS = 200
LEARNERS = {
    "tree": (DecisionTreeClassifier(max_features=3), load_breast_cancer),
    "forest of 3": (RandomForestClassifier(3), load_breast_cancer),
    "net": (MLPClassifier([10], solver="lbfgs", max_iter=15), load_breast_cancer),
    "extra tree": (ExtraTreeRegressor(), load_diabetes),
}


def split(X, y, n_forget, n_train, seed):
    """Draw rows to forget, to retain and to test on."""
    X, X_test, y, y_test = train_test_split(X, y, train_size=n_train, random_state=seed)
    return X[:n_forget], y[:n_forget], X[n_forget:], y[n_forget:], X_test, y_test


def fitted(learner, seed, X, y):
    return clone(learner).set_params(random_state=int(seed)).fit(X, y)


def alarms_of(name, learner, load):
    """Share of audits that fail: of refits (the level), and of originals (the power)."""
    rng = np.random.default_rng(0)
    X, y = load(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    found = {"refit": [], "original": []}
    for run in range(N_RUNS):
        parts = split(X, y, 10, 100, run)
        seeds = rng.integers(2**31, size=2)
        whole = np.vstack([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]])
        original = fitted(learner, seeds[0], *whole)
        models = {"refit": fitted(learner, seeds[1], *parts[2:4])}
        if run < 20:
            models["original"] = copy.deepcopy(original)
        for what, model in models.items():
            audit = audit_unlearning(original, model, *parts, random_state=int(seeds[0]))
            found[what].append(audit)
    flags = ("no-op", "under-forgetting", "over-forgetting", "damaged utility")
    return {
        "learner": name,
        "runs": N_RUNS,
        "failed": np.mean([not audit.passed for audit in found["refit"]]),
        **{flag: np.mean([flag in audit.alarms for audit in found["refit"]]) for flag in flags},
        "no-ops found (20)": np.mean([not audit.passed for audit in found["original"]]),
    }


def alarms():
    warnings.simplefilter("ignore", ConvergenceWarning)  # a net that is stopped early is the point
    rows = [alarms_of(name, *learner) for name, learner in LEARNERS.items()]
    report("audit_alarms", rows, level=0.05, **versions("skunlearn", "numpy", "scikit-learn"))


def costs():
    """Seconds of an audit beside the seconds of its refits, on Adult."""
    data = fetch_adult(data_home=os.environ.get("SKUNLEARN_DATA"), as_frame=True, return_X_y=False)
    X, y = data.data, np.asarray(data.target)
    words = X.select_dtypes(exclude="number").columns
    numbers = StandardScaler().fit_transform(X.drop(columns=words))
    X = np.hstack([OneHotEncoder(sparse_output=False).fit_transform(X[words]), numbers])
    y = (y == np.unique(y)[1]).astype(int)
    rows = []
    for model in (Ridge(), LogisticRegression(), SISAClassifier(n_shards=10, random_state=0)):
        parts = split(X, y, 100, 30_000, 0)
        whole = np.vstack([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]])
        original = clone(model).fit(*whole)
        start = time.perf_counter()
        audit = audit_unlearning(original, None, *parts, random_state=0, tolerance=1e-4)
        seconds = time.perf_counter() - start
        refits = sum(audit.refit_seconds)
        rows.append(
            {
                "model": type(model).__name__,
                "refits": len(audit.refit_seconds),
                "s a refit": np.median(audit.refit_seconds),
                "s unlearn": audit.unlearn_seconds,
                "s audit": seconds,
                "audit / its refits": seconds / refits,
                "passed": audit.passed,
                "gap": audit.reached.number,
            }
        )
    context = {"table": f"{X.shape[0]} x {X.shape[1]}"}
    report("audit_time", rows, **context, **versions("skunlearn", "numpy", "scikit-learn"))


if __name__ == "__main__":
    costs()
    alarms()
