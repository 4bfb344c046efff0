"""How well a probe predicts a sensitive variable from data, on rows that it has never seen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import check_random_state

from skunlearn.metrics._inputs import (
    check_data,
    check_options,
    check_sensitive,
    column,
    encode,
    fresh_rows,
    take_rows,
)
from skunlearn.metrics._probes import make_folds, probe_name, rotate
from skunlearn.metrics._scores import AUC, interval


@dataclass(frozen=True, repr=False)
class LeakageResult:
    """What one probe found out about the sensitive variable.

    Attributes
    ----------
    probe : str
        Name of the probe.
    metric : str
        ``"roc_auc"`` (two groups; .5 is chance, and below .5 is information too),
        ``"roc_auc_ovr_macro"`` or ``"roc_auc_ovr_weighted"`` (more groups), or ``"r2"``
        (continuous; 0 is the mean of the scored rows).
    score : float
        The metric on held-out rows, averaged over the rotations by their numbers of rows.
    ci_low, ci_high : float
        Confidence interval of `score` for these maps and probes: it covers the sampling of the
        scored rows, not the fitting. Zero width at an AUC of exactly 0 or 1.
    level : float
        Coverage of the interval, and the quantile that `null_high` is.
    null_mean, null_high : float
        Mean and upper `level` quantile of the score with the scored rows' sensitive values
        permuted against fixed predictions; NaN without permutations.
    p_value : float
        ``(1 + #{null >= score}) / (1 + n_permutations)``, NaN without permutations. One-sided:
        an AUC whose interval is below .5 has a p-value near 1 and tells groups apart all the same.
    n_score_rows : int
        Rows scored, over all rotations.
    design : str
        Which rows the map, the probe and the score have seen.

    See Also
    --------
    leakage_score : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skunlearn.metrics import leakage_score
    >>> X, malignant = load_breast_cancer(return_X_y=True)
    >>> result = leakage_score(X, malignant, probe="linear", random_state=0)
    >>> result.metric, round(result.score, 2), result.n_score_rows
    ('roc_auc', 0.99, 569)
    """

    probe: str
    metric: str
    score: float
    ci_low: float
    ci_high: float
    level: float
    null_mean: float
    null_high: float
    p_value: float
    n_score_rows: int
    design: str

    def __str__(self):
        """One line for a reader."""
        line = (
            f"{self.probe}: {self.metric} {self.score:.3f} "
            f"[{self.ci_low:.3f}, {self.ci_high:.3f}] ({self.level:.0%})"
        )
        if not np.isnan(self.p_value):
            line += f", null {self.null_mean:.3f} (high {self.null_high:.3f}), p={self.p_value:.3g}"
        return f"{line}, {self.n_score_rows} rows, {self.design}"

    def __repr__(self):
        """Class name and the line."""
        return f"LeakageResult({self})"

    def to_frame(self):
        """Return the result as a pandas DataFrame of one row."""
        return to_frame([asdict(self)])


@dataclass(frozen=True, repr=False)
class LeakageReport(Sequence):
    """Results of several probes, in the order given; a sequence of :class:`LeakageResult`.

    Attributes
    ----------
    results : tuple of LeakageResult
        One a probe.

    See Also
    --------
    leakage_score : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skunlearn.metrics import leakage_score
    >>> X, malignant = load_breast_cancer(return_X_y=True)
    >>> report = leakage_score(X, malignant, probe=["linear", "quadratic"], random_state=0)
    >>> [result.probe for result in report]
    ['linear', 'quadratic']
    """

    results: tuple

    def __len__(self):
        """Return the number of probes."""
        return len(self.results)

    def __getitem__(self, index):
        """Return one result, or a tuple of them for a slice."""
        return self.results[index]

    def __str__(self):
        """One line a probe."""
        return "\n".join(map(str, self.results))

    def __repr__(self):
        """Class name and the lines."""
        return f"LeakageReport(\n{self}\n)"

    def to_frame(self):
        """Return the results as a pandas DataFrame, one row a probe."""
        return to_frame([asdict(result) for result in self.results])


def to_frame(records):
    """Make a DataFrame of a list of dicts; pandas is imported here only."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame needs pandas: install it (pip install pandas), or read the attributes."
        ) from error
    return pd.DataFrame.from_records(records)


