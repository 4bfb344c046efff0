"""The maps of feature_unlearning.py: those of this library and of others, behind one call.

A map is fitted on one fold and gives a function of (table, groups). Real-valued maps see levels as
indicators; the triangular barycenter sees the table. Peers that know no new rows
(DisparateImpactRemover) repair each fold by itself.
"""

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from bench_triangular import declared_edges
from concept_erasure import LeaceEraser, QuadraticEraser
from fairlearn.preprocessing import CorrelationRemover
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skunlearn.feature_unlearning import (
    ConditionalBarycenter,
    GaussianBarycenter,
    LinearConceptEraser,
    OutputUnlearner,
    QuantileBarycenter,
    SlicedBarycenter,
    TriangularBarycenter,
)

MIXED = ("adult", "compas", "law school")
REAL = ("crime", "mixture", "mixture, d=20", "moments")
ANY = MIXED + REAL
KEY = "person"  # whose row it is: no column of the table that is modelled


@dataclasses.dataclass(frozen=True)
class Map:
    """A map with a name, and the data it is for.

    Parameters
    ----------
    name : str
    fit : callable
        ``fit(X, z, seed, y)`` gives a function of (X, z).
    data : tuple of str
    """

    name: str
    fit: Callable
    data: tuple = ANY

    def suits(self, data):
        """Whether it is run on these data unless asked for by name."""
        return data in self.data


def unkeyed(X):
    """Leave out the column that says whose row it is."""
    return X.drop(columns=KEY) if KEY in getattr(X, "columns", ()) else X


def indicators(X):
    """Fit an encoder: numbers as they are, levels as indicators, none of the rarest."""
    if not hasattr(X, "columns"):
        return StandardScaler(with_mean=False, with_std=False).fit(X)
    levels = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False),
    )
    return make_column_transformer(
        (levels, make_column_selector(dtype_exclude="number")), remainder="passthrough"
    ).fit(_as_objects(X))


def _as_objects(X):
    if not hasattr(X, "columns"):
        return X
    return X.astype({n: object for n in X.columns if X[n].dtype.kind not in "iuf"})


def dropped(X, z, seed, y):
    """Leave the table as it is: Z is no column of it."""
    return lambda X, z: unkeyed(X)


def kept(X, z, seed, y):
    """Put Z back: what a model may know at most."""

    def add(X, z):
        X = unkeyed(X)
        return X.assign(sensitive=z) if hasattr(X, "assign") else np.column_stack([X, z])

    return add


def ours(make, needs_z=True):
    """Fit a real-valued transformer of this library on indicators."""

    def fit(X, z, seed, y):
        encoder = indicators(unkeyed(X))
        model = make(seed).fit(_encoded(encoder, X), sensitive_features=z)
        if not needs_z:
            return lambda X, z: model.transform(_encoded(encoder, X))
        return lambda X, z: model.transform(_encoded(encoder, X), sensitive_features=z)

    return fit


def _encoded(encoder, X):
    return np.asarray(encoder.transform(_as_objects(unkeyed(X))), dtype=float)


def triangular(declared=False, **options):
    """Fit the triangular barycenter on the table."""

    def fit(X, z, seed, y):
        chosen = dict(options)
        if declared:
            chosen["bins"] = declared_edges(unkeyed(X))
        keys = KEY if KEY in getattr(X, "columns", ()) else None
        model = TriangularBarycenter(key_columns=keys, random_state=seed, **chosen)
        model.fit(X, y, sensitive_features=z)
        return lambda X, z: model.transform(X, sensitive_features=z)

    return fit


def correlation_remover(X, z, seed, y):
    """Fit fairlearn's CorrelationRemover, the groups as a column of 0 and 1 or as they are."""
    encoder = indicators(unkeyed(X))
    column = _column(z)

    def joined(X, z):
        return np.column_stack([_encoded(encoder, X), column(z)])

    table = joined(X, z)
    model = CorrelationRemover(sensitive_feature_ids=[table.shape[1] - 1]).fit(table)
    return lambda X, z: model.transform(joined(X, z))


def _column(z):
    if z.dtype.kind == "f":
        return lambda z: z
    first = np.unique(z)[0]
    return lambda z: (z != first).astype(float)


def leace(X, z, seed, y):
    """Fit concept-erasure's LEACE."""
    encoder, column = indicators(unkeyed(X)), _column(z)
    one_hot = column(z)[:, None]
    if z.dtype.kind != "f":
        one_hot = np.column_stack([one_hot, 1 - one_hot])
    eraser = LeaceEraser.fit(torch.as_tensor(_encoded(encoder, X)), torch.as_tensor(one_hot))
    return lambda X, z: eraser(torch.as_tensor(_encoded(encoder, X))).numpy()


