"""The embedded Redshift Serverless through boto3: statements, batches, the lake, permissions, death mid-batch."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.local_cloud.conftest import Bench
from tests.end_to_end.local_cloud.warehouse import (
    ANYBODY,
    DATABASE,
    FEBRUARY,
    JANUARY,
    MAY_READ_LAKE,
    NAME,
    REDSHIFT,
    Lake,
    Warehouse,
    deploy,
    template,
)

USERS = "arn:aws:redshift:us-east-1:000000000000:dbuser:serverless-000000000000-*/"
TARGET = """CREATE TABLE IF NOT EXISTS curated.sales (
    period date NOT NULL ENCODE az64, region varchar(40) NOT NULL, revenue decimal(18,2), PRIMARY KEY (period, region)
) DISTSTYLE KEY DISTKEY (region) COMPOUND SORTKEY (period, region)"""
LOAD = (
    "CREATE TEMP TABLE staged_sales (LIKE curated.sales)",
    "INSERT INTO staged_sales (period, region, revenue) SELECT period, region, revenue FROM lake.sales "
    "WHERE period IN (DATE '2026-01-01', DATE '2026-02-01')",
    "DELETE FROM curated.sales WHERE period IN (DATE '2026-01-01', DATE '2026-02-01') AND NOT EXISTS "
    "(SELECT 1 FROM staged_sales s WHERE s.period = curated.sales.period AND s.region = curated.sales.region)",
    "MERGE INTO curated.sales USING staged_sales s ON curated.sales.period = s.period "
    "AND curated.sales.region = s.region WHEN MATCHED THEN UPDATE SET revenue = s.revenue "
    "WHEN NOT MATCHED THEN INSERT (period, region, revenue) VALUES (s.period, s.region, s.revenue)",
    "INSERT INTO operations.load_checks SELECT 'revenue', CASE WHEN a.total = b.total THEN TRUE END FROM "
    "(SELECT SUM(revenue) AS total FROM lake.sales) a CROSS JOIN (SELECT SUM(revenue) AS total FROM curated.sales) b",
)


@pytest.fixture(scope="module")
def stack(bench: Bench) -> dict[str, str]:
    reader = bench.role("reader", REDSHIFT, *MAY_READ_LAKE)
    trust("reader", bench, f"{USERS}*")
    return deploy(bench, template(reader))


def trust(name: str, bench: Bench, users: str) -> None:
    """Let Redshift assume a role for certain database users."""
    statement = {"Effect": "Allow", "Principal": REDSHIFT, "Action": "sts:AssumeRole"}
    statement |= {"Condition": {"StringLike": {"sts:ExternalId": users}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bench.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=policy)


@pytest.fixture(scope="module")
def lake(bench: Bench) -> Lake:
    lake = Lake(bench)
    lake.create()
    lake.append((JANUARY, "Europe", "100.10"), (JANUARY, "Asia", "0.20"), (FEBRUARY, "Europe", "3.33"))
    return lake


@pytest.fixture(scope="module")
def warehouse(bench: Bench, stack: dict[str, str], lake: Lake) -> Warehouse:
    assert stack["Name"] == NAME
    assert lake.bench is bench
    warehouse = Warehouse(bench)
    warehouse.done(
        "CREATE SCHEMA IF NOT EXISTS curated",
        "CREATE SCHEMA IF NOT EXISTS operations",
        "CREATE EXTERNAL SCHEMA IF NOT EXISTS lake FROM DATA CATALOG DATABASE 'lake' IAM_ROLE default",
        TARGET,
        "COMMENT ON TABLE curated.sales IS 'sales by month'",
        "CREATE TABLE IF NOT EXISTS operations.load_checks (measure varchar(20), equal_to_lake boolean NOT NULL)",
    )
    return warehouse


def role(bench: Bench, name: str, arn: str, *more: dict[str, Any]) -> dict[str, str]:
    """Credentials of a role that may run statements on one workgroup and see its own."""
    run = {"Action": ["redshift-data:ExecuteStatement", "redshift-data:BatchExecuteStatement"], "Resource": arn}
    look = {
        "Action": ["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
        "Resource": "*",
        "Condition": {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
    }
    return bench.assume(bench.role(name, ANYBODY, run, look, *more))


def test_a_load_of_the_lake_is_one_transaction_with_its_checks(warehouse: Warehouse) -> None:
    loaded = warehouse.done(*LOAD)
    assert [part["Id"] for part in loaded["SubStatements"]] == [f"{loaded['Id']}:{n}" for n in range(1, 6)]
    assert [part["ResultRows"] for part in loaded["SubStatements"]] == [0, 3, 0, 3, 1]
    assert all(part["Duration"] > 0 for part in loaded["SubStatements"])
    assert warehouse.ask("SELECT region, SUM(revenue) FROM curated.sales GROUP BY region ORDER BY 2 DESC") == [
        ["Europe", "103.43"],
        ["Asia", "0.20"],
    ]


def test_a_failed_statement_takes_the_whole_batch_back(warehouse: Warehouse) -> None:
    before = warehouse.ask("SELECT COUNT(*) FROM curated.sales")
    failed = warehouse.batch(
        "DELETE FROM curated.sales", "INSERT INTO operations.load_checks SELECT 'rows', NULL", "SELECT 1"
    )
    assert failed["Status"] == "FAILED"
    assert "NOT NULL" in failed["Error"]
    assert [part["Status"] for part in failed["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert warehouse.ask("SELECT COUNT(*) FROM curated.sales") == before


def test_statements_that_commit_one_by_one_do_not_touch_each_other(warehouse: Warehouse) -> None:
    ended = warehouse.batch(
        "CREATE TABLE public.kept (a int)", "SELECT * FROM nowhere", "INSERT INTO kept VALUES (7)",
        ExecutionMode="AUTO_COMMIT",
    )  # fmt: skip
    assert [part["Status"] for part in ended["SubStatements"]] == ["FINISHED", "FAILED", "FINISHED"]
    assert warehouse.ask("SELECT a FROM kept") == [[7]]


def test_a_warehouse_killed_between_staging_and_merge_leaves_the_target_as_it_was(
    bench: Bench, warehouse: Warehouse, lake: Lake
) -> None:
    warehouse.done(*LOAD)
    before = warehouse.ask("SELECT * FROM curated.sales ORDER BY 1, 2")
    lake.append((FEBRUARY, "Asia", "44.00"))
    bench.cloud.control("warehouse-crash-at/before/MERGE")
    killed = warehouse.batch(*LOAD)
    assert bench.cloud.control("no-warehouse-crash") == {"not_struck": []}
    assert killed["Status"] == "FAILED"
    assert [part["Status"] for part in killed["SubStatements"]] == [*["FINISHED"] * 3, "FAILED", "ABORTED"]
    assert warehouse.ask("SELECT * FROM curated.sales ORDER BY 1, 2") == before
    warehouse.done(*LOAD)
    assert warehouse.ask("SELECT COUNT(*), SUM(revenue) FROM curated.sales") == [[4, "147.63"]]


def test_a_restriction_to_one_month_reads_less_of_the_lake(warehouse: Warehouse) -> None:
    detail = (
        "SELECT scanned_files, returned_rows, returned_bytes FROM sys_external_query_detail "
        "WHERE external_query_text LIKE :text ORDER BY query_id DESC LIMIT 1"
    )
    warehouse.ask("SELECT SUM(revenue) AS everything FROM lake.sales")
    warehouse.ask("SELECT SUM(revenue) AS january FROM lake.sales WHERE period = DATE '2026-01-01'")
    everything = warehouse.ask(detail, text="%AS everything%")[0]
    january = warehouse.ask(detail, text="SELECT SUM(revenue) AS january%")[0]
    assert 0 < january[0] < everything[0]
    assert 0 < january[1] < everything[1]
    assert 0 < january[2] < everything[2]


def test_values_have_the_types_that_redshift_gives_them(warehouse: Warehouse) -> None:
    sql = (
        "SELECT 7/2 AS quotient, CAST(1.50 AS decimal(10,2)) AS money, DATE '2026-01-02' AS day, TRUE AS yes, "
        "NULL AS nothing, 1.5::float8 AS real_number, 'x' AS text, :given AS given, CURRENT_USER AS who"
    )
    assert warehouse.ask(sql, given="it's") == [[3, "1.50", "2026-01-02", True, None, 1.5, "x", "it's", "IAM:root"]]
    api = warehouse.api
    sent = api.execute_statement(Sql="SELECT 1 AS one, SUM(revenue) FROM curated.sales", WorkgroupName=NAME,
                                 Database=DATABASE, WaitTimeSeconds=10)  # fmt: skip
    columns = api.get_statement_result(Id=sent["Id"])["ColumnMetadata"]
    assert [(column["name"], column["typeName"], column["precision"], column["scale"]) for column in columns] == [
        ("one", "int4", 10, 0),
        ("sum", "numeric", 38, 2),
    ]


def test_a_long_result_comes_in_pages(warehouse: Warehouse) -> None:
    digits = "(SELECT 0 AS d UNION ALL " + " UNION ALL ".join(f"SELECT {digit}" for digit in range(1, 10)) + ")"
    sql = f"SELECT a.d * 1000 + b.d * 100 + c.d * 10 + e.d AS n FROM {digits} a, {digits} b, {digits} c, {digits} e"
    rows = warehouse.ask(f"{sql} WHERE a.d < 3 ORDER BY 1")
    assert [row[0] for row in rows] == list(range(3000))


def test_the_same_token_runs_once(warehouse: Warehouse) -> None:
    warehouse.done("CREATE TABLE IF NOT EXISTS public.once (a int)")
    sent = [
        warehouse.api.execute_statement(
            Sql="INSERT INTO once VALUES (1)", WorkgroupName=NAME, Database=DATABASE, ClientToken="token-1"
        )["Id"]
        for _ in range(2)
    ]
    assert sent[0] == sent[1]
    warehouse.ended(sent[0])
    assert warehouse.ask("SELECT COUNT(*) FROM once") == [[1]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("VACUUM curated.sales", "ERROR: statement not supported by the embedded warehouse: VACUUM CURATED"),
        ("BEGIN", "a batch is one transaction"),
        ("SELECT 1; SELECT 2", "one statement is expected, 2 were sent"),
        ("SELECT * FROM lake.nothing", "there is no table nothing in Glue lake"),
        ("INSERT INTO lake.sales VALUES (NULL, NULL, NULL)", "writing to external table lake.sales"),
        ("INSERT INTO curated.sales VALUES ('2026-01-01', RPAD('x', 41), 1)", "takes 40 bytes"),
        ("SELECT 1/0", "Divide by zero"),
        ("SELECT nope FROM curated.sales", "nope"),
    ],
)
def test_a_statement_that_cannot_run_says_why(warehouse: Warehouse, sql: str, reason: str) -> None:
    assert reason in warehouse.refused(sql)


def test_a_role_needs_the_workgroup_and_its_credentials(
    bench: Bench, stack: dict[str, str], warehouse: Warehouse
) -> None:
    stranger = role(bench, "stranger", "arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/other")
    with pytest.raises(ClientError, match=r"AccessDenied.*redshift-data:ExecuteStatement"):
        Warehouse(bench, stranger).ask("SELECT 1")
    half = role(bench, "half", stack["Arn"])
    with pytest.raises(ClientError, match=r"AccessDenied.*redshift-serverless:GetCredentials"):
        Warehouse(bench, half).ask("SELECT 1")
    credentials = {"Action": "redshift-serverless:GetCredentials", "Resource": stack["Arn"]}
    loader = Warehouse(bench, role(bench, "loader", stack["Arn"], credentials))
    assert loader.ask("SELECT CURRENT_USER, 'own' AS word") == [["IAMR:loader", "own"]]
    with pytest.raises(ClientError, match="AccessDenied"):
        loader.api.list_statements()
    sent = warehouse.api.execute_statement(Sql="SELECT 1", WorkgroupName=NAME, Database=DATABASE)
    with pytest.raises(ClientError, match="AccessDenied"):
        loader.api.describe_statement(Id=sent["Id"])


def test_only_the_identity_that_ran_a_statement_sees_it(bench: Bench, warehouse: Warehouse) -> None:
    everything = {"Action": "redshift-data:*", "Resource": "*"}
    other = Warehouse(bench, bench.assume(bench.role("curious", ANYBODY, everything)))
    sent = warehouse.api.execute_statement(Sql="SELECT 1", WorkgroupName=NAME, Database=DATABASE, WaitTimeSeconds=10)
    for look in (other.api.describe_statement, other.api.get_statement_result, other.api.cancel_statement):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            look(Id=sent["Id"])
    assert other.api.list_statements(Status="ALL")["Statements"] == []
    assert sent["Id"] in [item["Id"] for item in warehouse.api.list_statements()["Statements"]]


def test_the_lake_is_read_as_the_namespaces_role(bench: Bench, warehouse: Warehouse) -> None:
    bench.allow("reader", MAY_READ_LAKE[0])
    try:
        reason = warehouse.refused("SELECT COUNT(*) FROM lake.sales")
    finally:
        bench.allow("reader", *MAY_READ_LAKE)
    assert "assumed-role/reader" in reason
    assert "s3:GetObject" in reason
    bench.allow("reader", MAY_READ_LAKE[1])
    try:
        assert "glue:GetTable" in warehouse.refused("SELECT COUNT(*) FROM lake.sales")
    finally:
        bench.allow("reader", *MAY_READ_LAKE)


def test_the_role_of_the_lake_may_be_kept_to_some_database_users(bench: Bench, warehouse: Warehouse) -> None:
    trust("reader", bench, f"{USERS}IAMR:loader")
    try:
        assert "is not authorized to perform: sts:AssumeRole" in warehouse.refused("SELECT COUNT(*) FROM lake.sales")
    finally:
        trust("reader", bench, f"{USERS}*")
    assert warehouse.ask("SELECT COUNT(*) FROM lake.sales")


def test_the_admin_logs_in_with_the_secret_that_the_service_keeps(
    bench: Bench, stack: dict[str, str], warehouse: Warehouse
) -> None:
    value = json.loads(bench.client("secretsmanager").get_secret_value(SecretId=stack["Secret"])["SecretString"])
    assert value["username"] == "boss"
    api = warehouse.api
    sent = api.execute_statement(Sql="SELECT CURRENT_USER", WorkgroupName=NAME, Database=DATABASE,
                                 SecretArn=stack["Secret"], WaitTimeSeconds=10)  # fmt: skip
    assert sent["DbUser"] == "boss"
    assert api.get_statement_result(Id=sent["Id"])["Records"] == [[{"stringValue": "boss"}]]
    may_not = Warehouse(bench, role(bench, "no-secret", stack["Arn"]))
    with pytest.raises(ClientError, match=r"AccessDenied.*secretsmanager:GetSecretValue"):
        may_not.batch("SELECT 1", SecretArn=stack["Secret"])
    reads = {"Action": "secretsmanager:GetSecretValue", "Resource": stack["Secret"]}
    may = Warehouse(bench, role(bench, "has-secret", stack["Arn"], reads))
    assert may.batch("SELECT 1", SecretArn=stack["Secret"])["DbUser"] == "boss"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"Sqls": ["SELECT 1"] * 41}, "Sqls has 41 statements"),
        ({"Sqls": ["SELECT 1"], "Parameters": [{"name": "unused", "value": "x"}]}, "Unused parameters"),
        ({"Sqls": ["SELECT :a"]}, "Parameters are missing"),
        ({"Sqls": ["SELECT 1"], "SessionKeepAliveSeconds": 60}, "SessionKeepAliveSeconds is not emulated"),
    ],
)
def test_a_request_that_the_api_refuses_is_a_validation_error(
    warehouse: Warehouse, more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{reason}"):
        warehouse.api.batch_execute_statement(WorkgroupName=NAME, Database=DATABASE, **more)


def test_a_statement_can_be_cancelled(warehouse: Warehouse) -> None:
    many = "(SELECT 1 AS a UNION ALL " + " UNION ALL ".join(["SELECT 1"] * 40) + ")"
    slow = "SELECT COUNT(*) FROM " + ", ".join(f"{many} t{number}" for number in range(7))
    sent = warehouse.api.execute_statement(Sql=slow, WorkgroupName=NAME, Database=DATABASE)
    waiting = warehouse.api.execute_statement(Sql="SELECT 1", WorkgroupName=NAME, Database=DATABASE)
    time.sleep(0.5)
    assert warehouse.api.describe_statement(Id=waiting["Id"])["Status"] == "SUBMITTED"  # one after the other
    assert warehouse.api.cancel_statement(Id=sent["Id"])["Status"] is True
    assert warehouse.ended(sent["Id"])["Status"] == "ABORTED"
    assert warehouse.ended(waiting["Id"])["Status"] == "FINISHED"


def test_a_namespace_goes_with_its_database_and_its_secret(bench: Bench, stack: dict[str, str]) -> None:
    """The last of the story: nothing of the namespace is left."""
    cloudformation = bench.client("cloudformation")
    assert (bench.cloud.path / "redshift" / f"{NAME}.duckdb").exists()
    cloudformation.delete_stack(StackName=NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    assert list((bench.cloud.path / "redshift").iterdir()) == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        bench.client("secretsmanager").get_secret_value(SecretId=stack["Secret"])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        Warehouse(bench).ask("SELECT 1")
