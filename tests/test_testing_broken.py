"""Each check of `skunlearn.testing` is seen failing on estimators that break its promise."""

import copy
import functools
import types

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skunlearn.base import Guarantee, UnlearnerMixin, UnlearnerTags
from skunlearn.decomposition import PCA
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.linear_model import Ridge, RidgeClassifier
from skunlearn.preprocessing import StandardScaler
from skunlearn.testing import _checks_equivalence
from skunlearn.testing._checks import all_checks, checks_of


@pytest.fixture(autouse=True)
def few_requests(monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 300)


# -- estimators that break one promise each ---------------------------------------------------


def broken(base, **methods):
    """A subclass of `base` in which some methods are replaced; each takes the parent's first."""

    def around(name, replacement):
        @functools.wraps(getattr(base, name))
        def method(self, *args, **kwargs):
            original = getattr(super(out, self), name)
            return replacement(self, original, *args, **kwargs)

        return method

    body = {name: around(name, value) for name, value in methods.items()}
    out = type(f"Broken{base.__name__}", (base,), {**body, "__module__": __name__})
    return out


def named(cls):
    """Give a broken class a name of its own, so that pickle finds it."""
    cls.__name__ = cls.__qualname__ = f"Broken{len(_NAMED)}"
    _NAMED.append(cls)
    globals()[cls.__name__] = cls
    return cls()


_NAMED = []


def drift(self):
    """Move one learned number by its last bit."""
    if hasattr(self, "coef_"):
        self.coef_ = np.nextafter(self.coef_, np.asarray(np.inf, self.coef_.dtype))
    else:
        self.mean_ = np.nextafter(self.mean_, np.inf)
    return self


def unlearn_if(condition, otherwise=lambda self: self):
    """An `unlearn` that does its work only under a condition."""

    def unlearn(self, original, X, y=None, **rest):
        return original(X, y, **rest) if condition(self, X, y, rest) else otherwise(self)

    return unlearn


def drift_if(condition):
    """An `unlearn` that loses the last bit under a condition."""

    def unlearn(self, original, X, y=None, **rest):
        original(X, y, **rest)
        return drift(self) if condition(self, X, y, rest) else self

    return unlearn


def counting(self):
    self._n_requests = getattr(self, "_n_requests", 0) + 1
    return self._n_requests


def accept_all(self, original, X, y=None, **rest):
    try:
        return original(X, y, **rest)
    except (ValueError, TypeError):
        return self


def not_atomic(self, original, X, y=None, **rest):
    kept = self.__dict__.pop("coef_")
    original(X, y, **rest)
    self.__dict__.setdefault("coef_", kept)
    return self


def count_wrong(self, original, *args, **rest):
    try:
        return original(*args, **rest)
    except NotLearnedError:
        raise NotLearnedError("Some rows were never learned.") from None


def first_row(self, original, X, y=None, **rest):
    original(X, y, **rest)
    self.first_ = float(np.asarray(X)[0, 0])
    return self


def keep_first_row(self, original, X, y=None, **rest):
    first = self.first_
    original(X, y, **rest)
    self.first_ = first
    return self


def accumulate(self, original, X, y=None, **rest):
    return self.partial_fit(X, y, **rest) if hasattr(self, "mean_") else original(X, y, **rest)


def ignore_weights(self, original, X, y=None, sample_weight=None):
    return original(X, y)


def keep_classes(self, original, X, y=None, **rest):
    classes = self.classes_
    original(X, y, **rest)
    self.classes_ = classes
    return self


def keep_scale(self, original, X, y=None, **rest):
    scale = self.scale_
    original(X, y, **rest)
    self.scale_ = np.where(self.var_ > 0, self.scale_, scale)
    return self


def to_float64(self, original, X, y=None, **rest):
    original(X, y, **rest)
    self.coef_ = self.coef_.astype(np.float64)
    return self


def refuse_few(self, original, X, y=None, **rest):
    if self.n_samples_retained_ - len(X) < 3:
        raise UnlearningError("Too few rows would remain.")
    return original(X, y, **rest)


