"""What SISA does for classifiers and regressors alike: shards, their models, and the verbs."""

import dataclasses
import secrets
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from skunlearn._exact import clear_learned
from skunlearn._sklearn_compat import (
    Interval,
    check_weights,
    fit_context,
    routing_enabled,
)
from skunlearn._statistics._hashing import derive_key
from skunlearn.base import (
    Request,
    UnlearnerTags,
)
from skunlearn.ensemble._inputs import as_rows, check_dimensions, owner_words
from skunlearn.ensemble._rows import Placement, ShardRows
from skunlearn.ensemble._training import Training, way_of, weight_keyword
from skunlearn.ensemble._verbs import ShardedUnlearnerMixin
from skunlearn.exceptions import UnlearningError


@dataclasses.dataclass(frozen=True)
class Shard:
    """Rows of a shard and the checkpoints of its model, the last of which is the model."""

    rows: ShardRows | None = None
    models: tuple = ()
    classes: np.ndarray | None = None

    def __len__(self):
        return 0 if self.rows is None else len(self.rows)

    @property
    def model(self):
        """The model, or None of a shard without rows."""
        return self.models[-1] if self.models else None


class SISAMixin(ShardedUnlearnerMixin):
    """Sharded, isolated, sliced and aggregated training of any estimator."""

    _classifier = False
    __metadata_request__fit = {"sample_weight": UNUSED}  # it is the inner estimator's to ask for
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=True, keeps_rows=True)
    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "n_shards": [Interval(Integral, 1, None, closed="left")],
        "n_slices": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": [Interval(Integral, 0, None, closed="left"), np.random.RandomState, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_shards=10,
        n_slices=1,
        aggregation="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.n_shards = n_shards
        self.n_slices = n_slices
        self.aggregation = aggregation
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # -- fit ---------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Place the rows in shards, and fit one model a shard.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows as the inner estimator takes them; they are kept.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, passed on to the inner estimator.
        groups : array-like of shape (n_samples,), default=None
            Owner of each row: the rows of one owner are in one shard and one slice. Without
            owners, copies of a row are.

        Returns
        -------
        self : object
        """
        template = clone(self._template())
        self._check_estimator(template)
        seed = self._draw_seed()
        key = derive_key(seed, "sisa")
        placement = Placement(key, self.n_shards, self.n_slices, groups is not None)
        training = Training(
            template,
            key,
            self.n_slices,
            way_of(template, self.n_slices),
            self._classifier,
            self._weight_keyword(template, sample_weight),
        )
        request = Request(X, y, sample_weight, options={"groups": groups})
        rows = self._place(request, placement, reset=True)
        shards = [Shard()] * self.n_shards
        attributes = self._changed(shards, training, {}, rows)
        clear_learned(self)
        setup = {"_placement": placement, "_training": training, "seed_": seed}
        setup |= {"estimator_": template, "_has_secret_key": self.random_state is None}
        self._commit({**setup, **attributes})
        return self

    def _template(self):
        """Return the estimator of a shard, not to be fitted itself."""
        return self._default_estimator() if self.estimator is None else self.estimator

    def _check_estimator(self, template):
        if not self._is_my_kind(template):
            kind = "classifier" if self._classifier else "regressor"
            raise ValueError(f"Got estimator={template!r}, expected a {kind}.")
        if get_tags(template).input_tags.pairwise:
            raise ValueError(
                f"Got estimator={template!r}, which takes distances or kernel values between all "
                "rows: shards have none of their own. Pass features, and a metric or kernel."
            )

    def _draw_seed(self):
        if self.random_state is None:
            return secrets.randbits(63)
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _weight_keyword(self, template, sample_weight):
        if sample_weight is None:
            return None
        if routing_enabled():
            process_routing(self, "fit", sample_weight=sample_weight)  # refuses what none asks for
            return "sample_weight"
        return weight_keyword(template)

    # -- rows --------------------------------------------------------------------------------

    def _place(self, request, placement, reset):
        """Validate the rows of a request as `fit` does, and hash them."""
        if request.y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: pass "
                "the targets of these rows."
            )
        X = self._check_X(request.X, reset)
        y = self._check_y(request.y)
        check_consistent_length(X, y)
        weights = check_weights(request.sample_weight, X)
        weights = np.ones(len(y)) if weights is None else weights
        groups = request.options.get("groups")
        if groups is not None:
            if not placement.grouped:
                raise UnlearningError(
                    f"Got groups, but this {type(self).__name__} was fitted without: leave them "
                    "out of the request."
                )
            groups = owner_words(groups)
            check_consistent_length(X, groups)
        return placement.place(X, y, weights, groups)

    def _check_X(self, X, reset):
        """Validate X as far as this is not the inner estimator's own affair."""
        template = self._template() if reset else self.estimator_
        nested = any(hasattr(value, "fit") for value in template.get_params().values())
        if nested or hasattr(X, "iloc"):
            X = as_rows(X)
            check_dimensions(X, 2 if hasattr(self, "n_features_in_") and not reset else None)
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            tags = get_tags(template).input_tags
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype=None if tags.string or tags.categorical else "numeric",
                accept_sparse="csr" if tags.sparse else False,
                ensure_all_finite=not tags.allow_nan,
            )
        if sparse.issparse(X) and not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return X

    def _check_y(self, y):
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        single = self._classifier or y.ndim == 1 or y.shape[1] == 1
        if single and not get_tags(self).target_tags.multi_output:
            return column_or_1d(y, warn=True)
        return y

    # -- shards and their models -------------------------------------------------------------

    def _changed(self, shards, training, drop, more=None):
        """Attributes after rows have left and come: the affected shards fitted, nothing touched.

        Parameters
        ----------
        shards : sequence of Shard
        training : Training
        drop : dict of int to ndarray of int
            Positions that leave, by shard.
        more : ShardRows, default=None
            Rows that come.
        """
        affected = set(drop) | set([] if more is None else np.unique(more.shards).tolist())
        tasks = {}
        for i in sorted(affected):
            at = [] if more is None else np.flatnonzero(more.shards == i)
            new = more.take(at) if len(at) else None
            tasks[i] = _remaining(shards[i], training, drop.get(i), new)
        after = [tasks[i][0] if i in tasks else shard.rows for i, shard in enumerate(shards)]
        after = [rows for rows in after if rows is not None]
        if not after:
            raise UnlearningError(self._last_rows())
        if not any(rows.counted.any() for rows in after):
            raise ValueError("Sample weights must contain at least one non-zero number.")
        shards, busy = list(shards), [i for i in tasks if tasks[i][0] is not None]
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(training.models)(i, *tasks[i], verbose=self.verbose) for i in busy
        )
        models = dict(zip(busy, fitted, strict=True))
        for i, (rows, _) in tasks.items():
            classes = None if rows is None or not self._classifier else rows.classes
            shards[i] = Shard(rows, models.get(i, ()), classes)
        return {
            "_shards": tuple(shards),
            "estimators_": [shard.model for shard in shards],
            "shard_sizes_": np.array([len(shard) for shard in shards]),
            **self._learned_of(shards),
        }

    def _learned_of(self, shards):
        """Further learned attributes."""
        return {}

    # -- what it says to scikit-learn ---------------------------------------------------------

    def get_metadata_routing(self):
        """Tell scikit-learn which metadata go where: weights to the estimator, groups to here.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return router.add(estimator=self._template(), method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._template())
        tags.input_tags = dataclasses.replace(inner.input_tags, pairwise=False)
        tags.non_deterministic = inner.non_deterministic
        tags.target_tags = dataclasses.replace(inner.target_tags, required=True)
        return tags


def _remaining(shard, training, positions, new):
    """Rows of a shard (None if there are none) and the checkpoints that stay valid."""
    keep = np.ones(len(shard), dtype=bool)
    changed = []
    if positions is not None:
        keep[positions] = False
        changed.append(shard.rows.slices[positions].min())
    rows = None
    if keep.any():
        rows = shard.rows.take(np.flatnonzero(keep))
    if new is not None:
        changed.append(new.slices.min())
        new = dataclasses.replace(new, shards=None)
        rows = new if rows is None else rows.plus(new)
    if rows is None:
        return None, ()
    rows = rows.sorted()
    known = shard.models[: int(min(changed))]
    # the classes are declared in the first step: other classes, other first step
    declared = training.classifier and training.way == "partial_fit"
    if declared and known and not np.array_equal(shard.classes, rows.classes):
        known = ()
    return rows, known
