"""Audit a map that takes a sensitive variable out of the data: leak, utility, fairness, cost."""

import numbers
from collections.abc import Mapping

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import check_random_state

from skunlearn.audit._feature_points import Subject, measure
from skunlearn.audit._feature_report import BEFORE, LIMITS, FeatureUnlearningAudit
from skunlearn.audit._filing import AuditAnswer, AuditFlag
from skunlearn.metrics._audit_leakage import without_sensitive
from skunlearn.metrics._information import is_discrete
from skunlearn.metrics._inputs import check_data, check_sensitive, column, encode
from skunlearn.metrics._probes import make_folds
from skunlearn.metrics._scores import AUC, interval
from skunlearn.metrics._utilities import classes

_GROUPS = 5  # made of a continuous sensitive variable


def audit_feature_unlearning(
    transformer,
    X,
    sensitive_features,
    y=None,
    *,
    strengths=None,
    parameter=None,
    estimator="linear",
    fairness=None,
    probes=("linear", "quadratic", "boosting", "neighbors"),
    tolerance=0.05,
    pass_sensitive=False,
    n_repeats=2,
    n_permutations=9,
    level=0.95,
    random_state=None,
    n_jobs=None,
):
    """Audit what a map leaves of a sensitive variable, and what that costs.

    Parameters
    ----------
    transformer : estimator or None
        Transformer, or a pipeline that ends in a transformer or in a predictor, which then takes
        the place of `estimator`. Clones are fitted, never itself. None: X as it is.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Its input. Columns equal to `sensitive_features` do not count as data.
    sensitive_features : array-like of shape (n_samples,)
        The sensitive variable: groups of any type, or continuous. No missing values.
    y : array-like of shape (n_samples,), default=None
        Target: for utility and fairness, and for the transformer's ``fit``. Labels, where it is no
        numbers or at most 20 whole ones, or `estimator` is a classifier.
    strengths : sequence of float, default=None
        Audit the map at each of these strengths as well; None: as it is, only.
    parameter : str, default=None
        Name of the strength; None finds the one named "strength", in a pipeline in its step.
    estimator : str or estimator, default="linear"
        Model of y on the mapped rows: a name as for `probes`, or an estimator.
    fairness : dict of str to callable, default=None
        Metrics of your own, such as fairlearn's: called with (y_true, y_pred,
        sensitive_features=...), they return a number.
    probes : sequence of str or estimator
        What tries to read the sensitive variable, see :func:`~skunlearn.metrics.audit_leakage`.
    tolerance : float, default=0.05
        Largest distance of a probe from chance that is acceptable: abs(AUC - .5), or R2.
    pass_sensitive : bool or "fit", default=False
        Whether `transformer` gets the keyword ``sensitive_features``.
    n_repeats, n_permutations : int, default=2, 9
        Random splits, and permutations for the nulls at the first and the last point (0 for none;
        ten times as many for gaps of predictions): each costs ``3 * n_repeats`` fits of every
        probe. No verdict rests on them.
    level : float, default=0.95
        Confidence of all intervals and bounds together, over probes and points.
    random_state : int, RandomState instance or None, default=None
    n_jobs : int, default=None

    Returns
    -------
    FeatureUnlearningAudit
        It prints, and has `to_frame`, `to_json`, `to_html`, `plot` and `summary`.

    Raises
    ------
    ValueError
        As :func:`~skunlearn.metrics.audit_leakage`, and where no strength is found.

    See Also
    --------
    audit_unlearning : The audit of forgotten rows.
    skunlearn.metrics.audit_leakage : The leak alone.
    skunlearn.metrics.select_strength : Choose a strength with a claim.

    Notes
    -----
    *Three questions.* Was there anything to forget: does a probe tell the groups without the map?
    Is it forgotten at the last point (the strongest, or the map as it is): is the upper bound of
    every probe's distance from chance within the tolerance? "Not told apart" is no pass: few rows
    count against the map. What did it cost in utility?

    *Flags.* "still readable": some probe's lower bound is beyond the tolerance. "worse than
    before": some probe finds surely more than without the map (values that repeat, coupled to
    real numbers, give trees a hold). "utility lost", no alarm: a model on the mapped rows errs
    more, by twice the standard error of the paired difference. "no power", no alarm: no probe
    finds anything without the map, so that the audit cannot tell.

    *Numbers*, all of rows that neither map nor model has seen. Mutual information by nearest
    neighbours, blind in many columns; the distance of the groups (sliced Wasserstein); utility of
    `estimator`; gaps of its scores between the groups, overall (demographic parity at every
    threshold) and among rows of one class (equalised odds); the ratio of the groups' mean
    predictions; what `fairness` returns; and the squared distance that rows moved, by group, where
    the map keeps the columns. Each beside its null (in `table`).

    Choosing the best of several strengths by this report calls for a fresh one: the correction
    covers the bounds, not the choice of the map.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.audit import audit_feature_unlearning
    >>> from skunlearn.feature_unlearning import LinearConceptEraser
    >>> X, y = load_diabetes(return_X_y=True)
    >>> audit = audit_feature_unlearning(
    ...     LinearConceptEraser(sensitive_columns=[1]), X, X[:, 1] > 0, y, probes=["linear"],
    ...     n_permutations=0, random_state=0,
    ... )
    >>> audit.present.verdict, audit.forgotten.verdict  # 442 rows are too few to be sure
    (True, None)
    """
    transformer, estimator = _split(transformer, estimator)
    X = check_data(X)
    values = check_sensitive(sensitive_features, X.shape[0])
    if not 0 < level < 1:
        raise ValueError(f"Got level={level!r}, expected a float in (0, 1).")
    fairness = {} if fairness is None else fairness
    if not isinstance(fairness, Mapping) or not all(map(callable, fairness.values())):
        raise TypeError(f"Got fairness={fairness!r}, expected a dictionary of names to functions.")
    if not isinstance(tolerance, numbers.Real) or not 0 < tolerance < 1:
        raise ValueError(f"Got tolerance={tolerance!r}, expected a float in (0, 1).")
    maps = _maps(transformer, strengths, parameter)
    rng = check_random_state(random_state)
    z, metric = encode(values, "auto", "macro")
    groups = classes(values, _GROUPS)
    discrete = isinstance(metric, AUC)
    names = np.unique(values).tolist() if discrete else range(1, groups.max() + 2)
    y = None if y is None else column(y, len(values), "y")
    raw = without_sensitive(True, X, values)
    subject = Subject(
        X=X,
        raw=X if raw is None else raw,
        values=values,
        groups=groups,
        names=tuple(str(name) if discrete else f"fifth {name}" for name in names),
        y=y,
        y_classifies=y is not None and _classifies(estimator, y),
        estimator=estimator,
        fairness=dict(fairness),
        folds=make_folds(z, metric, rng),
        probes=_several(probes),
        pass_sensitive=pass_sensitive,
        n_repeats=n_repeats,
        seed=rng.randint(2**31 - 1),
        n_jobs=n_jobs,
    )
    # together: every probe at every point has an interval of this level
    single = 1 - (1 - level) / (len(subject.probes) * len(maps))
    table, audits, losses = [], {}, {}
    for point, map_ in maps.items():
        drawn = n_permutations if point in (BEFORE, list(maps)[-1]) else 0
        records, audits[point], losses[point] = measure(subject, map_, point, single, drawn)
        table += records
    return _report(subject, transformer, table, audits, losses, tolerance, level, single)


