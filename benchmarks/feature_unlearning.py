"""Forgetting a feature: what is left of it and what it costs, every transformer here and elsewhere.

Three disjoint folds: maps are fitted on the first, probes and models of the target are learned on
the second and scored on the third. Leak: the strongest of four probes (linear, quadratic, boosted,
neighbours), AUC for groups (.5 is chance) or R2 for a continuous variable (0). Utility: AUC or R2
of a linear and of a boosted model of the target. "Z dropped" is the positive control.

The third fold of a real table is fixed: `adult.test`, and a random third of COMPAS, law school and
Communities and Crime (the first third of ``default_rng(20261126).permutation(n)``). No setting was
chosen by looking at these rows since they were set aside. The other two folds are halves of the
rest, drawn anew for each seed. Synthetic problems are three fresh draws a seed.

Results go to results/feature_unlearning_<data>.json, map by map, so that it can be run in parts.
Needs SKUNLEARN_DATA.

Usage: python feature_unlearning.py [--data adult ...] [--maps NAME ...] [--seeds 5] [--show]
"""

import argparse
import json
import time
import warnings

import numpy as np
import pandas as pd
from _report import RESULTS, report, versions
from bench_outcomes import parity, scores_of
from bench_transports import equal_moments, mixture
from bench_triangular import adult, compas, law
from feature_peers import MAPS, repaired_scores
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import mean_squared_error, roc_auc_score
from sklearn.model_selection import train_test_split

from skunlearn.datasets import fetch_adult, fetch_communities_crime
from skunlearn.metrics._inputs import encode
from skunlearn.metrics._probes import fit_and_predict

PROBES = ["linear", "quadratic", "boosting", "neighbors"]
ASIDE = 20261126  # draws the rows that are only scored
NEIGHBORS = 4000  # rows that the neighbours see, of each fold
FOLD = 8000  # rows of a fold of the synthetic problems


# -- data -----------------------------------------------------------------------------------------


def whole_adult():
    """Adult with its test file, which is scored."""
    X, z, y = adult()
    test = fetch_adult(as_frame=True, subset="test")
    new = test.data.copy()
    z_new = new.pop("sex").astype(str).to_numpy()
    y_new = np.asarray(test.target == ">50K").astype(int)
    rows = np.arange(len(X) + len(new)) >= len(X)
    X = pd.concat([X, new], ignore_index=True)
    return X, np.append(z, z_new), np.append(y, y_new), rows


