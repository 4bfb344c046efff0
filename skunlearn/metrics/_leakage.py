"""How well a probe predicts a sensitive variable from data, on rows that it has never seen."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from inspect import Parameter, signature
from numbers import Number

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import issparse
from scipy.special import expit, logit
from scipy.stats import norm, rankdata
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.utils import check_array, check_random_state
from sklearn.utils.multiclass import type_of_target

_MAX_LEVELS = 254  # HistGradientBoosting takes 255 levels a column


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
    probe : {"linear", "quadratic", "boosting"}, estimator, or list of these, default="boosting"
        ``"linear"``: logistic or ridge regression on standardised features. ``"quadratic"``:
        discriminant analysis on whitened features, or ridge on squares and products of the
        first 30 principal components. ``"boosting"``: histogram gradient boosting. An estimator
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
    X = _check_data(X)
    values = _check_sensitive(sensitive, X.shape[0])
    _check_options(transformer, pass_sensitive, fitted_rows, average, level, n_permutations)
    keep = _fresh_rows(fitted_rows, len(values))
    X, values = _rows(X, keep), values[keep]
    y = None if y is None else _rows(_column(y, len(keep), "y"), keep)
    z, metric = _encode(values, task, average)
    rng = check_random_state(random_state)
    folds = _folds(z, metric, rng)
    several = isinstance(probe, list | tuple)
    probes = list(probe) if several else [probe]
    predictions = Parallel(n_jobs=n_jobs)(
        delayed(_rotate)(
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
            _name(p), metric, scored, [run[j] for run in predictions], level, n_permutations,
            seed, design,
        )
        for j, p in enumerate(probes)
    )  # fmt: skip
    return LeakageReport(results) if several else results[0]


# Checks


def _check_data(X):
    X = X.tocsr() if issparse(X) else X if hasattr(X, "shape") else np.asarray(X)
    if len(X.shape) != 2:
        raise ValueError(f"Got X of shape {X.shape}, expected (n_samples, n_features).")
    return X


def _column(values, n_rows, name):
    """Check a 1-D column (one column of a table will do) against the rows of X."""
    values = values if hasattr(values, "shape") else np.asarray(values)
    if len(values.shape) == 2 and values.shape[1] == 1:
        values = values.iloc[:, 0] if hasattr(values, "iloc") else values[:, 0]
    if len(values.shape) != 1:
        raise ValueError(
            f"Got {name} of shape {values.shape}, expected (n_samples,): pass one variable at a "
            "time, or join several into one label."
        )
    if len(values) != n_rows:
        raise ValueError(f"Got X with {n_rows} rows and {name} with {len(values)}.")
    return values


def _check_sensitive(sensitive, n_rows):
    sensitive = _column(sensitive, n_rows, "sensitive")
    missing = (
        sensitive.isna() if hasattr(sensitive, "isna") else [_is_missing(v) for v in sensitive]
    )
    if n_missing := int(np.sum(missing)):
        raise ValueError(
            f"Got {n_missing} missing values in sensitive: drop these rows, or make missing a "
            "group of its own."
        )
    values = np.asarray(sensitive)
    if values.dtype.kind == "O":
        kinds = {isinstance(v, str) for v in values}
        if len(kinds) > 1:
            raise TypeError("Got strings and other values in sensitive, expected one type.")
        values = np.asarray(values.tolist())
    return values


def _is_missing(value):
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _check_options(transformer, pass_sensitive, fitted_rows, average, level, n_permutations):
    if transformer is not None and fitted_rows is not None:
        raise ValueError(
            "Got both transformer and fitted_rows: fitted_rows is for X that is transformed "
            "already; leave one of them out."
        )
    if pass_sensitive not in (False, True, "fit"):
        raise ValueError(f"Got pass_sensitive={pass_sensitive!r}, expected True, False or 'fit'.")
    if average not in ("macro", "weighted"):
        raise ValueError(f"Got average={average!r}, expected 'macro' or 'weighted'.")
    if not 0 < level < 1:
        raise ValueError(f"Got level={level!r}, expected a float in (0, 1).")
    if n_permutations < 0:
        raise ValueError(f"Got n_permutations={n_permutations!r}, expected an int of 0 or more.")


def _fresh_rows(fitted_rows, n_rows):
    keep = np.ones(n_rows, dtype=bool)
    if fitted_rows is not None:
        rows = np.asarray(fitted_rows)
        if rows.dtype == bool and rows.shape != (n_rows,):
            raise ValueError(f"Got a fitted_rows mask of shape {rows.shape} for {n_rows} rows.")
        keep[rows] = False
    return keep


def _encode(values, task, average):
    """Return the values to predict (group codes, or floats) and the metric that scores them."""
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"Got task={task!r}, expected 'auto', 'classification' or 'regression'.")
    if task == "auto":
        task = "regression" if type_of_target(values) == "continuous" else "classification"
    levels, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(levels) < 2:
        raise ValueError(
            f"Got sensitive with the values {levels.tolist()}, expected at least two to tell apart."
        )
    if task == "regression":
        smallest, need, enough, name = len(values), 30, 90, "sensitive"
        z, metric = values.astype(float), _R2()
    else:
        smallest, need, enough = counts.min(), 6, 30
        name = f"group {levels[counts.argmin()].item()!r}"
        z, metric = codes, _AUC(len(levels), average)
    if smallest < need:
        raise ValueError(
            f"Got {smallest} rows of {name}, expected at least {need} for three disjoint folds: "
            "pool small groups, or pass task='regression' if sensitive is a quantity."
        )
    if smallest < enough:
        warnings.warn(
            f"Only {smallest} rows of {name}: probe and interval are rough.", stacklevel=3
        )
    return z, metric


# Folds and probes


def _rows(X, index):
    return X.iloc[index] if hasattr(X, "iloc") else X[index]


def _folds(z, metric, rng):
    splitter = StratifiedKFold if isinstance(metric, _AUC) else KFold
    splitter = splitter(3, shuffle=True, random_state=rng.randint(2**31 - 1))
    folds = [fold for _, fold in splitter.split(np.zeros(len(z)), z)]
    if any(np.ptp(z[fold]) == 0 for fold in folds):
        raise ValueError(
            "Got sensitive that is constant in one of three folds: too few rows differ for an R2; "
            "make groups of it, or pass more rows."
        )
    return folds


def _rotate(X, values, z, y, folds, transformer, pass_sensitive, probes, metric, seed):
    """Predictions of every probe for the third fold."""
    of_map, of_probe, of_score = folds
    parts = [_rows(X, of_probe), _rows(X, of_score)]
    if transformer is not None:
        fitted = clone(transformer)
        y_map = None if y is None else _rows(y, of_map)
        fit = _keywords(fitted.fit, values[of_map], pass_sensitive is not False)
        fitted.fit(_rows(X, of_map), y_map, **fit)
        parts = [
            _transform(fitted, part, values[rows], pass_sensitive is True)
            for part, rows in zip(parts, (of_probe, of_score), strict=True)
        ]
    groups = isinstance(metric, _AUC)
    fitted_probes = [
        _make_probe(p, parts[0], groups, seed).fit(parts[0], z[of_probe]) for p in probes
    ]
    return [_predict(p, parts[1], groups) for p in fitted_probes]


def _keywords(method, values, wanted):
    accepts = signature(method).parameters.values()
    takes = any(p.name == "sensitive_features" or p.kind is Parameter.VAR_KEYWORD for p in accepts)
    return {"sensitive_features": values} if wanted and takes else {}


def _transform(transformer, X, values, wanted):
    out = _check_data(transformer.transform(X, **_keywords(transformer.transform, values, wanted)))
    if out.shape[0] != X.shape[0]:
        raise ValueError(
            f"Got {out.shape[0]} rows from {type(transformer).__name__} for {X.shape[0]}: a "
            "transformer that drops rows cannot be probed."
        )
    return out


def _name(probe):
    return probe if isinstance(probe, str) else type(probe).__name__


def _make_probe(probe, X, groups, seed):
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
    return make_pipeline(*_standardised(X), model)


def _quadratic(X, groups, seed):
    if groups:
        whiten = PCA(1 - 1e-8, whiten=True, svd_solver="full")
        model = QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.1)
        return make_pipeline(*_standardised(X), whiten, model)
    components = PCA(min(30, *X.shape), svd_solver="full")
    products = make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler())
    return make_pipeline(*_standardised(X), components, products, RidgeCV(np.logspace(-2, 4, 13)))


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


_PROBES = {"linear": _linear, "quadratic": _quadratic, "boosting": _boosting}


def _standardised(X):
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


# Scores


@dataclass(frozen=True)
class _AUC:
    """ROC AUC of the second of two groups, or mean of one-vs-rest AUCs."""

    n_groups: int
    average: str

    @property
    def name(self):
        return "roc_auc" if self.n_groups == 2 else f"roc_auc_ovr_{self.average}"

    def prepare(self, scores):
        return rankdata(scores, axis=0)

    def _splits(self, codes):
        """Column of scores, weight and members of every group that is told from the rest."""
        if self.n_groups == 2:
            return [(0, 1.0, codes == 1)]
        members = [codes == c for c in range(self.n_groups)]
        shares = [m.mean() if self.average == "weighted" else 1 / self.n_groups for m in members]
        return list(zip(range(self.n_groups), shares, members, strict=True))

    def value(self, codes, ranks):
        total = 0.0
        for column, weight, inside in self._splits(codes):
            n_in = np.count_nonzero(inside)
            above = ranks[inside, column].sum() - n_in * (n_in + 1) / 2
            total += weight * above / (n_in * (len(codes) - n_in))
        return total

    def influence(self, codes, ranks):
        """DeLong's placements: per row, so that the sum of squares is the variance."""
        influence = np.zeros(len(codes))
        for column, weight, inside in self._splits(codes):
            for rows, others in ((inside, ~inside), (~inside, inside)):
                n, m = np.count_nonzero(rows), np.count_nonzero(others)
                own = ranks[rows, column]
                below = (own - rankdata(own)) / m
                sign = weight if rows is inside else -weight
                influence[rows] += sign * (below - below.mean()) / np.sqrt(n * (n - 1))
        return influence


@dataclass(frozen=True)
class _R2:
    """Coefficient of determination about the mean of the scored rows."""

    name: str = "r2"

    def prepare(self, predictions):
        return predictions

    def value(self, z, predictions):
        return 1 - np.mean((z - predictions) ** 2) / np.var(z)

    def influence(self, z, predictions):
        spread = (1 - self.value(z, predictions)) * (z - z.mean()) ** 2
        return (spread - (z - predictions) ** 2) / (np.var(z) * len(z))


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
    low, high = _interval(score, np.sqrt(variance), level, isinstance(metric, _AUC))
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


def _interval(score, error, level, is_auc):
    half = norm.ppf((1 + level) / 2) * error
    if not is_auc:
        return float(score - half), float(score + half)
    if not 0 < score < 1:
        return float(score), float(score)
    half /= score * (1 - score)
    return float(expit(logit(score) - half)), float(expit(logit(score) + half))


def _design(transformer, fitted_rows):
    if transformer is not None:
        return "map, probe and score on disjoint folds"
    if fitted_rows is not None:
        return "rows of the map left out"
    return "probe and score on disjoint folds"
