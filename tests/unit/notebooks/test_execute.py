"""How notebooks are executed: cells in order, the first error told, no kernel left, every picture described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebooks import execute

PICTURE = "import matplotlib.pyplot as plt\n_, axes = plt.subplots()\naxes.plot([1, 2])"


def document(*cells: str) -> Any:
    """A notebook of cells; those that begin with # are texts."""
    kinds = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    return nbformat.v4.new_notebook(cells=[kinds[not text.startswith("#")](text) for text in cells])


def test_pictures_are_described_by_the_heading_above_them_and_no_kernel_is_left() -> None:
    made = document(
        "# Sales <now>\n\nMore.", PICTURE, "## Costs", PICTURE, "import os\nprint(os.getpid())"
    )
    seen: list[int] = []
    execute.execute(made, on_cell=seen.append)
    page = execute.to_html(made)
    assert re.findall(r'<img alt="([^"]*)"', page) == ["Chart: Sales &lt;now&gt;", "Chart: Costs"]
    assert 'src="http' not in page
    assert seen == [1, 2, 3]
    assert not Path(f"/proc/{made.cells[-1].outputs[0].text.strip()}").exists()


def test_the_first_error_stops_it_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = document("print('before')", "raise ValueError('no data')", "print('after')")
    wrong.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(wrong, tmp_path / "wrong.ipynb")
    monkeypatch.setattr(execute, "HERE", tmp_path)
    assert execute.main(["wrong", "--output", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.err == "wrong: ValueError: no data\n"
    assert told.out.splitlines() == ["cell 1 of 3", "cell 2 of 3"]
    assert not (tmp_path / "wrong.html").exists()


@pytest.mark.parametrize("name", ["nope", "glue_dynamic_frame"])
def test_only_notebooks_that_run_here_can_be_named(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        execute.main([name])
    assert "'sales_analysis'" in capsys.readouterr().err
