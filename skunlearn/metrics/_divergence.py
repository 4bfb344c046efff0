"""How far the outputs of an unlearned model are from those of refits, beside the refits' own."""

from dataclasses import dataclass

import numpy as np
from scipy.special import kl_div
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import num_samples
from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._learners import is_classification
from skunlearn.metrics._refit import RefitDistance, refit_distance

_WORDS = {
    "js": "Jensen–Shannon, nats",
    "tv": "total variation, mean over rows",
    "max_gap": "largest gap of a probability",
    "disagreement": "share of rows with another prediction",
    "rms": "root mean square difference, in standard deviations of the refits' predictions",
    "max_difference": "largest difference, in the same",
}


@dataclass(frozen=True, repr=False)
class RefitDivergence:
    """Divergences of an unlearned model from refits, and of the refits from each other.

    Attributes
    ----------
    table : tuple of dict
        A divergence each: `quantity`, `unlearned` (mean over the refits), `null`, `null_low`,
        `null_high` (median, least and most of the same for each refit and the other ones; NaN for
        one refit), `p_value` (rank of the model among the refits, NaN for one).
    parameters : RefitDistance or None
        Learned attributes beside those of the first refit, for models of one class.
    n_refits, n_rows : int

    See Also
    --------
    divergence_from_refit : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skunlearn.metrics import divergence_from_refit
    >>> from skunlearn.naive_bayes import GaussianNB
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = GaussianNB().fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = GaussianNB(resolution=model.resolution_).fit(X[9:], y[9:])
    >>> found = divergence_from_refit(model, refit, X)
    >>> found["js"], found["disagreement"], found.parameters.identical
    (0.0, 0.0, True)
    """

    table: tuple
    parameters: RefitDistance | None
    n_refits: int
    n_rows: int

    def __getitem__(self, quantity):
        """Return one divergence of the unlearned model."""
        found = {row["quantity"]: row["unlearned"] for row in self.table}
        if quantity not in found:
            raise KeyError(f"Got {quantity!r}, expected one of {list(found)}.")
        return found[quantity]

    def __str__(self):
        """Tell every divergence beside its null, a line each."""
        lines = [f"{self.n_rows} rows, {self.n_refits} refit{'s' if self.n_refits > 1 else ''}"]
        for row in self.table:
            line = f"{row['quantity']}: {row['unlearned']:.4g}"
            if self.n_refits > 1:
                line += (
                    f"; refits from each other {row['null']:.4g} ({row['null_low']:.4g} to "
                    f"{row['null_high']:.4g}), p={row['p_value']:.3g}"
                )
            lines.append(f"{line} [{_WORDS[row['quantity']]}]")
        if self.parameters is not None:
            lines.append(f"learned attributes: {str(self.parameters).splitlines()[0]}")
        return "\n".join(lines)

    def __repr__(self):
        """Class name and the lines."""
        return f"RefitDivergence(\n{self}\n)"

    def to_frame(self):
        """Return a pandas DataFrame, a divergence a row."""
        return to_frame([dict(row) for row in self.table])


