"""Membership inference: its cost, thousands of shadows by downdating, its false alarms, its finds.

`python bench_membership.py [adult] [cheap] [null]` (all by default) writes membership_adult.json,
membership_cheap.json and membership_null.json; the first two need Adult under SKUNLEARN_DATA.
"""

import os
import resource
import sys
import time
import warnings

import joblib
import numpy as np
from _report import report, versions
from joblib.externals.loky import get_reusable_executor
from sklearn import linear_model
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skunlearn.datasets import fetch_adult
from skunlearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from skunlearn.metrics import membership_inference
from skunlearn.naive_bayes import GaussianNB

N_RUNS = 200
FOUND = versions("skunlearn", "numpy", "scikit-learn")


def adult_table():
    data = fetch_adult(data_home=os.environ.get("SKUNLEARN_DATA"), subset="all")
    X, y = data.data, np.asarray(data.target)
    words = X.select_dtypes(exclude="number").columns
    numbers = StandardScaler().fit_transform(X.drop(columns=words))
    X = np.hstack([OneHotEncoder(sparse_output=False).fit_transform(X[words]), numbers])
    return X, (y == np.unique(y)[1]).astype(int)


def cpu_seconds():
    """CPU time of this process and of its workers, which are sent home for that."""
    get_reusable_executor().shutdown(wait=True)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def noisy(y, share, seed):
    """Labels, some of which are wrong: what a model that knows them knows by heart."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < share
    levels = np.unique(y)
    return np.where(wrong, levels[(np.searchsorted(levels, y) + 1) % len(levels)], y)


def parts_of(X, y, n_forget, n_retain, n_test, seed):
    """Rows to forget, to retain and never seen, drawn alike."""
    order = np.random.default_rng(seed).permutation(len(y))[: n_forget + n_retain + n_test]
    forget, retain, test = np.split(order, [n_forget, n_forget + n_retain])
    return X[forget], y[forget], X[retain], y[retain], X[test], y[test]


def one_class_forgotten(X_forget, y_forget, X_retain, y_retain, X_test, y_test):
    """Exchange rows of the forgotten and the retained part, so that the former are of one class."""
    X, y = np.vstack([X_forget, X_retain]), np.concatenate([y_forget, y_retain])
    forget = np.flatnonzero(y == 0)[: len(y_forget)]
    retain = np.setdiff1d(np.arange(len(y)), forget)
    return X[forget], y[forget], X[retain], y[retain], X_test, y_test


def models_of(learner, parts, seed):
    """Fit the model that forgot nothing, and the one that never saw the rows."""
    whole = np.vstack([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]])
    seeded = [clone(learner), clone(learner)]
    if "random_state" in learner.get_params():
        seeded = [m.set_params(random_state=seed + i) for i, m in enumerate(seeded)]
    return {"no-op": seeded[0].fit(*whole), "refit": seeded[1].fit(parts[2], parts[3])}


def adult():
    """64 shadow models on 30,000 rows of Adult, on two cores."""
    X, y = adult_table()
    rows = []
    for learner in (
        linear_model.LogisticRegression(max_iter=1000),
        LogisticRegression(),
        Ridge(),
        DecisionTreeClassifier(),
    ):
        parts = parts_of(X, y, 1000, 29_000, 10_000, 0)
        models = models_of(learner, parts, 0)
        start = time.perf_counter(), cpu_seconds()
        found = membership_inference(models, *parts, n_jobs=2, random_state=0, verbose=1)
        seconds, cpu = time.perf_counter() - start[0], cpu_seconds() - start[1]
        one = found["no-op"]
        rows.append(
            {
                "model": f"{type(learner).__module__.split('.')[0]} {type(learner).__name__}",
                "shadows by": one.shadows,
                "s in all": seconds,
                "s of CPU": cpu,
                **{f"AUC {name}": result.auc for name, result in found.items()},
                **{f"TPR at .1% {name}": result.tpr[0.001] for name, result in found.items()},
                "found no-op, refit": f"{one.found}, {found['refit'].found}",
                "learned": one.learned.mean(),
                "null": one.null.mean(),
            }
        )
        print(rows[-1], flush=True)
    report("membership_adult", rows, shadows=64, table="30000 rows", jobs=2, **FOUND)


def cheap():
    """Thousands of shadows by downdating, beside as many refits, on one core."""
    X, y = adult_table()
    rows = []
    for learner, n_shadows in ((Ridge(), 2000), (RidgeClassifier(), 2000), (GaussianNB(), 2000)):
        parts = parts_of(X, y, 100, 30_000, 100, 0)
        models = models_of(learner, parts, 0)
        start = time.perf_counter(), time.process_time()
        found = membership_inference(models, *parts, n_shadows=n_shadows, random_state=0)["no-op"]
        seconds, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
        refits = membership_inference(models, *parts, n_shadows=8, shadows="refit", random_state=0)[
            "no-op"
        ]
        rows.append(
            {
                "model": type(learner).__name__,
                "shadows": n_shadows,
                "s in all": seconds,
                "s of CPU": cpu,
                "ms a shadow": 1e3 * found.seconds / n_shadows,
                "ms a refit": 1e3 * refits.seconds / 13,  # 8 shadows and 5 refits
                "times faster": refits.seconds / 13 / (found.seconds / n_shadows),
                "AUC no-op": found.auc,
                "learned": found.learned.mean(),
                "null": found.null.mean(),
            }
        )
        print(rows[-1], flush=True)
    report("membership_cheap", rows, table="30000 rows of Adult", **FOUND)


def null_run(name, learner, X, y, options, run):
    """Attack a refit and a no-op on rows drawn anew."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    parts = parts_of(X, y, 60, 200, 60, run)
    if "one class" in name:
        parts = one_class_forgotten(*parts)
    models = models_of(learner, parts, 2 * run)
    if "no refits" in name:
        parts = [*parts[:2], None, None, *parts[4:]]
    found = membership_inference(models, *parts, n_shadows=16, random_state=run, **options)
    return found["refit"], found["no-op"]


