"""The server of the internal database: Aurora Serverless v2, which sleeps by itself, or a plain instance of RDS.

Both are private, encrypted, refuse connections without TLS, and let their master user in by tokens of IAM.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import IConstruct

from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.network import NetworkStack
from stacks.storage import StorageStack

DATABASE = "slipway"
MASTER, WRITER = "slipway_admin", "slipway_writer"  # as duckdb_jobs/write_back/users.py says
# Aurora sleeps at 0 ACU since 17.4. Source: Aurora user guide, "Scaling to Zero ACUs with automatic pause and resume".
# RDS takes new instances of this version, too: it is what RDS upgraded 17.1 to 17.4 to in May 2026 (AWS Health).
VERSION = "17.7"
PORT = 5433  # not the one that is tried first (cdk-nag, RDS11)
# Sources: Aurora user guide, "Security with Amazon Aurora PostgreSQL"; RDS user guide, "Using SSL with a PostgreSQL DB
# instance": requiring an SSL/TLS connection.
PARAMETERS = {"rds.force_ssl": "1"}
# Source: RDS user guide, "Using SSL/TLS": regional authority, good until 2061. duckdb_jobs/write_back has them all.
AUTHORITY = "rds-ca-rsa2048-g1"
# Source: RDS API reference, CreateDBInstance and CreateDBCluster, MasterUserAuthenticationType: RDS for PostgreSQL and
# Aurora PostgreSQL.
BY_TOKEN = "iam-db-auth"  # noqa: S105 - a way to come in, not a password
UNPROTECTED = (
    "Both keys are turned: destroying the stacks deletes data, and a protected server would not go"
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where the database is. `name` is its identifier, `resource_id` what ARNs of its users begin with."""

    name: str
    address: str
    port: str
    resource_id: str


def cluster_server(
    stack: Stack,
    *,
    blueprint: Blueprint,
    storage: StorageStack,
    network: NetworkStack,
    security_group: str,
) -> Server:
    """Aurora PostgreSQL Serverless v2: a cluster with one instance."""
    settings, name = blueprint.settings.database, _name(blueprint)
    parameters = rds.CfnDBClusterParameterGroup(
        stack,
        "Parameters",
        description="Refuses connections without TLS",
        family="aurora-postgresql17",
        parameters=PARAMETERS,
    )
    cluster = rds.CfnDBCluster(
        stack,
        "Cluster",
        db_cluster_identifier=name,
        engine="aurora-postgresql",
        engine_version=VERSION,
        database_name=DATABASE,
        port=PORT,
        master_username=MASTER,
        master_user_authentication_type=BY_TOKEN,
        storage_encrypted=True,
        kms_key_id=storage.data_key.key_arn,
        serverless_v2_scaling_configuration=rds.CfnDBCluster.ServerlessV2ScalingConfigurationProperty(
            min_capacity=0,
            max_capacity=settings.max_acus,
            seconds_until_auto_pause=settings.pause_after_seconds,
        ),
        db_subnet_group_name=_subnets(stack, network).ref,
        db_cluster_parameter_group_name=parameters.ref,
        vpc_security_group_ids=[security_group],
        backup_retention_period=settings.backup_days,
        copy_tags_to_snapshot=True,
        deletion_protection=not blueprint.deletes_data,
        enable_iam_database_authentication=True,
        enable_cloudwatch_logs_exports=["postgresql"],
    )
    _keep(cluster, blueprint)
    # Source: Aurora user guide, "Publishing Aurora PostgreSQL logs to Amazon CloudWatch Logs".
    log = _log(stack, blueprint, storage, f"/aws/rds/cluster/{name}/postgresql")
    cluster.node.add_dependency(log)
    instance = rds.CfnDBInstance(
        stack,
        "Instance",
        db_cluster_identifier=cluster.ref,
        db_instance_class="db.serverless",
        engine="aurora-postgresql",
        publicly_accessible=False,
        auto_minor_version_upgrade=True,
        ca_certificate_identifier=AUTHORITY,
    )
    instance.apply_removal_policy(blueprint.removal_policy)
    return Server(
        name=name,
        address=cluster.attr_endpoint_address,
        port=cluster.attr_endpoint_port,
        resource_id=cluster.attr_db_cluster_resource_id,
    )


