"""A Glue script that touches what the pipeline's jobs touch, so that the JVM can be taught their classes.

Run once by `local_cloud.spark_classes`; its data is made up and thrown away.
"""

from __future__ import annotations

import sys

from pyspark.sql import Observation, SparkSession, Window
from pyspark.sql import functions as F

TABLE = "glue_catalog.rehearsal.sales"


def main(bucket: str) -> None:
    """Read CSV, check, deduplicate, merge on a branch, aggregate, publish."""
    spark = SparkSession.builder.getOrCreate()
    raw = spark.read.schema("k string, v string, d string, broken string").csv(
        f"s3://{bucket}/in/",
        header=True,
        columnNameOfCorruptRecord="broken",
        multiLine=True,
        mode="PERMISSIVE",
    )
    newest = Window.partitionBy("k").orderBy(F.col("file").desc(), F.col("row").desc())
    seen = Observation("seen")
    typed = (
        raw.withColumn("file", F.input_file_name())
        .withColumn("row", F.monotonically_increasing_id())
        .observe(
            seen,
            F.count(F.lit(1)).alias("rows"),
            F.sum(F.col("v").try_cast("decimal(18,2)")).alias("total"),
        )
        .withColumn(
            "reasons", F.array_compact(F.array(F.when(F.col("k").rlike("^x"), F.lit("bad key"))))
        )
        .withColumn("rank", F.row_number().over(newest))
        .where("rank = 1 and size(reasons) = 0")
        .selectExpr(
            "try_cast(k as bigint) k",
            "try_cast(v as decimal(18,2)) v",
            "to_date(d) d",
            "file",
            "row",
        )
    )
    typed.write.mode("overwrite").parquet(f"s3://{bucket}/staged")
    spark.read.parquet(f"s3://{bucket}/staged").createOrReplaceTempView("arrived")
    spark.sql(
        f"create table {TABLE} (k bigint, v decimal(18,2), d date, file string, row bigint) using iceberg "
        f"partitioned by (months(d)) location 's3://{bucket}/tables/sales'"
    )
    spark.sql(f"alter table {TABLE} create branch run_1")
    spark.sql(
        f"merge into {TABLE}.branch_run_1 t using arrived s on t.k = s.k "
        "when matched then update set * when not matched then insert *"
    )
    monthly = spark.sql(
        "select date_trunc('month', d) period, sum(v) v, count(*) n "  # noqa: S608 -- the table's name is ours
        f"from {TABLE} version as of 'run_1' group by 1"
    )
    monthly.writeTo("glue_catalog.rehearsal.monthly").partitionedBy("period").create()
    monthly.writeTo("glue_catalog.rehearsal.monthly").overwrite(F.lit(True))
    spark.sql("call glue_catalog.system.fast_forward('rehearsal.sales', 'main', 'run_1')").collect()
    print(seen.get, spark.table(TABLE).groupBy("file").agg(F.sum("v"), F.count("*")).collect())


if __name__ == "__main__":
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    main(options["--bucket"])
