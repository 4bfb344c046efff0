"""The marginal criterion, against laws whose information is known."""

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from skunlearn.datasets import fetch_adult
from skunlearn.metrics import marginal_epsilon, marginal_information, mutual_information
from skunlearn.metrics._marginal_cells import information
from skunlearn.metrics._marginal_results import (
    epsilon_from_information,
    information_from_epsilon,
    tv_from_epsilon,
    tv_from_information,
)

P = np.array([0.1, 0.2, 0.3, 0.4])  # of retained rows
Q = np.array([0.4, 0.3, 0.2, 0.1])  # of forget rows


def by_hand(p, q, prior, share):
    """Information of an outcome with Z from entropies: another formula than the one tested."""
    mixed = share * q + (1 - share) * p
    middle = prior * p + (1 - prior) * mixed

    def entropy(law):
        return -np.sum(law * np.log(law))

    return entropy(middle) - prior * entropy(p) - (1 - prior) * entropy(mixed)


def normal_shift(delta, prior, share):
    def density(s):
        p, q = stats.norm.pdf(s), stats.norm.pdf(s, delta)
        mixed = share * q + (1 - share) * p
        middle = prior * p + (1 - prior) * mixed
        return prior * p * np.log(p / middle) + (1 - prior) * mixed * np.log(mixed / middle)

    return integrate.quad(density, -8, 8 + delta)[0]


def drawn(p, q, n_retain, n_forget, seed):
    rng = np.random.default_rng(seed)
    retain, forget = rng.choice(len(p), n_retain, p=p), rng.choice(len(q), n_forget, p=q)
    return None, retain, None, forget, None


# -- the information ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize("prior", [0.5, 0.8])
def test_labels_with_a_known_law(share, prior):
    options = {"share": share, "prior": prior, "n_permutations": 0, "random_state": 0}
    found = marginal_information(*drawn(P, Q, 200_000, 100_000, 0), **options)
    truth = by_hand(P, Q, prior, share)
    assert found.corrected == pytest.approx(truth, rel=0.03)
    assert found.ci_low < truth < found.ci_high
    assert found.tv == pytest.approx(share * 0.4, rel=0.02)
    assert found.tv < found.tv_bound


def test_the_interval_covers_as_often_as_it_says():
    # 300 intervals at 95 %: fewer than 270 would happen once in 5000 times
    truth = by_hand(P, Q, 0.5, 0.2)
    runs = [
        marginal_information(
            *drawn(P, Q, 1200, 300, seed), n_permutations=0, n_bootstrap=200, random_state=seed
        )
        for seed in range(300)
    ]
    assert {run.share for run in runs} == {0.2}
    assert np.mean([run.ci_low <= truth <= run.ci_high for run in runs]) > 0.9
    errors = [run.corrected - truth for run in runs]
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(runs))


@pytest.mark.parametrize("given_y", [False, True])
def test_the_null_is_as_rare_as_promised(given_y):
    y = np.arange(300) % 3
    shift = y if given_y else 0 * y  # equal labels in both kinds leave less to chance
    p_values = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        retain, forget = rng.normal(size=300), rng.normal(size=300)
        found = marginal_information(
            None, retain + shift, y, forget + shift, y, given_y=given_y, n_bootstrap=2,
            n_permutations=99, random_state=seed,
        )  # fmt: skip
        p_values.append(found.p_value)
    assert np.mean(np.array(p_values) <= 0.05) < 0.09  # .05 + 3 standard errors
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_numbers_lose_little_in_bins():
    rng = np.random.default_rng(0)
    retain, forget = rng.normal(size=30_000), rng.normal(size=10_000) + 1
    for share in (1.0, "balanced", "true"):
        options = {"share": share, "n_permutations": 0, "random_state": 0}
        found = marginal_information(None, retain, None, forget, None, **options)
        truth = normal_shift(1.0, 0.5, {"balanced": 0.5, "true": 0.25}.get(share, 1.0))
        assert 0.85 * truth < found.corrected < 1.05 * truth