def leakage_score(
    X,
    sensitive,
    *,
    transformer=None,
    pass_sensitive=False,
    y=None,
    fitted_rows=None,
    probe="boosting",
    task="auto",
    average="macro",
    level=0.95,
    n_permutations=200,
    random_state=None,
    n_jobs=None,
):
    """Score how well a probe predicts a sensitive variable from data, on fresh rows.

    The rows are split at random into three folds of equal size, stratified by group. With a
    `transformer` the map is fitted on one fold, the probe on another one's transformed rows, and
    the third one's are scored; three rotations score every row once. Without one, the probe is
    fitted on one fold and scored on the next, so that raw and transformed data are probed with
    equal numbers of rows, and no pair of folds is used in both directions (which would make
    interval and p-value too narrow).

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The data; with `transformer`, its input. The named probes encode columns that are no
        numbers themselves and take NaN; sparse data go to ``"linear"`` or to an own estimator.
    sensitive : array-like of shape (n_samples,)
        The sensitive variable: groups of any type, or continuous. No missing values.
    transformer : estimator, default=None
        Transformer or pipeline whose output is probed. Clones are fitted, never itself.
    pass_sensitive : bool or "fit", default=False
        Whether `transformer` gets the keyword ``sensitive_features``: in ``fit`` and
        ``transform`` (True), or in ``fit`` only, in each where the signature takes it. Leave it
        False where the transformer finds its sensitive columns inside `X`.
    y : array-like of shape (n_samples,), default=None
        Target for the transformer's ``fit``.
    fitted_rows : array-like of int or of bool, default=None
        For `X` that is transformed already: the rows its map was fitted on. They are left out.
    probe : str, estimator, or list of these, default="boosting"
        ``"linear"``: logistic or ridge regression on standardised features. ``"quadratic"``:
        discriminant analysis on whitened features, or ridge on squares and products of the
        first 30 principal components. ``"boosting"``: histogram gradient boosting.
        ``"neighbors"``: the mean of the nearest rows in standardised features. An estimator
        is cloned and gets the data as they are, groups as integers in sorted order.
    task : {"auto", "classification", "regression"}, default="auto"
        Whether `sensitive` is groups (ROC AUC) or continuous (R2); ``"auto"`` asks
        :func:`sklearn.utils.multiclass.type_of_target`, which takes integers for groups.
    average : {"macro", "weighted"}, default="macro"
        Mean of the one-vs-rest AUCs of three or more groups: each group equal, or by its rows.
    level : float, default=0.95
        Coverage of the confidence interval and quantile of the null, in (0, 1).
    n_permutations : int, default=200
        Permutations for the null; 0 for none.
    random_state : int, RandomState instance or None, default=None
        For folds, probes and permutations (not for `transformer` or an own estimator).
    n_jobs : int, default=None
        Rotations run in parallel.

    Returns
    -------
    LeakageResult or LeakageReport
        The result of one probe; a report when `probe` is a list or tuple.

    Raises
    ------
    ValueError
        For missing values in, or one value of, `sensitive`; unequal lengths; fewer than 6 rows
        of a group or 30 of a continuous variable. Below 30 and 90 it warns.

    See Also
    --------
    audit_leakage : The same over many splits and probes, with a null that refits the probe.
    mutual_information : The leak in nats.
    refit_distance : How far an unlearned model is from a refit.

    Notes
    -----
    The score measures what these probes found with this many rows; it is no proof of absence,
    and another probe may find more: ask several. Real-valued maps move the atoms of one-hot
    columns to another place in each group. With group means taken out of Adult's, a linear probe
    fitted on the map's own rows says .48 to .53 and gradient boosting 1.00; on disjoint folds
    the line says .52 with levels under 5 % pooled, and .996 with them. Taking the worst of several
    probes or strengths calls for a correction of `level` and p-value.

    The threat is an observer of transformed rows who owns labelled rows of the same kind. It is
    not membership of a person, nor several transforms of one row. Rows of one person in two
    folds are not fresh: the score then tells persons as well as groups.

    A transformed `X` whose `fitted_rows` are unknown includes the map's own rows: the score then
    understates the leak, on common tables by .03 to .09 of AUC. Prefer `transformer`.

    The AUC's interval is DeLong's [1]_ on the logit scale, for more groups with the covariances
    of the one-vs-rest AUCs; that of R2 uses its influence function. The permutation null tests
    predictions against the sensitive values within each scored fold; an R2 below 0 can be above
    its null, where predictions follow the sensitive variable on a wrong scale.

    References
    ----------
    .. [1] DeLong, DeLong, Clarke-Pearson. Comparing the areas under two or more correlated
       receiver operating characteristic curves. Biometrics 44, 1988.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import leakage_score
    >>> rng = np.random.default_rng(0)
    >>> sex = np.repeat(["f", "m"], 300)
    >>> X = rng.normal(size=(600, 3))
    >>> X[:, 0] *= np.where(sex == "m", 4.0, 1.0)  # equal means, unequal spreads
    >>> report = leakage_score(X, sex, probe=["linear", "boosting"], random_state=0)
    >>> bool(report[0].score < 0.6), bool(report[1].score > 0.75)
    (True, True)
    """
    X = check_data(X)
    values = check_sensitive(sensitive, X.shape[0])
    check_options(transformer, pass_sensitive, fitted_rows, average, level, n_permutations)
    keep = fresh_rows(fitted_rows, len(values))
    X, values = take_rows(X, keep), values[keep]
    y = None if y is None else take_rows(column(y, len(keep), "y"), keep)
    z, metric = encode(values, task, average)
    rng = check_random_state(random_state)
    folds = make_folds(z, metric, rng)
    several = isinstance(probe, list | tuple)
    probes = list(probe) if several else [probe]
    predictions = Parallel(n_jobs=n_jobs)(
        delayed(rotate)(
            X,
            values,
            z,
            y,
            folds[k:] + folds[:k],
            transformer,
            pass_sensitive,
            probes,
            metric,
            seed,
        )
        for k, seed in enumerate(rng.randint(2**31 - 1, size=len(folds)))
    )
    scored = [z[folds[(k + 2) % 3]] for k in range(3)]
    design = _design(transformer, fitted_rows)
    seed = rng.randint(2**31 - 1)
    results = tuple(
        _summarise(
            probe_name(p), metric, scored, [run[j] for run in predictions], level, n_permutations,
            seed, design,
        )
        for j, p in enumerate(probes)
    )  # fmt: skip
    return LeakageReport(results) if several else results[0]


