"""`slipway crawler`: what crawls did, the table that one left, and a crawl now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slipway.deployment import Deployment
from slipway.reading import crawlers
from tests.unit.slipway.conftest import DATASET, Account

NAME = "slipway-dev-raw-sales_records"
TABLE = {
    "StorageDescriptor": {
        "Columns": [{"Name": "units sold", "Type": "bigint"}],
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"},
    },
    "PartitionKeys": [{"Name": "ingest_date", "Type": "string"}],
    "Parameters": {"objectCount": "2", "recordCount": "99"},
}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


@dataclass
class Glue:
    """A crawler whose crawl takes one look, and then has ended as `last` says."""

    last: dict[str, Any] = field(default_factory=dict)
    states: list[str] = field(default_factory=lambda: ["RUNNING"])
    table: dict[str, Any] | None = None
    is_busy: bool = False
    started: list[str] = field(default_factory=list)

    def start_crawler(self, *, Name: str) -> None:  # noqa: N803 - AWS's name
        if self.is_busy:
            raise refused("CrawlerRunningException")
        self.started.append(Name)

    def get_crawler(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        assert Name == NAME
        state = self.states.pop(0) if self.started and self.states else "READY"
        return {"Crawler": {"State": state, "LastCrawl": self.last}}

    def get_crawler_metrics(self, *, CrawlerNameList: list[str]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        counts = {"TablesCreated": 1, "TablesUpdated": 2, "TablesDeleted": 3}
        return {"CrawlerMetricsList": [{"CrawlerName": CrawlerNameList[0], **counts}]}

    def get_table(self, *, DatabaseName: str, Name: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert (DatabaseName, Name) == ("slipway_dev_raw", DATASET)
        if self.table is None:
            raise refused("EntityNotFoundException")
        return {"Table": self.table}


@pytest.fixture
def glue(account: Account, monkeypatch: pytest.MonkeyPatch) -> Glue:
    account.deployment.outputs["SalesRecordsCrawlerName"] = NAME
    fake = Glue()
    monkeypatch.setattr(Deployment, "client", lambda _self, _service: fake)
    monkeypatch.setattr(crawlers, "time", SimpleNamespace(monotonic=lambda: 0, sleep=lambda _: 0))
    return fake


def ended(status: str, **more: str) -> dict[str, Any]:
    return {"Status": status, "StartTime": datetime(2026, 11, 29, 3, tzinfo=UTC), **more}


def test_a_crawl_is_started_followed_and_told(
    account: Account, glue: Glue, capsys: pytest.CaptureFixture[str]
) -> None:
    glue.last = ended("SUCCEEDED")
    assert account.slipway("crawler", "start") == 0
    assert glue.started == [NAME]
    assert "1 table created, 2 updated, 3 deleted" in capsys.readouterr().out


def test_a_failed_crawl_is_told_with_its_cause(
    account: Account, glue: Glue, capsys: pytest.CaptureFixture[str]
) -> None:
    glue.last = ended("FAILED", ErrorMessage="may.csv: byte 4 is not UTF-8")
    assert account.slipway("crawler", "start") == 1
    told = capsys.readouterr()
    assert "FAILED: may.csv: byte 4 is not UTF-8" in told.out + told.err


def test_a_crawl_that_goes_on_is_not_started_again(
    account: Account, glue: Glue, capsys: pytest.CaptureFixture[str]
) -> None:
    glue.is_busy = True
    assert account.slipway("crawler", "start") == 1
    assert "at work already; `slipway crawler show" in capsys.readouterr().err


def test_with_no_wait_nobody_waits(account: Account, glue: Glue) -> None:
    glue.last = ended("FAILED")
    assert account.slipway("crawler", "start", "--no-wait") == 0


def test_the_table_of_a_dataset_is_shown_with_its_columns(
    account: Account, glue: Glue, capsys: pytest.CaptureFixture[str]
) -> None:
    glue.last, glue.table = ended("SUCCEEDED"), TABLE
    assert account.slipway("crawler", "show", "--dataset", DATASET) == 0
    shown = capsys.readouterr().out
    assert "SUCCEEDED 2026-11-29 03:00:00" in shown
    assert "units sold" in shown
    assert "2 files, about 99 records, read by OpenCSVSerde" in shown


def test_before_the_first_crawl_the_next_command_is_told(
    account: Account, glue: Glue, capsys: pytest.CaptureFixture[str]
) -> None:
    assert glue.table is None
    assert account.slipway("crawler") == 0
    shown = capsys.readouterr().out
    assert "never" in shown
    assert f"slipway crawler start --dataset {DATASET}" in shown


def test_without_a_crawler_the_setting_is_named(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account.slipway("crawler", "show") == 1
    assert "switch features.raw_crawler on in config/dev.yaml" in capsys.readouterr().err
