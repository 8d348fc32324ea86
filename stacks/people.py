"""Roles for people: analysts, operators, auditors and partner managers, each limited to their own work.

Nobody gets a user or an access key: whoever the settings name assumes the role for a session, usually from IAM
Identity Center. What is not listed is refused, so none of them can change what a deployment has made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contracts import naming
from pipeline.ledger import BY_STATUS
from sources.model import PostgresSource
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine
from stacks.constructs.grantees import Grantee, ManagedParts
from stacks.forecast_training import ForecastTrainingStack
from stacks.intake import IntakeStack
from stacks.marts import MartsStack
from stacks.monitoring import MonitoringStack
from stacks.notebook_sessions import allow_sessions, session_role
from stacks.orchestration import OrchestrationStack
from stacks.raw_crawlers import RawCrawlers
from stacks.setting_values import ANALYSTS
from stacks.sources import SourcesStack
from stacks.storage import StorageStack
from stacks.table_access import TABLES_PREFIX
from stacks.trail import LOGS, RESULTS, TABLE, TrailStack

BY_HAND = "a person uses it, no run does"
# Source: service authorization reference, Amazon Athena: actions on a workgroup.
ASK = (
    *("athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution"),
    *("athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetQueryResultsStream"),
    *("athena:BatchGetQueryExecution", "athena:ListQueryExecutions"),
    *("athena:ListNamedQueries", "athena:GetNamedQuery", "athena:BatchGetNamedQuery"),
)
BROWSE = (
    *("athena:GetDataCatalog", "athena:GetDatabase", "athena:ListDatabases"),
    *("athena:GetTableMetadata", "athena:ListTableMetadata"),
)
# Athena's console lists these first; they have no resource type. Each gives names only.
# Source: Athena user guide, "Example workgroup policies".
OPEN_CONSOLE = ("athena:ListWorkGroups", "athena:ListDataCatalogs", "athena:ListEngineVersions")
CATALOG = (
    *("glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables"),
    "glue:GetPartitions",
)
CRAWL = ("glue:StartCrawler", "glue:GetCrawler")
LOOK_AT_MACHINE = ("states:DescribeStateMachine", "states:ListExecutions")
LOOK_AT_EXECUTION = ("states:DescribeExecution", "states:GetExecutionHistory")
START, STOP, REDRIVE = ("states:StartExecution", "states:StopExecution", "states:RedriveExecution")
READ_LOGS = ("logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams")
# Source: service authorization reference, CloudWatch, CloudTrail: these have no resource type.
LOOK_AT_METRICS = (
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
)
LOOK_AT_CALLS = ("cloudtrail:LookupEvents",)
# Whether it logs, and what. Source: service authorization reference, CloudTrail: each takes the ARN of a trail.
LOOK_AT_TRAIL = (
    *("cloudtrail:GetTrail", "cloudtrail:GetTrailStatus"),
    "cloudtrail:GetEventSelectors",
)
AUDIT_BUCKET = (
    *("s3:GetBucketPolicy", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration"),
    *("s3:GetBucketVersioning", "s3:GetBucketPublicAccessBlock", "s3:GetBucketLogging"),
)
AUDIT_KEY = ("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus")
AUDIT_ROLE = (
    *("iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy"),
    "iam:ListAttachedRolePolicies",
)
EVERYWHERE = "the action has no resource type"


class PeopleStack(PipelineStack):
    """The roles that the settings name somebody for."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        orchestration: OrchestrationStack,
        intake: IntakeStack,
        monitoring: MonitoringStack,
        sources: SourcesStack | None,
        marts: MartsStack | None,
        training: ForecastTrainingStack | None,
        by_hand: Sequence[DatasetMachine],
        crawlers: RawCrawlers | None,
        trail: TrailStack | None,
    ) -> None:
        super().__init__(scope, "People", blueprint=blueprint, description="roles for people")
        self._blueprint, self._storage, self._alerts = blueprint, storage, alerts
        self._orchestration = orchestration
        self._intake, self._monitoring = intake, monitoring
        self._by_hand, self._crawlers = by_hand, crawlers
        self._sources, self._marts, self._training = sources, marts, training
        self._trail = trail
        people = blueprint.settings.people
        for team, arns in people.analysts.items():
            self._analyst(team, arns)
        if people.operators:
            self._operator(people.operators)
        if people.auditors:
            self._auditor(people.auditors)
        if people.partner_managers:
            self._partner_manager(people.partner_managers)
        if people.notebooks:
            self._notebook(people.notebooks)

    def _role(self, name: str, arns: Sequence[str], what: str) -> iam.Role:
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=iam.CompositePrincipal(*[iam.ArnPrincipal(arn) for arn in arns]),
            description=f"People: {what}",
        )
        stacks = self.format_arn(
            service="cloudformation",
            resource="stack",
            resource_name=f"{naming.stack(self._blueprint.settings.environment, '')}*/*",
        )
        # The command line finds everything by the outputs of the stacks.
        permissions.allow(
            role,
            actions=["cloudformation:DescribeStacks"],
            resources=[stacks],
            wildcard_reason="stacks of this environment; CloudFormation ends their ARNs with an id",
            rarely_used=BY_HAND,
        )
        self.publish(**{f"{name}RoleArn": role.role_arn})
        return role

    # who asks

    def _analyst(self, team: str, arns: Sequence[str]) -> None:
        name = "Analyst" + "".join(word.capitalize() for word in team.split("-"))
        role = self._role(name, arns, f"analyst, workgroup {team}")
        zones = (self._blueprint.database("processed"), self._blueprint.database("curated"))
        self._allow_asking(role, team, zones)

    def _allow_asking(
        self,
        to: Grantee,
        team: str,
        databases: Sequence[str],
    ) -> None:
        """Queries in one workgroup over tables of these databases; files of processed and curated only."""
        environment = self._blueprint.settings.environment
        workgroup = f"slipway-{environment}-{team}"
        self._allow(to, ASK, [self._arn("athena", "workgroup", workgroup)])
        self._allow(to, BROWSE, [self._arn("athena", "datacatalog", "AwsDataCatalog")])
        self._allow(to, OPEN_CONSOLE, ["*"], EVERYWHERE)
        self._allow(
            to,
            CATALOG,
            [
                self.format_arn(service="glue", resource="catalog"),
                *(self._arn("glue", "database", name) for name in databases),
                *(self._arn("glue", "table", f"{name}/*") for name in databases),
            ],
            "views and tables of these databases come and go with contracts",
        )
        for bucket in (self._storage.processed, self._storage.curated):
            permissions.allow_s3_read(
                to, bucket=bucket, prefixes=[TABLES_PREFIX], rarely_used=BY_HAND
            )
            self._allow_place(to, bucket)
        results = self._storage.results
        permissions.allow_s3_read(to, bucket=results, prefixes=[f"{team}/"], rarely_used=BY_HAND)
        permissions.allow_s3_write(to, bucket=results, prefixes=[f"{team}/"])
        permissions.note_rarely_used(to, {"s3:PutObject": BY_HAND})
        permissions.allow_s3_list(to, bucket=results, prefix=f"{team}/")
        permissions.note_rarely_used(to, {"s3:ListBucket": BY_HAND})
        self._allow(to, ["s3:GetBucketLocation"], [results.bucket_arn])
        permissions.allow_key(to, key=self._storage.data_key, services=["s3"], write=True)

    def _allow_place(self, to: Grantee, bucket: s3.IBucket) -> None:
        self._allow(to, ["s3:ListBucket", "s3:GetBucketLocation"], [bucket.bucket_arn])

    def _notebook(self, arns: Sequence[str]) -> None:
        environment = self._blueprint.settings.environment
        role = self._role("Notebook", arns, "opens interactive sessions of Glue")
        session = session_role(self, blueprint=self._blueprint, storage=self._storage)
        allow_sessions(role, session, environment)
        self.publish(SessionRoleArn=session.role_arn)

    # who operates

    def _operator(self, arns: Sequence[str]) -> None:
        role = self._role("Operator", arns, "operator: runs, files, queues and dead letters")
        parts = ManagedParts(role)
        asking = parts.part("Asking", "Queries in the workgroup of analysts")
        zones = [self._blueprint.database(zone) for zone in ("raw", "processed", "curated")]
        self._allow_asking(asking, ANALYSTS, zones)
        self._allow_ledgers(parts.part("Ledgers", "What became of files, runs and fetches"))
        self._allow_executions(parts.part("Steering", "Starts and stops what commands start"))
        repairing = parts.part("Repairing", "Dead letters, and what they are handed to")
        self._allow_queues(repairing)
        self._allow_repairs(repairing)
        self._allow_files(parts.part("Files", "Files as they were sent, and corrected ones"))
        watching = parts.part("Watching", "Logs and metrics")
        self._allow_logs(watching)
        looks = list(LOOK_AT_METRICS)
        if self._crawlers:
            looks.append("glue:GetCrawlerMetrics")
        self._allow(watching, looks, ["*"], EVERYWHERE)

    def _allow_tables_of_sources(self, to: Grantee) -> None:
        """`slipway source` reads what became of fetches; they change through their function only."""
        own = f"{naming.stack(self._blueprint.settings.environment, 'Sources')}-*"
        self._allow(
            to,
            ["dynamodb:GetItem", "dynamodb:Query"],
            [self._arn("dynamodb", "table", own)],
            "tables of this environment's sources; CloudFormation begins their names with that of the stack",
        )

    def _allow_ledgers(self, to: Grantee) -> None:
        """`slipway files` and `quarantine dismiss` update entries of files; runs change only through functions."""
        storage = self._storage
        actions = ["GetItem", "Query", "UpdateItem"]
        permissions.allow_table(to, table=storage.file_ledger, actions=actions, index=BY_STATUS)
        permissions.allow_table(to, table=storage.run_ledger, actions=["GetItem", "Query"])
        permissions.note_rarely_used(to, {f"dynamodb:{each}": BY_HAND for each in actions})
        permissions.allow_key(to, key=storage.data_key, services=["dynamodb"], write=True)
        if self._sources:
            self._allow_tables_of_sources(to)

    def _allow_executions(self, to: Grantee) -> None:
        """What commands start can be stopped; a message that failed can be sent again; the rest is only looked at."""
        started = [self._orchestration.run, self._orchestration.care, *self._by_hand]
        started += [*self._fetches(), *self._runs_of_marts(), *self._trainings()]
        self._allow(to, [START, *LOOK_AT_MACHINE], [machine.arn for machine in started])
        self._on_executions(to, [STOP, *LOOK_AT_EXECUTION], started)
        self._on_executions(to, [REDRIVE], [self._alerts.announce])
        self._allow_looking(to, self._looked_at())
        if self._crawlers:  # crawls files that an operator may read anyway
            self._allow(to, CRAWL, [self._crawlers.arn], "the crawlers of this environment")

    def _fetches(self) -> list[DatasetMachine]:
        return [each.machine for each in self._sources.fetched] if self._sources else []

    def _runs_of_marts(self) -> list[DatasetMachine]:
        return [self._marts.machine] if self._marts else []

    def _trainings(self) -> list[DatasetMachine]:
        return [self._training.machine] if self._training else []

    def _looked_at(self) -> list[DatasetMachine]:
        """Machines that no command starts."""
        return [self._orchestration.job, self._alerts.announce]

    def _allow_looking(self, to: Grantee, machines: Sequence[DatasetMachine]) -> None:
        self._allow(to, LOOK_AT_MACHINE, [machine.arn for machine in machines])
        self._on_executions(to, LOOK_AT_EXECUTION, machines)

    def _on_executions(
        self, to: Grantee, actions: Sequence[str], machines: Sequence[DatasetMachine]
    ) -> None:
        arns = [machine.executions for machine in machines]
        self._allow(to, actions, arns, "executions are named at run time")

    def _dead_letters(self) -> list[sqs.Queue]:
        kept: Mapping[str, sqs.Queue] = {
            **self._orchestration.dead_letters,
            **self._monitoring.dead_letters,
        }
        fetches = [self._sources.undelivered] if self._sources else []
        runs_of_marts = [self._marts.undelivered] if self._marts else []
        trainings = [self._training.undelivered] if self._training else []
        return [self._intake.dead_letters, *kept.values(), *fetches, *runs_of_marts, *trainings]

    def _allow_queues(self, to: Grantee) -> None:
        look = ["sqs:GetQueueAttributes"]
        take = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
        dead = [queue.queue_arn for queue in self._dead_letters()]
        self._allow(to, [*look, *take], dead)
        landed = [self._intake.queue.queue_arn]
        self._allow(to, [*look, "sqs:SendMessage"], landed)

    def _allow_repairs(self, to: Grantee) -> None:
        """Dead letters are handed again to what they were for: functions, and the topic of alarms. The functions of
        sources that are tables say what they would do (`slipway source plan`).
        """
        parts = (
            self._orchestration.fail_run,
            self._orchestration.release_dataset,
            self._monitoring.measure_freshness,
        )
        marts = [self._marts.part] if self._marts else []
        fetched = self._sources.fetched if self._sources else []
        planned = [each.part for each in fetched if isinstance(each.source, PostgresSource)]
        functions = [part.function.function_arn for part in (*parts, *marts, *planned)]
        self._allow(to, ["lambda:InvokeFunction"], functions)
        topics = (
            *(self._alerts.file_rejected, self._alerts.run_succeeded),
            *(self._alerts.run_failed, self._alerts.alarms),
        )
        arns = [topic.topic_arn for topic in topics]
        self._allow(to, ["sns:ListSubscriptionsByTopic"], arns)
        self._allow(to, ["sns:Publish"], [self._alerts.alarms.topic_arn])
        permissions.allow_key(to, key=self._alerts.key, services=["sns"], write=True)

    def _allow_files(self, to: Grantee) -> None:
        """Refused records are exported from raw and replayed through landing; persons are erased by their token."""
        storage = self._storage
        by_hand = [f"{naming.LANDING_PREFIX}{each}/" for each in naming.BY_OPERATORS]
        permissions.allow_s3_write(to, bucket=storage.landing, prefixes=by_hand)
        # What is judged again must still be there: `slipway files judge-again` looks at the very object.
        sent = [naming.LANDING_PREFIX, naming.REJECTED_PREFIX]
        permissions.allow_s3_read(
            to, bucket=storage.landing, prefixes=sent, versions=True, rarely_used=BY_HAND
        )
        self._allow_place(to, storage.landing)
        datasets = [f"{contract.dataset}/" for contract in self._blueprint.contracts]
        permissions.allow_s3_read(to, bucket=storage.raw, prefixes=datasets, rarely_used=BY_HAND)
        self._allow_place(to, storage.raw)
        permissions.allow_s3_read(
            to, bucket=storage.processed, prefixes=["runs/"], rarely_used=BY_HAND
        )
        services = ["s3"]
        if storage.pii_secret:
            services.append("secretsmanager")
            self._allow(to, ["secretsmanager:GetSecretValue"], [storage.pii_secret.secret_arn])
        permissions.allow_key(to, key=storage.originals_key, services=services, write=True)

    def _allow_logs(self, to: Grantee) -> None:
        environment = self._blueprint.settings.environment
        groups = (
            f"{naming.stack(environment, '')}*",
            f"/aws/vendedlogs/states/slipway-{environment}-*",
            "/aws-glue/jobs/*",  # Glue adds to the name it is given: stacks/constructs/spark_job.py
        )
        self._allow(
            to,
            READ_LOGS,
            [
                self.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=f"{group}:*",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
                for group in groups
            ],
            "log groups of this environment; CloudFormation makes up their names",
        )

    # who audits

    def _auditor(self, arns: Sequence[str]) -> None:
        role = self._role(
            "Auditor", arns, "auditor: reads what was done and how it is set up, no data"
        )
        parts = ManagedParts(role)
        self._allow_records(parts.part("Records", "Ledgers, executions, logs and metrics"))
        self._allow_setup(parts.part("Setup", "How buckets, keys and roles are set up"))
        if self._trail:
            self._allow_trail(parts.part("Trail", "The environment's trail"), self._trail)

    def _allow_records(self, to: Grantee) -> None:
        """What was done: by ledgers, executions, logs and CloudTrail's event history."""
        storage = self._storage
        for table in (storage.file_ledger, storage.run_ledger):
            permissions.allow_table(to, table=table, actions=["GetItem", "Query"])
        permissions.note_rarely_used(to, {"dynamodb:GetItem": BY_HAND, "dynamodb:Query": BY_HAND})
        permissions.allow_key(to, key=storage.data_key, services=["dynamodb"], write=False)
        machines = [self._orchestration.run, self._orchestration.care, *self._looked_at()]
        of_features = [*self._fetches(), *self._runs_of_marts(), *self._trainings()]
        self._allow_looking(to, [*machines, *of_features])
        if self._sources:
            self._allow_tables_of_sources(to)
        permissions.allow_s3_read(
            to, bucket=storage.access_logs, prefixes=[""], rarely_used=BY_HAND
        )
        self._allow_place(to, storage.access_logs)
        self._allow_logs(to)
        self._allow(to, (*LOOK_AT_METRICS, *LOOK_AT_CALLS), ["*"], EVERYWHERE)

    def _allow_setup(self, to: Grantee) -> None:
        storage = self._storage
        buckets: list[s3.IBucket] = [
            *(storage.landing, storage.raw, storage.processed, storage.curated),
            *(storage.results, storage.access_logs),
        ]
        keys = [storage.data_key, storage.originals_key, storage.operations_key]
        if self._trail:
            buckets.append(self._trail.bucket)
            keys.append(self._trail.key)
        self._allow(to, AUDIT_BUCKET, [bucket.bucket_arn for bucket in buckets])
        self._allow(to, AUDIT_KEY, [key.key_arn for key in keys])
        own_roles = f"{naming.stack(self._blueprint.settings.environment, '')}*"
        self._allow(
            to,
            AUDIT_ROLE,
            [self.format_arn(service="iam", region="", resource="role", resource_name=own_roles)],
            "roles of this environment; CloudFormation makes up their names",
        )

    def _allow_trail(self, to: Grantee, trail: TrailStack) -> None:
        """Queries over the events in a workgroup of its own; files and answers are under the trail's key."""
        self._allow(to, LOOK_AT_TRAIL, [trail.arn])
        workgroup = self._arn("athena", "workgroup", str(trail.workgroup.name))
        self._allow(to, ASK, [workgroup])
        self._allow(
            to,
            CATALOG,
            [
                self.format_arn(service="glue", resource="catalog"),
                self._arn("glue", "database", trail.database),
                self._arn("glue", "table", f"{trail.database}/{TABLE}"),
            ],
        )
        permissions.allow_s3_read(
            to, bucket=trail.bucket, prefixes=[LOGS, RESULTS], rarely_used=BY_HAND
        )
        permissions.allow_s3_write(to, bucket=trail.bucket, prefixes=[RESULTS])
        permissions.note_rarely_used(to, {"s3:PutObject": BY_HAND})
        self._allow_place(to, trail.bucket)
        permissions.allow_key(to, key=trail.key, services=["s3"], write=True)

    # who looks after partners

    def _partner_manager(self, arns: Sequence[str]) -> None:
        """Keys of partners, and what became of their files. A partner itself comes and goes with the settings."""
        role = self._role("PartnerManager", arns, "partner manager: keys and files of partners")
        ledger = self._storage.file_ledger
        permissions.allow_table(role, table=ledger, actions=["GetItem", "Query"])
        permissions.note_rarely_used(role, {"dynamodb:GetItem": BY_HAND, "dynamodb:Query": BY_HAND})
        permissions.allow_key(role, key=self._storage.data_key, services=["dynamodb"], write=False)
        if self._intake.server is None:
            return
        server = self._intake.server.attr_server_id
        self._allow(
            role,
            ["transfer:DescribeServer", "transfer:ListUsers"],
            [self._arn("transfer", "server", server)],
        )
        self._allow(
            role,
            *(
                [
                    "transfer:DescribeUser",
                    "transfer:ImportSshPublicKey",
                    "transfer:DeleteSshPublicKey",
                ],
                [self._arn("transfer", "user", f"{server}/*")],
            ),
            "partners of this server",
        )

    def _arn(self, service: str, resource: str, name: str) -> str:
        return self.format_arn(service=service, resource=resource, resource_name=name)

    def _allow(
        self,
        to: Grantee,
        actions: Sequence[str],
        resources: Sequence[str],
        wildcard_reason: str | None = None,
    ) -> None:
        permissions.allow(
            to,
            actions=actions,
            resources=resources,
            wildcard_reason=wildcard_reason,
            rarely_used=BY_HAND,
        )
