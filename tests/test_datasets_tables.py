"""COMPAS, law school, Communities and Crime: read, reduced, checked, refused, on small files."""

import gzip
import hashlib
import io
from functools import partial

import numpy as np
import pytest

from skunlearn.datasets import (
    _base,
    _communities_crime,
    _compas,
    _law_school,
    fetch_communities_crime,
    fetch_compas,
    fetch_law_school,
)

# The original has names, dates and twice the same column; it writes -1 where a table of numbers
# with missing values writes -1.0. Rows: kept, 40 days off, unknown, no score, other charge.
_HEADER = (
    "id,name,sex,dob,age,age_cat,race,juv_fel_count,decile_score,juv_misd_count,juv_other_count,"
    "priors_count,days_b_screening_arrest,c_jail_in,c_case_number,c_days_from_compas,"
    "c_charge_degree,c_charge_desc,is_recid,r_charge_degree,r_days_from_arrest,r_charge_desc,"
    "violent_recid,is_violent_recid,vr_charge_degree,vr_charge_desc,type_of_assessment,"
    "decile_score,score_text,v_type_of_assessment,v_decile_score,v_score_text,priors_count,"
    "start,end,event,two_year_recid"
)
_ROW = (
    '{id},"jane doe",Female,1990-01-01,24,Less than 25,Caucasian,0,1,0,0,2,{days},2013-01-01,'
    '13CF,1,{degree},"Theft, petit",{recid},,,,,0,,,Risk,{second},{score},Risk,1,Low,2,0,327,0,'
    "{two}"
)
_GIVEN = {"days": "-1", "degree": "F", "recid": "0", "score": "Low", "second": "3", "two": "0"}


def _compas_file(*changes):
    rows = [_ROW.format(id=i, **(_GIVEN | change)) for i, change in enumerate(changes)]
    return "\n".join([_HEADER, *rows, ""]).encode()


COMPAS = _compas_file(
    {"days": "30", "two": "1"},
    {"days": "-31"},
    {"days": ""},
    {"recid": "-1"},
    {"score": "N/A"},
)
LAW = b"""decile1b,decile3,lsat,ugpa,zfygpa,zgpa,fulltime,fam_inc,male,tier,race,pass_bar
10.0,10.0,44.0,3.5,1.33,1.88,1.0,5.0,0.0,4.0,White,1.0
5.0,4.0,29.5,3.5,-0.11,-0.57,2.0,4.0,1.0,2.0,Non-White,0.0
"""
CRIME = "\n".join(
    f"8,?,?,{name},1," + ",".join([first, *["0.5"] * 121, "0.25"])
    for name, first in (("Lakewoodcity", "0.19"), ("Tukwilacity", "?"))
).encode()
CASES = {
    "compas": (_compas, fetch_compas, COMPAS, "compas/compas-scores-two-years.csv.gz"),
    "law": (_law_school, fetch_law_school, LAW, "law_school/law_school_clean.csv.gz"),
    "crime": (
        _communities_crime,
        fetch_communities_crime,
        CRIME,
        "communities_crime/communities.data.gz",
    ),
}


@pytest.fixture
def origin(monkeypatch):
    """Serve the small files from memory, and list the addresses asked for."""
    asked, served = [], {}
    for module, _, raw, _ in CASES.values():
        source = module._SOURCE
        digest = hashlib.sha256(source.keep(raw)).hexdigest()
        monkeypatch.setattr(module, "_SOURCE", source._replace(sha256=digest))
        served[source.url] = raw

    def urlopen(url, timeout):
        asked.append(url)
        return io.BytesIO(served[url])

    monkeypatch.setattr(_base, "urlopen", urlopen)
    monkeypatch.delenv("SKUNLEARN_DATA", raising=False)
    return asked


@pytest.mark.parametrize("case", CASES)
def test_downloads_once_then_reads(origin, tmp_path, case):
    module, fetch, _, name = CASES[case]
    first = fetch(data_home=tmp_path, as_frame=False)
    again = fetch(data_home=tmp_path, as_frame=False, download_if_missing=False)
    assert origin == [module._SOURCE.url]
    assert first.filename == again.filename == [str(tmp_path / name)]
    assert str(first.data.tolist()) == str(again.data.tolist())
    assert set(first.sensitive_columns) <= set(first.feature_names)
    assert "icence" in first.DESCR
    data, target = fetch(data_home=tmp_path, as_frame=False, return_X_y=True)
    assert data.shape == (len(target), len(first.feature_names))


