"""Discrete naive Bayes that forgets, against scikit-learn's refit and exact integers."""

import fractions
import functools
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import datasets, naive_bayes
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import Binarizer, OrdinalEncoder
from sklearn.preprocessing import StandardScaler as PlainScaler

from skunlearn.datasets import fetch_adult
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_selection import VarianceThreshold
from skunlearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, MultinomialNB
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler
from skunlearn.testing._state import differences

SUMS = (MultinomialNB, ComplementNB, BernoulliNB)
ALL = (*SUMS, CategoricalNB)
LEARNED = (
    *("classes_", "class_count_", "class_log_prior_", "feature_log_prob_"),
    *("feature_count_", "feature_all_", "category_count_", "n_categories_"),
)


def plain(model):
    """Scikit-learn's estimator with the same parameters."""
    kind = getattr(naive_bayes, type(model).__name__)
    given = model.get_params()
    return kind(**{name: given[name] for name in kind().get_params()})


def learned(model):
    return {name: getattr(model, name) for name in LEARNED if hasattr(model, name)}


def assert_equal(one, other, what="models differ"):
    found = differences(learned(one), learned(other), what)
    assert not found, "\n".join(found)


def assert_close(one, other, rtol=1e-9):
    assert learned(one).keys() == learned(other).keys()
    for name, value in learned(one).items():
        parts = zip(value, getattr(other, name), strict=True) if isinstance(value, list) else ()
        if name == "classes_":
            assert value.tolist() == other.classes_.tolist()
            continue
        for a, b in parts or [(value, getattr(other, name))]:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12, err_msg=name)


@functools.cache
def counts(name):
    """Whole numbers, and labels."""
    if name == "drawn":
        rng = np.random.default_rng(0)
        y = np.array(["a", "bb", "ccc"])[rng.integers(3, size=300)]
        return rng.poisson(rng.gamma(1.0, 2.0, size=(300, 6))), y
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return np.rint(np.abs(X)), y


VARIANTS = [
    MultinomialNB(),
    MultinomialNB(alpha=0.0, fit_prior=False, track_rows=False),
    ComplementNB(alpha=0.5),
    ComplementNB(norm=True, class_prior=[0.2] * 3),
    BernoulliNB(),
    BernoulliNB(binarize=2.5, alpha=1e-3, fit_prior=False),
    CategoricalNB(),
    CategoricalNB(alpha=0.1, min_categories=3000),
]


@pytest.mark.parametrize("data", ["drawn", "digits", "wine", "iris", "breast_cancer"])
@pytest.mark.parametrize("model", VARIANTS, ids=repr)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # alpha=0, as in scikit-learn
def test_counts_equal_those_of_scikit_learn_bit_for_bit(model, data):
    X, y = counts(data)
    model = clone(model)
    if model.class_prior is not None:
        n_classes = len(np.unique(y))
        model.set_params(class_prior=np.full(n_classes, 1 / n_classes))
    gone = np.random.default_rng(1).permutation(len(y))[: len(y) // 5]
    kept = np.setdiff1d(np.arange(len(y)), gone)
    model.fit(X, y)
    assert_equal(model, plain(model).fit(X, y))
    before = learned(model)
    for part in (gone[::2], gone[1::2]):
        model.unlearn(X[part], y[part])
    assert differences(before, learned(model))  # there was something to forget
    assert_equal(model, plain(model).fit(X[kept], y[kept]))
    # the grid of counts is fixed: no resolution has to be declared
    refit = clone(model).fit(X[kept][::-1], y[kept][::-1])
    assert_equal(model, refit)
    assert model.state_digest() == refit.state_digest()


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, bool])
def test_storage_does_not_matter(kind, dtype):
    X, y = counts("digits")
    X = X.astype(dtype)
    model = kind().fit(X, y).unlearn(sparse.csc_array(X[:50]), y[:50])
    other = kind().fit(sparse.csr_matrix(X), y).unlearn(X[:50].astype(float), y[:50])
    assert_equal(model, other)
    assert model.state_digest() == other.state_digest() == kind().fit(X[50:], y[50:]).state_digest()
    assert_equal(model, naive_bayes.__dict__[kind.__name__]().fit(X[50:], y[50:]))


@pytest.mark.parametrize("kind", ALL)
def test_the_grid_of_counts_remembers_no_rows(kind):
    X, y = counts("drawn")
    large = 1000 * X  # most rows, so that a grid from their spread would be coarser
    model = kind().fit(np.vstack([X[:90], large]), np.append(y[:90], y)).unlearn(large, y)
    refit = kind().fit(X[:90], y[:90])
    assert model.resolution_.tolist() == refit.resolution_.tolist()
    assert model.state_digest() == refit.state_digest()
    assert_equal(model, refit)


