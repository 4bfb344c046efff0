"""Compare what a model and its twin say of the same rows."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.utils import resample

_OUTPUTS = (
    "predict_joint_log_proba",
    "decision_function",
    "predict_proba",
    "transform",
    "predict",
)
_COUNTS = ("classes_", "class_count_", "n_samples_seen_", "n_samples_", "n_samples_fit_")
_N_COMPARED = 256
_SAME = 1e-6  # standard deviations: rounding
_SOLVER = 1e-2  # and what a solver may leave


class Comparison:
    """What a model says of some of its rows.

    Parameters
    ----------
    method : str
    rows : array-like
    said : array-like
    """

    def __init__(self, method, rows, said):
        self.method, self.rows, self.said = method, rows, said

    @classmethod
    def of(cls, model, X):
        """Ask a model about some rows."""
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        rows = resample(X, replace=False, n_samples=min(n, _N_COMPARED), random_state=0)
        method = next(name for name in _OUTPUTS if hasattr(model, name))
        return cls(method, rows, getattr(model, method)(rows))

    def check(self, model, twin, tol=None, refit=None):
        """Refuse a twin that says something else; `refit` repeats scikit-learn's own fit."""
        name = type(model).__name__
        for attribute in _COUNTS:
            one, other = getattr(model, attribute, None), getattr(twin, attribute, None)
            if one is not None and other is not None and not _equal(one, other):
                raise ValueError(
                    f"The rows are not those that this {name} was fitted on: it has {attribute}="
                    f"{one}, and with these rows it is {other}."
                )
        found = self._distance_to(twin)
        if found <= (_SAME if tol is None else tol):
            return
        again = self._again(refit)
        if again <= _SAME and tol is None and found <= _SOLVER:
            return
        allowed = tol if tol is not None else _SOLVER if again <= _SAME else _SAME
        said = (
            f"{self.method} of the twin of this {name} is up to {found:.2g} standard deviations "
            f"from the model's, more than tol={allowed:g}."
        )
        if again <= _SAME:
            raise ValueError(
                f"{said} The rows are right: scikit-learn's fit on them gives the model back. It "
                "is that far from the optimum, where the twin is: its solver stopped early, or "
                "rounding decides (columns that depend on each other, directions without "
                "variance). Fit the model with a smaller tol and more iterations, or without these "
                f"columns, or accept the twin with tol={_above(found):g}."
            )
        way_out = f", or accept the twin with tol={_above(found):g}." if found < np.inf else "."
        raise ValueError(
            f"{said} A new fit of scikit-learn's on these rows is {again:.2g} from the model, too: "
            "X, y or sample_weight are not what it was fitted on, or its parameters were changed "
            f"since, or it draws at random. Pass the rows it was fitted on{way_out}"
        )

    def _distance_to(self, other):
        return _distance(self.said, getattr(other, self.method)(self.rows))

    def _again(self, refit):
        """Return how far a new fit of scikit-learn's is from the model."""
        if refit is None:
            return np.inf
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the first fit has said it
            return self._distance_to(refit())


def _above(value):
    """Round up to one digit."""
    unit = 10.0 ** np.floor(np.log10(value))
    return np.ceil(value / unit) * unit


def _equal(one, other):
    """Tell whether labels, or counts, are the same."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(np.array_equal, one, other))
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind in "OUS" or one.shape != other.shape:
        return one.shape == other.shape and bool((one == other).all())
    return np.allclose(one, other, rtol=1e-6)


def _distance(said, says):
    """Largest difference of two outputs, in standard deviations of the first, by column."""
    if isinstance(said, list):
        return max(_distance(one, other) for one, other in zip(said, says, strict=True))
    one, other = (
        np.asarray(out.toarray() if sparse.issparse(out) else out) for out in (said, says)
    )
    if one.shape != other.shape:
        return np.inf
    if one.dtype.kind not in "biuf" or other.dtype.kind not in "biuf":
        return _distance_of_objects(one, other)
    one, other = one.astype(np.float64), other.astype(np.float64)
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return np.inf
    one, other = np.nan_to_num(one), np.nan_to_num(other)
    size = one.std(axis=0)
    size = np.maximum(size, 1e-8 * np.abs(one).max(initial=0.0))  # of columns of rounding errors
    return float((np.abs(one - other) / np.where(size > 0, size, 1.0)).max(initial=0.0))


def _distance_of_objects(one, other):
    """As `_distance`, of columns of any kind: those that are no numbers are equal, or not."""
    if one.ndim == 1:
        one, other = one[:, None], other[:, None]
    found = 0.0
    for a, b in zip(one.T, other.T, strict=True):
        try:
            found = max(found, _distance(a.astype(np.float64), b.astype(np.float64)))
        except (TypeError, ValueError):
            missing = (a != a) & (b != b)
            found = found if ((a == b) | missing).all() else np.inf
    return found
