"""Multinomial and complement naive Bayes that can forget rows and columns."""

from sklearn import naive_bayes

from skunlearn.naive_bayes._discrete import PARAMETER_CONSTRAINTS, DiscreteUnlearnerMixin


class MultinomialNB(DiscreteUnlearnerMixin, naive_bayes.MultinomialNB):
    """Multinomial naive Bayes with `unlearn`: scikit-learn's class on exact counts.

    Parameters
    ----------
    alpha : float or array-like of shape (n_features,), default=1.0
        Additive (Laplace or Lidstone) smoothing; 0 for none.
    force_alpha : bool, default=True
        If False, an `alpha` below 1e-10 is set to 1e-10.
    fit_prior : bool, default=True
        Learn the prior probabilities of the classes; a uniform prior if False.
    class_prior : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes; taken from the rows that remain if None.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights.
        "auto" is the same for all columns of whole numbers, which are never rounded, and takes at
        least 33 binary places below the spread of others; "exact" keeps every bit of the data.
        Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    class_count_ : ndarray of shape (n_classes,)
        Weight of the rows of each class.
    class_log_prior_ : ndarray of shape (n_classes,)
        Logarithm of the prior probability of each class.
    classes_ : ndarray of shape (n_classes,)
        Labels known to the classifier: those that have rows, and those declared to `partial_fit`.
    feature_count_ : ndarray of shape (n_classes, n_features)
        Weighted sum of each feature in each class.
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
    ComplementNB : Counts of the other classes, for classes of unequal size.
    BernoulliNB : Features that are there or not.
    CategoricalNB : Features with a few categories each.
    GaussianNB : Real features.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. For whole numbers without weights (or with whole weights) the learned attributes also
    equal scikit-learn's bit for bit, as long as its own sums stay below 2**53. Negative values
    and, unlike in scikit-learn, negative weights are refused, and so are labels that were not
    declared to `partial_fit`, which scikit-learn overlooks.

    A class that loses its last row leaves `classes_`, as in a refit, unless it was declared to
    `partial_fit`. Given `class_prior`, losing a class is refused, as scikit-learn would.

    Memory and the cost of a request are proportional to the stored values of sparse X and to the
    number of classes times that of features, never to the number of rows that remain.

    In a chain of moments behind steps that move the rows, negative inputs are refused where the
    sum of a class shows them; scikit-learn looks at each value.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan and H. Schuetze (2008). Introduction to Information
       Retrieval. Cambridge University Press, pp. 234-265.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.naive_bayes import MultinomialNB
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MultinomialNB().fit(X, y).unlearn(X[:100], y[:100])
    >>> refit = MultinomialNB().fit(X[100:], y[100:])
    >>> np.array_equal(model.feature_log_prob_, refit.feature_log_prob_)
    True
    >>> model.state_digest() == refit.state_digest()
    True
    """

    _parameter_constraints: dict = {
        **naive_bayes.MultinomialNB._parameter_constraints,
        **PARAMETER_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        alpha=1.0,
        force_alpha=True,
        fit_prior=True,
        class_prior=None,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            alpha=alpha, force_alpha=force_alpha, fit_prior=fit_prior, class_prior=class_prior
        )
        self.track_rows = track_rows
        self.resolution = resolution


class ComplementNB(DiscreteUnlearnerMixin, naive_bayes.ComplementNB):
    """Complement naive Bayes with `unlearn`: scikit-learn's class on exact counts.

    Parameters
    ----------
    alpha : float or array-like of shape (n_features,), default=1.0
        Additive (Laplace or Lidstone) smoothing; 0 for none.
    force_alpha : bool, default=True
        If False, an `alpha` below 1e-10 is set to 1e-10.
    fit_prior : bool, default=True
        Learn the prior probabilities of the classes; used only where there is a single class.
    class_prior : array-like of shape (n_classes,), default=None
        Prior probabilities of the classes; used only where there is a single class.
    norm : bool, default=False
        Normalise the weights of each class a second time.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights, as
        in `MultinomialNB`.

    Attributes
    ----------
    class_count_ : ndarray of shape (n_classes,)
        Weight of the rows of each class.
    class_log_prior_ : ndarray of shape (n_classes,)
        Logarithm of the prior probability of each class.
    classes_ : ndarray of shape (n_classes,)
        Labels known to the classifier: those that have rows, and those declared to `partial_fit`.
    feature_all_ : ndarray of shape (n_features,)
        Weighted sum of each feature over all classes.
    feature_count_ : ndarray of shape (n_classes, n_features)
        Weighted sum of each feature in each class.
    feature_log_prob_ : ndarray of shape (n_classes, n_features)
        Weights of the features, from the counts of all other classes.
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
    MultinomialNB : Counts of the class itself.

    Notes
    -----
    The guarantee, what is refused, and the costs are those of `MultinomialNB`.

    References
    ----------
    .. [1] J. D. Rennie, L. Shih, J. Teevan and D. R. Karger (2003). Tackling the poor assumptions
       of naive Bayes text classifiers. ICML 3, pp. 616-623.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skunlearn.naive_bayes import ComplementNB
    >>> X, y = load_digits(return_X_y=True)
    >>> model = ComplementNB(norm=True).fit(X, y).unlearn(X[y == 3], y[y == 3])
    >>> model.classes_
    array([0, 1, 2, 4, 5, 6, 7, 8, 9])
    """

    _parameter_constraints: dict = {
        **naive_bayes.ComplementNB._parameter_constraints,
        **PARAMETER_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        alpha=1.0,
        force_alpha=True,
        fit_prior=True,
        class_prior=None,
        norm=False,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            alpha=alpha,
            force_alpha=force_alpha,
            fit_prior=fit_prior,
            class_prior=class_prior,
            norm=norm,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    def _counts(self, parts, moments, known):
        counts = super()._counts(parts, moments, known)
        return {**counts, "feature_all_": counts["feature_count_"].sum(axis=0)}
