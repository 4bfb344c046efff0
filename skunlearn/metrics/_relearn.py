"""Relearn time: how soon a model knows the forget rows again, beside models that never did."""

import copy
import dataclasses
import numbers
import time

import numpy as np
from sklearn.metrics import check_scoring

from skunlearn._sklearn_compat import num_samples
from skunlearn.metrics._leakage import to_frame


@dataclasses.dataclass(frozen=True)
class RelearnTime:
    """Steps that models need until they score on the forget rows as the original did.

    Attributes
    ----------
    steps : float
        Of the unlearned model; 0 if it never forgot, inf if it did not get there in `max_steps`.
    refit_steps : ndarray of shape (n_refits,)
        Of models that never saw the rows.
    target : float
        The score to reach.
    curve : ndarray of shape (n_steps + 1,)
        Scores of the unlearned model before the first step and after each.
    refit_curves : tuple of ndarray
    seconds : float
        What the steps of the unlearned model took.
    max_steps : int

    See Also
    --------
    relearn_time : The function that returns it.

    Examples
    --------
    >>> from skunlearn.metrics import RelearnTime
    >>> found = RelearnTime(2.0, [8.0, 10.0], 1.0, [0.5, 0.9, 1.0], (), 0.01, 100)
    >>> found.ratio
    0.222
    """

    steps: float
    refit_steps: np.ndarray
    target: float
    curve: np.ndarray
    refit_curves: tuple
    seconds: float
    max_steps: int

    @property
    def ratio(self):
        """Steps as a share of the refits' median: 1 for a model that knows no more than they."""
        if not len(self.refit_steps):
            return None
        usual = float(np.median(self.refit_steps))
        return float(self.steps / usual) if usual > 0 and np.isfinite(usual) else None

    @property
    def p_value(self):
        """How often a model, refits included, relearns as soon as the unlearned; None without."""
        if not len(self.refit_steps):
            return None
        sooner = np.count_nonzero(np.asarray(self.refit_steps) <= self.steps)
        return float((1 + sooner) / (1 + len(self.refit_steps)))

    def __str__(self):
        """Say the steps, those of the refits, and the rank, in two lines."""
        lines = [
            f"relearns the forget rows (score {self.target:.3g}) in {_steps(self.steps)}, from "
            f"{self.curve[0]:.3g}"
        ]
        if len(self.refit_steps):
            low, usual, high = np.quantile(self.refit_steps, [0, 0.5, 1], method="nearest")
            lines.append(
                f"refits: {_steps(usual)} [{low:g}, {high:g}] over {len(self.refit_steps)}; "
                f"p = {self.p_value:.3g}"
            )
        else:
            lines.append("no refits to compare with: the number alone says nothing")
        return "\n".join(lines)

    def to_frame(self):
        """Return a pandas DataFrame, one row a model and step."""
        curves = [("unlearned", self.curve)]
        curves += [(f"refit {i}", curve) for i, curve in enumerate(self.refit_curves)]
        return to_frame(
            [
                {"model": name, "step": step, "score": float(score)}
                for name, curve in curves
                for step, score in enumerate(curve)
            ]
        )


