"""Fine-tuning on the rows that remain."""

from skunlearn.neural_network._unlearner import (
    IterativeUnlearner,
    check_positive,
    make_optimizer,
    take_step,
)


class FineTune(IterativeUnlearner):
    """Go on training on the rows that remain, and let the others fade: a baseline.

    Parameters
    ----------
    lr : float, default=None
        Learning rate; None: that of the net.
    n_epochs : int, default=5
        Passes over the retained rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
    optimizer : {"adam", "sgd"}, default="adam"
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget.

    See Also
    --------
    Retrain : The same from fresh weights.

    Notes
    -----
    Rows whose neighbours remain hardly fade, since nothing asks them to.

    References
    ----------
    .. [1] Golatkar, Achille, Soatto. "Eternal Sunshine of the Spotless Net". CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import FineTune, NeuralNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=FineTune(n_epochs=1, stopping=None), random_state=0)
    >>> net = net.fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> len(net.unlearning_history_)
    28
    """

    requires_retain = True

    def __init__(self, lr=None, n_epochs=5, batch_size=64, optimizer="adam", stopping="calibrated"):
        self.lr = lr
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.stopping = stopping

    def _steps(self, task):
        lr = task.lr if self.lr is None else self.lr
        check_positive(lr=lr, n_epochs=self.n_epochs, batch_size=self.batch_size)
        net = task.net
        optimizer = make_optimizer(self.optimizer, net.module.parameters(), lr)
        for _ in range(self.n_epochs):
            for batch in task.retain.batches(self.batch_size, task.generator):
                loss = net.loss(net.outputs(batch.X), batch.y)
                yield {"loss": take_step(optimizer, loss)}
