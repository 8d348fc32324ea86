"""A crawl over files in S3: the table and partitions it leaves, changes by policy, and what it refuses by name."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_cloud.adapters.glue import crawl
from local_cloud.adapters.glue.crawl import Clients, Done, NotCrawled
from local_cloud.adapters.glue.csv_classifier import NotClassified
from tests.unit.local_cloud.test_csv_classifier import BY_CONTRACT

FOLLOWED = {
    "Version": 1.0,
    "CreatePartitionIndex": False,
    "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 2},
}
POLICY = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
FIRST = "orders/ingest_date=2026-11-29/aa/may.csv"
SECOND = "orders/ingest_date=2026-11-30/bb/june.csv"


@dataclass
class Landed:
    """A bucket and a database, and a crawler over them."""

    aws: Clients

    def put(self, key: str, content: str | bytes) -> None:
        body = content if isinstance(content, bytes) else content.encode()
        self.aws.s3.put_object(Bucket="raw", Key=key, Body=body)

    def crawl(self, **changed: Any) -> Done:
        crawler = {
            "Name": "c",
            "DatabaseName": "db",
            "Targets": {"S3Targets": [{"Path": "s3://raw/orders/", "Exclusions": ["**.gz"]}]},
            "SchemaChangePolicy": POLICY,
            "Configuration": json.dumps(FOLLOWED),
        }
        return crawl.crawl(crawler | changed, [BY_CONTRACT], self.aws)

    def table(self) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.glue.get_table(DatabaseName="db", Name="orders")["Table"]
        return found

    def columns(self) -> dict[str, str]:
        return {each["Name"]: each["Type"] for each in self.table()["StorageDescriptor"]["Columns"]}

    def partitions(self) -> dict[tuple[str, ...], dict[str, Any]]:
        found = self.aws.glue.get_partitions(DatabaseName="db", TableName="orders")["Partitions"]
        return {tuple(each["Values"]): each for each in found}


@pytest.fixture
def landed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Landed]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        s3, glue = (boto3.client(name, region_name="us-east-1") for name in ("s3", "glue"))
        s3.create_bucket(Bucket="raw")
        glue.create_database(DatabaseInput={"Name": "db"})
        yield Landed(Clients(s3=s3, glue=glue))


def test_a_folder_becomes_a_table_as_crawlers_leave_them(landed: Landed) -> None:
    landed.put(FIRST, 'Item Type,Units\n"Fruit, dried",7\n')
    landed.put(SECOND, "Item Type,Units\nSnacks,8\n")
    done = landed.crawl()
    assert (done.created, done.updated, done.deleted) == (["orders"], [], [])
    table = landed.table()
    assert landed.columns() == {"item type": "string", "units": "bigint"}
    assert [key["Name"] for key in table["PartitionKeys"]] == ["ingest_date", "partition_1"]
    parameters = table["Parameters"]
    assert parameters["classification"] == "csv"
    assert parameters["UPDATED_BY_CRAWLER"] == "c"
    assert parameters["skip.header.line.count"] == "1"
    assert (parameters["objectCount"], parameters["areColumnsQuoted"]) == ("2", "true")
    serde = table["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"].endswith("OpenCSVSerde")
    assert serde["Parameters"] == {"separatorChar": ",", "quoteChar": '"'}


def test_without_quotes_the_table_is_read_by_the_lazy_simple_serde(landed: Landed) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.crawl()
    serde = landed.table()["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"].endswith("LazySimpleSerDe")
    assert serde["Parameters"] == {"field.delim": ","}


def test_each_folder_is_a_partition_described_as_its_table(landed: Landed) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.put(SECOND, "b,c\n3,x\n")
    landed.crawl()
    assert landed.columns() == {"a": "bigint", "b": "bigint", "c": "string"}
    partitions = landed.partitions()
    assert set(partitions) == {("2026-11-29", "aa"), ("2026-11-30", "bb")}
    at = partitions["2026-11-30", "bb"]["StorageDescriptor"]
    assert at["Location"] == "s3://raw/orders/ingest_date=2026-11-30/bb/"
    assert at["Columns"] == landed.table()["StorageDescriptor"]["Columns"]


def test_a_second_crawl_adds_what_is_new_and_changes_the_table(landed: Landed) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.crawl()
    landed.put(SECOND, "a,b,c\n1.5,2,x\n")
    done = landed.crawl()
    assert (done.created, done.updated) == ([], ["orders"])
    assert landed.columns() == {"a": "double", "b": "bigint", "c": "string"}
    first = landed.partitions()["2026-11-29", "aa"]["StorageDescriptor"]
    assert [each["Name"] for each in first["Columns"]] == ["a", "b", "c"]
    assert any("schema of orders has changed: a, c" in line for line in done.messages)


def test_with_log_a_known_table_keeps_its_schema_and_new_folders_still_come(
    landed: Landed,
) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.crawl()
    landed.put(SECOND, "a,b,c\n1,2,x\n")
    done = landed.crawl(SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    assert done.updated == []
    assert list(landed.columns()) == ["a", "b"]
    assert len(landed.partitions()) == 2
    assert any("left as it is" in line for line in done.messages)


@pytest.mark.parametrize(
    ("behavior", "left"), [("LOG", 2), ("DEPRECATE_IN_DATABASE", 2), ("DELETE_FROM_DATABASE", 1)]
)
def test_a_folder_that_is_gone_goes_only_by_the_policy(
    landed: Landed, behavior: str, left: int
) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.put(SECOND, "a,b\n1,2\n")
    landed.crawl()
    landed.aws.s3.delete_object(Bucket="raw", Key=FIRST)
    done = landed.crawl(SchemaChangePolicy=POLICY | {"DeleteBehavior": behavior})
    assert len(landed.partitions()) == left
    assert any("1 partitions have no object" in line for line in done.messages)


def test_a_table_without_files_is_deprecated_or_deleted_by_the_policy(landed: Landed) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.crawl()
    landed.aws.s3.delete_object(Bucket="raw", Key=FIRST)
    assert landed.crawl().updated == []
    landed.crawl(SchemaChangePolicy=POLICY | {"DeleteBehavior": "DEPRECATE_IN_DATABASE"})
    assert "DEPRECATED_BY_CRAWLER" in landed.table()["Parameters"]
    done = landed.crawl(SchemaChangePolicy=POLICY | {"DeleteBehavior": "DELETE_FROM_DATABASE"})
    assert done.deleted == ["orders"]
    with pytest.raises(landed.aws.glue.exceptions.EntityNotFoundException):
        landed.table()


def test_what_an_exclusion_leaves_out_is_counted(landed: Landed) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.put(SECOND + ".gz", gzip.compress(b"a,b,c\n1,2,3\n"))
    done = landed.crawl()
    assert list(landed.columns()) == ["a", "b"]
    assert any("1 objects below s3://raw/orders/ are excluded" in line for line in done.messages)


def test_compressed_files_alone_are_classified(landed: Landed) -> None:
    landed.put(FIRST + ".gz", gzip.compress(b"a,b\n1,2\n"))
    landed.crawl(Targets={"S3Targets": [{"Path": "s3://raw/orders/"}]})
    assert landed.columns() == {"a": "bigint", "b": "bigint"}
    assert landed.table()["Parameters"]["compressionType"] == "gzip"


def test_a_stopped_crawl_writes_nothing_more(landed: Landed) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.aws = Clients(s3=landed.aws.s3, glue=landed.aws.glue, is_stopped=lambda: True)
    assert landed.crawl().created == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"Targets": {"JdbcTargets": [{}], "S3Targets": []}}, "Targets other than S3Targets"),
        (
            {"Targets": {"S3Targets": [{"Path": "s3://raw/orders/", "SampleSize": 1}]}},
            "options of S3Targets",
        ),
        (
            {"Targets": {"S3Targets": [{"Path": "s3://raw/orders/", "Exclusions": ["a*"]}]}},
            r"exclusions like \*\*.gz, not 'a\*'",
        ),
        ({"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}}, "RecrawlPolicy"),
        ({"Configuration": "{}"}, "CreatePartitionIndex, which is true unless"),
        (
            {"Configuration": json.dumps(FOLLOWED | {"CrawlerOutput": {}})},
            "CrawlerOutput",
        ),
        (
            {
                "Configuration": json.dumps(
                    FOLLOWED | {"Grouping": {**FOLLOWED["Grouping"], "TableLevelConfiguration": 3}}  # type: ignore[dict-item] -- a dict of several kinds
                )
            },
            "TableLevelConfiguration other than",
        ),
    ],
)
def test_settings_that_are_not_followed_end_the_crawl_by_name(
    landed: Landed, changed: dict[str, Any], told: str
) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    with pytest.raises(NotCrawled, match=told):
        landed.crawl(**changed)
    with pytest.raises(landed.aws.glue.exceptions.EntityNotFoundException):
        landed.table()


@pytest.mark.parametrize(
    ("key", "content", "told"),
    [
        (SECOND + ".zip", b"x", "does not classify files of this ending"),
        ("orders/june.csv", "a,b\n1,2\n", "lie deeper than others"),
        (SECOND, "a;b\n1;2\n", "no custom classifier recognizes it"),
    ],
)
def test_files_of_which_glue_would_make_something_unknown_end_the_crawl(
    landed: Landed, key: str, content: str | bytes, told: str
) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.put(key, content)
    with pytest.raises((NotCrawled, NotClassified), match=told):
        landed.crawl()


def test_a_table_of_somebody_else_is_left_alone(landed: Landed) -> None:
    landed.put(FIRST, "a,b\n1,2\n")
    landed.aws.glue.create_table(DatabaseName="db", TableInput={"Name": "orders"})
    with pytest.raises(NotCrawled, match="not this crawler's"):
        landed.crawl()
