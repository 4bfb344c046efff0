"""JustInTime in the plane: one row forgotten, of three kinds, beside nets that never saw it.

Two overlapping clusters, a net that has learned their rows nearly by heart, and one row to forget:
near the boundary, in the middle of its cluster, or within it with the other label on purpose. Doses
are numbers of steps; no rule can be asked for a single row. For each: the probability of its label
at the row, the share of the square in which the predicted class differs from that of nets trained
without the row (with the same share between two such nets, and for the net as it was), and the
accuracy on fresh rows. The rows differ from seed to seed.
"""

import collections
import pickle
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import report, versions

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network import JustInTime, NeuralNetClassifier

SEEDS = range(5)
CENTRES = np.array([[-1.1, 0.0], [1.1, 0.0]])
FORMS = {
    "anchor": {"lr": 0.003},
    "full": {"lr": 0.003, "gradient": "full"},
    "anchor, probabilities": {"lr": 0.03, "outputs": "probabilities"},
}
DOSES = (10, 100)
SQUARE = np.stack(np.meshgrid(*[np.linspace(-3, 3, 121)] * 2), axis=-1).reshape(-1, 2)


def draw(rng, n):
    y = rng.integers(0, 2, n)
    return CENTRES[y] + 0.7 * rng.normal(size=(n, 2)), y


def rows_to_forget(X, y):
    """Choose the three rows; the label of the last is the wrong one from here on."""
    of_first = np.flatnonzero(y == 0)
    left = of_first[X[of_first, 0] < 0]  # on its own side of the boundary, which is x = 0
    by_boundary = left[np.argsort(-X[left, 0])]
    by_centre = of_first[np.argsort(((X[of_first] - CENTRES[0]) ** 2).sum(axis=1))]
    wrong = by_centre[len(by_centre) // 2]
    y[wrong] = 1
    return {"near boundary": by_boundary[0], "in cluster": by_centre[0], "wrong label": wrong}


def fit(X, y, seed):
    return NeuralNetClassifier(
        hidden_layer_sizes=(256, 256),
        lr=0.01,
        max_epochs=200,
        batch_size=125,
        train_split=None,
        callbacks__train_loss=None,
        callbacks__print_log=None,
        random_state=seed,
        unlearner=JustInTime(stopping=None),
    ).fit(X, y)


def look(net, x, label, regions, fresh):
    region = net.predict(SQUARE)
    return (
        net.predict_proba(x)[0, label],
        np.mean([np.mean(region != other) for other in regions]),
        net.score(*fresh),
    )


def main():
    found, diverged = {}, collections.Counter()
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        X, y = draw(rng, 250)
        fresh = draw(rng, 4000)
        chosen = rows_to_forget(X, y)
        pickled = pickle.dumps(fit(X, y, seed))
        for kind, row in chosen.items():
            rest = np.arange(len(X)) != row
            never = [fit(X[rest], y[rest], seed + s) for s in (100, 200)]
            regions = [net.predict(SQUARE) for net in never]
            x, label = X[[row]], int(y[row])

            def note(name, net, others, kind=kind, x=x, label=label, fresh=fresh):
                found.setdefault((kind, name), []).append(look(net, x, label, others, fresh))

            for i, net in enumerate(never):
                note("retrained", net, regions[:i] + regions[i + 1 :])
            note("original", pickle.loads(pickled), regions)
            for form, change in FORMS.items():
                for n in DOSES:
                    net = pickle.loads(pickled)
                    net.unlearner = JustInTime(0.3, n_epochs=n, stopping=None, **change)
                    net.unlearner.set_params(clamp=False)  # a single row has no range
                    name = f"{form}, {n} steps"
                    try:
                        net.unlearn(x, [label])
                    except UnlearningError:  # a loss that is not finite
                        diverged[kind, name] += 1
                    else:
                        note(name, net, regions)
    rows = []
    for (kind, name), values in found.items():
        p, apart, accuracy = np.transpose(values)
        rows.append(
            {
                "row": kind,
                "net": name,
                "diverged": diverged[kind, name],
                "p_label": float(p.mean()),
                "p_label_sd": float(p.std()),
                "area_apart": float(apart.mean()),
                "fresh_accuracy": float(accuracy.mean()),
                "fresh_accuracy_min": float(accuracy.min()),
            }
        )
    report("neural_just_in_time_2d", rows, seeds=len(SEEDS), sigma=0.3, **versions("torch"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
