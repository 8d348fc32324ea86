"""What makes each alarm fire, and what ends it: by its name in the templates, a cause in the deployed application.

A cause acts where it is cheap: machines end as they are told, queues get a message, functions an input that they cannot
take. What is counted is counted by the component itself, and no state of an alarm and no metric is set by hand.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import paramiko
from botocore.config import Config

from local_cloud.session import LocalCloud
from pipeline.ledger import timestamp
from slipway.deployment import Deployment

MINUTE = 60
HOUR = 60 * MINUTE
PATIENCE_SECONDS = 30
ENDS = {
    "Failed": {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}},
    "TimedOut": {
        "StartAt": "W",
        "TimeoutSeconds": 1,
        "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}},
    },
    "Aborted": {
        "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}},
    },
}
ENDED = {"Failed": "FAILED", "TimedOut": "TIMED_OUT", "Aborted": "ABORTED"}
NONSENSE = "no event of anything"
LOST = "InvocationsFailedToBeSentToDlq"
NOBODY = "arn:aws:lambda:us-east-1:000000000000:function:nobody-"
RULE = re.compile(r"Slipway-[A-Za-z]+-([A-Za-z]+)-([A-Za-z]+)[0-9A-F]{8}-")


@dataclass(frozen=True)
class Stage:
    """The deployed application, and the clock of its alarms."""

    deployment: Deployment
    cloud: LocalCloud
    changes: list[dict[str, Any]] = field(default_factory=list)  # of alarms, the oldest first

    def client(self, service: str) -> Any:
        return self.deployment.client(service)

    def output(self, key: str) -> str:
        return self.deployment.output(key)

    def wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until():
            assert time.monotonic() < deadline, "what was caused did not come"
            time.sleep(0.1)

    def pass_time(self, seconds: int) -> None:
        self.changes.extend(self.cloud.control(f"pass-time/{seconds}"))

    def counted(self, namespace: str, metric: str, **dimensions: str) -> float:
        """The sum of a metric in the last hours, as anybody may ask for it."""
        answer = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=time.time() - 12 * HOUR,
            EndTime=time.time() + MINUTE,
            Period=12 * HOUR + 2 * MINUTE,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in answer["Datapoints"])


Names = list[str]  # of alarms, as the templates say them
Cause = Callable[[Stage, Names], AbstractContextManager[None]]


def executions(how: str) -> Cause:
    """An execution of each machine ends in one way; what the machine does is replaced meanwhile."""

    @contextmanager
    def cause(stage: Stage, names: Names) -> Iterator[None]:
        states = stage.client("stepfunctions")
        arns = [stage.output(output_of_machine(name.removeprefix(how))) for name in names]
        described = [states.describe_state_machine(stateMachineArn=arn) for arn in arns]
        with quiet(stage):
            for arn in arns:
                states.update_state_machine(stateMachineArn=arn, definition=json.dumps(ENDS[how]))
            try:
                started = [
                    states.start_execution(stateMachineArn=arn)["executionArn"] for arn in arns
                ]
                for each in started if how == "Aborted" else []:
                    states.stop_execution(executionArn=each)
                for each in started:
                    stage.wait(lambda each=each: status(states, each) == ENDED[how])  # type: ignore[misc]
            finally:
                for each in described:
                    states.update_state_machine(
                        stateMachineArn=each["stateMachineArn"], definition=each["definition"]
                    )
        yield

    return cause


def status(states: Any, execution: str) -> str:
    return str(states.describe_execution(executionArn=execution)["status"])


def output_of_machine(what: str) -> str:
    """The stack output with the machine whose alarms are called so."""
    known = {
        **{"Runs": "", "Care": "Care", "Announcements": "Announce"},
        **{"Marts": "Mart", "Trainings": "Training"},
    }
    return f"{known.get(what, what)}StateMachineArn"


@contextmanager
def quiet(stage: Stage) -> Iterator[None]:
    """Meanwhile no rule tells of ended executions: there is no run to give back."""
    events = stage.client("events")
    rules = [rule["Name"] for rule in events.list_rules()["Rules"] if "SilentEnds" in rule["Name"]]
    for name in rules:
        events.disable_rule(Name=name)
    try:
        yield
    finally:
        for name in rules:
            events.enable_rule(Name=name)


@contextmanager
def dead_letters(stage: Stage, names: Names) -> Iterator[None]:
    """A message lies in each dead-letter queue."""
    sqs = stage.client("sqs")
    urls = [stage.output(name.replace("DeadLetters", "DeadLetterQueueUrl")) for name in names]
    for url in urls:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"what": NONSENSE}))
    yield
    for url in urls:
        sqs.purge_queue(QueueUrl=url)


@contextmanager
def intake_switched_off(stage: Stage, _names: Names) -> Iterator[None]:
    """A file's event waits for half an hour, since nobody reads the queue."""
    functions, sqs, mapping = stage.client("lambda"), stage.client("sqs"), intake(stage)
    url = stage.output("IntakeQueueUrl")
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        time.sleep(1)  # until a poll under way is over
        sqs.send_message(QueueUrl=url, MessageBody=NONSENSE)
        stage.pass_time(HOUR // 2)
        yield
        sqs.purge_queue(QueueUrl=url)
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def intake(stage: Stage) -> dict[str, Any]:
    """What has intake read its queue."""
    sqs, url = stage.client("sqs"), stage.output("IntakeQueueUrl")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    [found] = stage.client("lambda").list_event_source_mappings(EventSourceArn=arn)[
        "EventSourceMappings"
    ]
    return dict(found)


@contextmanager
def intake_fails(stage: Stage, _names: Names) -> Iterator[None]:
    """Intake is called with what is no batch."""
    answer = stage.client("lambda").invoke(
        FunctionName=intake(stage)["FunctionArn"], Payload=json.dumps(["no batch"])
    )
    assert answer.get("FunctionError")
    yield


@contextmanager
def intake_throttled(stage: Stage, _names: Names) -> Iterator[None]:
    """Lambda refuses intake three times in a quarter of an hour."""
    functions = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
    name = intake(stage)["FunctionArn"].rpartition(":")[2]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        for _ in range(3):
            try:
                functions.invoke(FunctionName=name, Payload="{}")
            except functions.exceptions.TooManyRequestsException:
                stage.pass_time(5 * MINUTE)
            else:
                raise AssertionError("Lambda let the call in")
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    yield


@contextmanager
def files_not_taken(stage: Stage, _names: Names) -> Iterator[None]:
    """Intake hands a message back in each of three periods, since it cannot read it."""
    sqs, url = stage.client("sqs"), stage.output("IntakeQueueUrl")
    metric = f"FilesNotTaken-{stage.deployment.environment}"
    for _ in range(3):
        before = stage.counted("Slipway", metric)
        sqs.send_message(QueueUrl=url, MessageBody=NONSENSE)
        stage.wait(lambda before=before: stage.counted("Slipway", metric) > before)  # type: ignore[misc]
        sqs.purge_queue(QueueUrl=url)
        stage.pass_time(5 * MINUTE)
    yield


@contextmanager
def logins_refused(stage: Stage, _names: Names) -> Iterator[None]:
    """Somebody tries the name of a partner five times with a key that is none of its own."""
    key = paramiko.ECDSAKey.generate()
    metric = f"FailedLogins-{stage.deployment.environment}"
    before = stage.counted("Slipway", metric)
    for _ in range(5):
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        try:
            client.connect(
                "127.0.0.1",
                port=stage.cloud.sftp_port,
                username="acme",
                pkey=key,
                allow_agent=False,
                look_for_keys=False,
            )
        except paramiko.AuthenticationException:
            pass  # as it should
        else:
            raise AssertionError("a stranger's key was let in")
        finally:
            client.close()
    stage.wait(lambda: stage.counted("Slipway", metric) >= before + 5)
    yield


@contextmanager
def old_data(stage: Stage, names: Names) -> Iterator[None]:
    """The ledger says that each last load was 50 days ago, and the ages are measured twice."""
    table = stage.deployment.run_ledger
    measure(stage)  # of what was never loaded it notes since when it is known
    changed = [
        item for name in names for item in _entries(table, dataset_of(name)) if _decides(item)
    ]
    long_ago = timestamp(datetime.now(UTC) - timedelta(days=50))
    try:
        for item in changed:
            moment = "at" if item["entry"] == "first_seen" else "ended_at"
            table.put_item(Item=item | {moment: long_ago})
        for _ in range(2):
            measure(stage)
            stage.pass_time(HOUR)
    finally:
        for item in changed:
            table.put_item(Item=item)
    yield
    for _ in range(2):
        measure(stage)
        stage.pass_time(HOUR)


def dataset_of(alarm: str) -> str:
    """StaleSalesRecords is about sales_records."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", alarm.removeprefix("Stale")).lower()


def _decides(item: dict[str, Any]) -> bool:
    return item["entry"] == "first_seen" or (
        item.get("status") == "succeeded" and item.get("mode") == "load"
    )


def measure(stage: Stage) -> None:
    """What the rule EveryHour does."""
    answer = stage.client("lambda").invoke(
        FunctionName=stage.output("MeasureFreshnessFunctionName"), Payload="{}"
    )
    assert not answer.get("FunctionError")


def _entries(table: Any, dataset: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.query(
        KeyConditionExpression="dataset = :dataset",
        ExpressionAttributeValues={":dataset": dataset},
    )["Items"]
    return found


@contextmanager
def events_lost(stage: Stage, names: Names) -> Iterator[None]:
    """Each rule gets an event, a target that is not there, and a dead-letter queue that refuses it."""
    events, sqs = stage.client("events"), stage.client("sqs")
    url = sqs.create_queue(QueueName="refuses-everybody")["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    refusing = {"DeadLetterConfig": {"Arn": answer["Attributes"]["QueueArn"]}}
    rules = [_rule_of(events.list_rules()["Rules"], name) for name in names]
    for rule in rules:
        name = rule["Name"]
        targets = events.list_targets_by_rule(Rule=name)["Targets"]
        kept = {key: rule[key] for key in ("EventPattern", "ScheduleExpression") if key in rule}
        events.put_rule(Name=name, EventPattern=json.dumps({"source": ["slipway.tests"]}))
        events.put_targets(
            Rule=name,
            Targets=[each | {"Arn": f"{NOBODY}{each['Id']}"} | refusing for each in targets],
        )
        try:
            events.put_events(
                Entries=[{"Source": "slipway.tests", "DetailType": "test", "Detail": "{}"}]
            )
            stage.wait(
                lambda name=name: stage.counted("AWS/Events", LOST, RuleName=name) == 1  # type: ignore[misc]
            )
        finally:
            events.put_rule(Name=name, **kept)
            events.put_targets(Rule=name, Targets=targets)
    sqs.delete_queue(QueueUrl=url)
    yield


def _rule_of(rules: list[dict[str, Any]], alarm: str) -> dict[str, Any]:
    """LostIntakeFileLanded is about <stack Intake>-FileLanded..."""
    named = {
        "Lost" + "".join(found.groups()): rule
        for rule in rules
        if (found := RULE.match(rule["Name"]))
    }
    return named[alarm]


# Each alarm of the templates matches one of these.
CAUSES: dict[str, Cause] = {
    r"Failed(Runs|Care|Announcements|Marts|Trainings|Dashboards|Queries|Source\w+)": executions(
        "Failed"
    ),
    r"TimedOut\w+": executions("TimedOut"),
    r"Aborted\w+": executions("Aborted"),
    r"\w+DeadLetters": dead_letters,
    r"Lost\w+": events_lost,
    r"IntakeWaits": intake_switched_off,
    r"IntakeErrors": intake_fails,
    r"IntakeThrottles": intake_throttled,
    r"FilesNotTaken": files_not_taken,
    r"FailedLogins": logins_refused,
    r"Stale\w+": old_data,
}
