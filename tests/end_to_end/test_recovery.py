"""What an operator types after something went wrong, and that it is over then; told as one story, in order.

Events that ended as dead letters are redriven; a run is rolled back and its file loaded again; one file is retracted;
a content that comes again in one breath with what replaces it stands in the end; a job fails and its run is retried;
the claim of a dead run is released; a run that was stopped while DynamoDB was away is given back; an execution that
could not hand over does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts import model, naming
from pipeline import intake_messages
from pipeline.ledger import FileLedger, RunLedger, file_entry
from pipeline.steps import DATASET_RUN, HAND_OVER
from sample_data.sales_rows import Span, write_file
from slipway import __main__ as command_line
from slipway.acting import dead_letters, progress
from slipway.reading import executions, ledgers
from tests.end_to_end.pipeline import DATASET, PARTNER, Pipeline, sha256_of

pytestmark = pytest.mark.push

FIRST_SERIAL = 450_000_000  # orders that no other test of the session has
POISON = "no event at all"
PATIENCE_SECONDS = 180
STUCK_RUN = "20200101T000000-0badcafe"
STUCK_FILE = "0badcafe" * 8


@dataclass(frozen=True, kw_only=True)
class Files:
    """One file per misfortune."""

    failing: Path
    undelivered: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("recovery")
    made = Files(failing=folder / "failing.csv", undelivered=folder / "undelivered.csv")
    for number, path in enumerate((made.failing, made.undelivered)):
        span = Span(first=date(2032, 1 + number, 1))
        write_file(
            path, rows=40, span=span, seed=path.name, first_serial=FIRST_SERIAL + 1000 * number
        )
    return made


@contextmanager
def curating_may_not_write(pipeline: Pipeline) -> Iterator[None]:
    """S3 takes nothing from the function that curates small batches."""
    pages = pipeline.deployment.client("lambda").get_paginator("list_functions").paginate()
    [role] = [
        function["Role"].rpartition("/")[2]
        for page in pages
        for function in page["Functions"]
        if "CurateSmallBatchFunction" in function["FunctionName"]
    ]
    with denied(pipeline, role, "s3:PutObject"):
        yield


@contextmanager
def denied(pipeline: Pipeline, role: str, action: str) -> Iterator[None]:
    """A role may not do this, whatever else its policies say."""
    iam = pipeline.deployment.client("iam")
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="Denied", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="Denied")


def newest_run(pipeline: Pipeline) -> dict[str, Any]:
    return ledgers.runs(pipeline.deployment, DATASET)[-1]


def lock(pipeline: Pipeline) -> dict[str, Any] | None:
    return RunLedger(pipeline.deployment.run_ledger).lock(DATASET)


def undelivered(pipeline: Pipeline, file: Path) -> dict[str, Any]:
    """Put a file into landing while its event is lost; the event as EventBridge would have sent it."""
    events = pipeline.deployment.client("events")
    bucket = pipeline.deployment.output("LandingBucketName")
    key = naming.landing_folder(PARTNER, model.load(DATASET).intake.folder) + file.name
    (rule,) = [
        rule["Name"] for rule in events.list_rules()["Rules"] if "FileLanded" in rule["Name"]
    ]
    events.disable_rule(Name=rule)
    try:
        put = pipeline.deployment.client("s3").put_object(
            Bucket=bucket, Key=key, Body=file.read_bytes()
        )
    finally:
        events.enable_rule(Name=rule)
    landed = {
        "key": key,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
        "sequencer": "0A",
    }
    detail = {"bucket": {"name": bucket}, "object": {**landed, "size": file.stat().st_size}}
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "id": "lost",
        "time": now,
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": detail,
    }


def test_dead_letters_are_redriven_and_a_poisoned_one_stops_nobody(
    pipeline: Pipeline, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    sqs, url = (
        pipeline.deployment.client("sqs"),
        pipeline.deployment.output("IntakeDeadLetterQueueUrl"),
    )
    event = undelivered(pipeline, files.undelivered)
    for body in (POISON, json.dumps(event)):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert command_line.main(["doctor"]) == 1
    assert "2 dead letters of intake" in capsys.readouterr().out
    watch = progress.begin(pipeline.deployment, lambda _step: None)
    assert command_line.main(["redrive"]) == 0
    assert "intake: 2 messages redriven" in capsys.readouterr().out
    key = event["detail"]["object"]["key"]
    outcome = progress.until_fates(watch, dataset=DATASET, awaited={key}, known=())
    assert outcome.failed_executions == []
    assert pipeline.file(sha256_of(files.undelivered)).status == "loaded"
    assert dead_letters.peek(pipeline.deployment, url).left == []
    sqs.purge_queue(
        QueueUrl=pipeline.deployment.output("IntakeQueueUrl")
    )  # of the poison, for who comes after


def test_a_run_is_rolled_back_and_its_file_is_loaded_when_it_is_sent_again(
    pipeline: Pipeline, files: Files, tmp_path: Path
) -> None:
    loaded = pipeline.tables()
    run, sha256 = newest_run(pipeline), sha256_of(files.undelivered)
    assert command_line.main(["runs", "rollback", run["run_id"], "--yes"]) == 0
    rollback = newest_run(pipeline)
    assert rollback["mode"] == "rollback"
    tables = pipeline.tables()
    assert tables["processed"][0][0] == loaded["processed"][0][0] - 40
    february = f"select count(*) from processed.{DATASET} where order_date >= date '2032-02-01'"
    assert pipeline.ask(february) == [(0,)]
    aside = pipeline.file(sha256)
    assert (aside.status, aside.run_id, aside.rows_loaded) == ("set_aside", None, None)
    assert command_line.main(["runs", "show", run["run_id"]]) == 0
    sent_again = tmp_path / "sent_again.csv"
    sent_again.write_bytes(files.undelivered.read_bytes())
    assert pipeline.deliver(sent_again).failed_executions == []
    assert pipeline.file(sha256).file_name == sent_again.name
    assert pipeline.file(sha256).rows_loaded == 40
    undone, stands = ledgers.one_file(pipeline.deployment, sha256, DATASET)["loads"]
    assert undone == {**stands, "run_id": run["run_id"], "rolled_back_by": rollback["run_id"]}
    assert stands["run_id"] == pipeline.file(sha256).run_id
    again = pipeline.tables()
    curated = {curated.name for curated in model.load(DATASET).curated}
    assert {name: again[name] for name in curated} == {name: loaded[name] for name in curated}
    assert again["processed"][0][:5] == loaded["processed"][0][:5]


def test_a_file_is_retracted_and_what_it_had_replaced_is_back_until_it_is_sent_again(
    pipeline: Pipeline, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, beneath = pipeline.tables(), sha256_of(files.undelivered)
    wrong = tmp_path / "wrong_channel.csv"
    text = files.undelivered.read_text(encoding="utf-8")
    wrong.write_text(text.replace(",Offline,", ",Online,"), encoding="utf-8")
    sha256, again = sha256_of(wrong), tmp_path / "sent_again_on_purpose.csv"
    again.write_bytes(wrong.read_bytes())
    for sent in (wrong, again):
        assert pipeline.deliver(sent).failed_executions == []
        assert (pipeline.file(sha256).status, pipeline.file(sha256).file_name) == (
            "loaded",
            sent.name,
        )
        assert pipeline.ask(of_file(beneath)) == [(0,)]
        capsys.readouterr()
        assert (
            command_line.main(["files", "retract", sent.name, "--reason", "channel", "--yes"]) == 0
        )
        shown = capsys.readouterr().out
        assert "has 40 rows" in shown
        assert files.undelivered.stem in shown or "sent_again.csv" in shown
        run, file = newest_run(pipeline), pipeline.file(sha256)
        assert (run["mode"], run["status"], int(run["effect"]["new"])) == (
            "retraction",
            "succeeded",
            40,
        )
        assert (file.status, file.rows_loaded) == ("retracted", None)
        assert pipeline.ask(of_file(sha256)) == [(0,)]
        assert pipeline.ask(of_file(beneath)) == [(40,)]
        now = pipeline.tables()
        curated = {curated.name for curated in model.load(DATASET).curated}
        assert {name: now[name] for name in curated} == {name: before[name] for name in curated}
        assert now["processed"][0][:5] == before["processed"][0][:5]
    [told, *_] = [alert for alert in pipeline.new_alerts() if "retraction of" in alert.subject]
    assert "40 rows and 0 refused records of it are gone, 40 rows of earlier files came back" in (
        told.body
    )


def test_a_content_that_comes_again_while_what_replaces_it_is_on_its_way_stands_in_the_end(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """A, B, A in one breath: the second A is a duplicate until B has replaced rows of the first."""
    first, second, third = (tmp_path / f"breath_{name}.csv" for name in ("1", "2", "3"))
    span = Span(first=date(2032, 4, 1))
    write_file(first, rows=40, span=span, seed="breath", first_serial=FIRST_SERIAL + 5000)
    text = first.read_text(encoding="utf-8")
    second.write_text(text.replace(",Offline,", ",Online,"), encoding="utf-8")
    third.write_text(text, encoding="utf-8")
    pipeline.new_alerts()
    failed = executions.executions(pipeline.deployment, status="FAILED")
    pipeline.send(first, second, third)
    until_loaded(pipeline, third)
    assert executions.executions(pipeline.deployment, status="FAILED") == failed
    [file, again] = sorted(fates_of(pipeline, third), key=lambda fate: fate.status)
    assert (file.status, again.status) == ("loaded", "replaced")
    assert pipeline.ask(of_file(file.sha256)) == [(40,)]
    online = f"select count(*) from processed.{DATASET} where sales_channel = 'Online' and {{}}"
    [(kept,)] = pipeline.ask(online.format(f"_source_sha256 = '{file.sha256}'"))
    assert kept == text.count(",Online,")
    assert any(
        "which came before it, was still on its way" in told.body for told in pipeline.new_alerts()
    )


def fates_of(pipeline: Pipeline, file: Path) -> list[ledgers.FileFate]:
    found = ledgers.files(pipeline.deployment, DATASET)
    return [fate for fate in found if fate.file_name == file.name]


def until_loaded(pipeline: Pipeline, file: Path) -> None:
    """Ask intake for what is due, as its schedule does every few minutes, until the file is loaded."""
    due, end = json.dumps(intake_messages.due(15)), time.monotonic() + PATIENCE_SECONDS
    queue = pipeline.deployment.output("IntakeQueueUrl")
    while not any(fate.status == "loaded" for fate in fates_of(pipeline, file)):
        assert time.monotonic() < end, fates_of(pipeline, file)
        pipeline.deployment.client("sqs").send_message(QueueUrl=queue, MessageBody=due)
        time.sleep(2)


def of_file(sha256: str) -> str:
    return f"select count(*) from processed.{DATASET} where _source_sha256 = '{sha256}'"


def test_a_failed_run_goes_on_at_the_step_that_failed(pipeline: Pipeline, files: Files) -> None:
    before = pipeline.tables()
    pipeline.new_alerts()
    with curating_may_not_write(pipeline):
        assert len(pipeline.deliver(files.failing).failed_executions) == 1
    assert pipeline.tables() == before
    (alert,) = pipeline.new_alerts()
    failed = newest_run(pipeline)
    assert f"slipway runs retry {failed['run_id']} --dataset {DATASET}" in alert.body
    assert lock(pipeline) is None
    assert command_line.main(["runs", "retry", failed["run_id"]]) == 0
    ended = newest_run(pipeline)
    assert (ended["run_id"], ended["status"]) == (failed["run_id"], "succeeded")
    entered = {step.name for step in executions.steps(pipeline.deployment, ended["execution_arn"])}
    assert {"ProcessedToCurated", "CloseRun"} < entered
    assert "RawToProcessed" not in entered
    assert pipeline.file(sha256_of(files.failing)).status == "loaded"
    assert pipeline.tables()["processed"][0][0] == before["processed"][0][0] + 40


def left_behind(
    pipeline: Pipeline, execution_arn: str, run_id: str = STUCK_RUN, sha256: str = STUCK_FILE
) -> None:
    """A claim as a run leaves it whose function and whose report of the end were both lost."""
    runs, items = (
        RunLedger(pipeline.deployment.run_ledger),
        FileLedger(pipeline.deployment.file_ledger),
    )
    moment = "2020-01-01T00:00:00.000000Z"
    item = {"dataset": DATASET, "entry": file_entry(sha256), "sha256": sha256, "status": "waiting"}
    key = f"partners/acme/{run_id}.csv"
    items.add({**item, "file_name": f"{run_id}.csv", "landing_key": key, "received_at": moment})
    assert runs.take_lock(DATASET, run_id=run_id, execution_arn=execution_arn, expires_at=2**31)
    assert runs.start(
        DATASET,
        run_id,
        trigger="operator",
        execution_arn=execution_arn,
        started_at=moment,
        contract_version=model.load(DATASET).version,
        file_hashes=[sha256],
    )
    assert items.claim(DATASET, sha256, run_id)


def test_a_claim_that_a_dead_run_left_is_released_and_its_file_waits_again(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.new_alerts()
    left_behind(pipeline, str(newest_run(pipeline)["execution_arn"]))
    assert command_line.main(["doctor"]) == 1
    assert f"slipway runs release --dataset {DATASET}" in capsys.readouterr().out
    assert command_line.main(["runs", "release", "--dataset", DATASET]) == 0
    assert lock(pipeline) is None
    assert ledgers.one_run(pipeline.deployment, STUCK_RUN, DATASET)["status"] == "failed"
    assert pipeline.file(STUCK_FILE).status == "waiting"
    (alert,) = pipeline.new_alerts()
    assert STUCK_RUN in alert.body
    assert command_line.main(["files", "set-aside", STUCK_FILE, "--reason", "it never was"]) == 0
    assert pipeline.file(STUCK_FILE).status == "set_aside"


@contextmanager
def beginning_with(pipeline: Pipeline, name: str, state: dict[str, Any]) -> Iterator[None]:
    """The deployed machine has one state more, before its first."""
    client, arn = (
        pipeline.deployment.client("stepfunctions"),
        pipeline.deployment.output("StateMachineArn"),
    )
    deployed = client.describe_state_machine(stateMachineArn=arn)["definition"]
    machine = json.loads(deployed)
    machine["States"][name] = {
        **state,
        "Default" if state["Type"] == "Choice" else "Next": machine["StartAt"],
    }
    client.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(machine | {"StartAt": name})
    )
    try:
        yield
    finally:
        client.update_state_machine(stateMachineArn=arn, definition=deployed)


@pytest.fixture
def hanging(pipeline: Pipeline) -> Iterator[None]:
    """The deployed machine waits before it does anything, so that it can be stopped."""
    with beginning_with(pipeline, "Hang", {"Type": "Wait", "Seconds": 600}):
        yield


@contextmanager
def dynamodb_away(pipeline: Pipeline, function: str) -> Iterator[None]:
    """DynamoDB refuses a function whatever it asks."""
    configuration = pipeline.deployment.client("lambda").get_function_configuration(
        FunctionName=pipeline.deployment.output(function)
    )
    with denied(pipeline, configuration["Role"].rpartition("/")[2], "dynamodb:*"):
        yield


def wait_for_dead_letter(pipeline: Pipeline, output: str) -> None:
    """A function that fails is invoked three times, the last time three seconds after the first."""
    sqs, url = pipeline.deployment.client("sqs"), pipeline.deployment.output(output)
    name = "ApproximateNumberOfMessages"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]):
            return
        time.sleep(0.5)
    pytest.fail(f"nothing came into {output} within a minute")


@pytest.mark.usefixtures("hanging")
def test_a_run_that_is_stopped_while_dynamodb_is_away_is_given_back_by_a_redrive(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.new_alerts()
    run_id, sha256 = "20200102T000000-0badcafe", "1badcafe" * 8
    arn = executions.start(pipeline.deployment, "run", {"dataset": DATASET, "trigger": "operator"})
    left_behind(pipeline, arn, run_id, sha256)
    with dynamodb_away(pipeline, "FailRunFunctionName"):
        pipeline.deployment.client("stepfunctions").stop_execution(
            executionArn=arn, cause="by an operator"
        )
        wait_for_dead_letter(pipeline, "FailRunDeadLetterQueueUrl")
    held = lock(pipeline)
    assert held
    assert held["execution_arn"] == arn
    assert pipeline.new_alerts() == []
    assert command_line.main(["doctor"]) == 1
    assert "1 dead letter of fail-run" in capsys.readouterr().out
    assert command_line.main(["redrive", "--queue", "fail-run"]) == 0
    assert lock(pipeline) is None
    assert ledgers.one_run(pipeline.deployment, run_id, DATASET)["status"] == "failed"
    assert pipeline.file(sha256).status == "waiting"
    (alert,) = pipeline.new_alerts()
    assert run_id in alert.body
    assert command_line.main(["files", "set-aside", sha256, "--reason", "it never was"]) == 0


@pytest.fixture
def short_cut(pipeline: Pipeline) -> Iterator[None]:
    """The deployed machine goes straight to HandOver when its input holds a closed run: two rounds take minutes."""
    held = {"Variable": "$.claim", "IsPresent": True, "Next": HAND_OVER.name}
    with beginning_with(pipeline, "IsRunClosed", {"Type": "Choice", "Choices": [held]}):
        yield


@contextmanager
def without_leave(pipeline: Pipeline) -> Iterator[None]:
    """The machine's role loses the policy by which it may start the machine itself."""
    iam, client = pipeline.deployment.client("iam"), pipeline.deployment.client("stepfunctions")
    arn = pipeline.deployment.output("StateMachineArn")
    role = client.describe_state_machine(stateMachineArn=arn)["roleArn"].rpartition("/")[2]
    [name] = [
        name for name in iam.list_role_policies(RoleName=role)["PolicyNames"] if "Itself" in name
    ]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def hand_over(pipeline: Pipeline, run_id: str) -> executions.Ending:
    """An execution that has closed its last run while files waited."""
    results = {step.result: {} for step in DATASET_RUN.steps if step != HAND_OVER}
    state = {**results, "claim": {"run_id": run_id}, "close": {"waiting": 1}, "serve": []}
    request = {"dataset": DATASET, "trigger": "operator"}
    arn = executions.start(
        pipeline.deployment, "run", {"dataset": DATASET, "request": request, **state}
    )
    return executions.wait(pipeline.deployment, arn, lambda _step: None)


