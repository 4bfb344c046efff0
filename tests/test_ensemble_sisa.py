"""SISA over many estimators, against the refit on the rows that remain."""

import copy
import functools
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import stable_id
from scipy import sparse
from sklearn import config_context, datasets
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from skunlearn import pipeline as skunlearn_pipeline
from skunlearn.datasets import fetch_adult
from skunlearn.ensemble import SISAClassifier, SISARegressor
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.linear_model import Ridge as UnlearnableRidge
from skunlearn.testing._state import reachable

SCALED = functools.partial(make_pipeline, StandardScaler())


@functools.cache
def load(name, n=400):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:n]
    X, y = X[chosen], y[chosen]
    X.setflags(write=False)
    return X, y


@functools.cache
def passengers(n=240):
    """A table of text and numbers with gaps, and its encoder."""
    rng = np.random.default_rng(0)
    port, age = rng.choice(["Cork", "Bremen", "Oslo"], n), np.rint(rng.gamma(4, 9, n))
    frame = pd.DataFrame({"age": age, "port": port, "fare": rng.gamma(2, 9, n)})
    y = np.where(age / 9 + 2 * (port == "Oslo") + rng.normal(size=n) > 4, "yes", "no")
    encode = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "fare"]),
            ("text", OneHotEncoder(handle_unknown="ignore"), ["port"]),
        ]
    )
    return frame, y, encode


def says(model, X):
    """What a model and each of its shards says."""
    names = ("predict", "predict_proba", "decision_function")
    parts = [model, *(m for m in model.estimators_ if m is not None)]
    return [getattr(m, name)(X) for m in parts for name in names if hasattr(m, name)]


def all_equal(one, other):
    same = [a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True)]
    return all(same)


def assert_same(model, other, X):
    assert all_equal(says(model, X), says(other, X))
    assert model.shard_sizes_.tolist() == other.shard_sizes_.tolist()
    assert model.state_digest() == other.state_digest()
    if hasattr(model, "classes_"):
        assert model.classes_.dtype == other.classes_.dtype
        assert model.classes_.tolist() == other.classes_.tolist()


def rows_of(X, positions):
    return X.iloc[positions] if hasattr(X, "iloc") else X[positions]


