"""Discriminant analysis that forgets, against scikit-learn's refit and the exact solution."""

import functools
import pickle
from fractions import Fraction

import numpy as np
import pytest
from sklearn import datasets, discriminant_analysis
from sklearn.base import clone
from sklearn.covariance import OAS
from sklearn.model_selection import GridSearchCV

from skunlearn._statistics._grouped import GroupedMoments
from skunlearn._statistics._learned import LearnedRows, Rows
from skunlearn.datasets import fetch_adult
from skunlearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from skunlearn.discriminant_analysis._linalg import Factor
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.naive_bayes import GaussianNB
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler

LDA, QDA = LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
PLAIN = {
    LDA: discriminant_analysis.LinearDiscriminantAnalysis,
    QDA: discriminant_analysis.QuadraticDiscriminantAnalysis,
}
CASES = [
    (LDA, {}),
    (LDA, {"store_covariance": True, "n_components": 1, "tol": 0.02}),
    (LDA, {"solver": "lsqr"}),
    (LDA, {"solver": "lsqr", "shrinkage": 0.3}),
    (LDA, {"solver": "eigen"}),
    (LDA, {"solver": "eigen", "shrinkage": 0.3, "n_components": 1}),
    (QDA, {}),
    (QDA, {"reg_param": 0.1, "store_covariance": True, "tol": 0.0}),
    (QDA, {"solver": "eigen", "store_covariance": True}),
    (QDA, {"solver": "eigen", "shrinkage": 0.3, "reg_param": 0.5}),
]


def names_of(case):
    kind, options = case
    return " ".join([kind.__name__[:1], *(f"{k}={v}" for k, v in options.items())])


every_case = pytest.mark.parametrize("case", CASES, ids=names_of)


@pytest.fixture
def rows():
    """Four features of three classes, classes of different size and shape."""
    rng = np.random.default_rng(0)
    y = rng.choice(3, 200, p=[0.5, 0.3, 0.2])
    X = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 2.0 * np.eye(3, 4)[y]
    return X * (1.0 + 0.3 * y[:, None]), y


@functools.cache
def real(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    gone = np.random.default_rng(0).permutation(len(y))[: len(y) // 10]
    return X, y, gone, np.setdiff1d(np.arange(len(y)), gone)


def learned(model):
    names = [name for name in vars(model) if name.endswith("_") and name != "resolution_"]
    private = [name for name in ("_max_components", "_n_features_out") if name in vars(model)]
    return {name: getattr(model, name) for name in names + private}


def as_list(values):
    return [np.asarray(part) for part in (values if isinstance(values, list) else [values])]


def assert_like(ours, theirs, rtol=1e-7, n_directions=None):
    """Every attribute of scikit-learn's, in shape, dtype and value, columns up to their sign."""
    for name, expected in learned(theirs).items():
        pairs = zip(as_list(getattr(ours, name)), as_list(expected), strict=True)
        for one, other in pairs:
            assert (one.shape, one.dtype) == (other.shape, other.dtype), name
            if name in ("rotations_", "scalings_") and other.ndim == 2:
                one, other = one[:, :n_directions], other[:, :n_directions]
                other = other * np.sign(np.sum(one * other, axis=0))
            if other.dtype.kind == "f":
                atol = rtol * np.abs(other).max(initial=0.0)
                np.testing.assert_allclose(one, other, rtol=0, atol=atol, err_msg=name)
            else:
                assert np.array_equal(one, other), name


def assert_equal_bits(one, other):
    for name, expected in learned(other).items():
        for a, b in zip(as_list(getattr(one, name)), as_list(expected), strict=True):
            same = np.array_equal(a, b, equal_nan=b.dtype.kind == "f")
            assert a.dtype == b.dtype and same, name
    assert one.state_digest() == other.state_digest()


def refit(model, X, y):
    return clone(model).set_params(resolution=model.resolution_).fit(X, y)


def apart(one, other):
    """Largest difference of the coefficients or covariances, relative to the largest of them."""
    name = "coef_" if hasattr(one, "coef_") else "scalings_"
    pairs = zip(as_list(getattr(one, name)), as_list(getattr(other, name)), strict=True)
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs)


# -- against scikit-learn --------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("priors", [None, [0.2, 0.3, 0.5]])
def test_unlearned_is_scikit_learn_refitted(rows, case, priors):
    X, y = rows
    kind, options = case
    model = kind(**options, priors=priors).fit(X, y)
    before = pickle.loads(pickle.dumps(model))
    model.unlearn(X[:40], y[:40])
    expected = PLAIN[kind](**options, priors=priors).fit(X[40:], y[40:])
    # beyond those between classes, scikit-learn's directions of "eigen" are arbitrary
    assert_like(model, expected, n_directions=2 if kind is LDA and priors is None else None)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-9)
    assert apart(before, expected) > 1e-3
    assert_equal_bits(model, refit(model, X[40:][::-1], y[40:][::-1]))


