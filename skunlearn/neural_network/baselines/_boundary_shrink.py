"""Relabelling to the nearest other class."""

import torch
from torch.nn import functional as F

from skunlearn.neural_network._unlearner import IterativeUnlearner, check_positive
from skunlearn.neural_network.baselines._random_labels import check_several_classes, learn


class BoundaryShrink(IterativeUnlearner):
    """Give each row to forget to the class across the nearest boundary: zero-shot, for comparison.

    The net as fitted is asked about the row moved by one gradient-sign step, up the loss of its
    label; the class it finds there most likely, the label left out, is what the row is taught.

    Parameters
    ----------
    bound : float, default=0.1
        Length of the step in each coordinate, in units of the inputs.
    lr : float, default=1e-5
        Learning rate of gradient descent.
    momentum : float, default=0.9
    n_epochs : int, default=10
        Passes over the forget rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget, as published.

    See Also
    --------
    skunlearn.neural_network.baselines.RandomLabels : With any other class.

    Notes
    -----
    The defaults are the published settings: all 5000 rows of a class of CIFAR-10, pixels in [0, 1].
    A small net, or a few rows, wants a learning rate larger by a hundred or a thousand.

    The published code takes whatever class it finds, the row's own where the step does not cross
    the boundary, and so teaches these rows what they know already; here they get the runner-up. It
    also trains in training mode; here dropout and batch norm stay as they are in prediction. Moved
    rows are kept within the range of the forget rows.

    Made to forget a class. For rows among others of their class it pulls the boundary across these
    others as well.

    References
    ----------
    .. [1] Chen, Gao, Liu, Peng, Wang. "Boundary Unlearning: Rapid Forgetting of Deep Networks via
       Shifting the Decision Boundary". CVPR 2023. arXiv:2303.11570.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier
    >>> from skunlearn.neural_network.baselines import BoundaryShrink
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=BoundaryShrink(lr=0.01), random_state=0).fit(X / 16, y)
    >>> three = y == 3
    >>> net = net.unlearn(X[three] / 16, y[three])
    >>> net.unlearning_history_[-1]["forget_accuracy"]
    0.0
    """

    kinds = ("classification",)

    def __init__(
        self,
        bound=0.1,
        lr=1e-5,
        momentum=0.9,
        n_epochs=10,
        batch_size=64,
        stopping="calibrated",
    ):
        self.bound = bound
        self.lr = lr
        self.momentum = momentum
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.stopping = stopping

    def _check(self, task):
        super()._check(task)
        check_positive(
            bound=self.bound, lr=self.lr, n_epochs=self.n_epochs, batch_size=self.batch_size
        )
        if not 0 <= self.momentum < 1:
            raise ValueError(f"Got momentum={self.momentum!r}, expected a float in [0, 1).")
        check_several_classes(self, task)

    def _steps(self, task):
        labels = nearest_other_class(task.original, task.forget, self.bound)
        learned = [p for p in task.net.module.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(learned, lr=self.lr, momentum=self.momentum)
        yield from learn(task, labels, optimizer, self.n_epochs, self.batch_size)


def nearest_other_class(net, rows, bound):
    """Most likely class, but for its own, of each row moved up its loss by a sign step.

    Parameters
    ----------
    net : NetView
    rows : Rows
    bound : float

    Returns
    -------
    Tensor of shape (n,), int64
    """
    low, high = rows.X.aminmax()
    found = []
    for batch in rows.batches(net.batch_size):
        X = batch.X.clone().requires_grad_()
        F.cross_entropy(net.outputs(X), batch.y, reduction="sum").backward()
        with torch.no_grad():
            logits = net.outputs((batch.X + bound * X.grad.sign()).clamp(low, high))
        found.append(logits.scatter(1, batch.y[:, None], -torch.inf).argmax(dim=1))
    return torch.cat(found)
