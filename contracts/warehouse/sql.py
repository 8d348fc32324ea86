"""The SQL files of a warehouse load, and how values get into them.

The files are the only source of the SQL and are read where they lie: below the root of the repository, and at the same
place in the asset of the function. A statement begins with a comment that says which file it comes from and which table
it is about, so that one that failed can be named from the database's own answer.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from contracts.errors import ContractInvalid, PermanentError

FOLDER = Path(__file__).resolve().parents[2] / "sql" / "redshift" / "load"
# Source: Redshift management guide, "Considerations when calling the Amazon Redshift Data API".
MOST_STATEMENT_BYTES = 100_000
_IDENTIFIER = re.compile(
    r"^[a-z][a-z0-9_]{0,126}$"
)  # at most 127 bytes (guide, "Names and identifiers")
_HEAD = re.compile(r"^/\* slipway (\w+)(?: (\w+))?(?: (\w+))? \*/")


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the comment of a statement says: the file it comes from, its table and mode (empty where there is none)."""

    kind: str
    table: str
    mode: str


def statement(kind: str, table: str = "", mode: str = "", /, **values: str) -> str:
    """The statement in the file `kind`, with its comment.

    Raises PermanentError when it is longer than the Data API takes.
    """
    words = " ".join(word for word in ("slipway", kind, table, mode) if word)
    filled = f"/* {words} */\n{text(kind, **values)}"
    if len(filled.encode()) > MOST_STATEMENT_BYTES:
        raise PermanentError(
            f"{kind} of {table} has more than {MOST_STATEMENT_BYTES} bytes, which the Data API refuses"
        )
    return filled


def text(kind: str, /, **values: str) -> str:
    """The file `kind` with its values; a value of several lines is indented as the line in which it stands."""
    lines = []
    for line in _template(kind).splitlines():
        indent = "\n" + line[: len(line) - len(line.lstrip())]
        lines.append(
            Template(line).substitute(
                {name: value.replace("\n", indent) for name, value in values.items()}
            )
        )
    return "\n".join(lines)


def head_of(statement_text: str) -> Head | None:
    """What the comment of a statement says; None for a statement that is not from here."""
    found = _HEAD.match(statement_text)
    return Head(kind=found[1], table=found[2] or "", mode=found[3] or "") if found else None


def identifier(name: str) -> str:
    """`name`, which may then stand in SQL. Raises ContractInvalid when it is none."""
    if not _IDENTIFIER.match(name):
        raise ContractInvalid(
            f"{name!r} is not a name for Redshift: a-z, 0-9 and _, from a letter, at most 127"
        )
    return name


def quoted(name: str) -> str:
    """An identifier in double quotes. Raises ContractInvalid when it is none."""
    return f'"{identifier(name)}"'


def literal(value: str) -> str:
    """A string literal. Redshift reads a backslash in it as an escape, as PostgreSQL 8 did."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


@functools.cache
def _template(kind: str) -> str:
    lines = (FOLDER / f"{kind}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
