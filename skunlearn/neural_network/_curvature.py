"""How much the outputs of a net change with its weights: Kronecker factors, kept from fit."""

import dataclasses

import torch
from curvlinops import KFACLinearOperator
from torch import nn

from skunlearn.neural_network._kept import kept_as

_NAME = "curvature"
_ROWS = 4096  # that the factors are made from
_BATCH = 512
_DAMPING = 0.1  # of a factor, as a share of the mean of its eigenvalues
_LARGEST = 8192  # side of a factor; larger layers are left alone


@dataclasses.dataclass(frozen=True)
class Factors:
    """Eigenvectors and eigenvalues of the two Kronecker factors of a layer.

    Parameters
    ----------
    inputs : tuple of Tensor of shape (d_in, d_in) and (d_in,)
        Of E[a aᵀ], a the inputs of the layer with a 1 appended if it has a bias.
    outputs : tuple of Tensor of shape (d_out, d_out) and (d_out,)
        Of E[Jᵀ J], J the Jacobian of the outputs of the net in the outputs of the layer.
    """

    inputs: tuple
    outputs: tuple

    def solve(self, gradient):
        """Inverse curvature, damped, times a gradient of shape (d_out, d_in)."""
        for vectors, values in (self.outputs, self.inputs):
            damped = values.clamp(min=0) + _DAMPING * values.mean()
            gradient = (vectors @ ((vectors.T @ gradient) / damped[:, None])).T
        return gradient


@kept_as(_NAME)
@dataclasses.dataclass(frozen=True)
class Curvature:
    """Gauss-Newton matrix of a unit squared loss of the outputs, a block a layer, in K-FAC form.

    It has `Linear` and `Conv2d` layers; other parameters, those of norm layers among them, are
    left alone by who goes along it. It is made from a random part of the training rows, and what
    forgotten rows contributed to it stays.

    Parameters
    ----------
    factors : dict of str to Factors
        By the name of the layer.
    """

    factors: dict

    name = _NAME
    exact = False

    @classmethod
    def of(cls, fitted):
        """Make the factors from training rows."""
        net = fitted.net
        layers = {name: layer for name, layer in net.module.named_modules() if _is_known(layer)}
        if not layers:
            return cls({})
        n = min(len(fitted.train), _ROWS)
        exact = n * net.n_outputs <= _ROWS  # one backward pass an output, or one a row
        rows = torch.randperm(len(fitted.train), generator=fitted.generator)[:n]
        X = fitted.train.X[rows.to(net.device)]
        operator = KFACLinearOperator(
            _Outputs(net),
            nn.MSELoss(reduction="sum"),
            [p for layer in layers.values() for p in layer.parameters()],
            [(part, part.new_zeros(len(part), net.n_outputs)) for part in X.split(_BATCH)],
            fisher_type="type-2" if exact else "mc",
            seed=fitted.seed,
            separate_weight_and_bias=False,
            check_deterministic=False,
            num_per_example_loss_terms=1,
            num_data=n,
        )
        operator.compute_kronecker_factors()
        state = operator.state_dict()
        inputs, outputs = state["input_covariances"], state["gradient_covariances"]
        factors = {
            name: Factors(
                _eigh(inputs[f"module.{name}"]), _eigh(outputs[f"module.{name}"] / (2 * n))
            )
            for name in layers
            if f"module.{name}" in outputs and f"module.{name}" in inputs
        }
        return cls(factors)

    def without(self, forget, net):
        """Return the curvature as it is: what single rows contributed cannot be told apart."""
        return self

    def direction(self, module):
        """Natural direction of the gradients that the parameters of a module hold.

        Returns
        -------
        direction : dict of Parameter to Tensor
        slope : float
            Inner product with the gradients; the squared change of the outputs, too, of a row.
        """
        direction, slope = {}, 0.0
        for name, factors in self.factors.items():
            layer = module.get_submodule(name)
            gradient = layer.weight.grad.flatten(1)
            if layer.bias is not None:
                gradient = torch.cat([gradient, layer.bias.grad[:, None]], dim=1)
            step = factors.solve(gradient)
            slope += float((step * gradient).sum())
            if layer.bias is not None:
                direction[layer.bias] = step[:, -1]
                step = step[:, :-1]
            direction[layer.weight] = step.reshape(layer.weight.shape)
        return direction, slope


class _Outputs(nn.Module):
    """The outputs of a net as a module, for curvlinops."""

    def __init__(self, view):
        super().__init__()
        self.module, self._view = view.module, view

    def forward(self, X):
        return self._view.outputs(X)


def _is_known(layer):
    """Whether a layer has factors: all of it is learned, and they are not too large."""
    if type(layer) not in (nn.Linear, nn.Conv2d):
        return False
    side = max(len(layer.weight), layer.weight[0].numel() + 1)
    return side <= _LARGEST and all(p.requires_grad for p in layer.parameters())


def _eigh(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors, values
