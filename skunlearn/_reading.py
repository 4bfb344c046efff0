"""Raw rows of mixed tables, read into blocks of numbers and levels for the steps that follow.

Each branch of a ColumnTransformer, or the whole table where there is none, is a block. A block is
read as levels where its steps encode categories, and as numbers otherwise.
"""

import dataclasses
import numbers

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skunlearn._sklearn_compat import frame_columns, mask_of, num_samples, select_columns
from skunlearn._statistics._expanded import LevelBlock, NumberBlock
from skunlearn._statistics._tables import LevelTable, NumberTable, is_nan, level_key
from skunlearn._steps import NotAChain, check_row_by_row, first_rows, is_stateless


@dataclasses.dataclass(frozen=True)
class Branch:
    """Columns of the raw table that go through steps of their own.

    Parameters
    ----------
    name : str
        What messages call it.
    columns : object
        Selection of columns; None for the whole table.
    stateless : list of Leaf
        Steps that act on rows before they are read.
    leaves : list of Leaf
        The steps that are derived from moments.
    positions : list of int, default=None
        Of the columns; None for the whole table.
    """

    name: str
    columns: object
    stateless: list
    leaves: list
    positions: list | None = None

    @classmethod
    def of(cls, name, columns, leaves, positions=None):
        """Split off the stateless steps."""
        n = 0
        while n < len(leaves) and is_stateless(leaves[n].step):
            n += 1
        return cls(name, columns, leaves[:n], leaves[n:], positions)

    @property
    def encodes(self):
        """Whether some step encodes categories."""
        return any(getattr(leaf.step, "_reads_levels", False) for leaf in self.leaves)

    def check(self):
        """Refuse steps that need what is not read for them; raises NotAChain."""
        behind = None
        for i, leaf in enumerate(self.leaves):
            step = leaf.step
            if hasattr(step, "_derive_branches"):
                raise NotAChain(f"step {leaf.path} ({type(step).__name__}) is behind another step")
            if behind is not None and getattr(step, "_reads_tables", False):
                raise NotAChain(
                    f"step {leaf.path} ({type(step).__name__}) is behind {behind}, which puts out "
                    "numbers without gaps"
                )
            behind = behind if hasattr(step, "_push_table") else leaf.path
            if i and getattr(step, "_reads_multisets", lambda: False)():
                raise NotAChain(
                    f"step {leaf.path} ({type(step).__name__}) takes the median or most frequent "
                    "of values that a step before it has changed"
                )
            marker = getattr(step, "missing_values", np.nan)
            if i and not self.encodes and level_key(marker) != level_key(np.nan):
                raise NotAChain(
                    f"step {leaf.path} ({type(step).__name__}) looks for {marker!r} among values "
                    "that a step before it has changed"
                )
            encodes = getattr(step, "_reads_levels", False)
            if encodes and not all(_keeps_levels(before.step) for before in self.leaves[:i]):
                raise NotAChain(
                    f"step {leaf.path} ({type(step).__name__}) encodes what a step before it has "
                    "computed"
                )

    def select(self, X):
        """Take the columns, and apply the stateless steps."""
        X = X if self.columns is None else select_columns(X, self.columns)
        for leaf in self.stateless:
            X = leaf.step.transform(X)
        return X

    def form(self, X):
        """Fit the stateless steps and find how the columns are to be read.

        Returns
        -------
        dict
            "levels", whether they are read as levels, and "dtypes" of these or "dtype".
        """
        X = X if self.columns is None else select_columns(X, self.columns)
        check_row_by_row(self.stateless, X, None)
        for leaf in self.stateless:
            X = leaf.step.transform(X)
        if self.leaves and hasattr(self.leaves[0].step, "_check_first"):
            self.leaves[0].step._check_first(X)
        dtype = _common_dtype(X)
        if not self.encodes and not (dtype.kind in "OUS" and self._takes_levels(X)):
            return {"levels": False, "dtype": dtype, "sparse": sparse.issparse(X)}
        return {"levels": True, "dtypes": [c.dtype for c in self._level_columns(X)]}

    def _takes_levels(self, X):
        """Whether columns that are not all numbers go through as they are, or are imputed."""
        if self.leaves:
            return _keeps_levels(self.leaves[0].step)
        try:
            check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
        except (TypeError, ValueError):
            return True
        return False

    def read(self, X, form, reset, arrays=None):
        """Read some rows as a block; `arrays` are the columns of X, if they are at hand."""
        if arrays is not None and not self.stateless:
            where = range(len(arrays)) if self.positions is None else self.positions
            block = self._read_arrays([arrays[j] for j in where], form)
            if block is not None:
                return block
        X = self.select(X)
        if not form["levels"]:
            return self._read_numbers(X, reset)
        if num_samples(X) == 0:
            return LevelBlock([{}] * len(form["dtypes"]), [np.zeros(0, int)] * len(form["dtypes"]))
        return LevelBlock(*zip(*map(_codes, self._level_columns(X)), strict=True))

    def _level_columns(self, X):
        """Columns as arrays, in the dtype in which the first step sees them."""
        if not self.leaves or not getattr(self.leaves[0].step, "_reads_levels", False):
            X = check_array(
                X,
                dtype=None if _common_dtype(X).kind in "biufO" else object,
                ensure_all_finite="allow-nan",
            )
        return frame_columns(X)

    def _read_arrays(self, arrays, form):
        """Read columns of the plain types, without the cost of looking at a frame; else None."""
        if form["levels"]:
            plain = all(a.dtype.kind == "O" for a in arrays) and len(arrays[0])
            return LevelBlock(*zip(*map(_codes, arrays), strict=True)) if plain else None
        if self._marker is not None or any(a.dtype.kind not in "biuf" for a in arrays):
            return None
        single = all(a.dtype == np.float32 for a in arrays)
        X = np.empty((len(arrays[0]), len(arrays)), dtype=np.float32 if single else np.float64)
        for j, array in enumerate(arrays):
            X[:, j] = array
        if not np.isfinite(X.sum()) and np.isinf(X).any():
            return None
        return number_block(X, counted=self._counted)

    @property
    def _marker(self):
        """Number that stands for a missing value, or None where NaN does."""
        marker = getattr(self.leaves[0].step, "missing_values", None) if self.leaves else None
        return marker if isinstance(marker, numbers.Real) and not is_nan(marker) else None

    @property
    def _counted(self):
        return any(getattr(leaf.step, "_reads_multisets", lambda: False)() for leaf in self.leaves)

    def _read_numbers(self, X, reset):
        marker = self._marker
        X = check_array(
            X,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan" if marker is None else True,
            ensure_min_samples=1 if reset else 0,
            input_name="X",
        )
        return number_block(X, np.nan if marker is None else marker, self._counted)


