"""Skorch nets with scikit-learn's manners and the verb: what classifier and regressor share."""

import copy
import dataclasses
import inspect
import itertools

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.utils import is_dataset, to_tensor
from torch import nn

from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._rows import RowStore
from skunlearn.base import Guarantee, Request, UnlearnerMixin, UnlearnerTags
from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._calibrated_teacher import CalibratedTeacher
from skunlearn.neural_network._calibration import Calibration
from skunlearn.neural_network._data import HeldOut, arrays_of
from skunlearn.neural_network._forgetting import Forgetting
from skunlearn.neural_network._kept import PIECES, Fitted, codes_of, make_pieces, residues_of
from skunlearn.neural_network._modules import MLP
from skunlearn.neural_network._randomness import Randomness
from skunlearn.neural_network._saving import STATE, SavingMixin
from skunlearn.neural_network._selection import side_margins
from skunlearn.neural_network._unlearner import Unlearner
from skunlearn.neural_network._view import NetView, Rows

# Parameters whose own parameters skorch would set in vain, on the net.
_NESTED = ("unlearner__", "train_split__")


class UnlearnableNetMixin(SavingMixin, UnlearnerMixin):
    """A skorch net that validates its input, is deterministic under `random_state`, and forgets.

    Subclasses say of which kind they are, and how targets become tensors and back.
    """

    _kind = None  # "classification" or "regression"
    _unlearner_tags = UnlearnerTags(kind="approximate", needs_y=True)

    # -- parameters ------------------------------------------------------------------------

    def _get_param_names(self):
        return [k for k in super()._get_param_names() if not k.startswith("_")]

    def set_params(self, **params):
        """Set parameters, those of the unlearner included, before or after `fit`.

        Parameters
        ----------
        **params : dict
            As in skorch, and ``unlearner__<name>``.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter does not exist.
        """
        inner = {k: params.pop(k) for k in list(params) if k.startswith(_NESTED)}
        super().set_params(**params)
        for key, value in inner.items():
            name, _, rest = key.partition("__")
            if not isinstance(part := getattr(self, name), BaseEstimator):
                raise ValueError(
                    f"Got {key}={value!r} with {name}={part!r}, which has no parameters: set "
                    f"{name} first, such as unlearner=CalibratedTeacher()."
                )
            part.set_params(**{rest: value})
        return self

    def _strategy(self):
        """Return the unlearner, the default one where None is given."""
        if self.unlearner is None:
            return CalibratedTeacher()
        if not isinstance(self.unlearner, Unlearner):
            raise ValueError(
                f"Got unlearner={self.unlearner!r}, expected an instance of an unlearner of "
                "skunlearn.neural_network, or None."
            )
        return self.unlearner

    def _names_to_keep(self):
        if isinstance(self.keep, str) and self.keep == "auto":
            strategy = self._strategy()
            names = strategy.requires_kept, strategy.requires_kept_alone, strategy.uses_kept
            return tuple(dict.fromkeys(itertools.chain(*names)))
        if isinstance(self.keep, str) and self.keep == "all":
            return tuple(sorted(PIECES))
        if not isinstance(self.keep, (tuple, list)):
            raise ValueError(f'Got keep={self.keep!r}, expected "auto", "all" or a tuple of names.')
        return tuple(self.keep)

    # -- fitting ---------------------------------------------------------------------------

    def fit(self, X, y, **fit_params):
        """Fit a net with fresh weights.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers of any type; for a module of your own also of more dimensions.
        y : array-like of shape (n_samples,)
            Labels of any type; numbers, or (n_samples, n_outputs), for regression.
        **fit_params : dict
            Passed to the module, as in skorch.

        Returns
        -------
        self : object
        """
        X, y = self._check_rows(X, y, reset=True)
        self._strategy()
        self._seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.history_ = None  # the first of the streams of random numbers
        return self._train(super().fit, X, self._encode(y), fit_params)

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Go on training, for `max_epochs` more, on these rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All labels, at the first call.
        **fit_params : dict
            Passed to the module, as in skorch.

        Returns
        -------
        self : object

        Notes
        -----
        Rows that the net knows already are the same rows, not copies: to learn for longer is not
        to learn more. Unseen rows are those held out of the last call.
        """
        if is_dataset(X):  # skorch calls this from fit
            return super().partial_fit(X, y, classes, **fit_params)
        if "_routing_method" in fit_params:
            return super().partial_fit(X, y, classes, **fit_params)
        first = not getattr(self, "initialized_", False) or "_seed_" not in vars(self)
        X, y = self._check_rows(X, y, reset=first, classes=classes)
        if first:
            self._seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._train(super().partial_fit, X, self._encode(y), fit_params)

    def _train(self, fit, X, targets, fit_params):
        """Run a fit of skorch with its own random numbers, then note what is kept."""
        with self._own_randomness(0, len(self.history_ or ())):
            fit(X, targets, **fit_params)
        self.module_.eval()
        train, valid = (
            None if part is None else arrays_of(part) for part in vars(self).pop("_split_")
        )
        self._keep(train, valid)
        return self

    def _own_randomness(self, *stream):
        return Randomness(self._stream_seed(*stream), self.device)

    def _stream_seed(self, *stream):
        """Seed of one use of randomness: fit, what is kept, a request; apart from the others."""
        return int(np.random.SeedSequence([self._seed_, *stream]).generate_state(1)[0])

    def get_split_datasets(self, X, y=None, **fit_params):
        """Split as skorch does, and remember the parts until the end of `fit`."""
        given = self.train_split
        if isinstance(given, HeldOut) and given.random_state is None:
            split = HeldOut(given.fraction, self._stream_seed(4))
            self._split_ = split(self.get_dataset(X, y), y)
        else:
            self._split_ = super().get_split_datasets(X, y, **fit_params)
        return self._split_

    def _keep(self, train, valid, *, tracked=True):
        """Note what forgetting will need: of (X, targets) learned from, and of unseen ones."""
        view = self._view(self.module_)
        n_classes = view.n_outputs if view.is_classifier else 1
        known = [part for part in (train, valid) if part is not None]
        key = vars(self).get("_key_") or new_key()
        hashes = {id(part): self._hash(*part, key) for part in known}
        counts = None
        if train is not None:
            codes = np.concatenate([codes_of(y, view.is_classifier) for _, y in known])
            counts = np.bincount(codes, minlength=n_classes)
        calibration = Calibration.none(view.n_outputs, view.is_classifier, counts)
        if valid is not None:
            outputs = view.all_outputs(to_tensor(valid[0], view.device)).float().cpu().numpy()
            calibration = dataclasses.replace(
                calibration, outputs=outputs, y=valid[1], hashes=hashes[id(valid)]
            )
        pieces = {}
        if train is not None and len(names := self._names_to_keep()):
            rows = Rows(*(to_tensor(part, view.device) for part in train))
            with self._own_randomness(1):
                pieces = make_pieces(names, Fitted(view, rows, self._seed_))
        if valid is not None and "side_model" in pieces:
            margins = side_margins(
                pieces["side_model"],
                to_tensor(valid[0], view.device),
                valid[1],
                view.is_classifier,
            )
            calibration = dataclasses.replace(calibration, margins=margins)
        prints = _union(vars(self).get("_prints_"), list(hashes.values()))
        self.__dict__.update(
            _calibration_=calibration,
            _pieces_=pieces,
            _key_=key,
            _prints_=prints if self.track_rows and tracked else None,
            _n_rows_=len(prints),
            _n_requests_=0,
        )

    def _hash(self, X, targets, key):
        """Fingerprints of rows; of their labels, not the codes."""
        parts = {"X": np.ascontiguousarray(X).reshape(len(X), -1), "y": self._decode(targets)}
        return RowStore.hash(parts, key)

    # -- the module ------------------------------------------------------------------------

    def initialize_module(self):
        """Make the module: of the class, shaped to the data; or a copy of the instance."""
        for name in STATE:  # new weights know nothing of the rows
            vars(self).pop(name, None)
        self.module_ = self._new_module()
        return self

    def _new_module(self):
        kwargs = self._module_kwargs()
        if isinstance(self.module, nn.Module) and not kwargs:
            return copy.deepcopy(self.module)  # the parameter itself is never trained
        if isinstance(self.module, nn.Module):
            return type(self.module)(**kwargs)
        return (self.module or MLP)(**kwargs)

    def _module_kwargs(self):
        kwargs = self.get_params_for("module")
        if isinstance(self.module, nn.Module):
            return kwargs
        if self.module is None and not hasattr(self, "_shape_"):
            raise ValueError(
                "module=None takes its shape from the data: call fit instead of initialize."
            )
        given = dict(
            zip(("in_features", "out_features"), getattr(self, "_shape_", ()), strict=False)
        )
        if self.module is None:
            given["hidden_layer_sizes"] = self.hidden_layer_sizes
        accepted = inspect.signature(self.module or MLP).parameters
        return {k: v for k, v in given.items() if k in accepted} | kwargs

    def infer(self, x, **fit_params):
        """Output of the module for a batch, in the reduced precision of `amp` if that is set."""
        if not self.amp:
            return super().infer(x, **fit_params)
        device = torch.device(self.device).type
        with torch.autocast(device, dtype=torch.bfloat16):
            out = super().infer(x, **fit_params)
        return out.float()

    def _view(self, module):
        criterion = self.criterion_
        return NetView(
            module=module,
            kind=self._kind,
            criterion=criterion,
            n_outputs=self._shape_[1],
            gives_probabilities=isinstance(criterion, nn.NLLLoss),
        )

    # -- input -----------------------------------------------------------------------------

    def _check_rows(self, X, y, *, reset, classes=None):
        X = self._check_X(X, reset=reset)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        y = self._check_y(y, len(X), reset=reset, classes=classes)
        if reset:
            self._shape_ = (int(np.prod(X.shape[1:])), self._n_outputs(y))
        return X, y

    def _check_X(self, X, *, reset=False):
        if isinstance(X, torch.Tensor):
            X = X.detach().cpu().numpy()
        many = self.module is not None
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=self.input_dtype if self.input_dtype else "numeric",
            allow_nd=many,
            order="C",
            ensure_min_features=0 if many and np.ndim(X) > 2 else 1,
        )

    def forward_iter(self, X, training=False, device="cpu"):
        """Yield outputs of the module, a batch at a time, on validated rows."""
        X = X if is_dataset(X) else self._check_X(X)
        yield from super().forward_iter(X, training=training, device=device)

    # -- forgetting ------------------------------------------------------------------------

    def unlearn(self, X, y=None, *, X_retain=None, y_retain=None):
        """Forget rows by the unlearner; the net that predicts is replaced once all went well.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_forget, n_features)
            Rows to forget, as they were given to `fit`, those held out of training too.
        y : array-like of shape (n_forget,)
            Their targets.
        X_retain : array-like or DataFrame of shape (n_retain, n_features), default=None
            The rows that remain, or some of them; some unlearners need them, others take them.
        y_retain : array-like of shape (n_retain,), default=None
            Their targets.

        Returns
        -------
        self : object
            After any error or interrupt it is what it was before. `unlearning_history_` has the
            numbers of each step.

        Raises
        ------
        NotLearnedError
            If rows were never learned.
        UnlearningError
            If the unlearner needs what is not there, refuses the net, or diverges.
        """
        check_is_fitted(self)
        retain = None if X_retain is None else Request(X_retain, y_retain)
        if X_retain is None and y_retain is not None:
            raise ValueError("Got y_retain without X_retain: pass both, or neither.")
        self._carry_out(Request(X, y, options={"retain": retain}))
        return self

    def _prepare_unlearn(self, forget, learn=None):
        if learn is not None:
            raise UnlearningError(
                f"{type(self).__name__} cannot replace rows at once: call unlearn for the old "
                "ones, then partial_fit for the new ones."
            )
        return Forgetting(self, forget).attributes()

    def _count_missing(self, forget):
        return Forgetting(self, forget).n_missing()

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if "_calibration_" not in vars(self):
            raise error(
                f"This {type(self).__name__} knows nothing of its rows: its module was set anew, "
                "or it was stripped for serving. Call unlearn on the object that was fitted."
            )

    # -- what it says of itself ------------------------------------------------------------

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        used = vars(self).get("_unlearned_with_") or self._strategy()
        terms = () if self.track_rows else ("that the rows were learned (track_rows=False)",)
        return Guarantee(
            used.guarantee_kind,
            conditional_on=(*terms, *used.conditional_on),
            residues=self._residues(used),
            detail=used.detail,
        )

    def _residues(self, used):
        if not self._n_requests_ or used.starts_over:
            return ()
        found = ["history_ (losses and scores of the fit)", *used.residues]
        found += residues_of(self._pieces_)
        if len(self._calibration_):
            found.append("the outputs on unseen rows, by the net as it was before forgetting")
        return tuple(found)

    @property
    def n_samples_retained_(self):
        """Number of rows that the net stands on, those held out of training included."""
        self._check_maintained(AttributeError)
        return self._n_rows_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags


def _union(prints, more):
    """Fingerprints of rows known before and of others, each as often as where it is more frequent.

    Going on with the training of known rows makes no copies of them.
    """
    new = np.sort(np.concatenate([np.zeros(0, np.uint64), *more]))
    old = new[:0] if prints is None else prints.alive()
    values = np.union1d(old, new)
    counts = [np.searchsorted(h, values, "right") - np.searchsorted(h, values) for h in (old, new)]
    return Fingerprints(np.repeat(values, np.maximum(*counts)))
