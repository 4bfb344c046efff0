"""A chain of steps derived from the moments of the raw rows, without transforming a row.

Steps take part by protocol: `_derive(moments, info)` gives learned attributes, `_push(attributes,
moments)` the moments of what the step puts out. A step with `_front` takes its sensitive groups
from the raw rows, so that they are fixed before moments are taken; one with `_fold_codes` takes
folds.
"""

import copy
import dataclasses
import hashlib

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from skunlearn._sklearn_compat import check_weights, num_samples
from skunlearn._statistics._hashing import hash_rows, label_words
from skunlearn._statistics._learned import LearnedRows, Rows, numeric
from skunlearn._statistics._rows import content_blocks, take
from skunlearn.base import Request

PASSED = ("sample_weight", "sensitive_features")


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


@dataclasses.dataclass(frozen=True)
class Chain:
    """Stateless steps that act on rows, then steps derived from moments.

    Parameters
    ----------
    stateless : list of Leaf
    leaves : list of Leaf
    """

    stateless: list
    leaves: list

    @classmethod
    def of(cls, leaves, request):
        """Split the leaves of a pipeline, or raise `NotAChain` with the reason."""
        stateless = []
        while len(leaves) > 1 and _is_stateless(leaves[0].step) and not leaves[0].params:
            stateless.append(leaves[0])
            leaves = leaves[1:]
        for i, leaf in enumerate(leaves):
            _check_leaf(leaf, first=i == 0, last=i == len(leaves) - 1)
        _check_row_by_row(stateless, request)
        if sum(hasattr(leaf.step, "_front") for leaf in leaves) > 1:
            raise NotAChain("two steps take sensitive groups")
        if not leaves:
            raise NotAChain("there is no step to learn anything")
        for leaf in leaves:
            for name in PASSED:
                value, shared = leaf.params.get(name), getattr(request, name)
                if value is not None and value is not shared and not np.array_equal(value, shared):
                    raise NotAChain(f"steps are given different values of {name}")
            if hasattr(leaf.step, "_moments_refusal"):
                reason = leaf.step._moments_refusal(request)
                if reason is not None:
                    raise NotAChain(reason)
        return cls(stateless, leaves)

    def routes(self):
        """Return the paths of the steps, and the names of the parameters that each was given."""
        return tuple(
            [(leaf.path, _given(leaf.params)) for leaf in part]
            for part in (self.stateless, self.leaves)
        )

    @property
    def target(self):
        """How the target enters the moments: "numeric", "class" or None."""
        return self.leaves[-1].step._target

    @property
    def kind(self):
        """The sums that are enough for every step."""
        return "diagonal" if all(leaf.step._kind == "diagonal" for leaf in self.leaves) else "gram"

    def rows(self, request, *, reset, info=None):
        """Validate raw rows; return (Rows, info) with fingerprints of the raw content.

        Parameters
        ----------
        request : Request
        reset : bool
            Whether this is a fit.
        info : dict, default=None
            What the fit kept, for requests after it.
        """
        X, content = request.X, content_blocks(request.X)
        for leaf in self.stateless:
            X = leaf.step.transform(X)
        request = dataclasses.replace(request, X=X)
        front = next((leaf.step for leaf in self.leaves if hasattr(leaf.step, "_front")), None)
        new = {}
        groups = None
        first = self.leaves[0].step
        if front is not None:
            if front is not first:
                X = _check_numeric(first, X, reset)
                request = dataclasses.replace(request, X=X)
            X, groups, new = front._front(request, reset=reset and front is first)
        else:
            X = _check_numeric(first, X, reset)
        Y, labels, y_ndim = self._targets(request.y, X.shape[0], reset)
        content = content + content_blocks(request.sensitive_features)
        if self.target is not None:
            content = [*content, Y if labels is None else label_words(labels)[:, None]]
        folds = None
        last = self.leaves[-1].step
        if hasattr(last, "_fold_codes"):
            new |= last._fold_info() if reset else {"folds": info["folds"]}
            folds = last._fold_codes(content, new)
        keys, codes = _cells(X.shape[0], labels, groups, folds)
        new |= {"dtype": X.dtype if X.dtype == np.float32 else np.dtype(np.float64)}
        new |= {"y_ndim": y_ndim, "sparse": sparse.issparse(X)}
        if labels is not None:
            new["label_dtype"] = labels.dtype
        weights = check_weights(request.sample_weight, X)
        Y = None if labels is not None else Y
        new["chain"] = self.routes()
        return Rows(numeric(X), Y, weights, keys, codes, tuple(content), raw=True), new

    def _targets(self, y, n, reset):
        """Numeric targets of shape (n, q), or labels, or neither; and the dimensions of y."""
        if self.target is None:
            return None, None, 0
        name = type(self.leaves[-1].step).__name__
        if y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None.")
        minimum = 1 if reset else 0
        if self.target == "class":
            labels = column_or_1d(y, warn=True)
            if len(labels):
                check_classification_targets(labels)
            Y, y_ndim = None, 1
        else:
            labels = None
            Y = check_array(
                y, ensure_2d=False, dtype=np.float64, ensure_min_samples=minimum, input_name="y"
            )
            y_ndim = Y.ndim
            Y = Y[:, None] if y_ndim == 1 else Y
        if len(Y if labels is None else labels) != n:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: "
                f"[{n}, {len(Y if labels is None else labels)}]"
            )
        return Y, labels, y_ndim

    def derive(self, learned, info):
        """Learned attributes of every step, in order."""
        moments = learned.moments()
        out, before = {}, None
        for leaf in self.leaves:
            attributes = leaf.step._derive(moments if leaf.weighted else moments.unweighted, info)
            if before is not None:  # the step before this one may put out other columns than it did
                attributes = {**attributes, **_input_form(leaf.step, before, moments)}
            out[leaf.path] = {**attributes, "_learned": None, "_info": info}
            before = with_attributes(leaf.step, out[leaf.path])
            if leaf is not self.leaves[-1]:
                moments = leaf.step._push(attributes, moments)
        return out

    def record_names(self, request):
        """Let every step note the width and the names of its input, from two transformed rows."""
        X, Z = _first_rows(request.X), request.sensitive_features
        Z = None if Z is None else _first_rows(Z)
        for leaf in self.stateless:
            X = leaf.step.transform(X)
        for i, leaf in enumerate(self.leaves):
            validate_data(leaf.step, X, reset=True, skip_check_array=True)
            if i + 1 < len(self.leaves):
                options = {"sensitive_features": Z} if "sensitive_features" in leaf.params else {}
                X = leaf.step.transform(X, **options)

    def learn(self, rows, *, resolution, key):
        """Exact sums of the rows."""
        return LearnedRows.of(rows, kind=self.kind, resolution=resolution, key=key)


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


