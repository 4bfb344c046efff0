"""One Newton step on the loss of the rows that remain."""

import warnings

import torch
from torch.func import functional_call, grad, jvp, vjp

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._unlearner import Unlearner, check_positive

_CURVATURES = ("gauss_newton", "hessian")


class NewtonStep(Unlearner):
    """Step to the minimum of the quadratic model of the loss on the rows that remain.

    The system (H + damping · I) v = -gradient, both of the retained rows, is solved by conjugate
    gradients with curvature-vector products; H is never formed.

    Parameters
    ----------
    damping : float, default=0.1
        Added to the diagonal of H.
    weight_decay : float, default=0.0
        Weight of ½‖w‖² in the loss: that which was given to the optimizer of the net.
    curvature : {"gauss_newton", "hessian"}, default="gauss_newton"
        H: the Gauss-Newton matrix JᵀBJ, which is never indefinite; or the Hessian, which is for
        most nets, and then the solver stops at the first direction of negative curvature.
    max_iter : int, default=50
        Iterations of the solver, each of which passes over the retained rows.
    tol : float, default=1e-6
        The solver ends when the residual is below this share of the gradient.
    batch_size : int, default=1024
        Rows in one pass of the module; it changes memory and nothing else.

    See Also
    --------
    LastLayerExact : Exact, for the last layer only.

    Notes
    -----
    On a loss that is quadratic in the weights (a linear net with squared error) with no damping
    one step is exact, up to `tol`. On a net it is a step of one linearisation; and where the net
    fits every row its gradients vanish, those that the forget rows leave behind among them, so that
    little happens. A small damping makes long steps where the curvature is small, and ruins the net
    as an unguarded Newton step does.

    Each iteration passes over the retained rows three times, forth and back: fifty of them cost as
    much as training a small net again. There is no stopping rule: the step is the dose. The
    gradient is that of all retained rows, so that a net that was not trained to the end is trained
    on as well.

    References
    ----------
    .. [1] Guo, Goldstein, Hannun, van der Maaten. "Certified Data Removal from Machine Learning
       Models". ICML 2020. arXiv:1911.03030.
    .. [2] Golatkar, Achille, Soatto. "Eternal Sunshine of the Spotless Net". CVPR 2020.
    .. [3] Martens. "Deep learning via Hessian-free optimization". ICML 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import NeuralNetClassifier, NewtonStep
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=NewtonStep(max_iter=5), random_state=0)
    >>> net = net.fit(X / 16, y)
    >>> net = net.unlearn(X[:50] / 16, y[:50], X_retain=X[50:] / 16, y_retain=y[50:])
    >>> net.unlearning_history_[-1]["step"]
    5
    """

    requires_retain = True

    def __init__(
        self,
        damping=0.1,
        weight_decay=0.0,
        curvature="gauss_newton",
        max_iter=50,
        tol=1e-6,
        batch_size=1024,
    ):
        self.damping = damping
        self.weight_decay = weight_decay
        self.curvature = curvature
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size

    def _check(self, task):
        super()._check(task)
        check_positive(max_iter=self.max_iter, tol=self.tol, batch_size=self.batch_size)
        for name in ("damping", "weight_decay"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(
                    f"Got {name}={getattr(self, name)!r}, expected a number of 0 or more."
                )
        if self.curvature not in _CURVATURES:
            raise ValueError(f"Got curvature={self.curvature!r}, expected one of {_CURVATURES}.")

    def _unlearn(self, task):
        loss = _RetainedLoss(task.net, task.retain, self.weight_decay, self.batch_size)
        gradient = loss.gradient()
        start = _dot(gradient, gradient)
        step = _scaled(gradient, 0.0)
        residual, direction = _scaled(gradient, -1.0), _scaled(gradient, -1.0)
        squared = start
        task.record(gradient_norm=start**0.5, residual=1.0)
        for _ in range(self.max_iter):
            if squared <= self.tol**2 * start:
                break
            image = loss.curved(direction, self.curvature)
            image = _plus(image, direction, self.damping)
            curvature = _dot(direction, image)
            if curvature <= 0:
                self._warn_indefinite(step)
                break
            length = squared / curvature
            step = _plus(step, direction, length)
            residual = _plus(residual, image, -length)
            before, squared = squared, _dot(residual, residual)
            direction = _plus(residual, direction, squared / before)
            task.record(residual=(squared / start) ** 0.5)
        with torch.no_grad():
            for name, weight in task.net.module.named_parameters():
                if name in step:
                    weight.add_(step[name])

    def _warn_indefinite(self, step):
        if not any(part.any() for part in step.values()):
            raise UnlearningError(
                f"The curvature along the gradient is negative with damping={self.damping}: raise "
                'damping, or choose curvature="gauss_newton"; nothing was changed.'
            )
        warnings.warn(
            f"The curvature is negative in places with damping={self.damping}, so the step was "
            'cut short: raise damping, or choose curvature="gauss_newton".',
            UserWarning,
            stacklevel=2,
        )


class _RetainedLoss:
    """Mean loss on the retained rows plus ½ decay ‖w‖², its gradient and curvature."""

    def __init__(self, net, rows, weight_decay, batch_size):
        self.net, self.rows = net, rows
        self.weight_decay, self.batch_size = weight_decay, batch_size
        parameters = dict(net.module.named_parameters())
        self.weights = {k: p.detach() for k, p in parameters.items() if p.requires_grad}
        self.fixed = {k: p.detach() for k, p in parameters.items() if not p.requires_grad}
        self.fixed |= dict(net.module.named_buffers())

    def gradient(self):
        return self._mean(lambda rows: grad(self._loss(rows))(self.weights), self.weights)

    def curved(self, v, curvature):
        """Product of the curvature with a vector, both dictionaries of tensors."""
        product = self._gauss_newton if curvature == "gauss_newton" else self._hessian
        return self._mean(lambda rows: product(rows, v), v)

    def _hessian(self, rows, v):
        _, pull = vjp(grad(self._loss(rows)), self.weights)  # symmetric: forward is backward
        return pull(v)[0]

    def _gauss_newton(self, rows, v):
        outputs, pull = vjp(self._outputs(rows.X), self.weights)
        _, change = jvp(self._outputs(rows.X), (self.weights,), (v,))
        of_outputs = grad(lambda out: self.net.loss(out, rows.y))
        _, bend = vjp(of_outputs, outputs)
        return pull(*bend(change))[0]

    def _mean(self, of_batch, decayed):
        """Mean over all rows of what `of_batch` gives of a batch, plus the weight decay."""
        total = _scaled(decayed, self.weight_decay)
        for part in self.rows.batches(self.batch_size):
            total = _plus(total, of_batch(part), len(part) / len(self.rows))
        return total

    def _loss(self, rows):
        return lambda weights: self.net.loss(self._outputs(rows.X)(weights), rows.y)

    def _outputs(self, X):
        def of(weights):
            def run(X):
                return functional_call(self.net.module, weights | self.fixed, (X,))

            return self.net.with_module(run).outputs(X)

        return of


def _dot(a, b):
    return float(sum((a[k] * b[k]).sum(dtype=torch.float64) for k in a))


def _scaled(a, factor):
    return {k: v * factor for k, v in a.items()}


def _plus(a, b, factor):
    return {k: a[k] + factor * b[k] for k in a}
