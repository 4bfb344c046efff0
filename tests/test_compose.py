"""ColumnTransformer: branches of mixed tables, derived from one set of sums, and able to forget."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn import compose, decomposition, impute, pipeline, preprocessing
from sklearn.base import clone
from sklearn.compose import make_column_selector
from sklearn.preprocessing import FunctionTransformer

from skunlearn.compose import ColumnTransformer, make_column_transformer
from skunlearn.decomposition import PCA
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.impute import SimpleImputer
from skunlearn.pipeline import make_pipeline
from skunlearn.preprocessing import OneHotEncoder, StandardScaler
from skunlearn.testing import _checks_equivalence, check_unlearner
from skunlearn.testing._state import differences

N, N_FORGET = 120, 12
pytestmark = pytest.mark.filterwarnings("ignore:Skipping features without any observed values")


class Ours:
    """The names that a table below is written with."""

    CT, Impute, Scale, OneHot = ColumnTransformer, SimpleImputer, StandardScaler, OneHotEncoder
    PCA, chain, Func, make = PCA, make_pipeline, FunctionTransformer, make_column_transformer


class Theirs:
    CT, Impute = compose.ColumnTransformer, impute.SimpleImputer
    Scale, OneHot = preprocessing.StandardScaler, preprocessing.OneHotEncoder
    PCA, chain = decomposition.PCA, pipeline.make_pipeline
    Func, make = FunctionTransformer, compose.make_column_transformer


def passengers(seed=0):
    """Mixed table in which the first rows are the only ones of their kind."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, N).astype(float),
            "fare": rng.lognormal(3, 1, N),
            "sex": rng.choice(["m", "f"], N),
            "town": rng.choice(list("ABCD"), N),
            "class": rng.integers(1, 4, N),
            "flag": rng.choice([True, False], N),
            "lost": rng.normal(size=N),  # loses its last value
            "constant": np.full(N, 0.1),  # becomes constant
            "found": rng.normal(size=N),  # loses its missing values
        }
    )
    frame["town"] = frame["town"].astype(object)
    frame.loc[0, "town"] = "rare"
    frame.loc[1:14, "town"] = None
    frame.loc[rng.choice(N, 20, replace=False), "age"] = np.nan
    frame.loc[5:, "lost"] = np.nan
    frame.loc[2:4, "constant"] = [1e12, -3.0, 8.0]
    frame.loc[40:50, "constant"] = np.nan
    frame.loc[:3, "found"] = np.nan
    return frame


