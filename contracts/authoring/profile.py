"""The part of ODCS 3.2 that Slipway reads, as strict models, and the custom properties it adds.

Stricter than the standard on purpose: a field that Slipway would silently ignore (`unique`, `exclusiveMinimum`, ...) is
an error, because its author believes that it is enforced. Fields that are documentation only are accepted as they are.
Source: Open Data Contract Standard 3.2.0, JSON schema in the package open-data-contract-standard.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from contracts.model import (
    Absent,
    Checksum,
    DatesAfterDelivery,
    Distribution,
    PartitionTransform,
    Period,
    Redelivery,
    RuleAction,
    SchemaChange,
    TableFormat,
    Weekday,
)
from contracts.personal_data import PiiTreatment

Text = Annotated[str, Field(min_length=1)]
Number = int | Decimal
Limit = int | Decimal | str
NO_PARQUET = (  # docs/decisions/0035
    "files of Parquet alone are no table that a run can publish at once, take back or erase a person from; write "
    "iceberg or delta, whose data files are Parquet, and history: true where every delivered version is to be kept"
)
MOST_PERIODS_AHEAD = 36  # three years of months: beyond, a band says nothing any more


class Strict(BaseModel):
    """Base of all models: unknown fields and converted types are mistakes; in the file names are camelCase."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class CustomProperty(Strict):
    """A key and value that ODCS has no word for."""

    property: Text
    value: Any
    id: str | None = None
    description: str | None = None
    vendor: str | None = None


class Options(Strict):
    """`logicalTypeOptions`: which of them fit is a matter of the column's type."""

    format: Text | None = None
    minimum: Limit | None = None
    maximum: Limit | None = None
    pattern: Text | None = None
    max_length: int | None = Field(None, ge=1)


class Arguments(Strict):
    """Arguments of the library metric invalidValues."""

    valid_values: list[Any] = Field(min_length=1)


class ColumnQuality(Strict):
    """Allowed values: the library metric invalidValues, which must be 0."""

    metric: Literal["invalidValues"]
    arguments: Arguments
    must_be: Literal[0]
    type: Literal["library"] = "library"
    id: str | None = None
    name: str | None = None
    description: str | None = None
    dimension: str | None = None


class Implementation(Strict):
    """A row rule: SQL that is TRUE for a good row, and what happens to a bad one."""

    expression: Text
    action: RuleAction


class CustomQuality(Strict):
    """A quality check of type custom, engine slipway."""

    id: Text
    type: Literal["custom"]
    engine: Literal["slipway"]
    description: Text
    name: str | None = None
    dimension: str | None = None
    severity: str | None = None
    business_impact: str | None = None


class RowRule(CustomQuality):
    """A check of each row."""

    implementation: Implementation


class Property(Strict):
    """A column."""

    name: Text
    physical_type: Text
    description: Text
    logical_type: Literal["string", "date", "timestamp", "number", "integer", "boolean"]
    physical_name: Text | None = None
    required: bool = False
    primary_key: bool = False
    primary_key_position: int | None = Field(None, ge=1)
    partitioned: bool = False
    partition_key_position: int | None = Field(None, ge=1)
    classification: Literal["public", "internal", "confidential", "pii"] | None = None
    logical_type_options: Options = Field(default_factory=lambda: Options.model_validate({}))
    quality: list[ColumnQuality] = []
    custom_properties: list[CustomProperty] = []
    id: str | None = None
    business_name: str | None = None
    tags: list[str] | None = None
    examples: list[Any] | None = None


class SchemaObject(Strict):
    """A table: the dataset itself (layer processed) or an aggregate of it (layer curated).

    Columns and rules are parsed one by one, so that a mistake in one does not hide those in another.
    """

    name: Text
    description: Text
    properties: list[Any] = Field(min_length=1)
    custom_properties: list[CustomProperty]
    quality: list[Any] = []
    physical_type: Literal["table"] = "table"
    logical_type: Literal["object"] | None = None
    data_granularity_description: str | None = None
    id: str | None = None
    business_name: str | None = None
    tags: list[str] | None = None


class Sla(Strict):
    """A service level; Slipway knows `freshness`, in hours or days."""

    property: Literal["freshness"]
    value: int = Field(ge=1)
    unit: Literal["h", "d"]
    description: str | None = None
    id: str | None = None


class Description(Strict):
    """What the data is for."""

    purpose: Text
    usage: str | None = None
    limitations: str | None = None


class Team(Strict):
    """Who owns the data."""

    name: Text
    id: str | None = None
    description: str | None = None
    members: list[Any] | None = None


