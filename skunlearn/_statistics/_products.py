"""Error-free products: Gram matrices of integer-valued rows, exact by ordinary float64 GEMMs.

Numbers on a grid are split into signed 20-bit digits (Ozaki et al. 2012, Numerical Algorithms
59). A product of two digit matrices over few enough rows has every partial sum below 2**53, so
that float64 arithmetic does not round, whatever the order of summation, the BLAS or the number
of threads.
"""

import functools

import numpy as np
from scipy import sparse

from skunlearn._statistics._limbs import BITS, add, normalise
from skunlearn._statistics._threads import map_ranges

BLOCK = 512  # rows that stay in the cache while they are cut into digits
CHUNK = 4 * BLOCK  # rows multiplied at once
GENERAL_ROWS = 1024  # rows at once where digits are known to be below 2**20 in size: 2**50
SPARSE_ROWS = 4 * GENERAL_ROWS  # without weights digits are at most 2**19 in size: 2**50 too
_SAFE = 2.0**49  # a sum of squares below this leaves room for FLUSH chunks
FLUSH = 8


def digits_needed(largest):
    """Signed 20-bit digits that hold integers up to `largest` in size."""
    if not np.isfinite(largest):
        raise ValueError(
            "A value is too large, or not a number, on the grid of its column: exact sums need "
            "finite values below about 1e290."
        )
    return max(1, -(-(int(np.frexp(largest)[1]) + 1) // BITS))


def split(values, n_digits):
    """Round `values` to integers and cut them into `n_digits` signed digits, lowest first.

    Adding and subtracting 1.5 * 2**(52 + s) rounds to a multiple of 2**s, and what is left over
    is exact. `values` is overwritten.
    """
    digits = [None] * n_digits
    for position in range(n_digits - 1, -1, -1):
        magic = 1.5 * 2.0 ** (52 + BITS * position)
        digit = values + magic
        digit -= magic
        if position:
            values -= digit
            digit *= 2.0 ** (-BITS * position)
        digits[position] = digit
    return digits


class Accumulator:
    """Sums of products in int64, a row for each digit position, flushed before overflow."""

    def __init__(self, size, take=None):
        self.size = size
        self.take = take
        self.total = np.zeros((0, size), dtype=np.int64)
        self.flushes = 0

    def add(self, products):
        """Add exact integer products {position: array}, of size up to 2**54 a position."""
        top = max(products) + 1
        if top > len(self.total):
            grown = np.zeros((top, self.size), dtype=np.int64)
            grown[: len(self.total)] = self.total
            self.total = grown
        for position, product in products.items():
            flat = product.ravel() if self.take is None else product.ravel()[self.take]
            self.total[position] += flat.astype(np.int64)
        self.flushes += len(products)
        if self.flushes >= 128:  # sums stay below 2**62
            self.total = normalise(self.total)
            self.flushes = 0

    def limbs(self):
        """Canonical limbs of all that was added."""
        return normalise(self.total)


@functools.lru_cache(maxsize=8)
def triangle(p):
    """Flat indices of the upper triangle of a (p, p) matrix, row by row."""
    rows, columns = np.triu_indices(p)
    return rows * p + columns


def _fill(out, blocks, start, stop, scales, rows):
    """Write [1, blocks...] of some rows in units of the grid into `out`."""
    where = slice(start, stop) if rows is None else rows[start:stop]
    out[:, 0] = 1.0
    column = 1
    for block, scale in zip(blocks, scales, strict=True):
        width = block.shape[1]
        with np.errstate(over="ignore"):  # what is infinite is refused when digits are counted
            np.multiply(block[where], scale, out=out[:, column : column + width])
        column += width
    return out


def _two_digit_chunk(blocks, start, stop, scales, rows, buffers):
    """Products of one chunk with two digits a number, or None where they would round.

    The cross term comes from one more symmetric product, (hi + lo)'(hi + lo). If the sums of
    squares stay below 2**49, every partial sum of every product does (Cauchy and Schwarz).
    """
    high, low, both = (buffer[: stop - start] for buffer in buffers)
    magic_high, magic_low = 1.5 * 2.0 ** (52 + BITS), 1.5 * 2.0**52
    for first in range(0, stop - start, BLOCK):
        part = slice(first, min(first + BLOCK, stop - start))
        values, hi, lo = both[part], high[part], low[part]
        _fill(values, blocks, start + part.start, start + part.stop, scales, rows)
        np.add(values, magic_high, out=hi)
        hi -= magic_high
        values -= hi
        np.add(values, magic_low, out=lo)
        lo -= magic_low
        hi *= 2.0**-BITS
        np.add(hi, lo, out=values)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite: the general way is taken
        products = [part.T @ part for part in (low, both, high)]
    if not all((np.einsum("ii->i", product) < _SAFE).all() for product in products):
        return None
    return products


def _general_products(left, right):
    """Return sums of products of digit lists by position; dense or sparse digits."""
    products = {}
    for a, one in enumerate(left):
        for b, other in enumerate(right):
            if left is right and b < a:
                continue
            product = one.T @ other
            if sparse.issparse(product):
                product = product.toarray()
            product = product.astype(np.int64)  # the sum over many digits may pass 2**53
            if left is right and b > a:
                product = product + product.T
            products[a + b] = products.get(a + b, 0) + product
    return products


def weighted_digits(weight_digits, digits):
    """Digits of weight * value: exact products of digits, cut again into 20 bits."""
    out = [0.0] * (len(weight_digits) + len(digits))
    for a, weight in enumerate(weight_digits):
        for b, digit in enumerate(digits):
            product = weight * digit
            high = np.rint(product * 2.0**-BITS)
            out[a + b] = out[a + b] + (product - high * 2.0**BITS)
            out[a + b + 1] = out[a + b + 1] + high
    return out


def general_chunk(values, weights=None):
    """Products of at most GENERAL_ROWS rows, with as many digits as they need.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows in units of the grid; overwritten.
    weights : ndarray of shape (n,), default=None
        Weights in units of their grid.

    Returns
    -------
    dict of int to ndarray of shape (p, p)
        The product that belongs to each power of 2**20.
    """
    digits = split(values, digits_needed(np.abs(values).max(initial=0.0)))
    if weights is None:
        return _general_products(digits, digits)
    weights = weights[:, None].copy()
    weight_digits = split(weights, digits_needed(np.abs(weights).max(initial=0.0)))
    return _general_products(weighted_digits(weight_digits, digits), digits)


def _general_range(accumulator, blocks, start, stop, scales, rows, weights=None):
    """Add the rows of a range by the general way, rows that need many digits apart."""
    p = 1 + sum(block.shape[1] for block in blocks)
    for first in range(start, stop, GENERAL_ROWS):
        last = min(first + GENERAL_ROWS, stop)
        values = _fill(np.empty((last - first, p)), blocks, first, last, scales, rows)
        chunk = None if weights is None else weights[first:last]
        large = np.abs(values).max(axis=1) >= 2.0**38
        for group in (~large, large):
            if group.any():
                part = None if chunk is None else chunk[group]
                accumulator.add(general_chunk(values[group], part))


def _fast_range(accumulator, blocks, start, stop, scales, rows):
    """Add the rows of a range, two digits a number wherever that is exact."""
    p = 1 + sum(block.shape[1] for block in blocks)
    buffers = [np.empty((min(CHUNK, stop - start), p)) for _ in range(3)]
    pending, waiting = None, 0
    for first in range(start, stop, CHUNK):
        last = min(first + CHUNK, stop)
        products = _two_digit_chunk(blocks, first, last, scales, rows, buffers)
        if products is None:
            _general_range(accumulator, blocks, first, last, scales, rows)
            continue
        if pending is None:
            pending = products
        else:
            for total, product in zip(pending, products, strict=True):
                total += product
        waiting += 1
        if waiting == FLUSH or last == stop:
            accumulator.add(_by_position(pending))
            pending, waiting = None, 0
    if pending is not None:
        accumulator.add(_by_position(pending))


def _by_position(products):
    low, both, high = products
    return {0: low, 1: (both - low) - high, 2: high}


def _sparse_range(accumulator, matrix, scale, rows, weights):
    """Add the rows of a CSR matrix; only its stored entries are touched."""
    if rows is not None:
        matrix = matrix[rows]
    n_rows = GENERAL_ROWS if weights is not None else SPARSE_ROWS
    for first in range(0, matrix.shape[0], n_rows):
        part = matrix[first : first + n_rows]
        values = part.data * scale[part.indices]
        digits = split(values, digits_needed(np.abs(values).max(initial=0.0)))
        shaped = [sparse.csr_array((d, part.indices, part.indptr), part.shape) for d in digits]
        if weights is None:
            left = shaped
        else:
            repeated = np.repeat(weights[first : first + n_rows], np.diff(part.indptr))
            weight_digits = split(repeated, digits_needed(np.abs(repeated).max(initial=0.0)))
            left = [
                sparse.csr_array((d, part.indices, part.indptr), part.shape)
                for d in weighted_digits(weight_digits, digits)
            ]
        accumulator.add(_general_products(left, shaped))


def gram(blocks, scales, rows=None, weights=None):
    """Exact Gram matrix of the rows [1, blocks...] on a grid.

    Parameters
    ----------
    blocks : list of ndarray or csr_array of shape (n, d_i)
    scales : list of ndarray of shape (d_i,)
        Powers of two that bring each column to units of its grid.
    rows : ndarray of int, default=None
        Rows to use, all of them if None.
    weights : ndarray of shape (n_rows,), default=None
        Weights of these rows in units of their grid.

    Returns
    -------
    ndarray of shape (n_limbs, p * (p + 1) / 2), int64
        Canonical limbs of the upper triangle, row by row.
    """
    p = 1 + sum(block.shape[1] for block in blocks)
    n = blocks[0].shape[0] if rows is None else len(rows)
    take = triangle(p)
    if any(sparse.issparse(block) for block in blocks):
        total = Accumulator(len(take), take)
        ones = sparse.csr_array(np.ones((blocks[0].shape[0], 1)))
        matrix = sparse.csr_array(sparse.hstack([ones, *blocks], format="csr"))
        _sparse_range(total, matrix, np.concatenate([[1.0], *scales]), rows, weights)
        return total.limbs()

    def work(ranges):
        total = Accumulator(len(take), take)
        for first, last in ranges:
            if weights is None:
                _fast_range(total, blocks, first, last, scales, rows)
            else:
                _general_range(total, blocks, first, last, scales, rows, weights)
        return total.limbs()

    limbs = map_ranges(work, n, p)
    return functools.reduce(add, limbs)
