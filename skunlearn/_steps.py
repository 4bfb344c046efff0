"""Steps of pipelines, one at a time: what they are, and how moments go through them.

Steps take part by protocol: `_derive(moments, info)` gives learned attributes, `_push(attributes,
moments)` the moments of what the step puts out; steps that read tables of numbers with missing
values, or of levels, have `_derive_table` and `_push_table` instead.
"""

import copy
import dataclasses
import hashlib

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils import get_tags

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._hashing import hash_rows
from skunlearn._statistics._rows import content_blocks, take
from skunlearn._statistics._tables import LevelTable, NumberTable


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A step that is no pipeline: its path, the estimator, and its routed fit parameters."""

    path: str
    step: object
    params: dict

    @property
    def weighted(self):
        """Whether sample weights are routed to this step."""
        return self.params.get("sample_weight") is not None


class NotAChain(ValueError):
    """Why the steps are not a function of moments of the raw rows."""


# -- moments through steps -----------------------------------------------------------------


def derive_steps(leaves, state, info, push_last=False):
    """Learned attributes of every step by path, and the moments of what the last one puts out.

    Parameters
    ----------
    leaves : list of Leaf
    state : {GroupedMoments, NumberTable, LevelTable, ExpandedMoments}
        What the first step takes in.
    info : dict
        What is kept of the form of the input.
    push_last : bool
        Whether to push the moments through the last step too.

    Returns
    -------
    attributes : dict of str to dict
    state : object
    """
    out, before = {}, None
    for leaf in leaves:
        push = push_last or leaf is not leaves[-1]
        attributes, after = _through(leaf, state, info, push)
        if before is not None:  # the step before this one may put out other columns than it did
            attributes = {**attributes, **input_form(leaf.step, before, state)}
        out[leaf.path] = {**attributes, "_learned": None, "_info": info}
        before = with_attributes(leaf.step, out[leaf.path])
        state = after
    return out, state


def _through(leaf, state, info, push):
    step = leaf.step
    if hasattr(step, "_derive_branches"):
        return step._derive_branches(state, info, push)
    if isinstance(state, (NumberTable, LevelTable)):
        if hasattr(step, "_derive_table"):
            attributes = step._derive_table(state if leaf.weighted else state.unweighted, info)
            return attributes, step._push_table(attributes, state) if push else None
        state = plain_numbers(state, step)
    attributes = step._derive(state if leaf.weighted else state.unweighted, info)
    return attributes, step._push(attributes, state) if push else None


def plain_numbers(table, step):
    """Moments of the columns of a table, for a step that takes numbers without gaps."""
    name = type(step).__name__
    if isinstance(table, LevelTable):
        raise ValueError(f"could not convert string to float: {name} expects numbers.")
    if table.has_missing.any():
        raise ValueError(
            f"Input X contains NaN.\n{name} does not accept missing values: put a SimpleImputer "
            "before it."
        )
    return table.pushed()


def _n_columns(state):
    if isinstance(state, NumberTable):
        return state.n_columns
    return len(state.columns) if isinstance(state, LevelTable) else state.pooled.n_features


def with_attributes(step, attributes):
    """Return a shallow copy of a step that has learned something else."""
    new = copy.copy(step)
    vars(new).update(attributes)
    return new


def replaced_steps(steps, learned, prefix=""):
    """Return steps in which copies have learned what is given by path, in pipelines inside too."""
    out = []
    for name, step in steps:
        path = f"{prefix}{name}"
        if hasattr(step, "steps") and hasattr(step, "named_steps"):
            step = with_attributes(
                step, {"steps": replaced_steps(step.steps, learned, f"{path}__")}
            )
        elif path in learned:
            step = with_attributes(step, learned[path])
        out.append((name, step))
    return out


def leaves_of(step, path=""):
    """Leaves of a transformer, or of the steps of a pipeline, without parameters."""
    if hasattr(step, "steps") and hasattr(step, "named_steps"):
        return [Leaf(where, inner, {}) for where, inner in flat_steps(step, f"{path}__")]
    return [Leaf(path, step, {})]


def plain_step(step):
    """Return a step for serving; a pipeline that is scikit-learn's own may hold steps of ours."""
    if hasattr(step, "to_sklearn"):
        return step.to_sklearn()
    if isinstance(step, Pipeline):
        step = copy.copy(step)
        step.steps = [(name, plain_step(inner)) for name, inner in step.steps]
        return step
    return copy.deepcopy(step)


def inner_pipelines(pipeline):
    """Yield the pipelines inside a pipeline that keep a ledger of their own."""
    for name, step in pipeline.steps:
        if hasattr(step, "steps") and hasattr(step, "named_steps"):
            if hasattr(step, "_forget_everything"):
                yield name, step
            yield from inner_pipelines(step)


def input_form(step, before, state):
    """Width of the input of a step, and its names if it was fitted with names."""
    form = {"n_features_in_": _n_columns(state)}
    if hasattr(step, "feature_names_in_"):
        form["feature_names_in_"] = np.asarray(before.get_feature_names_out(), dtype=object)
    return form


