"""Transformers for the columns of mixed tables, together able to forget rows."""

import numpy as np
from scipy import sparse
from sklearn import compose
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import check_is_fitted, validate_data

from skunlearn._exact import ExactUnlearnerMixin, copy_fitted
from skunlearn._reading import Branch, table_of
from skunlearn._sklearn_compat import as_table, fit_context, routing_enabled, select_columns
from skunlearn._statistics._tables import LevelTable, NumberTable, beside, number_table
from skunlearn._steps import (
    NotAChain,
    derive_steps,
    first_rows,
    leaves_of,
    plain_step,
    replaced_steps,
    with_attributes,
)
from skunlearn._table_steps import TableUnlearnerMixin
from skunlearn.base import Request


class ColumnTransformer(TableUnlearnerMixin, compose.ColumnTransformer):
    """Give columns transformers of their own, with `unlearn`: scikit-learn's class.

    One set of exact sums of the expanded rows [numbers with 0 for missing values | indicators of
    missing values | indicators of levels] stands for all branches: there imputing, scaling,
    encoding and principal components are affine, and each is derived anew after a request.

    Parameters
    ----------
    transformers : list of tuples
        (name, transformer, columns), as in scikit-learn. Transformers of this library, pipelines
        of them, "passthrough" and "drop"; in front of them in a branch may stand steps that treat
        each row alone, such as `FunctionTransformer`.
    remainder : {"drop", "passthrough"} or estimator, default="drop"
        What happens to the columns that are not named.
    sparse_threshold : float, default=0.3
        As in scikit-learn.
    n_jobs : int, default=None
        Used where the transformers cannot be derived, and in `transform`.
    transformer_weights : dict, default=None
        Factors for the output of transformers.
    verbose : bool, default=False
        As in scikit-learn, where the transformers cannot be derived.
    verbose_feature_names_out : bool, str or callable, default=True
        As in scikit-learn.
    track_rows : bool, default=True
        Keep a keyed 64-bit fingerprint of each raw row, so that rows that were never learned are
        refused. False saves 8 bytes a row and the check.
    resolution : {"auto", "exact"}, int or array-like of int, default="auto"
        Binary exponents of the grid of values: of the numeric columns, of the indicators of
        missing values or levels, by branch, and, last, of weights. Pass a fitted `resolution_` to
        be certain of the same grid in a refit.

    Attributes
    ----------
    transformers_ : list of tuples
        The fitted transformers.
    named_transformers_ : :class:`~sklearn.utils.Bunch`
        The fitted transformers by name.
    sparse_output_ : bool
        Whether the output is a sparse matrix.
    output_indices_ : dict of str to slice
        Which output columns come from which transformer.
    resolution_ : ndarray of int
        The grid.
    guarantee_ : Guarantee
        What is promised about forgotten rows.
    n_samples_retained_ : int
        Number of rows that the transformers stand on.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string names.

    See Also
    --------
    skunlearn.compose.make_column_transformer : The same, with names made from the classes.
    skunlearn.pipeline.Pipeline : Put a model behind it; then it is the pipeline that forgets.

    Notes
    -----
    The guarantee is exact: equal, bit for bit, to a fit on the rows that remain, on the same grid.
    A transformer that is not a function of exact sums or counts (a `QuantileTransformer`, or
    scikit-learn's own classes) leaves a plain ColumnTransformer that cannot forget: `unlearn` is
    not there then, and says why. The exact sums hold a product for each pair of expanded columns,
    levels among them, as soon as a transformer or a model behind needs covariances; tens of
    thousands of levels are refused with the memory that they would take (put rare levels together
    before, or hash them).

    Examples
    --------
    >>> import pandas as pd
    >>> from skunlearn.compose import ColumnTransformer
    >>> from skunlearn.preprocessing import OneHotEncoder, StandardScaler
    >>> X = pd.DataFrame({"age": [20.0, 30.0, 40.0], "town": ["Wien", "Graz", "Linz"]})
    >>> transformer = ColumnTransformer(
    ...     [("scale", StandardScaler(), ["age"]), ("encode", OneHotEncoder(), ["town"])]
    ... )
    >>> transformer.fit(X).unlearn(X[2:]).get_feature_names_out()
    array(['scale__age', 'encode__town_Graz', 'encode__town_Wien'],
          dtype=object)
    """

    _private_attributes = (
        "_columns",
        "_transformer_to_input_indices",
        "_remainder",
        "_n_features",
    )
    _parameter_constraints: dict = {
        **compose.ColumnTransformer._parameter_constraints,
        "track_rows": ["boolean"],
        "resolution": "no_validation",
    }

    def __init__(
        self,
        transformers,
        *,
        remainder="drop",
        sparse_threshold=0.3,
        n_jobs=None,
        transformer_weights=None,
        verbose=False,
        verbose_feature_names_out=True,
        track_rows=True,
        resolution="auto",
    ):
        super().__init__(
            transformers,
            remainder=remainder,
            sparse_threshold=sparse_threshold,
            n_jobs=n_jobs,
            transformer_weights=transformer_weights,
            verbose=verbose,
            verbose_feature_names_out=verbose_feature_names_out,
        )
        self.track_rows = track_rows
        self.resolution = resolution

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        """Fit all transformers from exact sums, or as scikit-learn where that cannot be.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Targets, for transformers that use them.
        **params : dict
            Passed to the transformers by metadata routing, as in scikit-learn.

        Returns
        -------
        self : object
        """
        self.__dict__.pop("_reason", None)
        try:
            if params:
                raise NotAChain(f"the transformers are given {sorted(params)[0]!r} at fit")
            self._fit_exact(Request(X, y))
        except NotAChain as error:
            self.__dict__.pop("_learned", None)
            compose.ColumnTransformer.fit_transform(self, X, y, **params)
            self._reason = str(error)
        else:
            self._record_names(first_rows(as_table(X)))
        return self

    def _unlearn_refusal(self):
        reason = vars(self).get("_reason")
        if reason is None:
            return None
        return (
            f"This ColumnTransformer cannot forget rows exactly: {reason}. Use the transformers of "
            "this library, or fit on the rows that remain."
        )

    def _moments_refusal(self, request):
        """Tell which metadata the transformers want: their sums are those of all rows alike."""
        if not routing_enabled():
            return None
        given = {name for name, value in vars(request).items() if value is not None}
        wanted = get_routing_for_object(self).consumes("fit", given)
        if not wanted:
            return None
        return f"transformers of a ColumnTransformer are given {sorted(wanted)[0]!r} at fit"

    # -- as the first step of a chain --------------------------------------------------------

    @property
    def _kind(self):
        branches = self._branches() if hasattr(self, "transformers_") else []
        alone = all(
            len(branch.leaves) <= 1 and all(leaf.step._kind == "diagonal" for leaf in branch.leaves)
            for branch in branches
        )
        return "diagonal" if alone else "gram"

    def _prepare_columns(self, X):
        """Resolve the columns and clone the transformers, as scikit-learn's `fit_transform`."""
        if sparse.issparse(X):
            raise NotAChain("a ColumnTransformer of sparse rows is not derived from moments")
        validate_data(self, X=X, skip_check_array=True)
        X = as_table(X)
        self._validate_transformers()
        self._validate_column_callables(X)
        self._validate_remainder(X)
        fresh = []
        for _, step, _, _ in self._iter(
            fitted=False, column_as_labels=False, skip_drop=True, skip_empty_columns=True
        ):
            if step == "passthrough":
                step = FunctionTransformer(
                    accept_sparse=True, check_inverse=False, feature_names_out="one-to-one"
                ).set_output(transform=self._output_container())
            else:
                step = clone(step)
            for leaf in leaves_of(step):
                if hasattr(leaf.step, "_validate_params"):
                    leaf.step._validate_params()
            fresh.append(step)
        if not fresh:
            raise NotAChain("no transformer is given a column")
        self._update_fitted_transformers(fresh)

    def _output_container(self):
        return getattr(self, "_sklearn_output_config", {}).get("transform", "default")

    def _steps_in_use(self):
        return self._iter(
            fitted=True, column_as_labels=False, skip_drop=True, skip_empty_columns=True
        )

    def _branches(self):
        """Branches in the order of the output."""
        return [
            Branch.of(
                name,
                columns,
                [] if _passes(step) else leaves_of(step, name),
                self._transformer_to_input_indices[name],
            )
            for name, step, columns, _ in self._steps_in_use()
        ]

    def _derive_branches(self, expanded, info, push):
        """Fitted transformers, and the table of what they put out side by side."""
        fitted, tables, sparse_parts = {}, {}, {}
        for i, (branch, (name, step, _, weight)) in enumerate(
            zip(self._branches(), self._steps_in_use(), strict=True)
        ):
            form = info["forms"][i]
            attributes, out = derive_steps(
                branch.leaves, table_of(expanded, i, form), info, push_last=True
            )
            fitted[name] = _fitted(step, attributes, name)
            if not isinstance(out, (NumberTable, LevelTable)):
                out = number_table(out, expanded.counts)
            if weight is not None and isinstance(out, NumberTable):
                out = out.scaled(np.full(out.n_columns, weight), np.zeros(out.n_columns))
            tables[name], sparse_parts[name] = out, _is_sparse(branch)
        new = {
            "transformers_": [
                (name, fitted.get(name, step), columns)
                for name, step, columns in self.transformers_
            ],
            "output_indices_": self._indices_of(tables),
            "sparse_output_": self._is_sparse_output(tables, sparse_parts),
        }
        return new, beside(list(tables.values())) if push else None

    def _indices_of(self, tables):
        """Slices of the output by transformer."""
        out, first = {}, 0
        for name, table in tables.items():
            last = first + _width(table)
            out[name], first = slice(first, last), last
        for name in [*(name for name, _, _ in self.transformers), "remainder"]:
            out.setdefault(name, slice(0, 0))
        return out

    def _is_sparse_output(self, tables, sparse_parts):
        """Whether scikit-learn would stack the output as a sparse matrix."""
        if not any(sparse_parts.values()):
            return False
        stored = total = 0
        for name, table in tables.items():
            n = table.moments.unweighted.pooled.n_rows
            cells = n * _width(table)
            total += cells
            stored += table.n_nonzero() if sparse_parts[name] else cells
        return bool(stored / total < self.sparse_threshold) if total else False

    def _record_names(self, X):
        """Let every step note the width and the names of its input, from two rows."""
        X = as_table(X)
        for branch, (_, step, columns, _) in zip(
            self._branches(), self._steps_in_use(), strict=True
        ):
            if _passes(step):
                step.fit(select_columns(X, columns))
                continue
            part = branch.select(X)
            for leaf in branch.leaves:
                validate_data(leaf.step, part, reset=True, skip_check_array=True)
                part = leaf.step.transform(part)

    # -- for serving -------------------------------------------------------------------------

    def to_sklearn(self):
        """Give the plain scikit-learn ColumnTransformer, without statistics or fingerprints.

        Returns
        -------
        sklearn.compose.ColumnTransformer
        """
        check_is_fitted(self)
        plain = super().to_sklearn()
        used = {name for name, _, _, _ in self._steps_in_use()}
        plain.transformers_ = [
            (name, plain_step(step) if name in used else _unfitted_plain(step), columns)
            for name, step, columns in self.transformers_
        ]
        fitted = {name: step for name, step, _ in plain.transformers_}
        plain.transformers = [
            (name, step if isinstance(step, str) else clone(fitted[name]), columns)
            for name, step, columns in self.transformers
        ]
        plain.remainder = _unfitted_plain(self.remainder)
        plain._remainder = ("remainder", plain.remainder, self._remainder[2])
        return plain


