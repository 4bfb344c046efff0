"""Checks that forgetting equals a refit, bit for bit, whatever the rows and the requests."""

import numpy as np
from scipy import sparse
from sklearn.base import clone

from skunlearn.testing._checks_requests import outcome_of_few_rows
from skunlearn.testing._checks_setup import (
    Sample,
    applies_to,
    dense,
    expect,
    expect_close_outputs,
    expect_none,
    expect_same_model,
    fit,
    forget,
    learn,
    make_sample,
    outputs,
    refit,
    split,
    unfitted,
)
from skunlearn.testing._state import differences, learned_attributes

N_REQUESTS = 10_000
N_REQUESTS_COMPOSED = 1_000  # estimators with estimators inside: a request costs much more


def _expect_equals_refit(estimator, sample, what, n_forget=11):
    """Forget some rows of a sample and compare with a refit on the others."""
    gone, kept = split(sample, n_forget)
    model = forget(fit(estimator, sample), gone)
    expect_same_model(model, refit(model, kept), sample, f"unlearn and refit differ {what}")
    return model, kept


@applies_to("exact")
def check_unlearn_equals_refit(name, estimator):
    """Check that forgetting rows gives the model fitted on the rows that remain."""
    _expect_equals_refit(estimator, make_sample(estimator), "for one request")


@applies_to("exact", "classifier")
def check_integer_labels(name, estimator):
    """Check that labels that are integers, negative ones too, are forgotten as text labels are."""
    _expect_equals_refit(estimator, make_sample(estimator, text=False), "for integer labels")


@applies_to("exact", "multi_output")
def check_many_targets(name, estimator):
    """Check that rows with two targets are forgotten as rows with one."""
    sample = make_sample(estimator)
    sample = sample.changed(y=np.column_stack([sample.y, np.cos(sample.y)]))
    _expect_equals_refit(estimator, sample, "for two targets")


@applies_to("exact")
def check_order_and_split_of_requests(name, estimator):
    """Check that the order of requests and their sizes do not matter."""
    sample = make_sample(estimator)
    gone, kept = split(sample, 12)
    model = fit(clone(estimator), sample)
    for rows in (slice(11, 7, -1), [0, 5], slice(1, 5), [6, 7]):
        forget(model, gone.take(rows))
    what = "after four requests in another order"
    expect_same_model(model, refit(model, kept), sample, f"unlearn and refit differ {what}")


@applies_to("exact", "not keeps_rows")
def check_order_of_rows(name, estimator):
    """Check that a refit on the retained rows in any order gives the same model."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = forget(fit(estimator, sample), gone)
    shuffled = kept.take(np.random.default_rng(3).permutation(len(kept)))
    expect_same_model(model, refit(model, shuffled), sample, "the order of the rows matters")


@applies_to("exact", "partial_fit", "not keeps_rows")
def check_learn_again(name, estimator):
    """Check that forgetting rows and learning them again returns to the start."""
    sample = make_sample(estimator)
    gone, _ = split(sample)
    model = fit(clone(estimator), sample)
    start = fit(unfitted(model), sample)
    forget(model, gone)
    learn(model, gone)
    expect_same_model(model, start, sample, "forgetting and learning again does not return")


@applies_to("exact", "partial_fit", "not keeps_rows")
def check_learning_in_parts(name, estimator):
    """Check that a model fitted in parts by partial_fit forgets as one fitted at once."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = fit(clone(estimator), sample.take(slice(30)))
    learn(model, sample.take(slice(30, None)))
    expect_same_model(model, refit(model, sample), sample, "fit and partial_fit differ")
    forget(model, gone)
    expect_same_model(model, refit(model, kept), sample, "unlearn after partial_fit differs")


@applies_to("exact", "transformer")
def check_fit_transform(name, estimator):
    """Check that a model fitted by fit_transform is the fitted one, and forgets like it."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    rest = sample.keywords()
    model = clone(estimator)
    output = model.fit_transform(rest.pop("X"), rest.pop("y", None), **rest)
    found = differences(dense(output), outputs(model, sample)["transform"], "fit_transform")
    expect_none(found, "fit_transform and transform differ")
    forget(model, gone)
    expect_same_model(model, refit(model, kept), sample, "unlearn after fit_transform differs")


@applies_to("exact")
def check_fit_starts_anew(name, estimator):
    """Check that a second fit leaves nothing of the rows of the first."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = forget(fit(clone(estimator), sample), gone)
    declared = unfitted(model).get_params()
    model.set_params(**{k: v for k, v in declared.items() if k.split("__")[-1] == "resolution"})
    fit(model, kept)
    expect_same_model(model, refit(model, kept), sample, "the second fit differs from a first")