def check_equals_refit(model, X, y, *, n_forget=12, seed=0):
    """Forget rows, some of them copies, and compare with a fit on the others, shuffled."""
    rng = np.random.default_rng(seed)
    n = len(y)
    rows = np.append(np.arange(n), rng.integers(n, size=n // 8))  # with copies
    rows = rng.permutation(rows)
    gone = rng.permutation(len(rows))[:n_forget]
    kept = rng.permutation(np.setdiff1d(np.arange(len(rows)), gone))
    model = model.set_params(random_state=model.random_state or 0)
    model.fit(rows_of(X, rows), y[rows])
    before = says(model, X)
    for part in (gone[5:], gone[:5]):
        model.unlearn(rows_of(X, rows[part]), y[rows[part]])
    refit = clone(model).set_params(random_state=model.seed_)
    refit.fit(rows_of(X, rows[kept]), y[rows[kept]])
    assert_same(model, refit, X)
    assert not all_equal(before, says(model, X))  # there was something to forget
    return model


# -- equal to a refit -----------------------------------------------------------------------


@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits"])
@pytest.mark.parametrize(
    "model",
    [
        SISAClassifier(n_shards=4),
        SISAClassifier(SCALED(LogisticRegression()), n_shards=5, aggregation="vote"),
        SISAClassifier(SCALED(LogisticRegression()), n_shards=5),
        SISAClassifier(RandomForestClassifier(5), n_shards=3),
        SISAClassifier(KNeighborsClassifier(3), n_shards=4),
        SISAClassifier(GaussianNB(), n_shards=3, n_slices=4),
        SISAClassifier(LogisticRegression(warm_start=True, max_iter=20), n_shards=2, n_slices=3),
        SISAClassifier(SGDClassifier(loss="log_loss"), n_shards=3, n_slices=3),
        SISAClassifier(MLPClassifier((4,)), n_shards=2, n_slices=2),
    ],
    ids=stable_id,
)
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_classifiers_equal_their_refit(data, model):
    check_equals_refit(clone(model), *load(data, 170))


@pytest.mark.parametrize(
    "model",
    [
        SISARegressor(random_state=np.random.RandomState(0)),
        SISARegressor(RandomForestRegressor(5), n_shards=4, random_state=3),
        SISARegressor(SCALED(Ridge()), n_shards=6, aggregation="median"),
        SISARegressor(UnlearnableRidge(), n_shards=3),
        SISARegressor(KNeighborsRegressor(2), n_shards=7),
        SISARegressor(
            MLPRegressor(hidden_layer_sizes=(4,), warm_start=True, max_iter=5),
            n_shards=2,
            n_slices=4,
            random_state=1,
        ),
    ],
    ids=stable_id,
)
@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_regressors_equal_their_refit(model, n_targets):
    X, y = load("diabetes")
    y = y if n_targets == 1 else np.column_stack([y, X[:, 0]])
    model = check_equals_refit(clone(model), X, y)
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize("final", [LogisticRegression(), RandomForestClassifier(5)])
def test_a_whole_pipeline_on_a_table(final):
    frame, y, encode = passengers()
    model = check_equals_refit(SISAClassifier(make_pipeline(encode, final), n_shards=4), frame, y)
    assert model.feature_names_in_.tolist() == ["age", "port", "fare"]
    assert model.score(frame, y) > 0.7
    with pytest.raises(ValueError, match="feature names should match"):
        model.unlearn(frame[["port", "age", "fare"]][:1], y[:1])


@pytest.mark.data
def test_adult(data_home):
    adult = fetch_adult(data_home=data_home)
    X, y = adult.data[:3000], np.asarray(adult.target[:3000]).astype(str)
    words = X.columns[X.dtypes.map(lambda dtype: not pd.api.types.is_numeric_dtype(dtype))]
    text = OneHotEncoder(handle_unknown="ignore", min_frequency=5)
    encode = ColumnTransformer([("text", text, list(words))], remainder=StandardScaler())
    model = SISAClassifier(make_pipeline(encode, LogisticRegression(max_iter=200)), n_shards=5)
    model = check_equals_refit(model, X, y)
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("storage", [sparse.csr_array, sparse.csc_matrix])
def test_sparse(storage):
    X, y = load("digits")
    model = SISAClassifier(MultinomialNB(), n_shards=4, n_slices=2, random_state=0)
    dense = clone(model).fit(X, y).unlearn(X[:5], y[:5])
    model.fit(storage(X), y).unlearn(storage(X[:5]), y[:5])
    assert model.state_digest() == dense.state_digest()
    np.testing.assert_allclose(model.predict_proba(storage(X)), dense.predict_proba(X))


def test_documents():
    texts = np.array(["good film", "bad film", "very good", "so bad", "fine", "poor"] * 9)
    texts = np.array([f"{text} {i % 7}" for i, text in enumerate(texts)])
    y = np.arange(54) % 2
    inner = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model = SISAClassifier(inner, n_shards=3, random_state=0).fit(texts.tolist(), y)
    model.unlearn(texts[:4].tolist(), y[:4])
    refit = clone(model).fit(texts[4:][::-1], y[4:][::-1])
    assert model.predict(texts).tolist() == y.tolist()
    assert np.array_equal(model.predict_proba(texts), refit.predict_proba(texts))


def test_correction_equals_a_fit_on_corrected_rows():
    X, y = load("wine")
    model = SISAClassifier(GaussianNB(), n_shards=4, n_slices=3).fit(X, y)
    label = 9  # a new class
    model.replace((X[:4], y[:4]), (X[:4] + 1, np.full(4, label)))
    refit = clone(model).set_params(random_state=model.seed_)
    refit.fit(np.vstack([X[4:], X[:4] + 1]), np.append(y[4:], [label] * 4))
    assert_same(model, refit, X)
    assert label in model.classes_
    model.replace((X[:0], y[:0]), (X[:4], y[:4]))
    assert model.n_samples_retained_ == len(y) + 4


def test_negative_zeros_and_the_width_of_text_leave_no_trace():
    X, y = np.array([["a"], ["b"]] * 10 + [["a long word"]]), np.arange(21) % 2
    inner = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    model = SISAClassifier(inner, n_shards=1).fit(X, y).unlearn(X[-1:], y[-1:])
    assert model.estimators_[0][0].categories_[0].dtype == "<U1"
    x = np.array([[0.0], [-0.0], [1.0]])
    model = SISARegressor(KNeighborsRegressor(1), n_shards=1).fit(x, [0.0, 0.0, 1.0])
    assert not np.signbit(model.estimators_[0]._fit_X).any()


# -- what is fitted again -------------------------------------------------------------------


class Counting(ClassifierMixin, BaseEstimator):
    """Notes each fit; fails, or is interrupted, when it is told to."""

    log = []
    error = None

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_, self.n_rows_ = np.unique(y), len(y)
        return self.partial_fit(X, y)

    def partial_fit(self, X, y, classes=None):
        if classes is not None:
            self.classes_ = classes
        Counting.log.append(len(y))
        if Counting.error is not None and len(Counting.log) > 1:
            raise Counting.error
        self.seen_ = [*getattr(self, "seen_", []), X[:, 0].mean()]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[int(np.sum(self.seen_)) % len(self.classes_)])


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(Counting, "log", [])
    monkeypatch.setattr(Counting, "error", None)
    return Counting


def test_only_affected_shards_are_fitted(counting):
    X, y = load("breast_cancer")
    model = SISAClassifier(Counting(), n_shards=8, n_jobs=1).fit(X, y)
    assert sorted(Counting.log) == sorted(model.shard_sizes_)
    for n_forget in (1, 3, 8):
        before = list(model.estimators_)
        preview = model.can_unlearn(X[:n_forget], y[:n_forget])
        Counting.log.clear()
        assert preview and Counting.log == []
        model.unlearn(X[:n_forget], y[:n_forget])
        assert len(Counting.log) == len(preview.shards) <= n_forget
        assert sum(Counting.log) == preview.n_rows_to_refit
        changed = [i for i in range(8) if model.estimators_[i] is not before[i]]
        assert changed == list(preview.shards)
        X, y = X[n_forget:], y[n_forget:]


def test_slices_before_the_forgotten_row_are_not_learned_again(counting):
    X, y = load("breast_cancer")
    model = SISAClassifier(Counting(), n_shards=1, n_slices=6, random_state=0).fit(X, y)
    assert len(Counting.log) == 6 and sum(Counting.log) == len(y)
    starts = set()
    for i in range(30):
        first = model._shards[0]
        Counting.log.clear()
        model.unlearn(X[i : i + 1], y[i : i + 1])
        same = [a is b for a, b in zip(first.models, model._shards[0].models, strict=True)]
        assert same == sorted(same, reverse=True)
        assert same.count(False) == len(Counting.log)
        starts.add(same.count(True))
    assert starts == set(range(6))
    refit = clone(model).fit(X[30:], y[30:])
    assert model.estimators_[0].seen_ == refit.estimators_[0].seen_


def test_declared_classes_are_those_that_remain():
    # the last row of a class in a shard is in its last slice; the first checkpoint knew the class
    X, y = load("wine")
    y = np.where(y == 2, 1, y)
    y[:3] = 7
    model = SISAClassifier(GaussianNB(), n_shards=1, n_slices=5, random_state=0).fit(X, y)
    assert model.estimators_[0].classes_.tolist() == [0, 1, 7]
    model.unlearn(X[:3], y[:3])
    assert model.estimators_[0].classes_.tolist() == model.classes_.tolist() == [0, 1]
    assert np.array_equal(model.predict_proba(X), clone(model).fit(X[3:], y[3:]).predict_proba(X))


@pytest.mark.parametrize("inner", [GaussianNB(), SGDClassifier(warm_start=True)])
def test_slices_where_classes_come_late(inner):
    # two classes, so rare that most slices hold one or none
    X, _ = load("breast_cancer", 40)
    for n_rare in range(6):
        labels = np.r_[np.ones(n_rare), np.zeros(40 - n_rare)]
        model = SISAClassifier(inner, n_shards=2, n_slices=5, random_state=n_rare)
        model.fit(X, labels).unlearn(X[: n_rare + 2], labels[: n_rare + 2])
        refit = clone(model).fit(X[n_rare + 2 :], labels[n_rare + 2 :])
        assert_same(model, refit, X)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("disk"), ValueError("bad")])
