"""CalibratedTeacher: the default unlearner."""

from skunlearn.neural_network._unlearner import Unlearner


class CalibratedTeacher(Unlearner):
    """Placeholder."""

    def _unlearn(self, task):
        raise NotImplementedError
