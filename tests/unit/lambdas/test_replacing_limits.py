"""A contract may limit how much of a table a file replaces, and how often the file contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts import model
from contracts.errors import QuarantineLimitExceeded, ReconciliationFailed
from contracts.model import ReplacingLimits
from lambdas.gate.replacing import files_over, joined
from lambdas.gate.service import reconcile
from pipeline import table_effects
from pipeline.run_documents import LoadResult, Manifest
from tests import run_samples
from tests.unit.lambdas.test_gate import documents

OFF = ReplacingLimits(share=None, others_share=None, conflicting_repeats_share=None)
EFFECT = run_samples.effect(37, rows_replaced=60, rows_repeated_equal=1, rows_repeated_different=1)


def limited(contract: model.Contract, **shares: str) -> model.Contract:
    return replace(contract, replacing=replace(OFF, **shares))


def loaded(contract: model.Contract, **file: Any) -> tuple[Manifest, LoadResult]:
    """File a has replaced 60 rows and repeats 1 of 100 with other values; file b is all new."""
    manifest, result = documents(contract)
    result["files"][0]["effect"] = EFFECT
    manifest["files"][0] |= file
    return Manifest.from_json(manifest), LoadResult.from_json(result)


def over(contract: model.Contract, of_others: int = 0, **file: Any) -> dict[str, str]:
    return files_over(*loaded(contract, **file), contract, {"a": of_others, "b": 0}.__getitem__)


def test_nothing_is_limited_unless_the_contract_says_so(contract: model.Contract) -> None:
    def unasked(_: str) -> int:
        raise AssertionError("nobody needs to know whose rows were replaced")

    assert contract.replacing == OFF
    assert files_over(*loaded(contract), contract, unasked) == {}


@pytest.mark.parametrize(
    ("name", "allowed", "limit", "told"),
    [
        ("share", "0.6", "0.59", "60 of 100 rows of a.csv replaced rows of the table"),
        ("others_share", "0.2", "0", "20 of 100 rows of a.csv replaced rows that other partners"),
        ("conflicting_repeats_share", "0.01", "0", "1 of 100 rows of a.csv gave way to a later"),
    ],
)
def test_a_file_above_a_share_is_named_with_its_rows_and_the_limit(
    contract: model.Contract, name: str, allowed: str, limit: str, told: str
) -> None:
    assert over(limited(contract, **{name: allowed}), of_others=20) == {}
    found = over(limited(contract, **{name: limit}), of_others=20)
    assert list(found) == ["a"]
    assert found["a"].startswith(told)
    assert found["a"].endswith(f"(allowed share: {limit})")


def test_corrections_and_what_a_person_released_or_asked_for_are_exempt(
    contract: model.Contract,
) -> None:
    strict = limited(contract, share="0")
    assert list(over(strict)) == ["a"]
    assert over(strict, replay_of="b") == over(strict, is_released=True) == {}
    manifest, result = loaded(strict)
    assert files_over(replace(manifest, mode="backfill"), result, strict, lambda _: 0) == {}


def test_a_few_rows_are_only_judged_where_none_are_allowed(contract: model.Contract) -> None:
    def of(rows: int, share: str) -> dict[str, str]:
        manifest, result = loaded(contract)
        effect = replace(result.files[0].effect, rows_replaced=rows)
        small = replace(result.files[0], rows_read=rows, effect=effect)
        few = replace(result, files=(small,))
        return files_over(manifest, few, limited(contract, share=share), lambda _: 0)

    assert (list(of(19, "0.5")), list(of(20, "0.5")), list(of(19, "0"))) == ([], ["a"], ["a"])


def test_the_gate_refuses_the_run_and_says_what_is_above_the_limit(
    contract: model.Contract,
) -> None:
    strict = limited(contract, share="0.5")
    with pytest.raises(QuarantineLimitExceeded, match=r"^60 of 100 rows of a\.csv replaced rows"):
        reconcile(*loaded(strict), strict, lambda _: 0)
    assert reconcile(*loaded(contract), contract, lambda _: 0)["rows_loaded"] == 147


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda effect: effect.update(rows_new=36),
            "loaded 97, new + replaced + unchanged + kept 96",
        ),
        (
            lambda effect: effect.update(rows_kept=1),
            "loaded 97, new + replaced + unchanged + kept 98",
        ),
        (lambda effect: effect.update(rows_outdated=1), "deduplicated 2, repeats + outdated 3"),
    ],
)
def test_what_the_rows_did_must_explain_what_is_in_the_tables(
    contract: model.Contract, change: Change, told: str
) -> None:
    manifest, result = documents(contract)
    result["files"][0]["effect"] = dict(EFFECT)
    change(result["files"][0]["effect"])
    with pytest.raises(ReconciliationFailed) as caught:
        reconcile(Manifest.from_json(manifest), LoadResult.from_json(result), contract, lambda _: 0)
    assert told in str(caught.value)


def test_files_whose_rows_a_run_replaces_are_marked_with_the_time_of_what_replaces_them(
    account: Any, contract: model.Contract
) -> None:
    for sha256 in ("old", "older"):
        account.files().add(
            {"dataset": contract.dataset, "entry": f"file#{sha256}", "status": "loaded"}
        )
    manifest, result = documents(contract)
    gone = [{"sha256": name, "rows_replaced": 0, "rows_unchanged": 1} for name in ("old", "gone")]
    result["files"][0]["effect"] = run_samples.effect(96, rows_unchanged=1, replaced_files=gone)
    read = Manifest.from_json(manifest), LoadResult.from_json(result)
    table_effects.mark_replaced(account.files(), *read)
    later = replace(read[0].files[0], received_at=read[0].files[0].received_at + timedelta(days=1))
    table_effects.mark_replaced(
        account.files(), replace(read[0], files=(later, *read[0].files[1:])), read[1]
    )
    marks = {
        item["entry"]: (item.get("replaced_by"), item.get("replaced_since"))
        for item in account.entries().values()
    }
    first = "2026-11-20T08:00:00.000000Z"  # and not that of a later one
    assert marks == {"file#old": ("a", first), "file#older": (None, None)}


def test_a_file_above_several_limits_says_so_once() -> None:
    assert joined({"a": "bad"}, {"a": "replaced", "b": "replaced"}) == {
        "a": "bad; replaced",
        "b": "replaced",
    }
