"""The default module: a multilayer perceptron with the shape of the data."""

import copy
import itertools

from torch import nn


class MLP(nn.Module):
    """Multilayer perceptron with ReLU between linear layers; the last gives logits or predictions.

    Parameters
    ----------
    in_features : int
    out_features : int
    hidden_layer_sizes : tuple of int, default=(128, 64)
    dropout : float, default=0.0
        Share of hidden units left out in training.

    Examples
    --------
    >>> import torch
    >>> from skunlearn.neural_network import MLP
    >>> MLP(4, 3)(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, in_features, out_features, hidden_layer_sizes=(128, 64), dropout=0.0):
        super().__init__()
        sizes = [in_features, *hidden_layer_sizes]
        layers = []
        for one, other in itertools.pairwise(sizes):
            layers += [nn.Linear(one, other), nn.ReLU()]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], out_features))

    def forward(self, X):
        """Logits or predictions.

        Parameters
        ----------
        X : Tensor of shape (n_samples, ...)
            Flattened to `in_features` columns.

        Returns
        -------
        Tensor of shape (n_samples, out_features)
        """
        return self.layers(X.flatten(1))


def fresh_module(module, kwargs):
    """Return a module with new random weights, of a class or like an instance.

    Raises
    ------
    ValueError
        If a part of an instance has parameters and no `reset_parameters`.
    """
    if not isinstance(module, nn.Module):
        return module(**kwargs)
    if kwargs:
        return type(module)(**kwargs)
    new = copy.deepcopy(module)
    for name, part in new.named_modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
        elif list(part.parameters(recurse=False)):
            raise ValueError(
                f"The part {name or 'itself'} of {type(module).__name__} has parameters and no "
                "reset_parameters, so it cannot be given fresh weights: pass the class of the "
                "module instead of an instance."
            )
    return new