def number_block(X, marker=np.nan, counted=False):
    """Block of numbers, of which those equal to `marker` are missing."""
    if is_nan(marker) and not np.isnan(X.sum()):  # the sum costs less than to look at each
        return NumberBlock(X, None, counted)
    mask = mask_of(X, marker)
    if sparse.issparse(mask):
        mask = mask.toarray().astype(bool)
    if not mask.any():
        return NumberBlock(X, None, counted)
    X = X.copy()
    if sparse.issparse(X):
        X.data[mask_of(X.data, marker)] = 0.0
    else:
        X[mask] = 0.0
    return NumberBlock(X, mask, counted)


def as_rows(X):
    """Make an array of what is no array, sparse matrix or frame; text as objects."""
    if hasattr(X, "shape"):
        return X
    out = check_array(X, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=0)
    if out.dtype.kind in "US":  # numbers among the text stay numbers
        return check_array(X, dtype=object, ensure_all_finite="allow-nan", ensure_min_samples=0)
    return out


def table_of(expanded, block, form):
    """Table of a block, for the steps of its branch."""
    if form["levels"]:
        return LevelTable.of_block(expanded, block, form["dtypes"])
    return NumberTable.of_block(expanded, block, form["dtype"], form["sparse"])


def branches_of(leaves):
    """Branches of the first step that is derived, or the one branch of a chain of steps."""
    first = leaves[0]
    if hasattr(first.step, "_branches"):
        return first.step._branches()
    return [Branch(first.path, None, [], leaves)]


def reads_tables(leaves):
    """Tell whether some step wants a table of numbers with gaps, or of levels."""
    return any(getattr(leaf.step, "_reads_tables", False) for leaf in leaves)


def _keeps_levels(step):
    return getattr(step, "_keeps_levels", lambda: False)()


def _common_dtype(X):
    """Type that the columns share as one array, found from the first rows."""
    rows = first_rows(X)
    if sparse.issparse(rows):
        return rows.dtype
    if hasattr(rows, "iloc"):
        kinds = [column.dtype for column in frame_columns(rows)]
        return object_or(kinds)
    return np.asarray(rows).dtype


def object_or(dtypes):
    """Return the common type of columns: object where they are not all numbers."""
    if not dtypes:
        return np.dtype(np.float64)
    if any(dtype.kind not in "biuf" for dtype in dtypes):
        return np.dtype(object)
    return np.result_type(*dtypes)


def _codes(column):
    """Distinct labels of a column by key, and which of them each row has."""
    index = {}
    try:
        codes = np.array(
            [index.setdefault(label, len(index)) for label in column.tolist()], dtype=np.intp
        )
    except TypeError as error:
        raise TypeError(
            f"Encoders require their input argument must be uniformly strings or numbers: {error}."
        ) from error
    keys = [level_key(label) for label in index]
    labels = {}
    for key, label in zip(keys, index, strict=True):
        labels.setdefault(key, label)
    position = {key: i for i, key in enumerate(labels)}
    merged = np.array([position[key] for key in keys], dtype=np.intp)
    return labels, merged[codes] if len(keys) else codes
