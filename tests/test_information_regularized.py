"""Information-regularised logistic regression: gradients, what is penalised, and what is left."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.optimize import approx_fprime
from scipy.stats import energy_distance
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skunlearn import pipeline
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import InformationRegularizedLogisticRegression
from skunlearn.feature_unlearning._information_terms import (
    Leak,
    Objective,
    energy,
    information,
)
from skunlearn.metrics import leakage_score

Model = InformationRegularizedLogisticRegression
ATTRIBUTES = ("coef_", "intercept_", "classes_", "groups_", "information_", "history_", "n_iter_")


def biased(n=3000, n_classes=2, seed=0):
    """Rows, labels and three groups, whose features and labels both depend on the group."""
    rng = np.random.default_rng(seed)
    z = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    X = rng.normal(size=(n, 4)) + z[:, None] * [0.9, 0.4, 0.0, 0.0]
    eta = (X - 0.5) @ rng.normal(size=(4, n_classes)) * 0.8 + rng.gumbel(size=(n, n_classes))
    return X, eta.argmax(axis=1), z


def cancer():
    """Breast cancer, the groups by the size of the cells (and so hardly to be told from y)."""
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    return X[:, 1:], y, (X[:, 0] > 0.3).astype(int)


def gaps(model, X, y, z):
    """Largest gap of mean predictions between groups, over all rows and among those of a class."""
    p = model.predict_proba(X)[:, 1]
    means = [p[z == g].mean() for g in np.unique(z)]
    given = [[p[(z == g) & (y == c)].mean() for g in np.unique(z)] for c in np.unique(y)]
    return np.ptp(means), np.ptp(given, axis=1).max()


def same(one, other):
    for name in ATTRIBUTES:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, dict):
            assert all(np.array_equal(mine[k], theirs[k], equal_nan=True) for k in mine | theirs)
        else:
            assert np.array_equal(mine, theirs), name


# -- the terms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("criterion", ["information", "energy"])
def test_gradients_are_those_of_finite_differences(
    criterion, n_classes, conditional, fit_intercept
):
    X, y, z = biased(60, n_classes)
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.1, 2.0, len(y))
    leak = Leak.of(criterion, z, weights, y if conditional else None)
    objective = Objective(X, y, n_classes, weights**2, 0.7, fit_intercept, leak)
    theta = rng.normal(size=objective.shape)
    theta[:, -1] *= fit_intercept
    for gamma in (0.0, 3.0):
        gradient = objective.parts(theta.ravel(), gamma)[1].reshape(theta.shape)
        step = 1e-7  # no two scores cross within it
        value = lambda t, g=gamma: objective.parts(t, g)[0]  # noqa: E731
        expected = approx_fprime(theta.ravel(), value, step).reshape(theta.shape)
        expected[:, -1] *= fit_intercept
        assert np.abs(expected).max() > 0.05
        np.testing.assert_allclose(gradient, expected, atol=2e-6)


def test_information_is_that_of_a_sampled_label():
    rng = np.random.default_rng(0)
    P, z = rng.dirichlet(np.ones(3), size=8), rng.integers(0, 3, 8)
    value, _ = information(P, z, np.full(8, 1 / 8), 3)
    drawn = rng.integers(0, 8, 400_000)
    labels = (rng.random(len(drawn))[:, None] > P.cumsum(axis=1)[drawn]).sum(axis=1)
    assert value == pytest.approx(mutual_info_score(labels, z[drawn]), abs=2e-3)
    assert value > 0.05
    hard = np.eye(3)[labels[:5000]]
    value, _ = information(hard, z[drawn[:5000]], np.full(5000, 1 / 5000), 3)
    assert value == pytest.approx(mutual_info_score(labels[:5000], z[drawn[:5000]]), abs=1e-12)


def test_energy_is_the_mean_energy_distance_of_the_groups_to_all():
    rng = np.random.default_rng(0)
    P, z = rng.dirichlet(np.ones(3), size=200).round(2), rng.integers(0, 3, 200)  # with ties
    weights = rng.integers(1, 4, 200) / 1.0
    shares = weights / weights.sum()
    value, _ = energy(P, z, shares, 3)
    expected = 0.0
    for g in range(3):
        mine, share = z == g, shares[z == g].sum()
        for c in range(3):  # scipy gives the root
            distance = energy_distance(P[mine, c], P[:, c], weights[mine], weights)
            expected += share * distance**2
    assert value == pytest.approx(expected, rel=1e-9)
    binary = np.column_stack([1 - P[:, 0], P[:, 0]])
    one, _ = energy(binary, z, shares, 3)
    parts = [
        shares[z == g].sum() * energy_distance(P[z == g, 0], P[:, 0], weights[z == g], weights) ** 2
        for g in range(3)
    ]
    assert one == pytest.approx(sum(parts), rel=1e-9)  # the second class only


def test_equal_means_of_predictions_reveal_the_group_and_only_the_score_level_term_sees_it():
    p, z = np.tile([0.1, 0.9, 0.5, 0.5], 300), np.tile([0, 0, 1, 1], 300)
    P, shares = np.column_stack([1 - p, p]), np.full(1200, 1 / 1200)
    assert abs(information(P, z, shares, 2)[0]) < 1e-12
    assert energy(P, z, shares, 2)[0] > 0.05
    probed = leakage_score(p[:, None], z, probe=["linear", "boosting"], random_state=0)
    assert abs(probed[0].score - 0.5) < 0.05
    assert probed[1].score == 1.0
    # the same out of a fit: a feature of -1 or 1 in one group and 0 in the other
    x = np.tile([-1.0, 1.0, 0.0, 0.0], 300)[:, None]
    y = np.random.default_rng(0).random(1200) < 1 / (1 + np.exp(-2.2 * x[:, 0]))
    of_labels = Model(100).fit(x, y, sensitive_features=z)
    of_scores = Model(100, criterion="energy").fit(x, y, sensitive_features=z)
    assert of_labels.information_ < of_labels.information_bias_
    assert np.ptp(of_labels.predict_proba(x)[:, 1]) > 0.7
    assert np.ptp(of_scores.predict_proba(x)[:, 1]) < 0.05


def test_bias_is_the_expected_information_of_independent_labels():
    rng = np.random.default_rng(0)
    n, X = 300, np.zeros((300, 1))
    y, z = rng.integers(0, 3, n), rng.integers(0, 4, n)
    y[:3], z[:4] = range(3), range(4)
    draws = [
        information(np.eye(3)[rng.integers(0, 3, n)], z, np.full(n, 1 / n), 4)[0]
        for _ in range(400)
    ]
    model = Model(0).fit(X, y, sensitive_features=z)
    assert model.information_bias_ == pytest.approx(2 * 3 / (2 * n), rel=1e-12)
    assert np.mean(draws) == pytest.approx(model.information_bias_, rel=0.1)
    given = Model(0, conditional_on_target=True).fit(X, y, sensitive_features=z)
    assert given.information_bias_ == pytest.approx(3 * 2 * 3 / (2 * n), rel=1e-12)
    doubled = Model(0).fit(X, y, np.full(n, 2.0), sensitive_features=z)
    assert doubled.information_bias_ == pytest.approx(model.information_bias_)
    halved = Model(0).fit(X, y, (np.arange(n) < n // 2) * 1.0, sensitive_features=z)
    assert halved.information_bias_ == pytest.approx(2 * model.information_bias_)


# -- the model ------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize(
    "options", [{}, {"C": 0.1, "fit_intercept": False}, {"class_weight": "balanced"}]
)
@pytest.mark.parametrize("nothing", [{"gamma": 0}, {"gamma": 9.0, "sensitive_columns": []}])
def test_without_a_penalty_it_is_logistic_regression(load, options, nothing):
    X, y = load(return_X_y=True)
    X, weights = scale(X), np.random.default_rng(0).uniform(0.5, 2, len(y))
    keywords = (
        {} if "sensitive_columns" in nothing else {"sensitive_features": np.arange(len(y)) % 2}
    )
    mine = Model(**nothing, **options, tol=1e-7).fit(X, y, weights, **keywords)
    theirs = LogisticRegression(**options, tol=1e-7, max_iter=1000).fit(X, y, weights)
    np.testing.assert_allclose(mine.coef_, theirs.coef_, atol=2e-4)
    np.testing.assert_allclose(mine.intercept_, theirs.intercept_, atol=2e-4)
    assert mine.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
    assert np.array_equal(mine.predict(X), theirs.predict(X))


@pytest.mark.parametrize("criterion", ["information", "energy"])
@pytest.mark.parametrize("data", [biased, cancer])
def test_gaps_between_groups_shrink_on_fresh_rows(data, criterion):
    X, y, z = data()
    train, fresh = np.arange(len(y)) % 2 == 0, np.arange(len(y)) % 2 == 1
    before, after = (
        Model(gamma, criterion=criterion).fit(X[train], y[train], sensitive_features=z[train])
        for gamma in (0, 100)
    )
    (raw, _), (parity, _) = (gaps(m, X[fresh], y[fresh], z[fresh]) for m in (before, after))
    assert raw > 0.25  # positive control
    assert parity < 0.1
    assert after.information_ < 0.02 * before.information_
    assert before.information_ > 10 * before.information_bias_
    assert after.log_loss_ > before.log_loss_
    if criterion == "information":
        assert before.criterion_ == before.information_


def test_conditional_on_the_target_the_gaps_within_classes_shrink_and_the_accuracy_stays():
    rng = np.random.default_rng(5)
    z = rng.integers(0, 2, 8000)
    y = (rng.random(8000) < np.where(z == 1, 0.8, 0.2)).astype(int)  # unequal base rates
    X = rng.normal(size=(8000, 2)) + np.column_stack([1.5 * y, 2 * z])  # a merit, and a proxy of z
    train, fresh = slice(0, 4000), slice(4000, None)
    models = [
        Model(gamma, conditional_on_target=given).fit(
            X[train], y[train], sensitive_features=z[train]
        )
        for gamma, given in ((0, True), (30, True), (30, False))
    ]
    plain, odds, parity = (gaps(m, X[fresh], y[fresh], z[fresh]) for m in models)
    assert plain[1] > 0.1  # positive control
    assert odds[1] < 0.03
    assert odds[0] > 0.2  # what the base rates account for is allowed
    assert parity[0] < 0.03
    assert parity[1] > 0.1  # parity takes the proxy to undo what merit says
    aucs = [roc_auc_score(y[fresh], m.predict_proba(X[fresh])[:, 1]) for m in models]
    assert aucs[0] > aucs[1] > aucs[2] + 0.03  # what parity costs, odds need not


def test_scores_of_the_groups_have_one_law_with_the_energy_distance():
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 6000)
    X = rng.normal(size=(6000, 3))
    X[:, 0] *= np.where(z == 1, 3.0, 0.5)  # equal means, unequal spreads
    y = X.sum(axis=1) + rng.logistic(size=6000) > 0
    train, fresh = slice(0, 3000), slice(3000, None)
    aucs = []
    for criterion in ("information", "energy"):
        model = Model(300, criterion=criterion).fit(X[train], y[train], sensitive_features=z[train])
        scores = model.predict_proba(X[fresh])[:, 1:]
        aucs.append(leakage_score(scores, z[fresh], random_state=0, n_permutations=0).score)
    assert aucs[0] > 0.65  # mean-prediction parity holds, and the scores give the group away
    assert abs(aucs[1] - 0.5) < 0.05


def test_history_descends_and_tells_the_parts_of_the_objective():
    X, y, z = biased()
    model = Model(5.0).fit(X, y, sensitive_features=z)
    h = {name: values[model.history_["gamma"] == 5.0] for name, values in model.history_.items()}
    np.testing.assert_allclose(h["objective"], h["log_loss"] + h["penalty"] + 5 * h["criterion"])
    assert (np.diff(h["objective"]) <= 1e-12).all()
    assert len(model.history_["gamma"]) == model.n_iter_[0] + 2
    assert h["criterion"][-1] == pytest.approx(model.information_, rel=1e-12)
    assert h["log_loss"][-1] == pytest.approx(model.log_loss_, rel=1e-12)
    assert h["criterion"][0] == pytest.approx(
        Model(0).fit(X, y, sensitive_features=z).information_, rel=1e-12
    )


def test_path_goes_from_one_gamma_to_the_next():
    X, y, z = biased(n_classes=3)
    gammas = [10.0, 0.0, 1.0, 3.0]
    model = Model(tol=1e-6)
    found = model.path(X, y, gammas, sensitive_features=z)
    assert found.gammas.tolist() == [0, 1, 3, 10]
    assert found.coefs.shape == (4, 3, 4)
    assert found.intercepts.shape == (4, 3)
    assert (np.diff(found.information) < 0).all()
    assert (np.diff(found.log_loss) > 0).all()
    assert vars(model) == vars(Model(tol=1e-6))
    for i, gamma in enumerate(found.gammas):
        single = Model(gamma, tol=1e-6).fit(X, y, sensitive_features=z)
        np.testing.assert_allclose(found.coefs[i], single.coef_, atol=2e-3)
    single = Model(10, tol=1e-6).fit(X, y, sensitive_features=z)
    assert found.n_iter[-1] < single.n_iter_[0]  # warm
    for bad in ([], [-1.0], [np.nan]):
        with pytest.raises(ValueError, match="Got gammas="):
            model.path(X, y, bad, sensitive_features=z)


def test_whole_weights_are_copies():
    X, y, z = biased(400)
    weights = np.random.default_rng(0).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), weights)
    for criterion in ("information", "energy"):
        model = Model(3, criterion=criterion, class_weight="balanced", tol=1e-8)
        one = clone(model).fit(X, y, weights, sensitive_features=z)
        two = clone(model).fit(X[copies], y[copies], sensitive_features=z[copies])
        np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-3)
        assert one.criterion_ == pytest.approx(two.criterion_, rel=1e-2)


# -- labels, groups, tables -----------------------------------------------------------------------


def test_labels_and_groups_are_what_they_are():
    X, y, z = biased(600)
    plain = Model(2.0).fit(X, y, sensitive_features=z)
    words = np.array(["no", "yes"])[y]
    groups = np.array(["a", "b", "c"], dtype=object)[z]
    named = Model(2.0).fit(X, words, sensitive_features=groups)
    assert named.classes_.tolist() == ["no", "yes"]
    assert named.groups_ == [("a",), ("b",), ("c",)]
    assert np.array_equal(named.coef_, plain.coef_)
    assert np.array_equal(named.predict(X), np.array(["no", "yes"])[plain.predict(X)])
    pair = pd.DataFrame({"one": z > 0, "two": np.where(z == 2, "x", "y")})
    joint = Model(2.0).fit(X, y, sensitive_features=pair)
    assert joint.groups_ == [(False, "y"), (True, "x"), (True, "y")]
    np.testing.assert_allclose(joint.coef_, plain.coef_, atol=1e-4)
    assert plain.predict_proba(X).sum(axis=1) == pytest.approx(1)
    np.testing.assert_allclose(np.exp(plain.predict_log_proba(X)), plain.predict_proba(X))


def test_sensitive_columns_of_a_table_are_not_used_to_predict():
    X, y, z = biased(600)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame.insert(1, "sex", np.array(["f", "m", "d"])[z])
    inside = Model(2.0, sensitive_columns=["sex"]).fit(frame, y)
    outside = Model(2.0).fit(frame.drop(columns="sex"), y, sensitive_features=frame["sex"])
    assert inside.coef_.shape == (1, 5)
    assert inside.coef_[0, 1] == 0
    assert np.array_equal(np.delete(inside.coef_, 1, axis=1), outside.coef_)
    expected = outside.predict_proba(frame.drop(columns="sex"))
    for rows in (frame, frame.assign(sex="unheard of"), frame.drop(columns="sex")):
        assert np.array_equal(inside.predict_proba(rows), expected)
    served = inside.to_sklearn()
    assert type(served) is LogisticRegression
    assert list(served.feature_names_in_) == list("abcd")
    assert np.array_equal(served.predict_proba(frame[list("abcd")]), expected)
    with pytest.raises(ValueError, match="sensitive_features beside sensitive_columns"):
        Model(sensitive_columns=["sex"]).fit(frame, y, sensitive_features=z)
    by_position = Model(2.0, sensitive_columns=[0]).fit(np.column_stack([z, X]), y)
    np.testing.assert_allclose(by_position.coef_[:, 1:], outside.coef_, rtol=1e-6)
    assert np.array_equal(by_position.predict(X), outside.predict(frame[list("abcd")]))


def test_sparse_rows():
    X, y, z = biased(600)
    X[X < 0] = 0
    dense = Model(2.0).fit(X, y, sensitive_features=z)
    loose = Model(2.0).fit(sparse.csc_array(X), y, sensitive_features=z)
    np.testing.assert_allclose(loose.coef_, dense.coef_, atol=1e-8)
    np.testing.assert_allclose(
        loose.predict_proba(sparse.csr_array(X)), dense.predict_proba(X), atol=1e-8
    )
    with pytest.raises(TypeError, match="sparse X with sensitive_columns"):
        Model(sensitive_columns=[0]).fit(sparse.csr_array(X), y)


def test_what_is_refused_is_named():
    X, y, z = biased(100)
    for change, keywords, words in (
        ({}, {}, "does not know what to forget"),
        ({"gamma": -1.0}, {"sensitive_features": z}, "Got -1.0"),
        ({"criterion": "hsic"}, {"sensitive_features": z}, "must be a str among"),
        ({}, {"sensitive_features": X[:, 0]}, "continuous sensitive features .100 values"),
        ({}, {"sensitive_features": np.where(z > 0, z, np.nan)}, "rows are missing"),
        ({}, {"sensitive_features": z[:-1]}, "99 rows, expected"),
        ({}, {"sensitive_features": z, "sample_weight": np.zeros(100)}, "at least one non-zero"),
    ):
        with pytest.raises(ValueError, match=words):
            Model(**change).fit(X, y, **keywords)
    words = pd.DataFrame({"a": X[:, 0], "b": np.where(z > 0, "x", "y")})
    with pytest.raises(ValueError, match=r"Column 'b' holds values that are no numbers\. Encode"):
        Model().fit(words, y, sensitive_features=z)
    with pytest.raises(ValueError, match="only one class"):
        Model().fit(X, np.ones(100, int), sensitive_features=z)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 iterations at gamma=0"):
        Model(0, max_iter=2).fit(X * 1e3, y, sensitive_features=z)


def test_one_group_or_a_group_without_weight_is_nothing_to_forget():
    X, y, z = biased(300)
    plain = Model(0).fit(X, y, sensitive_features=z)
    alone = Model(50.0).fit(X, y, sensitive_features=np.zeros(300))
    assert np.array_equal(alone.coef_, plain.coef_)
    assert alone.information_ == pytest.approx(0, abs=1e-12)
    lone = np.where(np.arange(300) < 5, "x", "y")
    for criterion in ("information", "energy"):
        model = Model(50.0, criterion=criterion, tol=1e-6)
        model.fit(X, y, np.where(lone == "x", 0.0, 1.0), sensitive_features=lone)
        expected = Model(0, tol=1e-6).fit(X[5:], y[5:], sensitive_features=z[5:])
        np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-4)
        assert model.information_bias_ == 0


# -- forgetting rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["information", "energy"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_kept_rows_are_forgotten_as_by_a_refit(n_classes, criterion):
    X, y, z = biased(500, n_classes)
    groups = np.array(["a", "b", "a longer name"])[z]
    weights = np.random.default_rng(0).uniform(0.5, 2, 500)
    gone = np.arange(500) % 7 == 0
    gone |= z == 2  # and a group with all its rows
    model = Model(3, criterion=criterion, keep_rows=True)
    model.fit(X, y, weights, sensitive_features=groups)
    refit = clone(model).fit(X[~gone], y[~gone], weights[~gone], sensitive_features=groups[~gone])
    assert not np.allclose(model.coef_, refit.coef_, atol=1e-3)  # positive control
    before = model.coef_.copy()
    with pytest.raises(NotLearnedError, match="1 of"):  # another group is another row
        model.unlearn(X[:1], y[:1], sample_weight=weights[:1], sensitive_features=["z"])
    assert np.array_equal(model.coef_, before)
    model.unlearn(X[gone], y[gone], sample_weight=weights[gone], sensitive_features=groups[gone])
    same(model, refit)
    assert model.n_samples_retained_ == (~gone).sum()
    assert model.state_digest() == refit.state_digest()
    assert model.guarantee_.kind == "approximate"


def test_without_kept_rows_the_way_out_is_named():
    X, y, z = biased(200)
    model = Model().fit(X, y, sensitive_features=z)
    assert not hasattr(model, "unlearn")
    preview = model.can_unlearn(X[:3], y[:3], sensitive_features=z[:3])
    assert not preview
    assert "keep_rows=True" in preview.reason
    assert "X_retain" in preview.reason
    with pytest.raises(UnlearningError, match="keep_rows=True"):
        model.state_digest()
    held = [v for v in vars(model).values() if isinstance(v, np.ndarray) and len(v) == 200]
    assert not held  # no row stays in the model


def test_rows_of_the_caller_may_change_after_the_fit():
    X, y, z = biased(200)
    model = Model(keep_rows=True).fit(X, y, sensitive_features=z)
    digest, row = model.state_digest(), (X[:1].copy(), y[:1].copy(), z[:1].copy())
    X[:], y[:], z[:] = 0, 0, 0
    assert model.state_digest() == digest
    model.unlearn(row[0], row[1], sensitive_features=row[2])
    assert model.n_samples_retained_ == 199


def test_in_a_pipeline_rows_are_forgotten_with_those_that_remain():
    X, y, z = biased(300)
    rest = slice(9, None)
    with sklearn.config_context(enable_metadata_routing=True):
        step = Model(2.0).set_fit_request(sensitive_features=True)
        model = pipeline.make_pipeline(StandardScaler(), step).fit(X, y, sensitive_features=z)
        with pytest.raises(UnlearningError, match="X_retain"):
            model.unlearn(X[:9], y[:9], sensitive_features=z[:9])
        retained = {"sensitive_features": z[rest]}
        options = {"X_retain": X[rest], "y_retain": y[rest], "fit_params_retain": retained}
        model.unlearn(X[:9], y[:9], sensitive_features=z[:9], **options)
        kept = clone(model).set_params(**{f"{model.steps[-1][0]}__keep_rows": True})
        kept.fit(X, y, sensitive_features=z)
        kept.unlearn(X[:9], y[:9], sensitive_features=z[:9])
        refit = clone(kept).fit(X[rest], y[rest], sensitive_features=z[rest])
        for forgot in (model, kept):
            np.testing.assert_allclose(forgot[-1].coef_, refit[-1].coef_, rtol=1e-9)


# -- as a user ------------------------------------------------------------------------------------


def test_grid_search_over_gamma_with_routing_and_pickle():
    X, y, z = biased(900)
    with sklearn.config_context(enable_metadata_routing=True):
        model = Model().set_fit_request(sensitive_features=True)
        model = make_pipeline(StandardScaler(), model)
        grid = {"informationregularizedlogisticregression__gamma": [0.0, 1.0]}
        search = GridSearchCV(model, grid, cv=3).fit(X, y, sensitive_features=z)
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    assert np.array_equal(again.predict_proba(X), best.predict_proba(X))


@pytest.mark.data
def test_adult(data_home):
    from skunlearn.datasets import fetch_adult

    X, y = fetch_adult(data_home=data_home, download_if_missing=False, return_X_y=True)
    X, y = X.iloc[:6000], y.iloc[:6000]
    sex = X["sex"].astype(str)
    X = pd.get_dummies(X.drop(columns=["sex", "fnlwgt"]), dtype=float)
    X = StandardScaler().fit_transform(X)
    train, fresh = slice(0, 3000), slice(3000, None)
    z, target = np.asarray(sex)[fresh], np.asarray(y)[fresh]
    before, after = (
        gaps(Model(g).fit(X[train], y[train], sensitive_features=sex[train]), X[fresh], target, z)
        for g in (0, 100)
    )
    assert before[0] > 0.15
    assert after[0] < 0.05