def test_agrees_with_nearest_neighbours_where_they_ask_the_same():
    # all forget rows, and the prior as it is: the information with the kind of the row
    rng = np.random.default_rng(0)
    retain, forget = rng.normal(size=1500), rng.normal(size=500) + 1
    found = marginal_information(
        None, retain, None, forget, None, share=1.0, prior=0.75, n_permutations=0, random_state=0
    )
    kind = np.repeat([0, 1], [1500, 500])
    other = mutual_information(np.concatenate([retain, forget]), kind, n_permutations=0)
    assert found.corrected == pytest.approx(other.estimate, abs=0.03)
    assert other.estimate > 0.05


def test_mixtures_of_two_laws_reduce_to_one_function():
    # with J(a) the information of the outcome and the kind of a row, drawn "forget" with
    # probability a: I = J((1 - prior) share) - (1 - prior) J(share)
    def j(a):
        return information(P[None], Q[None], 1 - a, 1.0, False)

    for prior, share in [(0.5, 0.5), (0.3, 0.1), (0.9, 0.99)]:
        found = information(P[None], Q[None], prior, share, False)
        assert found == pytest.approx(j((1 - prior) * share) - (1 - prior) * j(share), abs=1e-12)


def test_falls_with_the_square_of_the_share():
    def at(share):
        return information(P[None], Q[None], 0.5, share, False)

    chi2 = np.sum((P - Q) ** 2 / P)
    for share in (1e-2, 1e-4, 1e-6):
        assert at(share) == pytest.approx(0.5 * 0.25 * share**2 * chi2, rel=3 * share + 1e-3)


def test_given_y_a_shift_of_labels_does_not_count():
    # the outcome is a noisy copy of y; forget rows have other labels, and are otherwise alike
    rng = np.random.default_rng(0)
    y, y_forget = rng.choice(3, 4000, p=[0.2, 0.3, 0.5]), rng.choice(3, 2000, p=[0.6, 0.3, 0.1])
    outcome, outcome_forget = y + rng.normal(size=4000), y_forget + rng.normal(size=2000)
    rows, options = (None, outcome, y, outcome_forget, y_forget), {"share": 1.0, "random_state": 0}
    shifted = marginal_information(*rows, **options)
    given = marginal_information(*rows, given_y=True, **options)
    assert shifted.corrected > 0.05 and shifted.p_value == 0.005
    assert abs(given.corrected) < 0.005 and given.p_value > 0.05
    # and what is there given y is found
    moved = (*rows[:3], outcome_forget + 0.5, y_forget)
    assert marginal_information(*moved, given_y=True, **options).p_value == 0.005


def test_given_y_with_a_known_law():
    y = np.arange(60_000) % 2
    rng = np.random.default_rng(0)
    laws = np.where(y == 0, 0.2, 0.7), np.where(y == 0, 0.6, 0.7)
    retain, forget = (rng.random(len(y)) < law for law in laws)
    found = marginal_information(
        None, retain, y, forget, y, given_y=True, share=1.0, n_permutations=0, random_state=0
    )
    truth = 0.5 * by_hand(np.array([0.8, 0.2]), np.array([0.4, 0.6]), 0.5, 1.0)
    assert found.corrected == pytest.approx(truth, rel=0.05)


def test_several_columns_by_a_probe():
    rng = np.random.default_rng(0)
    retain, forget = rng.normal(size=(2000, 3)), rng.normal(size=(1000, 3))
    options = {"share": 1.0, "random_state": 0}
    nothing = marginal_information(None, retain, None, forget, None, **options)
    shifted = marginal_information(None, retain, None, forget + np.eye(3)[1], None, **options)
    assert nothing.p_value > 0.02
    assert 0.7 < shifted.corrected / normal_shift(1.0, 0.5, 1.0) < 1.05
    assert "probe" in shifted.method


