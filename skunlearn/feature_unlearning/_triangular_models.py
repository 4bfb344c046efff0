"""Conditional laws of a column's cells given the columns before it, in each group.

P(c | before, z) is a multinomial logistic regression in which each group departs from common
weights as far as its rows bear out. A classifier of the group can be set on top, by Bayes' rule:
with m the mixture of those laws, P(c | before, z) is proportional to m(c | before) P(z | before,
c). What m gets wrong is common to all groups then, and all of the classifier's capacity goes into
what a probe would look for.
"""

import dataclasses
import inspect
import warnings

import numpy as np
from scipy import optimize, sparse
from scipy.special import expit, softmax
from sklearn.base import clone, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from skunlearn._sklearn_compat import unless_equal

_FLOOR = 0.01  # share of the marginal law in a conditional one
_MAX_ITER = 60
# Of GroupedLogistic, from groups that are much alike and smooth to separate and sharp ones.
_PRIORS = ((0.3, 0.3, 1.0), (0.55, 0.5, 2.0), (1.0, 1.0, 5.0), (1.7, 0.5, 3.0))
_CHOOSING = 3000  # rows that choose among them; a prior does not depend on their number
_LEAST = 1e-5  # probability of a cell in a likelihood
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
        weights = unless_equal(sample_weight)
        keywords = {} if weights is None else {"sample_weight": weights}
        if keywords and not has_fit_parameter(self.model, "sample_weight"):
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


def indicators_and_scores(cells, sizes, bins):
    """Return indicators of cells, and beside them the places of those that are bins in order.

    Penalised weights make the law a smooth function of the place first, and bend it bin by bin
    where the rows say so.

    Parameters
    ----------
    cells : ndarray of shape (n, n_columns), int
    sizes, bins : list of int
        As in `Conditional`.

    Returns
    -------
    csr_array of shape (n, sum of sizes + number of columns with bins)
    """
    scores = []
    for column, n in zip(cells.T, bins, strict=True):
        if n > 1:
            score = (column - (n - 1) / 2) * (12**0.5 / n)
            scores.append(np.where((column >= 0) & (column < n), score, 0.0))
    indicators = one_hot(cells, sizes)
    if not scores:
        return indicators
    return sparse.csr_array(sparse.hstack([indicators, sparse.csr_array(np.array(scores).T)]))


class GroupedLogistic:
    """A logistic regression of the cells in all groups: common weights, and those of each group.

    Both are penalised, so that a group departs from the others as far as its rows prove it: an
    estimate's error would make a leak where there was none. How far is chosen for each column by
    the likelihood of rows that were left out.

    Parameters
    ----------
    common, own, shift : float
        Prior standard deviations of the common weights, of a group's own, and of its intercepts;
        the latter two in units of the first.
    """

    def __init__(self, common, own, shift):
        self.common, self.own, self.shift = common, own, shift

    @classmethod
    def chosen(cls, rows, cells, codes, sample_weight, n_groups, uniform):
        """Fit with those priors under which half of the rows tell the other half best.

        `uniform` divides the rows: copies of a row have one number, and stay together.
        """
        share = min(1.0, _CHOOSING / sample_weight.sum())
        halves = [np.flatnonzero(uniform < share / 2),
                  np.flatnonzero((uniform >= share / 2) & (uniform < share))]  # fmt: skip
        parts = [rows[half] for half in halves]
        rest = [(cells[half], codes[half], sample_weight[half]) for half in halves]
        best, choice = -np.inf, _PRIORS[0]
        for prior in _PRIORS:
            found = 0.0
            for a, b in ((0, 1), (1, 0)):
                if len(np.unique(rest[a][0])) > 1:
                    model = cls(*prior).fit(parts[a], *rest[a], n_groups)
                    found += model.likelihood(parts[b], *rest[b], n_groups)
            if found <= best:
                break
            best, choice = found, prior
        return cls(*choice).fit(rows, cells, codes, sample_weight, n_groups)

    def fit(self, rows, cells, codes, sample_weight, n_groups):
        """Fit; arguments as in `Conditional.fit`, rows of `indicators_and_scores`."""
        self.classes, y = np.unique(cells, return_inverse=True)
        columns = len(self.classes) if len(self.classes) > 2 else 1
        shape = (1 + n_groups, rows.shape[1] + 1, columns)  # common weights, then each group's
        parts = [np.flatnonzero(codes == k) for k in range(n_groups)]
        data = [(rows[part], y[part], sample_weight[part]) for part in parts]
        with threadpool_limits(1, user_api="blas"):  # small matrices
            found = optimize.minimize(
                self._loss, np.zeros(np.prod(shape)), (data, shape), "L-BFGS-B", jac=True,
                options={"maxiter": _MAX_ITER, "gtol": 1e-3, "ftol": 64 * np.finfo(float).eps},
            )  # fmt: skip
        common, *own = found.x.reshape(shape)
        self.weights = [common[:-1] + self.own * w[:-1] for w in own]
        self.intercepts = [common[-1] + self.shift * w[-1] for w in own]
        return self

    def _loss(self, flat, data, shape):
        """Mean loss with the penalty, an estimate stopped early; and its gradient."""
        common, *own = flat.reshape(shape)
        total = sum(weight.sum() for _, _, weight in data)
        penalised = flat.reshape(shape).copy()
        penalised[0, -1] = 0.0  # the common intercept is free
        penalty = 1.0 / (self.common**2 * total)
        loss, gradient = penalty / 2 * np.vdot(penalised, penalised), penalty * penalised
        for k, (rows, y, weight) in enumerate(data):
            scores = rows @ (common[:-1] + self.own * own[k][:-1])
            scores += common[-1] + self.shift * own[k][-1]
            part, slope = _log_loss(scores, y)
            loss += weight @ part / total
            slope *= (weight / total)[:, None]
            inner, outer = rows.T @ slope, slope.sum(axis=0)
            gradient[0, :-1] += inner
            gradient[0, -1] += outer
            gradient[k + 1, :-1] += self.own * inner
            gradient[k + 1, -1] += self.shift * outer
        return loss, gradient.ravel()

    def law(self, rows, k):
        """Law of the classes in group k, shape (n, n_classes)."""
        scores = rows @ self.weights[k] + self.intercepts[k]
        if scores.shape[1] == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        return softmax(scores, axis=1)

    def likelihood(self, rows, cells, codes, sample_weight, n_groups):
        """Mean log likelihood of cells in each group, summed over the groups."""
        place = np.searchsorted(self.classes, cells)
        known = np.append(self.classes, -1)[place] == cells
        total = 0.0
        for k in range(n_groups):
            some = np.flatnonzero(codes == k)
            if len(some):
                law = self.law(rows[some], k)
                own = law[np.arange(len(some)), np.where(known[some], place[some], 0)]
                own = np.log(np.maximum(np.where(known[some], own, 0.0), _LEAST))
                total += np.average(own, weights=sample_weight[some])
        return total


