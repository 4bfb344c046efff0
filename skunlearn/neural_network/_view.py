"""Rows as tensors, and a module seen as what unlearners need: outputs, losses, margins."""

import copy
import dataclasses

import torch
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows with their targets, on the device of the net.

    Parameters
    ----------
    X : Tensor of shape (n, ...)
    y : Tensor of shape (n,), int64 codes of classes, or (n, n_outputs), float32; or None
    """

    X: torch.Tensor
    y: torch.Tensor | None = None

    def __len__(self):
        return len(self.X)

    def take(self, index):
        """Return some of the rows: a slice, a mask or indices."""
        return Rows(self.X[index], None if self.y is None else self.y[index])

    def batches(self, batch_size, generator=None):
        """Yield batches once through all rows, in a random order if a generator is given."""
        n = len(self)
        order = torch.arange(n) if generator is None else torch.randperm(n, generator=generator)
        for part in order.split(batch_size):
            yield self.take(part.to(self.X.device))

    def forever(self, batch_size, generator):
        """Yield random batches without end, pass after pass."""
        if not len(self):
            raise ValueError("Got no rows, expected at least one to draw batches from.")
        while True:
            yield from self.batches(batch_size, generator)


@dataclasses.dataclass(frozen=True)
class NetView:
    """A module with what its net knows of it.

    Parameters
    ----------
    module : torch.nn.Module
    kind : {"classification", "regression"}
    criterion : torch.nn.Module
        The loss it was trained with, a mean over rows.
    n_outputs : int
        Classes, or targets.
    gives_probabilities : bool, default=False
        Whether the module ends in a softmax, as ``torch.nn.NLLLoss`` wants it in skorch.
    batch_size : int, default=1024
        Rows in one pass where nothing is learned.
    """

    module: torch.nn.Module
    kind: str
    criterion: torch.nn.Module
    n_outputs: int
    gives_probabilities: bool = False
    batch_size: int = 1024

    @property
    def is_classifier(self):
        """Whether the outputs are logits of classes."""
        return self.kind == "classification"

    @property
    def device(self):
        """Where the parameters are."""
        return next(self.module.parameters()).device

    def outputs(self, X):
        """Logits of shape (n, n_classes), or predictions of shape (n, n_outputs), with a graph."""
        out = self.module(X)
        out = out[0] if isinstance(out, tuple) else out
        if self.gives_probabilities:
            out = torch.log(out + torch.finfo(out.dtype).eps)
        return out

    @torch.no_grad()
    def all_outputs(self, X):
        """Return the same in evaluation mode, without a graph, a batch at a time."""
        training = self.module.training
        self.module.eval()
        parts = [self.outputs(part) for part in X.split(self.batch_size)]
        self.module.train(training)
        return torch.cat(parts) if parts else torch.zeros(0, self.n_outputs, device=X.device)

    def loss(self, outputs, y):
        """Return the training loss of a batch, a scalar."""
        return self.criterion(outputs, y)

    def losses(self, outputs, y):
        """Cross-entropy in nats, or mean squared error, of each row."""
        if self.is_classifier:
            return F.cross_entropy(outputs, y, reduction="none")
        return (outputs - y).square().flatten(1).mean(dim=1)

    def phi(self, outputs, y):
        """How well each row is fitted; for classes the logit of the probability of its own.

        For regression minus the absolute residual, the root of the mean square over targets.
        """
        return phi(outputs, y, self.is_classifier)

    def with_module(self, module):
        """Return the same view of another module."""
        return dataclasses.replace(self, module=module)


def phi(outputs, y, is_classifier):
    """See `NetView.phi`."""
    if not is_classifier:
        return -(outputs - y).square().flatten(1).mean(dim=1).sqrt()
    own = outputs.gather(1, y[:, None]).squeeze(1)
    others = outputs.scatter(1, y[:, None], -torch.inf)
    return own - torch.logsumexp(others, dim=1)


def freeze(module):
    """Return a copy of a module in evaluation mode that takes no gradients."""
    frozen = copy_module(module).eval()
    for parameter in frozen.parameters():
        parameter.requires_grad_(False)
    return frozen


def copy_module(module):
    """Copy a module with its weights; of a compiled one the plain module inside."""
    return copy.deepcopy(getattr(module, "_orig_mod", module))
