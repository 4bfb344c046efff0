"""
Take a continuous variable out of the data
==========================================

An age is no group: to bin it is to leave the ages within a bin in the data. A location-scale model
takes out what age does to the mean of each column and, if asked, to its spread. This example shows
what remains on rows that no fit has seen, and forgets some rows exactly.
"""

# %%
# The data
# --------
# Four columns: a wave in age, a line whose noise grows with age, a parabola, and a column that age
# plays no part in.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from skunlearn.feature_unlearning import ConditionalBarycenter

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

rng = np.random.default_rng(0)
N = 6000
age = rng.uniform(20, 80, N)
u, noise = (age - 50) / 15, rng.normal(size=(N, 4))
X = np.column_stack(
    [
        np.sin(2 * u) + noise[:, 0] / 2,
        u + np.exp(u / 2) * noise[:, 1],
        u**2 / 2 + noise[:, 2],
        noise[:, 3],
    ]
)
fold = np.arange(N) % 3  # the map is fitted on the first, the probe on the second

# %%
# What a probe reads
# ------------------
# A gradient boosting predicts age from the columns. R² on rows that neither map nor probe have
# seen.


def read(X_hat):
    """R2 of a probe on the third fold."""
    probe = HistGradientBoostingRegressor(random_state=0).fit(X_hat[fold == 1], age[fold == 1])
    return probe.score(X_hat[fold == 2], age[fold == 2])


models = {
    "lines": ConditionalBarycenter(),
    "curves": ConditionalBarycenter(basis="spline"),
    "curves and spread": ConditionalBarycenter(basis="spline", scale="varying"),
}
scores, repaired = {"nothing done": read(X)}, {}
for name, model in models.items():
    model.fit(X[fold == 0], sensitive_features=age[fold == 0])
    repaired[name] = model.transform(X, sensitive_features=age)
    scores[name] = read(repaired[name])
    print(f"{name:>20}: R2 of age {scores[name]:6.3f}, cost {model.transport_cost_:.3f}")

# %%
# Forgetting rows
# ---------------
# Lines and a constant spread are a function of exact moments: rows are forgotten as if they had
# never been there. The other two refuse: fit them on the rows that remain.

lines, gone = models["lines"], np.flatnonzero(fold == 0)[:50]
kept = np.setdiff1d(np.flatnonzero(fold == 0), gone)
refit = ConditionalBarycenter(resolution=lines.resolution_)
refit.fit(X[kept], sensitive_features=age[kept])
lines.unlearn(X[gone], sensitive_features=age[gone])
same = np.array_equal(
    lines.transform(X, sensitive_features=age), refit.transform(X, sensitive_features=age)
)
print(f"50 rows forgotten, equal to the refit bit for bit: {same}")
print("the curves can forget:", hasattr(models["curves"], "unlearn"))

# %%
# Pictures
# --------

options.out.mkdir(parents=True, exist_ok=True)
figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
shown = fold == 2
panels = (("before", X), ("after", repaired["curves and spread"]))
for axis, (title, values) in zip(axes, panels, strict=False):
    axis.plot(age[shown], values[shown, 1], ".", ms=2, alpha=0.5, label="column 2")
    axis.plot(age[shown], values[shown, 0], ".", ms=2, alpha=0.5, label="column 1")
    axis.set(title=title, xlabel="age", ylabel="value", ylim=(-8, 10))
axes[0].legend(markerscale=5)
axes[2].barh(list(scores), list(scores.values()), color=["0.5", "C0", "C0", "C2"])
axes[2].set(title="what a boosting reads on fresh rows", xlabel="R² of age")
axes[2].axvline(0, color="k", lw=0.8)
axes[2].invert_yaxis()
figure.savefig(options.out / "continuous_z.png", dpi=120)
print(f"plot: {options.out / 'continuous_z.png'}")
