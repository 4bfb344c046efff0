"""Unlearners with retained rows, or with what was kept at fit: theorems, and what they do."""

import copy
import math

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.metrics import mutual_info_score
from sklearn.preprocessing import scale

from skunlearn.exceptions import UnlearningError
from skunlearn.linear_model import Ridge, RidgeClassifier

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

import skorch  # noqa: E402
from forgetting_cases import noisy_rows, one_class  # noqa: E402
from torch import nn  # noqa: E402

from skunlearn.neural_network import (  # noqa: E402
    MLP,
    SCRUB,
    BadTeacher,
    FineTune,
    HeldOut,
    LastLayerExact,
    MarginalInformation,
    NegGradPlus,
    NeuralNetClassifier,
    NeuralNetRegressor,
    NewtonStep,
    Retrain,
    SelectiveSynapticDampening,
)
from skunlearn.neural_network._head import features, fit_head  # noqa: E402
from skunlearn.neural_network._importances import (  # noqa: E402
    Importances,
    _one_by_one,
    row_sums,
)
from skunlearn.neural_network._information import SoftBins, information, plug_in  # noqa: E402
from skunlearn.neural_network._marginal_information import _mass_of  # noqa: E402
from skunlearn.neural_network._view import NetView, Rows  # noqa: E402

PUBLISHED = {
    "score": "label",
    "target": "zero",
    "share": "batch",
    "forget_batch_size": 16,
    "stopping": None,
}
QUICK = {"max_epochs": 4, "lr": 0.005, "hidden_layer_sizes": (16,), "random_state": 0}


def weights(net):
    return {k: v.numpy().copy() for k, v in net.module_.state_dict().items()}


def equal_weights(one, other):
    one, other = weights(one), weights(other)
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X[:600] / 16).astype(np.float32), y[:600]


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


# -- the estimate of information -------------------------------------------------------------


def test_information_of_independent_variables_is_nothing():
    joint = torch.tensor([0.2, 0.3, 0.5])[:, None] * torch.tensor([0.4, 0.6])
    assert float(plug_in(joint[None])) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("error", [0.0, 0.1, 0.5])
def test_information_of_a_binary_symmetric_channel(error):
    joint = torch.tensor([[1 - error, error], [error, 1 - error]], dtype=torch.float64) / 2
    entropy = sum(-p * math.log(p) for p in (error, 1 - error) if p)
    assert float(plug_in(joint[None])) == pytest.approx(math.log(2) - entropy, abs=1e-12)


def test_information_of_hard_values_is_that_of_scikit_learn():
    rng = np.random.RandomState(0)
    s, z = rng.randint(0, 4, 200), rng.randint(0, 2, 200)
    mass = torch.zeros(200, 2, dtype=torch.float64)
    mass[torch.arange(200), torch.as_tensor(z)] = 1 / 200
    values = nn.functional.one_hot(torch.as_tensor(s)).double()
    assert float(information(values, mass)) == pytest.approx(mutual_info_score(s, z), abs=1e-12)
    groups = rng.randint(0, 3, 200)
    found = information(values, mass, torch.as_tensor(groups))
    each = [
        np.mean(groups == g) * mutual_info_score(s[groups == g], z[groups == g]) for g in (0, 1, 2)
    ]
    assert float(found) == pytest.approx(sum(each), abs=1e-12)


def test_gradient_of_information_equals_finite_differences_and_the_formula():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    mass = torch.rand(12, 2, dtype=torch.float64, generator=generator)
    mass /= mass.sum()
    groups = torch.arange(12) % 3

    def of(logits, groups=None):
        return information(torch.softmax(logits, dim=1), mass, groups)

    assert torch.autograd.gradcheck(of, (logits,))
    assert torch.autograd.gradcheck(lambda logits: of(logits, groups), (logits,))
    values = torch.softmax(logits.detach(), dim=1).requires_grad_()
    (slope,) = torch.autograd.grad(information(values, mass), values)
    joint = values.detach().T @ mass
    ratio = joint / (joint.sum(dim=1, keepdim=True) * joint.sum(dim=0))
    # up to a constant in each row, since the values of a row sum to one
    by_formula = mass @ torch.log(ratio).T
    difference = slope - by_formula
    assert torch.allclose(difference, difference[:, :1].expand(-1, 4), atol=1e-9)