# -- weights and fractions --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("weights", ["fractional", "zeros", "whole"])
def test_weights(kind, weights):
    X, y = counts("drawn")
    w = np.random.default_rng(2).uniform(0.1, 3.0, len(y))
    w = {"fractional": w, "zeros": w * (np.arange(len(y)) % 3 > 0), "whole": np.rint(w)}[weights]
    model = kind().fit(X, y, sample_weight=w)
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:40], y[:40])
    model.unlearn(X[:40], y[:40], sample_weight=w[:40])
    expected = plain(model).fit(X[40:], y[40:], sample_weight=w[40:])
    assert_equal(model, expected) if weights == "whole" else assert_close(model, expected)
    refit = clone(model).set_params(resolution=model.resolution_)
    refit.fit(X[40:][::-1], y[40:][::-1], sample_weight=w[40:][::-1])
    assert_equal(model, refit)
    assert model.state_digest() == refit.state_digest()


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_fractions_are_summed_exactly_and_rounded_once(storage):
    rng = np.random.default_rng(3)
    X, w = rng.exponential(size=(60, 3)) * [1.0, 1e-6, 1e6], rng.uniform(0.1, 3.0, 60)
    X[:30, 0] *= 1e9  # an outlier leaves no trace
    model = MultinomialNB(resolution="exact").fit(storage(X), np.zeros(60), sample_weight=w)
    model.unlearn(storage(X[:30]), np.zeros(30), sample_weight=w[:30])
    for j, found in enumerate(model.feature_count_[0]):
        terms = zip(w[30:].tolist(), X[30:, j].tolist(), strict=True)
        assert found == float(sum(fractions.Fraction(a) * fractions.Fraction(b) for a, b in terms))
    weight = float(sum(map(fractions.Fraction, w[30:].tolist())))
    assert model.class_count_[0] == weight
    inexact = MultinomialNB().fit(X, np.zeros(60), sample_weight=w)
    assert not np.array_equal(inexact.feature_count_, model.feature_count_)


@pytest.mark.parametrize("model", [MultinomialNB(), ComplementNB(), BernoulliNB(binarize=None)])
def test_shares_of_words(model):
    X, y = counts("digits")
    X = X / X.sum(axis=1, keepdims=True)
    model = clone(model).fit(X, y).unlearn(X[:100], y[:100])
    assert_close(model, plain(model).fit(X[100:], y[100:]))
    refit = clone(model).set_params(resolution=model.resolution_).fit(X[100:], y[100:])
    assert_equal(model, refit)


