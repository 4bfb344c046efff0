"""Every estimator keeps scikit-learn's contract and the contract of `unlearn`."""

import importlib
import warnings
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import skunlearn
from skunlearn.testing import _checks_equivalence, parametrize_with_unlearning_checks
from skunlearn.testing._checks import checks_of
from skunlearn.testing._registry import expected_failures, expected_sklearn_failures, unlearners

NEEDS = {"neural_network": "torch"}  # rooms that import an extra at their top
# Each request of these is a refit that takes long.
REFITTED = {"SlicedBarycenter", "InformationRegularizedLogisticRegression"}
FIRST = {type(estimator): repr(estimator) for estimator in reversed(unlearners())}


def _rooms():
    """Names of the public rooms, from the file system."""
    for path in sorted(Path(skunlearn.__file__).parent.iterdir()):
        name = path.name.removesuffix(".py")
        if not name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists()):
            yield name


def _public_estimators(room):
    """Estimator classes in the `__all__` of a room."""
    if room in NEEDS:
        pytest.importorskip(NEEDS[room], reason=f"{room} needs {NEEDS[room]}")
    module = importlib.import_module(f"skunlearn.{room}")
    values = [getattr(module, name) for name in module.__all__]
    # parameters of a net, with parameters of their own: no models
    parts = tuple(
        getattr(module, name) for name in ("Unlearner", "HeldOut") if name in vars(module)
    )
    return {
        v
        for v in values
        if isinstance(v, type) and issubclass(v, BaseEstimator) and not issubclass(v, parts)
    }


def _without_sensitive():
    """Estimators that scikit-learn's checks can fit: these pass no sensitive features."""
    return [e for e in unlearners() if not get_tags(e).unlearner_tags.needs_sensitive]


@parametrize_with_checks(_without_sensitive(), expected_failed_checks=expected_sklearn_failures)
def test_scikit_learn_contract(estimator, check):
    with warnings.catch_warnings():
        # scikit-learn's checks fit on rows that are degenerate in many ways, and warn of them
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.mark.filterwarnings("ignore:[0-9]+ of the columns that")  # categories, moved as numbers
@parametrize_with_unlearning_checks(unlearners(), expected_failed_checks=expected_failures)
def test_unlearning_contract(estimator, check, monkeypatch):
    is_variant = repr(estimator) != FIRST[type(estimator)]  # the long run is for one a class
    if type(estimator).__name__ in REFITTED:
        monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 50)
    elif is_variant:
        monkeypatch.setattr(_checks_equivalence, "N_REQUESTS", 1_000)
    elif not get_tags(estimator).unlearner_tags.keeps_rows:  # there each request is a refit
        monkeypatch.setattr(_checks_equivalence, "N_REQUESTS_COMPOSED", 10_000)
    check(estimator)


@pytest.mark.parametrize("room", list(_rooms()))
def test_every_public_estimator_is_in_the_registry(room):
    missing = _public_estimators(room) - {type(estimator) for estimator in unlearners()}
    assert not missing, f"add {missing} to skunlearn/testing/_registry.py"


@pytest.mark.parametrize("estimator", unlearners(), ids=repr)
def test_array_api_support_is_off(estimator):
    assert not get_tags(estimator).array_api_support


@pytest.mark.parametrize("estimator", unlearners(), ids=repr)
def test_every_estimator_collects_checks(estimator):
    assert len(checks_of(estimator)) > 20
    assert len(list(estimator_checks_generator(estimator))) > 20
