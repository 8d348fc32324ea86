"""The refresh of dashboards, walked by the emulator's own interpreter with canned answers of QuickSight."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ministack.services import stepfunctions

from pipeline import serving
from pipeline.run_documents import serve_result
from tests.unit.state_machine.walking import filled, interpreted

FILE = Path(__file__).parents[3] / "state_machines" / "dashboard_refresh.asl.json"
FILLED = {
    "SpiceDataSets": "sales=slipway-prod-by-month,other=slipway-prod-else,sales=slipway-prod-by-region",
    "AccountId": "111122223333",
    "Region": "eu-central-1",
    "Environment": "prod",
    "DashboardPrefix": "slipway-prod-",
    "AnnounceStateMachineArn": "arn:announce",
    "RefreshSeconds": "2880",
}
RUN = "20261121T040000-0a1b2c3d"
INPUT = {"dataset": "sales", "run_id": RUN, "caller": "care"}
OF_RUN = {**INPUT, "caller": "run"}
Quick = Callable[[str, dict[str, Any]], dict[str, Any]]
Walk = Callable[..., dict[str, Any]]


def failure(error: str, cause: str = "") -> Exception:
    raised: Exception = stepfunctions._ExecutionError(error, cause)
    return raised


def ended(status: str, *, rows: int = 7, dropped: int = 0, message: str = "why") -> dict[str, Any]:
    more = (
        {"RowInfo": {"RowsIngested": rows, "RowsDropped": dropped}} if status == "COMPLETED" else {}
    )
    problem = (
        {"ErrorInfo": {"Type": "SQL_EXCEPTION", "Message": message}} if status == "FAILED" else {}
    )
    return {"Ingestion": {"IngestionStatus": status, **more, **problem}}


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Runs one execution; `describe` and `create` answer for (dataset id, ingestion id), `tell` for announce.

    `begin` answers for the names of executions of the machine itself.
    """

    def run(
        given: dict[str, Any] = INPUT,
        describe: Callable[[str, str], dict[str, Any]] = lambda _id, _ingestion: ended("COMPLETED"),
        create: Callable[[str, str], None] = lambda _id, _ingestion: None,
        tell: Exception | None = None,
        begin: Callable[[str], None] = lambda _name: None,
    ) -> dict[str, Any]:
        seen: dict[str, Any] = {"created": [], "told": [], "begun": []}

        def invoke(resource: str, task: dict[str, Any]) -> Any:
            if task.get("StateMachineArn") == "machine":
                seen["begun"].append(task)
                begin(task["Name"])
                return {"ExecutionArn": "arn:begun"}
            if resource.endswith("states:startExecution"):
                seen["told"].append(task)
                if tell:
                    raise tell
                return {"ExecutionArn": "arn:told"}
            assert task["AwsAccountId"] == "111122223333"
            key = (task["DataSetId"], task["IngestionId"])
            if resource.endswith("createIngestion"):
                assert task["IngestionType"] == "FULL_REFRESH"
                seen["created"].append(key)
                create(*key)
                return {"IngestionStatus": "INITIALIZED"}
            return describe(*key)

        execution = interpreted(monkeypatch, filled(FILE.read_text(), FILLED), given, invoke)
        seen["created"].sort()
        return {**execution, **seen}

    return run


def test_every_table_of_the_dataset_and_no_other_is_refreshed_under_the_name_of_the_run(
    walk: Walk,
) -> None:
    done = walk()
    assert (done["status"], done.get("cause")) == ("SUCCEEDED", None)
    assert done["created"] == [("slipway-prod-by-month", RUN), ("slipway-prod-by-region", RUN)]
    assert json.loads(done["output"]) == {"served": "dashboards", "data_sets": 2, "rows": 14}


