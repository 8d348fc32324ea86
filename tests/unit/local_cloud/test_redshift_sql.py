"""Redshift's SQL on the embedded engine: what is taken and means the same, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from local_cloud.adapters import redshift_ddl, redshift_sql
from local_cloud.adapters.redshift_engine import Engine, Session, User
from local_cloud.adapters.redshift_sql import StatementRefused
from local_cloud.adapters.redshift_types import quotient_scale

SOMEBODY = User(name="IAMR:loader", number=101, superuser=False)
TABLES = (
    "CREATE SCHEMA IF NOT EXISTS curated",
    """CREATE TABLE curated.sales (
        k bigint NOT NULL ENCODE az64, n int, money decimal(18,2), day date, name varchar(5) DEFAULT 'x',
        real_number double precision, PRIMARY KEY (k), UNIQUE (n)
    ) BACKUP NO DISTSTYLE KEY DISTKEY (k) COMPOUND SORTKEY (day, k)""",
    "INSERT INTO curated.sales VALUES (1, 7, 10.10, '2026-01-31', 'a', 0.5), (2, 2, 0.20, '2026-02-28', NULL, 1.5)",
    "CREATE TABLE curated.money (a decimal(18,2), b decimal(18,2))",
    "INSERT INTO curated.money VALUES (99999999999.99, 0.01), (0.02, 3), (1.00, 1.01)",
)
STAGED = (
    "CREATE TEMP TABLE staged (LIKE curated.sales)",
    "INSERT INTO staged (k, n, money, day) VALUES (2, 3, 5.55, '2026-02-01'), (3, 4, 1, '2026-03-01')",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("redshift")
    engine = Engine(file=folder / "n.duckdb", endpoint="", default_role=lambda: None, user_arns=lambda: "")
    with engine.session(SOMEBODY) as session:
        for sql in TABLES:
            run(session, sql)
    yield engine
    engine.delete()
    assert list(folder.iterdir()) == []


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A batch that is never committed, so that every test finds the tables as they were made."""
    with engine.session(SOMEBODY) as session:
        session.connection.execute("BEGIN")
        for sql in STAGED:
            run(session, sql)
        yield session


def run(session: Session, sql: str, **parameters: str) -> list[tuple[Any, ...]]:
    return session.run(sql, parameters, query_id=1, in_batch=True).rows


def shown(session: Session, sql: str) -> list[tuple[str, ...]]:
    return [tuple("NULL" if value is None else str(value) for value in row) for row in run(session, sql)]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7/2", "3"),
        ("-7/2", "-3"),
        ("n/2", "3"),
        ("n/2.0", "3.5000"),
        ("real_number/2", "0.25"),
        ("k % 2", "1"),
        ("NVL(name, 'none')", "a"),
        ("CONCAT('a', CAST(NULL AS varchar(1)))", "NULL"),
        ("'a' || name", "aa"),
        ("TO_CHAR(day, 'YYYY-MM')", "2026-01"),
        ("DATEADD(month, 1, day)", "2026-02-28 00:00:00"),
        ("DATEDIFF(month, DATE '2026-01-31', DATE '2026-02-01')", "1"),
        ("DATE_TRUNC('month', day)::date", "2026-01-01"),
        ("EXTRACT(year FROM day)", "2026"),
        ("DATE_PART(month, day)", "1"),
        ("DATE_PART('quarter', day)", "1"),
        ("GETDATE()::date = SYSDATE::date", "True"),
        ("CASE WHEN money = 10.10 THEN TRUE END", "True"),
        ("CASE WHEN money = 10 THEN TRUE END", "NULL"),
        ("CURRENT_USER", "IAMR:loader"),
        ("LEN(name)", "1"),
        ("DECODE(n, 7, 'seven', 'other')", "seven"),
        ("ROUND(money, 1)", "10.1"),
        ("money * 100", "1010.00"),
    ],
)
def test_an_expression_has_redshifts_value(session: Session, expression: str, value: str) -> None:
    assert shown(session, f"SELECT {expression} AS x FROM curated.sales WHERE k = 1") == [(value,)]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT SUM(a), SUM(a - b), AVG(b) FROM curated.money", [("100000000001.01", "99999999996.99", "1.34")]),
        # (38,2) by (38,2): four digits, as Redshift's rule leaves; the last one rounded, see redshift_types
        ("SELECT SUM(a) / SUM(b) FROM curated.money WHERE b = 3", [("0.0067",)]),
        ("SELECT 100.0 * SUM(a) / SUM(b) FROM curated.money WHERE b = 3", [("0.6667",)]),
        ("SELECT SUM(k), SUM(n), AVG(n), COUNT(*) FROM curated.sales", [("3", "9", "4", "2")]),
        ("SELECT AVG(real_number) FROM curated.sales", [("1.0",)]),
        ("SELECT k, SUM(money) OVER (ORDER BY k ROWS UNBOUNDED PRECEDING) FROM curated.sales ORDER BY k",
         [("1", "10.10"), ("2", "10.30")]),
        ("SELECT k FROM (SELECT k, ROW_NUMBER() OVER (PARTITION BY 1 ORDER BY money DESC) AS r FROM curated.sales) "
         "WHERE r = 1", [("1",)]),
        ("WITH t AS (SELECT day, SUM(money) AS m FROM curated.sales GROUP BY day) "
         "SELECT m / SUM(m) OVER () FROM t ORDER BY 1", [("0.0194",), ("0.9806",)]),
        ("SELECT LISTAGG(k, '-') WITHIN GROUP (ORDER BY k DESC), LISTAGG(k) WITHIN GROUP (ORDER BY k) "
         "FROM curated.sales", [("2-1", "12")]),
        ("SELECT name FROM curated.sales ORDER BY name", [("a",), ("NULL",)]),
        ("SELECT name FROM curated.sales ORDER BY name DESC", [("NULL",), ("a",)]),
        ("SELECT TOP 1 k FROM curated.sales ORDER BY k", [("1",)]),
        ("SELECT MEDIAN(money), PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY n) FROM curated.sales", [("5.15", "4.5")]),
    ],
)  # fmt: skip
def test_a_query_has_redshifts_rows(session: Session, sql: str, rows: list[tuple[str, ...]]) -> None:
    assert shown(session, sql) == rows


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
    run(session, "INSERT INTO curated.sales (k, n) VALUES (1, 7)")  # a duplicate of primary key and of UNIQUE
    assert shown(session, "SELECT COUNT(*) FROM curated.sales WHERE k = 1") == [("2",)]
    for target in ("curated.sales", "staged"):
        assert [row[0] for row in session.connection.execute(f"DESCRIBE {target}").fetchall() if row[2] == "NO"] == [
            "k"
        ]


