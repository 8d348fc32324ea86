"""One pass over the raw records: text, typed values, and what is wrong with each.

Every record is kept, in the order and number in which it was read, so that all later figures can be checked against
this frame. Sentences and raw text are built only for rows that need them.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from contracts import model
from glue_jobs.quality import checks
from glue_jobs.transforms import parsing
from glue_jobs.transforms.layout import Layout

SOURCE, SPLIT_START, SPLIT_ROW = "_source_sha256", "_split_start", "_split_row"
RULE_IDS, REASONS, RAW_TEXT, WARNINGS = "_rule_ids", "_reasons", "_raw_text", "_warnings"


def parsed(raw: DataFrame, contract: model.Contract, layout: Layout) -> DataFrame:
    """Add the typed columns and their trimmed texts to a frame of text fields."""
    places = {name: F.col(field) for field, name in zip(layout.field_names, layout.columns, strict=True) if name}
    intact = F.col(checks.DAMAGED).isNull()
    texts = {
        checks.text_name(name): parsing.trimmed(F.when(intact, _one_break(place) if layout.has_quotes else place))
        for name, place in places.items()
    }
    filled = {name: parsing.present(F.col(name)) for name in texts}
    values = {column.name: parsing.value(column, F.col(checks.text_name(column.name))) for column in contract.columns}
    return raw.withColumns(texts).withColumns(filled).withColumns(values)


def checked(rows: DataFrame, contract: model.Contract, layout: Layout) -> DataFrame:
    """Replace texts and fields by the verdict: rule ids, reasons, raw text and warnings; null where there is none."""
    found = checks.of_contract(contract, len(layout.columns))
    refusing = [check for check in found if check.action != "warn"]
    warning = [check for check in found if check.action == "warn"]
    judged = rows.withColumns(
        {
            "_broken": F.when(checks.any_broken(refusing), checks.broken(refusing)),
            WARNINGS: F.when(checks.any_broken(warning), checks.broken(warning)["rule_id"]),
        }
    )
    written = F.coalesce(F.col(checks.DAMAGED), _as_csv(contract, layout))
    return judged.select(
        *(column.name for column in contract.columns),
        SOURCE,
        SPLIT_START,
        SPLIT_ROW,
        F.col("_broken")["rule_id"].alias(RULE_IDS),
        F.col("_broken")["reason"].alias(REASONS),
        F.when(F.col("_broken").isNotNull(), written).alias(RAW_TEXT),
        WARNINGS,
    )


def _one_break(text: Column) -> Column:
    """Line breaks inside a quoted field as \\n: Spark's reader changes them only where the file's own are CRLF."""
    return F.regexp_replace(text, "\r\n?", "\n")


def _as_csv(contract: model.Contract, layout: Layout) -> Column:
    """The record as a line of the same file: same fields, same order, quoted where needed."""
    options = {
        "sep": contract.intake.delimiter,
        "escape": '"',
        "ignoreLeadingWhiteSpace": "false",
        "ignoreTrailingWhiteSpace": "false",
    }
    return F.to_csv(F.struct(*layout.field_names), options)
