"""One table on the screen and one JSON file: what every benchmark leaves behind."""

import importlib.metadata
import json
import os
import platform
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def versions(*packages):
    """Versions of the packages that were measured, and the machine."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        **found,
    }


def best_of(function, repeats):
    """Seconds of the fastest of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def report(name, rows, **context):
    """Print rows (dictionaries with the same keys) as a table and write them as JSON."""
    names = list(rows[0])
    cells = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    for line in [names, *cells]:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)))
    print(", ".join(f"{key} {value}" for key, value in context.items()))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({**context, "rows": rows}, indent=1) + "\n")
