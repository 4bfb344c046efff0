"""Wrong labels, learned by the weights that matter to the rows to forget."""

import torch

from skunlearn.neural_network._unlearner import (
    IterativeUnlearner,
    check_positive,
    make_optimizer,
)
from skunlearn.neural_network.baselines._amnesiac import relabelled


class SalUn(IterativeUnlearner):
    """Train on with random wrong labels for the rows to forget, changing only salient weights.

    Salient are the weights with the largest absolute derivative of the loss on the rows to forget,
    at the net as it was.

    Parameters
    ----------
    share : float, default=0.5
        Share of all weights that may change.
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
    Amnesiac : The same with all weights.

    Notes
    -----
    Published: half of the weights, ten epochs of SGD with momentum .9, learning rate about .01,
    batches of 256. Published code masks the gradients but lets weight decay go on moving the other
    weights; here they stay bit for bit what they were. A wrong label is drawn once for each row.

    At a net that fits every row the derivatives are tiny, and which weights are salient is decided
    by the rows that are fitted worst.

    References
    ----------
    .. [1] Fan, Liu, Zhang, Wong, Wei, Liu. "SalUn: Empowering Machine Unlearning via Gradient-based
       Weight Saliency in Both Image Classification and Generation". ICLR 2024. arXiv:2310.12508.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier
    >>> from skunlearn.neural_network.baselines import SalUn
    >>> X, y = load_digits(return_X_y=True)
    >>> unlearner = SalUn(n_epochs=1, stopping=None)
    >>> net = NeuralNetClassifier(unlearner=unlearner, random_state=0).fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> len(net.unlearning_history_)
    29
    """

    requires_retain = True
    kinds = ("classification",)

    def __init__(
        self,
        share=0.5,
        lr=1e-3,
        n_epochs=5,
        batch_size=64,
        optimizer="adam",
        stopping="calibrated",
    ):
        self.share = share
        self.lr = lr
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.stopping = stopping

    def _steps(self, task):
        check_positive(lr=self.lr, n_epochs=self.n_epochs, batch_size=self.batch_size)
        if not 0 < self.share <= 1:
            raise ValueError(f"Got share={self.share!r}, expected a float in (0, 1].")
        net, rows, masks = task.net, relabelled(task), self._masks(task)
        optimizer = make_optimizer(self.optimizer, net.module.parameters(), self.lr)
        for _ in range(self.n_epochs):
            for batch in rows.batches(self.batch_size, task.generator):
                loss = net.loss(net.outputs(batch.X), batch.y)
                optimizer.zero_grad()
                loss.backward()
                for weight, mask in masks:
                    if weight.grad is not None:  # a weight that was never stepped stays the same
                        weight.grad.mul_(mask)
                optimizer.step()
                yield {"loss": loss.detach()}

    def _masks(self, task):
        """Pairs of a parameter and the weights in it that may change."""
        net = task.net
        weights = [p for p in net.module.parameters() if p.requires_grad]
        net.module.zero_grad()
        for batch in task.forget.batches(net.batch_size):
            loss = net.losses(net.outputs(batch.X), batch.y).sum() / len(task.forget)
            loss.backward()
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad.abs() for p in weights]
        everything = torch.cat([slope.flatten() for slope in slopes])
        n_salient = max(1, round(self.share * len(everything)))
        threshold = everything.kthvalue(len(everything) - n_salient + 1).values
        net.module.zero_grad()
        return [(p, slope >= threshold) for p, slope in zip(weights, slopes, strict=True)]
