"""What an audit of unlearning found: numbers, verdicts and how to read them."""

import dataclasses
import json
import math
import textwrap
from pathlib import Path

from skunlearn.metrics import RefitDistance

SCHEMA = 1  # of to_json
LIMITS = (
    "Seen: outputs on the rows that were given, and on no others. Not seen: copies, backups, logs, "
    "caches, other models trained on the rows, what two versions of the model show together.",
    "Not told apart is not equal: with few refits only large differences show. What no refit "
    "explains is a finding; that nothing was found is no proof.",
)


@dataclasses.dataclass(frozen=True)
class AuditAnswer:
    """Answer to one of the three questions of an audit.

    Parameters
    ----------
    question : str
    number : float or None
        What was measured: a distance on the forget rows (the largest difference of any output,
        where the model equals its refit), or seconds. None if it was not.
    null : tuple of (float, float, float)
        Median, smallest and largest of the same number for the refits.
    p_value : float or None
        None where the question is not answered by a test.
    verdict : bool or None
        None if it cannot be judged.
    words : str
        The verdict in a sentence.

    Examples
    --------
    >>> from skunlearn.audit import AuditAnswer
    >>> null = (0.1, 0.08, 0.12)
    >>> print(AuditAnswer("Did it move?", 0.5, null, None, True, "yes: by 0.5"))
    Did it move? yes: by 0.5
    """

    question: str
    number: float | None
    null: tuple
    p_value: float | None
    verdict: bool | None
    words: str

    def __str__(self):
        return f"{self.question} {self.words}"


@dataclasses.dataclass(frozen=True)
class AuditFlag:
    """One of the five flags of an audit, raised or not.

    Parameters
    ----------
    name : str
    raised : bool
    alarm : bool
        Whether raising it speaks against the unlearning; False for "nothing to forget".
    p_value : float or None
        Corrected over all tests of the audit; None where nothing was tested.
    words : str
        The numbers behind it.

    Examples
    --------
    >>> from skunlearn.audit import AuditFlag
    >>> str(AuditFlag("no-op", True, True, 0.05, "moved 0% of the way"))
    'no-op: moved 0% of the way (p = 0.05)'
    """

    name: str
    raised: bool
    alarm: bool
    p_value: float | None
    words: str

    def __str__(self):
        p = "" if self.p_value is None else f" (p = {self.p_value:.2g})"
        return f"{self.name}: {self.words}{p}"


@dataclasses.dataclass(frozen=True, repr=False)
class UnlearningAudit:
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
    def alarms(self):
        """Names of the raised flags that speak against the unlearning."""
        return tuple(flag.name for flag in self.flags if flag.raised and flag.alarm)

    @property
    def raised(self):
        """The raised flags."""
        return tuple(flag for flag in self.flags if flag.raised)

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

    def __repr__(self):
        return f"<UnlearningAudit of {self.estimator}: {self.headline}>"

    def __str__(self):
        """Headline, answers, flags, all numbers and notes, for a terminal."""
        claim = "" if self.guarantee is None else f", which claims: {self.guarantee['kind']}"
        lines = [f"Audit of unlearning: {self.estimator}{claim}", self.sizes(), ""]
        lines += [self.headline, ""]
        lines += [wrapped(f"{i}. ", answer) for i, answer in enumerate(self.answers, 1)]
        lines += ["", "Flags:" if self.raised else "Flags: none"]
        lines += [wrapped("  ! ", flag) for flag in self.raised]
        lines += ["", f"Distances: {self.measure}", *aligned(self.cells())]
        lines += ["", *(wrapped("* ", note) for note in self.notes)]
        return "\n".join(lines)

    def sizes(self):
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
        answers = zip(("moved", "reached", "faster"), self.answers, strict=True)
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            **{name: plain(dataclasses.asdict(answer)) for name, answer in answers},
            "raised": [flag.name for flag in self.raised],
            "n_refits": self.n_refits,
            "smallest_p": self.smallest_p,
            "level": self.level,
        }

    def to_frame(self):
        """Return the table as a pandas DataFrame, a number a row."""
        from skunlearn.metrics._leakage import to_frame

        return to_frame([dict(row) for row in self.table])

    def to_json(self, path=None):
        """Return the whole report as JSON text, and write it to a file if one is given.

        Parameters
        ----------
        path : str or path-like, default=None

        Returns
        -------
        str
            An object with "schema"; infinities and NaN are null.
        """
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        record = {"schema": SCHEMA, "passed": self.passed, "headline": self.headline, **fields}
        text = json.dumps(plain(record), indent=1, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def plot(self):
        """Draw distances, losses and times.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from skunlearn.audit._report_html import plot

        return plot(self)

    def _repr_html_(self):
        from skunlearn.audit._report_html import fragment

        return fragment(self)

    def to_html(self, path):
        """Write a page of its own: no other files, no network, pictures inside.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        pathlib.Path
            Where it was written.
        """
        from skunlearn.audit._report_html import page

        path = Path(path)
        path.write_text(page(self), encoding="utf-8")
        return path


def wrapped(mark, text):
    """Text in lines of at most 99 characters, the following ones indented."""
    return textwrap.fill(
        str(text),
        99,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_on_hyphens=False,
    )


def aligned(cells):
    """Lines of a table: the first two columns to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            f"{cell:<{width}}" if i < 2 else f"{cell:>{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def plain(value):
    """Value as JSON holds it."""
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
