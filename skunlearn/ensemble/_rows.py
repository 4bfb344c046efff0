"""Rows of a shard: placed by keyed hashes of their content or owner, in an order of their own."""

import dataclasses

import numpy as np
from scipy import sparse

from skunlearn._statistics._hashing import derive_key, hash_rows
from skunlearn._statistics._rows import content_blocks, join, take


@dataclasses.dataclass(frozen=True)
class Placement:
    """What decides the shard and the slice of a row: never its position.

    Each use of the key has a stream of its own, so that the shard says nothing of the slice.

    Parameters
    ----------
    key : int
    n_shards, n_slices : int
    grouped : bool
        Whether the owner of a row decides, or its content and target.
    """

    key: int
    n_shards: int
    n_slices: int
    grouped: bool

    def place(self, X, y, weights, owners=None):
        """Hash rows.

        Parameters
        ----------
        X : {ndarray, sparse matrix, DataFrame} of shape (n, d)
        y : ndarray of shape (n,) or (n, q)
        weights : ndarray of shape (n,)
            Part of the row, but not of what decides its shard: weight 2 is two copies.
        owners : ndarray of shape (n,), uint64, default=None

        Returns
        -------
        ShardRows
            In the order given.
        """
        content = [*content_blocks(X), *content_blocks(y)]
        hashes = hash_rows([*content, weights[:, None]], derive_key(self.key, "row"))
        codes = {"shard": None, "slice": None}
        if not self.grouped or owners is not None:  # an owner who is not named is looked up
            content = [owners[:, None]] if self.grouped else content
            for name, n_codes in (("shard", self.n_shards), ("slice", self.n_slices)):
                keyed = hash_rows(content, derive_key(self.key, name))
                codes[name] = (keyed % np.uint64(n_codes)).astype(np.intp)
        return ShardRows(X, y, weights, hashes, codes["slice"], owners, codes["shard"])


@dataclasses.dataclass(frozen=True)
class ShardRows:
    """Rows with what places them and finds them again.

    Parameters
    ----------
    X, y, weights
        As in `Placement.place`.
    hashes : ndarray of shape (n,), uint64
        Fingerprints of content, target and weight.
    slices : ndarray of shape (n,), int
    owners : ndarray of shape (n,), uint64, or None
    shards : ndarray of shape (n,), int, or None
        Only of rows that are not in their shard yet.
    """

    X: object
    y: np.ndarray
    weights: np.ndarray
    hashes: np.ndarray
    slices: np.ndarray
    owners: np.ndarray | None
    shards: np.ndarray | None = None

    def __len__(self):
        return len(self.hashes)

    def take(self, rows):
        """Return some of the rows; as all of one shard, if they are of one."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return ShardRows(*(take(value, rows) for value in values))

    def plus(self, other):
        """Return these rows followed by others."""
        values = (
            (getattr(self, field.name), getattr(other, field.name))
            for field in dataclasses.fields(self)
        )
        return ShardRows(*(join(*pair) for pair in values))

    def sorted(self):
        """Rows in canonical order: by slice, then by hash; equal hashes are equal rows."""
        keys = [self.hashes, self.slices]
        order = np.lexsort(keys if self.owners is None else [self.owners, *keys])
        rows = dataclasses.replace(self, shards=None).take(order)
        return dataclasses.replace(rows, X=_without_traces(rows.X), y=_without_traces(rows.y))

    @property
    def counted(self):
        """Mask of the rows that a model sees: those whose weight is not 0."""
        return self.weights > 0.0

    @property
    def classes(self):
        """Distinct targets of the counted rows."""
        return np.unique(self.y[self.counted])

    def between(self, first, last):
        """X, y and weights (None where all are 1) of the counted rows in slices [first, last).

        They are copies: an estimator that works in place must not change the rows that are kept.
        """
        part = np.flatnonzero((self.slices >= first) & (self.slices < last) & self.counted)
        weights = None if (self.weights[part] == 1.0).all() else self.weights[part]
        return take(self.X, part), self.y[part], weights

    def identity(self, key):
        """Hashes that tell rows apart: fingerprints, and the owners where these are known."""
        if self.owners is None:
            return self.hashes
        return hash_rows([np.column_stack([self.hashes, self.owners])], derive_key(key, "owned"))


def _without_traces(values):
    """Drop what other rows may have left in the form of an array: width of text, sign of zero."""
    if hasattr(values, "iloc"):
        return values.reset_index(drop=True)
    if sparse.issparse(values):
        return values
    if values.dtype.kind == "U" and values.size:
        return values.astype(f"U{max(1, int(np.strings.str_len(values).max()))}")
    return values + 0.0 if values.dtype.kind == "f" else values


def find_copies(wanted, hashes):
    """Find as many copies as are wanted of each hash.

    Parameters
    ----------
    wanted, hashes : ndarray of uint64
        With repetitions, in any order.

    Returns
    -------
    ndarray of int
        A position in `hashes` for each of ``np.sort(wanted)``, -1 where there is none left.
    """
    wanted = np.sort(wanted)
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    rank = np.arange(len(wanted)) - np.searchsorted(wanted, wanted, side="left")
    position = np.searchsorted(ordered, wanted, side="left") + rank
    found = position < np.searchsorted(ordered, wanted, side="right")
    out = np.full(len(wanted), -1)
    out[found] = order[position[found]]
    return out


def locate(request, shards, placement):
    """Find the rows of a request among those of the shards.

    Parameters
    ----------
    request : ShardRows
        As `Placement.place` gives them.
    shards : list of (ShardRows or None)
    placement : Placement

    Returns
    -------
    found : dict of int to ndarray of int
        For each shard that holds some, their positions.
    n_missing : int
    """
    key = placement.key
    found, n_missing = {}, 0
    if request.shards is not None:
        identity = request.identity(key)
        for shard in np.unique(request.shards).tolist():
            wanted = identity[request.shards == shard]
            kept = shards[shard]
            positions = np.full(len(wanted), -1)
            if kept is not None:
                positions = find_copies(wanted, kept.identity(key))
            _note(found, shard, positions)
            n_missing += int(np.count_nonzero(positions < 0))
        return found, n_missing
    wanted = np.sort(request.hashes)
    for shard, kept in enumerate(shards):
        if kept is not None and len(wanted):
            positions = find_copies(wanted, kept.hashes)
            _note(found, shard, positions)
            wanted = wanted[positions < 0]
    return found, len(wanted)


def _note(found, shard, positions):
    if (positions >= 0).any():
        found[shard] = positions[positions >= 0]


def is_ambiguous(request, shards):
    """Whether rows of a request without owners are those of several, and not all are wanted."""
    ids, n_wanted = np.unique(request.hashes, return_counts=True)
    pairs = []
    for kept in shards:
        if kept is not None:
            same = np.isin(kept.hashes, ids)
            pairs.append(np.column_stack([kept.hashes[same], kept.owners[same]]))
    pairs = np.concatenate(pairs)
    known, n_known = np.unique(pairs[:, 0], return_counts=True)
    owned, n_owners = np.unique(np.unique(pairs, axis=0)[:, 0], return_counts=True)
    n_wanted = dict(zip(ids.tolist(), n_wanted.tolist(), strict=True))
    n_known = dict(zip(known.tolist(), n_known.tolist(), strict=True))
    several = owned[n_owners > 1].tolist()
    return any(n_wanted[row] < n_known[row] for row in several)
