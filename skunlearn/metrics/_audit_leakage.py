"""The honest audit of a map: three disjoint folds, many splits, several probes, a refitted null."""

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import issparse
from sklearn.utils import check_random_state

from skunlearn.metrics._inputs import (
    check_data,
    check_options,
    check_sensitive,
    column,
    encode,
)
from skunlearn.metrics._leakage_audit import LeakageAudit, ProbeAudit
from skunlearn.metrics._probes import fit_and_predict, make_folds, mapped_parts, probe_name
from skunlearn.metrics._results import p_value
from skunlearn.metrics._scores import AUC, interval

_TRIES = 100  # permutations drawn until every fold has every group


def audit_leakage(
    transformer,
    X,
    sensitive_features,
    *,
    y=None,
    probes=("linear", "quadratic", "boosting", "neighbors"),
    before=True,
    pass_sensitive=False,
    task="auto",
    average="macro",
    n_repeats=3,
    n_permutations=19,
    level=0.95,
    random_state=None,
    n_jobs=None,
):
    """Audit what a map leaves of a sensitive variable, on rows that neither map nor probe saw.

    Each repeat splits the rows at random into three folds, stratified by group: the map is fitted
    on one, the probes on the transformed rows of another, the third is scored, in three rotations.
    The null permutes the sensitive values and fits every probe again.

    Parameters
    ----------
    transformer : estimator or None
        Transformer or pipeline to audit. Clones are fitted, never itself. None: X as it is.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Its input.
    sensitive_features : array-like of shape (n_samples,)
        The sensitive variable: groups of any type, or continuous. No missing values.
    y : array-like of shape (n_samples,), default=None
        Target for the transformer's ``fit``.
    probes : sequence of str or estimator
        ``"linear"``, ``"quadratic"``, ``"boosting"``, ``"neighbors"``, or classifiers
        (regressors) of one's own, see :func:`leakage_score`.
    before : bool or array-like of shape (n_samples, n_columns), default=True
        Data without the map for the positive control, probed on the same folds. True: X without
        the columns that are equal to `sensitive_features`. False: none.
    pass_sensitive : bool or "fit", default=False
        Whether `transformer` gets the keyword ``sensitive_features``: in ``fit`` and
        ``transform`` (True), or in ``fit`` only. Leave it False where the transformer finds its
        sensitive columns inside `X`.
    task : {"auto", "classification", "regression"}, default="auto"
        Whether `sensitive_features` is groups (ROC AUC) or continuous (R2).
    average : {"macro", "weighted"}, default="macro"
        Mean of the one-vs-rest AUCs of three or more groups.
    n_repeats : int, default=3
        Random splits.
    n_permutations : int, default=19
        Permutations for the null; 0 for none. The smallest p-value is
        ``1 / (1 + n_permutations)``. Each costs ``3 * n_repeats`` fits of every probe.
    level : float, default=0.95
        Coverage of the interval and quantile of the null, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        For folds, probes and permutations (not for `transformer` or an own estimator).
    n_jobs : int, default=None
        Rotations run in parallel.

    Returns
    -------
    LeakageAudit
        A result a probe; ``print`` it, or ask ``audit.within(0.05)``.

    Raises
    ------
    ValueError
        For missing values in, or one value of, `sensitive_features`; unequal lengths; fewer than
        6 rows of a group or 30 of a continuous variable; options out of range.

    See Also
    --------
    leakage_score : One split, one probe; cheaper.
    mutual_information : The leak in nats.

    Notes
    -----
    What is audited is the procedure "fit this map on a third of these rows", so that nothing the
    map knows by heart can pass for forgetting. A map fitted on all rows is better than that by
    what three times the rows are worth.

    It sees what the probes see, and no more: no proof of absence. It does not see membership of
    a person, several transforms of one row, or an observer with more labelled rows than a third
    of these. The score after the map should be read beside the one before: if no probe finds the
    sensitive variable there, the audit has no power. Rows of one person in two folds are not fresh.

    The interval is about the expected score of this procedure on rows of this kind. Its variance
    is that of the scored rows (DeLong's, averaged over the repeats), plus what the spread between
    rotations exceeds it by, plus that of the repeats; with three folds it is itself rough.
    Simulated at 240 rows and 95 %, it covered in 92 to 100 % of 60 draws for an AUC, in 90 % for
    an R2. An AUC below .5 is information too: ``within`` counts both sides, the p-value only the
    upper one. The null holds the map fixed, and asks whether the transformed rows tell the
    sensitive variable. The best of several maps, or of strengths, chosen by an audit needs a
    fresh one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skunlearn.metrics import audit_leakage
    >>> rng = np.random.default_rng(0)
    >>> sex = np.repeat(["f", "m"], 300)
    >>> X = rng.normal(size=(600, 3))
    >>> X[:, 0] += 2 * (sex == "m")
    >>> blank = FunctionTransformer(lambda X: X * [0, 1, 1])  # the telling column is blanked
    >>> audit = audit_leakage(blank, X, sex, probes=["linear"], random_state=0)
    >>> audit[0].before > 0.9, audit[0].score < 0.6, audit.within(0.1)
    (True, True, True)
    """
    X = check_data(X)
    values = check_sensitive(sensitive_features, X.shape[0])
    check_options(None, pass_sensitive, None, average, level, n_permutations)
    if n_repeats < 1:
        raise ValueError(f"Got n_repeats={n_repeats!r}, expected an int of 1 or more.")
    probes = _check_probes(probes)
    y = None if y is None else column(y, len(values), "y")
    z, metric = encode(values, task, average)
    rng = check_random_state(random_state)
    splits = [make_folds(z, metric, rng) for _ in range(n_repeats)]
    orders = [_permutation(z, splits, metric, rng) for _ in range(n_permutations)]
    units = [folds[k:] + folds[:k] for folds in splits for k in range(3)]
    seeds = rng.randint(2**31 - 1, size=len(units))
    raw = without_sensitive(before, X, values)

    def run(data, transformer, orders):
        given = (data, values, z, y), (transformer, pass_sensitive, probes, metric)
        return Parallel(n_jobs=n_jobs)(
            delayed(_unit)(*given, folds, seed, orders)
            for folds, seed in zip(units, seeds, strict=True)
        )

    after = run(X, transformer, orders)
    control = None if raw is None else run(raw, None, [])
    results = []
    for j, probe in enumerate(probes):
        score, error, by_repeat = _summary([unit[j] for unit in after], units, z, metric)
        null = _weighted([unit[j][1] for unit in after], units).mean(axis=0)
        low, high = interval(score, error, level, isinstance(metric, AUC))
        results.append(
            ProbeAudit(
                probe=probe_name(probe),
                metric=metric.name,
                before=np.nan
                if control is None
                else _summary([unit[j] for unit in control], units, z, metric)[0],
                score=score,
                standard_error=error,
                ci_low=low,
                ci_high=high,
                level=level,
                sd_repeats=float(np.std(by_repeat, ddof=1)) if n_repeats > 1 else np.nan,
                null_mean=float(null.mean()) if n_permutations else np.nan,
                null_high=float(np.quantile(null, level)) if n_permutations else np.nan,
                p_value=p_value(score, null),
                n_repeats=n_repeats,
                n_permutations=n_permutations,
                n_rows=len(z),
            )
        )
    name = "no map" if transformer is None else type(transformer).__name__
    return LeakageAudit(tuple(results), name)


