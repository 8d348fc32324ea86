"""Athena: workgroups that cannot be talked out of their limits, views, and sample queries.

A sample query is a file sql/athena/<dataset>/<name>.sql whose first comment line describes it; `{raw}`, `{processed}`
and `{curated}` stand for the databases of the environment. Views come from the contracts (`views`) and from files
(`view_files`).
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_athena as athena
from constructs import Construct

from contracts import naming
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs.athena_view import athena_view
from stacks.processing import ProcessingStack
from stacks.refreshed_queries import file_of, query_refresh
from stacks.setting_values import ANALYSTS
from stacks.storage import StorageStack
from stacks.view_files import views_in
from stacks.views import views_of

GIB = 1024**3


class AnalyticsStack(PipelineStack):
    """Workgroups, named queries and views."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        processing: ProcessingStack,
        alerts: AlertsStack,
    ) -> None:
        super().__init__(
            scope,
            "Analytics",
            blueprint=blueprint,
            description="Athena workgroups, queries and views",
        )
        self._blueprint = blueprint
        self.add_stack_dependency(processing, reason="views live in its databases")
        limits = blueprint.settings.athena
        workgroup = self._workgroup(ANALYSTS, limits.scan_limit_gib, storage)
        for team, limit_gib in limits.teams.items():
            self._workgroup(team, limit_gib, storage)
        queries: dict[str, athena.CfnNamedQuery] = {}
        for contract in blueprint.contracts:
            queries |= self._queries(contract.dataset, workgroup)
            environment = blueprint.settings.environment
            files = views_in(blueprint.root, contract.dataset, environment)
            for view in (*views_of(contract, environment), *files):
                construct_id = "View" + view.name.title().replace("_", "")
                athena_view(self, construct_id, catalog_id=self.account, view=view)
        for name in limits.refreshed:
            file_of(blueprint, name)
        self.refresh = (
            query_refresh(
                self,
                blueprint=blueprint,
                storage=storage,
                alerts=alerts,
                queries={name: queries[name] for name in limits.refreshed},
            )
            if limits.refreshed
            else None
        )
        self.publish(
            WorkgroupName=workgroup.name,
            **({"QueryRefreshStateMachineArn": self.refresh.arn} if self.refresh else {}),
        )

    def _workgroup(
        self, team: str, scan_limit_gib: int, storage: StorageStack
    ) -> athena.CfnWorkGroup:
        kinds = athena.CfnWorkGroup
        return kinds(
            self,
            "".join(word.capitalize() for word in team.split("-")),
            name=f"slipway-{self._blueprint.settings.environment}-{team}",
            description=f"Queries of {team}, at most {scan_limit_gib} GiB each",
            # Else no environment could be destroyed once somebody has asked something: a workgroup that contains query
            # executions or named queries is deleted only with this. Source: Athena API reference, DeleteWorkGroup.
            recursive_delete_option=True,
            work_group_configuration=kinds.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=scan_limit_gib * GIB,
                engine_version=kinds.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=kinds.ResultConfigurationProperty(
                    output_location=f"s3://{storage.results.bucket_name}/{team}/",
                    encryption_configuration=kinds.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=storage.data_key.key_arn
                    ),
                ),
            ),
        )

    def _queries(
        self, dataset: str, workgroup: athena.CfnWorkGroup
    ) -> dict[str, athena.CfnNamedQuery]:
        """The sample queries of a dataset, by `<dataset>/<name of the file>`."""
        made = {}
        for file in sorted((self._blueprint.root / "sql" / "athena" / dataset).glob("*.sql")):
            made[f"{dataset}/{file.stem}"] = query = self._query(dataset, file)
            query.add_resource_dependency(workgroup)
        return made

    def _query(self, dataset: str, file: Path) -> athena.CfnNamedQuery:
        text = file.read_text(encoding="utf-8").strip()
        first_line = text.partition("\n")[0]
        if not first_line.startswith("-- "):
            raise ValueError(
                f"{file.name}: the first line must be a comment that describes the query, not {first_line!r}"
            )
        return athena.CfnNamedQuery(
            self,
            "Query" + f"{dataset}_{file.stem}".title().replace("_", ""),
            name=f"{dataset}: {file.stem.replace('_', ' ')}",
            description=first_line.removeprefix("-- "),
            database=self._blueprint.database("curated"),
            work_group=f"slipway-{self._blueprint.settings.environment}-{ANALYSTS}",
            query_string=self._with_databases(text),
        )

    def _with_databases(self, text: str) -> str:
        zones: tuple[naming.Zone, ...] = ("raw", "processed", "curated")
        for zone in zones:
            text = text.replace(f"{{{zone}}}", self._blueprint.database(zone))
        return text
