"""The README's Python blocks run, in order, in one namespace."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_python_blocks_run(tmp_path, monkeypatch):
    if not README.exists():
        pytest.skip("README.md is missing: no blocks to run")
    text = README.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert blocks, "README.md shows no ```python block"
    monkeypatch.chdir(tmp_path)  # what a block writes stays out of the checkout
    namespace = {"__name__": "readme"}
    for block in blocks:
        # Blank lines before the code, so that a traceback shows the README's own line numbers.
        padding = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(padding + block.group(1), str(README), "exec"), namespace)