def rounded(self, original, X, y=None, **rest):
    return original(np.round(X, 6), y, **rest)


def deduplicate(self, original, X, y=None, **rest):
    return original(np.unique(X, axis=0), y, **rest)


def trim(self, original, X, y=None, **rest):
    return original(X[:, : self.n_features_in_] if np.ndim(X) == 2 else X, y, **rest)


def by_name(self, original, X, y=None, **rest):
    if hasattr(X, "columns") and set(X.columns) == set(self.feature_names_in_):
        X = X[list(self.feature_names_in_)]
    return original(X, y, **rest)


def forget_in_dry_run(self, original, X, y=None, **rest):
    preview = original(X, y, **rest)
    if preview:
        self.unlearn(X, y, **rest)
    return preview


def in_two_steps(self, original, old, new):
    self.unlearn(**old)
    return self.partial_fit(**new)


def write_to_input(self, original, X, y=None, **rest):
    original(X, y, **rest)
    if isinstance(X, np.ndarray):
        X[...] = 0.0
    return self


def change_params(self, original, X, y=None, **rest):
    original(X, y, **rest)
    self.alpha = 2.0 * self.alpha
    return self


def drift_on_load(self, original, state):
    original(state)
    drift(self)


def keep_note(self, original, X, y=None, **rest):
    original(X, y, **rest)
    self._forgotten = [*getattr(self, "_forgotten", []), hash(np.asarray(X)[0, 0])]
    return self


def keep(how):
    """A `fit` that keeps its rows in some way."""

    def fit(self, original, X, y=None, **rest):
        original(X, y, **rest)
        self._kept = how(np.asarray(X))
        return self

    return fit


def shrink(self, original, X, y=None, **rest):
    original(X, y, **rest)
    self.coef_ = 0.999 * self.coef_
    return self


def as_column(self, original, X, y=None, **rest):
    return original(X, np.reshape(y, (len(y), -1)), **rest)


def lose_output(self, original, X, y=None, **rest):
    original(X, y, **rest)
    self.__dict__.pop("_sklearn_output_config", None)
    return self


def share_memory(self, original):
    plain = original()
    plain.coef_ = self.coef_
    return plain


class _InPlace(Ridge):
    """Copies share arrays, and forgetting writes into them."""

    def __deepcopy__(self, memo):
        return copy.copy(self)

    def unlearn(self, X, y=None, **rest):
        old = self.coef_
        super().unlearn(X, y, **rest)
        old[...] = self.coef_
        self.coef_ = old
        return self


class _ClonesFitted(Ridge):
    def __sklearn_clone__(self):
        return copy.deepcopy(self)


class _Refuses(Ridge):
    def _unlearn_refusal(self):
        return "This configuration cannot forget."


class _Approximate(Ridge):
    @property
    def guarantee_(self):
        check_is_fitted(self)
        return Guarantee("approximate")


class _Promises(Ridge):
    @property
    def guarantee_(self):
        check_is_fitted(self)
        return types.SimpleNamespace(kind="exact")


class _CountsAll(Ridge):
    @property
    def n_samples_retained_(self):
        return 61


class _NoCheckFitted(Ridge):
    def unlearn(self, X, y=None, **rest):
        return super().unlearn(X, y, **rest) if hasattr(self, "coef_") else self


class _WithoutGroups(StandardScaler):
    """Says that it needs a sensitive feature, and does not."""

    _unlearner_tags = UnlearnerTags(needs_y=False, needs_sensitive=True)

    def fit(self, X, y=None, sample_weight=None, sensitive_features=None):
        return super().fit(X, y, sample_weight)

    def transform(self, X, copy=None, *, sensitive_features=None):
        return super().transform(X, copy)


