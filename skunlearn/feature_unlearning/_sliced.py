"""Sliced barycenter: the joint law made equal across groups, axis by axis. Experimental."""

import copy
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import copy_fitted
from skunlearn._sklearn_compat import Interval, fit_context
from skunlearn._statistics._hashing import derive_key
from skunlearn._transport import apply_step, knot_levels, range_basis, sliced_step
from skunlearn.base import Request, UnlearnerTags
from skunlearn.feature_unlearning._group_probe import GroupProbe
from skunlearn.feature_unlearning._groups import in_order
from skunlearn.feature_unlearning._laws import Laws, log_densities, transport
from skunlearn.feature_unlearning._maps import GroupMapsMixin
from skunlearn.feature_unlearning._refit import RefitUnlearnerMixin

_CHECK_EVERY = 8  # iterations between two looks at the probe
_IDLE, _PATIENCE = 25, 40  # idle iterations that end a flow, at a probe that fails, or does not
_KNOTS = 1.5  # knots, by the cube root of the rows: the rate at which bias and noise balance


class SlicedBarycenter(GroupMapsMixin, RefitUnlearnerMixin, BaseEstimator):
    r"""Bring the joint laws of all groups together, beyond two moments. Experimental.

    The affine maps of `GaussianBarycenter` come first. Then, again and again, an axis is searched
    along which the groups differ, and each group is moved along it, and along axes orthogonal to
    it, by the monotone map to the barycenter of the groups' laws there. An axis is used only if
    the map learned on either half of the rows brings the groups of the other half together.

    **Experimental**: defaults and the path of the flow may change in any release.

    Parameters
    ----------
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X, labels of any type; several columns: groups are the observed
        combinations. None: the values come by keyword, ``sensitive_features=``. An empty list
        changes nothing.
    strength : float, default=1.0
        t in [0, 1]: rows go to (1 - t) x + t T(x). 0 returns the values of X as they are. It does
        not enter the fit.
    keep_sensitive : bool, default=False
        Keep the sensitive columns, untouched and in place, in the output.
    n_knots : int, default=32
        Largest number of knots of a map along an axis, which has 1.5 times the cube root of the
        rows of the smallest group. Few knots keep the maps from following the rows.
    max_iter : int, default=100
        Largest number of axes that are searched; 0 leaves the affine maps.
    gain : float in [0, 1), default=0.05
        Share of the squared distance between the groups of the other half that a map must take
        away.
    validation_fraction : float in [0, 1), default=0.2
        Share of the rows, chosen by a keyed hash, that a first flow is not learned from. A gradient
        boosting is trained to tell the groups on one half of them and scored on the other, every 8
        iterations. The flow that is kept is learned from all rows: it ends when it has searched as
        many axes as the first one needed until the probe failed, and then finds none to use 25
        times in a row. 0: no such probe; it ends when it finds none to use 40 times in a row.
    min_group_size : int, default=10
        Groups of fewer rows are refused by name. A single group is never small.
    on_missing : {"error", "posterior"}, default="error"
        Rows without sensitive values at `transform`: refuse, or take the mean of the groups' maps
        under the posterior of the group given the row (of Gaussian groups). The latter is weak,
        and says so in a warning each time.
    keep_rows : bool, default=False
        Keep the training rows in the object, so that `unlearn` can fit again without being given
        the rows that remain.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, against which `X_retain` is checked.
    random_state : int, RandomState instance or None, default=None
        Where axes, halves and the held-out rows come from: a secret key if None.

    Attributes
    ----------
    groups_ : list of tuple
        Groups in sorted order, each as Python values, one a sensitive column.
    group_weights_ : ndarray of shape (n_groups,)
        Their shares of the weight of all rows.
    group_means_, maps_, barycenter_mean_, barycenter_covariance_ : ndarray
        The affine maps, as in `GaussianBarycenter`.
    flow_ : list of tuple
        Steps that follow them: axes, quantiles of the groups along these, and of the barycenter,
        in coordinates in which the barycenter's covariance is the identity.
    levels_ : ndarray
        Levels of the quantiles.
    n_iter_ : int
        Axes that were searched.
    validation_scores_ : ndarray of shape (n_checks, 2)
        Iteration of the first flow, and the AUC of the probe on held-out rows (with more than two
        groups the mean over the groups of one against the others).
    full_transport_cost_ : float
        E||X - T(X)||^2 over the rows learned, in squared units of X.
    transport_cost_ : float
        The same at the present `strength`: strength^2 times it.
    group_transport_costs_ : ndarray of shape (n_groups,)
        The same in each group. Small groups pay most.
    rank_deficient_groups_ : list of tuple
        Groups whose covariance was singular where the pooled one is not, hence shrunk.
    sensitive_columns_ : ndarray of int
        Positions of the sensitive columns in X.
    seed_ : int
        What the key derives from: as `random_state` of another model it gives the same draws.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the transformer stands on.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X had string names.

    See Also
    --------
    GaussianBarycenter : The affine maps alone; forgets rows from their moments.
    QuantileBarycenter : Column by column; forgets rows exactly.
    skunlearn.metrics.leakage_score : Measure what can still be read from the output.

    Notes
    -----
    The flow ends near a common law, not at the barycenter: the displacement exceeds that of the
    optimal plan. Columns with atoms should not be moved; `fit` warns of them. The number of
    rows, held-out probe apart, enters the cost as n log n of sorting.

    No statistic of fixed size determines the maps, so rows are forgotten by a fit on the
    rows that remain: kept with ``keep_rows=True``, or passed as `X_retain`. Otherwise `unlearn`
    refuses.

    References
    ----------
    .. [1] F. Pitié, A. Kokaram, R. Dahyot. N-dimensional probability density function transfer and
       its application to colour transfer. ICCV 2005.
    .. [2] N. Bonneel, J. Rabin, G. Peyré, H. Pfister. Sliced and Radon Wasserstein barycenters of
       measures. J. Math. Imaging Vision 51, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import SlicedBarycenter
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat([0, 1], 1000)
    >>> X = rng.normal(size=(2000, 2))
    >>> X[z == 1] = np.sign(X[z == 1]) + 0.1 * X[z == 1]  # two lumps a column
    >>> model = SlicedBarycenter(random_state=0).fit(X, sensitive_features=z)
    >>> X_hat = model.transform(X, sensitive_features=z)
    >>> [round(float((np.abs(X_hat[z == k, 0]) < 0.3).mean()), 1) for k in (0, 1)]
    [0.1, 0.1]
    >>> rest = {"X_retain": X[9:], "sensitive_features_retain": z[9:]}
    >>> model.unlearn(X[:9], sensitive_features=z[:9], **rest).n_samples_retained_
    1991
    """

    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _private_attributes = ("_columns", "_group_costs", "_to_white", "_from_white")
    _parameter_constraints: ClassVar[dict] = {
        "sensitive_columns": "no_validation",
        "strength": [Interval(Real, 0, 1, closed="both")],
        "keep_sensitive": ["boolean"],
        "n_knots": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "gain": [Interval(Real, 0, 1, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "min_group_size": [Interval(Integral, 1, None, closed="left")],
        "on_missing": [str],
        "keep_rows": ["boolean"],
        "track_rows": ["boolean"],
        "random_state": ["random_state", Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        sensitive_columns=None,
        *,
        strength=1.0,
        keep_sensitive=False,
        n_knots=32,
        max_iter=100,
        gain=0.05,
        validation_fraction=0.2,
        min_group_size=10,
        on_missing="error",
        keep_rows=False,
        track_rows=True,
        random_state=None,
    ):
        self.sensitive_columns = sensitive_columns
        self.strength = strength
        self.keep_sensitive = keep_sensitive
        self.n_knots = n_knots
        self.max_iter = max_iter
        self.gain = gain
        self.validation_fraction = validation_fraction
        self.min_group_size = min_group_size
        self.on_missing = on_missing
        self.keep_rows = keep_rows
        self.track_rows = track_rows
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.unlearner_tags.keeps_rows = self.keep_rows
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Fit the affine maps, then the flow.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numeric columns without missing values, and the sensitive ones.
        y : None
            Ignored.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Sensitive values that are not in X, labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If it is not said what is sensitive; if sensitive values or numbers are missing; if a
            group is small.

        Warns
        -----
        UserWarning
            If columns to be moved take few values.
        """
        self._check_options()
        return self._fit_rows(Request(X, None, sample_weight, sensitive_features))

    def to_sklearn(self):
        """Give a copy for serving: no rows, fingerprints or keys.

        Returns
        -------
        SlicedBarycenter
            scikit-learn has no such transformer. It transforms, and cannot forget.
        """
        check_is_fitted(self)
        out = copy_fitted(self, type(self), self._private_attributes)
        out.flow_ = copy.deepcopy(self.flow_)
        return out

    # -- learning ----------------------------------------------------------------------------

    def _learn(self, rows, info):
        present = np.unique(rows.codes)
        groups = in_order([rows.groups[code] for code in present.tolist()])
        place = np.array([groups.index(g) if g in groups else -1 for g in rows.groups])
        codes, columns = place[rows.codes], info["columns"]
        X, w = rows.X[:, list(columns.moved)].astype(np.float64), rows.weights
        sizes = np.bincount(codes, w, minlength=len(groups))
        self._check_sizes(groups, np.bincount(codes, minlength=len(groups)), sizes)
        plan, starts = _affine(X, codes, w, sizes)
        attributes = {
            "groups_": groups,
            "group_weights_": sizes / sizes.sum(),
            "group_means_": starts,
            "maps_": plan.maps,
            "barycenter_mean_": plan.mean,
            "barycenter_covariance_": plan.covariance,
            "rank_deficient_groups_": [groups[z] for z in plan.shrunk_groups.tolist()],
            "sensitive_columns_": np.array(columns.sensitive, dtype=np.intp),
            "seed_": info["seed"],
            "_columns": columns,
        }
        basis = range_basis(plan.covariance)
        values, vectors = np.linalg.eigh(basis.T @ plan.covariance @ basis)
        values = np.maximum(values, values.max(initial=0.0) * 1e-12)
        attributes["_to_white"] = basis @ (vectors / np.sqrt(values))
        attributes["_from_white"] = (vectors * np.sqrt(values)).T @ basis.T
        model = copy_fitted(self, type(self))
        vars(model).update(attributes)
        start = (model._affine_image(X, codes) - plan.mean) @ attributes["_to_white"]
        attributes |= self._flow(start, codes, w, attributes["group_weights_"], info["seed"])
        vars(model).update(attributes)
        moved = ((model._image_of(X, codes) - X) ** 2).sum(axis=1) if len(groups) > 1 else 0 * w
        costs = np.bincount(codes, w * moved, minlength=len(groups)) / sizes
        attributes["_group_costs"] = costs
        attributes["full_transport_cost_"] = float(attributes["group_weights_"] @ costs)
        return attributes

    def _flow(self, X, codes, weights, shares, seed):
        """Find the steps of the flow; how many axes are searched is the held-out rows' say."""
        rng = np.random.default_rng(derive_key(seed, "hold out"))
        held = _held_out(codes, self.validation_fraction, rng)
        probe = GroupProbe(codes[held], weights[held])
        enough, scores = self.max_iter, []
        if probe.usable and enough and X.shape[1]:
            enough, scores = self._enough(X, codes, weights, shares, seed, held, probe)
        levels = self._levels(codes, len(shares))
        found = list(self._steps(X, codes, weights, shares, levels, seed, enough))
        return {
            "flow_": [step for _, step in found if step is not None],
            "levels_": levels,
            "n_iter_": max(len(found), 1),
            "validation_scores_": np.array(scores, dtype=float).reshape(-1, 2),
        }

    def _enough(self, X, codes, weights, shares, seed, held, probe):
        """How many axes to search at least: as many as a flow of the other rows needs."""
        own, scores, white, idle = ~held, [(0, probe.score(X[held]))], X[held], 0
        parts = X[own], codes[own], weights[own]
        levels, done = self._levels(codes[own], len(shares)), 0
        for done, step in self._steps(*parts, shares, levels, seed, self.max_iter):
            idle = 0 if step is not None else idle + 1
            if step is not None:
                white = apply_step(white, codes[held], step, levels)
            if done % _CHECK_EVERY == 0:
                scores.append((done, probe.score(white)))
            if scores[-1][1] <= 0.5 + probe.error and idle >= _IDLE:
                break
        return done, scores

    def _levels(self, codes, n_groups):
        smallest = np.bincount(codes, minlength=n_groups).min()
        return knot_levels(max(1, min(self.n_knots, int(_KNOTS * np.cbrt(smallest)))))

    def _steps(self, X, codes, weights, shares, levels, seed, enough):
        """Yield the number of axes searched and a step, or None where none was used."""
        rng, idle = np.random.default_rng(derive_key(seed, "flow")), 0
        if len(shares) == 1 or not X.shape[1] or np.bincount(codes).min() < 4:
            return
        for done in range(1, self.max_iter + 1):
            step = sliced_step(X, codes, weights, shares, levels, self.gain, rng)
            idle = 0 if step[0].shape[1] else idle + 1
            X = apply_step(X, codes, step, levels)
            yield done, None if idle else step
            if idle >= (_IDLE if done >= enough else _PATIENCE):
                return

    def _maps(self):
        yield from (self.group_means_, self.maps_, self.barycenter_mean_)
        for step in self.flow_:
            yield from step

    # -- moving ------------------------------------------------------------------------------

    def _affine_image(self, X, codes):
        out = np.empty_like(X)
        for z in range(len(self.groups_)):
            rows = codes == z
            out[rows] = self.barycenter_mean_ + (X[rows] - self.group_means_[z]) @ self.maps_[z]
        return out

    def _image_of(self, X, codes):
        image = self._affine_image(X, codes)
        start = white = (image - self.barycenter_mean_) @ self._to_white
        for step in self.flow_:
            white = apply_step(white, codes, step, self.levels_)
        return image + (white - start) @ self._from_white

    def _image(self, x, z, content):
        return self._image_of(x, np.full(len(x), z))

    def _posterior(self, x):
        images = np.stack(
            [self._affine_image(x, np.full(len(x), z)) for z in range(len(self.groups_))]
        )
        law = self.barycenter_mean_, self.barycenter_covariance_, self.maps_, self.group_weights_
        return softmax(log_densities(images, *law), axis=0)


def _affine(X, codes, w, sizes):
    """Affine maps of the groups to their Gaussian barycenter, and the means they start from."""
    means, covariances = [], []
    for z in range(len(sizes)):
        rows = codes == z
        first = X[rows][0]  # from which a constant column differs by exactly 0
        means.append(first + np.average(X[rows] - first, axis=0, weights=w[rows]))
        gaps = X[rows] - means[-1]
        covariances.append((gaps * w[rows][:, None]).T @ gaps / sizes[z])
    laws = Laws(np.stack(means), np.stack(covariances), sizes / sizes.sum(), sizes)
    nobody = np.zeros(0, dtype=np.intp)
    return transport(laws, nobody, shrinkage="oas", tol=1e-12, max_iter=1000), laws.means


def _held_out(codes, fraction, rng):
    """Rows that the maps are not learned from, the same share of each group."""
    order = np.lexsort([rng.random(len(codes)), codes])
    held = np.zeros(len(codes), dtype=bool)
    for z in np.unique(codes):
        rows = order[codes[order] == z]
        held[rows[: int(fraction * len(rows))]] = True
    return held
