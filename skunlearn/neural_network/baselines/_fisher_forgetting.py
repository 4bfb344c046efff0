"""Noise on the weights that the rows that remain do not need."""

import torch

from skunlearn.neural_network._importances import row_sums
from skunlearn.neural_network._unlearner import Unlearner, check_positive
from skunlearn.neural_network._view import Rows

_FLOOR = 1e-8  # of the Fisher information, as published


class FisherForgetting(Unlearner):
    """Add noise to each weight, the more the less the rows that remain determine it.

    θ ← θ + N(0, α F^(-exponent)), where F is the diagonal Fisher information of the retained rows,
    its labels drawn from the net's own probabilities.

    Parameters
    ----------
    alpha : float, default=1e-4
        Scale of the variance of the noise.
    exponent : float, default=0.5
        0.5 as in the paper, 1 as in published code.
    max_variance : float, default=1e3
        Above which F^(-exponent) is cut.
    n_rows : int, default=1000
        Retained rows, drawn at random, on which F is measured.

    See Also
    --------
    NewtonStep : The other half of the paper: a step before the noise.

    Notes
    -----
    Published code: exponent 1, α between 1e-7 and 3e-6, F^(-1) cut at 1e3, variances averaged over
    the inputs of a unit, tenfold for biases, and, for a class, the weights of its output set to
    zero. The last is left out here: it hides a class, and forgets nothing.

    The noise is blind to what is to be forgotten: on digits α = 1e-4 took 8 points of accuracy from
    a class to forget and 6 from the others, 1e-6 nothing from either. There is no stopping rule.

    References
    ----------
    .. [1] Golatkar, Achille, Soatto. "Eternal Sunshine of the Spotless Net: Selective Forgetting in
       Deep Networks". CVPR 2020. arXiv:1911.04933.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier
    >>> from skunlearn.neural_network.baselines import FisherForgetting
    >>> X, y = load_digits(return_X_y=True)
    >>> unlearner = FisherForgetting(n_rows=100)
    >>> net = NeuralNetClassifier(unlearner=unlearner, random_state=0).fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> net.unlearning_history_[0]["noise"] > 0
    True
    """

    requires_retain = True
    kinds = ("classification",)

    def __init__(self, alpha=1e-4, exponent=0.5, max_variance=1e3, n_rows=1000):
        self.alpha = alpha
        self.exponent = exponent
        self.max_variance = max_variance
        self.n_rows = n_rows

    def _unlearn(self, task):
        check_positive(**self.get_params())
        index = torch.randperm(len(task.retain), generator=task.generator)[: self.n_rows]
        some = task.retain.take(index.to(task.retain.X.device))
        fisher = _fisher(task.net, some)
        squared = 0.0
        with torch.no_grad():
            for name, weight in task.net.module.named_parameters():
                if name not in fisher:
                    continue
                flat = (fisher[name] + _FLOOR).pow(-self.exponent).clamp(max=self.max_variance)
                noise = torch.randn(weight.shape, generator=task.generator).to(weight)
                noise *= (self.alpha * flat).sqrt().to(weight)
                weight.add_(noise)
                squared += float(noise.square().sum())
        task.record(noise=squared**0.5, forget_accuracy=task.forget_accuracy())


def _fisher(net, rows):
    """Mean over rows and over labels as the net draws them of squared derivatives of log p."""
    total = {}
    for code in range(net.n_outputs):

        def of_row(outputs, _, code=code):
            log_p = torch.log_softmax(outputs, dim=1)[:, code]
            return log_p * (log_p.detach() / 2).exp()  # squared, its derivative has weight p

        unlabelled = Rows(rows.X, torch.zeros(len(rows), device=rows.X.device))
        for name, value in row_sums(net, unlabelled, of_row, 2).items():
            total[name] = total.get(name, 0) + value / len(rows)
    return total
