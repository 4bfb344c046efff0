"""Gaussian barycenter: groups made equal in mean and covariance, at the least displacement."""

import itertools
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import ExactUnlearnerMixin, copy_fitted
from skunlearn._sklearn_compat import Interval, check_weights, fit_context
from skunlearn._statistics._learned import Rows
from skunlearn._statistics._moments import merge
from skunlearn.base import Request, UnlearnerTags
from skunlearn.feature_unlearning._base import (
    SensitiveTransformerMixin,
)
from skunlearn.feature_unlearning._groups import (
    UNKNOWN,
    in_order,
)
from skunlearn.feature_unlearning._laws import (
    Laws,
    costs,
    moved_columns,
    pool_small,
    posterior_mean,
    transport,
)
from skunlearn.feature_unlearning._tables import (
    shown,
)

_OPTIONS = {
    "small_groups": ("error", "pool", "shrink"),
    "on_missing": ("error", "posterior"),
}


class GaussianBarycenter(
    ExactUnlearnerMixin, SensitiveTransformerMixin, TransformerMixin, BaseEstimator
):
    r"""Give all groups of a sensitive variable one mean and one covariance.

    Each row goes through the optimal affine map of its group to the Wasserstein-2 barycenter of
    the groups: of all ways to make means and covariances equal, the one that moves Gaussian rows
    least. The sensitive variable is needed at `transform` too. Rows can be forgotten exactly.

    Parameters
    ----------
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X; a callable, such as
        :func:`sklearn.compose.make_column_selector`, is given X. They may hold labels of any type.
        Several columns: groups are the observed combinations. None: the values come by keyword,
        ``sensitive_features=``. An empty list changes nothing.
    strength : float, default=1.0
        t in [0, 1]: rows go to (1 - t) x + t T(x); gaps between group means shrink by 1 - t. 0
        returns the values of X as they are. It does not enter the fit: ``set_params(strength=...)``
        takes effect at the next `transform`.
    keep_sensitive : bool, default=False
        Keep the sensitive columns, untouched and in place, in the output.
    small_groups : {"error", "pool", "shrink"}, default="error"
        What becomes of groups of fewer than `min_group_size` rows: refuse; give them one common
        map (the smallest other group joins them until they are enough); or shrink their
        covariance toward the pooled one. Decided anew from the rows that remain.
    min_group_size : int, default=10
        Rows, whatever their weights. A single group is never small.
    shrinkage : "oas" or float in (0, 1], default="oas"
        Share of the pooled covariance, in the group's own size, in that of a shrunk group: one
        that is singular where the pooled one is not, and with ``small_groups="shrink"`` a small
        one. "oas" takes a row of weight 2 for two rows.
    on_missing : {"error", "posterior"}, default="error"
        Rows without sensitive values at `transform`: refuse, or take the mean of T_z(x) under the
        posterior of z given x. The latter is weak, and says so in a warning each time.
    tol : float, default=1e-12
        Relative residual at which the barycenter's iteration stops.
    max_iter : int, default=1000
        Largest number of its evaluations.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the numeric columns that go out and, last, for
        the weights. "auto" takes at least 33 binary places below the spread of each column;
        "exact" keeps every bit of the data. Pass a fitted `resolution_` to be certain of the same
        grid in a refit.

    Attributes
    ----------
    groups_ : list of tuple
        Groups in sorted order, each as Python values, one a sensitive column.
    group_weights_ : ndarray of shape (n_groups,)
        Their shares of the weight of all rows.
    group_means_ : ndarray of shape (n_groups, n_moved)
        Means that the maps start from; groups pooled together share one.
    maps_ : ndarray of shape (n_groups, n_moved, n_moved)
        A_z in ``T_z(x) = barycenter_mean_ + A_z (x - mean_z)``. Zero for a column that is constant
        in each group but not across them; the identity where there is nothing to move.
    barycenter_mean_ : ndarray of shape (n_moved,)
        Mean of the barycenter.
    barycenter_covariance_ : ndarray of shape (n_moved, n_moved)
        Its covariance.
    full_transport_cost_ : float
        E||X - T(X)||^2 over the rows learned, in squared units of X.
    transport_cost_ : float
        The same at the present `strength`: strength^2 times it.
    group_transport_costs_ : ndarray of shape (n_groups,)
        The same in each group, at the present `strength`. Small groups pay most.
    rank_deficient_groups_ : list of tuple
        Groups whose covariance was singular where the pooled one is not, hence shrunk.
    small_groups_ : list of tuple
        Groups that were pooled or shrunk.
    sensitive_columns_ : ndarray of int
        Positions of the sensitive columns in X.
    n_iter_ : int
        Evaluations of the barycenter's fixed-point map, at least 1.
    resolution_ : ndarray of int
        The grid.
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
    skunlearn.metrics.leakage_score : Measure what can still be read from the output.

    Notes
    -----
    Weights of the groups are their shares of the rows [2]_. Only two moments are made equal: for
    Gaussian groups that is all, for others a probe that is neither linear nor quadratic may still
    tell them apart. Columns with few distinct values (categories, indicators, counts) should not
    be moved: each group's copies of a value land in a place of their own, which a tree finds;
    `fit` warns of such columns. A group that lies on a hyperplane while the others do not stays on
    one under every affine map; it is listed in `rank_deficient_groups_`.

    Forgetting rows is exact, bit for bit, on the same grid: all that is learned is a function of
    exact group moments. What it costs does not depend on the number of rows that remain.

    A DataFrame goes out as an array, or as a DataFrame where columns are kept that are not numeric
    or ``set_output`` asks for it.

    References
    ----------
    .. [1] P. C. Álvarez-Esteban, E. del Barrio, J. A. Cuesta-Albertos, C. Matrán. A fixed-point
       approach to barycenters in Wasserstein space. J. Math. Anal. Appl. 441, 2016.
    .. [2] S. Xu, T. Strohmer. Fair data representation for machine learning at the Pareto
       frontier. JMLR 24(331), 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import GaussianBarycenter
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat(["a", "b"], 500)
    >>> X = rng.normal(size=(1000, 2)) * np.where(z == "a", 1.0, 3.0)[:, None]
    >>> model = GaussianBarycenter().fit(X, sensitive_features=z)
    >>> X_hat = model.transform(X, sensitive_features=z)
    >>> bool(np.allclose(np.cov(X_hat[z == "a"].T), np.cov(X_hat[z == "b"].T)))
    True
    >>> model.unlearn(X[:100], sensitive_features=z[:100]).n_samples_retained_
    900
    """

    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _private_attributes = ("_columns", "_group_costs")
    _parameter_constraints: ClassVar[dict] = {
        "sensitive_columns": "no_validation",
        "strength": [Interval(Real, 0, 1, closed="both")],
        "keep_sensitive": ["boolean"],
        "small_groups": [str],
        "min_group_size": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [str, Interval(Real, 0, 1, closed="right")],
        "on_missing": [str],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        sensitive_columns=None,
        *,
        strength=1.0,
        keep_sensitive=False,
        small_groups="error",
        min_group_size=10,
        shrinkage="oas",
        on_missing="error",
        tol=1e-12,
        max_iter=1000,
        track_rows=True,
        resolution="auto",
    ):
        self.sensitive_columns = sensitive_columns
        self.strength = strength
        self.keep_sensitive = keep_sensitive
        self.small_groups = small_groups
        self.min_group_size = min_group_size
        self.shrinkage = shrinkage
        self.on_missing = on_missing
        self.tol = tol
        self.max_iter = max_iter
        self.track_rows = track_rows
        self.resolution = resolution

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.string = tags.input_tags.categorical = True
        tags.unlearner_tags.needs_sensitive = self.sensitive_columns is None
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Fit the maps from the exact moments of the groups.

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
            group is small and `small_groups` is "error".

        Warns
        -----
        UserWarning
            If columns to be moved take few values.
        """
        self._check_options()
        return self._fit_exact(Request(X, None, sample_weight, sensitive_features))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Learn more rows; the result equals one `fit` on all of them, on the same grid.

        Parameters
        ----------
        X, y, sensitive_features, sample_weight
            As in `fit`. Groups may be new; with ``small_groups="error"`` none may be small at any
            time.

        Returns
        -------
        self : object
        """
        self._check_options()
        if hasattr(self, "groups_"):
            self._check_maintained()
        return self._partial_fit_exact(Request(X, None, sample_weight, sensitive_features))

    def transform(self, X, *, sensitive_features=None):
        """Move each row by the map of its group.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns as in `fit`.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            The rows' sensitive values, if they came by keyword in `fit`.

        Returns
        -------
        {ndarray, DataFrame} of shape (n_samples, n_features_out)
            The sensitive columns are left out unless they are to be kept.

        Raises
        ------
        ValueError
            If a group was never seen in `fit`, or sensitive values are missing and `on_missing` is
            "error".

        Warns
        -----
        UserWarning
            If sensitive values are missing and `on_missing` is "posterior".
        """
        check_is_fitted(self)
        self._check_options()
        X, numeric, codes = self._locate(X, sensitive_features)
        moved = list(self._columns.moved)
        out = numeric.copy()
        out[:, moved] = self._move(numeric[:, moved], codes)
        return self._assemble(X, out)

    def to_sklearn(self):
        """Give a copy for serving: no statistics of rows, fingerprints or keys.

        Returns
        -------
        GaussianBarycenter
            scikit-learn has no such transformer. It transforms, and cannot forget.
        """
        check_is_fitted(self)
        return copy_fitted(self, type(self), self._private_attributes)

    @property
    def transport_cost_(self):
        """E||X - X_hat||^2 over the rows learned, at the present strength."""
        check_is_fitted(self)
        return self.strength**2 * self.full_transport_cost_

    @property
    def group_transport_costs_(self):
        """The same in each group."""
        check_is_fitted(self)
        return self.strength**2 * self._group_costs

    # -- learning ----------------------------------------------------------------------------

    def _check_options(self):
        for name, allowed in _OPTIONS.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"Got {name}={getattr(self, name)!r}, expected one of {allowed}.")
        if self.shrinkage != "oas" and isinstance(self.shrinkage, str):
            raise ValueError(
                f'Got shrinkage={self.shrinkage!r}, expected "oas" or a float in (0, 1].'
            )
        if not 0 <= self.strength <= 1:
            raise ValueError(f"Got strength={self.strength!r}, expected a float in [0, 1].")

    def _check_rows(self, request, reset):
        numeric, codes, groups, words, columns = self._read(request, reset)
        rows = Rows(
            numeric,
            weights=check_weights(request.sample_weight, numeric),
            keys=[(None, group, None) for group in groups],
            codes=codes,
            content=(words,),
        )
        return rows, {"columns": columns}

    def _derive(self, moments, info):
        by_group = moments.by("group")
        groups = in_order(by_group)
        parts = [by_group[group] for group in groups]
        columns = info["columns"].of_width(moments.pooled.n_features)
        small = self._small(groups, parts)
        units = np.arange(len(groups))
        if small.any() and self.small_groups == "pool":
            units = np.where(small, 0, np.cumsum(~small))
        shared = [
            [p for p, u in zip(parts, units, strict=True) if u == v] for v in np.unique(units)
        ]
        own = Laws.of(parts, columns.moved)
        laws = Laws.of([merge(part) for part in shared], columns.moved)
        plan = transport(
            laws,
            np.flatnonzero(small) if self.small_groups == "shrink" else units[:0],
            shrinkage=self.shrinkage,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        units = np.searchsorted(np.unique(units), units)
        maps, starts = plan.maps[units], laws.means[units]
        group_costs = costs(own, maps, starts, plan.mean)
        return {
            "groups_": groups,
            "group_weights_": own.weights,
            "group_means_": starts,
            "maps_": maps,
            "barycenter_mean_": plan.mean,
            "barycenter_covariance_": plan.covariance,
            "full_transport_cost_": float(own.weights @ group_costs),
            "rank_deficient_groups_": _where(groups, np.isin(units, plan.shrunk_groups)),
            "small_groups_": _where(groups, small),
            "sensitive_columns_": np.array(columns.sensitive, dtype=np.intp),
            "n_iter_": max(plan.n_iter, 1),
            "_columns": columns,
            "_group_costs": group_costs,
        }

    def _small(self, groups, parts):
        """Which groups are treated as small, those included that are pooled with them."""
        empty = _where(groups, [not part.weight > 0 for part in parts])
        if empty:
            raise ValueError(
                f"The sample weights of {shown(empty)} are all 0: leave these rows out."
            )
        sizes = np.array([part.n_rows for part in parts])
        small = (sizes < self.min_group_size) & (len(groups) > 1)
        if small.any() and self.small_groups == "error":
            named = [f"{group} ({size} rows)" for group, size in zip(groups, sizes, strict=True)]
            raise ValueError(
                f"Groups with fewer than min_group_size={self.min_group_size} rows: "
                f'{shown(_where(named, small))}. Give them one common map (small_groups="pool") or '
                'a shrunk covariance ("shrink"), lower min_group_size, or merge labels beforehand; '
                "a continuous variable has to be binned."
            )
        if small.any() and self.small_groups == "pool":
            return pool_small(sizes, small, self.min_group_size)
        return small

    # -- moving ------------------------------------------------------------------------------

    def _move(self, X, codes):
        """Rows of the columns to be moved, at the present strength."""
        law = self.maps_, self.group_means_, self.barycenter_mean_
        active, out = moved_columns(*law), X.copy()
        if self.strength == 0 or not active.any():
            return out
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(UNKNOWN, len(self.groups_) + 1))
        for z, (first, last) in enumerate(itertools.pairwise(bounds), start=UNKNOWN):
            rows = order[first:last]
            if len(rows):
                x = X[rows].astype(np.float64)
                image = self._expected(x) if z == UNKNOWN else self._image(x, z)
                moved = (1 - self.strength) * x + self.strength * image
                out[np.ix_(rows, active)] = moved[:, active]
        return out

    def _image(self, X, z):
        return self.barycenter_mean_ + (X - self.group_means_[z]) @ self.maps_[z]

    def _expected(self, X):
        images = np.stack([self._image(X, z) for z in range(len(self.groups_))])
        law = self.barycenter_mean_, self.barycenter_covariance_, self.maps_, self.group_weights_
        return posterior_mean(images, *law)

    # -- in a pipeline -----------------------------------------------------------------------

    def _push(self, attributes, moments):
        """Moments of what goes out: each group moved by its map, at the present strength."""
        maps, starts = attributes["maps_"], attributes["group_means_"]
        mean, columns, t = attributes["barycenter_mean_"], attributes["_columns"], self.strength
        active = moved_columns(maps, starts, mean)
        if t == 0 or not active.any():
            return moments
        places, n = np.array(columns.moved)[active], len(columns.numeric)
        eye, pushed = np.eye(len(places)), {}
        for group, full, start in zip(attributes["groups_"], maps, starts, strict=True):
            inner = full[np.ix_(active, active)]
            matrix, offset = np.eye(n), np.zeros(n)
            matrix[np.ix_(places, places)] = (1 - t) * eye + t * inner
            offset[places] = t * (mean[active] - inner @ start[active])
            pushed[group] = matrix, offset
        return moments.affine_by_group(pushed)


def _where(items, mask):
    return [item for item, chosen in zip(items, mask, strict=True) if chosen]
