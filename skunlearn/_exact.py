"""Glue between the verb and the exact statistics: learn is `of`, forget is `minus`, then derive.

An estimator that is a function of moments implements `_check_rows` (validate, as its `fit` does)
and `_derive` (learned attributes from moments, touching nothing). The rest is written once, here.
"""

import inspect

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skunlearn._sklearn_compat import check_weights, num_samples
from skunlearn._statistics._hashing import label_words, new_key
from skunlearn._statistics._learned import NO_KEY, Rows, numeric
from skunlearn.base import Guarantee, UnlearnerMixin, UnlearnerTags, lock_of
from skunlearn.exceptions import UnlearningError

_DETAIL = (
    "Equal, bit for bit, to a fit on the rows that remain, on the same grid of values. Two "
    "released versions, before and after, can reveal the row between them."
)


def _can_unlearn_columns(estimator):
    return estimator._columns_free


class ExactUnlearnerMixin(UnlearnerMixin):
    """Estimators whose learned attributes are a pure function of exact moments.

    Subclasses set `_kind` to "gram" or "diagonal" and `_private_attributes` to the learned
    attributes without a trailing underscore that `to_sklearn` must carry over.
    """

    _kind = "gram"
    _target = None  # "numeric", "class" or None: how the target enters the moments
    _private_attributes = ()
    _columns_free = False  # whether features can be forgotten from the moments alone
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=True)

    # -- what an estimator implements ------------------------------------------------------

    def _check_rows(self, request, reset):
        """Validate the rows of a request as `fit` does; return (Rows, info).

        `info` is a dictionary of private attributes that depend on the form of the input, such
        as its dtype, kept from `fit`.
        """
        raise NotImplementedError

    def _derive(self, moments, info):
        """Learned attributes, a dictionary, from `GroupedMoments`."""
        raise NotImplementedError

    # -- fit, partial_fit, unlearn ---------------------------------------------------------

    def _fit_exact(self, request):
        rows, info = self._check_rows(request, reset=True)
        key = new_key() if self.track_rows else None
        learned = rows.learned(kind=self._kind, resolution=self.resolution, key=key)
        attributes = self._attributes(learned, info)
        clear_learned(self)
        vars(self).pop("_owned", None)
        self._commit(attributes)
        return self

    def _partial_fit_exact(self, request):
        if "_info" not in vars(self):
            return self._fit_exact(request)
        self._check_maintained()
        rows, info = self._check_rows(request, reset=False)
        with lock_of(self):
            learned = self._learned.plus(rows, exact=keeps_every_bit(self))
            self._commit(self._attributes(learned, self._merge_info(info)))
        return self

    def _merge_info(self, info):
        """Return what is kept of the form of the input after a further batch."""
        return merged_info(self._info, info)

    def _attributes(self, learned, info):
        """Everything that is assigned when the model stands on `learned`."""
        if "label_dtype" in info:
            info = {**info, "label_dtype": widthless(info["label_dtype"])}
        return {
            **self._derive(learned.moments(), info),
            "_learned": learned,
            "_info": info,
            "resolution_": learned.exponents,
        }

    def _prepare_unlearn(self, forget, learn=None):
        if not forget.options.get("by_owner"):
            self._check_maintained()
        taken = inspect.signature(self.fit).parameters
        for part in ("sensitive_features", "sample_weight"):
            if getattr(forget, part) is not None and part not in taken:
                raise UnlearningError(
                    f"{type(self).__name__} takes no {part}: leave it out of the request."
                )
        if len(forget) == 0 and learn is None:
            return None
        rows = self._check_rows(forget, reset=False)[0] if len(forget) else None
        learned, info, more = self._learned, self._info, None
        if learn is not None:
            more, new_info = self._check_rows(learn, reset=False)
            info = self._merge_info(new_info)
        try:
            learned = learned if rows is None else learned.minus(rows)
            learned = learned if more is None else learned.plus(more, exact=keeps_every_bit(self))
            if learned.n_rows == 0:
                raise UnlearningError(
                    f"Found array with 0 sample(s) while a minimum of 1 is required by "
                    f"{type(self).__name__}: these are the last rows. Delete the model instead."
                )
            return self._attributes(learned, info)
        except UnlearningError:
            raise
        except ValueError as error:
            raise UnlearningError(f"{error} (a fit on the rows that remain would fail)") from error

    @available_if(_can_unlearn_columns)
    def unlearn_columns(self, columns):
        """Forget features: afterwards the model is the one that never had those columns.

        The fingerprints of the rows are given up, since they know the columns; later requests
        pass rows without them and are no longer checked against what was learned.

        Parameters
        ----------
        columns : int, str, array-like of these, or boolean mask
            Positions, or names where X had names.

        Returns
        -------
        self : object

        Raises
        ------
        UnlearningError
            If a column is unknown, or none would remain.
        """
        self._check_maintained()
        positions = self._column_positions(columns)
        if not len(positions):
            return self
        if len(positions) == self.n_features_in_:
            raise UnlearningError("These are all the columns: none would remain. Delete the model.")
        keep = np.setdiff1d(np.arange(self.n_features_in_), positions)
        names = {}
        if hasattr(self, "feature_names_in_"):
            names["feature_names_in_"] = self.feature_names_in_[keep]
        try:
            attributes = self._attributes(self._learned.without_columns(positions), self._info)
        except ValueError as error:
            raise UnlearningError(f"{error} (a fit without these columns would fail)") from error
        self._commit({**attributes, **names, "n_features_in_": len(keep)})
        return self

    def _column_positions(self, columns):
        """Sorted distinct positions of columns given by position or name."""
        names = list(getattr(self, "feature_names_in_", []))
        n_features = self.n_features_in_
        columns = np.asarray(columns).tolist() if not isinstance(columns, str) else columns
        columns = columns if isinstance(columns, list) else [columns]
        if columns and all(isinstance(column, bool) for column in columns):
            if len(columns) != n_features:
                raise UnlearningError(
                    f"Got a mask of {len(columns)}, expected {n_features} values."
                )
            columns = np.flatnonzero(columns).tolist()
        out = set()
        for column in columns:
            if isinstance(column, str):
                if column not in names:
                    raise UnlearningError(f"Got column {column!r}, expected one of {names}.")
                out.add(names.index(column))
            elif isinstance(column, int) and -n_features <= column < n_features:
                out.add(column % n_features)
            else:
                raise UnlearningError(
                    f"Got column {column!r}, expected a position below {n_features} or a name."
                )
        return np.array(sorted(out), dtype=np.intp)

    def _count_missing(self, forget):
        self._check_maintained()
        return self._learned.n_missing(self._check_rows(forget, reset=False)[0])

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if self.__dict__.get("_learned") is None or "_owned" in vars(self):
            raise error(
                f"This {type(self).__name__} carries no statistics of its rows: it was stripped "
                "for serving, or it is a step of a pipeline. Call unlearn on the object that was "
                "fitted."
            )

    def _hand_over(self):
        """Leave all requests to a pipeline, which has a ledger of its own."""
        if self.__dict__.get("_learned") is not None:
            self._learned = self._learned.without_fingerprints()
            self._owned = True

    # -- what it says of itself ------------------------------------------------------------

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        terms = {"kind": "exact", "conditional_on": (), "detail": _DETAIL}
        terms |= self._info.get("adopted", {})  # of a model that scikit-learn fitted
        terms["conditional_on"] = self._conditions() + terms["conditional_on"]
        return Guarantee(**terms)

    def _conditions(self):
        return conditions(self.resolution, self.track_rows)

    @property
    def n_samples_retained_(self):
        """Number of rows that the model stands on."""
        self._check_maintained(AttributeError)
        return self._learned.n_rows

    def state_digest(self):
        """SHA-256 of the canonical statistics that the model derives from, as hexadecimal text.

        Returns
        -------
        str
        """
        self._check_maintained()
        return self._learned.digest()

    def to_sklearn(self):
        """Give the plain scikit-learn estimator for serving.

        It carries the parameters and learned attributes, no statistics, fingerprints or keys.

        Returns
        -------
        estimator
        """
        check_is_fitted(self)
        plain = next(
            base
            for base in type(self).__mro__
            if base.__module__.startswith("sklearn.") and issubclass(base, BaseEstimator)
        )
        return copy_fitted(self, plain, self._private_attributes)


