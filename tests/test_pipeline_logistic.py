"""Logistic regression at the end of a chain: the steps move, and the bound covers that too."""

import pickle

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn import linear_model
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from skunlearn.compose import ColumnTransformer
from skunlearn.decomposition import PCA
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_selection import SelectKBest, SelectPercentile, VarianceThreshold
from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.impute import SimpleImputer
from skunlearn.linear_model import LogisticRegression
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import OneHotEncoder, StandardScaler

pd = pytest.importorskip("pandas")


def true_gradient(model, X, y, C=1.0, sample_weight=None, **transform):
    """Gradient of scikit-learn's objective on these rows, behind the steps as they are."""
    Z = X
    for step in model[:-1]:
        Z = step.transform(Z, **(transform if isinstance(step, GaussianBarycenter) else {}))
    Z = np.asarray(Z.todense() if hasattr(Z, "todense") else Z, dtype=np.float64)
    last = model[-1]
    Z1 = np.column_stack([Z, np.ones(len(Z))])
    W = np.column_stack([last.coef_, last.intercept_]).T
    hot = (np.asarray(y)[:, None] == last.classes_).astype(float)
    if W.shape[1] == 1:
        error = expit(Z1 @ W) - hot[:, 1:]
    else:
        error = np.exp(log_softmax(Z1 @ W, axis=1)) - hot
    weight = np.ones(len(Z)) if sample_weight is None else sample_weight
    gradient = C * Z1.T @ (error * weight[:, None])
    gradient[:-1] += W[:-1]
    return float(np.linalg.norm(gradient if last.fit_intercept else gradient[:-1]))


def mixed_table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "income": rng.lognormal(10, 1, n),
            "town": rng.choice(["Wien", "Graz", "Linz"], n),
            "job": rng.choice(["nurse", "cook"], n),
        }
    )
    score = (X.age - 40) / 10 + np.log(X.income) - 10 + (X.town == "Graz") + rng.logistic(size=n)
    X.loc[rng.random(n) < 0.1, "age"] = np.nan
    X.loc[rng.random(n) < 0.1, "income"] = np.nan
    X.loc[7, "town"] = "Hallein"
    return X, np.where(score > 0, "yes", "no")


def everyday(last=None, **params):
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("numbers", numeric, ["age", "income"]), ("levels", OneHotEncoder(), ["town", "job"])]
    )
    return make_pipeline(columns, LogisticRegression(**params) if last is None else last)


TABLES = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "iris": lambda: load_iris(return_X_y=True),
}


@pytest.mark.parametrize("data", TABLES)
def test_fit_is_the_optimum_behind_the_steps(data):
    X, y = TABLES[data]()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    reference = linear_model.LogisticRegression(tol=1e-10, max_iter=10_000).fit(scaled, y)
    np.testing.assert_allclose(model[-1].coef_, reference.coef_, atol=1e-5)
    assert true_gradient(model, X, y) <= model.residual_bound_ < 1e-6


@pytest.mark.parametrize("data", TABLES)
@pytest.mark.parametrize("target", ["random", "one class", "far out", "one side"])
def test_bound_holds_for_targeted_requests(data, target):
    X, y = TABLES[data]()
    order = {
        "random": np.random.default_rng(0).permutation(len(y)),
        "one class": np.argsort(y != y[0], kind="stable"),
        "far out": np.argsort(-np.abs((X - X.mean(0)) / X.std(0)).sum(axis=1)),
        "one side": np.argsort(X[:, 0]),
    }[target]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=10.0)).fit(X, y)
    gone = np.zeros(len(y), dtype=bool)
    for part in np.array_split(order[:30], 5):
        model.unlearn(X[part], y[part])
        gone[part] = True
        assert true_gradient(model, X[~gone], y[~gone], C=10.0) <= model.residual_bound_


@pytest.mark.parametrize("offset", [1e5, 1e7])
def test_bound_allows_for_columns_far_from_zero(offset):
    rng = np.random.default_rng(0)
    for C in (0.01, 1.0):
        X = rng.normal(size=(200, 3))
        y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
        X += offset
        steps = StandardScaler(), StandardScaler(), LogisticRegression(C=C, fit_intercept=C > 0.1)
        model = make_pipeline(*steps).fit(X, y)
        assert true_gradient(model, X, y, C=C) <= model.residual_bound_ < 1e-3
        model.unlearn(X[:1], y[:1])
        assert true_gradient(model, X[1:], y[1:], C=C) <= model.residual_bound_


