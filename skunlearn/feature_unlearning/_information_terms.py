"""What predictions tell of groups, as a term of an objective: values and closed-form gradients.

Pure functions of probabilities, groups and weights; the objective of a linear classifier; L-BFGS.
"""

import dataclasses
import warnings

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning

_TINY = np.finfo(np.float64).tiny

# -- terms ----------------------------------------------------------------------------------------


def information(P, groups, weights, n_groups):
    """Plug-in mutual information of the groups and a label drawn from each row's probabilities.

    Parameters
    ----------
    P : ndarray of shape (n, n_classes)
    groups : ndarray of shape (n,), int
    weights : ndarray of shape (n,)
        With the sum 1.
    n_groups : int

    Returns
    -------
    value : float
        In nats.
    gradient : ndarray of shape (n, n_classes)
        With respect to P, up to a constant a row, of which a softmax takes no notice.
    """
    joint = np.array([np.bincount(groups, weights * p, n_groups) for p in P.T])
    of_class, of_group = joint.sum(axis=1), np.bincount(groups, weights, n_groups)
    logs = _log(joint) - _log(of_class)[:, None] - _log(of_group)
    return float((joint * logs).sum()), weights[:, None] * logs.T[groups]


def energy(P, groups, weights, n_groups):
    """Energy distance between each group's scores and all scores, weighted by the groups' shares.

    The scores are the probabilities of each class (of the second one of two), a class at a time;
    the distances are added up. With F and F_z the distribution functions of all scores and of a
    group's it is Σ_z π_z 2∫(F_z − F)², and the gradient 4 w_i (F(s_i) − F_z(s_i)).

    Parameters
    ----------
    P, groups, weights, n_groups
        As for `information`.

    Returns
    -------
    value : float
        In units of probability; 0 if and only if the groups' scores have one law, class by class.
    gradient : ndarray of shape (n, n_classes)
    """
    gradient = np.zeros_like(P)
    members = [np.flatnonzero(groups == z) for z in range(n_groups)]
    for c in range(P.shape[1] == 2, P.shape[1]):
        gap = mid_distribution(P[:, c], weights)
        for rows in members:
            if weights[rows].sum() > 0:
                gap[rows] -= mid_distribution(P[rows, c], weights[rows])
        gradient[:, c] = 4 * weights * gap
    return float((P * gradient).sum()), gradient  # homogeneous of degree one in the scores


def mid_distribution(scores, weights):
    """Share of the weight below each score, and half of that at it."""
    _, at = np.unique(scores, return_inverse=True)
    mass = np.bincount(at, weights)
    return ((np.cumsum(mass) - mass / 2) / mass.sum())[at]


def _log(values):
    return np.log(np.maximum(values, _TINY))


TERMS = {"information": information, "energy": energy}
# Where an iteration gains less than this share of the objective, L-BFGS stops. The energy distance
# has kinks: gradients near its minimum do not get small, and 1e-14 costs ten times the iterations.
_GAIN = {information: 64 * np.finfo(np.float64).eps, energy: 1e-9}


@dataclasses.dataclass(frozen=True)
class Leak:
    """A term over all rows, or its mean over the strata of rows with one target.

    Parameters
    ----------
    term : callable
        `information` or `energy`.
    n_groups : int
    strata : list of tuple
        (rows, share of the weight, weights with the sum 1, groups) of each stratum.
    """

    term: object
    n_groups: int
    strata: list

    @classmethod
    def of(cls, criterion, groups, weights, strata=None):
        """Prepare the term for some rows; `strata` are codes, or None for one stratum."""
        codes = np.zeros(len(groups), dtype=np.intp) if strata is None else strata
        total, parts = weights.sum(), []
        for stratum in np.unique(codes):
            rows = np.flatnonzero(codes == stratum)
            weight = weights[rows].sum()
            if weight > 0:
                parts.append((rows, weight / total, weights[rows] / weight, groups[rows]))
        return cls(TERMS[criterion], int(groups.max()) + 1, parts)

    def __call__(self, P):
        """Value and gradient with respect to the probabilities."""
        value, gradient = 0.0, np.zeros_like(P)
        for rows, share, weights, groups in self.strata:
            part, slope = self.term(P[rows], groups, weights, self.n_groups)
            value += share * part
            gradient[rows] = share * slope
        return value, gradient

    def bias(self, n_classes):
        """Upper bound on the expected plug-in information, in nats, where there is none.

        (K − 1)(|Z| − 1) / 2n, in each stratum with its own groups and its effective number of rows.
        """
        of_strata = [
            share * (len(np.unique(groups[weights > 0])) - 1) * (weights @ weights)
            for _, share, weights, groups in self.strata
        ]
        return (n_classes - 1) * sum(of_strata) / 2


