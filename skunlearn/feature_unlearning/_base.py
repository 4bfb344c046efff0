"""Sensitive-feature plumbing: which columns are sensitive, which group a row is in, what goes out.

Knows no statistics: rows in, numeric columns and groups out, and the table put together again.
"""

import dataclasses
import warnings
from numbers import Integral

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from skunlearn._statistics._hashing import new_key
from skunlearn.feature_unlearning._groups import (
    UNKNOWN,
    codes_among,
    read_groups,
    refuse_missing,
    sensitive_values,
    value_columns,
)
from skunlearn.feature_unlearning._tables import (
    as_table,
    columns_with_atoms,
    holds_numbers,
    is_frame,
    num_columns,
    numeric_block,
    shown,
)

#: Methods that take `sensitive_features`, here and in the models that share this file.
_ROUTED = (
    "fit", "partial_fit", "transform", "predict", "predict_proba", "predict_log_proba",
    "decision_function", "score",
)  # fmt: skip
_NOT_NUMERIC = (
    "sensitive columns that are not numeric are kept (keep_sensitive=True), of which there are no "
    "moments"
)


@dataclasses.dataclass(frozen=True)
class Columns:
    """Roles of the columns, fixed at the first fit.

    Parameters
    ----------
    n_in : int
        Number of columns of X.
    sensitive : tuple of int
        Sensitive columns inside X, in the order of a group's values.
    numeric : tuple of int
        Numeric columns that go out, in order: what the moments are taken of.
    moved : tuple of int
        Positions within `numeric` of the columns that the map moves.
    out : tuple of int
        All columns that go out, in order.
    external : int
        Number of columns of ``sensitive_features=``; 0 where they are in X.
    """

    n_in: int
    sensitive: tuple
    numeric: tuple
    moved: tuple
    out: tuple
    external: int = 0

    @property
    def moved_in(self):
        """Columns of X that the map moves."""
        return [self.numeric[i] for i in self.moved]

    @property
    def plain(self):
        """Whether all that goes out is numeric."""
        return self.out == self.numeric

    def of_width(self, n_columns):
        """Adapt to a step before that changed the number of columns, none of them sensitive."""
        if self.sensitive or n_columns == self.n_in:
            return self
        everything = tuple(range(n_columns))
        return Columns(n_columns, (), everything, everything, everything, self.external)


# -- sensitive columns ----------------------------------------------------------------------------


def resolve_columns(selection, X, name="sensitive_columns"):
    """Positions of the sensitive columns, from names, positions, a mask or a callable.

    Parameters
    ----------
    selection : str, int, list of these, boolean mask, slice of int or callable
    X : frame or ndarray
    name : str, default="sensitive_columns"
        The parameter that they come from, for errors.

    Returns
    -------
    tuple of int
    """
    n_columns = X.shape[1]
    chosen = selection(X) if callable(selection) else selection
    if isinstance(chosen, slice):
        chosen = range(n_columns)[chosen]
    chosen = [chosen] if isinstance(chosen, (str, Integral)) else list(chosen)
    if callable(selection) and not chosen:
        raise ValueError(
            f"Got a callable as {name} that selects no column of X. Pass the columns by name, or "
            "[] for none."
        )
    if chosen and all(isinstance(entry, (bool, np.bool_)) for entry in chosen):
        if len(chosen) != n_columns:
            raise ValueError(
                f"Got a mask of length {len(chosen)} as {name}, expected {n_columns}: "
                "one entry for each column of X."
            )
        return tuple(int(j) for j in np.flatnonzero(chosen))
    positions = tuple(_position(entry, X, n_columns, name) for entry in chosen)
    if len(set(positions)) < len(positions):
        raise ValueError(f"Got {name}={chosen}, in which a column appears twice.")
    return positions


def _position(entry, X, n_columns, parameter):
    if isinstance(entry, str):
        names = list(X.columns) if is_frame(X) else None
        if names is None:
            raise ValueError(
                f"Got {entry!r} in {parameter}, but X is an array without names: pass positions, "
                "or a DataFrame."
            )
        if entry not in names:
            raise ValueError(
                f"Got {entry!r} in {parameter}, which is not a column of X: {shown(names)}."
            )
        return names.index(entry)
    if isinstance(entry, Integral) and not isinstance(entry, (bool, np.bool_)):
        if not -n_columns <= entry < n_columns:
            raise ValueError(f"Got {entry} in {parameter}, but X has {n_columns} columns.")
        return int(entry) % n_columns
    raise ValueError(f"Got {entry!r} in {parameter}, expected names, positions or a boolean mask.")


