"""Cholesky factor of a kernel matrix, beside the matrix, and what it is without some rows.

One array holds both: the factor L in the lower triangle with the diagonal, the kernel matrix in
the strict upper one, its diagonal apart. So a factor costs the memory of the matrix alone.
"""

import dataclasses

import numpy as np
from scipy import linalg
from scipy.linalg import blas, lapack

_BLOCK = 64
FORWARD = 1e-9  # largest correction, relative to the solution, that refinement may make


@dataclasses.dataclass(frozen=True)
class KernelFactor:
    """L L' = K + alpha I, with the kernel matrix K kept for residuals.

    Parameters
    ----------
    array : ndarray of shape (n, n), C-contiguous
        L below and on the diagonal, K above it.
    diagonal : ndarray of shape (n,)
        The diagonal of K.
    alpha : float
    """

    array: np.ndarray
    diagonal: np.ndarray
    alpha: float

    @classmethod
    def of(cls, K, alpha):
        """Factor a symmetric matrix, whose memory is used.

        Parameters
        ----------
        K : ndarray of shape (n, n), float64, C-contiguous
        alpha : float

        Returns
        -------
        KernelFactor or None
            None if K + alpha I is not positive definite, or singular to working precision.
        """
        diagonal = K.diagonal().copy()
        upper = K.T  # LAPACK wants columns: its upper triangle is our lower one
        np.fill_diagonal(K, diagonal + alpha)
        norm = lapack.dlange("1", upper)
        _, info = lapack.dpotrf(upper, lower=0, clean=0, overwrite_a=1)
        regular = info == 0 and lapack.dpocon(upper, norm, uplo="U")[0] >= np.finfo(float).eps
        return cls(K, diagonal, float(alpha)) if regular else None

    def __len__(self):
        return len(self.diagonal)

    def solve(self, B):
        """Solve (K + alpha I) Z = B.

        Parameters
        ----------
        B : ndarray of shape (n, q)

        Returns
        -------
        ndarray of shape (n, q)
        """
        return lapack.dpotrs(self.array.T, B, lower=0)[0]

    def product(self, Z):
        """(K + alpha I) Z, from the kernel matrix and not from its factor."""
        # the triangle above the diagonal is K's, the diagonal itself is the factor's
        whole = blas.dsymm(1.0, self.array.T, Z, side=0, lower=1)
        own = self.diagonal + self.alpha - self.array.diagonal()
        return whole + own[:, None] * Z

    def refined(self, B):
        """Solution with one step of iterative refinement, and how much that step has changed.

        Returns
        -------
        solution : ndarray of shape (n, q)
        change : float
            Largest correction over the largest entry of the solution, the worst of the targets:
            the forward error of the factor. Infinite where anything is not finite.
        """
        Z = self.solve(B)
        step = self.solve(B - self.product(Z))
        size, moved = np.abs(Z).max(axis=0), np.abs(step).max(axis=0)
        if not (np.isfinite(size).all() and np.isfinite(moved).all()):
            return Z, np.inf
        change = moved / np.where(size > 0, size, 1.0)
        return Z + step, float(change.max(initial=0.0))

    def without(self, keep):
        """Return the factor of the matrix less some rows and columns: O(n^2 m), always stable.

        With L cut to the kept rows, [L_RR, L_RF] [L_RR, L_RF]' is the matrix that remains:
        orthogonal maps bring L_RF to zero, block by block. Nothing is subtracted, so nothing
        cancels.

        Parameters
        ----------
        keep : ndarray of int, sorted
        """
        gone = np.delete(np.arange(len(self)), keep)
        array = self.array[np.ix_(keep, keep)]
        extra = np.where(keep[:, None] > gone, self.array[np.ix_(keep, gone)], 0.0)
        _absorb(array, extra, np.searchsorted(keep, gone))
        return KernelFactor(array, self.diagonal[keep], self.alpha)


def _absorb(array, extra, first):
    """Bring [L, extra] to lower triangular form by orthogonal maps of the columns, in place.

    Parameters
    ----------
    array : ndarray of shape (n, n)
        L in the lower triangle; what stands above it is left alone.
    extra : ndarray of shape (n, m)
        Column j is zero above row first[j].
    first : ndarray of shape (m,), int, sorted
    """
    n = len(array)
    for start in range(first[0] if len(first) else n, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        width = stop - start
        active = np.searchsorted(first, stop)  # the columns that have begun
        block = array[start:stop, start:stop]
        stacked = np.hstack([np.tril(block), extra[start:stop, :active]]).T
        Q, R = linalg.qr(stacked, check_finite=False)
        Q[:, :width] *= np.where(np.diagonal(R) < 0, -1.0, 1.0)
        new = stacked.T @ Q[:, :width]
        lower = np.tril_indices(width)
        block[lower] = new[lower]
        below = np.hstack([array[stop:, start:stop], extra[stop:, :active]]) @ Q
        array[stop:, start:stop] = below[:, :width]
        extra[stop:, :active] = below[:, width:]
