"""The runners of `skunlearn.testing`, its deep comparison, and unlearners of other people."""

import copy
import types

import numpy as np
import pytest
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from skunlearn.base import Guarantee, UnlearnerMixin, UnlearnerTags
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.linear_model import Ridge
from skunlearn.preprocessing import StandardScaler
from skunlearn.testing import (
    _checks_equivalence,
    check_unlearner,
    parametrize_with_unlearning_checks,
)
from skunlearn.testing._checks import checks_of
from skunlearn.testing._state import differences, learned_attributes, reachable


@pytest.fixture(autouse=True)
def few_requests(monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 300)


# -- estimators of others -----------------------------------------------------------------------


class WithGroups(StandardScaler):
    """Keeps the contract, and needs a sensitive feature."""

    _unlearner_tags = UnlearnerTags(needs_y=False, needs_sensitive=True)

    def fit(self, X, y=None, sample_weight=None, sensitive_features=None):
        self._check_groups(X, sensitive_features)
        return super().fit(X, y, sample_weight)

    def partial_fit(self, X, y=None, sample_weight=None, sensitive_features=None):
        self._check_groups(X, sensitive_features)
        return super().partial_fit(X, y, sample_weight)

    def transform(self, X, copy=None, *, sensitive_features=None):
        return super().transform(X, copy)

    @property
    def to_sklearn(self):
        raise AttributeError("scikit-learn has no scaler that takes sensitive features")

    def _prepare_unlearn(self, forget, learn=None):
        self._check_groups(forget.X, forget.sensitive_features)
        return super()._prepare_unlearn(forget, learn)

    def _check_groups(self, X, sensitive_features):
        if sensitive_features is None or len(sensitive_features) != len(X):
            raise ValueError("Got no sensitive_features, or not one a row: pass one for each row.")


