"""Audit a model that has forgotten rows: against refits, with the refits' own spread beside it."""

import copy
import dataclasses
import time

from sklearn.utils import check_random_state

from skunlearn.audit._attacks import attack
from skunlearn.audit._build import build, compare_attributes, notes_on
from skunlearn.audit._checks import check_options, named_blocks
from skunlearn.audit._comparison import UnlearnerComparison
from skunlearn.audit._described import Described
from skunlearn.audit._findings import Evidence
from skunlearn.audit._rank_tests import distances_among, largest_gap
from skunlearn.audit._refits import Task, run_refits


def audit_unlearning(
    original,
    unlearned,
    X_forget,
    y_forget,
    X_retain,
    y_retain,
    X_test,
    y_test,
    *,
    n_refits=19,
    unlearn_seconds=None,
    tolerance=1e-6,
    level=0.05,
    random_state=None,
    n_jobs=None,
    verbose=0,
    fit_params=None,
    unlearn_params=None,
):
    """Judge an unlearned model: whether it moved, whether it reached the refit, whether faster.

    The gold standard is ``clone(original)`` fitted on the retained rows, several times with other
    seeds. Refits differ from each other as well: that spread is the yardstick.

    Parameters
    ----------
    original : estimator
        The classifier or regressor that was fitted on retained and forgotten rows; any
        scikit-learn estimator or pipeline. Not changed.
    unlearned : estimator or None
        The model after unlearning, of any class. None: a copy of `original` is made and its
        ``unlearn(X_forget, y_forget, **unlearn_params)`` is called and timed.
    X_forget, y_forget : array-like of shape (n_forget, n_features) and (n_forget,)
        The forgotten rows.
    X_retain, y_retain : array-like of shape (n_retain, n_features) and (n_retain,)
        The rows that remain: what refits are fitted on.
    X_test, y_test : array-like of shape (n_test, n_features) and (n_test,)
        Rows that neither model has seen, best from the law of the forgotten ones.
    n_refits : int, default=19
        At least 2. Fewer than 1 / `level` - 1 (19 for .05) describe, but cannot flag anything.
    unlearn_seconds : float, default=None
        What unlearning took, where the caller did it.
    tolerance : float, default=1e-6
        Differences up to this count as none: of probabilities, of predictions in standard
        deviations of the target, of losses and scores.
    level : float, default=0.05
        Probability that a method whose results are refits gets any alarm, or "told apart".
    random_state : int, RandomState instance or None, default=None
        Seeds of the refits: every parameter `random_state` of the clones is set, those of nested
        estimators too, and numpy's and torch's global generators for the time of the refit.
    n_jobs : int, default=None
        Number of refits at the same time, by joblib. Their times are then of busy cores.
    verbose : int, default=0
        If positive, a line for each refit.
    fit_params : dict, default=None
        Keywords of `fit` for the refits, such as the sample weights of the retained rows.
    unlearn_params : dict, default=None
        Keywords of `unlearn` with ``unlearned=None``, such as the weights of the forgotten rows.

    Returns
    -------
    UnlearningAudit
        It prints, and has `to_frame`, `to_json`, `to_html`, `plot` and `summary`.

    Raises
    ------
    ValueError
        If the models are one object, rows and targets do not fit together, or an option is out of
        range.
    sklearn.exceptions.NotFittedError
        If a model is not fitted.

    See Also
    --------
    compare_unlearners : Several methods against one set of refits.
    skunlearn.metrics.refit_distance : Learned attributes beside those of one refit.
    skunlearn.metrics.forgetting_epsilon : Many unlearned models, by example.

    Notes
    -----
    *Equality.* Where all refits are equal to `tolerance` the learner is deterministic: the model
    equals the refit or it does not, and flags are by `tolerance`. An original with an int as a
    seed, or a `seed_` that it drew, is also refitted with it: an exact method equals that refit,
    and then no test is made. A learner without any parameter `random_state` whose first two refits
    are equal bit for bit is refitted no further.

    *Tests.* Otherwise the model is ranked among the refits. If its law is that of the refits, all
    are exchangeable, and the model is the most extreme of k + 1 with probability 1 / (k + 1). Six
    statistics: the mean distance to all other models on forget, retained and test rows; the mean
    loss of the forget rows, on either side; the test score. Each (distances and losses: its
    logarithm) is taken in standard deviations of the other models', and those that are not of the
    forget rows count three quarters; ranks are those of the largest of the six, stepping down as in
    Holm's procedure (Westfall and Young). So `level` holds for all verdicts and flags of an audit
    together, and 19 refits suffice, where Holm's own correction of six tests would need 119.

    *Distance*: total variation of `predict_proba` averaged over rows; the share of other
    predictions for classifiers without it; for regressors the root mean square difference in
    standard deviations of the retained targets. *Loss*: minus the logarithm of the probability of
    the true label, at least 1e-6; 1 for a wrong prediction; squared error in squared standard
    deviations. Predictions are made on at most 10,000 rows of each of the three parts.
    Described and not tested, to be compared with the refits': *membership AUC* of the loss (a weak
    attack); *marginal information* (of the loss, forget against retained rows, see
    :func:`~skunlearn.metrics.marginal_information`; nats); scores of forget and retained rows; and
    on the forget rows *Jensen-Shannon* (nats), *largest gap* of a probability, *other predictions*
    (share of rows with another most probable class), *entropy* (mean, nats) and *entropy distance*
    (Kolmogorov and Smirnov's), or *largest difference* for regressors.

    *Flags.* Each needs that the model is told apart by the test named here:

    - "no-op" (distance or loss of forget rows): it moved less than a tenth of the way from the
      original to the refits, on the forget rows.
    - "under-forgetting" (loss of forget rows): they are less surprising than for refits.
    - "over-forgetting" (the same): they are more surprising than for every refit.
    - "damaged utility" (test score): below that of every refit. For deterministic learners also:
      the loss of the test rows is higher by twice the standard error of its paired difference.
    - "nothing to forget" is no alarm: no test tells the *original* from the refits. Nothing was
      memorised that the audit can see, and a model that forgot nothing would pass it.

    Not told apart is not equal: with few refits only large differences are found. Rows that were
    chosen because the original does well on them, or a test part of another law than the forgotten
    rows, make "loss of forget rows against test rows" differ for refits too: compare with those.
    The p-values assume that the seeds of the model are as random as those of the refits: who
    searches for a seed that passes, passes.

    References
    ----------
    Westfall and Young. Resampling-based multiple testing. Wiley, 1993.

    Thudi et al. On the necessity of auditable algorithmic definitions for machine unlearning.
    USENIX Security, 2022.

    Examples
    --------
    A forest, one tenth of whose rows have wrong labels that it knows by heart:

    >>> import copy
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skunlearn.audit import audit_unlearning
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> y[:40] = 1 - y[:40]
    >>> original = RandomForestClassifier(10, random_state=0).fit(X[:400], y[:400])
    >>> nothing_done = copy.deepcopy(original)
    >>> audit = audit_unlearning(
    ...     original, nothing_done, X[:40], y[:40], X[40:400], y[40:400], X[400:], y[400:],
    ...     random_state=0,
    ... )
    >>> audit.alarms, audit.reached.p_value
    (('no-op', 'under-forgetting'), 0.05)
    """
    if unlearned is None:
        given = X_forget, y_forget, unlearn_params or {}
        unlearned, unlearn_seconds = _run(original, *given, unlearn_seconds)
    elif unlearn_params is not None:
        raise ValueError("Got unlearn_params and an unlearned model: nothing is unlearned here.")
    audits = _audit(
        original,
        {None: unlearned},
        {None: unlearn_seconds},
        named_blocks(X_forget, y_forget, X_retain, y_retain, X_test, y_test),
        n_refits=n_refits,
        tolerance=tolerance,
        level=level,
        random_state=random_state,
        n_jobs=n_jobs,
        verbose=verbose,
        fit_params=fit_params,
    )
    return audits[None]