def test_naive_steps_are_worse_than_nothing_and_the_chain_is_not():
    X, y = load_breast_cancer(return_X_y=True)
    gone = np.argsort(-X[:, 3])[:30]
    kept = np.setdiff1d(np.arange(len(y)), gone)

    def gap(scaler, last):
        one = last.predict_proba(scaler.transform(X[kept]))
        other = refit.predict_proba(X[kept])
        return np.abs(one - other).max()

    refit = make_pipeline(StandardScaler(), LogisticRegression(C=100.0)).fit(X[kept], y[kept])
    scaler = StandardScaler().fit(X)
    last = LogisticRegression(C=100.0).fit(scaler.transform(X), y)
    nothing = gap(scaler, last)
    last.unlearn(scaler.transform(X[gone]), y[gone])
    scaler.unlearn(X[gone])
    naive = gap(scaler, last)
    chain = make_pipeline(StandardScaler(), LogisticRegression(C=100.0)).fit(X, y)
    chain.unlearn(X[gone], y[gone])
    assert gap(*(step for _, step in chain.steps)) < nothing / 2 < naive


def test_everyday_table_forgets_within_its_bound():
    X, y = mixed_table()
    model = everyday().fit(X, y)
    gone = np.zeros(len(y), dtype=bool)
    gone[:40] = True
    before = model[-1].coef_
    model.unlearn(X[gone], y[gone])  # with them the only row of a town
    refit = everyday().fit(X[~gone], y[~gone])
    assert model[-1].coef_.shape == refit[-1].coef_.shape == (1, before.shape[1] - 1)
    assert list(model[0].get_feature_names_out()) == list(refit[0].get_feature_names_out())
    np.testing.assert_array_equal(model[0].transform(X[~gone]), refit[0].transform(X[~gone]))
    distance = np.linalg.norm(model[-1].coef_ - refit[-1].coef_)
    assert 0 < distance <= model.distance_bound_
    assert true_gradient(model, X[~gone], y[~gone]) <= model.residual_bound_
    assert model.guarantee_.kind == "approximate"
    assert "anchored" in model.guarantee_.residues[0]


def test_order_and_split_of_requests_are_immaterial():
    X, y = mixed_table()
    at_once = everyday().fit(X, y).unlearn(X[:30], y[:30])
    in_parts = everyday().fit(X, y)
    for part in np.array_split(np.arange(30)[::-1], 7):
        in_parts.unlearn(X.iloc[part], y[part])
    np.testing.assert_array_equal(at_once[-1].coef_, in_parts[-1].coef_)
    assert at_once.state_digest() == in_parts.state_digest()


def test_column_that_becomes_constant():
    X, y = load_wine(return_X_y=True)
    X[:, 2] = 1.0
    X[:4, 2] = [5.0, 6.0, 7.0, 8.0]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y).unlearn(X[:4], y[:4])
    refit = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[4:], y[4:])
    np.testing.assert_array_equal(model[0].scale_, refit[0].scale_)
    np.testing.assert_allclose(model[-1].coef_, refit[-1].coef_, atol=0.02)
    assert np.abs(model[-1].coef_[:, 2]).max() < 1e-12
    assert true_gradient(model, X[4:], y[4:]) <= model.residual_bound_


@pytest.mark.parametrize("steps", [1, 2])
def test_group_wise_maps_shift_each_group(steps):
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    groups = np.where(X[:, 0] + np.random.default_rng(0).normal(size=len(X)) > 14, "b", "a")
    table = pd.DataFrame(X, columns=list("uvwxyz")).assign(group=groups)
    front = [GaussianBarycenter(sensitive_columns=["group"]), StandardScaler()][:steps]
    model = make_pipeline(*front, LogisticRegression()).fit(table, y)
    assert model.guarantee_.kind == "approximate"
    gone = np.argsort(-X[:, 3])[:20]
    kept = np.setdiff1d(np.arange(len(y)), gone)
    model.unlearn(table.iloc[gone], y[gone])
    refit = make_pipeline(*front, LogisticRegression()).fit(table.iloc[kept], y[kept])
    distance = np.abs(model[-1].coef_ - refit[-1].coef_).max()
    stale = make_pipeline(*front, LogisticRegression()).fit(table, y)
    assert distance < np.abs(stale[-1].coef_ - refit[-1].coef_).max() / 3
    assert true_gradient(model, table.iloc[kept], y[kept]) <= model.residual_bound_


def test_components_in_between():
    X, y = load_wine(return_X_y=True)
    chain = [StandardScaler(), PCA(n_components=5), LogisticRegression()]
    model = make_pipeline(*chain).fit(X, y).unlearn(X[::9], y[::9])
    kept = np.arange(len(y)) % 9 != 0
    assert true_gradient(model, X[kept], y[kept]) <= model.residual_bound_
    refit = make_pipeline(*chain).fit(X[kept], y[kept])
    difference = np.abs(model.predict_proba(X[kept]) - refit.predict_proba(X[kept])).max()
    assert difference < 0.02


@pytest.mark.parametrize("params", [{"class_weight": "balanced"}, {"fit_intercept": False}])
def test_parameters_of_the_model(params):
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(**params)).fit(X, y)
    model.unlearn(X[:20], y[:20])
    refit = make_pipeline(StandardScaler(), LogisticRegression(**params)).fit(X[20:], y[20:])
    np.testing.assert_allclose(model[-1].coef_, refit[-1].coef_, atol=0.05)
    assert np.linalg.norm(model[-1].coef_ - refit[-1].coef_) <= model.distance_bound_


