"""Sums of the logistic loss over rows: in float64 at a fit, in integers for single rows.

Classes are numbered; two classes have one column of coefficients, more have one each.
"""

import dataclasses
import functools

import numpy as np
from scipy import sparse
from scipy.special import expit

from skunlearn.exceptions import UnlearningError

BITS = 56  # of the largest sum of the fit; the rest of an int64 word is room for more rows
CHUNK = 2048  # rows at once
LARGEST = 2.0**62
_TERMS = 2**22  # numbers at once, where terms are rounded row by row


@dataclasses.dataclass(frozen=True)
class ClassifiedRows:
    """Rows with the class that each is in.

    Parameters
    ----------
    X : {ndarray, csr_array} of shape (n, d)
    codes : ndarray of shape (n,), int
        Position of the class of each row.
    weights : ndarray of shape (n,), default=None
    keys : sequence, default=(None,)
        Names of the groups.
    groups : ndarray of shape (n,), int, default=None
        Position in `keys` of the group of each row.
    """

    X: object
    codes: np.ndarray
    weights: np.ndarray = None
    keys: tuple = (None,)
    groups: np.ndarray = None

    def __len__(self):
        return self.X.shape[0]

    def parts(self):
        """Yield (key, positions of its rows)."""
        for i, key in enumerate(self.keys):
            yield (
                key,
                np.arange(len(self)) if self.groups is None else np.flatnonzero(self.groups == i),
            )

    def block(self, rows):
        """Return [x, 1] as a dense float64 array, class codes and weights of some rows."""
        X = self.X[rows]
        out = np.ones((len(rows), self.X.shape[1] + 1))
        out[:, :-1] = X.toarray() if sparse.issparse(X) else X
        weights = np.ones(len(rows)) if self.weights is None else self.weights[rows]
        return out, self.codes[rows], weights


# -- sums over many rows, in float64 ---------------------------------------------------------


def sums_at(theta, rows, with_gram=True):
    """Gradient, packed Hessian and packed Gram matrix of the loss at a reference, by group.

    Within a chunk the gradient is summed in pairs, so that its error does not grow with the number
    of rows; the matrices are products of chunks.
    """
    return {key: _sums(theta[key], rows, where, with_gram) for key, where in rows.parts()}


def _sums(theta, rows, where, with_gram):
    d, k = theta.shape
    take, classes = upper(d), _pairs(k)
    gradients, hessian, gram = [np.zeros((d, k))], np.zeros((len(take[0]), len(classes))), 0.0
    for start in range(0, len(where), CHUNK):
        x, codes, weights = rows.block(where[start : start + CHUNK])
        p = probabilities(x @ theta)
        residual = weights[:, None] * residuals(p, codes)
        by_column = [np.ascontiguousarray((x * r[:, None]).T).sum(axis=1) for r in residual.T]
        gradients.append(np.stack(by_column, axis=1))
        for q, curvature in enumerate(_curvatures(p, classes)):
            hessian[:, q] += ((x * (weights * curvature)[:, None]).T @ x)[take]
        if with_gram:
            gram = gram + ((x * weights[:, None]).T @ x)[take]
    gradient = np.ascontiguousarray(np.stack(gradients, axis=-1)).sum(axis=-1)
    return gradient, hessian, gram + np.zeros(len(take[0]))


def losses(theta, rows):
    """Sum of the weighted logistic losses at a reference, by group."""
    out = {}
    for key, where in rows.parts():
        total = []
        for start in range(0, len(where), CHUNK):
            x, codes, weights = rows.block(where[start : start + CHUNK])
            eta = x @ theta[key]
            if eta.shape[1] == 1:
                loss = np.logaddexp(0.0, np.where(codes == 1, -eta[:, 0], eta[:, 0]))
            else:
                top = eta.max(axis=1)
                chosen = eta[np.arange(len(codes)), codes]
                loss = np.log(np.exp(eta - top[:, None]).sum(axis=1)) + top - chosen
            total.append(weights @ loss)
        out[key] = float(np.sum(total))
    return out


def probabilities(eta):
    """Return probabilities of the classes, or of the second of two classes."""
    if eta.shape[1] == 1:
        return expit(eta)
    p = np.exp(eta - eta.max(axis=1, keepdims=True))
    total = np.zeros(len(p))
    for column in p.T:  # one by one: a row must not depend on how many rows stand beside it
        total += column
    return p / total[:, None]


def residuals(p, codes):
    """Return probabilities less indicators of the true class."""
    out = p.copy()
    if p.shape[1] == 1:
        out[:, 0] -= codes
    else:
        out[np.arange(len(codes)), codes] -= 1.0
    return out


def _curvatures(p, classes):
    """Yield the entries of diag(p) - pp' for pairs of classes, one array over rows a pair."""
    for one, other in classes:
        yield p[:, one] * (1.0 - p[:, one]) if one == other else -(p[:, one] * p[:, other])


# -- terms of single rows, on the grid -------------------------------------------------------


def integer_terms(theta, rows, where, exponents):
    """Integer sums of the terms of some rows, each rounded on its own.

    No sum over columns is left to a library: what a row gives does not depend on the batch.
    """
    d, k = theta.shape
    left, right = upper(d)
    classes = _pairs(k)
    gradient = np.zeros((d, k), dtype=np.int64)
    hessian = np.zeros((len(left), len(classes)), dtype=np.int64)
    gram = np.zeros(len(left), dtype=np.int64)
    squares = np.zeros(d)
    half = np.ldexp(1.0, BITS // 2 - exponents)[:, None]
    step = max(1, _TERMS // len(left))
    for start in range(0, len(where), step):
        x, codes, weights = rows.block(where[start : start + step])
        x = np.ascontiguousarray(x.T)
        eta = np.zeros((len(codes), k))
        for column, coefficients in zip(x, theta, strict=True):
            eta += column[:, None] * coefficients
        p = probabilities(eta)
        x *= half
        weighted = weights * x
        squares += (weighted * x).sum(axis=1)
        _check_room(squares)
        pairs = weighted[left]
        pairs *= x[right]
        gram += _rounded_sums(pairs)
        for q, curvature in enumerate(_curvatures(p, classes)):
            hessian[:, q] += _rounded_sums(pairs * curvature)
        weighted *= half[-1]
        for c, residual in enumerate(residuals(p, codes).T):
            gradient[:, c] += _rounded_sums(weighted * residual)
    return gradient, hessian, gram


def _rounded_sums(terms):
    """Round every term, then add the terms of all rows exactly."""
    return np.rint(terms).astype(np.int64).sum(axis=1)


def _check_room(squares):
    """Refuse rows whose sums would not fit; the squares bound the other products."""
    if not squares.max(initial=0.0) < LARGEST:
        raise UnlearningError(
            "These rows are too large beside the rows of the fit: they do not fit the grid of its "
            "sums. Fit again on all the rows."
        )


@functools.lru_cache(maxsize=16)
def upper(n):
    """Rows and columns of the pairs in a packed upper triangle."""
    return np.triu_indices(n)


def _pairs(k):
    return list(zip(*upper(k), strict=True))
