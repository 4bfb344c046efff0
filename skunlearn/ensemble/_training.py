"""The model of a shard: a function of its rows, of the key, and of nothing else."""

import copy
import dataclasses
import inspect
import time

import numpy as np
from sklearn import pipeline
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.utils.validation import has_fit_parameter

from skunlearn._statistics._hashing import derive_key


def is_seed(name):
    """Tell whether a parameter, possibly nested, is a random_state."""
    return name.split("__")[-1] == "random_state"


def way_of(estimator, n_slices):
    """How the model of a shard is made from its slices.

    Returns
    -------
    {"fit", "warm_start", "partial_fit"}

    Raises
    ------
    ValueError
        If the estimator has no checkpoints.
    """
    if n_slices == 1:
        return "fit"
    if getattr(estimator, "warm_start", False):
        # more trees are what a warm start of an ensemble adds, not more rows to those it has
        if type(estimator).__module__.startswith("sklearn.ensemble."):
            raise ValueError(
                f"Got n_slices={n_slices} with {estimator!r}: the warm start of an ensemble keeps "
                "the trees of the first slice and never shows them the others. Set n_slices=1."
            )
        return "warm_start"
    if hasattr(estimator, "partial_fit"):
        return "partial_fit"
    raise ValueError(
        f"Got n_slices={n_slices} with {type(estimator).__name__}, which can go on from a "
        "checkpoint neither by partial_fit nor by warm_start=True. Set n_slices=1, or take such an "
        "estimator: SGDClassifier, GaussianNB, MLPClassifier, LogisticRegression(warm_start=True)."
    )


def weight_keyword(estimator):
    """Keyword under which `fit` of an estimator takes weights.

    Raises
    ------
    ValueError
        If it takes none.
    """
    if isinstance(estimator, pipeline.Pipeline):
        name, last = estimator.steps[-1]
        if last not in (None, "passthrough"):
            return f"{name}__{weight_keyword(last)}"
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    parameters = inspect.signature(estimator.fit).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return "sample_weight"  # passed on, as search and voting estimators do
    raise ValueError(
        f"Got sample_weight, but the fit of {type(estimator).__name__} takes none. Leave it out, "
        "or choose another estimator."
    )


@dataclasses.dataclass(frozen=True)
class Training:
    """How the models of all shards are made.

    Parameters
    ----------
    template : estimator instance
        Unfitted.
    key : int
    n_slices : int
    way : {"fit", "warm_start", "partial_fit"}
    classifier : bool
    weight_name : str or None
    """

    template: object
    key: int
    n_slices: int
    way: str
    classifier: bool
    weight_name: str | None

    def models(self, shard, rows, known=(), verbose=0):
        """Fit one shard, going on from the checkpoints before the first slice that changed.

        Parameters
        ----------
        shard : int
        rows : ShardRows
        known : tuple of (estimator or None), default=()
            The first checkpoints, which are left as they are.
        verbose : int, default=0

        Returns
        -------
        tuple of (estimator or None)
            A checkpoint after each slice, None where there is nothing to learn from yet; the last
            one is the model.
        """
        start = time.perf_counter()
        where = f"in shard {shard}, which has {len(rows)} rows"
        try:
            models = self._models(shard, rows, known)
        except ValueError as error:
            error.add_note(f"({where})")
            raise
        if verbose:
            seconds = time.perf_counter() - start
            steps = f", slices from {len(known)} on" if self.n_slices > 1 else ""
            print(f"[SISA] fitted {where}{steps}: {seconds:.2f} s", flush=True)
        return models

    def _models(self, shard, rows, known):
        classes = rows.classes if self.classifier else None
        if classes is not None and len(classes) == 1:  # many classifiers refuse a single class
            X, y, _ = rows.between(0, self.n_slices)
            return (None,) * (self.n_slices - 1) + (DummyClassifier().fit(X, y),)
        models = list(known)
        for i in range(len(known), self.n_slices):
            last = models[-1] if models else None
            empty = not rows.counted[rows.slices == i].any()
            models.append(last if empty else self._step(shard, rows, i, last, classes))
        return tuple(models)

    def _step(self, shard, rows, i, last, classes):
        """Checkpoint after slice `i`, from the one before."""
        if self.way == "partial_fit":
            X, y, weights = rows.between(i, i + 1)
            model = self._fresh(shard) if last is None else copy.deepcopy(last)
            given = {} if classes is None else {"classes": classes}
            return model.partial_fit(X, y, **given, **self._weighted(weights))
        X, y, weights = rows.between(0, i + 1)
        if self.way == "warm_start" and self.classifier:
            seen = np.unique(y)
            if len(seen) == 1:
                return None
            if last is not None and not np.array_equal(last.classes_, seen):
                last = None  # coefficients of other classes are no start
        model = self._fresh(shard) if last is None else copy.deepcopy(last)
        return model.fit(X, y, **self._weighted(weights))

    def _weighted(self, weights):
        if weights is None or self.weight_name is None:
            return {}
        return {self.weight_name: weights}

    def _fresh(self, shard):
        """Unfitted model of a shard: each random_state in it is a hash of key, shard and name."""
        model = clone(self.template)
        seeds = {
            name: derive_key(self.key, "estimator", shard, name) % 2**31
            for name in sorted(model.get_params(deep=True))
            if is_seed(name)
        }
        return model.set_params(**seeds)
