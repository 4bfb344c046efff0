"""What two versions reveal, and how far the last one is from refits."""

import copy

import numpy as np
import pytest
from conftest import stable_id
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression as PlainLinearRegression
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler as PlainScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skunlearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from skunlearn.metrics import deletion_reconstruction, divergence_from_refit
from skunlearn.preprocessing import StandardScaler


def standardised(load):
    X, y = load(return_X_y=True)
    return PlainScaler().fit_transform(X), y


def attack(model, X, y, rows, n_public, X_public=None):
    """Forget some rows of all but the public ones, and attack."""
    before = clone(model).fit(X[n_public:], y[n_public:])
    after = copy.deepcopy(before).unlearn(X[rows], y[rows])
    public = X[:n_public] if X_public is None else X_public
    return deletion_reconstruction(before, after, X[rows], public, X_null=X[:n_public])


# -- reconstruction -------------------------------------------------------------------------------


def test_one_row_from_two_means_is_exact():
    X, _ = load_diabetes(return_X_y=True)
    before = StandardScaler().fit(X)
    after = copy.deepcopy(before).unlearn(X[7:8])
    for pair in [
        (before, after),
        ((442, X.mean(axis=0)), (441, np.delete(X, 7, axis=0).mean(axis=0))),
    ]:
        found = deletion_reconstruction(*pair, X[7:8], X[200:])
        assert np.allclose(found.reconstruction, X[7], atol=1e-10)
        assert found.error < 1e-8 and found.cosine[0] > 1 - 1e-9
        assert found.p_value[0] == 1 / 243


@pytest.mark.parametrize(
    ("model", "load"),
    [
        (Ridge(alpha=3.0), load_diabetes),
        (LinearRegression(), load_diabetes),
        (RidgeClassifier(), load_breast_cancer),
        (RidgeClassifier(), load_digits),
        (LogisticRegression(C=0.01), load_breast_cancer),
        (LogisticRegression(), load_digits),
        (Ridge(fit_intercept=False), load_diabetes),
    ],
    ids=stable_id,
)
def test_with_the_true_curvature_a_row_is_found_exactly(model, load):
    X, y = standardised(load)
    found = attack(model, X, y, [300], 150, X_public=X[150:])
    assert found.cosine[0] > 0.999
    assert not found.error > 0.05  # NaN without an intercept
    if model.fit_intercept:
        varied = X[150:].std(axis=0) > 1e-9
        assert np.allclose(found.reconstruction[varied], X[300, varied], atol=0.05)


@pytest.mark.parametrize(
    ("model", "load", "cosine"),
    [
        (Ridge(alpha=1e-3), load_diabetes, 0.9),
        (RidgeClassifier(), load_breast_cancer, 0.7),
        (LogisticRegression(C=0.01), load_breast_cancer, 0.9),
    ],
)
def test_public_rows_suffice_for_a_row_and_batches_hide_it(model, load, cosine):
    X, y = standardised(load)
    rng = np.random.default_rng(0)

    def median_of(batch, runs=15):
        draws = (rng.choice(np.arange(150, len(X)), batch, replace=False) for _ in range(runs))
        found = [attack(model, X, y, rows, 150) for rows in draws]
        return np.median([np.median(f.cosine) for f in found]), np.median(
            [np.median(f.p_value) for f in found]
        )

    alone, p_alone = median_of(1)
    assert alone > cosine and p_alone < 0.05
    batch, p_batch = median_of(20)
    assert batch < 0.4 and p_batch > 0.1


def test_a_row_that_stayed_is_not_found():
    # a positive cosine for the deleted row only: others of the training data are the null
    X, y = standardised(load_diabetes)
    before = Ridge(alpha=1e-3).fit(X[150:], y[150:])
    p_values = []
    for row in range(200, 300):
        after = copy.deepcopy(before).unlearn(X[row : row + 1], y[row : row + 1])
        other = X[row + 1 : row + 2]
        p_values.append(deletion_reconstruction(before, after, other, X[:150]).p_value[0])
    assert np.mean(np.array(p_values) <= 0.05) < 0.12


def test_plain_scikit_learn_models_and_a_given_penalty():
    X, y = standardised(load_diabetes)
    y = np.column_stack([y, -3 * y + X[:, 0]])
    for model, penalty in [(PlainRidge(50.0), None), (PlainLinearRegression(), 0.0)]:
        before, after = clone(model).fit(X, y), clone(model).fit(X[1:], y[1:])
        options = {"n_samples": len(X), "penalty": penalty}
        found = deletion_reconstruction(before, after, X[:1], X, **options)
        assert found.error < 1e-6
    wrong = deletion_reconstruction(
        PlainRidge(50.0).fit(X, y), PlainRidge(50.0).fit(X[1:], y[1:]), X[:1], X, penalty=0.0
    )
    assert wrong.error > 0.01  # the penalty matters, so it was read


def test_nothing_changed_reveals_nothing():
    X, y = standardised(load_diabetes)
    model = Ridge().fit(X, y)
    found = deletion_reconstruction(model, copy.deepcopy(model), X[:1], X[1:])
    assert found.cosine[0] == 0 and found.p_value[0] == 1