FRAME = passengers()
NUM, CAT = ["age", "fare", "found"], ["sex", "town", "class"]
TABLES = {
    "numbers and categories": lambda b: b.CT(
        [("n", b.chain(b.Impute(), b.Scale()), NUM), ("c", b.OneHot(), CAT)]
    ),
    "a column loses its last value": lambda b: b.CT(
        [("n", b.chain(b.Impute(), b.Scale()), ["age", "lost"]), ("c", b.OneHot(), CAT)]
    ),
    "and is kept": lambda b: b.CT(
        [("n", b.chain(b.Impute(keep_empty_features=True), b.Scale()), ["age", "lost"])]
    ),
    "indicators": lambda b: b.CT(
        [("n", b.chain(b.Impute(add_indicator=True), b.Scale()), ["age", "found", "lost", "fare"])]
    ),
    "indicators of a median": lambda b: b.CT(
        [("n", b.Impute(add_indicator=True, strategy="median"), ["age", "found", "lost"])]
    ),
    "gaps in a constant": lambda b: b.CT([("n", b.Scale(), ["constant", "fare"])]),
    "a constant and its mean": lambda b: b.CT(
        [("n", b.chain(b.Impute(), b.Scale()), ["constant", "fare"])]
    ),
    "a constant and its median": lambda b: b.CT(
        [("n", b.chain(b.Impute(strategy="median"), b.Scale()), ["constant", "fare"])]
    ),
    "a constant and its mode": lambda b: b.CT(
        [("n", b.chain(b.Impute(strategy="most_frequent"), b.Scale()), ["constant", "fare"])]
    ),
    "a constant twice": lambda b: b.CT(
        [("n", b.chain(b.Impute(strategy="constant", fill_value=0.1), b.Scale()), ["constant"])]
    ),
    "scaled gaps": lambda b: b.CT([("n", b.Scale(), NUM)]),
    "scaled, then imputed": lambda b: b.CT(
        [("n", b.chain(b.Scale(), b.Impute(add_indicator=True), b.Scale()), NUM)]
    ),
    "medians": lambda b: b.CT(
        [
            ("n", b.chain(b.Impute(strategy="median"), b.Scale()), NUM),
            ("m", b.Impute(strategy="most_frequent"), ["class", "age"]),
        ]
    ),
    "constants": lambda b: b.CT(
        [("n", b.chain(b.Impute(strategy="constant", fill_value=-1), b.Scale()), NUM)]
    ),
    "imputed categories": lambda b: b.CT(
        [("c", b.chain(b.Impute(strategy="most_frequent", missing_values=None), b.OneHot()), CAT)]
    ),
    "a category for gaps": lambda b: b.CT(
        [("c", b.chain(b.Impute(strategy="constant", missing_values=None), b.OneHot()), CAT)]
    ),
    "imputed text": lambda b: b.CT(
        [("c", b.Impute(strategy="most_frequent", missing_values=None), ["town"])]
    ),
    "dropped categories": lambda b: b.CT(
        [("f", b.OneHot(drop="first"), CAT), ("b", b.OneHot(drop="if_binary"), ["flag", "sex"])]
    ),
    "infrequent categories": lambda b: b.CT(
        [
            ("f", b.OneHot(min_frequency=25, handle_unknown="infrequent_if_exist"), CAT),
            ("m", b.OneHot(max_categories=2, sparse_output=False), ["town"]),
        ]
    ),
    "all categories infrequent": lambda b: b.CT(
        [("f", b.chain(b.OneHot(min_frequency=119, sparse_output=False), b.Scale()), ["town"])]
    ),
    "remainder": lambda b: b.CT([("c", b.OneHot(), CAT)], remainder="passthrough"),
    "remainder scaled": lambda b: b.CT(
        [("c", b.OneHot(), CAT), ("f", "drop", ["flag"])],
        remainder=b.chain(b.Impute(), b.Scale()),
    ),
    "weights": lambda b: b.CT(
        [("n", b.Scale(), ["fare"]), ("c", b.OneHot(), CAT), ("p", "passthrough", ["flag"])],
        transformer_weights={"n": 2.0, "c": 0.5, "p": 3.0},
    ),
    "selectors": lambda b: b.CT(
        [
            ("n", b.chain(b.Impute(), b.Scale()), make_column_selector(dtype_include="number")),
            ("c", b.OneHot(), make_column_selector(dtype_exclude="number")),
            ("e", b.Scale(), make_column_selector(pattern="nothing")),
        ]
    ),
    "slices": lambda b: b.CT(
        [
            ("n", b.chain(b.Impute(), b.Scale()), slice(0, 2)),
            ("c", b.OneHot(), slice("sex", "class")),
        ]
    ),
    "masks and positions": lambda b: b.CT(
        [
            ("n", b.chain(b.Impute(), b.Scale()), [True, True] + [False] * 7),
            ("c", b.OneHot(), [2, -6]),
        ]
    ),
    "stateless steps": lambda b: b.CT(
        [
            ("n", b.chain(b.Func(np.log1p), b.Impute(), b.Scale()), ["age", "fare"]),
            ("o", b.Func(np.sqrt, feature_names_out="one-to-one"), ["fare"]),
            ("c", b.OneHot(), CAT),
        ]
    ),
    "nested": lambda b: b.CT(
        [
            ("n", b.chain(b.chain(b.Impute(), b.Scale()), b.PCA(2, svd_solver="full")), NUM),
            ("c", b.OneHot(sparse_output=False), CAT),
        ]
    ),
    "scaled categories": lambda b: b.CT(
        [
            ("d", b.chain(b.OneHot(sparse_output=False), b.Scale()), CAT),
            ("s", b.chain(b.OneHot(), b.Scale(with_mean=False)), CAT),
        ]
    ),
    "short names": lambda b: b.CT(
        [("n", b.chain(b.Impute(), b.Scale()), NUM), ("c", b.OneHot(), CAT)],
        verbose_feature_names_out=False,
    ),
    "named names": lambda b: b.CT(
        [("n", b.chain(b.Impute(), b.Scale()), NUM), ("c", b.OneHot(), CAT)],
        verbose_feature_names_out="{transformer_name}-{feature_name}",
    ),
    "sparse": lambda b: b.CT(
        [("n", b.Scale(), ["fare"]), ("c", b.OneHot(), CAT)], sparse_threshold=1
    ),
    "dense": lambda b: b.CT(
        [("n", b.Scale(), ["fare"]), ("c", b.OneHot(), CAT)], sparse_threshold=0
    ),
    "made": lambda b: b.make((b.chain(b.Impute(), b.Scale()), NUM), (b.OneHot(), CAT)),
    "a column twice": lambda b: b.CT(
        [("a", b.Scale(), ["fare"]), ("b", b.Impute(), ["fare", "age"])]
    ),
    "nothing learned": lambda b: b.CT([("p", "passthrough", ["age", "class", "flag"])]),
    "text passed": lambda b: b.CT([("p", "passthrough", ["sex", "class"])]),
    "bools": lambda b: b.CT([("o", b.OneHot(), ["flag"]), ("s", b.Scale(), ["flag"])]),
}