def test_gradient_through_soft_bins_equals_finite_differences():
    generator = torch.Generator().manual_seed(0)
    s = torch.randn(10, dtype=torch.float64, generator=generator, requires_grad=True)
    bins = SoftBins.over(s.detach(), 6)
    assert torch.allclose(bins(s).sum(dim=1), torch.ones(10, dtype=torch.float64))
    mass = torch.zeros(10, 2, dtype=torch.float64)
    mass[:6, 0], mass[6:, 1] = 1 / 12, 1 / 8
    assert torch.autograd.gradcheck(lambda s: information(bins(s), mass), (s,))


@pytest.mark.parametrize("gap", [0.0, 1.0, 3.0])
def test_soft_bins_tell_nearly_what_the_scalar_tells_and_never_more(gap):
    # two normal laws at a distance: the information is an integral
    grid = np.linspace(-12, 12 + gap, 20001)
    p, q = (np.exp(-0.5 * (grid - m) ** 2) / math.sqrt(2 * math.pi) for m in (0, gap))
    mean = (p + q) / 2
    parts = [np.where(law > 0, law * np.log(np.where(law > 0, law, 1) / mean), 0) for law in (p, q)]
    exact = np.trapezoid(sum(parts) / 2, grid)
    n = 20000
    generator = torch.Generator().manual_seed(0)
    s = torch.randn(2 * n, dtype=torch.float64, generator=generator)
    s[n:] += gap
    mass = torch.zeros(2 * n, 2, dtype=torch.float64)
    mass[:n, 0] = mass[n:, 1] = 0.5 / n
    found = float(information(SoftBins.over(s, 20)(s), mass))
    assert found < exact + 20 / n  # the bias of the plug-in estimate is about (20 - 1) / 4n
    assert found > 0.8 * exact


def test_one_row_among_thousands_is_invisible_unless_the_share_is_balanced():
    # METHODS: ½π(1-π)ρ²χ²; a row that the net says something else of, without any doubt
    n = 5000
    values = torch.zeros(n + 1, 2, dtype=torch.float64)
    values[:n, 0] = values[n:, 1] = 1
    found = {
        share: float(information(values, _mass_of(share, 1, n)(n, 1).double()))
        for share in ("true", "balanced")
    }
    assert found["true"] < 2e-4 < 0.6 < found["balanced"]
    assert found["balanced"] == pytest.approx(math.log(2), abs=1e-6)


def test_the_published_share_counts_64_and_16_rows():
    mass = _mass_of("batch", 100, 1000)(64, 16)
    assert float(mass.sum()) == pytest.approx(1)
    assert float(mass[:, 0].sum()) == pytest.approx(80 / 144)
    assert float(mass[64:, 0].sum()) == pytest.approx(16 / 144)
    assert torch.allclose(mass[:64], torch.full((64, 2), 1 / 144))


# -- what they do ----------------------------------------------------------------------------

ON_A_CLASS = [
    FineTune(n_epochs=20),
    NegGradPlus(),
    SCRUB(),
    MarginalInformation(),
    MarginalInformation(score="label"),
    LastLayerExact(),
    SelectiveSynapticDampening(),
]


@pytest.mark.filterwarnings("ignore:FineTune spent its budget")  # the last rows fade slowly
@pytest.mark.parametrize("unlearner", ON_A_CLASS, ids=repr)
def test_a_class_is_predicted_as_by_nets_that_never_saw_it(unlearner):
    case = one_class()
    assert case.on(case.net, "forget") > 0.95 and case.to_refits(case.net) > 0.9  # control
    assert all(case.on(refit, "forget") == 0 for refit in case.refits)
    net = case.unlearned(unlearner)
    assert case.on(net, "forget") < 0.2
    assert case.to_refits(net) - case.null < 0.4 * (case.to_refits(case.net) - case.null)
    assert case.on(net, "retain") > np.mean([case.on(r, "retain") for r in case.refits]) - 0.04
    assert case.on(net, "test") > np.mean([case.on(r, "test") for r in case.refits]) - 0.04


