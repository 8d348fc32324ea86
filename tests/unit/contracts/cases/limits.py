"""Expressions and the greatest and least values of every type, for the tests of overflow (here and on Spark)."""

from __future__ import annotations

import itertools

TYPES = {
    "few": "int",
    "many": "int",
    "big": "bigint",
    "huge": "bigint",
    "price": "decimal(10,2)",
    "wide": "decimal(38,2)",
    "name": "string",
    "day": "date",
    "yes": "boolean",
}
EXTREMES = {
    "few": (-(2**31), 2**31 - 1),
    "many": (-(2**31), 2**31 - 1),
    "big": (-(2**63), 2**63 - 1),
    "huge": (-(2**63), 2**63 - 1),
    "price": ("-99999999.99", "99999999.99"),
}
# Accepted, and computed from extreme values without an error.
FITS = (
    "cast(few as bigint) * many > 0",
    "cast(few as bigint) * cast(many as bigint) > 0",
    "cast(big as decimal(19,0)) + cast(huge as decimal(19,0)) > 0",
    "cast(few as decimal(10,0)) * cast(big as decimal(19,0)) > 0",
    "abs(few * price - price) <= 0.01",
    "-cast(few as bigint) > 0",
    "least(few, many) < greatest(few, many)",
    "coalesce(few, 0) = many",
    "year(day) * 10000 + month(day) * 100 + day(day) > 0",
    "case when yes then 1 else 2 end * 3 > 0",
    "few * 1.5 > 0",
    "try_cast(few as bigint) > 0",
)
# Refused, and an error for some extreme values.
OVERFLOWS = (
    "few * many > 0",
    "few + 1 > 0",
    "few - many > 0",
    "-few > 0",
    "abs(few) > 0",
    "(few + many) > 0",
    "case when few > 0 then few * many else many end > 0",
    "coalesce(few, 0) * 2 > 0",
    "nullif(few, 0) * 2 > 0",
    "-big > 0",
    "abs(big) > 0",
    "big + 1 > 0",
    "big + few > 0",
    "few * big > 0",
    "big * 10 > 0",
    "cast(few as bigint) * many * few > 0",
)


def extreme_rows() -> str:
    """A SELECT of every combination of extreme values, in the SQL of Spark and DuckDB."""
    rows = [
        ", ".join(
            f"CAST({value} AS {TYPES[name]}) AS {name}"
            for name, value in zip(EXTREMES, values, strict=True)
        )
        for values in itertools.product(*EXTREMES.values())
    ]
    others = "'text' AS name, DATE '2024-12-31' AS day, TRUE AS yes"
    return " UNION ALL ".join(f"SELECT {row}, {others}" for row in rows)
