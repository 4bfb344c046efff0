"""Keyed 64-bit hashes of rows: content decides, never position, dtype or storage.

The hash of a row is multilinear: the sum over its columns of the halves of a word times secret
numbers, so that a zero adds nothing (sparse and dense rows agree) and the order of rows is
immaterial. Without the key no two rows can be made to agree but with a probability of about
2**-64. It finds rows again and draws pseudo-random numbers for them; it is not a cryptographic
commitment, and who can ask many questions of it may learn about the key.
"""

import hashlib
import secrets

import numpy as np
from scipy import sparse

from skunlearn._statistics._threads import map_ranges

_BLOCK = 2**17  # numbers hashed at once, so that they stay in cache
_U = np.uint64
_HALF, _MASK = _U(32), _U(0xFFFFFFFF)
_LARGE = 2**53


def new_key():
    """Draw a secret key of 63 bits."""
    return secrets.randbits(63)


def derive_key(key, *purpose):
    """Key of a stream of its own: separate uses of one row's hash must not share a stream."""
    text = repr((int(key), *purpose)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def _multipliers(key, n_columns):
    """Secret multipliers of the two halves of a word, in two lanes, and a secret offset."""
    raw = np.random.Philox(key=key).random_raw(4 * n_columns + 1).astype(np.uint64)
    return raw[:-1].reshape(2, 2, n_columns), raw[-1]


def _lanes(low, high, multipliers):
    """Terms of the two lanes: sums of half times multiplier, modulo 2**64.

    With independent uniform multipliers the upper halves of two such sums agree, for two rows
    chosen without the key, with a probability of 2**-32 a lane (Dietzfelbinger 1996). Odd
    multipliers would not do: the top bit of a product does not depend on them.
    """
    return [low * a + high * b for a, b in multipliers]


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
    multipliers, offset = _multipliers(key, sum(sizes))
    sums = np.zeros((2, n), dtype=np.uint64)
    parts = np.split(multipliers, np.cumsum(sizes)[:-1], axis=2)
    for block, multiplier in zip(blocks, parts, strict=True):
        if sparse.issparse(block):
            _add_sparse(sums, block, multiplier)
        else:
            _add_dense(sums, block, np.ascontiguousarray(multiplier))
    return finish(((sums[0] >> _HALF) << _HALF | sums[1] >> _HALF) ^ offset)


def _add_sparse(sums, block, multipliers):
    words = as_words(block.data)
    lanes = _lanes(words & _MASK, words >> _HALF, multipliers[:, :, block.indices])
    for total, terms in zip(sums, lanes, strict=True):
        running = np.concatenate([[_U(0)], np.cumsum(terms, dtype=np.uint64)])
        total += running[block.indptr[1:]] - running[block.indptr[:-1]]


def _add_dense(sums, block, multipliers):
    step = max(16, _BLOCK // max(1, block.shape[1]))

    def work(ranges):
        for first, last in ranges:
            for start in range(first, last, step):
                part = slice(start, min(start + step, last))
                words = as_words(block[part])
                low, high = words & _MASK, words >> _HALF
                for total, (a, b) in zip(sums, multipliers, strict=True):
                    total[part] += np.einsum("ij,j->i", low, a) + np.einsum("ij,j->i", high, b)

    map_ranges(work, sums.shape[1], block.shape[1])


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
