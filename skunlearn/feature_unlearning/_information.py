"""Logistic regression that is trained to tell little of a sensitive variable."""

import copy
from numbers import Integral, Real

import numpy as np
from scipy.special import expit, log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Bunch
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.extmath import softmax
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import Interval, StrOptions, fit_context
from skunlearn.base import Request
from skunlearn.feature_unlearning._groups import codes_among, in_order, read_groups
from skunlearn.feature_unlearning._information_rows import LabelledGroupsMixin, weights_of
from skunlearn.feature_unlearning._information_terms import Leak, Objective, as_logits, descend

_HISTORY = ("gamma", "objective", "log_loss", "penalty", "criterion")


class InformationRegularizedLogisticRegression(LabelledGroupsMixin, ClassifierMixin, BaseEstimator):
    """Logistic regression with a penalty on what its predictions tell of a sensitive variable.

    Minimises log-loss + L2 penalty + gamma · Î(Ŷ; Z), or gamma · Î(Ŷ; Z | Y). The sensitive
    variable Z is needed to fit and not to predict. With ``gamma=0`` it is scikit-learn's
    `LogisticRegression`.

    Parameters
    ----------
    gamma : float, default=1.0
        Nats of mean log-loss that a unit of the criterion is worth: log-loss and information are
        both in nats a row, so that it means the same whatever the number of rows.
    criterion : {"information", "energy"}, default="information"
        What is penalised. "information": the plug-in mutual information, in nats, of Z and a
        label *sampled* from the predicted probabilities. It is zero as soon as each group has the
        same mean prediction: mean-prediction parity, no more (see Notes). "energy": the energy
        distance between the predicted probabilities of each group and those of all rows, in units
        of probability. It is zero only where the groups' scores have the same law, class by class.
    conditional_on_target : bool, default=False
        Penalise what the prediction tells of Z among rows of one target, on average over the
        targets: equalised odds in place of demographic parity.
    sensitive_columns : str, int, list of these, boolean mask or callable, default=None
        Sensitive columns of X; several make groups of their observed combinations. The model does
        not use them (their coefficients are 0), and `predict` takes X with or without them. If
        None, the values come by the keyword `sensitive_features`; ``[]`` penalises nothing.
    C : float, default=1.0
        Inverse of the strength of the L2 penalty, as in scikit-learn.
    fit_intercept : bool, default=True
        Learn an intercept, which is not penalised.
    class_weight : dict or "balanced", default=None
        Weights of the classes in the log-loss, as in scikit-learn. The criterion is about the
        rows as they are, and takes `sample_weight` only.
    tol : float, default=1e-4
        L-BFGS stops where no entry of the gradient of the objective (a mean over the rows) is
        larger.
    max_iter : int, default=1000
        Largest number of iterations from the start at zero to the solution for gamma = 0, and
        again from there to that for `gamma`.
    keep_rows : bool, default=False
        Keep the training rows and their sensitive values in the model, so that it has `unlearn`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients; 0 for sensitive columns of X.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    groups_ : list of tuple
        Groups in sorted order, each as Python values, one a sensitive column.
    information_ : float
        Plug-in Î(Ŷ; Z), or Î(Ŷ; Z | Y), of the rows fitted, in nats, whatever the criterion.
    information_bias_ : float
        What `information_` is expected to be, at most, where there is no information: in nats,
        ``(K − 1)(|Z| − 1) / 2n`` for K classes and n rows, the mean over the targets where
        `conditional_on_target`. Less than this in `information_` is nothing.
    criterion_ : float
        The criterion at the solution: `information_`, or the energy distance.
    log_loss_ : float
        Mean log-loss of the rows fitted, in nats.
    n_iter_ : ndarray of shape (1,), int32
        Iterations of L-BFGS, those for gamma = 0 included.
    history_ : dict of str to ndarray
        "gamma", "objective", "log_loss", "penalty" and "criterion" at the start and after each
        iteration, first for gamma = 0, where the criterion is NaN, then for `gamma`.
    guarantee_ : Guarantee
        What is promised about forgotten rows, with `keep_rows`.
    n_samples_retained_ : int
        Number of rows that the model stands on, with `keep_rows`.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    GaussianBarycenter : Takes Z out of the features, for any model after it; needs Z at transform.
    skunlearn.metrics.leakage_score : What a probe reads of Z, on fresh rows.
    skunlearn.metrics.ParetoDisplay : Utility against leakage along gamma.

    Notes
    -----
    **What "information" does not see.** Predictions p of .1 and .9, half and half, in one group and
    of .5 in the other have the same mean: Î(Ŷ; Z) is exactly 0, and p reveals Z to whoever sees it.
    Rates of decisions at a threshold can differ, too. Choose ``criterion="energy"`` where scores or
    thresholds matter, and in any case measure with `leakage_score` on the scores of fresh rows.

    **The criterion is not convex** in the coefficients. L-BFGS starts at the solution for gamma =
    0, which is unique, so that the result is reproducible; it is a local minimum. `path` goes
    from one gamma to the next, and may end elsewhere than `fit` does.

    **Small samples.** Groups (and targets) of few rows have information by chance, which the
    criterion will fit; `information_bias_` says how much.

    Gradients are in closed form: with P(c, z) the mean of p_ic over the rows of z,
    ∂Î/∂p_ic = (1/n) log(P(c, z_i) / (P(c) P(z_i))); for the energy distance
    (4/n) (F(p_ic) − F_z(p_ic)), F being distribution functions. The latter jumps where scores
    of two rows cross, by O(1/n²), and L-BFGS stops where an iteration gains less than 1e-9 of the
    objective.

    **Forgetting rows** is a refit on the rows kept: no sums are sufficient, because the criterion
    depends on all predictions at once. Equal, bit for bit, to a fit on the rows that remain in
    their order; in another order sums are rounded differently, and L-BFGS stops elsewhere within
    `tol`.

    References
    ----------
    Xu, Strohmer. Machine unlearning via information theoretic regularization. arXiv 2502.05684,
    2025.

    Székely, Rizzo. Energy statistics: a class of statistics based on distances. Journal of
    Statistical Planning and Inference 143, 2013.

    Hardt, Price, Srebro. Equality of opportunity in supervised learning. NeurIPS 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.feature_unlearning import InformationRegularizedLogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> z = rng.integers(0, 2, 1000)
    >>> X = rng.normal(size=(1000, 3)) + z[:, None] * [1.0, 0.5, 0.0]
    >>> y = X @ [1.0, 1.0, 1.0] + rng.logistic(size=1000) > 1
    >>> plain = InformationRegularizedLogisticRegression(gamma=0).fit(X, y, sensitive_features=z)
    >>> fair = InformationRegularizedLogisticRegression(gamma=50).fit(X, y, sensitive_features=z)
    >>> bool(plain.information_ > 0.02), bool(fair.information_ < 0.001)
    (True, True)
    """

    keep_sensitive = False  # sensitive columns of X are no part of the model
    _parameter_constraints: dict = {
        "gamma": [Interval(Real, 0, None, closed="left")],
        "criterion": [StrOptions({"information", "energy"})],
        "conditional_on_target": ["boolean"],
        "sensitive_columns": "no_validation",
        "C": [Interval(Real, 0, None, closed="right")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "keep_rows": ["boolean"],
    }

    def __init__(
        self,
        gamma=1.0,
        *,
        criterion="information",
        conditional_on_target=False,
        sensitive_columns=None,
        C=1.0,
        fit_intercept=True,
        class_weight=None,
        tol=1e-4,
        max_iter=1000,
        keep_rows=False,
    ):
        self.gamma = gamma
        self.criterion = criterion
        self.conditional_on_target = conditional_on_target
        self.sensitive_columns = sensitive_columns
        self.C = C
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.keep_rows = keep_rows

    # -- fit -------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, sensitive_features=None):
        """Fit to the solution for gamma = 0, and from there to that for `gamma`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Sparse where no sensitive columns are looked for in it.
        y : array-like of shape (n_samples,)
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the rows, in the log-loss and in the criterion.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Groups, of any labels, where they are no columns of X.

        Returns
        -------
        self : object
        """
        request = Request(X, y, sample_weight, sensitive_features)
        parts, columns = self._read(request, reset=True)
        self._columns = columns
        self._commit(self._fitted(parts))
        for name in ("_parts", "_prints", "_owned"):
            vars(self).pop(name, None)
        if self.keep_rows:
            self._parts = copy.deepcopy(parts)  # the caller's arrays may change
            self._note_rows()
        return self

    def path(self, X, y, gammas, *, sensitive_features=None, sample_weight=None):
        """Compute the solutions along gamma, each from the one before; the model stays as it is.

        Parameters
        ----------
        X, y, sensitive_features, sample_weight
            As for `fit`.
        gammas : array-like of shape (n_gammas,)
            Values of gamma; they are gone through in ascending order.

        Returns
        -------
        Bunch
            With ``gammas`` (ascending), ``coefs`` of shape (n_gammas, 1 or n_classes, n_features),
            ``intercepts``, and of shape (n_gammas,) ``information``, ``criterion``, ``log_loss``
            and ``n_iter``, as the attributes of the same names.
        """
        gammas = np.sort(np.asarray(gammas, dtype=np.float64).ravel())
        if not len(gammas) or not np.isfinite(gammas).all() or gammas[0] < 0:
            raise ValueError(f"Got gammas={gammas}, expected finite floats of 0 or more.")
        model = clone(self)
        model._validate_params()
        request = Request(X, y, sample_weight, sensitive_features)
        parts, model._columns = model._read(request, reset=True)
        problem, theta = model._problem(parts), None
        found = []
        for gamma in gammas.tolist():
            theta, history = model._descend(problem, gamma, theta)
            found.append(model._attributes(problem, theta, history))
        names = {
            "coefs": "coef_",
            "intercepts": "intercept_",
            "information": "information_",
            "criterion": "criterion_",
            "log_loss": "log_loss_",
        }
        arrays = {key: np.array([one[name] for one in found]) for key, name in names.items()}
        return Bunch(gammas=gammas, n_iter=np.array([one["n_iter_"][0] for one in found]), **arrays)

    def _fitted(self, parts):
        """Attributes of a model fitted on rows."""
        problem = self._problem(parts)
        theta, history = self._descend(problem, self.gamma)
        return self._attributes(problem, theta, history)

    def _problem(self, parts):
        """Make the objective of some rows, and what it is about."""
        labels, weights = parts["labels"], weights_of(parts)
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes in the data, but the "
                f"data contains only one class: {classes[0]!r}"
            )
        if classes.dtype.kind == "U":  # no wider than the longest one that is there
            classes = np.array(classes.tolist(), dtype=str)
        if not weights.any():
            raise ValueError("Sample weights must contain at least one non-zero number.")
        factors = compute_class_weight(
            self.class_weight, classes=classes, y=labels, sample_weight=weights
        )
        members, groups, _ = read_groups(parts["z"], len(codes))
        ordered = in_order(groups)
        members = codes_among(ordered, members, groups)
        strata = codes if self.conditional_on_target else None
        leaks = {
            name: Leak.of(name, members, weights, strata)
            for name in ("information", self.criterion)
        }
        objective = Objective(
            parts["X"],
            codes,
            len(classes),
            weights * factors[codes],
            self.C,
            self.fit_intercept,
            leaks[self.criterion],
        )
        return objective, classes, ordered, leaks["information"], weights

    def _descend(self, problem, gamma, start=None):
        """Go to the solution for gamma, from that for gamma = 0 unless a start is given."""
        objective, history = problem[0], []
        options = {"tol": self.tol, "max_iter": self.max_iter}
        if start is None:
            start, history = descend(objective, 0.0, np.zeros(objective.shape).ravel(), **options)
        if gamma == 0 or objective.leak.n_groups == 1:
            return start, history
        theta, more = descend(objective, gamma, start, **options)
        return theta, history + more

    def _attributes(self, problem, theta, history):
        objective, classes, groups, information, weights = problem
        log_p = objective.log_proba(theta)
        P, rows, columns = np.exp(log_p), np.arange(len(log_p)), self._columns
        coef, intercept = objective.split(theta)
        full = np.zeros((len(coef), columns.n_in))
        full[:, list(columns.numeric)] = coef
        n_starts = len({row[0] for row in history})
        return {
            "classes_": classes,
            "coef_": full,
            "intercept_": intercept.copy(),
            "groups_": groups,
            "information_": information(P)[0],
            "information_bias_": float(information.bias(len(classes))),
            "criterion_": objective.leak(P)[0],
            "log_loss_": float(-weights @ log_p[rows, objective.codes] / weights.sum()),
            "n_iter_": np.array([len(history) - n_starts], dtype=np.int32),
            "history_": dict(zip(_HISTORY, np.array(history).reshape(-1, 5).T, strict=True)),
        }

    # -- predictions -----------------------------------------------------------------------

    def decision_function(self, X):
        """Logits of rows; no sensitive value is needed.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            With or without the sensitive columns, where `sensitive_columns` are in X.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Log-odds of the second class of two, or logits of all classes.
        """
        check_is_fitted(self)
        numeric = list(self._columns.numeric)
        eta = self._block(X) @ self.coef_[:, numeric].T + self.intercept_
        return eta[:, 0] if eta.shape[1] == 1 else eta

    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        eta = self.decision_function(X)
        return log_softmax(as_logits(eta.reshape(len(eta), -1)), axis=1)

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        eta = self.decision_function(X)
        if eta.ndim == 2:
            return softmax(eta)
        of_second = expit(eta)
        return np.column_stack([1 - of_second, of_second])

    def predict(self, X):
        """Labels of rows: the most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        eta = self.decision_function(X)
        return self.classes_[(eta > 0).astype(np.intp) if eta.ndim == 1 else eta.argmax(axis=1)]
