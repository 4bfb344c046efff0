"""The Python blocks of the user guide run, page by page, in order, in one namespace a page."""

import doctest
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[1] / "doc" / "user_guide"
PAGES = sorted(GUIDE.glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DATA = re.compile(r"\bfetch_\w+\(")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def run_page(path, has_data):
    """Run the blocks of a page; return how many ran. A block that fetches data ends it without."""
    text = path.read_text(encoding="utf-8")
    namespace = {"__name__": path.stem}
    n_run = 0
    for block in BLOCK.finditer(text):
        source, line = block.group(1), text.count("\n", 0, block.start(1))
        if DATA.search(source) and not has_data:
            break
        if source.lstrip().startswith(">>> "):
            _run_doctest(source, namespace, path, line)
        else:
            # Blank lines before the code, so that a traceback shows the page's own line numbers.
            exec(compile("\n" * line + source, str(path), "exec"), namespace)
        n_run += 1
    return n_run


def _run_doctest(source, namespace, path, line):
    test = doctest.DocTestParser().get_doctest(source, namespace, path.name, str(path), line)
    runner = doctest.DebugRunner(optionflags=FLAGS)
    try:
        runner.run(test, clear_globs=False)
    except doctest.DocTestFailure as failure:
        example = failure.example
        raise AssertionError(
            f"{path.name}, line {line + example.lineno + 1}: expected {example.want!r}, got "
            f"{failure.got!r}"
        ) from None
    except doctest.UnexpectedException as failure:
        raise failure.exc_info[1] from None
    namespace.update(test.globs)


def test_there_are_pages():
    assert {"unlearning_rows.md", "statistics.md", "pipeline.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("path", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(path, request, tmp_path, monkeypatch):
    text = path.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert text.count("```python") == len(blocks), "a ```python block is not closed, or is indented"
    monkeypatch.chdir(tmp_path)  # what a block writes stays out of the checkout
    if any(DATA.search(block) for block in blocks):
        run_page(path, has_data=False)  # what stands before the data runs anyway
        request.getfixturevalue("data_home")  # skips, with the reason, where there are none
    assert run_page(path, has_data=True) == len(blocks)


@pytest.mark.parametrize(
    "block", ["assert 1 + 1 == 3", ">>> 1 + 1\n3", "raise AssertionError", ">>> assert False"]
)
def test_a_wrong_block_is_noticed(block, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"Text.\n\n```python\n{block}\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        run_page(page, has_data=True)


def test_blocks_share_a_namespace_and_data_end_a_page(tmp_path):
    page = tmp_path / "page.md"
    blocks = ["x = 2", ">>> x + 1\n3\n>>> y = x + 2", "assert y == 4", "fetch_nothing()", "x = 1"]
    page.write_text("".join(f"```python\n{block}\n```\n" for block in blocks), encoding="utf-8")
    assert run_page(page, has_data=False) == 3
    with pytest.raises(NameError):
        run_page(page, has_data=True)
