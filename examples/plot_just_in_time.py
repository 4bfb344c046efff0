"""
JustInTime in the plane: what forgetting one row does to the boundary
=====================================================================

`JustInTime` makes a net flat around the row to forget, and asks nothing else: no other rows, no
label. What that does depends on where the row lies. Three rows of two overlapping clusters are
forgotten, each from the same net: one near the boundary, one in the middle of its cluster, and one
in the middle that was given the other label on purpose. Beside each stands a net trained without
it: that is what forgetting aims at.
"""

# %%
# Data, and a net that learns its rows by heart
# ---------------------------------------------

import argparse
import copy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skunlearn.neural_network import JustInTime, NeuralNetClassifier

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

rng = np.random.default_rng(0)
centres = np.array([[-1.1, 0.0], [1.1, 0.0]])
y = rng.integers(0, 2, 250)
X = centres[y] + 0.7 * rng.normal(size=(250, 2))

first = np.flatnonzero(y == 0)
left = first[X[first, 0] < 0]  # of the first class, on its own side
near_boundary = left[np.argmax(X[left, 0])]
outward = first[np.argsort(np.linalg.norm(X[first] - centres[0], axis=1))]
in_cluster, wrong_label = outward[0], outward[len(outward) // 2]
y[wrong_label] = 1
chosen = {"near the boundary": near_boundary, "in its cluster": in_cluster}
chosen["with the wrong label"] = wrong_label


def fit(X, y, seed=0):
    """A net that sees every row a few hundred times."""
    net = NeuralNetClassifier(
        hidden_layer_sizes=(256, 256),
        lr=0.01,
        max_epochs=200,
        batch_size=125,
        train_split=None,
        random_state=seed,
        unlearner=JustInTime(sigma=0.3, lr=0.003, gradient="full", clamp=False, stopping=None),
    )
    return net.fit(X, y)


net = fit(X, y)
print(f"right on its own rows: {net.score(X, y):.1%}")

# %%
# Ten and a hundred steps of smoothing, beside training again
# -----------------------------------------------------------
# There is no rule to stop by for a single row, so the dose is a choice. The gradient is that of the
# paper's formula, through both outputs.
#
# Ten steps do what the method is for: the row with the wrong label, an island by itself, is gone,
# as in the net that never saw it, and the row in the middle of its cluster keeps its label, since
# its neighbours speak for it. Nothing tells the method where to stop. After a hundred steps the row
# in the middle has lost its label as well, which no training without it would have done, and a good
# part of the plane went with it. At a learning rate of .05 ten steps are too many.

side = np.linspace(-3, 3, 200)
square = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def draw(ax, net, title):
    """Probability of the second class, boundary, and rows."""
    p = net.predict_proba(square)[:, 1].reshape(200, 200)
    image = ax.contourf(side, side, p, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
    ax.contour(side, side, p, levels=[0.5], colors="black", linewidths=1.2)
    for label, marker, color in ((0, "o", "#2b5c8a"), (1, "^", "#a03030")):
        of = y == label
        ax.scatter(*X[of].T, s=7, marker=marker, c=color, linewidths=0)
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
    ax.set_title(title, fontsize=9)
    return image


figure, axes = plt.subplots(3, 4, figsize=(10, 7.6), layout="constrained")
for row_of_axes, (where, row) in zip(axes, chosen.items(), strict=True):
    models = {"as fitted": net}
    for n in (10, 100):
        forgot = copy.deepcopy(net).set_params(unlearner__n_epochs=n)
        models[f"{n} steps"] = forgot.unlearn(X[[row]], y[[row]])
    rest = np.arange(len(X)) != row
    models["never saw the row"] = fit(X[rest], y[rest], seed=1)
    for ax, (name, model) in zip(row_of_axes, models.items(), strict=True):
        p = model.predict_proba(X[[row]])[0, y[row]]
        image = draw(ax, model, f"{name}: p = {p:.2f}")
        ax.scatter(*X[row], s=90, marker="o", facecolors="none", edgecolors="black", linewidths=1.6)
        print(f"{where}, {name}: p = {p:.3f}")
    row_of_axes[0].set_ylabel(where)
figure.colorbar(image, ax=axes, shrink=0.5, label="probability of the second class")
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "just_in_time.png", dpi=110)
