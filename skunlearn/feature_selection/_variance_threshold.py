"""Selection of the columns that vary, which can forget rows and columns."""

import numpy as np
from sklearn import feature_selection

from skunlearn._exact import check_X, plain_rows
from skunlearn._sklearn_compat import fit_context
from skunlearn.base import Request, UnlearnerTags
from skunlearn.feature_selection._base import ExactSelectorMixin


class VarianceThreshold(ExactSelectorMixin, feature_selection.VarianceThreshold):
    """Selector of columns of more than some variance, with `unlearn`, on exact moments.

    Parameters
    ----------
    threshold : float, default=0.0
        Columns with a variance up to this one are left out; 0 leaves out the constant ones.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns of X and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.

    Attributes
    ----------
    variances_ : ndarray of shape (n_features,)
        Biased variances. With ``threshold=0`` scikit-learn stores the range of a column instead
        where that is less; the columns that are selected are the same.
    resolution_ : ndarray of shape (n_features + 1,), int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the selector stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    SelectKBest : Selection by a score of each column.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same
    grid. Constant means that the exact variance on the grid is 0, at any mean: no rounding error
    is taken for variance. Missing values are refused: impute them first. `unlearn` is refused when
    no column would be left, as scikit-learn's `fit` is.

    Examples
    --------
    The third column varies in the last row alone:

    >>> import numpy as np
    >>> from skunlearn.feature_selection import VarianceThreshold
    >>> X = np.array([[0.1, 2.0, 0.0], [0.1, 1.0, 0.0], [0.1, 1.0, 3.0]])
    >>> selector = VarianceThreshold().fit(X)
    >>> selector.get_support()
    array([False,  True,  True])
    >>> selector.unlearn(X[2:]).get_support()
    array([False,  True, False])
    """

    _kind = "diagonal"
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)
    _parameter_constraints: dict = {
        **feature_selection.VarianceThreshold._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(self, threshold=0.0, *, track_rows=True, resolution="auto"):
        super().__init__(threshold=threshold)
        self.track_rows = track_rows
        self.resolution = resolution

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit from the exact variances of the columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X))

    def _check_rows(self, request, reset):
        X = check_X(
            self, request, reset, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32]
        )
        return plain_rows(X, request), {}

    def _derive(self, moments, info):
        pooled = moments.pooled
        variances = pooled.variance
        if not (variances > self.threshold).any():
            message = f"No feature in X meets the variance threshold {self.threshold:.5f}"
            raise ValueError(message + " (X contains only one sample)" * (pooled.n_rows == 1))
        return {"variances_": variances}
