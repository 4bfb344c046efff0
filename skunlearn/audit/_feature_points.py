"""One point of an audit of feature unlearning: what a map leaves, keeps and costs."""

import dataclasses

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier
from sklearn.metrics import r2_score, roc_auc_score

from skunlearn.metrics import audit_leakage, ks_distance, mutual_information, sliced_wasserstein
from skunlearn.metrics._information import as_columns, numbers
from skunlearn.metrics._inputs import take_rows
from skunlearn.metrics._prediction_gaps import discrimination
from skunlearn.metrics._probes import make_probe, mapped_parts


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is audited, and how."""

    X: object
    raw: object  # X without the sensitive columns: what there is before any map
    values: np.ndarray  # the sensitive variable
    groups: np.ndarray  # codes, of a continuous one in five
    names: tuple  # of the groups
    y: object
    y_classifies: bool
    estimator: object  # str or estimator
    fairness: dict
    folds: list
    probes: tuple
    pass_sensitive: object
    n_repeats: int
    seed: int
    n_jobs: int | None


def measure(subject, transformer, label, level, n_permutations):
    """Return the records of one point, and its leakage audit.

    Parameters
    ----------
    subject : Subject
    transformer : estimator or None
        None: the data without the map.
    label : str
        What the point is called.
    level : float
        Of the intervals.
    n_permutations : int
        For the nulls; ten times as many where no model is fitted.
    """
    X = subject.raw if transformer is None else subject.X
    audit = audit_leakage(
        transformer,
        X,
        subject.values,
        y=subject.y,
        probes=subject.probes,
        before=False,
        pass_sensitive=subject.pass_sensitive,
        level=level,
        random_state=subject.seed,
        n_jobs=subject.n_jobs,
        n_repeats=subject.n_repeats,
        n_permutations=n_permutations,
    )
    records = [
        _record(label, f"leak ({r.metric})", r.probe, r.score, r.ci_low, r.ci_high, r.null_high,
                r.p_value)
        for r in audit
    ]  # fmt: skip
    units = [subject.folds[k:] + subject.folds[:k] for k in range(3)]
    rotations = Parallel(n_jobs=subject.n_jobs)(
        delayed(_rotation)(subject, transformer, folds, n_permutations) for folds in units
    )
    records += _dependence(label, rotations)
    losses = None
    if subject.y is not None:
        found, losses = _outcomes(subject, label, units, rotations, 10 * n_permutations)
        records += found
    records += _cost(subject, label, units, rotations)
    return records, audit, losses


def _record(point, quantity, part, value, low=None, high=None, null=None, p=None):
    names = ("value", "low", "high", "null_high", "p_value")
    numbers_ = [None if v is None or np.isnan(v) else float(v) for v in (value, low, high, null, p)]
    return {
        "point": point,
        "quantity": quantity,
        "part": part,
        **dict(zip(names, numbers_, strict=True)),
    }


def _rotation(subject, transformer, folds, n_permutations):
    """Map from one fold; dependence and outcomes on the others."""
    X = subject.raw if transformer is None else subject.X
    fitted, scored = folds[1:]
    parts = mapped_parts(X, subject.values, subject.y, folds, transformer, subject.pass_sensitive)
    options = {"n_permutations": n_permutations, "random_state": subject.seed}
    dense = parts[1].toarray() if hasattr(parts[1], "toarray") else parts[1]
    found = {
        "information": mutual_information(dense, subject.values[scored], **options),
        "distance": sliced_wasserstein(dense, subject.groups[scored], **options),
        "squares": _squares(take_rows(subject.raw, scored), parts[1]),
    }
    if subject.y is not None:
        given = take_rows(subject.y, fitted)
        model = make_probe(subject.estimator, parts[0], subject.y_classifies, subject.seed)
        model = clone(model).fit(parts[0], given)
        found["predicted"] = np.asarray(model.predict(parts[1])).ravel()
        found["scores"] = _scores(model, parts[1], found["predicted"])
    return found


def _scores(model, X, predicted):
    """One number a row: the probability of the second class, or the prediction itself."""
    if not (is_classifier(model) or hasattr(model, "classes_")):
        return predicted.astype(float)
    for method in ("predict_proba", "decision_function"):
        if hasattr(model, method):
            found = np.asarray(getattr(model, method)(X), dtype=float)
            return found if found.ndim == 1 else found[:, 1] if found.shape[1] == 2 else None
    return None


def _squares(before, after):
    """Squared distance that each row moved, in standard deviations; None where columns differ."""
    before, after = as_columns(before), as_columns(after)
    if before.shape[1] != after.shape[1] or hasattr(before, "tocsr") or hasattr(after, "tocsr"):
        return None
    frames = [hasattr(part, "iloc") for part in (before, after)]
    if frames[0] != frames[1] or (frames[0] and list(before.columns) != list(after.columns)):
        return None
    one, other = numbers(before, after)
    varies = np.ptp(one, axis=0) > 0
    return np.mean((one - other)[:, varies] ** 2, axis=1) if varies.any() else None


def _dependence(label, rotations):
    """Means over the rotations, of the null as well."""
    records = []
    for key, quantity in (("information", "mutual information (nats)"),
                          ("distance", "distance of the groups (sd)")):  # fmt: skip
        found = [rotation[key] for rotation in rotations]
        value, null = (np.mean([getattr(f, n) for f in found]) for n in ("estimate", "null_high"))
        records.append(_record(label, quantity, "", value, null=null))
    return records


def _outcomes(subject, label, units, rotations, n_permutations):
    """Measure utility and fairness of a model a rotation, on rows that it has not seen."""
    y = np.asarray(subject.y)
    predicted, scores = np.empty(len(y), dtype=y.dtype), np.full(len(y), np.nan)
    if not subject.y_classifies:
        predicted = predicted.astype(float)
    scored, spread = True, []
    for folds, rotation in zip(units, rotations, strict=True):
        rows = folds[2]
        predicted[rows] = rotation["predicted"]
        if rotation["scores"] is None:
            scored = False
        else:
            scores[rows] = rotation["scores"]
        spread.append(_utility(y[rows], predicted[rows], scores[rows] if scored else None,
                               subject.y_classifies)[1])  # fmt: skip
    name = _utility(y, predicted, scores if scored else None, subject.y_classifies)[0]
    middle, error = np.mean(spread), np.std(spread, ddof=1) / np.sqrt(3)
    records = [
        _record(label, f"utility ({name})", "", middle, middle - 2 * error, middle + 2 * error)
    ]
    options = {"n_permutations": n_permutations, "random_state": subject.seed}
    shown = scores if scored else None
    if shown is not None:
        gap = ks_distance(shown, subject.groups, **options)
        records.append(
            _record(
                label,
                "parity gap of scores (KS)",
                "",
                gap.estimate,
                null=gap.null_high,
                p=gap.p_value,
            )
        )
        if subject.y_classifies:
            records += _odds(label, y, shown, subject.groups, options)
    positive = predicted == np.unique(y)[-1] if subject.y_classifies else predicted
    if np.min(positive.astype(float)) >= 0 and (not subject.y_classifies or len(np.unique(y)) == 2):
        found = discrimination(positive.astype(float), subject.groups, **options)
        records.append(
            _record(label, "discrimination (ratio less 1)", "", found.estimate,
                    null=found.null_high, p=found.p_value)
        )  # fmt: skip
    for metric_name, metric in subject.fairness.items():
        value = metric(y, predicted, sensitive_features=np.asarray(subject.names)[subject.groups])
        records.append(_record(label, metric_name, "", float(value)))
    losses = (predicted != y).astype(float) if subject.y_classifies else (predicted - y) ** 2
    return records, losses


def _odds(label, y, scores, groups, options):
    """Gap of the scores among the rows of one class: equalised odds at every threshold."""
    records = []
    for value in np.unique(y):
        rows = y == value
        if min(np.bincount(groups[rows], minlength=groups.max() + 1)) < 2:
            continue  # a group without rows of this class has no odds
        gap = ks_distance(scores[rows], groups[rows], **options)
        records.append(
            _record(label, "odds gap of scores (KS)", f"y = {value}", gap.estimate,
                    null=gap.null_high, p=gap.p_value)
        )  # fmt: skip
    return records


def _utility(y, predicted, scores, classifies):
    if not classifies:
        return "r2", float(r2_score(y, predicted))
    if scores is not None and len(np.unique(y)) == 2:
        return "roc_auc", float(roc_auc_score(y == np.unique(y)[1], scores))
    return "accuracy", float(np.mean(predicted == y))


def _cost(subject, label, units, rotations):
    """Mean squared distance that rows moved, of all and by group."""
    if any(rotation["squares"] is None for rotation in rotations):
        return []
    moved = np.empty(len(subject.groups))
    for folds, rotation in zip(units, rotations, strict=True):
        moved[folds[2]] = rotation["squares"]
    quantity = "transport cost (sd², a column)"
    parts = [(f"group {name}", subject.groups == code) for code, name in enumerate(subject.names)]
    parts = [("", slice(None)), *parts]
    return [_record(label, quantity, part, moved[rows].mean()) for part, rows in parts]
