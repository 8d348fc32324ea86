"""The tables of a dataset, from its contract."""

from __future__ import annotations

from dataclasses import replace

from contracts import model, naming
from contracts.marts import Mart, MartColumn
from rows import columns, protection_history
from rows.tables import Table, TableColumn

ORIGIN = (
    TableColumn(
        name=columns.SOURCE_SHA256,
        type="string",
        comment="Content hash of the file the row came from.",
    ),
    TableColumn(
        name=columns.SOURCE_FILE, type="string", comment="Name of the file as the partner wrote it."
    ),
    TableColumn(
        name=columns.SOURCE_ROW, type="bigint", comment="Number of the record in its file, from 1."
    ),
    TableColumn(
        name=columns.RECEIVED_AT, type="timestamp_ntz", comment="When the file arrived, in UTC."
    ),
    TableColumn(name=columns.RUN_ID, type="string", comment="The run that wrote the row."),
    TableColumn(
        name=columns.CONTRACT_VERSION,
        type="string",
        comment="Contract version the row was checked against.",
    ),
)
VERDICT = (
    TableColumn(
        name=columns.RULE_IDS, type="array<string>", comment="Rules that the record breaks."
    ),
    TableColumn(
        name=columns.REASONS, type="array<string>", comment="What is wrong, one sentence per rule."
    ),
    TableColumn(
        name=columns.RAW_TEXT,
        type="string",
        comment="The record as a line of its file, without personal data.",
    ),
    TableColumn(
        name=columns.SUBJECT,
        type="string",
        comment="Token of the person that the record is about, if it is.",
    ),
    TableColumn(
        name=columns.RESOLVED_BY,
        type="string",
        comment="Content hash of the file that corrected it; null: open.",
    ),
    TableColumn(
        name=columns.RESOLVED_AT,
        type="timestamp_ntz",
        comment="When the run with that file began, in UTC.",
    ),
)
QUALITY = (
    TableColumn(name="run_id", type="string", comment="The run that checked."),
    TableColumn(
        name="rule_id",
        type="string",
        comment="Rule of the contract, or check that a column implies.",
    ),
    TableColumn(name="scope", type="string", comment="row or table."),
    TableColumn(name="action", type="string", comment="warn, quarantine or halt."),
    TableColumn(
        name="status",
        type="string",
        comment="passed, failed, or unproven where no row could be checked.",
    ),
    TableColumn(name="rows_checked", type="bigint", comment="Rows that the rule could be put to."),
    TableColumn(name="rows_failed", type="bigint", comment="Rows that broke it."),
    TableColumn(name="measured", type="string", comment="What was found."),
    TableColumn(name="expected", type="string", comment="What the contract wants."),
    TableColumn(
        name="contract_version", type="string", comment="Contract version that was checked against."
    ),
    TableColumn(name="checked_at", type="timestamp_ntz", comment="When it was checked, in UTC."),
)

BOUNDS = {
    f"{side}_{share}": f"{side.capitalize()} end of the band that holds {share} % of what came, by the past errors."
    for share in (80, 95)
    for side in ("lower", "upper")
}
ACTUAL = "What came, where the period is over: the row is the last forecast of it. Null for what is to come."
FORECAST_ORIGIN = (
    TableColumn(
        name="method",
        type="string",
        comment="seasonal_naive, holt_winters (it beat seasonal naive), mean or ended.",
    ),
    TableColumn(
        name="wape",
        type="decimal(12,4)",
        comment="Backtest of the series: sum of absolute errors by sum of absolute values.",
    ),
    TableColumn(
        name="mase",
        type="decimal(12,4)",
        comment="Backtest of the series: mean error by the mean difference to the season before.",
    ),
    TableColumn(
        name="trained_through", type="date", comment="First day of the last period that was known."
    ),
    TableColumn(name="model_version", type="string", comment="Version of the methods."),
    TableColumn(name="run_id", type="string", comment="The run that made the forecast."),
)


def processed(contract: model.Contract, environment: str, bucket: str | None) -> Table:
    """The table of valid rows. `bucket` is None where the catalog decides the location."""
    return Table(
        database=naming.database(environment, "processed"),
        name=contract.dataset,
        columns=(*(_stored(contract, column) for column in contract.stored_columns), *ORIGIN),
        partition_column=contract.partition_column,
        partition_transform=contract.partition_transform,
        comment=contract.description,
        location=_location(bucket, contract.dataset),
        properties=protection_history.of_contract(contract),
    )