REAL = [
    ("wine", CASES[0]),
    ("wine", CASES[4]),
    ("wine", CASES[6]),
    ("iris", CASES[2]),
    ("iris", CASES[8]),
    ("breast_cancer", CASES[0]),
    ("breast_cancer", CASES[2]),
    ("breast_cancer", CASES[4]),
    ("breast_cancer", (QDA, {"tol": 0.0})),
    ("breast_cancer", (QDA, {"tol": 0.0, "solver": "eigen"})),
    ("digits", CASES[0]),  # with constant columns
    ("digits", CASES[2]),
    ("digits", (QDA, {"reg_param": 0.1})),
]


@pytest.mark.parametrize("name, case", REAL, ids=lambda v: v if isinstance(v, str) else names_of(v))
def test_real_classes(name, case):
    X, y, gone, rest = real(name)
    kind, options = case
    model = kind(**options).fit(X, y).unlearn(X[gone], y[gone])
    expected = PLAIN[kind](**options).fit(X[rest], y[rest])
    assert np.array_equal(model.predict(X), expected.predict(X))
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-7)
    shuffled = np.random.default_rng(1).permutation(rest)
    assert_equal_bits(model, refit(model, X[shuffled], y[shuffled]))
    if name != "digits":  # whose constant columns make many axes arbitrary
        n_directions = len(expected.classes_) - 1 if kind is LDA else None
        assert_like(model, expected, rtol=1e-6, n_directions=n_directions)


@pytest.mark.data
@pytest.mark.parametrize("case", [CASES[0], CASES[5], (QDA, {"tol": 0.0})], ids=names_of)
def test_adult(data_home, case):
    frame, y = fetch_adult(data_home=data_home, return_X_y=True)
    X = frame.select_dtypes("number").iloc[:8000]
    y = np.asarray(y)[:8000].astype(str)
    gone = X["age"] > 60
    kind, options = case
    model = kind(**options).fit(X, y).unlearn(X[gone], y[gone])
    expected = PLAIN[kind](**options).fit(X[~gone], y[~gone])
    assert np.array_equal(model.predict(X), expected.predict(X))
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-7)
    assert_equal_bits(model, refit(model, X[~gone], y[~gone]))


@every_case
@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32(rows, case, n_classes):
    X, y = rows
    X, y = X.astype(np.float32), np.minimum(y, n_classes - 1)
    kind, options = case
    model = kind(**options).fit(X, y).unlearn(X[:40], y[:40])
    expected = PLAIN[kind](**options).fit(X[40:], y[40:])
    assert_like(model, expected, rtol=1e-3, n_directions=n_classes - 1 if kind is LDA else None)


@every_case
def test_signs_are_canonical(rows, case):
    X, y = rows
    model = case[0](**case[1]).fit(X, y)
    if case[0] is LDA and model.solver == "lsqr":
        return
    for columns in model.rotations_ if case[0] is QDA else [model.scalings_]:
        largest = np.abs(columns).argmax(axis=0)
        assert (np.take_along_axis(columns, largest[None], axis=0) > 0).all()


# -- against the exact solution --------------------------------------------------------------


