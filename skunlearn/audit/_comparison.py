"""Audits of several methods, side by side."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from skunlearn.audit._attacks import YARDSTICKS
from skunlearn.audit._filing import aligned


@dataclasses.dataclass(frozen=True, repr=False)
class UnlearnerComparison(Mapping):
    """Audits of several methods against one set of refits; a mapping of names to reports.

    Attributes
    ----------
    audits : dict of str to UnlearningAudit
    attacks : dict of str to MembershipInference
        By method, where `compare_unlearners` was asked for the attack; else empty.
    attack_columns : dict of str to dict
        What the attacks add to the table.

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
    attacks: dict = dataclasses.field(default_factory=dict)
    attack_columns: dict = dataclasses.field(default_factory=dict)

    def __getitem__(self, name):
        return self.audits[name]

    def __iter__(self):
        return iter(self.audits)

    def __len__(self):
        return len(self.audits)

    def records(self):
        """Return a dictionary for each method, then for the original and the refits.

        Returns
        -------
        list of dict
            All numbers of the audits by name, such as "loss_forget". Of the refits, in brackets,
            there are the median, the least and the most: what no number can be judged without.
        """
        rows = [_record(name, audit) for name, audit in self.audits.items()]
        audit = next(iter(self.audits.values()))
        for name, column in YARDSTICKS.items():
            rows.append({"method": name, **_numbers(audit, column)})
        rows = [{**row, **self.attack_columns.get(row["method"], {})} for row in rows]
        names = dict.fromkeys(key for row in rows for key in row)
        return [{name: row.get(name) for name in names} for row in rows]

    def to_frame(self):
        """Return a pandas DataFrame: a method a row, then the original and the refits."""
        from skunlearn.metrics._leakage import to_frame

        return to_frame(self.records()).set_index("method")

    def __str__(self):
        """Table of the numbers, a line each, and a column for each method."""
        return "\n".join(aligned(self._cells()))

    def __repr__(self):
        return f"<UnlearnerComparison of {', '.join(map(str, self))}>"

    def _repr_html_(self):
        from skunlearn.audit._report_html import html_table

        return html_table(self._cells())

    def _cells(self):
        """Table as text: methods side by side, for there are more numbers than methods."""
        rows = self.records()
        return [[key, *(_short(row[key]) for row in rows)] for key in rows[0]]


_NAMES = {  # of columns, where they are not those of the quantities
    "distance to the original": "moved",
    "distance to the refits": "distance",
    "Jensen-Shannon": "js",
    "largest gap": "max_gap",
    "largest difference": "max_difference",
    "other predictions": "disagreement",
    "entropy distance": "entropy_ks",
    "marginal information": "marginal",
}


def _record(name, audit):
    return {
        "method": name,
        "passed": audit.passed,
        "raised": ", ".join(flag.name for flag in audit.raised),
        "p_value": audit.reached.p_value,
        **_numbers(audit, "unlearned"),
        "unlearn_seconds": audit.unlearn_seconds,
    }


def _numbers(audit, column):
    """One column of the table of an audit, by name."""
    found = {}
    for row in audit.table:
        name = _NAMES.get(row["quantity"], row["quantity"].lower().replace(" ", "_"))
        several = row["quantity"].startswith(("distance to", "loss", "score"))
        found[f"{name}_{row['rows']}" if several else name] = row[column]
    seconds = audit.refit_seconds
    taken = {"refits": np.median, "refits_low": np.min, "refits_high": np.max}
    if column in taken:
        found["unlearn_seconds"] = float(taken[column](seconds))
    return found


def _short(value):
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
