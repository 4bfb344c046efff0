"""The projection of LEACE, as pure functions of moments."""

import numpy as np
from scipy.linalg import solve_triangular

from skunlearn._transport import range_basis

#: Correlations below this are taken for rounding errors.
_FLOOR = 1e-10


def eraser(covariance, mean, cross):
    """Directions and loadings of the projection, from covariances with Z of unit variances."""
    d = len(covariance)
    basis = range_basis(covariance)
    if not basis.shape[1] or not cross.shape[1]:
        return np.zeros((0, d)), np.zeros((d, 0))
    scale = np.sqrt(np.diag(basis.T @ covariance @ basis))  # units of the columns play no part
    root = np.linalg.cholesky(basis.T @ covariance @ basis / np.outer(scale, scale))
    white = solve_triangular(root, (basis.T @ cross) / scale[:, None], lower=True)
    left, values, _ = np.linalg.svd(white, full_matrices=False)
    deviation = np.sqrt(np.diag(covariance))
    offset = np.abs(mean[deviation > 0] / deviation[deviation > 0]).max(initial=0.0)
    left = left[:, values > max(_FLOOR, 16 * np.finfo(float).eps * offset)]
    loadings = basis @ (scale[:, None] * (root @ left))
    directions = solve_triangular(root, left, lower=True, trans="T").T / scale @ basis.T
    return directions, loadings


def class_correlations(parts, groups, pooled):
    """Covariances of the columns with the indicator of each class, divided by its deviation.

    `parts` holds weight and mean of each class.
    """
    found = []
    shares = np.array([weight for weight, _ in parts]) / pooled.weight
    gaps = np.stack([mean - pooled.mean for _, mean in parts])[:, : pooled.n_features]
    for column in zip(*groups, strict=True):
        labels = np.array([column.index(label) for label in column])
        for label in np.unique(labels):
            share = shares[labels == label].sum()
            if 0 < share < 1:
                gap = shares[labels == label] @ gaps[labels == label]
                found.append(gap / np.sqrt(share * (1 - share)))
    return np.array(found).reshape(-1, pooled.n_features).T


def number_correlations(pooled, d):
    """Covariances of the columns with each continuous variable, divided by its deviation."""
    numbers = slice(d, pooled.n_features)
    variances = np.diagonal(pooled.scatter)[numbers] / pooled.weight
    covariances = pooled.scatter[: pooled.n_features, numbers] / pooled.weight
    return covariances[:, variances > 0] / np.sqrt(variances[variances > 0])


def numbers(columns):
    """Columns of continuous sensitive values as floats."""
    out = []
    for values in columns:
        try:
            out.append(values.astype(np.float64))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Got sensitive values that are no numbers ({error}) with "
                'z_type="continuous", expected numbers. Labels are classes: z_type="class".'
            ) from error
    Z = np.column_stack(out)
    if np.isinf(Z).any():
        raise ValueError("Got infinite sensitive values, expected finite numbers.")
    return Z
