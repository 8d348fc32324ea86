"""`slipway redrive`: every message is tried again once; none is deleted before it was sent or carried out."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.errors import PermanentError
from slipway import grammar
from slipway.acting import dead_letters
from slipway.commands import redrive
from tests.unit.slipway.conftest import DATASET, Account

ENDED = {
    "detail-type": "Step Functions Execution Status Change",
    "detail": {
        "executionArn": "a:b:run-7",
        "status": "TIMED_OUT",
        "input": json.dumps({"dataset": DATASET}),
    },
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "LONG_POLL_SECONDS", 0)
    monkeypatch.setattr(
        dead_letters, "HIDDEN_SECONDS", 0
    )  # so that a test sees at once what was left


def landed(key: str) -> dict[str, Any]:
    return {
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "landing"}, "object": {"key": key}},
    }


def put(account: Account, output: str, *bodies: Any, **attributes: str) -> None:
    for body in bodies:
        account.deployment.client("sqs").send_message(
            QueueUrl=account.url(output),
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text}
                for name, text in attributes.items()
            },
        )


def bodies(account: Account, output: str) -> list[str]:
    """What is in a queue; each message is shown by the first call only."""
    sqs, found = account.deployment.client("sqs"), []
    while batch := sqs.receive_message(QueueUrl=account.url(output), MaxNumberOfMessages=10).get(
        "Messages", []
    ):
        found += [message["Body"] for message in batch]
    return sorted(found)


def test_all_messages_of_intake_go_back_to_its_queue(account: Account, capsys: Any) -> None:
    sent = [landed(f"partners/acme/sales_records/{number}.csv") for number in range(23)]
    put(account, "IntakeDeadLetterQueueUrl", *sent, "no JSON at all")
    assert account.slipway("redrive") == 0
    assert bodies(account, "IntakeQueueUrl") == sorted([*map(json.dumps, sent), "no JSON at all"])
    assert bodies(account, "IntakeDeadLetterQueueUrl") == []
    shown = capsys.readouterr().out
    assert "intake: 24 messages redriven" in shown
    assert "file partners/acme/sales_records/22.csv" in shown
    assert "  no JSON at all" in shown


def test_a_message_that_was_not_taken_stays_and_is_told(
    account: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = account.deployment.client("sqs")
    send = sqs.send_message_batch

    def refuse_second(QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - AWS's names
        answer = send(QueueUrl=QueueUrl, Entries=[Entries[0]])
        return {
            **answer,
            "Failed": [{"Id": Entries[1]["Id"], "Code": "InternalError", "SenderFault": False}],
        }

    monkeypatch.setattr(sqs, "send_message_batch", refuse_second)
    put(account, "IntakeDeadLetterQueueUrl", landed("a"), landed("b"))
    assert account.slipway("redrive", "--queue", "intake") == 1
    (left,) = bodies(account, "IntakeDeadLetterQueueUrl")
    (taken,) = bodies(account, "IntakeQueueUrl")
    assert {left, taken} == {json.dumps(landed("a")), json.dumps(landed("b"))}
    assert "InternalError" in capsys.readouterr().out


def test_a_break_between_sending_and_deleting_loses_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_arguments: str) -> None:
        raise ClientError(
            {"Error": {"Code": "RequestThrottled", "Message": "slow down"}}, "DeleteMessage"
        )

    monkeypatch.setattr(account.deployment.client("sqs"), "delete_message", broken)
    put(account, "IntakeDeadLetterQueueUrl", landed("a"))
    assert account.slipway("redrive") == 1
    assert bodies(account, "IntakeDeadLetterQueueUrl") == [json.dumps(landed("a"))]


def test_a_poisoned_message_that_comes_back_at_once_is_tried_only_once(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS keeps a message's id when it moves it to the dead-letter queue."""
    sqs, url = account.deployment.client("sqs"), account.url("IntakeDeadLetterQueueUrl")
    ids = iter(["sent-1", *[f"never-{number}" for number in range(10)]])
    sent: list[str] = []

    def poisoned(**arguments: Any) -> dict[str, Any]:
        sent.append(arguments["Entries"][0]["MessageBody"])
        return {"Successful": [{"Id": "0", "MessageId": next(ids)}]}

    waiting = [
        [{"MessageId": name, "Body": "x", "ReceiptHandle": "r"}] for name in ("first", "sent-1")
    ]
    monkeypatch.setattr(sqs, "send_message_batch", poisoned)
    monkeypatch.setattr(
        sqs, "receive_message", lambda **_arguments: {"Messages": waiting.pop(0) if waiting else []}
    )
    monkeypatch.setattr(sqs, "delete_message", lambda **_arguments: None)
    result = dead_letters.redrive(account.deployment, "intake", url)
    assert (sent, result.done) == (["x"], ["x"])


