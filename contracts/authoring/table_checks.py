"""What must hold for the tables of a contract: the dataset itself and its aggregates."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from contracts import naming
from contracts.authoring import (
    column_checks,
    forecast_checks,
    privacy_checks,
    rule_checks,
    sql,
    values,
    warehouse_checks,
    write_back_checks,
)
from contracts.authoring.parsed import ParsedContract, ParsedTable
from contracts.authoring.problems import Problem, did_you_mean
from contracts.authoring.profile import (
    CuratedProperties,
    IntakeProperty,
    MaintenanceProperty,
    Odcs,
    ProcessedProperties,
)
from contracts.authoring.yaml_lines import Document
from contracts.headers import A_NAME, NAMELESS, normalized_header
from contracts.ignored_names import TEMPORARY_SUFFIXES

DELIMITERS = (",", ";", "|", "\t")
MAX_FILE_BYTES = (
    5 * 1024**3
)  # what one CopyObject call can copy (Amazon S3 user guide, copying objects)
MAX_DAYS = 100 * 366
# Iceberg takes three days for orphan files by default, and warns of less than what a write may last: files of a running
# job are in no snapshot yet (Iceberg documentation, Maintenance, delete orphan files).
LEAST_ORPHAN_DAYS = 3
OWN_ENDINGS = {
    naming.quarantine_table(""): "quarantine",
    naming.quality_table(""): "quality",
    naming.forecast_table(""): "forecast",
    naming.history_table(""): "history",
}
_FOLDER = re.compile(r"^[a-z0-9][a-z0-9_-]*$")
_SUFFIX = re.compile(r"^\.[a-z0-9]+(\.gz)?$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


def check_meaning(contract: ParsedContract, folder: FilePath) -> None:
    """Record every mistake of meaning in the contract's document; `folder` holds the contract and its SQL."""
    document = contract.document
    if contract.odcs:
        _check_head(contract.odcs, folder.name, document)
    if contract.processed:
        _check_processed(contract.processed, folder.name, document)
    for table in contract.curated:
        _check_curated(table, contract, folder)
    warehouse_checks.check_count(contract)
    warehouse_checks.check_format(contract)
    forecast_checks.check_format(contract)
    write_back_checks.check_format(contract)
    _check_table_names(contract)
    _check_unused_sql(contract, folder)


def _check_head(odcs: Odcs, dataset: str, document: Document) -> None:
    for field, found in (("id", odcs.id), ("name", odcs.name)):
        if found != dataset:
            document.problem(
                (field,), f"found {found!r}; expected {dataset!r}, the name of the folder"
            )
    message = values.wrong_name(dataset)
    if message:
        document.problem(("name",), message)
    for index, channel in enumerate(odcs.support):
        address = urlsplit(channel.url or "")
        if channel.tool == "email" and not (
            address.scheme == "mailto" and _EMAIL.match(address.path)
        ):
            document.problem(
                ("support", index, "url"),
                f"found {channel.url!r}; expected mailto:someone@company.example",
            )


def _check_table_names(contract: ParsedContract) -> None:
    document, seen = contract.document, set[str]()
    first = [(contract.processed.path, contract.processed.spec)] if contract.processed else []
    for path, spec in (*first, *((table.path, table.spec) for table in contract.curated)):
        if spec is None:
            continue
        name = spec.name
        message = (
            f"duplicate table {name!r}; choose another name"
            if name in seen
            else values.wrong_name(name)
        )
        for ending, owner in OWN_ENDINGS.items():
            if name.endswith(ending):
                message = f"found {name!r}; names that end with {ending} belong to {owner} tables"
        if message:
            document.problem((*path, "name"), message)
        seen.add(name)


def _check_processed(
    table: ParsedTable[ProcessedProperties], dataset: str, document: Document
) -> None:
    if table.spec and table.spec.name != dataset:
        message = f"found {table.spec.name!r}; the first table is the dataset itself: expected {dataset!r}"
        document.problem((*table.path, "name"), message)
    column_checks.check_columns(table.columns, document)
    column_checks.check_processed(table.columns, document)
    privacy_checks.check_personal_data(table.columns, document)
    if table.custom:
        _check_intake(table, table.custom.intake, document)
        _check_shares(table, table.custom, document)
        _check_retention(table, table.custom, document)
        _check_days_without_files(table, table.custom, document)
        _check_maintenance(table, table.custom.maintenance, document)
    if table.whole:
        _check_counts(table, document)
    rule_checks.check_rules(table, document)


def _check_counts(table: ParsedTable[ProcessedProperties], document: Document) -> None:
    path = (*table.path, "properties")
    if not any(column.spec.primary_key for column in table.columns):
        document.problem(path, "no column has primaryKey: true; a dataset needs a key")
    _check_partitions(table, document)