def choose_columns(estimator, X, sensitive_features):
    """Roles of the columns at the first fit.

    Returns
    -------
    Columns
    """
    selection, given = estimator.sensitive_columns, sensitive_features
    if selection is None and given is None:
        raise ValueError(
            f"{type(estimator).__name__} does not know what to forget: name the sensitive columns "
            "of X with sensitive_columns=[...], or pass the sensitive values to fit with "
            "sensitive_features=... (sensitive_columns=[] changes nothing)."
        )
    refuse_both(estimator, given)
    sensitive = () if selection is None else resolve_columns(selection, X)
    external = 0 if given is None else len(value_columns(given))
    n_in = X.shape[1]
    moved = [j for j in range(n_in) if j not in sensitive]
    if not moved:
        raise ValueError("All columns of X are sensitive: there is none left to transform.")
    out = moved if not estimator.keep_sensitive else range(n_in)
    numeric = [j for j in out if j in moved or holds_numbers(X, j)]
    if len(numeric) < len(out):  # the sensitive columns are kept together, in the sums or out
        numeric = moved
    places = tuple(i for i, j in enumerate(numeric) if j in moved)
    return Columns(n_in, sensitive, tuple(numeric), places, tuple(out), external)


def inside(selection):
    """Whether sensitive columns are looked for in X."""
    return selection is not None and not (isinstance(selection, (list, tuple)) and not selection)


def refuse_both(estimator, sensitive_features):
    """Refuse two sources for one thing."""
    if estimator.sensitive_columns is not None and sensitive_features is not None:
        raise ValueError(
            f"Got sensitive_features beside sensitive_columns={estimator.sensitive_columns!r}: "
            "leave one of the two at None."
        )


def draw_seed(random_state):
    """Key of the hashes of rows: the integer given, or drawn; None draws a secret one."""
    if random_state is None:
        return new_key()
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


# -- atoms ----------------------------------------------------------------------------------------


def warn_of_atoms(name, names):
    """Say that a real-valued map leaves traces in columns of few values."""
    warnings.warn(
        f"{len(names)} of the columns that {name} moves repeat a few values: {shown(names)}. Each "
        "group's copies of a value land at a place of their own, from which a tree can read the "
        "group. Keep categories, indicators and counts out of this step (for instance with a "
        'ColumnTransformer), or check with skunlearn.metrics.leakage_score(probe="boosting"). '
        'Silence: warnings.filterwarnings("ignore", "[0-9]+ of the columns that").',
        UserWarning,
        stacklevel=2,
    )


# -- what transformers share ----------------------------------------------------------------------


class SensitiveRoutingMixin:
    """What has `sensitive_columns` asks for no `sensitive_features` where these are named.

    So that in a search these can go to a scorer, and nothing has to be said of the other steps.
    """

    def get_metadata_routing(self):
        """Give what this estimator requests, as scikit-learn's metadata routing asks for it.

        Returns
        -------
        MetadataRequest
        """
        request = super().get_metadata_routing()
        if self.sensitive_columns is not None:
            for method in _ROUTED:
                wanted = getattr(request, method).requests
                if wanted.get("sensitive_features", False) is None:
                    getattr(request, method).add_request(param="sensitive_features", alias=False)
        return request


