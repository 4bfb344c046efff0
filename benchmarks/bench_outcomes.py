"""Repaired predictions: time of the maps, and what parity costs on Adult, COMPAS and Crime.

Everything is fitted on training rows only, and measured on 30 % of held-out rows, the mean of
three splits. AUC or mean squared error; parity gap = largest difference of the groups' mean
scores; discrimination = largest |1 - ratio| of these means; KS = of the groups' scores.
"""

import time
import warnings

import numpy as np
from _report import report, versions
from scipy.stats import ks_2samp
from sklearn.base import is_regressor
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import mean_squared_error, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skunlearn._transport._scores import ScoreBarycenter
from skunlearn.datasets import fetch_adult, fetch_communities_crime, fetch_compas
from skunlearn.feature_unlearning import OutputUnlearner, PairUnlearner

SPLITS = range(3)


def speed():
    """CPU seconds for 50,000 scores in five groups, the fastest of five."""
    rng = np.random.default_rng(0)
    codes = rng.choice(5, 50_000, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    scores, ties = rng.normal(size=50_000) * (1 + codes) + codes, rng.random(50_000)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        law = ScoreBarycenter.fit(scores, codes, 5)
        middle = time.process_time()
        law.move(scores, codes, ties)
        seconds.append((middle - start, time.process_time() - middle))
    fit, move = np.min(seconds, axis=0).tolist()
    yield {"scores": 50_000, "groups": 5, "fit s": fit, "move s": move}


def parity(scores, z):
    """Gap, discrimination and KS of scores between two groups."""
    one, two = scores[z], scores[~z]
    means = np.array([one.mean(), two.mean()])
    ratio = np.abs(1 - means[0] / means[1]), np.abs(1 - means[1] / means[0])
    return {
        "gap": float(np.ptp(means)),
        "discrimination": float(max(ratio)),
        "KS": float(ks_2samp(one, two).statistic),
    }


def ways(estimator, rows, y, new, z):
    """Yield (name, scores of new rows): the estimator, then both wrappers at some strengths."""
    yield "estimator", scores_of(estimator.fit(rows, y), new)
    train, test = z
    pair = PairUnlearner(estimator, random_state=0).fit(rows, y, sensitive_features=train)
    yield "PairUnlearner", scores_of(pair, new, sensitive_features=test)
    output = OutputUnlearner(estimator, cv=3, random_state=0)
    output.fit(rows, y, sensitive_features=train)
    for t in (0.9, 0.95, 1.0):
        output.set_params(strength=t)
        yield f"OutputUnlearner, t={t}", scores_of(output, new, sensitive_features=test)


def scores_of(model, X, **options):
    """Probabilities of the second class, or predictions."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X, **options)[:, 1]
    return model.predict(X, **options)


def measure(estimator, X, y, z):
    """Yield (name of the way, measures averaged over splits)."""
    found = {}
    for seed in SPLITS:
        train, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed)
        scaler = StandardScaler().fit(X[train])
        rows, new = scaler.transform(X[train]), scaler.transform(X[test])
        for name, scores in ways(estimator, rows, y[train], new, (z[train], z[test])):
            quality = mean_squared_error if is_regressor(estimator) else roc_auc_score
            measures = {"AUC or MSE": float(quality(y[test], scores)), **parity(scores, z[test])}
            found.setdefault(name, []).append(measures)
    for name, runs in found.items():
        yield name, {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}


def indicators(frame):
    """Numbers as they are, levels as indicators."""
    parts = [frame.select_dtypes("number").to_numpy(float)]
    for name in frame.columns.difference(frame.select_dtypes("number").columns):
        values = np.asarray(frame[name].astype(object).fillna("missing"), dtype=str)
        parts.append((values[:, None] == np.unique(values)).astype(float))
    return np.hstack(parts)


def tables():
    """Yield (name, estimators, X, y, z)."""
    logistic, forest = (
        LogisticRegression(max_iter=2000),
        RandomForestClassifier(50, min_samples_leaf=5, random_state=0),
    )
    crime = fetch_communities_crime(download_if_missing=False)
    z = crime.data["racepctblack"].to_numpy() > 0.3
    X = crime.data.dropna(axis=1).drop(columns="racepctblack").to_numpy()
    yield "Crime", [LinearRegression()], X, crime.target.to_numpy(), z
    compas = fetch_compas(download_if_missing=False)
    rows = compas.data["race"].isin(["African-American", "Caucasian"]).to_numpy()
    X, z = compas.data[rows], (compas.data[rows]["race"] == "Caucasian").to_numpy()
    y = compas.target[rows].to_numpy()
    yield "COMPAS", [logistic, forest], indicators(X.drop(columns="race")), y, z
    adult = fetch_adult(subset="all", download_if_missing=False)
    X, z = adult.data, (adult.data["sex"] == "Male").to_numpy()
    X = indicators(X.drop(columns=["sex", "fnlwgt", "education"]))
    boosting = HistGradientBoostingClassifier(max_iter=60, random_state=0)
    yield "Adult", [logistic, boosting], X, (adult.target == ">50K").to_numpy(int), z


def main():
    """Measure and print."""
    found = versions("skunlearn", "numpy", "scikit-learn")
    report("outcomes_speed", list(speed()), **found)
    rows = []
    warnings.filterwarnings("ignore", "[0-9]+ of the columns that")
    for data, estimators, X, y, z in tables():
        for estimator in estimators:
            for name, measures in measure(estimator, X, y, z):
                kind = type(estimator).__name__
                rows.append({"data": data, "estimator": kind, "way": name, **measures})
    report("outcomes", rows, **found)


if __name__ == "__main__":
    main()