@pytest.mark.filterwarnings("ignore:(BadTeacher|NegGradPlus) spent its budget")  # said in the page
@pytest.mark.parametrize(
    ("unlearner", "least"), [(BadTeacher(), 0.3), (NewtonStep(), 0.01)], ids=["bad", "newton"]
)
def test_what_moves_a_class_only_part_of_the_way(unlearner, least):
    # Bad teaching makes noise of the class and takes other rows along; a Newton step of a net that
    # fits its rows is short.
    case = one_class()
    net = case.unlearned(unlearner)
    assert case.to_refits(net) < case.to_refits(case.net) - least
    assert case.on(net, "forget") <= case.on(case.net, "forget")
    assert case.on(net, "retain") > 0.9


@pytest.mark.filterwarnings("ignore:(FineTune|NegGradPlus|Marginal.*) spent its budget")
@pytest.mark.filterwarnings("ignore:Only 28 rows were held out")  # a small case, to be quick
@pytest.mark.parametrize(
    "unlearner",
    [FineTune(n_epochs=20), NegGradPlus(alpha=0.8), MarginalInformation()],
    ids=lambda unlearner: type(unlearner).__name__,
)
def test_memorised_rows_are_predicted_as_often_right_as_by_nets_that_never_saw_them(unlearner):
    case = noisy_rows()
    level = np.mean([case.on(refit, "forget") for refit in case.refits])
    before = case.on(case.net, "forget")
    assert before > level + 0.08  # control: they were memorised
    net = case.unlearned(unlearner)
    assert abs(case.on(net, "forget") - level) < 0.7 * (before - level)
    # row by row they come no closer than nets that never saw the rows are to one another, or far
    assert case.to_refits(net) < case.null + 0.1
    assert case.on(net, "test") > case.on(case.net, "test") - 0.03


@pytest.mark.filterwarnings("ignore:SCRUB spent its budget")  # what is asserted
@pytest.mark.filterwarnings("ignore:Only 28 rows were held out")  # a small case, to be quick
def test_scrub_hardly_reaches_random_rows_of_a_net_that_is_unsure():
    case = noisy_rows()
    level = np.mean([case.on(refit, "forget") for refit in case.refits])
    net = case.unlearned(SCRUB())
    assert not equal_weights(net, case.net)
    assert case.on(net, "forget") > level + 0.05


def test_scrub_as_published_does_not_leave_the_teacher():
    case = one_class()
    published = {"temperature": 4.0, "n_epochs": 3, "n_max_epochs": 3, "lr": 5e-4}
    still = case.unlearned(SCRUB(**published, optimizer="sgd", stopping=None))
    assert still.unlearning_history_[0]["forget_divergence"] == 0  # where it starts, no gradient
    assert max(entry["forget_divergence"] for entry in still.unlearning_history_) < 1e-2
    assert case.on(still, "forget") > 0.95
    moved = case.unlearned(SCRUB(stopping=None))
    assert max(entry["forget_divergence"] for entry in moved.unlearning_history_) > 1


def test_information_of_labels_sees_nothing_of_random_rows():
    case = noisy_rows()
    net = case.unlearned(MarginalInformation(gamma=1.5, **PUBLISHED))
    first = [entry["information"] for entry in net.unlearning_history_[:5]]
    assert max(first) < 0.01  # nats, before anything was forgotten; of bias alone .016
    assert np.mean(first) < (10 - 1) / (2 * 144)
    trained = case.unlearned(FineTune(n_epochs=2, stopping=None))
    assert abs(case.on(net, "forget") - case.on(trained, "forget")) < 0.05
    # the same penalty sees a class
    case = one_class()
    net = case.unlearned(MarginalInformation(gamma=1.5, **PUBLISHED))
    assert np.mean([entry["information"] for entry in net.unlearning_history_[:5]]) > 0.02
    assert case.on(net, "forget") < 0.9


@pytest.mark.parametrize(
    "options", [{"score": s} for s in ("proba", "loss")] + [{"conditional": True}]
)
def test_variants_of_marginal_information_hide_a_class(options):
    case = one_class()
    net = case.unlearned(MarginalInformation(**options))
    assert case.on(net, "forget") < 0.1
    assert case.on(net, "test") > np.mean([case.on(r, "test") for r in case.refits]) - 0.05


