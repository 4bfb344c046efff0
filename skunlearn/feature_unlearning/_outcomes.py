"""What the meta-estimators share: groups of the rows they are given, kept rows, and the verb."""

import copy
import dataclasses
import hashlib

import numpy as np
from scipy import sparse
from sklearn.base import MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_array, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    validate_data,
)

from skunlearn._exact import clear_learned, conditions
from skunlearn._sklearn_compat import check_weights, num_samples
from skunlearn._statistics._hashing import derive_key, hash_rows, new_key
from skunlearn._statistics._rows import RowStore, content_blocks, join
from skunlearn.base import Guarantee, Request, UnlearnerMixin, UnlearnerTags
from skunlearn.exceptions import UnlearningError
from skunlearn.feature_unlearning._base import (
    Columns,
    SensitiveRoutingMixin,
    draw_seed,
    refuse_both,
    resolve_columns,
)
from skunlearn.feature_unlearning._groups import (
    UNKNOWN,
    codes_among,
    in_order,
    read_groups,
    sensitive_values,
    value_columns,
)
from skunlearn.feature_unlearning._tables import as_table, columns_of_labels, shown

_DETAIL = (
    "Equal to a fit on the rows that remain, because it is one: the training rows are kept, and a "
    "request costs a fit. Equal bit for bit where the estimator is deterministic."
)