def exact_lda(X, y):
    """Coefficients for two classes, solved in rational numbers."""
    n, d = X.shape
    X = [[Fraction(value) for value in row] for row in X.tolist()]
    means, within = [], [[Fraction(0)] * d for _ in range(d)]
    for label in (0, 1):
        part = [row for row, code in zip(X, y, strict=True) if code == label]
        mean = [sum(column) / len(part) for column in zip(*part, strict=True)]
        for row in part:
            gap = [a - b for a, b in zip(row, mean, strict=True)]
            for i in range(d):
                for j in range(d):
                    within[i][j] += gap[i] * gap[j] / n
        means.append(mean)
    system = [[*row, b - a] for row, a, b in zip(within, *means, strict=True)]
    for i in range(d):
        system[i] = [value / system[i][i] for value in system[i]]
        for k in range(d):
            if k != i:
                system[k] = [
                    a - system[k][i] * b for a, b in zip(system[k], system[i], strict=True)
                ]
    return np.array([float(row[-1]) for row in system])


@pytest.mark.parametrize("solver", ["svd", "lsqr", "eigen"])
@pytest.mark.parametrize("change", ["none", "offset", "scales", "nearly collinear"])
def test_exact_solution(solver, change):
    rng = np.random.default_rng(3)
    y = np.arange(80) % 2
    X = np.rint(rng.normal(size=(80, 4)) * 2**12) / 2**12 + y[:, None]
    if change == "offset":
        X = X + 2.0**20
    if change == "scales":
        X = X * 2.0 ** np.array([-30, 30, 0, 10])
    if change == "nearly collinear":
        X[:, 3] = X[:, 0] + X[:, 1] + np.rint(X[:, 3] * 8) / 2**12
    model = LDA(solver=solver, resolution="exact").fit(X, y).unlearn(X[:20], y[:20])
    expected = exact_lda(X[20:], y[20:])
    rtol = {"none": 1e-13, "offset": 1e-8, "scales": 1e-13, "nearly collinear": 1e-9}[change]
    np.testing.assert_allclose(model.coef_[0], expected, rtol=rtol)
    if change == "scales" and solver == "lsqr":  # scikit-learn's takes the small column for noise
        plain = PLAIN[LDA](solver="lsqr").fit(X[20:], y[20:])
        assert np.abs(plain.coef_[0] / expected - 1).max() > 0.1


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[4], CASES[6], CASES[8]], ids=names_of)
def test_large_means_cost_no_digits(rows, case):
    X, y = rows
    X, y = np.rint(X * 2**12) / 2**12, y % 2
    near = case[0](**case[1], resolution=-40).fit(X, y)
    far = case[0](**case[1], resolution=-40).fit(X + 1e6, y).unlearn(X[:40] + 1e6, y[:40])
    near.unlearn(X[:40], y[:40])
    np.testing.assert_allclose(far.predict_proba(X + 1e6), near.predict_proba(X), atol=1e-7)
    assert apart(far, near) < 1e-9


def test_small_variances_keep_their_digits():
    rng = np.random.default_rng(4)
    y = np.arange(120) % 2
    X = np.rint(rng.normal(size=(120, 8)) * 2**12) * 2.0**-12
    scale = 2.0 ** np.array([1, -11, 8, -4, -8, 11, 4, -1])
    model = QDA(tol=0.0, resolution="exact").fit(X * scale, y)
    for k in (0, 1):
        covariance = np.cov(X[y == k].T, bias=True)
        log_det = np.linalg.slogdet(covariance)[1]  # that of the scaled columns too
        assert abs(np.log(model.scalings_[k]).sum() - log_det) < 1e-9
        naive = np.linalg.eigvalsh(covariance * scale[:, None] * scale)
        assert abs(np.log(naive).sum() - log_det) > 1e-8


# -- collinear columns -----------------------------------------------------------------------


