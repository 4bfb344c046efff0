"""The triangular barycenter: what probes find on fresh rows, valid tables, exact forgetting."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks

from skunlearn._transport import (
    draw_cells,
    maximal_coupling,
    mixed_ranks,
    quantile_barycenter,
    quantile_cells,
)
from skunlearn.base import Request
from skunlearn.datasets import fetch_adult
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning import TriangularBarycenter
from skunlearn.feature_unlearning._triangular_models import (
    GroupedLogistic,
    indicators_and_scores,
)

EDGES = {"age": [0, 30, 40, 50, 100], "pay": np.linspace(-4, 6, 11)}


def table(n=3000, seed=0, k=2):
    """Rows of numbers, levels and gaps, of which every column but one knows the group."""
    rng = np.random.default_rng(seed)
    z = rng.choice(k, size=n, p=np.arange(k, 0, -1) / np.arange(k + 1).sum())
    job = rng.random(n) < np.array([0.2, 0.6, 0.4])[z]
    frame = pd.DataFrame(
        {
            "job": pd.Categorical(np.where(job, "cook", "clerk"), categories=["cook", "clerk"]),
            "age": (35 + 8 * z + 10 * rng.normal(size=n)).round().astype(np.int64),
            "pay": rng.normal(size=n) + 1.5 * job - z * ~job,
            "town": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
            "club": np.where(rng.random(n) < 0.1 + 0.1 * z, None, np.where(job, "x", "y")),
        }
    )
    frame.loc[rng.random(n) < 0.05 + 0.1 * z, "pay"] = np.nan
    return frame, np.array(["m", "f", "o"])[z]


def probe_auc(train, z_train, test, z_test, seed=0):
    """AUC of gradient boosting for two groups."""
    levels = [c for c in train if not pd.api.types.is_numeric_dtype(train[c])]
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )
    probe = make_pipeline(
        make_column_transformer((encoder, levels), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=30, random_state=seed),
    )
    return roc_auc_score(z_test, probe.fit(train, z_train).predict_proba(test)[:, 1])


def folds(X, z, n=3):
    """Yield disjoint thirds of rows."""
    for rows in np.array_split(np.arange(len(z)), n):
        yield X.iloc[rows].reset_index(drop=True), z[rows]


def repaired_thirds(model, X, z):
    """Fit on one third; give the two others repaired, with their groups."""
    (a, za), *rest = folds(X, z)
    model.fit(a, sensitive_features=za)
    return [(model.transform(x, sensitive_features=g), g) for x, g in rest]


def same(one, other):
    """Whether two tables agree to the last bit, missing values with each other."""
    return pd.DataFrame(one).equals(pd.DataFrame(other))


def as_text(table):
    """Cells as text, missing values alike."""
    return table.astype(object).where(table.notna(), "gone").astype(str).to_numpy()


# -- couplings ------------------------------------------------------------------------------------


def test_a_maximal_coupling_has_the_target_law_and_moves_no_more_than_total_variation():
    rng = np.random.default_rng(0)
    n, source, target = 200_000, np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    cells = rng.choice(3, n, p=source)
    laws = [np.tile(law, (n, 1)) for law in (source, target)]
    new = maximal_coupling(cells, *laws, rng.random(n), rng.random(n))
    np.testing.assert_allclose(np.bincount(new) / n, target, atol=0.005)
    assert abs((new != cells).mean() - 0.3) < 0.005
    assert (np.bincount(cells) / n - target)[0] > 0.2  # positive control
    unknown = maximal_coupling(np.full(n, -1), *laws, rng.random(n), rng.random(n))
    np.testing.assert_allclose(np.bincount(unknown) / n, target, atol=0.005)
    equal = maximal_coupling(cells, laws[0], laws[0], np.full(n, 1 - 1e-16), rng.random(n))
    assert np.array_equal(equal, cells)


def test_draws_follow_their_weights_and_never_fall_on_a_zero():
    rng = np.random.default_rng(0)
    weights = np.tile([0.0, 3.0, 0.0, 1.0, 0.0], (100_000, 1))
    uniform = rng.random(100_000)
    uniform[:2] = 0.0, np.nextafter(1, 0)
    cells = draw_cells(weights, uniform)
    assert set(cells[2:]) == {1, 3}
    assert cells[0] == 1
    assert abs((cells == 1).mean() - 0.75) < 0.005


def test_ranks_are_uniform_and_come_back():
    rng = np.random.default_rng(0)
    n, law = 100_000, np.array([0.1, 0.0, 0.6, 0.3])
    cells, places = rng.choice(4, n, p=law), rng.random(n)
    ranks = mixed_ranks(cells, places, np.tile(law, (n, 1)))
    np.testing.assert_allclose(np.quantile(ranks, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)
    back, within = quantile_cells(ranks, np.tile(law, (n, 1)))
    assert np.array_equal(back, cells)
    np.testing.assert_allclose(within, places, atol=1e-9)


def test_the_barycenter_on_a_line_is_the_mean_of_quantiles():
    rng = np.random.default_rng(0)
    n, grids = 20_000, np.sort(rng.normal(size=(2, 50)), axis=1) * np.array([[1.0], [3.0]])
    laws = np.full((2, n, 50), 1 / 50)
    ranks = rng.random(n)
    out = quantile_barycenter(ranks, laws, np.array([0.25, 0.75]), lambda k, c, w: grids[k][c])
    order = np.minimum((ranks * 50).astype(int), 49)
    np.testing.assert_allclose(out, 0.25 * grids[0][order] + 0.75 * grids[1][order], atol=1e-12)
    common = quantile_barycenter(ranks, laws, np.array([1 / 3, 2 / 3]), lambda k, c, w: grids[0][c])
    assert np.array_equal(common, grids[0][order])  # to the last bit: trees see rounding errors


# -- what probes find -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"numeric": "mixture"},
        {"conditional": "counts", "bins": EDGES},
        {"conditional": "ensemble", "bins": 8},
        {"conditional": LogisticRegression(C=10, max_iter=500), "bins": 8},
    ],
    ids=["linear", "mixture", "counts", "ensemble", "classifier"],
)
def test_a_tree_finds_little_on_fresh_rows(options):
    X, z = table(4500)
    (_, _), (b, zb), (c, zc) = folds(X, z)
    assert probe_auc(b, zb, c, zc) > 0.75  # positive control
    model = TriangularBarycenter(random_state=0, **options)
    assert probe_auc(*(part for pair in repaired_thirds(model, X, z) for part in pair)) < 0.58


def test_without_the_columns_before_it_the_group_stays():
    # the two columns know nothing of the group alone, all of it together
    rng = np.random.default_rng(0)
    z, a = rng.integers(0, 2, (2, 6000))
    X = pd.DataFrame({"a": np.array(["u", "v"])[a], "b": np.array(["u", "v"])[a ^ z]})
    (_, _), (b, zb), (c, zc) = folds(X, z)
    assert probe_auc(b, zb, c, zc) > 0.99
    fresh = repaired_thirds(TriangularBarycenter(random_state=0), X, z)
    assert abs(probe_auc(*fresh[0], *fresh[1]) - 0.5) < 0.05
    # and each alone: what a map of single columns would do
    alone = [
        repaired_thirds(TriangularBarycenter(random_state=0), X[[name]], z) for name in ("a", "b")
    ]
    joint = [(pd.concat([one[0], two[0]], axis=1), one[1]) for one, two in zip(*alone, strict=True)]
    assert probe_auc(*joint[0], *joint[1]) > 0.9


def test_groups_that_do_not_differ_are_drawn_together_and_those_that_do_are_not():
    rng = np.random.default_rng(0)
    a, z, chance = rng.integers(0, 8, 1500), rng.integers(0, 2, 1500), rng.random(1500)
    rows = indicators_and_scores(a[:, None], [8], [8])
    apart = {}
    for name, cells in (
        ("alike", (chance < 0.2 + 0.08 * a).astype(int)),
        ("opposite", (chance < np.where(z, 0.2 + 0.08 * a, 0.8 - 0.08 * a)).astype(int)),
    ):
        parts = rows, cells, z, np.ones(1500)
        for how, model in (
            ("chosen", GroupedLogistic.chosen(*parts, 2, rng.random(1500))),
            ("loose", GroupedLogistic(1.0, 1.0, 5.0).fit(*parts, 2)),
        ):
            laws = [model.law(rows, k)[:, 1] for k in (0, 1)]
            apart[name, how] = np.abs(laws[0] - laws[1]).mean()
    assert apart["alike", "chosen"] < 0.75 * apart["alike", "loose"]
    truth = np.abs(0.6 - 0.16 * np.arange(8)).mean()
    assert abs(apart["opposite", "chosen"] - truth) < 0.06


def test_a_column_with_one_heavy_value_is_moved_as_levels_are():
    X, z = table(2000)
    rng = np.random.default_rng(1)
    some = rng.random(2000) < np.where(z == "m", 0.3, 0.1)
    X["gain"] = np.where(some, rng.choice([100, 300, 4000], 2000), 0)
    X["light"] = np.where(rng.random(2000) < np.where(z == "m", 0.4, 0.2), 0, 50 * (z == "m") + 5)
    X["light"] += rng.choice([0, 100, 4000], 2000)
    out = TriangularBarycenter(random_state=0).fit(X, sensitive_features=z)
    out = out.transform(X, sensitive_features=z)
    shares = [(out["gain"][z == g] > 0).mean() for g in "mf"]
    assert set(out["gain"]) <= set(X["gain"])
    assert abs(shares[0] - shares[1]) < 0.04 < 0.15 < some[z == "m"].mean() - some[z == "f"].mean()
    assert (out["light"] != X["light"]).mean() > 1.5 * (out["gain"] != X["gain"]).mean()  # control


def test_three_groups_become_alike():
    X, z = table(6000, k=3)
    (out, g), _ = repaired_thirds(TriangularBarycenter(random_state=0), X, z)
    raw = next(folds(X, z))[0]
    for column, level in (("job", "cook"), ("club", None)):
        is_level = out[column].isna() if level is None else out[column] == level
        shares = [is_level[g == group].mean() for group in "mfo"]
        assert np.ptp(shares) < 0.08
    assert np.ptp([raw["age"][next(folds(X, z))[1] == group].mean() for group in "mfo"]) > 10
    assert np.ptp([out["age"][g == group].mean() for group in "mfo"]) < 3


def test_adult_on_fresh_rows():
    try:
        data = fetch_adult(as_frame=True, download_if_missing=False)
    except (OSError, ImportError, TypeError) as error:
        pytest.skip(f"Adult is not there ({error})")
    X = data.data.iloc[:4500].reset_index(drop=True)
    z = X.pop("sex").astype(str).to_numpy()
    (_, _), (b, zb), (c, zc) = folds(X, z)
    assert probe_auc(b, zb, c, zc) > 0.9  # positive control
    fresh = repaired_thirds(TriangularBarycenter(random_state=0), X, z)
    assert probe_auc(*fresh[0], *fresh[1]) < 0.68


# -- strength -------------------------------------------------------------------------------------


def test_strength_replaces_rows_and_is_monotone_in_every_probe():
    X, z = table(3600)
    (a, za), (b, zb), (c, zc) = folds(X, z)
    model = TriangularBarycenter(random_state=0).fit(a, sensitive_features=za)
    scores, outs = {"all": [], "age": [], "job": []}, []
    for strength in (0.0, 0.3, 0.6, 1.0):
        model.set_params(strength=strength)
        out = [model.transform(x, sensitive_features=g) for x, g in ((b, zb), (c, zc))]
        outs.append(out[0])
        for name, found in scores.items():
            one, two = (o if name == "all" else o[[name]] for o in out)
            found.append(probe_auc(one, zb, two, zc))
    for found in scores.values():
        assert np.diff(found).max() < 0.02
        assert found[0] - found[-1] > 0.08
    assert same(outs[0], b)
    text = [as_text(out) for out in outs]
    kept = (text[2] == text[0]).all(axis=1)
    assert (kept | (text[2] == text[3]).all(axis=1)).all()  # a row goes out whole, of either kind
    assert 0.3 < kept.mean() < 0.5
    moved = ~(text[1] == text[0]).all(axis=1)
    assert (text[2][moved] == text[3][moved]).all()  # nested


# -- randomness -----------------------------------------------------------------------------------


def test_averaging_the_transforms_of_a_row_gives_nothing():
    X, z = table(2000)
    model = TriangularBarycenter(random_state=0).fit(X, sensitive_features=z)
    once = model.transform(X, sensitive_features=z)
    for _ in range(3):
        assert same(model.transform(X, sensitive_features=z), once)
    rows = np.random.default_rng(0).permutation(len(X))
    shuffled = model.transform(X.iloc[rows], sensitive_features=z[rows])
    assert same(shuffled.sort_index(), once)
    assert same(pickle.loads(pickle.dumps(model)).transform(X, sensitive_features=z), once)
    # the control: under fresh keys the mean tells the group
    draws = []
    for key in range(12):
        model._draw_key = key
        out = model.transform(X, sensitive_features=z)
        draws.append([out["job"] == "cook", out["pay"].isna(), out["age"]])
    mean = pd.DataFrame(np.mean(np.array(draws, dtype=float), axis=0).T)
    assert probe_auc(mean[:1000], z[:1000], mean[1000:], z[1000:]) > 0.75
    half = once[:1000], z[:1000], once[1000:], z[1000:]
    assert probe_auc(*half) < 0.62


def test_altered_copies_tell_no_more_than_the_row_if_keys_are_named():
    X, z = table(2000)
    X["id"] = np.arange(len(X))
    scores = {}
    for keys in (None, ["id"]):
        data = X if keys else X.drop(columns="id")
        model = TriangularBarycenter(key_columns=keys, random_state=0)
        model.fit(data, sensitive_features=z)
        rng, draws = np.random.default_rng(1), []
        for _ in range(12):
            copy = data.assign(pay=data["pay"] + 1e-6 * rng.normal(size=len(X)))
            out = model.transform(copy, sensitive_features=z)
            draws.append([out["job"] == "cook", out["town"] == "a", out["age"]])
        mean = pd.DataFrame(np.mean(np.array(draws, dtype=float), axis=0).T)
        scores[keys is None] = probe_auc(mean[:1000], z[:1000], mean[1000:], z[1000:])
    assert scores[True] > 0.75
    assert scores[False] < 0.62
    assert "id" not in model.get_feature_names_out()


def test_the_key_is_secret_unless_given():
    X, z = table(300)
    models = [TriangularBarycenter().fit(X, sensitive_features=z) for _ in range(2)]
    assert models[0]._key != models[1]._key
    seeded = [TriangularBarycenter(random_state=3).fit(X, sensitive_features=z) for _ in range(2)]
    outs = [m.transform(X, sensitive_features=z) for m in (*models, *seeded)]
    assert not same(outs[0], outs[1])
    assert same(outs[2], outs[3])
    by_instance = TriangularBarycenter(random_state=np.random.RandomState(0))
    assert by_instance.fit(X, sensitive_features=z)._key != seeded[0]._key


def numbers_in(value, seen=None):
    """Whole numbers that can be reached from an object, those of arrays included."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        yield int(value)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        yield from map(int, value.ravel())
    elif isinstance(value, dict):
        for entry in value.values():
            yield from numbers_in(entry, seen)
    elif isinstance(value, (list, tuple, set)):
        for entry in value:
            yield from numbers_in(entry, seen)
    elif hasattr(value, "__dict__"):
        yield from numbers_in(vars(value), seen)


