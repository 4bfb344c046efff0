"""A linear model beside a net, from exact sums: what it says of a row once the row is gone."""

import dataclasses

import numpy as np
from scipy import linalg

from skunlearn._statistics._exact import ExactGram
from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._limbs import BITS, normalise
from skunlearn._statistics._products import triangle
from skunlearn._statistics._rows import RowStore, last_copies
from skunlearn.neural_network._kept import kept_as

_NAME = "side_model"
_CODE_BITS = 12  # columns are read in steps of 1/4096 of the largest spread
_CODE_MAX = 2**15 - 1  # and cut at 8 spreads
_WEIGHT_BITS = 5
_FEATURE_BITS = 7  # a feature of usual size is about 2**7
_FEATURE_MAX = 2**12 - 1
_TARGET_BITS = 10  # steps of a numeric target in its spread
_TARGET_MAX = 2**15 - 1
_CHUNK = 2048  # rows multiplied at once: 2 * 15 + 11 bits, far below the 53 of float64
_FEWEST, _MOST = 64, 1000  # features
_PENALTY = 1e-2  # of the ridge, as a share of the mean of the Gram matrix' diagonal


@dataclasses.dataclass(frozen=True)
class Grid:
    """Columns in integers: value - centre, in steps that are powers of two, cut at the ends.

    Parameters
    ----------
    centre : ndarray of shape (d,)
        Multiples of the step times 2**bits, so that most rows could be others and give the same.
    exponents : ndarray of shape (d,), int
        Of the spread of each column.
    bits : int
        A step is the spread divided by 2**bits.
    largest : int
    """

    centre: np.ndarray
    exponents: np.ndarray
    bits: int
    largest: int

    @classmethod
    def of(cls, values, bits, largest, *, common=False):
        """Return the grid of columns, with one spread for all, the largest, if `common`."""
        spread = values.std(axis=0, dtype=np.float64)
        if common:  # as the net sees them: a pixel that is hardly ever dark is no signal
            spread = np.full_like(spread, spread.max(initial=0.0))
        exponents = np.rint(np.log2(np.where(spread > 0, spread, 1.0))).astype(int)
        step = np.ldexp(1.0, exponents)
        return cls(
            np.rint(values.mean(axis=0, dtype=np.float64) / step) * step, exponents, bits, largest
        )

    def codes(self, values):
        """Return integers, as float64."""
        scaled = np.ldexp(values - self.centre, self.bits - self.exponents)
        return np.clip(np.rint(scaled), -self.largest, self.largest)

    def values(self, codes):
        """Return the values that codes stand for."""
        return np.ldexp(codes, self.exponents - self.bits) + self.centre


@dataclasses.dataclass(frozen=True)
class RandomFeatures:
    """Random ReLU features of rows in integer arithmetic: the same bits in any batch.

    Parameters
    ----------
    grid : Grid
        Of the columns of X.
    weights : ndarray of shape (d, n_features), integers as float64
    bias : ndarray of shape (n_features,), integers as float64
    shift : int
        Bits that are dropped from a projection.
    """

    grid: Grid
    weights: np.ndarray
    bias: np.ndarray
    shift: int

    @classmethod
    def of(cls, X, n_features, seed):
        """Draw features for rows of shape (n, d)."""
        rng = np.random.default_rng(seed)
        d = X.shape[1]
        weights = np.rint(rng.standard_normal((d, n_features)) * 2**_WEIGHT_BITS)
        size = _CODE_BITS + _WEIGHT_BITS + np.log2(max(d, 1)) / 2  # of a projection, in bits
        bias = np.rint(rng.standard_normal(n_features) * 2**size)
        shift = int(np.rint(size)) - _FEATURE_BITS
        return cls(Grid.of(X, _CODE_BITS, _CODE_MAX, common=True), weights, bias, shift)

    def __call__(self, X):
        """Return features of shape (n, n_features), integers as float64.

        Every sum is one of integers below 2**53, so that no order of summation rounds.
        """
        out = self.grid.codes(X) @ self.weights
        out += self.bias
        np.ldexp(out, -self.shift, out=out)
        return np.clip(np.rint(out, out=out), 0, _FEATURE_MAX, out=out)


