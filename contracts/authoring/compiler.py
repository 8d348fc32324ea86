"""From checked models to the contract that runtimes read, and to its JSON.

Builds the very dataclasses of contracts.model and serializes them, so that a field added there without a value here
fails type checking. The text is deterministic: it is committed, and compared at every synth.
"""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path as FilePath

from contracts import model
from contracts.authoring.profile import (
    ColumnProperties,
    CuratedProperties,
    Odcs,
    ProcessedProperties,
    Property,
    RowRule,
)
from contracts.authoring.sql import expression_columns

HOURS = {"h": 1, "d": 24}
NOT_PERSONAL = (None, "public", "internal", "confidential")


def compile_contract(
    odcs: Odcs, processed: ProcessedProperties, curated: list[CuratedProperties], folder: FilePath
) -> model.Contract:
    """The contract of a checked file; `curated` in the order of the schema objects after the first."""
    table, *models = odcs.schema_
    partition = next(column for column in table.properties if column.partitioned)
    transform = custom(partition).partition_transform
    if transform is None:
        raise ValueError(f"{partition.name} is partitioned without a transform; check the file before compiling it")
    return model.Contract(
        dataset=odcs.name,
        version=odcs.version,
        description=odcs.description.purpose,
        owner=odcs.team.name,
        alert_email=_alert_email(odcs),
        freshness_hours=odcs.sla_properties[0].value * HOURS[odcs.sla_properties[0].unit],
        intake=_intake(processed),
        columns=tuple(_column(column) for column in table.properties),
        key=key_of(table.properties),
        rules=tuple(_rule(rule, table.properties) for rule in table.quality),
        partition_column=partition.name,
        partition_transform=transform,
        table_format=processed.table_format,
        retention=_retention(processed),
        max_quarantined_share=str(processed.max_quarantined_share),
        curated=tuple(
            model.CuratedModel(
                name=table.name,
                description=table.description,
                sql=(folder / properties.sql_file).read_text(encoding="utf-8"),
                columns=tuple(_column(column) for column in table.properties),
                grain=key_of(table.properties),
                period=properties.period,
                period_column=properties.period_column,
                source_date=properties.source_date,
                conserves=tuple(properties.conserves.items()),
            )
            for table, properties in zip(models, curated, strict=True)
        ),
    )


def to_json(contract: model.Contract) -> str:
    """The compiled form, ending in a newline."""
    return json.dumps(dataclasses.asdict(contract), indent=2, ensure_ascii=False) + "\n"


def custom(column: Property) -> ColumnProperties:
    """The custom properties of a column that was checked before."""
    return ColumnProperties.model_validate({item.property: item.value for item in column.custom_properties})


def key_of(properties: list[Property]) -> tuple[str, ...]:
    """Names of the primary key columns, by position."""
    keys = [column for column in properties if column.primary_key]
    return tuple(column.name for column in sorted(keys, key=lambda column: column.primary_key_position or 0))


def _alert_email(odcs: Odcs) -> str | None:
    return next((item.url.removeprefix("mailto:") for item in odcs.support if item.tool == "email" and item.url), None)


def _intake(processed: ProcessedProperties) -> model.Intake:
    intake = processed.intake
    return model.Intake(
        folder=intake.folder,
        suffixes=tuple(intake.suffixes),
        delimiter=intake.delimiter,
        max_bytes=intake.max_bytes,
        ignored_headers=tuple(intake.ignored_columns),
    )


def _retention(processed: ProcessedProperties) -> model.Retention:
    retention = processed.retention
    return model.Retention(
        raw_days=retention.raw_days,
        raw_archive_after_days=retention.raw_archive_after_days,
        processed_days=retention.processed_days,
        quarantine_days=retention.quarantine_days,
    )


def _column(column: Property) -> model.Column:
    options = column.logical_type_options
    return model.Column(
        name=column.name,
        type=column.physical_type,
        description=column.description,
        source_name=column.physical_name or column.name,
        required=column.required,
        format=options.format,
        minimum=_text(options.minimum),
        maximum=_text(options.maximum),
        pattern=options.pattern,
        max_length=options.max_length,
        allowed=tuple(value for check in column.quality for value in check.arguments.valid_values),
        control_total=custom(column).control_total,
        pii=None if column.classification in NOT_PERSONAL else column.classification,
    )


def _text(limit: int | Decimal | str | None) -> str | None:
    return None if limit is None else str(limit)


def _rule(rule: RowRule, columns: list[Property]) -> model.Rule:
    expression = " ".join(rule.implementation.expression.split())
    used = expression_columns(expression)
    return model.Rule(
        id=rule.id,
        description=rule.description,
        expression=expression,
        columns=tuple(column.name for column in columns if column.name in used),
        action=rule.implementation.action,
    )
