"""Checks of requests: what is refused, with which error, and that nothing changes then."""

import copy
import functools
import re
import unittest
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.testing._checks_setup import (
    Snapshot,
    applies_to,
    expect,
    expect_none,
    expect_refused,
    expect_same_model,
    fit,
    forget,
    make_sample,
    refit,
    split,
)
from skunlearn.testing._state import differences


def _expect_says(error, number):
    """Fail unless a message tells a number of rows."""
    found = re.search(rf"\b{number}\b", str(error))
    expect(found, f"NotLearnedError does not say how many rows ({number}): {error}")


def _expect_bad_X_refused(estimator, what, change, errors=ValueError):
    """Refuse otherwise good rows with X changed; leave the model as it was."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    bad = gone.changed(X=change(gone.X))
    expect_refused(model, sample, bad, what, errors)


# -- rows that were never learned ------------------------------------------------------------


@applies_to("tracks_rows")
def check_never_learned_rows(name, estimator):
    """Check that rows that were never learned are refused; the error says how many."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    strange = gone.take(slice(2)).then(make_sample(estimator, 3, seed=8))
    error = expect_refused(model, sample, strange, "rows never learned", NotLearnedError)
    _expect_says(error, 3)


@applies_to("tracks_rows", "numeric")
def check_last_bit(name, estimator):
    """Check that a row that differs in the last bit of one number is another row."""
    sample = make_sample(estimator)
    gone, _ = split(sample, 1)
    model = fit(clone(estimator), sample)
    X = gone.X.copy()
    X[0, 1] = np.nextafter(X[0, 1], np.inf)
    expect_refused(
        model, sample, gone.changed(X=X), "a number changed in its last bit", NotLearnedError
    )


@applies_to("tracks_rows")
def check_forgotten_rows_are_gone(name, estimator):
    """Check that rows cannot be forgotten a second time."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = forget(fit(clone(estimator), sample), gone)
    error = expect_refused(model, sample, gone, "rows already forgotten", NotLearnedError)
    _expect_says(error, len(gone))


@applies_to("tracks_rows")
def check_copies_count(name, estimator):
    """Check that a row learned twice can be forgotten twice, and not three times."""
    sample = make_sample(estimator)
    twice = sample.take(slice(0, 3))
    model = fit(clone(estimator), sample.then(twice))
    thrice = twice.then(twice).then(twice)
    error = expect_refused(model, sample, thrice, "three copies of two", NotLearnedError)
    _expect_says(error, 3)
    forget(model, twice)
    forget(model, twice)
    n_left = model.n_samples_retained_
    expect(n_left == len(sample) - 3, f"{n_left} rows left, expected {len(sample) - 3}")
    expect_refused(model, sample, twice, "a third copy of two", NotLearnedError)


@applies_to("tracks_rows", "needs_y")
def check_wrong_target(name, estimator):
    """Check that rows with the target of another row are refused."""
    sample = make_sample(estimator)
    gone = sample.take([0, 1])
    model = fit(clone(estimator), sample)
    swapped = gone.changed(y=gone.y[::-1])
    error = expect_refused(model, sample, swapped, "wrong targets", NotLearnedError)
    _expect_says(error, 2)


@applies_to("tracks_rows", "weights")
def check_wrong_weight(name, estimator):
    """Check that rows with other weights than they were learned with, or none, are refused."""
    sample = make_sample(estimator, weights=True)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    for weight in (2 * gone.sample_weight, None):
        bad = gone.changed(sample_weight=weight)
        expect_refused(model, sample, bad, f"sample_weight={weight}", NotLearnedError)


# -- requests that are refused, or are none ---------------------------------------------------


def outcome_of_few_rows(estimator, sample, rows):
    """Compare forgetting all but a few rows with a fit on these; list what is wrong."""
    kept = np.isin(np.arange(len(sample)), rows)
    model = fit(clone(estimator), sample)
    few, rest = sample.take(kept), sample.take(~kept)
    before = Snapshot(model, sample)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit on so few rows
        error = None
        try:
            refit(model, few)
        except ValueError as reason:
            error = reason
        try:
            forget(model, rest)
        except UnlearningError as refusal:
            before.expect_unchanged("The refused request (few rows left)")
            return [] if error else [f"refused ({refusal}) where fit is not"]
        if error:
            return [f"carried out where fit raises {error}"]
        # anew: a model that keeps rows refits, and may choose another grid
        expect_same_model(model, refit(model, few), few, "unlearn and refit differ with few rows")
    return []


@applies_to()
def check_last_rows(name, estimator):
    """Check that forgetting the last rows is refused, at once or after others; nothing is lost."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = fit(clone(estimator), sample)
    expect_refused(model, sample, sample, "all rows", UnlearningError)
    forget(model, gone)
    expect_refused(model, sample, kept, "the last rows", UnlearningError)


