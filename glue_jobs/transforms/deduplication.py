"""What becomes of each valid row: the newest with a key wins, in the batch and against the table.

Most rows are new, so the others are looked for: keys that occur twice or in the table, counted without their rows. What
is found is a small frame that can be counted, excluded and broadcast; a window over all rows would shuffle them all.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from contracts import model
from glue_jobs.transforms import records
from rows.columns import ORDER, PLACE

FATE, HELD_DATE = "_fate", "_held_date"
SUPERSEDED = "superseded"  # a newer row with the same key exists
UNCHANGED = "unchanged"  # the table holds this very row: an earlier attempt loaded it
REPLACING = "replacing"  # the table holds an older row with the same key


def not_new(valid: DataFrame, held: DataFrame, contract: model.Contract) -> DataFrame:
    """The rows of a batch that are SUPERSEDED, UNCHANGED or REPLACING, and the partition date of the row held before.

    `held` is the table before the run. The columns: key, ORDER, control columns, FATE, HELD_DATE.
    """
    key = list(records.key(contract))
    money = [column.name for column in contract.control_columns]
    columns = list(dict.fromkeys([*key, *ORDER, *money]))
    keys = valid.select(*key)
    matching = held.join(keys, key, "left_semi")
    repeated = keys.groupBy(*key).agg(F.count(F.lit(1)).alias("_times")).where(F.col("_times") > 1)
    suspects = repeated.select(*key).unionByName(matching.select(*key))
    batch = valid.select(*columns, records.order().alias("_order")).join(suspects, key, "left_semi")
    theirs = matching.select(
        *key,
        records.order().alias("_held_order"),
        F.to_date(contract.partition_column).alias(HELD_DATE),
    )
    newest = F.max("_order").over(Window.partitionBy(*key))
    judged = batch.withColumn("_newest", newest).join(theirs, key, "left")
    return (
        judged.withColumn(FATE, _fate())
        .where(F.col(FATE).isNotNull())
        .select(*columns, FATE, HELD_DATE)
    )


def without(valid: DataFrame, dropped: DataFrame) -> DataFrame:
    """The rows of a batch that are not among `dropped`."""
    return valid.join(dropped.select(*PLACE), [*PLACE], "left_anti")


def _fate() -> Column:
    mine, newest, held = F.col("_order"), F.col("_newest"), F.col("_held_order")
    return (
        F.when((mine < newest) | F.coalesce(mine < held, F.lit(False)), F.lit(SUPERSEDED))
        .when(mine == held, F.lit(UNCHANGED))
        .when(held.isNotNull(), F.lit(REPLACING))
    )
