"""Who may import whom: the directions between the rooms of the package, read from the source.

The rules, numbered as `breaches` reports them:

1. `exceptions` imports nothing; `_statistics` and `_transport` import numpy, scipy, threadpoolctl,
   the standard library, `exceptions` and themselves.
2. `base` knows no statistics, `_exact` is the glue between the two. Model rooms import these,
   `_sklearn_compat` and `exceptions`, `feature_unlearning` also `_transport`, never a sibling room;
   `pipeline` asks its steps by protocol, so it imports no room either.
3. `neural_network` is a leaf, `metrics` never imports estimators, `audit` imports `metrics`.
4. `testing` may import every room; nothing in the package imports `testing`.
5. Imports are absolute; `__init__` files hold imports and `__all__` only.
6. Third-party packages are the required ones, and in a few rooms the optional ones named here;
   scikit-learn's privates are touched in `_sklearn_compat` only.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skunlearn"

FOUNDATION = {
    "base",
    "_exact",
    "_kept_rows",
    "_by_rows",
    "_anchored_chain",
    "_chain",
    "_reading",
    "_steps",
    "_table_steps",
    "_sklearn_compat",
    "exceptions",
    "_statistics",
}
# Rooms that do not follow the rule of the model rooms (FOUNDATION and themselves).
MAY_IMPORT = {
    "__init__": {"_adopt", "exceptions"},
    "exceptions": set(),
    "_statistics": {"exceptions"},
    "_transport": {"exceptions"},
    "_sklearn_compat": {"exceptions"},
    "base": {"_adopt", "_sklearn_compat", "exceptions"},
    "feature_unlearning": FOUNDATION | {"_transport"},
    "neural_network": FOUNDATION | {"_transport", "linear_model"},
    "metrics": {"_sklearn_compat", "exceptions", "_statistics", "_transport"},
    "audit": FOUNDATION | {"metrics"},
    "datasets": {"exceptions"},
}
# `_adopt` holds the tables of from_sklearn and to_sklearn, `testing` the registry of instances.
IMPORT_EVERY_ROOM = {"_adopt", "testing"}

ARRAYS = {"numpy", "scipy", "threadpoolctl"}
REQUIRED = ARRAYS | {"sklearn", "joblib"}
THIRD_PARTY = {
    "exceptions": set(),
    "_statistics": ARRAYS,
    "_transport": ARRAYS,
    "datasets": REQUIRED | {"pandas"},
    "metrics": REQUIRED | {"matplotlib", "pandas"},
    "audit": REQUIRED | {"matplotlib", "pandas"},
    "ensemble": REQUIRED | {"numba"},
    "neural_network": REQUIRED | {"torch", "skorch", "safetensors", "curvlinops", "tqdm"},
    "testing": REQUIRED | {"pandas", "pytest"},
}
HEAVY = {"torch", "matplotlib", "numba", "pandas"}


def _imports(tree):
    """Yield (node, dotted name) for each import at any depth, lazy ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            yield from ((node, f"{stem}.{alias.name}") for alias in node.names)


def _may_stand_in_init(node, top):
    names = {"__all__", "__version__"} if top else {"__all__"}
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in names
        case ast.FunctionDef(name=name):
            return top and name in {"__getattr__", "__dir__"}
    return False


def _room_breach(room, target):
    """Why `room` may not import the room `target`, or None."""
    if target in {room, "__version__"}:
        return None
    if target == "testing":
        return "4: nothing imports testing"
    if room in IMPORT_EVERY_ROOM or target in MAY_IMPORT.get(room, FOUNDATION):
        return None
    if target == "neural_network":
        return "3: neural_network is a leaf"
    number = {"exceptions": 1, "_statistics": 1, "_transport": 1, "metrics": 3, "audit": 3}
    return f"{number.get(room, 2)}: {room} may not import {target}"


def _third_party_breach(room, parts):
    """Why `room` may not import the module with these dotted parts, or None."""
    if room == "exceptions":
        return "1: exceptions imports nothing"
    top = parts[0]
    if top in sys.stdlib_module_names:
        return None
    if top not in THIRD_PARTY.get(room, REQUIRED):
        return f"{1 if room in {'_statistics', '_transport'} else 6}: {room} may not import {top}"
    if top == "sklearn" and room != "_sklearn_compat" and any(p.startswith("_") for p in parts):
        return f"6: {'.'.join(parts)} is private, go through _sklearn_compat"
    return None


def breaches(path, source):
    """List the breaches in one file; `path` is relative to the package, "metrics/_leakage.py"."""
    path = Path(path)
    room = path.parts[0].removesuffix(".py")
    tree = ast.parse(source)
    found = []
    for node, name in _imports(tree):
        parts = name.split(".")
        if not parts[0]:
            why = "5: relative import"
        elif parts[0] == "skunlearn":
            why = _room_breach(room, parts[1] if len(parts) > 1 else "skunlearn")
        else:
            why = _third_party_breach(room, parts)
        if why:
            found.append(f"skunlearn/{path}:{node.lineno} {why} ({name})")
    if path.name == "__init__.py":
        top = len(path.parts) == 1
        found += [
            f"skunlearn/{path}:{node.lineno} 5: __init__ holds imports and __all__ only"
            for node in tree.body
            if not _may_stand_in_init(node, top)
        ]
    return found


def _sources():
    return sorted(PACKAGE.rglob("*.py"))


