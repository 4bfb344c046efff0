"""UCI Communities and Crime: towns of the United States and their violent crimes per person."""

import csv

from skunlearn.datasets._base import (
    Source,
    bunch_of,
    columns_of,
    folder_of,
    import_pandas,
    load,
)

_NAMES = """\
state county community communityname fold population householdsize racepctblack racePctWhite
racePctAsian racePctHisp agePct12t21 agePct12t29 agePct16t24 agePct65up numbUrban pctUrban
medIncome pctWWage pctWFarmSelf pctWInvInc pctWSocSec pctWPubAsst pctWRetire medFamInc perCapInc
whitePerCap blackPerCap indianPerCap AsianPerCap OtherPerCap HispPerCap NumUnderPov PctPopUnderPov
PctLess9thGrade PctNotHSGrad PctBSorMore PctUnemployed PctEmploy PctEmplManu PctEmplProfServ
PctOccupManu PctOccupMgmtProf MalePctDivorce MalePctNevMarr FemalePctDiv TotalPctDiv PersPerFam
PctFam2Par PctKids2Par PctYoungKids2Par PctTeen2Par PctWorkMomYoungKids PctWorkMom NumIlleg
PctIlleg NumImmig PctImmigRecent PctImmigRec5 PctImmigRec8 PctImmigRec10 PctRecentImmig
PctRecImmig5 PctRecImmig8 PctRecImmig10 PctSpeakEnglOnly PctNotSpeakEnglWell PctLargHouseFam
PctLargHouseOccup PersPerOccupHous PersPerOwnOccHous PersPerRentOccHous PctPersOwnOccup
PctPersDenseHous PctHousLess3BR MedNumBR HousVacant PctHousOccup PctHousOwnOcc PctVacantBoarded
PctVacMore6Mos MedYrHousBuilt PctHousNoPhone PctWOFullPlumb OwnOccLowQuart OwnOccMedVal
OwnOccHiQuart RentLowQ RentMedian RentHighQ MedRent MedRentPctHousInc MedOwnCostPctInc
MedOwnCostPctIncNoMtg NumInShelters NumStreet PctForeignBorn PctBornSameState PctSameHouse85
PctSameCity85 PctSameState85 LemasSwornFT LemasSwFTPerPop LemasSwFTFieldOps LemasSwFTFieldPerPop
LemasTotalReq LemasTotReqPerPop PolicReqPerOffic PolicPerPop RacialMatchCommPol PctPolicWhite
PctPolicBlack PctPolicHisp PctPolicAsian PctPolicMinor OfficAssgnDrugUnits NumKindsDrugsSeiz
PolicAveOTWorked LandArea PopDens PctUsePubTrans PolicCars PolicOperBudg LemasPctPolicOnPatr
LemasGangUnitDeploy LemasPctOfficDrugUn PolicBudgPerPop ViolentCrimesPerPop
"""
_NOT_FEATURES = ("state", "county", "community", "communityname", "fold")
_TARGET = "ViolentCrimesPerPop"
_KINDS = dict.fromkeys(_NAMES.split(), float)
_KINDS |= {"state": int, "communityname": str, "fold": int}
_SENSITIVE = ["racepctblack", "racePctWhite", "racePctAsian", "racePctHisp"]
_SOURCE = Source(
    "https://archive.ics.uci.edu/ml/machine-learning-databases/communities/communities.data",
    "09e0b5c07eae24c1efab19b2edee05e160e7f5743b6f31e31eec3d73624da2ea",
)
_DESCR = """UCI Communities and Crime

1994 communities of the United States: 122 socio-economic and law enforcement features (census of
1990, LEMAS survey of 1990), target the violent crimes per 100,000 persons (FBI, 1995). Every
column is scaled to [0, 1] (outliers cut at three standard deviations); 22 of the law enforcement
columns are missing for 1675 communities, OtherPerCap for one. Sensitive: the shares of race.

Redmond, M. (2002). Communities and Crime. UCI Machine Learning Repository.
https://doi.org/10.24432/C53W3X. Licence: CC BY 4.0.
"""


def fetch_communities_crime(
    *,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
):
    """Load the UCI Communities and Crime data (numeric table, real target, sensitive race shares).

    The file is looked for as ``communities_crime/communities.data.gz`` under `data_home`, else
    downloaded from the UCI repository and stored there. Its contents are checked against a stored
    SHA-256 digest at every reading.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the data; by default the environment variable ``SKUNLEARN_DATA``, else
        ``~/skunlearn_data``.
    download_if_missing : bool, default=True
        Whether to download (1.1 MB) what is not there.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Give DataFrame and Series (needs pandas) rather than arrays.

    Returns
    -------
    Bunch or tuple of (data, target)
        With the keys:

        data : DataFrame or ndarray of shape (1994, 122), dtype float64
            Features scaled to [0, 1], missing values NaN. ``data.dropna(axis=1)`` leaves the 99
            columns that are complete.
        target : Series or ndarray of shape (1994,), dtype float64
            ``ViolentCrimesPerPop``, scaled to [0, 1].
        frame : DataFrame of shape (1994, 128) or None
            Features, target, and what identifies a community (state, county, community,
            communityname) or a fold of cross-validation (fold).
        feature_names, target_names, sensitive_columns : list of str
            ``sensitive_columns`` is
            ``["racepctblack", "racePctWhite", "racePctAsian", "racePctHisp"]``.
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
    A row is a town, not a person: groups are made by cutting a share, such as
    ``data["racepctblack"] > data["racepctblack"].median()``, and the columns of the other races
    and the police's match with them tell the share again.

    References
    ----------
    Redmond, M. Communities and Crime. UCI Machine Learning Repository, 2002.
    doi:10.24432/C53W3X. CC BY 4.0.

    Examples
    --------
    >>> from skunlearn.datasets import fetch_communities_crime
    >>> crime = fetch_communities_crime()  # doctest: +SKIP
    >>> crime.data.shape, crime.target.shape  # doctest: +SKIP
    ((1994, 122), (1994,))
    """
    pd = import_pandas("fetch_communities_crime") if as_frame else None
    path = folder_of(data_home, "communities_crime") / "communities.data.gz"
    rows = csv.reader(load(path, _SOURCE, download_if_missing).decode("ascii").splitlines())
    bunch = bunch_of(
        columns_of(rows, _KINDS, missing="?"),
        _KINDS,
        [name for name in _KINDS if name not in (*_NOT_FEATURES, _TARGET)],
        _TARGET,
        pd,
        target_names=[_TARGET],
        sensitive_columns=list(_SENSITIVE),
        DESCR=_DESCR,
        filename=[str(path)],
    )
    return (bunch.data, bunch.target) if return_X_y else bunch
