"""What in a model, its cache and its search results still knows rows that were forgotten."""

import numpy as np
from sklearn.base import BaseEstimator

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn._statistics._rows import take
from skunlearn.audit._graph import CACHE, Walk, as_arrays
from skunlearn.audit._needles import CHANCE, Needles
from skunlearn.audit._residue_results import Residue, ResidueReport

_MOST_FORMS = 16  # representations of the rows that are looked for
_RANK = ("rows", "values", "text", "claim", "fingerprints", "derived", "declared")
# Attributes that are made from learned rows and that no deletion mends, unless the model says so.
_DERIVED = {
    "scores of a search": ("cv_results_", "best_score_", "best_params_", "best_index_"),
    "scores on learned rows": (
        "validation_scores_",
        "best_validation_score_",
        "train_score_",
        "validation_score_",
        "oob_score_",
        "oob_scores_",
        "oob_decision_function_",
        "oob_prediction_",
        "oob_improvement_",
        "scores_",
        "mse_path_",
        "cv_values_",
    ),
    "a history of training": ("loss_curve_", "best_loss_", "history_", "history"),
    "the state of an optimiser": ("_optimizer", "optimizer_", "optimizer"),
}
_LABELS = {name: label for label, names in _DERIVED.items() for name in names}
NOTES = (
    "Looked at: what the object holds by reference, and files of its joblib cache. Not looked at: "
    "global variables, other objects and processes, files elsewhere, backups, logs, the data "
    "themselves.",
    f"Rows are found as they were given, and as the fitted steps put them out. Other codings "
    f"(sums, hashes, weights of a network, predictions) are not seen. A place is named if chance "
    f"would give as much less often than {CHANCE:g} times, a column and array.",
)


