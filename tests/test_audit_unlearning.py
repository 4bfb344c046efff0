"""The audit finds models that forgot nothing, and lets refits pass, at the rate it promises."""

import copy
import html.parser
import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import BaggingRegressor, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression as PlainLogistic
from sklearn.linear_model import Perceptron
from sklearn.linear_model import Ridge as PlainRidge
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB as PlainGaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.preprocessing import StandardScaler as PlainScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier, ExtraTreeRegressor

from skunlearn.audit import (
    DeletionLedger,
    UnlearningAudit,
    audit_unlearning,
    compare_unlearners,
)
from skunlearn.audit._described import Described
from skunlearn.audit._rank_tests import (
    BLOCKS,
    _outlyingness,
    adjusted_p_values,
    distances_among,
    distances_to,
    statistics,
)
from skunlearn.audit._refits import Outputs
from skunlearn.ensemble import SISAClassifier, SISARegressor
from skunlearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from skunlearn.metrics import divergence_from_refit, entropy_comparison
from skunlearn.naive_bayes import GaussianNB
from skunlearn.neighbors import KNeighborsClassifier
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import StandardScaler


class Split:
    """Rows to forget, to retain and to test on; labels of the first are wrong if asked for."""

    def __init__(self, data, n_forget=30, n_train=280, mislabel=True, frame=False):
        X, y = data(return_X_y=True)
        X, _, y, _ = train_test_split(X, y, train_size=n_train + 150, random_state=0)
        if mislabel:
            y = np.where(np.arange(len(y)) < n_forget, np.roll(np.unique(y), 1)[y], y)
        if frame:
            import pandas as pd

            X = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
            y = pd.Series(np.array(["no", "yes"])[y])
        at = X.iloc if frame else X
        at_y = y.iloc if frame else y
        self.train = at[:n_train], at_y[:n_train]
        self.forget = at[:n_forget], at_y[:n_forget]
        self.retain = at[n_forget:n_train], at_y[n_forget:n_train]
        self.test = at[n_train:], at_y[n_train:]

    @property
    def parts(self):
        return *self.forget, *self.retain, *self.test

    def audit(self, original, unlearned, **options):
        return audit_unlearning(original, unlearned, *self.parts, **{"random_state": 0, **options})

    def with_forget(self, y, times=1):
        X = np.vstack([self.retain[0], *[self.forget[0]] * times])
        return X, np.concatenate([self.retain[1], *[y] * times])


@pytest.fixture(scope="module")
def cancer():
    return Split(load_breast_cancer)


RANDOM = [
    RandomForestClassifier(10, random_state=0),
    DecisionTreeClassifier(max_features=5, random_state=0),
    plain_pipeline(
        PlainScaler(), MLPClassifier([50], solver="lbfgs", max_iter=200, random_state=0)
    ),
]


@pytest.mark.parametrize("estimator", RANDOM, ids=["forest", "tree", "pipeline of a net"])
def test_a_no_op_is_caught_and_a_refit_passes(estimator, cancer):
    original = clone(estimator).fit(*cancer.train)
    seed = {k: 7 for k in original.get_params() if k.endswith("random_state")}
    other = clone(estimator).set_params(**seed).fit(*cancer.retain)
    models = {"nothing": copy.deepcopy(original), "refit": other}
    found = compare_unlearners(models, original, *cancer.parts, random_state=0)
    nothing, refit = found["nothing"], found["refit"]
    assert {"no-op", "under-forgetting"} <= set(nothing.alarms)
    assert (nothing.passed, nothing.moved.verdict, nothing.reached.verdict) == (False, False, False)
    assert nothing.reached.p_value == pytest.approx(1 / 20)
    assert (refit.passed, refit.raised, refit.moved.verdict) == (True, (), True)
    assert refit.reached.p_value > 0.05
    # the same refit in disguise, with the seeds of the original, is known by equality
    same = cancer.audit(original, clone(estimator).fit(*cancer.retain), n_refits=2)
    assert same.reached.p_value is None
    assert same.reached.words == (
        "yes: equal to the refit with its own seeds bit for bit, learned attributes and outputs"
    )


