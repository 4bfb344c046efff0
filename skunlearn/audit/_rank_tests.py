"""Distances between models, and tests by the rank of one model among refits."""

import numpy as np
from scipy.stats import rankdata

from skunlearn.metrics import marginal_information

BLOCKS = ("forget", "retain", "test")
# What is tested, and the side on which a model is suspicious. The forget rows are the question:
# the other tests weigh less, so that a refit that is odd elsewhere seldom hides a finding there.
TESTS = {
    "distance_forget": 1.0,
    "distance_retain": 0.75,
    "distance_test": 0.75,
    "forget_loss_low": -1.0,
    "forget_loss_high": 1.0,
    "test_score_low": -0.75,
}


def gap(one, other, classifies):
    """Distance of two models by their values on some rows."""
    difference = one - other
    if classifies:
        return float(np.mean(np.abs(difference).sum(axis=1)) / 2)
    return float(np.sqrt(np.mean(difference**2)))


def largest_gap(one, other):
    """Largest difference of outputs over all blocks; infinite where shapes differ."""
    if any(one[name].shape != other[name].shape for name in one):
        return np.inf
    return float(max(np.max(np.abs(one[name] - other[name]), initial=0.0) for name in one))


def distances_to(model, others, classifies):
    """Distances of one model to some others, an array by block."""
    return {
        name: np.array([gap(model.values[name], o.values[name], classifies) for o in others])
        for name in BLOCKS
    }


def distances_among(models, classifies):
    """Matrix of the distances of some models to each other, by block."""
    found = {name: np.zeros((len(models), len(models))) for name in BLOCKS}
    for i, model in enumerate(models):
        later = distances_to(model, models[i + 1 :], classifies)
        for name, row in later.items():
            found[name][i, i + 1 :] = found[name][i + 1 :, i] = row
    return found


def statistics(model, refits, to_refits, among, tolerance):
    """Statistics of a model and of each refit, each in relation to all the others.

    Parameters
    ----------
    model : Outputs
    refits : list of Outputs
    to_refits, among : dict
        Of `distances_to` and `distances_among`.
    tolerance : float
        Differences from the mean of the others that count as none.

    Returns
    -------
    ndarray of shape (1 + n_refits, len(TESTS))
        The model first; larger is more suspicious. The rows are exchangeable if the models are.
    """
    columns = []
    for name in BLOCKS:
        d = to_refits[name]
        columns.append(np.append(d.mean(), (among[name].sum(axis=1) + d) / len(d)))
    pool = [model, *refits]
    columns += [np.array([one.loss["forget"].mean() for one in pool])] * 2
    columns.append(np.array([one.score for one in pool]))
    return np.column_stack(
        [
            weight * _outlyingness(column, tolerance, skewed=test != "test_score_low")
            for (test, weight), column in zip(TESTS.items(), columns, strict=True)
        ]
    )


def _outlyingness(column, tolerance, skewed):
    """Difference of each value from the mean of the others, in their standard deviations.

    Distances and losses are skewed: of their logarithms, so that few bad refits do not hide a
    model that is far too good. (Any function that treats all models alike keeps the level.)
    """
    same = np.abs(column - _others(column).mean(axis=1)) <= tolerance
    if skewed:
        column = np.log(column + max(0.1 * np.median(column), tolerance, 1e-12))
    others = _others(column)
    score = (column - others.mean(axis=1)) / np.maximum(others.std(axis=1, ddof=1), 1e-12)
    return np.where(same, 0.0, score)


def _others(column):
    """All values but one, for each: an array of shape (n, n - 1)."""
    n = len(column)
    return np.broadcast_to(column, (n, n))[~np.eye(n, dtype=bool)].reshape(n, n - 1)


def adjusted_p_values(scores):
    """Rank tests of the first row among all rows, corrected over the columns.

    Step-down as Holm's procedure, with the rank of the largest score in place of the sum of the
    levels (Westfall and Young): with k refits the smallest p-value is 1 / (k + 1), however many
    columns there are, while Holm's own would be as many times larger.

    Parameters
    ----------
    scores : ndarray of shape (n_models, n_tests)
        Larger is more suspicious; on one scale for all tests.

    Returns
    -------
    ndarray of shape (n_tests,)
    """
    order = np.argsort(-scores[0], kind="stable")
    p_values, running = np.empty(len(order)), 0.0
    for step, test in enumerate(order):
        largest = scores[:, order[step:]].max(axis=1)
        running = max(running, float(np.mean(largest >= scores[0, test])))
        p_values[test] = running
    return p_values


def membership_auc(outputs):
    """Probability that a forget row is less surprising than a test row, ties counted half."""
    forget, test = outputs.loss["forget"], outputs.loss["test"]
    ranks = rankdata(-np.concatenate([forget, test]))[: len(forget)]
    return float((ranks.sum() / len(forget) - (len(forget) + 1) / 2) / len(test))


def marginal_of_loss(outputs):
    """Information between the loss and "a forget or a retained row?" at even odds, in nats."""
    found = marginal_information(
        None,
        outputs.loss["retain"],
        None,
        outputs.loss["forget"],
        None,
        share=1.0,
        n_permutations=0,
        n_bootstrap=100,
        random_state=0,
    )
    return found.corrected
