"""Saved queries that are asked again, walked by the emulator's own interpreter with canned answers of Athena."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ministack.services import stepfunctions

from pipeline import serving
from pipeline.alerts import LONGEST_NAME
from pipeline.run_documents import serve_result
from tests.unit.state_machine.walking import filled, interpreted

FILE = Path(__file__).parents[3] / "state_machines" / "query_refresh.asl.json"
FILLED = {
    "SavedQueries": "sales=id-1,other=id-2,sales=id-3",
    "Environment": "prod",
    "AnnounceStateMachineArn": "arn:announce",
}
RUN = "20261121T040000-0a1b2c3d"
INPUT = {"dataset": "sales", "run_id": RUN}
OF_RUN = {**INPUT, "caller": "run"}
EXISTS = "StepFunctions.ExecutionAlreadyExistsException"
Walk = Callable[..., dict[str, Any]]


def failure(error: str, cause: str = "") -> Exception:
    raised: Exception = stepfunctions._ExecutionError(error, cause)
    return raised


def ended(execution: str, state: str = "SUCCEEDED", reason: str = "") -> dict[str, Any]:
    return {
        "QueryExecution": {
            "Status": {"State": state, "StateChangeReason": reason},
            "ResultConfiguration": {"OutputLocation": f"s3://results/analysts/{execution}.csv"},
            "Statistics": {"DataScannedInBytes": 42},
        }
    }


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Runs one execution; `look` answers for an execution of Athena, `begin` and `tell` for machines."""

    def run(
        given: dict[str, Any] = INPUT,
        look: Callable[[str], dict[str, Any]] = ended,
        begin: Exception | None = None,
        tell: Exception | None = None,
    ) -> dict[str, Any]:
        seen: dict[str, Any] = {"asked": [], "told": [], "begun": []}

        def started(task: dict[str, Any]) -> dict[str, Any]:
            kind, refused = (
                ("begun", begin) if task["StateMachineArn"] == "machine" else ("told", tell)
            )
            seen[kind].append(task)
            if refused:
                raise refused
            return {"ExecutionArn": "arn:started"}

        def invoke(resource: str, task: dict[str, Any]) -> Any:
            if resource.endswith("states:startExecution"):
                return started(task)
            if resource.endswith("getNamedQuery"):
                name = task["NamedQueryId"]
                return {
                    "NamedQuery": {
                        "Name": f"sales: {name}",
                        "Database": "curated",
                        "QueryString": f"SELECT '{name}'",
                        "WorkGroup": "analysts",
                    }
                }
            if resource.endswith("startQueryExecution"):
                seen["asked"].append(task)
                return {"QueryExecutionId": "e-" + task["ClientRequestToken"][-4:]}
            return look(task["QueryExecutionId"])

        execution = interpreted(monkeypatch, filled(FILE.read_text(), FILLED), given, invoke)
        return {**execution, **seen}

    return run


def test_every_query_of_the_dataset_and_no_other_is_asked_as_it_was_saved(walk: Walk) -> None:
    done = walk()
    assert (done["status"], done.get("cause")) == ("SUCCEEDED", None)
    asked = sorted(done["asked"], key=lambda task: str(task["QueryString"]))
    assert asked == [
        {
            "QueryString": f"SELECT '{name}'",
            "ClientRequestToken": f"{RUN}-{name}",
            "QueryExecutionContext": {"Database": "curated"},
            "WorkGroup": "analysts",
        }
        for name in ("id-1", "id-3")
    ]


def test_people_are_told_once_where_the_results_are_like_this(walk: Walk) -> None:
    [told] = walk()["told"]
    assert (told["StateMachineArn"], told["Name"]) == ("arn:announce", f"queries-sales-{RUN}")
    message = told["Input"]
    assert message["topic"] == "succeeded"
    assert message["subject"] == "INFO [prod] sales: 2 saved queries refreshed"
    assert message["message"] == (
        f"Saved queries of sales have new results, of the tables of run {RUN}.\n"
        "Not touched: tables and files; results from before stay until their retention ends.\n"
        f"Next: slipway runs show {RUN} --dataset sales\n"
        "\n"
        "query: result\n"
        "sales: id-1: s3://results/analysts/e-id-1.csv (42 bytes scanned)\n"
        "sales: id-3: s3://results/analysts/e-id-3.csv (42 bytes scanned)"
    )
    assert {name: value["StringValue"] for name, value in message["attributes"].items()} == {
        "kind": "queries_refreshed", "severity": "info", "environment": "prod", "dataset": "sales", "run_id": RUN,
    }  # fmt: skip
    assert walk(tell=failure(EXISTS))["status"] == "SUCCEEDED"


