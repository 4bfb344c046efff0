"""What every report of an audit can do: answers, flags, text, JSON, HTML and pictures."""

import dataclasses
import json
import math
import textwrap
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class AuditAnswer:
    """Answer to one of the three questions of an audit.

    Parameters
    ----------
    question : str
    number : float or None
        What was measured: a distance on the forget rows (the largest difference of any output,
        where the model equals its refit), or seconds; of a feature, a probe's score or a utility.
        None if it was not.
    null : tuple of (float, float, float)
        Median, smallest and largest of the same number for the refits; empty where there are none.
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


class FiledReport:
    """Shared by the reports of audits: frozen dataclasses with `flags`, `notes` and `table`.

    A subclass has `estimator`, `answers`, `passed`, `headline`, `title`, `about()` (sizes, in a
    line), `units()` (what the numbers are, in a line) and `cells()` (the table as text), and draws
    with `_draw(figure)`.
    """

    schema = 1  # of to_json
    caption = ""  # of the picture
    figure_size = (11, 3.6)

    @property
    def alarms(self):
        """Names of the raised flags that speak against the unlearning."""
        return tuple(flag.name for flag in self.flags if flag.raised and flag.alarm)

    @property
    def raised(self):
        """The raised flags."""
        return tuple(flag for flag in self.flags if flag.raised)

    @property
    def claim(self):
        """What the model claims, by name; None if nothing, () where there is nothing to claim."""
        return ()

    def __repr__(self):
        return f"<{type(self).__name__} of {self.estimator}: {self.headline}>"

    def __str__(self):
        """Headline, answers, flags, all numbers and notes, for a terminal."""
        claim = "" if not self.claim else f", which claims: {self.claim['kind']}"
        lines = [f"{self.title}{claim}", self.about(), "", self.headline, ""]
        lines += [wrapped(f"{i}. ", answer) for i, answer in enumerate(self.answers, 1)]
        lines += ["", "Flags:" if self.raised else "Flags: none"]
        lines += [wrapped("  ! ", flag) for flag in self.raised]
        lines += ["", self.units(), *aligned(self.cells())]
        lines += ["", *(wrapped("* ", note) for note in self.notes)]
        return "\n".join(lines)

    def _summary_of(self, names):
        """Verdicts by name in a small dictionary that JSON can hold."""
        answers = zip(names, self.answers, strict=True)
        return {
            "schema": self.schema,
            "passed": self.passed,
            **{name: plain(dataclasses.asdict(answer)) for name, answer in answers},
            "raised": [flag.name for flag in self.raised],
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
        record = {"schema": self.schema, "passed": self.passed, "headline": self.headline, **fields}
        text = json.dumps(plain(record), indent=1, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def plot(self):
        """Draw the numbers.

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