@pytest.mark.parametrize("options", [{}, {"conditional": "counts", "bins": EDGES}])
@pytest.mark.parametrize("seed", [None, 11])
def test_what_serves_cannot_compute_fingerprints(options, seed):
    X, z = table(400)
    model = TriangularBarycenter(random_state=seed, **options).fit(X, sensitive_features=z)
    served = pickle.loads(pickle.dumps(model.to_sklearn()))
    one, other = (m.transform(X, sensitive_features=z) for m in (model, served))
    assert same(one, other)
    some = model._read_rows(Request(X[:5], None, None, z[:5]), reset=False)
    asked = set(model._print_rows(some, model._print_key).tolist())

    def answers(holder):
        """Whether a number that the holder carries answers questions of membership."""
        found = set(numbers_in(holder))
        keys = [k for k in found if k > 2**32]
        prints = [set(model._print_rows(some, key).tolist()) for key in keys]
        return any(p & (found | asked) for p in prints), model._key in found

    assert answers(model) == (True, True)  # the control
    assert answers(served) == (False, False)
    assert served.random_state is None


def test_streams_of_a_row_are_independent():
    from skunlearn.feature_unlearning._triangular_plan import Streams

    streams = Streams(np.arange(20_000, dtype=np.uint64), key=7)
    names = [("strength",), ("group",), ("column", 0, "keep"), ("column", 0, "draw"),
             ("column", 1, "keep")]  # fmt: skip
    draws = np.array([streams(*name) for name in names])
    assert np.abs(np.corrcoef(draws) - np.eye(5)).max() < 0.03
    np.testing.assert_allclose(draws.mean(axis=1), 0.5, atol=0.01)
    assert not np.array_equal(Streams(streams.hashes, 8)("strength"), draws[0])


