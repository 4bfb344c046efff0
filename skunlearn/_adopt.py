"""Adopt models that scikit-learn fitted: the table of twins, and how each learns the rows."""

import importlib
import inspect
import warnings

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skunlearn import _adopt_attributes
from skunlearn._adopt_compare import Comparison
from skunlearn._sklearn_compat import keeps_rows
from skunlearn._statistics._rows import RowStore
from skunlearn._steps import TWINS
from skunlearn.exceptions import UnlearningError

__all__ = ["TWINS", "from_sklearn"]

_FROM_ATTRIBUTES = {
    "BernoulliNB": _adopt_attributes.discrete_nb,
    "CategoricalNB": _adopt_attributes.categorical_nb,
    "ComplementNB": _adopt_attributes.discrete_nb,
    "GaussianNB": _adopt_attributes.gaussian_nb,
    "MultinomialNB": _adopt_attributes.discrete_nb,
    "NearestCentroid": _adopt_attributes.nearest_centroid,
    "StandardScaler": _adopt_attributes.standard_scaler,
}
_GIVEN = {"mean_", "theta_", "centroids_"}  # which the sums were made from


def from_sklearn(model, X=None, y=None, *, class_count=None, tol=None, **fit_params):
    """Adopt a model that scikit-learn fitted: give its twin of this library, which can forget.

    With the rows, the twin is fitted on them, in one pass, with the parameters of the model, and
    compared with it. Without them, it is put together from the fitted attributes, where these
    suffice: naive Bayes, `StandardScaler`, nearest neighbours, and `NearestCentroid` given
    `class_count`.

    Parameters
    ----------
    model : estimator
        Fitted by scikit-learn, of a class that has a twin here, or a `Pipeline` or
        `ColumnTransformer` of these. It is not changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features), default=None
        The rows it was fitted on.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their targets.
    class_count : array-like of shape (n_classes,), default=None
        Number of rows of each class, in the order of `classes_`: for a `NearestCentroid` without
        its rows.
    tol : float, default=None
        How far what the twin says of up to 256 of the rows may be from what the model says, in
        standard deviations of that (of each output over these rows). None is 1e-6; where that is
        not met, scikit-learn's own `fit` is repeated on the rows, and if it gives the model back,
        the distance is that of its solver from the optimum, and 1e-2 will do.
    **fit_params : dict
        What the model's own `fit` was given besides: `sample_weight`, or ``step__sample_weight``
        of a pipeline.

    Returns
    -------
    estimator
        The fitted twin; `guarantee_` says what it promises.

    Raises
    ------
    TypeError
        If the class of the model, or of a step, has no twin.
    ValueError
        If the twin says something else than the model: X, y or the weights are others, or the
        model is not at the optimum that it is defined by. If rows are needed and not given.
    NotFittedError
        If the model is not fitted.

    See Also
    --------
    skunlearn.ensemble.SISAClassifier : Lets any classifier forget, by refits of small parts.
    skunlearn.ensemble.SISARegressor : The same for regressors.

    Notes
    -----
    **With rows.** The twin has the guarantee of its class, as if it had been fitted here. Most of
    scikit-learn's solvers are direct, and what the twin says agrees to about 1e-9. Where the
    solver goes by iterations (`LogisticRegression`, ``Ridge(solver="sag")``), the twin is at the
    optimum, the model was near it, and predictions move by that distance, at most `tol`. What is
    unlearned later is exact with respect to the twin, not to where the solver had stopped. Counts
    of rows are compared too, where the model has some; but a few other rows among very many move
    predictions little, and agreement is no proof that the rows are the same.

    **Without rows.** Predictions are those of the model, bit for bit, until the first request. No
    row was seen, so none can be looked up: ``track_rows`` is False, and a request for rows that
    were never learned is not noticed (nearest neighbours hold their rows: nothing is lost there).
    Rows of weights other than 1 are taken for copies where the weights add up to whole numbers;
    other weights are refused. Counts give the exact sums, and forgetting is exact. Means and
    variances are rounded, and what follows from them is as good as that: `guarantee_` says
    approximate, and a request after which the rounding would matter, such as one for an outlier
    that was most of the variance, is refused.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from skunlearn import from_sklearn
    >>> X, y = load_digits(return_X_y=True)
    >>> from_sklearn(Ridge().fit(X, y), X, y).unlearn(X[:9], y[:9]).n_samples_retained_
    1788
    >>> from_sklearn(MultinomialNB().fit(X, y)).unlearn(X[:9], y[:9]).n_samples_retained_
    1788
    """
    twin = _twin(model)
    check_is_fitted(model)
    if X is None:
        if y is not None or fit_params:
            given = ", ".join(["y"] * (y is not None) + sorted(fit_params))
            raise ValueError(f"Got {given} without X. Pass the rows too, or none of these.")
        return _from_attributes(model, twin, class_count)
    if class_count is not None:
        raise ValueError("Got both X and class_count. Pass one of them: the rows tell the counts.")
    _check_fit_params(model, fit_params)
    compare = Comparison.of(model, X)
    twin.fit(X, y, **fit_params)
    _check_forgets(twin)
    compare.check(model, twin, tol, lambda: clone(model).fit(X, y, **fit_params))
    return twin


