"""A smoke test says which step failed, and takes out what it loaded whatever else went wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from slipway.acting import operations, progress, smoke
from slipway.reading import announced, lake
from slipway.reading.ledgers import FileFate, one_contract
from tests.unit.slipway.conftest import DATASET, RUN, Account

KEY = "partners/slipway-smoke/sales_records/small.csv"
LOADED = FileFate(
    entry="file#" + "a" * 64,
    dataset=DATASET,
    file_name="small.csv",
    landing_key=KEY,
    status="loaded",
    received_at="2026-01-01T00:00:00Z",
    sha256="a" * 64,
    row_count=25,
    rows_loaded=25,
    rows_quarantined=0,
    rows_deduplicated=0,
    run_id=RUN,
    explanation="",
)


class Pipeline:
    """What the steps of a smoke test answer, and what was rolled back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, account: Account, tmp_path: Path) -> None:
        self.account = account
        self.fate, self.rows, self.message = LOADED, [25, 0], f"Run {RUN} loaded 25 of 25 rows"
        self.rollback_fails = False
        self.undone: list[object] = []
        self.file = tmp_path / "small.csv"
        self.file.write_text("a,b\n1,2\n")
        monkeypatch.setattr(progress, "until_fates", self._fates)
        monkeypatch.setattr(lake, "query", lambda *_: pd.DataFrame({"number": [self.rows.pop(0)]}))
        monkeypatch.setattr(announced, "newest", self._messages)
        monkeypatch.setattr(operations, "care", self._care)
        monkeypatch.setattr(smoke, "PATIENCE_SECONDS", 0.01)
        monkeypatch.setattr(smoke, "POLL_SECONDS", 0.001)

    def _fates(self, *_: Any, **__: Any) -> progress.Outcome:
        return progress.Outcome(fates=[self.fate], steps=[], failed_executions=[])

    def _messages(self, *_: Any) -> list[announced.Announced]:
        return [
            announced.Announced(
                started_at=pd.Timestamp("2026-01-01"),
                fate="sent",
                topic="success",
                subject="INFO loaded",
                message=self.message,
            )
        ]

    def _care(self, _deployment: object, _dataset: str, request: Any, **_: Any) -> int:
        self.undone.append(request)
        return int(self.rollback_fails)

    def run(self) -> list[str]:
        told: list[str] = []
        delivery = smoke.Delivery(
            file=self.file, contract=one_contract(DATASET), partner="acme", identity=None
        )
        smoke.run(self.account.deployment, delivery, told.append)
        return told


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, account: Account, tmp_path: Path) -> Pipeline:
    return Pipeline(monkeypatch, account, tmp_path)


def test_without_a_key_the_file_is_put_into_landing_and_sftp_said_to_be_untried(
    pipeline: Pipeline,
) -> None:
    told = pipeline.run()
    bucket = pipeline.account.url("LandingBucketName")
    landed = pipeline.account.deployment.client("s3").get_object(Bucket=bucket, Key=KEY)
    assert landed["Body"].read() == b"a,b\n1,2\n"
    assert "SFTP is not tried" in told[0]
    assert told[-1] == "the run was rolled back, and Athena finds none of its rows"
    assert pipeline.undone == [{"mode": "rollback", "run_id": RUN, "with_later": False}]


def test_a_file_that_was_not_loaded_is_told_with_its_fate_and_nothing_is_rolled_back(
    pipeline: Pipeline,
) -> None:
    pipeline.fate = replace(LOADED, status="rejected", explanation="byte 0 is not UTF-8")
    with pytest.raises(smoke.SmokeFailed, match=r"rejected \(byte 0 is not UTF-8\)"):
        pipeline.run()
    assert pipeline.undone == []


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("rows", [24, 0], "25 rows of small.csv were loaded, Athena finds 24"),
        ("message", "about something else", f"no message about run {RUN} went out"),
    ],
)
def test_what_was_loaded_is_taken_out_although_a_later_step_failed(
    pipeline: Pipeline, attribute: str, value: object, message: str
) -> None:
    setattr(pipeline, attribute, value)
    with pytest.raises(smoke.SmokeFailed, match=message):
        pipeline.run()
    assert len(pipeline.undone) == 1


def test_rows_that_are_left_are_told_with_the_next_command(pipeline: Pipeline) -> None:
    pipeline.rows = [25, 3]
    with pytest.raises(smoke.SmokeFailed, match=f"3 rows .* after the rollback of run {RUN}"):
        pipeline.run()
    pipeline.rows, pipeline.rollback_fails = [25, 0], True
    with pytest.raises(smoke.SmokeFailed, match=f"slipway runs rollback {RUN}"):
        pipeline.run()


def test_a_dataset_without_a_generator_needs_a_file(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account.slipway("smoke", "--dataset", "superstore") == 1
    assert "give a small FILE that was never sent" in capsys.readouterr().err
