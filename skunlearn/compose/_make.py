"""A ColumnTransformer without names to think of."""

from sklearn import compose

from skunlearn.compose._column_transformer import ColumnTransformer


def make_column_transformer(
    *transformers,
    remainder="drop",
    sparse_threshold=0.3,
    n_jobs=None,
    verbose=False,
    verbose_feature_names_out=True,
    track_rows=True,
    resolution="auto",
):
    """Make a `ColumnTransformer` whose transformers are named by their classes.

    Parameters
    ----------
    *transformers : tuples
        (transformer, columns).
    remainder, sparse_threshold, n_jobs, verbose, verbose_feature_names_out
        As in `ColumnTransformer`.
    track_rows, resolution
        As in `ColumnTransformer`.

    Returns
    -------
    ColumnTransformer

    Examples
    --------
    >>> from skunlearn.compose import make_column_transformer
    >>> from skunlearn.preprocessing import StandardScaler
    >>> [name for name, _, _ in make_column_transformer((StandardScaler(), [0])).transformers]
    ['standardscaler']
    """
    named = compose.make_column_transformer(*transformers).transformers
    return ColumnTransformer(
        named,
        remainder=remainder,
        sparse_threshold=sparse_threshold,
        n_jobs=n_jobs,
        verbose=verbose,
        verbose_feature_names_out=verbose_feature_names_out,
        track_rows=track_rows,
        resolution=resolution,
    )
