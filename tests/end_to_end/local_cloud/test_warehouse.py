"""The embedded Redshift Serverless through boto3: statements, batches, the lake, and its death in the middle."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.local_cloud.bench import Bench
from tests.end_to_end.local_cloud.warehouse import (
    DATABASE,
    FEBRUARY,
    MAY_READ_LAKE,
    NAME,
    REDSHIFT,
    Lake,
    Warehouse,
    template,
)

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


def test_a_load_of_the_lake_is_one_transaction_with_its_checks(warehouse: Warehouse) -> None:
    loaded = warehouse.done(*LOAD)
    assert [part["Id"] for part in loaded["SubStatements"]] == [
        f"{loaded['Id']}:{n}" for n in range(1, 6)
    ]
    assert [part["ResultRows"] for part in loaded["SubStatements"]] == [0, 3, 0, 3, 1]
    assert all(part["Duration"] > 0 for part in loaded["SubStatements"])
    assert warehouse.ask(
        "SELECT region, SUM(revenue) FROM curated.sales GROUP BY region ORDER BY 2 DESC"
    ) == [
        ["Europe", "103.43"],
        ["Asia", "0.20"],
    ]


def test_a_failed_statement_takes_the_whole_batch_back(warehouse: Warehouse) -> None:
    before = warehouse.ask("SELECT COUNT(*) FROM curated.sales")
    failed = warehouse.batch(
        "DELETE FROM curated.sales",
        "INSERT INTO operations.load_checks SELECT 'rows', NULL",
        "SELECT 1",
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
    assert [part["Status"] for part in killed["SubStatements"]] == [
        *["FINISHED"] * 3,
        "FAILED",
        "ABORTED",
    ]
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
    assert warehouse.ask(sql, given="it's") == [
        [3, "1.50", "2026-01-02", True, None, 1.5, "x", "it's", "IAM:root"]
    ]
    api = warehouse.api
    sent = api.execute_statement(Sql="SELECT 1 AS one, SUM(revenue) FROM curated.sales", WorkgroupName=NAME,
                                 Database=DATABASE, WaitTimeSeconds=10)  # fmt: skip
    columns = api.get_statement_result(Id=sent["Id"])["ColumnMetadata"]
    assert [
        (column["name"], column["typeName"], column["precision"], column["scale"])
        for column in columns
    ] == [
        ("one", "int4", 10, 0),
        ("sum", "numeric", 38, 2),
    ]


def test_a_long_result_comes_in_pages(warehouse: Warehouse) -> None:
    digits = (
        "(SELECT 0 AS d UNION ALL "
        + " UNION ALL ".join(f"SELECT {digit}" for digit in range(1, 10))
        + ")"
    )
    sql = f"SELECT a.d * 1000 + b.d * 100 + c.d * 10 + e.d AS n FROM {digits} a, {digits} b, {digits} c, {digits} e"
    rows = warehouse.ask(f"{sql} WHERE a.d < 3 ORDER BY 1")
    assert [row[0] for row in rows] == list(range(3000))


def test_the_same_token_runs_once(warehouse: Warehouse) -> None:
    warehouse.done("CREATE TABLE IF NOT EXISTS public.once (a int)")
    sent = [
        warehouse.api.execute_statement(
            Sql="INSERT INTO once VALUES (1)",
            WorkgroupName=NAME,
            Database=DATABASE,
            ClientToken="token-1",
        )["Id"]
        for _ in range(2)
    ]
    assert sent[0] == sent[1]
    warehouse.ended(sent[0])
    assert warehouse.ask("SELECT COUNT(*) FROM once") == [[1]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "VACUUM curated.sales",
            "ERROR: statement not supported by the embedded warehouse: VACUUM CURATED",
        ),
        ("BEGIN", "a batch is one transaction"),
        ("SELECT 1; SELECT 2", "one statement is expected, 2 were sent"),
        ("SELECT * FROM lake.nothing", "there is no table nothing in Glue lake"),
        (
            "INSERT INTO lake.sales VALUES (NULL, NULL, NULL)",
            "writing to external table lake.sales",
        ),
        ("INSERT INTO curated.sales VALUES ('2026-01-01', RPAD('x', 41), 1)", "takes 40 bytes"),
        ("SELECT 1/0", "Divide by zero"),
        ("SELECT nope FROM curated.sales", "nope"),
    ],
)
def test_a_statement_that_cannot_run_says_why(warehouse: Warehouse, sql: str, reason: str) -> None:
    assert reason in warehouse.refused(sql)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"Sqls": ["SELECT 1"] * 41}, "Sqls has 41 statements"),
        (
            {"Sqls": ["SELECT 1"], "Parameters": [{"name": "unused", "value": "x"}]},
            "Unused parameters",
        ),
        ({"Sqls": ["SELECT :a"]}, "Parameters are missing"),
        (
            {"Sqls": ["SELECT 1"], "SessionKeepAliveSeconds": 60},
            "SessionKeepAliveSeconds is not emulated",
        ),
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
    assert (
        warehouse.api.describe_statement(Id=waiting["Id"])["Status"] == "SUBMITTED"
    )  # one after the other
    assert warehouse.api.cancel_statement(Id=sent["Id"])["Status"] is True
    assert warehouse.ended(sent["Id"])["Status"] == "ABORTED"
    assert warehouse.ended(waiting["Id"])["Status"] == "FINISHED"


def test_a_stack_update_changes_what_may_change(bench: Bench, warehouse: Warehouse) -> None:
    serverless, cloudformation = bench.client("redshift-serverless"), bench.client("cloudformation")
    before = serverless.get_namespace(namespaceName=NAME)["namespace"]
    rows = warehouse.ask("SELECT COUNT(*) FROM curated.sales")
    other = bench.role("other-reader", REDSHIFT, *MAY_READ_LAKE)
    cloudformation.update_stack(StackName=NAME, TemplateBody=template(other, BaseCapacity=8))
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1}
    )
    after = serverless.get_namespace(namespaceName=NAME)["namespace"]
    assert after == before | {"defaultIamRoleArn": other, "iamRoles": [other]}
    assert serverless.get_workgroup(workgroupName=NAME)["workgroup"]["baseCapacity"] == 8
    assert warehouse.ask("SELECT COUNT(*) FROM curated.sales") == rows
    assert warehouse.ask("SELECT COUNT(*) FROM lake.sales")


def test_a_namespace_goes_with_its_database_and_its_secret(
    bench: Bench, stack: dict[str, str]
) -> None:
    """The last of the story: nothing of the namespace is left."""
    cloudformation = bench.client("cloudformation")
    assert (bench.cloud.path / "redshift" / f"{NAME}.duckdb").exists()
    cloudformation.delete_stack(StackName=NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1}
    )
    assert list((bench.cloud.path / "redshift").iterdir()) == []
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        bench.client("secretsmanager").get_secret_value(SecretId=stack["Secret"])
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        Warehouse(bench).ask("SELECT 1")
