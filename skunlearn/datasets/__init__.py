"""Fetchers of the data sets that the examples, tests and benchmarks use."""

from skunlearn.datasets._adult import fetch_adult
from skunlearn.datasets._communities_crime import fetch_communities_crime
from skunlearn.datasets._compas import fetch_compas
from skunlearn.datasets._law_school import fetch_law_school
from skunlearn.datasets._mnist import fetch_mnist

__all__ = [
    "fetch_adult",
    "fetch_communities_crime",
    "fetch_compas",
    "fetch_law_school",
    "fetch_mnist",
]
