"""The report on one dataset or mart: collect what Athena and the ledgers say, and write it as one HTML file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from contracts import marts, model
from contracts.marts import Mart
from contracts.model import Contract
from contracts.texts import shortened
from dashboards import authoring, cube, page, page_data, queries
from dashboards.model import Dashboard
from pipeline.ledger import Item
from slipway.deployment import Deployment
from slipway.reading import forecasts, lake, ledgers
from slipway.reading import marts as mart_runs
from slipway.showing import report_health
from slipway.showing.report_health import LONGEST_EXPLANATION

ROOT = Path(__file__).resolve().parents[2]
DATASETS, MARTS = ROOT / "datasets", ROOT / "marts"
NEWEST_RUNS = 12


def write(deployment: Deployment, name: str, path: Path) -> Path:
    """Write the page of a dataset or mart to `path` and return its absolute path.

    Raises DashboardInvalid when it has no valid dashboard, QueryFailed with Athena's reason, PageTooLarge.
    """
    is_mart = name in marts.names()
    text = page.render((collect_mart if is_mart else collect)(deployment, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path.resolve()


def collect(deployment: Deployment, dataset: str) -> page_data.PageData:
    """Everything that the page of a dataset shows, as of now."""
    contract = model.load(dataset)
    dashboard = authoring.load(DATASETS, contract)
    runs = ledgers.runs(deployment, dataset)
    published = report_health.has_published(runs)
    return page_data.PageData(
        dashboard=dashboard,
        cubes=tuple(
            _cube(deployment, dashboard, source, published=published)
            for source in dashboard.sources
        ),
        data_through=_newest_date(deployment, contract, dashboard.kpis.source)
        if published
        else None,
        written_at=datetime.now(UTC),
        environment=deployment.environment,
        health=report_health.health(deployment, contract, runs),
        forecasts=forecasts.of_dataset(deployment, contract) if published else (),
    )


def collect_mart(deployment: Deployment, name: str) -> page_data.PageData:
    """Everything that the page of a mart shows, as of now."""
    found = mart_runs.one(deployment, name)
    mart = found.mart
    dashboard = authoring.load(MARTS, mart)
    is_published = any("version" in run for run in found.runs)
    return page_data.PageData(
        dashboard=dashboard,
        cubes=tuple(
            _cube(deployment, dashboard, source, published=is_published)
            for source in dashboard.sources
        ),
        data_through=_complete_through(deployment, mart) if is_published else None,
        written_at=datetime.now(UTC),
        environment=deployment.environment,
        health=page_data.MartHealth(
            inputs=mart.datasets,
            conserved=tuple(
                f"sum of {each.column} = sum of {each.dataset}.{each.source}"
                for each in mart.conserves
            ),
            runs=tuple(map(_mart_run, found.runs[:NEWEST_RUNS])),
        ),
    )


def _mart_run(item: Item) -> page_data.MartRun:
    error = ": ".join(str(item[name]) for name in ("error", "cause") if name in item)
    return page_data.MartRun(
        started_at=datetime.fromisoformat(item["started_at"]).replace(tzinfo=UTC),
        trigger=item["trigger"],
        outcome=str(item.get("outcome", item["status"])),
        rows=int(item["rows"]) if "rows" in item else None,
        totals=item.get("totals", {}),
        versions=item.get("cut", {}),
        detail=item.get("detail") or shortened(error, LONGEST_EXPLANATION),
    )


def _complete_through(deployment: Deployment, mart: Mart) -> date | None:
    """The day before the newest period: nobody says of a mart whether that one is over."""
    query = queries.newest_period_query(mart.name, mart.period_column)
    ((newest,),) = lake.rows(deployment, query)
    day = newest.date() if isinstance(newest, datetime) else newest
    return None if day is None else day - timedelta(days=1)


def with_dashboard() -> tuple[str, ...]:
    """The datasets and marts that have a dashboard."""
    return (
        *(n for n in model.datasets() if (DATASETS / n / authoring.DASHBOARD_FILE).is_file()),
        *(name for name in marts.names() if marts.load(name).dashboard),
    )


def _cube(
    deployment: Deployment, dashboard: Dashboard, source: str, *, published: bool
) -> cube.Cube:
    rows = lake.rows(deployment, queries.cube_query(dashboard, source)) if published else []
    return cube.build(dashboard, source, rows)


def _newest_date(deployment: Deployment, contract: Contract, source: str) -> date | None:
    ((newest,),) = lake.rows(deployment, queries.newest_date_query(contract, source))
    return newest.date() if isinstance(newest, datetime) else newest
