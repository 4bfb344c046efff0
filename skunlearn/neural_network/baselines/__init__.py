"""Unlearners that others published, for comparison; their limits stand in their pages."""

from skunlearn.neural_network.baselines._amnesiac import Amnesiac
from skunlearn.neural_network.baselines._boundary_shrink import BoundaryShrink
from skunlearn.neural_network.baselines._error_min_max_noise import ErrorMinMaxNoise
from skunlearn.neural_network.baselines._fisher_forgetting import FisherForgetting
from skunlearn.neural_network.baselines._gated_knowledge_transfer import GatedKnowledgeTransfer
from skunlearn.neural_network.baselines._label_free_ssd import LabelFreeSSD
from skunlearn.neural_network.baselines._random_labels import RandomLabels
from skunlearn.neural_network.baselines._salun import SalUn
from skunlearn.neural_network.baselines._unsir import UNSIR

__all__ = [
    "UNSIR",
    "Amnesiac",
    "BoundaryShrink",
    "ErrorMinMaxNoise",
    "FisherForgetting",
    "GatedKnowledgeTransfer",
    "LabelFreeSSD",
    "RandomLabels",
    "SalUn",
]
