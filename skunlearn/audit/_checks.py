"""Refuse what an audit cannot judge."""

import numbers

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import num_samples
from skunlearn.audit._attacks import YARDSTICKS


def named_blocks(X_forget, y_forget, X_retain, y_retain, X_test, y_test):
    """Return rows and targets by name, the same number of both."""
    blocks = {
        "forget": (X_forget, y_forget),
        "retain": (X_retain, y_retain),
        "test": (X_test, y_test),
    }
    for name, (X, y) in blocks.items():
        if X is None or y is None:
            raise ValueError(f"Got no X_{name} or no y_{name}: the audit needs rows and targets.")
        if num_samples(X) != num_samples(y):
            raise ValueError(
                f"Got {num_samples(X)} rows in X_{name} and {num_samples(y)} targets in y_{name}."
            )
        if num_samples(X) < (2 if name == "test" else 1):
            raise ValueError(f"Got {num_samples(X)} rows in X_{name}: too few to audit.")
    return blocks


def check_options(original, unlearned, seconds, n_refits, tolerance, level):
    """Refuse options out of range, and models that cannot be compared."""
    if not isinstance(n_refits, numbers.Integral) or n_refits < 2:
        raise ValueError(f"Got n_refits={n_refits!r}, expected an int of 2 or more.")
    if not 0 < level < 1:
        raise ValueError(f"Got level={level!r}, expected a float in (0, 1).")
    if not 0 <= tolerance < 1:
        raise ValueError(f"Got tolerance={tolerance!r}, expected a float in [0, 1).")
    for name, model in unlearned.items():
        if name in YARDSTICKS:
            raise ValueError(f"Got a method named {name!r}, which the table has for itself.")
        if model is original:
            raise ValueError(
                "Got one object as original and unlearned model: copy the original "
                "(copy.deepcopy) before it forgets, or pass unlearned=None."
            )
        if seconds.get(name) is not None and not seconds[name] > 0:
            raise ValueError(f"Got unlearn_seconds={seconds[name]!r}, expected a positive float.")
    for model in (original, *unlearned.values()):
        if isinstance(model, BaseEstimator):
            check_is_fitted(model)
        if not hasattr(model, "predict"):
            raise ValueError(
                f"{type(model).__name__} has no predict: the audit is of classifiers and "
                "regressors; compare transformers with skunlearn.metrics.refit_distance."
            )
