"""What an audit of unlearning found: numbers, verdicts and how to read them."""

import dataclasses

from skunlearn.audit._filing import AuditAnswer, FiledReport
from skunlearn.metrics import RefitDistance

LIMITS = (
    "Seen: outputs on the rows that were given, and on no others. Not seen: copies, backups, logs, "
    "caches, other models trained on the rows, what two versions of the model show together.",
    "Not told apart is not equal: with few refits only large differences show. What no refit "
    "explains is a finding; that nothing was found is no proof.",
)


@dataclasses.dataclass(frozen=True, repr=False)
class UnlearningAudit(FiledReport):
    """Report of an audit of unlearning.

    Attributes
    ----------
    moved, reached, faster : AuditAnswer
        The three questions: did it leave the original, did it reach the refit, did it take less
        time?
    flags : tuple of AuditFlag
        All five, raised or not; :func:`audit_unlearning` defines them.
    notes : tuple of str
        What to know before relying on the numbers.
    table : tuple of dict
        All numbers: quantity, rows, original, unlearned, and median, smallest and largest of the
        refits.
    draws : dict of str to tuple of float
        By refit: the distances to the other refits, the losses, the scores, the membership AUCs.
    attributes : RefitDistance or None
        Learned attributes beside those of the refit, where the refit is not random.
    estimator : str
        Class of the model.
    guarantee : dict or None
        What the model claims, from its `guarantee_`.
    measure : str
        Name of the distance.
    deterministic : bool
        Whether all refits are equal: verdicts are then by `tolerance`, never by p-values.
    n_forget, n_retain, n_test, n_refits : int
        Rows and refits.
    unlearn_seconds : float or None
    refit_seconds : tuple of float
    level, tolerance : float
    smallest_p : float
        What the rank of one model among the refits can reach; above `level` nothing is flagged.

    See Also
    --------
    audit_unlearning : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.audit import audit_unlearning
    >>> from skunlearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> audit = audit_unlearning(
    ...     Ridge().fit(X[:300], y[:300]), None, X[:20], y[:20], X[20:300], y[20:300],
    ...     X[300:], y[300:],
    ... )
    >>> print(audit.reached.words)
    yes: equal to the refit bit for bit, learned attributes and outputs
    >>> audit.passed, audit.alarms
    (True, ())
    """

    moved: AuditAnswer
    reached: AuditAnswer
    faster: AuditAnswer
    flags: tuple
    notes: tuple
    table: tuple
    draws: dict
    attributes: RefitDistance | None
    estimator: str
    guarantee: dict | None
    measure: str
    deterministic: bool
    n_forget: int
    n_retain: int
    n_test: int
    n_refits: int
    unlearn_seconds: float | None
    refit_seconds: tuple
    level: float
    tolerance: float
    smallest_p: float

    @property
    def answers(self):
        """The three answers, in order."""
        return self.moved, self.reached, self.faster

    @property
    def passed(self):
        """Whether it reached the refit and no alarm is raised; None if it cannot be judged."""
        return None if self.reached.verdict is None else self.reached.verdict and not self.alarms

    @property
    def headline(self):
        """The outcome in a line."""
        if self.passed is None:
            return f"Described, not judged: {self.n_refits} refits are too few to flag anything"
        if not self.passed:
            return "Failed: " + (", ".join(self.alarms) or "told apart from the refits")
        empty = any(flag.name == "nothing to forget" for flag in self.raised)
        return "Passed, and so would a model that forgot nothing" if empty else "Passed"

    @property
    def title(self):
        """Heading of the report."""
        return f"Audit of unlearning: {self.estimator}"

    @property
    def claim(self):
        """What the model claims, by name; None if it claims nothing."""
        return self.guarantee

    @property
    def caption(self):
        """What the picture shows."""
        return (
            "Grey: refits on the retained rows, one dot each. Blue: the unlearned model. Orange: "
            "the original. Left: mean distance to the refits. Middle: mean loss. Right: seconds."
        )

    def units(self):
        """Tell what distances are."""
        return f"Distances: {self.measure}"

    def _draw(self, figure):
        from skunlearn.audit._report_plot import draw

        draw(self, figure)

    def about(self):
        """Tell how many rows and refits there were."""
        judged = "all equal: no test, a tolerance" if self.deterministic else "over seeds"
        return (
            f"{self.n_forget} rows forgotten, {self.n_retain} retained, {self.n_test} for testing; "
            f"{self.n_refits} refits ({judged})"
        )

    def cells(self):
        """Return the table as text, its header first."""
        header = ["", "rows", "original", "unlearned", "refits", "from", "to", "p"]
        names = ("original", "unlearned", "refits", "refits_low", "refits_high")
        cells = [header]
        for row in self.table:
            p = "" if row["p_value"] is None else f"{row['p_value']:.2g}"
            cells.append([row["quantity"], row["rows"], *(f"{row[n]:.4g}" for n in names), p])
        return cells

    def summary(self):
        """Return verdicts and numbers in a small dictionary that JSON can hold.

        Returns
        -------
        dict
            For a ledger, or a line of a log.
        """
        return {
            **self._summary_of(("moved", "reached", "faster")),
            "n_refits": self.n_refits,
            "smallest_p": self.smallest_p,
            "level": self.level,
        }
