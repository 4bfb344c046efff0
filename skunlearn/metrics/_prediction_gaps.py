"""Gaps between the predictions of groups: of their means, and of their distributions."""

import numpy as np
from sklearn.utils import check_random_state

from skunlearn.metrics._inputs import check_sensitive, column, group_codes
from skunlearn.metrics._results import check_null, tested


def discrimination(predictions, groups, *, n_permutations=199, level=0.95, random_state=None):
    """Largest relative gap of the groups' mean predictions.

    The maximum over ordered pairs of groups of ``|1 - mean_i / mean_j|``, with a permutation null.

    Parameters
    ----------
    predictions : array-like of shape (n_samples,)
        Predictions: 0 or 1, probabilities, or amounts that are not negative.
    groups : array-like of shape (n_samples,)
        The group of each row. No missing values.
    n_permutations : int, default=199
        Permutations of the groups for the null; 0 for none.
    level : float, default=0.95
        Quantile of the null, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        For the permutations.

    Returns
    -------
    DependenceResult
        A pure number: 0 for equal means, 1 if one mean is twice another, infinite if one is 0.

    Raises
    ------
    ValueError
        For negative predictions, missing values, fewer than two groups, unequal lengths.

    See Also
    --------
    ks_distance : Compares whole distributions.

    Notes
    -----
    For predictions of 0 and 1 this is demographic parity as a ratio, the figure of [1]_. It sees
    means only: predictions of .1 and .9 in one group and .5 in the other have none of it and
    tell the groups apart. It depends on the zero of the scale, is biased upwards (a maximum of
    absolute values; more for small groups, more groups and small means): read it against the null.

    References
    ----------
    .. [1] Xu, Strohmer. Fair data representation for machine learning at the Pareto frontier. JMLR
       24, 2023.

    Examples
    --------
    >>> from skunlearn.metrics import discrimination
    >>> hired, sex = [1, 0, 0, 0, 1, 1, 0, 0] * 20, ["f", "f", "f", "f", "m", "m", "m", "m"] * 20
    >>> discrimination(hired, sex, random_state=0).estimate
    1.0
    """
    values, codes = _predictions(predictions, groups)
    if values.min() < 0:
        raise ValueError(
            f"Got the prediction {values.min():.4g}, expected none below 0: a ratio of means needs "
            "a scale with a zero; use ks_distance."
        )
    check_null(n_permutations, level)
    sizes = np.bincount(codes)

    def statistic(order):
        means = np.bincount(codes[order], values) / sizes
        low, high = means.min(), means.max()
        return 0.0 if high == low else high / low - 1 if low > 0 else np.inf

    return tested(
        statistic,
        len(codes),
        check_random_state(random_state),
        n_permutations=n_permutations,
        level=level,
        name="discrimination",
        units="",
        method="largest ratio of group means, less 1",
    )


def ks_distance(predictions, groups, *, n_permutations=199, level=0.95, random_state=None):
    """Largest Kolmogorov-Smirnov distance between the groups' predictions.

    Parameters
    ----------
    predictions : array-like of shape (n_samples,)
        Predictions or scores.
    groups : array-like of shape (n_samples,)
        The group of each row. No missing values.
    n_permutations : int, default=199
        Permutations of the groups for the null; 0 for none.
    level : float, default=0.95
        Quantile of the null, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        For the permutations.

    Returns
    -------
    DependenceResult
        A probability: 0 for equal distributions, 1 if a threshold tells two groups apart.

    Raises
    ------
    ValueError
        For missing values, fewer than two groups, unequal lengths.

    See Also
    --------
    discrimination : Compares means.
    scipy.stats.ks_2samp : The statistic of two groups.

    Notes
    -----
    Zero in the population exactly if all groups have one distribution, so that every threshold
    treats them alike; it says nothing about errors (equalised odds). Biased upwards by about
    ``1 / sqrt(n)`` of the smaller group: read it against the null. Weak in the tails. It is the
    figure of Xu and Strohmer (2023) for regression.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import ks_distance
    >>> groups = np.repeat(["a", "b"], 100)
    >>> wage = np.r_[np.arange(100), np.arange(100) + 30]
    >>> ks_distance(wage, groups, random_state=0).estimate
    0.3
    """
    values, codes = _predictions(predictions, groups)
    check_null(n_permutations, level)
    by_value = np.argsort(values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[by_value]) > 0, True))  # after the ties
    sizes = np.bincount(codes)

    def statistic(order):
        member = np.eye(len(sizes))[codes[order][by_value]]
        below = np.cumsum(member, axis=0)[ends] / sizes
        return np.max(below.max(axis=1) - below.min(axis=1))

    return tested(
        statistic,
        len(codes),
        check_random_state(random_state),
        n_permutations=n_permutations,
        level=level,
        name="Kolmogorov-Smirnov distance",
        units="",
        method="largest over pairs of groups",
    )


def _predictions(predictions, groups):
    values = np.asarray(predictions, dtype=float)
    values = column(values, len(values), "predictions")
    if not np.isfinite(values).all():
        raise ValueError("Got predictions that are NaN or infinite.")
    return values, group_codes(check_sensitive(groups, len(values)), 1)
