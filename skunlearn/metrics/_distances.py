"""How far apart groups are: distance correlation and the sliced Wasserstein distance."""

from itertools import combinations

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.utils import check_random_state

from skunlearn.metrics._information import as_columns, is_discrete, numbers, subsample
from skunlearn.metrics._inputs import check_sensitive, column, group_codes
from skunlearn.metrics._results import check_null, tested


def distance_correlation(
    X,
    Z,
    *,
    discrete_z="auto",
    max_samples=1000,
    n_permutations=199,
    level=0.95,
    random_state=None,
):
    """Squared distance correlation of X and Z, bias-corrected, with a permutation test.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples,) or (n_samples, n_features)
        The data. Columns that are no numbers are one-hot encoded, all are standardised.
    Z : array-like of shape (n_samples,)
        The sensitive variable, groups (distance 0 or 1) or numbers. No missing values.
    discrete_z : bool or "auto", default="auto"
        Whether Z is groups; ``"auto"`` takes for groups what is no number, or at most 20 distinct
        whole numbers.
    max_samples : int or None, default=1000
        Rows drawn at random if there are more, None for no bound: memory and time of a
        permutation grow with their square (16 MB for 1000 rows).
    n_permutations : int, default=199
        Permutations for the null; 0 for none.
    level : float, default=0.95
        Quantile of the null, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        For rows and permutations.

    Returns
    -------
    DependenceResult
        A pure number: 0 on average under independence (it can be below), 1 where distances
        between rows of X are proportional to those of Z.

    Raises
    ------
    ValueError
        For missing values in Z, unequal lengths, options out of range, or fewer than 4 rows.

    See Also
    --------
    mutual_information : Dependence in nats.
    sliced_wasserstein : The same question for groups, in units of X.

    Notes
    -----
    Zero in the population exactly if X and Z are independent; the test sees every kind of
    dependence for enough rows. It weighs what moves distances: a leak in one of many columns, or
    in fine structure (parity, atoms at slightly different places), is small here and plain to
    gradient boosting. The correction [1]_ takes out the bias of the plain estimate, which is
    large in many columns. For normal X and Z of correlation .5 the squared value is .20.

    References
    ----------
    .. [1] Székely, Rizzo. Partial distance correlation with methods for dissimilarities. Annals
       of Statistics 42, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import distance_correlation
    >>> x = np.linspace(-1, 1, 200)
    >>> result = distance_correlation(x, x**2, random_state=0)  # no correlation
    >>> result.p_value, bool(result.estimate > 0.1)
    (0.005, True)
    """
    X = as_columns(X)
    z = check_sensitive(Z, X.shape[0])
    check_null(n_permutations, level)
    rng = check_random_state(random_state)
    groups = is_discrete(z) if discrete_z == "auto" else bool(discrete_z)
    X, z = subsample(X, z, max_samples, rng)
    if len(z) < 4:
        raise ValueError(f"Got {len(z)} rows, expected at least 4.")
    of_x = _centred(squareform(pdist(numbers(X))))
    if groups:
        codes = np.unique(z, return_inverse=True)[1]
        of_z = _centred((codes[:, None] != codes).astype(float))
    else:
        of_z = _centred(squareform(pdist(z.astype(float).reshape(-1, 1))))
    scale = np.sqrt(np.vdot(of_x, of_x) * np.vdot(of_z, of_z))
    return tested(
        lambda order: np.vdot(of_x, of_z[np.ix_(order, order)]) / scale if scale > 0 else 0.0,
        len(z),
        rng,
        n_permutations=n_permutations,
        level=level,
        name="squared distance correlation",
        units="",
        method="U-centred distances",
    )


def _centred(distances):
    """Centre off the diagonal so that products of independent matrices average to 0."""
    n = len(distances)
    rows = distances.sum(axis=0) / (n - 2)
    centred = distances - rows[:, None] - rows + distances.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred


def sliced_wasserstein(
    X,
    groups,
    *,
    sample_weight=None,
    n_projections=50,
    n_quantiles=256,
    standardize=True,
    max_samples=10_000,
    n_permutations=99,
    level=0.95,
    random_state=None,
):
    """Sliced Wasserstein distance between groups, with a two-sample null.

    The root of the mean over random directions, and over pairs of groups in proportion to the
    product of their weights, of the squared W2 distance of the projected groups.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples,) or (n_samples, n_features)
        The data. Columns that are no numbers are one-hot encoded.
    groups : array-like of shape (n_samples,)
        The group of each row. No missing values.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, not negative; 1 by default.
    n_projections : int, default=50
        Random directions, uniform on the sphere. One column needs none.
    n_quantiles : int, default=256
        Points of the grid on which the quantile functions are compared.
    standardize : bool, default=True
        Divide each column by its standard deviation over all rows.
    max_samples : int or None, default=10000
        Rows drawn at random if there are more, None for no bound.
    n_permutations : int, default=99
        Permutations of the groups for the null; 0 for none.
    level : float, default=0.95
        Quantile of the null, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        For rows, directions and permutations.

    Returns
    -------
    DependenceResult
        In standard deviations of a column, or in the units of X if not `standardize`.

    Raises
    ------
    ValueError
        For missing values in, or fewer than two of, the groups; unequal lengths; a group without
        weight; options out of range.

    See Also
    --------
    leakage_score : What a predictor makes of the difference.

    Notes
    -----
    With enough directions it is 0 in the population exactly if the groups have one law. It sees
    how far mass moves, not how plain a difference is: one-hot atoms that each group has at its own
    real value are near in distance and give the group away to a tree. In d columns a shift of one
    of them by s counts ``s / sqrt(d)``.

    The estimate is biased upwards, by about ``1 / sqrt(n)`` of the smaller group, more with heavy
    tails: read it against `null_mean`, never as it is. The grid cuts the outermost
    ``1 / (2 n_quantiles)`` of each tail short. Between two groups whose laws differ by a
    shift, the squared value is the squared length of the shift over the number of columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import sliced_wasserstein
    >>> X = np.random.default_rng(0).normal(size=(1000, 4))
    >>> sex = np.repeat(["f", "m"], 500)
    >>> X[sex == "m", 0] += 2  # by 2 in one of 4 columns: 2 / sqrt(4)
    >>> result = sliced_wasserstein(X, sex, standardize=False, random_state=0)
    >>> bool(0.8 < result.estimate < 1.2), result.p_value
    (True, 0.01)
    """
    X = as_columns(X)
    z = check_sensitive(groups, X.shape[0])
    check_null(n_permutations, level)
    rng = check_random_state(random_state)
    weights = _weights(sample_weight, len(z))
    X, rows = subsample(X, np.arange(len(z)), max_samples, rng)
    codes, weights = group_codes(z[rows], 2), weights[rows]
    if np.any(np.bincount(codes, weights) == 0):
        raise ValueError("Got a group whose weights are all 0: leave its rows out.")
    numeric = numbers(X) if standardize else _unscaled(X)
    directions = _directions(numeric.shape[1], n_projections, rng)
    projected = numeric @ directions
    order_of = np.argsort(projected, axis=0, kind="stable")
    values = np.take_along_axis(projected, order_of, axis=0)
    grid = (np.arange(n_quantiles) + 0.5) / n_quantiles

    def statistic(order):
        return np.sqrt(_spread(values, order_of, codes[order], weights, grid))

    return tested(
        statistic,
        len(codes),
        rng,
        n_permutations=n_permutations,
        level=level,
        name="sliced Wasserstein distance",
        units="standard deviations" if standardize else "",
        method=f"{directions.shape[1]} directions",
    )


def _weights(sample_weight, n_rows):
    if sample_weight is None:
        return np.ones(n_rows)
    weights = column(np.asarray(sample_weight, dtype=float), n_rows, "sample_weight")
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError("Got sample_weight that is negative or not finite, expected 0 or more.")
    return weights


def _unscaled(X):
    numeric = np.asarray(X)
    if numeric.dtype.kind not in "biuf" or not np.isfinite(numeric).all():
        raise ValueError(
            "Got standardize=False and columns that are no finite numbers: encode and impute "
            "them, or leave standardize=True."
        )
    return numeric.astype(float)


def _directions(n_columns, n_projections, rng):
    if n_projections < 1:
        raise ValueError(f"Got n_projections={n_projections!r}, expected an int of 1 or more.")
    if n_columns == 1:
        return np.ones((1, 1))
    drawn = rng.normal(size=(n_columns, n_projections))
    return drawn / np.linalg.norm(drawn, axis=0)


def _spread(values, order_of, codes, weights, grid):
    """Mean squared W2 over directions and pairs; quantile functions are compared on a grid."""
    n_groups = codes.max() + 1
    share = np.bincount(codes, weights) / weights.sum()
    pairs = list(combinations(range(n_groups), 2))
    pair_weights = np.array([share[a] * share[b] for a, b in pairs])
    total = 0.0
    for j in range(values.shape[1]):
        here, w = codes[order_of[:, j]], weights[order_of[:, j]]
        curves = [_quantiles(values[here == g, j], w[here == g], grid) for g in range(n_groups)]
        gaps = [np.mean((curves[a] - curves[b]) ** 2) for a, b in pairs]
        total += pair_weights @ gaps / pair_weights.sum()
    return total / values.shape[1]


def _quantiles(sorted_values, weights, grid):
    """Quantile function of a weighted sample, the inverse of its step function."""
    below = np.cumsum(weights)
    return sorted_values[np.searchsorted(below, grid * below[-1])]
