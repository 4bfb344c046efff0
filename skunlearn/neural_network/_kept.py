"""What a net keeps from its fit so that it can forget without the rows that remain."""

import dataclasses

import numpy as np
import torch

from skunlearn.neural_network._view import NetView, Rows

PIECES = {}


def kept_as(name):
    """Make a class a piece that an unlearner may ask for, by this name, in `requires_kept`.

    It has a class method ``of(fitted)``, a method ``without(forget, net)`` that returns the piece
    without these rows and leaves itself alone, and a class attribute `exact`: whether nothing of
    them is left then.
    """

    def register(piece):
        PIECES[name] = piece
        return piece

    return register


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What pieces are made from, once a net is trained.

    Parameters
    ----------
    net : NetView
        In evaluation mode.
    train : Rows
        Those the weights were learned from.
    seed : int
    made : dict of str to object
        Pieces that were made already: one may be made from another.
    """

    net: NetView
    train: Rows
    seed: int
    made: dict = dataclasses.field(default_factory=dict)

    @property
    def generator(self):
        """Generator of torch with the seed."""
        return torch.Generator().manual_seed(self.seed)

    def piece(self, name):
        """Return the piece with a name, made once."""
        if name not in PIECES:
            raise ValueError(f"Got {name!r} to keep, expected one of {sorted(PIECES)}.")
        if name not in self.made:
            self.made[name] = PIECES[name].of(self)
        return self.made[name]


def make_pieces(names, fitted):
    """Make the pieces with these names."""
    return {name: fitted.piece(name) for name in names}


def pieces_without(pieces, forget, net):
    """Pieces without the rows to forget: new objects, the old ones are left as they are.

    The rows are those of the request that the weights were learned from: pieces know no others.
    """
    if not len(forget):
        return dict(pieces)
    return {name: piece.without(forget, net) for name, piece in pieces.items()}


def residues_of(pieces):
    """Names of the pieces in which something of forgotten rows is left."""
    return tuple(
        f"the {name.replace('_', ' ')} kept at fit (from the rows, downdated only approximately)"
        for name, piece in pieces.items()
        if not piece.exact
    )


def codes_of(y, is_classifier):
    """Codes of classes, or zeros for regression."""
    return np.asarray(y) if is_classifier else np.zeros(len(y), dtype=np.intp)
