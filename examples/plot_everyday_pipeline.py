"""
Forget the rows of a rare category
==================================

A table of numbers with gaps and of words is imputed, scaled, encoded and given to a ridge. Then all
patients of one small clinic ask to be forgotten. The clinic's column goes, the means that stand in
for missing values move, the scales move, and with them every coefficient: to where a fit without
these patients would have put it, bit for bit.
"""

# %%
# The data
# --------
# Diabetes: 442 patients, disease progression. ``sex`` is a word; one value in ten is blanked. To
# each patient a clinic is drawn; the small one in the valley saw the patients with the highest
# blood pressure, and measured the progression on a scale of its own.

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_diabetes

from skunlearn.compose import ColumnTransformer
from skunlearn.impute import SimpleImputer
from skunlearn.linear_model import Ridge
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import OneHotEncoder, StandardScaler

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

rng = np.random.default_rng(0)
X, y = load_diabetes(as_frame=True, scaled=False, return_X_y=True)
X["sex"] = X["sex"].map({1.0: "a", 2.0: "b"})
X["clinic"] = rng.choice(["harbour", "hill", "station"], len(X))
small = X["bp"].rank(ascending=False) <= 18
X.loc[small, "clinic"] = "valley"
y = y.where(~small, 0.4 * y)
numbers = X.columns.drop(["sex", "clinic"])
X[numbers] = X[numbers].mask(rng.random(X[numbers].shape) < 0.1)
n_missing = int(X[numbers].isna().to_numpy().sum())
print(f"{len(X)} patients, {n_missing} values missing, {small.sum()} patients of the valley")

# %%
# The pipeline
# ------------
# scikit-learn's four lines, imported from here.

model = make_pipeline(
    ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), list(numbers)),
            ("word", OneHotEncoder(sparse_output=False), ["sex", "clinic"]),
        ],
        verbose_feature_names_out=False,
    ),
    Ridge(),
).fit(X, y)


def coefficients(model):
    """Coefficients of the ridge by the name of their column."""
    return dict(zip(model[0].get_feature_names_out(), model[-1].coef_, strict=True))


before = coefficients(model)

# %%
# Forget the clinic
# -----------------
# The refit stands on the rows that remain and on the same grid of values.

start = time.perf_counter()
model.unlearn(X[small], y[small])
seconds = time.perf_counter() - start
after = coefficients(model)
refit = clone(model).set_params(resolution=model.resolution_).fit(X[~small], y[~small])
assert model.state_digest() == refit.state_digest()
assert (model.predict(X[~small]) == refit.predict(X[~small])).all()
assert coefficients(refit) == after and "clinic_valley" not in after
print(f"forgotten in {1e3 * seconds:.0f} ms; equal to the refit bit for bit")
print(f"columns: {len(before)} before, {len(after)} after")

# %%
# Picture
# -------
# Each line is a coefficient; an arrow goes from before to after. A cross is the refit. The levels
# of ``clinic`` are measured against each other: where one goes, the others move most.

names = sorted(before, key=before.get)
kept = [row for row, name in enumerate(names) if name in after]
again = coefficients(refit)
figure, axis = plt.subplots(figsize=(8, 5.5), layout="constrained")
axis.axvline(0, color="0.8", linewidth=1)
for row in kept:
    ends = (after[names[row]], row), (before[names[row]], row)
    if abs(ends[0][0] - ends[1][0]) > 3:
        axis.annotate("", *ends, arrowprops={"arrowstyle": "->", "color": "0.6"})
axis.plot([before[name] for name in names], range(len(names)), "o", color="C0", label="before")
axis.plot([after[names[row]] for row in kept], kept, "o", color="C1", label="after unlearn")
axis.plot([again[names[row]] for row in kept], kept, "kx", markersize=5, label="refit")
gone = names.index("clinic_valley")
axis.annotate("gone with its rows", (before["clinic_valley"], gone), (8, 0),
              textcoords="offset points", va="center", color="C3")  # fmt: skip
axis.set_yticks(range(len(names)), names)
axis.set(
    xlabel="coefficient",
    title="The valley clinic is forgotten: every coefficient is that of the refit",
)
axis.legend(loc="lower right")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "rare_category.png", dpi=120)
