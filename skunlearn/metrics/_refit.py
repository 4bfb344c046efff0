"""How far an unlearned model is from the model that never saw the forgotten rows."""

import re
import warnings
from dataclasses import dataclass
from inspect import Parameter, signature
from numbers import Number

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.validation import check_is_fitted

from skunlearn.metrics._leakage import to_frame

_CLOCK = re.compile(r"(^|_)(fit|score|refit)_time")
_METHODS = ("predict", "predict_proba", "decision_function", "transform")


@dataclass(frozen=True)
class RefitDistance:
    """Differences between an unlearned model and a reference that never saw the rows.

    Attributes
    ----------
    max_abs, max_rel : float
        Largest absolute and relative difference over the learned attributes that both models
        have, the grid of values (`resolution_`) left out.
    identical : bool
        Whether every compared attribute, and every prediction on `X_eval`, is equal bit for bit,
        dtype included (so that -0.0 is not 0.0).
    parameters : dict of str to (float, float)
        Absolute and relative difference of every learned attribute, by its path
        (``"scaler.mean_"``, ``"estimators_[0].tree_.values"``). Infinite where shapes or
        non-numeric values differ.
    predictions : dict of str to float
        Differences on `X_eval`; empty without it.
    mismatched : tuple of str
        What differs in shape or is in one of the models only.
    not_compared : tuple of str
        What could not be compared: objects of unknown types, clock readings, and private state,
        about which `identical` says nothing.

    See Also
    --------
    refit_distance : The function that returns it.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skunlearn.metrics import refit_distance
    >>> X = [[0.0], [2.0], [4.0]]
    >>> found = refit_distance(StandardScaler().fit(X), StandardScaler().fit(X[1:]))
    >>> found.identical, found.parameters["mean_"]
    (False, (1.0, 0.333))
    """

    max_abs: float
    max_rel: float
    identical: bool
    parameters: dict
    predictions: dict
    mismatched: tuple
    not_compared: tuple

    def __str__(self):
        """Verdict, worst attributes, predictions and what was left out, one a line."""
        verdict = "identical bit for bit" if self.identical else "not identical"
        lines = [
            f"{verdict}: max_abs {self.max_abs:.3g}, max_rel {self.max_rel:.3g} "
            f"over {len(self.parameters)} learned attributes"
        ]
        worst = sorted(self.parameters.items(), key=lambda item: item[1], reverse=True)
        lines += [f"  {name}: abs {a:.3g}, rel {r:.3g}" for name, (a, r) in worst[:5] if a > 0]
        lines += [f"  {name}: {value:.3g}" for name, value in self.predictions.items()]
        for title, names in (
            ("shapes differ, or in one only", self.mismatched),
            ("not compared", self.not_compared),
        ):
            if names:
                more = ", ..." if len(names) > 8 else ""
                lines.append(f"  {title} ({len(names)}): {', '.join(names[:8])}{more}")
        return "\n".join(lines)

    def to_frame(self):
        """Return a pandas DataFrame, one row an attribute or prediction."""
        rows = [("parameter", name, a, r) for name, (a, r) in self.parameters.items()]
        rows += [("prediction", name, a, np.nan) for name, a in self.predictions.items()]
        return to_frame(
            [dict(zip(("kind", "name", "max_abs", "max_rel"), row, strict=True)) for row in rows]
        )


