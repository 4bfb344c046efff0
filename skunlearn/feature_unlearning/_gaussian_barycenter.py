"""Gaussian barycenter: groups made equal in mean and covariance, at the least displacement."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skunlearn._exact import ExactUnlearnerMixin, copy_fitted
from skunlearn._sklearn_compat import Interval, check_weights, fit_context
from skunlearn._statistics._learned import Rows
from skunlearn._statistics._moments import merge
from skunlearn._transport import barycenter_maps, range_basis, shrink_singular
from skunlearn.base import Request, UnlearnerTags
from skunlearn.feature_unlearning._base import (
    UNKNOWN,
    SensitiveTransformerMixin,
    as_table,
    codes_among,
    columns_with_atoms,
    holds_numbers,
    in_order,
    numeric_block,
    read_groups,
    resolve_columns,
    sensitive_values,
    shown,
    warn_of_atoms,
)


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
        Share of the pooled covariance in that of a shrunk group: one that is singular where the
        pooled one is not, and with ``small_groups="shrink"`` a small one.
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
        A_z in T_z(x) = barycenter_mean_ + A_z (x - mean_z). Zero for a column that is constant in
        each group but not across them; the identity where there is nothing to move.
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
    feature_names_in_ : ndarray of shape (n_features_in_,)
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
    _parameter_constraints: dict = {
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
