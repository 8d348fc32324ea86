"""What the step Serve did for a run beside the lake: kept in the run ledger, and told with its success.

Each machine that serves gives one object, `{"served": "warehouse" | "dashboards", ...}`; the warehouse lists tables,
each as `{"table", "mode", "loaded_rows", ...}` (docs/reference/serving.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

Served = dict[str, Any]


def kept(outputs: Sequence[Mapping[str, Any]] | None, earlier: Mapping[str, Any]) -> Served:
    """`{served: {...}}`, tables by their name, as the run ledger takes it: DynamoDB has no floats.

    Without `outputs`, because the run was resumed after Serve, what `earlier` attempts had kept.
    """
    if outputs is None:
        return dict(earlier)
    exact = json.loads(json.dumps(list(outputs)), parse_float=Decimal)
    return {output.pop("served"): {**output, **_by_name(output)} for output in exact}


def _by_name(output: Mapping[str, Any]) -> dict[str, Any]:
    return {"tables": {table.pop("table"): table for table in output["tables"]}} if "tables" in output else {}


def sentences(served: Mapping[str, Any]) -> Iterator[str]:
    """One line for each machine that served, with the figures of the warehouse."""
    for name, output in sorted(served.items()):
        tables = output.get("tables")
        if tables is None:
            yield f"{name.capitalize()}: brought up to date."
            continue
        rows = sum(int(table["loaded_rows"]) for table in tables.values())
        names = ", ".join(sorted(tables))
        yield f"{name.capitalize()}: {rows} rows merged into {names}."
