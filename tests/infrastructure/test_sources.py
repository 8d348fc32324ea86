"""Fetched sources in the templates: nothing without one; with one, a role that reaches its own things and no others."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ContractInvalid
from sources.model import BucketSource
from stacks import layers
from stacks.alerts import AlertsStack
from stacks.application import compose
from stacks.base import Blueprint
from stacks.settings import FetchedSource, load
from stacks.sources import SourcesStack
from stacks.storage import StorageStack
from tests.infrastructure.support import (
    COMPREHENSIVE,
    ROOT,
    Assembly,
    actions_of,
    blueprint,
    flat,
    new_app,
    resources_of,
)
from tests.infrastructure.test_assets import SHARED, asset_at, files_of, sources

OWN, BUCKET, TABLE, SFTP = (
    "SourceSalesApi",
    "SourceSalesBucket",
    "SourceShopOrders",
    "SourceSalesSftp",
)
PARTNERS_ROLE = "arn:aws:iam::210987654321:role/read"


def of_source(assembly: Assembly, resource_type: str, own: str = OWN) -> dict[str, Any]:
    """Properties of the one resource of a source."""
    [resource] = [
        each["Properties"]
        for name, each in assembly.resources(resource_type, "Sources").items()
        if own in name
    ]
    return dict(resource)


def test_without_a_source_there_is_nothing_of_them(prod: Assembly) -> None:
    assert "Sources" not in prod.templates
    assert "fetch_source" not in json.dumps(prod.templates)


def test_a_source_is_fetched_at_the_url_and_the_time_that_the_settings_say(
    comprehensive: Assembly,
) -> None:
    function = of_source(comprehensive, "AWS::Lambda::Function")
    variables = function["Environment"]["Variables"]
    assert variables["SOURCE_URL"] == "https://sandbox.example.com/v2/orders"
    assert (variables["SOURCE"], variables["ENVIRONMENT"]) == ("sales_api", "prod")
    schedule = of_source(comprehensive, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(6 hours)"
    assert json.loads(schedule["Target"]["Input"]) == {
        "source": "sales_api",
        "dataset": "sales_records",
        "trigger": "schedule",
    }


def test_what_is_null_in_the_settings_is_as_the_description_says(tmp_path: Path) -> None:
    given = blueprint(settings_folder=COMPREHENSIVE)
    own = {"sales_api": FetchedSource(url=None, schedule=None)}
    settings = given.settings.model_copy(update={"sources": own})
    text = json.dumps(sources_alone(tmp_path, dataclasses.replace(given, settings=settings)))
    assert "https://api.example.com/v1/orders" in text
    assert "cron(30 2 * * ? *)" in text


def sources_alone(folder: Path, given: Blueprint) -> dict[str, Any]:
    """The template of the sources, with as little else as they need."""
    app = new_app(folder)
    storage = StorageStack(app, blueprint=given)
    SourcesStack(
        app,
        blueprint=given,
        storage=storage,
        alerts=AlertsStack(app, blueprint=given, storage=storage),
    )
    app.synth(skip_validation=True)
    template = json.loads((folder / "Slipway-Prod-Sources.template.json").read_text())
    return dict(template)


def reached_by(assembly: Assembly, role: str) -> dict[str, set[str]]:
    """Resources by action, without keys and logs."""
    allowed = {
        (action, resource)
        for statement in assembly.statements_of_role("Sources", role)
        for action in actions_of(statement)
        for resource in resources_of(statement)
        if not action.startswith(("kms:", "logs:"))
    }
    reached = {action: set[str]() for action, _ in allowed}
    for action, resource in allowed:
        reached[action].add(resource)
    return reached


def test_the_role_of_a_source_reaches_its_own_things_only(comprehensive: Assembly) -> None:
    reached = reached_by(comprehensive, f"{OWN}FetchSourceRole")
    assert set(reached) == {
        *("dynamodb:GetItem", "dynamodb:PutItem", "s3:GetObject", "s3:PutObject", "s3:ListBucket"),
        *("s3:AbortMultipartUpload", "secretsmanager:GetSecretValue", "states:StartExecution"),
    }
    prefixes = ("fetching/sales_api/*", "partners/source-sales_api/sales_records/*")
    for action in ("s3:GetObject", "s3:PutObject"):
        assert {each.partition(">/")[2] for each in reached[action]} == set(prefixes)
    [secret] = reached["secretsmanager:GetSecretValue"]
    assert secret.endswith(":secret:slipway/sales_api-??????")
    [table] = reached["dynamodb:PutItem"]
    assert OWN in table
    [machine] = reached["states:StartExecution"]
    assert "Announce" in machine


def test_the_role_of_a_bucket_reads_one_prefix_of_it_and_writes_its_own_folder(
    comprehensive: Assembly,
) -> None:
    variables = of_source(comprehensive, "AWS::Lambda::Function", BUCKET)["Environment"][
        "Variables"
    ]
    assert variables["SOURCE_URL"] == "s3://sandbox-exports/sales/"
    assert BUCKET in flat(variables["SOURCE_ROLE"])
    assert (
        of_source(comprehensive, "AWS::Scheduler::Schedule", BUCKET)["ScheduleExpression"]
        == "rate(1 hour)"
    )
    reached = reached_by(comprehensive, f"{BUCKET}FetchSourceRole")
    assert set(reached) == {
        *("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "s3:GetObject"),
        *("s3:PutObject", "s3:ListBucket", "s3:AbortMultipartUpload", "states:StartExecution"),
    }
    foreign = {each for each in reached["s3:GetObject"] if "sandbox" in each}
    assert {each.partition(":s3:::")[2] for each in foreign} == {"sandbox-exports/sales/*"}
    [written] = reached["s3:PutObject"]
    assert written.endswith("/partners/source-sales_bucket/sales_records/*")
    [listed] = [
        statement["Condition"]
        for statement in comprehensive.statements_of_role("Sources", f"{BUCKET}FetchSourceRole")
        if any("sandbox" in each for each in resources_of(statement))
        and "s3:ListBucket" in actions_of(statement)
    ]
    assert listed == {"StringEquals": {"s3:prefix": "sales/"}}


def test_a_source_by_sftp_has_the_client_as_a_layer_and_reads_one_secret(
    comprehensive: Assembly, local: Assembly
) -> None:
    function = of_source(comprehensive, "AWS::Lambda::Function", SFTP)
    layer = of_source(comprehensive, "AWS::Lambda::LayerVersion", "SftpLayer")
    key = hashlib.sha256(layers.SFTP.asset_hash(ROOT).encode()).hexdigest()
    assert layer["Content"]["S3Key"] == f"{key}.zip"
    assert len(function["Layers"]) == 1
    for own in (OWN, BUCKET):
        assert "Layers" not in of_source(comprehensive, "AWS::Lambda::Function", own)
    assert "Layers" not in of_source(local, "AWS::Lambda::Function", SFTP)
    reached = reached_by(comprehensive, f"{SFTP}FetchSourceRole")
    [secret] = reached["secretsmanager:GetSecretValue"]
    assert secret.endswith(":secret:slipway/sales_sftp-??????")
    assert reached.keys() >= {"dynamodb:BatchGetItem", "s3:PutObject"}
    assert "sts:AssumeRole" not in reached


def test_the_layer_of_the_client_is_small_and_runs_on_the_processor_of_functions() -> None:
    with zipfile.ZipFile(layers.SFTP.built(ROOT)) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) < 40 * 1024 * 1024
        names = archive.namelist()
    packages = {name.split("/")[1] for name in names}
    assert {"paramiko", "cryptography", "bcrypt", "nacl", "cffi"} < packages
    assert not packages & {"invoke", "boto3"}
    machine = {name for name in names if ".so" in name}
    assert machine
    assert not any("x86_64" in name for name in machine)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        (
            {"role": PARTNERS_ROLE, "external_id": "an-id"},
            ("sts:AssumeRole", PARTNERS_ROLE, {"StringEquals": {"sts:ExternalId": "an-id"}}),
        ),
        (
            {"key": "arn:aws:kms:eu-central-1:210987654321:key/x"},
            (
                "kms:Decrypt",
                "arn:aws:kms:eu-central-1:210987654321:key/x",
                {"StringEquals": {"kms:ViaService": "s3.eu-central-1.<AWS::URLSuffix>"}},
            ),
        ),
    ],
)
def test_a_bucket_of_another_account_is_read_by_its_role_or_with_its_key(
    tmp_path: Path, changes: dict[str, str], allowed: tuple[str, str, dict[str, Any]]
) -> None:
    given = blueprint(settings_folder=COMPREHENSIVE)
    described = given.sources["sales_bucket"]
    assert isinstance(described, BucketSource)
    bucket = dataclasses.replace(described.bucket, **changes)
    own = {"sales_bucket": dataclasses.replace(described, bucket=bucket)}
    settings = {"sales_bucket": FetchedSource(url=None, schedule=None)}
    template = sources_alone(
        tmp_path,
        dataclasses.replace(
            given, sources=own, settings=given.settings.model_copy(update={"sources": settings})
        ),
    )
    statements = [
        statement
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]
    action, resource, condition = allowed
    [found] = [each for each in statements if resources_of(each) == [resource]]
    assert actions_of(found) == [action]
    assert json.loads(json.dumps(flat_values(found["Condition"]))) == condition
    read = any(
        "example-sales-exports" in part for each in statements for part in resources_of(each)
    )
    assert read is ("role" not in changes)


def flat_values(condition: dict[str, Any]) -> dict[str, Any]:
    return {
        operator: {name: flat(value) for name, value in keys.items()}
        for operator, keys in condition.items()
    }


def test_a_function_that_fetches_ships_how_to_ask_and_its_own_source(
    comprehensive: Assembly,
) -> None:
    code = of_source(comprehensive, "AWS::Lambda::Function")["Code"]
    assert files_of(asset_at(comprehensive, code)) == sources(
        *SHARED,
        "lambdas/__init__.py",
        "lambdas/fetch_source/*.py",
        "sources/*.py",
        "sources/compiled/sales_api.json",
    )


def test_a_table_is_read_from_its_network_by_a_function_with_its_library(
    comprehensive: Assembly,
) -> None:
    function = of_source(comprehensive, "AWS::Lambda::Function", TABLE)
    assert function["VpcConfig"] == {
        "SubnetIds": ["subnet-0a1b2c3d", "subnet-1a2b3c4d"],
        "SecurityGroupIds": ["sg-0a1b2c3d"],
    }
    [layer] = function["Layers"]
    assert "PostgresLayer" in flat(layer)
    assert files_of(asset_at(comprehensive, function["Code"])) == sources(
        *SHARED,
        "lambdas/__init__.py",
        "lambdas/fetch_source/*.py",
        "sources/*.py",
        "sources/database/*.py",
        "sources/compiled/shop_orders.json",
    )
    assert "Layers" not in of_source(comprehensive, "AWS::Lambda::Function")


def test_the_role_of_a_table_reads_one_secret_and_may_enter_the_network(
    comprehensive: Assembly,
) -> None:
    reached = reached_by(comprehensive, f"{TABLE}FetchSourceRole")
    interfaces = {action for action in reached if action.startswith("ec2:")}
    assert interfaces == {
        *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets"),
        *("ec2:DescribeNetworkInterfaces", "ec2:AssignPrivateIpAddresses"),
        "ec2:UnassignPrivateIpAddresses",
    }
    assert set(reached) - interfaces == {
        *("dynamodb:GetItem", "dynamodb:PutItem", "s3:GetObject", "s3:PutObject", "s3:ListBucket"),
        *("s3:AbortMultipartUpload", "secretsmanager:GetSecretValue", "states:StartExecution"),
    }
    [secret] = reached["secretsmanager:GetSecretValue"]
    assert secret.endswith(":secret:slipway/shop_orders-??????")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("sales_api", {"network": True}, r"sources\.sales_api\.network: only a source that is a table"),
        ("shop_orders", {"url": "https://x.example.com/"}, "source 'shop_orders' cannot be at 'https"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_kind_of_a_source_is_refused(
    tmp_path: Path, name: str, changes: dict[str, Any], message: str
) -> None:
    given = blueprint(settings_folder=COMPREHENSIVE)
    if "network" in changes:
        changes = {"network": given.settings.sources["shop_orders"].network}
    own = {name: FetchedSource(**{"url": None, "schedule": None, **changes})}
    settings = given.settings.model_copy(update={"sources": own})
    with pytest.raises(ContractInvalid, match=message):
        sources_alone(tmp_path, dataclasses.replace(given, settings=settings))


def test_a_start_that_fails_is_kept_and_operators_may_look_and_start(
    comprehensive: Assembly,
) -> None:
    target = of_source(comprehensive, "AWS::Scheduler::Schedule")["Target"]
    assert "SourcesDeadLetters" in flat(target["DeadLetterConfig"]["Arn"])
    statements = comprehensive.statements_of_role("People", "OperatorRole")
    granted = {
        action
        for statement in statements
        if any(
            OWN in each or "table/Slipway-Prod-Sources-*" in each
            for each in resources_of(statement)
        )
        for action in actions_of(statement)
    }
    assert granted >= {"states:StartExecution", "states:DescribeExecution", "dynamodb:Query"}
    assert "dynamodb:PutItem" not in granted


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "https://sandbox.example.com/v2/orders",
            "http://sandbox.example.com/v2/orders",
            r"sources\.sales_api\.url: found 'http://sandbox.*; expected https",
        ),
        (
            "https://sandbox",
            "https://me:pw@sandbox",
            r"sources\.sales_api\.url: .*found 'https://me",
        ),
        ("rate(6 hours)", "daily", r"sources\.sales_api\.schedule: .*found 'daily'"),
        ("name: globex", "name: source-globex", r"users\.1\.name: is reserved: names that begin"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (COMPREHENSIVE / "prod.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "prod.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ContractInvalid, match=message):
        load(tmp_path, "prod")


def test_a_source_that_nobody_describes_is_refused(tmp_path: Path) -> None:
    given = blueprint(settings_folder=ROOT / "config", environment="dev")
    own = {"shop": FetchedSource(url=None, schedule=None)}
    settings = given.settings.model_copy(update={"sources": own})
    with pytest.raises(
        ContractInvalid, match=r"sources: 'shop' is described by no file .*sales_api"
    ):
        compose(new_app(tmp_path), dataclasses.replace(given, settings=settings))