def learned_values(model):
    """Learned attributes of every transformer in use, by path."""
    out = {}
    for name, step, columns in model.transformers_:
        if isinstance(step, str) or not len(np.ravel(columns if np.ndim(columns) else [columns])):
            continue
        steps = step.steps if hasattr(step, "steps") else [("", step)]
        while any(hasattr(inner, "steps") for _, inner in steps):
            steps = [s for _, i in steps for s in (i.steps if hasattr(i, "steps") else [("", i)])]
        for i, (_, inner) in enumerate(steps):
            for key, value in vars(inner).items():
                if key.endswith("_") and not key.startswith("_") and key != "n_samples_seen_":
                    out[name, i, key] = value
    return out


def assert_close(one, other, where="", rtol=1e-8):
    """Two values are one up to rounding, their types alike."""
    if sparse.issparse(one) or sparse.issparse(other):
        assert sparse.issparse(one) and sparse.issparse(other), where
        one, other = one.toarray(), other.toarray()
    if isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for key, value in other.items():
            assert_close(one[key], value, f"{where}.{key}", rtol)
    elif isinstance(other, list | tuple):
        assert len(one) == len(other), where
        for a, b in zip(one, other, strict=True):
            assert_close(a, b, where, rtol)
    elif isinstance(other, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, rtol=rtol, atol=rtol)
    elif isinstance(other, np.ndarray | float) and np.asarray(other).dtype.kind == "f":
        assert np.asarray(one).dtype == np.asarray(other).dtype, where
        np.testing.assert_allclose(one, other, rtol, rtol, err_msg=where)
    elif isinstance(other, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape, where
        for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True):
            same = a == pytest.approx(b, rel=rtol) if isinstance(b, float) else a == b
            assert same or (a != a and b != b), where
    elif not hasattr(other, "get_params"):
        assert one == other or (one != one and other != other), where


def assert_is_scikit_learns(model, other, X, rtol=1e-7):
    """Both have learned the same, and make the same of the rows."""
    assert_close(learned_values(model), learned_values(other), "learned", rtol)
    assert model.sparse_output_ == other.sparse_output_
    assert model.output_indices_ == other.output_indices_
    plain = model.to_sklearn()
    expected = other.transform(X)
    assert_close(model.transform(X), expected, "transform", rtol)
    assert_close(plain.transform(X), expected, "served", rtol)
    try:
        names = list(other.get_feature_names_out())
    except AttributeError:  # a FunctionTransformer that gives no names
        with pytest.raises(AttributeError, match="does not provide get_feature_names_out"):
            model.get_feature_names_out()
    else:
        assert list(model.get_feature_names_out()) == list(plain.get_feature_names_out()) == names


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("table", TABLES)
def test_forgetting_is_the_refit_and_scikit_learns(table, output):
    model, other = (TABLES[table](base).set_output(transform=output) for base in (Ours, Theirs))
    if output == "pandas" and any(
        step.sparse_output
        for _, step in model.get_params().items()
        if hasattr(step, "sparse_output")
    ):
        model, other = (_dense(m) for m in (model, other))
    X, gone, rest = FRAME, FRAME[:N_FORGET], FRAME[N_FORGET:]
    assert_close(model.fit_transform(X), other.fit_transform(X), "fit_transform", 1e-7)
    assert_is_scikit_learns(model, other, X)
    before = model.state_digest()
    model.unlearn(gone)
    refit = clone(model).set_params(resolution=model.resolution_).fit(rest)
    assert differences(model, refit, public=True) == []
    assert model.state_digest() == refit.state_digest() != before
    assert model.n_samples_retained_ == N - N_FORGET
    assert_is_scikit_learns(model, other.fit(rest), rest)
    state = model.state_digest()
    with pytest.raises(NotLearnedError):
        model.unlearn(gone[:1])
    assert model.state_digest() == state


