"""Refused rows go out as files, are corrected, and come back through the front door; told as one story, in order.

Each step is what an operator types; the expected figures come from the file before it was damaged.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts import model
from sample_data import broken
from sample_data.sales_rows import Span, write_file
from slipway import __main__ as command_line
from slipway.reading import independent_count, lake, ledgers
from tests.end_to_end.pipeline import DATASET, Pipeline, money, sha256_of

pytestmark = pytest.mark.push

ROWS = 500
FIRST_SERIAL = 400_000_000  # orders that no other test of the session has
MONTH = Span(first=date(2031, 5, 1))
BROKEN = 10
STILL_WRONG = 1  # of the corrections, one is corrected wrongly
LEFT_OUT = 1  # one record is not corrected at all


@dataclass(frozen=True, kw_only=True)
class Files:
    """The file as it should have been, and as it was sent."""

    whole: Path
    damaged: Path

    @property
    def sha256(self) -> str:
        return sha256_of(self.damaged)

    def records(self) -> list[list[str]]:
        with self.whole.open(encoding="utf-8", newline="") as stream:
            return list(csv.reader(stream))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("replay")
    whole, damaged = folder / "whole.csv", folder / "may.csv"
    write_file(whole, rows=ROWS, span=MONTH, seed="replay", first_serial=FIRST_SERIAL)
    broken.break_rows(whole, damaged, BROKEN)
    return Files(whole=whole, damaged=damaged)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


def loaded(pipeline: Pipeline) -> tuple[int, Any]:
    """Rows and revenue of the month in the processed table."""
    month = "order_date between date '2031-05-01' and date '2031-05-31'"
    ((rows, revenue),) = pipeline.ask(
        f"select count(*), sum(total_revenue) from processed.{DATASET} where {month}"
    )
    return int(rows), money(revenue)


def refused(pipeline: Pipeline, sha256: str) -> dict[int, str | None]:
    """Who resolved each refused record of a file, by its number."""
    table = f"processed.{DATASET}_quarantine"
    sql = f"select _source_row, resolved_by from {table} where _source_sha256 = '{sha256}'"
    return {int(row): by for row, by in lake.rows(pipeline.deployment, sql)}


def replays_of(pipeline: Pipeline, sha256: str) -> Iterator[dict[str, Any]]:
    for item in ledgers.entries(pipeline.deployment, DATASET):
        if item.get("replay_of") == sha256 and item["status"] == "loaded":
            yield item


def test_ten_broken_rows_are_exported_as_they_were_sent(
    pipeline: Pipeline, files: Files, exported: Path
) -> None:
    outcome = pipeline.deliver(files.damaged)
    assert [(fate.status, fate.rows_quarantined) for fate in outcome.fates] == [("loaded", BROKEN)]
    assert (
        command_line.main(
            ["quarantine", "export", "--file", files.sha256, "--output", str(exported)]
        )
        == 0
    )
    (path,) = exported.iterdir()
    header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    sent = list(csv.reader(files.damaged.read_text(encoding="utf-8").splitlines()))
    assert header == ["_source_row", "_reasons", *sent[0]]
    assert len(rows) == BROKEN
    assert all(record == sent[int(row)] and reasons for row, reasons, *record in rows)


def correct(path: Path, files: Files) -> Path:
    """Put the records as they should have been, but leave one out and correct one wrongly."""
    whole = files.records()
    header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    corrected = [[row, reasons, *whole[int(row)]] for row, reasons, *_ in rows[LEFT_OUT:]]
    corrected[0][header.index("Sales Channel")] = "Telepathy"
    target = path.with_name("corrected." + path.name.partition(".")[2])
    with target.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *corrected])
    return target


def test_corrected_rows_are_loaded_and_tied_to_their_origin(
    pipeline: Pipeline, files: Files, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = exported.iterdir()
    corrections = correct(path, files)
    assert command_line.main(["quarantine", "replay", str(corrections)]) == 0
    assert f"{files.damaged.name}: {LEFT_OUT} record still open" in capsys.readouterr().out
    (replay,) = replays_of(pipeline, files.sha256)
    sent = BROKEN - LEFT_OUT
    counts = ("row_count", "rows_loaded", "rows_quarantined", "rows_deduplicated")
    assert [int(replay[name]) for name in counts] == [sent, sent - STILL_WRONG, STILL_WRONG, 0]
    by = list(refused(pipeline, files.sha256).values())
    assert (by.count(replay["sha256"]), by.count(None)) == (sent, LEFT_OUT)
    assert list(refused(pipeline, replay["sha256"]).values()) == [None]
    assert loaded(pipeline)[0] == ROWS - LEFT_OUT - STILL_WRONG


def test_the_history_of_the_origin_tells_its_replay(
    pipeline: Pipeline, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    (replay,) = replays_of(pipeline, files.sha256)
    assert command_line.main(["files", "show", files.sha256]) == 0
    assert f"replayed by {replay['sha256'][:12]}" in capsys.readouterr().out


def test_what_is_still_wrong_is_corrected_in_a_second_round(
    pipeline: Pipeline, files: Files, tmp_path: Path
) -> None:
    """A correction that was refused is a refused record like any other: exported, corrected, tied to its file."""
    (first,) = replays_of(pipeline, files.sha256)
    folder = str(tmp_path / "again")
    assert command_line.main(["quarantine", "export", "--output", folder]) == 0
    for path in list(Path(folder).iterdir()):
        if path.name.startswith("corrected."):
            text = path.read_text(encoding="utf-8").replace("Telepathy", "Online")
            path.write_text(text, encoding="utf-8")
            assert command_line.main(["quarantine", "replay", str(path)]) == 0
    (second,) = replays_of(pipeline, first["sha256"])
    assert refused(pipeline, first["sha256"]) == {1: second["sha256"]}
    assert loaded(pipeline)[0] == ROWS - LEFT_OUT


def test_a_backfill_of_all_three_files_changes_no_row_and_no_cent(
    pipeline: Pipeline, files: Files
) -> None:
    """The corrections stay: a record that was corrected is not judged anew."""
    (first,) = replays_of(pipeline, files.sha256)
    (second,) = replays_of(pipeline, first["sha256"])
    before, open_records = loaded(pipeline), refused(pipeline, files.sha256)
    names = [files.sha256, first["sha256"], second["sha256"]]
    assert command_line.main(["backfill", "--dataset", DATASET, "--files", *names]) == 0
    assert (loaded(pipeline), refused(pipeline, files.sha256)) == (before, open_records)


def test_judging_the_last_one_anew_under_the_same_contract_leaves_it_refused(
    pipeline: Pipeline, files: Files
) -> None:
    before = loaded(pipeline)
    assert command_line.main(["quarantine", "replay", "--file", files.sha256]) == 0
    assert list(refused(pipeline, files.sha256).values()).count(None) == LEFT_OUT
    assert loaded(pipeline) == before
    expected = independent_count.delivered([files.whole], model.load(DATASET)).totals[
        "total_revenue"
    ]
    assert loaded(pipeline)[1] < expected
    ((curated,),) = pipeline.ask(
        "select sum(revenue) from curated.sales_by_month_item where month_start = date '2031-05-01'"
    )
    assert money(curated) == loaded(pipeline)[1]


def test_the_ledger_keeps_what_each_run_made_of_the_file(
    pipeline: Pipeline, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    item = ledgers.one_file(pipeline.deployment, files.sha256, DATASET)
    parts = ("rows_loaded", "rows_quarantined", "rows_deduplicated")
    assert [sum(load[part] for part in parts) for load in item["loads"]] == [ROWS] * 3
    runs = [
        ledgers.one_run(pipeline.deployment, load["run_id"], DATASET)["mode"]
        for load in item["loads"]
    ]
    assert runs == ["load", "backfill", "replay"]
    assert item.items() >= item["loads"][-1].items()
    assert command_line.main(["files", "show", files.sha256]) == 0
    assert capsys.readouterr().out.count(" quarantined, ") >= len(runs)


def test_the_last_one_closes_by_itself_once_a_newer_file_has_its_key(
    pipeline: Pipeline, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = ["quarantine", "list", "--file", files.sha256]
    assert command_line.main(listing) == 0
    assert f"{LEFT_OUT} row of" in capsys.readouterr().out
    assert pipeline.deliver(files.whole).failed_executions == []
    assert command_line.main(listing) == 0
    told = capsys.readouterr().out
    assert "0 rows of" in told
    assert f"{LEFT_OUT} more record has been replaced by a newer delivery" in told