def compare_unlearners(
    unlearned,
    original,
    X_forget,
    y_forget,
    X_retain,
    y_retain,
    X_test,
    y_test,
    *,
    n_refits=19,
    unlearn_seconds=None,
    tolerance=1e-6,
    level=0.05,
    random_state=None,
    n_jobs=None,
    verbose=0,
    fit_params=None,
    membership=None,
    relearn=None,
):
    """Audit several unlearned models of one original against one set of refits.

    Parameters
    ----------
    unlearned : dict of str to estimator
        Models after unlearning, by the name of the method.
    original : estimator
        As the following, see :func:`audit_unlearning`.
    X_forget, y_forget, X_retain, y_retain, X_test, y_test : array-like
    n_refits : int, default=19
    unlearn_seconds : dict of str to float, default=None
        By the name of the method; of any of them.
    tolerance, level : float, default=1e-6, 0.05
        The level is that of one method, not of all together.
    random_state : int, RandomState instance or None, default=None
    n_jobs : int, default=None
    verbose : int, default=0
    fit_params : dict, default=None
    membership : dict, default=None
        Keywords of :func:`~skunlearn.metrics.membership_inference`, such as ``{"n_shadows": 64}``,
        or ``{}``: all methods and the original are attacked as well, by the same shadows.
    relearn : dict, default=None
        Keywords of :func:`~skunlearn.metrics.relearn_time`: "refits", models that never saw the
        rows, for its null, and "step" for models without `partial_fit`.

    Returns
    -------
    UnlearnerComparison
        A mapping of names to reports, with `to_frame`: a method a row, and beside them the
        original and the refits' median, least and most.

    Raises
    ------
    ValueError, sklearn.exceptions.NotFittedError
        As in :func:`audit_unlearning` and the attacks; for `fit_params` beside `membership`,
        whose shadows are fitted without.

    See Also
    --------
    audit_unlearning : One method, in detail.

    Notes
    -----
    Include the two that any harness must tell from each other: the original itself (copied), which
    did nothing, and a refit, which did everything. Where the first passes there is nothing to
    compare on these rows. If not all models have `predict_proba`, all are judged by `predict`.

    Examples
    --------
    >>> import copy
    >>> from sklearn.base import clone
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skunlearn.audit import compare_unlearners
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> y[:40] = 1 - y[:40]
    >>> original = RandomForestClassifier(10, random_state=0).fit(X[:400], y[:400])
    >>> methods = {
    ...     "nothing": copy.deepcopy(original),
    ...     "refit": clone(original).set_params(random_state=7).fit(X[40:400], y[40:400]),
    ... }
    >>> found = compare_unlearners(
    ...     methods, original, X[:40], y[:40], X[40:400], y[40:400], X[400:], y[400:],
    ...     random_state=0,
    ... )
    >>> {name: audit.passed for name, audit in found.items()}
    {'nothing': False, 'refit': True}
    """
    if not isinstance(unlearned, dict) or not unlearned:
        raise ValueError(
            f"Got unlearned={unlearned!r}, expected a dictionary of names to fitted models."
        )
    seconds = dict(unlearn_seconds or {})
    if unknown := sorted(set(seconds) - set(unlearned)):
        raise ValueError(f"Got unlearn_seconds of {unknown}, which are not among the models.")
    if membership is not None and fit_params:
        raise ValueError(
            f"Got fit_params={sorted(fit_params)} and membership: shadows are fitted without "
            "keywords. Leave one of them out."
        )
    blocks = named_blocks(X_forget, y_forget, X_retain, y_retain, X_test, y_test)
    audits = _audit(
        original,
        unlearned,
        seconds,
        blocks,
        n_refits=n_refits,
        tolerance=tolerance,
        level=level,
        random_state=random_state,
        n_jobs=n_jobs,
        verbose=verbose,
        fit_params=fit_params,
    )
    options = {"random_state": random_state, "n_jobs": n_jobs, "verbose": verbose}
    found = attack(unlearned, original, blocks, membership, relearn, **options)
    return UnlearnerComparison(audits, *found)