def _dense(model):
    """Frames take no sparse output."""
    wide = {k: False for k in model.get_params() if k.endswith("sparse_output")}
    return model.set_params(**wide)


@pytest.mark.parametrize("table", ["numbers and categories", "indicators", "medians"])
def test_any_order_and_split_of_requests(table):
    model = TABLES[table](Ours).fit(FRAME)
    at_once = copy.deepcopy(model).unlearn(FRAME[:20])
    for i in np.random.default_rng(0).permutation(20):
        model.unlearn(FRAME[i : i + 1])
    rest = FRAME[20:].sample(frac=1, random_state=0)
    refit = clone(model).set_params(resolution=model.resolution_).fit(rest)
    for other in (at_once, refit, pickle.loads(pickle.dumps(model))):
        assert differences(model, other, public=True) == []
        assert model.state_digest() == other.state_digest()


@pytest.mark.parametrize("seed", range(6))
def test_random_requests_on_random_tables(seed):
    rng = np.random.default_rng(seed)
    frame = passengers(seed)
    names = [
        "numbers and categories",
        "indicators",
        "medians",
        "infrequent categories",
        "remainder",
    ]
    model = TABLES[names[seed % 5]](Ours).set_params(track_rows=seed % 2 == 0).fit(frame)
    present = np.ones(N, dtype=bool)
    for step in range(8):
        if step % 3 < 2:
            rows = rng.choice(np.flatnonzero(present), rng.integers(1, 15), replace=False)
            model.unlearn(frame.iloc[rows])
            present[rows] = False
        else:
            old, new = rng.choice(np.flatnonzero(present)), rng.choice(np.flatnonzero(~present))
            model.replace(frame.iloc[[old]], frame.iloc[[new]])
            present[[old, new]] = False, True
        refit = clone(model).set_params(resolution=model.resolution_).fit(frame[present])
        assert differences(model, refit, public=True) == []
        assert model.state_digest() == refit.state_digest()


# -- types of columns -------------------------------------------------------------------------


@pytest.mark.parametrize("types", [
    {"town": "category", "sex": "string"},
    {"class": "Int64", "fare": "Float64", "flag": "boolean"},
    {"age": "float32", "fare": "float32", "class": "int8"},
    {"class": "category", "flag": object},
], ids=str)  # fmt: skip
def test_types_of_columns(types):
    frame = FRAME.astype(types)
    for table in ("numbers and categories", "remainder", "dropped categories"):
        model, other = TABLES[table](Ours).fit(frame), TABLES[table](Theirs)
        model.unlearn(frame[:N_FORGET])
        rest = frame[N_FORGET:]
        refit = clone(model).set_params(resolution=model.resolution_).fit(rest)
        assert differences(model, refit, public=True) == []
        rtol = 1e-6 if "age" in types else 1e-7
        assert_is_scikit_learns(model, other.fit(rest), rest, rtol)


def test_arrays_without_names():
    X = FRAME[["age", "fare", "class"]].to_numpy()
    for form in (X, X.astype(object), X.astype(np.float32)):
        model, other = (
            b.CT([("n", b.chain(b.Impute(), b.Scale()), [0, 1]), ("c", b.OneHot(), [-1])])
            for b in (Ours, Theirs)
        )
        model.fit(form).unlearn(form[:N_FORGET])
        assert_is_scikit_learns(model, other.fit(form[N_FORGET:]), form[N_FORGET:])
        with pytest.raises(ValueError, match="features"):
            model.unlearn(np.asarray(form[20:22])[:, :2])


