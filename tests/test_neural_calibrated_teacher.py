"""The calibrated teacher: its side model, curvature and levels; nets beside true retrains."""

import copy
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.preprocessing import scale
from torch import nn

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network import (
    CalibratedTeacher,
    MarginalInformation,
    NeuralNetClassifier,
    NeuralNetRegressor,
    Unlearner,
    _calibrated_teacher,
    _selection,
)
from skunlearn.neural_network._calibration import Calibration
from skunlearn.neural_network._curvature import Curvature
from skunlearn.neural_network._kept import Fitted
from skunlearn.neural_network._levels import (
    FOLLOW_PART,
    Unseen,
    class_levels,
    memorised,
    mid_ranks,
    quantiles,
)
from skunlearn.neural_network._reference import Reference, margins
from skunlearn.neural_network._selection import part_shift
from skunlearn.neural_network._side_model import SideModel
from skunlearn.neural_network._teacher import other_classes
from skunlearn.neural_network._unlearner import take_step
from skunlearn.neural_network._unseen import unseen_like_forgotten
from skunlearn.neural_network._view import NetView, Rows


def fitted(X, y, n_outputs, module=None, kind="classification"):
    criterion = nn.CrossEntropyLoss() if kind == "classification" else nn.MSELoss()
    module = module or nn.Sequential(nn.Flatten(), nn.LazyLinear(n_outputs))
    rows = Rows(torch.as_tensor(np.asarray(X, np.float32)), torch.as_tensor(y))
    module(rows.X[:2])  # shapes
    return Fitted(NetView(module, kind, criterion, n_outputs), rows, seed=3)


def blobs(rng, n=300, d=7, n_classes=3):
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(n_classes, d))[y]
    return X.astype(np.float32), y


# -- the side model ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_side_model_forgets_bit_for_bit(kind):
    rng = np.random.default_rng(0)
    X, y = blobs(rng)
    if kind == "regression":
        y = (X[:, :2] + rng.normal(size=(len(X), 2))).astype(np.float32)
    n_outputs = 3 if kind == "classification" else 2
    gone = rng.permutation(len(X))[:40]
    kept = np.setdiff1d(np.arange(len(X)), gone)
    whole = fitted(X, y, n_outputs, kind=kind)
    model = SideModel.of(whole)
    left = model.without(whole.train.take(gone), whole.net)
    rest = rng.permutation(kept)  # in another order
    refit = SideModel.of(fitted(X[rest], y[rest], n_outputs, kind=kind), like=model)
    assert left.gram == refit.gram
    X_new = torch.as_tensor(rng.normal(size=(50, 7)).astype(np.float32))
    np.testing.assert_array_equal(left.predict(X_new), refit.predict(X_new))
    assert not np.array_equal(left.predict(X_new), model.predict(X_new))
    # rows that it never learned, or has forgotten, change nothing
    again = left.without(whole.train.take(gone[:5]), whole.net)
    assert again.gram == left.gram


def test_side_model_finds_the_same_grid_without_a_row():
    X, y = blobs(np.random.default_rng(1))
    model = SideModel.of(fitted(X, y, 3))
    same = 0
    for row in range(0, 100, 5):
        refit = SideModel.of(fitted(np.delete(X, row, 0), np.delete(y, row), 3))
        same += np.array_equal(refit.features.grid.centre, model.features.grid.centre)
    assert same >= 19


def test_side_features_are_the_same_in_any_batch():
    X = np.random.default_rng(2).normal(size=(257, 33)).astype(np.float32)
    features = SideModel.of(fitted(X, np.arange(257) % 2, 2)).features
    np.testing.assert_array_equal(features(X), np.vstack([features(X[[i]]) for i in range(257)]))
    assert np.unique(features(X)).size > 50