def test_a_part_of_a_class_is_forgotten_too_much_unless_a_level_is_set():
    case = one_class()
    some = np.random.RandomState(0).permutation(case.forget)
    gone, kept = some[:90], np.union1d(some[90:], case.retain)
    found = {}
    for target in ("zero", "level", "law"):
        options = {"score": "label", "target": target, "stopping": None}
        net = copy.deepcopy(case.net).set_params(unlearner=MarginalInformation(**options))
        net.unlearn(case.X[gone], case.y[gone], X_retain=case.X[kept], y_retain=case.y[kept])
        found[target] = net.score(case.X[gone], case.y[gone])
    assert found["zero"] < 0.5 < found["level"] and found["zero"] < found["law"]


def test_marginal_information_refuses_what_it_does_not_know():
    case = one_class()
    for wrong in ({"score": "loss2"}, {"target": 0}, {"share": 0.2}, {"gamma": -1}, {"n_bins": 1}):
        (name,) = wrong
        with pytest.raises(ValueError, match=f"Got {name}="):
            case.unlearned(MarginalInformation(**wrong))


def test_without_unseen_rows_there_is_no_law_to_reach(digits):
    X, y = digits
    net = NeuralNetClassifier(train_split=None, **QUICK).fit(X, y)
    net.set_params(unlearner=MarginalInformation(stopping=None))
    with pytest.raises(UnlearningError, match="no rows that the net has not learned from"):
        net.unlearn(X[:50], y[:50], X_retain=X[50:], y_retain=y[50:])


@pytest.mark.parametrize(
    ("unlearner", "message"),
    [
        (NegGradPlus(alpha=1.5), "Got alpha=1.5"),
        (BadTeacher(retain_fraction=0), "Got retain_fraction=0"),
        (SCRUB(temperature=0), "Got temperature=0"),
        (SelectiveSynapticDampening(alpha=-1), "Got alpha=-1"),
        (NewtonStep(damping=-1), "Got damping=-1"),
        (NewtonStep(curvature="fisher"), "Got curvature='fisher'"),
        (LastLayerExact(alpha=0), "Got alpha=0"),
        (LastLayerExact(source="retain_"), "Got source='retain_'"),
        (FineTune(optimizer="adamw"), "Got optimizer='adamw'"),
    ],
)
def test_a_wrong_parameter_is_named(unlearner, message):
    case = one_class()
    with pytest.raises(ValueError, match=message):
        case.unlearned(unlearner)


def test_rows_that_were_forgotten_before_are_not_learned_again(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=FineTune(n_epochs=1, stopping=None), **QUICK).fit(X, y)
    net.unlearn(X[:20], y[:20], X_retain=X[20:], y_retain=y[20:])
    with pytest.raises(UnlearningError, match="5 of the 575 rows in X_retain were never learned"):
        net.unlearn(
            X[20:30], y[20:30], X_retain=np.r_[X[15:20], X[30:]], y_retain=np.r_[y[15:20], y[30:]]
        )


# -- dampening -------------------------------------------------------------------------------


class Counting(MLP):
    """Counts the rows that went through it."""

    n_rows = 0

    def forward(self, X):
        type(self).n_rows += len(X)
        return super().forward(X)


def test_dampening_takes_at_most_three_passes_over_the_forget_rows(digits):
    X, y = digits
    net = NeuralNetClassifier(
        Counting,
        unlearner=SelectiveSynapticDampening(alpha=1.5),
        **{k: v for k, v in QUICK.items() if k != "hidden_layer_sizes"},
    ).fit(X, y)
    rows = y == 3
    Counting.n_rows = 0
    net.unlearn(X[rows], y[rows])
    assert 0 < Counting.n_rows <= 3 * rows.sum()


def test_importances_are_sums_of_squared_derivatives_row_by_row(digits):
    X, y = (torch.as_tensor(part[:7]) for part in digits)
    module = nn.Sequential(nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 10))
    net = NetView(module, "classification", nn.CrossEntropyLoss(), 10)
    expected = dict.fromkeys(dict(module.named_parameters()), 0.0)
    for x, label in zip(X, y, strict=True):
        module.zero_grad()
        nn.functional.cross_entropy(module(x[None]), label[None]).backward()
        for name, weight in module.named_parameters():
            expected[name] = expected[name] + weight.grad.double().square()
    rows = Rows(X, y)
    for found in (row_sums(net, rows, net.losses, 2), _one_by_one(net, rows, net.losses, 2)):
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-10)


