"""What two versions reveal, and how far the last one is from refits."""

import copy
import os

import numpy as np
import pytest
from conftest import stable_id
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.decomposition import PCA as PlainPCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression as PlainLinearRegression
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
)
from sklearn.preprocessing import StandardScaler as PlainScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skunlearn.datasets import fetch_adult
from skunlearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from skunlearn.metrics import deletion_reconstruction, divergence_from_refit
from skunlearn.pipeline import make_pipeline as unlearning_pipeline
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
        (
            (make_pipeline(scaler, tree), make_pipeline(tree), X[:1], X),
            TypeError,
            "Got Pipeline that ends in DecisionTreeClassifier and Pipeline that ends in Dec",
        ),
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


# -- pipelines ------------------------------------------------------------------------------------


def deleted_from(model, X, y, row):
    """Two versions, each fitted by scikit-learn."""
    keep = np.arange(len(X)) != row
    return clone(model).fit(X, y), clone(model).fit(X[keep], y[keep])


@pytest.mark.parametrize("scaler", [PlainScaler(), StandardScaler(), PlainPCA()], ids=stable_id)
def test_means_of_a_first_step_give_the_row_exactly(scaler):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    model = make_pipeline(scaler, make_pipeline("passthrough", DecisionTreeRegressor()))
    for source in ("auto", "means"):
        found = deletion_reconstruction(
            *deleted_from(model, X, y, 7), X[7:8], X[200:], source=source
        )
        assert found.error < 1e-8 and found.method == "means"
        np.testing.assert_allclose(found.reconstruction, X[7], rtol=1e-9)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    keep = np.arange(len(X)) != 7
    pair = (PlainScaler().fit(X[rows], sample_weight=weights[rows]) for rows in (slice(None), keep))
    found = deletion_reconstruction(*pair, X[7:8], X[200:])
    np.testing.assert_allclose(found.reconstruction, X[7], rtol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(PlainScaler(), PlainRidge(50.0)),
        make_pipeline(MinMaxScaler(), PlainRidge(50.0)),
        make_pipeline(make_pipeline(RobustScaler(), PlainPCA()), PlainRidge(50.0)),
        make_pipeline(PlainScaler(), RidgeCV([1.0, 100.0])),
        make_pipeline(PlainScaler(with_mean=False), PlainRidge(50.0, fit_intercept=False)),
    ],
    ids=stable_id,
)
def test_coefficients_behind_steps_that_moved(model):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    y = np.column_stack([y, X[:, 0] - y])
    row = np.argmax(X[:, 6])  # the only largest: the scalers know
    before, after = deleted_from(model, X, y, row)
    options = {"n_samples": len(X), "source": "coefficients"}
    found = deletion_reconstruction(before, after, X[[row]], X, **options)
    assert found.cosine[0] > 1 - 1e-9 and found.p_value[0] < 0.05
    if before[-1].fit_intercept:
        assert found.error < 1e-8
        np.testing.assert_allclose(found.reconstruction, X[row], rtol=1e-7)
    # positive control: the steps did move, and one who takes no heed of it goes astray
    seen = before[:-1].transform(X)
    naive = deletion_reconstruction(before[-1], after[-1], seen[[row]], seen, **options)
    assert naive.cosine[0] < 0.999 and not naive.error < 1  # NaN without an intercept


@pytest.mark.parametrize(
    "last", [Ridge(alpha=50.0), RidgeClassifier(), LogisticRegression()], ids=stable_id
)
@pytest.mark.parametrize("data", ["diabetes", "adult"])
def test_public_rows_suffice_behind_a_scaler(data, last):
    if data == "adult":
        if not os.environ.get("SKUNLEARN_DATA"):
            pytest.skip("SKUNLEARN_DATA names no folder of data sets")
        adult = fetch_adult(subset="all")
        X, y = adult.data.select_dtypes("number")[:4000], (adult.target == ">50K")[:4000].to_numpy()
    else:
        X, y = load_diabetes(return_X_y=True, scaled=False, as_frame=True)
        y = y.to_numpy() > 140
    y, n_public = y.astype(int), len(X) // 2
    before = unlearning_pipeline(StandardScaler(), last).fit(X[n_public:], y[n_public:])
    found, naive = [], []
    for row in np.random.default_rng(0).choice(np.arange(n_public, len(X)), 15, replace=False):
        one = X.iloc[[row]]
        after = copy.deepcopy(before).unlearn(one, y[[row]])
        rows = one, X[:n_public]
        found.append(deletion_reconstruction(before, after, *rows, source="coefficients"))
        seen = (before[:-1].transform(part) for part in rows)
        naive.append(deletion_reconstruction(before[-1], after[-1], *seen))
        exact = deletion_reconstruction(before, after, *rows)
        assert exact.error < 1e-6 and exact.method == "means"
    assert np.median([f.cosine for f in found]) > 0.9
    assert np.median([f.p_value for f in found]) < 0.05
    assert np.median([f.error for f in found]) < np.median([f.error for f in naive])


def test_steps_that_do_not_lead_back():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X["sex"] = np.where(X["sex"] > 1.5, "m", "f")
    numbers = [name for name in X if name != "sex"]
    mixed = make_column_transformer((OneHotEncoder(), ["sex"]), (PlainScaler(), numbers))
    front = make_pipeline(FunctionTransformer(np.cbrt), PlainScaler())
    for data, steps in ((X, mixed), (X[numbers].to_numpy(), front)):
        model = make_pipeline(steps, PlainRidge(5.0))
        before = clone(model).fit(data, y)
        after = clone(model).fit(data[1:], y[1:])
        found = deletion_reconstruction(before, after, data[:1], data, n_samples=len(y))
        seen = before[:-1].transform(data[:1])[0]
        assert found.error < 1e-6 and "behind" in found.method
        np.testing.assert_allclose(found.reconstruction, seen, atol=1e-6)


def test_moves_that_are_not_followed_are_refused():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    for front, options, public, message in [
        (QuantileTransformer(n_quantiles=50), {}, X, "in no linear way"),
        (PlainPCA(3), {}, X, "in no linear way"),
        (PlainPCA(), {}, X[:8], r"in no linear way \(as far as 8 rows tell\)"),
        (PlainScaler(), {"fit_intercept": False}, X, "set fit_intercept=True, or do not centre"),
    ]:
        model = make_pipeline(front, PlainRidge(1.0, **options))
        before, after = deleted_from(model, X, y, 20)
        with pytest.raises(ValueError, match=message):
            deletion_reconstruction(before, after, X[:1], public, source="coefficients")
    levels = np.where(np.arange(len(X)) == 20, 2, np.arange(len(X)) % 2)[:, None]
    only = make_pipeline(OneHotEncoder(handle_unknown="ignore"), PlainRidge())
    with pytest.raises(ValueError, match="from 3 columns to 2"):
        deletion_reconstruction(*deleted_from(only, levels, y, 20), levels[:1], levels)
    with pytest.raises(ValueError, match="Got source='first'"):
        deletion_reconstruction(before, after, X[:1], X, source="first")
    model = make_pipeline(MinMaxScaler(), PlainRidge())
    with pytest.raises(TypeError, match=r"that ends in Ridge .* with source='means'"):
        deletion_reconstruction(*deleted_from(model, X, y, 3), X[:1], X, source="means")


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
