"""What is fetched on a schedule: for each source a function with a role of its own, its table, machine and schedule.

A table per source, so that the role of one reaches nothing of another. No reserved concurrency: the version in the
table lets one call win, and an account whose limit is small could not spare it.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from contracts import naming
from contracts.errors import ContractInvalid
from contracts.model import Contract
from sources.model import Bucket, BucketSource, FileSource, PostgresSource, SftpSource, Source, at
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine, Offer
from stacks.constructs.dead_letters import dead_letter_queue
from stacks.constructs.private_functions import enter_network
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.python_layer import layers_of
from stacks.constructs.schedules import Start, schedule
from stacks.layers import POSTGRES, SFTP
from stacks.storage import StorageStack

# The longest that Lambda allows; a call stops taking pages well before (lambdas/fetch_source/service.py).
TIMEOUT_SECONDS = 900
MEMORY_MB = 1024  # an answer of 16 MiB takes some 200 MB as JSON; half a processor
WHEN_FETCHED = "used when the source is fetched, by its schedule or by hand"


class FetchedSource(Construct):
    """Everything of one source but what starts it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        blueprint: Blueprint,
        source: Source,
        storage: StorageStack,
        alerts: AlertsStack,
    ) -> None:
        super().__init__(scope, construct_id)
        self.source = located(blueprint, source)
        self.table = self._table(blueprint, storage)
        self.part = self._function(blueprint, storage, alerts)
        self._allow(blueprint, storage, alerts)
        self.machine = DatasetMachine(
            self,
            "Fetch",
            blueprint=blueprint,
            name="source_fetch",
            of=source.name,
            comment=f"One fetch of source {source.name}",
            offer=Offer(functions={"FetchSourceFunctionArn": self.part}),
            operations_key=storage.operations_key,
        )
        permissions.note_rarely_used(self.machine.role, {"lambda:InvokeFunction": WHEN_FETCHED})

    def _table(self, blueprint: Blueprint, storage: StorageStack) -> dynamodb.Table:
        """Where a fetch stands, and where the next one begins (sources/fetches.py)."""
        return dynamodb.Table(
            self,
            "State",
            partition_key=dynamodb.Attribute(name="source", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="entry", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=storage.data_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=not blueprint.deletes_data,
            removal_policy=blueprint.removal_policy,
        )

    def _function(
        self, blueprint: Blueprint, storage: StorageStack, alerts: AlertsStack
    ) -> PythonFunction:
        name = self.source.name
        part = PythonFunction(
            self,
            "FetchSource",
            root=blueprint.root,
            name="fetch_source",
            description=f"Fetches source {name} into the landing bucket",
            environment={
                "ENVIRONMENT": blueprint.settings.environment,
                "SOURCE": name,
                "SOURCE_URL": self.source.url,
                "SOURCE_LEDGER": self.table.table_name,
                "LANDING_BUCKET": storage.landing.bucket_name,
                "ANNOUNCE_STATE_MACHINE_ARN": alerts.announce.arn,
            },
            timeout_seconds=TIMEOUT_SECONDS,
            memory_mb=MEMORY_MB,
            log_days=blueprint.log_days,
            log_key=storage.operations_key,
            removal_policy=blueprint.removal_policy,
            data=(*_code_of(self.source), f"sources/compiled/{name}.json"),
            layers=self._layers(blueprint),
        )
        if network := blueprint.settings.sources[name].network:
            if not isinstance(self.source, PostgresSource):
                raise ContractInvalid(
                    f"config/{blueprint.settings.environment}.yaml: sources.{name}.network: only a source that is a"
                    " table has one, since others are at public addresses; remove it"
                )
            enter_network(
                part, subnet_ids=network.subnet_ids, security_group_ids=network.security_group_ids
            )
        part.function.add_environment("SOURCE_ROLE", part.role.role_arn)
        return part

    def _layers(self, blueprint: Blueprint) -> list[lambda_.ILayerVersion]:
        """What only the client of this kind of source imports."""
        match self.source:
            case SftpSource():
                return layers_of(Stack.of(self), blueprint, SFTP)
            case PostgresSource():
                return layers_of(Stack.of(self), blueprint, POSTGRES)
            case _:
                return []

    def _allow(self, blueprint: Blueprint, storage: StorageStack, alerts: AlertsStack) -> None:
        role, name = self.part.role, self.source.name
        contract = contract_of(blueprint, self.source)
        partner = naming.source_partner(name)
        # It looks whether a file of its own has landed already, and writes there; it never reads what others sent.
        delivered = naming.landing_folder(partner, contract.intake.folder)
        written = [delivered]
        entries = ["GetItem", "PutItem"]
        if not isinstance(self.source, FileSource):
            written.append(f"{naming.FETCHING_PREFIX}{name}/")
        else:
            entries.append("BatchGetItem")
        permissions.allow_table(role, table=self.table, actions=entries)
        permissions.allow_s3_read(role, bucket=storage.landing, prefixes=written)
        permissions.allow_s3_write(role, bucket=storage.landing, prefixes=written)
        permissions.allow_s3_list(role, bucket=storage.landing)
        permissions.allow_key(role, key=storage.originals_key, services=["s3"], write=True)
        permissions.allow_key(role, key=storage.data_key, services=["dynamodb"], write=True)
        permissions.allow(role, actions=["states:StartExecution"], resources=[alerts.announce.arn])
        rare = [f"dynamodb:{action}" for action in entries]
        rare += ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "states:StartExecution"]
        permissions.note_rarely_used(role, dict.fromkeys(rare, WHEN_FETCHED))
        self._allow_asking()

    def _allow_asking(self) -> None:
        """What it may do to be let in: read one secret, assume one role, or read one prefix of another's bucket."""
        role, source = self.part.role, self.source
        if source.secret:
            permissions.allow(
                role,
                actions=["secretsmanager:GetSecretValue"],
                resources=[_any_version_of(self, source.secret)],
                rarely_used=WHEN_FETCHED,
            )
        if isinstance(source, BucketSource):
            allow_bucket(role, source.bucket)