def test_importances_of_a_net_with_convolutions_are_taken_row_by_row(digits):
    X, y = (torch.as_tensor(part[:7]) for part in digits)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))
    net = NetView(module, "classification", nn.CrossEntropyLoss(), 10)
    rows = Rows(X.reshape(-1, 1, 8, 8), y)
    total = row_sums(net, rows, net.losses, 2)
    parts = [row_sums(net, rows.take(slice(i, i + 1)), net.losses, 2) for i in range(7)]
    for name, value in total.items():
        torch.testing.assert_close(value, sum(part[name] for part in parts))


def test_kept_importances_lose_the_forgotten_rows_and_no_others(digits):
    X, y = digits
    net = NeuralNetClassifier(
        unlearner=FineTune(n_epochs=1, stopping=None), keep=("importances",), **QUICK
    ).fit(X, y)
    before, view = net._pieces_["importances"], net._view(copy.deepcopy(net.module_))
    held = np.isin(net._hash(X, y, net._key_), net._calibration_.hashes)
    assert before.n_rows == (~held).sum() and held[:100].any()
    net.unlearn(X[:100], y[:100], X_retain=X[100:], y_retain=y[100:])
    train = ~held
    train[:100] = False
    rows = Rows(torch.as_tensor(X[train]), torch.as_tensor(y[train]))
    after = net._pieces_["importances"]
    assert after.n_rows == train.sum()
    for name, value in Importances.of_rows(view, rows).items():
        torch.testing.assert_close(after.sums[name], value, rtol=1e-4, atol=1e-6)
    assert any("importances" in residue for residue in net.guarantee_.residues)


def test_dampening_does_nothing_to_rows_that_are_like_the_others():
    case = one_class()
    forget = np.random.RandomState(0).choice(case.retain, 90, replace=False)
    X, y = case.X[forget], case.y[forget]

    def unlearned(alpha):
        net = copy.deepcopy(case.net).set_params(unlearner=SelectiveSynapticDampening(alpha=alpha))
        return net.unlearn(X, y)

    with pytest.warns(UserWarning, match="nothing was changed: lower alpha"):
        net = unlearned(len(case.X) / 90)  # no weight can matter more to them than that
    assert equal_weights(net, case.net)
    net = unlearned(None)
    assert not equal_weights(net, case.net)
    assert abs(net.score(X, y) - case.net.score(X, y)) < 0.03
    # while the same rule hides a class
    assert case.on(case.unlearned(SelectiveSynapticDampening()), "forget") < 0.2


# -- Newton ----------------------------------------------------------------------------------


