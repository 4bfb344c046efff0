"""Imputing that can forget rows."""

from skunlearn.impute._simple import SimpleImputer

__all__ = ["SimpleImputer"]