def merged_info(info, more):
    """Return what is known of the form of the input after more of it: labels may be longer."""
    if "label_dtype" not in info or more.get("empty"):
        return info
    old, new = info["label_dtype"], more["label_dtype"]
    numbers = [dtype.kind in "biuf" for dtype in (old, new)]
    if object not in (old, new) and numbers[0] != numbers[1]:
        raise ValueError(f"Got labels of dtype {new}, expected labels like those of fit, {old}.")
    return {**info, "label_dtype": np.result_type(old, new)}


def widthless(dtype):
    """Type of labels without the width of a text, which a forgotten label may have set."""
    return np.dtype("U") if dtype.kind == "U" else dtype


def conditions(resolution=None, track_rows=True):
    """Return what a guarantee is conditional on, for `Guarantee.conditional_on`."""
    found = ["constructor parameters (one found by a search was chosen with the forgotten rows)"]
    if isinstance(resolution, str):
        found.append(
            "resolution_ (binary exponents of the grid, from the spread of the first rows)"
        )
    if not track_rows:
        found.append("that the rows were learned (track_rows=False checks no request)")
    return tuple(found)


def keeps_every_bit(estimator):
    """Tell whether an estimator promises not to round its rows."""
    return isinstance(estimator.resolution, str) and estimator.resolution == "exact"


