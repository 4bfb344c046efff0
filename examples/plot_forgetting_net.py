"""
Poisoned rows leave a net
=========================

A net has learned wrong labels by heart. Training again without these rows is certain and slow;
unlearners are quick, and nothing bounds what they leave. This example lets several forget the same
rows, and lays them beside nets that were trained again.
"""

# %%
# A net that learned wrong labels
# -------------------------------
# Handwritten digits, 60 of the training labels turned wrong. A net that is large enough learns
# them.

import argparse
import copy
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits

from skunlearn.metrics import ForgettingDistributionDisplay
from skunlearn.neural_network import (
    CalibratedTeacher,
    FineTune,
    GradientAscent,
    HeldOut,
    NeuralNetClassifier,
)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

X, y = load_digits(return_X_y=True)
X = X / 16
order = np.random.default_rng(0).permutation(len(y))
X, y = X[order], y[order]
X_train, y_train, X_test, y_test = X[:1000], y[:1000].copy(), X[1000:], y[1000:]
y_train[:60] = (y_train[:60] + 1) % 10
forget = (X_train[:60], y_train[:60])
retain = (X_train[60:], y_train[60:])

net = NeuralNetClassifier(
    hidden_layer_sizes=(256,),
    max_epochs=80,
    lr=0.003,
    train_split=HeldOut(0.2),
    keep="all",  # so that several unlearners can be tried on one net
    random_state=0,
).fit(X_train, y_train)
print(
    f"wrong labels learned: {net.score(*forget):.0%}, test accuracy {net.score(X_test, y_test):.3f}"
)

# %%
# Trained again, and unlearned
# ----------------------------
# Five nets that never saw the rows are the yardstick. `GradientAscent` climbs the loss of the rows,
# and takes what it needs from all others. `CalibratedTeacher` asks how the net speaks of rows
# that it has not seen, and teaches it to speak so of these.

start = time.perf_counter()
refits = [clone(net).set_params(random_state=s, keep=()).fit(*retain) for s in range(1, 6)]
refit_seconds = (time.perf_counter() - start) / len(refits)

methods = {
    "nothing done": None,
    "gradient ascent, 20 epochs": GradientAscent(lr=0.02, stopping=None),
    "fine-tuning, 5 epochs": FineTune(stopping=None),
    "calibrated teacher": CalibratedTeacher(),
    "calibrated teacher, retained rows": CalibratedTeacher(),
}
models, seconds = {}, {}
for name, unlearner in methods.items():
    models[name], seconds[name] = copy.deepcopy(net), 0.0
    if unlearner is None:
        continue
    with_rows = "retained" in name or "fine" in name
    rest = {"X_retain": retain[0], "y_retain": retain[1]} if with_rows else {}
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows are held out of a class: the level is rough
        models[name].set_params(unlearner=unlearner).unlearn(*forget, **rest)
    seconds[name] = time.perf_counter() - start

# %%
# Where they end
# --------------
# To the right is worse (wrong labels are still known), down is worse (test rows pay for it). The
# square is where the nets are that were trained again.

fig, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
span = [[m.score(*part) for m in refits] for part in (forget, (X_test, y_test))]
line = "{:35} {:5.2f} {:6.3f} {:6.2f} s".format
print(line("trained again", np.mean(span[0]), np.mean(span[1]), refit_seconds))
ax.axvspan(min(span[0]), max(span[0]), color="0.85", zorder=0)
ax.axhspan(min(span[1]), max(span[1]), color="0.85", zorder=0, label="trained again")
ax.plot(span[0], span[1], "ks", markersize=5, label="trained again, five seeds")
for (name, model), marker in zip(models.items(), "XvoDP", strict=True):
    x, z = model.score(*forget), model.score(X_test, y_test)
    ax.plot(x, z, marker, markersize=9, label=f"{name} ({seconds[name]:.2f} s)", clip_on=False)
    print(line(name, x, z, seconds[name]))
ax.set_xlabel("forgotten wrong labels that are still predicted")
ax.set_ylabel("test accuracy")
ax.legend(loc="lower right", fontsize=8)

# %%
# Not right or wrong, but how surprised
# -------------------------------------
# Losses of the forgotten rows: before, after, and by the nets that were trained again. A curve to
# the left of the band still knows the labels; one far to the right denies them more than a net
# would that never saw them.

fig2, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, name in zip(axes, ("gradient ascent, 20 epochs", "calibrated teacher"), strict=True):
    ForgettingDistributionDisplay.from_estimator(
        models[name], *forget, X_test, y_test, original=net, refits=refits, ax=ax
    )
    ax.set_title(name)

options.out.mkdir(exist_ok=True)
fig.savefig(options.out / "forgetting_net.png", dpi=100)
fig2.savefig(options.out / "forgetting_net_losses.png", dpi=100)
