"""The picture of an audit of unlearning: distances, losses and seconds."""

import numpy as np

_PARTS = ("forget", "retain", "test")


def draw(audit, figure):
    """Draw refits as dots, and the two models beside them."""
    distances, losses, times = figure.subplots(1, 3, width_ratios=[3, 3, 1.4])
    _dots(audit, distances, "distance", "distance to the refits")
    _dots(audit, losses, "loss", "loss")
    distances.set(title="Did it reach the refit?", ylabel="mean distance to the refits")
    losses.set(title="How surprising are the rows?", ylabel="mean loss")
    distances.set_ylim(bottom=0)
    distances.legend(fontsize="small", loc="lower left")  # distances are seldom near 0
    _times(audit, times)


def _dots(audit, axes, kind, quantity):
    """Refits as dots, the two models as marks, by part of the rows."""
    jitter = np.random.default_rng(0)
    rows = {row["rows"]: row for row in audit.table if row["quantity"] == quantity}
    for x, part in enumerate(_PARTS):
        values = audit.draws[f"{kind}_{part}"]
        places = x + jitter.uniform(-0.12, 0.12, len(values))
        label = "refits" if x == 0 else None
        axes.plot(places, values, "o", color="0.65", markersize=5, label=label)
        for name, colour, marker, shift in (
            ("original", "C1", "s", 0.26),
            ("unlearned", "C0", "D", -0.26),
        ):
            label = name if x == 0 else None
            axes.plot(x + shift, rows[part][name], marker, color=colour, label=label)
    axes.set_xticks(range(3), ["forgotten", "retained", "test"])
    axes.set_xlim(-0.5, 2.5)


def _times(audit, axes):
    axes.set_yscale("log")
    axes.plot(np.zeros(len(audit.refit_seconds)), audit.refit_seconds, "o", color="0.65")
    if audit.unlearn_seconds is not None:
        axes.plot(1, audit.unlearn_seconds, "D", color="C0")
    low, high = axes.get_ylim()
    axes.set_ylim(low / 2, high * 2)
    measured = "unlearn" if audit.unlearn_seconds is not None else "unlearn\n(not given)"
    axes.set_xticks([0, 1], ["refit", measured])
    axes.set(title="How long?", ylabel="seconds", xlim=(-0.5, 1.5))
