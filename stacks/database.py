"""The internal database: Aurora PostgreSQL that sleeps while nobody asks, and the machine that writes tables into it.

It answers nobody but two functions, over TLS, in the private network: one writes tables, as a user that may do nothing
else, the other makes that user, as the master user. Both come in by tokens of IAM, so there is no password and no
secret. Applications that shall read it are let in by hand (docs/write_back.md).
"""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import NOBODY, DatasetMachine, Offer
from stacks.constructs.private_functions import enter_network
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.python_layer import layers_of
from stacks.duckdb_functions import DuckDbFunctions
from stacks.layers import POSTGRES
from stacks.network import NetworkStack
from stacks.storage import StorageStack
from stacks.table_access import TABLES_PREFIX, allow_tables

DATABASE = "slipway"
MASTER, WRITER = "slipway_admin", "slipway_writer"  # as duckdb_jobs/write_back/users.py says
ENGINE = "aurora-postgresql"
# Sleeps at 0 ACU since 17.4. Source: Aurora user guide, "Scaling to Zero ACUs with automatic pause and resume".
VERSION, FAMILY = "17.7", "aurora-postgresql17"
PREPARE_SECONDS = 180  # TimeoutSeconds of PrepareDatabase in write_back.asl.json is more
PORT = 5433  # not the one that is tried first (cdk-nag, RDS11)
# Source: Aurora user guide, "Security with Amazon Aurora PostgreSQL", requiring an SSL/TLS connection.
PARAMETERS = {"rds.force_ssl": "1"}
# Source: RDS user guide, "Using SSL/TLS": regional authority, good until 2061. duckdb_jobs/write_back has them all.
AUTHORITY = "rds-ca-rsa2048-g1"


