"""Vectors of big integers: against Python's own, which do not round."""

import math
import random

import numpy as np
import pytest

from skunlearn._statistics import _limbs

HALF = 2**19


@pytest.fixture(scope="module")
def integers():
    generator = random.Random(0)
    drawn = [generator.randint(-(2**k), 2**k) for k in range(151) for _ in range(4)]
    edges = [0, 1, HALF, HALF - 1, HALF + 1, 2**20, 2**39 + HALF, 2**39, 2**59, 2**59 - 1, 2**62]
    # numbers whose digits are all at the end of their range: carries run through every limb
    chains = [sum(digit << 20 * i for i in range(7)) for digit in (HALF - 1, HALF, -HALF)]
    return drawn + edges + chains + [-value for value in edges + chains]


def scattered(values, generator):
    """The same integers, written with limbs that are not canonical."""
    limbs = np.concatenate([_limbs.from_integers(values), np.zeros((2, len(values)), np.int64)])
    for i in range(len(limbs) - 1):
        carry = generator.integers(-(2**40), 2**40, len(values))
        limbs[i] += carry << _limbs.BITS
        limbs[i + 1] -= carry
    return limbs


def test_limbs_hold_integers(integers):
    limbs = _limbs.from_integers(integers)
    assert limbs.dtype == np.int64
    assert list(_limbs.to_integers(limbs)) == integers


def test_canonical_limbs_are_in_range_and_none_is_wasted(integers):
    limbs = _limbs.from_integers(integers)
    assert limbs.min() >= -HALF and limbs.max() < HALF
    assert limbs[-1].any()
    assert _limbs.from_integers([0, 0]).shape == (0, 2)
    # both ends of the range of one limb, and the first numbers that need two
    shapes = {HALF - 1: 1, -HALF: 1, HALF: 2, -HALF - 1: 2, 2**39 + HALF: 3}
    for value, n_limbs in shapes.items():
        assert len(_limbs.from_integers([value])) == n_limbs, value


def test_equal_integers_have_equal_limbs(integers):
    canonical = _limbs.from_integers(integers)
    for seed in range(3):
        other = scattered(integers, np.random.default_rng(seed))
        assert not np.array_equal(other[: len(canonical)], canonical)
        assert np.array_equal(_limbs.normalise(other), canonical)
    assert np.array_equal(_limbs.normalise(canonical), canonical)


def test_normalise_takes_limbs_up_to_two_to_the_62():
    for value in (2**62 - 1, -(2**62) + 1):
        limbs = np.full((3, 2), value, dtype=np.int64)
        expected = sum(value << 20 * i for i in range(3))
        assert list(_limbs.to_integers(_limbs.normalise(limbs))) == [expected] * 2


@pytest.mark.parametrize("sign", [1, -1])
def test_add_and_subtract(integers, sign):
    other = integers[:]
    random.Random(1).shuffle(other)
    a, b = _limbs.from_integers(integers), _limbs.from_integers(other)
    expected = [one + sign * two for one, two in zip(integers, other, strict=True)]
    total = _limbs.add(a, b, sign)
    assert list(_limbs.to_integers(total)) == expected
    assert np.array_equal(total, _limbs.from_integers(expected))


def test_subtraction_shrinks_to_nothing(integers):
    limbs = _limbs.from_integers(integers)
    assert _limbs.add(limbs, limbs, -1).shape == (0, len(integers))
    small = _limbs.from_integers([3] * len(integers))
    back = _limbs.add(_limbs.add(limbs, small), limbs, -1)
    assert np.array_equal(back, small)


def test_operands_are_left_as_they_were(integers):
    a = _limbs.from_integers(integers)
    b = a.copy()
    _limbs.add(a, b)
    _limbs.normalise(a)
    _limbs.to_float(a)
    _limbs.to_integers(a)
    assert np.array_equal(a, b)


def test_to_float_is_within_one_unit_in_the_last_place(integers):
    # just below and above halves of the limbs' groups, where a group cancels half of the next
    near = [
        (2**60 << shift) - (2**59 << shift) + offset
        for shift in (0, 60)
        for offset in range(-70, 71, 7)
    ]
    values = integers + near
    floats = _limbs.to_float(_limbs.from_integers(values))
    for value, got in zip(values, floats, strict=True):
        assert abs(int(got) - value) <= math.ulp(float(value)), value
    exact = [v for v in values if abs(v) < 2**53]
    assert list(_limbs.to_float(_limbs.from_integers(exact))) == [float(v) for v in exact]


def test_to_float_does_not_depend_on_the_other_integers(integers):
    together = _limbs.to_float(_limbs.from_integers(integers))
    alone = [_limbs.to_float(_limbs.from_integers([value]))[0] for value in integers]
    assert together.tolist() == alone
