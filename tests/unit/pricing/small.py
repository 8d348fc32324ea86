"""Templates small enough to count by hand, for the tests of prices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pricing.templates import Templates, read

TAGS = [{"Key": "environment", "Value": "prod"}]


def function(name: str, memory: int = 512, **variables: str) -> dict[str, Any]:
    """A function as the CDK writes it."""
    properties = {
        "Handler": f"lambdas.{name}.handler.handle",
        "MemorySize": memory,
        "Environment": {"Variables": variables},
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


RESOURCES: dict[str, Any] = {
    "Key": {"Type": "AWS::KMS::Key", "Properties": {"Tags": TAGS}},
    "Job": {"Type": "AWS::Glue::Job", "Properties": {"WorkerType": "G.1X"}},
    "Claim": function("claim_batch", DUCKDB_MAX_ROWS="1000", DUCKDB_MAX_MEGABYTES="10"),
    "Load": function("load_small_batch", 2048),
    "Nightly": {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "ScheduleExpression": "cron(15 23 ? * SAT *)",
            "Target": {"Input": '{"dataset": "sales_records", "mode": "maintenance"}'},
        },
    },
}


def template(folder: Path, **more: Any) -> Path:
    """An assembly with one stack, in `folder`."""
    folder.mkdir(exist_ok=True)
    document = {"Resources": {**RESOURCES, **more}}
    (folder / "Slipway-Prod-All.template.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def templates(folder: Path, **more: Any) -> Templates:
    """The same, read."""
    return read(template(folder, **more))
