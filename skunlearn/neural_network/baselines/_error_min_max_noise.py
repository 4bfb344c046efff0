"""Forgetting a class with noise instead of data."""

import torch

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._unlearner import IterativeUnlearner, check_positive, take_step
from skunlearn.neural_network._view import Rows
from skunlearn.neural_network.baselines._noise import classes_to_forget, learn_noise


class ErrorMinMaxNoise(IterativeUnlearner):
    """Forget whole classes with noise in place of data (EMMN): zero-shot, for comparison.

    Noise is shaped until the net is as wrong as can be about it, for each class to forget, and as
    right as can be, for each class that remains. The net learns all of it with these labels
    (impair), then the noise of the remaining classes alone (repair).

    Parameters
    ----------
    n_noise : int, default=256
        Noise inputs of each class.
    noise_steps : int, default=40
        Steps of Adam on the noise.
    noise_lr : float, default=0.1
        Their learning rate.
    noise_penalty : float, default=0.1
        Times the mean squared norm of an input.
    impair_lr : float, default=0.02
        Learning rate of Adam while both kinds of noise are learned.
    impair_epochs : int, default=20
        Passes over it.
    repair_lr : float, default=0.01
        Learning rate of Adam on the noise of the remaining classes.
    repair_epochs : int, default=1
        Passes over it.
    batch_size : int, default=256
    stopping : {"calibrated", None}, default=None
        "calibrated": end when the classes are predicted no more; the repair is left out then.

    See Also
    --------
    skunlearn.neural_network.baselines.UNSIR : With rows that remain in place of the second noise.
    skunlearn.neural_network.baselines.GatedKnowledgeTransfer : Of the same authors, with a
        generator.

    Notes
    -----
    The authors published no code for it; the defaults are those of their code for UNSIR, which
    learns one set of noise twenty times, and of which this is the form without data. Of the request
    only its classes and the shape of its rows are read, and nothing but whole classes can be
    forgotten.

    Nothing says that noise which is taken for anything but a class, once it is learned as that
    class, takes the class from the data. On the digits (benchmarks/neural/whole_class_digits.py) it
    depends on net and class, and at a tenth of the learning rate the class stays, or spreads over
    the others.

    References
    ----------
    .. [1] Chundawat, Tarun, Mandal, Kankanhalli. "Zero-Shot Machine Unlearning". IEEE TIFS, 2023.
       arXiv:2201.05629.
    .. [2] Tarun, Chundawat, Mandal, Kankanhalli. "Fast Yet Effective Machine Unlearning". TNNLS,
       2023. arXiv:2111.08947.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier
    >>> from skunlearn.neural_network.baselines import ErrorMinMaxNoise
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=ErrorMinMaxNoise(), random_state=0).fit(X / 16, y)
    >>> three = y == 3
    >>> net = net.unlearn(X[three] / 16, y[three])
    >>> net.score(X[three] / 16, y[three]) < 0.1
    True
    """

    kinds = ("classification",)

    def __init__(
        self,
        n_noise=256,
        noise_steps=40,
        noise_lr=0.1,
        noise_penalty=0.1,
        impair_lr=0.02,
        impair_epochs=20,
        repair_lr=0.01,
        repair_epochs=1,
        batch_size=256,
        stopping=None,
    ):
        self.n_noise = n_noise
        self.noise_steps = noise_steps
        self.noise_lr = noise_lr
        self.noise_penalty = noise_penalty
        self.impair_lr = impair_lr
        self.impair_epochs = impair_epochs
        self.repair_lr = repair_lr
        self.repair_epochs = repair_epochs
        self.batch_size = batch_size
        self.stopping = stopping

    def _check(self, task):
        super()._check(task)
        check_positive(**{k: v for k, v in self.get_params().items() if k != "stopping"})
        if not task.forget.X.is_floating_point():
            raise UnlearningError(
                "ErrorMinMaxNoise shapes inputs by gradients, and these are "
                f"{task.forget.X.dtype}: it needs floating point inputs."
            )
        classes_to_forget(self, task)

    def _steps(self, task):
        gone, kept = classes_to_forget(self, task)
        gone, kept = self._noise(task, gone, True), self._noise(task, kept, False)
        both = Rows(torch.cat([gone.X, kept.X]), torch.cat([gone.y, kept.y]))
        yield from self._learn(task, both, self.impair_lr, self.impair_epochs)
        yield from self._learn(task, kept, self.repair_lr, self.repair_epochs)

    def _noise(self, task, classes, climb):
        codes = torch.as_tensor(classes, device=task.net.device).repeat_interleave(self.n_noise)
        return learn_noise(
            task.original,
            codes,
            task.forget.X.shape[1:],
            climb=climb,
            n_steps=self.noise_steps,
            lr=self.noise_lr,
            penalty=self.noise_penalty,
            generator=task.generator,
        )

    def _learn(self, task, rows, lr, n_epochs):
        net = task.net
        optimizer = torch.optim.Adam([p for p in net.module.parameters() if p.requires_grad], lr)
        for _ in range(n_epochs):
            for batch in rows.batches(self.batch_size, task.generator):
                yield {"loss": take_step(optimizer, net.loss(net.outputs(batch.X), batch.y))}
