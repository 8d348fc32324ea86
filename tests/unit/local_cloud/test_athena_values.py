"""Values and types as Athena prints them."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from local_cloud.adapters.athena import values as athena_values


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, None),
        (True, "true"),
        (Decimal("1.50"), "1.50"),
        (dt.date(2024, 1, 2), "2024-01-02"),
        (dt.datetime(2024, 1, 2, 3, 4, 5), "2024-01-02 03:04:05.000"),
        (dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2024-01-02 03:04:05.000 UTC"),
        (["a", None], "[a, null]"),
        ({"k": 1}, "{k=1}"),
        (b"\x01\xff", "01 ff"),
    ],
)
def test_values_are_printed_as_athena_does(value: Any, printed: str | None) -> None:
    assert athena_values.text(value) == printed


def test_a_decimal_keeps_precision_and_scale() -> None:
    kind = athena_values.result_type("DECIMAL(38,2)")
    assert (kind, kind.precision, kind.scale, kind.presto) == ("decimal", 38, 2, "decimal(38,2)")


def test_a_sum_of_integers_is_a_bigint() -> None:
    assert athena_values.result_type("HUGEINT") == "bigint"


def test_an_unknown_type_is_not_called_varchar() -> None:
    with pytest.raises(ValueError, match="no counterpart"):
        athena_values.result_type("UNION(a INTEGER)")
