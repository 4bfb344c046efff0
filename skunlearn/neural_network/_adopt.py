"""Nets that others trained: plain torch modules, and fitted skorch nets."""

import copy
import warnings

import numpy as np
from sklearn.utils import check_random_state
from torch import nn

from skunlearn.neural_network._modules import fresh_module


class AdoptionMixin:
    """Class methods that make an unlearnable net of a trained one."""

    @classmethod
    def from_module(
        cls,
        module,
        *,
        classes=None,
        X=None,
        y=None,
        X_valid=None,
        y_valid=None,
        initial_module=None,
        **params,
    ):
        """Adopt a trained torch module.

        Parameters
        ----------
        module : torch.nn.Module
            The trained module; it is copied.
        classes : array-like of shape (n_classes,), default=None
            Labels in the order of its outputs; required for classifiers.
        X, y : array-like, default=None
            The rows that it was trained on. Without them nothing tells whether rows to forget were
            learned, and nothing is kept for unlearners that do without retained rows.
        X_valid, y_valid : array-like, default=None
            Rows that it was not trained on, for the calibration.
        initial_module : torch.nn.Module class or instance, default=None
            What training starts from, for `Retrain` and further fits. None: the same module with
            the weights of all its parts reset.
        **params : dict
            Parameters of the net.

        Returns
        -------
        net : NeuralNetClassifier or NeuralNetRegressor
            Fitted.

        Raises
        ------
        ValueError
            If classes are missing, or a part of the module cannot be reset.

        Warns
        -----
        UserWarning
            If there are no unseen rows: calibrated unlearners will refuse.
        """
        if not isinstance(module, nn.Module):
            raise ValueError(f"Got module={module!r}, expected an instance of torch.nn.Module.")
        initial = fresh_module(module, {}) if initial_module is None else initial_module
        net = cls(initial, **params)
        return net._adopt(module, classes, (X, y), (X_valid, y_valid))

    @classmethod
    def from_net(cls, net, *, X=None, y=None, X_valid=None, y_valid=None, classes=None, **params):
        """Adopt a fitted skorch net, with its parameters.

        Parameters
        ----------
        net : skorch.NeuralNet
            Fitted; its module is copied.
        X, y : array-like, default=None
            The rows that it was trained on, see `from_module`.
        X_valid, y_valid : array-like, default=None
            Rows that it was not trained on, for the calibration.
        classes : array-like of shape (n_classes,), default=None
            Labels; those of the net if None.
        **params : dict
            Parameters that are to be others, `unlearner` among them.

        Returns
        -------
        net : NeuralNetClassifier or NeuralNetRegressor
            Fitted.

        Raises
        ------
        ValueError
            If the net is not fitted.

        Warns
        -----
        UserWarning
            If there are no unseen rows: calibrated unlearners will refuse.
        """
        if not getattr(net, "initialized_", False):
            raise ValueError(f"Got a {type(net).__name__} that is not fitted: fit it first.")
        theirs = {k: v for k, v in net.get_params(deep=False).items() if not k.startswith("_")}
        if isinstance(theirs["module"], nn.Module):  # trained in place by skorch
            theirs["module"] = fresh_module(theirs["module"], net.get_params_for("module"))
        classes = getattr(net, "classes_", None) if classes is None else classes
        adopted = cls(**(theirs | {"verbose": 0} | params))
        return adopted._adopt(net.module_, classes, (X, y), (X_valid, y_valid))

    def _adopt(self, module, classes, train, valid):
        known = next((rows for rows in (train, valid) if rows[0] is not None), None)
        if self._kind == "classification" and classes is None:
            raise ValueError(
                f"{type(self).__name__} needs classes, the labels in the order of the outputs."
            )
        if known is not None:
            self._check_rows(*known, reset=True, classes=classes)
        else:  # the number of columns is that of the first rows to come
            self._labels_, self._flat_ = classes if classes is None else np.asarray(classes), True
            self._shape_ = (0, 1 if classes is None else len(classes))
        self._seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        with self._own_randomness(0, 0):
            self.initialize()
            self.module_ = copy.deepcopy(module).to(self.device).eval()
            self._initialize_optimizer()
        if valid[0] is None:
            warnings.warn(
                "Adopted without X_valid and y_valid: there is no level of unseen rows, so "
                "unlearners take stopping=None, or refuse. Pass rows the net was not trained on.",
                UserWarning,
                stacklevel=3,
            )
        self._keep(self._given(train), self._given(valid), tracked=train[0] is not None)
        return self

    def _given(self, rows):
        """Validate rows, if there are any, and encode their targets."""
        if rows[0] is None:
            return None
        X, y = self._check_rows(*rows, reset=False)
        return X, self._encode(y)
