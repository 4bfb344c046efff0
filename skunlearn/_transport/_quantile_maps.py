"""Quantile functions of weighted values, and monotone maps between them: one column at a time.

A quantile function is kept as its values at given levels and is linear in between, so that its
inverse, the barycenter (the mean of the groups' functions) and the cost are exact for it.
"""

import numpy as np

_TAIL = 7  # halvings of the outermost step of the levels


def quantile_levels(n_quantiles):
    """Levels at which to keep a quantile function: even, and finer by halves toward both ends.

    Parameters
    ----------
    n_quantiles : int
        Number of even levels, 0 and 1 included; at least 2.

    Returns
    -------
    ndarray of shape (n_quantiles + 14,)

    Examples
    --------
    >>> from skunlearn._transport import quantile_levels
    >>> levels = quantile_levels(5)
    >>> levels[[0, 1, 7, 8, 9, 10, -1]].tolist()
    [0.0, 0.001953125, 0.125, 0.25, 0.5, 0.75, 1.0]
    """
    even = np.linspace(0.0, 1.0, n_quantiles)
    tail = even[1] * 0.5 ** np.arange(_TAIL, 0, -1)
    return np.concatenate([[0.0], tail, even[1:-1], 1 - tail[::-1], [1.0]])


def plotting_levels(masses, one=1.0):
    """Levels between which each of some sorted values lies: a row's mass is centred at its value.

    Parameters
    ----------
    masses : ndarray of shape (n,)
        Weights of distinct values in ascending order.
    one : float, default=1.0
        The mass of one row: a mass of 2 is two rows, with all between their centres level.

    Returns
    -------
    lower, upper : ndarray of shape (n,)
        Equal where a value has the mass of one row at most.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import plotting_levels
    >>> plotting_levels(np.array([1.0, 3.0]))
    (array([0.125, 0.375]), array([0.125, 0.875]))
    """
    ends = np.cumsum(masses)
    half = np.minimum(masses, one) / 2
    total = float(ends[-1])
    return (ends - masses + half) / total, (ends - half) / total


def quantile_function(values, lower, upper, levels):
    """Values of a quantile function at some levels; constant beyond the first and last value.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Ascending.
    lower, upper : ndarray of shape (n,)
        From `plotting_levels`.
    levels : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (m,)

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import plotting_levels, quantile_function
    >>> values = np.array([1.0, 2.0, 3.0, 4.0])
    >>> quantile_function(values, *plotting_levels(np.ones(4)), np.array([0.0, 0.5, 1.0]))
    array([1. , 2.5, 4. ])
    """
    wide = upper > lower
    if not wide.any():
        return np.interp(levels, lower, values)
    times = 1 + wide
    ends = np.cumsum(times) - 1
    places = np.repeat(lower, times)
    places[ends] = upper
    return np.interp(levels, places, np.repeat(values, times))


def barycenter_quantiles(quantiles, weights):
    """Quantile function of the Wasserstein-2 barycenter: the weighted mean of the groups'.

    Parameters
    ----------
    quantiles : ndarray of shape (n_groups, m)
    weights : ndarray of shape (n_groups,)
        They sum to 1.

    Returns
    -------
    ndarray of shape (m,)
        To the last bit that of the groups where they agree.
    """
    return quantiles[0] + weights @ (quantiles - quantiles[0])


def move(x, quantiles, target, levels, dither, ends=(0.0, 1.0)):
    """Move values from one quantile function to another, monotonically.

    Parameters
    ----------
    x : ndarray of shape (n,)
    quantiles, target : ndarray of shape (m,)
        Quantile functions at the same levels.
    levels : ndarray of shape (m,)
    dither : callable
        Gives, for a mask of rows, uniform numbers in [0, 1), one a row: the place of a row among
        the copies of its value. Called only where there are copies.
    ends : pair of float, default=(0.0, 1.0)
        Levels of the first and the last value, beyond which the function is constant.

    Returns
    -------
    ndarray of shape (n,)
        Beyond the first and last quantile values are shifted as these are.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import move
    >>> levels, uniform = np.array([0.0, 0.5, 1.0]), lambda rows: np.full(rows.sum(), 0.5)
    >>> move(np.array([0.0, 1.0, 5.0]), np.array([0.0, 2.0, 4.0]), levels * 10, levels, uniform)
    array([ 0. ,  2.5, 11. ])
    >>> move(np.array([0.0, 2.0]), np.array([0.0, 0.0, 4.0]), levels * 10, levels, uniform)
    array([2.5, 7.5])
    """
    inside = np.clip(x, quantiles[0], quantiles[-1])
    if (np.diff(quantiles) > 0).all():
        return np.interp(inside, quantiles, target) + (x - inside)
    last = np.searchsorted(quantiles, inside, side="right") - 1
    first = np.searchsorted(quantiles, inside, side="left")
    out = np.empty(len(x))
    exact = first <= last  # the value of a quantile, or of several
    lowest, highest = (np.clip(levels[at], *ends) for at in (np.minimum(first, last), last))
    level, moving = lowest, highest > lowest
    moving &= exact
    if moving.any():
        level[moving] += dither(moving) * (highest - lowest)[moving]
    out[exact] = np.interp(level[exact], levels, target)
    low = last[~exact]
    share = (inside[~exact] - quantiles[low]) / (quantiles[low + 1] - quantiles[low])
    out[~exact] = target[low] + share * (target[low + 1] - target[low])
    return out + (x - inside)


def transport_costs(quantiles, target, levels):
    """Squared Wasserstein-2 distances of quantile functions to another one, by the integral.

    Parameters
    ----------
    quantiles : ndarray of shape (n_groups, m)
    target, levels : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (n_groups,)
        In squared units of the values.
    """
    return _integral(quantiles - target, levels)


def quantile_moments(quantiles, levels):
    """Mean and variance of the laws that quantile functions stand for.

    Parameters
    ----------
    quantiles : ndarray of shape (n_groups, m)
    levels : ndarray of shape (m,)

    Returns
    -------
    means, variances : ndarray of shape (n_groups,)
    """
    steps = np.diff(levels)
    means = (quantiles[:, 1:] + quantiles[:, :-1]) @ steps / 2
    return means, _integral(quantiles - means[:, None], levels)


def _integral(functions, levels):
    """Integral over the levels of the squares of piecewise linear functions."""
    left, right = functions[:, :-1], functions[:, 1:]
    return (left**2 + left * right + right**2) @ np.diff(levels) / 3
