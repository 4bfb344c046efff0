"""Logistic regression: forgetting against a refit, the bound against the truth, certificates.

Run ``python benchmarks/bench_logistic.py [speed] [bound] [certified] [--quick]``; all three if none
is named. Adult is used where SKUNLEARN_DATA is set. Each part leaves a JSON file in ``results``.
"""

import argparse
import copy
import os
import time
import warnings

import numpy as np
import sklearn.linear_model
from _report import report, versions
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize, scale

from skunlearn.datasets import fetch_adult
from skunlearn.linear_model import LogisticRegression
from skunlearn.linear_model._certified import FIT_SHARE, gaussian_scale

VERSIONS = ("skunlearn", "numpy", "scipy", "scikit-learn")
DELTA = 1e-4


# -- speed -------------------------------------------------------------------------------------


def rows_of(design, n, d=50, seed=0):
    """Rows with independent columns of one scale, or with correlated ones of several scales."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    logits = X @ rng.normal(size=d) * 2 / np.sqrt(d) - 0.5
    y = (rng.random(n) < 1 / (1 + np.exp(-logits))).astype(int)
    if design == "correlated":
        X = (X + X[:, :1]) * np.geomspace(0.1, 10, d)
    return X, y


def measure_speed(n, n_forget=100, n_requests=20):
    """Time requests of some rows against scikit-learn's default refit."""
    out = []
    for design in ("independent", "correlated"):
        X, y = rows_of(design, n)
        start = time.perf_counter()
        model = LogisticRegression().fit(X, y)
        fit_seconds = time.perf_counter() - start
        first = copy.deepcopy(model).unlearn(X[:n_forget], y[:n_forget])
        seconds = []
        for i in range(n_requests):
            part = slice(i * n_forget, (i + 1) * n_forget)
            start = time.perf_counter()
            model.unlearn(X[part], y[part])
            seconds.append(time.perf_counter() - start)
        kept = X[n_forget:], y[n_forget:]
        refit = sklearn.linear_model.LogisticRegression()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            start = time.perf_counter()
            refit.fit(*kept)
            refit_seconds = time.perf_counter() - start
        best = LogisticRegression(track_rows=False).fit(*kept)
        out.append(
            {
                "columns": design,
                "n": n,
                "fit_s": fit_seconds,
                "unlearn_ms": 1e3 * float(np.median(seconds)),
                "refit_s": refit_seconds,
                "times_faster": refit_seconds / float(np.median(seconds)),
                "off_unlearned": float(np.linalg.norm(first.coef_ - best.coef_)),
                "off_refit": float(np.linalg.norm(refit.coef_ - best.coef_)),
                "bound_100": first.residual_bound_,
            }
        )
    report("logistic_speed", out, n_forget=n_forget, **versions(*VERSIONS))


# -- the bound ---------------------------------------------------------------------------------


def gradient_norm(model, X, y):
    """Norm of the gradient of the objective at the model, in extended precision."""
    theta = np.column_stack([model.coef_, model.intercept_]).T.astype(np.longdouble)
    x = np.column_stack([X, np.ones(len(y))]).astype(np.longdouble)
    codes = np.searchsorted(model.classes_, y)
    eta = x @ theta
    if theta.shape[1] == 1:
        r = 1 / (1 + np.exp(-eta)) - codes[:, None]
    else:
        r = np.exp(eta - eta.max(axis=1, keepdims=True))
        r /= r.sum(axis=1, keepdims=True)
        r[np.arange(len(y)), codes] -= 1
    theta[-1], penalised = 0.0, theta
    return float(np.sqrt(np.sum((model.C * (x.T @ r) + penalised) ** 2)))


