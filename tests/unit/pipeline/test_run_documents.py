"""Documents of a run: samples that jobs and functions wrote come back unchanged, and nothing that differs is read."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts.errors import PermanentError
from pipeline.run_documents import (
    PARTS,
    CurateResult,
    ErasureFindings,
    LoadResult,
    MaintenanceFindings,
    MaintenanceRequest,
    MaintenanceResult,
    Manifest,
    RuleKind,
    ServeResult,
    WarehouseServed,
    serve_result,
)
from pipeline.run_documents.json_form import JsonDocument

SAMPLES = Path(__file__).parent / "run_documents"  # as jobs and functions wrote them
KINDS: dict[str, type[JsonDocument]] = {
    "manifest": Manifest,
    "manifest_retraction": Manifest,
    "raw_to_processed": LoadResult,
    "raw_to_processed_retraction": LoadResult,
    "processed_to_curated": CurateResult,
    "processed_to_curated_untouched": CurateResult,
    "request_rollback": MaintenanceRequest,
    "request_erasure": MaintenanceRequest,
    "found": MaintenanceFindings,
    "found_erasure": ErasureFindings,
    "care": MaintenanceResult,
}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def leaves(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every field and item of a document, those of objects and lists included."""
    children = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for name, child in children:
        yield (*path, name)
        yield from leaves(child, (*path, name))