def test_fractions_after_counts_keep_their_digits():
    X, y = counts("drawn")
    model = MultinomialNB().partial_fit(X, y, classes=["a", "bb", "ccc"])
    with_fractions = model.partial_fit(X / 7, y)
    expected = naive_bayes.MultinomialNB().fit(np.vstack([X, X / 7]), np.append(y, y))
    assert_close(with_fractions, expected)


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB, CategoricalNB])
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_negative_values_are_refused_as_in_scikit_learn(kind, storage):
    if kind is CategoricalNB and storage is sparse.csr_array:
        pytest.skip("CategoricalNB takes no sparse rows")
    X, y = counts("drawn")
    bad = X.copy()
    bad[3, 2] = -1
    message = rf"Negative values in data passed to {kind.__name__} \(input X\)"
    for model in (kind(), plain(kind())):
        with pytest.raises(ValueError, match=message):
            model.fit(storage(bad), y)
    model = kind().fit(storage(X), y)
    for call in (model.unlearn, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            call(storage(bad), y)
    assert model.n_samples_retained_ == len(y)


@pytest.mark.parametrize("kind", ALL)
def test_weights_that_no_fit_takes(kind):
    X, y = counts("drawn")
    w = (np.arange(len(y)) >= 40) * 1.0
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        kind().fit(X, y, sample_weight=w - 0.5)
    with pytest.raises(ValueError, match="at least one non-zero number"):
        kind().fit(X, y, sample_weight=0 * w)
    model = kind().fit(X, y, sample_weight=w)
    with pytest.raises(UnlearningError, match="at least one non-zero number"):
        model.unlearn(X[40:], y[40:], sample_weight=w[40:])
    assert_equal(model, kind().fit(X, y, sample_weight=w))


@pytest.mark.parametrize("kind", ALL)
def test_rows_never_learned_show_in_the_counts_at_least(kind):
    X, y = counts("drawn")
    model = kind(track_rows=False).fit(X, y)
    strange = X.max() - X[y == "a"][1:]
    with pytest.raises(UnlearningError, match=r"A count would be negative.*track_rows=True"):
        model.unlearn(strange, y[y == "a"][1:])
    assert_equal(model, plain(model).fit(X, y))


def test_more_features_than_rows_are_refused():
    X, y = np.ones((10, 2)), np.arange(10) % 2
    model = BernoulliNB(track_rows=False).fit(X, y)
    with pytest.raises(UnlearningError, match="A count would be negative"):
        model.unlearn(0 * X[:2], y[:2])  # would leave 5 of 4 rows with each feature


@pytest.mark.parametrize("kind", SUMS)
def test_a_class_of_negative_weight_is_refused(kind):
    X, y = np.zeros((10, 2)), np.arange(10) % 2
    model = kind(track_rows=False).fit(X, y)
    with pytest.raises(UnlearningError, match="A count would be negative"):
        model.unlearn(X[:1], y[:1], sample_weight=[6.0])


@pytest.mark.parametrize("kind", ALL)
def test_no_continuous_targets(kind):
    X, y = counts("drawn")
    with pytest.raises(ValueError, match="Unknown label type"):
        kind().fit(X, np.linspace(0, 1, len(y)))
    model = kind().fit(X, np.arange(len(y)) % 2)
    with pytest.raises(ValueError, match="Unknown label type"):
        model.replace((X[:1], [0]), (X[:3], [0.5, 1.5, 2.5]))


# -- classes and batches ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_a_class_that_loses_its_last_row_is_gone_unless_it_was_declared(kind):
    X, y = counts("drawn")
    gone = y == "ccc"
    model = kind().fit(X, y).unlearn(X[gone], y[gone])
    assert_equal(model, plain(model).fit(X[~gone], y[~gone]))
    assert model.classes_.tolist() == ["a", "bb"] and model.classes_.dtype == "<U2"
    declared = {"classes": ["a", "bb", "ccc"]}
    model = kind().partial_fit(X, y, **declared).unlearn(X[gone], y[gone])
    assert_equal(model, kind().partial_fit(X[~gone], y[~gone], **declared))
    assert_equal(model, plain(model).partial_fit(X[~gone], y[~gone], **declared))
    assert model.class_count_[2] == 0
    model = kind(class_prior=[0.2, 0.3, 0.5]).fit(X, y)
    with pytest.raises(UnlearningError, match="Number of priors must match"):
        model.unlearn(X[gone], y[gone])
    assert model.n_samples_retained_ == len(y)


@pytest.mark.parametrize("dtype", [object, np.str_, np.int32, np.float64, bool])
def test_labels_have_the_dtype_of_scikit_learn(dtype):
    X, y = counts("drawn")
    texts = dtype in (object, np.str_)
    y = y.astype(dtype) if texts else (y != "a").astype(dtype)
    model = MultinomialNB().fit(X, y).unlearn(X[:9], y[:9])
    assert_equal(model, plain(model).fit(X[9:], y[9:]))
    assert model.predict(X).dtype == plain(model).fit(X[9:], y[9:]).predict(X).dtype
    declared = MultinomialNB().partial_fit(X, y, classes=np.unique(y))
    assert_equal(declared, plain(model).partial_fit(X, y, classes=np.unique(y)))


@pytest.mark.parametrize("kind", ALL)
def test_batches_are_one_fit(kind):
    X, y = counts("drawn")
    classes = np.unique(y)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        kind().partial_fit(X, y)
    ours = kind()
    for batch in np.array_split(np.argsort(X.sum(axis=1)), 3):  # the highest counts come last
        ours.partial_fit(X[batch], y[batch], classes=classes)
    assert_equal(ours, plain(ours).fit(X, y))
    with pytest.raises(ValueError, match="not the same as on last call"):
        ours.partial_fit(X, y, classes=["a", "b"])
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        ours.partial_fit(X[:1], ["other"])
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        ours.replace((X[:1], y[:1]), (X[:1], ["other"]))
    ours.unlearn(X[:100], y[:100])
    assert_equal(ours, plain(ours).fit(X[100:], y[100:]))


@pytest.mark.parametrize("kind", ALL)
def test_columns_can_be_forgotten(kind):
    X, y = counts("drawn")
    model = kind().fit(X, y).unlearn_columns([1, 4]).unlearn(np.delete(X[:9], [1, 4], 1), y[:9])
    never_had = kind().fit(np.delete(X, [1, 4], axis=1)[9:], y[9:])
    assert_equal(model, never_had)
    assert model.state_digest() == never_had.state_digest()


@pytest.mark.parametrize(
    "model, message",
    [
        (MultinomialNB(alpha=[1.0] * 6), "should contains `n_features`"),
        (CategoricalNB(min_categories=[20] * 6), "operands could not be broadcast"),
    ],
)
def test_columns_that_a_parameter_counts_cannot_be_forgotten(model, message):
    X, y = counts("drawn")
    model = clone(model).fit(X, y)
    with pytest.raises(UnlearningError, match=rf"{message}.*a fit without these columns would"):
        model.unlearn_columns([1])
    assert_equal(model, plain(model).fit(X, y))


@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB])
def test_smoothing_by_feature(kind):
    X, y = counts("drawn")
    model = kind(alpha=np.linspace(0, 1, 6), force_alpha=False)
    with pytest.warns(UserWarning, match="alpha too small"):
        model.fit(X, y).unlearn(X[:40], y[:40])
    with pytest.warns(UserWarning, match="alpha too small"):
        assert_equal(model, plain(model).fit(X[40:], y[40:]))
    with pytest.raises(ValueError, match="alpha is an array, it should contains `n_features`"):
        kind(alpha=[1.0, 2.0]).fit(X, y)


