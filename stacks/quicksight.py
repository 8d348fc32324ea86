"""Dashboards in QuickSight, from the same descriptions as the local page, over Athena and kept in SPICE.

Optional: it needs a QuickSight subscription in the account, and its users are the company's, so the settings name them.
Data is taken under a role of ours, not under the one that QuickSight shares between everything in the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never, cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_quicksight as quicksight
from constructs import Construct

from contracts import naming
from contracts.marts import as_curated
from contracts.model import Column, ColumnKind, CuratedModel
from dashboards.model import Dashboard
from dashboards.quicksight import definition
from dashboards.quicksight_forecast import ForecastShown
from rows import table_definitions
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import NOBODY, DatasetMachine, Offer
from stacks.setting_values import ANALYSTS
from stacks.storage import StorageStack

# The sets of actions that QuickSight accepts: who may change a resource, and who may look at a dashboard.
# Source: QuickSight API reference, ResourcePermission; console roles "owner" and "viewer".
OWN_SOURCE = (
    "Describe{0}",
    "Describe{0}Permissions",
    "Pass{0}",
    "Update{0}",
    "Delete{0}",
    "Update{0}Permissions",
)
OWN_DATASET = (
    *OWN_SOURCE,
    "DescribeIngestion",
    "ListIngestions",
    "CreateIngestion",
    "CancelIngestion",
)
OWN_ANALYSIS = (
    *(
        "RestoreAnalysis",
        "UpdateAnalysisPermissions",
        "DeleteAnalysis",
        "DescribeAnalysisPermissions",
    ),
    *("QueryAnalysis", "DescribeAnalysis", "UpdateAnalysis"),
)
VIEW_DASHBOARD = ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard")
OWN_DASHBOARD = (
    *VIEW_DASHBOARD,
    *(
        "UpdateDashboard",
        "DeleteDashboard",
        "DescribeDashboardPermissions",
        "UpdateDashboardPermissions",
    ),
    "UpdateDashboardPublishedVersion",
)
ATHENA = (
    *(
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
    ),
    *("athena:GetQueryResultsStream", "athena:GetWorkGroup"),
)
# What an ingestion does without, and an author who edits a dataset in the console does not: choosing catalog, database
# and table. Source: AWS managed policy reference, AWSQuicksightAthenaAccess, version 11, of which this is the part
# that Athena still has.
BROWSE_CATALOG = (
    *("athena:GetDataCatalog", "athena:GetDatabase", "athena:ListDatabases"),
    *("athena:GetTableMetadata", "athena:ListTableMetadata"),
)
BROWSE = (
    "athena:ListDataCatalogs",
    "athena:ListWorkGroups",
)  # have no resource type: service authorization reference
IN_THE_CONSOLE = "QuickSight's console lists catalogs, databases and tables with it when an author edits a dataset"
CATALOG = "AwsDataCatalog"  # how Athena calls the Glue catalog of the account


class QuickSightStack(PipelineStack):
    """Data source, a SPICE dataset per table that is shown, analysis and dashboard per description, their refresh."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        dashboards: Sequence[Dashboard],
    ) -> None:
        super().__init__(
            scope, "QuickSight", blueprint=blueprint, description="dashboards in QuickSight"
        )
        self._blueprint = blueprint
        self._storage = storage
        self._people = blueprint.settings.quicksight
        self._name = f"slipway-{blueprint.settings.environment}"
        shown = {source for dashboard in dashboards for source in dashboard.sources}
        curated = [model for contract in blueprint.contracts for model in contract.curated]
        curated += [as_curated(mart) for mart in blueprint.marts.values()]
        tables = [table for table in curated if table.name in shown]
        forecast = {d.dataset: self._forecast_models(d.dataset) for d in dashboards}
        columns = {
            **{table.name: list(map(_input_column, table.columns)) for table in tables},
            **{
                naming.forecast_table(model.name): self._columns_of_forecast(model)
                for models in forecast.values()
                for model in models
            },
        }
        self._source = self._data_source(self._reader(list(columns)))
        arns = {name: self._data_set(name, found).attr_arn for name, found in columns.items()}
        shown_tables: list[tuple[str, str]] = []
        for dashboard in dashboards:
            forecasts = [_shown(model) for model in forecast[dashboard.dataset]]
            self._show(dashboard, definition(dashboard, arns, forecasts))
            sources = (*dashboard.sources, *(each.table for each in forecasts))
            shown_tables += [(dashboard.dataset, self._data_set_id(name)) for name in sources]
        self.refresh = self._refresh(shown_tables, alerts)

    def _forecast_models(self, dataset: str) -> list[CuratedModel]:
        contracts = self._blueprint.contracts
        return [
            model
            for contract in contracts
            if contract.dataset == dataset
            for model in contract.forecast_models
        ]

    def _columns_of_forecast(
        self, model: CuratedModel
    ) -> list[quicksight.CfnDataSet.InputColumnProperty]:
        table = table_definitions.forecast(model, self._blueprint.settings.environment, None)
        return [_input(column.name, _kind(column.type)) for column in table.columns]

    def _reader(self, tables: Sequence[str]) -> iam.Role:
        # Source: QuickSight user guide, "Running queries as an IAM role in Amazon QuickSight".
        # "Cross-account Athena access" there has the condition on data sources.
        sources = self.format_arn(service="quicksight", resource="datasource", resource_name="*")
        role = iam.Role(
            self,
            "ReaderRole",
            assumed_by=permissions.service_for(self, "quicksight", source=sources),
            description="What dashboards may read of the lake",
        )
        self._allow_queries(role)
        self._allow_files(role)
        database = self._blueprint.database("curated")
        permissions.allow(
            role,
            actions=[
                "glue:GetDatabase",
                "glue:GetDatabases",
                "glue:GetTable",
                "glue:GetTables",
                "glue:GetPartitions",
            ],
            resources=[
                self.format_arn(service="glue", resource="catalog"),
                self.format_arn(service="glue", resource="database", resource_name=database),
                *(
                    self.format_arn(
                        service="glue", resource="table", resource_name=f"{database}/{t}"
                    )
                    for t in tables
                ),
            ],
        )
        return role

    def _allow_queries(self, role: iam.Role) -> None:
        """Queries in the analysts' workgroup, and what the console lists for people who edit a dataset."""
        workgroup = self.format_arn(
            service="athena", resource="workgroup", resource_name=f"{self._name}-{ANALYSTS}"
        )
        permissions.allow(role, actions=ATHENA, resources=[workgroup])
        catalog = self.format_arn(service="athena", resource="datacatalog", resource_name=CATALOG)
        permissions.allow(
            role, actions=BROWSE_CATALOG, resources=[catalog], rarely_used=IN_THE_CONSOLE
        )
        permissions.allow(
            role,
            actions=BROWSE,
            resources=["*"],
            wildcard_reason="Lists of catalogs and workgroups have no resource type (service authorization reference)",
            rarely_used=IN_THE_CONSOLE,
        )

    def _allow_files(self, role: iam.Role) -> None:
        """The curated tables' files, and the results of queries."""
        storage = self._storage
        permissions.allow_s3_read(role, bucket=storage.curated, prefixes=["tables/"])
        permissions.allow_s3_list(role, bucket=storage.curated)
        permissions.allow_s3_read(role, bucket=storage.results, prefixes=[f"{ANALYSTS}/"])
        permissions.allow_s3_write(role, bucket=storage.results, prefixes=[f"{ANALYSTS}/"])
        permissions.allow_s3_list(role, bucket=storage.results)
        buckets = [storage.curated.bucket_arn, storage.results.bucket_arn]
        permissions.allow(role, actions=["s3:GetBucketLocation"], resources=buckets)
        permissions.allow(
            role,
            actions=["s3:ListMultipartUploadParts"],
            resources=[storage.results.arn_for_objects(f"{ANALYSTS}/*")],
            wildcard_reason="results of queries are named at run time",
            rarely_used="Athena writes large results in parts",
        )
        permissions.allow(
            role,
            actions=["s3:ListBucketMultipartUploads"],
            resources=[storage.results.bucket_arn],
            rarely_used="Athena writes large results in parts",
        )
        permissions.allow_key(role, key=storage.data_key, services=["s3"], write=True)

    def _data_source(self, reader: iam.Role) -> quicksight.CfnDataSource:
        source = quicksight.CfnDataSource(
            self,
            "Lake",
            aws_account_id=self.account,
            data_source_id=self._name,
            name=f"Slipway {self._blueprint.settings.environment}",
            type="ATHENA",
            data_source_parameters=quicksight.CfnDataSource.DataSourceParametersProperty(
                athena_parameters=quicksight.CfnDataSource.AthenaParametersProperty(
                    work_group=f"{self._name}-{ANALYSTS}", role_arn=reader.role_arn
                )
            ),
            permissions=self._owned(
                quicksight.CfnDataSource.ResourcePermissionProperty, "DataSource", OWN_SOURCE
            ),
        )
        source.node.add_dependency(reader)
        return source

    def _data_set(
        self, table: str, columns: Sequence[quicksight.CfnDataSet.InputColumnProperty]
    ) -> quicksight.CfnDataSet:
        kinds = quicksight.CfnDataSet
        return kinds(
            self,
            "Data" + table.title().replace("_", ""),
            aws_account_id=self.account,
            data_set_id=self._data_set_id(table),
            name=f"{table} ({self._blueprint.settings.environment})",
            import_mode="SPICE",
            # QuickSight begins an ingestion when a dataset is created or changed. The tables, or a new column of them,
            # are made by the next run: a deployment that waited would fail for want of them.
            # Source: CloudFormation, AWS::QuickSight::DataSet IngestionWaitPolicy; QuickSight API, CreateDataSet.
            ingestion_wait_policy=kinds.IngestionWaitPolicyProperty(wait_for_spice_ingestion=False),
            physical_table_map={
                table.replace("_", "-"): kinds.PhysicalTableProperty(
                    relational_table=kinds.RelationalTableProperty(
                        data_source_arn=self._source.attr_arn,
                        catalog=CATALOG,
                        schema=self._blueprint.database("curated"),
                        name=table,
                        input_columns=list(columns),
                    )
                )
            },
            permissions=self._owned(kinds.ResourcePermissionProperty, "DataSet", OWN_DATASET),
        )

    def _data_set_id(self, table: str) -> str:
        return f"{self._name}-{table.replace('_', '-')}"

    def _refresh(self, shown: Sequence[tuple[str, str]], alerts: AlertsStack) -> DatasetMachine:
        """The machine that a run starts to bring its tables into SPICE; `shown` is of (dataset, id of a table's)."""
        machine = DatasetMachine(
            self,
            "DashboardRefresh",
            blueprint=self._blueprint,
            name="dashboard_refresh",
            comment="Brings the tables of one dataset into SPICE and has people told",
            offer=Offer(
                values={
                    "AccountId": self.account,
                    "Region": self.region,
                    "Environment": self._blueprint.settings.environment,
                    "DashboardPrefix": f"{self._name}-",
                    "SpiceDataSets": ",".join(f"{dataset}={kept}" for dataset, kept in shown)
                    or NOBODY,
                    "AnnounceStateMachineArn": alerts.announce.arn,
                    "RefreshSeconds": str(60 * self._people.refresh_minutes),
                }
            ),
            operations_key=self._storage.operations_key,
        )
        permissions.allow(
            machine.role, actions=["states:StartExecution"], resources=[alerts.announce.arn]
        )
        # Source: Service Authorization Reference, Amazon QuickSight, resource type ingestion.
        permissions.allow(
            machine.role,
            actions=["quicksight:CreateIngestion", "quicksight:DescribeIngestion"],
            resources=[
                self.format_arn(
                    service="quicksight", resource="dataset", resource_name=f"{kept}/ingestion/*"
                )
                for _, kept in shown
            ],
            wildcard_reason="ingestions are named after the run that they show",
        )
        return machine

    def _show(self, dashboard: Dashboard, content: dict[str, Any]) -> None:
        name = dashboard.dataset.title().replace("_", "")
        kept = f"{self._name}-{dashboard.dataset.replace('_', '-')}"
        analysis = quicksight.CfnAnalysis(
            self,
            f"Analysis{name}",
            aws_account_id=self.account,
            analysis_id=kept,
            name=dashboard.title,
            permissions=self._owned(
                quicksight.CfnAnalysis.ResourcePermissionProperty, "Analysis", OWN_ANALYSIS
            ),
        )
        viewers = quicksight.CfnDashboard.ResourcePermissionProperty
        shown = quicksight.CfnDashboard(
            self,
            f"Dashboard{name}",
            aws_account_id=self.account,
            dashboard_id=kept,
            name=dashboard.title,
            permissions=[
                *self._owned(viewers, "Dashboard", OWN_DASHBOARD),
                *_granted(viewers, self._people.readers, "Dashboard", VIEW_DASHBOARD),
            ],
        )
        for resource in (analysis, shown):
            resource.add_property_override("Definition", content)

    def _owned(self, kind: Any, resource: str, actions: Sequence[str]) -> list[Any]:
        return _granted(kind, self._people.authors, resource, actions)


