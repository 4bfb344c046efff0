"""Conditional barycenter: continuous sensitive variables, alone or beside groups."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import ExactUnlearnerMixin, clear_learned, copy_fitted
from skunlearn._sklearn_compat import Interval, check_weights, fit_context
from skunlearn._statistics._learned import Rows
from skunlearn.base import Guarantee, Request, UnlearnerTags
from skunlearn.feature_unlearning._conditional_laws import (
    SplineBasis,
    expand,
    levels_of,
    linear_costs,
    location_scale,
    ridge,
)
from skunlearn.feature_unlearning._groups import in_order
from skunlearn.feature_unlearning._laws import Laws, transport
from skunlearn.feature_unlearning._maps import GroupMapsMixin
from skunlearn.feature_unlearning._mixed import MixedSensitiveMixin

_EXACT = (
    "Equal, bit for bit, to a fit on the rows that remain, on the same grid of values. Two "
    "released versions, before and after, can reveal the row between them."
)


class ConditionalBarycenter(
    MixedSensitiveMixin, GroupMapsMixin, ExactUnlearnerMixin, BaseEstimator
):
    r"""Take continuous sensitive variables, such as an age or an income, out of the columns.

    In a location-scale model :math:`X = m(Z) + D(Z) \epsilon` a row becomes
    :math:`\bar m + \bar D \epsilon`: its place among the rows of its own Z, read off at the average
    one. Beside categorical sensitive variables, each group has a model of its own, and what remains
    goes to the Gaussian barycenter of the groups.

    Parameters
    ----------
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X. None: the values come by keyword, ``sensitive_features=``. An
        empty list changes nothing.
    strength : float, default=1.0
        t in [0, 1]: rows go to (1 - t) x + t T(x). 0 returns the values of X as they are. It does
        not enter the fit.
    keep_sensitive : bool, default=False
        Keep the sensitive columns, untouched and in place, in the output.
    categorical : "auto" or list of int, default="auto"
        Which of the sensitive columns, by position among these, are groups; the others are
        continuous. "auto": those that do not hold numbers, and booleans.
    basis : {"linear", "spline"}, default="linear"
        What the means are of: straight lines, or cubic splines in each continuous variable.
    scale : {"constant", "varying"}, default="constant"
        Whether the spread D depends on Z, by a regression of log squared residuals.
    n_knots : int, default=5
        Knots of each spline, at even quantiles.
    alpha : float, default=1e-3
        Ridge penalty, in rows: 1 is as much as one row at one standard deviation.
    min_group_size : int, default=10
        Groups of fewer rows are refused by name. A single group is never small.
    on_missing : {"error", "posterior"}, default="error"
        Rows without sensitive values at `transform`: refuse, or put the mean of Z given the row in
        their place (continuous variables and ``basis="linear"``, ``scale="constant"`` only). The
        latter is weak, and says so in a warning each time.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values, with ``basis="linear"`` and ``scale="constant"``:
        for the moved columns, the continuous variables and, last, the weights. Pass a fitted
        `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    groups_ : list of tuple
        Groups of the categorical variables in sorted order; ``[()]`` if there are none.
    group_weights_ : ndarray of shape (n_groups,)
        Their shares of the weight of all rows.
    intercepts_ : ndarray of shape (n_groups, n_moved)
        Means of the columns at columns of the basis equal to 0.
    slopes_ : ndarray of shape (n_groups, n_basis, n_moved)
        Slopes of the means.
    maps_ : ndarray of shape (n_groups, n_moved, n_moved)
        Affine maps of what remains in a group to the barycenter of the groups.
    barycenter_mean_ : ndarray of shape (n_moved,)
        Mean of what goes out.
    full_transport_cost_ : float
        E||X - T(X)||^2 over the rows learned, in squared units of X.
    transport_cost_ : float
        The same at the present `strength`: strength^2 times it.
    group_transport_costs_ : ndarray of shape (n_groups,)
        The same in each group.
    sensitive_columns_ : ndarray of int
        Positions of the sensitive columns in X.
    n_iter_ : int
        Evaluations of the barycenter's fixed-point map, at least 1.
    resolution_ : ndarray of int
        The grid; with ``basis="linear"`` and ``scale="constant"`` only.
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
    GaussianBarycenter : For groups alone.
    skunlearn.metrics.leakage_score : Measure what can still be read from the output.

    Notes
    -----
    With ``basis="linear"`` and ``scale="constant"`` (correlation removal) all is a function of the
    exact moments of the columns and of Z: rows are forgotten exactly, bit for bit, on the same
    grid. With splines or a varying scale `unlearn` is not there: fit on the rows that remain.

    Only the mean and, if it varies, the spread of each column are made free of Z: what Z does to
    the shape of a law, or to how columns depend on each other, remains. Columns with atoms should
    not be moved; `fit` warns of them.

    References
    ----------
    .. [1] S. Xu, T. Strohmer. Machine unlearning via information theoretic regularization.
       arXiv:2502.05684.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import ConditionalBarycenter
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(20, 80, size=500)
    >>> X = rng.normal(size=(500, 2)) + age[:, None] / 10
    >>> model = ConditionalBarycenter().fit(X, sensitive_features=age)
    >>> X_hat = model.transform(X, sensitive_features=age)
    >>> bool(abs(np.corrcoef(X_hat[:, 0], age)[0, 1]) < 1e-4 < np.corrcoef(X[:, 0], age)[0, 1])
    True
    >>> model.unlearn(X[:100], sensitive_features=age[:100]).n_samples_retained_
    400
    """

    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _private_attributes = (
        "_columns",
        "_group_costs",
        "_kinds",
        "_spline",
        "_scale_law",
        "_posterior_law",
    )
    _parameter_constraints: ClassVar[dict] = {
        "sensitive_columns": "no_validation",
        "strength": [Interval(Real, 0, 1, closed="both")],
        "keep_sensitive": ["boolean"],
        "categorical": [str, "array-like"],
        "basis": [str],
        "scale": [str],
        "n_knots": [Interval(Integral, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "min_group_size": [Interval(Integral, 1, None, closed="left")],
        "on_missing": [str],
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        sensitive_columns=None,
        *,
        strength=1.0,
        keep_sensitive=False,
        categorical="auto",
        basis="linear",
        scale="constant",
        n_knots=5,
        alpha=1e-3,
        min_group_size=10,
        on_missing="error",
        track_rows=True,
        resolution="auto",
    ):
        self.sensitive_columns = sensitive_columns
        self.strength = strength
        self.keep_sensitive = keep_sensitive
        self.categorical = categorical
        self.basis = basis
        self.scale = scale
        self.n_knots = n_knots
        self.alpha = alpha
        self.min_group_size = min_group_size
        self.on_missing = on_missing
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Fit the location-scale models of the groups, and the maps between them.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numeric columns without missing values, and the sensitive ones.
        y : None
            Ignored.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Sensitive values that are not in X.
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
        request = Request(X, None, sample_weight, sensitive_features)
        return self._fit_exact(request) if self._is_linear() else self._fit_plain(request)

    def to_sklearn(self):
        """Give a copy for serving: no statistics of rows, fingerprints or keys.

        Returns
        -------
        ConditionalBarycenter
            scikit-learn has no such transformer. It transforms, and cannot forget.
        """
        check_is_fitted(self)
        return copy_fitted(self, type(self), self._private_attributes)

    def _is_linear(self):
        return self.basis == "linear" and self.scale == "constant"

    def _unlearn_refusal(self):
        if self._is_linear():
            return None
        return (
            f"ConditionalBarycenter(basis={self.basis!r}, scale={self.scale!r}) is no function of "
            "moments and keeps no rows: fit it on the rows that remain, or choose "
            'basis="linear", scale="constant", which forgets exactly.'
        )

    def _check_options(self):
        super()._check_options()
        for name, allowed in (("basis", ("linear", "spline")), ("scale", ("constant", "varying"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"Got {name}={getattr(self, name)!r}, expected one of {allowed}.")
        if isinstance(self.categorical, str) and self.categorical != "auto":
            raise ValueError(
                f'Got categorical={self.categorical!r}, expected "auto" or positions among the '
                "sensitive columns."
            )
        if self.on_missing == "posterior" and not self._is_linear():
            raise ValueError(
                'Got on_missing="posterior", which needs basis="linear" and scale="constant".'
            )

    # -- reading -----------------------------------------------------------------------------

    def _check_rows(self, request, reset):
        numeric, Z, codes, groups, words, info = self._read_mixed(request, reset)
        moved = numeric[:, list(info["columns"].moved)]
        rows = Rows(
            np.column_stack([moved, Z]),
            weights=check_weights(request.sample_weight, numeric),
            keys=[(None, group, None) for group in groups],
            codes=codes,
            content=(words,),
        )
        return rows, info

    # -- learning ----------------------------------------------------------------------------

    def _derive(self, moments, info):
        """Learned attributes of the linear case, from exact moments of [columns, Z] by group."""
        by_group = moments.by("group")
        groups = in_order(by_group)
        parts = [by_group[group] for group in groups]
        d = len(info["columns"].moved)
        sizes = np.array([part.weight for part in parts])
        self._check_sizes(groups, [part.n_rows for part in parts], sizes)
        means, covariances, intercepts, slopes = [], [], [], []
        for part in parts:
            mean, cov = part.mean, part.covariance
            own = ridge(
                cov[d:, d:] * part.weight, cov[d:, :d] * part.weight, part.weight, self.alpha
            )
            joint = np.vstack([np.eye(d), -own])  # residuals are [x, z] times this
            means.append(mean[:d])
            covariances.append(joint.T @ cov @ joint)
            slopes.append(own)
            intercepts.append(mean[:d] - mean[d:] @ own)
        found = self._maps_of(groups, sizes, means, covariances, info)
        found |= {"intercepts_": np.stack(intercepts), "slopes_": np.stack(slopes)}
        costs = linear_costs(parts, d, found)
        law = None
        if len(groups) == 1:
            cov = parts[0].covariance
            back = ridge(cov[:d, :d] * sizes[0], cov[:d, d:] * sizes[0], sizes[0], self.alpha)
            law = (parts[0].mean[:d], parts[0].mean[d:], back)
        found |= {"_spline": None, "_scale_law": None, "_posterior_law": law}
        return found | _costs(costs, sizes)

    def _maps_of(self, groups, sizes, means, covariances, info):
        """Find the maps of the groups' residuals to their barycenter."""
        weights = sizes / sizes.sum()
        laws = Laws(np.stack(means), np.stack(covariances), weights, sizes)
        nobody = np.zeros(0, dtype=np.intp)
        centred = Laws(np.zeros_like(laws.means), laws.covariances, weights, sizes)
        plan = transport(centred, nobody, shrinkage="oas", tol=1e-12, max_iter=1000)
        return {
            "groups_": groups,
            "group_weights_": weights,
            "maps_": plan.maps,
            "barycenter_mean_": laws.means[0] + weights @ (laws.means - laws.means[0]),
            "sensitive_columns_": np.array(info["columns"].sensitive, dtype=np.intp),
            "n_iter_": max(plan.n_iter, 1),
            "_columns": info["columns"],
            "_kinds": info["kinds"],
        }

    def _fit_plain(self, request):
        """Fit with splines or a varying scale, from the rows."""
        numeric, Z, codes, found, _, info = self._read_mixed(request, reset=True)
        w = check_weights(request.sample_weight, numeric)
        w = np.ones(len(numeric)) if w is None else w
        groups = in_order(found)
        codes = np.array([groups.index(group) for group in found])[codes]
        sizes = np.bincount(codes, w, minlength=len(groups))
        self._check_sizes(groups, np.bincount(codes, minlength=len(groups)), sizes)
        X = numeric[:, list(info["columns"].moved)].astype(np.float64)
        spline = None
        if self.basis == "spline" and Z.shape[1]:
            spline = SplineBasis.of(Z[w > 0], w[w > 0], self.n_knots).parts()
        B = expand(Z, spline)
        parts = [np.flatnonzero(codes == z) for z in range(len(groups))]
        varying = self.scale == "varying"
        models = [location_scale(B[p], X[p], w[p], self.alpha, varying) for p in parts]
        means, covariances = ([m.pop(k) for m in models] for k in ("mean", "covariance"))
        attributes = self._maps_of(groups, sizes, means, covariances, info)
        law = {name: np.stack([m[name] for m in models]) for name in models[0]}
        attributes |= {"intercepts_": law.pop("intercept"), "slopes_": law.pop("slopes")}
        attributes |= {"_spline": spline, "_scale_law": law, "_posterior_law": None}
        clear_learned(self)
        for name in ("_learned", "_info", "_owned"):
            vars(self).pop(name, None)
        self._commit(attributes)
        costs = np.empty(len(groups))
        for z, rows in enumerate(parts):
            moved = ((self._image_at(X[rows], Z[rows], z) - X[rows]) ** 2).sum(axis=1)
            costs[z] = np.average(moved, weights=w[rows])
        self._commit(_costs(costs, sizes))
        return self

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        if not self._is_linear():
            raise AttributeError(self._unlearn_refusal())
        self._check_maintained(AttributeError)
        return Guarantee("exact", conditional_on=self._conditions(), detail=_EXACT)

    # -- moving ------------------------------------------------------------------------------

    def transform(self, X, *, sensitive_features=None):
        """Move each row from its own Z to the average one.

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
        X, numeric, Z, codes = self._locate_mixed(X, sensitive_features)
        moved, out, t = list(self._columns.moved), numeric.copy(), self.strength
        for z in range(len(self.groups_)) if t > 0 and self._kinds else ():
            rows = np.flatnonzero(codes == z)
            x = numeric[np.ix_(rows, moved)].astype(np.float64)
            image = self._image_at(x, Z[rows], z)
            out[np.ix_(rows, moved)] = image if t == 1 else (1 - t) * x + t * image
        return self._assemble(X, out)

    def _image_at(self, x, Z, z):
        """Images of rows of a group at their values of the continuous variables."""
        B = expand(Z, self._spline)
        residuals = x - self.intercepts_[z] - B @ self.slopes_[z]
        if self._scale_law is not None:
            residuals = levels_of(residuals, B, {k: v[z] for k, v in self._scale_law.items()})
        return self.barycenter_mean_ + residuals @ self.maps_[z]


def _costs(costs, sizes):
    return {"_group_costs": costs, "full_transport_cost_": float(costs @ sizes / sizes.sum())}
