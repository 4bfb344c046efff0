"""Tables, pandas-like or arrays: one way to check and to read both."""

from numbers import Number

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

FLOATS = (np.float64, np.float32)
_SHOWN = 10  # names, groups or columns that a message lists
_SAMPLE = 2048  # rows that are searched for atoms


def shown(items):
    """Join a list for a message, cut where it gets long."""
    items = list(items)
    more = f", … ({len(items)} in all)" if len(items) > _SHOWN else ""
    return ", ".join(str(item) for item in items[:_SHOWN]) + more


def is_frame(X):
    """Whether X has columns of its own types."""
    return hasattr(X, "columns") and getattr(X, "ndim", 2) == 2


def take(X, columns):
    """Select columns of a frame or an array."""
    columns = list(columns)
    if hasattr(X, "iloc"):
        return X.iloc[:, columns]
    return X if columns == list(range(X.shape[1])) else X[:, columns]  # all of them: no copy


def as_table(estimator, X, reset, allow_empty=False):
    """Check names and number of columns; frames stay frames, all else becomes an array."""
    if is_frame(X):
        return validate_data(estimator, X, reset=reset, skip_check_array=True)
    if isinstance(X, (list, tuple)) and any(_has_text(row) for row in X):
        X = np.array(X, dtype=object)  # numpy would turn the numbers beside text into text
    return validate_data(
        estimator,
        X,
        reset=reset,
        dtype=None,
        ensure_all_finite=False,
        ensure_min_samples=0 if allow_empty else 1,
    )


def _has_text(row):
    return isinstance(row, (list, tuple)) and any(isinstance(value, str) for value in row)


def numeric_block(estimator, X, columns, allow_empty=False):
    """Give some columns as floats; an error names the first column that holds no numbers."""
    block = take(X, columns)
    try:
        return check_array(
            block,
            dtype=list(FLOATS),
            ensure_min_samples=0 if allow_empty else 1,
            input_name="X",
            estimator=estimator,
        )
    except ValueError as error:
        culprit = next((j for j in columns if not _converts(take(X, [j]))), None)
        if culprit is None:
            raise
        name = X.columns[culprit] if is_frame(X) else culprit
        raise ValueError(
            f"Column {name!r} holds values that are no numbers ({error}), and "
            f"{type(estimator).__name__} moves numbers only. Name it in sensitive_columns if it "
            "is sensitive; otherwise pass it around this step with a ColumnTransformer."
        ) from error


def _converts(column):
    try:
        np.asarray(column).astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def holds_numbers(X, column):
    """Whether a column holds numbers by its type, or by each value where the type is object."""
    values = np.asarray(take(X, [column]))
    if values.dtype.kind != "O":
        return values.dtype.kind in "biuf"
    return all(isinstance(value, Number) for value in values.ravel().tolist())


def columns_of_labels(X, places=None):
    """Name the columns that hold something other than numbers; none of a sparse matrix.

    Parameters
    ----------
    X : frame, ndarray or sparse matrix
    places : sequence of int, default=None
        Where the columns of an array stand in the one that the user knows.

    Returns
    -------
    list of str
    """
    if sparse.issparse(X):
        return []
    names = X.columns if is_frame(X) else range(X.shape[1]) if places is None else places
    return [repr(name) for j, name in enumerate(names) if not _converts(take(X, [j]))]


def num_columns(X):
    """Count the columns of a table; None where it has none."""
    shape = np.shape(X)
    return shape[1] if len(shape) == 2 else None


def columns_with_atoms(X):
    """Positions of columns that take the same values again and again, in a sample of the rows.

    An atom is a value that a tenth of the rows share (and ten rows at least); a column also
    counts if its values are taken by four rows each on average. Constant columns have none.
    """
    sample = X[np.unique(np.linspace(0, len(X) - 1, min(len(X), _SAMPLE)).astype(int))]
    n_rows, found = len(sample), []
    for j, column in enumerate(sample.T):
        counts = np.unique(column, return_counts=True)[1]
        if len(counts) > 1 and (counts.max() >= max(0.1 * n_rows, 10) or 4 * len(counts) <= n_rows):
            found.append(j)
    return found
