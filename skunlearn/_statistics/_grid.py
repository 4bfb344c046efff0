"""The grid: a power-of-two quantum for each column, so that sums can be integers.

``resolution="auto"`` takes it from the spread of the nonzero values of a sample of rows, chosen
by content, and in steps of a factor 8, so that a refit on the rows that remain finds the same
grid as a rule; where that must be certain, the fitted exponents are declared.
"""

import numbers
import warnings

import numpy as np
from scipy import sparse

from skunlearn._statistics._hashing import hash_rows

_DEPTH = 33  # binary places below the spread of a column, at least
_STEP = 3
_SAMPLE = 2048
_SMALLEST, _LARGEST = -540, 440  # exponents whose squares stay within float64


def choose_exponents(blocks, weights, resolution):
    """Exponents of the grid for the columns of some blocks and, last, for the weights.

    Parameters
    ----------
    blocks : list of {ndarray, csr_array} of shape (n, d_i)
    weights : ndarray of shape (n,) or None
    resolution : {"auto", "exact"}, int or array-like of int of shape (n_columns + 1,)

    Returns
    -------
    ndarray of shape (n_columns + 1,), int64
    """
    n_columns = sum(block.shape[1] for block in blocks)
    if isinstance(resolution, str):
        if resolution not in ("auto", "exact"):
            raise ValueError(
                f'Got resolution={resolution!r}, expected "auto", "exact" or integers.'
            )
        rule = _from_spread if resolution == "auto" else _from_lowest_bit
        rows = None
        if resolution == "auto":
            rule = functools.partial(_from_spread, rows=_sample_rows(blocks))
        # whole weights count rows, on the grid of rows without weights
        whole = weights is None or (weights == np.rint(weights)).all()
        last = 0 if whole else rule(weights[:, None])[0]
        exponents = np.concatenate([rule(block) for block in blocks])
        if len(exponents) and not _SMALLEST <= exponents.min() <= exponents.max() <= _LARGEST:
            column = int(np.argmax(np.abs(exponents)))
            size = 2.0 ** (exponents[column] + _DEPTH)
            raise ValueError(
                f"Column {column} of [X | y] has values of about {size:.0e}: the squares are "
                "beyond float64. Rescale it to values between 1e-100 and 1e100."
            )
        return np.append(exponents, last).astype(np.int64)
    exponents = np.asarray(resolution)
    whole = isinstance(resolution, numbers.Integral) and not isinstance(resolution, bool)
    if exponents.ndim == 0 and whole:
        return np.append(np.full(n_columns, int(resolution)), -52).astype(np.int64)
    if exponents.shape != (n_columns + 1,) or exponents.dtype.kind not in "iu":
        raise ValueError(
            f"Got resolution of shape {exponents.shape} and dtype {exponents.dtype}, expected "
            f"integers of shape ({n_columns + 1},): the binary exponent of the quantum of each of "
            f"the {n_columns} columns [X | y] and, last, of the sample weights."
        )
    return exponents.astype(np.int64)


def check_resolved(blocks, exponents, exact):
    """Check that a later batch is not lost on the grid of the first.

    Raises
    ------
    ValueError
        If every bit is to be kept, and the grid rounds a value.

    Warns
    -----
    UserWarning
        If the grid is coarse beside the spread of a column.
    """
    rule = "exact" if exact else "auto"
    needed = choose_exponents(blocks, None, rule)[:-1]
    coarse = np.flatnonzero(exponents[:-1] > needed + (0 if exact else _DEPTH // 2))
    if not len(coarse):
        return
    names = ", ".join(map(str, coarse[:10]))
    if exact:
        raise ValueError(
            f"The grid of the first rows would round columns {names} of [X | y] in this batch, but "
            "resolution='exact' keeps every bit. Declare finer binary exponents at the first fit, "
            f"such as {needed.min()}."
        )
    warnings.warn(
        f"Columns {names} of [X | y] vary on a scale far below that of the first rows, whose grid "
        "they are rounded to: little of them is kept. Declare the grid with resolution= at the "
        "first fit, or begin with rows that show the spread.",
        UserWarning,
        stacklevel=2,
    )


def _sample_rows(blocks):
    """Rows with the smallest hashes of their content: a choice that order cannot change.

    Few columns make a cheap hash; where they have few distinct values, ties bring in too many
    rows, and more columns choose among these.
    """
    rows = None
    for n_columns in (2, 16, None):
        few = [_some_columns(block, n_columns, rows) for block in blocks]
        hashes = hash_rows(few, key=0)
        kept = np.flatnonzero(hashes <= np.partition(hashes, _SAMPLE - 1)[_SAMPLE - 1])
        rows = kept if rows is None else rows[kept]
        if len(rows) <= 8 * _SAMPLE:
            break
    return rows


def _some_columns(block, n_columns, rows):
    if rows is not None:
        block = block[rows]
    if sparse.issparse(block) or n_columns is None or n_columns >= block.shape[1]:
        return block
    columns = np.unique(np.linspace(0, block.shape[1] - 1, n_columns).astype(int))
    return np.stack([block[:, j] for j in columns], axis=1)


def _sorted_nonzeros(block):
    """Nonzeros sorted within each column, in one vector; starts and counts of the columns."""
    if sparse.issparse(block):
        entries = block.tocoo()
        columns, values = entries.coords[1], entries.data.astype(np.float64)
        stored = values != 0
        columns, values = columns[stored], values[stored]
        counts = np.bincount(columns, minlength=block.shape[1])
        return values[np.lexsort((values, columns))], np.cumsum(counts) - counts, counts
    values = np.array(block.T, dtype=np.float64, order="C")
    counts = np.count_nonzero(values, axis=1)
    values[values == 0] = np.inf
    values.sort(axis=1)
    return values.ravel(), np.arange(len(counts)) * values.shape[1], counts


def _from_spread(block):
    """Exponents from the interquartile range of the nonzeros, or their median if that is 0."""
    values, starts, counts = _sorted_nonzeros(block)
    some = counts > 0
    low, middle, high = np.ones((3, len(counts)))
    for quartile, quarter in ((low, 1), (middle, 2), (high, 3)):
        quartile[some] = values[(starts + quarter * (counts - 1) // 4)[some]]
    spread = np.where(high > low, high - low, np.abs(middle))
    # below the last bit of the typical value there is nothing to resolve
    finest = np.log2(np.maximum(np.abs(middle), spread)) - 53
    exponents = _floor(np.maximum(np.log2(spread) - _DEPTH, finest))
    return np.where(_is_whole(block), np.minimum(exponents, 0), exponents)


def _is_whole(block):
    if sparse.issparse(block):
        fractional = block.data != np.rint(block.data)
        return np.bincount(block.indices, weights=fractional, minlength=block.shape[1]) == 0
    return (block == np.rint(block)).all(axis=0)


def _from_lowest_bit(block):
    if sparse.issparse(block):
        block = block.toarray()
    mantissas, exponents = np.frexp(np.asarray(block, dtype=np.float64))
    integers = np.ldexp(mantissas, 53).astype(np.int64)
    lowest = exponents - 54 + np.frexp((integers & -integers).astype(np.float64))[1]
    return _floor(np.where(integers == 0, 0, lowest).min(axis=0, initial=0))


def _floor(exponents):
    return (_STEP * np.floor(exponents / _STEP)).astype(np.int64)