def test_a_primary_key_column_is_not_null(session: Session) -> None:
    run(session, "CREATE TABLE curated.keyed (a int, b int, PRIMARY KEY (a))")
    with pytest.raises(duckdb.ConstraintException, match=r"NOT NULL.*keyed\.a"):
        run(session, "INSERT INTO curated.keyed (b) VALUES (1)")


def test_a_text_is_measured_in_bytes(session: Session) -> None:
    run(session, "INSERT INTO curated.sales (k, name) VALUES (5, 'abcde')")
    with pytest.raises(duckdb.ConstraintException, match="strlen"):
        run(session, "INSERT INTO curated.sales (k, name) VALUES (6, 'éééé')")


def test_what_has_no_effect_is_kept(session: Session) -> None:
    run(session, "GRANT SELECT ON TABLE curated.sales TO ROLE analysts")
    run(session, "CREATE USER bob PASSWORD 'secret'")
    kept = session.connection.execute("SELECT object, what FROM slipway_catalog.without_effect").fetchall()
    assert kept == [
        ("curated.sales", "BACKUP NO, DISTSTYLE KEY, DISTKEY(k), COMPOUND SORTKEY(day, k), k ENCODE az64"),
        ("users and privileges", "GRANT SELECT ON TABLE curated.sales TO ROLE analysts"),
        ("users and privileges", "CREATE USER bob"),
    ]


def test_a_parameter_is_a_text_and_never_sql(session: Session) -> None:
    assert run(session, "SELECT :word AS w, ':word' AS quoted", word="a'; DROP TABLE x") == [
        ("a'; DROP TABLE x", ":word")
    ]
    assert redshift_sql.parameter_names("-- not :e\nSELECT :a, b::int, ':c', x.y::date = :d") == {"a", "d"}
    with pytest.raises(StatementRefused, match="there is no parameter 'missing'"):
        run(session, "SELECT :missing")


