"""The forecasts that a table keeps: what each was made from, by what, and how good it was in its backtest.

Read from the table's own metadata file, where each version has its entry (rows/forecast_run.py): so a forecast and what
is said of it cannot come apart. Athena's queries of metadata would say the same; this needs no query.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlparse

from botocore.exceptions import ClientError

from contracts import naming
from rows.forecast_run import ENTRY, RUN, SOURCE_SNAPSHOT
from slipway.deployment import Deployment

State = Literal["published", "kept", "taken back"]


@dataclass(frozen=True, kw_only=True)
class KeptForecast:
    """One version of a table of forecasts.

    `kept` is one that can be published again. Texts are empty where a version is older than its entry, as are
    `methods`: how many series each method forecast.
    """

    version: int
    state: State
    made_at: datetime
    run_id: str
    curated_version: str
    contract_version: str
    trained_through: str
    model_version: str
    methods: Mapping[str, int]
    wape: str
    naive_wape: str


def of_table(deployment: Deployment, table: str) -> list[KeptForecast]:
    """The forecasts of a curated table, newest first; none where there is no table of forecasts yet."""
    try:
        described = deployment.client("glue").get_table(
            DatabaseName=naming.database(deployment.environment, "curated"),
            Name=naming.forecast_table(table),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return []
        raise
    place = urlparse(described["Table"]["Parameters"]["metadata_location"])
    found = deployment.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    return list(kept(json.loads(found["Body"].read())))


def kept(metadata: Mapping[str, Any]) -> Iterator[KeptForecast]:
    """The forecasts in a metadata file, newest first. Source: Iceberg's table specification, Table Metadata Fields."""
    snapshots = {each["snapshot-id"]: each for each in metadata.get("snapshots", ())}
    ancestors = list(_ancestors(metadata.get("current-snapshot-id"), snapshots))
    was_published = {each["snapshot-id"] for each in metadata.get("snapshot-log", ())}
    published = next((each for each in ancestors if _is_forecast(snapshots[each])), None)
    for version, snapshot in sorted(
        snapshots.items(), key=lambda pair: int(pair[1]["timestamp-ms"]), reverse=True
    ):
        if not _is_forecast(snapshot):
            continue
        if version == published:
            yield _forecast(snapshot, "published")
        elif version in ancestors:
            yield _forecast(snapshot, "kept")
        elif version in was_published:
            yield _forecast(snapshot, "taken back")


def _ancestors(head: int | None, snapshots: Mapping[int, Mapping[str, Any]]) -> Iterator[int]:
    while head is not None and head in snapshots:
        yield head
        head = snapshots[head].get("parent-snapshot-id")


def _is_forecast(snapshot: Mapping[str, Any]) -> bool:
    return SOURCE_SNAPSHOT in snapshot.get("summary", {})


def _forecast(snapshot: Mapping[str, Any], state: State) -> KeptForecast:
    summary: Mapping[str, str] = snapshot["summary"]

    def entry(name: str) -> str:
        return summary.get(f"{ENTRY}{name}", "")

    return KeptForecast(
        version=int(snapshot["snapshot-id"]),
        state=state,
        made_at=datetime.fromtimestamp(snapshot["timestamp-ms"] / 1000, UTC),
        run_id=summary.get(RUN, ""),
        curated_version=summary[SOURCE_SNAPSHOT],
        contract_version=entry("contract-version"),
        trained_through=entry("trained-through"),
        model_version=entry("model-version"),
        methods=json.loads(entry("methods") or "{}"),
        wape=entry("wape"),
        naive_wape=entry("naive-wape"),
    )
