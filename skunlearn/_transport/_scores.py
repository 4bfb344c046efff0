"""Barycenter of laws on the line, from weighted samples: pure functions of scores and groups.

Imports numpy only.
"""

from dataclasses import dataclass

import numpy as np

_REPEATS = 20  # rows a value, on average, from which on scores count as atoms


@dataclass(frozen=True, eq=False)
class ScoreBarycenter:
    """Optimal monotone maps of groups of scores to their Wasserstein-2 barycenter.

    Parameters
    ----------
    values : list of ndarray
        Distinct scores of each group, rising.
    levels : list of ndarray
        Shares of the group's weight at or below each of them; the last is 1.
    bottom, top : list of ndarray
        Where the map sends the lowest and the highest part of the mass at each of them.
    grid : ndarray of shape (m,)
        Levels of the quantile function of the barycenter, rising to 1.
    quantiles : ndarray of shape (m,)
        Its value up to each level.

    Notes
    -----
    The map of group z is x -> Q(F_z(x)) with Q the mean of the groups' quantile functions. The
    mass at an atom is spread over the levels that it spans; between two neighbouring scores of
    the fit the map is linear; beyond the extreme ones it is a shift. So it is the identity for
    one group, and keeps the order within each group.
    """

    values: list
    levels: list
    bottom: list
    top: list
    grid: np.ndarray
    quantiles: np.ndarray

    @classmethod
    def fit(cls, scores, codes, n_groups, weights=None):
        """Find the maps.

        Parameters
        ----------
        scores : ndarray of shape (n,)
        codes : ndarray of shape (n,), int
            Group of each score, below `n_groups`; every group has weight.
        n_groups : int
        weights : ndarray of shape (n,), default=None

        Returns
        -------
        ScoreBarycenter
        """
        order = np.argsort(scores, kind="stable")
        order = order[np.argsort(codes[order], kind="stable")]
        bounds = np.searchsorted(codes[order], np.arange(n_groups + 1))
        values, levels, sizes = [], [], np.empty(n_groups)
        for z in range(n_groups):
            rows = order[bounds[z] : bounds[z + 1]]
            found, mass = _knots(scores[rows], None if weights is None else weights[rows])
            values.append(found)
            levels.append(mass / mass[-1])
            sizes[z] = mass[-1]
        grid, place = np.unique(np.concatenate(levels), return_inverse=True)
        places = np.split(place, np.cumsum([len(level) for level in levels])[:-1])
        quantiles = np.zeros(len(grid))
        for found, at, share in zip(values, places, sizes / sizes.sum(), strict=True):
            # of the levels below 1, those of this group that are passed
            passed = np.zeros(len(grid), dtype=np.intp)
            passed[at[:-1] + 1] = 1
            quantiles += share * found[np.cumsum(passed)]
        if n_groups == 1:  # to the last bit
            quantiles = values[0]
        top = [quantiles[at] for at in places]
        bottom = [quantiles[np.append(0, at[:-1] + 1)] for at in places]
        return cls(values, levels, bottom, top, grid, quantiles)

    def spanning(self, scores, codes):
        """Tell which scores are atoms whose mass the map spreads: where `ties` matter.

        Returns
        -------
        ndarray of shape (n,), bool
        """
        out = np.zeros(len(scores), dtype=bool)
        for z, (values, bottom, top) in enumerate(
            zip(self.values, self.bottom, self.top, strict=True)
        ):
            spread = bottom < top
            rows = np.flatnonzero(codes == z)
            if spread.any() and len(rows):
                at = np.minimum(np.searchsorted(values, scores[rows]), len(values) - 1)
                out[rows] = spread[at] & (values[at] == scores[rows])
        return out

    def move(self, scores, codes, ties):
        """Send scores of known groups to the barycenter.

        Parameters
        ----------
        scores : ndarray of shape (n,)
        codes : ndarray of shape (n,), int
        ties : ndarray of shape (n,)
            Numbers in (0, 1): where within the mass of an atom a score stands.

        Returns
        -------
        ndarray of shape (n,)
        """
        out = np.empty(len(scores))
        for z in range(len(self.values)):
            rows = np.flatnonzero(codes == z)
            if len(rows):
                out[rows] = self._move_group(scores[rows], z, ties[rows])
        return out

    def _move_group(self, x, z, ties):
        values, levels = self.values[z], self.levels[z]
        bottom, top = self.bottom[z], self.top[z]
        last = len(values) - 1
        after = np.searchsorted(values, x)
        at, before = np.minimum(after, last), np.maximum(after - 1, 0)
        out = bottom[at].copy()  # of an atom that is not spread
        hit = values[at] == x
        atoms = np.flatnonzero(hit & (bottom[at] < top[at]))
        if len(atoms):
            below = np.append(0.0, levels)[at[atoms]]
            level = below + ties[atoms] * (levels[at[atoms]] - below)
            out[atoms] = self.quantiles[np.searchsorted(self.grid, level)]
        between = np.flatnonzero(~hit & (after > 0) & (after <= last))
        if len(between):
            low, high = values[before[between]], values[at[between]]
            share = (x[between] - low) / (high - low)
            start, end = top[before[between]], bottom[at[between]]
            out[between] = start + share * (end - start)
        lower, upper = ~hit & (after == 0), ~hit & (after > last)
        out[lower] = x[lower] + (bottom[0] - values[0])
        out[upper] = x[upper] + (top[-1] - values[-1])
        return out


