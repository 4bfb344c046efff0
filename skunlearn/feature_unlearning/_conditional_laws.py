"""Location-scale models of columns given continuous sensitive variables: pure functions."""

import dataclasses

import numpy as np

_LOG_FLOOR = 1e-6  # share of a column's variance below which squared residuals are not told apart


@dataclasses.dataclass(frozen=True)
class SplineBasis:
    """Columns that a smooth function of each continuous sensitive variable is made of.

    Parameters
    ----------
    means, scales : ndarray of shape (n_variables,)
        Variables are centred and scaled by these.
    lows, highs : ndarray of shape (n_variables,)
        Beyond which a function goes on as a straight line.
    knots : ndarray of shape (n_variables, n_knots)
        Of the cubic terms, ascending, in scaled units; none for straight lines.
    """

    means: np.ndarray
    scales: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    knots: np.ndarray

    @classmethod
    def of(cls, Z, weights, n_knots):
        """Choose the knots at even quantiles of some rows."""
        means = np.average(Z, axis=0, weights=weights)
        scales = np.sqrt(np.average((Z - means) ** 2, axis=0, weights=weights))
        scales[scales == 0] = 1.0
        T = (Z - means) / scales
        levels = np.linspace(0.0, 1.0, n_knots + 2)
        found = np.quantile(T, levels, axis=0, method="linear").T
        return cls(means, scales, found[:, 0], found[:, -1], found[:, 1:-1])

    def parts(self):
        """Arrays that the basis consists of."""
        return (self.means, self.scales, self.lows, self.highs, self.knots)

    def expand(self, Z):
        """Columns of the functions at some values: a line, a parabola and cubes for each knot."""
        T = (Z - self.means) / self.scales
        inside = np.clip(T, self.lows, self.highs)
        columns = []
        for t, low_high, knots in zip(T.T, inside.T, self.knots, strict=True):
            columns += [t, low_high**2, low_high**3]
            columns += [np.maximum(low_high - knot, 0.0) ** 3 for knot in knots]
        return np.stack(columns, axis=1)


def ridge(scatter_zz, scatter_zx, weight, alpha):
    """Slopes of X on Z from centred scatters, the penalty relative to the spread of each column.

    Parameters
    ----------
    scatter_zz : ndarray of shape (q, q)
    scatter_zx : ndarray of shape (q, d)
    weight : float
        Of the rows behind them.
    alpha : float
        Penalty in rows: 1 is as much as one row at one standard deviation.

    Returns
    -------
    ndarray of shape (q, d)
        0 for a column of Z without spread.
    """
    spread = np.sqrt(np.diag(scatter_zz) / weight)
    used = np.flatnonzero(spread > 0)
    slopes = np.zeros(scatter_zx.shape)
    if len(used):
        scale = spread[used]
        gram = scatter_zz[np.ix_(used, used)] / np.outer(scale, scale)
        target = scatter_zx[used] / scale[:, None]
        # an eigenvalue below rounding is a combination of the others: no slope along it
        values, vectors = np.linalg.eigh((gram + gram.T) / 2)
        kept = values > 1e-12 * max(values[-1], weight)
        coordinates = vectors[:, kept].T @ target / (values[kept] + alpha)[:, None]
        slopes[used] = vectors[:, kept] @ coordinates / scale[:, None]
    return slopes


def regress(B, X, weights, alpha):
    """Intercept and slopes of X on the columns B, by weighted ridge."""
    weight = weights.sum()
    b, x = (np.average(values, axis=0, weights=weights) for values in (B, X))
    C = (B - b) * weights[:, None]
    slopes = ridge(C.T @ (B - b), C.T @ (X - x), weight, alpha)
    return x - b @ slopes, slopes


def expand(Z, spline):
    """Columns of the basis: those of a `SplineBasis`, given by its parts, or Z itself if None."""
    return Z if spline is None else SplineBasis(*spline).expand(Z)


def location_scale(B, X, weights, alpha, varying):
    """Model of one group: means, and logs of squared residuals, by ridge on the columns B.

    Returns
    -------
    dict of str to ndarray
        "intercept" and "slopes" of the mean; "log_intercept", "log_slopes" of the squared spread;
        its mean, "typical"; "offset", the mean of what `levels_of` gives without it; "mean" of X
        and "covariance" of the levels.
    """
    intercept, slopes = regress(B, X, weights, alpha)
    residuals = X - intercept - B @ slopes
    law = {
        "log_intercept": np.zeros(X.shape[1]),
        "log_slopes": np.zeros((B.shape[1], X.shape[1])),
        "typical": np.ones(X.shape[1]),
        "offset": np.zeros(X.shape[1]),
    }
    if varying:
        variance = np.average(residuals**2, axis=0, weights=weights)
        logs = np.log(residuals**2 + np.where(variance > 0, variance, 1.0) * _LOG_FLOOR)
        law["log_intercept"], law["log_slopes"] = regress(B, logs, weights, alpha)
        law["typical"] = np.average(_spread(B, law), axis=0, weights=weights)
    levels = levels_of(residuals, B, law)
    law["offset"] = np.average(levels, axis=0, weights=weights)
    levels = levels - law["offset"]
    return law | {
        "intercept": intercept,
        "slopes": slopes,
        "mean": np.average(X, axis=0, weights=weights),
        "covariance": (levels * weights[:, None]).T @ levels / weights.sum(),
    }


def levels_of(residuals, B, law):
    """Residuals brought from the spread at their Z to the typical one."""
    return residuals / _spread(B, law) * law["typical"] - law["offset"]


def _spread(B, law):
    """Spread of the residuals, up to a common factor, kept within what floats can hold."""
    return np.exp(np.clip(law["log_intercept"] + B @ law["log_slopes"], -600.0, 600.0) / 2)


def linear_costs(parts, d, found):
    """E||X - T(X)||^2 in each group of the linear case, from moments of [X, Z].

    Parameters
    ----------
    parts : list of Moments
    d : int
        Number of columns of X.
    found : dict of str to ndarray
        Learned attributes.

    Returns
    -------
    ndarray of shape (n_groups,)
    """
    costs, target = [], found["barycenter_mean_"]
    for z, part in enumerate(parts):
        A, slopes, start = (found[k][z] for k in ("maps_", "slopes_", "intercepts_"))
        joint = np.vstack([np.eye(d) - A, slopes @ A])  # the displacement is [x, z] times this
        gap = part.mean @ joint + start @ A - target
        costs.append(gap @ gap + np.einsum("ij,ik,kj->", joint, part.covariance, joint))
    return np.array(costs)
