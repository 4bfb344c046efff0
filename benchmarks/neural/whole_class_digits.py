"""A whole class of the digits, forgotten without data by noise, a generator, and others.

Accuracy on the class (0 is what a net that never saw it has) and on the other classes, of rows
that were trained on and of test rows, over nets and classes.
"""

import pickle
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import report, versions

from skunlearn.neural_network import GradientAscent, JustInTime, NeuralNetClassifier
from skunlearn.neural_network.baselines import (
    BoundaryShrink,
    ErrorMinMaxNoise,
    GatedKnowledgeTransfer,
    RandomLabels,
)

SIZES = [(128, 64)]
CLASSES = [3, 8]
UNLEARNERS = {
    "nothing": None,
    "JustInTime": JustInTime(n_epochs=30),
    "JustInTime, probabilities": JustInTime(lr=0.01, outputs="probabilities", n_epochs=30),
    "GradientAscent": GradientAscent(lr=0.01),
    "RandomLabels": RandomLabels(n_epochs=30),
    "BoundaryShrink": BoundaryShrink(lr=0.01),
    "ErrorMinMaxNoise": ErrorMinMaxNoise(),
    "ErrorMinMaxNoise, lr / 10": ErrorMinMaxNoise(impair_lr=0.002, repair_lr=0.001),
    "Transfer, 20 rounds": GatedKnowledgeTransfer(n_rounds=20),
    "Transfer, 100 rounds": GatedKnowledgeTransfer(n_rounds=100),
    "Transfer, 100 rounds, 1e-5": GatedKnowledgeTransfer(n_rounds=100, threshold=1e-5),
}


def main():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.3, random_state=0, stratify=y)
    found = {name: [] for name in UNLEARNERS}
    for sizes in SIZES:
        fitted = NeuralNetClassifier(
            hidden_layer_sizes=sizes, lr=3e-3, random_state=0, unlearner=GradientAscent()
        ).fit(X, y)
        pickled = pickle.dumps(fitted)
        for code in CLASSES:
            gone, gone_test = y == code, y_test == code
            for name, unlearner in UNLEARNERS.items():
                net, start = pickle.loads(pickled), time.process_time()
                if unlearner is not None:
                    net.set_params(unlearner=unlearner).unlearn(X[gone], y[gone])
                seconds = time.process_time() - start
                found[name].append(
                    (
                        net.score(X[gone], y[gone]),
                        net.score(X_test[gone_test], y_test[gone_test]),
                        net.score(X[~gone], y[~gone]),
                        net.score(X_test[~gone_test], y_test[~gone_test]),
                        seconds,
                    )
                )
    names = ("class", "class_test", "others", "others_test", "cpu_seconds")
    rows = []
    for unlearner, runs in found.items():
        row = {"unlearner": unlearner}
        for name, values in zip(names, np.transpose(runs), strict=True):
            row |= {f"{name}_min": float(values.min()), f"{name}_max": float(values.max())}
        rows.append(row)
    report(
        "neural_whole_class_digits",
        rows,
        hidden_layer_sizes=SIZES,
        classes=CLASSES,
        **versions("torch", "skorch", "scikit-learn"),
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", ".* rows were held out of a class")
    warnings.filterwarnings("ignore", ".* spent its budget before its target")
    main()
