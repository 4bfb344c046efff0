"""Reports of audits, made from what was measured."""

import dataclasses

import numpy as np
from sklearn.base import BaseEstimator

from skunlearn._sklearn_compat import num_samples
from skunlearn._statistics._hashing import hash_rows
from skunlearn._statistics._rows import content_blocks
from skunlearn.audit._findings import Findings, needed
from skunlearn.audit._rank_tests import membership_auc
from skunlearn.audit._refits import MAX_ROWS
from skunlearn.audit._report import LIMITS, UnlearningAudit
from skunlearn.metrics import refit_distance


def compare_attributes(model, reference):
    """Compare learned attributes with those of a refit, where the two are of one class."""
    if type(model) is not type(reference) or not isinstance(model, BaseEstimator):
        return None
    return refit_distance(model, reference)


def build(model, evidence, refits, seconds, notes, task, blocks):
    """Make the report of one model."""
    findings, outputs = Findings(evidence), evidence.refits
    guarantee = getattr(model, "guarantee_", None)
    others = max(len(outputs) - 1, 1)
    draws = {f"distance_{b}": evidence.among[b].sum(axis=1) / others for b in blocks}
    draws |= {f"loss_{b}": [one.loss[b].mean() for one in outputs] for b in blocks}
    draws["score"] = [one.score for one in outputs]
    draws["membership_auc"] = [membership_auc(one) for one in outputs]
    return UnlearningAudit(
        moved=findings.moved(),
        reached=findings.reached(),
        faster=findings.faster(seconds, refits.seconds),
        flags=findings.flags(),
        notes=(*_contradiction(guarantee, findings), *notes),
        table=findings.records(),
        draws={name: tuple(map(float, values)) for name, values in draws.items()},
        attributes=evidence.attributes,
        estimator=type(model).__name__,
        guarantee=dataclasses.asdict(guarantee) if dataclasses.is_dataclass(guarantee) else None,
        measure=task.measure,
        deterministic=evidence.deterministic,
        n_forget=num_samples(blocks["forget"][0]),
        n_retain=num_samples(blocks["retain"][0]),
        n_test=num_samples(blocks["test"][0]),
        n_refits=evidence.n_refits,
        unlearn_seconds=seconds,
        refit_seconds=refits.seconds,
        level=evidence.level,
        tolerance=evidence.tolerance,
        smallest_p=evidence.smallest_p,
    )


def _contradiction(guarantee, findings):
    """Say that a model claims to be exact, and is not."""
    if getattr(guarantee, "kind", None) == "exact" and findings.told_apart:
        return ("The model claims to be exact, and is told apart from the refit.",)
    return ()


def notes_on(refits, evidence, blocks, wanted):
    """List what to know before relying on the numbers."""
    notes = []
    if not evidence.can_flag:
        notes.append(
            f"{evidence.n_refits} refits cannot flag anything at level {evidence.level:g} (the "
            f"smallest p-value is {evidence.smallest_p:.2g}): take "
            f"n_refits={needed(evidence.level)} or more."
        )
    if refits.stopped:
        notes.append(
            f"The learner has no random_state, and two refits were equal bit for bit: the other "
            f"{wanted - 2} were left out."
        )
    if again := _n_shared(blocks):
        notes.append(
            f"{again} of the forget rows have an equal row, with an equal target, among the "
            "retained ones: refits learn them too. If the retained rows should be others, mend "
            "X_retain."
        )
    if large := [name for name, (X, _) in blocks.items() if num_samples(X) > MAX_ROWS]:
        notes.append(
            f"Outputs were compared on {MAX_ROWS} rows at random of the parts {', '.join(large)}."
        )
    return (*notes, *LIMITS)


def _n_shared(blocks):
    """Count the forget rows that are among the retained ones, by their content."""
    forget, retain = (
        hash_rows([*content_blocks(X), *content_blocks(y)], key=0)
        for X, y in (blocks["forget"], blocks["retain"])
    )
    return int(np.isin(forget, retain).sum())
