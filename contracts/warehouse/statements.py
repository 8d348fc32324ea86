"""Statements of a warehouse load, filled from the contract into the files of sql/redshift/load."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from contracts.errors import ContractInvalid, PermanentError
from contracts.model import Contract, CuratedModel
from contracts.warehouse import ddl as warehouse_ddl
from contracts.warehouse.sql import identifier, literal, quoted, statement, text

Mode = Literal["periods", "everything"]

TABLES, LAKE, OPERATIONS = "curated", "lake", "operations"  # schemas
_LOADS = f"{quoted(OPERATIONS)}.{quoted('loads')}"
_CHECKS = f"{quoted(OPERATIONS)}.{quoted('load_checks')}"
BY_HAND = "by-hand"  # run_id of a load that no run asked for
REFUSED = "refused"  # mode of a load that the database refused
# Source: Redshift Data API reference, BatchExecuteStatement, Sqls: at most 40 items, which are one transaction.
MOST_STATEMENTS = 40
STATEMENTS_PER_TABLE = 7  # drop or delete; create, stage table, stage rows, merge, compare, record
MOST_TABLES = (MOST_STATEMENTS - 1) // STATEMENTS_PER_TABLE  # the last one selects the figures
MOST_PERIODS = 2_000  # 19 bytes each, twice in difference.sql; more are loaded as everything
MONEY_DIGITS = 38  # of a SUM over any DECIMAL (guide, "SUM function")
_RUN_ID = re.compile(r"^[A-Za-z0-9-]{1,64}$")


@dataclass(frozen=True, kw_only=True)
class TableLoad:
    """How one table is loaded: `periods` are first days (YYYY-MM-DD), empty for everything.

    `anew` drops and creates it. `snapshot_id` is the snapshot of the lake that the table then holds, None if
    unknown.
    """

    model: CuratedModel
    mode: Mode
    periods: tuple[str, ...]
    anew: bool
    snapshot_id: int | None

    def __post_init__(self) -> None:
        """Raises ValueError for a load that would leave rows out: a new table needs all, and no periods mean all."""
        if (self.mode == "periods") != bool(self.periods) or (self.anew and self.periods):
            raise ValueError(
                f"{self.model.name}: mode {self.mode}, {len(self.periods)} periods, anew {self.anew}"
            )


def marked(contract: Contract) -> tuple[CuratedModel, ...]:
    """The curated models that the contract marks for the warehouse."""
    return tuple(model for model in contract.curated if model.warehouse)


def preparation(models: Sequence[CuratedModel], glue_database: str) -> list[str]:
    """What every load begins with: schemas, the tables that remember loads, and last the newest load of each model."""
    return [
        *(statement("create_schema", name, schema=quoted(name)) for name in (TABLES, OPERATIONS)),
        # Without the comment, since tools know this statement by its first words.
        text("create_lake", lake=quoted(LAKE), glue_database=literal(identifier(glue_database))),
        statement("create_loads", "loads", loads=_LOADS),
        statement("create_load_checks", "load_checks", load_checks=_CHECKS),
        statement("read_loads", loads=_LOADS, table_names=_names(models)),
    ]


def loading(models: Sequence[CuratedModel], loads: Iterable[TableLoad], run_id: str) -> list[str]:
    """The one transaction of a load, its last statement the query for what all of `models` hold then.

    Raises PermanentError when it would be more statements than one transaction takes, or one is too long.
    """
    valid = _run(run_id)
    statements = [filled for item in loads for filled in _of_table(item, valid)]
    figures = statement("figures", loads=_LOADS, load_checks=_CHECKS, table_names=_names(models))
    if len(statements) >= MOST_STATEMENTS:
        count = len(statements) + 1
        raise PermanentError(
            f"a load of {count} statements; the Data API takes {MOST_STATEMENTS} in one transaction"
        )
    return [*statements, figures]


def descriptions(models: Iterable[CuratedModel]) -> list[str]:
    """COMMENT ON for each table and each column."""
    return [filled for model in models for filled in _comments(model)]


def refusal(model: CuratedModel, run_id: str) -> str:
    """What is kept of a load that the database refused: that nobody can say any more which rows the table has."""
    return statement(
        "refuse",
        model.name,
        loads=_LOADS,
        run_id=literal(_run(run_id)),
        table_name=literal(model.name),
        shape=literal(shape(model)),
        mode=literal(REFUSED),
    )


def difference(model: CuratedModel, periods: Sequence[str]) -> str:
    """The query for the figures on which a load was refused; no `periods` means that it was a load of everything."""
    return statement(
        "difference",
        model.name,
        table=_table(model),
        lake_table=_lake_table(model),
        scope=_scope(model, periods),
        money=", ".join(quoted(name) for name, _source in model.conserves),
        measures=_measures(model, warehouse_rows=quoted("after_load")),
    )


def scanned(query_ids: Iterable[int]) -> str:
    """The query for the bytes of the lake that these queries of the database read."""
    return statement("lake_bytes", query_ids=", ".join(str(int(number)) for number in query_ids))


def shape(model: CuratedModel) -> str:
    """Fingerprint of the table's DDL: a table of another shape is made anew. Descriptions are no part of it."""
    return hashlib.sha256(_create(model).encode()).hexdigest()[:16]


def _run(run_id: str) -> str:
    if not _RUN_ID.match(run_id):
        raise PermanentError(
            f"run id {run_id!r} cannot be written into SQL; expected letters, digits and hyphens"
        )
    return run_id


