"""The verb: `unlearn` as a template, what it promises, and how to tell who has it."""

import dataclasses
import threading
import time
import warnings
import weakref

import sklearn
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skunlearn import __version__
from skunlearn._sklearn_compat import num_samples
from skunlearn.exceptions import UnlearningError

__all__ = [
    "Guarantee",
    "Request",
    "UnlearnPreview",
    "UnlearnerMixin",
    "UnlearnerTags",
    "is_unlearner",
]

SCHEMA = 1  # of the pickled state


@dataclasses.dataclass(frozen=True)
class Guarantee:
    """What a model promises about the rows it has forgotten.

    Parameters
    ----------
    kind : {"exact", "certified", "approximate"}
        Exact: the model equals the one fitted on the rows that remain.
    epsilon, delta : float, default=None
        The certificate, for the kind "certified".
    conditional_on : tuple of str, default=()
        What was chosen with the forgotten rows present and stays.
    residues : tuple of str, default=()
        What still knows the forgotten rows.
    detail : str, default=""
        The guarantee in words.

    Examples
    --------
    >>> from skunlearn.base import Guarantee
    >>> Guarantee("exact").kind
    'exact'
    """

    kind: str
    epsilon: float | None = None
    delta: float | None = None
    conditional_on: tuple = ()
    residues: tuple = ()
    detail: str = ""

    def __post_init__(self):
        if self.kind not in ("exact", "certified", "approximate"):
            raise ValueError(
                f'Got kind={self.kind!r}, expected "exact", "certified" or "approximate".'
            )


@dataclasses.dataclass(slots=True)
class UnlearnerTags:
    """How an estimator forgets rows; `skunlearn.testing` chooses its checks by these.

    Parameters
    ----------
    kind : {"exact", "certified", "approximate"}, default="exact"
    needs_y : bool, default=True
        Whether `unlearn` needs the targets of the rows.
    keeps_rows : bool, default=False
        Whether training rows are kept in the object.
    needs_sensitive : bool, default=False
        Whether `fit` and `unlearn` need a sensitive feature.

    Examples
    --------
    >>> from skunlearn.base import UnlearnerTags
    >>> UnlearnerTags(needs_y=False)
    UnlearnerTags(kind='exact', needs_y=False, keeps_rows=False, needs_sensitive=False)
    """

    kind: str = "exact"
    needs_y: bool = True
    keeps_rows: bool = False
    needs_sensitive: bool = False


@dataclasses.dataclass(slots=True)
class _Tags(Tags):
    unlearner_tags: UnlearnerTags | None = None


def is_unlearner(estimator):
    """Tell by its tags whether an estimator has the verb `unlearn`.

    Parameters
    ----------
    estimator : estimator instance

    Returns
    -------
    bool

    Examples
    --------
    >>> from sklearn.linear_model import Ridge as PlainRidge
    >>> from skunlearn.base import is_unlearner
    >>> from skunlearn.linear_model import Ridge
    >>> is_unlearner(Ridge()), is_unlearner(PlainRidge())
    (True, False)
    """
    return getattr(get_tags(estimator), "unlearner_tags", None) is not None


@dataclasses.dataclass(frozen=True)
class Request:
    """Rows to learn or to forget, as the user gave them.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
    sample_weight : array-like of shape (n_samples,), default=None
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), default=None
    options : dict, default={}
        Further keywords of an estimator's own `unlearn`.

    Examples
    --------
    >>> from skunlearn.base import Request
    >>> len(Request([[1.0], [2.0]]))
    2
    """

    X: object
    y: object = None
    sample_weight: object = None
    sensitive_features: object = None
    options: dict = dataclasses.field(default_factory=dict)

    def __len__(self):
        return num_samples(self.X)


@dataclasses.dataclass(frozen=True)
class UnlearnPreview:
    """Outcome of a dry run of `unlearn`; true where the request would be carried out.

    Parameters
    ----------
    n_found, n_missing : int
        Rows of the request that the model learned, and that it did not.
    seconds : float
        What preparing the request took; committing it costs next to nothing.
    reason : str or None
        Why the request would be refused.

    Examples
    --------
    >>> from skunlearn.base import UnlearnPreview
    >>> bool(UnlearnPreview(n_found=3, n_missing=0, seconds=0.001, reason=None))
    True
    """

    n_found: int
    n_missing: int
    seconds: float
    reason: str | None

    def __bool__(self):
        return self.reason is None


_LOCKS = weakref.WeakKeyDictionary()
_LOCKS_GUARD = threading.Lock()


def lock_of(estimator):
    """Return the lock of an object, kept outside of it so that it can be pickled."""
    with _LOCKS_GUARD:
        return _LOCKS.setdefault(estimator, threading.RLock())


def _can_unlearn(estimator):
    reason = estimator._unlearn_refusal()
    if reason is not None:
        raise AttributeError(reason)
    return True


def _can_transform(estimator):
    return hasattr(estimator, "transform")