# -- what a step is -------------------------------------------------------------------------


# The room of each class that mirrors a class of scikit-learn's, which is in the room of that name.
TWINS = {
    "BernoulliNB": "naive_bayes",
    "CategoricalNB": "naive_bayes",
    "ColumnTransformer": "compose",
    "ComplementNB": "naive_bayes",
    "GaussianNB": "naive_bayes",
    "KNeighborsClassifier": "neighbors",
    "KNeighborsRegressor": "neighbors",
    "KernelRidge": "kernel_ridge",
    "LinearDiscriminantAnalysis": "discriminant_analysis",
    "LinearRegression": "linear_model",
    "LogisticRegression": "linear_model",
    "MultinomialNB": "naive_bayes",
    "NearestCentroid": "neighbors",
    "OneHotEncoder": "preprocessing",
    "PCA": "decomposition",
    "Pipeline": "pipeline",
    "QuadraticDiscriminantAnalysis": "discriminant_analysis",
    "Ridge": "linear_model",
    "RidgeClassifier": "linear_model",
    "SelectKBest": "feature_selection",
    "SelectPercentile": "feature_selection",
    "SimpleImputer": "impute",
    "StandardScaler": "preprocessing",
    "VarianceThreshold": "feature_selection",
}


def is_plain_twin(step):
    return type(step).__module__.startswith("sklearn.") and type(step).__name__ in TWINS


def is_stateless(step):
    if isinstance(step, PolynomialFeatures):  # its fit looks at the number of columns alone
        return True
    derived = hasattr(step, "_derive") or hasattr(step, "_derive_table")
    return not derived and not get_tags(step).requires_fit


def check_row_by_row(stateless, X, y):
    """Fit the stateless steps, and refuse one whose output for a row depends on other rows."""
    for leaf in stateless:
        whole = leaf.step.fit_transform(X, y)
        n = num_samples(X)
        for rows in (np.arange(min(n, 3)), np.arange(n // 2, n)):
            alone, among = leaf.step.transform(take(X, rows)), take(whole, rows)
            if not _same(alone, among):
                raise NotAChain(
                    f"step {leaf.path} ({type(leaf.step).__name__}) gives a row other values "
                    "in other company"
                )
        X = whole


def _same(one, other):
    blocks = content_blocks(one), content_blocks(other)
    return np.array_equal(*(hash_rows(found, key=0) for found in blocks))


def first_rows(X):
    if hasattr(X, "iloc"):
        return X.iloc[:2]
    return sparse.csr_array(X)[:2] if sparse.issparse(X) else np.asarray(X)[:2]


# -- steps of a pipeline --------------------------------------------------------------------


def flat_steps(pipeline, prefix=""):
    """Yield (path, step) of the steps that are no pipelines, in order."""
    for name, step in pipeline.steps:
        if step is None or step == "passthrough":
            continue
        if hasattr(step, "steps") and hasattr(step, "named_steps"):
            yield from flat_steps(step, f"{prefix}{name}__")
        else:
            yield f"{prefix}{name}", step


def routed_leaves(pipeline, routed, prefix=""):
    """Yield a Leaf for each step that is no pipeline, with the fit parameters routed to it."""
    for name, step in pipeline.steps:
        if step is None or step == "passthrough":
            continue
        to_step = routed[name]
        params = dict(to_step.get("fit_transform", {})) or dict(to_step.get("fit", {}))
        if hasattr(step, "steps") and hasattr(step, "named_steps"):
            inner = step._check_method_params(method="fit", props=params)
            yield from routed_leaves(step, inner, f"{prefix}{name}__")
        else:
            yield Leaf(f"{prefix}{name}", step, params)


def _with_branches(steps):
    """Yield steps, and those in the branches of a ColumnTransformer."""
    for path, step in steps:
        yield path, step
        for name, inner, _ in getattr(step, "transformers_", []):
            if not isinstance(inner, str):
                leaves = leaves_of(inner, f"{path}__{name}")
                yield from _with_branches((leaf.path, leaf.step) for leaf in leaves)


def _has_own_statistics(step):
    return vars(step).get("_learned") is not None and "_owned" not in vars(step)


def witness(steps):
    """Digest of what the steps have learned, to notice a step changed by another hand."""
    state = hashlib.blake2b(digest_size=16)
    for path, step in _with_branches(steps):
        state.update(f"{path} {type(step).__name__}".encode())
        learned = {k: v for k, v in vars(step).items() if k != "n_features_in_"}
        for name, value in sorted(learned.items()):
            if name.endswith("_") and isinstance(value, np.ndarray) and value.dtype != object:
                state.update(name.encode() + value.tobytes())
            elif name.endswith("_") and isinstance(value, (int, float, str)):
                state.update(f"{name}={value!r}".encode())
        state.update(b"own" if _has_own_statistics(step) else b"chain")
    return state.hexdigest()
