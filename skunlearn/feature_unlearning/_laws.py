"""Means and covariances of groups, and the affine maps that make them equal: pure functions."""

import dataclasses

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import softmax

from skunlearn._transport import (
    GaussianTransport,
    barycenter_maps,
    range_basis,
    shrink_singular,
)


@dataclasses.dataclass(frozen=True)
class Laws:
    """Moments of some groups.

    Parameters
    ----------
    means : ndarray of shape (n_groups, d)
    covariances : ndarray of shape (n_groups, d, d)
    weights : ndarray of shape (n_groups,)
        Shares of the weight of all rows.
    sizes : ndarray of shape (n_groups,)
        Weights: a row of weight 2 is two rows.
    """

    means: np.ndarray
    covariances: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, parts, columns):
        """Read from `Moments`, in the given columns."""
        columns = list(columns)
        weights = np.array([part.weight for part in parts])
        return cls(
            np.stack([part.mean[columns] for part in parts]),
            np.stack([part.covariance[np.ix_(columns, columns)] for part in parts]),
            weights / weights.sum(),
            weights,
        )


def pool_small(sizes, small, minimum):
    """Choose the groups that share one map: the small ones, and next ones until they are enough.

    Parameters
    ----------
    sizes : ndarray of shape (n_groups,), int
    small : ndarray of shape (n_groups,), bool
        At least one of them.
    minimum : int

    Returns
    -------
    ndarray of shape (n_groups,), bool
    """
    order = np.argsort(sizes, kind="stable")
    enough = 1 + np.searchsorted(np.cumsum(sizes[order]), minimum)
    pooled = small.copy()
    pooled[order[:enough]] = True
    return pooled


def transport(laws, small, *, shrinkage, tol, max_iter):
    """Find the maps of all laws to their barycenter.

    Parameters
    ----------
    laws : Laws
    small : ndarray of int
        Positions of laws to shrink toward the pooled one beforehand.
    shrinkage, tol, max_iter
        As in `barycenter_maps`.

    Returns
    -------
    GaussianTransport
        The identity for one law.
    """
    k, d = laws.means.shape
    if k == 1:
        nobody = np.zeros(0, dtype=np.intp)
        return GaussianTransport(
            mean=laws.means[0],
            covariance=laws.covariances[0],
            maps=np.eye(d)[None],
            shrunk_groups=nobody,
            n_iter=0,
            residual=0.0,
            costs=np.zeros(1),
        )
    covariances, shrunk = shrink(laws, small, shrinkage)
    plan = barycenter_maps(
        laws.means,
        covariances,
        laws.weights,
        laws.sizes,
        shrinkage=shrinkage,
        tol=tol,
        max_iter=max_iter,
    )
    # A column that is equal in all groups keeps its mean to the last bit. One that is constant in
    # each group only is sent to the mean itself, not beside it by a rounding error a group, which
    # a tree would find.
    gaps = laws.means - laws.means[0]
    constant = (np.diagonal(laws.covariances, axis1=1, axis2=2) == 0).all(axis=0)
    betraying = np.flatnonzero(constant & gaps.any(axis=0))
    maps = plan.maps.copy()
    maps[:, betraying, betraying] = 0.0
    mean = laws.means[0] + laws.weights @ gaps
    return dataclasses.replace(plan, mean=mean, maps=maps, shrunk_groups=shrunk)


def shrink(laws, small, shrinkage):
    """Shrink small and singular covariances toward the pooled one in the group's own size.

    With the pooled covariance as it is, a group that is larger than the others by some factor
    would remain larger by that factor. The size is that of the group's rows and one row more of
    average size.

    Parameters
    ----------
    laws : Laws
    small : ndarray of int
        Groups to shrink whether singular or not.
    shrinkage : "oas" or float

    Returns
    -------
    covariances : ndarray of shape (n_groups, d, d)
    singular : ndarray of int
        Groups that were singular inside the pooled range.
    """
    pooled = np.tensordot(laws.weights, laws.covariances, 1)
    _, singular = shrink_singular(laws.covariances, laws.sizes, pooled, shrinkage=shrinkage)
    covariances, basis = laws.covariances.copy(), range_basis(pooled)
    if not basis.shape[1]:  # nothing varies within any group
        return covariances, singular
    inner = basis.T @ pooled @ basis
    for z in np.union1d(singular, small):
        ratio = np.linalg.solve(inner, basis.T @ covariances[z] @ basis)
        size = np.trace(ratio) / len(ratio) + 1 / max(laws.sizes[z], 1)
        # rtol=1: whatever its rank
        (covariances[z],), _ = shrink_singular(
            covariances[z][None], laws.sizes[[z]], size * pooled, shrinkage=shrinkage, rtol=1.0
        )
    return covariances, singular


def costs(laws, maps, starts, mean):
    """E||X - T(X)||^2 in each group, under the group's own moments.

    Parameters
    ----------
    laws : Laws
    maps : ndarray of shape (n_groups, d, d)
    starts : ndarray of shape (n_groups, d)
        Means that the maps start from.
    mean : ndarray of shape (d,)
        Where they go.

    Returns
    -------
    ndarray of shape (n_groups,)
    """
    stay = np.eye(len(mean)) - maps
    gaps = laws.means - mean - np.einsum("kij,kj->ki", maps, laws.means - starts)
    return (gaps**2).sum(axis=1) + np.einsum("kij,kjl,kil->k", stay, laws.covariances, stay)


def moved_columns(maps, starts, mean):
    """Tell which columns some map does anything to: the others go out as they came.

    Returns
    -------
    ndarray of shape (d,), bool
    """
    return (starts != mean).any(axis=0) | (maps != np.eye(len(mean))).any(axis=(0, 1))


def log_densities(images, mean, covariance, maps, weights):
    """Log of weight times Gaussian density of rows in each group, up to a common constant.

    The group's covariance C is never needed: A C A = S, so the density of x is |A| times that of
    its image under the barycenter, in the range of S.

    Parameters
    ----------
    images : ndarray of shape (n_groups, n, d)
        The rows moved by the map of each group.
    mean, covariance : ndarray of shape (d,), (d, d)
        The barycenter.
    maps : ndarray of shape (n_groups, d, d)
    weights : ndarray of shape (n_groups,)

    Returns
    -------
    ndarray of shape (n_groups, n)
    """
    basis = range_basis(covariance)
    root = np.linalg.cholesky(basis.T @ covariance @ basis)
    scores = np.empty(images.shape[:2])
    for z, image in enumerate(images):
        white = solve_triangular(root, ((image - mean) @ basis).T, lower=True)
        volume = np.linalg.slogdet(basis.T @ maps[z] @ basis)[1]
        scores[z] = np.log(weights[z]) + volume - (white**2).sum(axis=0) / 2
    return scores


def posterior_mean(images, *law):
    """Mean of the images under the posterior of the group; arguments as in `log_densities`.

    Returns
    -------
    ndarray of shape (n, d)
    """
    return np.einsum("zn,znd->nd", softmax(log_densities(images, *law), axis=0), images)
