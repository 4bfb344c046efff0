"""What a model keeps of the rows it learned: exact sums and fingerprints, as one value."""

import dataclasses

import numpy as np
from scipy import sparse

from skunlearn._statistics._counts import ExactCounts
from skunlearn._statistics._exact import ExactDiagonal, ExactGram
from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn._statistics._grid import check_resolved, choose_exponents
from skunlearn._statistics._grouped import GroupedMoments, GroupedSums
from skunlearn._statistics._hashing import canonical, hash_rows
from skunlearn._statistics._rounded import RoundedDiagonal, RoundedTotals
from skunlearn._statistics._totals import ExactTotals

NO_KEY = (None, None, None)
KINDS = {
    "gram": ExactGram,
    "diagonal": ExactDiagonal,
    "totals": ExactTotals,
    "counts": ExactCounts,
    "rounded": RoundedDiagonal,
    "rounded totals": RoundedTotals,
}
_MAX_GRAM_BYTES = 16 * 2**30


@dataclasses.dataclass(frozen=True)
class Rows:
    """Validated rows, ready to be summed and fingerprinted.

    Parameters
    ----------
    X : {ndarray, csr_array} of shape (n, d)
    Y : ndarray of shape (n, q), default=None
        Numeric targets that join the sums.
    weights : ndarray of shape (n,), default=None
    keys : list of tuple, default=[(None, None, None)]
        The (class, group, fold) that each code stands for.
    codes : ndarray of shape (n,), default=None
        The cell of each row; None if there is only one.
    content : list of ndarray, default=None
        What the fingerprints hash besides X, Y and the weights; with `raw` instead of them.
    raw : bool, default=False
        Whether `content` is the row as the user gave it.
    """

    X: object
    Y: np.ndarray = None
    weights: np.ndarray = None
    keys: list = dataclasses.field(default_factory=lambda: [NO_KEY])
    codes: np.ndarray = None
    content: tuple = ()
    raw: bool = False

    def __len__(self):
        return self.X.shape[0]

    @property
    def blocks(self):
        """The columns that are summed."""
        return [self.X] if self.Y is None else [self.X, self.Y]

    def learned(self, *, kind, resolution, key=None):
        """Learn these as the first rows."""
        return LearnedRows.of(self, kind=kind, resolution=resolution, key=key)

    def fingerprints(self, key):
        """Keyed hashes of content, target and weight."""
        blocks = list(self.content) if self.raw else [*self.blocks, *self.content]
        weights = np.ones(len(self)) if self.weights is None else self.weights
        return hash_rows([*blocks, weights[:, None]], key)


