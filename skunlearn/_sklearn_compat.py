"""The only place that touches names scikit-learn does not document as public."""

from sklearn.base import _fit_context as fit_context
from sklearn.decomposition._pca import _infer_dimension as infer_dimension
from sklearn.linear_model._base import LinearModel
from sklearn.pipeline import _fit_transform_one_with_callbacks as cached_fit_transform
from sklearn.utils import get_tags
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._param_validation import Interval
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import _check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "Interval",
    "LinearModel",
    "cached_fit_transform",
    "check_weights",
    "fit_context",
    "infer_dimension",
    "keeps_rows",
    "num_samples",
    "routing_enabled",
    "svd_flip",
]


_KEEPERS = ("sklearn.neighbors.", "sklearn.kernel_ridge", "sklearn.gaussian_process.")


def keeps_rows(estimator):
    """Tell whether a model, once fitted, keeps its training rows: by its tags or its family."""
    tags = getattr(get_tags(estimator), "unlearner_tags", None)
    if tags is not None:
        return tags.keeps_rows
    return any(base.__module__.startswith(_KEEPERS) for base in type(estimator).__mro__)


def check_weights(sample_weight, X):
    """Validate sample weights: None stays None, a number is repeated, negatives are refused.

    Weights that are all zero are a matter of the rows together with those learned before.

    Returns
    -------
    ndarray of shape (n_samples,), float64, or None
    """
    if sample_weight is None:
        return None
    return _check_sample_weight(
        sample_weight,
        X,
        dtype="float64",
        ensure_non_negative=True,
        allow_all_zero_weights=True,
    )
