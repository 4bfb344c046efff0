"""Transformers for the columns of mixed tables, together able to forget rows."""

from skunlearn.compose._column_transformer import ColumnTransformer
from skunlearn.compose._make import make_column_transformer

__all__ = ["ColumnTransformer", "make_column_transformer"]
