"""Theorems of Gaussian transport: push-forward, optimality, equivariance, singular groups."""

import warnings

import numpy as np
import pytest
from scipy.linalg import expm, sqrtm

from skunlearn._transport import (
    barycenter_maps,
    gaussian_barycenter,
    gaussian_maps,
    range_basis,
    shrink_singular,
)

WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])


def random_covariances(rng, d, k=4, rows=None):
    mixing = rng.normal(size=(k, d, d)) / np.sqrt(d)
    sample = rng.normal(size=(k, rows or 8 * d, d)) @ mixing
    return np.stack([np.atleast_2d(np.cov(s.T)) for s in sample])


def spectrum_covariances(rng, d, smallest, rotation, k=4):
    """Spectra 1...smallest; eigenbases `rotation` away from a common one."""
    base = np.linalg.qr(rng.normal(size=(d, d)))[0]
    out = []
    for _ in range(k):
        skew = rng.normal(size=(d, d)) * rotation / np.sqrt(d)
        basis = base @ expm(skew - skew.T)
        out.append(basis * np.geomspace(1, smallest, d) @ basis.T)
    return np.stack([(c + c.T) / 2 for c in out])


def fixed_point_residual(S, covariances, weights):
    """The map as printed in Álvarez-Esteban et al., by matrix square roots."""
    values, vectors = np.linalg.eigh(S)
    root, inverse = (vectors * values**p @ vectors.T for p in (0.5, -0.5))
    total = sum(
        w * np.real(sqrtm(root @ c @ root)) for w, c in zip(weights, covariances, strict=True)
    )
    return np.linalg.norm(S - inverse @ total @ total @ inverse) / np.linalg.norm(S)


def objective(S, covariances, weights):
    """Weighted sum of squared Bures distances."""
    root = np.real(sqrtm(S))
    cross = [np.sqrt(np.maximum(np.linalg.eigvalsh(root @ c @ root), 0)).sum() for c in covariances]
    return sum(
        w * (np.trace(S) + np.trace(c) - 2 * x)
        for w, c, x in zip(weights, covariances, cross, strict=True)
    )


def assert_pushed_forward(maps, covariances, target, rtol=1e-10):
    """A C A' = S with every column in its own unit."""
    scale = np.sqrt(np.diag(target))
    scale = np.where(scale > 0, scale, 1.0)
    units = np.outer(scale, scale)
    error = (maps @ covariances @ np.swapaxes(maps, 1, 2) - target) / units
    assert np.abs(error).max() < rtol


