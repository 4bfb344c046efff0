"""Range, units and coordinates of covariances, for the rest of the room.

Imports numpy and scipy only.
"""

import numpy as np
from scipy.linalg import qr, solve_triangular

#: A direction whose share of unexplained variance is below this counts as lost.
RANK_RTOL = 1e-10
#: The same for what was declared regular: far below RANK_RTOL, above rounding.
_FLOOR = 1e-13


def range_basis(covariance, rtol=RANK_RTOL):
    """Orthonormal basis of the range of a covariance, decided on the correlation scale.

    Parameters
    ----------
    covariance : array-like of shape (n_features, n_features)
        Symmetric positive semi-definite; a constant column has variance exactly 0.
    rtol : float, default=1e-10
        Columns are taken by falling variance; one that the columns before it explain up to a
        share `rtol` of its own variance adds no dimension. Units of the columns play no part.

    Returns
    -------
    ndarray of shape (n_features, rank)
        Columns of the identity when nothing but constant columns is lost.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import range_basis
    >>> range_basis(np.diag([1e12, 0.0, 1e-12]))
    array([[1., 0.],
           [0., 0.],
           [0., 1.]])
    """
    covariance = check_covariances([covariance])[0]
    d = len(covariance)
    scale = np.sqrt(np.diag(covariance))
    order = np.argsort(-scale, kind="stable")[: np.count_nonzero(scale)]
    scale = scale[order]
    kept, factor = _independent_rows(scaled(covariance, order, scale), rtol)
    if len(kept) == len(order):
        return np.eye(d)[:, np.sort(order)]
    # Every column as a combination of the kept ones, in the data's units: lower trapezoidal, so
    # that a column of small scale is never read off a difference of large ones.
    combination = solve_triangular(factor[kept], factor.T, lower=True, trans="T").T
    combination[kept] = np.eye(len(kept))
    combination *= scale[:, None] / scale[kept]
    basis = np.zeros((d, len(kept)))
    basis[order] = qr(combination, mode="economic", check_finite=False)[0]
    return basis


def _independent_rows(correlation, rtol):
    """Cholesky in the given order that skips dependent rows; the rows kept and the factor."""
    n = len(correlation)
    floor = np.broadcast_to(rtol, n)
    try:
        factor = np.linalg.cholesky(correlation)
        if np.all(np.diag(factor) ** 2 > floor):
            return np.arange(n), factor
    except np.linalg.LinAlgError:
        pass
    factor, kept = np.zeros((n, n)), []
    for j in range(n):
        rank = len(kept)
        column = correlation[j:, j] - factor[j:, :rank] @ factor[j, :rank]
        if column[0] > floor[j]:
            factor[j:, rank] = column / np.sqrt(column[0])
            kept.append(j)
    return np.array(kept, dtype=int), factor[:, : len(kept)]


def degenerate(covariances, target):
    """Positions of the matrices that have no accurate Cholesky factor in units of the target."""
    order, scale = falling_scale(target)
    lost = []
    for z, covariance in enumerate(covariances):
        matrix = scaled(covariance, order, scale)
        kept, _ = _independent_rows(matrix, _FLOOR * np.diag(matrix))
        if len(kept) < len(order):
            lost.append(z)
    return lost


def scaled(covariance, order, scale):
    """Rows and columns in the given order and units."""
    return covariance[np.ix_(order, order)] / np.outer(scale, scale)


def restrict(covariances, basis):
    """Return the covariances in the coordinates of an orthonormal basis."""
    return symmetric(basis.T @ covariances @ basis)


def embed(maps, basis):
    """Act by `maps` on the span of the basis and by the identity on its complement."""
    return symmetric(basis @ maps @ basis.T + (np.eye(len(basis)) - basis @ basis.T))


def check_covariances(covariances):
    """Return finite symmetric float64 matrices, or raise ValueError."""
    covariances = np.asarray(covariances, dtype=float)
    if covariances.ndim != 3 or covariances.shape[1] != covariances.shape[2]:
        raise ValueError(
            f"Got covariances of shape {covariances.shape}, expected square matrices stacked to "
            "(n_groups, n_features, n_features)."
        )
    if not np.all(np.isfinite(covariances)):
        raise ValueError("Got covariances with NaN or infinite entries, expected finite ones.")
    lowest = np.einsum("kii->ki", covariances).min(initial=0.0)
    if lowest < 0:
        raise ValueError(f"Got a variance of {lowest:g}, expected covariances with none below 0.")
    return symmetric(covariances)


def falling_scale(covariance):
    """Order of the columns by falling standard deviation, and these deviations."""
    scale = np.sqrt(np.diag(covariance))
    order = np.argsort(-scale, kind="stable")
    return order, scale[order]


def symmetric(matrices):
    """Symmetric part of one matrix or of a stack."""
    return (matrices + transposed(matrices)) / 2


def transposed(matrices):
    """Transpose of one matrix or of each in a stack."""
    return np.swapaxes(matrices, -1, -2)