def test_people_are_told_once_under_the_name_of_the_run_like_this(walk: Walk) -> None:
    [told] = walk(
        describe=lambda kept, _: ended("COMPLETED", rows=1200 if "month" in kept else 34)
    )["told"]
    assert (told["StateMachineArn"], told["Name"]) == ("arn:announce", f"refreshed-sales-{RUN}")
    message = told["Input"]
    assert message["topic"] == "succeeded"
    assert message["subject"] == "INFO [prod] sales: dashboards refreshed, 2 tables, 1234 rows"
    assert message["message"] == (
        f"The dashboards of sales show the tables of run {RUN}: 2 tables, 1234 rows.\n"
        "Not touched: tables and files; dashboards are copies.\n"
        "Look: https://eu-central-1.quicksight.aws.amazon.com/sn/dashboards/slipway-prod-sales\n"
        f"Next: slipway runs show {RUN} --dataset sales\n"
        "\n"
        "SPICE dataset: rows\n"
        "slipway-prod-by-month: 1200\n"
        "slipway-prod-by-region: 34"
    )
    assert {name: value["StringValue"] for name, value in message["attributes"].items()} == {
        "kind": "refreshed", "severity": "info", "environment": "prod", "dataset": "sales", "run_id": RUN,
    }  # fmt: skip


def test_who_is_resumed_after_people_were_told_does_not_fail_over_it(walk: Walk) -> None:
    done = walk(tell=failure("StepFunctions.ExecutionAlreadyExistsException"))
    assert done["status"] == "SUCCEEDED"


def test_it_waits_until_an_ingestion_has_ended(walk: Walk) -> None:
    looks = {"slipway-prod-by-month": 0, "slipway-prod-by-region": 0}

    def describe(kept: str, _ingestion: str) -> dict[str, Any]:
        looks[kept] += 1
        return ended(("QUEUED", "RUNNING", "COMPLETED")[looks[kept] - 1])

    assert walk(describe=describe)["status"] == "SUCCEEDED"
    assert set(looks.values()) == {3}


def test_a_failed_ingestion_is_named_with_quicksights_own_reason_and_people_are_warned_like_this(
    walk: Walk,
) -> None:
    done = walk(
        describe=lambda kept, _: ended(
            "FAILED" if "month" in kept else "COMPLETED", message="no such column"
        )
    )
    cause = (
        f"SPICE dataset slipway-prod-by-month, ingestion {RUN} ended as FAILED: SQL_EXCEPTION: no such column."
        " Dashboards show what they showed before."
    )
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "IngestionFailed", cause)
    [told] = done["told"]
    assert (told["StateMachineArn"], told["Name"]) == (
        "arn:announce",
        "not-refreshed-sales-by-hand-1",
    )
    message = told["Input"]
    assert message["topic"] == "succeeded"
    assert message["subject"] == "WARNING [prod] sales: dashboards not refreshed: IngestionFailed"
    assert message["message"] == (
        f"The dashboards of sales could not be refreshed with the tables of run {RUN}.\n"
        f"IngestionFailed: {cause}\n"
        "Not touched: tables and files. Dashboards of tables that were not refreshed show what they showed before.\n"
        "The next run of the dataset refreshes them. To do it now: aws stepfunctions start-execution"
        """ --state-machine-arn machine --input '{"dataset": "sales"}'"""
    )
    assert {name: value["StringValue"] for name, value in message["attributes"].items()} == {
        "kind": "not_refreshed", "severity": "warning", "environment": "prod", "dataset": "sales", "run_id": RUN,
    }  # fmt: skip


def test_who_cannot_be_warned_does_not_hide_why_the_refresh_failed(walk: Walk) -> None:
    done = walk(
        describe=lambda _id, _ingestion: ended("FAILED"),
        tell=failure("StepFunctions.AccessDeniedException"),
    )
    assert (done["status"], done["error"]) == ("FAILED", "IngestionFailed")


