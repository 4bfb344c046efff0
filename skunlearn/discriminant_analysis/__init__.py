"""Discriminant analysis that can forget rows."""

from skunlearn.discriminant_analysis._lda import LinearDiscriminantAnalysis
from skunlearn.discriminant_analysis._qda import QuadraticDiscriminantAnalysis

__all__ = ["LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"]