def _unit(data, how, folds, seed, orders):
    """One rotation: per probe, prepared predictions and the scores of the null."""
    X, values, z, y = data
    transformer, pass_sensitive, probes, metric = how
    parts = mapped_parts(X, values, y, folds, transformer, pass_sensitive)
    _, of_probe, of_score = folds

    def predict(probe, labels):
        return metric.prepare(fit_and_predict(probe, parts, labels[of_probe], metric, seed))

    return [
        (
            predict(probe, z),
            [metric.value(z[o][of_score], predict(probe, z[o])) for o in orders],
        )
        for probe in probes
    ]


def _weighted(scores, units):
    """Scores of the rotations, averaged by rows within each repeat: a row a repeat."""
    sizes = np.array([len(folds[2]) for folds in units], dtype=float).reshape(-1, 3, 1)
    scores = np.asarray(scores, dtype=float).reshape(*sizes.shape[:2], -1)
    return np.sum(scores * sizes, axis=1) / sizes.sum(axis=1)


def _summary(unit_results, units, z, metric):
    """Return the mean score, its standard error, and the score of each repeat."""
    scores, sampling = [], []
    influence = np.zeros(len(z))
    for (predictions, _), folds in zip(unit_results, units, strict=True):
        rows = folds[2]
        own = metric.influence(z[rows], predictions)
        influence[rows] += own * len(rows) / len(z)
        scores.append(metric.value(z[rows], predictions))
        sampling.append(np.sum(own**2))
    by_repeat = _weighted(scores, units)[:, 0]
    between = np.var(np.reshape(scores, (-1, 3)), axis=1, ddof=1).mean()
    fitting = max(0.0, between - np.mean(sampling))
    splitting = np.var(by_repeat, ddof=1) / len(by_repeat) if len(by_repeat) > 1 else 0.0
    error = np.sqrt(np.sum((influence / len(by_repeat)) ** 2) + fitting / 3 + splitting)
    return float(by_repeat.mean()), float(error), by_repeat


def _permutation(z, splits, metric, rng):
    """Draw an order of the sensitive values that leaves every fold fit for probing."""
    for _ in range(_TRIES):
        order = rng.permutation(len(z))
        shuffled = z[order]
        if isinstance(metric, AUC):
            groups = metric.n_groups
            fine = all(
                np.bincount(shuffled[fold], minlength=groups).min() > 1
                for folds in splits
                for fold in folds
            )
        else:
            fine = all(np.ptp(shuffled[fold]) > 0 for folds in splits for fold in folds)
        if fine:
            return order
    raise ValueError(
        "Found no permutation with two rows of every group in every fold: pool small groups, or "
        "pass n_permutations=0."
    )


def _check_probes(probes):
    probes = [probes] if isinstance(probes, str) or hasattr(probes, "fit") else list(probes)
    if not probes:
        raise ValueError("Got no probes, expected at least one.")
    return probes


def without_sensitive(before, X, values):
    """Return the data of the positive control, or None."""
    if before is False:
        return None
    if before is not True:
        before = check_data(before)
        if before.shape[0] != len(values):
            raise ValueError(f"Got before with {before.shape[0]} rows, X with {len(values)}.")
        return before
    if issparse(X):
        return X
    columns = [X.iloc[:, j] if hasattr(X, "iloc") else X[:, j] for j in range(X.shape[1])]
    keep = [j for j, c in enumerate(columns) if not np.array_equal(np.asarray(c), values)]
    if not keep:
        return None
    return X.iloc[:, keep] if hasattr(X, "iloc") else X[:, keep]
