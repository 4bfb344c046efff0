"""Unlearners of nets that need no other rows: what each does, on toys where it is known."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_regression

torch = pytest.importorskip("torch", reason="nets need torch")

from torch import nn  # noqa: E402

from skunlearn.exceptions import NotLearnedError, UnlearningError  # noqa: E402
from skunlearn.neural_network import (  # noqa: E402
    GradientAscent,
    JustInTime,
    NeuralNetClassifier,
    NeuralNetRegressor,
)
from skunlearn.neural_network._batches import wrong_labels  # noqa: E402
from skunlearn.neural_network._view import NetView, Rows  # noqa: E402
from skunlearn.neural_network.baselines import (  # noqa: E402
    BoundaryShrink,
    ErrorMinMaxNoise,
    GatedKnowledgeTransfer,
    RandomLabels,
)
from skunlearn.neural_network.baselines._boundary_shrink import nearest_other_class  # noqa: E402
from skunlearn.neural_network.baselines._gated_knowledge_transfer import _Source  # noqa: E402
from skunlearn.neural_network.baselines._generator import make_generator  # noqa: E402
from skunlearn.neural_network.baselines._noise import learn_noise  # noqa: E402

X_DIGITS, Y_DIGITS = load_digits(return_X_y=True)
X_DIGITS = X_DIGITS / 16
THREE = Y_DIGITS == 3

# each forgets the class 3 of the digits
UNLEARNERS = {
    "just in time": JustInTime(n_epochs=10),
    "gradient ascent": GradientAscent(lr=0.01),
    "random labels": RandomLabels(lr=3e-3, n_epochs=30),
    "boundary shrink": BoundaryShrink(lr=0.01),
    "noise": ErrorMinMaxNoise(),
    "transfer": GatedKnowledgeTransfer(n_rounds=3, batch_size=64),
}


@pytest.fixture(scope="module")
def digits_net():
    net = NeuralNetClassifier(
        hidden_layer_sizes=(32,), max_epochs=15, lr=5e-3, random_state=0, unlearner=GradientAscent()
    )
    return pickle.dumps(net.fit(X_DIGITS, Y_DIGITS))


def net_with(pickled, unlearner):
    net = pickle.loads(pickled)
    net.unlearner = unlearner
    return net


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


@pytest.mark.parametrize("name", UNLEARNERS)
def test_the_class_is_forgotten_and_the_same_seed_does_it_again(digits_net, name):
    nets = [net_with(digits_net, UNLEARNERS[name]) for _ in range(2)]
    before = weights(nets[0])
    assert nets[0].score(X_DIGITS[THREE], Y_DIGITS[THREE]) > 0.9  # there is something to forget
    for net in nets:
        net.unlearn(X_DIGITS[THREE], Y_DIGITS[THREE])
    assert torch.equal(weights(nets[0]), weights(nets[1]))
    assert (weights(nets[0]) - before).norm() > 0.01 * before.norm()
    assert nets[0].score(X_DIGITS[THREE], Y_DIGITS[THREE]) < 0.1
    assert nets[0].n_samples_retained_ == np.count_nonzero(~THREE)
    assert not nets[0].module_.training


@pytest.mark.parametrize("name", sorted(set(UNLEARNERS) - {"transfer"}))
def test_what_was_not_to_be_forgotten_is_left_in_part(digits_net, name):
    net = net_with(digits_net, UNLEARNERS[name]).unlearn(X_DIGITS[THREE], Y_DIGITS[THREE])
    assert net.score(X_DIGITS[~THREE], Y_DIGITS[~THREE]) > 0.5  # chance is .11


DIVERGING = {
    "just in time": JustInTime(lr=1e30, n_epochs=20, stopping=None),
    "gradient ascent": GradientAscent(lr=1e30, stopping=None),
    "random labels": RandomLabels(lr=1e38, optimizer="sgd", stopping=None),
    "boundary shrink": BoundaryShrink(lr=1e38, stopping=None),
    "noise": ErrorMinMaxNoise(n_noise=8, batch_size=8, impair_lr=1e30),
    "transfer": GatedKnowledgeTransfer(n_rounds=3, batch_size=16, lr=1e30),
}


@pytest.mark.parametrize("name", DIVERGING)
def test_a_net_that_diverged_is_left_as_it_was(digits_net, name):
    net = net_with(digits_net, DIVERGING[name])
    before, said = weights(net), net.predict_proba(X_DIGITS[:50])
    with pytest.raises(UnlearningError):
        net.unlearn(X_DIGITS[THREE], Y_DIGITS[THREE])
    assert torch.equal(weights(net), before)
    np.testing.assert_array_equal(net.predict_proba(X_DIGITS[:50]), said)
    assert net.n_samples_retained_ == len(X_DIGITS)


# -- JustInTime ----------------------------------------------------------------------------


class Fold(nn.Module):
    """f(x) = c |x|: away from 0 the quotient is |c| whatever the noise."""

    def __init__(self):
        super().__init__()
        self.c = nn.Parameter(torch.ones(1))

    def reset_parameters(self):
        nn.init.ones_(self.c)

    def forward(self, X):
        return self.c * X.abs()


def folded(**params):
    params = {"sigma": 1e-3, "lr": 0.01, "clamp": False, "stopping": None, **params}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Adopted without X_valid", UserWarning)
        net = NeuralNetRegressor.from_module(
            Fold(), random_state=0, batch_size=8, unlearner=JustInTime(**params)
        )
    return net.set_params(unlearner__batch_size=params.get("batch_size", 64))


FAR = np.linspace(1, 2, 6).reshape(-1, 1)


def test_the_loss_is_the_lipschitz_constant():
    net = folded(reduction="mean").unlearn(FAR)
    assert net.unlearning_history_[0]["loss"] == pytest.approx(1.0, rel=1e-3)
    net = folded(reduction="sum").unlearn(FAR)
    assert net.unlearning_history_[0]["loss"] == pytest.approx(6.0, rel=1e-3)


@pytest.mark.parametrize(("reduction", "step"), [("mean", 0.01), ("sum", 0.06)])
def test_the_full_gradient_shrinks_the_constant(reduction, step):
    net = folded(gradient="full", reduction=reduction).unlearn(FAR)
    assert float(net.module_.c.detach()) == pytest.approx(1 - step, rel=1e-4)


def test_accumulated_gradients_are_summed():
    net = folded(gradient="full", batch_size=3).unlearn(FAR)  # gradients 3 and 3
    assert float(net.module_.c.detach()) == pytest.approx(1 - 0.01 * (3 + 3), rel=1e-4)
    net = folded(gradient="full", batch_size=3, accumulate=True).unlearn(FAR)
    assert float(net.module_.c.detach()) == pytest.approx(1 - 0.01 * (3 + 6), rel=1e-4)


def test_the_gradient_through_the_anchor_alone_has_mean_zero_where_the_net_is_straight():
    moved = []
    for seed in range(60):
        net = folded(sigma=0.1, n_perturbations=5).set_params(random_state=seed)
        net._seed_ = seed
        moved.append(float(net.unlearn(FAR).module_.c.detach()) - 1)
    assert np.std(moved) > 1e-3
    assert abs(np.mean(moved)) < 4 * np.std(moved) / np.sqrt(len(moved))


def test_noise_is_kept_within_the_range_of_the_batch():
    same = np.ones((6, 1))  # so the range is a point, and no noise is left
    assert folded(clamp=True).unlearn(same).unlearning_history_[0]["loss"] == 0
    assert folded(clamp=False).unlearn(same).unlearning_history_[0]["loss"] > 1


VARIANTS = {
    "as it is": {},
    "through both": {"gradient": "full"},
    "free noise": {"clamp": False},
    "mean": {"reduction": "mean"},
    "accumulated": {"accumulate": True},
    "dropout": {"mode": "train"},
    "probabilities": {"outputs": "probabilities"},
    "fewer draws": {"n_perturbations": 5},
}


def test_the_variants_differ(digits_net):
    rng = np.random.default_rng(0)
    rows = rng.choice(len(X_DIGITS), 100, replace=False)
    module = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 10))
    trained = NeuralNetClassifier(
        module, max_epochs=2, random_state=0, unlearner=JustInTime(lr=1e-3, stopping=None)
    ).fit(X_DIGITS, Y_DIGITS)
    pickled, found = pickle.dumps(trained), {}
    for name, change in VARIANTS.items():
        net = pickle.loads(pickled).set_params(**{f"unlearner__{k}": v for k, v in change.items()})
        found[name] = weights(net.unlearn(X_DIGITS[rows], Y_DIGITS[rows]))
        assert not torch.equal(found[name], weights(trained)), name
    for one in VARIANTS:
        same = [other for other in VARIANTS if torch.equal(found[one], found[other])]
        assert same == [one]


@pytest.mark.parametrize("gradient", ["anchor", "full"])
def test_several_passes_give_what_one_gives(digits_net, gradient, monkeypatch):
    found, passes, plain = [], [], NetView.outputs
    for memory in (1e-4, 100.0):
        unlearner = JustInTime(lr=0.01, gradient=gradient, max_memory=memory, stopping=None)
        net = net_with(digits_net, unlearner)
        sizes = []
        monkeypatch.setattr(
            NetView, "outputs", lambda view, X, to=sizes: to.append(len(X)) or plain(view, X)
        )
        net.unlearn(X_DIGITS[:100], Y_DIGITS[:100])
        found.append(weights(net))
        passes.append(max(sizes))
    assert passes == [64, 25 * 64]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)
    assert not torch.equal(found[0], weights(pickle.loads(digits_net)))


def test_the_net_becomes_flat_around_the_rows(digits_net):
    net = net_with(digits_net, JustInTime(lr=0.01, gradient="full", n_epochs=5, stopping=None))
    before = slope(net, X_DIGITS[THREE])
    net.unlearn(X_DIGITS[THREE], Y_DIGITS[THREE])
    assert slope(net, X_DIGITS[THREE]) < 0.5 * before


def slope(net, X):
    X = torch.as_tensor(X, dtype=torch.float32)
    noise = 0.1 * torch.randn(X.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        moved = (net.module_(X + noise) - net.module_(X)).norm(dim=1)
    return float((moved / noise.norm(dim=1)).mean())


LINEAR = {
    "one layer": nn.Linear(4, 3),
    "two layers": nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)),
    "far from the origin": nn.Sequential(nn.Linear(4, 3)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_net_is_refused(name):
    X, y = load_iris(return_X_y=True)
    X = X + 1e3 * (name == "far from the origin")
    net = NeuralNetClassifier(
        LINEAR[name], max_epochs=1, random_state=0, unlearner=JustInTime(stopping=None)
    ).fit(X, y)
    with pytest.raises(UnlearningError, match="linear in its inputs"):
        net.unlearn(X[:5], y[:5])
    bent = NeuralNetClassifier(
        hidden_layer_sizes=(5,), max_epochs=1, random_state=0, unlearner=JustInTime(stopping=None)
    ).set_params(unlearner__sigma=1e-3, unlearner__lr=1e-9)
    bent.fit(X, y).unlearn(X[:5], y[:5])  # straight within the noise, not everywhere


def test_batch_norm_stays_as_it_is_in_prediction():
    module = nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))
    net = NeuralNetClassifier(
        module, max_epochs=1, random_state=0, unlearner=JustInTime(mode="train", stopping=None)
    ).fit(X_DIGITS, Y_DIGITS)
    with pytest.raises(UnlearningError, match="batch norm"):
        net.unlearn(X_DIGITS[:50], Y_DIGITS[:50])
    before, statistics = weights(net), net.module_[1].running_mean.clone()
    net.set_params(unlearner__mode="eval").unlearn(X_DIGITS[:50], Y_DIGITS[:50])
    assert torch.equal(net.module_[1].running_mean, statistics)
    assert not torch.equal(weights(net), before)


def test_whole_numbers_are_refused():
    module = nn.Sequential(nn.Embedding(20, 4), nn.Flatten(), nn.Linear(8, 2))
    X = np.random.default_rng(0).integers(0, 20, (60, 2))
    net = NeuralNetClassifier(
        module, max_epochs=1, input_dtype=None, unlearner=JustInTime(stopping=None)
    ).fit(X, X[:, 0] % 2)
    with pytest.raises(UnlearningError, match="floating point"):
        net.unlearn(X[:5], X[:5, 0] % 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": 0}, "Got sigma=0"),
        ({"gradient": "half"}, "Got gradient='half', expected 'anchor' or 'full'"),
        ({"mode": True}, "Got mode=True"),
        ({"max_memory": -1}, "Got max_memory=-1"),
        ({"stopping": "early"}, "Got stopping='early'"),
    ],
)
def test_bad_parameters_are_named(digits_net, change, message):
    net = net_with(digits_net, JustInTime(**change))
    with pytest.raises(ValueError, match=message):
        net.unlearn(X_DIGITS[:5], Y_DIGITS[:5])


# -- rows without targets ------------------------------------------------------------------


@pytest.mark.parametrize("stopping", ["calibrated", None])
def test_targets_are_found_by_fingerprint(digits_net, stopping):
    nets = [net_with(digits_net, JustInTime(n_epochs=10, stopping=stopping)) for _ in range(2)]
    nets[0].unlearn(X_DIGITS[THREE])
    nets[1].unlearn(X_DIGITS[THREE], Y_DIGITS[THREE])
    assert torch.equal(weights(nets[0]), weights(nets[1]))
    np.testing.assert_array_equal(nets[0]._calibration_.counts, nets[1]._calibration_.counts)
    np.testing.assert_array_equal(nets[0]._prints_.alive(), nets[1]._prints_.alive())
    with pytest.raises(NotLearnedError, match="183 of the 183"):
        nets[0].unlearn(X_DIGITS[THREE])


def test_rows_without_targets_that_were_never_learned_are_refused(digits_net):
    net = net_with(digits_net, JustInTime(stopping=None))
    rows = np.vstack([X_DIGITS[:3], X_DIGITS[:2] + 1])
    with pytest.raises(NotLearnedError, match="2 of the 5"):
        net.unlearn(rows)
    preview = net.can_unlearn(rows)
    assert (preview.n_found, preview.n_missing) == (3, 2)


def test_a_row_learned_with_two_labels_needs_its_target():
    X, y = load_iris(return_X_y=True)
    X, y = np.vstack([X, X[:1]]), np.append(y, 2)
    net = NeuralNetClassifier(
        max_epochs=1, random_state=0, unlearner=JustInTime(lr=1e-6, stopping=None)
    ).fit(X, y)
    with pytest.raises(ValueError, match="1 of the 2 rows were learned with more than one label"):
        net.unlearn(X[:2])
    assert net.unlearn(X[:1], y[:1]).unlearn(X[:1]).n_samples_retained_ == len(X) - 2


def test_targets_are_asked_for_where_they_cannot_be_found(digits_net):
    X, y = make_regression(60, 4, random_state=0)
    unlearner = JustInTime(stopping=None)
    net = NeuralNetRegressor(max_epochs=1, random_state=0, unlearner=unlearner).fit(X, y)
    with pytest.raises(ValueError, match="pass y"):
        net.unlearn(X[:5])
    untracked = NeuralNetClassifier(
        max_epochs=1, random_state=0, unlearner=unlearner, track_rows=False
    ).fit(X, y > 0)
    with pytest.raises(ValueError, match="track_rows=False"):
        untracked.unlearn(X[:5])
    with pytest.raises(ValueError, match="GradientAscent requires the targets"):
        pickle.loads(digits_net).unlearn(X_DIGITS[:5])


def adopt(module, unlearner, **rows):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Adopted without X_valid", UserWarning)
        return NeuralNetClassifier.from_module(
            module, classes=np.arange(10), unlearner=unlearner, **rows
        )


def test_a_bare_module_forgets_rows_without_targets(digits_net):
    module = pickle.loads(digits_net).module_
    net = adopt(module, JustInTime(lr=1e-3, stopping=None))
    before = weights(net)
    net.unlearn(X_DIGITS[:50])
    assert not torch.equal(weights(net), before)
    with pytest.raises(UnlearningError, match="pass y, or choose stopping=None"):
        net.set_params(unlearner__stopping="calibrated").unlearn(X_DIGITS[50:60])
    valid = adopt(
        module, JustInTime(lr=1e-3, stopping=None), X_valid=X_DIGITS[:90], y_valid=Y_DIGITS[:90]
    )
    valid.unlearn(X_DIGITS[80:100])  # ten of these are kept for the calibration
    assert len(valid._calibration_) == 80


# -- GradientAscent, RandomLabels, BoundaryShrink ------------------------------------------


@pytest.mark.parametrize("unlearner", [JustInTime(0.3, lr=0.01), GradientAscent(lr=1e-3)])
def test_a_regression_forgets_to_the_level_of_unseen_rows(unlearner):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 8))
    y = X[:, 0] + 0.5 * rng.normal(size=150)
    net = NeuralNetRegressor(
        max_epochs=150, lr=0.01, random_state=0, unlearner=unlearner.set_params(n_epochs=300)
    ).fit(X, y)
    rows = slice(0, 20)
    before = np.abs(net.predict(X[rows]) - y[rows]).mean()
    net.unlearn(X[rows], y[rows])
    after = np.abs(net.predict(X[rows]) - y[rows]).mean()
    assert after > 2 * before  # the net had learned the noise of these rows
    level = -net._calibration_.phi.mean()
    assert after == pytest.approx(level, rel=0.1)


def test_random_labels_are_learned_once_and_for_all(digits_net):
    net = net_with(digits_net, RandomLabels(n_epochs=60, lr=0.01, stopping=None))
    net.unlearn(X_DIGITS[:20], Y_DIGITS[:20])
    generator = torch.Generator().manual_seed(net._stream_seed(3, 0))
    drawn = wrong_labels(torch.as_tensor(Y_DIGITS[:20]), 10, generator).numpy()
    assert (drawn != Y_DIGITS[:20]).all()
    assert np.mean(net.predict(X_DIGITS[:20]) == drawn) > 0.9


def test_rows_shrink_to_the_nearest_other_class():
    # three sectors of the plane, 120 degrees each, around the directions of the rows of the matrix
    angles = torch.deg2rad(torch.tensor([0.0, 120.0, 240.0]))
    module = nn.Linear(2, 3)
    with torch.no_grad():
        module.weight.copy_(torch.stack([angles.cos(), angles.sin()], dim=1))
        module.bias.zero_()
    net = NetView(module, "classification", nn.CrossEntropyLoss(), 3)
    near = torch.deg2rad(torch.tensor([50.0, -50.0, 1.0, 100.0, 200.0]))
    rows = Rows(torch.stack([near.cos(), near.sin()], dim=1), torch.tensor([0, 0, 0, 1, 1]))
    for bound in (0.2, 1e-6):  # across the boundary, and far from it: never its own class
        found = nearest_other_class(net, rows, bound)
        assert found.tolist() == [1, 2, 1, 0, 2]


@pytest.mark.parametrize("unlearner", [RandomLabels(), BoundaryShrink()])
def test_a_net_of_one_class_has_no_other_to_give(unlearner):
    X = np.random.default_rng(0).normal(size=(40, 3))
    net = NeuralNetClassifier(max_epochs=1, unlearner=unlearner).fit(X, np.zeros(40, int))
    with pytest.raises(UnlearningError, match="one only"):
        net.unlearn(X[:3], np.zeros(3, int))


# -- noise and generators ------------------------------------------------------------------


@pytest.mark.parametrize("unlearner", [ErrorMinMaxNoise(), GatedKnowledgeTransfer()])
def test_parts_of_classes_and_all_classes_are_refused(digits_net, unlearner):
    net = net_with(digits_net, unlearner)
    with pytest.raises(UnlearningError, match="whole classes, and 1 rows"):
        net.unlearn(X_DIGITS[THREE][1:], Y_DIGITS[THREE][1:])
    with pytest.raises(UnlearningError, match="last rows"):
        net.unlearn(X_DIGITS, Y_DIGITS)


def test_noise_is_what_the_net_is_wrong_or_right_about(digits_net):
    net = pickle.loads(digits_net)
    view = net._view(net.module_)
    codes = torch.full((32,), 3)
    generator = torch.Generator().manual_seed(0)
    start = torch.randn((32, 64), generator=torch.Generator().manual_seed(0))
    said = view.losses(view.outputs(start), codes).mean().detach()
    losses = {}
    for climb in (True, False):
        noise = learn_noise(
            view,
            codes,
            (64,),
            climb=climb,
            n_steps=20,
            lr=0.1,
            penalty=0.0,
            generator=generator.manual_seed(0),
        )
        losses[climb] = view.losses(view.outputs(noise.X), noise.y).mean().detach()
    assert losses[False] < 0.1 * said
    assert losses[True] > 2 * said
    small = learn_noise(
        view, codes, (64,), climb=True, n_steps=20, lr=0.1, penalty=10.0, generator=generator
    )
    assert small.X.norm(dim=1).mean() < 0.5 * noise.X.norm(dim=1).mean()


class _OfOneClass(nn.Module):
    """Gives everything to one class."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def reset_parameters(self):
        nn.init.ones_(self.scale)

    def forward(self, X):
        return self.scale * torch.tensor([50.0] + [0.0] * 9).expand(len(X), 10)


