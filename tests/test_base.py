"""The verb as a template: what a third party gets for one method, and what it may rely on."""

import dataclasses
import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.utils import get_tags

from skunlearn.base import (
    Guarantee,
    Request,
    UnlearnerMixin,
    UnlearnerTags,
    UnlearnPreview,
    is_unlearner,
)
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.linear_model import Ridge
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler


class RowCounter(UnlearnerMixin, TransformerMixin, BaseEstimator):
    """The smallest unlearner: one method, `_prepare_unlearn`."""

    def __init__(self, forgets=True):
        self.forgets = forgets

    def fit(self, X, y=None, sample_weight=None):
        self.count_ = len(X)
        self.weight_ = None if sample_weight is None else float(np.sum(sample_weight))
        return self

    def transform(self, X):
        return np.full((len(X), 1), self.count_)

    def _prepare_unlearn(self, forget, learn=None):
        count = self.count_ - len(forget)
        if count < 0:
            raise UnlearningError(f"Got {len(forget)} rows, there are {self.count_}.")
        return {"count_": count + (0 if learn is None else len(learn)), "last_": (forget, learn)}


class Configured(RowCounter):
    """An unlearner that some configurations deny, that looks rows up, and has tags."""

    _unlearner_tags = UnlearnerTags("approximate", needs_y=False, keeps_rows=True)

    def _unlearn_refusal(self):
        return None if self.forgets else "forgets=False cannot forget; pass forgets=True."

    def _count_missing(self, forget):
        return max(0, len(forget) - self.count_)


X = np.arange(12.0).reshape(6, 2)


