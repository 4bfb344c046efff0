"""What the checks share: data that suits an estimator, its verbs, and what they assert."""

import copy
import dataclasses
import functools
import inspect
import warnings

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from skunlearn.base import is_unlearner
from skunlearn.testing._state import differences, learned_attributes

N_ROWS = 61  # a prime that no number of features, classes or components happens to be
N_FEATURES = 4


@dataclasses.dataclass(frozen=True)
class Traits:
    """What an estimator is, as its tags and signatures tell; the checks are chosen by these."""

    exact: bool
    needs_y: bool
    keeps_rows: bool
    needs_sensitive: bool
    classifier: bool
    regressor: bool
    transformer: bool
    supervised: bool
    multi_output: bool
    weights: bool
    partial_fit: bool
    tracks_rows: bool
    sparse: bool
    numeric: bool
    real: bool
    allow_nan: bool
    to_sklearn: bool

    @classmethod
    def of(cls, estimator):
        """Read the traits of an estimator."""
        tags = get_tags(estimator)
        own = tags.unlearner_tags
        inputs = tags.input_tags
        regressor, classifier = is_regressor(estimator), is_classifier(estimator)
        return cls(
            exact=own.kind == "exact",
            needs_y=own.needs_y,
            keeps_rows=own.keeps_rows,
            needs_sensitive=own.needs_sensitive,
            classifier=classifier,
            regressor=regressor,
            transformer=hasattr(estimator, "transform"),
            supervised=own.needs_y or classifier or regressor or tags.target_tags.required,
            multi_output=regressor and tags.target_tags.multi_output,
            weights=has_fit_parameter(estimator, "sample_weight"),
            partial_fit=hasattr(estimator, "partial_fit"),
            tracks_rows=bool(estimator.get_params().get("track_rows", True)),
            sparse=inputs.sparse,
            numeric=not (inputs.string or inputs.categorical),
            real=not (inputs.string or inputs.categorical or inputs.positive_only),
            allow_nan=inputs.allow_nan,
            to_sklearn=hasattr(estimator, "to_sklearn"),
        )


def applies_to(*needed):
    """Mark a check with the traits it needs, such as "exact" or "not keeps_rows"."""

    def mark(check):
        @functools.wraps(check)
        def run(name, estimator):
            if not is_unlearner(estimator):
                raise TypeError(f"{name} has no unlearner_tags: it is no unlearner.")
            estimator = clone(estimator)
            seeds = [key for key in estimator.get_params() if key.split("__")[-1] == "random_state"]
            return check(name, estimator.set_params(**dict.fromkeys(seeds, 0)))

        run.needed = needed
        return run

    return mark


def is_selected(check, traits):
    """Whether an estimator has all the traits that a check needs."""
    return all(
        getattr(traits, trait.removeprefix("not ")) != trait.startswith("not ")
        for trait in check.needed
    )


# -- rows ----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Sample:
    """Rows with all that belongs to them."""

    X: object
    y: object = None
    sample_weight: object = None
    sensitive_features: object = None

    def __len__(self):
        return len(self.X)

    def take(self, rows):
        """Take some of the rows: a slice, a mask or indices."""
        return self._map(lambda part: part.iloc[rows] if hasattr(part, "iloc") else part[rows])

    def changed(self, **parts):
        """Give the rows with some of their parts replaced."""
        return dataclasses.replace(self, **parts)

    def then(self, other):
        """Give these rows followed by others."""
        return Sample(
            *(
                None if one is None else np.concatenate([one, two])
                for one, two in zip(self._parts(), other._parts(), strict=True)
            )
        )

    def keywords(self):
        """Give what is there, as keywords of `unlearn`."""
        names = [field.name for field in dataclasses.fields(self)]
        return {k: v for k, v in zip(names, self._parts(), strict=True) if v is not None}

    def _parts(self):
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def _map(self, function):
        return Sample(*(None if part is None else function(part) for part in self._parts()))


def make_sample(estimator, n=N_ROWS, *, seed=0, text=True, weights=False):
    """Draw rows that suit an estimator: three classes, a linear target, or no target.

    Parameters
    ----------
    estimator : estimator instance
    n : int
    seed : int
    text : bool
        Class labels as text; otherwise as integers.
    weights : bool
        Whether the rows have fractional weights.

    Returns
    -------
    Sample
    """
    traits = Traits.of(estimator)
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    X = rng.normal(size=(n, N_FEATURES)) * [1.0, 2.0, 0.5, 10.0] + [0.0, 1.0, -3.0, 100.0]
    X[:, :2] += np.array([[0.0, 0.0], [2.0, 1.0], [-1.0, 3.0]])[codes]
    X = X if traits.real else np.abs(X)
    if get_tags(estimator).input_tags.categorical:
        X = _categories(n, rng)
    y = None
    if traits.classifier or (traits.supervised and not traits.regressor):
        if traits.classifier and not get_tags(estimator).classifier_tags.multi_class:
            codes = codes % 2
        y = np.array(["a", "bb", "ccc"])[codes] if text else codes - 1
    elif traits.supervised:
        y = X @ np.array([1.0, -2.0, 0.5, 0.1]) + rng.normal(size=n)
    sensitive = rng.choice(["f", "m"], size=n) if traits.needs_sensitive else None
    weight = rng.uniform(0.5, 2.0, size=n) if weights else None
    return Sample(X, y, weight, sensitive)