# -- the objective --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Objective:
    """Mean log-loss, L2 penalty and γ times a leak, of a linear classifier.

    Parameters
    ----------
    X : {ndarray, csr_array} of shape (n, d)
    codes : ndarray of shape (n,), int
        Classes of the rows.
    n_classes : int
    weights : ndarray of shape (n,)
        Of the log-losses.
    C : float
        As in scikit-learn: C times the sum of the losses, plus half the squared norm. All of it is
        divided by C times the sum of the weights here, so that the log-loss is in nats a row.
    fit_intercept : bool
    leak : Leak
    """

    X: object
    codes: np.ndarray
    n_classes: int
    weights: np.ndarray
    C: float
    fit_intercept: bool
    leak: Leak

    @property
    def shape(self):
        """Shape of the parameters: one row for two classes, the intercept last."""
        return (1 if self.n_classes == 2 else self.n_classes, self.X.shape[1] + 1)

    def split(self, theta):
        """Coefficients and intercepts."""
        theta = theta.reshape(self.shape)
        return theta[:, :-1], theta[:, -1]

    def log_proba(self, theta):
        """Log-probabilities of the rows."""
        coef, intercept = self.split(theta)
        return log_softmax(as_logits(self.X @ coef.T + intercept), axis=1)

    def parts(self, theta, gamma):
        """Value, gradient, and the values of log-loss, penalty and leak."""
        log_p = self.log_proba(theta)
        P, rows = np.exp(log_p), np.arange(len(log_p))
        total = self.weights.sum()
        share, ridge = self.weights / total, 1 / (self.C * total)
        loss = -share @ log_p[rows, self.codes]
        slope = P * share[:, None]
        slope[rows, self.codes] -= share
        leak = np.nan
        if gamma:
            leak, of_p = self.leak(P)
            slope += gamma * P * (of_p - (P * of_p).sum(axis=1, keepdims=True))
        slope = slope[:, 1:] if self.n_classes == 2 else slope
        coef, _ = self.split(theta)
        penalty = ridge * (coef**2).sum() / 2
        gradient = np.zeros(self.shape)
        gradient[:, :-1] = (self.X.T @ slope).T + ridge * coef
        if self.fit_intercept:
            gradient[:, -1] = slope.sum(axis=0)
        value = loss + penalty + (gamma * leak if gamma else 0.0)
        return value, gradient.ravel(), (loss, penalty, leak)


def as_logits(eta):
    """Logits of all classes, where there is one column for two."""
    return np.column_stack([np.zeros(len(eta)), eta]) if eta.shape[1] == 1 else eta


def descend(objective, gamma, start, *, tol, max_iter):
    """Minimise by L-BFGS from a start.

    Returns
    -------
    theta : ndarray
    history : list of tuple
        (gamma, value, log-loss, penalty, leak) at the start and after each iteration.
    """
    seen, history = {}, []

    def evaluate(theta):
        value, gradient, parts = objective.parts(theta, gamma)
        seen["last"] = value, parts
        if not history:
            note(None)
        return value, gradient

    def note(theta):
        value, (loss, penalty, leak) = seen["last"]
        history.append((gamma, value, loss, penalty, leak))

    gain = _GAIN[objective.leak.term if gamma else information]
    options = {"maxiter": max_iter, "gtol": tol, "ftol": gain, "maxls": 50}
    found = minimize(evaluate, start, jac=True, method="L-BFGS-B", callback=note, options=options)
    if found.nit >= max_iter:
        warnings.warn(
            f"L-BFGS stopped after max_iter={max_iter} iterations at gamma={gamma:g}, before tol="
            f"{tol:g} was reached. Scale the columns of X (StandardScaler), or raise max_iter.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return found.x, history
