"""What an audit describes and does not test: how predictions on the forget rows differ."""

import numpy as np

from skunlearn.metrics._divergence import jensen_shannon, largest_difference, pairwise
from skunlearn.metrics._entropy import entropies_of, ks_distance


class Described:
    """Divergences and entropies on the forget rows, beside those of the refits from each other.

    Parameters
    ----------
    refits : list of Outputs
    task : Task
        How they were read.
    """

    def __init__(self, refits, task):
        self.quantities, self.entropies = {}, None
        if not task.classifies:
            self.quantities = {"largest difference": (_values, largest_difference)}
        elif task.method == "predict_proba":
            self.entropies = lambda one: entropies_of(_values(one))
            self.quantities = {
                "Jensen-Shannon": (_values, jensen_shannon),
                "largest gap": (_values, largest_difference),
                "other predictions": (_most_probable, lambda a, b: np.mean(a != b)),
                "entropy distance": (self.entropies, ks_distance),
            }
        self.refits = {
            name: [view(one) for one in refits] for name, (view, _) in self.quantities.items()
        }
        others = max(len(refits) - 1, 1)
        self.null = {
            name: pairwise(views, self.quantities[name][1]).sum(axis=1) / others
            for name, views in self.refits.items()
        }
        if self.entropies:
            self.null["entropy"] = np.array([self.entropies(one).mean() for one in refits])

    def _to(self, name, view):
        """Mean distance of a model to the refits."""
        distance = self.quantities[name][1]
        return float(np.mean([distance(view, one) for one in self.refits[name]]))

    def numbers(self, model):
        """Return what a model shows, a number by quantity."""
        found = {name: self._to(name, view(model)) for name, (view, _) in self.quantities.items()}
        if self.entropies:
            found["entropy"] = float(self.entropies(model).mean())
        return found


def _values(outputs):
    return outputs.values["forget"]


def _most_probable(outputs):
    return outputs.values["forget"].argmax(axis=1)