def refit_distance(
    unlearned,
    reference=None,
    X_retain=None,
    y_retain=None,
    *,
    X_eval=None,
    sample_weight=None,
    fit_params=None,
    predict_params=None,
):
    """Compare an unlearned model with a refit on the retained rows.

    Parameters
    ----------
    unlearned : estimator
        The fitted model after unlearning; any scikit-learn estimator or pipeline. Not changed.
    reference : estimator, default=None
        Without `X_retain`: the refitted model. With it: the estimator of which a clone is
        fitted, `unlearned` itself by default.
    X_retain : array-like of shape (n_retained, n_features), default=None
        Retained rows, in the order in which the refit shall see them.
    y_retain : array-like of shape (n_retained,), default=None
        Their targets.
    X_eval : array-like of shape (n_eval, n_features), default=None
        Rows on which predictions are compared.
    sample_weight : array-like of shape (n_retained,), default=None
        Weights of the retained rows for the refit.
    fit_params, predict_params : dict, default=None
        Further keywords for the refit's ``fit``, and for each of ``predict``,
        ``predict_proba``, ``decision_function`` and ``transform`` that takes them, such as
        ``sensitive_features``.

    Returns
    -------
    RefitDistance
        Differences by attribute and on `X_eval`. ``predictions`` has ``"predict_disagreement"``
        (share of the rows; classifiers and non-float predictions) or ``"predict_max_abs"``,
        ``"predict_proba_max_gap"``, ``"predict_proba_mean_tv"`` (total variation averaged over
        rows), ``"decision_function_max_abs"`` and ``"transform_max_abs"``.

    Raises
    ------
    ValueError
        If neither `reference` nor `X_retain` is given, options for the refit come without
        `X_retain`, or there is nothing to compare.
    sklearn.exceptions.NotFittedError
        If a model to compare is not fitted.

    See Also
    --------
    leakage_score : How well a probe predicts a sensitive variable.

    Notes
    -----
    Learned attributes are the public ones that end in an underscore, those of pipeline steps and
    nested estimators included. The relative difference of an attribute is its largest absolute
    difference over the largest absolute value of the reference's. Signs are taken as they are:
    a component that came back mirrored is far away.

    A model whose state is private (neighbours, histogram boosting) shows itself in its
    predictions only: give `X_eval`. A learner with a random state of None differs from its own
    refit; to judge one that is stochastic, compare with the distance between two refits. A
    distance of zero says that the model is the refit, not that the model before it was not seen.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skunlearn.metrics import refit_distance
    >>> X, y = load_diabetes(return_X_y=True)
    >>> nothing_forgotten = Ridge().fit(X, y)
    >>> distance = refit_distance(nothing_forgotten, None, X[20:], y[20:])
    >>> distance.identical, distance.max_abs > 1
    (False, True)
    >>> refit_distance(Ridge().fit(X[20:], y[20:]), None, X[20:], y[20:]).identical
    True
    """
    if X_retain is not None:
        fit_params = dict(fit_params or {})
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        reference = clone(unlearned if reference is None else reference)
        reference.fit(X_retain, y_retain, **fit_params)
    elif reference is None:
        raise ValueError("Got neither reference nor X_retain: give the refit, or the rows for it.")
    elif y_retain is not None or sample_weight is not None or fit_params is not None:
        raise ValueError("Got y_retain, sample_weight or fit_params without X_retain to fit on.")
    models = (unlearned, reference)
    for model in models:
        check_is_fitted(model)
    (ours, left_out), (theirs, also_left_out) = map(_learned, models)
    parameters = {name: _gap(ours.get(name), theirs.get(name)) for name in {**ours, **theirs}}
    outputs = {} if X_eval is None else _outputs(models, X_eval, predict_params or {})
    if not parameters and not outputs:
        raise ValueError(
            f"Found nothing to compare in {type(unlearned).__name__}: it has no public learned "
            "attributes; give X_eval to compare predictions."
        )
    # an attribute that only one model has, and the grid of values, is no distance between models
    shared = {
        name: gap
        for name, gap in parameters.items()
        if ("[" in name or (name in ours and name in theirs)) and not name.endswith("resolution_")
    }
    same = [_same_bits(ours.get(name), theirs.get(name)) for name in parameters]
    same += [_same_bits(*pair) for pair in outputs.values()]
    pairs = {name: (ours.get(name), theirs.get(name)) for name in parameters} | outputs
    return RefitDistance(
        max_abs=max((a for a, _ in shared.values()), default=0.0),
        max_rel=max((r for _, r in shared.values()), default=0.0),
        identical=all(same),
        parameters=parameters,
        predictions=_prediction_gaps(outputs, is_classifier(unlearned)),
        mismatched=tuple(
            name for name, pair in pairs.items() if _shape(pair[0]) != _shape(pair[1])
        ),
        not_compared=tuple(dict.fromkeys(left_out + also_left_out)),
    )


# What a model has learned


def _learned(model):
    """Return the learned arrays by path, and the paths of what is no array."""
    leaves, left_out = {}, []
    _collect(model, "", leaves, left_out, ())
    return leaves, left_out


def _collect(value, path, leaves, left_out, parents):
    """Walk estimators, containers and scikit-learn's trees down to arrays."""
    if id(value) in parents:
        return
    parents = (*parents, id(value))
    children = _children(value, path, left_out)
    if children is not None:
        for child, item in children:
            _collect(item, child, leaves, left_out, parents)
    elif (leaf := _as_leaf(value)) is not None:
        leaves[path] = leaf
    else:
        left_out.append(path)