def residue_report(
    model, X_forget, y_forget=None, *, X_retain=None, y_retain=None, read_files=True
):
    """Look for forgotten rows in everything that a model holds, and in its cache.

    Parameters
    ----------
    model : object
        The model after unlearning: an estimator, a pipeline, a search, or anything that holds one.
        Not changed.
    X_forget, y_forget : array-like of shape (n_forget, n_features) and (n_forget,)
        The rows, as they were given to `fit`.
    X_retain, y_retain : array-like of shape (n_retain, n_features) and (n_retain,), default=None
        The rows that stay. With them single values and words are looked for as well: those that no
        retained row has. Without them whole rows only, and a retained copy counts as a find.
    read_files : bool, default=True
        Load what a `joblib.Memory` in the model has written. Loading a pickle runs code: pass False
        for caches that you do not trust.

    Returns
    -------
    ResidueReport
        It prints, and has `to_frame` and `to_json`. ``report.clean`` is True where nothing was
        found.

    Raises
    ------
    ValueError
        Without rows, or for rows and targets that do not fit together.

    See Also
    --------
    audit_unlearning : What the model says, in place of what it holds.
    skunlearn.metrics.deletion_reconstruction : What two versions show.

    Notes
    -----
    Threat: somebody who gets the object itself, pickled or in memory, or its cache.

    *Where*: attributes, slots, dictionaries, lists, closures and defaults of functions, arrays
    under views (``<base>``: in memory, and in no pickle), sparse matrices, frames, tensors, the
    state of compiled classes (trees, neighbour indices), results of a `joblib.Memory`.

    *What*: whole rows, in one piece or in any order of columns, as float64 or float32, as they were
    given and as the steps of the model, or transformers in its cache, put them out. With
    `X_retain`, also values of a column that no retained row has, if an array has more of them than
    chance: the values of a column lie on a decimal grid, and a binomial test says how many an array
    of as many numbers would hit. Columns of few distinct values therefore tell nothing by
    themselves. Fingerprints of skunlearn's own models, and what their `can_unlearn` answers (asked
    about rows that were made up as well: a model that knows those knows nothing).

    *Derived*: scores of a search, histories of training, optimiser states: they were computed from
    rows; which ones cannot be seen. Not listed inside a model whose guarantee is exact.

    *Declared*: `guarantee_.residues` and `conditional_on`.

    Nothing found proves nothing: sums, weights and predictions hold rows in ways that no search for
    values sees.

    Examples
    --------
    A search keeps its scores, and the kept rows of the neighbours:

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skunlearn.audit import residue_report
    >>> X, y = load_diabetes(return_X_y=True)
    >>> search = GridSearchCV(KNeighborsRegressor(), {"n_neighbors": [3, 5]}).fit(X, y)
    >>> for residue in residue_report(search, X[:5], y[:5]).residues[:2]:
    ...     print(residue)
    model.best_estimator_._fit_X: 5 of the rows, value by value
    model.cv_results_: scores of a search
    """
    _check(X_forget, y_forget, X_retain, y_retain)
    walk, arrays, residues, cached = Walk(model, read_files), [], [], []
    for path, item, exact in walk:
        found = as_arrays(item)
        arrays += [(path, array) for array in found]
        if isinstance(item, bytes | bytearray | memoryview):
            arrays.append((path, np.frombuffer(item, dtype=np.uint8)))
        if not found:
            residues += _of_object(path, item, exact)
        if path.startswith(CACHE) and hasattr(item, "transform") and hasattr(item, "fit"):
            cached.append(item)
    forms = _cached_forms(_forms(model, X_forget, X_retain), cached)
    needles = [
        (how, Needles(rows, others, *((y_forget, y_retain) if how is None else ()), values=not how))
        for how, (rows, others) in forms.items()
    ]
    seen = set()
    for path, array in arrays:
        place = _place(array)
        if place not in seen:
            seen.add(place)
            residues += _looked(path, array, needles, X_forget)
    residues += _claims(model, X_forget, y_forget, X_retain)
    as_given = needles[0][1]
    notes = NOTES
    if X_retain is None:
        notes = ("Without X_retain only whole rows were looked for.", *notes)
    return ResidueReport(
        residues=tuple(sorted(residues, key=lambda residue: _RANK.index(residue.kind))),
        estimator=type(model).__name__,
        n_rows=num_samples(X_forget),
        n_copies=None if X_retain is None else num_samples(X_forget) - len(as_given.unique),
        n_objects=walk.n_objects,
        n_arrays=len(seen),
        n_files=walk.n_files,
        unread=tuple(walk.unread),
        notes=notes,
    )


def _check(X_forget, y_forget, X_retain, y_retain):
    for name, X, y in (("forget", X_forget, y_forget), ("retain", X_retain, y_retain)):
        if X is None:
            if y is not None:
                raise ValueError(f"Got y_{name} without X_{name}: pass the rows as well.")
            continue
        if not num_samples(X):
            raise ValueError(f"Got no rows in X_{name}: there is nothing to look for.")
        if y is not None and num_samples(y) != num_samples(X):
            raise ValueError(f"Got {num_samples(X)} rows in X_{name} and {num_samples(y)} targets.")


def _place(array):
    """Return what tells whether two arrays are the same numbers in memory."""
    if not isinstance(array, np.ndarray):
        return id(array)
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def _looked(path, array, needles, X_forget):
    """Return the residues in one array: of the rows as given, or else as a step puts them out."""
    if isinstance(array, np.ndarray) and array.dtype == np.uint8 and array.ndim == 1:
        return _in_bytes(path, array.tobytes(), X_forget)
    for how, needle in needles:
        if found := needle.look(array):
            words = "" if how is None else f", as {how} puts them out"
            return [Residue(match.kind, path, match.n, match.words + words) for match in found]
    return []


def _in_bytes(path, data, X_forget):
    """Rows as raw memory: an array that was pickled or saved into a string of bytes."""
    values = X_forget.toarray() if hasattr(X_forget, "toarray") else np.asarray(X_forget)
    if values.dtype.kind not in "biuf":
        return []
    rows = {i for i, row in enumerate(values) for t in (values.dtype, "<f8", "<f4")
            if (piece := row.astype(t).tobytes()) in data and len(piece) >= 8}  # fmt: skip
    words = f"{len(rows)} of the rows, as raw bytes"
    return [Residue("rows", path, len(rows), words)] if rows else []