@pytest.mark.parametrize("options", [{}, {"conditional": "counts", "bins": EDGES}])
def test_fit_transform_is_cross_fitted(options):
    folds_of = []

    class Spy(TriangularBarycenter):
        def _fold_plan(self, rows, codes, some, shared):
            folds_of.append(some)
            return super()._fold_plan(rows, codes, some, shared)

    X, z = table(900)
    model = Spy(random_state=0, n_folds=3, **options)
    crossed = model.fit_transform(X, sensitive_features=z)
    plain = TriangularBarycenter(random_state=0, **options)
    whole = clone(plain).fit(X, sensitive_features=z)
    own = whole.transform(X, sensitive_features=z)
    assert same(model.transform(X, sensitive_features=z), own)
    held = [np.setdiff1d(np.arange(900), some) for some in folds_of]
    assert np.array_equal(np.sort(np.concatenate(held)), np.arange(900))
    assert len(held) == 3
    for rest, rows in zip(folds_of, held, strict=True):
        assert 0.25 < (z[rows] == "f").mean() < 0.45
        other = clone(plain).fit(X.iloc[rest], sensitive_features=z[rest])
        out = other.transform(X.iloc[rows], sensitive_features=z[rows])
        assert same(out, crossed.iloc[rows])
    assert not same(crossed, own)


