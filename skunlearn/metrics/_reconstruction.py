"""What two released versions of a model reveal of the rows that were deleted between them."""

import numbers
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import is_classifier

from skunlearn.metrics._inputs import check_data
from skunlearn.metrics._leakage import to_frame
from skunlearn.metrics._reconstruction_steps import Move, back, split_steps, through

_SOURCES = ("auto", "means", "coefficients")


@dataclass(frozen=True, repr=False)
class DeletionReconstruction:
    """A row rebuilt from two versions of a model, beside the deleted rows and beside others.

    Attributes
    ----------
    reconstruction : ndarray of shape (n_features,)
        The row as an attacker has it: of several deleted ones a weighted mean. Without an
        intercept its direction only. Behind steps that do not lead back, and without an
        intercept behind any, it is the row as the last step sees it.
    cosine : ndarray of shape (n_deleted,)
        Cosine of the reconstruction with each deleted row, in standard deviations from the public
        mean (without an intercept: with either sign, and from zero), over the columns that vary
        among the public rows. Behind steps these are the columns that the last one sees.
    null : ndarray of shape (n_null,)
        The same with rows that were not deleted.
    p_value : ndarray of shape (n_deleted,)
        ``(1 + #{null >= cosine}) / (1 + n_null)``, each for its own row.
    error : float
        Distance of the reconstruction from the mean of the deleted rows, over that mean's own
        distance from the public mean; NaN without an intercept. 0: exactly rebuilt; 1: no better
        than the public mean.
    method : str
        How it was done.
    n_deleted, n_public : int

    See Also
    --------
    deletion_reconstruction : The function that returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import deletion_reconstruction
    >>> ages = np.array([[30.0], [40.0], [77.0], [25.0]])
    >>> before, after = (4, ages.mean()), (3, ages[[0, 1, 3]].mean())
    >>> found = deletion_reconstruction(before, after, [[77.0]], ages)
    >>> found.reconstruction.round(6)
    array([77.])
    """

    reconstruction: np.ndarray
    cosine: np.ndarray
    null: np.ndarray
    p_value: np.ndarray
    error: float
    method: str
    n_deleted: int
    n_public: int

    def __str__(self):
        """How near it came, and how near other rows are, a line each."""
        best = int(np.argmax(self.cosine))
        lines = [
            f"{self.n_deleted} deleted, by {self.method}, {self.n_public} public rows",
            f"cosine with the nearest deleted row {self.cosine[best]:.3f} "
            f"(p={self.p_value[best]:.3g}), median of all {np.median(self.cosine):.3f}",
            f"cosine with other rows: median {np.median(self.null):.3f}, "
            f"95 % below {np.quantile(self.null, 0.95):.3f}",
        ]
        if not np.isnan(self.error):
            lines.append(f"relative error of the rebuilt mean {self.error:.3g}")
        return "\n".join(lines)

    def __repr__(self):
        """Class name and the lines."""
        return f"DeletionReconstruction(\n{self}\n)"

    def to_frame(self):
        """Return a pandas DataFrame, one row a deleted row."""
        pairs = zip(self.cosine, self.p_value, strict=True)
        return to_frame([{"cosine": float(c), "p_value": float(p)} for c, p in pairs])


