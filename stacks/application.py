"""The whole application: every stack of one environment, and the way references run between them.

Storage <- Alerts <- Processing <- Orchestration <- Intake <- Monitoring
       ^      ^- Sources <-----------------------------------| only with sources that are fetched
       ^      ^          ^                ^- Marts <---------| only with marts
       ^      ^          ^                ^- Training          only with forecasts.engine sagemaker
       ^                  ^- Analytics <- QuickSight <-| only with features.quicksight
       |- Network <- Warehouse <-----------------------| only with features.warehouse
       |          ^- Database <------------------------| only with features.database
       |- Trail                                         | only with features.trail
People comes last, and only if the settings name somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aws_cdk import App

from contracts.authoring import require_current
from contracts.authoring.marts import require_current as require_current_marts
from contracts.errors import ContractInvalid
from contracts.marts import Mart
from contracts.model import Contract
from dashboards.authoring import DASHBOARD_FILE, load
from dashboards.model import Dashboard
from sources.authoring import require_current as require_current_sources
from sources.model import Source
from stacks import readiness
from stacks.alerts import AlertsStack
from stacks.analytics import AnalyticsStack
from stacks.base import Blueprint, trains
from stacks.constructs.dataset_machine import DatasetMachine
from stacks.database import DatabaseStack
from stacks.database_rest import DatabaseRest
from stacks.forecast_training import ForecastTrainingStack
from stacks.intake import IntakeStack
from stacks.marts import CONSUMERS, MartsStack
from stacks.monitoring import MonitoringStack
from stacks.network import NetworkStack
from stacks.orchestration import OrchestrationStack
from stacks.people import PeopleStack
from stacks.processing import ProcessingStack
from stacks.sources import SourcesStack
from stacks.storage import StorageStack
from stacks.trail import TrailStack
from stacks.warehouse import WarehouseStack

REFRESHED = ("dashboards", "queries")  # machines that serve, and that no run waits for


def compose(app: App, blueprint: Blueprint) -> None:
    """Add every stack of the environment to `app`."""
    storage = StorageStack(app, blueprint=blueprint)
    readiness.say(storage, blueprint.settings)
    is_trailed = blueprint.settings.features.trail
    trail = TrailStack(app, blueprint=blueprint, storage=storage) if is_trailed else None
    alerts = AlertsStack(app, blueprint=blueprint, storage=storage)
    processing = ProcessingStack(app, blueprint=blueprint, storage=storage)
    analytics = AnalyticsStack(
        app, blueprint=blueprint, storage=storage, processing=processing, alerts=alerts
    )
    stores, database_rest = _stores(app, blueprint, storage, processing)
    serving = {
        **stores,
        **_dashboards(app, blueprint, storage, alerts, processing, analytics),
        **({"queries": analytics.refresh} if analytics.refresh else {}),
    }
    orchestration = OrchestrationStack(
        app,
        blueprint=blueprint,
        storage=storage,
        alerts=alerts,
        processing=processing,
        serving=list(serving.values()),
    )
    training = _training(app, blueprint, storage, alerts, processing, orchestration)
    intake = IntakeStack(
        app, blueprint=blueprint, storage=storage, alerts=alerts, orchestration=orchestration
    )
    sources = fetched_sources(app, blueprint, storage, alerts)
    marts = _marts(app, blueprint, storage, alerts, processing, orchestration, serving)
    monitoring = MonitoringStack(
        app,
        blueprint=blueprint,
        storage=storage,
        alerts=alerts,
        processing=processing,
        orchestration=orchestration,
        intake=intake,
        sources=sources,
        marts=marts,
        training=training,
        database_rest=database_rest,
        refreshes={name: serving[name] for name in REFRESHED if name in serving},
    )
    if blueprint.settings.people.are_named:
        PeopleStack(
            app,
            blueprint=blueprint,
            storage=storage,
            alerts=alerts,
            orchestration=orchestration,
            intake=intake,
            monitoring=monitoring,
            sources=sources,
            marts=marts,
            training=training,
            by_hand=list(stores.values()),
            crawlers=processing.crawlers,
            trail=trail,
        )


def _stores(
    app: App, blueprint: Blueprint, storage: StorageStack, processing: ProcessingStack
) -> tuple[dict[str, DatasetMachine], DatabaseRest | None]:
    """The warehouse and the internal database, if they are wanted: the machines that write into them, and what puts
    the database to sleep if it does not do so itself.
    """
    features, machines = blueprint.settings.features, dict[str, DatasetMachine]()
    if not features.warehouse and not features.database:
        return machines, None
    database_rest = None
    network = NetworkStack(app, blueprint=blueprint, storage=storage)
    if features.warehouse:
        warehouse = WarehouseStack(app, blueprint=blueprint, storage=storage, network=network)
        machines["warehouse"] = warehouse.load
    if features.database:
        database = DatabaseStack(app, blueprint=blueprint, storage=storage, network=network)
        database.add_stack_dependency(processing, reason="its tables are in the processed database")
        machines["database"], database_rest = database.write_back, database.rest
    return machines, database_rest


def _dashboards(
    app: App,
    blueprint: Blueprint,
    storage: StorageStack,
    alerts: AlertsStack,
    processing: ProcessingStack,
    analytics: AnalyticsStack,
) -> dict[str, DatasetMachine]:
    """QuickSight, if it is wanted: the machine that refreshes it."""
    if not blueprint.settings.features.quicksight:
        return {}
    # Its classes of the CDK take a third of all imports' time.
    from stacks.quicksight import QuickSightStack

    described = dashboards_of(blueprint.root, blueprint.contracts, blueprint.marts.values())
    shown = QuickSightStack(
        app, blueprint=blueprint, storage=storage, alerts=alerts, dashboards=described
    )
    shown.add_stack_dependency(analytics, reason="the data source names the workgroup of analysts")
    shown.add_stack_dependency(processing, reason="datasets name the curated database")
    return {"dashboards": shown.refresh}


def _training(
    app: App,
    blueprint: Blueprint,
    storage: StorageStack,
    alerts: AlertsStack,
    processing: ProcessingStack,
    orchestration: OrchestrationStack,
) -> ForecastTrainingStack | None:
    if not trains(blueprint):
        return None
    training = ForecastTrainingStack(
        app,
        blueprint=blueprint,
        storage=storage,
        alerts=alerts,
        processing=processing,
        orchestration=orchestration,
    )
    training.add_stack_dependency(processing, reason="forecasts are in the curated database")
    return training


def _marts(
    app: App,
    blueprint: Blueprint,
    storage: StorageStack,
    alerts: AlertsStack,
    processing: ProcessingStack,
    orchestration: OrchestrationStack,
    serving: Mapping[str, DatasetMachine],
) -> MartsStack | None:
    if not blueprint.marts:
        return None
    marts = MartsStack(
        app,
        blueprint=blueprint,
        storage=storage,
        alerts=alerts,
        orchestration=orchestration,
        serving={name: serving[name] for name in CONSUMERS if name in serving},
    )
    marts.add_stack_dependency(processing, reason="a mart's table is in the curated database")
    return marts


def fetched_sources(
    app: App, blueprint: Blueprint, storage: StorageStack, alerts: AlertsStack
) -> SourcesStack | None:
    """The stack of the sources that the settings name; None if they name none.

    Raises ContractInvalid, naming a source that nobody describes.
    """
    named = blueprint.settings.sources
    if unknown := sorted(named.keys() - blueprint.sources.keys()):
        environment = blueprint.settings.environment
        known = ", ".join(sorted(blueprint.sources)) or "none"
        raise ContractInvalid(
            f"config/{environment}.yaml: sources: {', '.join(map(repr, unknown))} is described by no file of sources/;"
            f" known: {known}"
        )
    if not named:
        return None
    return SourcesStack(app, blueprint=blueprint, storage=storage, alerts=alerts)


def dashboards_of(
    root: Path, contracts: Sequence[Contract], marts: Iterable[Mart]
) -> list[Dashboard]:
    """The dashboards of the datasets and marts that describe one.

    Raises DashboardInvalid with all mistakes of the first description that has any.
    """
    described = [c for c in contracts if (root / "datasets" / c.dataset / DASHBOARD_FILE).is_file()]
    return [
        *(load(root / "datasets", contract) for contract in described),
        *(load(root / "marts", mart) for mart in marts if mart.dashboard),
    ]


def current_contracts(root: Path) -> tuple[Contract, ...]:
    """The contracts of the repository at `root`.

    Raises ContractInvalid if one is invalid, or its compiled form is not what it would compile to now.
    """
    return require_current(root / "datasets", root / "contracts" / "compiled")


def current_sources(root: Path, contracts: Sequence[Contract]) -> dict[str, Source]:
    """The sources that the repository at `root` describes, by name.

    Raises ContractInvalid if one is invalid, or its compiled form is not what it would compile to now.
    """
    return require_current_sources(root / "sources", contracts)


def current_marts(root: Path, contracts: Sequence[Contract]) -> dict[str, Mart]:
    """The marts of the repository at `root`, by name.

    Raises ContractInvalid if one is invalid, or its compiled form is not what it would compile to now, or a view of the
    curated database has its name.
    """
    marts = require_current_marts(root / "marts", root / "contracts" / "compiled", contracts)
    views = {file.stem: file for file in (root / "sql" / "athena").glob("*/views/*.sql")}
    for name in sorted(marts.keys() & views.keys()):
        raise ContractInvalid(
            f"marts/{name}: {views[name].relative_to(root)} is a view of this name; rename one of the two"
        )
    return marts
