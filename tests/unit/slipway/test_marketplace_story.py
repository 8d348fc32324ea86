"""The story of the marketplace without a deployment: where it is told, and that it can fail."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas
import pytest

from contracts.errors import PermanentError
from sample_data import marketplace
from slipway import __main__ as command_line
from slipway.acting import example_project, marketplace_story
from slipway.commands import stories

FILES = marketplace.read(Path(__file__).parents[3] / "examples" / "marketplace" / "files")
SALES = "marketplace_sales"
COLUMNS = ("month_start", "product", "account", "orders", "order_lines", "units", "sales")
COMPILER = """
import pathlib, sys
here = pathlib.Path(__file__).parents[2]
print(*sorted(path.parent.name for path in here.glob("datasets/*/contract.yaml")))
sys.exit("contract.yaml:3: nobody knows this" if (here / "datasets" / "bad").exists() else 0)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a dataset, an example, what it shares, and what a copy does without."""
    texts = {
        "contracts/authoring/__main__.py": COMPILER,
        "datasets/own/contract.yaml": "",
        "examples/more/datasets/added/contract.yaml": "",
        "examples/more/marts/added_mart/mart.yaml": "",
        "examples/worse/datasets/bad/contract.yaml": "",
        "examples/worse/marts/bad_mart/mart.yaml": "",
        "tests/test_nothing.py": "",
        ".slipway/jars/one.jar": "",
        ".slipway/4711.log": "",
        "node_modules/tool": "",
    }
    for name, text in texts.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def test_the_copy_has_both_and_shares_what_is_large(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for _ in range(2):
        assert example_project.made(Path("examples/more"), copy, root=root) == copy
        (copy / "leftover").touch()
        (copy / ".slipway" / "assemblies").mkdir(exist_ok=True)
    example_project.made(Path("examples/more"), copy, root=root)
    assert {path.parent.name for path in copy.glob("datasets/*/*")} == {"own", "added"}
    assert (copy / "marts" / "added_mart" / "mart.yaml").is_file()
    assert (copy / "node_modules").resolve() == root / "node_modules"
    assert (copy / ".slipway" / "jars").resolve() == root / ".slipway" / "jars"
    assert (copy / ".slipway" / "assemblies").is_dir()
    assert not any((copy / name).exists() for name in ("tests", "leftover", ".slipway/4711.log"))


def test_mistakes_of_an_example_are_shown(root: Path, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"worse does not compile:\n.*\n.*nobody knows this"):
        example_project.made(Path("examples/worse"), tmp_path / "copy", root=root)


def test_the_code_of_the_copy_runs_and_has_no_other_state(
    root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", "elsewhere")
    (root / "asked.py").write_text(
        "import os, sys; print(os.environ.get('SLIPWAY_STATE'), sys.argv[1:])"
    )
    assert example_project.run(root, "asked", "a").returncode == 0
    assert capfd.readouterr().out == "None ['a']\n"


def test_a_project_without_the_datasets_tells_the_story_in_a_copy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(example_project, "made", lambda _example, into: into)
    monkeypatch.setattr(
        example_project, "run", lambda *words: asked.append(words) or SimpleNamespace(returncode=3)
    )
    words = ["demo", "--story", "marketplace", "--keep", "--engine", "duckdb"]
    assert command_line.main(words) == 3
    assert asked == [(Path(".slipway/marketplace"), "slipway", *words)]
    assert "slipway mart list" in capsys.readouterr().out


@pytest.fixture
def mart(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The rows of the mart of sales as Athena gives them; a test may change them."""
    rows: list[tuple[Any, ...]] = [*marketplace.sales(FILES)]
    columns = tuple(SimpleNamespace(name=name) for name in COLUMNS)
    monkeypatch.setattr(
        marketplace_story.marts, "load", lambda _name: SimpleNamespace(columns=columns)
    )
    monkeypatch.setattr(
        marketplace_story.lake,
        "query",
        lambda _deployment, _sql: pandas.DataFrame(rows, columns=COLUMNS),
    )
    runs = [{"outcome": "unchanged"}, {"outcome": "published", "detail": "1 period written"}]
    monkeypatch.setattr(
        marketplace_story.mart_runs, "one", lambda _deployment, _name: SimpleNamespace(runs=runs)
    )
    return rows


def compared() -> marketplace_story.Compared:
    nowhere: Any = None
    return marketplace_story._compared(nowhere, SALES, FILES)


def test_a_mart_that_is_what_the_files_say_differs_in_nothing(mart: list[tuple[Any, ...]]) -> None:
    found = compared()
    assert (found.rows, found.detail, found.differences) == (len(mart), "1 period written", ())


def test_a_mart_with_another_cent_differs(mart: list[tuple[Any, ...]]) -> None:
    *group, sales = mart[0]
    mart[0] = (*group, f"{float(sales) + 0.01:.2f}")
    files, lake = compared().differences
    assert (str(sales) in files, str(mart[0][-1]) in lake) == (True, True)
    assert files.startswith(f"{SALES}: 1 rows are only in the files, such as ")


@pytest.mark.parametrize(("difference", "code"), [((), 0), (("a cent",), 1)])
def test_the_command_says_what_does_not_agree(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    difference: tuple[str, ...],
    code: int,
) -> None:
    ending = marketplace_story.Compared(mart=SALES, rows=9, detail="d", differences=difference)
    finding = marketplace_story.Finding(
        dataset="orders", rule_id="r", rows_failed=2, rows_checked=9
    )
    stopped: list[bool] = []
    monkeypatch.setattr(marketplace_story, "is_told_here", lambda: True)
    monkeypatch.setattr(marketplace_story, "tell", lambda *_: [ending])
    monkeypatch.setattr(marketplace_story, "findings", lambda _deployment: [finding])
    monkeypatch.setattr(stories, "connect", lambda _environment: None)
    cloud = SimpleNamespace(stop=lambda: stopped.append(True))
    monkeypatch.setattr(stories.up, "bring_up", lambda *_: cloud)
    assert command_line.main(["demo", "--story", "marketplace"]) == code
    said = capsys.readouterr().out
    assert ("a cent" in said, "2 of 9" in said, stopped) == (bool(difference), True, [True])