def _split(transformer, estimator):
    """Take a pipeline that predicts apart: a map and a model."""
    steps = getattr(transformer, "steps", None)
    if steps and not hasattr(transformer, "transform") and hasattr(steps[-1][1], "predict"):
        if len(steps) == 1:
            raise ValueError("Got a pipeline of a predictor only: there is no map to audit.")
        return transformer[:-1], steps[-1][1]
    if transformer is not None and not hasattr(transformer, "transform"):
        raise ValueError(
            f"{type(transformer).__name__} has no transform: pass a transformer, or a pipeline of "
            "one and a predictor."
        )
    return transformer, estimator


def _maps(transformer, strengths, parameter):
    """Name the points of the audit: before, and each strength (or the map as it is)."""
    if strengths is None:
        return {BEFORE: None} | ({} if transformer is None else {"after": transformer})
    if transformer is None:
        raise ValueError("Got strengths without a transformer: there is no map to vary.")
    strengths = sorted(float(strength) for strength in strengths)
    if not strengths:
        raise ValueError("Got no strengths, expected at least one, or None.")
    if parameter is None:
        names = [n for n in transformer.get_params() if n.split("__")[-1] == "strength"]
        if len(names) != 1:
            raise ValueError(
                f"Got strengths, and found {names or 'no parameter named strength'} in "
                f"{type(transformer).__name__}: name the parameter."
            )
        (parameter,) = names
    maps = {f"{s:g}": clone(transformer).set_params(**{parameter: s}) for s in strengths}
    return {BEFORE: None, **maps}


def _classifies(estimator, y):
    """Whether y is labels: by the model's tags, or as few distinct whole numbers."""
    if hasattr(estimator, "__sklearn_tags__") and (
        is_classifier(estimator) or is_regressor(estimator)
    ):
        return is_classifier(estimator)
    return is_discrete(y)


def _several(probes):
    probes = (probes,) if isinstance(probes, str) or hasattr(probes, "fit") else tuple(probes)
    if not probes:
        raise ValueError("Got no probes, expected at least one.")
    return probes