REFUSED = [
    ("BEGIN", "BEGIN; a batch is one transaction"),
    ("COMMIT", "COMMIT; a batch is one transaction"),
    ("TRUNCATE curated.sales", "TRUNCATE commits the transaction that it is in"),
    ("VACUUM curated.sales", "VACUUM"),
    ("ANALYZE curated.sales", "ANALYZE"),
    ("COPY curated.sales FROM 's3://b/x' IAM_ROLE default", "read the lake through an external schema"),
    ("UNLOAD ('SELECT 1') TO 's3://b/x' IAM_ROLE default", "UNLOAD"),
    ("SET search_path TO curated", "SET"),
    ("SHOW TABLES", "SHOW"),
    ("CALL x()", "CALL"),
    ("LOCK curated.sales", "LOCK"),
    ("ALTER TABLE curated.sales ADD COLUMN z int", "ALTER TABLE"),
    ("CREATE VIEW curated.v AS SELECT 1", "CREATE VIEW"),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1", "MaterializedProperty"),
    ("SELECT 1 INTO x", "Into"),
    ("SELECT 1; SELECT 2", "one statement is expected, 2 were sent"),
    ("SELECT FROM WHERE", "syntax error"),
    ("SELECT RATIO_TO_REPORT(n) OVER () FROM curated.sales", "function RATIO_TO_REPORT"),
    ("SELECT APPROXIMATE COUNT(DISTINCT n) FROM curated.sales", "function APPROX"),
    ("SELECT TO_CHAR(day, 'Q') FROM curated.sales", "format of TO_CHAR"),
    ("SELECT name / 2 FROM curated.sales", "type of sales.name in sales.name / 2 cannot be told; cast it"),
    ("DELETE FROM curated.sales WHERE n / 2 = 1", "in DELETE; compute it in a staged SELECT"),
    ("DELETE FROM curated.sales s WHERE s.k = 1", "DELETE with an alias"),
    ("SELECT * FROM read_csv('/etc/passwd')", "function READ_CSV"),
    ("SELECT * FROM slipway_catalog.without_effect", "schema slipway_catalog"),
    ("SELECT * FROM other.curated.sales", "name of three parts"),
    ("CREATE TABLE curated.x (a super)", "type SUPER of column a"),
    ("CREATE TABLE curated.x (a int IDENTITY(0, 1))", "GeneratedAsIdentityColumnConstraint"),
    ("CREATE TABLE curated.x (a int, FOREIGN KEY (a) REFERENCES curated.sales (k))", "ForeignKey"),
    ("DROP TABLE curated.sales CASCADE", "CASCADE"),
    ("CREATE EXTERNAL SCHEMA x FROM HIVE METASTORE DATABASE 'x' URI 'u' IAM_ROLE default", "CREATE EXTERNAL SCHEMA"),
    ("CREATE EXTERNAL TABLE x.y (a int) STORED AS PARQUET LOCATION 's3://b/x'", "CREATE EXTERNAL SCHEMA name"),
    ("MERGE INTO curated.sales t USING staged s ON t.k = s.k WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN "
     "INSERT (k) VALUES (s.k)", "MERGE with an alias of its target"),
    ("MERGE INTO curated.sales USING staged s ON curated.sales.k = s.k WHEN MATCHED THEN UPDATE SET n = s.n",
     "MERGE needs WHEN MATCHED and then WHEN NOT MATCHED"),
    ("MERGE INTO curated.sales USING staged s ON curated.sales.k = s.k WHEN MATCHED THEN UPDATE SET sales.n = s.n "
     "WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)", "name the target column without its table"),
    ("MERGE INTO curated.sales USING staged s ON curated.sales.k = s.k REMOVE DUPLICATES", "syntax error"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "reason"), REFUSED)
def test_a_statement_is_refused_by_name_and_never_skipped(session: Session, sql: str, reason: str) -> None:
    before = session.connection.execute("FROM curated.sales").fetchall()
    with pytest.raises(StatementRefused) as refusal:
        run(session, sql)
    assert reason in str(refusal.value)
    assert session.connection.execute("FROM curated.sales").fetchall() == before


@pytest.mark.parametrize("sql", ["SELECT n / (n - n) FROM curated.sales", "SELECT money / 0 FROM curated.sales"])
def test_a_division_by_zero_is_an_error(session: Session, sql: str) -> None:
    with pytest.raises(duckdb.Error, match="Divide by zero"):
        run(session, sql)


@pytest.mark.parametrize(
    ("left", "right", "scale"),
    [((18, 2), (18, 2), 19), ((38, 2), (38, 2), 4), ((10, 0), (2, 1), 4), ((7, 2), (5, 2), 6)],
)
def test_a_quotients_scale_follows_redshifts_rule(left: tuple[int, int], right: tuple[int, int], scale: int) -> None:
    # Source: Redshift database developer guide, "Computations with numeric values"
    assert quotient_scale(left, right) == scale


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
    engine = Engine(file=tmp_path / "kept.duckdb", endpoint="", default_role=lambda: None, user_arns=lambda: "")

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
