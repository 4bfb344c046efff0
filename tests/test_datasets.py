"""Adult: read, checked, downloaded (from a stand-in), refused."""

import gzip
import hashlib
import io
import sys
from urllib.error import URLError

import numpy as np
import pytest

from skunlearn.datasets import _adult, _base, fetch_adult

TRAIN = b"""39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, \
White, Male, 2174, 0, 40, United-States, <=50K
50, ?, 83311, HS-grad, 9, Divorced, ?, Wife, Black, Female, 0, 0, 13, ?, >50K

"""
TEST = b"""|1x3 Cross validator
25, Private, 226802, 11th, 7, Never-married, Sales, Own-child, Other, Male, 0, 5, 40, Peru, >50K.

"""
FILES = {"adult.data": TRAIN, "adult.test": TEST}


@pytest.fixture
def origin(monkeypatch):
    """Serve two small files from memory, and list the addresses asked for."""
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        return io.BytesIO(FILES[url.rpartition("/")[2]])

    digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in FILES.items()}
    monkeypatch.setattr(_adult, "_SHA256", digests)
    monkeypatch.setattr(_base, "urlopen", urlopen)
    monkeypatch.delenv("SKUNLEARN_DATA", raising=False)
    return asked


def test_downloads_once_and_stores_compressed(origin, tmp_path):
    first = fetch_adult(data_home=tmp_path, subset="all", as_frame=False)
    assert origin == [
        "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.data",
        "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.test",
    ]
    stored = {path.name: path.read_bytes() for path in (tmp_path / "adult").iterdir()}
    assert sorted(stored) == ["adult.data.gz", "adult.test.gz"]  # and nothing temporary
    assert gzip.decompress(stored["adult.test.gz"]) == TEST
    again = fetch_adult(data_home=tmp_path, subset="all", as_frame=False, download_if_missing=False)
    assert len(origin) == 2
    assert again.data.tolist()[0] == first.data.tolist()[0]
    assert again.filename == [str(tmp_path / "adult" / name) for name in sorted(stored)]


def test_subset_asks_for_its_own_file_only(origin, tmp_path):
    assert fetch_adult(data_home=tmp_path, subset="test", as_frame=False).data.shape == (1, 14)
    assert [url.rpartition("/")[2] for url in origin] == ["adult.test"]


def test_arrays(origin, tmp_path):
    adult = fetch_adult(data_home=tmp_path, subset="all", as_frame=False)
    assert adult.data.dtype == object
    assert adult.data[0].tolist() == [
        39, "State-gov", 77516, "Bachelors", 13, "Never-married", "Adm-clerical", "Not-in-family",
        "White", "Male", 2174, 0, 40, "United-States",
    ]  # fmt: skip
    assert [j for j, v in enumerate(adult.data[1]) if v != v] == [1, 6, 13]
    assert adult.target.tolist() == ["<=50K", ">50K", ">50K"]
    assert adult.frame is None
    assert adult.sensitive_columns == ["sex", "race"]
    assert len(adult.feature_names) == 14
    assert adult.target_names == ["<=50K", ">50K"]
    assert "10.24432/C5XW20" in adult.DESCR
    data, target = fetch_adult(data_home=tmp_path, as_frame=False, return_X_y=True)
    assert data.shape == (2, 14)
    assert target.tolist() == ["<=50K", ">50K"]


def test_frames(origin, tmp_path):
    pd = pytest.importorskip("pandas")
    adult = fetch_adult(data_home=tmp_path)
    assert adult.data["age"].dtype == np.int64
    assert isinstance(adult.data["sex"].dtype, pd.CategoricalDtype)
    assert adult.data.isna().sum().sum() == 3
    assert adult.frame.columns.tolist() == [*adult.feature_names, "income"]
    assert adult.target.tolist() == ["<=50K", ">50K"]
    test = fetch_adult(data_home=tmp_path, subset="test")
    assert test.data.dtypes.equals(adult.data.dtypes)  # the same categories
    assert test.target.tolist() == [">50K"]


