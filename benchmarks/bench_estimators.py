"""What forgetting 100 rows costs, beside scikit-learn's refit on the rows that remain.

Every estimator of the table in the user guide, in one run; mixed tables on Adult where
SKUNLEARN_DATA names a folder that has it.
"""

import argparse
import time
import warnings

import numpy as np
from _report import report, versions
from sklearn import (
    compose,
    decomposition,
    discriminant_analysis,
    feature_selection,
    impute,
    linear_model,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
)

import skunlearn.compose
import skunlearn.decomposition
import skunlearn.discriminant_analysis
import skunlearn.feature_selection
import skunlearn.impute
import skunlearn.linear_model
import skunlearn.naive_bayes
import skunlearn.neighbors
import skunlearn.pipeline
import skunlearn.preprocessing

N_FORGET, REQUESTS = 100, 7

PAIRS = [
    ("preprocessing.StandardScaler", skunlearn.preprocessing, preprocessing, "numbers"),
    ("linear_model.LinearRegression", skunlearn.linear_model, linear_model, "numbers"),
    ("linear_model.Ridge", skunlearn.linear_model, linear_model, "numbers"),
    ("linear_model.RidgeClassifier", skunlearn.linear_model, linear_model, "classes"),
    ("linear_model.LogisticRegression", skunlearn.linear_model, linear_model, "classes"),
    ("decomposition.PCA", skunlearn.decomposition, decomposition, "numbers"),
    (
        "discriminant_analysis.LinearDiscriminantAnalysis",
        skunlearn.discriminant_analysis,
        discriminant_analysis,
        "classes",
    ),
    (
        "discriminant_analysis.QuadraticDiscriminantAnalysis",
        skunlearn.discriminant_analysis,
        discriminant_analysis,
        "classes",
    ),
    ("naive_bayes.GaussianNB", skunlearn.naive_bayes, naive_bayes, "classes"),
    ("naive_bayes.MultinomialNB", skunlearn.naive_bayes, naive_bayes, "counts"),
    ("naive_bayes.ComplementNB", skunlearn.naive_bayes, naive_bayes, "counts"),
    ("naive_bayes.BernoulliNB", skunlearn.naive_bayes, naive_bayes, "counts"),
    ("naive_bayes.CategoricalNB", skunlearn.naive_bayes, naive_bayes, "counts"),
    ("neighbors.NearestCentroid", skunlearn.neighbors, neighbors, "classes"),
    (
        "feature_selection.SelectKBest",
        skunlearn.feature_selection,
        feature_selection,
        "classes",
    ),
]


def draw(kind, n, d):
    """Rows and targets; columns of several scales and correlations."""
    rng = np.random.default_rng(0)
    if kind == "counts":
        X = rng.integers(0, 8, size=(n, d))
        return X, (X[:, 0] + X[:, 1] + rng.normal(size=n) > 7).astype(int)
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.1 * rng.normal(size=(d, d)))
    score = X @ rng.normal(size=d) / np.sqrt(d) + rng.normal(size=n)
    return X, score if kind == "numbers" else (score > 0).astype(int)


def measure(name, ours, theirs, X, y):
    """Seconds of fits and of requests, for one estimator and its twin."""
    take = (lambda a, rows: a.iloc[rows]) if hasattr(X, "iloc") else (lambda a, rows: a[rows])
    start = time.perf_counter()
    ours.fit(X, y)
    fit = time.perf_counter() - start
    seconds = []
    for i in range(REQUESTS):
        rows = slice(i * N_FORGET, (i + 1) * N_FORGET)
        start = time.perf_counter()
        ours.unlearn(take(X, rows), y[rows])
        seconds.append(time.perf_counter() - start)
    rest = slice(REQUESTS * N_FORGET, None)
    refits = []
    for _ in range(3):
        start = time.perf_counter()
        theirs.fit(take(X, rest), y[rest])
        refits.append(time.perf_counter() - start)
    median, refit = float(np.median(seconds)), min(refits)
    return {
        "estimator": name,
        "rows": len(X),
        "columns": X.shape[1],
        "unlearn ms": 1e3 * median,
        "scikit-learn refit ms": 1e3 * refit,
        "times faster": refit / median,
        "fit / scikit-learn's": fit / refit,
        "predictions apart": apart(ours, theirs, take(X, slice(-1000, None))),
    }


def apart(ours, theirs, X):
    """Largest difference of what the two say of some rows."""
    for method in ("decision_function", "predict_proba", "predict", "transform"):
        if hasattr(ours, method):
            one, other = getattr(ours, method)(X), getattr(theirs, method)(X)
            if method == "transform" and not hasattr(ours, "components_"):
                return float(np.abs(np.asarray(one) - np.asarray(other)).max())
            return float(np.abs(np.abs(one) - np.abs(other)).max())
    return float("nan")


def everyday(room, last):
    """Pipeline for a mixed table; `room` gives the classes."""
    from sklearn.compose import make_column_selector

    numeric = room["pipeline"].make_pipeline(
        room["impute"].SimpleImputer(), room["preprocessing"].StandardScaler()
    )
    encoder = room["preprocessing"].OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = room["compose"].ColumnTransformer(
        [
            ("numbers", numeric, make_column_selector(dtype_include="number")),
            ("levels", encoder, make_column_selector(dtype_exclude="number")),
        ]
    )
    return room["pipeline"].make_pipeline(columns, last)


def on_adult():
    """Mixed table with blanks: the census, raw columns."""
    from skunlearn.datasets import fetch_adult

    data = fetch_adult()
    X, y = data.data.copy(), np.asarray(data.target)
    rng = np.random.default_rng(0)
    for name in X.select_dtypes("number").columns[:3]:
        X[name] = X[name].astype(float).mask(rng.random(len(X)) < 0.05)
    ours = {
        name: getattr(skunlearn, name)
        for name in ("pipeline", "impute", "preprocessing", "compose")
    }
    theirs = {
        "pipeline": pipeline,
        "impute": impute,
        "preprocessing": preprocessing,
        "compose": compose,
    }
    lasts = [
        (skunlearn.linear_model.RidgeClassifier(), linear_model.RidgeClassifier(solver="cholesky")),
        (
            skunlearn.discriminant_analysis.LinearDiscriminantAnalysis(),
            discriminant_analysis.LinearDiscriminantAnalysis(),
        ),
        (
            skunlearn.linear_model.LogisticRegression(),
            linear_model.LogisticRegression(max_iter=1000),
        ),
    ]
    for one, other in lasts:
        name = f"impute, scale, encode, {type(one).__name__} (Adult)"
        yield measure(name, everyday(ours, one), everyday(theirs, other), X, y)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=50)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name, ours, theirs, kind in PAIRS:
        X, y = draw(kind, args.rows, args.columns)
        twin = name.split(".")[1]
        rows.append(measure(name, getattr(ours, twin)(), getattr(theirs, twin)(), X, y))
    try:
        rows += on_adult()
    except (FileNotFoundError, OSError, ValueError) as error:
        print(f"Adult is left out: {error}")
    report("estimators", rows, **versions("scikit-learn", "numpy"), forgotten=N_FORGET)


if __name__ == "__main__":
    main()
