"""Decompositions that can forget rows."""

from skunlearn.decomposition._pca import PCA

__all__ = ["PCA"]
