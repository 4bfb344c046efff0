"""The multiset of learned rows, as keyed 64-bit fingerprints: 8 bytes a row.

Values, not mutation: forgetting returns a new object that shares the sorted array and adds
tombstones, so that a request copies nothing. Forgotten fingerprints are left out of pickles, and
out of memory once an eighth of the array is dead.
"""

import numpy as np

from skunlearn.exceptions import NotLearnedError


class Fingerprints:
    """Sorted fingerprints with tombstones.

    Parameters
    ----------
    hashes : ndarray of shape (n,), uint64
        Fingerprints in any order.
    """

    __slots__ = ("_dead", "_hashes")

    def __init__(self, hashes):
        self._hashes = np.sort(hashes)
        self._dead = np.zeros(0, dtype=np.int64)

    def __len__(self):
        return len(self._hashes) - len(self._dead)

    def __getstate__(self):
        return self.alive()

    def __setstate__(self, hashes):
        self._hashes = hashes
        self._dead = np.zeros(0, dtype=np.int64)

    def alive(self):
        """Sorted fingerprints of the rows that were learned and not forgotten."""
        return np.delete(self._hashes, self._dead)

    def _find(self, hashes):
        """Positions of the requested copies (-1 where there is none left), sorted by hash."""
        wanted = np.sort(hashes)
        left = np.searchsorted(self._hashes, wanted, side="left")
        right = np.searchsorted(self._hashes, wanted, side="right")
        # of equal fingerprints the first ones die first, so the dead are a prefix of the run
        dead = np.searchsorted(self._dead, right) - np.searchsorted(self._dead, left)
        rank = np.arange(len(wanted)) - np.searchsorted(wanted, wanted, side="left")
        position = left + dead + rank
        return np.where(position < right, position, -1)

    def n_missing(self, hashes):
        """How many of the requested rows were never learned, or not that many times."""
        return int(np.count_nonzero(self._find(hashes) < 0))

    def without(self, hashes):
        """Return the multiset less the given fingerprints.

        Raises
        ------
        NotLearnedError
            If some of them are not there.
        """
        positions = self._find(hashes)
        missing = int(np.count_nonzero(positions < 0))
        if missing:
            raise NotLearnedError(not_learned_message(missing, len(hashes)))
        new = object.__new__(Fingerprints)
        new._hashes = self._hashes
        at = np.searchsorted(self._dead, positions)
        new._dead = np.insert(self._dead, at, positions)
        if len(new._dead) * 8 > len(new._hashes):
            new.__setstate__(new.alive())
        return new

    def with_(self, hashes):
        """Return the multiset with the given fingerprints added."""
        hashes = np.sort(hashes)
        alive = self.alive()
        new = object.__new__(Fingerprints)
        new.__setstate__(np.insert(alive, np.searchsorted(alive, hashes), hashes))
        return new


def not_learned_message(missing, requested):
    """Return the text of the refusal, with the way out."""
    return (
        f"{missing} of the {requested} rows to forget were never learned by this model, or not "
        "that many times, with these targets and weights; nothing was changed. Pass the rows "
        "exactly as they were given to fit (same values, same target, same sample_weight); "
        "can_unlearn shows how many are found."
    )