# -- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("numeric", ["barycenter", "mixture"])
@pytest.mark.parametrize("options", [{}, {"conditional": "counts", "bins": EDGES}])
def test_valid_levels_types_and_names_go_out(numeric, options):
    X, z = table(1500)
    X["flag"] = z == "m"
    X["old"] = pd.array(np.where(z == "m", 1, 2), dtype="Int64")
    X["town"] = X["town"].astype("string")
    X.loc[::7, "town"] = pd.NA
    X.index = np.arange(len(X))[::-1]
    if options:
        options = {**options, "bins": {**EDGES, "old": [0.5, 1.5, 2.5]}}
    model = TriangularBarycenter(numeric=numeric, random_state=0, **options)
    model.fit(X, sensitive_features=z)
    out = model.transform(X, sensitive_features=z)
    assert out.dtypes.tolist() == X.dtypes.tolist()
    assert out.index.equals(X.index)
    assert list(out) == list(X) == model.get_feature_names_out().tolist()
    for name in ("job", "town", "club", "flag"):
        assert set(out[name].dropna()) <= set(X[name].dropna())
    if not options:
        assert out["age"].between(X["age"].min(), X["age"].max()).all()
        assert out["pay"].min() >= X["pay"].min()
    gap = [out[name].isna().groupby(z).mean() for name in ("club", "pay")]
    raw = [X[name].isna().groupby(z).mean() for name in ("club", "pay")]
    assert all(np.ptp(g) < 0.05 < np.ptp(r) for g, r in zip(gap, raw, strict=True))
    assert out["pay"].isna().any()
    assert not out["age"].isna().any()
    assert model.transform(X[:0], sensitive_features=z[:0]).dtypes.tolist() == X.dtypes.tolist()


