"""Categorical naive Bayes that can forget rows and columns."""

import dataclasses

import numpy as np
from sklearn import naive_bayes

from skunlearn._sklearn_compat import n_categories
from skunlearn._statistics._counts import LARGEST
from skunlearn._statistics._grid import choose_exponents
from skunlearn.naive_bayes._discrete import PARAMETER_CONSTRAINTS, DiscreteUnlearnerMixin


class CategoricalNB(DiscreteUnlearnerMixin, naive_bayes.CategoricalNB):
    """Categorical naive Bayes with `unlearn`: scikit-learn's class on exact counts.

    Parameters
    ----------
    alpha : float, default=1.0
        Additive (Laplace or Lidstone) smoothing; 0 for none.
    force_alpha : bool, default=True
        If False, an `alpha` below 1e-10 is set to 1e-10.
    fit_prior : bool, default=True
        Learn the prior probabilities of the classes; a uniform prior if False.
    class_prior : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes; taken from the rows that remain if None.
    min_categories : int or array-like of shape (n_features,), default=None
        Smallest number of categories of each feature, whatever the rows that remain.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid; only the last one, that of the weights, has an effect.
        Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    category_count_ : list of n_features ndarray of shape (n_classes, n_categories)
        Weight of the rows of each class with each category of a feature.
    class_count_ : ndarray of shape (n_classes,)
        Weight of the rows of each class.
    class_log_prior_ : ndarray of shape (n_classes,)
        Logarithm of the prior probability of each class.
    classes_ : ndarray of shape (n_classes,)
        Labels known to the classifier: those that have rows, and those declared to `partial_fit`.
    feature_log_prob_ : list of n_features ndarray of shape (n_classes, n_categories)
        Logarithm of the smoothed probability of each category in each class.
    n_categories_ : ndarray of shape (n_features,), int
        Number of categories of each feature: the largest code in the rows that remain plus one,
        and `min_categories` at least. (scikit-learn's `partial_fit` takes the last batch alone.)
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
    BernoulliNB : Features that are there or not.
    MultinomialNB : Features that are counted.

    Notes
    -----
    Categories are the numbers 0, ..., n - 1, as `sklearn.preprocessing.OrdinalEncoder` gives
    them; numbers with a fraction are cut to whole ones, as in scikit-learn.

    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same grid
    of weights. A highest category that loses its last row leaves `n_categories_`, as in a refit;
    then `predict` raises IndexError for it, as scikit-learn does for categories it never saw.
    Declare `min_categories` to keep it. What else is refused is as in `MultinomialNB`.

    Memory and the cost of a request are proportional to the number of classes times that of
    categories. In a `Pipeline` this step is no function of moments: forgetting is a refit on the
    rows that remain.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.naive_bayes import CategoricalNB
    >>> X = np.array([[0, 1], [1, 1], [0, 2], [1, 0], [0, 5]])
    >>> y = np.array(["no", "no", "yes", "yes", "yes"])
    >>> model = CategoricalNB().fit(X, y)
    >>> model.n_categories_
    array([2, 6])
    >>> model.unlearn(X[-1:], y[-1:]).n_categories_
    array([2, 3])
    """

    _kind = "counts"
    _check_options = {"dtype": "int", "accept_sparse": False, "ensure_all_finite": True}
    _parameter_constraints: dict = {
        **naive_bayes.CategoricalNB._parameter_constraints,
        **PARAMETER_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        alpha=1.0,
        force_alpha=True,
        fit_prior=True,
        class_prior=None,
        min_categories=None,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            alpha=alpha,
            force_alpha=force_alpha,
            fit_prior=fit_prior,
            class_prior=class_prior,
            min_categories=min_categories,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    _looks_at_rows = False  # its counts are of another kind than a chain's sums

    def _moments_refusal(self, request):
        """Why this step is no function of moments."""
        return "step CategoricalNB counts the categories of each row, which moments do not tell"

    def _rows(self, X, y, request):
        rows, labels = super()._rows(X, y, request)
        if X.size and X.max() > LARGEST:
            column = int(np.argmax(X.max(axis=0)))
            raise ValueError(
                f"Got category {X.max()} in column {column}, expected codes 0, ..., n - 1 up to "
                f"{LARGEST}. Encode the categories with sklearn.preprocessing.OrdinalEncoder."
            )
        return dataclasses.replace(rows, X=X), labels

    def _exponents(self, rows):
        if not isinstance(self.resolution, str):
            return choose_exponents([rows.X], rows.weights, self.resolution)
        unit = choose_exponents([np.zeros((1, 0))], rows.weights, self.resolution)
        return np.append(np.zeros(rows.X.shape[1], dtype=np.int64), unit)

    def _counts(self, parts, moments, known):
        all_rows = moments.unweighted.by("class").values()  # of rows without weight, too
        highest = np.max([part.n_codes() for part in all_rows], axis=0)
        sizes = n_categories(highest, self.min_categories)
        firsts = np.cumsum(sizes) - sizes
        counts = np.zeros((len(parts), sizes.sum()))
        for row, part in zip(counts, parts, strict=True):
            if part is not None:
                row[firsts[part.column] + part.code] = part.count
        by_feature = [part.copy() for part in np.split(counts, firsts[1:], axis=1)]
        return {"category_count_": by_feature, "n_categories_": sizes}

    def to_sklearn(self):
        """Give the plain scikit-learn estimator for serving.

        It carries the parameters and learned attributes, no statistics, fingerprints or keys.

        Returns
        -------
        estimator
        """
        plain = super().to_sklearn()
        for name in ("category_count_", "feature_log_prob_"):
            setattr(plain, name, [part.copy() for part in getattr(self, name)])
        return plain
