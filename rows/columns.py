"""The pipeline's own columns, once: what tables, jobs, queries and experiments call them.

A contract's columns never begin with `_` (contracts/authoring/values.py). The first four groups are
stored, so renaming one is a change of every table; those of staged rows live within a run.
"""

from __future__ import annotations

from contracts.headers import ORIGIN_HEADER
from contracts.naming import ARRIVAL_COLUMN

# Where a row of the processed or the quarantine table came from.
SOURCE_SHA256 = "_source_sha256"  # content hash of its file
SOURCE_FILE = "_source_file"
SOURCE_ROW = ORIGIN_HEADER  # number of its record in the file, from 1; corrections name it too
RECEIVED_AT = ARRIVAL_COLUMN
RUN_ID = "_run_id"
CONTRACT_VERSION = "_contract_version"

ORIGIN_OF = "_origin_of_"  # before the name of a column whose values may be of another file

# What the quarantine table says about a record.
RULE_IDS = "rule_ids"
REASONS = "reasons"
RAW_TEXT = "raw_text"
SUBJECT = "_subject"  # token of the person that the record is about
RESOLVED_BY = "resolved_by"
RESOLVED_AT = "resolved_at"

PLACE = (SOURCE_SHA256, SOURCE_ROW)  # identifies a record
ORDER = (RECEIVED_AT, SOURCE_SHA256, SOURCE_ROW)  # of two rows with one key the greater wins

# Staged rows: the verdict of a record, null where there is none, and its place while it is read.
STAGED_RULE_IDS = "_rule_ids"
STAGED_REASONS = "_reasons"
STAGED_RAW_TEXT = "_raw_text"
WARNINGS = "_warnings"
SPLIT_START = "_split_start"
SPLIT_ROW = "_split_row"
ROWS_BEFORE = "_rows_before"
ORIGIN_ROW = "_origin_row"  # of a corrected record: the number of the one that it corrects
DAMAGED = "_damaged"  # the row as written, where its number of fields is not the header's
IS_BROKEN = "_is_broken"  # whether the record is refused
IS_HEADER = "_is_header"  # whether the record is the header again, as joined files have it


def origin_name(name: str) -> str:
    """Column of the processed table that says which delivery the value of the contract column `name` is from."""
    return f"{ORIGIN_OF}{name}"


def text_name(name: str) -> str:
    """Column that holds the trimmed text of the contract column `name` beside its typed value."""
    return f"_text_{name}"


def kept_name(name: str) -> str:
    """Column that holds what is kept of the personal data in the contract column `name`."""
    return f"_kept_{name}"


def bare_name(name: str) -> str:
    """Column that holds the text of the personal data in the contract column `name`, without quotes around it."""
    return f"_bare_{name}"
