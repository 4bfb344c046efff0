"""Ranges of rows worked on by threads: for exact sums, whose order does not matter."""

import functools
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import ThreadpoolController

_STEP = 16384  # rows of one range
_PARALLEL_SIZE = 2_000_000  # numbers; below this, starting threads costs more than it saves


@functools.cache
def _controller():
    return ThreadpoolController().select(user_api="blas")


def _n_workers():
    """As many workers as the BLAS has threads, which is the user's own limit."""
    return max((library.num_threads for library in _controller().lib_controllers), default=1)


def map_ranges(work, n, width):
    """Call ``work(ranges)`` on a partition of ``range(n)``; return the list of results.

    Parameters
    ----------
    work : callable
        Takes a list of (first, last) pairs.
    n, width : int
        Rows, and numbers in a row: small inputs are worked on in the caller's thread.

    Returns
    -------
    list
    """
    ranges = [(first, min(first + _STEP, n)) for first in range(0, n, _STEP)]
    n_workers = min(_n_workers(), len(ranges)) if n * width >= _PARALLEL_SIZE else 1
    if n_workers <= 1:
        return [work(ranges)]
    with _controller().limit(limits=1), ThreadPoolExecutor(n_workers) as pool:
        return list(pool.map(work, [ranges[i::n_workers] for i in range(n_workers)]))
