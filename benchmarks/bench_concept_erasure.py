"""LEACE here and in concept-erasure: time, agreement, and what probes read afterwards.

Times are CPU seconds of 70,000 x 256 numbers in ten classes, ours and theirs in turn, the fastest
of eight. Leaks are AUC
(R² where the sensitive variable is a number) on fresh rows: map, probe and score on three disjoint
folds. Adult and COMPAS where SKUNLEARN_DATA holds them.
"""

import time
import warnings

import numpy as np
import torch
from _report import report, versions
from concept_erasure import LeaceEraser
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skunlearn.datasets import fetch_adult, fetch_compas
from skunlearn.feature_unlearning import LinearConceptEraser
from skunlearn.metrics import leakage_score

PROBES = ["linear", "quadratic", "boosting"]


def seconds_of(functions, repeats=8):
    """CPU times of the fastest of some calls each, in turn: neighbours count for all alike."""
    found = np.full((repeats, len(functions)), np.inf)
    for times in found:
        for i, function in enumerate(functions):
            start = time.process_time()
            function()
            times[i] = time.process_time() - start
    return found.min(axis=0).tolist()


def speed():
    """Fit and transform, ours and theirs, and how far the results are apart."""
    rng = np.random.default_rng(0)
    z = rng.integers(0, 10, 70_000)
    X = rng.normal(size=(70_000, 256)) + rng.normal(size=(10, 256))[z] / 4
    rows, one_hot = torch.as_tensor(X), torch.nn.functional.one_hot(torch.as_tensor(z)).double()
    options = {"shrinkage": False, "svd_tol": 1e-9, "constrain_cov_trace": False}
    ours = LinearConceptEraser().fit(X, sensitive_features=z)
    theirs = LeaceEraser.fit(rows, one_hot, **options)
    gap = np.abs(ours.transform(X) - theirs(rows).numpy()).max() / X.std()
    fits = {
        "LinearConceptEraser": lambda: LinearConceptEraser().fit(X, sensitive_features=z),
        "LinearConceptEraser(track_rows=False)": lambda: LinearConceptEraser(track_rows=False).fit(
            X, sensitive_features=z
        ),
        "concept-erasure": lambda: LeaceEraser.fit(rows, one_hot, **options),
    }
    fitting = seconds_of(list(fits.values()))
    moving = seconds_of([lambda: ours.transform(X), lambda: theirs(rows)])
    for name, fit, move in zip(fits, fitting, [moving[0], *moving], strict=True):
        yield {
            "what": name,
            "fit s": fit,
            "transform s": move,
            "largest difference": float(gap),
        }
    forget = X[:100], z[:100]
    start = time.process_time()
    ours.unlearn(forget[0], sensitive_features=forget[1])
    yield {
        "what": "unlearn 100 rows",
        "fit s": time.process_time() - start,
        "transform s": 0.0,
        "largest difference": 0.0,
    }


def tables():
    """Yield (name, X, z)."""
    rng = np.random.default_rng(0)
    z = np.arange(18_000) % 2
    yield "equal means, unequal scales", rng.normal(size=(18_000, 6)) * (1 + z[:, None]), z
    X, z = load_breast_cancer(return_X_y=True)
    yield "breast cancer, diagnosis", X, z
    try:
        adult = fetch_adult(download_if_missing=False).data.iloc[:18_000]
        compas = fetch_compas(download_if_missing=False).data
    except FileNotFoundError as error:
        warnings.warn(f"skipped: {error}", stacklevel=1)
        return
    z = (adult["sex"] == "Male").to_numpy()
    yield "Adult, sex", indicators(adult.drop(columns="sex")), z
    yield "Adult, levels of 1 %", indicators(adult.drop(columns="sex"), least=0.01), z
    z = (compas["race"] == "Caucasian").to_numpy()
    yield "COMPAS, race", indicators(compas.drop(columns="race")), z


def indicators(frame, least=0.0):
    """Numbers as they are, levels as indicators, those of a share below `least` left out."""
    numbers = frame.select_dtypes("number").to_numpy(float)
    parts = [numbers]
    for name in frame.columns.difference(frame.select_dtypes("number").columns):
        values = np.asarray(frame[name].astype(object).fillna("missing"), dtype=str)
        found = (values[:, None] == np.unique(values)).astype(float)
        parts.append(found[:, found.mean(axis=0) >= least])
    return np.hstack(parts)


def leaks():
    """Measure what probes read before and after."""
    for name, X, z in tables():
        for what, transformer, needs in (
            ("raw", FunctionTransformer(), False),
            ("LEACE", LinearConceptEraser(), "fit"),
        ):
            found = leakage_score(
                X,
                z,
                transformer=transformer,
                pass_sensitive=needs,
                probe=PROBES,
                n_permutations=0,
                random_state=0,
            )
            scores = {result.probe: round(result.score, 3) for result in found}
            yield {"data": name, "rows": len(X), "map": what, **scores}


def price():
    """Measure what a linear model of the target loses: a direction goes as a whole."""
    try:
        compas = fetch_compas(download_if_missing=False)
        adult = fetch_adult(download_if_missing=False)
    except FileNotFoundError:
        return
    for name, data, column, one, y in (
        ("COMPAS, race", compas.data, "race", "Caucasian", compas.target == 1),
        ("Adult, sex", adult.data, "sex", "Male", adult.target == ">50K"),
    ):
        z, y = (data[column] == one).to_numpy(), np.asarray(y)
        X = StandardScaler().fit_transform(indicators(data.drop(columns=column)))
        train, test = train_test_split(np.arange(len(y)), random_state=0)
        eraser = LinearConceptEraser().fit(X[train], sensitive_features=z[train])
        for what, table in (("raw", X), ("LEACE", eraser.transform(X))):
            model = LogisticRegression(max_iter=3000).fit(table[train], y[train])
            scores = model.predict_proba(table[test])[:, 1]
            gap = scores[z[test]].mean() - scores[~z[test]].mean()
            row = {"data": name, "map": what, "AUC of y": roc_auc_score(y[test], scores)}
            yield row | {"parity gap": abs(gap)}


def main():
    """Measure and print."""
    found = versions("skunlearn", "numpy", "scikit-learn", "concept-erasure", "torch")
    report("concept_erasure_speed", list(speed()), **found)
    report("concept_erasure_leaks", list(leaks()), **found)
    rows = list(price())
    if rows:
        report("concept_erasure_price", rows, **found)


if __name__ == "__main__":
    main()
