"""MNIST: read, checked, downloaded (from a stand-in), refused."""

import gzip
import hashlib
import io

import numpy as np
import pytest

from skunlearn.datasets import _base, _mnist, fetch_mnist

N = {"train": 3, "t10k": 2}


def idx(part, kind):
    """A small file of the format: a header, then bytes."""
    n = N[part]
    if kind == "labels-idx1":
        return bytes(8) + bytes(range(n))
    return bytes(16) + (np.arange(n * 784) % 251).astype(np.uint8).tobytes()


FILES = {
    f"{part}-{kind}-ubyte": idx(part, kind) for part in N for kind in ("images-idx3", "labels-idx1")
}


@pytest.fixture
def origin(monkeypatch):
    asked = []

    def urlopen(url, timeout):
        asked.append(url.rpartition("/")[2])
        return io.BytesIO(gzip.compress(FILES[asked[-1].removesuffix(".gz")]))

    digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in FILES.items()}
    monkeypatch.setattr(_mnist, "_DIGESTS", digests)
    monkeypatch.setattr(_base, "urlopen", urlopen)
    monkeypatch.delenv("SKUNLEARN_DATA", raising=False)
    return asked


def test_downloads_once(origin, tmp_path):
    found = fetch_mnist(data_home=tmp_path, subset="all")
    assert found.data.shape == (5, 784) and found.images.shape == (5, 28, 28)
    assert found.target.tolist() == [0, 1, 2, 0, 1] and found.target.dtype == np.int64
    assert found.data[0, :3].tolist() == [0, 1, 2]
    assert len(origin) == 4
    again = fetch_mnist(data_home=tmp_path, subset="test", download_if_missing=False)
    assert len(origin) == 4 and len(again.data) == 2
    X, y = fetch_mnist(data_home=tmp_path, return_X_y=True)
    assert X.shape == (3, 784) and y.tolist() == [0, 1, 2]


def test_damaged_or_missing(origin, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte\.gz"):
        fetch_mnist(data_home=tmp_path, download_if_missing=False)
    fetch_mnist(data_home=tmp_path)
    path = tmp_path / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"other"))
    with pytest.raises(OSError, match="SHA-256"):
        fetch_mnist(data_home=tmp_path)
    with pytest.raises(ValueError, match="Got subset='valid'"):
        fetch_mnist(subset="valid")


@pytest.mark.data
def test_the_real_files(data_home):
    try:
        X, y = fetch_mnist(
            data_home=data_home, subset="test", return_X_y=True, download_if_missing=False
        )
    except FileNotFoundError:
        pytest.skip("MNIST is not in data_home")
    assert X.shape == (10000, 784)
    assert np.bincount(y)[:3].tolist() == [980, 1135, 1032]
    assert X.mean() == pytest.approx(33.79, abs=0.01)
