"""Naive Bayes classifiers that can forget rows."""

from skunlearn.naive_bayes._gaussian import GaussianNB

__all__ = ["GaussianNB"]
