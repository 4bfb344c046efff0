"""Ridge regression whose penalty is chosen anew after every deletion."""

from numbers import Integral, Real

import numpy as np
from scipy import linalg
from sklearn import linear_model
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.linear_model._base import LinearModel
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from skunlearn._exact import copy_fitted
from skunlearn._sklearn_compat import fit_context
from skunlearn._statistics._hashing import derive_key, hash_rows, new_key
from skunlearn._statistics._moments import merge
from skunlearn.base import Request
from skunlearn.linear_model._base import LeastSquaresMixin
from skunlearn.linear_model._solve import normal_equations, solve_ridge
