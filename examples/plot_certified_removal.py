"""
Certified removal: what forgetting costs in accuracy
====================================================

A logistic regression forgets rows by one Newton step, a bound says how far from the optimum that
leaves it, and Gaussian noise hides the distance. The more rows it is to forget before a refit, the
more noise it needs. How much accuracy is that?

The figure shows the handwritten digits. With ``--results
benchmarks/results/logistic_certified.json`` it shows what ``benchmarks/bench_logistic.py`` has
measured, on the Adult census data too.
"""

# %%
# The model without noise
# -----------------------
# Rows are scaled to norm 1, each by itself: a scaler that is fitted would know the other rows.

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter
from sklearn.datasets import load_digits
from sklearn.preprocessing import normalize

from skunlearn.exceptions import BudgetSpentError
from skunlearn.linear_model import LogisticRegression

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--results", type=Path, help="JSON file of benchmarks/bench_logistic.py")
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

X, y = load_digits(return_X_y=True)
X = normalize(X)
X_train, X_test, y_train, y_test = X[:1400], X[1400:], y[:1400], y[1400:]
plain = LogisticRegression().fit(X_train, y_train)
print(f"accuracy without noise: {plain.score(X_test, y_test):.3f}")

# %%
# How many rows a budget covers
# -----------------------------
# `removal_budget` is how far from the optimum the model may be for the noise to cover it. It fixes
# the noise before any row is seen. Random rows are forgotten one by one until it is spent; the
# accuracy is that of ten first releases, each with its own noise.

EPSILON, DELTA = 1.0, 1e-4
BUDGETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def certified(budget):
    """A certified model of the digits."""
    return LogisticRegression(
        epsilon=EPSILON, delta=DELTA, max_row_norm=1.0, removal_budget=budget, track_rows=False
    )


def rows_covered(budget):
    """Forget rows until the budget is spent; return how many it covered."""
    model = certified(budget).fit(X_train, y_train)
    for count, row in enumerate(np.random.default_rng(0).permutation(len(y_train))):
        try:
            model.unlearn(X_train[[row]], y_train[[row]])
        except BudgetSpentError:
            return count
    return len(y_train)


def accuracies(budget, n_releases=10):
    """Accuracy of releases of one model, with fresh noise each."""
    model = certified(budget).fit(X_train, y_train)
    scores = []
    for _ in range(n_releases):
        scores.append(model.score(X_test, y_test))
        model.replace((X_train[:1], y_train[:1]), (X_train[:1], y_train[:1]))  # releases anew
    return scores


measured = []
for budget in BUDGETS:
    scores = accuracies(budget)
    measured.append(
        {
            "data": "digits",
            "epsilon": EPSILON,
            "removals": rows_covered(budget),
            "certified": float(np.mean(scores)),
            "spread": float(np.std(scores)),
            "plain": plain.score(X_test, y_test),
        }
    )
    print(
        f"budget {budget:5g}: {measured[-1]['removals']:3d} rows, "
        f"accuracy {measured[-1]['certified']:.3f} ± {measured[-1]['spread']:.3f}"
    )

# %%
# The picture
# -----------
# From the benchmark's file there are further lines: other values of epsilon, and private training
# (noise for the whole influence of as many rows, which needs no removal step at all).

rows = measured if options.results is None else json.loads(options.results.read_text())["rows"]
tables = list(dict.fromkeys(row["data"] for row in rows))
figure, axes = plt.subplots(
    1, len(tables), figsize=(5.5 * len(tables), 4), layout="constrained", squeeze=False
)
for axis, table in zip(axes[0], tables, strict=True):
    of_table = [row for row in rows if row["data"] == table]
    for color, epsilon in enumerate(sorted({row["epsilon"] for row in of_table})):
        line = [row for row in of_table if row["epsilon"] == epsilon]
        counts = [row["removals"] for row in line]
        style = {"color": f"C{color}", "capsize": 2}
        heights, errors = [row["certified"] for row in line], [row["spread"] for row in line]
        axis.errorbar(counts, heights, errors, marker="o", label=f"ε = {epsilon:g}", **style)
        if "private" in line[0]:
            axis.plot(counts, [row["private"] for row in line], ":", color=f"C{color}")
        found = [row for row in line if row.get("objective") is not None]
        if found:
            xs, ys = [row["removals"] for row in found], [row["objective"] for row in found]
            label = f"ε = {epsilon:g}, objective perturbation"
            axis.plot(xs, ys, "--", color=f"C{color}", marker="s", label=label)
    axis.axhline(of_table[0]["plain"], color="0.5", label="no noise")
    if "private" in of_table[0]:
        axis.plot([], [], ":", color="0.3", label="private training, for as many rows")
    axis.set_xscale("symlog" if min(row["removals"] for row in of_table) == 0 else "log")
    axis.set(title=table, xlabel="rows that can be forgotten", ylabel="accuracy on test rows")
    axis.xaxis.set_minor_formatter(NullFormatter())
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "certified_removal.png", dpi=120)
print(f"plot: {options.out / 'certified_removal.png'}")
