"""Selective synaptic dampening without labels."""

from skunlearn.neural_network._dampening import Dampening
from skunlearn.neural_network._importances import OutputImportances


class LabelFreeSSD(Dampening):
    """LF-SSD: dampening by importances to the length of the output, without labels; zero-shot.

    As `SelectiveSynapticDampening`, with the mean absolute derivative of ‖f(x)‖² in place of the
    mean squared derivative of the loss.

    Parameters
    ----------
    alpha : float, default=None
        How many times as important a weight must be to be shrunk. None: a quarter of n / m for m
        of n rows, but at least 1.
    lambda_ : float, default=1.0
        How mildly it is shrunk.

    See Also
    --------
    skunlearn.neural_network.SelectiveSynapticDampening : The same from the loss.

    Notes
    -----
    Published with α and λ as for SSD. The same limits hold: nothing happens to rows that are like
    the others, no weight can matter more than n / m times as much to m of n rows, and α and λ are
    the dose. ‖f(x)‖² of logits depends on what is added to all of them, which no prediction shows.

    References
    ----------
    .. [1] Foster, Schoepf, Brintrup. "Loss-Free Machine Unlearning". ICLR 2024 Tiny Papers.
       arXiv:2402.19308.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier
    >>> from skunlearn.neural_network.baselines import LabelFreeSSD
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=LabelFreeSSD(), random_state=0).fit(X / 16, y)
    >>> before = net.score(X[y == 3] / 16, y[y == 3])
    >>> net.unlearn(X[y == 3] / 16, y[y == 3]).score(X[y == 3] / 16, y[y == 3]) < before
    True
    """

    requires_labels = False
    requires_kept = ("output_importances",)
    piece = OutputImportances

    def __init__(self, alpha=None, lambda_=1.0):
        self.alpha = alpha
        self.lambda_ = lambda_
