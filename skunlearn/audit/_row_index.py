"""Requests by data subject: from the id of a person to the rows that a model must forget."""

import hashlib
import secrets

import numpy as np
from scipy import sparse

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._rows import take
from skunlearn.base import lock_of
from skunlearn.exceptions import NotLearnedError, UnlearningError

_PARTS = ("X", "y", "sample_weight", "sensitive_features")


class RowIndex:
    """Which training rows belong to which data subject, to turn "forget 17" into a request.

    Parameters
    ----------
    ids : array-like of shape (n_samples,)
        The subject of each training row, in the order of `fit`: anything hashable, many rows a
        subject. None and NaN are refused.
    X, y, sample_weight, sensitive_features : array-like, default=None
        The training data. References are kept, never copies.
    loader : callable, default=None
        Instead of the data: takes positions (ndarray of int, sorted) and returns the rows there,
        as a tuple (X, y, sample_weight, sensitive_features), which may be shorter, or as a
        dictionary of these names. So nothing but ids need be kept.
    hash_ids : bool, default=False
        Keep keyed hashes (BLAKE2b with a random key) instead of the ids. Who holds the index can
        still try out ids, since the key is in it; who reads only the hashes cannot.

    Attributes
    ----------
    n_samples : int
        Number of rows of the subjects that are left.

    See Also
    --------
    skunlearn.base.UnlearnerMixin : The verb `unlearn`, for rows.

    Notes
    -----
    The index is personal data: it says who is in the training data, and where. Keep it where the
    training data are, never beside a served model, and delete it when they go.

    Positions always refer to the data as they were indexed: forgetting takes subjects out of the
    index and leaves the caller's data alone. Deleting the rows there is the caller's task, at the
    source of `loader` too; once they have moved, make a new index.

    A model that finds rows by content forgets *a* copy of a row: where two subjects have equal
    rows, which of them has gone makes no difference to the model.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.audit import RowIndex
    >>> from skunlearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> patients = [f"patient {i // 2}" for i in range(len(X))]  # two visits each
    >>> index = RowIndex(patients, X, y)
    >>> index.positions(["patient 8"])
    array([16, 17])
    >>> model = index.unlearn(Ridge().fit(X, y), ["patient 8"])
    >>> model.n_samples_retained_, "patient 8" in index, len(index)
    (440, False, 220)
    """

    def __init__(
        self,
        ids,
        X=None,
        y=None,
        *,
        sample_weight=None,
        sensitive_features=None,
        loader=None,
        hash_ids=False,
    ):
        given = dict(zip(_PARTS, (X, y, sample_weight, sensitive_features), strict=True))
        self._parts = {name: part for name, part in given.items() if part is not None}
        if loader is not None and self._parts:
            raise ValueError(f"Got a loader and {sorted(self._parts)}: pass the one or the other.")
        if loader is not None and not callable(loader):
            raise TypeError(f"Got loader={loader!r}, expected a callable that takes positions.")
        self._loader = loader
        self._key = secrets.token_bytes(32) if hash_ids else None
        self._index(_as_list(ids))
        for name, part in self._parts.items():
            _check_part(name, part, self._n_indexed)

    def _index(self, ids):
        codes, spans = np.empty(len(ids), dtype=np.intp), {}
        for position, subject in enumerate(ids):
            codes[position] = spans.setdefault(self._token(subject, position), len(spans))
        bounds = np.append(0, np.cumsum(np.bincount(codes, minlength=len(spans)))).tolist()
        self._n_indexed = len(ids)
        self._order = np.argsort(codes, kind="stable")
        self._spans = {token: (bounds[code], bounds[code + 1]) for token, code in spans.items()}

    def _token(self, subject, position=None):
        """Return what stands for a subject in the index: the id itself, or its keyed hash."""
        subject = subject.item() if isinstance(subject, np.generic) else subject
        where = "" if position is None else f" at position {position}"
        try:
            hash(subject)
        except TypeError:
            raise TypeError(
                f"Got an id of type {type(subject).__name__}{where}, expected something hashable, "
                "such as a number, a string or a tuple."
            ) from None
        if subject is None or _is_missing(subject):
            raise ValueError(f"Got a missing id{where}: every row needs a subject.")
        if self._key is None:
            return subject
        # equal ids, such as 1, 1.0 and True, are one subject with and without hashes
        if isinstance(subject, bool) or (isinstance(subject, float) and subject.is_integer()):
            subject = int(subject)
        text = f"{type(subject).__name__}:{subject!r}".encode()
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()

    # -- asking ----------------------------------------------------------------------------

    def __len__(self):
        return len(self._spans)

    def __contains__(self, subject):
        return self._token(subject) in self._spans

    def __repr__(self):
        return f"RowIndex({len(self)} subjects, {self.n_samples} rows)"  # no ids: they are personal

    @property
    def n_samples(self):
        """Number of rows of the subjects that are left."""
        return sum(stop - start for start, stop in self._spans.values())

    def n_rows(self, subject):
        """Count the rows of a subject; 0 if it is unknown.

        Parameters
        ----------
        subject : hashable

        Returns
        -------
        int
        """
        start, stop = self._spans.get(self._token(subject), (0, 0))
        return stop - start

    def positions(self, subjects):
        """Find the rows of subjects in the data as they were indexed.

        Parameters
        ----------
        subjects : array-like of shape (n_subjects,)
            Ids; one that is given twice counts once.

        Returns
        -------
        ndarray of int, sorted

        Raises
        ------
        NotLearnedError
            If a subject is unknown, or was forgotten before.
        """
        spans = self._find(subjects).values()
        found = [self._order[start:stop] for start, stop in spans]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.intp)

    def _find(self, subjects):
        tokens = {self._token(subject): subject for subject in _as_list(subjects, "subjects")}
        unknown = [subject for token, subject in tokens.items() if token not in self._spans]
        if unknown:
            named = ", ".join(repr(subject) for subject in unknown[:5])
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise NotLearnedError(
                f"{len(unknown)} of the {len(tokens)} subjects are not in this index: {named}"
                f"{more}. They never had a row here, or were forgotten before; nothing was "
                "changed. Leave them out of the request, and mind the type of the ids."
            )
        return {token: self._spans[token] for token in tokens}

    def rows(self, subjects, X=None, y=None, *, sample_weight=None, sensitive_features=None):
        """Take the rows of subjects, as the keywords of `unlearn`.

        Parameters
        ----------
        subjects : array-like of shape (n_subjects,)
        X, y, sample_weight, sensitive_features : array-like, default=None
            All training data, where the index has neither data nor a loader.

        Returns
        -------
        dict
            X, and what else is known of y, sample_weight and sensitive_features.

        Raises
        ------
        NotLearnedError
            If a subject is unknown.
        ValueError
            If there are no data, or they are not as long as the ids.
        """
        positions = self.positions(subjects)
        given = dict(zip(_PARTS, (X, y, sample_weight, sensitive_features), strict=True))
        parts = {name: part for name, part in given.items() if part is not None}
        if not parts and self._loader is not None:
            return _loaded(self._loader(positions), len(positions))
        for name, part in parts.items():
            _check_part(name, part, self._n_indexed)
        parts = parts or self._parts
        if "X" not in parts:
            raise ValueError(
                "This index has no rows to give: pass X (and y, sample_weight, ...) here, or X or "
                "a loader to RowIndex."
            )
        return {name: take(part, positions) for name, part in parts.items()}

    # -- forgetting ------------------------------------------------------------------------

    def unlearn(self, model, subjects, **options):
        """Let a model forget the rows of subjects, and then the index these subjects.

        Parameters
        ----------
        model : estimator with `unlearn`
            Fitted on the indexed rows: an estimator or a pipeline.
        subjects : array-like of shape (n_subjects,)
        **options : dict
            Further keywords of the model's own `unlearn`, such as `upstream` of a pipeline.

        Returns
        -------
        model : estimator
            After any error, model and index are what they were before.

        Raises
        ------
        NotLearnedError
            If a subject is unknown, or the model does not know the rows.
        UnlearningError
            If the model cannot forget them.
        """
        try:
            unlearn = model.unlearn
        except AttributeError as error:
            raise UnlearningError(
                f"{error}. Use an estimator of skunlearn that can forget, or fit anew without the "
                "rows at positions(subjects)."
            ) from error
        with lock_of(self):
            subjects = _as_list(subjects, "subjects")  # of an iterator too, which ends only once
            unlearn(**self.rows(subjects), **options)
            self.forget(subjects)
        return model

    def forget(self, subjects):
        """Drop subjects from the index; rows of theirs are not touched.

        For several models: let each forget ``index.rows(subjects)``, then drop the subjects.

        Parameters
        ----------
        subjects : array-like of shape (n_subjects,)

        Returns
        -------
        self : RowIndex

        Raises
        ------
        NotLearnedError
            If a subject is unknown.
        """
        with lock_of(self):
            gone = self._find(subjects)
            self._spans = {k: span for k, span in self._spans.items() if k not in gone}
        return self


