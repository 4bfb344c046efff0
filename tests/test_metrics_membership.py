"""Membership inference: what was learned is found, what was not is not, and shadows are honest."""

import copy

import joblib
import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB as PlainNB
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skunlearn.datasets import fetch_adult
from skunlearn.ensemble import SISAClassifier
from skunlearn.linear_model import LogisticRegression as UnlearnableLogistic
from skunlearn.linear_model import Ridge, RidgeClassifier
from skunlearn.metrics import membership_inference
from skunlearn.metrics._likelihood_ratio import likelihood_ratios
from skunlearn.metrics._membership import exposures, power
from skunlearn.metrics._roc import auc, auc_with_interval, compare_with_refits, roc_curve, tpr_at
from skunlearn.metrics._shadows import Pool, downdates, draw_dropped, draw_members, run_shadows
from skunlearn.metrics._signals import SignalReader
from skunlearn.naive_bayes import GaussianNB, MultinomialNB
from skunlearn.neighbors import KNeighborsClassifier


def digits():
    return load_digits(return_X_y=True)


def noisy_cancer():
    """Breast cancer with a fifth of the labels wrong: something to know by heart."""
    X, y = load_breast_cancer(return_X_y=True)
    wrong = np.random.default_rng(9).random(len(y)) < 0.2
    return (X - X.mean(axis=0)) / X.std(axis=0), np.where(wrong, 1 - y, y)


def parts_of(X, y, n_forget=60, n_retain=200, n_test=60, seed=0):
    order = np.random.default_rng(seed).permutation(len(y))
    parts = np.split(order, np.cumsum([n_forget, n_retain, n_test]))[:3]
    return [block for part in parts for block in (X[part], y[part])]


def whole_of(parts):
    return np.vstack([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]])


def models_of(learner, parts):
    """The model that forgot nothing, and one with another seed that never saw the rows."""
    models = {"no-op": clone(learner), "refit": clone(learner)}
    if "random_state" in learner.get_params():
        models["refit"].set_params(random_state=7)
    models["no-op"].fit(*whole_of(parts))
    models["refit"].fit(parts[2], parts[3])
    return models


@pytest.mark.parametrize(
    ("learner", "data", "power"),
    [
        (ExtraTreesClassifier(10, random_state=0), digits, 0.95),
        (RidgeClassifier(), digits, 0.85),
        (GaussianNB(), digits, 0.6),
        (LogisticRegression(max_iter=500), noisy_cancer, 0.58),
        (ExtraTreesClassifier(10, random_state=0), noisy_cancer, 0.95),
    ],
    ids=["trees, digits", "ridge, digits", "nb, digits", "logistic, cancer", "trees, cancer"],
)
def test_members_are_found_and_rows_of_a_refit_are_not(learner, data, power):
    parts = parts_of(*data())
    found = membership_inference(models_of(learner, parts), *parts, n_shadows=32, random_state=0)
    assert found["no-op"].found and found["no-op"].auc > power
    assert not found["refit"].found
    assert found["refit"].auc_interval[0] < 0.5 < found["refit"].auc_interval[1]
    assert found["refit"].learned.mean() > power  # the control says that it could be found
    assert found["refit"].excess_interval[0] <= 0 < found["no-op"].excess_interval[0]
    assert not found["refit"].powerless
    assert not found["refit"].pushed_away and not found["no-op"].pushed_away


@pytest.mark.data
def test_members_are_found_on_adult(data_home):
    data = fetch_adult(data_home=data_home)
    X = data.data.select_dtypes(exclude="number")
    X = OneHotEncoder(sparse_output=False).fit_transform(X)
    y = np.asarray(data.target)
    parts = parts_of(X, y, 300, 1500, 1100)
    found = membership_inference(
        models_of(DecisionTreeClassifier(random_state=0), parts),
        *parts,
        n_shadows=32,
        random_state=0,
    )
    assert found["no-op"].found and found["no-op"].auc > 0.6
    assert not found["refit"].found
    assert found["no-op"].tpr[0.01] > 5 * found["refit"].tpr[0.01]
    assert found["no-op"].tpr[0.001] is None
    assert found["no-op"].refused[0.001] == "needs 10000 unseen rows, got 1100"


