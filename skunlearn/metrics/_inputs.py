"""What `leakage_score` is given, checked: data, sensitive values, options."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import type_of_target

from skunlearn.metrics._scores import AUC, R2


def check_data(X):
    """Make X something with rows and columns; leave its types alone."""
    X = X.tocsr() if issparse(X) else X if hasattr(X, "shape") else np.asarray(X)
    if len(X.shape) != 2:
        raise ValueError(f"Got X of shape {X.shape}, expected (n_samples, n_features).")
    return X


def take_rows(X, index):
    """Rows of a table or an array."""
    return X.iloc[index] if hasattr(X, "iloc") else X[index]


def column(values, n_rows, name):
    """Check a 1-D column (one column of a table will do) against the rows of X."""
    values = values if hasattr(values, "shape") else np.asarray(values)
    if len(values.shape) == 2 and values.shape[1] == 1:
        values = values.iloc[:, 0] if hasattr(values, "iloc") else values[:, 0]
    if len(values.shape) != 1:
        raise ValueError(
            f"Got {name} of shape {values.shape}, expected (n_samples,): pass one variable at a "
            "time, or join several into one label."
        )
    if len(values) != n_rows:
        raise ValueError(f"Got X with {n_rows} rows and {name} with {len(values)}.")
    return values


def check_sensitive(sensitive, n_rows):
    """Return the sensitive values as an array of one type without missing values."""
    sensitive = column(sensitive, n_rows, "sensitive")
    missing = (
        sensitive.isna() if hasattr(sensitive, "isna") else [_is_missing(v) for v in sensitive]
    )
    if n_missing := int(np.sum(missing)):
        raise ValueError(
            f"Got {n_missing} missing values in sensitive: drop these rows, or make missing a "
            "group of its own."
        )
    values = np.asarray(sensitive)
    if values.dtype.kind == "O":
        kinds = {isinstance(v, str) for v in values}
        if len(kinds) > 1:
            raise TypeError("Got strings and other values in sensitive, expected one type.")
        values = np.asarray(values.tolist())
    return values


def _is_missing(value):
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def check_options(transformer, pass_sensitive, fitted_rows, average, level, n_permutations):
    """Refuse what is out of range, naming it."""
    if transformer is not None and fitted_rows is not None:
        raise ValueError(
            "Got both transformer and fitted_rows: fitted_rows is for X that is transformed "
            "already; leave one of them out."
        )
    if pass_sensitive not in (False, True, "fit"):
        raise ValueError(f"Got pass_sensitive={pass_sensitive!r}, expected True, False or 'fit'.")
    if average not in ("macro", "weighted"):
        raise ValueError(f"Got average={average!r}, expected 'macro' or 'weighted'.")
    if not 0 < level < 1:
        raise ValueError(f"Got level={level!r}, expected a float in (0, 1).")
    if n_permutations < 0:
        raise ValueError(f"Got n_permutations={n_permutations!r}, expected an int of 0 or more.")


def fresh_rows(fitted_rows, n_rows):
    """Mask of the rows that the map has not seen."""
    keep = np.ones(n_rows, dtype=bool)
    if fitted_rows is not None:
        rows = np.asarray(fitted_rows)
        if rows.dtype == bool and rows.shape != (n_rows,):
            raise ValueError(f"Got a fitted_rows mask of shape {rows.shape} for {n_rows} rows.")
        keep[rows] = False
    return keep


def encode(values, task, average):
    """Return the values to predict (group codes, or floats) and the metric that scores them."""
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"Got task={task!r}, expected 'auto', 'classification' or 'regression'.")
    if task == "auto":
        task = "regression" if type_of_target(values) == "continuous" else "classification"
    levels, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(levels) < 2:
        raise ValueError(
            f"Got sensitive with the values {levels.tolist()}, expected at least two to tell apart."
        )
    if task == "regression":
        smallest, need, enough, name = len(values), 30, 90, "sensitive"
        z, metric = values.astype(float), R2()
    else:
        smallest, need, enough = counts.min(), 6, 30
        name = f"group {levels[counts.argmin()].item()!r}"
        z, metric = codes, AUC(len(levels), average)
    if smallest < need:
        raise ValueError(
            f"Got {smallest} rows of {name}, expected at least {need} for three disjoint folds: "
            "pool small groups, or pass task='regression' if sensitive is a quantity."
        )
    if smallest < enough:
        warnings.warn(
            f"Only {smallest} rows of {name}: probe and interval are rough.", stacklevel=3
        )
    return z, metric


def group_codes(groups, at_least):
    """Return group codes, refusing fewer than two groups and too few rows of one."""
    levels, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(levels) < 2:
        raise ValueError(f"Got the groups {levels.tolist()}, expected at least two.")
    if sizes.min() < at_least:
        name = levels[sizes.argmin()].item()
        raise ValueError(f"Got {sizes.min()} rows of group {name!r}, expected {at_least} or more.")
    return codes
