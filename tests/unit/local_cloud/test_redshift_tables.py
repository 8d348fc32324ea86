"""Tables of the embedded warehouse: what is enforced, what is only kept, what outlives a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from local_cloud.adapters.redshift import ddl as redshift_ddl
from local_cloud.adapters.redshift.engine import Engine, Session
from local_cloud.adapters.redshift.sql import StatementRefused
from tests.unit.local_cloud.warehouse import SOMEBODY, run, shown


def test_a_merge_changes_and_adds(session: Session) -> None:
    run(session, "MERGE INTO curated.sales USING staged s ON curated.sales.k = s.k WHEN MATCHED THEN UPDATE SET "
        "money = s.money WHEN NOT MATCHED THEN INSERT (k, n, money) VALUES (s.k, s.n, s.money)")  # fmt: skip
    assert shown(session, "SELECT k, money FROM curated.sales ORDER BY k") == [
        ("1", "10.10"), ("2", "5.55"), ("3", "1.00")
    ]  # fmt: skip


def test_a_merge_of_one_row_with_two_is_refused(session: Session) -> None:
    run(session, "INSERT INTO staged (k, n) VALUES (2, 9)")
    with pytest.raises(duckdb.Error, match="more than once"):
        run(session, "MERGE INTO curated.sales USING staged s ON curated.sales.k = s.k WHEN MATCHED THEN UPDATE SET "
            "money = s.money WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)")  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM curated.sales WHERE day IN (DATE '2026-02-28') AND EXISTS "
        "(SELECT 1 FROM staged s WHERE s.k = curated.sales.k)",
        "DELETE FROM curated.sales WHERE NOT EXISTS (SELECT 1 FROM staged s WHERE s.k <> sales.k AND s.k = 2)",
        "DELETE FROM curated.sales USING staged WHERE curated.sales.k = staged.k",
    ],
)
def test_a_delete_takes_the_rows_that_it_names(session: Session, sql: str) -> None:
    run(session, sql)
    assert shown(session, "SELECT k FROM curated.sales") == [("1",)]


def test_keys_are_informational_and_not_null_is_enforced(session: Session) -> None:
    run(
        session, "INSERT INTO curated.sales (k, n) VALUES (1, 7)"
    )  # a duplicate of primary key and of UNIQUE
    assert shown(session, "SELECT COUNT(*) FROM curated.sales WHERE k = 1") == [("2",)]
    for target in ("curated.sales", "staged"):
        assert [
            row[0]
            for row in session.connection.execute(f"DESCRIBE {target}").fetchall()
            if row[2] == "NO"
        ] == ["k"]


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ("a int, b int, PRIMARY KEY (a)", "a"),
        ("a int PRIMARY KEY, b int", "a"),
        ("a int NULL, b int NOT NULL", "b"),
    ],
)
def test_a_column_of_the_key_or_not_null_takes_no_null(
    session: Session, columns: str, missing: str
) -> None:
    run(session, f"CREATE TABLE curated.keyed ({columns})")
    present = "b" if missing == "a" else "a"
    with pytest.raises(duckdb.ConstraintException, match=rf"NOT NULL.*keyed\.{missing}"):
        run(session, f"INSERT INTO curated.keyed ({present}) VALUES (1)")


def test_a_text_is_measured_in_bytes(session: Session) -> None:
    run(session, "INSERT INTO curated.sales (k, name) VALUES (5, 'abcde')")
    with pytest.raises(duckdb.ConstraintException, match="strlen"):
        run(session, "INSERT INTO curated.sales (k, name) VALUES (6, 'éééé')")


def test_what_has_no_effect_is_kept(session: Session) -> None:
    for _ in range(2):
        run(session, "GRANT SELECT ON TABLE curated.sales TO ROLE analysts")
    run(session, "CREATE USER bob PASSWORD 'secret'")
    kept = session.connection.execute(
        "SELECT object, what FROM slipway_catalog.without_effect"
    ).fetchall()
    assert kept == [
        (
            "curated.sales",
            "BACKUP NO, DISTSTYLE KEY, DISTKEY(k), COMPOUND SORTKEY(day, k), k ENCODE az64",
        ),
        ("users and privileges", "GRANT SELECT ON TABLE curated.sales TO ROLE analysts"),
        ("users and privileges", "CREATE USER bob"),
    ]


@pytest.mark.parametrize(
    ("sql", "role"),
    [
        ("-- the lake; 'quoted\n/* all of it */ CREATE EXTERNAL SCHEMA IF NOT EXISTS lake FROM DATA CATALOG "
         "DATABASE 'db' IAM_ROLE default", None),
        ("create external schema lake from data catalog\n database 'db' region 'us-east-1'\n iam_role "
         "'arn:aws:iam::000000000000:role/r';", "arn:aws:iam::000000000000:role/r"),
    ],
)  # fmt: skip
def test_an_external_schema_names_a_glue_database_and_a_role(sql: str, role: str | None) -> None:
    schema = redshift_ddl.external_schema(sql)
    assert schema is not None
    assert (schema.name, schema.database, schema.role) == ("lake", "db", role)


def test_a_failed_batch_leaves_no_external_schema(engine: Engine, session: Session) -> None:
    run(session, "CREATE EXTERNAL SCHEMA lake FROM DATA CATALOG DATABASE 'db' IAM_ROLE default")
    with pytest.raises(StatementRefused, match="no default IAM role"):
        run(session, "SELECT * FROM lake.sales")
    session.connection.execute("ROLLBACK")
    with engine.session(SOMEBODY) as later, pytest.raises(duckdb.CatalogException, match="lake"):
        run(later, "SELECT * FROM lake.sales")


@pytest.fixture
def reopened(tmp_path: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    engine = Engine(
        file=tmp_path / "kept.duckdb", endpoint="", default_role=lambda: None, user_arns=lambda: ""
    )

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with engine.session(SOMEBODY) as session:
            rows = run(session, sql)
        engine.stop()
        return rows

    return ask


def test_a_table_outlives_the_engine_and_a_temporary_one_its_session(
    reopened: Callable[[str], list[tuple[Any, ...]]],
) -> None:
    reopened("CREATE TABLE kept AS SELECT 1 AS a")
    reopened("CREATE TEMP TABLE gone AS SELECT 1 AS a")
    assert reopened("SELECT a FROM kept") == [(1,)]
    with pytest.raises(duckdb.CatalogException, match="gone"):
        reopened("SELECT a FROM gone")
