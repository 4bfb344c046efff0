"""When an iterative unlearner has done enough: at the level of rows that were never learned."""

import warnings

import numpy as np
import torch

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._calibration import SMALL
from skunlearn.neural_network._selection import task_shift

_HALVINGS = 6


class Stopping:
    """The rule: stop when the forget rows are predicted no better than unseen rows of their class.

    For classification the number is the accuracy on the forget rows, against the accuracy on
    unseen rows of the same classes, lowered where a part of a class goes; for regression the mean
    absolute residual, against that of unseen rows. Between the last two states that were looked
    at, the one where the rule is just met is found by bisection.

    Parameters
    ----------
    task : UnlearningTask
    at_each_step : bool, default=False
        Whether to look after every step, whatever it costs.

    Raises
    ------
    UnlearningError
        If there is no unseen row to compare with.
    """

    def __init__(self, task, *, at_each_step=False):
        self.task = task
        self.target = self._target()
        self._before = self._now = None
        self._n_asked = 0
        # as many passes over the forget rows as steps would cost more than the steps
        few = max(1, len(task.forget) // (4 * task.batch_size))
        self._every = 1 if at_each_step else few
        self.last = {}
        self.start = self._look()

    def _target(self):
        task, calibration = self.task, self.task.calibration
        if task.forget.y is None:
            raise UnlearningError(
                'stopping="calibrated" needs the targets of the rows to forget, and this net kept '
                "nothing to find them by: pass y, or choose stopping=None."
            )
        if not len(calibration) and not (task.is_classifier and self._whole_classes()):
            raise UnlearningError(
                'stopping="calibrated" needs rows that the net has not learned from, and none were '
                "held out at fit: fit with a train_split, or choose stopping=None."
            )
        if not task.is_classifier:
            return float(-calibration.phi.mean())
        codes = task.forget.y.cpu().numpy()
        held_out = np.bincount(calibration.y, minlength=len(task.retained))
        some = np.unique(codes)[np.asarray(task.retained)[np.unique(codes)] > 0]
        if (held_out[some] < SMALL).any():
            warnings.warn(
                f"Only {held_out[some].min()} rows were held out of a class of the forget rows: "
                "the level of unseen rows is uncertain by several points. Hold out more at fit "
                "(train_split=HeldOut(0.2)).",
                UserWarning,
                stacklevel=4,
            )
        return calibration.unseen_accuracy(codes, task.retained, task_shift(task))

    def _whole_classes(self):
        codes = np.unique(self.task.forget.y.cpu().numpy())
        return bool((np.asarray(self.task.retained)[codes] == 0).all())

    def _look(self):
        task = self.task
        if task.is_classifier:
            value = task.forget_accuracy()
        else:
            value = float(-task.net.phi(task.net.all_outputs(task.forget.X), task.forget.y).mean())
        self.last = {self._name: value}
        return value

    @property
    def _name(self):
        return "forget_accuracy" if self.task.is_classifier else "forget_residual"

    def _met(self, value):
        """Half a row of slack: the accuracy of m rows moves in steps of 1 / m."""
        if self.task.is_classifier:
            return value <= self.target + 0.5 / len(self.task.forget)
        return value >= self.target

    @property
    def already_there(self):
        """Whether the forget rows look like unseen ones before anything was done."""
        return self._met(self.start)

    def reached(self, *, force=False):
        """Look at the net every few steps; true once the rule is met."""
        self._n_asked += 1
        if not force and self._n_asked % self._every:
            return False
        self._before, self._now = self._now, _weights(self.task)
        return self._met(self._look())

    def bisect(self):
        """Go back along the last stretch to where the rule is just met."""
        if self._before is None:
            self._before = [p.detach() for p in self.task.original.module.state_dict().values()]
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            self._set(middle)
            low, high = (low, middle) if self._met(self._look()) else (middle, high)
        self._set(high)
        self._look()

    @torch.no_grad()
    def _set(self, share):
        state = self.task.net.module.state_dict()
        for value, one, other in zip(state.values(), self._before, self._now, strict=True):
            if value.is_floating_point():
                value.copy_(torch.lerp(one, other, share))

    def words(self):
        """Say the numbers in words."""
        what = "the forget rows are predicted right" if self.task.is_classifier else None
        if what:
            return (
                f"{what} at a rate of {self.last[self._name]:.3f}, unseen rows like them at "
                f"{self.target:.3f}"
            )
        return (
            f"the mean absolute residual of the forget rows is {self.last[self._name]:.4g}, that "
            f"of unseen rows {self.target:.4g}"
        )


def _weights(task):
    return [value.detach().clone() for value in task.net.module.state_dict().values()]
