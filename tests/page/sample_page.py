"""Page data without AWS: generated rows, the dataset's own curated SQL, the dashboard's own queries on DuckDB."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from contracts import headers, model
from dashboards import authoring, cube, page_data, queries
from dashboards.model import Dashboard
from local_cloud.adapters.athena import sql as athena_sql
from rows import table_definitions
from sample_data.sales_rows import Span, write_file

ROOT = Path(__file__).parents[2]
CONTRACT = model.load("sales_records")
WRITTEN = datetime(2025, 1, 2, 8, 5, tzinfo=UTC)
TOTALS = ("total_revenue", "total_cost", "total_profit")


@dataclass(frozen=True)
class Lake:
    """Orders and their curated tables in DuckDB, asked in Athena's SQL."""

    connection: duckdb.DuckDBPyConnection

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """As the embedded Athena would translate it."""
        statement = athena_sql.parse(sql)
        athena_sql.qualify(statement, "curated")
        return self.connection.execute(athena_sql.to_duckdb(statement, self._schema())).fetchall()

    def _schema(self) -> athena_sql.Schema:
        columns = "select table_schema, table_name, column_name, data_type from information_schema.columns"
        schema: athena_sql.Schema = {}
        for database, table, column, kind in self.connection.execute(columns).fetchall():
            schema.setdefault(database, {}).setdefault(table, {})[column] = kind
        return schema

    def totals(self, where: str = "true") -> dict[str, Decimal]:
        """Orders, units and money of the orders themselves, past every cube and query under test."""
        sums = ", ".join(f"sum({name})" for name in ("units_sold", *TOTALS))
        answer = self.ask(f"select count(*), {sums} from processed.sales_records where {where}")[0]
        return dict(zip(("orders", "units", "revenue", "cost", "profit"), answer, strict=True))


def lake(file: Path) -> Lake:
    """The lake that holds one plain Sales Records file."""
    connection = duckdb.connect()
    connection.execute("create schema processed; create schema curated")
    with file.open(encoding="utf-8") as stream:
        header = {headers.normalized_header(name): name for name in next(csv.reader(stream))}
    columns = ", ".join(
        _column(column, header[headers.normalized_header(column.name)])
        for column in CONTRACT.columns
    )
    connection.execute(
        f"create table processed.sales_records as select {columns} from read_csv(?, all_varchar=true)",
        [str(file)],
    )
    connection.execute("create view sales_records as from processed.sales_records")
    for curated in CONTRACT.curated:
        connection.execute(f"create table curated.{curated.name} as {curated.sql}")
    for forecast in CONTRACT.forecast_models:  # none was made yet
        table = table_definitions.forecast(forecast, "local", None)
        kinds = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        connection.execute(f"create table curated.{table.name} ({kinds})")
    return Lake(connection)


def _column(column: model.Column, header: str) -> str:
    if column.type == "date":
        return f"strptime(\"{header}\", '%-m/%-d/%Y')::date as {column.name}"
    return f'trim("{header}")::{column.type} as {column.name}'


def generated_lake(folder: Path, *, rows: int = 4000, months: int = 24) -> Lake:
    file = folder / "orders.csv"
    write_file(file, rows=rows, span=Span(first=date(2023, 1, 1), months=months), seed="page")
    return lake(file)


def dashboard() -> Dashboard:
    return authoring.load(ROOT / "datasets", CONTRACT)


def page(source: Lake, health: page_data.Health, through: date | None = None) -> page_data.PageData:
    """The page of all that the lake holds; `through` is the newest date unless it is given."""
    shown = dashboard()
    cubes = [
        cube.build(shown, name, source.ask(queries.cube_query(shown, name)))
        for name in shown.sources
    ]
    ((newest,),) = source.ask(queries.newest_date_query(CONTRACT, shown.kpis.source))
    return page_data.PageData(
        dashboard=shown,
        cubes=tuple(cubes),
        data_through=through or newest,
        written_at=WRITTEN,
        environment="local",
        health=health,
        forecasts=(forecast(),),
    )


