"""A walk over all that an object holds: attributes, closures, compiled state, cached files."""

import collections.abc
import functools
import sys
import types
from pathlib import Path

import joblib
import numpy as np
from scipy import sparse

_ATOMS = (str, int, float, complex, bool, type(None), np.generic, range, slice)
MOST_OBJECTS = 5_000_000
CACHE = "<cache>"
_PROGRAM = (type, types.ModuleType, types.BuiltinFunctionType, types.CodeType, types.FrameType)


class Walk:
    """Visits each reachable object once, with a path that says where it is.

    Parameters
    ----------
    root : object
    read_files : bool
        Whether to load what a `joblib.Memory` has written.

    Attributes
    ----------
    n_objects, n_files : int
    unread : list of str
        What could not be opened.
    """

    def __init__(self, root, read_files):
        self.root, self.read_files = root, read_files
        self.n_objects = self.n_files = 0
        self.unread = []

    def __iter__(self):
        """Yield (path, object, whether it belongs to a model that forgets exactly)."""
        seen, caches, todo = {}, set(), [("model", self.root, False)]
        while todo and self.n_objects < MOST_OBJECTS:
            path, item, exact = todo.pop()
            if isinstance(item, (*_ATOMS, *_PROGRAM)) or id(item) in seen:
                continue
            seen[id(item)] = item  # kept alive, so that no id is used twice
            self.n_objects += 1
            exact = exact or _forgets_exactly(item)
            yield path, item, exact
            held = [(path + more, child, exact) for more, child in self._children(item, path)]
            todo += reversed(held)
            if self.read_files:
                todo += [(where, loaded, False) for where, loaded in self._cached(item, caches)]
        if todo:
            self.unread.append(f"{len(todo)} more objects, after {MOST_OBJECTS}")

    def _children(self, item, path):
        if isinstance(item, np.ndarray):
            return _of_array(item)
        if sparse.issparse(item) or is_frame(item) or is_tensor(item) or _is_numbers(item):
            return []
        if isinstance(item, collections.abc.Mapping):
            keys = [("<key>", key) for key in item if not isinstance(key, str)]
            return keys + [(f"[{key!r}]"[:80], value) for key, value in list(item.items())]
        if isinstance(item, list | tuple | set | frozenset | collections.deque):
            return [(f"[{i}]", child) for i, child in enumerate(list(item))]
        if isinstance(item, types.FunctionType):
            cells = [cell for cell in item.__closure__ or () if cell != types.CellType()]
            held = dict(
                zip(item.__code__.co_freevars, [c.cell_contents for c in cells], strict=False)
            )
            return [
                *((f"<closure>.{name}", value) for name, value in held.items()),
                ("<defaults>", item.__defaults__),
                ("<defaults>", item.__kwdefaults__),
                ("", item.__dict__),
            ]
        if isinstance(item, types.MethodType):
            return [(".__self__", item.__self__), ("", item.__func__)]
        if isinstance(item, functools.partial):
            return [(".func", item.func), (".args", item.args), (".keywords", item.keywords)]
        if isinstance(item, memoryview):
            return [("<base>", item.obj)]
        if isinstance(item, bytes | bytearray):
            return []
        return self._of_object(item, path)

    def _of_object(self, item, path):
        if isinstance(item, types.GeneratorType | types.CoroutineType):
            self.unread.append(f"{path} ({type(item).__name__})")
            return []
        found = [(f".{name}", value) for name, value in getattr(item, "__dict__", {}).items()]
        for kind in type(item).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(item, name) and name not in ("__dict__", "__weakref__"):
                    found.append((f".{name}", getattr(item, name)))
        if found or type(item).__module__ in ("builtins", "_thread", "threading", "weakref"):
            return found
        try:  # compiled classes say by pickling what they hold
            reduced = item.__reduce_ex__(4)
        except Exception:  # whatever an unknown class raises: it cannot be opened
            self.unread.append(f"{path} ({type(item).__name__})")
            return []
        parts = reduced[1:] if isinstance(reduced, tuple) else ()
        return [("<state>", list(p) if hasattr(p, "__next__") else p) for p in parts]

    def _cached(self, item, seen):
        """Objects that a cache has on disk."""
        memory = item if isinstance(item, joblib.Memory) else getattr(item, "memory", None)
        if isinstance(memory, str):
            memory = joblib.Memory(memory, verbose=0)
        folder = getattr(getattr(memory, "store_backend", None), "location", None)
        if folder is None or folder in seen:
            return
        seen.add(folder)
        for path in sorted(Path(folder).rglob("output.pkl")):
            where = f"{CACHE}/{path.relative_to(folder)}"
            self.n_files += 1
            try:
                yield where, joblib.load(path)
            except Exception:  # a cache may be broken or of another version in any way
                self.unread.append(where)


def is_frame(item):
    """Tell whether something is a DataFrame, a Series or an Index."""
    return hasattr(item, "to_numpy") and hasattr(
        item, "dtypes" if hasattr(item, "columns") else "dtype"
    )


def is_tensor(item):
    """Tell whether something is a tensor of torch, without loading torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(item, torch.Tensor)


def _is_numbers(item):
    """Whether a list holds nothing but numbers, or lists of as many numbers each."""
    if not isinstance(item, list | tuple) or not item:
        return False
    if isinstance(item[0], list | tuple):
        same = all(isinstance(v, list | tuple) and len(v) == len(item[0]) for v in item)
        return same and all(map(_is_numbers, item))
    return all(isinstance(value, int | float | np.number) for value in item)


def as_arrays(item):
    """Return the arrays of numbers or text that an object is; none if it is something else."""
    if is_tensor(item):
        item = item.detach().cpu()
        item = item.to_dense() if item.is_sparse else item
        return [item.float().numpy() if str(item.dtype) == "torch.bfloat16" else item.numpy()]
    if sparse.issparse(item):
        return [item]
    if is_frame(item):
        return _of_frame(item)
    if _is_numbers(item):
        return [np.asarray(item, dtype=float)]
    if isinstance(item, list | tuple) and item and all(isinstance(v, str) for v in item):
        return [np.asarray(item, dtype=object)]
    if isinstance(item, np.ndarray) and not item.dtype.names:
        return [item]
    return []


def _of_frame(item):
    if not hasattr(item, "columns"):
        return [np.asarray(item.to_numpy())]
    numeric = item.select_dtypes(["number", "bool"])
    found = [numeric.to_numpy(dtype=float, na_value=np.nan)] if numeric.shape[1] else []
    return found if numeric.shape[1] == item.shape[1] else [*found, item.to_numpy(dtype=object)]


def _of_array(item):
    base, held = item.base, []
    if isinstance(base, np.ndarray) and base.nbytes > item.nbytes:
        held.append(("<base>", base))  # a view keeps all of it in memory
    if item.dtype.names:
        held += [(f"[{name!r}]", item[name]) for name in item.dtype.names]
    elif item.dtype == object:
        held += [(f"[{i}]", value) for i, value in enumerate(item.ravel().tolist())]
    return held


def _forgets_exactly(item):
    try:
        return hasattr(item, "unlearn") and item.guarantee_.kind == "exact"
    except Exception:  # an unfitted model has no guarantee yet; others may raise anything
        return False
