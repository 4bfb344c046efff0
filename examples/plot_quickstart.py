"""
Forget a feature, then forget rows
==================================

A pipeline that predicts from a table with a sensitive column is built so that the column's
information is taken out of its inputs, at a strength that is chosen by cross-validation; then a
hundred people ask to be forgotten. The proof stands beside each step: what probes can still read
of the sensitive column on fresh rows, what it costs in accuracy, and how far the pipeline is from
one that never saw the hundred rows.

The columns here are numbers, and the whole pipeline forgets rows exactly. For a table that mixes
numbers and categories see the census example, ``make demo DATA=adult``.
"""

# %%
# The data
# --------
# scikit-learn's diabetes data: 442 patients, ten columns, the progression of the disease a year
# later. The sensitive column is ``sex``.

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from fairlearn.metrics import demographic_parity_difference
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, train_test_split

from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.linear_model import Ridge
from skunlearn.metrics import leakage_score, refit_distance
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

# Ages repeat values. The transformer warns of such columns; the tree probe below shows what that
# means, so the warning need not be repeated for every fit.
warnings.filterwarnings("ignore", "[0-9]+ of the columns that")

frame = load_diabetes(as_frame=True, scaled=False).frame
frame["sex"] = frame["sex"].map({1.0: "group 1", 2.0: "group 2"})
X, y = frame.drop(columns="target"), frame["target"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
print(f"diabetes: {len(X_train)} rows to learn, {len(X_test)} to test, {X.shape[1]} columns")

# %%
# Forget a feature
# ----------------
# The strength goes from 0 (nothing moved) to 1 (both groups have one mean and one covariance). The
# search takes the smallest strength whose demographic parity difference on held-out folds is
# within a tolerance. A positive decision is a prediction above the median progression.

threshold = np.median(y_train)


def parity_gap(model, X, y):
    """Demographic parity difference of the decisions, by fairlearn."""
    return demographic_parity_difference(
        np.zeros(len(X)), model.predict(X) > threshold, sensitive_features=X["sex"]
    )


TOLERANCE = 0.1


def smallest_fair_strength(results):
    """Index of the first strength within the tolerance, or of the fairest."""
    gaps = results["mean_test_parity"]
    within = np.flatnonzero(gaps <= TOLERANCE)
    return int(within[0]) if len(within) else int(np.argmin(gaps))


strengths = np.linspace(0, 1, 6)
search = GridSearchCV(
    make_pipeline(GaussianBarycenter(sensitive_columns=["sex"]), StandardScaler(), Ridge()),
    {"gaussianbarycenter__strength": strengths},
    scoring={"utility": "r2", "parity": parity_gap},
    refit=smallest_fair_strength,
    cv=5,
)
start = time.perf_counter()
search.fit(X_train, y_train)
chosen = search.best_params_["gaussianbarycenter__strength"]
print(
    f"strength {chosen:.1f} chosen in {time.perf_counter() - start:.1f} s (parity <= {TOLERANCE})"
)

# %%
# What is left of the sensitive column is measured by probes on rows that neither the map nor the
# probe has seen. A score of .5 is chance; the null shows what chance looks like at this size.
#
# Read the table honestly. The map makes two moments equal, on the rows that it was fitted on: a
# straight line is blinded, as far as the rows allow. A tree is not: columns of few distinct values
# (age in years) land at values of their own in each group, and on the way to strength 1 that can be
# worse than doing nothing. What becomes fair is the linear model behind it.

PROBES = ["linear", "quadratic", "boosting"]


def leakage(strength):
    """Probe the output of the transformer at one strength."""
    transformer = GaussianBarycenter(sensitive_columns=["sex"], strength=strength)
    return leakage_score(X, X["sex"], transformer=transformer, probe=PROBES, random_state=0)


raw, chosen_leak, full = leakage(0.0), leakage(chosen), leakage(1.0)
plain = clone(search.estimator).set_params(gaussianbarycenter__strength=0.0).fit(X_train, y_train)
model = search.best_estimator_

rows = [("", "before", f"strength {chosen:.1f}", "strength 1.0", "chance (95 %)")]
for before, middle, after in zip(raw, chosen_leak, full, strict=True):
    rows.append(
        (
            f"leakage of sex, {before.probe} probe (AUC)",
            *(f"{found.score:.2f} ± {(found.ci_high - found.ci_low) / 2:.2f}"
              for found in (before, middle, after)),
            f"< {after.null_high:.3f}",
        )
    )  # fmt: skip
at_one = clone(search.estimator).set_params(gaussianbarycenter__strength=1.0).fit(X_train, y_train)
scorer = search.scorer_["utility"]
for name, measure in (("utility (r2)", scorer), ("parity difference", parity_gap)):
    values = [measure(fitted, X_test, y_test) for fitted in (plain, model, at_one)]
    rows.append((f"{name}, test rows", *(f"{value:.3f}" for value in values), ""))

# %%
# Forget rows
# -----------
# The pipeline's ledger holds exact moments of the raw rows. Removing a hundred rows derives every
# step again, the groups' maps included, without touching one of the others.

X_forget, y_forget = X_train[:100], y_train[:100]
X_retain, y_retain = X_train[100:], y_train[100:]
start = time.perf_counter()
model.unlearn(X_forget, y_forget)
seconds = time.perf_counter() - start
start = time.perf_counter()
refit = clone(model).set_params(resolution=model.resolution_).fit(X_retain, y_retain)
refit_seconds = time.perf_counter() - start
distance = refit_distance(model, refit, X_eval=X_test)

width = max(len(row[0]) for row in rows)
for row in rows:
    print(f"{row[0]:{width}}  " + "  ".join(f"{cell:>13}" for cell in row[1:]))
found = [result.probe for result in full if result.score > result.null_high]
if found:
    print(
        f"Still found at strength 1 by: {', '.join(found)}. Two moments are made equal, on the rows"
    )
    print(
        "of the fit; columns that repeat values give a tree a hold. What is fair is what the parity"
    )
    print("difference says of this model, not the table for whatever may be trained on it.")
print()
print(f"100 rows forgotten in {1e3 * seconds:.1f} ms, a refit takes {1e3 * refit_seconds:.1f} ms")
verdict = "equal bit for bit" if distance.identical else f"{distance.max_abs:.1e} apart"
print(f"unlearned and refitted pipeline: {verdict}; {model.n_samples_retained_} rows retained")
guarantee = model.guarantee_
print(f"guarantee: {guarantee.kind}, conditional on: {'; '.join(guarantee.conditional_on)}")

# %%
# Pictures
# --------
# Leakage and utility along the strength, and the column that moved most, before and after.

options.out.mkdir(parents=True, exist_ok=True)
path = [raw, *(leakage(strength) for strength in strengths[1:-1]), full]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for i, probe in enumerate(PROBES):
    scores = [report[i].score for report in path]
    errors = [[r[i].score - r[i].ci_low for r in path], [r[i].ci_high - r[i].score for r in path]]
    left.errorbar(strengths, scores, errors, marker="o", capsize=3, label=f"{probe} probe")
left.axhline(0.5, color="0.6", linestyle=":", label="chance")
left.axvline(chosen, color="0.6", linestyle="--", label="chosen")
left.set(xlabel="strength", ylabel="AUC for sex on fresh rows", title="What probes still read")
left.set_yticks(np.linspace(0.5, 1, 6))
left.set_ylim(top=1.19)  # room for the legend
left.legend(fontsize="small", ncols=3, loc="upper center")
gaps, scores = search.cv_results_["mean_test_parity"], search.cv_results_["mean_test_utility"]
right.plot(gaps, scores, marker="o", color="C3")
for strength, gap, score in zip(strengths, gaps, scores, strict=True):
    right.annotate(f" {strength:.1f}", (gap, score), va="bottom")
right.margins(0.1)
right.axvline(TOLERANCE, color="0.6", linestyle=":", label="tolerance")
right.set(xlabel="demographic parity difference", ylabel="R²", title="What it costs (5 folds)")
right.legend(fontsize="small")
figure.savefig(options.out / "leakage_utility.png", dpi=120)

barycenter = GaussianBarycenter(sensitive_columns=["sex"]).fit(X_train)
moved = X_train.drop(columns="sex")
after = barycenter.transform(X_train)
groups = X_train["sex"].to_numpy()
first, second = np.unique(groups)
gap = np.abs(moved[groups == first].mean() - moved[groups == second].mean()) / moved.std()
column = int(np.argmax(gap.to_numpy()))
figure, axes = plt.subplots(1, 2, figsize=(10, 3.5), sharex=True, layout="constrained")
for axis, values, title in zip(
    axes, (moved.to_numpy()[:, column], after[:, column]), ("before", "after"), strict=True
):
    for name in (first, second):
        axis.hist(values[groups == name], bins=30, density=True, alpha=0.5, label=name)
    axis.set(title=f"{moved.columns[column]}, {title}", yticks=[])
    axis.legend(title="sex")
figure.savefig(options.out / "before_after.png", dpi=120)
print(f"plots: {options.out / 'leakage_utility.png'}, {options.out / 'before_after.png'}")