def test_copies_of_a_column_share_its_coefficient(rows):
    X, y = rows
    twice = np.column_stack([X, X[:, 1]])
    for solver, options in (("svd", {}), ("lsqr", {})):
        once = LDA(solver=solver, **options).fit(X, y)
        model = LDA(solver=solver, **options).fit(twice, y)
        np.testing.assert_allclose(model.coef_[:, 1], once.coef_[:, 1] / 2, rtol=1e-9)
        np.testing.assert_allclose(model.coef_[:, 4], once.coef_[:, 1] / 2, rtol=1e-9)
        np.testing.assert_allclose(model.predict_proba(twice), once.predict_proba(X), atol=1e-11)
    with pytest.raises(np.linalg.LinAlgError, match="rank 4 of 5"):
        LDA(solver="eigen").fit(twice, y)
    LDA(solver="eigen", shrinkage=0.1).fit(twice, y)


@pytest.mark.parametrize("constant", [False, True])
def test_pseudo_inverse_of_a_singular_covariance(constant):
    rng = np.random.default_rng(5)
    basis = rng.integers(-3, 4, size=(6, 4)).astype(float)
    basis[4:] = basis[:2] + basis[2:4]
    basis[5] *= not constant
    covariance = basis @ basis.T
    factor = Factor.of(covariance)
    assert factor.rank == np.linalg.matrix_rank(basis) < 6
    np.testing.assert_allclose(factor.matrix @ factor.matrix.T, covariance, atol=1e-12)
    rhs = rng.normal(size=(6, 2))
    expected = np.linalg.pinv(covariance, rcond=1e-10) @ rhs
    np.testing.assert_allclose(factor.solve(rhs), expected, rtol=1e-8, atol=1e-12)
    values, vectors = factor.eigh()
    assert np.count_nonzero(values == 0) == 6 - factor.rank
    np.testing.assert_allclose(vectors * values @ vectors.T, covariance, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(6), atol=1e-13)


def test_nothing_varies():
    factor = Factor.of(np.zeros((3, 3)))
    assert factor.rank == 0
    assert np.array_equal(factor.solve(np.ones((3, 2))), np.zeros((3, 2)))
    assert np.array_equal(factor.eigh()[0], np.zeros(3))
    X, y = np.repeat([[1.0, 2.0], [3.0, 4.0]], 3, axis=0), np.repeat([0, 1], 3)
    with pytest.raises(ValueError, match="No feature varies within the classes"):
        LDA().fit(X, y)
    varied = X + np.eye(6, 2)
    model = LDA(solver="lsqr").fit(varied, y)
    assert model.covariance_[1, 1] > 0


def almost(width):
    """Three columns, of which the third differs from the first by a little that tells the class."""
    rng = np.random.default_rng(6)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 3))
    X[:, 2] = X[:, 0] + width * (X[:, 2] + 2 * y)
    return X, y


@pytest.mark.parametrize("width", [1e-2, 1e-4])
@pytest.mark.parametrize("above", [True, False])
def test_tol_is_of_singular_values(width, above):
    X, y = almost(width)
    within = np.concatenate([X[y == k] - X[y == k].mean(axis=0) for k in (0, 1)])
    least = np.linalg.svd(within / within.std(axis=0), compute_uv=False)[-1] / np.sqrt(400)
    tol = least * (1.01 if above else 0.99)
    model, expected = (kind(tol=tol).fit(X, y) for kind in (LDA, PLAIN[LDA]))
    assert apart(model, expected) < 1e-5
    accuracy = model.score(X, y)
    assert accuracy < 0.6 if above else accuracy > 0.8


def test_what_moments_cannot_resolve():
    """Where a column adds 1e-9 of its spread, the data tell what their moments do not."""
    X, y = almost(1e-9)
    assert PLAIN[LDA](tol=1e-12).fit(X, y).score(X, y) > 0.8
    blind = LDA(tol=1e-12, resolution="exact").fit(X, y)
    assert blind.score(X, y) < 0.6
    np.testing.assert_allclose(blind.coef_, LDA(tol=1e-4).fit(X, y).coef_, rtol=1e-5)
    PLAIN[QDA](tol=0.0).fit(X, y)
    with pytest.raises(np.linalg.LinAlgError, match="class 0 is not full rank"):
        QDA(tol=0.0, resolution="exact").fit(X, y)
    X, y = almost(1e-5)
    assert_like(QDA(tol=0.0, resolution="exact").fit(X, y), PLAIN[QDA](tol=0.0).fit(X, y), 1e-5)
    assert LDA(tol=1e-7).fit(X, y).score(X, y) == PLAIN[LDA](tol=1e-7).fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("tol", [0.01, 0.3])
