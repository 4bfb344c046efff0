"""Pipelines whose steps are no function of moments: kept rows, given rows, or a frozen upstream."""

import copy

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_consistent_length, check_memory, validate_data

from skunlearn._chain import shared_request
from skunlearn._sklearn_compat import cached_fit_transform, keeps_rows, num_samples
from skunlearn._statistics._hashing import new_key
from skunlearn._statistics._rows import RowLedger, RowStore, join
from skunlearn._steps import flat_steps, inner_pipelines, routed_leaves, witness
from skunlearn.base import Request
from skunlearn.exceptions import UnlearningError

LAST_ROWS = (
    "Found array with 0 sample(s) while a minimum of 1 is required by Pipeline: these are the last "
    "rows. Delete the model instead."
)


class ByRowsMixin:
    """What a `Pipeline` does where its steps are no function of moments."""

    def _fit_rows(self, X, y, params, leaves, reason):
        """Fit as scikit-learn does, and note the raw rows, or keep them where the model does."""
        self._plain_fit(X, y, **params)
        self._routes = [(leaf.path, sorted(leaf.params)) for leaf in leaves]
        self._reason = reason
        last = leaves[-1].step if leaves else None
        for _, inner in inner_pipelines(self):
            inner._forget_everything()
        for _, step in flat_steps(self):
            if hasattr(step, "_hand_over"):
                step._hand_over()
        columns = row_parts(shared_request(X, y, leaves))
        keeps = last is not None and keeps_rows(last)
        n = num_samples(X)
        by_row = all(np.ndim(value) and num_samples(value) == n for value in params.values())
        if keeps and by_row:
            # a copy: rows that the caller changes in place must not change here
            columns, params = copy.deepcopy((columns, params))
            self._ledger = RowStore.of(columns, params, new_key())
        elif self.track_rows:
            self._ledger = RowLedger.of(columns, new_key())
        self._witness = witness(flat_steps(self))
        return self

    def _prepare_by_rows(self, forget, learn):
        self._check_witness()
        self._check_form(forget)
        if learn is not None:
            return self._prepare_corrected(forget, learn)
        frozen = forget.options.get("upstream") == "frozen"
        if forget.options.get("X_retain") is not None and not frozen:
            return self._prepare_refit_on_given(forget)
        if isinstance(self.__dict__.get("_ledger"), RowStore):
            kept = self._ledger.without(row_parts(forget))
            return self._refitted_on(kept.columns["X"], kept.columns["y"], kept.extra)
        if frozen:
            return self._prepare_frozen(forget)
        raise UnlearningError(
            f"This pipeline cannot forget rows exactly: {self._reason}. Pass X_retain and y_retain "
            'to refit it on the rows that remain, or upstream="frozen" to let only the last step '
            "forget (approximate), or wrap the model in a chain of exact steps."
        )

    def _prepare_refit_on_given(self, forget):
        X, y = forget.options["X_retain"], forget.options["y_retain"]
        if "_ledger" in vars(self):
            remain = self._ledger.without(row_parts(forget))
            routed = self._check_method_params(method="fit", props=forget.options["fit_params"])
            kept = row_parts(shared_request(X, y, list(routed_leaves(self, routed))))
            missing = remain.n_missing(kept)
            if missing or num_samples(X) != len(remain):
                raise UnlearningError(retain_message(num_samples(X), missing, len(remain)))
        return self._refitted_on(X, y, forget.options["fit_params"])

    def _prepare_corrected(self, forget, learn):
        store = vars(self).get("_ledger")
        if not isinstance(store, RowStore) or store.extra:
            raise UnlearningError(
                f"This pipeline cannot learn further rows ({self._reason}): call unlearn for the "
                "old rows, or fit on the corrected ones."
            )
        self._check_form(learn)
        kept, new = store.without(row_parts(forget)).columns, row_parts(learn)
        return self._refitted_on(join(kept["X"], new["X"]), join(kept["y"], new["y"]), {})

    def _refitted_on(self, X, y, params):
        fresh = clone(self)
        if num_samples(X) == 0:
            raise UnlearningError(LAST_ROWS)
        try:
            fresh.fit(X, y, **params)
        except ValueError as error:
            raise UnlearningError(f"{error} (raised by fit on the rows that remain)") from error
        return {**vars(fresh), "_frozen": None, "_purge": True}

    def _prepare_frozen(self, forget):
        steps = list(flat_steps(self))
        path, last = steps[-1]
        if not hasattr(last, "_prepare_unlearn") or not hasattr(last, "unlearn"):
            raise UnlearningError(
                f'upstream="frozen" needs a last step that can forget, got {path} '
                f"({type(last).__name__}). Pass X_retain and y_retain instead."
            )
        ledger = {}
        if "_ledger" in vars(self):
            ledger["_ledger"] = self._ledger.without(row_parts(forget))
        routes = dict(self._routes)
        Z = {"sensitive_features": forget.sensitive_features}

        def transformed(X, Z):
            for name, step in steps[:-1]:
                X = step.transform(X, **(Z if "sensitive_features" in routes[name] else {}))
            return X

        weight = forget.sample_weight if "sample_weight" in routes[path] else None
        options = {"by_owner": True}
        if (rows := forget.options.get("X_retain")) is not None:
            Z_retain = {
                "sensitive_features": forget.options["fit_params"].get("sensitive_features")
            }
            options["retain"] = Request(transformed(rows, Z_retain), forget.options["y_retain"])
        request = Request(transformed(forget.X, Z), forget.y, weight, options=options)
        attributes = last._prepare_unlearn(request)
        frozen = tuple(name for name, step in steps[:-1] if get_tags(step).requires_fit)
        return {**ledger, "_frozen": frozen, "_learned_by": {path: attributes}, "_purge": True}

    def _check_form(self, forget):
        """Check the parts of a request against each other, and its columns against `fit`."""
        parts = [forget.X, forget.y, forget.sample_weight, forget.sensitive_features]
        check_consistent_length(*parts)
        first = next((step for _, step in flat_steps(self)), None)
        if hasattr(first, "n_features_in_"):
            validate_data(first, forget.X, reset=False, skip_check_array=True)

    def _purge_cache(self):
        """Delete cached transformers, which hold rows and what was fitted on them."""
        memory = check_memory(self.memory)
        if getattr(memory, "location", None) is not None and hasattr(memory, "cache"):
            memory.cache(cached_fit_transform, ignore=["caller", "callback_ctx"]).clear(warn=False)


def retain_message(n_given, n_missing, n_remain):
    """Return the text of a refusal of rows for a refit."""
    return (
        f"X_retain has {n_given} rows, {n_missing} of them not among the {n_remain} learned rows "
        "that remain. Pass exactly the learned rows less the forgotten ones, with their targets."
    )


def row_parts(request):
    """Return the parts of raw rows by which they are found again."""
    return {
        "X": request.X,
        "y": request.y,
        "sample_weight": request.sample_weight,
        "sensitive_features": request.sensitive_features,
    }
