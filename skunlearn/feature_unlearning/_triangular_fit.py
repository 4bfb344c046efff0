"""Fitting and moving of the triangular barycenter: from a table to plans, and back."""

from numbers import Integral

import numpy as np
from sklearn.linear_model import LogisticRegression

from skunlearn._exact import clear_learned
from skunlearn._sklearn_compat import check_weights
from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn._statistics._hashing import derive_key, hash_rows, label_words, new_key
from skunlearn.feature_unlearning._base import choose_columns, resolve_columns
from skunlearn.feature_unlearning._groups import (
    UNKNOWN,
    codes_among,
    in_order,
    read_groups,
    refuse_missing,
    sensitive_values,
)
from skunlearn.feature_unlearning._laws import pool_small
from skunlearn.feature_unlearning._tables import as_table, shown
from skunlearn.feature_unlearning._triangular_codes import Grid, Levels
from skunlearn.feature_unlearning._triangular_counts import LEAST, CountPlan, PairCounts
from skunlearn.feature_unlearning._triangular_models import Choice, one_hot
from skunlearn.feature_unlearning._triangular_plan import Plan, Streams, order_by_information
from skunlearn.feature_unlearning._triangular_table import (
    checked_edges,
    choose_kinds,
    column_array,
    decoded,
    read_columns,
    row_hashes,
    same_labels,
)
from skunlearn.feature_unlearning._triangular_target import Target, read_target

_BLOCK = 2**15  # rows moved at once
_ROWS_PER_BIN = 50  # of the smallest group: estimates that err tell the groups apart themselves


