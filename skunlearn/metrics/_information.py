"""Mutual information: plug-in for labels, nearest neighbours for numbers."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state

from skunlearn.metrics._inputs import check_data, check_sensitive, take_rows
from skunlearn.metrics._probes import standardised
from skunlearn.metrics._results import check_null, tested

_FEW_LEVELS = 20  # whole numbers of more distinct values are quantities
_ROWS_PER_CELL = 5  # below that a table of counts is mostly bias


def mutual_information(
    X,
    Z,
    *,
    discrete_x="auto",
    discrete_z="auto",
    n_neighbors=3,
    max_samples=2000,
    n_permutations=99,
    level=0.95,
    random_state=None,
):
    """Estimate the mutual information I(X; Z) in nats, with a permutation null.

    Labels against labels: the plug-in estimate with the correction of Miller and Madow [1]_. With
    numbers: nearest neighbours [2]_, within the group where Z is labels [3]_; a dither of 1e-10
    standard deviations breaks ties, so that repeated values count as atoms.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples,) or (n_samples, n_features)
        The data. Several columns are one joint variable.
    Z : array-like of shape (n_samples,)
        The sensitive variable, labels or numbers. No missing values.
    discrete_x, discrete_z : bool or "auto", default="auto"
        Whether to take X and Z for labels. ``"auto"`` takes for labels what is no number, or
        at most 20 distinct whole numbers; and X for numbers all the same if the table of counts
        would hold fewer than 5 rows a cell.
    n_neighbors : int, default=3
        Neighbours: more of them, more bias and less variance.
    max_samples : int or None, default=2000
        With numbers: rows drawn at random if there are more, None for no bound. Time grows with
        their square when X has many columns.
    n_permutations : int, default=99
        Permutations for the null; 0 for none.
    level : float, default=0.95
        Quantile of the null, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        For rows and permutations.

    Returns
    -------
    DependenceResult
        In nats. Corrected estimates can be a little below 0.

    Raises
    ------
    ValueError
        For missing values in Z, unequal lengths, options out of range, or fewer than
        ``n_neighbors + 1`` rows.

    See Also
    --------
    leakage_score : A lower bound by prediction, which scales to wide data.
    distance_correlation : Any dependence, without units.

    Notes
    -----
    Zero in the population exactly if X and Z are independent, so that nothing can be hidden from
    the quantity, only from the estimate:

    - Plug-in: biased by about ``(K_x - 1) (K_z - 1) / 2n`` before the correction, which removes
      the first order where every cell is seen. Cells that are empty for good turn it round: if
      X is Z itself the estimate is ``(K_z - 1) / 2n`` too large.
    - Neighbours: little bias in few dimensions. In many columns it is blind to what a single
      column says (distances are alike), and it cannot report more than about ``log(n)``: strong
      dependence is underestimated. A null result on wide data certifies nothing.
    - Columns that are no numbers are one-hot encoded, all are standardised, missing numbers
      become means with an indicator. Not invariant under other changes of scale.

    The null permutes Z against X: it shows the bias where there is no dependence.

    References
    ----------
    .. [1] Miller, G. A. Note on the bias of information estimates. 1955.
    .. [2] Kraskov, Stögbauer, Grassberger. Estimating mutual information. Phys. Rev. E 69, 2004.
    .. [3] Ross, B. C. Mutual information between discrete and continuous data sets. PLoS ONE 9,
       2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import mutual_information
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=1000)
    >>> x = 0.8 * z + 0.6 * rng.normal(size=1000)  # correlation .8
    >>> result = mutual_information(x, z, n_permutations=19, random_state=0)
    >>> bool(abs(result.estimate - -0.5 * np.log(1 - 0.8**2)) < 0.1), result.p_value
    (True, 0.05)
    """
    X = as_columns(X)
    z = check_sensitive(Z, X.shape[0])
    check_null(n_permutations, level)
    if n_neighbors < 1:
        raise ValueError(f"Got n_neighbors={n_neighbors!r}, expected an int of 1 or more.")
    rng = check_random_state(random_state)
    z_is_labels = is_discrete(z) if discrete_z == "auto" else bool(discrete_z)
    if _takes_labels(X, z, discrete_x, z_is_labels):
        x, z = joint_labels(X), np.unique(z, return_inverse=True)[1]
        shape = (x.max() + 1, z.max() + 1)
        return tested(
            lambda order: miller_madow(counts_of(x, z[order], shape)),
            len(z),
            rng,
            n_permutations=n_permutations,
            level=level,
            name="mutual information",
            units="nats",
            method="plug-in, Miller-Madow",
        )
    X, z = subsample(X, z, max_samples, rng)
    if len(z) <= n_neighbors:
        raise ValueError(
            f"Got {len(z)} rows for n_neighbors={n_neighbors}, expected at least one more."
        )
    return tested(
        neighbour_statistic(numbers(X), z, z_is_labels, n_neighbors, rng),
        len(z),
        rng,
        n_permutations=n_permutations,
        level=level,
        name="mutual information",
        units="nats",
        method=f"{n_neighbors} nearest neighbours",
    )


def as_columns(X):
    """Two-dimensional data, of one column if X is one-dimensional."""
    if len(getattr(X, "shape", np.shape(X))) == 1:
        X = X.to_frame() if hasattr(X, "to_frame") else np.asarray(X).reshape(-1, 1)
    return check_data(X)


def is_discrete(values):
    """Whether a column is labels: no numbers, or at most 20 whole ones."""
    values = np.asarray(values)
    if values.dtype.kind not in "iuf":
        return True
    levels = np.unique(values)
    return len(levels) <= _FEW_LEVELS and bool(np.all(np.mod(levels, 1) == 0))


def numbers(X, other=None):
    """Encode a table as standardised numbers; with another table of its kind, both of them."""
    encode = make_pipeline(*standardised(X)).fit(X)
    first = np.asarray(encode.transform(X), dtype=float)
    return first if other is None else (first, np.asarray(encode.transform(other), dtype=float))


def subsample(X, z, max_samples, rng):
    """Rows drawn without replacement where there are too many."""
    if max_samples is None or len(z) <= max_samples:
        return X, z
    rows = rng.choice(len(z), max_samples, replace=False)
    return take_rows(X, rows), z[rows]


def joint_labels(X):
    """Return a number for each row of a table of labels, equal for equal rows."""
    columns = [X.iloc[:, j] if hasattr(X, "iloc") else X[:, j] for j in range(X.shape[1])]
    codes = np.zeros(X.shape[0], dtype=int)
    for values in columns:
        text = np.asarray(values)
        text = text.astype(str) if text.dtype.kind == "O" else text
        own = np.unique(text, return_inverse=True)[1]
        codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)[1]
    return codes


def counts_of(x, z, shape):
    """Contingency table of two columns of codes."""
    return np.bincount(x * shape[1] + z, minlength=shape[0] * shape[1]).reshape(shape)


def miller_madow(counts):
    """Mutual information of a table of counts, corrected for its first-order bias."""
    n = counts.sum()
    joint, x, z = (c[c > 0] / n for c in (counts.ravel(), counts.sum(axis=1), counts.sum(axis=0)))
    plain = sum(-np.sum(p * np.log(p)) for p in (x, z)) + np.sum(joint * np.log(joint))
    return plain + (len(x) + len(z) - len(joint) - 1) / (2 * n)


def neighbour_statistic(X, z, labels, k, rng):
    """Mutual information of numbers with z, as a function of the order in which z is read."""
    if not labels:
        return ksg(X, numbers(np.asarray(z, dtype=float).reshape(-1, 1)), k, rng)
    X, codes = dithered(X, rng), np.unique(z, return_inverse=True)[1]
    tree = cKDTree(X)
    return lambda order: _within_groups(X, tree, codes[order], k)


def ksg(X, Z, k, rng):
    """Mutual information of two blocks of numbers, as a function of the order of Z's rows."""
    X, Z = dithered(X, rng), dithered(Z, rng)
    trees = cKDTree(X), cKDTree(Z)

    def statistic(order):
        joint = np.hstack([X, Z[order]])
        radius = cKDTree(joint).query(joint, k + 1, p=np.inf)[0][:, k]
        near = _count(trees[0], X, radius), _count(trees[1], Z[order], radius)
        return _average(k, len(Z), *near)

    return statistic