@pytest.mark.parametrize("learner", [GaussianNB(), RidgeClassifier()])
def test_an_exact_model_that_forgot_is_attacked_as_its_refit(learner):
    parts = parts_of(*digits())
    models = models_of(learner, parts)
    models["forgot"] = copy.deepcopy(models["no-op"]).unlearn(*parts[:2])
    found = membership_inference(models, *parts, n_shadows=16, random_state=0)
    np.testing.assert_array_equal(found["forgot"].scores, found["refit"].scores)
    assert found["forgot"].auc == found["refit"].auc < found["no-op"].auc
    assert found["forgot"].null.tolist() == [pytest.approx(found["forgot"].auc)]
    assert found["forgot"].excess_interval == (0.0, 0.0)
    assert found["forgot"].shadows == "exact downdating"


def test_a_regressor_is_attacked_by_its_residuals():
    X, y = load_diabetes(return_X_y=True)
    X = PolynomialFeatures(2, include_bias=False).fit_transform(X)
    parts = parts_of((X - X.mean(axis=0)) / X.std(axis=0), y)
    found = membership_inference(models_of(Ridge(), parts), *parts, random_state=0)
    assert found["no-op"].found and not found["refit"].found
    assert found["no-op"].signal.startswith("residual")


# The attack on a method of unlearning


def flip(model, X, y, X_retain, y_retain):
    """Pretend to forget: learn the rows again, under wrong labels."""
    return clone(model).fit(np.vstack([X, X_retain]), np.concatenate([(y + 1) % 10, y_retain]))


def test_over_forgetting_is_found_by_the_attack_on_the_method_only():
    parts = parts_of(*digits())
    model = flip(ExtraTreesClassifier(10, random_state=0), *parts[:4])
    plain = membership_inference(model, *parts, n_shadows=16, random_state=0)
    assert plain.auc < 0.3 and not plain.found
    assert plain.pushed_away and str(plain).startswith("Pushed away")
    against = membership_inference(
        model, *parts, method="u-lira", unlearn=flip, n_shadows=16, random_state=0
    )
    assert against.found and against.auc > 0.95
    assert against.learned.mean() > 0.95 and "learned and forgot" in str(against)


def test_an_exact_method_is_a_tie():
    parts = parts_of(*digits())
    model = GaussianNB().fit(*whole_of(parts)).unlearn(*parts[:2])
    found = membership_inference(model, *parts, method="u-lira", n_shadows=16, random_state=0)
    assert (found.auc, found.auc_interval) == (0.5, (0.5, 0.5))
    np.testing.assert_array_equal(found.scores, 0.0)
    assert not found.found and "neither in this model nor" in str(found)


def test_a_method_that_does_nothing_is_found():
    parts = parts_of(*noisy_cancer())
    original = ExtraTreesClassifier(10, random_state=0).fit(*whole_of(parts))
    found = membership_inference(
        original,
        *parts,
        method="u-lira",
        unlearn=lambda model, *rows: None,
        n_shadows=16,
        random_state=0,
    )
    assert found.found and found.learned.mean() > 0.95


# Weak attacks


@pytest.mark.parametrize("method", ["loss", "entropy"])
def test_weak_attacks_say_so(method):
    parts = parts_of(*noisy_cancer())
    model = models_of(ExtraTreesClassifier(10, random_state=0), parts)["no-op"]
    alone = membership_inference(model, *parts[:2], None, None, *parts[4:], method=method)
    assert alone.weak and alone.n_shadows == 0 and alone.powerless is None
    assert f"weak {method} attack" in repr(alone) and f"weak {method} attack" in str(alone)
    assert "without shadows" in alone.verdict or alone.found
    with_controls = membership_inference(model, *parts, method=method, n_shadows=8)
    np.testing.assert_allclose(with_controls.auc, alone.auc, atol=1e-12)
    assert with_controls.learned.mean() > 0.9 > 0.6 > with_controls.null.mean()
    assert len(with_controls.null) == 5


def test_the_weak_attack_misses_what_the_ratio_finds():
    # every row is hard or easy whatever the model has learned: one threshold cannot see it
    parts = parts_of(*digits(), n_forget=100, n_test=100)
    model = models_of(RidgeClassifier(), parts)["no-op"]
    weak = membership_inference(model, *parts, method="loss", n_shadows=16, random_state=0)
    strong = membership_inference(model, *parts, n_shadows=16, random_state=0)
    assert strong.auc > weak.auc + 0.05


