"""What a net that never saw the rows to forget would say of such rows, from unseen ones."""

import numpy as np
import torch

from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network._selection import task_shift


def unseen_like_forgotten(task):
    """Return outputs on unseen rows, weighted to the classes of the rows to forget.

    Where a part of a class is forgotten, its logit is lowered by the logarithm of the share that
    remains, times the temperature, and by what the stopping rule lowers it by besides (see
    `task_shift`); where a class goes whole, or has no unseen row, rows of the
    other classes stand in, read as if that class were theirs.

    Parameters
    ----------
    task : UnlearningTask
        Of a classifier.

    Returns
    -------
    outputs : Tensor of shape (n, n_classes)
    codes : Tensor of shape (n,), int64
        The class as which each row is read.
    weights : Tensor of shape (n,)
        Sum to one; a class has the share that it has among the rows to forget.

    Raises
    ------
    UnlearningError
        If there is no unseen row.
    """
    calibration = task.calibration
    if not len(calibration):
        raise UnlearningError(
            "There are no rows that the net has not learned from to compare with: fit with a "
            'train_split, or choose target="zero".'
        )
    y, shift = task.forget.y.cpu().numpy(), task_shift(task)
    classes, counts = np.unique(y, return_counts=True)
    parts = []
    for code, count in zip(classes, counts, strict=True):
        outputs = _of_class(calibration, code, task.retained[code], shift[y == code].mean())
        parts.append(
            (
                outputs,
                np.full(len(outputs), code),
                np.full(len(outputs), count / counts.sum() / len(outputs)),
            )
        )
    outputs, codes, weights = map(np.concatenate, zip(*parts, strict=True))
    like = task.forget.X.device
    return (
        torch.as_tensor(outputs, dtype=torch.float32, device=like),
        torch.as_tensor(codes, device=like),
        torch.as_tensor(weights, dtype=torch.float32, device=like),
    )


def _of_class(calibration, code, share, shift):
    own = calibration.y == code
    if share > 0 and own.any():
        outputs = calibration.outputs[own].copy()
        outputs[:, code] += calibration.temperature * np.log(share) + shift
        return outputs
    others = calibration.outputs[~own]
    return others if len(others) else calibration.outputs
