"""How hard a row will be to forget, before it is forgotten: what its neighbours say of it."""

import numbers

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.multiclass import type_of_target

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._rows import take
from skunlearn.metrics._learners import flat_target


def sample_information(
    X, y, *, rows=None, n_neighbors=10, radius=None, tolerance=None, metric="minkowski", n_jobs=None
):
    """Share of the neighbours of a row that have its label: low for rows that are learned by heart.

    A row whose label its neighbours foretell carries little information of its own: a model
    without it would say much the same, and there is little to forget. A row that its neighbours
    contradict can only be known by heart.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        All rows that the model was fitted on, scaled as distances should see them.
    y : array-like of shape (n_samples,)
        Their targets.
    rows : array-like of int or of bool, default=None
        The rows that are asked about, by position or as a mask; all by default.
    n_neighbors : int, default=10
        Neighbours to ask; not used with `radius`.
    radius : float, default=None
        Ask all neighbours within this distance instead.
    tolerance : float, default=None
        For targets that are quantities: how near a target counts as the same.
    metric : str or callable, default="minkowski"
        Distance, as in :class:`sklearn.neighbors.NearestNeighbors`.
    n_jobs : int, default=None
        Searches at the same time.

    Returns
    -------
    ndarray of shape (n_rows,)
        α(x) in [0, 1]; the lower, the more information, and the harder to forget. NaN where there
        is no neighbour within `radius`.

    Raises
    ------
    ValueError
        For a `radius`, `n_neighbors` or `tolerance` out of range, or quantities without a
        `tolerance`.

    See Also
    --------
    membership_inference : What a fitted model shows of a row.

    Notes
    -----
    The row itself is left out; its copies are neighbours as others. This is a property of the data
    and of the distance, not of a model: it says where to look, and bounds nothing. In many
    dimensions, or with columns on unlike scales, neighbours mean little: scale first.

    References
    ----------
    Foster, Fogarty, Schoepf, Dugue, Öztireli, Brintrup. An information theoretic approach to
    machine unlearning. TMLR, 2025. arXiv 2402.01401.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.metrics import sample_information
    >>> X, y = load_digits(return_X_y=True)
    >>> y[0] = 9  # a wrong label: only this row says so
    >>> sample_information(X, y, rows=[0, 1]).tolist()
    [0.0, 1.0]
    """
    y = flat_target(y)
    if num_samples(X) != len(y):
        raise ValueError(f"Got X with {num_samples(X)} rows and y with {len(y)}.")
    if y.ndim > 1:
        raise ValueError(f"Got y of shape {y.shape}, expected one target a row.")
    _check(y, n_neighbors, radius, tolerance)
    asked = np.arange(len(y)) if rows is None else np.arange(len(y))[np.asarray(rows)]
    search = NearestNeighbors(n_neighbors=n_neighbors, radius=radius, metric=metric, n_jobs=n_jobs)
    search.fit(X)
    found = _neighbours(search, X, asked, n_neighbors, radius)
    shares = [_share(y[near], y[row], tolerance) for near, row in zip(found, asked, strict=True)]
    return np.array(shares, dtype=float)


def _check(y, n_neighbors, radius, tolerance):
    if not isinstance(n_neighbors, numbers.Integral) or not 1 <= n_neighbors < len(y):
        raise ValueError(
            f"Got n_neighbors={n_neighbors!r}, expected an int of 1 or more, and less than the "
            f"{len(y)} rows."
        )
    if radius is not None and not radius > 0:
        raise ValueError(f"Got radius={radius!r}, expected a positive float.")
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"Got tolerance={tolerance!r}, expected a float of 0 or more.")
    if tolerance is None and type_of_target(y) == "continuous":
        raise ValueError(
            "Got targets that are quantities: pass tolerance, how near a target counts as the same."
        )


def _neighbours(search, X, asked, n_neighbors, radius):
    """Return the neighbours of each row that is asked about, itself left out."""
    X_asked = take(X, asked)
    if radius is None:
        # among the copies of a row the row itself may come last, or not at all
        near = search.kneighbors(X_asked, n_neighbors + 1, return_distance=False)
        near = [line[line != row] for line, row in zip(near, asked, strict=True)]
        return [line[:n_neighbors] for line in near]
    near = search.radius_neighbors(X_asked, return_distance=False)
    return [line[line != row] for line, row in zip(near, asked, strict=True)]


def _share(near, own, tolerance):
    if not len(near):
        return np.nan
    return np.mean(near == own if tolerance is None else np.abs(near - own) <= tolerance)