def test_a_single_row():
    X, y = digits()
    alarms, areas = [], []
    for seed in range(6):
        parts = parts_of(X, y, 1, 200, 80, seed)
        models = models_of(RidgeClassifier(), parts)
        found = membership_inference(models, *parts, n_shadows=16, random_state=0)
        alarms.append(found["refit"].found)
        areas.append(found["no-op"].auc)
        assert found["no-op"].learned == found["no-op"].rows["exposure"][:1]
    assert not any(alarms) and np.mean(areas) > 0.75
    # found at .95, where it is beyond 97.5 % of the unseen rows
    intervals = [auc_with_interval([x], np.arange(100), 0.95)[1] for x in (98.5, 96.5)]
    assert intervals[0][0] > 0.5 > intervals[1][0]


def test_shadows_by_approximate_unlearning_are_judged_by_true_refits():
    parts = parts_of(*noisy_cancer())
    models = models_of(UnlearnableLogistic(), parts)
    options = {"n_shadows": 16, "n_refits": 2, "random_state": 0}
    by = {way: membership_inference(models, *parts, shadows=way, **options) for way in _WAYS}
    assert by["unlearn"]["refit"].shadows == "unlearning"
    np.testing.assert_allclose(by["unlearn"]["refit"].null, by["unlearn"]["refit"].auc, atol=0.01)
    scores = [by[way]["no-op"].scores for way in _WAYS]
    assert stats.spearmanr(*scores).statistic > 0.9


_WAYS = ("refit", "unlearn")


def test_exposure_of_rows():
    member = np.random.RandomState(0).random_sample((40, 3)).argsort(axis=0) < 15
    scores = np.random.RandomState(1).normal(size=(40, 3)) + member * [0, 1, 99]
    expected = [
        roc_auc_score(inside, score) for inside, score in zip(member.T, scores.T, strict=True)
    ]
    np.testing.assert_allclose(exposures(scores, member), expected)


# Shadows


@pytest.mark.parametrize(
    ("learner", "data"), [(GaussianNB(), digits), (Ridge(), digits), (RidgeClassifier(), digits)]
)
def test_downdated_shadows_equal_refitted_ones(learner, data):
    X, y = data()
    parts = parts_of(X, y, n_test=100)
    pool = Pool(np.vstack([parts[0], parts[4]]), np.r_[parts[1], parts[5]], *parts[2:4], 60)
    member = draw_members(pool, 8, False, np.random.RandomState(0))
    fitted = clone(learner).fit(*whole_of(parts))
    reader = SignalReader([fitted], pool.y, "lira")
    made = {
        by: run_shadows(
            learner,
            pool,
            reader,
            member,
            by=by,
            forget=None,
            rng=np.random.RandomState(1),
            n_refits=2,
            n_jobs=None,
            verbose=0,
        )
        for by in ("refit", "downdate")
    }
    for name in ("answers", "refits"):
        ours, theirs = (np.array(getattr(made[by], name)) for by in ("downdate", "refit"))
        np.testing.assert_allclose(ours, theirs[: len(ours)], rtol=1e-6)
    assert len(made["downdate"].refits) == 1  # there is but one


def test_rows_are_learned_by_equally_many_and_sizes_match():
    pool = Pool(np.zeros((300, 1)), np.zeros(300), np.zeros((500, 1)), np.zeros(500), 100)
    rng = np.random.RandomState(0)
    member = draw_members(pool, 64, False, rng)
    assert (member.sum(axis=0) == 32).all()
    dropped = draw_dropped(member, pool, False, rng)
    sizes = member.sum(axis=1) + 500 - np.array([len(d) for d in dropped])
    assert (sizes[member.sum(axis=1) >= 100] == 600).all()  # the original's 100 + 500
    assert all(len(set(d)) == len(d) for d in dropped)
    forgetting = draw_members(pool, 64, True, rng)  # requests of about 100 rows
    assert (forgetting.sum(axis=0) == 21).all()
    assert not any(len(d) for d in draw_dropped(forgetting, pool, True, rng))