def _of_table(load: TableLoad, run_id: str) -> list[str]:
    """Prepare the target, stage a copy, take out what is gone, merge, compare, record: in this order."""
    model = load.model
    drop = [statement("drop_table", model.name, table=_table(model))]
    return [
        *(drop if load.anew else []),
        *([_create(model)] if load.mode == "everything" else []),
        *_stage(load),
        *([] if load.anew else [_delete_gone(load)]),  # a table that was just made has no such rows
        _merge(model),
        *_account(load, literal(run_id)),
    ]


def _stage(load: TableLoad) -> list[str]:
    model = load.model
    return [
        statement("stage_table", model.name, staged=_staged(model), table=_table(model)),
        statement(
            "stage_rows",
            model.name,
            staged=_staged(model),
            columns=_columns(model),
            lake_table=_lake_table(model),
            scope=_scope(model, load.periods),
        ),
    ]


def _delete_gone(load: TableLoad) -> str:
    model = load.model
    return statement(
        "delete_gone",
        model.name,
        table=_table(model),
        staged=_staged(model),
        scope=_scope(model, load.periods),
        same_row=_same_row(model),
    )


def _merge(model: CuratedModel) -> str:
    staged = _staged(model)
    return statement(
        "merge",
        model.name,
        table=_table(model),
        staged=staged,
        same_row=_same_row(model),
        assignments=",\n".join(
            f"{quoted(item.name)} = {staged}.{quoted(item.name)}" for item in model.columns
        ),
        columns=_columns(model),
        staged_columns=",\n".join(f"{staged}.{quoted(item.name)}" for item in model.columns),
    )


def _account(load: TableLoad, run_id: str) -> list[str]:
    """The comparison with the lake, and what the table then holds; `run_id` is a literal of SQL."""
    model = load.model
    who = {"run_id": run_id, "table_name": literal(model.name)}
    measures = _measures(model, warehouse_rows=_table(model))
    return [
        statement("compare", model.name, load.mode, load_checks=_CHECKS, measures=measures, **who),
        statement(
            "record",
            model.name,
            load.mode,
            loads=_LOADS,
            snapshot_id="CAST(NULL AS BIGINT)"
            if load.snapshot_id is None
            else str(int(load.snapshot_id)),
            shape=literal(shape(model)),
            mode=literal(load.mode),
            staged=_staged(model),
            **who,
        ),
    ]


def _staged(model: CuratedModel) -> str:
    return quoted(f"staged_{model.name}")


def _same_row(model: CuratedModel) -> str:
    return "\nAND ".join(
        f"{_staged(model)}.{quoted(key)} = {_table(model)}.{quoted(key)}" for key in model.grain
    )


def _create(model: CuratedModel) -> str:
    columns = (
        f"{quoted(item.name)} {warehouse_ddl.column_type(item)}{' NOT NULL' if item.required else ''}"
        for item in model.columns
    )
    return statement(
        "create_table",
        model.name,
        table=_table(model),
        columns=",\n".join(columns),
        grain=", ".join(map(quoted, model.grain)),
        distribution=warehouse_ddl.layout(model),
    )


def _comments(model: CuratedModel) -> list[str]:
    table = _table(model)
    columns = (
        statement(
            "comment_column",
            model.name,
            table=table,
            column=quoted(item.name),
            description=literal(item.description),
        )
        for item in model.columns
    )
    return [
        statement("comment_table", model.name, table=table, description=literal(model.description)),
        *columns,
    ]


def _measures(model: CuratedModel, *, warehouse_rows: str) -> str:
    """The figures that are compared: `rows`, and each column that conserves money."""
    figures = {"rows": "COUNT(*)", **{name: _sum(model, name) for name, _source in model.conserves}}
    return text(
        "measures",
        names="\nUNION ALL ".join(
            f'SELECT CAST({literal(name)} AS VARCHAR(127)) AS "measure"' for name in figures
        ),
        figures=",\n".join(
            f"CAST({figure} AS VARCHAR(64)) AS {quoted(name)}" for name, figure in figures.items()
        ),
        lake_values=_by_name("in_lake", figures),
        warehouse_values=_by_name("in_warehouse", figures),
        lake_rows=_lake_table(model),
        warehouse_rows=warehouse_rows,
    )


def _by_name(side: str, names: Iterable[str]) -> str:
    return "\n".join(f"WHEN {literal(name)} THEN {quoted(side)}.{quoted(name)}" for name in names)


def _sum(model: CuratedModel, name: str) -> str:
    column = next(item for item in model.columns if item.name == name)
    digits = column.precision_and_scale
    if digits is None and column.kind not in ("int", "bigint"):
        raise ContractInvalid(
            f"{model.name}.{name} is conserved and is {column.type}; expected a number"
        )
    scale = digits[1] if digits else 0
    return f"CAST(COALESCE(SUM({quoted(name)}), 0) AS DECIMAL({MONEY_DIGITS}, {scale}))"


def _scope(model: CuratedModel, periods: Sequence[str]) -> str:
    if not periods:
        return "TRUE"
    days = ", ".join(f"DATE '{date.fromisoformat(day).isoformat()}'" for day in periods)
    return f"{quoted(model.period_column)} IN ({days})"


def _columns(model: CuratedModel) -> str:
    return ",\n".join(quoted(item.name) for item in model.columns)


def _table(model: CuratedModel) -> str:
    return f"{quoted(TABLES)}.{quoted(model.name)}"


def _lake_table(model: CuratedModel) -> str:
    return f"{quoted(LAKE)}.{quoted(model.name)}"


def _names(models: Sequence[CuratedModel]) -> str:
    return ", ".join(literal(model.name) for model in models)