def divergence_from_refit(unlearned, refits, X):
    """Compare what an unlearned model and refits say on some rows.

    Parameters
    ----------
    unlearned : estimator
        The model after unlearning.
    refits : estimator or list of estimator
        Models that never saw the forgotten rows; several, of other seeds, give the null.
    X : array-like of shape (n_samples, n_features)
        Rows to compare on: the forgotten ones, above all.

    Returns
    -------
    RefitDivergence
        For classifiers ``js``, ``tv``, ``max_gap`` (with `predict_proba`) and ``disagreement``;
        for regressors ``rms`` and ``max_difference``.

    Raises
    ------
    ValueError
        Without refits, or without rows.
    sklearn.exceptions.NotFittedError
        If a model is not fitted.

    See Also
    --------
    skunlearn.audit.audit_unlearning : Fits the refits, and tests at one level.
    refit_distance : Learned attributes in detail.
    forgetting_epsilon : Many unlearned models, by example.

    Notes
    -----
    Threat: somebody who sees the predictions of the last model, or has the file. It sees the rows
    it is given, and one unlearned model.

    Refits of a learner with seeds differ from each other: read each number beside the null. The
    p-value is the rank of the model's mean distance to all others among the refits' own, at least
    1 / (n_refits + 1), and is not corrected for there being several divergences.
    Jensen–Shannon is at most log 2; classes that only one of the models knows count as 0 for the
    others.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skunlearn.metrics import divergence_from_refit
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> y[:40] = 1 - y[:40]  # learned by heart
    >>> does_nothing = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> refits = [RandomForestClassifier(20, random_state=i).fit(X[40:], y[40:]) for i in range(9)]
    >>> found = divergence_from_refit(does_nothing, refits, X[:40])
    >>> [row["p_value"] for row in found.table]
    [0.1, 0.1, 0.1, 0.1]
    """
    refits = list(refits) if isinstance(refits, list | tuple) else [refits]
    n_rows = num_samples(X)
    if not refits or not n_rows:
        raise ValueError(f"Got {len(refits)} refits and {n_rows} rows, expected at least one each.")
    models = [unlearned, *refits]
    for model in models:
        if isinstance(model, BaseEstimator):
            check_is_fitted(model)
    predicted = [np.asarray(model.predict(X)) for model in models]
    if is_classification(unlearned, predicted[0]):
        found = {"disagreement": pairwise(predicted, lambda a, b: np.mean(a != b))}
        if all(hasattr(model, "predict_proba") for model in models):
            laws = _aligned(models, X)
            found = {
                "js": pairwise(laws, jensen_shannon),
                "tv": pairwise(laws, lambda a, b: np.abs(a - b).sum(axis=1).mean() / 2),
                "max_gap": pairwise(laws, largest_difference),
                **found,
            }
    else:
        predicted = [values.astype(float).reshape(n_rows, -1) for values in predicted]
        scale = np.std(predicted[1:], axis=(0, 1))
        predicted = [values / np.where(scale > 0, scale, 1.0) for values in predicted]
        found = {
            "rms": pairwise(predicted, lambda a, b: np.sqrt(np.mean((a - b) ** 2))),
            "max_difference": pairwise(predicted, largest_difference),
        }
    same = type(unlearned) is type(refits[0]) and isinstance(unlearned, BaseEstimator)
    return RefitDivergence(
        table=tuple(_record(name, matrix) for name, matrix in found.items()),
        parameters=refit_distance(unlearned, refits[0]) if same else None,
        n_refits=len(refits),
        n_rows=n_rows,
    )


def _aligned(models, X):
    """Probabilities of all models in the columns of all classes that one of them knows."""
    classes = np.unique(np.concatenate([np.asarray(model.classes_) for model in models]))
    found = np.zeros((len(models), num_samples(X), len(classes)))
    for law, model in zip(found, models, strict=True):
        law[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return found


def jensen_shannon(one, other):
    """Mean divergence of the rows of two arrays of probabilities, in nats."""
    middle = (one + other) / 2
    return (kl_div(one, middle) + kl_div(other, middle)).sum(axis=1).mean() / 2


def largest_difference(one, other):
    """Largest absolute difference of two arrays."""
    return np.abs(one - other).max()


def pairwise(outputs, distance):
    """Matrix of the distances of some outputs to each other."""
    n = len(outputs)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = distance(outputs[i], outputs[j])
    return matrix


def _record(quantity, matrix):
    """One line of the table, from the distances of all models; the unlearned one is the first."""
    record = {"quantity": quantity, "unlearned": float(matrix[0, 1:].mean())}
    if len(matrix) == 2:
        return record | dict.fromkeys(("null", "null_low", "null_high", "p_value"), np.nan)
    null = matrix[1:, 1:].sum(axis=1) / (len(matrix) - 2)
    to_all = matrix.sum(axis=1)  # each in its relation to all others: exchangeable
    rank = np.mean(to_all >= to_all[0] - 1e-12 * max(1.0, to_all[0]))
    numbers = {"null": np.median(null), "null_low": null.min(), "null_high": null.max()}
    return record | {k: float(v) for k, v in numbers.items()} | {"p_value": float(rank)}
