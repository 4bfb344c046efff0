"""The anchored quadratic model: exact subtraction, solving behind maps, bounds that hold."""

import numpy as np
import pytest
from scipy import sparse

from skunlearn._statistics._anchor import Anchor, ClassifiedRows
from skunlearn._statistics._anchored_model import _GAMMA_MANY, _GAMMA_ONE
from skunlearn.exceptions import UnlearningError


def make_rows(k, n=120, d=4, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * [1.0, 3.0, 0.2, 1.0] + [0.0, 1.0, 0.0, 5.0]
    codes = rng.integers(0, max(k, 2), n)
    parts = rng.integers(0, len(groups), n) if groups else None
    return ClassifiedRows(X, codes, rng.uniform(0.3, 2.0, n), tuple(groups or (None,)), parts)


def take(rows, where):
    where = np.atleast_1d(where)
    groups = None if rows.groups is None else rows.groups[where]
    return ClassifiedRows(rows.X[where], rows.codes[where], rows.weights[where], rows.keys, groups)


def reference(rows, k, seed=1):
    rng = np.random.default_rng(seed)
    return {key: rng.normal(size=(rows.X.shape[1] + 1, k)) * 0.3 for key in rows.keys}


def residuals(eta, codes):
    """Probabilities less indicators, in extended precision."""
    if eta.shape[1] == 1:
        return 1 / (1 + np.exp(-eta)) - codes[:, None]
    p = np.exp(eta - eta.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(codes)), codes] -= 1
    return p


def true_gradient(model, W, rows):
    """Norm of the gradient of the objective at W, from the rows, in extended precision."""
    total = model.penalty * W.astype(np.longdouble)
    if model.linear is not None:
        total = total + model.linear
    for key, where in rows.parts():
        x = np.column_stack([rows.X[where], np.ones(len(where))]).astype(np.longdouble)
        M = model.lift(key)
        z = x if M is None else x @ M.T.astype(np.longdouble)
        r = rows.weights[where, None] * residuals(z @ W.astype(np.longdouble), rows.codes[where])
        total = total + model.factor(key) * (z.T @ r)
    return float(np.sqrt(np.sum(total**2)))


def optimum(rows, k, C, **options):
    """Anchor at the minimiser, by Newton steps without maps."""
    theta = dict.fromkeys(rows.keys, np.zeros((rows.X.shape[1] + 1, k)))
    for _ in range(12):
        anchor = Anchor.of(theta, rows)
        theta = dict.fromkeys(rows.keys, anchor.model(C, **options).solve())
    return Anchor.of(theta, rows)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.arrays(), other.arrays(), strict=True))


# -- exact sums --------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("groups", [None, ("a", "b")])
def test_order_and_split_do_not_matter(k, groups):
    rows = make_rows(k, groups=groups)
    anchor = Anchor.of(reference(rows, k), rows)
    gone = np.random.default_rng(2).permutation(len(rows))[:50]
    at_once = anchor.minus(take(rows, np.sort(gone)))
    one_by_one = anchor
    for row in gone:
        one_by_one = one_by_one.minus(take(rows, row))
    in_parts = anchor
    for part in np.array_split(gone[::-1], 7):
        in_parts = in_parts.minus(take(rows, part))
    assert same(at_once, one_by_one) and same(at_once, in_parts)
    assert not same(at_once, anchor)
    back = at_once.plus(take(rows, gone))
    assert same(back, anchor)
    for key in rows.keys:  # bounds on rounding count every row that was ever in the sums
        assert back.mass(key) > anchor.mass(key) == at_once.mass(key)
    assert back.n_moved == 100


@pytest.mark.parametrize("k", [1, 3])
def test_storage_does_not_matter(k):
    rows = make_rows(k)
    rows.X[:, 1] = 0.0
    anchor = Anchor.of(reference(rows, k), rows)
    few = take(rows, np.arange(20))
    other = ClassifiedRows(sparse.csr_array(few.X), few.codes, few.weights)
    fortran = ClassifiedRows(np.asfortranarray(few.X), few.codes, few.weights)
    assert same(anchor.minus(few), anchor.minus(other))
    assert same(anchor.minus(few), anchor.minus(fortran))
    whole = ClassifiedRows(sparse.csr_array(rows.X), rows.codes, rows.weights)
    assert same(Anchor.of(reference(rows, k), whole), anchor)


