"""`python -m notebooks.execute [NOTEBOOK]`: run every cell and write the page build/<notebook>.html.

No server, no browser: a kernel in a process of its own, the cells in order, and the first error stops it. The notebook
itself stays as it is, without outputs. The page loads nothing from the network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

HERE = Path(__file__).parent
OUTPUT = Path("build")
KERNEL = "python3"  # of this Python, as ipykernel calls it
NOT_DESCRIBED = 'alt="No description has been provided for this image"'  # what nbconvert puts
CELL_TIMEOUT_SECONDS = (
    300  # an Athena query of an analyst takes seconds; a cell that hangs must not hang a build
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute and write; 1 when a cell failed, whose error is told."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebook", nargs="?", default="sales_analysis", choices=local())
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR")
    options = parser.parse_args(arguments)
    document = read(HERE / f"{options.notebook}.ipynb")
    total = sum(cell.cell_type == "code" for cell in document.cells)
    try:
        execute(document, on_cell=lambda number: print(f"cell {number} of {total}", flush=True))
    except CellExecutionError as error:
        print(f"{options.notebook}: {error.ename}: {error.evalue}", file=sys.stderr)
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    target = options.output / f"{options.notebook}.html"
    target.write_text(to_html(document), encoding="utf-8")
    print(f"written to {target}")
    return 0


def local() -> list[str]:
    """Names of the notebooks that run here; those for the kernel of Glue do not."""
    return [
        file.stem
        for file in sorted(HERE.glob("*.ipynb"))
        if read(file).metadata.kernelspec.name == KERNEL
    ]


def read(path: Path) -> Any:
    """A notebook in the current format."""
    return nbformat.read(path, as_version=4)


def execute(document: Any, *, on_cell: Callable[[int], None] = lambda _number: None) -> None:
    """Run every cell of `document` in a new kernel of this Python; outputs are put into the document.

    Raises CellExecutionError of the first cell that fails.
    """
    numbers = {
        id(cell): at
        for at, cell in enumerate((c for c in document.cells if c.cell_type == "code"), start=1)
    }

    def told(cell: Any, cell_index: int) -> None:
        del cell_index  # counts the texts, too
        if id(cell) in numbers:
            on_cell(numbers[id(cell)])

    client = NotebookClient(
        document, kernel_name=KERNEL, timeout=CELL_TIMEOUT_SECONDS, on_cell_start=told
    )
    client.create_kernel_manager().transport = "ipc"  # opens no port
    client.execute()


def to_html(document: Any) -> str:
    """The executed notebook as one page that loads nothing: formulas and widgets, which would, are not used here.

    Each picture gets the heading above it as alt text.
    """
    exporter = HTMLExporter(
        mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="", widget_renderer_url=""
    )
    page = str(exporter.from_notebook_node(document)[0])
    for heading in _headings_of_pictures(document):
        page = page.replace(NOT_DESCRIBED, f'alt="Chart: {escape(heading)}"', 1)
    return page


def _headings_of_pictures(document: Any) -> Iterator[str]:
    heading = ""
    for cell in document.cells:
        if cell.cell_type == "markdown":
            heading = next(
                (line.lstrip("# ") for line in cell.source.splitlines() if line.startswith("#")),
                heading,
            )
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield heading


if __name__ == "__main__":
    sys.exit(main())
