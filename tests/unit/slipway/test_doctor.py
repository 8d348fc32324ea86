"""`slipway doctor`: what is stuck and what waits for a person is named with its next command, each as what it is."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.ledger import timestamp
from slipway.acting import decisions, diagnosis
from slipway.grammar import build_parser
from slipway.reading import lake
from tests.unit.slipway.conftest import DATASET, RUN, Account

KEY = "partners/acme/sales_records/orders.csv"
AGAIN = "slipway files judge-again"
ELSE = "  # once a corrected contract is deployed; else have it sent again"


@pytest.fixture
def sound(account: Account) -> Account:
    for key in (*diagnosis.NEEDED_OUTPUTS, *diagnosis.TOPICS):
        account.deployment.outputs.setdefault(key, key)
    for topic in diagnosis.TOPICS:
        arn = account.url(topic)
        account.deployment.client("sns").subscribe(
            TopicArn=arn, Protocol="email", Endpoint="ops@example.com"
        )
    return account


def found(account: Account) -> list[str]:
    return [
        f"{each.problem} -> {each.next_step}" for each in diagnosis.findings(account.deployment)
    ]


def waits(account: Account) -> list[str]:
    return [f"{each.problem} -> {each.next_step}" for each in decisions.waiting(account.deployment)]


def reject(account: Account, *, days_ago: float, **attributes: Any) -> None:
    received_at = timestamp(datetime.now(UTC) - timedelta(days=days_ago))
    fields = {
        "landing_key": KEY,
        "reason": "not_utf8",
        "detail": "byte 7",
        "received_at": received_at,
    }
    account.put_file("", entry=f"rejected#{received_at}", status="rejected", **fields | attributes)


def test_a_sound_deployment_has_no_finding(sound: Account, capsys: Any) -> None:
    sound.put_run(status="failed")
    sound.put_run("20260102T000000-0000000b")
    sound.put_file("a" * 64)
    assert found(sound) == []
    assert sound.slipway("doctor") == 0
    told = capsys.readouterr().out
    assert "nothing is stuck" in told
    assert "nothing waits for a person" in told


def test_a_lock_of_a_dead_execution_is_found(sound: Account) -> None:
    sound.lock("arn:dead")
    assert found(sound) == [
        f"{DATASET} is held by run {RUN}, whose execution is not running -> slipway runs release --dataset {DATASET}"
    ]


@pytest.mark.parametrize(("expires_at", "findings"), [(0, 1), (2**31, 0)])
def test_a_lock_of_a_living_execution_is_found_only_after_its_lease(
    sound: Account, expires_at: int, findings: int
) -> None:
    sound.stepfunctions.known["arn:alive"] = {"status": "RUNNING", "input": "{}"}
    sound.lock("arn:alive", expires_at=expires_at)
    assert len(found(sound)) == findings


def test_files_wait_for_nothing_unless_an_execution_of_their_dataset_runs(sound: Account) -> None:
    sound.put_file("a" * 64, status="waiting")
    assert found(sound) == [
        f"1 file of {DATASET} wait and nothing is running -> slipway runs start --dataset {DATASET}"
    ]
    sound.stepfunctions.known["arn"] = {"status": "RUNNING", "input": '{"dataset": "another"}'}
    assert len(found(sound)) == 1
    sound.stepfunctions.known["arn"] = {"status": "RUNNING", "input": f'{{"dataset": "{DATASET}"}}'}
    assert found(sound) == []


def test_a_file_that_intake_left_half_way_is_found(sound: Account) -> None:
    sound.put_file("a" * 64, status="registering")
    (finding,) = found(sound)
    assert "half registered" in finding
    assert "slipway redrive --queue intake" in finding


def test_a_newest_run_that_failed_is_found(sound: Account) -> None:
    sound.put_run(status="failed", error="States.TaskFailed")
    (finding,) = found(sound)
    assert f"slipway runs retry {RUN}" in finding


def test_dead_letters_are_found(sound: Account) -> None:
    sound.deployment.client("sqs").send_message(
        QueueUrl=sound.url("FailRunDeadLetterQueueUrl"), MessageBody="x"
    )
    assert found(sound) == [
        "about 1 dead letter of fail-run -> slipway redrive --queue fail-run --plan"
    ]


def test_messages_that_nobody_got_are_found(sound: Account) -> None:
    sound.stepfunctions.known["arn:announce:x"] = {"status": "FAILED", "input": "{}"}
    (finding,) = found(sound)
    assert finding.endswith("slipway redrive --queue announcements --plan")


def test_missing_outputs_and_topics_without_readers_are_found(sound: Account, capsys: Any) -> None:
    del sound.deployment.outputs["CareJobName"]
    sns = sound.deployment.client("sns")
    (only,) = sns.list_subscriptions_by_topic(TopicArn=sound.url("AlarmsTopicArn"))["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=only["SubscriptionArn"])
    assert found(sound) == [
        "no stack outputs CareJobName -> npx cdk deploy --all -c environment=dev",
        "nobody is subscribed to Alarms -> alerts in config/dev.yaml",
    ]
    assert sound.slipway("doctor") == 1
    assert "2 findings" in capsys.readouterr().out


def test_a_subscription_that_nobody_confirmed_is_found(
    sound: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = [
        {
            "Subscriptions": [
                {"SubscriptionArn": "PendingConfirmation", "Endpoint": "ops@example.com"}
            ]
        }
    ]
    paginator = type("Pages", (), {"paginate": lambda _self, **_arguments: pending})()
    monkeypatch.setattr(
        sound.deployment.client("sns"), "get_paginator", lambda _operation: paginator
    )
    assert len(found(sound)) == len(diagnosis.TOPICS)
    assert found(sound)[0].startswith("ops@example.com has not confirmed FileRejected")


def test_what_is_to_be_typed_parses(sound: Account) -> None:
    sound.lock("arn:dead")
    sound.put_file("a" * 64, status="registering")
    sound.deployment.client("sqs").send_message(
        QueueUrl=sound.url("IntakeDeadLetterQueueUrl"), MessageBody="x"
    )
    for each in diagnosis.findings(sound.deployment):
        assert each.next_step.startswith("slipway ")
        build_parser().parse_args(each.next_step.split()[1:])


def test_a_file_that_was_set_aside_waits_for_a_person_and_is_no_failure(
    sound: Account, capsys: Any
) -> None:
    sound.put_file("a" * 64, status="set_aside", set_aside_reason="12 of 12 rows were refused")
    told = f"orders.csv of {DATASET} is set aside: 12 of 12 rows were refused"
    assert waits(sound) == [f"{told} -> slipway files show {'a' * 12}"]
    assert found(sound) == []
    assert sound.slipway("doctor") == 0
    shown = capsys.readouterr().out
    assert "waiting for a person" in shown
    assert f"  {told}\n      next: slipway files show {'a' * 12}\n" in shown


def test_a_rejected_file_waits_until_its_name_is_delivered_again(sound: Account) -> None:
    reject(sound, days_ago=2)
    reject(
        sound,
        days_ago=1,
        dataset="unknown",
        landing_key="partners/acme/odd/x.csv",
        file_name="x.csv",
    )
    assert waits(sound) == [
        f"orders.csv of {DATASET} was rejected: not_utf8: byte 7 -> {AGAIN} {KEY}{ELSE}",
        f"x.csv of unknown was rejected: not_utf8: byte 7 -> {AGAIN} partners/acme/odd/x.csv{ELSE}",
    ]
    sound.put_file("b" * 64, landing_key=KEY, received_at=timestamp(datetime.now(UTC)))
    assert len(waits(sound)) == 1


def test_a_rejected_file_of_long_ago_or_before_an_older_good_one_is_told_by_its_own_time(
    sound: Account,
) -> None:
    sound.put_file("b" * 64, landing_key=KEY, received_at="2026-01-01T00:00:00.000000Z")
    reject(sound, days_ago=decisions.REJECTED_DAYS + 0.1)
    assert waits(sound) == []
    reject(sound, days_ago=decisions.REJECTED_DAYS - 0.1)
    assert len(waits(sound)) == 1


def test_many_files_are_counted_beyond_the_first(sound: Account) -> None:
    for number in range(decisions.MOST_NAMED + 2):
        sound.put_file(f"{number:064x}", status="set_aside", set_aside_reason="partner asked")
    listed = waits(sound)
    assert len(listed) == decisions.MOST_NAMED + 1
    assert listed[-1] == (
        f"2 more files of {DATASET} set aside -> slipway files list --status set_aside --dataset {DATASET}"
    )


def test_open_refused_records_are_counted_once_a_run_refused_some(sound: Account) -> None:
    for row, resolved in ((1, None), (2, None), (3, "a correction")):
        sound.refuse("a" * 64, row, {"order_date.type": "no date"}, resolved_by=resolved)
    sound.put_run(rows_quarantined=0)
    assert waits(sound) == []
    sound.put_run(rows_quarantined=3)
    assert waits(sound) == [
        f"2 refused records of {DATASET} in quarantine -> slipway quarantine list --dataset {DATASET}"
    ]


def test_a_lake_that_cannot_be_asked_is_told_and_hides_nothing_else(
    sound: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_deployment: object, _sql: str) -> None:
        raise lake.QueryFailed("no permission")

    sound.put_run(rows_quarantined=3)
    sound.put_file("a" * 64, status="set_aside", set_aside_reason="x")
    monkeypatch.setattr(lake, "query", refuse)
    aside, records = waits(sound)
    assert "is set aside" in aside
    assert records.startswith(
        f"refused records of {DATASET} could not be counted: no permission -> "
    )


def test_what_is_to_be_typed_for_what_waits_parses(sound: Account) -> None:
    sound.put_file("a" * 64, status="set_aside", set_aside_reason="x")
    reject(sound, days_ago=1)
    sound.put_run(rows_quarantined=1)
    sound.refuse("a" * 64, 1, {"order_date.type": "no date"})
    steps = [each.next_step for each in decisions.waiting(sound.deployment)]
    assert len(steps) == 3
    for step in steps:
        build_parser().parse_args(shlex.split(step, comments=True)[1:])
