"""Checks of what a model is and holds: pickles, clones, promises, and no rows where none belong."""

import copy
import dataclasses
import pickle
import unittest
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skunlearn.base import Guarantee, is_unlearner
from skunlearn.exceptions import NotLearnedError
from skunlearn.testing._checks_setup import (
    Snapshot,
    Traits,
    applies_to,
    expect,
    expect_none,
    expect_refused,
    expect_same_model,
    fit,
    forget,
    make_sample,
    outputs,
    refit,
    split,
)
from skunlearn.testing._state import differences, learned_attributes, reachable

# -- the verb and its promise -------------------------------------------------------------------


@applies_to()
def check_verbs(name, estimator):
    """Check that `unlearn`, `can_unlearn` and `replace` are there, `unlearn` returns self."""
    for verb in ("unlearn", "can_unlearn", "replace"):
        expect(hasattr(estimator, verb), f"{name} has no {verb}")
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    result = model.unlearn(**gone.keywords())
    expect(result is model, f"unlearn returned {result!r}, expected the estimator")


@applies_to()
def check_guarantee(name, estimator):
    """Check that `guarantee_` is a frozen Guarantee of the kind in the tags."""
    kind = "exact" if Traits.of(estimator).exact else None
    expect(not hasattr(estimator, "guarantee_"), "there is a guarantee_ before fit")
    sample = make_sample(estimator)
    model = forget(fit(clone(estimator), sample), split(sample)[0])
    promise = model.guarantee_
    expect(isinstance(promise, Guarantee), f"guarantee_ is {promise!r}, expected a Guarantee")
    same = promise.kind == kind if kind else promise.kind in ("certified", "approximate")
    expect(same, f"guarantee_.kind is {promise.kind!r}, the tags say otherwise")
    try:
        promise.kind = "exact"
    except dataclasses.FrozenInstanceError:
        return
    raise AssertionError("guarantee_ can be changed")


@applies_to()
def check_n_samples_retained(name, estimator):
    """Check that `n_samples_retained_` counts the rows that the model stands on."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = fit(clone(estimator), sample)
    for n_rows in (len(sample), len(kept)):
        told = model.n_samples_retained_
        expect(told == n_rows, f"n_samples_retained_ is {told}, expected {n_rows}")
        if n_rows == len(sample):
            forget(model, gone)


@applies_to()
def check_params(name, estimator):
    """Check that parameters survive clone, fit and unlearn; the tags survive clone."""
    params = estimator.get_params(deep=False)
    copies = {k: clone(v, safe=False) for k, v in params.items()}
    sample = make_sample(estimator)
    model = forget(fit(type(estimator)(**copies), sample), split(sample)[0])
    expect(is_unlearner(clone(model)), "the clone has no unlearner_tags")
    now = model.get_params(deep=False)
    expect(now.keys() == params.keys(), "get_params gives other parameters after fit")
    same = {k: v for k, v in now.items() if not _has_estimators(v)}
    found = differences(same, {k: params[k] for k in same}, "params")
    expect_none(found, "fit or unlearn changed the parameters")


def _has_estimators(value):
    return any(hasattr(item, "get_params") for item in reachable(value))


@applies_to()
def check_clone_is_unfitted(name, estimator):
    """Check that a clone of a model that has learned and forgotten knows no rows."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    copied = clone(forget(fit(estimator, sample), gone))
    expect_none(list(learned_attributes(copied)), "the clone has learned attributes")
    try:
        copied.unlearn(**gone.keywords())
    except NotFittedError:
        return
    raise AssertionError("a clone can unlearn before fit")


# -- pickles --------------------------------------------------------------------------------------


@applies_to()
def check_pickle(name, estimator):
    """Check that a model goes on as before after a round trip through pickle, and after unlearn."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    loaded = pickle.loads(pickle.dumps(model))
    found = differences(outputs(model, sample), outputs(loaded, sample), "outputs")
    forget(loaded, gone)
    forget(model, gone)
    again = pickle.loads(pickle.dumps(loaded))
    found += differences(outputs(model, sample), outputs(again, sample), "outputs")
    found += differences(learned_attributes(model), learned_attributes(again), public=True)
    expect_none(found, "the model differs after a round trip through pickle")
    if Traits.of(estimator).tracks_rows:
        expect_refused(again, sample, gone, "rows forgotten before the pickle", NotLearnedError)


@applies_to("exact", "not keeps_rows")
def check_pickle_holds_retained_rows_only(name, estimator):
    """Check that two histories that end with the same rows end in the same pickle.

    One of two copies of a model forgets a row; the other corrects it first, then forgets the
    correction. Whatever stays of a forgotten row in a pickle tells the two apart.
    """
    sample = make_sample(estimator)
    row, other = sample.take(slice(1)), make_sample(estimator, 1, seed=9)
    saved = pickle.dumps(fit(clone(estimator), sample))
    one, two = pickle.loads(saved), pickle.loads(saved)
    forget(one, row)
    two.replace(row.keywords(), other.keywords())
    forget(two, other)
    states = [vars(pickle.loads(pickle.dumps(model))) for model in (one, two)]
    expect_none(differences(*states), "the pickle tells which row was forgotten")


@applies_to("not keeps_rows")
def check_keeps_no_rows(name, estimator):
    """Check that no row, no column and no array of the size of the training data can be reached."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = forget(fit(clone(estimator), sample), gone)
    secrets = [row.tobytes() for row in sample.X] + [column.tobytes() for column in sample.X.T]
    if sample.y is not None and sample.y.dtype.kind == "f":
        secrets.append(sample.y.tobytes())
    for item in reachable(model):
        if isinstance(item, np.ndarray) and item.size:
            like = item.ndim == 2 and len(sample) in item.shape and item.size >= sample.X.size
            expect(not like, f"an array of shape {item.shape} is kept: the training data?")
            held = [item.tobytes(), item.tobytes("F")] if item.dtype != object else []
            known = any(secret in data for data in held for secret in secrets)
            expect(not known, f"an array of shape {item.shape} holds training rows")
    saved = pickle.dumps(model)
    expect(not any(secret in saved for secret in secrets), "the pickle holds training rows")