def clear_learned(estimator):
    """Delete learned attributes, except what validation has just set."""
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        if not name.startswith("_") and name not in ("n_features_in_", "feature_names_in_"):
            delattr(estimator, name)


def copy_fitted(estimator, plain, private=()):
    """Return an instance of the class `plain` with an estimator's parameters and attributes."""
    names = inspect.signature(plain.__init__).parameters
    params = estimator.get_params(deep=False)
    out = plain(**{name: params[name] for name in names if name in params})
    for name, value in vars(estimator).items():
        public = name.endswith("_") and not name.startswith("_") and name != "resolution_"
        if public or name in private:
            value = value.copy() if isinstance(value, np.ndarray) else value
            setattr(out, name, value)
    if hasattr(estimator, "_sklearn_output_config"):
        out._sklearn_output_config = dict(estimator._sklearn_output_config)
    return out


def check_X(estimator, request, reset, **options):
    """Validate X (and nothing else) as `fit` does, allowing an empty request."""
    return validate_data(
        estimator, request.X, reset=reset, ensure_min_samples=1 if reset else 0, **options
    )


def check_X_y(estimator, request, reset, **options):
    """Validate X and y as `fit` does, allowing an empty request."""
    if request.y is None and not reset:
        raise ValueError(
            f"{type(estimator).__name__}.unlearn requires y to be passed, but the target y is "
            "None: pass the targets that these rows were learned with."
        )
    if not reset and num_samples(request.X) == 0:
        X = check_X(estimator, request, reset, **_only_X(options))
        return X, np.asarray(request.y)
    return validate_data(estimator, request.X, request.y, reset=reset, **options)


def _only_X(options):
    return {k: v for k, v in options.items() if k not in ("multi_output", "y_numeric")}


def plain_rows(X, request, Y=None):
    """Rows of one cell."""
    return Rows(numeric(X), Y=Y, weights=check_weights(request.sample_weight, X))


def class_rows(X, y, request):
    """Rows kept apart by class; labels as Python values.

    Returns
    -------
    rows : Rows
    labels : ndarray
        The distinct labels, in their dtype.
    """
    labels, codes = np.unique(y, return_inverse=True)
    rows = Rows(
        numeric(X),
        weights=check_weights(request.sample_weight, X),
        keys=[(label, None, None) for label in labels.tolist()],
        codes=codes,
        content=(label_words(y)[:, None],),
    )
    return rows, labels


def classes_of(by_class, dtype):
    """Sorted class labels that have rows, in the dtype of `fit`."""
    labels = sorted(by_class)
    # text is as wide as the longest label that remains: a forgotten one leaves no trace
    return np.array(labels, dtype=str if dtype.kind == "U" else dtype)


__all__ = [
    "NO_KEY",
    "ExactUnlearnerMixin",
    "check_X",
    "check_X_y",
    "class_rows",
    "classes_of",
    "clear_learned",
    "conditions",
    "copy_fitted",
    "keeps_every_bit",
    "merged_info",
    "plain_rows",
    "widthless",
]