def test_side_model_left_out_equals_refits():
    X, y = blobs(np.random.default_rng(3), n=120)
    whole = fitted(X, y, 3)
    model = SideModel.of(whole)
    found = model.left_out(whole.train.take(slice(0, 5)))
    for row in range(5):
        without = model.without(whole.train.take([row]), whole.net)
        expected = without.predict(whole.train.X[[row]])
        np.testing.assert_allclose(found[[row]], expected, atol=2e-3)  # the penalty is relative
        assert np.abs(model.predict(whole.train.X[[row]]) - expected).max() > 5e-3


# -- curvature --------------------------------------------------------------------------------


def outer_mean(a):
    return a.T @ a / len(a)


def rebuilt(eigen):
    vectors, values = eigen
    return (vectors * values) @ vectors.T


def test_curvature_of_a_small_net_against_jacobians():
    torch.manual_seed(0)
    X, y = blobs(np.random.default_rng(4), n=64, d=4)
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    whole = fitted(X, y, 3, module)
    factors = Curvature.of(whole).factors
    with torch.no_grad():
        ones = torch.ones(64, 1)
        hidden = torch.cat([module[1](module[0](whole.train.X)), ones], dim=1)
        inputs = torch.cat([whole.train.X, ones], dim=1)
    first, last = factors["0"], factors["2"]
    torch.testing.assert_close(rebuilt(first.inputs), outer_mean(inputs), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(rebuilt(last.inputs), outer_mean(hidden), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(rebuilt(last.outputs), torch.eye(3), atol=1e-4, rtol=1e-4)
    jacobians = torch.stack(
        [torch.autograd.functional.jacobian(module[1:], module[0](x)) for x in whole.train.X]
    )
    expected = torch.einsum("noi,noj->ij", jacobians, jacobians) / 64
    torch.testing.assert_close(rebuilt(first.outputs), expected, atol=1e-4, rtol=1e-4)


def test_direction_solves_the_damped_gauss_newton_block():
    """Of a net of one layer the Kronecker product is the Gauss-Newton matrix itself."""
    torch.manual_seed(0)
    X, y = blobs(np.random.default_rng(5), n=80, d=4)
    module = nn.Linear(4, 3)
    whole = fitted(X, y, 3, nn.Sequential(module))
    curvature = Curvature.of(whole)
    nn.functional.cross_entropy(module(whole.train.X), whole.train.y).backward()
    direction, slope = curvature.direction(whole.net.module)
    inputs = torch.cat([whole.train.X, torch.ones(80, 1)], dim=1)
    A, G = outer_mean(inputs), torch.eye(3)
    A = A + 0.1 * A.trace() / 5 * torch.eye(5)
    gradient = torch.cat([module.weight.grad, module.bias.grad[:, None]], dim=1)
    expected = torch.linalg.solve(torch.kron(1.1 * G, A), gradient.flatten()).reshape(3, 5)
    found = torch.cat([direction[module.weight], direction[module.bias][:, None]], dim=1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert slope == pytest.approx(float((expected * gradient).sum()), rel=1e-3)


def test_curvature_takes_convolutions_and_leaves_norms_alone():
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)
    )
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(40, 1, 8, 8)), rng.integers(0, 3, 40)
    whole = fitted(X, y, 3, module)
    curvature = Curvature.of(whole)
    assert sorted(curvature.factors) == ["0", "4"]
    patches = nn.functional.unfold(whole.train.X, 3).transpose(1, 2).reshape(-1, 9)
    patches = torch.cat([patches, torch.ones(len(patches), 1)], dim=1)
    expected = outer_mean(patches)
    torch.testing.assert_close(
        rebuilt(curvature.factors["0"].inputs), expected, atol=1e-4, rtol=1e-4
    )
    assert curvature.factors["0"].outputs[1].shape == (4,)


# -- levels -----------------------------------------------------------------------------------


def reference_of(phi, margin, codes):
    return Reference(phi, margin, codes, np.arange(len(phi), dtype=np.uint64), None)


