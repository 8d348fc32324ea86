"""What people read, as a whole: success, quality warning, failure, care. Rejected files and refreshed dashboards have
their own tests (test_rejection_bursts.py, ../state_machine/test_dashboard_refresh.py)."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lambdas.close_run import messages as closing
from lambdas.close_run.comparison import Written
from lambdas.fail_run import messages as failing
from lambdas.fail_run.failures import Failure
from lambdas.release_dataset import messages as release
from pipeline.run_documents import CurateResult, LoadResult, MaintenanceResult, Manifest
from slipway.grammar import build_parser
from tests.run_samples import (
    curate_result,
    load_result,
    maintained_table,
    maintenance_result,
    manifest,
    manifest_file,
)

RUN_ID = "20261121T041500-0a1b2c3d"
RUN: dict[str, Any] = {
    "run_id": RUN_ID, "dataset": "sales_records", "mode": "load", "status": "succeeded", "file_count": 2,
    "rows_read": 110, "rows_loaded": 100, "rows_quarantined": 0, "rows_deduplicated": 10, "duration_seconds": 73,
    "totals": {"loaded": {"total_revenue": "1234.50"}}, "file_hashes": ["a", "b"],
    "effect": {"new": 70, "replaced": 30, "of": {"acme": 30}, "repeated_equal": 10},
}  # fmt: skip


def written(
    *, warnings: dict[str, int] | None = None, rules: list[dict[str, Any]] | None = None
) -> Written:
    totals = {"read": {}, "loaded": {}, "quarantined": {}, "deduplicated": {}}
    files = [
        {"sha256": "a", "file_name": "a.csv", "rows_read": 60, "rows_loaded": 60, "rows_quarantined": 0,
         "rows_deduplicated": 0, "totals": totals},
        {"sha256": "b", "file_name": "b.csv", "rows_read": 50, "rows_loaded": 40, "rows_quarantined": 0,
         "rows_deduplicated": 10, "totals": totals},
    ]  # fmt: skip
    changes = ["sales_records: new column note"]
    processed = load_result(
        *files, warnings_by_rule=warnings or {}, table_rules=rules or [], schema_changes=changes
    )
    return Written(
        manifest=Manifest.from_json(manifest()),
        processed=LoadResult.from_json(processed),
        curated=CurateResult.from_json(curate_result()),
    )


def test_a_success_whose_dashboards_could_not_be_refreshed_is_a_warning_that_says_so() -> None:
    served = {
        "dashboard_refresh": {
            "refresh": "not started",
            "problem": "StepFunctions.AccessDeniedException: no",
        }
    }
    run = {**RUN, "served": served}
    assert closing.subject("prod", run, written()).startswith(
        "WARNING [prod] sales_records: load succeeded"
    )
    facts = closing.facts("prod", run, written())
    assert (facts["kind"], facts["severity"]) == ("success", "warning")
    assert (
        "WARNING: dashboards were not refreshed (StepFunctions.AccessDeniedException: no)"
        in closing.body(run, written())
    )
    joined = {**RUN, "served": {"dashboard_refresh": {"refresh": "joined"}}}
    assert closing.facts("prod", joined, written())["severity"] == "info"


def test_files_of_one_moment_with_the_same_keys_are_named_since_time_did_not_decide() -> None:
    plain = written()
    outdated = replace(plain.processed.files[0].effect, rows_outdated=1)
    gave_way = (replace(plain.processed.files[0], effect=outdated), plain.processed.files[1])
    same = replace(
        plain,
        manifest=Manifest.from_json(manifest(manifest_file("a"), manifest_file("b"))),
        processed=replace(plain.processed, files=gave_way),
    )
    assert closing.facts("prod", RUN, same)["severity"] == "warning"
    assert "- a.csv, b.csv came at the same moment (2026-11-20 08:00:00 UTC)" in closing.body(
        RUN, same
    )
    later = manifest_file("b", received_at="2026-11-20T08:00:00.000001Z")
    apart = replace(same, manifest=Manifest.from_json(manifest(manifest_file("a"), later)))
    only_repeats = replace(same, processed=plain.processed)
    assert closing.doubts(apart) == closing.doubts(only_repeats) == []


def test_columns_that_a_file_lacks_are_named_where_it_has_replaced_rows() -> None:
    plain = written()
    lacking = replace(plain.processed.files[0], lacking_columns=("Mag", "Depth"))
    replaced = replace(lacking, effect=replace(lacking.effect, rows_replaced=2))
    quiet, told = (
        replace(plain, processed=replace(plain.processed, files=(file,)))
        for file in (lacking, replaced)
    )
    assert closing.doubts(quiet) == []
    assert closing.facts("prod", RUN, told)["severity"] == "warning"
    assert closing.doubts(told) == [
        "a.csv has no column 'Mag', 'Depth', which is now empty in the 2 rows that it replaced."
        " If the values are still needed, send the file again with it; the column's `absent: refuse` in the"
        " contract has such files rejected"
    ]


def test_dates_after_the_day_of_delivery_need_a_look() -> None:
    plain = written()
    late = replace(plain.processed.files[0], dates_until=date(2027, 5, 6))
    told = replace(plain, processed=replace(plain.processed, files=(late,)))
    assert closing.facts("prod", RUN, told)["severity"] == "warning"
    assert "- a.csv has dates until 2027-05-06, after the day on which it came" in closing.body(
        RUN, told
    )


def test_a_success_reads_like_this() -> None:
    assert closing.subject("prod", RUN, written()) == (
        "INFO [prod] sales_records: load succeeded, 100 rows loaded"
    )
    assert closing.body(RUN, written()) == (
        f"Run {RUN_ID} of sales_records (load) loaded 100 of 110 rows from 2 files in 73 seconds.\n"
        "Quarantined: 0. Gave way to a later row of the same key: 10.\n"
        "In the table: 70 new, 30 replaced (acme 30), 10 repeated in the file.\n"
        "\n"
        "total_revenue: 1234.50\n"
        "\n"
        "Changes of tables, as the contract allows:\n"
        "- sales_records: new column note\n"
        "\n"
        "Not touched: files as they came, and every row that these files did not bring.\n"
        f"Next: slipway runs show {RUN_ID} --dataset sales_records\n"
        "\n"
        "file: read = loaded + quarantined + deduplicated\n"
        "a.csv: 60 = 60 + 0 + 0\n"
        "b.csv: 50 = 40 + 0 + 10"
    )
    assert closing.facts("prod", RUN, written()) == {
        "kind": "success", "severity": "info", "environment": "prod", "dataset": "sales_records",
        "run_id": RUN_ID, "mode": "load",
    }  # fmt: skip


def test_rows_of_other_partners_and_repeats_that_differ_make_a_success_a_warning() -> None:
    effect = {
        "new": 5,
        "replaced": 12,
        "of": {"acme": 12},
        "of_others": 12,
        "repeated_different": 1,
    }
    run = {**RUN, "effect": effect}
    back = {**RUN, "effect": {"replaced": 1, "of": {"acme": 1}, "turned_back": 1}}
    assert "with 1 row turned back to older values, 100" in closing.subject("prod", back, written())
    assert closing.subject("prod", run, written()) == (
        "WARNING [prod] sales_records: load succeeded with 12 rows of other partners replaced and"
        " 1 repeat of a key with other values, 100 rows loaded"
    )
    assert closing.facts("prod", run, written())["severity"] == "warning"
    assert (
        "In the table: 5 new, 12 replaced (acme 12), 1 gave way to a row of the same file with other values.\n"
        in closing.body(run, written())
    )


WARNING = {"kind": "freshness", "action": "warn"}
UNPROVEN = {
    **WARNING,
    "rule_id": "orders.fresh",
    "status": "unproven",
    "measured": "no rows",
    "expected": "at most 36 hours",
}
PASSED = {
    **WARNING,
    "rule_id": "orders.unique",
    "status": "passed",
    "measured": "0",
    "expected": "0",
}


def test_a_quality_warning_reads_like_this() -> None:
    warned = written(warnings={"price.positive": 3, "price.known": 0}, rules=[UNPROVEN, PASSED])
    assert closing.subject("prod", RUN, warned) == (
        "WARNING [prod] sales_records: load succeeded with 2 broken rules, 100 rows loaded"
    )
    assert (
        "total_revenue: 1234.50\n"
        "\n"
        "Broken rules, which only warn: their rows are loaded.\n"
        "- rule price.positive: 3 rows\n"
        "- rule orders.fresh: UNPROVEN: measured no rows, expected at most 36 hours\n"
        "\n"
        "Changes of tables"
    ) in closing.body(RUN, warned)
    facts = closing.facts("prod", RUN, warned)
    assert (facts["kind"], facts["severity"]) == ("quality_warning", "warning")


def test_a_rule_that_found_no_row_is_not_told_besides_that_every_row_was_refused() -> None:
    refused = written(rules=[UNPROVEN])
    files = [
        replace(file, rows_loaded=0, rows_deduplicated=0, rows_quarantined=file.rows_read)
        for file in refused.processed.files
    ]
    nothing = replace(refused, processed=replace(refused.processed, files=tuple(files)))
    assert "UNPROVEN" in closing.body(RUN, refused)
    assert "UNPROVEN" not in closing.body(RUN, nothing)


@pytest.mark.parametrize(
    "broken", [written(warnings={"price.positive": 1}), written(rules=[UNPROVEN])]
)
def test_one_broken_rule_of_either_kind_is_enough_for_a_warning(broken: Written) -> None:
    assert closing.subject("prod", RUN, broken) == (
        "WARNING [prod] sales_records: load succeeded with 1 broken rule, 100 rows loaded"
    )


def test_refused_rows_need_a_look_and_one_of_a_thing_is_not_many() -> None:
    refused = {**RUN, "rows_quarantined": 51}
    assert closing.subject("prod", refused, written()) == (
        "WARNING [prod] sales_records: load succeeded with 51 refused rows, 100 rows loaded"
    )
    facts = closing.facts("prod", refused, written())
    assert (facts["kind"], facts["severity"]) == ("success", "warning")
    one = {
        **RUN,
        "rows_quarantined": 1,
        "rows_loaded": 1,
        "rows_read": 1,
        "file_count": 1,
        "duration_seconds": 1,
    }
    assert closing.subject("prod", one, written(warnings={"price.positive": 1})) == (
        "WARNING [prod] sales_records: load succeeded with 1 broken rule and 1 refused row, 1 row loaded"
    )
    told = closing.body(one, written(warnings={"price.positive": 1}))
    assert "(load) loaded 1 of 1 row from 1 file in 1 second.\n" in told
    assert "- rule price.positive: 1 row\n" in told


SMALL: dict[str, Any] = {
    **RUN,
    "engine_chosen": "duckdb",
    "engine_reason": "110 rows in 0.1 MB are within DuckDB's 1,000 rows and 2 MB",
    "engines": {"raw_to_processed": "duckdb", "processed_to_curated": "duckdb"},
    "fallbacks": {},
}


def test_a_small_run_says_which_engine_did_it_and_why() -> None:
    assert (
        "Engines: DuckDB did raw_to_processed, DuckDB did processed_to_curated. DuckDB was chosen:"
        " 110 rows in 0.1 MB are within DuckDB's 1,000 rows and 2 MB."
    ) in closing.body(SMALL, written()).splitlines()
    assert closing.subject("dev", SMALL, written()).startswith("INFO")


def test_a_job_that_spark_had_to_do_for_duckdb_is_a_warning_that_says_why() -> None:
    run = {
        **SMALL,
        "engines": {**SMALL["engines"], "processed_to_curated": "spark"},
        "fallbacks": {"processed_to_curated": "NeedsSpark: 9 GB would be read"},
    }
    told = closing.body(run, written()).splitlines()
    assert (
        "WARNING: DuckDB could not do processed_to_curated, so Spark did:"
        " NeedsSpark: 9 GB would be read"
    ) in told
    assert closing.subject("dev", run, written()).startswith("WARNING")


def test_a_very_large_run_says_so_and_what_emr_serverless_did_not_begin() -> None:
    large = {
        **SMALL,
        "engine_chosen": "emr",
        "engine_reason": "9 rows in 0.1 MB are more than 5 rows and 2 MB, above which EMR Serverless is used",
        "engines": {"raw_to_processed": "emr", "processed_to_curated": "spark"},
        "fallbacks": {"processed_to_curated": "EmrServerless.ServiceQuotaExceededException: no"},
    }
    told = closing.body(large, written()).splitlines()
    assert (
        "Engines: EMR Serverless did raw_to_processed, Spark did processed_to_curated. EMR Serverless was chosen:"
        " 9 rows in 0.1 MB are more than 5 rows and 2 MB, above which EMR Serverless is used."
    ) in told
    assert (
        "WARNING: EMR Serverless could not do processed_to_curated, so Spark did:"
        " EmrServerless.ServiceQuotaExceededException: no"
    ) in told


def test_a_run_on_spark_says_nothing_of_engines() -> None:
    on_spark = {**SMALL, "engine_chosen": "spark", "engines": {"raw_to_processed": "spark"}}
    assert closing.body(on_spark, written()) == closing.body(RUN, written())


def test_a_warehouse_without_tables_of_the_dataset_is_told_as_such() -> None:
    told = closing.body({**RUN, "served": {"warehouse": {"tables": {}}}}, written())
    assert "Warehouse: the contract marks no table for it." in told
    one = {"by_item": {"loaded_rows": 1}}
    told = closing.body({**RUN, "served": {"warehouse": {"tables": one}}}, written())
    assert "Warehouse: 1 row merged into by_item." in told


def test_a_failure_reads_like_this() -> None:
    failure = Failure(
        dataset="sales_records", execution_arn="arn:e", run_id=RUN_ID, step="RawToProcessed", error="States.TaskFailed",
        cause="the job ran out of memory\njob run jr_1", request={},
    )  # fmt: skip
    assert failing.subject("prod", failure, files_waiting=3) == (
        "ERROR [prod] sales_records: load failed at RawToProcessed (States.TaskFailed), 3 files wait"
    )
    assert failing.body(failure, {**RUN, "status": "failed"}, files_waiting=3) == (
        "Dataset:   sales_records\n"
        f"Run:       {RUN_ID} (load)\n"
        "Step:      RawToProcessed\n"
        "Error:     States.TaskFailed\n"
        "Cause:     the job ran out of memory\n"
        "Tables:    No table was changed: processed and curated are as before the run.\n"
        "Files:     2 files are waiting again. 3 files of sales_records wait for the next run.\n"
        f"Next:      slipway runs show {RUN_ID} --dataset sales_records; then: slipway runs retry {RUN_ID}"
        " --dataset sales_records\n"
        "Execution: arn:e\n"
        "\n"
        "Details:\n"
        "job run jr_1"
    )


def test_care_that_succeeded_reads_like_this() -> None:
    table = maintained_table(
        "sales_records",
        rows_deleted=5,
        files_before=9,
        files_after=1,
        bytes_before=900,
        bytes_after=800,
    )
    care = MaintenanceResult.from_json(maintenance_result(table))
    run = {**RUN, "mode": "maintenance", "report": ["Small files were joined."]}
    assert (
        release.subject("prod", run, care)
        == "INFO [prod] sales_records: maintenance succeeded, 1 table"
    )
    assert release.body(run, care, set_aside=False) == (
        f"Run {RUN_ID} of sales_records: maintenance succeeded in 73 seconds.\n"
        "Small files were joined.\n"
        "\n"
        "Not touched: every row that the request, or the retention of the contract, did not name.\n"
        f"Next: slipway runs show {RUN_ID} --dataset sales_records\n"
        "\n"
        "table: action, rows deleted, files, bytes\n"
        "sales_records: maintained, 5, 9 to 1, 900 to 800"
    )


def test_every_command_in_a_message_of_success_is_one_of_the_command_line() -> None:
    for text in (
        closing.body(RUN, written()),
        closing.body({**RUN, "rows_quarantined": 1}, written()),
    ):
        [command] = re.findall(r"^Next: slipway (.*)$", text, re.M)
        build_parser().parse_args(shlex.split(command))


def test_what_is_kept_in_columns_that_a_file_lacks_is_told_and_needs_no_look() -> None:
    plain = written()
    keeping = replace(
        plain.processed.files[0],
        lacking_columns=("Mag",),
        keeping_columns=("Mag",),
        rows_keeping=3,
    )
    replaced = replace(keeping, effect=replace(keeping.effect, rows_replaced=3))
    told = replace(plain, processed=replace(plain.processed, files=(replaced,), rows_amended=1))
    assert closing.doubts(told) == []
    text = closing.body(RUN, told)
    assert "a.csv has no column 'Mag': 3 rows of it have what earlier files said there." in text
    assert "1 row of files that lack a column have another value there now" in text
