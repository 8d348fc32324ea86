"""How the command line looks and asks: one console, plain tables, figures to the right, a word before what is final."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.errors import PermanentError

PIPED_WIDTH = 140  # a log file has no width; without one, rich would fold tables at 80

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def table(
    title: str,
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[int] = (),
) -> None:
    """Print a table; `right` lists the columns that hold figures."""
    figures = set(right)
    view = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for position, header in enumerate(headers):
        is_figure = position in figures
        whole = is_figure or position == 0
        view.add_column(
            header, justify="right" if is_figure else "left", no_wrap=whole, overflow="fold"
        )
    for row in rows:
        view.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console.print(view)
    console.print()


class NotConfirmed(PermanentError):
    """Nobody agreed to what cannot be taken back."""


def counted(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def say(text: str) -> None:
    """Print a line exactly as it is; brackets in it are no markup."""
    console.print(escape(text), soft_wrap=True)


def warn(text: str) -> None:
    """Print a line to standard error, so that it is seen although the output is piped."""
    print(f"warning: {text}", file=sys.stderr)


def confirm(word: str, what: str, *, yes: bool) -> None:
    """Ask the operator to type `word` before `what` is done; `yes` stands for an answer given before.

    Raises NotConfirmed on any other answer, and when nobody is there to answer.
    """
    if yes:
        return
    try:
        answer = input(f"{what} Type {word!r} to go on: ")
    except EOFError as error:
        raise NotConfirmed(
            f"nobody answered, so nothing was done; type {word!r} when asked, or give --yes"
        ) from error
    if answer.strip() != word:
        raise NotConfirmed(f"{answer!r} is not {word!r}, so nothing was done")


class Stopwatch:
    """Seconds since it was made, printed before each line of progress."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """Print one line of progress with its time."""
        console.print(f"[dim]{self.seconds:6.1f} s[/dim]  {escape(text)}")
