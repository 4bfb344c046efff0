"""What the benchmarks of nets share: data, forget sets, retraining, and the numbers compared."""

import copy
import dataclasses
import io
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _report.py is

from _report import RESULTS, report, versions  # noqa: F401
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from torch import nn

from skunlearn.datasets import fetch_mnist
from skunlearn.datasets._base import folder_of
from skunlearn.neural_network import NeuralNetClassifier

torch.set_num_threads(1)  # small layers: threads only wait for each other
PACKAGES = ("skunlearn", "torch", "skorch", "scikit-learn", "numpy")


@dataclasses.dataclass(frozen=True)
class Data:
    """Rows to train on and rows to test on; `y_test` is never noisy."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def mnist(n=60_000, noise=0.0, seed=0):
    """MNIST in [0, 1], a random part of the training rows, a share of their labels made wrong."""
    X, y = fetch_mnist(return_X_y=True, download_if_missing=False)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True, download_if_missing=False)
    rng = np.random.default_rng(seed)
    rows = np.arange(len(X)) if n == len(X) else rng.permutation(len(X))[:n]
    y = y[rows].copy()
    wrong = rng.permutation(n)[: int(noise * n)]
    y[wrong] = (y[wrong] + rng.integers(1, 10, len(wrong))) % 10
    return Data((X[rows] / 255).astype(np.float32), y, (X_test / 255).astype(np.float32), y_test)


def cifar10(n=50_000, n_test=10_000, seed=0):
    """CIFAR-10 around 0, random parts of it: copies by JPEG, for comparisons among each other."""
    from PIL import Image

    with np.load(folder_of(None, "cifar10") / "cifar10_jpeg_bytes.npz") as file:
        raw, lengths, y = file["data"], file["lengths"], file["y"].astype(int)
    ends = np.cumsum(lengths)
    rng = np.random.default_rng(seed)
    train = np.sort(rng.permutation(50_000)[:n])
    test = 50_000 + np.sort(rng.permutation(10_000)[:n_test])

    def decode(rows):
        out = np.empty((len(rows), 3, 32, 32), dtype=np.float32)
        for k, i in enumerate(rows):
            image = Image.open(io.BytesIO(raw[ends[i] - lengths[i] : ends[i]].tobytes()))
            out[k] = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        out /= 255
        out -= 0.5
        return out

    return Data(decode(train), y[train], decode(test), y[test])


class SmallConv(nn.Module):
    """Convolutions of stride 2 without batch norm, and a hidden layer, for 32 × 32 pixels."""

    def __init__(self, out_features, channels=(16, 32), hidden=64):
        super().__init__()
        layers = []
        for one, other in zip((3, *channels[:-1]), channels, strict=True):
            layers += [nn.Conv2d(one, other, 4, stride=2, padding=1), nn.ReLU()]
        size = channels[-1] * (32 >> len(channels)) ** 2
        layers += [nn.Flatten(), nn.Linear(size, hidden), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, out_features))

    def forward(self, X):
        """Logits."""
        return self.layers(X)


SETTINGS = {
    "20k clean": {"n": 20_000},
    "20k, 10 % wrong": {"n": 20_000, "noise": 0.1},
    "20k, 5 % wrong": {"n": 20_000, "noise": 0.05},
    "3k": {"n": 3_000},
}


def forget_sets(y, seed):
    """Rows to forget, by name: at random, a part of a class, a whole class."""
    rng = np.random.default_rng(1000 + seed)
    order, threes = rng.permutation(len(y)), rng.permutation(np.flatnonzero(y == 3))
    return {
        "random 1 %": np.sort(order[: len(y) // 100]),
        "random 5 %": np.sort(order[: len(y) // 20]),
        "75 % of the 3s": np.sort(threes[: int(0.75 * len(threes))]),
        "class 3": np.sort(threes),
    }


def new_net(seed, **params):
    """Return the net of Xu and Strohmer's table: 784-128-64-10."""
    return NeuralNetClassifier(hidden_layer_sizes=(128, 64), random_state=seed, **params)


