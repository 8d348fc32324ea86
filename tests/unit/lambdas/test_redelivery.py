"""A message that fails comes again within minutes, and no message is a dead letter before it had its turn."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest

from contracts import model
from lambdas.intake import handler, redelivery
from lambdas.intake.redelivery import Redelivery, delay_seconds
from lambdas.intake.service import COSTLIEST_FILE_MILLIS, FILE_NOT_TAKEN, RUN_NOT_STARTED, Intake
from tests.unit.lambdas.taking import FOLDER, Queue, Sales, intake, message

Record = dict[str, Any]

# As deployed: tests/infrastructure/test_intake.py holds the template to the same numbers.
INTAKE_TIMEOUT_SECONDS = 600
RECEIVES_BEFORE_DEAD_LETTER = 10


def test_tries_come_after_half_a_minute_and_then_less_often_up_to_five_minutes() -> None:
    waits = [delay_seconds(tries) for tries in range(1, RECEIVES_BEFORE_DEAD_LETTER + 1)]
    assert waits == [30, 60, 120, 240, 300, 300, 300, 300, 300, 300]
    assert sum(waits) == 37.5 * 60  # as docs/reference/retries.md says


def test_a_failed_message_waits_by_its_tries_and_a_good_one_of_its_batch_does_not_wait_for_it(
    account: Any, contract: model.Contract, sales: Sales, capsys: Any
) -> None:
    queue = Queue()
    good = account.upload(f"{FOLDER}/a.csv", sales())
    records = [message("odd", "?", tries=3), message("new", "?"), good]
    assert intake(account, contract, queue=queue).handle_batch(records) == ["odd", "new"]
    assert queue.hidden == {"odd": 120, "new": 30}
    assert len(account.executions()) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["tries"] for line in told if line["message"] == FILE_NOT_TAKEN] == [3, 1]


def test_the_messages_of_a_run_that_did_not_start_wait_as_failed_ones(
    account: Any, contract: model.Contract, sales: Sales, capsys: Any
) -> None:
    queue = Queue()
    broken = intake(account, contract, queue=queue)
    object.__setattr__(broken.runs, "state_machine_arn", account.machine_arn + "gone")
    record = {**account.upload(f"{FOLDER}/a.csv", sales()), "receiptHandle": "good"}
    assert broken.handle_batch([record]) == [record["messageId"]]
    assert queue.hidden == {"good": 30}
    assert RUN_NOT_STARTED in capsys.readouterr().out


def test_messages_that_there_was_no_time_for_come_again_at_once(
    account: Any, contract: model.Contract
) -> None:
    queue = Queue()
    records = [message(name, "?") for name in ("first", "late", "last")]
    left = iter([COSTLIEST_FILE_MILLIS - 1])
    answer = intake(account, contract, queue=queue).handle_batch(records, lambda: next(left))
    assert answer == ["first", "late", "last"]
    assert queue.hidden == {"first": 30, "late": 0, "last": 0}


class Costly:
    """A function's time, of which each file takes what the costliest does."""

    def __init__(self) -> None:
        self.left = INTAKE_TIMEOUT_SECONDS * 1000
        self.taken: list[str] = []

    def take(self, record: Record, _waiting: object) -> list[Record]:
        self.left -= COSTLIEST_FILE_MILLIS
        self.taken.append(record["messageId"])
        return []


@pytest.mark.parametrize("batch", [2, 5, 10])
def test_even_a_backlog_of_the_costliest_files_makes_no_dead_letter(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """New files keep coming while those that were handed back for want of time come again."""
    tries = {f"file-{number:03}": 0 for number in range(100)}
    waiting, done = list(tries), set[str]()
    while waiting:
        received, waiting = waiting[:batch], waiting[batch:]
        records = [message(name, "", tries=tries[name] + 1) for name in received]
        tries |= {name: tries[name] + 1 for name in received}
        time_of_function = Costly()
        monkeypatch.setattr(
            Intake, "_take_record", lambda _, *given, clock=time_of_function: clock.take(*given)
        )
        late = intake(account, contract).handle_batch(
            records, lambda clock=time_of_function: clock.left
        )
        done |= set(time_of_function.taken)
        waiting += (
            late  # behind what has landed meanwhile: SQS keeps no order, and this is the worst one
        )
    assert done == set(tries)
    assert max(tries.values()) < RECEIVES_BEFORE_DEAD_LETTER


@pytest.fixture
def landed(account: Any) -> tuple[Any, str]:
    """SQS, and a queue that hides its messages for an hour like the one of intake."""
    assert account
    sqs = boto3.client("sqs")
    made = sqs.create_queue(QueueName="landing-events", Attributes={"VisibilityTimeout": "3600"})
    return sqs, made["QueueUrl"]


def received(sqs: Any, url: str) -> list[Record]:
    """Messages as Lambda would give them to the function."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
    return [
        {
            "messageId": found["MessageId"],
            "receiptHandle": found["ReceiptHandle"],
            "body": found["Body"],
            "attributes": found["Attributes"],
        }
        for found in answer.get("Messages", [])
    ]


def test_a_released_message_is_received_again_although_the_queue_hides_it_for_an_hour(
    landed: tuple[Any, str],
) -> None:
    sqs, url = landed
    for number in range(10):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    records = received(sqs, url)
    assert (len(records), received(sqs, url)) == (10, [])
    Redelivery(sqs=sqs, queue_url=url).release(records)
    assert [redelivery.receives(record) for record in received(sqs, url)] == [2] * 10


def test_a_failed_message_is_received_again_after_its_delay(
    landed: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "FIRST_DELAY_SECONDS", 1)
    sqs, url = landed
    sqs.send_message(QueueUrl=url, MessageBody="?")
    Redelivery(sqs=sqs, queue_url=url).retry_later(received(sqs, url))
    assert received(sqs, url) == []
    time.sleep(1.1)
    assert len(received(sqs, url)) == 1


def test_more_messages_than_one_call_may_name_are_all_hidden() -> None:
    queue, records = Queue(), [message(str(number), "") for number in range(23)]
    Redelivery(sqs=queue, queue_url="landing-events").hide_while_running(records, 599_001)
    assert queue.hidden == {str(number): 600 + redelivery.MARGIN_SECONDS for number in range(23)}


def test_a_crash_delays_a_batch_by_what_the_function_could_still_have_run(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Context:
        @staticmethod
        def get_remaining_time_in_millis() -> int:
            return 1000 * INTAKE_TIMEOUT_SECONDS

    queue = Queue()
    service = intake(account, contract, queue=queue)
    monkeypatch.setattr(handler, "_intake", lambda: service)
    monkeypatch.setattr(Intake, "handle_batch", lambda *_: pytest.fail("ended"))
    with pytest.raises(pytest.fail.Exception):
        handler.handle({"Records": [message("crashed", "?")]}, Context())
    assert queue.hidden == {"crashed": 11 * 60}  # as docs/reference/retries.md says


@pytest.mark.parametrize("problem", ["denied", "refused"])
def test_visibility_that_cannot_be_changed_is_logged_and_the_message_is_handed_back_all_the_same(
    account: Any, contract: model.Contract, capsys: Any, problem: str
) -> None:
    service = intake(account, contract)
    url = (
        "nowhere"
        if problem == "denied"
        else boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    )
    broken = Redelivery(
        sqs=boto3.client("sqs"), queue_url=url
    )  # no such queue, or no such receipt handle
    object.__setattr__(service, "redelivery", broken)
    assert service.handle_batch([message("odd", "?")]) == ["odd"]
    assert "messages come again later than meant" in capsys.readouterr().out