def deletion_reconstruction(
    before,
    after,
    X_deleted,
    X_public,
    *,
    X_null=None,
    n_samples=None,
    penalty=None,
    source="auto",
):
    """Rebuild a deleted row from two versions of a model, as an attacker would, and score it.

    Parameters
    ----------
    before, after : estimator, or tuple of (int, array-like)
        The two versions: linear models (``coef_``), models of means (``mean_`` and
        ``n_samples_seen_``), or pairs of a number of rows and their mean; or pipelines that begin
        with a model of means, or end in a linear one.
    X_deleted : array-like of shape (n_deleted, n_features)
        The rows deleted in between: only to score the attack.
    X_public : array-like of shape (n_public, n_features)
        Rows of the same law that the attacker has: for the curvature of the loss, and the scale.
    X_null : array-like of shape (n_null, n_features), default=None
        Rows that were not deleted, for comparison; `X_public` by default.
    n_samples : int, default=None
        Rows that `before` was fitted on, as far as the attacker knows; read off `before` where it
        says so, or as many as there are public ones. It matters beside a penalty only.
    penalty : float, default=None
        Weight of ||w||^2 / 2 beside the sum of the losses (squared errors halved). None: read off
        each version (``alpha_``, ``alpha``, ``1 / C_``, ``1 / C``), or 0.
    source : {"auto", "means", "coefficients"}, default="auto"
        What is read of a pipeline: the means of its first step, or the coefficients of its last.
        "auto": means where there are some, for they are exact.

    Returns
    -------
    DeletionReconstruction

    Raises
    ------
    TypeError
        For two versions that are neither linear, nor means.
    ValueError
        For rows that do not fit together, as many rows after as before, or steps of a pipeline
        that moved in a way which the attack cannot follow.

    See Also
    --------
    divergence_from_refit : What the last version alone shows.
    skunlearn.audit.residue_report : What the object itself still holds.

    Notes
    -----
    Threat: somebody who holds two served versions, from before and after. How exact the
    unlearning was is no defence, quite the contrary: the difference is a function of the deleted
    row.

    *Means*: n m - n' m' is the sum of the deleted rows; one row is found exactly.

    *Linear models*: the difference of two minimisers is H^-1 r [1, x], where H is the Hessian of
    the loss of the rows, and r what the model got wrong about the deleted one [1]_. So H, estimated
    on public rows, times the difference points to the row. With an intercept its scale comes
    along. For squared loss and the true H this is exact; for the logistic one it is a Newton
    step. For several outputs the result is a matrix of rank one, r times [1, x]: it is read along
    its first column, r, or without an intercept along its first singular vector.

    *Pipelines*: a scaler in front holds the mean of the rows and their number, and so gives a
    single row away exactly, whatever stands behind it. The coefficients are attacked in the
    columns that the last step sees in `before`. Steps that were fitted anew put the same row
    elsewhere in `after`; where that is a linear map of the columns, as for scalers and full PCA,
    it is found from the public rows, and the later coefficients and their penalty are carried
    back by it, without any approximation. That needs an intercept where the map shifts rows. Other
    moves (quantiles, other components) are refused. Inside a ColumnTransformer means are not
    looked for: pass the scaler itself.

    Several rows deleted at once give sum r_i [1, x_i], one vector: the more rows, the less
    it says of each. Cosines fall about like one over the square root of their number; the mean
    of the batch, weighted by r, stays readable.

    It is one attack, and a simple one: an attacker who knows more of the rows does better. A bad
    score proves nothing; a good one is a finding. Rows that look like the deleted one are
    found too: read p beside the cosine.

    References
    ----------
    .. [1] Bertran, Tang, Kearns, Morgenstern, Roth, Wu. Reconstruction attacks on machine
       unlearning: simple models are vulnerable. NeurIPS 2024.

    Examples
    --------
    >>> import copy
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.linear_model import Ridge
    >>> from skunlearn.metrics import deletion_reconstruction
    >>> X, y = load_diabetes(return_X_y=True)
    >>> before = Ridge(alpha=1e-3).fit(X[150:], y[150:])
    >>> after = copy.deepcopy(before).unlearn(X[200:201], y[200:201])
    >>> found = deletion_reconstruction(before, after, X[200:201], X[:150])
    >>> bool(found.cosine[0] > 0.9), bool(found.p_value[0] < 0.05)
    (True, True)

    A scaler tells more than the model behind it:

    >>> from skunlearn.pipeline import make_pipeline
    >>> from skunlearn.preprocessing import StandardScaler
    >>> before = make_pipeline(StandardScaler(), Ridge()).fit(X[150:], y[150:])
    >>> after = copy.deepcopy(before).unlearn(X[200:201], y[200:201])
    >>> rows = before, after, X[200:201], X[:150]
    >>> bool(deletion_reconstruction(*rows).error < 1e-6)
    True
    >>> bool(0.1 < deletion_reconstruction(*rows, source="coefficients").error)
    True
    """
    if source not in _SOURCES:
        raise ValueError(f"Got source={source!r}, expected one of {list(_SOURCES)}.")
    (kind, front, one), (kind_after, front_after, other) = (
        _read(model, source) for model in (before, after)
    )
    if kind is None or kind != kind_after:
        names = " and ".join(_name(model) for model in (before, after))
        raise TypeError(
            f"Got {names} with source={source!r}, expected two linear models (coef_), two models "
            "of means (mean_ and n_samples_seen_), two pairs (n, mean), or two pipelines that end "
            "in the first or begin with the second."
        )
    X_null = X_public if X_null is None else X_null
    deleted, public, null = (
        _rows(through(front, X), name)
        for X, name in ((X_deleted, "X_deleted"), (X_public, "X_public"), (X_null, "X_null"))
    )
    widths = {len(rows.T) for rows in (deleted, public, null)}
    if len(widths) > 1:
        raise ValueError(f"Got rows of {sorted(widths)} columns, expected the same columns.")
    if len(public) < 2:
        raise ValueError(f"Got {len(public)} public rows, expected at least 2.")
    centre, scale = public.mean(axis=0), public.std(axis=0)
    # what does not vary among the public rows has no curvature there: out of the attack's reach
    scale = np.where(scale > 1e-9 * np.abs(centre), scale, np.inf)
    if kind == "means":
        vector, method = _from_means(one, other, public.shape[1]), "means"
    else:
        move = Move.between(public, _rows(through(front_after, X_public), "X_public"))
        n_samples = n_samples or _n_rows_of(before) or len(public)
        vector, method = _from_coefficients(one, other, public, n_samples, penalty, move)
        method += f" behind {', '.join(type(s).__name__ for s in front)}" if front else ""
    if len(vector) == public.shape[1] + 1:  # [w, w x] with the weight w of the row
        rebuilt = vector[1:] / vector[0] if vector[0] else np.full(len(centre), np.nan)
        direction = np.sign(vector[0] or 1.0) * (vector[1:] - vector[0] * centre) / scale
        parts = [(rows - centre) / scale for rows in (deleted, null)]
        mean = parts[0].mean(axis=0)
        error = float(np.linalg.norm((rebuilt - centre) / scale - mean) / np.linalg.norm(mean))
        cosine, others = (_cosine(part, direction) for part in parts)
    else:
        rebuilt, error = vector, np.nan
        cosine, others = (np.abs(_cosine(rows / scale, vector / scale)) for rows in (deleted, null))
    raw = back(front, rebuilt, X_public) if len(vector) > len(rebuilt) else None
    return DeletionReconstruction(
        reconstruction=rebuilt if raw is None else raw,
        cosine=cosine,
        null=others,
        p_value=(1 + (others >= cosine[:, None]).sum(axis=1)) / (1 + len(others)),
        error=error,
        method=method,
        n_deleted=len(deleted),
        n_public=len(public),
    )


