"""One Lambda function: its own role, its own log group, and only its own code.

The asset is cut out of the repository root, so that the import path is the same in tests, in the zip and in the cloud,
and its hash changes only when this function or the shared domain changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from aws_cdk import Duration, IgnoreMode, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.constructs.permissions import acknowledge, allow

# contracts.authoring is left out: it needs pydantic and YAML, and runtimes read only the compiled JSON.
CONTRACTS = (
    *("!contracts", "!contracts/*.py", "!contracts/warehouse", "!contracts/warehouse/*.py"),
    *("!contracts/compiled", "!contracts/compiled/*.json"),
)
PIPELINE = ("!pipeline", "!pipeline/**/", "!pipeline/**/*.py")
ROWS = ("!rows", "!rows/**/", "!rows/**/*.py")


class PythonFunction(Construct):
    """Function `lambdas.<name>.handler.handle`; `role` starts with the right to write its own log only.

    `data` are files that it reads, as folder/.../*.suffix from the root; `rooms` further packages that it imports,
    and `layers` what those import. `storage_mb` is the size of its /tmp.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        root: Path,
        name: str,
        description: str,
        environment: Mapping[str, str],
        timeout_seconds: int,
        memory_mb: int,
        log_days: logs.RetentionDays,
        log_key: kms.IKey,
        removal_policy: RemovalPolicy,
        data: Sequence[str] = (),
        rooms: Sequence[str] = (),
        layers: Sequence[lambda_.ILayerVersion] = (),
        storage_mb: int = 512,
    ) -> None:
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(
            self, "Log", retention=log_days, encryption_key=log_key, removal_policy=removal_policy
        )
        self.role = self._role(name)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler.handle",
            code=lambda_.Code.from_asset(
                str(root), exclude=code_of(name, data, rooms), ignore_mode=IgnoreMode.GIT
            ),
            layers=list(layers),
            ephemeral_storage_size=Size.mebibytes(storage_mb) if storage_mb != 512 else None,
            role=self.role,
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            description=description,
            environment=dict(environment),
            timeout=Duration.seconds(timeout_seconds),
            memory_size=memory_mb,
        )
        acknowledge(
            self.function,
            "AwsSolutions-L1",
            "Python 3.13 is what Glue 6.0 runs: the shared contracts package is tested on one version for both",
        )

    def _role(self, name: str) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What the {name} function may do",
        )
        allow(
            role,
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[self.log_group.log_group_arn],
            wildcard_reason="Lambda names a log stream per worker; the ARN of a log group ends with :*",
            rarely_used="Lambda writes the log with the function's role; no line of code does",
        )
        return role


def code_of(name: str, data: Sequence[str] = (), rooms: Sequence[str] = ()) -> list[str]:
    """What to leave out of the repository so that only one function's code remains, in .gitignore's language."""
    own = ("!lambdas", "!lambdas/__init__.py", f"!lambdas/{name}", f"!lambdas/{name}/*.py")
    return [
        "*",
        *CONTRACTS,
        *PIPELINE,
        *own,
        *(f"!{room}{part}" for room in rooms for part in ("", "/**/", "/**/*.py")),
        *(f"!{part}" for files in data for part in _with_parents(files)),
    ]


def _with_parents(files: str) -> list[str]:
    """A file cannot be taken in again below a folder that is left out, so its folders are named before it."""
    return [*(str(folder) for folder in reversed(PurePosixPath(files).parents[:-1])), files]
