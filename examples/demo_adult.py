"""
Forget a feature in a table of numbers and categories
=====================================================

The census data Adult, as they are: six columns of numbers, seven of categories, missing values, and
``sex``, which is to be forgotten. Leaving the column out is not enough, since husbands are men. The
triangular barycenter moves whole levels and numbers until the table says little of it; probes on
fresh rows say how little, and a model of the income what that costs. Then a hundred people ask to
be forgotten.

``make demo DATA=adult`` runs this. The data are looked for in the folder ``SKUNLEARN_DATA``, else
downloaded.
"""

# %%
# The data
# --------
# Three parts: the map is fitted on the first; models and probes learn on the second, and are scored
# on the third. So nothing is scored on rows that anything has been fitted on.

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from fairlearn.metrics import demographic_parity_difference
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skunlearn.datasets import fetch_adult
from skunlearn.feature_unlearning import TriangularBarycenter
from skunlearn.metrics import leakage_score

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

adult = fetch_adult()
X, y = adult.data, adult.target == ">50K"
X_map, X_rest, _, y_rest = train_test_split(X, y, test_size=2 / 3, random_state=0)
sex = X_rest["sex"].astype(str).to_numpy()
learn, score = train_test_split(np.arange(len(X_rest)), random_state=0, test_size=0.5)
print(f"adult: {len(X_map)} rows for the map, {len(learn)} to learn, {len(score)} to score")

# %%
# Forget a feature
# ----------------
# Categories stay categories, with valid levels; the sensitive column is left out. The strength is
# the share of the rows that are replaced, and takes effect without another fit. (`random_state`
# makes the figures below repeatable. In production leave it: the key of the draws is secret then.)

start = time.perf_counter()
barycenter = TriangularBarycenter(["sex"], random_state=0).fit(X_map)
print(f"map fitted in {time.perf_counter() - start:.1f} s")


def income_model(table):
    """Scores of a gradient boosting for the income, on the rows to score."""
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    model.fit(table.iloc[learn], y_rest.iloc[learn])
    return model.predict_proba(table.iloc[score])[:, 1]


def measured(table):
    """AUC of probes for sex, AUC of the model of the income, and its parity difference."""
    probes = leakage_score(
        table, sex, probe=["linear", "boosting"], n_permutations=50, random_state=0
    )
    scores = income_model(table)
    gap = demographic_parity_difference(
        np.zeros(len(score)), scores > 0.5, sensitive_features=sex[score]
    )
    return probes, roc_auc_score(y_rest.iloc[score], scores), gap


strengths = [0.0, 0.5, 0.8, 1.0]
tables = [barycenter.set_params(strength=t).transform(X_rest) for t in strengths]
path = [measured(table) for table in tables]

# %%
# At strength 0 the column is dropped and nothing else happens: of a man and a woman a probe still
# tells who is who 93 times in 100. At 1 it reads little, not nothing: the laws of the columns are
# estimates, and their errors are not the same in both groups. Much of what says who earns well is
# what says who is a woman, so the income is known less well; how much of it to pay is a decision.

width = 34
print(f"{'':{width}}  " + "  ".join(f"{f'strength {t:.1f}':>13}" for t in strengths))
for i, probe in enumerate(["linear", "boosting"]):
    cells = [f"{p[i].score:.3f} ± {(p[i].ci_high - p[i].ci_low) / 2:.3f}" for p, *_ in path]
    print(f"{f'sex, {probe} probe (AUC)':{width}}  " + "  ".join(f"{c:>13}" for c in cells))
print(f"{'income, boosting (AUC)':{width}}  " + "  ".join(f"{u:13.3f}" for _, u, _ in path))
print(
    f"{'parity difference of its decisions':{width}}  " + "  ".join(f"{g:13.3f}" for *_, g in path)
)
print(f"(chance: an AUC below {max(r.null_high for r in path[-1][0]):.3f} in 95 % of cases)\n")

# %%
# Forget rows
# -----------
# The laws behind that map are models fitted to rows. To forget rows it needs the rows that remain,
# and is then equal to a map that never saw the others; that takes as long as a fit.

