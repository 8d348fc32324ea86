"""`slipway cost` prints, compares and counts; the ledger of a deployment is as good as a stated volume."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from slipway.__main__ import main
from slipway.reading import measured_volume
from tests.unit.pricing.small import template


def test_a_stated_volume_is_priced_by_service_and_dataset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(template(tmp_path))
    options = ["--assembly", place, "--volume", "pricing/example_volume.yaml"]
    assert main(["--environment", "prod", "cost", *options]) == 0
    printed = capsys.readouterr().out
    for expected in ("keys", "Spark jobs of runs", "superstore", "(shared)", "Not confirmed by"):
        assert expected in printed


def test_json_has_every_line_with_both_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "--assembly", str(template(tmp_path)), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    [key] = [line for line in document["lines"] if line["what"] == "keys"]
    assert (key["kind"], key["usd"], key["confirmed"]) == (
        "idle",
        {"low": "1.00", "high": "1.00"},
        True,
    )
    assert document["totals"]["volume"] == {"low": "0", "high": "0"}


def test_a_comparison_is_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = template(tmp_path / "before")
    after = template(tmp_path / "after", Key2={"Type": "AWS::KMS::Key"})
    assert main(["cost", "--assembly", str(after), "--compare", str(before)]) == 0
    assert "| KMS | keys | 1.00 | 2.00 |" in capsys.readouterr().out


def test_an_unknown_environment_is_refused_before_anything_is_synthesized(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--environment", "prd", "cost"]) == 1
    assert "no settings of environment 'prd'; known: dev, prod, local" in capsys.readouterr().err


def test_seconds_of_the_ledger_are_added_by_engine() -> None:
    seconds = {"raw_to_processed": 10, "processed_to_curated": 5}
    found = measured_volume.of_runs(
        [
            {"worker_seconds": seconds, "engines": {"raw_to_processed": "duckdb"}, "file_count": 2}
            | {"rows_read": 7, "bytes_read": 2_000_000},
            {"worker_seconds": {"care": 60}},
            {"status": "failed"},
        ]
    )
    assert found.worker_seconds == {"duckdb": Decimal(10), "spark": Decimal(65)}
    assert (found.runs, found.files, found.rows, found.megabytes) == (3, 2, 7, 2)
    assert found.stored_gigabytes is None
