"""How well a row would be fitted had it not been learned: levels for forget rows, a number a row.

A level is a value of `NetView.phi`: the one that unseen rows have at the rank that the row has
among learned rows. Pure functions of numpy arrays.
"""

import numpy as np
from scipy.stats import mannwhitneyu, norm, rankdata, ttest_ind

_POOL = 50  # rows of a class that weigh as much as all others together, in its quantiles
_ENOUGH = 100  # learned rows of a class in which a rank is taken, without all others
# Share of the side model's loss that the net has too: of rows that are unlike the others of their
# class, and of a class of which less than `PART` remains.
_FOLLOW, FOLLOW_PART = 0.5, 0.2
PART = 0.8
_LEAST = 1e-3


def mid_ranks(values, among):
    """Ranks of values among others, in [0, 1]; ties in the middle."""
    among = np.sort(among)
    below = np.searchsorted(among, values, "left") + np.searchsorted(among, values, "right")
    return below / (2 * max(len(among), 1))


def quantiles(values, ranks, weights=None):
    """Quantiles, linear between the middles of the weights."""
    order = np.argsort(values)
    weights = np.full(len(values), 1 / len(values)) if weights is None else weights[order]
    return np.interp(ranks, np.cumsum(weights) - weights / 2, values[order])


def phi_of(outputs, code):
    """Logit of the probability of one class, for each row of logits."""
    others = np.delete(outputs, code, axis=1)
    top = others.max(axis=1, keepdims=True)
    return outputs[:, code] - (top[:, 0] + np.log(np.exp(others - top).sum(axis=1)))


def ranks(reference, code, phi, margin):
    """Ranks of rows among learned rows, by the fit of the net and of the side model together.

    Parameters
    ----------
    reference : Reference
    code : int
        The class of the rows; where it has few learned rows, all others are mixed in.
    phi, margin : ndarray of shape (m,)

    Returns
    -------
    ndarray of shape (m,), inside (0, 1)
    """
    own = reference.codes == code
    share = min(own.sum() / _ENOUGH, 1.0)
    out = np.zeros(len(phi))
    for weight, used in ((share, own), (1 - share, np.ones_like(own))):
        if weight > 0:
            one, other = reference.phi[used], reference.margin[used]
            both = mid_ranks(one, one) + mid_ranks(other, other)
            out += weight * mid_ranks(mid_ranks(phi, one) + mid_ranks(margin, other), both)
    edge = 0.5 / max(len(own), 1)
    return np.clip(out, edge, 1 - edge)


class Unseen:
    """Values of phi on unseen rows, those of the request that were held out among them.

    Parameters
    ----------
    phi : ndarray of shape (n,)
    codes : ndarray of shape (n,), int
    """

    def __init__(self, phi, codes):
        self.phi, self.codes = phi, codes

    def quantiles(self, code, at):
        """Quantiles of a class, mixed with those of all rows where it has few."""
        own = self.codes == code
        share = own.sum() / (own.sum() + _POOL)
        out = (1 - share) * quantiles(self.phi, at)
        return out + share * quantiles(self.phi[own], at) if own.any() else out


def class_levels(unseen, reference, code, phi, margin, retained, temperature):
    """Levels of rows of one class of which something remains, at several possible ranks of each.

    Parameters
    ----------
    unseen : Unseen
    reference : Reference
    code : int
    phi, margin : ndarray of shape (m,)
        Fit of the rows by the net, and by the side model without them.
    retained : float
        Share of the class that remains: the logit of its probability falls by the logarithm of it,
        times the temperature, and by what the side model shows of the loss of examples.
    temperature : float

    Returns
    -------
    ndarray of shape (m,)
        No level is above `phi`.
    """
    own = reference.margin[reference.codes == code]
    lost = lost_margin(own, margin)
    spread = np.subtract(*unseen.quantiles(code, [0.75, 0.25]))
    side_spread = np.subtract(*quantiles(own, [0.75, 0.25])) if lost else 1.0
    shift = temperature * np.log(max(retained, _LEAST))
    follow = _FOLLOW if retained >= PART else FOLLOW_PART
    shift += follow * lost * spread / max(side_spread, _LEAST)
    at = ranks(reference, code, phi, margin - lost)
    return np.minimum(unseen.quantiles(code, at) + shift, phi)


def lost_margin(own, margin):
    """By how much the margins of rows lie below those of rows of their class, beyond chance."""
    if len(own) < 2:
        return 0.0
    lost = margin.mean() - own.mean()
    noise = own.var() * (1 / len(margin) + 1 / len(own))
    return float(lost * max(0.0, 1 - noise / lost**2)) if lost else 0.0


def absent_levels(calibration, code, score):
    """Levels of rows of a class of which nothing remains: what the net says of it elsewhere."""
    others = calibration.y != code
    values = phi_of(calibration.outputs[others].astype(np.float64), code)
    return quantiles(values, (rankdata(score) - 0.5) / len(score))


def residual_levels(unseen, reference, residual, distance):
    """Absolute residuals of rows as they would be unseen: never below what they are."""
    at = ranks(reference, 0, -residual, -distance)
    return np.maximum(-unseen.quantiles(0, at), residual)


def memorised(unseen, reference, is_classifier):
    """Whether learned rows are fitted better than unseen rows: a p-value.

    The smaller one, times 2, of two tests: the rank sums of each class, added up with the weights
    of van Elteren, which see that most rows are fitted better; and Welch's test of the mean loss,
    which sees that few are fitted badly.

    Returns
    -------
    float
        Small where the net fits the rows it has learned better.
    """
    total, variance = 0.0, 0.0
    for code in np.unique(unseen.codes):
        one, other = reference.phi[reference.codes == code], unseen.phi[unseen.codes == code]
        n, m = len(one), len(other)
        if n and m:
            statistic = mannwhitneyu(one, other).statistic
            total += (statistic - n * m / 2) / (n + m + 1)
            variance += n * m / (12 * (n + m + 1))
    by_rank = norm.sf(total / np.sqrt(variance)) if variance else 1.0
    one, other = (
        np.logaddexp(0, -phi) if is_classifier else phi**2 for phi in (reference.phi, unseen.phi)
    )
    by_loss = ttest_ind(one, other, equal_var=False, alternative="less").pvalue
    return float(np.nanmin([2 * by_rank, 2 * by_loss, 1.0]))
