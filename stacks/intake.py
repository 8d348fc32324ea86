"""How files come in: SFTP server, landing events through a queue, and the function that accepts or rejects them."""

from __future__ import annotations

from aws_cdk import Duration, SecretValue
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_transfer as transfer
from constructs import Construct

from contracts import naming
from pipeline import intake_messages
from pipeline.ledger import BY_STATUS
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dead_letters import dead_letter_queue
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.sftp_user import SftpUser
from stacks.orchestration import OrchestrationStack
from stacks.settings import Sftp, SftpVpc
from stacks.storage import StorageStack

# The newest general policy: hybrid post-quantum key exchange, no SHA-1.
# Source: Transfer Family user guide, "Security policies for AWS Transfer Family servers".
SECURITY_POLICY = "TransferSecurityPolicy-2025-03"
INTAKE_TIMEOUT_SECONDS = 600  # a batch of files, each read, hashed, counted and copied
INTAKE_MEMORY_MB = (
    1769  # one full processor. Source: Lambda developer guide, "Configure Lambda function memory"
)
# With the delays of lambdas/intake/redelivery.py a failing file is a dead letter after 37.5 minutes and ten tries.
RECEIVES_BEFORE_DEAD_LETTER = 10
SWEEP_MINUTES = 5  # how often overdue arrivals are looked for


