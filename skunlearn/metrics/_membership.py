"""Membership inference: whether a model still looks as if it had learned certain rows."""

import numbers

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._rows import join
from skunlearn.metrics._learners import flat_target
from skunlearn.metrics._likelihood_ratio import likelihood_ratios
from skunlearn.metrics._membership_result import MembershipInference
from skunlearn.metrics._roc import auc, auc_with_interval, compare_with_refits, tpr_at
from skunlearn.metrics._shadows import Pool, downdates, draw_members, run_shadows
from skunlearn.metrics._signals import SignalReader

_METHODS = ("lira", "u-lira", "loss", "entropy")
_RATES = (0.01, 0.001)
_FEWEST = 8  # shadows


def membership_inference(
    model,
    X_forget,
    y_forget,
    X_retain,
    y_retain,
    X_test,
    y_test,
    *,
    method="lira",
    n_shadows=64,
    n_refits=5,
    shadows="auto",
    learner=None,
    unlearn=None,
    level=0.95,
    random_state=None,
    n_jobs=None,
    verbose=0,
):
    """Attack a model: tell the rows it was made to forget from rows it never saw.

    The likelihood ratio attack judges each row by shadow models: clones of the model, each fitted
    on the retained rows and a random part of the rows in question. What the model says of a row is
    compared with what shadows say that learned the row, and with what those say that did not.

    Parameters
    ----------
    model : estimator, or dict of str to estimator
        The fitted classifier or regressor that is attacked. Several, by name, share the shadows:
        the unlearned model, the original, a refit.
    X_forget, y_forget : array-like of shape (n_forget, n_features) and (n_forget,)
        The rows in question: forgotten, or learned. Of one row there is its rank among the unseen.
    X_retain, y_retain : array-like of shape (n_retain, n_features) and (n_retain,), or None
        The other rows that the model was fitted on. None: no shadows, for the weak attacks only.
    X_test, y_test : array-like of shape (n_test, n_features) and (n_test,)
        Rows that the model never saw, from the law of the forget rows.
    method : {"lira", "u-lira", "loss", "entropy"}, default="lira"
        "lira": against shadows that learned a row and kept it. "u-lira": against shadows that
        learned it and forgot it, the attack on a method of unlearning. "loss" and "entropy" are
        **weak** attacks: one threshold for all rows, whether easy or hard.
    n_shadows : int, default=64
        At least 8. Each row is learned by half of them; for "u-lira" by as many as make their
        requests the size of the real one, but at least 16 of 64.
    n_refits : int, default=5
        Models fitted on the retained rows alone, which are attacked as well: the null. At least 1.
    shadows : {"auto", "refit", "unlearn"}, default="auto"
        How shadows come about. "unlearn": one fit on all rows, of which copies forget what a
        shadow shall not know; only as good as that forgetting. "auto": that, where the model says
        that forgetting is exact and keeps no rows (moments and counts: thousands of shadows in
        seconds), else refits.
        "u-lira" always fits, and then forgets.
    learner : estimator, default=None
        What shadows are clones of; `model`, or the first of several, by default.
    unlearn : callable, default=None
        For "u-lira": called as ``unlearn(shadow, X_forget, y_forget, X_retain, y_retain)`` to make
        a shadow forget; returns the model, or None where it has changed `shadow`. The shadow's own
        ``unlearn(X_forget, y_forget)`` by default.
    level : float, default=0.95
        Of the confidence intervals.
    random_state : int, RandomState instance or None, default=None
        Which rows a shadow learns; seeds of the clones (every `random_state`, nested ones too) and
        of numpy's and torch's global generators during a fit.
    n_jobs : int, default=None
        Shadows made at the same time, by joblib.
    verbose : int, default=0
        If positive, a line as shadows are done, with the time that is left.

    Returns
    -------
    MembershipInference, or dict of str to MembershipInference

    Raises
    ------
    ValueError
        For options out of range, no retained rows for an attack by shadows, models without scores,
        or far more unseen rows than shadows can learn.
    sklearn.exceptions.NotFittedError
        If a model is not fitted.

    See Also
    --------
    MembershipRocDisplay : Picture of the outcome.
    forgetting_epsilon : Many unlearned models against many refits, by example.
    skunlearn.audit.audit_unlearning : One model against refits.

    Notes
    -----
    *Threat*: somebody who queries the last model for rows that they hold, who knows the learner and
    all retained rows, and can fit it again. Not: two versions of a model, its maintenance state,
    or an attacker with a better statistic.

    *Shadows* are fitted without sample weights or further keywords of `fit`.

    *Signal*: the logit of the probability of the true label, Gaussian by row; the margin of
    `decision_function` where there are no probabilities; for regressors the residual. Variances
    are drawn towards that of a typical row, which counts as four shadows.

    *Controls*: `null` is the attack on refits. `learned` is that on shadows, each judged by the
    others: forget rows that it learned against those that it did not. If it is near .5, there is
    nothing to find, and not finding it says nothing.

    *Reading it*: forget and unseen rows should be from one law. If they are not (one class, or the
    rows of one clinic), the null is not at .5, and `found` asks for an excess over it. The interval
    is over the draw of rows, for this model. An AUC near .5 can hide a few rows that are found for
    certain: look at the rates at few false positives, which are refused where fewer than ten
    unseen rows would lie above the threshold, and at the scores. "u-lira" of an exact method is a
    tie by construction.

    References
    ----------
    Carlini, Chien, Nasr, Song, Terzis, Tramèr. Membership inference attacks from first principles.
    IEEE Symposium on Security and Privacy, 2022.

    Hayes, Shumailov, Triantafillou, Khalifa, Papernot. Inexact unlearning needs more careful
    evaluations to avoid a false sense of privacy. arXiv 2403.01218, 2024.

    Examples
    --------
    A tree knows its rows by heart; after a refit without them nothing is found:

    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from skunlearn.metrics import membership_inference
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> parts = X[:100], y[:100], X[100:400], y[100:400], X[400:500], y[400:500]
    >>> trees = ExtraTreesClassifier(20, random_state=0)
    >>> models = {"nothing done": trees.fit(X[:400], y[:400])}
    >>> models["refit"] = ExtraTreesClassifier(20, random_state=1).fit(X[100:400], y[100:400])
    >>> found = membership_inference(models, *parts, n_shadows=16, random_state=0)
    >>> {name: result.found for name, result in found.items()}
    {'nothing done': True, 'refit': False}
    """
    models = dict(model) if isinstance(model, dict) else {None: model}
    learner = next(iter(models.values()), None) if learner is None else learner
    _check_options(models, method, n_shadows, n_refits, shadows, unlearn, level, X_retain)
    pool = _pool(X_forget, y_forget, X_retain, y_retain, X_test, y_test)
    reader = SignalReader([*models.values(), learner], pool.y, method)
    rng = check_random_state(random_state)
    made, member = None, np.zeros((0, pool.n_rows), dtype=bool)
    if X_retain is not None:
        forget = _forgetting(learner, unlearn) if method == "u-lira" else None
        member = draw_members(pool, n_shadows, forget is not None, rng)
        made = run_shadows(
            learner,
            pool,
            reader,
            member,
            n_refits=n_refits,
            by=_way(learner, shadows, forget),
            forget=forget,
            rng=rng,
            n_jobs=n_jobs,
            verbose=verbose,
        )
    answers = [reader.read(one, pool.X) for one in models.values()]
    refits = made.refits if made else []
    signals = reader.finish([*answers, *refits, *(made.answers if made else [])])
    ours, theirs = np.split(signals, [len(answers) + len(refits)])
    laws = {}
    if method in ("lira", "u-lira"):
        ratios = likelihood_ratios(ours, theirs, member)
        judged, controls, laws = ratios.models, ratios.shadows, ratios.laws
    else:
        judged, controls = ours, theirs
    judged, null = np.split(judged, [len(models)])
    exposure = exposures(controls, member)
    learned = exposure[:1]
    if pool.n_forget > 1:
        learned = power(controls[:, : pool.n_forget], member[:, : pool.n_forget])
    laws = {**laws, "exposure": exposure} if made else laws
    found = {}
    for name, scores, signal in zip(models, judged, ours[: len(models)], strict=True):
        found[name] = _result(
            scores,
            null,
            pool.n_forget,
            level,
            learned=learned,
            rows={"signal": signal, **laws},
            signal=reader.name,
            method=method,
            n_shadows=len(member),
            shadows=made.way if made else "none",
            seconds=made.seconds if made else 0.0,
        )
    return found if isinstance(model, dict) else found[None]