def _report(subject, transformer, table, audits, losses, tolerance, level, single):
    """Put numbers into words."""
    points, last = tuple(audits), list(audits)[-1]
    bounds = {point: _far(audit, single, max) for point, audit in audits.items()}
    surely = {point: _far(audit, single, min) for point, audit in audits.items()}
    present = surely[BEFORE] > 0
    best = max(audits[BEFORE], key=lambda r: r.score)
    words = (
        f"yes: {best.probe} scores {best.score:.3f} without the map"
        if present
        else f"not seen: no probe is surely beyond chance (best {best.probe}, {best.score:.3f})"
    )
    answers = [
        AuditAnswer("Was there anything to forget?", best.score, (), best.p_value, present, words),
        _forgotten(audits, bounds, surely, tolerance, last),
        _affordable(table, last),
    ]
    notes = LIMITS
    if not subject.fairness:
        notes = (*notes, "No fairness metrics of the user's were given, such as fairlearn's.")
    return FeatureUnlearningAudit(
        *answers,
        flags=_flags(audits, surely, losses, tolerance, single, last),
        notes=notes,
        table=tuple(table),
        bounds=bounds,
        points=points,
        estimator="no map" if transformer is None else _name(transformer),
        sensitive=subject.names,
        n_samples=len(subject.groups),
        tolerance=float(tolerance),
        level=level,
    )


def _name(transformer):
    steps = getattr(transformer, "steps", None)
    names = [type(part).__name__ for _, part in steps] if steps else [type(transformer).__name__]
    return ", ".join(names)


def _edges(result, level):
    """Interval of a probe's distance from chance, on both sides of it."""
    is_auc = result.metric != "r2"
    low, high = interval(result.score, result.standard_error, level, is_auc)
    if not is_auc:
        return max(low, 0.0), max(high, 0.0)
    return max(low - 0.5, 0.5 - high, 0.0), max(high - 0.5, 0.5 - low)


def _far(audit, level, which):
    """How far the worst probe is from chance at most (max), or surely (min)."""
    return float(max(_edges(result, level)[which is max] for result in audit))


def _forgotten(audits, bounds, surely, tolerance, last):
    worst = max(audits[last], key=lambda r: abs(r.score - (0.5 if r.metric != "r2" else 0.0)))
    found = f"{worst.probe} scores {worst.score:.3f}; from chance at most {bounds[last]:.3f}"
    where = "" if last in ("after", BEFORE) else f" at strength {last}"
    if bounds[last] <= tolerance:
        verdict, words = True, f"yes{where}, within {tolerance:g}: {found}"
    elif surely[last] > tolerance:
        verdict, words = False, f"no{where}: {found}, at least {surely[last]:.3f}"
    else:
        verdict, words = None, f"cannot be judged{where} at a tolerance of {tolerance:g}: {found}"
    enough = [p for p in audits if p != BEFORE and bounds[p] <= tolerance]
    if len(audits) > 2:
        words += f"; within the tolerance at {', '.join(enough) if enough else 'no strength'}"
    return AuditAnswer("Is it forgotten?", worst.score, (), worst.p_value, verdict, words)


def _affordable(table, last):
    found = {r["point"]: r for r in table if r["quantity"].startswith("utility")}
    question = "What did it cost?"
    if not found:
        return AuditAnswer(question, None, (), None, None, "not measured: pass y")
    name = found[last]["quantity"]
    before, after = found[BEFORE]["value"], found[last]["value"]
    words = f"{name} {before:.3f} without the map, {after:.3f} with it"
    cost = [r for r in table if r["quantity"].startswith("transport") and r["point"] == last]
    if len(cost) > 1:
        most = max(cost[1:], key=lambda r: r["value"])
        words += f"; rows of {most['part']} moved most ({most['value']:.3f} sd² a column)"
    return AuditAnswer(question, after, (), None, None, words)


def _flags(audits, surely, losses, tolerance, single, last):
    after, before = audits[last], audits[BEFORE]
    worse = [
        f"{new.probe} {old.score:.3f} before, {new.score:.3f} after"
        for old, new in zip(before, after, strict=True)
        if last != BEFORE and _edges(new, single)[0] > _edges(old, single)[1]
    ]
    lost, words = False, "no target was given"
    if losses[last] is not None:
        change = losses[last] - losses[BEFORE]
        error = change.std(ddof=1) / np.sqrt(len(change))
        lost = bool(change.mean() > 2 * error > 0)
        words = f"error a row {losses[BEFORE].mean():.4g} before, {losses[last].mean():.4g} after"
    return (
        AuditFlag(
            "still readable",
            surely[last] > tolerance,
            True,
            None,
            f"the worst probe is at least {surely[last]:.3f} from chance",
        ),
        AuditFlag("worse than before", bool(worse), True, None, "; ".join(worse) or "no probe"),
        AuditFlag("utility lost", lost, False, None, words),
        AuditFlag(
            "no power",
            not surely[BEFORE] > 0,
            False,
            None,
            f"without the map the best probe is at least {surely[BEFORE]:.3f} from chance",
        ),
    )
