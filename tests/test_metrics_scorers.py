"""Leakage as a scorer, and the choice of a strength: with metadata routing, as users search."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skunlearn import pipeline
from skunlearn.feature_unlearning import (
    ConditionalBarycenter,
    GaussianBarycenter,
    InformationRegularizedLogisticRegression,
    LinearConceptEraser,
    OutputUnlearner,
    QuantileBarycenter,
    TriangularBarycenter,
)
from skunlearn.metrics import (
    leakage_score,
    make_leakage_scorer,
    make_tradeoff_scorer,
    select_strength,
)
from skunlearn.metrics._scorers import respond, routed

LINEAR = make_leakage_scorer("linear")


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def groups(n=900, gap=2.0, seed=0):
    """Rows of two groups that differ in the first column, and a target of all columns."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 3))
    X[:, 0] += gap * z
    y = (X.sum(axis=1) + rng.logistic(size=n) > gap / 2).astype(int)
    return X, y, np.array(["f", "m"])[z]


def barycenter():
    model = GaussianBarycenter().set_fit_request(sensitive_features=True)
    return model.set_transform_request(sensitive_features=True)


class Keep(TransformerMixin, BaseEstimator):
    """Let a share of the first column through: a strength whose leakage is known."""

    def __init__(self, strength=0.0):
        self.strength = strength

    def fit(self, X, y=None):
        self.n_fit_ = len(X)
        return self

    def transform(self, X):
        return np.column_stack([(1 - self.strength) * X[:, 0], X[:, 1:]])


# -- scorers --------------------------------------------------------------------------------------


def test_the_score_is_minus_the_distance_of_leakage_score_from_chance():
    X, y, z = groups()
    model = LogisticRegression().fit(X, y)
    p = model.predict_proba(X)[:, 1:]
    expected = leakage_score(p, z, probe="linear", n_permutations=0, random_state=0)
    score = LINEAR(model, X, y, sensitive_features=z)
    assert score == -abs(expected.score - 0.5) < -0.2
    assert LINEAR(model, X, sensitive_features=pd.Series(z)) == score
    worst = make_leakage_scorer(["linear", "quadratic"])(model, X, y, sensitive_features=z)
    quadratic = make_leakage_scorer("quadratic")(model, X, y, sensitive_features=z)
    assert worst == min(score, quadratic)
    age = np.random.default_rng(0).normal(size=len(X)) + X[:, 0]
    found = LINEAR(model, X, y, sensitive_features=age)
    assert found == -leakage_score(p, age, probe="linear", random_state=0).score < -0.1
    noise = np.random.default_rng(1).normal(size=len(X))
    assert LINEAR(model, X, y, sensitive_features=noise) == 0  # R2 below 0


@pytest.mark.parametrize(
    ("model", "response", "expected"),
    [
        (LogisticRegression(), "auto", lambda m, X: m.predict_proba(X)[:, 1:]),
        (LogisticRegression(), "decision_function", lambda m, X: m.decision_function(X)[:, None]),
        (Ridge(), "auto", lambda m, X: m.predict(X)[:, None]),
        (PCA(2), "auto", lambda m, X: m.transform(X)),
        (LinearDiscriminantAnalysis(), "transform", lambda m, X: m.transform(X)),
        (
            make_pipeline(StandardScaler(), PCA(2), Ridge()),
            "transform",
            lambda m, X: m[:-1].transform(X),
        ),
        (
            GridSearchCV(make_pipeline(PCA(), Ridge()), {"pca__n_components": [2]}),
            "transform",
            lambda m, X: m.best_estimator_[0].transform(X),
        ),
    ],
)
def test_what_is_probed(model, response, expected):
    X, y, z = groups(300)
    model = clone(model).fit(X, y)
    out = respond(model, X, response, routed(model, z))
    assert out.shape[0] == 300
    assert np.array_equal(out, expected(model, X))


def test_what_cannot_be_probed_is_named():
    X, y, z = groups(90)
    with pytest.raises(ValueError, match="Got response='logits'"):
        make_leakage_scorer(response="logits")
    with pytest.raises(TypeError, match="LogisticRegression, which has no transform"):
        make_leakage_scorer(response="transform")(
            LogisticRegression().fit(X, y), X, sensitive_features=z
        )
    with pytest.raises(TypeError, match="nothing to probe"):
        LINEAR(BaseEstimator(), X, sensitive_features=z)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        LINEAR(LogisticRegression().fit(X, y), X, y)
    for weight in (-1, np.nan, "much"):
        with pytest.raises(ValueError, match="Got weight="):
            make_tradeoff_scorer("accuracy", weight=weight)