def _check_partitions(table: ParsedTable[ProcessedProperties], document: Document) -> None:
    """One column partitions the table, or the arrival of the files does."""
    partitions = [column.spec.name for column in table.columns if column.spec.partitioned]
    found = ", ".join(partitions) or "none"
    arrival = table.custom_paths.get("partitionedByArrival")
    if arrival is None and len(partitions) != 1:
        message = (
            f"found {found} with partitioned: true; exactly one column must have it; a table "
            "whose rows have no date has the property partitionedByArrival instead"
        )
        document.problem((*table.path, "properties"), message)
    if arrival and partitions:
        message = f"found it together with partitioned: true on {found}; a table has one partition, remove one of them"
        document.problem(arrival, message)
    if arrival and table.custom and table.custom.partitioned_by_arrival is None:
        document.problem(arrival, "found nothing; write day, month or year, or remove the property")
    if arrival and table.custom and table.custom.table_format != "iceberg":
        # A Delta table has its partition as a column more, whose name would be one of the pipeline's own.
        message = (
            f"tables of format {table.custom.table_format} need a partition column of the contract"
        )
        document.problem(arrival, f"{message}; write tableFormat: iceberg")


def _check_intake(
    table: ParsedTable[ProcessedProperties], intake: IntakeProperty, document: Document
) -> None:
    path = table.custom_paths["intake"]
    if not _FOLDER.match(intake.folder):
        message = f"found {intake.folder!r}; expected one folder name of a-z, 0-9, _ and -"
        document.problem((*path, "folder"), message)
    for index, suffix in enumerate(intake.suffixes):
        if not _SUFFIX.match(suffix) or suffix.endswith(TEMPORARY_SUFFIXES):
            expected = "a lower-case suffix such as .csv or .csv.gz, not one of partial uploads"
            document.problem((*path, "suffixes", index), f"found {suffix!r}; expected {expected}")
    if intake.delimiter not in DELIMITERS:
        document.problem(
            (*path, "delimiter"),
            f"found {intake.delimiter!r}; expected one of {', '.join(map(repr, DELIMITERS))}",
        )
    if intake.max_bytes > MAX_FILE_BYTES:
        document.problem(
            (*path, "maxBytes"),
            f"found {intake.max_bytes}; S3 copies at most {MAX_FILE_BYTES} in one call",
        )
    for index, partner in enumerate(intake.partners):
        if partner in naming.BY_OPERATORS or not _FOLDER.match(partner):
            message = (
                f"found {partner!r}; expected the user name of a partner, of a-z, 0-9, _ and -"
            )
            document.problem((*path, "partners", index), message)
    headers = {
        normalized_header(column.spec.physical_name or column.spec.name) for column in table.columns
    }
    for index, name in enumerate(intake.ignored_columns):
        if normalized_header(name) == NAMELESS:
            document.problem((*path, "ignoredColumns", index), f"found {name!r}; {A_NAME}")
        elif normalized_header(name) in headers:
            message = (
                f"found {name!r}, which is the header of a column; it cannot be ignored as well"
            )
            document.problem((*path, "ignoredColumns", index), message)


def _check_days_without_files(
    table: ParsedTable[ProcessedProperties], custom: ProcessedProperties, document: Document
) -> None:
    for index, day in enumerate(custom.days_without_files.dates):
        if not _is_day(day):
            path = (*table.custom_paths["daysWithoutFiles"], "dates", index)
            document.problem(path, f"found {day!r}; expected a day that exists, as 2026-12-25")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_shares(
    table: ParsedTable[ProcessedProperties], custom: ProcessedProperties, document: Document
) -> None:
    paths = table.custom_paths
    shares = {paths["maxQuarantinedShare"]: custom.max_quarantined_share}
    if "replacing" in paths:
        limits = custom.replacing.model_dump(by_alias=True, exclude_none=True)
        shares |= {(*paths["replacing"], name): share for name, share in limits.items()}
    for path, share in shares.items():
        if not 0 <= share <= 1:
            message = f"found {share!s}; expected a share from 0 to 1, such as 0.05 for 5 %"
            document.problem(path, message)


def _check_retention(
    table: ParsedTable[ProcessedProperties], custom: ProcessedProperties, document: Document
) -> None:
    retention = custom.retention
    path = table.custom_paths["retention"]
    for name, days in retention.model_dump(by_alias=True, exclude_none=True).items():
        if days > MAX_DAYS:
            document.problem(
                (*path, name), f"found {days}; expected days, at most {MAX_DAYS} (100 years)"
            )
    archive, raw = retention.raw_archive_after_days, retention.raw_days
    if archive >= raw:
        message = f"found {archive}; files must be archived before rawDays ({raw})"
        document.problem((*path, "rawArchiveAfterDays"), message)


