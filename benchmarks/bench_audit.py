"""False alarms of the audits over 200 null runs, what they find, and what they cost on Adult.

`python bench_audit.py` writes audit_time.json (Adult under SKUNLEARN_DATA), audit_alarms.json
(refits: the level), audit_power.json (models that did nothing, on wrong labels learned by heart),
audit_epsilon.json (forgetting_epsilon of one law against itself) and audit_feature_alarms.json;
`python bench_audit.py power epsilon` some of them.
"""

import copy
import os
import sys
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

from skunlearn.audit import audit_feature_unlearning, audit_unlearning
from skunlearn.datasets import fetch_adult
from skunlearn.ensemble import SISAClassifier
from skunlearn.feature_unlearning import LinearConceptEraser
from skunlearn.linear_model import LogisticRegression, Ridge
from skunlearn.metrics import forgetting_epsilon

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


def power(n_runs=100):
    """Share of no-ops that are flagged, where a fifth of the labels is wrong and known by heart."""
    learners = {
        "tree": DecisionTreeClassifier(max_features=3),
        "forest": RandomForestClassifier(5),
        "net": MLPClassifier([50], solver="lbfgs", max_iter=200),
    }
    rows = []
    for name, learner in learners.items():
        X, y = load_breast_cancer(return_X_y=True)
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        found = {"no-op": [], "refit": []}
        for run in range(n_runs):
            parts = list(split(X, y, 20, 120, run))
            parts[1] = 1 - parts[1]
            seeds = np.random.default_rng(run).integers(2**31, size=2)
            whole = np.vstack([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]])
            original = fitted(learner, seeds[0], *whole)
            models = {
                "no-op": copy.deepcopy(original),
                "refit": fitted(learner, seeds[1], *parts[2:4]),
            }
            for what, model in models.items():
                audit = audit_unlearning(original, model, *parts, random_state=int(seeds[0]))
                found[what].append(audit)
        rows.append(
            {
                "learner": name,
                "runs": n_runs,
                "no-op failed": np.mean([a.passed is False for a in found["no-op"]]),
                "flag no-op": np.mean(["no-op" in a.alarms for a in found["no-op"]]),
                "refit passed": np.mean([a.passed is True for a in found["refit"]]),
            }
        )
    report("audit_power", rows, level=0.05, **versions("skunlearn", "numpy", "scikit-learn"))


def epsilon(n_runs=20):
    """Median of forgetting_epsilon between models of one law: the known bias of the estimator."""
    rows = []
    for n_models in (64, 256, 512):
        medians, apart, score = [], [], []
        for run in range(n_runs):
            rng = np.random.default_rng(run)
            draws = rng.normal(size=(2, n_models, 50))
            found = forgetting_epsilon(*draws, random_state=run)
            medians.append(np.median(found.epsilon))
            apart.append(found.n_told_apart > 0)
            score.append(found.score)
        rows.append(
            {
                "models a kind": n_models,
                "runs": n_runs,
                "median epsilon": np.median(medians),
                "F": np.mean(score),
                "any example told apart": np.mean(apart),
            }
        )
    report("audit_epsilon", rows, delta=1e-5, **versions("skunlearn", "numpy"))


def feature_alarms():
    """Count false alarms of audit_feature_unlearning: a sensitive variable drawn at random."""
    X, y = load_breast_cancer(return_X_y=True)
    names = ("still readable", "worse than before", "utility lost", "no power")
    raised = []
    for run in range(N_RUNS):
        z = np.random.default_rng(run).permutation(len(y)) % 2
        audit = audit_feature_unlearning(
            LinearConceptEraser(), X, z, y, pass_sensitive="fit", probes=["linear"],
            tolerance=1e-6, n_repeats=1, n_permutations=0, random_state=run,
        )  # fmt: skip
        raised.append([name in [flag.name for flag in audit.raised] for name in names])
    rates = dict(zip(names, np.mean(raised, axis=0), strict=True))
    rows = [
        {"runs": N_RUNS, "any alarm": np.mean(np.any(np.array(raised)[:, :2], axis=1)), **rates}
    ]
    report("audit_feature_alarms", rows, level=0.05, **versions("skunlearn", "scikit-learn"))


PARTS = {
    "costs": costs,
    "alarms": alarms,
    "power": power,
    "epsilon": epsilon,
    "feature_alarms": feature_alarms,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)  # a net that is stopped early is the point
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
