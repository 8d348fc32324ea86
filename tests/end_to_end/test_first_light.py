"""A partner's file travels from SFTP to reconciled tables, under enforced roles; told as one story, in order.

Each job of the state machine has its story on Glue here; what follows is DuckDB's, as are the other stories.

The first file is part of a published one (tests/real); the expected figures always come from an independent computation
over the input files.
"""

from __future__ import annotations

import csv
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from contracts import headers, model, naming
from local_cloud.session import LocalCloud
from pipeline import intake_messages
from sample_data import broken, generate
from slipway import __main__ as command_line
from slipway.acting import partner
from slipway.reading import executions, independent_count, ledgers
from tests.end_to_end.pipeline import DATASET, Pipeline, money, sha256_of

SALES_FILE = Path(__file__).parents[1] / "real" / "sales_records_500.csv"
ROWS, BROKEN = 500, 10
PATIENCE_SECONDS = 120
LANDED = naming.landing_folder("acme", DATASET)


@pytest.fixture(scope="module")
def application() -> None:
    """What the demonstration does is done here whole: the deployment synthesizes, too."""


@pytest.fixture(scope="module")
def sales_file() -> Path:
    return SALES_FILE


@pytest.fixture(scope="module")
def second_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("second")
    span = generate.Span(first=generate.FIRST_MONTH, months=2)
    generate.write_file(
        folder / "second.csv", rows=800, span=span, seed="second", first_serial=500_000
    )
    return folder / "second.csv"


def revenue_by_region(file: Path) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    header, *records = independent_count._records(file.read_text("utf-8-sig"))
    names = [headers.normalized_header(name) for name in header]
    for record in records:
        values = dict(zip(names, record, strict=True))
        totals[values["region"].strip()] += Decimal(values["totalrevenue"])
    return dict(totals)


@contextmanager
def spark_of_its_own(pipeline: Pipeline, cloud: LocalCloud) -> Iterator[None]:
    """Meanwhile each run is Spark's, and each job starts a Spark of its own, as for people."""
    cloud.control("reuse-spark/no")
    with pipeline.spark_only():
        yield
    cloud.control("reuse-spark/yes")


def test_a_real_file_is_loaded_to_the_cent(
    pipeline: Pipeline, cloud: LocalCloud, sales_file: Path
) -> None:
    with spark_of_its_own(pipeline, cloud):
        outcome = pipeline.deliver(sales_file)
    expected = independent_count.delivered([sales_file], model.load(DATASET))
    assert outcome.failed_executions == []
    (fate,) = outcome.fates
    assert (fate.status, fate.rows_loaded, fate.rows_quarantined, fate.rows_deduplicated) == (
        "loaded",
        ROWS,
        0,
        0,
    )
    ((revenue, profit),) = pipeline.ask(
        "select sum(revenue), sum(profit) from curated.sales_by_month_item"
    )
    assert money(revenue) == expected.totals["total_revenue"]
    assert money(profit) == expected.totals["total_profit"]
    found = pipeline.ask(
        "select region, sum(revenue) from curated.sales_by_region_quarter group by region"
    )
    assert {region: money(total) for region, total in found} == revenue_by_region(sales_file)
    assert (money(revenue), money(profit)) == (Decimal("636617627.72"), Decimal("190932758.44"))
    (alert,) = pipeline.new_alerts()
    assert alert.topic.lower().count("succe") == 1
    assert (
        "Forecast: 12 series in sales_by_month_item_forecast, 6 periods after 2017-" in alert.body
    )


