"""Audits of several methods, side by side."""

import dataclasses
from collections.abc import Mapping

from skunlearn.audit._filing import aligned


@dataclasses.dataclass(frozen=True, repr=False)
class UnlearnerComparison(Mapping):
    """Audits of several methods against one set of refits; a mapping of names to reports.

    Attributes
    ----------
    audits : dict of str to UnlearningAudit

    See Also
    --------
    compare_unlearners : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skunlearn.audit import compare_unlearners
    >>> X, y = load_diabetes(return_X_y=True)
    >>> found = compare_unlearners(
    ...     {"nothing": Ridge().fit(X[:300], y[:300]), "refit": Ridge().fit(X[9:300], y[9:300])},
    ...     Ridge().fit(X[:300], y[:300]), X[:9], y[:9], X[9:300], y[9:300], X[300:], y[300:],
    ... )
    >>> {name: audit.headline for name, audit in found.items()}
    {'nothing': 'Failed: no-op, under-forgetting', 'refit': 'Passed'}
    """

    audits: dict

    def __getitem__(self, name):
        return self.audits[name]

    def __iter__(self):
        return iter(self.audits)

    def __len__(self):
        return len(self.audits)

    def records(self):
        """Return a dictionary for each method."""
        return [_record(name, audit) for name, audit in self.audits.items()]

    def to_frame(self):
        """Return a pandas DataFrame, a method a row."""
        from skunlearn.metrics._leakage import to_frame

        return to_frame(self.records()).set_index("method")

    def __str__(self):
        """Table of the methods, a line each."""
        rows = self.records()
        cells = [list(rows[0])] + [[_short(value) for value in row.values()] for row in rows]
        return "\n".join(aligned(cells))

    def __repr__(self):
        return f"<UnlearnerComparison of {', '.join(map(str, self))}>"

    def _repr_html_(self):
        from skunlearn.audit._report_html import html_table

        rows = self.records()
        return html_table([list(rows[0])] + [[_short(v) for v in row.values()] for row in rows])


def _record(name, audit):
    table = {(row["quantity"], row["rows"]): row["unlearned"] for row in audit.table}
    moved = table["distance to the original", "forget"]
    return {
        "method": name,
        "passed": audit.passed,
        "raised": ", ".join(flag.name for flag in audit.raised),
        "p_value": audit.reached.p_value,
        "moved_forget": moved,
        "distance_forget": table["distance to the refits", "forget"],
        "distance_retain": table["distance to the refits", "retain"],
        "distance_test": table["distance to the refits", "test"],
        "loss_forget": table["loss", "forget"],
        "loss_test": table["loss", "test"],
        "membership_auc": table["membership AUC", "forget, test"],
        "marginal": table.get(("marginal information", "forget, retain")),
        "score": table["score", "test"],
        "unlearn_seconds": audit.unlearn_seconds,
    }


def _short(value):
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
