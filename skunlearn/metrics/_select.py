"""The smallest strength whose leakage is equivalent to chance, on rows kept for that question."""

from dataclasses import dataclass
from inspect import Parameter, signature

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import type_of_target

from skunlearn.metrics._inputs import check_data, check_sensitive, column, take_rows
from skunlearn.metrics._leakage import leakage_score, to_frame
from skunlearn.metrics._scorers import from_chance, respond


@dataclass(frozen=True, repr=False)
class StrengthSelection:
    """What `select_strength` found out.

    Attributes
    ----------
    strength : float or None
        The smallest strength all of whose bounds are below `tolerance`; None where there is none.
    estimator : estimator or None
        Fitted at that strength, on the rows that were not probed.
    strengths : ndarray of shape (n_strengths,)
        In ascending order.
    probes : tuple of str
        Names of the probes.
    leakages : ndarray of shape (n_strengths, n_probes)
        Distances from chance: ``|AUC − 1/2|``, or ``max(R², 0)``.
    bounds : ndarray of shape (n_strengths, n_probes)
        Upper confidence bounds on these; all of them hold at once, with the probability `level`.
    tolerance, level : float
        As given.
    n_audit_rows : int
        Rows that were probed and scored.

    See Also
    --------
    select_strength : The function that returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import StrengthSelection
    >>> found = StrengthSelection(
    ...     strength=None, estimator=None, strengths=np.array([1.0]), probes=("linear",),
    ...     leakages=np.array([[0.2]]), bounds=np.array([[0.25]]), tolerance=0.05, level=0.95,
    ...     n_audit_rows=600,
    ... )
    >>> print(found)
    No strength has all bounds below 0.05 (the lowest is 0.250, at 1.0) on 600 rows, level 95%.
    """

    strength: float | None
    estimator: object
    strengths: np.ndarray
    probes: tuple
    leakages: np.ndarray
    bounds: np.ndarray
    tolerance: float
    level: float
    n_audit_rows: int

    def __str__(self):
        """One line for a reader."""
        worst = self.bounds.max(axis=1)
        rows = f"on {self.n_audit_rows} rows, level {self.level:.0%}."
        if self.strength is None:
            at = self.strengths[worst.argmin()]
            return (
                f"No strength has all bounds below {self.tolerance:g} (the lowest is "
                f"{worst.min():.3f}, at {at}) {rows}"
            )
        (bound,) = worst[self.strengths == self.strength]
        return f"Strength {self.strength}: leakage below {bound:.3f} for all probes {rows}"

    def __repr__(self):
        """Class name and the line."""
        return f"StrengthSelection({self})"

    def to_frame(self):
        """Return one row a strength and probe as a pandas DataFrame."""
        records = [
            {
                "strength": strength,
                "probe": probe,
                "leakage": self.leakages[i, j],
                "bound": self.bounds[i, j],
                "passes": self.bounds[i, j] < self.tolerance,
            }
            for i, strength in enumerate(self.strengths)
            for j, probe in enumerate(self.probes)
        ]
        return to_frame(records)