class TriangularFitMixin:
    """What `TriangularBarycenter` does with tables, groups and plans."""

    # -- reading -----------------------------------------------------------------------------

    def _read_rows(self, request, reset):
        """Check rows to learn or to forget.

        Returns
        -------
        dict
            Table, roles, columns, codes into `groups`, words of the sensitive values, weights.
        """
        X = as_table(self, request.X, reset, allow_empty=not reset)
        if reset:
            columns = choose_columns(self, X, request.sensitive_features)
            kinds = choose_kinds(X, columns, self.key_columns, self.categorical_columns)
        else:
            self._check_source(request.sensitive_features)
            columns, kinds = self._columns, self._kinds
        values = sensitive_values(X, request.sensitive_features, columns)
        codes, groups, words = read_groups(values, len(X))
        refuse_missing(codes)
        weights = check_weights(request.sample_weight, X)
        weights = np.ones(len(X)) if weights is None else weights
        if self._counting and (weights != np.rint(weights)).any():
            raise ValueError(
                f"Got sample_weight with {weights[weights != np.rint(weights)][0]}, expected whole "
                'numbers: conditional="counts" counts rows.'
            )
        return {
            "X": X,
            "roles": columns,
            "kinds": kinds,
            "columns": read_columns(X, kinds),
            "codes": codes,
            "groups": groups,
            "words": words,
            "weights": weights,
            "y": read_target(request.y, len(X)) if self.follow_target else None,
        }

    def _locate_rows(self, X, sensitive_features):
        """Check rows to transform: table, columns, codes among `groups_`, words."""
        if self.on_missing == "posterior" and self._without_sensitive(X):
            X = self._with_unknown(X)
        X = as_table(self, X, reset=False)
        codes, words = self._codes_of(X, len(X), sensitive_features)
        self._refuse_or_warn(np.count_nonzero(codes == UNKNOWN))
        return X, read_columns(X, self._kinds), codes, words

    def _with_unknown(self, X):
        """Put missing values where the sensitive columns were at fit."""
        if hasattr(X, "insert"):
            X = X.copy()
            for j in sorted(self._columns.sensitive):
                X.insert(j, self.feature_names_in_[j], None)
            return X
        X = np.asarray(X, dtype=object)
        out = np.full((len(X), self._columns.n_in), None, dtype=object)
        out[:, np.setdiff1d(np.arange(self._columns.n_in), self._columns.sensitive)] = X
        return out

    # -- learning ----------------------------------------------------------------------------

    def _learn(self, request, key, crossed=False):
        """Fit; return what `fit_transform` needs where its maps are crossed."""
        rows = self._read_rows(request, reset=True)
        attributes = self._attributes(rows, key)
        clear_learned(self)
        for name in ("_counts", "_prints", "_print_key"):
            vars(self).pop(name, None)
        self._commit(attributes)
        if not crossed:
            return None
        codes = codes_among(self.groups_, rows["codes"], rows["groups"])
        repaired = self._crossed(rows, codes)
        return rows["X"], rows["columns"], repaired, rows["words"]

    def _attributes(self, rows, key):
        """Everything that is assigned when the model stands on some rows."""
        groups = in_order(rows["groups"])
        codes = codes_among(groups, rows["codes"], rows["groups"])
        sizes = np.bincount(codes, minlength=len(groups))
        mass = np.bincount(codes, rows["weights"], len(groups))
        shared = self._shared_attributes(groups, sizes, mass, rows, key)
        print_key = new_key() if self.track_rows else None
        if print_key is not None:
            prints = self._print_rows(rows, print_key)
            shared |= {"_prints": Fingerprints(prints), "_print_key": print_key}
        if self._counting:
            edges = self._edges(rows["X"], rows["kinds"])
            found = PairCounts.of(rows["columns"], edges, codes, groups, rows["weights"])
            return shared | self._from_counts(found, edges, rows["kinds"], shared["_units"])
        plan, out = self._planned(rows, codes, shared, np.arange(len(codes)), key)
        costs = self._costs_of(rows, codes, plan, out, len(groups))
        shared |= {"_plan": plan, "_costs": costs, "_n_rows": len(codes)}
        shared |= self._told(plan, rows["kinds"])
        shared["_posterior"] = self._posterior_of(rows, codes, plan)
        return shared

    def _told(self, plan, kinds):
        moved = np.array(kinds.moved, dtype=np.intp)
        return {"order_": moved[plan.order], "column_information_": plan.information[plan.order]}

    def _shared_attributes(self, groups, sizes, mass, rows, key):
        if not mass.sum() > 0:
            raise ValueError("The sample weights are all zero: pass at least one that is not.")
        empty = [group for group, weight in zip(groups, mass, strict=True) if not weight > 0]
        if empty:
            raise ValueError(
                f"The sample weights of {shown(empty)} are all 0: leave these rows out."
            )
        small = (sizes < self.min_group_size) & (len(groups) > 1)
        if small.any() and self.small_groups == "error":
            named = [f"{g} ({n} rows)" for g, n, s in zip(groups, sizes, small, strict=True) if s]
            raise ValueError(
                f"Groups with fewer than min_group_size={self.min_group_size} rows: "
                f'{shown(named)}. Treat them as one group (small_groups="pool"), lower '
                "min_group_size, or merge labels beforehand; a continuous variable has to be "
                "binned."
            )
        units = np.arange(len(groups))
        if small.any():
            small = pool_small(sizes, small, self.min_group_size)
            units = np.unique(np.where(small, -1, units), return_inverse=True)[1]
        return {
            "groups_": groups,
            "group_weights_": mass / mass.sum(),
            "small_groups_": [g for g, s in zip(groups, small, strict=True) if s],
            "sensitive_columns_": np.array(rows["roles"].sensitive, dtype=np.intp),
            "_columns": rows["roles"],
            "_kinds": rows["kinds"],
            "_units": units if units.max(initial=0) > 0 else None,
            "_key": key,
            "_draw_key": derive_key(key, "draws"),
            "_posterior": None,
            "_costs": None,
        }

    def _planned(self, rows, codes, shared, some, key):
        """Fit the plan of some rows; give it and their repaired columns."""
        units = shared["_units"]
        codes = codes[some] if units is None else units[codes[some]]
        weight = rows["weights"][some]
        columns = [column[some] for column in rows["columns"]]
        shares = np.bincount(codes, weight)
        if units is None:
            codes, shares = np.zeros(len(some), dtype=np.intp), np.array([shares.sum()])
        shares = shares / shares.sum()
        books = self._books(columns, codes, weight, shares, rows)
        cells = np.stack(
            [book.cells(book.read(c)) for book, c in zip(books, columns, strict=True)], axis=1
        )
        sizes = [book.n_cells for book in books]
        order, told = order_by_information(cells, sizes, codes, weight, len(shares))
        seed = derive_key(key, "models") % 2**32
        target = Target(self.follow_target, seed) if self.follow_target else None
        plan = Plan(books, order, shares, self.numeric == "mixture", target)
        plan.information, plan.sizes = told, sizes
        if units is None:
            return plan, columns
        draw_key = derive_key(key, "draws")
        hashes = self._hashes(rows["X"], rows["words"], rows["kinds"], draw_key)[some]
        choice = Choice.of(self.conditional, seed)
        plan.names = [self._name(j) for j in rows["kinds"].moved] if self.verbose else None
        y = None if target is None else rows["y"][some]
        return plan, plan.fit(columns, codes, weight, Streams(hashes, draw_key), choice, y)

    def _books(self, columns, codes, weight, shares, rows):
        kinds, books = rows["kinds"], []
        edges = self._edges(rows["X"], kinds)
        n_bins = self.bins if isinstance(self.bins, Integral) else 8
        n_bins = max(2, min(n_bins, int(np.bincount(codes, weight).min()) // _ROWS_PER_BIN))
        rare = max(self.min_frequency * weight.sum(), LEAST)
        for column, numeric, edge in zip(columns, kinds.numeric, edges, strict=True):
            if numeric:
                inner = None if edge is None else edge[1:-1]
                books.append(Grid.of(column, codes, weight, shares, n_bins, inner))
            else:
                books.append(Levels.of(column, codes, weight, shares, rare))
        return books

    def _from_counts(self, counts, edges, kinds, units):
        """Attributes of a model that stands on counts."""
        whole = [getattr(dtype, "kind", "O") in "iu" for dtype in kinds.dtypes]
        pooled = counts.pooled(np.zeros(len(counts.groups), int) if units is None else units)
        plan = self._count_plan(pooled, edges, whole)
        return {"_plan": plan, "_counts": counts, "_edges_used": (edges, whole),
                "_n_rows": counts.n_rows, **self._told(plan, kinds)}  # fmt: skip

    def _count_plan(self, counts, edges, whole):
        return CountPlan(counts, edges, whole, self.min_frequency, self.numeric == "mixture")

    def _edges(self, X, kinds):
        """Give the declared edges of each moved column, or None."""
        named = self.bins if isinstance(self.bins, dict) else {}
        positions = {resolve_columns([name], X, "bins")[0]: name for name in named}
        numbers = {j for j, numeric in zip(kinds.moved, kinds.numeric, strict=True) if numeric}
        other = [name for j, name in positions.items() if j not in numbers]
        if other:
            raise ValueError(f"Got bins of {shown(other)}, which hold no numbers to move.")
        out = []
        for j, numeric in zip(kinds.moved, kinds.numeric, strict=True):
            edges = None
            if numeric and j in positions:
                edges = checked_edges(named[positions[j]], positions[j])
            elif numeric and not isinstance(self.bins, (Integral, dict)):
                edges = checked_edges(self.bins, j)
            if numeric and edges is None and self._counting:
                raise ValueError(
                    f'Got bins={self.bins!r}, and conditional="counts" needs the edges of the bins '
                    f"of column {self._name(j)!r}: bins={{{self._name(j)!r}: [...]}}. Edges found "
                    "in the data would depend on rows that are to be forgotten."
                )
            out.append(edges)
        if (isinstance(self.bins, Integral) and self.bins < 2) or isinstance(self.bins, str):
            raise ValueError(f"Got bins={self.bins!r}, expected an integer of at least 2 or edges.")
        return out

    def _name(self, j):
        return str(getattr(self, "feature_names_in_", np.arange(self.n_features_in_))[j])

    # -- moving ------------------------------------------------------------------------------

    def _hashes(self, X, words, kinds, key):
        return row_hashes(X, kinds, words, derive_key(key, "rows"))

    def _streams(self, X, words):
        # a key of its own: what serves carries it, and cannot compute the one it derives from
        key = self._draw_key
        return Streams(self._hashes(X, words, self._kinds, key), key)

    def _move(self, columns, codes, words, X):
        """Repaired columns of rows, as labels and numbers."""
        if self._units is None or not len(codes):
            return columns
        streams = self._streams(X, words)
        codes = self._drawn(columns, codes, streams)
        return self._moved_by(self._plan, columns, codes, streams)

    def _moved_by(self, plan, columns, codes, streams):
        codes, parts = self._units[codes], []
        for first in range(0, len(codes), _BLOCK):
            rows = slice(first, first + _BLOCK)
            some = Streams(streams.hashes[rows], streams.key)
            parts.append(plan.move([c[rows] for c in columns], codes[rows], some))
        return [
            decoded(np.concatenate(column), book)
            for column, book in zip(zip(*parts, strict=True), plan.books, strict=True)
        ]

    def _crossed(self, rows, codes):
        """Repaired columns by maps that have not seen the row."""
        if self._units is None:
            return rows["columns"]
        streams = self._streams(rows["X"], rows["words"])
        # rows of one hash share a fold; those of each group are dealt evenly
        distinct, place = np.unique(streams.hashes, return_inverse=True)
        rank = np.random.default_rng(derive_key(self._key, "folds")).permutation(len(distinct))
        order = np.lexsort((rank[place], codes))
        starts = np.flatnonzero(np.diff(place[order], prepend=-1))
        fold = np.empty(len(codes), dtype=np.intp)
        fold[order] = np.repeat(
            np.arange(len(starts)), np.diff(np.append(starts, len(order)))
        ) % self.n_folds  # fmt: skip
        out = [np.empty(len(codes), dtype=column.dtype) for column in rows["columns"]]
        shared = {"_units": self._units}
        for k in range(self.n_folds):
            held, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            if not len(held):
                continue
            plan = self._fold_plan(rows, codes, rest, shared)
            some = Streams(streams.hashes[held], streams.key)
            moved = self._moved_by(plan, [c[held] for c in rows["columns"]], codes[held], some)
            for column, part in zip(out, moved, strict=True):
                column[held] = part
        return out

    def _fold_plan(self, rows, codes, some, shared):
        if len(np.unique(self._units[codes[some]])) < self._units.max() + 1:
            raise ValueError(
                f"Got n_folds={self.n_folds} folds, of which one holds all rows of a group: raise "
                "min_group_size, or call fit and then transform."
            )
        if not self._counting:
            return self._planned(rows, codes, shared, some, self._key)[0]
        edges, whole = self._edges_used
        columns = [column[some] for column in rows["columns"]]
        groups = [(int(unit),) for unit in range(self._units.max() + 1)]
        weights = rows["weights"][some]
        counts = PairCounts.of(columns, edges, self._units[codes[some]], groups, weights)
        return self._count_plan(counts, edges, whole)

    # -- unknown groups ----------------------------------------------------------------------

    def _posterior_of(self, rows, codes, plan):
        if self.on_missing != "posterior" or len(np.unique(codes)) < 2:
            return None
        model = LogisticRegression(C=1.0, max_iter=200, tol=1e-3)
        return model.fit(self._cells_of(plan, rows["columns"]), codes, rows["weights"])

    def _cells_of(self, plan, columns):
        cells = [b.cells(b.read(c)) for b, c in zip(plan.books, columns, strict=True)]
        return one_hot(np.stack(cells, axis=1), plan.sizes)

    def _drawn(self, columns, codes, streams):
        """Codes, those that are unknown drawn from the posterior."""
        unknown = codes == UNKNOWN
        if not unknown.any():
            return codes
        if self._posterior is None:
            raise ValueError(
                'Got on_missing="posterior" after a fit with "error": fit again, the posterior is '
                "learned there."
            )
        chances = self._posterior.predict_proba(self._cells_of(self._plan, columns))
        drawn = (np.cumsum(chances, axis=1) <= streams("group")[:, None]).sum(axis=1)
        return np.where(unknown, np.minimum(drawn, chances.shape[1] - 1), codes)

    # -- what it costs -----------------------------------------------------------------------

    def _costs_of(self, rows, codes, plan, out, n_groups):
        total, self_same = np.zeros(len(codes)), plan.weights.shape == (1,)
        for column, repaired, book in zip(rows["columns"], out, plan.books, strict=True):
            if not book.ordered:
                moved = column if self_same else decoded(repaired, book)
                total += ~same_labels(moved, column)
                continue
            change = np.isnan(column) != np.isnan(repaired)
            gap = np.nan_to_num(repaired - column) / book.scale
            total += np.where(change, 1.0, gap**2)
        total *= rows["weights"] / len(plan.books)
        return np.bincount(codes, total, n_groups) / np.bincount(codes, rows["weights"], n_groups)

    # -- fingerprints ------------------------------------------------------------------------

    def _print_rows(self, rows, key):
        words = [column_array(rows["X"], j) for j in range(rows["roles"].n_in)]
        blocks = [label_words(column)[:, None] for column in words]
        if rows["y"] is not None:
            blocks.append(label_words(rows["y"])[:, None])
        return hash_rows([*blocks, rows["words"], rows["weights"][:, None]], key)
