"""LogisticRegression: the optimum, the anchored step, its bound, and certified removal."""

import copy
import dataclasses
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn import datasets, linear_model
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from skunlearn.base import Guarantee, Request
from skunlearn.exceptions import BudgetSpentError, NotLearnedError, UnlearningError
from skunlearn.linear_model import LogisticRegression, _newton
from skunlearn.linear_model._certified import gaussian_delta, gaussian_scale
from skunlearn.testing import check_unlearner

LOADERS = {
    "breast_cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "iris": datasets.load_iris,
}


def load(name):
    X, y = LOADERS[name](return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="module", params=LOADERS)
def data(request):
    return load(request.param)


@pytest.fixture
def cancer():
    return load("breast_cancer")


def unit_rows(n=1500, seed=0, classes=2):
    """Rows of norm 1 at most, and labels that depend on them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    logits = X @ rng.normal(size=(5, classes)) * 2
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return X, y


def gradient_norm(model, X, y, weights=None, linear=0.0, certified=False):
    """Norm of the gradient of scikit-learn's objective, from the rows, in extended precision."""
    theta = np.column_stack([model.coef_, model.intercept_]).T.astype(np.longdouble)
    x = np.column_stack([np.asarray(X), np.ones(len(y))]).astype(np.longdouble)
    codes = np.searchsorted(model.classes_, y)
    eta = x @ theta
    if theta.shape[1] == 1:
        r = 1 / (1 + np.exp(-eta)) - codes[:, None]
    else:
        r = np.exp(eta - eta.max(axis=1, keepdims=True))
        r /= r.sum(axis=1, keepdims=True)
        r[np.arange(len(y)), codes] -= 1
    r = r if weights is None else r * weights[:, None]
    penalty = np.ones((len(theta), 1))
    penalty[-1] = certified
    gradient = model.C * (x.T @ r) + penalty * theta + linear
    gradient = gradient if model.fit_intercept else gradient[:-1]
    return float(np.sqrt(np.sum(gradient**2)))