@pytest.mark.parametrize("curvature", ["gauss_newton", "hessian"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
def test_a_newton_step_is_exact_on_a_quadratic_loss(diabetes, curvature, weight_decay):
    X, y = diabetes
    step = NewtonStep(damping=0, weight_decay=weight_decay, curvature=curvature, tol=1e-10)
    torch.manual_seed(0)
    net = NeuralNetRegressor.from_module(
        nn.Linear(10, 1).double(),
        X=X[:400],
        y=y[:400],
        X_valid=X[400:],
        y_valid=y[400:],
        input_dtype="float64",
        unlearner=step,
    )
    net.unlearn(X[:50], y[:50], X_retain=X[50:400], y_retain=y[50:400])
    A = np.c_[X[50:400], np.ones(350)]
    target = y[50:400].astype(np.float32)
    gram = 2 * A.T @ A / 350 + weight_decay * np.eye(11)
    expected = np.linalg.solve(gram, 2 * A.T @ target / 350)
    found = np.r_[net.module_.weight.detach().numpy()[0], net.module_.bias.detach().numpy()]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert len(net.unlearning_history_) <= 13 + 40  # at most as many iterations as it takes


def test_a_newton_step_goes_down_the_loss_of_the_rows_that_remain():
    case = noisy_rows()
    rows = Rows(torch.as_tensor(case.X[case.retain]), torch.as_tensor(case.y[case.retain]))

    def loss(net):
        view = net._view(net.module_)
        return float(view.loss(view.all_outputs(rows.X), rows.y))

    net = case.unlearned(NewtonStep(damping=1.0))
    assert loss(net) < loss(case.net)


def test_indefinite_curvature_is_refused_or_said(digits):
    case = noisy_rows()
    with pytest.warns(UserWarning, match="the step was cut short"):
        case.unlearned(NewtonStep(damping=1e-3, curvature="hessian"))
    assert NewtonStep().curvature == "gauss_newton"  # which needs no such warning


# -- the last layer --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def headed(digits):
    return NeuralNetClassifier(unlearner=LastLayerExact(), **QUICK).fit(*digits)


def trained_on(net, X, y):
    return ~np.isin(net._hash(X, net._encode(y), net._key_), net._calibration_.hashes)


def test_the_head_equals_one_fitted_without_the_rows_bit_for_bit(digits, headed):
    X, y = digits
    net = copy.deepcopy(headed).unlearn(X[:60], y[:60]).unlearn(X[60:100], y[60:100])
    kept, train = net._pieces_["head"], trained_on(headed, X, y)
    assert train[:100].any() and not train[:100].all()  # rows held out are no part of the head
    train[:100] = False
    rows = Rows(torch.as_tensor(X[train]), torch.as_tensor(y[train]))
    view = headed._view(headed.module_)
    refit = fit_head(view, rows, kept.name, resolution=headed._pieces_["head"].model.resolution_)
    assert isinstance(refit, RidgeClassifier)
    assert kept.model.n_samples_retained_ == refit.n_samples_retained_ == train.sum()
    assert np.array_equal(kept.model.coef_, refit.coef_)
    assert np.array_equal(kept.model.intercept_, refit.intercept_)
    # and the layer is that head, times a scale, in single precision
    scale_, weight = net.unlearning_history_[0]["scale"], weights(net)[f"{kept.name}.weight"]
    np.testing.assert_allclose(weight, scale_ * refit.coef_, rtol=1e-6, atol=1e-6)
    Z = features(view, torch.as_tensor(X), kept.name)
    assert np.mean(net.predict(X) == refit.predict(Z)) > 0.999


def test_the_head_does_not_depend_on_the_order_or_the_split_of_requests(digits, headed):
    X, y = digits
    at_once = copy.deepcopy(headed).unlearn(X[:100], y[:100])
    order = np.random.RandomState(0).permutation(100)
    in_parts = copy.deepcopy(headed)
    for part in np.array_split(order, 3):
        in_parts.unlearn(X[part], y[part])
    assert equal_weights(at_once, in_parts)


def test_rows_of_an_earlier_part_of_the_training_are_no_part_of_the_head(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=LastLayerExact(), **QUICK).fit(X[:300], y[:300])
    net.partial_fit(X[300:], y[300:])
    before = net._pieces_["head"].model
    net.unlearn(X[:20], y[:20])
    after = net._pieces_["head"].model
    assert after.n_samples_retained_ == before.n_samples_retained_ <= 300
    assert np.array_equal(after.coef_, before.coef_)


def test_only_the_last_layer_changes_and_the_guarantee_says_so(digits, headed):
    X, y = digits
    net = copy.deepcopy(headed).unlearn(X[:100], y[:100])
    name = net._pieces_["head"].name
    before, after = weights(headed), weights(net)
    changed = {key for key in before if not np.array_equal(before[key], after[key])}
    assert changed == {f"{name}.weight", f"{name}.bias"}
    assert net.guarantee_.kind == "approximate"
    assert any("all layers but the last" in residue for residue in net.guarantee_.residues)


def test_probabilities_of_the_head_are_sane():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    net = NeuralNetClassifier(unlearner=LastLayerExact(), random_state=0).fit(X[:400], y[:400])
    net.unlearn(X[:40], y[:40])
    p = net.predict_proba(X[400:])[np.arange(169), y[400:]]
    assert net.score(X[400:], y[400:]) > 0.93
    assert -np.log(p).mean() < 0.2


def test_retained_rows_give_the_same_head_as_what_was_kept(digits):
    X, y = digits
    net = NeuralNetClassifier(train_split=None, unlearner=LastLayerExact(), **QUICK).fit(X, y)
    kept = copy.deepcopy(net).unlearn(X[:60], y[:60])
    given = copy.deepcopy(net).set_params(unlearner__source="retain")
    given.unlearn(X[:60], y[:60], X_retain=X[60:], y_retain=y[60:])
    for key, value in weights(kept).items():  # the grid is chosen anew
        np.testing.assert_allclose(weights(given)[key], value, rtol=1e-4, atol=1e-5)


def test_what_was_kept_is_void_once_the_layers_below_have_changed(digits):
    X, y = digits
    net = NeuralNetClassifier(
        unlearner=FineTune(n_epochs=1, stopping=None), keep=("head",), **QUICK
    ).fit(X, y)
    net.unlearn(X[:9], y[:9], X_retain=X[9:], y_retain=y[9:])
    net.set_params(unlearner=LastLayerExact())
    with pytest.raises(UnlearningError, match="layers below the last one were changed"):
        net.unlearn(X[9:12], y[9:12])
    net.set_params(unlearner__source="retain")
    net.unlearn(X[9:12], y[9:12], X_retain=X[12:], y_retain=y[12:])


def test_classes_that_go_are_never_predicted_down_to_the_last(digits, headed):
    X, y = digits
    gone = y > 0
    net = copy.deepcopy(headed).unlearn(X[y == 3], y[y == 3])
    assert not (net.predict(X) == 3).any()
    net = copy.deepcopy(headed).unlearn(X[gone], y[gone])
    assert (net.predict(X) == 0).all()


def test_a_net_without_a_linear_end_has_no_head(digits):
    X, y = digits
    module = nn.Sequential(nn.Linear(64, 10), nn.Tanh())
    net = NeuralNetClassifier(module, unlearner=LastLayerExact(), max_epochs=1).fit(X, y)
    with pytest.raises(UnlearningError, match=r"does not end in a torch\.nn\.Linear"):
        net.unlearn(X[:9], y[:9])


def test_a_softmax_after_the_last_layer_is_allowed(digits):
    X, y = digits
    module = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10), nn.Softmax(dim=1))
    net = NeuralNetClassifier(
        module, criterion=nn.NLLLoss, unlearner=LastLayerExact(), max_epochs=5, lr=0.01
    ).fit(X, y)
    assert net.unlearn(X[:9], y[:9]).score(X, y) > 0.8