def quarantine(contract: model.Contract, environment: str, bucket: str | None) -> Table:
    """The table of refused records, with the money and the key that could be read from them."""
    name = naming.quarantine_table(contract.dataset)
    read = dict.fromkeys((*contract.control_columns, *key_of_refused(contract)))
    return Table(
        database=naming.database(environment, "processed"),
        name=name,
        columns=(*ORIGIN, *VERDICT, *map(_column, read)),
        partition_column=columns.RECEIVED_AT,
        partition_transform="day",
        comment=f"Records of {contract.dataset} that its contract refuses, with the reasons.",
        location=_location(bucket, name),
        properties=protection_history.of_contract(contract),
    )


def key_of_refused(contract: model.Contract) -> tuple[model.Column, ...]:
    """The key columns, by which a refused record is known to be replaced; empty where they are not kept.

    Personal data stays out of the quarantine, and a name that is the quarantine's own has another meaning there.
    """
    found = tuple(contract.column(name) for name in contract.key)
    own = {column.name for column in VERDICT}
    is_kept = not any(column.pii or column.name in own for column in found)
    return found if is_kept else ()


def history(contract: model.Contract, environment: str, bucket: str | None) -> Table:
    """The table of every delivered version of a record: the columns of the processed table, partitioned by arrival."""
    name = naming.history_table(contract.dataset)
    return Table(
        database=naming.database(environment, "processed"),
        name=name,
        columns=(*(_stored(contract, column) for column in contract.stored_columns), *ORIGIN),
        partition_column=columns.RECEIVED_AT,
        partition_transform="day",
        comment=f"Every accepted record of every delivery of {contract.dataset}, also those that newer ones replaced.",
        location=_location(bucket, name),
        properties=protection_history.of_contract(contract),
    )


def quality(contract: model.Contract, environment: str, bucket: str | None) -> Table:
    """The table of what each run checked, and how it ended."""
    name = naming.quality_table(contract.dataset)
    return Table(
        database=naming.database(environment, "processed"),
        name=name,
        columns=QUALITY,
        partition_column="checked_at",
        partition_transform="month",
        comment=f"Results of the rules of {contract.dataset}, one row per run and rule.",
        location=_location(bucket, name),
    )


def curated(curated_model: model.CuratedModel, environment: str, bucket: str | None) -> Table:
    """The table of one curated model."""
    return Table(
        database=naming.database(environment, "curated"),
        name=curated_model.name,
        columns=tuple(map(_column, curated_model.columns)),
        partition_column=curated_model.period_column,
        partition_transform="identity",
        comment=curated_model.description,
        location=_location(bucket, curated_model.name),
    )


def forecast(curated_model: model.CuratedModel, environment: str, bucket: str | None) -> Table:
    """The table with the forecast of a curated model.

    Raises ValueError for a model that is not forecast.
    """
    wanted = curated_model.forecast
    if wanted is None:
        raise ValueError(f"{curated_model.name} is not forecast")
    name = naming.forecast_table(curated_model.name)
    value = curated_model.column(wanted.of)
    series = (*wanted.by, curated_model.period_column)
    amounts = {"value": f"Forecast of {wanted.of} in the period.", **BOUNDS}
    return Table(
        database=naming.database(environment, "curated"),
        name=name,
        columns=(
            *(_column(curated_model.column(name)) for name in series),
            *(TableColumn(name=n, type=value.type, comment=c) for n, c in amounts.items()),
            *FORECAST_ORIGIN,
            TableColumn(name="actual", type=value.type, comment=ACTUAL),
        ),
        partition_column="trained_through",
        partition_transform="identity",
        comment=f"Forecast of {wanted.of} of {curated_model.name}, {wanted.horizon} periods ahead.",
        location=_location(bucket, name),
    )


def mart(definition: Mart, environment: str, bucket: str | None) -> Table:
    """The table of a mart, among the curated ones."""
    return Table(
        database=naming.database(environment, "curated"),
        name=definition.name,
        columns=tuple(map(_column, definition.columns)),
        partition_column=definition.period_column,
        partition_transform="identity",
        comment=definition.description,
        location=_location(bucket, definition.name),
    )


def _stored(contract: model.Contract, column: model.Column) -> TableColumn:
    """What the processed table keeps of a column."""
    found = _column(column)
    if column.pii:
        comment = f"{column.description.rstrip('.')} (personal data: {protection_history.WORDS[column.pii]})."
        found = replace(found, type=column.stored_type or "", comment=comment)
    return replace(found, is_required=contract.is_required(column))


def _column(column: model.Column | MartColumn) -> TableColumn:
    # Iceberg, Athena and DuckDB mean a timestamp without a zone by `timestamp`; Spark calls that timestamp_ntz.
    kind = "timestamp_ntz" if column.type == "timestamp" else column.type
    return TableColumn(name=column.name, type=kind, comment=column.description)


def _location(bucket: str | None, name: str) -> str | None:
    return f"s3://{bucket}/tables/{name}" if bucket else None
