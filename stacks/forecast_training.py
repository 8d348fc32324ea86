"""Training of a model of forecasts on SageMaker, if the settings say so: a function, a machine, a role for its jobs.

A run of a dataset knows nothing of it: the end of its execution is an event, as for marts. The jobs run AWS's published
image without any network: SageMaker itself brings their files and takes what they leave, under a role that reaches the
folders of trainings and nothing else.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from pathlib import Path

import yaml
from aws_cdk import ArnFormat, Aws, CfnMapping, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from contracts import naming
from contracts.errors import ContractInvalid
from stacks.alerts import AlertsStack
from stacks.base import Blueprint, PipelineStack
from stacks.constructs import permissions
from stacks.constructs.dataset_machine import DatasetMachine, Offer
from stacks.constructs.dead_letters import dead_letter_queue
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.rules import start_after
from stacks.duckdb_functions import DuckDbFunctions
from stacks.orchestration import OrchestrationStack
from stacks.processing import ProcessingStack
from stacks.storage import StorageStack
from stacks.table_access import ICEBERG_WRITE

IMAGES = Path(__file__).with_name("scikit_learn_images.yaml")
SCRIPT = "forecast_model.py"
WHEN_TRAINED = "used when a model is trained, after a run of a dataset of which something is forecast or by hand"
IN_ITS_NAME = "SageMaker does it with the role of a job; no line of code does"


class ForecastTrainingStack(PipelineStack):
    """What trains, and what orders a training."""

    def __init__(
        self,
        scope: Construct,
        *,
        blueprint: Blueprint,
        storage: StorageStack,
        alerts: AlertsStack,
        processing: ProcessingStack,
        orchestration: OrchestrationStack,
    ) -> None:
        super().__init__(
            scope, "Training", blueprint=blueprint, description="trained models of forecasts"
        )
        self._blueprint, self._storage = blueprint, storage
        self.part = self._function(processing)
        self._image = _Image(self, blueprint)
        self._code = self._packed_code()
        self.jobs_role = self._jobs_role()
        self.machine = self._machine(alerts, orchestration.job)
        self.undelivered = dead_letter_queue(self, "DeadLetters")
        # Of a version that was trained already nothing is trained.
        start_after(
            self,
            "TablesChanged",
            changing=[orchestration.run, orchestration.care],
            machine=self.machine,
            undelivered=self.undelivered,
            description="Orders a training of the model of forecasts after tables may have changed",
            role_description="Lets the rule for changed tables order trainings",
        )
        self.publish(
            TrainingStateMachineArn=self.machine.arn,
            TrainingDeadLetterQueueUrl=self.undelivered.queue_url,
        )

    def _function(self, processing: ProcessingStack) -> PythonFunction:
        functions = DuckDbFunctions(scope=self, blueprint=self._blueprint, storage=self._storage)
        part = functions.train_forecast()
        processing.allow_forecasting(part.role)
        for allow in (permissions.allow_s3_read, permissions.allow_s3_write):
            allow(part.role, bucket=self._storage.processed, prefixes=[naming.TRAININGS_PREFIX])
        used = (*ICEBERG_WRITE, "s3:GetObject", "s3:PutObject")
        permissions.note_rarely_used(part.role, dict.fromkeys(used, WHEN_TRAINED))
        return part

    def _packed_code(self) -> assets.Asset:
        """The script as script mode wants it: a tar.gz, and the same bytes each time.

        Source: aws/sagemaker-training-toolkit, files.py, download_and_extract.
        """
        script = (self._blueprint.root / "ml" / SCRIPT).read_bytes()
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as archive,
        ):
            entry = tarfile.TarInfo(SCRIPT)
            entry.size = len(script)
            archive.addfile(entry, io.BytesIO(script))
        file = Path(tempfile.mkdtemp()) / "sourcedir.tar.gz"
        file.write_bytes(packed.getvalue())
        return assets.Asset(self, "Code", path=str(file))

    def _jobs_role(self) -> iam.Role:
        """What SageMaker does for a job: reads its files, keeps what it leaves, fetches the image, logs, measures.

        Source: SageMaker AI developer guide, "How to use SageMaker AI execution roles", CreateTrainingJob and
        CreateModel; for the trust policy "Cross-service confused deputy prevention", training and batch transform jobs.
        """
        any_resource = self.format_arn(
            service="sagemaker", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        role = iam.Role(
            self,
            "JobsRole",
            assumed_by=permissions.service_for(self, "sagemaker", source=any_resource),
            description="What SageMaker may do for a training of a model of forecasts",
        )
        processed = self._storage.processed
        permissions.allow_s3_read(role, bucket=processed, prefixes=[naming.TRAININGS_PREFIX])
        permissions.allow_s3_write(role, bucket=processed, prefixes=[naming.TRAININGS_PREFIX])
        permissions.allow_s3_list(role, bucket=processed, prefix=naming.RUNS_PREFIX)
        code = self._code
        permissions.allow(
            role,
            actions=["s3:GetObject"],
            resources=[code.bucket.arn_for_objects(code.s3_object_key)],
        )
        permissions.allow(
            role,
            actions=["s3:ListBucket"],
            resources=[code.bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [code.s3_object_key]}},
        )
        permissions.allow_key(role, key=self._storage.data_key, services=["s3"], write=True)
        self._allow_runtime(role)
        used = ("s3:GetObject", "s3:ListBucket", "s3:PutObject")
        permissions.note_rarely_used(role, dict.fromkeys(used, WHEN_TRAINED))
        return role

    def _allow_runtime(self, role: iam.Role) -> None:
        permissions.allow(
            role,
            actions=[
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
                "ecr:BatchCheckLayerAvailability",
            ],
            resources=[self._image.repository_arn],
            rarely_used=IN_ITS_NAME,
        )
        permissions.allow(
            role,
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],
            wildcard_reason="GetAuthorizationToken has no resource type",
            rarely_used=IN_ITS_NAME,
        )
        permissions.allow(
            role,
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[
                self.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name="/aws/sagemaker/*",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            wildcard_reason="SageMaker names the group by the kind of job and the stream by the job",
            rarely_used=IN_ITS_NAME,
        )
        permissions.allow(
            role,
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
            wildcard_reason="PutMetricData has no resource type; the condition limits it to SageMaker's namespaces",
            rarely_used=IN_ITS_NAME,
        )

    def _machine(self, alerts: AlertsStack, job: DatasetMachine) -> DatasetMachine:
        size = self._blueprint.settings.forecasts
        marked = [c.dataset for c in self._blueprint.contracts if c.forecast_models]
        machine = DatasetMachine(
            self,
            "Train",
            blueprint=self._blueprint,
            name="forecast_training",
            comment="One training of the model of forecasts of one dataset",
            offer=Offer(
                values={
                    "ForecastDatasets": ",".join(marked),
                    "TrainingSeconds": str(60 * size.training_minutes),
                    "MaxRuntimeSeconds": str(60 * size.max_runtime_minutes),
                    "InstanceType": size.instance_type,
                    "ImageUri": self._image.uri,
                    "CodeUri": self._code.s3_object_url,
                    "CodeFile": self._code.s3_object_key,
                    "ModelRoleArn": self.jobs_role.role_arn,
                    "DataKeyArn": self._storage.data_key.key_arn,
                    "Environment": self._blueprint.settings.environment,
                    "AnnounceStateMachineArn": alerts.announce.arn,
                },
                functions={"TrainForecastFunctionArn": self.part},
                machines={"JobRunStateMachineArn": [job]},
            ),
            operations_key=self._storage.operations_key,
        )
        self._allow_jobs(machine.role, alerts)
        return machine

    def _allow_jobs(self, role: iam.Role, alerts: AlertsStack) -> None:
        """Source: Step Functions developer guide, "IAM policies for Amazon SageMaker AI"; aws/aws-cdk issue 26012 for
        AddTags: the integration marks the jobs that it waits for.
        """
        permissions.note_rarely_used(role, {"lambda:InvokeFunction": WHEN_TRAINED})
        mine = f"slipway-{self._blueprint.settings.environment}-*"
        for kind, verbs in (
            (
                "training-job",
                ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob", "AddTags"),
            ),
            (
                "transform-job",
                ("CreateTransformJob", "DescribeTransformJob", "StopTransformJob", "AddTags"),
            ),
            ("model", ("CreateModel", "DeleteModel")),
        ):
            permissions.allow(
                role,
                actions=[f"sagemaker:{verb}" for verb in verbs],
                resources=[self.format_arn(service="sagemaker", resource=kind, resource_name=mine)],
                wildcard_reason="jobs and models are named after the training that they are for",
                rarely_used=WHEN_TRAINED,
            )
        permissions.allow(
            role,
            actions=["sagemaker:ListTags"],
            resources=["*"],
            wildcard_reason="Step Functions documents it without a resource",
            rarely_used=WHEN_TRAINED,
        )
        permissions.allow(
            role,
            actions=["iam:PassRole"],
            resources=[self.jobs_role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            rarely_used=WHEN_TRAINED,
        )
        permissions.allow(
            role,
            actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            resources=[
                self.format_arn(
                    service="events",
                    resource="rule",
                    resource_name=f"StepFunctionsGetEventsForSageMaker{kind}JobsRule",
                )
                for kind in ("Training", "Transform")
            ],
            rarely_used=WHEN_TRAINED,
        )
        permissions.allow(
            role,
            actions=["states:StartExecution"],
            resources=[alerts.announce.arn],
            rarely_used="tells people of a model that could not be trained",
        )


class _Image:
    """AWS's image in the region of the stack, which is looked up at deployment where the settings name none."""

    def __init__(self, stack: PipelineStack, blueprint: Blueprint) -> None:
        published = yaml.safe_load(IMAGES.read_text(encoding="utf-8"))
        accounts, region = published["accounts"], stack.region
        if not Token.is_unresolved(region) and region not in accounts:
            raise ContractInvalid(
                f"config/{blueprint.settings.environment}.yaml: forecasts.engine: AWS's image of scikit-learn is not "
                f"published in {region}; write lambda, or add its account to stacks/{IMAGES.name}"
            )
        if Token.is_unresolved(region):
            mapping = {name: {"account": account} for name, account in accounts.items()}
            account = CfnMapping(stack, "ImageAccounts", mapping=mapping).find_in_map(
                Aws.REGION, "account"
            )
        else:
            account = accounts[region]
        name = published["repository"]
        self.uri = f"{account}.dkr.ecr.{region}.{stack.url_suffix}/{name}:{published['tag']}"
        self.repository_arn = f"arn:{stack.partition}:ecr:{region}:{account}:repository/{name}"