def relearn_time(
    unlearned,
    original,
    X_forget,
    y_forget,
    *,
    refits=(),
    step=None,
    scoring=None,
    tolerance=0.0,
    max_steps=100,
):
    """Count the steps of learning until a model knows the forget rows again.

    What was hidden comes back sooner than what was never there.

    Parameters
    ----------
    unlearned : estimator
        The model after unlearning. Copies learn; the model is not changed.
    original : estimator or float
        The model before it forgot, whose score on the forget rows is to be reached, or the score.
    X_forget, y_forget : array-like of shape (n_forget, n_features) and (n_forget,)
        The forget rows.
    refits : list of estimator, default=()
        Models that never saw the rows: without them the number says nothing. 19 for a p-value
        of .05.
    step : callable, default=None
        ``step(model)`` lets a model learn a little more and returns it, or None where it changed it
        in place: an epoch on the forget rows, on all rows, a larger part of a refit. By default
        ``model.partial_fit(X_forget, y_forget)``.
    scoring : str or callable, default=None
        As in scikit-learn, ``scoring(model, X, y)`` for a callable; the models' own `score` by
        default. Losses move sooner than accuracies.
    tolerance : float, default=0.0
        How far below the original's score is near enough.
    max_steps : int, default=100
        Where to give up.

    Returns
    -------
    RelearnTime

    Raises
    ------
    ValueError
        For models without `partial_fit` where no `step` is given, or options out of range.

    See Also
    --------
    membership_inference : What the outputs show without learning on.

    Notes
    -----
    *Threat*: somebody who holds the model file and some of the forgotten rows, and goes on
    training: traces inside a net that its outputs do not show. A model that relearns as slowly as
    refits may hold traces that these steps do not wake. Models that learn a row in one step
    whatever they knew (naive Bayes, least squares) all need the same: nothing can be read from it.
    Each step looks at the score, so the original's score must not lie within reach of chance.

    References
    ----------
    Tarun, Chundawat, Mandal, Kankanhalli. Fast yet effective machine unlearning. IEEE Transactions
    on Neural Networks and Learning Systems, 2024.

    Examples
    --------
    A net that only hides a class, by the intercept of its output, knows it again sooner than one
    that never saw it:

    >>> import copy
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skunlearn.metrics import relearn_time
    >>> X, y = load_digits(n_class=4, return_X_y=True)
    >>> X, three = X / 16, y == 3
    >>> def trained(rows, seed):
    ...     net = MLPClassifier([20], learning_rate_init=0.01, random_state=seed)
    ...     for _ in range(40):
    ...         net.partial_fit(X[rows], y[rows], classes=[0, 1, 2, 3])
    ...     return net
    >>> original, refits = trained(y < 4, 0), [trained(~three, 1), trained(~three, 2)]
    >>> hidden = copy.deepcopy(original)
    >>> hidden.intercepts_[-1][3] -= 15
    >>> found = relearn_time(hidden, original, X[three], y[three], refits=refits)
    >>> hidden.score(X[three], y[three]), bool(found.steps < min(found.refit_steps))
    (0.0, True)
    """
    if not isinstance(max_steps, numbers.Integral) or max_steps < 1:
        raise ValueError(f"Got max_steps={max_steps!r}, expected an int of 1 or more.")
    if not tolerance >= 0:
        raise ValueError(f"Got tolerance={tolerance!r}, expected a float of 0 or more.")
    if num_samples(X_forget) != num_samples(y_forget):
        raise ValueError(
            f"Got {num_samples(X_forget)} rows in X_forget and {num_samples(y_forget)} targets."
        )
    models = [unlearned, *refits]
    if step is None:
        for model in models:
            if not hasattr(model, "partial_fit"):
                raise ValueError(
                    f"{type(model).__name__} has no partial_fit: pass step, a function that lets a "
                    "model learn a little more."
                )

        def step(model):
            return model.partial_fit(X_forget, y_forget)

    scorer = check_scoring(unlearned, scoring)
    numeric = isinstance(original, numbers.Real)
    target = float(original if numeric else scorer(original, X_forget, y_forget))
    start = time.perf_counter()
    curve = _curve(unlearned, step, scorer, X_forget, y_forget, target - tolerance, max_steps)
    seconds = time.perf_counter() - start
    others = [
        _curve(model, step, scorer, X_forget, y_forget, target - tolerance, max_steps)
        for model in refits
    ]
    return RelearnTime(
        steps=_reached(curve, target - tolerance),
        refit_steps=np.array([_reached(other, target - tolerance) for other in others]),
        target=target,
        curve=curve,
        refit_curves=tuple(others),
        seconds=seconds,
        max_steps=int(max_steps),
    )


def _curve(model, step, scorer, X, y, enough, max_steps):
    model = copy.deepcopy(model)
    scores = [scorer(model, X, y)]
    while scores[-1] < enough and len(scores) <= max_steps:
        changed = step(model)
        model = model if changed is None else changed
        scores.append(scorer(model, X, y))
    return np.array(scores, dtype=float)


def _reached(curve, enough):
    return float(len(curve) - 1) if curve[-1] >= enough else np.inf


def _steps(number):
    return f"{number:g} steps" if np.isfinite(number) else "more steps than were tried"
