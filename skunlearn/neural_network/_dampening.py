"""Selective synaptic dampening: weights that matter to the forget rows only are shrunk."""

import warnings

import torch

from skunlearn.neural_network._importances import Importances
from skunlearn.neural_network._unlearner import Unlearner, check_positive


class Dampening(Unlearner):
    """Shrink the weights that matter more to some rows than to all: the step of SSD and its kin.

    Subclasses have parameters `alpha` and `lambda_`, and `piece`, the importances that are kept.
    """

    kinds = ("classification",)
    piece = None

    def _unlearn(self, task):
        given = {} if self.alpha is None else {"alpha": self.alpha}
        check_positive(**given, lambda_=self.lambda_)
        (name,) = self.requires_kept
        kept, n_forget = task.kept[name], len(task.forget)
        gone = self.piece.of_rows(task.net, task.forget)
        n_all = kept.n_rows + n_forget
        alpha = max(1.0, n_all / (4 * n_forget)) if self.alpha is None else self.alpha
        n_selected = n_weights = 0
        with torch.no_grad():
            for key, weight in task.net.module.named_parameters():
                if key not in gone:
                    continue
                of_forget = gone[key] / n_forget
                of_all = (kept.sums[key].to(of_forget) + gone[key]) / n_all
                selected = of_forget > alpha * of_all
                factor = (self.lambda_ * of_all / of_forget).clamp(max=1)
                weight.mul_(torch.where(selected, factor, 1.0).to(weight))
                n_selected += int(selected.sum())
                n_weights += selected.numel()
        if not n_selected:
            warnings.warn(
                f"{type(self).__name__} found no weight that matters {alpha:.3g} times as much to "
                f"the {n_forget} rows to forget as to all {n_all} (none can {n_all / n_forget:.3g} "
                "times), so nothing was changed: lower alpha, or choose another unlearner for rows "
                "that are like the others.",
                UserWarning,
                stacklevel=2,
            )
        stats = {"alpha": alpha, "selected": n_selected / max(n_weights, 1)}
        if task.forget.y is not None:
            stats["forget_accuracy"] = task.forget_accuracy()
        task.record(**stats)


class SelectiveSynapticDampening(Dampening):
    """SSD: shrink the weights that matter more to the forget rows than to all; zero-shot.

    A weight θ whose importance I_f to the forget rows is above α times its importance I_D to all
    rows becomes θ · min(λ I_D / I_f, 1). The importances of all rows were kept at fit, so that no
    retained row is needed, and nothing is trained.

    Parameters
    ----------
    alpha : float, default=None
        How many times as important a weight must be to be shrunk. None: a quarter of n / m for m
        of n rows, but at least 1.
    lambda_ : float, default=1.0
        How mildly it is shrunk.

    See Also
    --------
    skunlearn.neural_network.baselines.LabelFreeSSD : The same without labels.

    Notes
    -----
    Published: λ = 1 and α = 10 for a class of 20 or 100 (ResNet-18), both searched for each data
    set and kind of request. No weight can matter more than n / m times as much to m of n rows: with
    ten classes α = 10 selects nothing at all. And α = 2, which hides one of ten classes of digits,
    took 16 points of test accuracy for a random twentieth of 3000 digits of MNIST. Hence the
    default, a rule of thumb of ours.

    The importance is the mean over rows of squared derivatives of the row's loss; published code
    squares the gradient of a whole batch instead, which depends on the batch size. Comparisons that
    leave α = λ = 1 shrink a fifth of all weights (digits): that is no result of SSD.

    Known limits: of forget rows that are like the others no weight matters much more to them, and
    nothing happens (which is warned of). Nothing trains the net afterwards, so that other rows pay
    for a small α. There is no stopping rule: α and λ are the dose.

    A request costs two passes over the forget rows with per-row gradients: one for SSD, one to take
    them out of what is kept for later requests. That is exact at the first request; at later ones
    the weights are others than those at which the importances were taken.

    References
    ----------
    .. [1] Foster, Schoepf, Brintrup. "Fast Machine Unlearning without Retraining through Selective
       Synaptic Dampening". AAAI 2024. arXiv:2308.07707.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier, SelectiveSynapticDampening
    >>> X, y = load_digits(return_X_y=True)
    >>> unlearner = SelectiveSynapticDampening()
    >>> net = NeuralNetClassifier(unlearner=unlearner, random_state=0).fit(X / 16, y)
    >>> before = net.score(X[y == 3] / 16, y[y == 3])
    >>> net = net.unlearn(X[y == 3] / 16, y[y == 3])
    >>> net.score(X[y == 3] / 16, y[y == 3]) < before
    True
    """

    requires_kept = ("importances",)
    piece = Importances

    def __init__(self, alpha=None, lambda_=1.0):
        self.alpha = alpha
        self.lambda_ = lambda_
