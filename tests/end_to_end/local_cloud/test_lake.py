"""Spark writes an Iceberg table as a job's role, Athena reads it as its caller; neither may do more."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import awswrangler
import boto3
import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.local_cloud.bench import Bench

GLUE = {"Service": "glue.amazonaws.com"}
ANALYST = {"AWS": "arn:aws:iam::000000000000:root"}
CATALOG = "spark.sql.catalog.glue_catalog"
CONF = " --conf ".join(
    [
        "spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        f"{CATALOG}=org.apache.iceberg.spark.SparkCatalog",
        f"{CATALOG}.catalog-impl=org.apache.iceberg.aws.glue.GlueCatalog",
        f"{CATALOG}.io-impl=org.apache.iceberg.aws.s3.S3FileIO",
        f"{CATALOG}.warehouse=s3://lake/warehouse",
    ]
)
SCRIPT = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.read.option("header", "true").csv("s3://lake/in/").createOrReplaceTempView("arrived")
spark.sql("create table if not exists glue_catalog.db.sales (id bigint, amount decimal(18,2), day date) "
          "using iceberg partitioned by (months(day)) location 's3://lake/tables/sales'")
spark.sql("alter table glue_catalog.db.sales create or replace branch run_1")
spark.sql("merge into glue_catalog.db.sales.branch_run_1 t using (select cast(id as bigint) id, "
          "cast(amount as decimal(18,2)) amount, cast(day as date) day from arrived) s on t.id = s.id "
          "when matched then update set * when not matched then insert *")
spark.sql("call glue_catalog.system.fast_forward('db.sales', 'main', 'run_1')")
"""
READ_AND_WRITE = (
    {
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        "Resource": "arn:aws:s3:::lake/*",
    },
    {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::lake"},
    {
        "Action": ["glue:GetDatabase", "glue:GetTable", "glue:CreateTable", "glue:UpdateTable"],
        "Resource": [
            f"arn:aws:glue:*:*:{part}" for part in ("catalog", "database/db", "table/db/*")
        ],
    },
)


def run_job(bench: Bench) -> dict[str, Any]:
    glue = bench.client("glue")
    run_id = glue.start_job_run(JobName="load")["JobRunId"]
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        run = glue.get_job_run(JobName="load", RunId=run_id)["JobRun"]
        if run["JobRunState"] in ("SUCCEEDED", "FAILED"):
            return dict(run)
        time.sleep(0.5)
    raise AssertionError("the Spark job takes more than 240 s")


@pytest.fixture(scope="module")
def lake(bench: Bench) -> None:
    """A table of two rows, loaded by a job, and a workgroup whose results go where it says."""
    s3 = bench.client("s3")
    for bucket in ("lake", "results"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="lake", Key="job.py", Body=SCRIPT.encode())
    s3.put_object(
        Bucket="lake", Key="in/a.csv", Body=b"id,amount,day\n1,1.50,2024-01-02\n2,2.55,2024-02-03\n"
    )
    bench.client("glue").create_database(DatabaseInput={"Name": "db"})
    role = bench.role("load", GLUE, *READ_AND_WRITE)
    command = {"Name": "glueetl", "ScriptLocation": "s3://lake/job.py"}
    bench.client("glue").create_job(
        Name="load", Role=role, Command=command, DefaultArguments={"--conf": CONF}
    )
    run = run_job(bench)
    assert run["JobRunState"] == "SUCCEEDED", run["ErrorMessage"]
    results = {"ResultConfiguration": {"OutputLocation": "s3://results/analysts"}}
    bench.client("athena").create_work_group(Name="analysts", Configuration=results)


def session(credentials: dict[str, str] | None = None) -> Any:
    chosen = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test", "SessionToken": ""}
    return boto3.Session(
        aws_access_key_id=chosen["AccessKeyId"],
        aws_secret_access_key=chosen["SecretAccessKey"],
        aws_session_token=chosen["SessionToken"] or None,
        region_name="us-east-1",
    )


def ask(bench: Bench, sql: str, credentials: dict[str, str] | None = None) -> list[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", bench.cloud.endpoint)
        frame = awswrangler.athena.read_sql_query(
            sql,
            database="db",
            workgroup="analysts",
            ctas_approach=False,
            unload_approach=False,
            boto3_session=session(credentials),
        )
    return [dict(row) for row in frame.to_dict("records")]


@pytest.mark.usefixtures("lake")
def test_athena_reads_what_spark_published(bench: Bench) -> None:
    rows = ask(
        bench,
        "select year(day) as year, sum(amount) as amount, avg(amount) as mean from sales group by 1",
    )
    assert rows == [{"year": 2024, "amount": Decimal("4.05"), "mean": Decimal("2.03")}]


@pytest.mark.usefixtures("lake")
def test_results_are_stored_where_the_workgroup_says(bench: Bench) -> None:
    athena = bench.client("athena")
    started = athena.start_query_execution(
        QueryString="select id, amount from db.sales where id = 1",
        WorkGroup="analysts",
        ResultConfiguration={"OutputLocation": "s3://lake/elsewhere/"},
    )["QueryExecutionId"]
    execution = finished(bench, started)
    assert (
        execution["ResultConfiguration"]["OutputLocation"] == f"s3://results/analysts/{started}.csv"
    )
    stored = (
        bench.client("s3")
        .get_object(Bucket="results", Key=f"analysts/{started}.csv")["Body"]
        .read()
    )
    assert stored == b'"id","amount"\n"1","1.50"\n'
    described = athena.get_query_results(QueryExecutionId=started)["ResultSet"][
        "ResultSetMetadata"
    ]["ColumnInfo"]
    assert [(c["Type"], c["Precision"], c["Scale"]) for c in described] == [
        ("bigint", 19, 0),
        ("decimal", 18, 2),
    ]


@pytest.mark.usefixtures("lake")
def test_a_view_is_really_made_used_and_dropped(bench: Bench) -> None:
    done(bench, "create or replace view totals as select sum(amount) as total from sales")
    done(bench, "create or replace view doubled as select total * 2 as twice from db.totals")
    assert ask(bench, "select twice from doubled") == [{"twice": Decimal("8.10")}]
    done(bench, "drop view doubled")
    assert "TABLE_NOT_FOUND" in refused(bench, "select * from doubled")


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "select * from nothing",
            "TABLE_NOT_FOUND: Table 'awsdatacatalog.db.nothing' does not exist",
        ),
        ("select nope from sales", "COLUMN_NOT_FOUND"),
        ("insert into sales values (1, 1, null)", "NOT_SUPPORTED: INSERT"),
        ("select from where", "SYNTAX_ERROR: line 1:"),
        (
            "select * from read_csv('/etc/passwd')",
            "SYNTAX_ERROR|GENERIC_USER_ERROR|FUNCTION_NOT_FOUND",
        ),
    ],
)
def test_a_statement_that_cannot_run_says_why(bench: Bench, sql: str, reason: str) -> None:
    assert any(part in refused(bench, sql) for part in reason.split("|"))


