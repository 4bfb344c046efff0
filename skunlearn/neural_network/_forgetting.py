"""One request to a net: rows looked up, the strategy run on a copy, all or nothing."""

import copy

import numpy as np
import torch
from sklearn.base import clone
from skorch.utils import to_tensor

from skunlearn._statistics._fingerprints import not_learned_message
from skunlearn._statistics._rows import last_copies
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.neural_network._kept import codes_of, pieces_without
from skunlearn.neural_network._lookup import find_targets
from skunlearn.neural_network._modules import MLP, fresh_module
from skunlearn.neural_network._task import UnlearningTask
from skunlearn.neural_network._view import Rows, copy_module, freeze

# what a net knows of its data before it is trained
_SHAPE = ("n_features_in_", "feature_names_in_", "_shape_", "_labels_", "_flat_", "_seed_", "_key_")


class Forgetting:
    """A request to a fitted net.

    Parameters
    ----------
    net : NeuralNetClassifier or NeuralNetRegressor
        Nothing is written on it.
    request : Request
    """

    def __init__(self, net, request):
        net._check_maintained()
        self.net, self.strategy = net, net._strategy()
        self.X, self.targets, self.hashes = self._read(request, "rows to forget")
        self.retain = request.options.get("retain")
        self.by_owner = bool(request.options.get("by_owner"))

    def _read(self, request, what):
        """Rows as arrays, their targets as the net takes them, their fingerprints."""
        net = self.net
        if request.y is None and self.strategy.requires_labels:
            raise ValueError(
                f"{type(self.strategy).__name__} requires the targets of the {what}: pass y. "
                f"{type(net).__name__} requires y to be passed, but the target y is None."
            )
        if request.y is None:
            X = net._check_X(request.X)
            return X, *find_targets(net, X)
        X, y = net._check_rows(request.X, request.y, reset=False)
        targets = net._encode(y)
        return X, targets, net._hash(X, targets, net._key_)

    def n_missing(self):
        """How many of the rows were never learned."""
        prints = self.net._prints_
        return 0 if prints is None else prints.n_missing(self.hashes)

    def attributes(self):
        """Everything that the net is after the request, as attributes to assign at once."""
        net = self.net
        left = self._prints_left()
        n_rows = net._n_rows_ - len(self.X)
        if n_rows < 1 and net._calibration_.counts is not None:
            raise UnlearningError(
                f"Found array with 0 sample(s) while a minimum of 1 is required by "
                f"{type(net).__name__}: these are the last rows. Delete the model instead."
            )
        task = self._task()
        with net._own_randomness(2, net._n_requests_):
            try:
                self.strategy.unlearn(task)
            finally:
                task.close()
        module = task.net.module.eval()
        _check_finite(module)
        twin = shallow(net)
        vars(twin).update(module_=module)
        twin.initialize_optimizer()
        fresh = {} if task.fresh is None else {"history_": task.fresh.history_}
        return fresh | {
            "module_": module,
            "optimizer_": twin.optimizer_,
            "_calibration_": task.calibration,
            "_pieces_": task.kept,
            "_n_requests_": net._n_requests_ + 1,
            "_unlearned_with_": copy.deepcopy(self.strategy),
            "_n_rows_": max(n_rows, 0),
            "_prints_": left,
            "unlearning_history_": task.history,
        }

    def _prints_left(self):
        prints = self.net._prints_
        if prints is None or not self.by_owner:
            return None if prints is None else prints.without(self.hashes)
        # behind a transformer a row may differ in its last bit; the pipeline has looked it up raw
        alive = prints.alive()
        found = last_copies(alive, self.hashes)
        return prints.without(alive[found[found >= 0]])

    def _task(self):
        net = self.net
        view = net._view(net.module_)
        before = net._calibration_
        codes = None if self.targets is None else codes_of(self.targets, view.is_classifier)
        after = before.without(self.hashes, codes)
        if after.counts is not None and (missing := -after.counts.clip(max=0).sum()):
            raise NotLearnedError(not_learned_message(missing, len(self.X)))
        forget = self._rows(self.X, self.targets, view.device)
        needed = tuple(self.strategy.requires_kept)
        if self.retain is None:
            needed += tuple(self.strategy.requires_kept_alone)
        if missing := [n for n in needed if n not in net._pieces_]:
            raise UnlearningError(
                f"{type(self.strategy).__name__} needs {', '.join(missing)} from fit, and this net "
                f"kept {sorted(net._pieces_) or 'nothing of the kind'}: fit with this unlearner, "
                f"or with keep={needed}."
            )
        trained = self._trained(before)
        kept = pieces_without(net._pieces_, forget.take(trained), view)
        generator = torch.Generator().manual_seed(net._stream_seed(3, net._n_requests_))
        return UnlearningTask(
            net=view.with_module(copy_module(net.module_).eval()),
            original=view.with_module(freeze(net.module_)),
            forget=forget,
            retain=self._retained(view),
            calibration=after,
            retained=before.retained(after),
            kept=kept,
            new_module=self._fresh,
            generator=generator,
            batch_size=net.batch_size,
            lr=net.lr,
            n_epochs=len(net.history_ or ()),
            trained=trained,
            verbose=net.verbose,
            fit_again=self._fit_again,
        )

    def _trained(self, calibration):
        """Which of the rows the weights were learned from: not those that were held out."""
        held = np.zeros(len(self.X), dtype=bool)
        if len(self.hashes) != len(self.X):  # a net adopted without its rows keeps no pieces
            return torch.as_tensor(~held)
        held[np.argsort(self.hashes)] = last_copies(calibration.hashes, self.hashes) >= 0
        return torch.as_tensor(~held)

    def _rows(self, X, targets, device):
        return Rows(to_tensor(X, device), None if targets is None else to_tensor(targets, device))

    def _retained(self, view):
        if self.retain is None:
            if self.strategy.requires_retain:
                raise UnlearningError(
                    f"{type(self.strategy).__name__} needs the rows that remain, and nets keep "
                    "none: pass X_retain and y_retain, or choose an unlearner that does without, "
                    "such as CalibratedTeacher(); nothing was changed."
                )
            return None
        X, targets, hashes = self._read(self.retain, "rows that remain")
        if not len(X):
            raise UnlearningError("Got X_retain without a row, expected the rows that remain.")
        self._check_apart(hashes)
        return self._rows(X, targets, view.device)

    def _check_apart(self, retain):
        """Refuse retained rows that are to be forgotten, or were before, or never learned."""
        left = self._prints_left()
        if left is None:
            return
        again = retain[np.isin(retain, self.hashes)]
        if len(again) and left.n_missing(again):
            raise UnlearningError(
                f"{len(again)} of the {len(retain)} rows in X_retain are among the rows to forget: "
                "take them out; nothing was changed."
            )
        if not self.by_owner and (unknown := left.n_missing(np.unique(retain))):
            raise UnlearningError(
                f"{unknown} of the {len(retain)} rows in X_retain were never learned by this net, "
                "or have been forgotten: take them out; nothing was changed."
            )

    def _fresh(self):
        net = self.net
        kwargs = net._module_kwargs()
        module = fresh_module(MLP if net.module is None else net.module, kwargs)
        return module.to(torch.device(net.device))

    def _fit_again(self, rows):
        """Train a net as `fit` does, from its own first weights; an interrupt is not swallowed."""
        net = clone(self.net)
        vars(net).update({k: v for k, v in vars(self.net).items() if k in _SHAPE})
        net.history_ = None

        def fit(X, y):
            net.initialize()
            net.notify("on_train_begin", X=X, y=y)
            net.fit_loop(X, y)  # partial_fit of skorch would swallow an interrupt
            net.notify("on_train_end", X=X, y=y)

        return net._train(fit, rows.X.cpu().numpy(), rows.y.cpu().numpy(), {})


def shallow(net):
    """Copy a net without its parts; `copy.copy` would pickle the module on the way."""
    twin = object.__new__(type(net))
    vars(twin).update(vars(net))
    return twin


def _check_finite(module):
    for name, value in module.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise UnlearningError(
                f"The weights {name} became NaN or infinite in unlearning, so the net was left as "
                "it was. Lower the learning rate of the unlearner."
            )
