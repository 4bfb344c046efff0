"""Published unlearners that take retained rows: what they do, and what they are known not to do."""

import copy

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.preprocessing import scale

from skunlearn.exceptions import UnlearningError

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from forgetting_cases import noisy_rows, one_class  # noqa: E402
from torch import nn  # noqa: E402

from skunlearn.neural_network import NeuralNetClassifier, NeuralNetRegressor  # noqa: E402
from skunlearn.neural_network._batches import wrong_labels  # noqa: E402
from skunlearn.neural_network._importances import OutputImportances  # noqa: E402
from skunlearn.neural_network._view import NetView, Rows  # noqa: E402
from skunlearn.neural_network.baselines import (  # noqa: E402
    UNSIR,
    Amnesiac,
    FisherForgetting,
    LabelFreeSSD,
    SalUn,
)
from skunlearn.neural_network.baselines._fisher_forgetting import _fisher  # noqa: E402

QUICK = {"max_epochs": 4, "lr": 0.005, "hidden_layer_sizes": (16,), "random_state": 0}


def weights(net):
    return [value.numpy().copy() for value in net.module_.state_dict().values()]


def n_changed(one, other):
    return sum(np.count_nonzero(a != b) for a, b in zip(weights(one), weights(other), strict=True))


# -- a class, and rows that were memorised ---------------------------------------------------


@pytest.mark.parametrize("unlearner", [Amnesiac(), SalUn(), UNSIR()], ids=repr)
def test_a_class_is_predicted_as_by_nets_that_never_saw_it(unlearner):
    case = one_class()
    assert case.on(case.net, "forget") > 0.95 and case.to_refits(case.net) > 0.9  # control
    net = case.unlearned(unlearner)
    assert case.on(net, "forget") < 0.05
    # UNSIR sends the class where its noise was, not where other nets would
    share = 0.6 if isinstance(unlearner, UNSIR) else 0.4
    assert case.to_refits(net) - case.null < share * (case.to_refits(case.net) - case.null)
    lost = 0.12 if isinstance(unlearner, UNSIR) else 0.05
    assert case.on(net, "retain") > np.mean([case.on(r, "retain") for r in case.refits]) - lost
    assert case.on(net, "test") > np.mean([case.on(r, "test") for r in case.refits]) - lost


@pytest.mark.parametrize("unlearner", [LabelFreeSSD(), FisherForgetting()], ids=repr)
def test_what_moves_a_class_part_of_the_way_and_others_with_it(unlearner):
    case = one_class()
    net = case.unlearned(unlearner)
    assert case.to_refits(net) < case.to_refits(case.net) - 0.03
    drop = {which: case.on(case.net, which) - case.on(net, which) for which in ("forget", "retain")}
    assert drop["forget"] > drop["retain"] > 0


@pytest.mark.filterwarnings("ignore:(Amnesiac|SalUn) spent its budget")
@pytest.mark.filterwarnings("ignore:Only 28 rows were held out")  # a small case, to be quick
@pytest.mark.parametrize("unlearner", [Amnesiac(), SalUn()], ids=repr)
def test_wrong_labels_lower_the_accuracy_on_memorised_rows(unlearner):
    case = noisy_rows()
    level = np.mean([case.on(refit, "forget") for refit in case.refits])
    before = case.on(case.net, "forget")
    assert before > level + 0.08
    net = case.unlearned(unlearner)
    assert case.on(net, "forget") < before - 0.02
    assert case.on(net, "test") > case.on(case.net, "test") - 0.05


def test_without_a_stop_wrong_labels_are_learned_by_heart():
    case = noisy_rows()
    level = np.mean([case.on(refit, "forget") for refit in case.refits])
    net = case.unlearned(Amnesiac(n_epochs=30, lr=4e-3, stopping=None))
    assert case.on(net, "forget") < level - 0.2  # far below nets that never saw the rows


# -- Amnesiac --------------------------------------------------------------------------------


def test_a_wrong_label_is_never_the_true_one_and_each_other_as_likely():
    y = torch.arange(4).repeat_interleave(6000)
    wrong = wrong_labels(y, 4, torch.Generator().manual_seed(0))
    assert not (wrong == y).any()
    counts = torch.bincount(y * 4 + wrong, minlength=16).reshape(4, 4)
    others = counts[~torch.eye(4, dtype=bool)].double()
    assert (others - 2000).abs().max() < 5 * np.sqrt(6000 * (1 / 3) * (2 / 3))


# -- SalUn -----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_only_salient_weights_change(optimizer):
    case = one_class()
    options = {"optimizer": optimizer, "n_epochs": 2, "stopping": None}
    n_weights = sum(value.size for value in weights(case.net))
    net = case.unlearned(SalUn(share=0.3, **options))
    assert 0.1 * n_weights < n_changed(net, case.net) <= 0.3 * n_weights + 1
    everything = case.unlearned(SalUn(share=1.0, **options))
    assert n_changed(everything, case.net) > 0.6 * n_weights  # some inputs are always zero


def test_salient_weights_are_those_with_the_largest_derivative():
    case = one_class()
    net = copy.deepcopy(case.net.module_)
    X, y = (torch.as_tensor(part[case.forget]) for part in (case.X, case.y))
    nn.functional.cross_entropy(net(X), y).backward()
    slopes = torch.cat([p.grad.abs().flatten() for p in net.parameters()]).numpy()
    after = case.unlearned(SalUn(share=0.2, n_epochs=1, stopping=None))
    moved = np.concatenate(
        [(a != b).ravel() for a, b in zip(weights(after), weights(case.net), strict=True)]
    )
    assert slopes[moved].min() >= np.quantile(slopes, 0.8) * 0.99