def test_binarized_rows_are_found_as_they_were_given():
    X, y = counts("drawn")
    model = BernoulliNB(binarize=1).fit(X, y)
    other = np.where(X[:3] > 1, X[:3] + 1, X[:3])
    assert np.array_equal(other > 1, X[:3] > 1) and (other != X[:3]).any(axis=1).all()
    with pytest.raises(NotLearnedError, match="3 of the 3"):
        model.unlearn(other, y[:3])
    model.unlearn(X[:3], y[:3])


# -- categories ---------------------------------------------------------------------------------


def test_the_highest_category_goes_with_its_last_row():
    X, y = counts("drawn")
    X = X.copy()
    X[:2, 3] = 40
    model = CategoricalNB().fit(X, y)
    assert model.n_categories_[3] == 41
    model.unlearn(X[:1], y[:1])
    assert model.n_categories_[3] == 41
    model.unlearn(X[1:2], y[1:2])
    refit = CategoricalNB().fit(X[2:], y[2:])
    assert model.n_categories_[3] < 41
    assert_equal(model, refit)
    assert model.state_digest() == refit.state_digest()
    with pytest.raises(IndexError):
        model.predict(X[:1])
    model.partial_fit(X[:1], y[:1])
    assert model.n_categories_[3] == 41


@pytest.mark.parametrize("codes", [50, 10**6])
def test_a_category_without_weight_is_a_category(codes):
    X, y = counts("drawn")
    X, w = X.copy(), np.ones(len(y))
    X[0, 0], w[0] = codes, 0.0
    model = CategoricalNB().fit(X, y, sample_weight=w)
    assert model.n_categories_[0] == codes + 1
    assert_equal(model, naive_bayes.CategoricalNB().fit(X, y, sample_weight=w))
    model.unlearn(X[:1], y[:1], sample_weight=w[:1])
    assert_equal(model, CategoricalNB().fit(X[1:], y[1:]))
    assert model.state_digest() == CategoricalNB().fit(X[1:], y[1:]).state_digest()


def test_codes_too_large_are_refused():
    with pytest.raises(ValueError, match=r"category 4294967296 in column 1.*OrdinalEncoder"):
        CategoricalNB().fit([[0, 2**32], [1, 1]], [0, 1])


@pytest.mark.parametrize(
    "min_categories, message",
    [(2.5, "should have integral type"), ([[9] * 6], "should have shape")],
)
def test_min_categories_is_checked_as_in_scikit_learn(min_categories, message):
    X, y = counts("drawn")
    for kind in (CategoricalNB, naive_bayes.CategoricalNB):
        with pytest.raises(ValueError, match=message):
            kind(min_categories=np.array(min_categories)).fit(X, y)


def test_adult(data_home):
    X, y = fetch_adult(data_home=data_home, return_X_y=True)
    levels = X.select_dtypes("category").astype(object).fillna("?")
    codes = OrdinalEncoder().fit_transform(levels)
    codes, y = codes.astype(int), np.asarray(y)
    first = np.flatnonzero(codes[:, -1] == codes[:, -1].max())  # all rows of the last country
    kept = np.setdiff1d(np.arange(len(y)), first)
    model = CategoricalNB().fit(codes, y).unlearn(codes[first], y[first])
    assert_equal(model, naive_bayes.CategoricalNB().fit(codes[kept], y[kept]))
    assert model.state_digest() == CategoricalNB().fit(codes[kept], y[kept]).state_digest()
    assert model.n_categories_[-1] == codes[:, -1].max()