# -- serving --------------------------------------------------------------------------------------


@applies_to("to_sklearn")
def check_to_sklearn(name, estimator):
    """Check that `to_sklearn` says the same and carries no statistics of rows."""
    sample = make_sample(estimator)
    model = forget(fit(clone(estimator), sample), split(sample)[0])
    before = Snapshot(model, sample)
    plain = model.to_sklearn()
    found = differences(outputs(model, sample), outputs(plain, sample), "outputs")
    expect_none(found, "to_sklearn says something else")
    roots = {"skunlearn", type(estimator).__module__.split(".")[0]}
    for item in reachable(plain):
        expect(not _is_statistic(item, roots), f"to_sklearn carries a {type(item).__name__}")
    for value in learned_attributes(plain).values():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            value[...] = 0.0
    before.expect_unchanged("Writing to the arrays of to_sklearn")


def _is_statistic(item, roots):
    """Whether an object of an unlearner's own package holds numbers, estimators aside."""
    if type(item).__module__.split(".")[0] not in roots:
        return False
    if hasattr(item, "get_params"):
        return vars(item).get("_learned") is not None
    return any(isinstance(part, np.ndarray) for part in reachable(item))


@applies_to("exact", "to_sklearn")
def check_equals_scikit_learn(name, estimator):
    """Check that the unlearned model is the one that scikit-learn fits on the rows that remain."""
    sample = make_sample(estimator)
    samples = [sample]
    if Traits.of(estimator).multi_output:
        samples += [sample.changed(y=sample.y[:, None]), sample.changed(y=sample.X[:, :2] ** 2)]
    for each in samples:
        gone, kept = split(each)
        model = forget(fit(clone(estimator), each), gone)
        plain = clone(model.to_sklearn())
        if type(plain).__module__.split(".")[0] != "sklearn":
            return  # an estimator that scikit-learn does not have
        fit(plain, kept)
        found = _numbers_apart(learned_attributes(model.to_sklearn()), learned_attributes(plain))
        found += _numbers_apart(outputs(model, each), outputs(plain, each))
        expect_none(found, "unlearn and scikit-learn's fit differ")


def _numbers_apart(ours, theirs, rtol=1e-6):
    """List what scikit-learn's model has in another shape, or other numbers, or what we lack."""
    theirs = {k: v for k, v in _flat(theirs) if not k.endswith("resolution_")}
    ours = dict(_flat(ours))
    found = [f"{key} is missing" for key in theirs.keys() - ours.keys()]
    for key in theirs.keys() & ours.keys():
        one, other = np.asarray(ours[key]), np.asarray(theirs[key])
        if one.shape != other.shape or (one.ndim and one.dtype.kind != other.dtype.kind):
            found.append(f"{key}: {one.dtype} {one.shape} against {other.dtype} {other.shape}")
        elif one.dtype.kind in "fiu":
            atol = rtol * np.abs(other).max(initial=0.0) + 1e-9  # means of centred columns
            if not np.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True):
                found.append(f"{key} differs by more than {rtol}")
    return found


def _flat(values, where=""):
    """Yield what lists, tuples, dictionaries and estimators hold, by name."""
    for key, value in values.items():
        name = f"{where}{key}"
        if isinstance(value, list | tuple):
            yield from _flat(dict(enumerate(value)), f"{name}.")
        elif isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif hasattr(value, "get_params") and not isinstance(value, type):
            yield from _flat(learned_attributes(value), f"{name}.")
        elif not isinstance(value, slice):
            yield name, value


@applies_to("transformer")
def check_set_output(name, estimator):
    """Check that set_output("pandas") works after unlearn as it did before."""
    try:
        import pandas as pd
    except ImportError as error:
        raise unittest.SkipTest("pandas is not installed: no pandas output") from error
    sample = make_sample(estimator)
    frame = sample.changed(X=pd.DataFrame(sample.X, columns=["one", "two", "three", "four"]))
    model = fit(clone(estimator).set_output(transform="pandas"), frame)
    before = outputs(model, frame)["transform"]
    forget(model, split(frame)[0])
    after = outputs(model, frame)["transform"]
    expect(isinstance(after, pd.DataFrame), f"transform gives {type(after).__name__} after unlearn")
    same = list(before.columns) == list(after.columns)
    expect(same, f"columns {list(before.columns)} became {list(after.columns)}")
    other = copy.deepcopy(model).set_output(transform="default")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the steps of a pipeline miss the names they were given
        plain = np.asarray(outputs(other, frame)["transform"])
    found = differences(after.to_numpy(), plain)
    expect_none(found, "pandas output differs from the default one")


@applies_to("exact")
def check_copies_are_independent(name, estimator):
    """Check that forgetting in a copy leaves the original as it was."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = fit(clone(estimator), sample)
    before = Snapshot(model, sample)
    copied = forget(copy.deepcopy(model), gone)
    before.expect_unchanged("Forgetting in a copy")
    expect_same_model(copied, refit(model, kept), sample, "the copy and the refit differ")