@pytest.mark.parametrize("k", [1, 4])
def test_sums_are_those_of_the_retained_rows(k):
    rows = make_rows(k)
    theta = reference(rows, k)
    anchor = Anchor.of(theta, rows).minus(take(rows, np.arange(50)))
    kept = take(rows, np.arange(50, 120))
    x = np.column_stack([kept.X, np.ones(70)])
    eta = x @ theta[None]
    r = residuals(eta.astype(np.longdouble), kept.codes).astype(float)
    p = 1 / (1 + np.exp(-eta)) if k == 1 else np.exp(eta) / np.exp(eta).sum(1, keepdims=True)
    J = p[:, :, None] * np.eye(k) - (p[:, :, None] * p[:, None, :])
    w = kept.weights
    np.testing.assert_allclose(anchor.gradient(None), x.T @ (w[:, None] * r), atol=1e-11)
    expected = np.einsum("i,ij,il,ice->jcle", w, x, x, J)
    np.testing.assert_allclose(anchor.hessian(None), expected, atol=1e-10)
    np.testing.assert_allclose(anchor.gram(None), x.T @ (w[:, None] * x), rtol=1e-13, atol=1e-11)
    assert anchor.weight(None) == pytest.approx(w.sum(), rel=1e-14)


@pytest.mark.parametrize("k", [1, 3])
def test_errors_of_the_matrices_are_bounded(k):
    rows = make_rows(k, n=400)
    rows.X[...] = (rows.X + 30) * 1e3
    theta = {None: reference(rows, k)[None] * 1e-4}
    anchor = Anchor.of(theta, rows).minus(take(rows, np.arange(50)))
    kept = take(rows, np.arange(50, 400))
    x = np.column_stack([kept.X, np.ones(350)]).astype(np.longdouble)
    indicator = np.zeros((350, k), dtype=np.longdouble)
    indicator[np.arange(350), kept.codes if k > 1 else 0] = kept.codes if k == 1 else 1
    p = residuals(x @ theta[None], kept.codes) + indicator
    J = p[:, :, None] * np.eye(k) - (p[:, :, None] * p[:, None, :])
    expected = np.einsum("i,ij,il,ice->jcle", kept.weights, x, x, J)
    error = (anchor.hessian(None) - expected).astype(float).reshape(5 * k, 5 * k)
    assert 0 < np.linalg.norm(error, 2) <= anchor.model(1.0)._hessian_error(None)
    gram = (anchor.gram(None) - np.einsum("i,ij,il->jl", kept.weights, x, x)).astype(float)
    assert 0 < np.linalg.norm(gram, 2) <= anchor.model(1.0)._hessian_error(None)


def test_many_rows_with_rare_indicators_fit():
    n = 6000
    X = np.zeros((n, 40))
    X[np.arange(40), np.arange(40)] = 1.0  # each in one row only
    rows = ClassifiedRows(X, np.arange(n) % 2, np.ones(n))
    anchor = Anchor.of(reference(rows, 1), rows).minus(take(rows, np.arange(4000)))
    assert anchor.gram(None)[:-1].max() == 0 and anchor.weight(None) == 2000


def test_rows_that_do_not_fit_are_refused():
    rows = make_rows(1)
    anchor = Anchor.of(reference(rows, 1), rows)
    huge = ClassifiedRows(rows.X[:1] * 1e6, rows.codes[:1], rows.weights[:1])
    for change in (anchor.plus, anchor.minus):
        with pytest.raises(UnlearningError, match="Fit again on all the rows"):
            change(huge)
    with pytest.raises(UnlearningError, match="never learned"):
        anchor.minus(ClassifiedRows(rows.X[:40] * 3, rows.codes[:40], rows.weights[:40]))
    grouped = ClassifiedRows(rows.X[:1], rows.codes[:1], rows.weights[:1], ("other",))
    with pytest.raises(UnlearningError, match="No row of group 'other'"):
        anchor.minus(grouped)


# -- solving -----------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
def test_identity_is_the_newton_step(k):
    rows = make_rows(k)
    anchor = optimum(rows, k, 2.0).minus(take(rows, np.arange(9)))
    model = anchor.model(2.0)
    theta = anchor.parts[None].theta
    H = 2.0 * anchor.hessian(None).reshape(5 * k, 5 * k)
    H += np.kron(np.diag(model.penalty[:, 0]), np.eye(k))
    step = np.linalg.lstsq(H, (2.0 * anchor.gradient(None) + model.penalty * theta).ravel())[0]
    found = model.solve()
    np.testing.assert_allclose(found, theta - step.reshape(5, k), rtol=1e-9, atol=1e-11)
    assert np.abs(model.modelled_gradient(found)).max() < 1e-10


