"""The workspace of one request: what an unlearner may read, and the one module it may change."""

import dataclasses
import time

import torch
from tqdm.auto import tqdm

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._calibration import Calibration
from skunlearn.neural_network._view import NetView, Rows


@dataclasses.dataclass
class UnlearningTask:
    """Rows to forget, the net to change, and what it kept from `fit`.

    Parameters
    ----------
    net : NetView
        A copy of the fitted net, in evaluation mode: an unlearner changes its module in place.
    original : NetView
        The net as it was; takes no gradients.
    forget : Rows
    retain : Rows or None
        The rows that remain, where they were given.
    calibration : Calibration
        Of the net as fitted, without the forgotten rows.
    retained : ndarray of shape (n_classes,), float
        Share of the rows of each class that remains; 0 for a class that is forgotten whole.
    kept : dict of str to object
        What else was kept at fit, without the forgotten rows, by its name in `requires_kept`.
    new_module : callable
        Returns a module with fresh random weights.
    generator : torch.Generator
        On the CPU, for the order of batches and other draws.
    batch_size : int
        Of the net.
    lr : float
        Of the net.
    n_epochs : int
        Of the fit; 0 where that is not known.
    trained : Tensor of shape (m,), bool
        Which forget rows the weights were learned from; the others were held out.
    verbose : int, default=0
        Whether to show a progress bar.
    """

    net: NetView
    original: NetView
    forget: Rows
    retain: Rows | None
    calibration: Calibration
    retained: object
    kept: dict
    new_module: object
    generator: torch.Generator
    batch_size: int
    lr: float
    n_epochs: int
    trained: torch.Tensor
    verbose: int = 0
    history: list = dataclasses.field(default_factory=list)
    fit_again: object = None  # trains another net on rows, with the settings of the fitted one
    fresh: object = None  # that net, once the weights are its

    def __post_init__(self):
        self._start = time.perf_counter()
        self._bar = None

    @property
    def is_classifier(self):
        """Whether the net predicts classes."""
        return self.net.is_classifier

    def start_over(self):
        """Train another net on the rows that remain; its weights, and all it keeps, take over."""
        self.fresh = self.fit_again(self.retain)
        self.net = self.net.with_module(self.fresh.module_)
        counts = self.calibration.counts  # of all that remain, some of which may not be at hand
        self.calibration = dataclasses.replace(self.fresh._calibration_, counts=counts)
        self.kept = self.fresh._pieces_

    def record(self, **stats):
        """Note a step: its numbers, and the seconds so far; refuse numbers that are not finite.

        Raises
        ------
        UnlearningError
            If the loss is NaN or infinite: the net stays as it was.
        """
        entry = {"step": len(self.history), "seconds": time.perf_counter() - self._start}
        entry |= {k: float(v) for k, v in stats.items()}
        loss = entry.get("loss", 0.0)
        if not abs(loss) < float("inf"):
            raise UnlearningError(
                f"The loss became {loss} at step {len(self.history)} of unlearning, so the net was "
                "left as it was. Lower the learning rate of the unlearner."
            )
        self.history.append(entry)
        if self.verbose:
            self._bar = self._bar or tqdm(desc="unlearn", unit=" steps")
            shown = {k: f"{v:.4g}" for k, v in entry.items() if k not in ("step", "seconds")}
            self._bar.set_postfix(shown)
            self._bar.update()

    def close(self):
        """End the progress bar."""
        if self._bar is not None:
            self._bar.close()

    def forget_accuracy(self, net=None):
        """Share of the forget rows that a net gets right, the one being changed unless given."""
        outputs = (net or self.net).all_outputs(self.forget.X)
        return float((outputs.argmax(dim=1) == self.forget.y).double().mean())
