"""Leakage is found where there is some, not where there is none, and never on the map's rows."""

import pickle
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skunlearn.datasets import fetch_adult
from skunlearn.metrics import LeakageReport, LeakageResult, leakage_score
from skunlearn.metrics._scores import AUC as _AUC
from skunlearn.metrics._scores import R2 as _R2

PROBES = ["linear", "quadratic", "boosting"]


def shifted(z, by=1.5, n_features=3, seed=0):
    """Normal features, the first of them moved by z."""
    X = np.random.default_rng(seed).normal(size=(len(z), n_features))
    X[:, 0] += by * z
    return X


class GroupCentre(TransformerMixin, BaseEstimator):
    """Centre every group at its own mean: no linear leak left, in the limit."""

    def fit(self, X, y=None, sensitive_features=None):
        X = np.asarray(X)
        groups = np.unique(sensitive_features)
        self.means_ = {g: X[sensitive_features == g].mean(axis=0) for g in groups}
        return self

    def transform(self, X, sensitive_features=None):
        return np.asarray(X) - np.array([self.means_[g] for g in sensitive_features])


class Memoriser(TransformerMixin, BaseEstimator):
    """Blank the rows it was fitted on, pass on all others: an over-fitted map at its worst."""

    def fit(self, X, y=None):
        self.seen_ = {row.tobytes() for row in X}
        return self

    def transform(self, X):
        return np.array([row * (row.tobytes() not in self.seen_) for row in X])


# The positive controls and their nulls


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("levels", [[0, 1], ["f", "m"], [False, True], ["a", "b", "c"]])
def test_finds_groups(probe, levels):
    codes = np.random.default_rng(1).integers(len(levels), size=450)
    result = leakage_score(shifted(codes), np.array(levels)[codes], probe=probe, random_state=0)
    assert result.score > 0.7
    assert result.ci_low > result.null_high
    assert result.p_value == 1 / 201
    assert result.n_score_rows == 450
    assert result.metric == ("roc_auc" if len(levels) == 2 else "roc_auc_ovr_macro")


@pytest.mark.parametrize("probe", PROBES)
def test_finds_a_continuous_variable(probe):
    z = np.random.default_rng(1).normal(size=450)
    result = leakage_score(shifted(z), z, probe=probe, random_state=0)
    assert result.metric == "r2"
    assert 0.4 < result.ci_low < result.score < result.ci_high < 0.85
    assert result.p_value == 1 / 201


@pytest.mark.parametrize("kind", [2, 3, None])
def test_no_leak_no_finding(kind):
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        z = rng.permutation(120) % kind if kind else rng.normal(size=120)
        X = rng.normal(size=(120, 3))
        result = leakage_score(X, z, probe="linear", n_permutations=99, random_state=seed)
        p_values.append(result.p_value)
    assert np.mean(np.array(p_values) <= 0.1) <= 0.25
    assert 0.35 < np.mean(p_values) < 0.65


def test_each_probe_sees_its_own_order():
    rng = np.random.default_rng(0)
    z = np.repeat([0, 1], 400)
    X = rng.normal(size=(800, 3))
    sign = np.where(z == 1, 1, -1)
    X[:, 1] = X[:, 0] * sign + 0.3 * X[:, 1]  # equal means and variances, opposite covariances
    report = leakage_score(X, z, probe=PROBES, random_state=0)
    assert report[0].score < 0.6
    assert report[1].score > 0.9
    assert report[2].score > 0.9


def test_quadratic_regression_sees_squares():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    z = X[:, 0] ** 2 + 0.1 * rng.normal(size=600)
    linear, quadratic = leakage_score(X, z, probe=["linear", "quadratic"], random_state=0)
    assert linear.score < 0.1
    assert quadratic.score > 0.9


def test_below_chance_is_reported_as_it_is():
    class Contrary(LogisticRegression):
        def decision_function(self, X):
            return -super().decision_function(X)

    z = np.repeat([0, 1], 150)
    result = leakage_score(shifted(z), z, probe=Contrary(), random_state=0)
    assert result.score < 0.25
    assert result.p_value > 0.95


