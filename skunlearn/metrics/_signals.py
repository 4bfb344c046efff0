"""What one reads off a model about rows: the label, probabilities, the loss or the margin."""

import numpy as np

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._rows import join
from skunlearn.metrics._attack_signals import SignalReader

SIGNALS = ("label", "proba", "loss", "margin")


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
