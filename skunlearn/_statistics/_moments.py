"""Moments: weight, mean and centred scatter in float64, from which models derive."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Moments:
    """Weighted moments of joint columns [X | Y].

    Parameters
    ----------
    weight : float
        Sum of the weights.
    n_rows : int
        Number of rows, whatever their weights.
    mean : ndarray of shape (p,)
    scatter : ndarray of shape (p, p) or (p,)
        Centred sums of products, or only the diagonal of them.
    n_features : int
        The first `n_features` columns are X, the others Y.
    total : ndarray of shape (p,), default=None
        Weighted sums of the columns, correctly rounded where no map has moved the rows.
    """

    weight: float
    n_rows: int
    mean: np.ndarray
    scatter: np.ndarray
    n_features: int
    total: np.ndarray | None = None

    @property
    def covariance(self):
        """Biased covariance of X, `scatter / weight` (or the variances)."""
        d = self.n_features
        scatter = self.scatter[:d] if self.scatter.ndim == 1 else self.scatter[:d, :d]
        return scatter / self.weight

    @property
    def variance(self):
        """Biased variances of X."""
        diagonal = self.scatter if self.scatter.ndim == 1 else np.diagonal(self.scatter)
        return diagonal[: self.n_features] / self.weight

    def affine(self, matrix, offset):
        """Moments after x -> matrix @ x + offset, Y untouched.

        Parameters
        ----------
        matrix : ndarray of shape (d_out, n_features) or (n_features,)
            One dimension stands for a diagonal matrix.
        offset : ndarray of shape (d_out,)

        Returns
        -------
        Moments
        """
        d = self.n_features
        x, y = slice(None, d), slice(d, None)
        if matrix.ndim == 1:
            mean_x = matrix * self.mean[x] + offset
            scale = np.concatenate([matrix, np.ones(len(self.mean) - d)])
            full = self.scatter.ndim == 2
            scatter = self.scatter * (np.outer(scale, scale) if full else scale * scale)
        elif self.scatter.ndim == 1:
            raise ValueError("A matrix needs the full scatter, these moments hold its diagonal.")
        else:
            mean_x = matrix @ self.mean[x] + offset
            corner = matrix @ self.scatter[x, x] @ matrix.T
            cross = matrix @ self.scatter[x, y]
            corner = (corner + corner.T) / 2
            scatter = np.block([[corner, cross], [cross.T, self.scatter[y, y]]])
        mean = np.concatenate([mean_x, self.mean[y]])
        total = self.total
        if total is not None:
            moved = matrix * total[x] if matrix.ndim == 1 else matrix @ total[x]
            total = np.concatenate([moved + offset * self.weight, total[y]])
        return dataclasses.replace(
            self, mean=mean, scatter=scatter, n_features=len(mean_x), total=total
        )

    def select(self, columns):
        """Moments of some columns of X, given by position, and of Y."""
        keep = np.append(columns, np.arange(self.n_features, len(self.mean))).astype(np.intp)
        full = self.scatter.ndim == 2
        return dataclasses.replace(
            self,
            mean=self.mean[keep],
            scatter=self.scatter[np.ix_(keep, keep)] if full else self.scatter[keep],
            n_features=len(columns),
            total=None if self.total is None else self.total[keep],
        )

    def scaled(self, factor):
        """Moments with every weight multiplied by `factor`."""
        total = None if self.total is None else self.total * factor
        return dataclasses.replace(
            self, weight=self.weight * factor, scatter=self.scatter * factor, total=total
        )


def merge(parts):
    """Moments of the union of parts (Chan, Golub and LeVeque 1983, about the common mean)."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    weight = sum(part.weight for part in parts) or 1.0
    # about the first mean, so that columns equal in all parts keep a mean and scatter of exactly 0
    pivot = parts[0].mean
    shift = sum(part.weight * (part.mean - pivot) for part in parts) / weight
    mean = pivot + shift
    scatter = 0.0
    for part in parts:
        gap = part.mean - mean
        between = np.outer(gap, gap) if part.scatter.ndim == 2 else gap * gap
        scatter = scatter + part.scatter + part.weight * between
    n_rows = sum(part.n_rows for part in parts)
    weight = sum(part.weight for part in parts)
    known = all(part.total is not None for part in parts)
    total = sum(part.total for part in parts) if known else None
    return Moments(weight, n_rows, mean, scatter, parts[0].n_features, total)
