"""Fetchers of the data sets that the examples, tests and benchmarks use."""

from skunlearn.datasets._adult import fetch_adult

__all__ = ["fetch_adult"]
