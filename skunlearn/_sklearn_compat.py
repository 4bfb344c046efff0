"""The only place that touches names scikit-learn does not document as public."""

from sklearn.base import _fit_context as fit_context
from sklearn.compose._column_transformer import _check_X as as_table
from sklearn.decomposition._pca import _infer_dimension as infer_dimension
from sklearn.linear_model._base import LinearModel
from sklearn.linear_model._ridge import _solve_cholesky_kernel as solve_cholesky_kernel
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import _fit_transform_one_with_callbacks as cached_fit_transform
from sklearn.preprocessing._encoders import _BaseEncoder
from sklearn.utils import _safe_indexing as select_items
from sklearn.utils import get_tags
from sklearn.utils._encode import _unique
from sklearn.utils._mask import _get_mask as mask_of
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import _check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "Interval",
    "LinearModel",
    "StrOptions",
    "as_table",
    "cached_fit_transform",
    "check_weights",
    "fit_context",
    "frame_columns",
    "infer_dimension",
    "keeps_rows",
    "mask_of",
    "n_categories",
    "num_samples",
    "routing_enabled",
    "select_columns",
    "smoothed_counts",
    "solve_cholesky_kernel",
    "sorted_labels",
    "svd_flip",
    "unless_equal",
]


def select_columns(X, columns):
    """Return columns of a table by position, name, slice or mask, as a ColumnTransformer does."""
    return select_items(X, columns, axis=1)


def frame_columns(X):
    """Return the columns of a table as arrays, as scikit-learn's encoders read them."""
    return _BaseEncoder._check_X(None, X, ensure_all_finite="allow-nan")[0]


def sorted_labels(labels):
    """Distinct labels in the order of scikit-learn's encoders; refuses mixed kinds."""
    return _unique(labels)


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


def smoothed_counts(estimator, counts):
    """Return what scikit-learn's discrete naive Bayes derives from counts, in its own arithmetic.

    Parameters
    ----------
    estimator : estimator instance
        For its parameters; it is not changed.
    counts : dict of str to object
        Learned attributes that the others are derived from.

    Returns
    -------
    dict of str to object
        `feature_log_prob_` and `class_log_prior_`.
    """
    model = object.__new__(type(estimator))
    vars(model).update(vars(estimator) | counts)
    model._update_feature_log_prob(model._check_alpha())
    model._update_class_log_prior(class_prior=model.class_prior)
    return {name: vars(model)[name] for name in ("feature_log_prob_", "class_log_prior_")}


def n_categories(n_codes, min_categories):
    """Return scikit-learn's `n_categories_` for rows whose largest codes are `n_codes` - 1."""
    return CategoricalNB._validate_n_categories(n_codes[None] - 1, min_categories)


def unless_equal(weights):
    """Give weights, or None where all are equal: binning by weights takes boosting seconds.

    Parameters
    ----------
    weights : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n,) or None
    """
    return None if (weights == weights[:1]).all() else weights