def inner_pipelines(pipeline):
    """Yield the pipelines inside a pipeline that keep a ledger of their own."""
    for name, step in pipeline.steps:
        if hasattr(step, "steps") and hasattr(step, "named_steps"):
            if hasattr(step, "_forget_everything"):
                yield name, step
            yield from inner_pipelines(step)


def _input_form(step, before, moments):
    """Width of the input of a step, and its names if it was fitted with names."""
    form = {"n_features_in_": moments.pooled.n_features}
    if hasattr(step, "feature_names_in_"):
        form["feature_names_in_"] = np.asarray(before.get_feature_names_out(), dtype=object)
    return form


def _given(params):
    return sorted(name for name, value in params.items() if value is not None)


_TWINS = {
    "StandardScaler": "skunlearn.preprocessing",
    "PCA": "skunlearn.decomposition",
    "GaussianNB": "skunlearn.naive_bayes",
    "LinearRegression": "skunlearn.linear_model",
    "Ridge": "skunlearn.linear_model",
    "RidgeClassifier": "skunlearn.linear_model",
}


def _is_plain_twin(step):
    return type(step).__module__.startswith("sklearn.") and type(step).__name__ in _TWINS


def _is_stateless(step):
    return not hasattr(step, "_derive") and not get_tags(step).requires_fit


def _check_leaf(leaf, first, last):
    step = leaf.step
    name = f"{leaf.path} ({type(step).__name__})"
    if not hasattr(step, "_derive") or not (last or hasattr(step, "_push")):
        twin = f": use that of {_TWINS[type(step).__name__]}" if _is_plain_twin(step) else ""
        raise NotAChain(f"step {name} is not a function of moments{twin}")
    if not last and step._target is not None:
        raise NotAChain(f"step {name} is no transformer")
    reason = step._unlearn_refusal()
    if reason is not None:
        raise NotAChain(reason)
    unknown = set(leaf.params) - set(PASSED)
    if unknown:
        raise NotAChain(f"step {name} is given {sorted(unknown)[0]!r} at fit")
    reads_columns = hasattr(step, "_front") and "sensitive_features" not in leaf.params
    if reads_columns and not first and not _is_empty(step.sensitive_columns):
        raise NotAChain(
            f"step {name} takes sensitive columns behind another step: put it first, or route "
            "sensitive_features to it"
        )


def _check_row_by_row(stateless, request):
    """Fit the stateless steps, and refuse one whose output for a row depends on other rows."""
    X = request.X
    for leaf in stateless:
        whole = leaf.step.fit_transform(X, request.y)
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


def _is_empty(columns):
    return isinstance(columns, (list, tuple)) and not len(columns)


def _check_numeric(step, X, reset):
    return validate_data(
        step,
        X,
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_min_samples=1 if reset else 0,
    )


def _first_rows(X):
    if hasattr(X, "iloc"):
        return X.iloc[:2]
    return sparse.csr_array(X)[:2] if sparse.issparse(X) else np.asarray(X)[:2]


def _cells(n, labels, groups, folds):
    """Keys (class, group, fold) and the code of each row."""
    parts = [
        None if labels is None else np.asarray(labels).tolist(),
        groups,
        None if folds is None else folds.tolist(),
    ]
    if all(part is None for part in parts):
        return [(None, None, None)], None
    columns = [[None] * n if part is None else part for part in parts]
    index = {}
    codes = np.array([index.setdefault(key, len(index)) for key in zip(*columns, strict=True)])
    return list(index), codes.astype(np.intp)


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


def shared_request(X, y, leaves):
    """Return the rows with the weights and sensitive features that any step was given."""
    given = {
        name: next(
            (leaf.params[name] for leaf in leaves if leaf.params.get(name) is not None), None
        )
        for name in PASSED
    }
    return Request(X, y, **given)


def _has_own_statistics(step):
    return vars(step).get("_learned") is not None and "_owned" not in vars(step)


def witness(steps):
    """Digest of what the steps have learned, to notice a step changed by another hand."""
    state = hashlib.blake2b(digest_size=16)
    for path, step in steps:
        state.update(f"{path} {type(step).__name__}".encode())
        learned = {k: v for k, v in vars(step).items() if k != "n_features_in_"}
        for name, value in sorted(learned.items()):
            if name.endswith("_") and isinstance(value, np.ndarray) and value.dtype != object:
                state.update(name.encode() + value.tobytes())
            elif name.endswith("_") and isinstance(value, (int, float, str)):
                state.update(f"{name}={value!r}".encode())
        state.update(b"own" if _has_own_statistics(step) else b"chain")
    return state.hexdigest()