def test_directions_are_told_by_their_share(size, tol):
    rng = np.random.default_rng(7)
    y = np.arange(300) % 3
    X = rng.normal(size=(300, 3))
    for k in range(3):
        X[y == k] -= X[y == k].mean(axis=0)
    X = X + size * np.array([[0.0, 0.0, 0.0], [1.0, 0.1, 0.0], [2.0, 0.0, 0.0]])[y]
    model, expected = (kind(tol=tol).fit(X, y) for kind in (LDA, PLAIN[LDA]))
    assert model.scalings_.shape == expected.scalings_.shape == (3, 2 if tol == 0.01 else 1)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8 * np.abs(model.coef_).max())


def test_equal_means(rows):
    X = np.repeat(rows[0], 2, axis=0)
    y = np.arange(len(X)) % 2
    model = LDA().fit(X, y)
    assert np.isnan(model.explained_variance_ratio_).all() and model.scalings_.shape == (4, 0)
    assert np.array_equal(model.coef_, np.zeros((1, 4)))


# -- what is refused --------------------------------------------------------------------------


def message_of(call, *args):
    with pytest.raises(ValueError) as caught:
        call(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    "kind, options, y, words",
    [
        (LDA, {}, [0, 1, 2], "number of samples must be more than the number of classes"),
        (LDA, {"n_components": 2}, [0, 0, 0, 1, 1], "n_components cannot be larger than"),
        (LDA, {"priors": [0.5, 0.6, -0.1]}, [0, 0, 1, 1, 2, 2], "priors must be non-negative"),
        (QDA, {}, [0] * 9, "number of classes has to be greater than one. Got 1 class"),
        (QDA, {}, [0] * 9 + [1], "y has only 1 sample in class 1, covariance is ill defined"),
        (QDA, {}, [0] * 9 + [1] * 3, "class 1 has 3 samples and 4 features"),
        (QDA, {}, [0] * 9 + [1] * 4, "class 1 has 4 samples and 4 features"),
        (QDA, {"reg_param": 0.5}, [0] * 9 + [1] * 3, "class 1 has 3 samples and 4 features"),
        (QDA, {"solver": "eigen"}, [0] * 9 + [1] * 4, "Increase the value of `shrinkage`"),
        (QDA, {"tol": 10.0}, [0] * 9 + [1] * 9, "Increase the value of `reg_param`"),
    ],
)
def test_unlearn_is_refused_where_a_fit_would_be(rows, kind, options, y, words):
    y = np.array(y)
    rng = np.random.default_rng(0)
    more = np.repeat([0, 1, 2], 9)
    X = rng.normal(size=(len(y) + len(more), 4)) + 2.0 * np.append(y, more)[:, None]
    X[len(y) :] *= 100.0 if "tol" in options else 1.0
    model = kind(**options)
    if "priors" in options:
        assert words in message_of(model.fit, X, np.append(y, more))
        return
    model.fit(X, np.append(y, more))
    says = model.predict_proba(X), model.state_digest()
    theirs = message_of(PLAIN[kind](**options).fit, X[: len(y)], y)
    assert words in theirs
    assert words in message_of(kind(**options).fit, X[: len(y)], y)
    with pytest.raises(UnlearningError) as caught:
        model.unlearn(X[len(y) :], more)
    assert str(caught.value) == f"{theirs} (a fit on the rows that remain would fail)"
    assert np.array_equal(model.predict_proba(X), says[0]) and model.state_digest() == says[1]
    assert not model.can_unlearn(X[len(y) :], more)