def test_the_ways_to_fail_are_told_apart(cancer):
    forest = RandomForestClassifier(10, random_state=0)
    original = clone(forest).fit(*cancer.train)

    def fitted(*rows):
        return clone(forest).set_params(random_state=3).fit(*rows)

    models = {
        "harder": fitted(*cancer.with_forget(cancer.forget[1], times=3)),
        "damaged": fitted(*(part[:8] for part in cancer.retain)),
    }
    found = compare_unlearners(
        models, original, *cancer.parts, random_state=0, unlearn_seconds={"harder": 1e-9}
    )
    assert "under-forgetting" in found["harder"].alarms and "no-op" not in found["harder"].alarms
    assert "damaged utility" in found["damaged"].alarms
    assert found["harder"].faster.verdict and found["damaged"].faster.verdict is None
    frame = found.to_frame()
    yardsticks = ["(original)", "(refits)", "(refits, least)", "(refits, most)"]
    assert list(frame.index) == [*models, *yardsticks]
    assert not frame.loc[list(models), "passed"].any()
    assert frame.loc[yardsticks, "passed"].isna().all()
    loss = frame.loc[yardsticks, "loss_forget"]
    assert (
        loss["(original)"] < loss["(refits, least)"] <= loss["(refits)"] <= loss["(refits, most)"]
    )
    assert "damaged utility" in str(found) and "damaged utility" in found._repr_html_()
    # the shared refits are those that one audit makes
    alone = cancer.audit(original, models["harder"])
    assert alone.table == found["harder"].table


def test_the_table_has_what_the_metrics_say(cancer):
    model = plain_pipeline(PlainScaler(), PlainLogistic())
    original, refit = clone(model).fit(*cancer.train), clone(model).fit(*cancer.retain)
    half = clone(model).fit(*(part[15:] for part in cancer.train))
    parts, rows = cancer.parts, cancer.forget[0]
    frame = compare_unlearners({"half": half, "refit": refit}, original, *parts).to_frame()
    for name, one in {"half": half, "refit": refit, "(original)": original}.items():
        line, found = frame.loc[name], divergence_from_refit(one, refit, rows)
        for quantity in ("js", "max_gap", "disagreement"):
            assert line[quantity] == pytest.approx(found[quantity], abs=1e-12)
        entropies = entropy_comparison(one, refit, rows)
        assert line["entropy"] == pytest.approx(entropies.entropy.mean())
        assert line["entropy_ks"] == pytest.approx(entropies.ks[0])
        for part, data in (("forget", cancer.forget), ("retain", cancer.retain)):
            assert line[f"score_{part}"] == one.score(*data)
    assert frame.loc["half", "js"] > 1e-3 and frame.loc["refit", "js"] == 0
    # of a regressor
    X, y = load_diabetes(return_X_y=True)
    original, refit = PlainRidge().fit(X[:300], y[:300]), PlainRidge().fit(X[9:300], y[9:300])
    parts = X[:9], y[:9], X[9:300], y[9:300], X[300:], y[300:]
    frame = compare_unlearners({"nothing": copy.deepcopy(original)}, original, *parts).to_frame()
    gap = np.abs(original.predict(X[:9]) - refit.predict(X[:9])).max() / np.std(y[9:300])
    assert frame.loc["nothing", "max_difference"] == pytest.approx(gap)
    assert frame.loc["(refits)", "score_forget"] == pytest.approx(refit.score(X[:9], y[:9]))
    assert "js" not in frame and "entropy" not in frame


def test_the_null_of_a_refit_is_its_distance_to_the_others():
    laws = np.random.default_rng(0).dirichlet(np.ones(3), size=(3, 20))
    refits = [Outputs({"forget": law}, {}, {}, {}) for law in laws]
    found = Described(refits, SimpleNamespace(classifies=True, method="predict_proba"))
    gaps = np.abs(laws[:, None] - laws).max(axis=(2, 3))
    np.testing.assert_allclose(found.null["largest gap"], gaps.sum(axis=1) / 2)
    own = found.numbers(refits[0])["largest gap"]  # of a model that is one of the refits
    assert own == pytest.approx(gaps[0].mean())
    assert len(set(found.null["entropy"])) == 3