def test_the_gate_keeps_the_class_out(digits_net):
    unlearner = GatedKnowledgeTransfer(threshold=0.02, batch_size=64)
    net = net_with(digits_net, unlearner)
    view = net._view(net.module_)

    class Task:
        original = net_view = view
        net = view
        forget = Rows(torch.zeros(1, 64))
        generator = torch.Generator().manual_seed(0)

    source = _Source(unlearner, Task, np.array([3]))
    source.renew()
    with torch.no_grad():
        all_of_it = source.module(source.latent)
        given = view.outputs(source.draw()).softmax(dim=1)[:, 3]
        ungated = view.outputs(all_of_it).softmax(dim=1)[:, 3]
    assert ungated.max() > 0.02  # the gate has work to do
    assert given.max() <= 0.02
    closed = adopt(_OfOneClass(), unlearner, X=X_DIGITS, y=Y_DIGITS)
    zero = Y_DIGITS == 0
    with pytest.raises(UnlearningError, match="raise threshold"):
        closed.unlearn(X_DIGITS[zero], Y_DIGITS[zero])


@pytest.mark.parametrize("shape", [(5,), (2, 3), (1, 8, 8), (3, 7, 10)])
def test_generators_have_the_shape_of_the_rows(shape):
    module = make_generator(shape, 16)
    out = module(torch.randn(4, 16))
    assert out.shape == (4, *shape)
    assert out.std(dim=0).min() > 0


def test_transfer_heeds_where_a_convolutional_net_is_active(digits_net):
    X = X_DIGITS.reshape(-1, 1, 8, 8)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)
    )
    found = {}
    for attention in (0.0, 250.0):
        unlearner = GatedKnowledgeTransfer(
            n_rounds=2, batch_size=16, attention=attention, threshold=0.2
        )
        net = NeuralNetClassifier(module, max_epochs=1, random_state=0, unlearner=unlearner)
        found[attention] = net.fit(X, Y_DIGITS).unlearn(X[THREE], Y_DIGITS[THREE])
    assert not torch.equal(weights(found[0.0]), weights(found[250.0]))