class IntakeStack(PipelineStack):
    """SFTP server and users, landing queue, intake function."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        orchestration: OrchestrationStack,
    ) -> None:
        super().__init__(
            scope, "Intake", blueprint=blueprint, description="SFTP and acceptance of files"
        )
        self._blueprint = blueprint
        self._storage = storage
        self.sftp_log: logs.LogGroup | None = None
        self.server = self._sftp(blueprint.settings.sftp)
        self.dead_letters, self.queue = self._queues()
        self._route_landing_events()
        if self.server:
            self._route_transfer_events(self.server)
            self.publish(TransferServerId=self.server.attr_server_id)
        self._look_for_overdue_arrivals()
        self.function = self._function(alerts, orchestration)
        self.publish(
            IntakeQueueUrl=self.queue.queue_url,
            IntakeDeadLetterQueueUrl=self.dead_letters.queue_url,
        )

    def _sftp(self, settings: Sftp) -> transfer.CfnServer | None:
        """The server with its partners; None while there is nobody to log in, since it costs by the hour."""
        if not settings.has_server:
            return None
        server = self._server(settings)
        for user in settings.users:
            SftpUser(
                self,
                f"Partner-{user.name}",
                name=user.name,
                public_keys=user.public_keys,
                server=server,
                bucket=self._storage.landing,
                key=self._storage.originals_key,
            )
        if settings.host_key_secret:
            self._host_key(server, settings.host_key_secret)
        return server

    def _host_key(self, server: transfer.CfnServer, secret: str) -> None:
        """The host key that partners know, so that a server made anew is no stranger to them."""
        transfer.CfnHostKey(
            self,
            "SftpHostKey",
            server_id=server.attr_server_id,
            description=f"From the secret {secret}",
            # A reference, which CloudFormation resolves: the key itself is in no template.
            # Source: CloudFormation user guide, "Get a secret or secret value from Secrets Manager".
            host_key_body=SecretValue.secrets_manager(secret).unsafe_unwrap(),
        )

    def _server(self, settings: Sftp) -> transfer.CfnServer:
        self.sftp_log = logs.LogGroup(
            self,
            "SftpLog",
            retention=self._blueprint.log_days,
            encryption_key=self._storage.operations_key,
            removal_policy=self._blueprint.removal_policy,
        )
        return transfer.CfnServer(
            self,
            "SftpServer",
            domain="S3",
            protocols=["SFTP"],
            identity_provider_type="SERVICE_MANAGED",
            security_policy_name=SECURITY_POLICY,
            structured_log_destinations=[self.sftp_log.log_group_arn],
            # Without SETSTAT an upload by a client that sets times and modes (most do) would end in an error.
            protocol_details=transfer.CfnServer.ProtocolDetailsProperty(
                set_stat_option="ENABLE_NO_OP"
            ),
            s3_storage_options=transfer.CfnServer.S3StorageOptionsProperty(
                directory_listing_optimization="ENABLED"
            ),
            endpoint_type="VPC" if settings.vpc else "PUBLIC",
            endpoint_details=self._endpoint(settings.vpc) if settings.vpc else None,
        )

    def _endpoint(self, vpc: SftpVpc) -> transfer.CfnServer.EndpointDetailsProperty:
        group = ec2.CfnSecurityGroup(
            self,
            "SftpSecurityGroup",
            group_description="Networks of partners that may reach the SFTP server",
            vpc_id=vpc.vpc_id,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=22,
                    to_port=22,
                    description="SFTP of a partner",
                    **{"cidr_ipv6" if ":" in network else "cidr_ip": network},
                )
                for network in self._blueprint.settings.sftp.allowed_networks
            ],
            # The server only answers; it opens no connection of its own.
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="-1", cidr_ip="127.0.0.1/32", description="nothing"
                )
            ],
        )
        return transfer.CfnServer.EndpointDetailsProperty(
            vpc_id=vpc.vpc_id,
            subnet_ids=list(vpc.subnet_ids),
            address_allocation_ids=list(vpc.elastic_ip_allocation_ids) or None,
            security_group_ids=[group.attr_group_id],
        )

    def _queues(self) -> tuple[sqs.Queue, sqs.Queue]:
        # SQS-managed keys: messages carry object names only, and EventBridge needs no place in a key policy.
        dead_letters = dead_letter_queue(self, "DeadLetters")
        queue = sqs.Queue(
            self,
            "LandingEvents",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Six times the function's timeout, for messages that Lambda holds while the function is throttled; the
            # function itself shortens it. Source: Lambda developer guide, "Configuring a queue to use with Lambda".
            visibility_timeout=Duration.seconds(6 * INTAKE_TIMEOUT_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=dead_letters, max_receive_count=RECEIVES_BEFORE_DEAD_LETTER
            ),
        )
        return dead_letters, queue

    def _route_landing_events(self) -> None:
        rule = events.Rule(
            self,
            "FileLanded",
            description="An object is in the landing bucket, whole or not",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._storage.landing.bucket_name]},
                    "object": {"key": [{"prefix": naming.LANDING_PREFIX}]},
                },
            ),
        )
        # An event that could not be delivered is what a message that could not be handled is: redriven the same way.
        rule.add_target(targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters))

    def _route_transfer_events(self, server: transfer.CfnServer) -> None:
        """How uploads ended. Source: Transfer Family user guide, "Transfer Family events detail reference"."""
        rule = events.Rule(
            self,
            "TransferEnded",
            description="An upload or a rename over SFTP ended",
            event_pattern=events.EventPattern(
                source=["aws.transfer"],
                detail_type=[
                    "SFTP Server File Upload Completed",
                    "SFTP Server File Upload Failed",
                    "SFTP Server File Rename Completed",
                ],
                detail={"server-id": [server.attr_server_id]},
            ),
        )
        rule.add_target(targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters))

    def _look_for_overdue_arrivals(self) -> None:
        """Ask intake every few minutes: its queue brings with it retries, dead letters and redrive."""
        minutes = self._blueprint.settings.intake.confirmation_minutes
        rule = events.Rule(
            self,
            "ArrivalsDue",
            description=f"Sets aside what landed {minutes} minutes ago with no word of how its upload ended",
            schedule=events.Schedule.rate(Duration.minutes(SWEEP_MINUTES)),
        )
        message = events.RuleTargetInput.from_object(intake_messages.due(minutes))
        rule.add_target(
            targets.SqsQueue(self.queue, message=message, dead_letter_queue=self.dead_letters)
        )

    def _function(self, alerts: AlertsStack, orchestration: OrchestrationStack) -> PythonFunction:
        settings = self._blueprint.settings
        part = PythonFunction(
            self,
            "Intake",
            root=self._blueprint.root,
            name="intake",
            description="Accepts a landed file into raw, or rejects it with a reason",
            environment={
                "ENVIRONMENT": settings.environment,
                "QUEUE_URL": self.queue.queue_url,
                "FILE_LEDGER": self._storage.file_ledger.table_name,
                "RAW_BUCKET": self._storage.raw.bucket_name,
                "STATE_MACHINE_ARN": orchestration.run.arn,
                "ANNOUNCE_STATE_MACHINE_ARN": alerts.announce.arn,
                "SCHEMA_CHANGE": self._blueprint.schema_change,
                "BURSTS_TABLE": alerts.bursts.table_name,
                "BURST_SECONDS": str(settings.alerts.burst_seconds),
                "ARRIVED_SECONDS": str(settings.alerts.arrived_seconds or 0),
            },
            timeout_seconds=INTAKE_TIMEOUT_SECONDS,
            memory_mb=INTAKE_MEMORY_MB,
            log_days=self._blueprint.log_days,
            log_key=self._storage.operations_key,
            removal_policy=self._blueprint.removal_policy,
        )
        self._allow_intake(part, alerts, orchestration)
        self._drain_queue(part)
        return part

    def _drain_queue(self, part: PythonFunction) -> None:
        settings = self._blueprint.settings.intake
        # What Lambda needs and no more, unlike CDK's event source.
        # Source: Lambda developer guide, "Configuring an Amazon SQS queue for use with Lambda", execution role.
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        permissions.allow(part.role, actions=actions, resources=[self.queue.queue_arn])
        # Also covers the batch form. Source: SQS developer guide, "Actions, resources, and condition keys".
        permissions.allow(
            part.role, actions=["sqs:ChangeMessageVisibility"], resources=[self.queue.queue_arn]
        )
        mapping = lambda_.EventSourceMapping(
            self,
            "LandingEventsToIntake",
            target=part.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=settings.batch_size,
            max_batching_window=Duration.seconds(settings.batching_window_seconds),
            max_concurrency=settings.max_concurrency,
            report_batch_item_failures=True,
        )
        mapping.node.add_dependency(part.role)

    def _allow_intake(
        self, part: PythonFunction, alerts: AlertsStack, orchestration: OrchestrationStack
    ) -> None:
        role, storage = part.role, self._storage
        datasets = [f"{contract.dataset}/" for contract in self._blueprint.contracts]
        # by version: a partner may overwrite a file while it is read
        permissions.allow_s3_read(
            role, bucket=storage.landing, prefixes=[naming.LANDING_PREFIX], versions=True
        )
        permissions.allow_s3_list(role, bucket=storage.landing)
        permissions.allow_s3_delete(role, bucket=storage.landing, prefixes=[naming.LANDING_PREFIX])
        permissions.allow_s3_read(role, bucket=storage.landing, prefixes=[naming.REJECTED_PREFIX])
        permissions.allow_s3_write(role, bucket=storage.landing, prefixes=[naming.REJECTED_PREFIX])
        permissions.allow_s3_read(role, bucket=storage.raw, prefixes=datasets)
        permissions.allow_s3_write(role, bucket=storage.raw, prefixes=datasets)
        permissions.allow_s3_list(role, bucket=storage.raw)
        # the index: objects of whose upload nothing was heard
        actions = ["GetItem", "PutItem", "UpdateItem"]
        permissions.allow_table(role, table=storage.file_ledger, actions=actions, index=BY_STATUS)
        overdue = f"looks for overdue arrivals and returning duplicates every {SWEEP_MINUTES} minutes only"
        permissions.note_rarely_used(role, {"dynamodb:Query": overdue})
        permissions.allow_table(role, table=alerts.bursts, actions=["GetItem", "UpdateItem"])
        permissions.allow_key(role, key=storage.originals_key, services=["s3"], write=True)
        permissions.allow_key(role, key=storage.data_key, services=["dynamodb"], write=True)
        machines = [orchestration.run.arn, alerts.announce.arn]
        permissions.allow(role, actions=["states:StartExecution"], resources=machines)
