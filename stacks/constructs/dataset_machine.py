"""One state machine: an ASL file with substitutions, and a role that may use exactly what the file names.

A file rather than CDK's chains, so that it can be read, linted and run by a local interpreter as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.base import Blueprint
from stacks.constructs import permissions
from stacks.constructs.emr_engine import EmrEngine
from stacks.constructs.grantees import PolicyBeside
from stacks.constructs.pruning import pruned
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.spark_job import SparkJob

# How a definition names its own machine, to start an execution of it: in JSONPath and in JSONata.
ITSELF = ("$$.StateMachine.Id", "$states.context.StateMachine.Id")
NOBODY = "none"  # stands for an empty list of machines, since a substitution is a text and must not be empty


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a definition names, by the name of the substitution: plain values, and what its role may therefore use."""

    values: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, PythonFunction] = field(default_factory=dict)
    jobs: Mapping[str, SparkJob] = field(default_factory=dict)
    topics: Mapping[str, sns.Topic] = field(default_factory=dict)
    machines: Mapping[str, Sequence[DatasetMachine]] = field(
        default_factory=dict
    )  # run as nested executions
    emr: EmrEngine | None = None

    def substitutions(self) -> dict[str, str]:
        """The text for each name."""
        return {
            **self.values,
            **{name: part.function.function_arn for name, part in self.functions.items()},
            **{name: job.name for name, job in self.jobs.items()},
            **{name: topic.topic_arn for name, topic in self.topics.items()},
            **(self.emr.substitutions() if self.emr else {}),
            **{
                name: ",".join(part.arn for part in parts) or NOBODY
                for name, parts in self.machines.items()
            },
        }


class DatasetMachine(Construct):
    """The machine `state_machines/<name>.asl.json`; `of` tells several machines of one file apart.

    `without` are states of a feature that is off: they are left out, with every choice that leads to them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        blueprint: Blueprint,
        name: str,
        comment: str,
        offer: Offer,
        operations_key: kms.IKey,
        of: str | None = None,
        without: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        file = blueprint.root / "state_machines" / f"{name}.asl.json"
        definition = pruned(file.read_text(encoding="utf-8"), without)
        _require_equal(
            set(re.findall(r"\$\{(\w+)\}", definition)), set(offer.substitutions()), file.name
        )
        self.role = self._role(comment, offer, operations_key)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            comment=comment,
            definition_body=sfn.DefinitionBody.from_string(
                json.dumps(json.loads(definition), indent=1)
            ),
            definition_substitutions=offer.substitutions(),
            role=self.role,
            logs=sfn.LogOptions(
                destination=self._log_group(
                    blueprint, f"{name}_{of}" if of else name, operations_key
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
            tracing_enabled=True,
        )
        if any(name in definition for name in ITSELF):
            self._allow_itself()

    @property
    def arn(self) -> str:
        """ARN of the machine."""
        return self.machine.state_machine_arn

    @property
    def executions(self) -> str:
        """ARN of any execution of the machine, for policies; executions are named at run time."""
        return Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self.machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _log_group(self, blueprint: Blueprint, name: str, key: kms.IKey) -> logs.LogGroup:
        environment = blueprint.settings.environment
        return logs.LogGroup(
            self,
            "Log",
            # Step Functions writes to log groups of this prefix without growing a resource policy of limited
            # size. Source: Step Functions developer guide, "Logging in CloudWatch Logs".
            log_group_name=f"/aws/vendedlogs/states/slipway-{environment}-{name.replace('_', '-')}",
            retention=blueprint.log_days,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,  # its name is fixed; the run ledger keeps the history
        )

    def _role(self, comment: str, offer: Offer, operations_key: kms.IKey) -> iam.Role:
        # Any machine of the account: the machine itself needs the role first. Source: Step Functions developer guide,
        # "Creating an IAM role for your state machine", cross-service confused deputy.
        any_machine = Stack.of(self).format_arn(
            service="states",
            resource="stateMachine",
            resource_name="*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=permissions.service_for(self, "states", source=any_machine),
            description=f"What the state machine may do: {comment}",
        )
        if functions := [part.function.function_arn for part in offer.functions.values()]:
            permissions.allow(role, actions=["lambda:InvokeFunction"], resources=functions)
        if jobs := [job.arn for job in offer.jobs.values()]:
            _allow_jobs(role, jobs)
        if machines := [part for parts in offer.machines.values() for part in parts]:
            _allow_machines(role, machines)
        if offer.emr:
            offer.emr.allow_runs(role)
        if topics := [topic.topic_arn for topic in offer.topics.values()]:
            permissions.allow(role, actions=["sns:Publish"], resources=topics)
            permissions.allow_key(role, key=operations_key, services=["sns"], write=True)
        permissions.acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "Log delivery and X-Ray have no resource types; CDK adds exactly the actions that Step Functions documents",
        )
        permissions.note_rarely_used(
            role, dict.fromkeys(LOGS_AND_TRACES, "Step Functions logs and traces by itself")
        )
        return role

    def _allow_itself(self) -> None:
        """In a policy of its own: the machine waits for the default one of its role, which must not wait for it too.

        Whoever starts executions should depend on this whole construct, or the first may come before the policy.
        """
        permissions.allow(
            PolicyBeside(self.role, iam.Policy(self, "Itself", roles=[self.role])),
            actions=["states:StartExecution"],
            resources=[self.arn],
            rarely_used="starts itself: a run whose files keep coming for longer than one can take, a refresh, a mart",
        )


# What CDK adds for logging and tracing. Source: Step Functions developer guide, "Logging in CloudWatch Logs" and
# "Tracing with AWS X-Ray".
LOGS_AND_TRACES = (
    *(
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
    ),
    *(
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
    ),
    *(
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
    ),
)


def _allow_jobs(role: iam.Role, jobs: list[str]) -> None:
    # Source: Step Functions developer guide, "IAM policies for calling AWS Glue", run a job (.sync).
    permissions.allow(role, actions=["glue:StartJobRun", "glue:GetJobRun"], resources=jobs)
    permissions.allow(
        role,
        actions=["glue:GetJobRuns"],
        resources=jobs,
        rarely_used="documented for .sync tasks; which of the two calls waits for the job is up to the service",
    )
    permissions.allow(
        role,
        actions=["glue:BatchStopJobRun"],
        resources=jobs,
        rarely_used="ends the job of an execution that was aborted or ran out of time",
    )


def _allow_machines(role: iam.Role, machines: Sequence[DatasetMachine]) -> None:
    # Source: Step Functions developer guide, "IAM policies for calling Step Functions workflows", synchronous (.sync).
    permissions.allow(
        role, actions=["states:StartExecution"], resources=[part.arn for part in machines]
    )
    permissions.allow(
        role,
        actions=["states:DescribeExecution", "states:StopExecution"],
        resources=[part.executions for part in machines],
        wildcard_reason="executions of this machine are named at run time",
        rarely_used="Step Functions looks for the end of a nested execution, and stops it with the one that waits",
    )
    permissions.allow(
        role,
        actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
        resources=[
            Stack.of(role).format_arn(
                service="events",
                resource="rule",
                resource_name="StepFunctionsGetEventsForStepFunctionsExecutionRule",
            )
        ],
        rarely_used="Step Functions keeps a managed rule by which it hears of the end of nested executions",
    )


def _require_equal(in_file: set[str], given: set[str], file: str) -> None:
    if in_file != given:
        raise ValueError(
            f"state_machines/{file}: substitutions {sorted(in_file - given)} are not given, "
            f"{sorted(given - in_file)} are not used; align it with stacks/orchestration.py"
        )