def _categories(n, rng):
    """Draw whole numbers, no row twice as far as there are enough, no number in two columns."""
    n_levels = (5, 6, 7, 8)
    n_different = int(np.prod(n_levels))
    drawn = rng.permutation(max(n, n_different))[:n] % n_different
    return np.column_stack(np.unravel_index(drawn, n_levels)) + np.arange(4.0) * 10.0


def split(sample, n_forget=11):
    """Split rows into those to forget and those to retain, by position in both halves.

    Returns
    -------
    forget, retain : Sample
    """
    chosen = np.zeros(len(sample), dtype=bool)
    chosen[np.random.default_rng(7).permutation(len(sample))[:n_forget]] = True
    return sample.take(chosen), sample.take(~chosen)


# -- verbs ---------------------------------------------------------------------------------


def fit(estimator, sample):
    """Fit on a sample; return the estimator."""
    rest = sample.keywords()
    targets = [rest.pop(name) for name in ("X", "y") if name in rest]
    return estimator.fit(*targets, **rest)


def forget(model, sample):
    """Forget a sample; return the model."""
    model.unlearn(**sample.keywords())
    return model


def learn(model, sample):
    """Learn more rows; return the model."""
    rest = sample.keywords()
    targets = [rest.pop(name) for name in ("X", "y") if name in rest]
    return model.partial_fit(*targets, **rest)


def unfitted(model):
    """Clone a model so that its refit must be bit-equal: the grids that were found are declared."""
    parts = {"": model, **model.get_params(deep=True)}
    declared = {
        f"{name}__resolution".removeprefix("__"): part.resolution_
        for name, part in parts.items()
        if hasattr(part, "resolution_") and "resolution" in part.get_params(deep=False)
    }
    return clone(model).set_params(**declared)


def refit(model, sample):
    """Fit afresh on a sample, with the parameters and grids of a fitted model."""
    return fit(unfitted(model), sample)


def outputs(model, sample):
    """Everything a model says about the rows of a sample."""
    given = sample.keywords()
    passed = {k: v for k, v in given.items() if k == "sensitive_features"}
    methods = ("predict", "predict_proba", "decision_function")
    found = {}
    for name in (*methods, "transform"):
        if hasattr(model, name):
            method = getattr(model, name)
            takes = passed.keys() & inspect.signature(method).parameters
            found[name] = method(sample.X, **{k: passed[k] for k in takes})
    return {name: dense(value) for name, value in found.items()}


def dense(values):
    """Make an array of a sparse matrix."""
    return values.toarray() if hasattr(values, "toarray") else values


# -- assertions ----------------------------------------------------------------------------


def expect(condition, message):
    """Fail with a message unless a condition holds."""
    if not condition:
        raise AssertionError(message)


def expect_none(found, message):
    """Fail with a message and the first few of a list of differences."""
    expect(not found, f"{message}: " + "; ".join(found[:5]))


def expect_same_model(model, reference, sample, message):
    """Bit-equal learned attributes, outputs, digest and number of rows."""
    found = differences(
        learned_attributes(model), learned_attributes(reference), "learned", public=True
    )
    found += differences(outputs(model, sample), outputs(reference, sample), "outputs")
    if model.n_samples_retained_ != reference.n_samples_retained_:
        found.append(f"{model.n_samples_retained_} rows against {reference.n_samples_retained_}")
    if hasattr(model, "state_digest") and model.state_digest() != reference.state_digest():
        found.append("state_digest differs")
    expect_none(found, message)


def expect_close_outputs(model, reference, sample, message, rtol=1e-6):
    """Finite outputs that agree up to the resolution of the grid."""
    ours, theirs = outputs(model, sample), outputs(reference, sample)
    for name, value in ours.items():
        if np.asarray(value).dtype.kind == "f":
            value, other = np.asarray(value), np.asarray(theirs[name])
            scale = np.abs(other).max(initial=0.0)
            same = value.shape == other.shape
            same = same and np.allclose(value, other, rtol=rtol, atol=rtol * scale)
            expect(np.isfinite(value).all(), f"{message}: {name} is not finite")
            expect(same, f"{message}: {name} differs by more than {rtol}")


class Snapshot:
    """All that a model is and says at a moment, to be compared with what it is later."""

    def __init__(self, model, sample):
        self.model, self.sample = model, sample
        self.state = copy.deepcopy(vars(model))
        self.says = copy.deepcopy(outputs(model, sample))

    def expect_unchanged(self, message):
        """Fail if anything in the model, or anything it says, has changed."""
        found = differences(self.state, vars(self.model))
        expect_none(found, f"{message} changed the model")
        found = differences(self.says, outputs(self.model, self.sample), "outputs")
        expect_none(found, f"{message} changed what the model says")


def expect_refused(model, sample, request, what, errors=ValueError):
    """Fail unless a request raises an error and leaves the model as it was.

    Parameters
    ----------
    model : estimator instance
    sample : Sample
        Rows whose outputs must stay the same.
    request : Sample or callable
        Rows to forget, or what to call instead.
    what : str
        How the messages call the request.
    errors : exception class or tuple of these

    Returns
    -------
    Exception
        What was raised.
    """
    before = Snapshot(model, sample)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an error is expected, warnings may precede it
            request() if callable(request) else forget(model, request)
    except errors as error:
        before.expect_unchanged(f"The refused request ({what})")
        return error
    except Exception as error:
        kinds = errors if isinstance(errors, tuple) else (errors,)
        names = " or ".join(kind.__name__ for kind in kinds)
        raise AssertionError(
            f"{what} raised {type(error).__name__} ({error}), expected {names}"
        ) from error
    raise AssertionError(f"{what} was not refused")
