"""The contract of `unlearn` as checks, for every estimator here and for anyone else's."""

from skunlearn.testing._checks import check_unlearner, parametrize_with_unlearning_checks

__all__ = ["check_unlearner", "parametrize_with_unlearning_checks"]
