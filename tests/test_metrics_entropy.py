"""Entropies of forget rows: what was not forgotten is found, a refit is not, nulls are shown."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier

from skunlearn.metrics import entropy_comparison


def forest(X, y, seed):
    return RandomForestClassifier(15, random_state=seed).fit(X, y)


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_a_no_op_is_found_and_a_refit_is_not(load):
    X, y = load(return_X_y=True)
    X, y = X[:500], y[:500]
    refits = [forest(X[100:], y[100:], seed) for seed in range(19)]
    nothing = entropy_comparison(forest(X, y, 20), refits, X[:100])
    assert nothing.p_value == 0.05
    assert nothing.ks.mean() > 2 * nothing.null_ks.mean()
    assert nothing.entropy.mean() < nothing.refit_entropy.mean(axis=1).min()
    refit = entropy_comparison(forest(X[100:], y[100:], 20), refits, X[:100])
    assert refit.p_value > 0.05
    assert refit.null_ks.shape == (19 * 18 / 2,)


def test_numbers_against_scipy():
    rng = np.random.default_rng(0)
    tables = rng.dirichlet(np.ones(4), size=(3, 50))
    found = entropy_comparison(tables[0], list(tables[1:]))
    entropies = stats.entropy(tables, axis=2)
    np.testing.assert_allclose(found.entropy, entropies[0])
    np.testing.assert_allclose(found.refit_entropy, entropies[1:])
    for i in (1, 2):
        expected = stats.ks_2samp(entropies[0], entropies[i]).statistic
        np.testing.assert_allclose(found.ks[i - 1], expected)
        expected = stats.wilcoxon(entropies[0], entropies[i], method="asymptotic").pvalue
        np.testing.assert_allclose(found.wilcoxon_p[i - 1], expected)
    assert found.null_ks.shape == (1,) and found.to_frame().shape == (3, 3)


def test_level_of_the_rank_and_of_the_test_of_the_paper():
    # all models are of one law, with a common shift a model: Wilcoxon's test is fooled by it
    rng = np.random.default_rng(0)
    ranks, wilcoxon = [], []
    for _ in range(100):
        share = 0.5 + 0.4 * rng.random((1, 30)) + 0.02 * rng.normal(size=(20, 1))
        table = np.stack([share, 1 - share], axis=2)
        found = entropy_comparison(table[0], list(table[1:]))
        ranks.append(found.p_value <= 0.05)
        wilcoxon.append(np.median(found.wilcoxon_p) <= 0.05)
    assert np.mean(ranks) <= 0.11
    assert np.mean(wilcoxon) > 0.5


def test_one_refit_gives_no_verdict():
    table = np.full((9, 2), 0.5)
    found = entropy_comparison(table, table)
    assert found.p_value is None and "no verdict" in str(found)
    assert found.wilcoxon_p.tolist() == [1.0]
    assert "by rank among the refits" in str(entropy_comparison(table, [table] * 3))


def test_bad_input_is_refused():
    X, y = load_breast_cancer(return_X_y=True)
    model = forest(X, y, 0)
    with pytest.raises(ValueError, match="without X_forget"):
        entropy_comparison(model, model)
    with pytest.raises(ValueError, match="RidgeClassifier has no predict_proba"):
        entropy_comparison(RidgeClassifier().fit(X, y), model, X)
    with pytest.raises(ValueError, match="no probabilities"):
        entropy_comparison(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="Got no refits"):
        entropy_comparison(model, [], X)
    with pytest.raises(ValueError, match=r"Got probabilities of \[3, 4\] rows"):
        entropy_comparison(np.full((3, 2), 0.5), np.full((4, 2), 0.5))