def _of_object(path, item, exact):
    """Residues that an object has by what it is."""
    found = []
    if isinstance(item, Fingerprints) and (n := len(item._dead)):
        words = (
            f"{n} keyed fingerprints of forgotten rows, marked as dead: in memory until an eighth "
            "is dead, and in no pickle"
        )
        found.append(Residue("fingerprints", path, n, words))
    own = getattr(item, "__dict__", {})
    if not exact and (isinstance(item, BaseEstimator) or hasattr(item, "cv_results_")):
        found += [
            Residue("derived", f"{path}.{name}", None, label)
            for name, label in _LABELS.items()
            if own.get(name) is not None and not isinstance(own[name], type | str)
        ]
    try:
        guarantee = item.guarantee_ if hasattr(type(item), "guarantee_") else None
    except AttributeError:  # not fitted
        guarantee = None
    if guarantee is not None and path.count(".") <= 3:
        said = [*guarantee.residues, *(f"chosen with them: {c}" for c in guarantee.conditional_on)]
        found += [Residue("declared", path, None, words) for words in said]
    return found


def _forms(model, X_forget, X_retain):
    """Rows as they were given, and as the fitted steps of the model put them out."""
    forms = {None: (X_forget, X_retain)}
    todo = [("", model)]
    while todo and len(forms) < _MOST_FORMS:
        name, part = todo.pop()
        inner = getattr(part, "best_estimator_", None)
        if inner is not None:
            todo.append((name, inner))
        pair = X_forget, X_retain
        for step_name, step in getattr(part, "steps", None) or ():
            pair = _transformed(step, pair)
            if pair is None:
                break
            forms[f"step {step_name!r}"] = pair
    return forms


def _cached_forms(forms, transformers):
    """Add the rows as fitted transformers from a cache put them out, one after the other."""
    todo = [(forms[None], "", transformers)]
    while todo and len(forms) < _MOST_FORMS:
        pair, before, left = todo.pop(0)
        for transformer in left:
            new = _transformed(transformer, pair)
            if new is not None:
                name = f"{before}cached {type(transformer).__name__}"
                forms[f"{name} ({len(forms)})"] = new
                others = [other for other in left if other is not transformer]
                todo.append((new, f"{name}, ", others))
    return forms


def _transformed(step, pair):
    """Rows and retained rows after a step; None where it cannot take them."""
    try:
        return tuple(None if rows is None else step.transform(rows) for rows in pair)
    except Exception:  # not fitted, of other columns, in need of more than rows, no transformer
        return None


def _claims(model, X_forget, y_forget, X_retain):
    """Ask the model itself to forget the rows once more, as a dry run."""
    if not hasattr(model, "can_unlearn"):
        return []
    rows, target = X_forget, y_forget
    if X_retain is not None:
        unique = Needles(X_forget, X_retain).unique
        if not len(unique):
            return []
        rows = take(X_forget, unique)
        target = None if y_forget is None else take(np.asarray(y_forget), unique)
    try:
        preview = model.can_unlearn(rows, target)
        if not preview.n_found:
            return []
        made_up = _made_up(rows)
        if made_up is None or model.can_unlearn(made_up, target).n_found:
            return []  # it would forget anything: no rows are tracked
    except Exception:  # the question was not understood: weights or groups are needed
        return []
    words = f"it would forget {preview.n_found} of the rows: it counts them as learned"
    return [Residue("claim", "model", preview.n_found, words)]


def _made_up(rows):
    """Rows that nobody learned: the same ones, a little off."""
    if hasattr(rows, "columns"):
        numeric = rows.select_dtypes("number").columns
        return (
            rows.assign(**{str(numeric[0]): rows[numeric[0]] * 1.0371 + 0.0613})
            if len(numeric)
            else None
        )
    values = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    return values * 1.0371 + 0.0613 if values.dtype.kind in "iuf" else None