# Maps: three disjoint folds


def test_map_probe_and_score_see_disjoint_rows():
    seen = []

    class Spy(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            seen.append({"map": set(X[:, 0])})
            return self

        def transform(self, X):
            return X

    class SpyProbe(GaussianNB):
        def fit(self, X, y):
            seen[-1]["probe"] = set(X[:, 0])
            return super().fit(X, y)

        def predict_proba(self, X):
            seen[-1]["score"] = set(X[:, 0])
            return super().predict_proba(X)

    z = np.arange(90) % 2
    X = np.c_[np.arange(90.0), shifted(z)]
    leakage_score(X, z, transformer=Spy(), probe=SpyProbe(), random_state=0)
    assert len(seen) == 3
    for rotation in seen:
        assert sorted(map(len, rotation.values())) == [30, 30, 30]
        assert len(set.union(*rotation.values())) == 90
    for stage in ("map", "probe", "score"):
        assert len(set.union(*(rotation[stage] for rotation in seen))) == 90


def test_disjoint_folds_catch_the_overfitted_map():
    z = np.arange(600) % 2
    X = shifted(z)
    naive = leakage_score(Memoriser().fit(X).transform(X), z, random_state=0)
    honest = leakage_score(X, z, transformer=Memoriser(), random_state=0)
    assert naive.score == 0.5  # the trap: all rows scored are rows of the map
    assert honest.score > 0.75
    assert honest.ci_low > naive.ci_high


def test_fitted_rows_are_left_out():
    z = np.arange(600) % 2
    X = shifted(z)
    rows = np.arange(300)
    mapped = Memoriser().fit(X[rows]).transform(X)
    mask = np.arange(600) < 300
    by_index = leakage_score(mapped, z, fitted_rows=rows, random_state=0)
    by_mask = leakage_score(mapped, z, fitted_rows=mask, random_state=0)
    assert by_index == by_mask
    assert by_index.n_score_rows == 300
    assert by_index.score > leakage_score(mapped, z, random_state=0).score + 0.05


def test_map_that_works_passes():
    z = np.random.default_rng(3).choice(["f", "m"], size=900)
    X = shifted(z == "m")
    raw = leakage_score(X, z, probe=PROBES, random_state=0)
    mapped = leakage_score(
        X, z, transformer=GroupCentre(), pass_sensitive=True, probe=PROBES, random_state=0
    )
    assert min(r.score for r in raw) > 0.8
    assert max(r.score for r in mapped) < 0.6


def test_one_hot_trap():
    """Means removed from one-hot columns: nothing for a line, everything for a tree."""
    rng = np.random.default_rng(0)
    z = rng.integers(2, size=9000)
    level = (rng.random(9000) < 0.4 + 0.2 * z).astype(int) + 2 * rng.integers(2, size=9000)
    X = np.eye(4)[level]
    kwargs = {"probe": ["linear", "boosting"], "random_state": 0}
    raw = leakage_score(X, z, **kwargs)
    mapped = leakage_score(X, z, transformer=GroupCentre(), pass_sensitive=True, **kwargs)
    assert raw[1].score < 0.7
    assert abs(mapped[0].score - 0.5) < 0.06
    assert mapped[1].score > 0.99


def test_pass_sensitive_to_fit_only():
    seen = []

    class FitOnly(StandardScaler):
        def fit(self, X, y=None, sensitive_features=None):
            seen.append(sensitive_features)
            return super().fit(X, y)

        def transform(self, X, sensitive_features=None):
            seen.append(sensitive_features)
            return super().transform(X)

    z = np.array(["f", "m"])[np.arange(90) % 2]
    X = shifted(z == "m")
    for flag, expected in (("fit", [True, False, False]), (True, [True] * 3), (False, [False] * 3)):
        seen.clear()
        leakage_score(X, z, transformer=FitOnly(), pass_sensitive=flag, probe="linear")
        assert [s is not None for s in seen] == expected * 3
    leakage_score(X, z, transformer=StandardScaler(), pass_sensitive=True, probe="linear")


def test_transformer_gets_y_and_is_not_fitted_itself():
    class NeedsY(StandardScaler):
        def fit(self, X, y):
            assert np.array_equal(y, X[:, 1])
            return super().fit(X)

    z = np.arange(90) % 2
    X = shifted(z)
    transformer = NeedsY()
    leakage_score(X, z, transformer=transformer, y=X[:, 1], probe="linear")
    assert not hasattr(transformer, "mean_")


# The statistics


def test_auc_is_scikit_learns():
    rng = np.random.default_rng(0)
    codes = rng.choice(3, size=200, p=[0.6, 0.3, 0.1])
    scores = rng.dirichlet(np.ones(3), size=200).round(2)
    scores /= scores.sum(axis=1, keepdims=True)
    for average in ("macro", "weighted"):
        metric = _AUC(3, average)
        expected = roc_auc_score(codes, scores, multi_class="ovr", average=average)
        assert metric.value(codes, metric.prepare(scores)) == pytest.approx(expected, abs=1e-12)
    binary = _AUC(2, "macro")
    expected = roc_auc_score(codes == 1, scores[:, 1])
    ranks = binary.prepare(scores[:, 1:2])
    assert binary.value((codes == 1).astype(int), ranks) == pytest.approx(expected, abs=1e-12)


def test_r2_is_scikit_learns():
    rng = np.random.default_rng(0)
    z, predictions = rng.normal(size=(2, 50))
    assert _R2().value(z, predictions) == pytest.approx(r2_score(z, predictions), abs=1e-12)


@pytest.mark.parametrize("metric", [_AUC(2, "macro"), _AUC(3, "macro"), _R2()])
def test_variance_is_that_of_a_bootstrap(metric):
    rng = np.random.default_rng(0)
    n = 400
    if isinstance(metric, _AUC):
        z = rng.integers(metric.n_groups, size=n)
        # what raises one group's score lowers the others': the AUCs are correlated
        predictions = rng.normal(size=(n, metric.n_groups)) + 0.5 * np.eye(metric.n_groups)[z]
        predictions -= predictions.mean(axis=1, keepdims=True)
        predictions = predictions[:, 1:] if metric.n_groups == 2 else predictions
    else:
        z = rng.normal(size=n)
        predictions = 0.5 * z + 0.3 * rng.normal(size=n)
    influence = metric.influence(z, metric.prepare(predictions))
    draws = [rng.integers(n, size=n) for _ in range(1000)]
    boot = np.std([metric.value(z[d], metric.prepare(predictions[d])) for d in draws])
    assert np.sqrt(np.sum(influence**2)) == pytest.approx(boot, rel=0.1)
    assert abs(influence.sum()) < 1e-10


def test_level_widens_the_interval():
    z = np.arange(300) % 2
    narrow, wide = (
        leakage_score(shifted(z, 0.5), z, level=level, random_state=0) for level in (0.5, 0.99)
    )
    assert wide.ci_low < narrow.ci_low < narrow.score < narrow.ci_high < wide.ci_high
    assert narrow.null_high < wide.null_high


# Inputs


def test_mixed_frame_and_object_array():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    z = rng.integers(2, size=600)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=600),
            "text": np.where(rng.random(600) < 0.2 + 0.6 * z, "yes", "no"),
            "level": pd.Categorical(rng.choice(list("abc"), size=600)),
            "flag": rng.random(600) < 0.5,
            "whole": pd.array(rng.integers(5, size=600), dtype="Int64"),
        }
    )
    frame.loc[3, "number"] = np.nan
    frame.loc[4, "text"] = None
    frame.loc[5, "whole"] = pd.NA
    sensitive = pd.Series(np.array(["f", "m"])[z], index=np.arange(600)[::-1])
    for result in leakage_score(frame, sensitive, probe=PROBES, random_state=0):
        assert 0.72 < result.score < 0.88
    as_objects = frame.drop(columns="whole").to_numpy(dtype=object)
    for result in leakage_score(as_objects, sensitive, probe=PROBES, random_state=0):
        assert 0.72 < result.score < 0.88


