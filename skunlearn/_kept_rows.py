"""Glue between the verb and models that keep their training rows, in the order of `fit`."""

import copy
import hashlib

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import conditions, copy_fitted
from skunlearn._statistics._hashing import as_words, canonical, new_key
from skunlearn._statistics._kept import KeptPrints
from skunlearn._statistics._rows import content_blocks
from skunlearn.base import Guarantee, UnlearnerMixin, UnlearnerTags
from skunlearn.exceptions import UnlearningError


class KeptRowsMixin(UnlearnerMixin):
    """Estimators that keep their training rows and find them again by content.

    Subclasses implement `_kept()` (the rows they keep, as parts), `_check_request` (the parts of
    a request, validated as `fit` does) and `_stand_on(keep, more)` (what they are on some of the
    kept rows and on more rows after these). Parts are a dictionary of X, y and sample_weight.
    """

    _kind = "exact"
    _detail = ""
    _private_attributes = ()
    _takes = ()  # of sample_weight and sensitive_features, those that `fit` takes
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=True, keeps_rows=True)

    def _kept(self):
        """Rows as they are kept: a dictionary of parts."""
        raise NotImplementedError

    def _check_request(self, request):
        """Parts of a request, validated as `fit` does; y may be None where it is not needed."""
        raise NotImplementedError

    def _stand_on(self, keep, more):
        """Attributes of the model on kept rows `keep` and, unless None, the parts `more`."""
        raise NotImplementedError

    # -- finding rows ----------------------------------------------------------------------

    def _note_rows(self):
        """Fingerprint the rows after a fit."""
        vars(self).pop("_owned", None)
        self._prints = self._new_prints() if self.track_rows else None

    def _new_prints(self):
        parts = self._kept()
        return KeptPrints.of(parts["X"], _rest(parts), new_key())

    def _prints_now(self):
        """Fingerprints of the kept rows, made for this request where none are kept."""
        prints = vars(self).get("_prints")
        return self._new_prints() if prints is None else prints

    def _count_missing(self, forget):
        self._check_maintained()
        parts = self._check_parts(forget)
        return self._prints_now().n_missing(parts["X"], _rest(parts))

    def _check_parts(self, request):
        for name in ("sample_weight", "sensitive_features"):
            if getattr(request, name) is not None and name not in self._takes:
                raise UnlearningError(
                    f"{type(self).__name__} takes no {name}: leave them out of the request."
                )
        return self._check_request(request)

    # -- forgetting ------------------------------------------------------------------------

    def _prepare_unlearn(self, forget, learn=None):
        if not forget.options.get("by_owner"):
            self._check_maintained()
        parts = self._check_parts(forget)
        more = None if learn is None else self._check_new(learn)
        if parts["X"].shape[0] == 0 and more is None:
            return None
        prints = self._prints_now()
        keep = np.delete(np.arange(len(prints)), prints.positions(parts["X"], _rest(parts)))
        if not len(keep) and (more is None or not more["X"].shape[0]):
            raise UnlearningError(
                f"Found array with 0 sample(s) while a minimum of 1 is required by "
                f"{type(self).__name__}: these are the last rows. Delete the model instead."
            )
        try:
            attributes = self._stand_on(keep, more)
        except UnlearningError:
            raise
        except ValueError as error:
            raise UnlearningError(f"{error} (a fit on the rows that remain would fail)") from error
        if vars(self).get("_prints") is not None:
            prints = prints.take(keep)
            if more is not None:
                prints = prints.then(KeptPrints.of(more["X"], _rest(more), prints.key))
            attributes["_prints"] = prints
        return attributes

    def _check_new(self, learn):
        if learn.y is None:
            raise ValueError(
                f"{type(self).__name__}.replace requires the targets of the new rows: pass them "
                "as (X, y)."
            )
        return self._check_parts(learn)

    def _check_maintained(self, error=UnlearningError):
        check_is_fitted(self)
        if "_prints" not in vars(self) or "_owned" in vars(self):
            raise error(
                f"This {type(self).__name__} is a step of a pipeline, which keeps the raw rows. "
                "Call unlearn on the pipeline that was fitted."
            )

    def _hand_over(self):
        """Leave all requests to a pipeline, which keeps the raw rows."""
        if "_prints" in vars(self):
            self._prints = None
            self._owned = True

    # -- what it says of itself ------------------------------------------------------------

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        return Guarantee(self._kind, conditional_on=conditions(), detail=self._detail)

    @property
    def n_samples_retained_(self):
        """Number of rows that the model stands on."""
        self._check_maintained(AttributeError)
        return self._kept()["X"].shape[0]

    def state_digest(self):
        """SHA-256 of the kept rows, targets and weights in their order, as hexadecimal text.

        Returns
        -------
        str
        """
        self._check_maintained()
        parts = self._kept()
        X = canonical(sparse.csr_array(parts["X"]).astype(np.float64))
        if (X.data == 0).any():
            X = X.copy()
            X.eliminate_zeros()
        state = hashlib.sha256(repr(X.shape).encode())
        for index in (X.indptr, X.indices):
            state.update(index.astype("<i8").tobytes())
        for block in [X.data, *_rest(parts)]:
            state.update(as_words(block).astype("<u8").tobytes())
        return state.hexdigest()

    def to_sklearn(self):
        """Give the plain scikit-learn estimator for serving.

        It carries the parameters and learned attributes, the training rows among them where
        scikit-learn keeps them, and no fingerprints or keys.

        Returns
        -------
        estimator
        """
        check_is_fitted(self)
        plain = next(
            base
            for base in type(self).__mro__
            if base.__module__.startswith("sklearn.") and issubclass(base, BaseEstimator)
        )
        out = copy_fitted(self, plain, self._private_attributes)
        for name, value in vars(out).items():
            if sparse.issparse(value) or isinstance(value, list):
                setattr(out, name, copy.deepcopy(value))
        return out


def _rest(parts):
    """Blocks of the target and the weights; None where a request has no target."""
    if parts["y"] is None:
        return None
    y = parts["y"]
    blocks = list(y) if isinstance(y, list) else content_blocks(y)  # words may be made already
    if "sample_weight" in parts:
        weights = parts["sample_weight"]
        blocks.append(np.ones((parts["X"].shape[0], 1)) if weights is None else weights[:, None])
    return blocks


def own(values):
    """Copy rows or targets that the caller may change in place; lists become arrays anyway."""
    if sparse.issparse(values) or isinstance(values, list) or not hasattr(values, "copy"):
        return values
    return values.copy()


__all__ = ["KeptRowsMixin", "own"]
