"""Vectors of big integers in int64 limbs of 20 bits: add, normalise, read as float64.

A vector of ``m`` integers is an int64 array of shape (n_limbs, m): the integer in column
``i`` is ``sum(limbs[l, i] * 2**(20 * l))``. In canonical form every limb but the highest lies
in [-2**19, 2**19), the highest limb is the carry that remains, and it is not zero everywhere,
so that equal integers have equal arrays.
"""

import numpy as np

BITS = 20
_HALF = np.int64(1 << (BITS - 1))


def normalise(limbs):
    """Carry every limb into [-2**19, 2**19); the result is canonical.

    Parameters
    ----------
    limbs : ndarray of shape (n_limbs, m), int64
        Any limbs below 2**62 in size.

    Returns
    -------
    ndarray of shape (n_canonical, m), int64
    """
    out = []
    carry = np.zeros(limbs.shape[1], dtype=np.int64)
    index = 0
    while index < len(limbs) or carry.any():
        value = limbs[index] + carry if index < len(limbs) else carry
        carry = (value + _HALF) >> BITS
        out.append(value - (carry << BITS))
        index += 1
    while out and not out[-1].any():
        out.pop()
    return np.array(out, dtype=np.int64).reshape(len(out), limbs.shape[1])


def add(a, b, sign=1):
    """Canonical ``a + sign * b`` of two canonical limb arrays."""
    n_limbs = max(len(a), len(b))
    total = np.zeros((n_limbs, a.shape[1]), dtype=np.int64)
    total[: len(a)] = a
    if sign > 0:
        total[: len(b)] += b
    else:
        total[: len(b)] -= b
    return normalise(total)


def to_float(limbs):
    """Read canonical limbs as float64, within one unit in the last place.

    The value depends on the integers only. Three limbs at a time make an exact int64; from the
    highest down, each group is at most half of the one above it, so nothing cancels.
    """
    total = np.zeros(limbs.shape[1])
    for start in range(3 * ((len(limbs) - 1) // 3), -1, -3):
        group = limbs[start].copy()
        for offset, row in enumerate(limbs[start + 1 : start + 3], start=1):
            group += row << (BITS * offset)
        total += np.ldexp(group.astype(np.float64), BITS * start)
    return total


def to_nearest(limbs):
    """Read canonical limbs as the nearest float64 numbers."""
    values = to_float(limbs[:3])  # one int64 each, rounded once
    wide = np.flatnonzero(limbs[3:].any(axis=0))
    if len(wide):
        values[wide] = to_integers(limbs[:, wide]).astype(np.float64)
    return values


def to_integers(limbs):
    """Read limbs as an object array of Python integers."""
    total = np.zeros(limbs.shape[1], dtype=object)
    for start in range(3 * ((len(limbs) - 1) // 3), -1, -3):
        group = limbs[start].copy()
        for offset, row in enumerate(limbs[start + 1 : start + 3], start=1):
            group += row << (BITS * offset)
        total = total * (1 << (3 * BITS)) + group.astype(object)
    return total


def from_integers(integers):
    """Canonical limbs of an array of Python integers."""
    rest = np.asarray(integers, dtype=object)
    limbs = []
    while rest.any():
        digit = ((rest + int(_HALF)) & ((1 << BITS) - 1)) - int(_HALF)
        limbs.append(digit.astype(np.int64))
        rest = (rest - digit) >> BITS
    return np.array(limbs, dtype=np.int64).reshape(len(limbs), len(rest))
