"""Covariance matrices, factored where units do not matter: pure functions."""

import dataclasses

import numpy as np
from scipy import linalg


def shrunk(covariance, shrinkage):
    """Covariance moved toward a multiple of the identity, as scikit-learn has it."""
    if shrinkage is None:
        return covariance
    d = len(covariance)
    return (1.0 - shrinkage) * covariance + shrinkage * np.trace(covariance) / d * np.eye(d)


def signed(vectors):
    """Columns with the sign that makes the entry of largest size positive."""
    if not vectors.size:
        return vectors
    largest = np.argmax(np.abs(vectors), axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * np.where(signs == 0, 1.0, signs)


@dataclasses.dataclass(frozen=True)
class Factor:
    """A covariance C = D L L' D, with D the standard deviations and L of full column rank.

    The Cholesky factor L is taken of the correlations, with pivots, so that the rank does not
    depend on units, and small directions keep the digits that columns of large variance would cost.

    Parameters
    ----------
    unit : ndarray of shape (d, rank)
        L, rows in the order of the columns.
    scale : ndarray of shape (d,)
        Diagonal of D, 1 for a column that is constant.
    pivots : ndarray of shape (d,), int
        Columns in the order of the pivots: the first `rank` are independent.
    """

    unit: np.ndarray
    scale: np.ndarray
    pivots: np.ndarray

    @classmethod
    def of(cls, covariance):
        """Factor a positive semidefinite matrix."""
        d = len(covariance)
        variance = np.diagonal(covariance)
        scale = np.sqrt(np.where(variance > 0, variance, 1.0))
        packed, pivots, rank, _ = linalg.lapack.dpstrf(
            covariance / scale[:, None] / scale, tol=16 * d * np.finfo(np.float64).eps, lower=1
        )
        pivots = pivots.astype(np.intp) - 1
        unit = np.empty((d, rank))
        unit[pivots] = np.tril(packed)[:, :rank]
        return cls(unit, scale, pivots)

    @property
    def rank(self):
        """Number of independent columns."""
        return self.unit.shape[1]

    @property
    def matrix(self):
        """The product D L."""
        return self.unit * self.scale[:, None]

    def eigh(self):
        """Eigenvalues, largest first and exactly 0 beyond the rank, and eigenvectors in columns.

        Taken from the singular values of D L: those of C span twice as many digits.
        """
        vectors, roots, _ = linalg.svd(self.matrix, full_matrices=True)
        return np.append(roots**2, np.zeros(len(vectors) - len(roots))), signed(vectors)

    def whitening(self, tol):
        """Columns that make C the identity, along singular values of L above `tol`.

        Returns
        -------
        ndarray of shape (d, n_directions)
        """
        vectors, roots, _ = linalg.svd(self.unit, full_matrices=False)
        keep = roots > tol
        return vectors[:, keep] / roots[keep] / self.scale[:, None]

    def solve(self, rhs):
        """Pseudo-inverse of C times some columns: least squares, of least norm.

        Returns
        -------
        ndarray of shape (d, q)
        """
        free = self._null_space()
        out = np.zeros_like(rhs)
        kept = self.pivots[: self.rank]
        triangle = self.matrix[kept]
        out[kept] = linalg.cho_solve((triangle, True), _without(free, rhs)[kept])
        return _without(free, out)

    def _null_space(self):
        """Orthonormal columns that span what C maps to 0."""
        d, rank = self.matrix.shape
        kept, dropped = self.pivots[:rank], self.pivots[rank:]
        if rank == d:
            return np.empty((d, 0))
        basis = np.zeros((d, d - rank))
        basis[dropped] = np.eye(d - rank)
        if rank:
            basis[kept] = -linalg.solve_triangular(
                self.matrix[kept], self.matrix[dropped].T, lower=True, trans="T"
            )
        return linalg.qr(basis, mode="economic")[0]


def _without(directions, columns):
    """Columns less their part along orthonormal directions."""
    return columns - directions @ (directions.T @ columns)