@applies_to("exact", "weights")
def check_sample_weight(name, estimator):
    """Check that rows learned with weights are forgotten with these weights."""
    _expect_equals_refit(estimator, make_sample(estimator, weights=True), "with sample_weight")


@applies_to("exact", "weights")
def check_whole_weights_are_copies(name, estimator):
    """Check that a row of weight 2 is two rows, before and after forgetting (counts aside)."""
    sample = make_sample(estimator)
    copies = np.arange(len(sample)) % 3 + 1
    gone, kept = slice(0, 9), slice(9, None)
    weighted = sample.changed(sample_weight=copies.astype(float))
    model = forget(fit(estimator, weighted), weighted.take(gone))
    repeated = refit(model, sample.take(kept).take(np.repeat(np.arange(52), copies[kept])))
    found = _unequal_values(learned_attributes(model), learned_attributes(repeated))
    expect_none(found, "whole weights and copies of rows differ")


def _unequal_values(one, other):
    """Names of attributes whose values differ; a count may be 3 in one and 3.0 in the other."""
    return [
        key
        for key in one.keys() | other.keys()
        if differences(one.get(key), other.get(key), public=True)
        and not (np.isscalar(one.get(key)) and one[key] == other.get(key))
    ]


@applies_to("exact", "classifier")
def check_forget_a_class(name, estimator):
    """Check that forgetting one class of three takes it from classes_, as a refit does."""
    for text in (True, False):
        sample = make_sample(estimator, text=text)
        if len(np.unique(sample.y)) < 3:
            return
        gone = sample.y == sample.y[2]
        model = forget(fit(clone(estimator), sample), sample.take(gone))
        kept = sample.take(~gone)
        expect(len(model.classes_) == 2, f"classes_ is {model.classes_} after one of 3 is gone")
        expect_same_model(model, refit(model, kept), sample, "forgetting a class differs")


@applies_to("exact", "classifier", "not keeps_rows")
def check_new_class(name, estimator):
    """Check that rows corrected to a class never seen equal a fit with it."""
    for text, label in ((True, "much longer"), (False, 1000)):
        sample = make_sample(estimator, text=text)
        old, kept = sample.take(slice(4)), sample.take(slice(4, None))
        new = old.changed(y=np.full(4, label))
        model = fit(clone(estimator), sample)
        model.replace(old.keywords(), new.keywords())
        expected = refit(model, kept.then(new))
        expect_same_model(model, expected, sample, f"replace and refit differ for y={label!r}")


@applies_to("exact", "weights", "partial_fit", "not keeps_rows")
def check_weights_in_a_later_batch(name, estimator):
    """Check that weighted rows learned after rows without weights leave no trace."""
    sample = make_sample(estimator)
    later = make_sample(estimator, 9, seed=9)
    later = later.changed(sample_weight=np.arange(9) % 3 + 1.0)
    model = fit(clone(estimator), sample)
    start = refit(model, sample)
    learn(model, later)
    forget(model, later)
    expect_same_model(model, start, sample, "learning and forgetting with weights leaves a trace")


@applies_to("exact", "real")
def check_large_offset(name, estimator):
    """Check that columns at 1e6 lose no digits, nor does the grid."""
    sample = make_sample(estimator)
    model, kept = _expect_equals_refit(
        estimator, sample.changed(X=sample.X + 1e6), "at an offset of 1e6"
    )
    expect_close_outputs(model, fit(clone(estimator), kept), kept, "at an offset of 1e6")


@applies_to("exact", "numeric")
def check_outliers(name, estimator):
    """Check that rows of 1e4 to 1e12 leave no trace once they are forgotten."""
    clean = make_sample(estimator)
    for power in (4, 6, 8, 10, 12):
        far = make_sample(estimator, 3, seed=power)
        y = far.y * 10.0**power if far.y is not None and far.y.dtype.kind == "f" else far.y
        far = far.changed(X=far.X * 10.0**power, y=y)
        model = forget(fit(clone(estimator), far.then(clean)), far)
        what = f"after outliers of 1e{power}"
        expect_same_model(model, refit(model, clean), clean, f"unlearn and refit differ {what}")
        expect_close_outputs(model, fit(clone(estimator), clean), clean, what)