def test_an_error_in_one_shard_leaves_all(counting, error):
    X, y = load("breast_cancer")
    model = SISAClassifier(Counting(), n_shards=4, random_state=0).fit(X, y)
    state, predicted = dict(vars(model)), model.predict(X)
    Counting.log.clear()
    Counting.error = error
    expected = UnlearningError if isinstance(error, ValueError) else type(error)
    with pytest.raises(expected) as caught:
        model.unlearn(X[:40], y[:40])
    assert len(Counting.log) == 2  # the first shard was fitted already
    assert all(vars(model)[name] is value for name, value in state.items())
    assert np.array_equal(model.predict(X), predicted)
    if expected is UnlearningError:
        assert "bad (raised by the fit on the rows that remain) (in shard " in str(caught.value)
    Counting.error = None
    digest = model.state_digest()
    copy.copy(model).unlearn(X[:40], y[:40])  # shares what it holds: nothing is changed in place
    assert model.state_digest() == digest
    model.unlearn(X[:40], y[:40])
    assert np.array_equal(model.predict(X), clone(model).fit(X[40:], y[40:]).predict(X))


def test_shards_may_be_fitted_side_by_side(capsys):
    X, y = load("diabetes")
    one = SISARegressor(n_shards=4, random_state=0, verbose=1).fit(X, y)
    assert capsys.readouterr().out.count("[SISA] fitted in shard ") == 4
    with joblib.parallel_config("threading"):
        two = SISARegressor(n_shards=4, random_state=0, n_jobs=2).fit(X, y)
        two.unlearn(X[:9], y[:9])
    assert_same(one.unlearn(X[:9], y[:9]), two, X)