@dataclasses.dataclass(frozen=True)
class LearnedRows:
    """Exact sums by cell and the multiset of fingerprints; `plus` and `minus` give new values.

    Parameters
    ----------
    kind : {"gram", "diagonal"}
    exponents : ndarray of int
        The grid.
    sums : GroupedSums
    unweighted : GroupedSums or None
        The sums with every weight 1, kept while some row has another weight.
    n_weighted : int
        Number of those rows.
    fingerprints : Fingerprints or None
    key : int or None
        Secret of the fingerprints.
    """

    kind: str
    exponents: np.ndarray
    sums: GroupedSums
    unweighted: GroupedSums | None
    n_weighted: int
    fingerprints: Fingerprints | None
    key: int | None

    @classmethod
    def of(cls, rows, *, kind, resolution, key=None):
        """Learn the first rows, choosing the grid.

        Parameters
        ----------
        rows : Rows
        kind : {"gram", "diagonal"}
        resolution : {"auto", "exact"}, int or array-like of int
        key : int, default=None
            Key of the fingerprints; None keeps none.
        """
        exponents = choose_exponents(rows.blocks, rows.weights, resolution)
        if not isinstance(resolution, str):
            check_resolved(rows.blocks, exponents, exact=False)
        return cls.on_grid(rows, kind=kind, exponents=exponents, key=key)

    @classmethod
    def on_grid(cls, rows, *, kind, exponents, key=None):
        """Learn the first rows on a given grid."""
        _check_size(rows, kind)
        exponents.setflags(write=False)  # shown as resolution_, and not to be written to
        empty = cls(kind, exponents, GroupedSums({}), None, 0, None, key)
        prints = None if key is None else Fingerprints(rows.fingerprints(key))
        return empty._combined(rows, 1, prints)

    def _sums(self, rows, both):
        """Weighted sums and, if asked, unweighted ones."""
        width = sum(block.shape[1] for block in rows.blocks)
        if width != len(self.exponents) - 1:
            raise ValueError(
                f"Got {width} columns [X | y], expected {len(self.exponents) - 1} as in fit."
            )
        where = {"keys": rows.keys, "codes": rows.codes, "exponents": self.exponents}
        kind = KINDS[self.kind]
        weighted = GroupedSums.of(kind, rows.X, rows.Y, weights=rows.weights, **where)
        if not both:
            return weighted, None
        return weighted, GroupedSums.of(kind, rows.X, rows.Y, weights=None, **where)

    def _combined(self, rows, sign, fingerprints):
        """Return the value with the sums of some rows added or subtracted."""
        n_weighted = self.n_weighted + sign * self._n_weighted(rows)
        unweighted = None
        sums, plain = self._sums(rows, n_weighted > 0 or self.unweighted is not None)
        if n_weighted > 0:  # rows of weight 1 have been their own unweighted sums so far
            before = self.sums if self.unweighted is None else self.unweighted
            unweighted = before + plain if sign > 0 else before - plain
        sums = self.sums + sums if sign > 0 else self.sums - sums
        return dataclasses.replace(
            self,
            sums=sums,
            unweighted=unweighted,
            n_weighted=n_weighted,
            fingerprints=fingerprints,
        )

    def _n_weighted(self, rows):
        """Count the rows whose weight on the grid is not 1."""
        if rows.weights is None:
            return 0
        units = np.rint(np.ldexp(rows.weights, -int(self.exponents[-1])))
        return int(np.count_nonzero(units != np.ldexp(1.0, -int(self.exponents[-1]))))

    @property
    def n_rows(self):
        """Number of rows that the sums stand for."""
        return self.sums.n_rows

    def plus(self, rows, exact=False, checked=False):
        """Return the value after learning more rows; `exact` refuses to round them.

        `checked` says that the grid has been found fine enough for them.
        """
        if rows.weights is not None and self.exponents[-1] == 0:
            part = rows.weights[rows.weights != np.rint(rows.weights)]
            if len(part):
                raise ValueError(
                    f"Got sample_weight={part[0]!r} after batches with whole weights, which are "
                    "counted exactly. Give the first batch fractional weights too, or declare the "
                    "grid with resolution=[..., -32]."
                )
        if not checked:
            check_resolved(rows.blocks, self.exponents, exact)
        prints = self.fingerprints
        if prints is not None:
            prints = prints.with_(rows.fingerprints(self.key))
        return self._combined(rows, 1, prints)

    def minus(self, rows):
        """Return the value that never learned some rows.

        Raises
        ------
        NotLearnedError
            If fingerprints are kept and some rows are not among them.
        ValueError
            If more rows are removed than there are.
        """
        prints = self.fingerprints
        if prints is not None:
            prints = prints.without(rows.fingerprints(self.key))
        return self._combined(rows, -1, prints)

    def n_missing(self, rows):
        """How many of the rows were never learned (0 if no fingerprints are kept)."""
        if self.fingerprints is None:
            return 0
        return self.fingerprints.n_missing(rows.fingerprints(self.key))

    def moments(self):
        """Derive float64 moments by cell.

        Returns
        -------
        GroupedMoments
        """
        return GroupedMoments.from_sums(self.sums, self.unweighted)

    def digest(self):
        """SHA-256 of the canonical sums (fingerprints, whose key is random, stay out)."""
        if self.unweighted is None:
            return self.sums.digest()
        return self.sums.digest() + self.unweighted.digest()

    def without_columns(self, columns):
        """Return the sums as if X never had some columns; fingerprints know them, and go."""

        def narrow(sums):
            if sums is None:
                return None
            return GroupedSums({k: v.without_columns(columns) for k, v in sums.cells.items()})

        return dataclasses.replace(
            self,
            exponents=np.delete(self.exponents, columns),
            sums=narrow(self.sums),
            unweighted=narrow(self.unweighted),
            fingerprints=None,
            key=None,
        )

    def reindexed(self, index, exponents):
        """Return the sums of the same rows with other columns, see `ExactGram.reindexed`."""
        exponents.setflags(write=False)

        def moved(sums):
            if sums is None:
                return None
            return GroupedSums({k: v.reindexed(index, exponents) for k, v in sums.cells.items()})

        return dataclasses.replace(
            self, exponents=exponents, sums=moved(self.sums), unweighted=moved(self.unweighted)
        )

    def without_fingerprints(self):
        """Return the sums alone."""
        return dataclasses.replace(self, fingerprints=None, key=None)


def _check_size(rows, kind):
    p = 1 + sum(block.shape[1] for block in rows.blocks)
    n_cells = len(rows.keys)
    size = p * (p + 1) // 2 * 8 * 6 * n_cells
    if kind == "gram" and size > _MAX_GRAM_BYTES:
        raise ValueError(
            f"Got {p - 1} columns and {n_cells} groups: the exact sums of products would take "
            f"about {size / 2**30:.0f} GiB. Reduce the number of columns (feature selection, "
            "hashing, PCA) before this estimator."
        )


def numeric(X):
    """X with sparse storage in CSR, as the sums want it."""
    if sparse.issparse(X):
        return canonical(X)
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
