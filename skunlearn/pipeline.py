"""Pipelines that can forget: scikit-learn's, with one ledger over raw rows."""

from sklearn import pipeline
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    check_is_fitted,
)

from skunlearn._anchored_chain import AnchoredLedger
from skunlearn._by_rows import LAST_ROWS, ByRowsMixin, retain_message, row_parts
from skunlearn._chain import Chain, shared_request
from skunlearn._exact import clear_learned, conditions, keeps_every_bit, merged_info
from skunlearn._sklearn_compat import keeps_rows, routing_enabled
from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._rows import RowStore
from skunlearn._steps import (
    Leaf,
    NotAChain,
    flat_steps,
    inner_pipelines,
    plain_step,
    replaced_steps,
    routed_leaves,
    witness,
)
from skunlearn.base import Guarantee, Request, UnlearnerMixin, UnlearnerTags
from skunlearn.exceptions import UnlearningError

__all__ = ["Pipeline", "make_pipeline"]


class Pipeline(ByRowsMixin, UnlearnerMixin, pipeline.Pipeline):
    """A pipeline with `unlearn`: scikit-learn's class with one ledger over raw rows.

    When an upstream step forgets, the inputs of every later step change, so steps that each
    forget on their own do not make a pipeline that forgets. How this one does depends on its
    steps, and `guarantee_` says which:

    - every step is a function of moments (all exact estimators of this library; stateless steps
      that treat each row alone, which is checked at fit, may come first): the pipeline keeps
      exact moments of the *raw* rows and derives the whole chain from them, at a cost that does
      not depend on the number of rows that remain;
    - the last step keeps its training rows (nearest neighbours, kernel models): the pipeline
      keeps the raw rows too, and refits on those that remain;
    - anything else: `unlearn` refuses, unless it is given the rows that remain (`X_retain`), or
      told to leave the steps before the last as they are (`upstream="frozen"`, approximate).

    Parameters
    ----------
    steps : list of tuples
        (name, estimator) pairs, as in scikit-learn.
    transform_input : list of str, default=None
        As in scikit-learn.
    memory : str or object with the joblib.Memory interface, default=None
        Cache of fitted transformers. A chain of moments does not use it; otherwise the entries
        of all pipelines in it are deleted at each request, for they hold the forgotten rows.
    verbose : bool, default=False
        As in scikit-learn.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each raw row, so that rows that were never learned are
        refused.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of raw values, for the columns [X | y] (y if numeric) and,
        last, for the weights. Pass a fitted `resolution_` to be certain of the same grid in a
        refit.

    Attributes
    ----------
    guarantee_ : Guarantee
        What is promised about forgotten rows, and on what it is conditional.
    n_samples_retained_ : int
        Number of rows that the pipeline stands on.
    resolution_ : ndarray of shape (n_columns + 1,), int
        The grid, for a chain of moments.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, if the last step is a classifier.
    n_features_in_ : int
        Number of features seen by the first step.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    make_pipeline : Name the steps by their classes.

    Notes
    -----
    In a chain of moments the equality with a refit on the rows that remain is bit for bit, on the
    same grid. A step that is refitted or exchanged by hand afterwards is noticed, and `unlearn`
    refuses.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skunlearn.linear_model import RidgeClassifier
    >>> from skunlearn.pipeline import Pipeline
    >>> from skunlearn.preprocessing import StandardScaler
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = Pipeline([("scale", StandardScaler()), ("ridge", RidgeClassifier())]).fit(X, y)
    >>> model.unlearn(X[:30], y[:30]).n_samples_retained_
    539
    >>> model.guarantee_.kind
    'exact'
    """

    _parameter_constraints: dict = {
        **pipeline.Pipeline._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        steps,
        *,
        transform_input=None,
        memory=None,
        verbose=False,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)
        self.track_rows = track_rows
        self.resolution = resolution

    # -- fitting -----------------------------------------------------------------------------

    def fit(self, X, y=None, **params):
        """Fit all steps, from the moments of the raw rows where every step allows it.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame
            Raw rows.
        y : array-like, default=None
            Targets.
        **params : dict
            Fit parameters, by step name or by metadata routing, as in scikit-learn.

        Returns
        -------
        self : object
        """
        self._forget_everything()
        self.steps = list(self.steps)
        self._validate_steps()
        leaves = list(routed_leaves(self, self._check_method_params(method="fit", props=params)))
        request = shared_request(X, y, leaves)
        try:
            if self.transform_input is not None:
                raise NotAChain("transform_input is set")
            chain = Chain.of(leaves, request)
        except NotAChain as error:
            reason = str(error)
        else:
            return self._fit_chain(chain, request)
        return self._fit_rows(X, y, params, leaves, reason)

    def _fit_chain(self, chain, request):
        """Derive every step from exact moments of the raw rows."""
        for leaf in chain.leaves:
            leaf.step._validate_params()
        rows, info = chain.rows(request, reset=True)
        key = new_key() if self.track_rows else None
        learned = chain.learn(rows, info, resolution=self.resolution, key=key)
        derived = chain.derive(learned, info)
        for leaf in chain.leaves:  # fitted in place, as scikit-learn does
            clear_learned(leaf.step)
            vars(leaf.step).update(derived[leaf.path])
        for _, inner in inner_pipelines(self):
            inner._forget_everything()
        chain.record_names(request)
        self._commit({"_ledger": learned, "_info": info, "_witness": witness(flat_steps(self))})
        return self

    def _plain_fit(self, X, y, **params):
        """Fit as scikit-learn does."""
        super().fit(X, y, **params)

    def _forget_everything(self):
        """Drop what an earlier fit left."""
        for name in ("_ledger", "_info", "_routes", "_reason", "_witness", "_frozen"):
            self.__dict__.pop(name, None)

    def _commit(self, attributes):
        """Assign in one step: what a step has learned goes to a copy, which takes its place."""
        if attributes is None:
            return
        learned = attributes.pop("_learned_by", {})
        purge = attributes.pop("_purge", False)
        if learned:
            steps = replaced_steps(self.steps, learned)
            attributes |= {"steps": steps, "_witness": witness(flat_steps(Bunch(steps=steps)))}
        self.__dict__.update(attributes)
        if purge:
            self._purge_cache()

    @available_if(pipeline.Pipeline._can_fit_transform)
    def fit_transform(self, X, y=None, **params):
        """Fit, then transform the same rows: leaves a pipeline that can forget.

        Parameters
        ----------
        X, y, **params
            As in `fit`; what the steps request for `transform` is passed to it as well.

        Returns
        -------
        ndarray of shape (n_samples, n_transformed_features)
        """
        self.fit(X, y, **params)
        passed = {}
        if routing_enabled():
            wanted = get_routing_for_object(self).consumes("transform", params.keys())
            passed = {name: params[name] for name in wanted}
        return self.transform(X, **passed)

    @available_if(lambda self: hasattr(self._final_estimator, "fit_predict"))
    def fit_predict(self, X, y=None, **params):
        """Fit and predict as scikit-learn does; such a pipeline keeps no ledger and cannot forget.

        Parameters
        ----------
        X, y, **params
            As in scikit-learn.

        Returns
        -------
        ndarray
        """
        self._forget_everything()
        return super().fit_predict(X, y, **params)

    # -- forgetting --------------------------------------------------------------------------

    def unlearn(
        self,
        X,
        y=None,
        *,
        sample_weight=None,
        sensitive_features=None,
        X_retain=None,
        y_retain=None,
        fit_params_retain=None,
        upstream=None,
    ):
        """Forget raw rows: afterwards the pipeline is the one that never saw them.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_forget, n_features)
            Raw rows to forget, as they were given to `fit`. No row is no request.
        y : array-like of shape (n_forget,) or (n_forget, n_outputs), default=None
            Their targets.
        sample_weight : array-like of shape (n_forget,), default=None
            The weights they were learned with.
        sensitive_features : array-like of shape (n_forget,) or (n_forget, n_columns), default=None
            Their sensitive features, if some were given to `fit`.
        X_retain, y_retain : array-like, default=None
            The rows that remain, where the steps are no function of moments: the pipeline is
            refitted on them, and they must be the learned rows less the forgotten ones. With
            ``upstream="frozen"`` they go, transformed, to the `unlearn` of the last step.
        fit_params_retain : dict, default=None
            Fit parameters for that refit.
        upstream : {None, "frozen"}, default=None
            "frozen" leaves the steps before the last as they are and lets only the last step
            forget: approximate, their statistics are listed in `guarantee_.residues`. Used only
            where an exact way is not to be had.

        Returns
        -------
        self : object
            After any error it is what it was before.

        Raises
        ------
        NotLearnedError
            If rows were never learned, or not that many times.
        UnlearningError
            If the steps allow no exact removal and no way out was chosen, if a step was changed
            since `fit`, or if `fit` would refuse the rows that remain.
        """
        if "_ledger" not in vars(self):  # scikit-learn's check walks through all tags
            check_is_fitted(self)
        if upstream not in (None, "frozen"):
            raise ValueError(f'Got upstream={upstream!r}, expected None or "frozen".')
        options = {
            "X_retain": X_retain,
            "y_retain": y_retain,
            "fit_params": fit_params_retain or {},
            "upstream": upstream,
        }
        request = Request(X, y, sample_weight, sensitive_features, options)
        self._carry_out(request)
        return self

    def _prepare_unlearn(self, forget, learn=None):
        if "_info" in vars(self):
            return self._prepare_chain(forget, learn)
        self._check_maintained()
        return self._prepare_by_rows(forget, learn)

    def _prepare_chain(self, forget, learn):
        self._check_witness()
        chain = self._chain()
        more, info = None, self._info
        rows = chain.rows(forget, reset=False, info=info)[0] if len(forget) else None
        if learn is not None:
            more, new = chain.rows(learn, reset=False, info=info)
            info = merged_info(info, new)
        try:
            learned = self._ledger if rows is None else self._ledger.minus(rows)
            learned = learned if more is None else learned.plus(more, keeps_every_bit(self))
            if learned.n_rows == 0:
                raise UnlearningError(LAST_ROWS)
            derived = chain.derive(learned, info)
        except UnlearningError:
            if (
                isinstance(self._ledger, AnchoredLedger)
                and forget.options.get("X_retain") is not None
            ):
                return self._prepare_chain_refit(chain, rows, forget)
            raise
        except ValueError as error:
            raise UnlearningError(f"{error} (a fit on the rows that remain would fail)") from error
        return {"_ledger": learned, "_info": info, "_learned_by": derived}

    def _prepare_chain_refit(self, chain, rows, forget):
        """Fit anew on the rows that remain, which the caller gives: a class loses its last row."""
        X, y = forget.options["X_retain"], forget.options["y_retain"]
        params = forget.options["fit_params"]
        routed = self._check_method_params(method="fit", props=params)
        given = shared_request(X, y, list(routed_leaves(self, routed)))
        kept, _ = chain.rows(given, reset=False, info=self._info)
        remain = self._ledger.learned.minus(rows)
        missing = remain.n_missing(kept)
        if missing or len(kept) != remain.n_rows:
            raise UnlearningError(retain_message(len(kept), missing, remain.n_rows))
        return self._refitted_on(X, y, params)

    def _count_missing(self, forget):
        self._check_maintained()
        if "_info" in vars(self):
            rows, _ = self._chain().rows(forget, reset=False, info=self._info)
            return self._ledger.n_missing(rows)
        return self._ledger.n_missing(row_parts(forget)) if "_ledger" in vars(self) else 0

    # -- what it knows of itself -------------------------------------------------------------

    def _chain(self, info=None):
        """Return the steps as a chain, with the routes that were taken at fit."""
        chain = (info or self._info)["chain"]
        steps = dict(flat_steps(self))
        stateless, leaves = (
            [Leaf(path, steps[path], dict.fromkeys(names, True)) for path, names in part]
            for part in chain
        )
        return Chain(stateless, leaves)

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if "_info" not in vars(self) and "_reason" not in vars(self):
            raise error(
                "This pipeline has no ledger of its rows: it is a slice or a step of another one. "
                "Call unlearn on the pipeline that was fitted."
            )

    def _check_witness(self):
        if witness(flat_steps(self)) != self._witness:
            raise UnlearningError(
                "A step of this pipeline was refitted or exchanged since the pipeline was fitted, "
                "so the ledger no longer describes it. Fit the pipeline again."
            )

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        if isinstance(vars(self).get("_ledger"), AnchoredLedger):
            last = self._chain().leaves[-1].step
            return last._guarantee_behind(self.residual_bound_, self._conditions())
        if "_info" in vars(self):
            return Guarantee(
                "exact",
                conditional_on=self._conditions(),
                detail="The whole chain is derived from exact moments of the raw rows: equal, bit "
                "for bit, to a fit on the rows that remain, on the same grid.",
            )
        if vars(self).get("_frozen") is not None:
            return self._guarantee_of_the_last_step()
        kept = isinstance(vars(self).get("_ledger"), RowStore)
        way = "the kept raw rows" if kept else "the rows given as X_retain, and refused otherwise"
        chance = " Steps that draw at random draw anew, unless random_state is an int."
        return Guarantee(
            "exact",
            conditional_on=conditions(None, self.track_rows),
            detail=f"Forgetting is a refit on {way} ({self._reason}).{chance}",
        )

    def _guarantee_of_the_last_step(self):
        """Say what the last step promises, or less: the steps before it may know the rows."""
        path, last = list(flat_steps(self))[-1]
        theirs = getattr(last, "guarantee_", None)
        residues = tuple(f"fitted statistics of step {name}" for name in self._frozen)
        kind, detail = "approximate", "the steps before it were left as they are."
        if theirs is not None:
            residues += tuple(f"step {path}: {residue}" for residue in theirs.residues)
            kind = kind if self._frozen else theirs.kind
            detail = f"{detail} {theirs.detail}"
        return Guarantee(
            kind,
            conditional_on=conditions(None, self.track_rows),
            residues=residues,
            detail=f"Only the last step forgot; {detail}",
        )

    @property
    def residual_bound_(self):
        """Upper bound on the gradient of the model's objective on the rows that remain.

        For a chain of moments that ends with a model that forgets by an anchored step.
        """
        return self._bounds()[0]

    @property
    def distance_bound_(self):
        """Upper bound on the distance of `coef_` from the optimum on the rows that remain, or inf.

        For a chain of moments that ends with a model that forgets by an anchored step.
        """
        return self._bounds()[1]

    def _bounds(self):
        if not isinstance(vars(self).get("_ledger"), AnchoredLedger):
            raise AttributeError("Only a chain that ends with an anchored model has such bounds.")
        return self._chain().bounds(self._ledger, self._info)

    def _conditions(self):
        found = conditions(self.resolution, self.track_rows)
        for leaf in self._chain().leaves:
            if hasattr(leaf.step, "_conditions"):
                found += tuple(c for c in leaf.step._conditions() if "key" in c)
        return found

    @property
    def n_samples_retained_(self):
        """Number of rows that the pipeline stands on."""
        self._check_maintained(AttributeError)
        if "_ledger" not in vars(self):
            raise AttributeError("The number of rows is not known with track_rows=False.")
        return self._ledger.n_rows if "_info" in vars(self) else len(self._ledger)

    @property
    def resolution_(self):
        """The grid of the raw values, for a chain of moments."""
        if "_info" not in vars(self):
            raise AttributeError("Only a chain of moments has a grid.")
        return self._ledger.exponents

    @available_if(lambda self: "_info" in vars(self))
    def state_digest(self):
        """SHA-256 of the canonical statistics of a chain of moments, as hexadecimal text.

        Returns
        -------
        str
        """
        return self._ledger.digest()

    def to_sklearn(self):
        """Give the plain scikit-learn pipeline for serving, without statistics or fingerprints.

        Returns
        -------
        sklearn.pipeline.Pipeline
        """
        check_is_fitted(self)
        steps = [(name, plain_step(step)) for name, step in self.steps]
        return pipeline.Pipeline(steps, transform_input=self.transform_input, verbose=self.verbose)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        flat = list(flat_steps(self))
        last = getattr(get_tags(flat[-1][1]), "unlearner_tags", None) if flat else None
        keeps = bool(flat) and keeps_rows(flat[-1][1])
        needs_y = last is None or last.needs_y or keeps  # kept rows are found by X and y
        anchored = last is not None and hasattr(flat[-1][1], "_fit_anchored")
        kind = last.kind if anchored else "exact"
        tags.unlearner_tags = UnlearnerTags(kind, needs_y=needs_y, keeps_rows=keeps)
        return tags


def make_pipeline(
    *steps, memory=None, transform_input=None, verbose=False, track_rows=True, resolution="auto"
):
    """Make a `Pipeline` whose steps are named by their classes.

    Parameters
    ----------
    *steps : list of estimators
    memory, transform_input, verbose, track_rows, resolution
        As in `Pipeline`.

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> from skunlearn.linear_model import Ridge
    >>> from skunlearn.pipeline import make_pipeline
    >>> from skunlearn.preprocessing import StandardScaler
    >>> [name for name, _ in make_pipeline(StandardScaler(), Ridge()).steps]
    ['standardscaler', 'ridge']
    """
    names = [name for name, _ in pipeline.make_pipeline(*steps).steps]
    return Pipeline(
        list(zip(names, steps, strict=True)),
        memory=memory,
        transform_input=transform_input,
        verbose=verbose,
        track_rows=track_rows,
        resolution=resolution,
    )