def test_rows_are_kept_apart_from_the_callers_and_the_models():
    class InPlace(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            X *= 0.0
            y += 1.0
            self.coef_ = 1.0
            return self

        def predict(self, X):
            return np.zeros(len(X))

    X, y = load("diabetes")
    own, target = X.copy(), y.copy()
    model = SISARegressor(InPlace(), n_shards=3).fit(own, target)
    own[:], target[:] = 0.0, 0.0
    model.unlearn(X[:7], y[:7]).unlearn(X[7:9], y[7:9])
    kept = np.vstack([shard.rows.X for shard in model._shards])
    assert sorted(map(tuple, kept)) == sorted(map(tuple, X[9:]))


# -- classes and aggregation ----------------------------------------------------------------


def test_shards_that_lack_a_class():
    X, y = load("wine")
    y = np.array(["anna", "bob", "carla"])[y]
    y[:3] = "rare"
    inner = SCALED(LogisticRegression())
    model = SISAClassifier(inner, n_shards=6, random_state=0).fit(X, y)
    lacking = [m for m in model.estimators_ if "rare" not in m.classes_]
    assert lacking and len(lacking) < 6
    expected = np.zeros((len(X), 4))
    for m in model.estimators_:
        for j, label in enumerate(m.classes_):
            expected[:, model.classes_.tolist().index(label)] += m.predict_proba(X)[:, j] / 6
    np.testing.assert_allclose(model.predict_proba(X), expected)
    assert np.array_equal(model.predict(X), model.classes_[expected.argmax(axis=1)])
    model.unlearn(X[:2], y[:2])
    assert "rare" in model.classes_
    model.unlearn(X[2:3], y[2:3])
    assert model.classes_.tolist() == ["anna", "bob", "carla"]
    assert_same(model, clone(model).fit(X[3:], y[3:]), X)


def test_a_shard_of_one_class_predicts_it_and_empty_shards_say_nothing():
    X, y = load("breast_cancer", 12)
    model = SISAClassifier(LogisticRegression(max_iter=9999), n_shards=40, random_state=0).fit(X, y)
    assert all(
        isinstance(m, DummyClassifier) if n == 1 else m is None if n == 0 else True
        for m, n in zip(model.estimators_, model.shard_sizes_, strict=True)
    )
    assert (model.shard_sizes_ == 0).any() and (model.shard_sizes_ == 1).any()
    share = np.mean([m.predict(X) for m in model.estimators_ if m is not None], axis=0)
    if (model.shard_sizes_ <= 1).all():
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], share)
    model.unlearn(X[2:], y[2:])
    assert model.n_samples_retained_ == 2
    assert_same(model, clone(model).fit(X[:2], y[:2]), X)
    with pytest.raises(UnlearningError, match=r"0 sample.*last rows. Delete the model"):
        model.unlearn(X[:2], y[:2])


