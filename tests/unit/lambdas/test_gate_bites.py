"""What a changed line in the gate could do unseen, found by a mutation run (docs/mutants.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts import model
from contracts.errors import PermanentError, QuarantineLimitExceeded, ReconciliationFailed
from contracts.table_rules import RowCount
from tests.unit.lambdas.test_gate import documents, first, judged, money

UNBROKEN = "nobody_breaks_it"


def refused(
    contract: model.Contract, change: Callable[[dict[str, Any], dict[str, Any]], object]
) -> list[str]:
    """The lines in which a result with this change is refused."""
    manifest, result = documents(contract)
    change(manifest, result)
    with pytest.raises(ReconciliationFailed) as caught:
        judged(manifest, result, contract)
    return str(caught.value).splitlines()


def halting(contract: model.Contract) -> model.Contract:
    """The contract with a halt rule that no row breaks."""
    first_rule = replace(contract.rules[0], id=UNBROKEN, action="halt")
    return replace(contract, rules=(first_rule, *contract.rules[1:]))


def test_the_answer_says_which_run_of_which_dataset_and_nothing_else(
    contract: model.Contract,
) -> None:
    totals = {"read": "150.10", "loaded": "147.05", "quarantined": "1.03", "deduplicated": "2.02"}
    assert judged(*documents(contract), contract) == {
        "dataset": contract.dataset, "run_id": "r", "file_count": 2,
        "rows_read": 150, "rows_loaded": 147, "rows_quarantined": 1, "rows_deduplicated": 2,
        "totals": dict.fromkeys(money("0"), totals),
    }  # fmt: skip


def test_a_halt_rule_that_no_row_broke_stops_nothing(contract: model.Contract) -> None:
    assert judged(*documents(contract), halting(contract))["rows_read"] == 150


def test_a_rule_that_the_job_says_halted_stops_the_run_also_without_a_count(
    contract: model.Contract,
) -> None:
    heading, *_ = refused(contract, lambda _, r: r.update(halted_by_rule={"subject.erased": 0}))
    assert heading.startswith("halt rule 'subject.erased' was broken by 0 rows")


def test_a_broken_halt_rule_is_told_in_the_words_of_the_contract(contract: model.Contract) -> None:
    heading, *_ = refused(
        halting(contract), lambda _, r: r.update(quarantine_by_rule={UNBROKEN: 1})
    )
    assert heading.startswith(
        f"halt rule {UNBROKEN!r} was broken by 1 row: {contract.rules[0].description}"
    )


def test_every_money_column_without_a_total_is_told_with_every_part(
    contract: model.Contract,
) -> None:
    def change(_: Any, result: dict[str, Any]) -> None:
        first(result)["totals"]["read"].clear()
        first(result)["totals"]["loaded"].clear()

    lines = refused(contract, change)
    assert lines[1:] == [f"- a.csv: {column}: no total for read, loaded" for column in money("0")]


def test_every_money_column_that_was_not_observed_is_told(contract: model.Contract) -> None:
    lines = refused(contract, lambda _, r: r["observed"]["totals"].clear())
    assert lines[1:] == [f"- all files: {column}: no observed total" for column in money("0")]


def test_a_file_whose_rows_are_wrong_has_its_money_checked_too(contract: model.Contract) -> None:
    def change(_: Any, result: dict[str, Any]) -> None:
        first(result)["rows_loaded"] = 96
        first(result)["totals"]["loaded"]["total_cost"] = "97.06"

    assert refused(contract, change)[1:] == [
        "- a.csv: rows: read 100, loaded + quarantined + deduplicated 99, difference 1",
        "- a.csv: total_cost: read 100.10, loaded + quarantined + deduplicated 100.11, difference -0.01",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda file: file["totals"]["read"].update(total_cost=100.1),
            r"totals\.read\.total_cost is 100\.1, expected",
        ),
        (
            lambda file: file["totals"]["loaded"].update(total_cost="NaN"),
            r"totals\.loaded\.total_cost is 'NaN'",
        ),
        (
            lambda file: file.update(rows_loaded=101, rows_quarantined=-3),
            r"files\[0\]\.rows_quarantined is -3, expected",
        ),
        (lambda file: file["totals"].pop("loaded"), r"files\[0\]\.totals\.loaded is missing"),
    ],
)
def test_a_figure_that_is_none_is_not_even_read(
    contract: model.Contract, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    manifest, result = documents(contract)
    change(first(result))
    with pytest.raises(PermanentError, match=told):
        judged(manifest, result, contract)


def test_a_deployment_half_way_is_told_with_the_three_versions(contract: model.Contract) -> None:
    heading, *_ = refused(contract, lambda m, _: m.update(contract_version="0.9.0"))
    versions = {"manifest": "0.9.0", "job": contract.version, "gate": contract.version}
    assert heading.startswith(f"contract versions differ: {versions}; run again")


def test_nothing_read_is_called_unproven_first(contract: model.Contract) -> None:
    def change(manifest: dict[str, Any], result: dict[str, Any]) -> None:
        manifest["files"], result["files"] = [], []
        result["observed"] = {"rows_read": 0, "totals": money("0.00")}

    (heading,) = refused(contract, change)  # one problem is said once
    assert heading.startswith(
        "UNPROVEN: 0 rows were read, so that nothing is shown by the sums being equal (1 "
    )


def kind_of_refusal(
    contract: model.Contract, *, bad: int, counted: int = 100, halted: bool = False
) -> tuple[type, str]:
    """How a result is refused in which `bad` of the 100 rows of a.csv are refused and intake counted `counted`."""
    manifest, result = documents(contract)
    manifest["files"][0]["row_count"] = counted
    first(result).update(rows_loaded=98 - bad, rows_quarantined=bad)
    result["quarantine_by_rule"] = {"row.field_count": bad - 1, "order_date.type": 1}
    result["halted_by_rule"] = {"subject.erased": 1} if halted else {}
    with pytest.raises(ReconciliationFailed) as caught:
        judged(manifest, result, contract)
    return caught.type, str(caught.value)


def test_only_a_run_with_nothing_wrong_but_bad_rows_may_have_files_set_aside(
    contract: model.Contract,
) -> None:
    """For QuarantineLimitExceeded the rest of the batch is loaded by itself, which a wrong sum must never cause."""
    assert kind_of_refusal(contract, bad=90)[0] is QuarantineLimitExceeded
    assert kind_of_refusal(contract, bad=90, counted=99)[0] is ReconciliationFailed
    assert kind_of_refusal(contract, bad=90, halted=True)[0] is ReconciliationFailed


def test_a_table_rule_that_nobody_evaluated_is_no_matter_of_bad_rows(
    contract: model.Contract,
) -> None:
    rule = RowCount(id="enough", description="Enough.", action="halt", minimum=10, maximum=None)
    manifest, result = documents(contract)
    with pytest.raises(
        ReconciliationFailed, match="'enough': the job says nothing of it"
    ) as caught:
        judged(manifest, result, replace(contract, table_rules=(rule,)))
    assert caught.type is ReconciliationFailed


def test_too_many_bad_rows_are_told_by_rule(contract: model.Contract) -> None:
    told = kind_of_refusal(contract, bad=90)[1]
    assert told.startswith(
        "90 of 100 rows of a.csv were quarantined, the contract allows a share of "
    )
    assert (
        "; rows of the batch by rule: row.field_count 89, order_date.type 1 (1 discrepancy" in told
    )
