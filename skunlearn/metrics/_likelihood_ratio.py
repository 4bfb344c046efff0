"""Gaussian likelihood ratios by row: was it learned? Shadows never judge themselves."""

import dataclasses

import numpy as np

_PRIOR = 4.0  # shadows that the variance of a typical row is worth, beside those of the row


@dataclasses.dataclass(frozen=True)
class Ratios:
    """Log likelihood ratios in nats, more for "learned", and the two laws of each row.

    `models` is of shape (n_models, n_rows), `shadows` of shape (n_shadows, n_rows): each shadow by
    the laws of the others. `laws` has four arrays of shape (n_rows,).
    """

    models: np.ndarray
    shadows: np.ndarray
    laws: dict


def likelihood_ratios(models, shadows, member):
    """Compare the law of shadows that learned a row with that of those that did not.

    Parameters
    ----------
    models : ndarray of shape (n_models, n_rows)
        Signals of the models that are judged.
    shadows : ndarray of shape (n_shadows, n_rows)
        Signals of the shadows.
    member : ndarray of shape (n_shadows, n_rows), bool

    Returns
    -------
    Ratios
    """
    centre = np.median(shadows, axis=0)  # no cancellation in the sums
    x, own = shadows - centre, models - centre
    sides = [_Side(x, mask) for mask in (member, ~member)]
    prior = np.median(np.concatenate([side.variance() for side in sides]))
    floor = max(1e-4 * prior, (1e-9 * max(1.0, np.abs(shadows).max())) ** 2)
    laws = [side.law(prior, floor) for side in sides]
    ratio = _log_density(own, *laws[0]) - _log_density(own, *laws[1])
    judged = []
    for side, law, mask in zip(sides, laws, (member, ~member), strict=True):
        mean, variance = side.law_without_each(prior, floor)
        without = _log_density(x, mean, variance)
        judged.append(np.where(mask, without, _log_density(x, *law)))
    names = ("learned_mean", "learned_std", "unseen_mean", "unseen_std")
    numbers = [f for mean, v in laws for f in (mean + centre, np.sqrt(v))]
    # equal models differ by rounding: not to be ranked
    return Ratios(
        np.round(ratio, 6),
        np.round(judged[0] - judged[1], 6),
        dict(zip(names, numbers, strict=True)),
    )


class _Side:
    """Sums over the shadows of one side, row by row."""

    def __init__(self, x, mask):
        self.x = x
        self.n = mask.sum(axis=0).astype(float)
        self.total = np.where(mask, x, 0.0).sum(axis=0)
        self.squares = np.where(mask, x**2, 0.0).sum(axis=0)

    def variance(self):
        scatter = self.squares - self.total**2 / self.n
        return np.maximum(scatter, 0.0) / (self.n - 1)

    def law(self, prior, floor):
        return _law(self.n, self.total, self.squares, prior, floor)

    def law_without_each(self, prior, floor):
        """Laws with each shadow left out; of use where it is of this side."""
        return _law(self.n - 1, self.total - self.x, self.squares - self.x**2, prior, floor)


def _law(n, total, squares, prior, floor):
    """Mean and variance, the latter drawn towards that of a typical row."""
    scatter = np.maximum(squares - total**2 / n, 0.0)
    return total / n, np.maximum((scatter + _PRIOR * prior) / (n - 1 + _PRIOR), floor)


def _log_density(x, mean, variance):
    return -0.5 * ((x - mean) ** 2 / variance + np.log(variance))
