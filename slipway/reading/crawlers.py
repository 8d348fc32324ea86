"""The crawlers over files as partners sent them: what their last crawl did, and the table that it left."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from contracts import naming
from contracts.errors import PermanentError
from slipway.deployment import Deployment

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 60 * 60
READY = "READY"


class NotCrawled(PermanentError):
    """There is no crawler to ask, or it does not come to an end."""


@dataclass(frozen=True, kw_only=True)
class Crawler:
    """A crawler; `status` is empty before its first crawl, `tables` are those created, updated and deleted last."""

    dataset: str
    name: str
    state: str
    status: str
    problem: str
    began: str
    schedule: str
    tables: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """What a crawler left: columns and types in their order, and how many files and folders it counted."""

    columns: Mapping[str, str]
    keys: Sequence[str]
    files: str
    records: str
    library: str


def every(deployment: Deployment, datasets: Sequence[str]) -> list[Crawler]:
    """The crawlers of these datasets. Raises NotCrawled where the environment has none."""
    return [read(deployment, dataset) for dataset in datasets]


def read(deployment: Deployment, dataset: str) -> Crawler:
    """One crawler, as Glue tells it now. Raises NotCrawled where the environment has none."""
    name = _name(deployment, dataset)
    glue = deployment.client("glue")
    crawler = glue.get_crawler(Name=name)["Crawler"]
    last = crawler.get("LastCrawl") or {}
    [metrics] = glue.get_crawler_metrics(CrawlerNameList=[name])["CrawlerMetricsList"]
    return Crawler(
        dataset=dataset,
        name=name,
        state=crawler["State"],
        status=last.get("Status", ""),
        problem=last.get("ErrorMessage", ""),
        began=f"{last['StartTime']:%Y-%m-%d %H:%M:%S}" if "StartTime" in last else "",
        schedule=(crawler.get("Schedule") or {}).get("ScheduleExpression", ""),
        tables=(metrics["TablesCreated"], metrics["TablesUpdated"], metrics["TablesDeleted"]),
    )


def start(deployment: Deployment, dataset: str) -> str:
    """Start a crawl and return its crawler's name. Raises NotCrawled where there is none, or one goes on."""
    name = _name(deployment, dataset)
    try:
        deployment.client("glue").start_crawler(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "CrawlerRunningException":
            raise
        raise NotCrawled(
            f"crawler {name} is at work already; `slipway crawler show --dataset {dataset}` follows it"
        ) from error
    return name


def wait(deployment: Deployment, dataset: str) -> Crawler:
    """The crawler once its crawl has ended. Raises NotCrawled if that takes more than an hour."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := read(deployment, dataset)).state != READY:
        if time.monotonic() > deadline:
            raise NotCrawled(f"crawler {found.name} is still {found.state}; look into its log")
        time.sleep(POLL_SECONDS)
    return found


def table(deployment: Deployment, dataset: str) -> RawTable | None:
    """The table of a dataset's files; None before the first crawl."""
    glue = deployment.client("glue")
    try:
        found = glue.get_table(
            DatabaseName=naming.database(deployment.environment, "raw"), Name=dataset
        )["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityNotFoundException":
            raise
        return None
    storage, parameters = found["StorageDescriptor"], found.get("Parameters") or {}
    return RawTable(
        columns={each["Name"]: each["Type"] for each in storage["Columns"]},
        keys=[each["Name"] for each in found.get("PartitionKeys") or []],
        files=parameters.get("objectCount", "?"),
        records=parameters.get("recordCount", "?"),
        library=storage["SerdeInfo"]["SerializationLibrary"].rpartition(".")[2],
    )


def _name(deployment: Deployment, dataset: str) -> str:
    name = deployment.outputs.get(naming.crawler_output(dataset))
    if name is None:
        raise NotCrawled(
            f"no crawler of {dataset} is deployed; switch features.raw_crawler on in"
            f" config/{deployment.environment}.yaml and deploy"
        )
    return name
