"""The contract of `unlearn` as a suite of checks, chosen by the tags of an estimator."""

import functools
import re
import unittest

from skunlearn.base import is_unlearner
from skunlearn.testing import _checks_equivalence, _checks_requests, _checks_residue
from skunlearn.testing._checks_setup import Traits, is_selected

_MODULES = (_checks_equivalence, _checks_requests, _checks_residue)


def all_checks():
    """Every check of the suite, by name.

    Returns
    -------
    dict of str to callable
    """
    return {
        name: value
        for module in _MODULES
        for name, value in vars(module).items()
        if name.startswith("check_") and hasattr(value, "needed")
    }


def checks_of(estimator):
    """Select the checks of an estimator by its traits.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    dict of str to callable
        Each takes a name and an estimator.
    """
    if isinstance(estimator, type):
        raise TypeError(f"Got the class {estimator.__name__}, expected an instance of it.")
    if not is_unlearner(estimator):
        raise TypeError(
            f"{type(estimator).__name__} has no unlearner_tags. Inherit from "
            "skunlearn.base.UnlearnerMixin, before any scikit-learn class."
        )
    traits = Traits.of(estimator)
    return {name: check for name, check in all_checks().items() if is_selected(check, traits)}


def check_unlearner(estimator, *, on_fail="raise", expected_failed_checks=None):
    """Check that an estimator keeps the contract of `unlearn`.

    The checks are chosen by `UnlearnerTags` (kind, needs_y, keeps_rows, needs_sensitive), by
    scikit-learn's tags, and by whether `fit` takes `sample_weight` and there is a `partial_fit`.

    Parameters
    ----------
    estimator : estimator instance
        It is cloned, never fitted itself.
    on_fail : {"raise", None}, default="raise"
        Raise the first failure, or note all of them in the result.
    expected_failed_checks : dict of str to str, default=None
        Names of checks that may fail, each with the reason.

    Returns
    -------
    list of dict
        For each check "check_name", "status" ("passed", "failed", "skipped" or "xfail"),
        "exception", and "expected_to_fail_reason".

    Raises
    ------
    AssertionError
        If a check fails and `on_fail` is "raise".
    TypeError
        If the estimator is a class, or no unlearner.

    See Also
    --------
    parametrize_with_unlearning_checks : The same checks as single tests of pytest.

    Examples
    --------
    >>> from skunlearn.naive_bayes import GaussianNB
    >>> from skunlearn.testing import check_unlearner
    >>> class Forgetful(GaussianNB):
    ...     def unlearn(self, X, y=None, **rest):
    ...         return self
    >>> results = check_unlearner(Forgetful(), on_fail=None)
    >>> any(result["status"] == "failed" for result in results)
    True
    """
    if on_fail not in ("raise", None):
        raise ValueError(f'Got on_fail={on_fail!r}, expected "raise" or None.')
    checks = checks_of(estimator)
    expected = _known(expected_failed_checks)
    results = []
    for name, check in checks.items():
        status, exception = "passed", None
        try:
            check(type(estimator).__name__, estimator)
        except unittest.SkipTest as skip:
            status, exception = "skipped", skip
        except Exception as error:
            if on_fail == "raise" and name not in expected:
                raise
            status, exception = "xfail" if name in expected else "failed", error
        results.append(
            {
                "check_name": name,
                "status": status,
                "exception": exception,
                "expected_to_fail_reason": expected.get(name),
            }
        )
    return results


def _known(expected_failed_checks):
    expected = expected_failed_checks or {}
    unknown = sorted(set(expected) - set(all_checks()))
    if unknown:
        raise ValueError(f"Got expected_failed_checks with {unknown}, which are no checks.")
    return expected


def parametrize_with_unlearning_checks(estimators, *, expected_failed_checks=None):
    """Decorate a test of pytest so that each check of each estimator is a test of its own.

    Parameters
    ----------
    estimators : list of estimator instances
    expected_failed_checks : callable, default=None
        Takes an estimator, returns a dict of names of checks that must fail, each with the
        reason; a check that passes in spite of it is a failure.

    Returns
    -------
    decorator : pytest.mark.parametrize
        The test takes `estimator` and `check`, and calls `check(estimator)`.

    See Also
    --------
    check_unlearner : All checks in one call.

    Examples
    --------
    >>> from skunlearn.linear_model import Ridge
    >>> from skunlearn.testing import parametrize_with_unlearning_checks
    >>> @parametrize_with_unlearning_checks([Ridge(), Ridge(fit_intercept=False)])
    ... def test_unlearner(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for estimator in estimators:
        expected = _known(expected_failed_checks and expected_failed_checks(estimator))
        title = re.sub(r"\s+", " ", repr(estimator))
        for name, check in checks_of(estimator).items():
            marks = []
            if name in expected:
                marks = [pytest.mark.xfail(reason=expected[name], strict=True)]
            run = functools.partial(check, type(estimator).__name__)
            cases.append(pytest.param(estimator, run, id=f"{title}-{name}", marks=marks))
    return pytest.mark.parametrize(("estimator", "check"), cases)
