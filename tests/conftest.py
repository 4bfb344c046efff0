"""Fixtures that every test may ask for."""

import os
import re
from pathlib import Path

import pytest

# Before anything imports matplotlib: no display is needed, no window opens.
os.environ["MPLBACKEND"] = "Agg"


@pytest.fixture(scope="session")
def data_home():
    """Folder of the data sets (the layout of ``skunlearn.datasets``), or skip."""
    folder = os.environ.get("SKUNLEARN_DATA")
    if not folder:
        pytest.skip("SKUNLEARN_DATA is not set: no data sets to read")
    if not Path(folder).is_dir():
        pytest.skip(f"SKUNLEARN_DATA={folder} is not a folder: no data sets to read")
    return folder


def stable_id(value):
    """Name of a parameter without addresses, so that every worker collects the same tests."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", re.sub(r"\s+", " ", repr(value)))
