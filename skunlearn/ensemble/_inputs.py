"""Rows as a user gives them, checked as far as this is not the inner estimator's own affair."""

import numpy as np
from scipy import sparse

from skunlearn._statistics._hashing import label_words


def as_rows(X):
    """X as something whose rows can be taken: DataFrame, CSR or ndarray."""
    if hasattr(X, "iloc"):
        return X
    if sparse.issparse(X):
        return X.tocsr()
    values = np.asarray(X)
    if values.dtype.kind == "U" and not hasattr(X, "dtype"):
        values = np.asarray(X, dtype=object)  # a list of mixed values, not all of them text
    return values


def check_dimensions(X, expected):
    """Check the form of rows that go to a composite estimator, which may take documents too."""
    if X.ndim not in ((1, 2) if expected is None else (expected,)):
        raise ValueError(
            f"Got X of {X.ndim} dimension(s), expected 2 (1 where fit was given documents). "
            "Reshape your data: X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one row."
        )
    if 0 in X.shape:
        what = "sample(s)" if X.shape[0] == 0 else "feature(s)"
        raise ValueError(
            f"Found array with 0 {what} (shape={X.shape}) while a minimum of 1 is required."
        )


def owner_words(groups):
    """64-bit words of the labels of groups."""
    groups = np.asarray(groups)
    if groups.ndim != 1:
        raise ValueError(f"Got groups of {groups.ndim} dimensions, expected a label for each row.")
    words = label_words(groups)
    missing = int(np.count_nonzero(words == label_words(np.array([np.nan]))))
    if missing:
        raise ValueError(
            f"Got groups with {missing} missing values, expected an owner for every row. Give rows "
            "without one labels of their own."
        )
    return words
