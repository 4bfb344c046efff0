"""Law school: students of 1991, whether they passed the bar examination."""

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

_KINDS = {
    "decile1b": float,
    "decile3": float,
    "lsat": float,
    "ugpa": float,
    "zfygpa": float,
    "zgpa": float,
    "fulltime": int,
    "fam_inc": int,
    "male": int,
    "tier": int,
    "race": ("Non-White", "White"),
    "pass_bar": int,
}
_LATER = {  # what is not known yet when the target is to be predicted
    "pass_bar": {"pass_bar"},
    "zfygpa": {"zfygpa", "decile1b", "decile3", "zgpa", "pass_bar"},
}
_SOURCE = Source(
    "https://raw.githubusercontent.com/tailequy/fairness_dataset/main/experiments/data/"
    "law_school_clean.csv",
    "e378c7f5caffc2af00462e78fe1c525eb43219b28c64580de08bb7cc60f3d319",
    partial(canonical_csv, kinds=_KINDS),
)
_DESCR = """Law school (LSAC National Longitudinal Bar Passage Study)

20798 students who entered law school in 1991: admission test, grades, family income, tier of the
school. Target whether the bar examination was passed (89 %) or the standardised grade of the first
year. Sensitive: race (White or not, 84 % White) and male. The version cleaned by Le Quy et al.:
rows with missing values are gone, races other than White are one level.

Wightman, L. F. (1998). LSAC National Longitudinal Bar Passage Study. LSAC Research Report Series.
Le Quy, T., Roy, A., Iosifidis, V., Zhang, W. and Ntoutsi, E. (2022). A survey on datasets for
fairness-aware machine learning. WIREs Data Mining and Knowledge Discovery 12(3). Licence: none
stated.
"""


def fetch_law_school(
    *,
    data_home=None,
    target="pass_bar",
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
):
    """Load the law school data (mixed table, binary or real target, sensitive race and male).

    The file is looked for as ``law_school/law_school_clean.csv.gz`` under `data_home`, else
    downloaded from the repository of the survey that cleaned it. Its contents are checked against
    a stored SHA-256 digest at every reading, in one canonical form.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the data; by default the environment variable ``SKUNLEARN_DATA``, else
        ``~/skunlearn_data``.
    target : {"pass_bar", "zfygpa"}, default="pass_bar"
        Whether the bar examination was passed, from all 11 other columns; or the standardised
        grade point average of the first year, from the 7 columns known at admission.
    download_if_missing : bool, default=True
        Whether to download (1.1 MB) what is not there.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Give DataFrame and Series (needs pandas) rather than object arrays.

    Returns
    -------
    Bunch or tuple of (data, target)
        With the keys:

        data : DataFrame or object ndarray of shape (20798, 11) or (20798, 7)
            float64 and int64 columns, race as category (str in the array). Nothing is missing.
        target : Series or ndarray of shape (20798,)
            0 or 1 (passed), or standard deviations.
        frame : DataFrame of shape (20798, 12) or None
            Every column.
        feature_names, target_names, sensitive_columns : list of str
            ``sensitive_columns`` is ``["race", "male"]``.
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
    ``zgpa`` and ``decile3`` are grades of the later years: they know the target "pass_bar" well.

    References
    ----------
    Wightman, L. F. LSAC National Longitudinal Bar Passage Study. LSAC Research Report, 1998.

    Le Quy, T. et al. A survey on datasets for fairness-aware machine learning. WIREs Data Mining
    and Knowledge Discovery 12(3), 2022.

    Examples
    --------
    >>> from skunlearn.datasets import fetch_law_school
    >>> law = fetch_law_school(target="zfygpa")  # doctest: +SKIP
    >>> law.data.shape, law.sensitive_columns  # doctest: +SKIP
    ((20798, 7), ['race', 'male'])
    """
    check_option("target", target, _LATER)
    pd = import_pandas("fetch_law_school") if as_frame else None
    path = folder_of(data_home, "law_school") / "law_school_clean.csv.gz"
    columns = csv_columns(load(path, _SOURCE, download_if_missing), _KINDS)
    bunch = bunch_of(
        columns,
        _KINDS,
        [name for name in _KINDS if name not in _LATER[target]],
        target,
        pd,
        target_names=[target],
        sensitive_columns=["race", "male"],
        DESCR=_DESCR,
        filename=[str(path)],
    )
    return (bunch.data, bunch.target) if return_X_y else bunch
