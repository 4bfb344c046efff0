"""
Are the rows still in there? Membership inference after unlearning
==================================================================

A tenth of the labels of the digits is wrong, and a forest knows them by heart. Some of its rows are
to be forgotten. An attacker who holds these rows, and may ask the model, tries to tell them from
rows that it never saw: with the model as it was, with one that was refitted without them, and with
one that only pretends to have forgotten.
"""

# %%
# The rows, and three models
# --------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import shuffle

from skunlearn.metrics import (
    ForgettingDistributionDisplay,
    MembershipRocDisplay,
    membership_inference,
    sample_information,
)

X, y = shuffle(*load_digits(return_X_y=True), random_state=0)
wrong = np.random.default_rng(0).random(len(y)) < 0.1
y = np.where(wrong, (y + 1) % 10, y)

forget, retain, unseen = slice(200), slice(200, 700), slice(700, 1000)
parts = X[forget], y[forget], X[retain], y[retain], X[unseen], y[unseen]


def forest(X, y, seed):
    """Fit a forest that knows its rows."""
    return RandomForestClassifier(30, min_samples_leaf=2, random_state=seed).fit(X, y)


original = forest(X[:700], y[:700], 0)
refits = [forest(X[retain], y[retain], seed) for seed in range(1, 6)]
pretends = forest(X[:700], np.r_[(y[forget] + 5) % 10, y[retain]], 6)

# %%
# The attack
# ----------
# Each row is judged by shadows: forests that learned it, and forests that did not. The models of
# one dictionary share them.

models = {"as it was": original, "refit": refits[0], "pretends": pretends}
found = membership_inference(models, *parts, n_shadows=32, random_state=0)
for name, result in found.items():
    print(f"{name}: {result}\n")

# %%
# The curve of the refit lies about the diagonal. That of the model that pretends lies *below* it:
# its wrong answers are as telling as right ones, to an attacker who turns the sign around. To the
# left, where hardly any stranger is accused, a part of the rows is found in the first model.

display = MembershipRocDisplay.from_result(found)
_, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
display.plot(left)
display.plot(right, log=True)

# %%
# What a single number a row shows
# --------------------------------
# The losses of the forgotten rows under five refits are the grey band. Before, the rows were far
# too well known; afterwards they should lie within it. With the model that pretends they do not.

rows = parts[0], parts[1], parts[4], parts[5]
ForgettingDistributionDisplay.from_estimator(pretends, *rows, original=original, refits=refits)

# %%
# Which rows?
# -----------
# Before any model is asked, neighbours tell which rows can only be known by heart: those whose
# label they do not share. It is these that the attack finds most easily.

alpha = sample_information(X[:700], y[:700], rows=np.arange(200))
exposed = found["as it was"].scores
for low, high in ((0, 0.5), (0.5, 0.95), (0.95, 1.01)):
    some = (alpha >= low) & (alpha < high)
    print(
        f"label shared by {low:.0%} to {min(high, 1):.0%} of the neighbours: {some.sum()} rows, "
        f"median score {np.median(exposed[some]):.1f} nats"
    )