def test_levels_are_those_of_unseen_rows_and_never_above():
    rng = np.random.default_rng(0)
    n = 3000
    codes = rng.integers(0, 2, n)
    skill = rng.normal(size=n)
    reference = reference_of(6 + 2 * skill, skill + 0.1 * rng.normal(size=n), codes)
    unseen = Unseen(3 + 2 * rng.normal(size=1000), rng.integers(0, 2, 1000))
    rows = rng.normal(size=400)
    phi = 6 + 2 * rows
    levels = class_levels(unseen, reference, 1, phi, rows, 1.0, 1.0)
    assert (levels <= phi).all()
    badly = class_levels(unseen, reference, 1, rows - 5, rows, 1.0, 1.0)
    np.testing.assert_array_equal(badly, rows - 5)  # no row is taught to be known better
    assert abs(levels.mean() - 3) < 0.3  # where rows that were learned are at 6
    assert abs(levels.std() - 2) < 0.3  # as far apart as those of unseen rows
    assert np.corrcoef(levels, rows)[0, 1] > 0.97  # in the order of how well they are known
    fewer = class_levels(unseen, reference, 1, phi, rows, 0.25, 2.0)
    np.testing.assert_allclose(levels - fewer, 2 * np.log(4), atol=0.6)


def test_single_row_gets_the_level_of_its_rank():
    rng = np.random.default_rng(1)
    skill = rng.normal(size=2000)
    reference = reference_of(6 + skill, skill, np.zeros(2000, int))
    unseen = Unseen(rng.normal(size=500), np.zeros(500, int))
    for z in (-2.0, 0.0, 2.0):
        level = class_levels(unseen, reference, 0, np.array([6 + z]), np.array([z]), 1.0, 1.0)
        assert level == pytest.approx(z, abs=0.4)


def test_other_classes_share_as_the_net_says_moved_towards_the_side_model():
    logits, side = np.log([[0.5, 0.3, 0.2]]), np.array([[0.9, 0.1, 0.6]])
    found = other_classes(logits, side, np.array([0]))
    assert found[0, 0] == 0
    assert found.sum() == pytest.approx(1)
    assert found[0, 1] / found[0, 2] == pytest.approx(0.3 / 0.2 * np.exp(4 * (0.1 - 0.6)))


def test_mid_ranks_and_weighted_quantiles():
    np.testing.assert_allclose(mid_ranks([0, 1, 3], [1, 1, 2, 2]), [0, 0.25, 1])
    values = np.arange(5.0)
    assert quantiles(values, 0.5) == pytest.approx(2.0)
    assert quantiles(values, 0.5, np.array([0, 0, 0, 0, 1.0])) > 3


def test_memorised_is_a_level_and_has_power():
    rng = np.random.default_rng(2)

    def p(shift, tail):
        phi = rng.normal(size=600)
        phi[:tail] = -8  # rows that an interpolating net gets wrong when it has not learned them
        other = rng.normal(size=1500) + shift
        codes = rng.integers(0, 3, 1500)
        return memorised(
            Unseen(phi, rng.integers(0, 3, 600)), reference_of(other, other, codes), True
        )

    assert np.mean([p(0, 0) <= 0.05 for _ in range(100)]) <= 0.11
    assert p(1.0, 0) < 1e-6
    assert p(0.0, 40) < 1e-3


# -- nets beside retrains ---------------------------------------------------------------------


def divergence(net, other, X):
    """Mean Jensen-Shannon divergence of the predictions of two nets, in nats."""
    p, q = net.predict_proba(X).astype(float), other.predict_proba(X).astype(float)
    m = (p + q) / 2

    def kl(a):
        return (a * np.log(np.maximum(a, 1e-30) / np.maximum(m, 1e-30))).sum(axis=1)

    return (kl(p) + kl(q)).mean() / 2


