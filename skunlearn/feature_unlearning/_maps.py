"""What transformers with a map a group share: moving rows, the strength, the key, the costs."""

import itertools

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skunlearn._statistics._hashing import derive_key, finish, hash_rows
from skunlearn.base import UnlearnerMixin
from skunlearn.feature_unlearning._base import SensitiveTransformerMixin
from skunlearn.feature_unlearning._groups import UNKNOWN
from skunlearn.feature_unlearning._tables import shown


class GroupMapsMixin(SensitiveTransformerMixin, UnlearnerMixin, TransformerMixin):
    """Transformers that move each row by the map of its group.

    A subclass implements `_image(x, z, content)`, `_posterior(x)` for rows without a group, and
    learns `groups_`, `group_weights_`, `full_transport_cost_`, `_group_costs` and `_columns`.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.string = tags.input_tags.categorical = True
        tags.unlearner_tags.needs_sensitive = self.sensitive_columns is None
        return tags

    def _check_options(self):
        if self.on_missing not in ("error", "posterior"):
            raise ValueError(
                f'Got on_missing={self.on_missing!r}, expected one of ("error", "posterior").'
            )
        if not 0 <= self.strength <= 1:
            raise ValueError(f"Got strength={self.strength!r}, expected a float in [0, 1].")

    def _check_sizes(self, groups, n_rows, weights):
        """Refuse groups of few rows, or of no weight."""
        pairs = list(zip(groups, n_rows, weights, strict=True))
        empty = [group for group, _, weight in pairs if not weight > 0]
        if len(empty) == len(pairs):
            raise ValueError("The sample weights are all zero: expected at least one non-zero.")
        if empty:
            raise ValueError(
                f"The sample weights of {shown(empty)} are all 0: leave these rows out."
            )
        small = [f"{group} ({n} rows)" for group, n, _ in pairs if n < self.min_group_size]
        if small and len(groups) > 1:
            raise ValueError(
                f"Groups with fewer than min_group_size={self.min_group_size} rows: "
                f"{shown(small)}. Merge labels beforehand, or lower min_group_size; a continuous "
                "variable is a matter for ConditionalBarycenter."
            )

    def transform(self, X, *, sensitive_features=None):
        """Move each row by the map of its group.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Columns as in `fit`.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            The rows' sensitive values, if they came by keyword in `fit`.

        Returns
        -------
        {ndarray, DataFrame} of shape (n_samples, n_features_out)
            The sensitive columns are left out unless they are to be kept.

        Raises
        ------
        ValueError
            If a group was never seen in `fit`, or sensitive values are missing and `on_missing` is
            "error".

        Warns
        -----
        UserWarning
            If sensitive values are missing and `on_missing` is "posterior".
        """
        check_is_fitted(self)
        self._check_options()
        X, numeric, codes = self._locate(X, sensitive_features)
        moved = list(self._columns.moved)
        out = numeric.copy()
        if self.strength > 0 and len(self.groups_) > 1:
            out[:, moved] = self._move(numeric[:, moved], codes)
        return self._assemble(X, out)

    def _move(self, X, codes):
        """Rows of the columns to be moved, at the present strength."""
        out, t = X.copy(), self.strength
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(UNKNOWN, len(self.groups_) + 1))
        for z, (first, last) in enumerate(itertools.pairwise(bounds), start=UNKNOWN):
            rows = order[first:last]
            if len(rows):
                x = X[rows].astype(np.float64)
                content = _Content(x)
                image = self._mean_image(x, content) if z == UNKNOWN else self._image(x, z, content)
                out[rows] = image if t == 1 else np.where(image == x, x, (1 - t) * x + t * image)
        return out

    def _mean_image(self, x, content):
        """Mean of the groups' images under the posterior of the group."""
        posterior = self._posterior(x)
        images = (self._image(x, z, content) for z in range(len(self.groups_)))
        return sum(p[:, None] * image for p, image in zip(posterior, images, strict=True))

    @property
    def transport_cost_(self):
        """E||X - X_hat||^2 over the rows learned, at the present strength."""
        check_is_fitted(self)
        return self.strength**2 * self.full_transport_cost_

    @property
    def group_transport_costs_(self):
        """The same in each group."""
        check_is_fitted(self)
        return self.strength**2 * self._group_costs

    def _moments_refusal(self, request):
        """Why a pipeline cannot carry on with moments of what goes out."""
        return f"{type(self).__name__} is not a function of moments"


class _Content:
    """Rows whose hash is taken when it is first asked for."""

    def __init__(self, x):
        self.x = x
        self._hashes = None

    def uniforms(self, key, column):
        """Give uniform numbers in [0, 1) a row: a stream for each column of the row's hash."""
        if self._hashes is None:
            self._hashes = hash_rows([self.x], derive_key(key, "dither"))
        stream = np.uint64(derive_key(key, "dither", column))
        return (finish(self._hashes + stream) >> np.uint64(11)) * 2.0**-53