@applies_to()
def check_zero_rows(name, estimator):
    """Check that a request of zero rows changes nothing."""
    sample = make_sample(estimator)
    model = fit(clone(estimator), sample)
    before = Snapshot(model, sample)
    forget(model, sample.take(slice(0, 0)))
    before.expect_unchanged("A request of zero rows")


@applies_to()
def check_wrong_width(name, estimator):
    """Check that rows with a column too few or too many are refused."""
    _expect_bad_X_refused(estimator, "a column less", lambda X: X[:, :-1])
    _expect_bad_X_refused(estimator, "a column more", lambda X: np.column_stack([X, X[:, 0]]))


@applies_to("numeric", "not allow_nan")
def check_missing_values(name, estimator):
    """Check that missing and infinite values are refused, as `fit` refuses them."""
    for bad in (np.nan, np.inf, -np.inf):
        _expect_bad_X_refused(estimator, f"X with {bad}", lambda X, bad=bad: _with_last(X, bad))


def _with_last(X, value):
    X = X.copy()
    X[-1, -1] = value
    return X


@applies_to("regressor")
def check_missing_target_values(name, estimator):
    """Check that missing and infinite targets are refused."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    for bad in (np.nan, np.inf):
        y = gone.y.copy()
        y[0] = bad
        expect_refused(model, sample, gone.changed(y=y), f"y with {bad}")


@applies_to("numeric")
def check_text(name, estimator):
    """Check that text where numbers are expected is refused."""
    _expect_bad_X_refused(estimator, "text", lambda X: np.full(X.shape, "one", dtype=object))


@applies_to()
def check_shape(name, estimator):
    """Check that X of one dimension, or none at all, is refused."""
    _expect_bad_X_refused(estimator, "X of one dimension", lambda X: X[:, 0])
    sample = make_sample(estimator)
    model = fit(clone(estimator), sample)
    rest = {k: v for k, v in sample.keywords().items() if k != "X"}
    call = functools.partial(model.unlearn, None, **rest)
    expect_refused(model, sample, call, "X=None", (ValueError, TypeError))


@applies_to()
def check_lengths(name, estimator):
    """Check that targets, weights or groups that are more or fewer than the rows are refused."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    for part in gone.keywords():
        short = gone.changed(**{part: getattr(gone, part)[:-1]})
        what = f"{part} of {len(gone) - 1} rows beside {len(gone)}"
        if len(gone.keywords()) > 1:
            expect_refused(model, sample, short, what)


@applies_to("needs_y")
def check_missing_target(name, estimator):
    """Check that a request without targets is refused where they are needed."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    expect_refused(model, sample, gone.changed(y=None), "y=None")


@applies_to("needs_sensitive")
def check_missing_sensitive_features(name, estimator):
    """Check that a request without sensitive features is refused where they are needed."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    expect_refused(model, sample, gone.changed(sensitive_features=None), "sensitive_features=None")


