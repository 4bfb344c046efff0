"""MNIST: images of written digits."""

import gzip
import zlib

import numpy as np
from sklearn.utils import Bunch

from skunlearn.datasets._base import Source, check_option, folder_of, load

_ORIGIN = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_SUBSETS = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}
_DESCR = """MNIST database of handwritten digits

60000 images to train and 10000 to test, 28 × 28 pixels of 0 to 255, ten classes. The writers of
the two parts are others.

LeCun, Y., Cortes, C. and Burges, C. J. C. The MNIST database of handwritten digits. 1998.
"""


def _plain(raw):
    """Return an idx file as it is, or out of gzip as the origin has it."""
    try:
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error


def fetch_mnist(*, data_home=None, subset="train", download_if_missing=True, return_X_y=False):
    """Load MNIST (images of ten digits).

    The files are looked for as ``mnist/train-images-idx3-ubyte.gz`` and so on under `data_home`,
    else downloaded. Their contents are checked against stored SHA-256 digests at every reading.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the data; by default the environment variable ``SKUNLEARN_DATA``, else
        ``~/skunlearn_data``.
    subset : {"train", "test", "all"}, default="train"
        "all": the rows to train, then those to test.
    download_if_missing : bool, default=True
        Whether to download (11 MB) what is not there.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.

    Returns
    -------
    Bunch or tuple of (data, target)
        With the keys:

        data : ndarray of shape (n_samples, 784), uint8
            Pixels from 0 to 255, row by row; 60000 samples to train and 10000 to test.
        target : ndarray of shape (n_samples,), int64
            Digits.
        images : ndarray of shape (n_samples, 28, 28), uint8
            The same pixels as images.
        DESCR : str
            Description and citation.
        filename : list of str
            The files read.

    Raises
    ------
    FileNotFoundError
        If a file is missing and `download_if_missing` is False.
    OSError
        If a file or download is damaged, or the download fails.

    References
    ----------
    LeCun, Y., Cortes, C. and Burges, C. J. C. The MNIST database of handwritten digits. 1998.

    Examples
    --------
    >>> from skunlearn.datasets import fetch_mnist
    >>> mnist = fetch_mnist(subset="test")  # doctest: +SKIP
    >>> mnist.data.shape  # doctest: +SKIP
    (10000, 784)
    """
    check_option("subset", subset, _SUBSETS)
    folder, read, paths = folder_of(data_home, "mnist"), {}, []
    for part in _SUBSETS[subset]:
        for kind, offset in (("images-idx3", 16), ("labels-idx1", 8)):
            name = f"{part}-{kind}-ubyte"
            path = folder / f"{name}.gz"
            source = Source(f"{_ORIGIN}{name}.gz", _DIGESTS[name], _plain)
            raw = load(path, source, download_if_missing)
            read.setdefault(kind, []).append(np.frombuffer(raw, dtype=np.uint8, offset=offset))
            paths.append(str(path))
    images = np.concatenate(read["images-idx3"]).reshape(-1, 28, 28)
    target = np.concatenate(read["labels-idx1"]).astype(np.int64)
    data = images.reshape(len(images), -1)
    if return_X_y:
        return data, target
    return Bunch(data=data, target=target, images=images, DESCR=_DESCR, filename=paths)
