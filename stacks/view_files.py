"""Views that a dataset brings along as files: sql/athena/<dataset>/views/<view>.sql, in Athena's dialect.

The catalog must know a view's columns and their types. They stand in the file itself, so that nothing has to guess what
Trino would make of a query: the first comment line describes the view, then one line `-- name type: description` per
column, in their order. `{processed}` and `{curated}` stand for the databases of the environment.
"""

from __future__ import annotations

import re
from pathlib import Path

from contracts import naming
from stacks.constructs.athena_view import View, ViewColumn

COLUMN = re.compile(
    r"-- (?P<name>[a-z][a-z0-9_]*) (?P<type>[a-z]+(\(\d+,\d+\))?): (?P<description>.+)"
)


def views_in(root: Path, dataset: str, environment: str) -> tuple[View, ...]:
    """The views of a dataset, by name; all are in the curated database.

    Raises ValueError, naming file and line, when a file does not describe its view and every column.
    """
    folder = root / "sql" / "athena" / dataset / "views"
    return tuple(_view(file, environment) for file in sorted(folder.glob("*.sql")))


def _view(file: Path, environment: str) -> View:
    lines = file.read_text(encoding="utf-8").strip().splitlines()
    length = next(
        (number for number, line in enumerate(lines) if not line.startswith("-- ")), len(lines)
    )
    if length < 2:
        raise ValueError(
            f"{file.name}:1: found {lines[:1]!r}; a view begins with a comment line that describes it, and one"
            " `-- name type: description` per column"
        )
    databases = {zone: naming.database(environment, zone) for zone in ("processed", "curated")}
    sql = "\n".join(lines[length:])
    for zone, database in databases.items():
        sql = sql.replace(f"{{{zone}}}", database)
    return View(
        name=file.stem,
        database=databases["curated"],
        description=lines[0].removeprefix("-- "),
        sql=sql,
        columns=tuple(_column(file, number, lines[number - 1]) for number in range(2, length + 1)),
    )


def _column(file: Path, number: int, line: str) -> ViewColumn:
    found = COLUMN.fullmatch(line)
    if not found:
        raise ValueError(
            f"{file.name}:{number}: found {line!r}; expected a column as `-- name type: description`"
        )
    return ViewColumn(name=found["name"], type=found["type"], description=found["description"])
