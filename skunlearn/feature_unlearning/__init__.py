"""Transformers that take a sensitive variable out of the data."""

from skunlearn.feature_unlearning._conditional import ConditionalBarycenter
from skunlearn.feature_unlearning._gaussian_barycenter import GaussianBarycenter
from skunlearn.feature_unlearning._information import InformationRegularizedLogisticRegression
from skunlearn.feature_unlearning._leace import LinearConceptEraser
from skunlearn.feature_unlearning._output import OutputUnlearner
from skunlearn.feature_unlearning._pair import PairUnlearner
from skunlearn.feature_unlearning._quantile import QuantileBarycenter
from skunlearn.feature_unlearning._sliced import SlicedBarycenter
from skunlearn.feature_unlearning._triangular import TriangularBarycenter

__all__ = [
    "ConditionalBarycenter",
    "GaussianBarycenter",
    "InformationRegularizedLogisticRegression",
    "LinearConceptEraser",
    "OutputUnlearner",
    "PairUnlearner",
    "QuantileBarycenter",
    "SlicedBarycenter",
    "TriangularBarycenter",
]
