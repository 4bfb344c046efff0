"""What probes read of Z behind the triangular barycenter, and what it costs: three real tables.

Map, probe and scoring on three disjoint folds, which rotate; strongest of a linear and a boosting
probe. Utility: boosting for the target, learned on the second fold and scored on the third, beside
the same without Z. Then seconds for 30,000 rows of 14 columns. Needs SKUNLEARN_DATA.

Usage: python bench_triangular.py [data ...] [--seeds N] [--rows N] [--speed]
"""

import argparse
import time

import numpy as np
from _report import report, versions
from sklearn.model_selection import StratifiedKFold

from skunlearn.datasets import fetch_adult, fetch_compas, fetch_law_school
from skunlearn.feature_unlearning import TriangularBarycenter
from skunlearn.metrics import leakage_score

SETTINGS = {
    "linear": {},
    "linear, mixture": {"numeric": "mixture"},
    "linear, 6 bins": {"bins": 6},
    "linear, 4 bins": {"bins": 4},
    "linear, strength .8": {"strength": 0.8},
    "ensemble": {"conditional": "ensemble"},
    "counts, declared bins": {"conditional": "counts"},
}

# Edges of the bins of "counts", declared: from what the columns are, not from rows.
DECLARED = {
    "age": [0, 22, 26, 30, 35, 40, 46, 54, 120],
    "fnlwgt": [0, 100_000, 180_000, 250_000, 2_000_000],
    "education-num": [0, 7, 9, 10, 11, 13, 14, 17],
    "capital-gain": [0, 1, 3000, 5000, 7500, 15_000, 100_001],
    "capital-loss": [0, 1, 1600, 1850, 2000, 10_000],
    "hours-per-week": [0, 20, 35, 40, 41, 46, 51, 100],
    "juv_fel_count": [0, 1, 2, 100],
    "juv_misd_count": [0, 1, 2, 100],
    "juv_other_count": [0, 1, 2, 100],
    "priors_count": [0, 1, 2, 3, 5, 8, 13, 100],
    "decile1b": [0, 2, 4, 6, 8, 10, 11],
    "decile3": [0, 2, 4, 6, 8, 10, 11],
    "lsat": [0, 28, 32, 36, 39, 42, 50],
    "ugpa": [0, 2.6, 2.9, 3.2, 3.5, 3.8, 5],
    "zfygpa": [-5, -1, -0.4, 0.1, 0.6, 1.2, 5],
    "zgpa": [-8, -1, -0.4, 0.1, 0.6, 1.2, 6],
    "fulltime": [0, 1, 2, 3],
    "fam_inc": [0, 1, 2, 3, 4, 5, 6],
    "male": [0, 1, 2],
    "tier": [0, 1, 2, 3, 4, 5, 6, 7],
}


def adult():
    """Sex in Adult."""
    data = fetch_adult(as_frame=True)
    X = data.data.copy()
    return X, X.pop("sex").astype(str).to_numpy(), np.asarray(data.target == ">50K").astype(int)


def compas():
    """Race in COMPAS, two groups; a defendant's number is the key of the row."""
    data = fetch_compas(as_frame=True)
    X, z, y = data.data.copy(), None, np.asarray(data.target)
    z = X.pop("race").astype(str).to_numpy()
    two = np.isin(z, ["African-American", "Caucasian"])
    X = X[two].reset_index(drop=True)
    return X.assign(person=np.arange(len(X))), z[two], np.asarray(y[two] == y.max()).astype(int)


def law():
    """Race in law school."""
    data = fetch_law_school(as_frame=True)
    X = data.data.copy()
    y = np.asarray(data.target)
    return X, X.pop("race").astype(str).to_numpy(), np.asarray(y == y.max()).astype(int)


TABLES = {"adult": adult, "compas": compas, "law school": law}


def declared_edges(X):
    """Edges of the bins of each column of numbers, by name."""
    return {name: DECLARED[name] for name in X.select_dtypes("number")}


