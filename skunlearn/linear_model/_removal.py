"""Forgetting by an anchored Newton step: requests, bounds, budgets, and what is said of them."""

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import ExactUnlearnerMixin, check_X_y, conditions, numeric
from skunlearn._sklearn_compat import check_weights
from skunlearn.base import Guarantee, Request, UnlearnerMixin, UnlearnerTags
from skunlearn.exceptions import BudgetSpentError, UnlearningError
from skunlearn.linear_model._anchored import Batch, check_norms
from skunlearn.linear_model._certified import FIT_SHARE
from skunlearn.linear_model._newton import full

RESIDUES = (
    "the reference of the anchored step: coefficients fitted with the forgotten rows, in the "
    "maintenance state (never in to_sklearn)",
)
_EXTENT = (
    "the largest row norm and the range of each column at fit (declare max_row_norm instead)",
)


def _can_unlearn(estimator):
    reason = estimator._unlearn_refusal()
    if reason is not None:
        raise AttributeError(reason)
    return True


class AnchoredRemovalMixin(UnlearnerMixin):
    """Classifiers that forget by a Newton step at the reference of their fit.

    A subclass gives `_fit(request, release)`, and the state `_learned` (`AnchoredRows`) and `_info`
    (a dictionary: what of the parameters the fit has fixed).
    """

    _unlearner_tags = UnlearnerTags(kind="approximate", needs_y=True)
    _private_attributes = ()
    _kind, _target = "gram", "class"  # of a chain that ends with it

    # what the exact estimators do alike, written once there
    _check_maintained = ExactUnlearnerMixin._check_maintained
    _hand_over = ExactUnlearnerMixin._hand_over
    n_samples_retained_ = ExactUnlearnerMixin.n_samples_retained_
    state_digest = ExactUnlearnerMixin.state_digest

    def _check_rows(self, request, reset):
        """Validate rows as `fit` does; return them and the dtype of X."""
        X, y = check_X_y(self, request, reset, accept_sparse="csr", dtype=[np.float64, np.float32])
        return Batch(numeric(X), y, check_weights(request.sample_weight, X)), X.dtype

    def _classifier(self, info):
        """Return the function from a batch to rows with the positions of their classes."""
        return lambda batch: batch.classified(self.classes_, info["factors"], info["balanced"])

    # -- the model of a state --------------------------------------------------------------

    def _attributes(self, learned, info, n_iter=1, at_fit=False):
        """Everything that is assigned when the model stands on `learned`."""
        model, W = self._solution(learned, info)
        if not np.isfinite(W).all():
            raise UnlearningError("The anchored step is not finite. Fit again on what remains.")
        certificate, n_iter = info["certificate"], np.atleast_1d(n_iter).astype(np.int32)
        if certificate is not None:
            shift = model.residual_bound(W)
            self._check_budget(certificate, shift, at_fit)
            # n_iter_ tells of the rows too, and has no noise
            W, n_iter = certificate.released(W), np.ones(1, dtype=np.int32)
            info = {**info, "shift": shift}
        theta = full(model, W).T.astype(info["dtype"])
        return {
            "coef_": np.ascontiguousarray(theta[:, :-1]),
            "intercept_": np.ascontiguousarray(theta[:, -1]),
            "n_iter_": n_iter,
            "_learned": learned,
            "_info": info,
        }

    def _solution(self, learned, info):
        """Return the objective as the anchor models it, and its minimiser, without noise."""
        model = learned.anchor.model(**options_of(learned.anchor, info))
        return model, model.solve()

    def _check_budget(self, certificate, shift, at_fit):
        """Refuse what the noise would not cover."""
        if at_fit and shift > FIT_SHARE * certificate.budget:
            raise ValueError(
                f"The fit is within {shift:.3g} of the optimum, too far beside removal_budget="
                f"{certificate.budget:g}. Declare a removal_budget of {200 * shift:.2g} or more, "
                "or scale the rows."
            )
        if self.on_budget_spent == "error" and not certificate.covers(shift):
            raise BudgetSpentError(
                f"After this request the model may be {shift:.3g} from the optimum on the rows "
                f"that remain, more than removal_budget={certificate.budget:g} covers; nothing was "
                "changed. Pass X_retain and y_retain, the rows that remain, to refit with a fresh "
                'budget, or choose on_budget_spent="approximate" to go on without a certificate.'
            )

    # -- requests --------------------------------------------------------------------------

    @available_if(_can_unlearn)
    def unlearn(
        self,
        X,
        y=None,
        *,
        sample_weight=None,
        X_retain=None,
        y_retain=None,
        sample_weight_retain=None,
    ):
        """Forget rows by an anchored Newton step: no retained row is needed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_forget, n_features)
            Rows to forget, as they were given to `fit`. No row is no request.
        y : array-like of shape (n_forget,)
            Their labels.
        sample_weight : array-like of shape (n_forget,), default=None
            The weights they were learned with.
        X_retain : {array-like, sparse matrix} of shape (n_retain, n_features), default=None
            All the learned rows less the forgotten ones, for a refit. It takes place only where
            the step cannot: a class loses its last row, or the budget is spent.
        y_retain : array-like of shape (n_retain,), default=None
            Their labels.
        sample_weight_retain : array-like of shape (n_retain,), default=None
            Their weights.

        Returns
        -------
        self : object
            The estimator itself. After any error it is what it was before.

        Raises
        ------
        NotLearnedError
            If rows were never learned, or not that many times.
        BudgetSpentError
            If a certified model would move further than its noise covers.
        UnlearningError
            If a class would lose its last row, and no rows for a refit are given.
        """
        check_is_fitted(self)
        options = {}
        if X_retain is not None:
            options["retain"] = Request(X_retain, y_retain, sample_weight_retain)
        self._carry_out(Request(X, y, sample_weight, options=options))
        return self

    def _prepare_unlearn(self, forget, learn=None):
        if not forget.options.get("by_owner"):
            self._check_maintained()
        if forget.sensitive_features is not None:
            raise UnlearningError(
                f"{type(self).__name__} takes no sensitive_features: leave them out of the request."
            )
        batch, _ = self._check_rows(forget, reset=False)
        if len(batch) == 0 and learn is None:
            return None
        info, retain = self._info, forget.options.get("retain")
        classify = self._classifier(info)
        learned = self._learned.minus(batch, classify)
        if learn is not None:
            more, _ = self._check_rows(learn, reset=False)
            self._check_reach(more)
            learned = learned.plus(more, classify)
        gone = self.classes_[learned.counts == 0].tolist()
        if gone and retain is None:
            raise UnlearningError(
                f"Class {gone[0]!r} would have no row left, and the anchored model cannot drop a "
                "class as a refit would. Pass X_retain and y_retain, the rows that remain, to "
                "refit on them, or delete the model if there are none."
            )
        certificate = info["certificate"]
        if certificate is not None:
            info = {**info, "certificate": certificate.following()}
        if not gone:
            try:
                attributes = self._attributes(learned, info)
            except BudgetSpentError:
                if retain is None:
                    raise
            else:
                if retain is None or covered(attributes["_info"]):
                    return attributes
        return self._refitted(batch, retain)

    def _check_reach(self, more):
        """Refuse further rows that the bounds were not made for."""
        anchor = self._learned.anchor
        try:
            check_norms(more.X, np.sqrt(anchor.radius**2 - 1.0))
        except ValueError as error:
            raise UnlearningError(f"{error} (the norm at fit where none was declared)") from error
        if anchor.box is not None:
            center, half = anchor.box
            X = more.X.toarray() if hasattr(more.X, "toarray") else more.X
            if (np.abs(X - center) > half).any():
                raise UnlearningError(
                    "The new rows are outside the range of the columns at fit, which the bound "
                    "rests on. Declare max_row_norm at fit, or fit again on all the rows."
                )

    def _refitted(self, batch, retain):
        """Attributes of a model fitted on the rows that remain, which the caller gives."""
        prints = self._learned.without_prints(batch)
        if prints is not None:
            kept, _ = self._check_rows(retain, reset=False)
            hashes = kept.fingerprints(self._learned.key)
            missing = prints.n_missing(hashes)
            if missing or len(hashes) != len(prints):
                raise UnlearningError(
                    f"X_retain has {len(hashes)} rows, {missing} of them not among the "
                    f"{len(prints)} learned rows that remain. Pass exactly the learned rows less "
                    "the forgotten ones, with their labels and weights."
                )
        certificate = self._info["certificate"]
        fresh = clone(self)
        try:
            # further along in the stream of noise, which must not be drawn twice
            fresh._fit(retain, release=0 if certificate is None else certificate.release + 1)
        except ValueError as error:
            raise UnlearningError(f"{error} (raised by fit on the rows that remain)") from error
        params = self.get_params(deep=False)
        return {name: value for name, value in vars(fresh).items() if name not in params}

    def _count_missing(self, forget):
        self._check_maintained()
        return self._learned.n_missing(self._check_rows(forget, reset=False)[0])

    # -- what it says of itself ------------------------------------------------------------

    def _bounded(self):
        """Return the objective as the anchor models it, and what the bounds are about."""
        self._check_maintained(AttributeError)
        model, W = self._solution(self._learned, self._info)
        if self._info["certificate"] is None:  # what is published is rounded to the dtype of X
            coef = self.coef_.toarray() if sparse.issparse(self.coef_) else self.coef_
            theta = np.column_stack([coef, self.intercept_]).astype(np.float64)
            W = theta.T[: len(W)]
        return model, W

    @property
    def residual_bound_(self):
        """Upper bound on the norm of the gradient of the objective on the retained rows."""
        model, W = self._bounded()
        return model.residual_bound(W)

    @property
    def distance_bound_(self):
        """Upper bound on the distance of `coef_` from the optimum on the retained rows, or inf."""
        model, W = self._bounded()
        return model.distance_bound(W)

    @property
    def budget_left_(self):
        """How much further from its optimum the model may be before the noise does not cover it."""
        self._check_maintained(AttributeError)
        certificate = self._info["certificate"]
        if certificate is None:
            raise AttributeError("There is a budget only where epsilon is given.")
        return certificate.left(self._info["shift"])

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        residues = RESIDUES if self._learned.anchor.box is None else RESIDUES + _EXTENT
        given = (*conditions(track_rows=self.track_rows), "the grid of the sums, chosen at fit")
        certificate = self._info["certificate"]
        if certificate is not None and covered(self._info):
            return certificate.guarantee(given, residues, self._info["shift"])
        detail = (
            "One Newton step at the reference of the fit: on the rows that remain the gradient of "
            f"the objective is at most {self.residual_bound_:.3g} (residual_bound_), whatever was "
            "forgotten, and the same in any order and split of the requests."
        )
        if certificate is not None:
            detail += " The removal budget is spent: this model is not certified. Refit it."
        return Guarantee("approximate", None, None, given, residues, detail)

    def to_sklearn(self):
        """Give the plain scikit-learn estimator for serving.

        It carries the parameters and learned attributes, no reference, sums, fingerprints or keys;
        of a certified model not the `random_state`, from which its noise is drawn.

        Returns
        -------
        sklearn.linear_model.LogisticRegression
        """
        plain = ExactUnlearnerMixin.to_sklearn(self)
        return plain if self.epsilon is None else plain.set_params(random_state=None)


def covered(info):
    """Tell whether the noise of a certified model covers its shift; true where there is none."""
    return info["certificate"] is None or info["certificate"].covers(info["shift"])


def options_of(anchor, info):
    """Options of `Anchor.model`: those of the fit, and weights that balance what remains."""
    certificate = info["certificate"]
    options = {
        "C": info["C"],
        "fit_intercept": info["fit_intercept"],
        "penalize_intercept": certificate is not None,
        "linear": None if certificate is None else certificate.linear,
    }
    if info["balanced"]:
        weights = {key: anchor.weight(key) for key in anchor.parts}
        if min(weights.values()) <= 0:
            raise UnlearningError(
                'A class would have no weight left, which class_weight="balanced" divides by. '
                "Pass X_retain and y_retain to refit on the rows that remain."
            )
        mean = sum(weights.values()) / len(weights)
        options["scales"] = {key: mean / weight for key, weight in weights.items()}
    return options
