"""Counts of an outcome on retained and forget rows, and how far two mixtures of them differ."""

import numpy as np
from scipy.special import kl_div
from scipy.stats import beta, rankdata
from sklearn.model_selection import StratifiedKFold

from skunlearn.metrics._information import as_columns, is_discrete, joint_labels
from skunlearn.metrics._inputs import take_rows
from skunlearn.metrics._probes import make_probe

_ROWS_PER_BIN = 5  # of forget rows, on average
_MOST_BINS = 20
_PROBE_ROWS = 10_000  # of a kind: what is enough for one score a row


def count(retain, forget, classes, n_bins, rng):
    """Count an outcome by stratum and cell.

    Parameters
    ----------
    retain, forget : array-like of shape (n,) or (n, k)
        The outcome on the two kinds of rows.
    classes : pair of ndarray of int, or None
        The stratum of each row, by kind.
    n_bins : int or "auto"
    rng : RandomState

    Returns
    -------
    counts : ndarray of shape (2, n_strata, n_cells), int
        Retained rows first.
    method : str
    """
    pooled, n_retain = _stack(retain, forget), len(retain)
    group = np.repeat([0, 1], [n_retain, len(forget)])
    strata = np.zeros(len(group), dtype=int) if classes is None else np.concatenate(classes)
    values = np.asarray(pooled)
    discrete = values.ndim == 1 and is_discrete(values)
    if discrete:
        cells, method = joint_labels(as_columns(values)), "levels"
    else:
        method = "bins of equal size"
        if values.ndim == 2 and values.shape[1] > 1:
            kept = _few(group, rng)
            values, group, strata = take_rows(values, kept), group[kept], strata[kept]
            values = _scores(values, group, strata, rng)
            method = "bins of a cross-fitted probe's score"
        cells = _binned(values.ravel().astype(float), group, strata, n_bins)
    shape = 2, strata.max() + 1, cells.max() + 1
    flat = np.ravel_multi_index((group, strata, cells), shape)
    return np.bincount(flat, minlength=np.prod(shape)).reshape(shape), method


def _stack(retain, forget):
    retain, forget = np.asarray(retain), np.asarray(forget)
    if retain.ndim == 2 and retain.shape[1] == 1:
        retain, forget = retain.ravel(), forget.ravel()
    return np.concatenate([retain, forget])


def _few(group, rng):
    """Rows of each kind, drawn at random where there are too many."""
    kinds = (np.flatnonzero(group == kind) for kind in (0, 1))
    return np.concatenate([rng.permutation(rows)[:_PROBE_ROWS] for rows in kinds])


def _scores(values, group, strata, rng):
    """One number a row: rank of a probe's score for "forget row", from folds it has not seen."""
    X = np.column_stack([values, np.eye(strata.max() + 1)[strata]])
    scores, seed = np.zeros(len(group)), rng.randint(2**31 - 1)
    for fit, score in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, group):
        probe = make_probe("boosting", X[fit], True, seed)
        probe[-1].set_params(early_stopping=True, learning_rate=0.05)  # noise would blur the score
        found = probe.fit(X[fit], group[fit]).decision_function(X[score])
        scores[score] = rankdata(found) / (len(score) + 1)  # models differ between folds
    return scores


