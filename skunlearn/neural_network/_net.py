"""Neural nets that forget: a classifier and a regressor over skorch's."""

import numpy as np
import skorch
import torch
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from skorch.utils import is_dataset
from torch import nn

from skunlearn.neural_network._adopt import AdoptionMixin
from skunlearn.neural_network._base import UnlearnableNetMixin
from skunlearn.neural_network._data import Batches, HeldOut, ShuffledBatches

_HELD_OUT = HeldOut()  # one object, so that nets with the default compare as equal


class NeuralNetClassifier(AdoptionMixin, UnlearnableNetMixin, skorch.NeuralNetClassifier):
    """Neural net for classes that can forget rows: skorch's, with scikit-learn's manners.

    Parameters
    ----------
    module : torch.nn.Module class or instance, default=None
        None: a multilayer perceptron (`MLP`) with the shape of the data. A class is made with
        ``module__<name>`` parameters; ``in_features`` and ``out_features`` are filled in where it
        takes them. An instance is copied, and every fit starts from its weights. It gives logits
        of shape (n_samples, n_classes), or probabilities with ``criterion=torch.nn.NLLLoss``.
    hidden_layer_sizes : tuple of int, default=(128, 64)
        Of the default module.
    unlearner : Unlearner, default=None
        How rows are forgotten; None: `CalibratedTeacher`.
    keep : {"auto", "all"} or tuple of str, default="auto"
        What is kept at fit so that rows can be forgotten without those that remain: "auto", what
        the unlearner asks for; "all", to try one unlearner after the other; or names out of
        "side_model", "curvature", "reference", "importances", "output_importances", "head".
    track_rows : bool, default=True
        Keep a fingerprint of each row (8 bytes), so that rows never learned are refused.
    random_state : int, RandomState instance or None, default=None
        Weights, order of batches, dropout and unlearning; torch's global generators are left alone.
    criterion : torch criterion class, default=torch.nn.CrossEntropyLoss
    optimizer : torch optimizer class, default=torch.optim.Adam
    lr : float, default=0.001
    max_epochs : int, default=20
    batch_size : int, default=64
    train_split : callable or None, default=HeldOut(0.1)
        Rows that are held out of training; what the net says about them is the level at which
        calibrated unlearners aim. None: none, and only ``stopping=None`` works.
    iterator_train, iterator_valid : class, default=ShuffledBatches, Batches
        As in skorch; a `torch.utils.data.DataLoader` does as well, several times slower.
    input_dtype : numpy dtype or None, default="float32"
        What X is converted to; None keeps integers, for modules that look them up.
    amp : bool, default=False
        Train and predict in bfloat16 where torch's autocast allows it.
    verbose : int, default=0
        1: a table of the epochs, and a progress bar in unlearning.
    **kwargs : dict
        Further parameters of `skorch.NeuralNetClassifier` (`callbacks`, `device`, `compile`,
        `warm_start`, …) and of the parts (``module__<name>``, ``optimizer__<name>``, …).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    module_ : torch.nn.Module
        The trained module, in evaluation mode.
    history_ : skorch.history.History
        Losses and scores of each epoch.
    unlearning_history_ : list of dict
        Numbers of each step of the last request, with "seconds" since its start.
    guarantee_ : Guarantee
        What is promised about forgotten rows: approximate, and to be audited.
    n_samples_retained_ : int
        Number of rows that the net stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    NeuralNetRegressor : The same for numbers.
    skunlearn.audit.audit_unlearning : Whether it worked.

    Notes
    -----
    Nothing exact can be had for the weights of a net but training again (`Retrain`). The others
    move the net toward one that never saw the rows, and nothing bounds how far they get: audit it.
    Representations remember more than outputs show. Rows held out of training are learned from as
    well (by whoever looks at the scores, and by the calibration), so they can be forgotten, too.

    Unlike a plain skorch net it takes numbers of any type, labels of any type and DataFrames,
    shuffles its batches, is silent, and does not train the instance it was given.

    References
    ----------
    .. [1] Xu, Strohmer. "Machine Unlearning via Information Theoretic Regularization".
       arXiv:2502.05684.
    .. [2] Foster et al. "An Information Theoretic Approach to Machine Unlearning". TMLR, 2025.
       arXiv:2402.01401.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skunlearn.neural_network import FineTune, NeuralNetClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> net = NeuralNetClassifier(unlearner=FineTune(stopping=None), random_state=0).fit(X, y)
    >>> net.unlearn(X[:20], y[:20], X_retain=X[20:], y_retain=y[20:]).n_samples_retained_
    549
    """

    _kind = "classification"

    def __init__(
        self,
        module=None,
        *,
        hidden_layer_sizes=(128, 64),
        unlearner=None,
        keep="auto",
        track_rows=True,
        random_state=None,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        max_epochs=20,
        batch_size=64,
        train_split=_HELD_OUT,
        iterator_train=ShuffledBatches,
        iterator_valid=Batches,
        input_dtype="float32",
        amp=False,
        verbose=0,
        **kwargs,
    ):
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=train_split,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            verbose=verbose,
            **kwargs,
        )
        self.hidden_layer_sizes = hidden_layer_sizes
        self.unlearner = unlearner
        self.keep = keep
        self.track_rows = track_rows
        self.random_state = random_state
        self.input_dtype = input_dtype
        self.amp = amp

    @property
    def classes_(self):
        """Labels, in the order of the columns of `predict_proba`."""
        if "_labels_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no classes_ before it is fitted.")
        return self._labels_

    def _check_y(self, y, n, *, reset, classes=None):
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        if len(y) != n:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[n, len(y)]}"
            )
        if reset:
            labels = classes if classes is not None else self.classes
            self._labels_ = unique_labels(y) if labels is None else np.asarray(labels)
        unknown = np.setdiff1d(y, self._labels_)
        if len(unknown):
            raise ValueError(
                f"Got the labels {unknown[:5].tolist()}, expected some of classes_: "
                f"{self._labels_[:10].tolist()}."
            )
        return y

    def _n_outputs(self, y):
        return len(self._labels_)

    def _encode(self, y):
        order = np.argsort(self._labels_, kind="stable")
        return order[np.searchsorted(self._labels_, y, sorter=order)].astype(np.int64)

    def _decode(self, codes):
        return self._labels_[codes]

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float32
        """
        return super().predict_proba(X)

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        codes = self.predict_proba(X).argmax(axis=1)
        # the scoring callbacks of skorch pass data sets, whose targets are codes
        return codes if is_dataset(X) else self._decode(codes)


class NeuralNetRegressor(AdoptionMixin, UnlearnableNetMixin, skorch.NeuralNetRegressor):
    """Neural net for numbers that can forget rows: skorch's, with scikit-learn's manners.

    Parameters
    ----------
    module : torch.nn.Module class or instance, default=None
        None: a multilayer perceptron (`MLP`) with the shape of the data. A class is made with
        ``module__<name>`` parameters; ``in_features`` and ``out_features`` are filled in where it
        takes them. An instance is copied, and every fit starts from its weights. It gives
        predictions of shape (n_samples, n_outputs).
    hidden_layer_sizes : tuple of int, default=(128, 64)
        Of the default module.
    unlearner : Unlearner, default=None
        How rows are forgotten; None: `CalibratedTeacher`.
    keep : {"auto", "all"} or tuple of str, default="auto"
        What is kept at fit so that rows can be forgotten without those that remain: "auto", what
        the unlearner asks for; "all", to try one unlearner after the other; or names out of
        "side_model", "curvature", "reference", "importances", "output_importances", "head".
    track_rows : bool, default=True
        Keep a fingerprint of each row (8 bytes), so that rows never learned are refused.
    random_state : int, RandomState instance or None, default=None
        Weights, order of batches, dropout and unlearning; torch's global generators are left alone.
    criterion : torch criterion class, default=torch.nn.MSELoss
    optimizer : torch optimizer class, default=torch.optim.Adam
    lr : float, default=0.001
    max_epochs : int, default=20
    batch_size : int, default=64
    train_split : callable or None, default=HeldOut(0.1)
        Rows that are held out of training; their residuals are the level at which calibrated
        unlearners aim. None: none, and only ``stopping=None`` works.
    iterator_train, iterator_valid : class, default=ShuffledBatches, Batches
        As in skorch; a `torch.utils.data.DataLoader` does as well, several times slower.
    input_dtype : numpy dtype or None, default="float32"
        What X is converted to; None keeps integers, for modules that look them up.
    amp : bool, default=False
        Train and predict in bfloat16 where torch's autocast allows it.
    verbose : int, default=0
        1: a table of the epochs, and a progress bar in unlearning.
    **kwargs : dict
        Further parameters of `skorch.NeuralNetRegressor` (`callbacks`, `device`, `compile`,
        `warm_start`, …) and of the parts (``module__<name>``, ``optimizer__<name>``, …).

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained module, in evaluation mode.
    history_ : skorch.history.History
        Losses and scores of each epoch.
    unlearning_history_ : list of dict
        Numbers of each step of the last request, with "seconds" since its start.
    guarantee_ : Guarantee
        What is promised about forgotten rows: approximate, and to be audited.
    n_samples_retained_ : int
        Number of rows that the net stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    NeuralNetClassifier : The same for classes, with more unlearners.

    Notes
    -----
    The target is not scaled: put the net in a `sklearn.compose.TransformedTargetRegressor`, or
    scale y yourself.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skunlearn.neural_network import FineTune, NeuralNetRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = scale(X), scale(y)
    >>> net = NeuralNetRegressor(unlearner=FineTune(stopping=None), random_state=0).fit(X, y)
    >>> net.unlearn(X[:20], y[:20], X_retain=X[20:], y_retain=y[20:]).n_samples_retained_
    422
    """

    _kind = "regression"

    def __init__(
        self,
        module=None,
        *,
        hidden_layer_sizes=(128, 64),
        unlearner=None,
        keep="auto",
        track_rows=True,
        random_state=None,
        criterion=nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        max_epochs=20,
        batch_size=64,
        train_split=_HELD_OUT,
        iterator_train=ShuffledBatches,
        iterator_valid=Batches,
        input_dtype="float32",
        amp=False,
        verbose=0,
        **kwargs,
    ):
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=train_split,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            verbose=verbose,
            **kwargs,
        )
        self.hidden_layer_sizes = hidden_layer_sizes
        self.unlearner = unlearner
        self.keep = keep
        self.track_rows = track_rows
        self.random_state = random_state
        self.input_dtype = input_dtype
        self.amp = amp

    def _check_y(self, y, n, *, reset, classes=None):
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if y.ndim > 2 or len(y) != n:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[n, len(y)]} (y of "
                f"shape {y.shape})"
            )
        if reset:
            self._flat_ = y.ndim == 1
        elif self._shape_[1] != (1 if y.ndim == 1 else y.shape[1]):
            raise ValueError(f"Got y of shape {y.shape}, expected {self._shape_[1]} targets.")
        return y

    def _n_outputs(self, y):
        return 1 if y.ndim == 1 else y.shape[1]

    def _encode(self, y):
        return y.reshape(len(y), -1).astype(np.float32)  # a column, or the loss would broadcast

    def _decode(self, values):
        return values

    def predict(self, X):
        """Predict numbers.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        out = skorch.NeuralNet.predict_proba(self, X)
        if is_dataset(X):  # of a scoring callback of skorch, whose targets are columns
            return out
        return (out[:, 0] if self._flat_ else out).astype(np.float64)

    @property
    def predict_proba(self):
        """Not there: skorch gives regressors one, scikit-learn does not."""
        raise AttributeError("NeuralNetRegressor has no predict_proba: use predict.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
