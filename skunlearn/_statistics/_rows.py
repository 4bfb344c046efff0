"""Raw rows, kept where a model needs them, and found again by content."""

import dataclasses
import sys

import numpy as np
from scipy import sparse

from skunlearn._statistics._fingerprints import Fingerprints, not_learned_message
from skunlearn._statistics._hashing import canonical, has_large_integers, hash_rows, label_words
from skunlearn.exceptions import NotLearnedError


def content_blocks(values, arrays=None):
    """Blocks of words or numbers that stand for rows of any kind, as the user gave them.

    Parameters
    ----------
    values : array-like, sparse matrix or DataFrame of shape (n,) or (n, d), or None
    arrays : list of ndarray of shape (n,), default=None
        The columns, where `values` is a DataFrame and they have been taken out of it.

    Returns
    -------
    list of {ndarray, csr_array} of shape (n, d_i)
    """
    if values is None:
        return []
    if sparse.issparse(values):
        return [canonical(values)]
    if is_frame(values):
        arrays = frame_arrays(values) if arrays is None else arrays
        return [label_words(column)[:, None] for column in arrays]
    values = np.asarray(values)
    numbers = values.dtype.kind in "bifu" and not has_large_integers(values)
    values = values[:, None] if values.ndim == 1 else values.reshape(len(values), values.shape[1])
    if numbers:  # uint64 would be taken for words; others become float64 piece by piece
        return [values.astype(np.float64) if values.dtype == np.uint64 else values]
    return [label_words(column)[:, None] for column in values.T]


def is_frame(values):
    """Tell whether a value is a data frame."""
    return hasattr(values, "columns") and hasattr(values, "iloc")


def frame_arrays(frame):
    """Return the columns of a frame as arrays."""
    return [_column_array(column) for _, column in frame.items()]


def _column_array(column):
    values = getattr(column, "array", column)
    if hasattr(values, "categories"):  # quicker than what pandas does
        labels, codes = np.asarray(values.categories), np.asarray(values.codes)
        if len(labels) and (codes >= 0).all():
            return labels[codes]
    return np.asarray(column)


def take(values, rows):
    """Return some rows of an array, sparse matrix, DataFrame or Series; None stays None."""
    if values is None:
        return None
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    return values[rows] if hasattr(values, "shape") else np.asarray(values)[rows]


def join(one, other):
    """Rows of one kind, then more of them; None stays None."""
    if one is None:
        return None
    if sparse.issparse(one):
        return sparse.vstack([one, other], format="csr")
    if hasattr(one, "iloc"):
        return sys.modules["pandas"].concat([one, other])  # loaded, or there would be no frame
    return np.concatenate([np.asarray(one), np.asarray(other)])


def last_copies(hashes, wanted):
    """Find rows by fingerprint, the last copies first; O(n log m), nothing sorted but the found.

    Parameters
    ----------
    hashes : ndarray of shape (n,), uint64
        Fingerprints of rows, in their order.
    wanted : ndarray of shape (m,), uint64

    Returns
    -------
    ndarray of shape (m,), int
        Positions in `hashes`, -1 where no copy is left; sorted by fingerprint.
    """
    wanted = np.sort(wanted)
    if not len(wanted) or not len(hashes):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)
    candidates = np.flatnonzero(wanted[at] == hashes)
    order = candidates[np.argsort(hashes[candidates], kind="stable")]
    ordered = hashes[order]
    left = np.searchsorted(ordered, wanted, side="left")
    right = np.searchsorted(ordered, wanted, side="right")
    rank = np.arange(len(wanted)) - np.searchsorted(wanted, wanted, side="left")
    position = right - 1 - rank
    found = position >= left
    return np.where(found, np.append(order, -1)[np.where(found, position, -1)], -1)


@dataclasses.dataclass(frozen=True)
class RowStore:
    """Rows with their fingerprints, in the order they were learned.

    Parameters
    ----------
    columns : dict of str to array-like
        The parts of the rows that find them again: X, y, weights and so on.
    extra : dict of str to array-like
        Further parts that are kept with the rows.
    hashes : ndarray of shape (n,), uint64
    key : int
        Key of the fingerprints.
    """

    columns: dict
    extra: dict
    hashes: np.ndarray
    key: int

    @classmethod
    def of(cls, columns, extra, key):
        """Store rows given by parts."""
        return cls(columns, extra, cls.hash(columns, key), key)

    @staticmethod
    def hash(columns, key):
        """Fingerprints of rows given by parts; that a part is missing counts too.

        A zero adds nothing to a hash, so each part brings a tag; weights that are not given are 1.
        """
        blocks = []
        n = content_blocks(columns["X"])[0].shape[0]
        for name, part in columns.items():
            if name == "sample_weight" and part is None:
                part = np.ones(n)
            found = content_blocks(part)
            tag = label_words(np.array([f"{name} in {len(found)} blocks"], dtype=object))
            blocks += [np.broadcast_to(tag[:, None], (n, 1)), *found]
        return hash_rows(blocks, key)

    def __len__(self):
        return len(self.hashes)

    def _find(self, columns):
        """Positions of the rows, the last copies first; -1 where there is none left."""
        return last_copies(self.hashes, self.hash(columns, self.key))

    def n_missing(self, columns):
        """How many of the rows are not there."""
        return int(np.count_nonzero(self._find(columns) < 0))

    def without(self, columns):
        """Return the rows that remain, in their order.

        Raises
        ------
        NotLearnedError
            If some of the rows are not there.
        """
        positions = self._find(columns)
        missing = int(np.count_nonzero(positions < 0))
        if missing:
            raise NotLearnedError(not_learned_message(missing, len(positions)))
        keep = np.ones(len(self), dtype=bool)
        keep[positions] = False
        rows = np.flatnonzero(keep)
        columns, extra = (
            {name: take(part, rows) for name, part in parts.items()}
            for parts in (self.columns, self.extra)
        )
        return RowStore(columns, extra, self.hashes[rows], self.key)


@dataclasses.dataclass(frozen=True)
class RowLedger:
    """Fingerprints of raw rows given by parts, without the rows.

    Parameters
    ----------
    prints : Fingerprints
    key : int
    """

    prints: Fingerprints
    key: int

    @classmethod
    def of(cls, columns, key):
        """Note the rows."""
        return cls(Fingerprints(RowStore.hash(columns, key)), key)

    def __len__(self):
        return len(self.prints)

    def n_missing(self, columns):
        """How many of the rows are not noted."""
        return self.prints.n_missing(RowStore.hash(columns, self.key))

    def without(self, columns):
        """Return the ledger less some rows; raises NotLearnedError as `Fingerprints` does."""
        return RowLedger(self.prints.without(RowStore.hash(columns, self.key)), self.key)
