"""Linear models that can forget rows."""

from skunlearn.linear_model._linear_regression import LinearRegression
from skunlearn.linear_model._logistic import LogisticRegression
from skunlearn.linear_model._ridge import Ridge, RidgeClassifier
from skunlearn.linear_model._ridge_cv import UnlearnableRidgeCV

__all__ = [
    "LinearRegression",
    "LogisticRegression",
    "Ridge",
    "RidgeClassifier",
    "UnlearnableRidgeCV",
]
