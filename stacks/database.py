"""The internal database: a PostgreSQL that sleeps while nobody asks, and the machine that writes tables into it.

It answers nobody but two functions, over TLS, in the private network: one writes tables, as a user that may do nothing
else, the other makes that user, as the master user. Both come in by tokens of IAM, so there is no password and no
secret. Applications that shall read it are let in by hand (docs/write_back.md).
"""

from __future__ import annotations

from aws_cdk import ArnFormat
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import NOBODY, DatasetMachine, Offer
from stacks.constructs.private_functions import enter_network
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.python_layer import layers_of
from stacks.database_rest import DatabaseRest
from stacks.database_servers import (
    DATABASE,
    MASTER,
    PORT,
    WRITER,
    cluster_server,
    instance_server,
)
from stacks.duckdb_functions import DuckDbFunctions
from stacks.layers import POSTGRES
from stacks.network import NetworkStack
from stacks.storage import StorageStack
from stacks.table_access import TABLES_PREFIX, allow_tables

PREPARE_SECONDS = 180  # TimeoutSeconds of PrepareDatabase in write_back.asl.json is more
# States of the machine for a database that does not wake up and fall asleep by itself.
STARTED_AND_STOPPED = ("Hold", "Resume", "IsItAwake", "WaitForDatabase", "Pause")


class DatabaseStack(PipelineStack):
    """The server, what writes tables into it, and what puts it to sleep if it does not do so itself."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        network: NetworkStack,
    ) -> None:
        super().__init__(
            scope, "Database", blueprint=blueprint, description="PostgreSQL, written back to"
        )
        self._blueprint = blueprint
        self._storage = storage
        self._network = network
        self._answering = network.answering_group(
            "Database", "The internal database: answers, never asks"
        )
        make = instance_server if blueprint.settings.database.instance else cluster_server
        self._server = make(
            self,
            blueprint=blueprint,
            storage=storage,
            network=network,
            security_group=self._answering.attr_group_id,
        )
        self.rest = self._rest()
        self.write_back = self._machine(self._write_back(), self._prepare_database())
        self.publish(
            DatabaseHost=self._server.address,
            DatabasePort=self._server.port,
            DatabaseName=DATABASE,
            DatabaseMasterUser=MASTER,
            DatabaseSecurityGroupId=self._answering.attr_group_id,
            WriteBackStateMachineArn=self.write_back.arn,
        )
        if self.rest:
            self.publish(
                RestDatabaseFunctionName=self.rest.part.function.function_name,
                RestDatabaseDeadLetterQueueUrl=self.rest.undelivered.queue_url,
            )

    def _rest(self) -> DatabaseRest | None:
        """What starts and stops the database, if it is an instance."""
        if not self._blueprint.settings.database.instance:
            return None
        return DatabaseRest(
            self, blueprint=self._blueprint, storage=self._storage, instance=self._server.name
        )

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
            "DATABASE_HOST": self._server.address,
            "DATABASE_PORT": self._server.port,
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
                    resource_name=f"{self._server.resource_id}/{user}",
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
                    **({"RestDatabaseFunctionArn": self.rest.part} if self.rest else {}),
                },
            ),
            operations_key=self._storage.operations_key,
            without=() if self.rest else STARTED_AND_STOPPED,
        )
