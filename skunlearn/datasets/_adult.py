"""The UCI Adult data: census records of 1994, whether a person earns over 50,000 dollars a year."""

import csv

from skunlearn.datasets._base import (
    Source,
    bunch_of,
    check_option,
    columns_of,
    folder_of,
    import_pandas,
    load,
)

_ORIGIN = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"
_SHA256 = {
    "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
}
_SUBSETS = {
    "train": ("adult.data",),
    "test": ("adult.test",),
    "all": ("adult.data", "adult.test"),
}
_TARGETS = ("<=50K", ">50K")
_LEVELS = {  # None: an integer; declared, so that train and test have the same categories
    "age": None,
    "workclass": "Federal-gov Local-gov Never-worked Private Self-emp-inc Self-emp-not-inc "
    "State-gov Without-pay",
    "fnlwgt": None,
    "education": "Preschool 1st-4th 5th-6th 7th-8th 9th 10th 11th 12th HS-grad Some-college "
    "Assoc-voc Assoc-acdm Bachelors Masters Prof-school Doctorate",
    "education-num": None,
    "marital-status": "Divorced Married-AF-spouse Married-civ-spouse Married-spouse-absent "
    "Never-married Separated Widowed",
    "occupation": "Adm-clerical Armed-Forces Craft-repair Exec-managerial Farming-fishing "
    "Handlers-cleaners Machine-op-inspct Other-service Priv-house-serv Prof-specialty "
    "Protective-serv Sales Tech-support Transport-moving",
    "relationship": "Husband Not-in-family Other-relative Own-child Unmarried Wife",
    "race": "Amer-Indian-Eskimo Asian-Pac-Islander Black Other White",
    "sex": "Female Male",
    "capital-gain": None,
    "capital-loss": None,
    "hours-per-week": None,
    "native-country": "Cambodia Canada China Columbia Cuba Dominican-Republic Ecuador "
    "El-Salvador England France Germany Greece Guatemala Haiti Holand-Netherlands Honduras Hong "
    "Hungary India Iran Ireland Italy Jamaica Japan Laos Mexico Nicaragua "
    "Outlying-US(Guam-USVI-etc) Peru Philippines Poland Portugal Puerto-Rico Scotland South "
    "Taiwan Thailand Trinadad&Tobago United-States Vietnam Yugoslavia",
}
_KINDS = {
    **{name: int if levels is None else tuple(levels.split()) for name, levels in _LEVELS.items()},
    "income": _TARGETS,
}
_DESCR = """UCI Adult ("Census Income")

48842 records (32561 train, 16281 test) of the 1994 census of the United States: 14 features
(6 numeric, 8 categorical, missing values in workclass, occupation and native-country), target
whether the yearly income exceeds 50,000 dollars (24 %). Sensitive: sex and race; relationship
(Husband, Wife) and marital status give sex away.

Becker, B. and Kohavi, R. (1996). Adult. UCI Machine Learning Repository.
https://doi.org/10.24432/C5XW20. Licence: CC BY 4.0.
"""


def fetch_adult(
    *,
    data_home=None,
    subset="train",
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
):
    """Load the UCI Adult data (mixed table, binary target, sensitive sex and race).

    The files are looked for as ``adult/adult.data.gz`` and ``adult/adult.test.gz`` under
    `data_home`, else downloaded from the UCI repository and stored there. Their contents are
    checked against stored SHA-256 digests whenever they are read.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the data; by default the environment variable ``SKUNLEARN_DATA``, else
        ``~/skunlearn_data``.
    subset : {"train", "test", "all"}, default="train"
        The 32561 training rows, the 16281 test rows, or both in this order.
    download_if_missing : bool, default=True
        Whether to download (4 MB for train, 2 MB for test) what is not there.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Give DataFrame and Series (needs pandas) rather than object arrays.

    Returns
    -------
    Bunch or tuple of (data, target)
        With the keys:

        data : DataFrame or object ndarray of shape (n_samples, 14)
            Numeric columns as int64, others as category with the same levels in every subset
            (str in the array), missing values NaN.
        target : Series or ndarray of shape (n_samples,)
            ``"<=50K"`` or ``">50K"``, in every subset without the test file's trailing dot.
        frame : DataFrame of shape (n_samples, 15) or None
            Data and target (column ``"income"``).
        feature_names, target_names, sensitive_columns : list of str
            ``sensitive_columns`` is ``["sex", "race"]``.
        DESCR : str
            Description, citation, licence.
        filename : list of str
            The files read.

    Raises
    ------
    FileNotFoundError
        If a file is missing and `download_if_missing` is False.
    OSError
        If a file or download is damaged, or the download fails.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    ``fnlwgt`` is a sampling weight of the census, hardly a feature. ``education`` and
    ``education-num`` are one variable twice.

    References
    ----------
    Becker, B. and Kohavi, R. Adult. UCI Machine Learning Repository, 1996.
    doi:10.24432/C5XW20. CC BY 4.0.

    Examples
    --------
    >>> from skunlearn.datasets import fetch_adult
    >>> adult = fetch_adult(subset="test")  # doctest: +SKIP
    >>> adult.data.shape, adult.sensitive_columns  # doctest: +SKIP
    ((16281, 14), ['sex', 'race'])
    """
    check_option("subset", subset, _SUBSETS)
    pd = import_pandas("fetch_adult") if as_frame else None
    folder = folder_of(data_home, "adult")
    files = {folder / f"{name}.gz": name for name in _SUBSETS[subset]}
    rows = []
    for path, name in files.items():
        rows += _rows(load(path, Source(_ORIGIN + name, _SHA256[name]), download_if_missing))
    columns = columns_of(rows, _KINDS, missing="?")
    bunch = bunch_of(
        columns,
        _KINDS,
        list(_LEVELS),
        "income",
        pd,
        target_names=list(_TARGETS),
        sensitive_columns=["sex", "race"],
        DESCR=_DESCR,
        filename=[str(path) for path in files],
    )
    return (bunch.data, bunch.target) if return_X_y else bunch


def _rows(raw):
    """Return rows of 15 texts, the label without its dot."""
    lines = raw.decode("ascii").splitlines()
    records = csv.reader(
        (line for line in lines if line and not line.startswith("|")), skipinitialspace=True
    )
    return [[*record[:-1], record[-1].removesuffix(".")] for record in records]
