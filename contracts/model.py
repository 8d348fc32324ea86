"""A dataset contract as the runtimes see it: frozen dataclasses over the compiled JSON.

`contracts.authoring` is the only writer of that JSON. Here nothing is validated twice and nothing has a default:
a missing field is a KeyError turned into ContractInvalid, never a silent fallback.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any, Literal, assert_never, cast, get_args

from contracts import personal_data, table_rules
from contracts.errors import ContractInvalid
from contracts.personal_data import PiiTreatment
from contracts.table_rules import TableRule

RuleAction = Literal["warn", "quarantine", "halt"]
SchemaChange = Literal["reject", "strict", "evolve"]
PartitionTransform = Literal["day", "month", "year"]
TableFormat = Literal["iceberg", "delta"]
Period = Literal["month", "quarter", "year"]
DatesAfterDelivery = Literal["warn", "allow"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Redelivery = Literal["load", "once"]
Checksum = Literal["md5", "sha1", "sha256", "sha512"]
Absent = Literal["keep", "clear", "refuse"]
Distribution = Literal["auto", "all", "even", "key"]

# A type without its precision and scale.
ColumnKind = Literal["string", "int", "bigint", "date", "timestamp", "boolean", "decimal"]

DECIMAL = re.compile(r"^decimal\((\d+),(\d+)\)$")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    `type` is written as Spark, Athena, Iceberg and DuckDB all write it: string, int, bigint, decimal(p,s), date,
    timestamp, boolean. `source_name` is the header a file carries; `format` is a JDK DateTimeFormatter pattern, for
    date and timestamp columns. `minimum` and `maximum` are inclusive and kept as text (dates as ISO 8601), so that no
    limit passes through a float. A `pattern` must match the whole value.

    `type` is what a file carries and is checked as; `stored_type` what the processed table keeps. `pii` says how
    personal data is protected before the processed zone (contracts.personal_data); `data_subject` marks the one column
    by whose value a person's rows are found and erased, which is always hashed.

    `absent` says what becomes of a file without an optional column, where `schema_change` lets it lack one. keep: its
    rows have the newest value that any delivery gave for their key. clear: the column is empty in them, also where
    they replace others. refuse: the file is rejected. A column that cannot be kept (`may_keep`) has `clear`.
    """

    name: str
    type: str
    description: str
    source_name: str
    required: bool
    format: str | None
    minimum: str | None
    maximum: str | None
    pattern: str | None
    max_length: int | None
    allowed: tuple[str, ...]
    control_total: bool
    pii: PiiTreatment | None
    data_subject: bool
    absent: Absent

    @property
    def stored_type(self) -> str | None:
        """Type in the processed table; None for a column that is dropped before it."""
        return personal_data.stored_type(self.type, self.pii)

    @property
    def kind(self) -> ColumnKind:
        """Which type it is, whatever the precision. Raises ContractInvalid for an unknown one."""
        kind = "decimal" if self.precision_and_scale else self.type
        if kind not in get_args(ColumnKind) or self.type == "decimal":
            known = ", ".join(get_args(ColumnKind))
            raise ContractInvalid(f"column {self.name!r} is {self.type!r}; known types: {known}")
        return cast(ColumnKind, kind)

    @property
    def precision_and_scale(self) -> tuple[int, int] | None:
        """(precision, scale) of a decimal column, None for every other type."""
        found = DECIMAL.match(self.type)
        return (int(found.group(1)), int(found.group(2))) if found else None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A row rule: `expression` is SQL that Spark and DuckDB read alike, and a row breaks the rule unless it is TRUE.

    A rule is evaluated only on rows where every one of its `columns` parsed, so that one bad value gives one reason.
    """

    id: str
    description: str
    expression: str
    columns: tuple[str, ...]
    action: RuleAction


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """How the dataset's tables are kept in shape (docs/reference/state_machines.md).

    Files smaller than three quarters of `target_file_mb` (MiB) are joined; snapshots older than `snapshot_days` leave,
    but the newest `least_snapshots` stay; files that no snapshot knows leave after `orphan_days`.
    """

    target_file_mb: int
    snapshot_days: int
    least_snapshots: int
    orphan_days: int


@dataclass(frozen=True, kw_only=True)
class Intake:
    """How files of this dataset arrive: `partners/<partner>/<folder>/<file>` with one of `suffixes`.

    A header is accepted when it names every column, in any order, and nothing else but `ignored_headers`, which are
    skipped; names are compared as contracts.headers.normalized_header gives them. Only `partners` may deliver; every
    partner may when there are none.

    `redelivery` says what becomes of a content that comes again after other files have replaced rows of it. load: it is
    loaded again, since the newest delivery stands. once: it is a duplicate, as it is while all its rows stand.

    `checksum`: a file waits for another one beside it, whose name has this suffix and which holds this checksum of it.
    """

    folder: str
    suffixes: tuple[str, ...]
    delimiter: str
    max_bytes: int
    ignored_headers: tuple[str, ...]
    partners: tuple[str, ...]
    redelivery: Redelivery
    checksum: Checksum | None = None


@dataclass(frozen=True, kw_only=True)
class ReplacingLimits:
    """Shares of a file's rows above which it is set aside, as text; None: no limit.

    `share`: rows that replace a row of the table. `others_share`: those that a different partner had
    delivered. `conflicting_repeats_share`: rows that a later row of the file repeats with other values.
    """

    share: str | None
    others_share: str | None
    conflicting_repeats_share: str | None


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Days until data of a zone leaves; `None` keeps it."""

    raw_days: int
    raw_archive_after_days: int
    processed_days: int | None
    quarantine_days: int


