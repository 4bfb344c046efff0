"""The ROC curve of a membership attack."""

import numpy as np

from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._membership import membership_inference
from skunlearn.metrics._plot._pyplot import new_axes
from skunlearn.metrics._roc import auc, roc_curve, tpr_at

_RATES = (0.01, 0.001)


class MembershipRocDisplay:
    """How many forget rows an attack finds, by how many unseen rows it takes for members.

    Make one with :meth:`from_estimator`, :meth:`from_result` or :meth:`from_predictions`.

    Parameters
    ----------
    scores : dict of str to (ndarray, ndarray)
        Scores of the forget rows and of the unseen ones, by the name of the model; more for "was
        learned".

    Attributes
    ----------
    curves : dict of str to (ndarray, ndarray)
        False and true positive rates by name.
    auc : dict of str to float
    ax_ : matplotlib Axes
        Axes of the last plot.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    membership_inference : The attack, its interval and its controls.
    ForgettingDistributionDisplay : What a weak attack looks at.

    Notes
    -----
    The curve of an attack on a model that forgot lies about the diagonal, by chance above or below.
    The left end is what matters to single people: a few rows found for certain hardly move the
    area. Look at it with ``log=True``. It is jagged: its first steps are single rows.

    Examples
    --------
    >>> from skunlearn.metrics import MembershipRocDisplay
    >>> display = MembershipRocDisplay.from_predictions([3.0, 2.0, 0.0], [1.0, 0.0, -1.0])
    >>> display.frame().shape
    (6, 4)
    """

    def __init__(self, scores):
        self.scores = {
            name: (_numbers(forget, "forget"), _numbers(unseen, "unseen"))
            for name, (forget, unseen) in scores.items()
        }
        self.curves = {name: roc_curve(*both) for name, both in self.scores.items()}
        self.auc = {name: auc(*both) for name, both in self.scores.items()}

    @classmethod
    def from_estimator(
        cls, model, X_forget, y_forget, X_retain, y_retain, X_test, y_test, *, ax=None, **options
    ):
        """Attack a model, or several, and plot the outcome.

        Parameters
        ----------
        model : estimator, or dict of str to estimator
        X_forget, y_forget, X_retain, y_retain, X_test, y_test : array-like
            As in :func:`membership_inference`.
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        **options : dict
            Passed to :func:`membership_inference`.

        Returns
        -------
        MembershipRocDisplay
        """
        parts = X_forget, y_forget, X_retain, y_retain, X_test, y_test
        found = membership_inference(model, *parts, **options)
        name = None if isinstance(model, dict) else type(model).__name__
        return cls.from_result(found, name=name).plot(ax=ax)

    @classmethod
    def from_result(cls, result, *, name=None):
        """Show what :func:`membership_inference` returned.

        Parameters
        ----------
        result : MembershipInference, or dict of str to MembershipInference
        name : str, default=None
            Name of a single one; that of the attack by default.

        Returns
        -------
        MembershipRocDisplay
        """
        if not isinstance(result, dict):
            result = {result.name if name is None else name: result}
        return cls({key: (one.scores, one.unseen_scores) for key, one in result.items()})

    @classmethod
    def from_predictions(cls, forget, unseen, *, name="attack"):
        """Show the scores of an attack of your own.

        Parameters
        ----------
        forget, unseen : array-like of shape (n_forget,) and (n_unseen,)
            More for "was learned".
        name : str, default="attack"

        Returns
        -------
        MembershipRocDisplay
        """
        return cls({name: (forget, unseen)})

    def frame(self):
        """Return the curves as a DataFrame: name, fpr, tpr, auc.

        Returns
        -------
        DataFrame
        """
        return to_frame(
            [
                {"name": name, "fpr": float(x), "tpr": float(y), "auc": self.auc[name]}
                for name, curve in self.curves.items()
                for x, y in zip(*curve, strict=True)
            ]
        )

    def plot(self, ax=None, *, log=False, marks=True):
        """Draw the curves, the line of chance, and the rates at 1 % and .1 % false positives.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; new ones if None.
        log : bool, default=False
            Both axes on a logarithmic scale, from half a row on.
        marks : bool, default=True
            Mark the true positive rate at 1 % and .1 % false positives, where there are enough
            unseen rows for it to be a number.

        Returns
        -------
        MembershipRocDisplay
            Itself.
        """
        ax = new_axes("MembershipRocDisplay") if ax is None else ax
        low = min(0.5 / max(map(len, both)) for both in self.scores.values()) if log else 0.0
        ends = np.geomspace(low, 1, 50) if log else np.array([0, 1])
        ax.plot(ends, ends, color="0.6", ls="--", lw=1, label="chance")
        for name, (fpr, tpr) in self.curves.items():
            (line,) = ax.plot(
                np.maximum(fpr, low),
                np.maximum(tpr, low),
                drawstyle="steps-post",
                label=f"{name} (AUC {self.auc[name]:.2f})",
            )
            if marks:
                self._mark(ax, name, line.get_color())
        if log:
            ax.set(xscale="log", yscale="log", xlim=(low, 1.1), ylim=(low, 1.1))
        ax.set(
            xlabel="unseen rows taken for members (false positives)",
            ylabel="forget rows found (true positives)",
        )
        ax.legend(loc="lower right")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _mark(self, ax, name, color):
        for fpr in _RATES:
            rate, _, _ = tpr_at(*self.scores[name], fpr, 0.95)
            if rate is None:
                continue
            ax.plot([fpr], [rate], "o", color=color, ms=5)
            below = {"xytext": (6, -11)} if fpr == _RATES[0] else {"xytext": (-6, 5), "ha": "right"}
            ax.annotate(
                f"{rate:.1%} at {fpr:.1%}",
                (fpr, rate),
                textcoords="offset points",
                fontsize="small",
                color=color,
                **below,
            )


def _numbers(values, name):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"Got {name} scores of shape {values.shape}, expected finite numbers, one a row."
        )
    return values