def have_atoms_apart(scores, others):
    """Whether scores take few values, elsewhere than those of models fitted on other rows.

    So it is with the leaves of a shallow tree: maps fitted to atoms at other places would send
    each as a whole to a place that tells its group.

    Parameters
    ----------
    scores, others : ndarray of shape (n, n_scores)

    Returns
    -------
    bool
    """
    n_values = max(len(np.unique(column)) for column in scores.T)
    return n_values * _REPEATS <= len(scores) and not np.isin(others, scores).mean() > 0.5


def _knots(scores, weights):
    """Distinct values of sorted scores and the mass at or below each; none without mass."""
    if weights is not None:
        scores, weights = scores[weights > 0], weights[weights > 0]
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    mass = ends + 1.0 if weights is None else np.cumsum(weights)[ends]
    return scores[ends], mass


@dataclass(frozen=True, eq=False)
class ScaleBarycenter:
    """Affine maps of groups of scores to one mean and one standard deviation.

    Parameters
    ----------
    means, deviations : ndarray of shape (n_groups,)
    mean, deviation : float
        Of the barycenter of Gaussian laws: the weighted means of these.
    """

    means: np.ndarray
    deviations: np.ndarray
    mean: float
    deviation: float

    @classmethod
    def fit(cls, scores, codes, n_groups, weights=None):
        """Find the maps; parameters as in `ScoreBarycenter.fit`."""
        weights = np.ones(len(scores)) if weights is None else weights
        sizes = np.bincount(codes, weights, n_groups)
        pivot = scores[0]
        means = np.bincount(codes, weights * (scores - pivot), n_groups) / sizes + pivot
        squares = np.bincount(codes, weights * (scores - means[codes]) ** 2, n_groups)
        deviations, shares = np.sqrt(squares / sizes), sizes / sizes.sum()
        mean = means[0] + shares @ (means - means[0])
        return cls(means, deviations, mean, shares @ deviations)

    def spanning(self, scores, codes):
        """Nothing is spread by an affine map."""
        return np.zeros(len(scores), dtype=bool)

    def move(self, scores, codes, ties):
        """Send scores to the barycenter; parameters as in `ScoreBarycenter.move`."""
        if len(self.means) == 1:
            return scores.copy()
        constant = self.deviations == 0
        ratios = self.deviation / np.where(constant, 1.0, self.deviations)
        ratios[constant] = 0.0
        return self.mean + ratios[codes] * (scores - self.means[codes])