def null():
    """Share of intervals that leave .5 out where the model never saw the rows; and the finds."""
    cancer = load_breast_cancer(return_X_y=True)
    cancer = StandardScaler().fit_transform(cancer[0]), noisy(cancer[1], 0.2, 0)
    cases = {
        "Ridge, diabetes": (Ridge(alpha=1e-3), load_diabetes(return_X_y=True), {}),
        "GaussianNB, noisy cancer": (GaussianNB(), cancer, {}),
        "logistic, noisy cancer": (linear_model.LogisticRegression(max_iter=500), cancer, {}),
        "trees, noisy cancer": (ExtraTreesClassifier(5), cancer, {}),
        "trees, weak loss, no refits": (ExtraTreesClassifier(5), cancer, {"method": "loss"}),
        "trees, one class forgotten": (ExtraTreesClassifier(5), cancer, {}),
    }
    rows = []
    for name, (learner, data, options) in cases.items():
        runs = [joblib.delayed(null_run)(name, learner, *data, options, i) for i in range(N_RUNS)]
        refits, noops = zip(*joblib.Parallel(n_jobs=2)(runs), strict=True)
        above = np.mean([found.auc_interval[0] > 0.5 for found in refits])
        below = np.mean([found.auc_interval[1] < 0.5 for found in refits])
        rows.append(
            {
                "case": name,
                "interval above .5": above,
                "below .5": below,
                "covers .5": 1 - above - below,
                "refits found": np.mean([found.found for found in refits]),
                "pushed away": np.mean([found.pushed_away for found in refits]),
                "no-ops found": np.mean([found.found for found in noops]),
                "AUC refit": np.mean([found.auc for found in refits]),
                "AUC no-op": np.mean([found.auc for found in noops]),
            }
        )
        print(rows[-1], flush=True)
    words = {"runs": N_RUNS, "shadows": 16, "rows": "60 forget, 60 unseen, 200 retained"}
    report("membership_null", rows, **{"in question": words}, level=0.95, **FOUND)


if __name__ == "__main__":
    for part in sys.argv[1:] or ("adult", "cheap", "null"):
        {"adult": adult, "cheap": cheap, "null": null}[part]()
