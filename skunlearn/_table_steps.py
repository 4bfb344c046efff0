"""Glue for estimators that read tables: alone, each is a chain of one step."""

from skunlearn._chain import Chain
from skunlearn._exact import ExactUnlearnerMixin
from skunlearn._steps import Leaf
from skunlearn.base import UnlearnerTags


class TableUnlearnerMixin(ExactUnlearnerMixin):
    """Estimators derived from a table of numbers with gaps, or of levels.

    Subclasses give `_derive_table(table, info)` and `_push_table(attributes, table)`.
    """

    _kind = "diagonal"
    _reads_tables = True
    _unlearner_tags = UnlearnerTags(kind="exact", needs_y=False)

    def _check_rows(self, request, reset):
        leaf = Leaf("", self, {})
        if reset:
            chain, info = Chain.of([leaf], request), None
        else:
            chain, info = Chain([], [leaf]), self._info
        return chain.rows(request, reset=reset, info=info)

    def _attributes(self, learned, info):
        derived = Chain([], [Leaf("", self, {})]).derive(learned, info)[""]
        return {
            **derived,
            "_learned": learned,
            "_info": info,
            "resolution_": learned.exponents,
        }
