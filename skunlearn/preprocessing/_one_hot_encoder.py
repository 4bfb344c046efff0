"""One-hot encoding that can forget rows."""

import copy

import numpy as np
from sklearn import preprocessing

from skunlearn._sklearn_compat import fit_context, sorted_labels
from skunlearn._statistics._tables import level_key
from skunlearn._table_steps import TableUnlearnerMixin
from skunlearn.base import Request

_DERIVED = (
    "categories_",
    "drop_idx_",
    "_drop_idx_after_grouping",
    "_infrequent_enabled",
    "_infrequent_indices",
    "_default_to_infrequent_mappings",
    "_n_features_outs",
)


class OneHotEncoder(TableUnlearnerMixin, preprocessing.OneHotEncoder):
    """Encode categories as indicators, with `unlearn`: scikit-learn's class on exact counts.

    Parameters
    ----------
    categories : "auto" or list of array-like, default="auto"
        The categories of each column; those that some row has, if "auto".
    drop : {"first", "if_binary"} or array-like of shape (n_features,), default=None
        Category to leave out of each column.
    sparse_output : bool, default=True
        Whether `transform` gives a sparse matrix.
    dtype : number type, default=np.float64
        Of the output.
    handle_unknown : {"error", "ignore", "infrequent_if_exist", "warn"}, default="error"
        What `transform` does with other categories.
    min_frequency : int or float, default=None
        Categories of fewer rows are put together.
    max_categories : int, default=None
        Number of output columns of a column, at most.
    feature_name_combiner : "concat" or callable, default="concat"
        How names of output columns are made.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        For the form of other estimators: counts are exact on every grid.

    Attributes
    ----------
    categories_ : list of ndarray
        The categories of each column.
    drop_idx_ : ndarray of shape (n_features,) or None
        Which of them are left out.
    infrequent_categories_ : list of ndarray
        Those that are put together.
    resolution_ : ndarray of int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the encoder stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    skunlearn.compose.ColumnTransformer : Give columns transformers of their own.

    Notes
    -----
    The guarantee is exact: equal to a fit on the rows that remain. A category that loses its last
    row leaves `categories_`, and the output its column, as in a refit; with `min_frequency` and
    `max_categories` categories join and leave the infrequent ones in the same way. `unlearn` is
    refused where the refit would be: when a category named in `drop` is gone.

    Examples
    --------
    >>> from skunlearn.preprocessing import OneHotEncoder
    >>> X = [["tea"], ["coffee"], ["tea"], ["chicory"]]
    >>> OneHotEncoder().fit(X).unlearn(X[3:]).categories_
    [array(['coffee', 'tea'], dtype=object)]
    """

    _reads_levels = True
    _private_attributes = _DERIVED[2:]
    _parameter_constraints: dict = {
        **preprocessing.OneHotEncoder._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        *,
        categories="auto",
        drop=None,
        sparse_output=True,
        dtype=np.float64,
        handle_unknown="error",
        min_frequency=None,
        max_categories=None,
        feature_name_combiner="concat",
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            categories=categories,
            drop=drop,
            sparse_output=sparse_output,
            dtype=dtype,
            handle_unknown=handle_unknown,
            min_frequency=min_frequency,
            max_categories=max_categories,
            feature_name_combiner=feature_name_combiner,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit from the counts of the categories.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X))

    def _derive_table(self, table, info):
        fitted = copy.copy(self)
        fitted._check_infrequent_enabled()
        if isinstance(self.categories, str):
            fitted.categories_ = [
                sorted_labels(labels_array(levels, dtype))
                for levels, dtype in zip(table.columns, table.dtypes, strict=True)
            ]
        else:
            fitted.categories_ = self._declared(table)
        if fitted._infrequent_enabled:
            counts = [
                self._counts(levels, categories)
                for levels, categories in zip(table.columns, fitted.categories_, strict=True)
            ]
            fitted._fit_infrequent_category_mapping(table.n_rows, counts, {})
        fitted._set_drop_idx()
        fitted._n_features_outs = fitted._compute_n_features_outs()
        return {name: vars(fitted)[name] for name in _DERIVED if name in vars(fitted)}

    def _declared(self, table):
        """Categories as the user gave them, checked by scikit-learn on the levels there are."""
        if len(self.categories) != len(table.columns):
            raise ValueError(
                "Shape mismatch: if categories is an array, it has to be of shape (n_features,)."
            )
        out = []
        for levels, dtype, given in zip(table.columns, table.dtypes, self.categories, strict=True):
            column = labels_array(levels, dtype)[:, None]
            one = preprocessing.OneHotEncoder(
                categories=[given], handle_unknown=self.handle_unknown
            )
            out.append(one.fit(column).categories_[0])
        return out

    @staticmethod
    def _counts(levels, categories):
        count = {level.key: level.count for level in levels}
        return np.array([count.get(level_key(label), 0) for label in categories.tolist()])

    def _push_table(self, attributes, table):
        groups = []
        for i, levels in enumerate(table.columns):
            groups += self._columns_of(attributes, i, levels)
        return table.indicators(groups)

    def _columns_of(self, attributes, i, levels):
        """Which expanded columns go into each output column of a column."""
        categories = attributes["categories_"][i]
        slots = {level.key: list(level.slots) for level in levels}
        columns = [slots.pop(level_key(label), []) for label in categories.tolist()]
        others = [slot for rest in slots.values() for slot in rest]  # of categories not declared
        if attributes["_infrequent_enabled"]:
            mapping = attributes["_default_to_infrequent_mappings"][i]
            if mapping is not None:
                grouped = [[] for _ in range(mapping.max() + 1)]
                for target, column in zip(mapping, columns, strict=True):
                    grouped[target] += column
                if self.handle_unknown in ("infrequent_if_exist", "warn"):
                    grouped[-1] += others
                columns = grouped
        drop = attributes["_drop_idx_after_grouping"]
        if drop is not None and drop[i] is not None:
            del columns[drop[i]]
        return columns


def labels_array(levels, dtype):
    """Labels of the levels of a column as an array of its type."""
    labels = [level.label for level in levels]
    if dtype.kind in "OUS":
        out = np.empty(len(labels), dtype=object)
        out[:] = labels
        return out if dtype.kind == "O" else out.astype(dtype.kind)
    return np.array(labels, dtype=dtype)
