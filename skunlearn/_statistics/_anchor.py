"""Quadratic model of the logistic loss of some rows, at a reference, from which rows can be taken.

About a reference theta the loss of rows [x, 1] with weights w is known to second order from three
sums: the gradient, the Hessian and the Gram matrix. To forget a row, subtract its own terms, taken
at the same reference. The sums are kept as integers on a grid of powers of two that is chosen once:
terms of forgotten rows are rounded to it one by one and subtracted exactly, so that the state does
not depend on the order of the requests or on how they were split.
"""

import dataclasses
import functools

import numpy as np
from scipy import sparse

from skunlearn._statistics._anchored_model import AnchoredModel
from skunlearn._statistics._logistic_sums import (
    BITS,
    CHUNK,
    LARGEST,
    ClassifiedRows,
    integer_terms,
    losses,
    sums_at,
    upper,
)
from skunlearn.exceptions import UnlearningError


@dataclasses.dataclass(frozen=True)
class Part:
    """Sums of the rows of one group, in units of the grid.

    Parameters
    ----------
    theta : ndarray of shape (d + 1, k)
        The reference: coefficients of [x, 1], one column for two classes.
    gradient : ndarray of shape (d + 1, k), int64
    hessian : ndarray of shape (n_pairs of columns, n_pairs of classes), int64
    gram : ndarray of shape (n_pairs of columns,), int64
    ever : ndarray of shape (d + 1,), int64
        Diagonal of the Gram matrix of all rows that were ever in the sums, for rounding bounds.
    """

    theta: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    gram: np.ndarray
    ever: np.ndarray


