"""The gate lets only proven runs pass: a table of everything that may be wrong with the figures."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError, QuarantineLimitExceeded, ReconciliationFailed
from contracts.table_rules import RowCount, TableRule
from lambdas.gate import handler
from lambdas.gate.service import reconcile
from pipeline.run_documents import LoadResult, Manifest
from tests import run_samples
from tests.run_samples import load_result, manifest_file

MONEY = ("total_revenue", "total_cost", "total_profit")
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def money(amount: str) -> dict[str, str]:
    return dict.fromkeys(MONEY, amount)


def passed(rule: TableRule) -> dict[str, Any]:
    found = {"rule_id": rule.id, "kind": rule.kind, "action": rule.action, "status": "passed"}
    return {**found, "measured": "enough", "expected": "enough"}


def documents(contract: model.Contract) -> tuple[dict[str, Any], dict[str, Any]]:
    """A manifest and a result that add up: 100 + 50 rows, 1 quarantined, 2 deduplicated."""
    common = {
        "dataset": contract.dataset,
        "run_id": "r",
        "mode": "load",
        "contract_version": contract.version,
    }
    files = [manifest_file("a", row_count=100), manifest_file("b", row_count=50)]
    first = {
        "sha256": "a", "file_name": "a.csv",
        "rows_read": 100, "rows_loaded": 97, "rows_quarantined": 1, "rows_deduplicated": 2,
        "totals": {"read": money("100.10"), "loaded": money("97.05"), "quarantined": money("1.03"),
                   "deduplicated": money("2.02")},
    }  # fmt: skip
    second = {
        "sha256": "b", "file_name": "b.csv",
        "rows_read": 50, "rows_loaded": 50, "rows_quarantined": 0, "rows_deduplicated": 0,
        "totals": {"read": money("50.00"), "loaded": money("50.00"), "quarantined": money("0.00"),
                   "deduplicated": money("0")},
    }  # fmt: skip
    result = load_result(
        first,
        second,
        **common,
        observed={"rows_read": 150, "totals": money("150.10")},
        quarantine_by_rule={"shipped_on_or_after_order": 1},
        table_rules=[passed(rule) for rule in contract.table_rules],
    )
    return copy.deepcopy(run_samples.manifest(*files, **common)), copy.deepcopy(result)


def judged(
    manifest: dict[str, Any], result: dict[str, Any], contract: model.Contract
) -> dict[str, Any]:
    """What the gate says of these documents, whose effects on the table are as their counts."""
    explained = run_samples.explained(result)
    return reconcile(
        Manifest.from_json(manifest), LoadResult.from_json(explained), contract, lambda _: 0
    )


def test_figures_that_add_up_pass_and_are_summed(contract: model.Contract) -> None:
    summary = judged(*documents(contract), contract)
    assert {name: summary[name] for name in summary if name.startswith("rows_")} == {
        "rows_read": 150, "rows_loaded": 147, "rows_quarantined": 1, "rows_deduplicated": 2,
    }  # fmt: skip
    assert summary["totals"]["total_cost"] == {
        "read": "150.10", "loaded": "147.05", "quarantined": "1.03", "deduplicated": "2.02",
    }  # fmt: skip


def test_a_broken_halt_rule_shows_a_record_that_breaks_it(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    result["halted_by_rule"] = {"subject.erased": 1}
    result["files"][0]["samples"] = [
        {"rule_id": "subject.erased", "record": 9, "reason": "buyer: not taken again"}
    ]
    with pytest.raises(ReconciliationFailed, match=r"; a\.csv, record 9: buyer: not taken again"):
        judged(manifest, result, contract)


def first(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["files"][0]
    return found


def test_what_a_database_said_of_a_file_must_be_what_was_read(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    manifest["files"][1]["declared_totals"] = money("50.00")
    assert judged(manifest, result, contract)["rows_read"] == 150
    manifest["files"][1]["declared_totals"]["total_cost"] = "50.01"
    told = r"b\.csv: total_cost: said by its source 50\.01, read 50\.00, difference 0\.01"
    with pytest.raises(ReconciliationFailed, match=told):
        judged(manifest, result, contract)


def test_what_a_database_said_is_not_asked_where_an_amount_may_not_have_been_read(
    contract: model.Contract,
) -> None:
    manifest, result = documents(contract)
    manifest["files"][0]["declared_totals"] = money("999.00")  # a record of it was refused
    assert judged(manifest, result, contract)["rows_read"] == 150


DISCREPANCIES: dict[str, tuple[Change, list[str]]] = {
    "a row lost between file and Spark": (
        lambda _, r: first(r).update(rows_read=99, rows_loaded=96),
        ["a.csv: rows: counted by intake 100, read 99, difference 1"],
    ),
    "a row lost while loading": (
        lambda _, r: first(r).update(rows_loaded=96),
        ["a.csv: rows: read 100, loaded + quarantined + deduplicated 99, difference 1"],
    ),
    "a row loaded twice": (lambda _, r: first(r).update(rows_loaded=98), ["difference -1"]),
    "a cent changed": (
        lambda _, r: first(r)["totals"]["loaded"].update(total_cost="97.06"),
        ["a.csv: total_cost: read 100.10, loaded + quarantined + deduplicated 100.11, difference -0.01"],
    ),
    "a total missing": (
        lambda _, r: first(r)["totals"]["read"].pop("total_profit"),
        ["a.csv: total_profit: no total for read"],
    ),
    "rows seen by the observer only": (
        lambda _, r: r["observed"].update(rows_read=151),
        ["all files: rows: observed 151, sum of the files 150, difference 1"],
    ),
    "money seen by the observer only": (
        lambda _, r: r["observed"]["totals"].update(total_cost="150.11"),
        ["all files: total_cost: observed 150.11, sum of the files 150.10, difference 0.01"],
    ),
    "no observed total": (lambda _, r: r["observed"]["totals"].pop("total_cost"), ["no observed total"]),
    "a file forgotten": (lambda _, r: r["files"].pop(), ["b.csv: 1 times in the manifest, 0 in the result"]),
    "a file too many": (lambda m, _: m["files"].pop(), ["b.csv: 0 times in the manifest, 1 in the result"]),
    "a file twice": (lambda _, r: r["files"].append(first(r)), ["a.csv: 1 times in the manifest, 2 in the result"]),
    "another run's result": (lambda _, r: r.update(run_id="q"), ["run_id is 'q', the run's is 'r'"]),
    "another mode": (lambda _, r: r.update(mode="backfill"), ["mode is 'backfill', the run's is 'load'"]),
    "another contract": (lambda _, r: r.update(contract_version="0.9.0"), ["contract versions differ"]),
    "several at once": (
        lambda _, r: (first(r).update(rows_loaded=96), r["files"][1]["totals"]["read"].update(total_cost="49.00")),
        ["2 discrepancies", "a.csv: rows: read 100", "b.csv: total_cost: read 49.00"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DISCREPANCIES)
def test_every_discrepancy_is_refused_and_named(contract: model.Contract, case: str) -> None:
    change, told = DISCREPANCIES[case]
    manifest, result = documents(contract)
    change(manifest, result)
    with pytest.raises(ReconciliationFailed) as caught:
        judged(manifest, result, contract)
    for text in told:
        assert text in str(caught.value)


def quarantine(result: dict[str, Any], rows: int) -> None:
    first(result).update(rows_loaded=98 - rows, rows_quarantined=rows)


def test_the_share_of_a_file_may_reach_the_limit_and_not_pass_it_whatever_came_beside_it(
    contract: model.Contract,
) -> None:
    """Of 150 rows of the batch, 11 are less than a tenth; of the 100 rows of their own file they are more."""
    tenth = replace(contract, max_quarantined_share="0.10")
    manifest, result = documents(contract)
    quarantine(result, 10)
    assert judged(manifest, result, tenth)["rows_quarantined"] == 10
    quarantine(result, 11)
    refusal = r"11 of 100 rows of a\.csv were quarantined, the contract allows a share of 0\.10"
    with pytest.raises(ReconciliationFailed, match=refusal):
        judged(manifest, result, tenth)


def test_a_replay_is_judged_by_what_it_refuses_and_the_load_before_did_not(
    contract: model.Contract,
) -> None:
    tenth = replace(contract, max_quarantined_share="0.10")
    manifest, result = documents(contract)
    manifest["mode"] = result["mode"] = "replay"
    manifest["files"][0]["refused_before"] = 80
    quarantine(result, 90)
    assert judged(manifest, result, tenth)["rows_quarantined"] == 90
    quarantine(result, 91)
    with pytest.raises(
        ReconciliationFailed, match=r"11 of 100 rows of a\.csv that were not refused before"
    ):
        judged(manifest, result, tenth)


def test_records_of_erased_people_do_not_count_as_bad(contract: model.Contract) -> None:
    """A backfill after an erasure refuses them on purpose; whoever asked for it must not be stopped by it."""
    tenth = replace(contract, max_quarantined_share="0.10")
    manifest, result = documents(contract)
    quarantine(result, 30)
    first(result)["rows_erased"] = 20
    assert judged(manifest, result, tenth)["rows_quarantined"] == 30
    first(result)["rows_erased"] = 19
    with pytest.raises(ReconciliationFailed, match=r"11 of 100 rows of a\.csv were quarantined"):
        judged(manifest, result, tenth)


@pytest.mark.parametrize(
    ("rows", "limit", "is_refused"), [(19, "0.10", False), (20, "0.10", True), (1, "0", True)]
)
def test_bad_rows_of_a_file_too_small_for_a_share_are_quarantined_unless_none_is_allowed(
    contract: model.Contract, rows: int, limit: str, is_refused: bool
) -> None:
    manifest, result = documents(contract)
    empty(manifest, result, rows=rows, quarantined=rows)
    limited = replace(contract, max_quarantined_share=limit)
    if is_refused:
        with pytest.raises(
            ReconciliationFailed, match=f"{rows} of {rows} rows of a.csv were quarantined"
        ):
            judged(manifest, result, limited)
    else:
        assert judged(manifest, result, limited)["rows_quarantined"] == rows


def test_rows_of_corrections_do_not_count_for_the_share(contract: model.Contract) -> None:
    """One of nine corrected rows that is still wrong would otherwise stop a dataset with a limit of a tenth."""
    tenth = replace(contract, max_quarantined_share="0.10")
    manifest, result = documents(contract)
    quarantine(result, 98)
    manifest["files"][0]["replay_of"] = "b"
    assert judged(manifest, result, tenth)["rows_quarantined"] == 98
    manifest["files"][0]["replay_of"], manifest["files"][1]["replay_of"] = None, "a"
    with pytest.raises(ReconciliationFailed, match=r"98 of 100 rows"):
        judged(manifest, result, tenth)


def empty(manifest: dict[str, Any], result: dict[str, Any], *, rows: int, quarantined: int) -> None:
    del manifest["files"][1], result["files"][1]
    manifest["files"][0]["row_count"] = rows
    zero = {part: money("0.00") for part in ("read", "loaded", "quarantined", "deduplicated")}
    first(result).update(
        rows_read=rows,
        rows_loaded=0,
        rows_quarantined=quarantined,
        rows_deduplicated=0,
        totals=zero,
    )
    result["observed"] = {"rows_read": rows, "totals": money("0.00")}


def test_nothing_read_proves_nothing(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    empty(manifest, result, rows=0, quarantined=0)
    with pytest.raises(ReconciliationFailed, match="UNPROVEN: 0 rows were read"):
        judged(manifest, result, contract)


def test_no_files_prove_nothing(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    manifest["files"], result["files"] = [], []
    result["observed"] = {"rows_read": 0, "totals": money("0.00")}
    with pytest.raises(ReconciliationFailed, match="UNPROVEN"):
        judged(manifest, result, contract)


def test_a_first_file_without_a_valid_row_says_why_before_the_rules_of_the_table_that_stays_empty(
    contract: model.Contract,
) -> None:
    manifest, result = documents(contract)
    empty(manifest, result, rows=1, quarantined=1)
    reason = "order_date: '31/12/2024' is not a date written M/d/yyyy"
    first(result)["samples"] = [{"rule_id": "order_date.type", "record": 1, "reason": reason}]
    [rule] = [each for each in contract.table_rules if each.kind == "row_count"]
    for found in result["table_rules"]:
        found["status"] = "unproven" if found["rule_id"] == rule.id else "passed"
    with pytest.raises(ReconciliationFailed) as refused:
        judged(manifest, result, contract)
    heading, cause, table_rule = str(refused.value).splitlines()
    assert heading.startswith(
        f"every row of a.csv was refused (1 row): record 1: {reason}; correct it"
    )
    assert cause.startswith("- every row of a.csv")
    assert rule.id in table_rule


def test_all_rows_quarantined_is_refused_whatever_the_limit(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    empty(manifest, result, rows=20, quarantined=20)
    with pytest.raises(ReconciliationFailed, match=r"20 of 20 rows of a\.csv were quarantined"):
        judged(manifest, result, replace(contract, max_quarantined_share="1"))


@pytest.mark.parametrize("where", ["quarantine_by_rule", "warnings_by_rule"])
def test_a_broken_halt_rule_stops_the_run(contract: model.Contract, where: str) -> None:
    halting = replace(
        contract, rules=(replace(contract.rules[0], action="halt"), *contract.rules[1:])
    )
    manifest, result = documents(contract)
    result[where][contract.rules[0].id] = 1
    with pytest.raises(
        ReconciliationFailed, match=f"halt rule '{contract.rules[0].id}' was broken by 1 row"
    ):
        judged(manifest, result, halting)
    assert judged(manifest, result, contract)["rows_read"] == 150


def test_a_halt_that_the_job_tells_stops_the_run_also_when_the_rule_is_built_in(
    contract: model.Contract,
) -> None:
    manifest, result = documents(contract)
    result["halted_by_rule"] = {"subject.erased": 2}
    with pytest.raises(
        ReconciliationFailed, match=r"halt rule 'subject\.erased' was broken by 2 rows: built in"
    ):
        judged(manifest, result, contract)


TABLE_RULE = RowCount(
    id="enough_rows",
    description="There are at least 10 rows.",
    action="halt",
    minimum=10,
    maximum=None,
)


@pytest.mark.parametrize(
    ("action", "status", "refused"),
    [
        ("halt", "passed", False),
        ("halt", "failed", True),
        ("halt", "unproven", True),
        ("warn", "failed", False),
        ("warn", "unproven", False),
    ],
)
def test_a_table_rule_that_halts_must_have_passed(
    contract: model.Contract, action: Any, status: str, refused: bool
) -> None:
    ruled = replace(contract, table_rules=(replace(TABLE_RULE, action=action),))
    manifest, result = documents(ruled)
    found = {"rule_id": "enough_rows", "kind": "row_count", "action": action, "status": status}
    result["table_rules"] = [{**found, "measured": "3 rows", "expected": "at least 10 rows"}]
    if not refused:
        assert judged(manifest, result, ruled)["rows_read"] == 150
        return
    told = f"table rule 'enough_rows' {status.upper()}: measured 3 rows, expected at least 10 rows: There are at least"
    with pytest.raises(ReconciliationFailed, match=told):
        judged(manifest, result, ruled)


@pytest.mark.parametrize(("status", "is_told"), [("unproven", False), ("failed", True)])
def test_a_table_without_the_rows_of_a_bad_file_is_not_called_unproven_as_well(
    contract: model.Contract, status: str, is_told: bool
) -> None:
    ruled = replace(contract, table_rules=(replace(TABLE_RULE, action="halt"),))
    manifest, result = documents(ruled)
    for file in result["files"]:
        file |= {"rows_loaded": 0, "rows_deduplicated": 0, "rows_quarantined": file["rows_read"]}
        file["totals"] |= {"loaded": money("0.00"), "deduplicated": money("0.00")}
        file["totals"]["quarantined"] = file["totals"]["read"]
    found = {"rule_id": "enough_rows", "kind": "row_count", "action": "halt", "status": status}
    result["table_rules"] = [{**found, "measured": "no rows", "expected": "at least 10 rows"}]
    with pytest.raises(QuarantineLimitExceeded) as refused:
        judged(manifest, result, ruled)
    assert "100 of 100 rows of a.csv were quarantined" in str(refused.value)
    assert ("table rule" in str(refused.value)) is is_told


@pytest.mark.parametrize(
    ("contracts", "jobs", "refused"), [("halt", "warn", True), ("warn", "halt", False)]
)
def test_whether_a_table_rule_halts_is_the_contracts_word_and_not_the_jobs(
    contract: model.Contract, contracts: Any, jobs: str, refused: bool
) -> None:
    ruled = replace(contract, table_rules=(replace(TABLE_RULE, action=contracts),))
    manifest, result = documents(ruled)
    found = {"rule_id": "enough_rows", "kind": "row_count", "action": jobs, "status": "failed"}
    result["table_rules"] = [{**found, "measured": "3 rows", "expected": "at least 10 rows"}]
    with pytest.raises(ReconciliationFailed) if refused else nullcontext():
        judged(manifest, result, ruled)


@pytest.mark.parametrize(
    ("action", "status", "refused"),
    [("halt", "failed", True), ("halt", "passed", False), ("warn", "failed", False)],
)
def test_a_rule_that_the_job_adds_halts_when_it_says_so(
    contract: model.Contract, action: str, status: str, refused: bool
) -> None:
    manifest, result = documents(contract)
    found = {
        "rule_id": "customer.protection",
        "kind": "protection",
        "action": action,
        "status": status,
    }
    result["table_rules"].append(
        {**found, "measured": "3 of 9 rows", "expected": "a token in every row"}
    )
    if not refused:
        assert judged(manifest, result, contract)["rows_read"] == 150
        return
    told = "'customer.protection' FAILED: measured 3 of 9 rows, expected a token in every row: built in"
    with pytest.raises(ReconciliationFailed, match=told):
        judged(manifest, result, contract)


@pytest.mark.parametrize("action", ["halt", "warn"])
def test_a_table_rule_that_nobody_evaluated_stops_the_run(
    contract: model.Contract, action: Any
) -> None:
    ruled = replace(contract, table_rules=(replace(TABLE_RULE, action=action),))
    with pytest.raises(ReconciliationFailed, match="'enough_rows': the job says nothing of it"):
        judged(*documents(contract), ruled)


def test_the_first_line_of_a_refusal_is_its_cause_in_one_sentence(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    quarantine(result, 90)
    with pytest.raises(ReconciliationFailed) as caught:
        judged(manifest, result, contract)
    first_line = str(caught.value).splitlines()[0]
    assert first_line.startswith("90 of 100 rows of a.csv were quarantined, the contract allows")
    assert first_line.endswith("(1 discrepancy in run r; nothing is published)")


@pytest.mark.usefixtures("ledgers_of_moto")
def test_the_handler_reads_what_the_steps_wrote(
    account: Any, contract: model.Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROCESSED_BUCKET", "processed")
    monkeypatch.setenv("FILE_LEDGER", account.file_table.name)
    handler._settings.cache_clear()
    manifest, result = documents(contract)
    event = {"dataset": contract.dataset, "run_id": "r"}
    prefix = f"runs/{contract.dataset}/r/"
    account.s3.put_object(
        Bucket="processed", Key=prefix + "manifest.json", Body=json.dumps(manifest)
    )
    with pytest.raises(
        PermanentError, match=r"raw_to_processed\.json is missing; raw_to_processed ended without"
    ):
        handler.handle(event, None)
    account.s3.put_object(
        Bucket="processed", Key=prefix + "raw_to_processed.json", Body=json.dumps(result)
    )
    assert handler.handle(event, None)["rows_loaded"] == 147
    handler._settings.cache_clear()


def test_sums_beyond_28_digits_are_exact(contract: model.Contract) -> None:
    """Python's own arithmetic rounds there: a right delivery would be refused, a wrong one could pass."""
    manifest, result = documents(contract)
    large = "123456789012345678901234567890"
    for file, cents in zip(result["files"], ("10", "05"), strict=True):
        file["totals"] |= {"read": money(f"{large}.{cents}"), "loaded": money(f"{large}.{cents}")}
        file["totals"] |= {"quarantined": money("0.00"), "deduplicated": money("0.00")}
    result["observed"]["totals"] = money("246913578024691357802469135780.15")
    totals = judged(manifest, result, contract)["totals"]
    assert totals["total_cost"]["loaded"] == "246913578024691357802469135780.15"
    result["observed"]["totals"] = money("246913578024691357802469135780.16")
    with pytest.raises(ReconciliationFailed, match=r"observed 246913578024691357802469135780\.16"):
        judged(manifest, result, contract)