def instance_server(
    stack: Stack,
    *,
    blueprint: Blueprint,
    storage: StorageStack,
    network: NetworkStack,
    security_group: str,
) -> Server:
    """A plain instance of RDS for PostgreSQL, as the settings describe it, in one zone.

    It has no read replica: an instance that has one cannot be stopped. Source: RDS user guide, "Stopping an Amazon RDS
    DB instance temporarily", limitations.
    """
    settings, name = blueprint.settings.database, _name(blueprint)
    if settings.instance is None:
        raise ValueError("database.instance is null")
    parameters = rds.CfnDBParameterGroup(
        stack,
        "ServerParameters",
        description="Refuses connections without TLS",
        family="postgres17",
        parameters=PARAMETERS,
    )
    server = rds.CfnDBInstance(
        stack,
        "Server",
        db_instance_identifier=name,
        db_instance_class=settings.instance.instance_class,
        engine="postgres",
        engine_version=VERSION,
        db_name=DATABASE,
        port=str(PORT),
        master_username=MASTER,
        master_user_authentication_type=BY_TOKEN,
        allocated_storage=str(settings.instance.storage_gigabytes),
        storage_type="gp3",
        storage_encrypted=True,
        kms_key_id=storage.data_key.key_arn,
        db_subnet_group_name=_subnets(stack, network).ref,
        db_parameter_group_name=parameters.ref,
        vpc_security_groups=[security_group],
        publicly_accessible=False,
        multi_az=False,
        backup_retention_period=settings.backup_days,
        copy_tags_to_snapshot=True,
        deletion_protection=not blueprint.deletes_data,
        enable_iam_database_authentication=True,
        enable_cloudwatch_logs_exports=["postgresql"],
        auto_minor_version_upgrade=True,
        ca_certificate_identifier=AUTHORITY,
    )
    _keep(server, blueprint)
    permissions.acknowledge(
        server,
        "AwsSolutions-RDS3",
        "A standby would cost as much again; what the database holds is written back from the lake at any time",
    )
    # Source: RDS user guide, "Publishing PostgreSQL logs to Amazon CloudWatch Logs".
    log = _log(stack, blueprint, storage, f"/aws/rds/instance/{name}/postgresql")
    server.node.add_dependency(log)
    return Server(
        name=name,
        address=server.attr_endpoint_address,
        port=server.attr_endpoint_port,
        resource_id=server.attr_dbi_resource_id,
    )


def _name(blueprint: Blueprint) -> str:
    return f"slipway-{blueprint.settings.environment}"


def _subnets(stack: Stack, network: NetworkStack) -> rds.CfnDBSubnetGroup:
    return rds.CfnDBSubnetGroup(
        stack,
        "Subnets",
        db_subnet_group_description="Private subnets of the internal database",
        subnet_ids=[subnet.attr_subnet_id for subnet in network.subnets],
    )


def _keep(server: rds.CfnDBCluster | rds.CfnDBInstance, blueprint: Blueprint) -> None:
    if blueprint.deletes_data:
        permissions.acknowledge(server, "AwsSolutions-RDS10", UNPROTECTED)
    server.apply_removal_policy(
        RemovalPolicy.DESTROY if blueprint.deletes_data else RemovalPolicy.RETAIN
    )


def _log(stack: Stack, blueprint: Blueprint, storage: StorageStack, name: str) -> IConstruct:
    """Made before RDS would make it, so that it ends some day and is encrypted."""
    return logs.LogGroup(
        stack,
        "Log",
        log_group_name=name,
        retention=blueprint.log_days,
        encryption_key=storage.operations_key,
        removal_policy=RemovalPolicy.DESTROY,  # its name is fixed
    )
