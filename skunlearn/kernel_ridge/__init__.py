"""Kernel ridge regression that can forget rows."""

from skunlearn.kernel_ridge._kernel_ridge import KernelRidge

__all__ = ["KernelRidge"]