@dataclass(frozen=True, kw_only=True)
class DaysWithoutFiles:
    """Days, in UTC, on which no file is expected: they do not make data older. `dates` are ISO 8601."""

    weekdays: tuple[Weekday, ...]
    dates: tuple[str, ...]

    def hours_between(self, start: datetime, end: datetime) -> float:
        """Hours of such days between two moments in UTC."""
        hours, day = 0.0, start.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < end:
            following = day + timedelta(days=1)
            if self._includes(day.date()):
                hours += (min(following, end) - max(day, start)) / timedelta(hours=1)
            day = following
        return hours

    def _includes(self, day: date) -> bool:
        weekday = get_args(Weekday)[day.weekday()]
        return weekday in self.weekdays or day.isoformat() in self.dates


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """A curated table is loaded into Redshift, and is laid out there so.

    `distribution` says which slices hold a row: auto (Redshift decides and changes it), all (a copy on every node),
    even, or key (by the value of `distribution_key`, which is None otherwise). `sort_keys` are a compound sort key.
    """

    distribution: Distribution
    distribution_key: str | None
    sort_keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A curated table is forecast: its column `of`, in one series for each combination of `by`, or in all.

    `of` is a column that the model conserves, so that it can be added up; `by` are columns of the grain. `horizon` is
    a number of the model's periods.
    """

    of: str
    by: tuple[str, ...]
    horizon: int


@dataclass(frozen=True, kw_only=True)
class CuratedModel:
    """An aggregate with a declared grain, recomputed period by period.

    `sql` selects from a relation named like the dataset, which holds only the processed rows of the periods to be
    recomputed. `period_column` is the column of this model with the first day of each period; `source_date` the
    processed column it derives from. `conserves` maps a column of this model to the processed column whose sum it must
    equal to the cent. `warehouse` is None for a table that stays in the lake, `forecast` for one that is not forecast.
    """

    name: str
    description: str
    sql: str
    columns: tuple[Column, ...]
    grain: tuple[str, ...]
    period: Period
    period_column: str
    source_date: str
    conserves: tuple[tuple[str, str], ...]
    warehouse: Warehouse | None
    forecast: Forecast | None

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if the model has none."""
        return {column.name: column for column in self.columns}[name]