def _as_list(ids, what="ids"):
    """Ids as Python values, whatever holds them; a single id is no list of ids."""
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__iter__"):
        raise TypeError(f"Got {what}={ids!r}, expected a list of ids: [{ids!r}].")
    if getattr(ids, "ndim", 1) != 1:
        raise ValueError(f"Got {what} of shape {ids.shape}, expected one dimension.")
    return ids.tolist() if hasattr(ids, "tolist") else list(ids)


def _is_missing(subject):
    """Tell whether an id is NaN, NaT or pandas.NA, which no request could name."""
    return type(subject).__name__ in ("NAType", "NaTType") or subject != subject


def _check_part(name, part, n):
    if sparse.issparse(part) and part.format not in ("csr", "csc", "lil"):
        raise ValueError(
            f"Got {name} as a {type(part).__name__}, whose rows cannot be taken: pass "
            f"{name}.tocsr()."
        )
    if num_samples(part) != n:
        raise ValueError(
            f"Got {name} with {num_samples(part)} rows, expected {n}, one for each of the ids."
        )


def _loaded(found, n):
    """Keywords of `unlearn` from what a loader returned."""
    if isinstance(found, tuple):
        found = dict(zip(_PARTS, found, strict=False))
    if not isinstance(found, dict) or set(found) - set(_PARTS) or found.get("X") is None:
        raise ValueError(
            f"The loader returned a {type(found).__name__}, expected a tuple (X, y, ...) or a "
            f"dictionary with X and any of {list(_PARTS[1:])}."
        )
    for name, part in found.items():
        if part is not None and num_samples(part) != n:
            raise ValueError(
                f"The loader returned {num_samples(part)} rows as {name} for {n} positions."
            )
    return {name: part for name, part in found.items() if part is not None}
