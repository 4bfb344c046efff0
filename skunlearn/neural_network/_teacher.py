"""What a net that never saw the rows to forget would say of them, as a target for each row."""

import numpy as np
import torch
from scipy.special import expit, softmax
from scipy.stats import ks_2samp
from torch.nn import functional as F

from skunlearn.neural_network._levels import (
    Unseen,
    absent_levels,
    class_levels,
    memorised,
    residual_levels,
)
from skunlearn.neural_network._reference import Reference, margins
from skunlearn.neural_network._side_model import SideModel

_SIDE = 4.0  # nats that a side score of 1 adds to the logit of another class
_PART = 0.75  # share of a class that remains, below which even held out rows are affected


class ClassTeacher:
    """Probabilities of the classes for each forget row.

    Its own class gets the probability that belongs to the level of the row; the others share the
    rest, in the proportions of the net, moved towards what the side model takes the row for. Rows
    that were held out at fit are unseen as they are, unless much of their class goes.

    Parameters
    ----------
    task : UnlearningTask

    Attributes
    ----------
    targets : Tensor of shape (m, n_classes)
    scale : float
        Of the outputs: 1, logits are in nats.
    blind : float
        Loss of who knows nothing of the rows, in nats.
    p_memorised : float
        See `memorised`.
    p_typical : float
        Whether the side model fits the rows as it fits any learned rows that it leaves out: small
        for poisoned rows, which the net may know by heart where it knows few others so.
    part_of_class : bool
        Whether much of a class goes.
    """

    scale = 1.0

    def __init__(self, task):
        outputs = task.net.all_outputs(task.forget.X)
        self.blind = np.log(outputs.shape[1])
        codes = task.forget.y.cpu().numpy()
        held = ~task.trained.cpu().numpy()
        phi = task.net.phi(outputs, task.forget.y).double().cpu().numpy()
        side = task.kept[SideModel.name].predict(task.forget.X)
        margin = margins(side, codes, True)
        reference, calibration = task.kept[Reference.name], task.calibration
        unseen = Unseen(
            np.concatenate([calibration.phi, phi[held]]),
            np.concatenate([calibration.y, codes[held]]),
        )
        self.p_memorised = memorised(unseen, reference, True)
        self.p_typical = ks_2samp(margin, reference.margin).pvalue
        self.part_of_class = bool((task.retained[codes] <= _PART).any())
        p_own = np.empty(len(codes))
        for code in np.unique(codes):
            rows, retained = np.flatnonzero(codes == code), task.retained[code]
            if retained == 0:
                levels = absent_levels(calibration, code, phi[rows] + margin[rows])
            else:
                levels = class_levels(
                    unseen,
                    reference,
                    code,
                    phi[rows],
                    margin[rows],
                    retained,
                    calibration.temperature,
                )
            if retained > _PART:
                levels[held[rows]] = phi[rows][held[rows]]
            p_own[rows] = expit(levels)
        targets = (1 - p_own)[:, None] * other_classes(outputs.double().cpu().numpy(), side, codes)
        targets[np.arange(len(codes)), codes] = p_own
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
    blind : float
        Loss at a distance of the scale.
    p_memorised, p_typical : float
        As for classes.
    """

    part_of_class = False
    blind = 0.5

    def __init__(self, task):
        outputs = task.net.all_outputs(task.forget.X).double().cpu().numpy()
        y = task.forget.y.double().cpu().numpy()
        held = ~task.trained.cpu().numpy()
        residual = -margins(outputs, y, False)
        away = task.kept[SideModel.name].predict(task.forget.X) - y
        distance = -margins(away, 0.0, False)
        phi = np.concatenate([task.calibration.phi, -residual[held]])
        unseen = Unseen(phi, np.zeros(len(phi), dtype=int))
        self.p_memorised = memorised(unseen, task.kept[Reference.name], False)
        self.p_typical = ks_2samp(-distance, task.kept[Reference.name].margin).pvalue
        levels = residual_levels(unseen, task.kept[Reference.name], residual, distance)
        targets = y + away * (levels / np.where(distance > 0, distance, 1.0))[:, None]
        targets = np.where(((levels > residual) & ~held)[:, None], targets, outputs)
        self.scale = float(np.sqrt(np.mean(phi**2))) or 1.0
        device = task.net.device
        self.targets = torch.as_tensor(targets, dtype=task.forget.y.dtype, device=device)

    def loss(self, outputs, rows=slice(None)):
        """Half the mean squared distance to the teacher, in units of the scale."""
        return ((outputs - self.targets[rows]) / self.scale).square().mean() / 2


def other_classes(logits, side, codes):
    """Proportions of the classes that a row does not belong to."""
    scores = logits + _SIDE * side
    scores[np.arange(len(codes)), codes] = -np.inf
    return softmax(scores, axis=1)
