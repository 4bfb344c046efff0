"""CalibratedTeacher: the default unlearner, aimed at what unseen rows look like."""

import torch

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._curvature import Curvature
from skunlearn.neural_network._reference import Reference
from skunlearn.neural_network._side_model import SideModel
from skunlearn.neural_network._teacher import ClassTeacher, NumberTeacher
from skunlearn.neural_network._unlearner import (
    Unlearner,
    check_positive,
    make_optimizer,
    take_step,
)

_FEWEST = 10  # unseen rows without which there is no level to aim at


class CalibratedTeacher(Unlearner):
    """Teach a net to speak of the rows to forget as it speaks of rows that it has not seen.

    The default unlearner. Each forget row gets a target: how well an unseen row of its class (and
    of its rank among the rows) is fitted, from the rows held out at fit; and which other classes
    it is taken for, from the net and from a linear model beside it whose sums forget exactly. The
    net goes there along its curvature, kept at fit, so that no retained row is needed; where
    retained rows are given it is trained on them at the same time.

    Parameters
    ----------
    step : float, default=0.06
        Without retained rows: root mean square change of the outputs on training rows, a step;
        in nats, or in root mean square residuals of unseen rows for regression. It decays.
    max_steps : int, default=100
        Without retained rows.
    max_steps_retain : int, default=300
        With retained rows.
    lr : float, default=0.001
        Learning rate of Adam, with retained rows.
    batch_size : int, default=64
        Forget rows, and as many retained ones, in a step with retained rows.

    See Also
    --------
    Retrain : Exact, at the cost of a fit.
    GradientAscent : Zero-shot and blunt.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import CalibratedTeacher, NeuralNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=CalibratedTeacher(), random_state=0).fit(X / 16, y)
    >>> net.unlearn(X[:50] / 16, y[:50]).n_samples_retained_
    1747
    """

    requires_kept = (SideModel.name, Curvature.name, Reference.name)

    def __init__(self, step=0.06, max_steps=100, max_steps_retain=300, lr=0.001, batch_size=64):
        self.step = step
        self.max_steps = max_steps
        self.max_steps_retain = max_steps_retain
        self.lr = lr
        self.batch_size = batch_size

    def _check(self, task):
        super()._check(task)
        check_positive(
            step=self.step,
            max_steps=self.max_steps,
            max_steps_retain=self.max_steps_retain,
            lr=self.lr,
            batch_size=self.batch_size,
        )
        if len(task.calibration) < _FEWEST:
            raise UnlearningError(
                f"CalibratedTeacher aims at the level of rows that the net has not learned from, "
                f"and {len(task.calibration)} were held out at fit, expected {_FEWEST} or more: "
                "fit with a train_split such as HeldOut(0.1), or choose another unlearner."
            )
        if task.retain is None and not task.kept[Curvature.name].factors:
            raise UnlearningError(
                "CalibratedTeacher moves the weights of Linear and Conv2d layers, and this module "
                "has none: pass X_retain and y_retain, or choose another unlearner."
            )

    def _unlearn(self, task):
        teacher = (ClassTeacher if task.is_classifier else NumberTeacher)(task)
        if task.retain is None:
            self._along_curvature(task, teacher)
        else:
            self._with_retained(task, teacher)

    def _along_curvature(self, task, teacher):
        net, curvature = task.net, task.kept[Curvature.name]
        for i in range(self.max_steps):
            net.module.zero_grad()
            loss = teacher.loss(net.outputs(task.forget.X))
            loss.backward()
            task.record(loss=loss.detach())
            direction, slope = curvature.direction(net.module)
            if not slope > 0:
                break
            size = self.step * (1 - i / self.max_steps) * teacher.scale / slope**0.5
            with torch.no_grad():
                for parameter, change in direction.items():
                    parameter.sub_(change, alpha=size)
        net.module.zero_grad()

    def _with_retained(self, task, teacher):
        net, forget = task.net, task.forget
        optimizer = make_optimizer("adam", net.module.parameters(), self.lr)
        remaining = task.retain.forever(self.batch_size, task.generator)
        for _ in range(self.max_steps_retain):
            rows = torch.randperm(len(forget), generator=task.generator)[: self.batch_size]
            rows = rows.to(net.device)
            loss = teacher.loss(net.outputs(forget.X[rows]), rows)
            batch = next(remaining)
            take_step(optimizer, loss + net.loss(net.outputs(batch.X), batch.y))
            task.record(loss=loss.detach())
