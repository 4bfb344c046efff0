"""Distributions of the groups before and after a map, column by column."""

import numpy as np
from scipy.stats import gaussian_kde
from sklearn.base import clone
from sklearn.utils import check_random_state

from skunlearn.metrics._audit_leakage import without_sensitive
from skunlearn.metrics._information import as_columns
from skunlearn.metrics._inputs import check_sensitive, group_codes
from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._probes import mapped_parts

_FEW = 10  # distinct values that are drawn as bars
_POINTS = 200


class GroupDistributionDisplay:
    """Densities or bars of every group, before and after a map.

    Make one with :meth:`from_transformer` or :meth:`from_arrays`. A column of at most 10 distinct
    values, or of no numbers, is drawn as bars (shares), any other as a density (Gaussian kernel).

    Parameters
    ----------
    before, after : dict of str to ndarray of shape (n_samples,)
        Columns by name, the same names in both.
    groups : ndarray of shape (n_samples,)
        The group of each row.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_columns, 2)
        After :meth:`plot`: before on the left, after on the right.
    figure_ : matplotlib Figure
        After :meth:`plot`.

    See Also
    --------
    audit_leakage : What a probe makes of what remains.
    sliced_wasserstein : The distance between the groups as one number.

    Notes
    -----
    A picture of single columns sees neither dependencies between them nor, in a density, atoms
    that lie close to each other: groups that look alike here can be told apart by a tree. It
    shows where a map moves mass, not that nothing is left.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import GroupDistributionDisplay
    >>> sex = np.repeat(["f", "m"], 50)
    >>> wage = np.arange(100.0)
    >>> repaired = wage - 50.0 * (sex == "m")
    >>> display = GroupDistributionDisplay.from_arrays(wage, repaired, sex, feature_names=["wage"])
    >>> sorted(display.before), display.groups.shape
    (['wage'], (100,))
    """

    def __init__(self, before, after, groups):
        self.before = before
        self.after = after
        self.groups = groups

    @classmethod
    def from_transformer(
        cls,
        transformer,
        X,
        sensitive_features,
        *,
        y=None,
        columns=None,
        pass_sensitive=False,
        random_state=None,
    ):
        """Fit a clone on a random half of the rows, and show the other half before and after.

        Parameters
        ----------
        transformer : estimator
            Transformer or pipeline that puts out the columns of X, or a part of them.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Its input. Columns that are equal to `sensitive_features` are not shown.
        sensitive_features : array-like of shape (n_samples,)
            The group of each row.
        y : array-like of shape (n_samples,), default=None
            Target for the transformer's ``fit``.
        columns : list of str or int, default=None
            Columns to show, by name or position; all by default.
        pass_sensitive : bool or "fit", default=False
            Whether `transformer` gets the keyword ``sensitive_features``, see
            :func:`leakage_score`.
        random_state : int, RandomState instance or None, default=None
            For the halves.

        Returns
        -------
        GroupDistributionDisplay
        """
        X = as_columns(X)
        groups = check_sensitive(sensitive_features, X.shape[0])
        order = check_random_state(random_state).permutation(len(groups))
        halves = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
        data = without_sensitive(True, X, groups)
        before = data.iloc[halves[1]] if hasattr(data, "iloc") else data[halves[1]]
        (after,) = mapped_parts(X, groups, y, halves, clone(transformer), pass_sensitive)
        return cls.from_arrays(before, after, groups[halves[1]], columns=columns)

    @classmethod
    def from_arrays(cls, before, after, groups, *, feature_names=None, columns=None):
        """Show data that is transformed already.

        Parameters
        ----------
        before, after : array-like or DataFrame of shape (n_samples, n_features)
            The same rows, the same columns.
        groups : array-like of shape (n_samples,)
            The group of each row.
        feature_names : list of str, default=None
            Names of the columns; those of a DataFrame, else x0, x1, …, by default.
        columns : list of str or int, default=None
            Columns to show, by name or position; all by default.

        Returns
        -------
        GroupDistributionDisplay
        """
        before, after = as_columns(before), as_columns(after)
        groups = check_sensitive(groups, before.shape[0])
        group_codes(groups, 2)
        if before.shape != after.shape:
            raise ValueError(
                f"Got before of shape {before.shape} and after of shape {after.shape}, expected "
                "the same rows and columns."
            )
        names = _names(before if hasattr(before, "columns") else after, feature_names)
        chosen = range(len(names)) if columns is None else [_position(c, names) for c in columns]
        return cls(
            {names[j]: _column(before, j) for j in chosen},
            {names[j]: _column(after, j) for j in chosen},
            groups,
        )

    def plot(self, axes=None, *, max_columns=6):
        """Draw a row of two axes for each column.

        Parameters
        ----------
        axes : ndarray of matplotlib Axes of shape (n_columns, 2), default=None
            Axes to draw on; a new figure by default.
        max_columns : int, default=6
            The first so many columns are drawn.

        Returns
        -------
        GroupDistributionDisplay
            Itself.
        """
        names = list(self.before)[:max_columns]
        axes = _new_axes(len(names)) if axes is None else np.asarray(axes).reshape(len(names), 2)
        for pair, name in zip(axes, names, strict=True):
            for ax, curves, title in zip(pair, self._curves(name), _STAGES, strict=True):
                _draw(ax, curves)
                ax.set_title(f"{name}, {title}", fontsize="medium")
                ax.set_yticks([])
        axes[0, 0].legend()
        self.axes_, self.figure_ = axes, axes[0, 0].figure
        return self

    def frame(self):
        """Return what is drawn as a DataFrame: column, stage, group, kind, value, height.

        Returns
        -------
        DataFrame
            ``kind`` is "density" (height in 1 over units of the column) or "share".
        """
        records = []
        for name in self.before:
            for stage, curves in zip(_STAGES, self._curves(name), strict=True):
                for group, (kind, values, heights) in curves.items():
                    records += [
                        {
                            "column": name,
                            "stage": stage,
                            "group": group,
                            "kind": kind,
                            "value": value,
                            "height": float(height),
                        }
                        for value, height in zip(values, heights, strict=True)
                    ]
        return to_frame(records)

    def _curves(self, name):
        """Return the curves of one column before and after, on a common axis."""
        parts = self.before[name], self.after[name]
        both = np.concatenate(parts)
        numeric = all(part.dtype.kind in "biuf" for part in parts)
        if numeric:
            both = both[np.isfinite(both.astype(float))].astype(float)
        if not numeric or len(np.unique(both)) <= _FEW:
            levels = np.unique(both)
            return [self._by_group(part, _shares, levels) for part in parts]
        grid = np.linspace(both.min(), both.max(), _POINTS)
        return [self._by_group(part.astype(float), _density, grid) for part in parts]

    def _by_group(self, values, height, where):
        return {
            group: height(values[self.groups == group], where)
            for group in np.unique(self.groups).tolist()
        }


