"""Sensitive-feature plumbing: which columns are sensitive, which group a row is in, what goes out.

Knows no statistics: rows in, numeric columns and groups out, and the table put together again.
"""

import dataclasses
import warnings
from numbers import Integral, Number

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._hashing import label_words

FLOATS = [np.float64, np.float32]
UNKNOWN = -1  # code of a row whose sensitive features are missing
_SHOWN = 10  # names, groups or columns that a message lists
_SAMPLE = 2048  # rows that are searched for atoms


@dataclasses.dataclass(frozen=True)
class Columns:
    """Roles of the columns, fixed at the first fit.

    Parameters
    ----------
    n_in : int
        Number of columns of X.
    sensitive : tuple of int
        Sensitive columns inside X, in the order of a group's values.
    numeric : tuple of int
        Numeric columns that go out, in order: what the moments are taken of.
    moved : tuple of int
        Positions within `numeric` of the columns that the map moves.
    out : tuple of int
        All columns that go out, in order.
    external : int
        Number of columns of ``sensitive_features=``; 0 where they are in X.
    """

    n_in: int
    sensitive: tuple
    numeric: tuple
    moved: tuple
    out: tuple
    external: int = 0

    @property
    def plain(self):
        """Whether all that goes out is numeric."""
        return self.out == self.numeric


def shown(items):
    """A list for a message, cut where it gets long."""
    items = list(items)
    more = f", … ({len(items)} in all)" if len(items) > _SHOWN else ""
    return ", ".join(str(item) for item in items[:_SHOWN]) + more


# -- tables: pandas-like objects and arrays, one way to read both ---------------------------------


def is_frame(X):
    """Whether X has columns of its own types."""
    return hasattr(X, "columns") and getattr(X, "ndim", 2) == 2