def quadratic_eraser(X, z, seed, y):
    """Fit concept-erasure's QuadraticEraser."""
    encoder, column = indicators(unkeyed(X)), _column(z)

    def codes(z):
        return torch.as_tensor(column(z).astype(np.int64))

    eraser = QuadraticEraser.fit(torch.as_tensor(_encoded(encoder, X)), codes(z))
    return lambda X, z: eraser(torch.as_tensor(_encoded(encoder, X)), codes(z)).numpy()


def impact_remover(X, z, seed, y):
    """aif360's DisparateImpactRemover: its repair of the numbers, fold by fold; it has no fit."""
    from BlackBoxAuditing.repairers.GeneralRepairer import Repairer

    column = _column(z)

    def repair(X, z):
        frame = unkeyed(X)
        numbers = list(frame.select_dtypes("number")) if hasattr(frame, "columns") else None
        values = np.asarray(frame[numbers] if numbers else frame, dtype=float)
        rows = np.column_stack([column(z), values]).tolist()
        new = np.array(Repairer(rows, 0, 1.0, False).repair(rows), dtype=float)[:, 1:]
        return frame.assign(**dict(zip(numbers, new.T, strict=True))) if numbers else new

    return repair


GROUPS, CONTINUOUS = ANY, ("crime, continuous",)
MAPS = [
    Map("Z kept", kept, ANY + CONTINUOUS),
    Map("Z dropped", dropped, ANY + CONTINUOUS),
    Map("TriangularBarycenter", triangular(), (*MIXED, "crime")),
    Map("TriangularBarycenter, bins=4", triangular(bins=4), ("law school",)),
    Map("TriangularBarycenter, bins=6", triangular(bins=6), (*MIXED, "crime")),
    Map("TriangularBarycenter, bins=16", triangular(bins=16), (*MIXED, "crime")),
    Map("TriangularBarycenter, strength=.8", triangular(strength=0.8), MIXED),
    Map("TriangularBarycenter, follow_target=.6", triangular(follow_target=0.6), MIXED),
    Map("TriangularBarycenter, bins=12, follow_target=.6",
        triangular(bins=12, follow_target=0.6), ("adult",)),
    Map("TriangularBarycenter, ensemble", triangular(conditional="ensemble"), MIXED),
    Map("TriangularBarycenter, counts", triangular(declared=True, conditional="counts"), MIXED),
    Map("GaussianBarycenter", ours(lambda seed: GaussianBarycenter(small_groups="shrink"))),
    Map("QuantileBarycenter", ours(lambda seed: QuantileBarycenter(random_state=seed))),
    Map("SlicedBarycenter", ours(lambda seed: SlicedBarycenter(random_state=seed)),
        ("compas", "law school", *REAL)),
    Map("LinearConceptEraser", ours(lambda seed: LinearConceptEraser(), needs_z=False),
        ANY + CONTINUOUS),
    Map("ConditionalBarycenter", ours(lambda seed: ConditionalBarycenter()), CONTINUOUS),
    Map("ConditionalBarycenter, spline",
        ours(lambda seed: ConditionalBarycenter(basis="spline", scale="varying")), CONTINUOUS),
    Map("fairlearn CorrelationRemover", correlation_remover, ANY + CONTINUOUS),
    Map("concept-erasure LEACE", leace, ANY + CONTINUOUS),
    Map("concept-erasure QuadraticEraser", quadratic_eraser),
    Map("aif360 DisparateImpactRemover", impact_remover),
]  # fmt: skip


def repaired_scores(X, y, z, rows, estimator, scores_of):
    """Yield (way, seconds to score the test rows, their scores): as they are, ours, equipy's."""
    from equipy.fairness import FairWasserstein

    train, test = rows
    X = X.reset_index(drop=True)
    encoder = indicators(X.iloc[train])
    scaler = StandardScaler().fit(_encoded(encoder, X.iloc[train]))
    table = scaler.transform(_encoded(encoder, X))
    estimator.fit(table[train], y[train])
    yield "estimator", 0.0, scores_of(estimator, table[test])
    model = OutputUnlearner(estimator, cv=3, random_state=0)
    model.fit(table[train], y[train], sensitive_features=z[train])
    start = time.process_time()
    scores = scores_of(model, table[test], sensitive_features=z[test])
    yield "OutputUnlearner", time.process_time() - start, scores
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    own = cross_val_predict(estimator, table[train], y[train], cv=3, method=method)
    own = own[:, 1] if own.ndim == 2 else own
    equipy = FairWasserstein()
    equipy.fit(own, _names(z[train]))
    start = time.process_time()
    raw = scores_of(estimator, table[test])
    scores = np.asarray(equipy.transform(raw, _names(z[test]))).ravel()
    yield "equipy FairWasserstein", time.process_time() - start, scores


def _names(z):
    return pd.DataFrame({"z": np.where(z, "a", "b")})
