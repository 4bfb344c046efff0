"""Transformers that forget rows by a fit on the rows that remain: kept, or given by the user."""

import dataclasses
import hashlib

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import clear_learned, conditions
from skunlearn._sklearn_compat import check_weights
from skunlearn._statistics._fingerprints import Fingerprints, not_learned_message
from skunlearn._statistics._hashing import derive_key, hash_rows, new_key
from skunlearn._statistics._rows import last_copies
from skunlearn.base import Guarantee, Request, UnlearnerMixin
from skunlearn.exceptions import NotLearnedError, UnlearningError
from skunlearn.feature_unlearning._base import draw_seed

_DETAIL = (
    "A fit on the rows that remain with the same seed_, in any order: equal to it, bit for bit. "
    "Two released versions, before and after, can reveal the row between them."
)


@dataclasses.dataclass(frozen=True)
class RowBlock:
    """Rows with their groups.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        The columns that go out.
    codes : ndarray of shape (n,), int
        Position of each row's group in `groups`.
    groups : list of tuple
    words : ndarray of shape (n, q), uint64
        What fingerprints hash of the groups.
    weights : ndarray of shape (n,)
    """

    X: np.ndarray
    codes: np.ndarray
    groups: list
    words: np.ndarray
    weights: np.ndarray

    def __len__(self):
        return len(self.X)

    def hashes(self, key):
        """Keyed fingerprints of the rows."""
        return hash_rows([self.X, self.words, self.weights[:, None]], key)

    def take(self, rows):
        """Return some of the rows."""
        parts = (self.X[rows], self.codes[rows], self.groups, self.words[rows], self.weights[rows])
        return RowBlock(*parts)

    def then(self, other):
        """Return these rows and others after them."""
        groups = [*self.groups, *(g for g in other.groups if g not in self.groups)]
        recode = np.array([groups.index(g) for g in other.groups], dtype=np.intp)
        codes = np.concatenate([self.codes, recode[other.codes] if len(other) else other.codes])
        pairs = ((self.X, other.X), (self.words, other.words), (self.weights, other.weights))
        X, words, weights = (np.concatenate(pair) for pair in pairs)
        return RowBlock(X, codes, groups, words, weights)


