"""JustInTime: make the net flat around the rows to forget, without any other row."""

import math

import torch
from torch import nn

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._unlearner import IterativeUnlearner, check_positive

_CACHE, _DEVICE = 16 * 2**20, 1024 * 2**20  # bytes
_BATCH_NORM = nn.modules.batchnorm._BatchNorm
_CURVED = 1e-3  # second difference over first, above the rounding of float32 by three orders


class JustInTime(IterativeUnlearner):
    """Smooth the net around each row to forget: zero-shot, needs neither other rows nor targets.

    For a row x it goes down, by stochastic gradient descent, an estimate of the local Lipschitz
    constant of the net f: the mean over N draws of ‖f(x) - f(x + ξ)‖ / ‖ξ‖, with ξ ~ N(0, σ²I).

    Parameters
    ----------
    sigma : float, default=0.5
        Standard deviation of the noise, in units of the inputs.
    lr : float, default=0.0003
        Learning rate of plain gradient descent.
    n_perturbations : int, default=25
        Draws for each row, N.
    n_epochs : int, default=1
        Passes over the forget rows; the budget, where the stopping rule is not met before.
    batch_size : int, default=64
    gradient : {"anchor", "full"}, default="anchor"
        Whether f(x) alone takes a gradient, as in the published code, or f(x + ξ) as well, as the
        formula of the paper reads.
    clamp : bool, default=True
        Keep x + ξ within the range of the values of its batch, as the published code does.
    reduction : {"sum", "mean"}, default="sum"
        Over the rows of a batch: the sum is that of the published code, and makes `lr` depend on
        the size of the batches; the mean is that of the paper.
    accumulate : bool, default=False
        Never reset the gradients between batches, as the published code does: each step goes along
        the sum of all gradients so far.
    mode : {"eval", "train"}, default="eval"
        "train" leaves dropout on, as the published code does.
    outputs : {"logits", "probabilities"}, default="logits"
        What f is. Of nets that end in a softmax the logarithms of the probabilities are taken for
        logits. Ignored in regression.
    max_memory : float, default=None
        Mebibytes that the outputs of all layers may take in one forward pass; the perturbed rows
        go through the net in as many passes as that takes. The result is the same to rounding.
        None: 16 on a CPU, where larger passes are slower, 1024 elsewhere.
    stopping : {"calibrated", None}, default="calibrated"
        Stop at the level of unseen rows, or run the whole budget, as published.

    See Also
    --------
    GradientAscent : As blunt, and needs targets.
    CalibratedTeacher : Needs no other rows, and says where each row is to go.

    Notes
    -----
    Published settings, for (sigma, lr), with the sum over batches of 64 or so and accumulated
    gradients: whole classes (0.8, 1.5) for a ViT, (0.5, 3e-4) for a VGG16; random rows (0.5, 0.1)
    and (0.01, 3e-4); subclasses (1.5, 0.5) and (0.01, 3e-4); one pass. The published code is
    ``JustInTime(sigma, lr, accumulate=True, mode="train", stopping=None)``, the formula
    ``JustInTime(sigma, lr, gradient="full", clamp=False, reduction="mean", stopping=None)``.

    Limits. The usable learning rates span about a decade, and another net, scale of inputs or
    forget set has another one; without the stopping rule a rate too large ruins the net, one too
    small does nothing. With the rule the forget rows are predicted as unseen rows are, and the
    others pay for it. Nothing pulls a row toward what a net that never saw it would say, only
    toward what this one says nearby. Logits pay more than probabilities, which have nothing to give
    where the net is sure: with a class of the digits forgotten, test rows of the others were right
    58 to 69 % of the time after the one, 97 % after the other
    (benchmarks/neural/whole_class_digits.py). In the plane ten small steps forget a row with a
    wrong label and leave one in the middle of its cluster alone; a hundred cost up to a quarter of
    the accuracy (benchmarks/neural/just_in_time_2d.py).

    The rows of a batch share their draws of noise up to random signs: the law for each row is the
    one above, and what noise costs is small beside the passes through the net.

    A net that is linear in its inputs is refused: the full gradient shrinks all its weights
    alike, the other has mean zero. Batch norm stays as it is in prediction, and a net that has
    some is refused with ``mode="train"``: its statistics would be those of noise.

    References
    ----------
    .. [1] Foster, Fogarty, Schoepf, Dugue, Öztireli, Brintrup. "An Information Theoretic Approach
       to Machine Unlearning". TMLR, 2025. arXiv:2402.01401.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.neural_network import JustInTime, NeuralNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> net = NeuralNetClassifier(unlearner=JustInTime(stopping=None), random_state=0)
    >>> net = net.fit(X / 16, y).unlearn(X[:100] / 16)
    >>> len(net.unlearning_history_), net.n_samples_retained_
    (2, 1697)
    """

    requires_labels = False

    def __init__(
        self,
        sigma=0.5,
        lr=3e-4,
        n_perturbations=25,
        n_epochs=1,
        batch_size=64,
        gradient="anchor",
        clamp=True,
        reduction="sum",
        accumulate=False,
        mode="eval",
        outputs="logits",
        max_memory=None,
        stopping="calibrated",
    ):
        self.sigma = sigma
        self.lr = lr
        self.n_perturbations = n_perturbations
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.gradient = gradient
        self.clamp = clamp
        self.reduction = reduction
        self.accumulate = accumulate
        self.mode = mode
        self.outputs = outputs
        self.max_memory = max_memory
        self.stopping = stopping

    def _check(self, task):
        super()._check(task)
        check_positive(
            sigma=self.sigma,
            lr=self.lr,
            n_perturbations=self.n_perturbations,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            max_memory=1 if self.max_memory is None else self.max_memory,
        )
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"Got {name}={getattr(self, name)!r}, expected "
                    f"{' or '.join(repr(value) for value in known)}."
                )
        if not task.forget.X.is_floating_point():
            raise UnlearningError(
                f"JustInTime adds noise to the rows, and these are {task.forget.X.dtype}: it needs "
                "floating point inputs."
            )
        if self.mode == "train" and any(
            isinstance(m, _BATCH_NORM) for m in task.net.module.modules()
        ):
            raise UnlearningError(
                'Got mode="train" and a net with batch norm, whose statistics would become those '
                'of noise: choose mode="eval".'
            )
        if not _is_curved(self._function(task), task.forget.X, self.sigma, task.generator):
            raise UnlearningError(
                "JustInTime found this net to be linear in its inputs. There its full gradient "
                "shrinks all weights alike and its other gradient has mean zero, so it cannot "
                "forget some rows rather than others: choose another unlearner, such as "
                "CalibratedTeacher()."
            )

    def _function(self, task):
        if task.net.is_classifier and self.outputs == "probabilities":
            return lambda X: task.net.outputs(X).softmax(dim=1)
        return task.net.outputs

    def _steps(self, task):
        net, f = task.net, self._function(task)
        net.module.train(self.mode == "train")
        optimizer = torch.optim.SGD(
            [p for p in net.module.parameters() if p.requires_grad], self.lr
        )
        draw = torch.Generator(net.device).manual_seed(task.generator.initial_seed())
        at_once = int(self._memory(net.device) / _bytes_per_row(net, task.forget.X[:1]))
        near = _Neighbours(self.n_perturbations, self.sigma, self.clamp, at_once, draw)
        smooth = _pull_anchor if self.gradient == "anchor" else _pull_both
        for _ in range(self.n_epochs):
            for batch in task.forget.batches(self.batch_size, task.generator):
                if not self.accumulate:
                    optimizer.zero_grad()
                scale = len(batch) if self.reduction == "mean" else 1
                loss = smooth(f, batch.X, near.of(batch.X), 1 / (scale * self.n_perturbations))
                optimizer.step()
                yield {"loss": loss}
        net.module.eval()

    def _memory(self, device):
        if self.max_memory is not None:
            return self.max_memory * 2**20
        return _CACHE if device.type == "cpu" else _DEVICE


