"""What the discrete naive Bayes models share: rows by class, exact counts, their derivation."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_non_negative, column_or_1d

from skunlearn._exact import (
    ExactUnlearnerMixin,
    check_X_y,
    class_rows,
    classes_of,
    clear_learned,
)
from skunlearn._sklearn_compat import fit_context, smoothed_counts
from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._learned import LearnedRows
from skunlearn._statistics._totals import count_exponents
from skunlearn.base import Request
from skunlearn.exceptions import UnlearningError

NEVER_LEARNED = (
    "A count would be negative: rows were removed that this model never learned. With "
    "track_rows=True such a request is refused by name."
)
PARAMETER_CONSTRAINTS = {"track_rows": ["boolean"], "resolution": "no_validation"}


class DiscreteUnlearnerMixin(ExactUnlearnerMixin):
    """Naive Bayes models that are a function of sums of columns by class."""

    _kind = "totals"
    _target = "class"
    _columns_free = True
    _looks_at_rows = True  # a chain that begins with it asks `_before_sums`
    _check_options = {"accept_sparse": "csr"}

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit from the exact counts of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, of the kinds that scikit-learn's class takes.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Not negative; each row counts once if None.

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, y, sample_weight))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Learn more rows; the result equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; needed in the first call, as in scikit-learn. They stay in
            `classes_` whether or not they have rows.

        Returns
        -------
        self : object
        """
        first = "_info" not in vars(self)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if not first and classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
        request = Request(X, y, sample_weight, options={"classes": classes, "partial": True})
        return self._partial_fit_exact(request)

    def _fit_exact(self, request):
        """As for other exact models, but columns of whole numbers have a grid of their own."""
        rows, info = self._check_rows(request, reset=True)
        learned = LearnedRows.on_grid(
            rows,
            kind=self._kind,
            exponents=self._exponents(rows),
            key=new_key() if self.track_rows else None,
        )
        attributes = self._attributes(learned, info)
        clear_learned(self)
        vars(self).pop("_owned", None)
        self._commit(attributes)
        return self

    def _exponents(self, rows):
        return count_exponents(rows.X, rows.weights, self.resolution)

    # -- rows --------------------------------------------------------------------------------

    def _check_rows(self, request, reset):
        X, y = check_X_y(self, request, reset, **self._check_options)
        y = column_or_1d(y, warn=True)
        rows, labels = self._rows(X, y, request)
        known = () if reset else self.classes_.tolist()
        if not set(labels.tolist()).issubset(known):
            check_classification_targets(y)
        return rows, self._label_info(labels, request.options, reset)

    def _rows(self, X, y, request):
        """Rows as they are summed and fingerprinted, and the distinct labels."""
        self._before_sums(X)
        return class_rows(X, y, request)

    def _before_sums(self, X):
        """Check raw rows, or make of them what is summed."""
        if self._refuses_negative():
            check_non_negative(X, f"{type(self).__name__} (input X)")
        return X

    def _label_info(self, labels, options, reset):
        """Form of the labels; refuses those that were not declared to `partial_fit`."""
        declared = options.get("classes")
        if declared is not None:
            declared = np.unique(declared)
        if not reset and declared is None:
            declared = self._info["declared"]
        known = declared if declared is not None else getattr(self, "classes_", None)
        if known is not None and (declared is not None or options.get("partial")):
            unknown = labels[~np.isin(labels, known)]
            if len(unknown):
                raise ValueError(
                    f"The target label(s) {unknown} in y do not exist in the initial classes "
                    f"{known}"
                )
        dtype = labels.dtype if declared is None else declared.dtype
        return {"label_dtype": dtype, "declared": declared}

    # -- learned attributes ------------------------------------------------------------------

    def _derive(self, moments, info):
        by_class = moments.by("class")
        classes = info.get("declared")
        if classes is None:
            classes = classes_of(by_class, info["label_dtype"])
        if classes.dtype == object:  # text in a fixed width, as in scikit-learn
            classes = np.array(classes.tolist())
        parts = [by_class.get(label) for label in classes.tolist()]
        weights = np.array([0.0 if part is None else part.weight for part in parts])
        if (weights < 0).any():
            raise UnlearningError(NEVER_LEARNED)
        if not weights.sum() > 0:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        counts = {
            "n_features_in_": next(iter(by_class.values())).n_features,
            "classes_": classes,
            "class_count_": weights,
        }
        counts |= self._counts(parts, moments, counts)
        counts |= smoothed_counts(self, counts)
        del counts["n_features_in_"]  # of the validation of X, or of the pipeline
        return counts

    def _counts(self, parts, moments, known):
        """Count the features, from the moments of each class (None where there is no row)."""
        d = known["n_features_in_"]
        feature_count = np.zeros((len(parts), d))
        for row, part in zip(feature_count, parts, strict=True):
            if part is not None:
                row[:] = (part.mean * part.weight if part.total is None else part.total)[:d]
        if self._refuses_negative() and (feature_count < 0).any():
            if any(part is not None and part.scatter is not None for part in parts):
                # in a chain, behind a step that moved the rows
                raise ValueError(
                    f"Negative values in data passed to {type(self).__name__} (input X)."
                )
            raise UnlearningError(NEVER_LEARNED)
        return {"feature_count_": feature_count}

    def _refuses_negative(self):
        """Whether `fit` refuses negative values."""
        return self.__sklearn_tags__().input_tags.positive_only
