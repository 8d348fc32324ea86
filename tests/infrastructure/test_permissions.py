"""Least privilege, read from the templates: no wildcard action, and few wildcard resources, each with its reason."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from stacks.constructs import permissions
from stacks.constructs.grantees import ManagedParts, PolicyBeside
from stacks.table_access import ICEBERG_WRITE, allow_tables
from tests.infrastructure.account import Account
from tests.infrastructure.support import (
    CONTEXT,
    Assembly,
    actions_of,
    policies,
    resources_of,
)

# Actions that AWS gives no resource type, by the service that needs them.
WITHOUT_RESOURCE = {
    "glue:GetCrawlerMetrics": "counts of tables; no source was found that it takes the ARN of a crawler",
    "cloudwatch:PutMetricData": "limited to the namespace of Glue or SageMaker by a condition",
    "xray:PutTraceSegments": "Step Functions tracing",
    "xray:PutTelemetryRecords": "Step Functions tracing",
    "xray:GetSamplingRules": "Step Functions tracing",
    "xray:GetSamplingTargets": "Step Functions tracing",
    "logs:CreateLogDelivery": "Step Functions logging",
    "logs:GetLogDelivery": "Step Functions logging",
    "logs:UpdateLogDelivery": "Step Functions logging",
    "logs:DeleteLogDelivery": "Step Functions logging",
    "logs:ListLogDeliveries": "Step Functions logging",
    "logs:PutResourcePolicy": "Step Functions logging",
    "logs:DescribeResourcePolicies": "Step Functions logging",
    "logs:DescribeLogGroups": "Step Functions logging, and the flow log",
    **dict.fromkeys(
        (
            "redshift-data:DescribeStatement",
            "redshift-data:GetStatementResult",
            "redshift-data:CancelStatement",
        ),
        "limited to the role's own statements by a condition",
    ),
    "athena:ListDataCatalogs": "an analyst in Athena's console and an author of dashboards choose one",
    "athena:ListWorkGroups": "an analyst in Athena's console and an author of dashboards choose one",
    "athena:ListEngineVersions": "Athena's console begins with these lists",
    **dict.fromkeys(
        (
            *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"),
            "cloudtrail:LookupEvents",
        ),
        "operators and auditors look at the whole account's alarms and calls",
    ),
    "redshift-serverless:CreateUsageLimit": "while the stack is deployed",
    **dict.fromkeys(
        (
            *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets"),
            *("ec2:DescribeNetworkInterfaces", "ec2:AssignPrivateIpAddresses"),
            "ec2:UnassignPrivateIpAddresses",
        ),
        "Lambda makes the interfaces of a function in a network, and checks that its role may",
    ),
    "redshift-serverless:UpdateUsageLimit": "while the stack is deployed",
    "redshift-serverless:DeleteUsageLimit": "while the stack is deployed",
    "sagemaker:ListTags": "as Step Functions documents it for jobs that it waits for",
    "ecr:GetAuthorizationToken": "SageMaker fetches AWS's image with the role of a job",
}
# Wildcards after a prefix: objects below a prefix of one bucket, streams of one log group.
PREFIXES = [
    r"<.*(Landing|Raw|Processed|Curated|Results).*>/[a-z_]+/([a-z_/]+/)?\*",
    r"<.*Processed.*>/runs/\*/(staged/|care\.json|found\.json)\*",
    r"<.*Processed.*>/runs/\*/training-\*",
    r"arn:.*:logs:.*:log-group:/aws-glue/(jobs/|crawlers|sessions)\*",
    r"arn:.*:glue:.*:session/slipway-[a-z]+-\*",
    r"arn:.*:logs:.*:log-group:/aws/sagemaker/\*",
    r"arn:.*:sagemaker:.*:(training-job|transform-job|model)/slipway-[a-z]+-\*",
    r"<\w+Log\w+\.Arn>",
    r"arn:.*:logs:.*:log-group:<EmrLog[0-9A-F]{8}>:\*",
    r"<\w*EmrApplication\w+>/jobruns/\*",
    r"arn:.*:states:.*:execution:<\w+(\.Name|Name[0-9A-F]*)>:\*",
    r"arn:.*:quicksight:.*:dataset/slipway-[a-z-]+/ingestion/\*",
    # people: this environment's stacks, logs and roles by the name of the environment, catalog tables by database
    r"arn:.*:cloudformation:.*:stack/Slipway-[A-Z][a-z]+-\*/\*",
    r"arn:.*:iam:.*:role/Slipway-[A-Z][a-z]+-\*",
    r"arn:.*:logs:.*:log-group:(Slipway-[A-Z][a-z]+-|/aws/vendedlogs/states/slipway-[a-z]+-|/aws-glue/jobs/)\*:\*",
    r"arn:.*:glue:.*:table/slipway_[a-z]+_(raw|processed|curated)/\*",
    r"arn:.*:glue:.*:crawler/slipway-[a-z]+-raw-\*",
    r"arn:.*:transfer:.*:user/<.*>/\*",
    r"<.*Landing.*>/partners/slipway-(replay|smoke)/\*",
    r"<.*Landing.*>/partners/source-[a-z0-9_]+/[a-z0-9_-]+/\*",
    r"arn:.*:dynamodb:.*:table/Slipway-[A-Z][a-z]+-Sources-\*",
    r"<.*AccessLogs.*>/\*",
    r"<.*TrailLogs.*>/(AWSLogs|queries)/\*",
    r"arn:.*:s3:::(sandbox-exports/sales|example-sales-exports/daily)/\*",  # a source: somebody else's bucket
]
LOOKS_AT_A_KEY = {"kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus"}


@pytest.fixture(params=["prod", "local", "comprehensive"])
def assembly(request: pytest.FixtureRequest) -> Assembly:
    return request.getfixturevalue(request.param)


def test_no_identity_policy_has_a_wildcard_action(assembly: Assembly) -> None:
    vague = [
        (place, action)
        for place, statement in policies(assembly)
        for action in actions_of(statement)
        if "*" in action
    ]
    assert vague == []


def test_wildcard_resources_are_prefixes_or_actions_without_resource(assembly: Assembly) -> None:
    unexplained = [
        (place, actions_of(statement), resource)
        for place, statement in policies(assembly)
        if statement["Effect"] == "Allow"
        for resource in resources_of(statement)
        if "*" in resource
        and not (resource == "*" and set(actions_of(statement)) <= set(WITHOUT_RESOURCE))
        and not any(re.fullmatch(pattern, resource) for pattern in PREFIXES)
    ]
    assert unexplained == []


def test_no_role_outgrows_what_its_own_policies_may_hold(assembly: Assembly) -> None:
    """Beyond 10,240 characters in all CDK would make a managed policy. Source: IAM user guide, "IAM quotas"."""
    sizes: Counter[str] = Counter()
    for policy in Account.of(assembly).of_type("AWS::IAM::Policy"):
        for role in policy.properties["Roles"]:
            sizes[role] += characters(policy.properties["PolicyDocument"])
    assert {role: size for role, size in sizes.items() if size > 10_240} == {}


def test_managed_policies_fit_and_only_people_have_them(assembly: Assembly) -> None:
    """6,144 characters each, ten of a role. Source: IAM user guide, "IAM and AWS STS quotas"."""
    managed = Account.of(assembly).of_type("AWS::IAM::ManagedPolicy")
    sizes = {each.place: characters(each.properties["PolicyDocument"]) for each in managed}
    assert {place: size for place, size in sizes.items() if size > 6_144} == {}
    of_roles = Counter(role for each in managed for role in each.properties["Roles"])
    assert {role: number for role, number in of_roles.items() if number > 10} == {}
    roles = {role.rpartition("-")[2].partition("Role")[0] for role in of_roles}
    assert roles == ({"Operator", "Auditor"} if "People" in assembly.templates else set())


def test_a_part_that_outgrows_a_managed_policy_goes_on_in_the_next() -> None:
    role, parts = role_in_parts()
    part = parts.part("Steering", "starts what commands start")
    machines = [
        f"arn:aws:states:eu-central-1:111122223333:stateMachine:m{n:03d}" for n in range(250)
    ]
    permissions.allow(part, actions=["states:StartExecution"], resources=machines)
    managed = Template.from_stack(cdk.Stack.of(role)).find_resources("AWS::IAM::ManagedPolicy")
    documents = [each["Properties"]["PolicyDocument"] for each in managed.values()]
    assert len(documents) == 3
    assert max(map(characters, documents)) <= 6_144
    allowed = [arn for each in documents for s in each["Statement"] for arn in resources_of(s)]
    assert sorted(allowed) == machines


def test_a_role_that_needs_more_managed_policies_than_iam_attaches_is_refused() -> None:
    _, parts = role_in_parts()
    for number in range(10):
        part = parts.part(f"Part{number}", "one of ten")
        permissions.allow(part, actions=["s3:GetObject"], resources=["arn:aws:s3:::b/k"])
    with pytest.raises(
        ValueError, match="'PersonEleventh' would be managed policy 11 of this role"
    ):
        permissions.allow(
            parts.part("Eleventh", "too many"),
            actions=["s3:GetObject"],
            resources=["arn:aws:s3:::b/k"],
        )


def role_in_parts() -> tuple[iam.Role, ManagedParts]:
    stack = cdk.Stack(cdk.App(), "S")
    role = iam.Role(stack, "PersonRole", assumed_by=iam.AccountRootPrincipal())
    return role, ManagedParts(role)


def characters(document: dict[str, Any]) -> int:
    """As IAM counts them: without white space."""
    return len(json.dumps(document, separators=(",", ":")))


def test_no_managed_policy_of_aws_is_attached(assembly: Assembly) -> None:
    attached = {
        place: role["Properties"]["ManagedPolicyArns"]
        for place, role in assembly.resources("AWS::IAM::Role").items()
        if role["Properties"].get("ManagedPolicyArns")
    }
    assert attached == {} or set(attached) == {
        "Storage/CustomS3AutoDeleteObjectsCustomResourceProviderRole3B1BD092"
    }


@pytest.mark.parametrize(
    ("resource_type", "path"),
    [
        ("AWS::Lambda::Function", "Role"),
        ("AWS::Glue::Job", "Role"),
        ("AWS::Glue::Crawler", "Role"),
        ("AWS::Transfer::User", "Role"),
        ("AWS::StepFunctions::StateMachine", "RoleArn"),
    ],
)
def test_nobody_shares_a_role(comprehensive: Assembly, resource_type: str, path: str) -> None:
    users = comprehensive.resources(resource_type)
    roles = [str(resource["Properties"][path]) for resource in users.values()]
    assert users
    assert len(set(roles)) == len(roles)


def test_keys_are_opened_through_one_service_only(comprehensive: Assembly) -> None:
    """A role that may use the data key may do so only by reading or writing S3 or DynamoDB."""
    unlimited = [
        (place, resources_of(statement))
        for place, statement in policies(comprehensive)
        if any(action.startswith("kms:") for action in actions_of(statement))
        and "kms:ViaService" not in str(statement.get("Condition"))
        and not set(actions_of(statement)) <= LOOKS_AT_A_KEY
        and not all("OperationsKey" in resource for resource in resources_of(statement))
    ]
    assert unlimited == []


def test_a_wildcard_action_cannot_be_written() -> None:
    role = iam.Role(
        cdk.Stack(cdk.App(), "S"), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
    )
    with pytest.raises(ValueError, match=r"'s3:Get\*'.*list what is needed"):
        permissions.allow(role, actions=["s3:Get*"], resources=["arn:aws:s3:::b/k"])


def test_a_policy_beside_the_default_one_is_under_the_same_rules() -> None:
    stack = cdk.Stack(cdk.App(), "S")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
    beside = PolicyBeside(role, iam.Policy(stack, "Beside", roles=[role]))
    start = ["states:StartExecution"]
    permissions.allow(
        beside, actions=start, resources=["arn:aws:states:::m"], rarely_used="only on Sundays"
    )
    with pytest.raises(ValueError, match="say why"):
        permissions.allow(beside, actions=start, resources=["arn:aws:states:::m*"])
    template = Template.from_stack(stack)
    [policy] = template.find_resources("AWS::IAM::Policy")
    [resource] = template.find_resources("AWS::IAM::Role").values()
    assert policy.startswith("Beside")
    assert resource["Metadata"][permissions.RARELY_USED] == {
        "states:StartExecution": "only on Sundays"
    }


def test_what_many_datasets_need_is_cut_into_policies_that_iam_takes() -> None:
    """Sources: IAM user guide, "IAM and STS quotas": 10,240 characters in a role, 6,144 in a managed policy."""
    app = cdk.App(context=CONTEXT)
    stack = cdk.Stack(app, "S", env=cdk.Environment(account="111122223333", region="eu-central-1"))
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("glue.amazonaws.com"))
    tables = [f"sales_records_{number:04d}_quarantine" for number in range(400)]
    allow_tables(role, "slipway_prod_processed", ICEBERG_WRITE, tables)
    resources = app.synth().get_stack_by_name("S").template["Resources"].values()
    found: dict[str, list[Any]] = {}
    for resource in resources:
        if resource["Type"] != "AWS::IAM::Role":
            found.setdefault(resource["Type"], []).append(resource["Properties"]["PolicyDocument"])
    managed = found["AWS::IAM::ManagedPolicy"]
    size = {id(one): len(json.dumps(one, separators=(",", ":"))) for one in managed}
    assert max(size.values()) <= 6_144
    allowed = {
        resource.rpartition("/")[2]
        for document in (*managed, *found["AWS::IAM::Policy"])
        for statement in document["Statement"]
        for resource in resources_of(statement)
    }
    assert set(tables) <= allowed


def test_a_wildcard_resource_needs_a_reason() -> None:
    role = iam.Role(
        cdk.Stack(cdk.App(), "S"), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")
    )
    with pytest.raises(ValueError, match="say why"):
        permissions.allow(role, actions=["s3:GetObject"], resources=["arn:aws:s3:::b/*"])


def test_the_gate_reads_and_sets_files_aside_and_nothing_else(prod: Assembly) -> None:
    actions = {
        action
        for s in prod.statements_of_role("Orchestration", "GateRole")
        for action in actions_of(s)
    }
    assert {action for action in actions if not action.startswith(("logs:", "kms:"))} == {
        *("s3:GetObject", "s3:ListBucket"),
        *("dynamodb:GetItem", "dynamodb:UpdateItem"),
    }


def test_jobs_touch_only_tables_of_contracts(comprehensive: Assembly) -> None:
    tables = {
        resource.rpartition(":table/")[2]
        for s in comprehensive.statements_of_role("Processing", "ProcessedToCuratedRole")
        for resource in resources_of(s)
        if ":table/" in resource
    }
    processed, curated = "slipway_prod_processed", "slipway_prod_curated"
    assert tables == {
        f"{processed}/sales_records",
        f"{processed}/sales_records_quarantine",
        f"{processed}/sales_records_history",
        f"{processed}/tiny",
        f"{processed}/tiny_quarantine",
        f"{processed}/tiny_history",
        f"{curated}/sales_by_region_quarter",
        f"{curated}/sales_by_month_item",
        f"{curated}/tiny_by_quarter",
    }


def test_the_first_job_cannot_write_raw_nor_reach_curated(prod: Assembly) -> None:
    for statement in prod.statements_of_role("Processing", "RawToProcessedRole"):
        resources = " ".join(resources_of(statement))
        if "Raw" in resources:
            assert set(actions_of(statement)) <= {"s3:GetObject", "s3:ListBucket"}
        assert "Curated" not in resources
        assert "slipway_prod_curated" not in resources


def test_an_action_that_an_ordinary_run_never_uses_says_why_in_the_template(prod: Assembly) -> None:
    """`make chaos` compares this with what a whole run used, role by role."""
    reasons = {
        place.partition("/")[2].rstrip("0123456789ABCDEF"): role["Metadata"][
            permissions.RARELY_USED
        ]
        for place, role in prod.resources("AWS::IAM::Role").items()
        if "Metadata" in role
    }
    assert "fails midway" in reasons["RawToProcessedRole"]["s3:AbortMultipartUpload"]
    assert "could not be delivered" in reasons["ScheduleRole"]["sqs:SendMessage"]
    assert "aborted or ran out of time" in reasons["JobRunRole"]["glue:BatchStopJobRun"]
    assert "files keep coming" in reasons["DatasetRunRole"]["states:StartExecution"]
    assert set(reasons["AnnounceRole"]) >= {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "xray:PutTraceSegments",
    }
    assert "sns:Publish" not in reasons["AnnounceRole"]


def test_reasons_name_only_actions_that_the_role_has(comprehensive: Assembly) -> None:
    for place, role in comprehensive.resources("AWS::IAM::Role").items():
        stack, _, logical_id = place.partition("/")
        granted = {
            a for s in comprehensive.statements_of_role(stack, logical_id) for a in actions_of(s)
        }
        assert set(role.get("Metadata", {}).get(permissions.RARELY_USED, {})) <= granted, place


def test_an_action_has_the_reason_of_its_role_before_the_general_one() -> None:
    stack = cdk.Stack(cdk.App(), "S")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    key = "arn:aws:kms:eu-central-1:111122223333:key/1"
    permissions.allow(role, actions=["kms:Decrypt", "sqs:SendMessage"], resources=[key])
    permissions.allow(role, actions=["kms:Decrypt"], resources=[key], rarely_used="only on Sundays")
    [resource] = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    assert resource["Metadata"][permissions.RARELY_USED] == {"kms:Decrypt": "only on Sundays"}
