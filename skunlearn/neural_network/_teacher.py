"""What a net that never saw the rows to forget would say of them, as a target for each row."""

import numpy as np
import torch
from scipy.stats import rankdata
from torch.nn import functional as F

from skunlearn.neural_network._levels import class_levels, residual_levels

_SHARPNESS = 8.0  # of the softmax of side scores, which lie about 0 and 1


class ClassTeacher:
    """Probabilities of the classes for each forget row.

    Its own class gets the probability that belongs to the level of the row; the others share the
    rest, half by the proportions of the net and half by those of the side model.

    Parameters
    ----------
    task : UnlearningTask

    Attributes
    ----------
    targets : Tensor of shape (m, n_classes)
    scale : float
        Of the outputs: 1, logits are in nats.
    """

    scale = 1.0

    def __init__(self, task):
        outputs = task.net.all_outputs(task.forget.X)
        codes = task.forget.y.cpu().numpy()
        rows = np.arange(len(codes))
        phi = task.net.phi(outputs, task.forget.y).double().cpu().numpy()
        side = task.kept["side_model"].predict(task.forget.X)
        own = side[rows, codes]
        side[rows, codes] = -np.inf
        score = rankdata(phi) + rankdata(own - side.max(axis=1))
        levels = class_levels(task.calibration, codes, phi, score, task.retained)
        logits = outputs.double().cpu().numpy()
        logits[rows, codes] = -np.inf
        mixed = (_softmax(logits) + _softmax(_SHARPNESS * side)) / 2
        p_own = 1 / (1 + np.exp(-levels))
        targets = (1 - p_own)[:, None] * mixed
        targets[rows, codes] = p_own
        self.targets = torch.as_tensor(targets, dtype=outputs.dtype, device=outputs.device)

    def loss(self, outputs, rows=slice(None)):
        """Mean Kullback-Leibler divergence of the net from the teacher, in nats."""
        return F.kl_div(F.log_softmax(outputs, dim=1), self.targets[rows], reduction="batchmean")


class NumberTeacher:
    """Predictions for each forget row, as far from its target as its level says.

    They lie in the direction of the side model's prediction, which never saw the row.

    Parameters
    ----------
    task : UnlearningTask

    Attributes
    ----------
    targets : Tensor of shape (m, n_outputs)
    scale : float
        Of the outputs: the root mean square residual of unseen rows.
    """

    def __init__(self, task):
        outputs = task.net.all_outputs(task.forget.X).double().cpu().numpy()
        y = task.forget.y.double().cpu().numpy()
        residual = _rms(outputs - y)
        away = task.kept["side_model"].predict(task.forget.X) - y
        distance = _rms(away)
        score = rankdata(-residual) + rankdata(-distance)
        levels = residual_levels(task.calibration, residual, score)
        targets = y + away * (levels / np.where(distance > 0, distance, 1.0))[:, None]
        targets = np.where((levels > residual)[:, None], targets, outputs)
        self.scale = float(np.sqrt(np.mean(task.calibration.phi**2))) or 1.0
        device = task.net.device
        self.targets = torch.as_tensor(targets, dtype=task.forget.y.dtype, device=device)

    def loss(self, outputs, rows=slice(None)):
        """Half the mean squared distance to the teacher, in units of the scale."""
        return ((outputs - self.targets[rows]) / self.scale).square().mean() / 2


def _softmax(z):
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def _rms(values):
    return np.sqrt(np.mean(values**2, axis=1))
