"""Shadow models: each learned the rows that remain and a random part of the rows in question.

Refits, which are the null, are shadows that learned none of these.
"""

import copy
import dataclasses
import time

import joblib
import numpy as np
from sklearn.utils.random import sample_without_replacement

from skunlearn._sklearn_compat import keeps_rows, num_samples
from skunlearn._statistics._rows import join, take
from skunlearn.metrics._learners import Progress, reseeded, seeded

_ENOUGH = 16  # shadows on either side of a row, where the size of the models is matched by fewer


@dataclasses.dataclass(frozen=True)
class Shadows:
    """What shadow models, and refits, say on the rows in question: an array a model.

    `way` is "refits", "exact downdating" or "unlearning".
    """

    answers: list
    refits: list
    way: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Pool:
    """Rows in question (forget rows first, then unseen), and those that every model learned."""

    X: object
    y: object
    X_retain: object
    y_retain: object
    n_forget: int

    @property
    def n_rows(self):
        return num_samples(self.X)

    @property
    def n_retain(self):
        return num_samples(self.X_retain)

    def whole(self):
        """All rows: those in question first."""
        return join(self.X, self.X_retain), join(self.y, self.y_retain)


def draw_members(pool, n_shadows, forgets, rng):
    """Draw which rows in question each shadow learns: each row is in equally many shadows.

    Half of the shadows; where the shadows forget, as many as make their requests as large as the
    real one, but enough on either side.

    Returns
    -------
    ndarray of shape (n_shadows, n_rows), bool
    """
    n_unseen = pool.n_rows - pool.n_forget
    if n_unseen > pool.n_forget + pool.n_retain:  # half of the surplus replaces retained rows
        raise ValueError(
            f"Got {n_unseen} unseen rows beside {pool.n_forget} forget rows and {pool.n_retain} "
            "retained ones: shadows that learn half of them would be another kind of model. Pass "
            f"at most {pool.n_forget + pool.n_retain} unseen rows."
        )
    share = 0.5
    if forgets:
        share = min(0.5, max(pool.n_forget / pool.n_rows, _ENOUGH / n_shadows))
    order = rng.random_sample((n_shadows, pool.n_rows)).argsort(axis=0)  # at random, row by row
    return order < max(round(share * n_shadows), 2)


def draw_dropped(member, pool, forgets, rng):
    """Draw the retained rows that each shadow does without, to stand on as many as the original.

    Returns
    -------
    list of ndarray of int
    """
    surplus = np.zeros(len(member), dtype=int) if forgets else member.sum(axis=1) - pool.n_forget
    counts = np.clip(surplus, 0, pool.n_retain - 1)
    return [sample_without_replacement(pool.n_retain, n, random_state=rng) for n in counts]


def downdates(model):
    """Tell whether leaving rows out of a fitted model equals a fit without them, and is cheap."""
    if not hasattr(model, "unlearn"):
        return False
    if getattr(getattr(model, "guarantee_", None), "kind", None) != "exact":
        return False
    return hasattr(model, "__sklearn_tags__") and not keeps_rows(model)


def run_shadows(learner, pool, reader, member, *, n_refits, by, forget, rng, n_jobs, verbose):
    """Make the shadows and the refits, and read them.

    Parameters
    ----------
    learner : estimator
        Of which clones are fitted.
    pool : Pool
    reader : SignalReader
    member : ndarray of shape (n_shadows, n_rows), bool
    n_refits : int
        Models of the retained rows alone; one is enough where all are derived from one fit.
    by : {"refit", "downdate", "unlearn"}
    forget : callable or None
        How a shadow forgets the rows in question that it learned, if it does.
    rng : RandomState
    n_jobs, verbose : int

    Returns
    -------
    Shadows
    """
    start = time.perf_counter()
    n_refits = min(n_refits, 1) if by == "downdate" else n_refits
    dropped = draw_dropped(member, pool, forget is not None, rng)
    dropped += [np.arange(0)] * n_refits
    learned = np.vstack([member, np.zeros((n_refits, pool.n_rows), dtype=bool)])
    seeds = rng.randint(2**31 - 1, size=len(learned))
    jobs = list(zip(learned, dropped, seeds, strict=True))
    derived = {"refit": 0, "downdate": len(jobs), "unlearn": len(member)}[by]  # from one fit
    places = [[i] for i in range(derived, len(jobs))]
    todo = [
        joblib.delayed(_refitted)(learner, pool, reader, [jobs[i] for i in where], forget)
        for where in places
    ]
    if derived:
        whole = _untracked(reseeded(learner, int(seeds[0])))
        whole.fit(*pool.whole())
        n_chunks = min(derived, 8 * joblib.effective_n_jobs(n_jobs))
        chunks = [list(range(i, derived, n_chunks)) for i in range(n_chunks)]
        places += chunks
        todo += [
            joblib.delayed(_downdated)(whole, pool, reader, [jobs[i] for i in where])
            for where in chunks
        ]
    progress = Progress("[membership] shadow", len(jobs), verbose)
    answers = [None] * len(jobs)
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    for where, found in zip(places, parallel(todo), strict=True):
        for i, answer in zip(where, found, strict=True):
            answers[i] = answer
        progress.say(f"{time.perf_counter() - start:.3g} s", len(found))
    way = {"refit": "refits", "downdate": "exact downdating", "unlearn": "unlearning"}[by]
    seconds = time.perf_counter() - start
    return Shadows(answers[: len(member)], answers[len(member) :], way, seconds)


def _untracked(model):
    """Leave fingerprints out: what is forgotten here was learned for certain."""
    return model.set_params(track_rows=False) if "track_rows" in model.get_params() else model


def _refitted(learner, pool, reader, jobs, forget):
    found = []
    for member, dropped, seed in jobs:
        X_retain, y_retain = pool.X_retain, pool.y_retain
        if len(dropped):
            kept = np.delete(np.arange(pool.n_retain), dropped)
            X_retain, y_retain = take(X_retain, kept), take(y_retain, kept)
        X, y = take(pool.X, member), take(pool.y, member)
        with seeded(int(seed)):
            model = reseeded(learner, int(seed))
            model = model if forget is not None else _untracked(model)
            model.fit(join(X, X_retain), join(y, y_retain))
            if forget is not None and member.any():
                changed = forget(model, X, y, X_retain, y_retain)
                model = model if changed is None else changed
            found.append(reader.read(model, pool.X))
    return found


def _downdated(whole, pool, reader, jobs):
    found = []
    for member, dropped, _ in jobs:
        X, y = take(pool.X, ~member), take(pool.y, ~member)
        if len(dropped):
            X, y = join(X, take(pool.X_retain, dropped)), join(y, take(pool.y_retain, dropped))
        model = copy.deepcopy(whole).unlearn(X, y)
        found.append(reader.read(model, pool.X))
    return found
