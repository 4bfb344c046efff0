"""Wasserstein-2 barycenter of Gaussian laws and the optimal linear maps onto it.

Pure functions of means and covariances: no rows, no estimator, no randomness.
Imports numpy and scipy only.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from skunlearn._transport._bures import regular_maps, solve_regular
from skunlearn._transport._range import (
    RANK_RTOL,
    check_covariances,
    degenerate,
    embed,
    falling_scale,
    range_basis,
    restrict,
    scaled,
    symmetric,
)


@dataclass(frozen=True, eq=False)
class BarycenterResult:
    """Covariance of a Gaussian barycenter and how well it solves its equation.

    Parameters
    ----------
    covariance : ndarray of shape (n_features, n_features)
        The barycenter's covariance S.
    n_iter : int
        Evaluations of the fixed-point map F.
    residual : float
        ``||S - F(S)||_F / ||S||_F`` at the returned S, F the unaccelerated map.
    """

    covariance: np.ndarray
    n_iter: int
    residual: float


@dataclass(frozen=True, eq=False)
class GaussianTransport:
    """Affine optimal maps ``T_z(x) = mean + maps[z] @ (x - means[z])`` to a barycenter.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Weighted mean of the group means.
    covariance : ndarray of shape (n_features, n_features)
        Covariance of the barycenter.
    maps : ndarray of shape (n_groups, n_features, n_features)
        Symmetric; the identity on the orthogonal complement of the pooled range.
    shrunk_groups : ndarray of int
        Positions of the groups that were singular inside the pooled range.
    n_iter : int
        Evaluations of the fixed-point map.
    residual : float
        Relative fixed-point residual of `covariance`, inside the pooled range.
    costs : ndarray of shape (n_groups,)
        ``E||X - T_z(X)||^2`` in each group, in squared units of the data, under the
        group's own (unshrunk) moments.
    """

    mean: np.ndarray
    covariance: np.ndarray
    maps: np.ndarray
    shrunk_groups: np.ndarray
    n_iter: int
    residual: float
    costs: np.ndarray


def gaussian_barycenter(covariances, weights, *, tol=1e-12, max_iter=1000):
    r"""Covariance of the Wasserstein-2 barycenter of centred Gaussian laws.

    Parameters
    ----------
    covariances : array-like of shape (n_groups, n_features, n_features)
        Symmetric positive semi-definite matrices.
    weights : array-like of shape (n_groups,)
        Positive weights; divided by their sum.
    tol : float, default=1e-12
        Stop when the relative residual ``||S - F(S)||_F / ||S||_F`` is at most `tol`, both in
        the data's units and with every column in units of its pooled standard deviation (so
        that a column of small variance converges too).
    max_iter : int, default=1000
        Largest number of evaluations of F.

    Returns
    -------
    BarycenterResult
        Frozen; `covariance`, `n_iter` and `residual`.

    Warns
    -----
    RuntimeWarning
        If `tol` is not reached, within `max_iter` evaluations or before rounding errors stop
        all progress. The residual returned is that of the S returned.

    See Also
    --------
    gaussian_maps : The maps that carry every group to the barycenter.

    Notes
    -----
    F is the map of [1]_, started from the weighted mean of the covariances. Here it is
    evaluated on a factor, :math:`S = LL^T`, :math:`C_z = K_zK_z^T`:
    :math:`F(S) = GG^T` with :math:`G = \sum_z w_z K_z\,\mathrm{polar}(K_z^TL)`, which inverts
    nothing and keeps S positive semi-definite whatever is done to L. Anderson acceleration
    acts on L (lower triangular with a positive diagonal, hence unique); it changes the path,
    not the equation, and is given up for the plain iteration when the residual grows.
    The barycenter is unique if one group at least is regular in the common range.
    Cost: O(n_groups n_features^3) an evaluation.

    References
    ----------
    .. [1] P. C. Álvarez-Esteban, E. del Barrio, J. A. Cuesta-Albertos, C. Matrán. A fixed-point
       approach to barycenters in Wasserstein space. J. Math. Anal. Appl. 441, 2016.
    .. [2] H. F. Walker, P. Ni. Anderson acceleration for fixed-point iterations.
       SIAM J. Numer. Anal. 49, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import gaussian_barycenter
    >>> result = gaussian_barycenter([np.diag([1.0, 4.0]), np.diag([9.0, 4.0])], [0.5, 0.5])
    >>> result.covariance.round(6)
    array([[4., 0.],
           [0., 4.]])
    """
    covariances = check_covariances(covariances)
    weights = _check_weights(weights, len(covariances))
    pooled = np.tensordot(weights, covariances, 1)
    basis = range_basis(pooled)
    if basis.shape[1] == 0:
        return BarycenterResult(np.zeros_like(pooled), 0, 0.0)
    inner, n_iter, residual = solve_regular(restrict(covariances, basis), weights, tol, max_iter)
    return BarycenterResult(symmetric(basis @ inner @ basis.T), n_iter, residual)


def gaussian_maps(covariances, barycenter):
    """Optimal linear maps from centred Gaussian laws to their barycenter.

    Parameters
    ----------
    covariances : array-like of shape (n_groups, n_features, n_features)
        Covariances C_z, regular in the range of `barycenter`.
    barycenter : array-like of shape (n_features, n_features)
        Covariance S of the target.

    Returns
    -------
    ndarray of shape (n_groups, n_features, n_features)
        Symmetric positive definite A_z with ``A_z @ C_z @ A_z == S`` up to rounding; the
        identity on the orthogonal complement of the range of S.

    Raises
    ------
    ValueError
        If a group is singular inside the range of S: no linear map can raise its rank.

    See Also
    --------
    shrink_singular : Makes such groups regular.

    Notes
    -----
    With ``S = L L'``, ``C = K K'`` and U the polar factor of ``K' L``, ``A = L U' K^-1``: the
    push-forward is S for any orthogonal U, so errors of U cost symmetry, not the match.
    At the barycenter the *inverse* maps average to the identity, ``sum_z w_z A_z^-1 = I``.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import gaussian_maps
    >>> gaussian_maps([[[1.0]], [[9.0]]], [[4.0]]).ravel().round(6)
    array([2.      , 0.666667])
    """
    covariances = check_covariances(covariances)
    barycenter = check_covariances([barycenter])[0]
    basis = range_basis(barycenter)
    inner, target = restrict(covariances, basis), restrict(barycenter, basis)
    singular = degenerate(inner, target)
    if singular:
        raise ValueError(
            f"Groups {singular} have singular covariances inside the range of the "
            "barycenter: no linear map can raise their rank. Shrink them first with "
            "shrink_singular, and take the barycenter of the shrunk covariances."
        )
    return embed(regular_maps(inner, target), basis)


def shrink_singular(covariances, n_samples, pooled, *, shrinkage="oas", rtol=RANK_RTOL):
    r"""Shrink the groups that are singular inside the pooled range toward the pooled law.

    Parameters
    ----------
    covariances : array-like of shape (n_groups, n_features, n_features)
        Covariances C_z of the groups.
    n_samples : array-like of shape (n_groups,)
        Rows (or total weights) behind them; used by ``"oas"`` alone.
    pooled : array-like of shape (n_features, n_features)
        Pooled within-group covariance P.
    shrinkage : "oas" or float in (0, 1], default="oas"
        :math:`\rho` in :math:`(1-\rho) C_z + \rho P`. ``"oas"`` is the coefficient of [1]_ for
        the group in the coordinates where P is the identity: a function of n_z, of the rank of
        P and of moments.
    rtol : float, default=1e-10
        A group is singular when its least eigenvalue relative to P is at most `rtol` times its
        largest.

    Returns
    -------
    covariances : ndarray of shape (n_groups, n_features, n_features)
        Those of regular groups unchanged.
    shrunk_groups : ndarray of int
        Positions of the shrunk groups, ascending.

    Raises
    ------
    ValueError
        If `shrinkage` is neither ``"oas"`` nor a number in (0, 1].

    Notes
    -----
    Right for a group with few rows, whose law is regular although its sample is not: rows that
    were not learned are then mapped like everybody's, where a pseudo-inverse would flatten
    them. It gives the *shrunk* law the barycenter's covariance. A group whose law is singular
    itself (a column that is constant there and varies elsewhere) remains on a hyperplane under
    every linear map; that is why the shrunk groups are returned: report them.

    References
    ----------
    .. [1] Y. Chen, A. Wiesel, Y. C. Eldar, A. O. Hero. Shrinkage algorithms for MMSE covariance
       estimation. IEEE Trans. Signal Process. 58, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import shrink_singular
    >>> groups = [np.eye(2), np.diag([1.0, 0.0])]
    >>> new, shrunk = shrink_singular(groups, [9, 9], np.diag([1.0, 0.5]), shrinkage=0.5)
    >>> new[1].tolist(), shrunk.tolist()
    ([[1.0, 0.0], [0.0, 0.25]], [1])
    """
    covariances = check_covariances(covariances)
    pooled = check_covariances([pooled])[0]
    number = isinstance(shrinkage, (int, float)) and not isinstance(shrinkage, bool)
    if shrinkage != "oas" and not (number and 0 < shrinkage <= 1):
        raise ValueError(f'Got shrinkage={shrinkage!r}, expected "oas" or a float in (0, 1].')
    n_samples = np.asarray(n_samples, dtype=float)
    if n_samples.shape != covariances.shape[:1]:
        raise ValueError(
            f"Got n_samples of shape {n_samples.shape}, expected {covariances.shape[:1]}."
        )
    basis = range_basis(pooled)
    inner, inner_pooled = restrict(covariances, basis), restrict(pooled, basis)
    singular = _singular(inner, inner_pooled, rtol)
    result = covariances.copy()
    for z in singular:
        rho = shrinkage
        if shrinkage == "oas":
            rho = _oas(_whitened(inner[z], inner_pooled), n_samples[z])
        result[z] = (1 - rho) * covariances[z] + rho * pooled
    return result, singular


def barycenter_maps(
    means, covariances, weights, n_samples, *, shrinkage="oas", tol=1e-12, max_iter=1000
):
    """Affine optimal maps of groups to their Gaussian barycenter, singular data included.

    Parameters
    ----------
    means : array-like of shape (n_groups, n_features)
        Group means m_z.
    covariances : array-like of shape (n_groups, n_features, n_features)
        Group covariances C_z.
    weights : array-like of shape (n_groups,)
        Positive weights (group proportions); divided by their sum.
    n_samples : array-like of shape (n_groups,)
        Rows behind each covariance, for ``shrinkage="oas"``.
    shrinkage : "oas" or float in (0, 1], default="oas"
        For groups singular inside the pooled range, see `shrink_singular`.
    tol, max_iter : float, int
        See `gaussian_barycenter`.

    Returns
    -------
    GaussianTransport
        Frozen. Outside the range of the pooled within-group scatter the maps are the identity:
        a column constant in each group but not across groups becomes constant altogether.

    Warns
    -----
    RuntimeWarning
        If the barycenter did not reach `tol`.

    Notes
    -----
    Equal first and second moments for all groups (of the shrunk laws, see `shrink_singular`):
    enough for Gaussian laws and for linear or quadratic probes, not for others.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn._transport import barycenter_maps
    >>> plan = barycenter_maps([[0.0], [2.0]], [[[1.0]], [[9.0]]], [0.5, 0.5], [50, 50])
    >>> plan.mean, plan.covariance, plan.costs.round(6)
    (array([1.]), array([[4.]]), array([2., 2.]))
    """
    covariances = check_covariances(covariances)
    weights = _check_weights(weights, len(covariances))
    means = np.asarray(means, dtype=float)
    if means.shape != covariances.shape[:2]:
        raise ValueError(f"Got means of shape {means.shape}, expected {covariances.shape[:2]}.")
    pooled = np.tensordot(weights, covariances, 1)
    basis = range_basis(pooled)
    inner = restrict(covariances, basis)
    regular, shrunk = shrink_singular(
        inner, n_samples, restrict(pooled, basis), shrinkage=shrinkage
    )
    target, n_iter, residual = solve_regular(regular, weights, tol, max_iter)
    maps = regular_maps(regular, target)
    mean = weights @ means
    move = np.eye(basis.shape[1]) - maps
    costs = ((means - mean) ** 2).sum(axis=1) + np.einsum("kij,kjl,kil->k", move, inner, move)
    return GaussianTransport(
        mean=mean,
        covariance=symmetric(basis @ target @ basis.T),
        maps=embed(maps, basis),
        shrunk_groups=shrunk,
        n_iter=n_iter,
        residual=residual,
        costs=costs,
    )


def _singular(covariances, reference, rtol):
    """Positions of the matrices that are singular relative to a regular reference."""
    values = [np.linalg.eigvalsh(_whitened(c, reference)) for c in covariances]
    return np.flatnonzero([v.size and v[0] <= rtol * v[-1] for v in values])


def _whitened(covariance, reference):
    """Covariance in coordinates where the reference is the identity."""
    order, scale = falling_scale(reference)
    root = np.linalg.cholesky(scaled(reference, order, scale))
    half = solve_triangular(root, scaled(covariance, order, scale), lower=True)
    return symmetric(solve_triangular(root, half.T, lower=True))


def _oas(covariance, n_samples):
    """Oracle-approximating shrinkage coefficient toward a multiple of the identity."""
    d = len(covariance)
    squares, level = np.mean(covariance**2), (np.trace(covariance) / d) ** 2
    spread = (n_samples + 1) * (squares - level / d)
    return min((squares + level) / spread, 1.0) if spread > 0 else 1.0


def _check_weights(weights, n_groups):
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (n_groups,) or not np.all((weights > 0) & np.isfinite(weights)):
        raise ValueError(
            f"Got weights={weights.tolist()}, expected {n_groups} positive finite numbers: "
            "leave out groups of weight 0."
        )
    return weights / weights.sum()