def forecast() -> page_data.Forecast:
    """Two years of months, six that are expected, and three that are over: one without a band, one outside of it."""
    months = [date(2023 + number // 12, number % 12 + 1, 1) for number in range(30)]
    past, ahead = months[:24], months[24:]
    none = dict.fromkeys(("lower_80", "upper_80"))
    return page_data.Forecast(
        title="revenue by item_type",
        trained_through=past[-1],
        history=tuple((day, Decimal(90_000 + 1_000 * n)) for n, day in enumerate(past)),
        points=tuple(
            page_data.ForecastPoint(period=day, value=Decimal(120_000 + 500 * n), **_bands(n))
            for n, day in enumerate(ahead)
        ),
        series=(
            page_data.ForecastSeries(
                name="Cereal & Meat <x>", method="holt_winters", value=Decimal(80_000), lower_80=Decimal(75_000),
                upper_80=Decimal(85_000), wape=Decimal("0.0812"), mase=Decimal("0.7431"),
            ),
            page_data.ForecastSeries(
                name="Snacks", method="mean", value=Decimal(40_000), wape=None, mase=None, **none
            ),
        ),
        reviewed=(
            page_data.ReviewedPeriod(
                period=past[-3], value=Decimal(110_000), actual=Decimal(111_000), series=2, inside=1, **none
            ),
            *(
                page_data.ReviewedPeriod(
                    period=day, value=Decimal(112_000), lower_80=Decimal(108_000), upper_80=Decimal(116_000),
                    actual=came, series=2, inside=inside,
                )
                for day, came, inside in (
                    (past[-2], Decimal("112345.67"), 2), (past[-1], Decimal("-5.00"), 0)
                )
            ),
        ),
    )  # fmt: skip


def _bands(ahead: int) -> dict[str, Decimal]:
    """Wider with each period; the last ones as far down as zero."""
    narrow, wide = 20_000 * (ahead + 1), 25_000 * (ahead + 1)
    return {
        "lower_80": Decimal(max(0, 120_000 - narrow)),
        "upper_80": Decimal(120_000 + narrow),
        "lower_95": Decimal(max(0, 120_000 - wide)),
        "upper_95": Decimal(120_000 + wide),
    }


def healthy(source: Lake) -> page_data.Health:
    """Everything loaded, one file refused, ten rows in quarantine."""
    totals = source.totals()
    rows = int(totals["orders"])
    money = tuple(totals[name] for name in ("revenue", "cost", "profit"))
    none = (Decimal("0.00"),) * 3
    accounts = (
        page_data.Account(label="Runs: read", rows=rows + 10, totals=money),
        page_data.Account(label="Runs: loaded", rows=rows, totals=money),
        page_data.Account(label="Runs: quarantined", rows=10, totals=none),
        page_data.Account(label="Runs: deduplicated", rows=0, totals=none),
        page_data.Account(label="Table: sales_records", rows=rows, totals=money),
        page_data.Account(label="Table: sales_by_region_quarter", rows=None, totals=money),
        page_data.Account(label="Table: sales_by_month_item", rows=None, totals=money),
    )
    return page_data.Health(
        runs=(run(rows=rows),),
        files=(
            file("orders.csv", rows=rows),
            file(
                "holiday_photo.csv",
                status="rejected",
                explanation="byte 0 (0x89) is not UTF-8: invalid start byte",
            ),
        ),
        fates={"loaded": 1, "rejected": 1},
        refusals=(
            page_data.Refusal(
                rule="order_date.type", rows=6, example="order_date: '31/12/2024' is not a date"
            ),
            page_data.Refusal(
                rule="sales_channel.allowed", rows=4, example="sales_channel: '<b>Phone</b>' & Co"
            ),
        ),
        refused_rows=10,
        reconciliation=page_data.Reconciliation(columns=TOTALS, accounts=accounts, differences=()),
        last_loaded_at=WRITTEN - timedelta(hours=3),
        freshness_hours=36,
        cost=page_data.EngineCost(month=WRITTEN.date(), runs=3, usd=Decimal("1.234")),
        sources=(
            page_data.FetchedSource(
                name="sales_api",
                place="api.example.com/v1/orders",
                status="failed",
                changed_at=WRITTEN - timedelta(hours=1),
                complete_at=WRITTEN - timedelta(hours=25),
                explanation="page 1: <status> 403",
            ),
        ),
    )


def run(*, rows: int | None, status: str = "succeeded", explanation: str = "") -> page_data.Run:
    return page_data.Run(
        run_id="20250102T050000-0a1b2c3d",
        status=status,
        mode="load",
        trigger="file_arrived",
        started_at=WRITTEN - timedelta(hours=3, minutes=1, seconds=12),
        ended_at=WRITTEN - timedelta(hours=3),
        files=1,
        rows_read=rows,
        rows_loaded=rows,
        rows_quarantined=None if rows is None else 0,
        rows_deduplicated=None if rows is None else 0,
        explanation=explanation,
    )


def file(
    name: str, *, rows: int | None = None, status: str = "loaded", explanation: str = ""
) -> page_data.File:
    return page_data.File(
        name=name,
        status=status,
        received_at=WRITTEN - timedelta(hours=3, minutes=2),
        rows=rows,
        rows_loaded=rows,
        rows_quarantined=None if rows is None else 0,
        rows_deduplicated=None if rows is None else 0,
        explanation=explanation,
    )


def nothing_yet() -> page_data.PageData:
    """A dataset that was deployed this minute."""
    shown = dashboard()
    return page_data.PageData(
        dashboard=shown,
        cubes=tuple(cube.build(shown, name, []) for name in shown.sources),
        data_through=None,
        written_at=WRITTEN,
        environment="local",
        health=page_data.Health(
            runs=(),
            files=(),
            fates={},
            refusals=(),
            refused_rows=0,
            reconciliation=page_data.Reconciliation(columns=TOTALS, accounts=(), differences=()),
            last_loaded_at=None,
            freshness_hours=36,
            cost=None,
        ),
    )