def _check_options(models, method, n_shadows, n_refits, shadows, unlearn, level, X_retain):
    if not models:
        raise ValueError("Got no model to attack.")
    if method not in _METHODS:
        raise ValueError(f"Got method={method!r}, expected one of {list(_METHODS)}.")
    if not isinstance(n_shadows, numbers.Integral) or n_shadows < _FEWEST:
        raise ValueError(f"Got n_shadows={n_shadows!r}, expected an int of {_FEWEST} or more.")
    if not isinstance(n_refits, numbers.Integral) or n_refits < 1:
        raise ValueError(f"Got n_refits={n_refits!r}, expected an int of 1 or more.")
    if shadows not in ("auto", "refit", "unlearn"):
        raise ValueError(f"Got shadows={shadows!r}, expected 'auto', 'refit' or 'unlearn'.")
    if not 0 < level < 1:
        raise ValueError(f"Got level={level!r}, expected a float in (0, 1).")
    if unlearn is not None and method != "u-lira":
        raise ValueError(f"Got unlearn with method={method!r}: it is for 'u-lira'.")
    if X_retain is None and method in ("lira", "u-lira"):
        raise ValueError(
            f"Got method={method!r} without X_retain: shadows are fitted on the retained rows. "
            "Pass them, or take the weak attack method='loss'."
        )
    for one in models.values():
        if isinstance(one, BaseEstimator):
            check_is_fitted(one)


