"""What the fetchers share: where a file is, its download and check, the table made of it."""

import csv
import gzip
import hashlib
import io
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import numpy as np
from sklearn.utils import Bunch

_MISSING = frozenset(("", "NA", "N/A", "NULL", "NaN", "None", "nan", "null", "n/a"))


class Source(NamedTuple):
    """One file: its origin, what is kept of it, and the digest of what is kept."""

    url: str
    sha256: str
    keep: Callable[[bytes], bytes] = bytes  # all of it


def load(path, source, download_if_missing):
    """Return the checked bytes of one file, after its download where it is missing."""
    if not path.exists():
        if not download_if_missing:
            raise FileNotFoundError(
                f"Found no {path}: pass data_home, set SKUNLEARN_DATA to the folder that holds "
                f"{path.parent.name}/, or pass download_if_missing=True."
            )
        kept = _checked(_download(source.url, path.parent.name), source, source.url)
        _store(kept, path)
        return kept
    try:
        raw = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise OSError(
            f"Cannot decompress {path} ({error}): delete it to download it again."
        ) from error
    return _checked(raw, source, path)


def folder_of(data_home, name):
    """Return the folder of one data set, a Path."""
    if data_home is None:
        data_home = os.environ.get("SKUNLEARN_DATA") or "~/skunlearn_data"
    return Path(data_home).expanduser() / name


def check_option(name, value, options):
    """Refuse a value that is not one of the options."""
    if value not in options:
        raise ValueError(f"Got {name}={value!r}, expected one of {list(options)}.")


def import_pandas(function):
    """Return pandas, or raise an ImportError that says what to do without it."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"{function}(as_frame=True) needs pandas: install it (pip install pandas), or pass "
            "as_frame=False."
        ) from error
    return pd


def canonical_csv(raw, kinds):
    """Keep the named columns of a CSV file in one form, however its numbers were written.

    A second column of the same name is called "name.1". The result is its own canonical form, so
    that the original and a stored reduction of it have one digest.
    """
    header, *rows = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))
    names = [
        f"{name}.{header[:j].count(name)}" if name in header[:j] else name
        for j, name in enumerate(header)
    ]
    where = [names.index(name) for name in kinds]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(kinds)
    for row in rows:
        writer.writerow(
            _canonical(row[j], kind) for j, kind in zip(where, kinds.values(), strict=True)
        )
    return out.getvalue().encode()


def columns_of(rows, kinds, missing=_MISSING):
    """Return a dict of lists, one a column, from rows of text.

    `kinds` names the columns in their order: int, float, str, or the levels of a category.
    """
    lists = {name: [] for name in kinds}
    for row in rows:
        for value, (name, kind) in zip(row, kinds.items(), strict=True):
            lists[name].append(np.nan if value in missing else _typed(value, kind))
    return lists


def csv_columns(raw, kinds):
    """Return the columns of a canonical CSV file, see `columns_of`."""
    _, *rows = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))
    return columns_of(rows, kinds)


def bunch_of(columns, kinds, features, target, pd, **more):
    """Return the Bunch of a table: frames where pandas is given, else arrays."""
    if pd is None:
        frame, y = None, np.array(columns[target])
        numeric = all(kinds[name] in (int, float) for name in features)
        X = np.empty((len(y), len(features)), dtype=float if numeric else object)
        for j, name in enumerate(features):
            X[:, j] = columns[name]
    else:
        frame = pd.DataFrame(
            {name: _series(columns[name], kind, pd) for name, kind in kinds.items()}
        )
        X, y = frame[list(features)], frame[target]
    return Bunch(data=X, target=y, frame=frame, feature_names=list(features), **more)


def _series(values, kind, pd):
    if kind in (int, float):
        return np.array(values)
    return values if kind is str else pd.Categorical(values, categories=kind)


def _typed(value, kind):
    if kind is int:
        return int(float(value))
    return float(value) if kind is float else value


def _canonical(value, kind):
    if value in _MISSING:
        return ""
    if kind not in (int, float):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _download(url, folder):
    try:
        with urlopen(url, timeout=60) as response:
            return response.read()
    except OSError as error:
        raise OSError(
            f"Cannot download {url} ({error}): put the file, compressed with gzip, into {folder}/ "
            "under data_home or SKUNLEARN_DATA."
        ) from error


def _checked(raw, source, where):
    try:
        kept = source.keep(raw)
    except (ValueError, IndexError, csv.Error) as error:
        raise OSError(
            f"Cannot read {where} ({error}): the file is damaged or another version; if it is a "
            "stored copy, delete it to download it again."
        ) from error
    digest = hashlib.sha256(kept).hexdigest()
    if digest != source.sha256:
        raise OSError(
            f"Got {where} with SHA-256 {digest}, expected {source.sha256}: the file is damaged "
            "or another version; if it is a stored copy, delete it to download it again."
        )
    return kept


def _store(raw, path):
    """Write beside the target, then rename: no reader ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            file.write(gzip.compress(raw, mtime=0))
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
