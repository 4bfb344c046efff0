"""Numbers of an attack that ranks rows: area, its interval, true positives at few false ones."""

import numpy as np
from scipy import stats

from skunlearn.metrics._scores import AUC, interval

_ABOVE = 10  # unseen rows that must lie above a threshold for its false positive rate to mean much


def auc(positive, negative):
    """Probability that a positive score lies above a negative one, ties counted half."""
    ranks = stats.rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return float((ranks.mean() - (len(positive) + 1) / 2) / len(negative))


def auc_with_interval(positive, negative, level):
    """Return the area and its confidence interval: DeLong's variance, on the logit scale.

    Of a single positive: the interval around its rank, which is uniform if it is like the others.
    """
    if len(positive) == 1:
        value = auc(positive, negative)
        return value, (max(value - level / 2, 0.0), min(value + level / 2, 1.0))
    value, influence = _auc_with_influence(positive, negative)
    if value in (0.0, 1.0):  # no variance to be seen: as a rate without an error
        reach = float(((1 - level) / 2) ** (1 / min(len(positive), len(negative))))
        return value, (reach, 1.0) if value else (0.0, 1 - reach)
    return value, interval(value, np.sqrt(np.sum(influence**2)), level, is_auc=True)


def compare_with_refits(scores, refits, n_positive, level):
    """Areas of refits over the same rows: each, an interval for their mean, and for what is more.

    DeLong's variances, of the mean and of the paired difference; the latter also has the spread of
    the refits, of which the model would be one if it were like them.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
        Of the model, positives first.
    refits : ndarray of shape (n_refits, n_rows)
    n_positive : int
    level : float

    Returns
    -------
    areas : ndarray of shape (n_refits,)
    of_mean, of_excess : tuple of float
    """
    if n_positive == 1:
        areas = np.array([auc(row[:1], row[1:]) for row in refits])
        return areas, auc_with_interval(*np.split(refits.mean(axis=0), [1]), level)[1], (-1.0, 1.0)
    value, own = _auc_with_influence(scores[:n_positive], scores[n_positive:])
    found = [_auc_with_influence(row[:n_positive], row[n_positive:]) for row in refits]
    areas, mean = np.array([area for area, _ in found]), np.mean([i for _, i in found], axis=0)
    seeds = np.var(areas, ddof=1) if len(areas) > 1 else 0.0
    error = np.sqrt(np.sum(mean**2) + seeds / len(areas))
    of_mean = interval(areas.mean(), error, level, is_auc=True)
    error = np.sqrt(np.sum((own - mean) ** 2) + seeds * (1 + 1 / len(areas)))
    return areas, of_mean, interval(value - areas.mean(), error, level, is_auc=False)


def _auc_with_influence(positive, negative):
    codes = np.repeat([1, 0], [len(positive), len(negative)])
    metric = AUC(2, "macro")
    ranks = metric.prepare(np.concatenate([positive, negative])[:, None])
    return float(metric.value(codes, ranks)), metric.influence(codes, ranks)


def roc_curve(positive, negative):
    """Return false and true positive rates of all thresholds, from (0, 0) to (1, 1)."""
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    rates = [
        np.r_[0.0, 1.0 - np.searchsorted(np.sort(scores), thresholds) / len(scores)]
        for scores in (negative, positive)
    ]
    return rates[0], rates[1]


def tpr_at(positive, negative, fpr, level):
    """Share of the positive scores above a threshold that at most `fpr` of the others reach.

    Returns
    -------
    rate : float or None
    interval : tuple of float or None
        Of Clopper and Pearson, given the threshold.
    reason : str or None
        Why there is no number.
    """
    need = round(_ABOVE / fpr)
    if len(negative) < need:
        return None, None, f"needs {need} unseen rows, got {len(negative)}"
    allowed = int(np.floor(fpr * len(negative)))
    threshold = np.sort(negative)[::-1][allowed]
    hits, n = int(np.count_nonzero(positive > threshold)), len(positive)
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, hits, n - hits + 1) if hits else 0.0
    high = stats.beta.isf(tail, hits + 1, n - hits) if hits < n else 1.0
    return hits / n, (float(low), float(high)), None