def _binned(values, group, strata, n_bins):
    """Bins of equal size within each stratum, whatever the kind of the rows."""
    cells = np.zeros(len(values), dtype=int)
    for stratum in np.unique(strata):
        rows = strata == stratum
        n = n_bins
        if n_bins == "auto":
            n = int(np.clip(np.count_nonzero(group[rows]) // _ROWS_PER_BIN, 2, _MOST_BINS))
        edges = np.unique(np.quantile(values[rows], np.arange(1, n) / n))
        cells[rows] = np.searchsorted(edges, values[rows], side="right")
    return cells


def shares_of(counts):
    """Laws of the two kinds of rows: counts over their sum, along the last two axes."""
    total = counts.sum(axis=(-2, -1), keepdims=True)
    return counts / np.maximum(total, 1)


def information(retain, forget, prior, share, conditional):
    """Information between an outcome and Z, in nats, from the two laws of the outcome.

    Parameters
    ----------
    retain, forget : ndarray of shape (..., n_strata, n_cells)
        Laws: each adds up to 1 over the last two axes.
    prior : float
        Probability of Z = 1, a retained row.
    share : float
        Share of forget rows in a draw with Z = 0.
    conditional : bool
        Given the stratum: the information that stratum and cell have, less the stratum's own.

    Returns
    -------
    ndarray of shape (...)
    """
    found = _information(retain, forget, prior, share)
    if conditional:
        found -= _information(
            retain.sum(axis=-1, keepdims=True), forget.sum(axis=-1, keepdims=True), prior, share
        )
    return found


def _information(retain, forget, prior, share):
    mixed = share * forget + (1 - share) * retain
    middle = prior * retain + (1 - prior) * mixed
    # x log(x / m) - x + m is never negative: no cancellation, however small the share
    found = prior * kl_div(retain, middle) + (1 - prior) * kl_div(mixed, middle)
    return np.where(middle > 0, found, 0.0).sum(axis=(-2, -1))


def log_ratios(counts, share, given_y):
    """Log ratio of the laws given Z = 0 and Z = 1 by cell, counts raised by half a row."""
    some = counts.sum(axis=-3, keepdims=True) > 0
    raised = counts + 0.5 * some
    totals = raised.sum(axis=-1, keepdims=True)
    whole = totals.sum(axis=-2, keepdims=True)
    share = _shares_within(totals / whole, share) if given_y else share
    retain, forget = np.moveaxis(raised / (totals if given_y else whole), -3, 0)
    ratio = np.divide(forget, retain, out=np.ones_like(forget), where=retain > 0)
    return np.log(share * ratio + 1 - share)


def _shares_within(strata, share):
    """Share of forget rows within each stratum, from the laws of the strata by kind."""
    retain, forget = np.moveaxis(strata, -3, 0)
    return share * forget / (share * forget + (1 - share) * retain)


def ratio_bounds(counts, share, given_y, level):
    """Bounds of the largest log ratio over all cells, together at one level."""
    totals = counts.sum(axis=-1, keepdims=True)
    whole = totals.sum(axis=-2, keepdims=True)
    share = _shares_within(totals / whole, share) if given_y else share
    n = np.broadcast_to(totals if given_y else whole, counts.shape)
    some = counts.sum(axis=0) > 0
    tail = (1 - level) / (4 * some.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(counts == 0, 0.0, beta.ppf(tail, counts, n - counts + 1))
        high = np.where(counts == n, 1.0, beta.ppf(1 - tail, counts + 1, n - counts))
        smallest = np.log(share * low[1] / high[0] + 1 - share)
        largest = np.log(share * high[1] / low[0] + 1 - share)
    surely = np.maximum(smallest, -largest)[some].max()
    return float(max(0.0, surely)), float(np.maximum(largest, -smallest)[some].max())


def permuted(counts, n_draws, rng):
    """Exchange the kinds of rows at random within strata: counts of shape (n_draws, 2, ...)."""
    draws = np.empty((n_draws, *counts.shape), dtype=np.int64)
    generator = _generator(rng)
    for stratum, (retain, forget) in enumerate(counts.transpose(1, 0, 2)):
        both = retain + forget
        draws[:, 1, stratum] = generator.multivariate_hypergeometric(
            both, forget.sum(), size=n_draws, method="marginals"
        )
        draws[:, 0, stratum] = both - draws[:, 1, stratum]
    return draws


def resampled(counts, n_draws, rng):
    """Draw as many rows anew from the laws seen: counts of shape (n_draws, 2, ...)."""
    generator, kinds = _generator(rng), []
    for kind in counts:
        drawn = generator.multinomial(kind.sum(), kind.ravel() / kind.sum(), size=n_draws)
        kinds.append(drawn.reshape(n_draws, *kind.shape))
    return np.stack(kinds, axis=1)


def _generator(rng):
    return np.random.default_rng(rng.randint(2**31 - 1))