def test_votes_and_their_ties():
    X = np.arange(12.0)[:, None]
    y = np.array(["b", "a"] * 6)
    model = SISAClassifier(DummyClassifier(), n_shards=4, aggregation="vote", random_state=0)
    model.fit(X, y)
    for votes, winner in ((["b", "a", "b", "a"], "a"), (["b", "b", "b", "a"], "b")):
        model.estimators_ = [DummyClassifier().fit([[0]], [vote]) for vote in votes]
        assert model.predict(X).tolist() == [winner] * 12
    assert not hasattr(model, "predict_proba")
    model.set_params(aggregation="mean")
    assert model.predict_proba(X[:1]).tolist() == [[0.25, 0.75]]
    hard = SISAClassifier(LinearSVC(), n_shards=3, random_state=0).fit(*load("wine"))
    assert not hasattr(hard, "predict_proba") and hard.score(*load("wine")) > 0.5


def test_the_median_is_not_moved_by_one_shard():
    X, y = load("diabetes")
    mean, median = (
        SISARegressor(DummyRegressor(), n_shards=5, aggregation=a, random_state=0).fit(X, y)
        for a in ("mean", "median")
    )
    before = mean.predict(X)[0], median.predict(X)[0]
    poison = np.full(20, 1e9), np.zeros((20, X.shape[1]))
    for model in (mean, median):
        model.replace((X[:0], y[:0]), (poison[1], poison[0]))
    assert abs(mean.predict(X)[0] - before[0]) > 1e6
    assert abs(median.predict(X)[0] - before[1]) < 50


def test_a_class_must_have_rows_of_some_weight():
    X, y = load("wine")
    weights = np.where(y == 2, 0.0, 1.0 + np.arange(len(y)) % 2)
    model = SISAClassifier(GaussianNB(), n_shards=4, random_state=0).fit(X, y, weights)
    assert model.classes_.tolist() == [0, 1] and model.n_samples_retained_ == len(y)
    there = weights > 0
    without = clone(model).fit(X[there], y[there], weights[there])
    assert np.array_equal(model.predict_proba(X), without.predict_proba(X))
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:3], y[:3])
    model.unlearn(X[:3], y[:3], sample_weight=weights[:3])
    assert_same(model, clone(model).fit(X[3:], y[3:], weights[3:]), X)
    with pytest.raises(UnlearningError, match="at least one non-zero"):
        model.unlearn(X[3:][there[3:]], y[3:][there[3:]], sample_weight=weights[3:][there[3:]])


def test_weights_reach_the_last_step():
    X, y = load("diabetes")
    weights = np.random.default_rng(0).uniform(0.1, 3, len(y))
    inner = SCALED(Ridge())
    model = SISARegressor(inner, n_shards=1).fit(X, y, sample_weight=weights)
    plain = clone(inner).fit(X, y, ridge__sample_weight=weights)
    np.testing.assert_allclose(model.predict(X), plain.predict(X))
    model.unlearn(X[:9], y[:9], sample_weight=weights[:9])
    plain.fit(X[9:], y[9:], ridge__sample_weight=weights[9:])
    np.testing.assert_allclose(model.predict(X), plain.predict(X))
    with config_context(enable_metadata_routing=True):
        inner = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            Ridge().set_fit_request(sample_weight=True),
        )
        routed = SISARegressor(inner, n_shards=1).fit(X[9:], y[9:], sample_weight=weights[9:])
        outer = make_pipeline(SISARegressor(inner, n_shards=1).set_fit_request(groups=True))
        outer.fit(X[9:], y[9:], sample_weight=weights[9:], groups=np.arange(len(y) - 9))
    np.testing.assert_allclose(routed.predict(X), plain.predict(X))
    np.testing.assert_allclose(outer.predict(X), plain.predict(X))
    with pytest.raises(ValueError, match="fit of KNeighborsRegressor takes none"):
        SISARegressor(KNeighborsRegressor()).fit(X, y, sample_weight=weights)


