"""What selectors share: the moments of the columns that are selected."""

import copy

from skunlearn._exact import ExactUnlearnerMixin


class ExactSelectorMixin(ExactUnlearnerMixin):
    """Selectors whose scores are a function of exact moments."""

    _columns_free = True

    def _push(self, attributes, moments):
        fitted = copy.copy(self)
        vars(fitted).update(attributes)
        return moments.select(fitted.get_support(indices=True))
