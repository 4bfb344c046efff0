"""Minimiser of the anchored quadratic model behind affine maps, and how far off it can be.

Notation. The rows of a group g are x̃ = [x, 1] with weights w; a chain of affine steps gives
z̃ = M x̃ with M = [[A, b], [0, 1]] (without the last row where there is no intercept). Parameters W
of shape (p, k), logits z̃'W = x̃'theta with theta = M'W. Objective, scikit-learn's:

    L(W) = C Σ_g s_g Σ_i w_i loss(x̃_i' M_g' W, y_i) + ½ Σ_j penalty_j |W_j|² + <linear, W>

What the bounds rest on, with delta = M'W - theta_ref and δη_i = x̃_i' delta of a row:

- The gradient of the data term at W is Σ M (G + H delta) + Σ_i w_i z̃_i ε_i', where ε_i is what
  is left of the probabilities beyond their first order in δη_i.
- |ε| ≤ ½ γ |δη|², γ = 1/(6√3) for one logit: the largest |σ''|. For k logits γ = √6/9: the third
  derivative of logsumexp along δη is the third central moment of the numbers δη_c, at most
  range³/(6√3), and a range is at most √2 |δη|; a symmetric form is largest on a diagonal.
- |ε| ≤ c ψ(r) var(δη), ψ(r) = (exp(r) - 1 - r) / r², var = δη' (diag p - pp') δη at the reference,
  r the range of δη: the loss is self-concordant (Bach 2010), c = 1 for one logit, else √2.

So the true gradient exceeds the modelled one by no more than the sum over groups of
C s R min(½ γ tr(delta' Gram delta), c ψ delta' H delta), R ≥ max |z̃_i|, and no row is needed. The
first is never above the bound of Guo et al. (2020), with |X| |delta| |X delta| for Σ δη². An
allowance for rounding is added.
"""

import dataclasses
import functools

import numpy as np
from scipy import linalg

_UNIT = 2.0**-53
_GAMMA_ONE = 1.0 / (6.0 * np.sqrt(3.0))
_GAMMA_MANY = np.sqrt(6.0) / 9.0


