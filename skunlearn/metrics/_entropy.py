"""Entropies of predictions on the forget rows, beside those of refits."""

import dataclasses

import numpy as np
from scipy import stats

from skunlearn.metrics._leakage import to_frame


@dataclasses.dataclass(frozen=True)
class EntropyComparison:
    """How sure a model is of the forget rows, beside models that never saw them.

    Attributes
    ----------
    entropy : ndarray of shape (n_rows,)
        Entropy of the unlearned model's prediction for each row, in nats.
    refit_entropy : ndarray of shape (n_refits, n_rows)
        The same of each refit.
    ks, wilcoxon_p : ndarray of shape (n_refits,)
        Of the unlearned model against each refit: Kolmogorov–Smirnov distance of the two
        distributions of entropies, and p-value of Wilcoxon's signed rank test on the pairs.
    null_ks, null_wilcoxon_p : ndarray of shape (n_refits * (n_refits - 1) / 2,)
        The same between refits. Empty for one refit.
    p_value : float or None
        How often a model is as far from the others, by its mean `ks`, as the unlearned one: of all
        models, refits included. At least 1 / (1 + n_refits). None for one refit.

    See Also
    --------
    entropy_comparison : The function that returns it.

    Examples
    --------
    >>> from skunlearn.metrics import entropy_comparison
    >>> sure, unsure = [[0.99, 0.01]] * 20, [[0.6, 0.4]] * 20
    >>> float(entropy_comparison(sure, unsure).ks[0])
    1.0
    """

    entropy: np.ndarray
    refit_entropy: np.ndarray
    ks: np.ndarray
    wilcoxon_p: np.ndarray
    null_ks: np.ndarray
    null_wilcoxon_p: np.ndarray
    p_value: float | None

    @property
    def n_refits(self):
        """Refits that were given."""
        return len(self.refit_entropy)

    def __str__(self):
        """Means, distances and p-values beside the null, a line each."""
        means = self.refit_entropy.mean(axis=1)
        lines = [
            f"entropy of {len(self.entropy)} forget rows: mean {self.entropy.mean():.3g} nats; of "
            f"{self.n_refits} refits {means.mean():.3g} [{means.min():.3g}, {means.max():.3g}]",
            f"Kolmogorov-Smirnov distance to the refits {self.ks.mean():.3g}{self._beside()}",
            f"Wilcoxon p: median {np.median(self.wilcoxon_p):.3g}{self._pairs()}",
        ]
        if self.p_value is None:
            return "\n".join([*lines, "one refit: no null, so no verdict; pass several"])
        return "\n".join([*lines, f"p = {self.p_value:.3g} by rank among the refits"])

    def _beside(self):
        return f"; between refits {self.null_ks.mean():.3g}" if len(self.null_ks) else ""

    def _pairs(self):
        if not len(self.null_wilcoxon_p):
            return ""
        share = np.mean(self.null_wilcoxon_p <= 0.05)
        return f"; it is below .05 for {share:.0%} of the pairs of refits as well"

    def to_frame(self):
        """Return a pandas DataFrame, one row a pair of models."""
        pairs = [("unlearned, refit", d, p) for d, p in zip(self.ks, self.wilcoxon_p, strict=True)]
        null = zip(self.null_ks, self.null_wilcoxon_p, strict=True)
        pairs += [("refit, refit", d, p) for d, p in null]
        return to_frame([{"pair": n, "ks": float(d), "wilcoxon_p": float(p)} for n, d, p in pairs])


