"""Bernoulli naive Bayes that can forget rows and columns."""

import dataclasses

import numpy as np
from sklearn import naive_bayes
from sklearn.preprocessing import binarize

from skunlearn._statistics._grid import choose_exponents
from skunlearn._statistics._learned import numeric
from skunlearn.exceptions import UnlearningError
from skunlearn.naive_bayes._discrete import (
    NEVER_LEARNED,
    PARAMETER_CONSTRAINTS,
    DiscreteUnlearnerMixin,
)


class BernoulliNB(DiscreteUnlearnerMixin, naive_bayes.BernoulliNB):
    """Bernoulli naive Bayes with `unlearn`: scikit-learn's class on exact counts.

    Parameters
    ----------
    alpha : float or array-like of shape (n_features,), default=1.0
        Additive (Laplace or Lidstone) smoothing; 0 for none. (scikit-learn 1.9 documents arrays
        here, but adds them to the counts of the classes: pass a number.)
    force_alpha : bool, default=True
        If False, an `alpha` below 1e-10 is set to 1e-10.
    binarize : float or None, default=0.0
        Values above it are 1, others 0; None takes X as it is, presumed to be 0 and 1.
    fit_prior : bool, default=True
        Learn the prior probabilities of the classes; a uniform prior if False.
    class_prior : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes; taken from the rows that remain if None.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights, as
        in `MultinomialNB`. Binarized columns are counted exactly on any grid of whole numbers.

    Attributes
    ----------
    class_count_ : ndarray of shape (n_classes,)
        Weight of the rows of each class.
    class_log_prior_ : ndarray of shape (n_classes,)
        Logarithm of the prior probability of each class.
    classes_ : ndarray of shape (n_classes,)
        Labels known to the classifier: those that have rows, and those declared to `partial_fit`.
    feature_count_ : ndarray of shape (n_classes, n_features)
        Weight of the rows of each class that have each feature.
    feature_log_prob_ : ndarray of shape (n_classes, n_features)
        Logarithm of the smoothed probability of each feature in each class.
    resolution_ : ndarray of shape (n_features + 1,), int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the model stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    MultinomialNB : Features that are counted.
    CategoricalNB : Features with a few categories each.

    Notes
    -----
    The guarantee, what else is refused, and the costs are those of `MultinomialNB`; negative
    values are taken, as in scikit-learn. Rows to forget are given, and found again, as they were
    before they were binarized.

    In a `Pipeline`, binarizing looks at each row, so a chain of moments takes this step only with
    ``binarize=None``; otherwise the pipeline forgets by a refit on the rows that remain.

    References
    ----------
    .. [1] A. McCallum and K. Nigam (1998). A comparison of event models for naive Bayes text
       classification. AAAI-98 Workshop on Learning for Text Categorization, pp. 41-48.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.naive_bayes import BernoulliNB
    >>> X, y = load_digits(return_X_y=True)
    >>> model = BernoulliNB(binarize=8).fit(X, y).unlearn(X[:100], y[:100])
    >>> refit = BernoulliNB(binarize=8).fit(X[100:], y[100:])
    >>> np.array_equal(model.predict_proba(X), refit.predict_proba(X))
    True
    """

    _parameter_constraints: dict = {
        **naive_bayes.BernoulliNB._parameter_constraints,
        **PARAMETER_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        alpha=1.0,
        force_alpha=True,
        binarize=0.0,
        fit_prior=True,
        class_prior=None,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            alpha=alpha,
            force_alpha=force_alpha,
            binarize=binarize,
            fit_prior=fit_prior,
            class_prior=class_prior,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    def _moments_refusal(self, request):
        """Why this step is no function of the moments of what steps before it put out, or None."""
        if self.binarize is None:
            return None
        return (
            f"step BernoulliNB binarizes each row at {self.binarize}, which moments do not tell: "
            "binarize before it (sklearn.preprocessing.Binarizer, as the first step) and set "
            "binarize=None"
        )

    def _rows(self, X, y, request):
        rows, labels = super()._rows(X, y, request)
        if self.binarize is None:
            return rows, labels
        there = self._before_sums(rows.X)
        return dataclasses.replace(rows, X=there, content=(rows.X, *rows.content), raw=True), labels

    def _before_sums(self, X):
        return X if self.binarize is None else numeric(binarize(X, threshold=self.binarize))

    def _counts(self, parts, moments, known):
        counts = super()._counts(parts, moments, known)
        absent = known["class_count_"][:, None] - counts["feature_count_"]
        if self.binarize is not None and min(absent.min(), counts["feature_count_"].min()) < 0:
            raise UnlearningError(NEVER_LEARNED)
        return counts

    def _exponents(self, rows):
        if self.binarize is None or not isinstance(self.resolution, str):
            return super()._exponents(rows)
        unit = choose_exponents([np.zeros((1, 0))], rows.weights, self.resolution)
        return np.append(np.zeros(rows.X.shape[1], dtype=np.int64), unit)
