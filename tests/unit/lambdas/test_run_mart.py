"""A run of a mart around its computation: lock, ledger, one message, and whether it is wanted again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts import marts
from contracts.errors import PermanentError, ReconciliationFailed, RetryableError
from lambdas.run_mart import messages
from lambdas.run_mart.messages import Failure
from lambdas.run_mart.service import RunMart
from pipeline.ledger.marts import MartLedger
from rows.cuts import InputMissing, Published
from rows.marts import MartResult, RolledBack
from slipway.grammar import build_parser
from tests.unit.lambdas.conftest import Account, Crash

pytestmark = pytest.mark.usefixtures("ledgers_of_moto")
NAME = "superstore_cohorts"
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
NEW = MartResult(
    cut={"superstore": Published(version=7001, since_millis=5)},
    rows=12,
    totals={"sales": Decimal("12.5000")},
    periods=(date(2026, 1, 1), date(2026, 3, 1)),
    version=9223372036854775807,
    before=9223372036854775806,
    is_new=True,
)
STANDS = replace(NEW, is_new=False, periods=(), before=NEW.version)
LOADED = {"served": "warehouse", "tables": []}
LOAD = {"ExecutionArn": "arn:x:execution:WarehouseLoad:e", "Status": "FAILED"}
LOAD |= {"Error": "WarehouseLoadFailed", "Cause": '{"errorMessage": "merge: out of memory"}'}
REFUSED = {"Error": "States.TaskFailed", "Cause": json.dumps(LOAD)}


@pytest.fixture
def ledger(account: Account) -> MartLedger:
    found = MartLedger(table=account.run_table, mart=NAME)
    for item in account.run_table.scan()["Items"]:
        account.run_table.delete_item(Key={key: item[key] for key in ("dataset", "entry")})
    return found


def service(
    account: Account,
    ledger: MartLedger,
    compute: Callable[[str], MartResult] = lambda _: NEW,
    *,
    serving: tuple[str, ...] = (),
) -> RunMart:
    return RunMart(
        mart=marts.load(NAME),
        environment="dev",
        ledger=MartLedger(table=account.fused("run_table"), mart=ledger.mart),
        announcer=account.announcer(),
        compute=compute,
        undo=undo,
        serving=serving,
        now=lambda: NOON + timedelta(minutes=len(ledger.newest(50))),
    )


def undo(_: str, undone: int) -> RolledBack:
    """The version before has the number before."""
    return RolledBack(version=undone - 1, cut={"superstore": 6001}, rows=11, totals={})


def run(runner: RunMart, execution: str = "one") -> dict[str, Any]:
    return runner.run(execution, trigger="superstore")


def raising(error: Exception) -> Callable[[str], MartResult]:
    def compute(_: str) -> MartResult:
        raise error

    return compute


def test_a_success_is_in_the_ledger_with_its_cut_and_figures_and_frees_the_lock(
    account: Account, ledger: MartLedger
) -> None:
    answer = run(service(account, ledger))
    assert (answer["status"], answer["rows"], answer["again"]) == ("published", 12, False)
    assert answer["detail"] == "2 periods written, 2026-01-01 to 2026-03-01"
    [noted] = ledger.newest(5)
    assert noted["status"] == "succeeded"
    assert (noted["outcome"], noted["cut"]) == ("published", {"superstore": "7001"})
    assert (noted["rows"], noted["totals"]) == (12, {"sales": "12.5000"})
    assert noted["version"] == "9223372036854775807"
    assert ledger.held_by("one") is None
    assert account.messages() == []


@pytest.mark.parametrize(
    ("result", "said", "detail"),
    [
        (replace(NEW, is_new=False, periods=()), "unchanged", "its inputs stand as they did"),
        (replace(NEW, periods=()), "published", "no period differs"),
        (replace(NEW, periods=None), "published", "an earlier attempt"),
        (replace(NEW, periods=(date(2026, 1, 1),)), "published", "1 period written"),
    ],
)
def test_what_a_run_did_is_said_in_words(
    account: Account, ledger: MartLedger, result: MartResult, said: str, detail: str
) -> None:
    answer = run(service(account, ledger, lambda _: result))
    assert answer["status"] == said
    assert answer["detail"].startswith(detail)


def test_a_mart_whose_inputs_are_not_loaded_yet_waits_and_nobody_is_told(
    account: Account, ledger: MartLedger
) -> None:
    answer = run(service(account, ledger, raising(InputMissing("nothing was ever published of x"))))
    assert (answer["status"], answer["detail"]) == ("waiting", "nothing was ever published of x")
    assert ledger.newest(1)[0]["outcome"] == "waiting"
    assert ledger.held_by("one") is None
    assert account.messages() == []


def test_who_comes_while_it_is_computed_ends_at_once_and_is_served_by_one_more_run(
    account: Account, ledger: MartLedger
) -> None:
    answers: list[dict[str, Any]] = []

    def compute(_: str) -> MartResult:
        answers.extend(run(service(account, ledger), name) for name in ("two", "three"))
        return NEW

    first = run(service(account, ledger, compute))
    assert [answer["status"] for answer in answers] == ["busy", "busy"]
    assert [answer["again"] for answer in answers] == [False, False]
    assert first["again"] is True
    assert len(ledger.newest(5)) == 1


def test_each_rollback_goes_one_version_back_from_what_the_newest_run_left(
    account: Account, ledger: MartLedger
) -> None:
    runner = service(account, ledger)
    with pytest.raises(PermanentError, match=f"none of the last 50 runs of {NAME} published"):
        runner.roll_back("too early", trigger="operator")
    failure = Failure(mart=NAME, execution="too early", error="PermanentError", cause="no")
    runner.fail(failure)
    run(service(account, ledger, lambda _: replace(NEW, version=70)), "one")
    answers = [runner.roll_back(name, trigger="operator") for name in ("two", "three")]
    assert {(answer["status"], answer["rows"]) for answer in answers} == {("rolled back", 11)}
    noted = {each["execution_arn"]: each for each in ledger.newest(5)}
    assert (noted["two"]["version"], noted["three"]["version"]) == ("69", "68")
    assert noted["three"]["cut"] == {"superstore": "6001"}


def test_a_rollback_while_the_mart_is_computed_is_not_done(
    account: Account, ledger: MartLedger
) -> None:
    answers: list[dict[str, Any]] = []

    def compute(_: str) -> MartResult:
        answers.append(service(account, ledger).roll_back("two", trigger="operator"))
        return NEW

    run(service(account, ledger, compute))
    assert answers[0]["status"] == "busy"
    assert "once that has ended" in answers[0]["detail"]


def test_a_failure_keeps_the_lock_for_the_next_attempt_and_is_told_once(
    account: Account, ledger: MartLedger
) -> None:
    wrong = ReconciliationFailed("sales 1, superstore.sales 2")
    runner = service(account, ledger, raising(wrong))
    with pytest.raises(ReconciliationFailed):
        run(runner)
    assert ledger.held_by("one")
    run(service(account, ledger), "two")  # is busy, and wants it again
    failure = Failure(mart=NAME, execution="one", error="ReconciliationFailed", cause=str(wrong))
    assert runner.fail(failure) == {"told": True, "again": True}
    assert runner.fail(failure) == {"told": False, "again": False}
    [message] = account.messages()
    assert message["subject"] == f"ERROR [dev] {NAME}: mart failed (ReconciliationFailed)"
    assert "sales 1, superstore.sales 2" in message["message"]
    assert message["attributes"]["dataset"] == NAME
    [noted] = ledger.newest(5)
    assert (noted["status"], noted["error"]) == ("failed", "ReconciliationFailed")
    assert ledger.held_by("one") is None


def test_every_command_of_the_message_can_be_typed() -> None:
    failure = Failure(mart=NAME, execution="arn:e", error="PermanentError", cause="no")
    mart = marts.load(NAME)
    for body in (
        messages.body(mart, failure, is_published=False),
        messages.body_of_not_shown(mart, {"warehouse": "E: no"}, "r1"),
    ):
        commands = [
            line.partition(": slipway ")[2] for line in body.splitlines() if ": slipway " in line
        ]
        assert commands == [f"mart show {NAME}", f"mart run {NAME}"]
        for command in commands:
            build_parser().parse_args(command.split())


def test_a_run_that_is_killed_anywhere_ends_well_when_repeated(
    account: Account, ledger: MartLedger
) -> None:
    survived = False
    for writes in range(1, 10):
        execution = f"execution {writes}"
        account.fuse.writes = writes
        try:
            run(service(account, ledger), execution)
            survived = True
        except Crash:
            account.fuse.writes = None
            run(service(account, ledger), execution)
        account.fuse.writes = None
        assert ledger.held_by(execution) is None
        mine = [each for each in ledger.newest(50) if each["execution_arn"] == execution]
        assert {each["status"] for each in mine} == {"succeeded"}
        if survived:
            break
    assert survived


def served(
    account: Account, ledger: MartLedger, result: MartResult = NEW, execution: str = "one"
) -> tuple[dict[str, Any], RunMart]:
    """The answer of a run where there is a warehouse, and who then closes it."""
    runner = service(account, ledger, lambda _: result, serving=("warehouse",))
    return run(runner, execution), runner


def closed(
    runner: RunMart, answer: dict[str, Any], failure: dict[str, str] | None = None
) -> dict[str, Any]:
    outcome = {"failure": failure} if failure else {"result": LOADED}
    return runner.close({**answer, "served": [{"consumer": "warehouse", **outcome}]})


def test_a_marked_mart_keeps_its_lock_until_the_warehouse_has_loaded_what_changed(
    account: Account, ledger: MartLedger
) -> None:
    answer, runner = served(account, ledger)
    lake = {
        "before": "9223372036854775806",
        "after": "9223372036854775807",
        "periods": ["2026-01-01", "2026-03-01"],
    }
    assert answer["serve"] == [{"consumer": "warehouse", "lake": lake}]
    assert ledger.held_by("one")
    assert run(service(account, ledger), "two")["status"] == "busy"
    ended = closed(runner, answer)
    assert (ended["status"], ended["again"], ended["serve"]) == ("published", True, [])
    assert ledger.held_by("one") is None
    [noted] = ledger.newest(1)
    assert noted["served"] == {"warehouse": {"tables": {}}}
    assert noted["shown"]["warehouse"].startswith("9223372036854775807 ")
    assert account.messages() == []


def test_what_the_warehouse_shows_is_not_loaded_again_and_what_it_does_not_is(
    account: Account, ledger: MartLedger
) -> None:
    answer, runner = served(account, ledger)
    closed(runner, answer)
    for execution in ("two", "three"):  # each knows it from the run before
        assert served(account, ledger, STANDS, execution)[0]["serve"] == []
        assert ledger.held_by(execution) is None
    newer = replace(NEW, version=8, before=NEW.version)
    answer, runner = served(account, ledger, newer, "four")
    assert [each["lake"]["after"] for each in answer["serve"]] == ["8"]
    closed(runner, answer)
    undone = service(account, ledger, serving=("warehouse",)).roll_back("five", trigger="operator")
    lake = {"before": None, "after": "7", "periods": []}
    assert undone["serve"] == [{"consumer": "warehouse", "lake": lake}]


@pytest.mark.parametrize("change", ["layout", "column"])
def test_a_mart_that_is_laid_out_anew_is_loaded_though_its_version_stands(
    account: Account, ledger: MartLedger, change: str
) -> None:
    answer, runner = served(account, ledger)
    closed(runner, answer)
    mart = runner.mart
    assert mart.warehouse
    longer = tuple(replace(each, max_length=9) for each in mart.columns)
    anew = (
        replace(mart, warehouse=replace(mart.warehouse, distribution="even"))
        if change == "layout"
        else replace(mart, columns=longer)
    )
    runner = service(account, ledger, lambda _: STANDS, serving=("warehouse",))
    assert run(replace(runner, mart=anew), "two")["serve"]


def test_a_mart_that_is_not_marked_is_loaded_nowhere(account: Account, ledger: MartLedger) -> None:
    runner = service(account, ledger, serving=("warehouse",))
    assert run(replace(runner, mart=replace(runner.mart, warehouse=None)))["serve"] == []
    assert ledger.held_by("one") is None


def test_a_dashboard_is_refreshed_and_a_refresh_that_cannot_begin_is_told(
    account: Account, ledger: MartLedger
) -> None:
    runner = service(account, ledger, serving=("dashboards",))
    answer = run(runner)
    assert [each["consumer"] for each in answer["serve"]] == ["dashboards"]
    ordered = {"served": "dashboard_refresh", "refresh": "not started", "problem": "denied"}

    def close(answer: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        served = [{"consumer": "dashboards", "result": result}]
        return runner.close({**answer, "served": served})

    ended = close(answer, ordered)
    assert ended["served"]["dashboard_refresh"]["problem"] == "denied"
    [message] = account.messages()
    assert message["subject"] == f"ERROR [dev] {NAME}: published, but not in the dashboards"
    runner = service(account, ledger, lambda _: STANDS, serving=("dashboards",))
    answer = run(runner, "two")
    assert len(answer["serve"]) == 1
    close(answer, {"served": "dashboard_refresh", "refresh": "joined"})
    assert run(runner, "three")["serve"] == []
    bare = replace(runner, mart=replace(runner.mart, dashboard=False))
    assert run(bare, "four")["serve"] == []


def test_a_load_that_fails_is_told_once_fails_nothing_and_is_made_up_for_by_the_next_run(
    account: Account, ledger: MartLedger
) -> None:
    answer, runner = served(account, ledger)
    for _ in range(2):  # closed again after a crash
        ended = closed(runner, answer, REFUSED)
    problem = ended["served"]["warehouse"]["problem"]
    assert ended["status"] == "published"
    assert problem.startswith("WarehouseLoadFailed: WarehouseLoad ended as FAILED with")
    assert "merge: out of memory" in problem
    [message] = account.messages()
    assert message["subject"] == f"ERROR [dev] {NAME}: published, but not in the warehouse"
    assert f"warehouse: {problem}" in message["message"]
    assert message["attributes"]["error"] == "WarehouseLoadFailed"
    [noted] = ledger.newest(1)
    assert (noted["status"], noted["shown"]) == ("succeeded", {})
    answer, runner = served(account, ledger, STANDS, "two")
    assert (answer["status"], len(answer["serve"])) == ("unchanged", 1)
    closed(runner, answer)
    assert served(account, ledger, STANDS, "three")[0]["serve"] == []


def test_a_run_that_ends_while_it_is_shown_says_that_it_is_published(
    account: Account, ledger: MartLedger
) -> None:
    _, runner = served(account, ledger)
    failure = Failure(mart=NAME, execution="one", error="Execution.ABORTED", cause="stopped")
    assert runner.fail(failure) == {"told": True, "again": False}
    [message] = account.messages()
    assert f"Published: curated.{NAME} is as this run computed it." in message["message"]
    assert ledger.newest(1)[0]["status"] == "succeeded"
    assert served(account, ledger, STANDS, "two")[0]["serve"]  # nobody knows whether it is shown


CAUGHT = {
    "execution": "arn:e",
    "request": {"mart": NAME, "trigger": "operator"},
    "failure": {"Error": "RetryableError", "Cause": '{"errorMessage": "throttled"}'},
}


def ended(status: str, given: str, **more: str) -> dict[str, Any]:
    detail = {"executionArn": "arn:e", "status": status, "input": given, **more}
    return {"detail-type": messages.STATUS_CHANGE, "detail": detail}


def test_a_failure_is_read_from_the_catch_and_from_the_end_of_an_execution() -> None:
    caught = messages.parse(CAUGHT)
    assert caught == Failure(
        mart=NAME, execution="arn:e", error="RetryableError", cause="throttled"
    )
    stopped = messages.parse(ended("ABORTED", f'{{"mart": "{NAME}"}}'))
    assert stopped is not None
    assert (stopped.error, stopped.cause) == ("Execution.ABORTED", messages.NO_CAUSE)
    said = messages.parse(ended("FAILED", f'{{"mart": "{NAME}"}}', error="E", cause="why"))
    assert said is not None
    assert (said.error, said.cause) == ("E", "why")


def test_an_execution_that_only_starts_others_has_no_run_to_end() -> None:
    assert messages.parse(ended("FAILED", '{"detail": {}}')) is None
    with pytest.raises(PermanentError, match="neither a caught failure nor"):
        messages.parse({"other": 1})


def test_a_transient_failure_is_left_to_the_state_machine(
    account: Account, ledger: MartLedger
) -> None:
    with pytest.raises(RetryableError):
        run(service(account, ledger, raising(RetryableError("changed meanwhile"))))
    assert run(service(account, ledger))["status"] == "published"
    assert len(ledger.newest(5)) == 1
