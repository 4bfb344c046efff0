"""How hard a row is to forget: wrong labels stand out, the row does not vote for itself."""

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.preprocessing import scale

from skunlearn.metrics import membership_inference, sample_information


def wrong_labels(y, n, seed=0):
    rows = np.random.default_rng(seed).choice(len(y), n, replace=False)
    wrong = y.copy()
    levels = np.unique(y)
    wrong[rows] = levels[(np.searchsorted(levels, y[rows]) + 1) % len(levels)]
    return wrong, rows


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer])
def test_wrong_labels_stand_out(load):
    X, y = load(return_X_y=True)
    X = X if load is load_digits else scale(X)
    wrong, rows = wrong_labels(y, len(y) // 20)
    alpha = sample_information(X, wrong)
    others = np.delete(alpha, rows)
    assert np.mean(alpha[rows] < 0.5) > 0.9
    assert np.mean(others > 0.5) > 0.9


def test_against_counting_by_hand():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.integers(0, 3, 80)
    distance = np.linalg.norm(X[:, None] - X, axis=2)
    np.fill_diagonal(distance, np.inf)  # the row itself does not vote
    nearest = distance.argsort(axis=1)[:, :7]
    expected = (y[nearest] == y[:, None]).mean(axis=1)
    np.testing.assert_allclose(sample_information(X, y, n_neighbors=7), expected)
    np.testing.assert_allclose(sample_information(sparse.csr_array(X), y, n_neighbors=7), expected)
    rows = [3, 70, 4]
    np.testing.assert_allclose(sample_information(X, y, rows=rows, n_neighbors=7), expected[rows])
    mask = np.arange(80) < 9
    np.testing.assert_allclose(sample_information(X, y, rows=mask, n_neighbors=7), expected[:9])
    near = distance <= 1.2
    same = near & (y == y[:, None])
    with np.errstate(invalid="ignore"):
        by_radius = same.sum(axis=1) / near.sum(axis=1)
    found = sample_information(X, y, radius=1.2)
    np.testing.assert_allclose(found, by_radius)
    assert np.isnan(sample_information(X, y, radius=1e-9)).all()


def test_copies_are_neighbours_and_the_row_itself_is_not():
    X = np.zeros((30, 2))  # all rows are copies of each other
    y = np.repeat([0, 1], [10, 20])
    found = sample_information(X, y, n_neighbors=29)
    np.testing.assert_allclose(found, np.where(y == 0, 9 / 29, 19 / 29))


def test_quantities_need_a_tolerance():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="pass tolerance"):
        sample_information(X, y + 0.5 * np.arange(len(y)) / len(y))
    found = sample_information(X, y + 0.5, tolerance=1e9)
    np.testing.assert_array_equal(found, 1.0)
    assert 0 < sample_information(X, y, tolerance=20).mean() < 0.5


def test_it_foretells_what_an_attack_finds():
    X, y = load_digits(return_X_y=True)
    y, _ = wrong_labels(y, 360)
    X, y = X[:700], y[:700]
    model = ExtraTreesClassifier(10, random_state=0).fit(X[:500], y[:500])
    found = membership_inference(
        model,
        X[:200],
        y[:200],
        X[200:500],
        y[200:500],
        X[500:],
        y[500:],
        n_shadows=32,
        random_state=0,
    )
    moved = found.rows["learned_mean"] - found.rows["unseen_mean"]  # what learning a row changes
    alpha = sample_information(X[:500], y[:500], rows=np.arange(200))
    assert stats.spearmanr(alpha, moved[:200]).statistic < -0.6


def test_bad_input_is_refused():
    X, y = load_digits(return_X_y=True)
    for options, words in [
        ({"n_neighbors": 0}, "Got n_neighbors=0"),
        ({"n_neighbors": 1797}, "less than the 1797 rows"),
        ({"radius": 0.0}, "Got radius=0.0"),
        ({"tolerance": -1}, "Got tolerance=-1"),
    ]:
        with pytest.raises(ValueError, match=words):
            sample_information(X, y, **options)
    with pytest.raises(ValueError, match="Got X with 1797 rows and y with 9"):
        sample_information(X, y[:9])
    with pytest.raises(ValueError, match="one target a row"):
        sample_information(X, np.column_stack([y, y]))
