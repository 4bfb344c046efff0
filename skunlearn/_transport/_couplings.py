"""Couplings of discrete laws, a row at a time: maximal ones, and monotone ones to a barycenter.

Laws are rows of arrays of shape (n, n_cells) that sum to 1. Randomness comes in as uniform numbers
in [0, 1), one a row, so that the caller decides what they are a function of.
"""

import numpy as np

_BELOW_ONE = np.nextafter(1.0, 0.0)


def draw_cells(weights, uniform):
    """Draw a cell a row, with probabilities proportional to weights.

    Parameters
    ----------
    weights : ndarray of shape (n, n_cells)
        Not negative; a row of zeros gives the last cell.
    uniform : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,), int
    """
    upper = np.cumsum(weights, axis=1)
    aim = uniform * upper[:, -1]
    cells = (upper <= aim[:, None]).sum(axis=1)
    return np.minimum(cells, weights.shape[1] - 1)


def maximal_coupling(cells, source, target, keep, draw):
    """Move cells from one law to another, leaving as many as possible where they are.

    If a row's cell has the law `source`, its new cell has the law `target`, and the two differ
    with the probability of the laws' total variation, the least there is.

    Parameters
    ----------
    cells : ndarray of shape (n,), int
        Negative where it is not known: then the new cell is drawn from `target`.
    source, target : ndarray of shape (n, n_cells)
    keep, draw : ndarray of shape (n,)
        Independent uniform numbers: whether a cell stays, and where it goes if not.

    Returns
    -------
    ndarray of shape (n,), int

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import maximal_coupling
    >>> source, target = np.tile([0.8, 0.2], (4, 1)), np.tile([0.4, 0.6], (4, 1))
    >>> keep, draw = np.array([0.1, 0.4, 0.6, 0.9]), np.full(4, 0.5)
    >>> maximal_coupling(np.array([0, 0, 0, 1]), source, target, keep, draw)
    array([0, 0, 1, 1])
    """
    rows, known = np.arange(len(cells)), cells >= 0
    own = np.where(known, cells, 0)
    stays = known & (keep * source[rows, own] < target[rows, own])
    moved = np.flatnonzero(~stays)
    out = own.copy()
    if len(moved):
        excess = target[moved] - np.where(known[moved, None], source[moved], 0.0)
        excess = np.maximum(excess, 0.0)
        # laws that are equal but for rounding have no excess: the cell stays
        somewhere = (excess > 0).any(axis=1)
        out[moved[somewhere]] = draw_cells(excess[somewhere], draw[moved[somewhere]])
    return out


def ranked_coupling(cells, source, target, rank, scores):
    """Move cells as `maximal_coupling` does; a rank says who moves, and where to.

    Where those that leave a cell go to cells of higher scores on average, those of the highest
    ranks leave, else those of the lowest; the higher the rank, the higher the score of the new one.

    Parameters
    ----------
    cells, source, target
        As in `maximal_coupling`.
    rank : ndarray of shape (n,)
        Uniform given a row's cell and laws.
    scores : ndarray of shape (n_cells,)

    Returns
    -------
    ndarray of shape (n,), int

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import ranked_coupling
    >>> source, target = np.tile([0.8, 0.2], (4, 1)), np.tile([0.4, 0.6], (4, 1))
    >>> rank = np.array([0.1, 0.4, 0.6, 0.9])
    >>> ranked_coupling(np.zeros(4, dtype=int), source, target, rank, np.array([0.0, 1.0]))
    array([0, 0, 1, 1])
    >>> ranked_coupling(np.zeros(4, dtype=int), source, target, rank, np.array([1.0, 0.0]))
    array([1, 1, 0, 0])
    """
    rows, known = np.arange(len(cells)), cells >= 0
    own = np.where(known, cells, 0)
    excess = np.maximum(target - np.where(known[:, None], source, 0.0), 0.0)
    mass = excess.sum(axis=1)
    goal = np.divide(excess @ scores, mass, out=np.zeros(len(cells)), where=mass > 0)
    up = ~known | (goal > scores[own])
    keep = np.where(up, rank, 1.0 - rank)
    stay = np.divide(
        target[rows, own], source[rows, own], out=np.ones(len(cells)), where=source[rows, own] > 0
    )
    stay = np.where(known, np.minimum(stay, 1.0), 0.0)
    moved = np.flatnonzero((keep >= stay) & (mass > 0))
    # among those that leave, ranks are uniform again
    left = (keep[moved] - stay[moved]) / np.maximum(1.0 - stay[moved], 1e-12)
    left = np.clip(np.where(up[moved], left, 1.0 - left), 0.0, _BELOW_ONE)
    out, order = own.copy(), np.argsort(scores, kind="stable")
    if len(moved):
        out[moved] = order[draw_cells(excess[moved][:, order], left)]
    return out


def mixed_ranks(cells, within, law):
    """Rank in (0, 1) of a place in an ordered cell: uniform if the place has the law.

    Parameters
    ----------
    cells : ndarray of shape (n,), int
    within : ndarray of shape (n,)
        Where in its cell, from 0 to 1; uniform (dithered) where the cell is one value.
    law : ndarray of shape (n, n_cells)

    Returns
    -------
    ndarray of shape (n,)
    """
    rows = np.arange(len(cells))
    own = law[rows, cells]
    below = np.cumsum(law, axis=1)[rows, cells] - own
    return np.clip(below + own * within, 0.0, _BELOW_ONE)


def quantile_cells(ranks, law):
    """Cell, and place in it from 0 to 1, of a rank: the inverse of `mixed_ranks`.

    Parameters
    ----------
    ranks : ndarray of shape (n,)
    law : ndarray of shape (n, n_cells)

    Returns
    -------
    cells : ndarray of shape (n,), int
    within : ndarray of shape (n,)
    """
    rows, upper = np.arange(len(ranks)), np.cumsum(law, axis=1)
    aim = ranks * upper[:, -1]
    cells = np.minimum((upper <= aim[:, None]).sum(axis=1), law.shape[1] - 1)
    own = law[rows, cells]
    below = upper[rows, cells] - own
    within = np.divide(aim - below, own, out=np.zeros(len(aim)), where=own > 0)
    return cells, np.clip(within, 0.0, _BELOW_ONE)


def quantile_barycenter(ranks, laws, weights, values):
    """Mean of the groups' quantiles at the same rank: the W2 barycenter of laws on a line.

    Parameters
    ----------
    ranks : ndarray of shape (n,)
    laws : ndarray of shape (n_groups, n, n_cells)
        The cells in the order of the line.
    weights : ndarray of shape (n_groups,) or (n_groups, n)
        Sum to 1 over the groups.
    values : callable
        ``values(group, cells, within)`` gives the places on the line, shape (n,).

    Returns
    -------
    ndarray of shape (n,)
        The common value, to the last bit, where the groups have one.
    """
    first = values(0, *quantile_cells(ranks, laws[0]))
    out = first.copy()
    for k in range(1, len(laws)):
        out += weights[k] * (values(k, *quantile_cells(ranks, laws[k])) - first)
    return out