@kept_as(_NAME)
@dataclasses.dataclass(frozen=True)
class SideModel:
    """Ridge regression of the targets on random ReLU features, from exact sums.

    Forgotten rows are taken out of the sums exactly, so that what it says of them is what a model
    says that never saw them. The grids of X and of numeric targets are powers of two from the
    spread of all rows, which hardly ever differ without some of them.

    Parameters
    ----------
    features : RandomFeatures
    target : Grid or None
        Of numeric targets; None for classes.
    gram : ExactGram
        Of [1, features, targets].
    hashes : ndarray of shape (n,), uint64
        Fingerprints: rows of a request that are not among them were not learned here.
    key : key of the fingerprints
    """

    features: RandomFeatures
    target: Grid | None
    gram: ExactGram
    hashes: np.ndarray
    key: object

    name = _NAME
    exact = True

    @classmethod
    def of(cls, fitted, like=None):
        """Fit it on training rows, with the features and grids of another one if given."""
        X, y = _arrays(fitted.train)
        is_classifier = fitted.net.is_classifier
        if like is None:
            features = RandomFeatures.of(X, _n_features(len(X)), fitted.seed)
            target = None if is_classifier else Grid.of(y, _TARGET_BITS, _TARGET_MAX)
        else:
            features, target = like.features, like.target
        n_outputs = fitted.net.n_outputs
        empty = _sums(features, X[:0], _targets(y[:0], target, n_outputs))
        model = cls(features, target, empty, np.zeros(0, np.uint64), new_key())
        Y = _targets(y, target, n_outputs)
        return dataclasses.replace(
            model, gram=_sums(features, X, Y), hashes=RowStore.hash({"X": X, "y": y}, model.key)
        )

    def without(self, forget, net):
        """Return the model without rows; those it never learned change nothing."""
        X, y = _arrays(forget)
        hashes = RowStore.hash({"X": X, "y": y}, self.key)
        found = last_copies(self.hashes, hashes)  # in the order of the sorted fingerprints
        known = np.argsort(hashes, kind="stable")[found >= 0]
        Y = _targets(y[known], self.target, net.n_outputs)
        return dataclasses.replace(
            self,
            gram=self.gram - _sums(self.features, X[known], Y),
            hashes=np.delete(self.hashes, found[found >= 0]),
        )

    def predict(self, X):
        """Scores of the classes, 1 for yes and 0 for no; or predictions.

        Parameters
        ----------
        X : Tensor of shape (n, ...)

        Returns
        -------
        ndarray of shape (n, n_outputs)
        """
        coef = linalg.cho_solve(*self._equations())
        X = _flat(X)
        out = [self._rows(X[i : i + _CHUNK]) @ coef for i in range(0, len(X), _CHUNK)]
        return self._values(np.concatenate(out))

    def left_out(self, rows):
        """Predict rows that it has learned as it would without each of them.

        Parameters
        ----------
        rows : Rows

        Returns
        -------
        ndarray of shape (n, n_outputs)
        """
        (factor, lower), cross = self._equations()
        X, y = _arrays(rows)
        features = self._rows(X)
        half = linalg.solve_triangular(factor, features.T, trans=1, lower=lower)
        leverage = np.minimum(np.einsum("ij,ij->j", half, half), 0.999)[:, None]
        out = features @ linalg.cho_solve((factor, lower), cross)
        out -= leverage * _targets(y, self.target, cross.shape[1])
        return self._values(out / (1 - leverage))

    def _equations(self):
        """Cholesky factor of the penalised sums of the features, and the sums with the targets."""
        p, q = 1 + self.gram.n_features, self.gram.n_columns - self.gram.n_features
        sums = np.zeros((p + q, p + q))
        sums[np.triu_indices(p + q)] = sum(
            np.ldexp(limb.astype(np.float64), BITS * i) for i, limb in enumerate(self.gram.limbs)
        )
        diagonal = np.einsum("ii->i", sums)
        diagonal[1:p] += _PENALTY * diagonal[1:p].mean() or 1.0
        diagonal[0] = max(diagonal[0], 1.0)
        return linalg.cho_factor(sums[:p, :p], lower=False), sums[:p, p:]

    def _rows(self, X):
        return np.hstack([np.ones((len(X), 1)), self.features(X)])

    def _values(self, out):
        return out if self.target is None else self.target.values(out)


def _n_features(n):
    """Choose the number of features for n rows: about a quarter, in steps that hide single rows."""
    return int(np.clip(2 ** (np.floor(2 * np.log2(max(n, 1))) / 2) // 3, _FEWEST, _MOST))


def _flat(X):
    return X.detach().cpu().numpy().reshape(len(X), -1)


def _arrays(rows):
    return _flat(rows.X), rows.y.detach().cpu().numpy()


def _targets(y, grid, n_outputs):
    """Targets as integers: one column a class, or numbers on their grid."""
    if grid is not None:
        return grid.codes(y)
    return (y[:, None] == np.arange(n_outputs)).astype(np.float64)


def _sums(features, X, Y):
    """Exact Gram matrix of [1, features, targets]: each chunk is one product without rounding."""
    p = 1 + features.weights.shape[1] + Y.shape[1]
    total = np.zeros((p, p))
    rows = np.ones((min(_CHUNK, len(X)), p))
    for start in range(0, len(X), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(X)))
        chunk = rows[: part.stop - start]
        chunk[:, 1 : p - Y.shape[1]] = features(X[part])
        chunk[:, p - Y.shape[1] :] = Y[part]
        total += chunk.T @ chunk
    limbs = normalise(total.ravel()[triangle(p)].astype(np.int64)[None])
    exponents = np.zeros(p, dtype=int)
    return ExactGram(exponents, features.weights.shape[1], len(X), limbs)
