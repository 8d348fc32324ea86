"""One source of each kind, from its schedule or command to the curated tables, under the roles that are deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts import model, naming
from slipway import __main__ as command_line
from slipway.reading import ledgers
from tests.end_to_end.pipeline import DATASET, Pipeline, money, until
from tests.sftp_server import PASSWORD, USER, SftpServer, cut, sftp_server
from tests.source_server import TOKEN, Asked, Reply, SourceServer, by_cursor, serving

SOURCE, SECRET = "sales_api", "slipway/sales_api"
PORT, SFTP_PORT = 8640, 8641  # config/local.yaml
FIRST_ORDER, ORDERS = 771_000_001, 250
LANDS_IN = naming.landing_folder(naming.source_partner(SOURCE), DATASET)


def order(number: int) -> dict[str, Any]:
    """One of a month that no other story has, and a country of its own."""
    return {
        "id": FIRST_ORDER + number,
        "customer": {"region": "Europe", "country": "Fetchland"},
        "item": {"type": "Snacks", "price": 152.58, "cost": 97.44},
        "channel": "Online",
        "priority": "C",
        "ordered_on": f"7/{number % 28 + 1}/2003",
        "shipped_on": "8/3/2003",
        "units": 10,
        "totals": {"revenue": 1525.8, "cost": 974.4, "profit": 551.4},
        "changed_at": "2026-11-01T00:00:00Z",
    }


@contextmanager
def shop() -> Iterator[SourceServer]:
    """The API at the address that config/local.yaml names; another checkout may have the port for a while."""
    behaviour = by_cursor([order(number) for number in range(ORDERS)], size=60)
    until(lambda: not _is_taken(), "the port of the API is free")
    with serving(behaviour, port=PORT) as server:
        yield server


def _is_taken(port: int = PORT) -> bool:
    try:
        with serving(lambda _asked: None, port=port):
            return False
    except OSError:
        return True


@pytest.fixture(scope="module")
def secret(pipeline: Pipeline) -> Iterator[Any]:
    """The secret that whoever switches the source on has to make."""
    secrets = pipeline.deployment.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=json.dumps({"token": TOKEN}))
    yield secrets
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


@contextmanager
def every_minute(pipeline: Pipeline) -> Iterator[None]:
    """The source's own schedule, which is far away in this environment."""
    scheduler = pipeline.deployment.client("scheduler")
    [own] = [
        each
        for listed in scheduler.list_schedules()["Schedules"]
        if json.loads((each := scheduler.get_schedule(Name=listed["Name"]))["Target"]["Input"]).get(
            "source"
        )
        == SOURCE
    ]
    names = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    kept = {name: own[name] for name in names}
    scheduler.update_schedule(**{**kept, "ScheduleExpression": "rate(1 minute)"})
    try:
        yield
    finally:
        scheduler.update_schedule(**kept)


def fetched(pipeline: Pipeline, lands_in: str = LANDS_IN) -> list[ledgers.FileFate]:
    return [
        fate
        for fate in ledgers.files(pipeline.deployment, DATASET)
        if fate.landing_key.startswith(lands_in)
    ]


def totals(pipeline: Pipeline, month: str = "2003-07-01") -> tuple[int, Decimal]:
    """(orders, revenue) of a month in the curated table."""
    [(orders, revenue)] = pipeline.ask(
        "select coalesce(sum(orders), 0), coalesce(sum(revenue), 0) from curated.sales_by_month_item"
        f" where month_start = date '{month}'"
    )
    return int(orders), money(revenue)


def executions(pipeline: Pipeline) -> list[str]:
    """Statuses of the fetches."""
    arn = pipeline.deployment.output(naming.source_output(SOURCE, "StateMachineArn"))
    listed = pipeline.deployment.client("stepfunctions").list_executions(stateMachineArn=arn)
    return [each["status"] for each in listed["executions"]]


@pytest.mark.usefixtures("secret")
def test_its_schedule_fetches_every_page_and_the_orders_are_in_the_curated_tables(
    pipeline: Pipeline,
) -> None:
    with shop() as server:
        server.script += [
            lambda _asked: Reply(b"", status=429, headers={"Retry-After": "1"}),
            server.always,
            lambda _asked: None,  # the connection ends without an answer
        ]
        with every_minute(pipeline):
            until(lambda: bool(executions(pipeline)), "the schedule starts a fetch")
        until(lambda: "RUNNING" not in executions(pipeline), "the fetch ends")
        asked = list(server.asked)
    assert executions(pipeline) == ["SUCCEEDED"]
    until(lambda: [f.status for f in fetched(pipeline)] == ["loaded"], "the file is loaded")
    [file] = fetched(pipeline)
    assert (file.row_count, file.rows_loaded) == (ORDERS, ORDERS)
    assert totals(pipeline) == (ORDERS, Decimal("1525.80") * ORDERS)
    assert len(asked) == 7  # five pages, one of them asked for twice, and one that was to wait
    assert {each.headers.get("authorization") for each in asked} == {f"Bearer {TOKEN}"}