# -- Guarantee, Request, preview --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["exact", "certified", "approximate"])
def test_guarantee(kind):
    guarantee = Guarantee(kind, epsilon=1.0, delta=1e-5, residues=("a cache",))
    assert guarantee == pickle.loads(pickle.dumps(guarantee))
    assert hash(guarantee) == hash(Guarantee(kind, 1.0, 1e-5, residues=("a cache",)))
    assert guarantee != Guarantee(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        guarantee.kind = "exact"
    assert Guarantee(kind).residues == Guarantee(kind).conditional_on == ()


@pytest.mark.parametrize("kind", ["Exact", "", None, "perfect"])
def test_guarantee_of_an_unknown_kind_is_refused(kind):
    with pytest.raises(ValueError, match=rf"Got kind={kind!r}, expected .exact., .certified."):
        Guarantee(kind)


def test_request():
    request = Request(X, y=[1], sample_weight=[2.0], sensitive_features=["a"])
    assert len(request) == 6 and request.options == {}
    assert Request(X).options is not Request(X).options
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.X = None


def test_preview_is_true_where_the_request_would_be_carried_out():
    assert UnlearnPreview(3, 0, 0.1, None)
    assert not UnlearnPreview(3, 1, 0.1, "one is missing")


def test_errors_are_value_errors():
    assert issubclass(NotLearnedError, UnlearningError) and issubclass(UnlearningError, ValueError)


# -- tags -------------------------------------------------------------------------------------


def test_unlearners_are_told_by_their_tags():
    assert all(map(is_unlearner, [RowCounter(), Ridge(), make_pipeline(Ridge())]))
    assert not is_unlearner(PlainRidge())

    class Pretender(BaseEstimator):
        def unlearn(self, X):
            return self

    assert not is_unlearner(Pretender())


def test_tags_are_scikit_learns_and_one_more():
    tags = get_tags(Configured())
    assert tags.unlearner_tags == UnlearnerTags("approximate", needs_y=False, keeps_rows=True)
    assert get_tags(RowCounter()).unlearner_tags == UnlearnerTags()
    ours, theirs = get_tags(Ridge()), get_tags(PlainRidge())
    assert not ours.array_api_support  # numpy arrays in
    for field in dataclasses.fields(theirs):
        if field.name == "array_api_support":
            continue
        assert getattr(ours, field.name) == getattr(theirs, field.name), field.name
    tags.unlearner_tags.kind = "exact"  # each estimator has its own
    assert get_tags(Configured()).unlearner_tags.kind == "approximate"


def test_tags_of_a_pipeline_follow_its_last_step():
    assert get_tags(make_pipeline(StandardScaler(), Ridge())).unlearner_tags.needs_y
    assert not get_tags(make_pipeline(StandardScaler())).unlearner_tags.needs_y


# -- the verb ---------------------------------------------------------------------------------


def test_one_method_makes_an_unlearner():
    model = RowCounter().fit(X)
    assert model.unlearn(X[:2]) is model
    assert model.count_ == 4
    assert model.unlearn(X[:0]).count_ == 4
    assert len(model.last_[0]) == 2  # no row is no request: it did not arrive
    assert RowCounter().fit_transform(X).tolist() == [[6]] * 6
    assert clone(model).get_params() == {"forgets": True}


def test_the_request_arrives_as_it_was_given():
    model = RowCounter().fit(X)
    weights, groups, y = [1.0], ["a"], [3]
    model.unlearn(X[:1], y, sample_weight=weights, sensitive_features=groups)
    forget, learn = model.last_
    assert forget.y is y and forget.sample_weight is weights and learn is None
    assert forget.sensitive_features is groups
    with pytest.raises(TypeError):
        model.unlearn(X[:1], y, weights)


def test_the_verb_needs_a_fitted_model():
    for call in ("unlearn", "can_unlearn"):
        with pytest.raises(NotFittedError):
            getattr(RowCounter(), call)(X)
    with pytest.raises(NotFittedError):
        RowCounter().replace(X, X)


def test_a_refused_request_changes_nothing():
    model = RowCounter().fit(X)
    state = dict(vars(model))
    with pytest.raises(UnlearningError, match="Got 12 rows, there are 6"):
        model.unlearn(np.vstack([X, X]))
    assert vars(model) == state


def test_the_step_that_computes_is_required():
    class Unfinished(UnlearnerMixin, BaseEstimator):
        def fit(self, X):
            self.fitted_ = True
            return self

    with pytest.raises(NotImplementedError, match="Unfinished must implement _prepare_unlearn"):
        Unfinished().fit(X).unlearn(X)
    assert not hasattr(Unfinished(), "fit_transform")  # nor is it a transformer


def test_a_configuration_that_cannot_forget_has_no_verb():
    model = Configured(forgets=False).fit(X)
    assert not hasattr(model, "unlearn") and not hasattr(model, "replace")
    assert hasattr(model.set_params(forgets=True), "unlearn")
    model.set_params(forgets=False)
    with pytest.raises(AttributeError) as error:
        model.unlearn(X[:1])
    assert "forgets=True" in str(error.value.__cause__)
    preview = model.can_unlearn(X[:1])
    assert not preview and preview.reason.startswith("forgets=False cannot forget")
    assert is_unlearner(model)  # the class can


@pytest.mark.parametrize("n, found, missing", [(0, 0, 0), (4, 4, 0), (6, 6, 0)])
def test_dry_run(n, found, missing):
    model = Configured().fit(X)
    state = dict(vars(model))
    preview = model.can_unlearn(X[:n])
    assert (preview.n_found, preview.n_missing) == (found, missing)
    assert preview and preview.reason is None and 0 <= preview.seconds < 60
    assert vars(model) == state


def test_dry_run_of_a_request_that_would_be_refused():
    preview = Configured().fit(X).can_unlearn(np.vstack([X, X[:3]]))
    assert not preview and (preview.n_found, preview.n_missing) == (6, 3)
    assert preview.reason == "Got 9 rows, there are 6."


@pytest.mark.parametrize(
    "rows",
    [
        lambda y: (X[:2], y),
        lambda y: {"X": X[:2], "y": y},
        lambda y: Request(X[:2], y),
    ],
)
def test_forms_of_replace(rows):
    model = RowCounter().fit(X)
    assert model.replace(rows([1, 2]), X[:5]) is model
    assert model.count_ == 9
    forget, learn = model.last_
    assert forget.X is not None and forget.y == [1, 2]
    assert learn.X is not None and learn.y is None and len(learn) == 5
    model.replace(X[:1], {"X": X[:1], "sample_weight": [2.0]})
    assert model.last_[1].sample_weight == [2.0]


def test_fit_parameters_reach_fit_through_fit_transform():
    model = RowCounter()
    model.fit_transform(X, sample_weight=np.ones(6))
    assert model.weight_ == 6.0
    model.fit_transform(X, [0] * 6)
    assert model.weight_ is None


def test_a_pickle_of_other_versions_warns():
    model = RowCounter().fit(X)
    assert pickle.loads(pickle.dumps(model)).count_ == 6
    state = model.__getstate__()
    assert "_pickled_with" in state and "_pickled_with" not in vars(model)
    state["_pickled_with"] = {**state["_pickled_with"], "schema": 0}
    other = RowCounter()
    with pytest.warns(UserWarning, match=r"RowCounter was pickled with .*'schema': 0.*loaded with"):
        other.__setstate__(state)
    assert other.count_ == 6 and "_pickled_with" not in vars(other)


def test_a_third_party_step_is_asked_by_protocol():
    model = make_pipeline(StandardScaler(), RowCounter()).fit(X)
    with pytest.raises(UnlearningError, match=r"rowcounter \(RowCounter\) is not a function of"):
        model.unlearn(X[:2])
    model.unlearn(X[:2], upstream="frozen")
    assert model[-1].count_ == 4 and model.guarantee_.kind == "approximate"
