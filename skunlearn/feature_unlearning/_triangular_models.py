"""Conditional laws of a column's cells given the columns before it, in each group.

By Bayes' rule: P(c | before, z) is proportional to P(c | before) P(z | before, c). The first factor
is common to all groups, so its errors move rows but tell no group from another; the second one is
a classifier of the group, all of whose capacity goes into what a probe would look for.
"""

import warnings

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

_FLOOR = 0.01  # share of the marginal law in a conditional one
_COMMON = {"C": 1.0, "max_iter": 40, "tol": 1e-3}
_SCALES = (1.0, 0.3)  # of products with ranks, with indicators: the smaller, the more shrunk


def one_hot(cells, sizes):
    """Return indicators of cells, sparse; an unseen cell has none.

    Parameters
    ----------
    cells : ndarray of shape (n, n_columns), int
    sizes : list of int
        Numbers of cells.

    Returns
    -------
    csr_array of shape (n, sum of sizes)
    """
    n, d = cells.shape
    firsts = np.cumsum([0, *sizes])[:-1]
    data = (cells >= 0).astype(np.float64).ravel()
    indices = (np.maximum(cells, 0) + firsts).astype(np.int32).ravel()
    indptr = np.arange(0, n * d + 1, d, dtype=np.int32)
    return sparse.csr_array((data, indices, indptr), shape=(n, int(sum(sizes))))


def _ranks(n_cells):
    """Ranks of cells and their squares, both between about -1.7 and 1.7."""
    rank = (np.arange(n_cells) - (n_cells - 1) / 2) / max(np.arange(n_cells).std(), 1.0)
    return rank, rank**2 - 1


def _fit(model, X, y, sample_weight):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, sample_weight)


class LinearGroup:
    """Logistic regression of the group on indicators of the cells and products of these.

    What is repaired and what is not yet are related in each group in a way of its own, which is in
    the products of c with the columns before: with the rank of c and its square (a shift, a
    stretch), and with its indicators, whose coefficients are shrunk more.
    """

    def __init__(self, C=1.0, scales=_SCALES):
        self.C = C
        self.scales = scales

    def fit(self, before, sizes, cells, n_cells, codes, sample_weight):
        """Fit; arguments as in `Conditional.fit`."""
        own, width = one_hot(cells[:, None], [n_cells]), int(sum(sizes))
        parts, ranks = [own], _ranks(n_cells)
        if width:
            indicators = one_hot(before, sizes)
            repeats = np.diff(indicators.indptr)
            shift = np.repeat(cells.astype(np.int32) * width, repeats)
            products = sparse.csr_array(
                (indicators.data * self.scales[1], indicators.indices + shift, indicators.indptr),
                shape=(len(cells), n_cells * width),
            )
            parts.append(indicators)
            for rank in ranks:
                data = indicators.data * np.repeat(self.scales[0] * rank[cells], repeats)
                parts.append(
                    sparse.csr_array(
                        (data, indicators.indices, indicators.indptr), shape=indicators.shape
                    )
                )
            parts.append(products)
        model = LogisticRegression(C=self.C, max_iter=100, tol=1e-4)
        model = _fit(model, sparse.hstack(parts, format="csr"), codes, sample_weight)
        self.bias = model.intercept_[:, None] + model.coef_[:, :n_cells]
        self.slopes = [self._slope(coef[n_cells:], width, ranks) for coef in model.coef_]
        self.classes_ = model.classes_
        return self

    def _slope(self, coef, width, ranks):
        """Coefficients of each cell before for each cell, shape (width, n_cells)."""
        if not width:
            return None
        plain, *smooth = np.split(coef[: (1 + len(ranks)) * width], 1 + len(ranks))
        table = self.scales[1] * coef[(1 + len(ranks)) * width :].reshape(-1, width).T
        table = table + plain[:, None]
        for part, rank in zip(smooth, ranks, strict=True):
            table = table + self.scales[0] * part[:, None] * rank
        return np.ascontiguousarray(table)

    def log_odds(self, before, indicators, n_cells):
        """Log P(z | before, c) up to a constant in z, shape (n_groups, n, n_cells)."""
        scores = np.stack(
            [
                np.broadcast_to(bias, (len(before), n_cells))
                if slope is None
                else indicators @ slope + bias
                for bias, slope in zip(self.bias, self.slopes, strict=True)
            ]
        )
        if len(scores) == 1:  # two groups have one logit
            return np.stack([np.log(expit(-scores[0])), np.log(expit(scores[0]))])
        return np.log(softmax(scores, axis=0))