def test_arrays_and_frames_agree():
    X, z = table(600)
    frame = X.astype({"job": object, "town": object, "age": float}).astype(object)
    by_frame = TriangularBarycenter(random_state=0).fit(frame, sensitive_features=z)
    by_array = TriangularBarycenter(random_state=0).fit(frame.to_numpy(), sensitive_features=z)
    out = by_array.transform(frame.to_numpy(), sensitive_features=z)
    assert out.dtype == object
    expected = by_frame.transform(frame, sensitive_features=z).to_numpy()
    assert same(pd.DataFrame(out).astype(str), pd.DataFrame(expected).astype(str))
    numbers = X[["age", "pay"]].to_numpy(dtype=np.float32)
    out = TriangularBarycenter(random_state=0).fit(numbers, sensitive_features=z)
    assert out.transform(numbers, sensitive_features=z).dtype == np.float32


def test_sensitive_columns_within_the_table():
    X, z = table(600)
    full = X.assign(sex=z)[["job", "sex", "age", "pay", "town", "club"]]
    model = TriangularBarycenter("sex", random_state=0).fit(full)
    out = model.transform(full)
    assert list(out) == ["job", "age", "pay", "town", "club"]
    keep = TriangularBarycenter("sex", random_state=0, keep_sensitive=True).fit(full)
    kept = keep.transform(full)
    assert list(kept) == list(full) == keep.get_feature_names_out().tolist()
    assert same(kept[["sex"]], full[["sex"]])
    assert same(kept.drop(columns="sex"), out)
    outer = TriangularBarycenter(random_state=0).fit(X, sensitive_features=z)
    assert same(outer.transform(X, sensitive_features=z), out)
    nothing = TriangularBarycenter([]).fit(X)
    assert same(nothing.transform(X), X)
    assert nothing.transport_cost_ == 0


