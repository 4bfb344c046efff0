"""What a net says about rows it has not learned from: the yardstick of every forgetting."""

import dataclasses
import functools

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from skunlearn._statistics._rows import last_copies
from skunlearn.neural_network._view import phi

SMALL = 30  # unseen rows of a class below which its quantiles are mixed with the pooled ones


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Outputs on unseen rows, with the number of learned rows of each class.

    Parameters
    ----------
    outputs : ndarray of shape (n, n_outputs), float32
        Logits or predictions on rows that were held out of training, by the net as fitted.
    y : ndarray of shape (n,), int, or (n, n_outputs), float32
        Codes of classes, or targets.
    hashes : ndarray of shape (n,), uint64
        Fingerprints of the rows: they are subjects of the data as well, and can be forgotten.
    counts : ndarray of shape (n_classes,), int, or None
        Learned rows of each class, unseen ones included; one number for regression. None where
        they are not known: the net was adopted without its rows.
    is_classifier : bool
    """

    outputs: np.ndarray
    y: np.ndarray
    hashes: np.ndarray
    counts: np.ndarray | None
    is_classifier: bool

    @classmethod
    def none(cls, n_outputs, is_classifier, counts):
        """Return a calibration without a row."""
        y = np.zeros(0, np.int64) if is_classifier else np.zeros((0, n_outputs), np.float32)
        outputs = np.zeros((0, n_outputs), np.float32)
        return cls(outputs, y, np.zeros(0, np.uint64), counts, is_classifier)

    def __len__(self):
        return len(self.hashes)

    def without(self, hashes, codes):
        """Return the calibration without the rows to forget.

        Parameters
        ----------
        hashes : ndarray of shape (m,), uint64
            Fingerprints of all rows to forget.
        codes : ndarray of shape (m,), int
            Their classes; zeros for regression.
        """
        found = last_copies(self.hashes, hashes)
        keep = np.delete(np.arange(len(self)), found[found >= 0])
        counts = self.counts
        if counts is not None:
            counts = counts - np.bincount(codes, minlength=len(counts))
        return Calibration(
            self.outputs[keep], self.y[keep], self.hashes[keep], counts, self.is_classifier
        )

    @functools.cached_property
    def phi(self):
        """Fit of each unseen row, see `NetView.phi`."""
        y = torch.as_tensor(self.y)
        return phi(torch.as_tensor(self.outputs), y, self.is_classifier).double().numpy()

    @functools.cached_property
    def temperature(self):
        """Factor by which the logits are too large: it minimises the loss on unseen rows."""
        if not self.is_classifier or len(self) < 2 or self.outputs.shape[1] < 2:
            return 1.0
        z, y = self.outputs.astype(np.float64), self.y

        def loss(log_t):
            s = z / np.exp(log_t)
            s = s - s.max(axis=1, keepdims=True)
            return float(np.mean(np.log(np.exp(s).sum(axis=1)) - s[np.arange(len(s)), y]))

        found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
        return float(np.exp(found.x))

    def retained(self, after):
        """Share of the rows of each class that remain after a request, from its calibration."""
        if self.counts is None:
            return np.ones(self.outputs.shape[1] if self.is_classifier else 1)
        return np.divide(
            after.counts, self.counts, out=np.ones(len(self.counts)), where=self.counts > 0
        )

    def unseen_accuracy(self, retained=None):
        """Accuracy on unseen rows of each class, as a net trained without some of them would have.

        Parameters
        ----------
        retained : ndarray of shape (n_classes,), default=None
            Share of each class that remains: its logit is lowered by the logarithm of it, times
            the temperature. A class of which nothing remains is never predicted.

        Returns
        -------
        ndarray of shape (n_classes,)
            A class with fewer than 30 unseen rows is mixed with all others, by its number of rows;
            NaN where there is no unseen row at all.
        """
        n_classes = self.outputs.shape[1]
        retained = np.ones(n_classes) if retained is None else np.asarray(retained, dtype=float)
        if not len(self):
            return np.where(retained > 0, np.nan, 0.0)
        with np.errstate(divide="ignore"):
            shift = self.temperature * np.log(retained)
        out, rows = [], np.arange(len(self))
        for code in range(n_classes):
            z = self.outputs.astype(np.float64)
            own = z[rows, self.y] + shift[code]
            z[rows, self.y] = -np.inf
            right = own > z.max(axis=1)
            of_class = self.y == code
            weight = min(of_class.sum() / SMALL, 1.0)
            own_mean = right[of_class].mean() if of_class.any() else 0.0
            out.append(weight * own_mean + (1 - weight) * right.mean())
        return np.array(out)