def test_which_models_are_downdated():
    X, y = digits()
    fitted = [GaussianNB(), Ridge(), KNeighborsClassifier(), SISAClassifier(PlainNB()), PlainNB()]
    assert [downdates(model.fit(X, y)) for model in fitted] == [True, True, False, False, False]


def test_noise_is_not_found_by_shadows_that_judge_themselves():
    rng = np.random.RandomState(0)
    pool = Pool(np.zeros((400, 1)), np.zeros(400), np.zeros((900, 1)), np.zeros(900), 200)
    member = draw_members(pool, 8, False, rng)
    signals = rng.normal(size=(8, 400))
    ratios = likelihood_ratios(signals, signals, member)
    assert abs(power(ratios.shadows, member).mean() - 0.5) < 0.03
    # the control: laws that contain the shadow itself find it in pure noise
    assert power(ratios.models, member).mean() > 0.7


def test_ratio_of_known_laws():
    rng = np.random.RandomState(0)
    member = rng.random_sample((20_000, 20)).argsort(axis=0) < 10_000
    shift, spread = 1.5, np.linspace(1, 3, 20)
    signals = rng.normal(size=member.shape) * spread + np.where(member, shift, 0)
    x = np.linspace(-1.5, 1.5, 20)[None]
    found = likelihood_ratios(x, signals, member)
    exact = stats.norm.logpdf(x[0], shift, spread) - stats.norm.logpdf(x[0], 0, spread)
    np.testing.assert_allclose(found.models[0], exact, atol=0.2)
    for column in (0, 19):
        inside = member[:, column]
        judged = found.shadows[:, column]
        best = stats.norm.cdf(shift / spread[column] / np.sqrt(2))  # of the best test there is
        assert abs(auc(judged[inside], judged[~inside]) - best) < 0.02


def test_constant_signals_are_ties():
    member = np.random.RandomState(0).random_sample((16, 30)).argsort(axis=0) < 8
    found = likelihood_ratios(np.full((1, 30), 0.1 + 0.2), np.full((16, 30), 0.3), member)
    np.testing.assert_array_equal(found.models, 0.0)
    np.testing.assert_array_equal(found.shadows, 0.0)


# Numbers


def test_area_against_scikit_learn_and_its_coverage():
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 5, 40), rng.integers(0, 4, 70)
    expected = roc_auc_score(np.repeat([1, 0], [40, 70]), np.r_[positive, negative])
    assert auc(positive, negative) == pytest.approx(expected)
    value, _ = auc_with_interval(positive, negative, 0.95)
    assert value == pytest.approx(expected)
    covered = []
    for _ in range(600):
        low, high = auc_with_interval(rng.normal(size=30), rng.normal(size=50), 0.95)[1]
        covered.append(low <= 0.5 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97
    assert auc_with_interval(np.arange(5) + 9, np.arange(8), 0.95)[1] == pytest.approx(
        (0.025 ** (1 / 5), 1.0)
    )
    assert auc_with_interval(np.arange(5) - 9, np.arange(8), 0.95)[1][0] == 0.0


def test_excess_over_the_null_and_its_coverage():
    rng = np.random.default_rng(0)
    excess, areas = [], []
    for _ in range(200):
        rows = rng.normal(size=90) + np.where(np.arange(90) < 40, 1.0, 0.0)  # no common law
        scores = rows + rng.normal(size=(6, 90)) + 0.3 * rng.normal(size=(6, 1)) * (rows > 0)
        null, _, of_excess = compare_with_refits(scores[0], scores[1:], 40, 0.95)
        excess.append(of_excess[0] <= 0 <= of_excess[1])
        areas.append(auc_with_interval(scores[0, :40], scores[0, 40:], 0.95)[1][0] > 0.5)
    assert len(null) == 5 and np.mean(excess) > 0.93
    assert np.mean(areas) > 0.5  # the area alone accuses
    shifted = scores[0] + 2 * (np.arange(90) < 40)
    assert compare_with_refits(shifted, scores[1:], 40, 0.95)[2][0] > 0
    assert compare_with_refits(scores[0] + 1, scores[:1], 40, 0.95)[2] == (0.0, 0.0)


def test_rows_of_another_law_are_no_finding():
    X, y = digits()  # in the order of their writers: the unseen rows are of other hands
    parts = [X[:100], y[:100], X[100:400], y[100:400], X[400:500], y[400:500]]
    models = models_of(RidgeClassifier(), parts)
    found = membership_inference(models, *parts, random_state=0)
    assert found["refit"].auc_interval[0] > 0.5  # the area alone would accuse the refit
    assert found["refit"].null_interval[0] > 0.5  # and so does the null of itself
    assert not found["refit"].found and found["no-op"].found


def test_rates_at_few_false_positives():
    rng = np.random.default_rng(0)
    negative, positive = rng.normal(size=20_000), rng.normal(size=4000) + 2
    for fpr in (0.01, 0.001):
        rate, (low, high), why = tpr_at(positive, negative, fpr, 0.95)
        exact = stats.norm.sf(stats.norm.isf(fpr) - 2)
        assert why is None and low < rate < high and abs(rate - exact) < 0.06
    assert tpr_at(positive, negative[:999], 0.01, 0.95) == (
        None,
        None,
        "needs 1000 unseen rows, got 999",
    )
    ties = np.repeat([0.0, 1.0], [950, 50])  # 5 % of the unseen rows tie at the top
    assert tpr_at(np.ones(10), ties, 0.01, 0.95)[0] == 0.0
    assert tpr_at(np.full(10, 2.0), ties, 0.01, 0.95)[:2] == (
        1.0,
        (pytest.approx(0.025 ** (1 / 10)), 1.0),
    )


def test_curve_has_its_area():
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 9, 50), rng.integers(0, 7, 80)
    fpr, tpr = roc_curve(positive, negative)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(tpr, fpr) == pytest.approx(auc(positive, negative))


