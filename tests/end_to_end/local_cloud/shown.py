"""A small table for tests of what reads tables for people, and what whoever reads it must be allowed."""

from __future__ import annotations

from tests.end_to_end.local_cloud.bench import Bench

ACCOUNT = "000000000000"
WORKGROUP = f"arn:aws:athena:us-east-1:{ACCOUNT}:workgroup/primary"
READ_TABLES = (
    {
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::shown", "arn:aws:s3:::shown/*"],
    },
    {
        "Action": "glue:GetTable",
        "Resource": [
            f"arn:aws:glue:us-east-1:{ACCOUNT}:{part}"
            for part in ("catalog", "database/shown", "table/shown/*")
        ],
    },
)


def create(bench: Bench) -> None:
    """Table `shown.orders`: two regions with their orders."""
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="shown")
    s3.put_object(Bucket="shown", Key="orders/a.csv", Body=b"Asia,3\nEurope,4\n")
    glue = bench.client("glue")
    glue.create_database(DatabaseInput={"Name": "shown"})
    storage = {
        "Location": "s3://shown/orders/",
        "Columns": [{"Name": "region", "Type": "string"}, {"Name": "orders", "Type": "int"}],
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                      "Parameters": {"field.delim": ","}},
    }  # fmt: skip
    table = {"Name": "orders", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage}
    glue.create_table(DatabaseName="shown", TableInput=table)
