"""One Glue Spark job: script and packages as assets, its own role, its own log group.

Glue's managed service role may read every bucket named aws-glue-*, so it is not used; see
docs/decisions/0012-permissions-written-out.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import ArnFormat, IgnoreMode, Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.constructs.permissions import KMS_WRITE, allow, service_for
from stacks.constructs.python_function import CONTRACTS, PIPELINE, ROWS
from stacks.settings import Glue

GLUE_VERSION = (
    "6.0"  # Spark 4.1, Python 3.13, Iceberg 1.11, Delta 4.2. Source: AWS Glue release notes
)
GLUE_ARGUMENTS = {
    "--job-language": "python",
    "--enable-auto-scaling": "true",
    "--enable-metrics": "true",
    "--enable-observability-metrics": "true",
    "--enable-job-insights": "true",
    "--enable-continuous-cloudwatch-log": "true",
}
CONCURRENT_RUNS = 10  # of one job; what would be one more is refused, and tried again for minutes
PACKAGES = ["*", *CONTRACTS, *PIPELINE, *ROWS, "!glue_jobs", "!glue_jobs/**/", "!glue_jobs/**/*.py"]


@dataclass(frozen=True, kw_only=True)
class SparkPlatform:
    """What all jobs of an environment share. `root` is the repository that code assets are cut out of."""

    root: Path
    size: Glue
    spark_settings: Mapping[str, str]
    table_formats: Sequence[str]
    security: glue.CfnSecurityConfiguration
    log_group_prefix: str
    log_key: kms.IKey


class SparkJob(Construct):
    """Job `glue_jobs/<name>.py`; `role` starts with the right to run, log and measure, and to read its own code."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        platform: SparkPlatform,
        name: str,
        description: str,
        arguments: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        script = assets.Asset(self, "Script", path=str(platform.root / "glue_jobs" / f"{name}.py"))
        packages = assets.Asset(
            self, "Packages", path=str(platform.root), exclude=PACKAGES, ignore_mode=IgnoreMode.GIT
        )
        self.role = self._role(name, (script, packages), platform)
        self.job = glue.CfnJob(
            self,
            "Job",
            description=description,
            role=self.role.role_arn,
            glue_version=GLUE_VERSION,
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=script.s3_object_url
            ),
            default_arguments={
                **GLUE_ARGUMENTS,
                # Glue's own builds of the libraries; several are joined by commas. Source: AWS Glue developer guide,
                # "Using data lake frameworks with AWS Glue ETL jobs".
                "--datalake-formats": ",".join(platform.table_formats),
                "--extra-py-files": packages.s3_object_url,
                "--conf": as_conf(platform.spark_settings),
                "--custom-logGroup-prefix": platform.log_group_prefix,
                **{f"--{key}": value for key, value in arguments.items()},
            },
            worker_type=platform.size.worker_type,
            number_of_workers=platform.size.max_workers,  # with auto-scaling this is the upper bound
            timeout=platform.size.timeout_minutes,
            max_retries=0,  # one place retries: the state machine
            execution_property=glue.CfnJob.ExecutionPropertyProperty(
                max_concurrent_runs=CONCURRENT_RUNS
            ),
            security_configuration=platform.security.ref,
        )
        self.job.node.add_dependency(self.role)

    def _role(self, name: str, code: Sequence[assets.Asset], platform: SparkPlatform) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=service_for(self, "glue"),
            description=f"What the {name} job may do",
        )
        for asset in code:
            allow(
                role,
                actions=["s3:GetObject"],
                resources=[asset.bucket.arn_for_objects(asset.s3_object_key)],
            )
        # not only below log_group_prefix: job insights and encrypted logs go to groups that Glue names
        allow_glue_runtime(role, log_groups="/aws-glue/jobs/", log_key=platform.log_key)
        return role

    @property
    def name(self) -> str:
        """Name of the job, as StartJobRun wants it."""
        return self.job.ref

    @property
    def arn(self) -> str:
        """ARN of the job, for policies."""
        return Stack.of(self).format_arn(service="glue", resource="job", resource_name=self.name)


BY_GLUE = "Glue logs and measures with the role of the job or crawler; no line of code does"


def as_conf(settings: Mapping[str, str]) -> str:
    """Spark settings as Glue's single `--conf` argument: the later ones carry `--conf` in the value.

    Source: AWS Glue developer guide, "Using the Iceberg framework in AWS Glue".
    """
    return " --conf ".join(f"{key}={value}" for key, value in settings.items())


def allow_glue_runtime(role: iam.Role, *, log_groups: str, log_key: kms.IKey) -> None:
    """What Glue itself does with the role of a job or crawler: logs in groups that begin with `log_groups`, metrics."""
    stack = Stack.of(role)
    allow(
        role,
        actions=[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "logs:AssociateKmsKey",
        ],
        resources=[
            stack.format_arn(
                service="logs",
                resource="log-group",
                resource_name=f"{log_groups}*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
        ],
        wildcard_reason="Glue adds role, security configuration, kind of log and run to the name it is given",
        rarely_used=BY_GLUE,
    )
    allow(
        role,
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringEquals": {"cloudwatch:namespace": "Glue"}},
        wildcard_reason="PutMetricData has no resource type; the condition limits it to Glue's namespace",
        rarely_used=BY_GLUE,
    )
    allow(role, actions=(*KMS_WRITE, "kms:Encrypt", "kms:DescribeKey"), resources=[log_key.key_arn])
