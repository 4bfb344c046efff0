"""Levels of forget rows that are no random sample of their classes, such as poisoned ones.

Unseen rows tell how well a row *like them* is fitted. Whether the forget rows are like them can be
seen through the side model, which has learned from neither: its margin of the target of a row.
Where the margins differ in law, so will the fit of a net that never saw the rows.
"""

import numpy as np
from scipy.stats import ks_2samp, rankdata, theilslopes

from skunlearn.neural_network._calibration import SMALL
from skunlearn.neural_network._levels import FOLLOW_PART, PART, lost_margin
from skunlearn.neural_network._reference import margins

_LEVEL = 0.01  # of the test; below it a difference of the margins is taken for one
_MOST = 500  # rows for a slope: it is a median over all pairs


def task_shift(task):
    """Return `selection_shift` for the forget rows of a task; zeros where nothing was kept for it.

    Parameters
    ----------
    task : UnlearningTask

    Returns
    -------
    ndarray of shape (m,)
    """
    calibration, shift = task.calibration, np.zeros(len(task.forget))
    if "side_model" not in task.kept or calibration.margins is None:
        return shift
    y = task.forget.y.cpu().numpy()
    some = np.ones(len(y), dtype=bool)
    found = side_margins(task.kept["side_model"], task.forget.X, y, task.is_classifier)
    if task.is_classifier:
        some = np.asarray(task.retained)[y] >= PART
        for code in np.unique(y[~some]):
            gone = y == code
            shift[gone] = part_shift(found[gone], calibration, code)
    shift[some] = selection_shift(found[some], calibration.margins, calibration.phi)
    return shift


def part_shift(forget_margins, calibration, code):
    """Return what to add to the level of rows of a class of which a large part goes.

    Without them there are fewer examples of the class: their margins fall below those of its
    unseen rows, and the net loses a part of that, in its own units.

    Parameters
    ----------
    forget_margins : ndarray of shape (m,)
    calibration : Calibration
    code : int

    Returns
    -------
    float
        At most 0.
    """
    own = calibration.y == code
    if np.count_nonzero(own) < SMALL:
        return 0.0
    margins, fit = calibration.margins[own], calibration.phi[own]
    spread, side_spread = (np.subtract(*np.quantile(x, [0.75, 0.25])) for x in (fit, margins))
    lost = lost_margin(margins, forget_margins)
    return float(min(FOLLOW_PART * lost * spread / side_spread, 0.0)) if side_spread > 0 else 0.0


def side_margins(side, X, y, is_classifier):
    """How well the side model fits rows: score of the own class less the best other; or -|error|.

    Parameters
    ----------
    side : SideModel
    X : Tensor of shape (n, ...)
    y : ndarray of shape (n,) or (n, n_outputs)
    is_classifier : bool

    Returns
    -------
    ndarray of shape (n,)
    """
    return margins(side.predict(X), y, is_classifier)


def selection_shift(forget_margins, unseen_margins, unseen_phi):
    """Return what to add to the level of each forget row, in units of phi; 0 for a random sample.

    Parameters
    ----------
    forget_margins : ndarray of shape (m,)
        Of the forget rows.
    unseen_margins, unseen_phi : ndarray of shape (n,)
        Margins of the side model on unseen rows, and how well the net fits these.

    Returns
    -------
    ndarray of shape (m,)
        How far the margin of a row is below that of the unseen row of the same rank, times the
        slope of phi on the margin.
    """
    if min(len(forget_margins), len(unseen_margins)) < 2:
        return np.zeros(len(forget_margins))
    if ks_2samp(forget_margins, unseen_margins).pvalue > _LEVEL:
        return np.zeros(len(forget_margins))
    ranks = (rankdata(forget_margins) - 0.5) / len(forget_margins)
    alike = np.quantile(unseen_margins, ranks)
    some = np.linspace(0, len(unseen_phi) - 1, min(len(unseen_phi), _MOST)).astype(int)
    slope = theilslopes(unseen_phi[some], unseen_margins[some]).slope
    return max(slope, 0.0) * (forget_margins - alike)
