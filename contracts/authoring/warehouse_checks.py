"""What must hold for a curated table that is loaded into Redshift."""

from __future__ import annotations

from collections import Counter
from typing import assert_never

from contracts.authoring import values
from contracts.authoring.parsed import ParsedContract, ParsedTable
from contracts.authoring.problems import Path, did_you_mean
from contracts.authoring.profile import CuratedProperties, WarehouseProperty
from contracts.authoring.yaml_lines import Document
from contracts.model import DECIMAL, TableFormat
from contracts.warehouse import statements as warehouse

# Names that people would have to quote in every query, beside values.RESERVED. Source: Redshift database developer
# guide, "Reserved words", and "Names and identifiers" for the names of system columns, which no column may have.
RESERVED = frozenset(
    {
        "aes128", "aes256", "allowoverwrite", "authorization", "az64", "backup", "binary", "blanksasnull", "bytedict",
        "bzip2", "connect", "credentials", "current_user_id", "deflate", "defrag", "delta", "delta32k", "disable",
        "emptyasnull", "enable", "encode", "encrypt", "encryption", "explicit", "freeze", "globaldict256",
        "globaldict64k", "grant", "gzip", "identity", "ignore", "ilike", "interval", "isnull", "language", "lun",
        "luns", "lzo", "lzop", "minus", "mostly16", "mostly32", "mostly8", "new", "notnull", "nulls", "off", "offline",
        "oid", "old", "open", "overlaps", "parallel", "partition", "percent", "permissions", "raw", "readratio",
        "recover", "rejectlog", "resort", "respect", "restore", "session_user", "similar", "snapshot", "start",
        "sysdate", "system", "tag", "tdes", "text255", "text32k", "timestamp", "top", "truncatecolumns", "user",
        "verbose", "wallet", "without",
        "cmax", "cmin", "ctid", "tableoid", "xmax", "xmin",
    }
)  # fmt: skip
READ_BY_REDSHIFT: tuple[TableFormat, ...] = ("iceberg",)
MOST_SCALE = 37  # Redshift database developer guide, "Numeric types": DECIMAL
MOST_SORT_KEYS = 400  # guide, "CREATE TABLE", SORTKEY


def check_format(contract: ParsedContract) -> None:
    """A mark on an aggregate whose format Redshift cannot read.

    Source: Redshift database developer guide, "CREATE EXTERNAL TABLE", and Delta documentation, "Redshift Spectrum to
    Delta Lake integration": Delta only through manifests, a second table that is not changed with the first.
    """
    custom = contract.processed.custom if contract.processed else None
    if custom is None or custom.table_format in READ_BY_REDSHIFT:
        return
    for table in contract.curated:
        if path := table.custom_paths.get("warehouse"):
            contract.document.problem(
                path,
                f"the warehouse cannot load tables of format {custom.table_format}: Redshift does not read them; "
                "write tableFormat: iceberg, or remove the property warehouse",
            )


def check_table(table: ParsedTable[CuratedProperties], document: Document) -> None:
    """Mistakes in the property `warehouse` of a model, and in what Redshift would not take of its table."""
    path = table.custom_paths.get("warehouse")
    if path is None or table.spec is None or table.custom is None:
        return
    if table.custom.warehouse is None:
        document.problem(path, "found nothing; write {distribution: auto}, or remove the property")
        return
    check_layout(table.custom.warehouse, table.names, path, document)
    named = [
        (table.path, table.spec.name),
        *((item.path, item.spec.name) for item in table.columns),
    ]
    check_names([((*place, "name"), name) for place, name in named], document)
    check_types(
        [((*each.path, "physicalType"), each.spec.physical_type) for each in table.columns],
        document,
    )


def check_layout(mark: WarehouseProperty, names: list[str], path: Path, document: Document) -> None:
    """Mistakes in how the rows of a table with columns `names` are to be laid out."""
    _check_distribution(mark, path, document)
    named = [((*path, "distributionKey"), mark.distribution_key)] if mark.distribution_key else []
    named += [((*path, "sortKeys", index), name) for index, name in enumerate(mark.sort_keys)]
    for place, name in named:
        if name not in names:
            document.problem(place, f"unknown column {name!r}; {did_you_mean(name, names)}")
    for name, count in Counter(mark.sort_keys).items():
        if count > 1:
            document.problem(
                (*path, "sortKeys"), f"{name!r} is listed {count} times; a row is sorted by it once"
            )
    if len(mark.sort_keys) > MOST_SORT_KEYS:
        document.problem(
            (*path, "sortKeys"),
            f"found {len(mark.sort_keys)}; Redshift takes at most {MOST_SORT_KEYS}",
        )


def check_count(contract: ParsedContract) -> None:
    """One load is one transaction, which holds only so many statements."""
    marked = [table for table in contract.curated if table.custom and table.custom.warehouse]
    for table in marked[warehouse.MOST_TABLES :]:
        message = (
            f"is table {marked.index(table) + 1} of this dataset in the warehouse; a load is one transaction of "
            f"{warehouse.MOST_STATEMENTS} statements, which holds {warehouse.MOST_TABLES} tables: remove one mark"
        )
        contract.document.problem(table.custom_paths["warehouse"], message)


def _check_distribution(mark: WarehouseProperty, path: Path, document: Document) -> None:
    key = mark.distribution_key
    match mark.distribution:
        case "key":
            if key is None:
                message = "found 'key' without distributionKey; name the column, or write auto"
                document.problem((*path, "distribution"), message)
        case "auto" | "all" | "even":
            if key is not None:
                message = (
                    f"found {key!r} with distribution {mark.distribution}; write distribution: key"
                )
                document.problem((*path, "distributionKey"), message)
        case _:
            assert_never(mark.distribution)


def check_names(named: list[tuple[Path, str]], document: Document) -> None:
    """Names of a table and its columns, each with its place, that people would have to quote in each query."""
    for path, name in named:
        if name in RESERVED:
            message = (
                f"{name!r} is reserved in Redshift, where this table is loaded; choose another name"
            )
            document.problem(path, message)


def check_types(types: list[tuple[Path, str]], document: Document) -> None:
    """Types of columns, each with its place, that Redshift does not have."""
    for path, kind in types:
        found = DECIMAL.match(kind)
        if values.wrong_type(kind) is None and found and int(found[2]) > MOST_SCALE:
            message = f"found {kind!r}; Redshift keeps at most {MOST_SCALE} digits after the point"
            document.problem(path, message)
