"""
What a map does to the groups, and what it leaves
=================================================

A Gaussian barycenter brings the groups of a table together. The picture shows it column by
column; three probes, fitted and scored on rows that the map has never seen, say what is left. The
last part shows why both are needed: a map that looks perfect in the picture of each column, and
hides nothing.
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_diabetes

from skunlearn.feature_unlearning import GaussianBarycenter
from skunlearn.metrics import (
    GroupDistributionDisplay,
    audit_leakage,
    ks_distance,
    rate_distortion,
    sliced_wasserstein,
)

# %%
# Diabetes patients, four of their measurements; what is to be forgotten is sex.
frame = load_diabetes(as_frame=True, scaled=False).data
sex = frame["sex"].map({1.0: "one", 2.0: "other"})
names = ["body mass index", "cholesterol", "LDL", "log triglycerides"]
X = frame[["bmi", "s1", "s2", "s5"]].set_axis(names, axis=1)

# %%
# Before and after
# ----------------
# The map is fitted on one half of the rows; the other half is shown.
barycenter = GaussianBarycenter()
display = GroupDistributionDisplay.from_transformer(
    barycenter, X, sex, pass_sensitive=True, random_state=0
)
display.plot()

# %%
# The same as one number, in standard deviations, against what permuted groups would show. These are
# the map's own rows, which flatter it: the audit below uses others.
print(sliced_wasserstein(X, sex, random_state=0))
after = barycenter.fit_transform(X, sensitive_features=sex)
print(sliced_wasserstein(after, sex, random_state=0))
for name, column in zip(names, after.T, strict=True):
    print(f"{name}: {ks_distance(column, sex, random_state=0)}")

# %%
# What a probe reads
# ------------------
# Map, probe and score on three disjoint folds, in three rotations, twice. "Before" is the positive
# control: if nothing were found there, nothing found afterwards would mean nothing. A map fitted on
# a third of 442 rows leaves the error of its own estimates, and the probes find it.
audit = audit_leakage(
    barycenter, X, sex, pass_sensitive=True, probes=["linear", "quadratic", "neighbors"],
    n_repeats=2, n_permutations=19, random_state=0,
)  # fmt: skip
print(audit)

# %%
# A large p-value is no proof. How far from chance could the worst of the probes still be?
print(f"AUC within .5 ± {audit.upper_bound():.2f} (95 %, all probes together)")

# %%
# Along the strength
# ------------------
print(
    rate_distortion(
        barycenter, X, sex, strengths=[0, 0.5, 1], pass_sensitive=True, estimator="linear",
        random_state=0,
    )
)  # fmt: skip


# %%
# A picture can be fooled
# -----------------------
# This map deals each column of one group out anew within the group, and gives both groups the
# quantiles of the whole column: every column has one law, and the picture shows nothing. The
# dependence between the columns, gone in one group and kept in the other, gives the group away.
class Shuffle(TransformerMixin, BaseEstimator):
    """Shuffle each column on its own within one group; give both the quantiles of all rows."""

    def fit(self, X, y=None, sensitive_features=None):
        return self

    def transform(self, X, sensitive_features=None):
        rng, X = np.random.default_rng(0), np.asarray(X)
        out = np.empty_like(X)
        for group in np.unique(sensitive_features):
            rows = np.flatnonzero(sensitive_features == group)
            for j in range(X.shape[1]):
                order = np.argsort(rng.permutation(len(rows)) if group == "one" else X[rows, j])
                out[rows[order], j] = np.quantile(X[:, j], np.linspace(0, 1, len(rows)))
        return out


GroupDistributionDisplay.from_transformer(
    Shuffle(), X, sex, pass_sensitive=True, random_state=0
).plot(max_columns=2)

# %%
print(
    audit_leakage(
        Shuffle(), X, sex, pass_sensitive=True, probes=["linear", "quadratic", "boosting"],
        n_repeats=1, n_permutations=0, random_state=0,
    )
)  # fmt: skip
