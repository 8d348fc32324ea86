"""How the command line looks: one console, plain tables, figures to the right."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

PIPED_WIDTH = 140  # a log file has no width; without one, rich would fold tables at 80

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> None:
    """Print a table; `right` lists the columns that hold figures."""
    figures = set(right)
    view = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for position, header in enumerate(headers):
        is_figure = position in figures
        whole = is_figure or position == 0
        view.add_column(header, justify="right" if is_figure else "left", no_wrap=whole, overflow="fold")
    for row in rows:
        view.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(view)
    console.print()


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
        console.print(f"[dim]{self.seconds:6.1f} s[/dim]  {text}")
