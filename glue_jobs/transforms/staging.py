"""One pass over the raw records: text, typed values, and what is wrong with each.

Every record is kept, in the order and number in which it was read, so that all later figures can be checked against
this frame. Sentences and raw text are built only for rows that need them. Rules judge the values as they came; only
what is kept of personal data leaves this pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts import model
from contracts.headers import UNCOUNTED, normalized_header
from glue_jobs import parsing
from glue_jobs.quality import checks
from glue_jobs.transforms import protection
from rows.columns import (
    DAMAGED,
    IS_HEADER,
    ORIGIN_ROW,
    SOURCE_SHA256,
    SPLIT_ROW,
    SPLIT_START,
    STAGED_RAW_TEXT,
    STAGED_REASONS,
    STAGED_RULE_IDS,
    WARNINGS,
    kept_name,
    text_name,
)
from rows.layout import Layout

WITHHELD = "(withheld: it may show personal data; the record itself is in the raw zone)"


def parsed(raw: DataFrame, contract: model.Contract, layout: Layout) -> DataFrame:
    """Add the typed columns, their trimmed texts and IS_HEADER to a frame of text fields."""
    if layout.nameless:
        raw = raw.withColumn(DAMAGED, F.coalesce(DAMAGED, _with_too_many_fields(contract, layout)))
    places = {
        name: F.col(field)
        for field, name in zip(layout.field_names, layout.columns, strict=True)
        if name
    }
    intact = F.col(DAMAGED).isNull()
    texts = {
        text_name(name): parsing.trimmed(
            F.when(intact, _one_break(place) if layout.has_quotes else place)
        )
        for name, place in places.items()
    }
    lacking = {text_name(column.name) for column in contract.columns} - texts.keys()
    filled = {
        **{name: parsing.present(F.col(name)) for name in texts},
        **{name: F.lit(None).cast("string") for name in lacking},
    }
    values = {
        column.name: parsing.value(column, F.col(text_name(column.name)))
        for column in contract.columns
    }
    typed = raw.withColumns(texts).withColumns(filled).withColumns(values)
    return typed.withColumn(IS_HEADER, is_header([contract.column(name) for name in places]))


def checked(
    rows: DataFrame,
    contract: model.Contract,
    layout: Layout,
    *,
    key_pads: DataFrame | None,
    erased: Sequence[str],
) -> DataFrame:
    """Replace texts and fields by the verdict, and personal data by what is kept of it.

    The verdict: rule ids, reasons, raw text and warnings; null where there is none. `key_pads`: transforms.protection;
    `erased`: tokens of data subjects whose records are refused.
    """
    found = checks.of_contract(contract, layout.named_fields, erased)
    refusing = [check for check in found if model.keeps_row_out(check.action)]
    warning = [check for check in found if not model.keeps_row_out(check.action)]
    judged = protection.protected(rows, contract, key_pads).withColumns(
        {
            "_broken": F.when(checks.any_broken(refusing), checks.broken(refusing)),
            WARNINGS: F.when(checks.any_broken(warning), checks.broken(warning)["rule_id"]),
        }
    )
    return judged.select(
        *(_kept(column).alias(column.name) for column in contract.stored_columns),
        SOURCE_SHA256,
        SPLIT_START,
        SPLIT_ROW,
        _origin_row(layout).alias(ORIGIN_ROW),
        F.col("_broken")["rule_id"].alias(STAGED_RULE_IDS),
        F.col("_broken")["reason"].alias(STAGED_REASONS),
        F.when(F.col("_broken").isNotNull(), _written(contract, layout)).alias(STAGED_RAW_TEXT),
        WARNINGS,
    )


def _with_too_many_fields(contract: model.Contract, layout: Layout) -> Column:
    """The record as written where a field without a name holds a value, else null; intake refuses such files."""
    nameless = [parsing.trimmed(F.col(layout.field_names[place])) for place in layout.nameless]
    filled = reduce(or_, (F.coalesce(text != "", F.lit(False)) for text in nameless))
    return F.when(filled, _as_csv(contract, [F.col(name) for name in layout.field_names]))


def is_header(columns: Sequence[model.Column]) -> Column:
    """Whether each value is its column's name. A record with a number or date that parses need not be compared."""
    unparsed = [F.col(column.name).isNull() for column in columns if column.type != "string"]
    named = [
        F.lower(F.regexp_replace(F.col(text_name(column.name)), f"[{UNCOUNTED}]", ""))
        == normalized_header(column.source_name)
        for column in columns
    ]
    return F.coalesce(reduce(and_, [*unparsed, *named]), F.lit(False))


def _kept(column: model.Column) -> Column:
    return F.col(kept_name(column.name) if column.pii else column.name)


def _origin_row(layout: Layout) -> Column:
    if layout.origin_position is None:
        return F.lit(None).cast("bigint")
    text = F.col(layout.field_names[layout.origin_position])
    return F.when(F.col(DAMAGED).isNull(), parsing.trimmed(text).try_cast("bigint"))


def _written(contract: model.Contract, layout: Layout) -> Column:
    """The record as the quarantine shows it: as written, but without personal data."""
    if not contract.protected_columns:
        return F.coalesce(
            F.col(DAMAGED), _as_csv(contract, [F.col(name) for name in layout.field_names])
        )
    is_erased = F.array_contains(F.col("_broken")["rule_id"], checks.ERASED)
    fields = zip(layout.field_names, layout.columns, strict=True)
    shown = [_shown(contract, field, name).alias(field) for field, name in fields]
    withheld = F.when(F.col(DAMAGED).isNotNull() | is_erased, F.lit(WITHHELD))
    return withheld.otherwise(_as_csv(contract, shown))


def _shown(contract: model.Contract, field: str, name: str | None) -> Column:
    """A field of a record with personal data; nobody has classified one that the contract ignores."""
    if name is None or contract.column(name).pii == "drop":
        return F.lit(None).cast("string")
    return F.col(kept_name(name) if contract.column(name).pii else field)


def _one_break(text: Column) -> Column:
    """Line breaks inside a quoted field as \\n: Spark's reader changes them only where the file's own are CRLF."""
    return F.regexp_replace(text, "\r\n?", "\n")


def _as_csv(contract: model.Contract, fields: Sequence[Column]) -> Column:
    """The record as a line of the same file: same fields, same order, quoted where needed."""
    options = {
        "sep": contract.intake.delimiter,
        "escape": '"',
        "ignoreLeadingWhiteSpace": "false",
        "ignoreTrailingWhiteSpace": "false",
    }
    return F.to_csv(F.struct(*fields), options)
