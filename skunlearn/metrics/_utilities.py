"""What a map keeps: the four utilities of the transported data."""

from dataclasses import asdict, dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils import check_random_state

from skunlearn.metrics._information import as_columns, is_discrete, ksg, numbers
from skunlearn.metrics._inputs import check_sensitive, column
from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._probes import make_probe


@dataclass(frozen=True, repr=False)
class TransportUtilities:
    """What X_hat keeps of X and of y.

    Attributes
    ----------
    information : float
        Estimate of I(X; X_hat), nats.
    information_ceiling : float
        The same estimate of I(X; X): what `information` could be at most.
    conditional_entropy : float
        Lower bound of -H(Y | X_hat), nats, on fresh rows. Between ``-entropy_y`` (X_hat says
        nothing; an overconfident model goes below) and 0.
    kl : float
        ``entropy_y + conditional_entropy``: lower bound of E KL(P(Y | X_hat) || P(Y)), which is
        I(Y; X_hat), nats. 0: X_hat says nothing of Y.
    energy : float
        Lower bound of E ||P(Y | X_hat)||^2, between `energy_null` and 1.
    standard_error, energy_error : float
        Of `conditional_entropy` (and `kl`) and of `energy`, over the rows.
    entropy_y, energy_null : float
        H(Y) and ||P(Y)||^2: the reference where X_hat says nothing.
    distortion : float
        E ||X - X_hat||^2 over the standardised columns, their mean: 0 for X itself, 1 for a
        constant at the mean. NaN where the columns do not match.
    n_rows : int
        Rows used.

    See Also
    --------
    transport_utilities : The function that returns it.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skunlearn.metrics import transport_utilities
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> kept = transport_utilities(X, X, y, random_state=0)
    >>> kept.distortion, bool(0.5 < kept.kl < kept.entropy_y)
    (0.0, True)
    """

    information: float
    information_ceiling: float
    conditional_entropy: float
    kl: float
    energy: float
    standard_error: float
    energy_error: float
    entropy_y: float
    energy_null: float
    distortion: float
    n_rows: int

    def __str__(self):
        """Four lines for a reader."""
        return (
            f"I(X; X̂)          {self.information:8.3f} nats  "
            f"(of {self.information_ceiling:.3f} for X itself; estimate)\n"
            f"-H(Y | X̂)        {self.conditional_entropy:8.3f} nats  "
            f"(± {self.standard_error:.3f}; nothing: {-self.entropy_y:.3f}; lower bound)\n"
            f"KL to P(Y)       {self.kl:8.3f} nats  "
            f"(± {self.standard_error:.3f}; nothing: 0; lower bound)\n"
            f"energy           {self.energy:8.3f}       "
            f"(± {self.energy_error:.3f}; nothing: {self.energy_null:.3f}; lower bound)\n"
            f"distortion       {self.distortion:8.3f}       ({self.n_rows} rows)"
        )

    def __repr__(self):
        """Class name and the lines."""
        return f"TransportUtilities(\n{self}\n)"

    def to_frame(self):
        """Return the result as a pandas DataFrame of one row."""
        return to_frame([asdict(self)])


