"""The one pass over the raw records (rows.expressions.one_pass), as steps over a frame.

Every record is kept, in the order and number in which it was read, so that all later figures can be checked against
this frame.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rows.columns import SOURCE_SHA256, SPLIT_ROW, SPLIT_START
from rows.dialect import INNER_PAD, OUTER_PAD
from rows.expressions import protection
from rows.expressions.one_pass import OnePass, Step


def parsed(raw: DataFrame, one_pass: OnePass) -> DataFrame:
    """Add the typed columns, their trimmed texts and IS_HEADER to a frame of text fields."""
    return _with_steps(raw, one_pass.parsing())


def checked(rows: DataFrame, one_pass: OnePass, pads: DataFrame | None) -> DataFrame:
    """Replace texts and fields by the verdict, and personal data by what is kept of it.

    The verdict: rule ids, reasons, raw text and warnings; null where there is none. `pads`: `key_pads`, for contracts
    with hashed columns.
    """
    if pads is not None:
        rows = rows.crossJoin(F.broadcast(pads))
    judged = _with_steps(rows, one_pass.judging())
    kept = (F.expr(sql).alias(name) for name, sql in one_pass.kept().items())
    return judged.select(*kept, SOURCE_SHA256, SPLIT_START, SPLIT_ROW)


def key_pads(spark: SparkSession, key: bytes) -> DataFrame:
    """The two pads of a key: a frame of one row, of which plans and logs print only the names of its columns."""
    return spark.createDataFrame([protection.pads(key)], f"{INNER_PAD} binary, {OUTER_PAD} binary")


def _with_steps(rows: DataFrame, steps: Iterable[Step]) -> DataFrame:
    for step in steps:
        rows = rows.withColumns({name: F.expr(sql) for name, sql in step.items()})
    return rows
