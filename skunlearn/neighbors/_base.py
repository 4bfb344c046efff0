"""What nearest neighbours share: kept rows, and a search index rebuilt when it is asked for."""

import warnings
import weakref

import numpy as np
from scipy import sparse
from sklearn import neighbors
from sklearn.utils import get_tags

from skunlearn._exact import check_X, check_X_y
from skunlearn._kept_rows import KeptRowsMixin, own
from skunlearn._statistics._rows import join, take
from skunlearn.base import UnlearnerTags, lock_of

# Search indices built after a request: {estimator: (rows, method, tree)}. They live outside of the
# estimators, since asking for a prediction is no change of a model.
_SEARCHES = weakref.WeakKeyDictionary()


def _lazy(name, position):
    """Make a private attribute of scikit-learn's that is derived when it is first read."""

    def read(self):
        if name not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if vars(self)["_fit_method"] is not None:  # as it was fitted
            return vars(self)[name]
        return self._search()[position]

    return property(read, lambda self, value: vars(self).__setitem__(name, value))


class KNeighborsMixin(KeptRowsMixin):
    """What the classifier and the regressor share: a request drops rows, nothing more."""

    _detail = (
        "The training rows are kept in their order, as k nearest neighbours does: equal, bit for "
        "bit, to a fit on the rows that remain in this order; of copies the last one goes first."
    )
    _private_attributes = ("_fit_X", "_y")
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False, keeps_rows=True)

    _fit_method = _lazy("_fit_method", 1)
    _tree = _lazy("_tree", 2)

    def _fit_kept(self, X, y):
        self._check_supported(X, y)
        self._fit(own(X), own(y))
        self._tidy()
        self._note_rows()
        _SEARCHES.pop(self, None)
        return self

    def _check_supported(self, X, y):
        name = type(self).__name__
        if isinstance(self.metric, str) and self.metric == "precomputed":
            raise ValueError(
                f'Got metric="precomputed": {name} finds rows to forget by their content, which '
                "distances do not show. Pass the rows with a named or a callable metric, or use "
                f"sklearn.neighbors.{name} and fit it on the rows that remain."
            )
        if isinstance(X, (neighbors.KDTree, neighbors.BallTree)) or hasattr(X, "_fit_X"):
            raise ValueError(
                f"Got a {type(X).__name__} as X: {name} needs the rows themselves, to find them "
                "again. Pass an array."
            )
        if sparse.issparse(y):
            raise ValueError("Got sparse y. Pass dense targets, y.toarray().")

    def _tidy(self):
        """Bring what scikit-learn learned to a form that forgotten rows leave no trace in."""

    def _check_request(self, request):
        options = {
            "accept_sparse": "csr",
            "order": "C",
            "ensure_all_finite": "allow-nan" if get_tags(self).input_tags.allow_nan else True,
        }
        if request.y is None:
            return {"X": check_X(self, request, False, **options), "y": None}
        X, y = check_X_y(self, request, False, multi_output=True, **options)
        return {"X": X, "y": self._check_target(y)}

    def _check_target(self, y):
        return y

    def _stand_on(self, keep, more):
        rows = take(self._fit_X, keep)
        attributes = self._targets_of(keep, more)
        if more is not None:
            rows = join(rows, more["X"])
        index = {"_fit_method": None, "_tree": None}  # rebuilt when it is asked for
        return {**attributes, **index, "_fit_X": rows, "n_samples_fit_": rows.shape[0]}

    def _commit(self, attributes):
        super()._commit(attributes)
        if attributes is not None:
            _SEARCHES.pop(self, None)  # it holds the forgotten rows

    def _search(self):
        """Rows, method and tree as scikit-learn's fit would make them."""
        with lock_of(self):
            found = _SEARCHES.get(self)
            if found is None or found[0] is not self._fit_X:
                index = neighbors.NearestNeighbors(
                    n_neighbors=self.n_neighbors,
                    algorithm=self.algorithm,
                    leaf_size=self.leaf_size,
                    metric=self.metric,
                    p=self.p,
                    metric_params=self.metric_params,
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # the fit has said it
                    index.fit(self._fit_X)
                found = self._fit_X, index._fit_method, index._tree
                _SEARCHES[self] = found
            return found

    def to_sklearn(self):
        """Give the plain scikit-learn estimator for serving, its search index built.

        It carries the training rows, as scikit-learn's does, and no fingerprints or keys.

        Returns
        -------
        estimator
        """
        plain = super().to_sklearn()
        plain._fit_method, plain._tree = self._fit_method, self._tree
        return plain


def narrow(classes):
    """Labels of text no wider than the longest one: a forgotten label leaves no trace."""
    if isinstance(classes, list):
        return [narrow(each) for each in classes]
    return np.array(classes.tolist(), dtype=str) if classes.dtype.kind == "U" else classes
