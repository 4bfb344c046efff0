"""Preprocessing that can forget rows."""

from skunlearn.preprocessing._one_hot_encoder import OneHotEncoder
from skunlearn.preprocessing._standard_scaler import StandardScaler

__all__ = ["OneHotEncoder", "StandardScaler"]
