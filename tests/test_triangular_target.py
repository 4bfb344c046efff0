"""Draws of the triangular barycenter that follow the target."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from test_triangular_barycenter import folds, probe_auc, same

from skunlearn._transport import maximal_coupling, ranked_coupling
from skunlearn.datasets import fetch_adult
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import TriangularBarycenter
from skunlearn.feature_unlearning._triangular_target import Target


def table(n=3000, seed=0):
    """Rows whose home and job tell the target well and the group well, and a number beside them."""
    rng = np.random.default_rng(seed)
    z = rng.choice(["f", "m"], n)
    drive = rng.normal(size=n)
    home = drive + 1.0 * (z == "m") > 0.6
    job = drive + 1.5 * (z == "m")
    X = pd.DataFrame(
        {
            "home": np.where(home, "own", "rent"),
            "job": np.array(["a", "b", "c", "d"])[np.digitize(job, [-0.5, 0.7, 1.8])],
            "years": rng.normal(size=n) + 0.3 * (z == "m"),
        }
    )
    return X, z, drive + 0.3 * rng.normal(size=n) > 0.6


def moved(follow, X, z, y, seed=0, **options):
    """Fit on one third; give the two others repaired, with their groups and targets."""
    (a, za), *rest = folds(X, z)
    ya, *targets = np.array_split(y, 3)
    model = TriangularBarycenter(random_state=seed, follow_target=follow, **options)
    model.fit(a, ya, sensitive_features=za)
    parts = [(model.transform(x, sensitive_features=g), g) for x, g in rest]
    return parts, targets


def target_auc(parts, targets):
    X, new = (pd.get_dummies(part[0]).astype(float) for part in parts)
    probe = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(X, targets[0])
    return roc_auc_score(targets[1], probe.predict_proba(new)[:, 1])


def test_a_ranked_coupling_is_a_maximal_one_that_moves_in_order():
    rng = np.random.default_rng(0)
    n, source, target = 100_000, np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    cells, rank = rng.choice(3, n, p=source), rng.random(n)
    laws = [np.tile(law, (n, 1)) for law in (source, target)]
    new = ranked_coupling(cells, *laws, rank, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(np.bincount(new) / n, target, atol=0.006)
    assert abs((new != cells).mean() - 0.3) < 0.006
    leaves = new != cells
    assert set(cells[leaves]) == {0} and set(new[leaves]) == {2}
    assert rank[leaves].min() >= rank[(cells == 0) & ~leaves].max()  # the highest go up
    down = ranked_coupling(cells, *laws, rank, np.array([1.0, 0.5, 0.0])) != cells
    assert rank[down].max() <= rank[(cells == 0) & ~down].min()  # the lowest go down
    # where several cells are free, the order of scores
    wide = [np.tile(law, (n, 1)) for law in ([1.0, 0, 0], [0.4, 0.3, 0.3])]
    new = ranked_coupling(np.zeros(n, dtype=int), *wide, rank, np.array([0.0, 2.0, 1.0]))
    assert (
        rank[new == 1].min() >= rank[new == 2].max() >= rank[new == 2].min() >= rank[new == 0].max()
    )
    unknown = ranked_coupling(np.full(n, -1), *laws, rank, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(np.bincount(unknown) / n, target, atol=0.006)
    assert np.array_equal(ranked_coupling(cells, laws[0], laws[0], rank, np.arange(3.0)), cells)
    # laws of a row each, and a rank that is noise: as the maximal one
    laws = [rng.dirichlet(np.ones(3), n) for _ in range(2)]
    cells = (np.cumsum(laws[0], axis=1) < rng.random(n)[:, None]).sum(axis=1)
    one = ranked_coupling(cells, *laws, rank, np.array([0.2, 0.9, 0.4]))
    other = maximal_coupling(cells, *laws, rng.random(n), rng.random(n))
    assert abs((one != cells).mean() - (other != cells).mean()) < 0.006
    np.testing.assert_allclose(np.bincount(one) / n, laws[1].mean(axis=0), atol=0.006)


@pytest.mark.parametrize("options", [{}, {"numeric": "mixture"}], ids=["barycenter", "mixture"])
def test_more_of_the_target_is_kept_and_the_group_stays_away(options):
    X, z, y = table(9000)
    (_, _), (b, zb), (c, zc) = folds(X, z)
    assert probe_auc(b, zb, c, zc) > 0.75  # positive control
    found = {}
    for follow in (0.0, 0.7):
        parts, targets = moved(follow, X, z, y, **options)
        found[follow] = target_auc(parts, targets)
        assert probe_auc(*parts[0], *parts[1]) < 0.56
    assert found[0.7] > found[0.0] + 0.02
    # it is the target that they follow: noise in its place gives nothing
    noise = np.random.default_rng(0).permutation(y)
    parts, _ = moved(0.7, X, z, noise, **options)
    assert target_auc(parts, targets) < found[0.0] + 0.01


def test_scores_of_rows_are_by_models_that_have_not_seen_them():
    rng = np.random.default_rng(0)
    parts, y = rng.integers(0, 50, (600, 6)), rng.integers(0, 2, 600)
    target = Target(0.6, 0)
    scores = target.fit(parts, y, np.ones(600), rng.random(600))
    assert np.corrcoef(target.scores(parts), y)[0, 1] > 0.6  # positive control: noise by heart
    assert abs(np.corrcoef(scores, y)[0, 1]) < 0.15


def test_numbers_that_fall_with_the_target_are_followed_as_those_that_rise():
    rng = np.random.default_rng(0)
    z, x = rng.choice(["f", "m"], 6000), rng.normal(size=6000)
    y, found = x + 0.2 * rng.normal(size=6000) > 0.5, {}
    for sign in (1, -1):
        X = pd.DataFrame({"x": sign * (x + 0.8 * (z == "m"))})
        for follow in (0.0, 0.9):
            parts, targets = moved(follow, X, z, y, bins=2)
            found[sign, follow] = roc_auc_score(targets[1], sign * parts[1][0]["x"])
    assert found[1, 0.9] > found[1, 0.0] + 0.02
    assert found[-1, 0.9] > found[-1, 0.0] + 0.02
    assert found[-1, 0.9] == pytest.approx(found[1, 0.9], abs=0.02)


def test_adult_keeps_more_of_the_income():
    try:
        data = fetch_adult(as_frame=True, download_if_missing=False)
    except (OSError, ImportError, TypeError) as error:
        pytest.skip(f"Adult is not there ({error})")
    X = data.data.iloc[:12_000].reset_index(drop=True)
    z, y = X.pop("sex").astype(str).to_numpy(), np.asarray(data.target == ">50K")[:12_000]
    found = [moved(follow, X, z, y) for follow in (0.0, 0.6)]
    utility = [target_auc(*one) for one in found]
    leaks = [probe_auc(*parts[0], *parts[1]) for parts, _ in found]
    assert utility[1] > utility[0] + 0.005
    assert leaks[1] < 0.65


def test_rows_go_where_they_go_and_labels_may_be_anything():
    X, z, y = table(400)
    words = np.where(y, "yes", "no")
    model = TriangularBarycenter(random_state=0, follow_target=0.6)
    model.fit(X, words, sensitive_features=z)
    out = model.transform(X, sensitive_features=z)
    some = np.arange(400)[::-3]
    alone = model.transform(X.iloc[some], sensitive_features=z[some])
    assert same(alone.reset_index(drop=True), out.iloc[some].reset_index(drop=True))
    assert same(pickle.loads(pickle.dumps(model)).transform(X, sensitive_features=z), out)
    assert same(model.to_sklearn().transform(X, sensitive_features=z), out)
    for other in (y, y.astype(float), pd.Series(words), y[:, None]):
        again = clone(model).fit(X, other, sensitive_features=z)
        assert same(again.transform(X, sensitive_features=z), out)
    numbers = clone(model).fit(X, X["years"] ** 2, sensitive_features=z)
    assert not same(numbers.transform(X, sensitive_features=z), out)
    crossed = clone(model).set_params(n_folds=2).fit_transform(X, y, sensitive_features=z)
    assert set(crossed["home"]) == {"own", "rent"}


def test_columns_and_targets_of_one_value_are_no_trouble():
    X, z, y = table(300)
    X = X.assign(one=1.0, word="all", gaps=np.where(np.arange(300) % 5, X["years"], np.nan))
    for target in (y, np.zeros(300)):
        model = TriangularBarycenter(random_state=0, follow_target=0.6)
        weights = 1 + np.arange(300) % 2
        model.fit(X, target, sensitive_features=z, sample_weight=weights)
        out = model.transform(X.assign(word="new"), sensitive_features=z)
        assert (out["one"] == 1).all() and (out["word"] == "all").all()


def test_rows_are_forgotten_with_their_targets():
    X, z, y = table(400)
    words = np.where(y, "yes", "no")
    model = TriangularBarycenter(random_state=0, follow_target=0.6)
    model.fit(X, words, sensitive_features=z)
    before = model.transform(X, sensitive_features=z)
    gone = np.flatnonzero(y)[:20]  # all of one label
    kept = np.setdiff1d(np.arange(400), gone)
    rest = {"X_retain": X.iloc[kept], "sensitive_features_retain": z[kept]}
    request = X.iloc[gone], words[gone]
    with pytest.raises(NotLearnedError):
        model.unlearn(
            X.iloc[gone], np.full(20, "no"), sensitive_features=z[gone],
            y_retain=words[kept], **rest,
        )  # fmt: skip
    with pytest.raises(UnlearningError, match="not among the 380"):
        model.unlearn(*request, sensitive_features=z[gone], y_retain=words[kept][::-1], **rest)
    with pytest.raises(ValueError, match="no y: pass the target"):
        model.unlearn(*request, sensitive_features=z[gone], **rest)
    assert same(model.transform(X, sensitive_features=z), before)
    model.unlearn(*request, sensitive_features=z[gone], y_retain=words[kept], **rest)
    refit = clone(model).fit(X.iloc[kept], words[kept], sensitive_features=z[kept])
    one, other = (m.transform(X, sensitive_features=z) for m in (model, refit))
    assert same(one, other) and not same(one, before)


def test_what_is_refused():
    X, z, y = table(200)
    model = TriangularBarycenter(random_state=0, follow_target=0.5)
    with pytest.raises(ValueError, match="follow_target above 0 and no y"):
        model.fit(X, sensitive_features=z)
    with pytest.raises(ValueError, match="Got 199 targets for 200 rows"):
        model.fit(X, y[1:], sensitive_features=z)
    with pytest.raises(ValueError, match="3 labels and dtype <U1"):
        model.fit(X, np.array(["a", "b", "c", "a"] * 50), sensitive_features=z)
    with pytest.raises(ValueError, match="follows one column"):
        model.fit(X, np.column_stack([y, y]), sensitive_features=z)
    with pytest.raises(ValueError, match="follow_target"):
        clone(model).set_params(follow_target=1.0).fit(X, y, sensitive_features=z)
    counts = copy.copy(model).set_params(conditional="counts", bins=[-9.0, 0.0, 9.0])
    with pytest.raises(ValueError, match=r'follow_target=0.5 with conditional="counts"'):
        counts.fit(X, y, sensitive_features=z)