@dataclasses.dataclass(frozen=True)
class Anchor:
    """Quadratic model of the data term at a reference; `plus` and `minus` give new values.

    Parameters
    ----------
    parts : dict of key to Part
        One for each group of rows.
    exponents : ndarray of shape (d + 1,), int
        The quantum of an entry (i, j) is ``2 ** (exponents[i] + exponents[j] - BITS)``.
    radius : float
        No row [x, 1] is longer, those forgotten included.
    box : tuple of ndarray of shape (d,), or None
        Centre and half-widths of a box that every x is in.
    n_chunks, n_moved : int
        Sums of floats behind each entry, and rows added or subtracted since: for rounding bounds.
    """

    parts: dict
    exponents: np.ndarray
    radius: float
    box: tuple | None
    n_chunks: int
    n_moved: int = 0

    @classmethod
    def of(cls, theta, rows, *, max_row_norm=None):
        """Model the loss of some rows at a reference.

        Parameters
        ----------
        theta : dict of key to ndarray of shape (d + 1, k)
            The reference of each group of rows; k is 1 for two classes.
        rows : ClassifiedRows
        max_row_norm : float, default=None
            Declared bound on the Euclidean norm of every x, now and later; the largest norm and
            the range of each column among these rows if None.
        """
        sums = sums_at(theta, rows)
        diagonal = np.sqrt(sum(_diagonal(part[2]) for part in sums.values()))
        exponents = np.where(diagonal > 0, np.frexp(diagonal)[1], 0).astype(np.int64)
        down = _scales(exponents, -1)
        parts = {}
        for key, (gradient, hessian, gram) in sums.items():
            gram = _whole(gram * down)
            gradient = _whole(gradient * _scales(exponents, -1, constant=True)[:, None])
            parts[key] = Part(
                theta[key], gradient, _whole(hessian * down[:, None]), gram, _diagonal(gram)
            )
        radius, box = _extent(rows.X) if max_row_norm is None else (max_row_norm, None)
        n_chunks = -(-len(rows) // CHUNK) + len(parts)
        return cls(parts, exponents, float(np.hypot(radius, 1.0)) * (1 + 1e-12), box, n_chunks)

    def at(self, theta, rows):
        """Return the model of the same rows about other references, from the rows."""
        down = _scales(self.exponents, -1)[:, None]
        beside = _scales(self.exponents, -1, constant=True)[:, None]
        parts = {}
        for key, (gradient, hessian, _) in sums_at(theta, rows, with_gram=False).items():
            sums = {"gradient": _whole(gradient * beside), "hessian": _whole(hessian * down)}
            parts[key] = dataclasses.replace(self.parts[key], theta=theta[key], **sums)
        return dataclasses.replace(self, parts=parts)

    @property
    def n_features(self):
        """Number of columns d of x."""
        return len(self.exponents) - 1

    @property
    def n_outputs(self):
        """Number of columns k of a reference."""
        return next(iter(self.parts.values())).theta.shape[1]

    def minus(self, rows):
        """Return the model of the loss without some rows."""
        return self._combined(rows, -1)

    def plus(self, rows):
        """Return the model of the loss with further rows."""
        return self._combined(rows, 1)

    def _combined(self, rows, sign):
        parts, n_moved = dict(self.parts), self.n_moved + len(rows)
        for key, positions in rows.parts():
            if not len(positions):
                continue
            if key not in parts:
                raise UnlearningError(f"No row of group {key!r} was learned: nothing to compare.")
            part = parts[key]
            gradient, hessian, gram = integer_terms(part.theta, rows, positions, self.exponents)
            totals = [
                _add(one, other, sign)
                for one, other in (
                    (part.gradient, gradient),
                    (part.hessian, hessian),
                    (part.gram, gram),
                )
            ]
            ever = part.ever if sign < 0 else _add(part.ever, _diagonal(gram), 1)
            # without its last rows a column is 0 up to the rounding of the sums of the fit
            slack = 2.0**-53 * (4096 + self.n_chunks + n_moved) * ever.astype(np.float64)
            if (_diagonal(totals[2]) < -slack).any():
                raise UnlearningError(
                    "A sum of squares would be negative: rows were removed that this model never "
                    "learned. With track_rows=True such a request is refused by name."
                )
            parts[key] = Part(part.theta, *totals, ever)
        return dataclasses.replace(self, parts=parts, n_moved=n_moved)

    def model(self, C, **options):
        """Return the objective that the anchor models: an `AnchoredModel`."""
        return AnchoredModel(self, C, **options)

    def with_radius(self, max_row_norm):
        """Return the model with another declared bound on the norm of x."""
        radius = float(np.hypot(max_row_norm, 1.0)) * (1 + 1e-12)
        return dataclasses.replace(self, radius=radius, box=None)

    # -- the sums as float64 ---------------------------------------------------------------

    def gradient(self, key):
        """Gradient at the reference, of shape (d + 1, k)."""
        part = self.parts[key]
        return part.gradient * _scales(self.exponents, 1, constant=True)[:, None]

    def hessian(self, key):
        """Hessian at the reference, of shape (d + 1, k, d + 1, k)."""
        part = self.parts[key]
        values = part.hessian * _scales(self.exponents, 1)[:, None]
        d, k = part.theta.shape
        full = values[unpacked(d)[:, :, None, None], unpacked(k)]
        return full.transpose(0, 2, 1, 3)

    def gram(self, key):
        """Gram matrix of the rows [x, 1], of shape (d + 1, d + 1)."""
        values = self.parts[key].gram * _scales(self.exponents, 1)
        return values[unpacked(len(self.exponents))]

    def weight(self, key):
        """Sum of the weights of a group."""
        return float(np.ldexp(float(self.parts[key].gram[-1]), 2 * int(self.exponents[-1]) - BITS))

    def mass(self, key):
        """Sum of w |[x, 1]|² over all rows that were ever in the sums of a group."""
        ever = self.parts[key].ever.astype(np.float64)
        return float(np.ldexp(ever, 2 * self.exponents - BITS).sum())

    def arrays(self):
        """Yield every array of the state, in an order that depends on nothing else."""
        yield self.exponents
        for key in sorted(self.parts, key=repr):
            part = self.parts[key]
            yield from (part.theta, part.gradient, part.hessian, part.gram)


def _add(one, other, sign):
    total = one + other if sign > 0 else one - other
    if np.abs(total.astype(np.float64)).max(initial=0.0) >= LARGEST:
        raise UnlearningError(
            "The sums outgrow the grid that the fit chose. Fit again on all the rows."
        )
    return total


def _whole(values):
    return np.rint(values).astype(np.int64)


def _scales(exponents, sign, constant=False):
    """Quanta of the packed pairs of columns, or of pairs with the constant, or their inverses."""
    if constant:
        return np.ldexp(1.0, sign * (exponents + exponents[-1] - BITS))
    left, right = upper(len(exponents))
    return np.ldexp(1.0, sign * (exponents[left] + exponents[right] - BITS))


@functools.lru_cache(maxsize=16)
def unpacked(n):
    """Positions of the pairs (i, j) in a packed upper triangle, as a symmetric matrix."""
    index = np.zeros((n, n), dtype=np.intp)
    left, right = upper(n)
    index[left, right] = index[right, left] = np.arange(len(left))
    return index


def _diagonal(packed):
    n = int(np.sqrt(2 * len(packed)))
    return packed[np.diagonal(unpacked(n))]


def _extent(X):
    """Largest Euclidean norm of the rows; centre and half-widths of their box."""
    if sparse.issparse(X):
        norms = np.sqrt((X.astype(np.float64) ** 2).sum(axis=1))
        low, high = (np.float64(end(axis=0).toarray().ravel()) for end in (X.min, X.max))
    else:
        norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
        low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
    center = low / 2 + high / 2
    half = np.maximum(high - center, center - low) * (1 + 1e-12)
    return float(norms.max()) * (1 + 1e-12), (center, half)


__all__ = ["Anchor", "ClassifiedRows", "Part", "losses", "sums_at"]