class KeepsRows(UnlearnerMixin, KNeighborsClassifier):
    """An unlearner written from scratch, which keeps its rows and fits again."""

    _unlearner_tags = UnlearnerTags(keeps_rows=True)

    def __init__(self):
        super().__init__(n_neighbors=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    def fit(self, X, y):
        X, y = validate_data(self, X, y)
        self.__dict__.update(self._fitted(X, y))
        return self

    def _fitted(self, X, y):
        fresh = KNeighborsClassifier(n_neighbors=1).fit(X, y)
        return {**vars(fresh), "X_": X, "y_": y}

    def _find(self, forget):
        if forget.y is None:
            raise ValueError("KeepsRows.unlearn needs y.")
        X = validate_data(self, forget.X, reset=False, ensure_min_samples=0)
        y = np.asarray(forget.y)
        if len(X) != len(y):
            raise ValueError(f"Got {len(X)} rows and {len(y)} targets.")
        free, missing = np.ones(len(self.X_), dtype=bool), 0
        for row, target in zip(X, y, strict=True):
            found = np.flatnonzero(free & (row == self.X_).all(axis=1) & (self.y_ == target))
            free[found[:1]] = False
            missing += not len(found)
        return free, missing

    def _count_missing(self, forget):
        return self._find(forget)[1]

    def _prepare_unlearn(self, forget, learn=None):
        free, missing = self._find(forget)
        if missing:
            raise NotLearnedError(f"{missing} rows were never learned.")
        X, y = self.X_[free], self.y_[free]
        if learn is not None:
            new = validate_data(self, learn.X, learn.y, reset=False)
            X, y = np.concatenate([X, new[0]]), np.concatenate([y, new[1]])
        elif free.all():
            return None
        try:
            return self._fitted(X, y)
        except ValueError as error:
            raise UnlearningError(str(error)) from error

    @property
    def guarantee_(self):
        check_is_fitted(self)
        return Guarantee("exact")

    @property
    def n_samples_retained_(self):
        check_is_fitted(self)
        return len(self.X_)


class Approximate(Ridge):
    """Says that it is approximate, and is."""

    _unlearner_tags = UnlearnerTags(kind="approximate")

    @property
    def guarantee_(self):
        check_is_fitted(self)
        return Guarantee("approximate")

    def _prepare_unlearn(self, forget, learn=None):
        attributes = super()._prepare_unlearn(forget, learn)
        if attributes is not None:
            attributes["coef_"] = attributes["coef_"] * 1.01
        return attributes


@parametrize_with_unlearning_checks([KeepsRows(), WithGroups(), Approximate()])
def test_estimators_of_others(estimator, check):
    check(estimator)


def test_checks_are_chosen_by_tags():
    exact, approximate = set(checks_of(Ridge())), set(checks_of(Approximate()))
    assert "check_unlearn_equals_refit" in exact - approximate
    assert "check_never_learned_rows" in approximate
    assert "check_keeps_no_rows" in exact - set(checks_of(KeepsRows()))
    assert "check_wrong_target" in exact - set(checks_of(StandardScaler()))
    assert "check_never_learned_rows" not in checks_of(Ridge(track_rows=False))
    assert "check_sparse" not in checks_of(StandardScaler())


class Drifts(Approximate):
    """Says that it is exact, and is not."""

    _unlearner_tags = UnlearnerTags()
    guarantee_ = Ridge.guarantee_


# -- the runners ----------------------------------------------------------------------------------


def test_check_unlearner_raises_the_first_failure():
    with pytest.raises(AssertionError, match="unlearn and refit differ for one request"):
        check_unlearner(Drifts())


def test_check_unlearner_notes_all_failures():
    name, reason = "check_unlearn_equals_refit", "it drifts"
    results = check_unlearner(Drifts(), on_fail=None, expected_failed_checks={name: reason})
    found = {result["check_name"]: result for result in results}
    assert set(found) == set(checks_of(Drifts()))
    assert found[name]["status"] == "xfail"
    assert found[name]["expected_to_fail_reason"] == reason
    assert found["check_order_of_rows"]["status"] == "failed"
    assert isinstance(found["check_order_of_rows"]["exception"], AssertionError)
    assert found["check_wrong_width"]["status"] == "passed"


def test_check_unlearner_passes_on_a_good_estimator():
    assert {result["status"] for result in check_unlearner(StandardScaler())} == {"passed"}


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (Ridge, {}, "expected an instance"),
        (PlainRidge(), {}, "UnlearnerMixin"),
        (Ridge(), {"on_fail": "warn"}, "on_fail='warn'"),
        (Ridge(), {"expected_failed_checks": {"check_nothing": ""}}, "check_nothing"),
    ],
)
def test_wrong_arguments(estimator, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_unlearner(estimator, **options)


def test_expected_failures_are_strict():
    mark = parametrize_with_unlearning_checks(
        [Ridge()], expected_failed_checks=lambda estimator: {"check_shape": "for a reason"}
    )
    cases = {case.id: case.marks for case in mark.args[1]}
    (xfail,) = cases["Ridge()-check_shape"]
    assert xfail.kwargs == {"reason": "for a reason", "strict": True}
    assert cases["Ridge()-check_lists"] == []


# -- deep comparison ------------------------------------------------------------------------------


class Slots:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.0),
        (0.0, np.float64(0.0)),
        ("a", "b"),
        ([1, 2], [1]),
        ((1,), [1]),
        ({"a": 1}, {"b": 1}),
        ({1, 2}, {1, 3}),
        (np.zeros(3), np.zeros(4)),
        (np.zeros(3), np.zeros(3, dtype=np.float32)),
        (np.array([1.0, np.nan]), np.array([np.nan, 1.0])),
        (np.array([[1], None], dtype=object), np.array([[2], None], dtype=object)),
        (Slots([1.0]), Slots([2.0])),
        (Ridge(alpha=1.0), Ridge(alpha=2.0)),
        (Guarantee("exact"), Guarantee("approximate")),
        (np.random.RandomState(0), np.random.RandomState(1)),
    ],
)
def test_differences_are_found(one, other):
    assert differences({"key": [one]}, {"key": [other]})
    assert not differences({"key": [one]}, {"key": [copy.deepcopy(one)]})


def test_differences_of_special_values():
    nan = np.array([1.0, np.nan])
    assert not differences(nan, nan.copy())
    assert not differences(float("nan"), float("nan"))
    loop = [1]
    loop.append(loop)
    assert not differences(loop, copy.deepcopy(loop))


def test_learned_attributes_are_public_and_deep():
    model = Ridge().fit([[0.0], [1.0]], [0.0, 1.0])
    found = learned_attributes(model)
    assert "coef_" in found
    assert "_learned" not in found
    assert "alpha" not in found


def test_reachable_sees_closures_and_bases():
    base, secret = np.zeros(9), object()
    items = list(reachable({"view": base[:2], "function": lambda: secret}))
    assert any(item is base for item in items)
    assert any(item is secret for item in items)
    assert not any(isinstance(item, types.ModuleType) for item in items)