class DatabaseStack(PipelineStack):
    """Cluster, its one instance, and what writes tables into it."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        network: NetworkStack,
    ) -> None:
        super().__init__(
            scope, "Database", blueprint=blueprint, description="Aurora PostgreSQL, written back to"
        )
        self._blueprint = blueprint
        self._storage = storage
        self._network = network
        self._name = f"slipway-{blueprint.settings.environment}"
        self._answering = network.answering_group(
            "Database", "The internal database: answers, never asks"
        )
        self.cluster = self._cluster()
        self._instance()
        self.write_back = self._machine(self._write_back(), self._prepare_database())
        self.publish(
            DatabaseHost=self.cluster.attr_endpoint_address,
            DatabasePort=self.cluster.attr_endpoint_port,
            DatabaseName=DATABASE,
            DatabaseMasterUser=MASTER,
            DatabaseSecurityGroupId=self._answering.attr_group_id,
            WriteBackStateMachineArn=self.write_back.arn,
        )

    def _cluster(self) -> rds.CfnDBCluster:
        settings, storage = self._blueprint.settings.database, self._storage
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            db_cluster_identifier=self._name,
            engine=ENGINE,
            engine_version=VERSION,
            database_name=DATABASE,
            port=PORT,
            master_username=MASTER,
            # Source: RDS API reference, CreateDBCluster, MasterUserAuthenticationType.
            master_user_authentication_type="iam-db-auth",
            storage_encrypted=True,
            kms_key_id=storage.data_key.key_arn,
            serverless_v2_scaling_configuration=rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
                min_capacity=0,
                max_capacity=settings.max_acus,
                seconds_until_auto_pause=settings.pause_after_seconds,
            ),
            db_subnet_group_name=self._subnets().ref,
            db_cluster_parameter_group_name=self._parameters().ref,
            vpc_security_group_ids=[self._answering.attr_group_id],
            backup_retention_period=settings.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=not self._blueprint.deletes_data,
            enable_iam_database_authentication=True,
            enable_cloudwatch_logs_exports=["postgresql"],
        )
        if self._blueprint.deletes_data:
            permissions.acknowledge(
                cluster,
                "AwsSolutions-RDS10",
                "Both keys are turned: destroying the stacks deletes data, and a protected cluster would not go",
            )
        cluster.node.add_dependency(self._log())
        cluster.apply_removal_policy(
            RemovalPolicy.DESTROY if self._blueprint.deletes_data else RemovalPolicy.RETAIN
        )
        return cluster

    def _subnets(self) -> rds.CfnDBSubnetGroup:
        return rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description="Private subnets of the internal database",
            subnet_ids=[subnet.attr_subnet_id for subnet in self._network.subnets],
        )

    def _parameters(self) -> rds.CfnDBClusterParameterGroup:
        return rds.CfnDBClusterParameterGroup(
            self,
            "Parameters",
            description="Refuses connections without TLS",
            family=FAMILY,
            parameters=PARAMETERS,
        )

    def _log(self) -> logs.LogGroup:
        """Made before RDS would make it, so that it ends some day and is encrypted."""
        return logs.LogGroup(
            self,
            "Log",
            # Source: Aurora user guide, "Publishing Aurora PostgreSQL logs to Amazon CloudWatch Logs".
            log_group_name=f"/aws/rds/cluster/{self._name}/postgresql",
            retention=self._blueprint.log_days,
            encryption_key=self._storage.operations_key,
            removal_policy=RemovalPolicy.DESTROY,  # its name is fixed
        )

    def _instance(self) -> None:
        instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_cluster_identifier=self.cluster.ref,
            db_instance_class="db.serverless",
            engine=ENGINE,
            publicly_accessible=False,
            auto_minor_version_upgrade=True,
            ca_certificate_identifier=AUTHORITY,
        )
        instance.apply_removal_policy(self._blueprint.removal_policy)

    def _write_back(self) -> PythonFunction:
        storage, datasets = self._storage, self._datasets()
        functions = DuckDbFunctions(scope=self, blueprint=self._blueprint, storage=storage)
        part = functions.write_back(self._place())
        if datasets:
            files = [f"{TABLES_PREFIX}{name}/" for name in datasets]
            permissions.allow_s3_read(part.role, bucket=storage.processed, prefixes=files)
            allow_tables(
                part.role, self._blueprint.database("processed"), ["glue:GetTable"], datasets
            )
        group = self._network.asking_group(
            "WriteBack", "The write-back", "Function that writes tables back: asks, is never asked"
        )
        self._let_in(part, WRITER, "WriteBack", group, "The write-back")
        return part

    def _prepare_database(self) -> PythonFunction:
        part = PythonFunction(
            self,
            "PrepareDatabase",
            root=self._blueprint.root,
            name="prepare_database",
            description="Makes the user of the internal database that writes tables back",
            environment={"ENVIRONMENT": self._blueprint.settings.environment, **self._place()},
            timeout_seconds=PREPARE_SECONDS,
            memory_mb=512,  # Lambda gives processor time by memory; less makes the start of boto3 slow
            log_days=self._blueprint.log_days,
            log_key=self._storage.operations_key,
            removal_policy=self._blueprint.removal_policy,
            data=("duckdb_jobs/write_back/*.pem",),
            rooms=("rows", "duckdb_jobs"),
            layers=layers_of(self, self._blueprint, POSTGRES),
        )
        group = self._network.answering_group(
            "PrepareDatabase", "Function that makes users: asks the database only"
        )
        self._let_in(part, MASTER, "PrepareDatabase", group, "The preparation")
        return part

    def _place(self) -> dict[str, str]:
        return {
            "DATABASE_HOST": self.cluster.attr_endpoint_address,
            "DATABASE_PORT": self.cluster.attr_endpoint_port,
            "DATABASE_NAME": DATABASE,
        }

    def _let_in(
        self, part: PythonFunction, user: str, name: str, group: ec2.CfnSecurityGroup, who: str
    ) -> None:
        """The function asks the database as `user`, and nobody asks it."""
        network = self._network
        # Source: Aurora user guide, "Creating and using an IAM policy for IAM database access".
        permissions.allow(
            part.role,
            actions=["rds-db:connect"],
            resources=[
                self.format_arn(
                    service="rds-db",
                    resource="dbuser",
                    resource_name=f"{self.cluster.attr_db_cluster_resource_id}/{user}",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
        )
        network.allow_traffic(
            name,
            (group, self._answering),
            port=PORT,
            asks="The internal database",
            answers=who,
            to="Database",
        )
        enter_network(
            part,
            subnet_ids=[subnet.attr_subnet_id for subnet in network.subnets],
            security_group_ids=[group.attr_group_id],
        )

    def _datasets(self) -> list[str]:
        return [each.dataset for each in self._blueprint.contracts if each.write_back]

    def _machine(self, write: PythonFunction, prepare: PythonFunction) -> DatasetMachine:
        return DatasetMachine(
            self,
            "WriteBackRun",
            blueprint=self._blueprint,
            name="write_back",
            comment="Writes the processed table of one dataset into the internal database",
            offer=Offer(
                values={"WriteBackDatasets": ",".join(self._datasets()) or NOBODY},
                functions={
                    "WriteBackFunctionArn": write,
                    "PrepareDatabaseFunctionArn": prepare,
                },
            ),
            operations_key=self._storage.operations_key,
        )
