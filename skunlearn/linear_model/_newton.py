"""Newton's method for the logistic objective, from another solver's solution to rounding."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skunlearn._statistics._anchor import losses

MAX_STEPS = 50
_SMALL = 1e-9  # relative to the objective: below it the loss does not tell steps apart
_SOLVED = 1e-22  # the same for the square of the Newton decrement, twice the gap to the optimum


def minimise(anchor, rows, options):
    """Move the anchor of some rows to the minimiser of their objective.

    Parameters
    ----------
    anchor : Anchor
        At the start, the same reference in every group.
    rows : ClassifiedRows
    options : dict
        Of `Anchor.model`.

    Returns
    -------
    anchor : Anchor
        At the minimiser.
    n_steps : int
        Newton steps taken.
    """
    last = np.inf
    model = anchor.model(**options)
    W = start_of(anchor, model)
    value = None
    for n_steps in range(MAX_STEPS):
        gradient = model.modelled_gradient(W)
        step = model.solve() - W
        decrement = -float(np.sum(gradient * step))
        value = objective(model, W, rows) if value is None else value
        size = 1.0 + abs(value)
        stalled = decrement < _SMALL * size and decrement > last / 4
        if decrement <= _SOLVED * size or stalled:
            return anchor, n_steps
        last = decrement
        if decrement > _SMALL * size:
            before = W
            W, value = _search(model, W, step, value, decrement, rows)
            if W is before:
                break
        else:
            W = W + step
        anchor = anchor.at(_references(anchor, W), rows)
        model = anchor.model(**options)
    warnings.warn(
        "Newton's method has not reached the optimum: the bounds hold, but are large. Scale the "
        "columns (StandardScaler) or choose a smaller C.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return anchor, MAX_STEPS


def start_of(anchor, model):
    """Parameters that the references of an anchor stand for, where the maps are the identity."""
    return next(iter(anchor.parts.values())).theta[: model.shape[0]]


def objective(model, W, rows):
    """Evaluate the true objective of a model at W, from the rows."""
    theta = {key: full(model, W) for key in model.anchor.parts}
    data = sum(model.factor(key) * loss for key, loss in losses(theta, rows).items())
    linear = 0.0 if model.linear is None else float(np.sum(model.linear * W))
    return data + 0.5 * float(np.sum(model.penalty * W**2)) + linear


def full(model, W):
    """Coefficients of [x, 1]: W with a row of zeros where there is no intercept."""
    return W if model.fit_intercept else np.vstack([W, np.zeros(W.shape[1])])


def _references(anchor, W):
    theta = W
    if len(W) == anchor.n_features:
        theta = np.vstack([W, np.zeros(W.shape[1])])
    return dict.fromkeys(anchor.parts, theta)


def _search(model, W, step, value, decrement, rows):
    """Halve a step until the objective falls as a quadratic function would, almost."""
    length = 1.0
    while length > 1e-10:
        trial = W + length * step
        new = objective(model, trial, rows)
        if new <= value - 1e-4 * length * decrement:
            return trial, new
        length /= 2
    return W, value
