"""The path of the marginal information over the steps of an unlearner, beside its aim."""

import numpy as np

from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._marginal import marginal_information
from skunlearn.metrics._plot._pyplot import new_axes


class MarginalInformationDisplay:
    """Marginal information along steps or strengths, beside the level of unseen rows.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    results : list of MarginalInformationResult
        One a step, of :func:`marginal_information` with one share, prior and signal.
    steps : array-like of shape (n_steps,), default=None
        Numbers or names of the steps; 0, 1, … by default.
    steps_name : str, default="step"

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last plot.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    marginal_information : What is drawn, and what it cannot see.

    Notes
    -----
    The aim is the dashed line, not zero: a model that never saw the forget rows treats them as
    unseen ones. The level belongs to the model of its step, and moves with it. Below the line the
    forget rows are still known; above it they were forgotten too well. Points of a path share
    their rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import MarginalInformationDisplay, marginal_information
    >>> rng = np.random.default_rng(0)
    >>> retain, unseen = rng.normal(size=900), rng.normal(size=300) - 1
    >>> results = [
    ...     marginal_information(
    ...         None, retain, None, rng.normal(size=300) - shift, None, X_unseen=unseen
    ...     )
    ...     for shift in (0, 0.5, 1)
    ... ]
    >>> path = MarginalInformationDisplay.from_predictions(results, steps=[0, 10, 20])
    >>> list(path.frame()["step"])
    [0, 10, 20]
    """

    def __init__(self, results, *, steps=None, steps_name="step"):
        self.results = list(results)
        if not self.results:
            raise ValueError("Got no results, expected at least one.")
        self.steps = list(range(len(self.results)) if steps is None else steps)
        if len(self.steps) != len(self.results):
            raise ValueError(f"Got {len(self.steps)} steps for {len(self.results)} results.")
        kinds = {(r.signal, r.share, r.prior, r.given_y) for r in self.results}
        if len(kinds) > 1:
            raise ValueError(f"Got results of several kinds, {kinds}: they have no common scale.")
        self.steps_name = steps_name

    @classmethod
    def from_estimator(
        cls,
        estimators,
        X_retain,
        y_retain,
        X_forget,
        y_forget,
        *,
        steps_name="step",
        ax=None,
        options=None,
        **kwargs,
    ):
        """Measure models, and plot their path.

        Parameters
        ----------
        estimators : dict of (number or str) to estimator, or list of estimator
            Fitted models, by step or strength.
        X_retain, y_retain, X_forget, y_forget : array-like
            As in :func:`marginal_information`.
        steps_name : str, default="step"
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        options : dict, default=None
            Keywords of :func:`marginal_information`, such as `X_unseen` and `y_unseen`.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        MarginalInformationDisplay
        """
        if not isinstance(estimators, dict):
            estimators = dict(enumerate(estimators))
        results = [
            marginal_information(model, X_retain, y_retain, X_forget, y_forget, **(options or {}))
            for model in estimators.values()
        ]
        display = cls(results, steps=list(estimators), steps_name=steps_name)
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, results, *, steps=None, steps_name="step"):
        """Show results that are there already.

        Parameters
        ----------
        results : list of MarginalInformationResult
        steps : array-like of shape (n_steps,), default=None
        steps_name : str, default="step"

        Returns
        -------
        MarginalInformationDisplay
        """
        return cls(results, steps=steps, steps_name=steps_name)

    def frame(self):
        """Return the numbers behind the picture as a DataFrame, one row a step.

        Returns
        -------
        DataFrame
            Columns step, information, low, high, unseen, null_high; in nats.
        """
        rows = [
            {
                "step": step,
                "information": result.corrected,
                "low": result.ci_low,
                "high": result.ci_high,
                "unseen": result.unseen,
                "null_high": result.null_high,
            }
            for step, result in zip(self.steps, self.results, strict=True)
        ]
        return to_frame(rows)

    def plot(self, ax=None, *, color=None, name="forget rows"):
        """Draw the path with its intervals, the level of unseen rows dashed.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        color : str, default=None
        name : str, default="forget rows"
            For the legend.

        Returns
        -------
        MarginalInformationDisplay
            Itself.
        """
        ax = new_axes("MarginalInformationDisplay", (6.0, 4.2)) if ax is None else ax
        numeric = all(isinstance(step, int | float | np.number) for step in self.steps)
        places = np.array(self.steps, dtype=float) if numeric else np.arange(len(self.steps))
        table = self.frame()
        found = {name: np.array(table[name], dtype=float) for name in table.columns[1:]}
        # the interval starts at 0; the corrected estimate may lie a little below
        shown = np.clip(found["information"], found["low"], found["high"])
        (line,) = ax.plot(places, shown, "o-", color=color, label=name)
        ax.fill_between(places, found["low"], found["high"], color=line.get_color(), alpha=0.2)
        if np.isfinite(found["unseen"]).any():
            ax.plot(
                places, found["unseen"], "--", color="0.3", label="unseen rows: the level to reach"
            )
        if np.isfinite(found["null_high"]).any():
            label = f"nothing to tell ({self.results[0].level:.0%} of permutations, uncorrected)"
            ax.plot(places, found["null_high"], ":", color="0.6", label=label)
        if not numeric:
            ax.set_xticks(places, [str(step) for step in self.steps])
        share = self.results[0].share
        ax.set(
            xlabel=self.steps_name,
            ylabel=f"marginal information of {self.results[0].signal} (nats), share {share:.3g}",
        )
        ax.set_ylim(bottom=0)
        ax.legend(fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self
