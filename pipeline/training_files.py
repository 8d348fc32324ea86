"""Where the files of a training lie in its folder: named once for the function and for the Spark job."""

from __future__ import annotations

TRAIN, TRANSFORM = "train/", "transform/"  # what is learned from, and what is to be forecast
ROWS_FILE = "rows.csv"
HISTORIES_FILE = "histories.jsonl"
