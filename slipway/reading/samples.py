"""Sample queries by name: sql/<engine>/<dataset>/<name>.sql, whose first line is a comment that describes it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contracts import model
from contracts.errors import PermanentError

Engine = Literal["athena", "redshift"]
SQL = Path(__file__).resolve().parents[2] / "sql"
A_NAME = re.compile(r"[\w./-]+")


class UnknownSample(PermanentError):
    """No sample query has this name, or several have it."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """`name` is <dataset>/<file>; `sql` names tables by zone, as `slipway query` takes them."""

    name: str
    description: str
    sql: str


def samples(engine: Engine, root: Path = SQL) -> tuple[Sample, ...]:
    """Every sample query of an engine, by dataset and name."""
    files = [
        file
        for dataset in model.datasets()
        for file in sorted((root / engine / dataset).glob("*.sql"))
    ]
    return tuple(_sample(file) for file in files)


def _sample(file: Path) -> Sample:
    text = file.read_text(encoding="utf-8").strip()
    for zone in ("raw", "processed", "curated"):
        text = text.replace(f"{{{zone}}}", zone)
    return Sample(
        name=f"{file.parent.name}/{file.stem}",
        description=text.partition("\n")[0].removeprefix("-- "),
        sql=text,
    )


def is_name(text: str) -> bool:
    """Whether this can only be the name of a sample query: every SELECT has a blank."""
    return A_NAME.fullmatch(text) is not None


def find(engine: Engine, name: str, root: Path = SQL) -> Sample:
    """The sample query `<dataset>/<name>`, or just `<name>` where one dataset has it.

    Raises UnknownSample with the names there are.
    """
    known = samples(engine, root)
    found = [sample for sample in known if name in (sample.name, sample.name.partition("/")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownSample(
            f"{name!r} is in several datasets: {', '.join(sample.name for sample in found)}"
        )
    close = difflib.get_close_matches(name, [sample.name for sample in known], n=1, cutoff=0.4)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    names = ", ".join(sample.name for sample in known) or "none"
    raise UnknownSample(
        f"no sample query for {engine} has the name {name!r}{meant} There are: {names}"
    )
