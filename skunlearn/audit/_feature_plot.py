"""The picture of an audit of feature unlearning: leak, trade-off and gaps."""


def draw(audit, figure):
    """Draw the points of the audit, before the map first."""
    leak, trade, gaps = figure.subplots(1, 3, width_ratios=[3, 2.4, 2.4])
    places = range(len(audit.points))
    _leaks(audit, leak, places)
    _tradeoff(audit, trade)
    _gaps(audit, gaps, places)
    for axes in (leak, gaps):
        axes.set_xticks(places, audit.points)
        axes.set_xlim(-0.5, len(audit.points) - 0.5)


def _series(audit, start):
    """Return records by (quantity, part) and point, of quantities that start with a word."""
    found = {}
    for row in audit.table:
        if row["quantity"].startswith(start) and row["value"] is not None:
            found.setdefault((row["quantity"], row["part"]), {})[row["point"]] = row
    return found


def _leaks(audit, axes, places):
    series = _series(audit, "leak")
    chance = 0.0 if all("r2" in quantity for quantity, _ in series) else 0.5
    low, high = chance - audit.tolerance, chance + audit.tolerance
    axes.axhspan(low, high, color="0.9", label="tolerance")
    axes.axhline(chance, color="0.6", lw=1)
    for i, ((_, probe), rows) in enumerate(series.items()):
        shift = 0.08 * (i - (len(series) - 1) / 2)
        at = [place + shift for place in places]  # every point has every probe
        rows = [rows[point] for point in audit.points]
        spread = [[r["value"] - r["low"] for r in rows], [r["high"] - r["value"] for r in rows]]
        axes.errorbar(at, [r["value"] for r in rows], spread, fmt="o-", ms=4, lw=1, label=probe)
    axes.legend(fontsize="small")
    axes.set(title="Is it forgotten?", ylabel="score of the probe", xlabel="strength")


def _tradeoff(audit, axes):
    series = _series(audit, "utility")
    axes.set(title="What does it cost?", xlabel="worst probe, from chance at most")
    if not series:
        axes.text(0.5, 0.5, "no target was given", ha="center", transform=axes.transAxes)
        axes.set_yticks([])
        return
    ((quantity, _), rows), *_ = series.items()
    points = [point for point in audit.points if point in rows]
    leaks, values = [audit.bounds[p] for p in points], [rows[p]["value"] for p in points]
    axes.plot(leaks, values, "-", color="0.7", lw=1)
    axes.axvspan(0, audit.tolerance, color="0.9")
    for point, leak, value in zip(points, leaks, values, strict=True):
        marker, colour = ("s", "C1") if point == "before" else ("o", "C0")
        axes.plot(leak, value, marker, color=colour)
        text = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": "small"}
        axes.annotate(point, (leak, value), **text)
    axes.margins(0.15)
    axes.set_xlim(left=0)
    axes.set_ylabel(quantity)


def _gaps(audit, axes, places):
    series = {**_series(audit, "parity"), **_series(audit, "odds")}
    axes.set(title="Are groups treated alike?", xlabel="strength")
    if not series:
        series = _series(audit, "distance")
    for (quantity, part), rows in series.items():
        at = [place for place, point in zip(places, audit.points, strict=True) if point in rows]
        values = [rows[point]["value"] for point in audit.points if point in rows]
        name = quantity.split(" of")[0] + (f", {part}" if part else "")
        axes.plot(at, values, "o-", ms=4, lw=1, label=name)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("gap (KS distance)" if "parity" in str(list(series)) else "sd")
    axes.legend(fontsize="small")
