"""The warehouse: Redshift Serverless, which costs by the second while it computes and only storage while it does not.

All its traffic goes through the private network (enhanced VPC routing), whose endpoints refuse other accounts. Nobody
connects to it: statements come through the Redshift Data API.
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from contracts import naming
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine, Offer
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.redshift_calls import RedshiftCalls
from stacks.network import NetworkStack
from stacks.storage import StorageStack

DATABASE = "slipway"
ADMIN = "slipway_admin"
# Source: Redshift database developer guide, "IAM policies for Amazon Redshift Spectrum", policy for AWS Glue.
CATALOG_READ = (
    *("glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables"),
    *("glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"),
)
# Source: Redshift Serverless API reference, CreateWorkgroup, ConfigParameters.
PARAMETERS = {
    "require_ssl": "true",
    "enable_user_activity_logging": "true",
    "max_query_execution_time": "3600",
}


STATEMENT_SECONDS = 2_400  # for each of the two that a load waits for; TimeoutSeconds of warehouse_load leaves it both
# Each look writes about 11 events into the history of an execution, which takes 25,000 (Step Functions service quotas).
MOST_LOOKS = 1_000
AUDIT_LOGS = ("userlog", "connectionlog", "useractivitylog")


class WarehouseStack(PipelineStack):
    """Namespace, workgroup, usage limit, the role that reads the lake, and the machine that loads from it."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        network: NetworkStack,
    ) -> None:
        super().__init__(scope, "Warehouse", blueprint=blueprint, description="Redshift Serverless")
        self._blueprint = blueprint
        self._storage = storage
        self._name = f"slipway-{blueprint.settings.environment}"
        self.reader = self._reader()
        self.namespace = self._namespace()
        self.workgroup = self._workgroup(network)
        calls = RedshiftCalls(
            self, "Calls", log_days=blueprint.log_days, log_key=storage.operations_key
        )
        calls.limit_usage(
            workgroup_arn=self.workgroup.attr_workgroup_workgroup_arn,
            monthly_rpu_hours=blueprint.settings.warehouse.monthly_rpu_hours,
        )
        secret = calls.admin_secret(
            namespace_name=self.namespace.ref,
            namespace_arn=self.namespace.attr_namespace_namespace_arn,
        )
        self.load = self._load(self._load_warehouse(secret))
        self.publish(
            WarehouseWorkgroupName=self._name,
            WarehouseDatabaseName=DATABASE,
            WarehouseReaderRoleArn=self.reader.role_arn,
            WarehouseLoadStateMachineArn=self.load.arn,
        )

    def _reader(self) -> iam.Role:
        """What COPY and external schemas may see: the curated zone, read only."""
        storage, blueprint = self._storage, self._blueprint
        # The id of a workgroup is known only when it is there, and it is made after this role.
        users = self.format_arn(
            service="redshift", resource=f"dbuser:serverless-{self.account}-*", resource_name="*"
        )
        role = iam.Role(
            self,
            "ReaderRole",
            # Both principals, and only users of Redshift Serverless in this account, whose ARNs are
            # dbuser:serverless-<account>-<workgroup id>/<user>. Source: Redshift management guide, "Authorizing Amazon
            # Redshift to access AWS services" and "Restricting access to IAM roles".
            assumed_by=iam.CompositePrincipal(
                *(
                    iam.ServicePrincipal(
                        f"{name}.amazonaws.com",
                        conditions={"StringLike": {"sts:ExternalId": users}},
                    )
                    for name in ("redshift-serverless", "redshift")
                )
            ),
            description="What the warehouse may read of the lake",
        )
        permissions.allow_s3_read(role, bucket=storage.curated, prefixes=["tables/"])
        permissions.allow_s3_list(role, bucket=storage.curated)
        permissions.allow_key(role, key=storage.data_key, services=["s3"], write=False)
        database = blueprint.database("curated")
        tables = [
            f"{database}/{model.name}"
            for contract in blueprint.contracts
            for model in contract.curated
        ]
        tables += [f"{database}/{name}" for name, mart in blueprint.marts.items() if mart.warehouse]
        permissions.allow(
            role,
            actions=CATALOG_READ,
            resources=[
                self.format_arn(service="glue", resource="catalog"),
                self.format_arn(service="glue", resource="database", resource_name=database),
                *(
                    self.format_arn(service="glue", resource="table", resource_name=name)
                    for name in tables
                ),
            ],
        )
        asked = "documented for external schemas; which of them answer a query is up to Redshift"
        permissions.note_rarely_used(
            role, {action: asked for action in CATALOG_READ if action != "glue:GetTable"}
        )
        return role

    def _namespace(self) -> redshift.CfnNamespace:
        namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=self._name,
            db_name=DATABASE,
            admin_username=ADMIN,
            manage_admin_password=True,  # Redshift keeps it in Secrets Manager and rotates it
            admin_password_secret_kms_key_id=self._storage.data_key.key_id,
            kms_key_id=self._storage.data_key.key_id,
            default_iam_role_arn=self.reader.role_arn,
            iam_roles=[self.reader.role_arn],
            log_exports=list(AUDIT_LOGS),
        )
        for group in self._audit_logs():
            namespace.node.add_dependency(group)
        namespace.apply_removal_policy(self._blueprint.removal_policy)
        namespace.node.add_dependency(self.reader)
        return namespace

    def _audit_logs(self) -> list[logs.LogGroup]:
        """Made before Redshift would make them, so that they end some day and are encrypted."""
        return [
            logs.LogGroup(
                self,
                f"Audit{kind.capitalize()}",
                # Source: Redshift management guide, "Audit logging for Amazon Redshift Serverless".
                log_group_name=f"/aws/redshift/{self._name}/{kind}",
                retention=self._blueprint.log_days,
                encryption_key=self._storage.operations_key,
                removal_policy=RemovalPolicy.DESTROY,  # their names are fixed
            )
            for kind in AUDIT_LOGS
        ]

    def _workgroup(self, network: NetworkStack) -> redshift.CfnWorkgroup:
        size = self._blueprint.settings.warehouse
        group = network.asking_group(
            "Warehouse", "The warehouse", "Compute of the warehouse: asks, is never asked"
        )
        workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=self._name,
            namespace_name=self._name,
            base_capacity=size.base_rpus,
            max_capacity=size.max_rpus,
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(
                    parameter_key=key, parameter_value=value
                )
                for key, value in PARAMETERS.items()
            ],
            enhanced_vpc_routing=True,
            publicly_accessible=False,
            security_group_ids=[group.attr_group_id],
            subnet_ids=[subnet.attr_subnet_id for subnet in network.subnets],
        )
        workgroup.add_resource_dependency(self.namespace)
        return workgroup

    def _load_warehouse(self, secret: str) -> PythonFunction:
        """Submits the statements of a load, with the admin secret (docs/reference/warehouse.md)."""
        storage = self._storage
        part = PythonFunction(
            self,
            "LoadWarehouse",
            root=self._blueprint.root,
            name="load_warehouse",
            data=("sql/redshift/load/*.sql", "contracts/compiled/marts/*.json"),
            description="Submits the statements of a load to the warehouse and reads what they found",
            environment={
                "WAREHOUSE_WORKGROUP": self._name,
                "WAREHOUSE_DATABASE": DATABASE,
                "WAREHOUSE_SECRET_ARN": secret,
                "CURATED_DATABASE": self._blueprint.database("curated"),
                "PROCESSED_BUCKET": storage.processed.bucket_name,
            },
            timeout_seconds=120,
            memory_mb=512,  # Lambda gives processor time by memory; less makes the start of boto3 slow
            log_days=self._blueprint.log_days,
            log_key=storage.operations_key,
            removal_policy=self._blueprint.removal_policy,
        )
        self._allow_statements(part.role)
        permissions.allow(part.role, actions=["secretsmanager:GetSecretValue"], resources=[secret])
        permissions.allow_s3_read(
            part.role, bucket=storage.processed, prefixes=[naming.RUNS_PREFIX]
        )
        permissions.allow_s3_list(part.role, bucket=storage.processed)
        permissions.allow_key(
            part.role, key=storage.data_key, services=["s3", "secretsmanager"], write=False
        )
        return part

    def _allow_statements(self, role: iam.Role) -> None:
        """Statements in this workgroup, and of any statement only what the role itself submitted.

        Source: Redshift management guide, "Authorizing access to the Amazon Redshift Data API".
        """
        permissions.allow(
            role,
            actions=["redshift-data:BatchExecuteStatement"],
            resources=[self.workgroup.attr_workgroup_workgroup_arn],
        )
        own = {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}
        for actions, rarely_used in (
            (["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"], None),
            (["redshift-data:CancelStatement"], "ends a statement that takes longer than its time"),
        ):
            permissions.allow(
                role,
                actions=actions,
                resources=["*"],
                conditions=own,
                wildcard_reason="Statements have no resource type; the condition limits them to the role's own",
                rarely_used=rarely_used,
            )

    def _load(self, function: PythonFunction) -> DatasetMachine:
        look_seconds = self._blueprint.settings.warehouse.look_seconds
        return DatasetMachine(
            self,
            "WarehouseLoad",
            blueprint=self._blueprint,
            name="warehouse_load",
            comment="Loads the curated tables of one dataset, or one mart, into the warehouse",
            offer=Offer(
                values={
                    "LookSeconds": str(look_seconds),
                    "MostLooks": str(min(STATEMENT_SECONDS // look_seconds, MOST_LOOKS)),
                },
                functions={"LoadWarehouseFunctionArn": function},
            ),
            operations_key=self._storage.operations_key,
        )
