"""The steps before a model: what two versions of them make of rows, and the way back."""

from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

_TOLERANCE = 1e-6  # of a standard deviation: what is no linear map is off by far more


def split_steps(model):
    """Split a pipeline, or one that ends in another, into its first steps and the last one."""
    front = []
    while isinstance(model, Pipeline):
        *steps, model = [s for _, s in model.steps if s is not None and s != "passthrough"]
        front += steps
    return front, model


def through(front, X):
    """Rows as the step after `front` sees them."""
    for step in front:
        X = step.transform(X)
    return X


def back(front, row, like):
    """Send a row back through steps; None where they do not lead back to it.

    Parameters
    ----------
    front : list of transformer
    row : ndarray of shape (n_columns,)
    like : array or frame
        Rows as the first step takes them.

    Returns
    -------
    ndarray of shape (n_features,) or None
    """
    found = row[None]
    if not np.isfinite(row).all():
        return None
    for step in reversed(front):
        if not hasattr(step, "inverse_transform"):
            return None
        found = np.asarray(step.inverse_transform(found))
    named = type(like)(found, columns=like.columns) if hasattr(like, "iloc") else found
    again = _array(through(front, named))  # not the row: the inverse of a function not told
    return found[0] if np.allclose(again[0], row, rtol=1e-6, atol=1e-9) else None


@dataclass(frozen=True, eq=False)
class Move:
    """What became of the rows that a model sees: z goes to ``matrix @ z + shift``.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns,) or (n_columns, n_columns)
        A vector is a diagonal.
    shift : ndarray of shape (n_columns,)
    """

    matrix: np.ndarray
    shift: np.ndarray

    @classmethod
    def between(cls, one, other):
        """Find the map from rows as one version sees them to the same rows in another.

        Parameters
        ----------
        one, other : ndarray of shape (n_rows, n_columns)

        Returns
        -------
        Move

        Raises
        ------
        ValueError
            If none is linear, or rows are too few to tell.
        """
        why = "in no linear way"
        if one.shape != other.shape:
            why = f"from {one.shape[1]} columns to {other.shape[1]}"
        elif np.array_equal(one, other):
            return cls(np.ones(one.shape[1]), np.zeros(one.shape[1]))
        else:
            near = _TOLERANCE * np.where(other.std(axis=0) > 0, other.std(axis=0), 1.0)
            for found in (cls._by_column(one, other), cls._of_all_columns(one, other)):
                if found is not None and (np.abs(found.of(one) - other) <= near).all():
                    return found
        raise ValueError(
            f"The steps before the last moved the public rows between the two versions {why} (as "
            f"far as {len(one)} rows tell): no attack on the coefficients is known here that "
            "follows them. Pass the last steps, and rows as the first version's other steps put "
            "them out, to attack as if these had not moved; or two versions of a step that holds "
            "means."
        )

    @classmethod
    def _by_column(cls, one, other):
        centred = one - one.mean(axis=0)
        squares = (centred**2).sum(axis=0)
        varies = squares > len(one) * (1e-9 * np.abs(one).max(axis=0)) ** 2
        slopes = (centred * other).sum(axis=0) / np.where(varies, squares, 1.0)
        matrix = np.where(varies, slopes, 1.0)
        return cls(matrix, other.mean(axis=0) - matrix * one.mean(axis=0)) if matrix.all() else None

    @classmethod
    def _of_all_columns(cls, one, other):
        rows = np.column_stack([np.ones(len(one)), one])
        found, _, rank, _ = np.linalg.lstsq(rows, other, rcond=None)
        if rank < rows.shape[1] or np.linalg.matrix_rank(found[1:]) < len(found) - 1:
            return None
        return cls(found[1:].T, found[0])

    def of(self, rows):
        """Rows as the later version sees them."""
        moved = rows * self.matrix if self.matrix.ndim == 1 else rows @ self.matrix.T
        return moved + self.shift

    def parameters(self, weights, intercept):
        """Parameters (intercept first, if any) of a later model, for rows of the earlier one."""
        slopes = weights[:, int(intercept) :]
        moved = slopes * self.matrix if self.matrix.ndim == 1 else slopes @ self.matrix
        if not intercept:
            return moved
        return np.column_stack([weights[:, 0] + slopes @ self.shift, moved])

    def gradient(self, slopes):
        """Return sums of later rows times something that adds up to 0, as sums of earlier rows."""
        if self.matrix.ndim == 1:
            return slopes / self.matrix
        return np.linalg.solve(self.matrix, slopes.T).T


def _array(X):
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=float)
