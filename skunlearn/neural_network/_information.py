"""Information between what a net says and a variable Z, as a differentiable estimate in nats."""

import dataclasses

import torch

_TINY = 1e-30


def plug_in(joint):
    """Information of a table of probabilities, conditional on its first axis.

    Parameters
    ----------
    joint : Tensor of shape (n_groups, n_values, n_z)
        Probabilities that sum to one.

    Returns
    -------
    Tensor of shape (), I(S; Z | group) in nats
    """
    group = joint.sum(dim=(1, 2), keepdim=True)
    s, z = joint.sum(dim=2, keepdim=True), joint.sum(dim=1, keepdim=True)
    return (joint * (_log(joint) + _log(group) - _log(s) - _log(z))).sum()


def _log(p):
    """Logarithm that is finite where nothing happens, so that its gradient is finite too."""
    return p.clamp_min(_TINY).log()


def information(values, mass, groups=None):
    """Information between soft values of S and Z, from weighted rows.

    Parameters
    ----------
    values : Tensor of shape (n, n_values)
        Row by row, probabilities of the values of S.
    mass : Tensor of shape (n, n_z)
        Probability of each row together with each value of Z; all sum to one. A row may stand
        for several values of Z.
    groups : Tensor of shape (n,), int64, default=None
        What to condition on.

    Returns
    -------
    Tensor of shape (), nats

    Notes
    -----
    The plug-in estimate. From n rows it is too large by about (values - 1)(values of Z - 1) / 2n,
    group by group. Its derivative in values[i, k] is Σ_z mass[i, z] log(P(k, z) / (P(k) P(z))).
    """
    if groups is None:
        return plug_in(torch.einsum("nk,nz->kz", values, mass)[None])
    shares = torch.nn.functional.one_hot(groups).to(values.dtype)
    return plug_in(torch.einsum("nc,nk,nz->ckz", shares, values, mass))


@dataclasses.dataclass(frozen=True)
class SoftBins:
    """Bins with soft edges that make a scalar categorical.

    A value belongs to bin k with a weight proportional to exp(-(s - c_k)² / 2h²). What the soft bin
    says of Z is what a noisy reading of s says: never more than s itself, and differentiable in s.

    Parameters
    ----------
    centres : Tensor of shape (n_bins,)
        Equally spaced.
    width : float
        h, the distance between centres.
    """

    centres: torch.Tensor
    width: float

    @classmethod
    def over(cls, values, n_bins):
        """Spread bins over where some values lie, a hundredth at either end left out."""
        ends = torch.tensor([0.01, 0.99], device=values.device, dtype=values.dtype)
        low, high = torch.quantile(values[: 2**20], ends)
        high = torch.maximum(high, low + 1e-6)
        centres = torch.linspace(0, 1, n_bins, device=values.device, dtype=values.dtype)
        return cls(low + (high - low) * centres, float((high - low) / (n_bins - 1)))

    def __call__(self, values):
        """Weights of shape (n, n_bins), which sum to one in each row."""
        distance = (values[:, None] - self.centres) / self.width
        return torch.softmax(-0.5 * distance.square(), dim=1)
