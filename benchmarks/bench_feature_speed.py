"""Seconds of the transports beside other libraries: CPU time, the fastest of three, in one run.

LEACE stands in bench_concept_erasure.py, the triangular barycenter in bench_triangular.py --speed.

Usage: python bench_feature_speed.py
"""

import time
import warnings

import numpy as np
import pandas as pd
from _report import report, versions
from BlackBoxAuditing.repairers.GeneralRepairer import Repairer
from equipy.fairness import FairWasserstein

from skunlearn._transport._scores import ScoreBarycenter
from skunlearn.feature_unlearning import QuantileBarycenter, SlicedBarycenter

SHARES = [0.5, 0.2, 0.15, 0.1, 0.05]


def fastest(*calls, repeats=3):
    """Seconds of calls that are made one after the other."""
    found = []
    for _ in range(repeats):
        marks = [time.process_time()]
        for call in calls:
            call()
            marks.append(time.process_time())
        found.append(np.diff(marks))
    return np.min(found, axis=0).tolist()


def row(what, size, ours, peer, theirs):
    """One line: fit and transform of both, and how many times theirs takes ours."""
    fits = {"ours, fit s": ours[0], "ours, transform s": ours[1]}
    theirs = theirs or [None, None]
    line = {"what": what, "size": size, **fits, "peer": peer}
    line |= {"peer, fit s": theirs[0], "peer, transform s": theirs[1]}
    line["peer / ours"] = None if theirs[0] is None else sum(theirs) / sum(ours)
    return line


def predictions():
    """Move scores of five groups."""
    rng = np.random.default_rng(0)
    codes = rng.choice(5, 50_000, p=SHARES)
    scores, ties = rng.normal(size=50_000) * (1 + codes) + codes, rng.random(50_000)
    law = ScoreBarycenter.fit(scores, codes, 5)
    ours = fastest(
        lambda: ScoreBarycenter.fit(scores, codes, 5), lambda: law.move(scores, codes, ties)
    )
    groups, peer = pd.DataFrame({"z": codes.astype(str)}), FairWasserstein()
    theirs = fastest(lambda: peer.fit(scores, groups), lambda: peer.transform(scores, groups))
    return row("OutputUnlearner's map", "50,000 scores, 5 groups", ours, "equipy", theirs)


def quantiles():
    """Move columns of numbers, two groups."""
    rng = np.random.default_rng(0)
    z = rng.choice(2, 100_000)
    X = rng.normal(size=(100_000, 10)) * (1 + z[:, None]) + z[:, None]
    model = QuantileBarycenter(random_state=0)
    ours = fastest(
        lambda: model.fit(X, sensitive_features=z),
        lambda: model.transform(X, sensitive_features=z),
    )
    rows = np.column_stack([z, X]).tolist()
    theirs = fastest(lambda: None, lambda: Repairer(rows, 0, 1.0, False).repair(rows), repeats=1)
    name = "aif360's DisparateImpactRemover"
    return row("QuantileBarycenter", "100,000 x 10, 2 groups", ours, name, theirs)


def sliced():
    """Time the flow; no other library has one."""
    rng = np.random.default_rng(0)
    z = rng.choice(2, 10_000)
    X = rng.normal(size=(10_000, 20))
    X[z == 1] = np.sign(X[z == 1]) + 0.3 * X[z == 1]
    model = SlicedBarycenter(random_state=0)
    ours = fastest(
        lambda: model.fit(X, sensitive_features=z),
        lambda: model.transform(X, sensitive_features=z),
        repeats=1,
    )
    return row("SlicedBarycenter", "10,000 x 20, 2 groups", ours, "none", None)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = versions("skunlearn", "numpy", "scikit-learn", "equipy", "aif360")
        rows = [predictions(), quantiles(), sliced()]
    report("feature_speed", rows, **found)