_STAGES = ("before", "after")


def _shares(values, levels):
    return "share", levels.tolist(), [np.mean(values == level) for level in levels]


def _density(values, grid):
    values = values[np.isfinite(values)]
    if len(values) < 2 or np.ptp(values) == 0:  # a kernel needs a spread
        return "density", grid.tolist(), np.zeros(len(grid))
    return "density", grid.tolist(), gaussian_kde(values)(grid)


def _draw(ax, curves):
    for i, (group, (kind, values, heights)) in enumerate(curves.items()):
        if kind == "density":
            (line,) = ax.plot(values, heights, label=str(group))
            ax.fill_between(values, heights, color=line.get_color(), alpha=0.2)
            continue
        width = 0.8 / len(curves)
        places = np.arange(len(values)) + (i - (len(curves) - 1) / 2) * width
        ax.bar(places, heights, width, label=str(group))
        if not i:
            labels = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
            ax.set_xticks(range(len(values)), labels, rotation=30 if len(values) > 4 else 0)


def _new_axes(n_rows):
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plot needs matplotlib: install it (pip install matplotlib), or take the numbers from "
            "frame()."
        ) from error
    return plt.subplots(
        n_rows, 2, figsize=(8, 2.2 * n_rows + 0.4), squeeze=False, layout="constrained"
    )[1]


def _names(table, feature_names):
    n_columns = table.shape[1]
    if feature_names is None:
        named = hasattr(table, "columns")
        return [str(c) for c in table.columns] if named else [f"x{j}" for j in range(n_columns)]
    names = [str(name) for name in feature_names]
    if len(names) != n_columns:
        raise ValueError(f"Got {len(names)} feature_names for {n_columns} columns.")
    return names


def _position(column, names):
    if isinstance(column, str):
        if column not in names:
            raise ValueError(f"Got column {column!r}, expected one of {names}.")
        return names.index(column)
    return range(len(names))[column]


def _column(table, j):
    values = np.asarray(table.iloc[:, j] if hasattr(table, "iloc") else table[:, j])
    if values.dtype.kind != "O":
        return values
    try:
        return values.astype(float)
    except (TypeError, ValueError):
        return values.astype(str)
