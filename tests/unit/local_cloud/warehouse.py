"""Tables of the warehouse in tests, and short ways to ask it."""

from __future__ import annotations

from typing import Any

from local_cloud.adapters.redshift.engine import Session, User

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


def run(session: Session, sql: str, **parameters: str) -> list[tuple[Any, ...]]:
    """Rows of a statement in a batch."""
    return session.run(sql, parameters, query_id=1, in_batch=True).rows


def shown(session: Session, sql: str) -> list[tuple[str, ...]]:
    """Rows as text."""
    return [
        tuple("NULL" if value is None else str(value) for value in row) for row in run(session, sql)
    ]
