"""Distortion, information and leak along the strength of a map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skunlearn.metrics._audit_leakage import without_sensitive
from skunlearn.metrics._information import as_columns
from skunlearn.metrics._inputs import check_sensitive, column, take_rows
from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._probes import mapped_parts
from skunlearn.metrics._utilities import classes, kept, proper_scores


@dataclass(frozen=True, repr=False)
class RateDistortion(Sequence):
    """A curve over the strength of a map: a sequence of dicts, one a strength.

    Attributes
    ----------
    points : tuple of dict
        With the keys ``strength``, ``distortion`` (see :class:`TransportUtilities`),
        ``information`` (I(X; X_hat), nats), ``leak`` and ``leak_error`` (lower bound of
        I(Z; X_hat), nats, and its standard error) and, where y was given, ``kl`` and ``energy``.
    map : str
        Name of the transformer.

    See Also
    --------
    rate_distortion : The function that returns it.

    Examples
    --------
    >>> from skunlearn.metrics import RateDistortion
    >>> curve = RateDistortion(({"strength": 0.0, "distortion": 0.0, "leak": 0.6},), "a map")
    >>> curve[0]["leak"]
    0.6
    """

    points: tuple
    map: str

    def __len__(self):
        """Return the number of strengths."""
        return len(self.points)

    def __getitem__(self, index):
        """Return one point, or a tuple of them for a slice."""
        return self.points[index]

    def __str__(self):
        """Return a small table, one line a strength."""
        head = "".join(f"{name:>13}" for name in self.points[0])
        lines = ["".join(f"{value:13.4f}" for value in p.values()) for p in self.points]
        return "\n".join([self.map, head, *lines])

    def __repr__(self):
        """Class name and the table."""
        return f"RateDistortion(\n{self}\n)"

    def to_frame(self):
        """Return the curve as a pandas DataFrame, one row a strength."""
        return to_frame(list(self.points))


def rate_distortion(
    transformer,
    X,
    sensitive_features,
    *,
    y=None,
    strengths=(0.0, 0.25, 0.5, 0.75, 1.0),
    parameter="strength",
    pass_sensitive=False,
    estimator="boosting",
    n_bins=10,
    max_samples=2000,
    random_state=None,
):
    """Measure distortion, information and leak along the strength of a map.

    For each strength the map is fitted on one half of the rows; the other half is transformed,
    and measured there with cross-fitted models.

    Parameters
    ----------
    transformer : estimator
        With a parameter for its strength. Clones are fitted, never itself.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Its input. Columns that are equal to `sensitive_features` do not count as data.
    sensitive_features : array-like of shape (n_samples,)
        The sensitive variable; numbers are cut into `n_bins` groups of equal size for the leak.
    y : array-like of shape (n_samples,), default=None
        Outcome, for ``kl`` and ``energy``, and for the transformer's ``fit``.
    strengths : sequence of float, default=(0.0, 0.25, 0.5, 0.75, 1.0)
        Values of the parameter.
    parameter : str, default="strength"
        Its name; ``"step__strength"`` in a pipeline.
    pass_sensitive : bool or "fit", default=False
        As in :func:`leakage_score`.
    estimator : str or classifier, default="boosting"
        Model of the sensitive variable and of y, see :func:`transport_utilities`.
    n_bins : int, default=10
        Classes made of continuous values.
    max_samples : int or None, default=2000
        Rows for I(X; X_hat).
    random_state : int, RandomState instance or None, default=None
        For halves, folds and models; equal at all strengths.

    Returns
    -------
    RateDistortion
        One point a strength.

    Raises
    ------
    ValueError
        As :func:`transport_utilities`, and if the transformer lacks the parameter.

    See Also
    --------
    audit_leakage : Intervals and a null for one strength.

    Notes
    -----
    The leak is a lower bound by one model in nats, as `kl` is for y: 0 or less means that this
    model found nothing. Points of a curve share their rows; picking the best of them calls for a
    fresh audit of the one picked.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import GaussianBarycenter
    >>> from skunlearn.metrics import rate_distortion
    >>> rng = np.random.default_rng(0)
    >>> sex = np.repeat(["f", "m"], 400)
    >>> X = rng.normal(size=(800, 2)) + 2.0 * (sex == "m")[:, None]
    >>> curve = rate_distortion(
    ...     GaussianBarycenter(), X, sex, strengths=[0, 1], pass_sensitive=True, random_state=0
    ... )
    >>> bool(curve[0]["leak"] > 0.4), bool(curve[1]["leak"] < 0.05), curve[0]["distortion"]
    (True, True, 0.0)
    """
    X = as_columns(X)
    values = check_sensitive(sensitive_features, X.shape[0])
    y = None if y is None else column(y, len(values), "y")
    rng = check_random_state(random_state)
    order = rng.permutation(len(values))
    seed = rng.randint(2**31 - 1)
    halves = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
    before = take_rows(without_sensitive(True, X, values), halves[1])
    targets = {"z": values[halves[1]], "y": None if y is None else take_rows(y, halves[1])}
    points = []
    for strength in strengths:
        map_ = clone(transformer).set_params(**{parameter: strength})
        (after,) = mapped_parts(X, values, y, halves, map_, pass_sensitive)
        points.append(
            {"strength": float(strength)}
            | _point(before, after, targets, estimator, n_bins, max_samples, seed)
        )
    return RateDistortion(tuple(points), type(transformer).__name__)


def _point(before, after, targets, estimator, n_bins, max_samples, seed):
    """Measure one strength; random draws are the same at each."""
    rng = check_random_state(seed)
    information, _, distortion = kept(before, after, 3, max_samples, rng)
    z = classes(targets["z"], n_bins)
    scores, _, shares = proper_scores(after, z, estimator, 5, rng)
    found = {
        "distortion": distortion,
        "information": information,
        "leak": float(scores.mean() - np.sum(shares * np.log(shares))),
        "leak_error": float(scores.std(ddof=1) / np.sqrt(len(scores))),
    }
    if targets["y"] is not None:
        y = classes(targets["y"], n_bins)
        scores, square, shares = proper_scores(after, y, estimator, 5, rng)
        found["kl"] = float(scores.mean() - np.sum(shares * np.log(shares)))
        found["energy"] = float(square.mean())
    return found