def test_data_home_from_the_environment(origin, tmp_path, monkeypatch):
    monkeypatch.setenv("SKUNLEARN_DATA", str(tmp_path / "env"))
    assert "env" in fetch_adult(as_frame=False).filename[0]
    explicit = fetch_adult(data_home=tmp_path / "argument", as_frame=False)
    assert "argument" in explicit.filename[0]
    monkeypatch.delenv("SKUNLEARN_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / "skunlearn_data" / "adult" / "adult.data.gz"
    assert fetch_adult(as_frame=False).filename == [str(expected)]


def test_missing_and_not_allowed_to_download(origin, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_home.*SKUNLEARN_DATA.*download_if_missing"):
        fetch_adult(data_home=tmp_path, download_if_missing=False, as_frame=False)
    assert origin == []


def test_offline(origin, tmp_path, monkeypatch):
    def urlopen(url, timeout):
        raise URLError("no route")

    monkeypatch.setattr(_base, "urlopen", urlopen)
    with pytest.raises(OSError, match=r"Cannot download https.*adult\.data .*no route"):
        fetch_adult(data_home=tmp_path, as_frame=False)


def test_wrong_download_is_not_stored(origin, tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, "adult.data", TRAIN + b"x")
    wrong = hashlib.sha256(TRAIN + b"x").hexdigest()
    right = hashlib.sha256(TRAIN).hexdigest()
    with pytest.raises(OSError, match=rf"adult\.data with SHA-256 {wrong}, expected {right}"):
        fetch_adult(data_home=tmp_path, as_frame=False)
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_named(origin, tmp_path):
    fetch_adult(data_home=tmp_path, as_frame=False)
    path = tmp_path / "adult" / "adult.data.gz"
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(TRAIN.replace(b"39", b"40")))
    with pytest.raises(OSError, match=r"adult\.data\.gz with SHA-256 \w{64}, expected \w{64}"):
        fetch_adult(data_home=tmp_path, as_frame=False)
    for damaged in (whole[:-12], b"no gzip", b""):
        path.write_bytes(damaged)
        with pytest.raises(OSError, match=r"adult\.data\.gz"):
            fetch_adult(data_home=tmp_path, as_frame=False)


def test_failed_write_leaves_nothing(origin, tmp_path, monkeypatch):
    def replace(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(_base.os, "replace", replace)
    with pytest.raises(OSError, match="disk full"):
        fetch_adult(data_home=tmp_path, as_frame=False)
    assert list((tmp_path / "adult").iterdir()) == []


def test_needs_pandas_for_frames_only(origin, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="as_frame=False"):
        fetch_adult(data_home=tmp_path)
    assert origin == []
    assert fetch_adult(data_home=tmp_path, as_frame=False).data.shape == (2, 14)


def test_unknown_subset():
    with pytest.raises(ValueError, match="subset='valid', expected one of"):
        fetch_adult(subset="valid")


@pytest.mark.data
def test_the_real_files(data_home):
    pytest.importorskip("pandas")
    try:
        adult = fetch_adult(data_home=data_home, subset="all", download_if_missing=False)
    except FileNotFoundError:
        pytest.skip("Adult is not in data_home")
    assert adult.frame.shape == (48842, 15)
    assert adult.target.value_counts().to_dict() == {"<=50K": 37155, ">50K": 11687}
    missing = adult.data.isna().sum()
    assert missing[missing > 0].to_dict() == {
        "workclass": 2799,
        "occupation": 2809,
        "native-country": 857,
    }
    assert adult.data["sex"].value_counts().to_dict() == {"Male": 32650, "Female": 16192}
    for name in ("workclass", "education", "native-country", "race"):  # no declared level unused
        assert adult.data[name].value_counts().min() > 0
    train = fetch_adult(data_home=data_home, subset="train", download_if_missing=False)
    assert train.frame.equals(adult.frame[:32561])