@dataclass(frozen=True, kw_only=True)
class Contract:
    """Everything the pipeline knows about one dataset.

    `schema_change` says what may differ without anybody deciding it. reject: a header must be the contract's, in its
    order, and a table exactly the contract's. strict: any order of columns; tables as in reject. evolve: a header may
    also lack optional columns, and tables are evolved by what loses nothing (a new optional column, a wider type,
    another order). An environment may choose a stricter one, never a laxer. Nothing ever narrows a type.

    `partition_column` is a required date or timestamp of the contract, or naming.ARRIVAL_COLUMN where rows have no date
    of their own.

    `write_back`: its processed table is written to the internal database, where that feature is on.

    `history`: every accepted record of every delivery is kept in a table of its own (rows/history.py).

    `dates_after_delivery` says whether people are told of rows whose partition date is after the day of their delivery.
    """

    dataset: str
    version: str
    description: str
    owner: str
    alert_email: str | None
    freshness_hours: int
    intake: Intake
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    table_rules: tuple[TableRule, ...]
    schema_change: SchemaChange
    partition_column: str
    partition_transform: PartitionTransform
    table_format: TableFormat
    retention: Retention
    maintenance: Maintenance
    max_quarantined_share: str
    days_without_files: DaysWithoutFiles
    dates_after_delivery: DatesAfterDelivery
    write_back: bool
    history: bool
    replacing: ReplacingLimits
    curated: tuple[CuratedModel, ...]

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if the contract has none."""
        by_name = {column.name: column for column in self.columns}
        return by_name[name]

    def is_required(self, column: Column) -> bool:
        """Whether a blank breaks the column; a key must always be there, or two rows could not be told apart."""
        return column.required or column.name in self.key

    @property
    def forecast_models(self) -> tuple[CuratedModel, ...]:
        """The curated tables that are forecast, in contract order."""
        return tuple(model for model in self.curated if model.forecast)

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """The columns of the processed table: all but those that are dropped."""
        return tuple(column for column in self.columns if column.stored_type is not None)

    @property
    def protected_columns(self) -> tuple[Column, ...]:
        """The columns with personal data."""
        return tuple(column for column in self.columns if column.pii)

    @property
    def subject_column(self) -> Column | None:
        """The column that identifies the person a row is about, or None."""
        return next((column for column in self.columns if column.data_subject), None)

    @property
    def control_columns(self) -> tuple[Column, ...]:
        """The money columns whose totals are reconciled, in contract order."""
        return tuple(column for column in self.columns if column.control_total)


def keeps_row_out(action: RuleAction) -> bool:
    """Whether a row that breaks a rule with this action is kept out of the processed table."""
    match action:
        case "warn":
            return False
        case "quarantine" | "halt":
            return True
        case _:
            assert_never(action)


def from_json(text: str, *, origin: str) -> Contract:
    """Build a Contract from its compiled JSON.

    Raises ContractInvalid, naming `origin` and the field, when the text is not a compiled contract.
    """
    try:
        return _contract(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise ContractInvalid(
            f"{origin} is not a compiled contract: {error!r}; run `make contracts`"
        ) from error


def load(dataset: str) -> Contract:
    """The compiled contract shipped with this code.

    Raises ContractInvalid when there is none for `dataset`.
    """
    file = resources.files("contracts") / "compiled" / f"{dataset}.json"
    if not file.is_file():
        raise ContractInvalid(
            f"no compiled contract for dataset {dataset!r}; known: {', '.join(datasets()) or 'none'}"
        )
    return from_json(file.read_text(encoding="utf-8"), origin=f"contracts/compiled/{dataset}.json")


def datasets() -> tuple[str, ...]:
    """Names of all compiled contracts, sorted."""
    folder = resources.files("contracts") / "compiled"
    return tuple(
        sorted(
            file.name.removesuffix(".json")
            for file in folder.iterdir()
            if file.name.endswith(".json")
        )
    )


def _contract(data: dict[str, Any]) -> Contract:
    known = {
        **data,
        "intake": _intake(data["intake"]),
        "columns": _columns(data["columns"]),
        "key": tuple(data["key"]),
        "rules": tuple(
            Rule(**{**rule, "columns": tuple(rule["columns"])}) for rule in data["rules"]
        ),
        "table_rules": tuple(table_rules.from_document(rule) for rule in data["table_rules"]),
        "retention": Retention(**data["retention"]),
        "replacing": ReplacingLimits(**data["replacing"]),
        "maintenance": Maintenance(**data["maintenance"]),
        "days_without_files": DaysWithoutFiles(
            **{name: tuple(days) for name, days in data["days_without_files"].items()}
        ),
        "curated": tuple(_curated(model) for model in data["curated"]),
    }
    return Contract(**known)


def _intake(data: dict[str, Any]) -> Intake:
    lists = {name: tuple(data[name]) for name in ("suffixes", "ignored_headers", "partners")}
    return Intake(**{**data, **lists})


def _columns(items: list[dict[str, Any]]) -> tuple[Column, ...]:
    return tuple(Column(**{**item, "allowed": tuple(item["allowed"])}) for item in items)


def _curated(data: dict[str, Any]) -> CuratedModel:
    known = {
        **data,
        "columns": _columns(data["columns"]),
        "grain": tuple(data["grain"]),
        "conserves": tuple((pair[0], pair[1]) for pair in data["conserves"]),
        "warehouse": warehouse_from_json(data["warehouse"]),
        "forecast": _forecast(data["forecast"]),
    }
    return CuratedModel(**known)


def warehouse_from_json(data: dict[str, Any] | None) -> Warehouse | None:
    """A layout from its compiled JSON; None where there is none."""
    return Warehouse(**{**data, "sort_keys": tuple(data["sort_keys"])}) if data else None


def _forecast(data: dict[str, Any] | None) -> Forecast | None:
    return Forecast(**{**data, "by": tuple(data["by"])}) if data else None
