"""The audit on three folds cannot be fooled by a map that knows its rows, and is calibrated."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skunlearn.datasets import fetch_adult
from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.metrics import LeakageAudit, ProbeAudit, audit_leakage, leakage_score

ALL = ("linear", "quadratic", "boosting", "neighbors")
QUICK = {"n_permutations": 0, "random_state": 0}


def shifted(z, by=1.5, n_features=3, seed=0):
    X = np.random.default_rng(seed).normal(size=(len(z), n_features))
    X[:, 0] += by * z
    return X


class Memoriser(TransformerMixin, BaseEstimator):
    """Blank the rows it was fitted on, pass on all others: an over-fitted map at its worst."""

    def fit(self, X, y=None):
        self.seen_ = {row.tobytes() for row in X}
        return self

    def transform(self, X):
        return np.array([row * (row.tobytes() not in self.seen_) for row in X])


class GroupCentre(TransformerMixin, BaseEstimator):
    """Centre every group at its own mean."""

    def fit(self, X, y=None, sensitive_features=None):
        groups = np.unique(sensitive_features)
        self.means_ = {g: X[sensitive_features == g].mean(axis=0) for g in groups}
        return self

    def transform(self, X, sensitive_features=None):
        return X - np.array([self.means_[g] for g in sensitive_features])


class MeanGap(ClassifierMixin, BaseEstimator):
    """Project on the difference of two groups' means: quick enough for hundreds of nulls."""

    def fit(self, X, y):
        self.direction_ = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
        return self

    def decision_function(self, X):
        return X @ self.direction_


class Oracle(TransformerMixin, BaseEstimator):
    """Take out the shift of one that z makes, exactly."""

    def fit(self, X, y=None, sensitive_features=None):
        return self

    def transform(self, X, sensitive_features=None):
        return X - sensitive_features[:, None]


blank = FunctionTransformer(lambda X: X * [0, 1, 1])  # the telling column


# Not to be fooled


@pytest.mark.parametrize("probe", ALL)
def test_memorising_is_not_forgetting(probe):
    z = np.arange(300) % 2
    X = shifted(z, 2.5)
    own_rows = Memoriser().fit(X).transform(X)
    assert leakage_score(own_rows, z, probe=probe, random_state=0).score == 0.5  # fooled
    audit = audit_leakage(Memoriser(), X, z, probes=[probe], **QUICK)
    assert audit[0].score > 0.85
    assert audit[0].before == audit[0].score  # fresh rows pass through it as they are


def test_map_probe_and_score_see_disjoint_rows_in_every_rotation():
    log = []

    class Spy(Memoriser):
        def fit(self, X, y=None):
            log.append([set(X[:, 0])])
            return super().fit(X, y)

        def transform(self, X):
            log[-1].append(set(X[:, 0]))
            return X

    z = np.arange(90) % 2
    X = np.c_[np.arange(90.0), shifted(z)]
    audit_leakage(Spy(), X, z, probes=["linear"], n_repeats=2, n_permutations=1, random_state=0)
    assert len(log) == 6  # two splits of three rotations; the null refits no map
    everything = set(X[:, 0])
    for parts in log:
        assert len(parts) == 3
        assert set.union(*parts) == everything
        assert sum(map(len, parts)) == 90
    for split in (log[:3], log[3:]):  # each row is scored once a split
        assert set.union(*(parts[2] for parts in split)) == everything
    assert {frozenset(p[0]) for p in log[:3]} != {frozenset(p[0]) for p in log[3:]}


@pytest.mark.parametrize(
    ("make", "seen_by"),
    [
        (lambda X, z: X + [2.0, 0, 0] * z[:, None], ALL),
        (lambda X, z: X * np.where(z, 4.0, 1.0)[:, None], ALL[1:]),
        (lambda X, z: np.round(X) + 0.01 * z[:, None], ("boosting",)),
    ],
    ids=["means", "spreads", "atoms"],
)
def test_what_each_probe_sees(make, seen_by):
    z = np.arange(600) % 2
    X = make(np.random.default_rng(0).normal(size=(600, 3)), z)
    audit = audit_leakage(None, X, z, probes=ALL, n_repeats=1, before=False, **QUICK)
    assert [r.probe for r in audit if r.score > 0.75] == list(seen_by)
    assert all(np.isnan([r.before for r in audit]))


# What it says


def test_control_before_and_nothing_after():
    z = np.repeat(["f", "m"], 300)
    X = shifted(z == "m", 2)
    audit = audit_leakage(blank, X, z, probes=ALL[:2], n_repeats=2, random_state=0)
    for result in audit:
        assert result.before > 0.9
        assert result.ci_low < 0.5 < result.ci_high
        assert result.p_value > 0.05
        assert abs(result.null_mean - 0.5) < 0.03
    assert audit.within(0.1)
    assert not audit.within(0.02)  # 600 rows cannot say that


