"""Ridge regression whose penalty is chosen anew after every deletion."""

import dataclasses
from numbers import Integral

import numpy as np
from scipy import linalg
from sklearn import linear_model
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state

from skunlearn._exact import copy_fitted
from skunlearn._sklearn_compat import Interval, LinearModel
from skunlearn._statistics._hashing import derive_key, hash_rows, new_key
from skunlearn._statistics._moments import merge
from skunlearn.linear_model._base import LeastSquaresMixin
from skunlearn.linear_model._ridge import target_alphas
from skunlearn.linear_model._solve import NormalEquations


class UnlearnableRidgeCV(LeastSquaresMixin, MultiOutputMixin, RegressorMixin, LinearModel):
    """Ridge regression that chooses alpha by cross-validation, and chooses again when it forgets.

    Model selection remembers: an alpha that was chosen with rows since forgotten still depends on
    them. Here the fold of a row is a keyed hash of its content, the state is one exact Gram matrix
    a fold, and after each request the cross-validation is run again from these, without a row.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), default=(0.1, 1.0, 10.0)
        Penalties to choose from.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    n_folds : int, default=5
        Number of folds. Copies of a row are in the same fold.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values for the columns [X | y] and, last, for the weights.
        "auto" takes at least 33 binary places below the spread of each column; "exact" keeps every
        bit of the data. Pass a fitted `resolution_` to be certain of the same grid in a refit.
    random_state : int, RandomState instance or None, default=None
        Where the key of the folds comes from: secret if None. With an int the folds are
        reproducible, and whoever contributes rows and knows it can choose their folds.

    Attributes
    ----------
    alpha_ : float
        The chosen penalty.
    best_score_ : float
        Its score: minus the mean squared error on held-out folds.
    mse_path_ : ndarray of shape (n_alphas,)
        Mean squared error on held-out folds, mean over targets.
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.
    resolution_ : ndarray of shape (n_columns + 1,), int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the model stands on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    Ridge : Ridge regression with a given alpha.

    Notes
    -----
    The guarantee is exact, the choice of alpha included: equal, bit for bit, to a fit on the rows
    that remain with the same key of the folds and the same grid. A fit or a request costs
    O(n_folds d³) beyond the rows themselves.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.linear_model import UnlearnableRidgeCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = UnlearnableRidgeCV([0.001, 0.1, 10.0], random_state=0).fit(X, y)
    >>> model.alpha_
    0.1
    >>> model.unlearn(X[:20], y[:20]).n_samples_retained_
    422
    """

    _columns_free = False  # the fold of a row is a hash of all its columns

    _parameter_constraints: dict = {
        "alphas": ["array-like"],
        "fit_intercept": ["boolean"],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "track_rows": ["boolean"],
        "resolution": "no_validation",
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alphas=(0.1, 1.0, 10.0),
        *,
        fit_intercept=True,
        n_folds=5,
        track_rows=True,
        resolution="auto",
        random_state=None,
    ):
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.n_folds = n_folds
        self.track_rows = track_rows
        self.resolution = resolution
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_supported(self):
        """Every configuration can forget."""

    def _fold_info(self):
        """Draw the key of the folds; it and their number stay, whatever the parameters become."""
        if self.random_state is None:
            return {"folds": (new_key(), self.n_folds)}
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return {"folds": (derive_key(seed, "folds"), self.n_folds)}

    def _fold_codes(self, content, info):
        """Fold of each row: a keyed hash of its content."""
        key, n_folds = info["folds"]
        return (hash_rows(content, key) % np.uint64(n_folds)).astype(np.intp)

    def _check_rows(self, request, reset):
        rows, info = super()._check_rows(request, reset)
        info |= self._fold_info() if reset else {"folds": self._info["folds"]}
        codes = self._fold_codes(rows.blocks, info)
        keys = [(None, None, fold) for fold in range(info["folds"][1])]
        return dataclasses.replace(rows, keys=keys, codes=codes), info

    def _derive(self, moments, info):
        alphas = np.asarray(self.alphas, dtype=np.float64)
        if alphas.ndim != 1 or not len(alphas) or not (alphas >= 0).all():
            raise ValueError(f"Got alphas={self.alphas!r}, expected one or more numbers >= 0.")
        folds = [part for part in moments.by("fold").values() if part.weight > 0]
        if len(folds) < 2:
            raise ValueError(
                f"Got rows in {len(folds)} of n_folds={self.n_folds} folds (n_samples="
                f"{moments.pooled.n_rows}), cross-validation needs 2: pass more distinct rows."
            )
        errors = np.zeros(len(alphas))
        for i, held_out in enumerate(folds):
            train = merge(folds[:i] + folds[i + 1 :])
            errors += _held_out_errors(train, held_out, alphas, self.fit_intercept)
        errors /= sum(part.weight for part in folds)
        best = int(np.argmin(errors))
        equations = NormalEquations.of(moments.pooled)
        penalty = target_alphas(alphas[best], len(equations.mean_y))
        return {
            **self._linear_attributes(*equations.solve(penalty, self.fit_intercept), info),
            "alpha_": float(alphas[best]),
            "best_score_": float(-errors[best]),
            "mse_path_": errors,
        }

    def _conditions(self):
        secret = ("the key of the folds (secret: give random_state to have it again in a refit)",)
        return super()._conditions() + (secret if self.random_state is None else ())

    def to_sklearn(self):
        """Give a plain `sklearn.linear_model.Ridge` with the chosen alpha, for serving.

        Returns
        -------
        sklearn.linear_model.Ridge
        """
        plain = copy_fitted(self, linear_model.Ridge)
        for name in ("alpha_", "best_score_", "mse_path_"):
            delattr(plain, name)
        plain.n_iter_, plain.solver_ = None, "cholesky"
        return plain.set_params(alpha=self.alpha_)


def _held_out_errors(train, held_out, alphas, fit_intercept):
    """Weighted squared errors on one fold, mean over targets, for each alpha: from moments."""
    d = train.n_features
    mean, scatter = train.mean, train.scatter
    if not fit_intercept:
        scatter = scatter + train.weight * np.outer(mean, mean)
        mean = np.zeros_like(mean)
    values, vectors = linalg.eigh(scatter[:d, :d])
    values = np.maximum(values, 0.0)
    projected = vectors.T @ scatter[:d, d:]
    floor = len(values) * np.finfo(np.float64).eps * values.max(initial=0.0)
    gap = held_out.mean - mean
    within = held_out.scatter + held_out.weight * np.outer(gap, gap)
    errors = np.empty(len(alphas))
    for i, alpha in enumerate(alphas):
        shrunk = np.divide(1.0, values + alpha, where=values + alpha > floor, out=0.0 * values)
        coef = vectors @ (shrunk[:, None] * projected)
        residual = np.vstack([-coef, np.eye(coef.shape[1])])
        errors[i] = np.einsum("ij,ik,kj->j", residual, within, residual).mean()
    return errors
