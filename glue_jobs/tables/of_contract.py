"""The tables of a dataset, from its contract."""

from __future__ import annotations

from contracts import model, naming
from glue_jobs.tables import Table, TableColumn

ORIGIN = (
    TableColumn(name="_source_sha256", type="string", comment="Content hash of the file the row came from."),
    TableColumn(name="_source_file", type="string", comment="Name of the file as the partner wrote it."),
    TableColumn(name="_source_row", type="bigint", comment="Number of the record in its file, from 1."),
    TableColumn(name="_received_at", type="timestamp_ntz", comment="When the file arrived, in UTC."),
    TableColumn(name="_run_id", type="string", comment="The run that wrote the row."),
    TableColumn(name="_contract_version", type="string", comment="Contract version the row was checked against."),
)
VERDICT = (
    TableColumn(name="rule_ids", type="array<string>", comment="Rules that the record breaks."),
    TableColumn(name="reasons", type="array<string>", comment="What is wrong, one sentence per rule."),
    TableColumn(name="raw_text", type="string", comment="The record as a line of its file."),
)


def processed(contract: model.Contract, environment: str, bucket: str | None) -> Table:
    """The table of valid rows. `bucket` is None where the catalog decides the location."""
    return Table(
        database=naming.database(environment, "processed"),
        name=contract.dataset,
        columns=(*map(_column, contract.columns), *ORIGIN),
        partition_column=contract.partition_column,
        partition_transform=contract.partition_transform,
        comment=contract.description,
        location=_location(bucket, contract.dataset),
    )


def quarantine(contract: model.Contract, environment: str, bucket: str | None) -> Table:
    """The table of refused records, with the money that could be read from them."""
    name = naming.quarantine_table(contract.dataset)
    return Table(
        database=naming.database(environment, "processed"),
        name=name,
        columns=(*ORIGIN, *VERDICT, *map(_column, contract.control_columns)),
        partition_column="_received_at",
        partition_transform="day",
        comment=f"Records of {contract.dataset} that its contract refuses, with the reasons.",
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


def _column(column: model.Column) -> TableColumn:
    # Iceberg, Athena and DuckDB mean a timestamp without a zone by `timestamp`; Spark calls that timestamp_ntz.
    kind = "timestamp_ntz" if column.type == "timestamp" else column.type
    return TableColumn(name=column.name, type=kind, comment=column.description)


def _location(bucket: str | None, name: str) -> str | None:
    return f"s3://{bucket}/tables/{name}" if bucket else None