@pytest.mark.usefixtures("short_cut")
def test_an_execution_hands_over_to_one_of_its_own_machine_and_people_are_told_when_it_cannot(
    pipeline: Pipeline,
) -> None:
    run, known = newest_run(pipeline), len(executions.executions(pipeline.deployment))
    pipeline.new_alerts()
    with without_leave(pipeline):
        assert hand_over(pipeline, run["run_id"]).status == "FAILED"
    (alert,) = pipeline.new_alerts()
    assert "next run not started (StepFunctions.AccessDeniedException)" in alert.subject
    assert f"slipway runs start --dataset {DATASET}" in alert.body
    assert newest_run(pipeline) == run
    ended = hand_over(pipeline, run["run_id"])
    started = ended.output["hand_over"]["ExecutionArn"]
    assert (ended.status, started.rpartition(":")[2]) == ("SUCCEEDED", f"after-{run['run_id']}")
    claim = executions.wait(pipeline.deployment, started, lambda _step: None).output["claim"]
    assert claim["reason"] == "no file is waiting"
    again = hand_over(pipeline, run["run_id"])
    assert (again.status, again.output["hand_over"]["Error"]) == (
        "SUCCEEDED",
        "StepFunctions.ExecutionAlreadyExistsException",
    )
    assert len(executions.executions(pipeline.deployment)) == known + 4