def _public_rooms():
    """Dotted names of the rooms a user may import, from the file system."""
    for path in sorted(PACKAGE.iterdir()):
        name = path.name.removesuffix(".py")
        is_room = path.suffix == ".py" or (path / "__init__.py").exists()
        if is_room and not name.startswith("_"):
            yield f"skunlearn.{name}"


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_file_keeps_the_rules(path):
    found = breaches(path.relative_to(PACKAGE), path.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("exceptions.py", "import warnings", 1),
        ("_statistics/_gram.py", "from skunlearn._transport import gaussian_map", 1),
        ("_statistics/_gram.py", "from sklearn.base import clone", 1),
        ("_transport/_gaussian.py", "def f():\n    from skunlearn._statistics import Moments", 1),
        ("base.py", "from skunlearn._statistics import Moments", 2),
        ("linear_model/_ridge.py", "from skunlearn.preprocessing import StandardScaler", 2),
        ("linear_model/_ridge.py", "import skunlearn.preprocessing", 2),
        ("linear_model/_ridge.py", "from skunlearn import preprocessing", 2),
        ("linear_model/_ridge.py", "import skunlearn", 2),
        ("linear_model/_ridge.py", "from skunlearn._transport import gaussian_map", 2),
        ("a_new_room/_model.py", "from skunlearn.decomposition import PCA", 2),
        ("pipeline.py", "from skunlearn.preprocessing import StandardScaler", 2),
        ("metrics/_leakage.py", "from skunlearn.linear_model import Ridge", 3),
        ("ensemble/_sisa.py", "from skunlearn.neural_network import Net", 3),
        ("__init__.py", "from skunlearn.testing import check_unlearner", 4),
        ("linear_model/_ridge.py", "from skunlearn.testing import check_unlearner", 4),
        ("linear_model/_ridge.py", "from ._base import solve", 5),
        ("linear_model/__init__.py", "from . import _ridge", 5),
        ("linear_model/__init__.py", "def helper():\n    pass", 5),
        ("linear_model/__init__.py", "__version__ = '1'", 5),
        ("__init__.py", "TABLE = {}", 5),
        ("linear_model/_ridge.py", "def f():\n    import torch", 6),
        ("linear_model/_ridge.py", "from sklearn.linear_model._base import LinearModel", 6),
        ("linear_model/_ridge.py", "from sklearn.linear_model import _base", 6),
    ],
)
def test_a_breach_is_caught(path, source, rule):
    (found,) = breaches(path, source)
    assert f" {rule}: " in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("exceptions.py", "class UnlearningError(ValueError):\n    pass"),
        ("_statistics/_gram.py", "import math\nimport numpy as np\nfrom scipy import linalg"),
        ("_statistics/__init__.py", '"""Doc."""\nfrom skunlearn._statistics._gram import Gram'),
        ("linear_model/_ridge.py", "from skunlearn._statistics import Gram"),
        ("base.py", "from skunlearn import __version__"),
        ("linear_model/_ridge.py", "from skunlearn.linear_model._base import solve"),
        ("linear_model/_ridge.py", "from sklearn.linear_model import Ridge"),
        ("feature_unlearning/_gaussian.py", "from skunlearn._transport import gaussian_map"),
        ("_sklearn_compat.py", "from sklearn.utils._tags import Tags"),
        ("testing/_registry.py", "from skunlearn.linear_model import Ridge"),
        ("neural_network/_net.py", "import torch\nfrom skunlearn.linear_model import Ridge"),
        ("__init__.py", '"""Doc."""\n__version__ = "1"\ndef __getattr__(name):\n    raise'),
    ],
)
def test_what_is_allowed_is_no_breach(path, source):
    assert breaches(path, source) == []


# Imports each module named on the command line and reports, as JSON, the heavy packages that code
# of skunlearn asked for (installed or not, loaded by others before or not) and those now loaded.
_SPY = """
import builtins, importlib, json, sys
heavy, asked, real = set(sys.argv[1].split(",")), [], builtins.__import__
def spy(name, globals=None, *rest):
    top, who = name.partition(".")[0], (globals or {}).get("__name__", "")
    if top in heavy and who.partition(".")[0] == "skunlearn":
        asked.append(f"{who} imports {top}")
    return real(name, globals, *rest)
builtins.__import__ = spy
for module in sys.argv[2:]:
    importlib.import_module(module)
print(json.dumps([sorted(set(asked)), sorted(heavy & set(sys.modules))]))
"""


def _heavy_imports(*modules):
    done = subprocess.run(
        [sys.executable, "-c", _SPY, ",".join(sorted(HEAVY)), *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", ["skunlearn", "skunlearn.exceptions"])
def test_the_front_door_loads_nothing_heavy(module):
    assert _heavy_imports(module) == [[], []]


def test_rooms_load_nothing_heavy():
    # neural_network is the room of torch. scikit-learn itself loads pandas where it is installed,
    # so what counts there is that no module of ours asks for it.
    rooms = [room for room in _public_rooms() if room != "skunlearn.neural_network"]
    assert "skunlearn.exceptions" in rooms
    asked, loaded = _heavy_imports(*rooms)
    assert asked == []
    assert set(loaded) <= {"pandas"}


def test_the_spy_sees_a_heavy_import(tmp_path, monkeypatch):
    # A stand-in package of the same name: its lazy room is fine, its eager one is not.
    package = tmp_path / "skunlearn"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "lazy.py").write_text("def f():\n    import matplotlib\n")
    (package / "eager.py").write_text("try:\n    import torch\nexcept ImportError:\n    pass\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert _heavy_imports("skunlearn.lazy") == [[], []]
    assert _heavy_imports("skunlearn.eager")[0] == ["skunlearn.eager imports torch"]