# -- epsilon, and the bounds ----------------------------------------------------------------------


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_epsilon_with_a_known_law(share):
    truth = np.abs(np.log(share * Q / P + 1 - share)).max()
    runs = [
        marginal_epsilon(
            *drawn(P, Q, 900, 600, seed), share=share, n_permutations=0, random_state=seed
        )
        for seed in range(100)
    ]
    assert np.mean([run.lower <= truth for run in runs]) >= 0.95
    assert np.mean([run.upper >= truth for run in runs]) >= 0.95
    assert np.median([run.epsilon for run in runs]) == pytest.approx(truth, rel=0.1)
    assert all(run.lower > 0.3 * truth for run in runs)  # the bound is of use


def test_epsilon_given_y_with_a_known_law():
    y = np.arange(40_000) % 2
    rng = np.random.default_rng(0)
    laws = np.where(y == 0, 0.2, 0.7), np.where(y == 0, 0.6, 0.7)
    retain, forget = (rng.random(len(y)) < law for law in laws)
    found = marginal_epsilon(
        None, retain, y, forget, y, given_y=True, share=1.0, random_state=0, n_permutations=19
    )
    assert found.epsilon == pytest.approx(np.log(3), rel=0.05)
    assert found.lower < np.log(3) < found.upper and found.p_value == 0.05


def test_an_empty_cell_leaves_epsilon_unbounded():
    found = marginal_epsilon(None, [0] * 50, None, [0, 1] * 25, None, share=1.0, random_state=0)
    assert np.isinf(found.upper) and found.tv_bound == 1.0
    assert found.information_bound == pytest.approx(np.log(2))
    assert 1 < found.lower < found.epsilon < np.inf


def test_bounds_hold_for_all_laws():
    rng = np.random.default_rng(0)
    closest = 0.0
    for _ in range(300):
        p, q = rng.dirichlet(np.full(4, rng.choice([0.3, 1, 10])), size=2)
        p, q = np.maximum(p, 1e-9), np.maximum(q, 1e-9)
        p, q, prior = p / p.sum(), q / q.sum(), rng.uniform(0.05, 0.95)
        found = float(information(p[None], q[None], prior, 1.0, False))
        tv, epsilon = np.abs(p - q).sum() / 2, np.abs(np.log(q / p)).max()
        assert tv <= tv_from_information(found, prior) + 1e-12
        assert tv <= tv_from_epsilon(epsilon) + 1e-12
        assert found <= information_from_epsilon(epsilon, prior) + 1e-12
        assert epsilon_from_information(found, prior) <= epsilon + 1e-9
        closest = max(closest, tv / tv_from_information(found, prior))
    assert closest > 0.9  # so tight that a smaller bound would fail


# -- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_what_a_forest_says_before_and_after(load):
    # a third of the labels is wrong, and learned by heart: before, forget rows look like retained
    # ones; after a refit, like unseen ones; and labels do not shift
    X, y = load(return_X_y=True)
    order, rng = np.random.default_rng(0).permutation(len(y)), np.random.default_rng(1)
    X, y = X[order], y[order].copy()
    wrong = rng.random(len(y)) < 0.5
    y[wrong] = rng.permutation(y[wrong])
    gone, kept, new = slice(100), slice(100, 400), slice(400, None)
    forest = RandomForestClassifier(50, random_state=0)
    original, refit = clone(forest).fit(X[:400], y[:400]), clone(forest).fit(X[kept], y[kept])
    rows = X[kept], y[kept], X[gone], y[gone]
    options = {"X_unseen": X[new], "y_unseen": y[new], "share": 1.0, "random_state": 0}
    before = marginal_information(original, *rows, **options)
    after = marginal_information(refit, *rows, **options)
    assert before.corrected < 0.2 * before.unseen
    assert after.corrected == pytest.approx(after.unseen, rel=0.25) and after.p_value == 0.005
    labels = marginal_information(original, *rows, signal="label", **options)
    assert labels.p_value > 0.01  # what the label cannot see