@pytest.mark.usefixtures("secret")
def test_fetching_the_same_again_asks_for_what_changed_and_has_no_effect(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    before = totals(pipeline)
    with shop() as server:
        assert command_line.main(["source", "run", SOURCE]) == 0
        since = server.asked[0].parameters["changed_since"]
    assert f"delivered: {ORDERS} records; {LANDS_IN}" in capsys.readouterr().out
    assert since > "2026-01-01T00:00:00Z"  # two hours before the first fetch began
    until(lambda: len(fetched(pipeline)) == 2, "intake has taken the file")
    assert sorted(each.status for each in fetched(pipeline)) == ["duplicate", "loaded"]
    assert totals(pipeline) == before
    assert command_line.main(["source", "show", SOURCE]) == 0
    assert capsys.readouterr().out.count("delivered") == 2


@pytest.mark.usefixtures("secret")
def test_a_token_that_is_refused_is_one_message_with_the_command_to_type(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.inbox.read()
    with shop() as server:

        def refuse(_asked: Asked) -> Reply:
            return Reply({"error": "token expired"}, status=401)

        server.always = refuse
        assert command_line.main(["source", "run", SOURCE]) == 1
    told = " ".join(capsys.readouterr().out.split())  # the console folds long lines
    assert f"it refuses the credentials; renew the secret '{SECRET}'" in told
    subject = f"ERROR [local] {DATASET}: source {SOURCE} failed"
    until(lambda: subject in [a.subject for a in pipeline.new_alerts()], "people are told")
    [alert] = [a for a in pipeline.alerts if a.subject == subject]
    assert f"slipway source run {SOURCE}" in alert.body
    assert len(fetched(pipeline)) == 2


@pytest.fixture
def partners_server(pipeline: Pipeline, tmp_path: Path) -> Iterator[SftpServer]:
    """The server at the address that config/local.yaml names, with the host key that the description pins."""
    secrets, name = pipeline.deployment.client("secretsmanager"), "slipway/sales_sftp"
    secrets.create_secret(
        Name=name, SecretString=json.dumps({"username": USER, "password": PASSWORD})
    )
    until(lambda: not _is_taken(SFTP_PORT), "the port of the SFTP server is free")
    with sftp_server(tmp_path, port=SFTP_PORT) as server:
        yield server
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def file_of(month: int, *numbers: int) -> bytes:
    """Orders of a month of 2003 as another system exports them."""
    header = ",".join(column.source_name for column in model.load(DATASET).columns)
    lines = [
        f"Europe,Fetchland,Snacks,Online,C,{month}/{number % 28 + 1}/2003,{FIRST_ORDER + number},{month + 1}/3/2003,"
        "10,152.58,97.44,1525.8,974.4,551.4"
        for number in numbers
    ]
    return "\n".join([header, *lines]).encode() + b"\n"


def run_source(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `slipway source run` says in the end."""
    assert command_line.main(["source", "run", name]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_the_objects_of_another_bucket_are_taken_once_by_a_role_that_reads_one_prefix(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "sales_bucket"
    lands_in = naming.landing_folder(naming.source_partner(source), DATASET)
    s3, bucket = pipeline.deployment.client("s3"), {"Bucket": "example-sales-exports"}
    s3.create_bucket(**bucket)
    s3.put_object(**bucket, Key="daily/a.csv", Body=file_of(8, *range(1000, 1003)))
    s3.put_object(**bucket, Key="daily/b/c.csv", Body=file_of(8, *range(1003, 1005)))
    s3.put_object(**bucket, Key="elsewhere/d.csv", Body=file_of(8, 1005))
    assert f"delivered: 2 files below {lands_in}" in run_source(source, capsys)
    until(lambda: [f.status for f in fetched(pipeline, lands_in)] == ["loaded"] * 2, "loaded")
    assert totals(pipeline, "2003-08-01") == (5, Decimal("1525.80") * 5)
    assert "unchanged: nothing new" in run_source(source, capsys)
    s3.put_object(**bucket, Key="daily/a.csv", Body=file_of(8, *range(1000, 1007)))
    assert "delivered: 1 file below" in run_source(source, capsys)
    until(lambda: totals(pipeline, "2003-08-01")[0] == 7, "the new version is loaded")
    assert len(fetched(pipeline, lands_in)) == 3


def test_the_files_of_an_sftp_server_are_taken_once_although_it_breaks_off(
    pipeline: Pipeline, partners_server: SftpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "sales_sftp"
    lands_in = naming.landing_folder(naming.source_partner(source), DATASET)
    partners_server.put("a.csv", file_of(9, *range(2000, 2004)))
    partners_server.put("b.txt", "not wanted")
    partners_server.before("open", cut)
    assert f"delivered: 1 file below {lands_in}" in run_source(source, capsys)
    until(lambda: [f.status for f in fetched(pipeline, lands_in)] == ["loaded"], "loaded")
    assert totals(pipeline, "2003-09-01") == (4, Decimal("1525.80") * 4)
    assert "unchanged: nothing new" in run_source(source, capsys)
    assert partners_server.logins == 3
