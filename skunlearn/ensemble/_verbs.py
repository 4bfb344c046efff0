"""The verbs of SISA: forgetting, its dry run, corrections, and what the model says of itself."""

import copy
import dataclasses
import hashlib
import time

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import conditions
from skunlearn._statistics._fingerprints import not_learned_message
from skunlearn.base import Guarantee, Request, UnlearnerMixin, UnlearnPreview, lock_of
from skunlearn.ensemble._inputs import owner_words
from skunlearn.ensemble._rows import is_ambiguous, locate
from skunlearn.exceptions import NotLearnedError, UnlearningError

_DETAIL = (
    "Equal, bit for bit, to a fit on the rows that remain, in any order, with the same key "
    "(random_state=seed_): only the shards that held forgotten rows are fitted again. This takes "
    "an inner estimator that is deterministic given its random_state."
)
_PUBLIC_KEY = " Who knows random_state can aim rows at shards: leave it None for a secret key."


@dataclasses.dataclass(frozen=True)
class ShardPreview(UnlearnPreview):
    """Outcome of a dry run of SISA's `unlearn`; true where the request would be carried out.

    Parameters
    ----------
    n_found, n_missing : int
        Rows of the request that the model learned, and that it did not.
    seconds : float
        What looking them up took; refitting the shards comes on top.
    reason : str or None
        Why the request would be refused. An error of the inner estimator on what remains of a
        shard shows in `unlearn` only.
    shards : tuple of int, default=()
        Shards that would be fitted again.
    n_rows_to_refit : int, default=0
        Rows that remain in these shards.

    Examples
    --------
    >>> from skunlearn.ensemble import ShardPreview
    >>> bool(ShardPreview(1, 0, 0.001, None, shards=(3,), n_rows_to_refit=99))
    True
    """

    shards: tuple = ()
    n_rows_to_refit: int = 0


