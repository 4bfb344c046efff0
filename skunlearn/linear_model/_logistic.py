"""Logistic regression that forgets rows by an anchored Newton step, bounded or certified."""

import warnings
from numbers import Real

import numpy as np
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight

from skunlearn._sklearn_compat import Interval, fit_context
from skunlearn._statistics._anchor import Anchor
from skunlearn._statistics._hashing import new_key
from skunlearn.base import Request
from skunlearn.linear_model._anchored import AnchoredRows, check_norms, check_size
from skunlearn.linear_model._behind_steps import BehindStepsMixin
from skunlearn.linear_model._certified import Certificate
from skunlearn.linear_model._newton import minimise
from skunlearn.linear_model._removal import AnchoredRemovalMixin, options_of

_SLACK = 1 + 1e-6  # rows scaled to a declared norm in float32 may be this much longer


class LogisticRegression(BehindStepsMixin, AnchoredRemovalMixin, linear_model.LogisticRegression):
    """Logistic regression with `unlearn`: one Newton step, with a bound or a certificate.

    Binary and multinomial, with scikit-learn's L2-penalised objective. After `unlearn` the model is
    approximate: `residual_bound_` says how far from optimal it can be on the rows that remain,
    whatever was forgotten. With `epsilon` and `delta` what is published carries noise that covers
    that distance, and forgetting is certified.

    Parameters
    ----------
    penalty : {"l2"}, default="deprecated"
        As in scikit-learn, where it is deprecated. Only the L2 penalty can be forgotten under.
    C : float, default=1.0
        Inverse of the strength of the penalty; `np.inf` is refused.
    l1_ratio : float, default=0.0
        Values other than 0 are refused.
    dual : bool, default=False
        True is refused, as by scikit-learn's solvers but "liblinear".
    tol : float, default=1e-4
        Tolerance of `solver`, from whose solution Newton's method goes on to about 1e-10.
    fit_intercept : bool, default=True
        As in scikit-learn; the intercept is penalised where `epsilon` is given.
    intercept_scaling : float, default=1
        Accepted for compatibility.
    class_weight : dict or "balanced", default=None
        As in scikit-learn; "balanced" is taken anew from the rows that remain, from sums of each
        class.
    random_state : int, RandomState instance or None, default=None
        For the solvers "sag" and "saga", and for the noise where `epsilon` is given. None draws the
        noise from the operating system; an int is for tests, since who knows it knows the noise.
    solver : {"lbfgs", "newton-cg", "newton-cholesky", "sag", "saga"}, default="lbfgs"
        Finds the start of Newton's method. "liblinear" has another objective, and is refused.
    max_iter : int, default=100
        Iterations of `solver`.
    verbose : int, default=0
        As in scikit-learn.
    warm_start : bool, default=False
        Start `solver` at the previous solution.
    n_jobs : int, default=None
        As in scikit-learn, without effect.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    max_row_norm : float, default=None
        Declared bound R on the Euclidean norm of each row of X (the intercept's 1 not counted),
        which the bounds rest on: longer rows are refused by `fit`. If None it is the largest norm
        at `fit`, and the model remembers that, and the range of each column.
    epsilon, delta : float, default=None
        What is certified: each release is (epsilon, delta)-indistinguishable from a fit on the rows
        that remain. Both or neither; they need `max_row_norm`.
    removal_budget : float, default=0.1
        How far from its optimum the model may be for the noise to cover it. It sets the scale of
        the noise, before any data is seen.
    mechanism : {"output", "objective"}, default="output"
        Noise on the parameters, fresh at each release, or a random linear term in the objective,
        drawn at `fit`. The second costs less accuracy; its proof takes the residual as independent
        of the noise.
    on_budget_spent : {"error", "approximate"}, default="error"
        What a request does that the budget does not cover: raise `BudgetSpentError`, or go on
        without a certificate. Given `X_retain` it refits instead.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes. `unlearn` never drops one.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients; with noise where `epsilon` is given.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercept; with noise where `epsilon` is given.
    n_iter_ : ndarray of shape (1,), int32
        Iterations of the solver and of Newton's method; 1 after `unlearn`, and where `epsilon` is
        given.
    residual_bound_ : float
        Upper bound on the norm of the gradient of the objective (C times the losses of the rows
        that remain, plus the penalty) at the model; without the noise where `epsilon` is given.
    distance_bound_ : float
        Upper bound on the Euclidean distance of `coef_` from the optimum on the rows that remain;
        inf where none can be given (more than two classes with a free intercept, far from it).
    budget_left_ : float
        What is left of `removal_budget`; only where `epsilon` is given.
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
    RidgeClassifier : A linear classifier that forgets exactly.

    Notes
    -----
    **The step.** `fit` keeps the gradient, the Hessian and the Gram matrix of the rows at its
    solution, the reference. `unlearn` subtracts the forgotten rows' own terms, at the same
    reference, and minimises the quadratic model that is left. No retained row is touched: m rows of
    d features and k classes cost O(m (dk)² + (dk)³), whatever the number of rows. The sums are
    integers, so the result is the same, bit for bit, in any order and split of the requests, and
    steps do not add up: there is always one, from the reference to what remains. It is not bit for
    bit the refit. The Hessian is dense: more than 2**27 numbers of it are refused.

    **The bound.** With v the step and x_i the rows with a 1 appended, the gradient at the new point
    is off by at most ½ C γ R Σ w_i (x_i'v)², where the sum over retained rows comes from the Gram
    matrix; γ is 1/(6√3), or √6/9 for more than two classes. A second bound, from self-concordance
    with the Hessian in place of the Gram matrix, is taken where it is smaller, and an allowance for
    rounding is added. Both hold for every set of forgotten rows, chosen ones included. The bound
    grows with the square of their number; a refit takes it back to rounding.

    **The certificate** ("output"). With the intercept penalised too the objective is 1-strongly
    convex, so a gradient of norm at most B means a distance of at most B from the optimum on the
    rows that remain. The released parameters and those of a refit are Gaussians of one covariance
    whose means are within 0.99 B_max + 0.01 B_max, `fit` seeing to the second term for its own
    residual, B_max being `removal_budget`; the analytic Gaussian mechanism gives the scale at which
    these are (epsilon, delta)-indistinguishable. The scale depends on parameters only. It is about
    the last release, seen alone, and requests chosen without looking at earlier releases; releases
    compose. It does not cover an observer of this object (serve `to_sklearn()`), nor C or a scaler
    that was chosen with the forgotten rows, nor the fact that a request was refused. Crafted rows
    can spend the budget at once.

    The first release is covered too, but it is no differentially private fit: before a row is
    forgotten nothing hides it.

    References
    ----------
    Guo, Goldstein, Hannun, van der Maaten. Certified data removal from machine learning models.
    ICML 2020.

    Neel, Roth, Sharifi-Malvajerdi. Descent-to-delete: gradient-based methods for machine
    unlearning. ALT 2021.

    Sekhari, Acharya, Kamath, Suresh. Remember what you want to forget: algorithms for machine
    unlearning. NeurIPS 2021.

    Balle, Wang. Improving the Gaussian mechanism for differential privacy: analytical calibration
    and optimal denoising. ICML 2018.

    Bach. Self-concordant analysis for logistic regression. Electronic Journal of Statistics 4,
    2010.

    Marchant, Rubinstein, Alfeld. Hard to forget: poisoning attacks on certified machine unlearning.
    AAAI 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from skunlearn.linear_model import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> model = LogisticRegression().fit(X, y).unlearn(X[:9], y[:9])
    >>> refit = LogisticRegression().fit(X[9:], y[9:])
    >>> bool(abs(model.coef_ - refit.coef_).max() < model.distance_bound_ < 0.2)
    True
    """

    _parameter_constraints: dict = {
        **linear_model.LogisticRegression._parameter_constraints,
        "track_rows": ["boolean"],
        "max_row_norm": [Interval(Real, 0, None, closed="neither"), None],
        "epsilon": [Interval(Real, 0, None, closed="neither"), None],
        "delta": [Interval(Real, 0, 1, closed="neither"), None],
        "removal_budget": [Interval(Real, 0, None, closed="neither")],
        "mechanism": "no_validation",
        "on_budget_spent": "no_validation",
    }

    def __init__(
        self,
        penalty="deprecated",
        *,
        C=1.0,
        l1_ratio=0.0,
        dual=False,
        tol=1e-4,
        fit_intercept=True,
        intercept_scaling=1,
        class_weight=None,
        random_state=None,
        solver="lbfgs",
        max_iter=100,
        verbose=0,
        warm_start=False,
        n_jobs=None,
        track_rows=True,
        max_row_norm=None,
        epsilon=None,
        delta=None,
        removal_budget=0.1,
        mechanism="output",
        on_budget_spent="error",
    ):
        super().__init__(
            penalty=penalty,
            C=C,
            l1_ratio=l1_ratio,
            dual=dual,
            tol=tol,
            fit_intercept=fit_intercept,
            intercept_scaling=intercept_scaling,
            class_weight=class_weight,
            random_state=random_state,
            solver=solver,
            max_iter=max_iter,
            verbose=verbose,
            warm_start=warm_start,
            n_jobs=n_jobs,
        )
        self.track_rows = track_rows
        self.max_row_norm = max_row_norm
        self.epsilon = epsilon
        self.delta = delta
        self.removal_budget = removal_budget
        self.mechanism = mechanism
        self.on_budget_spent = on_budget_spent

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.unlearner_tags.kind = "approximate" if self.epsilon is None else "certified"
        return tags

    def _unlearn_refusal(self):
        try:
            check_supported(self)
        except ValueError as error:
            return str(error)
        return None

    # -- fit -------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit to the optimum, and note what forgetting needs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : float or array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._fit(Request(X, y, sample_weight), release=0)

    def _fit(self, request, release):
        check_supported(self)
        batch, dtype = self._check_rows(request, reset=True)
        if self.max_row_norm is not None:
            check_norms(batch.X, self.max_row_norm)
        check_size(batch.X.shape[1], len(np.unique(batch.y)))
        for name in ("_learned", "_info", "_owned"):
            vars(self).pop(name, None)
        with warnings.catch_warnings():
            # Newton's method goes on from where the solver stops
            warnings.simplefilter("ignore", ConvergenceWarning)
            super().fit(request.X, request.y, request.sample_weight)
        start = vars(self).pop("coef_"), vars(self).pop("intercept_")
        self._commit(self._fitted(batch, dtype, start, release))
        return self

    def _fitted(self, batch, dtype, start, release):
        """Everything that is assigned by a fit that starts at coefficients of another solver."""
        info = {
            "dtype": dtype,
            "C": float(self.C),
            "fit_intercept": self.fit_intercept,
            "factors": _class_factors(self.class_weight, self.classes_),
            "balanced": self.class_weight == "balanced",
            "certificate": self._certificate(release),
        }
        rows = self._classifier(info)(batch)
        theta = np.column_stack([*start]).T.astype(np.float64)
        theta = theta if theta.shape[1] == 1 else theta - theta.mean(axis=1, keepdims=True)
        norm = None if self.max_row_norm is None else self.max_row_norm * _SLACK
        anchor = Anchor.of(dict.fromkeys(rows.keys, theta), rows, max_row_norm=norm)
        if info["certificate"] is not None:
            shape = theta.shape if self.fit_intercept else (len(theta) - 1, theta.shape[1])
            info["certificate"] = info["certificate"].with_linear(shape)
        anchor, n_steps = minimise(anchor, rows, options_of(anchor, info))
        key = new_key() if self.track_rows else None
        learned = AnchoredRows.of(anchor, rows, batch, key, len(self.classes_))
        return self._attributes(learned, info, n_iter=self.n_iter_ + n_steps, at_fit=True)

    def _certificate(self, release):
        if self.epsilon is None:
            return None
        seed = self.random_state
        if seed is not None:
            seed = int(check_random_state(seed).randint(2**31 - 1))
        return Certificate(
            self.epsilon, self.delta, self.removal_budget, self.mechanism, seed, release
        )