def moved_maps(keys, size, seed=5):
    """Maps of each group, `size` away from scaling the columns, with three outputs."""
    rng = np.random.default_rng(seed)
    base, turn = rng.normal(size=(2, 3, 4))
    return {
        key: (base + size * turn * (i + 1), np.array([0.1, -2.0, 0.4]) + size * (i + 1))
        for i, key in enumerate(keys)
    }


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_moving_maps_err_by_the_second_order(k, fit_intercept):
    rows = make_rows(k, groups=("a", "b"))

    def at(maps):
        """Anchor and minimiser behind maps, by Newton steps with a fresh anchor each."""
        theta = dict.fromkeys(rows.keys, np.zeros((5, k)))
        for _ in range(15):
            anchor = Anchor.of(theta, rows)
            model = anchor.model(0.1, maps=maps, fit_intercept=fit_intercept)
            W = model.solve()
            theta = {key: model.theta(key, W) for key in rows.keys}
        assert true_gradient(model, W, rows) < 1e-9
        return Anchor.of(theta, rows), W

    anchor, before = at(moved_maps(rows.keys, 0.0))
    errors = []
    for size in (0.02, 0.01):
        maps = moved_maps(rows.keys, size)
        model = anchor.model(0.1, maps=maps, fit_intercept=fit_intercept)
        found, best = model.solve(), at(maps)[1]
        assert true_gradient(model, found, rows) <= model.residual_bound(found)
        errors.append(np.linalg.norm(found - best))
        assert errors[-1] < np.linalg.norm(before - best) / 5
    assert 0 < errors[1] < 0.35 * errors[0]


def test_diagonal_maps_are_matrices():
    rows = make_rows(1)
    anchor = Anchor.of(reference(rows, 1), rows)
    scale, shift = np.array([2.0, 0.3, 5.0, 1.0]), np.array([0.0, 1.0, -1.0, 0.2])
    one = anchor.model(1.0, maps={None: (scale, shift)}).solve()
    two = anchor.model(1.0, maps={None: (np.diag(scale), shift)}).solve()
    assert np.array_equal(one, two)


def test_scales_are_weights():
    rows = make_rows(3, groups=("a", "b"))
    theta = reference(rows, 3)
    factors = {"a": 0.5, "b": 4.0}
    weights = rows.weights * np.array([0.5, 4.0])[rows.groups]
    other = ClassifiedRows(rows.X, rows.codes, weights, rows.keys, rows.groups)
    one = Anchor.of(theta, rows).model(1.0, scales=factors).solve()
    np.testing.assert_allclose(one, Anchor.of(theta, other).model(1.0).solve(), rtol=1e-9)


@pytest.mark.parametrize("C", [0.0, -1.0, np.inf, np.nan])
def test_C_is_checked(C):
    rows = make_rows(1)
    with pytest.raises(ValueError, match="expected a positive finite number"):
        Anchor.of(reference(rows, 1), rows).model(C)


# -- bounds ------------------------------------------------------------------------------------


def third_derivative(p, delta):
    """Third central moment of delta under p, rows at once."""
    mean = (p * delta).sum(axis=1, keepdims=True)
    return (p * (delta - mean) ** 3).sum(axis=1)