def pseudo_inverse_map(covariance, target):
    """Return the formula for regular groups with pseudo-inverses put in: the mistake."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-10
    root = vectors[:, kept] * np.sqrt(values[kept]) @ vectors[:, kept].T
    inverse = vectors[:, kept] / np.sqrt(values[kept]) @ vectors[:, kept].T
    values, vectors = np.linalg.eigh(root @ target @ root)
    return inverse @ (vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T) @ inverse


def log_density_auc(a, b):
    """AUC of the likelihood ratio of two Gaussians fitted to halves: a quadratic probe."""
    score = []
    for rows in (a, b):
        fitted = rows[::2]
        precision = np.linalg.inv(np.cov(fitted.T) + 1e-9 * np.eye(rows.shape[1]))
        held = np.concatenate([a[1::2], b[1::2]]) - fitted.mean(axis=0)
        quadratic = np.einsum("ij,jk,ik->i", held, precision, held)
        score.append(np.linalg.slogdet(precision)[1] - quadratic)
    difference = score[0] - score[1]
    first, second = difference[: len(a[1::2])], difference[len(a[1::2]) :]
    return (first[:, None] > second).mean() + 0.5 * (first[:, None] == second).mean()


@pytest.mark.parametrize("d", [1, 2, 7, 30])
def test_maps_push_forward_and_are_first_order_optimal(d):
    covariances = random_covariances(np.random.default_rng(d), d)
    result = gaussian_barycenter(covariances, WEIGHTS)
    maps = gaussian_maps(covariances, result.covariance)
    assert result.residual <= 1e-12
    assert_pushed_forward(maps, covariances, result.covariance)
    np.testing.assert_array_equal(maps, np.swapaxes(maps, 1, 2))
    assert np.linalg.eigvalsh(maps).min() > 0
    # The maps from the barycenter to the groups, the inverses, average to the identity.
    mean_inverse = np.tensordot(WEIGHTS, np.linalg.inv(maps), 1)
    np.testing.assert_allclose(mean_inverse, np.eye(d), atol=1e-9)


def test_residual_is_that_of_the_published_map_and_every_perturbation_is_worse():
    rng = np.random.default_rng(0)
    covariances = random_covariances(rng, 6)
    S = gaussian_barycenter(covariances, WEIGHTS).covariance
    assert fixed_point_residual(S, covariances, WEIGHTS) < 1e-11
    start = np.tensordot(WEIGHTS, covariances, 1)
    assert fixed_point_residual(start, covariances, WEIGHTS) > 1e-3
    best = objective(S, covariances, WEIGHTS)
    for _ in range(20):
        factor = np.eye(6) + 0.05 * rng.normal(size=(6, 6))
        assert objective(factor @ S @ factor.T, covariances, WEIGHTS) > best


def test_one_dimension_is_the_mean_of_the_standard_deviations():
    sd = np.array([0.5, 2.0, 3.0, 7.0])
    result = gaussian_barycenter(sd[:, None, None] ** 2, WEIGHTS)
    np.testing.assert_allclose(result.covariance, [[(WEIGHTS @ sd) ** 2]], rtol=1e-14)
    maps = gaussian_maps(sd[:, None, None] ** 2, result.covariance)
    np.testing.assert_allclose(maps.ravel(), WEIGHTS @ sd / sd, rtol=1e-14)


def test_commuting_covariances_average_their_roots():
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    roots = np.stack([basis * rng.uniform(0.1, 3, 5) @ basis.T for _ in range(4)])
    expected = np.linalg.matrix_power(np.tensordot(WEIGHTS, roots, 1), 2)
    S = gaussian_barycenter(roots @ roots, WEIGHTS).covariance
    np.testing.assert_allclose(S, expected, rtol=1e-11, atol=1e-12)


def test_equivariance_under_orthogonal_maps_scaling_and_order_of_groups():
    rng = np.random.default_rng(2)
    covariances = random_covariances(rng, 6)
    S = gaussian_barycenter(covariances, WEIGHTS).covariance
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    turned = gaussian_barycenter(basis @ covariances @ basis.T, WEIGHTS).covariance
    np.testing.assert_allclose(turned, basis @ S @ basis.T, atol=1e-11)
    scaled = gaussian_barycenter(covariances * 4e10, WEIGHTS).covariance
    np.testing.assert_allclose(scaled, S * 4e10, rtol=1e-9)
    order = [2, 0, 3, 1]
    moved = gaussian_barycenter(covariances[order], 7 * WEIGHTS[order]).covariance
    np.testing.assert_allclose(moved, S, atol=1e-11)


def test_same_inputs_give_the_same_bits():
    covariances = random_covariances(np.random.default_rng(3), 9)
    first, second = (gaussian_barycenter(covariances, WEIGHTS) for _ in range(2))
    assert first.covariance.tobytes() == second.covariance.tobytes()


def test_one_group_is_left_alone():
    covariance = random_covariances(np.random.default_rng(4), 5, k=1)
    plan = barycenter_maps(np.ones((1, 5)), covariance, [1.0], [40])
    np.testing.assert_allclose(plan.covariance, covariance[0], rtol=1e-12)
    np.testing.assert_allclose(plan.maps[0], np.eye(5), atol=1e-12)
    np.testing.assert_allclose(plan.costs, 0, atol=1e-12)


@pytest.mark.parametrize(("smallest", "rotation"), [(1e-6, 2.0), (1e-6, 0.05), (1e-6, 0.0)])
def test_ill_conditioned_spectra(smallest, rotation):
    covariances = spectrum_covariances(np.random.default_rng(5), 40, smallest, rotation)
    result = gaussian_barycenter(covariances, WEIGHTS)
    maps = gaussian_maps(covariances, result.covariance)
    assert result.residual <= 1e-10
    assert_pushed_forward(maps, covariances, result.covariance)
    assert fixed_point_residual(result.covariance, covariances, WEIGHTS) < 1e-8


def test_reported_residual_is_true_where_squaring_loses_digits():
    """Polar factors by eigh alone report 1e-13 here and are off by ten times that."""
    covariances = spectrum_covariances(np.random.default_rng(19), 100, 1e-6, 0.1)
    result = gaussian_barycenter(covariances, WEIGHTS)
    values, vectors = np.linalg.eigh(result.covariance)
    factor, image = vectors * np.sqrt(values), 0
    for weight, covariance in zip(WEIGHTS, covariances, strict=True):
        root = np.linalg.cholesky(covariance)
        left, _, right = np.linalg.svd(root.T @ factor)
        image = image + weight * root @ left @ right
    true = np.linalg.norm(result.covariance - image @ image.T) / np.linalg.norm(result.covariance)
    assert true < max(2 * result.residual, 1e-13)


def test_wild_units_keep_the_small_columns_accurate():
    rng = np.random.default_rng(6)
    scale = 10 ** rng.uniform(-6, 6, size=60)
    covariances = random_covariances(rng, 60) * np.outer(scale, scale)
    result = gaussian_barycenter(covariances, WEIGHTS)
    maps = gaussian_maps(covariances, result.covariance)
    assert_pushed_forward(maps, covariances, result.covariance)
    inverse = np.tensordot(WEIGHTS, np.linalg.inv(maps), 1)
    np.testing.assert_allclose(inverse, np.eye(60), atol=1e-8)


def test_singular_common_range():
    rng = np.random.default_rng(7)
    embedding = np.linalg.qr(rng.normal(size=(9, 4)))[0]
    inner = random_covariances(rng, 4)
    result = gaussian_barycenter(embedding @ inner @ embedding.T, WEIGHTS)
    expected = gaussian_barycenter(inner, WEIGHTS).covariance
    np.testing.assert_allclose(result.covariance, embedding @ expected @ embedding.T, atol=1e-10)
    maps = gaussian_maps(embedding @ inner @ embedding.T, result.covariance)
    np.testing.assert_allclose(
        embedding.T @ maps @ embedding, gaussian_maps(inner, expected), atol=1e-9
    )
    outside = np.eye(9) - embedding @ embedding.T
    np.testing.assert_allclose(maps @ outside, np.stack([outside] * 4), atol=1e-10)


def test_group_singular_inside_the_range_has_a_barycenter_but_no_map():
    covariances = np.stack([np.diag([4.0, 9.0]), np.diag([4.0, 0.0])])
    S = gaussian_barycenter(covariances, [0.5, 0.5]).covariance
    np.testing.assert_allclose(S, np.diag([4.0, 2.25]), atol=1e-12)
    with pytest.raises(ValueError, match=r"Groups \[1\] have singular.*shrink_singular"):
        gaussian_maps(covariances, S)


def test_zero_covariances():
    result = gaussian_barycenter(np.zeros((4, 3, 3)), WEIGHTS)
    np.testing.assert_array_equal(result.covariance, np.zeros((3, 3)))
    plan = barycenter_maps(np.arange(4.0)[:, None], np.zeros((4, 1, 1)), WEIGHTS, [1] * 4)
    np.testing.assert_array_equal(plan.maps, np.ones((4, 1, 1)))
    np.testing.assert_allclose(plan.costs, (np.arange(4) - plan.mean[0]) ** 2)


def test_range_does_not_depend_on_units():
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(50, 4))
    rows = np.column_stack([rows, rows[:, 0] - rows[:, 2], np.ones(50)])
    for scale in (np.ones(6), 10.0 ** np.array([-6, 6, 3, -3, 5, 0])):
        covariance = np.cov((rows * scale).T)
        covariance[5] = covariance[:, 5] = 0.0
        basis = range_basis(covariance)
        assert basis.shape == (6, 4)
        np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-12)
        null = np.array([1, 0, -1, 0, -1, 0]) / scale
        np.testing.assert_allclose(null / np.linalg.norm(null) @ basis, 0, atol=1e-12)
    assert range_basis(np.zeros((3, 3))).shape == (3, 0)
    assert range_basis([[1.0, 1 - 1e-7], [1 - 1e-7, 1.0]]).shape == (2, 2)
    assert range_basis([[1.0, 1 - 1e-7], [1 - 1e-7, 1.0]], rtol=1e-6).shape == (2, 1)


def test_one_hot_beside_a_large_column():
    rng = np.random.default_rng(9)
    rows, group = rng.normal(size=(600, 3)), np.arange(600) % 2
    level = np.eye(3)[rng.integers(0, 3, size=600)]
    X = np.column_stack([1e5 * rows[:, 0] + 5e4 * level[:, 1] * group, rows[:, 1:], level])
    means = np.stack([X[group == z].mean(axis=0) for z in (0, 1)])
    covariances = np.stack([np.cov(X[group == z].T) for z in (0, 1)])
    plan = barycenter_maps(means, covariances, [0.5, 0.5], [300, 300])
    assert plan.shrunk_groups.size == 0
    assert_pushed_forward(plan.maps, covariances, plan.covariance, rtol=1e-8)
    # The levels still sum to one.
    moved = plan.mean + (X[group == 1] - means[1]) @ plan.maps[1]
    np.testing.assert_allclose(moved[:, 3:].sum(axis=1), 1, atol=1e-9)


def test_column_constant_within_groups_becomes_constant():
    rng = np.random.default_rng(10)
    inner = random_covariances(rng, 3)
    covariances = np.zeros((4, 4, 4))
    covariances[:, :3, :3] = inner
    means = np.column_stack([rng.normal(size=(4, 3)), [0.0, 1.0, 5.0, -2.0]])
    plan = barycenter_maps(means, covariances, WEIGHTS, [24] * 4)
    for z in range(4):
        rows = rng.normal(size=(10, 3)) @ np.linalg.cholesky(inner[z]).T + means[z, :3]
        rows = np.column_stack([rows, np.full(10, means[z, 3])])
        moved = plan.mean + (rows - means[z]) @ plan.maps[z]
        np.testing.assert_allclose(moved[:, 3], WEIGHTS @ means[:, 3], rtol=0, atol=1e-14)


def test_costs_are_the_mean_squared_displacement():
    rng = np.random.default_rng(11)
    samples = [rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)) + z for z in range(4)]
    means = np.stack([s.mean(axis=0) for s in samples])
    covariances = np.stack([np.cov(s.T, bias=True) for s in samples])
    plan = barycenter_maps(means, covariances, WEIGHTS, [200] * 4)
    for z, rows in enumerate(samples):
        moved = plan.mean + (rows - means[z]) @ plan.maps[z]
        np.testing.assert_allclose(
            plan.costs[z], ((rows - moved) ** 2).sum(axis=1).mean(), rtol=1e-10
        )
    total = ((means - plan.mean) ** 2).sum(axis=1) @ WEIGHTS
    total += objective(plan.covariance, covariances, WEIGHTS)
    np.testing.assert_allclose(WEIGHTS @ plan.costs, total, rtol=1e-9)


def test_few_rows_shrinking_stops_the_leak_that_a_pseudo_inverse_makes():
    """A group learned from fewer rows than columns; rows not learned are judged."""
    rng = np.random.default_rng(12)
    d, n_small = 8, 7
    root = np.linalg.cholesky(random_covariances(rng, d, k=1)[0])
    fit = [rng.normal(size=(n, d)) @ root.T for n in (4000, n_small)]
    new = [rng.normal(size=(1500, d)) @ root.T for _ in range(2)]
    means = np.stack([f.mean(axis=0) for f in fit])
    covariances = np.stack([np.cov(f.T) for f in fit])
    weights = np.array([4000, n_small]) / (4000 + n_small)
    plan = barycenter_maps(means, covariances, weights, [4000, n_small])
    np.testing.assert_array_equal(plan.shrunk_groups, [1])
    moved = [plan.mean + (x - m) @ a for x, m, a in zip(new, means, plan.maps, strict=True)]

    S = gaussian_barycenter(covariances, weights).covariance
    flattened = plan.mean + (new[1] - means[1]) @ pseudo_inverse_map(covariances[1], S)
    assert log_density_auc(moved[0], flattened) > 0.99
    assert log_density_auc(moved[0], moved[1]) < 0.75


def test_missing_column_equal_shrunk_covariances_and_what_no_linear_map_can_hide():
    rng = np.random.default_rng(13)
    covariances = random_covariances(rng, 4)
    covariances[2, :, 1] = covariances[2, 1, :] = 0.0
    plan = barycenter_maps(np.zeros((4, 4)), covariances, WEIGHTS, [50] * 4)
    pooled = np.tensordot(WEIGHTS, covariances, 1)
    shrunk, which = shrink_singular(covariances, [50] * 4, pooled)
    np.testing.assert_array_equal(which, [2])
    np.testing.assert_array_equal(plan.shrunk_groups, [2])
    np.testing.assert_array_equal(shrunk[[0, 1, 3]], covariances[[0, 1, 3]])
    assert_pushed_forward(plan.maps, shrunk, plan.covariance)
    # A pseudo-inverse leaves the column constant in this group and nowhere else.
    S = gaussian_barycenter(covariances, WEIGHTS).covariance
    leak = pseudo_inverse_map(covariances[2], S)
    assert np.abs((leak @ shrunk[2] @ leak)[1]).max() < 1e-12 < 0.1 < S[1, 1]
    # The group itself stays on a hyperplane: documented, hence reported as shrunk.
    mapped = plan.maps[2] @ covariances[2] @ plan.maps[2]
    assert np.linalg.matrix_rank(mapped) == 3
    assert np.linalg.matrix_rank(plan.covariance) == 4


def test_oas_coefficient_agrees_with_scikit_learn():
    from sklearn.covariance import oas

    rng = np.random.default_rng(14)
    rows = rng.normal(size=(5, 6))
    covariance = np.cov(rows.T, bias=True)
    new, which = shrink_singular([covariance], [5], np.eye(6))
    np.testing.assert_array_equal(which, [0])
    rho = oas(rows)[1]
    np.testing.assert_allclose(new[0], (1 - rho) * covariance + rho * np.eye(6), atol=1e-12)


def test_oas_does_not_depend_on_units_and_a_single_row_gets_the_pooled_law():
    rng = np.random.default_rng(15)
    few = random_covariances(rng, 5, k=1, rows=4)[0]
    pooled = random_covariances(rng, 5, k=1)[0]
    units = np.outer(*[10.0 ** np.arange(-4, 6, 2)] * 2)
    plain = shrink_singular([few, 0 * few], [4, 1], pooled)[0]
    scaled = shrink_singular([few * units, 0 * few], [4, 1], pooled * units)[0]
    np.testing.assert_allclose(scaled / units, plain, rtol=1e-8)
    np.testing.assert_array_equal(plain[1], pooled)


def test_running_out_of_iterations_warns_and_reports_the_true_residual():
    covariances = random_covariances(np.random.default_rng(16), 6)
    with pytest.warns(RuntimeWarning, match=r"residual of .* in 2 iterations, not tol=1e-12"):
        result = gaussian_barycenter(covariances, WEIGHTS, max_iter=2)
    np.testing.assert_allclose(
        result.residual, fixed_point_residual(result.covariance, covariances, WEIGHTS), rtol=1e-6
    )
    with pytest.warns(RuntimeWarning, match="Raise tol or max_iter"):
        stalled = gaussian_barycenter(covariances, WEIGHTS, tol=0.0)
    assert stalled.n_iter < 500
    assert stalled.residual < 1e-13


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda C: gaussian_barycenter(C, [0.5, 0.5]), "expected 4 positive finite numbers"),
        (lambda C: gaussian_barycenter(C, [0.5, 0.5, 0.0, 0.1]), "leave out groups of weight 0"),
        (lambda C: gaussian_barycenter(C[0], [1.0]), "expected square matrices"),
        (lambda C: gaussian_barycenter(C * np.nan, WEIGHTS), "NaN or infinite"),
        (lambda C: gaussian_barycenter(-C, WEIGHTS), "Got a variance of -"),
        (lambda C: gaussian_barycenter(C, WEIGHTS, max_iter=0), "Got max_iter=0"),
        (lambda C: shrink_singular(C, [9] * 4, C[0], shrinkage=1.5), "Got shrinkage=1.5"),
        (lambda C: shrink_singular(C, [9] * 4, C[0], shrinkage="lw"), "Got shrinkage='lw'"),
        (lambda C: shrink_singular(C, [9], C[0]), "Got n_samples of shape"),
        (lambda C: barycenter_maps(np.zeros((4, 2)), C, WEIGHTS, [9] * 4), "Got means of shape"),
    ],
)
def test_errors_name_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_covariances(np.random.default_rng(17), 3))


def test_results_are_frozen():
    result = gaussian_barycenter(np.ones((1, 1, 1)), [1.0])
    with pytest.raises(AttributeError):
        result.residual = 0.0


def test_agreement_with_pot():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POT's optional backends warn on import.
        gaussian = pytest.importorskip("ot.gaussian")
    covariances = random_covariances(np.random.default_rng(18), 5)
    theirs = gaussian.bures_wasserstein_barycenter(
        np.zeros((4, 5)), covariances, WEIGHTS, eps=1e-13, num_iter=5000
    )[1]
    ours = gaussian_barycenter(covariances, WEIGHTS).covariance
    np.testing.assert_allclose(ours, theirs, atol=1e-10)
