"""What `residue_report` found in a model."""

import dataclasses
import json
from pathlib import Path

from skunlearn.audit._filing import plain, wrapped

SCHEMA = 1  # of to_json
_FOUND = ("rows", "values", "text", "fingerprints", "claim")


@dataclasses.dataclass(frozen=True)
class Residue:
    """One place that still knows forgotten rows, or may.

    Parameters
    ----------
    kind : str
        "rows" (whole rows), "values" (of a column, more than chance), "text", "fingerprints" (keyed
        hashes), "claim" (the model would forget them again), "derived" (made from rows that were
        learned, such as scores of a search) or "declared" (by the model's guarantee).
    where : str
        Path from the model.
    n : int or None
        Rows, values or words.
    words : str

    Examples
    --------
    >>> from skunlearn.audit import Residue
    >>> print(Residue("rows", "model._fit_X", 3, "3 of the rows, value by value"))
    model._fit_X: 3 of the rows, value by value
    """

    kind: str
    where: str
    n: int | None
    words: str

    def __str__(self):
        return f"{self.where}: {self.words}"


@dataclasses.dataclass(frozen=True, repr=False)
class ResidueReport:
    """Where an object, its cache and its search results still know rows that it shall not.

    Attributes
    ----------
    residues : tuple of Residue
        What was found, worst first; declared ones last.
    estimator : str
        Class of the model.
    n_rows : int
        Rows that were looked for.
    n_copies : int or None
        Of these, rows with an equal one among the retained rows, which tell nothing; None if no
        retained rows were given.
    n_objects, n_arrays, n_files : int
        What was looked at.
    unread : tuple of str
        What could not be opened.
    notes : tuple of str
        What the report cannot say.

    See Also
    --------
    residue_report : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skunlearn.audit import residue_report
    >>> X, y = load_diabetes(return_X_y=True)
    >>> report = residue_report(KNeighborsRegressor().fit(X, y), X[:5], y[:5])
    >>> report.clean, sorted({residue.kind for residue in report.found})
    (False, ['rows'])
    """

    residues: tuple
    estimator: str
    n_rows: int
    n_copies: int | None
    n_objects: int
    n_arrays: int
    n_files: int
    unread: tuple
    notes: tuple

    @property
    def found(self):
        """Residues that were seen in the object or its files."""
        return tuple(residue for residue in self.residues if residue.kind in _FOUND)

    @property
    def derived(self):
        """What was made from rows that were learned, and may know forgotten ones."""
        return tuple(residue for residue in self.residues if residue.kind == "derived")

    @property
    def declared(self):
        """What the model itself says it keeps."""
        return tuple(residue for residue in self.residues if residue.kind == "declared")

    @property
    def clean(self):
        """Whether nothing was found, and nothing derived: no proof, see the notes."""
        return not self.found and not self.derived

    @property
    def headline(self):
        """The outcome in a line."""
        if self.found:
            return f"Still there: {len(self.found)} places know forgotten rows"
        if self.derived:
            return f"Not found, but {len(self.derived)} places were derived from learned rows"
        return "Nothing found"

    def __repr__(self):
        return f"<ResidueReport of {self.estimator}: {self.headline}>"

    def __str__(self):
        """Headline, places and notes, for a terminal."""
        lines = [
            f"Residues of {self.n_rows} rows in {self.estimator}",
            f"{self.n_objects} objects, {self.n_arrays} arrays, {self.n_files} files looked at",
            "",
            self.headline,
        ]
        for title, residues in (
            ("Found:", self.found),
            ("Derived from learned rows:", self.derived),
            ("Declared by the model:", self.declared),
        ):
            if residues:
                lines += ["", title, *(wrapped("  ! ", residue) for residue in residues)]
        if self.unread:
            lines += ["", "Not opened:", *(wrapped("  ? ", where) for where in self.unread)]
        lines += ["", *(wrapped("* ", note) for note in self.notes)]
        return "\n".join(lines)

    def _repr_html_(self):
        from skunlearn.audit._report_html import html_table

        header = ["kind", "where", "n", "what"]
        cells = [[r.kind, r.where, "" if r.n is None else str(r.n), r.words] for r in self.residues]
        return html_table([header, *cells], self.headline)

    def to_frame(self):
        """Return a pandas DataFrame, a place a row."""
        import pandas as pd

        names = [field.name for field in dataclasses.fields(Residue)]
        return pd.DataFrame([dataclasses.asdict(r) for r in self.residues], columns=names)

    def to_json(self, path=None):
        """Return the report as JSON text, and write it to a file if one is given.

        Parameters
        ----------
        path : str or path-like, default=None

        Returns
        -------
        str
            An object with "schema". Paths and counts, never a value of a row.
        """
        record = {"schema": SCHEMA, "clean": self.clean, **dataclasses.asdict(self)}
        text = json.dumps(plain(record), indent=1, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text
