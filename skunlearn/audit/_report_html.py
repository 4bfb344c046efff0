"""Reports of audits as HTML and as pictures; matplotlib is imported where a picture is drawn."""

import base64
import datetime
import html
import io

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
        f"<p>{text(audit.about())}</p>",
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
        f"<h3>All numbers</h3><p>{text(audit.units())}.</p>",
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
    title = html.escape(audit.title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_PAGE_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1><p>Written {when}.</p>"
        f"{fragment(audit, _picture(audit))}</body></html>\n"
    )


def _colour(verdict):
    return {True: "good", False: "bad", None: "open"}[verdict]


def _claim(audit):
    if audit.claim == ():
        return ""
    if audit.claim is None:
        return "<h3>What the model claims</h3><p>Nothing: it has no guarantee.</p>"
    given = {k: v for k, v in audit.claim.items() if v not in (None, "", (), [])}
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
    figure, file = Figure(figsize=audit.figure_size, layout="constrained"), io.BytesIO()
    audit._draw(figure)
    figure.savefig(file, format="png", dpi=110)
    caption = html.escape(audit.caption)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def plot(audit):
    """Figure of an audit, for a notebook or a window."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(audit).__name__}.plot needs matplotlib: pip install 'skunlearn[plot]', or read "
            "the numbers with to_frame()."
        ) from error
    figure = plt.figure(figsize=audit.figure_size, layout="constrained")
    audit._draw(figure)
    return figure