@applies_to()
def check_not_fitted(name, estimator):
    """Check that a model that has learned nothing raises NotFittedError."""
    sample = make_sample(estimator)
    rows = sample.keywords()
    for verb, args in (("unlearn", ()), ("can_unlearn", ()), ("replace", (rows, rows))):
        model = clone(estimator)
        try:
            getattr(model, verb)(*args, **({} if args else rows))
        except NotFittedError:
            expect_none(differences(vars(clone(estimator)), vars(model)), f"{verb} changed it")
        else:
            raise AssertionError(f"{verb} before fit did not raise NotFittedError")


# -- names of features --------------------------------------------------------------------------

NAMES = ["one", "two", "three", "four"]


def as_frame(sample, columns=NAMES):
    """Give the rows with X as a DataFrame; skip the check where there is no pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise unittest.SkipTest("pandas is not installed: no DataFrames to forget") from error
    return sample.changed(X=pd.DataFrame(sample.X, columns=columns))


@applies_to()
def check_feature_names(name, estimator):
    """Check that columns of other names, or in another order, are refused."""
    sample = make_sample(estimator)
    gone = as_frame(split(sample)[0])
    model = fit(clone(estimator), as_frame(sample))
    others = {
        "another order of columns": gone.X[NAMES[::-1]],
        "another name": gone.X.rename(columns={"one": "other"}),
    }
    for what, X in others.items():
        expect_refused(model, as_frame(sample), gone.changed(X=X), what)
    forget(model, gone)
    expect(list(model.feature_names_in_) == NAMES, "unlearn lost the feature names")


@applies_to("exact")
def check_data_frames(name, estimator):
    """Check that DataFrames are forgotten as arrays are."""
    sample = make_sample(estimator)
    gone, kept = map(as_frame, split(sample))
    sample = as_frame(sample)
    model = forget(fit(clone(estimator), sample), gone)
    expect_same_model(model, refit(model, kept), sample, "unlearn of DataFrames differs")


# -- the dry run, and corrections --------------------------------------------------------------


@applies_to("tracks_rows")
def check_can_unlearn(name, estimator):
    """Check that the dry run tells what would be found and refused, and changes nothing."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    before = Snapshot(model, sample)
    strange = gone.take(slice(2)).then(make_sample(estimator, 3, seed=8))
    for rows, expected in (
        (gone, (True, 11, 0)),
        (strange, (False, 2, 3)),
        (sample, (False, 61, 0)),
    ):
        preview = model.can_unlearn(**rows.keywords())
        before.expect_unchanged("can_unlearn")
        told = bool(preview), preview.n_found, preview.n_missing
        expect(told == expected, f"can_unlearn told {told}, expected {expected}")
        expect((preview.reason is None) == told[0], f"the reason is {preview.reason!r}")


@applies_to("tracks_rows")
def check_replace_is_atomic(name, estimator):
    """Check that a correction happens wholly or not at all."""
    sample = make_sample(estimator)
    old, new = sample.take(slice(4)), make_sample(estimator, 4, seed=9)
    model = fit(clone(estimator), sample)
    bad = new.changed(X=new.X[:, :-1])
    for one, two, errors in ((new, old, NotLearnedError), (old, bad, ValueError)):
        call = functools.partial(model.replace, one.keywords(), two.keywords())
        expect_refused(model, sample, call, "a correction", errors)


@applies_to()
def check_input_is_left_alone(name, estimator):
    """Check that the arrays that are passed are not written to."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    before = copy.deepcopy(gone)
    forget(model, gone)
    expect_none(differences(before, gone, "request"), "unlearn wrote to its input")


@applies_to("exact", "not supervised")
def check_target_is_ignored(name, estimator):
    """Check that targets may be passed where none are needed, as pipelines pass them."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = fit(clone(estimator), sample)
    model.unlearn(y=np.arange(len(gone)), **gone.keywords())
    expect_same_model(model, refit(model, kept), sample, "unlearn with y differs")