@pytest.mark.usefixtures("lake")
def test_a_query_reads_no_more_than_its_caller_may(bench: Bench) -> None:
    ask(bench, "select count(*) from sales")  # the administrator's read fills the cache
    role = bench.role(
        "analyst",
        ANALYST,
        {"Action": ["athena:*", "glue:Get*"], "Resource": "*"},
        {"Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::results/*"},
    )
    reason = refused(bench, "select count(*) from sales", bench.assume(role))
    assert (
        "is not authorized to perform s3:GetObject on arn:aws:s3:::lake/tables/sales/metadata/"
        in reason
    )


@pytest.mark.usefixtures("lake")
def test_whoever_has_one_workgroup_asks_about_its_executions_and_no_others(bench: Bench) -> None:
    administrator = bench.client("athena")
    results = {"ResultConfiguration": {"OutputLocation": "s3://results/others"}}
    administrator.create_work_group(Name="others", Configuration=results)
    own, other = (
        administrator.start_query_execution(QueryString="select 1", WorkGroup=workgroup)
        for workgroup in ("analysts", "others")
    )
    workgroups = "arn:aws:athena:us-east-1:000000000000:workgroup/"
    role = bench.role(
        "one-team", ANALYST, {"Action": "athena:Get*", "Resource": f"{workgroups}analysts"}
    )
    analyst = bench.client("athena", bench.assume(role))
    named = analyst.get_query_execution(QueryExecutionId=own["QueryExecutionId"])
    assert named["QueryExecution"]["WorkGroup"] == "analysts"
    with pytest.raises(ClientError, match="athena:GetQueryExecution"):
        analyst.get_query_execution(QueryExecutionId=other["QueryExecutionId"])


