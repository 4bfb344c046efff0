"""Gaussian naive Bayes that forgets, against scikit-learn's refit."""

import pickle

import numpy as np
import pytest
from sklearn import datasets, naive_bayes
from sklearn.base import clone

from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.naive_bayes import GaussianNB
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler

LEARNED = ("classes_", "class_count_", "class_prior_", "epsilon_", "theta_", "var_")


@pytest.fixture
def rows():
    """Four features of very different spread, three classes, weights."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, 200, p=[0.5, 0.3, 0.2])
    X = rng.normal(size=(200, 4)) * [1.0, 0.01, 5.0, 1.0] + y[:, None] + [0, 0, 0, 100.0]
    return X, y, rng.uniform(0.1, 3.0, 200)


def part(values, where):
    return None if values is None else values[where]


def assert_like(ours, theirs, rtol=1e-8):
    for name in LEARNED:
        got, expected = getattr(ours, name), getattr(theirs, name)
        assert np.shape(got) == np.shape(expected), name
        np.testing.assert_allclose(got, expected, rtol=rtol, err_msg=name)
        assert np.asarray(got).dtype == np.asarray(expected).dtype, name


@pytest.mark.parametrize("weights", [None, "fractional", "zeros"])
@pytest.mark.parametrize("var_smoothing", [1e-9, 0.1, 0.0])
@pytest.mark.parametrize("priors", [None, [0.2, 0.3, 0.5]])
def test_unlearned_is_scikit_learn_refitted(rows, weights, var_smoothing, priors):
    X, y, w = rows
    w = {None: None, "fractional": w, "zeros": w * (np.arange(200) % 3 > 0)}[weights]
    gone, rest = slice(40), slice(40, None)
    options = {"priors": priors, "var_smoothing": var_smoothing}
    model = GaussianNB(**options).fit(X, y, sample_weight=w)
    before = model.theta_.copy()
    model.unlearn(X[gone], y[gone], sample_weight=part(w, gone))
    expected = naive_bayes.GaussianNB(**options).fit(X[rest], y[rest], sample_weight=part(w, rest))
    assert_like(model, expected)
    np.testing.assert_allclose(
        model.predict_proba(X), expected.predict_proba(X), rtol=1e-5, atol=1e-12
    )
    assert np.abs(before - model.theta_).max() > 1e-3
    refit = clone(model).set_params(resolution=model.resolution_)
    w = None if w is None else w[rest][::-1]
    refit.fit(X[rest][::-1], y[rest][::-1], sample_weight=w)
    for name in LEARNED:
        assert np.array_equal(getattr(model, name), getattr(refit, name)), name


@pytest.mark.parametrize("load", ["load_wine", "load_breast_cancer", "load_digits", "load_iris"])
def test_real_classes(load):
    X, y = getattr(datasets, load)(return_X_y=True)
    gone = np.random.default_rng(0).permutation(len(y))[: len(y) // 10]
    rest = np.setdiff1d(np.arange(len(y)), gone)
    model = GaussianNB().fit(X, y).unlearn(X[gone], y[gone])
    expected = naive_bayes.GaussianNB().fit(X[rest], y[rest])
    assert_like(model, expected, rtol=1e-6)
    assert np.array_equal(model.predict(X), expected.predict(X))


def test_float32(rows):
    X, y, _ = rows
    X = X.astype(np.float32)
    model = GaussianNB().fit(X, y).unlearn(X[:40], y[:40])
    expected = naive_bayes.GaussianNB().fit(X[40:], y[40:])
    for name in ("theta_", "var_", "class_prior_"):
        assert getattr(model, name).dtype == getattr(expected, name).dtype, name
        np.testing.assert_allclose(getattr(model, name), getattr(expected, name), rtol=1e-3)


# -- smoothing ------------------------------------------------------------------------------


def test_smoothing_comes_from_unweighted_variances(rows):
    X, y, w = rows
    w = w * (1 + 50 * (y == 2))
    model = GaussianNB(var_smoothing=0.5).fit(X, y, sample_weight=w)
    assert model.epsilon_ == pytest.approx(0.5 * X.var(axis=0).max(), rel=1e-9)
    centred = X - np.average(X, axis=0, weights=w)
    weighted = np.average(centred**2, axis=0, weights=w).max()
    assert abs(weighted / X.var(axis=0).max() - 1) > 1e-3
    model.unlearn(X[:40], y[:40], sample_weight=w[:40])
    assert model.epsilon_ == pytest.approx(0.5 * X[40:].var(axis=0).max(), rel=1e-9)


def test_smoothing_comes_from_all_batches(rows):
    X, y, _ = rows
    X = X.copy()
    X[150:] *= 0.01
    ours = GaussianNB(var_smoothing=0.1, resolution=-40)
    theirs = naive_bayes.GaussianNB(var_smoothing=0.1)
    for batch in (slice(150), slice(150, None)):
        for model in (ours, theirs):
            model.partial_fit(X[batch], y[batch], classes=[0, 1, 2])
    whole = naive_bayes.GaussianNB(var_smoothing=0.1).fit(X, y)
    assert_like(ours, whole)
    # scikit-learn's own takes the last batch alone
    assert theirs.epsilon_ == pytest.approx(0.1 * X[150:].var(axis=0).max(), rel=1e-9)
    assert abs(theirs.epsilon_ / whole.epsilon_ - 1) > 0.5
    assert np.array_equal(ours.var_, GaussianNB(var_smoothing=0.1, resolution=-40).fit(X, y).var_)


def test_large_means_cost_no_digits():
    rng = np.random.default_rng(1)
    y = np.arange(100) % 2
    # on a grid where every digit of the difference can be read off
    X = np.rint(rng.normal(size=(100, 2)) * 2**10) / 2**10 + y[:, None]
    expected = [X[y == label].var(axis=0) for label in (0, 1)]
    model = GaussianNB(var_smoothing=0.0).fit(X + 1e9, y)
    np.testing.assert_allclose(model.var_, expected, rtol=1e-12)


# -- classes --------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "b", "c"], [1.0, 2.0, 3.0]])
def test_a_class_that_loses_its_last_row_is_gone(rows, labels):
    X, codes, _ = rows
    y = np.array(labels)[codes]
    gone = codes == 1
    model = GaussianNB().fit(X, y)
    model.unlearn(X[gone][:-1], y[gone][:-1])
    assert len(model.classes_) == 3
    model.unlearn(X[gone][-1:], y[gone][-1:])
    expected = naive_bayes.GaussianNB().fit(X[~gone], y[~gone])
    assert model.classes_.dtype == expected.classes_.dtype
    assert model.classes_.tolist() == expected.classes_.tolist() == [labels[0], labels[2]]
    assert np.array_equal(model.predict(X), expected.predict(X))
    np.testing.assert_allclose(model.var_, expected.var_, rtol=1e-8)


def test_losing_a_class_with_given_priors_is_refused(rows):
    X, y, _ = rows
    model = GaussianNB(priors=[0.2, 0.3, 0.5]).fit(X, y)
    predicted = model.predict_proba(X)
    with pytest.raises(UnlearningError, match="Number of priors must match"):
        model.unlearn(X[y == 1], y[y == 1])
    with pytest.raises(ValueError, match="Number of priors must match"):
        naive_bayes.GaussianNB(priors=[0.2, 0.3, 0.5]).fit(X[y != 1], y[y != 1])
    assert np.array_equal(model.predict_proba(X), predicted)
    assert model.n_samples_retained_ == 200


@pytest.mark.parametrize(
    "priors, message",
    [
        ([0.5, 0.5], "Number of priors"),
        ([0.5, 0.4, 0.3], "sum of the priors"),
        ([1.5, -0.5, 0.0], "non-negative"),
    ],
)
def test_priors_are_checked_as_in_scikit_learn(rows, priors, message):
    X, y, _ = rows
    for kind in (GaussianNB, naive_bayes.GaussianNB):
        with pytest.raises(ValueError, match=message):
            kind(priors=priors).fit(X, y)


def test_the_class_is_part_of_the_row(rows):
    X, y, _ = rows
    model = GaussianNB().fit(X, y)
    with pytest.raises(NotLearnedError, match="1 of the 2 rows"):
        model.unlearn(X[:2], [y[0], (y[1] + 1) % 3])


# -- partial_fit ----------------------------------------------------------------------------


def test_classes_are_declared_in_the_first_batch(rows):
    X, y, _ = rows
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        GaussianNB().partial_fit(X, y)
    model = GaussianNB().partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert model.classes_.tolist() == [0, 1, 2] and model.class_prior_[2] == 0
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"\[3\] in y do not exist in the initial classes"):
        model.partial_fit(X[:1], [3])
    assert model.n_samples_retained_ == np.count_nonzero(y < 2)
    model.partial_fit(X[y == 2], y[y == 2], classes=[0, 1, 2])
    assert_like(model, naive_bayes.GaussianNB().fit(X, y))


def test_a_declared_class_stays_without_rows(rows):
    X, y, _ = rows
    gone = y == 1
    model = GaussianNB().partial_fit(X, y, classes=[0, 1, 2]).unlearn(X[gone], y[gone])
    expected = GaussianNB(resolution=model.resolution_)
    expected.partial_fit(X[~gone], y[~gone], classes=[0, 1, 2])
    assert model.classes_.tolist() == [0, 1, 2] and model.class_count_[1] == 0
    for name in LEARNED:
        assert np.array_equal(getattr(model, name), getattr(expected, name)), name
    theirs = naive_bayes.GaussianNB().partial_fit(X[~gone], y[~gone], classes=[0, 1, 2])
    with np.errstate(divide="ignore"):  # the logarithm of the empty class's prior
        assert np.array_equal(model.predict(X), theirs.predict(X))
    model.partial_fit(X[gone], y[gone])
    assert_like(model, naive_bayes.GaussianNB().fit(X, y))


def test_partial_fit_with_weights_is_one_fit(rows):
    X, y, w = rows
    model = GaussianNB(resolution=-40)
    for batch in np.array_split(np.argsort(y, kind="stable"), 3):
        model.partial_fit(X[batch], y[batch], classes=[0, 1, 2], sample_weight=w[batch])
    whole = clone(model).fit(X, y, sample_weight=w)
    for name in LEARNED:
        assert np.array_equal(getattr(model, name), getattr(whole, name)), name
    assert_like(model, naive_bayes.GaussianNB().fit(X, y, sample_weight=w))


def test_a_longer_label_can_replace_one(rows):
    X, codes, _ = rows
    y = np.array(["a", "b", "c"])[codes]
    model = GaussianNB().fit(X, y).replace((X[:1], y[:1]), (X[:1], ["longer"]))
    assert model.classes_.tolist() == ["a", "b", "c", "longer"]


def test_a_correction_keeps_to_the_declared_classes():
    X, y = np.arange(8.0)[:, None], np.arange(8) % 2
    model = GaussianNB().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="do not exist in the initial classes"):
        model.replace((X[:1], y[:1]), (X[:1], [2]))
    assert model.class_count_.tolist() == [4.0, 4.0]


@pytest.mark.parametrize("steps", [[GaussianNB()], [StandardScaler(), GaussianNB()]])
def test_the_width_of_a_forgotten_label_goes(steps):
    X, y = datasets.load_iris(return_X_y=True)
    labels = np.array(["a", "b", "a label that nobody else has"])[y]
    model = steps[0] if len(steps) == 1 else make_pipeline(*steps)
    model.fit(X, labels).unlearn(X[y == 2], labels[y == 2])
    assert model.predict(X).dtype == "<U1"
    assert b"nobody" not in pickle.dumps(model)
    assert model._info["label_dtype"] == np.dtype("U")