@dataclasses.dataclass(frozen=True)
class AnchoredModel:
    """The objective as the anchor models it, as a function of the parameters W.

    Parameters
    ----------
    anchor : Anchor
    C : float
        Factor of the data term.
    maps : dict of key to (A, b), default=None
        Affine map of each group, A of shape (k, d) or (d,) for a diagonal; None is the identity.
    fit_intercept : bool, default=True
    penalize_intercept : bool, default=False
    scales : dict of key to float, default=None
        Factor of the weights of each group.
    linear : ndarray of shape (p, k), default=None
        A linear term of the objective.
    """

    anchor: object
    C: float
    maps: dict | None = None
    fit_intercept: bool = True
    penalize_intercept: bool = False
    scales: dict | None = None
    linear: np.ndarray | None = None

    def __post_init__(self):
        if not 0 < self.C < np.inf:
            raise ValueError(f"Got C={self.C}, expected a positive finite number.")

    # -- the pieces ------------------------------------------------------------------------

    def factor(self, key):
        """Factor of the losses of a group in the objective."""
        return self.C * (1.0 if self.scales is None else self.scales[key])

    def lift(self, key):
        """Return M of a group, or None where it is the identity on [x, 1]."""
        if self.maps is None and self.fit_intercept:
            return None
        d = self.anchor.n_features
        A, b = (np.ones(d), np.zeros(d)) if self.maps is None else self.maps[key]
        A = np.diag(A) if np.ndim(A) == 1 else A
        M = np.column_stack([A, b])
        return np.vstack([M, np.eye(1, d + 1, d)]) if self.fit_intercept else M

    def theta(self, key, W):
        """Coefficients of [x, 1] that the parameters stand for."""
        M = self._lifts[key]
        return W if M is None else M.T @ W

    @functools.cached_property
    def _lifts(self):
        return {key: self.lift(key) for key in self.anchor.parts}

    @functools.cached_property
    def shape(self):
        """Shape (p, k) of the parameters."""
        M = next(iter(self._lifts.values()))
        return (self.anchor.n_features + 1 if M is None else len(M)), self.anchor.n_outputs

    @functools.cached_property
    def penalty(self):
        """Penalty of each row of the parameters, of shape (p, 1)."""
        out = np.ones((self.shape[0], 1))
        if self.fit_intercept and not self.penalize_intercept:
            out[-1] = 0.0
        return out

    @functools.cached_property
    def _linear(self):
        return np.zeros(self.shape) if self.linear is None else self.linear

    @functools.cached_property
    def _sums(self):
        """Gradient and Hessian of each group at its reference."""
        return {key: (self.anchor.gradient(key), self.anchor.hessian(key)) for key in self._lifts}

    @functools.cached_property
    def matrix(self):
        """Hessian of the model, of shape (p k, p k)."""
        p, k = self.shape
        total = np.zeros((p, k, p, k))
        for key, M in self._lifts.items():
            hessian = self._sums[key][1]
            if M is not None:
                hessian = np.tensordot(M, hessian, axes=1)
                hessian = np.tensordot(hessian, M, axes=([2], [1])).transpose(0, 1, 3, 2)
            total += self.factor(key) * hessian
        total = total.reshape(p * k, p * k)
        total[np.diag_indices(p * k)] += np.repeat(self.penalty[:, 0], k)
        return total

    @functools.cached_property
    def _pinned(self):
        """`matrix`, with the one direction that no logit depends on made definite.

        An intercept that is free may be shifted in all classes alike; the sum is fixed at 0.
        """
        k = self.shape[1]
        if k == 1 or not self.fit_intercept or self.penalize_intercept:
            return self.matrix
        out = self.matrix.copy()
        size = max(1.0, float(np.trace(out[-k:, -k:])))
        out[-k:, -k:] += size / k
        return out

    # -- solving ---------------------------------------------------------------------------

    def modelled_gradient(self, W):
        """Gradient of the model at W, of shape (p, k)."""
        total = self.penalty * W + self._linear
        for key, M in self._lifts.items():
            gradient, hessian = self._sums[key]
            delta = self.theta(key, W) - self.anchor.parts[key].theta
            data = gradient + np.tensordot(hessian, delta, axes=2)
            total = total + self.factor(key) * (data if M is None else M @ data)
        return total

    def solve(self):
        """Minimiser W of the model, of shape (p, k): a function of the state alone."""
        W = np.zeros(self.shape)
        if self.maps is None:
            theta = next(iter(self.anchor.parts.values())).theta
            W = theta[: self.shape[0]].copy()
        for _ in range(3):  # the first step solves, the others refine
            W = W - self._step(self.modelled_gradient(W))
        return W

    def _step(self, gradient):
        return self._inverse(gradient.ravel()).reshape(self.shape)

    @functools.cached_property
    def _inverse(self):
        try:
            factor = linalg.cho_factor(self._pinned, check_finite=True)
        except linalg.LinAlgError:  # flat to rounding in some direction: do not move along it
            return lambda v: linalg.lstsq(self._pinned, v, lapack_driver="gelsy")[0]
        return lambda v: linalg.cho_solve(factor, v, check_finite=False)

    # -- bounds ----------------------------------------------------------------------------

    def residual_bound(self, W):
        """Upper bound on the norm of the gradient of the true objective at W, for every row set."""
        remainder = sum(self.factor(key) * self._remainder(key, W) for key in self._lifts)
        return float(self._known_residual(W) + remainder) * (1 + 1e-12)

    def _known_residual(self, W):
        """Bound on the norm of the gradient of the model itself."""
        return np.linalg.norm(self.modelled_gradient(W)) + self._rounding(W)

    def distance_bound(self, W):
        """Upper bound on the distance to the minimiser of the true objective, or inf.

        The distance is over the parameters that are penalised: the intercept is left out where it
        is free. The objective is 1-strongly convex in the others; this stays so once it is
        minimised over a free intercept, and if that has one number, doing so changes the gradient
        by at most R times its own entry, since all probabilities move one way. Also from
        self-concordance, as long as R times the residual is below the least curvature.
        """
        bound, best = self.residual_bound(W), np.inf
        radius = max(self.output_radius(key) for key in self._lifts)
        if (self.penalty > 0).all():
            best = bound
        elif self.shape[1] == 1:
            best = self._known_residual(W) * np.hypot(1.0, radius)
            for key in self._lifts:
                share = 1.0 + radius / self.output_radius(key)
                best += self.factor(key) * self._remainder(key, W) * share
        return float(min(best, self._curved_distance(W, bound, radius))) * (1 + 1e-12)

    def _curved_distance(self, W, bound, radius):
        """Bound on the distance of all parameters from the least curvature around W, or inf."""
        k = self.shape[1]
        radius = radius * (1.0 if k == 1 else np.sqrt(2))
        reach = max(self._reach(key, W) for key in self._lifts)
        penalty = np.diag(np.repeat(self.penalty[:, 0], k))
        values = linalg.eigvalsh(np.exp(-reach) * (self._pinned - penalty) + penalty)
        error = _UNIT * 8 * len(values) * values[-1]
        for key in self._lifts:
            error += self.factor(key) * self._norm(key) ** 2 * self._hessian_error(key)
        curvature = values[0] - error
        if curvature <= 0 or radius * bound >= curvature:
            return np.inf
        return -np.log1p(-radius * bound / curvature) / radius

    def output_radius(self, key):
        """Upper bound on the norms of the rows z̃ of a group."""
        M, anchor = self._lifts[key], self.anchor
        if M is None:
            return anchor.radius
        if self.maps is None:
            return float(np.sqrt(anchor.radius**2 - 1.0)) * (1 + 1e-12)
        best = self._norm(key) * anchor.radius
        if anchor.box is not None:
            center, half = anchor.box
            A, b = M[:, :-1], M[:, -1]
            best = min(best, np.linalg.norm(np.abs(A @ center + b) + np.abs(A) @ half))
        return float(best) * (1 + 1e-12)

    def _norm(self, key):
        M = self._lifts[key]
        return 1.0 if M is None else float(np.linalg.norm(M, 2)) * (1 + 1e-12)

    def _delta(self, key, W):
        """Shift of the coefficients of [x, 1] from the reference, what no logit feels removed."""
        delta = self.theta(key, W) - self.anchor.parts[key].theta
        return delta if delta.shape[1] == 1 else delta - delta.mean(axis=1, keepdims=True)

    def _reach(self, key, W):
        """Upper bound on the range of the shifts of the logits of a row."""
        delta, anchor = self._delta(key, W), self.anchor
        many = delta.shape[1] > 1
        best = np.linalg.norm(delta) * anchor.radius * (np.sqrt(2) if many else 1.0)
        if anchor.box is not None:
            center, half = anchor.box
            far = np.abs(center @ delta[:-1] + delta[-1]) + half @ np.abs(delta[:-1])
            best = min(best, far.max() * (2.0 if many else 1.0))
        return float(best) * (1 + 1e-12)

    def _remainder(self, key, W):
        """Bound on the norm of the sum of w z̃ ε' over the rows of a group."""
        delta, reach = self._delta(key, W), self._reach(key, W)
        many = delta.shape[1] > 1
        slack = self._hessian_error(key) * np.sum(delta**2)
        squares = np.sum(delta * (self.anchor.gram(key) @ delta)) + 2 * slack
        plain = 0.5 * (_GAMMA_MANY if many else _GAMMA_ONE) * max(squares, 0.0)
        if reach < 30:
            # where the difference would cancel, a bound from its series
            psi = np.exp(reach) / 2 if reach < 1e-2 else (np.expm1(reach) - reach) / reach**2
            curved = np.sum(delta * np.tensordot(self._sums[key][1], delta, axes=2)) + slack
            plain = min(plain, (np.sqrt(2) if many else 1.0) * psi * max(curved, 0.0))
        return self.output_radius(key) * plain

    def _hessian_error(self, key):
        """Bound on the spectral error of a Hessian (and a Gram matrix) from float64 sums."""
        anchor, part = self.anchor, self.anchor.parts[key]
        d, k = part.theta.shape
        terms = 4096 + anchor.n_chunks + anchor.n_moved + d * k
        logits = (d + 3) * np.linalg.norm(part.theta) * anchor.radius
        return _UNIT * anchor.mass(key) * (terms * k + logits)

    def _rounding(self, W):
        """Allow for the rounding of the sums of the fit, of the grid, and of this arithmetic.

        Sums of n terms are off by at most (number of roundings behind a term) times 2**-53 times
        the sum of their sizes, at most Σ w |x̃|². A logit is off by (d + 3) 2**-53 |x̃| |theta|.
        """
        p, k = self.shape
        total = 4 * _UNIT * (np.linalg.norm(W) + np.linalg.norm(self._linear))
        for key, part in self.anchor.parts.items():
            d = len(part.theta)
            theta, new = np.linalg.norm(part.theta), np.linalg.norm(self.theta(key, W))
            delta = np.linalg.norm(self.theta(key, W) - part.theta)
            steps = 2 * d * k + p + 100 + self.anchor.n_moved
            error = _UNIT * self.anchor.mass(key) * steps * (np.sqrt(k) + theta + new)
            error += self._hessian_error(key) * delta
            total += 2 * self.factor(key) * self._norm(key) * error
        return total
