"""Time the Gaussian barycenter against POT's, to the same residual of the same equation.

Run ``python benchmarks/bench_gaussian_barycenter.py [--quick]``; it prints one table and writes
``results/gaussian_barycenter.json`` beside this file. Both run in this process with the same
BLAS threads. Each stops by its own rule at a relative residual of 1e-10: POT's rule is absolute
and on its own fixed-point map G, so it gets ``eps = 1e-10 ||S||`` and its default limit of 1000
iterations. The residuals in the table are computed afterwards, for both alike, with the map F of
Álvarez-Esteban et al. (2016) and SVDs. To first order S - F(S) is up to twice S - G(S), so POT's
may end slightly above 1e-10: an advantage left to POT.
"""

import argparse
import contextlib
import io
import json
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import ot
import scipy
import threadpoolctl
from scipy.linalg import expm

from skunlearn._transport import gaussian_barycenter

GOAL, POT_LIMIT = 1e-10, 1000
WEIGHTS = np.array([0.4, 0.3, 0.15, 0.1, 0.05])


def covariances_of_rows(rng, d):
    """Sample covariances of 10 d standard normal rows under a random mixing a group."""
    mixing = rng.normal(size=(len(WEIGHTS), d, d)) / np.sqrt(d)
    return np.stack([np.cov((rng.normal(size=(10 * d, d)) @ m).T) for m in mixing])


def covariances_of_spectrum(rng, d, rotation):
    """Spectra 1...1e-6; bases turned away from a common one by `rotation` (None: unrelated)."""
    base, out = np.linalg.qr(rng.normal(size=(d, d)))[0], []
    for _ in WEIGHTS:
        skew = rng.normal(size=(d, d)) / np.sqrt(d)
        if rotation is None:
            basis = np.linalg.qr(skew)[0]
        else:
            basis = base @ expm(rotation * (skew - skew.T))
        out.append(basis * np.geomspace(1, 1e-6, d) @ basis.T)
    return np.stack([(c + c.T) / 2 for c in out])


def covariances_of_rank(rng, d, rank):
    """Sample covariances of rows whose last columns are combinations of the first `rank`."""
    combination = np.vstack([np.eye(rank), rng.normal(size=(d - rank, rank)) / np.sqrt(rank)])
    covariances = combination @ covariances_of_rows(rng, rank) @ combination.T
    return (covariances + np.swapaxes(covariances, 1, 2)) / 2


def residual(S, covariances):
    """``||S - F(S)|| / ||S||`` with the polar factors from SVDs; nan if S is not finite."""
    if not np.all(np.isfinite(S)):
        return float("nan")
    values, vectors = np.linalg.eigh(S)
    factor = vectors * np.sqrt(np.maximum(values, 0))
    image = np.zeros_like(S)
    for weight, covariance in zip(WEIGHTS, covariances, strict=True):
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        left, _, right = np.linalg.svd(root.T @ factor)
        image += weight * root @ (left @ right)
    return float(np.linalg.norm(S - image @ image.T) / np.linalg.norm(S))


def pot(covariances, eps, n_iter=POT_LIMIT):
    """POT's fixed point and its log, silenced; the limit of iterations is its default."""
    means = np.zeros(covariances.shape[:2])
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ot.gaussian.bures_wasserstein_barycenter(
                means, covariances, WEIGHTS, eps=eps, num_iter=n_iter, log=True
            )[1:]
        except np.linalg.LinAlgError:  # An eigendecomposition of nan, in some LAPACK versions.
            return np.full(covariances[0].shape, np.nan), {"num_iter": 0, "final_diff": np.nan}


def timed(function, repeats):
    """Median seconds and the last value."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = function()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), value


def compare(name, covariances):
    """One row of the table."""
    ours, result = timed(lambda: gaussian_barycenter(covariances, WEIGHTS, tol=GOAL), 3)
    eps = GOAL * np.linalg.norm(result.covariance)
    # Once an iterate is nan all further ones are, and some LAPACK raises: do not time that.
    trial = pot(covariances, eps, n_iter=1)[0]
    failed = not np.all(np.isfinite(trial))
    theirs, (S, log) = timed(lambda: pot(covariances, eps, 1 if failed else POT_LIMIT), 1)
    return {
        "case": name,
        "n_features": covariances.shape[1],
        "n_groups": len(covariances),
        "ours_seconds": ours,
        "ours_iterations": result.n_iter,
        "ours_residual_reported": result.residual,
        "ours_residual": residual(result.covariance, covariances),
        "pot_seconds": theirs,
        "pot_iterations": log["num_iter"] + 1,
        "pot_residual": residual(S, covariances),
        "pot_converged": bool(log["final_diff"] <= eps),
        "ratio": float("nan") if failed else theirs / ours,
    }


def main():
    """Print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 features, for a smoke test")
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads for both")
    arguments = parser.parse_args()
    d = 20 if arguments.quick else 200
    rng = np.random.default_rng(0)
    cases = {
        "sample covariances": covariances_of_rows(rng, d),
        "spectra 1..1e-6, unrelated bases": covariances_of_spectrum(rng, d, None),
        "spectra 1..1e-6, bases near each other": covariances_of_spectrum(rng, d, 0.1),
        "spectra 1..1e-6, one common basis": covariances_of_spectrum(rng, d, 0.0),
        "collinear columns (rank 3/4 d)": covariances_of_rank(rng, d, 3 * d // 4),
    }
    with threadpoolctl.threadpool_limits(arguments.threads):
        rows = [compare(name, c) for name, c in cases.items()]
    print(f"{'case':40s}{'d':>5}{'k':>3}{'ours s':>9}{'it':>4}{'residual':>10}", end="")
    print(f"{'POT s':>9}{'it':>5}{'residual':>10}{'ratio':>8}")
    for row in rows:
        bound = "" if row["pot_converged"] else "  POT did not reach the goal"
        bound = "  POT returns nan" if np.isnan(row["pot_residual"]) else bound
        print(
            f"{row['case']:40s}{row['n_features']:5d}{row['n_groups']:3d}"
            f"{row['ours_seconds']:9.3f}{row['ours_iterations']:4d}{row['ours_residual']:10.1e}"
            f"{row['pot_seconds']:9.2f}{row['pot_iterations']:5d}{row['pot_residual']:10.1e}"
            f"{row['ratio']:8.1f}{bound}"
        )
    report = {
        "goal_residual": GOAL,
        "threads": arguments.threads,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "POT": ot.__version__,
        },
        "machine": platform.machine(),
        "rows": rows,
    }
    print(f"threads {arguments.threads}, goal {GOAL:g}, {report['versions']}")
    if not arguments.quick:
        path = Path(__file__).parent / "results" / "gaussian_barycenter.json"
        path.parent.mkdir(exist_ok=True)
        # Strict JSON has no nan: a residual that is not finite is written as null.
        clean = [
            {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
            for row in rows
        ]
        path.write_text(json.dumps({**report, "rows": clean}, indent=1) + "\n")


if __name__ == "__main__":
    main()
