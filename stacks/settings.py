"""Settings of one environment: `config/<environment>.yaml`, validated as a whole before anything is built.

Pydantic because a person edits the file: it reports every mistake, and this module adds the line on which each one
stands. Nothing is read from environment variables, so the same file gives the same templates on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.errors import ContractInvalid
from contracts.model import SchemaChange
from pipeline.alerts import Stage
from stacks.setting_values import (
    ANALYSTS,
    Acus,
    Email,
    Expression,
    LogDays,
    Partner,
    PartnerNetwork,
    PrivateNetwork,
    PublicKey,
    QuickSightPrincipal,
    RolePrincipal,
    Rpus,
    ScanLimit,
    SecretName,
    SourceUrl,
    TagKey,
    TagValue,
    Team,
    Zones,
)

ENVIRONMENTS = ("dev", "prod", "local")
AN_ID = "([0-9a-f]{8}|[0-9a-f]{17})"
SAMPLES = "acme"  # the partner who sends the generated files of `slipway demo`
# Limits of rows and megabytes that leave every run to one engine: those of DuckDB, and those above which EMR
# Serverless begins, if it is to be there.
ENGINE_LIMITS = {"spark": (0, None), "duckdb": (10**12, None), "emr": (0, 0)}


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Alerts(_Section):
    """Who is told of what, by e-mail; every address confirms its subscription once."""

    file_arrived: list[Email]
    file_rejected: list[Email]
    run_succeeded: list[Email]
    quality_warning: list[Email]
    run_failed: list[Email]
    run_stage: list[Email]
    alarms: list[Email]
    burst_seconds: Annotated[int, Field(ge=1, le=3600)]
    # Below the time limit of the machine that waits so long (state_machines/announce.asl.json).
    arrived_seconds: Annotated[int, Field(ge=1, le=12 * 60 * 60)] | None
    stages: list[Stage]

    @model_validator(mode="after")
    def _arrivals_are_collected(self) -> Alerts:
        if self.file_arrived and self.arrived_seconds is None:
            raise ValueError(
                "file_arrived has addresses, and arrived_seconds is null, so that nothing is sent: say how long "
                "to collect, e.g. 3600"
            )
        return self

    @model_validator(mode="after")
    def _stages_are_chosen(self) -> Alerts:
        if self.run_stage and not self.stages:
            raise ValueError(
                "run_stage has addresses, and stages is empty, so that nothing is sent: say which stages of a run, "
                f"of {', '.join(get_args(Stage))}"
            )
        return self


class SftpUser(_Section):
    """A partner who may log in. The name is also the partner's folder in the landing bucket."""

    name: Partner
    public_keys: list[PublicKey]


class SftpVpc(_Section):
    """An existing network in which the SFTP endpoint gets fixed addresses and a security group."""

    # 8 or 17 hexadecimal digits. Source: EC2 user guide, "Amazon EC2 resource IDs".
    vpc_id: Annotated[str, Field(pattern=rf"^vpc-{AN_ID}$")]
    subnet_ids: Annotated[
        list[Annotated[str, Field(pattern=rf"^subnet-{AN_ID}$")]], Field(min_length=1)
    ]
    elastic_ip_allocation_ids: list[Annotated[str, Field(pattern=rf"^eipalloc-{AN_ID}$")]]


class Sftp(_Section):
    """The SFTP server and its users. A server costs by the hour from the day it exists."""

    enabled: bool
    users: list[SftpUser]
    allowed_networks: list[PartnerNetwork]
    vpc: SftpVpc | None
    host_key_secret: SecretName | None

    @property
    def has_server(self) -> bool:
        """Whether there is a server: nobody pays for one that nobody may log in to."""
        return self.enabled and bool(self.users)

    @model_validator(mode="after")
    def _networks_need_a_vpc(self) -> Sftp:
        # docs/decisions/0011-sftp-networks.md
        if self.allowed_networks and self.vpc is None:
            raise ValueError(
                "allowed_networks needs vpc: a public endpoint cannot tell networks apart"
            )
        if self.vpc and not self.allowed_networks:
            raise ValueError("vpc needs allowed_networks: its security group would let nobody in")
        if self.vpc and self.vpc.elastic_ip_allocation_ids:
            wanted, given = len(self.vpc.subnet_ids), len(self.vpc.elastic_ip_allocation_ids)
            if wanted != given:
                raise ValueError(
                    f"vpc has {wanted} subnets and {given} Elastic IP allocations: give one per subnet"
                )
        names = [user.name for user in self.users]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"users named twice: {', '.join(repeated)}")
        return self


