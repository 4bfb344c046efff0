"""Optimal transport as pure functions: imports numpy, scipy and `skunlearn.exceptions` only."""

from skunlearn._transport._gaussian import (
    BarycenterResult,
    GaussianTransport,
    barycenter_maps,
    gaussian_barycenter,
    gaussian_maps,
    shrink_singular,
)
from skunlearn._transport._range import range_basis

__all__ = [
    "BarycenterResult",
    "GaussianTransport",
    "barycenter_maps",
    "gaussian_barycenter",
    "gaussian_maps",
    "range_basis",
    "shrink_singular",
]