def shown(path: tuple[str | int, ...]) -> str:
    """A path as errors write it."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def parent(document: Any, path: tuple[str | int, ...]) -> Any:
    for part in path[:-1]:
        document = document[part]
    return document


def refusal(kind: type[JsonDocument], data: object) -> str | None:
    """The error with which a document is not read; None when it is read, and written again as it was."""
    try:
        assert kind.from_json(data).to_json() == data
    except PermanentError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", KINDS)
def test_a_sample_is_written_again_as_it_was(name: str) -> None:
    document = KINDS[name].from_json(sample(name))
    text = (SAMPLES / f"{name}.json").read_text(encoding="utf-8")
    assert json.dumps(document.to_json(), indent=2) + "\n" == text
    assert KINDS[name].from_json(json.loads(text)) == document


def test_results_of_serve_are_told_apart_by_kind_and_written_again_as_they_were() -> None:
    results = [serve_result(data) for data in sample("serve")]
    assert [type(result) for result in results] == list(get_args(ServeResult))
    assert [result.to_json() for result in results] == sample("serve")
    warehouse = results[0]
    assert isinstance(warehouse, WarehouseServed)
    assert [table.lake_bytes for table in warehouse.tables] == [None, 2000]


@pytest.mark.parametrize("name", KINDS)
def test_every_field_is_needed_and_named_when_it_is_missing(name: str) -> None:
    kind, needed = KINDS[name], 0
    for path in leaves(sample(name)):
        data = sample(name)
        if not isinstance(parent(data, path), dict):
            continue
        del parent(data, path)[path[-1]]
        told = refusal(
            kind, data
        )  # none for an entry of a mapping by table, column or rule: readers ask for those
        assert told is None or f": {shown(path)} is missing;" in told
        needed += told is not None
    assert needed


WRONG = [{"of": "nothing"}, 1.5, "no such text", -1, True, ["a", 1]]


@pytest.mark.parametrize("name", KINDS)
def test_no_field_takes_a_value_of_another_type(name: str) -> None:
    """Texts are texts, so that some field takes one of these values; no field takes two of them."""
    kind = KINDS[name]
    for path in leaves(sample(name)):
        refused = 0
        for value in WRONG:
            data = sample(name)
            parent(data, path)[path[-1]] = copy.deepcopy(value)
            told = refusal(kind, data)
            assert told is None or shown(path) in told
            refused += told is not None
        assert refused >= len(WRONG) - 1, shown(path)


@pytest.mark.parametrize("name", KINDS)
def test_an_unknown_field_is_refused_and_named_wherever_it_is(name: str) -> None:
    data = {**sample(name), "rows": {"a": "b"}, "surprise": 7}
    if name == "found_erasure":
        data = {**sample(name), "surprise": 7}
    with pytest.raises(
        PermanentError, match=r"(surprise|rows) is .*expected no field of this name; known: "
    ):
        KINDS[name].from_json(data)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (
            ("files", 0, "rows_loaded"),
            -1,
            "files[0].rows_loaded is -1, expected a whole number, 0 or more",
        ),
        (
            ("files", 0, "rows_loaded"),
            True,
            "files[0].rows_loaded is True, expected a whole number",
        ),
        (("files", 0, "rows_loaded"), "2", "files[0].rows_loaded is '2', expected a whole number"),
        (("files", 0, "rows_loaded"), 2.5, "files[0].rows_loaded is 2.5, expected a whole number"),
        (
            ("files", 0, "rows_loaded"),
            float("inf"),
            "files[0].rows_loaded is inf, expected a whole number",
        ),
        (
            ("files", 0, "rows_loaded"),
            None,
            "files[0].rows_loaded is None, expected a whole number",
        ),
        *(
            (
                ("observed", "totals", "amount"),
                value,
                f"observed.totals.amount is {value!r}, expected an exact amount as text",
            )
            for value in (35.55, 35, "NaN", "Infinity", "1e2", "1_0", " 1", "1.", ".5", "٣", None)
        ),
        (("mode",), "reload", "mode is 'reload', expected one of load, backfill, replay"),
        (("touched_dates", "min"), "20240102", "touched_dates.min is '20240102', expected a date"),
        (
            ("touched_dates", "min"),
            "2024-02-30",
            "touched_dates.min is '2024-02-30', expected a date",
        ),
        (
            ("duration_seconds",),
            float("nan"),
            "duration_seconds is nan, expected a number, 0 or more",
        ),
        (("duration_seconds",), "1", "duration_seconds is '1', expected a number"),
        (
            ("snapshots", "orders", "after"),
            None,
            "snapshots.orders.after is None, expected a whole number",
        ),
        (
            ("table_rules", 0, "kind"),
            "magic",
            f"expected one of {', '.join(get_args(RuleKind))}",
        ),
        (("files",), {}, "files is {}, expected a list"),
        (("files", 0), [], "files[0] is [], expected an object"),
        (("engine",), ["x" * 500], f"engine is ['{'x' * 78}..., expected a text"),
    ],
)
def test_a_wrong_value_is_told_with_its_field(
    path: tuple[str | int, ...], value: object, told: str
) -> None:
    data = sample("raw_to_processed")
    parent(data, path)[path[-1]] = value
    with pytest.raises(PermanentError) as caught:
        LoadResult.from_json(data, place="s3://processed/runs/x.json")
    assert told in str(caught.value)
    assert str(caught.value).startswith("s3://processed/runs/x.json, written by raw_to_processed: ")
    assert str(caught.value).endswith("run the step that wrote it again")


def test_what_is_no_object_at_all_is_told_as_that() -> None:
    with pytest.raises(
        PermanentError, match=r"^Manifest, written by claim_batch: the document is \[\], expected"
    ):
        Manifest.from_json([])


def test_several_missing_fields_are_told_at_once() -> None:
    with pytest.raises(
        PermanentError, match=r": run_id, models, published, duration_seconds are missing;"
    ):
        CurateResult.from_json({"dataset": "orders"})


@pytest.mark.parametrize("said", [None, 1, "true"])
def test_only_true_and_false_say_whether_a_run_is_published(said: object) -> None:
    with pytest.raises(PermanentError, match=r"published is .*, expected true or false"):
        CurateResult.from_json({**sample("processed_to_curated"), "published": said})


def test_money_is_exact_and_keeps_its_decimals() -> None:
    data = sample("raw_to_processed")
    amounts = ("0.00", "-12.50", "99999999999999999999999999999999.999999", "0.0000000001")
    data["observed"]["totals"] = {f"c{position}": amount for position, amount in enumerate(amounts)}
    read = LoadResult.from_json(data)
    assert list(read.observed.totals.values()) == [Decimal(amount) for amount in amounts]
    assert read.to_json()["observed"] == data["observed"]


def test_a_whole_number_may_be_written_with_a_point_since_json_knows_one_kind() -> None:
    data = {"served": "dashboards", "data_sets": 2.0, "rows": 14.0}
    assert serve_result(data).to_json() == {"served": "dashboards", "data_sets": 2, "rows": 14}


def test_a_job_may_take_no_time_at_all() -> None:
    data = {**sample("processed_to_curated"), "duration_seconds": 0}
    assert CurateResult.from_json(data).duration_seconds == 0


@pytest.mark.parametrize("text", ["2026-11-20T10:00:00.000001+02:00", "2026-11-20T08:00:00.000001"])
def test_times_are_utc_without_a_zone_however_they_were_written(text: str) -> None:
    data = sample("manifest")
    data["files"][0]["received_at"] = text
    manifest = Manifest.from_json(data)
    assert manifest.files[0].received_at == datetime(2026, 11, 20, 8, 0, 0, 1)
    assert manifest.to_json()["files"][0]["received_at"] == "2026-11-20T08:00:00.000001Z"


@pytest.mark.parametrize("served", [{"served": "weather"}, {"served": None}, {}, [], "warehouse2"])
def test_a_consumer_that_nobody_knows_is_refused(served: object) -> None:
    with pytest.raises(
        PermanentError, match=r"served is .*, expected one of warehouse, database, dashboards"
    ):
        serve_result(served)


def test_a_served_table_must_say_what_was_loaded() -> None:
    data = sample("serve")[0]
    data["tables"][0]["loaded_rows"] = "3"
    with pytest.raises(
        PermanentError, match=r"^result of Serve \(warehouse\), .*: tables\[0\]\.loaded_rows is '3'"
    ):
        serve_result(data)


def test_a_manifest_knows_its_start_its_size_and_its_corrections() -> None:
    manifest = Manifest.from_json(sample("manifest"))
    assert manifest.started_at == datetime(2026, 11, 20, 12)
    assert manifest.size_bytes == 20
    assert manifest.replays == {manifest.files[1].sha256: manifest.files[0].sha256}


def test_parts_of_a_file_are_found_by_their_names() -> None:
    result = LoadResult.from_json(sample("raw_to_processed"))
    [file] = result.files
    assert [file.rows(part) for part in PARTS] == [2, 1, 0]
    assert [file.totals.of(part)["amount"] for part in PARTS] == [
        Decimal("30.00"),
        Decimal("5.55"),
        Decimal("0.00"),
    ]
    assert result.heads == {"orders": 4109225223278697232, "orders_quarantine": 3511004558369446911}


def test_a_curated_table_is_untouched_only_without_periods_and_rows() -> None:
    touched = CurateResult.from_json(sample("processed_to_curated")).models[0]
    untouched = CurateResult.from_json(sample("processed_to_curated_untouched")).models[0]
    assert (touched.is_untouched, untouched.is_untouched) == (False, True)
    assert not replace(untouched, rows=1).is_untouched
    assert not replace(untouched, periods=(date(2024, 1, 1),)).is_untouched


def test_a_request_gives_what_its_mode_needs_or_says_that_it_is_not_there() -> None:
    rollback, erasure = (
        MaintenanceRequest.from_json(sample(f"request_{mode}")) for mode in ("rollback", "erasure")
    )
    assert (rollback.undone_runs, erasure.undone_runs) == (("1",), ())
    assert rollback.plan.tables == {"sales_records": None}
    assert erasure.subject == "ab" * 32
    with pytest.raises(
        PermanentError,
        match=r"request\.json: mode 'erasure' without 'rollback'; nothing was changed",
    ):
        _ = erasure.plan
    with pytest.raises(
        PermanentError,
        match=r"request\.json: mode 'rollback' without 'erasure'; nothing was changed",
    ):
        _ = rollback.subject


def test_a_document_has_its_place_in_the_folder_of_its_run() -> None:
    kinds = (
        Manifest,
        LoadResult,
        CurateResult,
        MaintenanceRequest,
        ErasureFindings,
        MaintenanceResult,
    )
    assert [kind.key("orders", "r").removeprefix("runs/orders/r/") for kind in kinds] == [
        "manifest.json",
        "raw_to_processed.json",
        "processed_to_curated.json",
        "request.json",
        "found.json",
        "care.json",
    ]
