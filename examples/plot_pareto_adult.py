"""
Utility against leakage: choosing a strength
============================================

How much may a model's scores tell of a person's sex, and what does each step towards nothing cost?
A grid search over the strength of the penalty gives a frontier, and rows that had no part in the
search say which strength is good enough.

With ``SKUNLEARN_DATA`` set to a folder that holds the Adult census data these are used, else a
made-up table of the same kind.
"""

# %%
# The data
# --------
# Sex is no feature, but marital status, hours and occupation carry it.

import argparse
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skunlearn.datasets import fetch_adult
from skunlearn.feature_unlearning import InformationRegularizedLogisticRegression
from skunlearn.metrics import ParetoDisplay, make_leakage_scorer, select_strength

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()


def made_up(n=12_000):
    """Rows of two groups with unequal means, spreads and rates of the target."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["Female", "Male"], size=n, p=[0.35, 0.65])
    X = rng.normal(size=(n, 8))
    X[:, :3] += (sex == "Male")[:, None] * [1.0, 0.6, 0.3]
    X[:, 3] *= np.where(sex == "Male", 1.8, 0.8)
    y = X @ np.linspace(1, 0.3, 8) + rng.logistic(size=n) > 2
    return X, y, sex


if (Path(os.environ.get("SKUNLEARN_DATA", "")) / "adult" / "adult.data.gz").exists():
    X, y = fetch_adult(return_X_y=True)
    X, y = X.iloc[:12_000], y.iloc[:12_000] == ">50K"
    sex = X["sex"].astype(str).to_numpy()
    X = pd.get_dummies(X.drop(columns=["sex", "fnlwgt"]), dtype=float).to_numpy()
else:
    X, y, sex = made_up()
y = np.asarray(y)
search_rows, audit_rows = slice(0, 6000), slice(6000, None)

# %%
# The search
# ----------
# `sensitive_features` travels by metadata routing: to ``fit``, and to the scorer of the leakage,
# whose probe (gradient boosting on the scores) is fitted and scored on the test fold.

sklearn.set_config(enable_metadata_routing=True)
scoring = {"utility": "roc_auc", "leakage": make_leakage_scorer("boosting")}
name = "informationregularizedlogisticregression"
grid = {f"{name}__gamma": [0.0, 1.0, 3.0, 8.0, 30.0, 100.0]}
models, searches = {}, {}
for criterion in ("information", "energy"):
    step = InformationRegularizedLogisticRegression(criterion=criterion)
    models[criterion] = make_pipeline(
        StandardScaler(), step.set_fit_request(sensitive_features=True)
    )
    searches[criterion] = GridSearchCV(
        models[criterion], grid, scoring=scoring, cv=3, refit=False
    ).fit(X[search_rows], y[search_rows], sensitive_features=sex[search_rows])

# %%
# The frontier
# ------------
# "information" makes the mean scores of the groups equal, and stops there; "energy" makes their
# distributions equal. The numbers beside the points are gamma.

fig, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
for criterion, search in searches.items():
    display = ParetoDisplay.from_search(search, ax=ax, name=criterion)
    print(criterion, display.frame().round(3), sep="\n")
ax.set(xlabel="leakage: distance of the probe's AUC from 1/2", ylabel="ROC AUC of the model")
ax.legend(loc="lower right")

# %%
# One strength, with a claim
# --------------------------
# The points above ranked the candidates, so they flatter the winner. On the other half of the rows,
# which probes have not seen, the smallest gamma is taken whose leakage is *shown* to be small: the
# upper confidence bounds, corrected for six strengths and two probes, are below .1.

found = select_strength(
    models["energy"],
    X[audit_rows],
    sex[audit_rows],
    y=y[audit_rows],
    strengths=[0.0, 1.0, 3.0, 8.0, 30.0, 100.0],
    param=f"{name}__gamma",
    pass_sensitive="fit",
    tolerance=0.1,
    random_state=0,
)
print(found)
print(found.to_frame().round(3))
sklearn.set_config(enable_metadata_routing=False)

options.out.mkdir(parents=True, exist_ok=True)
fig.savefig(options.out / "pareto_adult.png", dpi=120)
print(f"plot: {options.out / 'pareto_adult.png'}")
