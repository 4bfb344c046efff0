"""Time `import skunlearn` against `import sklearn.linear_model`, each in a fresh interpreter.

Run ``python benchmarks/bench_import.py [--runs 15]``; it prints one table and writes
``results/import.json`` beside this file. The imports take turns, so that a busy moment of the
machine meets them all; a first round, which fills the caches of bytecode and disk, is not counted.
The clock runs inside the interpreter, from before the import statement to after it. Goals: the
package in at most 1.2 times scikit-learn's linear models, and none of torch, matplotlib and numba
loaded by any import of ours. pandas is watched too, but scikit-learn may load it itself.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

REFERENCE = "sklearn.linear_model"
IMPORTS = ["skunlearn", "skunlearn.linear_model", REFERENCE]
HEAVY = ["torch", "matplotlib", "numba"]  # never loaded by an import of ours
WATCHED = [*HEAVY, "pandas"]
GOAL = 1.2  # for the package itself, in units of the reference

PROBE = """
import json, sys, time
start = time.perf_counter()
import {name}
seconds = time.perf_counter() - start
loaded = [module for module in {watched} if module in sys.modules]
print(json.dumps({{"seconds": seconds, "modules": len(sys.modules), "loaded": loaded}}))
"""


def import_once(name):
    """Seconds, number of modules and watched modules after one import in a new interpreter."""
    code = PROBE.format(name=name, watched=WATCHED)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def compare(n_runs):
    """One row an import, the reference last."""
    rounds = [{name: import_once(name) for name in IMPORTS} for _ in range(n_runs + 1)][1:]
    rows = []
    for name in IMPORTS:
        seconds = sorted(one[name]["seconds"] for one in rounds)
        low, _, high = statistics.quantiles(seconds, n=4)
        rows.append(
            {
                "import": name,
                "median_seconds": statistics.median(seconds),
                "quartiles_seconds": [low, high],
                "modules": rounds[-1][name]["modules"],
                "loaded": sorted({module for one in rounds for module in one[name]["loaded"]}),
            }
        )
    for row in rows:
        row["ratio"] = row["median_seconds"] / rows[-1]["median_seconds"]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="runs an import that are counted")
    n_runs = parser.parse_args().runs
    if n_runs < 2:
        parser.error(f"Got --runs {n_runs}, expected 2 or more.")
    rows = compare(n_runs)
    ours = [row for row in rows if row["import"] != REFERENCE]
    light = not any(set(row["loaded"]) & set(HEAVY) for row in ours)
    met = rows[0]["ratio"] <= GOAL and light
    print(f"{'import':24} {'median s':>9} {'quartiles s':>15} {'ratio':>6} {'modules':>8}  loaded")
    for row in rows:
        low, high = row["quartiles_seconds"]
        print(
            f"{row['import']:24} {row['median_seconds']:9.4f} {low:7.4f}-{high:.4f} "
            f"{row['ratio']:6.2f} {row['modules']:8d}  {', '.join(row['loaded']) or '-'}"
        )
    goal = f"skunlearn <= {GOAL} x {REFERENCE}, no {', '.join(HEAVY)}"
    print(f"goal ({goal}): {'met' if met else 'missed'}")
    packages = ("numpy", "scipy", "scikit-learn")
    result = {
        "goal_ratio": GOAL,
        "goal_met": met,
        "runs": n_runs,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        "machine": platform.machine(),
        "rows": rows,
    }
    path = Path(__file__).parent / "results" / "import.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