def test_a_leak_is_found_against_the_refitted_null():
    z = np.arange(200) % 3
    audit = audit_leakage(
        StandardScaler(), shifted(z), z, probes=[LinearDiscriminantAnalysis(), "neighbors"],
        n_repeats=2, random_state=0,
    )  # fmt: skip
    for result in audit:
        assert result.p_value == 0.05
        assert result.score > result.null_high
        assert result.metric == "roc_auc_ovr_macro"
    assert audit.upper_bound() > 0.2


def test_continuous():
    X, y = load_diabetes(return_X_y=True)
    audit = audit_leakage(
        FunctionTransformer(lambda X: X[:, :2]), X, y.astype(float), task="regression",
        probes=["linear", LinearRegression(), "neighbors"], n_permutations=3, random_state=0,
    )  # fmt: skip
    for result in audit:
        assert result.metric == "r2"
        assert result.before > 0.3
        assert result.score < 0.2
    assert audit[0].null_mean < 0.02


def test_agrees_with_the_cheap_score():
    X, z = load_breast_cancer(return_X_y=True)
    one = leakage_score(X, z, transformer=StandardScaler(), probe="linear", random_state=0)
    audit = audit_leakage(StandardScaler(), X, z, probes="linear", n_repeats=1, **QUICK)
    assert audit[0].score == pytest.approx(one.score)  # the first split is the same
    assert audit[0].ci_low <= one.ci_low + 1e-12  # fitting adds to the sampling of the rows
    assert audit[0].ci_high >= one.ci_high - 1e-12
    assert np.isnan(audit[0].sd_repeats)
    assert np.isnan(audit[0].p_value)


def test_null_is_calibrated_behind_a_map_that_is_right():
    p_values = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        z = rng.permutation(60) % 2
        X = rng.normal(size=(60, 2)) + z[:, None]
        audit = audit_leakage(
            Oracle(), X, z, probes=[MeanGap()], before=False,
            pass_sensitive=True, n_repeats=1, n_permutations=9, random_state=seed,
        )  # fmt: skip
        p_values.append(audit[0].p_value)
    assert np.mean(np.array(p_values) <= 0.1) < 0.1 + 3 * np.sqrt(0.09 / 60)
    assert 0.4 < np.mean(p_values) < 0.7


def test_null_is_calibrated_without_a_leak():
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        z, X = rng.permutation(60) % 2, rng.normal(size=(60, 2))
        audit = audit_leakage(
            None, X, z, probes=[MeanGap()], before=False, n_repeats=1,
            n_permutations=9, random_state=seed,
        )  # fmt: skip
        p_values.append(audit[0].p_value)
    share = np.mean(np.array(p_values) <= 0.1)
    assert abs(share - 0.1) < 3 * np.sqrt(0.09 / 200)


def test_interval_covers_the_expected_score():
    scores, inside = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        z = rng.permutation(120) % 2
        X = rng.normal(size=(120, 2)) + 0.8 * z[:, None]
        audit = audit_leakage(None, X, z, probes=[MeanGap()], before=False, **QUICK)
        scores.append(audit[0].score)
        inside.append((audit[0].ci_low, audit[0].ci_high))
    low, high = np.transpose(inside)
    truth = np.mean(scores)
    assert np.mean((low <= truth) & (truth <= high)) >= 0.85
    assert np.mean(high - low) < 4.5 * np.std(scores)  # and is not wide beyond use


@pytest.mark.filterwarnings("ignore:Only 12 rows")  # that is the point
def test_small_groups_stay_in_every_fold():
    z = np.repeat([0, 1], [60, 12])
    audit = audit_leakage(
        None, shifted(z, 3), z, probes=[LinearDiscriminantAnalysis()], random_state=0
    )
    assert np.isfinite(audit[0].null_mean)
    z = np.repeat([0, 1, 2, 3, 4, 5], [60, 6, 6, 6, 6, 6])
    with (
        pytest.warns(UserWarning, match="Only 6 rows"),
        pytest.raises(ValueError, match="pool small groups, or pass n_permutations=0"),
    ):
        audit_leakage(None, shifted(z, 3), z, probes=[LinearDiscriminantAnalysis()])


# Inputs and outputs


def test_columns_equal_to_z_are_no_control():
    pd = pytest.importorskip("pandas")
    z = np.repeat(["f", "m"], 150)
    X = shifted(z == "m", 1)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(sex=z)
    barycenter = GaussianBarycenter(sensitive_columns=["sex"])
    audit = audit_leakage(barycenter, frame, frame["sex"], probes=["linear"], **QUICK)
    assert 0.6 < audit[0].before < 0.95  # 1.0 with the column itself
    assert abs(audit[0].score - 0.5) < 0.1
    own = audit_leakage(
        barycenter, frame, frame["sex"], probes=["linear"], before=frame[["b", "c"]], **QUICK
    )
    assert abs(own[0].before - 0.5) < 0.1
    assert own[0].score == audit[0].score
    only = audit_leakage(None, frame[["sex"]], frame["sex"], probes=["linear"], **QUICK)
    assert np.isnan(only[0].before)
    assert only[0].score == 1


