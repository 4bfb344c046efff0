"""Preprocessing that can forget rows."""

from skunlearn.preprocessing._standard_scaler import StandardScaler

__all__ = ["StandardScaler"]