def test_sparse_goes_to_the_linear_probe_only():
    z = np.arange(300) % 2
    X = csr_array(np.maximum(shifted(z), 0))
    assert leakage_score(X, z, probe="linear", random_state=0).score > 0.7
    assert leakage_score(X, z, probe=LogisticRegression(), random_state=0).score > 0.7
    with pytest.raises(TypeError, match=r"sparse X for probe='boosting'.*toarray"):
        leakage_score(X, z)


def test_small_folds_can_be_boosted():
    z = np.arange(90) % 2
    assert leakage_score(shifted(z, 4.0), z, random_state=0).score > 0.9


def test_own_estimators():
    z = np.arange(300) % 3
    pipeline = make_pipeline(StandardScaler(), GaussianNB())
    report = leakage_score(shifted(z), z, probe=(pipeline, Perceptron()), random_state=0)
    assert [r.probe for r in report] == ["Pipeline", "Perceptron"]
    assert report[0].score > 0.7

    class Mute(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.zeros(len(X))

    with pytest.raises(TypeError, match="neither predict_proba nor decision_function"):
        leakage_score(shifted(z), z, probe=Mute())


def test_task_overrides_the_guess():
    z = np.arange(300) % 5
    X = shifted(z)
    assert leakage_score(X, z, probe="linear").metric == "roc_auc_ovr_macro"
    assert leakage_score(X, z, probe="linear", average="weighted").metric == "roc_auc_ovr_weighted"
    assert leakage_score(X, z, probe="linear", task="regression").metric == "r2"


def test_random_state_and_jobs_do_not_matter_otherwise():
    z = np.arange(300) % 2
    first, second, parallel = (
        leakage_score(shifted(z), z, probe=PROBES, random_state=7, n_jobs=n_jobs)
        for n_jobs in (None, None, 2)
    )
    assert first == second == parallel
    assert first != leakage_score(shifted(z), z, probe=PROBES, random_state=8)


Z = np.arange(60) % 2


@pytest.mark.parametrize(
    ("sensitive", "kwargs", "message"),
    [
        (np.zeros(60), {}, r"values \[0.0\], expected at least two"),
        (["a"] * 60, {}, r"values \['a'\], expected at least two"),
        (np.r_[Z[:-1], np.nan], {}, "1 missing values in sensitive"),
        ([None, *"ab" * 29, None], {}, "2 missing values in sensitive"),
        (Z[:-1], {}, "X with 60 rows and sensitive with 59"),
        (np.c_[Z, Z], {}, r"shape \(60, 2\)"),
        (["a"] * 56 + ["b"] * 4, {}, "4 rows of group 'b', expected at least 6"),
        (np.r_[np.zeros(59), 0.5], {}, "constant in one of three folds"),
        (Z, {"probe": "forest"}, "probe='forest', expected one of"),
        (Z, {"task": "ranking"}, "task='ranking'"),
        (Z, {"average": "micro"}, "average='micro'"),
        (Z, {"level": 95}, r"level=95, expected a float in \(0, 1\)"),
        (Z, {"n_permutations": -1}, "n_permutations=-1"),
        (Z, {"pass_sensitive": "yes"}, "pass_sensitive='yes'"),
        (Z, {"y": Z[:-1]}, "X with 60 rows and y with 59"),
        (Z, {"fitted_rows": [True, False]}, r"mask of shape \(2,\) for 60 rows"),
        (Z, {"fitted_rows": [0], "transformer": StandardScaler()}, "both transformer and"),
    ],
)
@pytest.mark.filterwarnings("ignore:Only 60 rows:UserWarning")  # the constant one warns first
def test_refusals(sensitive, kwargs, message):
    with pytest.raises(ValueError, match=message):
        leakage_score(shifted(Z), sensitive, **kwargs)


def test_refuses_mixed_types_and_flat_data():
    with pytest.raises(TypeError, match="strings and other values"):
        leakage_score(shifted(Z), np.array([1, "a"] * 30, dtype=object))
    with pytest.raises(ValueError, match=r"X of shape \(60,\)"):
        leakage_score(shifted(Z)[:, 0], Z)


def test_refuses_a_transformer_that_drops_rows():
    class Drops(StandardScaler):
        def transform(self, X):
            return X[1:]

    with pytest.raises(ValueError, match="19 rows from Drops for 20"):
        leakage_score(shifted(Z), Z, transformer=Drops())


def test_warns_of_few_rows():
    with pytest.warns(UserWarning, match="Only 10 rows of group 'b'"):
        leakage_score(shifted(Z), ["a"] * 50 + ["b"] * 10)


# Results


def test_result_and_report():
    z = np.arange(300) % 2
    report = leakage_score(shifted(z), z, probe=["linear", "boosting"], random_state=0)
    assert isinstance(report, LeakageReport)
    assert len(report) == 2
    assert [r.probe for r in report] == ["linear", "boosting"]
    assert report[:1] == (report[0],)
    assert isinstance(report[0], LeakageResult)
    assert str(report).count("\n") == 1
    assert "linear: roc_auc 0." in repr(report)
    assert "300 rows" in repr(report[1])
    with pytest.raises(AttributeError):
        report[0].score = 0.5
    assert pickle.loads(pickle.dumps(report)) == report


def test_frames():
    pytest.importorskip("pandas")
    z = np.arange(300) % 2
    report = leakage_score(shifted(z), z, probe=["linear", "boosting"], random_state=0)
    frame = report.to_frame()
    assert frame["score"].tolist() == [r.score for r in report]
    assert report[0].to_frame().shape == (1, frame.shape[1])


def test_frame_without_pandas(monkeypatch):
    z = np.arange(300) % 2
    result = leakage_score(shifted(z), z, probe="linear", n_permutations=0)
    assert np.isnan([result.null_mean, result.null_high, result.p_value]).all()
    assert "p=" not in str(result)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        result.to_frame()


# Real data


def test_breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    for result in leakage_score(X, y, probe=PROBES, random_state=0):
        assert result.score > 0.95


def test_diabetes_sex():
    X, _ = load_diabetes(return_X_y=True)
    sex = X[:, 1] > 0
    assert leakage_score(X, sex, random_state=0).score > 0.99
    without = leakage_score(np.delete(X, 1, axis=1), sex, probe="linear", random_state=0)
    assert 0.65 < without.score < 0.85


@pytest.mark.data
def test_adult_sex(data_home):
    pytest.importorskip("pandas")
    try:
        data = fetch_adult(data_home=data_home, subset="test", download_if_missing=False).data
    except FileNotFoundError:
        pytest.skip("Adult is not in data_home")
    X, sex = data.drop(columns="sex"), data["sex"]
    assert 0.9 < leakage_score(X, sex, random_state=0).score < 0.96
    kwargs = {"probe": ["linear", "boosting"], "random_state": 0}
    kwargs |= {"transformer": GroupCentre(), "pass_sensitive": True}
    for min_frequency, seen_by_a_line in ((0.05, False), (None, True)):
        encoder = OneHotEncoder(sparse_output=False, min_frequency=min_frequency)
        onehot = encoder.fit_transform(X.select_dtypes("category"))
        linear, boosting = leakage_score(onehot[:6000], sex[:6000], **kwargs)
        assert boosting.score > 0.99
        # a column that is hardly ever 1 is a constant a group: even a line tells them apart
        assert (linear.score > 0.9) if seen_by_a_line else (linear.score < 0.6)