def check_supported(model):
    """Refuse by name what cannot be forgotten by a Newton step."""
    name = type(model).__name__
    if model.penalty in ("l1", "elasticnet") or model.l1_ratio not in (0, None):
        raise ValueError(
            f"{name} cannot forget with an L1 penalty: its optimum moves in jumps. Got penalty="
            f"{model.penalty!r} and l1_ratio={model.l1_ratio!r}, expected l1_ratio=0."
        )
    if model.penalty is None or np.isinf(model.C):
        raise ValueError(
            f"{name} cannot forget without a penalty: there may be no optimum to move to. Got C="
            f"{model.C} and penalty={model.penalty!r}, expected a finite C, as large as you like."
        )
    if model.solver == "liblinear":
        raise ValueError(
            f"{name} minimises scikit-learn's objective with a free intercept, which the solver "
            "\"liblinear\" penalises. Got solver='liblinear', expected another, such as 'lbfgs'."
        )
    if model.epsilon is None and model.delta is None:
        return
    if model.epsilon is None or model.delta is None or model.max_row_norm is None:
        raise ValueError(
            f"A certificate needs epsilon, delta and max_row_norm, the declared bound on the norm "
            f"of a row. Got epsilon={model.epsilon}, delta={model.delta}, max_row_norm="
            f"{model.max_row_norm}."
        )
    for parameter, allowed in _CHOICES.items():
        value = getattr(model, parameter)
        if value not in allowed:
            raise ValueError(f"Got {parameter}={value!r}, expected one of {allowed}.")


_CHOICES = {"mechanism": ("output", "objective"), "on_budget_spent": ("error", "approximate")}


def _class_factors(class_weight, classes):
    """Factor of the weights of each class; None where there is none, or it depends on the rows."""
    if class_weight is None or isinstance(class_weight, str):
        return None
    return compute_class_weight(class_weight, classes=classes, y=classes)
