"""What a membership attack found."""

import dataclasses

import numpy as np
from scipy.stats import norm

from skunlearn.metrics._leakage import to_frame


@dataclasses.dataclass(frozen=True, repr=False)
class MembershipInference:
    """How well an attack tells forget rows from rows that were never seen, and its controls.

    Attributes
    ----------
    auc : float
        Probability that a forget row looks more like a member than an unseen row does. Chance is
        .5; below .5 forget rows look less like members than strangers do.
    auc_interval : tuple of float
        Confidence interval at `level`, over the draw of the rows.
    tpr : dict of float to float or None
        Share of the forget rows that are found, by the false positive rate (.01 and .001). None
        where there are too few unseen rows.
    tpr_interval : dict of float to tuple of float or None
        Clopper and Pearson at `level`, given the threshold.
    refused : dict of float to str
        Why a rate is None.
    null : ndarray of shape (n_refits,)
        The same attack where there is nothing to find: AUC of refits on the retained rows alone.
        One, where all refits are equal. Empty without shadows.
    null_interval : tuple of float or None
        Confidence interval at `level` of its mean. It holds .5 if forget and unseen rows are alike.
    excess_interval : tuple of float or None
        Confidence interval at `level` of `auc` less the mean of `null`, over the same rows.
    learned : ndarray of shape (n_shadows,)
        The positive control, what there is to find: AUC of the forget rows that a shadow learned
        ("u-lira": learned and forgot) against those that it did not, judged by the other shadows.
        Of one forget row: shadows that learned it against those that did not.
    scores, unseen_scores : ndarray of shape (n_forget,) and (n_test,)
        By row; more for "was learned". Log likelihood ratios in nats, or the signal itself for the
        weak attacks.
    rows : dict of str to ndarray of shape (n_forget + n_test,)
        The signal of each row, mean and standard deviation of both laws, and "exposure": AUC of the
        row over the shadows, what somebody could tell of it if it had been learned.
    signal : str
        What was read off the models.
    method : {"lira", "u-lira", "loss", "entropy"}
    n_shadows : int
    shadows : {"refits", "exact downdating", "unlearning", "none"}
        How shadows were made.
    seconds : float
        What they took.
    level : float

    See Also
    --------
    membership_inference : The function that returns it.
    MembershipRocDisplay : Its picture.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.linear_model import RidgeClassifier
    >>> from skunlearn.metrics import membership_inference
    >>> X, y = load_digits(return_X_y=True)
    >>> model = RidgeClassifier().fit(X[:200], y[:200])
    >>> found = membership_inference(
    ...     model, X[:40], y[:40], X[40:200], y[40:200], X[200:240], y[200:240], random_state=0
    ... )
    >>> found.found, found.shadows, len(found.scores)
    (True, 'exact downdating', 40)
    """

    auc: float
    auc_interval: tuple
    tpr: dict
    tpr_interval: dict
    refused: dict
    null: np.ndarray
    null_interval: tuple | None
    excess_interval: tuple | None
    learned: np.ndarray
    scores: np.ndarray
    unseen_scores: np.ndarray
    rows: dict
    signal: str
    method: str
    n_shadows: int
    shadows: str
    seconds: float
    level: float

    @property
    def weak(self):
        """Whether the attack is a weak one, without a law for each row."""
        return self.method in ("loss", "entropy")

    @property
    def name(self):
        """Name of the attack, with its weakness."""
        names = {"lira": "likelihood ratio attack", "u-lira": "likelihood ratio attack (unlearned)"}
        return names.get(self.method, f"weak {self.method} attack")

    @property
    def found(self):
        """Whether `auc` is above chance and above what refits have.

        Its interval lies above .5, and it exceeds the mean of the null by more than the standard
        error of the difference; where the null is above .5 itself (rows of two laws), by as much as
        `excess_interval` allows for.
        """
        return self._beyond(1)

    @property
    def pushed_away(self):
        """Whether `auc` is below chance and below what refits have: the mirror image of `found`.

        The rows look less like members than those of strangers do, which tells as well that they
        were there; ``method="u-lira"`` is the attack that uses it.
        """
        return self._beyond(-1)

    def _beyond(self, sign):
        """Whether the area is off chance, and off the null, in one direction."""
        end = 0 if sign > 0 else 1
        if sign * (self.auc_interval[end] - 0.5) <= 0:
            return False
        if not len(self.null):
            return True
        half = (self.excess_interval[1] - self.excess_interval[0]) / 2
        alike = sign * (self.null_interval[end] - 0.5) <= 0
        need = half / norm.ppf((1 + self.level) / 2) if alike else half
        return bool(sign * (self.auc - self.null.mean()) > need + 1e-9)

    @property
    def powerless(self):
        """Whether the attack finds little where there is something; None without shadows.

        It is, where the mean of `learned` is above chance by no more than half the interval.
        """
        if not len(self.learned):
            return None
        half = (self.auc_interval[1] - self.auc_interval[0]) / 2
        return bool(self.learned.mean() - 0.5 <= half)

    @property
    def verdict(self):
        """The outcome in one sentence."""
        if self.found:
            return "Found: the forget rows look like rows that were learned."
        if self.pushed_away:
            return "Pushed away: the forget rows look less learned than unseen ones do."
        if self.powerless is None:
            return "Not found; without shadows there is no control that says what that is worth."
        if self.powerless and self.method == "u-lira":
            return "Not found, neither in this model nor in shadows that learned and forgot."
        if self.powerless:
            return "Not found, and worth little: models that learned them are hardly found either."
        if self.method == "u-lira":
            return "Not found in this model; in shadows that learned and forgot, yes."
        return "Not found; models that learned them are."

    def __str__(self):
        """Verdict, areas with their controls, and rates, a line each."""
        low, high = self.auc_interval
        lines = [
            self.verdict,
            f"{self.name}: AUC {self.auc:.3f} [{low:.3f}, {high:.3f}], {len(self.scores)} forget "
            f"rows, {len(self.unseen_scores)} unseen",
        ]
        if len(self.null):
            did = "learned and forgot" if self.method == "u-lira" else "learned"
            count = f"{len(self.null)} refits" if len(self.null) > 1 else "the refit"
            mean, (below, above) = self.null.mean(), self.excess_interval
            lines += [
                f"  {count}, which never saw the rows: {mean:.3f}; the model exceeds it "
                f"by {self.auc - mean:+.3f} [{below:+.3f}, {above:+.3f}]",
                f"  what there is to find (rows that shadows {did}): {self._power()}",
            ]
        for fpr, rate in self.tpr.items():
            shown = f"refused: {self.refused[fpr]}" if rate is None else f"{rate:.2%}"
            lines.append(f"  found at {fpr:.1%} false positives: {shown}")
        made = f"{self.n_shadows} shadows by {self.shadows}, {self.seconds:.3g} s; "
        return "\n".join([*lines, f"  {made if self.n_shadows else ''}signal: {self.signal}"])

    def _power(self):
        return f"{self.learned.mean():.3f} on average" if len(self.learned) else "not known"

    def __repr__(self):
        """Name of the attack and its area."""
        low, high = self.auc_interval
        return f"<MembershipInference: {self.name}, AUC {self.auc:.3f} [{low:.3f}, {high:.3f}]>"

    def to_frame(self):
        """Return a pandas DataFrame, one row a row in question: score, signal and both laws."""
        part = ["forget"] * len(self.scores) + ["unseen"] * len(self.unseen_scores)
        columns = {"score": np.concatenate([self.scores, self.unseen_scores]), **self.rows}
        names = ["part", *columns]
        table = zip(part, *(values.tolist() for values in columns.values()), strict=True)
        return to_frame([dict(zip(names, row, strict=True)) for row in table])
