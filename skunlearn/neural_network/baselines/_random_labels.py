"""Training on wrong labels."""

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._batches import wrong_labels
from skunlearn.neural_network._unlearner import (
    IterativeUnlearner,
    check_positive,
    make_optimizer,
    take_step,
)


class RandomLabels(IterativeUnlearner):
    """Learn wrong labels for the rows to forget: zero-shot, for comparison.

    Each row gets one of the other classes, each as likely, once and for all.

    Parameters
    ----------
    lr : float, default=1e-3
        Learning rate.
    n_epochs : int, default=10
        Passes over the forget rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
    optimizer : {"adam", "sgd"}, default="adam"
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget.

    See Also
    --------
    skunlearn.neural_network.baselines.BoundaryShrink : With labels of near rows instead.

    Notes
    -----
    Published as a baseline without settings of its own. A net that never saw a row is not
    confident of a class that has nothing to do with it: run to the end this leaves rows that are
    told from all others by how wrong they are. The other rows pay, since nothing holds them.

    References
    ----------
    .. [1] Golatkar, Achille, Soatto. "Eternal Sunshine of the Spotless Net". CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier
    >>> from skunlearn.neural_network.baselines import RandomLabels
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=RandomLabels(stopping=None), random_state=0)
    >>> net = net.fit(X / 16, y).unlearn(X[:50] / 16, y[:50])
    >>> len(net.unlearning_history_)
    10
    """

    kinds = ("classification",)

    def __init__(
        self, lr=1e-3, n_epochs=10, batch_size=64, optimizer="adam", stopping="calibrated"
    ):
        self.lr = lr
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.stopping = stopping

    def _check(self, task):
        super()._check(task)
        check_positive(lr=self.lr, n_epochs=self.n_epochs, batch_size=self.batch_size)
        check_several_classes(self, task)

    def _steps(self, task):
        net = task.net
        labels = wrong_labels(task.forget.y, net.n_outputs, task.generator)
        optimizer = make_optimizer(self.optimizer, net.module.parameters(), self.lr)
        yield from learn(task, labels, optimizer, self.n_epochs, self.batch_size)


def check_several_classes(unlearner, task):
    """Refuse a net of one class, which has no other to give to a row."""
    if task.net.n_outputs < 2:
        raise UnlearningError(
            f"{type(unlearner).__name__} gives rows another class, and this net knows one only."
        )


def learn(task, labels, optimizer, n_epochs, batch_size):
    """Train on the forget rows with other labels, a step at a time."""
    net = task.net
    rows = type(task.forget)(task.forget.X, labels)
    for _ in range(n_epochs):
        for batch in rows.batches(batch_size, task.generator):
            yield {"loss": take_step(optimizer, net.loss(net.outputs(batch.X), batch.y))}
