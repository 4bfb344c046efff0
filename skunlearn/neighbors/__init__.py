"""Nearest neighbours and nearest centroids that can forget rows."""

from skunlearn.neighbors._k_neighbors import KNeighborsClassifier, KNeighborsRegressor
from skunlearn.neighbors._nearest_centroid import NearestCentroid

__all__ = ["KNeighborsClassifier", "KNeighborsRegressor", "NearestCentroid"]