@pytest.mark.parametrize("case", CASES)
def test_missing_damaged_and_unreadable(origin, tmp_path, case):
    _, fetch, raw, name = CASES[case]
    room = name.partition("/")[0]
    with pytest.raises(FileNotFoundError, match=f"{room}/, or pass download_if_missing=True"):
        fetch(data_home=tmp_path, download_if_missing=False, as_frame=False)
    fetch(data_home=tmp_path, as_frame=False)
    path = tmp_path / name
    path.write_bytes(
        gzip.compress(
            raw.replace(b"ite", b"ide").replace(b"0.5,", b"0.6,").replace(b",24,", b",25,")
        )
    )
    with pytest.raises(OSError, match=r"with SHA-256 \w{64}, expected \w{64}"):
        fetch(data_home=tmp_path, as_frame=False)
    path.write_bytes(gzip.compress(raw[: len(raw) * 2 // 3]))
    with pytest.raises(OSError, match="damaged or another version"):
        fetch(data_home=tmp_path, as_frame=False)
    path.write_bytes(gzip.compress(raw)[:-12])
    with pytest.raises(OSError, match="delete it to download it again"):
        fetch(data_home=tmp_path, as_frame=False)


def test_names_and_dates_are_never_stored(origin, tmp_path):
    fetch_compas(data_home=tmp_path, as_frame=False)
    (path,) = (tmp_path / "compas").iterdir()
    stored = gzip.decompress(path.read_bytes())
    assert b"jane" in COMPAS and b"jane" not in stored
    for secret in (b"1990", b"2013", b"13CF", b"dob", b"name"):
        assert secret not in stored
    assert stored.splitlines()[0].decode() == ",".join(_compas._KINDS)
    path.write_bytes(gzip.compress(COMPAS))  # the original, put there by hand
    assert fetch_compas(data_home=tmp_path, as_frame=False).data.shape == (1, 8)


def test_propublica_keeps_what_it_says(origin, tmp_path):
    pd = pytest.importorskip("pandas")
    everyone = fetch_compas(data_home=tmp_path, subset="all")
    assert everyone.frame["id"].tolist() == [0, 1, 2, 3, 4]
    kept = fetch_compas(data_home=tmp_path)
    assert kept.frame["id"].tolist() == [0]
    assert kept.target.tolist() == [1]
    assert kept.frame["decile_score"].tolist() == [1]
    assert kept.frame["decile_score.1"].tolist() == [3]
    assert kept.frame["c_charge_desc"].tolist() == ["Theft, petit"]
    assert everyone.frame["days_b_screening_arrest"].isna().tolist() == [0, 0, 1, 0, 0]
    assert kept.data.dtypes.equals(everyone.data.dtypes)
    assert isinstance(kept.data["race"].dtype, pd.CategoricalDtype)
    outcomes = ("two_year_recid", "is_recid", "event", "end", "score_text", "decile_score")
    assert not set(outcomes) & set(kept.feature_names)


def test_traffic_offences_go_too():
    raw = _compas.canonical_csv(_compas_file({"degree": "O"}, {"degree": "M"}), _compas._KINDS)
    assert _compas._propublica(_base.csv_columns(raw, _compas._KINDS))["id"] == [1]


def test_law_school_targets(origin, tmp_path):
    bar = fetch_law_school(data_home=tmp_path, as_frame=False)
    assert bar.target.tolist() == [1, 0]
    assert len(bar.feature_names) == 11
    grade = fetch_law_school(data_home=tmp_path, as_frame=False, target="zfygpa")
    assert grade.target.tolist() == [1.33, -0.11]
    assert grade.feature_names == ["lsat", "ugpa", "fulltime", "fam_inc", "male", "tier", "race"]
    assert grade.data[1].tolist() == [29.5, 3.5, 2, 4, 1, 2, "Non-White"]


def test_crime_is_a_float_array_with_nan(origin, tmp_path):
    crime = fetch_communities_crime(data_home=tmp_path, as_frame=False)
    assert crime.data.dtype == np.float64
    assert crime.data.shape == (2, 122)
    assert np.argwhere(np.isnan(crime.data)).tolist() == [[1, 0]]
    assert crime.target.tolist() == [0.25, 0.25]
    assert crime.feature_names[:3] == ["population", "householdsize", "racepctblack"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(fetch_compas, subset="train"), r"subset='train', expected one of \['propublica'"),
        (partial(fetch_law_school, target="lsat"), r"target='lsat', expected one of \['pass_bar'"),
    ],
)
def test_unknown_option(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.data
@pytest.mark.parametrize(
    ("fetch", "shape", "mean", "missing"),
    [
        (partial(fetch_compas, subset="all"), (7214, 8), 0.45065, 0),
        (fetch_compas, (6172, 8), 0.45512, 0),
        (fetch_law_school, (20798, 11), 0.88975, 0),
        (partial(fetch_law_school, target="zfygpa"), (20798, 7), 0.09780, 0),
        (fetch_communities_crime, (1994, 122), 0.23798, 22 * 1675 + 1),
    ],
)
def test_the_real_files(data_home, fetch, shape, mean, missing):
    pytest.importorskip("pandas")
    try:
        found = fetch(data_home=data_home, download_if_missing=False)
    except FileNotFoundError:
        pytest.skip(f"{fetch} is not in data_home")
    assert found.data.shape == shape
    assert found.target.mean() == pytest.approx(mean, abs=1e-5)
    assert found.data.isna().sum().sum() == missing
    for name in found.data.select_dtypes("category"):  # no level declared that is not there
        assert found.data[name].value_counts().min() > 0
    assert set(found.sensitive_columns) <= set(found.data)
