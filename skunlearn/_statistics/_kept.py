"""Fingerprints of rows that a model keeps in order, to find them again by content."""

import dataclasses

import numpy as np

from skunlearn._statistics._fingerprints import not_learned_message
from skunlearn._statistics._hashing import hash_rows
from skunlearn._statistics._rows import content_blocks, last_copies
from skunlearn.exceptions import NotLearnedError, UnlearningError


@dataclasses.dataclass(frozen=True)
class KeptPrints:
    """Two keyed 64-bit fingerprints a row: of X alone, and of all that belongs to the row.

    Parameters
    ----------
    key : int
    of_X, whole : ndarray of shape (n,), uint64
        In the order of the rows.
    """

    key: int
    of_X: np.ndarray
    whole: np.ndarray

    @classmethod
    def of(cls, X, rest, key):
        """Note rows.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n, d)
        rest : list of ndarray of shape (n, q)
            Numbers or words of targets, weights and so on.
        key : int
        """
        of_X = hash_rows(content_blocks(X), key)
        return cls(key, of_X, hash_rows([of_X[:, None], *rest], key))

    def __len__(self):
        return len(self.of_X)

    def _find(self, X, rest):
        """Positions of the rows, the last copies first; by X alone where `rest` is None."""
        wanted = KeptPrints.of(X, rest or [], self.key)
        if rest is None:
            return last_copies(self.of_X, wanted.of_X)
        return last_copies(self.whole, wanted.whole)

    def n_missing(self, X, rest):
        """How many of the rows are not there."""
        return int(np.count_nonzero(self._find(X, rest) < 0))

    def positions(self, X, rest):
        """Positions of the rows, the last copies first.

        Raises
        ------
        NotLearnedError
            If some of the rows are not there.
        UnlearningError
            If `rest` is None, and which copies of a row are meant depends on it.
        """
        found = self._find(X, rest)
        missing = int(np.count_nonzero(found < 0))
        if missing:
            raise NotLearnedError(not_learned_message(missing, len(found)))
        if rest is None:
            self._check_one_target(found)
        return found

    def _check_one_target(self, found):
        """Refuse rows whose copies differ in their targets, unless all copies are meant."""
        rows, n_wanted = np.unique(self.of_X[found], return_counts=True)
        copies = np.flatnonzero(np.isin(self.of_X, rows))
        code = np.searchsorted(rows, self.of_X[copies])
        n_copies = np.bincount(code, minlength=len(rows))
        pairs = np.unique(np.stack([code.astype(np.uint64), self.whole[copies]]), axis=1)
        n_targets = np.bincount(pairs[0].astype(np.intp), minlength=len(rows))
        n_ambiguous = int(n_wanted[(n_targets > 1) & (n_copies > n_wanted)].sum())
        if n_ambiguous:
            raise UnlearningError(
                f"{n_ambiguous} of the {len(found)} rows to forget were learned with more than one "
                "target, and no target is given: which copy is meant is not known. Pass y, the "
                "targets of the rows to forget."
            )

    def take(self, rows):
        """Return the fingerprints of some rows."""
        return KeptPrints(self.key, self.of_X[rows], self.whole[rows])

    def then(self, other):
        """Return the fingerprints of these rows and of others after them, with the same key."""
        of_X = np.concatenate([self.of_X, other.of_X])
        return KeptPrints(self.key, of_X, np.concatenate([self.whole, other.whole]))
