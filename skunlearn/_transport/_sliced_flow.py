"""Sliced barycentric flow: groups brought to one law by monotone maps along a few axes at a time.

Rows come in coordinates in which the groups' common covariance is about the identity. Each step
looks for an axis along which the groups differ, completes it to an orthogonal basis, and moves the
groups along those of its axes where a map learned on either half of the rows brings the groups of
the other half together: steps that follow noise are not taken.
"""

import numpy as np

from skunlearn._transport._quantile_maps import (
    barycenter_quantiles,
    move,
    plotting_levels,
    quantile_function,
    transport_costs,
)

_SCREENED, _SCREENINGS = 32, 12  # random axes that moments are compared along, and steps of each
_STARTS, _ASCENTS = 4, 8  # axes from which the search ascends, and steps of each
_COARSE = (np.arange(12) + 0.5) / 12  # levels of the maps that the search looks at
_CONTROL = (np.arange(100) + 0.5) / 100  # levels at which distances are checked


def knot_levels(n_knots):
    """Levels of the knots of a map: even, and one more at each end, a quarter of a step in.

    Parameters
    ----------
    n_knots : int

    Returns
    -------
    ndarray of shape (n_knots + 2,)

    Examples
    --------
    >>> from skunlearn._transport import knot_levels
    >>> knot_levels(2).tolist()
    [0.0625, 0.25, 0.75, 0.9375]
    """
    end = 0.125 / n_knots
    return np.concatenate([[end], (np.arange(n_knots) + 0.5) / n_knots, [1 - end]])


def sliced_step(X, codes, weights, shares, levels, gain, rng):
    """Find one step of the flow.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    codes : ndarray of shape (n,), int
        Group of each row.
    weights : ndarray of shape (n,)
        Weight of each row.
    shares : ndarray of shape (n_groups,)
        Weights of the barycenter; they sum to 1.
    levels : ndarray of shape (m,)
        Of the knots.
    gain : float
        Share of the squared distance between the groups of one half that a map learned on the
        other half must take away, both ways round, for an axis to be used.
    rng : numpy.random.Generator

    Returns
    -------
    axes : ndarray of shape (d, k)
        Orthonormal; k is 0 if no axis is used.
    quantiles : ndarray of shape (k, n_groups, m)
    targets : ndarray of shape (k, m)
    """
    halves = _halves(codes, rng)
    one = halves[0]
    basis = _basis(X[one], codes[one], weights[one], shares, rng)
    places = X @ basis
    used, quantiles, targets = [], [], []
    for j, place in enumerate(places.T):
        parts = [(place[half], codes[half], weights[half]) for half in halves]
        if all(_helps(*pair, shares, levels, gain) for pair in (parts, parts[::-1])):
            used.append(j)
            both = _law(place, codes, weights, shares, levels)
            quantiles.append(both[0])
            targets.append(both[1])
    if not used:
        m, k = len(levels), len(shares)
        return basis[:, :0], np.zeros((0, k, m)), np.zeros((0, m))
    return basis[:, used], np.stack(quantiles), np.stack(targets)


def apply_step(X, codes, step, levels):
    """Move rows by a step of the flow.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    codes : ndarray of shape (n,), int
    step : tuple
        From `sliced_step`.
    levels : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (n, d)
    """
    axes, quantiles, targets = step
    if not axes.shape[1]:
        return X
    places = X @ axes
    moved = [
        _moved(place, codes, quantile, target, levels)
        for place, quantile, target in zip(places.T, quantiles, targets, strict=True)
    ]
    return X + (np.stack(moved, axis=1) - places) @ axes.T


def _helps(learn, test, shares, levels, gain):
    """Whether the map learned on some rows along an axis brings the groups of others together."""
    law = _law(*learn, shares, levels)
    place, codes, weights = test
    before = _distance(place, codes, weights, shares)
    moved = _moved(place, codes, *law, levels)
    return _distance(moved, codes, weights, shares) < (1 - gain) * before


def _halves(codes, rng):
    """Halves of the rows, each with half of every group."""
    rank = np.empty(len(codes), dtype=np.intp)
    order = np.lexsort([rng.random(len(codes)), codes])
    rank[order] = np.arange(len(codes))
    return rank % 2 == 0, rank % 2 == 1


def _basis(X, codes, weights, shares, rng):
    """Orthonormal axes: one along which the groups differ, and random ones."""
    starts = _screened(X, codes, weights, rng.integers(len(shares)), rng)
    axis = _ascent(X, codes, weights, shares, starts)
    rest = rng.normal(size=(len(axis), len(axis) - 1))
    return np.linalg.qr(np.column_stack([axis, rest]))[0]


def _screened(X, codes, weights, z, rng):
    """Axes along which third or fourth moments of a group differ from those of the others.

    Fixed points of the gradient of the gap, as in independent component analysis, all starts at
    once; values beyond three deviations are clipped.
    """
    signed = np.where(codes == z, weights, -weights)
    for side in (codes == z, codes != z):
        signed[side] /= weights[side].sum()
    found = []
    for power in (3, 2):
        axes = rng.normal(size=(X.shape[1], _SCREENED))
        for _ in range(_SCREENINGS):
            axes /= np.maximum(np.linalg.norm(axes, axis=0), 1e-300)
            places = np.clip(X @ axes, -3.0, 3.0)
            last = axes
            raised = places * places if power == 2 else places * places * places
            axes = X.T @ (signed[:, None] * raised)
        gap = np.abs(signed @ (raised * places))
        found.append(last[:, np.argsort(-gap)[: _STARTS // 2]].T)
    return np.vstack(found)


def _ascent(X, codes, weights, shares, starts):
    """Axis of a large squared distance between the groups, by ascent from some starts.

    The distance's gradient is, by the envelope theorem, minus twice the mean of the displacement
    along the axis times the row; the fixed point of that direction is followed.
    """
    best, found = -1.0, None
    for axis in starts:
        axis = axis / np.linalg.norm(axis)
        for _ in range(_ASCENTS):
            place = X @ axis
            shift = place - _moved(
                place, codes, *_law(place, codes, weights, shares, _COARSE), _COARSE
            )
            value = weights @ shift**2
            if value > best:
                best, found = value, axis
            axis = (weights * shift) @ X
            length = np.linalg.norm(axis)
            if not length > 0:
                break
            axis = axis / length
    return found


def _law(place, codes, weights, shares, levels):
    """Quantiles of the groups along an axis, and of their barycenter."""
    quantiles = np.empty((len(shares), len(levels)))
    for z in range(len(shares)):
        rows = np.flatnonzero(codes == z)
        rows = rows[np.argsort(place[rows], kind="stable")]
        bounds = plotting_levels(weights[rows], one=np.inf)
        quantiles[z] = quantile_function(place[rows], *bounds, levels)
    return quantiles, barycenter_quantiles(quantiles, shares)


def _moved(place, codes, quantiles, target, levels):
    out = np.empty_like(place)
    for z, quantile in enumerate(quantiles):
        rows = codes == z
        out[rows] = move(place[rows], quantile, target, levels, _middle)
    return out


def _middle(rows):
    """Place of copies of a value: the middle."""
    return np.full(np.count_nonzero(rows), 0.5)


def _distance(place, codes, weights, shares):
    """Mean squared distance of the groups from their barycenter along an axis."""
    quantiles, target = _law(place, codes, weights, shares, _CONTROL)
    return shares @ transport_costs(quantiles, target, _CONTROL)