def select_strength(
    estimator,
    X,
    sensitive,
    *,
    strengths,
    tolerance,
    y=None,
    param="strength",
    pass_sensitive=False,
    response="auto",
    probe=("linear", "boosting"),
    test_size=0.5,
    level=0.95,
    task="auto",
    average="macro",
    random_state=None,
    n_jobs=None,
):
    """Find the smallest strength whose leakage is equivalent to chance, by confidence bounds.

    "No significant leakage" rewards few rows. Here the burden is reversed: a strength passes where
    the *upper* confidence bound on its leakage is below a tolerance, for every probe. The rows are
    split: one part fits the estimator at each strength, the other is probed and scored, and
    chooses nothing else.

    Parameters
    ----------
    estimator : estimator
        A transformer, a predictor or a pipeline; clones are fitted.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows that have had no part in choosing the estimator or its other parameters.
    sensitive : array-like of shape (n_samples,)
        The sensitive variable: groups of any type, or continuous.
    strengths : array-like of float
        Candidates. Each costs: the bounds are corrected for their number.
    tolerance : float
        Largest distance from chance that counts as none: of an AUC from 1/2 (in (0, .5)), or an R²
        (in (0, 1)).
    y : array-like of shape (n_samples,), default=None
        Target for the estimator's `fit`.
    param : str, default="strength"
        The parameter to set, such as ``"gaussianbarycenter__strength"`` or ``"gamma"``.
    pass_sensitive : bool or "fit", default=False
        Whether the estimator gets the keyword `sensitive_features`: in `fit` and in the method that
        is probed, each where it takes it (True), or in `fit` only.
    response : {"auto", "predict_proba", "decision_function", "predict", "transform"}, \
default="auto"
        What is probed, as in `make_leakage_scorer`.
    probe : str, estimator, or list of these, default=("linear", "boosting")
        As in `leakage_score`. Each costs, as a strength does.
    test_size : float or int, default=0.5
        Share or number of the rows to be probed and scored.
    level : float, default=0.95
        Probability with which all bounds hold at once, in (0, 1).
    task : {"auto", "classification", "regression"}, default="auto"
        As in `leakage_score`.
    average : {"macro", "weighted"}, default="macro"
        As in `leakage_score`.
    random_state : int, RandomState instance or None, default=None
        For the split, the folds and the probes.
    n_jobs : int, default=None
        As in `leakage_score`.

    Returns
    -------
    StrengthSelection
        With the strength, or None, all bounds, and the fitted estimator.

    Raises
    ------
    ValueError
        For a tolerance, level or strengths out of range, or too few rows of a group.

    See Also
    --------
    leakage_score : The measurement.
    make_leakage_scorer : For a search that ranks strengths, without a claim about them.

    Notes
    -----
    The correction is Bonferroni's over strengths and probes: each of the two one-sided bounds has
    the error (1 − level) / (n_strengths · n_probes). So the bounds hold together, and choosing
    among the strengths after seeing them does no harm. They are about the fitted estimators and
    probes, and cover the sampling of the scored rows, not what another probe would find.

    With m scored rows in each of two groups, a bound is about z · .4/√m above a leakage of none
    (z = 2.6 for five strengths and two probes): for a tolerance of .05 take some 500 rows a group.

    References
    ----------
    Schuirmann. A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability. Journal of Pharmacokinetics and
    Biopharmaceutics 15, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import GaussianBarycenter
    >>> from skunlearn.metrics import select_strength
    >>> rng = np.random.default_rng(0)
    >>> z = rng.integers(0, 2, 6000)
    >>> X = rng.normal(size=(6000, 3)) * np.where(z == 1, 2.0, 1.0)[:, None]
    >>> found = select_strength(
    ...     GaussianBarycenter(), X, z, strengths=[0, 0.5, 1], tolerance=0.1, pass_sensitive=True,
    ...     random_state=0,
    ... )
    >>> float(found.strength)
    1.0
    """
    X = check_data(X)
    values = check_sensitive(sensitive, X.shape[0])
    strengths = _check(strengths, tolerance, level, pass_sensitive)
    y = None if y is None else column(y, len(values), "y")
    probes = list(probe) if isinstance(probe, list | tuple) else [probe]
    stratify = None if type_of_target(values) == "continuous" or task == "regression" else values
    of_fit, of_audit = train_test_split(
        np.arange(len(values)), test_size=test_size, stratify=stratify, random_state=random_state
    )
    error = (1 - level) / (len(strengths) * len(probes))
    options = {
        "probe": probes,
        "task": task,
        "average": average,
        "level": 1 - 2 * error,  # each end of the interval errs with this probability
        "n_permutations": 0,
        "random_state": random_state,
        "n_jobs": n_jobs,
    }
    models, reports = [], []
    for strength in strengths:
        model = clone(estimator).set_params(**{param: strength.item()})
        given = _keywords(model.fit, values[of_fit], pass_sensitive is not False)
        target = () if y is None else (take_rows(y, of_fit),)
        models.append(model.fit(take_rows(X, of_fit), *target, **given))
        method = _passing(model, values[of_audit], pass_sensitive is True)
        out = respond(model, take_rows(X, of_audit), response, method)
        reports.append(leakage_score(out, values[of_audit], **options))
    bounds = np.array([[from_chance(r, bound=True) for r in report] for report in reports])
    passing = np.flatnonzero((bounds < tolerance).all(axis=1))
    return StrengthSelection(
        strength=strengths[passing[0]].item() if len(passing) else None,
        estimator=models[passing[0]] if len(passing) else None,
        strengths=strengths,
        probes=tuple(r.probe for r in reports[0]),
        leakages=np.array([[from_chance(r) for r in report] for report in reports]),
        bounds=bounds,
        tolerance=tolerance,
        level=level,
        n_audit_rows=len(of_audit),
    )


def _check(strengths, tolerance, level, pass_sensitive):
    strengths = np.unique(np.asarray(strengths, dtype=float))
    if not len(strengths) or not np.isfinite(strengths).all():
        raise ValueError(f"Got strengths={strengths.tolist()}, expected one finite float or more.")
    if not 0 < tolerance < 1:
        raise ValueError(
            f"Got tolerance={tolerance!r}, expected a distance from chance in (0, 1), such as 0.05 "
            "for an AUC below .55."
        )
    if not 0 < level < 1:
        raise ValueError(f"Got level={level!r}, expected a float in (0, 1).")
    if pass_sensitive not in (False, True, "fit"):
        raise ValueError(f"Got pass_sensitive={pass_sensitive!r}, expected True, False or 'fit'.")
    return strengths


def _keywords(method, values, wanted):
    taken = signature(method).parameters.values()
    takes = any(p.name == "sensitive_features" or p.kind is Parameter.VAR_KEYWORD for p in taken)
    return {"sensitive_features": values} if wanted and takes else {}


def _passing(model, values, wanted):
    return lambda name: _keywords(getattr(model, name, model.fit), values, wanted)
