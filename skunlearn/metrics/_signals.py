"""What one reads off models about rows: one number a row, the label, or probabilities."""

import numpy as np
from scipy.special import logsumexp
from sklearn.utils.validation import column_or_1d

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._rows import join
from skunlearn.metrics._learners import flat_target, is_classification

SIGNALS = ("label", "proba", "loss", "margin")
NAMES = {
    "confidence": "logit of the probability of the true label",
    "margin": "decision value of the true label, less the largest other",
    "residual": "residual, in standard deviations of the target",
    "loss": "minus the loss",
    "entropy": "minus the entropy of predict_proba",
}


class SignalReader:
    """Reads one number a row off each model; the same number for all models.

    Parameters
    ----------
    models : list of estimator
        All models that are attacked, and the learner.
    y : ndarray of shape (n_rows,)
        Targets of the rows.
    method : {"lira", "u-lira", "loss", "entropy"}
    """

    def __init__(self, models, y, method):
        y = flat_target(y)
        self.classifies = is_classification(models[0], y)
        self.y = column_or_1d(y) if self.classifies else _numbers(y)
        self.scale = 1.0 if self.classifies else float(np.std(self.y)) or 1.0
        self.kind = _kind(models, self.classifies, method)
        self.is_loss = method == "loss"

    @property
    def name(self):
        """What is read, in words."""
        return NAMES["loss" if self.is_loss else self.kind]

    def read(self, model, X):
        """Return what one model says: an array of shape (n_rows,), or (n_rows, 2) of logarithms."""
        if self.kind == "residual":
            predicted = flat_target(model.predict(X)).astype(float)
            if predicted.ndim > 1:
                raise ValueError("Got a model of several targets: attack each by itself.")
            return (self.y - predicted) / self.scale
        if self.kind == "margin":
            return _margin(model, X, self.y)
        logs = _log_probabilities(model, X)
        if self.kind == "entropy":
            finite = np.where(np.isfinite(logs), logs, 0.0)
            return (np.exp(logs) * finite).sum(axis=1)
        return _confidence(logs, label_columns(model, self.y))

    def finish(self, answers):
        """Turn the answers of all models into an array of shape (n_models, n_rows).

        A probability of 0 counts as half of the smallest that any of them gave: forests say 0, and
        mean less than the least share that they can say.
        """
        answers = np.array(answers)
        if self.kind == "residual":
            return -(answers**2) if self.is_loss else answers
        if self.kind != "confidence":
            return answers
        finite = answers[np.isfinite(answers)]
        floor = finite.min(initial=0.0) - np.log(2.0)
        answers = np.where(np.isneginf(answers), floor, answers)
        return answers[..., 0] if self.is_loss else answers[..., 0] - answers[..., 1]


def signals_of(estimator, parts, signal):
    """Read a signal off a fitted model for several sets of rows, all of them alike.

    Parameters
    ----------
    estimator : estimator
    parts : dict of str to (X, y)
        y is needed for "loss" and "margin".
    signal : {"label", "proba", "loss", "margin"}

    Returns
    -------
    dict of str to ndarray of shape (n_samples,) or (n_samples, n_classes - 1)
    """
    if signal not in SIGNALS:
        raise ValueError(f"Got signal={signal!r}, expected one of {list(SIGNALS)}.")
    if signal == "label":
        return {name: np.asarray(estimator.predict(X)).ravel() for name, (X, _) in parts.items()}
    if signal == "proba":
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"Got signal='proba' for {type(estimator).__name__}, which has no predict_proba: "
                "take 'label', 'loss', or pass arrays of your own with estimator=None."
            )
        return {
            name: np.asarray(estimator.predict_proba(X))[:, 1:] for name, (X, _) in parts.items()
        }
    X, y = None, []
    for name, (rows, targets) in parts.items():
        if targets is None:
            raise ValueError(f"Got signal={signal!r} without y_{name}: pass the targets as well.")
        X = rows if X is None else join(X, rows)
        y.append(np.asarray(targets))
    reader = SignalReader([estimator], np.concatenate(y), "loss" if signal == "loss" else "lira")
    if signal == "margin" and not reader.classifies:
        raise ValueError(
            f"Got signal='margin' for {type(estimator).__name__}, which is no classifier: take "
            "'loss', or 'label' for its predictions."
        )
    values = reader.finish([reader.read(estimator, X)])[0]
    ends = np.cumsum([num_samples(rows) for rows, _ in parts.values()])[:-1]
    values = -values if signal == "loss" else values
    return dict(zip(parts, np.split(values, ends), strict=True))


def label_columns(model, y):
    """Column of each label among the classes of a model; -1 where it has none."""
    classes = np.asarray(model.classes_)
    places = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    return np.where(classes[places] == y, places, -1)


def _numbers(y):
    if y.ndim > 1:
        raise ValueError(f"Got targets of shape {y.shape}: attack each target by itself.")
    return y.astype(float)


def _kind(models, classifies, method):
    """Choose the signal: probabilities where all models have them, else decision values."""
    if not classifies:
        if method == "entropy":
            raise ValueError("Got method='entropy' for a regressor: take 'lira' or 'loss'.")
        return "residual"
    if all(hasattr(m, "predict_proba") for m in models):
        return "entropy" if method == "entropy" else "confidence"
    lacking = next(m for m in models if not hasattr(m, "predict_proba"))
    no_probabilities = f"{type(lacking).__name__} has no predict_proba"
    if method == "entropy":
        raise ValueError(f"{no_probabilities}: take method='lira' or 'loss'.")
    if not all(hasattr(m, "decision_function") for m in models):
        raise ValueError(
            f"{no_probabilities}, and not all models have a decision_function: predicted labels "
            "alone are not attacked here."
        )
    return "margin"


def _log_probabilities(model, X):
    with np.errstate(divide="ignore"):
        if hasattr(model, "predict_log_proba"):
            return np.asarray(model.predict_log_proba(X), dtype=float)
        return np.log(np.asarray(model.predict_proba(X), dtype=float))


def _confidence(logs, columns):
    """Logarithms of the probability of the true label, and of all the others together."""
    known = columns >= 0
    rows = np.flatnonzero(known)
    own = np.full(len(logs), -np.inf)
    own[rows] = logs[rows, columns[rows]]
    others = logs.copy()
    others[rows, columns[rows]] = -np.inf
    with np.errstate(divide="ignore"):
        return np.column_stack([own, logsumexp(others, axis=1)])


def _margin(model, X, y):
    scores = np.asarray(model.decision_function(X), dtype=float)
    columns = label_columns(model, y)
    if scores.ndim == 1 or scores.shape[1] == 1:
        scores = scores.ravel()
        return np.where(columns == 1, scores, -scores)
    rows = np.flatnonzero(columns >= 0)
    own = np.full(len(scores), scores.min())
    own[rows] = scores[rows, columns[rows]]
    scores = scores.copy()
    scores[rows, columns[rows]] = -np.inf
    return own - scores.max(axis=1)
