"""Unlearned models against retrained ones, by example, over the randomness of training."""

import dataclasses

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

from skunlearn.metrics._leakage import to_frame

_BIN = 0.5  # width of the bins of epsilon in the score


@dataclasses.dataclass(frozen=True)
class ForgettingEpsilon:
    """Estimates of epsilon by example, beside those between retrained models.

    Attributes
    ----------
    epsilon : ndarray of shape (n_examples,)
        Plug-in estimates in nats; inf where a threshold tells all models apart. Biased upwards:
        identical laws give a median of about 1.4. Read them beside `null`.
    lower : ndarray of shape (n_examples,)
        Lower confidence bounds at `level`: the threshold is chosen on one half of the models, and
        judged on the other. Each for its own example.
    p_value : ndarray of shape (n_examples,)
        Two-sample Kolmogorov–Smirnov test of unlearned against retrained.
    null : ndarray of shape (n_examples,)
        Plug-in estimates between two halves of the retrained models.
    score, null_score : float
        Mean over examples of 2 / 2**n for an epsilon in the n-th bin of width 0.5: the forgetting
        quality of the NeurIPS 2023 challenge, 1 at best, and about .2 for identical laws.
    n_told_apart : int
        Examples that differ at `level`, corrected over examples (Holm).
    n_models : tuple of int
        Unlearned and retrained models.
    delta, level : float

    See Also
    --------
    forgetting_epsilon : The function that returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import forgetting_epsilon
    >>> retrained = np.random.default_rng(0).normal(size=(64, 20))
    >>> forgetting_epsilon(retrained + 5, retrained, random_state=0).n_told_apart
    20
    """

    epsilon: np.ndarray
    lower: np.ndarray
    p_value: np.ndarray
    null: np.ndarray
    score: float
    null_score: float
    n_told_apart: int
    n_models: tuple
    delta: float
    level: float

    def __str__(self):
        """Medians beside the null, and how many examples are told apart, a line each."""
        return (
            f"epsilon: median {np.median(self.epsilon):.2f} over {len(self.epsilon)} examples; "
            f"between retrained models {np.median(self.null):.2f}\n"
            f"score: {self.score:.3f}; between retrained models {self.null_score:.3f}\n"
            f"{self.n_told_apart} of {len(self.epsilon)} examples told apart at level "
            f"{self.level:g}, corrected over examples ({self.n_models[0]} unlearned and "
            f"{self.n_models[1]} retrained models)"
        )

    def to_frame(self):
        """Return a pandas DataFrame, one row an example."""
        names = ("epsilon", "lower", "p_value", "null")
        columns = [getattr(self, name) for name in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return to_frame(rows)


def forgetting_epsilon(unlearned, retrained, *, delta=1e-5, level=0.05, random_state=None):
    """Estimate by example how well unlearned models can be told from retrained ones.

    For (epsilon, delta)-unlearning the error rates of every attack that guesses from the output on
    an example which kind of model gave it are bounded together; the attacks here are thresholds.

    Parameters
    ----------
    unlearned : array-like of shape (n_unlearned, n_examples)
        A score of each forgotten example by each unlearned model: models of different seeds that
        forgot the same rows. The logit of the confidence in the true label is usual.
    retrained : array-like of shape (n_retrained, n_examples)
        The same by models that never saw the rows.
    delta : float, default=1e-5
    level : float, default=0.05
        Of the lower bounds and of the test.
    random_state : int, RandomState instance or None, default=None
        Which models go into which half.

    Returns
    -------
    ForgettingEpsilon

    Raises
    ------
    ValueError
        If there are fewer than 8 models of a kind, or scores that are not finite.

    Notes
    -----
    What it sees: the threat of somebody who queries one model for the forgotten rows, over the
    randomness of training. What it cannot see: other outputs, attacks that are no thresholds, two
    versions of one model. The plug-in is a maximum over noisy thresholds, and so too large; the
    bounds need many models (with no error at all, 30 judged models of each kind bound epsilon by
    2.0 nats from below, 100 by 3.3, 512 by 4.9).

    References
    ----------
    Triantafillou et al. Are we making progress in unlearning? Findings from the first NeurIPS
    unlearning competition. arXiv 2406.09073, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import forgetting_epsilon
    >>> rng = np.random.default_rng(0)
    >>> same = forgetting_epsilon(rng.normal(size=(64, 50)), rng.normal(size=(64, 50)))
    >>> same.n_told_apart
    0
    """
    unlearned, retrained = _scores(unlearned, "unlearned"), _scores(retrained, "retrained")
    if unlearned.shape[1] != retrained.shape[1]:
        raise ValueError(
            f"Got scores of {unlearned.shape[1]} examples by unlearned models and of "
            f"{retrained.shape[1]} by retrained ones, expected the same examples."
        )
    if not 0 <= delta < 1 or not 0 < level < 1:
        raise ValueError(f"Got delta={delta!r} and level={level!r}, expected floats in [0, 1).")
    rng = check_random_state(random_state)
    epsilon = _by_example(_plug_in, unlearned, retrained, delta)
    halves = [_halves(scores, rng) for scores in (unlearned, retrained)]
    lower = np.array(
        [
            _judged([part[:, i] for half in halves for part in half], delta, level)
            for i in range(unlearned.shape[1])
        ]
    )
    null = _by_example(_plug_in, *halves[1], delta)
    p_value = _by_example(lambda u, r, _: stats.ks_2samp(u, r).pvalue, unlearned, retrained, delta)
    return ForgettingEpsilon(
        epsilon=epsilon,
        lower=lower,
        p_value=p_value,
        null=null,
        score=_score(epsilon),
        null_score=_score(null),
        n_told_apart=_n_rejected(p_value, level),
        n_models=(len(unlearned), len(retrained)),
        delta=delta,
        level=level,
    )


def _scores(values, name):
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or len(values) < 8:
        raise ValueError(
            f"Got {name} of shape {values.shape}, expected (n_models, n_examples) of at least 8 "
            "models."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"Got {name} with scores that are not finite: clip probabilities first.")
    return values


def _halves(scores, rng):
    order = rng.permutation(len(scores))
    return scores[order[: len(scores) // 2]], scores[order[len(scores) // 2 :]]


def _by_example(function, unlearned, retrained, delta):
    pairs = zip(unlearned.T, retrained.T, strict=True)
    return np.array([function(one, other, delta) for one, other in pairs])


def _rates(unlearned, retrained):
    """Error rates of "unlearned if at or above t" for every t, and of the opposite.

    Yields
    ------
    sign, thresholds, fpr, fnr
    """
    for sign in (1.0, -1.0):
        positive, negative = np.sort(sign * unlearned), np.sort(sign * retrained)
        thresholds = np.unique(np.concatenate([positive, negative]))
        fpr = 1.0 - np.searchsorted(negative, thresholds, side="left") / len(negative)
        fnr = np.searchsorted(positive, thresholds, side="left") / len(positive)
        yield sign, thresholds, fpr, fnr


def _epsilons(fpr, fnr, delta):
    """Bounds that pairs of error rates put on epsilon; nothing where only one of them is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.log(1.0 - delta - fpr) - np.log(fnr)
        other = np.log(1.0 - delta - fnr) - np.log(fpr)
    best = np.fmax(one, other)
    best = np.where((fpr == 0) != (fnr == 0), 0.0, best)
    return np.where((fpr == 0) & (fnr == 0), np.inf, best)


def _plug_in(unlearned, retrained, delta):
    found = [_epsilons(fpr, fnr, delta).max() for _, _, fpr, fnr in _rates(unlearned, retrained)]
    return max(0.0, *found)


def _judged(parts, delta, level):
    """Lower bound of epsilon: threshold from one half of the models, error rates from the other."""
    chosen_u, judged_u, chosen_r, judged_r = parts
    best, rule = -np.inf, (1.0, 0.0)
    for sign, thresholds, fpr, fnr in _rates(chosen_u, chosen_r):
        # rates as if one more model of each kind had erred: no threshold looks perfect
        n, m = len(chosen_r), len(chosen_u)
        value = _epsilons((fpr * n + 1) / (n + 2), (fnr * m + 1) / (m + 2), delta)
        if value.max() > best:
            i = int(np.argmax(value))
            cut = thresholds[[max(i - 1, 0), i]].mean()  # between two models, not at one
            best, rule = value.max(), (sign, cut)
    sign, threshold = rule
    fpr = _upper(np.count_nonzero(sign * judged_r >= threshold), len(judged_r), level / 2)
    fnr = _upper(np.count_nonzero(sign * judged_u < threshold), len(judged_u), level / 2)
    if fpr + delta >= 1 and fnr + delta >= 1:
        return 0.0
    return max(0.0, float(_epsilons(np.array([fpr]), np.array([fnr]), delta)[0]))


def _upper(errors, n, level):
    """Upper end of the Clopper–Pearson interval of a rate."""
    return 1.0 if errors == n else float(stats.beta.ppf(1 - level, errors + 1, n - errors))


def _score(epsilon):
    bins = np.floor(np.minimum(epsilon, 100.0) / _BIN) + 1
    return float(np.mean(2.0 / 2.0**bins))


def _n_rejected(p_values, level):
    """Count the hypotheses that Holm's procedure rejects."""
    ordered = np.sort(p_values)
    passed = ordered <= level / (len(ordered) - np.arange(len(ordered)))
    return int(len(ordered) if passed.all() else np.argmin(passed))


def klom(unlearned, retrained, *, n_bins=20):
    """Kullback–Leibler divergence of margins: unlearned from retrained models, by example.

    Parameters
    ----------
    unlearned : array-like of shape (n_unlearned, n_examples)
        A margin of each example by each unlearned model, such as the logit of the confidence in
        the true label.
    retrained : array-like of shape (n_retrained, n_examples)
        The same by models that never saw the forgotten rows.
    n_bins : int, default=20
        Of the histograms, between the ends of the two samples of an example.

    Returns
    -------
    ndarray of shape (n_examples,)
        Nats; 0 for equal histograms. Empty bins count as half a model, so that it is finite.

    Notes
    -----
    Positive for identical laws as well, by about (n_bins − 1) / 2 (1 / n_unlearned + 1 /
    n_retrained) where all bins are filled: compare with `klom` of two halves of the retrained
    models. It sees the law of one number an example, over the randomness of training.

    References
    ----------
    Georgiev et al. Attribute-to-delete: machine unlearning via datamodel matching. arXiv
    2410.23232, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skunlearn.metrics import klom
    >>> rng = np.random.default_rng(0)
    >>> retrained = rng.normal(size=(200, 3))
    >>> bool((klom(retrained + 2, retrained) > klom(rng.normal(size=(200, 3)), retrained)).all())
    True
    """
    unlearned, retrained = _scores(unlearned, "unlearned"), _scores(retrained, "retrained")
    if n_bins < 2:
        raise ValueError(f"Got n_bins={n_bins!r}, expected an int of 2 or more.")

    def divergence(one, other, _):
        ends = min(one.min(), other.min()), max(one.max(), other.max())
        if ends[0] == ends[1]:
            return 0.0
        counts = [np.histogram(x, bins=n_bins, range=ends)[0] for x in (one, other)]
        some = (counts[0] + counts[1]) > 0
        p, q = (np.maximum(c[some], 0.5) for c in counts)
        p, q = p / p.sum(), q / q.sum()
        return float(np.sum(p * np.log(p / q)))

    return _by_example(divergence, unlearned, retrained, None)
