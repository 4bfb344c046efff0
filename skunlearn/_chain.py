"""A chain of steps derived from the moments of the raw rows, without transforming a row.

Steps take part by the protocol of `_steps`. A step with `_front` takes its sensitive groups from
the raw rows, so that they are fixed before moments are taken; one with `_fold_codes` takes folds.
Where a step wants a table of numbers with gaps or of levels, the rows are expanded first.
"""

import dataclasses
import functools

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from skunlearn._anchored_chain import AnchoredLedger, Upstream, anchored_ledger
from skunlearn._exact import widthless
from skunlearn._reading import as_rows, branches_of, reads_tables, table_of
from skunlearn._sklearn_compat import as_table, check_weights, num_samples
from skunlearn._statistics._expanded import ExpandedRows, NumberBlock
from skunlearn._statistics._hashing import label_words
from skunlearn._statistics._learned import Rows, numeric
from skunlearn._statistics._rows import content_blocks, frame_arrays, is_frame
from skunlearn._statistics._tables import LevelTable, NumberTable, PushedMoments
from skunlearn._steps import (
    TWINS,
    NotAChain,
    check_row_by_row,
    derive_steps,
    first_rows,
    input_form,
    is_plain_twin,
    is_stateless,
    plain_numbers,
    with_attributes,
)
from skunlearn.base import Request

PASSED = ("sample_weight", "sensitive_features")


