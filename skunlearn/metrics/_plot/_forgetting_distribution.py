"""Losses or entropies of forget rows, beside unseen rows and the same rows under refits."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._rows import join
from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._plot._pyplot import new_axes
from skunlearn.metrics._signals import SignalReader

_NAMES = {
    "loss": "loss of a row",
    "entropy": "entropy of the prediction for a row (nats)",
}


class ForgettingDistributionDisplay:
    """Distributions of the loss (or entropy) of single rows: forgotten, unseen, under refits.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    forget : ndarray of shape (n_forget,)
        Losses or entropies of the forget rows under the unlearned model.
    unseen : ndarray of shape (n_unseen,)
        Of rows that it never saw.
    original : ndarray of shape (n_forget,), default=None
        Of the forget rows under the model before it forgot.
    refits : ndarray of shape (n_refits, n_forget), default=None
        Of the forget rows under models that never saw them.
    statistic : {"loss", "entropy"}, default="loss"
        What the numbers are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the last plot.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    membership_inference : ``method="loss"`` is the attack that sees this picture.
    entropy_comparison : Tests of the entropies.

    Notes
    -----
    The line of the forget rows belongs within the band of the refits: left of it, they are still
    known; right of it, the model was pushed to be wrong about them, which tells as well that they
    were there. The line of the unseen rows is where forget rows belong only if both are from one
    law. A distribution hides which row is which: two rows may change places unseen.

    Examples
    --------
    >>> from skunlearn.metrics import ForgettingDistributionDisplay
    >>> display = ForgettingDistributionDisplay.from_predictions(
    ...     [0.1, 0.2], [0.1, 0.9], refits=[[0.2, 0.8], [0.3, 0.5]]
    ... )
    >>> sorted(set(display.frame()["rows"]))
    ['forget', 'forget, refit', 'unseen']
    """

    def __init__(self, forget, unseen, *, original=None, refits=None, statistic="loss"):
        if statistic not in _NAMES:
            raise ValueError(f"Got statistic={statistic!r}, expected one of {list(_NAMES)}.")
        self.forget = _numbers(forget, "forget", 1)
        self.unseen = _numbers(unseen, "unseen", 1)
        self.original = None if original is None else _numbers(original, "original", 1)
        self.refits = None if refits is None else _numbers(np.atleast_2d(refits), "refits", 2)
        self.statistic = statistic

    @classmethod
    def from_estimator(
        cls,
        unlearned,
        X_forget,
        y_forget,
        X_test,
        y_test,
        *,
        original=None,
        refits=(),
        statistic="loss",
        ax=None,
        **kwargs,
    ):
        """Read the models, and plot.

        Parameters
        ----------
        unlearned : estimator
            The model after unlearning.
        X_forget, y_forget : array-like of shape (n_forget, n_features) and (n_forget,)
            The forget rows.
        X_test, y_test : array-like of shape (n_test, n_features) and (n_test,)
            Rows that it never saw.
        original : estimator, default=None
            The model before it forgot.
        refits : list of estimator, default=()
            Models that never saw the forget rows.
        statistic : {"loss", "entropy"}, default="loss"
            Loss: minus the logarithm of the probability of the true label; minus the margin for
            models with a `decision_function` only; for regressors the squared error, in squared
            standard deviations of these targets. Entropy: of `predict_proba`.
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ForgettingDistributionDisplay
        """
        if statistic not in _NAMES:
            raise ValueError(f"Got statistic={statistic!r}, expected one of {list(_NAMES)}.")
        models = [unlearned, *([] if original is None else [original]), *refits]
        for model in models:
            check_is_fitted(model)
        X, y = join(X_forget, X_test), join(np.asarray(y_forget), np.asarray(y_test))
        reader = SignalReader(models, y, statistic)
        values = -reader.finish([reader.read(model, X) for model in models])
        n = num_samples(X_forget)
        display = cls(
            values[0, :n],
            values[0, n:],
            original=None if original is None else values[1, :n],
            refits=values[len(models) - len(refits) :, :n] if len(refits) else None,
            statistic=statistic,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, forget, unseen, *, original=None, refits=None, statistic="loss"):
        """Show losses or entropies that are there already.

        Parameters
        ----------
        forget, unseen : array-like of shape (n_forget,) and (n_unseen,)
        original : array-like of shape (n_forget,), default=None
        refits : array-like of shape (n_refits, n_forget), default=None
        statistic : {"loss", "entropy"}, default="loss"

        Returns
        -------
        ForgettingDistributionDisplay
        """
        return cls(forget, unseen, original=original, refits=refits, statistic=statistic)

    def frame(self):
        """Return every number as a DataFrame: rows, model, value.

        Returns
        -------
        DataFrame
            ``rows`` is "forget", "unseen", "forget, original" or "forget, refit".
        """
        parts = [("forget", 0, self.forget), ("unseen", 0, self.unseen)]
        if self.original is not None:
            parts.append(("forget, original", 0, self.original))
        parts += [("forget, refit", i, row) for i, row in enumerate(self._refits())]
        return to_frame(
            [
                {"rows": rows, "model": i, "value": float(value)}
                for rows, i, values in parts
                for value in values
            ]
        )

    def plot(self, ax=None, *, log=None):
        """Draw the share of rows up to each value; the refits as a band from least to most.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        log : bool, default=None
            A logarithmic axis; by default for losses that are all positive.

        Returns
        -------
        ForgettingDistributionDisplay
            Itself.
        """
        ax = new_axes("ForgettingDistributionDisplay", (6.0, 4.2)) if ax is None else ax
        lines = [("unseen rows", self.unseen, "C0"), ("forget rows", self.forget, "C3")]
        if self.original is not None:
            lines.append(("forget rows, before", self.original, "C1"))
        every = np.concatenate([*(values for _, values, _ in lines), self._refits().ravel()])
        log = self.statistic == "loss" and every.min() >= 0 if log is None else log
        grid, shown = _grid(every, log)
        if len(self._refits()):
            shares = np.array([_share_up_to(row, grid) for row in self._refits()])
            ax.fill_between(
                grid,
                shares.min(axis=0),
                shares.max(axis=0),
                step="post",
                color="0.75",
                lw=0,
                label=f"forget rows, {len(shares)} refits",
            )
            ax.step(grid, shares.mean(axis=0), where="post", color="0.45", lw=1)
        for label, values, color in lines:
            ax.step(grid, _share_up_to(values, grid), where="post", color=color, label=label)
        if log:
            ax.set_xscale("log")
        ax.set(xlabel=_NAMES[self.statistic], ylabel="share of rows up to this", ylim=(0, 1.02))
        ax.set_xlim(*shown)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _refits(self):
        return np.zeros((0, len(self.forget))) if self.refits is None else self.refits


def _grid(values, log):
    """Where the shares are read, and the part that is shown."""
    if not log:
        low, high = values.min(), values.max()
        margin = 0.03 * (high - low) or 1.0
        return np.linspace(low - margin, high + margin, 600), (low - margin, high + margin)
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
    low, high = max(low, high * 1e-8) / 1.3, high * 1.3  # eight decades will do
    return np.geomspace(low, high, 600), (low, high)


def _share_up_to(values, grid):
    return np.searchsorted(np.sort(values), grid, side="right") / len(values)


def _numbers(values, name, ndim):
    values = np.asarray(values, dtype=float)
    if values.ndim != ndim or not values.size or not np.isfinite(values).all():
        expected = "(n_rows,)" if ndim == 1 else "(n_refits, n_forget)"
        raise ValueError(
            f"Got {name} of shape {values.shape}, expected finite numbers of shape {expected}."
        )
    return values
