"""How well a sample of the learned rows is fitted: the population in which a row has its rank."""

import dataclasses

import numpy as np
import torch

from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._rows import RowStore, last_copies
from skunlearn.neural_network._kept import codes_of, kept_as
from skunlearn.neural_network._side_model import SideModel

_NAME = "reference"
_ROWS = 2000


@kept_as(_NAME)
@dataclasses.dataclass(frozen=True)
class Reference:
    """Two numbers a row, of a random sample of the training rows.

    Forgotten rows leave it; the numbers of the others, by a net and a model that knew those, stay.

    Parameters
    ----------
    phi : ndarray of shape (n,)
        How well the net fits the row, see `NetView.phi`.
    margin : ndarray of shape (n,)
        How well the side model fits it when it is left out, see `margins`.
    codes : ndarray of shape (n,), int
        Classes; zeros for regression.
    hashes : ndarray of shape (n,), uint64
    key : key of the fingerprints
    """

    phi: np.ndarray
    margin: np.ndarray
    codes: np.ndarray
    hashes: np.ndarray
    key: object

    name = _NAME
    exact = False

    @classmethod
    def of(cls, fitted):
        """Take the numbers of a sample of the training rows."""
        net, train = fitted.net, fitted.train
        order = torch.randperm(len(train), generator=fitted.generator)[:_ROWS]
        rows = train.take(order.to(train.X.device))
        side = fitted.piece(SideModel.name).left_out(rows)
        key = new_key()
        return cls(
            net.phi(net.all_outputs(rows.X), rows.y).double().cpu().numpy(),
            margins(side, rows.y.cpu().numpy(), net.is_classifier),
            codes_of(rows.y.cpu().numpy(), net.is_classifier),
            _hash(rows, key),
            key,
        )

    def without(self, forget, net):
        """Return the sample without rows."""
        found = last_copies(self.hashes, _hash(forget, self.key))
        keep = np.delete(np.arange(len(self.phi)), found[found >= 0])
        parts = (self.phi, self.margin, self.codes, self.hashes)
        return Reference(*(part[keep] for part in parts), self.key)


def margins(scores, y, is_classifier):
    """Score of the own class above the best other one; or minus the absolute residual."""
    if not is_classifier:
        return -np.sqrt(np.mean((scores - y) ** 2, axis=1))
    rows, others = np.arange(len(y)), scores.copy()
    others[rows, y] = -np.inf
    return scores[rows, y] - others.max(axis=1)


def _hash(rows, key):
    X = rows.X.detach().cpu().numpy().reshape(len(rows), -1)
    return RowStore.hash({"X": X, "y": rows.y.detach().cpu().numpy()}, key)