class FloatSums(UnlearnerMixin, TransformerMixin, BaseEstimator):
    """Running sums in floating point: what this library exists to avoid."""

    _unlearner_tags = UnlearnerTags(needs_y=False)

    def fit(self, X, y=None):
        X = validate_data(self, X)
        self.sums_, self.n_ = X.sum(axis=0), len(X)
        return self

    def unlearn(self, X, y=None):
        self.sums_, self.n_ = self.sums_ - np.sum(X, axis=0), self.n_ - len(X)
        return self

    def transform(self, X):
        return X - self.sums_ / self.n_

    n_samples_retained_ = property(lambda self: self.n_)


def is_given(name):
    return lambda self, X, y, rest: rest.get(name) is not None


def ridge(**methods):
    return named(broken(Ridge, **methods))


def scaler(**methods):
    return named(broken(StandardScaler, **methods))


def classifier(**methods):
    return named(broken(RidgeClassifier, **methods))


NO_OP = ridge(unlearn=unlearn_if(lambda *_: False))
DRIFTS = ridge(unlearn=drift_if(lambda *_: True))
ACCEPTS_ALL = ridge(unlearn=accept_all)
NOT_ATOMIC = ridge(unlearn=not_atomic)
ANONYMOUS = ridge(unlearn=count_wrong)