def test_new_levels_and_new_gaps_become_valid_ones():
    X, z = table(600)
    model = TriangularBarycenter(random_state=0).fit(X, sensitive_features=z)
    new = X.assign(town="never seen", age=X["age"].astype(float).where(X.index > 50))
    out = model.transform(new, sensitive_features=z)
    assert set(out["town"]) <= {"a", "b", "c"}
    assert not out["age"].isna().any()
    far = X.assign(age=X["age"] + 1000)
    assert model.transform(far, sensitive_features=z)["age"].max() <= X["age"].max()


def test_rare_levels_are_pooled_and_still_go_out():
    X, z = table(3000)
    rng = np.random.default_rng(0)
    rare = rng.random(len(X)) < 0.04
    X["town"] = np.where(rare, [f"r{i}" for i in rng.integers(0, 12, len(X))], X["town"])
    model = TriangularBarycenter(random_state=0).fit(X, sensitive_features=z)
    book = model._plan.books[list(X).index("town")]
    assert book.n_cells == 4
    out = model.transform(X, sensitive_features=z)
    assert out["town"].str.startswith("r").mean() > 0.02
    assert set(out["town"]) <= set(X["town"])


def test_weights_are_copies():
    X, z = table(500)
    weights = np.random.default_rng(0).integers(1, 4, len(X))
    many = np.repeat(np.arange(len(X)), weights)
    for options in ({}, {"conditional": "counts", "bins": EDGES}):
        weighted = TriangularBarycenter(random_state=0, **options)
        weighted.fit(X, sensitive_features=z, sample_weight=weights)
        copies = TriangularBarycenter(random_state=0, **options)
        copies.fit(X.iloc[many], sensitive_features=z[many])
        one, other, third = (
            as_text(m.transform(X, sensitive_features=z))
            for m in (weighted, copies, clone(weighted).fit(X, sensitive_features=z))
        )
        np.testing.assert_allclose(weighted.group_weights_, copies.group_weights_)
        differ, control = ((o != other).mean() for o in (one, third))
        assert differ < 0.01 < control


def test_costs_and_order():
    X, z = table(2000)
    model = TriangularBarycenter(random_state=0).fit(X, sensitive_features=z)
    told = model.column_information_
    assert (np.diff(told) >= 0).all()
    assert list(X)[model.order_[0]] == "town"
    out = model.transform(X, sensitive_features=z)
    moved = [(out[c].astype(object) != X[c].astype(object)) & ~(out[c].isna() & X[c].isna())
             for c in ("job", "town", "club")]  # fmt: skip
    age = ((out["age"] - X["age"]) / X["age"].std(ddof=0)) ** 2
    gap = out["pay"].isna() != X["pay"].isna()
    pay = np.where(gap, 1.0, (((out["pay"] - X["pay"]) / X["pay"].std(ddof=0)) ** 2).fillna(0))
    by_hand = (sum(m.to_numpy(dtype=float) for m in moved) + age + pay) / 5
    np.testing.assert_allclose(model.transport_cost_, by_hand.mean(), rtol=1e-9)
    for group, cost in zip(model.groups_, model.group_transport_costs_, strict=True):
        np.testing.assert_allclose(cost, by_hand[z == group[0]].mean(), rtol=1e-9)
    assert model.group_transport_costs_[0] > model.group_transport_costs_[1]  # the minority's
    model.set_params(strength=0.5)
    np.testing.assert_allclose(model.transport_cost_, by_hand.mean() / 2)


def test_small_groups():
    X, z = table(400)
    z = np.where(np.arange(400) < 5, "p", np.where(np.arange(400) < 9, "q", z))
    with pytest.raises(ValueError, match=r"min_group_size=10 rows: \('p',\) \(5 rows\)"):
        TriangularBarycenter().fit(X, sensitive_features=z)
    for options in ({}, {"conditional": "counts", "bins": EDGES}):
        model = TriangularBarycenter(small_groups="pool", random_state=0, **options)
        model.fit(X, sensitive_features=z)
        assert {("p",), ("q",)} <= set(model.small_groups_)
        out = model.transform(X, sensitive_features=z)
        merged = np.where(np.isin(z, [g for (g,) in model.small_groups_]), "p", z)
        other = clone(model).set_params(min_group_size=1).fit(X, sensitive_features=merged)
        assert len(other.groups_) == len(set(model._units))
        assert len(out) == 400


