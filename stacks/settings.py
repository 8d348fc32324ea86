"""Settings of one environment: `config/<environment>.yaml`, validated as a whole before anything is built.

Pydantic because a person edits the file: it reports every mistake, and this module adds the line on which each one
stands. Nothing is read from environment variables, so the same file gives the same templates on every machine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.errors import ContractInvalid

ENVIRONMENTS = ("dev", "prod", "local")

# RFC 4253 and RFC 5656 names of the key types that Transfer Family accepts for service-managed users.
# Source: Transfer Family user guide, "Managing SSH and PGP keys".
PUBLIC_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{60,}={0,3}( \S.*)?")

# The retention periods that CloudWatch Logs accepts. Source: PutRetentionPolicy API reference.
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)


def _public_key(value: str) -> str:
    if not PUBLIC_KEY.fullmatch(value):
        raise ValueError("is not an OpenSSH public key: expected one line like 'ssh-ed25519 AAAA... comment'")
    return value


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"is not a network in CIDR notation ({error}): expected one like 203.0.113.0/24") from error
    if network.prefixlen == 0:
        raise ValueError("allows everybody: leave allowed_networks empty if that is meant")
    return value


def _log_days(value: int) -> int:
    if value not in LOG_RETENTION_DAYS:
        raise ValueError(f"is not a period that CloudWatch Logs knows: {', '.join(map(str, LOG_RETENTION_DAYS))}")
    return value


Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
PublicKey = Annotated[str, AfterValidator(_public_key)]
Network = Annotated[str, AfterValidator(_network)]
Schedule = Annotated[str, Field(pattern=r"^(cron|rate)\(.+\)$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Alerts(_Section):
    """Who is told of what, by e-mail; every address confirms its subscription once."""

    file_rejected: list[Email]
    run_succeeded: list[Email]
    run_failed: list[Email]
    alarms: list[Email]


class SftpUser(_Section):
    """A partner who may log in. The name is also the partner's folder in the landing bucket."""

    # Source: Transfer Family CreateUser, UserName pattern; lower case, because it becomes part of object keys.
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{2,99}$")]
    public_keys: list[PublicKey]


class SftpVpc(_Section):
    """An existing network in which the SFTP endpoint gets fixed addresses and a security group."""

    vpc_id: Annotated[str, Field(pattern=r"^vpc-[0-9a-f]+$")]
    subnet_ids: Annotated[list[Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$")]], Field(min_length=1)]
    elastic_ip_allocation_ids: list[Annotated[str, Field(pattern=r"^eipalloc-[0-9a-f]+$")]]


class Sftp(_Section):
    """The SFTP server and its users."""

    users: list[SftpUser]
    allowed_networks: list[Network]
    vpc: SftpVpc | None

    @model_validator(mode="after")
    def _networks_need_a_vpc(self) -> Sftp:
        # docs/decisions/0011-sftp-networks.md
        if self.allowed_networks and self.vpc is None:
            raise ValueError("allowed_networks needs vpc: a public endpoint cannot tell networks apart")
        if self.vpc and not self.allowed_networks:
            raise ValueError("vpc needs allowed_networks: its security group would let nobody in")
        if self.vpc and self.vpc.elastic_ip_allocation_ids:
            wanted, given = len(self.vpc.subnet_ids), len(self.vpc.elastic_ip_allocation_ids)
            if wanted != given:
                raise ValueError(f"vpc has {wanted} subnets and {given} Elastic IP allocations: give one per subnet")
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


class Runs(_Section):
    """How waiting files become runs."""

    settle_seconds: Annotated[int, Field(ge=0, le=3600)]
    max_files_per_run: Annotated[int, Field(ge=1, le=1000)]


class Schedules(_Section):
    """When a run starts without a file arriving; `null` means never. UTC."""

    default: Schedule | None
    datasets: dict[str, Schedule | None]

    def of(self, dataset: str) -> str | None:
        """The schedule of one dataset."""
        return self.datasets.get(dataset, self.default)


class Glue(_Section):
    """Size of the Spark jobs."""

    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X"]
    max_workers: Annotated[int, Field(ge=2, le=299)]
    # The state machine waits 14,400 s for a job (state_machines/dataset_run.asl.json); the job must end before that.
    timeout_minutes: Annotated[int, Field(ge=5, le=230)]
    raw_crawler_schedule: Schedule | None


class Athena(_Section):
    """Guard rails of the workgroup."""

    # Athena's smallest limit is 10 MB. Source: AWS::Athena::WorkGroup BytesScannedCutoffPerQuery.
    scan_limit_gib: Annotated[int, Field(ge=1, le=10240)]


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
    logs_days: Annotated[int, AfterValidator(_log_days)]
    datasets: dict[str, RawRetention]


class Features(_Section):
    """Parts that cost money while idle, or that not everybody wants."""

    dashboard: bool
    raw_crawler: bool


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
    glue: Glue
    athena: Athena
    retention: Retention
    features: Features
    allow_data_deletion: bool


def load(folder: Path, environment: str, *, extra_public_key: str | None = None) -> Settings:
    """The settings of `environment`.

    `extra_public_key` is added to every SFTP user, and only of the local environment, where each start makes a new key.
    Raises ContractInvalid listing every mistake as file:line: field: what is wrong.
    """
    if environment not in ENVIRONMENTS:
        raise ContractInvalid(f"no environment {environment!r}: use -c environment={'|'.join(ENVIRONMENTS)}")
    path = folder / f"{environment}.yaml"
    text = path.read_text(encoding="utf-8")
    try:
        settings = Settings.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise ContractInvalid(_explained(error, path.name, yaml.compose(text))) from error
    except yaml.YAMLError as error:
        raise ContractInvalid(f"{path.name} is not YAML: {error}") from error
    if extra_public_key:
        settings = _with_key(settings, extra_public_key)
    _require_consistent(settings, environment)
    return settings


def _with_key(settings: Settings, public_key: str) -> Settings:
    if settings.environment != "local":
        raise ContractInvalid("-c sftp-public-key is for the local environment; put keys of partners into the YAML")
    users = [
        SftpUser(name=user.name, public_keys=[*user.public_keys, public_key.strip()]) for user in settings.sftp.users
    ]
    return settings.model_copy(update={"sftp": settings.sftp.model_copy(update={"users": users})})


def _require_consistent(settings: Settings, environment: str) -> None:
    mistakes = list(_cross_field_mistakes(settings, environment))
    if mistakes:
        raise ContractInvalid("\n".join(f"config/{environment}.yaml: {mistake}" for mistake in mistakes))


def _cross_field_mistakes(settings: Settings, environment: str) -> Iterable[str]:
    if settings.environment != environment:
        yield f"environment: is {settings.environment!r}, but the file is named for {environment!r}"
    if settings.environment != "local":
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
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
            line, node = found.start_mark.line, found
        if found is None:
            break
    return int(line) + 1
