"""What a changed line in close_run's figures could do unseen, found by a mutation run (docs/mutants.md)."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts import model
from contracts.errors import ReconciliationFailed
from lambdas.close_run.comparison import verify
from lambdas.close_run.figures import ending, engines
from pipeline.run_documents import JobResult
from tests.run_samples import PRICES
from tests.unit.lambdas.ending import DATASET, JOBS, MONEY, NOON, WrittenJson, written


@pytest.fixture
def contract() -> model.Contract:
    return model.load(DATASET)


def differences(documents: WrittenJson, contract: model.Contract) -> list[str]:
    """What is told, after the heading with the number of discrepancies."""
    with pytest.raises(ReconciliationFailed) as caught:
        verify(documents.read(), contract)
    heading, *told = str(caught.value).splitlines()
    count = "1 discrepancy" if len(told) == 1 else f"{len(told)} discrepancies"
    assert heading == f"{count} after publishing:"
    return told


def test_documents_that_add_up_are_accepted(contract: model.Contract) -> None:
    verify(written(contract).read(), contract)


@pytest.mark.parametrize("part", ["loaded", "quarantined", "deduplicated"])
def test_each_part_of_a_files_rows_counts(contract: model.Contract, part: str) -> None:
    documents = written(contract)
    documents.processed["files"][0][f"rows_{part}"] += 1
    [told] = differences(documents, contract)
    counted, done = {"a": 10, "b": 5}, {"a": 11, "b": 5}
    assert (
        told
        == f"- rows per file: intake counted {counted}, loaded + quarantined + deduplicated are {done}"
    )


def test_every_model_that_differs_is_told_also_after_one_that_is_missing_or_untouched(
    contract: model.Contract,
) -> None:
    documents = written(contract)
    first, second = documents.curated["models"]
    second["totals"]["cost"]["curated"] = "100.51"
    told = [f"- {second['name']}.cost: processed 100.50, curated 100.51"]
    first |= {"periods": [], "rows": 0, "totals": {}}
    assert differences(documents, contract) == told
    documents.curated["models"].remove(first)
    missing = f"- {first['name']}: processed_to_curated says nothing of it"
    assert differences(documents, contract) == [missing, *told]


@pytest.mark.parametrize(
    "touched", [{"periods": ["2026-11-01"], "rows": 0}, {"periods": [], "rows": 3}]
)
def test_a_model_that_touched_anything_must_show_totals(
    contract: model.Contract, touched: dict[str, Any]
) -> None:
    documents = written(contract)
    documents.curated["models"][0] |= {**touched, "totals": {}}
    name, columns = (
        contract.curated[0].name,
        [column for column, _ in contract.curated[0].conserves],
    )
    assert differences(documents, contract) == [
        f"- {name}.{column}: no totals" for column in columns
    ]


def test_a_run_that_has_not_published_is_told(contract: model.Contract) -> None:
    documents = written(contract)
    documents.curated["published"] = False
    assert differences(documents, contract) == ["- processed_to_curated ended without publishing"]


def test_the_ledger_keeps_exactly_these_attributes_of_a_run(contract: model.Contract) -> None:
    documents = written(contract)
    files = copy.deepcopy(documents.processed["files"])
    files[0]["rows_deduplicated"], files[1]["rows_quarantined"] = 3, 2
    table_rule = {
        "rule_id": "t", "kind": "unique", "action": "warn", "status": "passed", "measured": "0", "expected": "0",
    }  # fmt: skip
    processed = {**documents.processed, "files": files, "table_rules": [table_rule]}
    run = {"started_at": "2026-11-20T12:00:00.000000Z", "worker_seconds": {"raw_to_processed": 6}}
    run |= {"cost_usd": {"raw_to_processed": Decimal("0.0006")}}
    kept = ending(
        run,
        replace(documents, processed=processed).read(),
        contract,
        ended_at=NOON + timedelta(seconds=90, microseconds=900_000),
        effects={"a": {"new": 9, "replaced": 1, "of": {"acme": 1}}, "b": {"new": 5}},
        worker_seconds=JOBS,
        cost_usd=PRICES.usd(JOBS, {"processed_to_curated": "duckdb"}),
    )
    totals = {"read": "15.00", "loaded": "14.50", "quarantined": "0.50", "deduplicated": "0.00"}
    assert kept == {
        "ended_at": "2026-11-20T12:01:30.900000Z",
        "duration_seconds": 90,
        "file_count": 2,
        "rows_read": 15, "rows_loaded": 14, "rows_quarantined": 3, "rows_deduplicated": 3,
        "effect": {"new": 14, "replaced": 1, "of": {"acme": 1}},
        "totals": {part: dict.fromkeys(MONEY, amount) for part, amount in totals.items()},
        "snapshots": {
            DATASET: {"before": 11, "after": 12},
            f"{DATASET}_quarantine": {"before": None, "after": 22},
            **{wanted.name: {"before": 31, "after": 32} for wanted in contract.curated},
        },
        "engine": "spark 4.1.1",
        "bytes_read": 4321,
        "worker_seconds": {"raw_to_processed": 200, "processed_to_curated": 120},
        "cost_usd": {"raw_to_processed": Decimal("0.02"), "processed_to_curated": Decimal("0.0048")},
        "row_rules": [{"rule_id": "r", "action": "warn", "rows_checked": 15, "rows_failed": 0}],
        "table_rules": [table_rule],
        "served": {},
    }  # fmt: skip
    assert not any(isinstance(value, float) for value in kept.values())


def test_a_run_that_was_never_resumed_costs_what_its_jobs_cost(contract: model.Contract) -> None:
    run = {"started_at": "2026-11-20T12:00:00.000000Z"}
    kept = ending(
        run,
        written(contract).read(),
        contract,
        ended_at=NOON,
        effects={},
        worker_seconds=JOBS,
        cost_usd=PRICES.usd(JOBS, {}),
    )
    assert kept["worker_seconds"] == JOBS
    assert kept["cost_usd"] == PRICES.usd(JOBS, {})


def test_the_ledger_keeps_which_engine_was_chosen_which_did_each_job_and_where_spark_stepped_in(
    contract: model.Contract,
) -> None:
    documents = written(contract)
    documents.manifest |= {"engine": "duckdb", "engine_reason": "it is small"}
    fallback = 'NeedsSpark: {"errorMessage": "9 GB would be read", "errorType": "NeedsSpark"}'
    took = {"seconds": 3, "worker_seconds": 3, "size_bytes": 9}
    jobs = {
        "processed_to_curated": JobResult.from_json(
            {"engine": "spark", "fallback": fallback, **took}
        )
    }
    run = {"engines": {"raw_to_processed": "duckdb"}, "fallbacks": {}}  # of before it was resumed
    assert engines(run, documents.read(), jobs) == {
        "engine_chosen": "duckdb",
        "engine_reason": "it is small",
        "engines": {"raw_to_processed": "duckdb", "processed_to_curated": "spark"},
        "fallbacks": {"processed_to_curated": "NeedsSpark: 9 GB would be read"},
    }
