"""Rows of mixed tables, expanded so that everyday preprocessing is affine, and their exact sums.

A numeric column becomes its value, 0 where it is missing, and an indicator of missing values; a
categorical one becomes an indicator a level. Imputing, scaling, encoding and selecting columns
are affine there. The layout has just the indicators that some row needs, so that the state is a
function of the rows that remain: a level that loses its last row goes.
"""

import dataclasses
import hashlib

import numpy as np
from scipy import sparse

from skunlearn._statistics import _limbs
from skunlearn._statistics._grid import check_resolved, choose_exponents
from skunlearn._statistics._grouped import GroupedMoments, GroupedSums
from skunlearn._statistics._learned import LearnedRows, Rows
from skunlearn._statistics._values import ValueCounts
from skunlearn.exceptions import NotLearnedError

NUMBER, MISSING, LEVEL = 0, 1, 2
_DENSE = 2**24  # cells up to which the expanded rows are a dense array
_WIDE = 200  # columns from which on products of sparse rows cost less
_SPARSE = 0.25  # share of nonzeros below which rows are kept sparse beyond either


@dataclasses.dataclass(frozen=True)
class NumberBlock:
    """Numeric columns, as read from rows.

    Parameters
    ----------
    values : {ndarray, csr_array} of shape (n, d)
        0 where a value is missing.
    missing : ndarray of shape (n, d), bool, or None
        None if nothing is missing.
    counted : bool
        Whether the multiset of the values is kept too.
    """

    values: object
    missing: np.ndarray | None
    counted: bool = False

    def slots(self, block):
        """List the expanded columns that these rows need: {slot: label}."""
        found = {(block, NUMBER, j, ()): None for j in range(self.values.shape[1])}
        if self.missing is not None:
            some = np.flatnonzero(self.missing.any(axis=0))
            found |= {(block, MISSING, j, ()): None for j in some.tolist()}
        return found

    def parts(self, block, slots):
        """Give the expanded columns in the order of the slots."""
        out = [self.values]
        missing = [slot[2] for slot in slots if slot[1] == MISSING]
        if missing:
            mask = np.zeros((self.values.shape[0], len(missing)))
            if self.missing is not None:
                mask[:] = self.missing[:, missing]
            out.append(sparse.csr_array(mask) if sparse.issparse(self.values) else mask)
        return out

    def multisets(self, block):
        """Count the values that are present, by column."""
        if not self.counted:
            return {}
        out = {}
        for j in range(self.values.shape[1]):
            column = self.values[:, [j]]
            column = (column.toarray() if sparse.issparse(column) else column)[:, 0]
            if self.missing is not None:
                column = column[~self.missing[:, j]]
            out[block, j] = ValueCounts.of(column)
        return out


@dataclasses.dataclass(frozen=True)
class LevelBlock:
    """Categorical columns, as read from rows.

    Parameters
    ----------
    labels : list of dict
        For each column the distinct labels by their sort key.
    codes : list of ndarray of shape (n,), int
        Which of them each row has.
    """

    labels: list
    codes: list

    def slots(self, block):
        """List the expanded columns that these rows need: {slot: label}."""
        return {
            (block, LEVEL, j, key): label
            for j, labels in enumerate(self.labels)
            for key, label in labels.items()
        }

    def parts(self, block, slots):
        """Give the expanded columns in the order of the slots, sparse."""
        position = {slot: i for i, slot in enumerate(slots)}
        n = len(self.codes[0]) if self.codes else 0
        where = [
            np.array([position[block, LEVEL, j, key] for key in labels], dtype=np.intp)[codes]
            for j, (labels, codes) in enumerate(zip(self.labels, self.codes, strict=True))
        ]
        columns = np.stack(where, axis=1).ravel() if where else np.zeros(0, dtype=np.intp)
        bounds = np.arange(n + 1) * len(where)
        shape = (n, len(slots))
        return [sparse.csr_array((np.ones(len(columns)), columns, bounds), shape=shape)]

    def multisets(self, block):
        """Return no multisets: the indicators count."""
        return {}


@dataclasses.dataclass(frozen=True)
class ExpandedRows:
    """Validated rows of a mixed table.

    Parameters
    ----------
    blocks : list of {NumberBlock, LevelBlock}
    row : Rows
        All that belongs to the rows but X, which is an array without columns.
    """

    blocks: list
    row: Rows

    def __len__(self):
        return len(self.row)

    def slots(self):
        """List the expanded columns that these rows need: {slot: label}, in canonical order."""
        found = {}
        for i, block in enumerate(self.blocks):
            found |= block.slots(i)
        return {slot: found[slot] for slot in sorted(found)}

    def rows(self, slots):
        """Return rows of the expanded columns."""
        parts = []
        for i, block in enumerate(self.blocks):
            parts += block.parts(i, [slot for slot in slots if slot[0] == i])
        return dataclasses.replace(self.row, X=_side_by_side(parts, len(self)))

    def numbers(self):
        """Give the blocks whose grid is to be found: the numeric columns, and the targets."""
        blocks = [block.values for block in self.blocks if isinstance(block, NumberBlock)]
        return blocks + ([] if self.row.Y is None else [self.row.Y])

    def multisets(self):
        """Count values, by block and column."""
        found = {}
        for i, block in enumerate(self.blocks):
            found |= block.multisets(i)
        return found

    def learned(self, *, kind, resolution, key=None):
        """Learn these as the first rows."""
        return LearnedTable.of(self, kind=kind, resolution=resolution, key=key)