class Intake(_Section):
    """How the intake Lambda drains its queue."""

    batch_size: Annotated[int, Field(ge=1, le=10)]
    batching_window_seconds: Annotated[int, Field(ge=0, le=300)]
    # Lambda accepts 2 to 1000 for SQS. Source: AWS::Lambda::EventSourceMapping ScalingConfig.
    max_concurrency: Annotated[int, Field(ge=2, le=1000)]
    # Transfer Family's events come within seconds, or not at all.
    confirmation_minutes: Annotated[int, Field(ge=2, le=24 * 60)]


class Runs(_Section):
    """How waiting files become runs."""

    settle_seconds: Annotated[int, Field(ge=0, le=3600)]
    max_files_per_run: Annotated[int, Field(ge=1, le=1000)]
    schema_change: SchemaChange | None


class Schedule(_Section):
    """When something starts by itself, in UTC: for every dataset, and exceptions by dataset. `null` means never."""

    default: Expression | None
    datasets: dict[str, Expression | None]

    def of(self, dataset: str) -> str | None:
        """The schedule of one dataset."""
        return self.datasets.get(dataset, self.default)


class Schedules(_Section):
    """Runs although no file arrived, and maintenance of tables."""

    runs: Schedule
    maintenance: Schedule


class SourceNetwork(_Section):
    """Where in an existing VPC the function of a source works, to reach a database in it.

    From there it must reach S3, DynamoDB, Secrets Manager and Step Functions, too (docs/sources.md).
    """

    subnet_ids: Annotated[
        list[Annotated[str, Field(pattern=rf"^subnet-{AN_ID}$")]], Field(min_length=1)
    ]
    security_group_ids: Annotated[
        list[Annotated[str, Field(pattern=rf"^sg-{AN_ID}$")]], Field(min_length=1)
    ]


class FetchedSource(_Section):
    """A source that is fetched; None: as its description (sources/<name>.yaml) says.

    Only a source that is a table may have a network, and no other URL: its secret says where it is.
    """

    url: SourceUrl | None
    schedule: Expression | None
    network: SourceNetwork | None = None


class Glue(_Section):
    """Size of the Spark jobs."""

    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X"]
    max_workers: Annotated[int, Field(ge=2, le=299)]
    # The state machines wait 7,200 s for a job (state_machines/*.asl.json); it must have started and ended before that.
    timeout_minutes: Annotated[int, Field(ge=5, le=110)]
    raw_crawler_schedule: Expression | None


class DuckDb(_Section):
    """Which runs go to DuckDB in a function instead of Spark on Glue, and the size of its two functions.

    A run goes there if it has at most `max_rows` rows and `max_megabytes` MB of files; 0 switches it off.
    """

    max_rows: Annotated[int, Field(ge=0)]
    max_megabytes: Annotated[int, Field(ge=0)]
    # Source: Lambda developer guide, "Lambda quotas"; new accounts may be limited to 3,008 MB.
    memory_megabytes: Annotated[int, Field(ge=1024, le=10240)]
    storage_megabytes: Annotated[int, Field(ge=512, le=10240)]