# -- UNSIR -----------------------------------------------------------------------------------


def test_unsir_refuses_a_part_of_a_class():
    case = one_class()
    net = copy.deepcopy(case.net).set_params(unlearner=UNSIR())
    part, rest = case.forget[:60], np.union1d(case.forget[60:], case.retain)
    with pytest.raises(UnlearningError, match="UNSIR forgets whole classes"):
        net.unlearn(case.X[part], case.y[part], X_retain=case.X[rest], y_retain=case.y[rest])


def test_unsir_impairs_more_than_the_repair_alone_would():
    case = one_class()
    impaired = case.unlearned(UNSIR())
    repaired = case.unlearned(UNSIR(impair_lr=1e-9))
    assert case.on(impaired, "forget") < 0.05 < 0.3 < case.on(repaired, "forget")
    history = impaired.unlearning_history_
    assert {entry["repairing"] for entry in history} == {0, 1}


# -- importances without labels --------------------------------------------------------------


def test_importances_without_labels_are_derivatives_of_the_squared_output():
    X, _ = load_digits(return_X_y=True)
    X = torch.as_tensor(X[:6] / 16, dtype=torch.float32)
    module = nn.Sequential(nn.Linear(64, 5), nn.Tanh(), nn.Linear(5, 10))
    net = NetView(module, "classification", nn.CrossEntropyLoss(), 10)
    expected = dict.fromkeys(dict(module.named_parameters()), 0.0)
    for x in X:
        module.zero_grad()
        module(x[None]).square().sum().backward()
        for name, weight in module.named_parameters():
            expected[name] = expected[name] + weight.grad.double().abs()
    for name, value in OutputImportances.of_rows(net, Rows(X)).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-9)


def test_label_free_dampening_takes_no_labels():
    case = one_class()
    X, y = case.X[case.forget], case.y[case.forget]
    net = copy.deepcopy(case.net).set_params(unlearner=LabelFreeSSD())
    with_labels = copy.deepcopy(net).unlearn(X, y)
    assert n_changed(net.unlearn(X), with_labels) == 0
    assert case.on(net, "forget") < 0.8


def test_label_free_dampening_leaves_rows_that_are_like_the_others():
    case = noisy_rows()
    net = case.unlearned(LabelFreeSSD(alpha=4.0))
    assert n_changed(net, case.net) > 0
    assert abs(case.on(net, "forget") - case.on(case.net, "forget")) < 0.02
    with pytest.warns(UserWarning, match="nothing was changed: lower alpha"):
        case.unlearned(LabelFreeSSD(alpha=12.0))  # no weight can matter more to them than that


# -- Fisher forgetting -----------------------------------------------------------------------


def test_fisher_information_is_that_of_labels_drawn_from_the_net():
    X, _ = load_digits(return_X_y=True)
    X = torch.as_tensor(X[:5] / 16, dtype=torch.float32)
    module = nn.Linear(64, 10)
    net = NetView(module, "classification", nn.CrossEntropyLoss(), 10)
    p = torch.softmax(module(X).detach(), dim=1)
    # of logits: Σ_y p_y (1{y=k} - p_k)² = p_k (1 - p_k)
    expected = (p * (1 - p)).double().T @ X.double().square() / 5
    torch.testing.assert_close(_fisher(net, Rows(X))["weight"], expected, rtol=1e-4, atol=1e-9)


def test_fisher_noise_is_larger_where_the_retained_rows_do_not_decide():
    case = one_class()
    net = case.unlearned(FisherForgetting(n_rows=200))
    rows = Rows(torch.as_tensor(case.X[case.retain[:200]]))
    fisher = _fisher(case.net._view(copy.deepcopy(case.net.module_)), rows)
    moved = {
        name: (after - before).detach().abs().numpy().ravel()
        for (name, after), before in zip(
            net.module_.named_parameters(), case.net.module_.parameters(), strict=True
        )
    }
    information = fisher["layers.2.weight"].numpy().ravel()
    low, high = np.quantile(information, [0.25, 0.75])
    noise = moved["layers.2.weight"]
    assert noise[information <= low].mean() > 2 * noise[information >= high].mean() > 0


# -- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unlearner", [Amnesiac(), SalUn(), UNSIR(), LabelFreeSSD(), FisherForgetting()], ids=repr
)
def test_numbers_are_refused(unlearner):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    net = NeuralNetRegressor(unlearner=unlearner, **QUICK).fit(X, y)
    before = weights(net)
    with pytest.raises(UnlearningError, match="is for classification, and this net does regr"):
        net.unlearn(X[:9], y[:9], X_retain=X[40:], y_retain=y[40:])
    assert all(np.array_equal(a, b) for a, b in zip(weights(net), before, strict=True))


@pytest.mark.parametrize(
    ("unlearner", "message"),
    [
        (SalUn(share=0), "Got share=0"),
        (Amnesiac(lr=-1), "Got lr=-1"),
        (FisherForgetting(alpha=0), "Got alpha=0"),
        (UNSIR(n_noise=0), "Got n_noise=0"),
        (LabelFreeSSD(lambda_=0), "Got lambda_=0"),
    ],
)
def test_a_wrong_parameter_is_named(unlearner, message):
    with pytest.raises(ValueError, match=message):
        one_class().unlearned(unlearner)


@pytest.mark.parametrize("unlearner", [Amnesiac(), SalUn(), UNSIR(), FisherForgetting()], ids=repr)
def test_retained_rows_are_asked_for(unlearner):
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    net = NeuralNetClassifier(unlearner=unlearner, **QUICK).fit(X, y)
    with pytest.raises(UnlearningError, match="needs the rows that remain"):
        net.unlearn(X[:9], y[:9])
