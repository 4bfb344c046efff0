"""Fixed-point solver behind the Gaussian barycenter: matrices that are regular together.

Imports numpy and scipy only. Units and order of the columns are handled here: everything is done
on columns sorted by falling scale and divided by it, so that small columns stay accurate.
"""

import warnings

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import dgejsv

from skunlearn._transport._range import falling_scale, scaled, symmetric, transposed

#: Memory of the Anderson acceleration, and evaluations without progress before giving up.
_MEMORY, _PATIENCE = 8, 30
#: Eigenvalue ratios above which the polar factor by eigh is good enough on the way, and at the end.
_ROUGH, _ACCURATE = 1e-13, 1e-7
#: Singular value ratio below which only a Jacobi SVD is accurate.
_GRADED = 1e-7


def solve_regular(covariances, weights, tol, max_iter):
    """Return barycenter, evaluations and residual; the weighted mean must be regular."""
    if max_iter < 1:
        raise ValueError(f"Got max_iter={max_iter}, expected an integer of at least 1.")
    pooled = np.tensordot(weights, covariances, 1)
    if len(pooled) == 0:
        return pooled, 0, 0.0
    order, scale = falling_scale(pooled)
    start = np.linalg.cholesky(scaled(pooled, order, scale))
    factors = np.stack([_factor(scaled(c, order, scale)) for c in covariances])
    factor, n_iter, residual, error = _anderson(
        start, factors, weights, scale / scale[0], tol, max_iter
    )
    if not error <= tol:
        warnings.warn(
            f"The Gaussian barycenter reached a relative residual of {error:.1e} in {n_iter} "
            f"iterations, not tol={tol:g}. Raise tol or max_iter (got {max_iter}).",
            RuntimeWarning,
            stacklevel=3,
        )
    solution = np.empty_like(pooled)
    solution[np.ix_(order, order)] = factor @ factor.T * np.outer(scale, scale)
    return symmetric(solution), n_iter, residual


def _anderson(factor, factors, weights, scale, tol, max_iter):
    """Accelerate ``L <- _step(L)``; return the best L, evaluations, residual and error.

    L and `factors` have their rows in units of `scale` (relative to the largest: no overflow).
    The error is the larger of the residuals in these units and in those of the data. A fast
    polar factor brings L close; what is returned was measured with the accurate one.
    """
    rows, columns = np.tril_indices(len(factor))
    best, best_iter = (factor, np.inf, np.inf), 0
    memory, history, floor = _MEMORY, [], _ROUGH
    for n_iter in range(1, max_iter + 1):
        # The last evaluation is always an accurate one.
        floor = _ACCURATE if n_iter == max_iter else floor
        image = _step(factor, factors, weights, scale, floor)
        residual, error = _residuals(factor, image, scale)
        if error < best[2] or n_iter == max_iter:
            best, best_image, best_iter = (factor, residual, error), image, n_iter
        stalled = n_iter - best_iter >= _PATIENCE
        if error <= tol or stalled:
            if floor == _ACCURATE:
                break
            floor, factor, history = _ACCURATE, best[0], [] if stalled else history
            best, best_iter = (factor, np.inf, np.inf), n_iter
            continue
        if memory and not error <= 2 * best[2]:
            # The extrapolation went astray: back to the best point, with a shorter memory.
            # Without memory this is the plain iteration, which converges from anywhere.
            factor, memory, history = best_image, memory // 2, []
            continue
        history = [*history, (image[rows, columns], (image - factor)[rows, columns])]
        history = history[-memory - 1 :]
        mixed = np.zeros_like(factor)
        mixed[rows, columns] = _extrapolate(history)
        factor = mixed if np.all(np.diag(mixed) > 0) else image
    return best[0], n_iter, best[1], best[2]


def _extrapolate(history):
    """Combine past images so that the linearised change of L is least (Walker & Ni, type II)."""
    image, change = history[-1]
    if len(history) == 1:
        return image
    images = np.diff(np.stack([h[0] for h in history]), axis=0)
    changes = np.diff(np.stack([h[1] for h in history]), axis=0)
    return image - np.linalg.lstsq(changes.T, change, rcond=None)[0] @ images


def _step(factor, factors, weights, scale, floor):
    """Evaluate the fixed-point map once, on factors: lower triangular again."""
    polar = _polar(transposed(factors) @ (scale[:, None] ** 2 * factor), floor)
    image = np.tensordot(weights, factors @ polar, 1)
    upper = np.triu(qr(image.T, mode="r", check_finite=False)[0])
    return (upper * np.where(np.diag(upper) < 0, -1.0, 1.0)[:, None]).T


def _residuals(factor, image, scale):
    """Relative residual in units of the data, and the larger of it and the one in `scale`."""
    solution = factor @ factor.T
    change = solution - image @ image.T
    error = np.linalg.norm(change) / np.linalg.norm(solution)
    units = np.outer(scale, scale)
    residual = np.linalg.norm(change * units) / np.linalg.norm(solution * units)
    return float(residual), float(max(error, residual))


def _polar(matrices, floor):
    """Orthogonal polar factors, by the cheapest device that is accurate enough.

    Relative costs at 200 columns: eigh of the squared matrix 1, SVD 2, Jacobi SVD 6. The last
    keeps its relative accuracy when the columns' units differ by many orders of magnitude.
    """
    values, vectors = np.linalg.eigh(transposed(matrices) @ matrices)
    if np.all(values[:, 0] > floor * values[:, -1]):
        return matrices @ (vectors / np.sqrt(values)[:, None, :] @ transposed(vectors))
    left, values, right = np.linalg.svd(matrices)
    polar = left @ right
    for z in np.flatnonzero(values[:, -1] <= _GRADED * values[:, 0]):
        _, left, right, _, _, info = dgejsv(matrices[z], joba=2)
        rotation = left @ right.T
        # A matrix of lower rank may come back without its null space: then the SVD's will do.
        if info == 0 and np.allclose(rotation @ rotation.T, np.eye(len(rotation)), atol=1e-10):
            polar[z] = rotation
    return polar


def regular_maps(covariances, target):
    """Return the maps of regular covariances to a regular target, see `gaussian_maps`."""
    order, scale = falling_scale(target)
    if len(scale) == 0:
        return np.empty_like(covariances)
    target = np.linalg.cholesky(scaled(target, order, scale))
    maps = np.empty_like(covariances)
    for z, covariance in enumerate(covariances):
        factor = np.linalg.cholesky(scaled(covariance, order, scale))
        weighted = (scale / scale[0])[:, None] ** 2 * target
        polar = _polar((factor.T @ weighted)[None], _ACCURATE)[0]
        half = solve_triangular(factor, polar @ target.T, lower=True, trans="T")
        # The scale falls along the rows: the entries below the diagonal are the accurate ones.
        lower = np.tril(half.T * scale[:, None] / scale)
        maps[z][np.ix_(order, order)] = lower + np.tril(lower, -1).T
    return maps


def _factor(covariance):
    """Any K with ``K @ K.T`` the covariance; lower triangular if it is regular."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0.0))
