"""The default unlearner on data that it was never tuned on, attacked row by row.

Digits (scikit-learn's) and CIFAR-10 (JPEG copies, a part of it, a small convolutional net). Many
models a side: nets trained on everything that then forget, and nets trained without the rows; each
side over other first weights. By row a likelihood ratio of the two laws of the logit of its own
label (normal laws from half of the models, AUC on the other half, mean over rows), the KL
divergence of margins (KLoM), and accuracies. Beside it: nothing done, the retained-rows variant,
and the trivial baseline that turns labels of forget rows wrong until the accuracy is right.
"retrained" against other retrained nets is the null. Needs SKUNLEARN_DATA for CIFAR-10.

Usage: python confirmation.py [--data digits cifar] [--models 64]
"""

import argparse
import copy

import numpy as np
import torch
from _nets import PACKAGES, Data, SmallConv, Split, cifar10, hardware, report, timed, versions
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import nn

from skunlearn.metrics import klom
from skunlearn.neural_network import CalibratedTeacher, FineTune, NeuralNetClassifier


def digits():
    """1200 rows of digits, a tenth of the labels wrong; 597 rows to test."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    X, y = (X[order] / 16).astype(np.float32), y[order]
    noisy = y.copy()
    wrong = rng.permutation(1200)[:120]
    noisy[wrong] = (y[wrong] + rng.integers(1, 10, 120)) % 10
    data = Data(X[:1200], noisy[:1200], X[1200:], y[1200:])
    return data, {"hidden_layer_sizes": (256,), "lr": 3e-3, "max_epochs": 100}


def cifar():
    """1500 images, which the net learns by heart, and 1000 to test."""
    return cifar10(1500, 1000), {"module": SmallConv, "lr": 2e-3}


DATA = {"digits": digits, "cifar": cifar}


def logits_of_own_label(net, X, y):
    """Logit of the probability of each row's label."""
    p = np.clip(net.predict_proba(X)[np.arange(len(y)), y].astype(float), 1e-7, 1 - 1e-7)
    return np.log(p / (1 - p))


def attack(unlearned, retrained):
    """AUC of the likelihood ratio by row, averaged over rows; .5 where the laws are one."""
    aucs = []
    half = len(unlearned) // 2
    for u, r in zip(unlearned.T, retrained.T, strict=True):
        laws = [(part[:half].mean(), part[:half].std() + 0.05) for part in (u, r)]
        judged = np.concatenate([u[half:], r[half:]])
        scores = [-((judged - m) ** 2) / (2 * s**2) - np.log(s) for m, s in laws]
        labels = np.repeat([1, 0], [len(u) - half, len(r) - half])
        aucs.append(roc_auc_score(labels, scores[0] - scores[1]))
    return float(np.mean(aucs))


def flip_labels(net, split, level, seed):
    """Turn labels of forget rows wrong and fine-tune on these until the accuracy is a level."""
    X, y = split.parts["forget"]
    module = net.module_
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) > level
    targets = np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(100):
        with torch.no_grad():
            if (module(torch.as_tensor(X)).argmax(1).numpy() == y).mean() <= level:
                break
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(torch.as_tensor(X)), torch.as_tensor(targets))
        loss.backward()
        optimizer.step()


def run(name, n_models):
    """Lines of one data set."""
    data, params = DATA[name]()
    rng = np.random.default_rng(1)
    split = Split(data, np.sort(rng.permutation(len(data.y))[: len(data.y) // 20]))
    parts = split.parts
    methods = ("nothing done", "CalibratedTeacher, zero-shot", "CalibratedTeacher, retained rows")
    methods += ("FineTune, 5 epochs", "labels turned wrong")
    logits = {m: [] for m in (*methods, "retrained")}
    scores = {m: [] for m in logits}
    seconds = dict.fromkeys(logits, 0.0)
    rest = dict(zip(("X_retain", "y_retain"), parts["remain"], strict=True))
    gold = [_fit(params, parts["remain"], 1000 + i, seconds) for i in range(n_models)]
    level = float(np.mean([net.score(*parts["forget"]) for net in gold]))

    def note(method, net):
        logits[method].append(logits_of_own_label(net, *parts["forget"]))
        scores[method].append([100 * net.score(*parts[p]) for p in ("forget", "test")])

    for net in gold:
        note("retrained", net)
    for i in range(n_models):
        print(f"{name}: model {i} of {n_models}", flush=True)
        net = NeuralNetClassifier(unlearner=CalibratedTeacher(), random_state=i, **params)
        net.fit(data.X, data.y)
        note("nothing done", net)
        for method, unlearner, rows in (
            (methods[1], CalibratedTeacher(), {}),
            (methods[2], CalibratedTeacher(), rest),
            (methods[3], FineTune(stopping=None), rest),
        ):
            model = copy.deepcopy(net).set_params(unlearner=unlearner)
            _, spent = timed(lambda m=model, r=rows: m.unlearn(*parts["forget"], **r))
            seconds[method] += spent
            note(method, model)
        model = copy.deepcopy(net)
        _, spent = timed(lambda m=model, i=i: flip_labels(m, split, level, i))
        seconds["labels turned wrong"] += spent
        note("labels turned wrong", model)
    return _table(name, n_models, logits, scores, seconds)


def _fit(params, rows, seed, seconds):
    net = NeuralNetClassifier(random_state=seed, keep=(), **params)
    _, spent = timed(lambda: net.fit(*rows))
    seconds["retrained"] += spent
    return net


def _table(name, n_models, logits, scores, seconds):
    gold = np.array(logits["retrained"])
    a, b = gold[: n_models // 2], gold[n_models // 2 :]
    table = []
    for method, values in logits.items():
        values = np.array(values)
        null = method == "retrained"
        forget, test = np.mean(scores[method], axis=0)
        table.append(
            {
                "data": name,
                "method": "retrained (null)" if null else method,
                "models": n_models,
                "forget": float(forget),
                "test": float(test),
                "likelihood-ratio AUC": attack(a, b) if null else attack(values, gold),
                "KLoM": float(np.mean(klom(a, b) if null else klom(values, gold))),
                "share of retraining": seconds[method] / seconds["retrained"],
            }
        )
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="*", default=list(DATA))
    parser.add_argument("--models", type=int, default=64)
    options = parser.parse_args()
    for name in options.data:
        table = run(name, options.models)
        report(f"neural_confirmation_{name}", table, hardware=hardware(), **versions(*PACKAGES))