class _Neighbours:
    """Rows with noise on them, many at a time, in one buffer that is used again.

    Normal numbers cost more than a small net: the rows of a batch share the draws, each with
    random signs of its own for all coordinates. So for each row they are independent normal
    vectors, and those of two rows are uncorrelated.
    """

    def __init__(self, n, sigma, clamp, at_once, generator):
        self.n, self.sigma, self.clamp = n, sigma, clamp
        self.at_once = at_once
        self.generator = generator
        self._buffer = None

    def of(self, X):
        """Yield rows near X, (k, n, ...), with the norms of the noise, (k, n)."""
        noise = torch.empty((self.n, 1, *X.shape[1:]), dtype=X.dtype, device=X.device)
        noise.normal_(0.0, self.sigma, generator=self.generator)
        signs = torch.empty_like(X).random_(0, 2, generator=self.generator).mul_(2).sub_(1)
        if self.clamp:
            low, high = X.aminmax()
            lowest, highest = low - X, high - X
        for part in noise.split(max(1, self.at_once // len(X))):
            moved = torch.mul(part, signs, out=self._room((len(part), *X.shape), X))
            if self.clamp:
                moved.clamp_(lowest, highest)
            norms = torch.linalg.vector_norm(moved.flatten(2), dim=2)
            yield moved.add_(X), norms

    def _room(self, shape, like):
        size = math.prod(shape)
        if self._buffer is None or self._buffer.numel() < size:
            self._buffer = torch.empty(size, dtype=like.dtype, device=like.device)
        return self._buffer[:size].view(shape)


_CHOICES = {
    "gradient": ("anchor", "full"),
    "clamp": (True, False),
    "reduction": ("sum", "mean"),
    "accumulate": (True, False),
    "mode": ("eval", "train"),
    "outputs": ("logits", "probabilities"),
}


def _pull_anchor(f, X, near, weight):
    """Add the gradient of the loss through f(x) alone; the loss as a number."""
    with torch.no_grad():
        parts = [
            (f(rows.flatten(0, 1)).unflatten(0, rows.shape[:2]), norms) for rows, norms in near
        ]
    others, norms = (torch.cat(part) for part in zip(*parts, strict=True))
    loss = weight * _ratios(f(X), others, norms).sum()
    loss.backward()
    return loss.detach()


def _pull_both(f, X, near, weight):
    """Add the gradient through f(x) and f(x + ξ), a part of the noise at a time."""
    out = f(X)
    anchor = out.detach().requires_grad_()
    total = 0.0
    for rows, norms in near:
        others = f(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
        loss = weight * _ratios(anchor, others, norms).sum()
        loss.backward()
        total = total + loss.detach()
    out.backward(anchor.grad)
    return total


def _ratios(out, others, norms):
    # clamping may leave a row where it was
    tiny = torch.finfo(norms.dtype).tiny
    return torch.linalg.vector_norm((out - others).flatten(2), dim=2) / norms.clamp_min(tiny)


@torch.no_grad()
def _bytes_per_row(net, X):
    """Size of a row and of all outputs of the layers for it."""
    sizes = [X.numel()]
    handles = [
        part.register_forward_hook(lambda _m, _i, out: sizes.append(_numel(out)))
        for part in net.module.modules()
        if not any(part.children())
    ]
    try:
        net.outputs(X)
    finally:
        for handle in handles:
            handle.remove()
    return sum(sizes) * X.element_size()


def _numel(out):
    return out.numel() if isinstance(out, torch.Tensor) else 0


@torch.no_grad()
def _is_curved(f, X, sigma, generator):
    """Whether f(x + v) + f(x - v) is anywhere something else than 2 f(x).

    Looked for at distances from `sigma` to a hundred times the largest value, since nets of pieces
    are linear in each.
    """
    X = X[:16]
    size = max(float(X.abs().max()), sigma)
    here = f(X).double()
    for reach in (sigma, size, 10 * size, 100 * size):
        noise = torch.randn(X.shape, generator=generator).to(X) * reach
        there, back = f(X + noise).double(), f(X - noise).double()
        scale = (there - back).abs().max()
        bend = (there + back - 2 * here).abs().max()
        rounding = torch.finfo(X.dtype).eps * max(t.abs().max() for t in (here, there, back))
        if bend > _CURVED * scale and bend > 1e3 * rounding:
            return True
    return False