# -- training again --------------------------------------------------------------------------


def test_retraining_equals_a_fit_on_the_rows_that_remain(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=Retrain(), keep=("importances",), **QUICK).fit(X, y)
    refit = clone(net).fit(X[50:], y[50:])
    net.unlearn(X[:50], y[:50], X_retain=X[50:], y_retain=y[50:])
    assert equal_weights(net, refit)
    assert [row["train_loss"] for row in net.history_] == [
        row["train_loss"] for row in refit.history_
    ]
    assert np.array_equal(net._calibration_.outputs, refit._calibration_.outputs)
    one, other = net._pieces_["importances"], refit._pieces_["importances"]
    assert all(torch.equal(one.sums[k], other.sums[k]) for k in one.sums)
    assert net.guarantee_.kind == "exact" and net.guarantee_.residues == ()
    assert "X_retain" in " ".join(net.guarantee_.conditional_on)
    assert net.n_samples_retained_ == refit.n_samples_retained_ == len(X) - 50
    # a second request starts from what is left
    again = clone(net).fit(X[90:], y[90:])
    net.unlearn(X[50:90], y[50:90], X_retain=X[90:], y_retain=y[90:])
    assert equal_weights(net, again)


class Interrupts(skorch.callbacks.Callback):
    """Interrupts training in its second epoch, once it is armed."""

    armed = False

    def on_epoch_end(self, net, **kwargs):
        if type(self).armed and len(net.history) == 2:
            raise KeyboardInterrupt


def test_an_interrupt_does_not_commit_a_half_trained_net(digits):
    X, y = digits
    net = NeuralNetClassifier(
        unlearner=Retrain(), callbacks=[("interrupts", Interrupts())], **QUICK
    ).fit(X, y)
    before, history = weights(net), len(net.history_)
    Interrupts.armed = True
    try:
        with pytest.raises(KeyboardInterrupt):
            net.unlearn(X[:50], y[:50], X_retain=X[50:], y_retain=y[50:])
    finally:
        Interrupts.armed = False
    assert all(np.array_equal(value, before[key]) for key, value in weights(net).items())
    assert len(net.history_) == history and net.n_samples_retained_ == len(X)
    net.unlearn(X[:50], y[:50], X_retain=X[50:], y_retain=y[50:])
    assert net.n_samples_retained_ == len(X) - 50


