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
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine
from stacks.forecast_training import ForecastTrainingStack
from stacks.intake import IntakeStack
from stacks.marts import MartsStack
from stacks.monitoring import MonitoringStack
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
        role: iam.Role,
        team: str,
        databases: Sequence[str],
        *,
        also_through: Sequence[str] = (),
    ) -> None:
        """Queries in one workgroup over tables of these databases; files of processed and curated only.

        `also_through` are services besides S3 through which the role uses the data key: one statement for all, since
        what a role may hold is limited.
        """
        environment = self._blueprint.settings.environment
        workgroup = f"slipway-{environment}-{team}"
        self._allow(role, ASK, [self._arn("athena", "workgroup", workgroup)])
        self._allow(role, BROWSE, [self._arn("athena", "datacatalog", "AwsDataCatalog")])
        self._allow(role, OPEN_CONSOLE, ["*"], EVERYWHERE)
        self._allow(
            role,
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
                role, bucket=bucket, prefixes=[TABLES_PREFIX], rarely_used=BY_HAND
            )
            self._allow_place(role, bucket)
        results = self._storage.results
        permissions.allow_s3_read(role, bucket=results, prefixes=[f"{team}/"], rarely_used=BY_HAND)
        permissions.allow_s3_write(role, bucket=results, prefixes=[f"{team}/"])
        permissions.note_rarely_used(role, {"s3:PutObject": BY_HAND})
        permissions.allow_s3_list(role, bucket=results, prefix=f"{team}/")
        permissions.note_rarely_used(role, {"s3:ListBucket": BY_HAND})
        self._allow(role, ["s3:GetBucketLocation"], [results.bucket_arn])
        services = ["s3", *also_through]
        permissions.allow_key(role, key=self._storage.data_key, services=services, write=True)

    def _allow_place(self, role: iam.Role, bucket: s3.IBucket) -> None:
        self._allow(role, ["s3:ListBucket", "s3:GetBucketLocation"], [bucket.bucket_arn])

    # who operates

    def _operator(self, arns: Sequence[str]) -> None:
        role = self._role("Operator", arns, "operator: runs, files, queues and dead letters")
        # A second policy, since CDK makes a managed one of what is too long for one.
        steering = iam.Policy(self, "OperatorSteering", roles=[role])
        # Of all zones by one name: what a role's own policies may hold is limited. Files decide what can be read.
        every = self._blueprint.database("raw").removesuffix("raw") + "*"
        self._allow_asking(role, ANALYSTS, [every], also_through=["dynamodb"])
        self._allow_ledgers(role)
        self._allow_executions(role, steering)
        self._allow_queues(role, steering)
        self._allow_repairs(role, steering)
        self._allow_files(role)
        self._allow_logs(role)
        if self._sources:
            self._allow_tables_of_sources(role)
        looks = list(LOOK_AT_METRICS)
        if self._crawlers:  # crawls files that an operator may read anyway
            why = "the crawlers of this environment"
            self._allow(role, CRAWL, [self._crawlers.arn], why, policy=steering)
            looks.append("glue:GetCrawlerMetrics")
        self._allow(role, looks, ["*"], EVERYWHERE)

    def _allow_tables_of_sources(self, role: iam.Role) -> None:
        """`slipway source` reads what became of fetches; they change through their function only.

        Not table by table: a role's own policies may have 10,240 characters, and each source counts.
        """
        own = f"{naming.stack(self._blueprint.settings.environment, 'Sources')}-*"
        self._allow(
            role,
            ["dynamodb:GetItem", "dynamodb:Query"],
            [self._arn("dynamodb", "table", own)],
            "tables of this environment's sources; CloudFormation begins their names with that of the stack",
        )

    def _allow_ledgers(self, role: iam.Role) -> None:
        """`slipway files` and `quarantine dismiss` update entries of files; runs change only through functions."""
        storage = self._storage
        actions = ["GetItem", "Query", "UpdateItem"]
        permissions.allow_table(role, table=storage.file_ledger, actions=actions, index=BY_STATUS)
        permissions.allow_table(role, table=storage.run_ledger, actions=["GetItem", "Query"])
        permissions.note_rarely_used(role, {f"dynamodb:{each}": BY_HAND for each in actions})

    def _allow_executions(self, role: iam.Role, policy: iam.Policy) -> None:
        """What commands start can be stopped; a message that failed can be sent again; the rest is only looked at."""
        started = [self._orchestration.run, self._orchestration.care, *self._by_hand]
        started += [*self._fetches(), *self._runs_of_marts(), *self._trainings()]
        # Each machine is named once for itself and once for its executions: what a role may hold is limited.
        arns = [machine.arn for machine in started]
        self._allow(role, [START, *LOOK_AT_MACHINE], arns, policy=policy)
        self._on_executions(role, [STOP, *LOOK_AT_EXECUTION], started, policy)
        self._on_executions(role, [REDRIVE], [self._alerts.announce], policy)
        self._allow_looking(role, self._looked_at(), policy)

    def _fetches(self) -> list[DatasetMachine]:
        return [each.machine for each in self._sources.fetched] if self._sources else []

    def _runs_of_marts(self) -> list[DatasetMachine]:
        return [self._marts.machine] if self._marts else []

    def _trainings(self) -> list[DatasetMachine]:
        return [self._training.machine] if self._training else []

    def _looked_at(self) -> list[DatasetMachine]:
        """Machines that no command starts."""
        return [self._orchestration.job, self._alerts.announce]

    def _allow_looking(
        self, role: iam.Role, machines: Sequence[DatasetMachine], policy: iam.Policy | None = None
    ) -> None:
        self._allow(role, LOOK_AT_MACHINE, [machine.arn for machine in machines], policy=policy)
        self._on_executions(role, LOOK_AT_EXECUTION, machines, policy)

    def _on_executions(
        self,
        role: iam.Role,
        actions: Sequence[str],
        machines: Sequence[DatasetMachine],
        policy: iam.Policy | None,
    ) -> None:
        arns = [machine.executions for machine in machines]
        self._allow(role, actions, arns, "executions are named at run time", policy=policy)

    def _dead_letters(self) -> list[sqs.Queue]:
        kept: Mapping[str, sqs.Queue] = {
            **self._orchestration.dead_letters,
            **self._monitoring.dead_letters,
        }
        fetches = [self._sources.undelivered] if self._sources else []
        runs_of_marts = [self._marts.undelivered] if self._marts else []
        trainings = [self._training.undelivered] if self._training else []
        return [self._intake.dead_letters, *kept.values(), *fetches, *runs_of_marts, *trainings]

    def _allow_queues(self, role: iam.Role, policy: iam.Policy) -> None:
        look = ["sqs:GetQueueAttributes"]
        take = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
        dead = [queue.queue_arn for queue in self._dead_letters()]
        self._allow(role, [*look, *take], dead, policy=policy)
        landed = [self._intake.queue.queue_arn]
        self._allow(role, [*look, "sqs:SendMessage"], landed, policy=policy)

    def _allow_repairs(self, role: iam.Role, policy: iam.Policy) -> None:
        """Dead letters are handed again to what they were for: functions, and the topic of alarms."""
        parts = (
            self._orchestration.fail_run,
            self._orchestration.release_dataset,
            self._monitoring.measure_freshness,
        )
        marts = [self._marts.part] if self._marts else []
        functions = [part.function.function_arn for part in (*parts, *marts)]
        self._allow(role, ["lambda:InvokeFunction"], functions, policy=policy)
        topics = (
            *(self._alerts.file_rejected, self._alerts.run_succeeded),
            *(self._alerts.run_failed, self._alerts.alarms),
        )
        arns = [topic.topic_arn for topic in topics]
        self._allow(role, ["sns:ListSubscriptionsByTopic"], arns, policy=policy)
        self._allow(role, ["sns:Publish"], [self._alerts.alarms.topic_arn], policy=policy)
        permissions.allow_key(role, key=self._alerts.key, services=["sns"], write=True)

    def _allow_files(self, role: iam.Role) -> None:
        """Refused records are exported from raw and replayed through landing; persons are erased by their token."""
        storage = self._storage
        by_hand = [f"{naming.LANDING_PREFIX}{each}/" for each in naming.BY_OPERATORS]
        permissions.allow_s3_write(role, bucket=storage.landing, prefixes=by_hand)
        # What is judged again must still be there: `slipway files judge-again` looks at the very object.
        sent = [naming.LANDING_PREFIX, naming.REJECTED_PREFIX]
        permissions.allow_s3_read(
            role, bucket=storage.landing, prefixes=sent, versions=True, rarely_used=BY_HAND
        )
        self._allow_place(role, storage.landing)
        datasets = [f"{contract.dataset}/" for contract in self._blueprint.contracts]
        permissions.allow_s3_read(role, bucket=storage.raw, prefixes=datasets, rarely_used=BY_HAND)
        self._allow_place(role, storage.raw)
        permissions.allow_s3_read(
            role, bucket=storage.processed, prefixes=["runs/"], rarely_used=BY_HAND
        )
        services = ["s3"]
        if storage.pii_secret:
            services.append("secretsmanager")
            self._allow(role, ["secretsmanager:GetSecretValue"], [storage.pii_secret.secret_arn])
        permissions.allow_key(role, key=storage.originals_key, services=services, write=True)

    def _allow_logs(self, role: iam.Role) -> None:
        environment = self._blueprint.settings.environment
        groups = (
            f"{naming.stack(environment, '')}*",
            f"/aws/vendedlogs/states/slipway-{environment}-*",
            "/aws-glue/jobs/*",  # Glue adds to the name it is given: stacks/constructs/spark_job.py
        )
        self._allow(
            role,
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
        storage = self._storage
        for table in (storage.file_ledger, storage.run_ledger):
            permissions.allow_table(role, table=table, actions=["GetItem", "Query"])
        permissions.note_rarely_used(role, {"dynamodb:GetItem": BY_HAND, "dynamodb:Query": BY_HAND})
        permissions.allow_key(role, key=storage.data_key, services=["dynamodb"], write=False)
        machines = [self._orchestration.run, self._orchestration.care, *self._looked_at()]
        of_features = [*self._fetches(), *self._runs_of_marts(), *self._trainings()]
        self._allow_looking(role, [*machines, *of_features])
        if self._sources:
            self._allow_tables_of_sources(role)
        permissions.allow_s3_read(
            role, bucket=storage.access_logs, prefixes=[""], rarely_used=BY_HAND
        )
        self._allow_place(role, storage.access_logs)
        buckets: list[s3.IBucket] = [
            *(storage.landing, storage.raw, storage.processed, storage.curated),
            *(storage.results, storage.access_logs),
        ]
        keys = [storage.data_key, storage.originals_key, storage.operations_key]
        if self._trail:
            buckets.append(self._trail.bucket)
            keys.append(self._trail.key)
        self._allow(role, AUDIT_BUCKET, [bucket.bucket_arn for bucket in buckets])
        self._allow(role, AUDIT_KEY, [key.key_arn for key in keys])
        own_roles = f"{naming.stack(self._blueprint.settings.environment, '')}*"
        self._allow(
            role,
            AUDIT_ROLE,
            [self.format_arn(service="iam", region="", resource="role", resource_name=own_roles)],
            "roles of this environment; CloudFormation makes up their names",
        )
        self._allow_logs(role)
        self._allow(role, (*LOOK_AT_METRICS, *LOOK_AT_CALLS), ["*"], EVERYWHERE)
        if self._trail:
            self._allow_trail(role, self._trail)

    def _allow_trail(self, role: iam.Role, trail: TrailStack) -> None:
        """Queries over the events in a workgroup of its own; files and answers are under the trail's key."""
        workgroup = self._arn("athena", "workgroup", str(trail.workgroup.name))
        self._allow(role, ASK, [workgroup])
        self._allow(
            role,
            CATALOG,
            [
                self.format_arn(service="glue", resource="catalog"),
                self._arn("glue", "database", trail.database),
                self._arn("glue", "table", f"{trail.database}/{TABLE}"),
            ],
        )
        permissions.allow_s3_read(
            role, bucket=trail.bucket, prefixes=[LOGS, RESULTS], rarely_used=BY_HAND
        )
        permissions.allow_s3_write(role, bucket=trail.bucket, prefixes=[RESULTS])
        permissions.note_rarely_used(role, {"s3:PutObject": BY_HAND})
        self._allow_place(role, trail.bucket)
        permissions.allow_key(role, key=trail.key, services=["s3"], write=True)

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
        role: iam.Role,
        actions: Sequence[str],
        resources: Sequence[str],
        wildcard_reason: str | None = None,
        *,
        policy: iam.Policy | None = None,
    ) -> None:
        permissions.allow(
            role,
            actions=actions,
            resources=resources,
            wildcard_reason=wildcard_reason,
            rarely_used=BY_HAND,
            policy=policy,
        )