class RefitUnlearnerMixin(UnlearnerMixin):
    """Transformers whose `_learn(rows, info)` gives learned attributes from a `RowBlock`.

    They have the parameters `keep_rows` and `track_rows`, and a `seed_` that `_learn` takes from
    `info`. The rows come in an order of their own, by a keyed hash: that of the data is no matter.
    """

    _private_attributes = ()

    def _learn(self, rows, info):
        """Learned attributes from rows; nothing of `self` is changed."""
        raise NotImplementedError

    def _block(self, request, reset):
        numeric, codes, groups, words, columns = self._read(request, reset)
        weights = check_weights(request.sample_weight, numeric)
        weights = np.ones(len(numeric)) if weights is None else weights
        numeric = numeric.astype(np.float64) if self.keep_rows else numeric
        return RowBlock(numeric, codes, groups, words, weights), columns

    def _fit_rows(self, request):
        rows, columns = self._block(request, reset=True)
        info = {"columns": columns, "seed": draw_seed(self.random_state)}
        attributes = self._stand_on(rows, info, new_key())
        clear_learned(self)
        for name in ("_owned", "_rows", "_prints"):
            vars(self).pop(name, None)
        self._commit(attributes)
        return self

    def _stand_on(self, rows, info, key):
        """Everything that is assigned when the model stands on some rows."""
        used = rows.take(np.argsort(rows.hashes(derive_key(info["seed"], "order")), kind="stable"))
        used = used.take(np.flatnonzero(used.weights > 0))
        if not len(used):
            raise ValueError("The sample weights are all zero: expected at least one non-zero.")
        attributes = self._learn(used, info) | {"_info": info, "_n_rows": len(rows), "_key": key}
        attributes["_rows"] = rows if self.keep_rows else None
        tracked = self.track_rows and not self.keep_rows  # kept rows are looked up themselves
        attributes["_prints"] = Fingerprints(rows.hashes(key)) if tracked else None
        return attributes

    # -- forgetting ------------------------------------------------------------------------

    def unlearn(
        self,
        X,
        y=None,
        *,
        sample_weight=None,
        sensitive_features=None,
        X_retain=None,
        sample_weight_retain=None,
        sensitive_features_retain=None,
    ):
        """Forget rows by a fit on the rows that remain, with the same `seed_`.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_forget, n_features)
            Rows to forget, as they were given to `fit`. No row is no request.
        y : None
            Ignored.
        sample_weight, sensitive_features : array-like, default=None
            What these rows were learned with.
        X_retain : array-like or DataFrame of shape (n_retain, n_features), default=None
            All rows that remain; needed unless ``keep_rows=True``.
        sample_weight_retain, sensitive_features_retain : array-like, default=None
            What they were learned with.

        Returns
        -------
        self : object
            After any error it is what it was before.

        Raises
        ------
        NotLearnedError
            If rows were never learned, or not that many times.
        UnlearningError
            If the rows that remain are neither kept nor given, or not all of them; or if a fit on
            them would fail.
        """
        check_is_fitted(self)
        retain = None
        if X_retain is not None:
            retain = Request(X_retain, None, sample_weight_retain, sensitive_features_retain)
        forget = Request(X, y, sample_weight, sensitive_features, options={"retain": retain})
        self._carry_out(forget)
        return self

    def _prepare_unlearn(self, forget, learn=None):
        if not forget.options.get("by_owner"):
            self._check_maintained()
        gone, _ = self._block(forget, reset=False)
        more = None if learn is None else self._block(learn, reset=False)[0]
        if not len(gone) and more is None:
            return None
        kept = self._retained(gone, forget.options.get("retain"))
        kept = kept if more is None else kept.then(more)
        if not len(kept):
            raise UnlearningError(
                f"Found array with 0 sample(s) while a minimum of 1 is required by "
                f"{type(self).__name__}: these are the last rows. Delete the model instead."
            )
        try:
            return self._stand_on(kept, self._info, self._key)
        except UnlearningError:
            raise
        except ValueError as error:
            raise UnlearningError(f"{error} (a fit on the rows that remain would fail)") from error

    def _retained(self, gone, retain):
        """Rows that remain: the kept ones, or those given and checked against fingerprints."""
        if self._rows is not None:
            found = last_copies(self._rows.hashes(self._key), gone.hashes(self._key))
            missing = np.count_nonzero(found < 0)
            if missing:
                raise NotLearnedError(not_learned_message(missing, len(found)))
            return self._rows.take(np.delete(np.arange(len(self._rows)), found))
        if retain is None:
            raise UnlearningError(
                f"{type(self).__name__} forgets rows by a fit on the rows that remain, and keeps "
                "none: pass them (X_retain=..., and sensitive_features_retain=... where they are "
                "not in X), or fit with keep_rows=True; nothing was changed."
            )
        kept, _ = self._block(retain, reset=False)
        if self._prints is not None:
            left = self._prints.without(gone.hashes(self._key))
            missing = left.n_missing(kept.hashes(self._key))
            if missing or len(kept) != len(left):
                raise UnlearningError(
                    f"X_retain has {len(kept)} rows, {missing} of them not among the {len(left)} "
                    "learned rows that would remain. Pass all of these, and no others, exactly as "
                    "they were given to fit; nothing was changed."
                )
        return kept

    def _count_missing(self, forget):
        self._check_maintained()
        gone = self._block(forget, reset=False)[0].hashes(self._key)
        if self._rows is not None:
            return int(np.count_nonzero(last_copies(self._rows.hashes(self._key), gone) < 0))
        return 0 if self._prints is None else self._prints.n_missing(gone)

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if "_prints" not in vars(self) or "_owned" in vars(self):
            raise error(
                f"This {type(self).__name__} knows nothing of its rows: it was stripped for "
                "serving, or it is a step of a pipeline. Call unlearn on the object that was "
                "fitted."
            )

    def _hand_over(self):
        """Leave all requests to a pipeline, which keeps the raw rows, or is given them."""
        if "_prints" in vars(self):
            self._rows = self._prints = None
            self._owned = True

    # -- what it says of itself ------------------------------------------------------------

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        key = "the key seed_ (pass it as random_state to have it again in a refit)"
        tracked = self.track_rows or self.keep_rows
        terms = (*conditions(None, tracked), key)
        if not self.keep_rows:
            terms += ("that X_retain are the rows that remain",) if not tracked else ()
        return Guarantee("exact", conditional_on=terms, detail=_DETAIL)

    @property
    def n_samples_retained_(self):
        """Number of rows that the transformer stands on."""
        self._check_maintained(AttributeError)
        return self._n_rows

    def state_digest(self):
        """SHA-256 of the learned maps, as hexadecimal text.

        Returns
        -------
        str
        """
        self._check_maintained()
        state = hashlib.sha256(repr((self.groups_, self._n_rows)).encode())
        for array in self._maps():
            state.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return state.hexdigest()
