"""`python -m benchmarks.warehouse_load`: seconds and bytes of warehouse loads, the first beside incremental ones.

Two years of orders are delivered to an embedded AWS of its own, then the orders of one more day, then those of one more
month; each is a run that ends by loading the warehouse. Also written to build/warehouse_load.json.

- Rows and bytes follow from the SQL and the Iceberg files. Bytes are sizes of column chunks, as Iceberg keeps them per
  file: `staged` what one copy out of the lake reads, `compared` what the comparison of the whole tables with the lake
  reads. Their sum must be the `lake_bytes` of the run ledger, or the command fails.
- Seconds are of the embedded engine (DuckDB) and say nothing of Redshift. `Serve` is the step of the run: it starts
  Lambdas and looks every second. `transaction` is from its beginning to its last read of the lake, the comparison of
  the last table; its whole duration would be told only to the role that ran it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from chaos.world import DATASET, FOLDER, World, started
from contracts.warehouse.sql import head_of, literal
from lambdas.load_warehouse.data_api import DataApi, Row
from sample_data.sales_rows import Span, write_file
from slipway.acting import progress
from slipway.reading import ledgers, warehouse

RESULT = Path("build") / "warehouse_load.json"
LAST_MONTH, NEXT_MONTH = date(2024, 12, 1), date(2025, 1, 1)
DAYS_A_MONTH = 30
ANSWER_SECONDS = 60.0
FIRST, DAY, MONTH = "first", "one more day", "one more month"
# Of Redshift's views only this one is emulated, and there external_query_text is the whole statement.
READS = """
    SELECT "query_id", "external_query_text" AS "statement", "returned_bytes" AS "bytes", "end_time" AS "ended"
    FROM "sys_external_query_detail"
    ORDER BY "query_id", "end_time"
"""
BEGUN = 'SELECT MIN("loaded_at") AS "begun" FROM "operations"."loads" WHERE "run_id" = {run_id}'


@dataclass(frozen=True, kw_only=True)
class TableLoad:
    """One table of one load; `rows` and `loaded_rows` as the run ledger has them."""

    table: str
    mode: str
    loaded_rows: int
    rows: int
    staged_bytes: int
    compared_bytes: int


@dataclass(frozen=True, kw_only=True)
class Load:
    """One load of the warehouse, by the run over a file of `orders` orders."""

    name: str
    orders: int
    serve_seconds: float
    transaction_seconds: float
    tables: tuple[TableLoad, ...]

    @property
    def figures(self) -> dict[str, float]:
        """What is compared with the first load; rows and bytes of all tables together."""
        staged, compared = (
            sum(getattr(t, f"{kind}_bytes") for t in self.tables) for kind in ("staged", "compared")
        )
        return {
            "rows loaded": sum(table.loaded_rows for table in self.tables),
            "bytes staged": staged,
            "bytes compared": compared,
            "bytes of the lake": staged + compared,
            "seconds of Serve": self.serve_seconds,
            "seconds of the transaction": self.transaction_seconds,
        }


def table_load(name: str, kept: Mapping[str, Any], reads: Iterable[Row]) -> TableLoad:
    """A table of a load from the run ledger's `served` and what the warehouse read of the lake meanwhile.

    Raises RuntimeError when the ledger has no bytes, or others than were read.
    """
    found = {"stage_rows": 0, "compare": 0}
    for read in reads:
        head = head_of(str(read["statement"]))
        if head is not None and head.table == name:
            found[head.kind] = found.get(head.kind, 0) + int(read["bytes"] or 0)
    read_bytes = sum(found.values())
    if kept.get("lake_bytes") != read_bytes:
        raise RuntimeError(
            f"{name}: lake_bytes {kept.get('lake_bytes')} in the run ledger, {read_bytes} were read"
        )
    return TableLoad(
        table=name,
        mode=str(kept["mode"]),
        loaded_rows=int(kept["loaded_rows"]),
        rows=int(kept["rows"]),
        staged_bytes=found["stage_rows"],
        compared_bytes=found["compare"],
    )


def ratios(load: Load, first: Load) -> dict[str, float]:
    """Each figure of a load as a share of the first load's."""
    return {name: figure / first.figures[name] for name, figure in load.figures.items()}