def test_a_class_that_went_is_seen_in_the_label_after_perfect_forgetting():
    X, y = load_digits(return_X_y=True)
    kept = y != 3
    refit = LogisticRegression(max_iter=3000).fit(X[kept], y[kept])
    rows = X[kept], y[kept], X[~kept], y[~kept]
    assert marginal_information(refit, *rows, signal="label").p_value == 0.005
    margins = marginal_information(refit, *rows, random_state=0)  # a label it does not know
    assert np.isfinite(margins.corrected)


@pytest.mark.data
def test_adult(data_home):
    X, y = fetch_adult(data_home=data_home, return_X_y=True, as_frame=False)
    X = np.asarray(X[:4000], dtype=object)
    X = np.column_stack([column for column in X.T if isinstance(column[0], int | float)])
    X, y = X.astype(float), np.asarray(y[:4000])
    model = RandomForestClassifier(20, random_state=0).fit(X[:1000], y[:1000])
    new = {"X_unseen": X[2000:], "y_unseen": y[2000:], "random_state": 0, "share": 1.0}
    member = marginal_information(model, X[200:1000], y[200:1000], X[:200], y[:200], **new)
    assert member.p_value > 0.01 and member.unseen > 0.05


def test_every_signal_of_classifiers_and_regressors():
    X, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(max_iter=5000).fit(X, y)
    rows = X[100:], y[100:], X[:100], y[:100]
    for signal in ("label", "proba", "loss", "margin"):
        assert marginal_information(model, *rows, signal=signal, n_permutations=19).signal == signal
    marginal_information(LinearSVC().fit(X, y), *rows, signal="margin", n_permutations=19)
    X, y = load_diabetes(return_X_y=True)
    rows = X[100:], y[100:], X[:100], y[:100]
    for signal in ("label", "loss"):
        found = marginal_information(Ridge().fit(X, y), *rows, signal=signal, given_y=True)
        assert found.n_cells > 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": "logit"}, "Got signal='logit', expected one of"),
        ({"signal": "margin"}, "Ridge, which is no classifier"),
        ({"signal": "proba"}, "Ridge, which has no predict_proba"),
        ({"share": 0.0}, "Got share=0.0"),
        ({"share": "half"}, "Got share='half'"),
        ({"prior": 1.0}, "Got prior=1.0"),
        ({"n_bins": 1}, "Got n_bins=1"),
        ({"level": 1.0}, "Got level=1.0"),
        ({"n_permutations": -1}, "Got n_permutations=-1"),
        ({"y_forget": None}, "without y_forget"),
        ({"y_forget": [1.0]}, "Got 9 forget rows and 1 targets"),
        ({"y_forget": None, "given_y": True, "signal": "label"}, "given_y=True without y_forget"),
        ({"X_forget": np.ones((1, 10)), "y_forget": [1.0]}, "Got 1 forget rows, expected"),
        ({"estimator": None, "X_forget": np.full(9, np.nan)}, "that are NaN"),
        ({"estimator": None, "X_forget": np.ones((9, 2, 2))}, "of shape"),
    ],
)
def test_wrong_use_is_refused_with_the_way_out(change, message):
    X, y = load_diabetes(return_X_y=True)
    names = ("estimator", "X_retain", "y_retain", "X_forget", "y_forget")
    given = dict(zip(names, (Ridge().fit(X, y), X[9:], y[9:], X[:9], y[:9]), strict=True))
    given |= {"signal": "loss", **change}
    if given["estimator"] is None:
        given["X_retain"] = np.arange(9.0)
        given["y_retain"] = None
    for function in (marginal_information, marginal_epsilon):
        with pytest.raises(ValueError, match=message):
            function(
                *(given[name] for name in names),
                **{k: v for k, v in given.items() if k not in names},
            )


def test_results_read_well():
    found = marginal_information(*drawn(P, Q, 900, 300, 0), random_state=0)
    assert "p=0.005" in str(found) and float(found) == found.corrected
    assert list(found.to_frame()["n_forget"]) == [300]
    found = marginal_epsilon(*drawn(P, Q, 900, 300, 0), random_state=0)
    assert "information at most" in repr(found) and float(found) == found.epsilon
    assert list(found.to_frame()["p_value"]) == [0.005]
