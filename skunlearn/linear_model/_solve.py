"""Least squares from moments: pure functions."""

import dataclasses

import numpy as np
from scipy import linalg

_RCOND = 1e-11  # of the correlation matrix: above, Cholesky keeps five digits or more


@dataclasses.dataclass(frozen=True)
class NormalEquations:
    """Centred normal equations of a least-squares problem.

    Parameters
    ----------
    scatter : ndarray of shape (d, d)
    cross : ndarray of shape (d, q)
    mean_x : ndarray of shape (d,)
    mean_y : ndarray of shape (q,)
    weight : float
    """

    scatter: np.ndarray
    cross: np.ndarray
    mean_x: np.ndarray
    mean_y: np.ndarray
    weight: float

    @classmethod
    def of(cls, moments):
        """Return the least-squares problem of Y on X, from their joint moments."""
        d = moments.n_features
        scatter, mean = moments.scatter, moments.mean
        return cls(scatter[:d, :d], scatter[:d, d:], mean[:d], mean[d:], moments.weight)

    def solve(self, alpha, fit_intercept):
        """Penalised coefficients and intercepts.

        Parameters
        ----------
        alpha : ndarray of shape (q,)
            A penalty for each target.
        fit_intercept : bool

        Returns
        -------
        coef : ndarray of shape (d, q)
        intercept : ndarray of shape (q,)
        """
        if (alpha == alpha[0]).all():
            coef = self._coefficients(alpha[0], fit_intercept)
        else:
            parts = [
                dataclasses.replace(
                    self, cross=self.cross[:, [j]], mean_y=self.mean_y[[j]]
                )._coefficients(a, fit_intercept)
                for j, a in enumerate(alpha)
            ]
            coef = np.hstack(parts)
        if not fit_intercept:
            return coef, np.zeros(coef.shape[1])
        return coef, self.mean_y - self.mean_x @ coef

    def _coefficients(self, alpha, fit_intercept):
        matrix = self.scatter.copy()
        matrix.flat[:: len(matrix) + 1] += alpha
        if fit_intercept:
            coef = _cholesky_solve(matrix, self.cross)
            return solve_minimum_norm(matrix, self.cross) if coef is None else coef
        # Without an intercept the means are one more row of weight W; a rank-one update keeps
        # the digits that large means would cost (Sherman and Morrison)
        both = _cholesky_solve(matrix, np.column_stack([self.cross, self.mean_x]))
        if both is None:
            matrix += self.weight * np.outer(self.mean_x, self.mean_x)
            cross = self.cross + self.weight * np.outer(self.mean_x, self.mean_y)
            return solve_minimum_norm(matrix, cross)
        coef, direction = both[:, :-1], both[:, -1]
        gain = self.weight / (1.0 + self.weight * (self.mean_x @ direction))
        return coef + np.outer(direction, gain * (self.mean_y - self.mean_x @ coef))


def _cholesky_solve(matrix, rhs):
    """Solve on the unit-diagonal scale, where conditioning means something; None if singular."""
    diagonal = np.diagonal(matrix)
    if not (diagonal > 0).all():
        return None
    scale = 1.0 / np.sqrt(diagonal)
    factor, failed = linalg.lapack.dpotrf(matrix * scale[:, None] * scale, lower=1, overwrite_a=1)
    if failed:
        return None
    norm = 1.0 * len(matrix)  # an upper bound of the 1-norm of a correlation matrix
    rcond, _ = linalg.lapack.dpocon(factor, norm, uplo="L")
    if rcond * norm < _RCOND:
        return None
    solution, _ = linalg.lapack.dpotrs(factor, rhs * scale[:, None], lower=1)
    return solution * scale[:, None]


def _correlation_eigh(gram):
    """Eigendecomposition on the unit-diagonal scale, the scale, and which directions count."""
    diagonal = np.diagonal(gram)
    positive = diagonal > 0
    scale = np.where(positive, 1.0 / np.sqrt(np.where(positive, diagonal, 1.0)), 0.0)
    values, vectors = linalg.eigh(gram * scale[:, None] * scale)
    floor = len(gram) * 16 * np.finfo(np.float64).eps * max(values.max(initial=0.0), 0.0)
    return values, vectors, scale, values > floor


def rank(gram):
    """Rank of a Gram matrix, decided on the correlation scale: units do not matter."""
    return int(_correlation_eigh(gram)[-1].sum())


def solve_minimum_norm(gram, cross):
    """Least squares where columns are collinear: of all solutions, that of least norm.

    Returns
    -------
    coef : ndarray of shape (d, q)
    """
    values, vectors, scale, keep = _correlation_eigh(gram)
    kept = scale[:, None] * vectors[:, keep]
    coef = kept @ ((kept.T @ cross) / values[keep][:, None])
    if not keep.all():
        free = scale[:, None] * vectors[:, ~keep]
        free = np.column_stack([free, np.eye(len(gram))[:, scale == 0]])
        coef = coef - free @ linalg.lstsq(free, coef)[0]
    return coef
