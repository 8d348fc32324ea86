"""EMR Serverless as an engine for very large runs: one application, a role for each of its jobs, code as assets.

The application has no capacity of its own: workers come with a job, and it stops when it has been idle. What changes
with each deployment (code, Spark's properties) goes with the job, since an application must be stopped to be changed.
Source: EMR Serverless user guide, "Understanding application behavior", "Interacting with your application".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import ArnFormat, AssetHashType, IgnoreMode, RemovalPolicy, Stack
from aws_cdk import aws_emrserverless as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from pipeline.costs import WORKER_MEMORY_GB, WORKER_VCPUS
from pipeline.emr_releases import BY_LABEL, EmrRelease
from stacks.base import Blueprint
from stacks.constructs.permissions import KMS_WRITE, allow, service_for
from stacks.constructs.spark_job import PACKAGES
from stacks.layers import EMR, LayerMissing

# One size for driver and executors: 4 vCPU and 16 GB, of which Spark takes a tenth on top of what it is told.
# Source: EMR Serverless user guide, "Worker configurations" and "Spark job properties".
SPARK_MEMORY = "14g"
PYTHON = "/usr/bin/python3.11"
BY_SERVICE = "EMR Serverless logs with the role of the job; no line of code does"
# As the ASL names the jobs: EmrLoadRoleArn, EmrCurateRoleArn, ...
JOBS = {
    "raw_to_processed": "Load",
    "processed_to_curated": "Curate",
    "forecast_features": "Features",
}
# For what the ASL names and this environment has not: a substitution must not be empty.
ABSENT = "none"


@dataclass(frozen=True, kw_only=True)
class EmrJob:
    """One of the jobs: its script, its own arguments, and the role with which it works."""

    name: str
    script: assets.Asset
    arguments: Mapping[str, str]
    role: iam.Role

    @property
    def argument_text(self) -> str:
        """The arguments as one text, as the state machine splits it; what is empty is left out, as with Glue."""
        return " ".join(f"--{name} {value}" for name, value in self.arguments.items() if value)


class EmrEngine(Construct):
    """The application and its jobs; `jobs` have the rights to log and to read their code, and nothing else."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        blueprint: Blueprint,
        spark_settings: Mapping[str, str],
        arguments: Mapping[str, Mapping[str, str]],
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        self._blueprint, self._log_key = blueprint, log_key
        self._size = blueprint.settings.emr
        self._release = BY_LABEL[self._size.release_label]
        self._log_group = self._logs()
        self.application = self._application()
        self._packages = assets.Asset(
            self,
            "Packages",
            path=str(blueprint.root),
            exclude=PACKAGES,
            ignore_mode=IgnoreMode.GIT,
        )
        self._iceberg = assets.Asset(
            self, "Iceberg", path=str(shipped_jar(blueprint.root, self._release))
        )
        self._boto3 = self._python_packages()
        self._spark_settings = spark_settings
        self.jobs = {name: self._job(name, given) for name, given in arguments.items()}

    def _logs(self) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/emr-serverless/slipway-{self._blueprint.settings.environment}",
            retention=self._blueprint.log_days,
            encryption_key=self._log_key,
            removal_policy=RemovalPolicy.DESTROY,  # its name is fixed; the run ledger keeps the history
        )

    def _application(self) -> emr.CfnApplication:
        size, kinds = self._size, emr.CfnApplication
        application = kinds(
            self,
            "Application",
            name=f"slipway-{self._blueprint.settings.environment}",
            type="SPARK",
            release_label=self._release.label,
            architecture="ARM64",
            auto_start_configuration=kinds.AutoStartConfigurationProperty(enabled=True),
            auto_stop_configuration=kinds.AutoStopConfigurationProperty(
                enabled=True, idle_timeout_minutes=size.idle_minutes
            ),
            # Of all its runs at the same time: what more they ask for waits.
            maximum_capacity=kinds.MaximumAllowedResourcesProperty(
                cpu=f"{size.max_workers * WORKER_VCPUS} vCPU",
                memory=f"{size.max_workers * WORKER_MEMORY_GB} GB",
                disk=f"{size.max_workers * size.worker_disk_gigabytes} GB",
            ),
            monitoring_configuration=kinds.MonitoringConfigurationProperty(
                cloud_watch_logging_configuration=kinds.CloudWatchLoggingConfigurationProperty(
                    enabled=True,
                    log_group_name=self._log_group.log_group_name,
                    encryption_key_arn=self._log_key.key_arn,
                ),
                # AWS's own copy of logs, which no retention of ours ends.
                managed_persistence_monitoring_configuration=(
                    kinds.ManagedPersistenceMonitoringConfigurationProperty(enabled=False)
                ),
            ),
        )
        application.node.add_dependency(self._log_group)
        return application

    def _python_packages(self) -> assets.Asset | None:
        """boto3, since no page of AWS promises it; none on the embedded AWS, whose environment has it."""
        if self._blueprint.settings.environment == "local":
            return None
        root = self._blueprint.root
        return assets.Asset(
            self,
            "PythonPackages",
            path=str(EMR.built(root)),
            asset_hash=EMR.asset_hash(root),
            asset_hash_type=AssetHashType.CUSTOM,
        )

    def _job(self, name: str, arguments: Mapping[str, str]) -> EmrJob:
        root = self._blueprint.root
        script = assets.Asset(
            self, f"{JOBS[name]}Script", path=str(root / "glue_jobs" / f"{name}.py")
        )
        shipped = [script, self._packages, self._iceberg]
        role = self._role(name, [*shipped, *([self._boto3] if self._boto3 else [])])
        checked = {**arguments, "spark_version": self._release.spark}
        return EmrJob(name=name, script=script, arguments=checked, role=role)

    def _role(self, name: str, code: Sequence[assets.Asset]) -> iam.Role:
        role = iam.Role(
            self,
            f"{JOBS[name]}Role",
            assumed_by=service_for(self, "emr-serverless", source=self.application.attr_arn),
            description=f"What the {name} job may do on EMR Serverless",
        )
        for asset in code:
            allow(
                role,
                actions=["s3:GetObject"],
                resources=[asset.bucket.arn_for_objects(asset.s3_object_key)],
            )
        self._allow_logging(role)
        return role

    def _allow_logging(self, role: iam.Role) -> None:
        """Source: EMR Serverless user guide, "Logging for EMR Serverless with Amazon CloudWatch", permissions."""
        group = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{self._log_group.log_group_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        allow(
            role,
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[group],
            wildcard_reason="EMR Serverless names streams by application, job run and worker",
            rarely_used=BY_SERVICE,
        )
        allow(
            role,
            actions=["logs:DescribeLogGroups"],
            resources=["*"],
            wildcard_reason="DescribeLogGroups has no resource type of its own",
            rarely_used=BY_SERVICE,
        )
        allow(
            role,
            actions=(*KMS_WRITE, "kms:Encrypt", "kms:DescribeKey"),
            resources=[self._log_key.key_arn],
            rarely_used=BY_SERVICE,
        )

    def substitutions(self) -> dict[str, str]:
        """What state_machines/job_run.asl.json names, by substitution."""
        return {
            "EmrApplicationId": self.application.attr_application_id,
            "EmrTimeoutMinutes": str(self._size.timeout_minutes),
            "EmrSparkParameters": self._spark_parameters(),
            **{
                f"Emr{job}{what}": ABSENT
                for name, job in JOBS.items()
                if name not in self.jobs
                for what in ("RoleArn", "ScriptUri", "Arguments")
            },
            **{
                f"Emr{JOBS[name]}{what}": value
                for name, job in self.jobs.items()
                for what, value in (
                    ("RoleArn", job.role.role_arn),
                    ("ScriptUri", job.script.s3_object_url),
                    ("Arguments", job.argument_text),
                )
            },
        }

    def _spark_parameters(self) -> str:
        """The options of spark-submit, the same for every job."""
        options = [
            f"--py-files {self._packages.s3_object_url}",
            f"--jars {self._iceberg.s3_object_url}",
        ]
        properties = {**self._spark_settings, **self._sizes(), **self._python()}
        return " ".join(
            [*options, *(f"--conf {name}={value}" for name, value in properties.items())]
        )

    def _sizes(self) -> dict[str, str]:
        workers = {
            f"spark.{part}.{name}": value
            for part in ("driver", "executor")
            for name, value in (("cores", str(WORKER_VCPUS)), ("memory", SPARK_MEMORY))
        }
        disks = {
            f"spark.emr-serverless.{part}.disk": f"{self._size.worker_disk_gigabytes}g"
            for part in ("driver", "executor")
        }
        executors = str(self._size.max_workers - 1)  # the driver is a worker, too
        return {**workers, **disks, "spark.dynamicAllocation.maxExecutors": executors}

    def _python(self) -> dict[str, str]:
        """Source: EMR Serverless user guide, "Using different Python versions" and "Using Python libraries"."""
        driver = "spark.emr-serverless.driverEnv"
        python = {
            f"{driver}.PYSPARK_DRIVER_PYTHON": PYTHON,
            f"{driver}.PYSPARK_PYTHON": PYTHON,
            "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
        }
        if self._boto3 is None:
            return python
        archive = f"{self._boto3.s3_object_url}#packages"
        return {**python, "spark.archives": archive, f"{driver}.PYTHONPATH": "./packages/python"}

    def allow_runs(self, role: iam.Role) -> None:
        """Let a state machine's role run the jobs and wait for them.

        Source: Step Functions developer guide, "IAM policies for Amazon EMR Serverless", StartJobRun.
        """
        stack, application = Stack.of(self), self.application.attr_arn
        allow(role, actions=["emr-serverless:StartJobRun"], resources=[application])
        allow(
            role,
            actions=["emr-serverless:GetJobRun"],
            resources=[f"{application}/jobruns/*"],
            wildcard_reason="job runs of this application are named at run time",
        )
        allow(
            role,
            actions=["emr-serverless:CancelJobRun"],
            resources=[f"{application}/jobruns/*"],
            wildcard_reason="job runs of this application are named at run time",
            rarely_used="ends the job of an execution that was aborted or ran out of time",
        )
        allow(
            role,
            actions=["iam:PassRole"],
            resources=[job.role.role_arn for job in self.jobs.values()],
            conditions={"StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}},
        )
        allow(
            role,
            actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            resources=[
                stack.format_arn(
                    service="events",
                    resource="rule",
                    resource_name="StepFunctionsGetEventsForEMRServerlessJobRule",
                )
            ],
            rarely_used="Step Functions keeps a managed rule by which it hears of the end of job runs",
        )


def shipped_jar(root: Path, release: EmrRelease) -> Path:
    """Iceberg for the release's Spark. EMR has one of its own, but no page of AWS says where for Spark 4.

    Raises LayerMissing when it was not fetched.
    """
    jar = root / release.iceberg_jar
    if not jar.is_file():
        raise LayerMissing(
            f"{release.iceberg_jar} is not there, which goes to {release.label} with the application:"
            f" run `{release.made_by}`, then synth again"
        )
    return jar
