"""What people's roles may do, and above all what they may not, decided by the evaluator of the embedded AWS.

tests/end_to_end/test_people.py types commands under these roles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local_cloud.adapters.access import key_use
from local_cloud.settings import ACCOUNT, REGION
from tests.infrastructure import evaluation
from tests.infrastructure.account import Account, trusted
from tests.infrastructure.evaluation import RoleRequest, key_requests, role_may
from tests.infrastructure.support import Assembly

ROLES = ("AnalystAnalysts", "AnalystFinance", "Auditor", "Notebook", "Operator", "PartnerManager")
ANY_EXECUTION = ":an-execution"
OF_USERS = (
    *("AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::Group"),
    *("AWS::IAM::UserToGroupAddition", "AWS::IAM::UserPolicy"),
)


@dataclass(frozen=True)
class Place:
    """A resource by its type and how its logical id begins, and a place below it."""

    type: str
    name: str
    below: str = ""

    def within(self, arn: str) -> str:
        """The ARN of the place, given that of the resource."""
        if self.below == ANY_EXECUTION:
            return arn.replace(":stateMachine:", ":execution:") + self.below
        return arn + self.below


def execution(machine: str) -> Place:
    return Place("AWS::StepFunctions::StateMachine", machine, ANY_EXECUTION)


def bucket(name: str, key: str = "") -> Place:
    return Place("AWS::S3::Bucket", name, f"/{key}" if key else "")


def table(name: str) -> Place:
    return Place("AWS::DynamoDB::Table", name)


def key(name: str) -> Place:
    return Place("AWS::KMS::Key", name)


def workgroup(team: str) -> str:
    return f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{team}"


RUN = Place("AWS::StepFunctions::StateMachine", "DatasetRun")
CARE = Place("AWS::StepFunctions::StateMachine", "DatasetCare")
ANNOUNCE = Place("AWS::StepFunctions::StateMachine", "Announce")
JOB = Place("AWS::StepFunctions::StateMachine", "JobRun")
WAREHOUSE_LOAD = Place("AWS::StepFunctions::StateMachine", "WarehouseLoad")
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{name}}:log-stream:a"
OWN_LOG = LOG.format(name="Slipway-Prod-Orchestration-FailRunLog0A1B")
OTHER_LOG = LOG.format(name="/aws/lambda/payroll")
SECRET = Place("AWS::SecretsManager::Secret", "PiiKey")
SENT = bucket("Landing", "partners/acme/sales_records/may.csv")
REPLAYED = bucket("Landing", "partners/slipway-replay/sales_records/may.csv")
RAW = bucket("Raw", "sales_records/ingest_date=2026-11-28/0badcafe/may.csv")
PROCESSED, CURATED = bucket("Processed", "tables/tiny/a"), bucket("Curated", "tables/tiny/a")
OWN_RESULT, OTHER_RESULT = bucket("Results", "finance/a.csv"), bucket("Results", "marketing/a.csv")
QUEUE = Place("AWS::SQS::Queue", "LandingEvents")
DEAD = Place("AWS::SQS::Queue", "FailRunDeadLetters")
PARTNER = Place("AWS::Transfer::Server", "SftpServer")
USER = f"arn:aws:transfer:{REGION}:{ACCOUNT}:user/{{server}}/acme"
FUNCTION = Place("AWS::Lambda::Function", "FailRun")
LEDGER, RUNS = table("FileLedger"), table("RunLedger")

CRAWLER = f"arn:aws:glue:{REGION}:{ACCOUNT}:crawler/slipway-prod-raw-tiny"
OTHER_CRAWLER = f"arn:aws:glue:{REGION}:{ACCOUNT}:crawler/slipway-dev-raw-tiny"
RAW_TABLE = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/slipway_prod_raw/{{table}}"

TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/slipway-prod"
OTHER_TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/payroll"

ASK, GET, PUT, DELETE = (
    "athena:StartQueryExecution",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
)
MAY: list[tuple[str, str, Place | str]] = [
    ("AnalystFinance", ASK, workgroup("slipway-prod-finance")),
    ("AnalystFinance", "athena:GetQueryResults", workgroup("slipway-prod-finance")),
    ("AnalystFinance", GET, CURATED),
    ("AnalystFinance", GET, PROCESSED),
    ("AnalystFinance", PUT, OWN_RESULT),
    ("AnalystFinance", GET, OWN_RESULT),
    ("AnalystAnalysts", ASK, workgroup("slipway-prod-analysts")),
    ("Operator", ASK, workgroup("slipway-prod-analysts")),
    ("Operator", "dynamodb:UpdateItem", LEDGER),
    ("Operator", "dynamodb:Query", RUNS),
    ("Operator", "states:StartExecution", RUN),
    ("Operator", "states:StartExecution", CARE),
    ("Operator", "states:StartExecution", WAREHOUSE_LOAD),
    ("Operator", "states:StartExecution", Place("AWS::StepFunctions::StateMachine", "WriteBack")),
    ("Operator", "states:StopExecution", execution("DatasetRun")),
    ("Operator", "states:StopExecution", execution("DatasetCare")),
    ("Operator", "states:RedriveExecution", execution("Announce")),
    ("Operator", "states:GetExecutionHistory", execution("JobRun")),
    ("Operator", "states:ListExecutions", ANNOUNCE),
    ("Operator", "sns:ListSubscriptionsByTopic", Place("AWS::SNS::Topic", "RunFailed")),
    ("Operator", "sns:Publish", Place("AWS::SNS::Topic", "Alarms")),
    ("Operator", "logs:FilterLogEvents", OWN_LOG),
    ("Operator", "sqs:SendMessage", QUEUE),
    ("Operator", "sqs:ReceiveMessage", DEAD),
    ("Operator", "lambda:InvokeFunction", FUNCTION),
    ("Operator", PUT, REPLAYED),
    ("Operator", GET, RAW),
    ("Operator", GET, SENT),
    ("Operator", GET, bucket("Processed", "runs/tiny/a/manifest.json")),
    ("Operator", "secretsmanager:GetSecretValue", SECRET),
    ("Operator", "glue:StartCrawler", CRAWLER),
    ("Operator", "glue:GetTable", RAW_TABLE.format(table="tiny")),
    ("Auditor", "dynamodb:Query", LEDGER),
    ("Auditor", GET, bucket("AccessLogs", "raw/2026-11-28-00")),
    ("Auditor", "kms:GetKeyPolicy", key("DataKey")),
    ("Auditor", "s3:GetBucketPolicy", bucket("Raw")),
    ("Auditor", "cloudtrail:LookupEvents", "*"),
    ("Auditor", "cloudtrail:GetTrail", TRAIL),
    ("Auditor", "cloudtrail:GetTrailStatus", TRAIL),
    ("Auditor", "cloudtrail:GetEventSelectors", TRAIL),
    ("Auditor", ASK, workgroup("slipway-prod-audit")),
    ("Auditor", GET, bucket("TrailLogs", "AWSLogs/000000000000/CloudTrail/a.json.gz")),
    ("Auditor", PUT, bucket("TrailLogs", "queries/a.csv")),
    ("Session", GET, RAW),
    ("Session", GET, PROCESSED),
    ("Session", GET, CURATED),
    ("Session", "glue:GetPartitions", RAW_TABLE.format(table="tiny")),
    ("PartnerManager", "transfer:ImportSshPublicKey", USER),
    ("PartnerManager", "transfer:DeleteSshPublicKey", USER),
    ("PartnerManager", "transfer:ListUsers", PARTNER),
    ("PartnerManager", "dynamodb:Query", LEDGER),
]
MAY_NOT: list[tuple[str, str, Place | str]] = [
    # a team has its own workgroup and no other, not even the one without a limit
    ("AnalystFinance", ASK, workgroup("slipway-prod-analysts")),
    ("AnalystFinance", ASK, workgroup("slipway-prod-marketing")),
    ("AnalystFinance", ASK, workgroup("primary")),
    ("AnalystAnalysts", ASK, workgroup("slipway-prod-finance")),
    ("AnalystFinance", "athena:UpdateWorkGroup", workgroup("slipway-prod-finance")),
    ("AnalystFinance", GET, OTHER_RESULT),
    ("AnalystFinance", PUT, CURATED),
    ("AnalystFinance", GET, bucket("Processed", "runs/tiny/a/manifest.json")),
    ("AnalystFinance", "dynamodb:Query", LEDGER),
    ("AnalystFinance", "states:StartExecution", RUN),
    ("AnalystFinance", "glue:UpdateTable", f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"),
    ("AnalystFinance", "glue:GetTable", RAW_TABLE.format(table="tiny")),
    ("AnalystFinance", "glue:StartCrawler", CRAWLER),
    ("Operator", "glue:UpdateTable", RAW_TABLE.format(table="tiny")),
    ("Operator", "glue:UpdateCrawler", CRAWLER),
    ("Operator", "glue:StartCrawler", OTHER_CRAWLER),
    ("Operator", ASK, workgroup("slipway-prod-finance")),
    ("Operator", "dynamodb:UpdateItem", RUNS),
    ("Operator", "dynamodb:DeleteItem", LEDGER),
    ("Operator", "dynamodb:DeleteTable", LEDGER),
    ("Operator", "states:UpdateStateMachine", RUN),
    ("Operator", "states:RedriveExecution", execution("DatasetRun")),
    ("Operator", "states:StartExecution", ANNOUNCE),
    ("Operator", "states:StartExecution", JOB),
    ("Operator", "states:StopExecution", execution("Announce")),
    ("Operator", "sns:Publish", Place("AWS::SNS::Topic", "RunFailed")),
    ("Operator", "sns:Subscribe", Place("AWS::SNS::Topic", "RunFailed")),
    ("Operator", "sqs:PurgeQueue", DEAD),
    ("Operator", "sqs:ReceiveMessage", QUEUE),
    ("Operator", "lambda:InvokeFunction", Place("AWS::Lambda::Function", "Gate")),
    ("Operator", "logs:FilterLogEvents", OTHER_LOG),
    ("Operator", "logs:DeleteLogGroup", OWN_LOG),
    ("Operator", "lambda:UpdateFunctionCode", FUNCTION),
    ("Operator", PUT, RAW),
    ("Operator", DELETE, RAW),
    ("Operator", PUT, CURATED),
    ("Operator", DELETE, PROCESSED),
    ("Operator", PUT, SENT),
    ("Operator", DELETE, SENT),
    ("Operator", "secretsmanager:PutSecretValue", SECRET),
    ("Operator", "transfer:ImportSshPublicKey", USER),
    ("Auditor", GET, CURATED),
    ("Auditor", PUT, bucket("TrailLogs", "AWSLogs/000000000000/CloudTrail/a.json.gz")),
    ("Auditor", DELETE, bucket("TrailLogs", "AWSLogs/000000000000/CloudTrail/a.json.gz")),
    ("Auditor", "cloudtrail:StopLogging", TRAIL),
    ("Auditor", "cloudtrail:PutEventSelectors", TRAIL),
    ("Auditor", "cloudtrail:GetTrail", OTHER_TRAIL),
    ("Operator", "cloudtrail:GetTrail", TRAIL),
    ("Operator", ASK, workgroup("slipway-prod-audit")),
    ("Operator", GET, bucket("TrailLogs", "AWSLogs/000000000000/CloudTrail/a.json.gz")),
    ("Auditor", ASK, workgroup("slipway-prod-analysts")),
    ("Auditor", DELETE, bucket("AccessLogs", "raw/2026-11-28-00")),
    ("Auditor", "dynamodb:UpdateItem", LEDGER),
    ("Auditor", "states:StartExecution", RUN),
    ("Auditor", "s3:PutBucketPolicy", bucket("Raw")),
    ("PartnerManager", "transfer:CreateUser", PARTNER),
    ("PartnerManager", "transfer:UpdateUser", USER),
    ("PartnerManager", "transfer:DeleteServer", PARTNER),
    ("PartnerManager", GET, SENT),
    ("PartnerManager", "dynamodb:UpdateItem", LEDGER),
    ("Session", GET, SENT),
    ("Session", GET, bucket("Processed", "runs/tiny/a/manifest.json")),
    ("Session", PUT, CURATED),
    ("Session", "glue:UpdateTable", RAW_TABLE.format(table="tiny")),
    ("Notebook", GET, CURATED),
    # what none of them may
    *((role, GET, SENT) for role in ROLES if role != "Operator"),
    *((role, DELETE, RAW) for role in ROLES),
    *((role, GET, RAW) for role in ROLES if role != "Operator"),
    *((role, "secretsmanager:GetSecretValue", SECRET) for role in ROLES if role != "Operator"),
    *((role, "kms:ScheduleKeyDeletion", key("OriginalsKey")) for role in ROLES),
    *((role, "kms:PutKeyPolicy", key("DataKey")) for role in ROLES),
    *((role, "s3:DeleteBucket", bucket("Raw")) for role in ROLES),
    *((role, "s3:DeleteObjectVersion", RAW) for role in ROLES),
    *((role, "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/any") for role in ROLES),
    *((role, "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/any") for role in ROLES),
]  # fmt: skip


@pytest.fixture(scope="module")
def account(comprehensive: Assembly) -> Account:
    return Account.of(comprehensive)


@pytest.fixture(scope="module", autouse=True)
def _evaluator() -> Iterator[None]:
    with evaluation.evaluator():
        yield


def arn_of(account: Account, place: Place | str) -> str:
    if isinstance(place, str):
        return place.replace("{server}", arn_of(account, PARTNER).rpartition("/")[2])
    [arn] = [
        each.arn
        for each in account.of_type(place.type)
        if each.place.partition("/")[2].startswith(place.name)
    ]
    return place.within(arn)


def role_of(account: Account, name: str) -> str:
    return arn_of(account, Place("AWS::IAM::Role", f"{name}Role"))


def may(account: Account, role: str, action: str, place: Place | str, **context: Any) -> bool:
    """Whether the role may, including the use of the key that the resource is encrypted with."""
    arn = arn_of(account, place)
    request = RoleRequest(
        role_arn=role_of(account, role), action=action, resource_arn=arn, context=context
    )
    policies = account.resource_policies
    return all(
        role_may(
            account,
            each,
            policy=policies.get(each.resource_arn)
            or policies.get(each.resource_arn.partition("/")[0]),
        )
        for each in (request, *key_requests(account, request))
    )


@pytest.mark.parametrize(("role", "action", "place"), MAY)
def test_a_person_may(account: Account, role: str, action: str, place: Place | str) -> None:
    assert may(account, role, action, place)


@pytest.mark.parametrize(
    ("prefix", "expected"), [("finance/", True), ("marketing/", False), ("", False)]
)
def test_a_team_lists_its_own_results_only(account: Account, prefix: str, expected: bool) -> None:
    listed = may(
        account, "AnalystFinance", "s3:ListBucket", bucket("Results"), **{"s3:prefix": prefix}
    )
    assert listed is expected


@pytest.mark.parametrize(("role", "action", "place"), MAY_NOT)
def test_a_person_may_not(account: Account, role: str, action: str, place: Place | str) -> None:
    assert not may(account, role, action, place)


def test_no_refusal_is_for_want_of_knowing_what_an_action_asks_of_a_key(account: Account) -> None:
    used = {
        (action, use.action)
        for role, action, place in (*MAY, *MAY_NOT)
        for use in key_requests(
            account,
            RoleRequest(
                role_arn=role_of(account, role),
                action=action,
                resource_arn=arn_of(account, place),
                context={},
            ),
        )
    }
    assert {action for action, use in used if use == key_use.UNKNOWN} == set()


def test_only_whom_the_settings_name_assumes_a_role(account: Account) -> None:
    principals = {
        role.place.partition("/")[2].partition("Role")[0]: sorted(
            arn.rpartition("/")[2] for arn in trusted(role)
        )
        for role in account.of_type("AWS::IAM::Role")
        if role.place.startswith("People/") and not role.place.startswith("People/SessionRole")
    }
    assert principals == {
        "AnalystAnalysts": ["AWSReservedSSO_Analysts_0a1b2c3d4e5f6071"],
        "AnalystFinance": ["finance"],
        "Auditor": ["audit"],
        "Notebook": ["data-science"],
        "Operator": ["ci", "on-call"],
        "PartnerManager": ["partner-desk"],
    }


SESSION = f"arn:aws:glue:{REGION}:{ACCOUNT}:session/slipway-prod-1"
OTHER_SESSION = f"arn:aws:glue:{REGION}:{ACCOUNT}:session/payroll-1"
ME = {"aws:userid": "AROAEXAMPLE:session"}  # as the evaluator has it
MINE = {**ME, "aws:ResourceTag/owner": ME["aws:userid"]}
TAGGED = {**ME, "aws:RequestTag/owner": ME["aws:userid"], "aws:TagKeys": ["owner"]}
THEIRS = {**ME, "aws:ResourceTag/owner": "AROAEXAMPLE:somebody-else"}


@pytest.mark.parametrize(
    ("action", "session", "context", "expected"),
    [
        ("glue:CreateSession", SESSION, TAGGED, True),
        ("glue:CreateSession", SESSION, ME, False),
        ("glue:CreateSession", OTHER_SESSION, TAGGED, False),
        ("glue:CreateSession", SESSION, {**TAGGED, "aws:RequestTag/owner": "you"}, False),
        ("glue:TagResource", SESSION, {**TAGGED, **MINE}, True),
        ("glue:TagResource", SESSION, {**TAGGED, **THEIRS}, False),
        ("glue:RunStatement", SESSION, MINE, True),
        ("glue:RunStatement", SESSION, THEIRS, False),
        ("glue:GetStatement", SESSION, THEIRS, False),
        ("glue:StopSession", SESSION, MINE, True),
        ("glue:RunStatement", OTHER_SESSION, MINE, False),
    ],
)
def test_a_session_is_tagged_with_who_opens_it_and_nobody_else_uses_it(
    account: Account, action: str, session: str, context: dict[str, Any], expected: bool
) -> None:
    assert may(account, "Notebook", action, session, **context) is expected


def test_a_session_is_given_its_one_role_and_that_to_glue_alone(account: Account) -> None:
    given = {"iam:PassedToService": "glue.amazonaws.com"}
    own = role_of(account, "Session")
    assert may(account, "Notebook", "iam:PassRole", own, **given)
    elsewhere = {"iam:PassedToService": "ec2.amazonaws.com"}
    assert not may(account, "Notebook", "iam:PassRole", own, **elsewhere)
    for other in ("Operator", "Notebook"):
        assert not may(account, "Notebook", "iam:PassRole", role_of(account, other), **given)
    (role,) = [
        each
        for each in account.of_type("AWS::IAM::Role")
        if each.place.startswith("People/SessionRole")
    ]
    (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "glue.amazonaws.com"}
    assert "aws:SourceAccount" in statement["Condition"]["StringEquals"]


def test_without_names_there_is_no_role_for_people(prod: Assembly) -> None:
    assert "People" not in prod.templates


def test_no_template_makes_a_user_or_a_key_that_lasts(
    prod: Assembly, local: Assembly, comprehensive: Assembly
) -> None:
    for assembly in (prod, local, comprehensive):
        assert [place for kind in OF_USERS for place in assembly.resources(kind)] == []
