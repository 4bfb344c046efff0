"""How rows reach a net: which are held out, and batches that are cut from whole arrays."""

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from skorch.dataset import Dataset as SkorchDataset
from torch.utils.data import DataLoader, Subset


class HeldOut(BaseEstimator):
    """Hold a share of the rows out of training, class by class: a `train_split` for nets.

    What a net says about these rows is how it speaks of rows that it has not learned from; the
    calibrated unlearners aim at that.

    Parameters
    ----------
    fraction : float, default=0.1
        Share of the rows, rounded down in each class; of a class of few rows none is held out.
    random_state : int, RandomState instance or None, default=None
        None: that of the net, so that nets of other seeds hold out other rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.neural_network import HeldOut
    >>> train, valid = HeldOut(0.2, random_state=0)(np.arange(10), np.repeat([0, 1], 5))
    >>> len(train), len(valid)
    (8, 2)
    """

    def __init__(self, fraction=0.1, random_state=None):
        self.fraction = fraction
        self.random_state = random_state

    def __call__(self, dataset, y=None, groups=None):
        """Split a data set.

        Parameters
        ----------
        dataset : Dataset of length n
        y : array-like of shape (n,), default=None
            Classes, where they are to be represented alike.
        groups : None
            Ignored.

        Returns
        -------
        train, valid : Subset, or None where there is nothing to hold out
        """
        if not 0 <= self.fraction < 1:
            raise ValueError(f"Got fraction={self.fraction!r}, expected a float in [0, 1).")
        rng, n = check_random_state(self.random_state), len(dataset)
        y = np.zeros(n) if y is None or np.asarray(y).dtype.kind == "f" else np.asarray(y)
        held = []
        for label in np.unique(y):
            rows = rng.permutation(np.flatnonzero(y == label))
            held.append(rows[: int(self.fraction * len(rows) + 1e-9)])
        held = np.sort(np.concatenate(held))
        if not len(held):
            return dataset, None
        return Subset(dataset, np.delete(np.arange(n), held)), Subset(dataset, held)


class Batches:
    """Batches cut from whole arrays, several times faster than a `DataLoader` that joins rows.

    Other data sets than plain arrays are left to a `torch.utils.data.DataLoader`.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
        -1 for all rows at once.
    shuffle : bool, default=False
        Whether to draw a new order for each pass, from torch's global generator.
    **kwargs : dict
        For the `DataLoader`.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch.dataset import Dataset
    >>> from skunlearn.neural_network import Batches
    >>> [len(X) for X, _ in Batches(Dataset(np.zeros((5, 2)), np.zeros(5)), batch_size=2)]
    [2, 2, 1]
    """

    def __init__(self, dataset, batch_size, shuffle=False, **kwargs):
        self.batch_size = len(dataset) if batch_size == -1 else batch_size
        self.shuffle = shuffle
        found = None if kwargs else arrays_of(dataset)
        self._tensors = None if found is None else [torch.as_tensor(a) for a in found]
        if found is None:
            self._loader = DataLoader(
                dataset, batch_size=self.batch_size, shuffle=shuffle, **kwargs
            )

    def __len__(self):
        if self._tensors is None:
            return len(self._loader)
        return -(-len(self._tensors[0]) // self.batch_size)

    def __iter__(self):
        if self._tensors is None:
            yield from self._loader
            return
        X, y = self._tensors
        n = len(X)
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        for rows in order.split(self.batch_size):
            yield X[rows], y[rows]


class ShuffledBatches(Batches):
    """`Batches` in a new random order at each pass: the default for training.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    shuffle : bool, default=True
    **kwargs : dict
        For the `DataLoader`.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch.dataset import Dataset
    >>> from skunlearn.neural_network import ShuffledBatches
    >>> len(ShuffledBatches(Dataset(np.zeros((5, 2)), np.zeros(5)), batch_size=2))
    3
    """

    def __init__(self, dataset, batch_size, shuffle=True, **kwargs):
        super().__init__(dataset, batch_size, shuffle=shuffle, **kwargs)


def arrays_of(dataset):
    """X and y behind a data set of plain arrays, or a subset of one; None otherwise."""
    if isinstance(dataset, Subset):
        found = arrays_of(dataset.dataset)
        index = np.asarray(dataset.indices)
        return None if found is None else [part[index] for part in found]
    # a subclass may transform the rows
    if type(dataset) is not SkorchDataset:
        return None
    parts = [dataset.X, dataset.y]
    return parts if all(isinstance(part, np.ndarray) for part in parts) else None