class UnlearnerMixin:
    """Give an estimator the verb `unlearn`.

    A subclass implements `_prepare_unlearn(forget, learn=None)`: it validates the rows of the
    `Request`, computes everything the model will be, and returns it as a dictionary of
    attributes without touching `self`; the template assigns them at once. So a request happens
    wholly or not at all.

    Notes
    -----
    Further hooks: `_unlearner_tags` (a class attribute), `_unlearn_refusal()` (why this
    configuration cannot forget, or None) and `_count_missing(forget)`.

    Examples
    --------
    A model of the mean that can forget, with the one method it needs:

    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator, RegressorMixin
    >>> from skunlearn.base import UnlearnerMixin
    >>> class Mean(UnlearnerMixin, RegressorMixin, BaseEstimator):
    ...     def fit(self, X, y):
    ...         self.total_, self.n_ = sum(y), len(y)
    ...         return self
    ...     def predict(self, X):
    ...         return np.full(len(X), self.total_ / self.n_)
    ...     def _prepare_unlearn(self, forget, learn=None):
    ...         return {"total_": self.total_ - sum(forget.y), "n_": self.n_ - len(forget)}
    >>> Mean().fit([[0], [1], [2]], [1, 2, 9]).unlearn([[2]], [9]).predict([[5]])
    array([1.5])
    """

    _unlearner_tags = UnlearnerTags()

    def _unlearn_refusal(self):
        """Why this configuration cannot forget; None if it can."""
        return None

    def _prepare_unlearn(self, forget, learn=None):
        """Attributes of the model without the rows of `forget` and with those of `learn`."""
        raise NotImplementedError(f"{type(self).__name__} must implement _prepare_unlearn.")

    def _count_missing(self, forget):
        """How many rows of a request were never learned."""
        return 0

    @available_if(_can_unlearn)
    def unlearn(self, X, y=None, *, sample_weight=None, sensitive_features=None):
        """Forget rows: afterwards the model is the one that never saw them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_forget, n_features)
            Rows to forget, as they were given to `fit`. No row is no request.
        y : array-like of shape (n_forget,) or (n_forget, n_outputs), default=None
            Their targets.
        sample_weight : array-like of shape (n_forget,), default=None
            The weights they were learned with.
        sensitive_features : array-like of shape (n_forget,) or (n_forget, n_columns), default=None
            Their sensitive features, for estimators that were given some at `fit`.

        Returns
        -------
        self : object
            The estimator itself. After any error it is what it was before.

        Raises
        ------
        NotLearnedError
            If rows were never learned, or not that many times.
        UnlearningError
            If scikit-learn's `fit` would refuse the rows that remain.
        NotFittedError
            If the model has learned nothing yet.
        """
        check_is_fitted(self)
        self._carry_out(Request(X, y, sample_weight, sensitive_features))
        return self

    def can_unlearn(self, X, y=None, *, sample_weight=None, sensitive_features=None):
        """Dry run of `unlearn`: what would be found, what it would cost; nothing changes.

        Parameters
        ----------
        X, y, sample_weight, sensitive_features
            As in `unlearn`.

        Returns
        -------
        UnlearnPreview
            True in a condition if the request would be carried out. Where no fingerprints are
            kept (``track_rows=False``) nothing is looked up, and all rows count as found.
        """
        check_is_fitted(self)
        forget = Request(X, y, sample_weight, sensitive_features)
        reason = self._unlearn_refusal()
        start = time.perf_counter()
        missing = 0
        if reason is None and len(forget):
            missing = self._count_missing(forget)
            try:
                self._prepare_unlearn(forget)
            except UnlearningError as error:
                reason = str(error)
        seconds = time.perf_counter() - start
        return UnlearnPreview(len(forget) - missing, missing, seconds, reason)

    @available_if(_can_unlearn)
    def replace(self, old, new):
        """Correct rows: forget the old ones and learn the new ones, both or neither.

        Parameters
        ----------
        old, new : array-like, tuple or dict
            Rows X, or a tuple (X, y), or the keywords of `unlearn` in a dictionary.

        Returns
        -------
        self : object

        Raises
        ------
        NotLearnedError, UnlearningError
            As in `unlearn`.
        """
        check_is_fitted(self)
        self._carry_out(_as_request(old), _as_request(new))
        return self

    def _carry_out(self, forget, learn=None):
        """Prepare and commit under the lock of this object: concurrent requests wait."""
        with lock_of(self):
            if len(forget) or learn is not None:
                self._commit(self._prepare_unlearn(forget, learn))

    @available_if(_can_transform)
    def fit_transform(self, X, y=None, **fit_params):
        """Fit, then transform the same rows: leaves a model that can forget.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        **fit_params : dict
            Passed to `fit`; `sensitive_features` also to `transform`, where it takes them.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
        """
        self.fit(X, **fit_params) if y is None else self.fit(X, y, **fit_params)
        passed = {k: v for k, v in fit_params.items() if k == "sensitive_features"}
        return self.transform(X, **passed)

    def _commit(self, attributes):
        """Assign all attributes in one step; None of them means that nothing changes."""
        if attributes is not None:
            self.__dict__.update(attributes)

    def __getstate__(self):
        return {**super().__getstate__(), "_pickled_with": _versions()}

    def __setstate__(self, state):
        state = dict(state)
        then, now = state.pop("_pickled_with", None), _versions()
        if then != now:
            warnings.warn(
                f"{type(self).__name__} was pickled with {then}, and is loaded with {now}. "
                "Statistics of another schema may not be understood: fit again if in doubt.",
                UserWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.array_api_support = False
        fields = {f.name: getattr(tags, f.name) for f in dataclasses.fields(Tags)}
        return _Tags(**fields, unlearner_tags=dataclasses.replace(self._unlearner_tags))


def _versions():
    return {"schema": SCHEMA, "skunlearn": __version__, "scikit-learn": sklearn.__version__}


def _as_request(rows):
    if isinstance(rows, Request):
        return rows
    if isinstance(rows, dict):
        return Request(**rows)
    return Request(*rows) if isinstance(rows, tuple) else Request(rows)
