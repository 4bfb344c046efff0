"""Exact statistics of rows: add, remove, merge. numpy and scipy only; knows no estimator."""