# What is read off models


def test_signals_are_what_they_are_called():
    X, y = noisy_cancer()
    model = LogisticRegression().fit(X, y)
    reader = SignalReader([model], y, "lira")
    logit = reader.finish([reader.read(model, X)])[0]
    np.testing.assert_allclose(logit, np.where(y == 1, 1, -1) * model.decision_function(X))
    proba = model.predict_proba(X)
    loss = SignalReader([model], y, "loss")
    np.testing.assert_allclose(
        loss.finish([loss.read(model, X)])[0], np.log(proba[np.arange(len(y)), y])
    )
    entropy = SignalReader([model], y, "entropy")
    np.testing.assert_allclose(
        entropy.finish([entropy.read(model, X)])[0], -stats.entropy(proba, axis=1)
    )
    svc = LinearSVC().fit(X, y)
    margin = SignalReader([svc], y, "lira")
    np.testing.assert_allclose(
        margin.finish([margin.read(svc, X)])[0], np.where(y == 1, 1, -1) * svc.decision_function(X)
    )
    X, y = digits()
    several = RidgeClassifier().fit(X, y)
    margin = SignalReader([several], y, "lira").read(several, X)
    assert np.mean((margin > 0) == (several.predict(X) == y)) == 1


def test_a_probability_of_zero_is_less_than_the_least_other():
    X, y = digits()
    forest = ExtraTreesClassifier(10, random_state=0).fit(X[:300], y[:300])
    reader = SignalReader([forest], y, "lira")
    signal = reader.finish([reader.read(forest, X)])[0]
    own = forest.predict_proba(X)[np.arange(len(y)), y]
    assert np.isfinite(signal).all() and (own == 0).any()
    assert signal[own == 0].max() < signal[own > 0].min()


def test_a_label_that_a_model_has_not_seen_has_no_probability():
    X, y = digits()
    model = GaussianNB().fit(X[y < 9], y[y < 9])
    reader = SignalReader([model], y, "lira")
    read = reader.read(model, X)
    assert np.isneginf(read[y == 9, 0]).all() and np.isfinite(read[y < 9, 0]).all()
    assert np.isfinite(reader.finish([read])).all()


# Face