def _check_maintenance(
    table: ParsedTable[ProcessedProperties], maintenance: MaintenanceProperty, document: Document
) -> None:
    if maintenance.orphan_days < LEAST_ORPHAN_DAYS:  # never by default, so the property is there
        message = (
            f"found {maintenance.orphan_days}; files of a running job must not be taken for orphans"
        )
        path = (*table.custom_paths["maintenance"], "orphanDays")
        document.problem(path, f"{message}: expected at least {LEAST_ORPHAN_DAYS}")


def _check_curated(
    table: ParsedTable[CuratedProperties], contract: ParsedContract, folder: FilePath
) -> None:
    document = contract.document
    column_checks.check_columns(table.columns, document)
    column_checks.check_curated(
        table.columns, document, in_warehouse="warehouse" in table.custom_paths
    )
    warehouse_checks.check_table(table, document)
    forecast_checks.check_table(table, document)
    for path in (*(rule.path for rule in table.rules), *(rule.path for rule in table.table_rules)):
        document.problem(path, "rules are enforced on the first table only; remove it")
    if table.whole and not any(column.spec.primary_key for column in table.columns):
        document.problem(
            (*table.path, "properties"),
            "no column has primaryKey: true; the key is the grain of a model",
        )
    if table.custom and contract.processed:
        _check_period(table, table.custom, contract.processed, document)
        _check_conserves(table, table.custom, contract.processed, document)
        _check_sql(table, table.custom, contract.processed, document, folder)


def _check_period(
    table: ParsedTable[CuratedProperties],
    custom: CuratedProperties,
    source: ParsedTable[ProcessedProperties],
    document: Document,
) -> None:
    for field, name, owner in (
        ("periodColumn", custom.period_column, table),
        ("sourceDate", custom.source_date, source),
    ):
        path = table.custom_paths[field]
        if name not in owner.names:
            document.problem(path, f"unknown column {name!r}; {did_you_mean(name, owner.names)}")
        elif (column := owner.column(name)) and not (
            column.stored_type == "date" and column.spec.required
        ):
            document.problem(
                path, f"column {name!r} must be a required date, since periods are replaced by it"
            )


def _check_conserves(
    table: ParsedTable[CuratedProperties],
    custom: CuratedProperties,
    source: ParsedTable[ProcessedProperties],
    document: Document,
) -> None:
    for target, origin in custom.conserves.items():
        path = (*table.custom_paths["conserves"], target)
        for name, owner, what in (
            (target, table, "of this model"),
            (origin, source, "of the dataset"),
        ):
            if name not in owner.names:
                document.problem(
                    path, f"unknown column {name!r} {what}; {did_you_mean(name, owner.names)}"
                )
            elif (column := owner.column(name)) and not (column.stored_type or "").startswith(
                "decimal"
            ):
                found = column.stored_type or "dropped"
                document.problem(path, f"column {name!r} {what} is {found}; expected a decimal")


def _check_sql(
    table: ParsedTable[CuratedProperties],
    custom: CuratedProperties,
    source: ParsedTable[ProcessedProperties],
    document: Document,
    folder: FilePath,
) -> None:
    path = table.custom_paths["sqlFile"]
    file = folder / custom.sql_file
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        document.problem(
            path, f"found {custom.sql_file!r}; no such file in {folder.parent.name}/{folder.name}"
        )
        return
    types = [*source.types.values(), *table.types.values()]
    if not (table.whole and source.whole and table.spec and source.spec) or any(
        map(values.wrong_type, types)
    ):
        return  # without every column and its type, what is said about the SQL would be a guess
    text = file.read_text(encoding="utf-8")
    dropped = source.types.keys() - source.stored_types.keys()
    mistakes = sql.select_mistakes(
        text, {source.spec.name: source.stored_types}, table.types, dropped=dropped
    )
    shown = f"{folder.parent.name}/{folder.name}/{custom.sql_file}"
    document.problems += [
        Problem(file=shown, line=item.line, field=table.spec.name, message=item.message)
        for item in mistakes
    ]
    if mistakes or custom.period_column not in table.names:
        return
    if not sql.truncates(text, custom.period_column, custom.period, custom.source_date):
        expected = f"CAST(date_trunc('{custom.period}', {custom.source_date}) AS date) AS {custom.period_column}"
        document.problem(
            table.custom_paths["periodColumn"], f"{custom.sql_file} must compute it as {expected}"
        )


def _check_unused_sql(contract: ParsedContract, folder: FilePath) -> None:
    used = {
        (folder / table.custom.sql_file).resolve() for table in contract.curated if table.custom
    }
    if not all(table.custom for table in contract.curated):
        return
    for file in sorted(folder.rglob("*.sql")):
        if file.resolve() not in used:
            shown = f"{folder.parent.name}/{folder.name}/{file.relative_to(folder).as_posix()}"
            message = "no table of the contract names this file as its sqlFile; add the table or remove the file"
            contract.document.problems.append(
                Problem(file=shown, line=1, field="(file)", message=message)
            )
