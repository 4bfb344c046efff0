"""Optimal transport as pure functions: imports numpy, scipy and `skunlearn.exceptions` only."""

from skunlearn._transport._couplings import (
    draw_cells,
    maximal_coupling,
    mixed_ranks,
    quantile_barycenter,
    quantile_cells,
    ranked_coupling,
)
from skunlearn._transport._gaussian import (
    BarycenterResult,
    GaussianTransport,
    barycenter_maps,
    gaussian_barycenter,
    gaussian_maps,
    shrink_singular,
)
from skunlearn._transport._quantile_maps import (
    barycenter_quantiles,
    move,
    plotting_levels,
    quantile_function,
    quantile_levels,
    quantile_moments,
    transport_costs,
)
from skunlearn._transport._range import range_basis
from skunlearn._transport._sliced_flow import apply_step, knot_levels, sliced_step

__all__ = [
    "BarycenterResult",
    "GaussianTransport",
    "apply_step",
    "barycenter_maps",
    "barycenter_quantiles",
    "draw_cells",
    "gaussian_barycenter",
    "gaussian_maps",
    "knot_levels",
    "maximal_coupling",
    "mixed_ranks",
    "move",
    "plotting_levels",
    "quantile_barycenter",
    "quantile_cells",
    "quantile_function",
    "quantile_levels",
    "quantile_moments",
    "range_basis",
    "ranked_coupling",
    "shrink_singular",
    "sliced_step",
    "transport_costs",
]
