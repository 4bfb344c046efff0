"""A probe on held-out rows: whether a gradient boosting can still tell the groups."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from skunlearn._sklearn_compat import unless_equal


class GroupProbe:
    """A gradient boosting that tells groups, trained on one half of some rows, scored on another.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
    weights : ndarray of shape (n,)
    """

    def __init__(self, codes, weights):
        self.codes, self.weights = codes, weights
        self.train = np.arange(len(codes)) % 2 == 0
        sizes = [np.bincount(codes[part], minlength=1) for part in (self.train, ~self.train)]
        width = min(map(len, sizes))
        self.groups = np.flatnonzero(np.minimum(sizes[0][:width], sizes[1][:width]) >= 10)
        self.usable = len(self.groups) > 1
        counts = sizes[1][self.groups] if self.usable else np.ones(2)
        # standard error of an AUC of .5, by the group with the fewest rows
        few = counts.min()
        rest = max(counts.sum() - few, 1)
        self.error = np.sqrt((few + rest + 1) / (12 * few * rest))

    def score(self, X):
        """AUC on the second half, the mean of one group against the others; .5 is chance."""
        known = np.isin(self.codes, self.groups)
        fit, test = self.train & known, ~self.train & known
        model = HistGradientBoostingClassifier(max_iter=50, early_stopping=False, random_state=0)
        model.fit(X[fit], self.codes[fit], sample_weight=unless_equal(self.weights[fit]))
        found, y, w = model.predict_proba(X[test]), self.codes[test], self.weights[test]
        pairs = list(enumerate(model.classes_))[-1:] if len(model.classes_) == 2 else None
        pairs = pairs or list(enumerate(model.classes_))
        return float(
            np.mean([roc_auc_score(y == c, found[:, i], sample_weight=w) for i, c in pairs])
        )
