"""Neural nets that forget: skorch estimators with `.unlearn`, and the unlearners.

The only room that imports torch and skorch.
"""

from skunlearn.neural_network._bad_teacher import BadTeacher
from skunlearn.neural_network._calibrated_teacher import CalibratedTeacher
from skunlearn.neural_network._dampening import SelectiveSynapticDampening
from skunlearn.neural_network._data import Batches, HeldOut, ShuffledBatches
from skunlearn.neural_network._fine_tune import FineTune
from skunlearn.neural_network._gradient_ascent import GradientAscent
from skunlearn.neural_network._information_regularized import (
    InformationRegularizedNetClassifier,
)
from skunlearn.neural_network._just_in_time import JustInTime
from skunlearn.neural_network._last_layer_exact import LastLayerExact
from skunlearn.neural_network._marginal_information import MarginalInformation
from skunlearn.neural_network._modules import MLP
from skunlearn.neural_network._neg_grad_plus import NegGradPlus
from skunlearn.neural_network._net import NeuralNetClassifier, NeuralNetRegressor
from skunlearn.neural_network._newton_step import NewtonStep
from skunlearn.neural_network._retrain import Retrain
from skunlearn.neural_network._scrub import SCRUB
from skunlearn.neural_network._unlearner import Unlearner

__all__ = [
    "MLP",
    "SCRUB",
    "BadTeacher",
    "Batches",
    "CalibratedTeacher",
    "FineTune",
    "GradientAscent",
    "HeldOut",
    "InformationRegularizedNetClassifier",
    "JustInTime",
    "LastLayerExact",
    "MarginalInformation",
    "NegGradPlus",
    "NeuralNetClassifier",
    "NeuralNetRegressor",
    "NewtonStep",
    "Retrain",
    "SelectiveSynapticDampening",
    "ShuffledBatches",
    "Unlearner",
]
