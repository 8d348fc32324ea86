"""`slipway source`: which sources there are, what their fetches did, and a fetch now."""

from __future__ import annotations

import dataclasses
import json

import boto3
import pytest

from contracts import naming
from sources.fetches import Fetch, FetchLedger, FilesSeen, State, TableSeen
from sources.paging import Seen
from tests.unit.slipway.conftest import REGION, Account

MACHINE = "source-fetch"
ENDED = {"status": "delivered", "records": 1200, "detail": "partners/source-sales_api/x.csv"}


@pytest.fixture
def ledger(account: Account) -> FetchLedger:
    """The table of a deployed source."""
    names = (("source", "HASH"), ("entry", "RANGE"))
    table = boto3.resource("dynamodb", region_name=REGION).create_table(
        TableName="source-table",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in names],
        BillingMode="PAY_PER_REQUEST",
    )
    account.deployment.outputs["SourceSalesApiTableName"] = "source-table"
    account.deployment.outputs["SourceSalesApiStateMachineArn"] = MACHINE
    account.stepfunctions.carry_out = lambda _arn, _request: {"fetch": ENDED}
    return FetchLedger(table=table, source="sales_api")


def a_fetch(number: int) -> Fetch:
    return Fetch(
        fetch_id=f"20261129T02300{number}-00000000",
        execution="one",
        started_at="2026-11-29T02:30:00.000000Z",
        since="2026-11-28T00:30:00Z",
        seen=Seen(pages=3, records=1200),
        requests=4,
        size_bytes=98765,
    )