def _granted(
    kind: Any, principals: Sequence[str], resource: str, actions: Sequence[str]
) -> list[Any]:
    named = [f"quicksight:{action.format(resource)}" for action in actions]
    return [kind(principal=principal, actions=named) for principal in principals]


def _shown(model: CuratedModel) -> ForecastShown:
    wanted = model.forecast
    if wanted is None:
        raise ValueError(f"{model.name} is not forecast")
    return ForecastShown(
        table=naming.forecast_table(model.name),
        of=wanted.of,
        by=wanted.by,
        period_column=model.period_column,
        period=model.period,
    )


def _input_column(column: Column) -> quicksight.CfnDataSet.InputColumnProperty:
    return _input(column.name, column.kind)


def _input(name: str, kind: ColumnKind) -> quicksight.CfnDataSet.InputColumnProperty:
    """FIXED, because a decimal that became a float would not add up to the cent."""
    of_quicksight, sub_type = _input_type(kind)
    return quicksight.CfnDataSet.InputColumnProperty(
        name=name, type=of_quicksight, sub_type=sub_type
    )


def _kind(stored: str) -> ColumnKind:
    """The kind of a stored type, which may have digits in brackets."""
    return cast(ColumnKind, stored.partition("(")[0])


def _input_type(kind: ColumnKind) -> tuple[str, str | None]:
    """Type and sub-type of an input column. Source: QuickSight API reference, InputColumn."""
    match kind:
        case "string":
            return "STRING", None
        case "int" | "bigint":
            return "INTEGER", None
        case "boolean":
            return "BOOLEAN", None
        case "date" | "timestamp":
            return "DATETIME", None
        case "decimal":
            return "DECIMAL", "FIXED"
        case _:
            assert_never(kind)
