"""Two teachers: an ignorant one for the rows to forget, the net as it was for the others."""

import torch
from torch.nn import functional as F

from skunlearn.neural_network._batches import beside, divergence
from skunlearn.neural_network._unlearner import (
    IterativeUnlearner,
    check_positive,
    make_optimizer,
    take_step,
)
from skunlearn.neural_network._view import freeze


class BadTeacher(IterativeUnlearner):
    """Imitate a net with random weights on the rows to forget, the net as it was on the others.

    Parameters
    ----------
    retain_fraction : float, default=0.3
        Share of the retained rows that is used, drawn anew for each request.
    temperature : float, default=1.0
        Of the teachers' and the student's probabilities.
    lr : float, default=5e-4
        Learning rate.
    n_epochs : int, default=10
        Passes over these retained rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
        Rows of either kind in a step.
    optimizer : {"adam", "sgd"}, default="adam"
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget.

    See Also
    --------
    CalibratedTeacher : A teacher that knows how unseen rows are predicted.

    Notes
    -----
    Published: 30 % of the retained rows, Adam at 1e-4, one epoch, batches of 256 with both kinds of
    rows as they come, T = 1. Here each step sees both kinds, weighted by how many there are of
    each: in a mixed batch there may be none of a few forget rows.

    A net that never saw the rows does not guess at random on them: run to its end this over-forgets
    and makes them stand out as rows of unusual uncertainty. The stopping rule ends it where they
    are predicted as unseen rows are; their confidence may still be too low.

    For regression the distance to a teacher is the mean squared difference of the outputs. The
    random net predicts about the same for every row, so the forget rows are drawn to a constant.

    References
    ----------
    .. [1] Chundawat, Tarun, Mandal, Kankanhalli. "Can Bad Teaching Induce Forgetting? Unlearning in
       Deep Networks Using an Incompetent Teacher". AAAI 2023. arXiv:2205.08096.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import BadTeacher, NeuralNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> unlearner = BadTeacher(n_epochs=1, stopping=None)
    >>> net = NeuralNetClassifier(unlearner=unlearner, random_state=0).fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> len(net.unlearning_history_)
    9
    """

    requires_retain = True

    def __init__(
        self,
        retain_fraction=0.3,
        temperature=1.0,
        lr=5e-4,
        n_epochs=10,
        batch_size=64,
        optimizer="adam",
        stopping="calibrated",
    ):
        self.retain_fraction = retain_fraction
        self.temperature = temperature
        self.lr = lr
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.stopping = stopping

    def _steps(self, task):
        check_positive(
            lr=self.lr,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            temperature=self.temperature,
        )
        if not 0 < self.retain_fraction <= 1:
            raise ValueError(
                f"Got retain_fraction={self.retain_fraction!r}, expected a float in (0, 1]."
            )
        net, good = task.net, task.original
        bad = task.net.with_module(freeze(task.new_module()))
        some = self._some(task)
        share = len(task.forget) / (len(task.forget) + len(some))
        optimizer = make_optimizer(self.optimizer, net.module.parameters(), self.lr)
        for _ in range(self.n_epochs):
            for retained, forget in beside(some, task.forget, self.batch_size, task.generator):
                kept = self._distance(good, net, retained)
                gone = self._distance(bad, net, forget)
                loss = take_step(optimizer, share * gone + (1 - share) * kept)
                yield {"loss": loss, "retain_loss": kept.detach(), "forget_loss": gone.detach()}

    def _some(self, task):
        """Draw a share of the retained rows."""
        n = max(1, round(self.retain_fraction * len(task.retain)))
        index = torch.randperm(len(task.retain), generator=task.generator)[:n]
        return task.retain.take(index.to(task.retain.X.device))

    def _distance(self, teacher, net, rows):
        with torch.no_grad():
            aim = teacher.outputs(rows.X)
        if net.is_classifier:
            return divergence(aim, net.outputs(rows.X), self.temperature)
        return F.mse_loss(net.outputs(rows.X), aim)