def _run(original, X_forget, y_forget, params, seconds):
    """Let a copy of the model forget the rows, and time it."""
    if seconds is not None:
        raise ValueError(
            "Got unlearn_seconds without an unlearned model: with unlearned=None it is measured."
        )
    if not hasattr(original, "unlearn"):
        raise ValueError(
            f"{type(original).__name__} has no unlearn: pass the model after unlearning as "
            "`unlearned`."
        )
    model = copy.deepcopy(original)
    start = time.perf_counter()
    model.unlearn(X_forget, y_forget, **params)
    return model, time.perf_counter() - start


def _audit(original, unlearned, seconds, blocks, *, fit_params, tolerance, level, **options):
    """Run the refits once, and judge each model against them."""
    check_options(original, unlearned, seconds, options["n_refits"], tolerance, level)
    rng = check_random_state(options.pop("random_state"))
    task = Task([original, *unlearned.values()], blocks, rng)
    refits = run_refits(
        original, task, *blocks["retain"], fit_params=dict(fit_params or {}), rng=rng, **options
    )
    exact = [one.exact for one in refits.outputs]
    deterministic = all(largest_gap(exact[0], other) <= tolerance for other in exact[1:])
    comparable = refits.own_seeds or deterministic
    evidence = Evidence(
        original=task.read(original),
        model=None,
        reference=refits.first_outputs if comparable else None,
        refits=refits.outputs,
        among=distances_among(refits.outputs, task.classifies),
        described=Described(refits.outputs, task),
        attributes=None,
        classifies=task.classifies,
        deterministic=deterministic,
        own_seeds=refits.own_seeds and not deterministic,
        tolerance=tolerance,
        level=level,
    )
    notes = notes_on(refits, evidence, blocks, options["n_refits"])
    found = {}
    for name, model in unlearned.items():
        one = dataclasses.replace(
            evidence,
            model=task.read(model),
            attributes=compare_attributes(model, refits.first) if comparable else None,
        )
        found[name] = build(model, one, refits, seconds.get(name), notes, task, blocks)
    return found
