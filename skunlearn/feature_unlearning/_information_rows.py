"""Labelled rows with groups: read, kept where `unlearn` is wanted, and found again."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_X_y
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from skunlearn._kept_rows import KeptRowsMixin
from skunlearn._sklearn_compat import check_weights
from skunlearn._statistics._hashing import label_words
from skunlearn._statistics._rows import join, take
from skunlearn.base import UnlearnerTags
from skunlearn.exceptions import UnlearningError
from skunlearn.feature_unlearning._base import (
    SensitiveRoutingMixin,
    SensitiveTransformerMixin,
    choose_columns,
    inside,
)
from skunlearn.feature_unlearning._groups import read_groups, refuse_missing, sensitive_values
from skunlearn.feature_unlearning._tables import as_table, holds_numbers, is_frame, numeric_block

_REFUSAL = (
    "This model is no function of sums: it can forget rows only by a refit on those that remain. "
    "Fit it with keep_rows=True, which keeps the rows and refits at each request; or put it into a "
    "skunlearn.pipeline.Pipeline and pass X_retain and y_retain to its unlearn; or fit again."
)


class LabelledGroupsMixin(SensitiveRoutingMixin, KeptRowsMixin):
    """Classifiers that are fitted with groups, and with `keep_rows` refit on the rows that remain.

    Subclasses implement `_fitted(parts)`, the learned attributes from rows, and assign `_columns`
    and `_parts` in `fit`.
    """

    keep_sensitive = False  # sensitive columns of X are no part of the model
    track_rows = True
    _takes = ("sample_weight", "sensitive_features")
    _kind = "approximate"
    _detail = (
        "A refit on the kept rows that remain: bit for bit the fit on them in their order. The "
        "objective is not convex and L-BFGS stops at tol: on the same rows in another order, or on "
        "another machine, the model may differ by more than rounding."
    )
    _unlearner_tags = UnlearnerTags(kind="approximate", needs_y=True, keeps_rows=True)

    # what transformers with sensitive features do alike, written once there
    _check_source = SensitiveTransformerMixin._check_source
    _without_sensitive = SensitiveTransformerMixin._without_sensitive

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not inside(self.sensitive_columns)
        tags.unlearner_tags.keeps_rows = self.keep_rows
        tags.unlearner_tags.needs_sensitive = self.sensitive_columns is None
        return tags

    # -- rows ------------------------------------------------------------------------------

    def _read(self, request, reset):
        """Check rows to learn or to forget; give their parts and the roles of the columns."""
        X, given = self._table(request.X, reset), request.sensitive_features
        if reset:
            columns = choose_columns(self, X, given)
        else:
            columns = self._columns
            self._check_source(given)
        values = [np.asarray(column) for column in sensitive_values(X, given, columns)]
        X = X if sparse.issparse(X) else self._numbers(X, columns.numeric, not reset)
        X, labels = check_X_y(
            X,
            request.y,
            accept_sparse="csr",
            dtype=np.float64,
            order="C",
            ensure_min_samples=int(reset),
            estimator=self,
        )
        if reset:
            check_classification_targets(labels)
        codes, _, words = read_groups(values, len(labels))
        self._check_sensitive(values, codes)
        parts = {
            "X": X,
            "labels": labels,
            "z": values,
            "sample_weight": check_weights(request.sample_weight, X),
            "y": [label_words(labels)[:, None], words],  # what rows are found again by
        }
        return parts, columns

    def _numbers(self, X, columns, allow_empty=False):
        try:
            return numeric_block(self, X, columns, allow_empty)
        except ValueError as error:
            text = [j for j in columns if not holds_numbers(X, j)]
            if not text:
                raise
            name = X.columns[text[0]] if is_frame(X) else text[0]
            raise ValueError(
                f"Column {name!r} holds values that are no numbers. Encode it before this step, "
                "for instance with a OneHotEncoder in a ColumnTransformer, or name it in "
                "sensitive_columns if it is sensitive."
            ) from error

    def _table(self, X, reset):
        if not sparse.issparse(X):
            return as_table(self, X, reset, allow_empty=not reset)
        if inside(self.sensitive_columns):
            raise TypeError(
                f"Got sparse X with sensitive_columns={self.sensitive_columns!r}: pass the "
                "sensitive values by the keyword sensitive_features, or X.toarray()."
            )
        options = {"ensure_min_samples": int(reset), "dtype": np.float64}
        return validate_data(self, X, reset=reset, accept_sparse="csr", **options)

    def _check_sensitive(self, values, codes):
        refuse_missing(codes)
        for column in values:
            if column.dtype.kind == "f" and type_of_target(column) == "continuous":
                raise ValueError(
                    f"Got continuous sensitive features ({len(np.unique(column))} values among "
                    f"{len(column)} rows), and {type(self).__name__} compares groups: bin them, "
                    "for instance with numpy.digitize or pandas.qcut."
                )

    def _kept(self):
        return self._parts

    def _check_request(self, request):
        return self._read(request, reset=False)[0]

    def _stand_on(self, keep, more):
        kept = self._parts
        if more is not None and (kept["sample_weight"] is None) != (more["sample_weight"] is None):
            kept, more = ({**part, "sample_weight": weights_of(part)} for part in (kept, more))
        parts = {}
        for name, value in kept.items():
            lists = isinstance(value, list)
            old = [take(v, keep) for v in (value if lists else [value])]
            new = [None] * len(old) if more is None else more[name] if lists else [more[name]]
            pairs = zip(old, new, strict=True)
            both = old if more is None else [join(one, two) for one, two in pairs]
            parts[name] = both if lists else both[0]
        return {**self._fitted(parts), "_parts": parts}

    def _unlearn_refusal(self):
        return None if self.keep_rows else _REFUSAL

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if not self.keep_rows:
            raise error(_REFUSAL)
        super()._check_maintained(error)

    def _hand_over(self):
        super()._hand_over()
        vars(self).pop("_parts", None)  # the pipeline keeps the raw rows

    def _block(self, X):
        """Numbers of rows to predict, with or without the sensitive columns of X."""
        numeric = list(self._columns.numeric)
        if self._without_sensitive(X):
            X = X if hasattr(X, "columns") else np.asarray(X)
            return self._numbers(X, range(len(numeric)))
        X = self._table(X, reset=False)
        return X if sparse.issparse(X) else self._numbers(X, numeric)

    # -- serving ---------------------------------------------------------------------------

    def to_sklearn(self):
        """Give a plain scikit-learn `LogisticRegression` for serving.

        It predicts the same from the columns that are not sensitive, and carries no training row.

        Returns
        -------
        sklearn.linear_model.LogisticRegression
        """
        check_is_fitted(self)
        options = {k: getattr(self, k) for k in ("C", "fit_intercept", "class_weight", "tol")}
        plain, used = LogisticRegression(max_iter=self.max_iter, **options), self._columns.numeric
        plain.coef_ = self.coef_[:, list(used)]
        plain.intercept_, plain.classes_ = self.intercept_.copy(), self.classes_.copy()
        plain.n_iter_, plain.n_features_in_ = self.n_iter_.copy(), len(used)
        if hasattr(self, "feature_names_in_"):
            plain.feature_names_in_ = self.feature_names_in_[list(used)]
        return plain


def weights_of(parts):
    """Return the weights of rows, 1 where none are given."""
    weights = parts["sample_weight"]
    return np.ones(len(parts["labels"])) if weights is None else weights
