"""What an unlearner is: a strategy with parameters, one method, and what it needs declared."""

import warnings

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._stopping import Stopping


class Unlearner(BaseEstimator):
    """Base of all strategies by which a net forgets rows.

    A subclass implements `_unlearn(task)`: it changes the weights of ``task.net.module`` in place,
    reads whatever else the `UnlearningTask` has, and notes each step with ``task.record(...)``. It
    works on a copy of the net, which replaces the fitted one only if nothing was raised.

    Notes
    -----
    Class attributes declare what is needed, and the net checks it before it starts:
    `requires_retain` (the rows that remain), `requires_labels` (targets of the forget rows),
    `requires_kept` (names of what `fit` must have kept: "side_model", "curvature",
    "importances", "output_importances", "head"), `requires_kept_alone` (more of them, where no
    retained rows are given), `kinds` ("classification", "regression"), `guarantee_kind`, and
    `conditional_on`, what the guarantee rests on. `starts_over` says that nothing of the old net
    is left.

    Examples
    --------
    An unlearner that shrinks the last layer by a factor:

    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from skunlearn.neural_network import NeuralNetClassifier, Unlearner
    >>> class Shrink(Unlearner):
    ...     def __init__(self, factor=0.5):
    ...         self.factor = factor
    ...     def _unlearn(self, task):
    ...         with torch.no_grad():
    ...             list(task.net.module.parameters())[-1].mul_(self.factor)
    ...         task.record(factor=self.factor)
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=Shrink(), random_state=0).fit(X, y)
    >>> net.unlearn(X[:5], y[:5]).unlearning_history_[0]["factor"]
    0.5
    """

    requires_retain = False
    requires_labels = True
    requires_kept = ()
    requires_kept_alone = ()
    uses_kept = ()
    kinds = ("classification", "regression")
    guarantee_kind = "approximate"
    detail = "What was forgotten is not bounded: audit it (skunlearn.audit.audit_unlearning)."
    residues = ()
    conditional_on = ()
    starts_over = False

    def unlearn(self, task):
        """Change the module of a task so that it forgets; called by the net.

        Parameters
        ----------
        task : UnlearningTask
            Its module is changed in place.

        Raises
        ------
        UnlearningError
            If the net or the request is of a kind that this unlearner cannot treat.
        """
        self._check(task)
        self._unlearn(task)

    def _check(self, task):
        """Refuse what cannot be treated soundly; subclasses add to it."""
        if task.net.kind not in self.kinds:
            raise UnlearningError(
                f"{type(self).__name__} is for {' and '.join(self.kinds)}, and this net does "
                f"{task.net.kind}: choose another unlearner, such as FineTune()."
            )
        if not any(p.requires_grad for p in task.net.module.parameters()):
            raise UnlearningError(
                f"{type(self).__name__} found no parameter to change: all of the module's are "
                "frozen (requires_grad=False)."
            )

    def _unlearn(self, task):
        raise NotImplementedError(f"{type(self).__name__} must implement _unlearn(task).")


class IterativeUnlearner(Unlearner):
    """Unlearners that go step by step, and stop by calibration or when their budget is spent.

    A subclass has the parameter `stopping` and implements the generator `_steps(task)`: it changes
    the weights and yields the numbers of a step as a dictionary, until its budget is spent.
    `looks_at_each_step` says that its steps are long enough for the rule to be asked after each.
    """

    looks_at_each_step = False

    @property
    def uses_kept(self):
        """The side model tells the stopping rule whether the rows are like unseen ones."""
        return () if self.stopping is None else ("side_model",)

    def _steps(self, task):
        raise NotImplementedError(f"{type(self).__name__} must implement _steps(task).")

    def _check(self, task):
        super()._check(task)
        if self.stopping not in ("calibrated", None):
            raise ValueError(f'Got stopping={self.stopping!r}, expected "calibrated" or None.')

    def _unlearn(self, task):
        if self.stopping is None:
            for stats in self._steps(task):
                task.record(**stats)
            return
        rule = Stopping(task, at_each_step=self.looks_at_each_step)
        if rule.already_there:
            warnings.warn(
                f"Nothing to forget: {rule.words()}. The net was left as it was; "
                "stopping=None runs the whole budget all the same.",
                UserWarning,
                stacklevel=2,
            )
            return
        for stats in self._steps(task):
            reached = rule.reached()
            task.record(**stats, **rule.last)
            if reached:
                rule.bisect()
                return
        if not rule.reached(force=True):
            warnings.warn(
                f"{type(self).__name__} spent its budget before its target: {rule.words()}. Give "
                "it more steps or a larger learning rate, or choose another unlearner.",
                UserWarning,
                stacklevel=2,
            )
            return
        rule.bisect()


def make_optimizer(name, parameters, lr, **options):
    """Return an optimizer by its short name, "adam" or "sgd"."""
    classes = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    if name not in classes:
        raise ValueError(f'Got optimizer={name!r}, expected "adam" or "sgd".')
    return classes[name]([p for p in parameters if p.requires_grad], lr=lr, **options)


def take_step(optimizer, loss):
    """One step down a loss; returns the loss as a number."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def check_positive(**values):
    """Refuse parameters that are not positive and finite, naming the value."""
    for name, value in values.items():
        if not isinstance(value, (int, float, np.number)) or not 0 < value < float("inf"):
            raise ValueError(f"Got {name}={value!r}, expected a positive number.")