# -- owners ---------------------------------------------------------------------------------


def test_rows_of_one_owner_are_in_one_shard_and_slice():
    X, y = load("breast_cancer")
    owners = np.array([f"person {i % 60}" for i in range(len(y))])
    model = SISAClassifier(GaussianNB(), n_shards=7, n_slices=3, random_state=0)
    model.fit(X, y, groups=owners)
    for person in np.unique(owners):
        its = owners == person
        assert len(model.can_unlearn(X[its], y[its], groups=owners[its]).shards) == 1
    apart = clone(model).fit(X, y)  # control: rows without owners spread
    assert len(apart.can_unlearn(X[its], y[its]).shards) > 2
    slices = [
        len(set(shard.rows.slices[shard.rows.owners == word]))
        for shard in model._shards
        for word in np.unique(shard.rows.owners)
    ]
    assert set(slices) == {1} and len(slices) == 60
    kept = ~np.isin(owners, ["person 3", "person 5"])
    expected = clone(model).fit(X[kept][::-1], y[kept][::-1], groups=owners[kept][::-1])
    by_rows = pickle.loads(pickle.dumps(model)).unlearn(X[~kept], y[~kept])
    by_owned_rows = pickle.loads(pickle.dumps(model))
    by_owned_rows.unlearn(X[~kept], y[~kept], groups=owners[~kept])
    by_name = pickle.loads(pickle.dumps(model)).unlearn_groups(["person 3", "person 5"])
    for forgotten in (by_rows, by_owned_rows, by_name):
        assert_same(forgotten, expected, X)
    with pytest.raises(NotLearnedError, match="1 of the 2 groups have no rows"):
        by_name.unlearn_groups(["person 3", "person 6"])
    assert "person 6" not in by_name.unlearn_groups("person 6").__dict__
    assert model.n_samples_retained_ == len(y)
    with pytest.raises(NotLearnedError, match="2 of the 2 rows"):
        model.unlearn(X[:2], y[:2], groups=owners[2:4])


def test_copies_of_several_owners_need_the_owner():
    X, y = np.ones((6, 2)), np.zeros(6)
    owners = np.array(["a", "a", "b", "c", "c", "d"])
    model = SISARegressor(n_shards=30, random_state=0).fit(X, y, groups=owners)
    assert (model.shard_sizes_ > 0).sum() == 4
    with pytest.raises(UnlearningError, match=r"learned of several groups.* Pass groups"):
        model.unlearn(X[:2], y[:2])
    assert not model.can_unlearn(X[:1], y[:1]) and not model.can_unlearn(X[:5], y[:5])
    model.unlearn(X[:2], y[:2], groups=["a", "c"])
    expected = clone(model).fit(X[:4], y[:4], groups=["a", "b", "c", "d"])
    assert model.state_digest() == expected.state_digest()
    assert model.can_unlearn(X[:5], y[:5]).n_missing == 1
    model.replace(
        {"X": X[:1], "y": y[:1], "groups": ["d"]}, {"X": X[:1], "y": [5.0], "groups": ["z"]}
    )
    assert model.n_samples_retained_ == 4


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m, X, y: m.fit(X, y, groups=[None] * len(y)), "missing values, expected an owner"),
        (lambda m, X, y: m.fit(X, y, groups="ab"), "groups of 0 dimensions, expected a label"),
        (lambda m, X, y: m.fit(X, y, groups=[1, 2]), "inconsistent numbers of samples"),
        (lambda m, X, y: m.unlearn(X, y, groups=y), "fitted without: leave them out"),
        (lambda m, X, y: m.unlearn_groups([1]), "fitted without groups: pass the rows"),
        (lambda m, X, y: m.unlearn(X), "requires y to be passed"),
        (lambda m, X, y: m.unlearn(X[:, 1:], y), "has 9 features, but"),
        (lambda m, X, y: m.replace((X, y), (X, y, y)), "Got sample_weight for the new rows"),
        (
            lambda m, X, y: m.fit(X, y, groups=y).replace((X[:1], y[:1]), (X[:1], y[:1])),
            "The new rows need groups",
        ),
        (lambda m, X, y: m.set_params(estimator=GaussianNB()).fit(X, y), "expected a regressor"),
        (lambda m, X, y: m.set_params(n_slices=2).fit(X, y), "checkpoint neither by partial_fit"),
        (
            lambda m, X, y: m.set_params(
                n_slices=2, estimator=RandomForestRegressor(warm_start=True)
            ).fit(X, y),
            "never shows them the others",
        ),
        (
            lambda m, X, y: m.set_params(estimator=KNeighborsRegressor(metric="precomputed")).fit(
                X, y
            ),
            "takes distances or kernel values",
        ),
        (lambda m, X, y: m.set_params(n_shards=0).fit(X, y), "'n_shards' parameter"),
        (lambda m, X, y: m.set_params(aggregation="vote").fit(X, y), "'aggregation' parameter"),
    ],
)
def test_errors_name_the_way_out(call, message):
    X, y = load("diabetes", 50)
    model = SISARegressor(random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=message):
        call(model, X, y)


