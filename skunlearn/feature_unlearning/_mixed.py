"""Sensitive columns of two kinds: continuous ones, and categories that make groups."""

import warnings
from numbers import Number

import numpy as np

from skunlearn.feature_unlearning._base import choose_columns
from skunlearn.feature_unlearning._groups import (
    UNKNOWN,
    codes_among,
    read_groups,
    sensitive_values,
)
from skunlearn.feature_unlearning._tables import as_table, is_frame, numeric_block


def choose_kinds(values, categorical):
    """Tell of each sensitive column whether it is continuous.

    Parameters
    ----------
    values : list of ndarray of shape (n,)
    categorical : "auto" or list of int
        Positions of the others; "auto": those that hold something else than numbers.

    Returns
    -------
    tuple of bool
    """
    if isinstance(categorical, str):
        return tuple(_holds_numbers(column) for column in values)
    chosen = [int(j) for j in categorical]
    wrong = [j for j in chosen if not 0 <= j < len(values)]
    if wrong:
        raise ValueError(
            f"Got {wrong} in categorical, expected positions among the {len(values)} sensitive "
            "columns."
        )
    return tuple(j not in chosen for j in range(len(values)))


def _holds_numbers(column):
    if column.dtype.kind != "O":
        return column.dtype.kind in "iuf"
    known = [value for value in column.tolist() if value is not None and value == value]
    return all(isinstance(v, Number) and not isinstance(v, bool) for v in known)


def split_values(values, kinds, n_rows):
    """Split sensitive columns into continuous values and groups.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_continuous)
        NaN where a value is missing.
    codes, groups, words
        As `read_groups` gives them for the others.
    """
    try:
        continuous = [
            np.asarray(v, dtype=np.float64) for v, c in zip(values, kinds, strict=True) if c
        ]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"A continuous sensitive column holds values that are no numbers ({error}): name it "
            "in categorical, or mend the values."
        ) from error
    Z = np.stack(continuous, axis=1) if continuous else np.zeros((n_rows, 0))
    if np.isinf(Z).any():
        raise ValueError("Got infinite values in a continuous sensitive column, expected finite.")
    codes, groups, words = read_groups(
        [v for v, c in zip(values, kinds, strict=True) if not c], n_rows
    )
    return Z, codes, groups, words


class MixedSensitiveMixin:
    """Reading of rows with sensitive columns of both kinds; `_kinds` says which is which.

    For transformers with `sensitive_columns`, `categorical` and `on_missing`, and with
    `_posterior_law`: means of the columns and of Z, and the slopes of Z on the columns, or None.
    """

    def _read_mixed(self, request, reset):
        """Read rows: moved columns, continuous values, codes, groups, words, and the form."""
        X = as_table(self, request.X, reset, allow_empty=not reset)
        if reset:
            columns = choose_columns(self, X, request.sensitive_features)
        else:
            columns = self._columns
            self._check_source(request.sensitive_features)
        numeric = numeric_block(self, X, columns.numeric, allow_empty=not reset)
        values = sensitive_values(X, request.sensitive_features, columns)
        kinds = choose_kinds(values, self.categorical) if reset else self._kinds
        Z, codes, groups, words = split_values(values, kinds, len(numeric))
        if np.isnan(Z).any() or (codes == UNKNOWN).any():
            raise ValueError(
                "The sensitive features of some rows are missing (NaN or None): leave these rows "
                "out, or give a missing category a label of its own."
            )
        if reset and values:
            self._look_for_atoms(numeric, columns)
        return numeric, Z, codes, groups, words, {"columns": columns, "kinds": kinds}

    def _locate_mixed(self, X, sensitive_features):
        """Check rows to transform; give the table, its numeric block, Z and the rows' groups."""
        columns = self._columns
        may_miss = columns.external and sensitive_features is None
        if not may_miss and not self._without_sensitive(X):
            X = as_table(self, X, reset=False)
            self._check_source(sensitive_features)
            numeric = numeric_block(self, X, columns.numeric)
            values = sensitive_values(X, sensitive_features, columns)
            Z, codes, groups, _ = split_values(values, self._kinds, len(numeric))
            codes = codes_among(self.groups_, codes, groups)
            missing = (codes == UNKNOWN) | np.isnan(Z).any(axis=1)
        else:
            if self.on_missing == "posterior" and not may_miss:
                X = X if is_frame(X) else np.asarray(X)
                numeric = numeric_block(self, X, range(X.shape[1]))
            else:
                X = as_table(self, X, reset=False)
                numeric = numeric_block(self, X, columns.numeric)
            codes, missing = (
                np.zeros(len(numeric), dtype=np.intp),
                np.ones(len(numeric), dtype=bool),
            )
            Z = np.full((len(numeric), sum(self._kinds)), np.nan)
        if missing.any():
            self._refuse_or_warn(int(missing.sum()))
            mean_x, mean_z, back = self._posterior_law
            x = numeric[:, list(columns.moved)][missing]
            Z[missing], codes[missing] = mean_z + (x - mean_x) @ back, 0
        return X, numeric, Z, codes

    def _refuse_or_warn(self, n_missing):
        if self.on_missing == "error" or self._posterior_law is None:
            raise ValueError(
                f"The sensitive features of {n_missing} rows are missing: pass them to transform "
                "(sensitive_features=..., or within X), or, where all of them are continuous, "
                'choose on_missing="posterior", which is weak.'
            )
        warnings.warn(
            f"The sensitive features of {n_missing} rows are missing: the mean of Z given the row "
            "takes their place. That is weak: much of what tells of Z stays. Measure it with "
            "skunlearn.metrics.leakage_score.",
            UserWarning,
            stacklevel=5,
        )
