"""The only module that knows sqlglot: what a rule or a curated model reads and gives.

Parsed in Spark's dialect, since that engine runs it first; what DuckDB must read too is tried in the tests.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def expression_columns(expression: str) -> set[str]:
    """Names of the columns that a SQL expression reads."""
    return {column.name for column in sqlglot.parse_one(expression, read="spark").find_all(exp.Column)}
