"""Utility against leakage: all candidates of a search, and the frontier among them."""

from collections.abc import Mapping

import numpy as np

from skunlearn.metrics._leakage import to_frame


def _pyplot():
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "ParetoDisplay.plot needs matplotlib: pip install 'skunlearn[plot]', or read the "
            "numbers with frame()."
        ) from error
    return plt


class ParetoDisplay:
    """Utility and leakage of some candidates, and which of them no other one beats in both.

    Parameters
    ----------
    utility : array-like of shape (n_candidates,)
        More is better.
    leakage : array-like of shape (n_candidates,)
        Less is better; 0 is chance.
    labels : list of str, default=None
        Names of the candidates.
    utility_std, leakage_std : array-like of shape (n_candidates,), default=None
        Standard deviations over the folds, drawn as bars.
    utility_name, leakage_name : str, default="utility", "leakage"
        Names of the axes.

    Attributes
    ----------
    on_frontier : ndarray of shape (n_candidates,), bool
        Candidates that no other has at least the utility and at most the leakage of, one of them
        strictly better.
    ax_ : matplotlib Axes
        Axes of the last plot.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    make_leakage_scorer : The leakage of a search.
    select_strength : One strength with a claim, in place of a picture.

    Notes
    -----
    The points are means over the folds that ranked the candidates: the frontier is the best of
    what was tried, in hindsight, and flatters itself. Measure the chosen candidate on other rows.

    Examples
    --------
    >>> from skunlearn.metrics import ParetoDisplay
    >>> display = ParetoDisplay([0.9, 0.8, 0.7], [0.3, 0.1, 0.2], labels=["0", "1", "10"])
    >>> display.on_frontier
    array([ True,  True, False])
    """

    def __init__(
        self,
        utility,
        leakage,
        *,
        labels=None,
        utility_std=None,
        leakage_std=None,
        utility_name="utility",
        leakage_name="leakage",
    ):
        self.utility = _column(utility, "utility")
        n = len(self.utility)
        self.leakage = _column(leakage, "leakage", n)
        self.labels = [str(i) for i in range(n)] if labels is None else [str(v) for v in labels]
        if len(self.labels) != n:
            raise ValueError(f"Got {len(self.labels)} labels for {n} candidates.")
        self.utility_std = None if utility_std is None else _column(utility_std, "utility_std", n)
        self.leakage_std = None if leakage_std is None else _column(leakage_std, "leakage_std", n)
        self.utility_name = utility_name
        self.leakage_name = leakage_name
        self.on_frontier = frontier(self.utility, self.leakage)

    @classmethod
    def from_search(cls, search, *, utility="utility", leakage="leakage", ax=None, **kwargs):
        """Plot the candidates of a fitted search with several metrics.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV, or the like
            Fitted with ``scoring={"utility": ..., "leakage": make_leakage_scorer(...)}`` and
            `refit` False or one of the names.
        utility, leakage : str, default="utility", "leakage"
            Names of the two metrics in `scoring`. As every score, the second one is larger where
            it is better: minus the leakage, which is drawn.
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ParetoDisplay
        """
        display = cls._of_search(search, utility, leakage)
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def _of_search(cls, search, utility, leakage):
        results = getattr(search, "cv_results_", None)
        if results is None:
            raise ValueError(f"Got {type(search).__name__} without cv_results_: fit it first.")
        prefix = "mean_test_"
        names = [key.removeprefix(prefix) for key in results if key.startswith(prefix)]
        for name in (utility, leakage):
            if name not in names:
                raise ValueError(
                    f"Got {name!r}, expected one of the metrics of the search, {names}: pass "
                    'scoring={"utility": ..., "leakage": make_leakage_scorer()} to it.'
                )
        return cls(
            results[prefix + utility],
            -results[prefix + leakage],
            labels=_labels(results["params"]),
            utility_std=results[f"std_test_{utility}"],
            leakage_std=results[f"std_test_{leakage}"],
            utility_name=utility,
            leakage_name=leakage,
        )

    def frame(self):
        """Return the numbers behind the picture as a pandas DataFrame, one row a candidate."""
        std = {"utility_std": self.utility_std, "leakage_std": self.leakage_std}
        columns = {
            "candidate": self.labels,
            "utility": self.utility,
            "leakage": self.leakage,
            **{name: values for name, values in std.items() if values is not None},
            "on_frontier": self.on_frontier,
        }
        rows = zip(*columns.values(), strict=True)
        return to_frame([dict(zip(columns, row, strict=True)) for row in rows])

    def plot(self, ax=None, *, annotate=True, name=None, color=None):
        """Draw the candidates, and a line through those on the frontier.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        annotate : bool, default=True
            Write the names of the candidates on the frontier beside them.
        name : str, default=None
            Name of the line, for a legend where several are drawn.
        color : str, default=None
            Of line and markers; matplotlib's next one if None.

        Returns
        -------
        ParetoDisplay
            This object, with `ax_` and `figure_`.
        """
        if ax is None:
            _, ax = _pyplot().subplots()
        front = np.flatnonzero(self.on_frontier)
        front = front[np.lexsort([self.utility[front], self.leakage[front]])]
        (line,) = ax.plot(
            self.leakage[front],
            self.utility[front],
            "o-",
            color=color,
            label="frontier" if name is None else name,
        )
        color, beaten = line.get_color(), ~self.on_frontier
        if beaten.any():
            dots = {"color": color, "mfc": "none", "alpha": 0.6}
            ax.plot(self.leakage[beaten], self.utility[beaten], "o", **dots)
        if self.utility_std is not None or self.leakage_std is not None:
            ax.errorbar(
                self.leakage,
                self.utility,
                xerr=self.leakage_std,
                yerr=self.utility_std,
                fmt="none",
                ecolor=color,
                alpha=0.3,
                zorder=1,
            )
        if annotate:  # a second frontier on the same axes has its names on the other side
            corner = {"xytext": (-5, 4), "ha": "right"} if ax.texts else {"xytext": (6, -10)}
            text = {"textcoords": "offset points", "fontsize": "small", "color": color, **corner}
            for i in front:
                ax.annotate(self.labels[i], (self.leakage[i], self.utility[i]), **text)
        ax.set(xlabel=f"{self.leakage_name} (0 is chance)", ylabel=self.utility_name)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def frontier(utility, leakage):
    """Tell which candidates no other one beats.

    Parameters
    ----------
    utility, leakage : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,), bool
        False, too, where one of the two is NaN.
    """
    more, less = utility[:, None] >= utility, leakage[:, None] <= leakage
    strictly = (utility[:, None] > utility) | (leakage[:, None] < leakage)
    beaten = (more & less & strictly).any(axis=0)
    return ~beaten & np.isfinite(utility) & np.isfinite(leakage)


def _column(values, name, n=None):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or (n is not None and len(values) != n):
        expected = "(n_candidates,)" if n is None else f"({n},)"
        raise ValueError(f"Got {name} of shape {values.shape}, expected {expected}.")
    return values


def _labels(candidates):
    """Names of candidates: what differs between them; a single parameter by its value only."""
    names = sorted({name for params in candidates for name in params})
    varied = [n for n in names if len({repr(params.get(n)) for params in candidates}) > 1]
    if len(varied) == 1:
        return [_short(params.get(varied[0])) for params in candidates]
    return [
        ", ".join(f"{n.split('__')[-1]}={_short(params.get(n))}" for n in varied)
        for params in candidates
    ]


def _short(value):
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    return type(value).__name__ if isinstance(value, Mapping) else str(value)
