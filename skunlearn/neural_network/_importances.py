"""How much each weight matters to rows: sums of per-row derivatives, kept at fit."""

import dataclasses

import torch
from torch.func import functional_call, grad, vmap

from skunlearn.neural_network._kept import kept_as

_MEMORY = 2**24  # numbers in the per-row gradients of one chunk


def row_sums(net, rows, of_row, power):
    """Sum over rows of |derivative of a number of each row|^power, for each parameter.

    Parameters
    ----------
    net : NetView
        In evaluation mode.
    rows : Rows
    of_row : callable
        Takes outputs of shape (1, n_outputs) and a target of shape (1, ...), returns the number.
    power : int

    Returns
    -------
    dict of str to Tensor
        In float64; parameters without gradient are left out.
    """
    weights = {k: p.detach() for k, p in net.module.named_parameters() if p.requires_grad}
    fixed = {k: p.detach() for k, p in net.module.named_parameters() if not p.requires_grad}
    fixed |= dict(net.module.named_buffers())

    def number(weights, x, y):
        def run(X):
            return functional_call(net.module, weights | fixed, (X,))

        return of_row(net.with_module(run).outputs(x[None]), y[None]).sum()

    each = vmap(grad(number), in_dims=(None, 0, 0))
    found = {k: torch.zeros_like(p, dtype=torch.float64) for k, p in weights.items()}
    chunk = max(1, _MEMORY // max(1, sum(p.numel() for p in weights.values())))
    for part in rows.batches(chunk):
        for name, gradient in each(weights, part.X, part.y).items():
            found[name] += gradient.abs().pow(power).sum(dim=0, dtype=torch.float64)
    return found


@dataclasses.dataclass(frozen=True)
class _Importances:
    """Sums over the rows that a net was trained on, taken at the weights as fitted.

    Parameters
    ----------
    sums : dict of str to Tensor
    n_rows : int
    """

    sums: dict
    n_rows: int

    exact = False  # the weights at which they were taken had seen the forgotten rows

    @staticmethod
    def of_rows(net, rows):
        """Sum over rows."""
        raise NotImplementedError

    @classmethod
    def of(cls, fitted):
        """Take them over the training rows."""
        return cls(cls.of_rows(fitted.net, fitted.train), len(fitted.train))

    def without(self, forget, net):
        """Take rows off: exactly at the first request, later at weights that have changed."""
        gone = self.of_rows(net, forget)
        left = {name: (value - gone[name]).clamp_min(0) for name, value in self.sums.items()}
        return type(self)(left, max(self.n_rows - len(forget), 0))


@kept_as("importances")
class Importances(_Importances):
    """Diagonal of the empirical Fisher information: squared derivatives of each row's loss."""

    @staticmethod
    def of_rows(net, rows):
        """Sum over rows the squared derivatives of the loss."""
        return row_sums(net, rows, net.losses, 2)


@kept_as("output_importances")
class OutputImportances(_Importances):
    """Absolute derivatives of the squared length of the outputs; no label is used."""

    @staticmethod
    def of_rows(net, rows):
        """Sum over rows the absolute derivatives of the squared length of the output."""
        return row_sums(net, rows, lambda outputs, y: outputs.square().sum(dim=1), 1)
