"""From checked models to the contract that runtimes read, and to its JSON.

Builds the very dataclasses of contracts.model and serializes them, so that a field added there without a value here
fails type checking. The text is deterministic: it is committed, and compared at every synth.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path as FilePath

from contracts import model, naming, table_rules
from contracts.authoring.parsed import (
    ParsedColumn,
    ParsedContract,
    ParsedRule,
    ParsedTable,
    may_keep,
)
from contracts.authoring.profile import (
    CuratedProperties,
    ForecastProperty,
    Odcs,
    ProcessedProperties,
    WarehouseProperty,
)
from contracts.authoring.sql import expression_columns
from contracts.authoring.table_rule_kinds import compiled

HOURS = {"h": 1, "d": 24}


def compile_contract(contract: ParsedContract, folder: FilePath) -> model.Contract:
    """The runtime form of a contract without mistakes; `folder` holds its SQL.

    Raises ValueError when a part is missing, that is when the contract was not checked before.
    """
    odcs, table = contract.odcs, contract.processed
    if odcs is None or table is None or table.custom is None:
        raise ValueError(f"{contract.document.file} has mistakes; check it before compiling")
    partition_column, transform = _partition(contract.document.file, table, table.custom)
    custom = table.custom
    return model.Contract(
        dataset=odcs.name,
        version=odcs.version,
        description=odcs.description.purpose,
        owner=odcs.team.name,
        alert_email=_alert_email(odcs),
        freshness_hours=odcs.sla_properties[0].value * HOURS[odcs.sla_properties[0].unit],
        intake=_intake(custom),
        columns=tuple(_delivered(column, _key(table.columns)) for column in table.columns),
        key=_key(table.columns),
        rules=tuple(_rule(rule, table.names) for rule in table.rules),
        table_rules=tuple(compiled(rule.spec) for rule in table.table_rules),
        schema_change=custom.schema_change,
        partition_column=partition_column,
        partition_transform=transform,
        table_format=custom.table_format,
        retention=_retention(custom),
        maintenance=model.Maintenance(**custom.maintenance.model_dump()),
        max_quarantined_share=str(custom.max_quarantined_share),
        days_without_files=model.DaysWithoutFiles(
            weekdays=tuple(custom.days_without_files.weekdays),
            dates=tuple(custom.days_without_files.dates),
        ),
        dates_after_delivery=custom.dates_after_delivery,
        write_back=custom.write_back,
        history=custom.history,
        replacing=_replacing(custom),
        curated=tuple(_curated(item, folder) for item in contract.curated),
    )


def to_json(contract: model.Contract) -> str:
    """The compiled form, ending in a newline."""
    rules = [table_rules.to_document(rule) for rule in contract.table_rules]
    document = dataclasses.asdict(contract) | {"table_rules": rules}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _partition(
    file: str, table: ParsedTable[ProcessedProperties], custom: ProcessedProperties
) -> tuple[str, model.PartitionTransform]:
    """The column that partitions the table, and how."""
    if custom.partitioned_by_arrival:
        return naming.ARRIVAL_COLUMN, custom.partitioned_by_arrival
    for column in table.columns:
        if column.spec.partitioned and column.custom.partition_transform:
            return column.spec.name, column.custom.partition_transform
    raise ValueError(f"{file}: no column partitions the table; check it before compiling")


def _key(columns: list[ParsedColumn]) -> tuple[str, ...]:
    keys = [column.spec for column in columns if column.spec.primary_key]
    return tuple(
        spec.name for spec in sorted(keys, key=lambda spec: spec.primary_key_position or 1)
    )


def _curated(table: ParsedTable[CuratedProperties], folder: FilePath) -> model.CuratedModel:
    spec, custom = table.spec, table.custom
    if spec is None or custom is None:
        raise ValueError(f"table at {table.path} has mistakes; check the contract before compiling")
    return model.CuratedModel(
        name=spec.name,
        description=spec.description,
        sql=(folder / custom.sql_file).read_text(encoding="utf-8"),
        columns=tuple(_column(column) for column in table.columns),
        grain=_key(table.columns),
        period=custom.period,
        period_column=custom.period_column,
        source_date=custom.source_date,
        conserves=tuple(custom.conserves.items()),
        warehouse=warehouse(custom.warehouse),
        forecast=_forecast(custom.forecast),
    )


def warehouse(mark: WarehouseProperty | None) -> model.Warehouse | None:
    """The layout that a mark asks for; None without a mark."""
    if mark is None:
        return None
    return model.Warehouse(
        distribution=mark.distribution,
        distribution_key=mark.distribution_key,
        sort_keys=tuple(mark.sort_keys),
    )


def _forecast(mark: ForecastProperty | None) -> model.Forecast | None:
    if mark is None:
        return None
    return model.Forecast(of=mark.of, by=tuple(mark.by), horizon=mark.horizon)


def _alert_email(odcs: Odcs) -> str | None:
    return next(
        (
            item.url.removeprefix("mailto:")
            for item in odcs.support
            if item.tool == "email" and item.url
        ),
        None,
    )


def _intake(processed: ProcessedProperties) -> model.Intake:
    intake = processed.intake
    return model.Intake(
        folder=intake.folder,
        suffixes=tuple(intake.suffixes),
        delimiter=intake.delimiter,
        max_bytes=intake.max_bytes,
        ignored_headers=tuple(intake.ignored_columns),
        partners=tuple(intake.partners),
        redelivery=intake.redelivery,
        checksum=intake.checksum,
    )


def _replacing(processed: ProcessedProperties) -> model.ReplacingLimits:
    limits = processed.replacing
    return model.ReplacingLimits(
        share=_text(limits.max_share),
        others_share=_text(limits.max_others_share),
        conflicting_repeats_share=_text(limits.max_conflicting_repeats_share),
    )


def _retention(processed: ProcessedProperties) -> model.Retention:
    retention = processed.retention
    return model.Retention(
        raw_days=retention.raw_days,
        raw_archive_after_days=retention.raw_archive_after_days,
        processed_days=retention.processed_days,
        quarantine_days=retention.quarantine_days,
    )


def _column(column: ParsedColumn) -> model.Column:
    spec, options = column.spec, column.spec.logical_type_options
    return model.Column(
        name=spec.name,
        type=spec.physical_type,
        description=spec.description,
        source_name=spec.physical_name or spec.name,
        required=spec.required,
        format=options.format,
        minimum=_text(options.minimum),
        maximum=_text(options.maximum),
        pattern=options.pattern,
        max_length=options.max_length,
        allowed=tuple(value for check in spec.quality for value in check.arguments.valid_values),
        control_total=column.custom.control_total,
        pii=column.pii,
        data_subject=column.custom.data_subject,
        absent=column.custom.absent or "clear",
    )


def _delivered(column: ParsedColumn, key: tuple[str, ...]) -> model.Column:
    """A column of the processed table: what a file that lacks it does is decided, also where the contract is silent."""
    usual: model.Absent = "keep" if may_keep(column, has_key=bool(key)) else "clear"
    return replace(_column(column), absent=column.custom.absent or usual)


def _text(limit: int | Decimal | str | None) -> str | None:
    return None if limit is None else str(limit)


def _rule(rule: ParsedRule, names: list[str]) -> model.Rule:
    expression = rule.spec.implementation.expression.strip()
    used = expression_columns(expression)
    return model.Rule(
        id=rule.spec.id,
        description=rule.spec.description,
        expression=expression,
        columns=tuple(name for name in names if name in used),
        action=rule.spec.implementation.action,
    )
