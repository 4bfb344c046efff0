"""How well a row would be fitted had it not been learned: levels for forget rows, a number a row.

A level is a value of `NetView.phi`. Pure functions of numpy arrays.
"""

import numpy as np
from scipy.stats import rankdata

from skunlearn.neural_network._calibration import SMALL


def class_levels(calibration, codes, phi, score, retained):
    """Levels of classified rows: the unseen phi of the class of a row, at the row's rank.

    Parameters
    ----------
    calibration : Calibration
        Of the net as fitted, without the rows.
    codes : ndarray of shape (m,), int
        Their classes.
    phi : ndarray of shape (m,)
        How well the net fits them: no level is above it.
    score : ndarray of shape (m,)
        Larger for rows that a net which never saw them would fit better; only ranks matter.
    retained : ndarray of shape (n_classes,)
        Share of each class that remains.

    Returns
    -------
    ndarray of shape (m,)
    """
    levels = np.empty(len(codes))
    pooled_rank = (rankdata(score) - 0.5) / max(len(score), 1)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        values, weights = unseen_phi(calibration, code, retained[code])
        if not len(values):
            levels[rows] = phi[rows]
            continue
        rank = (rankdata(score[rows]) - 0.5) / len(rows)
        share = min(len(rows) / SMALL, 1.0)  # of the ranks within the class
        rank = share * rank + (1 - share) * pooled_rank[rows]
        levels[rows] = quantiles(values, weights, rank)
    return np.minimum(levels, phi)


def unseen_phi(calibration, code, retained):
    """Values of phi for the class on unseen rows, with weights that sum to 1.

    Of a class with fewer than 30 unseen rows those of all others are mixed in. A class of which
    nothing remains is compared with what the net says of it on rows of other classes.
    """
    if retained == 0:
        others = calibration.y != code
        values = phi_of(calibration.outputs[others].astype(np.float64), code)
        return values, np.full(len(values), 1 / max(len(values), 1))
    own = calibration.y == code
    share = min(own.sum() / SMALL, 1.0)
    weights = np.where(own, share / max(own.sum(), 1), (1 - share) / max((~own).sum(), 1))
    used = weights > 0
    shift = calibration.temperature * np.log(retained)
    return calibration.phi[used] + shift, weights[used] / weights[used].sum()


def phi_of(outputs, code):
    """Logit of the probability of one class, for each row of logits."""
    others = np.delete(outputs, code, axis=1)
    top = others.max(axis=1, keepdims=True)
    return outputs[:, code] - (top[:, 0] + np.log(np.exp(others - top).sum(axis=1)))


def quantiles(values, weights, ranks):
    """Weighted quantiles, linear between the middles of the weights."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    return np.interp(ranks, np.cumsum(weights) - weights / 2, values)


def residual_levels(calibration, residual, score):
    """Residuals of rows as they would be unseen: never below what they are.

    Parameters
    ----------
    calibration : Calibration
    residual, score : ndarray of shape (m,)
        Absolute residual, and the rank of the fit as in `class_levels`.

    Returns
    -------
    ndarray of shape (m,)
    """
    rank = (rankdata(score) - 0.5) / max(len(score), 1)
    values = calibration.phi
    weights = np.full(len(values), 1 / max(len(values), 1))
    return np.maximum(-quantiles(values, weights, rank), residual)
