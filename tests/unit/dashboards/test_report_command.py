"""`slipway report`: which pages are written, where, and what is said."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from slipway import __main__ as command_line
from slipway.commands import report as command
from slipway.showing import report


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Path]]:
    """Two datasets with a dashboard, and what was written of them."""
    written: list[tuple[str, Path]] = []

    def write(_deployment: object, dataset: str, path: Path) -> Path:
        written.append((dataset, path))
        return path.resolve()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "connect", lambda environment: environment)
    monkeypatch.setattr(report, "write", write)
    monkeypatch.setattr(report, "with_dashboard", lambda: ("orders", "sales"))
    return written


def test_every_dataset_with_a_dashboard_gets_a_page_of_its_own(
    pages: list[tuple[str, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["report"]) == 0
    assert pages == [("orders", Path("report-orders.html")), ("sales", Path("report-sales.html"))]
    assert str(Path("report-sales.html").resolve()) in capsys.readouterr().out.replace("\n", "")


def test_one_output_for_several_datasets_is_refused_with_their_names(
    pages: list[tuple[str, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["report", "--output", "page.html"]) == 1
    assert pages == []
    assert "name one with --dataset: orders, sales" in capsys.readouterr().err


def test_the_page_is_opened_on_request(
    pages: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert (
        command_line.main(["report", "--dataset", "sales", "--output", "page.html", "--open"]) == 0
    )
    assert pages == [("sales", Path("page.html"))]
    assert opened == [Path("page.html").resolve().as_uri()]