def _side_by_side(parts, n):
    if len(parts) == 1 and not sparse.issparse(parts[0]):
        return parts[0]
    width = sum(part.shape[1] for part in parts)
    stored = sum(part.nnz if sparse.issparse(part) else part.size for part in parts)
    if (width > _WIDE or n * width > _DENSE) and stored < _SPARSE * n * width:
        return sparse.csr_array(sparse.hstack(parts, format="csr"))
    out = np.zeros((n, width))
    first = 0
    for part in parts:
        last = first + part.shape[1]
        if sparse.issparse(part):
            entries = part.tocoo()
            out[entries.coords[0], first + entries.coords[1]] = entries.data
        else:
            out[:, first:last] = part
        first = last
    return out


@dataclasses.dataclass(frozen=True)
class LearnedTable:
    """Exact sums of expanded rows; `plus` and `minus` give new values.

    Parameters
    ----------
    sums : LearnedRows
        Of the expanded columns.
    slots : dict
        The expanded columns in order: {(block, kind, column, key): label}.
    multisets : dict
        `ValueCounts` by (block, column), for columns that need them.
    """

    sums: LearnedRows
    slots: dict
    multisets: dict

    @classmethod
    def of(cls, rows, *, kind, resolution, key=None):
        """Learn the first rows, choosing the grid."""
        slots = rows.slots()
        exponents = _exponents(rows, slots, resolution)
        sums = LearnedRows.on_grid(rows.rows(slots), kind=kind, exponents=exponents, key=key)
        return cls(sums, slots, rows.multisets())

    @property
    def exponents(self):
        """The grid of the numeric columns, of the targets and of the weights.

        Indicators are whole, and come and go with the rows.
        """
        grid = self.sums.exponents[self._on_grid()]
        grid.setflags(write=False)
        return grid

    def _on_grid(self):
        indicators = [i for i, slot in enumerate(self.slots) if slot[1] != NUMBER]
        return np.delete(np.arange(len(self.sums.exponents)), indicators)

    @property
    def n_rows(self):
        """Number of rows that the sums stand for."""
        return self.sums.n_rows

    def plus(self, rows, exact=False):
        """Return the value after learning more rows; `exact` refuses to round them."""
        found = self.slots | rows.slots()
        slots = {slot: found[slot] for slot in sorted(found)}
        wide = self._with_slots(slots)
        blocks = rows.numbers()
        if blocks:
            check_resolved(blocks, wide.exponents, exact)
        sums = wide.sums.plus(rows.rows(slots), exact=exact, checked=True)
        multisets = {
            at: more + self.multisets[at] if at in self.multisets else more
            for at, more in rows.multisets().items()
        }
        return LearnedTable(sums, slots, multisets)

    def minus(self, rows):
        """Return the value that never learned some rows.

        Raises
        ------
        NotLearnedError
            If some rows were never learned.
        """
        unknown = set(rows.slots()) - set(self.slots)
        if unknown:
            self._refuse_unknown(rows, sorted(unknown)[0])
        sums = self.sums.minus(rows.rows(self.slots))
        multisets = {at: self.multisets[at] - less for at, less in rows.multisets().items()}
        return LearnedTable(sums, self.slots, multisets)._trimmed()

    def _refuse_unknown(self, rows, slot):
        prints = self.sums.fingerprints
        if prints is not None:
            prints.without(rows.row.fingerprints(self.sums.key))
        what = "a missing value" if slot[1] == MISSING else f"{rows.slots()[slot]!r}"
        raise NotLearnedError(
            f"A row to forget has {what} in a column where no learned row has it; nothing was "
            "changed. Pass the rows exactly as they were given to fit."
        )

    def _trimmed(self):
        """Return the value without the indicators that no row needs any more."""
        counts = self.counts()
        slots = {
            slot: label
            for count, (slot, label) in zip(counts, self.slots.items(), strict=True)
            if slot[1] == NUMBER or count > 0
        }
        return self if len(slots) == len(self.slots) else self._with_slots(slots)

    def counts(self):
        """Count the rows, whatever their weights, where an indicator is 1, in Python integers."""
        totals = self._totals()[1:]
        return totals // (1 << -int(self.sums.exponents[-1]))

    def _totals(self):
        """Return the number of rows and sums of the expanded columns, in units of the grid."""
        cells = (self.sums.unweighted or self.sums.sums).cells.values()
        parts = [_limbs.to_integers(cell.limbs[:, : 1 + len(self.slots)]) for cell in cells]
        return sum(parts) if parts else np.zeros(1 + len(self.slots), dtype=object)

    def _with_slots(self, slots):
        """Return the value in another layout; new columns are 0 in every row."""
        if list(slots) == list(self.slots):
            return self
        old = {slot: i for i, slot in enumerate(self.slots)}
        grid = self.sums.exponents
        targets = np.arange(len(self.slots), len(grid) - 1)
        index = np.array([*(old.get(slot, -1) for slot in slots), *targets], dtype=np.intp)
        exponents = np.append(np.where(index < 0, 0, grid[index]), grid[-1])
        sums = self.sums.reindexed(index, exponents)
        return dataclasses.replace(self, sums=sums, slots=slots)

    def n_missing(self, rows):
        """How many of the rows were never learned (0 if no fingerprints are kept)."""
        return self.sums.n_missing(rows.row)

    def digest(self):
        """SHA-256 of the canonical state (fingerprints, whose key is random, stay out)."""
        state = hashlib.sha256(self.sums.digest().encode())
        state.update(repr(list(self.slots)).encode())
        for at in sorted(self.multisets):
            state.update(f"{at} {self.multisets[at].digest()}".encode())
        return state.hexdigest()

    def without_fingerprints(self):
        """Return the sums alone."""
        return dataclasses.replace(self, sums=self.sums.without_fingerprints())

    def without_columns(self, columns):
        """Return the sums as if the table, of one block, never had some columns."""
        gone = set(np.asarray(columns).tolist())
        kept = [slot for slot in self.slots if slot[2] not in gone]
        new = {j: i for i, j in enumerate(sorted({slot[2] for slot in kept}))}
        narrow = self._with_slots({slot: self.slots[slot] for slot in kept})
        slots = {(b, kind, new[j], key): self.slots[b, kind, j, key] for b, kind, j, key in kept}
        multisets = {(b, new[j]): v for (b, j), v in self.multisets.items() if j in new}
        return LearnedTable(narrow.sums.without_fingerprints(), slots, multisets)

    def moments(self):
        """Derive moments of the expanded columns.

        Returns
        -------
        ExpandedMoments
        """
        position = {slot: i for i, slot in enumerate(self.slots)}
        missing = [slot for slot in self.slots if slot[1] == MISSING]
        columns = np.array([position[b, NUMBER, j, ()] for b, _, j, _ in missing], dtype=np.intp)
        indicators = np.array([position[slot] for slot in missing], dtype=np.intp)
        pivots = self._pivots(columns, indicators)

        def centred(sums):
            if sums is None or not len(columns):
                return sums
            cells = {k: v.recentred(columns, indicators, pivots) for k, v in sums.cells.items()}
            return GroupedSums(cells)

        moments = GroupedMoments.from_sums(centred(self.sums.sums), centred(self.sums.unweighted))
        offsets = np.zeros(len(self.slots))
        offsets[columns] = np.ldexp(pivots.astype(np.float64), self.sums.exponents[columns])
        grid = self.sums.exponents
        return ExpandedMoments(moments, self.slots, offsets, self.multisets, self.counts(), grid)

    def _pivots(self, columns, indicators):
        """Means of what is present, in whole units of the grid: nothing cancels about them."""
        if not len(columns):
            return np.zeros(0, dtype=object)
        totals = self._totals()
        present = totals[0] - totals[1 + indicators]
        present = np.where(present == 0, 1, present)
        return (2 * totals[1 + columns] + present) // (2 * present)