class Case:
    """A net on noisy or clean digits, and retrains without some of its rows."""

    def __init__(self, noise, choose, n_retrains=2):
        X, y = load_digits(return_X_y=True)
        rng = np.random.default_rng(0)
        order = rng.permutation(len(X))
        X, y = (X[order] / 16).astype(np.float32), y[order]
        self.X_test, self.y_test = X[1200:], y[1200:]
        self.X, self.y = X[:1200], y[:1200].copy()
        flipped = rng.random(1200) < noise
        self.y[flipped] = (self.y[flipped] + rng.integers(1, 10, flipped.sum())) % 10
        self.gone = choose(self.y, rng)
        make = NeuralNetClassifier(
            hidden_layer_sizes=(256,), max_epochs=50, lr=0.003, random_state=0
        )  # learns rows by heart
        self.net = make.fit(self.X, self.y)
        kept = ~self.gone
        self.retrains = [
            clone(make).set_params(random_state=10 + i, keep=()).fit(self.X[kept], self.y[kept])
            for i in range(n_retrains)
        ]

    @property
    def forget(self):
        return self.X[self.gone], self.y[self.gone]

    def unlearned(self, **params):
        net = copy.deepcopy(self.net).set_params(unlearner=CalibratedTeacher(**params))
        return net.unlearn(*self.forget)

    def errors(self, net):
        """Gap of the forget accuracy to the retrains, and test accuracy lost, in points."""
        truth = np.mean([r.score(*self.forget) for r in self.retrains])
        lost = self.net.score(self.X_test, self.y_test) - net.score(self.X_test, self.y_test)
        return 100 * (net.score(*self.forget) - truth), 100 * lost

    def distance(self, net):
        return np.mean([divergence(net, r, self.forget[0]) for r in self.retrains])


def some(share):
    def choose(y, rng):
        return rng.random(len(y)) < share

    return choose


@pytest.fixture(scope="module")
def noisy():
    return Case(0.1, some(0.1))


@pytest.fixture(scope="module")
def clean():
    return Case(0.0, some(0.1))


def test_random_rows_with_wrong_labels_among_them(noisy):
    before, _ = noisy.errors(noisy.net)
    net = noisy.unlearned()
    after, lost = noisy.errors(net)
    assert before > 6  # the control: a tenth of the labels were learned by heart
    # nearer to the retrain; half the way here, but other processors train other nets, and a row
    # is half a point
    assert abs(after) < 0.75 * before
    assert lost < 1.5
    null = divergence(*noisy.retrains, noisy.forget[0])
    assert null < noisy.distance(net) < noisy.distance(noisy.net)


def test_random_clean_rows_are_never_farther_from_the_retrain_than_before(clean):
    net = clean.unlearned(significance=1)  # with so few unseen rows the test would not see it
    _, lost = clean.errors(net)
    assert not np.array_equal(net.predict_proba(clean.X), clean.net.predict_proba(clean.X))
    assert clean.distance(net) <= clean.distance(clean.net)
    assert lost < 1


