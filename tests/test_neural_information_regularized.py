"""A net that tells little of a sensitive variable: its penalties, and fresh rows."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.preprocessing import scale

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from skunlearn.neural_network import (  # noqa: E402
    FineTune,
    InformationRegularizedNetClassifier,
    NeuralNetClassifier,
)
from skunlearn.neural_network._information_regularized import _energy, _information  # noqa: E402

QUICK = {"batch_size": 256, "lr": 0.005, "hidden_layer_sizes": (32,), "random_state": 0}


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(0)
    z = rng.choice(["f", "m"], 4000)
    X = rng.normal(size=(4000, 3)) + (z == "m")[:, None] * [1.0, 0.5, 0.0]
    y = np.where(X.sum(axis=1) + rng.logistic(size=4000) > 1, "yes", "no")
    return X, y, z


def fitted(toy, n=2000, **options):
    X, y, z = (part[:n] for part in toy)
    net = InformationRegularizedNetClassifier(**(QUICK | options))
    return net.fit(X, y, sensitive_features=z)


def gap(net, toy, among=None):
    """Difference of the groups' mean predictions on rows that were not fitted."""
    X, y, z = (part[2000:] for part in toy)
    p = net.predict_proba(X)[:, 1]
    rows = np.ones(len(y), dtype=bool) if among is None else y == among
    return abs(p[rows & (z == "m")].mean() - p[rows & (z == "f")].mean())


def auc(net, toy):
    return roc_auc_score(toy[1][2000:] == "yes", net.predict_proba(toy[0][2000:])[:, 1])


def test_information_of_certain_predictions_is_that_of_scikit_learn():
    rng = np.random.RandomState(0)
    labels, z, y = rng.randint(0, 3, 90), rng.randint(0, 2, 90), rng.randint(0, 2, 90)
    p = torch.nn.functional.one_hot(torch.as_tensor(labels)).double()
    found = float(_information(p, torch.as_tensor(z), 2))
    assert found == pytest.approx(mutual_info_score(labels, z), abs=1e-12)
    found = float(_information(p, torch.as_tensor(z), 2, torch.as_tensor(y)))
    parts = [(y == c).mean() * mutual_info_score(labels[y == c], z[y == c]) for c in (0, 1)]
    assert found == pytest.approx(sum(parts), abs=1e-12)


def test_energy_sees_scores_that_have_the_same_mean():
    s = torch.tensor([0.1, 0.9, 0.5, 0.5], dtype=torch.float64)
    p, z = torch.stack([1 - s, s], dim=1), torch.tensor([0, 0, 1, 1])
    assert float(_information(p, z, 2)) == pytest.approx(0, abs=1e-12)
    # Σ_z π_z (2 E|s_z - s| - E|s_z - s_z'| - E|s - s'|), by hand
    by_hand = 0.5 * (2 * 0.4 - 0.4 - 0.3) + 0.5 * (2 * 0.2 - 0.0 - 0.3)
    assert float(_energy(p, z, 2)) == pytest.approx(by_hand, abs=1e-12)
    same = torch.tensor([0, 1, 0, 1])
    assert float(_energy(p[[0, 0, 1, 1]], same, 2)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("penalty", [_information, _energy])
@pytest.mark.parametrize("conditional", [False, True])
def test_gradients_equal_finite_differences(penalty, conditional):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(9, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    z, y = torch.arange(9) % 2, torch.arange(9) // 3 % 2

    def value(logits):
        return penalty(torch.softmax(logits, dim=1), z, 2, y if conditional else None)

    assert torch.autograd.gradcheck(value, (logits,))


def test_without_a_penalty_it_is_the_plain_net(toy):
    X, y = toy[0][:500], toy[1][:500]
    options = QUICK | {"max_epochs": 3, "unlearner": FineTune(n_epochs=1, stopping=None)}
    one = InformationRegularizedNetClassifier(gamma=0, **options).fit(X, y)
    other = NeuralNetClassifier(**options).fit(X, y)
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))
    assert one.unlearn(X[:5], y[:5], X_retain=X[5:], y_retain=y[5:]).n_samples_retained_ == 495


