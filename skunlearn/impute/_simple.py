"""Univariate imputing that can forget rows."""

import copy
import dataclasses

import numpy as np
from sklearn import impute

from skunlearn._sklearn_compat import fit_context, mask_of
from skunlearn._statistics._tables import Level, LevelTable, is_nan, level_key
from skunlearn._table_steps import TableUnlearnerMixin
from skunlearn.base import Request


class SimpleImputer(TableUnlearnerMixin, impute.SimpleImputer):
    """Impute missing values column by column, with `unlearn`: scikit-learn's class.

    Means come from exact sums, constants from the counts of missing values; medians and most
    frequent values from a multiset of the values of each column, or from the counts of its levels.

    Parameters
    ----------
    missing_values : int, float, str, np.nan, None or pandas.NA, default=np.nan
        What stands for a missing value.
    strategy : {"mean", "median", "most_frequent", "constant"}, default="mean"
        What a missing value becomes. A callable is refused: what it computes need not be a
        function of what is kept.
    fill_value : str or numerical value, default=None
        For the strategy "constant"; 0, or "missing_value" for other things than numbers, if None.
    copy : bool, default=True
        As in scikit-learn.
    add_indicator : bool, default=False
        Add an indicator column for each column with missing values.
    keep_empty_features : bool, default=False
        Keep columns in which everything is missing.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values: of the numeric columns, of the indicators of
        missing values or levels, and, last, of weights. Pass a fitted `resolution_` to be certain
        of the same grid in a refit.

    Attributes
    ----------
    statistics_ : ndarray of shape (n_features,)
        What is put in place of missing values; NaN for columns without any value.
    indicator_ : :class:`~sklearn.impute.MissingIndicator` or None
        What adds the indicator columns.
    resolution_ : ndarray of int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the imputer stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    skunlearn.compose.ColumnTransformer : Give columns transformers of their own.
    skunlearn.preprocessing.StandardScaler : Scale columns, missing values left as they are.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same grid.
    A column that loses its last value ends as in the refit: left out, unless
    `keep_empty_features` is set. With "constant" on sparse rows a column is empty where every
    value is missing; scikit-learn takes one without stored values for empty too.

    The cost of a request depends on its own rows and on the number of columns; for the strategies
    "median" and "most_frequent" on numbers also on the number of distinct values, which are kept.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.impute import SimpleImputer
    >>> X = np.array([[1.0], [np.nan], [3.0], [1e6]])
    >>> imputer = SimpleImputer().fit(X).unlearn(X[3:])
    >>> imputer.statistics_
    array([2.])
    """

    _private_attributes = ("_fit_dtype", "_fill_dtype")
    _parameter_constraints: dict = {
        **impute.SimpleImputer._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        *,
        missing_values=np.nan,
        strategy="mean",
        fill_value=None,
        copy=True,
        add_indicator=False,
        keep_empty_features=False,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            missing_values=missing_values,
            strategy=strategy,
            fill_value=fill_value,
            copy=copy,
            add_indicator=add_indicator,
            keep_empty_features=keep_empty_features,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit from exact sums and counts.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        if self._unlearn_refusal() is not None:
            raise ValueError(self._unlearn_refusal())
        return self._fit_exact(Request(X))

    def _unlearn_refusal(self):
        if callable(self.strategy):
            return (
                f"Got strategy={self.strategy!r}: a callable need not be a function of what is "
                "kept, and cannot be forgotten exactly. Choose mean, median, most_frequent or "
                "constant."
            )
        return None

    # -- how a chain reads the rows for it --------------------------------------------------

    def _check_first(self, X):
        """Refuse the rows that scikit-learn's `fit` refuses, with its messages."""
        other = copy.copy(self)
        other.copy = False
        mask_of(other._validate_input(X, in_fit=True), self.missing_values)

    def _reads_multisets(self):
        return self.strategy in ("median", "most_frequent")

    def _keeps_levels(self):
        return self.strategy in ("most_frequent", "constant")

    # -- numbers ----------------------------------------------------------------------------

    def _derive_table(self, table, info):
        table = table.unweighted
        if isinstance(table, LevelTable):
            return self._derive_levels(table)
        dtype = table.dtype if table.dtype.kind in "biuf" else np.dtype(np.float64)
        if self.strategy in ("mean", "median") and dtype.kind != "f":
            dtype = np.dtype(np.float64)
        statistics = self._statistics_of(table)
        empty = table.n_present() == 0
        if self.strategy == "constant":
            statistics = statistics.astype(np.float64 if table.sparse else object)
        else:
            narrow = dtype == np.float32 and self.strategy == "median" and not table.sparse
            statistics = statistics.astype(np.float32 if narrow else np.float64)
            statistics[empty] = 0.0 if self.keep_empty_features else np.nan
        if not self.keep_empty_features:
            statistics[empty] = np.nan
        return {
            "statistics_": statistics,
            "indicator_": self._indicator(table.has_missing),
            "_fit_dtype": dtype,
            "_fill_dtype": dtype,
        }

    def _statistics_of(self, table):
        if self.strategy == "constant":
            return np.full(table.n_columns, 0 if self.fill_value is None else self.fill_value)
        if self.strategy == "mean":
            return table.statistics()[1]
        name = "median" if self.strategy == "median" else "most_frequent"
        return np.array([getattr(values, name)() for values in table.multisets], dtype=np.float64)

    def _indicator(self, missing):
        """Return the fitted indicator for columns with missing values, as scikit-learn fits it."""
        fitted = copy.copy(self)
        fitted._fit_indicator(np.asarray(missing, dtype=bool)[None, :])
        return fitted.indicator_

    def _push_table(self, attributes, table):
        if isinstance(table, LevelTable):
            return self._push_levels(attributes, table)
        statistics = attributes["statistics_"].astype(np.float64)
        kept = np.flatnonzero(~np.isnan(statistics))
        out = table.take(kept).imputed(statistics[kept])
        if not self.add_indicator:
            return out
        return out.with_indicators(table.missing[attributes["indicator_"].features_])

    # -- levels -----------------------------------------------------------------------------

    def _is_marker(self, level):
        """Whether a level is the missing value."""
        marker = self.missing_values
        if is_nan(marker):
            return level.key == level_key(marker)
        if level_key(marker) == level_key(np.nan):  # pandas.NA, which pandas takes None for
            return level.key in (level_key(marker), level_key(None))
        return level.key == level_key(marker)

    def _derive_levels(self, table):
        fill = "missing_value" if self.fill_value is None else self.fill_value
        if self.fill_value is None and table.dtypes[0].kind in "biuf":
            fill = 0
        statistics = np.empty(len(table.columns), dtype=object)
        missing = []
        for j, levels in enumerate(table.columns):
            present = [level for level in levels if not self._is_marker(level)]
            missing.append(len(present) < len(levels))
            if not present:
                empty = fill if self.strategy == "constant" else 0
                statistics[j] = empty if self.keep_empty_features else np.nan
            elif self.strategy == "constant":
                statistics[j] = fill
            else:
                best = max(level.count for level in present)
                statistics[j] = min(level.label for level in present if level.count == best)
        dtype = table.dtypes[0]
        if self.strategy == "most_frequent" and dtype.kind in "biuf":
            statistics = statistics.astype(np.float64)
        return {
            "statistics_": statistics,
            "indicator_": self._indicator(missing),
            "_fit_dtype": dtype,
            "_fill_dtype": dtype,
        }

    def _push_levels(self, attributes, table):
        if self.add_indicator:
            raise ValueError(
                "SimpleImputer(add_indicator=True) before an encoder cannot forget in a chain of "
                "moments. Got add_indicator=True, expected False."
            )
        columns, dtypes = [], []
        for levels, fill, dtype in zip(
            table.columns, attributes["statistics_"], table.dtypes, strict=True
        ):
            if fill != fill:  # NaN: everything is missing, and the column is left out
                continue
            columns.append(merged_levels(levels, self._is_marker, fill))
            dtypes.append(dtype)
        return dataclasses.replace(table, columns=columns, dtypes=dtypes)


def merged_levels(levels, is_marker, fill):
    """Levels of a column in which those that mark missing values have become `fill`."""
    out = {level.key: level for level in levels if not is_marker(level)}
    gone = [level for level in levels if is_marker(level)]
    if gone:
        key = level_key(fill)
        old = out.get(key, Level(key, fill, (), 0))
        slots = old.slots + sum((level.slots for level in gone), ())
        count = old.count + sum(level.count for level in gone)
        out[key] = dataclasses.replace(old, slots=slots, count=count)
    return [out[key] for key in sorted(out)]
