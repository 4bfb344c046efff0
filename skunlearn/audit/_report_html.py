"""Reports of audits as HTML and as pictures; matplotlib is imported where a picture is drawn."""

import base64
import datetime
import html
import io

import numpy as np

_PAGE_STYLE = """
body {font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60em; margin: 2em auto;
      padding: 0 1em}
"""
_STYLE = """
.audit table {border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1em 0}
.audit td, .audit th {padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: right}
.audit td:nth-child(-n+2), .audit th:nth-child(-n+2) {text-align: left}
.audit .headline {font-size: 1.3em; font-weight: 600}
.audit .good {border-left: .3em solid #2a7; padding-left: .7em}
.audit .bad {border-left: .3em solid #c33; padding-left: .7em}
.audit .open {border-left: .3em solid #999; padding-left: .7em}
.audit .notes, .audit figcaption {color: #555; font-size: .9em}
.audit img {max-width: 100%}
"""
_PARTS = ("forget", "retain", "test")
_CAPTION = (
    "Grey: refits on the retained rows, one dot each. Blue: the unlearned model. Orange: the "
    "original. Left: mean distance to the refits. Middle: mean loss. Right: seconds."
)


def html_table(cells, title=None):
    """Table of text, its header first."""
    lines = []
    for i, row in enumerate(cells):
        tag = "th" if i == 0 else "td"
        inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        lines.append(f"<tr>{inner}</tr>")
    above = "" if title is None else f'<p class="headline">{html.escape(title)}</p>'
    return f'<div class="audit">{above}<table>{"".join(lines)}</table></div>'


def fragment(audit, picture=""):
    """Report without the frame of a page."""
    text = html.escape
    parts = [
        f'<p class="headline {_colour(audit.passed)}">{text(audit.headline)}</p>',
        f"<p>{text(audit.sizes())}</p>",
        "<h3>Three questions</h3>",
        *(
            f'<p class="{_colour(answer.verdict)}"><b>{text(answer.question)}</b> '
            f"{text(answer.words)}</p>"
            for answer in audit.answers
        ),
        "<h3>Flags</h3>",
        *(
            f'<p class="{"bad" if flag.alarm else "open"}">{text(str(flag))}</p>'
            for flag in audit.raised
        ),
        "" if audit.raised else "<p>None raised.</p>",
        f"<h3>All numbers</h3><p>Distances: {text(audit.measure)}.</p>",
        html_table(audit.cells()),
        picture,
        _claim(audit),
        '<h3>Limits</h3><ul class="notes">',
        *(f"<li>{text(note)}</li>" for note in audit.notes),
        "</ul>",
    ]
    return f'<div class="audit"><style>{_STYLE}</style>{"".join(parts)}</div>'


def page(audit):
    """Page of its own."""
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    title = html.escape(f"Audit of unlearning: {audit.estimator}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_PAGE_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1><p>Written {when}.</p>"
        f"{fragment(audit, _picture(audit))}</body></html>\n"
    )


def _colour(verdict):
    return {True: "good", False: "bad", None: "open"}[verdict]


def _claim(audit):
    if audit.guarantee is None:
        return "<h3>What the model claims</h3><p>Nothing: it has no guarantee.</p>"
    given = {k: v for k, v in audit.guarantee.items() if v not in (None, "", (), [])}
    lines = "".join(
        f"<li>{html.escape(name)}: {html.escape(_joined(value))}</li>"
        for name, value in given.items()
    )
    return f"<h3>What the model claims</h3><ul>{lines}</ul>"


def _joined(value):
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _picture(audit):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "<p>No picture: matplotlib is not installed.</p>"
    figure, file = Figure(figsize=(11, 3.6), layout="constrained"), io.BytesIO()
    _draw(audit, figure)
    figure.savefig(file, format="png", dpi=110)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure><img alt="{_CAPTION}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_CAPTION}</figcaption></figure>"
    )


def plot(audit):
    """Figure of an audit, for a notebook or a window."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "UnlearningAudit.plot needs matplotlib: pip install 'skunlearn[plot]', or read the "
            "numbers with to_frame()."
        ) from error
    figure = plt.figure(figsize=(11, 3.6), layout="constrained")
    _draw(audit, figure)
    return figure


def _draw(audit, figure):
    distances, losses, times = figure.subplots(1, 3, width_ratios=[3, 3, 1.4])
    _dots(audit, distances, "distance", "distance to the refits")
    _dots(audit, losses, "loss", "loss")
    distances.set(title="Did it reach the refit?", ylabel="mean distance to the refits")
    losses.set(title="How surprising are the rows?", ylabel="mean loss")
    distances.set_ylim(bottom=0)
    distances.legend(fontsize="small")
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
