"""More changes of `members`: from versions that are not the fixture itself, or in the other direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.model import Contract, Forecast, Warehouse
from tests.unit.contracts.versions import (
    members,
    new_column,
    with_column,
    with_model,
    with_model_column,
    with_rule,
)

M = members()
INTAKE, RETENTION = M.intake, M.retention
EVOLVING = replace(M, schema_change="evolve")
SKIPPED = replace(EVOLVING, intake=replace(INTAKE, ignored_headers=("NICKNAME",)))
WITHOUT_PHONE = tuple(item for item in M.columns if item.name != "phone")
Pair = tuple[Contract, Contract]


def column(name: str, attribute: str, before: Any, after: Any, **others: Any) -> Pair:
    """Members with one column as before, and as after."""
    return with_column(name, **{attribute: before}, **others), with_column(
        name, **{attribute: after}, **others
    )


def warehouse(before: Warehouse | None, after: Warehouse | None) -> Pair:
    """Members whose aggregate is laid out in these ways."""
    return with_model(warehouse=before), with_model(warehouse=after)


def forecast(before: Forecast | None, after: Forecast | None) -> Pair:
    """Members whose aggregate is forecast in these ways."""
    return with_model(forecast=before), with_model(forecast=after)


def treatment(before: str | None, after: str | None, **others: Any) -> Pair:
    """Members whose phone, a text, is treated in these ways."""
    return column("phone", "pii", before, after, **others)


def moved_subject() -> Contract:
    """Members in which somebody else's column says whom a row is about."""
    return replace(
        M, columns=tuple(replace(item, data_subject=item.name == "full_name") for item in M.columns)
    )


AUTO = Warehouse(distribution="auto", distribution_key=None, sort_keys=())
BY_KEY = Warehouse(
    distribution="key", distribution_key="members", sort_keys=("month_start", "members")
)
AHEAD = Forecast(of="fees", by=(), horizon=6)
OTHER_CHANGES: dict[str, Pair] = {
    "no version kept any more": (replace(M, history=True), M),
    "files without it are loaded": column("weeks", "absent", "refuse", "clear"),
    "no checksum any more": (
        replace(M, intake=replace(M.intake, checksum="sha256")),
        M,
    ),
    "files without it change nothing": column("weeks", "absent", "clear", "keep"),
    "optional column added under evolve": (
        EVOLVING,
        replace(EVOLVING, columns=(*M.columns, new_column())),
    ),
    "column taken whose header was skipped": (
        SKIPPED,
        replace(SKIPPED, columns=(*M.columns, new_column())),
    ),
    "dropped column taken whose header was skipped": (
        SKIPPED,
        replace(SKIPPED, columns=(*M.columns, new_column(pii="drop"))),
    ),
    "dropped column removed that files may carry": (
        M,
        replace(M, columns=WITHOUT_PHONE, intake=replace(INTAKE, ignored_headers=("Phone",))),
    ),
    "headers skipped no more": (SKIPPED, EVOLVING),
    "several headers skipped no more": (
        replace(M, intake=replace(INTAKE, ignored_headers=("NICKNAME", "AGE"))),
        replace(M, intake=replace(INTAKE, ignored_headers=())),
    ),
    "number becomes text": column("fee", "type", "decimal(8,2)", "string"),
    "text becomes a number": column("fee", "type", "string", "decimal(8,2)"),
    "limit removed": column("weeks", "minimum", "1", None),
    "minimum raised": column("weeks", "minimum", "9", "10"),
    "minimum lowered": column("weeks", "minimum", "10", "9"),
    "maximum raised": column("weeks", "maximum", "9", "10"),
    "maximum lowered": column("weeks", "maximum", "10", "9"),
    "first day later": column("joined_on", "minimum", "2009-12-31", "2010-01-01"),
    "first moment later": column(
        "joined_on", "minimum", "2009-12-31T00:00:00", "2010-01-01T00:00:00", type="timestamp"
    ),
    "limit written otherwise": column("fee", "minimum", "5.0", "5.00"),
    "upper limit written otherwise": column("fee", "maximum", "5.0", "5.00"),
    "longer texts": column("member", "max_length", 9, 10),
    "shorter texts": column("member", "max_length", 10, 9),
    "values taken away": column("phone", "allowed", ("a", "b"), ("a",)),
    "values added": column("phone", "allowed", ("a",), ("a", "b")),
    "other values": column("phone", "allowed", ("a",), ("b",)),
    "values in a different order": column("phone", "allowed", ("a", "b"), ("b", "a")),
    "a different pattern": column("phone", "pattern", "a", "b"),
    "text becomes a token": treatment(None, "hash"),
    "text becomes a mask": treatment(None, "mask"),
    "text is dropped": treatment(None, "drop"),
    "token becomes readable": treatment("hash", None),
    "mask is dropped": treatment("mask", "drop"),
    "dropped column is masked": treatment("drop", "mask"),
    "required dropped column is hashed": treatment("drop", "hash", required=True),
    "the data subject is a different column": (M, moved_subject()),
    "rule added": (replace(M, rules=M.rules[1:]), M),
    "warning added": (replace(M, rules=M.rules[:1]), M),
    "warning becomes halt": (M, with_rule("phone_is_international", action="halt")),
    "table rules added": (replace(M, table_rules=()), M),
    "raw is kept longer": (
        M,
        replace(M, retention=replace(RETENTION, raw_days=RETENTION.raw_days + 1)),
    ),
    "rows stay for good": (replace(M, retention=replace(RETENTION, processed_days=400)), M),
    "quarantine leaves earlier": (M, replace(M, retention=replace(RETENTION, quarantine_days=31))),
    "aggregate column described": (M, with_model_column("fees", description="x")),
    "aggregate column becomes required": (
        with_model_column("fees", required=False),
        with_model_column("fees", required=True),
    ),
    "aggregate text gets a length": (M, with_model_column("fees", max_length=9)),
    "aggregate goes to the warehouse": warehouse(None, AUTO),
    "aggregate leaves the warehouse": warehouse(BY_KEY, None),
    "aggregate is laid out otherwise": warehouse(AUTO, BY_KEY),
    "aggregate is forecast": forecast(None, AHEAD),
    "aggregate is forecast no more": forecast(AHEAD, None),
    "aggregate is forecast further ahead": forecast(AHEAD, replace(AHEAD, horizon=12)),
    "aggregate is forecast by other columns": forecast(AHEAD, replace(AHEAD, by=("members",))),
}