def timed(function, device="cpu"):
    """Return the result of a call, and its seconds.

    On a CPU its seconds of CPU, so that other work does not count; else those of the clock.
    """
    start = _clock(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the calibrated stopping could not reach
        result = function()
    return result, _clock(device) - start


def _clock(device):
    if torch.device(device).type != "cuda":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def hardware(device="cpu"):
    """Name of what the seconds are of."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, one thread"


@dataclasses.dataclass(frozen=True)
class Split:
    """A request: rows to forget, rows that remain, rows never seen.

    `like` are the test rows that the forget rows are compared with; None: all.
    """

    data: Data
    forget: np.ndarray
    like: np.ndarray | None = None

    @property
    def parts(self):
        """(X, y) of each part, by name."""
        keep = np.setdiff1d(np.arange(len(self.data.y)), self.forget)
        d = self.data
        return {
            "forget": (d.X[self.forget], d.y[self.forget]),
            "remain": (d.X[keep], d.y[keep]),
            "test": (d.X_test, d.y_test),
        }


def outputs(net, split):
    """Probabilities on each part."""
    return {name: net.predict_proba(X) for name, (X, _) in split.parts.items()}


def accuracies(proba, split):
    """Percent right on each part."""
    parts = split.parts
    return {k: 100 * float((p.argmax(axis=1) == parts[k][1]).mean()) for k, p in proba.items()}


def js_divergence(p, q):
    """Mean Jensen–Shannon divergence in nats."""
    m = (p + q) / 2
    return float(np.mean(_entropy(m) - (_entropy(p) + _entropy(q)) / 2))


def _entropy(p):
    p = np.clip(p, 1e-12, None)
    return -(p * np.log(p)).sum(axis=1)


def membership_auc(proba, split, seed=0):
    """AUC of the loss attack, forget rows against as many unseen rows of the same classes.

    Unseen rows have right labels: with wrong ones among the forget rows this is no fair attack.
    """
    (_, y), (_, y_test) = split.parts["forget"], split.parts["test"]
    rng = np.random.default_rng(seed)
    like = np.arange(len(y_test)) if split.like is None else split.like
    drawn = []
    for label, n in zip(*np.unique(y, return_counts=True), strict=True):
        rows = like[y_test[like] == label]
        drawn.append(rng.choice(rows, size=n, replace=n > len(rows)))
    drawn = np.concatenate(drawn)
    losses = [
        -np.log(np.clip(p[np.arange(len(t)), t], 1e-12, None))
        for p, t in ((proba["forget"], y), (proba["test"][drawn], y_test[drawn]))
    ]
    return float(roc_auc_score(np.repeat([0, 1], list(map(len, losses))), np.concatenate(losses)))


def relearn_steps(net, split, target, batch_size=64, limit=300, seed=0):
    """Count steps of Adam on forget rows until the accuracy on them is a target, in percent."""
    X, y = (torch.as_tensor(part).to(net.device) for part in split.parts["forget"])
    module = copy.deepcopy(net.module_)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(seed)
    for step in range(limit):
        with torch.no_grad():
            right = (module(X).argmax(1) == y).double().mean()  # as `accuracies` takes it
            if 100 * float(right) >= target:
                return step
        rows = torch.randint(len(X), (batch_size,), generator=generator)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(X[rows]), y[rows]).backward()
        optimizer.step()
    return limit


def retrained(net, split, seed):
    """Train a net of the same kind on what remains, from other first weights; time it."""
    X, y = split.parts["remain"]
    again = clone(net).set_params(random_state=seed, keep=(), classes=np.unique(split.data.y))
    return timed(lambda: again.fit(X, y), net.device)


def mean_sd(rows, by, over):
    """Average rows (dictionaries) over seeds: mean and standard deviation of each number."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in by), []).append(row)
    out = []
    for key, group in found.items():
        line = dict(zip(by, key, strict=True)) | {"seeds": len(group)}
        for name in over:
            values = np.array([row[name] for row in group], dtype=float)
            line[name] = float(values.mean())
            line[f"{name} sd"] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        out.append(line)
    return out