@pytest.mark.usefixtures("lake")
def test_a_scan_limit_cancels_the_query(bench: Bench) -> None:
    least_limit_bytes = 10_000_000  # the smallest that Athena accepts
    bench.client("s3").put_object(
        Bucket="lake", Key="wide/a.csv", Body=b"0123456789\n" * (least_limit_bytes // 10)
    )
    storage = {
        "Columns": [{"Name": "digits", "Type": "string"}],
        "Location": "s3://lake/wide/",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"},
    }
    bench.client("glue").create_table(
        DatabaseName="db",
        TableInput={"Name": "wide", "StorageDescriptor": storage, "TableType": "EXTERNAL_TABLE"},
    )
    assert ask(bench, "select count(*) as n, max(digits) as digits from wide") == [
        {"n": least_limit_bytes // 10, "digits": "0123456789"}
    ]
    athena = bench.client("athena")
    results = {"OutputLocation": "s3://results/small"}
    settings = {"ResultConfiguration": results, "BytesScannedCutoffPerQuery": least_limit_bytes}
    athena.create_work_group(Name="small", Configuration=settings)
    query = {"QueryString": "select count(*) from db.wide", "WorkGroup": "small"}
    execution = finished(bench, athena.start_query_execution(**query)["QueryExecutionId"])
    assert execution["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]


@pytest.mark.usefixtures("lake")
def test_spark_may_do_no_more_than_the_jobs_role(bench: Bench) -> None:
    bench.client("s3").put_object(
        Bucket="lake", Key="in/b.csv", Body=b"id,amount,day\n3,9.99,2024-03-04\n"
    )
    read_only = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/*"}
    bench.allow("load", read_only, *READ_AND_WRITE[1:])
    try:
        run = run_job(bench)
    finally:
        bench.allow("load", *READ_AND_WRITE)
    assert run["JobRunState"] == "FAILED"
    assert "s3:PutObject" in run["ErrorMessage"]
    assert ask(bench, "select count(*) as n from sales") == [{"n": 2}]


def finished(bench: Bench, query_id: str) -> dict[str, Any]:
    athena, deadline = bench.client("athena"), time.monotonic() + 30
    while time.monotonic() < deadline:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return dict(execution)
        time.sleep(0.1)
    raise AssertionError(f"query {query_id} has not ended")


def run(bench: Bench, sql: str, credentials: dict[str, str] | None = None) -> dict[str, Any]:
    """The status of a statement once it has ended."""
    athena = bench.client("athena", credentials)
    context = {"Database": "db"}
    started = athena.start_query_execution(
        QueryString=sql, WorkGroup="analysts", QueryExecutionContext=context
    )
    return dict(finished(bench, started["QueryExecutionId"])["Status"])


def done(bench: Bench, sql: str) -> None:
    status = run(bench, sql)
    assert status["State"] == "SUCCEEDED", status["StateChangeReason"]


def refused(bench: Bench, sql: str, credentials: dict[str, str] | None = None) -> str:
    """Why a statement failed."""
    status = run(bench, sql, credentials)
    assert status["State"] == "FAILED"
    return str(status["StateChangeReason"])
