"""Rows as the Data API returns them, and crashes that wait for their statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from local_cloud.adapters.redshift import results as redshift_results
from local_cloud.instruments import warehouse_crashes


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, {"isNull": True}),
        (True, {"booleanValue": True}),
        (7, {"longValue": 7}),
        (2**63, {"stringValue": "9223372036854775808"}),  # SUM of BIGINT is NUMERIC
        (0.5, {"doubleValue": 0.5}),
        (Decimal("1.50"), {"stringValue": "1.50"}),
        (Decimal("1E+3"), {"stringValue": "1000"}),
        (dt.date(2026, 1, 2), {"stringValue": "2026-01-02"}),
        (dt.datetime(2026, 1, 2, 3, 4, 5), {"stringValue": "2026-01-02 03:04:05"}),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 120000), {"stringValue": "2026-01-02 03:04:05.12"}),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), {"stringValue": "2026-01-02 00:00:00+00"}),
        ("text", {"stringValue": "text"}),
    ],
)
def test_a_value_is_a_typed_field(value: Any, field: dict[str, Any]) -> None:
    assert redshift_results.field(value) == field


def test_a_column_has_redshifts_type() -> None:
    found = [
        redshift_results.column_metadata("A", kind)
        for kind in ("DECIMAL(18,2)", "BIGINT", "VARCHAR")
    ]
    assert [(c["name"], c["typeName"], c["precision"], c["scale"]) for c in found] == [
        ("a", "numeric", 18, 2),
        ("a", "int8", 19, 0),
        ("a", "varchar", 65535, 0),
    ]
    with pytest.raises(ValueError, match="BLOB, which Redshift has not"):
        redshift_results.column_metadata("a", "BLOB")


@pytest.fixture
def armed() -> Iterator[None]:
    warehouse_crashes.disarm()
    yield
    warehouse_crashes.disarm()


@pytest.mark.usefixtures("armed")
def test_a_crash_strikes_once_at_its_statement() -> None:
    warehouse_crashes.arm("before", "MERGE")
    warehouse_crashes.arm("after", "2")
    assert not warehouse_crashes.strikes("before", 1, "INSERT INTO t VALUES (1)")
    assert not warehouse_crashes.strikes("after", 1, "merge into t")
    assert warehouse_crashes.strikes("before", 5, "merge into t")
    assert not warehouse_crashes.strikes("before", 5, "merge into t")
    assert warehouse_crashes.disarm() == {"not_struck": ["after 2"]}
    assert "is not one of before, after" in warehouse_crashes.arm("during", "1")["message"]