def with_history(result: dict[str, Any], rows: int, amount: str) -> None:
    """Say what the history holds of the first file, of which 99 rows with 99.07 were accepted."""
    result["files"][0]["history"] = {"rows": rows, "totals": money(amount)}
    result["files"][1]["history"] = {"rows": 50, "totals": money("50.00")}


def test_a_history_with_every_accepted_record_passes(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    with_history(result, 99, "99.07")
    assert judged(manifest, result, replace(contract, history=True))["rows_read"] == 150


@pytest.mark.parametrize(
    ("rows", "amount", "told"),
    [
        (98, "99.07", "a.csv: rows: in the history 98, loaded + deduplicated 99, difference -1"),
        (100, "99.07", "a.csv: rows: in the history 100, loaded + deduplicated 99, difference 1"),
        (
            99,
            "99.08",
            "a.csv: total_cost: in the history 99.08, loaded + deduplicated 99.07, difference 0.01",
        ),
    ],
)
def test_a_history_that_lacks_or_doubles_a_version_is_refused(
    contract: model.Contract, rows: int, amount: str, told: str
) -> None:
    manifest, result = documents(contract)
    with_history(result, rows, amount)
    with pytest.raises(ReconciliationFailed, match=re.escape(told)):
        judged(manifest, result, replace(contract, history=True))


def test_a_job_that_says_nothing_of_the_history_that_is_wanted_is_refused(
    contract: model.Contract,
) -> None:
    told = re.escape("a.csv: the job says nothing of its rows in the history table")
    with pytest.raises(ReconciliationFailed, match=told):
        judged(*documents(contract), replace(contract, history=True))


def test_a_history_without_a_total_of_money_is_refused(contract: model.Contract) -> None:
    manifest, result = documents(contract)
    with_history(result, 99, "99.07")
    del result["files"][0]["history"]["totals"]["total_cost"]
    told = "a.csv: total_cost: no total for the history, loaded or deduplicated"
    with pytest.raises(ReconciliationFailed, match=re.escape(told)):
        judged(manifest, result, replace(contract, history=True))
