"""Gradient ascent on the rows to forget."""

from skunlearn.neural_network._unlearner import (
    IterativeUnlearner,
    check_positive,
    make_optimizer,
    take_step,
)


class GradientAscent(IterativeUnlearner):
    """Climb the loss of the rows to forget: zero-shot, blunt, the simplest baseline.

    Parameters
    ----------
    lr : float, default=1e-4
        Learning rate.
    n_epochs : int, default=20
        Passes over the forget rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
    optimizer : {"adam", "sgd"}, default="sgd"
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget.

    See Also
    --------
    NegGradPlus : The same while learning on the rows that remain.

    Notes
    -----
    The loss of a classifier has no upper bound: without a stopping rule the net is soon ruined.
    With it the forget rows are predicted as unseen rows are, and other rows pay for it: where
    wrong labels of digits leave a net (``examples/plot_forgetting_net.py``), test accuracy falls
    from .94 to .73, and a third of the labels is still known.
    The learning rate is a careful one: a small net, or a few rows, spends its budget before it gets
    there, and wants one larger by ten or a hundred.

    For regression the squared error is climbed, at a speed that grows with the residual.

    References
    ----------
    .. [1] Golatkar, Achille, Soatto. "Eternal Sunshine of the Spotless Net". CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import GradientAscent, NeuralNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=GradientAscent(stopping=None), random_state=0)
    >>> net = net.fit(X / 16, y).unlearn(X[:50] / 16, y[:50])
    >>> len(net.unlearning_history_)
    20
    """

    def __init__(self, lr=1e-4, n_epochs=20, batch_size=64, optimizer="sgd", stopping="calibrated"):
        self.lr = lr
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.stopping = stopping

    def _steps(self, task):
        check_positive(lr=self.lr, n_epochs=self.n_epochs, batch_size=self.batch_size)
        net = task.net
        optimizer = make_optimizer(self.optimizer, net.module.parameters(), self.lr)
        for _ in range(self.n_epochs):
            for batch in task.forget.batches(self.batch_size, task.generator):
                loss = net.loss(net.outputs(batch.X), batch.y)
                take_step(optimizer, -loss)
                yield {"loss": loss.detach()}