def orders(model, X, y):
    """Orders in which rows are forgotten: one at random, the others aimed."""
    own = model.predict_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return {
        "random": np.random.default_rng(0).permutation(len(y)),
        "one class first": np.argsort(y, kind="stable"),
        "confident first": np.argsort(-own),
        "confident of one class first": np.lexsort((-own, y)),
        "mistaken first": np.argsort(own),
        "longest first": np.argsort(-np.linalg.norm(X, axis=1)),
    }


def bound_tables(quick):
    """Yield (name, X, y, C, removals, how often to look)."""
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast cancer", scale(X), y, 1.0, 200, 1
    yield "breast cancer, not scaled", X, y, 1.0, 200, 1
    X, y = load_wine(return_X_y=True)
    yield "wine", scale(X), y, 10.0, 45, 1
    X, y = load_digits(return_X_y=True)
    yield "digits", X / 16, y, 1.0, 170, 10
    X, y = rows_of("independent", 2000, d=5)
    X[::20] *= 100 / np.linalg.norm(X[::20], axis=1, keepdims=True)
    yield "synthetic, norms up to 100", X, y, 1.0, 100 if quick else 500, 1


def measure_bound(quick):
    """Smallest and median ratio of the bound to the true gradient norm, one row at a time."""
    out = []
    for name, X, y, C, n_gone, every in bound_tables(quick):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = LogisticRegression(C=C).fit(X, y)
        for order, rows in orders(fitted, X, y).items():
            model, ratios = copy.deepcopy(fitted), {"one by one": [], "at once": []}
            for i in range(n_gone):
                model.unlearn(X[rows[[i]]], y[rows[[i]]])
                if (i + 1) % every == 0:
                    kept = np.sort(rows[i + 1 :])
                    true = gradient_norm(model, X[kept], y[kept])
                    ratios["one by one"].append(model.residual_bound_ / true)
                if (i + 1) % (10 * every) == 0:
                    gone = rows[: i + 1]
                    batch = copy.deepcopy(fitted).unlearn(X[gone], y[gone])
                    assert np.array_equal(batch.coef_, model.coef_), "the split matters"
                    ratios["at once"].append(batch.residual_bound_ / true)
            for how, found in ratios.items():
                out.append(
                    {
                        "data": name,
                        "order": order,
                        "how": how,
                        "checks": len(found),
                        "least": float(min(found)),
                        "median": float(np.median(found)),
                        "below": int(np.sum(np.array(found) < 1)),
                    }
                )
    aimed = [row["checks"] for row in out if row["order"] != "random"]
    at_random = [row["checks"] for row in out if row["order"] == "random"]
    report(
        "logistic_bound",
        out,
        checks_random=sum(at_random),
        checks_targeted=sum(aimed),
        bound_below_truth=sum(row["below"] for row in out),
        **versions(*VERSIONS),
    )


# -- certified removal -------------------------------------------------------------------------


def adult():
    """Rows of norm 1, by declared constants only: nothing is learned from the rows."""
    import pandas as pd

    found = fetch_adult(as_frame=True)
    table = found.data.copy()
    limits = {
        "age": 100,
        "fnlwgt": 1.5e6,
        "education-num": 16,
        "capital-gain": 1e5,
        "capital-loss": 5e3,
        "hours-per-week": 100,
    }
    for name, limit in limits.items():
        table[name] = np.clip(table[name] / limit, 0, 1)
    X = pd.get_dummies(table, dtype=float).to_numpy()
    return normalize(X), np.asarray(found.target).astype(str), 30_000


def digits():
    """Rows of norm 1."""
    X, y = load_digits(return_X_y=True)
    return normalize(X), y, 1400