@pytest.mark.parametrize("wrapped", [False, True])
def test_reports_of_ended_executions_go_to_fail_run_again(
    account: Account, capsys: Any, wrapped: bool
) -> None:
    put(account, "FailRunDeadLetterQueueUrl", {"requestPayload": ENDED} if wrapped else ENDED)
    assert account.slipway("redrive", "--queue", "fail-run") == 0
    assert [failure.execution_arn for failure in account.fail_run.asked] == ["a:b:run-7"]
    assert bodies(account, "FailRunDeadLetterQueueUrl") == []
    assert "execution run-7 TIMED_OUT" in capsys.readouterr().out


HOUR = {"detail-type": "Scheduled Event", "time": "2026-01-01T04:00:00Z", "detail": {}}


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("queue", "output", "event", "told"),
    [
        ("release-dataset", "ReleaseDataset", ENDED, "execution run-7 TIMED_OUT"),
        ("measure-freshness", "MeasureFreshness", HOUR, "the hour of 2026-01-01T04:00:00Z"),
        ("rest-database", "RestDatabase", {"action": "sweep"}, "a sweep of the internal database"),
    ],
)
def test_events_that_a_function_failed_to_handle_go_to_it_again(
    account: Account,
    capsys: Any,
    queue: str,
    output: str,
    event: dict[str, Any],
    told: str,
    wrapped: bool,
) -> None:
    put(account, f"{output}DeadLetterQueueUrl", {"requestPayload": event} if wrapped else event)
    assert account.slipway("redrive", "--queue", queue) == 0
    assert account.fail_run.others == [(queue, event)]
    assert bodies(account, f"{output}DeadLetterQueueUrl") == []
    assert told in capsys.readouterr().out


def test_an_event_that_its_function_fails_to_handle_again_stays(
    account: Account, capsys: Any
) -> None:
    account.fail_run.error = "throttled"
    put(account, "ReleaseDatasetDeadLetterQueueUrl", ENDED)
    assert account.slipway("redrive") == 1
    assert len(bodies(account, "ReleaseDatasetDeadLetterQueueUrl")) == 1
    assert (
        "stays: execution run-7 TIMED_OUT: ReleaseDataset failed: throttled"
        in capsys.readouterr().out
    )