def test_with_retained_rows(noisy):
    before, _ = noisy.errors(noisy.net)
    net = copy.deepcopy(noisy.net)
    kept = ~noisy.gone
    net.unlearn(*noisy.forget, X_retain=noisy.X[kept], y_retain=noisy.y[kept])
    after, lost = noisy.errors(net)
    assert abs(after) < before / 2
    assert lost < 1.5
    sizes = [stats.get("size") for stats in net.unlearning_history_]
    n_alone = sum(size is not None for size in sizes)
    assert n_alone > 1 and None not in sizes[:n_alone]  # along the curvature first
    # then two passes over the rows that remain, after a fit of 50 epochs
    assert len(sizes) - n_alone == 2 * -(-kept.sum() // 64)
    few = copy.deepcopy(noisy.net).set_params(unlearner=CalibratedTeacher(max_steps_retain=3))
    few.unlearn(*noisy.forget, X_retain=noisy.X[kept], y_retain=noisy.y[kept])
    assert len(few.unlearning_history_) == n_alone + 3


def test_with_retained_rows_both_are_learned_from(noisy, monkeypatch):
    totals = []

    def spy(optimizer, loss):
        totals.append(float(loss.detach()))
        return take_step(optimizer, loss)

    monkeypatch.setattr(_calibrated_teacher, "take_step", spy)
    net, kept = copy.deepcopy(noisy.net), ~noisy.gone
    net.unlearn(*noisy.forget, X_retain=noisy.X[kept], y_retain=noisy.y[kept])
    found = net.unlearning_history_[-len(totals) :]
    assert min(min(stats["loss"], stats["retain_loss"]) for stats in found) > 0
    np.testing.assert_allclose(totals, [s["loss"] + s["retain_loss"] for s in found], rtol=1e-5)


def test_whole_class(clean):
    gone = clean.y == 3
    net = copy.deepcopy(clean.net).unlearn(clean.X[gone], clean.y[gone])
    losses = [stats["loss"] for stats in net.unlearning_history_]
    assert min(losses) <= 0.05 * np.log(10) < 0.05 * losses[0]  # of a blind guess, not of the first
    test = clean.y_test == 3
    assert clean.net.score(clean.X_test[test], clean.y_test[test]) > 0.85
    assert net.score(clean.X[gone], clean.y[gone]) < 0.1
    assert net.score(clean.X_test[test], clean.y_test[test]) < 0.15
    rest = clean.X_test[~test], clean.y_test[~test]
    assert net.score(*rest) > clean.net.score(*rest) - 0.02


def test_part_of_a_class():
    def choose(y, rng):
        return (y == 3) & (rng.random(len(y)) < 0.85)

    case = Case(0.0, choose)
    before, _ = case.errors(case.net)
    net = case.unlearned()
    after, _ = case.errors(net)
    assert before > 5
    assert abs(after) < 0.75 * before
    rest = case.y_test != 3
    rest = case.X_test[rest], case.y_test[rest]
    assert net.score(*rest) > case.net.score(*rest) - 0.02


def test_net_that_memorised_nothing_is_left_as_it_is(clean):
    net = clone(clean.net).set_params(max_epochs=2, lr=0.0003).fit(clean.X, clean.y)
    before = net.predict_proba(clean.X)
    with pytest.warns(UserWarning, match="Nothing to forget"):
        net.unlearn(*clean.forget)
    np.testing.assert_array_equal(net.predict_proba(clean.X), before)
    assert net.unlearning_history_[0]["p_memorised"] > 0.05
    assert net.n_samples_retained_ == 1200 - clean.gone.sum()


def test_rows_held_out_at_fit_have_nothing_to_forget(clean):
    net = copy.deepcopy(clean.net)
    held = np.isin(net._hash(clean.X, clean.y, net._key_), net._calibration_.hashes)
    rows = np.flatnonzero(held)[::10]
    assert len(rows) > 5
    with pytest.warns(UserWarning, match="held out"):
        net.unlearn(clean.X[rows], clean.y[rows])
    assert len(net._calibration_) == len(clean.net._calibration_) - len(rows)


def test_repeated_requests_and_determinism(noisy):
    one, other = copy.deepcopy(noisy.net), copy.deepcopy(noisy.net)
    rows = np.flatnonzero(noisy.gone)
    for part in np.array_split(rows, 3):
        one.unlearn(noisy.X[part], noisy.y[part])
        other.unlearn(noisy.X[part], noisy.y[part])
    np.testing.assert_array_equal(one.predict_proba(noisy.X), other.predict_proba(noisy.X))
    before, _ = noisy.errors(noisy.net)
    after, lost = noisy.errors(one)
    assert abs(after) < before * 0.75
    assert lost < 2.5
    # the side model is the one of a single request; fewer learned rows are ranked among
    once = noisy.unlearned()
    assert one._pieces_["side_model"].gram == once._pieces_["side_model"].gram
    assert len(one._pieces_["reference"].phi) == len(once._pieces_["reference"].phi)
    assert any("curvature" in residue for residue in one.guarantee_.residues)
    assert not any("side model" in residue for residue in one.guarantee_.residues)


def test_regression():
    X, y = make_friedman1(1500, 10, noise=1, random_state=0)
    X, y = scale(X), scale(y)
    net = NeuralNetRegressor(random_state=0, max_epochs=120).fit(X[:600], y[:600])
    retrains = [
        clone(net).set_params(random_state=i, keep=()).fit(X[80:600], y[80:600]) for i in (1, 2)
    ]

    def residual(model, rows):
        return np.abs(model.predict(X[rows]) - y[rows]).mean()

    gone, new = slice(0, 80), slice(600, 1500)
    truth = np.mean([residual(r, gone) for r in retrains])
    before, unseen = residual(net, gone), residual(net, new)
    far = np.mean([np.abs(net.predict(X[gone]) - r.predict(X[gone])).mean() for r in retrains])
    net.unlearn(X[gone], y[gone])
    assert before < 0.6 * truth
    assert abs(residual(net, gone) - truth) < 0.5 * (truth - before)
    assert residual(net, new) < 1.1 * unseen
    near = np.mean([np.abs(net.predict(X[gone]) - r.predict(X[gone])).mean() for r in retrains])
    assert near < far


def test_margins():
    scores = np.array([[0.9, 0.2, 0.1], [0.3, 0.4, 0.1]])
    np.testing.assert_allclose(margins(scores, np.array([0, 0]), True), [0.7, -0.1])
    np.testing.assert_allclose(
        margins(np.array([[1.0], [3.0]]), np.array([[0.0], [5.0]]), False), [-1, -2]
    )


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"step": 0}, "step=0"),
        ({"tol": 1.5}, "tol=1.5"),
        ({"significance": -1}, "significance=-1"),
        ({"max_steps": -3}, "max_steps=-3"),
    ],
)
def test_parameters_that_are_refused_leave_the_net(noisy, params, message):
    before = noisy.net.predict_proba(noisy.X[:5])
    net = copy.deepcopy(noisy.net).set_params(unlearner=CalibratedTeacher(**params))
    with pytest.raises(ValueError, match=message):
        net.unlearn(*noisy.forget)
    np.testing.assert_array_equal(net.predict_proba(noisy.X[:5]), before)


