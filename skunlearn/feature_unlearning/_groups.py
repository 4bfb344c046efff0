"""Groups of rows: the observed combinations of their sensitive values."""

import numpy as np

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._hashing import label_words
from skunlearn.feature_unlearning._tables import is_frame, shown, take

UNKNOWN = -1  # code of a row whose sensitive features are missing


def value_columns(values):
    """Columns of the keyword ``sensitive_features`` as one-dimensional arrays."""
    if is_frame(values):
        return [np.asarray(take(values, [j])).ravel() for j in range(values.shape[1])]
    if isinstance(values, (list, tuple)):
        depth = 2 if len(values) and isinstance(values[0], (list, tuple)) else 1
        text = any(isinstance(v, str) for row in values for v in (row if depth == 2 else [row]))
        values = np.array(values, dtype=object) if text else np.asarray(values)
    values = np.asarray(values)
    if values.ndim == 1:
        return [values]
    if values.ndim == 2 and values.shape[1]:
        return list(values.T)
    raise ValueError(
        f"Got sensitive_features of shape {values.shape}, expected (n_samples,) or "
        "(n_samples, n_columns)."
    )


def sensitive_values(X, sensitive_features, columns):
    """Collect the sensitive values of some rows: a list of one-dimensional arrays."""
    if not columns.external:
        return [np.asarray(take(X, [j])).ravel() for j in columns.sensitive]
    values = value_columns(sensitive_features)
    lengths = {len(column) for column in values}
    if lengths != {num_samples(X)} or len(values) != columns.external:
        raise ValueError(
            f"Got sensitive_features of {len(values)} columns and {lengths.pop()} rows, expected "
            f"{columns.external} columns, as at fit, and {num_samples(X)} rows, as X has."
        )
    return values


def _label(value):
    """Make a canonical Python value: whole numbers as int, whatever the type of the column."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, str) else value


def _is_missing(value):
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _factorise(values):
    """Codes and distinct labels of one column; missing values have the code -1."""
    if values.dtype.kind in "mM":  # as Python's own dates, not as numbers of nanoseconds
        values = values.astype(f"{values.dtype.kind}8[us]").astype(object)
    if values.dtype.kind in "biufUS":
        labels, codes = np.unique(values, return_inverse=True)
        labels = labels.tolist()
    else:
        seen = {}
        codes = np.array([seen.setdefault(v, len(seen)) for v in values.tolist()], dtype=np.intp)
        labels = list(seen)
    recode, distinct = np.empty(len(labels), dtype=np.intp), {}
    for i, value in enumerate(labels):
        if _is_missing(value):
            recode[i] = UNKNOWN
        else:
            recode[i] = distinct.setdefault(_label(value), len(distinct))
    return recode[codes] if len(labels) else codes.astype(np.intp), list(distinct)


def read_groups(values, n_rows):
    """Group of each row: the combination of its sensitive values.

    Parameters
    ----------
    values : list of ndarray of shape (n_rows,)
        One a sensitive column; an empty list is one group, ``()``.

    Returns
    -------
    codes : ndarray of shape (n_rows,), int
        Position in `groups`, or -1 where a sensitive value is missing.
    groups : list of tuple
        The observed combinations, as Python values.
    words : ndarray of shape (n_rows, n_columns), uint64
        What fingerprints hash of the sensitive values.
    """
    codes, missing = np.zeros(n_rows, dtype=np.int64), np.zeros(n_rows, dtype=bool)
    words = np.zeros((n_rows, len(values)), dtype=np.uint64)
    groups = [()]
    for i, column in enumerate(values):
        column_codes, labels = _factorise(column)
        missing |= column_codes < 0
        labels.append(None)  # stands last, where the code -1 of a missing value points
        words[:, i] = label_words(np.array(labels, dtype=object))[column_codes]
        n = len(labels)
        observed, codes = np.unique(codes * n + column_codes % n, return_inverse=True)
        groups = [(*groups[joint // n], labels[joint % n]) for joint in observed.tolist()]
    codes[missing] = UNKNOWN
    used = np.unique(codes[~missing])
    codes[~missing] = np.searchsorted(used, codes[~missing])
    return codes, [groups[code] for code in used.tolist()], words


def refuse_missing(codes):
    """Refuse rows to learn of which no group is known."""
    n_missing = np.count_nonzero(codes == UNKNOWN)
    if n_missing:
        raise ValueError(
            f"The sensitive features of {n_missing} rows are missing (NaN or None). Leave these "
            'rows out, or give the missing value a label of its own, such as "unknown": then it '
            "is a group like the others."
        )


def in_order(groups):
    """Sort groups by value where they compare, else by type and text."""
    try:
        return sorted(groups)
    except TypeError:
        return sorted(groups, key=lambda group: [(type(v).__name__, repr(v)) for v in group])


def codes_among(known, codes, groups):
    """Codes of rows relative to the groups of the fit; a group never seen is refused."""
    places = {group: i for i, group in enumerate(known)}
    new = [group for group in groups if group not in places]
    if new:
        raise ValueError(
            f"Got rows of the group {shown(new)}, which fit has never seen. Known groups: "
            f"{shown(known)}. Fit with rows of it, or merge it with a known group beforehand."
        )
    return np.array([places[group] for group in groups] + [UNKNOWN])[codes]