def test_constants_bound_the_third_derivative_and_are_attained():
    t = np.linspace(-10, 10, 200_001)
    s = 1 / (1 + np.exp(-t))
    second = np.abs(s * (1 - s) * (1 - 2 * s))
    assert 0.999999 * _GAMMA_ONE < second.max() <= _GAMMA_ONE * (1 + 1e-12)
    rng = np.random.default_rng(0)
    for k in (2, 3, 5):
        p = rng.dirichlet(np.full(k, 0.3), size=200_000)
        delta = rng.normal(size=p.shape) ** 3
        delta /= np.linalg.norm(delta, axis=1, keepdims=True)
        assert np.abs(third_derivative(p, delta)).max() <= _GAMMA_MANY
    share = (3 - np.sqrt(3)) / 6
    p, delta = np.array([[share, 1 - share, 0.0]]), np.array([[1.0, -1.0, 0.0]]) / np.sqrt(2)
    assert abs(third_derivative(p, delta)[0]) == pytest.approx(_GAMMA_MANY, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_remainder_of_a_row_is_bounded_both_ways(k):
    """For one row x = 0 the bound is a bound on |eps|: both branches, and neither is vacuous."""
    rng = np.random.default_rng(k)
    ratios = []
    for size in (1e-3, 0.1, 1.0, 4.0):
        for _ in range(100):
            eta = rng.normal(size=(1, k)) * rng.choice([0.5, 3.0])
            delta = rng.normal(size=(1, k)) * size
            rows = ClassifiedRows(np.zeros((1, 1)), np.array([0]), np.ones(1))
            theta = np.vstack([np.zeros(k), eta])
            model = Anchor.of({None: theta}, rows).model(1.0)
            eps = residuals((eta + delta).astype(np.longdouble), rows.codes) - residuals(
                eta.astype(np.longdouble), rows.codes
            )
            eps = eps - np.tensordot(model.anchor.hessian(None)[1, :, 1], delta[0], axes=1)
            bound = model._remainder(None, theta + np.vstack([np.zeros(k), delta]))
            ratios.append(float(np.linalg.norm(eps)) / bound)
    assert max(ratios) <= 1 + 1e-9
    assert max(ratios) > 0.5


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("declared", [None, 40.0])
def test_bound_holds_for_any_point_maps_and_rows(k, declared):
    rng = np.random.default_rng(3)
    rows = make_rows(k, groups=("a", "b"))
    anchor = Anchor.of(reference(rows, k), rows, max_row_norm=declared)
    tightest = np.inf
    for trial in range(60):
        gone = rng.permutation(120)[: rng.integers(0, 60)]
        kept = take(rows, np.setdiff1d(np.arange(120), gone))
        maps = moved_maps(rows.keys, rng.choice([0.0, 0.3]), seed=trial) if trial % 2 else None
        options = {"maps": maps, "fit_intercept": trial % 3 > 0, "scales": {"a": 2.0, "b": 0.5}}
        model = anchor.minus(take(rows, gone)).model(10.0 ** rng.integers(-3, 4), **options)
        W = model.solve() + rng.normal(size=model.shape) * rng.choice([0.0, 1e-6, 0.1])
        true, bound = true_gradient(model, W, kept), model.residual_bound(W)
        assert true <= bound
        tightest = min(tightest, bound / true)
    assert tightest < 10


@pytest.mark.parametrize("k", [1, 3])
def test_bound_allows_for_rounding(k):
    needed = 0
    for scale in (1e-6, 1.0, 1e3, 1e5):
        rows = make_rows(k)
        rows.X[...] = rows.X * scale + 3 * scale
        model = optimum(rows, k, 1e3).model(1e3)
        W = model.solve()
        true, bound = true_gradient(model, W, rows), model.residual_bound(W)
        assert true <= bound < 1e-8 * model.C * model.anchor.mass(None)
        needed += true > np.linalg.norm(model.modelled_gradient(W))
    assert needed, "without the allowance the bound would hold here too: the test tests nothing"


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize("k", [1, 3])
def test_distance_bound_holds(k, penalised):
    rows = make_rows(k, n=200)
    anchor = optimum(rows, k, 1.0, penalize_intercept=penalised)
    finite = 0
    for n_gone in (1, 5, 60):
        kept = take(rows, np.arange(n_gone, 200))
        model = anchor.minus(take(rows, np.arange(n_gone))).model(1.0, penalize_intercept=penalised)
        W = model.solve()
        best = optimum(kept, k, 1.0, penalize_intercept=penalised).parts[None].theta
        distance = np.linalg.norm((W - best)[: 5 if penalised else 4])
        assert distance <= model.distance_bound(W)
        finite += np.isfinite(model.distance_bound(W))
    assert finite >= 1


def test_bound_is_never_above_that_of_guo_et_al():
    rows = make_rows(1)
    anchor = optimum(rows, 1, 1.0)
    for n_gone in (1, 10, 40):
        gone = anchor.minus(take(rows, np.arange(n_gone)))
        model = gone.model(1.0)
        W = model.solve()
        v = W - anchor.parts[None].theta
        gram = gone.gram(None)
        spectral = np.sqrt(np.linalg.eigvalsh(gram)[-1])
        guo = 0.5 * _GAMMA_ONE * anchor.radius * spectral * np.linalg.norm(v)
        guo *= np.sqrt((v.T @ gram @ v).item())
        assert model.residual_bound(W) <= guo + model._rounding(W) + 1e-9
