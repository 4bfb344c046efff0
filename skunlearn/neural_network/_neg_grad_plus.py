"""Gradient ascent on the rows to forget, descent on those that remain."""

from skunlearn.neural_network._batches import beside
from skunlearn.neural_network._unlearner import (
    IterativeUnlearner,
    check_positive,
    make_optimizer,
    take_step,
)


class NegGradPlus(IterativeUnlearner):
    """Climb the loss of the rows to forget while descending that of the rows that remain.

    Each step goes down α · loss(retained batch) - (1 - α) · loss(forget batch).

    Parameters
    ----------
    alpha : float, default=0.95
        Weight of the retained rows, between 0 and 1.
    lr : float, default=1e-3
        Learning rate.
    n_epochs : int, default=5
        Passes over the retained rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
        Rows of either kind in a step.
    optimizer : {"adam", "sgd"}, default="adam"
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget.

    See Also
    --------
    GradientAscent : The ascent alone.
    SCRUB : Ascent on a bounded distance, in turns.

    Notes
    -----
    Published: α between .95 (a few rows of a small net) and .9999 (classes), SGD with learning rate
    .01, five epochs. The two losses do not balance: that of the forget rows has no upper bound, so
    without a stopping rule a small α ruins the net and a large one forgets nothing.

    For regression the loss of the forget rows is a squared error, which grows without bound too.

    References
    ----------
    .. [1] Kurmanji, Triantafillou, Hayes, Triantafillou. "Towards Unbounded Machine Unlearning".
       NeurIPS 2023. arXiv:2302.09880.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NegGradPlus, NeuralNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> unlearner = NegGradPlus(n_epochs=1, stopping=None)
    >>> net = NeuralNetClassifier(unlearner=unlearner, random_state=0).fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> sorted(net.unlearning_history_[0])
    ['forget_loss', 'loss', 'retain_loss', 'seconds', 'step']
    """

    requires_retain = True

    def __init__(
        self,
        alpha=0.95,
        lr=1e-3,
        n_epochs=5,
        batch_size=64,
        optimizer="adam",
        stopping="calibrated",
    ):
        self.alpha = alpha
        self.lr = lr
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.stopping = stopping

    def _steps(self, task):
        check_positive(lr=self.lr, n_epochs=self.n_epochs, batch_size=self.batch_size)
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"Got alpha={self.alpha!r}, expected a float in [0, 1].")
        net = task.net
        optimizer = make_optimizer(self.optimizer, net.module.parameters(), self.lr)
        for _ in range(self.n_epochs):
            pairs = beside(task.retain, task.forget, self.batch_size, task.generator)
            for retained, forget in pairs:
                kept = net.loss(net.outputs(retained.X), retained.y)
                gone = net.loss(net.outputs(forget.X), forget.y)
                loss = take_step(optimizer, self.alpha * kept - (1 - self.alpha) * gone)
                yield {"loss": loss, "retain_loss": kept.detach(), "forget_loss": gone.detach()}
