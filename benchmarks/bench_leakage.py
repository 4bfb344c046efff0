"""What probes still read of Z after erasing it: ours beside linear erasers, on fresh rows.

Gaussian groups with the same mean and other covariances, with other means too, and scikit-learn's
breast cancer data with the diagnosis as Z. Map, probe and scoring on three disjoint folds; AUC.
"""

import numpy as np
import torch
from _report import report, versions
from concept_erasure import LeaceEraser
from fairlearn.preprocessing import CorrelationRemover
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import FunctionTransformer

from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.metrics import leakage_score

PROBES = ["linear", "quadratic", "boosting"]


class Leace(TransformerMixin, BaseEstimator):
    """concept-erasure's LEACE as a transformer."""

    def fit(self, X, y=None, *, sensitive_features=None):
        """Fit on rows and binary groups."""
        Z = torch.as_tensor(np.asarray(sensitive_features)[:, None], dtype=torch.float64)
        self.eraser_ = LeaceEraser.fit(torch.as_tensor(X), Z)
        return self

    def transform(self, X):
        """Erase."""
        return self.eraser_(torch.as_tensor(X)).numpy()


class Decorrelate(TransformerMixin, BaseEstimator):
    """fairlearn's CorrelationRemover as a transformer."""

    def fit(self, X, y=None, *, sensitive_features=None):
        """Fit on rows and binary groups."""
        joint = np.column_stack([X, sensitive_features])
        self.remover_ = CorrelationRemover(sensitive_feature_ids=[X.shape[1]]).fit(joint)
        return self

    def transform(self, X, *, sensitive_features=None):
        """Remove the linear part."""
        return self.remover_.transform(np.column_stack([X, sensitive_features]))


def tables():
    """Yield (name, X, z)."""
    rng = np.random.default_rng(0)
    n, d = 30_000, 8
    z = np.arange(n) % 2
    mixing = rng.normal(size=(2, d, d)) / np.sqrt(d)
    X = np.einsum("nij,ni->nj", mixing[z], rng.normal(size=(n, d)))
    yield "Gaussian, other covariances", X, z
    yield "Gaussian, other means too", X + z[:, None] * rng.normal(size=d), z
    X, z = load_breast_cancer(return_X_y=True)
    yield "breast cancer, 10 columns", X[:, :10], z


def main():
    """Measure and print."""
    rows = []
    for name, X, z in tables():
        for eraser, transformer, needs in (
            ("none", FunctionTransformer(), False),
            ("LEACE (concept-erasure)", Leace(), "fit"),
            ("CorrelationRemover (fairlearn)", Decorrelate(), True),
            ("GaussianBarycenter", GaussianBarycenter(), True),
        ):
            found = leakage_score(
                X, z, transformer=transformer, pass_sensitive=needs, probe=PROBES, random_state=0
            )
            scores = {f"{result.probe} AUC": round(result.score, 3) for result in found}
            rows.append({"data": name, "rows": len(X), "eraser": eraser, **scores})
    peers = ("concept-erasure", "fairlearn", "torch")
    report("leakage", rows, **versions("skunlearn", "numpy", "scikit-learn", *peers))


if __name__ == "__main__":
    main()
