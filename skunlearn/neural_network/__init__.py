"""Neural nets that forget: skorch estimators with `.unlearn`, and the unlearners.

The only room that imports torch and skorch.
"""

from skunlearn.neural_network._calibrated_teacher import CalibratedTeacher
from skunlearn.neural_network._data import Batches, HeldOut, ShuffledBatches
from skunlearn.neural_network._fine_tune import FineTune
from skunlearn.neural_network._gradient_ascent import GradientAscent
from skunlearn.neural_network._just_in_time import JustInTime
from skunlearn.neural_network._modules import MLP
from skunlearn.neural_network._net import NeuralNetClassifier, NeuralNetRegressor
from skunlearn.neural_network._unlearner import Unlearner

__all__ = [
    "MLP",
    "Batches",
    "CalibratedTeacher",
    "FineTune",
    "GradientAscent",
    "HeldOut",
    "JustInTime",
    "NeuralNetClassifier",
    "NeuralNetRegressor",
    "ShuffledBatches",
    "Unlearner",
]
