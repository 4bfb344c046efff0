"""Mixed tables in and out: roles of the columns, how each is read, and the same types again."""

import dataclasses
import sys

import numpy as np

from skunlearn._statistics._hashing import hash_rows, label_words
from skunlearn.feature_unlearning._base import resolve_columns
from skunlearn.feature_unlearning._tables import is_frame, shown, take
from skunlearn.feature_unlearning._triangular_codes import (
    as_numbers,
    holds_numbers,
    is_missing,
    missing_mask,
)


@dataclasses.dataclass(frozen=True)
class Kinds:
    """How the columns that are moved are read, fixed at fit.

    Parameters
    ----------
    moved : tuple of int
        Their positions in X.
    keys : tuple of int
        Positions of the columns that say whose row it is.
    out : tuple of int
        Positions of all columns that go out.
    numeric : tuple of bool
        Of each moved column.
    dtypes : tuple
        Of each moved column of a frame, else of the array.
    """

    moved: tuple
    keys: tuple
    out: tuple
    numeric: tuple
    dtypes: tuple


def column_array(X, j):
    """Return a column as an array: of objects where it holds no plain numbers."""
    if hasattr(X, "iloc"):
        column = X.iloc[:, j]
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
            return column.to_numpy()
        return np.asarray(column, dtype=object)
    values = np.asarray(take(X, [j])).ravel()
    return values if values.dtype.kind in "biuf" else values.astype(object)


def choose_kinds(X, columns, key_columns, categorical):
    """Roles and kinds of the columns at fit.

    Parameters
    ----------
    X : frame or ndarray
    columns : Columns
    key_columns, categorical : selections
        As `resolve_columns` takes; None: none, and by type.
    """
    keys = () if key_columns is None else resolve_columns(key_columns, X, "key_columns")
    both = sorted(set(keys) & set(columns.sensitive))
    if both:
        raise ValueError(f"Got columns {shown(both)} as key_columns and as sensitive_columns.")
    moved = tuple(j for j in range(columns.n_in) if j not in columns.sensitive and j not in keys)
    if not moved:
        raise ValueError("All columns of X are sensitive or keys: there is none left to transform.")
    chosen = None if categorical is None else resolve_columns(categorical, X, "categorical_columns")
    numeric, dtypes = [], []
    for j in moved:
        values = column_array(X, j)
        numbers = holds_numbers(values)
        if chosen is not None and j not in chosen and not numbers:
            raise ValueError(
                f"Column {_name(X, j)!r} holds values that are no numbers: name it in "
                "categorical_columns, or leave that at None."
            )
        numeric.append(numbers if chosen is None else j not in chosen)
        dtypes.append(X.dtypes.iloc[j] if hasattr(X, "iloc") else np.asarray(take(X, [j])).dtype)
    out = tuple(j for j in columns.out if j not in keys)
    return Kinds(moved, keys, out, tuple(numeric), tuple(dtypes))


def _name(X, j):
    return X.columns[j] if is_frame(X) else j


def read_columns(X, kinds):
    """Columns to move: floats, or labels as objects."""
    out = []
    for j, numeric in zip(kinds.moved, kinds.numeric, strict=True):
        values = column_array(X, j)
        if not numeric:
            out.append(values.astype(object))
            continue
        try:
            values = as_numbers(values)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Column {_name(X, j)!r} held numbers at fit, and holds values that are none "
                f"({error})."
            ) from error
        if np.isinf(values).any():
            raise ValueError(f"Input X contains infinity (column {_name(X, j)!r}).")
        out.append(values)
    return out


def row_hashes(X, kinds, words, key):
    """Keyed hashes: of the key columns where there are some, else of the whole row and its group.

    Returns
    -------
    ndarray of shape (n,), uint64
    """
    blocks = [label_words(column_array(X, j))[:, None] for j in kinds.keys or kinds.moved]
    return hash_rows(blocks if kinds.keys else [*blocks, words], key)


def assemble(X, kinds, columns, repaired, replaced):
    """Make the table that goes out, of the types that came in.

    Parameters
    ----------
    X : frame or ndarray
    kinds : Kinds
    columns : list of ndarray
        As `read_columns` gives them.
    repaired : list of ndarray
    replaced : ndarray of shape (n,), bool
        Rows that go out repaired.
    """
    new = {}
    for j, old, value, dtype in zip(kinds.moved, columns, repaired, kinds.dtypes, strict=True):
        mixed = np.where(replaced, value, old)
        new[j] = mixed, dtype
    if hasattr(X, "isetitem"):
        out = X.iloc[:, list(kinds.out)].copy()
        for place, j in enumerate(kinds.out):
            if j in new:
                out.isetitem(place, _series(*new[j], out))
        return out
    parts = [_typed(*new[j]) if j in new else column_array(X, j) for j in kinds.out]
    dtype = np.result_type(*parts) if all(p.dtype.kind in "biuf" for p in parts) else object
    out = np.empty((len(replaced), len(parts)), dtype=dtype)
    for place, part in enumerate(parts):
        out[:, place] = part
    return out


def _typed(values, dtype):
    """Values in the type of fit, where they can be."""
    if dtype.kind not in "biuf" or (missing_mask(values).any() and dtype.kind != "f"):
        return values
    return values.astype(dtype)


def _series(values, dtype, frame):
    """Values as a column of a frame, in the type it had at fit; frames are from pandas here."""
    series = sys.modules["pandas"].Series
    if isinstance(dtype, np.dtype):
        return series(_typed(values, dtype), index=frame.index)
    if hasattr(dtype, "categories"):
        known = _within(values, dtype.categories)
        return series(values, index=frame.index, dtype=dtype if known else object)
    if getattr(dtype, "kind", "O") in "iu":  # integers that know missing values
        values = [None if is_missing(v) else round(v) for v in values.tolist()]
    return series(values, index=frame.index, dtype=dtype)


def _within(values, categories):
    gone = missing_mask(values)
    return set(values[~gone].tolist()) <= set(categories.tolist())


def same_labels(one, other):
    """Where labels agree, missing ones with each other."""
    gone = missing_mask(one), missing_mask(other)
    out = gone[0] & gone[1]
    both = np.flatnonzero(~gone[0] & ~gone[1])
    out[both] = one[both] == other[both]
    return out


def decoded(column, book):
    """Labels of parts of levels; numbers stay."""
    if book.ordered:
        return column
    labels = np.empty(len(book.labels) + 1, dtype=object)
    labels[:-1] = book.labels
    labels[-1] = np.nan
    return labels[column]


def checked_edges(edges, name):
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(
            f"Got bins of column {name!r} with edges of shape {edges.shape}, expected two or more "
            "in rising order."
        )
    return edges