@pytest.mark.parametrize("penalty", ["information", "energy"])
def test_parity_on_fresh_rows(toy, penalty):
    plain, fair = fitted(toy, gamma=0), fitted(toy, gamma=20, penalty=penalty)
    assert gap(plain, toy) > 0.2 and plain.information_ > 20 * plain.information_bias_  # control
    assert gap(fair, toy) < 0.1  # of 1800 rows fitted
    assert fair.information_ < 0.1 * plain.information_
    assert auc(fair, toy) > 0.65
    accuracy = fair.history_[-1]["valid_acc"]  # groups do not get into the targets held out
    assert 0.6 < accuracy < 1
    train, valid = (fair.history_[-1][name] for name in ("train_loss", "valid_loss"))
    assert train == pytest.approx(valid, abs=0.1)


def test_equalised_odds_on_fresh_rows(toy):
    plain, fair = fitted(toy, gamma=0), fitted(toy, gamma=20, conditional_on_target=True)
    for label in ("yes", "no"):
        assert gap(plain, toy, label) > 0.08
        assert gap(fair, toy, label) < 0.5 * gap(plain, toy, label)
    assert auc(fair, toy) > auc(fitted(toy, gamma=20), toy)  # it costs less than parity


def test_sex_in_the_diabetes_table():
    X, y = load_diabetes(return_X_y=True)
    sex, X = X[:, 1] > 0, scale(np.delete(X, 1, axis=1))
    high = y > np.median(y)
    options = {"hidden_layer_sizes": (16,), "batch_size": 442, "max_epochs": 60, "lr": 0.01}
    found = {}
    for gamma in (0, 30):
        net = InformationRegularizedNetClassifier(gamma=gamma, random_state=0, **options)
        net.fit(X[:300], high[:300], sensitive_features=sex[:300])
        p = net.predict_proba(X[:300])[:, 1]
        found[gamma] = net.information_, abs(p[sex[:300]].mean() - p[~sex[:300]].mean())
        assert net.score(X[300:], high[300:]) > 0.6
    assert found[0][1] > 0.05 and found[30][1] < 0.3 * found[0][1]
    assert found[30][0] < 0.2 * found[0][0]


def test_groups_of_several_columns_and_a_class_of_their_own(toy):
    X, y, z = (part[:600] for part in toy)
    both = np.stack([z, np.where(X[:, 2] > 0, "old", "young")], axis=1)
    net = InformationRegularizedNetClassifier(max_epochs=2, **QUICK)
    net.fit(X, y, sensitive_features=both)
    assert net.groups_.tolist() == [["f", "old"], ["f", "young"], ["m", "old"], ["m", "young"]]
    assert np.array_equal(net.classes_, ["no", "yes"])
    assert net.information_bias_ == pytest.approx(3 / (2 * 541), rel=0.02)


def test_an_adopted_net_has_no_groups_yet(toy):
    X, y, z = (part[:300] for part in toy)
    net = InformationRegularizedNetClassifier.from_module(
        torch.nn.Linear(3, 2), classes=["no", "yes"], X=X, y=y, X_valid=X[:5] + 1, y_valid=y[:5]
    )
    assert net.predict(X).shape == (300,) and not hasattr(net, "information_")
    assert net.set_params(max_epochs=1).fit(X, y, sensitive_features=z).information_ >= 0


def test_what_is_missing_or_out_of_range_is_named(toy):
    X, y, z = (part[:100] for part in toy)
    net = InformationRegularizedNetClassifier(max_epochs=1, **QUICK)
    with pytest.raises(ValueError, match=r"Got gamma=1\.0 without sensitive_features"):
        net.fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.fit(X, y, sensitive_features=z[:50])
    with pytest.raises(ValueError, match="Got gamma=-1"):
        clone(net).set_params(gamma=-1).fit(X, y, sensitive_features=z)
    with pytest.raises(ValueError, match="Got penalty='hsic'"):
        clone(net).set_params(penalty="hsic").fit(X, y, sensitive_features=z)
    net.fit(X, y, sensitive_features=z)
    assert not hasattr(net, "unlearn") and hasattr(copy.copy(net).set_params(gamma=0), "unlearn")
    assert net.partial_fit(X, y, sensitive_features=z).n_samples_retained_ == 100