def test_verbose_says_what_it_does(capsys):
    X, z = table(200)
    TriangularBarycenter(verbose=1, random_state=0).fit(X, sensitive_features=z)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "column 5 of 5" in lines[-1]


def test_unknown_groups_are_drawn():
    X, z = table(1500)
    model = TriangularBarycenter(on_missing="posterior", random_state=0)
    model.fit(X, sensitive_features=z)
    with pytest.warns(UserWarning, match="of 1500 rows are missing.*weak"):
        out = model.transform(X)
    with pytest.warns(UserWarning, match="weak"):
        assert same(model.transform(X), out)
    full = X.assign(sex=z)
    inside = TriangularBarycenter("sex", on_missing="posterior", random_state=0).fit(full)
    with pytest.warns(UserWarning, match="weak"):
        assert list(inside.transform(X)) == list(X)
    model.set_params(on_missing="error")
    with pytest.raises(ValueError, match="of 1500 rows are missing, and each group has a map"):
        model.transform(X)


# -- forgetting rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("numeric", ["barycenter", "mixture"])
def test_counts_forget_exactly(numeric):
    X, z = table(900, k=3)
    X.loc[:4, "town"] = "only here"
    z[:30] = np.where(np.arange(30) < 12, "gone", z[:30])
    model = TriangularBarycenter(
        conditional="counts", bins=EDGES, numeric=numeric, random_state=0
    ).fit(X, sensitive_features=z)
    before = model.state_digest()
    weights = model.group_weights_
    for rows in (slice(0, 10), slice(10, 30)):
        try:
            model.unlearn(X[rows], sensitive_features=z[rows])
        except UnlearningError as error:
            assert "min_group_size" in str(error)  # two of "gone" would be left
            assert model.state_digest() == before
            model.unlearn(X[:12], sensitive_features=z[:12])
            model.unlearn(X[12:30], sensitive_features=z[12:30])
            break
    refit = clone(model).fit(X[30:], sensitive_features=z[30:])
    assert ("gone",) not in model.groups_
    assert model.state_digest() == refit.state_digest() != before
    assert model.n_samples_retained_ == 870
    assert not np.array_equal(weights, model.group_weights_)
    one, other = (m.transform(X[30:], sensitive_features=z[30:]) for m in (model, refit))
    assert same(one, other)
    with pytest.raises(NotLearnedError, match="1 of the 1"):
        model.unlearn(X[:1], sensitive_features=z[:1])
    old, new = slice(30, 40), slice(0, 5)
    refit.replace(
        {"X": X[old], "sensitive_features": z[old]},
        {"X": X[new], "sensitive_features": np.full(5, "m")},
    )
    corrected = pd.concat([X[40:], X[new]]), np.append(z[40:], np.full(5, "m"))
    expected = clone(model).fit(corrected[0], sensitive_features=corrected[1])
    assert refit.state_digest() == expected.state_digest()
    refit.unlearn(X[new], sensitive_features=np.full(5, "m"))


@pytest.mark.parametrize("conditional", ["linear", BernoulliNB()])
def test_models_forget_by_the_rows_that_remain(conditional):
    X, z = table(400)
    model = TriangularBarycenter(conditional=conditional, random_state=0)
    model.fit(X, sensitive_features=z)
    before = model.transform(X, sensitive_features=z)
    gone, kept = (X[:50], z[:50]), (X[50:], z[50:])
    with pytest.raises(UnlearningError, match=r'X_retain.*choose "counts"'):
        model.unlearn(gone[0], sensitive_features=gone[1])
    assert not model.can_unlearn(gone[0], sensitive_features=gone[1])
    with pytest.raises(UnlearningError, match="349 rows, 0 of them not among the 350"):
        model.unlearn(
            gone[0], sensitive_features=gone[1],
            X_retain=kept[0][1:], sensitive_features_retain=kept[1][1:],
        )  # fmt: skip
    with pytest.raises(NotLearnedError):
        model.unlearn(
            gone[0].assign(age=200), sensitive_features=gone[1],
            X_retain=kept[0], sensitive_features_retain=kept[1],
        )  # fmt: skip
    assert same(model.transform(X, sensitive_features=z), before)
    model.unlearn(
        gone[0], sensitive_features=gone[1], X_retain=kept[0], sensitive_features_retain=kept[1]
    )
    refit = clone(model).fit(kept[0], sensitive_features=kept[1])
    one, other = (m.transform(X, sensitive_features=z) for m in (model, refit))
    assert same(one, other)
    assert not same(one, before)
    assert model.n_samples_retained_ == 350
    assert model.guarantee_.kind == "exact"
    assert "X_retain" in model.guarantee_.detail
    served = model.to_sklearn()
    assert same(served.transform(X, sensitive_features=z), one)
    with pytest.raises(UnlearningError, match="stripped for serving"):
        served.unlearn(gone[0], sensitive_features=gone[1])


