"""Refits on the retained rows over seeds, and what models say on the rows that are compared."""

import dataclasses
import numbers
import time

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.metrics import r2_score

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._rows import take
from skunlearn.metrics._learners import (
    Progress,
    flat_target,
    is_classification,
    seed_names,
    seeded,
)

MAX_ROWS = 10_000  # of a block, for predictions; loss and distance are means over rows
_CLIP = 1e-6  # probability of the true label from below: a loss of 13.8 nats


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What a model says on the compared rows, by block ("forget", "retain", "test").

    `values` are what distances are taken of; `exact` what equality is judged by (scores where
    `values` are hard predictions); `loss` one number a row; `scores` one a block.
    """

    values: dict
    exact: dict
    loss: dict
    scores: dict

    @property
    def score(self):
        """Score on the test rows."""
        return self.scores["test"]


class Task:
    """The rows to compare models on, and how to read a model.

    Parameters
    ----------
    models : list of estimator
        All models that are given, the original first.
    blocks : dict of str to (X, y)
    rng : RandomState
        Draws the rows of blocks with more than `MAX_ROWS`.
    """

    def __init__(self, models, blocks, rng):
        targets = [flat_target(y) for _, y in blocks.values()]
        self.classifies = is_classification(models[0], targets[1])
        self.method, self.scores = _method(models) if self.classifies else ("predict", None)
        self.classes, self.scale = None, 1.0
        if self.classifies:
            _refuse_many_targets(targets)
            known = [np.asarray(m.classes_) for m in models if hasattr(m, "classes_")]
            self.classes = np.unique(np.concatenate([*known, *(np.ravel(y) for y in targets)]))
        else:
            spread = np.std(
                np.asarray(targets[1], dtype=float).reshape(len(targets[1]), -1), axis=0
            )
            self.scale = np.where(spread > 0, spread, 1.0)
        self.blocks = {name: _some_rows(X, flat_target(y), rng) for name, (X, y) in blocks.items()}
        if self.scores is not None:
            found = _decisions(models[0], self.blocks["retain"][0])
            self.scale = float(np.std(found)) or 1.0

    @property
    def measure(self):
        """Name of the distance."""
        if not self.classifies:
            return "root mean square difference, in standard deviations of the target"
        if self.method == "predict_proba":
            return "mean total variation of predict_proba"
        return "share of the rows with another prediction"

    def read(self, model):
        """Return the `Outputs` of a model."""
        read = self._read_classifier if self.classifies else self._read_regressor
        found = {name: read(model, X, y) for name, (X, y) in self.blocks.items()}
        return Outputs(*({name: parts[i] for name, parts in found.items()} for i in range(4)))

    def _read_regressor(self, model, X, y):
        predicted = np.asarray(model.predict(X), dtype=float).reshape(num_samples(X), -1)
        y = np.asarray(y, dtype=float).reshape(predicted.shape)
        score = float(r2_score(y, predicted)) if len(y) > 1 else np.nan
        values = predicted / self.scale
        return values, values, np.mean(((predicted - y) / self.scale) ** 2, axis=1), score

    def _read_classifier(self, model, X, y):
        codes = np.searchsorted(self.classes, y)
        hard = np.asarray(model.predict(X)).ravel()
        score = float(np.mean(hard == y))
        if self.method == "predict":
            values = (hard[:, None] == self.classes).astype(float)
            exact = values
            if self.scores is not None:
                exact = _decisions(model, X) / self.scale
            return values, exact, (hard != y).astype(float), score
        values = np.zeros((len(codes), len(self.classes)))
        columns = np.searchsorted(self.classes, model.classes_)
        values[:, columns] = model.predict_proba(X)
        truth = values[np.arange(len(codes)), codes]
        return values, values, -np.log(np.maximum(truth, _CLIP)), score


def _method(models):
    """Probabilities where all models have them, else predictions, with scores if all have some."""
    if all(hasattr(m, "predict_proba") and hasattr(m, "classes_") for m in models):
        return "predict_proba", None
    scored = all(hasattr(m, "decision_function") for m in models)
    return "predict", "decision_function" if scored else None


def _decisions(model, X):
    return np.asarray(model.decision_function(X), dtype=float).reshape(num_samples(X), -1)


def _refuse_many_targets(targets):
    for y in targets:
        if y.ndim > 1:
            raise ValueError(
                f"Got targets of shape {y.shape} for a classifier, expected one label a row: audit "
                "each target by itself."
            )


def _some_rows(X, y, rng):
    if num_samples(X) <= MAX_ROWS:
        return X, y
    rows = np.sort(rng.choice(num_samples(X), MAX_ROWS, replace=False))
    return take(X, rows), y[rows]


# Refits


@dataclasses.dataclass(frozen=True)
class Refits:
    """What refits say, and what they took; the first model fitted is kept."""

    outputs: list
    seconds: tuple
    first: object  # a fitted model
    first_outputs: Outputs
    own_seeds: bool  # whether the first has the seeds of the original, and is one more refit
    stopped: bool  # whether two refits sufficed


def run_refits(original, task, X, y, *, n_refits, fit_params, rng, n_jobs, verbose):
    """Fit clones of the original on the retained rows; each with seeds of its own."""
    names = seed_names(original)
    seeds = [[int(s) for s in rng.randint(2**31 - 1, size=len(names) + 1)] for _ in range(n_refits)]
    jobs = [dict(zip([None, *names], row, strict=True)) for row in seeds]
    own = _own_seeds(original, names)
    if own is not None:  # one more: an exact method is equal to it
        jobs.insert(0, {None: seeds[0][0], **own})
    shared = (original, task, X, y, fit_params)
    progress = Progress("[audit] refit", len(jobs), verbose)
    done, stopped = [], False
    if not names:  # two equal refits of a learner without seeds: it is deterministic
        done = [_said(progress, _refit(*shared, job, i == 0)) for i, job in enumerate(jobs[:2])]
        stopped = n_refits > 2 and same_bits(done[0][0].exact, done[1][0].exact)
    if not stopped:
        todo = [joblib.delayed(_refit)(*shared, job, i == 0) for i, job in enumerate(jobs)]
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
        done += [_said(progress, result) for result in parallel(todo[len(done) :])]
    outputs, seconds, models = (list(part) for part in zip(*done, strict=True))
    over_seeds = outputs if own is None else outputs[1:]
    return Refits(over_seeds, tuple(seconds), models[0], outputs[0], own is not None, stopped)


def same_bits(one, other):
    """Tell whether two sets of outputs by block are equal bit for bit."""
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


def _refit(original, task, X, y, fit_params, seeds, keep):
    seeds = dict(seeds)
    with seeded(seeds.pop(None)):
        model = clone(original).set_params(**seeds)
        start = time.perf_counter()
        model = model.fit(X, y, **fit_params)
        seconds = time.perf_counter() - start
        outputs = task.read(model)
    return outputs, seconds, model if keep else None


def _own_seeds(original, names):
    """Parameters that give a refit the seeds of the original; None where it has none of its own."""
    params = original.get_params(deep=True)
    if any(isinstance(params[name], numbers.Integral) for name in names):
        return {}
    if "random_state" in names and params["random_state"] is None and hasattr(original, "seed_"):
        return {"random_state": original.seed_}  # drawn at fit, and kept
    return None


def _said(progress, result):
    progress.say(f"{result[1]:.3g} s")
    return result