def test_reads_pickles_tabulates_and_repeats():
    pytest.importorskip("pandas")
    z = np.arange(150) % 2
    options = {
        "probes": ["linear", "neighbors"],
        "n_permutations": 2,
        "n_repeats": 2,
        "random_state": 0,
    }
    audit = audit_leakage(blank, shifted(z), z, **options)
    assert isinstance(audit, LeakageAudit)
    assert all(isinstance(result, ProbeAudit) for result in audit)
    assert pickle.loads(pickle.dumps(audit)) == audit
    assert audit_leakage(blank, shifted(z), z, n_jobs=2, **options) == audit
    lines = str(audit).splitlines()
    assert lines[0].startswith("FunctionTransformer: map, probe and score on disjoint folds, 150")
    assert lines[1].split()[:4] == ["probe", "metric", "before", "after"]
    assert lines[3].startswith("neighbors  roc_auc")
    assert len({len(line) for line in lines[1:]}) == 1  # a table
    assert str(audit[0]).splitlines()[1].startswith("linear")
    frame = audit.to_frame()
    assert frame["probe"].tolist() == ["linear", "neighbors"]
    assert audit[0].to_frame().loc[0, "n_rows"] == 150
    assert "null" not in str(audit_leakage(None, shifted(z), z, probes="linear", **QUICK))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_repeats": 0}, "n_repeats=0"),
        ({"n_permutations": -1}, "n_permutations=-1"),
        ({"level": 0}, "level=0"),
        ({"average": "micro"}, "average='micro'"),
        ({"probes": []}, "Got no probes"),
        ({"probes": ["trees"]}, "probe='trees'.*neighbors"),
        ({"before": np.zeros((5, 2))}, "before with 5 rows, X with 60"),
        ({"sensitive_features": np.zeros(60)}, "at least two to tell apart"),
        ({"sensitive_features": np.zeros(59)}, "60 rows and sensitive with 59"),
        ({"transformer": GaussianBarycenter()}, "pass_sensitive=True"),
    ],
)
def test_bad_input_is_named(options, message):
    z = np.arange(60) % 2
    given = {"transformer": None, "X": shifted(z), "sensitive_features": z, "probes": ["linear"]}
    with pytest.raises(ValueError, match=message):
        audit_leakage(**(given | options))


def test_upper_bound_is_of_the_worst_probe_and_of_both_sides():
    def probe(score, error, metric="roc_auc"):
        rest = dict.fromkeys(["ci_low", "ci_high", "sd_repeats", "null_mean", "null_high"], 0.0)
        return ProbeAudit(
            probe="p", metric=metric, before=0.9, score=score, standard_error=error, level=0.95,
            p_value=1.0, n_repeats=1, n_permutations=0, n_rows=100, **rest,
        )  # fmt: skip

    low = LeakageAudit((probe(0.4, 0.02),), "map")
    assert low.upper_bound() == pytest.approx(0.1 + 1.645 * 0.02, abs=1e-3)
    assert low.within(0.14)
    assert not low.within(0.13)
    high = LeakageAudit((probe(0.4, 0.02), probe(0.6, 0.02)), "map")
    assert high.upper_bound() == pytest.approx(0.1 + 1.96 * 0.02, abs=2e-3)  # two probes
    r2 = LeakageAudit((probe(-0.2, 0.05, "r2"), probe(0.0, 0.01, "r2")), "map")
    assert r2.upper_bound() == pytest.approx(1.96 * 0.01, abs=1e-4)


@pytest.mark.parametrize("confidence", [0, 1.5])
def test_bad_confidence(confidence):
    z = np.arange(60) % 2
    audit = audit_leakage(None, shifted(z), z, probes="linear", **QUICK)
    with pytest.raises(ValueError, match="expected a float in"):
        audit.upper_bound(confidence)


@pytest.mark.data
def test_adult_one_hot_atoms_give_sex_away(data_home):
    try:
        data = fetch_adult(data_home=data_home, download_if_missing=False).data[:3000]
    except FileNotFoundError:
        pytest.skip("Adult is not in data_home")
    sex = data["sex"].astype(str).to_numpy()
    X = data[["workclass", "marital-status", "occupation"]].astype(str)
    atoms = OneHotEncoder(sparse_output=False, min_frequency=0.05).fit_transform(X)
    audit = audit_leakage(
        GroupCentre(), atoms, sex, pass_sensitive=True, probes=["linear", "boosting"], n_repeats=1,
        **QUICK,
    )  # fmt: skip
    assert audit[0].before > 0.75
    assert audit[0].score < 0.65  # the means are out,
    assert audit[1].score > 0.95  # and each group's zeros and ones stand at places of their own
