"""How much each weight matters to rows: sums of per-row derivatives, kept at fit."""

import dataclasses

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from skunlearn.neural_network._kept import kept_as
from skunlearn.neural_network._view import Rows

_MEMORY = 2**22  # numbers in the per-row derivatives of one chunk: more do not fit a cache


def row_sums(net, rows, of_row, power):
    """Sum over rows of |derivative of a number of each row|^power, for each parameter.

    Parameters
    ----------
    net : NetView
        In evaluation mode.
    rows : Rows
    of_row : callable
        Takes outputs of shape (n, n_outputs) and targets of shape (n, ...), returns (n,) numbers.
    power : int

    Returns
    -------
    dict of str to Tensor
        In float64; parameters without gradient are left out.
    """
    weights = {k: p.detach() for k, p in net.module.named_parameters() if p.requires_grad}
    found = {k: torch.zeros_like(p, dtype=torch.float64) for k, p in weights.items()}
    layers = _linear_layers(net.module, weights)
    of_chunk = _one_by_one if layers is None else _by_layer(layers)
    for part in rows.batches(net.batch_size):
        for name, value in of_chunk(net, part, of_row, power).items():
            found[name] += value
    return found


def _one_by_one(net, rows, of_row, power):
    """Take the derivatives of each row by itself, for any module."""
    parameters = dict(net.module.named_parameters())
    weights = {k: p.detach() for k, p in parameters.items() if p.requires_grad}
    fixed = {k: p.detach() for k, p in parameters.items() if not p.requires_grad}
    fixed |= dict(net.module.named_buffers())

    def number(weights, x, y):
        def run(X):
            return functional_call(net.module, weights | fixed, (X,))

        return of_row(net.with_module(run).outputs(x[None]), y[None]).sum()

    of_each, found = vmap(grad(number), in_dims=(None, 0, 0)), dict.fromkeys(weights, 0.0)
    for part in rows.batches(max(1, _MEMORY // sum(p.numel() for p in weights.values()))):
        for name, slopes in of_each(weights, part.X, part.y).items():
            found[name] += slopes.abs().pow(power).sum(dim=0, dtype=torch.float64)
    return found


def _linear_layers(module, weights):
    """Return linear layers by name, if they hold all the weights and nothing mixes rows."""
    layers = {k: m for k, m in module.named_modules() if isinstance(m, nn.Linear)}
    theirs = {f"{k}.{name}" for k, m in layers.items() for name, _ in m.named_parameters()}
    return layers if set(weights) <= theirs else None


def _by_layer(layers):
    """Per-row derivatives of linear layers are outer products, whose powers sum in one product."""

    def of_chunk(net, rows, of_row, power):
        seen, found = {}, {}

        def note(name):
            def hook(_, inputs, output):
                seen.setdefault(name, []).append((inputs[0].detach(), output))

            return hook

        hooks = [m.register_forward_hook(note(name)) for name, m in layers.items()]
        try:
            total = of_row(net.outputs(rows.X), rows.y).sum()
        finally:
            for hook in hooks:
                hook.remove()
        plain = all(len(calls) == 1 and calls[0][0].ndim == 2 for calls in seen.values())
        if not plain:  # a layer used twice, or on more than one vector of a row
            return _one_by_one(net, rows, of_row, power)
        slopes = torch.autograd.grad(total, [calls[0][1] for calls in seen.values()])
        for (name, calls), slope in zip(seen.items(), slopes, strict=True):
            size, layer = slope.abs().double().pow(power), layers[name]
            if layer.weight.requires_grad:
                found[f"{name}.weight"] = size.T @ calls[0][0].abs().double().pow(power)
            if layer.bias is not None and layer.bias.requires_grad:
                found[f"{name}.bias"] = size.sum(dim=0)
        return found

    return of_chunk


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
        unlabelled = Rows(rows.X, torch.zeros(len(rows), device=rows.X.device))
        return row_sums(net, unlabelled, lambda outputs, _: outputs.square().sum(dim=1), 1)