def with_aside(load):
    """Set a third of the rows of a table aside."""

    def loaded():
        X, z, y = load()
        aside = np.zeros(len(X), dtype=bool)
        aside[np.random.default_rng(ASIDE).permutation(len(X))[: len(X) // 3]] = True
        return X, z, y, aside

    return loaded


def crime(continuous=False):
    """Communities and Crime: share of black inhabitants, and whether it is above .3."""
    data = fetch_communities_crime(as_frame=True)
    z = data.data["racepctblack"].to_numpy()
    X = data.data.dropna(axis=1).drop(columns="racepctblack")
    z = z if continuous else np.where(z > 0.3, "above", "below")
    return X, z, data.target.to_numpy()


TABLES = {
    "adult": whole_adult,
    "compas": with_aside(compas),
    "law school": with_aside(law),
    "crime": with_aside(crime),
    "crime, continuous": with_aside(lambda: crime(continuous=True)),
}
DRAWN = {"mixture": (mixture, 6), "mixture, d=20": (mixture, 20), "moments": (equal_moments, 6)}


def thirds(name, seed):
    """Three folds: tables, sensitive values, targets (None where there is none)."""
    if name in DRAWN:
        make, d = DRAWN[name]
        folds = [make(FOLD, d, 3 * seed + i) for i in range(3)]
        return *zip(*folds, strict=True), None
    X, z, y, aside = TABLES[name]()
    z = z if z.dtype.kind == "f" else z.astype(str)
    rest = np.flatnonzero(~aside)
    strata = z[rest] if z.dtype.kind != "f" else None
    halves = train_test_split(rest, test_size=0.5, random_state=seed, stratify=strata)
    folds = [*halves, np.flatnonzero(aside)]
    return (
        [X.iloc[rows].reset_index(drop=True) for rows in folds],
        [z[rows] for rows in folds],
        [y[rows] for rows in folds],
    )


# -- measures -------------------------------------------------------------------------------------


def predicted(probe, parts, one, two):
    """AUC or R2 of a probe learned on one part and scored on the other."""
    codes, metric = encode(np.concatenate([one, two]), "auto", "macro")
    if probe == "neighbors":
        parts, one = [part[:NEIGHBORS] for part in parts], one[:NEIGHBORS]
        codes = np.append(codes[: len(one)], codes[-len(two) :][:NEIGHBORS])
    split = len(one)
    scores = fit_and_predict(probe, parts, codes[:split], metric, 0)
    return float(metric.value(codes[split:], metric.prepare(scores)))


def measure(map_, name, seed):
    """One row of the table, for one seed."""
    X, z, y = thirds(name, seed)
    clock = time.process_time()
    model = map_.fit(X[0], z[0], seed, y=None if y is None else y[0])
    middle = time.process_time()
    parts = [model(table, groups) for table, groups in zip(X[1:], z[1:], strict=True)]
    found = {"fit s": middle - clock, "transform s": time.process_time() - middle}
    for probe in PROBES:
        found[probe] = predicted(probe, parts, z[1], z[2])
    found["leak"] = max(found[probe] for probe in PROBES)
    if y is not None:
        for probe in ("linear", "boosting"):
            found[f"target, {probe}"] = predicted(probe, parts, y[1], y[2])
    return found


def measure_predictions(data, seed):
    """Yield (way, measures): the outcome wrapper beside equipy, 30 % of the rows held out."""
    if data == "adult":
        X, z, y, _ = whole_adult()
        X, estimator = X.drop(columns="fnlwgt"), HistGradientBoostingClassifier(random_state=0)
    elif data == "law school":
        (X, z, y), estimator = law(), LogisticRegression(max_iter=2000)
    else:
        (X, z, y), estimator = crime(), LinearRegression()
    z = z == np.unique(z)[0]
    rows = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed)
    for way, seconds, scores in repaired_scores(X, y, z, rows, estimator, scores_of):
        test = rows[1]
        quality = mean_squared_error if data == "crime" else roc_auc_score
        measures = {"AUC or MSE": float(quality(y[test], scores)), **parity(scores, z[test])}
        yield way, {**measures, "seconds": seconds}


# -- tables ---------------------------------------------------------------------------------------


def summary(data, name, runs):
    """Means and standard deviations over the seeds."""
    row = {"data": data, "map": name, "seeds": len(runs)}
    for key in runs[0]:
        values = [run[key] for run in runs]
        row[key] = float(np.mean(values))
        if key in ("leak", "AUC or MSE", "gap", "KS") or key.startswith("target"):
            row[f"{key} sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return row


def merged(name, rows):
    """Write rows beside those that are there already."""
    path = RESULTS / f"{name}.json"
    old = json.loads(path.read_text())["rows"] if path.exists() else []
    new = {row["map"]: row for row in [*old, *rows]}
    with warnings.catch_warnings():
        peers = versions("skunlearn", "numpy", "scikit-learn", "fairlearn", "concept-erasure",
                         "equipy", "aif360")  # fmt: skip
    places = {map_.name: i for i, map_ in enumerate(MAPS)}
    report(name, sorted(new.values(), key=lambda row: places.get(row["map"], 0)), **peers)


def file_name(data):
    return "feature_unlearning_" + data.replace(",", "").replace(" ", "_").replace("=", "")


def show(data):
    """Print what is there as a Markdown table."""
    for name in data:
        path = RESULTS / f"{file_name(name)}.json"
        if not path.exists():
            continue
        print(f"\n{name}\n\n| map | leak | strongest | linear | boosted | fit s | transform s |")
        print("|---|---|---|---|---|---|---|")
        for row in json.loads(path.read_text())["rows"]:
            if "leak" not in row:
                print(row)
                continue
            strongest = max(PROBES, key=row.get)
            targets = [
                f"{row[f'target, {p}']:.3f} ± {row[f'target, {p} sd']:.3f}"
                if f"target, {p}" in row else "–"
                for p in ("linear", "boosting")
            ]  # fmt: skip
            print(
                f"| {row['map']} | {row['leak']:.3f} ± {row['leak sd']:.3f} | {strongest} | "
                f"{targets[0]} | {targets[1]} | {row['fit s']:.2f} | {row['transform s']:.2f} |"
            )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*TABLES, *DRAWN, "predictions"]
    parser.add_argument("--data", nargs="*", default=everything, choices=everything)
    parser.add_argument("--maps", nargs="*", default=None, choices=[m.name for m in MAPS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of atoms, rank and convergence: the table shows what they do
    for data in arguments.data:
        if arguments.show:
            show([data])
            continue
        if data == "predictions":
            for table in ("crime", "law school", "adult"):
                runs = {}
                for seed in range(arguments.seeds):
                    for way, found in measure_predictions(table, seed):
                        runs.setdefault(way, []).append(found)
                rows = [summary(table, f"{table}: {way}", found) for way, found in runs.items()]
                merged(file_name(data), rows)
            continue
        for map_ in MAPS:
            if arguments.maps is None and not map_.suits(data):
                continue
            if arguments.maps is not None and map_.name not in arguments.maps:
                continue
            runs = [measure(map_, data, seed) for seed in range(arguments.seeds)]
            merged(file_name(data), [summary(data, map_.name, runs)])


if __name__ == "__main__":
    main()