class ShardedUnlearnerMixin(UnlearnerMixin):
    """Verbs of a model that stands on a list of shards.

    A subclass has `_place(request, placement, reset)` and `_changed(shards, training, drop, more)`.
    """

    # -- forgetting --------------------------------------------------------------------------

    def unlearn(self, X, y=None, *, sample_weight=None, groups=None):
        """Forget rows: the shards that hold them are fitted again on what remains in them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_forget, n_features)
            Rows to forget, as they were given to `fit`. No row is no request.
        y : array-like of shape (n_forget,) or (n_forget, n_outputs), default=None
            Their targets.
        sample_weight : array-like of shape (n_forget,), default=None
            The weights they were learned with.
        groups : array-like of shape (n_forget,), default=None
            Their owners, if some were given to `fit`. They may be left out unless the same row
            belongs to several owners and not all of its copies are to go.

        Returns
        -------
        self : object
            The estimator itself. After any error it is what it was before.

        Raises
        ------
        NotLearnedError
            If rows were never learned, or not that many times.
        UnlearningError
            If the inner estimator refuses what remains of a shard, or no row would remain.
        NotFittedError
            If the model has learned nothing yet.
        """
        check_is_fitted(self)
        self._carry_out(Request(X, y, sample_weight, options={"groups": groups}))
        return self

    def unlearn_groups(self, groups):
        """Forget all rows of some owners, without a row being passed.

        Parameters
        ----------
        groups : scalar or array-like of shape (n_groups,)
            Owners, as they were given to `fit`.

        Returns
        -------
        self : object

        Raises
        ------
        NotLearnedError
            If an owner has no rows here.
        UnlearningError
            As in `unlearn`, or if the model was fitted without groups.
        """
        self._check_maintained()
        if not self._placement.grouped:
            raise UnlearningError(
                f"This {type(self).__name__} was fitted without groups: pass the rows to unlearn."
            )
        owners = np.unique(owner_words(np.atleast_1d(np.asarray(groups))))
        with lock_of(self):
            drop, known = {}, []
            for i, shard in enumerate(self._shards):
                if len(shard):
                    at = np.flatnonzero(np.isin(shard.rows.owners, owners))
                    drop |= {i: at} if len(at) else {}
                    known += shard.rows.owners[at].tolist()
            missing = len(owners) - len(set(known))
            if missing:
                raise NotLearnedError(
                    f"{missing} of the {len(owners)} groups have no rows in this model; nothing "
                    "was changed. Pass the labels that were given to fit as groups."
                )
            self._commit(self._refitted(drop) if drop else None)
        return self

    def can_unlearn(self, X, y=None, *, sample_weight=None, groups=None):
        """Dry run of `unlearn`: what would be found and which shards fitted again, without a fit.

        Parameters
        ----------
        X, y, sample_weight, groups
            As in `unlearn`.

        Returns
        -------
        ShardPreview
            True in a condition if the request would be carried out, as far as can be told without
            fitting: an error of the inner estimator shows in `unlearn` only.
        """
        self._check_maintained()
        start = time.perf_counter()
        request = Request(X, y, sample_weight, options={"groups": groups})
        found, n_missing, reason = {}, 0, None
        if len(request):
            rows, found, n_missing = self._found(request)
            reason = self._refusal(rows, n_missing)
        n_rows = sum(len(self._shards[i]) - len(at) for i, at in found.items())
        seconds = time.perf_counter() - start
        n_found = len(request) - n_missing
        return ShardPreview(n_found, n_missing, seconds, reason, tuple(found), n_rows)

    def replace(self, old, new):
        """Correct rows: forget the old ones and learn the new ones, both or neither.

        Parameters
        ----------
        old, new : tuple or dict
            Rows (X, y), or the keywords of `unlearn` in a dictionary.

        Returns
        -------
        self : object

        Raises
        ------
        NotLearnedError, UnlearningError
            As in `unlearn`.
        """
        return super().replace(_with_groups(old), _with_groups(new))

    def _prepare_unlearn(self, forget, learn=None):
        self._check_maintained()
        drop, more = {}, None
        if len(forget):
            rows, drop, n_missing = self._found(forget)
            reason = self._refusal(rows, n_missing, last=learn is None)
            if reason is not None:
                raise (NotLearnedError if n_missing else UnlearningError)(reason)
        if learn is not None and len(learn):
            more = self._place_new(learn)
        return self._refitted(drop, more)

    def _found(self, request):
        """Rows of a request as placed, their positions by shard, and how many are missing."""
        rows = self._place(request, self._placement, reset=False)
        found, n_missing = locate(rows, [s.rows for s in self._shards], self._placement)
        return rows, found, n_missing

    def _refusal(self, rows, n_missing, last=True):
        """Why a request cannot be carried out; None if it can."""
        if n_missing:
            return not_learned_message(n_missing, len(rows))
        if last and len(rows) == self.n_samples_retained_:
            return self._last_rows()
        shards = [shard.rows for shard in self._shards]
        if self._placement.grouped and rows.owners is None and is_ambiguous(rows, shards):
            return (
                "Some of these rows were learned of several groups, and not all of their copies "
                "are to be forgotten. Pass groups."
            )
        return None

    def _place_new(self, learn):
        """Rows to be learned in a correction."""
        if self._placement.grouped and learn.options.get("groups") is None:
            raise UnlearningError(
                "The new rows need groups, as this model was fitted with some: pass them as a "
                'dictionary {"X": ..., "y": ..., "groups": ...}.'
            )
        if learn.sample_weight is not None and self._training.weight_name is None:
            raise UnlearningError(
                "Got sample_weight for the new rows of a model that was fitted without: leave it "
                "out, or fit with sample_weight (1 for every row will do)."
            )
        return self._place(learn, self._placement, reset=False)

    def _refitted(self, drop, more=None):
        try:
            return self._changed(self._shards, self._training, drop, more)
        except UnlearningError:
            raise
        except ValueError as error:
            where = " ".join(getattr(error, "__notes__", []))
            raise UnlearningError(
                f"{error} (raised by the fit on the rows that remain) {where}"
            ) from error

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if "_shards" not in vars(self):
            raise error(
                f"This {type(self).__name__} carries no rows: it was stripped for serving. Call "
                "unlearn on the object that was fitted."
            )

    def _last_rows(self):
        return (
            f"Found array with 0 sample(s) while a minimum of 1 is required by "
            f"{type(self).__name__}: these are the last rows. Delete the model instead."
        )

    # -- what it says of itself --------------------------------------------------------------

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        secret = self._has_secret_key
        key = ("the key seed_ (secret: pass it as random_state to have it again in a refit)",)
        return Guarantee(
            "exact",
            conditional_on=conditions() + (key if secret else ()),
            detail=_DETAIL + ("" if secret else _PUBLIC_KEY),
        )

    @property
    def n_samples_retained_(self):
        """Number of rows that the model stands on."""
        self._check_maintained(AttributeError)
        return sum(map(len, self._shards))

    def state_digest(self):
        """SHA-256 of the keyed hashes of the retained rows by shard, as hexadecimal text.

        Models with the same key and the same rows agree.

        Returns
        -------
        str
        """
        self._check_maintained()
        digest = hashlib.sha256(repr(dataclasses.astuple(self._placement)).encode())
        for i, shard in enumerate(self._shards):
            if len(shard):
                owners = b"" if shard.rows.owners is None else shard.rows.owners.tobytes()
                digest.update(repr((i, len(shard))).encode())
                digest.update(shard.rows.hashes.tobytes() + owners)
        return digest.hexdigest()

    def to_sklearn(self):
        """Give a copy for serving: the fitted models, no rows, no hashes, no key.

        It is an object of this class, for scikit-learn has none of the kind. Models that
        themselves are made of rows, such as nearest neighbors, carry theirs.

        Returns
        -------
        estimator
        """
        check_is_fitted(self)
        plain = clone(self).set_params(random_state=None)
        for name, value in vars(self).items():
            if name.endswith("_") and not name.startswith("_") and name != "seed_":
                setattr(plain, name, copy.deepcopy(value))
        plain.estimators_ = [
            model.to_sklearn() if hasattr(model, "to_sklearn") else model
            for model in plain.estimators_
        ]
        return plain


def _with_groups(rows):
    """Rows of a correction as a `Request`."""
    if not isinstance(rows, dict):
        return rows
    rows = dict(rows)
    return Request(options={"groups": rows.pop("groups", None)}, **rows)
