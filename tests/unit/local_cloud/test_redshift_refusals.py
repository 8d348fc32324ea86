"""A statement that the embedded warehouse cannot carry out as Redshift would is refused, by name."""

from __future__ import annotations

import pytest

from local_cloud.adapters.redshift.engine import Session
from local_cloud.adapters.redshift.sql import StatementRefused
from tests.unit.local_cloud.warehouse import run

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
def test_a_statement_is_refused_by_name_and_never_skipped(
    session: Session, sql: str, reason: str
) -> None:
    before = session.connection.execute("FROM curated.sales").fetchall()
    with pytest.raises(StatementRefused) as refusal:
        run(session, sql)
    assert reason in str(refusal.value)
    assert session.connection.execute("FROM curated.sales").fetchall() == before