def test_it_waits_until_a_query_has_ended(walk: Walk) -> None:
    looks: dict[str, int] = {}

    def look(execution: str) -> dict[str, Any]:
        looks[execution] = looks.get(execution, 0) + 1
        return ended(execution, ("QUEUED", "RUNNING", "SUCCEEDED")[looks[execution] - 1])

    assert walk(look=look)["status"] == "SUCCEEDED"
    assert looks == {"e-id-1": 3, "e-id-3": 3}


def test_a_query_that_never_ends_is_given_up(walk: Walk) -> None:
    done = walk(look=lambda execution: ended(execution, "RUNNING"))
    assert (done["status"], done["error"]) == ("FAILED", "QueryTooSlow")


def test_a_failed_query_is_a_warning_with_athenas_own_reason(walk: Walk) -> None:
    done = walk(look=lambda execution: ended(execution, "FAILED", "COLUMN_NOT_FOUND: profit"))
    cause = done["cause"]
    assert (done["status"], done["error"]) == ("FAILED", "QueryFailed")
    assert re.fullmatch(
        r"saved query sales: id-\d ended as FAILED: COLUMN_NOT_FOUND: profit", cause
    )
    [told] = done["told"]
    assert told["Name"] == "queries-not-sales-by-hand-1"
    message = told["Input"]
    assert message["subject"] == "WARNING [prod] sales: saved queries not refreshed: QueryFailed"
    assert message["message"] == (
        f"Saved queries of sales could not be asked again after run {RUN}.\n"
        f"QueryFailed: {cause}\n"
        "Not touched: tables and files. Results from before stand.\n"
        "The next run of the dataset asks them again. To do it now: aws stepfunctions start-execution"
        """ --state-machine-arn machine --input '{"dataset": "sales"}'"""
    )
    assert message["attributes"]["severity"]["StringValue"] == "warning"


@pytest.mark.parametrize("caller", ["run", "care"])
def test_who_serves_only_sees_to_it_that_an_execution_will_ask(walk: Walk, caller: str) -> None:
    done = walk({**OF_RUN, "caller": caller})
    [begun] = done["begun"]
    assert begun["Name"] == f"queries-sales-{RUN}"
    assert begun["Input"] == {"dataset": "sales", "run_id": RUN}
    assert (done["asked"], done["told"]) == ([], [])
    output = json.loads(done["output"])
    assert output == {"served": "queries", "queries": 2}
    assert list(serving.sentences(serving.kept([serve_result(output)], {}))) == [
        "Queries: 2 saved queries are asked again."
    ]
    again = walk({**OF_RUN, "caller": caller}, begin=failure(EXISTS))
    assert json.loads(again["output"]) == output


def test_what_cannot_be_started_fails_no_run_and_is_in_its_message(walk: Walk) -> None:
    done = walk(OF_RUN, begin=failure("StepFunctions.AccessDeniedException", "not yours"))
    assert done["status"] == "SUCCEEDED"
    kept = serving.kept([serve_result(json.loads(done["output"]))], {})
    assert serving.needs_a_look(kept)
    assert list(serving.sentences(kept)) == [
        "WARNING: saved queries were not asked again (StepFunctions.AccessDeniedException: not yours);"
        " their results are as before."
    ]


def test_a_dataset_without_such_queries_is_served_at_once_and_nothing_is_said(walk: Walk) -> None:
    done = walk({**OF_RUN, "dataset": "unknown"})
    assert (done["begun"], done["told"]) == ([], [])
    kept = serving.kept([serve_result(json.loads(done["output"]))], {})
    assert list(serving.sentences(kept)) == []


def test_names_are_cut_to_what_step_functions_takes() -> None:
    text = FILE.read_text()
    for prefix, kept in (("queries-", 70), ("queries-not-", 66)):
        assert len(prefix) + kept <= LONGEST_NAME
        assert re.search(rf"'{prefix}' & \$substring\(\$dataset & '-' & [$.\w]+, -{kept}\)", text)