@dataclasses.dataclass(frozen=True)
class Chain:
    """Stateless steps that act on rows, then steps derived from moments.

    Parameters
    ----------
    stateless : list of Leaf
    leaves : list of Leaf
    forms : list of dict or None
        How the columns of each branch are read, where the rows are expanded.
    """

    stateless: list
    leaves: list
    forms: list | None = None

    @classmethod
    def of(cls, leaves, request):
        """Split the leaves of a pipeline, or raise `NotAChain` with the reason."""
        stateless = []
        while len(leaves) > 1 and is_stateless(leaves[0].step) and not leaves[0].params:
            stateless.append(leaves[0])
            leaves = leaves[1:]
        if not leaves:
            raise NotAChain("there is no step to learn anything")
        for i, leaf in enumerate(leaves):
            _check_leaf(leaf, first=i == 0, last=i == len(leaves) - 1)
        check_row_by_row(stateless, request.X, request.y)
        if sum(hasattr(leaf.step, "_front") for leaf in leaves) > 1:
            raise NotAChain("two steps take sensitive groups")
        chain = cls(stateless, leaves)
        chain = dataclasses.replace(chain, forms=chain._forms(request.X))
        if len(chain._targets_of_steps()) > 1:
            raise NotAChain("one step takes classes, another one numeric targets")
        if sparse.issparse(request.X):
            for leaf in leaves:
                if not get_tags(leaf.step).input_tags.sparse:
                    raise NotAChain(f"step {leaf.path} takes no sparse rows")
        for leaf in leaves:
            for name in PASSED:
                value, shared = leaf.params.get(name), getattr(request, name)
                if value is not None and value is not shared and not np.array_equal(value, shared):
                    raise NotAChain(f"steps are given different values of {name}")
            looks_at_rows = leaf is leaves[0] and getattr(leaf.step, "_looks_at_rows", False)
            if hasattr(leaf.step, "_moments_refusal") and not looks_at_rows:
                reason = leaf.step._moments_refusal(request)
                if reason is not None:
                    raise NotAChain(reason)
        return chain

    def _forms(self, X):
        """Check the steps that read tables, and find how their columns are read."""
        X, first = self._raw(X), self.leaves[0].step
        if hasattr(first, "_prepare_columns"):
            first._prepare_columns(X)
        _check_order(self.leaves[1:])
        forms = []
        for branch in self.branches if self.tables else []:
            branch.check()
            for leaf in branch.leaves if branch.columns is not None else []:
                _check_leaf(leaf, first=False, last=False)
            forms.append(branch.form(self._table(X)))
            if forms[-1]["levels"] and not branch.encodes and len(self.leaves) > 1:
                raise NotAChain(f"step {branch.name} puts out categories that are not encoded")
        return forms

    def _table(self, X):
        """Make a table of what is none, as the first step does."""
        return as_table(X) if hasattr(self.leaves[0].step, "_branches") else as_rows(X)

    def routes(self):
        """Return the paths of the steps, and the names of the parameters that each was given."""
        return tuple(
            [(leaf.path, _given(leaf.params)) for leaf in part]
            for part in (self.stateless, self.leaves)
        )

    @property
    def target(self):
        """How the target enters the moments: "numeric", "class" or None."""
        return next(iter(self._targets_of_steps()), None)

    @functools.cached_property
    def branches(self):
        """Branches of the rows, once it is known which columns the first step gives to each."""
        return branches_of(self.leaves)

    def _targets_of_steps(self):
        inner = [leaf for branch in self.branches for leaf in branch.leaves]
        return {leaf.step._target for leaf in [*self.leaves, *inner]} - {None}

    @property
    def tables(self):
        """Whether the rows are expanded, for a step that reads tables."""
        return reads_tables(self.leaves)

    @property
    def kind(self):
        """The sums that are enough for every step."""
        kinds = {leaf.step._kind for leaf in self.leaves}
        if self.tables and len(self.leaves) > 1:
            return "gram"
        return next(kind for kind in ("gram", "diagonal", "totals") if kind in kinds)

    def _raw(self, X):
        """Rows after the stateless steps."""
        for leaf in self.stateless:
            X = leaf.step.transform(X)
        return X

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
        arrays = frame_arrays(request.X) if is_frame(request.X) else None
        content = content_blocks(request.X, arrays)
        arrays = None if self.stateless else arrays
        request = dataclasses.replace(request, X=self._raw(request.X))
        n = num_samples(request.X)
        X, groups, new = (
            self._expand(request, arrays, reset, info)
            if self.tables
            else (self._numbers(request, reset))
        )
        blocks = new.pop("blocks", None)
        Y, labels, y_ndim = self._targets(request.y, n, reset)
        content = content + content_blocks(request.sensitive_features)
        if self.target is not None:
            content = [*content, Y if labels is None else label_words(labels)[:, None]]
        folds = None
        last = self.leaves[-1].step
        if hasattr(last, "_fold_codes"):
            new |= last._fold_info() if reset else {"folds": info["folds"]}
            folds = last._fold_codes(content, new)
        keys, codes = _cells(n, labels, groups, folds)
        new |= {"dtype": X.dtype if X.dtype == np.float32 else np.dtype(np.float64)}
        new |= {"y_ndim": y_ndim, "sparse": sparse.issparse(X)}
        if labels is not None:
            new["label_dtype"] = widthless(labels.dtype)
        weights = check_weights(request.sample_weight, X)
        Y = None if labels is not None else Y
        new["chain"] = self.routes()
        rows = Rows(numeric(X), Y, weights, keys, codes, tuple(content), raw=True)
        return rows if blocks is None else ExpandedRows(blocks, rows), new

    def _numbers(self, request, reset):
        """Read the rows as numbers; return them, their groups, and what is kept of their form."""
        X = request.X
        front = next((leaf.step for leaf in self.leaves if hasattr(leaf.step, "_front")), None)
        first = self.leaves[0].step
        if front is None:
            X = _check_numeric(first, X, reset)
            looks_at_rows = getattr(first, "_looks_at_rows", False)
            return first._before_sums(X) if looks_at_rows else X, None, {}
        if front is not first:
            X = _check_numeric(first, X, reset)
            request = dataclasses.replace(request, X=X)
        return front._front(request, reset=reset and front is first)

    def _expand(self, request, arrays, reset, info):
        """Read the rows by branches, for an X without columns of its own."""
        X, n = self._table(request.X), num_samples(request.X)
        validate_data(self.leaves[0].step, X, reset=reset, skip_check_array=True)
        branches = self.branches
        forms = self.forms if reset else info["forms"]
        blocks = [
            branch.read(X, form, reset, arrays)
            for branch, form in zip(branches, forms, strict=True)
        ]
        groups, new = None, {}
        front = next((leaf.step for leaf in self.leaves if hasattr(leaf.step, "_front")), None)
        if front is not None:  # it takes its groups from what is routed to it, not from X
            rows = dataclasses.replace(request, X=np.arange(n, dtype=np.float64)[:, None])
            _, groups, new = front._front(rows, reset=False)
        # one type for all that is learned: float32 where everything is
        single = all(
            isinstance(block, NumberBlock) and block.values.dtype == np.float32 for block in blocks
        )
        X = np.zeros((n, 0), dtype=np.float32 if single else np.float64)
        return X, groups, {**new, "forms": forms, "blocks": blocks}

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
            if reset:  # other labels than those of fit are never found
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
        if isinstance(learned, AnchoredLedger):
            return self._derive_anchored(learned, info)
        state, _ = self._start(learned, info)
        return derive_steps(self.leaves, state, info)[0]

    def _start(self, learned, info):
        """Return what the first step takes in, and the expanded moments where there are any."""
        moments = learned.moments()
        if not self.tables:
            return moments, None
        if hasattr(self.leaves[0].step, "_derive_branches"):
            return moments, moments
        return table_of(moments, 0, info["forms"][0]), moments

    # -- a model at the end that is anchored ---------------------------------------------------

    @property
    def anchored(self):
        """Whether the last step is fitted to the rows, and anchored there."""
        return hasattr(self.leaves[-1].step, "_fit_anchored")

    def upstream(self, learned, info):
        """Derive the steps before the last one; give what they put out, with the maps."""
        state, expanded = self._start(learned, info)
        if expanded is None:
            d = state.pooled.n_features
            state = PushedMoments(state, {None: (np.ones(d), np.zeros(d))})
        attributes, state = derive_steps(self.leaves[:-1], state, info, push_last=True)
        if isinstance(state, (NumberTable, LevelTable)):
            state = plain_numbers(state, self.leaves[-1].step)
        return Upstream(attributes, state, expanded)

    def _derive_anchored(self, ledger, info):
        upstream, last = self.upstream(ledger.learned, info), self.leaves[-1]
        attributes = last.step._derive_anchored(*ledger.behind(upstream))
        if len(self.leaves) > 1:
            leaf = self.leaves[-2]
            before = with_attributes(leaf.step, upstream.attributes[leaf.path])
            attributes |= input_form(last.step, before, upstream.pushed)
        out = {**attributes, "_learned": None, "_info": info}
        return {**upstream.attributes, last.path: out}

    def bounds(self, ledger, info):
        """Bounds of an anchored model: on its gradient, and on the distance to the optimum."""
        upstream = self.upstream(ledger.learned, info)
        size = ledger.coordinates.size(upstream.pushed, upstream.expanded)
        return self.leaves[-1].step._bounds_behind(*ledger.behind(upstream), size)

    def record_names(self, request):
        """Let every step note the width and the names of its input, from two transformed rows."""
        X, Z = first_rows(request.X), request.sensitive_features
        Z = None if Z is None else first_rows(Z)
        for leaf in self.stateless:
            X = leaf.step.transform(X)
        for i, leaf in enumerate(self.leaves):
            _check_sparse(leaf.step, X, behind=i > 0)
            validate_data(leaf.step, X, reset=True, skip_check_array=True)
            if hasattr(leaf.step, "_record_names"):
                leaf.step._record_names(X)
            if i + 1 < len(self.leaves):
                options = {"sensitive_features": Z} if "sensitive_features" in leaf.params else {}
                X = leaf.step.transform(X, **options)

    def learn(self, rows, info, *, resolution, key):
        """Exact sums of the rows, and the anchor of a model that has one."""
        learned = rows.learned(kind=self.kind, resolution=resolution, key=key)
        if not self.anchored:
            return learned
        return anchored_ledger(learned, rows, self.leaves[-1], self.upstream(learned, info))


