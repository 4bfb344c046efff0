"""Forgetting against utility of several unlearners, with the band of the refits."""

import numpy as np

from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._plot._pyplot import new_axes

# What stands for forgetting: quantity and rows in the table of an audit, its draws, and in words.
_FORGETTING = {
    "loss": ("loss", "forget", "loss_forget", "mean loss of the forget rows"),
    "distance": (
        "distance to the refits",
        "forget",
        "distance_forget",
        "distance to the refits on the forget rows",
    ),
    "membership": (
        "membership AUC",
        "forget, test",
        "membership_auc",
        "AUC of the loss, forget against test rows",
    ),
}


class UnlearningTradeoffDisplay:
    """What methods forgot, against what they can still do; the aim is where refits are.

    Make one with :meth:`from_comparison` or :meth:`from_predictions`.

    Parameters
    ----------
    names : list of str
        Of the methods.
    forgetting, utility : array-like of shape (n_methods,)
        A number of the forget rows, and a score on fresh rows.
    refits_forgetting, refits_utility : array-like of shape (n_refits,)
        The same of models that never saw the forget rows.
    original : tuple of (float, float), default=None
        The two numbers of the model before it forgot.
    forgetting_name, utility_name : str, default="forgetting", "test score"
        Names of the axes.

    Attributes
    ----------
    in_band : ndarray of shape (n_methods,), bool
        Methods between the least and the most of the refits, in both numbers.
    ax_ : matplotlib Axes
        Axes of the last plot.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    skunlearn.audit.compare_unlearners : The audits behind the picture.
    ParetoDisplay : Leak against utility of a map.

    Notes
    -----
    The aim is the band, not a corner: forget rows that are more surprising than for any refit were
    pushed to be wrong, and that tells of them too. The band spans the refits that were fitted, so
    that one more refit falls outside of a side of it now and then (with k refits, one time in
    (k + 1) / 2); the audits test, the picture shows. Two numbers are not a model: a method can lie
    in the band, and differ row by row.

    Examples
    --------
    >>> from skunlearn.metrics import UnlearningTradeoffDisplay
    >>> display = UnlearningTradeoffDisplay.from_predictions(
    ...     ["nothing", "ours"], [0.1, 1.0], [0.9, 0.89], [0.9, 1.1], [0.88, 0.9]
    ... )
    >>> display.in_band
    array([False,  True])
    """

    def __init__(
        self,
        names,
        forgetting,
        utility,
        refits_forgetting,
        refits_utility,
        *,
        original=None,
        forgetting_name="forgetting",
        utility_name="test score",
    ):
        self.names = [str(name) for name in names]
        self.forgetting = _numbers(forgetting, "forgetting", len(self.names))
        self.utility = _numbers(utility, "utility", len(self.names))
        self.refits_forgetting = _numbers(refits_forgetting, "refits_forgetting")
        self.refits_utility = _numbers(
            refits_utility, "refits_utility", len(self.refits_forgetting)
        )
        self.original = None if original is None else tuple(map(float, original))
        self.forgetting_name, self.utility_name = forgetting_name, utility_name
        self.in_band = _inside(self.forgetting, self.refits_forgetting) & _inside(
            self.utility, self.refits_utility
        )

    @classmethod
    def from_comparison(cls, comparison, *, forgetting="loss", ax=None, **kwargs):
        """Plot the methods of a comparison.

        Parameters
        ----------
        comparison : UnlearnerComparison
            Of :func:`~skunlearn.audit.compare_unlearners`.
        forgetting : {"loss", "distance", "membership"}, default="loss"
            What stands for forgetting.
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        UnlearningTradeoffDisplay
        """
        if forgetting not in _FORGETTING:
            raise ValueError(f"Got forgetting={forgetting!r}, expected one of {list(_FORGETTING)}.")
        quantity, rows, draws, words = _FORGETTING[forgetting]
        audits = dict(comparison)
        if not audits:
            raise ValueError("Got a comparison without methods.")
        tables = [
            {(row["quantity"], row["rows"]): row for row in audit.table}
            for audit in audits.values()
        ]
        first, audit = tables[0], next(iter(audits.values()))
        places = (quantity, rows), ("score", "test")
        display = cls(
            list(audits),
            *([table[place]["unlearned"] for table in tables] for place in places),
            audit.draws[draws],
            audit.draws["score"],
            original=[first[place]["original"] for place in places],
            forgetting_name=words,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls, names, forgetting, utility, refits_forgetting, refits_utility, **options
    ):
        """Show numbers that are there already.

        Parameters
        ----------
        names : list of str
        forgetting, utility : array-like of shape (n_methods,)
        refits_forgetting, refits_utility : array-like of shape (n_refits,)
        **options : dict
            `original`, `forgetting_name`, `utility_name`.

        Returns
        -------
        UnlearningTradeoffDisplay
        """
        return cls(names, forgetting, utility, refits_forgetting, refits_utility, **options)

    def frame(self):
        """Return the numbers behind the picture as a DataFrame, one row a model.

        Returns
        -------
        DataFrame
            Columns model, kind ("method", "refit", "original"), forgetting, utility, in_band.
        """
        rows = [
            (name, "method", f, u, bool(inside))
            for name, f, u, inside in zip(
                self.names, self.forgetting, self.utility, self.in_band, strict=True
            )
        ]
        pairs = zip(self.refits_forgetting, self.refits_utility, strict=True)
        rows += [(f"refit {i}", "refit", f, u, True) for i, (f, u) in enumerate(pairs)]
        if self.original is not None:
            rows.append(("original", "original", *self.original, False))
        names = ("model", "kind", "forgetting", "utility", "in_band")
        return to_frame([dict(zip(names, row, strict=True)) for row in rows])

    def plot(self, ax=None):
        """Draw a mark a method, the refits as dots, and their range as a band.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.

        Returns
        -------
        UnlearningTradeoffDisplay
            Itself.
        """
        ax = new_axes("UnlearningTradeoffDisplay", (6.0, 4.4)) if ax is None else ax
        ax.axvspan(
            self.refits_forgetting.min(), self.refits_forgetting.max(), color="C2", alpha=0.12
        )
        ax.axhspan(self.refits_utility.min(), self.refits_utility.max(), color="C2", alpha=0.12)
        ax.plot(self.refits_forgetting, self.refits_utility, ".", color="C2", label="refits")
        if self.original is not None:
            ax.plot(*self.original, "s", color="C1", label="original")
        for f, u, inside in zip(self.forgetting, self.utility, self.in_band, strict=True):
            ax.plot(f, u, "D", color="C0", mfc="C0" if inside else "none")
        ax.margins(0.12)
        middle = np.mean(ax.get_xlim())  # a name stands on the side where there is room
        for rank, i in enumerate(np.argsort(self.forgetting)):  # neighbours: one above, one below
            f, place = (
                self.forgetting[i],
                (7 if self.forgetting[i] < middle else -7, 5 - 16 * (rank % 2)),
            )
            side = {"xytext": place, "ha": "left" if f < middle else "right"}
            text = {"textcoords": "offset points", "fontsize": "small", **side}
            ax.annotate(self.names[i], (f, self.utility[i]), **text)
        ax.set(xlabel=self.forgetting_name, ylabel=self.utility_name)
        ax.legend(fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _numbers(values, name, n=None):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or (n is not None and len(values) != n):
        expected = "at least one number" if n is None else f"{n} of them"
        raise ValueError(f"Got {name} of shape {values.shape}, expected {expected}.")
    return values


def _inside(values, refits):
    return (values >= refits.min()) & (values <= refits.max())