def test_retraining_on_some_of_the_rows_is_said(digits):
    X, y = digits
    net = NeuralNetClassifier(unlearner=Retrain(), **QUICK).fit(X, y)
    with pytest.warns(UserWarning, match="Retrain got 300 of the 550 rows that remain"):
        net.unlearn(X[:50], y[:50], X_retain=X[300:], y_retain=y[300:])
    assert net.n_samples_retained_ == 550


# -- numbers as targets ----------------------------------------------------------------------


def planted(diabetes):
    """Forty rows with targets that are three standard deviations off."""
    X, y = diabetes
    y = y.copy()
    y[:40] += 3
    return X, y


@pytest.fixture(scope="module")
def regressions(diabetes):
    X, y = planted(diabetes)
    options = {"max_epochs": 100, "lr": 0.004, "train_split": HeldOut(0.15)}
    net = NeuralNetRegressor(random_state=0, keep=("head",), **options).fit(X, y)
    refits = [NeuralNetRegressor(random_state=s, **options).fit(X[40:], y[40:]) for s in (1, 2)]
    return X, y, net, refits


def residual(net, X, y):
    return np.abs(net.predict(X[:40]) - y[:40]).mean()


@pytest.mark.filterwarnings("ignore:.* spent its budget")  # rows so far off are beyond the level
@pytest.mark.parametrize(
    "unlearner",
    [
        FineTune(n_epochs=30, stopping=None),
        NegGradPlus(alpha=0.9, stopping=None),
        BadTeacher(retain_fraction=1, stopping=None),
        NewtonStep(),
        Retrain(),
    ],
    ids=lambda unlearner: type(unlearner).__name__,
)
def test_planted_numbers_are_forgotten(regressions, unlearner):
    X, y, net, refits = regressions
    before, level = residual(net, X, y), np.mean([residual(r, X, y) for r in refits])
    null = abs(residual(refits[0], X, y) - residual(refits[1], X, y))
    assert level - before > 5 * null  # control: the planted targets were learned
    net = copy.deepcopy(net).set_params(unlearner=unlearner)
    net.unlearn(X[:40], y[:40], X_retain=X[40:], y_retain=y[40:])
    assert residual(net, X, y) > before + 0.1 * (level - before)
    error = np.mean((net.predict(X[40:]) - y[40:]) ** 2)
    assert error < 1.2 * max(np.mean((r.predict(X[40:]) - y[40:]) ** 2) for r in refits) + 0.3


def test_features_that_know_planted_numbers_still_know_them(regressions):
    X, y, net, refits = regressions
    before, level = residual(net, X, y), np.mean([residual(r, X, y) for r in refits])
    net = copy.deepcopy(net).set_params(unlearner=LastLayerExact())
    after = residual(net.unlearn(X[:40], y[:40]), X, y)
    assert after != before
    assert after < before + 0.3 * (level - before)  # so the guarantee names them


def test_a_numeric_head_is_a_ridge(diabetes):
    X, y = diabetes
    net = NeuralNetRegressor(unlearner=LastLayerExact(), random_state=0, max_epochs=5).fit(X, y)
    fitted = copy.deepcopy(net)
    net.unlearn(X[:40], y[:40])
    kept, train = net._pieces_["head"], trained_on(fitted, X.astype(np.float32), y)
    train[:40] = False
    view = fitted._view(fitted.module_)
    Z = features(view, torch.as_tensor(X[train].astype(np.float32)), kept.name)
    refit = Ridge(resolution=fitted._pieces_["head"].model.resolution_)
    refit.fit(Z, y[train].astype(np.float32)[:, None])
    assert np.array_equal(kept.model.coef_, refit.coef_)


@pytest.mark.parametrize(
    "unlearner", [SCRUB(), MarginalInformation(), SelectiveSynapticDampening()], ids=repr
)
def test_unlearners_of_classes_refuse_numbers(diabetes, unlearner):
    X, y = diabetes
    net = NeuralNetRegressor(unlearner=unlearner, **QUICK).fit(X, y)
    with pytest.raises(UnlearningError, match="is for classification, and this net does regr"):
        net.unlearn(X[:9], y[:9], X_retain=X[40:], y_retain=y[40:])
