"""Attacks on the methods of a comparison: all by the same shadows, and beside refits."""

import numpy as np

from skunlearn.metrics import membership_inference, relearn_time

ORIGINAL = "(original)"
REFITS = "(refits)"
LEAST, MOST = "(refits, least)", "(refits, most)"
YARDSTICKS = {  # by name in the table of a comparison: columns of the table of an audit
    ORIGINAL: "original",
    REFITS: "refits",
    LEAST: "refits_low",
    MOST: "refits_high",
}


def attack(models, original, blocks, membership, relearn, **options):
    """Attack each method, and the original.

    Parameters
    ----------
    models : dict of str to estimator
    original : estimator
    blocks : dict of str to (X, y)
    membership, relearn : dict or None
        Keywords of `membership_inference` and of `relearn_time`.
    **options : dict
        `random_state`, `n_jobs` and `verbose`, where `membership` does not say.

    Returns
    -------
    found : dict of str to MembershipInference
        By method; empty without the attack.
    columns : dict of str to dict of str to float
        Numbers by method, by `ORIGINAL`, `REFITS`, `LEAST` and `MOST`.
    """
    models = {**models, ORIGINAL: original}
    found, columns = {}, {name: {} for name in [*models, REFITS, LEAST, MOST]}
    if membership is not None:
        parts = [part for name in ("forget", "retain", "test") for part in blocks[name]]
        chosen = {"learner": original, **options, **membership}
        found = membership_inference(models, *parts, **chosen)
        for name, result in found.items():
            columns[name] = {"attack_auc": result.auc, "attack_found": result.found}
            rates = {f"attack_tpr_{rate:g}": tpr for rate, tpr in result.tpr.items()}
            columns[name] |= {key: tpr for key, tpr in rates.items() if tpr is not None}
        _add_range(columns, "attack_auc", found[ORIGINAL].null)
    if relearn is not None:
        relearn = dict(relearn)
        refits = relearn.pop("refits", ())
        for name, model in models.items():
            again = refits if model is original else ()
            result = relearn_time(model, original, *blocks["forget"], refits=again, **relearn)
            columns[name]["relearn_steps"] = result.steps
        _add_range(columns, "relearn_steps", result.refit_steps)  # the original comes last
    return {name: one for name, one in found.items() if name != ORIGINAL}, columns


def _add_range(columns, key, values):
    """Add the middle, the least and the most of the refits."""
    if len(values):
        for name, number in ((REFITS, np.median), (LEAST, np.min), (MOST, np.max)):
            columns[name][key] = float(number(values))