def test_a_failed_job_that_nobody_was_told_of_is_published_to_the_topic_of_alarms(
    account: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[dict[str, str]] = []
    monkeypatch.setattr(
        account.deployment.client("sns"), "publish", lambda **message: published.append(message)
    )
    detail = {
        "jobName": "raw_to_processed",
        "state": "TIMEOUT",
        "message": "took too long",
        "jobRunId": "jr_1",
    }
    put(
        account,
        "FailedJobsDeadLetterQueueUrl",
        {"detail-type": "Glue Job State Change", "detail": detail},
        "{}",
    )
    assert account.slipway("redrive", "--queue", "failed-jobs") == 1
    text = "Slipway dev: job raw_to_processed ended as TIMEOUT: took too long. Its log stream begins with jr_1."
    assert published == [{"TopicArn": account.url("AlarmsTopicArn"), "Message": text}]
    assert bodies(account, "FailedJobsDeadLetterQueueUrl") == ["{}"]
    assert "job raw_to_processed TIMEOUT" in capsys.readouterr().out


def test_a_failed_job_of_emr_is_published_with_its_job_run(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[dict[str, str]] = []
    monkeypatch.setattr(
        account.deployment.client("sns"), "publish", lambda **message: published.append(message)
    )
    detail = {"jobRunId": "00abc", "applicationId": "00app", "state": "CANCELLED"}
    event = {"detail-type": "EMR Serverless Job Run State Change", "detail": detail}
    put(account, "FailedJobsDeadLetterQueueUrl", event)
    assert account.slipway("redrive", "--queue", "failed-jobs") == 0
    text = (
        "Slipway dev: job run 00abc on EMR Serverless ended as CANCELLED. Its reason and its logs are below that id in"
        " application 00app."
    )
    assert published == [{"TopicArn": account.url("AlarmsTopicArn"), "Message": text}]
    assert bodies(account, "FailedJobsDeadLetterQueueUrl") == []


def test_every_queue_can_be_chosen_and_every_choice_is_a_queue() -> None:
    assert sorted(grammar.QUEUES) == sorted([*dead_letters.QUEUES, redrive.ANNOUNCEMENTS])


def test_a_report_that_fail_run_refuses_stays_and_the_others_are_handled(
    account: Account, capsys: Any
) -> None:
    account.fail_run.error = "broken"
    put(account, "FailRunDeadLetterQueueUrl", ENDED, "[]")
    assert account.slipway("redrive") == 1
    assert len(bodies(account, "FailRunDeadLetterQueueUrl")) == 2
    shown = capsys.readouterr().out
    assert "stays: execution run-7 TIMED_OUT: FailRun failed" in shown
    assert "is not a JSON object" in shown


@pytest.mark.parametrize(
    ("body", "machine"),
    [
        ({"dataset": DATASET, "trigger": "schedule"}, "dataset-run"),
        ({"dataset": DATASET, "trigger": "schedule", "mode": "maintenance"}, "dataset-care"),
        (
            {
                "StateMachineArn": "x",
                "Input": json.dumps({"dataset": DATASET, "trigger": "schedule"}),
            },
            "dataset-run",
        ),
    ],
)
def test_executions_that_the_scheduler_could_not_start_are_started(
    account: Account, capsys: Any, body: dict[str, str], machine: str
) -> None:
    put(account, "ScheduleDeadLetterQueueUrl", body)
    assert account.slipway("redrive") == 0
    ((started, request),) = account.stepfunctions.started
    assert (started, request["dataset"], request["trigger"]) == (machine, DATASET, "schedule")
    assert bodies(account, "ScheduleDeadLetterQueueUrl") == []
    assert f"of {DATASET}" in capsys.readouterr().out


def test_a_schedule_message_without_its_input_stays(account: Account, capsys: Any) -> None:
    put(account, "ScheduleDeadLetterQueueUrl", {"dataset": DATASET}, IS_PAYLOAD_TRUNCATED="true")
    put(account, "ScheduleDeadLetterQueueUrl", {"something": "else"})
    assert account.slipway("redrive") == 1
    assert account.stepfunctions.started == []
    assert len(bodies(account, "ScheduleDeadLetterQueueUrl")) == 2
    assert "start it by hand" in capsys.readouterr().out


def test_a_plan_shows_messages_and_leaves_them_visible(account: Account, capsys: Any) -> None:
    put(account, "IntakeDeadLetterQueueUrl", landed("a"))
    assert account.slipway("redrive", "--plan") == 0
    assert "intake: 1 message waiting" in capsys.readouterr().out
    assert bodies(account, "IntakeQueueUrl") == []
    again = account.deployment.client("sqs").receive_message(
        QueueUrl=account.url("IntakeDeadLetterQueueUrl")
    )
    assert len(again["Messages"]) == 1


def test_without_schedules_there_is_no_queue_of_schedules(account: Account, capsys: Any) -> None:
    del account.deployment.outputs["ScheduleDeadLetterQueueUrl"]
    assert account.slipway("redrive") == 0
    assert "schedule" not in capsys.readouterr().out


def untold(account: Account, name: str, **attributes: str) -> None:
    arn = f"arn:announce:{name}"
    account.stepfunctions.known[arn] = {
        "status": "FAILED",
        "input": f'{{"subject": "{name}"}}',
        **attributes,
    }


def test_messages_that_could_not_be_published_are_sent_again(account: Account, capsys: Any) -> None:
    untold(account, "run failed")
    untold(account, "told", status="SUCCEEDED")
    untold(account, "may be sent already", status="TIMED_OUT")
    assert account.slipway("redrive", "--queue", "announcements") == 0
    assert account.stepfunctions.redriven == ["arn:announce:run failed"]
    assert capsys.readouterr().out == "announcements: 1 message redriven\n  run failed\n"


def test_a_message_that_is_too_old_to_be_redriven_stays_and_is_told(
    account: Account, capsys: Any
) -> None:
    untold(
        account,
        "run failed",
        redriveStatus="NOT_REDRIVABLE",
        redriveStatusReason="redrivable period exceeded",
    )
    assert account.slipway("redrive", "--queue", "announcements") == 1
    assert account.stepfunctions.redriven == []
    assert "stays: run failed: redrivable period exceeded" in capsys.readouterr().out


def test_a_plan_sends_no_message(account: Account, capsys: Any) -> None:
    untold(account, "run failed")
    assert account.slipway("redrive", "--queue", "announcements", "--plan") == 0
    assert account.stepfunctions.redriven == []
    assert "1 message waiting" in capsys.readouterr().out


def test_a_body_without_dataset_is_no_schedule() -> None:
    with pytest.raises(PermanentError, match="no dataset"):
        dead_letters._scheduled({"Body": '{"Input": "[]"}'})