def _children(value, path, left_out):
    """Return pairs of path and value inside `value`, or None if it is a leaf."""
    if isinstance(value, BaseEstimator):
        return _attributes(value, path, left_out)
    if isinstance(value, dict):
        left_out.extend(f"{path}[{key!r}]" for key in value if _clock(key))
        return [(f"{path}[{key!r}]", item) for key, item in value.items() if not _clock(key)]
    if isinstance(value, list | tuple) and _as_leaf(value) is None:
        return [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    if isinstance(value, np.ndarray) and value.dtype.names:  # field by field: padding is noise
        return [(f"{path}[{name!r}]", value[name]) for name in value.dtype.names]
    if isinstance(value, np.ndarray) and value.dtype == object and _as_leaf(value) is None:
        return [(f"{path}[{i}]", item) for i, item in enumerate(value.ravel())]
    if type(value).__name__ == "Tree" and type(value).__module__ == "sklearn.tree._tree":
        return [(f"{path}.{key}", item) for key, item in value.__getstate__().items()]
    return None


def _attributes(model, path, left_out):
    prefix = f"{path}." if path else ""
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        return [(prefix + name, step) for name, step in model.steps]
    if hasattr(model, "transformer_list"):
        return [(prefix + name, step) for name, step in model.transformer_list]
    found = []
    for name in dir(model):
        if name.startswith("_") or not name.endswith("_"):
            continue
        if _clock(name):
            left_out.append(prefix + name)
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecated attributes
                found.append((prefix + name, getattr(model, name)))
        except AttributeError:  # a property that this configuration does not have
            continue
    private = [name for name in vars(model) if re.match("_(?!sklearn)", name)]
    left_out.extend(prefix + name for name in private if not callable(vars(model)[name]))
    return found


def _clock(name):
    return isinstance(name, str) and _CLOCK.search(name) is not None


def _as_leaf(value):
    """Return an array of numbers, strings or None; None for anything else."""
    if issparse(value):
        return value.tocsr()
    if isinstance(value, slice):  # columns of a ColumnTransformer
        value = str(value)
    if isinstance(value, Number | np.generic | str | bytes | type(None)):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        items = value
    elif hasattr(value, "to_numpy") or (isinstance(value, np.ndarray) and not value.dtype.names):
        value = np.asarray(value)  # also drops the mask of search results
        if value.dtype != object:
            return value
        items = value.ravel().tolist()
    else:
        return None
    if all(isinstance(item, Number | np.generic) for item in items):
        return np.asarray(items).reshape(np.shape(value))
    if all(isinstance(item, Number | np.generic | str | bytes | type(None)) for item in items):
        return np.asarray(value, dtype=object)
    return None


# Differences


def _shape(leaf):
    return None if leaf is None else leaf.shape


def _difference(ours, theirs):
    """Elementwise absolute difference: 0 where equal or both NaN, inf where not comparable."""
    if issparse(ours) and issparse(theirs):
        gap = abs(ours - theirs).data
        return np.where(np.isnan(gap), np.inf, gap)
    ours, theirs = (a.toarray() if issparse(a) else a for a in (ours, theirs))
    if ours.dtype.kind not in "biufc" or theirs.dtype.kind not in "biufc":
        equal = [_equal(a, b) for a, b in zip(ours.flat, theirs.flat, strict=True)]
        return np.where(np.array(equal, dtype=bool), 0.0, np.inf)
    ours, theirs = (a.astype(float) if a.dtype.kind in "biu" else a for a in (ours, theirs))
    equal = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where(equal, 0.0, np.abs(ours - theirs))
    return np.where(np.isnan(gap), np.inf, gap)


def _equal(a, b):
    return type(a) is type(b) and (a == b or (a != a and b != b))


def _gap(ours, theirs):
    """Return the largest absolute difference, and over the largest reference value."""
    if _shape(ours) != _shape(theirs):
        return np.inf, np.inf
    largest = float(np.max(_difference(ours, theirs), initial=0.0))
    if largest in (0.0, np.inf):
        return largest, largest
    scale = float(np.max(np.abs(theirs.data if issparse(theirs) else theirs), initial=0.0))
    return largest, largest / scale if scale > 0 else np.inf


def _same_bits(ours, theirs):
    if _shape(ours) != _shape(theirs) or issparse(ours) != issparse(theirs):
        return False
    if issparse(ours):
        return all(
            _same_bits(getattr(ours, a), getattr(theirs, a)) for a in ("indptr", "indices", "data")
        )
    if ours.dtype != theirs.dtype:
        return False
    if ours.dtype == object:
        return all(_equal(a, b) for a, b in zip(ours.flat, theirs.flat, strict=True))
    return ours.tobytes() == theirs.tobytes()


def _outputs(models, X, params):
    """Collect the outputs of both models by method; None where one of them lacks it."""
    outputs = {}
    for name in _METHODS:
        methods = [getattr(model, name, None) for model in models]
        if any(methods):
            outputs[name] = tuple(m and _call(m, X, params) for m in methods)
    return outputs


def _call(method, X, params):
    accepts = signature(method).parameters.values()
    anything = any(p.kind is Parameter.VAR_KEYWORD for p in accepts)
    names = {p.name for p in accepts}
    X = X.copy() if hasattr(X, "copy") else X  # a transformer with copy=False writes on it
    out = method(X, **{k: v for k, v in params.items() if anything or k in names})
    if isinstance(out, list):  # probabilities of several targets
        out = np.concatenate(out, axis=1)
    return out.tocsr() if issparse(out) else np.asarray(out)


def _prediction_gaps(outputs, classifies):
    gaps = {}
    for name, (ours, theirs) in outputs.items():
        if _shape(ours) != _shape(theirs):
            gaps[f"{name}_max_abs"] = np.inf
            continue
        gap = _difference(ours, theirs)
        largest = float(np.max(gap, initial=0.0))
        if name == "predict" and (classifies or ours.dtype.kind != "f"):
            gaps["predict_disagreement"] = float(np.mean(gap.reshape(len(ours), -1).any(axis=1)))
        elif name == "predict_proba":
            gaps["predict_proba_max_gap"] = largest
            gaps["predict_proba_mean_tv"] = float(gap.sum(axis=1).mean() / 2)
        else:
            gaps[f"{name}_max_abs"] = largest
    return gaps