@pytest.mark.parametrize(
    "error", ["QuickSight.LimitExceededException", "QuickSight.AccessDeniedException"]
)
def test_an_ingestion_that_quicksight_refuses_is_a_warning_with_its_word(
    walk: Walk, error: str
) -> None:
    """Limit exceeded: the 33rd of a SPICE dataset in 24 hours, or too many at work in the account."""

    def create(_id: str, _ingestion: str) -> None:
        raise failure(error, "no more today")

    done = walk(create=create)
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", error, "no more today")
    assert [told["Input"]["attributes"]["kind"]["StringValue"] for told in done["told"]] == [
        "not_refreshed"
    ]


def test_an_ingestion_that_does_not_end_is_given_up(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FILE.read_text().replace("$millis() + 4500000", "$millis() - 1")
    monkeypatch.setattr(Path, "read_text", lambda _path: text)
    done = walk(describe=lambda _id, _ingestion: ended("RUNNING"))
    assert (done["status"], done["error"]) == ("FAILED", "IngestionTooSlow")
    assert "was still RUNNING after 75 minutes" in done["cause"]


def taken(*names: str) -> Callable[[str], None]:
    """Step Functions has had executions of these names."""

    def begin(name: str) -> None:
        if name in names:
            raise failure("StepFunctions.ExecutionAlreadyExistsException")

    return begin


@pytest.fixture
def window() -> int:
    """The window of 48 minutes in which the test runs, unless it ends just now."""
    if time.time() % 2880 > 2870:
        time.sleep(11)
    return int(time.time() // 2880)


def test_a_run_begins_a_refresh_and_does_not_wait_for_it(walk: Walk, window: int) -> None:
    done = walk(OF_RUN)
    assert (done["status"], done["created"], done["told"]) == ("SUCCEEDED", [], [])
    [begun] = done["begun"]
    assert begun["Name"] == f"refresh-sales-{window}"
    assert begun["Input"] == {"dataset": "sales", "run_id": RUN, "not_before": ""}
    served = serving.kept([serve_result(json.loads(done["output"]))], {})
    assert list(serving.sentences(served)) == ["Dashboards: a refresh was started."]


def test_a_second_run_of_a_window_begins_the_refresh_of_the_next_one(
    walk: Walk, window: int
) -> None:
    done = walk(OF_RUN, begin=taken(f"refresh-sales-{window}"))
    assert json.loads(done["output"]) == {"served": "dashboard_refresh", "refresh": "started"}
    begun = done["begun"][-1]
    assert begun["Name"] == f"refresh-sales-{window + 1}"
    begins = datetime.fromisoformat(begun["Input"]["not_before"])
    assert begins.timestamp() == (window + 1) * 2880


def test_every_other_run_of_a_window_joins_the_refresh_that_waits(walk: Walk, window: int) -> None:
    done = walk(OF_RUN, begin=taken(f"refresh-sales-{window}", f"refresh-sales-{window + 1}"))
    assert (done["status"], len(done["begun"])) == ("SUCCEEDED", 2)
    served = serving.kept([serve_result(json.loads(done["output"]))], {})
    assert list(serving.sentences(served)) == [
        "Dashboards: a refresh that has not begun will show this run, too."
    ]


def test_what_was_begun_waits_for_its_window_and_refreshes_under_the_name_of_the_run(
    walk: Walk,
) -> None:
    done = walk({"dataset": "sales", "run_id": RUN, "not_before": "2026-11-21T04:48:00.000Z"})
    assert (done["status"], len(done["created"])) == ("SUCCEEDED", 2)
    assert [told["Name"] for told in done["told"]] == [f"refreshed-sales-{RUN}"]


def test_a_refresh_that_cannot_be_begun_leaves_the_run_a_success_with_a_warning(walk: Walk) -> None:
    def begin(_name: str) -> None:
        raise failure("StepFunctions.AccessDeniedException", "not authorized")

    done = walk(OF_RUN, begin=begin)
    assert done["status"] == "SUCCEEDED"
    served = serving.kept([serve_result(json.loads(done["output"]))], {})
    assert serving.needs_a_look(served)
    assert list(serving.sentences(served)) == [
        "WARNING: dashboards were not refreshed (StepFunctions.AccessDeniedException: not authorized);"
        " they show what they showed before."
    ]


@pytest.mark.parametrize("window_seconds", [2880])
def test_no_more_refreshes_begin_in_24_hours_than_quicksight_takes(window_seconds: int) -> None:
    """One for each window; a day that begins within one touches one more. Source: QuickSight API, CreateIngestion."""
    assert 24 * 60 * 60 // window_seconds + 1 < 32


def test_rows_that_were_left_out_are_a_failure(walk: Walk) -> None:
    done = walk(describe=lambda _id, _ingestion: ended("COMPLETED", dropped=3))
    assert (done["status"], done["error"]) == ("FAILED", "RowsDropped")
    assert [told["Input"]["attributes"]["kind"]["StringValue"] for told in done["told"]] == [
        "not_refreshed"
    ]
    assert "3 rows did not fit the types of its columns" in done["cause"]


@pytest.mark.parametrize(
    ("earlier", "begun"), [("COMPLETED", 1), ("RUNNING", 1), ("FAILED", 2), ("CANCELLED", 2)]
)
def test_a_resumed_run_takes_what_is_there_and_begins_another_only_for_what_failed(
    walk: Walk, earlier: str, begun: int
) -> None:
    looked: list[str] = []

    def create(_id: str, ingestion: str) -> None:
        if ingestion == RUN:
            raise failure("QuickSight.ResourceExistsException")

    def describe(kept: str, ingestion: str) -> dict[str, Any]:
        looked.append(kept)
        return ended(earlier if ingestion == RUN and looked.count(kept) == 1 else "COMPLETED")

    done = walk(create=create, describe=describe)
    assert done["status"] == "SUCCEEDED"
    assert [i for kept, i in done["created"] if "month" in kept] == [RUN, f"{RUN}-again-by-hand-1"][
        :begun
    ]


def test_a_second_failure_of_the_same_execution_is_a_failure(walk: Walk) -> None:
    def create(_id: str, _ingestion: str) -> None:
        raise failure("QuickSight.ResourceExistsException")

    done = walk(create=create, describe=lambda _id, _ingestion: ended("FAILED"))
    assert (done["status"], done["error"]) == ("FAILED", "IngestionFailed")


def test_by_hand_it_is_named_after_the_execution(walk: Walk) -> None:
    done = walk({"dataset": "sales"})
    assert done["created"][0] == ("slipway-prod-by-month", "by-hand-1")
    [told] = done["told"]
    assert told["Name"] == "refreshed-sales-by-hand-1"
    assert "show the tables as they are now: 2 tables" in told["Input"]["message"]
    assert "Next: slipway runs list --dataset sales\n" in told["Input"]["message"]


def test_a_dataset_without_a_dashboard_has_nothing_to_refresh(walk: Walk) -> None:
    done = walk({**INPUT, "dataset": "third"})
    assert (done["status"], done["created"], done["told"]) == ("SUCCEEDED", [], [])
    assert json.loads(done["output"]) == {"served": "dashboards", "data_sets": 0, "rows": 0}


def test_a_long_name_of_a_dataset_leaves_the_run_in_the_name_of_the_message(walk: Walk) -> None:
    name = "s" * 90
    filled = FILLED | {"SpiceDataSets": f"{name}=slipway-prod-long"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.FILLED", filled)
        [told] = walk({**INPUT, "dataset": name})["told"]
    assert len(told["Name"]) == 80  # Source: Step Functions API reference, StartExecution
    assert told["Name"].endswith(RUN)
    assert len(told["Input"]["subject"]) < 100


def test_close_run_keeps_what_the_refresh_answers(walk: Walk) -> None:
    served = serving.kept([serve_result(json.loads(walk()["output"]))], {})
    assert served == {"dashboards": {"data_sets": 2, "rows": 14}}
    assert list(serving.sentences(served)) == ["Dashboards: brought up to date."]