def test_the_served_lists_are_copies():
    X, y = counts("drawn")
    model = CategoricalNB().fit(X, y)
    served = model.to_sklearn()
    served.category_count_[0][:] = served.feature_log_prob_[0][:] = 0
    assert_equal(model, naive_bayes.CategoricalNB().fit(X, y))


# -- in chains and searches -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        [MultinomialNB()],
        [Binarizer(threshold=2), BernoulliNB(binarize=None)],
        [StandardScaler(with_mean=False), MultinomialNB()],
        [StandardScaler(with_mean=False), ComplementNB(alpha=[0.5] * 64)],
    ],
    ids=lambda steps: type(steps[-1]).__name__,
)
def test_chains_of_moments(steps):
    X, y = counts("digits")
    model = make_pipeline(*map(clone, steps)).fit(X, y).unlearn(X[:100], y[:100])
    assert "exact moments of the raw rows" in model.guarantee_.detail
    first = [] if len(steps) == 1 else steps[:1]
    first = [PlainScaler(with_mean=False) if isinstance(s, StandardScaler) else s for s in first]
    Z = X[100:]
    for step in first:
        Z = clone(step).fit_transform(Z)
    expected = plain(steps[-1]).fit(Z, y[100:])
    compare = assert_close if first and isinstance(first[0], PlainScaler) else assert_equal
    compare(model[-1], expected)
    refit = clone(model).set_params(resolution=model.resolution_).fit(X[100:], y[100:])
    assert_equal(model[-1], refit[-1])
    assert model.state_digest() == refit.state_digest()


@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB])
def test_negative_inputs_in_a_chain(kind):
    X, y = counts("digits")
    with pytest.raises(ValueError, match="Negative values in data passed to"):
        make_pipeline(StandardScaler(), kind()).fit(X, y)


@pytest.mark.parametrize(
    "first, last, why",
    [
        (VarianceThreshold(), BernoulliNB(binarize=3), "binarizes"),
        (Binarizer(threshold=3), CategoricalNB(), "counts"),
    ],
)
def test_no_moments_of_rows_that_are_looked_at(first, last, why):
    X, y = counts("drawn")
    model = make_pipeline(clone(first), clone(last)).fit(X, y)
    with pytest.raises(UnlearningError, match=f"step {type(last).__name__} {why}.*X_retain"):
        model.unlearn(X[:40], y[:40])
    model.unlearn(X[:40], y[:40], X_retain=X[40:], y_retain=y[40:])
    assert_equal(model[-1], plain(last).fit(clone(first).fit_transform(X[40:]), y[40:]))


@pytest.mark.parametrize("last", [BernoulliNB(binarize=3), MultinomialNB(), ComplementNB()])
def test_first_in_a_chain_rows_are_looked_at(last):
    X, y = counts("drawn")
    model = make_pipeline(clone(last)).fit(X, y)
    assert model.guarantee_.kind == "exact"
    assert_equal(model.unlearn(X[:40], y[:40])[-1], plain(last).fit(X[40:], y[40:]))
    if not isinstance(last, BernoulliNB):
        with pytest.raises(ValueError, match="Negative values in data passed to"):
            make_pipeline(clone(last)).fit(-X, y)


def test_searched_and_framed():
    X, y = counts("drawn")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    search = GridSearchCV(ComplementNB(), {"alpha": [0.1, 1.0], "norm": [True, False]}, cv=3)
    model = search.fit(frame, y).best_estimator_.unlearn(frame[:40], y[:40])
    assert_equal(model, plain(model).fit(frame[40:], y[40:]))
    with pytest.raises(ValueError, match="feature names"):
        model.unlearn(frame[:1].rename(columns={"a": "z"}), y[:1])


def test_many_columns_are_cheap():
    rng = np.random.default_rng(5)
    n, d, length = 1000, 50_000, 20
    rows = np.repeat(np.arange(n), length)
    words, found = rng.integers(d, size=n * length), rng.poisson(1, n * length)
    X = sparse.csr_array((found, (rows, words)), shape=(n, d))
    y = np.arange(n) % 2
    for kind in SUMS:
        tracemalloc.start()
        model = kind().fit(X, y).unlearn(X[:10], y[:10])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40e6  # 400e6 as a dense array
        assert_equal(model, plain(model).fit(X[10:], y[10:]))
