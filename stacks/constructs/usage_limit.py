"""The most that a Redshift Serverless workgroup may compute in a month.

CloudFormation has no type for it (its registry knows Namespace, Snapshot and Workgroup), so CDK's custom resource makes
the calls, with a role and a log group of ours.
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


class UsageLimit(Construct):
    """When `monthly_rpu_hours` are used up, queries are refused until the next month or until the limit is raised."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workgroup_arn: str,
        monthly_rpu_hours: int,
        log_days: logs.RetentionDays,
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        log = logs.LogGroup(
            self, "Log", retention=log_days, encryption_key=log_key, removal_policy=RemovalPolicy.DESTROY
        )
        # Source: Redshift Serverless API reference, CreateUsageLimit.
        amount = {"amount": monthly_rpu_hours, "breachAction": "deactivate"}
        of = {"resourceArn": workgroup_arn, "usageType": "serverless-compute", "period": "monthly"}
        known = {"usageLimitId": custom.PhysicalResourceIdReference()}
        made = custom.PhysicalResourceId.from_response("usageLimit.usageLimitId")
        role = self._role(log)
        limit = custom.AwsCustomResource(
            self,
            "Call",
            resource_type="Custom::RedshiftUsageLimit",
            on_create=_call("CreateUsageLimit", {**of, **amount}, physical_resource_id=made),
            on_update=_call("UpdateUsageLimit", {**known, **amount}, physical_resource_id=made),
            on_delete=_call("DeleteUsageLimit", known, ignore_error_codes_matching="ResourceNotFoundException"),
            role=role,
            timeout=Duration.minutes(2),
            log_group=log,
            install_latest_aws_sdk=False,
        )
        limit.node.add_dependency(role)

    def _role(self, log: logs.LogGroup) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Sets the usage limit of the warehouse while the stack is deployed",
        )
        permissions.allow(
            role,
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[log.log_group_arn],
            wildcard_reason="Lambda names a log stream per worker; the ARN of a log group ends with :*",
            rarely_used="Lambda writes the log while the stack is deployed",
        )
        permissions.allow(
            role,
            actions=[f"redshift-serverless:{verb}UsageLimit" for verb in ("Create", "Update", "Delete")],
            resources=["*"],
            wildcard_reason="Usage limits have no resource type (service authorization reference)",
            rarely_used="called while the stack is deployed",
        )
        return role


def _call(action: str, parameters: dict[str, Any], **more: Any) -> custom.AwsSdkCall:
    return custom.AwsSdkCall(service="redshift-serverless", action=action, parameters=parameters, **more)