def dithered(X, rng):
    """Break ties far below the scale of the (standardised) data: an atom becomes a small cloud."""
    return X + 1e-10 * rng.normal(size=X.shape)


def _within_groups(X, tree, codes, k):
    """Ross's estimate: neighbours in the own group; groups of one row are left out."""
    sizes = np.bincount(codes)
    radius, ks = np.zeros(len(codes)), np.ones(len(codes))
    for group in np.flatnonzero(sizes > 1):
        rows = np.flatnonzero(codes == group)
        ks[rows] = own_k = min(k, len(rows) - 1)
        radius[rows] = cKDTree(X[rows]).query(X[rows], own_k + 1, p=np.inf)[0][:, own_k]
    kept = sizes[codes] > 1
    near = _count(tree, X[kept], radius[kept])
    return _average(ks[kept], len(codes), near, sizes[codes][kept])


def _count(tree, points, radius):
    """Rows nearer than the radius, the row itself among them."""
    inside = np.nextafter(radius, 0)
    return tree.query_ball_point(points, inside, p=np.inf, return_length=True)


def _average(k, n, near_x, near_z):
    return np.mean(digamma(k) + digamma(n) - digamma(near_x) - digamma(near_z))


def _takes_labels(X, z, discrete_x, z_is_labels):
    """Whether both are to be taken for labels."""
    if discrete_x == "auto":
        if not z_is_labels:
            return False
        columns = (X.iloc[:, j] if hasattr(X, "iloc") else X[:, j] for j in range(X.shape[1]))
        if not all(is_discrete(column) for column in columns):
            return False
        cells = (joint_labels(X).max() + 1) * len(np.unique(z))
        return cells * _ROWS_PER_CELL <= len(z)
    if discrete_x and not z_is_labels:
        raise ValueError(
            "Got discrete_x=True and a continuous Z: swap the two (the information is symmetric), "
            "or cut Z into groups."
        )
    return bool(discrete_x)
