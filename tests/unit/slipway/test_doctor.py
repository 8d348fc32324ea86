"""`slipway doctor`: each thing that is stuck is found with its next command, and a sound deployment has none."""

from typing import Any

import pytest

from slipway.acting import diagnosis
from slipway.grammar import build_parser
from tests.unit.slipway.conftest import DATASET, RUN, Account


@pytest.fixture
def sound(account: Account) -> Account:
    for key in (*diagnosis.NEEDED_OUTPUTS, *diagnosis.TOPICS):
        account.deployment.outputs.setdefault(key, key)
    for topic in diagnosis.TOPICS:
        arn = account.url(topic)
        account.deployment.client("sns").subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@example.com")
    return account


def found(account: Account) -> list[str]:
    return [f"{each.problem} -> {each.next_step}" for each in diagnosis.findings(account.deployment)]


def test_a_sound_deployment_has_no_finding(sound: Account, capsys: Any) -> None:
    sound.put_run(status="failed")
    sound.put_run("20260102T000000-0000000b")
    sound.put_file("a" * 64)
    assert found(sound) == []
    assert sound.slipway("doctor") == 0
    assert "nothing is stuck" in capsys.readouterr().out


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
    sound.deployment.client("sqs").send_message(QueueUrl=sound.url("FailRunDeadLetterQueueUrl"), MessageBody="x")
    assert found(sound) == ["about 1 dead letter of fail-run -> slipway redrive --queue fail-run --plan"]


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


def test_a_subscription_that_nobody_confirmed_is_found(sound: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    pending = [{"Subscriptions": [{"SubscriptionArn": "PendingConfirmation", "Endpoint": "ops@example.com"}]}]
    paginator = type("Pages", (), {"paginate": lambda _self, **_arguments: pending})()
    monkeypatch.setattr(sound.deployment.client("sns"), "get_paginator", lambda _operation: paginator)
    assert len(found(sound)) == len(diagnosis.TOPICS)
    assert found(sound)[0].startswith("ops@example.com has not confirmed FileRejected")


def test_what_is_to_be_typed_parses(sound: Account) -> None:
    sound.lock("arn:dead")
    sound.put_file("a" * 64, status="registering")
    sound.deployment.client("sqs").send_message(QueueUrl=sound.url("IntakeDeadLetterQueueUrl"), MessageBody="x")
    for each in diagnosis.findings(sound.deployment):
        assert each.next_step.startswith("slipway ")
        build_parser().parse_args(each.next_step.split()[1:])