class OutcomeMixin(SensitiveRoutingMixin, MetaEstimatorMixin, UnlearnerMixin):
    """Meta-estimators that know the group of each row, keep their rows and forget by a refit.

    Subclasses implement `_learn(parts, codes, groups, seed)`: learned attributes, a dictionary,
    from rows in groups, touching nothing; and `_outputs(method, X, sensitive_features)`.
    """

    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=True, keeps_rows=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = copy.copy(inner.classifier_tags)
        tags.regressor_tags = copy.copy(inner.regressor_tags)
        tags.target_tags = dataclasses.replace(
            inner.target_tags, multi_output=False, single_output=True, required=True
        )
        tags.input_tags = dataclasses.replace(inner.input_tags, pairwise=False)
        tags.unlearner_tags.needs_sensitive = self.sensitive_columns is None
        return tags

    # -- fit -----------------------------------------------------------------------------------

    def _fit(self, request):
        """Validate and learn; then keep the rows."""
        parts, columns = self._read(request, reset=True)
        seed = draw_seed(self.random_state)
        attributes = self._attributes(parts, columns, seed)
        clear_learned(self)
        vars(self).pop("_store", None)
        if self.keep_rows:  # a copy: rows that the caller changes in place must not change here
            attributes["_store"] = RowStore.of(copy.deepcopy(parts), {}, new_key())
        self._commit(attributes)
        return self

    def _attributes(self, parts, columns, seed):
        """Everything that is learned from rows, but the rows."""
        values = sensitive_values(parts["X"], parts["sensitive_features"], columns)
        codes, groups = self._groups_of(values, num_samples(parts["X"]))
        ordered = in_order(groups)
        codes = codes_among(ordered, codes, groups)
        weights = parts["sample_weight"]
        sizes = np.bincount(codes, weights, minlength=len(ordered))
        empty = [group for group, size in zip(ordered, sizes, strict=True) if not size > 0]
        if len(empty) == len(ordered):
            raise ValueError("Sample weights must contain at least one non-zero number.")
        if empty:
            raise ValueError(
                f"The sample weights of {shown(empty)} are all 0: leave these rows out."
            )
        self._check_sizes(ordered, np.bincount(codes, minlength=len(ordered)))
        learned = self._learn(parts, codes, ordered, seed, columns)
        return {"groups_": ordered, "seed_": seed, "_columns": columns, **learned}

    def _check_sizes(self, groups, sizes):
        named = [
            f"{group} ({size} rows)"
            for group, size in zip(groups, sizes.tolist(), strict=True)
            if size < self.min_group_size and len(groups) > 1
        ]
        if named:
            raise ValueError(
                f"Groups with fewer than min_group_size={self.min_group_size} rows: "
                f"{shown(named)}. Merge labels beforehand, or lower min_group_size; a continuous "
                "variable has to be binned."
            )

    # -- rows and their groups -----------------------------------------------------------------

    def _read(self, request, reset):
        """Check the rows of a request as far as this is not the inner estimator's own affair."""
        X = self._table(request.X, reset, allow_empty=not reset)
        if reset:
            columns = self._roles(X, request.sensitive_features)
        else:
            columns = self._columns
            self._check_source(request.sensitive_features)
        if request.y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: pass "
                "the targets of these rows."
            )
        y = self._check_y(request.y, num_samples(X))
        check_consistent_length(X, y)
        parts = {
            "X": X,
            "y": y,
            "sample_weight": check_weights(request.sample_weight, X),
            "sensitive_features": None,
        }
        values = sensitive_values(X, request.sensitive_features, columns)
        if columns.external:
            # as objects: a column keeps its kind beside one of another kind
            kept = [column.astype(object)[:, None] for column in values]
            parts["sensitive_features"] = np.hstack(kept)
        return parts, columns

    def _check_y(self, y, n):
        if is_classifier(self):
            y = check_array(y, ensure_2d=False, dtype=None, ensure_min_samples=0, input_name="y")
            y = column_or_1d(y, warn=True)
            if n:
                check_classification_targets(y)
            return y
        y = check_array(
            y, ensure_2d=False, dtype=np.float64, ensure_min_samples=min(n, 1), input_name="y"
        )
        return column_or_1d(y, warn=True)

    def _table(self, X, reset, allow_empty=False):
        if sparse.issparse(X):
            return validate_data(
                self,
                X,
                reset=reset,
                accept_sparse="csr" if get_tags(self).input_tags.sparse else False,
                ensure_min_samples=0 if allow_empty else 1,
            )
        return as_table(self, X, reset, allow_empty=allow_empty)

    def _roles(self, X, sensitive_features):
        """Where the sensitive values are."""
        if self.sensitive_columns is None and sensitive_features is None:
            raise ValueError(
                f"{type(self).__name__} does not know what to forget: name the sensitive columns "
                "of X with sensitive_columns=[...], or pass the sensitive values to fit with "
                "sensitive_features=... (sensitive_columns=[] changes nothing)."
            )
        refuse_both(self, sensitive_features)
        sensitive, external = (), 0
        if self.sensitive_columns is not None:
            sensitive = resolve_columns(self.sensitive_columns, X)
        else:
            external = len(value_columns(sensitive_features))
        if sensitive and sparse.issparse(X):
            raise ValueError(
                f"Got sensitive_columns={self.sensitive_columns!r} and sparse X: pass the "
                "sensitive values as sensitive_features=... instead."
            )
        return Columns(X.shape[1], sensitive, (), (), (), external)

    def _check_source(self, sensitive_features):
        refuse_both(self, sensitive_features)
        if self._columns.external and sensitive_features is None:
            raise ValueError(
                "Got no sensitive_features, and each group has a map of its own: pass those of "
                "these rows, as to fit (sensitive_features=...)."
            )
        if not self._columns.external and sensitive_features is not None:
            raise ValueError(
                "Got sensitive_features, but this model was fitted with sensitive columns inside X."
            )

    def _groups_of(self, values, n):
        codes, groups, _ = read_groups(values, n)
        missing = int(np.count_nonzero(codes == UNKNOWN))
        if missing:
            raise ValueError(
                f"The sensitive features of {missing} rows are missing (NaN or None), and each "
                'group has a map of its own. Give them a label of their own, such as "unknown", '
                "from fit on, or leave these rows out."
            )
        return codes, groups

    def _locate(self, X, sensitive_features):
        """Check rows to predict; give them and their codes among the known groups."""
        check_is_fitted(self)
        X = self._table(X, reset=False)
        self._check_source(sensitive_features)
        values = sensitive_values(X, sensitive_features, self._columns)
        codes, groups = self._groups_of(values, num_samples(X))
        return X, codes_among(self.groups_, codes, groups)

    # -- the inner estimator -------------------------------------------------------------------

    def _fitted(self, X, y, weights, places=None):
        """Fit a clone of the inner estimator on rows, of columns at some places of the given X."""
        name = type(self.estimator).__name__
        options = {} if weights is None else {"sample_weight": weights}
        if options and not has_fit_parameter(self.estimator, "sample_weight"):
            raise ValueError(f"Got sample_weight, which {name} does not take: leave it out.")
        try:
            return clone(self.estimator).fit(X, y, **options)
        except ValueError as error:
            labels = "to float" in str(error) and columns_of_labels(X, places)
            if not labels:
                raise
            raise ValueError(
                f"{name} cannot read column {shown(labels)} of X ({error}). Encode labels inside "
                "the estimator, as with make_pipeline(make_column_transformer((OneHotEncoder(), "
                'columns), remainder="passthrough"), estimator), or leave these columns out.'
            ) from error

    # -- forgetting ----------------------------------------------------------------------------

    def _unlearn_refusal(self):
        if self.keep_rows:
            return None
        return (
            f"This {type(self).__name__} cannot forget rows: its maps depend on all rows, and "
            "keep_rows=False keeps none. Fit it again on the rows that remain."
        )

    def _count_missing(self, forget):
        self._check_maintained()
        return self._store.n_missing(self._read(forget, reset=False)[0])

    def _prepare_unlearn(self, forget, learn=None):
        self._check_maintained()
        parts, _ = self._read(forget, reset=False)
        if num_samples(parts["X"]) == 0 and learn is None:
            return None
        store = self._store.without(parts)
        if learn is not None:
            store = _with_more(store, self._read(learn, reset=False)[0])
        if not len(store):
            raise UnlearningError(
                f"Found array with 0 sample(s) while a minimum of 1 is required by "
                f"{type(self).__name__}: these are the last rows. Delete the model instead."
            )
        try:
            attributes = self._attributes(store.columns, self._columns, self.seed_)
        except UnlearningError:
            raise
        except ValueError as error:
            raise UnlearningError(f"{error} (a fit on the rows that remain would fail)") from error
        return {**attributes, "_store": store}

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if "_store" not in vars(self):
            raise error(
                f"This {type(self).__name__} keeps no rows: it was fitted with keep_rows=False, or "
                "stripped for serving. Call unlearn on the object that was fitted."
            )

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        key = "the key seed_ (pass it as random_state to have the same ties in a refit)"
        more = (key,) if self.random_state is None else ()
        return Guarantee("exact", conditional_on=conditions() + more, detail=_DETAIL)

    @property
    def n_samples_retained_(self):
        """Number of rows that the model stands on."""
        self._check_maintained(AttributeError)
        return len(self._store)

    def state_digest(self):
        """SHA-256 of the kept rows in their order, as hexadecimal text.

        Returns
        -------
        str
        """
        self._check_maintained()
        hashes = RowStore.hash(self._store.columns, 0).astype("<u8").tobytes()
        return hashlib.sha256(repr(self.seed_).encode() + hashes).hexdigest()

    def to_sklearn(self):
        """Give a copy for serving: the fitted models and maps, no rows.

        It is an object of this class, for scikit-learn has none of the kind.

        Returns
        -------
        estimator
        """
        check_is_fitted(self)
        out = copy.copy(self)
        vars(out).pop("_store", None)
        return copy.deepcopy(out)

    # -- scoring -------------------------------------------------------------------------------

    def score(self, X, y, sample_weight=None, *, sensitive_features=None):
        """Score the predictions: accuracy, or R² of a regressor.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            As in `predict`.

        Returns
        -------
        float
        """
        metric = accuracy_score if is_classifier(self) else r2_score
        found = self.predict(X, sensitive_features=sensitive_features)
        return metric(y, found, sample_weight=sample_weight)


def row_numbers(blocks, seed, *purpose):
    """Pseudo-random numbers in (0, 1) that are a function of the row.

    Parameters
    ----------
    blocks : list of object
        Tables or columns that make up the row.
    seed : int
    *purpose : str
        Separate uses must not share a stream.

    Returns
    -------
    ndarray of shape (n,)
    """
    found = [part for block in blocks for part in content_blocks(block)]
    hashes = hash_rows(found, derive_key(seed, *purpose))
    return ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _with_more(store, parts):
    """Rows, then more rows; weights that were not given are 1."""
    one, two = dict(store.columns), dict(parts)
    if (one["sample_weight"] is None) != (two["sample_weight"] is None):
        for part in (one, two):
            if part["sample_weight"] is None:
                part["sample_weight"] = np.ones(num_samples(part["X"]))
    joined = {name: join(one[name], two[name]) for name in one}
    return RowStore.of(joined, {}, store.key)


__all__ = ["OutcomeMixin", "Request", "row_numbers"]
