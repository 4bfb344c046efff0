"""What JustInTime costs a forget row, beside the bare passes through the net.

"bare" is a hand-written loop that is given the perturbed rows ready made: forward passes of these
(all at once or a draw at a time, whichever is faster), one forward and backward pass of the rows,
one step. "by hand" is the loop of a careful user: it draws the noise, too, independently for each
row. "published" does the same draw by draw. All run in turns in one process, on one thread; the
best CPU time of each counts, which other work on the machine disturbs least.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from _report import report, versions

from skunlearn.base import Request
from skunlearn.neural_network import JustInTime, NeuralNetClassifier
from skunlearn.neural_network._forgetting import Forgetting

BATCH, N, SIGMA, LR = 64, 25, 0.5, 1e-6


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 49, 10),
    )


def smooth(module, optimizer, X, near, norms, at_once=N):
    """One step on a batch: what cannot be saved."""
    with torch.no_grad():
        parts = [module(part.flatten(0, 1)) for part in near.split(at_once)]
    others = torch.cat(parts).unflatten(0, (N, len(X)))
    loss = (torch.linalg.vector_norm(module(X) - others, dim=2) / norms).sum() / N
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def perturb(X):
    near = (X + torch.randn(N, *X.shape) * SIGMA).clamp(X.min(), X.max())
    return near, torch.linalg.vector_norm((near - X).flatten(2), dim=2)


def bare(module, X, at_once):
    optimizer = torch.optim.SGD(module.parameters(), lr=LR)
    ready = [(part, *perturb(part)) for part in X[: 4 * BATCH].split(BATCH)]
    start = time.process_time()
    for i in range(len(X) // BATCH):
        smooth(module, optimizer, *ready[i % len(ready)], at_once)
    return time.process_time() - start


def by_hand(module, X):
    optimizer = torch.optim.SGD(module.parameters(), lr=LR)
    start = time.process_time()
    for part in X.split(BATCH):
        smooth(module, optimizer, part, *perturb(part))
    return time.process_time() - start


def published(module, X):
    optimizer = torch.optim.SGD(module.parameters(), lr=LR)
    start = time.process_time()
    for part in X.split(BATCH):
        out, loss = module(part), 0.0
        for _ in range(N):
            near = (part + torch.randn(part.shape) * SIGMA).clamp(part.min(), part.max())
            with torch.no_grad():
                other = module(near)
            moved = torch.linalg.vector_norm((part - near).flatten(1), dim=1)
            loss = loss + (torch.linalg.vector_norm(out - other, dim=1) / moved).sum() / N
        loss.backward()
        optimizer.step()
    return time.process_time() - start


def ours(net, X, y):
    """Seconds in the unlearner, its checks included."""
    task = Forgetting(net, Request(X, y))._task()
    start = time.process_time()
    net.unlearner.unlearn(task)
    return time.process_time() - start


def request(net, X, y):
    """Seconds of a whole request that is not committed: look-ups, copies, checks."""
    start = time.process_time()
    assert net.can_unlearn(X, y)
    return time.process_time() - start


def measure(name, module, X, y, n_rows, repeats):
    unlearner = JustInTime(SIGMA, LR, n_perturbations=N, batch_size=BATCH, stopping=None)
    net = NeuralNetClassifier(module, unlearner=unlearner, max_epochs=1, random_state=0).fit(X, y)
    rows = torch.as_tensor(X[:n_rows])
    runs = {
        "bare_at_once": lambda: bare(net.module_, rows, N),
        "bare_by_draw": lambda: bare(net.module_, rows, 1),
        "by_hand": lambda: by_hand(net.module_, rows),
        "published": lambda: published(net.module_, rows),
        "just_in_time": lambda: ours(net, X[:n_rows], y[:n_rows]),
        "request": lambda: request(net, X[:n_rows], y[:n_rows]),
    }
    seconds = dict.fromkeys(runs, np.inf)
    for _ in range(repeats):
        for key, run in runs.items():
            seconds[key] = min(seconds[key], run())
    bare_s = min(seconds["bare_at_once"], seconds["bare_by_draw"])
    row = {"net": name, "rows": n_rows}
    row |= {f"{key}_us": value / n_rows * 1e6 for key, value in seconds.items()}
    row["ratio_to_bare"] = seconds["just_in_time"] / bare_s
    row["ratio_to_published"] = seconds["just_in_time"] / seconds["published"]
    row["request_to_bare"] = seconds["request"] / bare_s
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = rng.random((2048, 1, 28, 28), dtype=np.float32)  # speed does not depend on values
    y = rng.integers(0, 10, len(images))
    rows = [
        measure("MLP 784-128-64-10", None, images.reshape(len(images), -1), y, 1024, 25),
        measure("CNN 16-32, 28x28", convolutional(), images[:256], y[:256], 128, 6),
    ]
    report(
        "neural_just_in_time_speed",
        rows,
        batch_size=BATCH,
        n_perturbations=N,
        threads=1,
        **versions("torch", "skorch"),
    )
