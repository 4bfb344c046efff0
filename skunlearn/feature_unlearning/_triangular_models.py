"""Conditional laws of a column's cells given the columns before it, in each group.

Each group has a multinomial logistic regression of its own, P(c | before, z). A classifier of the
group can be set on top, by Bayes' rule: with m the mixture of those laws, P(c | before, z) is
proportional to m(c | before) P(z | before, c). What m gets wrong is common to all groups then, and
all of the classifier's capacity goes into what a probe would look for.
"""

import dataclasses
import warnings

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

_FLOOR = 0.01  # share of the marginal law in a conditional one
_LOGISTIC = {"C": 1.0, "max_iter": 60, "tol": 1e-3}
_RARELY = 1e-6  # least probability of a group


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


def _fit(model, X, y, **keywords):
    # small matrices: threads would cost more than they give
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # an estimate, stopped early
        warnings.filterwarnings("ignore", "The number of unique classes")  # few rows
        return model.fit(X, y, **keywords)


class Group:
    """A classifier of the group on the cells.

    Parameters
    ----------
    model : classifier
        Unfitted.
    form : {"one-hot", "ordinal"}
        What it takes: indicators of the cells, or their numbers.
    """

    def __init__(self, model, form):
        self.model = model
        self.form = form

    def fit(self, before, sizes, cells, n_cells, codes, sample_weight):
        """Fit; arguments as in `Conditional.fit`."""
        self.sizes = [*sizes, n_cells]
        X = self._form(np.column_stack([before, cells]))
        keywords = {"sample_weight": sample_weight}
        if not has_fit_parameter(self.model, "sample_weight"):
            keywords = {}
            if (sample_weight != sample_weight[0]).any():
                raise ValueError(
                    f"Got sample_weight, and {type(self.model).__name__} takes none: choose "
                    "another conditional."
                )
        self.fitted = _fit(clone(self.model), X, codes, **keywords)
        return self

    def _form(self, cells):
        return one_hot(cells, self.sizes).toarray() if self.form == "one-hot" else cells

    def log_odds(self, before, n_cells):
        """Log P(z | before, c), shape (n_groups, n, n_cells)."""
        out = []
        for cell in range(n_cells):
            rows = np.column_stack([before, np.full(len(before), cell, dtype=before.dtype)])
            out.append(self.fitted.predict_proba(self._form(rows)).T)
        return np.log(np.maximum(np.stack(out, axis=2), _RARELY))


class Conditional:
    """Law of the cells of one column given cells before it, in each group.

    Parameters
    ----------
    marginals : ndarray of shape (n_groups, n_cells)
        Smoothed.
    weights : ndarray of shape (n_groups,)
    sizes : list of int
        Numbers of cells of the columns before.
    """

    def __init__(self, marginals, weights, sizes):
        self.marginals = marginals
        self.weights = weights
        self.sizes = sizes
        self.models = [None] * len(marginals)
        self.group = None
        self.alone = False

    @classmethod
    def fit(cls, before, sizes, cells, n_cells, codes, weights, sample_weight, choice):
        """Fit one model a group, and the classifier of the group where there is one.

        Parameters
        ----------
        before : ndarray of shape (n, n_before), int
            Cells of the repaired columns before.
        sizes : list of int
        cells : ndarray of shape (n,), int
        n_cells : int
        codes : ndarray of shape (n,), int
        weights : ndarray of shape (n_groups,)
        sample_weight : ndarray of shape (n,)
        choice : Choice
        """
        marginals = np.zeros((len(weights), n_cells))
        np.add.at(marginals, (codes, cells), sample_weight)
        marginals += marginals.sum(axis=0) / marginals.sum()
        marginals /= marginals.sum(axis=1, keepdims=True)
        self = cls(marginals, weights, sizes)
        if not before.shape[1] or n_cells < 2:
            return self
        indicators = one_hot(before, sizes)
        for k in range(len(weights)):
            rows = np.flatnonzero((codes == k) & (sample_weight > 0))
            if len(np.unique(cells[rows])) > 1:
                model = LogisticRegression(**_LOGISTIC)
                self.models[k] = _fit(
                    model, indicators[rows], cells[rows], sample_weight=sample_weight[rows]
                )
        if choice.group is not None:
            parts = before, sizes, cells, n_cells, codes, sample_weight
            self.group, self.alone = choice.group().fit(*parts), choice.alone
        return self

    def laws(self, before):
        """Laws in each group, shape (n_groups, n, n_cells)."""
        n_cells = self.marginals.shape[1]
        laws = np.repeat(self.marginals[:, None], len(before), axis=1)
        if len(self.sizes):
            indicators = one_hot(before, self.sizes)
            for law, model in zip(laws, self.models, strict=True):
                if model is not None:
                    law *= _FLOOR
                    law[:, model.classes_] += (1 - _FLOOR) * model.predict_proba(indicators)
        if self.group is None:
            return laws
        mixture = np.tensordot(self.weights, laws, 1)
        other = _normalised(mixture * np.exp(self.group.log_odds(before, n_cells)))
        return other if self.alone else _normalised(np.sqrt(laws * other))


def _normalised(laws):
    laws /= laws.sum(axis=2, keepdims=True)
    return laws


@dataclasses.dataclass(frozen=True)
class Choice:
    """What `conditional` stands for.

    Parameters
    ----------
    group : callable or None
        Gives a fresh classifier of the group.
    alone : bool
        Whether the laws by Bayes' rule count alone, or their geometric mean with the others.
    """

    group: object = None
    alone: bool = False

    @classmethod
    def of(cls, conditional, seed):
        """Read the option."""
        if not isinstance(conditional, str):
            return cls(lambda: Group(conditional, "one-hot"), alone=True)
        if conditional == "linear":
            return cls()
        boosting = HistGradientBoostingClassifier(
            max_iter=80, learning_rate=0.08, max_leaf_nodes=15, l2_regularization=5.0,
            early_stopping=False, random_state=seed,
        )  # fmt: skip
        return cls(lambda: Group(boosting, "ordinal"))