class SensitiveTransformerMixin(SensitiveRoutingMixin, OneToOneFeatureMixin):
    """Transformers with `sensitive_columns` and `keep_sensitive`, whose fit sets `_columns`."""

    #: What is made of rows of unknown groups.
    _instead = "these rows take the mean of the groups' maps under P(z|x)"

    def _read(self, request, reset):
        """Read rows to learn or to forget: numeric block, codes, groups, words, roles."""
        X = as_table(self, request.X, reset, allow_empty=not reset)
        if reset:
            columns = choose_columns(self, X, request.sensitive_features)
        else:
            columns = self._columns
            self._check_source(request.sensitive_features)
        numeric, codes, groups, words = self._read_as(X, request, columns, reset)
        if reset and len(groups) > 1:
            self._look_for_atoms(numeric, columns)
        return numeric, codes, groups, words, columns

    def _read_as(self, X, request, columns, reset):
        """Read a checked table in columns of known roles."""
        numeric = numeric_block(self, X, columns.numeric, allow_empty=not reset)
        values = sensitive_values(X, request.sensitive_features, columns)
        codes, groups, words = read_groups(values, len(numeric))
        refuse_missing(codes)
        return numeric, codes, groups, words

    def _look_for_atoms(self, numeric, columns):
        found = columns_with_atoms(numeric[:, list(columns.moved)])
        if found:
            names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(columns.n_in)])
            warn_of_atoms(type(self).__name__, [names[columns.moved_in[i]] for i in found])

    def _check_source(self, sensitive_features):
        """Refuse sensitive values that do not come from where they came from at fit."""
        refuse_both(self, sensitive_features)
        if self._columns.external and sensitive_features is None:
            raise ValueError(
                "Got no sensitive_features: pass those of these rows, as to fit "
                "(sensitive_features=...)."
            )
        if not self._columns.external and sensitive_features is not None:
            raise ValueError(
                "Got sensitive_features, but this model was fitted with sensitive columns inside X."
            )

    def _without_sensitive(self, X):
        """Whether X comes without the sensitive columns that fit found in it."""
        columns = self._columns
        if columns.external or not columns.sensitive:
            return False
        if len(columns.out) == columns.n_in:  # they are kept, and cannot be made up
            return False
        if num_columns(X) != columns.n_in - len(columns.sensitive):
            return False
        if is_frame(X) and hasattr(self, "feature_names_in_"):
            expected = np.delete(self.feature_names_in_, columns.sensitive)
            return list(X.columns) == list(expected)
        return True

    def _locate(self, X, sensitive_features):
        """Check rows to transform; give the table, its numeric block, and the rows' groups."""
        columns = self._columns
        if self.on_missing == "posterior" and self._without_sensitive(X):
            X = X if is_frame(X) else check_array(X, dtype=None, ensure_all_finite=False)
            numeric = numeric_block(self, X, range(X.shape[1]))
            codes = np.full(len(numeric), UNKNOWN)
        else:
            X = as_table(self, X, reset=False)
            numeric = numeric_block(self, X, columns.numeric)
            codes, _ = self._codes_of(X, len(numeric), sensitive_features)
        self._refuse_or_warn(np.count_nonzero(codes == UNKNOWN))
        return X, numeric, codes

    def _codes_of(self, X, n_rows, sensitive_features):
        """Codes among `groups_` of rows to transform, -1 where they are not told, and words."""
        columns = self._columns
        if columns.external and sensitive_features is None:
            words = np.zeros((n_rows, columns.external), dtype=np.uint64)
            return np.full(n_rows, UNKNOWN), words
        self._check_source(sensitive_features)
        values = sensitive_values(X, sensitive_features, columns)
        codes, groups, words = read_groups(values, n_rows)
        return codes_among(self.groups_, codes, groups), words

    def _refuse_or_warn(self, missing):
        """Refuse rows to transform of unknown groups, or say what is made of them."""
        if missing and self.on_missing == "error":
            raise ValueError(
                f"The sensitive features of {missing} rows are missing, and each group has a map "
                "of its own: pass them to transform (sensitive_features=..., or within X; in a "
                "pipeline by metadata routing, set_config(enable_metadata_routing=True)), "
                'or choose on_missing="posterior", which is weak.'
            )
        if missing:
            warnings.warn(
                f"The sensitive features of {missing} rows are missing: {self._instead}. That is "
                "weak: much of what tells the groups apart stays. Measure it with "
                "skunlearn.metrics.leakage_score.",
                UserWarning,
                stacklevel=5,
            )

    def _assemble(self, X, numeric):
        """Make the table that goes out: an array, or a copy of X if it keeps other things."""
        columns = self._columns
        if columns.plain:
            return numeric
        if hasattr(X, "isetitem"):
            out = X.copy()
            for i, j in enumerate(columns.numeric):
                out.isetitem(j, numeric[:, i])
            return out
        out = np.array(X, dtype=object)
        out[:, list(columns.numeric)] = numeric
        return out

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
        return super().get_feature_names_out(input_features)[list(self._columns.out)]

    # -- in a pipeline, by protocol ----------------------------------------------------------

    def _front(self, request, reset):
        """Numeric columns that go out, the group of each row, and what `_derive` needs to know."""
        if not reset and not is_frame(request.X) and not inside(self.sensitive_columns):
            # Behind another step, which has checked X: ours will be as wide as what that puts out.
            X = check_array(request.X, dtype=None, ensure_all_finite=False, ensure_min_samples=0)
            columns = choose_columns(self, X, request.sensitive_features)
            numeric, codes, groups, _ = self._read_as(X, request, columns, reset)
        else:
            numeric, codes, groups, _, columns = self._read(request, reset)
        if not columns.plain:
            raise ValueError(_NOT_NUMERIC)
        return numeric, [groups[code] for code in codes.tolist()], {"columns": columns}

    def _moments_refusal(self, request):
        """Why a pipeline cannot carry on with moments of what goes out, or None."""
        if not self.keep_sensitive or self.sensitive_columns is None:
            return None
        X = request.X if is_frame(request.X) else np.asarray(request.X)
        plain = all(holds_numbers(X, j) for j in resolve_columns(self.sensitive_columns, X))
        return None if plain else _NOT_NUMERIC
