"""Targets of rows that were given without them: those they were learned with, by fingerprint."""

import numpy as np


def find_targets(net, X):
    """Find the classes of rows by trying each against the fingerprints of the learned rows.

    Parameters
    ----------
    net : NeuralNetClassifier or NeuralNetRegressor
    X : ndarray of shape (m, ...)
        Validated rows.

    Returns
    -------
    codes : ndarray of shape (m,), int64, or None
        None where they cannot be known: the net was adopted without the rows it was trained on.
    hashes : ndarray, uint64
        Fingerprints; of a row that was never learned one that is not among them.

    Raises
    ------
    ValueError
        If targets are numbers, fingerprints were not kept, or a row was learned with two labels.
    """
    calibration, prints = net._calibration_, net._prints_
    adopted = prints is None and calibration.counts is None
    if adopted and not len(calibration):
        return None, np.zeros(0, np.uint64)
    if net._kind != "classification":
        raise ValueError(
            "Got no targets, and the rows of a regression are known by X and y together: pass y."
        )
    if prints is None and not adopted:
        raise ValueError(
            "Got no targets, and with track_rows=False there are no fingerprints to find them by: "
            "pass y."
        )
    known = calibration.hashes if adopted else prints.alive()
    tried = np.array([net._hash(X, np.full(len(X), c), net._key_) for c in range(net._shape_[1])])
    found = np.isin(tried, known)
    if (several := np.count_nonzero(found.sum(axis=0) > 1)) and not adopted:
        raise ValueError(
            f"Got no targets, and {several} of the {len(X)} rows were learned with more than one "
            "label: pass y, to say which is meant."
        )
    codes, rows = found.argmax(axis=0), np.arange(len(X))
    if adopted:
        hashes = tried[found]
        return (codes if found.any(axis=0).all() else None), hashes
    return codes, tried[codes, rows]
