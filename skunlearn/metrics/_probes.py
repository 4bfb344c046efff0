"""Folds, and probes fitted on them: what predicts the sensitive variable."""

from inspect import Parameter, signature
from numbers import Number

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.utils import check_array

from skunlearn.metrics._inputs import check_data, take_rows
from skunlearn.metrics._scores import AUC

_MAX_LEVELS = 254  # HistGradientBoosting takes 255 levels a column


def make_folds(z, metric, rng):
    """Three folds, as lists of rows, stratified by group."""
    splitter = StratifiedKFold if isinstance(metric, AUC) else KFold
    splitter = splitter(3, shuffle=True, random_state=rng.randint(2**31 - 1))
    folds = [fold for _, fold in splitter.split(np.zeros(len(z)), z)]
    if any(np.ptp(z[fold]) == 0 for fold in folds):
        raise ValueError(
            "Got sensitive that is constant in one of three folds: too few rows differ for an R2; "
            "make groups of it, or pass more rows."
        )
    return folds


def rotate(X, values, z, y, folds, transformer, pass_sensitive, probes, metric, seed):
    """Predictions of every probe for the third fold."""
    parts = mapped_parts(X, values, y, folds, transformer, pass_sensitive)
    return [fit_and_predict(p, parts, z[folds[1]], metric, seed) for p in probes]


def mapped_parts(X, values, y, folds, transformer, pass_sensitive):
    """Rows of the second and third fold, after a map fitted on the first."""
    of_map, *others = folds
    parts = [take_rows(X, rows) for rows in others]
    if transformer is None:
        return parts
    fitted = clone(transformer)
    y_map = None if y is None else take_rows(y, of_map)
    fit = _keywords(fitted.fit, values[of_map], pass_sensitive is not False)
    try:
        fitted.fit(take_rows(X, of_map), y_map, **fit)
    except ValueError as error:
        if pass_sensitive is False and "sensitive" in str(error):
            raise ValueError(
                f"{error} To hand the sensitive values to the transformer, measure with "
                "pass_sensitive=True."
            ) from error
        raise
    return [
        _transform(fitted, part, values[rows], pass_sensitive is True)
        for part, rows in zip(parts, others, strict=True)
    ]


def fit_and_predict(probe, parts, z, metric, seed):
    """Predictions for the second part of a probe fitted on the first."""
    groups = isinstance(metric, AUC)
    fitted = make_probe(probe, parts[0], groups, seed).fit(parts[0], z)
    return _predict(fitted, parts[1], groups)


def _keywords(method, values, wanted):
    accepts = signature(method).parameters.values()
    takes = any(p.name == "sensitive_features" or p.kind is Parameter.VAR_KEYWORD for p in accepts)
    return {"sensitive_features": values} if wanted and takes else {}


def _transform(transformer, X, values, wanted):
    out = check_data(transformer.transform(X, **_keywords(transformer.transform, values, wanted)))
    if out.shape[0] != X.shape[0]:
        raise ValueError(
            f"Got {out.shape[0]} rows from {type(transformer).__name__} for {X.shape[0]}: a "
            "transformer that drops rows cannot be probed."
        )
    return out


def probe_name(probe):
    """Name of a probe in the results."""
    return probe if isinstance(probe, str) else type(probe).__name__


def make_probe(probe, X, groups, seed):
    """Build the unfitted probe that suits the columns of X and groups or a continuous Z."""
    if not isinstance(probe, str):
        return clone(probe)
    if probe not in _PROBES:
        raise ValueError(f"Got probe={probe!r}, expected one of {list(_PROBES)} or an estimator.")
    if issparse(X) and probe != "linear":
        raise TypeError(
            f"Got sparse X for probe={probe!r}: use probe='linear', an estimator that takes "
            "sparse data, or X.toarray()."
        )
    return _PROBES[probe](X, groups, seed)


def _linear(X, groups, seed):
    model = LogisticRegression(max_iter=2000) if groups else RidgeCV(np.logspace(-2, 4, 13))
    return make_pipeline(*standardised(X), model)


def _quadratic(X, groups, seed):
    if _is_constant(X):  # nothing to whiten
        return DummyClassifier() if groups else DummyRegressor()
    if groups:
        whiten = PCA(1 - 1e-8, whiten=True, svd_solver="full")
        model = QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.1)
        return make_pipeline(*standardised(X), whiten, model)
    components = PCA(min(30, *X.shape), svd_solver="full")
    products = make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler())
    return make_pipeline(*standardised(X), components, products, RidgeCV(np.logspace(-2, 4, 13)))


def _boosting(X, groups, seed):
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MAX_LEVELS,
    )
    categorical = _categorical(X)
    boosting = HistGradientBoostingClassifier if groups else HistGradientBoostingRegressor
    model = boosting(
        categorical_features=list(range(len(categorical))),  # the encoder puts them first
        min_samples_leaf=int(np.clip(X.shape[0] // 20, 2, 20)),  # 20 never splits 39 rows
        random_state=seed,
    )
    return make_pipeline(_encoded(categorical, encoder, FunctionTransformer(_as_float)), model)


def _neighbors(X, groups, seed):
    model = KNeighborsClassifier if groups else KNeighborsRegressor
    n_neighbors = int(np.clip(np.sqrt(X.shape[0]), 3, 50))
    return make_pipeline(*standardised(X), model(min(n_neighbors, X.shape[0])))


_PROBES = {
    "linear": _linear,
    "quadratic": _quadratic,
    "boosting": _boosting,
    "neighbors": _neighbors,
}


def standardised(X):
    """Return the steps that make standardised numbers of the columns of X."""
    if issparse(X):
        return [StandardScaler(with_mean=False)]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=_MAX_LEVELS, sparse_output=False
    )
    imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
    numeric = make_pipeline(FunctionTransformer(_as_float), imputer)
    return [_encoded(_categorical(X), encoder, numeric), StandardScaler()]


def _encoded(categorical, encoder, numeric):
    """Encode the categorical columns, first, beside the numeric ones."""
    if not categorical:
        return numeric
    return make_column_transformer((encoder, categorical), remainder=numeric)


def _is_constant(X):
    """Whether numeric rows are all alike; rows with missing values count as different."""
    if _categorical(X):
        return False
    X = _as_float(X)
    return bool(np.all(X[:1] == X))


def _categorical(X):
    """Positions of the columns that hold no numbers."""
    if hasattr(X, "iloc"):
        return [j for j, t in enumerate(X.dtypes) if getattr(t, "kind", "O") not in "biuf"]
    if X.dtype.kind in "biuf":
        return []
    return [j for j in range(X.shape[1]) if not _holds_numbers(X[:, j])]


def _holds_numbers(column):
    return all(isinstance(v, Number | np.bool_) for v in column)


def _as_float(X):
    return check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")


def _predict(probe, X, groups):
    """Predictions of shape (n_rows,), or scores of shape (n_rows, 1 or n_groups)."""
    if not groups:
        return np.asarray(probe.predict(X), dtype=float).reshape(-1)
    scores = probe.decision_function(X) if hasattr(probe, "decision_function") else None
    if (scores is None or scores.ndim == 2) and hasattr(probe, "predict_proba"):
        scores = probe.predict_proba(X)  # one-vs-rest ranks need normalised scores
    if scores is None:
        raise TypeError(
            f"Got probe={probe!r}, which has neither predict_proba nor decision_function: it "
            "cannot rank rows by group."
        )
    scores = np.asarray(scores, dtype=float).reshape(len(scores), -1)
    return scores[:, 1:] if scores.shape[1] == 2 else scores
