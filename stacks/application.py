"""The whole application: every stack of one environment, and the way references run between them.

Storage <- Alerts <- Processing <- Orchestration <- Intake <- Monitoring
                          ^- Analytics
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App

from contracts.authoring import require_current
from contracts.model import Contract
from stacks.alerts import AlertsStack
from stacks.analytics import AnalyticsStack
from stacks.base import Blueprint
from stacks.intake import IntakeStack
from stacks.monitoring import MonitoringStack
from stacks.orchestration import OrchestrationStack
from stacks.processing import ProcessingStack
from stacks.storage import StorageStack


def compose(app: App, blueprint: Blueprint) -> None:
    """Add every stack of the environment to `app`."""
    storage = StorageStack(app, blueprint=blueprint)
    alerts = AlertsStack(app, blueprint=blueprint, key=storage.operations_key)
    processing = ProcessingStack(app, blueprint=blueprint, storage=storage)
    orchestration = OrchestrationStack(app, blueprint=blueprint, storage=storage, alerts=alerts, processing=processing)
    intake = IntakeStack(app, blueprint=blueprint, storage=storage, alerts=alerts, machine=orchestration.machine)
    AnalyticsStack(app, blueprint=blueprint, storage=storage, processing=processing)
    MonitoringStack(
        app, blueprint=blueprint, alerts=alerts, processing=processing, orchestration=orchestration, intake=intake
    )


def current_contracts(root: Path) -> tuple[Contract, ...]:
    """The contracts of the repository at `root`.

    Raises ContractInvalid if one is invalid, or its compiled form is not what it would compile to now.
    """
    return require_current(root / "datasets", root / "contracts" / "compiled")