@pytest.mark.parametrize("make", [make_pipeline, pipeline.make_pipeline])
def test_cross_validate_probes_rows_that_the_map_has_not_seen(routing, make):
    X, y, z = groups()
    model = make(barycenter(), StandardScaler(), LogisticRegression())
    scoring = {
        "raw": make_leakage_scorer("linear", response="transform"),
        "out": LINEAR,
        "utility": make_tradeoff_scorer("roc_auc", weight=0),
    }
    plain = make(StandardScaler(), LogisticRegression())
    params = {"sensitive_features": z}
    before = cross_validate(plain, X, y, scoring=scoring, cv=3, params=params)
    after = cross_validate(model, X, y, scoring=scoring, cv=3, params=params)
    for name in ("raw", "out"):
        assert before[f"test_{name}"].mean() < -0.2  # positive control
        assert after[f"test_{name}"].mean() > -0.1
    assert 0.7 < after["test_utility"].mean() < before["test_utility"].mean()
    # scikit-learn's own scorer of the same utility, where Z is not needed to predict
    expected = cross_validate(plain, X, y, scoring="roc_auc", cv=3)["test_score"]
    np.testing.assert_allclose(before["test_utility"], expected)


def test_grid_search_by_several_metrics_and_by_one_number(routing):
    X, y, z = groups()
    model = make_pipeline(barycenter(), LogisticRegression())
    grid = {"gaussianbarycenter__strength": [0.0, 1.0]}
    weights = {}
    for weight in (0, 100):
        scorer = make_tradeoff_scorer("roc_auc", LINEAR, weight=weight)
        search = GridSearchCV(model, grid, scoring=scorer, cv=3)
        search.fit(X, y, sensitive_features=z)
        weights[weight] = search.best_params_["gaussianbarycenter__strength"]
    assert weights == {0: 0.0, 100: 1.0}
    scoring = {"utility": make_tradeoff_scorer("roc_auc", weight=0), "leakage": LINEAR}
    search = GridSearchCV(model, grid, scoring=scoring, cv=3, refit="leakage")
    search.fit(X, y, sensitive_features=z)
    assert search.best_params_["gaussianbarycenter__strength"] == 1.0
    renamed = clone(LINEAR).set_score_request(sensitive_features="sex")
    plain = GridSearchCV(LogisticRegression(), {"C": [1.0]}, scoring=renamed, cv=3)
    assert plain.fit(X, y, sex=z).best_score_ < -0.2
    assert repr(LINEAR).startswith("_LeakageScorer(")


def test_the_tradeoff_is_utility_minus_weight_times_leakage():
    X, y, z = groups()
    model = LogisticRegression().fit(X, y)
    leak = LINEAR(model, X, y, sensitive_features=z)
    for utility in ("roc_auc", "neg_log_loss", None):
        alone = make_tradeoff_scorer(utility, weight=0)(model, X, y, sensitive_features=z)
        expected = model.score(X, y) if utility is None else get_scorer(utility)(model, X, y)
        assert alone == expected
        scorer = make_tradeoff_scorer(utility, LINEAR, weight=2.5)
        assert scorer(model, X, y, sensitive_features=z) == expected + 2.5 * leak
    boosted = make_tradeoff_scorer("roc_auc")(model, X, y, sensitive_features=z)
    default = make_leakage_scorer()(model, X, y, sensitive_features=z)
    assert boosted == get_scorer("roc_auc")(model, X, y) + default


def test_with_gamma_and_the_metrics_of_fairlearn(routing):
    metrics = pytest.importorskip("fairlearn.metrics")
    X, y, z = groups()
    gap = make_scorer(metrics.demographic_parity_difference, greater_is_better=False)
    scoring = {
        "utility": "roc_auc",
        "parity": gap.set_score_request(sensitive_features=True),
        "leakage": LINEAR,
    }
    model = InformationRegularizedLogisticRegression().set_fit_request(sensitive_features=True)
    search = GridSearchCV(model, {"gamma": [0.0, 100.0]}, scoring=scoring, cv=3, refit="parity")
    search.fit(X, y, sensitive_features=z)
    assert search.best_params_ == {"gamma": 100.0}
    parity = search.cv_results_["mean_test_parity"]
    assert parity[0] < -0.3 < -0.1 < parity[1]


