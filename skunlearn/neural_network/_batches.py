"""Batches of retained rows beside batches of the rows to forget."""

import torch
from torch.nn import functional as F


def beside(retain, forget, batch_size, generator):
    """Yield (retained, forget) batches once through the retained rows.

    The rows to forget come round as often as it takes.

    Parameters
    ----------
    retain, forget : Rows
    batch_size : int
        Of either.
    generator : torch.Generator
    """
    again = forget.forever(batch_size, generator)
    yield from zip(retain.batches(batch_size, generator), again, strict=False)


def divergence(teacher, student, temperature=1.0):
    """Kullback-Leibler divergence of a student's logits from a teacher's, in nats, times T².

    Parameters
    ----------
    teacher, student : Tensor of shape (n, n_classes)
    temperature : float, default=1.0
        Both are divided by it; the factor T² keeps the gradients of one size.

    Returns
    -------
    Tensor of shape (), the mean over rows
    """
    p = F.log_softmax(teacher / temperature, dim=1)
    q = F.log_softmax(student / temperature, dim=1)
    return F.kl_div(q, p, reduction="batchmean", log_target=True) * temperature**2


def wrong_labels(y, n_classes, generator):
    """Draw for each row a class that is not its own, each of the others as likely.

    Parameters
    ----------
    y : Tensor of shape (n,), int64
    n_classes : int
        2 or more.
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n,), int64
    """
    shift = torch.randint(1, n_classes, (len(y),), generator=generator)
    return (y + shift.to(y.device)) % n_classes