def test_attacks_are_columns_of_the_table():
    X, y = load_breast_cancer(return_X_y=True)
    parts = X[:60], y[:60], X[60:300], y[60:300], X[300:], y[300:]
    trees = RandomForestClassifier(10, bootstrap=False, random_state=0)
    original = clone(trees).fit(X[:300], y[:300])
    again = [clone(trees).set_params(random_state=s).fit(X[60:300], y[60:300]) for s in range(3)]
    models = {"nothing": copy.deepcopy(original), "refit in disguise": again.pop()}
    attacks = {"membership": {"n_shadows": 16}, "relearn": {"step": lambda m: m, "refits": again}}
    found = compare_unlearners(models, original, *parts, random_state=0, n_refits=3, **attacks)
    frame = found.to_frame()
    assert list(found.attacks) == list(models)
    for name, result in found.attacks.items():
        assert frame.loc[name, "attack_auc"] == result.auc
        assert frame.loc[name, "attack_found"] == result.found == (name == "nothing")
    assert frame.loc["(original)", "attack_auc"] == frame.loc["nothing", "attack_auc"] > 0.6
    null = found.attacks["nothing"].null
    assert frame.loc["(refits)", "attack_auc"] == np.median(null) < 0.6
    assert frame.loc["(refits, most)", "attack_auc"] == null.max()
    # who never learns the rows again
    steps = frame["relearn_steps"]
    assert steps["(original)"] == steps["nothing"] == 0 and np.isinf(steps["(refits)"])
    with pytest.raises(ValueError, match=r"Got fit_params=.*shadows are fitted without"):
        compare_unlearners(models, original, *parts, membership={}, fit_params={"sample_weight": 1})
    with pytest.raises(ValueError, match=r"method named '\(original\)'"):
        compare_unlearners({"(original)": again[0]}, original, *parts)


def test_rows_that_were_unlearned_too_hard():
    split = Split(load_breast_cancer, mislabel=False)
    forest = RandomForestClassifier(10, random_state=0)
    wrong = clone(forest).fit(*split.with_forget(1 - split.forget[1]))
    report = split.audit(clone(forest).fit(*split.train), wrong)
    assert "over-forgetting" in report.alarms and "under-forgetting" not in report.alarms
    assert report.moved.verdict


def test_where_nothing_was_memorised_a_pass_is_said_to_be_empty():
    split = Split(load_breast_cancer, n_forget=3, mislabel=False)
    stumps = RandomForestClassifier(5, max_depth=1, random_state=0)
    original = clone(stumps).fit(*split.train)
    report = split.audit(original, clone(stumps).set_params(random_state=9).fit(*split.train))
    assert [flag.name for flag in report.raised] == ["nothing to forget"]
    assert report.passed and report.headline == "Passed, and so would a model that forgot nothing"


# Exact estimators and deterministic learners

EXACT = [
    (Ridge(), load_diabetes),
    (SISARegressor(ExtraTreeRegressor(), n_shards=3, random_state=1), load_diabetes),
    (SISAClassifier(n_shards=4, random_state=1), load_breast_cancer),
    (SISAClassifier(n_shards=4), load_breast_cancer),  # a secret seed, which it keeps
    (GaussianNB(), load_digits),
    (KNeighborsClassifier(3), load_breast_cancer),
    (RidgeClassifier(), load_breast_cancer),
    (make_pipeline(StandardScaler(), Ridge()), load_diabetes),
]


@pytest.mark.parametrize(("estimator", "data"), EXACT, ids=lambda v: type(v).__name__)
def test_exact_estimators_equal_the_refit(estimator, data):
    split = Split(data, mislabel=data is not load_diabetes)
    original = clone(estimator).fit(*split.train)
    before = original.predict(split.test[0])
    report = split.audit(original, None, n_refits=5)
    assert report.passed and report.alarms == ()
    assert report.reached.number < 1e-9 and report.reached.p_value is None
    assert all(flag.p_value is None for flag in report.flags if flag.alarm)
    assert report.unlearn_seconds > 0 and report.faster.verdict is not None
    assert np.array_equal(original.predict(split.test[0]), before)  # a copy forgot, not it
    assert report.guarantee["kind"] == "exact" and "kind: exact" in report._repr_html_()
    assert "claims: exact" in str(report)
    lie = split.audit(original, copy.deepcopy(original), n_refits=19)
    assert lie.alarms and lie.notes[0].startswith("The model claims to be exact, and is told")


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (PlainRidge(), load_diabetes),
        (RidgeClassifier(), load_breast_cancer),  # its scores tell what predictions may hide
        (PlainGaussianNB(), load_digits),
    ],
)
def test_deterministic_learners_are_judged_by_tolerance(estimator, data):
    split = Split(data, n_forget=5, mislabel=data is not load_diabetes)
    original = clone(estimator).fit(*split.train)
    nothing = split.audit(original, copy.deepcopy(original))
    assert nothing.deterministic and "no-op" in nothing.alarms
    assert {flag.p_value for flag in nothing.flags} == {None}
    assert nothing.reached.verdict is False and "tolerance" in nothing.reached.words
    near = clone(estimator).fit(*split.retain)
    assert split.audit(original, near).reached.number == 0
    for name in ("coef_", "theta_"):
        if hasattr(near, name):
            setattr(near, name, getattr(near, name) * (1 + 1e-9))
    assert split.audit(original, near).passed
    assert not split.audit(original, near, tolerance=0).passed


