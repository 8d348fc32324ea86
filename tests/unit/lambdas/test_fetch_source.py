"""The entry point of a fetch: what the state machine sends, and what people are told when it failed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from contracts import naming
from lambdas.fetch_source import handler
from lambdas.fetch_source.messages import caught, tell
from sources import model
from sources.errors import SourceFailed
from sources.fetches import FetchLedger
from tests.source_server import TOKEN, SourceServer, by_cursor, serving
from tests.unit.lambdas.conftest import Account
from tests.unit.sources.fetching import lines, record

CONTEXT: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:source-fetch:one"
REQUEST = {"execution": EXECUTION, "request": {"trigger": "schedule"}}


@pytest.fixture
def shop(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[SourceServer]:
    """The function's environment as its stack sets it, and the API."""
    names = (("source", "HASH"), ("entry", "RANGE"))
    boto3.resource("dynamodb").create_table(
        TableName="state",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in names],
        BillingMode="PAY_PER_REQUEST",
    )
    handler._settings.cache_clear()
    with serving(by_cursor([record(1), record(2)], size=1)) as server:
        for name, value in {
            "ENVIRONMENT": "local",
            "SOURCE": "sales_api",
            "SOURCE_URL": server.url,
            "SOURCE_LEDGER": "state",
            "SOURCE_ROLE": "arn:aws:iam::123456789012:role/fetch",
            "LANDING_BUCKET": "landing",
            "ANNOUNCE_STATE_MACHINE_ARN": account.announce_arn,
        }.items():
            monkeypatch.setenv(name, value)
        yield server
    handler._settings.cache_clear()


def make_secret(value: str) -> None:
    boto3.client("secretsmanager").create_secret(Name="slipway/sales_api", SecretString=value)


@pytest.mark.usefixtures("shop")
def test_a_call_delivers_what_intake_takes(account: Account) -> None:
    make_secret(json.dumps({"token": TOKEN}))
    answer = handler.handle(REQUEST, CONTEXT)
    assert (answer["status"], answer["records"]) == ("delivered", 2)
    landed = {
        key: content.decode()
        for key, content in account.objects("landing").items()
        if key.startswith(naming.LANDING_PREFIX)
    }
    assert landed == {answer["detail"]: lines(1, 2)}


@pytest.mark.usefixtures("shop")
def test_a_secret_that_nobody_made_is_named(account: Account) -> None:
    with pytest.raises(
        SourceFailed, match=r"no secret 'slipway/sales_api' that this source may read; make it, as"
    ):
        handler.handle(REQUEST, CONTEXT)
    assert account.objects("landing") == {}


@pytest.mark.usefixtures("shop")
def test_a_failure_ends_the_fetch_and_is_told_once(account: Account) -> None:
    make_secret("{}")
    with pytest.raises(SourceFailed):
        handler.handle(REQUEST, CONTEXT)
    cause = json.dumps({"errorType": "SourceFailed", "errorMessage": "page 1: no"})
    failed = {"execution": EXECUTION, "failure": {"Error": "SourceFailed", "Cause": cause}}
    for _ in range(2):
        handler.handle(failed, CONTEXT)
    assert len(account.told_names()) == 1
    [message] = account.messages()
    assert message["subject"] == "ERROR [local] sales_records: source sales_api failed"
    assert "Cause: SourceFailed: page 1: no" in message["message"]
    assert "Once the cause is gone: slipway source run sales_api" in message["message"]
    ledger = FetchLedger(table=boto3.resource("dynamodb").Table("state"), source="sales_api")
    assert ledger.read().fetch is None
    assert [item["status"] for item in ledger.newest(5)] == ["failed"]


@pytest.mark.parametrize(
    ("cause", "detail"),
    [
        (None, "without a word"),
        ("Task timed out", "Task timed out"),
        ('{"errorMessage": "no"}', "no"),
        ("[1]", "[1]"),
    ],
)
def test_whatever_the_cause_is_it_is_told(account: Account, cause: str | None, detail: str) -> None:
    failure = caught({"execution": "e", "failure": {"Error": "E", "Cause": cause}})
    assert failure.detail == detail
    assert tell(account.announcer(), model.load("sales_api"), failure, environment="dev")


@pytest.mark.usefixtures("shop")
def test_the_bucket_of_a_source_is_read_by_the_role_of_its_function(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE", "sales_bucket")
    monkeypatch.setenv("SOURCE_URL", "s3://exports/")
    boto3.client("s3").create_bucket(Bucket="exports")
    boto3.client("s3").put_object(Bucket="exports", Key="x/a.csv", Body=b"one")
    answer = handler.handle(REQUEST, CONTEXT)
    assert (answer["status"], answer["records"]) == ("delivered", 0)
    landed = {
        key: content
        for key, content in account.objects("landing").items()
        if key.startswith(naming.LANDING_PREFIX)
    }
    assert list(landed.values()) == [b"one"]


@pytest.mark.usefixtures("account")
def test_the_bucket_of_another_account_is_read_by_the_role_that_it_gives() -> None:
    source = model.load("sales_bucket")
    assert isinstance(source, model.BucketSource)
    role = "arn:aws:iam::210987654321:role/read"
    bucket = dataclasses.replace(source.bucket, role=role, external_id="an-id")
    client = handler._s3_of(dataclasses.replace(source, bucket=bucket), "arn:me")
    assert client._request_signer._credentials.token


def test_a_failure_of_a_source_of_files_says_that_the_others_are_loaded(account: Account) -> None:
    failure = caught({"execution": "e", "failure": {"Error": "E", "Cause": "no"}})
    tell(account.announcer(), model.load("sales_bucket"), failure, environment="dev")
    [message] = account.messages()
    assert (
        "Files that were delivered are loaded as usual. The next fetch takes the others."
        in (message["message"])
    )


@pytest.mark.usefixtures("shop")
def test_a_table_is_asked_for_as_its_secret_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE", "shop_orders")
    monkeypatch.setenv("SOURCE_URL", "postgres:public.orders")
    login = {"host": "127.0.0.1", "port": 1, "dbname": "shop", "username": "u", "password": "p"}
    boto3.client("secretsmanager").create_secret(
        Name="slipway/shop_orders", SecretString=json.dumps(login)
    )
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    answer = handler.handle(REQUEST, CONTEXT)
    assert answer["status"] == "more"  # nobody is there, so it is asked again later
    monkeypatch.setenv("ENVIRONMENT", "dev")
    handler._settings.cache_clear()
    assert handler.handle(REQUEST, CONTEXT)["status"] == "more"


def test_a_failure_of_a_table_says_from_where_the_next_fetch_reads(account: Account) -> None:
    failure = caught({"execution": "e", "failure": {"Error": "E", "Cause": "no"}})
    tell(account.announcer(), model.load("shop_orders"), failure, environment="dev")
    [message] = account.messages()
    assert "The next fetch reads public.orders from where this one did." in message["message"]