def _code_of(source: Source) -> tuple[str, ...]:
    """Files of the room `sources` that the function of a source has."""
    if isinstance(source, PostgresSource):
        return ("sources/*.py", "sources/database/*.py")
    return ("sources/*.py",)


def allow_bucket(role: iam.Role, bucket: Bucket) -> None:
    """Let `role` read the objects of a source; of another account's bucket its owner must allow it, too.

    Source: IAM user guide, "Cross account resource access in IAM" (both policies are needed, or a role that the other
    account gives) and "Access to AWS accounts owned by third parties" (external id).
    """
    if bucket.role and bucket.external_id:
        permissions.allow(
            role,
            actions=["sts:AssumeRole"],
            resources=[bucket.role],
            conditions={"StringEquals": {"sts:ExternalId": bucket.external_id}},
            rarely_used=WHEN_FETCHED,
        )
        return
    arn = f"arn:{Aws.PARTITION}:s3:::{bucket.name}"
    below = {"StringEquals": {"s3:prefix": bucket.prefix}} if bucket.prefix else None
    permissions.allow(
        role,
        actions=["s3:ListBucket"],
        resources=[arn],
        conditions=below,
        rarely_used=WHEN_FETCHED,
    )
    permissions.allow(
        role,
        actions=["s3:GetObject"],
        resources=[f"{arn}/{bucket.prefix}*"],
        wildcard_reason="the owner of the bucket names its objects",
        rarely_used=WHEN_FETCHED,
    )
    if bucket.key:
        permissions.allow(
            role,
            actions=["kms:Decrypt"],
            resources=[bucket.key],
            conditions={
                "StringEquals": {
                    "kms:ViaService": f"s3.{bucket.key.split(':')[3]}.{Aws.URL_SUFFIX}"
                }
            },
            rarely_used=WHEN_FETCHED,
        )


class SourcesStack(PipelineStack):
    """The sources that the settings of an environment name."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
    ) -> None:
        super().__init__(
            scope, "Sources", blueprint=blueprint, description="what is fetched from other systems"
        )
        self.undelivered = dead_letter_queue(self, "SourcesDeadLetters")
        self.fetched = [
            FetchedSource(
                self,
                naming.source_output(name, ""),
                blueprint=blueprint,
                source=blueprint.sources[name],
                storage=storage,
                alerts=alerts,
            )
            for name in sorted(blueprint.settings.sources)
        ]
        schedule(
            self,
            self._starts(blueprint),
            undelivered=self.undelivered,
            role_description="Lets the scheduler start fetches",
        )
        self._publish()

    def _publish(self) -> None:
        self.publish(SourcesDeadLetterQueueUrl=self.undelivered.queue_url)
        for each in self.fetched:
            name = each.source.name
            self.publish(
                **{
                    naming.source_output(name, "StateMachineArn"): each.machine.arn,
                    naming.source_output(name, "TableName"): each.table.table_name,
                    naming.source_output(name, "RoleArn"): each.part.role.role_arn,
                    naming.source_output(name, "FunctionName"): each.part.function.function_name,
                }
            )

    def _starts(self, blueprint: Blueprint) -> list[Start]:
        return [
            Start(
                scope=each,
                construct_id="Schedule",
                description=f"Fetches source {each.source.name}",
                expression=expression,
                machine=each.machine,
                request={
                    "source": each.source.name,
                    "dataset": each.source.dataset,
                    "trigger": "schedule",
                },
            )
            for each in self.fetched
            if (expression := schedule_of(blueprint, each.source))
        ]


def contract_of(blueprint: Blueprint, source: Source) -> Contract:
    """The contract of the dataset that a source delivers; its authoring has made sure that there is one."""
    return next(each for each in blueprint.contracts if each.dataset == source.dataset)


def located(blueprint: Blueprint, source: Source) -> Source:
    """The source where the settings say that it is, otherwise where its description does."""
    url = blueprint.settings.sources[source.name].url
    return at(source, url) if url else source


def schedule_of(blueprint: Blueprint, source: Source) -> str | None:
    """When a source is fetched: as the settings say, otherwise as its description does."""
    return blueprint.settings.sources[source.name].schedule or source.schedule


def _any_version_of(scope: Construct, secret: str) -> str:
    """ARN of a secret by its name: Secrets Manager appends six characters, which change when it is made anew.

    Source: Secrets Manager user guide, "Permissions policy examples", wildcards.
    """
    return Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{secret}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
