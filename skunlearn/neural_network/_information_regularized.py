"""A net that is trained to tell little of a sensitive variable."""

import numpy as np
import torch
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.metaestimators import available_if
from skorch.dataset import Dataset
from skorch.utils import is_dataset
from torch import nn

from skunlearn.neural_network._data import arrays_of
from skunlearn.neural_network._information import information
from skunlearn.neural_network._net import NeuralNetClassifier

_PENALTIES = ("information", "energy")


def _has_no_penalty(net):
    return net.gamma == 0


class InformationRegularizedNetClassifier(NeuralNetClassifier):
    """Neural net with a penalty on what its predictions tell of a sensitive variable.

    Each step goes down loss + gamma · Î(Ŷ; Z), or gamma · Î(Ŷ; Z | Y), of a mini-batch. The
    sensitive variable Z is needed to fit and not to predict. With ``gamma=0`` it is a
    `NeuralNetClassifier`.

    Parameters
    ----------
    module : torch.nn.Module class or instance, default=None
        As in `NeuralNetClassifier`.
    gamma : float, default=1.0
        Nats of loss that a unit of the penalty is worth.
    penalty : {"information", "energy"}, default="information"
        "information": the plug-in mutual information, in nats, of Z and a label *sampled* from the
        predicted probabilities; zero as soon as each group has the same mean prediction. "energy":
        the energy distance between the probabilities of each group and those of all rows, in units
        of probability; zero only where they have the same law, class by class.
    conditional_on_target : bool, default=False
        Penalise what is told of Z among rows of one target (equalised odds in place of parity).
    **kwargs : dict
        Parameters of `NeuralNetClassifier`.

    Attributes
    ----------
    groups_ : ndarray of shape (n_groups,) or (n_groups, n_columns)
        Values of Z, or their observed combinations.
    information_ : float
        Plug-in Î(Ŷ; Z), or Î(Ŷ; Z | Y), of the rows trained on, in nats, whatever the penalty.
    information_bias_ : float
        What `information_` is expected to be where there is none: ``(K - 1)(|Z| - 1) / 2n``
        nats for K classes and n rows, at each target where `conditional_on_target`.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    module_ : torch.nn.Module
        The trained module.
    history_ : skorch.history.History
        Of each epoch; "train_loss" has the penalty in it, "valid_loss" has not.

    See Also
    --------
    skunlearn.feature_unlearning.InformationRegularizedLogisticRegression : The same, linear.
    skunlearn.metrics.leakage_score : What a probe reads of Z, on fresh rows.

    Notes
    -----
    Predictions of .1 and .9 in one group and of .5 in the other have Î(Ŷ; Z) = 0 and reveal Z:
    choose ``penalty="energy"`` where scores matter, and measure on fresh rows in any case. A batch
    of n rows shows ``(K - 1)(|Z| - 1) / 2n`` nats by chance, which the net will fit: take batches
    of some hundred rows (``batch_size=256``), larger ones for small groups. The objective is not
    convex, and what hidden layers know of Z is not touched.

    It forgets rows only with ``gamma=0``: unlearners know nothing of the penalty. Otherwise it has
    no `unlearn`; fit again without the rows.

    References
    ----------
    .. [1] Xu, Strohmer. "Machine Unlearning via Information Theoretic Regularization".
       arXiv:2502.05684.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.neural_network import InformationRegularizedNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> z = rng.integers(0, 2, 1000)
    >>> X = rng.normal(size=(1000, 3)) + z[:, None] * [1.0, 0.5, 0.0]
    >>> y = X.sum(axis=1) + rng.logistic(size=1000) > 1
    >>> options = {"batch_size": 256, "random_state": 0}
    >>> plain = InformationRegularizedNetClassifier(gamma=0, **options)
    >>> fair = InformationRegularizedNetClassifier(gamma=20, **options)
    >>> _ = plain.fit(X, y, sensitive_features=z), fair.fit(X, y, sensitive_features=z)
    >>> bool(plain.information_ > 0.01), bool(fair.information_ < 0.003)
    (True, True)
    """

    def __init__(
        self,
        module=None,
        *,
        gamma=1.0,
        penalty="information",
        conditional_on_target=False,
        **kwargs,
    ):
        super().__init__(module, **kwargs)
        self.gamma = gamma
        self.penalty = penalty
        self.conditional_on_target = conditional_on_target

    def fit(self, X, y, *, sensitive_features=None, **fit_params):
        """Fit a net with fresh weights.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Groups, of any labels; required unless ``gamma=0``.
        **fit_params : dict
            Passed to the module, as in skorch.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If sensitive features are missing, or a parameter is out of range.
        """
        self._read_groups(X, sensitive_features)
        return super().fit(X, y, **fit_params)

    def partial_fit(self, X, y=None, classes=None, *, sensitive_features=None, **fit_params):
        """Go on training, for `max_epochs` more, on these rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All labels, at the first call.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Groups; `groups_` are those of the last call.
        **fit_params : dict
            Passed to the module, as in skorch.

        Returns
        -------
        self : object
        """
        if "_routing_method" not in fit_params and not is_dataset(X):  # not called from fit
            self._read_groups(X, sensitive_features)
        return super().partial_fit(X, y, classes, **fit_params)

    unlearn = available_if(_has_no_penalty)(NeuralNetClassifier.unlearn)

    def _read_groups(self, X, sensitive_features):
        if not isinstance(self.gamma, (int, float)) or not 0 <= self.gamma < float("inf"):
            raise ValueError(f"Got gamma={self.gamma!r}, expected a number of 0 or more.")
        if self.penalty not in _PENALTIES:
            raise ValueError(f"Got penalty={self.penalty!r}, expected one of {_PENALTIES}.")
        self._codes_of_groups_ = None
        if sensitive_features is None:
            if self.gamma > 0:
                raise ValueError(
                    f"Got gamma={self.gamma} without sensitive_features: pass the sensitive "
                    "variable of the rows to fit, or choose gamma=0."
                )
            vars(self).pop("groups_", None)
            return
        values = check_array(
            sensitive_features, dtype=None, ensure_2d=False, input_name="sensitive_features"
        )
        check_consistent_length(X, values)
        columns = values.reshape(len(values), -1)
        parts = [np.unique(column, return_inverse=True) for column in columns.T]
        codes = np.stack([inverse for _, inverse in parts], axis=1)
        found, self._codes_of_groups_ = np.unique(codes, axis=0, return_inverse=True)
        named = np.stack([labels[found[:, j]] for j, (labels, _) in enumerate(parts)], axis=1)
        self.groups_ = named[:, 0] if values.ndim == 1 else named

    # -- groups travel with the targets: code of the class + number of classes * code of the group

    def _train(self, fit, X, targets, fit_params):
        groups = vars(self).pop("_codes_of_groups_", None)
        self._n_groups_ = 1 if groups is None else len(self.groups_)
        joined = targets if groups is None else targets + self._shape_[1] * groups.ravel()
        return super()._train(fit, X, joined, fit_params)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Split as skorch does; the groups of the rows held out are taken off their targets."""
        train, valid = super().get_split_datasets(X, y, **fit_params)
        if valid is not None and (found := arrays_of(valid)) is not None:
            valid = Dataset(found[0], found[1] % self._shape_[1])
        self._split_ = train, valid
        return self._split_

    def _keep(self, train, valid, **options):
        n_classes = self._shape_[1]
        if train is not None:
            X, y = train[0], train[1] % n_classes
            if getattr(self, "_n_groups_", 1) > 1:  # an adopted net has none
                self._note_information(X, y, train[1] // n_classes)
            train = X, y
        return super()._keep(train, valid, **options)

    def _note_information(self, X, y, z):
        view = self._view(self.module_)
        X, y, z = (torch.as_tensor(part, device=view.device) for part in (X, y, z))
        p = torch.softmax(view.all_outputs(X).double(), dim=1)
        self.information_ = float(
            _information(p, z, self._n_groups_, y if self.conditional_on_target else None)
        )
        n_targets = len(y.unique()) if self.conditional_on_target else 1
        free = (self._shape_[1] - 1) * (self._n_groups_ - 1)
        self.information_bias_ = n_targets * free / (2 * len(y))

    def get_loss(self, y_pred, y_true, *args, training=False, **kwargs):
        """Return the loss of a batch, in training with the penalty.

        Parameters
        ----------
        y_pred : Tensor of shape (n, n_classes)
        y_true : Tensor of shape (n,)
        *args, **kwargs
            As in skorch.
        training : bool, default=False

        Returns
        -------
        Tensor of shape ()
        """
        if not training or getattr(self, "_n_groups_", 1) == 1:
            return super().get_loss(y_pred, y_true, *args, training=training, **kwargs)
        y_true = y_true.to(y_pred.device)
        y, z = y_true % self._shape_[1], y_true // self._shape_[1]
        loss = super().get_loss(y_pred, y, *args, training=training, **kwargs)
        if self.gamma == 0:
            return loss
        proba = isinstance(self.criterion_, nn.NLLLoss)
        p = y_pred if proba else torch.softmax(y_pred, dim=1)
        of_batch = _information if self.penalty == "information" else _energy
        targets = y if self.conditional_on_target else None
        return loss + self.gamma * of_batch(p, z, self._n_groups_, targets)


def _information(p, z, n_groups, targets=None):
    """Plug-in information between a label drawn from probabilities and groups, in nats."""
    mass = nn.functional.one_hot(z, n_groups).to(p.dtype) / len(z)
    return information(p, mass, targets)


def _energy(p, z, n_groups, targets=None):
    """Energy distance of each group's scores from all scores, weighted by the groups' shares.

    Class by class, for two classes of the second one; with targets the mean over them.
    """
    if targets is not None:
        parts = [targets == code for code in targets.unique()]
        return sum(part.double().mean() * _energy(p[part], z[part], n_groups) for part in parts)
    scores = p[:, 1:] if p.shape[1] == 2 else p
    apart = (scores[:, None] - scores[None]).abs().sum(dim=2)
    member = nn.functional.one_hot(z, n_groups).to(p.dtype)
    member = member[:, member.any(dim=0)]
    share, law = member.mean(dim=0), member / member.sum(dim=0)
    to_all = (law * apart.mean(dim=1, keepdim=True)).sum(dim=0)
    within = torch.einsum("ig,ij,jg->g", law, apart, law)
    return (share * (2 * to_all - within - apart.mean())).sum()