def test_a_fit_that_fails_names_the_shard():
    X, y = load("wine")
    inner = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, cv=40)
    with pytest.raises(ValueError, match="n_splits=40") as caught:
        SISAClassifier(inner, n_shards=8, random_state=0).fit(X, y)
    assert "in shard 0, which has" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="which has no predict_proba"):
        SISAClassifier(LinearSVC(), aggregation="mean").fit(X, y)


# -- keys -----------------------------------------------------------------------------------


def test_the_key_is_secret_unless_it_is_given():
    X, y = load("wine")
    one, two = (SISAClassifier(n_shards=5).fit(X, y) for _ in range(2))
    assert one.seed_ != two.seed_ and one.state_digest() != two.state_digest()
    assert one.seed_ > 2**31 or two.seed_ > 2**31  # more than a small number
    again = SISAClassifier(n_shards=5, random_state=one.seed_).fit(X, y)
    assert_same(one, again, X)
    assert "seed_ (secret" in str(one.guarantee_.conditional_on)
    assert "aim rows" in again.guarantee_.detail and "aim rows" not in one.guarantee_.detail


def test_every_random_state_inside_is_set():
    X, y = load("wine")
    inner = make_pipeline(StandardScaler(), RandomForestClassifier(2, random_state=0))
    model = SISAClassifier(inner, n_shards=5, random_state=0).fit(X, y)
    seeds = [m[-1].random_state for m in model.estimators_]
    assert len(set(seeds)) == 5 and inner[-1].random_state == 0
    other = SISAClassifier(inner, n_shards=5, random_state=1).fit(X, y)
    assert not set(seeds) & {m[-1].random_state for m in other.estimators_}


def variants(x, n):
    """Copies of one row that differ in the lowest bits of one number: nobody would notice."""
    X = np.repeat(x[None], n, axis=0)
    X[:, 0] += np.spacing(x[0]) * np.arange(n)
    return X


def shards_of(model, X, y):
    return np.array(
        [model.can_unlearn(X[i : i + 1], y[i : i + 1]).shards[0] for i in range(len(y))]
    )


def test_grinding_attack():
    """A contributor who knows random_state chooses shards; against a secret key it is chance."""
    X, y = load("breast_cancer")
    X, y = X[:, :4], y
    n_shards = 10
    tries = variants(X[0], 160)
    label = np.full(len(tries), y[0])
    cheap = DummyClassifier()
    # the attacker runs the library at home, with the number the victim published
    at_home = SISAClassifier(cheap, n_shards=n_shards, random_state=0).fit(tries, label)
    where = shards_of(at_home, tries, label)
    spread = tries[np.unique(where, return_index=True)[1]]
    assert len(spread) == n_shards  # one row for each shard
    aimed = tries[where == 3][:10]
    assert len(aimed) == 10

    def hit(rows, random_state):
        labels = label[: len(rows)]
        victim = SISAClassifier(cheap, n_shards=n_shards, random_state=random_state)
        victim.fit(np.vstack([X, rows]), np.append(y, labels))
        return len(victim.can_unlearn(rows, labels).shards)

    assert hit(spread, 0) == n_shards  # forgetting ten rows costs a whole fit
    assert hit(aimed, 0) == 1  # or all ten poison one shard
    chance = n_shards * (1 - (1 - 1 / n_shards) ** 10)  # 6.5 shards
    for rows in (spread, aimed):
        hits = np.array([hit(rows, None) for _ in range(40)])
        assert abs(hits.mean() - chance) < 5 / np.sqrt(40)  # the standard deviation is about 1


