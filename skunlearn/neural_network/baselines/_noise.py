"""Noise that a net finds very wrong, or very right, for a class; requests for whole classes."""

import numpy as np
import torch
from torch.nn import functional as F

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._view import Rows


def classes_to_forget(unlearner, task):
    """Codes of the classes that a request takes whole, and of those that remain.

    Raises
    ------
    UnlearningError
        If a part of a class remains, or none of the classes does.
    """
    codes = np.unique(task.forget.y.cpu().numpy())
    counts = task.calibration.counts
    if counts is not None and (task.retained[codes] > 0).any():
        code = codes[task.retained[codes] > 0][0]
        raise UnlearningError(
            f"{type(unlearner).__name__} forgets whole classes, and {counts[code]} rows of a class "
            "of this request remain: pass all rows of the class, those held out of training too, "
            "or choose an unlearner for some rows, such as CalibratedTeacher()."
        )
    others = np.setdiff1d(np.arange(task.net.n_outputs), codes)
    if not len(others):
        raise UnlearningError(
            f"{type(unlearner).__name__} needs a class that remains, and the request takes all."
        )
    return codes, others


def learn_noise(net, codes, shape, *, climb, n_steps, lr, penalty, generator):
    """Descend, or climb, the loss of labels in the inputs, from standard normal noise.

    Parameters
    ----------
    net : NetView
        Takes no gradients.
    codes : Tensor of shape (n,), int64
        The label of each input.
    shape : tuple of int
        Of an input.
    climb : bool
        Whether the inputs are to be as wrong as can be.
    n_steps : int
    lr : float
        Learning rate of Adam.
    penalty : float
        Times the mean of the squared norm of an input, added to the loss.
    generator : torch.Generator

    Returns
    -------
    Rows
        Inputs of shape (n, ...) with their labels.
    """
    start = torch.randn((len(codes), *shape), generator=generator)
    X = start.to(net.device).requires_grad_()
    optimizer = torch.optim.Adam([X], lr=lr)
    sign = -1 if climb else 1
    for _ in range(n_steps):
        loss = sign * F.cross_entropy(net.outputs(X), codes)
        loss = loss + penalty * X.square().flatten(1).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Rows(X.detach(), codes)