def _log_loss(scores, y):
    """Loss of each row, and its gradient by the scores; one column of scores: of two classes."""
    if scores.shape[1] == 1:
        chance = expit(scores)
        return np.logaddexp(0.0, scores[:, 0]) - y * scores[:, 0], chance - y[:, None]
    rows = np.arange(len(y))
    scores -= scores.max(initial=-np.inf)  # of all: a row's own costs more, and none is far below
    own = scores[rows, y]
    np.exp(scores, out=scores)
    sums = np.maximum(scores @ np.ones(scores.shape[1]), np.finfo(float).tiny)
    scores /= sums[:, None]
    scores[rows, y] -= 1.0
    return np.log(sums) - own, scores


class Conditional:
    """Law of the cells of one column given cells before it, in each group.

    Parameters
    ----------
    marginals : ndarray of shape (n_groups, n_cells)
        Smoothed.
    weights : ndarray of shape (n_groups,)
    sizes : list of int
        Numbers of cells of the columns before.
    bins : list of int
        Numbers of their cells that are in order, from the first; 0 of a column of levels.
    """

    def __init__(self, marginals, weights, sizes, bins):
        self.marginals = marginals
        self.weights = weights
        self.sizes = sizes
        self.bins = bins
        self.model = None
        self.group = None
        self.alone = False

    @classmethod
    def fit(
        cls, before, sizes, bins, cells, n_cells, codes, weights, sample_weight, uniform, choice
    ):
        """Fit the regression of all groups, and the classifier of the group where there is one.

        Parameters
        ----------
        before : ndarray of shape (n, n_before), int
            Cells of the repaired columns before.
        sizes, bins : list of int
        cells : ndarray of shape (n,), int
        n_cells : int
        codes : ndarray of shape (n,), int
        weights : ndarray of shape (n_groups,)
        sample_weight, uniform : ndarray of shape (n,)
        choice : Choice
        """
        marginals = np.zeros((len(weights), n_cells))
        np.add.at(marginals, (codes, cells), sample_weight)
        marginals += marginals.sum(axis=0) / marginals.sum()
        marginals /= marginals.sum(axis=1, keepdims=True)
        self = cls(marginals, weights, sizes, bins)
        if not before.shape[1] or n_cells < 2:
            return self
        some = sample_weight > 0
        if len(np.unique(cells[some])) > 1:
            rows = indicators_and_scores(before[some], sizes, bins)
            self.model = GroupedLogistic.chosen(
                rows, cells[some], codes[some], sample_weight[some], len(weights), uniform[some]
            )
        if choice.group is not None:
            parts = before, sizes, cells, n_cells, codes, sample_weight
            self.group, self.alone = choice.group().fit(*parts), choice.alone
        return self

    def laws(self, before):
        """Laws in each group, shape (n_groups, n, n_cells)."""
        n_cells = self.marginals.shape[1]
        laws = np.repeat(self.marginals[:, None], len(before), axis=1)
        if self.model is not None:
            rows = indicators_and_scores(before, self.sizes, self.bins)
            for k, law in enumerate(laws):
                law *= _FLOOR
                law[:, self.model.classes] += (1 - _FLOOR) * self.model.law(rows, k)
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


def predicts_groups(model):
    """Whether `conditional` can be this object: a classifier with probabilities."""
    if inspect.isclass(model) or not hasattr(model, "fit") or not hasattr(model, "predict_proba"):
        return False
    return is_classifier(model)