def transport_utilities(
    X,
    X_hat,
    y,
    *,
    estimator="boosting",
    n_bins=10,
    cv=5,
    n_neighbors=3,
    max_samples=2000,
    random_state=None,
):
    """Estimate the four utilities of transported data.

    I(X; X_hat), -H(Y | X_hat), E KL(P(Y | X_hat) || P(Y)) and E ||P(Y | X_hat)||^2, as in [1]_.

    Parameters
    ----------
    X, X_hat : array-like or DataFrame of shape (n_samples, n_features)
        The rows before and after the map. Take rows that the map was not fitted on.
    y : array-like of shape (n_samples,)
        The outcome. Numbers are cut into `n_bins` classes of equal size, unless they are whole
        and of at most 20 distinct values.
    estimator : str or classifier, default="boosting"
        Model of P(Y | X_hat), as the probes of :func:`leakage_score`; needs ``predict_proba``.
    n_bins : int, default=10
        Classes made of a continuous y.
    cv : int, default=5
        Folds: every row's probabilities come from a model that has not seen it.
    n_neighbors : int, default=3
        Neighbours for I(X; X_hat).
    max_samples : int or None, default=2000
        Rows for I(X; X_hat), drawn at random if there are more; None for no bound.
    random_state : int, RandomState instance or None, default=None
        For folds, rows and model.

    Returns
    -------
    TransportUtilities
        Printable, with a reference for each number.

    Raises
    ------
    ValueError
        For unequal lengths, one class, or a class of fewer than `cv` rows.

    See Also
    --------
    rate_distortion : Along the strength of a map.

    Notes
    -----
    The three that concern Y are scored with proper rules (logarithm and square) on rows that the
    model has not seen, so that they are lower bounds in expectation: a bad or overconfident model
    makes them smaller, never larger. Half a standard error of chance aside, what they say is
    there, is there; what they do not see may be there for a better model. Probabilities are mixed
    with the classes' shares at a weight of 1/n, so that no single row costs more than about log(n).

    I(X; X_hat) is infinite for an invertible map of continuous columns: the estimate by
    neighbours saturates near ``log(n)``. Compare it with its ceiling and between maps on
    the same rows, in few columns; it has no other meaning.

    References
    ----------
    .. [1] Xu, Strohmer. Machine unlearning via information theoretic regularization. arXiv
       2502.05684, 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import transport_utilities
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 2))
    >>> y = X[:, 0] > 0
    >>> kept = transport_utilities(X, X * [1, 0], y, random_state=0)
    >>> lost = transport_utilities(X, X * [0, 1], y, random_state=0)
    >>> bool(kept.kl > 0.6), bool(lost.kl < 0.05)
    (True, True)
    """
    X, X_hat = as_columns(X), as_columns(X_hat)
    if X.shape[0] != X_hat.shape[0]:
        raise ValueError(f"Got X with {X.shape[0]} rows and X_hat with {X_hat.shape[0]}.")
    codes = classes(column(y, X.shape[0], "y"), n_bins)
    rng = check_random_state(random_state)
    log_score, square_score, shares = proper_scores(X_hat, codes, estimator, cv, rng)
    information, ceiling, distortion = kept(X, X_hat, n_neighbors, max_samples, rng)
    n = len(codes)
    entropy = float(-np.sum(shares * np.log(shares)))
    return TransportUtilities(
        information=information,
        information_ceiling=ceiling,
        conditional_entropy=float(log_score.mean()),
        kl=float(log_score.mean()) + entropy,
        energy=float(square_score.mean()),
        standard_error=float(log_score.std(ddof=1) / np.sqrt(n)),
        energy_error=float(square_score.std(ddof=1) / np.sqrt(n)),
        entropy_y=entropy,
        energy_null=float(np.sum(shares**2)),
        distortion=distortion,
        n_rows=n,
    )


def classes(values, n_bins):
    """Return class codes, of numbers cut at quantiles."""
    values = check_sensitive(values, len(values))
    if not is_discrete(values):
        edges = np.quantile(values, np.arange(1, n_bins) / n_bins)
        values = np.searchsorted(np.unique(edges), values, side="right")
    levels, codes = np.unique(values, return_inverse=True)
    if len(levels) < 2:
        raise ValueError(f"Got the classes {levels.tolist()}, expected at least two.")
    return codes


def proper_scores(X, classes, estimator, cv, rng):
    """Logarithmic and quadratic score of every row by models that have not seen it."""
    counts = np.bincount(classes)
    if counts.min() < cv:
        raise ValueError(
            f"Got a class of {counts.min()} rows, expected at least {cv}, one a fold: pool small "
            "classes."
        )
    seed = rng.randint(2**31 - 1)
    model = make_probe(estimator, X, True, seed)
    if (
        isinstance(estimator, str) and estimator == "boosting"
    ):  # left alone it is overconfident, which the logarithm punishes
        model[-1].set_params(early_stopping=True, learning_rate=0.05)
    if not hasattr(model, "predict_proba"):
        raise TypeError(f"Got estimator={estimator!r}, which has no predict_proba.")
    folds = StratifiedKFold(cv, shuffle=True, random_state=seed)
    found = cross_val_predict(model, X, classes, cv=folds, method="predict_proba")
    shares = counts / counts.sum()
    found = (1 - 1 / len(classes)) * found + shares / len(classes)
    own = found[np.arange(len(classes)), classes]
    return np.log(own), 2 * own - np.sum(found**2, axis=1), shares


def _plain_beside(X, other):
    """Return a frame of numbers as an array where the other table is one, as maps give them."""
    if not hasattr(X, "iloc") or hasattr(other, "iloc"):
        return X
    plain = all(getattr(dtype, "kind", "O") in "biuf" for dtype in X.dtypes)
    return X.to_numpy() if plain else X


def kept(X, X_hat, k, max_samples, rng):
    """Information between X and X_hat, its ceiling, and the distortion."""
    X, X_hat = _plain_beside(X, X_hat), _plain_beside(X_hat, X)
    same_kind = hasattr(X, "iloc") == hasattr(X_hat, "iloc")
    if same_kind and hasattr(X, "iloc"):
        same_kind = list(X.columns) == list(X_hat.columns)
    if same_kind and X.shape[1] == X_hat.shape[1]:
        before, after = numbers(X, X_hat)
        varies = np.ptp(before, axis=0) > 0
        distortion = float(np.mean((before - after)[:, varies] ** 2)) if varies.any() else np.nan
    else:
        before, after, distortion = numbers(X), numbers(X_hat), np.nan
    if max_samples is not None and len(before) > max_samples:
        rows = rng.choice(len(before), max_samples, replace=False)
        before, after = before[rows], after[rows]
    order = np.arange(len(before))
    ceiling = ksg(before, before, k, rng)(order)
    return float(ksg(before, after, k, rng)(order)), float(ceiling), distortion