def test_approximate_removal_within_its_tolerance():
    split = Split(load_breast_cancer, n_forget=3, mislabel=False)
    scaler = PlainScaler().fit(split.train[0])
    for name in ("train", "forget", "retain", "test"):
        X, y = getattr(split, name)
        setattr(split, name, (scaler.transform(X), y))
    original = LogisticRegression().fit(*split.train)
    found = split.audit(original, None, n_refits=2, tolerance=1e-2)
    assert found.deterministic and found.passed and found.reached.number > 0
    strict = split.audit(original, None, n_refits=2, tolerance=1e-12)
    assert strict.reached.verdict is False


def test_damage_of_a_deterministic_learner_is_beyond_chance():
    split = Split(load_breast_cancer, mislabel=False)
    model = plain_pipeline(PlainScaler(), PlainLogistic())
    original = clone(model).fit(*split.train)
    few = clone(model).fit(*(part[:12] for part in split.retain))
    assert "damaged utility" in split.audit(original, few, n_refits=2).alarms
    X, y = load_diabetes(return_X_y=True)
    parts = X[:9], y[:9], X[9:300], y[9:300], X[300:], y[300:]
    original = PlainRidge().fit(X[:300], y[:300])
    report = audit_unlearning(original, copy.deepcopy(original), *parts)
    assert report.table[-1]["unlearned"] < report.table[-1]["refits"] - 1e-4  # by chance
    assert "damaged utility" not in report.alarms


# False alarms


def null_audits(n_runs, rng):
    """Audits of refits, of an extremely random tree of which each fit is another one."""
    X = rng.normal(size=(90, 3))
    y = (X[:, 0] + rng.normal(size=90) > 0).astype(int)
    parts = X[:10], y[:10], X[10:50], y[10:50], X[50:], y[50:]
    for _ in range(n_runs):
        seeds = rng.integers(2**31, size=2).tolist()
        original = ExtraTreeClassifier(random_state=seeds[0]).fit(X[:50], y[:50])
        refit = ExtraTreeClassifier(random_state=seeds[1]).fit(X[10:50], y[10:50])
        yield audit_unlearning(original, refit, *parts, random_state=seeds[0])


def test_false_alarms_are_as_rare_as_promised():
    audits = list(null_audits(100, np.random.default_rng(0)))
    failed = np.mean([not audit.passed for audit in audits])
    assert failed <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 100)
    assert all(audit.passed or audit.reached.p_value <= 0.05 for audit in audits)


def test_the_corrected_rank_test_keeps_its_level_and_has_power():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2000, 20, 1))
    pools = shared + rng.standard_t(3, size=(2000, 20, 6))  # dependent, heavy tails
    smallest = np.array([adjusted_p_values(pool).min() for pool in pools])
    assert smallest.min() == 1 / 20
    assert np.mean(smallest <= 0.05) == pytest.approx(0.05, abs=0.015)  # exact, not only bounded
    pools[:, 0, 2] += 50
    found = np.array([adjusted_p_values(pool) for pool in pools])
    assert (found[:, 2] == 0.05).mean() > 0.95
    others = np.delete(found, 2, axis=1)  # stepping down, the others keep their level
    assert (others.min(axis=1) <= 0.05).mean() <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 2000)
    ties = _outlyingness(1 + 1e-9 * np.arange(20.0), tolerance=1e-6, skewed=True)
    assert (ties == 0).all() and (adjusted_p_values(ties[:, None]) == 1).all()
    skewed = _outlyingness(np.r_[0.3, np.linspace(0.6, 1, 18), 4], tolerance=1e-6, skewed=True)
    assert skewed[0] == skewed.min() < -1.5  # the bad refit hides it little


