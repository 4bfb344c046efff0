"""Deep comparison of what estimators hold, and a walk over everything they can reach."""

import gc
import types

import numpy as np
from sklearn.base import BaseEstimator

_CLOCKS = {"seconds"}  # what a clock has read is no state
_ATOMS = (str, bytes, int, complex, type(None), type, types.FunctionType, types.ModuleType)


def learned_attributes(estimator):
    """Public learned attributes of an estimator and of the estimators in its parameters.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    dict of str to object
    """
    parts = {"": estimator, **estimator.get_params(deep=True)}
    return {
        f"{name}.{key}".lstrip("."): value
        for name, part in parts.items()
        if hasattr(part, "get_params") and not isinstance(part, type)
        for key, value in vars(part).items()
        if key.endswith("_") and not key.startswith("_")
    }


def differences(one, other, where="state", *, public=False):
    """List where two values differ, at any depth.

    Arrays are equal if dtype, shape and every entry are (NaN equals NaN); objects if their
    state, as pickle would write it, is.

    Parameters
    ----------
    one, other : object
    where : str, default="state"
        How the messages call the values.
    public : bool, default=False
        Compare estimators by their public learned attributes only.

    Returns
    -------
    list of str
    """
    return list(_differences(one, other, where, public, {}))


def _differences(one, other, where, public, seen):
    pair = (id(one), id(other))
    if one is other or pair in seen:
        return
    seen[pair] = one, other  # kept alive, so that no id is used twice
    if type(one) is not type(other):
        yield f"{where}: {type(one).__name__} against {type(other).__name__}"
    elif isinstance(one, np.ndarray | np.generic):
        yield from _array_differences(np.asarray(one), np.asarray(other), where, public, seen)
    elif isinstance(one, dict):
        for key in sorted(one.keys() ^ other.keys(), key=repr):
            yield f"{where}[{key!r}]: in one of them only"
        for key in (one.keys() & other.keys()) - _CLOCKS:
            yield from _differences(one[key], other[key], f"{where}[{key!r}]", public, seen)
    elif isinstance(one, list | tuple):
        if len(one) != len(other):
            yield f"{where}: length {len(one)} against {len(other)}"
        for i, (a, b) in enumerate(zip(one, other, strict=False)):
            yield from _differences(a, b, f"{where}[{i}]", public, seen)
    elif isinstance(one, BaseEstimator):
        of = learned_attributes if public else vars
        yield from _differences(of(one), of(other), where, public, seen)
    elif not _are_equal_atoms(one, other):
        states = _pickled(one), _pickled(other)
        if states[0] is None:
            yield f"{where}: {one!r} against {other!r}"
        else:
            yield from _differences(*states, where, public, seen)


def _array_differences(one, other, where, public, seen):
    if one.dtype != other.dtype or one.shape != other.shape:
        yield f"{where}: {one.dtype} {one.shape} against {other.dtype} {other.shape}"
    elif one.dtype == object:
        yield from _differences(one.tolist(), other.tolist(), where, public, seen)
    elif not np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"):
        n_unequal = np.count_nonzero(~((one == other) | ((one != one) & (other != other))))
        yield f"{where}: {n_unequal} of {one.size} entries differ"


def _are_equal_atoms(one, other):
    if isinstance(one, float):
        return one == other or (one != one and other != other)
    if isinstance(one, (*_ATOMS, set, frozenset)):
        return one == other
    # pandas objects compare labels and values themselves
    return hasattr(one, "equals") and bool(one.equals(other))


def _pickled(value):
    """State of an object as pickle takes it apart; None where there is nothing to take apart."""
    if isinstance(value, (*_ATOMS, float, set, frozenset)) or hasattr(value, "equals"):
        return None
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a tensor: pickles have its address
        return [value.detach().cpu().numpy(), value.requires_grad]
    if hasattr(value, "state_dict") and hasattr(value, "param_groups"):  # torch's optimizers
        return value.state_dict()  # the keys of their own state are tensors, compared by address
    if hasattr(value, "get_tree_stats"):  # a tree of scikit-learn's counts its calls
        return [np.asarray(part) for part in value.get_arrays()]
    try:
        reduced = value.__reduce_ex__(4)
    except TypeError:
        return None
    if isinstance(reduced, str):
        return None
    return [list(part) if hasattr(part, "__next__") else part for part in reduced]


def reachable(value):
    """Walk over everything an object holds by reference, arrays under views included.

    Classes, modules and the globals of functions are left out: they belong to the program.

    Parameters
    ----------
    value : object

    Yields
    ------
    object
    """
    seen, todo = {}, [value]
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, type | types.ModuleType):
            continue
        if isinstance(item, dict) and "__builtins__" in item:
            continue
        seen[id(item)] = item
        yield item
        if isinstance(item, types.FunctionType):
            todo += [item.__closure__, item.__defaults__, item.__kwdefaults__, item.__dict__]
        else:
            todo += gc.get_referents(item)
        if isinstance(item, np.ndarray) and item.base is not None:
            todo.append(item.base)