BROKEN = {
    "check_unlearn_equals_refit": [NO_OP, DRIFTS, FloatSums()],
    "check_integer_labels": [
        classifier(unlearn=unlearn_if(lambda s, X, y, _: np.asarray(y).dtype.kind == "U"))
    ],
    "check_many_targets": [ridge(unlearn=unlearn_if(lambda s, X, y, _: np.ndim(y) == 1))],
    "check_order_and_split_of_requests": [
        ridge(unlearn=drift_if(lambda self, *_: counting(self) >= 3))
    ],
    "check_order_of_rows": [ridge(fit=first_row, unlearn=keep_first_row)],
    "check_learn_again": [scaler(partial_fit=lambda s, f, *a, **k: drift(f(*a, **k)))],
    "check_learning_in_parts": [scaler(partial_fit=lambda s, f, *a, **k: drift(f(*a, **k)))],
    "check_fit_transform": [scaler(fit_transform=lambda s, f, *a, **k: f(*a, **k) + 1e-9)],
    "check_fit_starts_anew": [scaler(fit=accumulate)],
    "check_sample_weight": [ridge(unlearn=drift_if(is_given("sample_weight")))],
    "check_whole_weights_are_copies": [
        scaler(fit=ignore_weights, unlearn=ignore_weights),
    ],
    "check_forget_a_class": [classifier(unlearn=keep_classes)],
    "check_new_class": [classifier(replace=lambda self, original, old, new: self)],
    "check_weights_in_a_later_batch": [ridge(unlearn=drift_if(is_given("sample_weight")))],
    "check_large_offset": [
        scaler(unlearn=drift_if(lambda s, X, *_: np.mean(X) > 1e5)),
        scaler(fit=lambda s, f, X, *a, **k: f(np.float32(X), *a, **k), unlearn=accept_all),
    ],
    "check_outliers": [FloatSums(), scaler(unlearn=drift_if(lambda s, X, *_: np.max(X) > 1e11))],
    "check_column_becomes_constant": [scaler(unlearn=keep_scale)],
    "check_sparse": [
        named(
            type(
                "Broken",
                (
                    broken(
                        StandardScaler, unlearn=unlearn_if(lambda s, X, *_: not hasattr(X, "nnz"))
                    ),
                ),
                {"__init__": lambda self: StandardScaler.__init__(self, with_mean=False)},
            )
        )
    ],
    "check_float32": [ridge(unlearn=to_float64)],
    "check_lists": [ridge(unlearn=unlearn_if(lambda s, X, *_: not isinstance(X, list)))],
    "check_many_requests": [ridge(unlearn=drift_if(lambda self, *_: counting(self) >= 100))],
    "check_replace": [
        ridge(replace=lambda self, original, old, new: self.unlearn(**old)),
        ridge(replace=lambda self, original, old, new: original(old, new) and None),
    ],
    "check_refused_where_fit_raises": [
        ridge(unlearn=refuse_few),
        named(
            type(
                "Broken",
                (broken(PCA, unlearn=accept_all),),
                {"__init__": lambda self: PCA.__init__(self, n_components=2)},
            )
        ),
    ],
    "check_never_learned_rows": [ACCEPTS_ALL, NOT_ATOMIC, ANONYMOUS],
    "check_last_bit": [ridge(fit=rounded, unlearn=rounded)],
    "check_forgotten_rows_are_gone": [NO_OP, ACCEPTS_ALL, NOT_ATOMIC],
    "check_copies_count": [scaler(unlearn=deduplicate), ANONYMOUS],
    "check_wrong_target": [ACCEPTS_ALL, NOT_ATOMIC, ANONYMOUS],
    "check_wrong_weight": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_last_rows": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_zero_rows": [scaler(unlearn=lambda s, f, X, **rest: counting(s) and f(X, **rest))],
    "check_wrong_width": [ridge(unlearn=trim), NOT_ATOMIC],
    "check_missing_values": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_missing_target_values": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_text": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_shape": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_lengths": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_missing_target": [ACCEPTS_ALL, NOT_ATOMIC],
    "check_missing_sensitive_features": [_WithoutGroups()],
    "check_not_fitted": [_NoCheckFitted()],
    "check_feature_names": [ridge(unlearn=by_name), NO_OP],
    "check_data_frames": [NO_OP, DRIFTS],
    "check_can_unlearn": [
        ridge(can_unlearn=forget_in_dry_run),
        ridge(can_unlearn=lambda s, f, X, y, **k: f(X[:1], y[:1], **k)),
    ],
    "check_replace_is_atomic": [ridge(replace=in_two_steps)],
    "check_input_is_left_alone": [ridge(unlearn=write_to_input)],
    "check_target_is_ignored": [scaler(unlearn=unlearn_if(lambda s, X, y, _: y is None))],
    "check_verbs": [ridge(unlearn=lambda s, f, *a, **k: f(*a, **k) and None), _Refuses()],
    "check_guarantee": [_Approximate(), _Promises()],
    "check_n_samples_retained": [_CountsAll()],
    "check_params": [ridge(unlearn=change_params), ridge(fit=change_params)],
    "check_clone_is_unfitted": [_ClonesFitted()],
    "check_pickle": [ridge(__setstate__=drift_on_load), NO_OP],
    "check_pickle_holds_retained_rows_only": [ridge(unlearn=keep_note)],
    "check_keeps_no_rows": [
        ridge(fit=keep(lambda X: X)),
        ridge(fit=keep(lambda X: np.asfortranarray(X))),
        ridge(fit=keep(lambda X: X[3].copy())),
        ridge(fit=keep(lambda X: X[0, :1])),
        ridge(fit=keep(lambda X: {"rows": [X - X.mean(axis=0)]})),
        ridge(fit=keep(lambda X: X.tobytes())),
    ],
    "check_to_sklearn": [
        ridge(to_sklearn=lambda self, original: self),
        ridge(to_sklearn=lambda self, original: drift(original())),
        ridge(to_sklearn=share_memory),
    ],
    "check_equals_scikit_learn": [
        ridge(fit=shrink, unlearn=shrink),
        ridge(fit=as_column, unlearn=as_column),
    ],
    "check_set_output": [scaler(unlearn=lose_output)],
    "check_copies_are_independent": [_InPlace()],
}


@pytest.mark.parametrize(
    ("name", "estimator"),
    [
        pytest.param(name, estimator, id=f"{name}-{i}")
        for name, estimators in BROKEN.items()
        for i, estimator in enumerate(estimators)
    ],
)
def test_check_fails_on_a_broken_estimator(name, estimator):
    check = checks_of(estimator)[name]
    with pytest.raises(AssertionError):
        check("Broken", estimator)


def test_every_check_has_been_seen_failing():
    assert set(BROKEN) == set(all_checks())