def test_the_statistics_treat_all_models_alike():
    rng = np.random.default_rng(0)
    pool = [
        Outputs(
            {b: rng.normal(size=(5, 2)) for b in BLOCKS},
            {},
            {"forget": rng.random(5)},
            {"test": score},
        )
        for score in rng.random(6)
    ]

    def scores(order):
        model, *others = (pool[i] for i in order)
        to, among = distances_to(model, others, False), distances_among(others, False)
        return statistics(model, others, to, among, 1e-6)

    order = [3, 0, 5, 1, 4, 2]  # whoever is called the model
    np.testing.assert_allclose(scores(order), scores(range(6))[order])


def test_too_few_refits_describe_and_say_so(cancer):
    original = RandomForestClassifier(10, random_state=0).fit(*cancer.train)
    report = cancer.audit(original, copy.deepcopy(original), n_refits=5)
    assert (report.passed, report.raised, report.reached.verdict) == (None, (), None)
    assert report.reached.p_value == pytest.approx(1 / 6) == report.smallest_p
    assert "19 are needed" in report.reached.words and "n_refits=19" in report.notes[0]
    assert report.moved.verdict is False  # a fact, not a test
    assert cancer.audit(original, copy.deepcopy(original), n_refits=9, level=0.1).passed is False


# Numbers


def test_numbers_are_what_they_say(cancer):
    original = RandomForestClassifier(10, random_state=0).fit(*cancer.train)
    other = clone(original).set_params(random_state=1).fit(*cancer.retain)
    report = cancer.audit(original, other, n_refits=3)
    rows = {(row["quantity"], row["rows"]): row for row in report.table}
    p, q = (model.predict_proba(cancer.forget[0]) for model in (original, other))
    moved = rows["distance to the original", "forget"]["unlearned"]
    assert moved == pytest.approx(np.abs(p - q).sum(axis=1).mean() / 2) == report.moved.number
    clipped = np.clip(other.predict_proba(cancer.test[0]), 1e-6, 1)
    truth = clipped[np.arange(len(clipped)), cancer.test[1]]
    assert rows["loss", "test"]["unlearned"] == pytest.approx(-np.log(truth).mean())
    assert rows["score", "test"]["unlearned"] == other.score(*cancer.test)
    assert rows["loss", "retain"]["original"] == pytest.approx(
        log_loss(cancer.retain[1], original.predict_proba(cancer.retain[0])), rel=0.01
    )
    assert 0 <= rows["membership AUC", "forget, test"]["refits"] < 0.2  # the labels are wrong
    assert len(report.draws["loss_forget"]) == 3
    assert rows["loss", "forget"]["refits"] == np.median(report.draws["loss_forget"])


def test_regressors_are_measured_in_standard_deviations():
    split = Split(load_diabetes, mislabel=False)
    bag = BaggingRegressor(ExtraTreeRegressor(), 5, random_state=0)
    original = clone(bag).fit(*split.train)
    reports = []
    for scale in (1, 1024):
        parts = [part * (scale if i % 2 else 1) for i, part in enumerate(split.parts)]
        model = clone(bag).fit(split.train[0], split.train[1] * scale)
        reports.append(audit_unlearning(model, copy.deepcopy(model), *parts, random_state=0))
    assert "no-op" in reports[0].alarms
    for one, other in zip(reports[0].table, reports[1].table, strict=True):
        assert one["refits"] == pytest.approx(other["refits"])
    refit = clone(bag).set_params(random_state=5).fit(*split.retain)
    moved = split.audit(original, refit, n_refits=2).moved.number
    gap = original.predict(split.forget[0]) - refit.predict(split.forget[0])
    assert moved == pytest.approx(np.sqrt(np.mean(gap**2)) / np.std(split.retain[1]))


def test_every_seed_is_set_and_global_generators_are_put_back(cancer):
    class Drawing(ClassifierMixin, BaseEstimator):
        def __init__(self, random_state=None, inner=None):
            self.random_state, self.inner = random_state, inner

        def fit(self, X, y):
            self.classes_ = np.unique(y)
            self.drawn_ = (self.random_state, self.inner and self.inner.random_state)
            self.share_ = np.random.random()  # noqa: NPY002
            fits.append((*self.drawn_, self.share_))
            return self

        def predict(self, X):
            return self.classes_[(np.asarray(X)[:, 0] > 10 + 10 * self.share_).astype(int)]

    fits = []
    original = Drawing(4, DecisionTreeClassifier(random_state=2)).fit(*cancer.train)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    for _ in range(2):
        fits.append("audit")
        cancer.audit(original, copy.deepcopy(original), n_refits=4)
    first, second = fits[2:7], fits[8:]
    assert first == second and first[0][:2] == (4, 2)  # reproducible; one with its own seeds
    assert len({a for a, *_ in first}) == len({b for _, b, _ in first}) == 5
    assert len({share for *_, share in first}) >= 4
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    fits.clear()
    cancer.audit(Drawing().fit(*cancer.train), Drawing().fit(*cancer.train), n_refits=3)
    assert len(fits) == 5


