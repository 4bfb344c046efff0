"""Rows to look for, and what an array shows of them beyond chance."""

import dataclasses

import numpy as np
from scipy import sparse, stats

from skunlearn.audit._graph import as_arrays

CHANCE = 1e-6  # a finding is what chance would give less often than that, an array and column
_PLACES = 2000  # of a row's rarest value that are looked at
_DENSE = 50_000_000  # entries up to which sparse arrays are filled


@dataclasses.dataclass(frozen=True)
class Match:
    """What an array shows: the kind ("rows", "values" or "text"), how many, and in words."""

    kind: str
    n: int
    words: str


class Needles:
    """Rows to look for in one representation (as given, or as a step puts them out).

    Parameters
    ----------
    rows : array-like of shape (n, d)
    others : array-like of shape (m, d), default=None
        Retained rows: what they hold as well tells nothing.
    target, other_target : array-like, default=None
        Of the rows, and of the retained ones.
    values : bool, default=True
        Whether to look for single values as well. A step may put out values of a fixed list.
    """

    def __init__(self, rows, others=None, target=None, other_target=None, *, values=True):
        self.numbers, text = _split(rows)
        known, known_text = (None, None) if others is None else _split(others)
        self.columns = {f"column {j}": column for j, column in enumerate(self.numbers.T)}
        if target is not None:
            extra, extra_text = _split(_as_column(target))
            self.columns |= {"the target": extra[:, 0]} if extra.shape[1] else {}
            text = [*text, *extra_text]
        if other_target is not None and known is not None:
            extra, extra_text = _split(_as_column(other_target))
            known = np.hstack([known, extra]) if len(extra) == len(known) else known
            known_text = [*known_text, *extra_text]
        self.telling, self.words = {}, set()
        if known is not None and values:
            self.telling = _telling(self.columns, known)
            self.words = _strings(text) - _strings(known_text)
        same = (
            _equal_rows(rows, others) if others is not None else np.zeros(len(self.numbers), bool)
        )
        self.unique = np.flatnonzero(~same)  # rows of which no copy was retained
        self.steps = np.array([_n_places(column, column) for column in self.numbers.T])
        self.widths = np.array([_width(column) for column in self.numbers.T])

    def look(self, array):
        """Return what an array shows of the rows, a list of `Match`."""
        if sparse.issparse(array):
            if np.prod(array.shape, dtype=float) > _DENSE:
                return self._values(array.data)
            array = array.toarray()
        if array.dtype.kind in "OUS":
            return self._text(array)
        if array.dtype.kind not in "biuf" or not array.size:
            return []
        return self._whole(array) or self._values(array.ravel())

    def _whole(self, array):
        if not self.numbers.shape[1] or array.size < self.numbers.shape[1]:
            return []
        values = array.astype(float)
        order = np.argsort(values, axis=None, kind="stable")
        ordered = values.ravel()[order]
        # how many rows chance would place there, on the grid of the values: in one piece, and in
        # any order of the columns
        steps = np.minimum(self.steps, 1 + self.widths / (2 * _slack(array.dtype)))
        if values.size * np.exp(-np.sum(np.log(steps))) > CHANCE:
            return []
        mixed = False
        if values.ndim == 2 and len(steps) > 1:
            hits = np.log(np.minimum(1.0, values.shape[1] / steps))
            mixed = len(values) * np.exp(np.sum(hits)) < CHANCE
        given = array, values, ordered, order, mixed
        n = sum(self._is_in(self.numbers[i], *given) for i in self.unique)
        if not n:
            return []
        return [Match("rows", int(n), f"{n} of the rows, value by value")]

    def _is_in(self, row, array, values, ordered, order, mixed):
        """Whether a row stands in an array: in one piece along either axis, or in any order."""
        slack = _slack(array.dtype) * np.maximum(np.abs(row), 1e-300)
        with np.errstate(invalid="ignore"):
            low = np.searchsorted(ordered, row - slack, side="left")
            high = np.searchsorted(ordered, row + slack, side="right")
        told = ~np.isnan(row)
        counts = np.where(told, high - low, np.iinfo(np.int64).max)
        if not told.any() or counts.min() == 0:
            return False
        j = int(np.argmin(counts))
        d, flat = len(row), values.ravel()
        for place in order[low[j] : high[j]][:_PLACES]:
            start = place - j
            if start >= 0 and _close(flat[start : start + d], row, slack):
                return True
            if values.ndim != 2:
                continue
            i, k = divmod(int(place), values.shape[1])
            if i >= j and _close(values[i - j : i - j + d, k], row, slack):
                return True
            if mixed:
                apart = np.abs(values[i][None, :] - row[told][:, None])
                if (apart <= slack[told][:, None]).any(axis=1).all():
                    return True
        return False

    def _values(self, values):
        """Values of columns that no retained row has, more of them than chance puts there."""
        if not self.telling or values.dtype.kind not in "biuf":
            return []
        held = np.unique(values.astype(float))
        names, n_found, n_wanted = [], 0, 0
        for name, (wanted, places, low, high) in self.telling.items():
            slack = _slack(values.dtype) * np.maximum(np.abs(wanted), 1e-300)
            right = np.searchsorted(held, wanted + slack, "right")
            n = int(np.count_nonzero(right - np.searchsorted(held, wanted - slack, "left")))
            inside = np.count_nonzero((held >= low) & (held <= high))
            places = min(places, 1 + (high - low) / (2 * slack.max()))
            if n and stats.binom.sf(n - 1, len(wanted), min(1.0, inside / places)) < CHANCE:
                names.append(name)
                n_found, n_wanted = n_found + n, n_wanted + len(wanted)
        if not names:
            return []
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        words = f"{n_found} of {n_wanted} values that no retained row has, of {shown}"
        return [Match("values", n_found, words)]

    def _text(self, array):
        found = {value for value in array.ravel().tolist() if isinstance(value, str)} & self.words
        if not found:
            return []
        return [Match("text", len(found), f"{len(found)} words that no retained row has")]


