"""The audit of feature unlearning: leak, utility, fairness and cost, with positive controls."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skunlearn.audit import audit_feature_unlearning
from skunlearn.datasets import fetch_adult
from skunlearn.feature_unlearning import GaussianBarycenter, LinearConceptEraser

QUICK = {"probes": ["linear"], "n_repeats": 1, "n_permutations": 0, "random_state": 0}


@pytest.fixture(scope="module")
def people():
    """Groups that differ in two of three columns, and a target that follows one of these."""
    rng = np.random.default_rng(0)
    sex = np.repeat(["f", "m"], 600)
    X = rng.normal(size=(1200, 3))
    X[sex == "m", :2] += 1
    y = (X[:, 0] + X[:, 1] + 0.5 * rng.normal(size=1200) > 1).astype(int)
    return X, sex, y


def values(audit, quantity, part=""):
    return {
        row["point"]: row["value"]
        for row in audit.table
        if row["quantity"].startswith(quantity) and row["part"] == part
    }


# -- verdicts and flags ---------------------------------------------------------------------------


def test_a_map_that_forgets_nothing_fails(people):
    X, sex, y = people
    audit = audit_feature_unlearning(FunctionTransformer(), X, sex, y, **QUICK)
    assert audit.present.verdict and audit.forgotten.verdict is False
    assert audit.alarms == ("still readable",) and audit.passed is False
    assert values(audit, "transport cost") == {"before": 0.0, "after": 0.0}
    assert values(audit, "utility")["before"] == values(audit, "utility")["after"]


def test_a_map_that_forgets_passes_and_its_price_is_told(people):
    X, sex, y = people
    audit = audit_feature_unlearning(
        GaussianBarycenter(), X, sex, y, strengths=[1, 0, 0.5], pass_sensitive=True,
        tolerance=0.2, **QUICK,
    )  # fmt: skip
    assert audit.points == ("before", "0", "0.5", "1") and audit.passed
    assert "utility lost" in [flag.name for flag in audit.raised]
    leaks = list(values(audit, "leak", "linear").values())
    assert leaks[0] == pytest.approx(leaks[1]) and leaks[1] > leaks[2] > leaks[3]
    costs = list(values(audit, "transport cost").values())
    assert costs[1] == 0 and 0 < costs[2] < costs[3]
    # McCann's path: a quarter of the squared distance at half the strength
    assert costs[2] == pytest.approx(costs[3] / 4, rel=1e-6)
    for quantity in ("mutual information", "distance of the groups", "parity gap"):
        found = list(values(audit, quantity).values())
        assert found[0] > 2 * max(found[3], 0.01)
    assert list(audit.bounds) == list(audit.points) and audit.bounds["1"] < 0.2


def test_few_rows_are_no_pass(people):
    X, sex, _y = people
    rows = np.arange(0, 1200, 8)
    audit = audit_feature_unlearning(
        GaussianBarycenter(), X[rows], sex[rows], pass_sensitive=True, **QUICK
    )
    assert audit.passed is None and audit.forgotten.verdict is None
    assert audit.headline.startswith("Not judged: nothing surely left")
    assert audit.affordable.verdict is None and "pass y" in audit.affordable.words


def test_nothing_to_forget_is_no_pass(people):
    X, _, _y = people
    nobody = np.random.default_rng(1).permutation(np.repeat(["a", "b"], 600))
    audit = audit_feature_unlearning(FunctionTransformer(), X, nobody, tolerance=0.4, **QUICK)
    assert not audit.present.verdict and audit.passed is None
    assert [flag.name for flag in audit.raised] == ["no power"]
    assert "no probe finds" in audit.headline


def test_false_alarms_are_rare(people):
    # a variable that is not there: neither flag may be raised, at a level of .05 for all together
    X, *_ = people
    X, alarms = X[:150], 0
    for run in range(12):
        z = np.random.default_rng(run).permutation(np.repeat(["a", "b"], 75))
        audit = audit_feature_unlearning(
            FunctionTransformer(), X, z, tolerance=1e-6, **QUICK | {"random_state": run}
        )
        alarms += bool(audit.alarms)
    assert alarms <= 2  # more of 12 happen once in fifty at .05


def test_a_map_that_gives_it_away_is_flagged():
    # whole numbers, moved by a real one for each group: a tree reads the places after the comma
    rng = np.random.default_rng(0)
    sex = np.repeat(["f", "m"], 500)
    X = (
        rng.integers(0, 9, size=(1000, 2))
        + rng.integers(0, 2, size=(1000, 2)) * (sex == "m")[:, None]
    )
    barycenter = GaussianBarycenter()
    with pytest.warns(UserWarning, match="columns that"):
        audit = audit_feature_unlearning(
            barycenter,
            X.astype(float),
            sex,
            pass_sensitive=True,
            **QUICK | {"probes": ["boosting"]},
        )
    assert set(audit.alarms) == {"still readable", "worse than before"}
    assert "after" in {flag.name: flag.words for flag in audit.raised}["worse than before"]


# -- numbers --------------------------------------------------------------------------------------


def test_fairness_metrics_of_others(people):
    fairlearn = pytest.importorskip(
        "fairlearn.metrics", reason="fairlearn is an extra of the tests"
    )
    X, sex, y = people
    seen = {}

    def accuracy_gap(y_true, y_pred, *, sensitive_features):
        seen["groups"] = set(sensitive_features)
        rates = [np.mean(y_pred[sensitive_features == g] == y_true[sensitive_features == g])
                 for g in "fm"]  # fmt: skip
        return abs(rates[0] - rates[1])

    metrics = {
        "accuracy gap": accuracy_gap,
        "parity": fairlearn.demographic_parity_difference,
        "odds": fairlearn.equalized_odds_difference,
    }
    audit = audit_feature_unlearning(
        GaussianBarycenter(), X, sex, y, pass_sensitive=True, fairness=metrics, **QUICK
    )
    assert seen["groups"] == {"f", "m"}
    assert 0 <= values(audit, "accuracy gap")["after"] < 0.2
    before, after = values(audit, "parity")["before"], values(audit, "parity")["after"]
    # "parity" of the callable comes after the gap of the scores in the table, and wins here
    assert before > 0.2 > after
    assert not any("fairlearn" in note for note in audit.notes)
    none = audit_feature_unlearning(FunctionTransformer(), X, sex, y, **QUICK)
    assert any("fairlearn" in note for note in none.notes)


def test_gaps_by_hand(people):
    X, sex, _ = people
    y = np.arange(len(sex)) % 2
    # a model that says the first column: its law in the two groups is known
    audit = audit_feature_unlearning(
        FunctionTransformer(), X, sex, y, estimator=SaysFirst(), **QUICK
    )
    gap = np.abs(
        np.searchsorted(np.sort(X[:600, 0]), np.sort(X[:, 0]), side="right") / 600
        - np.searchsorted(np.sort(X[600:, 0]), np.sort(X[:, 0]), side="right") / 600
    ).max()
    assert values(audit, "parity gap")["after"] == pytest.approx(gap)
    share = [np.mean(X[s, 0] > 0) for s in (slice(600), slice(600, None))]
    ratio = max(abs(1 - share[0] / share[1]), abs(1 - share[1] / share[0]))
    assert values(audit, "discrimination")["after"] == pytest.approx(ratio)


class SaysFirst(DummyClassifier):
    """Scores are the first column."""

    def decision_function(self, X):
        return np.asarray(X)[:, 0]

    predict_proba = property()  # there are none

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0).astype(int)


def test_a_pipeline_that_predicts_is_a_map_and_a_model(people):
    X, sex, y = people
    X = np.column_stack([X, sex == "m"])
    eraser = LinearConceptEraser(sensitive_columns=[3])
    whole = make_pipeline(eraser, StandardScaler(), LogisticRegression(C=0.1))
    one = audit_feature_unlearning(whole, X, X[:, 3], y, **QUICK)
    other = audit_feature_unlearning(whole[:-1], X, X[:, 3], y, estimator=whole[-1], **QUICK)
    assert one.table == other.table and one.estimator == "LinearConceptEraser, StandardScaler"


def test_strengths_of_a_step_and_columns_inside_the_data(people):
    X, sex, y = people
    X = pd.DataFrame(X, columns=list("abc")).assign(sex=(sex == "m") * 1.0)
    model = make_pipeline(GaussianBarycenter(sensitive_columns=["sex"]), StandardScaler())
    audit = audit_feature_unlearning(model, X, X["sex"], y, strengths=[0, 1], **QUICK)
    # what is there before the map is without the column itself
    assert values(audit, "leak", "linear")["before"] < 0.95
    assert values(audit, "leak", "linear")["1"] < 0.6


def test_sparse_rows_and_several_classes(people):
    X, sex, y = people
    audit = audit_feature_unlearning(
        None, sparse.csr_array(X), sex, (y + (X[:, 2] > 1)).astype(str), **QUICK
    )
    assert audit.points == ("before",) and audit.forgotten.verdict is False
    assert values(audit, "utility (accuracy)")["before"] > 0.6


def test_continuous_variable_and_target(people):
    X, _, _ = people
    z = X[:, 0] + 0.3 * np.random.default_rng(0).normal(size=len(X))
    audit = audit_feature_unlearning(
        LinearConceptEraser(), X, z, X[:, 2] * 2 + X[:, 1], pass_sensitive="fit",
        estimator=Ridge(), tolerance=0.1, **QUICK,
    )  # fmt: skip
    assert audit.sensitive[0] == "fifth 1" and len(audit.sensitive) == 5
    assert values(audit, "leak", "linear")["before"] > 0.7 and audit.passed
    assert values(audit, "utility (r2)")["after"] > 0.9


@pytest.mark.data
def test_adult(data_home):
    X, _ = fetch_adult(data_home=data_home, return_X_y=True)
    y = np.asarray(fetch_adult(data_home=data_home, return_X_y=True)[1])[:3000]
    X = X.iloc[:3000]
    sex, X = np.asarray(X["sex"]), X[["age", "education-num", "hours-per-week"]].astype(float)
    keep = audit_feature_unlearning(FunctionTransformer(), X, sex, y, **QUICK)
    erased = audit_feature_unlearning(
        LinearConceptEraser(), X, sex, y, pass_sensitive="fit", tolerance=0.1, **QUICK
    )
    assert keep.alarms == ("still readable",)
    assert values(keep, "leak", "linear")["after"] > 0.6
    assert erased.forgotten.verdict and erased.bounds["after"] < keep.bounds["after"] / 2


# -- the report, and wrong use ---------------------------------------------------------------------


def test_the_report_in_all_its_forms(people, tmp_path):
    X, sex, y = people
    audit = audit_feature_unlearning(
        GaussianBarycenter(), X, sex, y, strengths=[0.5, 1], pass_sensitive=True,
        **QUICK | {"n_permutations": 2},
    )  # fmt: skip
    text = str(audit)
    assert text.startswith("Audit of feature unlearning: GaussianBarycenter\n1200 rows")
    assert "worst probe, from chance at most" in text and "1. Was there anything" in text
    frame = audit.to_frame()
    assert set(frame["point"]) == {"before", "0.5", "1"}
    nulls = frame[frame["quantity"] == "leak (roc_auc)"].set_index("point")["null_high"]
    assert nulls.notna().to_dict() == {"before": True, "0.5": False, "1": True}
    record = json.loads(audit.to_json(tmp_path / "audit.json"))
    assert record["schema"] == 1 and record["points"] == ["before", "0.5", "1"]
    assert json.loads(json.dumps(audit.summary()))["bounds"].keys() == set(audit.points)
    page = audit.to_html(tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page and not re.search(r"(src|href)=[\"']http", page)
    assert "What the model claims" not in page
    assert audit._repr_html_().startswith('<div class="audit">')
    pytest.importorskip("matplotlib")
    figure = audit.plot()
    assert [axes.get_title() for axes in figure.axes][1] == "What does it cost?"
    without = audit_feature_unlearning(FunctionTransformer(), X, sex, **QUICK).plot()
    for drawn in (figure, without):
        drawn.canvas.draw()
        drawn.clear()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tolerance": 0}, ValueError, "Got tolerance=0"),
        ({"level": 1.0}, ValueError, "Got level=1.0"),
        ({"strengths": []}, ValueError, "Got no strengths"),
        ({"strengths": [1]}, ValueError, "no parameter named strength"),
        ({"transformer": None, "strengths": [1]}, ValueError, "without a transformer"),
        ({"transformer": Ridge()}, ValueError, "Ridge has no transform"),
        ({"transformer": make_pipeline(Ridge())}, ValueError, "a predictor only"),
        ({"probes": []}, ValueError, "Got no probes"),
        ({"fairness": [max]}, TypeError, "expected a dictionary of names to functions"),
        ({"y": [1, 2]}, ValueError, "Got X with 1200 rows and y with 2"),
    ],
)
def test_wrong_use(change, error, message, people):
    X, sex, y = people
    given = {"transformer": StandardScaler(), "X": X, "sensitive_features": sex, "y": y, **QUICK}
    with pytest.raises(error, match=message):
        audit_feature_unlearning(**given | change)
