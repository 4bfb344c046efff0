"""Keyed 64-bit hashes of rows: content decides, never position, dtype or storage.

The hash of a row is the sum over its columns of a mixed product with a secret odd number a
column, so that a zero adds nothing (sparse and dense rows agree) and the order of rows is
immaterial. It finds rows again and draws pseudo-random numbers for them; it is not a
cryptographic commitment.
"""

import hashlib
import secrets

import numpy as np
from scipy import sparse

from skunlearn._statistics._threads import map_ranges

_BLOCK = 512
_U = np.uint64
_LARGE = 2**53


def new_key():
    """Draw a secret key of 63 bits."""
    return secrets.randbits(63)


def derive_key(key, *purpose):
    """Key of a stream of its own: separate uses of one row's hash must not share a stream."""
    text = repr((int(key), *purpose)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def _multipliers(key, n_columns):
    """Return a secret odd multiplier for each column."""
    return np.random.Philox(key=key).random_raw(n_columns).astype(np.uint64) | _U(1)


def mix(words, multipliers):
    """Mix uint64 words in place: fold the high half down, multiply, fold again. 0 stays 0."""
    words ^= words >> _U(32)
    words *= multipliers
    words ^= words >> _U(29)
    return words


def finish(hashes):
    """Avalanche: every bit of the sum reaches every bit of the hash."""
    hashes = hashes ^ (hashes >> _U(33))
    hashes *= _U(0xFF51AFD7ED558CCD)
    hashes ^= hashes >> _U(33)
    hashes *= _U(0xC4CEB9FE1A85EC53)
    hashes ^= hashes >> _U(33)
    return hashes


def as_words(values):
    """Canonical 64-bit words of numbers: -0.0 is 0.0, all NaN are one; uint64 is taken as is."""
    if values.dtype == np.uint64:
        return values.copy()
    values = np.add(values, 0.0, dtype=np.float64)
    words = values.view(np.uint64)
    missing = np.isnan(values)
    if missing.any():
        words[missing] = _U(0x7FF8000000000000)
    return words


def canonical(matrix):
    """Bring a sparse matrix to CSR with one entry a cell."""
    matrix = sparse.csr_array(matrix)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix


def hash_rows(blocks, key):
    """Hash rows given as blocks of columns.

    Parameters
    ----------
    blocks : list of {ndarray, csr_array} of shape (n, d_i)
        Numbers (hashed by value as float64) or uint64 words.
    key : int

    Returns
    -------
    ndarray of shape (n,), uint64
    """
    n = blocks[0].shape[0]
    sizes = [block.shape[1] for block in blocks]
    multipliers = np.split(_multipliers(key, sum(sizes)), np.cumsum(sizes)[:-1])
    hashes = np.zeros(n, dtype=np.uint64)
    for block, multiplier in zip(blocks, multipliers, strict=True):
        if sparse.issparse(block):
            words = mix(as_words(block.data), multiplier[block.indices])
            totals = np.concatenate([[_U(0)], np.cumsum(words, dtype=np.uint64)])
            hashes += totals[block.indptr[1:]] - totals[block.indptr[:-1]]
        else:
            _add_dense(hashes, block, multiplier)
    return finish(hashes)


def _add_dense(hashes, block, multipliers):
    def work(ranges):
        for first, last in ranges:
            for start in range(first, last, _BLOCK):
                part = slice(start, min(start + _BLOCK, last))
                hashes[part] += mix(as_words(block[part]), multipliers).sum(axis=1)

    map_ranges(work, len(hashes), block.shape[1])


def has_large_integers(values):
    """Tell whether integers are there that float64 would confuse."""
    if values.dtype.kind not in "iu" or not values.size:
        return False
    return int(values.max()) > _LARGE or int(values.min()) < -_LARGE


def label_words(values):
    """64-bit words of labels of any kind: numbers by value, everything else by type and text.

    None, NaN and pandas.NA are one missing label. A number in an object array hashes as the
    number, so that a column does not change its hashes with its dtype.

    Parameters
    ----------
    values : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,), uint64
    """
    values = np.asarray(values)
    if values.dtype.kind in "bifu" and not has_large_integers(values):
        return as_words(values.astype(np.float64))
    seen = {}
    return np.array([_word(value, seen) for value in values.tolist()], dtype=np.uint64)


def _word(value, seen):
    key = (type(value), value)
    try:
        return seen[key]
    except KeyError:
        seen[key] = word = _label_word(value)
        return word
    except TypeError:  # unhashable: by its text
        return _label_word(value)


def _label_word(value):
    # pandas.NA is neither equal nor unequal to itself
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        value = float("nan")
    whole = isinstance(value, (int, np.integer))
    if whole and abs(int(value)) > _LARGE:
        value, kind = int(value), "int"
    elif whole or isinstance(value, (float, np.floating, np.bool_)):
        return int(as_words(np.array([value], dtype=np.float64))[0])
    else:
        kind = "str" if isinstance(value, str) else type(value).__name__
    text = f"{kind}:{value}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