# -- twins ------------------------------------------------------------------------------------


def twin_class(model):
    """Return the class that mirrors exactly the class of a model, or None."""
    name = type(model).__name__
    room = TWINS.get(name)
    if room is None:
        return None
    if getattr(importlib.import_module(f"sklearn.{room}"), name, None) is not type(model):
        return None
    return getattr(importlib.import_module(f"skunlearn.{room}"), name)


def _twin(model, path=""):
    """Return the unfitted twin of a model, with its parameters."""
    if isinstance(model, type) or not isinstance(model, BaseEstimator):
        raise TypeError(f"Got {model!r}, expected a fitted estimator of scikit-learn.")
    if hasattr(type(model), "unlearn"):
        raise TypeError(
            f"Got a {type(model).__name__} of {type(model).__module__.partition('.')[0]}, which "
            "has unlearn already. Pass an estimator of scikit-learn."
        )
    twin = twin_class(model)
    if twin is None:
        raise TypeError(_no_twin(model, path))
    params = model.get_params(deep=False)
    if hasattr(model, "steps"):
        params["steps"] = _twins_of_steps(model, path)
    elif hasattr(model, "transformers"):
        params["transformers"] = [
            (name, _twin_of_step(step, f"{path}{name}"), columns)
            for name, step, columns in model.transformers
        ]
        params["remainder"] = _twin_of_step(model.remainder, f"{path}remainder")
    else:
        params = {name: clone(value, safe=False) for name, value in params.items()}
    out = twin(**params)
    for name in ("_sklearn_output_config", "_metadata_request"):
        if name in vars(model):
            setattr(out, name, clone(vars(model)[name], safe=False))
    return out


def _twins_of_steps(pipeline, path):
    """Return the twins of the steps; where the last one keeps raw rows, others may stay."""
    *before, (last, model) = pipeline.steps
    refits = model is not None and not isinstance(model, str) and keeps_rows(model)
    twins = [(name, _twin_of_step(step, f"{path}{name}", refits)) for name, step in before]
    return [*twins, (last, _twin_of_step(model, f"{path}{last}", refits))]


def _twin_of_step(step, path, any_step=False):
    """Return the twin of a step; a copy of one that needs none."""
    if step is None or isinstance(step, str):
        return step
    has_it = hasattr(type(step), "unlearn") or not get_tags(step).requires_fit
    if has_it or (any_step and twin_class(step) is None):
        return clone(step)
    return _twin(step, f"{path}__")


def _no_twin(model, path):
    """Say why a model cannot be adopted, and what to do."""
    name = type(model).__name__
    where = f"step {path[:-2]} ({name})" if path else name
    if hasattr(model, "best_estimator_") or hasattr(type(model), "best_estimator_"):
        return (
            f"Got {where}: adopt what the search found, from_sklearn(search.best_estimator_, X, y)."
        )
    same = [base.__name__ for base in type(model).__mro__[1:] if _is_mirrored(base)]
    if same:
        return (
            f"Got {where}, a subclass of {same[0]} whose own methods would be lost. Write the same "
            f"subclass of skunlearn.{TWINS[same[0]]}.{same[0]} and fit it."
        )
    if path:
        return (
            f"Got {where}, which has no twin in skunlearn. Use a class that has one in its place, "
            "or let skunlearn.ensemble.SISAClassifier or SISARegressor forget: "
            "SISAClassifier(pipeline).fit(X, y) refits the small parts that hold a row."
        )
    sisa = "SISARegressor" if is_regressor(model) else "SISAClassifier"
    if not (is_classifier(model) or is_regressor(model)):
        return (
            f"Got {where}, which has no twin in skunlearn, and is no classifier or regressor that "
            "skunlearn.ensemble.SISAClassifier or SISARegressor could hold. Fit it again on the "
            "rows that remain."
        )
    return (
        f"Got {where}, which has no twin in skunlearn. Any {sisa[4:].lower()} can forget inside "
        f"skunlearn.ensemble.{sisa}: {sisa}(model).fit(X, y)."
    )