def test_without_enough_unseen_rows_it_refuses(clean):
    X, y = clean.X[:90], clean.y[:90] % 2
    net = NeuralNetClassifier(random_state=0, max_epochs=1).fit(X, y)
    with pytest.raises(UnlearningError, match="expected 10 or more"):
        net.unlearn(X[:5], y[:5])


class Scaled(nn.Module):
    """A module with no layer of which the curvature is known."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 64) / 8)

    def forward(self, X):
        return X @ self.weight.T


def test_module_without_known_layers_needs_retained_rows(clean):
    X, y = clean.X[:300], clean.y[:300] % 2
    net = NeuralNetClassifier(Scaled, random_state=0, max_epochs=3).fit(X, y)
    with pytest.raises(UnlearningError, match="pass X_retain"):
        net.unlearn(X[:5], y[:5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it memorised nothing
        net.unlearn(X[:5], y[:5], X_retain=X[5:], y_retain=y[5:])


def test_mnist_with_wrong_labels(data_home):
    from skunlearn.datasets import fetch_mnist

    X, y = fetch_mnist(data_home=data_home, return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.permutation(60_000)[:3000]
    X, y = np.asarray(X, dtype=np.float32)[rows].reshape(3000, -1), np.asarray(y)[rows].astype(int)
    X = X / X.max()
    wrong = rng.random(3000) < 0.05
    y[wrong] = (y[wrong] + 1) % 10
    gone = rng.random(3000) < 0.05
    net = NeuralNetClassifier(random_state=0).fit(X, y)
    retrain = NeuralNetClassifier(random_state=1, keep=()).fit(X[~gone], y[~gone])
    truth, before = retrain.score(X[gone], y[gone]), net.score(X[gone], y[gone])
    far = divergence(net, retrain, X[gone])
    net.unlearn(X[gone], y[gone])
    assert before > truth + 0.05
    assert abs(net.score(X[gone], y[gone]) - truth) < (before - truth) / 2
    assert divergence(net, retrain, X[gone]) < far


def test_the_level_of_part_of_a_class_falls_with_the_margins_of_the_side_model():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    margins = rng.normal(size=400)
    outputs = np.zeros((400, 2), dtype=np.float32)
    outputs[np.arange(400), y] = 4 + 2 * rng.normal(size=400)  # the net's fit: twice as wide
    seen = Calibration(outputs, y, np.zeros(400, np.uint64), None, True, margins)
    own = margins[y == 0]
    assert part_shift(own, seen, 0) == 0  # alike: within chance
    lower = part_shift(own - 1, seen, 0)
    ratio = np.subtract(*np.quantile(seen.phi[y == 0], [0.75, 0.25]))
    ratio /= np.subtract(*np.quantile(own, [0.75, 0.25]))
    assert ratio == pytest.approx(2, rel=0.2)
    assert lower == pytest.approx(-FOLLOW_PART * ratio, rel=0.05)
    assert part_shift(own - 2, seen, 0) < 1.8 * lower < 0
    assert part_shift(own + 1, seen, 0) == 0  # never above
    few = Calibration(*(a[:10] for a in (outputs, y, seen.hashes)), None, True, margins[:10])
    assert part_shift(own - 1, few, 0) == 0


class Looks(Unlearner):
    """Changes nothing; keeps what unseen rows like the forgotten ones say."""

    def _unlearn(self, task):
        outputs, codes, _ = unseen_like_forgotten(task)
        self.found = outputs[codes == 3].numpy()


@pytest.mark.filterwarnings("ignore:Only .* rows were held out")
def test_the_law_to_reach_is_lowered_with_the_stopping_rule(monkeypatch):
    X, y = load_digits(return_X_y=True)
    X, found, laws = (X / 16).astype(np.float32), [], []
    gone = np.arange(len(y))[(y == 3) & (np.arange(len(y)) % 4 > 0)]
    kept = np.setdiff1d(np.arange(len(y)), gone)
    net = NeuralNetClassifier(unlearner=CalibratedTeacher(), max_epochs=15, random_state=0)
    net.fit(X, y).set_params(unlearner=MarginalInformation())
    for shift in (0.0, -3.0):
        monkeypatch.setattr(_selection, "part_shift", lambda *_, shift=shift: shift)
        model = copy.deepcopy(net)
        model.unlearn(X[gone], y[gone], X_retain=X[kept], y_retain=y[kept])
        found.append(model.score(X[gone], y[gone]))
        look = copy.deepcopy(net).set_params(unlearner=Looks())
        look.unlearn(X[gone], y[gone])
        laws.append(look.unlearner.found)
    assert found[1] < found[0] - 0.02
    change = laws[1] - laws[0]
    np.testing.assert_allclose(change[:, 3], -3, atol=1e-5)
    assert not np.delete(change, 3, axis=1).any()


def test_the_curvature_is_needed_without_retained_rows_only():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    net = NeuralNetClassifier(keep=("side_model", "reference"), max_epochs=5, random_state=0)
    net.fit(X, y)
    with pytest.raises(UnlearningError, match="CalibratedTeacher needs curvature from fit"):
        net.unlearn(X[:60], y[:60])
    net.set_params(unlearner=CalibratedTeacher(significance=1)).unlearn(
        X[:60], y[:60], X_retain=X[60:], y_retain=y[60:]
    )
    assert net.n_samples_retained_ == len(y) - 60
    assert set(NeuralNetClassifier(max_epochs=1, random_state=0).fit(X, y)._pieces_) == {
        "side_model", "curvature", "reference"
    }  # fmt: skip
