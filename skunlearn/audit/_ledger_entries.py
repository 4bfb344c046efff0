"""Entries that follow one another: hashes, heads, and what is flushed to the disk."""

import dataclasses
import hashlib
import hmac
import json
import os

import numpy as np
from scipy import sparse

from skunlearn._statistics._hashing import as_words
from skunlearn._statistics._rows import content_blocks

START = "0" * 64  # what the first entry follows


@dataclasses.dataclass(frozen=True)
class LedgerHead:
    """Where a ledger stands: what to have timestamped or signed by somebody else.

    Parameters
    ----------
    n_entries : int
    hash : str
        SHA-256 of the last entry, which covers all before it.

    Examples
    --------
    >>> from skunlearn.audit import LedgerHead
    >>> str(LedgerHead(0, "00ff"))
    '0:00ff'
    """

    n_entries: int
    hash: str

    def __str__(self):
        return f"{self.n_entries}:{self.hash}"

    @classmethod
    def parse(cls, text):
        """Read what `str` of a head gives."""
        n_entries, _, digest = str(text).partition(":")
        if not n_entries.isdigit() or not digest:
            raise ValueError(f"Got anchor={text!r}, expected a head such as '3:5feceb66…'.")
        return cls(int(n_entries), digest)


@dataclasses.dataclass(frozen=True)
class LedgerCheck:
    """Outcome of `DeletionLedger.verify`; true where the chain is whole.

    Parameters
    ----------
    n_entries : int
    n_torn : int
        Lines that a crash cut short; they are no entries, and break nothing.
    pending : tuple of str
        Requests that were begun and of which no outcome is recorded.
    problem : str or None
        What is wrong, and where.

    Examples
    --------
    >>> from skunlearn.audit import LedgerCheck
    >>> bool(LedgerCheck(3, 0, (), None))
    True
    """

    n_entries: int
    n_torn: int
    pending: tuple
    problem: str | None

    def __bool__(self):
        return self.problem is None


def row_digests(X, y, salt):
    """Hashes of rows, as hexadecimal text, under a salt.

    Parameters
    ----------
    X, y : array-like
    salt : bytes of length 32

    Returns
    -------
    list of str
    """
    blocks = [*content_blocks(X), *content_blocks(y)]
    words = [as_words(b.toarray() if sparse.issparse(b) else b) for b in blocks]
    rows = np.ascontiguousarray(np.hstack(words)).astype("<u8")
    return [hashlib.blake2b(row.tobytes(), key=salt, digest_size=16).hexdigest() for row in rows]


def head_of(written):
    """Head of a ledger from its bytes: the last line that is an entry."""
    end = len(written)
    while end > 0:
        start = written.rfind(b"\n", 0, end - 1) + 1
        try:
            entry = json.loads(written[start:end])
        except (json.JSONDecodeError, UnicodeDecodeError):
            entry = None
        if isinstance(entry, dict):
            return LedgerHead(entry["n"] + 1, entry["hash"])
        end = start
    return LedgerHead(0, START)


def hash_of(entry):
    content = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def first_problem(found):
    previous = START
    for n, entry in enumerate(found):
        if entry.get("hash") != hash_of(entry):
            return f"Entry {n} was changed: its hash does not belong to what it says."
        if entry.get("n") != n or entry.get("previous") != previous:
            return f"Entry {n} does not follow the one before it: entries were left out or moved."
        previous = entry["hash"]
    return None


def anchor_problem(found, anchor):
    if anchor.n_entries > len(found):
        return f"The anchor is of {anchor.n_entries} entries, the ledger has {len(found)}."
    known = found[anchor.n_entries - 1]["hash"] if anchor.n_entries else START
    if not hmac.compare_digest(known, anchor.hash):
        return f"Entry {anchor.n_entries - 1} is not the one of the anchor: history was rewritten."
    return None


def write_durably(path, text, secret=False):
    """Append text to a file, flushed to the disk; one that nobody else reads, if secret."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    with os.fdopen(os.open(path, flags, 0o600 if secret else 0o644), "a", encoding="utf-8") as file:
        size = os.fstat(file.fileno()).st_size
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":  # a crash cut a line short
            text = "\n" + text
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def make_once(path, text):
    """Make a secret file, whole or not at all; of several processes one wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    write_durably(draft, text, secret=True)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(draft, path)
        return
    draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
