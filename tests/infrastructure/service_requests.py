"""What AWS's services ask for in their own name, given these templates: every delivery, every role that is assumed.

One function per kind of resource that makes a service act. Sources stand with the policies in the stacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from local_cloud.adapters.access import key_use, keys
from local_cloud.adapters.access.service_calls import ASSUME, ServiceCall, from_source
from local_cloud.adapters.service_roles import TARGET_ACTIONS
from local_cloud.settings import ACCOUNT, REGION
from stacks.constructs.emr_engine import ABSENT
from tests.infrastructure.account import Account, Resource

EVENTS, CLOUDWATCH = "events.amazonaws.com", "cloudwatch.amazonaws.com"
Calls = Iterator[ServiceCall]


def calls(account: Account) -> list[ServiceCall]:
    """All of them."""
    return [
        call
        for resource_type, made_for in MADE_FOR.items()
        for resource in account.of_type(resource_type)
        for call in made_for(account, resource)
    ]


def _of_rule(_account: Account, rule: Resource) -> Calls:
    for target in rule.properties["Targets"]:
        if role := target.get("RoleArn"):
            yield from_source(EVENTS, ASSUME, role, rule.arn)
        else:
            yield from_source(
                EVENTS, TARGET_ACTIONS[target["Arn"].split(":")[2]], target["Arn"], rule.arn
            )
        if queue := target.get("DeadLetterConfig", {}).get("Arn"):
            yield from_source(EVENTS, "sqs:SendMessage", queue, rule.arn)


def _of_schedule(_account: Account, schedule: Resource) -> Calls:
    group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"
    yield from_source(
        "scheduler.amazonaws.com", ASSUME, schedule.properties["Target"]["RoleArn"], group
    )


def _of_alarm(account: Account, alarm: Resource) -> Calls:
    for topic in alarm.properties["AlarmActions"]:
        call = from_source(CLOUDWATCH, "sns:Publish", topic, alarm.arn)
        yield call
        key = account.key_of(topic)
        for use in key_use.uses("sns:Publish", key, {}) if key else []:
            yield replace(call, action=use.action, resource_arn=use.key_arn)


def _of_bucket(_account: Account, bucket: Resource) -> Calls:
    if to := bucket.properties.get("LoggingConfiguration"):
        log = f"arn:aws:s3:::{to['DestinationBucketName']}/{to['LogFilePrefix']}2026-11-28-00-00-00-0123456789ABCDEF"
        yield from_source("logging.s3.amazonaws.com", "s3:PutObject", log, bucket.arn)


def _of_log_group(account: Account, group: Resource) -> Calls:
    key = account.key_of(group.arn)
    for action in keys.LOGS_USE if key else ():
        context = (
            {f"kms:EncryptionContext:{name}": value for name, value in key.context.items()}
            if key
            else {}
        )
        yield ServiceCall(
            service=keys.LOGS, action=action, resource_arn=key.arn if key else "", context=context
        )


def _of_namespace(_account: Account, namespace: Resource) -> Calls:
    user = f"arn:aws:redshift:{REGION}:{ACCOUNT}:dbuser:serverless-{ACCOUNT}-0123/admin"
    for role in namespace.properties["IamRoles"]:
        for service in ("redshift-serverless.amazonaws.com", "redshift.amazonaws.com"):
            call = from_source(service, ASSUME, role, "")
            yield replace(call, context={**call.context, "sts:ExternalId": user})


def _of_user(_account: Account, user: Resource) -> Calls:
    arn = f"arn:aws:transfer:{REGION}:{ACCOUNT}:user/{user.properties['ServerId']}/{user.properties['UserName']}"
    yield from_source("transfer.amazonaws.com", ASSUME, user.properties["Role"], arn)


def _assuming(service: str, *path: str) -> Callable[[Account, Resource], Calls]:
    def of_resource(_account: Account, resource: Resource) -> Calls:
        value: Any = resource.properties
        for name in path:
            value = value[name]
        yield from_source(f"{service}.amazonaws.com", ASSUME, value, resource.arn)

    return of_resource


def _of_machine(account: Account, machine: Resource) -> Calls:
    """Its own role, and those that EMR Serverless and SageMaker assume for the jobs that it starts there."""
    yield from _assuming("states", "RoleArn")(account, machine)
    given = machine.properties.get("DefinitionSubstitutions", {})
    for name in ("EmrLoadRoleArn", "EmrCurateRoleArn", "EmrFeaturesRoleArn"):
        for application in account.of_type("AWS::EMRServerless::Application"):
            if given.get(name, ABSENT) != ABSENT:
                service = "emr-serverless.amazonaws.com"
                yield from_source(service, ASSUME, given[name], application.arn)
    if role := given.get("ModelRoleArn"):
        for kind in ("training-job", "transform-job", "model"):
            source = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/slipway-prod-sales-records-0"
            yield from_source("sagemaker.amazonaws.com", ASSUME, role, source)


def _of_session(_account: Account, role: Resource) -> Calls:
    """Glue assumes the role of a notebook's session, which no template has."""
    if role.place.startswith("People/SessionRole"):
        session = f"arn:aws:glue:{REGION}:{ACCOUNT}:session/slipway-prod-1"
        yield from_source("glue.amazonaws.com", ASSUME, role.arn, session)


def _of_trail(_account: Account, trail: Resource) -> Calls:
    """Looks at the bucket, puts files into it, and asks its key, each for this trail."""
    arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{trail.properties['TrailName']}"
    bucket, key = f"arn:aws:s3:::{trail.properties['S3BucketName']}", trail.properties["KMSKeyId"]
    file = f"{bucket}/AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/11/28/a.json.gz"
    for action, resource, context in (
        ("s3:GetBucketAcl", bucket, {}),
        ("s3:PutObject", file, {"s3:x-amz-acl": "bucket-owner-full-control"}),
        ("kms:GenerateDataKey", key, {"kms:EncryptionContext:aws:cloudtrail:arn": arn}),
        ("kms:DescribeKey", key, {}),
    ):
        call = from_source("cloudtrail.amazonaws.com", action, resource, arn)
        yield replace(call, context={**call.context, **context})


MADE_FOR: dict[str, Callable[[Account, Resource], Calls]] = {
    "AWS::CloudTrail::Trail": _of_trail,
    "AWS::CloudWatch::Alarm": _of_alarm,
    "AWS::EC2::FlowLog": _assuming("vpc-flow-logs", "DeliverLogsPermissionArn"),
    "AWS::Events::Rule": _of_rule,
    "AWS::Glue::Crawler": _assuming("glue", "Role"),
    "AWS::Glue::Job": _assuming("glue", "Role"),
    "AWS::IAM::Role": _of_session,
    "AWS::Lambda::Function": _assuming("lambda", "Role"),
    "AWS::Logs::LogGroup": _of_log_group,
    "AWS::QuickSight::DataSource": _assuming(
        "quicksight", "DataSourceParameters", "AthenaParameters", "RoleArn"
    ),
    "AWS::RedshiftServerless::Namespace": _of_namespace,
    "AWS::S3::Bucket": _of_bucket,
    "AWS::Scheduler::Schedule": _of_schedule,
    "AWS::StepFunctions::StateMachine": _of_machine,
    "AWS::Transfer::User": _of_user,
}