def test_columns_in_another_order_are_the_same_columns():
    model = TABLES["numbers and categories"](Ours).fit(FRAME)
    with pytest.raises(ValueError, match="feature names"):
        model.unlearn(FRAME[FRAME.columns[::-1]][:3])


# -- what cannot be exact ---------------------------------------------------------------------


@pytest.mark.parametrize("transformer, reason", [
    (preprocessing.QuantileTransformer(n_quantiles=5), "QuantileTransformer.*not a function of"),
    (impute.SimpleImputer(strategy=np.nanmax), "SimpleImputer.*not a function of moments"),
    (preprocessing.StandardScaler(), "use that of skunlearn.preprocessing"),
    (make_pipeline(preprocessing.MinMaxScaler(), StandardScaler()), "MinMaxScaler"),
    (ColumnTransformer([("s", StandardScaler(), ["fare"])]), "is behind another step"),
    (make_pipeline(PCA(1), SimpleImputer()), "numbers without gaps"),
    (make_pipeline(StandardScaler(), SimpleImputer(strategy="median")), "has changed"),
    (make_pipeline(StandardScaler(), OneHotEncoder()), "encodes what a step before"),
    (FunctionTransformer(lambda X: X - X.mean()), "other values in other company"),
])  # fmt: skip
def test_without_moments_it_is_scikit_learns_and_says_why(transformer, reason):
    X = FRAME[["fare"]]
    model = ColumnTransformer([("t", transformer, ["fare"])])
    plain = compose.ColumnTransformer([("t", transformer, ["fare"])])
    out = model.fit_transform(X)
    assert_close(out, plain.fit_transform(X), rtol=1e-9)
    assert not hasattr(model, "unlearn")
    with pytest.raises(AttributeError) as error:
        model.unlearn(X[:3])
    with pytest.raises(AssertionError, match=f"(?s)cannot forget rows exactly.*{reason}.*Use the"):
        raise AssertionError(str(error.value.__cause__ or error.value))
    # another fit, of transformers that are moments, forgets again
    model.set_params(t=StandardScaler()).fit(X).unlearn(X[:3])
    assert model.n_samples_retained_ == N - 3


def test_sparse_rows_are_left_to_scikit_learn():
    X = sparse.random_array((30, 3), density=0.5, rng=np.random.default_rng(0), format="csr")
    model = ColumnTransformer([("s", StandardScaler(with_mean=False), [0, 1])]).fit(X)
    assert not hasattr(model, "unlearn")
    assert model.transform(X).shape == (30, 2)


@pytest.mark.parametrize("make", [
    lambda b: [("s", b.Scale(), ["nowhere"])],
    lambda b: [("s", b.Scale(), ["town"])],
    lambda b: [("s", b.Scale(), "fare")],
    lambda b: [("s", b.Scale(), ["fare"]), ("s", b.Scale(), ["age"])],
    lambda b: [("s", b.Scale(with_mean="no"), ["fare"])],
    lambda b: [("s", object(), ["fare"])],
    lambda b: [("s", b.OneHot(drop=["x"]), ["sex"])],
    lambda b: [("s", b.Impute(), ["town"])],
])  # fmt: skip
def test_what_scikit_learn_refuses_is_refused_with_its_words(make):
    with pytest.raises(Exception) as expected:
        compose.ColumnTransformer(make(Theirs)).fit(FRAME)
    with pytest.raises(type(expected.value)) as got:
        ColumnTransformer(make(Ours)).fit(FRAME)
    assert str(got.value).split(" at 0x")[0] == str(expected.value).split(" at 0x")[0]


def test_our_own_refusals():
    with pytest.raises(ValueError, match="PCA does not accept missing values: put a SimpleImputer"):
        ColumnTransformer([("p", PCA(1), ["age", "fare"])]).fit(FRAME)
    model = ColumnTransformer([("i", SimpleImputer(strategy=np.nanmax), ["fare"])])
    with pytest.raises(ValueError, match="a callable need not be a function of what is kept"):
        model.fit(FRAME)