def _pool(X_forget, y_forget, X_retain, y_retain, X_test, y_test):
    y_forget, y_retain, y_test = (
        None if y is None else flat_target(y) for y in (y_forget, y_retain, y_test)
    )
    parts = {
        "forget": (X_forget, y_forget, 1),
        "test": (X_test, y_test, 2),
        "retain": (X_retain, y_retain, 1),
    }
    for name, (X, y, fewest) in parts.items():
        if X is None and y is None and name == "retain":
            continue
        if X is None or y is None:
            raise ValueError(f"Got no X_{name} or no y_{name}: an attack needs rows and targets.")
        if num_samples(X) != num_samples(y):
            raise ValueError(
                f"Got {num_samples(X)} rows in X_{name} and {num_samples(y)} targets in y_{name}."
            )
        if num_samples(X) < fewest:
            raise ValueError(f"Got {num_samples(X)} rows in X_{name}, expected {fewest} or more.")
    n_forget = num_samples(X_forget)
    return Pool(join(X_forget, X_test), join(y_forget, y_test), X_retain, y_retain, n_forget)


def _forgetting(learner, unlearn):
    if unlearn is not None:
        return unlearn
    if not hasattr(learner, "unlearn"):
        raise ValueError(
            f"{type(learner).__name__} has no unlearn: pass the method as "
            "unlearn=f(shadow, X_forget, y_forget, X_retain, y_retain), or take method='lira'."
        )
    return _own_unlearn


def _own_unlearn(model, X, y, X_retain, y_retain):
    return model.unlearn(X, y)


def _way(learner, shadows, forget):
    """How shadows come about: "refit", "downdate" or "unlearn"."""
    if forget is not None or shadows == "refit":
        return "refit"
    if downdates(learner):
        return "downdate"
    if shadows == "unlearn" and not hasattr(learner, "unlearn"):
        raise ValueError(f"Got shadows='unlearn', but {type(learner).__name__} has no unlearn.")
    return "unlearn" if shadows == "unlearn" else "refit"


def exposures(scores, member):
    """AUC of each row over the shadows: those that learned it against those that did not."""
    n_in = member.sum(axis=0)
    if not n_in.any():
        return np.zeros(0)
    ranks = np.where(member, rankdata(scores, axis=0), 0.0).sum(axis=0)
    return (ranks / n_in - (n_in + 1) / 2) / (len(member) - n_in)


def power(scores, member):
    """AUC of each shadow: the rows that it learned against those that it did not."""
    pairs = [(row[inside], row[~inside]) for row, inside in zip(scores, member, strict=True)]
    return np.array([auc(one, other) for one, other in pairs if len(one) and len(other)])


def _result(judged, null, n_forget, level, **words):
    scores, unseen = judged[:n_forget], judged[n_forget:]
    value, bounds = auc_with_interval(scores, unseen, level)
    compared = np.zeros(0), None, None
    if len(null):
        compared = compare_with_refits(judged, null, n_forget, level)
    rates = {fpr: tpr_at(scores, unseen, fpr, level) for fpr in _RATES}
    return MembershipInference(
        auc=value,
        auc_interval=bounds,
        tpr={fpr: rate for fpr, (rate, _, _) in rates.items()},
        tpr_interval={fpr: between for fpr, (_, between, _) in rates.items()},
        refused={fpr: why for fpr, (_, _, why) in rates.items() if why},
        **dict(zip(("null", "null_interval", "excess_interval"), compared, strict=True)),
        scores=scores,
        unseen_scores=unseen,
        level=level,
        **words,
    )
