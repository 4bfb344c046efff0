"""What `audit_leakage` found: one probe, and all of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._scores import interval


@dataclass(frozen=True, repr=False)
class ProbeAudit:
    """What one probe found, before and after the map.

    Attributes
    ----------
    probe : str
        Name of the probe.
    metric : str
        ``"roc_auc"``, ``"roc_auc_ovr_macro"``, ``"roc_auc_ovr_weighted"`` or ``"r2"``, see
        :class:`LeakageResult`.
    before : float
        The score without the map: the positive control. NaN if it was not asked for.
    score : float
        The score after the map, the mean over repeats.
    standard_error : float
        Of `score`: the sampling of the scored rows, and the fitting of map and probe as far as
        it makes folds differ more than sampling does.
    ci_low, ci_high : float
        Two-sided interval of `score`.
    level : float
        Coverage of the interval, and the quantile that `null_high` is.
    sd_repeats : float
        Standard deviation between the repeats; NaN for one.
    null_mean, null_high : float
        Mean and upper quantile of the score with permuted sensitive values, for each of which
        the probe was fitted again; NaN without permutations.
    p_value : float
        One-sided, ``(1 + #{null >= score}) / (1 + n_permutations)``; NaN without permutations.
    n_repeats, n_permutations, n_rows : int
        Splits, permutations, and rows (each scored once a split).

    See Also
    --------
    audit_leakage : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skunlearn.metrics import audit_leakage
    >>> X, malignant = load_breast_cancer(return_X_y=True)
    >>> audit = audit_leakage(
    ...     StandardScaler(), X, malignant, probes=["linear"], n_permutations=0, random_state=0
    ... )
    >>> audit[0].probe, round(audit[0].score, 2)  # a scaler hides nothing
    ('linear', 0.99)
    """

    probe: str
    metric: str
    before: float
    score: float
    standard_error: float
    ci_low: float
    ci_high: float
    level: float
    sd_repeats: float
    null_mean: float
    null_high: float
    p_value: float
    n_repeats: int
    n_permutations: int
    n_rows: int

    def __str__(self):
        """One line for a reader."""
        return "\n".join(_lines([self]))

    def __repr__(self):
        """Class name and the line."""
        return f"ProbeAudit(\n{self}\n)"

    def to_frame(self):
        """Return the result as a pandas DataFrame of one row."""
        return to_frame([asdict(self)])


@dataclass(frozen=True, repr=False)
class LeakageAudit(Sequence):
    """What several probes found, in the order given; a sequence of :class:`ProbeAudit`.

    Attributes
    ----------
    results : tuple of ProbeAudit
        One a probe.
    map : str
        Name of the transformer.

    See Also
    --------
    audit_leakage : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skunlearn.metrics import audit_leakage
    >>> X, malignant = load_breast_cancer(return_X_y=True)
    >>> audit = audit_leakage(
    ...     StandardScaler(), X, malignant, probes=["linear"], n_permutations=0, random_state=0
    ... )
    >>> audit.within(0.1)  # is the AUC surely within .5 +- .1?
    False
    """

    results: tuple
    map: str

    def __len__(self):
        """Return the number of probes."""
        return len(self.results)

    def __getitem__(self, index):
        """Return one result, or a tuple of them for a slice."""
        return self.results[index]

    def __str__(self):
        """Return a small table, one line a probe."""
        first = self.results[0]
        title = (
            f"{self.map}: map, probe and score on disjoint folds, {first.n_rows} rows, "
            f"{first.n_repeats} split{'s' if first.n_repeats > 1 else ''}"
        )
        return "\n".join([title, *_lines(self.results)])

    def __repr__(self):
        """Class name and the table."""
        return f"LeakageAudit(\n{self}\n)"

    def to_frame(self):
        """Return the results as a pandas DataFrame, one row a probe."""
        return to_frame([asdict(result) for result in self.results])

    def upper_bound(self, confidence=0.95):
        """Bound how far the worst probe is from chance, with a confidence for all together.

        Parameters
        ----------
        confidence : float, default=0.95
            In (0, 1). Shared among the probes after Bonferroni.

        Returns
        -------
        float
            Bound of ``abs(AUC - 0.5)``, or of R2.
        """
        if not 0 < confidence < 1:
            raise ValueError(f"Got confidence={confidence!r}, expected a float in (0, 1).")
        level = 1 - 2 * (1 - confidence) / len(self)
        bounds = []
        for result in self.results:
            is_auc = result.metric != "r2"
            low, high = interval(result.score, result.standard_error, level, is_auc)
            bounds.append(max(high - 0.5, 0.5 - low) if is_auc else max(high, 0.0))
        return float(max(bounds))

    def within(self, tolerance, confidence=0.95):
        """Whether all probes are surely within a tolerance of chance.

        A small p-value rejects "no leak"; a large one proves nothing. This asks the other way
        round, so that few rows count against the map.

        Parameters
        ----------
        tolerance : float
            Largest ``abs(AUC - 0.5)``, or R2, that is acceptable.
        confidence : float, default=0.95
            In (0, 1), for all probes together.

        Returns
        -------
        bool
        """
        return self.upper_bound(confidence) <= tolerance


def _lines(results):
    """Format a table: header and a line a probe."""
    probe = max([5, *(len(r.probe) for r in results)])
    metric = max(len(r.metric) for r in results)
    interval_name = f"[{results[0].level:.0%} interval]"
    drawn = results[0].n_permutations > 0
    line = f"{'probe':<{probe}}  {'metric':<{metric}}  before   after  {interval_name:<16}"
    yield f"{line}    null   (high)       p" if drawn else line.rstrip()
    for r in results:
        before = "–" if np.isnan(r.before) else f"{r.before:.3f}"
        line = (
            f"{r.probe:<{probe}}  {r.metric:<{metric}}  {before:>6}  {r.score:6.3f}  "
            f"[{r.ci_low:6.3f}, {r.ci_high:6.3f}]"
        )
        if drawn:
            line += f"  {r.null_mean:6.3f} ({r.null_high:6.3f})  {r.p_value:6.3g}"
        yield line