def report(loads: Sequence[Load]) -> str:
    """The table of all loads, and the ratios of each later one to the first."""
    head = f"{'load':15} {'table':24} {'mode':10} {'rows loaded':>11} {'of':>5} {'bytes staged':>13} {'compared':>9}"
    lines = [head]
    for load in loads:
        lines += [
            f"{load.name:15} {t.table:24} {t.mode:10} {t.loaded_rows:>11,} {t.rows:>5,} "
            f"{t.staged_bytes:>13,} {t.compared_bytes:>9,}"
            for t in load.tables
        ]
    first, *later = loads
    lines += [
        "",
        f"{'all tables':27}{first.name:>15}" + "".join(f"{load.name:>22}" for load in later),
    ]
    for name, figure in first.figures.items():
        cells = [f"{load.figures[name]:>14,} {ratios(load, first)[name]:>6.2f}x" for load in later]
        lines.append(f"{name:27}{figure:>15,}" + "".join(cells))
    return "\n".join(
        [*lines, "", "seconds: of the embedded engine, DuckDB; they say nothing of Redshift"]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Start, deliver, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24)
    given = parser.parse_args(argv)
    with started() as world, tempfile.TemporaryDirectory(prefix="slipway-load-") as folder:
        loads = _loads(world, Path(folder), given.rows, given.months)
    document = {
        "rows": given.rows,
        "months": given.months,
        "loads": [asdict(load) for load in loads],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(
        f"{given.rows:,} orders of {given.months} months, then more\n\n{report(loads)}\n\nwritten to {RESULT}"
    )


def _loads(world: World, folder: Path, rows: int, months: int) -> list[Load]:
    """The first load, and two more, of orders that are new."""
    a_month = rows // months
    year, month = divmod(LAST_MONTH.year * 12 + LAST_MONTH.month - months, 12)
    plan = (
        (FIRST, rows, Span(first=date(year, month + 1, 1), months=months)),
        (DAY, a_month // DAYS_A_MONTH, Span(first=LAST_MONTH)),
        (MONTH, a_month, Span(first=NEXT_MONTH)),
    )
    ask, loads, serial, last_query = _database(world), list[Load](), 0, 0
    for name, orders, span in plan:
        file = folder / f"{name.replace(' ', '_')}.csv"
        write_file(file, rows=orders, span=span, seed=name, first_serial=serial)
        serial += orders
        serve_seconds = _deliver(world, file)
        reads = [read for read in ask(READS) if _query(read) > last_query]
        last_query = max(map(_query, reads))
        run = ledgers.runs(world.deployment, DATASET)[-1]
        kept = run["served"]["warehouse"]["tables"]
        (begun,) = ask(BEGUN.format(run_id=literal(run["run_id"])))
        transaction = max(_time(read["ended"]) for read in reads) - _time(begun["begun"])
        loads.append(
            Load(
                name=name,
                orders=orders,
                serve_seconds=round(serve_seconds, 2),
                transaction_seconds=round(transaction.total_seconds(), 2),
                tables=tuple(table_load(table, kept[table], reads) for table in sorted(kept)),
            )
        )
    return loads


def _query(read: Row) -> int:
    return int(read["query_id"] or 0)


def _time(value: object) -> datetime:
    """A timestamp as the Data API gives it."""
    return datetime.fromisoformat(str(value))


def _deliver(world: World, file: Path) -> float:
    """Put a file into the landing zone and wait for its run; seconds of the step Serve."""
    watch = progress.begin(world.deployment, lambda _step: None)
    landed = world.put(FOLDER + file.name, file.read_bytes())
    outcome = progress.until_fates(watch, dataset=DATASET, awaited={landed.key}, known=())
    served = [step.seconds or 0.0 for step in outcome.steps if step.name == "Serve"]
    if outcome.failed_executions or len(served) != 1:
        raise RuntimeError(
            f"{file.name}: {len(served)} loads, expected one; failed executions: {outcome.failed_executions}"
        )
    return served[0]


def _database(world: World) -> Callable[[str], list[Row]]:
    """Asks the warehouse as its admin, who alone sees what others read of the lake."""
    workgroup, database = warehouse.target(world.deployment)
    serverless = world.client("redshift-serverless")
    namespace = serverless.get_workgroup(workgroupName=workgroup)["workgroup"]["namespaceName"]
    secret = serverless.get_namespace(namespaceName=namespace)["namespace"][
        "adminPasswordSecretArn"
    ]
    api = DataApi(
        client=world.client("redshift-data"),
        workgroup=workgroup,
        database=database,
        secret_arn=secret,
        sleep=time.sleep,
        clock=time.monotonic,
    )
    return lambda sql: api.rows(api.wait(api.submit([sql]), ANSWER_SECONDS), from_end=1)


if __name__ == "__main__":
    main()
