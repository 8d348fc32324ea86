"""Fetched sources in the templates: nothing without one; with one, a role that reaches its own things and no others."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from contracts.errors import ContractInvalid
from stacks.application import compose
from stacks.settings import FetchedSource, load
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
from tests.infrastructure.test_assets import SHARED, asset_of_function, files_of, sources

OWN = "SourceSalesApi"


def test_without_a_source_there_is_nothing_of_them(prod: Assembly) -> None:
    assert "Sources" not in prod.templates
    assert "fetch_source" not in json.dumps(prod.templates)


def test_a_source_is_fetched_at_the_url_and_the_time_that_the_settings_say(
    comprehensive: Assembly,
) -> None:
    function = comprehensive.only("AWS::Lambda::Function", "Sources")
    variables = function["Environment"]["Variables"]
    assert variables["SOURCE_URL"] == "https://sandbox.example.com/v2/orders"
    assert (variables["SOURCE"], variables["ENVIRONMENT"]) == ("sales_api", "prod")
    schedule = comprehensive.only("AWS::Scheduler::Schedule", "Sources")
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
    app = new_app(tmp_path)
    compose(app, dataclasses.replace(given, settings=settings))
    app.synth(skip_validation=True)
    template = json.loads((tmp_path / "Slipway-Prod-Sources.template.json").read_text())
    text = json.dumps(template)
    assert "https://api.example.com/v1/orders" in text
    assert "cron(30 2 * * ? *)" in text


def test_the_role_of_a_source_reaches_its_own_things_only(comprehensive: Assembly) -> None:
    allowed = {
        (action, resource)
        for statement in comprehensive.statements_of_role("Sources", f"{OWN}FetchSourceRole")
        for action in actions_of(statement)
        for resource in resources_of(statement)
        if not action.startswith(("kms:", "logs:"))
    }
    reached = {action: set[str]() for action, _ in allowed}
    for action, resource in allowed:
        reached[action].add(resource)
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


def test_a_function_that_fetches_ships_how_to_ask_and_its_own_source(
    comprehensive: Assembly,
) -> None:
    assert files_of(asset_of_function(comprehensive, "fetch_source")) == sources(
        *SHARED,
        "lambdas/__init__.py",
        "lambdas/fetch_source/*.py",
        "sources/*.py",
        "sources/compiled/sales_api.json",
    )


def test_a_start_that_fails_is_kept_and_operators_may_look_and_start(
    comprehensive: Assembly,
) -> None:
    target = comprehensive.only("AWS::Scheduler::Schedule", "Sources")["Target"]
    assert "SourcesDeadLetters" in flat(target["DeadLetterConfig"]["Arn"])
    statements = comprehensive.statements_of_role("People", "OperatorRole")
    granted = {
        action
        for statement in statements
        if any(OWN in resource for resource in resources_of(statement))
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
