"""What is asked of any learner: its seeds, the kind of its target, and how far many fits are."""

import contextlib
import sys
import time

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils.multiclass import type_of_target


def flat_target(y):
    """Return targets as an array, one column as a vector."""
    y = np.asarray(y)
    return y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y


def is_classification(model, y):
    """Tell whether a model classifies: by its tags, or else by the targets."""
    tagged = hasattr(model, "__sklearn_tags__")  # a model of any class may be judged
    if tagged and (is_classifier(model) or is_regressor(model)):
        return is_classifier(model)
    return not type_of_target(y).startswith("continuous")


def seed_names(estimator):
    """Names of all parameters `random_state`, those of nested estimators included."""
    names = sorted(estimator.get_params(deep=True))
    return [n for n in names if n == "random_state" or n.endswith("__random_state")]


@contextlib.contextmanager
def seeded(seed):
    """Seed the global generators, for learners that draw from them, and put them back."""
    torch = sys.modules.get("torch")  # only where the learner has loaded it
    before = np.random.get_state()  # noqa: NPY002
    torch_before = torch and torch.random.get_rng_state()
    np.random.seed(seed)  # noqa: NPY002
    if torch is not None:
        torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
        if torch is not None:
            torch.random.set_rng_state(torch_before)


def reseeded(estimator, seed):
    """Return a clone with seeds of its own, drawn from one number."""
    rng = np.random.RandomState(seed)
    seeds = {name: int(rng.randint(2**31 - 1)) for name in seed_names(estimator)}
    return clone(estimator).set_params(**seeds)


class Progress:
    """A line for each fit, with the time that is left."""

    def __init__(self, what, n, verbose):
        self.what, self.n, self.verbose = what, n, verbose
        self.done, self.start = 0, time.perf_counter()

    def say(self, note, count=1):
        """Count fits that have ended."""
        self.done += count
        if self.verbose:
            left = (time.perf_counter() - self.start) / self.done * (self.n - self.done)
            print(f"{self.what} {self.done} of {self.n}: {note}; about {left:.3g} s left")
