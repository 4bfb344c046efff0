"""One number about dependence, with its permutation null."""

from dataclasses import asdict, dataclass

import numpy as np

from skunlearn.metrics._leakage import to_frame


@dataclass(frozen=True, repr=False)
class DependenceResult:
    """An estimate of dependence and what it would be without any.

    Attributes
    ----------
    name : str
        What was estimated, ``"mutual information"`` for instance.
    estimate : float
        The estimate, in `units`.
    units : str
        ``"nats"``, ``"standard deviations"``, or empty for a pure number.
    null_mean, null_high : float
        Mean and upper `level` quantile of the estimate after the sensitive values were permuted;
        NaN without permutations. `null_mean` is the estimator's bias where there is nothing.
    level : float
        The quantile that `null_high` is.
    p_value : float
        ``(1 + #{null >= estimate}) / (1 + n_permutations)``, NaN without permutations.
    n_permutations : int
        Permutations drawn.
    n_rows : int
        Rows used, after sub-sampling.
    method : str
        The estimator.

    See Also
    --------
    mutual_information : Information in nats.
    distance_correlation : Any dependence between numbers.
    sliced_wasserstein : How far apart the groups are.

    Examples
    --------
    >>> from skunlearn.metrics import mutual_information
    >>> result = mutual_information([0, 0, 1, 1] * 50, ["f", "f", "m", "m"] * 50, random_state=0)
    >>> round(result.estimate, 3), result.units, result.p_value
    (0.696, 'nats', 0.01)
    """

    name: str
    estimate: float
    units: str
    null_mean: float
    null_high: float
    level: float
    p_value: float
    n_permutations: int
    n_rows: int
    method: str

    def __float__(self):
        """Return the estimate."""
        return self.estimate

    def __str__(self):
        """One line for a reader."""
        line = f"{self.name} {self.estimate:.4g}{self.units and ' '}{self.units}"
        if self.n_permutations:
            line += f", null {self.null_mean:.4g} (high {self.null_high:.4g}), p={self.p_value:.3g}"
        return f"{line}, {self.n_rows} rows, {self.method}"

    def __repr__(self):
        """Class name and the line."""
        return f"DependenceResult({self})"

    def to_frame(self):
        """Return the result as a pandas DataFrame of one row."""
        return to_frame([asdict(self)])


def check_null(n_permutations, level):
    """Refuse options of the null that are out of range."""
    if not 0 < level < 1:
        raise ValueError(f"Got level={level!r}, expected a float in (0, 1).")
    if n_permutations < 0:
        raise ValueError(f"Got n_permutations={n_permutations!r}, expected an int of 0 or more.")


def tested(statistic, n_rows, rng, *, n_permutations, level, **words):
    """Estimate with its null: `statistic` takes the order in which to read the sensitive values."""
    estimate = float(statistic(np.arange(n_rows)))
    null = np.array([statistic(rng.permutation(n_rows)) for _ in range(n_permutations)])
    drawn = n_permutations > 0
    return DependenceResult(
        estimate=estimate,
        null_mean=float(null.mean()) if drawn else np.nan,
        null_high=float(np.quantile(null, level)) if drawn else np.nan,
        level=level,
        p_value=p_value(estimate, null),
        n_permutations=n_permutations,
        n_rows=n_rows,
        **words,
    )


def p_value(estimate, null):
    """One-sided permutation p-value, NaN without a null; equal up to rounding counts as reached."""
    if not len(null):
        return np.nan
    slack = 1e-12 * max(1.0, abs(estimate))
    return float((1 + np.count_nonzero(null >= estimate - slack)) / (1 + len(null)))
