"""Every public name is importable and documented; rooms are found in the file system."""

import ast
import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

PACKAGE = Path(__file__).parents[1] / "skunlearn"
API_REFERENCE = PACKAGE.parent / "doc" / "api.rst"
# rooms that import an extra at their top
NEEDS = dict.fromkeys(("skunlearn.neural_network", "skunlearn.neural_network.baselines"), "torch")

SECTION = re.compile(r"^(?P<title>\S.*)\n(?P<line>-{3,})$", re.MULTILINE)
ENTRY = re.compile(r"^(\*{0,2}\w+(?:, *\*{0,2}\w+)*)(?: *:.*)?$", re.MULTILINE)


def _public_modules():
    """Public modules, at any depth: no part of the dotted name starts with an underscore."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("skunlearn", *path.relative_to(PACKAGE).with_suffix("").parts)
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            yield ".".join(parts)


MODULES = list(_public_modules())


def _load(module):
    if module in NEEDS:
        pytest.importorskip(NEEDS[module], reason=f"{module} needs {NEEDS[module]}")
    return importlib.import_module(module)


def _public_objects():
    """(module, name) of each entry of each `__all__`, read without importing anything."""
    for module in MODULES:
        stem = PACKAGE.parent.joinpath(*module.split("."))
        path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                    yield from ((module, name) for name in ast.literal_eval(value))


PUBLIC = list(_public_objects())


def sections(docstring):
    """Return {title: text} of a numpydoc docstring, "" being what stands before the first title."""
    docstring = inspect.cleandoc(docstring)
    titles = [m for m in SECTION.finditer(docstring) if len(m["title"]) == len(m["line"])]
    starts = [m.start() for m in titles] + [len(docstring)]
    found = {
        m["title"]: docstring[m.end() : end] for m, end in zip(titles, starts[1:], strict=True)
    }
    return {"": docstring[: starts[0]], **found}


def documented(text):
    """Names that a Parameters or Attributes section documents, in order."""
    return [name for entry in ENTRY.findall(text) for name in re.split(r", *", entry)]


def accepted(function):
    """Names of the parameters of a callable as numpydoc writes them, `self` and `cls` left out."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(function).parameters.values()
    return [stars.get(p.kind, "") + p.name for p in parameters if p.name not in {"self", "cls"}]


def _returns_a_value(function):
    """Whether a function's own source (nested functions aside) returns something but None."""
    todo = list(ast.parse(textwrap.dedent(inspect.getsource(function))).body[0].body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Return) and node.value is not None:
            return True
        todo += ast.iter_child_nodes(node)
    return False


def faults(obj):
    """List what is missing from, or wrong in, the docstring of a public class or function."""
    own = obj.__dict__.get("__doc__") if inspect.isclass(obj) else obj.__doc__
    if not own:
        return ["no docstring of its own"]
    has = sections(own)
    found = [] if has[""].strip() else ["no summary line"]
    is_estimator = inspect.isclass(obj) and issubclass(obj, BaseEstimator)
    is_error = inspect.isclass(obj) and issubclass(obj, BaseException)
    takes = [] if is_error else accepted(obj)
    names = documented(has.get("Parameters", ""))
    if inspect.isclass(obj) and not is_estimator and not names:
        # A plain result class may call its fields attributes, and have further ones.
        names = [name for name in documented(has.get("Attributes", "")) if name in takes]
    if names != takes:
        found.append(f"documents the parameters {names}, takes {takes}")
    # What is never fitted (an unlearner of nets, a splitter) learns no attributes.
    if is_estimator and hasattr(obj, "fit") and not documented(has.get("Attributes", "")):
        found.append("no Attributes section")
    # An error is shown by the example of what raises it.
    if inspect.isclass(obj) and not is_error and ">>> " not in has.get("Examples", ""):
        found.append("no Examples section with a >>> line")
    if inspect.isfunction(obj) and _returns_a_value(obj) and not {"Returns", "Yields"} & set(has):
        found.append("no Returns section")
    return found


def test_rooms_are_found():
    assert {"skunlearn", "skunlearn.exceptions"} <= set(MODULES)
    assert PUBLIC


@pytest.mark.parametrize("module", MODULES)
def test_module_has_a_docstring_and_all(module):
    loaded = _load(module)
    assert (loaded.__doc__ or "").strip(), f"{module} has no docstring"
    assert isinstance(loaded.__all__, list), f"{module} has no __all__"
    assert len(set(loaded.__all__)) == len(loaded.__all__)


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_name_is_documented(module, name):
    obj = getattr(_load(module), name)
    if not callable(obj):
        pytest.skip(f"{module}.{name} is a {type(obj).__name__}: a value, not a class or function")
    found = faults(obj)
    assert not found, f"{module}.{name}: " + "; ".join(found)


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_name_is_in_the_api_reference(module, name):
    if name.startswith("__"):
        pytest.skip(f"{name} is a value that every package has")
    entry = f"{module}.{name}".removeprefix("skunlearn.")
    lines = API_REFERENCE.read_text(encoding="utf-8").splitlines()
    assert entry in [line.strip() for line in lines], f"doc/api.rst does not list {entry}"


class Documented(BaseEstimator):
    """Do nothing.

    Parameters
    ----------
    alpha, beta : float
        Two numbers.

    Attributes
    ----------
    sum_ : float
        Their sum.

    Examples
    --------
    >>> Documented(1, 2)
    Documented(alpha=1, beta=2)
    """

    def __init__(self, alpha, beta):
        self.alpha = alpha
        self.beta = beta

    def fit(self):
        self.sum_ = self.alpha + self.beta
        return self


def _with_docstring(old, new):
    changed = type("Documented", (Documented,), {"__init__": Documented.__init__})
    changed.__doc__ = Documented.__doc__.replace(old, new)
    assert changed.__doc__ != Documented.__doc__
    return changed


class BareError(ValueError):
    """Say what is wrong."""


@pytest.mark.parametrize("obj", [Documented, BareError])
def test_a_documented_class_has_no_faults(obj):
    assert faults(obj) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("alpha, beta", "beta, alpha", "documents the parameters ['beta', 'alpha']"),
        ("alpha, beta", "alpha", "documents the parameters ['alpha']"),
        ("alpha, beta", "alpha, beta, gamma", "documents the parameters"),
        ("    sum_ : float\n", "", "no Attributes section"),
        (">>> Documented", "Documented", "no Examples section"),
        ("Do nothing.", "", "no summary line"),
    ],
)
def test_a_fault_is_found(old, new, fault):
    (found,) = faults(_with_docstring(old, new))
    assert found.startswith(fault)


def test_faults_of_functions_are_found():
    def undocumented(x):
        return x

    def half(x, *rest, key=None):
        """Return x.

        Parameters
        ----------
        x : int
            A number.
        """
        return x

    assert faults(undocumented) == ["no docstring of its own"]
    assert faults(half) == [
        "documents the parameters ['x'], takes ['x', '*rest', 'key']",
        "no Returns section",
    ]
