"""What must hold for a dataset whose processed table is written to the internal database."""

from __future__ import annotations

from contracts.authoring.parsed import ParsedContract
from contracts.model import TableFormat

READ_BY_WRITE_BACK: tuple[TableFormat, ...] = ("iceberg",)  # DuckDB reads the table


def check_format(contract: ParsedContract) -> None:
    """A mark on a dataset whose table DuckDB does not read."""
    table = contract.processed
    custom = table.custom if table else None
    if table is None or custom is None or not custom.write_back:
        return
    if custom.table_format not in READ_BY_WRITE_BACK:
        contract.document.problem(
            table.custom_paths["writeBack"],
            f"tables of format {custom.table_format} are not written back: DuckDB reads the table for it and reads "
            "no such; write tableFormat: iceberg, or remove the property writeBack",
        )
