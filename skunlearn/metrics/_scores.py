"""Scores of predictions, each with the influence of every row, and their intervals."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata


@dataclass(frozen=True)
class AUC:
    """ROC AUC of the second of two groups, or mean of one-vs-rest AUCs."""

    n_groups: int
    average: str

    @property
    def name(self):
        return "roc_auc" if self.n_groups == 2 else f"roc_auc_ovr_{self.average}"

    def prepare(self, scores):
        return rankdata(scores, axis=0)

    def _splits(self, codes):
        """Column of scores, weight and members of every group that is told from the rest."""
        if self.n_groups == 2:
            return [(0, 1.0, codes == 1)]
        members = [codes == c for c in range(self.n_groups)]
        shares = [m.mean() if self.average == "weighted" else 1 / self.n_groups for m in members]
        return list(zip(range(self.n_groups), shares, members, strict=True))

    def value(self, codes, ranks):
        total = 0.0
        for column, weight, inside in self._splits(codes):
            n_in = np.count_nonzero(inside)
            above = ranks[inside, column].sum() - n_in * (n_in + 1) / 2
            total += weight * above / (n_in * (len(codes) - n_in))
        return total

    def influence(self, codes, ranks):
        """DeLong's placements: per row, so that the sum of squares is the variance."""
        influence = np.zeros(len(codes))
        for column, weight, inside in self._splits(codes):
            for rows, others in ((inside, ~inside), (~inside, inside)):
                n, m = np.count_nonzero(rows), np.count_nonzero(others)
                own = ranks[rows, column]
                below = (own - rankdata(own)) / m
                sign = weight if rows is inside else -weight
                influence[rows] += sign * (below - below.mean()) / np.sqrt(n * (n - 1))
        return influence


@dataclass(frozen=True)
class R2:
    """Coefficient of determination about the mean of the scored rows."""

    name: str = "r2"

    def prepare(self, predictions):
        return predictions

    def value(self, z, predictions):
        return 1 - np.mean((z - predictions) ** 2) / np.var(z)

    def influence(self, z, predictions):
        spread = (1 - self.value(z, predictions)) * (z - z.mean()) ** 2
        return (spread - (z - predictions) ** 2) / (np.var(z) * len(z))


def interval(score, error, level, is_auc):
    """Confidence interval of a score: on the logit scale for an AUC."""
    half = norm.ppf((1 + level) / 2) * error
    if not is_auc:
        return float(score - half), float(score + half)
    if not 0 < score < 1:
        return float(score), float(score)
    half /= score * (1 - score)
    return float(expit(logit(score) - half)), float(expit(logit(score) + half))