def test_learners_without_seeds_are_refitted_twice(cancer, capsys):
    original = PlainGaussianNB().fit(*cancer.train)
    report = cancer.audit(original, PlainGaussianNB().fit(*cancer.retain), verbose=1)
    assert report.n_refits == 2 and "17 were left out" in report.notes[0]
    assert capsys.readouterr().out.count("refit") == 2
    assert report.passed


# Inputs


def test_frames_strings_jobs_and_models_without_probabilities():
    split = Split(load_breast_cancer, frame=True)
    original = Perceptron(random_state=0).fit(*split.train)
    nothing = split.audit(original, copy.deepcopy(original), n_jobs=2)
    assert nothing.measure == "share of the rows with another prediction"
    assert nothing.n_refits == 19 and nothing.faster.number is None
    refit = Perceptron(random_state=0).fit(*split.retain)
    assert split.audit(original, refit, n_refits=2).passed
    again = split.audit(original, copy.deepcopy(original))
    assert again.table == nothing.table  # whatever the number of jobs


def test_weights_sparse_rows_and_a_class_that_goes(cancer):
    weights = np.linspace(0.5, 1, len(cancer.retain[1]))
    original = PlainGaussianNB().fit(*cancer.train)
    model = PlainGaussianNB().fit(*cancer.retain, sample_weight=weights)
    assert cancer.audit(original, model, fit_params={"sample_weight": weights}).passed
    assert not cancer.audit(original, model).passed
    y = np.r_[np.full(30, 2), cancer.retain[1]]
    X = [csr_array(part) for part in (cancer.train[0], cancer.forget[0], cancer.retain[0])]
    model = RandomForestClassifier(5, random_state=0)
    parts = X[1], y[:30], X[2], y[30:], csr_array(cancer.test[0]), cancer.test[1]
    original = clone(model).fit(X[0], y)
    assert audit_unlearning(original, clone(model).fit(X[2], y[30:]), *parts, n_refits=2).passed
    assert "no-op" in audit_unlearning(original, copy.deepcopy(original), *parts).alarms


def test_copies_of_forgotten_rows_among_the_retained_are_noted(cancer):
    original = PlainGaussianNB().fit(*cancer.train)
    parts = *cancer.forget, *cancer.train, *cancer.test
    report = audit_unlearning(original, copy.deepcopy(original), *parts)
    assert any(note.startswith("30 of the forget rows") for note in report.notes)
    clean = cancer.audit(original, copy.deepcopy(original))
    assert not any("forget rows have" in note for note in clean.notes)


def test_large_parts_are_sampled(cancer, monkeypatch):
    monkeypatch.setattr("skunlearn.audit._refits.MAX_ROWS", 20)
    monkeypatch.setattr("skunlearn.audit._build.MAX_ROWS", 20)
    original = PlainGaussianNB().fit(*cancer.train)
    report = cancer.audit(original, PlainGaussianNB().fit(*cancer.retain))
    assert any("20 rows at random of the parts forget, retain, test" in n for n in report.notes)
    assert report.n_retain == 250


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_refits": 1}, "n_refits=1, expected an int of 2 or more"),
        ({"level": 5}, "level=5, expected"),
        ({"tolerance": -1}, "tolerance=-1"),
        ({"unlearn_seconds": 0}, "unlearn_seconds=0"),
        ({"unlearned": "same"}, "copy the original"),
        ({"unlearned": None}, "GaussianNB has no unlearn: pass the model"),
        ({"X_test": np.ones((3, 30))}, "3 rows in X_test and 150 targets"),
        ({"y_forget": None}, "no y_forget"),
        ({"unlearned": PlainScaler().fit([[0.0]])}, "StandardScaler has no predict"),
        ({"y_retain": np.ones((250, 2))}, "audit each target by itself"),
    ],
)
def test_wrong_use_is_refused_with_the_way_out(change, message, cancer):
    original = PlainGaussianNB().fit(*cancer.train)
    given = {"original": original, "unlearned": copy.deepcopy(original)}
    names = ("X_forget", "y_forget", "X_retain", "y_retain", "X_test", "y_test")
    given |= dict(zip(names, cancer.parts, strict=True)) | change
    if given["unlearned"] == "same":
        given["unlearned"] = original
    with pytest.raises(ValueError, match=message):
        audit_unlearning(**given)