class Emr(_Section):
    """Which runs go to EMR Serverless, if it is enabled, and how large it may grow.

    A run goes there if it has more than `above_rows` rows or more than `above_megabytes` MB of files. Every worker has
    4 vCPU and 16 GB, the driver included; `max_workers` are those of all runs together.
    """

    enabled: bool
    release_label: Literal["emr-spark-8.0.0", "emr-spark-8.1.0"]
    above_rows: Annotated[int, Field(ge=0)]
    above_megabytes: Annotated[int, Field(ge=0)]
    # A driver and the three executors with which Spark begins there.
    # Source: EMR Serverless user guide, "Spark job properties", spark.dynamicAllocation.initialExecutors.
    max_workers: Annotated[int, Field(ge=4, le=1000)]
    worker_disk_gigabytes: Annotated[int, Field(ge=20, le=200)]
    # As the Glue jobs: the state machine waits 7,200 s for a job.
    timeout_minutes: Annotated[int, Field(ge=5, le=110)]
    # Source: CloudFormation, AWS::EMRServerless::Application AutoStopConfiguration: 1 to 10,080.
    idle_minutes: Annotated[int, Field(ge=1, le=60)]


class Forecasts(_Section):
    """Who makes forecasts: a function alone, or also a model that is trained on SageMaker.

    At most one training of a dataset begins in `training_minutes`. Its features are made by Spark where the tables that
    are forecast have more than `spark_above_megabytes` MB, and by the function below.
    """

    engine: Literal["lambda", "sagemaker"]
    training_minutes: Annotated[int, Field(ge=5, le=24 * 60)]
    # Source: SageMaker API reference, TransformResources, InstanceType; those without an accelerator.
    instance_type: Annotated[str, Field(pattern=r"^ml\.[mc][0-9][a-z]{0,2}\.[0-9]*x?large$")]
    # The state machine waits two hours for a job, which must have found its machine and ended before that.
    max_runtime_minutes: Annotated[int, Field(ge=5, le=90)]
    spark_above_megabytes: Annotated[int, Field(ge=0)]


class Athena(_Section):
    """Guard rails of the workgroups: the analysts' own, and one for each team by name."""

    scan_limit_gib: ScanLimit
    teams: dict[Team, ScanLimit]
    # That the query is there is for stacks/refreshed_queries.py, which knows the files.
    refreshed: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$")]]


class Network(_Section):
    """The private network, built only if a feature needs it."""

    cidr: PrivateNetwork
    zones: Zones


class Warehouse(_Section):
    """Size and limit of the warehouse, if it is switched on, in Redshift processing units (RPU)."""

    base_rpus: Rpus
    max_rpus: Rpus
    monthly_rpu_hours: Annotated[int, Field(ge=1)]
    look_seconds: Annotated[int, Field(ge=1, le=60)]

    @model_validator(mode="after")
    def _grows_only(self) -> Warehouse:
        if self.max_rpus < self.base_rpus:
            raise ValueError(
                f"max_rpus {self.max_rpus} is below base_rpus {self.base_rpus}; give at least as many"
            )
        return self


class DatabaseInstance(_Section):
    """A plain instance of RDS, which is started for runs and stopped after them; it costs by the hour in between.

    The classes are those that pricing/prices.yaml has.
    """

    instance_class: Literal["db.t4g.micro", "db.t4g.small", "db.t4g.medium"]
    # Source: RDS user guide, "Amazon RDS DB instance storage", gp3 of PostgreSQL: 20 GiB to 64 TiB.
    storage_gigabytes: Annotated[int, Field(ge=20, le=65_536)]


class Database(_Section):
    """The internal database, if it is switched on: Aurora, in capacity units (ACU), which sleeps while nobody asks.

    `instance` is a plain instance in its place; `max_acus` and `pause_after_seconds` then mean nothing.
    Source: RDS API reference, ServerlessV2ScalingConfiguration: half steps up to 256, pauses of 300 to 86,400 s.
    """

    max_acus: Acus
    pause_after_seconds: Annotated[int, Field(ge=300, le=86_400)]
    backup_days: Annotated[int, Field(ge=1, le=35)]
    instance: DatabaseInstance | None = None


class QuickSight(_Section):
    """The people of QuickSight, if it is switched on: ARNs of users or groups; how often dashboards are refreshed.

    At most one refresh of a dataset begins in `refresh_minutes`. QuickSight takes 32 of a SPICE dataset in 24 hours, in
    its Standard edition 8. Source: QuickSight API reference, CreateIngestion.
    """

    authors: list[QuickSightPrincipal]
    readers: list[QuickSightPrincipal]
    refresh_minutes: Annotated[int, Field(ge=1, le=24 * 60)]