def test_metadata_for_the_branches_is_not_ignored():
    w = np.random.default_rng(0).random(N)
    with sklearn.config_context(enable_metadata_routing=True):
        scale = StandardScaler().set_fit_request(sample_weight=True)
        model = ColumnTransformer([("s", scale, ["fare"])]).fit(FRAME, sample_weight=w)
        assert not hasattr(model, "unlearn")
        plain = preprocessing.StandardScaler().fit(FRAME[["fare"]], sample_weight=w)
        assert model.named_transformers_["s"].mean_ == pytest.approx(plain.mean_, rel=1e-9)


# -- rows that were never learned, and steps behind the back ----------------------------------


def test_a_failed_request_changes_nothing():
    model = TABLES["numbers and categories"](Ours).fit(FRAME[1:])
    state, shown = model.state_digest(), model.transform(FRAME[20:])
    row = FRAME[20:21]
    for never in (FRAME[:1], row.assign(town="x"), row.assign(age=1e6), row.assign(found=np.nan)):
        with pytest.raises(NotLearnedError):
            model.unlearn(pd.concat([FRAME[30:40], never]))
        assert model.can_unlearn(pd.concat([FRAME[30:40], never])).n_missing == 1
    with pytest.raises(UnlearningError, match="these are the last rows"):
        model.unlearn(FRAME[1:])
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.unlearn(row.assign(age="old"))
    assert model.state_digest() == state
    assert np.array_equal(model.transform(FRAME[20:]), shown)
    assert model.unlearn(FRAME[30:40]).n_samples_retained_ == N - 11


def test_steps_inside_have_no_ledger_of_their_own():
    model = TABLES["numbers and categories"](Ours).fit(FRAME)
    for step in (model.named_transformers_["c"], *model.named_transformers_["n"]):
        with pytest.raises(UnlearningError, match="it is a step of a pipeline"):
            step.unlearn(FRAME[:1])
    with pytest.raises(UnlearningError, match="it is a slice or a step of another one"):
        model.named_transformers_["n"].unlearn(FRAME[:1])


def test_what_is_served_holds_nothing_of_ours():
    model = TABLES["selectors"](Ours).fit(FRAME).unlearn(FRAME[:N_FORGET])
    assert b"skunlearn" not in pickle.dumps(model.to_sklearn())
    assert b"skunlearn" not in pickle.dumps(
        TABLES["remainder scaled"](Ours).fit(FRAME).to_sklearn()
    )
    assert b"rare" in pickle.dumps(TABLES["selectors"](Ours).fit(FRAME))
    assert b"rare" not in pickle.dumps(model)


def test_replace_with_a_new_category():
    model = TABLES["numbers and categories"](Ours).fit(FRAME)
    new = FRAME[:5].assign(town="new", age=np.nan)
    model.replace(FRAME[:5], new)
    rows = pd.concat([new, FRAME[5:]])
    refit = clone(model).set_params(resolution=model.resolution_).fit(rows)
    assert differences(model, refit, public=True) == []
    assert model.state_digest() == refit.state_digest()
    assert "c__town_new" in model.get_feature_names_out()
    assert "c__town_rare" not in model.get_feature_names_out()


def test_make_column_transformer_passes_its_parameters():
    model = make_column_transformer(
        (StandardScaler(), ["fare"]),
        remainder="passthrough",
        sparse_threshold=0.1,
        n_jobs=1,
        verbose=True,
        verbose_feature_names_out=False,
        track_rows=False,
        resolution=-20,
    )
    given = model.get_params(deep=False)
    assert given["transformers"][0][0] == "standardscaler"
    assert (given["remainder"], given["sparse_threshold"], given["n_jobs"]) == (
        "passthrough",
        0.1,
        1,
    )
    assert (given["verbose"], given["verbose_feature_names_out"]) == (True, False)
    assert (given["track_rows"], given["resolution"]) == (False, -20)


@pytest.mark.parametrize("model", [
    ColumnTransformer(
        [("s", make_pipeline(SimpleImputer(), StandardScaler()), [0])], remainder="passthrough"
    ),
    ColumnTransformer(
        [("s", StandardScaler(), [0]),
         ("o", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [1])]
    ),
], ids=["numbers", "categories"])  # fmt: skip
def test_contract(model, monkeypatch):
    monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 200)
    expected = {}
    if model.remainder == "drop":
        expected = {"check_set_output": "a category that loses its last row takes its column along"}
    check_unlearner(model, expected_failed_checks=expected)
