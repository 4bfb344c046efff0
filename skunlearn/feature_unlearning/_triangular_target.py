"""Draws of the triangular barycenter that follow a prediction of the target.

Which rows of a group leave a level is free, if only it is independent of the columns repaired
before. A draw of its own for each row loses what the column said of the target; here the rank of
the row's prediction among rows of its group and cell, less what the columns before say of it, takes
the place of most of the draw.
"""

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from skunlearn._sklearn_compat import num_samples, unless_equal
from skunlearn.feature_unlearning._triangular_models import indicators_and_scores

_FOLDS = 5
_QUANTILES = 200
_FLOOR = 0.2  # least spread of a row's score, in mean spreads
_EDGE = 1e-6
_SMOOTH = 5.0  # rows of the mean score that each cell is given


def read_target(y, n_rows):
    """Check targets: one column, for each row.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    n_rows : int

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    if y is None:
        raise ValueError("Got follow_target above 0 and no y: pass the target, or leave it at 0.")
    if num_samples(y) != n_rows:
        raise ValueError(f"Got {num_samples(y)} targets for {n_rows} rows.")
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y.ravel()
    if y.ndim != 1:
        raise ValueError(f"Got y of shape {y.shape}, and follow_target follows one column.")
    return y


def as_numbers(y):
    """Targets as numbers: two labels as 0 and 1."""
    labels, codes = np.unique(y, return_inverse=True)
    if len(labels) <= 2:
        return codes.astype(np.float64)
    if y.dtype.kind in "iuf" and np.isfinite(y).all():
        return y.astype(np.float64)
    raise ValueError(
        f"Got y of {len(labels)} labels and dtype {y.dtype}: follow_target needs two labels, or "
        "finite numbers. Number classes that have an order, or pass one class against the others."
    )


class Target:
    """Prediction of the target from the parts of all columns, as normal scores.

    Parameters
    ----------
    follow : float
        Correlation of the draws with the ranks of the prediction.
    seed : int
    """

    def __init__(self, follow, seed):
        self.follow = follow
        self.seed = seed

    def fit(self, parts, y, sample_weight, uniform):
        """Fit; give the rows' scores by models that have not seen them.

        Parameters
        ----------
        parts : ndarray of shape (n, n_columns), int
        y, sample_weight : ndarray of shape (n,)
            Targets of `read_target`.
        uniform : ndarray of shape (n,)
            Deals the folds: copies of a row stay together.
        """
        y, fold = as_numbers(y), (uniform * _FOLDS).astype(np.intp)
        found = np.full(len(y), y.mean())
        for k in range(_FOLDS):
            held, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            if len(held) and len(rest):
                found[held] = self._model(parts[rest], y[rest], sample_weight[rest]).predict(
                    parts[held]
                )
        self.model = self._model(parts, y, sample_weight)
        self.steps = np.unique(np.quantile(found, np.linspace(0, 1, _QUANTILES + 1)))
        # the middle of a run of equal predictions is their place
        low, high = (
            np.searchsorted(np.sort(found), self.steps, side) for side in ("left", "right")
        )
        self.places = ndtri((low + high + 1) / (2 * (len(found) + 1)))
        return self._normal(found)

    def scores(self, parts):
        """Scores of new rows."""
        return self._normal(self.model.predict(parts))

    def _normal(self, predicted):
        return np.interp(predicted, self.steps, self.places)

    def _model(self, parts, y, sample_weight):
        model = HistGradientBoostingRegressor(
            max_iter=100, max_leaf_nodes=15, early_stopping=False, random_state=self.seed
        )
        return model.fit(parts, y, unless_equal(sample_weight))


class Ranks:
    """Ranks of scores among rows that are alike in group, cell and the columns before.

    In each group the score is regressed on the cells, and so is the size of what is left; the rank
    is that of the quotient.

    Parameters
    ----------
    sizes, bins : list of int
        As in `Conditional`, the column itself the last.
    """

    def __init__(self, sizes, bins):
        self.sizes, self.bins = sizes, bins
        self.groups = {}

    def fit(self, cells, codes, scores, sample_weight):
        """Fit.

        Parameters
        ----------
        cells : ndarray of shape (n, n_before + 1), int
        codes, scores, sample_weight : ndarray of shape (n,)
        """
        rows, own = indicators_and_scores(cells, self.sizes, self.bins), cells[:, -1]
        known, n = own >= 0, self.sizes[-1]
        mass = np.bincount(own[known], sample_weight[known], n) + _SMOOTH
        total = np.bincount(own[known], (sample_weight * scores)[known], n)
        mean = np.average(scores, weights=sample_weight)
        self.cell_scores = (total + _SMOOTH * mean) / mass
        gaps = scores[known] - total.sum() / max(sample_weight[known].sum(), _EDGE)
        self.rising = bool((sample_weight[known] * gaps) @ own[known] >= 0)
        for k in np.unique(codes):
            here = np.flatnonzero(codes == k)
            middle = _ridge(rows[here], scores[here], sample_weight[here])
            left = scores[here] - middle.predict(rows[here])
            spread = _ridge(rows[here], np.abs(left), sample_weight[here])
            least = max(_FLOOR * np.abs(left).mean(), _EDGE)
            left /= np.maximum(spread.predict(rows[here]), least)
            quantiles = np.quantile(left, np.linspace(0, 1, _QUANTILES + 1))
            self.groups[int(k)] = middle, spread, least, quantiles
        return self

    def __call__(self, cells, codes, scores, uniform, follow):
        """Uniform numbers that follow the scores.

        Parameters
        ----------
        cells, codes, scores
            As in `fit`.
        uniform : ndarray of shape (n,)
            What the scores do not decide.
        follow : float

        Returns
        -------
        ndarray of shape (n,)
        """
        rows, ranks = indicators_and_scores(cells, self.sizes, self.bins), np.full(len(codes), 0.5)
        for k, (middle, spread, least, quantiles) in self.groups.items():
            here = np.flatnonzero(codes == k)
            if len(here):
                left = scores[here] - middle.predict(rows[here])
                left /= np.maximum(spread.predict(rows[here]), least)
                ranks[here] = np.interp(left, quantiles, np.linspace(0, 1, len(quantiles)))
        mixed = follow * ndtri(np.clip(ranks, 1e-4, 1 - 1e-4))
        mixed += np.sqrt(1 - follow**2) * ndtri(np.clip(uniform, _EDGE, 1 - _EDGE))
        return np.clip(ndtr(mixed), 0.0, np.nextafter(1.0, 0.0))


def _ridge(rows, values, sample_weight):
    # indicators of a column sum to one: they are the intercept
    with threadpool_limits(1, user_api="blas"):
        model = Ridge(10.0, fit_intercept=False, solver="cholesky")
        return model.fit(rows, values, sample_weight)