@applies_to("exact", "numeric")
def check_column_becomes_constant(name, estimator):
    """Check that forgetting the last ones of an indicator, or all variation, equals a refit."""
    sample = make_sample(estimator)
    varied = np.zeros(len(sample), dtype=bool)
    varied[::6] = True
    X = np.column_stack([sample.X[:, :2], varied, np.where(varied, sample.X[:, 2], 0.1)])
    sample = sample.changed(X=X)
    gone, kept = sample.take(varied), sample.take(~varied)
    model = forget(fit(estimator, sample), gone)
    what = "where columns become constant"
    expect_same_model(model, refit(model, kept), kept, f"unlearn and refit differ {what}")
    expect_close_outputs(model, fit(clone(estimator), kept), kept, what)


@applies_to("exact", "sparse")
def check_sparse(name, estimator):
    """Check that sparse rows are learned and forgotten as the dense ones are."""
    sample = make_sample(estimator)
    holes = np.random.default_rng(5).random(sample.X.shape) < 0.5
    sample = sample.changed(X=np.where(holes, 0.0, sample.X))
    gone, kept = split(sample)
    dense = fit(clone(estimator), sample)
    for storage in (sparse.csr_array, sparse.csc_array):
        model = fit(unfitted(dense), sample.changed(X=storage(sample.X)))
        forget(model, gone.changed(X=storage(gone.X)))
        other = refit(model, kept.changed(X=storage(kept.X)))
        expect_same_model(model, other, sample, "unlearn and refit differ for sparse X")
        if hasattr(model, "state_digest"):
            same = model.state_digest() == refit(dense, kept).state_digest()
            expect(same, "sparse and dense rows have different digests")


@applies_to("exact", "numeric")
def check_float32(name, estimator):
    """Check that rows in float32 may be forgotten, also as the same numbers in float64."""
    sample = make_sample(estimator)
    sample = sample.changed(X=sample.X.astype(np.float32))
    model, kept = _expect_equals_refit(estimator, sample, "in float32")
    gone, _ = split(sample)
    other = fit(unfitted(model), sample)
    forget(other, gone.changed(X=gone.X.astype(np.float64)))
    expect_same_model(other, refit(model, kept), sample, "forgotten in float64")


@applies_to("exact")
def check_lists(name, estimator):
    """Check that nested lists are forgotten as arrays are."""
    sample = make_sample(estimator)
    gone, kept = split(sample)
    model = fit(clone(estimator), sample)
    lists = Sample(*(None if part is None else part.tolist() for part in gone._parts()))
    forget(model, lists)
    expect_same_model(model, refit(model, kept), sample, "unlearn of lists differs")


@applies_to("exact")
def check_many_requests(name, estimator):
    """Check that ten thousand requests leave no drift (one thousand for composed estimators)."""
    composed = any(hasattr(value, "get_params") for value in estimator.get_params().values())
    n_requests = N_REQUESTS_COMPOSED if composed else N_REQUESTS
    sample = make_sample(estimator, n_requests + 31)
    model = fit(clone(estimator), sample)
    for i in range(n_requests):
        forget(model, sample.take(slice(i, i + 1)))
    kept = sample.take(slice(n_requests, None))
    what = f"after {n_requests} requests"
    expect_same_model(model, refit(model, kept), kept, f"unlearn and refit differ {what}")


@applies_to("exact", "not keeps_rows")
def check_replace(name, estimator):
    """Check that correcting rows equals a fit on the corrected rows."""
    sample = make_sample(estimator)
    old, kept = split(sample, 5)
    new = make_sample(estimator, 5, seed=9)
    model = fit(clone(estimator), sample)
    result = model.replace(old.keywords(), new.keywords())
    expect(result is model, f"replace returned {result!r}, expected the estimator")
    expect_same_model(model, refit(model, kept.then(new)), sample, "replace and refit differ")


@applies_to("exact")
def check_refused_where_fit_raises(name, estimator):
    """Check that a request is carried out if and only if a fit on what remains would be."""
    sample = make_sample(estimator)
    for rows in ([0], [0, 1], [0, 3], [0, 1, 2], [0, 3, 6]):
        found = outcome_of_few_rows(estimator, sample, np.array(rows))
        expect_none(found, f"with {len(rows)} of {len(sample)} rows left")
