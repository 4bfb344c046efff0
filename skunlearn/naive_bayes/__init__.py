"""Naive Bayes classifiers that can forget rows."""

from skunlearn.naive_bayes._bernoulli import BernoulliNB
from skunlearn.naive_bayes._categorical import CategoricalNB
from skunlearn.naive_bayes._gaussian import GaussianNB
from skunlearn.naive_bayes._multinomial import ComplementNB, MultinomialNB

__all__ = ["BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"]
