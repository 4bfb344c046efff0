"""What an audit of feature unlearning found."""

import dataclasses

from skunlearn.audit._filing import AuditAnswer, FiledReport

BEFORE = "before"  # the point without the map
LIMITS = (
    "Seen: what these probes find on rows that neither map nor probe has seen. Not seen: other "
    "probes, an observer with more labelled rows, several transforms of one row, membership.",
    "Audited is the procedure: fit this map on a third of the rows. Map, probe and score are on "
    "three disjoint folds; utility and fairness are of a model fitted on the second.",
)


@dataclasses.dataclass(frozen=True, repr=False)
class FeatureUnlearningAudit(FiledReport):
    """Report of an audit of feature unlearning.

    Attributes
    ----------
    present, forgotten, affordable : AuditAnswer
        The three questions: was there anything to forget, is it forgotten at the last point, what
        did it cost?
    flags : tuple of AuditFlag
        :func:`audit_feature_unlearning` defines them.
    notes : tuple of str
        What to know before relying on the numbers.
    table : tuple of dict
        All numbers: point ("before", or a strength), quantity, part (probe, class, group), value,
        low, high, null_high and p_value; None where there is none.
    bounds : dict of str to float
        By point, the upper confidence bound of how far the worst probe is from chance, corrected
        over probes and points.
    points : tuple of str
        In their order, "before" first.
    estimator : str
        Name of the map.
    sensitive : tuple of str
        Names of the groups.
    n_samples : int
    tolerance, level : float

    See Also
    --------
    audit_feature_unlearning : The function that returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.audit import audit_feature_unlearning
    >>> from skunlearn.feature_unlearning import GaussianBarycenter
    >>> rng = np.random.default_rng(0)
    >>> sex = np.repeat(["f", "m"], 450)
    >>> X = rng.normal(size=(900, 2)) + (sex == "m")[:, None]
    >>> audit = audit_feature_unlearning(
    ...     GaussianBarycenter(), X, sex, probes=["linear"], pass_sensitive=True, tolerance=0.2,
    ...     n_permutations=0, random_state=0,
    ... )
    >>> audit.passed, audit.headline
    (True, 'Passed: surely within 0.2 of chance for these probes')
    """

    present: AuditAnswer
    forgotten: AuditAnswer
    affordable: AuditAnswer
    flags: tuple
    notes: tuple
    table: tuple
    bounds: dict
    points: tuple
    estimator: str
    sensitive: tuple
    n_samples: int
    tolerance: float
    level: float

    @property
    def answers(self):
        """The three answers, in order."""
        return self.present, self.forgotten, self.affordable

    @property
    def passed(self):
        """Whether it is forgotten and no alarm is raised; None if that cannot be judged."""
        if self.alarms:
            return False
        return self.forgotten.verdict if self.present.verdict else None

    @property
    def headline(self):
        """The outcome in a line."""
        if self.passed:
            return f"Passed: surely within {self.tolerance:g} of chance for these probes"
        if self.passed is False:
            return "Failed: " + (", ".join(self.alarms) or "a probe still reads it")
        if not self.present.verdict:
            return "Not judged: no probe finds the sensitive variable in the first place"
        return "Not judged: nothing surely left, but more than the tolerance may be"

    @property
    def title(self):
        """Heading of the report."""
        return f"Audit of feature unlearning: {self.estimator}"

    @property
    def caption(self):
        """What the picture shows."""
        return (
            "Left: score of each probe on fresh rows, with its interval; the band is chance and "
            "the tolerance. Middle: utility of a model on the mapped rows against the worst probe. "
            "Right: gaps between the groups' predictions. The first point is without the map."
        )

    def about(self):
        """Tell how many rows and groups there were."""
        return f"{self.n_samples} rows; sensitive: {', '.join(self.sensitive)}"

    def units(self):
        """Tell what stands in the table."""
        corrected = f"{self.level:.0%} intervals and bounds hold for all probes and points together"
        return f"Fresh rows, by point (strength); {corrected}"

    def cells(self):
        """Return the table as text: a quantity a line, a point a column."""
        lines = {}
        for row in self.table:
            lines.setdefault((row["quantity"], row["part"]), {})[row["point"]] = row
        cells = [["", "", *self.points]]
        for (quantity, part), by_point in lines.items():
            shown = [_short(by_point.get(point), len(self.points) < 4) for point in self.points]
            cells.append([quantity, part, *shown])
        bounds = [f"{self.bounds[point]:.3f}" for point in self.points]
        return [*cells, ["worst probe, from chance at most", "", *bounds]]

    def summary(self):
        """Return verdicts and numbers in a small dictionary that JSON can hold.

        Returns
        -------
        dict
            For a ledger, or a line of a log.
        """
        return {
            **self._summary_of(("present", "forgotten", "affordable")),
            "bounds": dict(self.bounds),
            "tolerance": self.tolerance,
            "level": self.level,
        }

    def _draw(self, figure):
        from skunlearn.audit._feature_plot import draw

        draw(self, figure)


def _short(row, with_interval):
    if row is None or row["value"] is None:
        return ""
    if row["low"] is None or not with_interval:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
