"""A ridge head on the frozen features of a net, from exact moments that forget rows exactly."""

import copy
import dataclasses
import hashlib

import numpy as np
import torch
from torch import nn

from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._rows import RowStore, last_copies
from skunlearn.exceptions import UnlearningError
from skunlearn.linear_model import Ridge, RidgeClassifier
from skunlearn.neural_network._kept import kept_as
from skunlearn.neural_network._view import copy_module

_NEVER = -1e4  # logit of a class of which no row remains; finite, so that softmax stays so


def last_layer(net, X):
    """Find the linear layer that ends a module, by running some rows through it.

    Parameters
    ----------
    net : NetView
    X : Tensor of shape (n, ...)

    Returns
    -------
    str
        Its name.

    Raises
    ------
    UnlearningError
        If the module does not end in a `torch.nn.Linear`, a softmax after it aside.
    """
    seen = []

    def note(name):
        return lambda module, inputs, output: seen.append((name, output))

    layers = [(k, m) for k, m in net.module.named_modules() if isinstance(m, nn.Linear)]
    hooks = [m.register_forward_hook(note(name)) for name, m in layers]
    try:
        with torch.no_grad():
            outputs = net.outputs(X[:2])
    finally:
        for hook in hooks:
            hook.remove()
    if seen and [name for name, _ in seen].count(seen[-1][0]) == 1:
        name, last = seen[-1]
        last = torch.log_softmax(last, dim=1) if net.gives_probabilities else last
        if last.shape == outputs.shape and torch.allclose(last, outputs, rtol=1e-3, atol=1e-4):
            return name
    raise UnlearningError(
        f"{type(net.module).__name__} does not end in a torch.nn.Linear, so it has no linear head "
        "that could be solved for: choose another unlearner, such as FineTune()."
    )


def features(net, X, name):
    """Return what goes into the last layer, of shape (n, d), as float64.

    Computed in double precision and rounded to single, so that a row has the same features in
    every batch: a value in 1e7 may fall to either side of a rounding boundary.
    """
    module = copy_module(net.module).double().eval()
    found = []
    hook = module.get_submodule(name).register_forward_pre_hook(
        lambda _, inputs: found.append(inputs[0].detach().float())
    )
    with torch.no_grad():
        for part in X.split(net.batch_size):
            module(part.double() if part.is_floating_point() else part)
    hook.remove()
    return torch.cat(found).cpu().numpy().astype(np.float64)


def digest_below(net, name):
    """Digest of all weights and buffers but those of the last layer."""
    out = hashlib.sha256()
    for key, value in net.module.state_dict().items():
        if not key.startswith(f"{name}."):
            out.update(key.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return out.hexdigest()


def fit_head(net, rows, name, resolution="auto"):
    """Fit ridge, or the ridge classifier, to frozen features.

    Parameters
    ----------
    net : NetView
    rows : Rows
    name : str
        Of the last layer.
    resolution : as in `Ridge`, default="auto"
    """
    kind = RidgeClassifier if net.is_classifier else Ridge
    bias = net.module.get_submodule(name).bias
    model = kind(track_rows=False, resolution=resolution, fit_intercept=bias is not None)
    return model.fit(features(net, rows.X, name), rows.y.cpu().numpy())


@kept_as("head")
@dataclasses.dataclass(frozen=True)
class Head:
    """A head on the features of the trained net, that is refitted without rows from moments.

    Parameters
    ----------
    model : Ridge or RidgeClassifier, or None
    why_not : str
        Why there is none.
    name : str
        Of the last layer.
    below : str
        Digest of the layers that make the features.
    hashes : ndarray of shape (n,), uint64
        Fingerprints of the rows it was fitted to.
    key : key of the fingerprints
    """

    model: object
    why_not: str = ""
    name: str = ""
    below: str = ""
    hashes: np.ndarray | None = None
    key: object = None

    exact = True

    @classmethod
    def of(cls, fitted):
        """Fit it to the training rows."""
        net, rows, key = fitted.net, fitted.train, new_key()
        try:
            name = last_layer(net, rows.X)
            model = fit_head(net, rows, name)
        except (UnlearningError, ValueError) as error:  # what is kept must not stop a fit
            return cls(None, str(error))
        return cls(model, "", name, digest_below(net, name), _hash(rows, key), key)

    def without(self, forget, net):
        """Take rows off the moments: exactly."""
        if self.model is None:
            return self
        if digest_below(net, self.name) != self.below:
            return Head(
                None,
                "the layers below the last one were changed since fit, by another unlearner or by "
                "hand, so that what was kept of their outputs is void",
            )
        wanted = _hash(forget, self.key)
        at = last_copies(self.hashes, wanted)
        known = forget.take(torch.as_tensor(np.argsort(wanted)[at >= 0]))
        if not len(known):
            return self
        model = copy.deepcopy(self.model)
        try:
            model.unlearn(features(net, known.X, self.name), known.y.cpu().numpy())
        except UnlearningError as error:
            return Head(None, str(error))
        return dataclasses.replace(self, model=model, hashes=np.delete(self.hashes, at[at >= 0]))


def _hash(rows, key):
    X, y = rows.X.cpu().numpy(), rows.y.cpu().numpy()
    return RowStore.hash({"X": X.reshape(len(X), -1), "y": y}, key)


def solve_head(model, alpha, n_outputs):
    """Weights and bias of a linear layer, from the moments of a fitted head.

    Parameters
    ----------
    model : Ridge or RidgeClassifier
    alpha : float
        Penalty.
    n_outputs : int
        Of the layer.

    Returns
    -------
    weight : ndarray of shape (n_outputs, d)
    bias : ndarray of shape (n_outputs,)
    scale : float
        By which the scores were multiplied to serve as logits; 1 for regression.
    """
    model = copy.copy(model).set_params(alpha=alpha)
    moments = model._learned.moments()
    solved = model._derive(moments, model._info)
    coef, bias = np.atleast_2d(solved["coef_"]), np.atleast_1d(solved["intercept_"])
    bias = np.full(len(coef), bias)  # one 0.0 where no intercept is fitted
    if isinstance(model, Ridge):
        return coef, bias, 1.0
    weight, shift = np.zeros((n_outputs, coef.shape[1])), np.full(n_outputs, _NEVER)
    codes = np.asarray(solved["classes_"], dtype=int)
    if len(codes) == 1:  # the one class that remains is always predicted
        shift[codes] = 0.0
        return weight, shift, 1.0
    if len(coef) == 1:
        coef, bias = np.concatenate([-coef, coef]), np.concatenate([-bias, bias])
    scale = 1 / max(_unexplained(moments, coef), 1e-6)
    weight[codes], shift[codes] = scale * coef, scale * bias
    return weight, shift, scale


def _unexplained(moments, coef):
    """Share of the variance of the ±1 targets that a head leaves: 1 - R² on its own rows."""
    pooled, n = moments.pooled, moments.pooled.weight
    left = total = 0.0
    for beta, (weight, mean) in zip(coef, moments.means("class").values(), strict=True):
        with_target = 2 * weight * (mean - pooled.mean)
        of_target = 4 * weight * (1 - weight / n)
        left += of_target - 2 * beta @ with_target + beta @ pooled.scatter @ beta
        total += of_target
    return left / total
