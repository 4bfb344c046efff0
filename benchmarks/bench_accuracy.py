"""Learned attributes against the exact solution, ours and scikit-learn's default, in one run.

The exact solution comes from the rational numbers that the float64 data are: moments as
fractions, the normal equations by elimination over fractions, PCA from the exactly centred
scatter. Errors are relative to the largest entry of the exact attribute.
"""

from fractions import Fraction

import numpy as np
import sklearn.decomposition
import sklearn.linear_model
import sklearn.naive_bayes
import sklearn.preprocessing
from _report import report, versions
from scipy import linalg, sparse

from skunlearn.decomposition import PCA
from skunlearn.linear_model import LinearRegression, Ridge
from skunlearn.naive_bayes import GaussianNB
from skunlearn.preprocessing import StandardScaler

N, D = 400, 6


def exact_moments(A):
    """Means and centred scatter of the columns, as fractions."""
    rows = [[Fraction(float(v)) for v in row] for row in A]
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    centred = [[v - m for v, m in zip(row, mean, strict=True)] for row in rows]
    columns = list(zip(*centred, strict=True))
    scatter = [
        [sum(a * b for a, b in zip(one, other, strict=True)) for other in columns]
        for one in columns
    ]
    return mean, scatter


def solve(matrix, rhs):
    """Solution of a linear system over fractions, by elimination."""
    n = len(matrix)
    rows = [[*row, value] for row, value in zip(matrix, rhs, strict=True)]
    for i in range(n):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(n):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return np.array([float(row[-1]) for row in rows])


def exact_ridge(X, y, alpha):
    """Coefficients of ridge regression with an intercept."""
    _, scatter = exact_moments(np.column_stack([X, y]))
    gram = [
        [scatter[i][j] + (Fraction(alpha) if i == j else 0) for j in range(D)] for i in range(D)
    ]
    return solve(gram, [scatter[i][D] for i in range(D)])


def exact_scatter(X):
    """Mean and scatter rounded once."""
    mean, scatter = exact_moments(X)
    return np.array([float(m) for m in mean]), np.array([[float(v) for v in r] for r in scatter])


def error(found, exact):
    """Largest difference relative to the largest entry."""
    return float(np.abs(found - exact).max() / np.abs(exact).max())


def axes_error(found, exact):
    """Return the same for axes whose signs are free."""
    return max(min(error(f, e), error(-f, e)) for f, e in zip(found, exact, strict=True))


def main():
    """Measure and print."""
    rng = np.random.default_rng(0)
    rows = []
    for offset in (0.0, 1e3, 1e6):
        X = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) + offset
        y = X @ rng.normal(size=D) + rng.normal(size=N)
        labels = (y > np.median(y)).astype(int)
        _, scatter = exact_scatter(X)
        axes = linalg.eigh(scatter)[1][:, ::-1].T
        variances = np.array(
            [np.diag(exact_scatter(X[labels == c])[1]) / (labels == c).sum() for c in (0, 1)]
        )

        def add(what, ours, theirs, offset=offset):
            rows.append({"attribute": what, "offset": offset, "ours": ours, "sklearn": theirs})

        for name, exact, mine, peer, table in (
            ("Ridge.coef_", exact_ridge(X, y, 1), Ridge(), sklearn.linear_model.Ridge(), X),
            (
                "Ridge.coef_, sparse X",
                exact_ridge(X, y, 1),
                Ridge(),
                sklearn.linear_model.Ridge(),
                sparse.csr_array(X),
            ),
            (
                "LinearRegression.coef_",
                exact_ridge(X, y, 0),
                LinearRegression(),
                sklearn.linear_model.LinearRegression(),
                X,
            ),
        ):
            found = [error(m.fit(table, y).coef_, exact) for m in (mine, peer)]
            add(name, *found)
        for name, models in (
            ("PCA.components_", (PCA(), sklearn.decomposition.PCA())),
            (
                "PCA.components_, svd_solver=full",
                (PCA(), sklearn.decomposition.PCA(svd_solver="full")),
            ),
        ):
            add(name, *(axes_error(m.fit(X).components_, axes) for m in models))
        models = GaussianNB(var_smoothing=0.0), sklearn.naive_bayes.GaussianNB(var_smoothing=0.0)
        add("GaussianNB.var_", *(error(m.fit(X, labels).var_, variances) for m in models))
        models = StandardScaler(), sklearn.preprocessing.StandardScaler()
        add("StandardScaler.var_", *(error(m.fit(X).var_, np.diag(scatter) / N) for m in models))
    for row in rows:
        row["less exact"] = "sklearn" if row["sklearn"] > max(row["ours"], 1e-9) else ""
    report("accuracy", rows, n=N, d=D, **versions("skunlearn", "numpy", "scipy", "scikit-learn"))


if __name__ == "__main__":
    main()
