"""What every stack of an environment has in common: its settings, its contracts and its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aws_cdk import CfnOutput, Environment, RemovalPolicy, Stack, Tags
from aws_cdk import aws_logs as logs
from constructs import Construct

from contracts import naming
from contracts.marts import Mart
from contracts.model import Contract, SchemaChange
from sources.model import Source
from stacks.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """Everything that decides what is built.

    `root` is the repository; code assets are cut out of it. `delete_data` is the second of the two keys. `sources` are
    all that are described; the settings say which are fetched. All `marts` that there are run.
    """

    root: Path
    settings: Settings
    contracts: tuple[Contract, ...]
    delete_data: bool
    sources: Mapping[str, Source] = field(default_factory=dict)
    marts: Mapping[str, Mart] = field(default_factory=dict)

    @property
    def deletes_data(self) -> bool:
        """True only if both the settings and the command line say so."""
        return self.settings.allow_data_deletion and self.delete_data

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What happens to data, keys and logs when their stack is destroyed."""
        return RemovalPolicy.DESTROY if self.deletes_data else RemovalPolicy.RETAIN

    @property
    def schema_change(self) -> SchemaChange:
        """What the environment allows; without a choice the laxest, since the contract's own may only be stricter."""
        return self.settings.runs.schema_change or "evolve"

    @property
    def log_days(self) -> logs.RetentionDays:
        """How long logs are kept, as CDK's enumeration names it."""
        days = self.settings.retention.logs_days
        return RETENTION[days]

    def database(self, zone: naming.Zone) -> str:
        """Glue database of a zone in this environment."""
        return naming.database(self.settings.environment, zone)


RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
    1096: logs.RetentionDays.THREE_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
    3653: logs.RetentionDays.TEN_YEARS,
}


class PipelineStack(Stack):
    """A stack named and tagged after its environment."""

    def __init__(
        self, scope: Construct, part: str, *, blueprint: Blueprint, description: str
    ) -> None:
        settings = blueprint.settings
        super().__init__(
            scope,
            naming.stack(settings.environment, part),
            description=f"Slipway {settings.environment}: {description}",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.environment == "prod",
        )
        for key, value in settings.tags.items():
            Tags.of(self).add(key, value)
        Tags.of(self).add("project", "slipway")
        Tags.of(self).add("environment", settings.environment)

    def publish(self, **outputs: str) -> None:
        """Stack outputs, which the operator's command reads."""
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)


def trains(blueprint: Blueprint) -> bool:
    """Whether models of forecasts are trained: the settings want it, and a contract has something forecast."""
    return blueprint.settings.forecasts.engine == "sagemaker" and any(
        contract.forecast_models for contract in blueprint.contracts
    )