class AnyGroup:
    """Any classifier of the group on the cells: ordinal for trees, else as indicators."""

    def __init__(self, model, form):
        self.model = model
        self.form = form

    def fit(self, before, sizes, cells, n_cells, codes, sample_weight):
        """Fit; arguments as in `Conditional.fit`."""
        self.sizes = [*sizes, n_cells]
        X = self._form(np.column_stack([before, cells]))
        self.fitted = _fit(clone(self.model), X, codes, sample_weight)
        self.classes_ = self.fitted.classes_
        return self

    def _form(self, cells):
        return one_hot(cells, self.sizes).toarray() if self.form == "one-hot" else cells

    def log_odds(self, before, indicators, n_cells):
        """Log P(z | before, c), shape (n_groups, n, n_cells)."""
        out = []
        for cell in range(n_cells):
            rows = np.column_stack([before, np.full(len(before), cell, dtype=before.dtype)])
            out.append(self.fitted.predict_proba(self._form(rows)).T)
        return np.log(np.maximum(np.stack(out, axis=2), 1e-6))


class Conditional:
    """Law of the cells of one column given cells before it, in each group.

    Parameters
    ----------
    marginals : ndarray of shape (n_groups, n_cells)
        Smoothed.
    common : estimator or None
        Model of the cell given those before, for all groups.
    groups : list
        Models of the group; the logs of their probabilities are averaged.
    sizes : list of int
    """

    def __init__(self, marginals, common, groups, sizes):
        self.marginals = marginals
        self.common = common
        self.groups = groups
        self.sizes = sizes

    @classmethod
    def fit(cls, before, sizes, cells, n_cells, codes, n_groups, sample_weight, models):
        """Fit the common law and the models of the group.

        Parameters
        ----------
        before : ndarray of shape (n, n_before), int
            Cells of the repaired columns before.
        sizes : list of int
            Their numbers of cells.
        cells : ndarray of shape (n,), int
        n_cells : int
        codes : ndarray of shape (n,), int
        n_groups : int
        sample_weight : ndarray of shape (n,)
        models : callable
            Gives fresh models of the group.
        """
        marginals = np.zeros((n_groups, n_cells))
        np.add.at(marginals, (codes, cells), sample_weight)
        pooled = marginals.sum(axis=0) / marginals.sum()
        marginals = marginals + pooled
        marginals /= marginals.sum(axis=1, keepdims=True)
        common, groups = None, []
        if before.shape[1] and n_cells > 1 and n_groups > 1:
            if len(np.unique(cells)) > 1:
                model = LogisticRegression(**_COMMON)
                common = _fit(model, one_hot(before, sizes), cells, sample_weight)
            groups = [m.fit(before, sizes, cells, n_cells, codes, sample_weight) for m in models()]
        return cls(marginals, common, groups, sizes)

    def laws(self, before):
        """Laws in each group, shape (n_groups, n, n_cells)."""
        n_groups, n_cells = self.marginals.shape
        flat = np.broadcast_to(self.marginals[:, None], (n_groups, len(before), n_cells))
        if not self.groups:
            return flat
        indicators = one_hot(before, self.sizes)
        base = np.zeros((len(before), n_cells))
        if self.common is None:
            base += self.marginals.mean(axis=0)
        else:
            base[:, self.common.classes_] = self.common.predict_proba(indicators)
        base = (1 - _FLOOR) * base + _FLOOR * self.marginals.mean(axis=0)
        odds = sum(model.log_odds(before, indicators, n_cells) for model in self.groups)
        laws = base * np.exp(odds / len(self.groups))
        laws /= laws.sum(axis=2, keepdims=True)
        return laws


def group_models(conditional, seed=0):
    """Return a callable that gives fresh models of the group for a choice of `conditional`."""
    boosting = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf=20,
        l2_regularization=5.0, random_state=seed, early_stopping=False,
    )  # fmt: skip
    if not isinstance(conditional, str):
        return lambda: [AnyGroup(conditional, "one-hot")]
    if conditional == "linear":
        return lambda: [LinearGroup()]
    return lambda: [LinearGroup(), AnyGroup(boosting, "ordinal")]