@every_case
def test_one_class_is_refused(rows, case):
    X, y = rows
    kind, options = case
    model = kind(**options).fit(X, y)
    gone = y > 0
    with pytest.raises(UnlearningError, match=r"Got 1 class\."):
        model.unlearn(X[gone], y[gone])
    with pytest.raises(ValueError, match=r"Got 1 class\."):
        kind(**options).fit(X[~gone], y[~gone])
    assert model.n_samples_retained_ == 200


def test_few_rows_of_a_class_suffice_with_regularisation(rows):
    X, y = rows
    few = np.flatnonzero(y == 2)[:4]
    keep = np.sort(np.append(np.flatnonzero(y < 2), few))
    gone = np.setdiff1d(np.arange(200), keep)
    for options in ({"reg_param": 0.2}, {"solver": "eigen", "shrinkage": 0.2}):
        model = QDA(**options).fit(X, y).unlearn(X[gone], y[gone])
        expected = PLAIN[QDA](**options).fit(X[keep], y[keep])
        np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-9)


@pytest.mark.parametrize("kind", [LDA, QDA])
@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"shrinkage": "auto", "solver": "eigen"}, ValueError, "Got shrinkage='auto', expected No"),
        ({"covariance_estimator": OAS(), "solver": "eigen"}, ValueError, r"=OAS\(\), expected No"),
        ({"covariance_estimator": OAS()}, ValueError, "Got covariance_estimator"),
        ({"shrinkage": 0.5}, NotImplementedError, "shrinkage not supported with 'svd' solver"),
    ],
)
def test_refused_by_name(rows, kind, options, error, words):
    with pytest.raises(error, match=words):
        kind(**options).fit(*rows)
    assert not hasattr(kind(**options), "unlearn") and hasattr(kind(), "unlearn")
    with pytest.raises(error, match=words):
        make_pipeline(StandardScaler(), kind(**options)).fit(*rows)


@pytest.mark.parametrize("kind", [LDA, QDA])
def test_priors_and_classes_must_match(rows, kind):
    X, y = rows
    with pytest.raises(ValueError, match=r"Got priors of shape \(2,\), expected one for each of t"):
        kind(priors=[0.5, 0.5]).fit(X, y)
    model = kind(priors=[0.2, 0.3, 0.5]).fit(X, y)
    with pytest.raises(UnlearningError, match="each of the 2 classes that have rows"):
        model.unlearn(X[y == 1], y[y == 1])


def test_priors_are_renormalised_as_in_scikit_learn(rows):
    for kind in (LDA, PLAIN[LDA]):
        with pytest.warns(UserWarning, match="The priors do not sum to 1. Renormalizing"):
            model = kind(priors=[1.0, 1.0, 2.0]).fit(*rows)
        np.testing.assert_allclose(model.priors_, [0.25, 0.25, 0.5])
    assert LDA(priors=[0.5, 0.5, 0.0]).fit(*rows).intercept_[2] == -np.inf


def test_targets_that_are_no_classes_are_refused(rows):
    for kind in (LDA, QDA):
        with pytest.raises(ValueError, match="Unknown label type"):
            kind().fit(rows[0], rows[0][:, 0])
        assert not hasattr(kind(), "partial_fit")


# -- classes ----------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "bb", "ccc"], [1.0, 2.0, 3.0]])
def test_a_class_that_loses_its_last_row_is_gone(rows, case, labels):
    X, codes = rows
    y = np.array(labels)[codes]
    kind, options = case
    gone = codes == 1
    model = kind(**options).fit(X, y).unlearn(X[gone], y[gone])
    expected = PLAIN[kind](**options).fit(X[~gone], y[~gone])
    assert_like(model, expected, n_directions=1 if kind is LDA else None)
    assert np.array_equal(model.predict(X), expected.predict(X))


def test_the_class_is_part_of_the_row(rows):
    X, y = rows
    with pytest.raises(NotLearnedError, match="1 of the 2 rows"):
        LDA().fit(X, y).unlearn(X[:2], [y[0], (y[1] + 1) % 3])


# -- as a user --------------------------------------------------------------------------------


