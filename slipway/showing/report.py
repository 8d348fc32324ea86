"""The report on one dataset: collect what Athena and the ledgers say, and write it as one HTML file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from contracts import model
from contracts.model import Contract
from dashboards import authoring, cube, page, page_data, queries
from dashboards.model import Dashboard
from slipway.deployment import Deployment
from slipway.reading import forecasts, lake, ledgers
from slipway.showing import report_health

DATASETS = Path(__file__).resolve().parents[2] / "datasets"


def write(deployment: Deployment, dataset: str, path: Path) -> Path:
    """Write the page of a dataset to `path` and return its absolute path.

    Raises DashboardInvalid when the dataset has no valid dashboard, QueryFailed with Athena's reason, PageTooLarge.
    """
    text = page.render(collect(deployment, dataset))
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


def with_dashboard() -> tuple[str, ...]:
    """The datasets that have a dashboard."""
    return tuple(
        name for name in model.datasets() if (DATASETS / name / authoring.DASHBOARD_FILE).is_file()
    )


def _cube(
    deployment: Deployment, dashboard: Dashboard, source: str, *, published: bool
) -> cube.Cube:
    rows = lake.rows(deployment, queries.cube_query(dashboard, source)) if published else []
    return cube.build(dashboard, source, rows)


def _newest_date(deployment: Deployment, contract: Contract, source: str) -> date | None:
    ((newest,),) = lake.rows(deployment, queries.newest_date_query(contract, source))
    return newest.date() if isinstance(newest, datetime) else newest
