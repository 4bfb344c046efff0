"""Noise that covers what a removal leaves: the analytic Gaussian mechanism and its budget."""

import dataclasses

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr

from skunlearn.base import Guarantee

FIT_SHARE = 0.01  # of the budget: kept for the solver's residual in any fit
_KEY = 0x756E6C6561726E  # keeps the noise apart from other uses of the same seed


def gaussian_delta(epsilon, scale):
    """Exact delta at which Gaussian noise of a scale, in units of the shift, gives epsilon.

    Parameters
    ----------
    epsilon : float
    scale : float
        Standard deviation of the noise divided by the norm of the shift.

    Returns
    -------
    float
    """
    near, far = 0.5 / scale - epsilon * scale, -0.5 / scale - epsilon * scale
    log_near, log_far = log_ndtr(near), epsilon + log_ndtr(far)
    return float(np.exp(log_near) * -np.expm1(min(log_far - log_near, 0.0)))


def gaussian_scale(epsilon, delta, sensitivity=1.0):
    """Least standard deviation of Gaussian noise for (epsilon, delta) (Balle and Wang 2018).

    Parameters
    ----------
    epsilon, delta : float
    sensitivity : float, default=1.0
        Largest Euclidean norm of the shift that the noise must cover.

    Returns
    -------
    float
    """

    def gap(log_scale):
        return gaussian_delta(epsilon, np.exp(log_scale)) - delta

    low, high = -1.0, 1.0
    while gap(low) < 0:
        low -= 2.0
    while gap(high) > 0:
        high += 2.0
    scale = float(np.exp(brentq(gap, low, high, xtol=1e-12)))
    while gaussian_delta(epsilon, scale) > delta:
        scale *= 1 + 1e-9
    return scale * sensitivity


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What noise is drawn at each release, and how far a removal may move the model.

    Parameters
    ----------
    epsilon, delta : float
    budget : float
        The shift that the noise covers: of the parameters ("output") or the gradient ("objective").
    mechanism : {"output", "objective"}
    seed : int or None
        Of the noise; None draws from the operating system at each release.
    release : int
        Number of releases before this one.
    linear : ndarray of shape (p, k), default=None
        The linear term, for the mechanism "objective".
    """

    epsilon: float
    delta: float
    budget: float
    mechanism: str
    seed: int | None
    release: int = 0
    linear: np.ndarray | None = None

    @property
    def scale(self):
        """Standard deviation of the noise."""
        return gaussian_scale(self.epsilon, self.delta, self.budget)

    def _noise(self, shape):
        """Gaussian noise of this release."""
        seed = None if self.seed is None else (_KEY, self.seed, self.release)
        return np.random.default_rng(seed).normal(scale=self.scale, size=shape)

    def with_linear(self, shape):
        """Return the certificate with its linear term drawn, where the mechanism has one."""
        if self.mechanism == "output":
            return self
        return dataclasses.replace(self, linear=self._noise(shape))

    def following(self):
        """Return the certificate of the next release."""
        return dataclasses.replace(self, release=self.release + 1)

    def released(self, W):
        """Return what is published of the parameters W, with fresh noise where there is some."""
        return W + self._noise(W.shape) if self.mechanism == "output" else W

    def left(self, shift):
        """Return what is left of the budget."""
        return max(0.0, (1.0 - FIT_SHARE) * self.budget - shift)

    def covers(self, shift):
        """Tell whether the noise covers a shift."""
        return shift <= (1.0 - FIT_SHARE) * self.budget

    def guarantee(self, conditional_on, residues, shift):
        """Return what is certified, in words and numbers."""
        if self.seed is not None:
            conditional_on += ("that random_state is secret: who knows it can subtract the noise",)
        if self.mechanism == "objective":
            conditional_on += (
                "that the residual is independent of the noise, as the proof of Guo et al. has it",
            )
        detail = (
            f"({self.epsilon:g}, {self.delta:g})-indistinguishable from a fit on the rows that "
            f"remain, by the noise of the {self.mechanism} mechanism of scale {self.scale:.3g}, "
            f"which covers a shift of {self.budget:g} (at most {shift:.3g} now). It covers the "
            "last release, seen alone, for requests that do not depend on what was released before "
            "(non-adaptive); further releases compose. It does not cover who sees the maintenance "
            "state, choices made with the forgotten rows (C, a scaler in front), or attacks on "
            "the last bits of floating-point noise."
        )
        return Guarantee("certified", self.epsilon, self.delta, conditional_on, residues, detail)