def test_transform_has_names_and_frames(rows):
    pd = pytest.importorskip("pandas")
    X, y = (
        pd.DataFrame(rows[0], columns=list("abcd")),
        pd.Series(rows[1]).map({0: "x", 1: "y", 2: "z"}),
    )
    model = LDA().set_output(transform="pandas")
    out = model.fit_transform(X, y)
    assert list(out.columns) == ["lineardiscriminantanalysis0", "lineardiscriminantanalysis1"]
    model.unlearn(X[:40], y[:40])
    expected = PLAIN[LDA]().fit(X[40:], y[40:]).transform(X)
    np.testing.assert_allclose(np.abs(model.transform(X)), np.abs(expected), rtol=1e-6, atol=1e-9)
    gone = y == "y"
    assert model.unlearn(X[40:][gone[40:]], y[40:][gone[40:]]).transform(X).shape == (200, 1)
    assert list(model.classes_) == ["x", "z"]
    lsqr = LDA(solver="lsqr").fit(X, y)
    assert not hasattr(lsqr, "transform") and not hasattr(lsqr, "fit_transform")


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[4], CASES[6]], ids=names_of)
def test_in_a_pipeline(case):
    X, y, gone, rest = real("wine")
    y = np.array(["one", "two", "three"])[y]
    kind, options = case
    model = make_pipeline(StandardScaler(), kind(**options)).fit(X, y)
    assert model.guarantee_.detail.startswith("The whole chain is derived from exact moments")
    model.unlearn(X[gone], y[gone])
    again = clone(model).set_params(resolution=model.resolution_).fit(X[rest], y[rest])
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
    Z = (X - X[rest].mean(axis=0)) / X[rest].std(axis=0)
    expected = PLAIN[kind](**options).fit(Z[rest], y[rest])
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(Z), atol=1e-8)


@pytest.mark.parametrize("solver", ["svd", "eigen"])
def test_before_another_step(solver):
    X, y, gone, rest = real("wine")
    model = make_pipeline(StandardScaler(), LDA(solver=solver), GaussianNB()).fit(X, y)
    assert model.guarantee_.detail.startswith("The whole chain is derived from exact moments")
    model.unlearn(X[gone], y[gone])
    again = clone(model).set_params(resolution=model.resolution_).fit(X[rest], y[rest])
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
    expected = clone(model.to_sklearn()).fit(X[rest], y[rest])
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"solver": "eigen"}, {"n_components": 1}])
def test_moments_go_through_the_projection(rows, options):
    X, y = rows
    model = LDA(**options).fit(X, y)
    moments = LearnedRows.of(Rows(X), kind="gram", resolution=-40).moments()
    assert isinstance(moments, GroupedMoments)
    pushed = model._push(vars(model), moments).pooled
    Z = model.transform(X)
    np.testing.assert_allclose(pushed.mean, Z.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(
        pushed.covariance, np.cov(Z.T, bias=True).reshape(pushed.covariance.shape), atol=1e-9
    )


def test_search_over_shrinkage(rows):
    X, y = rows
    search = GridSearchCV(LDA(solver="lsqr"), {"shrinkage": [0.1, 0.5]}, cv=3).fit(X, y)
    best = search.best_estimator_.unlearn(X[:9], y[:9])
    assert_equal_bits(best, refit(best, X[9:], y[9:]))


@pytest.mark.parametrize("case", [CASES[1], CASES[6]], ids=names_of)
def test_serving(rows, case):
    X, y = rows
    model = case[0](**case[1]).fit(X, y).unlearn(X[:40], y[:40])
    served = model.to_sklearn()
    assert type(served) is PLAIN[case[0]]
    assert np.array_equal(served.predict_proba(X), model.predict_proba(X))
    if case[0] is LDA:
        assert np.array_equal(served.transform(X), model.transform(X))
        assert served.transform(X).shape == (200, 1) and len(served.get_feature_names_out()) == 1


@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[6]], ids=names_of)
def test_forgotten_columns(rows, case):
    X, y = rows
    model = case[0](**case[1], resolution=-40).fit(X, y).unlearn_columns([2])
    expected = case[0](**case[1], resolution=-40).fit(np.delete(X, 2, axis=1), y)
    assert_equal_bits(model, expected)