def _summarise(probe, metric, z, predictions, level, n_permutations, seed, design):
    """Average the rotations; interval and null are of that average."""
    sizes = np.array([len(part) for part in z])
    weights = sizes / sizes.sum()
    predictions = [metric.prepare(p) for p in predictions]
    pairs = list(zip(z, predictions, strict=True))
    score = weights @ [metric.value(*pair) for pair in pairs]
    variance = weights**2 @ [np.sum(metric.influence(*pair) ** 2) for pair in pairs]
    rng = np.random.default_rng(seed)
    null = np.array(
        [
            weights @ [metric.value(rng.permutation(part), p) for part, p in pairs]
            for _ in range(n_permutations)
        ]
    )
    low, high = interval(score, np.sqrt(variance), level, isinstance(metric, AUC))
    return LeakageResult(
        probe=probe,
        metric=metric.name,
        score=float(score),
        ci_low=low,
        ci_high=high,
        level=level,
        null_mean=float(null.mean()) if n_permutations else np.nan,
        null_high=float(np.quantile(null, level)) if n_permutations else np.nan,
        p_value=float((1 + np.sum(null >= score - 1e-12)) / (1 + n_permutations))
        if n_permutations
        else np.nan,
        n_score_rows=int(sizes.sum()),
        design=design,
    )


def _design(transformer, fitted_rows):
    if transformer is not None:
        return "map, probe and score on disjoint folds"
    if fitted_rows is not None:
        return "rows of the map left out"
    return "probe and score on disjoint folds"
