"""What a logistic regression keeps of its rows: the anchor, counts of classes, fingerprints."""

import dataclasses
import hashlib

import numpy as np

from skunlearn._statistics._anchor import Anchor, ClassifiedRows
from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn._statistics._hashing import label_words
from skunlearn._statistics._learned import Rows
from skunlearn.exceptions import UnlearningError

MAX_NUMBERS = 2**27  # of the packed Hessian, 1 GiB


@dataclasses.dataclass(frozen=True)
class Batch:
    """Validated rows of a request.

    Parameters
    ----------
    X : {ndarray, csr_array} of shape (n, d)
    y : ndarray of shape (n,)
    weights : ndarray of shape (n,), default=None
        Sample weights.
    """

    X: object
    y: np.ndarray
    weights: np.ndarray | None

    def __len__(self):
        return self.X.shape[0]

    def fingerprints(self, key):
        """Keyed hashes of row, label and weight."""
        content = (label_words(self.y)[:, None],)
        return Rows(self.X, weights=self.weights, content=content).fingerprints(key)

    def classified(self, classes, factors, by_class):
        """Rows with positions of their classes and weights times the factors of these.

        Raises
        ------
        UnlearningError
            If a label is none of the classes.
        """
        codes = np.minimum(np.searchsorted(classes, self.y), len(classes) - 1)
        unknown = classes[codes] != self.y
        if unknown.any():
            raise UnlearningError(
                f"Got label {self.y[unknown].tolist()[0]!r}, expected one of {classes.tolist()}: "
                "the anchored model knows the classes of its fit only. Fit again on all the rows."
            )
        weights = self.weights
        if factors is not None:
            weights = factors[codes] * (1.0 if weights is None else weights)
        if not by_class:
            return ClassifiedRows(self.X, codes, weights)
        return ClassifiedRows(self.X, codes, weights, tuple(range(len(classes))), codes)


@dataclasses.dataclass(frozen=True)
class AnchoredRows:
    """The anchor of the retained rows, and which rows these are; `minus` gives a new value.

    Parameters
    ----------
    anchor : Anchor
    counts : ndarray of shape (n_classes,), int
        Rows of each class.
    fingerprints : Fingerprints or None
    key : int or None
    """

    anchor: Anchor
    counts: np.ndarray
    fingerprints: Fingerprints | None
    key: int | None

    @classmethod
    def of(cls, anchor, rows, batch, key, n_classes):
        """Note rows that an anchor has summed."""
        prints = None if key is None else Fingerprints(batch.fingerprints(key))
        return cls(anchor, np.bincount(rows.codes, minlength=n_classes), prints, key)

    @property
    def n_rows(self):
        """Number of rows that the sums stand for."""
        return int(self.counts.sum())

    def without_prints(self, batch):
        """Return the fingerprints less those of some rows; raises `NotLearnedError`."""
        if self.fingerprints is None:
            return None
        return self.fingerprints.without(batch.fingerprints(self.key))

    def minus(self, batch, classify):
        """Return the value that never learned some rows; `classify` turns a batch into rows."""
        prints = self.without_prints(batch)
        rows = classify(batch)
        counts = self.counts - np.bincount(rows.codes, minlength=len(self.counts))
        return AnchoredRows(self.anchor.minus(rows), counts, prints, self.key)

    def plus(self, batch, classify):
        """Return the value after learning more rows of known classes."""
        rows, prints = classify(batch), self.fingerprints
        if prints is not None:
            prints = prints.with_(batch.fingerprints(self.key))
        counts = self.counts + np.bincount(rows.codes, minlength=len(self.counts))
        return AnchoredRows(self.anchor.plus(rows), counts, prints, self.key)

    def n_missing(self, batch):
        """How many of the rows were never learned (0 if no fingerprints are kept)."""
        if self.fingerprints is None:
            return 0
        return self.fingerprints.n_missing(batch.fingerprints(self.key))

    def without_fingerprints(self):
        """Return the sums alone."""
        return dataclasses.replace(self, fingerprints=None, key=None)

    def digest(self):
        """SHA-256 of the sums and the reference (fingerprints, whose key is random, stay out)."""
        state = hashlib.sha256()
        for part in (self.counts, *self.anchor.arrays()):
            state.update(f"{part.dtype} {part.shape}".encode())
            state.update(np.ascontiguousarray(part).tobytes())
        return state.hexdigest()


def check_size(n_features, n_classes):
    """Refuse tables whose Hessian would not fit a machine."""
    d, k = n_features + 1, n_classes if n_classes > 2 else 1
    if d * (d + 1) // 2 * (k * (k + 1) // 2) > MAX_NUMBERS:
        raise ValueError(
            f"Got {n_features} columns and {n_classes} classes: the Hessian that forgetting needs "
            f"has {d * k} rows and columns, and more than {MAX_NUMBERS} numbers are kept of it. "
            "Reduce the columns (feature selection, hashing, PCA) before this estimator."
        )


def check_norms(X, max_row_norm):
    """Refuse rows that are longer than was declared."""
    if hasattr(X, "multiply"):
        squares = (X.astype(np.float64) ** 2).sum(axis=1)
    else:
        squares = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    norms = np.sqrt(squares)
    if norms.max(initial=0.0) > max_row_norm * (1 + 1e-6):
        row = int(np.argmax(norms))
        raise ValueError(
            f"Row {row} has the Euclidean norm {norms[row]:.6g}, expected at most max_row_norm="
            f"{max_row_norm:g}. Scale the rows (sklearn.preprocessing.Normalizer, or a division by "
            "a constant), or declare a larger max_row_norm."
        )