def _unfitted_plain(step):
    """Return a transformer that was given no column, as a plain one."""
    if step is None or isinstance(step, str):
        return step
    if isinstance(step, Pipeline):
        steps = [(name, _unfitted_plain(inner)) for name, inner in step.steps]
        return Pipeline(steps, transform_input=step.transform_input, verbose=step.verbose)
    if not isinstance(step, ExactUnlearnerMixin):
        return clone(step)
    plain = next(base for base in type(step).__mro__ if base.__module__.startswith("sklearn."))
    return copy_fitted(step, plain)


def _passes(step):
    return isinstance(step, FunctionTransformer) and step.func is None


def _width(table):
    return table.n_columns if isinstance(table, NumberTable) else len(table.columns)


def _is_sparse(branch):
    """Whether a branch puts out a sparse matrix: indicators, and no step that makes them dense."""
    out = False
    for leaf in branch.leaves:
        if getattr(leaf.step, "_reads_levels", False):
            out = leaf.step.sparse_output
        elif getattr(leaf.step, "with_mean", False):
            out = False
    return out


def _fitted(step, attributes, name):
    """Return a copy of a transformer, or of a pipeline, that has learned something."""
    if hasattr(step, "steps") and hasattr(step, "named_steps"):
        steps = replaced_steps(step.steps, attributes, f"{name}__")
        return with_attributes(step, {"steps": steps})
    return with_attributes(step, attributes.get(name, {}))