def test_revenue_is_forecast_from_whole_months_and_what_is_naive_is_what_came_a_year_before(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    ((newest,),) = pipeline.ask("select max(order_date) from processed.sales_records")
    forecast = pipeline.ask(
        "select item_type, month_start, value, method, trained_through "
        "from curated.sales_by_month_item_forecast where actual is null order by item_type, month_start"
    )
    came = {
        (item, str(month)[:7]): money(revenue)
        for item, month, revenue in pipeline.ask(
            "select item_type, month_start, revenue from curated.sales_by_month_item"
        )
    }
    assert len(forecast) == len({item for item, _ in came}) * 6
    ((trained, *_),) = {row[4:] for row in forecast}
    assert str(trained) < str(newest)[:7] + "-01"
    naive = [row for row in forecast if row[3] == "seasonal_naive"]
    for item, month, value, *_ in naive:
        year, number = str(month)[:7].split("-")
        before = came.get((item, f"{int(year) - 1}-{number}"), Decimal(0))
        assert money(value) == before
    assert {row[3] for row in forecast} <= {"seasonal_naive", "mean", "ended"}
    assert command_line.main(["forecast", "show", "--dataset", DATASET]) == 0
    shown = capsys.readouterr().out
    assert all(item in shown for item, _ in came)


def test_the_same_content_under_another_name_changes_nothing(
    pipeline: Pipeline, sales_file: Path, tmp_path: Path
) -> None:
    before = pipeline.tables()
    renamed = tmp_path / "renamed.csv"
    renamed.write_bytes(sales_file.read_bytes())
    outcome = pipeline.deliver(renamed)
    assert [fate.status for fate in outcome.fates] == ["duplicate"]
    assert pipeline.tables() == before


def test_an_upload_of_which_no_event_tells_is_set_aside_and_accepted_by_hand(
    pipeline: Pipeline, sales_file: Path, tmp_path: Path
) -> None:
    pipeline.new_alerts()
    unheard = tmp_path / "unheard.csv"
    unheard.write_bytes(sales_file.read_bytes())
    rules = pipeline.deployment.client("events")
    (name,) = [
        rule["Name"] for rule in rules.list_rules()["Rules"] if "TransferEnded" in rule["Name"]
    ]
    rules.disable_rule(Name=name)
    try:
        pipeline.send(unheard)
    finally:
        rules.enable_rule(Name=name)
    assert status_of(pipeline, f"{LANDED}unheard.csv", "arriving", "duplicate") == "arriving"
    due = json.dumps(intake_messages.due(0))
    queue = pipeline.deployment.output("IntakeQueueUrl")
    pipeline.deployment.client("sqs").send_message(QueueUrl=queue, MessageBody=due)
    assert status_of(pipeline, f"{LANDED}unheard.csv", "incomplete", "duplicate") == "incomplete"
    (alert,) = pipeline.new_alerts()
    assert "unheard.csv (transfer_unconfirmed)" in alert.subject
    assert command_line.main(["files", "accept", "unheard.csv"]) == 0
    assert status_of(pipeline, f"{LANDED}unheard.csv", "duplicate", "rejected") == "duplicate"
    assert status_of(pipeline, f"{LANDED}unheard.csv", "replaced") == "replaced"


def test_ten_broken_rows_are_quarantined_with_ten_reasons_and_the_rest_are_the_same_keys(
    pipeline: Pipeline, sales_file: Path, tmp_path: Path
) -> None:
    before = pipeline.ask("select count(*), sum(total_revenue) from processed.sales_records")
    damaged = tmp_path / "damaged.csv"
    broken.break_rows(sales_file, damaged, BROKEN)
    outcome = pipeline.deliver(damaged)
    (fate,) = outcome.fates
    assert (fate.rows_loaded, fate.rows_quarantined, fate.rows_deduplicated) == (
        ROWS - BROKEN,
        BROKEN,
        0,
    )
    assert (
        pipeline.ask("select count(*), sum(total_revenue) from processed.sales_records") == before
    )
    refused = pipeline.ask(
        "select _source_row, array_join(rule_ids, ','), array_join(reasons, '; '), raw_text "
        f"from processed.sales_records_quarantine where _source_sha256 = '{sha256_of(damaged)}'"
    )
    assert len({row for row, *_ in refused}) == BROKEN
    assert len({rules for _, rules, *_ in refused}) == BROKEN
    assert all(reason and raw for *_, reason, raw in refused)


def test_the_command_line_shows_runs_quarantine_and_answers(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_id, *_) = pipeline.ask("select max(_run_id) from processed.sales_records_quarantine")[0]
    assert command_line.main(["runs"]) == 0
    assert run_id in capsys.readouterr().out
    assert command_line.main(["runs", "show", run_id]) == 0
    shown = capsys.readouterr().out
    assert "damaged.csv" in shown
    assert "succeeded" in shown
    assert command_line.main(["quarantine", "list", "--limit", "3"]) == 0
    assert "in quarantine, the newest 3" in capsys.readouterr().out
    assert (
        command_line.main(
            ["query", "--format", "csv", "select count(*) as n from processed.sales_records"]
        )
        == 0
    )
    assert list(csv.reader(capsys.readouterr().out.splitlines())) == [["n"], [str(ROWS)]]
    assert command_line.main(["query", "select nothing from processed.sales_records"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_a_file_that_is_no_csv_is_rejected_with_an_alert(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.new_alerts()
    picture = tmp_path / "picture.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    outcome = pipeline.deliver(picture)
    (fate,) = outcome.fates
    assert fate.status == "rejected"
    assert "byte" in fate.explanation
    (alert,) = pipeline.new_alerts()
    assert "picture.csv" in alert.body


def status_of(pipeline: Pipeline, landing_key: str, *wanted: str) -> str:
    """The newest status among those of `wanted` that a landing key has; waits for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        fates = [
            fate
            for fate in ledgers.files(pipeline.deployment, DATASET)
            if fate.landing_key == landing_key
        ]
        if found := [fate.status for fate in fates if fate.status in wanted]:
            return found[-1]
        time.sleep(0.2)
    pytest.fail(f"{landing_key} was never {' or '.join(wanted)}: {fates}")


def test_an_upload_that_breaks_off_is_set_aside_with_an_alert_and_nothing_of_it_is_loaded(
    pipeline: Pipeline, second_file: Path
) -> None:
    pipeline.new_alerts()
    before = pipeline.tables()
    known = len(list(executions.executions(pipeline.deployment)))
    content = second_file.read_bytes()
    with partner.connected(
        partner.endpoint(pipeline.deployment, user="acme", identity=None)
    ) as sftp:
        file = sftp.open(f"/{DATASET}/second.csv", "wb")
        file.write(content[: len(content) - 3])  # inside the last number
        channel = sftp.get_channel()
        assert channel
        channel.close()
    assert (
        status_of(pipeline, f"{LANDED}second.csv", "incomplete", "waiting", "loaded")
        == "incomplete"
    )
    (alert,) = pipeline.new_alerts()
    assert "1 file set aside: second.csv (transfer_ended_early)" in alert.subject
    assert pipeline.tables() == before
    assert len(list(executions.executions(pipeline.deployment))) == known


def test_a_killed_spark_fails_the_run_with_one_alert_and_the_next_run_loads_everything(
    pipeline: Pipeline, cloud: LocalCloud, second_file: Path
) -> None:
    pipeline.new_alerts()
    before = pipeline.tables()
    role = role_of_loading(pipeline)
    cloud.control(f"crash-at/{role}/s3:PutObject/1")  # its rows are cleaned, its tables as before
    with spark_of_its_own(pipeline, cloud):
        outcome = pipeline.deliver(second_file)
    (crash,) = (crash for crash in cloud.control("crashes") if crash["role"] == role)
    assert crash["killed"]
    assert len(outcome.failed_executions) == 1
    status = pipeline.deployment.client("stepfunctions").describe_execution(
        executionArn=outcome.failed_executions[0]
    )
    assert status["status"] == "FAILED"
    (alert,) = pipeline.new_alerts()
    assert "fail" in alert.topic.lower()
    assert "RawToProcessed" in alert.body
    assert pipeline.tables() == before
    assert pipeline.file(sha256_of(second_file)).status == "waiting"
    assert pipeline.start_run(sha256_of(second_file)) == "SUCCEEDED"
    ((rows,),) = pipeline.ask("select count(*) from processed.sales_records")
    assert rows == before["processed"][0][0] + 800
    assert status_of(pipeline, f"{LANDED}second.csv", "incomplete", "replaced") == "replaced"


def test_a_removed_permission_fails_the_run_with_an_alert_and_leaves_the_tables(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.new_alerts()
    before = pipeline.tables()
    third = tmp_path / "third.csv"
    generate.write_big_file(third, rows=300, seed=12, months=1)
    restore = forbid_reading_raw(pipeline)
    with pipeline.spark_only():
        outcome = pipeline.deliver(third)
    restore()
    assert len(outcome.failed_executions) == 1
    (alert,) = pipeline.new_alerts()
    assert "fail" in alert.topic.lower()
    assert "AccessDenied" in alert.body or "not authorized" in alert.body or "403" in alert.body
    assert pipeline.tables() == before
    assert pipeline.start_run(sha256_of(third)) == "SUCCEEDED"


def role_of_loading(pipeline: Pipeline) -> str:
    """The name of the role under which RawToProcessed runs."""
    job = pipeline.deployment.client("glue").get_job(
        JobName=pipeline.deployment.output("RawToProcessedJobName")
    )
    return job["Job"]["Role"].rsplit("/", 1)[-1]


def forbid_reading_raw(pipeline: Pipeline):  # noqa: ANN201 - a closure that puts the policy back
    """Take s3:GetObject on the raw bucket from the job's role, as a careless change of the stack would."""
    role = role_of_loading(pipeline)
    iam = pipeline.deployment.client("iam")
    raw = pipeline.deployment.output("RawBucketName")
    changed = {}
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        kept = [statement for statement in document["Statement"] if not _reads(statement, raw)]
        if len(kept) < len(document["Statement"]):
            changed[name] = document
            text = json.dumps({**document, "Statement": kept})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)
    assert changed, f"role {role} has no statement that reads {raw}"

    def restore() -> None:
        for name, document in changed.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    return restore


def _reads(statement: dict[str, object], bucket: str) -> bool:
    actions, resources = statement["Action"], statement["Resource"]
    actions = [actions] if isinstance(actions, str) else actions
    return "s3:GetObject" in actions and f":::{bucket}/" in json.dumps(resources)


def test_maintenance_changes_no_row(pipeline: Pipeline, cloud: LocalCloud) -> None:
    before = pipeline.tables()
    with spark_of_its_own(pipeline, cloud):
        assert command_line.main(["maintain", "--dataset", DATASET]) == 0
    assert pipeline.tables() == before
