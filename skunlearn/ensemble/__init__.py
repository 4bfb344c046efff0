"""Ensembles that can forget rows."""

from skunlearn.ensemble._sisa import SISAClassifier, SISARegressor
from skunlearn.ensemble._verbs import ShardPreview

__all__ = ["SISAClassifier", "SISARegressor", "ShardPreview"]
