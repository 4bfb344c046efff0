"""Discrete naive Bayes: fit and forget against scikit-learn's fit and refit, in one run.

100 rows of 100,000 x 50, for each class, as whole numbers and as floats (scikit-learn multiplies
those by BLAS, and whole numbers not); the digits as counts; texts as sparse counts of
50,000 words; Adult's categorical columns where the data are there (environment variable
SKUNLEARN_DATA). In the rows "unlearn" the ratio says how many times faster than scikit-learn's
refit on the retained rows a request is; in the rows "fit" how many times scikit-learn's time ours
takes. Every unlearned model is compared with the refit. ``--quick`` uses a tenth of the rows.
"""

import argparse
import functools
import os
import statistics
import time

import numpy as np
from _report import best_of, report, versions
from scipy import sparse
from sklearn import naive_bayes as plain
from sklearn.datasets import load_digits
from sklearn.preprocessing import OrdinalEncoder

from skunlearn import naive_bayes
from skunlearn.datasets import fetch_adult

FORGET, REQUESTS, REPEATS = 100, 10, 3
TEXT = ("MultinomialNB", "ComplementNB", "BernoulliNB")


def counts(n, d=50, n_classes=5):
    """Rows of counts whose means depend on the class, as float64."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n)
    return rng.poisson(rng.gamma(1.0, 2.0, size=(n_classes, d))[y]).astype(np.float64), y


def texts(n, n_words=50_000, length=100, n_classes=20):
    """Sparse counts of words with Zipf's frequencies, their ranks shifted by class."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n)
    rank = (n_words ** rng.random((n, length))).astype(np.int64) - 1
    words = (rank + 37 * y[:, None] * (rank > 50)) % n_words
    rows = np.repeat(np.arange(n), length)
    shape = (n, n_words)
    return sparse.csr_array((np.ones(n * length), (rows, words.ravel())), shape=shape), y


def request_seconds(model, X, y, n_requests):
    """Median seconds of requests of 100 rows each."""
    seconds = []
    for i in range(n_requests):
        part = slice(FORGET * i, FORGET * (i + 1))
        start = time.perf_counter()
        model.unlearn(X[part], y[part])
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure(name, data, X, y, add, **params):
    """Fit, then requests, of one class on one data set."""
    ours, peer = getattr(naive_bayes, name)(**params), getattr(plain, name)(**params)
    fits = [best_of(functools.partial(m.fit, X, y), REPEATS) for m in (ours, peer)]
    add(name, data, "fit", X, *fits, faster=False)
    n_requests = min(REQUESTS, X.shape[0] // (4 * FORGET))
    gone = FORGET * n_requests
    refit = best_of(functools.partial(peer.fit, X[FORGET:], y[FORGET:]), REPEATS)
    add(name, data, f"unlearn {FORGET} rows", X, request_seconds(ours, X, y, n_requests), refit)
    peer.fit(X[gone:], y[gone:])
    for one, other in zip(ours.feature_log_prob_, peer.feature_log_prob_, strict=True):
        assert np.array_equal(one, other), f"{name} on {data} is not the refit"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    share = 10 if parser.parse_args().quick else 1
    rows = []

    def add(name, data, what, X, ours, theirs, faster=True):
        row = {"class": name, "data": data, "what": what, "n": X.shape[0], "d": X.shape[1]}
        ratio = round(theirs / ours if faster else ours / theirs, 2)
        rows.append({**row, "ours_s": ours, "sklearn_s": theirs, "ratio": ratio})

    X, y = counts(100_000 // share)
    for name in (*TEXT, "CategoricalNB"):
        measure(name, "counts, int64", X.astype(np.int64), y, add)
    for name in TEXT:
        measure(name, "counts, float64", X, y, add)
    X, y = load_digits(return_X_y=True)
    for name in (*TEXT, "CategoricalNB"):
        measure(name, "digits", X, y, add)
    X, y = texts(20_000 // share)
    for name in TEXT:
        measure(name, "texts", X, y, add)
    home = os.environ.get("SKUNLEARN_DATA")
    if home:
        X, y = fetch_adult(data_home=home, return_X_y=True)
        levels = X.select_dtypes("category").astype(object).fillna("?")
        codes = OrdinalEncoder().fit_transform(levels)
        measure("CategoricalNB", "adult", codes.astype(np.int64), np.asarray(y), add)
    report("naive_bayes", rows, **versions("skunlearn", "numpy", "scipy", "scikit-learn"))


if __name__ == "__main__":
    main()