def _slack(dtype):
    return 1e-5 if dtype in (np.float32, np.float16) else 1e-9


def _close(piece, row, slack):
    if len(piece) != len(row):
        return False
    return bool(np.all((np.abs(piece - row) <= slack) | (np.isnan(piece) & np.isnan(row))))


def _as_column(target):
    return target.to_frame() if hasattr(target, "to_frame") else np.reshape(target, (-1, 1))


def _split(rows):
    """Return numbers as one array of shape (n, d), and columns of anything else."""
    if sparse.issparse(rows):
        return np.asarray(rows.toarray(), dtype=float), []
    if hasattr(rows, "columns"):
        arrays = as_arrays(rows)
        columns = [np.asarray(rows[name]) for name in rows.columns]
        text = [column for column in columns if column.dtype.kind not in "biuf"]
        numeric = [array for array in arrays if array.dtype.kind in "biuf"]
        return numeric[0] if numeric else np.empty((len(rows), 0)), text
    rows = np.asarray(rows)
    rows = rows.reshape(len(rows), -1)
    if rows.dtype.kind in "biuf":
        return rows.astype(float), []
    numbers, text = [], []
    for column in rows.T:
        try:
            numbers.append(column.astype(float))
        except (TypeError, ValueError):
            text.append(column)
    return np.column_stack(numbers) if numbers else np.empty((len(rows), 0)), text


def _strings(columns):
    return {value for column in columns for value in column.tolist() if isinstance(value, str)}


def _equal_rows(rows, others):
    """Which of the rows have a copy among others."""
    (one, text), (other, other_text) = _split(rows), _split(others)
    known = {_key(i, other, other_text) for i in range(len(other))}
    return np.array([_key(i, one, text) in known for i in range(len(one))], dtype=bool)


def _key(i, numbers, text):
    return (numbers[i] + 0.0).tobytes(), tuple(str(column[i]) for column in text)


def _telling(columns, known):
    """By column: values that no retained row has, and on how many places they could lie."""
    every, found = np.unique(known[~np.isnan(known)]), {}
    for name, column in columns.items():
        column = column[~np.isnan(column)]
        wanted = np.setdiff1d(column, every)
        wanted = wanted[~np.isin(wanted, (0.0, 1.0, -1.0))]
        if len(wanted):
            low, high = column.min(), column.max()
            found[name] = wanted, _n_places(column, wanted), low, high
    return found


def _n_places(column, values):
    """Count the places of the finest decimal grid, within their range, that holds all values."""
    values, column = values[~np.isnan(values)], column[~np.isnan(column)]
    if not len(values):
        return 1.0
    spread = float(np.ptp(column))
    for digits in range(9):
        scaled = values * 10.0**digits
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-9 * np.maximum(1.0, np.abs(scaled))):
            return 1.0 + spread * 10.0**digits
    return np.inf  # as fine as numbers are: the slack of the comparison decides


def _width(column):
    """Range of a column, relative to its largest value."""
    column = column[~np.isnan(column)]
    largest = np.abs(column).max(initial=0.0)
    return float(np.ptp(column) / largest) if largest > 0 else 0.0
