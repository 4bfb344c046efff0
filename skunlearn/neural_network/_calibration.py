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
    margins : ndarray of shape (n,), default=None
        Of the side model on these rows, see `side_margins`, where one was kept.
    """

    outputs: np.ndarray
    y: np.ndarray
    hashes: np.ndarray
    counts: np.ndarray | None
    is_classifier: bool
    margins: np.ndarray | None = None

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
        return dataclasses.replace(
            self,
            outputs=self.outputs[keep],
            y=self.y[keep],
            hashes=self.hashes[keep],
            counts=counts,
            margins=None if self.margins is None else self.margins[keep],
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

    def unseen_accuracy(self, codes, retained=None, shift=0.0):
        """Accuracy on rows like these of a net that has not learned from them.

        Parameters
        ----------
        codes : ndarray of shape (m,), int
            Classes of the rows.
        retained : ndarray of shape (n_classes,), default=None
            Share of each class that remains: its logit is lowered by the logarithm of it, times
            the temperature. A class of which nothing remains is never predicted.
        shift : ndarray of shape (m,), default=0.0
            What else its logit is lowered by, row by row (negative), see `selection_shift`.

        Returns
        -------
        float
            A class with fewer than 30 unseen rows is mixed with all others, by its number of
            rows; NaN where there is no unseen row at all.
        """
        retained = np.ones(self.outputs.shape[1]) if retained is None else np.asarray(retained)
        shift = np.broadcast_to(np.asarray(shift, dtype=float), len(codes))
        rows = np.arange(len(self))
        z = self.outputs.astype(np.float64)
        own = z[rows, self.y]
        z[rows, self.y] = -np.inf
        lead = own - z.max(axis=1, initial=-np.inf)  # of the own class over the best other
        right = np.zeros(len(codes))
        for code in np.unique(codes):
            these = np.flatnonzero(codes == code)
            if retained[code] == 0:
                continue
            needed = -shift[these] - self.temperature * np.log(retained[code])
            share = min(np.count_nonzero(self.y == code) / SMALL, 1.0)
            right[these] = _share_above(lead, needed)
            if share > 0:
                of_class = _share_above(lead[self.y == code], needed)
                right[these] = share * of_class + (1 - share) * right[these]
        return float(right.mean())


def _share_above(values, limits):
    """Share of values above each limit; NaN without values."""
    if not len(values):
        return np.full(len(limits), np.nan)
    return 1 - np.searchsorted(np.sort(values), limits, side="right") / len(values)
