"""The triangular barycenter: mixed tables in which groups cannot be told apart."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import Interval, fit_context
from skunlearn._statistics._hashing import derive_key
from skunlearn.base import Request, UnlearnerMixin, UnlearnerTags
from skunlearn.feature_unlearning._base import SensitiveTransformerMixin, draw_seed
from skunlearn.feature_unlearning._triangular_fit import TriangularFitMixin
from skunlearn.feature_unlearning._triangular_models import predicts_groups
from skunlearn.feature_unlearning._triangular_rows import TriangularRowsMixin
from skunlearn.feature_unlearning._triangular_table import assemble

_CHOICES = {
    "conditional": ("linear", "ensemble", "counts"),
    "numeric": ("barycenter", "mixture"),
    "small_groups": ("error", "pool"),
    "on_missing": ("error", "posterior"),
}


class TriangularBarycenter(
    TriangularRowsMixin,
    UnlearnerMixin,
    TriangularFitMixin,
    SensitiveTransformerMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Make the groups of a sensitive variable alike in a table of numbers and categories.

    Column after column is moved, in each group from its law given the columns repaired before to
    one law for all groups: levels by a maximal coupling to the mixture of the groups, which leaves
    as many as possible as they are; numbers to the conditional Wasserstein-2 barycenter. What goes
    out is a valid table of the same types. The sensitive variable is needed at `transform` too.

    Parameters
    ----------
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        The sensitive columns of X; a callable is given X. Several: groups are the observed
        combinations. None: the values come by keyword, ``sensitive_features=``. An empty list
        changes nothing.
    strength : float, default=1.0
        Share of the rows that are replaced by repaired ones. Which ones is a function of the row;
        a row replaced at one strength is replaced at all higher ones. It does not enter the fit.
    keep_sensitive : bool, default=False
        Keep the sensitive columns, untouched and in place, in the output.
    numeric : {"barycenter", "mixture"}, default="barycenter"
        Where numbers go: to the mean of the groups' quantiles at the same rank, or, as levels do,
        to the mixture. The latter keeps most of them and moves the others further. A column of
        which half of the values are one (a capital gain of 0) goes to the mixture in either case.
    conditional : {"linear", "ensemble", "counts"} or classifier, default="linear"
        What the conditional laws are learned with. "linear": logistic regressions, in which groups
        are drawn to each other as far as left-out rows approve; "ensemble": their mean with a
        gradient boosting; a classifier: any of scikit-learn's that predicts the group from
        indicators of the columns before and of the column. "counts": tables of pairs of columns,
        from which rows can be taken exactly.
    bins : int, array-like of shape (n_edges,) or dict, default=8
        Bins of a column of numbers: how many at most (of equal weight, a heavy value has its own;
        each for 50 rows of the smallest group), or their edges, or a dictionary of edges by name
        or position of the column. "counts" needs edges: they must not depend on the rows.
    min_frequency : float, default=0.005
        Levels of a smaller share of the rows are pooled for the conditional laws (they still go
        out as levels); at least 20 rows.
    categorical_columns : as `sensitive_columns`, default=None
        Columns to take for categories. None: those that hold no numbers.
    key_columns : as `sensitive_columns`, default=None
        Columns that say whose row it is. Randomness is then a function of these alone, so that
        altered copies of a row tell no more than the row. They are left out of the output.
    small_groups : {"error", "pool"}, default="error"
        Groups of fewer than `min_group_size` rows: refuse, or treat them as one group, which the
        smallest others join until it is large enough.
    min_group_size : int, default=10
        Rows, whatever their weights.
    on_missing : {"error", "posterior"}, default="error"
        Rows without sensitive values at `transform`: refuse, or draw the group from the posterior
        of a logistic regression. The latter is weak, and says so in a warning each time.
    follow_target : float in [0, 1), default=0.0
        How closely draws follow a prediction of `y`, which `fit` then needs (two labels, or
        numbers): the correlation of the two. Rows that look like one end of the target go to levels
        and numbers of that end, so more of the target is kept; the laws are harder to estimate, and
        more of the group is left. 0.6 is a value to start with. Not with "counts".
    n_folds : int, default=5
        Folds of `fit_transform`: no row goes through a map that has seen it.
    verbose : int, default=0
        1 prints each column as its laws are learned.
    random_state : int, RandomState instance or None, default=None
        Key of the rows' hashes. None draws a secret one: who knows the key can undo the randomness.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, to check requests to forget.

    Attributes
    ----------
    groups_ : list of tuple
        Groups in sorted order, each as Python values, one a sensitive column.
    group_weights_ : ndarray of shape (n_groups,)
        Their shares of the weight of all rows.
    small_groups_ : list of tuple
        Groups that were pooled.
    order_ : ndarray of int
        Positions of the moved columns in X, in the order in which they are moved.
    column_information_ : ndarray of shape (n_moved,)
        Mutual information of each column of `order_` with the group, in nats.
    transport_cost_ : float
        Mean over rows learned and columns of what a column moved, at the present `strength`: 1 for
        a level (or a missing value) that changed, the squared difference in units of the column's
        variance for a number. Not available with ``conditional="counts"``.
    group_transport_costs_ : ndarray of shape (n_groups,)
        The same in each group.
    sensitive_columns_ : ndarray of int
        Positions of the sensitive columns in X.
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
    GaussianBarycenter : For continuous columns; forgets rows at once.
    skunlearn.metrics.leakage_score : Measure what can still be read from the output.

    Notes
    -----
    This is the map of Knothe and Rosenblatt [1]_, to a common law instead of a given one. If the
    conditional laws were known, the output would be independent of the group; what is left is the
    error of their estimates, and :func:`skunlearn.metrics.leakage_score` measures it. Columns are
    taken in ascending order of their information on the group.

    Randomness is a keyed hash of the row: the same row goes to the same row at every call, and
    averaging calls gives nothing. Whoever can alter a row in a harmless place and transform it many
    times can average all the same: pass `key_columns`. Equal rows have equal outputs, so that a
    table of few distinct rows is repaired less than the laws alone would have it.

    Missing values are a level of their own. A level never seen, or a missing value where `fit` saw
    none, is replaced by a draw.

    The models need rows: `unlearn` refits on the rows that remain, which are passed as
    ``X_retain``. With ``conditional="counts"`` it needs the forgotten rows only, and is exact.

    `fit_transform` is cross-fitted and differs from ``fit(X).transform(X)``, which would leak less
    on its own rows than on new ones.

    References
    ----------
    .. [1] M. Rosenblatt. Remarks on a multivariate transformation. Annals of Mathematical
       Statistics 23, 1952.
    .. [2] E. Chzhen, C. Denis, M. Hebiri, L. Oneto, M. Pontil. Fair regression with Wasserstein
       barycenters. NeurIPS 2020.
    .. [3] C. K. Chow, C. N. Liu. Approximating discrete probability distributions with dependence
       trees. IEEE Transactions on Information Theory 14, 1968.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import TriangularBarycenter
    >>> from skunlearn.metrics import leakage_score
    >>> rng = np.random.default_rng(0)
    >>> z = rng.choice(["a", "b"], size=3000)
    >>> job = np.where(rng.random(3000) < np.where(z == "a", 0.2, 0.6), "cook", "clerk")
    >>> X = np.array([job, rng.normal(size=3000) + (job == "cook") + (z == "a")], dtype=object).T
    >>> raw = leakage_score(X, z, random_state=0)
    >>> repaired = leakage_score(
    ...     X, z, transformer=TriangularBarycenter(random_state=0), pass_sensitive=True,
    ...     random_state=0
    ... )
    >>> bool(raw.score > 0.75), bool(repaired.score < 0.56)
    (True, True)
    """

    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _private_attributes = (
        "_columns", "_kinds", "_plan", "_units", "_draw_key", "_posterior", "_costs"
    )  # fmt: skip
    _instead = "a group is drawn for these rows from P(z|x)"
    _parameter_constraints: ClassVar[dict] = {
        "sensitive_columns": "no_validation",
        "strength": [Interval(Real, 0, 1, closed="both")],
        "keep_sensitive": ["boolean"],
        "numeric": [str],
        "conditional": "no_validation",
        "bins": "no_validation",
        "min_frequency": [Interval(Real, 0, 1, closed="left")],
        "categorical_columns": "no_validation",
        "key_columns": "no_validation",
        "small_groups": [str],
        "min_group_size": [Interval(Integral, 1, None, closed="left")],
        "on_missing": [str],
        "follow_target": [Interval(Real, 0, 1, closed="left")],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "track_rows": ["boolean"],
    }

    def __init__(
        self,
        sensitive_columns=None,
        *,
        strength=1.0,
        keep_sensitive=False,
        numeric="barycenter",
        conditional="linear",
        bins=8,
        min_frequency=0.005,
        categorical_columns=None,
        key_columns=None,
        small_groups="error",
        min_group_size=10,
        on_missing="error",
        follow_target=0.0,
        n_folds=5,
        verbose=0,
        random_state=None,
        track_rows=True,
    ):
        self.sensitive_columns = sensitive_columns
        self.strength = strength
        self.keep_sensitive = keep_sensitive
        self.numeric = numeric
        self.conditional = conditional
        self.bins = bins
        self.min_frequency = min_frequency
        self.categorical_columns = categorical_columns
        self.key_columns = key_columns
        self.small_groups = small_groups
        self.min_group_size = min_group_size
        self.on_missing = on_missing
        self.follow_target = follow_target
        self.n_folds = n_folds
        self.verbose = verbose
        self.random_state = random_state
        self.track_rows = track_rows

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = self.random_state is None
        tags.unlearner_tags.needs_sensitive = self.sensitive_columns is None
        tags.unlearner_tags.needs_y = tags.target_tags.required = self.follow_target > 0
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Fit the conditional laws.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers and labels, missing values among them.
        y : array-like of shape (n_samples,), default=None
            Ignored, unless `follow_target` is above 0.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Sensitive values that are not in X, labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Whole numbers where `conditional` is "counts".

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If it is not said what is sensitive; if sensitive values are missing; if a group is
            small and `small_groups` is "error"; if "counts" is given no edges.
        """
        self._check_options()
        self._learn(Request(X, y, sample_weight, sensitive_features), self._new_key())
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None, *, sensitive_features=None, sample_weight=None):
        """Fit, and repair the same rows by maps that have not seen them (`n_folds` folds).

        Parameters
        ----------
        X, y, sensitive_features, sample_weight
            As in `fit`.

        Returns
        -------
        {ndarray, DataFrame} of shape (n_samples, n_features_out)
        """
        self._check_options()
        request = Request(X, y, sample_weight, sensitive_features)
        return self._out(*self._learn(request, self._new_key(), crossed=True))

    def transform(self, X, *, sensitive_features=None):
        """Repair rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns as in `fit`.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            The rows' sensitive values, if they came by keyword in `fit`.

        Returns
        -------
        {ndarray, DataFrame} of shape (n_samples, n_features_out)
            Of the types of X. Sensitive columns are left out unless they are to be kept.

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
        X, columns, codes, words = self._locate_rows(X, sensitive_features)
        return self._out(X, columns, self._move(columns, codes, words, X), words)

    def _out(self, X, columns, repaired, words):
        if self._units is None:  # one group: nothing to repair
            replaced = np.zeros(len(words), dtype=bool)
        else:
            replaced = self._streams(X, words)("strength") < self.strength
        return assemble(X, self._kinds, columns, repaired, replaced)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; those seen at fit, or x0, x1, …, if None.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        names = super(SensitiveTransformerMixin, self).get_feature_names_out(input_features)
        return names[list(self._kinds.out)]

    @property
    def transport_cost_(self):
        """Mean movement over rows learned and columns, at the present strength."""
        return float(self.group_weights_ @ self.group_transport_costs_)

    @property
    def group_transport_costs_(self):
        """The same in each group."""
        check_is_fitted(self)
        if self._costs is None:
            raise AttributeError(
                'conditional="counts" keeps counts of pairs of columns only, which do not tell '
                "what the rows cost: compare X with transform(X)."
            )
        return self.strength * self._costs

    # -- options -----------------------------------------------------------------------------

    @property
    def _counting(self):
        return isinstance(self.conditional, str) and self.conditional == "counts"

    def _check_options(self):
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if isinstance(value, str) and value in allowed:
                continue
            if name == "conditional" and not isinstance(value, str) and predicts_groups(value):
                continue
            more = " or a classifier with predict_proba" if name == "conditional" else ""
            raise ValueError(f"Got {name}={value!r}, expected one of {allowed}{more}.")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"Got strength={self.strength!r}, expected a float in [0, 1].")
        if self._counting and self.follow_target:
            raise ValueError(
                f'Got follow_target={self.follow_target!r} with conditional="counts", which counts '
                "columns only: choose follow_target=0, or another conditional."
            )
        if self._counting and self.on_missing == "posterior":
            raise ValueError(
                'on_missing="posterior" needs a model of the group, which conditional="counts" has '
                'not: choose on_missing="error", or another conditional.'
            )

    def _new_key(self):
        return derive_key(draw_seed(self.random_state), "triangular")