def noisy_accuracy(W, sigma, X, y, classes, n_draws=30):
    """Mean and standard deviation of the accuracy of parameters with Gaussian noise."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n_draws):
        noisy = W + rng.normal(scale=sigma, size=W.shape)
        logits = X @ noisy[:-1] + noisy[-1]
        codes = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
        found.append(np.mean(classes[codes.astype(int)] == y))
    return float(np.mean(found)), float(np.std(found))


def needed_budgets(model, X, y, counts):
    """Yield the removal budget that random removals need, and the parameters after them."""
    rows = np.random.default_rng(1).permutation(len(y))
    for count in counts:
        gone = rows[:count]
        after = copy.deepcopy(model).unlearn(X[gone], y[gone])
        W = after._solution(after._learned, after._info)[1]
        yield count, after.residual_bound_ / (1 - FIT_SHARE), W


def measure_certified(quick):
    """Accuracy by number of random removals and epsilon, beside private training."""
    out = []
    tables = [("digits", digits, 1.0)]
    if os.environ.get("SKUNLEARN_DATA"):
        tables.insert(0, ("adult", adult, 1.0))
    for name, loader, C in tables:
        X, y, n_train = loader()
        train, test = slice(n_train), slice(n_train, None)
        plain = LogisticRegression(C=C, track_rows=False).fit(X[train], y[train])
        accuracy = float(plain.score(X[test], y[test]))
        model = LogisticRegression(
            C=C,
            epsilon=1.0,
            delta=DELTA,
            max_row_norm=1.0,
            removal_budget=1e-3,
            on_budget_spent="approximate",
        ).fit(X[train], y[train])
        counts = [c for c in (1, 3, 10, 30, 100, 300, 1000, 3000) if c < n_train / 4]
        for count, budget, W in needed_budgets(
            model, X[train], y[train], counts[: 4 if quick else 8]
        ):
            for epsilon in (0.1, 1.0, 10.0):
                sigma = gaussian_scale(epsilon, DELTA, budget)
                mean, spread = noisy_accuracy(W, sigma, X[test], y[test], model.classes_)
                # one row moves the optimum by C |x̃| <= C sqrt(2), a group by as many times that
                # (sqrt(2) more for several classes, whose residuals p - y are that long)
                longest = np.sqrt(2.0) if W.shape[1] == 1 else 2.0
                private = gaussian_scale(epsilon, DELTA, count * C * longest)
                other, _ = noisy_accuracy(W, private, X[test], y[test], model.classes_)
                out.append(
                    {
                        "data": name,
                        "removals": count,
                        "epsilon": epsilon,
                        "budget": budget,
                        "plain": accuracy,
                        "certified": mean,
                        "spread": spread,
                        "private": other,
                        "objective": objective_accuracy(
                            X, y, train, test, C, count, epsilon, quick
                        ),
                    }
                )
    report("logistic_certified", out, delta=DELTA, **versions(*VERSIONS))


def objective_accuracy(X, y, train, test, C, count, epsilon, quick):
    """Accuracy by objective perturbation with the least budget that covers as many removals.

    The need depends on the noise, through the reference: a budget is tried, then raised to it.
    """
    if epsilon != 1.0 or quick or count not in (1, 10, 100, 1000):
        return None
    rows = np.random.default_rng(1).permutation(len(y[train]))[:count]
    budget, found = 1e-3, []
    for seed in range(3):
        model = LogisticRegression(
            C=C,
            epsilon=epsilon,
            delta=DELTA,
            max_row_norm=1.0,
            mechanism="objective",
            on_budget_spent="approximate",
            removal_budget=budget,
            random_state=seed,
        ).fit(X[train], y[train])
        model.unlearn(X[train][rows], y[train][rows])
        if model.guarantee_.kind == "certified" and seed:
            found.append(model.score(X[test], y[test]))
        budget = max(budget, 1.1 * model.residual_bound_ / (1 - FIT_SHARE))
    return float(np.mean(found)) if found else None


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=["speed", "bound", "certified", []])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    parts = options.parts or ["speed", "bound", "certified"]
    if "speed" in parts:
        measure_speed(50_000 if options.quick else 1_000_000)
    if "bound" in parts:
        measure_bound(options.quick)
    if "certified" in parts:
        measure_certified(options.quick)


if __name__ == "__main__":
    main()
