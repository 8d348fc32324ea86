"""Nothing that is sent without waiting for an answer can be lost unseen: each has a queue, and each queue an alarm."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.intake.service import FILE_NOT_TAKEN, RUN_NOT_STARTED
from slipway.acting import dead_letters
from tests.infrastructure.support import Assembly, Resource, actions_of, flat, resources_of

EVERY_ASSEMBLY = pytest.mark.parametrize("name", ["prod", "local", "comprehensive"])
# Services that invoke functions without waiting for the result.
# Source: Lambda developer guide, "Invoking a Lambda function asynchronously" and the services' own pages.
ASYNCHRONOUS = ("events", "s3", "sns", "logs", "ses", "config", "iot", "codecommit")


@pytest.fixture
def assembly(request: pytest.FixtureRequest, name: str) -> Assembly:
    found: Assembly = request.getfixturevalue(name)
    return found


def rule_targets(assembly: Assembly) -> dict[str, Resource]:
    """Targets of all rules and schedules, by <stack>/<logical id> and place."""
    rules = assembly.resources("AWS::Events::Rule")
    found = {
        f"{place} {number}": target
        for place, rule in rules.items()
        for number, target in enumerate(rule["Properties"]["Targets"])
    }
    schedules = assembly.resources("AWS::Scheduler::Schedule")
    return found | {
        place: schedule["Properties"]["Target"] for place, schedule in schedules.items()
    }


def queue_of(reference: Any) -> str:
    """Logical id of the queue that a dead-letter setting or a destination names."""
    logical_id, attribute = reference["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(logical_id)


def functions_called_without_waiting(assembly: Assembly) -> set[str]:
    """<stack>/<logical id> of functions that a rule or another service may invoke asynchronously.

    CloudFormation calls the function of a custom resource like that, too, but waits for its answer by itself.
    """
    permissions = assembly.resources("AWS::Lambda::Permission")
    allowed = {
        f"{place.partition('/')[0]}/{permission['Properties']['FunctionName']['Fn::GetAtt'][0]}"
        for place, permission in permissions.items()
        if permission["Properties"]["Principal"].partition(".")[0] in ASYNCHRONOUS
    }
    arns = {place: flat(target["Arn"]) for place, target in rule_targets(assembly).items()}
    functions = set(assembly.resources("AWS::Lambda::Function"))
    named = {
        f"{place.partition('/')[0]}/{arn.strip('<>').partition('.')[0]}"
        for place, arn in arns.items()
    }
    return allowed | (named & functions)


@EVERY_ASSEMBLY
def test_every_target_of_a_rule_or_schedule_has_a_dead_letter_queue(assembly: Assembly) -> None:
    targets = rule_targets(assembly)
    assert len(targets) >= 6
    without = [
        place
        for place, target in targets.items()
        if not target.get("DeadLetterConfig", {}).get("Arn")
    ]
    assert without == []


def rests_database(assembly: Assembly) -> bool:
    """Whether the internal database is an instance, for which a rule calls a function and has a queue."""
    return any("SweepDatabase" in place for place in assembly.resources("AWS::Events::Rule"))


@EVERY_ASSEMBLY
def test_every_function_that_is_called_without_waiting_keeps_its_failures_and_may(
    assembly: Assembly,
) -> None:
    settings = {
        f"{place.partition('/')[0]}/{found['Properties']['FunctionName']['Ref']}": found
        for place, found in assembly.resources("AWS::Lambda::EventInvokeConfig").items()
    }
    called = functions_called_without_waiting(assembly)
    assert len(called) == 3 + ("Marts" in assembly.templates) + rests_database(assembly)
    assert called == set(settings)
    for place, found in settings.items():
        stack = place.partition("/")[0]
        properties = found["Properties"]
        assert properties["Qualifier"] == "$LATEST"
        assert (properties["MaximumRetryAttempts"], properties["MaximumEventAgeInSeconds"]) == (
            2,
            6 * 60 * 60,
        )
        queue = queue_of(properties["DestinationConfig"]["OnFailure"]["Destination"])
        role = assembly.templates[stack]["Resources"][place.partition("/")[2]]["Properties"][
            "Role"
        ]["Fn::GetAtt"][0]
        sending = [
            resource
            for statement in assembly.statements_of_role(stack, role)
            for resource in resources_of(statement)
            if "sqs:SendMessage" in actions_of(statement)
        ]
        assert sending == [f"<{queue}.Arn>"]
        policies = {
            policy.partition("/")[2] for policy in assembly.resources("AWS::IAM::Policy", stack)
        }
        its_own = {policy for policy in policies if policy.startswith(role[:-8])}
        assert its_own & set(found["DependsOn"]), (
            "Lambda checks the role when the destination is set"
        )


@EVERY_ASSEMBLY
def test_eventbridge_may_write_to_the_queue_of_each_rule_and_only_for_that_rule(
    assembly: Assembly,
) -> None:
    for place, rule in assembly.resources("AWS::Events::Rule").items():
        stack, _, logical_id = place.partition("/")
        for target in rule["Properties"]["Targets"]:
            queue = queue_of(target["DeadLetterConfig"]["Arn"])
            statements = [
                statement
                for policy in assembly.resources("AWS::SQS::QueuePolicy", stack).values()
                if {"Ref": queue} in policy["Properties"]["Queues"]
                for statement in policy["Properties"]["PolicyDocument"]["Statement"]
                if statement["Principal"] == {"Service": "events.amazonaws.com"}
            ]
            sources = [
                flat(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
                for statement in statements
            ]
            assert f"<{logical_id}.Arn>" in sources
            assert {action for statement in statements for action in actions_of(statement)} == {
                "sqs:SendMessage"
            }


def dead_letter_queues(assembly: Assembly) -> set[str]:
    """<stack>/<logical id> of every queue in which something may end."""
    found = {
        f"{place.partition('/')[0]}/{queue_of(target['DeadLetterConfig']['Arn'])}"
        for place, target in rule_targets(assembly).items()
    }
    for place, queue in assembly.resources("AWS::SQS::Queue").items():
        if redrive := queue["Properties"].get("RedrivePolicy"):
            found.add(f"{place.partition('/')[0]}/{queue_of(redrive['deadLetterTargetArn'])}")
    for place, settings in assembly.resources("AWS::Lambda::EventInvokeConfig").items():
        destination = settings["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        found.add(f"{place.partition('/')[0]}/{queue_of(destination)}")
    return found


@EVERY_ASSEMBLY
def test_every_queue_in_which_something_ends_is_alarmed_kept_for_two_weeks_and_known_to_redrive(
    assembly: Assembly,
) -> None:
    alarmed = "".join(
        flat(dimension["Value"])
        for alarm in assembly.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Properties"]["Dimensions"]
    )
    outputs = {
        output["Value"]["Ref"]: name
        for template in assembly.templates.values()
        for name, output in template["Outputs"].items()
        if isinstance(output["Value"], dict) and "Ref" in output["Value"]
    }
    queues = assembly.resources("AWS::SQS::Queue")
    ending = dead_letter_queues(assembly)
    optional = [name in assembly.templates for name in ("Sources", "Marts", "Training")]
    assert len(ending) == 6 + sum([*optional, rests_database(assembly)])
    for place in ending:
        logical_id = place.partition("/")[2]
        assert logical_id in alarmed
        assert queues[place]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
        assert outputs[logical_id] in dead_letters.QUEUES.values()
    assert len(queues) == len(ending) + 1  # the landing queue, which ends in one of them


def test_executions_that_fail_time_out_or_are_stopped_are_alarmed(prod: Assembly) -> None:
    metrics = {
        alarm["Properties"]["MetricName"]
        for alarm in prod.resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("Namespace") == "AWS/States"
    }
    assert metrics == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}


# A run or an operator waits for these and fails or says so with them: they are nested with `.sync:2`.
WAITED_FOR = ("JobRun", "WarehouseLoad", "WriteBack")


@EVERY_ASSEMBLY
def test_every_machine_that_nobody_waits_for_is_alarmed_however_it_ends(assembly: Assembly) -> None:
    alarmed = {
        (alarm["Properties"]["MetricName"], flat(dimension["Value"]))
        for alarm in assembly.resources("AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"].get("Dimensions", [])
        if dimension["Name"] == "StateMachineArn"
    }
    machines = [
        place.partition("/")[2]
        for place in assembly.resources("AWS::StepFunctions::StateMachine")
        if not place.partition("/")[2].startswith(WAITED_FOR)
    ]
    assert len(machines) >= 3
    without = [
        (name, metric)
        for name in machines
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
        if not any(one == metric and name in arn for one, arn in alarmed)
    ]
    assert without == []


def test_files_that_intake_does_not_take_are_alarmed_within_a_quarter_of_an_hour(
    prod: Assembly,
) -> None:
    [pattern] = [
        found["Properties"]["FilterPattern"]
        for place, found in prod.resources("AWS::Logs::MetricFilter").items()
        if "FilesNotTaken" in place
    ]
    assert pattern == f'{{ ($.message = "{FILE_NOT_TAKEN}") || ($.message = "{RUN_NOT_STARTED}") }}'
    alarms = {
        place.partition("/")[2][:-8]: alarm["Properties"]
        for place, alarm in prod.resources("AWS::CloudWatch::Alarm").items()
        if place.partition("/")[2].startswith(
            ("FilesNotTaken", "IntakeWaits", "IntakeErrors", "IntakeThrottles")
        )
    }
    limits = {
        name: (
            found["MetricName"],
            found["Threshold"],
            found["Period"] * found["EvaluationPeriods"],
        )
        for name, found in alarms.items()
    }
    assert limits == {
        "FilesNotTaken": ("FilesNotTaken-prod", 1, 900),
        "IntakeWaits": ("ApproximateAgeOfOldestMessage", 1800, 300),
        "IntakeErrors": ("Errors", 1, 300),
        "IntakeThrottles": ("Throttles", 1, 900),
    }
    assert all(found["TreatMissingData"] == "notBreaching" for found in alarms.values())
