"""What the step Serve did for a run besides the lake: kept in the run ledger, and announced with its success."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_never

from pipeline.alerts import counted
from pipeline.run_documents import DashboardsServed, RefreshOrdered, ServeResult, WarehouseServed

Served = dict[str, Any]


def kept(outputs: Sequence[ServeResult] | None, earlier: Mapping[str, Any]) -> Served:
    """`{served: {...}}`, tables by their name, as the run ledger keeps it.

    Without `outputs`, because the run was resumed after Serve, what `earlier` attempts had kept.
    """
    if outputs is None:
        return dict(earlier)
    return {output.served: _figures(output) for output in outputs}


def _figures(output: ServeResult) -> dict[str, Any]:
    match output:
        case WarehouseServed():
            tables = [table.to_json() for table in output.tables]
            return {"tables": {table.pop("table"): table for table in tables}}
        case DashboardsServed():
            return {"data_sets": output.data_sets, "rows": output.rows}
        case RefreshOrdered():
            return {
                "refresh": output.refresh,
                **({"problem": output.problem} if output.problem else {}),
            }
        case _:
            assert_never(output)


def needs_a_look(served: Mapping[str, Any]) -> bool:
    """Whether something was not served although the run succeeded."""
    return any("problem" in output for output in served.values())


def sentences(served: Mapping[str, Any]) -> Iterator[str]:
    """One line for each machine that served, with the figures of the warehouse."""
    for name, output in sorted(served.items()):
        if "refresh" in output:
            yield _of_refresh(output)
            continue
        tables = output.get("tables")
        if tables is None:
            yield f"{name.capitalize()}: brought up to date."
            continue
        if not tables:
            yield f"{name.capitalize()}: the contract marks no table for it."
            continue
        rows = counted(sum(int(table["loaded_rows"]) for table in tables.values()), "row")
        names = ", ".join(sorted(tables))
        yield f"{name.capitalize()}: {rows} merged into {names}."


def _of_refresh(output: Mapping[str, Any]) -> str:
    if "problem" in output:
        return f"WARNING: dashboards were not refreshed ({output['problem']}); they show what they showed before."
    if output["refresh"] == "joined":
        return "Dashboards: a refresh that has not begun will show this run, too."
    return "Dashboards: a refresh was started."