def exact(X, y, **params):
    """scikit-learn's solution at a tight tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        params = {"solver": "newton-cg", "tol": 1e-12, "max_iter": 2000, **params}
        weights = params.pop("sample_weight", None)
        return linear_model.LogisticRegression(**params).fit(X, y, weights)


# -- the fit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_fit_is_scikit_learns_optimum(data, C, fit_intercept):
    X, y = data
    model = LogisticRegression(C=C, fit_intercept=fit_intercept).fit(X, y)
    expected = exact(X, y, C=C, fit_intercept=fit_intercept)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, atol=1e-6)
    assert gradient_norm(model, X, y) < 1e-10 * len(y)
    assert gradient_norm(model, X, y) <= model.residual_bound_ < 1e-6
    assert model.intercept_.shape == expected.intercept_.shape
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))


@pytest.mark.parametrize("solver", ["newton-cg", "newton-cholesky", "sag", "saga"])
def test_the_solver_is_only_a_start(cancer, solver):
    X, y = cancer
    one = LogisticRegression(solver=solver, max_iter=3, random_state=0).fit(X, y)
    np.testing.assert_allclose(one.coef_, LogisticRegression().fit(X, y).coef_, atol=1e-9)


def test_a_start_far_away_converges():
    X, y = datasets.load_wine(return_X_y=True)  # columns of 1 to 1000, not scaled
    model = LogisticRegression(max_iter=1, C=100.0).fit(X, y)
    assert gradient_norm(model, X, y) <= model.residual_bound_ < 1.0
    assert gradient_norm(model, X, y) < 1e-5


def test_class_weight_sample_weight_and_text_labels(data):
    X, codes = data
    y = np.array(["one", "two", "three"])[codes]
    weights = np.random.default_rng(0).uniform(0.2, 3.0, len(y))
    for class_weight in ({"one": 3.0}, "balanced"):
        model = LogisticRegression(class_weight=class_weight).fit(X, y, weights)
        expected = exact(X, y, class_weight=class_weight, sample_weight=weights)
        np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-6)
        assert model.classes_.tolist() == expected.classes_.tolist()


def test_float32_and_sparse(cancer):
    X, y = cancer
    X = np.where(np.abs(X) < 0.5, 0.0, X).astype(np.float32)
    gone, kept = np.arange(9), np.arange(9, len(y))
    for storage in (np.asarray, sparse.csr_array, sparse.csc_matrix):
        model = LogisticRegression().fit(storage(X), y)
        expected = exact(X.astype(float), y)
        assert model.coef_.dtype == model.intercept_.dtype == np.float32
        np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-6)
        model.unlearn(storage(X[gone]), y[gone])
        assert gradient_norm(model, X[kept], y[kept]) <= model.residual_bound_
    assert model.predict(sparse.csr_array(X)).shape == y.shape


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"l1_ratio": 1.0, "solver": "saga"}, "cannot forget with an L1 penalty.*l1_ratio=0"),
        ({"l1_ratio": 0.5, "solver": "saga"}, "Got penalty='deprecated' and l1_ratio=0.5"),
        ({"penalty": "l1", "solver": "saga"}, "cannot forget with an L1 penalty"),
        ({"penalty": None}, "cannot forget without a penalty"),
        ({"C": np.inf}, "expected a finite C"),
        ({"solver": "liblinear"}, "expected another, such as 'lbfgs'"),
        ({"epsilon": 1.0}, "needs epsilon, delta and max_row_norm"),
        ({"delta": 0.1, "max_row_norm": 1.0}, "needs epsilon, delta and max_row_norm"),
        ({"epsilon": 1.0, "delta": 0.1}, "max_row_norm=None"),
        (
            {"epsilon": 1.0, "delta": 0.1, "max_row_norm": 99.0, "mechanism": "laplace"},
            "Got mechanism='laplace', expected one of",
        ),
        (
            {"epsilon": 1.0, "delta": 0.1, "max_row_norm": 99.0, "on_budget_spent": "refit"},
            "Got on_budget_spent='refit'",
        ),
    ],
)
def test_what_cannot_be_forgotten_is_refused_by_name(cancer, params, message):
    model = LogisticRegression(**params)
    assert not hasattr(model, "unlearn")
    with pytest.raises(ValueError, match=message):
        model.fit(*cancer)


def test_dual_and_long_rows_and_wide_tables_are_refused(cancer):
    X, y = cancer
    with pytest.raises(ValueError, match="dual"):
        LogisticRegression(dual=True).fit(X, y)
    with pytest.raises(ValueError, match=r"Row 3 has the Euclidean norm .*max_row_norm=4"):
        LogisticRegression(max_row_norm=4.0).fit(np.diag([1, 1, 1, 5, 1, 1.0]), [0, 1] * 3)
    with pytest.raises(ValueError, match="Reduce the columns"):
        LogisticRegression().fit(sparse.csr_array((4, 40_000)), [0, 1, 0, 1])


def test_a_row_scaled_to_the_declared_norm_in_float32_is_taken():
    X, y = unit_rows(200)
    LogisticRegression(max_row_norm=1.0).fit(X.astype(np.float32), y)


# -- the step ----------------------------------------------------------------------------------


def test_unlearn_is_close_to_the_refit(data):
    X, y = data
    gone = np.random.default_rng(0).permutation(len(y))[: len(y) // 30]
    kept = np.setdiff1d(np.arange(len(y)), gone)
    before = LogisticRegression(C=0.1).fit(X, y)
    model = copy.deepcopy(before).unlearn(X[gone], y[gone])
    refit = LogisticRegression(C=0.1).fit(X[kept], y[kept])
    left = np.linalg.norm(model.coef_ - refit.coef_)
    assert left < np.linalg.norm(before.coef_ - refit.coef_) / 10
    assert left <= model.distance_bound_
    assert model.n_samples_retained_ == len(kept)
    assert model.n_iter_.tolist() == [1]


@pytest.mark.parametrize("params", [{}, {"class_weight": "balanced"}, {"fit_intercept": False}])
def test_order_and_split_do_not_matter_bit_for_bit(data, params):
    X, y = data
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    gone = np.random.default_rng(2).permutation(len(y))[:30]
    models = [LogisticRegression(**params).fit(X, y, weights)]
    models += [copy.deepcopy(models[0]) for _ in range(3)]
    requests = [[gone], [[row] for row in gone[::-1]], np.array_split(gone, 4), [np.sort(gone)]]
    for model, parts in zip(models, requests, strict=True):
        for rows in parts:
            model.unlearn(X[rows], y[rows], sample_weight=weights[rows])
    for model in models[1:]:
        assert np.array_equal(model.coef_, models[0].coef_)
        assert np.array_equal(model.intercept_, models[0].intercept_)
        assert model.state_digest() == models[0].state_digest()
        assert model.residual_bound_ == models[0].residual_bound_


def test_balanced_weights_are_those_of_the_retained_rows(cancer):
    X, y = cancer
    gone = np.flatnonzero(y == 1)[:40]
    kept = np.setdiff1d(np.arange(len(y)), gone)
    model = LogisticRegression(class_weight="balanced", C=0.1).fit(X, y)
    before = model.coef_.copy()
    model.unlearn(X[gone], y[gone])
    refit = exact(X[kept], y[kept], class_weight="balanced", C=0.1)
    left = np.linalg.norm(model.coef_ - refit.coef_)
    assert left < np.linalg.norm(before - refit.coef_) / 10
    counts = np.bincount(y[kept])
    weights = (len(kept) / (2 * counts))[y[kept]]
    assert gradient_norm(model, X[kept], y[kept], weights) <= model.residual_bound_
    assert gradient_norm(model, X[kept], y[kept]) > model.residual_bound_  # of another objective


def test_replace_learns_rows_too(data):
    X, y = data
    new = X[:5] * 0.9, y[:5]
    model = LogisticRegression(C=0.1, max_row_norm=100.0).fit(X, y).replace((X[:5], y[:5]), new)
    X, y = np.vstack([X[5:], new[0]]), np.append(y[5:], new[1])
    assert gradient_norm(model, X, y) <= model.residual_bound_
    refit = LogisticRegression(C=0.1).fit(X, y)
    assert np.linalg.norm(model.coef_ - refit.coef_) < 1e-4
    model.unlearn(*new)
    with pytest.raises(UnlearningError, match="max_row_norm"):
        model.replace((X[:1], y[:1]), (X[:1] + 100, y[:1]))
    undeclared = LogisticRegression().fit(X, y)
    with pytest.raises(UnlearningError, match="outside the range"):
        column = np.argmin(np.abs(X).max(axis=0))
        far = 1.1 * X[:, column].max() * (np.arange(X.shape[1]) == column)
        undeclared.replace((X[:1], y[:1]), (far[None], y[:1]))


# -- the bound ---------------------------------------------------------------------------------

ORDERS = {
    "random": lambda model, X, y: np.random.default_rng(0).permutation(len(y)),
    "one class": lambda model, X, y: np.argsort(y, kind="stable"),
    "confident": lambda model, X, y: np.argsort(-_own_probability(model, X, y)),
    "mistaken": lambda model, X, y: np.argsort(_own_probability(model, X, y)),
    "leverage": lambda model, X, y: np.argsort(-np.linalg.norm(X, axis=1)),
    "confident of one class": lambda model, X, y: np.lexsort((-_own_probability(model, X, y), y)),
}


def _own_probability(model, X, y):
    return model.predict_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1.0, 30.0, 100.0])
def test_bound_holds_for_targeted_removals(data, order, size):
    X, y = data
    X = X.copy()
    X[::25] *= size  # rows of norm up to about 500
    model = LogisticRegression().fit(X, y)
    rows = ORDERS[order](model, X, y)[:40]
    at_once = copy.deepcopy(model)
    for i, row in enumerate(rows):
        model.unlearn(X[[row]], y[[row]])
        if i in (0, 1, 5, 15, 39):
            kept = np.setdiff1d(np.arange(len(y)), rows[: i + 1])
            assert gradient_norm(model, X[kept], y[kept]) <= model.residual_bound_
    at_once.unlearn(X[rows], y[rows])
    assert np.array_equal(at_once.coef_, model.coef_)


def test_bound_needs_the_norm_of_the_rows_and_is_not_vacuous():
    """With R = 1 the bound would fail, and it is within a factor of a few of the truth."""
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(300, 1))) * 100
    y = rng.integers(0, 2, 300)
    model = LogisticRegression(C=10.0).fit(X, y)
    gone = np.argsort(X[:, 0] * (y == 1))[-100:]
    kept = np.setdiff1d(np.arange(300), gone)
    model.unlearn(X[gone], y[gone])
    true = gradient_norm(model, X[kept], y[kept])
    assert true <= model.residual_bound_ < 5 * true
    assert true > model.residual_bound_ / model._learned.anchor.radius


def test_bound_counts_what_the_solver_left(data, monkeypatch):
    X, y = data
    monkeypatch.setattr(_newton, "MAX_STEPS", 1)
    with pytest.warns(ConvergenceWarning, match="the bounds hold, but are large"):
        model = LogisticRegression(max_iter=1, C=10.0).fit(X, y)
    assert 1e-4 < gradient_norm(model, X, y) <= model.residual_bound_
    for row in range(3):
        model.unlearn(X[[row]], y[[row]])
        assert gradient_norm(model, X[row + 1 :], y[row + 1 :]) <= model.residual_bound_


def test_bound_grows_with_the_square_and_a_refit_resets_it(cancer):
    X, y = cancer
    model = LogisticRegression(C=0.01).fit(X, y)
    bounds = []
    for stop in (10, 20, 40):
        bounds.append(copy.deepcopy(model).unlearn(X[:stop], y[:stop]).residual_bound_)
    assert 2 < bounds[1] / bounds[0] < 8 and 2 < bounds[2] / bounds[1] < 8
    assert LogisticRegression(C=0.01).fit(X[40:], y[40:]).residual_bound_ < 1e-8


# -- requests ----------------------------------------------------------------------------------


def test_losing_a_class_needs_the_rows_that_remain(data):
    X, y = data
    gone = y == 0
    model = LogisticRegression().fit(X, y)
    before = model.coef_.copy()
    with pytest.raises(UnlearningError, match=r"Class 0 would have no row left.*X_retain"):
        model.unlearn(X[gone], y[gone])
    assert np.array_equal(model.coef_, before)
    if len(model.classes_) == 2:
        with pytest.raises(UnlearningError, match=r"at least 2 classes.*rows that remain"):
            model.unlearn(X[gone], y[gone], X_retain=X[~gone], y_retain=y[~gone])
        return
    model.unlearn(X[gone], y[gone], X_retain=X[~gone], y_retain=y[~gone])
    assert model.classes_.tolist() == [1, 2] and model.n_samples_retained_ == np.sum(~gone)
    assert np.array_equal(model.coef_, LogisticRegression().fit(X[~gone], y[~gone]).coef_)
    with pytest.raises(NotLearnedError):
        model.unlearn(X[gone][:1], y[gone][:1])


def test_given_rows_are_checked(data):
    X, y = data
    gone, kept = np.flatnonzero(y == 0), np.flatnonzero(y != 0)
    model = LogisticRegression().fit(X, y)
    for rows in (kept[1:], np.append(kept, kept[0]), np.append(kept[1:], 0)):
        with pytest.raises(UnlearningError, match="Pass exactly the learned rows less"):
            model.unlearn(X[gone], y[gone], X_retain=X[rows], y_retain=y[rows])
    assert model.n_samples_retained_ == len(y)


def test_given_rows_are_used_only_where_needed(cancer):
    X, y = cancer
    one, two = (LogisticRegression().fit(X, y) for _ in range(2))
    one.unlearn(X[:5], y[:5], X_retain=X[5:], y_retain=y[5:])
    assert np.array_equal(one.coef_, two.unlearn(X[:5], y[:5]).coef_)


@pytest.mark.parametrize("track_rows", [True, False])
def test_unknown_labels_are_refused(cancer, track_rows):
    X, y = cancer
    model = LogisticRegression(track_rows=track_rows).fit(X, y)
    message = "never learned" if track_rows else r"Got label 7, expected one of \[0, 1\]"
    with pytest.raises(UnlearningError, match=message):
        model.unlearn(X[:1], [7])
    with pytest.raises(UnlearningError, match="Got label 7"):
        model.replace((X[:1], y[:1]), (X[:1], [7]))


def test_parameters_of_the_fit_stay(cancer):
    X, y = cancer
    model, other = (LogisticRegression(C=0.1).fit(X, y) for _ in range(2))
    other.set_params(C=50.0, fit_intercept=False)
    model.unlearn(X[:5], y[:5])
    assert np.array_equal(other.unlearn(X[:5], y[:5]).coef_, model.coef_)


def test_guarantee_says_what_is_kept(cancer):
    X, y = cancer
    promise = LogisticRegression().fit(X, y).guarantee_
    assert isinstance(promise, Guarantee) and promise.kind == "approximate"
    assert "reference" in promise.residues[0] and "norm" in promise.residues[1]
    declared = LogisticRegression(max_row_norm=99.0).fit(X, y)
    assert len(declared.guarantee_.residues) == 1
    bound = declared.unlearn(X[:9], y[:9]).residual_bound_
    assert f"{bound:.3g}" in declared.guarantee_.detail
    assert not hasattr(declared, "budget_left_")
    assert not hasattr(LogisticRegression(), "guarantee_")


def test_in_a_grid_search_with_frames_and_pickles(cancer):
    pandas = pytest.importorskip("pandas")
    X, y = cancer
    X = pandas.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=3).fit(X, y)
    model = pickle.loads(pickle.dumps(search.best_estimator_)).unlearn(X[:7], y[:7])
    plain = model.to_sklearn()
    assert type(plain) is linear_model.LogisticRegression
    bound = model.residual_bound_
    assert model.sparsify().residual_bound_ == bound
    model.densify()
    assert np.array_equal(plain.predict_proba(X), model.predict_proba(X))
    assert not {"_learned", "_info", "residual_bound_"} & set(vars(plain))


# -- certified removal -------------------------------------------------------------------------

CERTIFIED = {"epsilon": 1.0, "delta": 1e-3, "max_row_norm": 1.0, "random_state": 0}


@pytest.mark.parametrize("epsilon", [0.01, 1.0, 10.0, 300.0])
@pytest.mark.parametrize("delta", [1e-10, 1e-4, 0.4])
def test_analytic_gaussian_mechanism(epsilon, delta):
    sigma = gaussian_scale(epsilon, delta)
    assert gaussian_delta(epsilon, sigma) <= delta
    assert gaussian_delta(epsilon, sigma * 0.999) > delta
    assert gaussian_scale(epsilon, delta, 7.0) == pytest.approx(7 * sigma)
    # delta is the mass by which the law of N(0, 1) exceeds exp(epsilon) times that of N(1/sigma, 1)
    x = np.linspace(-60, 60, 1_200_001)
    log_one, log_two = stats.norm.logpdf(x), stats.norm.logpdf(x, loc=1 / sigma)
    excess = np.where(log_one > log_two + epsilon, np.exp(log_one), 0.0)
    excess -= np.where(log_one > log_two + epsilon, np.exp(log_two + epsilon), 0.0)
    assert np.sum(excess) * (x[1] - x[0]) == pytest.approx(delta, rel=1e-2)


@pytest.mark.parametrize("classes", [2, 3])
def test_noise_covers_the_shift(classes):
    """Releases are Gaussian about a point that is within the budget of the optimum."""
    X, y = unit_rows(classes=classes)
    model = LogisticRegression(**CERTIFIED, removal_budget=0.5).fit(X, y).unlearn(X[:20], y[:20])
    kept = slice(20, None)
    refit = LogisticRegression(epsilon=1.0, delta=1e-3, max_row_norm=1.0).fit(X[kept], y[kept])
    clean = [m._solution(m._learned, m._info)[1] for m in (model, refit)]
    shift = np.linalg.norm(clean[0] - clean[1])
    spent = 0.99 * 0.5 - model.budget_left_
    assert 0 < shift <= spent + 0.01 * 0.5 and spent == pytest.approx(model.residual_bound_)
    sigma = gaussian_scale(1.0, 1e-3, 0.5)
    noise = []
    for seed in range(200):
        other = copy.copy(model)
        certificate = other._info["certificate"]
        other._info = {**other._info, "certificate": _with_seed(certificate, seed)}
        other.unlearn(X[[20 + seed % 9]], y[[20 + seed % 9]])
        W = other._solution(other._learned, other._info)[1]
        noise.append(np.column_stack([other.coef_, other.intercept_]).T - W)
    noise = np.array(noise)
    assert abs(noise.std() / sigma - 1) < 0.1 and abs(noise.mean()) < sigma / 10
    assert stats.kstest(noise.ravel() / sigma, "norm").pvalue > 1e-3


def _with_seed(certificate, seed):
    return dataclasses.replace(certificate, seed=seed)


def test_scale_of_the_noise_knows_no_data():
    scales = set()
    for seed in range(3):
        X, y = unit_rows(300 + 100 * seed, seed=seed)
        scales.add(LogisticRegression(**CERTIFIED).fit(X, y)._info["certificate"].scale)
    assert scales == {gaussian_scale(1.0, 1e-3, 0.1)}


def test_noise_is_fresh_at_each_release():
    X, y = unit_rows()
    secret = {**CERTIFIED, "random_state": None}
    one, two = (LogisticRegression(**secret).fit(X, y) for _ in range(2))
    assert not np.array_equal(one.coef_, two.coef_)
    seeded = [LogisticRegression(**CERTIFIED).fit(X, y) for _ in range(2)]
    assert np.array_equal(seeded[0].coef_, seeded[1].coef_)
    noises = []
    for step in range(4):
        W = seeded[0]._solution(seeded[0]._learned, seeded[0]._info)[1]
        noises.append(seeded[0].coef_[0] - W[:-1, 0])
        seeded[0].unlearn(X[[step]], y[[step]])
    assert len(np.unique(np.array(noises), axis=0)) == 4
    kept = slice(4, None)
    copies = copy.deepcopy(seeded[0])
    refit = copies._refitted(
        copies._check_rows(Request(X[:0], y[:0]), reset=False)[0], Request(X[kept], y[kept])
    )
    noise = refit["coef_"][0] - seeded[0]._solution(refit["_learned"], refit["_info"])[1][:-1, 0]
    assert min(np.abs(noise - old).max() for old in noises) > 1e-3


def test_budget_is_kept():
    X, y = unit_rows()
    model = LogisticRegression(**CERTIFIED).fit(X, y)
    assert model.guarantee_.kind == "certified"
    assert (model.guarantee_.epsilon, model.guarantee_.delta) == (1.0, 1e-3)
    left, start = [model.budget_left_], 0
    with pytest.raises(BudgetSpentError, match="Pass X_retain and y_retain"):
        while start < 1400:
            before = model.coef_.copy()
            model.unlearn(X[start : start + 20], y[start : start + 20])
            start += 20
            left.append(model.budget_left_)
    assert start >= 40 and np.all(np.diff(left) < 0) and left[-1] >= 0
    assert np.array_equal(model.coef_, before) and model.n_samples_retained_ == len(y) - start
    preview = model.can_unlearn(X[start : start + 20], y[start : start + 20])
    assert not preview and "removal_budget=0.1" in preview.reason
    assert np.array_equal(model.coef_, before)
    stop = start + 20
    model.unlearn(X[start:stop], y[start:stop], X_retain=X[stop:], y_retain=y[stop:])
    assert model.budget_left_ == pytest.approx(0.099, rel=1e-3)
    assert model.guarantee_.kind == "certified" and model.n_samples_retained_ == len(y) - stop


@pytest.mark.parametrize("mechanism", ["output", "objective"])
def test_a_spent_budget_can_be_passed_without_a_certificate(mechanism):
    X, y = unit_rows()
    params = {**CERTIFIED, "mechanism": mechanism, "on_budget_spent": "approximate"}
    model = LogisticRegression(**params).fit(X, y).unlearn(X[:800], y[:800])
    assert model.guarantee_.kind == "approximate" and model.budget_left_ == 0
    assert "not certified" in model.guarantee_.detail
    model.unlearn(X[800:810], y[800:810], X_retain=X[810:], y_retain=y[810:])
    assert model.guarantee_.kind == "certified" and model.budget_left_ > 0


def test_a_budget_below_the_accuracy_of_the_fit_is_refused():
    X, y = unit_rows()
    with pytest.raises(ValueError, match="Declare a removal_budget of"):
        model = LogisticRegression(**CERTIFIED, removal_budget=1e-9)
        model.fit(X, y)
    assert not hasattr(model, "coef_")


def test_intercept_is_penalised_where_the_objective_must_be_strongly_convex():
    X, y = unit_rows()
    y = (np.arange(len(y)) % 10 > 0).astype(int)
    model = LogisticRegression(**CERTIFIED, C=0.01).fit(X, y)
    W = model._solution(model._learned, model._info)[1]
    free = LogisticRegression(C=0.01).fit(X, y)
    assert 0 < W[-1, 0] < free.intercept_[0] - 0.1


@pytest.mark.parametrize("classes", [2, 3])
def test_objective_perturbation_solves_the_perturbed_objective(classes):
    X, y = unit_rows(classes=classes)
    model = LogisticRegression(**CERTIFIED, mechanism="objective", removal_budget=0.3).fit(X, y)
    b = model._info["certificate"].linear
    assert b.shape == (6, 1 if classes == 2 else 3) and np.abs(b).max() > 0.1
    assert gradient_norm(model, X, y, linear=b, certified=True) <= model.residual_bound_ < 1e-6
    assert gradient_norm(model, X, y, certified=True) > 0.1
    model.unlearn(X[:15], y[:15])
    assert model._info["certificate"].linear is b
    kept = slice(15, None)
    true = gradient_norm(model, X[kept], y[kept], linear=b, certified=True)
    assert true <= model.residual_bound_ <= 0.3
    assert any("independent of the noise" in text for text in model.guarantee_.conditional_on)


def test_what_serves_knows_no_seed_and_no_iterations():
    X, y = unit_rows()
    model = LogisticRegression(**CERTIFIED).fit(X, y)
    assert model.n_iter_.tolist() == [1]
    plain = model.to_sklearn()
    assert plain.random_state is None and np.array_equal(plain.coef_, model.coef_)
    assert any("secret" in text for text in model.guarantee_.conditional_on)


def test_certified_models_keep_the_contract():
    params = {**CERTIFIED, "max_row_norm": 1e4, "epsilon": 50.0, "on_budget_spent": "approximate"}
    for mechanism in ("output", "objective"):
        check_unlearner(LogisticRegression(**params, mechanism=mechanism))


def test_clone_keeps_the_parameters():
    params = clone(LogisticRegression(**CERTIFIED, removal_budget=2.0)).get_params()
    assert params["epsilon"] == 1.0 and params["removal_budget"] == 2.0


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_all_rows_of_a_rare_column_can_be_forgotten(name):
    """What is left of the column's sums is the rounding of the fit, of either sign: no refusal."""
    X, y = load(name)
    for seed in range(8):
        rare = np.random.default_rng(seed).choice(len(y), 5, replace=False)
        column = np.zeros(len(y))
        column[rare] = X[rare, 0]
        wide = np.column_stack([X[:, :2], column])
        model = LogisticRegression(track_rows=False).fit(wide, y).unlearn(wide[rare], y[rare])
        kept = np.delete(np.arange(len(y)), rare)
        assert gradient_norm(model, wide[kept], y[kept]) <= model.residual_bound_
        with pytest.raises(UnlearningError, match="never learned"):
            model.unlearn(wide[rare], y[rare])


def test_a_balanced_class_can_be_lost_with_the_rows_that_remain():
    X, y = load("iris")
    for n in range(3, 15):  # the rounding of the sums of the class has either sign
        keep = np.r_[0:n, 50:100, 100:150]
        model = LogisticRegression(class_weight="balanced").fit(X[keep], y[keep])
        with pytest.raises(UnlearningError, match="Class 0 would have no row left"):
            model.unlearn(X[:n], y[:n])
        model.unlearn(X[:n], y[:n], X_retain=X[50:], y_retain=y[50:])
        np.testing.assert_array_equal(model.classes_, [1, 2])