def _given(params):
    return sorted(name for name, value in params.items() if value is not None)


def _check_leaf(leaf, first, last):
    step = leaf.step
    name = f"{leaf.path} ({type(step).__name__})"
    derives = any(hasattr(step, name) for name in ("_derive", "_derive_table", "_fit_anchored"))
    pushes = hasattr(step, "_push") or hasattr(step, "_push_table")
    if not hasattr(step, "_derive_branches") and not (derives and (last or pushes)):
        room = TWINS[type(step).__name__] if is_plain_twin(step) else None
        twin = "" if room is None else f": use that of skunlearn.{room}"
        raise NotAChain(f"step {name} is not a function of moments{twin}")
    reason = step._unlearn_refusal()
    if hasattr(step, "_anchor_refusal"):
        reason = reason or step._anchor_refusal()
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


def _check_sparse(step, X, behind):
    """Refuse what a step before puts out as scikit-learn's fit would, though moments allow it."""
    if not behind or not sparse.issparse(X):
        return
    way = "Set sparse_output=False in the encoder, or sparse_threshold=0 in the ColumnTransformer."
    if not get_tags(step).input_tags.sparse:
        name = type(step).__name__
        raise TypeError(
            f"Sparse data was passed for X, but dense data is required by {name}. {way}"
        )
    if getattr(step, "with_mean", False):
        raise ValueError(f"Cannot center sparse matrices: pass `with_mean=False` instead. {way}")


def _check_order(leaves):
    """Refuse tables of gaps or levels behind a step that puts out numbers alone."""
    behind = None
    for leaf in leaves:
        if behind is not None and getattr(leaf.step, "_reads_tables", False):
            raise NotAChain(
                f"step {leaf.path} ({type(leaf.step).__name__}) is behind {behind}, which puts out "
                "numbers without gaps"
            )
        if not hasattr(leaf.step, "_push_table"):
            behind = leaf.path


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


def shared_request(X, y, leaves):
    """Return the rows with the weights and sensitive features that any step was given."""
    given = {
        name: next(
            (leaf.params[name] for leaf in leaves if leaf.params.get(name) is not None), None
        )
        for name in PASSED
    }
    return Request(X, y, **given)
