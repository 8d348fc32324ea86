"""What CloudFormation cannot do for Redshift Serverless, done by CDK's custom resource while the stack is deployed.

Its registry knows Namespace, Snapshot and Workgroup, so there is no type for a usage limit; and Namespace does not give
the ARN of the secret that it manages (aws/aws-cdk issue 29930, still open). Both calls have one role and log group of
ours, since CDK makes one function for all custom resources of a stack.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as custom
from constructs import Construct

from stacks.constructs import permissions

SECRET = "namespace.adminPasswordSecretArn"  # noqa: S105 - where the answer of GetNamespace has it, no secret
WHILE_DEPLOYED = "called while the stack is deployed"


class RedshiftCalls(Construct):
    """Calls of the Redshift Serverless API, one method each."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        log_days: logs.RetentionDays,
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        self._log = logs.LogGroup(
            self,
            "Log",
            retention=log_days,
            encryption_key=log_key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Sets the usage limit of the warehouse and looks up its secret while the stack is deployed",
        )
        permissions.allow(
            self._role,
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[self._log.log_group_arn],
            wildcard_reason="Lambda names a log stream per worker; the ARN of a log group ends with :*",
            rarely_used="Lambda writes the log while the stack is deployed",
        )

    def limit_usage(self, *, workgroup_arn: str, monthly_rpu_hours: int) -> None:
        """When `monthly_rpu_hours` are used up, queries are refused until the next month or until the limit is raised.

        Source: Redshift Serverless API reference, CreateUsageLimit.
        """
        amount = {"amount": monthly_rpu_hours, "breachAction": "deactivate"}
        of = {"resourceArn": workgroup_arn, "usageType": "serverless-compute", "period": "monthly"}
        known = {"usageLimitId": custom.PhysicalResourceIdReference()}
        made = custom.PhysicalResourceId.from_response("usageLimit.usageLimitId")
        permissions.allow(
            self._role,
            actions=[
                f"redshift-serverless:{verb}UsageLimit" for verb in ("Create", "Update", "Delete")
            ],
            resources=["*"],
            wildcard_reason="Usage limits have no resource type (service authorization reference)",
            rarely_used=WHILE_DEPLOYED,
        )
        self._resource(
            "UsageLimit",
            on_create=_call("CreateUsageLimit", {**of, **amount}, physical_resource_id=made),
            on_update=_call("UpdateUsageLimit", {**known, **amount}, physical_resource_id=made),
            on_delete=_call(
                "DeleteUsageLimit", known, ignore_error_codes_matching="ResourceNotFoundException"
            ),
        )

    def admin_secret(self, *, namespace_name: str, namespace_arn: str) -> str:
        """ARN of the secret that the namespace keeps for its admin; rotation does not change it.

        Source: Redshift Serverless API reference, GetNamespace.
        """
        permissions.allow(
            self._role,
            actions=["redshift-serverless:GetNamespace"],
            resources=[namespace_arn],
            rarely_used=WHILE_DEPLOYED,
        )
        look_up = _call(
            "GetNamespace",
            {"namespaceName": namespace_name},
            physical_resource_id=custom.PhysicalResourceId.of(f"{namespace_name}-admin-secret"),
            output_paths=[SECRET],
        )
        return self._resource(
            "AdminSecret", on_create=look_up, on_update=look_up
        ).get_response_field(SECRET)

    def _resource(self, name: str, **calls: Any) -> custom.AwsCustomResource:
        resource = custom.AwsCustomResource(
            self,
            name,
            resource_type=f"Custom::Redshift{name}",
            role=self._role,
            timeout=Duration.minutes(2),
            log_group=self._log,
            install_latest_aws_sdk=False,
            **calls,
        )
        resource.node.add_dependency(self._role)
        return resource


def _call(action: str, parameters: dict[str, Any], **more: Any) -> custom.AwsSdkCall:
    return custom.AwsSdkCall(
        service="redshift-serverless", action=action, parameters=parameters, **more
    )
