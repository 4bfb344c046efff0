"""Logistic regression behind affine steps: the anchor stands in raw coordinates, the steps move."""

import numpy as np
from sklearn.base import clone

from skunlearn._statistics._anchor import Anchor, ClassifiedRows
from skunlearn.base import Guarantee, Request
from skunlearn.exceptions import UnlearningError
from skunlearn.linear_model._anchored import AnchoredRows
from skunlearn.linear_model._newton import full
from skunlearn.linear_model._removal import RESIDUES, options_of


class BehindStepsMixin:
    """What a chain of steps asks of a model that it ends with, and that forgets by an anchor.

    The chain gives the raw rows U, in coordinates that are fixed at its fit, and the affine maps
    from there to what the steps put out, {group: (A, b)}; when rows leave, the maps move.
    """

    def _anchor_refusal(self):
        """Why a chain of steps cannot end with this configuration, or None."""
        if self.epsilon is not None:
            return "a certificate of removal does not cover the steps before the model"
        if self.max_row_norm is not None:
            return "max_row_norm is about rows that the steps before the model move"
        return None

    def _fit_anchored(self, Z, U, labels, weights, keys, groups, maps):
        """Fit to the optimum on the transformed rows, and anchor it at the raw ones.

        Parameters
        ----------
        Z, U : ndarray of shape (n, k), and ndarray or csr_array of shape (n, d)
            The rows behind and before the steps.
        labels : ndarray of shape (n,)
        weights : ndarray of shape (n,) or None
        keys : list
            The groups, None for all rows alike.
        groups : ndarray of shape (n,), int, or None
        maps : dict

        Returns
        -------
        anchored : AnchoredRows
        info : dict
        """
        fresh = clone(self).set_params(track_rows=False)
        fresh._fit(Request(Z, labels, weights), release=0)
        model, W = fresh._solution(fresh._learned, fresh._info)
        info = {**fresh._info, "classes": fresh.classes_, "n_iter": fresh.n_iter_}
        if info["balanced"]:
            codes = np.searchsorted(fresh.classes_, labels)
            keys, groups = list(range(len(fresh.classes_))), codes
        theta = {}
        for key in keys:
            A, b = maps[key if key in maps else None]
            coef = full(model, W)
            linear = A[:, None] * coef[:-1] if A.ndim == 1 else A.T @ coef[:-1]
            theta[key] = np.vstack([linear, coef[-1:] + b @ coef[:-1]])
        rows = self._anchor_rows(U, labels, weights, keys, groups, info)
        counts = np.bincount(rows.codes, minlength=len(info["classes"]))
        return AnchoredRows(Anchor.of(theta, rows), counts, None, None), info

    @staticmethod
    def _anchor_rows(U, labels, weights, keys, groups, info):
        """Raw rows with positions of their classes, for the anchor."""
        classes = info["classes"]
        codes = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
        unknown = classes[codes] != labels
        if unknown.any():
            raise UnlearningError(
                f"Got label {labels[unknown][0]!r}, expected one of {classes.tolist()}: the "
                "anchored model knows the classes of its fit only. Fit again on all the rows."
            )
        if info["factors"] is not None:
            weights = info["factors"][codes] * (1.0 if weights is None else weights)
        if info["balanced"]:
            keys, groups = list(range(len(info["classes"]))), codes
        return ClassifiedRows(U, codes, weights, tuple(keys), groups)

    @staticmethod
    def _anchored_model(anchored, info, maps):
        """Return the objective as the anchor models it behind the steps."""
        by_key = {key: maps[key if key in maps else None] for key in anchored.anchor.parts}
        return anchored.anchor.model(maps=by_key, **options_of(anchored.anchor, info))

    def _derive_anchored(self, anchored, info, maps):
        """Learned attributes on the rows that remain, behind the steps as they are now."""
        model = self._anchored_model(anchored, info, maps)
        theta = full(model, model.solve()).T.astype(info["dtype"])
        return {
            "classes_": info["classes"],
            "coef_": np.ascontiguousarray(theta[:, :-1]),
            "intercept_": np.ascontiguousarray(theta[:, -1]),
            "n_iter_": info["n_iter"],
        }

    def _bounds_behind(self, anchored, info, maps, size):
        """Bounds on the gradient, and on the distance to the optimum, of what is published.

        `size` is the largest term of a row behind the steps: rows with a large offset are moved
        by its rounding, which moves each error of a row, below 1, and by 1/4 of it its logit.
        """
        model = self._anchored_model(anchored, info, maps)
        W = np.column_stack([self.coef_, self.intercept_]).astype(np.float64).T[: model.shape[0]]
        moved = 8 * 2.0**-53 * size * np.sqrt(model.shape[0])
        allowance = 0.0
        for key in anchored.anchor.parts:
            mass = model.factor(key) * anchored.anchor.weight(key) * np.sqrt(model.shape[1])
            allowance += mass * moved * (1.0 + model.output_radius(key) * np.linalg.norm(W))
        return model.residual_bound(W) + allowance, model.distance_bound(W) + allowance

    @staticmethod
    def _guarantee_behind(bound, conditions):
        return Guarantee(
            "approximate",
            conditional_on=conditions,
            residues=RESIDUES,
            detail=(
                "The steps before the model are derived exactly from the rows that remain; the "
                "model takes one Newton step at the reference of the fit, in raw coordinates, with "
                "the steps as they are now. On the rows that remain the gradient of its objective "
                f"is at most {bound:.3g} (residual_bound_), the change of the steps included."
            ),
        )