def _rows(X, name):
    X = check_data(X)
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=float)
    if not len(X) or not np.isfinite(X).all():
        raise ValueError(f"Got {name} without rows, or with values that are not finite.")
    return X


def _read(model, source):
    """Return what is read of a model, the steps before the one that has it, and that step."""
    front, last = split_steps(model)
    first = front[0] if front else last
    if source != "coefficients" and _has_means(first):
        return "means", [], first
    if source != "means" and hasattr(last, "coef_"):
        return "coefficients", front, last
    return None, front, last


def _has_means(model):
    if isinstance(model, tuple) and len(model) == 2:
        return True
    return hasattr(model, "mean_") and _n_rows(model) is not None


def _name(model):
    last = split_steps(model)[1]
    ending = "" if last is model else f" that ends in {type(last).__name__}"
    return type(model).__name__ + ending


def _n_rows_of(model):
    """Count the rows that a model was fitted on, as any of its steps says."""
    front, last = split_steps(model)
    return next(filter(None, map(_n_rows, (last, model, *front))), None)


def _n_rows(model):
    for name in ("n_samples_seen_", "n_samples_retained_", "n_samples_"):
        found = getattr(model, name, None)
        if isinstance(found, numbers.Real):  # scikit-learn's scaler counts in floats, or weights
            return int(found) if found == int(found) else float(found)
    return None


