"""Transformers that take a sensitive variable out of the data."""

from skunlearn.feature_unlearning._gaussian_barycenter import GaussianBarycenter

__all__ = ["GaussianBarycenter"]