def test_shards_and_slices_are_even_and_independent():
    X = np.random.default_rng(0).normal(size=(20_000, 2))
    model = SISARegressor(DummyRegressor(), n_shards=5, random_state=0).fit(X, X[:, 0])
    assert abs(model.shard_sizes_ - 4000).max() < 5 * np.sqrt(4000)
    placement = type(model._placement)(model._placement.key, 5, 4, False)
    rows = placement.place(X, X[:, 0], np.ones(20_000))
    table = np.zeros((5, 4))
    np.add.at(table, (rows.shards, rows.slices), 1)
    assert abs(table - 1000).max() < 5 * np.sqrt(1000)


# -- in the company of scikit-learn ---------------------------------------------------------


def test_serving_copy_carries_no_rows_and_no_key():
    X, y = load("diabetes")
    model = SISARegressor(UnlearnableRidge(), n_shards=3, random_state=5).fit(X, y)
    served = pickle.loads(pickle.dumps(model.to_sklearn()))
    assert np.array_equal(served.predict(X), model.predict(X))
    rows = {row.tobytes() for row in X}
    arrays = [a for a in reachable(served) if isinstance(a, np.ndarray) and a.dtype == float]
    assert not any(row in a.tobytes() for a in arrays for row in rows)
    assert any(row in shard.rows.X.tobytes() for shard in model._shards for row in rows)  # control
    assert not any(getattr(m, "_learned", None) for m in served.estimators_)
    assert served.random_state is None and not hasattr(served, "seed_")
    assert not hasattr(served, "guarantee_") and not hasattr(served, "n_samples_retained_")
    for call in (served.unlearn, served.can_unlearn):
        with pytest.raises(UnlearningError, match="stripped for serving"):
            call(X[:1], y[:1])


def test_grid_search_and_nested_parameters():
    X, y = load("breast_cancer")
    model = SISAClassifier(SCALED(LogisticRegression()), random_state=0)
    grid = {"n_shards": [2, 4], "estimator__logisticregression__C": [0.01, 1.0]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    best = search.best_estimator_.unlearn(X[:9], y[:9])
    assert_same(best, clone(best).fit(X[9:], y[9:]), X)


def test_parameters_changed_after_fit_do_not_change_requests():
    X, y = load("wine")
    model = SISAClassifier(GaussianNB(), n_shards=4, random_state=0).fit(X, y)
    expected = clone(model).fit(X[5:], y[5:])
    model.set_params(n_shards=9, n_slices=2, estimator=KNeighborsClassifier(), random_state=7)
    model.unlearn(X[:5], y[:5])
    assert model.state_digest() == expected.state_digest()
    assert np.array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_last_step_of_a_pipeline_is_refitted_on_raw_rows():
    X, y = load("breast_cancer")
    last = SISAClassifier(GaussianNB(), n_shards=4, random_state=0)
    whole = skunlearn_pipeline.make_pipeline(StandardScaler(), last).fit(X, y)
    before = whole[-1]
    whole.unlearn(X[:9], y[:9])
    refit = skunlearn_pipeline.make_pipeline(StandardScaler(), clone(last)).fit(X[9:], y[9:])
    assert np.array_equal(whole.predict_proba(X), refit.predict_proba(X))
    assert whole[-1] is not before
    assert not hasattr(whole.to_sklearn()[-1], "seed_")


def test_no_warning_of_names_or_shapes():
    frame, y, encode = passengers()
    model = SISAClassifier(make_pipeline(encode, GaussianNB()), n_shards=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(frame, pd.Series(y)).unlearn(frame.iloc[:3], pd.Series(y[:3]))
        trees = SISARegressor(LinearRegression(), n_shards=2).fit(frame[["age"]], frame["fare"])
        trees.unlearn(frame[["age"]].iloc[5:9], frame["fare"].iloc[5:9]).predict(frame[["age"]])
    assert_same(model, clone(model).fit(frame.iloc[3:], pd.Series(y[3:])), frame)
    with pytest.raises(ValueError, match=r"Reshape your data"):
        model.predict(frame["age"])
