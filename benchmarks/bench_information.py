"""Utility and fairness gaps along gamma, beside fairlearn's reductions, on Adult (sex).

Maps and models on 12,000 rows of the training file, gaps and AUC on the test file, the leak of the
scores by probes fitted and scored on disjoint parts of the test file. Seconds of CPU time.
"""

import time
import warnings

import numpy as np
import pandas as pd
from _report import report, versions
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from skunlearn.datasets import fetch_adult
from skunlearn.feature_unlearning import InformationRegularizedLogisticRegression
from skunlearn.metrics import leakage_score

GAMMAS = [0.0, 0.3, 1.0, 3.0, 10.0, 100.0]
N_TRAIN = 12_000


def adult():
    """Return one-hot columns without sex, scaled, for (train, test), targets and sexes."""
    parts = [fetch_adult(subset=subset, return_X_y=True) for subset in ("train", "test")]
    X = [pd.get_dummies(X.drop(columns=["sex", "fnlwgt"]), dtype=float) for X, _ in parts]
    y = [np.asarray(y == ">50K").astype(int) for _, y in parts]
    z = [np.asarray(X["sex"].astype(str)) for X, _ in parts]
    rows = np.random.default_rng(0).permutation(len(y[0]))[:N_TRAIN]
    scaler = StandardScaler().fit(X[0].iloc[rows])
    train = scaler.transform(X[0].iloc[rows]), y[0][rows], z[0][rows]
    return train, (scaler.transform(X[1]), y[1], z[1])


def gap(values, z, y=None):
    """Largest difference of group means; with y the largest among the rows of a class."""
    strata = [np.ones(len(z), dtype=bool)] if y is None else [y == 0, y == 1]
    means = [[values[s & (z == g)].mean() for g in np.unique(z)] for s in strata]
    return float(np.ptp(means, axis=1).max())


def measure(name, gamma, seconds, scores, decisions, y, z):
    """One line of the table; scores and decisions may be expectations over a random choice."""
    probed = leakage_score(
        scores[:, None], z, probe=["linear", "boosting"], n_permutations=0, random_state=0
    )
    return {
        "model": name,
        "gamma": gamma,
        "AUC": float(roc_auc_score(y, scores)),
        "accuracy": float(np.mean(np.where(y == 1, decisions, 1 - decisions))),
        "gap, mean p": gap(scores, z),
        "gap, decisions": gap(decisions, z),
        "odds gap, mean p": gap(scores, z, y),
        "odds gap, decisions": gap(decisions, z, y),
        "Z from scores, linear": round(probed[0].score, 3),
        "Z from scores, boosting": round(probed[1].score, 3),
        "seconds": seconds,
    }


def ours(train, test):
    """Yield lines along gamma for both criteria, parity and odds."""
    X, y, z = train
    for criterion in ("information", "energy"):
        for given in (False, True):
            for gamma in GAMMAS if (criterion, given) == ("information", False) else GAMMAS[1:]:
                start = time.process_time()
                model = InformationRegularizedLogisticRegression(
                    gamma, criterion=criterion, conditional_on_target=given
                ).fit(X, y, sensitive_features=z)
                seconds = time.process_time() - start
                p = model.predict_proba(test[0])[:, 1]
                name = f"{criterion}{' given y' if given else ''}"
                yield measure(name, gamma, seconds, p, (p > 0.5) * 1.0, *test[1:])


def theirs(train, test):
    """Yield lines of ExponentiatedGradient around scikit-learn's logistic regression."""
    X, y, z = train
    for constraint in (DemographicParity, EqualizedOdds):
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ExponentiatedGradient(
                LogisticRegression(max_iter=1000), constraint(difference_bound=0.02), max_iter=20
            ).fit(X, y, sensitive_features=z)
        seconds = time.process_time() - start
        p = model._pmf_predict(test[0])[:, 1]  # the probability of its randomised decision
        name = f"fairlearn, {constraint.__name__}"
        yield measure(name, np.nan, seconds, p, p, *test[1:])


def main():
    """Measure and print."""
    train, test = adult()
    rows = [*ours(train, test), *theirs(train, test)]
    report("information", rows, **versions("skunlearn", "numpy", "scikit-learn", "fairlearn"))


if __name__ == "__main__":
    main()