def entropy_comparison(unlearned, refits, X_forget=None):
    """Compare the entropies of predictions on the forget rows with those of refits.

    Parameters
    ----------
    unlearned : estimator, or array-like of shape (n_rows, n_classes)
        The model after unlearning, or its probabilities for the forget rows.
    refits : estimator, array-like, or list of them
        Models that never saw the rows, or their probabilities; 19 or more for a p-value of .05.
    X_forget : array-like of shape (n_rows, n_features), default=None
        The forget rows; not needed where all are arrays.

    Returns
    -------
    EntropyComparison

    Raises
    ------
    ValueError
        If models come without `X_forget`, without `predict_proba`, or values are no probabilities.

    See Also
    --------
    ForgettingDistributionDisplay : The distributions as a picture.
    membership_inference : An attack on single rows.

    Notes
    -----
    *Threat*: predictions of the last model. A row that is known by heart is predicted with low
    entropy, one that was pushed away with high entropy or, wrongly, with low entropy as well: the
    label is not looked at, so a model that is sure and wrong looks like one that is sure.

    Both tests are those of the paper, and both treat rows as a sample while all share two models:
    Wilcoxon's finds the smallest common shift, between two refits too. The null between refits, and
    `p_value`, by the rank among them, are what to read.

    References
    ----------
    Foster, Fogarty, Schoepf, Dugue, Öztireli, Brintrup. An information theoretic approach to
    machine unlearning. TMLR, 2025. arXiv 2402.01401.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skunlearn.metrics import entropy_comparison
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> refits = [RandomForestClassifier(10, random_state=i).fit(X[60:], y[60:]) for i in range(19)]
    >>> nothing_done = RandomForestClassifier(10, random_state=0).fit(X, y)
    >>> entropy_comparison(nothing_done, refits, X[:60]).p_value
    0.05
    """
    several = isinstance(refits, list | tuple) and _is_list_of_models(refits)
    refits = list(refits) if several else [refits]
    if not refits:
        raise ValueError("Got no refits, expected at least one.")
    entropies = [_entropies(model, X_forget) for model in (unlearned, *refits)]
    if len(sizes := sorted({len(row) for row in entropies})) > 1:
        raise ValueError(
            f"Got probabilities of {sizes} rows, expected the same rows of all models."
        )
    entropies = np.array(entropies)
    n = len(entropies)
    ks, p = _pairwise(entropies)
    among = np.triu_indices(n - 1, 1)
    distance = ks.sum(axis=1) / (n - 1)
    return EntropyComparison(
        entropy=entropies[0],
        refit_entropy=entropies[1:],
        ks=ks[0, 1:],
        wilcoxon_p=p[0, 1:],
        null_ks=ks[1:, 1:][among],
        null_wilcoxon_p=p[1:, 1:][among],
        p_value=float(np.mean(distance >= distance[0] - 1e-12)) if n > 2 else None,
    )


def ks_distance(one, other):
    """Kolmogorov–Smirnov distance of two samples."""
    places = np.concatenate([one, other])
    shares = [np.searchsorted(np.sort(x), places, side="right") / len(x) for x in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def _pairwise(entropies):
    """Kolmogorov–Smirnov distance and Wilcoxon p-value of each pair of models, as matrices."""
    n = len(entropies)
    ks, p = np.zeros((n, n)), np.ones((n, n))
    pairs = np.triu_indices(n, 1)
    differences = entropies[pairs[0]] - entropies[pairs[1]]
    some = np.any(differences != 0, axis=1)
    if some.any():
        i, j = (side[some] for side in pairs)
        tested = stats.wilcoxon(differences[some], axis=1, method="asymptotic")
        p[i, j] = p[j, i] = tested.pvalue
    for i, j in zip(*pairs, strict=True):
        ks[i, j] = ks[j, i] = ks_distance(entropies[i], entropies[j])
    return ks, p


def _is_list_of_models(refits):
    """Tell a list of models or of tables of probabilities from one table given as lists."""
    return not len(refits) or hasattr(refits[0], "predict_proba") or np.ndim(refits[0]) == 2


def entropies_of(probabilities):
    """Entropy of each row of probabilities, in nats."""
    return stats.entropy(probabilities, axis=1)


def _entropies(model, X):
    if hasattr(model, "fit") or hasattr(model, "predict"):
        if not hasattr(model, "predict_proba"):
            raise ValueError(f"{type(model).__name__} has no predict_proba: there is no entropy.")
        if X is None:
            raise ValueError("Got a model without X_forget: pass the rows, or probabilities.")
        model = model.predict_proba(X)
    table = np.asarray(model, dtype=float)
    sums_to_one = table.ndim == 2 and np.allclose(table.sum(axis=1), 1, rtol=0, atol=1e-4)
    if not sums_to_one or table.min(initial=0.0) < 0:
        raise ValueError(
            f"Got values of shape {table.shape} that are no probabilities, expected (n_rows, "
            "n_classes) with rows that sum to 1."
        )
    return entropies_of(table)
