"""How sure nets are of the rows to forget: as fitted, refitted, after JustInTime, after ours.

Entropies of the predictions on the forget rows, compared with those of nets trained without them by
`skunlearn.metrics.entropy_comparison`: mean Kolmogorov-Smirnov distance to the refits, the share
of refits from which Wilcoxon's signed rank test tells the net at .05 (the test of the paper), and a
p-value by rank among the refits. The first line of each is the null: each refit among the others.
With a tenth of the labels wrong the nets hardly learn the digits' wrong labels by heart, so for
random rows there is little to see; the rows of a class are another matter.

    python benchmarks/neural/entropy_study.py [--data digits|mnist]
"""

import argparse
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import report, versions

from skunlearn.datasets import fetch_mnist
from skunlearn.metrics import entropy_comparison
from skunlearn.neural_network import CalibratedTeacher, GradientAscent, JustInTime
from skunlearn.neural_network import NeuralNetClassifier as Net

N_REFITS, N_NETS = 20, 3
UNLEARNERS = {
    "JustInTime": JustInTime(n_epochs=30),
    "JustInTime, published budget": JustInTime(accumulate=True, mode="train", stopping=None),
    "JustInTime, probabilities": JustInTime(lr=0.01, outputs="probabilities", n_epochs=30),
    "GradientAscent": GradientAscent(lr=0.01),
    "CalibratedTeacher": CalibratedTeacher(),
}


def read(name, rng):
    """Rows, with a tenth of the labels wrong, so that there is something to forget."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X = X / 16
    else:
        X, y = fetch_mnist(return_X_y=True)
        some = rng.choice(len(X), 3000, replace=False)
        X, y = X[some] / 255, y[some]
    order = rng.permutation(len(X))
    X, y = X[order].astype(np.float32), y[order].astype(int)
    wrong = rng.random(len(y)) < 0.1
    return X, np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y)


def fit(X, y, seed, unlearner=None):
    quiet = {"callbacks__train_loss": None, "callbacks__print_log": None}
    return Net(random_state=seed, lr=3e-3, unlearner=unlearner, **quiet).fit(X, y)


def numbers(probabilities, refits):
    found = entropy_comparison(probabilities, refits)
    return {
        "mean_entropy": float(found.entropy.mean()),
        "ks_to_refits": float(found.ks.mean()),
        "told_by_wilcoxon": float(np.mean(found.wilcoxon_p <= 0.05)),
        "p_value": float(found.p_value),
    }


def study(name, X, y, gone):
    """Compare all nets for one forget set, a mask."""
    refits = [
        fit(X[~gone], y[~gone], 100 + i, GradientAscent()).predict_proba(X[gone])
        for i in range(N_REFITS)
    ]
    found = {}
    for seed in range(N_NETS):
        pickled = pickle.dumps(fit(X, y, seed, CalibratedTeacher()))
        net = pickle.loads(pickled)
        found.setdefault("as fitted", []).append(numbers(net.predict_proba(X[gone]), refits))
        for unlearner, strategy in UNLEARNERS.items():
            net = pickle.loads(pickled)
            net.unlearner = strategy
            net.unlearn(X[gone], y[gone])
            found.setdefault(unlearner, []).append(numbers(net.predict_proba(X[gone]), refits))
    own = [numbers(p, refits[:i] + refits[i + 1 :]) for i, p in enumerate(refits)]
    return [
        {"forget": name, "net": net, "nets": len(values)}
        | {key: float(np.mean([value[key] for value in values])) for key in values[0]}
        for net, values in {"refits, each among the others": own, **found}.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    data = parser.parse_args().data
    X, y = read(data, np.random.default_rng(0))
    some = np.arange(len(y)) < len(y) // 20
    rows = study("5 % of the rows", X, y, some) + study("all labelled 3", X, y, y == 3)
    report(
        f"neural_entropy_{data}",
        rows,
        rows_in_all=len(y),
        wrong_labels=0.1,
        refits=N_REFITS,
        **versions("torch", "skorch"),
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", ".* rows were held out of a class")
    warnings.filterwarnings("ignore", "Nothing to forget")
    warnings.filterwarnings("ignore", ".* spent its budget before its target")
    main()