def test_report_and_frame():
    parts = parts_of(*digits())
    model = models_of(RidgeClassifier(), parts)["no-op"]
    found = membership_inference(model, *parts, n_shadows=8, random_state=0)
    text = str(found)
    assert text.startswith("Found: ") and "8 shadows by exact downdating" in text
    assert "refused: needs 1000 unseen rows, got 60" in text
    assert repr(found).startswith("<MembershipInference: likelihood ratio attack, AUC 0.")
    frame = found.to_frame()
    assert frame.shape == (120, 8) and (frame["part"] == "forget").sum() == 60
    assert frame["score"].gt(0).groupby(frame["part"]).mean()["forget"] > 0.6


def test_nothing_to_find_is_no_acquittal():
    X, y = load_breast_cancer(return_X_y=True)
    parts = parts_of(X, y)
    model = DecisionTreeClassifier(max_depth=1, random_state=0).fit(parts[2], parts[3])
    found = membership_inference(model, *parts, n_shadows=16, random_state=0)
    assert found.powerless and "worth little" in found.verdict


def test_seeds_and_jobs_do_not_change_the_outcome(capsys):
    parts = parts_of(*digits())
    for learner, jobs in ((DecisionTreeClassifier(random_state=0), 2), (GaussianNB(), 1)):
        model = models_of(learner, parts)["no-op"]
        options = {"n_shadows": 8, "random_state": 3}
        one = membership_inference(model, *parts, **options, verbose=1)
        with joblib.parallel_config(backend="threading"):  # processes take seconds to start
            two = membership_inference(model, *parts, **options, n_jobs=jobs)
        np.testing.assert_array_equal(one.null, two.null)
        np.testing.assert_array_equal(one.scores, two.scores)
        assert f"[membership] shadow {8 + len(one.null)} of" in capsys.readouterr().out


def test_tables_and_sparse_rows():
    pd = pytest.importorskip("pandas")
    X, y = digits()
    dense = parts_of(X, y)
    model = MultinomialNB().fit(*whole_of(dense))
    expected = membership_inference(model, *dense, n_shadows=8, random_state=0)
    for convert in (pd.DataFrame, sparse.csr_array):
        parts = [convert(block) if block.ndim == 2 else block for block in dense]
        model = MultinomialNB().fit(convert(whole_of(dense)[0]), whole_of(dense)[1])
        found = membership_inference(model, *parts, n_shadows=8, random_state=0)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)


def test_bad_input_is_refused():
    parts = parts_of(*digits())
    model = GaussianNB().fit(*whole_of(parts))

    def attack(*changed, target=model, **options):
        rows = list(parts)
        for place, block in changed:
            rows[place] = block
        return membership_inference(target, *rows, **options)

    for options, words in [
        ({"method": "best"}, "Got method='best'"),
        ({"n_shadows": 7}, "Got n_shadows=7, expected an int of 8"),
        ({"n_refits": 0}, "Got n_refits=0, expected an int of 1"),
        ({"shadows": "copy"}, "Got shadows='copy'"),
        ({"level": 1.0}, r"Got level=1.0, expected a float in \(0, 1\)"),
        ({"unlearn": flip}, "it is for 'u-lira'"),
        ({"target": {}}, "no model"),
        ({"target": PlainNB().fit(*parts[2:4]), "method": "u-lira"}, "GaussianNB has no unlearn"),
        ({"target": PlainNB().fit(*parts[2:4]), "shadows": "unlearn"}, "has no unlearn"),
        ({"target": RidgeClassifier().fit(*parts[2:4]), "method": "entropy"}, "no predict_proba"),
        ({"learner": LinearSVC()}, "LinearSVC has no predict_proba, and not all"),
        ({"target": Ridge().fit(*parts[2:4]), "method": "entropy"}, "for a regressor"),
    ]:
        with pytest.raises(ValueError, match=words):
            attack(**options)
    for changed, words in [
        ([(2, None), (3, None)], "without X_retain"),
        ([(1, parts[1][:-1])], "60 rows in X_forget and 59 targets"),
        ([(0, parts[0][:0]), (1, parts[1][:0])], "Got 0 rows in X_forget, expected 1"),
        ([(5, None)], "no X_test or no y_test"),
        ([(i, parts[i][:9]) for i in range(4)], "Pass at most 18 unseen rows"),
    ]:
        with pytest.raises(ValueError, match=words):
            attack(*changed)
    with pytest.raises(NotFittedError):
        attack(target=GaussianNB())
