"""Training again: the standard by which the others are measured."""

import warnings

from skunlearn.neural_network._unlearner import Unlearner


class Retrain(Unlearner):
    """Train a new net on the rows that remain, with the settings of the old one.

    See Also
    --------
    FineTune : From the weights as they are.

    Notes
    -----
    With an integer `random_state` the weights equal those of ``clone(net).fit(X_retain, y_retain)``
    bit for bit, on the same machine, as long as every class has rows left (the net keeps its
    outputs for classes that have none, and an adopted or given module instance the weights it was
    made with). Rows are held out of training anew, by the net's `train_split`, and what is kept for
    later requests is made anew. `history_` is that of the new training.

    An interrupt leaves the net as it was: a half-trained one is never taken over.

    References
    ----------
    .. [1] Xu, Strohmer. "Machine Unlearning via Information Theoretic Regularization".
       arXiv:2502.05684.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier, Retrain
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=Retrain(), max_epochs=2, random_state=0)
    >>> net = net.fit(X / 16, y)
    >>> refit = clone(net).fit(X[50:] / 16, y[50:])
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> bool((net.predict_proba(X / 16) == refit.predict_proba(X / 16)).all())
    True
    """

    requires_retain = True
    guarantee_kind = "exact"
    starts_over = True
    conditional_on = (
        "that X_retain held all the rows that remain",
        "the settings of the net, if they were chosen with the forgotten rows",
    )
    detail = "Trained anew on the rows that remain, from weights that had never seen the others."

    def _unlearn(self, task):
        if (counts := task.calibration.counts) is not None and len(task.retain) < counts.sum():
            warnings.warn(
                f"Retrain got {len(task.retain)} of the {counts.sum()} rows that remain, and the "
                "net is trained on these alone: pass all of them as X_retain.",
                UserWarning,
                stacklevel=2,
            )
        task.start_over()
        for epoch in task.fresh.history_:
            task.record(loss=epoch["train_loss"])
