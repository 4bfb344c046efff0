"""COMPAS: defendants of Broward County and whether they were arrested again within two years."""

from functools import partial

from skunlearn.datasets._base import (
    Source,
    bunch_of,
    canonical_csv,
    check_option,
    csv_columns,
    folder_of,
    import_pandas,
    load,
)

_SEX = ("Female", "Male")
_RACE = ("African-American", "Asian", "Caucasian", "Hispanic", "Native American", "Other")
_SCORE = ("Low", "Medium", "High")
_KINDS = {  # what is kept: no names, birth dates, case numbers, dates
    "id": int,
    "sex": _SEX,
    "age": int,
    "age_cat": ("Less than 25", "25 - 45", "Greater than 45"),
    "race": _RACE,
    "juv_fel_count": int,
    "decile_score": int,
    "juv_misd_count": int,
    "juv_other_count": int,
    "priors_count": int,
    "days_b_screening_arrest": float,
    "c_days_from_compas": float,
    "c_charge_degree": ("F", "M"),
    "c_charge_desc": str,
    "is_recid": int,
    "r_charge_degree": str,
    "r_days_from_arrest": float,
    "r_charge_desc": str,
    "violent_recid": float,
    "is_violent_recid": int,
    "vr_charge_degree": str,
    "vr_charge_desc": str,
    "type_of_assessment": str,
    "decile_score.1": int,
    "score_text": _SCORE,
    "v_type_of_assessment": str,
    "v_decile_score": int,
    "v_score_text": _SCORE,
    "priors_count.1": int,
    "start": int,
    "end": int,
    "event": int,
    "two_year_recid": int,
}
_FEATURES = [
    "sex",
    "age",
    "race",
    "juv_fel_count",
    "juv_misd_count",
    "juv_other_count",
    "priors_count",
    "c_charge_degree",
]
_SOURCE = Source(
    "https://raw.githubusercontent.com/propublica/compas-analysis/master/"
    "compas-scores-two-years.csv",
    "9e280bb6f71611e4462a5875d3de6c4da81529358511c78f3325777eb1464a9f",
    partial(canonical_csv, kinds=_KINDS),
)
_SUBSETS = ("propublica", "all")
_DESCR = """COMPAS (ProPublica, two-year recidivism)

7214 defendants screened with the COMPAS score in Broward County, Florida, in 2013 and 2014 (6172
after ProPublica's filters): 8 features known at the screening, target whether the person was
charged with another crime within two years (45 %). Sensitive: sex and race. An arrest is not a
crime: the target carries the policing that produced it.

Angwin, J., Larson, J., Mattu, S. and Kirchner, L. (2016). Machine Bias. ProPublica.
https://github.com/propublica/compas-analysis. Public records; the repository states no licence.
Names, birth dates, case numbers and dates are removed when the file is read and never stored.
"""


def fetch_compas(
    *,
    data_home=None,
    subset="propublica",
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
):
    """Load ProPublica's COMPAS data (mixed table, binary target, sensitive sex and race).

    The file is looked for as ``compas/compas-scores-two-years.csv.gz`` under `data_home`, else
    downloaded from ProPublica's repository. Names, birth dates, case numbers and dates are removed
    before it is stored. What remains is checked against a stored SHA-256 digest at every reading,
    in one canonical form, so that the original file in that place is accepted too.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the data; by default the environment variable ``SKUNLEARN_DATA``, else
        ``~/skunlearn_data``.
    subset : {"propublica", "all"}, default="propublica"
        The 6172 rows of ProPublica's analysis, or all 7214. ProPublica keeps a row if the charge
        is within 30 days of the screening (``abs(days_b_screening_arrest) <= 30``, not missing),
        ``is_recid`` is known (not -1), the charge is no ordinary traffic offence
        (``c_charge_degree`` is not ``"O"``) and there is a ``score_text``.
    download_if_missing : bool, default=True
        Whether to download (2.5 MB) what is not there.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Give DataFrame and Series (needs pandas) rather than object arrays.

    Returns
    -------
    Bunch or tuple of (data, target)
        With the keys:

        data : DataFrame or object ndarray of shape (n_samples, 8)
            What is known at the screening: age and the counts of earlier offences as int64; sex,
            race and the degree of the charge as category with the same levels in every subset
            (str in the array). Nothing is missing.
        target : Series or ndarray of shape (n_samples,)
            ``two_year_recid``, 0 or 1.
        frame : DataFrame of shape (n_samples, 33) or None
            Every column that is kept, missing values NaN. It also has outcomes (``is_recid``,
            ``event``, all that starts with ``r_`` or ``vr_``) and the COMPAS scores: not features.
        feature_names, target_names, sensitive_columns : list of str
            ``sensitive_columns`` is ``["sex", "race"]``.
        DESCR : str
            Description, citation, licence.
        filename : list of str
            The file read.

    Raises
    ------
    FileNotFoundError
        If the file is missing and `download_if_missing` is False.
    OSError
        If the file or download is damaged, or the download fails.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    ``start``, ``end`` and ``event`` belong to a survival analysis and tell the outcome. Asian (31)
    and Native American (11) are too few in ProPublica's subset to audit.

    References
    ----------
    Angwin, J., Larson, J., Mattu, S. and Kirchner, L. Machine Bias. ProPublica, 23 May 2016.

    Examples
    --------
    >>> from skunlearn.datasets import fetch_compas
    >>> compas = fetch_compas()  # doctest: +SKIP
    >>> compas.data.shape, compas.sensitive_columns  # doctest: +SKIP
    ((6172, 8), ['sex', 'race'])
    """
    check_option("subset", subset, _SUBSETS)
    pd = import_pandas("fetch_compas") if as_frame else None
    path = folder_of(data_home, "compas") / "compas-scores-two-years.csv.gz"
    columns = csv_columns(load(path, _SOURCE, download_if_missing), _KINDS)
    if subset == "propublica":
        columns = _propublica(columns)
    bunch = bunch_of(
        columns,
        _KINDS,
        _FEATURES,
        "two_year_recid",
        pd,
        target_names=["no", "yes"],
        sensitive_columns=["sex", "race"],
        DESCR=_DESCR,
        filename=[str(path)],
    )
    return (bunch.data, bunch.target) if return_X_y else bunch


def _propublica(columns):
    rows = zip(
        columns["days_b_screening_arrest"],
        columns["is_recid"],
        columns["c_charge_degree"],
        columns["score_text"],
        strict=True,
    )
    keep = [
        abs(days) <= 30 and recid != -1 and degree != "O" and score == score  # NaN is not itself
        for days, recid, degree, score in rows
    ]
    return {
        name: [value for value, kept in zip(values, keep, strict=True) if kept]
        for name, values in columns.items()
    }
