"""
Forget rows from any model: the price of shards
===============================================

SISA divides the rows into shards, fits one model a shard and lets the models vote. To forget a
row, only its shard is fitted again. More shards make requests cheaper, and each model sees less of
the data. This example measures both, and shows what a request of many rows costs.
"""

# %%
# The data and the inner model
# ----------------------------
# scikit-learn's handwritten digits, and a support vector machine, which cannot forget by itself.

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skunlearn.ensemble import SISAClassifier

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the plots")
options, _ = parser.parse_known_args()

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
machine = SVC()

# %%
# Time and accuracy against the number of shards
# ----------------------------------------------
# The same rows are forgotten one by one, as requests come in. After the last one each model is
# compared with one that is fitted without the rows: with the same key they are equal. (The key is
# given as `random_state` for that comparison; leave it None in production.)

N_REQUESTS = 20
results = []
for n_shards in (1, 2, 5, 10, 20, 50):
    model = SISAClassifier(machine, n_shards=n_shards, random_state=0).fit(X_train, y_train)
    accuracy = model.score(X_test, y_test)
    start = time.perf_counter()
    for i in range(N_REQUESTS):
        model.unlearn(X_train[i : i + 1], y_train[i : i + 1])
    seconds = (time.perf_counter() - start) / N_REQUESTS
    assert model.n_samples_retained_ == len(y_train) - N_REQUESTS
    refit = clone(model).fit(X_train[N_REQUESTS:], y_train[N_REQUESTS:])
    assert np.array_equal(model.predict(X_test), refit.predict(X_test))
    results.append((n_shards, seconds, accuracy))
    print(f"{n_shards:3} shards: {1e3 * seconds:5.1f} ms a request, accuracy {accuracy:.3f}")

# %%
# What a larger request costs
# ---------------------------
# The dry run tells which shards would be fitted again, without fitting any. By chance, m rows hit
# S (1 - (1 - 1/S)^m) of S shards: ten rows hit two thirds of ten shards. Rows of one person should
# be in one shard: that is what `groups` is for.

S = 20
model = SISAClassifier(machine, n_shards=S, random_state=0).fit(X_train, y_train)
sizes = np.array([1, 2, 5, 10, 20, 50, 100])
hits = [len(model.can_unlearn(X_train[:m], y_train[:m]).shards) for m in sizes]
owners = np.arange(len(y_train)) // 10  # ten digits by each writer
grouped = SISAClassifier(machine, n_shards=S, random_state=0)
grouped.fit(X_train, y_train, groups=owners)
by_owner = [len(grouped.can_unlearn(X_train[:m], y_train[:m]).shards) for m in sizes]

# %%
# Pictures
# --------

options.out.mkdir(parents=True, exist_ok=True)
shards, seconds, accuracy = map(np.array, zip(*results, strict=True))
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(shards, 1e3 * seconds, marker="o", color="C0")
left.set(xscale="log", xlabel="shards", title="One row forgotten, and its price")
left.set_ylim(bottom=0)
left.set_ylabel("ms a request", color="C0")
left.set_xticks(shards, [str(n) for n in shards])
left.minorticks_off()
twin = left.twinx()
twin.plot(shards, accuracy, marker="s", color="C3")
twin.set_ylabel("accuracy on fresh rows", color="C3")
right.plot(sizes, hits, "o", label="rows at random")
right.plot(sizes, by_owner, "s", label="owners of ten rows each")
right.plot(sizes, S * (1 - (1 - 1 / S) ** sizes), color="0.5", label="expected, rows at random")
right.set(xscale="log", xlabel="rows in the request", ylabel=f"shards fitted again, of {S}")
right.set(title="Larger requests", ylim=(0, S + 1), yticks=range(0, S + 1, 5))
right.legend()
figure.savefig(options.out / "sisa.png", dpi=120)
print(f"plot: {options.out / 'sisa.png'}")
