"""A small generator of pseudo-data: images, or rows of numbers."""

import math

from torch import nn

_CHANNELS = 128


def make_generator(shape, n_latent):
    """Return a module from latent vectors of shape (n, n_latent) to inputs of shape (n, *shape).

    Images, (channels, height, width), are built from a quarter of their sides by nearest-neighbour
    scaling and convolutions; anything else by one hidden layer. Batch norm keeps the outputs apart
    from each other: a module in training mode needs more than one vector.
    """
    if len(shape) == 3:
        return _image_generator(*shape, n_latent)
    size = math.prod(shape)
    return nn.Sequential(
        nn.Linear(n_latent, 2 * _CHANNELS),
        nn.BatchNorm1d(2 * _CHANNELS),
        nn.LeakyReLU(0.2),
        nn.Linear(2 * _CHANNELS, size),
        nn.BatchNorm1d(size),
        nn.Unflatten(1, tuple(shape)),
    )


def _image_generator(channels, height, width, n_latent):
    quarter = (math.ceil(height / 4), math.ceil(width / 4))
    half = (math.ceil(height / 2), math.ceil(width / 2))
    return nn.Sequential(
        nn.Linear(n_latent, _CHANNELS * math.prod(quarter)),
        nn.Unflatten(1, (_CHANNELS, *quarter)),
        nn.BatchNorm2d(_CHANNELS),
        nn.Upsample(half),
        nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1),
        nn.BatchNorm2d(_CHANNELS),
        nn.LeakyReLU(0.2),
        nn.Upsample((height, width)),
        nn.Conv2d(_CHANNELS, _CHANNELS // 2, 3, padding=1),
        nn.BatchNorm2d(_CHANNELS // 2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(_CHANNELS // 2, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
    )
