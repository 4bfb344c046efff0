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
WHOLE = -33  # of columns of counts: whole numbers, and fractions in a later batch
_SAMPLE = 2048
_FEW = 64  # nonzeros, or rows, below which a sample says little about the spread
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
        if resolution == "auto":
            exponents = _in_range(_spread_exponents(blocks))
            return np.append(exponents, _weight_exponent(weights, rule))
        exponents = np.concatenate([rule(block) for block in blocks])
        return np.append(_in_range(exponents), _weight_exponent(weights, rule))
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


def _weight_exponent(weights, rule):
    # whole weights count rows, on the grid of rows without weights
    whole = weights is None or (weights == np.rint(weights)).all()
    return 0 if whole else rule(weights[:, None])[0]


def _in_range(exponents):
    if len(exponents) and not _SMALLEST <= exponents.min() <= exponents.max() <= _LARGEST:
        column = int(np.argmax(np.abs(exponents)))
        size = 2.0 ** (exponents[column] + _DEPTH)
        raise ValueError(
            f"Column {column} of [X | y] has values of about {size:.0e}: the squares are beyond "
            "float64. Rescale it to values between 1e-100 and 1e100."
        )
    return exponents


def _spread_exponents(blocks):
    """Exponents from a sample of rows that their content chooses.

    Whoever contributes many rows could fill that sample, so a second one, of random rows, stands
    beside it: where the first is far too coarse for the second, the second decides. A column with
    few nonzeros in the sample is looked at whole.
    """
    n = blocks[0].shape[0]
    if n <= _SAMPLE:
        return np.concatenate([_from_spread(block) for block in blocks])
    rows, random = _sample_rows(blocks), np.random.default_rng().choice(n, _SAMPLE, replace=False)
    out = []
    for block in blocks:
        exponents, control = _from_spread(block[rows]), _from_spread(block[random])
        exponents = np.where(exponents > control + _DEPTH // 2, control, exponents)
        few = np.flatnonzero(_n_nonzeros(block[rows]) < _FEW)
        if len(few):
            exponents[few] = _from_spread(block[:, few])
        out.append(exponents)
    return np.concatenate(out)


def _n_nonzeros(block):
    if sparse.issparse(block):
        return np.bincount(block.indices[block.data != 0], minlength=block.shape[1])
    return np.count_nonzero(block, axis=0)


def check_resolved(blocks, exponents, exact):
    """Check that rows are not lost on a grid that was not made for them.

    Raises
    ------
    ValueError
        If every bit is to be kept, and the grid rounds a value.

    Warns
    -----
    UserWarning
        If the grid is coarse beside the spread of a column, in a batch that shows one.
    """
    if not exact and blocks[0].shape[0] < _FEW:
        return
    if (exponents[:-1] <= 0).all() and _are_whole(blocks):
        return  # whole numbers are not rounded
    if exact:
        needed = np.concatenate([_from_lowest_bit(block) for block in blocks])
    else:
        needed = _spread_exponents(blocks)
    coarse = np.flatnonzero(exponents[:-1] > needed + (0 if exact else _DEPTH // 2))
    if not len(coarse):
        return
    names = ", ".join(map(str, coarse[:10]))
    if exact:
        raise ValueError(
            f"The grid of the first rows would round values of these columns of [X | y]: {names}; "
            "but resolution='exact' keeps every bit. Declare finer binary exponents at the first "
            f"fit, such as {needed.min()}."
        )
    warnings.warn(
        f"The grid (resolution) is coarse beside the spread of these columns of [X | y]: {names}; "
        "little of them is kept. Declare finer binary exponents with resolution= at the first fit, "
        "or begin with rows that show the spread.",
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
    """Exponents from the shortest interval with half of the nonzeros, or their median if 0.

    Up to half of the rows may be outliers, on either side.
    """
    values, starts, counts = _sorted_nonzeros(block)
    full = len(counts) and counts.min() == counts.max() == len(values) // len(counts) > 0
    some = np.flatnonzero(counts)
    middle, spread = np.ones((2, len(counts)))
    middle[some] = np.abs(values[(starts + (counts - 1) // 2)[some]])
    if full:  # no zeros: the columns are rows of a matrix
        columns, half = values.reshape(len(counts), -1), counts[0] // 2
        spread = (columns[:, half:] - columns[:, : len(columns[0]) - half]).min(axis=1)
    elif len(some):
        half = counts[some] // 2
        widths = counts[some] - half  # number of intervals that begin in each column
        firsts = np.cumsum(widths) - widths
        begin = np.arange(widths.sum()) + np.repeat(starts[some] - firsts, widths)
        gaps = values[begin + np.repeat(half, widths)] - values[begin]
        spread[some] = np.minimum.reduceat(gaps, firsts)
    for j in np.flatnonzero((spread == 0) & (counts > 0)):
        spread[j] = _spread_about_mode(values[starts[j] : starts[j] + counts[j]], middle[j])
    # below the last bit of the typical value there is nothing to resolve
    finest = np.log2(np.maximum(middle, spread)) - 53
    exponents = _floor(np.maximum(np.log2(spread) - _DEPTH, finest))
    return np.where(is_whole(block), np.minimum(exponents, 0), exponents)


def _spread_about_mode(column, middle):
    """Return the spread of sorted values of which half or more are equal: of the others."""
    distinct, counts = np.unique(column, return_counts=True)
    mode = distinct[np.argmax(counts)]
    others = np.abs(column[column != mode] - mode)
    return min(middle, np.median(others)) if len(others) else middle


def is_whole(block):
    if sparse.issparse(block):
        fractional = block.data != np.rint(block.data)
        return np.bincount(block.indices, weights=fractional, minlength=block.shape[1]) == 0
    return (block == np.rint(block)).all(axis=0)


def _are_whole(blocks):
    first = all(is_whole(block[:_FEW]).all() for block in blocks)  # as a rule this is enough
    return first and all(is_whole(block).all() for block in blocks)


def _from_lowest_bit(block):
    values = np.asarray(block.data if sparse.issparse(block) else block, dtype=np.float64)
    mantissas, exponents = np.frexp(values)
    integers = np.ldexp(mantissas, 53).astype(np.int64)
    lowest = exponents - 54 + np.frexp((integers & -integers).astype(np.float64))[1]
    lowest = np.where(integers == 0, 0, lowest)
    if not sparse.issparse(block):
        return _floor(lowest.min(axis=0, initial=0))
    out = np.zeros(block.shape[1])
    np.minimum.at(out, block.indices, lowest)
    return _floor(out)


def _floor(exponents):
    return (_STEP * np.floor(exponents / _STEP)).astype(np.int64)
