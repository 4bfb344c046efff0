"""Unlearners on images: CIFAR-10 and a small convolutional net, three kinds of forgetting.

A random 5 % of the rows; a part of a class that is unlike the rest of it (CIFAR-10 names no
sub-classes: pixels of the airplanes in four clusters by k-means, of which the one with the
brightest pixels on average is forgotten); a whole class (the automobiles). Columns as in
`unlearner_table.py`; unseen rows of the loss attack are of the same class and, for the part of one,
of the same cluster. "retrained" is `Retrain` from other first weights. No constant of an unlearner
was chosen on these images. Needs SKUNLEARN_DATA.

By default 4000 images, which a net of 141 thousand weights learns by heart in seconds of one core;
``--full`` takes all 50,000 and wider layers, for which there is ``--device cuda``.

Usage: python images.py [--seeds 5] [--sets random part class] [--full] [--device cuda]
    [--only CalibratedTeacher ...]

Lines go into the file of the set as `unlearner_table.py` puts them.
"""

import argparse

import numpy as np
from _nets import (
    PACKAGES,
    SmallConv,
    Split,
    cifar10,
    hardware,
    mean_sd,
    report,
    versions,
)
from _table import NUMBERS, compare, merged, unlearners
from sklearn.cluster import KMeans

from skunlearn.neural_network import NeuralNetClassifier

AIRPLANE, AUTOMOBILE = 0, 1
METHODS = (
    "CalibratedTeacher",
    "MarginalInformation",
    "JustInTime",
    "GradientAscent",
    "FineTune",
    "SCRUB",
    "SelectiveSynapticDampening",
    "NegGradPlus",
    "BadTeacher",
)
KEEP = ("side_model", "curvature", "reference", "importances")
REDUCED = {"images": {"n": 4_000, "n_test": 2_000}, "net": {"lr": 2e-3}}
FULL = {
    "images": {},
    "net": {"lr": 1e-3, "module__channels": (32, 64, 128), "module__hidden": 256},
}


def bright_cluster(data):
    """Rows of airplanes, to train and to test, in the brightest of four clusters of pixels."""
    ours, theirs = (np.flatnonzero(y == AIRPLANE) for y in (data.y, data.y_test))
    X, X_test = data.X[ours].reshape(len(ours), -1), data.X_test[theirs].reshape(len(theirs), -1)
    clusters = KMeans(4, n_init=10, random_state=0).fit(X)
    brightest = clusters.cluster_centers_.mean(axis=1).argmax()
    return ours[clusters.labels_ == brightest], theirs[clusters.predict(X_test) == brightest]


def request(data, name, seed):
    """Rows to forget, by the name of their kind."""
    if name == "class":
        return Split(data, np.flatnonzero(data.y == AUTOMOBILE))
    if name == "part":
        return Split(data, *bright_cluster(data))
    order = np.random.default_rng(1000 + seed).permutation(len(data.y))
    return Split(data, np.sort(order[: len(order) // 20]))


def run(seed, names, size, device, only):
    """Lines of one seed, by kind of forgetting."""
    data = cifar10(**size["images"], seed=seed)
    params = {"module": SmallConv, "keep": KEEP, "device": device, "random_state": seed}
    net = NeuralNetClassifier(**params, **size["net"]).fit(data.X, data.y)
    methods = {k: v for k, v in unlearners(METHODS).items() if only is None or k in only}
    found = {}
    for name in names:
        split = request(data, name, seed)
        labels = {"forget set": name, "rows": len(split.forget)}
        found[name] = compare(net, split, seed, methods, **labels)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="*", default=["random", "part", "class"])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    size = FULL if options.full else REDUCED
    rows = {name: [] for name in options.sets}
    for seed in range(options.seeds):  # kept after each seed
        found = run(seed, options.sets, size, options.device, options.only)
        for name, lines in found.items():
            rows[name] += lines
            file = f"neural_images_{name}{'_full' if options.full else ''}"
            table = mean_sd(rows[name], ("forget set", "method"), ("rows", *NUMBERS))
            report(
                file,
                merged(file, table, [name]),
                hardware=hardware(options.device),
                **versions(*PACKAGES),
            )