def test_other_wrong_use(cancer):
    fitted, fresh = PlainGaussianNB().fit(*cancer.train), PlainGaussianNB()
    with pytest.raises(NotFittedError):
        cancer.audit(fitted, fresh)
    with pytest.raises(ValueError, match="dictionary of names"):
        compare_unlearners([fitted], fitted, *cancer.parts)
    with pytest.raises(ValueError, match=r"\['b'\], which are not among"):
        compare_unlearners({"a": fresh}, fitted, *cancer.parts, unlearn_seconds={"b": 1})
    with pytest.raises(ValueError, match="it is measured"):
        cancer.audit(GaussianNB().fit(*cancer.train), None, unlearn_seconds=1)


# The report


class Tags(html.parser.HTMLParser):
    """Fails on tags that are not closed in order; collects what is loaded from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loaded = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.loaded += [v for k, v in attrs if k in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_in_all_its_forms(cancer, tmp_path):
    pytest.importorskip("matplotlib")
    original = GaussianNB().fit(*cancer.train)
    report = cancer.audit(original, None)
    text = str(report)
    assert max(map(len, text.splitlines())) <= 100
    for words in ("1. Did it move? yes", "2. Did it reach the refit? yes", "3. Was it faster"):
        assert words in text
    frame = report.to_frame()
    assert len(frame) == 19 and {"original", "unlearned", "refits"} <= set(frame.columns)
    page = report.to_html(tmp_path / "audit.html").read_text(encoding="utf-8")
    (picture,) = Tags(page).loaded  # nothing but the picture, and that is inside
    assert picture.startswith("data:image/png;base64,iVBOR") and "Passed" in page
    Tags(report._repr_html_())
    assert "body {" not in report._repr_html_()  # it must not restyle a notebook
    assert len(report.plot().axes) == 3
    record = json.loads(report.to_json(tmp_path / "audit.json"))
    assert record == json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert (record["schema"], record["passed"], record["n_forget"]) == (1, True, 30)
    with pytest.raises(AttributeError):
        report.level = 1


def test_text_is_escaped_and_infinities_are_null(cancer):
    original = GaussianNB().fit(*cancer.train)
    report = cancer.audit(original, None)
    values = {name: getattr(report, name) for name in report.__dataclass_fields__}
    odd = UnlearningAudit(**values | {"estimator": "<script>", "notes": ("<i>",), "level": np.inf})
    assert "<i>" not in odd._repr_html_() and "&lt;i&gt;" in odd._repr_html_()
    assert json.loads(odd.to_json())["level"] is None


def test_a_ledger_holds_the_summary(cancer, tmp_path):
    model = GaussianNB().fit(*cancer.train)
    before = copy.deepcopy(model)
    ledger = DeletionLedger(tmp_path / "deletions.jsonl")
    with ledger.recording(model, audit=lambda m: cancer.audit(before, m).summary()):
        model.unlearn(*cancer.forget)
    assert ledger.entries()[-1]["audit"]["passed"] is True


def test_keywords_of_unlearn_and_their_wrong_use():
    X, y = load_diabetes(return_X_y=True)
    weights = np.random.default_rng(0).random(300) + 0.5
    original = Ridge().fit(X[:300], y[:300], sample_weight=weights)
    parts = X[:20], y[:20], X[20:300], y[20:300], X[300:], y[300:]
    given = {"fit_params": {"sample_weight": weights[20:]}}
    audit = audit_unlearning(
        original, None, *parts, unlearn_params={"sample_weight": weights[:20]}, **given
    )
    assert audit.passed and audit.reached.number < 1e-9
    with pytest.raises(ValueError, match="Got unlearn_params and an unlearned model"):
        audit_unlearning(original, Ridge().fit(X, y), *parts, unlearn_params={}, **given)
