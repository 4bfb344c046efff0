"""What `marginal_information` and `marginal_epsilon` found, and the bounds between the two."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import brentq

from skunlearn.metrics._leakage import to_frame


@dataclass(frozen=True, repr=False)
class MarginalInformationResult:
    """Information between an outcome and "a retained row, or a draw with the forget rows in it?".

    Attributes
    ----------
    estimate : float
        Plug-in estimate in nats: too large by about `null_mean` where there is nothing.
    corrected : float
        The estimate less its bias, as the bootstrap shows it; can be a little below 0.
    ci_low, ci_high : float
        Interval of the information at `level`, by the bootstrap, at least 0.
    null_mean, null_high : float
        Mean and upper quantile of the estimate with retained and forget rows exchanged at random.
    p_value : float
        ``(1 + #{null >= estimate}) / (1 + n_permutations)``; NaN without permutations.
    unseen : float
        The corrected estimate with unseen rows in the place of the forget rows: the level to
        reach, which is seldom 0. NaN without any.
    tv : float
        Total variation between the two laws (Z = 1 and Z = 0), plug-in.
    tv_bound : float
        What `ci_high` bounds the total variation by: ``sqrt(I / (2 prior (1 - prior)))``.
    epsilon_at_least : float
        Smallest epsilon that allows `ci_low` nats: solves ``I = 2 prior (1 - prior) epsilon
        tanh(epsilon / 2)``.
    prior, share : float
        P(Z = 1), and the share of forget rows in a draw with Z = 0.
    given_y : bool
    signal : str
        The outcome.
    method : str
        How its values were made cells.
    n_retain, n_forget, n_cells : int
        Rows used, and cells of all strata together.
    n_permutations : int
    level : float

    See Also
    --------
    marginal_information : The function that returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import marginal_information
    >>> rng = np.random.default_rng(0)
    >>> found = marginal_information(
    ...     None, rng.normal(size=900), None, rng.normal(size=900) + 1, None, random_state=0
    ... )
    >>> found.p_value, bool(found.tv < found.tv_bound)
    (0.005, True)
    """

    estimate: float
    corrected: float
    ci_low: float
    ci_high: float
    null_mean: float
    null_high: float
    p_value: float
    unseen: float
    tv: float
    tv_bound: float
    epsilon_at_least: float
    prior: float
    share: float
    given_y: bool
    signal: str
    method: str
    n_retain: int
    n_forget: int
    n_cells: int
    n_permutations: int
    level: float

    def __float__(self):
        """Return the corrected estimate."""
        return self.corrected

    def __str__(self):
        """Estimate, null, level to reach and bounds, a line each."""
        given = ", given y" if self.given_y else ""
        lines = [
            f"marginal information of {self.signal}{given}: {self.corrected:.3g} nats "
            f"[{self.ci_low:.3g}, {self.ci_high:.3g}], {self.n_forget} forget and "
            f"{self.n_retain} retained rows, {self.n_cells} {self.method}",
            f"share of forget rows {self.share:.3g}, prior {self.prior:.3g}",
        ]
        if self.n_permutations:
            lines.append(
                f"uncorrected {self.estimate:.3g}, null {self.null_mean:.3g} "
                f"(high {self.null_high:.3g}), p={self.p_value:.3g}"
            )
        if not np.isnan(self.unseen):
            lines.append(f"unseen rows in place of the forget rows: {self.unseen:.3g} nats")
        lines.append(
            f"total variation {self.tv:.3g}, at most {self.tv_bound:.3g}; "
            f"epsilon at least {self.epsilon_at_least:.3g}"
        )
        return "\n".join(lines)

    def __repr__(self):
        """Class name and the lines."""
        return f"MarginalInformationResult(\n{self}\n)"

    def to_frame(self):
        """Return the result as a pandas DataFrame of one row."""
        return to_frame([asdict(self)])


@dataclass(frozen=True, repr=False)
class MarginalEpsilon:
    """Largest log ratio of the two laws of an outcome, and what it bounds.

    Attributes
    ----------
    epsilon : float
        Plug-in estimate over cells, counts raised by half a row: too large, read it beside
        `null_mean`.
    lower, upper : float
        Confidence bounds of the largest log ratio over these cells (Clopper–Pearson, Bonferroni
        over cells); `upper` is infinite where a cell may be empty.
    null_mean, null_high : float
        Mean and upper quantile of the estimate with retained and forget rows exchanged at random.
    p_value : float
        ``(1 + #{null >= epsilon}) / (1 + n_permutations)``; NaN without permutations.
    tv_bound : float
        What `upper` bounds total variation by: ``tanh(epsilon / 2)``.
    information_bound : float
        What it bounds the information by, in nats: ``2 prior (1 - prior) epsilon tanh(epsilon /
        2)``.
    prior, share : float
        P(Z = 1), and the share of forget rows in a draw with Z = 0.
    given_y : bool
    signal, method : str
        The outcome, and how its values were made cells.
    n_retain, n_forget, n_cells : int
    n_permutations : int
    level : float

    See Also
    --------
    marginal_epsilon : The function that returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import marginal_epsilon
    >>> rng = np.random.default_rng(0)
    >>> retain, forget = rng.random(3000) < 0.5, rng.random(3000) < 0.6
    >>> found = marginal_epsilon(None, retain, None, forget, None, share=1.0, random_state=0)
    >>> bool(found.lower < np.log(0.5 / 0.4) < found.upper)
    True
    """

    epsilon: float
    lower: float
    upper: float
    null_mean: float
    null_high: float
    p_value: float
    tv_bound: float
    information_bound: float
    prior: float
    share: float
    given_y: bool
    signal: str
    method: str
    n_retain: int
    n_forget: int
    n_cells: int
    n_permutations: int
    level: float

    def __float__(self):
        """Return the plug-in estimate."""
        return self.epsilon

    def __str__(self):
        """Estimate, null and bounds, a line each."""
        given = ", given y" if self.given_y else ""
        line = (
            f"marginal epsilon of {self.signal}{given}: {self.epsilon:.3g} "
            f"[{self.lower:.3g}, {self.upper:.3g}] over {self.n_cells} {self.method}, "
            f"{self.n_forget} forget and {self.n_retain} retained rows"
        )
        if self.n_permutations:
            line += f"\nnull {self.null_mean:.3g} (high {self.null_high:.3g}), p={self.p_value:.3g}"
        return (
            f"{line}\ntotal variation at most {self.tv_bound:.3g}, information at most "
            f"{self.information_bound:.3g} nats"
        )

    def __repr__(self):
        """Class name and the lines."""
        return f"MarginalEpsilon(\n{self}\n)"

    def to_frame(self):
        """Return the result as a pandas DataFrame of one row."""
        return to_frame([asdict(self)])


def tv_from_information(information, prior):
    """Largest total variation that an information allows (Pinsker's inequality, twice)."""
    return float(min(1.0, np.sqrt(max(information, 0.0) / (2 * prior * (1 - prior)))))


def tv_from_epsilon(epsilon):
    """Largest total variation that a bound on the log ratio allows."""
    return float(np.tanh(epsilon / 2))


def information_from_epsilon(epsilon, prior):
    """Largest information that a bound on the log ratio allows, at most the entropy of Z."""
    entropy = -prior * np.log(prior) - (1 - prior) * np.log1p(-prior)
    if np.isinf(epsilon):
        return float(entropy)
    return float(min(entropy, 2 * prior * (1 - prior) * epsilon * np.tanh(epsilon / 2)))


def epsilon_from_information(information, prior):
    """Smallest bound on the log ratio that allows an information."""

    def excess(epsilon):
        return 2 * prior * (1 - prior) * epsilon * np.tanh(epsilon / 2) - information

    if information <= 0:
        return 0.0
    high = 1.0
    while excess(high) < 0:
        high *= 2
    return float(brentq(excess, 0.0, high))
