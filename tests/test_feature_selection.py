"""Feature selection that forgets, against scikit-learn's refit."""

import functools
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets, feature_selection
from sklearn.base import clone
from sklearn.feature_selection import chi2, f_classif, f_regression, mutual_info_classif
from sklearn.model_selection import GridSearchCV

from skunlearn._statistics._learned import LearnedRows, Rows
from skunlearn.datasets import fetch_adult
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_selection import SelectKBest, SelectPercentile, VarianceThreshold
from skunlearn.linear_model import Ridge, RidgeClassifier
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler
from skunlearn.testing import _checks_equivalence, check_unlearner


@functools.cache
def real(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    gone = np.random.default_rng(0).permutation(len(y))[: len(y) // 10]
    return X, y, gone, np.setdiff1d(np.arange(len(y)), gone)


def plain(model):
    """Return scikit-learn's selector with the same parameters."""
    params = model.get_params(deep=False)
    names = {"track_rows", "resolution"}
    kind = getattr(feature_selection, type(model).__name__)
    return kind(**{name: value for name, value in params.items() if name not in names})


def fitted(model, X, y):
    with warnings.catch_warnings():  # scikit-learn's, of constant columns
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def assert_like(ours, theirs, rtol=1e-8):
    for name in ("scores_", "pvalues_", "variances_"):
        if hasattr(theirs, name):
            one, other = getattr(ours, name), getattr(theirs, name)
            assert one.dtype == other.dtype and one.shape == other.shape, name
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-290, err_msg=name)
    assert np.array_equal(ours.get_support(), theirs.get_support())


def assert_equal_bits(one, other):
    for name in ("scores_", "pvalues_", "variances_"):
        if hasattr(other, name):
            assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name
    assert one.state_digest() == other.state_digest()


def refit(model, X, y):
    return clone(model).set_params(resolution=model.resolution_).fit(X, y)


# -- against scikit-learn ----------------------------------------------------------------------

CASES = [
    ("wine", VarianceThreshold(0.5)),
    ("digits", VarianceThreshold(10.0)),
    ("wine", SelectKBest(k=3)),
    ("breast_cancer", SelectKBest(k=8)),
    ("digits", SelectKBest(k=20)),  # with constant columns
    ("iris", SelectKBest(f_regression, k=2)),
    ("diabetes", SelectKBest(f_regression, k=4)),
    ("wine", SelectKBest(k="all")),
    ("wine", SelectKBest(k=0)),
    ("breast_cancer", SelectPercentile(percentile=33)),
    ("diabetes", SelectPercentile(f_regression, percentile=25)),
    ("digits", SelectPercentile(percentile=0)),
    ("digits", SelectPercentile(percentile=100)),
]


@pytest.mark.parametrize("name, selector", CASES, ids=lambda v: v if isinstance(v, str) else None)
def test_unlearned_is_scikit_learn_refitted(name, selector):
    X, y, gone, rest = real(name)
    model = clone(selector).fit(X, y)
    before = getattr(model, "scores_", getattr(model, "variances_", None))
    model.unlearn(X[gone], y[gone])
    expected = fitted(plain(selector), X[rest], y[rest])
    assert_like(model, expected)
    after = getattr(model, "scores_", getattr(model, "variances_", None))
    assert np.nanmax(np.abs(before - after)) > 1e-3
    shuffled = np.random.default_rng(1).permutation(rest)
    assert_equal_bits(model, refit(model, X[shuffled], y[shuffled]))


@pytest.mark.data
def test_adult(data_home):
    frame, y = fetch_adult(data_home=data_home, return_X_y=True)
    X, y = frame.select_dtypes("number"), np.asarray(y).astype(str)
    gone = (X["age"] > 60).to_numpy()
    model = SelectKBest(k=2).fit(X, y).unlearn(X[gone], y[gone])
    assert_like(model, plain(model).fit(X[~gone], y[~gone]))
    assert list(model.get_feature_names_out()) == ["age", "education-num"]
    assert_equal_bits(model, refit(model, X[~gone], y[~gone]))


@pytest.mark.parametrize("selector", [SelectKBest(k=3), SelectKBest(f_regression, k=3)])
def test_float32(selector):
    X, y, gone, rest = real("wine")
    X = X.astype(np.float32)
    model = clone(selector).fit(X, y).unlearn(X[gone], y[gone])
    assert_like(model, plain(selector).fit(X[rest], y[rest]), rtol=1e-2)


@pytest.mark.parametrize("storage", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize(
    "selector", [VarianceThreshold(), SelectKBest(k=20), SelectKBest(f_regression, k=20)]
)
def test_sparse_is_dense(selector, storage):
    X, y, gone, rest = real("digits")
    model = clone(selector).fit(storage(X), y).unlearn(storage(X[gone]), y[gone])
    assert_equal_bits(model, refit(model, X[rest], y[rest]))


class Scored(SelectKBest):
    """`f_regression` wants numbers where the checks give labels to all but regressors."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        return tags


def test_contract_with_numeric_targets(monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 500)
    check_unlearner(Scored(f_regression, k=2))


# -- against the exact solution ------------------------------------------------------------------


@pytest.mark.parametrize("score", [f_classif, f_regression])
def test_large_means_cost_no_digits(score):
    X, y, gone, rest = real("iris")
    X = np.rint(X * 2**10) / 2**10
    near = SelectKBest(score, k=2).fit(X, y).unlearn(X[gone], y[gone])
    far = SelectKBest(score, k=2).fit(X + 1e8, y).unlearn(X[gone] + 1e8, y[gone])
    np.testing.assert_allclose(far.scores_, near.scores_, rtol=1e-6)
    np.testing.assert_allclose(near.scores_, score(X[rest], y[rest])[0], rtol=1e-9)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = score(X[rest] + 1e8, y[rest])[0]
    assert np.nanmax(np.abs(theirs / near.scores_ - 1)) > 0.1


def test_a_constant_column_has_variance_zero():
    X = np.array([[0.1, 1e9 + 0.5], [0.1, 1e9], [0.1, 1e9 + 1.0], [0.3, 1e9]])
    model = VarianceThreshold().fit(X)
    assert model.get_support().tolist() == [True, True]
    model.unlearn(X[3:])
    assert model.variances_[0] == 0.0 and model.get_support().tolist() == [False, True]
    assert np.var(X[:3, 0]) > 0  # in floating point
    assert plain(model).fit(X[:3]).get_support().tolist() == [False, True]
    assert model.variances_[1] == pytest.approx(1 / 6, rel=1e-12)


def test_variance_is_the_variance_where_scikit_learn_has_the_range():
    X = np.array([[0.0, 0.0], [100.0, 1.0], [50.0, 0.0]])
    model, theirs = VarianceThreshold().fit(X), plain(VarianceThreshold()).fit(X)
    np.testing.assert_allclose(model.variances_, X.var(axis=0))
    assert theirs.variances_[0] == 100.0 and model.variances_[0] > 1000
    assert np.array_equal(model.get_support(), theirs.get_support())


@pytest.mark.parametrize("score", [f_classif, f_regression])
def test_degenerate_columns(score):
    rng = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0, 2.0], [3, 7, 11])
    X = np.column_stack([np.full(21, 0.1), y, 1 - 4 * y, rng.normal(size=21), np.zeros(21)])
    model = SelectKBest(score, k=2).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores, pvalues = score(X, y)
    np.testing.assert_allclose(model.scores_[3:], scores[3:], rtol=1e-9)
    np.testing.assert_allclose(model.pvalues_[3:], pvalues[3:], rtol=1e-9)
    assert model.get_support().tolist() == [False, True, True, False, False]
    if score is f_classif:
        assert np.isnan(model.scores_[[0, 4]]).all()
        assert model.scores_[1] == model.scores_[2] == np.inf
    else:  # scikit-learn takes rounding errors in columns 0 to 2 for variance
        assert model.scores_[0] == 0 and model.pvalues_[0] == 1
        assert (model.scores_[1:3] > 1e15).all()
    assert (model.pvalues_[1:3] == 0).all()


def test_constant_columns_have_no_score():
    rng = np.random.default_rng(2)
    X, y = np.tile(rng.normal(size=50), (21, 1)), np.repeat([0, 1, 2], [3, 7, 11])
    assert np.isnan(SelectKBest(k=1, resolution="exact").fit(X, y).scores_).all()
    assert (SelectKBest(f_regression, k=1).fit(X, y).scores_ == 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not np.isnan(f_classif(X, y)[0]).all()


def test_perfect_correlations_have_the_largest_scores():
    rng = np.random.default_rng(1)
    for _ in range(30):  # in some of these the correlation is rounded to more than 1
        y = rng.normal(size=25)
        model = SelectKBest(f_regression, k=1, resolution="exact").fit(np.outer(y, [2, -4]), y)
        assert (model.scores_ > 1e15).all() and (model.pvalues_ < 1e-100).all()


def test_two_rows_have_no_score():
    X, y, _, _ = real("diabetes")
    for n_left in (2, 1):
        model = SelectKBest(f_regression, k=1).fit(X, y).unlearn(X[n_left:], y[n_left:])
        assert (model.scores_ == 0).all() and (model.pvalues_ == 1).all()
        assert_equal_bits(model, refit(model, X[:n_left], y[:n_left]))
    assert (f_regression(X[:2], y[:2])[0] == 0).all()


def test_only_correlations_need_products_of_columns():
    X = np.random.default_rng(0).normal(size=(60, 300))
    size = {
        score: len(pickle.dumps(SelectKBest(score).fit(X, np.arange(60) % 2)))
        for score in (f_classif, f_regression)
    }
    assert size[f_classif] < 100_000 < 1_000_000 < size[f_regression]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_ties_are_broken_as_in_scikit_learn(k):
    X, y, gone, _ = real("iris")
    X = X[:, [2, 3, 2, 3, 2, 2]]
    for selector in (SelectKBest(k=k), SelectPercentile(percentile=100 * k / 6)):
        model = selector.fit(X, y).unlearn(X[gone], y[gone])
        assert len(set(model.scores_)) == 2
        expected = plain(selector)
        expected.scores_ = model.scores_
        assert np.array_equal(model.get_support(), expected.get_support())
        chosen = [5, 4, 2, 0][:k] if isinstance(selector, SelectKBest) else [0, 2, 4, 5][:k]
        assert set(np.flatnonzero(model.get_support())) == set(chosen)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SelectKBest, SelectPercentile])
@pytest.mark.parametrize("score", [chi2, mutual_info_classif, lambda X, y: np.ones(X.shape[1])])
def test_other_scores_are_refused_by_name(kind, score):
    X, y, _, _ = real("iris")
    words = f"Got score_func={score.__name__}, expected f_classif or f_regression"
    with pytest.raises(ValueError, match=words):
        kind(score).fit(X, y)
    assert not hasattr(kind(score), "unlearn") and hasattr(kind(), "unlearn")


def test_requests_are_refused_where_a_fit_would_be():
    X = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [5.0, 1.0]])
    model = VarianceThreshold().fit(X)
    for rows, words in (
        (X[3:], r"No feature in X meets the variance threshold 0\.00000 \(a fit"),
        (X[1:], r"threshold 0\.00000 \(X contains only one sample\) \(a fit on"),
    ):
        with pytest.raises(UnlearningError, match=words):
            model.unlearn(rows)
        assert model.n_samples_retained_ == 4 and model.get_support().tolist() == [True, False]
    with pytest.raises(ValueError, match=r"threshold 0\.00000$"):
        VarianceThreshold().fit(X[:3])
    with pytest.raises(ValueError, match="contains NaN"):
        VarianceThreshold().fit([[0.0, np.nan], [1.0, 2.0]])
    with pytest.raises(ValueError, match="contains NaN"):
        model.transform([[0.0, np.nan]])


def test_targets_are_part_of_the_row_and_needed():
    X, y, _, _ = real("iris")
    model = SelectKBest(k=2).fit(X, y)
    with pytest.raises(NotLearnedError, match="1 of the 1 rows"):
        model.unlearn(X[:1], [2])
    with pytest.raises(ValueError, match="requires y to be passed"):
        SelectKBest(k=2).fit(X, None)
    with pytest.raises(ValueError, match="Unknown label type"):
        SelectKBest(k=2).fit(X, X[:, 0] + 0.01)
    with pytest.warns(UserWarning, match="k=9 is greater than n_features=4. All the features"):
        assert SelectKBest(k=9).fit(X, y).get_support().all()


# -- as a user --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, steps",
    [
        ("digits", [VarianceThreshold(1.0), StandardScaler(), RidgeClassifier()]),
        ("diabetes", [StandardScaler(), VarianceThreshold(0.5), Ridge()]),
        ("breast_cancer", [StandardScaler(), SelectKBest(k=4)]),
        ("diabetes", [StandardScaler(), SelectKBest(f_regression, k=4)]),
        ("wine", [SelectKBest(k=4), StandardScaler(), RidgeClassifier()]),
        ("diabetes", [SelectPercentile(f_regression, percentile=50), Ridge()]),
    ],
)
def test_in_a_pipeline(name, steps):
    X, y, gone, rest = real(name)
    model = make_pipeline(*map(clone, steps)).fit(X, y)
    assert model.guarantee_.detail.startswith("The whole chain is derived from exact moments")
    model.unlearn(X[gone], y[gone])
    again = clone(model).set_params(resolution=model.resolution_).fit(X[rest], y[rest])
    says = "predict" if hasattr(model, "predict") else "transform"
    assert np.array_equal(getattr(model, says)(X), getattr(again, says)(X))
    expected = clone(model.to_sklearn()).fit(X[rest], y[rest])
    np.testing.assert_allclose(getattr(model, says)(X), getattr(expected, says)(X), rtol=1e-6)


@pytest.mark.parametrize("kind", ["gram", "diagonal"])
def test_moments_of_selected_columns(kind):
    X, y, _, _ = real("wine")
    rows = Rows(X, Y=y[:, None].astype(float), weights=y + 0.5)
    moments = LearnedRows.of(rows, kind=kind, resolution=-40).moments()
    model = VarianceThreshold(0.5).fit(X)
    chosen = model.get_support(indices=True)
    pushed = model._push({"variances_": model.variances_}, moments)
    one = LearnedRows.of(Rows(X[:, chosen], rows.Y, rows.weights), kind=kind, resolution=-40)
    for got, expected in (
        (pushed.pooled, one.moments().pooled),
        (pushed.unweighted.pooled, one.moments().unweighted.pooled),
    ):
        assert got.n_features == expected.n_features == len(chosen)
        assert np.array_equal(got.mean, expected.mean)
        assert np.array_equal(got.scatter, expected.scatter)
        assert np.array_equal(got.total, expected.total)


def test_another_column_is_selected_after_a_request():
    pd = pytest.importorskip("pandas")
    X, y, _, _ = real("iris")
    X, y = pd.DataFrame(X, columns=list("abcd")), np.array(["u", "v", "w"])[y]
    model = SelectKBest(k=1).set_output(transform="pandas").fit(X, y)
    assert list(model.transform(X).columns) == list(model.get_feature_names_out()) == ["c"]
    model.unlearn(X[y == "u"], y[y == "u"])
    assert list(model.transform(X).columns) == ["d"]
    served = model.to_sklearn()
    assert type(served) is feature_selection.SelectKBest
    assert list(served.get_feature_names_out()) == ["d"]
    assert model.unlearn_columns(["d"]).get_support().tolist() == [False, False, True]


def test_search_over_k():
    X, y, _, _ = real("wine")
    search = GridSearchCV(
        make_pipeline(VarianceThreshold(0.1), RidgeClassifier()),
        {"variancethreshold__threshold": [0.0, 0.5]},
        cv=3,
    )
    best = search.fit(X, y).best_estimator_.unlearn(X[:9], y[:9])
    again = clone(best).set_params(resolution=best.resolution_).fit(X[9:], y[9:])
    assert np.array_equal(best.decision_function(X), again.decision_function(X))


def test_many_targets_are_refused_in_a_chain_as_by_scikit_learn():
    X, y, _, _ = real("diabetes")
    Y = np.column_stack([y, y])
    message = "y should be a 1d array, got an array of shape"
    with pytest.raises(ValueError, match=message):
        feature_selection.SelectKBest(f_regression, k=2).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        make_pipeline(SelectKBest(f_regression, k=2), Ridge()).fit(X, Y)
    one = make_pipeline(SelectKBest(f_regression, k=2), Ridge()).fit(X, Y[:, :1])
    two = make_pipeline(SelectKBest(f_regression, k=2), Ridge()).fit(X, y)
    np.testing.assert_array_equal(one[0].scores_, two[0].scores_)