@pytest.mark.parametrize(
    "step",
    [
        GaussianBarycenter(),
        TriangularBarycenter(random_state=0, n_folds=2),
        QuantileBarycenter(random_state=0),
        ConditionalBarycenter(),
        LinearConceptEraser(),
    ],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize("inside", [True, False])
def test_every_transformer_in_a_search_with_a_metric_by_group(routing, step, inside):
    metrics = pytest.importorskip("fairlearn.metrics")
    X, y, z = groups(600)
    gap = make_scorer(metrics.demographic_parity_difference, greater_is_better=False)
    gap = gap.set_score_request(sensitive_features=True)
    scoring = {"auc": make_tradeoff_scorer("roc_auc", weight=0), "leakage": LINEAR,
               "parity": make_tradeoff_scorer(gap, weight=0)}  # fmt: skip
    if inside:  # a column of X: nothing is requested, and the scorers are given the values
        X = pd.DataFrame(X, columns=list("uvw")).assign(sex=z)
        step = clone(step).set_params(sensitive_columns=["sex"])
        scoring["parity"] = gap
    else:
        step = clone(step).set_fit_request(sensitive_features=True)
        if not isinstance(step, LinearConceptEraser):
            step = step.set_transform_request(sensitive_features=True)
    model = pipeline.make_pipeline(step, LogisticRegression())
    name = model.steps[0][0]
    search = GridSearchCV(
        model, {f"{name}__strength": [0.0, 1.0]}, scoring=scoring, cv=2, refit="parity",
        error_score="raise",
    ).fit(X, y, sensitive_features=z)  # fmt: skip
    parity = search.cv_results_["mean_test_parity"]
    assert parity[0] < -0.3 < -0.2 < parity[1]
    assert search.best_params_ == {f"{name}__strength": 1.0}
    if not isinstance(step, TriangularBarycenter):
        found = cross_validate(
            model, X, y, scoring=scoring, params={"sensitive_features": z}, cv=2,
            error_score="raise",
        )  # fmt: skip
        assert np.isfinite(found["test_leakage"]).all()


def test_predictions_repaired_in_a_search(routing):
    metrics = pytest.importorskip("fairlearn.metrics")
    X, y, z = groups(600)
    gap = make_scorer(metrics.demographic_parity_difference, greater_is_better=False)
    gap = gap.set_score_request(sensitive_features=True)
    frame = pd.DataFrame(X, columns=list("uvw")).assign(sex=z)
    given = {"estimator": LogisticRegression(), "random_state": 0}
    routed_model = OutputUnlearner(**given).set_fit_request(sensitive_features=True)
    for method in ("predict", "predict_proba"):
        getattr(routed_model, f"set_{method}_request")(sensitive_features=True)
    for model, data, scorer in (
        (OutputUnlearner(**given, sensitive_columns=["sex"]), frame, gap),
        (routed_model, X, make_tradeoff_scorer(gap, weight=0)),
    ):
        search = GridSearchCV(
            model, {"strength": [0.0, 1.0]}, scoring=scorer, cv=2, error_score="raise"
        ).fit(data, y, sensitive_features=z)
        found = search.cv_results_["mean_test_score"]
        assert found[0] < -0.3 < -0.2 < found[1]


# -- the choice of a strength ---------------------------------------------------------------------


def test_the_smallest_strength_below_the_tolerance_is_taken():
    X, _, z = groups(6000, gap=3.0)
    found = select_strength(
        GaussianBarycenter(),
        X,
        z,
        strengths=[1.0, 0.0, 0.5, 0.95],
        tolerance=0.08,
        pass_sensitive=True,
        probe="linear",
        random_state=0,
    )
    assert found.strengths.tolist() == [0.0, 0.5, 0.95, 1.0]
    assert found.strength == 0.95
    assert found.estimator.strength == 0.95
    assert (found.bounds > found.leakages).all()
    assert found.bounds[1] > 0.2
    assert found.n_audit_rows == 3000
    table = found.to_frame()
    assert table["passes"].tolist() == [False, False, True, True]
    assert "Strength 0.95: leakage below" in str(found)
    none = select_strength(
        Keep(), X, z, strengths=[0, 0.5], tolerance=0.05, probe="linear", random_state=0
    )
    assert none.strength is None
    assert none.estimator is None
    assert "No strength has all bounds below 0.05" in repr(none)


def test_few_rows_prove_nothing():
    X, _, z = groups(12_000, gap=0.0)
    outcomes = []
    for n in (240, 12_000):
        found = select_strength(
            Keep(), X[:n], z[:n], strengths=[0.0], tolerance=0.05, probe="linear", random_state=0
        )
        outcomes.append(found.strength)
    assert outcomes == [None, 0.0]


def test_every_probe_has_to_pass():
    rng = np.random.default_rng(0)
    z = np.arange(6000) % 2
    X = rng.normal(size=(6000, 2)) * np.where(z == 1, 3.0, 1.0)[:, None]  # equal means
    options = {"strengths": [0.0], "tolerance": 0.1, "random_state": 0}
    chosen = [
        select_strength(Keep(), X, z, probe=probe, **options).strength
        for probe in ("linear", ["linear", "quadratic"])
    ]
    assert chosen == [0.0, None]


def test_bounds_are_corrected_over_strengths_and_probes():
    X, _, z = groups(1200, gap=0.0)
    options = {"tolerance": 0.2, "random_state": 0}
    one = select_strength(Keep(), X, z, strengths=[0], probe="linear", **options)
    many = select_strength(
        Keep(), X, z, strengths=[0, 0.3, 0.6, 1], probe=["linear", "quadratic"], **options
    )
    assert many.leakages[0, 0] == one.leakages[0, 0]  # the same split, folds and probe
    assert many.bounds[0, 0] > one.bounds[0, 0]
    of_fit, of_audit = split(z)
    out = Keep().fit(X[of_fit]).transform(X[of_audit])
    exact = leakage_score(
        out, z[of_audit], probe=["linear"], level=1 - 2 * 0.05 / 8, n_permutations=0, random_state=0
    )[0]
    assert many.bounds[0, 0] == max(exact.ci_high - 0.5, 0.5 - exact.ci_low)


def split(z):
    from sklearn.model_selection import train_test_split

    return train_test_split(np.arange(len(z)), test_size=0.5, stratify=z, random_state=0)


def test_a_leaky_strength_passes_no_more_often_than_the_level_says():
    # Leakage exactly at the tolerance: AUC of two normals a distance apart.
    rng = np.random.default_rng(0)
    tolerance, passed = 0.1, 0
    gap = np.sqrt(2) * 0.2533471  # AUC .6
    for seed in range(60):
        z = np.arange(800) % 2
        X = rng.normal(size=(800, 2))
        X[:, 0] += gap * z
        found = select_strength(
            Keep(),
            X[:, :1],
            z,
            strengths=[0.0],
            tolerance=tolerance,
            level=0.8,
            probe="linear",
            random_state=seed,
        )
        passed += found.strength is not None
    assert passed <= 60 * 0.2 + 2 * np.sqrt(60 * 0.2 * 0.8)


def test_strengths_of_a_predictor_and_of_a_pipeline(routing):
    X, y, z = groups(3000)
    options = {"tolerance": 0.1, "y": y, "probe": "linear", "random_state": 0}
    model = InformationRegularizedLogisticRegression()
    found = select_strength(
        model, X, z, strengths=[0, 100], param="gamma", pass_sensitive="fit", **options
    )
    assert found.strength == 100
    assert hasattr(found.estimator, "coef_")
    assert not hasattr(model, "coef_")
    steps = make_pipeline(barycenter(), LogisticRegression())
    name = "gaussianbarycenter__strength"
    found = select_strength(
        steps, X, z, strengths=[0, 1], param=name, pass_sensitive=True, **options
    )
    assert found.strength == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tolerance": 0}, "Got tolerance=0"),
        ({"level": 1.0}, "Got level=1.0"),
        ({"strengths": []}, r"Got strengths=\[\]"),
        ({"strengths": [np.nan]}, "Got strengths="),
        ({"pass_sensitive": "transform"}, "Got pass_sensitive='transform'"),
        ({"param": "nothing"}, "Invalid parameter 'nothing'"),
    ],
)
def test_options_out_of_range_are_named(change, words):
    X, _, z = groups(100)
    with pytest.raises(ValueError, match=words):
        select_strength(Keep(), X, z, **{"strengths": [0], "tolerance": 0.1} | change)
