"""What linear and quadratic discriminant analysis share: rows to class moments, checks, verbs."""

import dataclasses

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from skunlearn._exact import ExactUnlearnerMixin, check_X_y, class_rows, classes_of
from skunlearn._sklearn_compat import fit_context
from skunlearn.base import Request


@dataclasses.dataclass(frozen=True)
class ClassMoments:
    """Moments of X in each class, classes in sorted order.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
    counts : ndarray of shape (n_classes,), int
        Number of rows.
    means : ndarray of shape (n_classes, n_features)
    scatters : ndarray of shape (n_classes, n_features, n_features)
        Centred sums of products.
    """

    classes: np.ndarray
    counts: np.ndarray
    means: np.ndarray
    scatters: np.ndarray

    @classmethod
    def of(cls, moments, label_dtype):
        """Read `GroupedMoments` of unweighted rows."""
        by_class = moments.by("class")
        classes = classes_of(by_class, label_dtype)
        parts = [by_class[label] for label in classes.tolist()]
        d = parts[0].n_features
        return cls(
            classes,
            np.array([part.n_rows for part in parts]),
            np.array([part.mean[:d] for part in parts]),
            np.array([part.scatter[:d, :d] for part in parts]),
        )._at_least_two()

    def _at_least_two(self):
        """Refuse a single class, with the words of scikit-learn's quadratic analysis."""
        if len(self.classes) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one. Got {len(self.classes)} class."
            )
        return self

    @property
    def covariances(self):
        """Biased covariances of the classes."""
        return self.scatters / self.counts[:, None, None]


class DiscriminantMixin(ExactUnlearnerMixin):
    """Discriminant analysis from the exact Gram matrix of each class; a subclass derives."""

    _target = "class"
    _columns_free = True

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Fit from the exact moments of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : object
        """
        return self._fit_exact(Request(X, y))

    def _check_supported(self):
        """Raise for what is no function of moments."""
        name = type(self).__name__
        if self.covariance_estimator is not None:
            raise ValueError(
                f"{name} cannot forget exactly with a covariance_estimator, which may be no "
                f"function of moments. Got covariance_estimator={self.covariance_estimator!r}, "
                "expected None."
            )
        if self.shrinkage == "auto":
            raise ValueError(
                f"{name} cannot forget exactly with the shrinkage of Ledoit and Wolf, which is no "
                "function of moments. Got shrinkage='auto', expected None or a float in [0, 1] "
                "with a solver other than 'svd'."
            )
        if self.shrinkage is not None and self.solver == "svd":
            raise NotImplementedError(
                f"shrinkage not supported with 'svd' solver. Got shrinkage={self.shrinkage!r}, "
                "expected None, or another solver."
            )

    def _unlearn_refusal(self):
        try:
            self._check_supported()
        except (ValueError, NotImplementedError) as error:
            return str(error)
        return None

    def _check_rows(self, request, reset):
        self._check_supported()
        X, y = check_X_y(
            self,
            request,
            reset,
            dtype=[np.float64, np.float32],
            ensure_min_samples=self._min_rows if reset else 1,
        )
        if y.dtype.kind not in "iubU" and len(y):  # whole numbers and text are labels anyway
            check_classification_targets(y)
        rows, labels = class_rows(X, np.ravel(y), request)
        return rows, {"dtype": X.dtype, "label_dtype": labels.dtype}

    def _given_priors(self, n_classes, dtype=None):
        """Check that there is one prior for each class, and return them."""
        priors = np.array(self.priors, dtype=dtype)
        if priors.shape != (n_classes,):
            raise ValueError(
                f"Got priors of shape {priors.shape}, expected one for each of the {n_classes} "
                "classes that have rows."
            )
        return priors