def test_a_source_that_is_described_and_not_deployed_is_listed_as_such(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account.slipway("source", "list") == 0
    listed = capsys.readouterr().out
    assert "sales_api" in listed
    assert "not fetched in this environment" in listed
    assert account.slipway("source", "show", "sales_api") == 1
    assert "add it to `sources` of config/dev.yaml" in capsys.readouterr().err


def test_what_the_last_fetches_did_is_shown_newest_first(
    account: Account, ledger: FetchLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.note(a_fetch(1), "failed", moment="2026-11-29T02:31:00Z", detail="page 1: status 403")
    ledger.note(a_fetch(2), "delivered", moment="2026-11-29T02:32:00Z", detail="partners/x.csv")
    ledger.write(State(watermark="2026-11-29T02:30:00.000000Z"))
    assert account.slipway("source", "list") == 0
    assert "delivered at 2026-11-29T02:32:00Z, 1,200 records" in capsys.readouterr().out
    assert account.slipway("source", "show", "sales_api") == 0
    shown = capsys.readouterr().out
    assert "the last fetch began at 2026-11-29T02:30:00.000000Z" in shown
    assert shown.index("partners/x.csv") < shown.index("page 1: status 403")
    assert "98,765" in shown


def test_a_fetch_is_started_and_its_end_told(
    account: Account, ledger: FetchLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.read() == State()
    assert (
        account.slipway("source", "run", "sales_api", "--since", "2026-11-01T01:00:00+01:00") == 0
    )
    [(machine, request)] = account.stepfunctions.started
    assert machine == MACHINE
    assert request == {
        "trigger": "operator",
        "source": "sales_api",
        "dataset": "sales_records",
        "since": "2026-11-01T00:00:00.000000Z",
    }
    assert "delivered: 1,200 records; partners/source-sales_api/x.csv" in capsys.readouterr().out


@pytest.mark.usefixtures("ledger")
def test_an_operator_who_has_looked_accepts_that_rows_were_deleted(account: Account) -> None:
    assert account.slipway("source", "run", "sales_api", "--accept-deleted") == 0
    [(_, request)] = account.stepfunctions.started
    assert request["accepts_deleted"] is True


@pytest.mark.usefixtures("ledger")
def test_a_failed_fetch_is_told_with_its_cause(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.stepfunctions.ends = "FAILED"
    assert account.slipway("source", "run", "sales_api") == 1
    assert "fetch failed" in capsys.readouterr().out


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "sales_api", "--since", "2026-11-01"], "has no zone; write it as in 2026-11-01T"),
        (
            ["run", "orders"],
            "no source 'orders'; known: sales_api, sales_bucket, sales_sftp, shop_orders",
        ),
        (
            ["show", "orders"],
            "no source 'orders'; known: sales_api, sales_bucket, sales_sftp, shop_orders",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    account: Account, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account.slipway("source", *arguments) == 1
    assert message in capsys.readouterr().err
    assert account.stepfunctions.started == []


def test_the_doctor_names_a_source_whose_newest_fetch_failed(
    account: Account, ledger: FetchLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "slipway source run sales_api"
    ledger.note(a_fetch(1), "failed", moment="2026-11-29T02:31:00Z", detail="page 1: status 403")
    account.slipway("doctor")
    told = " ".join(capsys.readouterr().out.split())
    assert "the newest fetch of source sales_api failed: page 1: status 403" in told
    assert command in told
    ledger.note(a_fetch(2), "delivered", moment="2026-11-29T02:32:00Z")
    account.slipway("doctor")
    assert command not in capsys.readouterr().out


@pytest.mark.usefixtures("ledger")
def test_a_start_that_the_scheduler_could_not_make_is_redriven(account: Account) -> None:
    sqs = account.deployment.client("sqs")
    url = sqs.create_queue(QueueName="SourcesDeadLetterQueue")["QueueUrl"]
    account.deployment.outputs["SourcesDeadLetterQueueUrl"] = url
    request = {"source": "sales_api", "dataset": "sales_records", "trigger": "schedule"}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(request))
    assert account.slipway("redrive", "--queue", "sources") == 0
    assert account.stepfunctions.started == [(MACHINE, request)]


def test_a_bucket_is_shown_with_its_files_and_the_role_that_its_owner_lets_in(
    account: Account, ledger: FetchLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = account.deployment.outputs
    outputs["SourceSalesBucketTableName"] = "source-table"
    outputs["SourceSalesBucketRoleArn"] = "arn:aws:iam::123456789012:role/fetch"
    files = FetchLedger(table=ledger.table, source="sales_bucket")
    fetch = dataclasses.replace(a_fetch(1), files=FilesSeen(delivered=3))
    files.note(fetch, "delivered", moment="2026-11-29T02:32:00Z", detail="3 files below partners/")
    assert account.slipway("source", "list") == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert "delivered at 2026-11-29T02:32:00Z, 3 files" in listed
    assert account.slipway("source", "show", "sales_bucket") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "lets in: arn:aws:iam::123456789012:role/fetch" in shown
    assert "delivered 3 4 98,765 3 files below partners/" in shown
    assert "pages" not in shown


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("name", ["sales_bucket", "sales_sftp"])
def test_what_a_fetch_of_files_did_is_told_without_records(
    account: Account, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    outputs = account.deployment.outputs
    outputs[naming.source_output(name, "TableName")] = "source-table"
    outputs[naming.source_output(name, "StateMachineArn")] = MACHINE
    ended = {"status": "unchanged", "records": 0, "detail": "nothing new"}
    account.stepfunctions.carry_out = lambda _arn, _request: {"fetch": ended}
    assert account.slipway("source", "run", name) == 0
    told = capsys.readouterr().out
    assert "unchanged: nothing new" in told
    assert "records" not in told


def test_a_table_is_shown_with_the_moment_that_the_next_extract_reads_from(
    account: Account, ledger: FetchLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    account.deployment.outputs["SourceShopOrdersTableName"] = "source-table"
    table = FetchLedger(table=ledger.table, source="shop_orders")
    table.write(dataclasses.replace(table.read(), watermark="2026-11-29T02:30:00.000000Z"))
    fetch = dataclasses.replace(a_fetch(1), table=TableSeen(snapshots=("863:884:863", "884:884:")))
    table.note(fetch, "delivered", moment="2026-11-29T02:32:00Z", detail="partners/x.csv")
    assert account.slipway("source", "list") == 0
    assert "postgres:public.orders" in capsys.readouterr().out
    assert account.slipway("source", "show", "shop_orders") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "the next fetch reads changes since 2026-11-29T02:30:00.000000Z, and the overlap" in shown
    )
    assert "98,765 partners/x.csv" in shown
    assert "snapshots that the last one read: 863:884:863, 884:884:" in shown
