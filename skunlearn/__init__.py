"""Scikit-learn estimators that can forget: features, and rows."""

__version__ = "0.1.0"

__all__ = ["__version__"]
