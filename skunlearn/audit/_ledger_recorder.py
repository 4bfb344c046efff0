"""A verb of a model that writes itself down: before it acts, and after."""

import numpy as np

# Verbs that forget, and what their requests are of.
VERBS = ("unlearn", "replace", "unlearn_groups", "unlearn_columns")


class Recorder:
    """Stands in the place of a verb of one model while a ledger records it.

    Parameters
    ----------
    ledger : DeletionLedger
    model : estimator
    name : str
        Of the verb.
    note : str or None
    audit : callable or None
    """

    def __init__(self, ledger, model, name, note, audit):
        self.ledger, self.model, self.name = ledger, model, name
        self.note, self.audit = note, audit
        self.verb = getattr(model, name)

    def __call__(self, *args, **kwargs):
        """Record the request, carry it out, record the outcome."""
        model, name = self.model, self.name
        X, y = requested(name, args, kwargs)
        request = self.ledger.begin(model, X, y, verb=name, note=self.note)
        # the shadows must not be compared with the model while the verb runs
        shadows = {verb: vars(model).pop(verb) for verb in VERBS if verb in vars(model)}
        try:
            self.verb(*args, **kwargs)
        except BaseException as error:
            self.ledger.end(request, model, event="refused", error=error)
            raise
        finally:
            vars(model).update(shadows)
        summary = None if self.audit is None else self.audit(model)
        self.ledger.end(request, model, summary=summary)
        return model

    def __deepcopy__(self, memo):
        """Give a copy of the model, which nobody records, a verb that acts on the copy."""
        copied = memo.get(id(self.model))
        if copied is None:
            raise TypeError("Got a recorded verb without its model to copy: copy the model.")
        return OwnVerb(copied, self.name)

    def __reduce__(self):
        return OwnVerb, (self.model, self.name)


class OwnVerb:
    """The verb of a model's own class; for copies and pickles of a model that is recorded.

    Parameters
    ----------
    model : estimator
    name : str
    """

    def __init__(self, model, name):
        self.model, self.name = model, name

    def __call__(self, *args, **kwargs):
        """Call it."""
        return getattr(type(self.model), self.name)(self.model, *args, **kwargs)


def requested(verb, args, kwargs):
    """Return what a call of a verb forgets (rows, or names a row) and its targets."""
    if verb == "unlearn":
        given = dict(zip(("X", "y"), args, strict=False)) | kwargs
        return given["X"], given.get("y")
    first = args[0] if args else next(iter(kwargs.values()))
    if verb != "replace":
        items = list(first) if np.ndim(first) else [first]
        names = np.empty((len(items), 1), dtype=object)
        names[:, 0] = items
        return names, None
    if isinstance(first, dict):
        return first["X"], first.get("y")
    return (*first, None)[:2] if isinstance(first, tuple) else (first, None)
