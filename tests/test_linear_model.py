"""Linear models that forget: against scikit-learn's refit, and against exact solutions."""

import functools
import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy import linalg, sparse
from sklearn import datasets
from sklearn import linear_model as plain
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from skunlearn.base import Request
from skunlearn.exceptions import UnlearningError
from skunlearn.linear_model import LinearRegression, Ridge, RidgeClassifier, UnlearnableRidgeCV

# ours, and scikit-learn's with its most accurate solver
PAIRS = {
    "ols": (LinearRegression, plain.LinearRegression),
    "ridge": (Ridge, functools.partial(plain.Ridge, solver="svd")),
    "classifier": (RidgeClassifier, functools.partial(plain.RidgeClassifier, solver="svd")),
}


def draw(seed=0, n=120, d=5, n_targets=None):
    """Rows and targets; about half of the values are 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.6) + [0, 0, 3, 0, 0][:d]
    coef = rng.normal(size=(d, n_targets or 1))
    Y = X @ coef + rng.normal(size=(n, n_targets or 1)) + 4.0
    return X, Y if n_targets else Y[:, 0]


def store(X, form):
    return sparse.csr_array(X) if form == "sparse" else X


def part(values, rows):
    return None if values is None else values[rows]


def solve_exactly(X, y, alpha=0.0, fit_intercept=True, weights=None):
    """Coefficients and intercept in rational arithmetic, rounded once."""
    n, d = X.shape
    rows = [[Fraction(float(v)) for v in row] + [Fraction(1)] * fit_intercept for row in X]
    w = [Fraction(1 if weights is None else float(weights[i])) for i in range(n)]
    p = d + fit_intercept
    matrix = [
        [sum(w[i] * rows[i][a] * rows[i][b] for i in range(n)) for b in range(p)]
        + [sum(w[i] * rows[i][a] * Fraction(float(y[i])) for i in range(n))]
        for a in range(p)
    ]
    for a in range(d):
        matrix[a][a] += Fraction(float(alpha))
    for a in range(p):
        pivot = next(b for b in range(a, p) if matrix[b][a])
        matrix[a], matrix[pivot] = matrix[pivot], matrix[a]
        matrix[a] = [v / matrix[a][a] for v in matrix[a]]
        for b in range(p):
            if b != a:
                factor = matrix[b][a]
                matrix[b] = [v - factor * u for v, u in zip(matrix[b], matrix[a], strict=True)]
    solution = np.array([float(row[-1]) for row in matrix])
    return solution[:d], solution[d] if fit_intercept else 0.0


def assert_same_coef(ours, theirs, atol=1e-10):
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=atol)


def error(coef, exact):
    return np.abs(coef - exact).max() / np.abs(exact).max()


# -- pairs: unlearned, and scikit-learn on the rows that remain ------------------------------


@pytest.mark.parametrize("weights", ["none", "fractional", "scalar"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("n_targets", [None, 3])
@pytest.mark.parametrize("name", PAIRS)
def test_unlearned_is_scikit_learn_refitted(name, n_targets, form, fit_intercept, weights):
    ours, theirs = PAIRS[name]
    X, y = draw(n_targets=None if name == "classifier" else n_targets)
    if name == "classifier":
        y = np.digitize(y, np.quantile(y, [0.3, 0.6])[: n_targets or 1])
    w = {"none": None, "scalar": 2.5, "fractional": np.random.default_rng(3).uniform(0.1, 3, 120)}
    w = w[weights]
    rest, gone = np.arange(30, 120), np.arange(30)

    def pick(rows):
        return w if np.isscalar(w) else part(w, rows)

    model = ours(fit_intercept=fit_intercept).fit(store(X, form), y, sample_weight=w)
    before = model.coef_.copy()
    model.unlearn(store(X[gone], form), y[gone], sample_weight=pick(gone))
    whole = np.full(90, 2.5) if weights == "scalar" else pick(rest)
    expected = theirs(fit_intercept=fit_intercept).fit(X[rest], y[rest], sample_weight=whole)
    assert_same_coef(model, expected, atol=1e-9)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=1e-8, atol=1e-9)
    assert np.shape(model.intercept_) == np.shape(expected.intercept_)
    found, scale = model.predict(store(X, form)), np.abs(y).max()
    np.testing.assert_allclose(found, expected.predict(X), rtol=1e-8, atol=1e-10 * scale)
    # the rows that went did matter
    assert np.abs(before - model.coef_).max() > 1e-3
    # and bit for bit it is our own refit, in another order
    other = rest[::-1]
    refit = clone(model).set_params(resolution=model.resolution_)
    refit.fit(store(X[other], form), y[other], sample_weight=pick(other))
    assert np.array_equal(model.coef_, refit.coef_)
    assert np.array_equal(model.intercept_, refit.intercept_)
    assert model.state_digest() == refit.state_digest()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_penalty_for_each_target(fit_intercept):
    X, Y = draw(n_targets=3)
    alpha = [0.1, 10.0, 0.0]
    model = Ridge(alpha, fit_intercept=fit_intercept).fit(X, Y).unlearn(X[:20], Y[:20])
    expected = plain.Ridge(alpha, fit_intercept=fit_intercept, solver="svd").fit(X[20:], Y[20:])
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=1e-9)
    one = Ridge(1.0, fit_intercept=fit_intercept).fit(X[20:], Y[20:])
    assert np.abs(one.coef_ - model.coef_).max() > 1e-3
    with pytest.raises(ValueError, match="Number of targets and number of penalties"):
        Ridge([0.1, 1.0], fit_intercept=fit_intercept).fit(X, Y)


def test_binary_classifier_has_the_shapes_of_scikit_learn():
    X, y = draw()
    ours, theirs = (kind().fit(X, y > 4) for kind in (RidgeClassifier, plain.RidgeClassifier))
    assert ours.coef_.shape == theirs.coef_.shape


def test_ridge_on_a_column_of_targets_has_the_shapes_of_scikit_learn():
    X, Y = draw(n_targets=1)
    ours, theirs = Ridge().fit(X, Y), plain.Ridge().fit(X, Y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.predict(X).shape == theirs.predict(X).shape


def test_linear_regression_on_a_column_of_targets_has_the_shapes_of_scikit_learn():
    X, Y = draw(n_targets=1)
    ours, theirs = LinearRegression().fit(X, Y), plain.LinearRegression().fit(X, Y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.predict(X).shape == theirs.predict(X).shape


@pytest.mark.parametrize("weights", [None, "fractional"])
def test_linear_regression_has_rank_and_singular_values(weights):
    X, y = draw()
    w = None if weights is None else np.random.default_rng(3).uniform(0.1, 3, 120)
    model = LinearRegression().fit(X, y, sample_weight=w)
    model.unlearn(X[:20], y[:20], sample_weight=part(w, slice(20)))
    expected = plain.LinearRegression().fit(X[20:], y[20:], sample_weight=part(w, slice(20, None)))
    assert model.rank_ == expected.rank_ == 5
    np.testing.assert_allclose(model.singular_, expected.singular_, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attributes_keep_the_dtype_of_the_rows(dtype):
    X, y = draw()
    for ours, theirs in ((Ridge, plain.Ridge), (LinearRegression, plain.LinearRegression)):
        model = ours().fit(X.astype(dtype), y.astype(dtype))
        model.unlearn(X[:5].astype(dtype), y[:5].astype(dtype))
        expected = theirs().fit(X[5:].astype(dtype), y[5:].astype(dtype))
        assert model.coef_.dtype == expected.coef_.dtype == dtype
        np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-4)


@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(0.01)])
def test_diabetes(estimator):
    X, y = datasets.load_diabetes(return_X_y=True)
    gone = np.random.default_rng(0).permutation(442)[:44]
    rest = np.setdiff1d(np.arange(442), gone)
    model = clone(estimator).fit(X, y).unlearn(X[gone], y[gone])
    expected = model.to_sklearn().fit(X[rest], y[rest])
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-7)


@pytest.mark.parametrize("load", ["load_breast_cancer", "load_wine", "load_digits", "load_iris"])
def test_real_classes(load):
    X, y = getattr(datasets, load)(return_X_y=True)
    gone = np.random.default_rng(0).permutation(len(y))[: len(y) // 10]
    rest = np.setdiff1d(np.arange(len(y)), gone)
    model = RidgeClassifier().fit(X, y).unlearn(X[gone], y[gone])
    expected = plain.RidgeClassifier(solver="svd").fit(X[rest], y[rest])
    shown = model.decision_function(X)
    np.testing.assert_allclose(shown, expected.decision_function(X), rtol=1e-6, atol=1e-7)
    assert np.array_equal(model.predict(X), expected.predict(X))
    assert model.score(X, y) > 0.8


# -- against exact solutions -----------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_large_means_cost_no_digits(alpha, fit_intercept, offset):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 3)) + offset
    y = X @ [1.0, -2.0, 3.0] - 2 * offset + rng.normal(size=40)
    w = rng.integers(1, 16, 40) / 16
    model = Ridge(alpha, fit_intercept=fit_intercept).fit(X, y, sample_weight=w)
    model.unlearn(X[:9], y[:9], sample_weight=w[:9])
    coef, intercept = solve_exactly(X[9:], y[9:], alpha, fit_intercept, w[9:])
    assert error(model.coef_, coef) < 1e-9
    assert abs(model.intercept_ - intercept) <= 1e-9 * max(abs(intercept), 1.0)


def test_least_squares_with_large_means():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 3)) + np.array([0.0, 1e6, -1e6])
    y = X @ [1.0, -2.0, 3.0] + rng.normal(size=40)
    exact = solve_exactly(X[9:], y[9:])[0]
    assert error(LinearRegression().fit(X, y).unlearn(X[:9], y[:9]).coef_, exact) < 1e-9
    # the normal equations without centring, for comparison
    one = np.column_stack([X[9:], np.ones(31)])
    naive = np.linalg.solve(one.T @ one, one.T @ y[9:])[:3]
    assert error(naive, exact) > 1e-6


@pytest.mark.parametrize("size", [1e4, 1e8, 1e12])
def test_a_poisoned_row_leaves_no_trace(size):
    X, y = draw()
    poisoned = np.vstack([X, np.full((1, 5), size)])
    model = Ridge().fit(poisoned, np.append(y, -size))
    assert error(model.coef_, Ridge().fit(X, y).coef_) > 1e-2
    model.unlearn(np.full((1, 5), size), [-size])
    refit = Ridge(resolution=model.resolution_).fit(X, y)
    assert np.array_equal(model.coef_, refit.coef_)
    assert np.array_equal(model.resolution_, Ridge().fit(X, y).resolution_)


@pytest.mark.parametrize("scale", [1e-6, 1e-9, 1e9])
def test_units_of_a_column_do_not_matter(scale):
    X, y = draw()
    X[:, 0] *= scale
    model = LinearRegression().fit(X, y)
    coef = solve_exactly(X, y)[0]
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-7)
    assert model.rank_ == 5


def test_scikit_learn_cuts_a_small_column_off():
    X, y = draw()
    X[:, 0] *= 1e-9
    coef = solve_exactly(X, y)[0]
    # the reason why the reference is the exact solution: this is why units must not matter
    assert abs(plain.LinearRegression().fit(X, y).coef_[0] / coef[0]) < 1e-3
    assert abs(LinearRegression().fit(X, y).coef_[0] / coef[0] - 1) < 1e-7


def test_scikit_learn_on_sparse_rows_is_off_the_exact_solution():
    rng = np.random.default_rng(0)
    scale = np.logspace(-2, 2, 20)
    S = sparse.random_array((300, 20), density=0.3, rng=rng)
    S = sparse.csr_array(S.multiply(scale))
    y = S @ (rng.normal(size=20) / scale) + rng.normal(size=300)
    exact = plain.Ridge(1e-3, solver="svd").fit(S.toarray(), y).coef_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert error(plain.Ridge(1e-3).fit(S, y).coef_, exact) > 0.01
    for solver in ("auto", "sag", "lsqr", "sparse_cg"):
        assert error(Ridge(1e-3, solver=solver).fit(S, y).coef_, exact) < 1e-9


# -- collinear columns -----------------------------------------------------------------------


@pytest.fixture
def one_hots():
    """Two one-hot encoded columns, whose indicators both add up to 1; and a number."""
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 4, 150), rng.integers(0, 3, 150)
    X = np.hstack([np.eye(4)[a], np.eye(3)[b], rng.normal(size=(150, 1))])
    y = np.array([1.0, 5.0, -2.0, 0.0])[a] + 3.0 * b + X[:, -1] + rng.normal(size=150)
    return X, y


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_collinear_columns_get_the_solution_of_least_norm(one_hots, fit_intercept):
    X, y = one_hots
    model = LinearRegression(fit_intercept=fit_intercept).fit(X, y).unlearn(X[:30], y[:30])
    A, b = X[30:], y[30:]
    if fit_intercept:
        A, b = A - A.mean(axis=0), b - b.mean()
    expected = linalg.lstsq(A, b)[0]
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-9, atol=1e-11)
    assert model.rank_ == np.linalg.matrix_rank(A) == (6 if fit_intercept else 7)
    # other solutions fit as well, with a larger norm
    shifted = expected + np.r_[np.ones(4), -np.ones(3), 0]
    np.testing.assert_allclose(A @ shifted, A @ expected, atol=1e-9)
    assert np.linalg.norm(shifted) > np.linalg.norm(model.coef_)


@pytest.mark.parametrize("seed", range(60))
def test_collinear_to_the_last_bits(seed):
    # rounding hides it: for about every fifth seed the factorization alone would go through
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 4))
    X = np.column_stack([X, X @ rng.normal(size=4)])
    y = X[:, 0] + rng.normal(size=60)
    A, b = X - X.mean(axis=0), y - y.mean()
    expected = linalg.lstsq(A, b, cond=1e-8)[0]
    model = LinearRegression(resolution="exact").fit(X, y)
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-7, atol=1e-9)
    assert model.rank_ == 4


@pytest.mark.parametrize("estimator", [LinearRegression(), Ridge(0.0), Ridge(1.0)])
def test_a_category_that_is_gone_gets_no_coefficient(one_hots, estimator):
    X, y = one_hots
    gone = X[:, 2] == 1
    model = clone(estimator).fit(X, y)
    assert abs(model.coef_[2]) > 1
    model.unlearn(X[gone], y[gone])
    # 0 with a penalty; without one, the solution of least norm is up to rounding
    assert abs(model.coef_[2]) < 1e-12
    refit = clone(estimator).set_params(resolution=model.resolution_).fit(X[~gone], y[~gone])
    assert np.array_equal(model.coef_, refit.coef_)


def test_more_columns_than_rows():
    y = np.random.default_rng(1).normal(size=12)
    wide = np.random.default_rng(0).normal(size=(12, 30))
    model = LinearRegression().fit(wide, y).unlearn(wide[:4], y[:4])
    expected = plain.LinearRegression().fit(wide[4:], y[4:])
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(model.predict(wide[4:]), y[4:], rtol=1e-8)
    assert model.rank_ == expected.rank_ == 7
    ridge = Ridge(0.5).fit(wide, y).unlearn(wide[:4], y[:4])
    expected = plain.Ridge(0.5, solver="svd").fit(wide[4:], y[4:])
    np.testing.assert_allclose(ridge.coef_, expected.coef_, rtol=1e-8, atol=1e-10)


# -- what is refused, and verbs --------------------------------------------------------------


@pytest.mark.parametrize("ours", [LinearRegression, Ridge, RidgeClassifier])
def test_positive_is_refused_by_name(ours):
    X, y = draw()
    y = y > 4 if ours is RidgeClassifier else y
    with pytest.raises(ValueError, match=rf"{ours.__name__}\(positive=True\).*expected False"):
        ours(positive=True).fit(X, y)
    assert not hasattr(ours(positive=True), "unlearn")
    assert not hasattr(ours(positive=True), "replace")
    assert hasattr(ours(), "unlearn")
    model = ours().fit(X, y)
    model.set_params(positive=True)
    with pytest.raises(AttributeError, match="unlearn"):
        model.unlearn(X[:2], y[:2])


@pytest.mark.parametrize("name", PAIRS)
def test_partial_fit_is_one_fit(name):
    ours, _ = PAIRS[name]
    X, y = draw()
    y = np.digitize(y, np.quantile(y, [0.3, 0.6])) if name == "classifier" else y
    model = ours(resolution=[-36] * (6 + (name != "classifier")))
    for rows in np.array_split(np.argsort(y, kind="stable"), 4):  # classes come one by one
        model.partial_fit(X[rows], y[rows])
    whole = clone(model).fit(X, y)
    assert np.array_equal(model.coef_, whole.coef_)
    assert np.array_equal(model.intercept_, whole.intercept_)
    assert model.n_samples_retained_ == 120
    model.unlearn(X[:30], y[:30])
    assert np.array_equal(model.coef_, clone(model).fit(X[30:], y[30:]).coef_)


@pytest.mark.parametrize("size", [1e150, 1e200])
def test_values_whose_squares_overflow_are_refused_clearly(size):
    X, y = draw()
    X[3, 1] = size
    with pytest.raises(ValueError, match=r"overflow float64.*Rescale the columns"):
        Ridge().fit(X, y)


def test_forgetting_all_but_one_row():
    X, y = draw()
    model = Ridge().fit(X, y).unlearn(X[1:], y[1:])
    assert not model.coef_.any() and model.intercept_ == pytest.approx(y[0], rel=1e-9)
    with pytest.raises(UnlearningError, match="last rows"):
        model.unlearn(X[:1], y[:1])


# -- features --------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "fractional"])
@pytest.mark.parametrize("name", PAIRS)
def test_forgotten_features_were_never_there(name, weights):
    X, y = draw()
    y = np.digitize(y, np.quantile(y, [0.3, 0.6])) if name == "classifier" else y
    X[:, 3] *= 1e9  # the column with the most digits
    w = None if weights is None else np.random.default_rng(3).uniform(0.1, 3, 120)
    model = PAIRS[name][0]().fit(X, y, sample_weight=w)
    assert model.unlearn_columns([3, -5]) is model
    kept = [1, 2, 4]
    left = model.resolution_
    assert (
        left.tolist()
        == type(model)()
        .fit(X, y, sample_weight=w)
        .resolution_[[1, 2, 4, *range(5, 6 + (name != "classifier"))]]
        .tolist()
    )
    refit = clone(model).set_params(resolution=left).fit(X[:, kept], y, sample_weight=w)
    assert np.array_equal(model.coef_, refit.coef_) and model.n_features_in_ == 3
    assert model.state_digest() == refit.state_digest()
    # rows are forgotten without those columns now
    model.unlearn(X[:20, kept], y[:20], sample_weight=part(w, slice(20)))
    refit.fit(X[20:, kept], y[20:], sample_weight=part(w, slice(20, None)))
    assert np.array_equal(model.coef_, refit.coef_)


def test_features_by_name():
    X, y = datasets.load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X, y)
    for wrong in ("Age", 10, -11, ["age", "nothing"]):
        with pytest.raises(UnlearningError, match=r"Got column .*, expected"):
            model.unlearn_columns(wrong)
    with pytest.raises(UnlearningError, match="all the columns"):
        model.unlearn_columns(list(X.columns))
    assert model.unlearn_columns([]).n_features_in_ == 10
    model.unlearn_columns("sex").unlearn_columns(["age", "s6"])
    rest = X.drop(columns=["age", "sex", "s6"])
    assert model.feature_names_in_.tolist() == rest.columns.tolist()
    expected = plain.LinearRegression().fit(rest, y)
    np.testing.assert_allclose(model.predict(rest), expected.predict(rest), rtol=1e-8)
    assert not hasattr(UnlearnableRidgeCV().fit(X, y), "unlearn_columns")


@pytest.mark.parametrize("columns", [np.arange(5) == 3, [False, True], [1.7]])
def test_what_is_no_position_is_refused_or_understood(columns):
    X, y = draw()
    model = Ridge().fit(X, y)
    if len(columns) == 5:
        expected = Ridge().fit(np.delete(X, 3, axis=1), y).coef_
        np.testing.assert_allclose(model.unlearn_columns(columns).coef_, expected, rtol=1e-9)
    else:
        with pytest.raises(UnlearningError):
            model.unlearn_columns(columns)


# -- RidgeClassifier -------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 5.0, 2: 0.3}])
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("weights", [None, "fractional"])
def test_class_weights_are_taken_from_the_rows_that_remain(class_weight, dropped, weights):
    rng = np.random.default_rng(4)
    y = rng.choice(3, 150, p=[0.6, 0.25, 0.15])
    X = rng.normal(size=(150, 4)) + y[:, None]
    w = None if weights is None else rng.uniform(0.1, 2.0, 150)
    gone = (y == 1) if dropped else (np.arange(150) < 40)
    model = RidgeClassifier(class_weight=class_weight).fit(X, y, sample_weight=w)
    model.unlearn(X[gone], y[gone], sample_weight=part(w, gone))
    expected = plain.RidgeClassifier(class_weight=class_weight, solver="svd")
    expected.fit(X[~gone], y[~gone], sample_weight=part(w, ~gone))
    assert np.array_equal(model.classes_, [0, 2] if dropped else [0, 1, 2])
    assert model.coef_.size == (4 if dropped else 12)
    assert_same_coef(model, expected)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=1e-8, atol=1e-10)
    assert np.array_equal(model.predict(X), expected.predict(X))
    if class_weight is not None:
        unweighted = plain.RidgeClassifier().fit(X[~gone], y[~gone], sample_weight=part(w, ~gone))
        assert np.abs(unweighted.intercept_ - model.intercept_).max() > 1e-3


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [-1, 1], ["b", "a"]])
def test_labels_of_any_kind(labels):
    X, y = draw()
    y = np.array(labels)[(y > 4).astype(int)]
    model = RidgeClassifier().fit(X, y).unlearn(X[:9], y[:9])
    expected = plain.RidgeClassifier().fit(X[9:], y[9:])
    assert model.classes_.dtype == expected.classes_.dtype
    assert np.array_equal(model.predict(X), expected.predict(X))


def test_a_longer_label_can_be_learned_later():
    X, y = draw()
    y = np.array(["a", "b"])[(y > 4).astype(int)]
    model = RidgeClassifier().fit(X, y).partial_fit(X[:2] + 9, ["longer", "longer"])
    assert model.classes_.tolist() == ["a", "b", "longer"]


def test_multilabel_targets_are_refused():
    X, y = draw()
    with pytest.raises(ValueError, match="Use Ridge on the indicator matrix"):
        RidgeClassifier().fit(X, np.column_stack([y > 4, y < 4]).astype(int))


def test_one_class_left():
    X, y = draw()
    y = (y > 4).astype(int)
    model = RidgeClassifier().fit(X, y).unlearn(X[y == 0], y[y == 0])
    expected = plain.RidgeClassifier().fit(X[y == 1], y[y == 1])
    assert model.classes_.tolist() == expected.classes_.tolist() == [1]
    assert np.array_equal(model.predict(X), expected.predict(X))


# -- UnlearnableRidgeCV ----------------------------------------------------------------------


def folds_of(model, X, y):
    return model._check_rows(Request(X, y), reset=False)[0].codes


@pytest.mark.parametrize("n_targets", [None, 2])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weights", [None, "fractional"])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_the_path_of_errors_is_that_of_cross_validation(n_targets, fit_intercept, weights, form):
    X, y = draw(n_targets=n_targets)
    w = None if weights is None else np.random.default_rng(3).uniform(0.1, 3, 120)
    alphas = [0.01, 1.0, 30.0, 1e3]
    model = UnlearnableRidgeCV(alphas, fit_intercept=fit_intercept, random_state=1)
    model.fit(store(X, form), y, sample_weight=w)
    model.unlearn(store(X[:20], form), y[:20], sample_weight=part(w, slice(20)))
    X, y, w = X[20:], y[20:], part(w, slice(20, None))
    folds = model._check_rows(Request(store(X, form), y, w), reset=False)[0].codes
    assert len(set(folds.tolist())) == 5
    for alpha, got in zip(alphas, model.mse_path_, strict=True):
        ridge = plain.Ridge(alpha, fit_intercept=fit_intercept, solver="svd")
        params = {} if w is None else {"sample_weight": w}
        held_out = cross_val_predict(ridge, X, y, cv=PredefinedSplit(folds), params=params)
        squared = ((y - held_out) ** 2).reshape(100, -1).mean(axis=1)
        assert got == pytest.approx(np.average(squared, weights=w), rel=1e-9)
    best = int(np.argmin(model.mse_path_))
    assert model.alpha_ == alphas[best] and model.best_score_ == -model.mse_path_[best]
    expected = plain.Ridge(model.alpha_, fit_intercept=fit_intercept, solver="svd")
    expected.fit(X, y, sample_weight=w)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9, atol=1e-12)
    assert len(set(model.mse_path_.tolist())) == 4


def test_alpha_is_chosen_anew():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(200, 4))
    y = X @ [3.0, -2.0, 1.0, 4.0] + 0.1 * rng.normal(size=200)
    X[:40] *= 3.0
    y[:40] = 30.0 * rng.normal(size=40)  # rows that teach nothing ask for a large penalty
    alphas = [1e-3, 1.0, 300.0, 1e5]
    model = UnlearnableRidgeCV(alphas, random_state=0).fit(X, y)
    chosen = model.alpha_
    model.unlearn(X[:40], y[:40])
    refit = clone(model).set_params(resolution=model.resolution_).fit(X[40:], y[40:])
    assert chosen >= 300.0
    assert model.alpha_ == refit.alpha_ == 1e-3
    for name in ("coef_", "intercept_", "mse_path_", "best_score_"):
        assert np.array_equal(getattr(model, name), getattr(refit, name)), name
    # a search whose result stays would have kept the penalty of the forgotten rows
    stale = Ridge(chosen).fit(X, y).unlearn(X[:40], y[:40])
    assert np.abs(stale.coef_ - model.coef_).max() > 0.1


def test_folds_follow_from_content_and_a_secret():
    X, y = draw()
    a, b = (UnlearnableRidgeCV(random_state=0).fit(X, y) for _ in range(2))
    folds = folds_of(a, X, y)
    assert np.array_equal(folds, folds_of(b, X, y))
    assert np.array_equal(folds_of(a, X[::-1], y[::-1]), folds[::-1])
    assert np.array_equal(folds_of(a, np.vstack([X, X]), np.append(y, y)), np.tile(folds, 2))
    other = folds_of(UnlearnableRidgeCV(random_state=1).fit(X, y), X, y)
    assert (folds == other).mean() < 0.5
    secret = []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002 - to show that the global state does not matter
        secret.append(folds_of(UnlearnableRidgeCV().fit(X, y), X, y))
    assert (secret[0] == secret[1]).mean() < 0.5
    assert np.bincount(folds, minlength=5).min() > 5


def test_served_ridge_carries_no_search():
    X, y = draw()
    model = UnlearnableRidgeCV([0.1, 7.0], random_state=0).fit(X, y)
    served = model.to_sklearn()
    assert type(served) is plain.Ridge and served.alpha == model.alpha_
    assert np.array_equal(served.predict(X), model.predict(X))
    assert not {"_learned", "_info", "mse_path_", "resolution_"} & set(vars(served))


def test_folds_that_cannot_be_compared_are_refused():
    X, y = draw()
    with pytest.raises(ValueError, match=r"rows in 1 of n_folds=5 folds \(n_samples=6\)"):
        UnlearnableRidgeCV(random_state=0).fit(np.ones((6, 2)), np.ones(6))
    model = UnlearnableRidgeCV(random_state=0).fit(X, y)
    predicted = model.predict(X)
    with pytest.raises(UnlearningError, match="cross-validation needs 2"):
        model.unlearn(X[1:], y[1:])
    assert np.array_equal(model.predict(X), predicted)
    for alphas in ([], [-1.0], [[1.0]]):
        with pytest.raises(ValueError, match="one or more numbers >= 0"):
            UnlearnableRidgeCV(alphas).fit(X, y)


def test_a_forgotten_label_leaves_no_width():
    X = np.arange(8.0)[:, None]
    short, long = np.array(["a", "b"] * 4), np.array(["a label of length"] * 8)
    model = RidgeClassifier().fit(X, short).partial_fit(X + 9, long).unlearn(X + 9, long)
    assert model.classes_.dtype == RidgeClassifier().fit(X, short).classes_.dtype == "<U1"


def test_the_number_of_folds_stays_as_fitted():
    X, y = draw()
    model = UnlearnableRidgeCV(random_state=0).fit(X, y)
    refit = UnlearnableRidgeCV(random_state=0, resolution=model.resolution_).fit(X[9:], y[9:])
    model.set_params(n_folds=3).unlearn(X[:9], y[:9])
    assert model.state_digest() == refit.state_digest()
    assert np.array_equal(model.mse_path_, refit.mse_path_)


def test_sensitive_features_are_refused_where_they_mean_nothing():
    X, y = draw()
    with pytest.raises(UnlearningError, match="takes no sensitive_features"):
        Ridge().fit(X, y).unlearn(X[:2], y[:2], sensitive_features=[0, 1])