def _from_means(before, after, n_features):
    """Return the number of deleted rows and their sum."""
    (n, mean), (m, other) = (
        model if isinstance(model, tuple) else (_n_rows(model), model.mean_)
        for model in (before, after)
    )
    if not n > m:
        raise ValueError(f"Got {n} rows before and {m} after: none was deleted in between.")
    means = [np.ravel(np.asarray(part, dtype=float)) for part in (mean, other)]
    if any(len(part) != n_features for part in means):
        raise ValueError(
            f"Got means of {len(means[0])} and {len(means[1])} columns for rows of {n_features}."
        )
    return np.concatenate([[n - m], n * means[0] - m * means[1]])


def _from_coefficients(before, after, public, n_samples, penalty, move):
    """Weight of the deleted row and the weighted row, from the curvature on public rows.

    Before, the loss has the gradient sum_i r_i [1, z_i] = -[0, a w] at the minimum. After, it is
    -[0, a w'] with the rows as they are seen then, and ``move`` carries that back.
    """
    intercept = bool(getattr(before, "fit_intercept", True))
    one, other = (_parameters(model, intercept) for model in (before, after))
    if one.shape != other.shape or one.shape[1] != public.shape[1] + intercept:
        raise ValueError(
            f"Got coefficients of shapes {one.shape} and {other.shape} (intercept first, if any) "
            f"for rows of {public.shape[1]} columns."
        )
    if not intercept and (np.abs(move.shift) > 1e-9 * move.of(public).std(axis=0)).any():
        raise ValueError(
            "The steps before the last shifted the rows between the two versions, and a model "
            "without an intercept does not tell which part of its change is due to that: set "
            "fit_intercept=True, or do not centre the rows (with_mean=False)."
        )
    rows = np.column_stack([np.ones(len(public)), public]) if intercept else public
    logistic = is_classifier(before) and hasattr(before, "predict_proba")
    weights = _curvature(one, rows) if logistic else None
    pulls = [
        (_penalty(model) if penalty is None else float(penalty)) * parameters[:, int(intercept) :]
        for model, parameters in ((before, one), (after, other))
    ]
    change = one - move.parameters(other, intercept)
    gradient = _times_hessian(change, rows, weights, n_samples / len(rows))
    gradient[:, int(intercept) :] += pulls[0] - move.gradient(pulls[1])
    method = f"the curvature of the {'logistic' if logistic else 'squared'} loss"
    if intercept:  # the first column is what the model got wrong, by output
        return gradient[:, 0] @ gradient, method
    return np.linalg.svd(gradient, full_matrices=False)[2][0], method


def _parameters(model, intercept):
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=float))
    if not intercept:
        return weights
    return np.column_stack([np.broadcast_to(np.ravel(model.intercept_), len(weights)), weights])


def _penalty(model):
    for name, value in (("alpha_", 1), ("alpha", 1), ("C_", -1), ("C", -1)):
        found = getattr(model, name, None)
        if found is not None:
            return float(np.mean(found)) ** value
    return 0.0


def _curvature(parameters, rows):
    """Second derivatives of the logistic loss in the scores, by row."""
    scores = rows @ parameters.T
    if scores.shape[1] == 1:
        p = expit(scores)
        return (p * (1 - p))[:, :, None]
    p = softmax(scores, axis=1)
    return p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])


def _times_hessian(change, rows, weights, times):
    """Hessian of the loss on all rows, times a change of the parameters."""
    moved = rows @ change.T
    if weights is not None:
        moved = np.einsum("nkl,nl->nk", weights, moved)
    return times * moved.T @ rows


def _cosine(rows, direction):
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(direction)
    return np.divide(rows @ direction, lengths, out=np.zeros(len(rows)), where=lengths > 0)
