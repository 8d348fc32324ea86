"""`slipway query`: one SELECT, answered by Athena or by the warehouse."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contracts.errors import PermanentError
from slipway.console import console, counted, say
from slipway.deployment import connect
from slipway.reading import answers, lake, samples, warehouse
from slipway.reading.answers import Answer
from slipway.showing import terminal_table


def run(options: argparse.Namespace) -> int:
    """Print the answer as a table or as CSV, or write it to a file."""
    engine: samples.Engine = "redshift" if options.warehouse else "athena"
    if options.list:
        return _list(engine)
    sql = _sql(engine, options.sql)
    target = Path(options.output) if options.output else None
    if target:
        answers.check_target(target)
    deployment = lake.in_workgroup(connect(options.environment), options.workgroup)
    answer = warehouse.query(deployment, sql) if options.warehouse else lake.answer(deployment, sql)
    if target:
        answers.write(answer, target)
        say(f"{counted(len(answer.rows), 'row')} in {target}")
    elif options.format == "csv":
        sys.stdout.write(answers.to_csv(answer).decode())
    else:
        _show(answer, options.rows)
    return 0


def _list(engine: samples.Engine) -> int:
    known = samples.samples(engine)
    longest = max((len(sample.name) for sample in known), default=0)
    for sample in known:
        say(f"{sample.name:<{longest}}  {sample.description}")
    return 0


def _sql(engine: samples.Engine, text: str | None) -> str:
    if text is None:
        raise PermanentError(
            "give a SELECT, or the name of a sample query; `slipway query --list` shows them"
        )
    return samples.find(engine, text).sql if samples.is_name(text) else text


def _show(answer: Answer, limit: int) -> None:
    if not answer.columns:
        say("done; the statement has no rows to show")
        return
    rows = answer.rows[:limit] if limit > 0 else answer.rows
    laid_out = terminal_table.lay_out(
        Answer(columns=answer.columns, rows=rows), width=console.width
    )
    header, *lines = laid_out.lines
    console.print(header, style="bold", markup=False, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    for note in _notes(answer, len(rows), laid_out.left_out):
        console.print(note, style="dim", markup=False, soft_wrap=True)


def _notes(answer: Answer, rows: int, left_out: tuple[str, ...]) -> list[str]:
    notes = [counted(len(answer.rows), "row")]
    if rows < len(answer.rows):
        notes = [
            f"{rows:,} of {len(answer.rows):,} rows; --rows 0 shows all, --output FILE keeps all"
        ]
    if left_out:
        notes.append(
            f"no room for {counted(len(left_out), 'column')}: {', '.join(left_out)}; --output FILE keeps all"
        )
    return notes
