"""The last layer solved for without the forgotten rows, on features that stay as they are."""

import torch

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._head import fit_head, last_layer, solve_head
from skunlearn.neural_network._unlearner import Unlearner, check_positive

_SOURCES = ("kept", "retain")


class LastLayerExact(Unlearner):
    """Replace the last layer by a ridge head fitted exactly without the rows; zero-shot.

    The moments of what goes into the last layer are kept at fit, and the forgotten rows are taken
    out of them exactly. The layers below stay as they are.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty of the ridge, as in `skunlearn.linear_model.Ridge`.
    source : {"kept", "retain"}, default="kept"
        "kept": from the moments kept at fit, no retained row is needed. "retain": from the retained
        rows that are passed, for nets that kept nothing.

    See Also
    --------
    Retrain : Exact for all layers.
    NewtonStep : An approximate step of all layers.

    Notes
    -----
    Exact for the last layer, and only for it: weights and bias equal those of the same head fitted
    to the remaining rows' features, in any order and split of requests, up to their rounding to the
    net's precision. The features themselves were learned with the forgotten rows and still know
    them, so the guarantee is "approximate" and names them among the residues.

    Features are computed in double precision and rounded to single, so that a row has the same ones
    at fit and when it is forgotten; one value in about 1e7 may round the other way, by 6e-8 of its
    size. The grid of values (`resolution_` of the head) was chosen at fit.

    The first request exchanges the head that was trained with the net for a ridge head, so all
    predictions change a little, whichever rows are forgotten. Scores are multiplied by
    1 / (1 - R²), of the remaining rows, to serve as logits: for two classes of Gaussian features
    that is what makes them log-odds. Another unlearner that changes the layers below makes what was
    kept void, and this one refuses then.

    References
    ----------
    .. [1] Baumhauer, Schöttle, Zeppelzauer. "Machine unlearning: linear filtration for logit-based
       classifiers". Machine Learning 111, 2022. arXiv:2002.02730.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import LastLayerExact, NeuralNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=LastLayerExact(), random_state=0).fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50])
    >>> net.score(X[50:] / 16, y[50:]) > 0.9
    True
    """

    detail = (
        "Exact for the last layer on features that stay as they are: it equals a ridge head fitted "
        "to the rows that remain, to the rounding of the weights. The features were learned with "
        "the forgotten rows: audit it (skunlearn.audit.audit_unlearning)."
    )
    residues = ("all layers but the last (learned with the forgotten rows, left as they were)",)

    def __init__(self, alpha=1.0, source="kept"):
        self.alpha = alpha
        self.source = source

    @property
    def requires_kept(self):
        """The head, unless retained rows are to be used."""
        return ("head",) if self.source == "kept" else ()

    @property
    def requires_retain(self):
        """Whether retained rows are to be used."""
        return self.source == "retain"

    def _check(self, task):
        super()._check(task)
        check_positive(alpha=self.alpha)
        if self.source not in _SOURCES:
            raise ValueError(f"Got source={self.source!r}, expected one of {_SOURCES}.")

    def _unlearn(self, task):
        net = task.net
        if self.source == "retain":
            name = last_layer(net, task.retain.X)
            try:
                model = fit_head(net, task.retain, name)
            except ValueError as error:
                raise UnlearningError(f"{error} (of the rows that remain)") from error
        else:
            kept = task.kept["head"]
            if kept.model is None:
                raise UnlearningError(
                    f"There is no head to take the rows from: {kept.why_not}. Pass X_retain and "
                    'y_retain with LastLayerExact(source="retain"), or choose another unlearner; '
                    "nothing was changed."
                )
            name, model = kept.name, kept.model
        weight, bias, scale = solve_head(model, self.alpha, net.n_outputs)
        layer = net.module.get_submodule(name)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(weight))
            if layer.bias is not None:
                layer.bias.copy_(torch.as_tensor(bias))
        task.record(scale=scale, n_rows=model.n_samples_retained_)
