"""Scikit-learn estimators that can forget: features, and rows."""

__version__ = "0.1.0"

__all__ = ["__version__", "from_sklearn"]


def __getattr__(name):
    """Import `from_sklearn` when it is asked for: importing the package loads nothing."""
    if name == "from_sklearn":
        from skunlearn._adopt import from_sklearn

        return from_sklearn
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    """List the public names."""
    return [*globals(), "from_sklearn"]