class People(_Section):
    """Who may assume which role; a role that nobody may assume is not made. Analysts by team, as in `athena`."""

    analysts: dict[str, Annotated[list[RolePrincipal], Field(min_length=1)]]
    operators: list[RolePrincipal]
    auditors: list[RolePrincipal]
    partner_managers: list[RolePrincipal]
    notebooks: list[RolePrincipal]

    @property
    def are_named(self) -> bool:
        """Whether anybody is."""
        return bool(self.named)

    @property
    def named(self) -> list[str]:
        """Everybody who may assume any role, each once, in the order of the file."""
        everybody = [
            *(arn for arns in self.analysts.values() for arn in arns),
            *(*self.operators, *self.auditors, *self.partner_managers, *self.notebooks),
        ]
        return list(dict.fromkeys(everybody))


class RawRetention(_Section):
    """Overrides of a contract's retention in this environment."""

    raw_days: Annotated[int, Field(ge=1)]
    raw_archive_after_days: Annotated[int, Field(ge=1)]


class Retention(_Section):
    """Days until things leave that no contract speaks of, and overrides of those that one does."""

    landing_days: Annotated[int, Field(ge=1)]
    noncurrent_days: Annotated[int, Field(ge=1)]
    results_days: Annotated[int, Field(ge=1)]
    runs_days: Annotated[int, Field(ge=1)]
    access_logs_days: Annotated[int, Field(ge=1)]
    trail_days: Annotated[int, Field(ge=1)]
    logs_days: LogDays
    datasets: dict[str, RawRetention]


class Costs(_Section):
    """Guards on what the environment costs (stacks/cost_guards.py); without an amount there is none of the kind."""

    monthly_usd: Annotated[int, Field(ge=1)] | None
    anomaly_usd: Annotated[int, Field(ge=1)] | None
    # Source: AWS Budgets, "Quotas": an alert has at most ten addresses and one topic.
    told: Annotated[list[Email], Field(max_length=10)]

    @model_validator(mode="after")
    def _somebody_is_told(self) -> Costs:
        if (self.monthly_usd or self.anomaly_usd) and not self.told:
            raise ValueError("told is empty, so that nobody would hear of it: name an address")
        return self


class Trail(_Section):
    """What the environment's own trail takes besides the objects of the data buckets, if it is switched on."""

    management_events: bool


class Features(_Section):
    """Parts that cost money while idle, or that not everybody wants."""

    dashboard: bool
    raw_crawler: bool
    trail: bool
    warehouse: bool
    database: bool
    quicksight: bool


class Settings(_Section):
    """Everything that differs between environments."""

    environment: Literal["dev", "prod", "local"]
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None
    alerts: Alerts
    sftp: Sftp
    intake: Intake
    runs: Runs
    schedules: Schedules
    sources: dict[str, FetchedSource]
    glue: Glue
    duckdb: DuckDb
    emr: Emr
    forecasts: Forecasts
    athena: Athena
    network: Network
    warehouse: Warehouse
    database: Database
    quicksight: QuickSight
    people: People
    costs: Costs
    trail: Trail
    tags: dict[TagKey, TagValue]
    retention: Retention
    features: Features
    allow_data_deletion: bool


def load(
    folder: Path,
    environment: str,
    *,
    extra_public_key: str | None = None,
    engine: str | None = None,
    rehearsed: str | None = None,
) -> Settings:
    """The settings of `environment`.

    `extra_public_key` is added to every SFTP user, and only of the local environment, where each start makes a new key;
    where there is no user, it makes the one of the samples. `rehearsed` is a file to read as those of the local
    environment (local_cloud/rehearsal.py).
    `engine` is the one for every run of the local environment, whatever its size.
    Raises ContractInvalid listing every mistake as file:line: field: what is wrong.
    """
    if environment not in ENVIRONMENTS:
        raise ContractInvalid(
            f"no environment {environment!r}: use -c environment={'|'.join(ENVIRONMENTS)}"
        )
    if rehearsed and environment != "local":
        raise ContractInvalid(
            "-c settings=FILE is for the local environment; others have their own"
        )
    path = Path(rehearsed) if rehearsed else folder / f"{environment}.yaml"
    text = path.read_text(encoding="utf-8")
    try:
        settings = Settings.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise ContractInvalid(_explained(error, path.name, yaml.compose(text))) from error
    except yaml.YAMLError as error:
        raise ContractInvalid(f"{path.name} is not YAML: {error}") from error
    if extra_public_key:
        settings = _with_key(settings, extra_public_key)
    if engine:
        settings = _with_engine(settings, engine)
    _require_consistent(settings, environment)
    return settings