class Support(Strict):
    """A channel; the one with tool email gets the alerts of this dataset."""

    channel: Text
    tool: str | None = None
    url: str | None = None
    description: str | None = None
    scope: str | None = None
    id: str | None = None


class Odcs(Strict):
    """A contract file; its tables are parsed one by one."""

    api_version: Literal["v3.2.0"]
    kind: Literal["DataContract"]
    id: Text
    name: Text
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    status: Literal["proposed", "draft", "active", "deprecated", "retired"]
    description: Description
    team: Team
    sla_properties: list[Sla] = Field(min_length=1, max_length=1)
    schema_: list[Any] = Field(alias="schema", min_length=1)
    support: list[Support] = []
    domain: str | None = None
    tenant: str | None = None
    data_product: str | None = None
    tags: list[str] | None = None
    authoritative_definitions: list[Any] | None = None
    contract_created_ts: str | None = None


class IntakeProperty(Strict):
    """Custom property `intake`: how files arrive."""

    folder: Text
    suffixes: list[Text] = Field(min_length=1)
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]
    max_bytes: int = Field(ge=1)
    ignored_columns: list[Text] = []
    partners: list[Text] = []
    redelivery: Redelivery = "load"
    checksum: Checksum | None = None


class RetentionProperty(Strict):
    """Custom property `retention`, in days; without processedDays the table is kept."""

    raw_archive_after_days: int = Field(ge=1)
    raw_days: int = Field(ge=1)
    quarantine_days: int = Field(ge=1)
    processed_days: int | None = Field(None, ge=1)


class MaintenanceProperty(Strict):
    """Custom property `maintenance`: what contracts.model.Maintenance says, with its usual values."""

    target_file_mb: int = Field(128, ge=1, le=1024)
    snapshot_days: int = Field(7, ge=1)
    least_snapshots: int = Field(5, ge=1)
    orphan_days: int = 3


class DaysWithoutFilesProperty(Strict):
    """Custom property `daysWithoutFiles`: days in UTC that do not make the data older."""

    weekdays: list[Weekday] = []
    dates: list[Text] = []


class ReplacingProperty(Strict):
    """Custom property `replacing`: what contracts.model.ReplacingLimits says."""

    max_share: Number | None = None
    max_others_share: Number | None = None
    max_conflicting_repeats_share: Number | None = None


def _refused_parquet(value: Any) -> Any:
    """The value; people who come from a lake of files ask for Parquet, and are told what they get in its place."""
    if value == "parquet":
        raise PydanticCustomError("no_table_format", NO_PARQUET)
    return value


class ProcessedProperties(Strict):
    """Custom properties of the dataset's own table."""

    layer: Literal["processed"]
    intake: IntakeProperty
    table_format: Annotated[TableFormat, BeforeValidator(_refused_parquet)]
    max_quarantined_share: Number
    retention: RetentionProperty
    replacing: ReplacingProperty = Field(
        default_factory=lambda: ReplacingProperty.model_validate({})
    )
    schema_change: SchemaChange = "evolve"
    maintenance: MaintenanceProperty = Field(
        default_factory=lambda: MaintenanceProperty.model_validate({})
    )
    days_without_files: DaysWithoutFilesProperty = Field(
        default_factory=lambda: DaysWithoutFilesProperty.model_validate({})
    )
    dates_after_delivery: DatesAfterDelivery = "warn"
    write_back: bool = False
    history: bool = False
    partitioned_by_arrival: PartitionTransform | None = None


class WarehouseProperty(Strict):
    """Custom property `warehouse`: what contracts.model.Warehouse says."""

    distribution: Distribution = "auto"
    distribution_key: Text | None = None
    sort_keys: list[Text] = []


class ForecastProperty(Strict):
    """Custom property `forecast`: what contracts.model.Forecast says."""

    of: Text
    by: list[Text]
    horizon: int = Field(ge=1, le=MOST_PERIODS_AHEAD)


class CuratedProperties(Strict):
    """Custom properties of an aggregate."""

    layer: Literal["curated"]
    sql_file: Text
    period: Period
    period_column: Text
    source_date: Text
    conserves: dict[str, str] = Field(min_length=1)
    warehouse: WarehouseProperty | None = None
    forecast: ForecastProperty | None = None


class ColumnProperties(Strict):
    """Custom properties of a column."""

    control_total: bool = False
    partition_transform: PartitionTransform | None = None
    pii_treatment: PiiTreatment | None = None
    data_subject: bool = False
    absent: Absent | None = None