def _is_mirrored(base):
    return base.__name__ in TWINS and base.__module__.startswith("sklearn.")


# -- from attributes --------------------------------------------------------------------------


def _from_attributes(model, twin, class_count):
    name = type(model).__name__
    if class_count is not None and name != "NearestCentroid":
        raise ValueError(
            f"Got class_count for a {name}: only a NearestCentroid needs it. Leave it out."
        )
    if name in ("KNeighborsClassifier", "KNeighborsRegressor"):
        return _with_kept_rows(model, twin)
    if name not in _FROM_ATTRIBUTES:
        raise ValueError(
            f"A {name} cannot be adopted from its attributes alone: it needs one pass over the "
            "rows it was fitted on. Pass them: skunlearn.from_sklearn(model, X, y)."
        )
    counts = (class_count,) if name == "NearestCentroid" else ()
    learned, info, terms = _FROM_ATTRIBUTES[name](model, twin, *counts)
    _take_attributes(twin, model)
    try:
        derived = twin._derive(learned.moments(), info)
    except UnlearningError as error:
        raise ValueError(
            f"The attributes of this {name} tell too little of its rows: in some columns the "
            "variance is lost in rounding. Pass the rows it was fitted on: "
            "skunlearn.from_sklearn(model, X, y)."
        ) from error
    for attribute in derived.keys() - _GIVEN:
        _check_follows(model, attribute, derived[attribute])
    vars(twin).update(
        track_rows=False,
        resolution_=learned.exponents,
        _learned=learned,
        _info={**info, "adopted": terms},
    )
    return twin


def _take_attributes(twin, model):
    """Copy the learned attributes, so that predictions are the same bit for bit."""
    for attribute, value in vars(model).items():
        if attribute.endswith("_") and not attribute.startswith("_"):
            setattr(twin, attribute, clone(value, safe=False))


def _check_follows(model, attribute, value):
    """Refuse counts or moments that do not make the other attributes of the model."""
    has = getattr(model, attribute)
    pairs = zip(has, value, strict=True) if isinstance(value, list) else [(has, value)]
    for one, other in pairs:
        if one is other or (one is None and other is None):
            continue
        one, other = np.asarray(one), np.asarray(other)
        same = np.array_equal(one, other)
        if not same and one.shape == other.shape and one.dtype.kind == "f":
            size = np.abs(np.where(np.isfinite(one), one, 0.0)).max(initial=0.0)
            same = np.allclose(one, other, rtol=1e-6, atol=1e-6 * size, equal_nan=True)
        if not same:
            raise ValueError(
                f"The attributes of this {type(model).__name__} do not fit together: {attribute} "
                "does not follow from its counts. It was fitted with sample weights or by "
                "partial_fit, or its parameters or class_count are others. Pass the rows it was "
                "fitted on: skunlearn.from_sklearn(model, X, y)."
            )


def _with_kept_rows(model, twin):
    """Fit nearest neighbours on the rows that they keep."""
    y = model._y
    if is_classifier(model):
        classes = model.classes_ if model.outputs_2d_ else [model.classes_]
        codes = model._y.reshape(len(model._y), -1).T
        y = [labels[code] for labels, code in zip(classes, codes, strict=True)]
        y = np.column_stack(y) if model.outputs_2d_ else y[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # its rows have no names of features
        compare = Comparison.of(model, model._fit_X)
    twin.fit(model._fit_X, y)
    compare.check(model, twin)
    if hasattr(model, "feature_names_in_"):
        twin.feature_names_in_ = model.feature_names_in_.copy()
    return twin


# -- with rows --------------------------------------------------------------------------------


def _check_fit_params(model, fit_params):
    taken = inspect.signature(model.fit).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return
    for name in fit_params:
        if name not in taken:
            raise TypeError(
                f"{type(model).__name__}.fit takes no {name}. Leave it out, or write it as "
                "step__parameter for a step of a pipeline."
            )


def _check_forgets(twin):
    """Refuse a composition that could forget only if it were given the rows that remain."""
    reason = twin._unlearn_refusal() if hasattr(twin, "_unlearn_refusal") else None
    if "_reason" in vars(twin) and not isinstance(vars(twin).get("_ledger"), RowStore):
        reason = vars(twin)["_reason"]
    if reason is not None:
        raise ValueError(
            f"The twin of this {type(twin).__name__} could not forget rows exactly: {reason}. "
            "Change that step, or let skunlearn.ensemble.SISAClassifier or SISARegressor hold the "
            f"model, or fit skunlearn's {type(twin).__name__} yourself, whose unlearn takes the "
            "rows that remain (X_retain)."
        )