def _with_key(settings: Settings, public_key: str) -> Settings:
    if settings.environment != "local":
        raise ContractInvalid(
            "-c sftp-public-key is for the local environment; put keys of partners into the YAML"
        )
    users = [
        SftpUser(name=user.name, public_keys=[*user.public_keys, public_key.strip()])
        for user in settings.sftp.users or [SftpUser(name=SAMPLES, public_keys=[])]
    ]
    return settings.model_copy(update={"sftp": settings.sftp.model_copy(update={"users": users})})


def _with_engine(settings: Settings, engine: str) -> Settings:
    if settings.environment != "local" or engine not in ENGINE_LIMITS:
        raise ContractInvalid(
            f"-c engine={engine}: it is {', '.join(ENGINE_LIMITS)}, and for the local environment;"
            " elsewhere put duckdb.max_rows into the YAML, or name the engine of a run"
        )
    most, above = ENGINE_LIMITS[engine]
    duckdb = settings.duckdb.model_copy(update={"max_rows": most, "max_megabytes": most})
    update: dict[str, BaseModel] = {"duckdb": duckdb}
    if above is not None:
        limits = {"enabled": True, "above_rows": above, "above_megabytes": above}
        update["emr"] = settings.emr.model_copy(update=limits)
    return settings.model_copy(update=update)


def _require_consistent(settings: Settings, environment: str) -> None:
    mistakes = list(_cross_field_mistakes(settings, environment))
    if mistakes:
        raise ContractInvalid(
            "\n".join(f"config/{environment}.yaml: {mistake}" for mistake in mistakes)
        )


def _cross_field_mistakes(settings: Settings, environment: str) -> Iterable[str]:
    if settings.environment != environment:
        yield f"environment: is {settings.environment!r}, but the file is named for {environment!r}"
    if settings.features.quicksight and not settings.quicksight.authors:
        yield "quicksight.authors: names nobody, so nobody could change or fix a dashboard; name a user or group"
    known = {ANALYSTS, *settings.athena.teams}
    for team in settings.people.analysts:
        if team not in known:
            yield f"people.analysts: {team!r} is no team of athena.teams; known: {', '.join(sorted(known))}"
    if settings.environment != "local":
        for name, source in settings.sources.items():
            if source.url and source.url.startswith("http://"):
                yield f"sources.{name}.url: found {source.url!r}; expected https, so that nobody reads along"
        for user in settings.sftp.users:
            if not user.public_keys:
                yield f"sftp.users: {user.name!r} has no public key and could not log in; add one"


def _explained(error: ValidationError, file: str, root: yaml.Node | None) -> str:
    lines = []
    for mistake in error.errors():
        field = ".".join(str(part) for part in mistake["loc"])
        given = "" if isinstance(mistake["input"], dict | list) else f", found {mistake['input']!r}"
        message = mistake["msg"].removeprefix("Value error, ")
        lines.append(f"config/{file}:{_line(root, mistake['loc'])}: {field}: {message}{given}")
    return "\n".join(lines)


def _line(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """The line of the deepest part of `path` that exists in the file, from 1."""
    line = node.start_mark.line if node else 0
    for part in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == part), None)
            if found:
                line, node = found[0].start_mark.line, found[1]
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value)
        ):
            found = node.value[part]
            line, node = found.start_mark.line, found
        if found is None:
            break
    return int(line) + 1