def test_wrong_use_of_the_attack():
    X, y = standardised(load_diabetes)
    model = Ridge().fit(X, y)
    tree = DecisionTreeClassifier().fit(X, y > 150)
    scaler = StandardScaler().fit(X)
    for given, error, message in [
        (
            (tree, tree, X[:1], X),
            TypeError,
            "Got DecisionTreeClassifier and DecisionTreeClassifier",
        ),
        ((make_pipeline(model), model, X[:1], X), TypeError, "Of a pipeline pass the last step"),
        ((model, scaler, X[:1], X), TypeError, "Got Ridge and StandardScaler"),
        ((scaler, scaler, X[:1], X), ValueError, "Got 442 rows before and 442 after"),
        (((5, 1.0), (4, 1.0), X[:1], X), ValueError, "Got means of 1 and 1 columns for rows of 10"),
        ((model, model, X[:1, :3], X), ValueError, r"Got rows of \[3, 10\] columns"),
        ((model, model, X[:1, :3], X[:, :3]), ValueError, "Got coefficients of shapes"),
        ((model, model, X[:0], X), ValueError, "Got X_deleted without rows"),
        ((model, model, X[:1], X[:1]), ValueError, "Got 1 public rows"),
    ]:
        with pytest.raises(error, match=message):
            deletion_reconstruction(*given)


def test_the_attack_reads_well():
    X, y = standardised(load_diabetes)
    found = attack(Ridge(), X, y, [200, 201], 150)
    assert "2 deleted, by the curvature of the squared loss" in str(found)
    assert list(found.to_frame()["cosine"]) == list(found.cosine)


# -- divergence -----------------------------------------------------------------------------------


class Says:
    """A model that says what it is told."""

    def __init__(self, law, classes=(0, 1)):
        self.law, self.classes_ = np.asarray(law, dtype=float), np.asarray(classes)

    def predict_proba(self, X):
        return np.broadcast_to(self.law, (len(X), len(self.law)))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_divergences_by_hand():
    found = divergence_from_refit(Says([0.9, 0.1]), Says([0.4, 0.6]), np.zeros((5, 1)))
    middle = np.array([0.65, 0.35])
    js = sum(np.sum(np.array(p) * np.log(p / middle)) for p in ([0.9, 0.1], [0.4, 0.6])) / 2
    assert found["js"] == pytest.approx(js) and found["tv"] == pytest.approx(0.5)
    assert found["max_gap"] == pytest.approx(0.5) and found["disagreement"] == 1.0
    assert np.isnan(found.table[0]["p_value"])
    with pytest.raises(KeyError, match="expected one of"):
        found["kl"]


def test_a_class_that_only_one_model_knows():
    found = divergence_from_refit(Says([1.0], (0,)), Says([0.0, 1.0], (0, 2)), np.zeros((2, 1)))
    assert found["js"] == pytest.approx(np.log(2)) and found["tv"] == 1.0


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_a_no_op_is_apart_and_a_refit_is_not(load):
    X, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))[:500]
    X, y = X[order], y[order].copy()
    y[:50] = (y[:50] + 1) % (y.max() + 1)  # learned by heart
    forest = RandomForestClassifier(20)
    fits = [clone(forest).set_params(random_state=i).fit(X[50:], y[50:]) for i in range(20)]
    no_op = clone(forest).set_params(random_state=99).fit(X, y)
    found = divergence_from_refit(no_op, fits[1:], X[:50])
    assert [row["p_value"] for row in found.table] == [0.05] * 4
    assert found["tv"] > 3 * found.table[1]["null_high"]
    honest = divergence_from_refit(fits[0], fits[1:], X[:50])
    assert honest["tv"] < 2 * honest.table[1]["null_high"]


def test_refits_are_told_from_refits_as_often_as_promised():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(400):
        laws = rng.dirichlet([2.0, 2.0], size=10)
        found = divergence_from_refit(
            Says(laws[0]), [Says(law) for law in laws[1:]], np.zeros((1, 1))
        )
        p_values.append(found.table[1]["p_value"])
    assert np.mean(np.array(p_values) <= 0.1) < 0.145  # .1 + 3 standard errors


def test_regressors_and_models_without_probabilities():
    X, y = load_diabetes(return_X_y=True)
    fits = [RandomForestRegressor(5, random_state=i).fit(X, y) for i in range(3)]
    found = divergence_from_refit(fits[0], fits[1:], X)
    spread = np.std([fit.predict(X) for fit in fits[1:]])
    gaps = [np.sqrt(np.mean((fits[0].predict(X) - fit.predict(X)) ** 2)) for fit in fits[1:]]
    assert found["rms"] == pytest.approx(np.mean(gaps) / spread)
    model = LinearSVC().fit(X, y > 150)
    found = divergence_from_refit(model, model, X)
    assert [row["quantity"] for row in found.table] == ["disagreement"]
    assert found.parameters.identical and found["disagreement"] == 0


def test_wrong_use_and_words():
    X, y = load_diabetes(return_X_y=True)
    model = Ridge().fit(X, y)
    with pytest.raises(ValueError, match="Got 0 refits"):
        divergence_from_refit(model, [], X)
    with pytest.raises(NotFittedError):
        divergence_from_refit(model, Ridge(), X)
    found = divergence_from_refit(model, [model, copy.deepcopy(model)], X)
    assert "2 refits" in str(found) and "identical bit for bit" in repr(found)
    assert len(found.to_frame()) == 2
