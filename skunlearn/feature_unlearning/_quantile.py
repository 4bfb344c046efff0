"""Quantile barycenter: each column given one law in all groups, at the least displacement."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import ExactUnlearnerMixin, copy_fitted
from skunlearn._sklearn_compat import Interval, StrOptions, check_weights, fit_context
from skunlearn._transport import (
    barycenter_quantiles,
    move,
    plotting_levels,
    quantile_function,
    quantile_levels,
    quantile_moments,
    transport_costs,
)
from skunlearn.base import Guarantee, Request, UnlearnerTags
from skunlearn.feature_unlearning._base import draw_seed
from skunlearn.feature_unlearning._groups import in_order
from skunlearn.feature_unlearning._maps import GroupMapsMixin
from skunlearn.feature_unlearning._value_rows import ONE, ValueRows

_DETAIL = (
    "Equal, bit for bit, to a fit on the rows that remain with the same seed_. The values of each "
    "column are kept by group, though not which of them belong to one row. Two released versions, "
    "before and after, can reveal the row between them."
)


_KNOTS = 1.5  # levels, by the cube root of the rows: the rate at which bias and noise balance


class QuantileBarycenter(GroupMapsMixin, ExactUnlearnerMixin, BaseEstimator):
    r"""Give each column one law in all groups of a sensitive variable.

    Column by column, a value x of group z goes to :math:`\sum_k \pi_k F_k^{-1}(F_z(x))`: the
    optimal map to the Wasserstein-2 barycenter of the groups' laws, whatever these are. What the
    columns *together* tell of the group is left as it is. The sensitive variable is needed at
    `transform` too. Rows can be forgotten exactly.

    Parameters
    ----------
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X, labels of any type; several columns: groups are the observed
        combinations. None: the values come by keyword, ``sensitive_features=``. An empty list
        changes nothing.
    strength : float, default=1.0
        t in [0, 1]: rows go to (1 - t) x + t T(x), along McCann's geodesic. 0 returns the values of
        X as they are. It does not enter the fit.
    keep_sensitive : bool, default=False
        Keep the sensitive columns, untouched and in place, in the output.
    n_quantiles : "auto", int or None, default="auto"
        Number of even levels at which the quantile functions are kept, linear in between; seven
        more toward each end, halving the step, and those of values that many rows share. "auto"
        takes 1.5 times the cube root of the weight of the smallest group: more would follow the
        rows, and fresh rows would then give their group away. None keeps every order statistic:
        exact on the rows learned, and the fitted maps hold the values of the columns.
    min_group_size : int, default=10
        Groups of fewer rows are refused by name. A single group is never small.
    on_missing : {"error", "posterior"}, default="error"
        Rows without sensitive values at `transform`: refuse, or take the mean of the groups' maps
        under the posterior of the group given the row (by independent Gaussian columns). The
        latter is weak, and says so in a warning each time.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row; values that were never learned are refused anyway.
    random_state : int, RandomState instance or None, default=None
        Where the key of the hashes comes from that tell copies of a value apart: secret if None.

    Attributes
    ----------
    groups_ : list of tuple
        Groups in sorted order, each as Python values, one a sensitive column.
    group_weights_ : ndarray of shape (n_groups,)
        Their shares of the weight of all rows.
    levels_ : list of ndarray
        Levels of the quantile functions, one array a moved column.
    quantiles_ : list of ndarray of shape (n_groups, n_levels)
        The groups' quantile functions.
    barycenter_quantiles_ : list of ndarray of shape (n_levels,)
        Those of the barycenter.
    full_transport_cost_ : float
        E||X - T(X)||^2 under the quantile functions, in squared units of X.
    transport_cost_ : float
        The same at the present `strength`: strength^2 times it.
    group_transport_costs_ : ndarray of shape (n_groups,)
        The same in each group. Small groups pay most.
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
    GaussianBarycenter : Makes the columns' covariances equal too, and nothing beyond two moments.
    SlicedBarycenter : Works on the joint law. Experimental.
    skunlearn.metrics.leakage_score : Measure what can still be read from the output.

    Notes
    -----
    Copies of a value (ties) are spread over their levels by a keyed hash of the row's columns, the
    same at every call. Rows that are equal in all columns stay together: a column of few values
    that stands alone keeps its steps, and `fit` warns of such columns. Between 0 and 1 the strength
    means something for columns without atoms only.

    Forgetting rows is exact: all that is learned is a function of the groups' multisets of
    values, which are kept (16 bytes a value). It costs time linear in the rows of the groups
    concerned. Weights are counted in units of 2^-32. Values beyond those learned are shifted as the
    outermost are.

    References
    ----------
    .. [1] S. Xu, T. Strohmer. Fair data representation for machine learning at the Pareto
       frontier. JMLR 24(331), 2023.
    .. [2] E. Chzhen, C. Denis, M. Hebiri, L. Oneto, M. Pontil. Fair regression with Wasserstein
       barycenters. NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import QuantileBarycenter
    >>> rng = np.random.default_rng(0)
    >>> z = np.repeat(["a", "b"], 500)
    >>> X = np.where(z == "a", rng.normal(size=1000), rng.exponential(size=1000))[:, None]
    >>> model = QuantileBarycenter(n_quantiles=None).fit(X, sensitive_features=z)
    >>> X_hat = model.transform(X, sensitive_features=z)
    >>> bool(np.allclose(np.sort(X_hat[z == "a"].ravel()), np.sort(X_hat[z == "b"].ravel())))
    True
    >>> model.unlearn(X[:100], sensitive_features=z[:100]).n_samples_retained_
    900
    """

    resolution = None  # values are kept as they are: there is no grid
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _private_attributes = ("_columns", "_ends", "_group_costs")
    _parameter_constraints: ClassVar[dict] = {
        "sensitive_columns": "no_validation",
        "strength": [Interval(Real, 0, 1, closed="both")],
        "keep_sensitive": ["boolean"],
        "n_quantiles": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left"), None],
        "min_group_size": [Interval(Integral, 1, None, closed="left")],
        "on_missing": [str],
        "track_rows": ["boolean"],
        "random_state": ["random_state", Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        sensitive_columns=None,
        *,
        strength=1.0,
        keep_sensitive=False,
        n_quantiles="auto",
        min_group_size=10,
        on_missing="error",
        track_rows=True,
        random_state=None,
    ):
        self.sensitive_columns = sensitive_columns
        self.strength = strength
        self.keep_sensitive = keep_sensitive
        self.n_quantiles = n_quantiles
        self.min_group_size = min_group_size
        self.on_missing = on_missing
        self.track_rows = track_rows
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Fit the maps from the values of each column and group.

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
        return self._fit_exact(Request(X, None, sample_weight, sensitive_features))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Learn more rows; the result equals one `fit` on all of them.

        Parameters
        ----------
        X, y, sensitive_features, sample_weight
            As in `fit`. Groups may be new; none may be small at any time.

        Returns
        -------
        self : object
        """
        self._check_options()
        return self._partial_fit_exact(Request(X, None, sample_weight, sensitive_features))

    def to_sklearn(self):
        """Give a copy for serving: no multisets of values, fingerprints or keys of these.

        Returns
        -------
        QuantileBarycenter
            scikit-learn has no such transformer. It transforms, and cannot forget. It holds
            quantiles of the columns, and the key that tells copies of a value apart.
        """
        check_is_fitted(self)
        out = copy_fitted(self, type(self), self._private_attributes)
        for name in ("levels_", "quantiles_", "barycenter_quantiles_", "_ends"):
            setattr(out, name, [part.copy() for part in getattr(self, name)])
        return out

    # -- learning ----------------------------------------------------------------------------

    def _check_rows(self, request, reset):
        numeric, codes, groups, words, columns = self._read(request, reset)
        rows = ValueRows(
            numeric,
            moved=list(columns.moved),
            codes=codes,
            groups=groups,
            words=words,
            weights=check_weights(request.sample_weight, numeric),
        )
        info = {"columns": columns}
        if reset:
            info["seed"] = draw_seed(self.random_state)
        return rows, info

    def _attributes(self, learned, info):
        """Everything that is assigned when the model stands on `learned`."""
        groups = in_order(learned.cells)
        cells = [learned.cells[group] for group in groups]
        sizes = np.array([cell.weight for cell in cells])
        self._check_sizes(groups, [cell.n_rows for cell in cells], sizes)
        weights = sizes / sizes.sum()
        levels, quantiles, targets, ends = [], [], [], []
        for columns in zip(*(cell.columns for cell in cells), strict=True):
            law = [(part.values, *plotting_levels(part.counts, ONE)) for part in columns]
            levels.append(self._levels(law, sizes.min()))
            quantiles.append(np.stack([quantile_function(*part, levels[-1]) for part in law]))
            ends.append(np.array([(lower[0], upper[-1]) for _, lower, upper in law]))
            targets.append(barycenter_quantiles(quantiles[-1], weights))
        costs = sum(map(transport_costs, quantiles, targets, levels))
        return {
            "groups_": groups,
            "group_weights_": weights,
            "levels_": levels,
            "quantiles_": quantiles,
            "barycenter_quantiles_": targets,
            "full_transport_cost_": float(weights @ costs),
            "sensitive_columns_": np.array(info["columns"].sensitive, dtype=np.intp),
            "seed_": info["seed"],
            "_columns": info["columns"],
            "_ends": ends,
            "_group_costs": costs,
            "_learned": learned,
            "_info": info,
        }

    def _levels(self, law, smallest):
        """Levels for one column: even ones, and the ends of the atoms of each group."""
        n = self.n_quantiles
        if n is None:
            return np.unique(np.concatenate([part for _, *ends in law for part in ends]))
        n = max(4, int(_KNOTS * np.cbrt(smallest))) if n == "auto" else n
        parts = [quantile_levels(n)]
        for _, lower, upper in law:
            atoms = upper - lower > 0.5 / n
            parts += [lower[atoms], upper[atoms]]
        return np.unique(np.concatenate(parts))

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        return Guarantee("exact", conditional_on=self._conditions(), detail=_DETAIL)

    def _conditions(self):
        key = "the key seed_ (pass it as random_state to have it again in a refit)"
        return (*super()._conditions(), key)

    # -- moving ------------------------------------------------------------------------------

    def _image(self, x, z, content):
        out = np.empty_like(x)
        laws = zip(
            self.levels_, self.quantiles_, self.barycenter_quantiles_, self._ends, strict=True
        )
        for j, (levels, quantiles, target, ends) in enumerate(laws):
            if np.array_equal(quantiles[z], target):
                out[:, j] = x[:, j]
                continue

            def dither(rows, j=j):
                return content.uniforms(self.seed_, j)[rows]

            out[:, j] = move(x[:, j], quantiles[z], target, levels, dither, ends[z])
        return out

    def _posterior(self, x):
        scores = np.log(self.group_weights_)[:, None] + np.zeros(len(x))
        for column, quantiles, levels in zip(x.T, self.quantiles_, self.levels_, strict=True):
            means, variances = quantile_moments(quantiles, levels)
            floor = variances.max() * 1e-6
            if floor > 0:
                variances = np.maximum(variances, floor)[:, None]
                scores -= (column - means[:, None]) ** 2 / variances / 2 + np.log(variances) / 2
        return softmax(scores, axis=0)
