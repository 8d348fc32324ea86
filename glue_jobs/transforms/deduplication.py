"""What becomes of each valid row: the newest with a key wins, in the batch and against the table.

Most rows are new, so the others are looked for: keys that occur twice or in the table, counted without their rows. What
is found is a small frame that can be counted, excluded and broadcast; a window over all rows would shuffle them all.
Values are compared only of rows that were found, in a pass of its own: most runs read keys of the table and no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from contracts import model
from glue_jobs.transforms import records
from rows.columns import ORDER, PLACE, SOURCE_SHA256
from rows.effects import KEPT, OUTDATED, REPEATED, REPLACING
from rows.tables import TableColumn

FATE, HELD_DATE, HELD_FILE = "_fate", "_held_date", "_held_file"
HAS_SAME_VALUES = "_has_same_values"


def not_new(valid: DataFrame, held: DataFrame, contract: model.Contract) -> DataFrame:
    """The rows of a batch that have a fate of rows.effects, with partition date and file of the row held before.

    `held` is the table before the run. The columns: key, ORDER, control columns, FATE, HELD_DATE, HELD_FILE.
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
    own = F.max("_order").over(_of_one_file(key))
    judged = batch.withColumns({"_newest": newest, "_own_newest": own}).join(theirs, key, "left")
    return (
        judged.withColumns({FATE: _fate(), HELD_FILE: F.col("_held_order")[SOURCE_SHA256]})
        .where(F.col(FATE).isNotNull())
        .select(*columns, FATE, HELD_DATE, HELD_FILE)
    )


def compared(
    judged: DataFrame,
    valid: DataFrame,
    held: DataFrame,
    contract: model.Contract,
    columns: Sequence[TableColumn],
) -> DataFrame:
    """Per file, fate, HELD_FILE and HAS_SAME_VALUES: how many `rows` of `judged` are repeated or replacing.

    `judged` is as `not_new` gives it, and `columns` are those of the contract in the table; `held` need only have the
    rows of the keys that are replaced.
    """
    key, values = list(records.key(contract)), "_values"
    columns_of_key = list(dict.fromkeys([*key, *PLACE]))
    looked_at = judged.where(F.col(FATE).isin(REPEATED, REPLACING))
    batch = valid.select(
        *columns_of_key, records.order().alias("_order"), digest(valid, columns).alias(values)
    ).join(looked_at.select(*key).distinct(), key, "left_semi")
    last = batch.withColumn("_last", F.max_by(values, "_order").over(_of_one_file(key)))
    replaced = looked_at.where(F.col(FATE) == REPLACING).select(*key)
    theirs = held.select(*key, digest(held, columns).alias("_held")).join(
        replaced, key, "left_semi"
    )
    fates = looked_at.select(
        *PLACE, FATE, F.when(F.col(FATE) == REPLACING, F.col(HELD_FILE)).alias(HELD_FILE)
    )
    other = F.when(F.col(FATE) == REPEATED, F.col("_last")).otherwise(F.col("_held"))
    return (
        last.join(fates, [*PLACE], "inner")
        .join(theirs, key, "left")
        .groupBy(SOURCE_SHA256, FATE, HELD_FILE, (F.col(values) == other).alias(HAS_SAME_VALUES))
        .agg(F.count(F.lit(1)).alias("rows"))
    )


def digest(rows: DataFrame, columns: Sequence[TableColumn]) -> Column:
    """64 bits that are equal for equal values; a column that the frame lacks, as an older table may, counts as null.

    xxhash64 passes over nulls, so that which values are null is hashed as well.
    """
    values = [
        (F.col(column.name) if column.name in rows.columns else F.lit(None)).cast(column.type)
        for column in columns
    ]
    return F.xxhash64(*values, *(value.isNull() for value in values))


def without(valid: DataFrame, dropped: DataFrame) -> DataFrame:
    """The rows of a batch that are not among `dropped`."""
    return valid.join(dropped.select(*PLACE), [*PLACE], "left_anti")


def _of_one_file(key: Sequence[str]) -> WindowSpec:
    return Window.partitionBy(*dict.fromkeys([*key, SOURCE_SHA256]))


def _fate() -> Column:
    mine, newest, held = F.col("_order"), F.col("_newest"), F.col("_held_order")
    return (
        F.when(mine < F.col("_own_newest"), F.lit(REPEATED))
        .when((mine < newest) | F.coalesce(mine < held, F.lit(False)), F.lit(OUTDATED))
        .when(mine == held, F.lit(KEPT))
        .when(held.isNotNull(), F.lit(REPLACING))
    )