def test_sample_weight_is_the_model_s():
    X, y = load_breast_cancer(return_X_y=True)
    w = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(X, y, logisticregression__sample_weight=w)
    model.unlearn(X[:20], y[:20], sample_weight=w[:20])
    assert true_gradient(model, X[20:], y[20:], sample_weight=w[20:]) <= model.residual_bound_
    np.testing.assert_allclose(model[0].mean_, X[20:].mean(axis=0))


def test_class_without_rows_needs_a_refit():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    before = model[-1].coef_.copy()
    with pytest.raises(UnlearningError, match="X_retain"):
        model.unlearn(X[y == 2], y[y == 2])
    np.testing.assert_array_equal(model[-1].coef_, before)
    with pytest.raises(UnlearningError, match="not among the 100"):
        model.unlearn(X[y == 2], y[y == 2], X_retain=X[:99], y_retain=y[:99])
    model.unlearn(X[y == 2], y[y == 2], X_retain=X[y != 2], y_retain=y[y != 2])
    assert model[-1].classes_.tolist() == [0, 1]
    assert model.n_samples_retained_ == 100


def test_rows_never_learned_are_refused_and_nothing_changes():
    X, y = mixed_table()
    model = everyday().fit(X, y)
    before = model[-1].coef_.copy()
    with pytest.raises(NotLearnedError, match="1 of the 2 rows"):
        model.unlearn(X[:2], [y[0], "no" if y[1] == "yes" else "yes"])
    with pytest.raises(NotLearnedError):
        model.unlearn(X[:1].assign(town="Salzburg"), y[:1])
    np.testing.assert_array_equal(model[-1].coef_, before)
    assert model.n_samples_retained_ == len(y)


def test_replace_corrects_rows_and_knows_its_limits():
    X, y = mixed_table()
    model = everyday().fit(X, y)
    corrected = X[:3].assign(town="Linz")
    model.replace((X[:3], y[:3]), (corrected, y[:3]))
    assert model.n_samples_retained_ == len(y)
    everything = pd.concat([corrected, X[3:]])
    assert true_gradient(model, everything, y) <= model.residual_bound_
    with pytest.raises(UnlearningError, match="Salzburg"):
        model.replace((X[5:6], y[5:6]), (X[5:6].assign(town="Salzburg"), y[5:6]))


def test_certificates_do_not_cover_steps():
    X, y = load_breast_cancer(return_X_y=True)
    last = LogisticRegression(epsilon=1.0, delta=1e-4, max_row_norm=100.0, removal_budget=10.0)
    model = make_pipeline(StandardScaler(), last).fit(X, y)
    with pytest.raises(UnlearningError, match="certificate of removal does not cover"):
        model.unlearn(X[:2], y[:2])


def test_pickle_and_serving():
    X, y = mixed_table()
    model = everyday().fit(X, y).unlearn(X[:9], y[:9])
    loaded = pickle.loads(pickle.dumps(model)).unlearn(X[9:20], y[9:20])
    model.unlearn(X[9:20], y[9:20])
    np.testing.assert_array_equal(loaded[-1].coef_, model[-1].coef_)
    plain = model.to_sklearn()
    assert type(plain[-1]) is linear_model.LogisticRegression
    np.testing.assert_array_equal(plain.predict_proba(X[20:]), model.predict_proba(X[20:]))
    assert not hasattr(plain[-1], "_learned")
    with pytest.raises(UnlearningError, match="step of a pipeline"):
        model[-1].unlearn(np.zeros((1, model[-1].coef_.shape[1])), ["yes"])


@pytest.mark.parametrize(
    "steps",
    [
        [SelectKBest(k=5)],
        [StandardScaler(), SelectKBest(k=5)],
        [SelectPercentile(percentile=40), StandardScaler()],
        [VarianceThreshold(), PCA(n_components=4), SelectKBest(k=3)],
    ],
    ids=lambda steps: "-".join(type(step).__name__ for step in steps),
)
@pytest.mark.parametrize("data", ["breast cancer", "wine"])
def test_columns_are_selected_in_between(data, steps):
    """The selection is derived anew, and the bound covers what the model makes of it."""
    X, y = TABLES[data]()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    steps = [clone(step) for step in steps]
    model = make_pipeline(*steps, LogisticRegression()).fit(X, y)
    assert true_gradient(model, X, y) <= model.residual_bound_ < 1e-6
    model.unlearn(X[:9], y[:9])
    refit = make_pipeline(*map(clone, steps), LogisticRegression(), resolution=model.resolution_)
    refit.fit(X[9:], y[9:])
    np.testing.assert_array_equal(model[:-1].transform(X), refit[:-1].transform(X))
    assert true_gradient(model, X[9:], y[9:]) <= model.residual_bound_
    gap = np.linalg.norm(model[-1].coef_ - refit[-1].coef_)
    assert 1e-12 < gap <= model.distance_bound_ + refit.distance_bound_
