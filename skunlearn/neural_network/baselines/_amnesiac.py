"""Training on with wrong labels for the rows to forget."""

import torch

from skunlearn.neural_network._batches import wrong_labels
from skunlearn.neural_network._unlearner import (
    IterativeUnlearner,
    check_positive,
    make_optimizer,
    take_step,
)
from skunlearn.neural_network._view import Rows


class Amnesiac(IterativeUnlearner):
    """Train on with random wrong labels for the rows to forget, true ones for the others.

    Parameters
    ----------
    lr : float, default=1e-3
        Learning rate.
    n_epochs : int, default=5
        Passes over both kinds of rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
    optimizer : {"adam", "sgd"}, default="adam"
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget.

    See Also
    --------
    SalUn : The same on the weights that matter to the forget rows.

    Notes
    -----
    Published: three epochs, Adam at 1e-4, batches of 128. A wrong label is drawn once for each row,
    each of the other classes as likely. (The paper's other method, which subtracts the updates of
    the batches that held the rows, needs all updates to have been stored, and is not this one.)

    Run to its end the net learns the wrong labels by heart: the forget rows are then predicted
    worse than a net that never saw them would, and stand out.

    References
    ----------
    .. [1] Graves, Nagisetty, Ganesh. "Amnesiac Machine Learning". AAAI 2021. arXiv:2010.10981.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier
    >>> from skunlearn.neural_network.baselines import Amnesiac
    >>> X, y = load_digits(return_X_y=True)
    >>> unlearner = Amnesiac(n_epochs=1, stopping=None)
    >>> net = NeuralNetClassifier(unlearner=unlearner, random_state=0).fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> len(net.unlearning_history_)
    29
    """

    requires_retain = True
    kinds = ("classification",)

    def __init__(self, lr=1e-3, n_epochs=5, batch_size=64, optimizer="adam", stopping="calibrated"):
        self.lr = lr
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.stopping = stopping

    def _steps(self, task):
        check_positive(lr=self.lr, n_epochs=self.n_epochs, batch_size=self.batch_size)
        net, rows = task.net, relabelled(task)
        optimizer = make_optimizer(self.optimizer, net.module.parameters(), self.lr)
        for _ in range(self.n_epochs):
            for batch in rows.batches(self.batch_size, task.generator):
                loss = net.loss(net.outputs(batch.X), batch.y)
                yield {"loss": take_step(optimizer, loss)}


def relabelled(task):
    """Return retained rows as they are and rows to forget with random wrong labels, as one."""
    wrong = wrong_labels(task.forget.y, task.net.n_outputs, task.generator)
    return Rows(torch.cat([task.retain.X, task.forget.X]), torch.cat([task.retain.y, wrong]))