def utility(X, z, y, model, seed):
    """AUC for the target, averaged over three rotations."""
    folds = [f for _, f in StratifiedKFold(3, shuffle=True, random_state=seed).split(X, z)]
    scores = []
    for k in range(3):
        a, b, c = folds[k:] + folds[:k]
        parts = [X.iloc[b], X.iloc[c]]
        if model is not None:
            model.fit(X.iloc[a], sensitive_features=z[a])
            parts = [model.transform(X.iloc[rows], sensitive_features=z[rows]) for rows in (b, c)]
        scores.append(boosting_auc(*parts, y[b], y[c]))
    return float(np.mean(scores))


def boosting_auc(train, test, y_train, y_test):
    """AUC of gradient boosting for a binary target."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )
    levels = make_column_selector(dtype_exclude="number")
    model = make_pipeline(
        make_column_transformer((encoder, levels), remainder="passthrough"),
        HistGradientBoostingClassifier(random_state=0),
    )
    return roc_auc_score(y_test, model.fit(train, y_train).predict_proba(test)[:, 1])


def measure(name, n_seeds, n_rows):
    """Leak and utility of each setting on a table."""
    rows = []
    X, z, y = TABLES[name]()
    if n_rows and n_rows < len(X):
        some = np.random.default_rng(0).permutation(len(X))[:n_rows]
        X, z, y = X.iloc[some].reset_index(drop=True), z[some], y[some]
    keys = "person" if "person" in X else None
    plain = X.drop(columns=keys) if keys else X
    for setting, options in [("none", None), *SETTINGS.items()]:
        found = []
        for seed in range(n_seeds):
            model, start = None, time.process_time()
            if options is not None:
                counts = options.get("conditional") == "counts"
                edges = {"bins": declared_edges(plain)} if counts else {}
                model = TriangularBarycenter(
                    key_columns=keys, random_state=seed, **options, **edges
                )
            data = plain if model is None else X
            leak = leakage_score(
                data, z, transformer=model, pass_sensitive=True, n_permutations=0,
                probe=["linear", "boosting"], random_state=seed,
            )  # fmt: skip
            auc = utility(data, z, y, model, seed)
            seconds = time.process_time() - start
            found.append([*(r.score for r in leak), auc, seconds])
        linear, boosting, auc, seconds = np.mean(found, axis=0).tolist()
        spread = float(np.ptp([max(f[:2]) for f in found]))
        rows.append(
            {"data": name, "rows": len(X), "map": setting, "linear AUC": linear,
             "boosting AUC": boosting, "spread": spread, "target AUC": auc,
             "CPU s, all": seconds}
        )  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def speed():
    """Seconds at 30,000 rows of 14 columns."""
    data = fetch_adult(as_frame=True)
    X = data.data.iloc[:30_000].reset_index(drop=True)
    z = X["race"].astype(str).to_numpy() == "White"
    rows = []
    for setting, options in SETTINGS.items():
        edges = {"bins": declared_edges(X)} if options.get("conditional") == "counts" else {}
        model = TriangularBarycenter(random_state=0, **options, **edges)
        clocks = []
        for call in (model.fit, model.transform):
            start = time.perf_counter(), time.process_time()
            call(X, sensitive_features=z)
            clocks += [time.perf_counter() - start[0], time.process_time() - start[1]]
        names = ("fit, wall s", "fit, CPU s", "transform, wall s", "transform, CPU s")
        rows.append({"map": setting, **dict(zip(names, clocks, strict=True))})
        print(rows[-1], flush=True)
    return rows


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", default=list(TABLES), metavar="data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    peers = versions("skunlearn", "numpy", "scikit-learn")
    if arguments.speed:
        report("triangular_speed", speed(), **peers)
        return
    for name in arguments.data:
        rows = measure(name, arguments.seeds, arguments.rows)
        report(f"triangular_{name.replace(' ', '_')}", rows, **peers)


if __name__ == "__main__":
    main()
