"""Forgetting rows from the triangular barycenter: by counts, or by the rows that remain."""

import copy
from numbers import Integral

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skunlearn._exact import conditions, copy_fitted
from skunlearn._statistics._fingerprints import Fingerprints
from skunlearn.base import Guarantee, Request
from skunlearn.exceptions import UnlearningError
from skunlearn.feature_unlearning._groups import codes_among, in_order
from skunlearn.feature_unlearning._triangular_counts import PairCounts

_LAST = (
    "Found array with 0 sample(s) while a minimum of 1 is required by TriangularBarycenter: these "
    "are the last rows. Delete the model instead."
)


def _counts_rows(estimator):
    return estimator._counting


class TriangularRowsMixin:
    """The verb: prepare everything, touch nothing."""

    def unlearn(
        self,
        X,
        y=None,
        *,
        sample_weight=None,
        sensitive_features=None,
        X_retain=None,
        y_retain=None,
        sample_weight_retain=None,
        sensitive_features_retain=None,
    ):
        """Forget rows: from the counts, or by a refit on the rows that remain.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_forget, n_features)
            Rows to forget, as they were given to `fit`.
        y, sample_weight, sensitive_features : array-like, default=None
            Theirs, as in `fit`.
        X_retain : array-like or DataFrame of shape (n_retained, n_features), default=None
            The learned rows less the forgotten ones. Needed unless `conditional` is "counts".
        y_retain, sample_weight_retain, sensitive_features_retain : array-like, default=None
            Theirs.

        Returns
        -------
        self : object
            Equal to a fit on the rows that remain with the same key. After any error it is what it
            was before.

        Raises
        ------
        NotLearnedError
            If rows were never learned, or not that many times.
        UnlearningError
            If rows that remain are needed and not given, or are not those; if `fit` would refuse
            them.
        """
        check_is_fitted(self)
        retain = None
        if X_retain is not None:
            retain = Request(X_retain, y_retain, sample_weight_retain, sensitive_features_retain)
        options = {"retain": retain}
        self._carry_out(Request(X, y, sample_weight, sensitive_features, options))
        return self

    @property
    def guarantee_(self):
        """What is promised about forgotten rows: a `Guarantee`."""
        self._check_maintained(AttributeError)
        how = "by a refit on the rows that remain, which must be passed as X_retain"
        if self._counting:
            how = "by subtracting counts of pairs of cells"
        conditional_on = (*conditions(track_rows=self.track_rows), "the key of the rows' hashes")
        if not isinstance(self.bins, Integral):
            conditional_on += ("bins (declared edges)",)
        return Guarantee(
            "exact",
            conditional_on=conditional_on,
            detail=f"Equal to a fit on the rows that remain with the same key, {how}.",
        )

    @available_if(_counts_rows)
    def state_digest(self):
        """SHA-256 of the canonical counts, as hexadecimal text.

        Returns
        -------
        str
        """
        self._check_maintained()
        return self._counts.digest()

    def to_sklearn(self):
        """Give a copy for serving: no counts of rows, fingerprints or keys of these.

        Returns
        -------
        TriangularBarycenter
            scikit-learn has no such transformer. It transforms as this one does, and cannot
            forget. It holds what a map needs: the levels and ranges of the columns, their laws in
            each group, and a key for the draws. That key is a one-way hash of this object's own
            (`random_state` is not carried either) and tells nothing of the fingerprints, whose
            key is drawn apart.
        """
        check_is_fitted(self)
        served = copy_fitted(self, type(self), self._private_attributes)
        served.random_state = None
        return served

    def _check_maintained(self, error=UnlearningError):
        if "_n_rows" not in vars(self):
            raise error(
                "This TriangularBarycenter carries no record of its rows: it was stripped for "
                "serving. Call unlearn on the object that was fitted."
            )

    @property
    def n_samples_retained_(self):
        """Number of rows that the model stands on."""
        self._check_maintained(AttributeError)
        return self._n_rows

    def _count_missing(self, forget):
        self._check_maintained()
        rows = self._read_rows(forget, reset=False)
        if "_prints" not in vars(self):
            return 0
        return self._prints.n_missing(self._print_rows(rows, self._print_key))

    def _prepare_unlearn(self, forget, learn=None):
        self._check_maintained()
        rows = self._read_rows(forget, reset=False)
        if not len(rows["codes"]) and learn is None:
            return None
        attributes = {}
        if "_prints" in vars(self):
            prints = self._print_rows(rows, self._print_key)
            attributes["_prints"] = self._prints.without(prints)
        try:
            if self._counting:
                return attributes | self._without(rows, learn, attributes)
            return attributes | self._refitted(rows, forget, learn, attributes)
        except UnlearningError:
            raise
        except ValueError as error:
            raise UnlearningError(f"{error} (a fit on the rows that remain would fail)") from error

    def _without(self, rows, learn, attributes):
        """Subtract the counts of rows, and add those of others."""
        counts = self._counts.combined(self._counted(rows), -1)
        changed = {}
        if learn is not None:
            more = self._read_rows(learn, reset=False)
            counts = counts.combined(self._counted(more), 1)
            if "_prints" in attributes:
                left = attributes["_prints"].alive()
                added = self._print_rows(more, self._print_key)
                changed["_prints"] = Fingerprints(np.concatenate([left, added]))
        if not counts.n_rows:
            raise UnlearningError(_LAST)
        kept = {"roles": self._columns, "kinds": self._kinds}
        sizes = np.array(counts.sizes)
        shared = self._shared_attributes(list(counts.groups), sizes, counts.mass, kept, self._key)
        edges, units = self._edges_used[0], shared["_units"]
        return shared | self._from_counts(counts, edges, self._kinds, units) | changed

    def _counted(self, rows):
        groups = in_order(rows["groups"])
        codes = codes_among(groups, rows["codes"], rows["groups"])
        return PairCounts.of(rows["columns"], self._edges_used[0], codes, groups, rows["weights"])

    def _refitted(self, rows, forget, learn, attributes):
        retain = forget.options.get("retain")
        if learn is not None:
            raise UnlearningError(
                'Only conditional="counts" can replace rows: fit on the corrected table.'
            )
        if retain is None:
            raise UnlearningError(
                f"conditional={self.conditional!r} learns from rows, not from counts: pass the "
                "rows that remain as X_retain (and their sensitive features and weights as "
                'sensitive_features_retain and sample_weight_retain), or choose "counts", which '
                "needs the forgotten rows only."
            )
        if not len(retain):
            raise UnlearningError(_LAST)
        kept = self._read_rows(retain, reset=False)
        remain = self._n_rows - len(rows["codes"])
        missing = 0
        if "_prints" in attributes:
            hashes = self._print_rows(kept, self._print_key)
            missing = attributes["_prints"].n_missing(hashes)
        if missing or len(kept["codes"]) != remain:
            raise UnlearningError(
                f"X_retain has {len(kept['codes'])} rows, {missing} of them not among the {remain} "
                "learned rows that remain. Pass exactly the learned rows less the forgotten ones."
            )
        fresh = copy.copy(self)
        found = fresh._attributes(fresh._read_rows(retain, reset=True), self._key)
        found |= {n: vars(fresh)[n] for n in ("n_features_in_",) if n in vars(fresh)}
        return found