@dataclasses.dataclass(frozen=True)
class ExpandedMoments:
    """Moments of the expanded columns, with what tells a table where its columns are.

    Parameters
    ----------
    moments : GroupedMoments
        Of the expanded columns, those with missing values taken about `offsets`.
    slots : dict
        As in `LearnedTable`.
    offsets : ndarray of shape (n_slots,)
        What was subtracted from a column wherever it is present.
    multisets : dict
    counts : ndarray of shape (n_slots,), of Python integers
        Rows where an indicator is 1.
    exponents : ndarray of int
        The grid of the expanded columns, of the targets and of the weights.
    """

    moments: GroupedMoments
    slots: dict
    offsets: np.ndarray
    multisets: dict
    counts: np.ndarray
    exponents: np.ndarray


def _exponents(rows, slots, resolution):
    """Grid of the expanded columns: found for numbers, whole for indicators."""
    q = 0 if rows.row.Y is None else rows.row.Y.shape[1]
    blocks = rows.numbers() or [np.zeros((len(rows), 0))]
    found = choose_exponents(blocks, rows.row.weights, resolution)
    if not isinstance(resolution, str):
        check_resolved(blocks, found, exact=False)
    exponents = np.zeros(len(slots) + q + 1, dtype=np.int64)
    where = [i for i, slot in enumerate(slots) if slot[1] == NUMBER]
    exponents[where + list(range(len(slots), len(slots) + q + 1))] = found
    return exponents