X_forget, X_retain = X_map.iloc[:100], X_map.iloc[100:]
barycenter.set_params(strength=1.0)
start = time.perf_counter()
barycenter.unlearn(X_forget, X_retain=X_retain)
seconds = time.perf_counter() - start
refit = clone(barycenter).fit(X_retain)
equal = barycenter.transform(X_rest).equals(refit.transform(X_rest))
print(f'"linear": 100 rows forgotten with the retained rows in {seconds:.1f} s, equal: {equal}')

# %%
# Laws made of counts forget from the counts alone, without the other rows. The edges of the bins
# are declared for that: edges found in the data would remember whom they were found in. The price
# is in the utility, since counts of pairs of columns know less.

edges = {
    "age": [17, 25, 30, 35, 40, 45, 50, 60, 91],
    "fnlwgt": [0, 120_000, 180_000, 240_000, 1_500_000],
    "education-num": [1, 9, 10, 11, 13, 14, 17],
    "capital-gain": [0, 1, 5_000, 10_000, 100_000],
    "capital-loss": [0, 1, 1_800, 5_000],
    "hours-per-week": [1, 30, 40, 41, 50, 100],
}
counts = TriangularBarycenter(["sex"], conditional="counts", bins=edges, random_state=0).fit(X_map)
start = time.perf_counter()
counts.unlearn(X_forget)
seconds = time.perf_counter() - start
start = time.perf_counter()
refit = clone(counts).fit(X_retain)
refit_seconds = time.perf_counter() - start
verdict = "equal bit for bit" if counts.state_digest() == refit.state_digest() else "NOT equal"
probes, utility, gap = measured(counts.transform(X_rest))
print(f'"counts": 100 rows forgotten without them in {1e3 * seconds:.0f} ms', end="")
print(f" (a refit takes {1e3 * refit_seconds:.0f} ms), {verdict};")
print(
    f"  {counts.n_samples_retained_} rows retained; probes {probes[0].score:.3f} and "
    f"{probes[1].score:.3f}, income {utility:.3f}, parity difference {gap:.3f}"
)
print(f"guarantee: {counts.guarantee_.kind}, conditional on: {counts.guarantee_.conditional_on}")

# %%
# Pictures
# --------
# What probes and the model of the income know along the strength; and the column that says most
# about sex, before and after.

options.out.mkdir(parents=True, exist_ok=True)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for i, probe in enumerate(["linear", "boosting"]):
    found = [p[i] for p, _, _ in path]
    left.plot(strengths, [r.score for r in found], "o-", label=f"sex, {probe} probe")
left.plot(strengths, [u for _, u, _ in path], "s-", color="C3", label="income, boosting")
left.axhline(0.5, color="0.6", linestyle=":", label="chance")
left.set(xlabel="strength", ylabel="AUC on fresh rows", title="What the table still tells")
left.set_ylim(bottom=0.45)
left.legend(fontsize="small")
right.plot([g for *_, g in path], [u for _, u, _ in path], "s-", color="C3")
for t, (_, utility, gap) in zip(strengths, path, strict=True):
    right.annotate(f"  {t:.1f}", (gap, utility), va="top")
right.margins(0.12)
right.set(xlabel="demographic parity difference of its decisions", ylabel="AUC for the income")
right.set(title="What a model of the income pays, by strength")
figure.savefig(options.out / "leakage_utility.png", dpi=120)

name = X.columns[barycenter.order_[-1]]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.5), sharex=True, layout="constrained")
for axis, table, title in zip(axes, (tables[0], tables[-1]), ("before", "after"), strict=True):
    for k, group in enumerate(np.unique(sex)):
        share = table[name][sex == group].value_counts(normalize=True).sort_index()
        axis.barh(np.arange(len(share)) + 0.4 * k, share, 0.4, label=group)
    axis.set_yticks(np.arange(len(share)) + 0.2, share.index)
    axis.set(title=f"{name}, {title}", xlabel="share of the rows of each sex")
    axis.invert_yaxis()
    axis.legend(title="sex")
figure.savefig(options.out / "before_after.png", dpi=120)
print(f"plots: {options.out / 'leakage_utility.png'}, {options.out / 'before_after.png'}")