# -- as a user ------------------------------------------------------------------------------------


def test_what_is_refused():
    X, z = table(200)
    for name, value in [("numeric", "mean"), ("conditional", "forest"), ("on_missing", "guess"),
                        ("conditional", OrdinalEncoder())]:  # fmt: skip
        with pytest.raises(ValueError, match=f"Got {name}=.*expected one of"):
            TriangularBarycenter(**{name: value}).fit(X, sensitive_features=z)
    fit = lambda X=X, z=z, **options: TriangularBarycenter(**options).fit(  # noqa: E731
        X, sensitive_features=z
    )
    with pytest.raises(ValueError, match=r"needs the edges of the bins of column 'age'"):
        fit(conditional="counts")
    with pytest.raises(ValueError, match=r"Got bins of column 'age' .* rising order"):
        fit(bins={"age": [3, 1]})
    with pytest.raises(ValueError, match="Got bins of job, which hold no numbers"):
        fit(bins={"job": [0, 1]})
    with pytest.raises(ValueError, match="Got bins=1, expected"):
        fit(bins=1)
    with pytest.raises(ValueError, match=r"contains infinity \(column 'pay'\)"):
        fit(X.assign(pay=np.inf))
    with pytest.raises(ValueError, match="of 1 rows are missing"):
        fit(z=np.where(np.arange(200) == 3, None, z))
    with pytest.raises(ValueError, match="does not know what to forget"):
        TriangularBarycenter().fit(X)
    with pytest.raises(ValueError, match="as key_columns and as sensitive_columns"):
        TriangularBarycenter("job", key_columns="job").fit(X)
    for name in ("key_columns", "categorical_columns"):
        with pytest.raises(ValueError, match=f"'who' in {name}, which is not a column"):
            fit(**{name: ["who"]})
    with pytest.raises(ValueError, match="'who' in bins, which is not a column"):
        fit(bins={"who": [0, 1]})
    with pytest.raises(ValueError, match="whole numbers"):
        TriangularBarycenter(conditional="counts", bins=EDGES).fit(
            X, sensitive_features=z, sample_weight=np.full(200, 0.5)
        )
    model = fit()
    with pytest.raises(ValueError, match=r"group .*'q'.* never seen"):
        model.transform(X, sensitive_features=np.full(200, "q"))
    with pytest.raises(ValueError, match="'age' held numbers at fit"):
        model.transform(X.assign(age="old"), sensitive_features=z)
    with pytest.raises(ValueError, match=r"Got strength=2, expected a float in \[0, 1\]"):
        model.set_params(strength=2).transform(X, sensitive_features=z)


def test_in_a_pipeline_and_a_grid_search():
    X, z = table(300)
    y = (X["age"] > 40).to_numpy()
    X = X.assign(sex=z)
    encode = make_column_transformer(
        (OrdinalEncoder(encoded_missing_value=-1), ["job", "town", "club"]), remainder="passthrough"
    )
    model = make_pipeline(
        TriangularBarycenter("sex", random_state=0, n_folds=2),
        encode.set_output(transform="pandas"),
        HistGradientBoostingClassifier(max_iter=5),
    )
    grid = {"triangularbarycenter__strength": [0.0, 1.0]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_params_["triangularbarycenter__strength"] == 0.0  # age is free to tell y
    assert search.predict(X).shape == (300,)


@parametrize_with_checks([TriangularBarycenter(sensitive_columns=[])])
def test_scikit_learn_contract(estimator, check):
    check(estimator)  # with counts and with groups: in test_common