def take(X, columns):
    """Some columns of a frame or an array."""
    columns = list(columns)
    return X.iloc[:, columns] if hasattr(X, "iloc") else X[:, columns]


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
    """Some columns as floats; an error names the first column that holds no numbers."""
    block = take(X, columns)
    try:
        return check_array(
            block,
            dtype=FLOATS,
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


# -- sensitive columns ----------------------------------------------------------------------------


def resolve_columns(selection, X):
    """Positions of the sensitive columns, from names, positions, a mask or a callable.

    Parameters
    ----------
    selection : str, int, list of these, boolean mask, slice of int or callable
    X : frame or ndarray

    Returns
    -------
    tuple of int
    """
    n_columns = X.shape[1]
    chosen = selection(X) if callable(selection) else selection
    if isinstance(chosen, slice):
        chosen = range(n_columns)[chosen]
    chosen = [chosen] if isinstance(chosen, (str, Integral)) else list(chosen)
    if callable(selection) and not chosen:
        raise ValueError(
            "Got a callable as sensitive_columns that selects no column of X. Pass the columns by "
            "name, or [] if there is nothing to forget."
        )
    if chosen and all(isinstance(entry, (bool, np.bool_)) for entry in chosen):
        if len(chosen) != n_columns:
            raise ValueError(
                f"Got a mask of length {len(chosen)} as sensitive_columns, expected {n_columns}: "
                "one entry for each column of X."
            )
        return tuple(int(j) for j in np.flatnonzero(chosen))
    positions = tuple(_position(entry, X, n_columns) for entry in chosen)
    if len(set(positions)) < len(positions):
        raise ValueError(f"Got sensitive_columns={chosen}, in which a column appears twice.")
    return positions


def _position(entry, X, n_columns):
    if isinstance(entry, str):
        names = list(X.columns) if is_frame(X) else None
        if names is None:
            raise ValueError(
                f"Got sensitive column {entry!r}, but X is an array without names: pass positions, "
                "or a DataFrame."
            )
        if entry not in names:
            raise ValueError(
                f"Got sensitive column {entry!r}, which is not a column of X: {shown(names)}."
            )
        return names.index(entry)
    if isinstance(entry, Integral) and not isinstance(entry, (bool, np.bool_)):
        if not -n_columns <= entry < n_columns:
            raise ValueError(f"Got sensitive column {entry}, but X has {n_columns} columns.")
        return int(entry) % n_columns
    raise ValueError(
        f"Got {entry!r} in sensitive_columns, expected names, positions or a boolean mask."
    )


def choose_columns(estimator, X, sensitive_features):
    """Roles of the columns at the first fit.

    Returns
    -------
    Columns
    """
    name, selection, given = type(estimator).__name__, estimator.sensitive_columns, sensitive_features
    if selection is None and given is None:
        raise ValueError(
            f"{name} does not know what to forget: name the sensitive columns of X with "
            "sensitive_columns=[...], or pass the sensitive values to fit with "
            "sensitive_features=... (sensitive_columns=[] changes nothing)."
        )
    refuse_both(estimator, given)
    sensitive = () if selection is None else resolve_columns(selection, X)
    external = 0 if given is None else len(_value_columns(given))
    n_in = X.shape[1]
    moved = [j for j in range(n_in) if j not in sensitive]
    if not moved:
        raise ValueError("All columns of X are sensitive: there is none left to transform.")
    out = moved if not estimator.keep_sensitive else range(n_in)
    numeric = [j for j in out if j in moved or holds_numbers(X, j)]
    if len(numeric) < len(out):  # the sensitive columns are kept together, in the sums or out
        numeric = moved
    places = tuple(i for i, j in enumerate(numeric) if j in moved)
    return Columns(n_in, sensitive, tuple(numeric), places, tuple(out), external)


def refuse_both(estimator, sensitive_features):
    """Two sources for one thing are one too many."""
    if estimator.sensitive_columns is not None and sensitive_features is not None:
        raise ValueError(
            f"Got sensitive_features beside sensitive_columns={estimator.sensitive_columns!r}: "
            "leave one of the two at None."
        )


# -- groups ---------------------------------------------------------------------------------------


def _value_columns(values):
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
    """The sensitive values of some rows: a list of one-dimensional arrays."""
    if not columns.external:
        return [np.asarray(take(X, [j])).ravel() for j in columns.sensitive]
    values = _value_columns(sensitive_features)
    lengths = {len(column) for column in values}
    if lengths != {num_samples(X)} or len(values) != columns.external:
        raise ValueError(
            f"Got sensitive_features of {len(values)} columns and {lengths.pop()} rows, expected "
            f"{columns.external} columns, as at fit, and {num_samples(X)} rows, as X has."
        )
    return values


def _label(value):
    """A canonical Python value: whole numbers as int, whatever the type of the column."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, str) else value


def _is_missing(value):
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _factorise(values):
    """Codes and distinct labels of one column; missing values have the code -1."""
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


def in_order(groups):
    """Groups sorted by value where they compare, else by type and text."""
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


# -- atoms ----------------------------------------------------------------------------------------


def columns_with_atoms(X):
    """Positions of columns that take the same values again and again, in a sample of the rows.

    An atom is a value that a tenth of the rows share (and ten rows at least); a column also
    counts if its values are taken by four rows each on average. Constant columns have none.
    """
    sample = X[np.unique(np.linspace(0, len(X) - 1, min(len(X), _SAMPLE)).astype(int))]
    n_rows, found = len(sample), []
    for j, column in enumerate(sample.T):
        counts = np.unique(column, return_counts=True)[1]
        if len(counts) > 1 and (
            counts.max() >= max(0.1 * n_rows, 10) or 4 * len(counts) <= n_rows
        ):
            found.append(j)
    return found


def warn_of_atoms(name, names):
    """Say that a real-valued map leaves traces in columns of few values."""
    warnings.warn(
        f"{len(names)} of the columns that {name} moves repeat a few values: {shown(names)}. Each "
        "group's copies of a value land at a place of their own, from which a tree can read the "
        "group. Keep categories, indicators and counts out of this step (for instance with a "
        'ColumnTransformer), or check with skunlearn.metrics.leakage_score(probe="boosting"). '
        'Silence: warnings.filterwarnings("ignore", "[0-9]+ of the columns that").',
        UserWarning,
        stacklevel=2,
    )


# -- what transformers share ----------------------------------------------------------------------


class SensitiveTransformerMixin(OneToOneFeatureMixin):
    """Transformers with `sensitive_columns` and `keep_sensitive`, after a fit that sets `_columns`."""

    def _read(self, request, reset):
        """Rows to learn or to forget: numeric block, codes, groups, words, roles of the columns."""
        X = as_table(self, request.X, reset, allow_empty=not reset)
        given = request.sensitive_features
        columns = choose_columns(self, X, given) if reset else self._columns
        if not reset:
            self._check_source(given)
        numeric = numeric_block(self, X, columns.numeric, allow_empty=not reset)
        values = sensitive_values(X, given, columns)
        codes, groups, words = read_groups(values, len(numeric))
        if (codes == UNKNOWN).any():
            raise ValueError(
                f"The sensitive features of {np.count_nonzero(codes == UNKNOWN)} rows are missing "
                "(NaN or None). Leave these rows out, or give the missing value a label of its "
                'own, such as "unknown": then it is a group like the others.'
            )
        return numeric, codes, groups, words, columns

    def _check_source(self, sensitive_features):
        """Refuse sensitive values that do not come from where they came from at fit."""
        refuse_both(self, sensitive_features)
        if self._columns.external and sensitive_features is None:
            raise ValueError(
                "Got no sensitive_features: pass those of these rows, as to fit "
                "(sensitive_features=...)."
            )
        if not self._columns.external and sensitive_features is not None:
            raise ValueError(
                "Got sensitive_features, but this model was fitted with sensitive columns inside X."
            )

    def _without_sensitive(self, X):
        """Whether X comes without the sensitive columns that fit found in it."""
        columns = self._columns
        if columns.external or not columns.sensitive or num_columns(X) is None:
            return False
        if num_columns(X) != columns.n_in - len(columns.sensitive):
            return False
        if is_frame(X) and hasattr(self, "feature_names_in_"):
            expected = np.delete(self.feature_names_in_, columns.sensitive)
            return list(X.columns) == list(expected)
        return True

    def _assemble(self, X, numeric):
        """The table that goes out: an array, or a copy of X where non-numeric columns are kept."""
        columns = self._columns
        if columns.plain:
            return numeric
        if hasattr(X, "isetitem"):
            out = X.copy()
            for i, j in enumerate(columns.numeric):
                out.isetitem(j, numeric[:, i])
            return out
        out = np.array(X, dtype=object)
        out[:, list(columns.numeric)] = numeric
        return out

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; those seen at fit, or x0, x1, …, if None.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        return super().get_feature_names_out(input_features)[list(self._columns.out)]


def num_columns(X):
    """Number of columns of a table, None where it has none."""
    shape = np.shape(X)
    return shape[1] if len(shape) == 2 else None
