"""Auditing what models have forgotten, and finding the rows of those who ask."""

from skunlearn.audit._row_index import RowIndex

__all__ = ["RowIndex"]
