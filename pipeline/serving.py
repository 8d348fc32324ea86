"""What the steps Forecast and Serve did for a run besides its tables: kept in the run ledger, and announced with its
success.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_never

from contracts.texts import shortened
from pipeline.alerts import counted
from pipeline.run_documents import (
    DashboardsServed,
    DatabaseServed,
    ForecastServed,
    QueriesOrdered,
    RefreshOrdered,
    ServeResult,
    WarehouseServed,
    serve_result,
)

Served = dict[str, Any]
CAUSE_LENGTH = 300
DATABASE = "database"  # how DatabaseServed calls itself


def of_forecast(answer: Mapping[str, Any] | None) -> list[ServeResult]:
    """What the step Forecast gave, from its field in the state: empty where nothing was forecast.

    Where it failed, Step Functions puts the error there.
    """
    if not answer:
        return []
    if "Error" not in answer:
        return [serve_result(answer)]
    return [ForecastServed(served="forecast", tables=(), problem=_problem(answer))]


def _problem(caught: Mapping[str, Any]) -> str:
    """Lambda gives its error object as text; a time-out has no cause."""
    cause = str(caught.get("Cause") or "")
    try:
        told = json.loads(cause)
    except ValueError:
        told = None
    words = str(told.get("errorMessage") or cause) if isinstance(told, dict) else cause
    return shortened(f"{caught['Error']}: {words}" if words else str(caught["Error"]), CAUSE_LENGTH)


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
        case DatabaseServed():
            written = [table.to_json() for table in output.tables]
            return {
                "tables": {table.pop("table"): table for table in written},
                **({"problem": output.problem} if output.problem else {}),
            }
        case DashboardsServed():
            return {"data_sets": output.data_sets, "rows": output.rows}
        case RefreshOrdered():
            return {
                "refresh": output.refresh,
                **({"problem": output.problem} if output.problem else {}),
            }
        case QueriesOrdered():
            return {
                "queries": output.queries,
                **({"problem": output.problem} if output.problem else {}),
            }
        case ForecastServed():
            forecasts = [table.to_json() for table in output.tables]
            return {
                "forecasts": {table.pop("table"): table for table in forecasts},
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
        if "queries" in output:
            yield from _of_queries(output)
            continue
        if "forecasts" in output:
            yield from _of_forecasts(output)
            continue
        if "problem" in output and name == DATABASE:
            yield f"WARNING: {name}: nothing was written, schema silver is as before. {output['problem']}."
            continue
        if "problem" in output:
            yield f"WARNING: {name}: shows what it showed before ({output['problem']})."
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
        if name == DATABASE:
            removed = counted(sum(int(table["removed_rows"]) for table in tables.values()), "row")
            yield f"{name.capitalize()}: {rows} written to and {removed} removed from {names} in schema silver."
            continue
        yield f"{name.capitalize()}: {rows} merged into {names}."


def _of_refresh(output: Mapping[str, Any]) -> str:
    if "problem" in output:
        return f"WARNING: dashboards were not refreshed ({output['problem']}); they show what they showed before."
    if output["refresh"] == "joined":
        return "Dashboards: a refresh that has not begun will show this run, too."
    return "Dashboards: a refresh was started."


def _of_queries(output: Mapping[str, Any]) -> Iterator[str]:
    """Nothing where no query of the dataset is asked again."""
    if "problem" in output:
        yield f"WARNING: saved queries were not asked again ({output['problem']}); their results are as before."
    elif number := int(output["queries"]):
        noun = "query is" if number == 1 else "queries are"
        yield f"Queries: {number} saved {noun} asked again."


def _of_forecasts(output: Mapping[str, Any]) -> Iterator[str]:
    if "problem" in output:
        yield f"WARNING: no forecast was made ({output['problem']}); tables of forecasts are as before."
    for name, table in sorted(output["forecasts"].items()):
        if not int(table["series"]):
            yield f"Forecast: {name} is empty: no period is complete yet."
            continue
        better, series = int(table["better_than_naive"]), f"{table['series']} series"
        wape = f", WAPE {table['wape']}" if table["wape"] is not None else ""
        yield (
            f"Forecast: {series} in {name}, {table['horizon']} periods after {table['trained_through']}{wape};"
            f" better than seasonal naive: {better}."
        )
